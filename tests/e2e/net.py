#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A till sells, and all that can befall the line to its hub does: refused, stalled, cut in mid-answer, the
answer lost after the commit, answered twice, with another's answer, by somebody else, by nginx without a hub
behind it, over TLS that is cut anywhere or has a wrong certificate. After all of it each sale is in the hub's
ledger once, under the id that the till was told, and the sums are right; the daemons have not grown.

    net.py [--sales N]     TEST_LONG: 10 000 sales"""

import argparse
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(__file__))
from bridge import PATIENCE, Refused
from hubs import Hub, Till, certificate, free_port
from line import FAULTS, Line, Scissors
from tap import Skip, Tap

LONG = bool(os.environ.get('TEST_LONG'))
SELLERS = 4
CUSTOMERS = 12
DAY = '2025-05-06'
POINTS, COST = 10, 5
PROGRAM = {
    'currency': 'EUR', 'time_zone': 'Europe/Paris', 'earning': {'per_passage': POINTS},
    'rewards': [{'id': 'euro', 'kind': 'amount', 'title': 'Un euro', 'cost_points': COST, 'value': 100}]}
# What a till may be told while the line is bad; everything else is a fault of ours.
BAD_LINE = ('server_unreachable', 'offline_refused')


def open_shop(hub):
    """The program and the customers; returns their ids."""
    with hub.connect() as manager:
        manager.call('program.replace', {'key': 'program', 'program': PROGRAM})
        return [manager.call('customer.create', {'key': f'c{i}', 'record': {'last_name': f'Martin-{i}'}})
                ['customer']['id'] for i in range(CUSTOMERS)]


class Seller(threading.Thread):
    """One cash desk: sells, takes a euro off here and there, voids a sale now and then, and says a call
    again when it was not told what became of it."""

    def __init__(self, bridge, customers, name, count, seed=0):
        super().__init__(daemon=True)
        self.bridge, self.customers, self.name, self.count = bridge, customers, name, count
        self.random = random.Random(f'{seed}{name}')
        self.sold, self.error = {}, None
        self.refused = 0

    def run(self):
        try:
            with self.bridge.connect() as till:
                for i in range(self.count):
                    self.sell(till, f'{self.name}-{i}', i)
        except BaseException as error:
            self.error = error

    def end(self):
        self.join()
        if self.error:
            raise self.error
        return self.sold

    def say(self, till, method, params):
        """The answer, None when it is refused because of the line."""
        try:
            return till.call(method, params)
        except Refused as refused:
            if refused.code not in BAD_LINE:
                raise
            self.refused += 1
            return None

    def sell(self, till, name, i):
        customer = self.customers[self.random.randrange(len(self.customers))]
        total = self.random.randrange(500, 5000)
        basket = {'lines': [{'no': 1, 'article': {'code': 'A'}, 'quantity': 1000, 'unit_price': total,
                             'total': total}], 'total': total}
        sale = {'key': name, 'sale': name, 'business_day': DAY, 'occurred_at': f'{DAY}T10:00:00+02:00',
                'customer': customer, **basket, 'tenders': [{'kind': 'cash', 'amount': total}]}
        used = self.use(till, name, customer, basket) if i % 4 == 3 else None
        if used:
            sale['reservation'] = used['reservation']
            sale['tenders'][0]['amount'] = used['to_pay']
        posted = self.post(till, sale)
        if self.random.random() < 0.1:  # the cashier's software has forgotten that it was told
            again = self.post(till, sale)
            assert again['passage'] == posted['passage'], f'{again} after {posted}'
        self.sold[name] = sold = {'passage': posted['passage'], 'customer': customer, 'total': total,
                                  'used': bool(used), 'void': False, 'state': posted['state']}
        if i % 10 == 9:
            sold['void'] = self.say(till, 'passage.reverse', {
                'key': f'{name}-void', 'sale': name, 'business_day': DAY, 'kind': 'void'}) is not None

    def use(self, till, name, customer, basket):
        try:
            return self.say(till, 'reward.reserve', {'key': f'{name}-r', 'sale': name, 'customer': customer,
                                                     'basket': basket, 'uses': [{'reward': 'euro'}]})
        except Refused as refused:
            assert refused.code == 'insufficient_balance', refused
            return None

    def post(self, till, sale):
        answer = till.call('passage.post', sale)
        assert answer['state'] in ('posted', 'queued'), answer
        return answer


def wait_delivered(bridge):
    """Until nothing waits any more; as long as it goes on, it may take its time."""
    with bridge.connect() as till:
        till.call('events.subscribe', {'kinds': ['link', 'outbox']})
        least, end = None, time.monotonic() + 3 * PATIENCE
        while True:
            status = till.call('bridge.status')
            depth = status['outbox']['depth']
            if depth == 0:
                return
            if least is None or depth < least:
                least, end = depth, time.monotonic() + 3 * PATIENCE
            assert time.monotonic() < end, f'{status["outbox"]}, {status["link"]}: nothing moves\n{bridge.log()}'
            try:
                till.next_line(0.3)
            except TimeoutError:
                pass


def passages(hub):
    with hub.connect() as manager:
        found, cursor = [], {}
        while True:
            page = manager.call('passage.list', {'from': DAY, 'to': '2025-05-07', 'limit': 200, **cursor})
            found += page['passages']
            if 'cursor' not in page:
                return found
            cursor = {'cursor': page['cursor']}


def look_at_books(hub, customers, sold):
    """Each sale once, under the id that was told, with its total; each account adds up."""
    found = passages(hub)
    by_sale = {passage['sale']: passage for passage in found}
    assert len(by_sale) == len(found), f'{len(found) - len(by_sale)} sales are there twice'
    lost = sorted(set(sold) - set(by_sale))
    assert not lost, f'{len(lost)} of {len(sold)} are lost: {lost[:5]}'
    assert set(by_sale) == set(sold), f'never sold: {sorted(set(by_sale) - set(sold))[:5]}'
    points = dict.fromkeys(customers, 0)
    for name, sale in sold.items():
        kept = by_sale[name]
        assert kept.get('passage', kept.get('id')) == sale['passage'], f'{name}: {kept}, told {sale}'
        assert kept['total'] == sale['total'], f'{name}: {kept}, told {sale}'
        assert (kept['state'] == 'reversed') == sale['void'], f'{name}: {kept}, told {sale}'
        if not sale['void']:
            points[sale['customer']] += POINTS - COST * sale['used']
    with hub.connect() as manager:
        for customer, wanted in points.items():
            balances = manager.call('customer.lookup', {'id': customer})['balances']
            assert balances['points'] == wanted, f'{balances["points"]} points, {wanted} were earned'
            assert balances['points_available'] == wanted or LONG, f'a hold is left: {balances}'
    hub.verify()


def sell(bridge, customers, count, seed=0):
    sellers = [Seller(bridge, customers, f'{chr(65 + i)}{seed}', count // SELLERS, seed)
               for i in range(SELLERS)]
    for seller in sellers:
        seller.start()
    sold = {}
    for seller in sellers:
        sold.update(seller.end())
    return sold


class Fate:
    """Every fault in turn, at requests drawn by lot; more often until each has been there."""

    def __init__(self, share, seed=1):
        self.random, self.share = random.Random(seed), share
        self.lock, self.on, self.rounds = threading.Lock(), True, 0
        self.left = []

    def __call__(self, path):
        with self.lock:
            if not self.on or self.random.random() > (self.share if self.rounds > 1 else 0.4):
                return None
            if not self.left:
                self.left = self.random.sample(FAULTS, len(FAULTS))
                self.rounds += 1
            return self.left.pop()


def every_fault(count):
    """All of them, and in between the plug is pulled and the hub is killed."""
    fate = Fate(0.05)
    with Hub() as hub:
        customers = open_shop(hub)
        line = Line(hub.port, fate)
        with Till(hub, f'http://127.0.0.1:{line.port}') as till:
            sold, rounds, measured = {}, 6, None
            for i in range(rounds):
                sold.update(sell(till, customers, count // rounds, seed=i))
                if i == 1:
                    line.unplug()
                elif i == 2:
                    line.plug_in()
                    hub.stop(signal.SIGKILL)
                elif i == 3:
                    hub.start()
                    wait_delivered(till)
                    measured = till.descriptors(), till.memory(), hub.descriptors(), hub.memory()
            while fate.rounds < 2:  # what waits is tried again, and meets the rest of them
                sold.update(sell(till, customers, SELLERS, seed=rounds))
                rounds += 1
            fate.on = False
            wait_delivered(till)
            missing = set(FAULTS) - set(line.seen)
            assert not missing, f'the line was never {missing}'
            queued = sum(sale['state'] == 'queued' for sale in sold.values())
            assert queued > count // 10, f'only {queued} of {len(sold)} were ever queued'
            print(f'# {len(sold)} sales, {queued} of them queued first; '
                  f'{sum(n for name, n in line.seen.items() if name)} faults')
            look_at_books(hub, customers, sold)
            nothing_grew(till, hub, measured)
            line.close()


def nothing_grew(till, hub, measured):
    now = till.descriptors(), till.memory(), hub.descriptors(), hub.memory()
    for what, before, after, room in zip(('the till\'s descriptors', 'the till\'s memory', 'the hub\'s descriptors',
                                          'the hub\'s memory'), measured, now, (10, 12 * 1024, 10, 12 * 1024)):
        assert after <= before + room, f'{what}: {after}, {before} before'


def a_day_without(count):
    """The till is unplugged and sells all day; it is switched off at the wall twice, and back in the evening."""
    with Hub() as hub:
        customers = open_shop(hub)
        line = Line(hub.port)
        till = Till(hub, f'http://127.0.0.1:{line.port}').start()
        try:
            sold = sell(till, customers, count // 4, seed=10)
            line.unplug()
            for i in range(3):
                day = sell(till, customers, count // 4, seed=11 + i)
                if i:  # the first call has to find out
                    assert all(sale['state'] == 'queued' for sale in day.values()), 'posted, without a line'
                sold.update(day)
                till.stop(signal.SIGKILL)
                till.start()
            with till.connect() as desk:
                status = desk.call('bridge.status')
                assert status['outbox']['depth'] > 0 and status['outbox']['oldest_s'] >= 0, status
            line.plug_in()
            wait_delivered(till)
            look_at_books(hub, customers, sold)
            with till.connect() as desk:  # what was queued has been posted since, and says so
                name, sale = next((n, s) for n, s in sold.items() if s['state'] == 'queued' and not s['used'])
                shown = desk.call('passage.show', {'sale': name, 'business_day': DAY})
                assert shown['passage'] == sale['passage'], shown
            till.stop()
        finally:
            till.remove()
            line.close()


# ---- a hub that is there, and its ledger is not ----

def held_ledger():
    """Another program holds the hub's ledger: the till is told so, goes on by itself, and comes back by itself."""
    with Hub(conf='[loyalty]\ndeadline = 200ms\n') as hub:
        customers = open_shop(hub)
        with Till(hub, f'http://127.0.0.1:{hub.port}', deadline='20s') as bridge, bridge.connect() as till:
            till.call('events.subscribe', {'kinds': ['link']})
            till.call('customer.lookup', {'id': customers[0]})
            other = sqlite3.connect(os.path.join(hub.state, 'ledger.db'), isolation_level=None)
            other.execute('BEGIN IMMEDIATE')
            refused = till.refusal('gift_card.create', {'key': 'g', 'amount': 1000})
            assert refused.code == 'server_unreachable' and refused.data['retryable'], refused
            till.event('link', lambda link: link['state'] == 'down')
            till.events.clear()
            assert till.call('customer.lookup', {'id': customers[0]})['stale'] is True
            other.execute('ROLLBACK')
            other.close()
            till.event('link', lambda link: link['state'] == 'up')  # nobody has asked for anything
            assert 'stale' not in till.call('customer.lookup', {'id': customers[0]})
            assert till.call('gift_card.create', {'key': 'g', 'amount': 1000})['balance'] == 1000


def wait_for_program(bridge, till):
    """The till asks for it by itself, and says nothing of it."""
    known = 0
    while not known:
        till.call('bridge.status')
        db = sqlite3.connect(f'file:{bridge.state}/state.db?mode=ro', uri=True, timeout=PATIENCE)
        known = db.execute('SELECT count(*) FROM offline_program_seen').fetchone()[0]
        db.close()


def nobody_knows():
    """The hub has done it, and the answer is lost with the line: the till is told to ask again, not that it was
    refused, until somebody knows."""
    with Hub() as hub:
        customers = open_shop(hub)
        line = Line(hub.port)
        with Till(hub, f'http://127.0.0.1:{line.port}', deadline='20s') as bridge, bridge.connect() as till, \
                hub.connect() as manager:
            manager.call('account.adjust', {'key': 'a', 'customer': customers[0], 'unit': 'points', 'delta': 20,
                                            'reason': 'start'})
            card = manager.call('gift_card.create', {'key': 'g', 'amount': 1000})['number']
            till.call('events.subscribe', {'kinds': ['link']})
            till.call('customer.lookup', {'id': customers[0]})
            wait_for_program(bridge, till)
            ticket = {'total': 900, 'lines': [{'no': 1, 'article': {'code': 'A'}, 'quantity': 1000,
                                               'unit_price': 900, 'total': 900}]}
            calls = (('reward.deduct', {'key': 'd', 'sale': 'S1', 'customer': customers[0], 'basket': ticket,
                                        'uses': [{'reward': 'euro'}]}),
                     ('gift_card.reload', {'key': 'r', 'number': card, 'amount': 500}))
            for method, params in calls:
                # what the bridge asks by itself comes through, but for the sign of life
                line.fault = lambda path, method=method: (
                    'lost' if path.endswith(method) else 'reset' if path.endswith('bridge.status') else None)
                refused = till.refusal(method, params)
                assert refused.code == 'server_unreachable' and refused.data['retryable'], refused
                line.unplug()
                while till.call('bridge.status')['link']['state'] != 'down':
                    till.call('customer.lookup', {'id': customers[0]})
                for _ in range(3):
                    refused = till.refusal(method, params)
                    assert refused.code == 'server_unreachable' and refused.data['retryable'], refused
                other = till.refusal(method, {**params, 'key': 'another'})
                assert other.code == 'offline_refused', other
                line.fault = lambda path: None
                line.plug_in()
                while till.call('bridge.status')['link']['state'] != 'up':
                    till.event('link')
                told = till.call(method, params)
                assert till.call(method, params) == told, told
            balances = manager.call('customer.lookup', {'id': customers[0]})['balances']
            assert balances['points'] == balances['points_available'] == 20 - COST, balances
            assert manager.call('gift_card.show', {'number': card})['balance'] == 1500
            assert till.call('outbox.list') == {'items': []}
        line.close()


# ---- nginx ----

NGINX = '''
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  log_format spoken "$server_protocol"; access_log {folder}/spoken spoken; server_tokens off;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  upstream hub {{ server 127.0.0.1:{hub}; keepalive 8; }}
  server {{
    listen 127.0.0.1:{port}{tls};
    location / {{
      proxy_pass http://hub; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_next_upstream off; proxy_connect_timeout 2s; proxy_read_timeout 60s;
    }}
  }}
}}
'''


class Nginx:
    def __init__(self, hub, tls=None):
        if not shutil.which('nginx'):
            raise Skip('no nginx here')
        self.folder, self.port = tempfile.mkdtemp(prefix='tillbridge-nginx-'), free_port()
        conf = os.path.join(self.folder, 'conf')
        words = f' ssl http2; ssl_certificate {tls[0]}; ssl_certificate_key {tls[1]}' if tls else ''
        with open(conf, 'w', encoding='ascii') as file:
            file.write(NGINX.format(folder=self.folder, hub=hub.port, port=self.port, tls=words))
        self.process = subprocess.Popen(['nginx', '-p', self.folder, '-e', 'error.log', '-c', conf],
                                        stderr=subprocess.DEVNULL)
        end, wait = time.monotonic() + PATIENCE, threading.Event()
        while True:
            try:
                socket.create_connection(('127.0.0.1', self.port), 1).close()
                return
            except OSError:
                assert self.process.poll() is None and time.monotonic() < end, 'nginx does not start'
                wait.wait(0.02)

    def spoken(self):
        """The versions of HTTP in which it was asked."""
        with open(os.path.join(self.folder, 'spoken'), encoding='ascii') as file:
            return {line.strip() for line in file if line.startswith('HTTP')}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def behind_nginx(count, tls=None):
    with Hub() as hub:
        customers = open_shop(hub)
        with Nginx(hub, tls) as nginx, Till(hub, f'http{"s" if tls else ""}://127.0.0.1:{nginx.port}',
                                            ca=tls and tls[0], deadline='20s') as till:
            sold = sell(till, customers, count // 3, seed=20)
            assert all(sale['state'] == 'posted' for sale in sold.values()), 'queued, with a hub behind nginx'
            hub.stop(signal.SIGKILL)  # from here on nginx answers 502 by itself
            more = sell(till, customers, count // 3, seed=21)
            assert all(sale['state'] == 'queued' for sale in more.values()), 'posted, without a hub'
            sold.update(more)
            hub.start()
            sold.update(sell(till, customers, count // 3, seed=22))
            wait_delivered(till)
            look_at_books(hub, customers, sold)
            assert nginx.spoken() == {'HTTP/2.0' if tls else 'HTTP/1.1'}, nginx.spoken()


# ---- TLS ----

def wrong_certificates(folder):
    """A till says nothing to a hub that is not the one it was told: it queues, and delivers to the right one."""
    right, other = certificate(folder, 'right'), certificate(folder, 'other')
    elsewhere = certificate(folder, 'elsewhere', 'DNS:elsewhere.example,IP:127.0.0.9')
    with Hub(right) as hub, Hub(elsewhere) as stranger:
        customers = open_shop(hub)
        till = Till(hub, f'https://127.0.0.1:{hub.port}', ca=other[0]).start()
        try:
            sold = sell(till, customers, SELLERS, seed=30)
            till.stop()
            with open(till.conf, encoding='utf-8') as file:
                conf = file.read()
            for url, ca in ((f'https://127.0.0.1:{stranger.port}', elsewhere[0]),  # its name is another
                            (f'https://127.0.0.1:{stranger.port}', right[0]),
                            (f'http://127.0.0.1:{hub.port}', right[0])):  # plain, to a port that speaks TLS
                till.configure(conf.replace(f'https://127.0.0.1:{hub.port}', url).replace(other[0], ca))
                till.start()
                sold.update(sell(till, customers, SELLERS, seed=31 + len(sold)))
                till.stop()
            assert all(sale['state'] == 'queued' for sale in sold.values()), 'a stranger was trusted'
            assert not passages(hub) and not passages(stranger)
            till.configure(conf.replace(other[0], right[0]))
            till.start()
            wait_delivered(till)
            look_at_books(hub, customers, sold)
            till.stop()
        finally:
            till.remove()


def cut_tls(folder, count):
    """Connections that are cut after any number of bytes, in handshakes, requests and answers."""
    pair = certificate(folder, 'cut')
    lot = random.Random(5)
    fine = [False]

    def budget():
        return None if fine[0] or lot.random() < 0.3 else lot.choice((
            lot.randrange(1, 2500), lot.randrange(2500, 12000)))

    with Hub(pair) as hub:
        customers = open_shop(hub)
        scissors = Scissors(hub.port, budget)
        with Till(hub, f'https://127.0.0.1:{scissors.port}', ca=pair[0]) as till:
            sold = sell(till, customers, count, seed=40)
            fine[0] = True
            wait_delivered(till)
            look_at_books(hub, customers, sold)
        assert scissors.cuts > 0, 'nothing was ever cut'
        scissors.close()


def main():
    options = argparse.ArgumentParser()
    options.add_argument('--sales', type=int, default=10000 if LONG else 300)
    count = options.parse_args().sales
    tap, folder = Tap(), tempfile.mkdtemp(prefix='tillbridge-net-')
    try:
        tap.run('every fault of a line', every_fault, count * 6 // 10)
        tap.run('a day without', a_day_without, count * 2 // 10)
        tap.run('a hub that cannot reach its ledger', held_ledger)
        tap.run('what nobody knows is not called refused', nobody_knows)
        tap.run('behind nginx', behind_nginx, count // 10)
        tap.run('behind nginx, TLS and HTTP/2', lambda: behind_nginx(
            max(12, count // 20), certificate(folder, 'nginx')))
        tap.run('wrong certificates', wrong_certificates, folder)
        tap.run('TLS cut anywhere', cut_tls, folder, max(24, count // 20))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    tap.done()


if __name__ == '__main__':
    main()
