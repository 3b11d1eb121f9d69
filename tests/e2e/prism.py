#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What somebody else's judge of OpenAPI says: Prism reads the document that the daemon writes, stands between a
client and the HTTP door, and must find nothing wrong with what goes either way; and what it would not let
through the door refuses as well. Needs Prism, from $PRISM, the PATH or build-prism/:

    npm install --prefix build-prism @stoplight/prism-cli

which ./tests/run does where there is npm."""

import http.client
import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from bridge import PATIENCE, ROOT, program
from bus import Listened
from hubs import Hub, free_port
from tap import Tap, skip_all

PROGRAM = {'currency': 'EUR', 'time_zone': 'Europe/Paris', 'earning': {'per_amount': {'points': 1, 'amount': 100}},
           'rewards': [{'id': 'euro', 'kind': 'amount', 'title': 'Un euro', 'cost_points': 5, 'value': 100},
                       {'id': 'tenth', 'kind': 'percent', 'title': 'Dix pour cent', 'bp': 1000, 'articles': ['A']}],
           'coupons': [{'id': 'hand', 'reward': 'tenth', 'on': {'by_hand': True}, 'valid_days': 30}],
           'offers': [{'id': 'may', 'title': 'Mai', 'from': '2025-05-01', 'to': '2025-06-01',
                       'gain': {'points': 3}}]}
LINE = {'no': 1, 'article': {'code': 'A', 'label': 'Café', 'ean': '3760000000017'}, 'quantity': 1000,
        'unit_price': 900, 'total': 900, 'vat_bp': 1000, 'flags': []}
BASKET = {'lines': [LINE], 'total': 900}
AT = '2025-05-06T10:00:00+02:00'


def find_prism():
    for path in (os.environ.get('PRISM'), shutil.which('prism'),
                 os.path.join(ROOT, 'build-prism', 'node_modules', '.bin', 'prism')):
        if path and os.access(path, os.X_OK):
            return path
    return None


class Judge:
    """Prism between us and the hub. With --errors it answers itself when anything breaks the document."""

    def __init__(self, prism, hub, folder):
        document = os.path.join(folder, 'openapi.json')
        with open(document, 'wb') as file:
            file.write(subprocess.run([program('tillbridged'), '--openapi'], stdout=subprocess.PIPE, check=True,
                                      env=hub.environment()).stdout)
        self.document, self.port = document, free_port()
        self.process = Listened([prism, 'proxy', document, f'http://127.0.0.1:{hub.port}', '--errors', '-h',
                                 '127.0.0.1', '-p', str(self.port)])
        while 'listening' not in self.process.wait_line(''):
            pass

    def ask(self, token, method, params, verb='POST'):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=PATIENCE)
        heads = {'Authorization': f'Bearer {token}'}
        if params is not None:
            heads['Content-Type'] = 'application/json'
        connection.request(verb, f'/v1/{method}', params if params is None else json.dumps(params), heads)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, json.loads(body) if body else {}


def is_judges_own(body):
    return 'stoplight.io/prism' in str(body.get('type'))


def good(judge, token):
    """Calls of every shape, each let through both ways."""
    told = {}

    def call(method, **params):
        status, body = judge.ask(token, method, params)
        assert not is_judges_own(body), f'{method}: the judge says {json.dumps(body)[:600]}'
        assert status == 200, f'{method}: {status} {body}'
        told[method] = body
        return body

    call('bridge.status')
    call('program.replace', key='p', program=PROGRAM)
    call('program.show')
    call('article.import', key='a', articles=[{'code': 'A', 'label': 'Café', 'points': 2, 'points_price': 50}])
    call('article.list')
    customer = call('customer.create', key='c', draw_card=True, record={
        'first_name': 'Zoé', 'phones': ['+33611223344'], 'emails': ['zoe@example.fr'], 'birthday': '1980-05-06',
        'consents': {'sms': {'granted': True, 'at': AT}}})['customer']
    call('customer.lookup', id=customer['id'])
    call('customer.search', text='zoe', limit=5)
    call('customer.update', key='u', id=customer['id'], revision=customer['revision'], record={'city': 'Lyon'})
    call('customer.compare', id=customer['id'], record={'first_name': 'Zoe', 'emails': ['ZOE@example.fr']})
    call('account.adjust', key='j', customer=customer['id'], unit='points', delta=20, reason='an opening gift')
    coupon = call('coupon.issue', key='i', rule='hand', customer=customer['id'])
    call('coupon.check', code=coupon['code'])
    call('reward.quote', sale='S1', customer=customer['id'], basket=BASKET, codes=[coupon['code']])
    held = call('reward.reserve', key='r', sale='S1', customer=customer['id'], basket=BASKET, uses=[{'reward': 'euro'}])
    call('passage.post', key='s', sale='S1', business_day='2025-05-06', occurred_at=AT, customer=customer['id'],
         **BASKET, reservation=held['reservation'], tenders=[{'kind': 'cash', 'amount': held['to_pay']}])
    # a newer till's paid sale: what is not known stands at any depth, in lines, articles and tenders
    newer = {**LINE, 'colour': 'red', 'article': {**LINE['article'], 'shelf': {'no': 4}}}
    posted = call('passage.post', sale='S2', business_day='2025-05-06', occurred_at=AT, lines=[newer], total=900,
                  tenders=[{'kind': 'cash', 'amount': 900, 'drawer': 2}], weather='fine')
    assert posted['state'] == 'posted' and posted['warnings'], posted
    call('passage.show', sale='S1', business_day='2025-05-06')
    call('passage.list', **{'from': '2025-05-06', 'to': '2025-05-07'})
    call('passage.reverse', key='v', sale='S1', business_day='2025-05-06', kind='return', lines=[{'no': 1}])
    call('customer.history', id=customer['id'])
    call('gift_card.create', key='g', amount=2000)
    call('gift_card.show', number=told['gift_card.create']['number'])
    call('report.summary', **{'from': '2025-05-01', 'to': '2025-06-01'})
    call('outbox.list')
    call('token.list')
    return customer['id']


def refusals(judge, token):
    """The hub's own errors are the problem+json that the document has."""
    for method, params, status in (('customer.lookup', {'card': 'nobody'}, 404), ('coupon.check', {'code': 'X'}, 404),
                                   ('passage.show', {'sale': 'nothing'}, 404)):
        got, body = judge.ask(token, method, params)
        assert not is_judges_own(body), f'{method}: the judge says {json.dumps(body)[:600]}'
        assert got == status and body['code'], (method, got, body)


def events(judge, hub, token):
    """The stream is in the document: the judge knows its path, its verb and what may be asked of it."""
    plain = Judge.__new__(Judge)
    plain.port = hub.port
    for query, verb, status in (('kinds=nothing', 'GET', (403, 422)), ('since=yesterday', 'GET', (400, 422)),
                                ('', 'POST', (405,))):
        got, body = judge.ask(token, f'events?{query}', None, verb)
        assert got in status, f'{verb} {query}: the judge lets it through, {got} {body}'
        got, body = plain.ask(token, f'events?{query}', None, verb)
        assert got in status, f'{verb} {query}: {got} {body}'
    got, body = judge.ask('nobody', 'events?kinds=link,outbox&since=0', None, 'GET')
    assert got == 401 and body['code'] == 'not_permitted', (got, body)


def both_refuse(judge, hub, token):
    """What breaks the document is refused by the door itself too: the document promises nothing else."""
    plain = Judge.__new__(Judge)
    plain.port = hub.port
    for method, params in (
            ('customer.lookup', {}), ('customer.lookup', {'cod': 'x'}), ('customer.lookup', {'card': 5}),
            ('customer.lookup', {'card': 'a', 'code': 'b'}), ('customer.create', {'record': {}}),
            ('customer.search', {'text': 'a', 'limit': 0}), ('customer.search', {'text': 'a', 'limit': 1.5}),
            ('reward.reserve', {'key': 'k', 'sale': 'S', 'basket': BASKET, 'uses': [{}]}),
            ('reward.reserve', {'key': 'k', 'sale': 'S', 'basket': dict(BASKET, zz=1), 'uses': [{'reward': 'r'}]}),
            ('account.adjust', {'key': 'k', 'customer': 'c', 'unit': 'stars', 'delta': 1, 'reason': 'r'}),
            ('customer.create', {'key': 'x' * 65, 'record': {}})):
        status, body = judge.ask(token, method, params)
        assert status in (400, 422), f'{method} {params}: the judge lets it through, {status} {body}'
        status, body = plain.ask(token, method, params)
        assert status == 400 and body['code'] == 'invalid_params', f'{method} {params}: {status} {body}'
        assert re.match(r'/', body['errors'][0]['pointer']) or body['errors'][0]['pointer'] == '', body


def main():
    prism = find_prism()
    if not prism:
        skip_all('no Prism here: npm install --prefix build-prism @stoplight/prism-cli')
    tap, hub = Tap(), Hub()
    with hub:
        with hub.connect() as manager:
            token = manager.call('token.create', {'till': '2', 'roles': ['manager', 'device']})['token']
        judge = Judge(prism, hub, hub.folder)
        try:
            tap.run('what goes through', good, judge, token)
            tap.run('refusals', refusals, judge, token)
            tap.run('the stream of events', events, judge, hub, token)
            tap.run('what does not', both_refuse, judge, hub, token)
        finally:
            judge.process.end()
    tap.done()


if __name__ == '__main__':
    main()
