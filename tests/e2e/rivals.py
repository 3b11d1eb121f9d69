#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Two tills redeem the same points at the same moment, round after round: one of them gets them, the other is
told insufficient_balance, and the account is never below zero. Two bridges on one hub, two clients of one
bridge, and one of each.

    rivals.py [--rounds N]     TEST_LONG: 1000 rounds"""

import argparse
import os
import sys
import threading

sys.path.insert(0, os.path.dirname(__file__))
from bridge import PATIENCE, Bridge, Refused
from hubs import Hub, Till
from tap import Tap

COST = 7
DAY = '2025-05-06'
PROGRAM = {
    'currency': 'EUR', 'time_zone': 'Europe/Paris', 'earning': {},
    'rewards': [{'id': 'euro', 'kind': 'amount', 'title': 'Un euro', 'cost_points': COST, 'value': 100}]}
LINE = {'no': 1, 'article': {'code': 'A'}, 'quantity': 1000, 'unit_price': 900, 'total': 900}
BASKET = {'lines': [LINE], 'total': 900}


class Rival(threading.Thread):
    """One cash desk. In every round it waits for the other, says its call, and says what became of it."""

    def __init__(self, till, name, customer, rounds, start, end):
        super().__init__(daemon=True)
        self.till, self.name, self.customer, self.rounds = till, name, customer, rounds
        self.start_line, self.end_line = start, end
        self.said, self.error = [], None

    def run(self):
        try:
            for i in range(self.rounds):
                method = ('reward.reserve', 'reward.deduct', 'reward.reserve')[i % 3]
                self.start_line.wait(4 * PATIENCE)
                self.said.append(self.redeem(method, i))
                self.end_line.wait(4 * PATIENCE)
        except BaseException as error:
            self.error = error
            self.start_line.abort()
            self.end_line.abort()

    def redeem(self, method, i):
        """"won" or the code of the refusal. What was won is committed at once, or given back."""
        name = f'{self.name}{i}'
        try:
            held = self.till.call(method, {'key': f'r-{name}', 'sale': name, 'customer': self.customer,
                                           'basket': BASKET, 'uses': [{'reward': 'euro'}]})
        except Refused as refused:
            return refused.code
        assert held['to_pay'] == 800, held
        if method == 'reward.reserve':
            self.till.call('passage.post', {
                'sale': name, 'business_day': DAY, 'occurred_at': f'{DAY}T10:00:00+02:00',
                'customer': self.customer, **BASKET, 'reservation': held['reservation'],
                'tenders': [{'kind': 'cash', 'amount': 800}]})
        return 'won'


def race(manager, one, two, rounds):
    """manager sees the account itself."""
    manager.call('program.replace', {'key': 'p', 'program': PROGRAM})
    customer = manager.call('customer.create', {'key': 'c', 'record': {'first_name': 'Zoé'}})['customer']['id']
    start, end = threading.Barrier(3), threading.Barrier(3)
    rivals = [Rival(till, name, customer, rounds, start, end) for till, name in ((one, 'A'), (two, 'B'))]
    for rival in rivals:
        rival.start()
    try:
        for i in range(rounds):
            manager.call('account.adjust', {'key': f'a{i}', 'customer': customer, 'unit': 'points', 'delta': COST,
                                            'reason': 'the next round'})
            start.wait(4 * PATIENCE)
            end.wait(4 * PATIENCE)
            got = sorted(rival.said[i] for rival in rivals)
            assert got == ['insufficient_balance', 'won'], f'round {i}: {got}'
            balances = manager.call('customer.lookup', {'id': customer})['balances']
            assert balances['points'] == balances['points_available'] == 0, f'round {i}: {balances}'
    except threading.BrokenBarrierError:
        pass
    for rival in rivals:
        rival.join(PATIENCE)
        if rival.error and not isinstance(rival.error, threading.BrokenBarrierError):
            raise rival.error
        assert len(rival.said) == rounds, f'{len(rival.said)} of {rounds} rounds'
    won = [rival.said.count('won') for rival in rivals]
    print(f'# {won[0]} to {won[1]}')
    seen, cursor = 0, {}
    while True:  # from the first entry on, never below zero
        page = manager.call('customer.history', {'id': customer, 'limit': 200, **cursor})
        seen += sum(entry['delta'] for entry in page['entries'] if entry['kind'] not in ('hold', 'release'))
        if 'cursor' not in page:
            break
        cursor = {'cursor': page['cursor']}
    assert seen == 0, f'the entries come to {seen}'
    assert manager.call('ledger.verify')['differences'] == []


def on_one_hub(rounds):
    with Hub() as hub:
        url = f'http://127.0.0.1:{hub.port}'
        with Till(hub, url, '2', deadline='20s') as a, Till(hub, url, '3', deadline='20s') as b, \
                hub.connect() as manager, a.connect() as one, b.connect() as two:
            race(manager, one, two, rounds)


def on_one_bridge(rounds):
    with Bridge() as bridge, bridge.connect() as manager, bridge.connect() as one, bridge.connect() as two:
        race(manager, one, two, rounds)


def near_and_far(rounds):
    with Hub() as hub, Till(hub, f'http://127.0.0.1:{hub.port}', deadline='20s') as a, \
            hub.connect() as manager, a.connect() as one, hub.connect() as two:
        race(manager, one, two, rounds)


def main():
    options = argparse.ArgumentParser()
    options.add_argument('--rounds', type=int, default=1000 if os.environ.get('TEST_LONG') else 20)
    rounds = options.parse_args().rounds
    tap = Tap()
    tap.run('two bridges on one hub', on_one_hub, rounds)
    tap.run('two clients of one bridge', on_one_bridge, rounds)
    tap.run('a bridge of the hub, and one of its own clients', near_and_far, rounds)
    tap.done()


if __name__ == '__main__':
    main()
