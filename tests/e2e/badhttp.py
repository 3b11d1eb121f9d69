#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What comes at the HTTP door that should not: each thing gets the refusal that is written for it, as
problem+json wherever it is a request at all, and the daemon and everyone else go on. Valid calls are other
files' business."""

import hashlib
import json
import os
import select
import socket
import sqlite3
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(__file__))
from bridge import PATIENCE, Bridge, program
from bus import sanitizer_of
from tap import Tap

BODY_MAX = 1 << 20
HEAD_MAX = 32 * 1024
CONNECTIONS_MAX = 256
STREAMS_MAX = 64
REQUEST_S = 20
ORIGIN = 'https://caisse.example'


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def pair(hub, till):
    return subprocess.run([program('tillctl'), '--socket', hub.path, 'pair', till], capture_output=True,
                          text=True, timeout=PATIENCE, check=True).stdout.strip()


class Answer:
    def __init__(self, status, heads, body):
        self.status, self.heads, self.body = status, heads, body

    def json(self):
        return json.loads(self.body)


class Raw:
    """A TCP connection on which bytes are said as they are, and answers are taken apart by hand."""

    def __init__(self, port):
        self.socket = socket.create_connection(('127.0.0.1', port), PATIENCE)
        self.buffer = b''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        """False when the other side has closed."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def more(self):
        try:
            chunk = self.socket.recv(1 << 16)
        except ConnectionResetError:
            chunk = b''
        self.buffer += chunk
        return bool(chunk)

    def until(self, mark):
        while mark not in self.buffer:
            if not self.more():
                return None
        taken, self.buffer = self.buffer.split(mark, 1)
        return taken

    def answer(self, head=False):
        """The next answer, None at the end of the connection."""
        while True:
            said = self.until(b'\r\n\r\n')
            if said is None:
                return None
            lines = said.decode('latin-1').split('\r\n')
            status = int(lines[0].split()[1])
            if status != 100:
                break
        heads = {name.lower(): value.strip() for name, value in
                 (line.split(':', 1) for line in lines[1:])}
        size = 0 if head or status == 204 else int(heads.get('content-length', 0))
        while len(self.buffer) < size:
            assert self.more(), 'cut in its body'
        body, self.buffer = self.buffer[:size], self.buffer[size:]
        return Answer(status, heads, body)

    def closed(self):
        """Waits for the end; what still comes is thrown away."""
        while self.more():
            pass


class Door:
    def __init__(self, bridge, port, token):
        self.bridge, self.port, self.token = bridge, port, token

    def connect(self):
        return Raw(self.port)

    def head(self, *lines, path='/v1/bridge.status', verb='POST', token=None, version='1.1'):
        text = f'{verb} {path} HTTP/{version}\r\nHost: hub\r\n'
        if token != '':
            text += f'Authorization: Bearer {token or self.token}\r\n'
        return (text + ''.join(line + '\r\n' for line in lines) + '\r\n').encode('latin-1')

    def request(self, body=b'{}', *lines, **options):
        return self.head(f'Content-Length: {len(body)}', *lines, **options) + body

    def alive(self, raw=None):
        """A plain call is answered, on this connection if one is given."""
        with raw or self.connect() as raw:
            raw.send(self.request())
            answer = raw.answer()
            assert answer and answer.status == 200, answer and (answer.status, answer.body)

    def expect(self, data, status, code='invalid_params', **options):
        """Sends it on a connection of its own; the answer must be that problem."""
        with self.connect() as raw:
            raw.send(data)
            answer = raw.answer(**options)
            assert answer, f'no answer at all, {status} was expected: {data[:200]}'
            assert answer.status == status, f'{answer.status} {answer.body[:200]}, not {status}: {data[:200]}'
            if not options:
                is_problem(answer, code)
            return answer


def never_taken(door, pieces):
    """What is no request: it is refused, or nothing is said and the connection waits for the rest, and ends
    in its time. It is not taken for one."""
    held = []
    for data in pieces:
        raw = door.connect()
        raw.send(data)
        held.append((data, raw))
    door.alive()
    for data, raw in held:
        if select.select([raw.socket], [], [], 0)[0]:
            answer = raw.answer()
            assert answer is None or 400 <= answer.status < 600, (data, answer.status)
        raw.close()


def is_problem(answer, code):
    assert answer.heads.get('content-type') == 'application/problem+json', answer.heads
    problem = answer.json()
    assert problem['status'] == answer.status and problem['code'] == code, problem
    assert isinstance(problem['retryable'], bool) and problem['detail'] and problem['type'] and problem['title']
    assert answer.heads.get('cache-control') == 'no-store', answer.heads


def tokens(door):
    for token in ('x', door.token[:-1], door.token + 'A', door.token.upper(), 'x' * 4000):
        answer = door.expect(door.request(token=token), 401, 'not_permitted')
        assert answer.heads['www-authenticate'] == 'Bearer'
    for line in ('Authorization: Basic eDp5', 'Authorization: Bearer', 'Authorization: Bearer ',
                 f'Authorization: {door.token}', f'Authorization: Bearer {door.token} x',
                 f'X-Authorization: Bearer {door.token}'):
        door.expect(door.request(b'{}', line, token=''), 401, 'not_permitted')
    door.expect(door.request(token=''), 401, 'not_permitted')
    door.expect(door.request(b'{}', 'Authorization: Bearer x'), 400)  # two, one of them right
    # a token is looked at before anything that is asked for
    door.expect(door.request(path='/v1/no.such', token='x'), 401, 'not_permitted')
    door.expect(door.request(verb='DELETE', token='x'), 401, 'not_permitted')
    door.expect(door.head(f'Content-Length: {BODY_MAX * 8}', token='x'), 401, 'not_permitted')


def revoked(door):
    """On a connection that has been let in before, too."""
    token = pair(door.bridge, '9')
    with door.connect() as raw, door.bridge.connect() as manager:
        raw.send(door.request(token=token))
        assert raw.answer().status == 200
        number = [t['id'] for t in manager.call('token.list')['tokens'] if t['till'] == '9'][-1]
        manager.call('token.revoke', {'id': number})
        raw.send(door.request(token=token))
        is_problem(raw.answer(), 'not_permitted')
    door.expect(door.request(token=token), 401, 'not_permitted')


def only_hashes_are_kept(door):
    with sqlite3.connect(f'file:{door.bridge.state}/state.db?mode=ro', uri=True) as db:
        kept = [row[0] for row in db.execute('SELECT hash FROM tokens')]
    assert hashlib.sha256(door.token.encode()).digest() in kept, 'not a plain SHA-256 any more'
    assert all(len(kept) == 32 for kept in kept)
    assert door.token not in door.bridge.log()


def lengths(door):
    for line in ('Content-Length: -1', 'Content-Length: 2x', 'Content-Length: 0x2', 'Content-Length: ',
                 'Content-Length: 2, 2'):
        with door.connect() as raw:  # no request at all: libmicrohttpd says so in its own words, or nothing
            raw.send(door.head(line) + b'{}')
            answer = raw.answer()
            assert answer is None or 400 <= answer.status < 500, answer.status
    for lines in (('Content-Length: 2', 'Content-Length: 4'), ('Content-Length: 2', 'Transfer-Encoding: chunked'),
                  ('Transfer-Encoding: chunked', 'Content-Length: 2'),
                  ('Transfer-Encoding: gzip',), ('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')):
        door.expect(door.head(*lines) + b'{}', 400)
    door.expect(door.head(f'Content-Length: {BODY_MAX + 1}'), 413, 'too_large')
    door.expect(door.head('Content-Length: 18446744073709551615'), 413, 'too_large')
    with door.connect() as raw:  # exactly the limit is fine, and the connection stays
        raw.send(door.request(b'{}' + b' ' * (BODY_MAX - 2)))
        assert raw.answer().status == 200
        door.alive(raw)
    never_taken(door, [door.head('Content-Length: 100') + b'{}'] * 5)  # fewer bytes than said, then gone


def chunks(door):
    with door.connect() as raw:
        raw.send(door.head('Transfer-Encoding: chunked') + b'1;name=value\r\n{\r\n1\r\n}\r\n0\r\nTrailer: x\r\n\r\n')
        assert raw.answer().status == 200
    never_taken(door, [door.head('Transfer-Encoding: chunked') + nonsense for nonsense in (
        b'x\r\n{}\r\n', b'-2\r\n{}\r\n0\r\n\r\n', b'2\r\n{}0\r\n\r\n', b'ffffffffffffffffffff\r\n',
        b'0x2\r\n{}\r\n0\r\n\r\n')])
    before = door.bridge.memory()
    with door.connect() as raw:  # longer than any body may be, and it does not say so
        raw.send(door.head('Transfer-Encoding: chunked'))
        chunk = b'10000\r\n' + b' ' * 65536 + b'\r\n'
        for _ in range(64):
            if not raw.send(chunk):
                break
        raw.send(b'0\r\n\r\n')
        answer = raw.answer()
        assert answer is None or answer.status == 413, answer.status
    assert door.bridge.memory() < before + 12 * 1024, 'the body was kept'


def heads(door):
    for line in ('X: ' + 'x' * HEAD_MAX * 2, '\r\n'.join(f'X-{i}: y' for i in range(8000))):
        with door.connect() as raw:
            raw.send(door.head(line))
            answer = raw.answer()
            assert answer is None or answer.status in (400, 413, 431, 500), answer.status
    with door.connect() as raw:
        raw.send(b'POST /' + b'x' * HEAD_MAX * 2)
        answer = raw.answer()
        assert answer is None or answer.status in (400, 413, 414, 431), answer.status
    never_taken(door, (
        b'\r\n\r\n', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + bytes(500), b'GET\r\n\r\n', b'\xff' * 2000,
        b'POST /v1/bridge.status\r\n\r\n', b'{"jsonrpc":"2.0","id":1,"method":"bridge.status"}\n',
        b'POST /v1/bridge.status HTTP/1.1\r\n\r\n', b'POST /v1/bridge.status FTP/9\r\nHost: h\r\n\r\n',
        b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'))
    door.expect(door.request(b'{}', 'Host: other'), 400)
    door.expect(door.request(b'{}', 'Idempotency-Key: "' + 'k' * 65 + '"', path='/v1/customer.create'), 400)
    door.expect(door.request(b'{}', 'Idempotency-Key: ' + 'k' * 400, path='/v1/customer.create'), 400)
    door.expect(door.request(b'{}', 'Idempotency-Key: "a"b"', path='/v1/customer.create'), 400)


def verbs(door):
    for verb in ('GET', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'CONNECT', 'NONSENSE'):
        answer = door.expect(door.request(b'', verb=verb), 405)
        assert 'POST' in answer.heads['allow'] and 'GET' not in answer.heads['allow'], answer.heads
    answer = door.expect(door.request(path='/v1/events'), 405)
    assert 'GET' in answer.heads['allow'], answer.heads
    door.expect(door.request(b'', verb='HEAD'), 405, head=True)
    with door.connect() as raw:
        raw.send(door.head(verb='HEAD'))
        assert raw.answer(head=True).status == 405 and not raw.buffer
    for path in ('/', '/v1', '/v1/', '/v2/bridge.status', '/v1/bridge.status/', '/v1/../v1/bridge.status',
                 '/v1/bridge.status%00x', '/v1/' + 'x' * 300, '/v1/bridge', '/v1/coupon.unheard',
                 '/v1/events.subscribe', '/v1/device.claim', '/etc/passwd', '/v1/%2e%2e/'):
        door.expect(door.request(path=path), 404)


def bodies(door):
    def ask(body, status, code='invalid_params', path='/v1/customer.lookup'):
        return door.expect(door.request(body, path=path), status, code).json()
    for body in (b'{', b'hello', b'[1]', b'5', b'null', b'"x"', b'{"card":"\xff"}', b'{"card":1e400}', b'\0',
                 b'{"card":"a"}x', b'[' * 200000, b'{"a":' * 40 + b'1' + b'}' * 40, b'{"limit":9223372036854775808}'):
        ask(body, 400)
    for body, pointer in ((b'{"zz":1}', '/zz'), (b'{"card":"a","card":"b"}', '/card'), (b'{"card":5}', '/card'),
                          (b'{"card":null}', '/card'), (b'{"card":"a\\u0000b"}', '/card')):
        assert pointer in [e['pointer'] for e in ask(body, 400)['errors']], body
    ask(b'{"card":"x"}', 404, 'customer_unknown')
    ask(b'{}', 403, 'not_permitted', '/v1/program.show')
    # nothing of a person comes back in an error or goes into the log
    said = json.dumps(ask(b'{"phone":"+33611223344","zz":"Mireille"}', 400)) + door.bridge.log()
    assert '611223344' not in said and 'Mireille' not in said, said


def pages(door):
    """Origins, preflights, and never a wildcard."""
    ask = ('Access-Control-Request-Method: POST', 'Access-Control-Request-Headers: authorization, idempotency-key')
    with door.connect() as raw:
        raw.send(door.head(f'Origin: {ORIGIN}', *ask, 'Access-Control-Request-Private-Network: true',
                           verb='OPTIONS', token=''))
        answer = raw.answer()
        assert answer.status == 204 and not answer.body, answer.status
        assert answer.heads['access-control-allow-origin'] == ORIGIN
        assert answer.heads['access-control-allow-private-network'] == 'true'
        for name in ('Authorization', 'Idempotency-Key', 'Last-Event-ID', 'Content-Type'):
            assert name in answer.heads['access-control-allow-headers'], name
        assert 'Origin' in answer.heads['vary'] and '*' not in ''.join(answer.heads.values()), answer.heads
        raw.send(door.head(f'Origin: {ORIGIN}', *ask, verb='OPTIONS', token=''))  # on the same connection
        answer = raw.answer()
        assert answer.status == 204 and 'access-control-allow-private-network' not in answer.heads
        raw.send(door.request(b'{', f'Origin: {ORIGIN}'))  # the page may read its errors
        answer = raw.answer()
        assert answer.status == 400 and answer.heads['access-control-allow-origin'] == ORIGIN
    for origin in ('https://evil.example', 'null', ORIGIN + '.evil.example', ORIGIN + ':444', 'http://caisse.example',
                   'https://caisse.exampl', '*', '', ORIGIN.upper(), ORIGIN + ' https://evil.example'):
        for data in (door.head(f'Origin: {origin}', *ask, verb='OPTIONS', token=''),
                     door.request(b'{}', f'Origin: {origin}')):
            answer = door.expect(data, 403, 'not_permitted')
            assert 'access-control-allow-origin' not in answer.heads, answer.heads
    with door.connect() as raw:
        raw.send(door.request(b'{}', f'Origin: {ORIGIN}', token='x'))
        assert raw.answer().heads['access-control-allow-origin'] == ORIGIN
    with door.connect() as raw:  # no page at all: no word of it
        raw.send(door.request())
        assert not [name for name in raw.answer().heads if name.startswith('access-control')]


def pipelining(door):
    with door.connect() as raw:
        raw.send(b''.join(door.request(b'{"card":"%d"}' % i, path='/v1/customer.lookup') + door.request()
                          for i in range(100)))
        for _ in range(100):
            assert raw.answer().status == 404
            assert raw.answer().status == 200
    whole = door.request() + door.request(b'{', path='/v1/customer.lookup')
    with door.connect() as raw:
        for i in range(len(whole)):
            raw.send(whole[i:i + 1])
        assert raw.answer().status == 200
        assert raw.answer().status == 400
    with door.connect() as raw:
        raw.send(door.head('Expect: 100-continue', 'Content-Length: 2'))
        assert raw.until(b'\r\n\r\n').startswith(b'HTTP/1.1 100')
        raw.send(b'{}')
        assert raw.answer().status == 200
    with door.connect() as raw:
        raw.send(door.head('Connection: close', 'Content-Length: 2') + b'{}' + door.request())
        assert raw.answer().status == 200
        assert raw.answer() is None
    with door.connect() as raw:
        raw.send(door.head('Content-Length: 2', version='1.0') + b'{}')
        assert raw.answer().status == 200
        assert raw.answer() is None


def events(door):
    with door.bridge.connect() as till:
        since = till.call('bridge.status')['events']['seq']
        seqs = [till.call('scan.submit', {'code': f'TB:NOBODY{i}'})['seq'] for i in range(5)]
    for lines, path, first in ((('Last-Event-ID: %d' % since,), '/v1/events?kinds=scan', 0),
                               (('Last-Event-ID: %d' % seqs[2],), '/v1/events?kinds=scan&since=0', 3),
                               ((), '/v1/events?since=%d&kinds=scan' % seqs[0], 1)):
        with door.connect() as raw:
            raw.send(door.head(*lines, path=path, verb='GET'))
            head = raw.until(b'\r\n\r\n').decode()
            assert ' 200 ' in head.split('\r\n')[0] and 'text/event-stream' in head, head
            assert 'Content-Length' not in head, head
            for seq in seqs[first:]:
                assert raw.until(b'id: ') is not None
                assert raw.until(b'\n') == str(seq).encode()
    for line in ('Last-Event-ID: x', 'Last-Event-ID: -1', 'Last-Event-ID: 99999999999999999999', 'Last-Event-ID: 1 2',
                 'Last-Event-ID: '):
        door.expect(door.head(line, path='/v1/events', verb='GET'), 400)
    door.expect(door.head(path='/v1/events?since=', verb='GET'), 400)
    door.expect(door.head(path='/v1/events?kinds=' + 'x' * 1000, verb='GET'), 400)
    door.expect(door.head(path='/v1/events?kinds=nothing', verb='GET'), 403, 'not_permitted')
    door.expect(door.head(path='/v1/events', verb='GET', token='x'), 401, 'not_permitted')


def a_stream(door):
    """Those that were left behind make room as soon as somebody asks."""
    end = time.monotonic() + PATIENCE
    while True:
        raw = door.connect()
        raw.send(door.head(path='/v1/events', verb='GET'))
        if b' 200 ' in raw.until(b'\r\n\r\n'):
            return raw
        raw.close()
        assert time.monotonic() < end, 'no place becomes free'


def too_many_streams(door):
    streams = []
    try:
        for _ in range(STREAMS_MAX):
            streams.append(a_stream(door))
        door.expect(door.head(path='/v1/events', verb='GET'), 429, 'rate_limited')
        door.alive()
        streams.pop().close()
        streams.append(a_stream(door))  # a place freed is usable again
    finally:
        for raw in streams:
            raw.close()


def a_stream_nobody_reads(door):
    before = door.bridge.memory()
    with door.connect() as raw:
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.send(door.head(path='/v1/events?kinds=scan', verb='GET'))
        raw.until(b'\r\n\r\n')
        with door.bridge.connect() as till:
            for i in range(3000):
                till.call('scan.submit', {'code': f'NOBODY-{i:08d}-' + 'y' * 200})
        assert door.bridge.memory() < before + 8 * 1024, f'{door.bridge.memory()} kB, {before} before'
        door.alive()


def crowds(door):
    """Thousands of connections that say nothing or begin slowly: who asks properly is answered."""
    known = door.connect()
    known.send(door.request())
    assert known.answer().status == 200
    idle, before = [], door.bridge.memory()
    for i in range(3000):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(('127.0.0.1', door.port))
        idle.append(s)
        if i % 500 == 499:
            for slow in idle[-400:]:
                try:
                    slow.send(b'POST /v1/bridge.status HTTP/1.1\r\nHost: h\r\nX: ')
                except OSError:
                    pass
            door.alive()
        if len(idle) > 600:  # our own descriptors are not endless either
            idle.pop(0).close()
    held = [s for s in idle if not select.select([s], [], [], 0)[0]]
    assert len(held) <= CONNECTIONS_MAX + 128, f'{len(held)} connections stand'  # and the kernel's backlog
    assert door.bridge.descriptors() <= CONNECTIONS_MAX + 64, door.bridge.descriptors()
    limit = 256 if sanitizer_of(program('tillbridged')) else 64
    assert door.bridge.memory() < before + CONNECTIONS_MAX * limit, f'{door.bridge.memory()} kB, {before} before'
    known.send(door.request())  # one that has shown a token is not the first to go
    answer = known.answer()
    assert answer and answer.status == 200, 'a till that had been let in was shut out'
    for s in idle:
        s.close()
    known.close()
    door.alive()


def slow_loris(door, said):
    """A request that does not end is cut after its time, however lively: the first one of a connection, a
    later one, and a body. It takes its time beside the other tests."""
    def first(raw):
        return b'POST /v1/bridge.status HTTP/1.1\r\nHost: h\r\n', b'X: y\r\n'

    def body(raw):
        return door.head('Content-Length: 100000'), b' '

    def second(raw):
        raw.send(door.request())
        assert raw.answer().status == 200
        return body(raw)

    slow, begin = [], time.monotonic()
    for kind in (first, body, second):
        raw = door.connect()
        start, drop = kind(raw)
        raw.send(start)
        slow.append((raw, drop))
    while slow:
        for raw, drop in list(slow):
            if not raw.send(drop) or (select.select([raw.socket], [], [], 0.1)[0] and not raw.more()):
                slow.remove((raw, drop))
                raw.close()
        took = time.monotonic() - begin
        assert took < REQUEST_S + PATIENCE, f'{len(slow)} still stand after {took:.0f} s'
    said.append(took)


class Beside(threading.Thread):
    """A test that is begun now and looked at later."""

    def __init__(self, function, *args):
        super().__init__(daemon=True)
        self.function, self.args, self.error, self.said = function, args, None, []
        self.start()

    def run(self):
        try:
            self.function(*self.args, self.said)
        except BaseException as error:
            self.error = error

    def end(self):
        self.join()
        if self.error:
            raise self.error


def cut_in_time(door, loris):
    loris.end()
    assert loris.said[0] > REQUEST_S / 2, f'cut after {loris.said[0]:.1f} s already'
    door.alive()


def answers_nobody_reads(door):
    before, crowd = door.bridge.memory(), []
    for _ in range(20):
        raw = door.connect()
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.socket.setblocking(False)
        try:
            for _ in range(500):
                raw.socket.send(door.request())
        except OSError:
            pass
        crowd.append(raw)
    door.alive()
    assert door.bridge.memory() < before + 16 * 1024, f'{door.bridge.memory()} kB, {before} before'
    for raw in crowd:
        raw.close()


def gone_before_the_answer(door):
    for i in range(200):
        with door.connect() as raw:
            raw.send(door.request(b'{"key":"gone-%d","record":{"first_name":"Anne"}}' % i,
                                  path='/v1/customer.create'))
    door.alive()


def nothing_left(door, before):
    """Memory and descriptors are where they were."""
    descriptors, memory = before
    end = time.monotonic() + PATIENCE
    while door.bridge.descriptors() > descriptors and time.monotonic() < end:
        with door.bridge.connect() as till:  # what streams to nobody is told so
            till.call('scan.submit', {'code': 'TB:NOBODY'})
        door.alive()
    assert door.bridge.descriptors() <= descriptors + 1, f'{door.bridge.descriptors()}, {descriptors} before'
    allowed = 24 * 1024 if sanitizer_of(program('tillbridged')) else 3 * 1024
    assert door.bridge.memory() <= memory + allowed, f'{door.bridge.memory()} kB, {memory} before'


def main():
    tap, port = Tap(), free_port()
    hub = Bridge(f'[http]\nlisten = 127.0.0.1:{port}\norigins = https://other.example {ORIGIN}\n', till='hub')
    try:
        # a sanitizer keeps what was freed: here not much of it
        options = hub.environment()['ASAN_OPTIONS'] + ':quarantine_size_mb=1:thread_local_quarantine_size_kb=64'
        hub.start(env={'ASAN_OPTIONS': options})
        door = Door(hub, port, pair(hub, '2'))
        door.alive()
        before = hub.descriptors(), hub.memory()
        loris = Beside(slow_loris, door)
        for test in (tokens, revoked, only_hashes_are_kept, lengths, chunks, heads, verbs, bodies, pages, pipelining,
                     events, too_many_streams, a_stream_nobody_reads, answers_nobody_reads,
                     gone_before_the_answer):
            tap.run(test.__name__.replace('_', ' '), test, door)
        tap.run('slow loris', cut_in_time, door, loris)
        tap.run('crowds', crowds, door)
        tap.run('nothing left', nothing_left, door, before)
        tap.run('ends cleanly after all that', hub.stop)
    finally:
        hub.remove()
    tap.done()


if __name__ == '__main__':
    main()
