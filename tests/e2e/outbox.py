#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a till says while the hub is away: it is kept, said to be kept, and delivered once, in order, when
the hub is back. A till's daemon and a hub's daemon, both real, and the line between them cut by stopping
the hub. Which answers the cache gives is proven elsewhere."""

import json
import os
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from bridge import PATIENCE, Bridge, Refused, program
from tap import Tap

DAY = '2025-05-06'
PROGRAM = {'currency': 'EUR', 'time_zone': 'Europe/Paris', 'earning': {'per_amount': {'points': 1, 'amount': 100}}}


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def tillctl(bridge, *words, code=0):
    done = subprocess.run([program('tillctl'), '--socket', bridge.path, *words], capture_output=True, text=True,
                          timeout=PATIENCE)
    assert done.returncode == code, f'tillctl {words}: {done.returncode} {done.stdout} {done.stderr}'
    return done.stdout


class Shop:
    """A hub and one till's bridge. The hub comes and goes; what it knows stays."""

    def __init__(self, deadline='2s', language='fr'):
        self.port = free_port()
        self.hub = Bridge(f'[http]\nlisten = 127.0.0.1:{self.port}\n', till='hub').start()
        token_file = os.path.join(self.hub.folder, 'token-2')
        with open(os.open(token_file, os.O_WRONLY | os.O_CREAT, 0o600), 'w') as file:
            file.write(tillctl(self.hub, 'pair', '2'))
        self.till = Bridge(f'language = {language}\n[loyalty]\nconnector = hub\ndeadline = {deadline}\n'
                           f'[hub]\nurl = http://127.0.0.1:{self.port}\ntoken_file = {token_file}\n')
        with self.hub.connect() as manager:
            manager.call('program.replace', {'key': 'p', 'program': PROGRAM})

    def __enter__(self):
        self.till.start()
        self.connection = self.till.connect()
        self.connection.call('events.subscribe', {'kinds': ['outbox', 'link']})
        self.wait_link('up')
        return self, self.connection

    def __exit__(self, kind, *_):
        try:
            if self.connection:
                self.connection.close()
            for bridge in (self.till, self.hub):
                if bridge.process:
                    bridge.stop(quietly=kind is not None)
        finally:
            self.till.remove()
            self.hub.remove()

    def status(self):
        return self.connection.call('bridge.status')

    def wait_link(self, state):
        while self.status()['link']['state'] != state:
            self.connection.event('link')

    def wait_depth(self, depth):
        while self.status()['outbox']['depth'] != depth:
            self.connection.event('outbox')

    def cut(self):
        self.hub.stop()

    def mend(self):
        self.hub.start()

    def restart_till(self, kill=False):
        self.connection.close()
        if kill:
            self.till.process.kill()
            self.till.process.wait()
            self.till.process = None
        else:
            self.till.stop()
        self.till.start()
        self.connection = self.till.connect()
        self.connection.call('events.subscribe', {'kinds': ['outbox', 'link']})
        return self.connection

    def in_ledger(self):
        with self.hub.connect() as manager:
            passages, cursor = [], {}
            while True:
                page = manager.call('passage.list', {'from': '2025-01-01', 'to': '2026-01-01', **cursor})
                passages += page['passages']
                if 'cursor' not in page:
                    return {p['sale']: p for p in passages}, len(passages)
                cursor = {'cursor': page['cursor']}

    def customer(self, name, key):
        return self.connection.call('customer.create', {'key': key, 'record': {'first_name': name}})['customer']['id']


def sale(number, customer=None, total=1000, **more):
    return {'sale': number, 'business_day': DAY, 'occurred_at': f'{DAY}T10:00:00+02:00',
            'lines': [{'no': 1, 'article': {'code': 'A'}, 'quantity': 1000, 'unit_price': total, 'total': total}],
            'total': total, 'tenders': [{'kind': 'cash', 'amount': total}],
            **({'customer': customer} if customer else {}), **more}


def queued_and_delivered():
    with Shop() as (shop, till):
        customer = shop.customer('Zoé', 'c')
        posted = till.call('passage.post', sale('S0', customer))
        assert posted['state'] == 'posted' and posted['earned']['points'] == 10, posted
        assert till.call('passage.post', sale('S0', customer)) == posted
        shop.cut()
        kept = {}
        for n in range(1, 8):
            answer = till.call('passage.post', sale(f'S{n}', customer if n % 2 else None))
            assert answer['state'] == 'queued' and answer['passage'].startswith('p_'), answer
            assert answer['reasons'] == ['offline'] and 'transmis plus tard' in answer['message'], answer
            assert till.call('passage.post', sale(f'S{n}', customer if n % 2 else None)) == answer
            kept[f'S{n}'] = answer['passage']
        assert len(set(kept.values())) == 7
        refused = till.refusal('passage.post', sale('S1', customer, total=999))
        assert refused.code == 'idempotency_conflict', refused
        status = shop.status()
        assert status['link']['state'] == 'down' and status['outbox']['depth'] == 7, status
        shop.mend()
        shop.wait_depth(0)
        passages, n = shop.in_ledger()
        assert n == 8 and {s: passages[s]['passage'] for s in kept} == kept, passages
        for n in range(1, 8):
            again = till.call('passage.post', sale(f'S{n}', customer if n % 2 else None))
            assert again['state'] == 'posted' and again['passage'] == kept[f'S{n}'], again
        assert till.call('customer.lookup', {'id': customer})['balances']['points'] == 50


def main():
    tap = Tap()
    for test in (queued_and_delivered,):
        tap.run(test.__name__.replace('_', ' '), test)
    tap.done()


if __name__ == '__main__':
    main()
