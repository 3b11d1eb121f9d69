#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A shop's day in small: fifty calls a second by the socket, over HTTP and through a hub, clients that come and
go, a scanner and a printer that are pulled and plugged. Memory, descriptors and latency stay as they were.

    soak.py [--seconds N]     TEST_LONG: an hour; SOAK_S says otherwise"""

import argparse
import http.client
import json
import os
import statistics
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(__file__))
from bridge import PATIENCE, Refused, program
from bus import Wire, sanitizer_of
from hubs import Hub, Till
from paper import Paper, configuration
from tap import Tap

RATE = 50
WINDOWS = 10
QUEUE = 20  # jobs that wait for the printer
PAGE_CACHE_KB = 16384  # what the ledger keeps of its file in memory while there is work
DAY = '2025-05-06'
CUSTOMERS = 50
PROGRAM = {
    'currency': 'EUR', 'time_zone': 'Europe/Paris',
    'earning': {'per_passage': 1, 'per_amount': {'points': 1, 'amount': 100}},
    'rewards': [{'id': 'euro', 'kind': 'amount', 'title': 'Un euro', 'cost_points': 10, 'value': 100},
                {'id': 'tenth', 'kind': 'percent', 'title': 'Dix pour cent', 'bp': 1000}],
    'coupons': [{'id': 'fifth', 'reward': 'tenth', 'on': {'every_n_passages': 5}, 'valid_days': 30}]}


class Web:
    """One kept-alive connection of a page, made anew when the door has closed it."""

    def __init__(self, port, token):
        self.port, self.token, self.connection = port, token, None

    def call(self, method, params):
        if not self.connection:
            self.connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=PATIENCE)
        self.connection.request('POST', f'/v1/{method}', json.dumps(params),
                                {'Authorization': f'Bearer {self.token}'})
        answer = self.connection.getresponse()
        body = json.loads(answer.read())
        if answer.status != 200:
            raise Refused({'code': answer.status, 'data': body})
        return body

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


class Desk(threading.Thread):
    """One of the callers. Its pace is fixed: whoever is late does not slow it down, it only waits longer."""

    def __init__(self, name, connect, customers, rate, end):
        super().__init__(daemon=True)
        self.name, self.connect, self.customers, self.rate, self.end_s = name, connect, customers, rate, end
        self.took, self.error, self.calls = [], None, 0

    def run(self):
        pace = threading.Event()
        begin = time.monotonic()
        till = self.connect()
        try:
            while time.monotonic() < self.end_s:
                pace.wait(max(0, begin + self.calls / self.rate - time.monotonic()))
                if self.calls % 100 == 99:  # clients come and go
                    till.close()
                    till = self.connect()
                self.say(till, self.calls)
                self.calls += 1
        except BaseException as error:
            self.error = error
        till.close()

    def say(self, till, i):
        method, params = self.choose(i)
        begin = time.monotonic()
        try:
            till.call(method, params)
        except Refused as refused:
            assert refused.code in ('insufficient_balance', 'reward_not_applicable', 'server_unreachable',
                                    'printer_unavailable'), refused
        self.took.append((begin, time.monotonic() - begin))

    def choose(self, i):
        customer = self.customers[i * 7 % len(self.customers)]
        sale = f'{self.name}{i}'
        basket = {'lines': [{'no': 1, 'article': {'code': 'A'}, 'quantity': 1000, 'unit_price': 700 + i % 300,
                             'total': 700 + i % 300}], 'total': 700 + i % 300}
        kind = i % 8
        if kind in (0, 2, 5):
            return 'customer.lookup', {'id': customer}
        if kind == 1:
            return 'reward.quote', {'sale': sale, 'customer': customer, 'basket': basket, 'codes': []}
        if kind == 3:
            return 'reward.reserve', {'key': f'r{sale}', 'sale': sale, 'customer': customer, 'basket': basket,
                                      'uses': [{'reward': 'euro'}]}
        if kind == 7:
            return 'customer.search', {'text': f'Martin-{i % CUSTOMERS}'}
        return 'passage.post', {'key': sale, 'sale': sale, 'business_day': DAY, 'customer': customer,
                                'occurred_at': f'{DAY}T10:00:00+02:00', **basket,
                                'tenders': [{'kind': 'cash', 'amount': basket['total']}]}


class Counter(threading.Thread):
    """The hardware: scans and prints, and it is pulled and plugged all the time."""

    def __init__(self, bridge, scanner, paper, end):
        super().__init__(daemon=True)
        self.bridge, self.scanner, self.paper, self.end_s = bridge, scanner, paper, end
        self.error, self.turns, self.scans, self.printed = None, 0, 0, 0

    def run(self):
        pace, begin = threading.Event(), time.monotonic()
        try:
            with self.bridge.connect() as till:
                till.call('events.subscribe', {'kinds': ['scan', 'device', 'job']})
                while time.monotonic() < self.end_s:
                    pace.wait(max(0, begin + self.turns * 0.5 - time.monotonic()))
                    self.turn(till, self.turns)
                    self.turns += 1
        except BaseException as error:
            self.error = error

    def turn(self, till, i):
        try:
            self.scanner.send(b'TB:NOBODY\r')
        except BlockingIOError:
            pass  # nobody listens: it is lost, as on a counter
        if i % 4 == 1 and len(till.call('print.list')['jobs']) < QUEUE:  # nobody prints on and on without paper
            till.call('print.document', {'key': f'd{i}', 'document': {'blocks': [{'text': f'Ticket {i}'},
                                                                                 {'cut': True}]}})
        if i % 6 == 4:
            self.scanner.pull()
            self.scanner.plug()
            os.set_blocking(self.scanner.master, False)
        if i % 10 == 5:
            self.paper.close()
        if i % 10 == 8:
            self.paper = Paper(self.paper.port)
        self.paper.papers[:-1] = []  # nobody reads them
        self.scans += sum(event['method'] == 'scan' for event in till.events)
        self.printed += sum(event['method'] == 'job' and event['params'].get('state') in ('sent', 'confirmed')
                            for event in till.events)
        till.events.clear()


def soak(seconds):
    paper = Paper()
    hub = Hub()
    link = os.path.join(hub.folder, 'scanner')
    scanner = Wire(link)
    os.set_blocking(scanner.master, False)
    with open(hub.conf, 'a', encoding='utf-8') as file:
        file.write(configuration(paper) + f'[device counter]\ndriver = scanner-serial\naddress = pty:{link}\n'
                   'terminator = cr\ndebounce = 0s\n')
    with hub, Till(hub, f'http://127.0.0.1:{hub.port}', deadline='20s') as far:
        with hub.connect() as manager:
            manager.call('program.replace', {'key': 'p', 'program': PROGRAM})
            customers = [manager.call('customer.create', {'key': f'c{i}', 'record': {'last_name': f'Martin-{i}'}})
                         ['customer']['id'] for i in range(CUSTOMERS)]
        with open(hub.token('9'), encoding='ascii') as file:
            token = file.read().strip()
        begin = time.monotonic()
        end = begin + seconds
        desks = [Desk('A', hub.connect, customers, RATE * 0.3, end), Desk('B', hub.connect, customers, RATE * 0.2, end),
                 Desk('W', lambda: Web(hub.port, token), customers, RATE * 0.2, end),
                 Desk('F', far.connect, customers, RATE * 0.3, end)]
        counter = Counter(hub, scanner, paper, end)
        for thread in desks + [counter]:
            thread.start()
        samples = watch(desks + [counter], (hub, far), begin, seconds)
        for thread in desks + [counter]:
            while thread.is_alive() and not any(t.error for t in desks + [counter]):
                thread.join(0.2)
        for thread in desks + [counter]:
            if thread.error:
                print(f'# after {time.monotonic() - begin:.0f} s\n# ' + hub.log().replace('\n', '\n# '))
                raise thread.error
        judge(desks, counter, samples, begin, seconds)
        hub.verify()
    counter.paper.close()


def watch(threads, bridges, begin, seconds):
    """What each daemon holds at the end of each window."""
    samples, wait = [], threading.Event()
    for i in range(1, WINDOWS + 1):
        while time.monotonic() < begin + seconds * i / WINDOWS and not any(t.error for t in threads):
            wait.wait(min(0.2, max(0.001, begin + seconds * i / WINDOWS - time.monotonic())))
        samples.append([(bridge.descriptors(), bridge.memory(), pages(bridge)) for bridge in bridges])
    return samples


def pages(bridge):
    """Kilobytes of the ledger that may be at hand: all of it, as long as it is small."""
    size = sum(os.path.getsize(os.path.join(bridge.state, name)) for name in ('ledger.db', 'ledger.db-wal')
               if os.path.exists(os.path.join(bridge.state, name)))
    return min(PAGE_CACHE_KB, size // 1024)


def judge(desks, counter, samples, begin, seconds):
    calls = sorted(took for desk in desks for took in desk.took)
    rate = len(calls) / seconds
    long = seconds >= 60  # in a few seconds the machine's other work counts for much
    assert rate > RATE * (0.9 if long else 0.4), f'only {rate:.0f} calls a second'
    assert counter.scans > counter.turns / 4, f'{counter.scans} of {counter.turns} scans were told'
    assert counter.printed > 0, 'nothing was ever printed'
    windows = [sorted(took for at, took in calls if i <= (at - begin) * WINDOWS / seconds < i + 1)
               for i in range(WINDOWS)]
    p50 = [statistics.median(window) * 1000 for window in windows]
    p99 = [window[len(window) * 99 // 100] * 1000 for window in windows]
    print(f'# {len(calls)} calls, {rate:.0f} a second, {counter.turns} turns at the counter, '
          f'{counter.printed} tickets')
    print('# p50 ms ' + ' '.join(f'{value:.2f}' for value in p50))
    print('# p99 ms ' + ' '.join(f'{value:.2f}' for value in p99))
    for n, name in enumerate(('hub', 'till')):
        print(f'# {name}: descriptors ' + ' '.join(str(sample[n][0]) for sample in samples))
        print(f'# {name}: RssAnon kB ' + ' '.join(str(sample[n][1]) for sample in samples))
    # the beginning warms up; a machine with other work has its moods: medians of what is in between
    early, late = statistics.median(p50[2:6]), statistics.median(p50[6:])
    assert late < (early * 1.3 + 1 if long else early * 4 + 20), f'a call takes {late:.2f} ms at the end, {early:.2f} ms before'
    room = 8 * 1024 if sanitizer_of(program('tillbridged')) else 4 * 1024
    for n, name in enumerate(('the hub', 'the till')):
        descriptors, memory, cached = zip(*(sample[n] for sample in samples))
        memory = [whole - part for whole, part in zip(memory, cached)]
        assert max(descriptors[6:]) <= max(descriptors[1:6]) + 3, f'{name}: descriptors {descriptors}'
        assert statistics.median(memory[6:]) <= statistics.median(memory[2:6]) + room, f'{name}: memory {memory}'


def main():
    options = argparse.ArgumentParser()
    options.add_argument('--seconds', type=float, default=float(
        os.environ.get('SOAK_S') or (3600 if os.environ.get('TEST_LONG') else 10)))
    seconds = options.parse_args().seconds
    tap = Tap()
    tap.run(f'{RATE} calls a second for {seconds:.0f} s', soak, seconds)
    tap.done()


if __name__ == '__main__':
    main()
