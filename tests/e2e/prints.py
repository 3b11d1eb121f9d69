#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Print jobs through the real daemon and its driver: answered when journalled, printed once, and what is
told of each when the paper ends, the line is cut, or the daemon is killed."""

import os
import signal
import sys

sys.path.insert(0, os.path.dirname(__file__))
from bridge import Bridge, Refused
from paper import NO_PAPER, WELL, Paper, configuration
from tap import Tap

PROGRAM = {'currency': 'EUR', 'time_zone': 'Europe/Paris', 'earning': {'per_passage': 1},
           'rewards': [{'id': 'tenth', 'kind': 'percent', 'title': 'Dix pour cent', 'bp': 1000}],
           'coupons': [{'id': 'gift', 'reward': 'tenth', 'on': {'by_hand': True},
                        'valid_days': 30}]}
ENDS = ('sent', 'confirmed', 'failed', 'unknown', 'cancelled')


class Shop:
    """A daemon with one printer and a till that hears of jobs."""

    def __init__(self, away=False):
        self.paper = Paper()
        self.bridge = Bridge(configuration(self.paper))
        if away:
            self.paper.close()
        self.till = None

    def __enter__(self):
        self.bridge.start()
        self.connect()
        self.till.call('program.replace', {'key': 'program', 'program': PROGRAM})
        return self

    def __exit__(self, kind, *rest):
        if self.till:
            self.till.close()
        self.bridge.__exit__(kind, *rest)
        self.paper.close()

    def connect(self, since=None):
        self.till = self.bridge.connect()
        params = {'kinds': ['job', 'printer']}
        if since is not None:
            params['since'] = since
        return self.till.call('events.subscribe', params)['seq']

    def kill(self):
        """As the wall switch does; the till comes back and hears what it missed."""
        seq = self.till.call('events.subscribe', {'kinds': ['job']})['seq']
        self.till.close()
        self.bridge.stop(signal.SIGKILL)
        self.bridge.start()
        self.connect(seq)

    def print(self, key, text='Bonjour'):
        return self.till.call('print.document', {
            'key': key, 'document': {'blocks': [{'text': text}, {'cut': True}]}})['job']

    def coupon(self):
        return self.till.call('coupon.issue', {'key': 'coupon', 'rule': 'gift'})['code']

    def states(self, job, *until):
        """What is told of the job, up to one of these."""
        told = []
        while True:
            event = self.till.event('job', lambda params: params['id'] == job)
            told.append(' '.join(event[key] for key in ('state', 'reason') if key in event))
            if event['state'] in (until or ENDS):
                return told

    def state(self, job):
        shown = self.till.call('print.job', {'id': job})
        return ' '.join(shown[key] for key in ('state', 'reason') if key in shown)


def printed_and_proved():
    with Shop() as shop:
        job = shop.print('k1')
        assert shop.states(job) == ['queued', 'printing', 'confirmed']
        assert shop.state(job) == 'confirmed'
        assert shop.print('k1') == job, 'one key, two jobs'
        try:
            shop.print('k1', 'Bonsoir')
            raise AssertionError('another body under the same key')
        except Refused as refused:
            assert refused.code == 'idempotency_conflict', refused
        shop.kill()
        assert shop.print('k1') == job, 'the key was forgotten'
        assert shop.states(shop.print('k2'))[-1] == 'confirmed'
        assert sum(b'Bonjour' in ticket for ticket in shop.paper.tickets()) == 2


def paper_out_then_killed():
    """Its first byte was not taken: it waits, through a kill, and is printed once, unmarked."""
    with Shop() as shop:
        code = shop.coupon()
        shop.paper.status = NO_PAPER
        job = shop.till.call('print.coupon', {'key': 'k', 'code': code})['job']
        assert shop.states(job, 'held')[-1] == 'held paper_out'
        shop.kill()
        assert 'held paper_out' in shop.states(job, 'held')
        assert 'printed_at' not in shop.till.call('coupon.check', {'code': code})
        shop.paper.status = WELL
        assert shop.states(job)[-1] == 'confirmed'
        assert (shop.paper.copies(code, False), shop.paper.copies(code, True)) == (1, 0)


def line_cut_in_the_middle():
    """Nobody knows: it is never sent again by itself, and the next copy says what it is."""
    with Shop() as shop:
        code = shop.coupon()
        assert shop.states(shop.print('k0'))[-1] == 'confirmed'
        shop.paper.hang_up_in(100)
        job = shop.till.call('print.coupon', {'key': 'k1', 'code': code})['job']
        assert shop.states(job)[-1] == 'unknown lost'
        assert shop.states(shop.print('k2'))[-1] == 'confirmed'
        assert shop.state(job) == 'unknown lost'
        job = shop.till.call('print.coupon', {'key': 'k3', 'code': code})['job']
        assert shop.states(job)[-1] == 'confirmed'
        assert (shop.paper.copies(code, False), shop.paper.copies(code, True)) == (0, 1)
        assert 'printed_at' in shop.till.call('coupon.check', {'code': code})


def printer_that_comes_later():
    """A configured printer that is away takes jobs, also over a kill, and prints them in order."""
    with Shop(away=True) as shop:
        jobs = [shop.print(f'k{i}', f'Ticket {i}.') for i in range(3)]
        shop.kill()
        cancelled = shop.till.call('print.cancel', {'id': jobs[1]})
        assert cancelled['state'] == 'cancelled', cancelled
        assert len(shop.till.call('print.list')['jobs']) == 2
        shop.paper = Paper(shop.paper.port)
        for job in (jobs[0], jobs[2]):
            assert shop.states(job)[-1] == 'confirmed'
        whole = b''.join(shop.paper.tickets())
        assert b'Ticket 1.' not in whole
        assert 0 <= whole.index(b'Ticket 0.') < whole.index(b'Ticket 2.')


def no_printer_at_all():
    with Bridge() as bridge, bridge.connect() as till:
        refused = till.refusal('print.document', {'key': 'k', 'document': {'blocks': []}})
        assert refused.code == 'printer_unavailable' and refused.data['retryable'], refused
        refused = till.refusal('print.document', {
            'key': 'k', 'printer': 'cellar', 'document': {'blocks': []}})
        assert refused.code == 'device_unknown', refused


def main():
    tap = Tap()
    for test in (printed_and_proved, paper_out_then_killed, line_cut_in_the_middle,
                 printer_that_comes_later, no_printer_at_all):
        tap.run(test.__name__.replace('_', ' '), test)
    tap.done()


if __name__ == '__main__':
    main()
