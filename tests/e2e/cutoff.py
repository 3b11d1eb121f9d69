#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A till without its hub is ended, as by pulling the plug, at each of its calls that write, in turn, while
effects are journalled, sent and confirmed; then it is started again and everything is said again with the keys
it had. What it had acknowledged is in the hub's ledger once, under the id that was told. The same with a disk
that is full or broken for a moment. The sale on one machine alone is kills.py's.

    cutoff.py [--every N] [--at N]     TEST_LONG: at every single call"""

import argparse
import errno
import os
import re
import sys

sys.path.insert(0, os.path.dirname(__file__))
from bridge import PATIENCE, Gone
from hubs import Hub, Till
from kills import Killed, halves, say
from line import Line
from net import DAY, POINTS, open_shop, passages, wait_delivered
from tap import Tap

SHORT = 10  # calls that the short form disturbs, in each of the two ways


class KilledTill(Killed, Till):
    """Till's configuration under Killed's harness."""

    def __init__(self, hub, url):
        Till.__init__(self, hub, url, deadline='2s')
        self.prepare()

    def prepare(self):
        self.record_path = os.path.join(self.folder, 'calls')
        with open(self.record_path, 'wb') as file:
            file.write(bytes(64))


def sale(name, customer, total):
    return {'key': name, 'sale': name, 'business_day': DAY, 'occurred_at': f'{DAY}T10:00:00+02:00',
            'customer': customer, 'total': total, 'tenders': [{'kind': 'cash', 'amount': total}],
            'lines': [{'no': 1, 'article': {'code': 'A'}, 'quantity': 1000, 'unit_price': total, 'total': total}]}


class Story:
    """With the line, without it, and with it again. Said twice, each answer must be of the same passage."""

    def __init__(self):
        self.hub = Hub().start()
        self.line = Line(self.hub.port)
        self.customers = open_shop(self.hub)
        self.till = KilledTill(self.hub, f'http://127.0.0.1:{self.line.port}')
        self.told = {}

    def close(self):
        self.till.remove()
        self.line.close()
        self.hub.remove()

    def post(self, till, name, patience):
        answer = say(till, 'passage.post', sale(name, self.customers[0], 1000 + len(name)), patience)
        assert answer['state'] in ('posted', 'queued'), answer
        assert self.told.setdefault(name, answer['passage']) == answer['passage'], (name, answer, self.told)

    def void(self, till, name, patience):
        say(till, 'passage.reverse', {'key': f'{name}-void', 'sale': name, 'business_day': DAY, 'kind': 'void'},
            patience)

    def play(self, patience=1):
        with self.till.connect() as till:
            say(till, 'customer.lookup', {'id': self.customers[0]}, patience)
            self.post(till, 'P1', patience)
            self.line.unplug()
            try:
                for name in ('P2', 'P3', 'P4'):
                    self.post(till, name, patience)
                self.void(till, 'P2', patience)
                made = say(till, 'customer.create', {'key': 'made', 'record': {'last_name': 'Durand'}}, patience)
                number = made['customer']['id']
                assert self.told.setdefault('made', number) == number, (made, self.told)
            finally:
                self.line.plug_in()
            self.post(till, 'P5', patience)
        wait_delivered(self.till)

    def look_at_books(self):
        found = {passage['sale']: passage for passage in passages(self.hub)}
        assert sorted(found) == ['P1', 'P2', 'P3', 'P4', 'P5'], sorted(found)
        assert len(passages(self.hub)) == 5, 'a sale is there twice'
        for name, passage in found.items():
            assert passage.get('passage', passage.get('id')) == self.told[name], (passage, self.told)
            assert (passage['state'] == 'reversed') == (name == 'P2'), passage
        with self.hub.connect() as manager:
            points = manager.call('customer.lookup', {'id': self.customers[0]})['balances']['points']
            assert points == 4 * POINTS, f'{points} points'
            made = manager.call('customer.search', {'text': 'Durand'})['customers']
            assert [customer['id'] for customer in made] == [self.told['made']], made
        self.hub.verify()


def with_story(function, *args):
    story = Story()
    try:
        return function(story, *args)
    finally:
        story.close()


def undisturbed(story, error=0, reads=False):
    """How many calls there are."""
    story.till.start_counting(error=error, reads=reads)
    story.play()
    story.look_at_books()
    story.till.stop()
    return story.till.count()[0]


def killed(story, at, half):
    till = story.till
    try:
        till.start_counting(at, half)
        story.play()
        till.process.terminate()
    except (Gone, OSError):
        pass
    except AssertionError:
        if till.process.poll() is None:
            raise
    code = till.process.wait(PATIENCE)
    till.process = None
    if code == 0:
        return  # this time there were a few calls fewer
    assert code == -9, f'ended with {code} at {till.count()}:\n{till.log()}'
    till.start()
    story.play()
    story.look_at_books()
    story.play()
    till.stop()


def failed(story, at, error, times, reads=False):
    till = story.till
    try:
        till.start_counting(at, error=error, times=times, reads=reads)
    except AssertionError:
        if till.process.poll() != 1:
            raise
        assert re.search(r'^<[0-3]>', till.log(), re.M), f'it ended without a word:\n{till.log()}'
        till.start()  # it said what is wrong and ended: nothing has begun
    story.play(patience=20)
    till.look_at_log()
    story.look_at_books()
    till.stop()
    till.start()
    story.play()
    story.look_at_books()
    till.stop()


def chosen(options, calls):
    if options.at:
        return [options.at]
    every = options.every or (1 if os.environ.get('TEST_LONG') else max(1, calls // SHORT))
    return range(1, calls + 1, every)


def main():
    options = argparse.ArgumentParser()
    options.add_argument('--every', type=int)
    options.add_argument('--at', type=int)
    options = options.parse_args()
    tap, found = Tap(), []
    tap.run('a till that nobody disturbs', lambda: found.append(with_story(undisturbed)))
    tap.run('the same, calls on files counted', lambda: found.append(with_story(undisturbed, errno.ENOSPC)))
    tap.run('the same, reads counted', lambda: found.append(with_story(undisturbed, errno.EIO, True)))
    if len(found) == 3:
        for i, at in enumerate(chosen(options, found[0])):
            for half in halves(options, i):
                tap.run(f'ended at call {at} of {found[0]}' + ', half of it done' * half, with_story, killed, at,
                        half)
        for i, at in enumerate(chosen(options, found[1])):
            error = (errno.ENOSPC, errno.EIO)[i % 2]
            tap.run(f'{errno.errorcode[error]} from call {at} of {found[1]}', with_story, failed, at, error,
                    1 + i % 3)
        for i, at in enumerate(chosen(options, found[2])):
            tap.run(f'EIO from read {at} of {found[2]}', with_story, failed, at, errno.EIO, 1 + i % 3, True)
    tap.done()


if __name__ == '__main__':
    main()
