#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The daemon is ended, as by pulling the plug, at each of its calls that write, in turn, over a sale with
reservation, passage, coupon and its print job; then it is started again, everything is said again with
the keys it had, and what must hold is looked at: what was answered is there once and is answered the
same, points and holds add up, no coupon can be spent twice or is printed twice in silence. The same with
a disk that is full or broken for a moment: the daemon lives, says so, and goes on.

    kills.py [--every N] [--at N]     TEST_LONG: at every single call"""

import argparse
import errno
import json
import mmap
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from bridge import PATIENCE, Bridge, Gone, Refused, program
from paper import Paper, configuration
from tap import Tap

SHORT = 20  # calls that the short form disturbs, in each of the two ways
PROGRAM = {
    'currency': 'EUR', 'time_zone': 'Europe/Paris', 'earning': {'per_passage': 10},
    'rewards': [
        {'id': 'three-euros', 'kind': 'amount', 'title': 'Trois euros', 'cost_points': 5,
         'value': 300},
        {'id': 'tenth', 'kind': 'percent', 'title': 'Dix pour cent', 'bp': 1000}],
    'coupons': [{'id': 'each', 'reward': 'tenth', 'on': {'every_n_passages': 1},
                 'valid_days': 30}]}
DAY = '2025-05-06'


def basket(total):
    return {'lines': [{'no': 1, 'article': {'code': 'A', 'label': 'Article'}, 'quantity': 1000,
                       'unit_price': total, 'total': total}], 'total': total}


class Sale:
    """What is said to the daemon, each call with its key; answers are kept by name."""

    def __init__(self):
        self.answers = {}

    def steps(self):
        """(name, method, params) in order; params may need an answer from before."""
        yield 'program', 'program.replace', {'key': 'program', 'program': PROGRAM}
        yield 'customer', 'customer.create', {
            'key': 'customer', 'draw_card': True,
            'record': {'first_name': 'Éléonore', 'last_name': 'Martin'}}
        customer = self.answers['customer']['customer']['id']
        yield 'first', 'passage.post', {
            'key': 'first', 'sale': 'S1', 'business_day': DAY, 'customer': customer,
            'occurred_at': f'{DAY}T10:00:00+02:00', **basket(1000),
            'tenders': [{'kind': 'cash', 'amount': 1000}]}
        yield 'held', 'reward.reserve', {
            'key': 'held', 'sale': 'S2', 'customer': customer, 'basket': basket(1200),
            'uses': [{'reward': 'three-euros'}]}
        yield 'second', 'passage.post', {
            'key': 'second', 'sale': 'S2', 'business_day': DAY, 'customer': customer,
            'occurred_at': f'{DAY}T12:00:00+02:00', **basket(1200),
            'tenders': [{'kind': 'cash', 'amount': 900}],
            'reservation': self.answers['held']['reservation']}
        yield 'document', 'print.document', {
            'key': 'document', 'document': {'blocks': [{'text': 'Merci'}, {'cut': True}]}}

    def play(self, bridge, patience=1):
        """Says it all; an answer given before must be given again."""
        with bridge.connect() as till:
            for name, method, params in self.steps():
                answer = say(till, method, params, patience)
                if name in self.answers:
                    compare(name, self.answers[name], answer)
                self.answers[name] = answer
            wait_for_prints(till)

    def coupons(self):
        return [coupon for name in ('first', 'second')
                for coupon in self.answers[name]['coupons']]


refusals = []  # that say that they may pass


def say(till, method, params, patience):
    """A refusal that says it may pass is asked again, so many times."""
    while True:
        try:
            return till.call(method, params)
        except Refused as refused:
            refusals.append(refused)
            patience -= 1
            if patience == 0 or not refused.data.get('retryable'):
                raise


def compare(name, first, again):
    """The same answer; only a job that could not be journalled then may be there now."""
    bare = {**again, 'coupons': [
        {key: coupon[key] for key in coupon if key != 'job' or 'job' in told}
        for coupon, told in zip(again['coupons'], first['coupons'])]} if 'coupons' in again else again
    assert bare == first, (f'{name} is answered another time with {json.dumps(again)}, '
                           f'first with {json.dumps(first)}')


def wait_for_prints(till):
    """Until no job waits: each change of one is told."""
    till.call('events.subscribe', {'kinds': ['job']})
    while say(till, 'print.list', {}, 20)['jobs']:
        till.event('job')


def preload(name):
    """That library of ours for LD_PRELOAD, behind the sanitizer's, which must be the first."""
    said = subprocess.run(['ldd', program('tillbridged')], capture_output=True, text=True,
                          check=True).stdout
    return ':'.join(re.findall(r'=> (\S*/lib[at]san\.so\S*)', said) + [program(name)])


class Killed(Bridge):
    """A daemon that ends at its n-th call that writes."""

    def __init__(self, conf):
        super().__init__(conf)
        self.record_path = os.path.join(self.folder, 'calls')
        with open(self.record_path, 'wb') as file:
            file.write(bytes(64))

    def start_counting(self, at=0, half=False, error=0, times=1, reads=False):
        env = {'LD_PRELOAD': preload('libkill-points.so'), 'KILL_POINTS_FILE': self.record_path,
               'KILL_POINTS_AT': str(at), 'KILL_POINTS_HALF': str(int(half)),
               'KILL_POINTS_ERRNO': str(error), 'KILL_POINTS_FOR': str(times),
               'KILL_POINTS_READS': str(int(reads))}
        refusals.clear()
        return self.start(env=env)

    def look_at_log(self):
        """When a till was refused because of the disk, who looks after the daemon is told why."""
        assert not refusals or re.search(r'^<[0-4]>', self.log(), re.M), f'{refusals}, and it says nothing'

    def count(self):
        with open(self.record_path, 'rb') as file, \
                mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as record:
            return int.from_bytes(record[:8], 'little'), record[8:32].rstrip(b'\0').decode()


def with_bridge(function, *args):
    paper = Paper()
    bridge = Killed(configuration(paper))
    try:
        return function(bridge, paper, *args)
    finally:
        bridge.remove()
        paper.close()


def history(till, customer):
    entries, cursor = [], {}
    while True:
        page = till.call('customer.history', {'id': customer, **cursor})
        entries += [(entry['unit'], entry['kind'], entry['delta']) for entry in page['entries']]
        if 'cursor' not in page:
            return sorted(entries)
        cursor = {'cursor': page['cursor']}


def books(till, sale):
    """What the account comes to, without what is drawn anew each time."""
    customer = sale.answers['customer']['customer']['id']
    seen = till.call('customer.lookup', {'id': customer})
    till.call('ledger.verify')
    return {'points': seen['balances']['points'],
            'available': seen['balances']['points_available'],
            'passages': seen['balances']['passages'],
            'coupons': len(seen['coupons']),
            'history': history(till, customer)}


def look_at_papers(till, sale, paper):
    """A coupon is on paper once without the mark, or its job says that nobody knows."""
    for coupon in sale.coupons():
        code = coupon['code']
        plain = paper.copies(code, marked=False)
        assert plain <= 1, f'{plain} copies of one coupon, none marked'
        assert 'job' in coupon, f'an earned coupon has no job: {coupon}'
        state = till.call('print.job', {'id': coupon['job']})['state']
        assert state in ('confirmed', 'sent', 'unknown'), f'its job is {state}'
        if state != 'unknown':
            assert plain == 1, f'the job is {state}, and {plain} copies are on paper'
            assert 'printed_at' in till.call('coupon.check', {'code': code}), 'no printed_at'
        till.call('print.coupon', {'key': f'again-{code}', 'code': code})
    wait_for_prints(till)
    for coupon in sale.coupons():
        assert paper.copies(coupon['code'], marked=True) >= 1, 'a second copy is not marked'


def spend_twice(till, sale):
    """One of the coupons, on two sales: the second is refused."""
    customer = sale.answers['customer']['customer']['id']
    code = sale.coupons()[0]['code']
    use = {'customer': customer, 'basket': basket(1000), 'uses': [{'coupon': code}]}
    held = till.call('reward.reserve', {'key': 'spend', 'sale': 'S8', **use})
    till.call('passage.post', {
        'sale': 'S8', 'business_day': DAY, 'customer': customer, **basket(1000),
        'occurred_at': f'{DAY}T15:00:00+02:00', 'reservation': held['reservation'],
        'tenders': [{'kind': 'cash', 'amount': held['to_pay']}]})
    refused = till.refusal('reward.reserve', {'key': 'again', 'sale': 'S9', **use})
    assert refused.code in ('coupon_used', 'reward_not_applicable'), refused


def undisturbed(bridge, paper, error=0, reads=False):
    """How many calls there are, and what the books come to."""
    sale = Sale()
    bridge.start_counting(error=error, reads=reads)
    sale.play(bridge)
    with bridge.connect() as till:
        wanted = books(till, sale)
        for coupon in sale.coupons():
            assert paper.copies(coupon['code'], marked=False) == 1, 'a coupon is not on paper'
        look_at_papers(till, sale, paper)
    bridge.stop()
    return bridge.count()[0], wanted


def killed(bridge, paper, at, half, wanted):
    sale = Sale()
    try:
        bridge.start_counting(at, half)
        sale.play(bridge)
        bridge.process.terminate()
    except (Gone, OSError):
        pass
    except AssertionError:
        if bridge.process.poll() is None:
            raise
    code = bridge.process.wait(PATIENCE)
    bridge.process = None
    if code == 0:
        return  # this time there were a few calls fewer
    assert code == -9, f'ended with {code} at {bridge.count()}:\n{bridge.log()}'
    bridge.start()
    sale.play(bridge)
    with bridge.connect() as till:
        got = books(till, sale)
        assert got == wanted, f'the books are {got}, not {wanted}'
        look_at_papers(till, sale, paper)
        spend_twice(till, sale)
    sale.play(bridge)
    bridge.stop()


def failed(bridge, paper, at, error, times, wanted, reads=False):
    sale = Sale()
    try:
        bridge.start_counting(at, error=error, times=times, reads=reads)
    except AssertionError:
        if bridge.process.poll() != 1:
            raise
        assert re.search(r'^<[0-3]>', bridge.log(), re.M), f'it ended without a word:\n{bridge.log()}'
        bridge.start()  # it said what is wrong and ended: nothing has begun
    sale.play(bridge, patience=20)
    bridge.look_at_log()
    for _ in range(2):
        with bridge.connect() as till:
            got = books(till, sale)
            assert got == wanted, f'the books are {got}, not {wanted}'
        bridge.stop()
        bridge.start()
        sale.play(bridge)
    with bridge.connect() as till:
        look_at_papers(till, sale, paper)
        spend_twice(till, sale)
    bridge.stop()


def chosen(options, calls):
    if options.at:
        return [options.at]
    every = options.every or (1 if os.environ.get('TEST_LONG') else max(1, calls // SHORT))
    return range(1, calls + 1, every)


def halves(options, i):
    """Whether half of the call is done before the end: both when there is time, else in turns."""
    return (False, True) if options.at or os.environ.get('TEST_LONG') else (i % 2 == 1,)


def main():
    options = argparse.ArgumentParser()
    options.add_argument('--every', type=int)
    options.add_argument('--at', type=int)
    options = options.parse_args()
    tap = Tap()
    found = []
    tap.run('a sale that nobody disturbs', lambda: found.append(with_bridge(undisturbed)))
    tap.run('the same, calls on files counted',
            lambda: found.append(with_bridge(undisturbed, errno.ENOSPC)))
    tap.run('the same, reads counted', lambda: found.append(with_bridge(undisturbed, errno.EIO, True)))
    if len(found) == 3:
        (calls, wanted), (file_calls, _), (reads, _) = found
        for i, at in enumerate(chosen(options, calls)):
            for half in halves(options, i):
                tap.run(f'ended at call {at} of {calls}' + ', half of it done' * half, with_bridge, killed, at,
                        half, wanted)
        for i, at in enumerate(chosen(options, file_calls)):
            error = (errno.ENOSPC, errno.EIO)[i % 2]
            tap.run(f'{errno.errorcode[error]} from call {at} of {file_calls}', with_bridge, failed,
                    at, error, 1 + i % 3, wanted)
        for i, at in enumerate(chosen(options, reads)):
            tap.run(f'EIO from read {at} of {reads}', with_bridge, failed, at, errno.EIO, 1 + i % 3, wanted,
                    True)
    tap.done()


if __name__ == '__main__':
    main()
