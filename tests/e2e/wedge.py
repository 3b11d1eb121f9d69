#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Scanners that are keyboards, from the key to the event, on the fake bus through libevdev. What a
layout has under which key is a unit test's business."""

import json
import os
import signal
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from bridge import PATIENCE, program
from bus import Bus, Listened, Printer, devices, on_bus, read_codes, wait_state
from tap import Skip, Tap

NODE = 'input/event0'
SECTION = '[device counter]\ndriver = scanner-wedge\naddress = evdev:/dev/input/event0\n'
# the simulated scanner may have to wait for a busy machine, and that is no silence
PATIENT = SECTION + 'idle = 5s\n'


def mapped(bridge, word):
    with open(f'/proc/{bridge.process.pid}/maps', encoding='utf-8') as maps:
        return any(word in line for line in maps)


def a_known_model_needs_no_section():
    """Its libraries come and go with it."""
    with Bus() as bus, on_bus(bus) as (bridge, till):
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
        if not mapped(bridge, 'libasan'):  # which wants to keep the names
            assert not mapped(bridge, 'libxkbcommon')
        bus.plug('input/event3', serial='HW1', port='1-4')
        till.event('device', lambda p: p['state'] == 'ready')
        bus.scan('input/event3', 'TBC-77')
        assert till.event('scan')['code'] == 'TBC-77'


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
        with on_bus(bus, SECTION + 'pass_through = yes\n[codes]\ncustomer = 2912*\n') as (bridge, till):
            program = TillProgram(bus)
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


def without_uinput_it_says_so():
    with Bus() as bus:
        bus.plug(NODE)
        with on_bus(bus, SECTION + 'pass_through = yes\n') as (bridge, till):
            wait_state(till, 'counter', 'ready')
            reason = devices(till)['counter']['reason']
            assert 'pass-through is off' in reason and 'modprobe uinput' in reason, reason
            bus.scan(NODE, '3256220450003')
            assert till.event('scan')['kind'] == 'article'


def events_of(bus, *events):
    bus.process.say(f'events {NODE} ' + ' '.join(f'{t}:{c}:{v}' for t, c, v in events))
    bus.process.wait_line('sent')


def read_under(layout, texts, **plug):
    """Each text as the scanner types it under its layout, and as the till gets it."""
    with Bus() as bus:
        bus.plug(NODE, layout=layout, **plug)
        with on_bus(bus, PATIENT + f'layout = {layout}\n') as (bridge, till):
            wait_state(till, 'counter', 'ready')
            for text in texts:
                bus.scan(NODE, text)
                scan = till.event('scan')
                assert scan['code'] == text, (layout, text, scan)


def layouts_are_the_scanners_own():
    """AltGr, dead keys, Alt and the keypad, Ctrl, one after the other under each layout."""
    signs = ['HA112', 'TBC-8:;,._/?', '@#[]{}|\\^`~', 'a"b\'c', 'Crème brûlée ñ', '12 €', 'α', 'A\u001dB']
    for layout in ('us', 'fr', 'be', 'de', 'ch(fr)'):
        read_under(layout, signs)


def the_light_of_caps_lock_counts():
    """From the start, and when another keyboard turns it on."""
    with Bus() as bus:
        bus.plug(NODE, lights=2)
        with on_bus(bus, SECTION) as (bridge, till):
            wait_state(till, 'counter', 'ready')
            bus.scan(NODE, 'tbc-1')
            assert till.event('scan')['code'] == 'TBC-1'
            bus.process.say(f'light {NODE} 1:0')
            bus.scan(NODE, 'TBC-2')
            assert till.event('scan')['code'] == 'TBC-2'


def it_is_taken_when_all_keys_are_up():
    """Else the desktop would never see the key released. Nothing typed before is a code."""
    with Bus() as bus:
        bus.plug(NODE)
        bus.process.say(f'press {NODE} 42:1')
        bus.process.wait_line('sent')
        with on_bus(bus, SECTION) as (bridge, till):
            known = till.event('device', lambda p: 'held down' in p.get('reason', '')) \
                if 'held down' not in devices(till)['counter'].get('reason', '') \
                else devices(till)['counter']
            assert known['state'] == 'opening', known
            bus.process.say(f'keys {NODE} 30:1 30:0')
            bus.process.wait_line('sent')
            bus.process.say(f'keys {NODE} 42:0')
            till.event('device', lambda p: p['state'] == 'ready')
            bus.process.wait_line('grabbed')
            bus.scan(NODE, 'TBC-1')
            assert till.event('scan')['code'] == 'TBC-1'


def who_has_it_already_is_told():
    with Bus() as bus:
        bus.plug(NODE)
        bus.process.say(f'hold {NODE}')
        bus.process.wait_line('held')
        with on_bus(bus, SECTION) as (bridge, till):
            known = wait_state(till, 'counter', 'busy')
            assert '/dev/input/event0' in devices(till)['counter']['reason'], known
            bus.process.say(f'leave {NODE}')
            till.event('device', lambda p: p['state'] == 'ready')
            listed = subprocess.run([program('tillctl'), '--socket', bridge.path, 'devices'],
                                    capture_output=True, text=True, check=True)
            assert [line.split() for line in listed.stdout.splitlines()
                    if line.startswith('counter')] == [['counter', 'scanner-wedge', 'ready']], listed


def what_is_no_scanner_is_refused():
    """Our own keyboard, and a setting that xkb does not have; a plain keyboard is left alone."""
    with Bus() as bus:
        bus.plug(NODE, product='tillbridge\\x20types\\x20on', bus=6)
        bus.plug('input/event1', vid='046d', pid='c31c', product='Keyboard', port='1-5')
        bus.plug('input/event2', vid='046d', pid='c31d', product='Keyboard', port='1-6')
        with on_bus(bus, SECTION + '[device other]\ndriver = scanner-wedge\nlayout = klingon\n'
                    'address = evdev:/dev/input/event1\n') as (bridge, till):
            wait_state(till, 'counter', 'refused')
            wait_state(till, 'other', 'refused')
            known = devices(till)
            assert 'itself types on' in known['counter']['reason'], known
            assert 'layout = klingon' in known['other']['reason'], known
            assert sorted(known) == ['counter', 'other'], known


def powerless():
    """What starts a program without the powers of root, so that a file's mode counts for it."""
    command = ['setpriv', '--bounding-set=-all'] if os.geteuid() == 0 else []
    if command and subprocess.run(command + ['true'], capture_output=True).returncode != 0:
        raise Skip('nothing here takes the powers of root away')
    return command


def without_access_the_cure_is_told():
    command = powerless()
    with Bus() as bus:
        bus.plug(NODE, mode='0000')
        with on_bus(bus, SECTION, prefix=command) as (bridge, till):
            wait_state(till, 'counter', 'no_access')
            reason = devices(till)['counter']['reason']
            assert '/dev/input/event0' in reason and '60-tillbridge.rules' in reason, reason


def bad_keys_cost_one_code():
    """Events the kernel had no room for, keys that repeat, codes of 7 kB, two in a millisecond."""
    with Bus() as bus:
        bus.plug(NODE)
        with on_bus(bus, PATIENT + 'debounce = 0s\nterminator = cr\n') as (bridge, till):
            wait_state(till, 'counter', 'ready')
            bus.process.say(f'text {NODE} TBC')
            # Shift goes down and the rest is lost; it is up again
            events_of(bus, (1, 42, 1), (0, 0, 0), (0, 3, 0), (1, 30, 1), (0, 0, 0))
            bus.scan(NODE, '-1')
            bus.scan(NODE, 'tbc-2')
            assert till.event('scan')['code'] == 'tbc-2'
            assert devices(till)['counter']['errors'] == 1, devices(till)
            events_of(bus, (1, 2, 1), (0, 0, 0), (1, 2, 2), (0, 0, 0), (1, 2, 2), (0, 0, 0),
                      (1, 2, 0), (0, 0, 0), (1, 999, 1), (0, 0, 0), (5, 7, 9), (0, 0, 0))
            bus.scan(NODE, '2')
            assert till.event('scan')['code'] == '12'
            long = ('Tb:7k-' * 1200)[:7000]
            bus.scan(NODE, long)
            assert till.event('scan')['code'] == long
            bus.process.say(f'text {NODE} one\\rtwo\\r')
            assert [till.event('scan')['code'] for _ in range(2)] == ['one', 'two']
            bus.scan(NODE, 'z' * 8193)
            bus.scan(NODE, 'after')
            assert till.event('scan')['code'] == 'after'
            assert devices(till)['counter']['errors'] == 2, devices(till)


def memory_of(process):
    """All that the process could write somewhere, in pieces."""
    with open(f'/proc/{process.pid}/maps', encoding='utf-8') as maps, \
            open(f'/proc/{process.pid}/mem', 'rb', buffering=0) as memory:
        for line in maps:
            where, rights = line.split()[:2]
            if 'w' not in rights or '[v' in line:
                continue
            start, end = (int(part, 16) for part in where.split('-'))
            if end - start > 1 << 28:  # a sanitizer's own notes about memory
                continue
            while start < end:
                try:
                    memory.seek(start)
                    piece = memory.read(min(end - start, 1 << 24))
                except OSError:
                    break
                if not piece:
                    break
                yield piece
                start += len(piece)


def a_payment_card_leaves_no_trace():
    """Typed with pass-through on: not told, not typed on, and nowhere in memory."""
    number = '4929608912345671'[:15]
    number += next(d for d in '0123456789' if luhn(number + d))
    with Bus() as bus:
        bus.plug('uinput')
        bus.plug(NODE)
        with on_bus(bus, SECTION + 'pass_through = yes\n') as (bridge, till):
            program = TillProgram(bus)
            wait_state(till, 'counter', 'ready')
            bus.scan(NODE, number)
            assert till.event('card')['error'] == 'payment_card_refused'
            bus.scan(NODE, '7')
            till.event('scan')
            assert program.keys(4) == typing_of('7\n')
            bus.scan(NODE, 'TBC-KEPT')
            till.event('scan')
            assert any(b'TBC-KEPT' in piece for piece in memory_of(bridge.process))
            wanted = [number.encode(), number.encode('utf-16-le'), bytes.fromhex(number),
                      bytes(0x1d + (int(d) or 10) for d in number)]
            for piece in memory_of(bridge.process):
                for form in wanted:
                    assert form not in piece, form


def luhn(digits):
    return sum(sum(divmod(2 * int(d), 10)) if i % 2 else int(d)
               for i, d in enumerate(reversed(digits))) % 10 == 0


def no_debugger_sees_an_open_wedge():
    command = powerless()

    def is_open_to_its_own_kind(process):
        return subprocess.run(command + ['cat', f'/proc/{process.pid}/environ'],
                              capture_output=True).returncode == 0

    with Bus() as bus, on_bus(bus, prefix=command) as (bridge, till):
        assert is_open_to_its_own_kind(bridge.process)
        bus.plug(NODE, serial='HW1')
        till.event('device', lambda p: p['state'] == 'ready')
        assert not is_open_to_its_own_kind(bridge.process)
        bus.unplug(NODE)
        till.event('device', lambda p: p['state'] == 'absent')
        assert is_open_to_its_own_kind(bridge.process)


def what_is_captured_can_be_replayed():
    """The keys of a payment card are not in it."""
    with Bus() as bus, tempfile.TemporaryDirectory() as folder:
        bus.plug(NODE, layout='fr', lights=2)
        with on_bus(bus, PATIENT + 'layout = fr\n') as (bridge, till):
            path = os.path.join(folder, 'keys.jsonl')
            wait_state(till, 'counter', 'ready')
            ctl = subprocess.Popen([program('tillctl'), '--socket', bridge.path, 'capture',
                                    'counter', path], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
            assert ctl.stderr.readline().startswith('recording ')
            for code in ('ab-1', '4929608912345671'[:15]):
                bus.scan(NODE, code)
                till.event('scan')
            bus.scan(NODE, '4111111111111111')
            till.event('card')
            bus.scan(NODE, 'end')
            till.event('scan')
            till.call('device.list')
            ctl.send_signal(signal.SIGINT)
            said = ctl.communicate(timeout=PATIENCE)[1]
            assert ctl.returncode == 0, said
            with open(path, encoding='utf-8') as file:
                lines = [json.loads(line) for line in file]
            assert sum(line.get('refused', False) for line in lines) == 1, lines
            said = subprocess.run([program('tillctl'), '--json', 'replay', path],
                                  capture_output=True, text=True, env=bridge.environment())
            replayed = [json.loads(line) for line in said.stdout.splitlines()]
            assert [line.get('code') for line in replayed] == [
                'AB-1', '492960891234567', None, 'END'], said


def tillsim_has_one():
    """A wedge that a vendor of tills can use without hardware."""
    sim = Listened([program('tillsim'), 'wedge', '--bus', '--layout', 'fr', '--serial', 'S1'])
    conf = ('[device counter]\ndriver = scanner-wedge\naddress = usb:0c2e:0204:S1\n'
            'layout = fr\n')
    with Bus(sim) as bus:
        assert sim.wait_line('listening') == 'listening /dev/input/event0'
        with on_bus(bus, conf) as (bridge, till):
            wait_state(till, 'counter', 'ready')
            sim.say('TB:Été-1\\x1d2')
            assert till.event('scan')['code'] == 'TB:Été-1\x1d2'
            sim.say('!hangup')
            till.event('device', lambda p: p['state'] == 'absent')
            sim.say('!plug')
            till.event('device', lambda p: p['state'] == 'ready')
            sim.say('2')
            assert till.event('scan')['code'] == '2'


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
    with Bus() as bus, on_bus(bus, PATIENT + 'layout = de\n') as (bridge, till):
        for layout in ('us', 'fr', 'be'):
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


def the_code_is_printed_and_the_section_written():
    with Bus() as bus, tempfile.TemporaryDirectory() as folder, Printer(folder) as printer:
        bus.plug(NODE, layout='fr', serial='HW1')
        with on_bus(bus, '[device counter]\ndriver = scanner-wedge\nidle = 5s\n'
                    'address = usb:0c2e:0204:HW1\n[device receipts]\ndriver = printer-escpos\n'
                    f'address = tcp:127.0.0.1:{printer.port}\nprofile = default80\n') as (bridge, till):
            wait_state(till, 'counter', 'ready')
            wait_state(till, 'receipts', 'ready')
            ctl = Listened([program('tillctl'), '--socket', bridge.path, 'calibrate',
                            'counter'])
            ctl.wait_line('Scan the code')
            codes = read_codes(printer.next_ticket() + '.png')
            assert len({data for _, data in codes}) == 1 and len(codes) == 2, codes
            bus.scan(NODE, codes[0][1])
            assert ctl.wait_line('It types as') == 'It types as fr.'
            assert ctl.wait_line('[') == '[device counter]'
            assert ctl.wait_line('address') == 'address = usb:0c2e:0204:HW1'
            assert ctl.wait_line('layout') == 'layout = fr'
            assert ctl.wait(PATIENCE) == 0, ctl.complaint
            ctl.end()
            for name, word in (('receipts', 'only a scanner'), ('none', 'device_unknown')):
                refused = subprocess.run([program('tillctl'), '--socket', bridge.path,
                                          'calibrate', name], capture_output=True, text=True)
                assert refused.returncode == 1 and word in refused.stderr, refused


def main():
    tap = Tap()
    for check in (a_known_model_needs_no_section, layouts_are_the_scanners_own,
                  the_light_of_caps_lock_counts, it_is_taken_when_all_keys_are_up,
                  who_has_it_already_is_told, what_is_no_scanner_is_refused,
                  without_access_the_cure_is_told, bad_keys_cost_one_code,
                  what_is_not_ours_is_typed_on, without_uinput_it_says_so,
                  a_payment_card_leaves_no_trace, no_debugger_sees_an_open_wedge,
                  what_is_captured_can_be_replayed, tillsim_has_one, one_code_tells_the_layout,
                  the_code_is_printed_and_the_section_written):
        tap.run(check.__name__.replace('_', ' '), check)
    tap.done()


if __name__ == '__main__':
    main()
