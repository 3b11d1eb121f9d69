#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Serial scanners from the wire to the event: on the fake bus through libserialport and udev, and on
pseudo-terminals. What a scan means to a customer is another test's."""

import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from bridge import PATIENCE, Bridge
from bus import Bus, Wire, devices, on_bus, subscribed, till_errors, wait_state
from tap import Tap

def plugged_pulled_and_plugged_again():
    """A scanner that needs no section: its name, its scans, its absence, its return elsewhere."""
    with Bus() as bus:
        bus.plug('ttyACM0', vid='1eab', pid='8006', serial='NL1', port='1-1')
        with on_bus(bus) as (bridge, till):
            known = wait_state(till, 'scanner-serial-NL1', 'ready')
            known = devices(till)['scanner-serial-NL1']
            assert known['vid'] == '1eab' and known['pid'] == '8006', known
            assert known['serial'] == 'NL1' and known['port'] == '1-1', known
            assert known['address'] == 'tty:/dev/ttyACM0' and known['errors'] == 0, known
            bus.scan('ttyACM0', ']E03256220450003')
            scan = till.event('scan')
            assert scan['device'] == 'scanner-serial-NL1', scan
            assert scan['code'] == '3256220450003' and scan['kind'] == 'article', scan
            assert scan['symbology'] == 'ean13' and scan['aim'] == ']E0', scan
            bus.process.say('text ttyACM0 HALF')
            bus.process.wait_line('sent')
            bus.unplug('ttyACM0')
            till.event('device', lambda p: p['state'] == 'lost')
            till.event('device', lambda p: p['state'] == 'absent')
            assert 'scanner-serial-NL1' not in devices(till)
            bus.plug('ttyACM3', vid='1eab', pid='8006', serial='NL1', port='1-4.2')
            till.event('device', lambda p: p['state'] == 'ready')
            assert devices(till)['scanner-serial-NL1']['port'] == '1-4.2'
            bus.scan('ttyACM3', 'TBC-77')
            scan = till.event('scan')
            assert scan['code'] == 'TBC-77' and scan['kind'] == 'coupon', scan


def adapters_must_be_named():
    """A generic adapter is left alone without a section, and opened as the section says with one."""
    with Bus() as bus:
        bus.plug('ttyUSB0', serial='FT1', port='1-2')
        with on_bus(bus) as (bridge, till):
            known = devices(till)
            assert [d['state'] for d in known.values()] == ['present'], known
            assert 'section' in known['scanner-serial-FT1']['reason'], known
        with on_bus(bus, '[device counter]\ndriver = scanner-serial\naddress = usb:0403:6001:FT1\n'
                    'speed = 19200\nterminator = cr\n') as (bridge, till):
            wait_state(till, 'counter', 'ready')
            assert list(devices(till)) == ['counter'], devices(till)
            bus.process.say('settings ttyUSB0')
            said = bus.process.wait_line('settings ttyUSB0')
            assert said == 'settings ttyUSB0 19200 8N1 none', said
            bus.scan('ttyUSB0', 'TBG-1')
            assert till.event('scan')['kind'] == 'gift_card'


def by_id_is_followed():
    """A section that names a link finds its port under whatever number it comes back."""
    conf = ('[device counter]\ndriver = scanner-serial\n'
            'address = tty:/dev/serial/by-id/usb-Fake_FT1-if00-port0\n')
    with Bus() as bus, on_bus(bus, conf) as (bridge, till):
        wait_state(till, 'counter', 'absent')
        for node in ('ttyUSB0', 'ttyUSB1'):
            bus.plug(node, serial='FT1', port='1-2', by_id='usb-Fake_FT1-if00-port0')
            till.event('device', lambda p: p['device'] == 'counter' and
                       p['state'] == 'ready')
            bus.scan(node, f'TBC-{node}')
            assert till.event('scan')['code'] == f'TBC-{node}'
            bus.unplug(node)
            till.event('device', lambda p: p['device'] == 'counter' and
                       p['state'] == 'absent')
        assert list(devices(till)) == ['counter'], devices(till)


def seven_bits_are_refused_where_there_are_none():
    conf = ('[device counter]\ndriver = scanner-serial\naddress = tty:/dev/ttyUSB0\nmode = 7E1\n')
    with Bus() as bus:
        bus.plug('ttyUSB0', port='1-2')
        with on_bus(bus, conf) as (bridge, till):
            wait_state(till, 'counter', 'refused')
            reason = devices(till)['counter']['reason']
            assert '7E1' in reason and '/dev/ttyUSB0' in reason, reason


def hid_pos_needs_no_section():
    """Reports joined, by the descriptor; what is pulled in the middle of a code is never told."""
    with Bus() as bus, on_bus(bus) as (bridge, till):
        bus.plug('hidraw0', serial='HP1', port='1-3')
        till.event('device', lambda p: p['device'] == 'scanner-hid-HP1' and
                   p['state'] == 'ready')
        bus.scan('hidraw0', ']E03256220450003')
        scan = till.event('scan')
        assert scan['code'] == '3256220450003' and scan['symbology'] == 'ean13', scan
        bus.scan('hidraw0', ']Q1TBC-' + 'x' * 200)
        scan = till.event('scan')
        assert scan['code'] == 'TBC-' + 'x' * 200 and scan['aim'] == ']Q1', scan
        bus.process.say('text hidraw0 ]Q1TBC-half')
        bus.process.wait_line('sent')
        bus.unplug('hidraw0')
        till.event('device', lambda p: p['state'] == 'absent')
        bus.plug('hidraw2', serial='HP1', port='1-1')
        till.event('device', lambda p: p['state'] == 'ready')
        bus.scan('hidraw2', 'TBC-1')
        assert till.event('scan')['code'] == 'TBC-1'


def a_port_that_is_held_is_waited_for():
    """Busy, with who it may be; opened when it is left; not held by a daemon that was killed."""
    with Bus() as bus:
        bus.plug('ttyACM0', serial='NL1')
        bus.process.say('hold ttyACM0')
        bus.process.wait_line('held')
        with on_bus(bus) as (bridge, till):
            wait_state(till, 'scanner-serial-NL1', 'busy')
            reason = devices(till)['scanner-serial-NL1']['reason']
            assert '/dev/ttyACM0' in reason and 'held by' in reason, reason
            bus.process.say('leave ttyACM0')
            till.event('device', lambda p: p['state'] == 'ready')
            bridge.stop(signal.SIGKILL, quietly=True)
            bridge.start(env=bus.environment())
            with subscribed(bridge) as again:
                wait_state(again, 'scanner-serial-NL1', 'ready')


def a_section_names_one_of_two():
    """Two equal scanners are two devices, whatever node the kernel gave them."""
    conf = '[device counter]\ndriver = scanner-serial\naddress = usb:1eab:8006\n'
    with Bus() as bus:
        bus.plug('ttyACM0', port='1-10')
        bus.plug('ttyACM1', port='1-2')
        with on_bus(bus, conf) as (bridge, till):
            wait_state(till, 'counter', 'ready')
            known = devices(till)
            assert known['counter']['port'] == '1-2', known
            other = known['scanner-serial-1-10']
            assert other['state'] == 'refused' and 'counter' in other['reason'], other
            bus.scan('ttyACM1', 'TBC-2')
            assert till.event('scan')['device'] == 'counter'
            bus.unplug('ttyACM1')
            till.event('device', lambda p: p['device'] == 'counter' and p['state'] == 'ready')
            bus.scan('ttyACM0', 'TBC-10')
            assert till.event('scan')['device'] == 'counter'


def plugged_a_hundred_times():
    """Memory and descriptors stay where they were."""
    with Bus() as bus, on_bus(bus) as (bridge, till):
        for i in range(110):
            bus.plug('ttyACM0', serial='NL1')
            till.event('device', lambda p: p['state'] == 'ready')
            bus.process.say('unplug ttyACM0')
            till.event('device', lambda p: p['state'] == 'absent')
            bus.process.wait_line('unplugged')
            if i == 9:
                before = bridge.descriptors()
        assert bridge.descriptors() == before, (before, bridge.descriptors())


def a_pty_is_a_scanner_too():
    """Noise, half a code, long codes, bytes that are no text, a hang-up in the middle, a return."""
    bridge = Bridge()
    wire = Wire(os.path.join(bridge.folder, 'scanner'))
    bridge.configure(f'[device counter]\ndriver = scanner-serial\naddress = pty:{wire.link}\n'
                     'terminator = cr\nmax_length = 7000\n'
                     '[codes]\ncustomer = 2912* 55*\ncoupon = 2999*\n')
    with bridge:
        with subscribed(bridge) as till:
            wait_state(till, 'counter', 'ready')
            wire.send(b'half')
            till_errors(till, 'counter', 1)
            wire.send(b'2912345678901\r')
            scan = till.event('scan')
            assert scan == {**scan, 'device': 'counter', 'code': '2912345678901',
                            'kind': 'customer'}, scan
            assert till.event('customer', lambda p: p['scan'] == scan['seq'])['error']
            wire.send(b'x' * 4096 + b'\r')
            assert len(till.event('scan')['code']) == 4096
            wire.send(b'y' * 7000 + b'\r')
            assert len(till.event('scan')['code']) == 7000
            wire.send(b'z' * 7001 + b'\rTBC-1\r')
            assert till.event('scan')['code'] == 'TBC-1'
            assert devices(till)['counter']['errors'] == 2
            wire.send(b'a\x00\xff\n\r')
            scan = till.event('scan')
            assert scan['code'] == 'a\ufffd\ufffd\n' and scan['raw'] == 'YQD/Cg==', scan
            wire.send(b'4111111111111111\r')
            card = till.event('card')
            assert {k: card[k] for k in card if k not in ('seq', 'at')} == {
                'device': 'counter', 'error': 'payment_card_refused'}, card
            wire.send(b'never')
            wire.pull()
            till.event('device', lambda p: p['state'] == 'lost')
            till.event('device', lambda p: p['state'] == 'absent')
            wire.plug()
            till.event('device', lambda p: p['state'] == 'ready')
            wire.send(b'TBC-2\r')
            assert till.event('scan')['code'] == 'TBC-2'
        used = cpu(bridge)
        with subscribed(bridge) as till:
            wire.pull()
            till.event('device', lambda p: p['state'] == 'absent')
        assert cpu(bridge) - used < 1, 'a hung-up line spins'


def cpu(bridge):
    """Seconds of processor the daemon has used."""
    with open(f'/proc/{bridge.process.pid}/stat', encoding='ascii') as file:
        fields = file.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def a_claimant_has_the_scans_to_himself():
    bridge = Bridge()
    wire = Wire(os.path.join(bridge.folder, 'scanner'))
    bridge.configure(f'[device counter]\ndriver = scanner-serial\naddress = pty:{wire.link}\n')
    with bridge, subscribed(bridge) as first, subscribed(bridge) as second:
        wait_state(first, 'counter', 'ready')
        wire.send(b'TBC-1\r')
        assert first.event('scan')['code'] == second.event('scan')['code'] == 'TBC-1'
        first.call('device.claim', {'device': 'counter', 'timeout_ms': 0})
        wire.send(b'TBC-2\rTBC-3\r')
        assert first.event('scan')['code'] == 'TBC-2'
        assert first.event('scan')['code'] == 'TBC-3'
        number = second.ask('device.claim', {'device': 'counter'})
        asked = first.event('claim_asked')
        assert asked['device'] == 'counter' and asked['until'], asked
        first.call('device.release', {'device': 'counter'})
        second.answer(number)
        wire.send(b'TBC-4\r')
        assert second.event('scan')['code'] == 'TBC-4'
        assert not [e for e in second.events if e['method'] == 'scan'], second.events
        second.close()
        end = time.monotonic() + PATIENCE
        while 'claimed_by' in devices(first)['counter']:
            assert time.monotonic() < end, devices(first)
        wire.send(b'TBC-5\r')
        assert first.event('scan')['code'] == 'TBC-5'


def main():
    tap = Tap()
    for check in (a_pty_is_a_scanner_too, a_claimant_has_the_scans_to_himself,
                  plugged_pulled_and_plugged_again, adapters_must_be_named, by_id_is_followed,
                  a_port_that_is_held_is_waited_for, hid_pos_needs_no_section,
                  a_section_names_one_of_two, plugged_a_hundred_times,
                  seven_bits_are_refused_where_there_are_none):
        tap.run(check.__name__.replace('_', ' '), check)
    tap.done()


if __name__ == '__main__':
    main()
