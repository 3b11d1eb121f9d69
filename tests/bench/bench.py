#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The figures of ./tests/run bench: each is a ratio to something bare that runs beside it, in the same
minute on the same machine. Prints one table; a point is good when its ratio keeps its limit. Where
nothing bare can be compared the figure is absolute."""

import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'e2e'))
import plugs
import usbprint
from bridge import BUILD, Bridge, program
from bus import Bus
from hubs import Hub, Till, free_port
from tap import Skip, Tap

CUSTOMERS = 20000
ROUNDS = 5
LONG = bool(os.environ.get('TEST_LONG'))


class Table:
    """Rows of what, measured, bare, ratio, limit."""

    def __init__(self):
        self.rows, self.tap = [], Tap()

    def add(self, what, ours, bare, limit, at_most=True, unit='µs'):
        ratio = ours / bare if bare else ours
        good = ratio <= limit if at_most else ratio >= limit
        sign = '≤' if at_most else '≥'
        self.rows.append((what, f'{ours:,.1f} {unit}', f'{bare:,.1f} {unit}' if bare else '',
                          f'{ratio:.2f}' if bare else '', f'{sign} {limit:g}', 'ok' if good else 'NO'))
        self.tap.point(good, f'{what}: {ours:.1f} {unit}' + (f', bare {bare:.1f}, ratio {ratio:.2f}'
                                                              if bare else '') + f', limit {sign} {limit:g}')

    def run(self, function):
        """One measurement; what it dies of is its own failure."""
        try:
            function(self)
        except Skip as skip:
            self.tap.point(True, function.__name__.replace('_', ' '), skip=str(skip))
        except Exception as error:
            self.tap.point(False, function.__name__.replace('_', ' '), str(error))

    def show(self):
        head = ('', 'tillbridge', 'bare', 'ratio', 'limit', '')
        widths = [max(len(row[i]) for row in self.rows + [head]) for i in range(6)]
        with open(os.path.join(BUILD, 'meson-logs', 'bench.txt'), 'w', encoding='utf-8') as file:
            for row in [head] + self.rows:
                line = '  '.join(f'{cell:<{width}}' if i == 0 else f'{cell:>{width}}'
                                 for i, (cell, width) in enumerate(zip(row, widths)))
                print('# ' + line, flush=True)
                file.write(line + '\n')
        self.tap.done()


def write_requests(path, requests):
    with open(path, 'wb') as file:
        for request in requests:
            file.write(struct.pack('=I', len(request)) + request)


def load(server, protocol, connections, in_flight, count, requests, prefix=()):
    """(p50 µs, a second) of the one client that all servers are measured with."""
    said = subprocess.run([*prefix, program('load'), str(server), protocol, str(connections),
                           str(in_flight), str(count), requests], capture_output=True, text=True,
                          check=True)
    p50, _, rate, errors = said.stdout.split()
    assert errors == '0', f'{errors} of {count} calls were refused'
    return float(p50), float(rate)


class Redis:
    """The floor of a look-up: GET of 300 bytes over its unix socket, nothing written to disk."""

    def __init__(self, folder):
        if not shutil.which('redis-server'):
            raise Skip('no redis-server here')
        self.path = os.path.join(folder, 'redis.sock')
        self.process = subprocess.Popen(
            ['redis-server', '--port', '0', '--unixsocket', self.path, '--save', '', '--appendonly', 'no',
             '--dir', folder, '--daemonize', 'no'], stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if 'ready to accept connections' in line.lower() or 'Ready to accept' in line:
                break
        values = [f'*3\r\n$3\r\nSET\r\n$8\r\nk{i:07d}\r\n$300\r\n{"v" * 300}\r\n'.encode()
                  for i in range(CUSTOMERS)]
        fill = os.path.join(folder, 'set')
        write_requests(fill, values)
        load(self.path, 'resp', 1, 16, CUSTOMERS, fill)

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


def card(i):
    return f'BENCH{i:07d}'


def import_customers(bridge, count, first=0):
    """In calls of 1000, as a till hands its own over. Returns how many a second."""
    with tempfile.NamedTemporaryFile() as file:
        requests = []
        for start in range(first, first + count, 1000):
            records = [{'first_name': 'Éléonore', 'last_name': f'Petit-{i}', 'cards': [{'number': card(i)}],
                        'phones': [f'+336{i:08d}'], 'emails': [f'c{i}@example.fr']}
                       for i in range(start, min(start + 1000, first + count))]
            requests.append(json.dumps({'jsonrpc': '2.0', 'id': start, 'method': 'customer.import',
                                        'params': {'key': f'import-{start}', 'records': records}},
                                       separators=(',', ':')).encode() + b'\n')
        write_requests(file.name, requests)
        begin = time.monotonic()
        load(bridge.path, 'line', 1, 1, len(requests), file.name)
        return count / (time.monotonic() - begin)


def lookups(path, count, total):
    write_requests(path, [
        json.dumps({'jsonrpc': '2.0', 'id': i, 'method': 'customer.lookup',
                    'params': {'card': card(i * 7919 % total)}}, separators=(',', ':')).encode() + b'\n'
        for i in range(count)])


def look_up(table):
    """customer.lookup among 20 000, beside Redis and beside the look-up alone."""
    with tempfile.TemporaryDirectory() as folder, Bridge() as bridge:
        redis = Redis(folder)
        try:
            import_customers(bridge, CUSTOMERS)
            ours, theirs = os.path.join(folder, 'ours'), os.path.join(folder, 'theirs')
            lookups(ours, CUSTOMERS, CUSTOMERS)
            write_requests(theirs, [f'*2\r\n$3\r\nGET\r\n$8\r\nk{i * 7919 % CUSTOMERS:07d}\r\n'.encode()
                                    for i in range(CUSTOMERS)])
            bridge.stop()
            copy = shutil.copytree(bridge.state, os.path.join(folder, 'state'))
            bridge.start()
            one, many = [], []
            for _ in range(ROUNDS):
                one.append((load(bridge.path, 'line', 1, 1, CUSTOMERS, ours)[0],
                            load(redis.path, 'resp', 1, 1, CUSTOMERS, theirs)[0]))
                many.append((load(bridge.path, 'line', 1, 16, 2 * CUSTOMERS, ours)[1],
                             load(redis.path, 'resp', 1, 16, 2 * CUSTOMERS, theirs)[1],
                             floor('lookup', copy, str(2 * CUSTOMERS), str(CUSTOMERS), 'BENCH')))
        finally:
            redis.end()
    table.add('lookup by card, p50, Redis GET', median(one, 0), median(one, 1), 1.6)
    table.add('16 in flight, a second, Redis GET', median(many, 0), median(many, 1), 0.35, False, '/s')
    table.add('16 in flight, a second, no socket', median(many, 0), median(many, 2), 0.7, False, '/s')


def median(rows, column):
    return statistics.median(row[column] for row in rows)


def floor(*words):
    said = subprocess.run([program('floor'), *words], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr + said.stdout
    return float(said.stdout.split()[0])


def wire(start, *words, count=4000, env=None):
    """p50 µs from bytes at a pty, or a node of the fake bus, to a line at a socket; start(path) says
    whose."""
    process = subprocess.Popen([program('wire'), str(count), *words], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True, env=env)
    path = process.stdout.readline().split()[1]
    bridge = start(path)
    process.stdin.write((bridge.path if bridge else 'relay') + '\n')
    process.stdin.close()
    p50 = float(process.stdout.read().split()[0])
    process.stdout.close()
    process.wait()
    if bridge:
        bridge.stop()
        bridge.remove()
    return p50


def scan_to_event(table):
    def with_bridge(path):
        bridge = Bridge(f'[device counter]\ndriver = scanner-serial\naddress = pty:{path}\n'
                        'terminator = cr\ndebounce = 0s\n').start()
        with bridge.connect() as till:
            till.call('events.subscribe', {'kinds': ['device']})
            state = till.call('device.list')['devices'][0]
            if state['state'] != 'ready':
                till.event('device', lambda e: e['state'] == 'ready')
        return bridge

    rounds = [(wire(with_bridge), wire(lambda path: None)) for _ in range(ROUNDS)]
    table.add('bytes at a tty to a scan event, p50, relay', median(rounds, 0), median(rounds, 1), 1.5)


def report_to_event(table):
    """On the same node of the fake bus, whose every read is answered by another process."""
    with Bus() as bus:
        env = dict(os.environ, **bus.environment())
        bus.plug('hidraw0', port='1-3')
        words = (os.path.join(bus.folder, 'dev', 'hidraw0'), '/dev/hidraw0')

        def with_bridge(path):
            bridge = Bridge(f'[device counter]\ndriver = scanner-hid\naddress = hidraw:{path}\n'
                            'debounce = 0s\n').start(env=bus.environment())
            with bridge.connect() as till:
                till.call('events.subscribe', {'kinds': ['device']})
                if till.call('device.list')['devices'][0]['state'] != 'ready':
                    till.event('device', lambda e: e['state'] == 'ready')
            return bridge

        rounds = [(wire(with_bridge, *words, env=env), wire(lambda path: None, *words, env=env))
                  for _ in range(ROUNDS)]
    table.add('HID report to a scan event, p50, relay', median(rounds, 0), median(rounds, 1), 1.5)


def key_to_event(table):
    """From a scanner's Enter; everything before it has been read. On the same node likewise."""
    with Bus() as bus:
        env = dict(os.environ, **bus.environment())
        bus.plug('input/event0', port='1-3', wire='pipe')
        words = (os.path.join(bus.folder, 'dev', 'input', 'event0'), '/dev/input/event0', 'keys')

        def with_bridge(path):
            bridge = Bridge(f'[device counter]\ndriver = scanner-wedge\naddress = evdev:{path}\n'
                            'debounce = 0s\ngrab = no\n').start(env=bus.environment())
            with bridge.connect() as till:
                till.call('events.subscribe', {'kinds': ['device']})
                if till.call('device.list')['devices'][0]['state'] != 'ready':
                    till.event('device', lambda e: e['state'] == 'ready')
            return bridge

        rounds = [(wire(with_bridge, *words, count=1500, env=env),
                   wire(lambda path: None, *words, count=1500, env=env)) for _ in range(ROUNDS)]
    table.add('last key to a scan event, p50, relay', median(rounds, 0), median(rounds, 1), 1.5)


def plug_cycles(table):
    """Everything plugged and pulled a thousand times: memory and descriptors stay where they were."""
    with plugs.Fair() as fair:
        fair.cycle(100)  # the last thousand events are kept
        descriptors, memory = fair.bridge.descriptors(), fair.bridge.memory()
        fair.cycle(1000)
        table.add('1000 plug cycles, descriptors more than before',
                  fair.bridge.descriptors() - descriptors, 0, 0, unit='')
        table.add('1000 plug cycles, memory, before', fair.bridge.memory(), memory, 1.1, unit='kB')


def at_rest(table):
    first, ready = [], []
    for _ in range(10):
        bridge = Bridge()
        for times in (first, ready):  # the first start makes its databases
            begin = time.monotonic()
            bridge.start()
            times.append((time.monotonic() - begin) * 1000)
            bridge.stop()
        bridge.remove()
    table.add('ready after exec', statistics.median(ready), 0, 50, unit='ms')
    table.add('ready after exec, the very first start', statistics.median(first), 0, 50, unit='ms')
    with Bridge() as bridge:
        with bridge.connect() as till:
            till.call('bridge.status')
        time.sleep(2)  # what follows a start is not rest
        before, seconds = switches(bridge), 120 if LONG else 61
        time.sleep(seconds)
        table.add('wake-ups a minute at rest', (switches(bridge) - before) * 60 / seconds, 0, 1, unit='')
        table.add('resident memory at rest', bridge.memory('VmRSS') / 1024, 0, 8, unit='MiB')
        table.add('of which its own (anonymous)', bridge.memory('RssAnon') / 1024, 0, 8, unit='MiB')


def switches(bridge):
    """How often the kernel let it run, over all its threads."""
    total = 0
    for task in os.listdir(f'/proc/{bridge.process.pid}/task'):
        with open(f'/proc/{bridge.process.pid}/task/{task}/status', encoding='ascii') as file:
            total += sum(int(line.split()[1]) for line in file if 'voluntary_ctxt_switches' in line
                         and not line.startswith('non'))
    return total


def sale_line(i):
    return json.dumps({'jsonrpc': '2.0', 'id': i, 'method': 'passage.post', 'params': {
        'sale': f'B{i}', 'occurred_at': '2025-05-06T10:00:00+02:00', 'total': 500,
        'lines': [{'no': 1, 'article': {'code': 'A', 'label': 'A'}, 'quantity': 1000, 'unit_price': 500,
                   'total': 500}],
        'tenders': [{'kind': 'cash', 'amount': 500}]}}, separators=(',', ':')).encode() + b'\n'


def posting(table):
    """passage.post beside a bare SQLite loop of one insert a transaction on the same disk."""
    count = 6400
    with tempfile.TemporaryDirectory(dir=tempfile.gettempdir()) as folder, Bridge() as bridge:
        rounds, number = [], 0
        for i in range(3):
            many, one = os.path.join(folder, 'many'), os.path.join(folder, 'one')
            write_requests(many, [sale_line(number + j) for j in range(count)])
            write_requests(one, [sale_line(number + count + j) for j in range(count // 4)])
            number += 2 * count
            rounds.append((load(bridge.path, 'line', 4, 16, count, many)[1],
                           load(bridge.path, 'line', 1, 1, count // 4, one)[1],
                           floor('insert', os.path.join(folder, f'bare{i}.db'), str(count // 4))))
        bare = median(rounds, 2)
        table.add('passage.post, 64 in flight, SQLite loop', median(rounds, 0), bare, 5, False, '/s')
        table.add('passage.post, one in flight, SQLite loop', median(rounds, 1), bare, 0.5, False, '/s')
        fsyncs(table, bridge, folder, number)
        bridge.verify()


def fsyncs(table, bridge, folder, number):
    if not shutil.which('strace'):
        raise Skip('no strace here')
    out, path = os.path.join(folder, 'strace'), os.path.join(folder, 'traced')
    count = 640
    write_requests(path, [sale_line(number + i) for i in range(count)])
    tracer = subprocess.Popen(['strace', '-f', '-qq', '-e', 'trace=fsync,fdatasync', '-o', out, '-p',
                               str(bridge.process.pid)], stderr=subprocess.PIPE)
    while 'TracerPid:\t0' in read(f'/proc/{bridge.process.pid}/status'):
        if tracer.poll() is not None:
            raise Skip('strace may not trace here')
    load(bridge.path, 'line', 4, 16, count, path)
    tracer.terminate()
    tracer.wait()
    tracer.stderr.close()
    table.add('fsyncs for 64 posts', read(out).count('sync(') * 64 / count, 0, 2, unit='')


def read(path):
    with open(path, encoding='utf-8', errors='replace') as file:
        return file.read()


def usb_document(table):
    """100 kB to a USB printer that takes 200 kB/s, more than the fastest head prints of a picture
    (250 mm/s), beside a bare loop of libusb on the same bus."""
    blocks = [{'text': 'abcdefghi ' * 20 + str(i)} for i in range(485)] + [{'cut': True}]
    with usbprint.Shop(speed=200000) as shop:
        shop.wait_state('ready')
        rounds = []
        for i in range(ROUNDS):
            before = os.path.getsize(shop.out) if i else 0
            job = shop.till.call('print.document', {'key': f'd{i}', 'document': {'blocks': blocks}})['job']
            shop.end(job, 'printing')
            begin = time.monotonic()
            assert shop.end(job) == 'confirmed'
            rounds.append((time.monotonic() - begin) * 1000)
        size = os.path.getsize(shop.out) - before
        shop.bridge.stop()
        data = os.path.join(shop.folder, 'data')
        with open(data, 'wb') as file:
            file.write(b'A' * size)
        env = dict(os.environ, UMOCKDEV_DIR=shop.bus.folder, LD_PRELOAD='libumockdev-preload.so.0')
        bare = [float(subprocess.run([program('usb-write'), shop.keys['vid'], shop.keys['pid'], data],
                                     env=env, capture_output=True, text=True, check=True).stdout) / 1000
                for _ in range(ROUNDS)]
    table.add(f'a document of {size:,} bytes to a USB printer, libusb loop', statistics.median(rounds),
              statistics.median(bare), 1.2, unit='ms')


def many_customers(table):
    """By card among a million as fast as among ten thousand; and how fast they come in."""
    small, large = 10000, 1000000 if LONG else 200000
    with tempfile.TemporaryDirectory() as folder, Bridge() as few, Bridge() as many:
        import_customers(few, small)
        rate = import_customers(many, 100000)
        import_customers(many, large - 100000, 100000)
        a, b = os.path.join(folder, 'few'), os.path.join(folder, 'many')
        lookups(a, 20000, small)
        lookups(b, 20000, large)
        rounds = [(load(many.path, 'line', 1, 1, 20000, b)[0], load(few.path, 'line', 1, 1, 20000, a)[0])
                  for _ in range(ROUNDS)]
        table.add(f'lookup among {large:,}, p50, among {small:,}', median(rounds, 0), median(rounds, 1), 1.3)
        table.add('customers imported', rate, 0, 20000, False, '/s')


def quote_cost(table):
    """Processor time of a quote: 50 lines, 40 rewards."""
    rewards = [{'id': f'r{i}', 'title': f'r{i}', 'kind': ('amount', 'percent', 'article', 'percent')[i % 4],
                'cost_points': 5, 'value': 200, 'bp': 1000, 'articles': [f'A{i}'], 'sequence': i}
               for i in range(40)]
    for reward in rewards:
        del reward['bp' if reward['kind'] in ('amount', 'article') else 'value']
        if reward['kind'] == 'article':
            reward.pop('value', None)
    lines = [{'no': i + 1, 'article': {'code': f'A{i}', 'label': f'A{i}'}, 'quantity': 1000,
              'unit_price': 300 + i, 'total': 300 + i} for i in range(50)]
    with tempfile.TemporaryDirectory() as folder, Bridge() as bridge:
        with bridge.connect() as till:
            till.call('program.replace', {'key': 'p', 'program': {
                'currency': 'EUR', 'time_zone': 'Europe/Paris', 'rewards': rewards,
                'earning': {'per_amount': {'points': 1, 'amount': 100}}}})
            customer = till.call('customer.create', {'key': 'c', 'record': {'first_name': 'A'}})
            number = customer['customer']['id']
            till.call('account.adjust', {'key': 'a', 'customer': number, 'unit': 'points', 'delta': 1000,
                                         'reason': 'bench'})
            params = {'sale': 'Q', 'customer': number, 'codes': [],
                      'basket': {'lines': lines, 'total': sum(line['total'] for line in lines)}}
            answer = till.call('reward.quote', params)
            applicable = sum(reward['applicable'] for reward in answer['rewards'])
            assert applicable == 40, f'{applicable} of 40 rewards apply'
        path, count = os.path.join(folder, 'quote'), 3000
        write_requests(path, [json.dumps({'jsonrpc': '2.0', 'id': 1, 'method': 'reward.quote',
                                          'params': params}, separators=(',', ':')).encode() + b'\n'])
        load(bridge.path, 'line', 1, 1, 200, path)
        before = processor_ns(bridge)
        load(bridge.path, 'line', 1, 1, count, path)
        table.add('a quote of 50 lines and 40 rewards, processor', (processor_ns(bridge) - before) / count / 1e3,
                  0, 200)


# ---- what is far ----

# Whoever serves has one processor, whoever asks another: side by side on the same.
SERVER, CLIENT = (('taskset', '-c', '0'), ('taskset', '-c', '1')) \
    if shutil.which('taskset') and len(os.sched_getaffinity(0)) > 1 else ((), ())

NGINX = '''
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; sendfile on; tcp_nopush off; keepalive_requests 100000000; open_file_cache max=10;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
'''


class Server:
    """A program that serves on a port; ended with the block."""

    def __init__(self, command, port=None):
        self.process = subprocess.Popen([*SERVER, *command], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        self.port = port or int(self.process.stdout.readline())
        end = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(('127.0.0.1', self.port), 1).close()
                return
            except OSError:
                assert self.process.poll() is None and time.monotonic() < end, f'{command[0]} is not there'
                time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


def static_file(folder, size):
    if not shutil.which('nginx'):
        raise Skip('no nginx here')
    port, conf = free_port(), os.path.join(folder, 'nginx.conf')
    with open(os.path.join(folder, 'file'), 'wb') as file:
        file.write(b'x' * size)
    with open(conf, 'w', encoding='ascii') as file:
        file.write(NGINX.format(folder=folder, port=port))
    os.chmod(folder, 0o755)
    return Server(['nginx', '-p', folder, '-e', 'error.log', '-c', conf], port)


def http_request(verb, path, token, body=''):
    head = (f'{verb} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nAccept: */*\r\n'
            'Content-Type: application/json\r\n')
    return (head + (f'Content-Length: {len(body)}\r\n\r\n{body}' if body else '\r\n')).encode()


def far_lookups(path, count, total, token):
    write_requests(path, [http_request('POST', '/v1/customer.lookup', token,
                                       json.dumps({'card': card(i * 7919 % total)})) for i in range(count)])


def first_answer(port, request):
    """The length of an answer's body."""
    with socket.create_connection(('127.0.0.1', port), 30) as s:
        s.sendall(request)
        said = b''
        while b'\r\n\r\n' not in said:
            said += s.recv(65536)
    head = said.split(b'\r\n\r\n')[0].decode()
    assert ' 200 ' in head, head
    return int(head.split('Content-Length: ')[1].split('\r')[0])


def hub_lookups(table):
    """customer.lookup over kept-alive HTTP, beside a bare server with the same connector, and nginx."""
    count = 2 * CUSTOMERS
    with tempfile.TemporaryDirectory() as folder, Hub() as hub:
        import_customers(hub, CUSTOMERS)
        token_file = hub.token('2')
        token = read(token_file).strip()
        hub.stop()
        copy = shutil.copytree(hub.state, os.path.join(folder, 'state'))
        hub.start(prefix=SERVER)
        requests, gets = os.path.join(folder, 'post'), os.path.join(folder, 'get')
        far_lookups(requests, CUSTOMERS, CUSTOMERS, token)
        size = first_answer(hub.port, http_request('POST', '/v1/customer.lookup', token, json.dumps({'card': card(1)})))
        write_requests(gets, [http_request('GET', '/file', token)])
        bare = Server([program('bare-http'), os.path.join(BUILD, 'plugins/loyalty/ledger/ledger.so'), copy])
        with bare, static_file(folder, size) as nginx:
            rounds = [tuple(load(port, 'http', 16, 1, count, path, CLIENT)[1] for port, path in
                            ((hub.port, requests), (bare.port, requests), (nginx.port, gets)))
                      for _ in range(ROUNDS)]
        table.add('hub lookups over HTTP, libmicrohttpd alone', median(rounds, 0), median(rounds, 1), 0.8, False, '/s')
        table.add(f'the same, nginx and a file of {size} bytes', median(rounds, 0), median(rounds, 2), 0.3, False, '/s')
        said = subprocess.run([*CLIENT, program('curl-call'), os.path.join(BUILD, 'plugins/loyalty/hub/hub.so'),
                               f'http://127.0.0.1:{hub.port}', token_file, 'BENCH', str(CUSTOMERS), '6000'],
                              capture_output=True, text=True)
        assert said.returncode == 0, said.stderr
        ours, theirs = (float(word) for word in said.stdout.split())
        table.add('a call through the hub connector, libcurl alone', ours, theirs, 1.15)


def far_sales(path, first, count, token=None):
    """passage.post as a till says it, or as the hub is told it."""
    lines = []
    for i in range(first, first + count):
        line = json.loads(sale_line(i))
        line['params']['key'] = f'k{i}'
        text = json.dumps(line['params'] if token else line, separators=(',', ':'))
        lines.append(http_request('POST', '/v1/passage.post', token, text) if token else text.encode() + b'\n')
    write_requests(path, lines)


def drain_rate(till):
    """Entries a second, while some are left."""
    with till.connect() as desk:
        begin, first = time.monotonic(), desk.call('bridge.status')['outbox']['depth']
        time.sleep(1)
        last, end = desk.call('bridge.status')['outbox']['depth'], time.monotonic()
    assert last > 0, 'too few to measure'
    return (first - last) / (end - begin)


@contextlib.contextmanager
def standing_still(bridge):
    bridge.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        bridge.process.send_signal(signal.SIGCONT)


def own_rate(till, hub, token, path, i, count=2000):
    """What the hub does when four ask it directly; the till stands still meanwhile."""
    far_sales(path, (i + 1) * 10 ** 6, count, token)
    with standing_still(till):
        return load(hub.port, 'http', 4, 1, count, path)[1]


def beside(till, resting, path):
    """Lookups a second of a till that drains, and of one at the same hub that has nothing to drain."""
    while_draining = load(till.path, 'line', 1, 1, 3000, path)[1]
    with standing_still(till):
        return while_draining, load(resting.path, 'line', 1, 1, 3000, path)[1]


def wait_drained(bridge):
    begin = time.monotonic()
    with bridge.connect() as till:
        while till.call('bridge.status')['outbox']['depth'] > 0:
            assert bridge.process.poll() is None and time.monotonic() < begin + 900
            time.sleep(0.05)


def far_outbox(table):
    """A hundred thousand passages that waited: what they cost, and how fast they go."""
    waiting = 100000
    with tempfile.TemporaryDirectory() as folder, Hub() as hub:
        import_customers(hub, 1000)
        token = read(hub.token('8')).strip()
        direct, queued, asked = (os.path.join(folder, name) for name in ('direct', 'queued', 'asked'))
        far_sales(queued, 0, waiting)
        lookups(asked, 1000, 1000)
        url = f'http://127.0.0.1:{hub.port}'
        with Till(hub, url, deadline='20s') as till, Till(hub, url, '9', deadline='20s') as resting:
            load(till.path, 'line', 1, 1, 3000, asked)
            before = till.memory()
            hub.stop()
            load(till.path, 'line', 4, 16, 64, queued)  # it finds out
            load(till.path, 'line', 4, 16, waiting, queued)
            with till.connect() as desk:
                depth = desk.call('bridge.status')['outbox']['depth']
            assert depth >= waiting, f'{depth} wait'
            table.add(f'memory for each of {depth:,} effects that wait', (till.memory() - before) * 1024 / depth, 0,
                      100, unit='bytes')
            hub.start()
            for bridge in (resting, till):
                with bridge.connect() as desk:
                    desk.call('events.subscribe', {'kinds': ['link']})
                    if desk.call('bridge.status')['link']['state'] != 'up':
                        desk.event('link', lambda link: link['state'] == 'up')
            lookups_done = [beside(till, resting, asked) for _ in range(ROUNDS)]
            with till.connect() as desk:
                status = desk.call('bridge.status')
            assert status['link']['state'] == 'up', status['link']
            left = status['outbox']['depth']
            assert 0 < left < depth, f'{left} of {depth} left'
            rounds = [(drain_rate(till), own_rate(till, hub, token, direct, i)) for i in range(ROUNDS)]
            table.add('an outbox drains, the hub asked by four', median(rounds, 0), median(rounds, 1), 0.7, False, '/s')
            table.add('lookups while it drains, a till at rest', median(lookups_done, 0), median(lookups_done, 1), 0.9,
                      False, '/s')
            print(f'# {depth - left} drained beside {ROUNDS * 3000} lookups', flush=True)
            wait_drained(till)
        hub.verify()


def processor_ns(bridge):
    return sum(int(read(f'/proc/{bridge.process.pid}/task/{task}/schedstat').split()[0])
               for task in os.listdir(f'/proc/{bridge.process.pid}/task'))


def main():
    table = Table()
    only = sys.argv[1:]
    for function in (look_up, scan_to_event, report_to_event, key_to_event, plug_cycles, at_rest, posting, usb_document, many_customers,
                     quote_cost, hub_lookups, far_outbox):
        if not only or function.__name__ in only:
            table.run(function)
    table.show()


if __name__ == '__main__':
    main()
