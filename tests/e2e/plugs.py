#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Everything plugged and pulled again and again: a serial scanner, one in HID POS mode through the
kernel's node and one through libusb, a printer behind usbfs. Memory and descriptors stay where they
were, and a line that has hung up wakes nobody."""

import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from bridge import BUILD, ROOT, Bridge, program
from bus import Bus, sanitizer_of
from tap import Tap

CYCLES = 1000 if os.environ.get('TEST_LONG') else 30
GROWTH_KB = 600  # the last thousand events, and what an allocator keeps
NODES = {
    'ttyACM0': dict(vid='1eab', pid='8006', serial='S', port='1-1'),
    'hidraw0': dict(serial='H', port='1-2'),
    'usbprinter0': dict(vid='1234', pid='5678', serial='P', port='1-3', device_id='CMD:ESC/POS;'),
}
NAMES = ('scanner-serial-S', 'scanner-hid-H', 'printer-escpos-P')


class Fair:
    """A bus, a daemon on it, and a till that hears of devices."""

    def __init__(self, conf=''):
        self.bus = Bus()
        self.bridge = Bridge(conf)
        env = self.bus.environment()
        env['LD_PRELOAD'] += ' ' + os.path.join(BUILD, 'hw', 'sim', 'usbfs-seek.so')
        data = tempfile.mkdtemp(prefix='tillbridge-data-', dir=self.bridge.folder)
        os.symlink(os.path.join(ROOT, 'hw', 'devices'), os.path.join(data, 'devices'))
        self.bridge.start(env=dict(env, TILLBRIDGE_DATA_DIR=data))
        self.till = self.bridge.connect()
        self.till.call('events.subscribe', {'kinds': ['device']})

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.till.close()
        try:
            if self.bridge.process:
                self.bridge.stop(quietly=kind is not None)
        finally:
            if kind:
                print('# ' + self.bridge.log().replace('\n', '\n# '))
            self.bridge.remove()
            self.bus.__exit__()

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


def main():
    tap = Tap()
    for check in (plugged_again_and_again, the_port_changes_and_the_device_does_not,
                  what_has_hung_up_wakes_nobody):
        tap.run(check.__name__.replace('_', ' '), check)
    tap.done()


if __name__ == '__main__':
    main()
