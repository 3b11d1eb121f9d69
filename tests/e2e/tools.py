#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The installer's commands of tillctl against the real daemon and devices that do not exist: capture,
replay, scan-image, doctor, setup. What a device decodes to is proven elsewhere."""

import configparser
import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import zlib

sys.path.insert(0, os.path.dirname(__file__))
from bridge import PATIENCE, ROOT, Bridge, program
from bus import Bus, Printer, Wire, on_bus, subscribed, till_errors, wait_state
from ctl import DONE, NO_BRIDGE, REFUSED, USAGE, Ctl
from tap import Tap

SCANS = os.path.join(ROOT, 'fixtures', 'scans')
PICTURES = os.path.join(ROOT, 'fixtures', 'pictures')
CARD = '4111111111111111'


def lines_of(path):
    with open(path, encoding='utf-8') as file:
        return [json.loads(line) for line in file]


class Capture:
    """tillctl capture under way; it listens when this is made."""

    def __init__(self, ctl, *words):
        self.process = subprocess.Popen([program('tillctl'), '--socket', ctl.path, 'capture', *words],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stderr.readline()
        assert line.startswith('recording '), line + self.process.stderr.read()

    def end(self, number=None, code=DONE):
        if number:
            self.process.send_signal(number)
        out, said = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == code, f'exit {self.process.returncode}: {out}{said}'
        return out + said


class Scanner:
    """A daemon with one serial scanner, `counter`, that is ready. Silence is a minute, so that a busy
    machine makes none."""

    def __init__(self, idle='60s'):
        self.idle = idle

    def __enter__(self):
        self.bridge = Bridge()
        self.wire = Wire(os.path.join(self.bridge.folder, 'scanner'))
        self.bridge.configure(f'[device counter]\ndriver = scanner-serial\naddress = pty:'
                              f'{self.wire.link}\nterminator = cr\nidle = {self.idle}\n[codes]\ncustomer = 2912*\n')
        self.bridge.start()
        self.till = subscribed(self.bridge)
        wait_state(self.till, 'counter', 'ready')
        self.ctl = Ctl(self.bridge.path)
        self.file = os.path.join(self.bridge.folder, 'recording.jsonl')
        return self

    def __exit__(self, *error):
        self.till.close()
        self.bridge.__exit__(*error)


def captured_and_replayed():
    """The head, the bytes, the end after N codes, mode 0600; and back to the same codes."""
    with Scanner() as s:
        recording = Capture(s.ctl, '--codes', '2', '--by', 'a test', '--model', 'DS-1', 'counter', s.file)
        s.wire.send(b']C1010325622045000310A\x1d2112\r')
        assert s.till.event('scan')['symbology'] == 'gs1-128'
        s.wire.send(b'2912345678901\r')
        s.till.event('scan')
        assert '2 codes' in recording.end()
        assert os.stat(s.file).st_mode & 0o777 == 0o600
        head, *lines = lines_of(s.file)
        assert head['device'] == 'counter' and head['driver'] == 'scanner-serial', head
        assert head['model'] == 'DS-1' and head['by'] == 'a test' and len(head['on']) == 10, head
        assert head['settings'] == {'terminator': 'cr', 'idle': '60s'}, head
        assert all(set(line) == {'t_us', 'dir', 'hex'} and line['dir'] == 'in' for line in lines), lines
        whole = bytes.fromhex(''.join(line['hex'] for line in lines))
        assert whole == b']C1010325622045000310A\x1d2112\r2912345678901\r', whole
        first, second = s.ctl.json('replay', s.file)
        assert first['code'] == '010325622045000310A\x1d2112' and first['symbology'] == 'gs1-128', first
        assert [f['ai'] for f in first['fields']] == ['01', '10', '21'], first
        assert first['kind'] == 'article' and second['kind'] == 'customer', (first, second)
        assert 'customer' in s.ctl('replay', s.file).splitlines()[1]
        assert not s.till.events, s.till.events
        assert s.ctl.json('replay', '--submit', s.file)[1]['seq'] > 0
        assert s.till.event('scan')['symbology'] == 'gs1-128'
        assert s.till.event('scan')['code'] == '2912345678901'


def a_payment_card_is_written_as_refused():
    """In one read or in pieces, as a bare number, behind an identifier or as a track."""
    with Scanner() as s:
        recording = Capture(s.ctl, 'counter', s.file)
        s.wire.send(b'TBC-1\r4111')
        s.till.event('scan')
        s.wire.send(b'111111111111\r')
        s.till.event('card')
        for swipe in (f']C0{CARD}', f'%B{CARD}^NAME/A^2512101?', f';{CARD}=25121010000000000000?'):
            s.wire.send(swipe.encode() + b'\r')
            assert s.till.event('card')['error'] == 'payment_card_refused'
        s.wire.send(b'TBC-2\r')
        s.till.event('scan')
        # a second reading of the same card within the window is no event, and no bytes either
        s.wire.send(f']C0{CARD}\r'.encode() + b'TBC-3\r')
        s.till.event('scan')
        assert 'payment card' in recording.end(signal.SIGINT)
        with open(s.file, encoding='utf-8') as file:
            text = file.read()
        kept = bytes.fromhex(''.join(line['hex'] for line in lines_of(s.file)[1:]))
        # what shares a read with a card goes with it
        assert kept.replace(b'TBC-1\r', b'').replace(b'TBC-3\r', b'') == b'TBC-2\r', kept
        assert text.count('"refused"') == 5, text
        for form in (CARD, CARD.encode().hex(), '4111', b'4111'.hex()):
            assert form not in text, form
        said = s.ctl.json('replay', s.file)
        assert 'TBC-2' in [line.get('code') for line in said if 'refused' not in line], said


def captured_while_it_is_pulled():
    """The recording outlasts the cable."""
    with Scanner() as s:
        recording = Capture(s.ctl, '--codes', '2', 'counter', s.file)
        s.wire.send(b'TBC-1\r')
        s.till.event('scan')
        s.wire.send(b'half')
        s.wire.pull()
        s.till.event('device', lambda p: p['state'] == 'absent')
        s.wire.plug()
        s.till.event('device', lambda p: p['state'] == 'ready')
        s.wire.send(b'TBC-2\r')
        s.till.event('scan')
        recording.end()
        codes = [line['code'] for line in s.ctl.json('replay', s.file) if 'code' in line]
        assert codes == ['TBC-1', 'TBC-2'], codes


def reports_are_recorded_with_their_descriptor():
    with Bus() as bus, on_bus(bus) as (bridge, till):
        bus.plug('hidraw0', serial='HP1', port='1-3')
        wait_state(till, 'scanner-hid-HP1', 'ready')
        ctl, path = Ctl(bridge.path), os.path.join(bridge.folder, 'hid.jsonl')
        recording = Capture(ctl, '--codes', '1', 'scanner-hid-HP1', path)
        bus.scan('hidraw0', ']Q1TBC-' + 'x' * 200)
        till.event('scan')
        recording.end()
        head, *lines = lines_of(path)
        assert head['descriptor'].startswith('058c0902'), head
        assert [len(line['hex']) for line in lines] == [128] * 4, lines
        said = ctl.json('replay', path)
        assert said[0]['code'] == 'TBC-' + 'x' * 200 and said[0]['kind'] == 'coupon', said


def keys_are_recorded_and_cards_are_not():
    """A scanner that types: its keys; those of a payment card are not told, read once or twice."""
    conf = ('[device counter]\ndriver = scanner-wedge\naddress = evdev:/dev/input/event0\n'
            'idle = 5s\nlayout = fr\n')
    with Bus() as bus, on_bus(bus, conf) as (bridge, till):
        bus.plug('input/event0', serial='HW1', layout='fr')
        wait_state(till, 'counter', 'ready')
        ctl, path = Ctl(bridge.path), os.path.join(bridge.folder, 'wedge.jsonl')
        recording = Capture(ctl, 'counter', path)
        bus.scan('input/event0', 'TBC-1')
        assert till.event('scan')['code'] == 'TBC-1'
        bus.scan('input/event0', CARD)
        assert till.event('card')['error'] == 'payment_card_refused'
        bus.scan('input/event0', CARD)
        bus.scan('input/event0', 'TBC-2')
        assert till.event('scan')['code'] == 'TBC-2'
        recording.end(signal.SIGINT)
        said = ctl.json('replay', path)
        codes = [line['code'] for line in said if 'code' in line]
        assert codes in (['TBC-1', 'TBC-2'], ['TBC-1']), said
        kept = b''.join(bytes.fromhex(line['hex']) for line in lines_of(path)[1:])
        # KEY_4 and KEY_1 of the upper row, pressed
        assert kept.count(struct.pack('<HHi', 1, 5, 1)) == 0, 'a digit of the card'
        assert kept.count(struct.pack('<HHi', 1, 2, 1)) == 1, 'other digits than of TBC-1'
        assert any('refused' in line for line in said), said


def a_printer_is_recorded_both_ways():
    """What it was sent and what it answered; --raw gives the bytes to tillsim render."""
    with tempfile.TemporaryDirectory() as folder, Printer(folder) as printer:
        conf = (f'[device receipts]\ndriver = printer-escpos\naddress = tcp:127.0.0.1:{printer.port}\n'
                'profile = default80\n')
        with Bridge(conf) as bridge:
            ctl, path = Ctl(bridge.path), os.path.join(bridge.folder, 'printer.jsonl')
            with subscribed(bridge) as till:
                wait_state(till, 'receipts', 'ready')
            recording = Capture(ctl, 'receipts', path)
            ctl('print-test')
            recording.end(signal.SIGTERM)
            assert {line['dir'] for line in lines_of(path)[1:]} == {'in', 'out'}
            raw = subprocess.run([program('tillctl'), 'replay', '--raw', path], capture_output=True)
            assert raw.returncode == 0 and b'print-test' in raw.stdout, raw
            ctl('replay', path, code=REFUSED)


def captures_that_cannot_be():
    with Scanner() as s:
        assert s.ctl('capture', 'nothing', s.file, code=REFUSED).startswith('device_unknown')
        for words in ((), ('counter',), ('counter', s.file, 'x'), ('--codes', '0', 'counter', s.file),
                      ('--for', 'ever', 'counter', s.file), ('--colour', 'red', 'counter', s.file)):
            s.ctl('capture', *words, code=USAGE)
        s.ctl('capture', 'counter', '/nowhere/file', code=REFUSED)
        Ctl('/nowhere/till.sock')('capture', 'counter', s.file, code=NO_BRIDGE)
        first = Capture(s.ctl, 'counter', s.file)
        assert s.ctl('capture', 'counter', s.file + '2', code=REFUSED).startswith('device_claimed')
        first.process.kill()
        first.end(code=-signal.SIGKILL)
        # the daemon hears of it, and the next one may record
        while subprocess.run([program('tillctl'), '--socket', s.bridge.path, 'capture', '--for', '1ms',
                              'counter', s.file], capture_output=True).returncode != DONE:
            pass
        s.wire.send(b'TBC-1\r')
        assert s.till.event('scan')['code'] == 'TBC-1'


def replays_that_need_no_bridge():
    nowhere = Ctl('/nowhere/till.sock')
    path = os.path.join(SCANS, 'serial-gs1-128.jsonl')
    said = nowhere.json('replay', path)
    assert said[0]['symbology'] == 'gs1-128' and said[0]['kind'] == 'article', said
    assert nowhere.json('replay', path.replace('gs1-128', 'qr-customer'))[0]['kind'] == 'customer'
    nowhere('replay', '--submit', path, code=NO_BRIDGE)
    nowhere('replay', code=USAGE)
    nowhere('replay', '/nowhere/file', code=REFUSED)
    with tempfile.NamedTemporaryFile('w', suffix='.jsonl') as file:
        file.write('{"device": "x"}\n')
        file.flush()
        assert 'line 1' in nowhere('replay', file.name, code=REFUSED)
    for name in sorted(os.listdir(SCANS)):
        if not name.endswith('.jsonl'):
            continue
        expected = lines_of(os.path.join(SCANS, name.replace('.jsonl', '.expect')))
        codes = [line['code'] for line in expected if 'code' in line]
        if not codes:
            nowhere('replay', os.path.join(SCANS, name), code=REFUSED)
            continue
        said = nowhere.json('replay', os.path.join(SCANS, name))
        assert [line['code'] for line in said if 'code' in line] == codes, name


def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def png(width, height, rows):
    """A PNG of eight bits a pixel; rows is what is compressed, however much it is."""
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0)) +
            chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b''))


def pgm_of(path):
    """A PNG of the virtual printer (one bit or eight, grey) as a PGM."""
    with open(path, 'rb') as file:
        data = file.read()
    width, height, depth = struct.unpack('>IIB', data[16:25])
    packed, at = b'', 8
    while at < len(data):
        size, kind = struct.unpack('>I4s', data[at:at + 8])
        packed += data[at + 8:at + 8 + size] if kind == b'IDAT' else b''
        at += size + 12
    raw, stride, pixels = zlib.decompress(packed), (width * depth + 7) // 8, bytearray()
    last = bytearray(stride)
    for y in range(height):
        how, row = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for x in range(stride):
            left, up, corner = (row[x - 1] if x else 0), last[x], (last[x - 1] if x else 0)
            near = min((abs(up - corner), 0, left), (abs(left - corner), 1, up),
                       (abs(left + up - 2 * corner), 2, corner))[2]
            row[x] = row[x] + (0, left, up, (left + up) // 2, near)[how] & 255
        last = row
        pixels += row if depth == 8 else bytes(
            255 * (row[x // 8] >> 7 - x % 8 & 1) for x in range(width))
    return b'P5 %d %d 255\n' % (width, height) + pixels


def pictures_are_scanned():
    """Each code by scan.submit, once, from top to bottom, whatever the format."""
    codes = ['TB:8F3K2M', '4006381333931', 'Éléonore & Noël']
    with Bridge() as bridge, subscribed(bridge) as till:
        ctl = Ctl(bridge.path)
        ticket = os.path.join(bridge.folder, 'ticket.pgm')
        with open(ticket, 'wb') as file:
            file.write(pgm_of(os.path.join(PICTURES, 'ticket.png')))
        for path in (ticket, *(os.path.join(PICTURES, name) for name in (
                'ticket.png', 'ticket.jpg', 'ticket-progressive.jpg'))):
            assert ctl('scan-image', path).splitlines() == codes, path
            for code in codes:
                scan = till.event('scan')
                assert scan['code'] == code and 'device' not in scan, scan
                assert scan['symbology'] == ('ean13' if code[0] == '4' else 'qr'), scan
        said = ctl.json('scan-image', ticket)
        assert [line['symbology'] for line in said] == ['qr', 'ean13', 'qr'] and said[0]['seq'], said


def pictures_that_hold_nothing_or_worse():
    with Bridge() as bridge, subscribed(bridge) as till:
        ctl = Ctl(bridge.path)

        def refused(data, word):
            path = os.path.join(bridge.folder, 'picture')
            with open(path, 'wb') as file:
                file.write(data)
            said = ctl('scan-image', path, code=REFUSED)
            assert word in said, said

        assert ctl('scan-image', os.path.join(PICTURES, 'no-code.png'), code=REFUSED) == 'no code\n'
        with open(os.path.join(PICTURES, 'ticket.png'), 'rb') as file:
            ticket = file.read()
        with open(os.path.join(PICTURES, 'ticket.jpg'), 'rb') as file:
            photo = file.read()
        refused(ticket[:len(ticket) // 2], 'PNG')
        refused(photo[:len(photo) // 2], 'JPEG')
        refused(png(20000, 20000, b''), 'too large')
        refused(png(200000, 3, b''), 'too large')
        refused(png(0x7fffffff, 0x7fffffff, b''), 'PNG')
        refused(png(100, 100, b'\0'), 'PNG')
        # what is compressed is far more than the picture takes: it is not unpacked
        refused(png(8, 8, bytes(1 << 26)), '')
        refused(png(8, 8, bytes(9 * 8)), 'no code')
        refused(b'P5 90000 90000 255\n', 'too large')
        refused(b'P5 5000 5000 255\n', 'cut short')
        refused(b'P2 3 3 255\n1 2', 'PGM')
        refused(b'\xff\xd8\xff\xe0' + bytes(1000), 'JPEG')
        refused(b'', 'no PNG, JPEG or PGM')
        refused(b'GIF89a', 'no PNG, JPEG or PGM')
        ctl('scan-image', '/nowhere/file', code=REFUSED)
        ctl('scan-image', code=USAGE)
        assert not till.events, till.events
        Ctl('/nowhere/till.sock')('scan-image', os.path.join(PICTURES, 'ticket.png'), code=NO_BRIDGE)


class Doctor:
    """tillctl doctor on a bridge: what it found, by check and what it is about."""

    def __init__(self, bridge, *words, code, root=None, socket=None):
        env = dict(os.environ, STATE_DIRECTORY=bridge.state)
        words = ('doctor', '--config', bridge.conf, *(('--root', root) if root else ()), *words)
        command = [program('tillctl'), '--socket', socket or bridge.path]
        said = subprocess.run([*command, '--json', *words], capture_output=True, text=True, env=env)
        assert said.returncode == code, f'exit {said.returncode}: {said.stdout}{said.stderr}'
        result = json.loads(said.stdout)
        assert result['ok'] == (code == DONE), result
        self.findings = result['findings']
        plain = subprocess.run([*command, *words], capture_output=True, text=True, env=env)
        assert plain.returncode == code, plain
        for finding in self.findings:
            what = 'MB are free' if finding['check'] == 'disk' else finding['what']
            assert what in plain.stdout, (finding, plain.stdout)
        assert plain.stdout.rstrip().endswith('all is well' if code == DONE else 'wrong'), plain.stdout

    def find(self, state, check, *words):
        """The one finding of that kind whose text holds the words."""
        found = [f for f in self.findings if f['state'] == state and f['check'] == check and
                 all(word in f['what'] + f.get('about', '') + f.get('cure', '') for word in words)]
        assert len(found) == 1, (state, check, words, self.findings)
        return found[0]


def all_is_well():
    with Scanner(idle='100ms') as s:
        doctor = Doctor(s.bridge, code=DONE)
        doctor.find('ok', 'device', 'counter', 'ready')
        doctor.find('ok', 'config')
        doctor.find('ok', 'disk')
        s.wire.send(b'no end')
        till_errors(s.till, 'counter', 1)
        doctor = Doctor(s.bridge, code=DONE)
        doctor.find('note', 'device', 'counter', 'no_terminator', 'suffix')


def the_bridge_is_not_there():
    bridge = Bridge()
    try:
        Doctor(bridge, code=REFUSED, socket='/nowhere/till.sock').find(
            'wrong', 'bridge', '/nowhere', 'never started', 'systemctl enable')
        bridge.start()
        bridge.stop(signal.SIGKILL, quietly=True)
        Doctor(bridge, code=REFUSED).find('wrong', 'bridge', 'nobody listens', 'journalctl')
        bridge.configure('[bridge]\nsite = a\nshop = b\n')
        Doctor(bridge, code=REFUSED).find('wrong', 'config', f'{bridge.conf}:3', 'unknown key shop')
    finally:
        bridge.remove()


def what_is_ill_is_named_with_its_cure():
    conf = ('[device counter]\ndriver = scanner-serial\naddress = tty:/dev/ttyUSB7\n'
            '[device one]\ndriver = printer-escpos\naddress = tcp:127.0.0.1:1\n'
            '[device two]\ndriver = printer-escpos\nprofile = default80\naddress = lp:/dev/usb/lp7\n'
            '[codes]\ncustomer = 4* 2912*\ncoupon = 29*\n'
            '[hub]\ntoken_file = /nowhere/token\n[http]\nkey = {key}\n')
    with Bridge() as bridge:
        bridge.stop()
        key = os.path.join(bridge.folder, 'key.pem')
        with open(key, 'w', encoding='ascii') as file:
            file.write('secret')
        os.chmod(key, 0o604)
        bridge.configure(conf.format(key=key))
        bridge.start()
        with bridge.connect() as till:
            till.call('customer.create', {'key': 'a', 'record': {'first_name': 'X'},
                                          'card': '3256220450003'})
            till.call('customer.create', {'key': 'b', 'record': {'first_name': 'Y'},
                                          'card': '2912345678901'})
        os.chmod(os.path.join(bridge.state, 'ledger.db'), 0o644)
        doctor = Doctor(bridge, code=REFUSED)
        doctor.find('wrong', 'device', 'counter', 'absent', '/dev/ttyUSB7 is not there')
        doctor.find('note', 'device', 'counter', 'another number')
        doctor.find('wrong', 'device', 'one', 'refuses the connection')
        doctor.find('note', 'printer', 'one', 'no profile')
        doctor.find('wrong', 'printer', 'none is the default', 'default = yes')
        doctor.find('wrong', 'codes', 'customer = 4*', 'articles')
        doctor.find('wrong', 'codes', 'coupon = 29*', 'ambiguous')
        doctor.find('wrong', 'cards', '1 of the cards', '[codes]')
        doctor.find('wrong', 'file', '/nowhere/token', 'tillctl pair')
        doctor.find('wrong', 'file', key, 'everybody')
        doctor.find('wrong', 'state', 'ledger.db', '0644')


def a_machine_with_its_culprits():
    """The same looked at in a folder: ModemManager, CUPS, a scanner that is a keyboard."""
    files = {'proc/17/comm': 'ModemManager\n', 'proc/18/comm': 'cupsd\n', 'proc/self/comm': 'x\n',
             'sys/class/input/event5/device/name': 'Honeywell Scanner Keyboard\n',
             'sys/class/input/event5/device/capabilities/key': 'e080ffdf01cfffff fffffffffffffffe\n',
             'sys/class/input/event5/device/id/vendor': '0c2e\n',
             'sys/class/input/event5/device/id/product': '0200\n',
             'sys/class/input/event6/device/name': 'AT Translated Set 2 keyboard\n',
             'dev/ttyUSB7': '', 'dev/serial/by-id/none': ''}
    conf = ('[device counter]\ndriver = scanner-serial\naddress = tty:/dev/ttyUSB7\n'
            '[device receipts]\ndriver = printer-escpos\nprofile = default80\n'
            'address = lp:/dev/usb/lp7\n')
    with Bridge(conf) as bridge, tempfile.TemporaryDirectory() as root:
        root = os.path.realpath(root)
        for path, text in files.items():
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), 'w', encoding='ascii') as file:
                file.write(text)
        os.symlink('../../ttyUSB7', os.path.join(root, 'dev/serial/by-id/usb-FT1'))
        doctor = Doctor(bridge, code=REFUSED, root=root)
        doctor.find('wrong', 'program', 'ModemManager', 'AT commands', 'rules')
        doctor.find('wrong', 'program', 'cupsd', 'lpadmin')
        doctor.find('wrong', 'keyboard', 'Honeywell', '0c2e:0200', 'HID POS', 'scanner-wedge')
        doctor.find('note', 'device', 'counter', 'tty:/dev/serial/by-id/usb-FT1')


def a_device_that_is_put_to_sleep():
    """By the kernel, or by TLP, which writes over what a rule wrote."""
    with Bus() as bus, tempfile.TemporaryDirectory() as root:
        bus.plug('ttyACM0', vid='1eab', pid='8006', serial='NL1', port='1-4.2')
        folder = os.path.join(root, 'sys/bus/usb/devices/1-4.2/power')
        os.makedirs(folder)
        os.makedirs(os.path.join(root, 'etc'))
        bridge = Bridge()
        bridge.start(env=bus.environment())
        try:
            with bridge.connect() as till:
                till.call('events.subscribe', {'kinds': ['device']})
                wait_state(till, 'scanner-serial-NL1', 'ready')
            for control, tlp, words in (('on', False, None), ('auto', False, 'ATTR{power/control}="on"'),
                                        ('auto', True, 'USB_DENYLIST="1eab:8006"')):
                with open(os.path.join(folder, 'control'), 'w', encoding='ascii') as file:
                    file.write(control + '\n')
                if tlp:
                    with open(os.path.join(root, 'etc/tlp.conf'), 'w', encoding='ascii'):
                        pass
                doctor = Doctor(bridge, code=DONE, root=root)
                if words:
                    doctor.find('note', 'sleep', 'scanner-serial-NL1', words, 'TLP' if tlp else 'the kernel')
                else:
                    assert not [f for f in doctor.findings if f['check'] == 'sleep'], doctor.findings
            bridge.stop()
        finally:
            bridge.remove()


class Setup:
    """tillctl setup under way: its questions are waited for, then answered."""

    def __init__(self, bridge, folder, *words):
        self.process = subprocess.Popen(
            [program('tillctl'), '--socket', bridge.path, 'setup', '--dir', folder, *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.text = ''

    def wait(self, words):
        while words not in self.text:
            ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
            chunk = os.read(self.process.stdout.fileno(), 4096) if ready else b''
            assert chunk, f'no "{words}" in\n{self.text}'
            self.text += chunk.decode(errors='replace')
        before, self.text = self.text.split(words, 1)
        return before

    def answer(self, question, line):
        before = self.wait(question)
        self.process.stdin.write(line.encode() + b'\n')
        self.process.stdin.flush()
        return before

    def end(self, code=DONE):
        out, _ = self.process.communicate(timeout=PATIENCE)
        self.text += out.decode(errors='replace')
        assert self.process.returncode == code, f'exit {self.process.returncode}: {self.text}'
        return self.text


def sections_in(folder):
    """{name: {key: value}} of what setup wrote."""
    parser = configparser.ConfigParser()
    where = os.path.join(folder, 'conf.d')
    parser.read(os.path.join(where, name) for name in sorted(os.listdir(where)))
    return {name.split(' ', 1)[1]: dict(parser[name]) for name in parser.sections()}


def begin_on(bus, bridge, *names):
    bridge.start(env=bus.environment())
    till = subscribed(bridge)
    for name in names:
        wait_state(till, name, 'ready')
    return till


def setup_walks_the_installer():
    """A scan says which scanner is meant; the ticket is looked at; addresses outlast replugging."""
    with Bus() as bus, tempfile.TemporaryDirectory() as etc:
        bus.plug('ttyACM0', vid='1eab', pid='8006', serial='NL1', port='1-1')
        bus.plug('hidraw0', serial='HP1', port='1-3')
        bus.plug('ttyUSB0', serial='FT1', port='1-2')
        bridge = Bridge()
        till = begin_on(bus, bridge, 'scanner-serial-NL1', 'scanner-hid-HP1')
        try:
            setup = Setup(bridge, etc)
            said = setup.wait('(Enter: no more)')
            assert 'scanner-serial-NL1' in said and 'scanner-serial-FT1' in said, said
            bus.scan('hidraw0', ']E03256220450003')
            said = setup.answer('to be called?', 'a name with blanks')
            assert '3256220450003 ean13, on scanner-hid-HP1' in said, said
            setup.answer('to be called?', 'till-1')
            setup.wait('(Enter: no more)')
            bus.scan('hidraw0', ']E04006381333931')
            setup.wait('has its name already')
            bus.scan('ttyACM0', '4006381333931')
            setup.answer('to be called?', '')
            # the scanners are through; the adapter is asked about
            setup.answer('or neither (n)?', 's')
            setup.answer('to be called?', '')
            said = setup.end()
            assert 'systemctl restart tillbridge' in said, said
            sections = sections_in(etc)
            assert sections == {
                'till-1': {'driver': 'scanner-hid', 'address': sections['till-1']['address']},
                'counter': {'driver': 'scanner-serial', 'address': 'usb:1eab:8006:NL1'},
                'counter-2': {'driver': 'scanner-serial', 'address': 'usb:0403:6001:FT1'},
            }, sections
            assert sections['till-1']['address'].endswith(':HP1'), sections
            till.close()
            bridge.stop()
            # what it wrote is what the daemon starts with
            with open(bridge.conf, 'a', encoding='utf-8') as conf:
                for name in sorted(os.listdir(os.path.join(etc, 'conf.d'))):
                    path = os.path.join(etc, 'conf.d', name)
                    assert os.stat(path).st_mode & 0o777 == 0o644, path
                    with open(path, encoding='utf-8') as part:
                        conf.write(part.read())
            till = begin_on(bus, bridge, 'counter', 'counter-2', 'till-1')
            again = Setup(bridge, etc).end()
            assert 'nothing was written' in again and again.count('(has its section)') == 3, again
        finally:
            till.close()
            bridge.remove()


def setup_tries_the_printer():
    with Bus() as bus, tempfile.TemporaryDirectory() as etc:
        bus.plug('usb/lp0', serial='TM1', port='1-4')
        bridge = Bridge()
        till = begin_on(bus, bridge, 'printer-escpos-TM1')
        try:
            setup = Setup(bridge, etc)
            setup.answer('to be called?', 'receipts')
            setup.answer('Did the ticket come out right', 'n')
            setup.answer('Then its profile is another', 'default58')
            setup.end()
            section = sections_in(etc)['receipts']
            assert section['driver'] == 'printer-escpos' and section['profile'] == 'default58', section
        finally:
            till.close()
            bridge.remove()


def setup_asks_nobody_and_writes_over_nothing():
    with Bus() as bus, tempfile.TemporaryDirectory() as etc:
        bus.plug('ttyACM0', vid='1eab', pid='8006', serial='NL1', port='1-1')
        bus.plug('ttyUSB0', serial='FT1', port='1-2')
        bridge = Bridge()
        till = begin_on(bus, bridge, 'scanner-serial-NL1')
        try:
            ctl = Ctl(bridge.path)
            path = os.path.join(etc, 'conf.d', 'device-counter.conf')
            assert ctl.json('setup', '--yes', '--dir', etc) == [{'written': [path]}]
            assert list(sections_in(etc)) == ['counter']
            os.remove(path)
            with open(path, 'w', encoding='utf-8') as file:
                file.write('; mine\n')
            assert 'nothing was written' in ctl('setup', '--yes', '--dir', etc)
            setup = Setup(bridge, etc)
            setup.wait('(Enter: no more)')
            bus.scan('ttyACM0', '4006381333931')
            setup.answer('to be called?', '')
            setup.answer('or neither (n)?', '')
            setup.answer('Write over it?', '')
            setup.end()
            with open(path, encoding='utf-8') as file:
                assert file.read() == '; mine\n'
            # who goes away in the middle has changed nothing
            setup = Setup(bridge, etc)
            setup.wait('(Enter: no more)')
            setup.process.stdin.close()
            setup.wait('nothing was written')
            assert setup.process.wait(PATIENCE) == REFUSED
            setup.process.stdout.close()
            assert ctl('setup', '--json', '--dir', etc, code=USAGE)
            ctl('setup', '--dir', '/nowhere/etc', code=REFUSED)
            ctl('setup', 'x', code=USAGE)
            Ctl('/nowhere/till.sock')('setup', '--yes', '--dir', etc, code=NO_BRIDGE)
        finally:
            till.close()
            bridge.remove()


def each_command_has_its_page():
    """tillctl(1) names each command of the list, and nothing else."""
    with open(os.path.join(ROOT, 'bridge', 'tillctl.1.scd'), encoding='utf-8') as file:
        paged = set(re.findall(r'^\*([a-z-]+)\*(?: |$)', file.read(), re.M))
    listed = {line.split()[0] for line in Ctl('/nowhere')('help').splitlines() if line.startswith('  ')}
    assert paged - {'tillctl'} == listed, paged ^ listed


TESTS = (captured_and_replayed, a_payment_card_is_written_as_refused, captured_while_it_is_pulled,
         reports_are_recorded_with_their_descriptor, keys_are_recorded_and_cards_are_not,
         a_printer_is_recorded_both_ways,
         captures_that_cannot_be, replays_that_need_no_bridge, pictures_are_scanned,
         pictures_that_hold_nothing_or_worse, all_is_well, the_bridge_is_not_there,
         what_is_ill_is_named_with_its_cure, a_machine_with_its_culprits, a_device_that_is_put_to_sleep,
         setup_walks_the_installer,
         setup_tries_the_printer, setup_asks_nobody_and_writes_over_nothing,
         each_command_has_its_page)


def main():
    tap = Tap()
    for test in TESTS:
        tap.run(test.__name__.replace('_', ' '), test)
    tap.done()


if __name__ == '__main__':
    main()
