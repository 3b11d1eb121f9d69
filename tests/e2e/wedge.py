#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Scanners that are keyboards, from the key to the event, on the fake bus through libevdev. What a
layout has under which key is a unit test's business."""

import json
import os
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from bridge import PATIENCE, Bridge, program
from bus import Bus, Listened, Printer, read_codes
from scanner import devices, start_on, subscribed, wait_state
from tap import Tap

NODE = 'input/event0'
SECTION = ('[device counter]\ndriver = scanner-wedge\naddress = evdev:/dev/input/event0\n')


def mapped(bridge, word):
    with open(f'/proc/{bridge.process.pid}/maps', encoding='utf-8') as maps:
        return any(word in line for line in maps)


def a_known_model_needs_no_section():
    """Its libraries come and go with it."""
    with Bus() as bus:
        bridge = Bridge()
        start_on(bus, bridge)
        try:
            with subscribed(bridge) as till:
                for word in ('libxkbcommon', 'libevdev', 'scanner-wedge'):
                    assert not mapped(bridge, word), word
                bus.plug(NODE, serial='HW1', port='1-1')
                till.event('device', lambda p: p['state'] == 'ready')
                bus.process.wait_line('grabbed')
                known = devices(till)['scanner-wedge-HW1']
                assert known['driver'] == 'scanner-wedge', known
                assert known['address'] == 'evdev:/dev/input/event0', known
                assert mapped(bridge, 'libxkbcommon') and mapped(bridge, 'libevdev')
                bus.scan(NODE, 'TB:Abc-12_3')
                scan = till.event('scan')
                assert scan['code'] == 'TB:Abc-12_3' and scan['kind'] == 'customer', scan
                bus.scan(NODE, '3256220450003')
                assert till.event('scan')['kind'] == 'article'
                bus.process.say(f'text {NODE} HALF')
                bus.process.wait_line('sent')
                bus.unplug(NODE)
                till.event('device', lambda p: p['state'] == 'lost')
                till.event('device', lambda p: p['state'] == 'absent')
                bus.plug('input/event3', serial='HW1', port='1-4')
                till.event('device', lambda p: p['state'] == 'ready')
                bus.scan('input/event3', 'TBC-77')
                assert till.event('scan')['code'] == 'TBC-77'
            bridge.stop()
        finally:
            bridge.remove()


class TillProgram:
    """What reads the keyboard that the daemon types on."""

    def __init__(self, bus):
        self.bus, self.data = bus, b''

    def keys(self, count):
        """(code, value) of the next keys."""
        keys = []
        while len(keys) < count:
            while len(self.data) < 24:
                line = self.bus.process.wait_line('received uinput')
                self.data += bytes.fromhex(line.split()[2])
            kind, code, value = struct.unpack('<16xHHi', self.data[:24])
            self.data = self.data[24:]
            if kind == 1:
                keys.append((code, value))
        return keys


def typing_of(text):
    """The keys of digits and Enter, pressed and released."""
    codes = [28 if sign == '\n' else 11 if sign == '0' else int(sign) + 1 for sign in text]
    return [(code, value) for code in codes for value in (1, 0)]


def what_is_not_ours_is_typed_on():
    with Bus() as bus:
        bus.plug('uinput')
        bus.plug(NODE)
        bridge = Bridge(SECTION + 'pass_through = yes\n[codes]\ncustomer = 2912*\n')
        start_on(bus, bridge)
        program = TillProgram(bus)
        try:
            with subscribed(bridge) as till:
                known = wait_state(till, 'counter', 'ready')
                assert 'reason' not in devices(till)['counter'], known
                bus.process.wait_line('made uinput')
                for _ in range(2):  # no window against double readings
                    bus.scan(NODE, '3256220450003')
                    assert till.event('scan')['kind'] == 'article'
                    assert program.keys(28) == typing_of('3256220450003\n')
                bus.scan(NODE, '2912345678901')
                assert till.event('scan')['kind'] == 'customer'
                bus.scan(NODE, '4111111111111111')
                assert till.event('card')['error'] == 'payment_card_refused'
                bus.scan(NODE, '123')
                scan = till.event('scan')
                assert scan['code'] == '123' and scan['kind'] == 'unknown', scan
                assert program.keys(8) == typing_of('123\n')
                bus.process.say(f'keys {NODE} 28:1 28:0')
                assert program.keys(2) == typing_of('\n')
                bus.process.say(f'keys {NODE} 59:1 59:0')
                assert program.keys(2) == [(59, 1), (59, 0)]
            bridge.stop()
        finally:
            bridge.remove()


def without_uinput_it_says_so():
    with Bus() as bus:
        bus.plug(NODE)
        bridge = Bridge(SECTION + 'pass_through = yes\n')
        start_on(bus, bridge)
        try:
            with subscribed(bridge) as till:
                wait_state(till, 'counter', 'ready')
                reason = devices(till)['counter']['reason']
                assert 'pass-through is off' in reason and 'modprobe uinput' in reason, reason
                bus.scan(NODE, '3256220450003')
                assert till.event('scan')['kind'] == 'article'
            bridge.stop()
        finally:
            bridge.remove()


def calibrated(bridge, bus, code=None):
    """What tillctl calibrate shows and finds, as lines of JSON."""
    ctl = Listened([program('tillctl'), '--socket', bridge.path, '--json', 'calibrate', 'counter'])
    try:
        shown = json.loads(ctl.wait_line('{'))
        bus.scan(NODE, code or shown['code'])
        found = json.loads(ctl.wait_line('{'))
        assert ctl.wait(PATIENCE) == 0, ctl.complaint
    finally:
        ctl.end()
    return shown, found


def one_code_tells_the_layout():
    """Whatever the section says; nobody else hears of that code, and afterwards scans go on."""
    with Bus() as bus:
        bridge = Bridge(SECTION + 'layout = de\n')
        start_on(bus, bridge)
        try:
            with subscribed(bridge) as till:
                for layout in ('us', 'fr', 'be', 'de', 'ch', 'gb', 'it', 'es'):
                    bus.plug(NODE, layout=layout)
                    till.event('device', lambda p: p['state'] == 'ready')
                    shown, found = calibrated(bridge, bus)
                    assert shown['printed'] is False, shown
                    assert found['layout'] == layout and found['caps_lock'] is False, found
                    bus.unplug(NODE)
                    till.event('device', lambda p: p['state'] == 'absent')
                assert not [e for e in till.events if e['method'] == 'scan'], till.events
                bus.plug(NODE, layout='de', lights=2)
                till.event('device', lambda p: p['state'] == 'ready')
                assert calibrated(bridge, bus)[1]['caps_lock'] is True
                bus.scan(NODE, '12345')
                assert till.event('scan')['code'] == '12345'
            bridge.stop()
        finally:
            bridge.remove()


def the_code_is_printed_and_the_section_written():
    with Bus() as bus, tempfile.TemporaryDirectory() as folder, Printer(folder) as printer:
        bus.plug(NODE, layout='fr', serial='HW1')
        bridge = Bridge('[device receipts]\ndriver = printer-escpos\n'
                        f'address = tcp:127.0.0.1:{printer.port}\nprofile = default80\n')
        start_on(bus, bridge)
        try:
            with subscribed(bridge) as till:
                wait_state(till, 'scanner-wedge-HW1', 'ready')
                wait_state(till, 'receipts', 'ready')
                ctl = Listened([program('tillctl'), '--socket', bridge.path, 'calibrate',
                                'scanner-wedge-HW1'])
                ctl.wait_line('Scan the code')
                codes = read_codes(printer.next_ticket() + '.png')
                assert len({data for _, data in codes}) == 1 and len(codes) == 2, codes
                bus.scan(NODE, codes[0][1])
                assert ctl.wait_line('It types as') == 'It types as fr.'
                assert ctl.wait_line('[') == '[device scanner-wedge-HW1]'
                assert ctl.wait_line('address') == 'address = usb:0c2e:0204:HW1'
                assert ctl.wait_line('layout') == 'layout = fr'
                assert ctl.wait(PATIENCE) == 0, ctl.complaint
                ctl.end()
                for name, word in (('receipts', 'only a scanner'), ('none', 'device_unknown')):
                    refused = subprocess.run([program('tillctl'), '--socket', bridge.path,
                                              'calibrate', name], capture_output=True, text=True)
                    assert refused.returncode == 1 and word in refused.stderr, refused
            bridge.stop()
        finally:
            bridge.remove()


def main():
    tap = Tap()
    for check in (a_known_model_needs_no_section, what_is_not_ours_is_typed_on,
                  without_uinput_it_says_so, one_code_tells_the_layout,
                  the_code_is_printed_and_the_section_written):
        tap.run(check.__name__.replace('_', ' '), check)
    tap.done()


if __name__ == '__main__':
    main()
