#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A sale from the till's printer to the hub's ledger: a reservation, its passage, the coupon and its print
job. The hub is ended, as by pulling the plug, at each of its calls that write, in turn, then the till at each
of its own; whoever fell is started again and the till goes on. The same with a disk that is full or broken for
a moment. After all of it each sale is in the hub's ledger once, nothing is held, no coupon can be spent twice,
and what was answered is answered again. One machine alone is kills.py's, a till without its hub cutoff.py's.

    chain.py [--who hub|till] [--every N] [--at N]     TEST_LONG: at every single call"""

import argparse
import datetime
import errno
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(__file__))
from bridge import PATIENCE, Gone, Refused
from hubs import Hub, Till
from kills import Killed, PROGRAM, basket, halves, history, look_at_papers, wait_for_prints
from line import Line
from net import BAD_LINE, wait_delivered
from paper import Paper, configuration
from tap import Tap

SHORT = 4  # calls that the short form disturbs, of each daemon in each of the two ways
DAY = '2025-05-06'


class Counted(Killed):
    """Hub or Till under Killed's harness, which is made last."""

    def prepare(self):
        self.record_path = os.path.join(self.folder, 'calls')
        with open(self.record_path, 'wb') as file:
            file.write(bytes(64))


class CountedHub(Counted, Hub):
    def __init__(self):
        Hub.__init__(self)
        self.prepare()


class CountedTill(Counted, Till):
    def __init__(self, hub, conf):
        Till.__init__(self, hub, f'http://127.0.0.1:{hub.port}', deadline='2s', conf=conf)
        self.prepare()


class Reviver(threading.Thread):
    """Starts a daemon again when it has fallen; ends when it has, or when it is told to."""

    def __init__(self, bridge):
        super().__init__(daemon=True)
        self.bridge, self.over, self.code, self.error = bridge, threading.Event(), None, None
        self.start()

    def run(self):
        process = self.bridge.process
        while self.code is None and not self.over.wait(0.01):
            self.code = process.poll()
        if self.code is None:
            return
        try:
            if self.code == -9:
                self.bridge.start()
        except BaseException as error:
            self.error = error

    def end(self):
        """Whether it fell."""
        self.over.set()
        self.join()
        if self.error:
            raise self.error
        assert self.code in (None, -9), f'ended with {self.code}:\n{self.bridge.log()}'
        return self.code is not None


class Story:
    def __init__(self):
        self.paper = Paper()
        self.hub = CountedHub().start()
        with self.hub.connect() as manager:
            manager.call('program.replace', {'key': 'program', 'program': PROGRAM})
        self.till = CountedTill(self.hub, configuration(self.paper))
        # a coupon that is delivered late is printed when the sale is of today
        self.now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec='seconds')
        self.answers = {}

    def close(self):
        self.till.remove()
        self.hub.remove()
        self.paper.close()

    # ---- what is said ----

    def say(self, till, name, method, params):
        """Until the hub has taken it; what was told before must be told again."""
        for _ in range(20):
            try:
                answer = till.call(method, params)
                break
            except Refused as refused:
                if refused.code not in BAD_LINE and not refused.data.get('retryable'):
                    raise
                till.call('events.subscribe', {'kinds': ['link']})
                while till.call('bridge.status')['link']['state'] != 'up':
                    till.event('link')
                wait_delivered(self.till)
        else:
            raise AssertionError(f'{name} is refused again and again')
        self.compare(name, answer)
        return answer

    def compare(self, name, answer):
        told = self.answers.setdefault(name, answer)
        for member in ('passage', 'reservation', 'job'):
            assert told.get(member) == answer.get(member), (name, told, answer)
        if 'customer' in told:
            assert told['customer']['id'] == answer['customer']['id'], (name, told, answer)
        if answer.get('state') == 'posted' and told.get('state') == 'posted':
            jobless = [{**a, 'coupons': [{k: c[k] for k in c if k != 'job'} for c in a['coupons']]}
                       for a in (told, answer)]
            assert jobless[0] == jobless[1], (name, told, answer)
        if answer.get('state') == 'posted':
            self.answers[name] = answer

    def sale(self, name, total, customer, paid, **more):
        return {'key': name, 'sale': name, 'occurred_at': self.now, 'customer': customer, **basket(total),
                'tenders': [{'kind': 'cash', 'amount': paid}], **more}

    def play(self):
        with self.till.connect() as till:
            customer = self.say(till, 'customer', 'customer.create', {
                'key': 'customer', 'draw_card': True,
                'record': {'first_name': 'Éléonore', 'last_name': 'Martin'}})['customer']['id']
            self.say(till, 'first', 'passage.post', self.sale('S1', 1000, customer, 1000))
            wait_delivered(self.till)
            held = self.say(till, 'held', 'reward.reserve', {
                'key': 'held', 'sale': 'S2', 'customer': customer, 'basket': basket(1200),
                'uses': [{'reward': 'three-euros'}]})
            self.say(till, 'second', 'passage.post', self.sale('S2', 1200, customer, 900,
                                                               reservation=held['reservation']))
            self.say(till, 'document', 'print.document', {
                'key': 'document', 'document': {'blocks': [{'text': 'Merci'}, {'cut': True}]}})
            wait_delivered(self.till)
            wait_for_prints(till)

    def wait_told(self, till):
        """The hub has heard which coupons are on paper; it is told when it can be."""
        end = time.monotonic() + PATIENCE
        for coupon in self.coupons():
            while ('job' in coupon and till.call('print.job', {'id': coupon['job']})['state'] != 'unknown' and
                   'printed_at' not in till.call('coupon.check', {'code': coupon['code']})):
                assert time.monotonic() < end, f'no printed_at of {coupon}\n{self.till.log()}'

    # ---- what must hold ----

    def coupons(self):
        return [coupon for name in ('first', 'second') for coupon in self.answers[name].get('coupons', [])]

    def look_at_books(self):
        customer = self.answers['customer']['customer']['id']
        with self.hub.connect() as manager:
            found = manager.call('passage.list', {'from': '2025-01-01', 'to': '2100-01-01'})['passages']
            kept = sorted((p['sale'], p['passage'], p['state']) for p in found)
            assert kept == [('S1', self.answers['first']['passage'], 'posted'),
                            ('S2', self.answers['second']['passage'], 'posted')], (kept, self.answers)
            seen = manager.call('customer.lookup', {'id': customer})
            assert seen['balances']['points'] == seen['balances']['points_available'] == 15, seen
            assert len(seen['coupons']) == 2, seen
            moves = [move for move in history(manager, customer) if move[1] not in ('hold', 'release')]
            assert moves == [('points', 'earn', 10), ('points', 'earn', 10), ('points', 'redeem', -5)], moves
        self.hub.verify()

    def look(self):
        self.play()  # by now all of it is posted
        assert [self.answers[name]['state'] for name in ('first', 'second')] == ['posted'] * 2, self.answers
        self.look_at_books()
        with self.till.connect() as till:
            self.wait_told(till)
            look_at_papers(till, self, self.paper)
            self.spend_twice(till)
        self.play()

    def spend_twice(self, till):
        """One of the coupons, on two sales: the second is refused."""
        customer = self.answers['customer']['customer']['id']
        use = {'customer': customer, 'basket': basket(1000), 'uses': [{'coupon': self.coupons()[0]['code']}]}
        held = till.call('reward.reserve', {'key': 'spend', 'sale': 'S8', **use})
        till.call('passage.post', self.sale('S8', 1000, customer, held['to_pay'],
                                            reservation=held['reservation']))
        refused = till.refusal('reward.reserve', {'key': 'again', 'sale': 'S9', **use})
        assert refused.code in ('coupon_used', 'reward_not_applicable'), refused


def with_story(function, *args):
    story = Story()
    try:
        return function(story, *args)
    finally:
        story.close()


def begin(story, who, **how):
    """Both are there, one of them counts."""
    story.hub.stop()
    try:
        if who == 'hub':
            story.hub.start_counting(**how)
        else:
            story.hub.start()
    except AssertionError:
        if story.hub.process.poll() not in (1, -9):
            raise
        story.hub.start()  # it said what is wrong and ended, or was ended
    try:
        if who == 'till':
            story.till.start_counting(**how)
        else:
            story.till.start()
    except AssertionError:
        if story.till.process.poll() not in (1, -9):
            raise
        story.till.start()


def undisturbed(story, who, error=0):
    """How many calls there are."""
    begin(story, who, error=error)
    story.play()
    victim = getattr(story, who)
    story.look_at_books()
    victim.stop()
    calls = victim.count()[0]
    victim.start()
    story.look()
    return calls


def fell(bridge):
    """Whether it was ended at its call; one that was not, this time, is ended here."""
    if bridge.process.poll() is None:
        bridge.process.terminate()
    code = bridge.process.wait(PATIENCE)
    bridge.process = None
    assert code in (0, -9), f'ended with {code}:\n{bridge.log()}'
    return code == -9


def killed(story, who, at, half):
    begin(story, who, at=at, half=half)
    victim = getattr(story, who)
    reviver = Reviver(victim) if who == 'hub' else None
    try:
        story.play()
    except (Gone, OSError):
        if reviver:
            raise
        victim.process.wait(PATIENCE)
    except AssertionError:
        if reviver or victim.process.poll() is None:
            raise
    finally:
        revived = reviver and reviver.end()
    if not revived:
        if not fell(victim):
            return  # this time there were a few calls fewer
        victim.start()
    story.look()
    for bridge in (story.till, story.hub):
        bridge.stop()


def failed(story, who, at, error, times):
    begin(story, who, at=at, error=error, times=times)
    story.play()
    story.look_at_books()
    for bridge in (story.till, story.hub):
        bridge.stop()
    story.hub.start()
    story.till.start()
    story.look()
    for bridge in (story.till, story.hub):
        bridge.stop()


def coupon_on_its_way():
    """The till is ended, as by its service, while it asks whose name stands on a coupon: it ends well, and the
    coupon is printed when it is back."""
    paper = Paper()
    with Hub() as hub:
        with hub.connect() as manager:
            manager.call('program.replace', {'key': 'program', 'program': PROGRAM})
            customer = manager.call('customer.create', {'key': 'c', 'record': {'first_name': 'Zoé'}})['customer']['id']
        stalled = threading.Event()

        def fault(path):
            if not path.endswith('customer.lookup'):
                return None
            stalled.set()
            return 'stall'

        line = Line(hub.port, fault)
        with Till(hub, f'http://127.0.0.1:{line.port}', deadline='20s', conf=configuration(paper)) as bridge:
            with bridge.connect() as till:
                now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec='seconds')
                till.ask('passage.post', {
                    'key': 'S1', 'sale': 'S1', 'occurred_at': now, 'customer': customer, **basket(1000),
                    'tenders': [{'kind': 'cash', 'amount': 1000}]})
                assert stalled.wait(PATIENCE), 'nobody asked for the name'
                bridge.stop()
            line.fault = lambda path: None
            bridge.start()
            with hub.connect() as manager, bridge.connect() as till:
                code = manager.call('customer.lookup', {'id': customer})['coupons'][0]['code']
                till.call('events.subscribe', {'kinds': ['job']})
                while not paper.copies(code, marked=False):
                    assert till.event('job')['state'] in ('queued', 'printing', 'sent', 'confirmed')
                wait_for_prints(till)
            assert paper.copies(code, marked=False) == 1
        line.close()
    paper.close()


def chosen(options, calls):
    if options.at:
        return [options.at]
    every = options.every or (1 if os.environ.get('TEST_LONG') else max(1, calls // SHORT))
    return range(1, calls + 1, every)


def main():
    options = argparse.ArgumentParser()
    options.add_argument('--who', choices=('hub', 'till'))
    options.add_argument('--every', type=int)
    options.add_argument('--at', type=int)
    options = options.parse_args()
    tap = Tap()
    tap.run('a till is ended with a coupon on its way', coupon_on_its_way)
    for who in (options.who,) if options.who else ('hub', 'till'):
        found = []
        tap.run(f'a {who} that nobody disturbs', lambda: found.append(with_story(undisturbed, who)))
        tap.run('the same, calls on files counted',
                lambda: found.append(with_story(undisturbed, who, errno.ENOSPC)))
        if len(found) < 2:
            continue
        for i, at in enumerate(chosen(options, found[0])):
            for half in halves(options, i):
                tap.run(f'the {who} ended at call {at} of {found[0]}' + ', half of it done' * half, with_story,
                        killed, who, at, half)
        for i, at in enumerate(chosen(options, found[1])):
            error = (errno.ENOSPC, errno.EIO)[i % 2]
            tap.run(f'{errno.errorcode[error]} of the {who} from call {at} of {found[1]}', with_story, failed,
                    who, at, error, 1 + i % 3)
    tap.done()


if __name__ == '__main__':
    main()
