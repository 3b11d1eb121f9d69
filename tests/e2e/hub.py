#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The HTTP door and the hub connector: one daemon keeps the account, another till's daemon calls it, and
both are spoken to as a till and as a page in a browser would. What a method does is proven elsewhere."""

import http.client
import json
import os
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from bridge import PATIENCE, Bridge, Refused, program
from tap import Tap

ORIGIN = 'https://caisse.example'


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Web:
    """A client of the door with one token."""

    def __init__(self, port, token):
        self.port, self.token = port, token

    def ask(self, path, body='{}', verb='POST', **headers):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=PATIENCE)
        heads = {name.replace('_', '-'): value for name, value in headers.items()}
        if self.token:
            heads.setdefault('Authorization', f'Bearer {self.token}')
        connection.request(verb, path, body if isinstance(body, (str, bytes)) else json.dumps(body), heads)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), json.loads(text) if text else None

    def call(self, method, params=None, status=200, **headers):
        got, _, body = self.ask(f'/v1/{method}', params or {}, **headers)
        assert got == status, f'{method}: {got} {body}, not {status}'
        return body


def pair(hub, *words):
    return subprocess.run([program('tillctl'), '--socket', hub.path, *words], capture_output=True, text=True,
                          timeout=PATIENCE, check=True).stdout


def hub_and_web():
    port = free_port()
    hub = Bridge(f'[http]\nlisten = 127.0.0.1:{port}\norigins = {ORIGIN}\n', till='hub').start()
    token = pair(hub, 'pair', '2').strip()
    assert '\n' not in token and len(token) > 40
    return hub, Web(port, token), port


def door(hub, web):
    assert web.call('bridge.status')['till'] == 'hub'
    assert Web(web.port, None).call('bridge.status', status=401)['code'] == 'not_permitted'
    assert Web(web.port, web.token + 'x').call('bridge.status', status=401)['code'] == 'not_permitted'
    assert web.call('bridge.nothing', status=404)['code'] == 'invalid_params'
    assert web.call('events.subscribe', {'kinds': ['scan']}, status=404)
    refused = web.call('customer.lookup', {'cod': 'x'}, status=400)
    assert {'pointer': '/cod', 'code': 'unknown'} in refused['errors'], refused
    assert web.call('program.show', status=403)['code'] == 'not_permitted'
    assert web.call('customer.lookup', {'card': '123'}, status=404)['code'] == 'customer_unknown'
    assert web.ask('/v1/bridge.status', '{')[0] == 400
    assert web.ask('/v1/bridge.status', '[1]')[0] == 400
    assert web.ask('/v1/bridge.status', b'\xff')[0] == 400
    assert web.ask('/v1/bridge.status', verb='GET')[0] == 405
    assert web.ask('/elsewhere')[0] == 404
    status, heads, body = web.ask('/v1/customer.lookup', {'card': '123'})
    assert heads['Content-Type'] == 'application/problem+json' and body['status'] == status


def too_large(hub, web):
    with socket.create_connection(('127.0.0.1', web.port), PATIENCE) as s:
        s.sendall(f'POST /v1/bridge.status HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {web.token}\r\n'
                  f'Content-Length: {(1 << 20) + 1}\r\n\r\n'.encode())
        assert s.recv(64).startswith(b'HTTP/1.1 413 ')
    with socket.create_connection(('127.0.0.1', web.port), PATIENCE) as s:
        s.sendall(b'POST /v1/bridge.status HTTP/1.1\r\nX: ' + b'x' * 100000)
        assert s.recv(64).startswith((b'HTTP/1.1 4', b''))


def origins(hub, web):
    status, heads, _ = web.ask('/v1/bridge.status', '', 'OPTIONS', Origin=ORIGIN,
                               Access_Control_Request_Private_Network='true')
    assert status == 204 and heads['Access-Control-Allow-Origin'] == ORIGIN, heads
    assert heads['Access-Control-Allow-Private-Network'] == 'true'
    assert web.ask('/v1/bridge.status', '', 'OPTIONS', Origin='https://evil.example')[0] == 403
    assert web.ask('/v1/bridge.status', Origin='https://evil.example')[0] == 403
    status, heads, _ = web.ask('/v1/bridge.status', Origin=ORIGIN)
    assert status == 200 and heads['Access-Control-Allow-Origin'] == ORIGIN
    assert '*' not in heads.values()


def keys(hub, web):
    record = {'record': {'first_name': 'Éléonore'}}
    first = web.call('customer.create', record, Idempotency_Key='"k1"')
    assert web.call('customer.create', record, Idempotency_Key='"k1"') == first
    other = {'record': {'first_name': 'Anne'}}
    assert web.call('customer.create', other, 422, Idempotency_Key='"k1"')['code'] == 'idempotency_conflict'
    assert web.call('customer.create', dict(other, key='k2'), 400, Idempotency_Key='"k3"')
    assert web.call('customer.create', other, 400)['errors'] == [{'pointer': '/key', 'code': 'missing'}]


def streams(hub, web):
    with hub.connect() as till:
        since = till.call('bridge.status')['events']['seq']
        connection = http.client.HTTPConnection('127.0.0.1', web.port, timeout=PATIENCE)
        connection.request('GET', '/v1/events?kinds=scan', headers={
            'Authorization': f'Bearer {web.token}', 'Last-Event-ID': str(since)})
        answer = connection.getresponse()
        assert answer.status == 200 and answer.getheader('Content-Type') == 'text/event-stream'
        assert answer.readline() == b':\n'
        seq = till.call('scan.submit', {'code': 'TB:NOBODY'})['seq']
        lines = []
        while not lines or lines[-1]:
            line = answer.readline().decode().rstrip('\n')
            if line and not line.startswith(':'):
                lines.append(line)
            elif lines:
                lines.append('')
        assert lines[0] == f'id: {seq}' and lines[1] == 'event: scan', lines
        assert json.loads(lines[2][len('data: '):])['code'] == 'TB:NOBODY'
        connection.close()
    assert web.ask('/v1/events?kinds=nothing', verb='GET')[0] in (400, 403)
    assert web.ask('/v1/events?since=x', verb='GET')[0] == 400


def tokens(hub, web):
    with hub.connect() as manager:
        spare = json.loads(pair(hub, '--json', 'pair', 'paris-9/7'))
        assert set(spare) == {'till', 'token'}
        listed = manager.call('token.list')['tokens']
        assert ('paris-9', '7') in [(t['site'], t['till']) for t in listed]
        assert spare['token'] not in json.dumps(listed)
        other = Web(web.port, spare['token'])
        assert other.call('bridge.status')
        manager.call('token.revoke', {'id': listed[-1]['id']})
        assert other.call('bridge.status', status=401)
        try:
            manager.call('token.revoke', {'id': listed[-1]['id']})
            raise AssertionError('revoked twice')
        except Refused as refused:
            assert refused.code == 'invalid_params'
    for name in os.listdir(hub.state):
        with open(os.path.join(hub.state, name), 'rb') as file:
            assert web.token.encode() not in file.read(), f'{name} holds a token'


def till_of(hub, web, till='2'):
    token_file = os.path.join(hub.folder, f'token-{till}')
    with open(os.open(token_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w') as file:
        file.write(web.token + '\n')
    return Bridge(f'[loyalty]\nconnector = hub\n[hub]\nurl = http://127.0.0.1:{web.port}\n'
                  f'token_file = {token_file}\n', till=till)


def a_sale_through_the_hub(hub, web):
    with hub.connect() as manager, till_of(hub, web) as bridge, bridge.connect() as till:
        manager.call('program.replace', {'key': 'p', 'program': {
            'currency': 'EUR', 'time_zone': 'Europe/Paris', 'earning': {'per_amount': {'points': 1, 'amount': 100}}}})
        created = till.call('customer.create', {'key': 'c', 'record': {'first_name': 'Zoé'}})
        customer = created['customer']['id']
        assert till.call('customer.create', {'key': 'c', 'record': {'first_name': 'Zoé'}}) == created
        line = {'no': 1, 'article': {'code': 'A'}, 'quantity': 1000, 'unit_price': 1000, 'total': 1000}
        posted = till.call('passage.post', {
            'sale': 'S1', 'occurred_at': '2025-05-06T10:00:00+02:00', 'customer': customer, 'lines': [line],
            'total': 1000, 'tenders': [{'kind': 'cash', 'amount': 1000}]})
        assert posted['state'] == 'posted' and posted['earned']['points'] == 10, posted
        assert till.call('customer.lookup', {'id': customer})['balances']['points'] == 10
        assert till.call('bridge.status')['link']['state'] == 'up'
        try:
            till.call('customer.lookup', {'card': 'nobody'})
            raise AssertionError('nobody was found')
        except Refused as refused:
            assert refused.code == 'customer_unknown' and refused.number == -32000
        shown = manager.call('passage.list', {'from': '2025-05-06', 'to': '2025-05-07'})
        assert [p['till'] for p in shown['passages']] == ['2'], shown


def another_tills_token(hub, web):
    with till_of(hub, web, till='3') as bridge, bridge.connect() as till:
        try:
            till.call('customer.lookup', {'card': 'nobody'})
            raise AssertionError('let in with another till\'s token')
        except Refused as refused:
            assert refused.code == 'not_permitted', refused


def no_hub(hub, web):
    gone = Web(free_port(), web.token)
    with till_of(hub, gone) as bridge, bridge.connect() as till:
        try:
            till.call('customer.lookup', {'card': 'nobody'})
            raise AssertionError('answered without a hub')
        except Refused as refused:
            assert refused.code == 'server_unreachable', refused
        assert till.call('bridge.status')['link']['state'] == 'down'


def open_to_the_world():
    bridge = Bridge(f'[http]\nlisten = 0.0.0.0:{free_port()}\n')
    try:
        bridge.start(wait=False)
        assert bridge.process.wait(PATIENCE) == 1
        assert 'loopback' in bridge.log(), bridge.log()
    finally:
        bridge.remove()


def over_tls():
    bridge = Bridge()
    cert, key = (os.path.join(bridge.folder, name) for name in ('cert.pem', 'key.pem'))
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                    '-days', '2', '-subj', '/CN=hub', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key,
                    '-out', cert], check=True, capture_output=True)
    os.chmod(key, 0o600)
    port = free_port()
    bridge.configure(f'[bridge]\nsite = lyon-1\ntill = hub\ncurrency = EUR\n[http]\nlisten = 127.0.0.1:{port}\n'
                     f'certificate = {cert}\nkey = {key}\n')
    with bridge as hub:
        web = Web(port, pair(hub, 'pair', '2').strip())
        token_file = os.path.join(hub.folder, 'token')
        with open(os.open(token_file, os.O_WRONLY | os.O_CREAT, 0o600), 'w') as file:
            file.write(web.token)
        conf = (f'[loyalty]\nconnector = hub\n[hub]\nurl = https://127.0.0.1:{port}\ntoken_file = {token_file}\n')
        with Bridge(conf + f'ca_file = {cert}\n') as till_bridge, till_bridge.connect() as till:
            assert till.call('customer.create', {'key': 'c', 'record': {'first_name': 'Zoé'}})
        with Bridge(conf) as till_bridge, till_bridge.connect() as till:
            try:
                till.call('customer.lookup', {'card': 'nobody'})
                raise AssertionError('a certificate nobody vouches for was trusted')
            except Refused as refused:
                assert refused.code == 'server_unreachable', refused


def named_by_its_subject_alone():
    """A certificate that says whose it is in no subjectAltName: its common name is not asked."""
    bridge = Bridge()
    cert, key = (os.path.join(bridge.folder, name) for name in ('cert.pem', 'key.pem'))
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                    '-days', '2', '-subj', '/CN=127.0.0.1', '-keyout', key, '-out', cert], check=True,
                   capture_output=True)
    os.chmod(key, 0o600)
    port = free_port()
    bridge.configure(f'[bridge]\nsite = lyon-1\ntill = hub\ncurrency = EUR\n[http]\nlisten = 127.0.0.1:{port}\n'
                     f'certificate = {cert}\nkey = {key}\n')
    with bridge as hub:
        token_file = os.path.join(hub.folder, 'token')
        with open(os.open(token_file, os.O_WRONLY | os.O_CREAT, 0o600), 'w') as file:
            file.write(pair(hub, 'pair', '2'))
        conf = (f'[loyalty]\nconnector = hub\n[hub]\nurl = https://127.0.0.1:{port}\ntoken_file = {token_file}\n'
                f'ca_file = {cert}\n')
        with Bridge(conf) as till_bridge, till_bridge.connect() as till:
            try:
                till.call('customer.lookup', {'card': 'nobody'})
                raise AssertionError('a common name was taken for the name')
            except Refused as refused:
                assert refused.code == 'server_unreachable', refused
            assert 'subjectAltName' in till_bridge.log(), till_bridge.log()


def main():
    tap = Tap()
    hub, web, _ = hub_and_web()
    try:
        for test in (door, too_large, origins, keys, streams, tokens, a_sale_through_the_hub,
                     another_tills_token, no_hub):
            tap.run(test.__name__.replace('_', ' '), test, hub, web)
        tap.run('the hub ends cleanly', hub.stop)
    finally:
        hub.remove()
    tap.run('open to the world', open_to_the_world)
    tap.run('over tls', over_tls)
    tap.run('named by its subject alone', named_by_its_subject_alone)
    tap.done()


if __name__ == '__main__':
    main()
