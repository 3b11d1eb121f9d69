#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The power goes while 64 sales are under way: of each file only what was synced is left. What was answered is
in the ledger once, under the id that was told; what was not may be there or not, and saying it again makes it
one. One machine alone; a till whose hub loses it, or which loses it itself, or both. An end that the disk's
cache outlives is kills.py's, cutoff.py's and chain.py's.

    power.py [--rounds N] [--seed N]     TEST_LONG: 100 rounds each"""

import argparse
import os
import random
import shutil
import sys

sys.path.insert(0, os.path.dirname(__file__))
from bridge import Bridge, Gone, Refused
from hubs import Hub, Till
from kills import preload
from net import DAY, open_shop, passages, wait_delivered
from tap import Tap

CLIENTS, EACH = 8, 8


class Powered(Bridge):
    """A daemon whose power can be cut."""

    def environment(self):
        env = super().environment()
        self.kept = os.path.join(self.folder, 'kept')
        os.makedirs(self.kept, exist_ok=True)
        self.fall_after(0)
        env.update(LD_PRELOAD=preload('libpower-cut.so'), POWER_CUT_DIR=self.kept,
                   POWER_CUT_FILE=os.path.join(self.folder, 'left'))
        return env

    def fall_after(self, syncs):
        """The last of so many is the end; 0: none is."""
        path = os.path.join(self.folder, 'left')
        with open(path, 'r+b' if os.path.exists(path) else 'wb') as file:
            file.write(syncs.to_bytes(8, 'little'))

    def fall(self):
        """If it has not fallen by itself."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def come_back(self):
        """With what was on the disk for sure."""
        shutil.rmtree(self.state)
        os.mkdir(self.state, 0o700)
        for name in os.listdir(self.kept):
            if not name.endswith('.young'):
                shutil.copy(os.path.join(self.kept, name), self.state)
                os.chmod(os.path.join(self.state, name), 0o600)
        self.start()


class PoweredHub(Powered, Hub):
    pass


class PoweredTill(Powered, Till):
    pass


def sale(name, customer):
    return {'key': name, 'sale': name, 'business_day': DAY, 'occurred_at': f'{DAY}T10:00:00+02:00',
            'customer': customer, 'total': 1000, 'tenders': [{'kind': 'cash', 'amount': 1000}],
            'lines': [{'no': 1, 'article': {'code': 'A'}, 'quantity': 1000, 'unit_price': 1000, 'total': 1000}]}


class Story:
    def __init__(self, hub, desk, seed):
        self.hub, self.desk = hub, desk  # desk: the bridge that the clients speak to; it may be the hub itself
        self.customers = open_shop(hub)
        self.random = random.Random(seed)
        self.asked, self.told = {}, {}

    def round(self, number, victims):
        """Clients say what they have to say, and somewhere among it the power goes."""
        tills = [self.desk.connect() for _ in range(CLIENTS)]
        under_way = []
        victims[0].fall_after(self.random.choice((1, 1, 2, 3, 5)))
        for i in range(EACH):
            for k, till in enumerate(tills):
                name = f'{number}-{k}-{i}'
                self.asked[name] = sale(name, self.customers[(i + k) % len(self.customers)])
                try:
                    under_way.append((till, till.ask('passage.post', self.asked[name]), name))
                except Gone:
                    pass
        for till, call, name in under_way:
            try:
                self.told[name] = till.answer(call)['passage']
            except Refused as refused:
                assert refused.data.get('retryable'), refused
            except Gone:
                pass
        for till in tills:
            till.close()
        for bridge in victims:
            bridge.fall()
        for bridge in self.random.sample(victims, len(victims)):
            bridge.come_back()

    def look(self):
        wait_delivered(self.desk)
        kept = {passage['sale']: passage['passage'] for passage in passages(self.hub)}
        lost = [name for name, passage in self.told.items() if kept.get(name) != passage]
        assert not lost, f'{len(lost)} of {len(self.told)} that were answered are lost: {lost[:5]}'
        print(f'# {len(self.asked)} sales, {len(self.told)} were answered, {len(kept)} are kept')
        with self.desk.connect() as till:
            for name, said in self.asked.items():
                passage = till.call('passage.post', said)['passage']
                assert self.told.setdefault(name, passage) == passage, (name, passage)
        wait_delivered(self.desk)
        found = [(passage['sale'], passage['passage']) for passage in passages(self.hub)]
        assert sorted(found) == sorted(self.told.items()), f'{len(found)} are kept, {len(self.told)} were told'
        self.hub.verify()


def one_machine(rounds, seed):
    with PoweredHub() as hub:
        story = Story(hub, hub, seed)
        for number in range(rounds):
            story.round(number, [hub])
        story.look()


def till_and_hub(rounds, seed):
    with PoweredHub() as hub, PoweredTill(hub, f'http://127.0.0.1:{hub.port}', deadline='2s') as till:
        story = Story(hub, till, seed)
        for number in range(rounds):
            story.round(number, ([till], [hub], [till, hub])[number % 3])
        story.look()


def main():
    long = bool(os.environ.get('TEST_LONG'))
    options = argparse.ArgumentParser()
    options.add_argument('--rounds', type=int, default=100 if long else 3)
    options.add_argument('--seed', type=int, default=1)
    options = options.parse_args()
    tap = Tap()
    tap.run('one machine', one_machine, options.rounds, options.seed)
    tap.run('a till and its hub', till_and_hub, options.rounds, options.seed)
    tap.done()


if __name__ == '__main__':
    main()
