#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A till that the hub does not let in: what has been paid waits, what is asked is not permitted, and all of
it goes when the till is paired again, without a restart. Two daemons; which calls a token may make is proven
elsewhere."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from bridge import PATIENCE, program
from hubs import Hub, Till
from tap import Tap

DAY = '2025-05-06'
PROGRAM = {'currency': 'EUR', 'time_zone': 'Europe/Paris', 'earning': {'per_amount': {'points': 1, 'amount': 100}},
           'rewards': [{'id': 'euro', 'kind': 'amount', 'title': 'Un euro', 'cost_points': 5, 'value': 100}],
           'offline_max_value': 1000}


def basket(total):
    return {'lines': [{'no': 1, 'article': {'code': 'A'}, 'quantity': 1000, 'unit_price': total, 'total': total}],
            'total': total}


def sale(number, customer=None, total=1000, **more):
    return {'sale': number, 'business_day': DAY, 'occurred_at': f'{DAY}T10:00:00+02:00', **basket(total),
            'tenders': [{'kind': 'cash', 'amount': total}], **({'customer': customer} if customer else {}), **more}


class Shop:
    """A hub and one till, whose token is revoked and made anew."""

    def __init__(self, till='2', deadline='10s'):
        self.name = till
        self.hub = Hub()
        self.hub.start()
        self.bridge = Till(self.hub, f'http://127.0.0.1:{self.hub.port}', till=till, deadline=deadline)
        with self.hub.connect() as manager:
            manager.call('program.replace', {'key': 'p', 'program': PROGRAM})

    def __enter__(self):
        self.bridge.start()
        self.connect()
        return self

    def __exit__(self, kind, *_):
        try:
            self.till.close()
            for bridge in (self.bridge, self.hub):
                if bridge.process:
                    bridge.stop(quietly=kind is not None)
        finally:
            self.bridge.remove()
            self.hub.remove()

    def connect(self):
        self.till = self.bridge.connect()
        self.till.call('events.subscribe', {'kinds': ['link', 'outbox']})

    def restart(self):
        self.till.close()
        self.bridge.stop()
        self.bridge.start()
        self.connect()

    def revoke(self):
        with self.hub.connect() as manager:
            for token in manager.call('token.list')['tokens']:
                manager.call('token.revoke', {'id': token['id']})

    def pair(self):
        """A new token in the same file, as an installer puts it there."""
        self.hub.token(self.name)

    def outbox(self):
        return self.till.call('bridge.status')['outbox']

    def wait_depth(self, depth):
        while self.outbox()['depth'] != depth:
            self.till.event('outbox')

    def tillctl(self, *words):
        return subprocess.run([program('tillctl'), '--socket', self.bridge.path, *words], capture_output=True,
                              text=True, timeout=PATIENCE, check=True).stdout

    def in_ledger(self):
        with self.hub.connect() as manager:
            page = manager.call('passage.list', {'from': '2025-01-01', 'to': '2100-01-01'})
            assert 'cursor' not in page
            return {p['sale']: p for p in page['passages']}, len(page['passages'])

    def customer(self):
        return self.till.call('customer.create', {'key': 'c', 'record': {'first_name': 'Zoé'}})['customer']['id']


def paid_sales_wait():
    with Shop() as shop:
        till, customer = shop.till, shop.customer()
        posted = till.call('passage.post', sale('S0', customer))
        assert posted['state'] == 'posted' and shop.outbox() == {'depth': 0, 'oldest_s': 0, 'refused': 0}
        shop.revoke()
        first = till.call('passage.post', sale('S1', customer))
        assert first['state'] == 'queued' and first['reasons'] == ['offline'] and 'plus tard' in first['message'], first
        assert till.call('passage.post', sale('S1', customer)) == first
        assert till.refusal('passage.post', sale('S1', customer, total=999)).code == 'idempotency_conflict'
        # behind it, and of nobody
        second, third = (till.call('passage.post', sale(n, c)) for n, c in (('S2', customer), ('S3', None)))
        assert {second['state'], third['state']} == {'queued'}, (second, third)
        # what was paid back, and an amount that comes later
        void = till.call('passage.reverse', {'key': 'v', 'sale': 'S0', 'business_day': DAY, 'kind': 'void', 'lines': []})
        assert void['state'] == 'queued' and void['passage'] == posted['passage'], void
        # what is asked, and what is used, only the hub can say
        for method, params in (('customer.lookup', {'id': customer}), ('passage.list', {'from': DAY, 'to': DAY}),
                               ('reward.quote', {'sale': 'S4', 'customer': customer, 'basket': basket(500), 'codes': []}),
                               ('reward.reserve', {'key': 'r', 'sale': 'S4', 'customer': customer,
                                                   'basket': basket(500), 'uses': [{'reward': 'euro'}]}),
                               ('reward.deduct', {'key': 'd', 'sale': 'S5', 'customer': customer,
                                                  'basket': basket(500), 'uses': [{'reward': 'euro'}]}),
                               ('customer.create', {'key': 'n', 'record': {'first_name': 'Ana'}})):
            refused = till.refusal(method, params)
            assert refused.code == 'not_permitted' and not refused.data['retryable'], (method, refused)
        items = till.call('outbox.list')['items']
        assert [(i['method'], i['state']) for i in items] == [
            ('passage.post', 'queued')] * 3 + [('passage.reverse', 'queued')], items
        assert items[0]['last_error'] == 'not_permitted' and items[0]['tries'] >= 1, items
        status = shop.outbox()
        assert status['depth'] == 4 and status['reason'] == 'not_permitted' and 'tillctl pair' in status['detail'], status
        assert till.call('bridge.status')['link']['state'] == 'up'
        said = shop.tillctl('status')
        assert 'not_permitted' in said and 'tillctl pair' in said, said
        said = shop.tillctl('outbox')
        assert 'not_permitted' in said and 'pair' in said, said
        assert till.refusal('outbox.settle', {'key': 's', 'id': items[0]['id'], 'reason': 'x'}).code == 'conflict'
        shop.restart()
        till = shop.till
        assert till.call('passage.post', sale('S1', customer)) == first
        assert shop.in_ledger()[1] == 1
        shop.pair()
        shop.wait_depth(0)
        assert 'reason' not in shop.outbox()
        passages, n = shop.in_ledger()
        assert n == 4 and {passages[s]['passage'] for s in ('S1', 'S2', 'S3')} == {
            a['passage'] for a in (first, second, third)}, passages
        final = till.call('passage.post', sale('S1', customer))
        assert final['state'] == 'posted' and final['passage'] == first['passage'], final
        assert till.call('customer.lookup', {'id': customer})['balances']['points'] == 20
        assert till.call('reward.deduct', {'key': 'd', 'sale': 'S5', 'customer': customer, 'basket': basket(500),
                                           'uses': [{'reward': 'euro'}]})['to_pay'] == 400
        assert till.call('outbox.list') == {'items': []}


def another_tills_token():
    """The token is of till 2, and the till calls itself 3."""
    shop = Shop(till='3')
    with open(shop.hub.token('2'), encoding='ascii') as file:
        others = file.read()
    path = os.path.join(shop.hub.folder, 'token-3')
    with open(path, 'w', encoding='ascii') as file:
        file.write(others)
    with shop:
        assert shop.till.refusal('customer.lookup', {'card': 'nobody'}).code == 'not_permitted'
        kept = shop.till.call('passage.post', sale('S1'))
        assert kept['state'] == 'queued' and shop.outbox()['reason'] == 'not_permitted', kept
        shop.pair()
        shop.wait_depth(0)
        assert shop.in_ledger()[0]['S1']['till'] == '3'


def a_new_token_counts_at_once():
    """The next call has it, whatever it is, also while others are under way with the old one."""
    with Shop() as shop:
        customer = shop.customer()
        for n in range(3):
            shop.revoke()
            # a file that is no token does no harm
            path = os.path.join(shop.hub.folder, 'token-2')
            with open(path, 'w', encoding='ascii') as file:
                file.write('two\nlines\n' if n == 1 else '')
            assert shop.till.refusal('customer.lookup', {'id': customer}).code == 'not_permitted'
            shop.pair()
            asked = [shop.till.ask('customer.lookup', {'id': customer}) for _ in range(20)]
            assert [shop.till.answer(a)['customer']['id'] for a in asked] == [customer] * 20
        # moved into its place
        shop.revoke()
        kept = shop.till.call('passage.post', sale('S1', customer))
        assert kept['state'] == 'queued', kept
        path = os.path.join(shop.hub.folder, 'token-2')
        os.rename(path, path + '-old')
        shop.pair()
        os.rename(path, path + '-new')
        os.rename(path + '-new', path)
        shop.wait_depth(0)


def main():
    tap = Tap()
    for test in (paid_sales_wait, another_tills_token, a_new_token_counts_at_once):
        if len(sys.argv) < 2 or test.__name__ in sys.argv[1:]:
            tap.run(test.__name__.replace('_', ' '), test)
    tap.done()


if __name__ == '__main__':
    main()
