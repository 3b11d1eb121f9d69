#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Everything plugged and pulled again and again: a serial scanner, one in HID POS mode through the
kernel's node and one through libusb, a printer behind usbfs. Memory and descriptors stay where they
were, and a line that has hung up wakes nobody."""

import glob
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from bridge import ROOT, program
from bus import Rig, sanitizer_of
from tap import Tap

CYCLES = 1000 if os.environ.get('TEST_LONG') else 30
GROWTH_KB = 600  # the last thousand events, and what an allocator keeps
NODES = {
    'ttyACM0': dict(vid='1eab', pid='8006', serial='S', port='1-1'),
    'hidraw0': dict(serial='H', port='1-2'),
    'usbprinter0': dict(vid='1234', pid='5678', serial='P', port='1-3', device_id='CMD:ESC/POS;'),
}
NAMES = ('scanner-serial-S', 'scanner-hid-H', 'printer-escpos-P')


class Fair(Rig):
    """A bus, a daemon on it, and a till that hears of devices."""

    def __init__(self, conf='', **settings):
        super().__init__(conf, kinds=['device'])

    def wait_all(self, state, names=NAMES):
        for name in names:
            self.till.event('device', lambda p: p['device'] == name and p['state'] == state)

    def plug_all(self):
        for node, keys in NODES.items():
            words = ' '.join(f'{key}={value}' for key, value in keys.items())
            self.bus.process.say(f'plug {node} {words}')

    def cycle(self, count):
        for _ in range(count):
            self.plug_all()
            self.wait_all('ready')
            for node in NODES:
                self.bus.process.say(f'unplug {node}')
            self.wait_all('absent')
            for node in NODES:
                self.bus.process.wait_line(f'unplugged {node}')
            self.till.events.clear()


def switches(bridge):
    """How often the kernel let it run, over all its threads."""
    total = 0
    for task in os.listdir(f'/proc/{bridge.process.pid}/task'):
        with open(f'/proc/{bridge.process.pid}/task/{task}/status', encoding='ascii') as file:
            total += sum(int(line.split()[1]) for line in file if 'ctxt_switches' in line)
    return total


def plugged_again_and_again():
    with Fair() as fair:
        fair.cycle(10)
        descriptors, memory = fair.bridge.descriptors(), fair.bridge.memory()
        fair.cycle(CYCLES)
        assert fair.bridge.descriptors() == descriptors, (descriptors, fair.bridge.descriptors())
        # a sanitizer keeps what was freed
        if not sanitizer_of(program('tillbridged')):
            assert fair.bridge.memory() < memory + GROWTH_KB, (memory, fair.bridge.memory())


def the_port_changes_and_the_device_does_not():
    """What is configured by its serial number has its name in every port, through libusb too."""
    conf = ('[device left]\ndriver = scanner-hid\naddress = usb:1eab:8010:L\n'
            '[device slip]\ndriver = printer-escpos\naddress = usb:1234:5678:P\n')
    with Fair(conf) as fair:
        for port in ('1-1', '1-4.2', '2-3'):
            fair.bus.plug('usbscanner0', serial='L', port=port)
            fair.bus.plug('usbprinter0', vid='1234', pid='5678', serial='P', port='5-' + port[2:])
            fair.wait_all('ready', ('left', 'slip'))
            listed = {d['device']: d for d in fair.till.call('device.list')['devices']}
            assert list(listed) == ['left', 'slip'], listed
            assert listed['left']['port'] == port, listed
            fair.bus.unplug('usbscanner0')
            fair.bus.unplug('usbprinter0')
            fair.wait_all('absent', ('left', 'slip'))


def what_has_hung_up_wakes_nobody():
    """The node stays and its other end goes, again and again: opened again more and more seldom."""
    with Fair() as fair:
        fair.bus.plug('ttyACM0', **NODES['ttyACM0'])
        fair.wait_all('ready', NAMES[:1])
        before = switches(fair.bridge)
        for _ in range(3):
            fair.bus.process.say('hangup ttyACM0')
            fair.wait_all('lost', NAMES[:1])
            fair.wait_all('ready', NAMES[:1])
        used = switches(fair.bridge) - before
        assert used < 600, f'{used} wake-ups for three hang-ups'


def words_that_were_lost_are_made_up_for():
    """udev spoke, and the socket ran over: all is looked at again, and who was there is not touched."""
    with tempfile.TemporaryDirectory() as folder:
        silence = os.path.join(folder, 'silence')
        with Fair(DEAF=silence) as fair:
            fair.bus.plug('ttyACM0', serial='goes', vid='1eab', pid='8006', port='1-1')
            fair.bus.plug('ttyACM1', serial='stays', vid='1eab', pid='8006', port='1-2')
            fair.wait_all('ready', ('scanner-serial-goes', 'scanner-serial-stays'))
            with open(silence, 'w', encoding='ascii'):
                pass
            fair.bus.unplug('ttyACM0')
            fair.bus.plug('ttyACM2', serial='comes', vid='1eab', pid='8006', port='1-3')
            os.unlink(silence)
            fair.till.events.clear()
            # the next words show that some were lost; they stand in the queue when all is looked at
            fair.bridge.process.send_signal(signal.SIGSTOP)
            fair.bus.plug('hidraw0', serial='last', port='1-4')
            fair.bridge.process.send_signal(signal.SIGCONT)
            fair.wait_all('ready', ('scanner-serial-comes', 'scanner-hid-last'))
            listed = {d['device']: d['state'] for d in fair.till.call('device.list')['devices']}
            assert listed == dict.fromkeys(
                ('scanner-serial-stays', 'scanner-serial-comes', 'scanner-hid-last'), 'ready'), listed
            fair.bus.plug('hidraw1', serial='done', port='1-5')  # whatever else udev said is heard
            fair.wait_all('ready', ('scanner-hid-done',))
            gone = [e['params'] for e in fair.till.events if e['params']['state'] in ('lost', 'absent')
                    and e['params']['device'] != 'scanner-serial-goes']
            assert not gone, gone


def makers_write_what_they_like():
    """Strings that are no text: the list is JSON all the same, and the name is plain."""
    with Fair() as fair:
        fair.bridge.process.send_signal(signal.SIGSTOP)
        fair.bus.plug('ttyACM0', vid='1eab', pid='8006', serial='S', product='P', port='1-1')
        for folder, _, files in os.walk(os.path.join(fair.bus.folder, 'sys', 'devices')):
            for name in {'serial', 'product'}.intersection(files):
                with open(os.path.join(folder, name), 'wb') as file:
                    file.write(b'A\xff"\x01/\xe2\x82;' + b'x' * 120 + b'\n')
        fair.bridge.process.send_signal(signal.SIGCONT)
        name = 'scanner-serial-A_______' + 'x' * 120
        fair.wait_all('ready', (name,))
        known = fair.till.call('device.list')['devices'][0]
        assert known['serial'] == 'A?"\x01/??;' + 'x' * 120, known
        assert name in tillctl(fair.bridge, 'devices').stdout


def no_state_without_its_cure():
    """Whatever way a device of each kind goes: why, and what to do about it, in one sentence; and
    tillctl says it on."""
    conf = ('[device left]\ndriver = scanner-hid\naddress = usb:1eab:8010:L\n'
            '[device nowhere]\ndriver = scanner-serial\naddress = tty:/dev/serial/by-id/no-such\n'
            '[device folder]\ndriver = scanner-serial\naddress = pty:/dev\n'
            '[device wedge]\ndriver = scanner-wedge\naddress = evdev:/dev/input/event0\n'
            '[device slip]\ndriver = printer-escpos\naddress = lp:/dev/usb/lp0\n'
            '[device net]\ndriver = printer-escpos\naddress = tcp:127.0.0.1:1\n')
    nodes = {'wedge': ('input/event0', dict(port='1-4')), 'slip': ('usb/lp0', dict(port='1-5')),
             'left': ('usbscanner0', dict(serial='L', port='1-6')),
             **dict(zip(NAMES, NODES.items()))}
    told = []

    def until(name, state):
        while told[-1:] != [(name, state)]:
            event = fair.till.event('device')
            told.append((event['device'], event['state']))
            if event['state'] != 'ready':
                culprit, _, cure = event.get('reason', '').partition(': ')
                assert culprit and cure, event

    with Fair(conf) as fair:
        for name, (node, keys) in nodes.items():
            fair.bus.process.say(f'plug {node} ' + ' '.join(f'{k}={v}' for k, v in keys.items()))
            until(name, 'ready')
            if node.startswith(('tty', 'input')):
                fair.bus.process.say(f'hangup {node}')
                until(name, 'lost')
                until(name, 'ready')
            fair.bus.process.say(f'unplug {node}')
            until(name, 'absent')
        for device in fair.till.call('device.list')['devices']:
            assert device['state'] != 'ready' and ': ' in device['reason'], device
        listed = tillctl(fair.bridge, 'devices').stdout
        doctor = json.loads(tillctl(fair.bridge, '--json', 'doctor').stdout)
        for name in ('left', 'nowhere', 'folder', 'wedge', 'slip', 'net'):
            line = next(line for line in listed.splitlines() if line.startswith(name + ' '))
            assert line.split()[2] == 'absent' and ': ' in line, line
            found = next(f for f in doctor['findings'] if f.get('about') == name)
            assert found['state'] == 'wrong' and found['cure'] and ': ' in found['what'], found


def who_is_known_is_let_in():
    """A model that needs no section needs no hand at its node either: the rules name it, by its ids
    or by what it is."""
    with open(os.path.join(ROOT, 'udev', '60-tillbridge.rules'), encoding='utf-8') as file:
        rules = [line for line in file if 'GROUP="tillbridge"' in line]
    labels = {'tty': 'idVendor', 'hidraw': 'idVendor', 'evdev': 'ID_INPUT_KEYBOARD'}
    for path in glob.glob(os.path.join(ROOT, 'hw', 'devices', '*.ini')):
        with open(path, encoding='utf-8') as file:
            models = re.split(r'(?m)^\[device\]$', file.read())[1:]
        for model in models:
            keys = dict(re.findall(r'(?m)^(\w+) = (.*)$', model))
            for node, usb in itertools.product(keys['node'].split(), keys['usb'].split()):
                if keys.get('claim') == 'no' or node not in labels:
                    continue
                assert any(names(rule, *usb.split(':')) for rule in rules if labels[node] in rule and
                           (node == 'evdev') == ('ID_INPUT_KEYBOARD' in rule)), (path, node, usb)


def names(rule, vendor, product):
    """Whether the rule is for these ids."""
    ids = dict(re.findall(r'ATTRS\{(idVendor|idProduct)\}=="([^"]*)"', rule))
    return vendor in ids.get('idVendor', '').split('|') and \
        (ids['idProduct'] == '?*' or product in ids['idProduct'].split('|'))


def tillctl(bridge, *words):
    return subprocess.run([program('tillctl'), '--socket', bridge.path, *words], check=False,
                          capture_output=True, text=True)


def main():
    tap = Tap()
    for check in (plugged_again_and_again, the_port_changes_and_the_device_does_not,
                  what_has_hung_up_wakes_nobody, words_that_were_lost_are_made_up_for,
                  makers_write_what_they_like, no_state_without_its_cure, who_is_known_is_let_in):
        tap.run(check.__name__.replace('_', ' '), check)
    tap.done()


if __name__ == '__main__':
    main()
