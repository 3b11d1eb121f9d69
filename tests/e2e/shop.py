# SPDX-License-Identifier: MIT
"""A whole counter: the daemon, a serial scanner on the fake bus, the virtual printer, and a shop's
program, articles and customers loaded with tillctl as its owner would."""

import os
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from bridge import PATIENCE, ROOT, Bridge, program
from bus import Bus, Printer

DEVICES = '''
[device counter]
driver = scanner-serial
address = tty:/dev/ttyUSB0
speed = 9600
; a story scans faster than a hand
debounce = 0s

[device receipts]
driver = printer-escpos
address = tcp:127.0.0.1:{port}
profile = default80
default = yes
'''
SCANNER = {'vid': '0403', 'pid': '6001', 'serial': 'SC0001', 'port': '1-1',
           'product': 'Serial\\x20scanner'}


HUB = '''
[loyalty]
connector = hub
[hub]
url = http://127.0.0.1:{port}
token_file = {token_file}
'''


class Shop:
    """hub: the account is kept by another daemon, and the line to it can be cut."""

    def __init__(self, name, out=None, conf='', heard=None, hub=False, **bridge):
        self.folder = os.path.join(ROOT, 'fixtures', 'shops', name)
        self.bus = Bus()
        self.bus.plug('ttyUSB0', **SCANNER)
        # a till's own lines of [bridge] join those of the harness: one section, said once
        head, sections = split_head(conf)
        self.bridge = Bridge(head + DEVICES.format(port=0) + sections, heard=heard, **bridge)
        self.printer = Printer(out or os.path.join(self.bridge.folder, 'paper'))
        self.bridge.configure(read(self.bridge.conf).replace('127.0.0.1:0',
                                                             f'127.0.0.1:{self.printer.port}'))
        self.hub = self.far_ledger(head, **bridge) if hub else None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.end(quietly=True)
            raise
        return self

    def __exit__(self, kind, *_):
        self.end(quietly=kind is not None)

    def far_ledger(self, head, **bridge):
        port = free_port()
        hub = Bridge(f'{head}[http]\nlisten = 127.0.0.1:{port}\n', **{**bridge, 'till': 'hub'})
        token_file = os.path.join(hub.folder, 'token')
        self.bridge.configure(read(self.bridge.conf) + HUB.format(port=port, token_file=token_file))
        return hub

    def start_hub(self):
        """The till may do there what its own people may do here."""
        self.hub.start()
        token_file = os.path.join(self.hub.folder, 'token')
        if not os.path.exists(token_file):
            with self.hub.connect() as manager, \
                    open(os.open(token_file, os.O_WRONLY | os.O_CREAT, 0o600), 'w', encoding='utf-8') as file:
                file.write(manager.call('token.create', {'till': '2', 'roles': ['till', 'manager']})['token'])

    def start(self):
        if self.hub:
            self.start_hub()
        self.bridge.start(env=self.bus.environment())
        self.load()

    def end(self, quietly=False):
        try:
            if self.bridge.process:
                self.bridge.stop(quietly=quietly)
            if self.hub and self.hub.process:
                self.hub.stop(quietly=quietly)
        finally:
            self.bridge.remove()
            if self.hub:
                self.hub.remove()
            self.printer.process.end()
            self.bus.process.end()

    def tillctl(self, *words, stdin=None):
        said = subprocess.run([program('tillctl'), '--socket', self.bridge.path, *words],
                              input=stdin, capture_output=True, text=True, timeout=PATIENCE * 4)
        assert said.returncode == 0, f'tillctl {" ".join(words)}: {said.returncode} {said.stderr}'
        return said.stdout

    def load(self):
        self.tillctl('program', 'load', os.path.join(self.folder, 'program.jsonc'))
        self.tillctl('articles', 'load', os.path.join(self.folder, 'articles.csv'))
        customers = os.path.join(self.folder, 'customers.json')
        if os.path.exists(customers):
            self.tillctl('call', 'customer.import', '-', stdin=read(customers))

    def wait_ready(self, till):
        """Both devices are ready."""
        for device in till.call('device.list')['devices']:
            name = device['device']
            if device['state'] != 'ready':
                till.event('device', lambda e, name=name: e['device'] == name and e['state'] == 'ready')

    def scan(self, code):
        self.bus.scan('ttyUSB0', code)


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def split_head(conf):
    """The lines of [bridge] without their head, and the other sections."""
    head, others, section = [], [], None
    for line in conf.splitlines():
        if line.startswith('['):
            section = line
        (head if section == '[bridge]' else others).append(line)
    return ''.join(f'{line}\n' for line in head if line != '[bridge]'), '\n'.join(others) + '\n'
