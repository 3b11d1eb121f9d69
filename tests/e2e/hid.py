#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""HID POS scanners from the report to the event, on the fake bus: through the kernel's node and
through libusb, switched from a keyboard, lying, cut short, pulled in the middle, two of a kind."""

import base64
import os
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from bridge import PATIENCE
from bus import Rig
from tap import Skip, Tap

LAYOUT_A = ('058c0902a1010912a1028502150026ff007508950105010 93b8102058c09fb09fc09fd9503810209fe'
            '95388202010666ff09049501810295018103058c09ff2501750195018102750795018103c0c0').replace(' ', '')
KEYBOARD = ("05010906a101050719e029e71500250175019508810295017508810395067508150025650507"
            "190029658100c0")


class Counter(Rig):
    """A counter with scanners in HID POS mode."""

    def do(self, line, heard):
        self.bus.process.say(line)
        return self.bus.process.wait_line(heard)

    def report(self, node, report):
        self.do(f'send {node} {report.hex()}', f'sent {node}')

    def next_code(self):
        return self.till.event('scan')['code']


def layout_a(data, aim=b']Q1', more=False, count=None, size=64):
    """One report of layout A; count and size may lie."""
    report = bytes([2, len(data) if count is None else count]) + aim + data
    return (report.ljust(63, b'\0') + bytes([more]))[:size]


def layout_b(data, more=False):
    return (bytes([2, len(data)]) + data).ljust(63, b'\0') + bytes([more])


def layout_c(data, aim):
    return (bytes([2, len(data), 0]) + aim + data).ljust(64, b'\0')


def switched_from_a_keyboard():
    """The feature report goes out once; the device leaves, comes back and is the same one."""
    for node, port in (('hidraw0', '1-2'), ('usbscanner0', '1-3')):
        with Counter() as counter:
            name = f'scanner-hid-{port}'
            counter.bus.process.say(f'plug {node} vid=0c2e pid=0b61 port={port} switch=fe01')
            # the daemon may have sent its report before the bus has said that it plugged
            awaited = [f'plugged {node}', f'feature {node} fe01', f'unplugged {node}', f'plugged {node}']
            while awaited:
                line = counter.bus.process.wait_line('')
                told = next((other for other in awaited if line.startswith(other)), None)
                if told:
                    awaited.remove(told)
            counter.till.event('device', lambda p: p['state'] in ('lost', 'absent'))
            counter.till.event('device', lambda p: p['device'] == name and p['state'] == 'ready')
            counter.bus.scan(node, ']E03256220450003')
            scan = counter.till.event('scan')
            assert scan['device'] == name and scan['code'] == '3256220450003', scan
            assert list(counter.devices()) == [name], counter.devices()
            counter.bus.unplug(node)
            heard = counter.bus.process.heard
            assert heard.count(f'feature {node} fe01') == 1, heard


def no_feature_report_is_no_reason_not_to_read():
    """One that is in HID POS mode already may not know the report; what it may mean is said."""
    for node in ('hidraw0', 'usbscanner0'):
        with Counter(plug=[(node, dict(vid='23d0', pid='0001', port='1-2', features='no'))]) as counter:
            known = counter.wait_state('scanner-hid-1-2', 'ready')
            known = counter.devices()['scanner-hid-1-2']
            assert 'manual' in known['reason'], known
            counter.bus.scan(node, 'TBC-1')
            assert counter.next_code() == 'TBC-1'
            # it has been read: nothing is to be done any more
            counter.till.event('device', lambda p: p['state'] == 'ready' and 'reason' not in p)
            assert 'reason' not in counter.devices()['scanner-hid-1-2'], counter.devices()


def the_keyboards_interface_is_not_it():
    """Of a device that is both, the interface that is a scanner; the vendor's and the keyboard's
    nodes are neither opened nor shown, with a section and without."""
    nodes = [('hidraw0', dict(vid='0c2e', pid='0b61', port='1-2', descriptor=KEYBOARD.replace(' ', ''))),
             ('hidraw1', dict(vid='0c2e', pid='0b61', port='1-2', interface='1.1', shared='device',
                              descriptor='068cff0902a101150026ff007508953f09018102c0')),
             ('hidraw2', dict(vid='0c2e', pid='0b61', port='1-2', interface='1.2', shared='device'))]
    for conf, name in (('', 'scanner-hid-1-2'),
                       ('[device bar]\ndriver = scanner-hid\naddress = usb:0c2e:0b61\n', 'bar')):
        with Counter(conf, plug=nodes) as counter:
            counter.wait_state(name, 'ready')
            assert list(counter.devices()) == [name], counter.devices()
            counter.bus.scan('hidraw2', 'TBC-1')
            assert counter.next_code() == 'TBC-1'
            for node, _ in reversed(nodes):
                counter.bus.unplug(node)
            for node, keys in nodes:
                counter.bus.plug(node, **keys)
            counter.till.event('device', lambda p: p['device'] == name and p['state'] == 'ready')
            counter.bus.scan('hidraw2', 'TBC-2')
            assert counter.next_code() == 'TBC-2'


def through_libusb_where_the_kernel_made_no_node():
    """Found by its model, asked for its descriptor; the vendor's interface is given back."""
    for vendor in ('0', '1', 'no'):
        with Counter() as counter:
            counter.bus.plug('usbscanner0', serial='HP1', port='1-3', vendor=vendor)
            counter.till.event('device', lambda p: p['device'] == 'scanner-hid-HP1' and
                               p['state'] == 'ready')
            known = counter.devices()['scanner-hid-HP1']
            assert known['address'] == 'usb:@1-3' and known['vid'] == '1eab', known
            counter.bus.scan('usbscanner0', ']Q1TBC-' + 'x' * 7000)
            assert counter.next_code() == 'TBC-' + 'x' * 7000
            counter.bus.process.say('text usbscanner0 ]Q1TBC-half')
            counter.bus.process.wait_line('sent')
            counter.bus.unplug('usbscanner0')
            counter.till.event('device', lambda p: p['state'] == 'absent')
            counter.bus.plug('usbscanner0', serial='HP1', port='1-1', vendor=vendor)
            counter.till.event('device', lambda p: p['state'] == 'ready')
            counter.bus.scan('usbscanner0', 'TBC-1')
            assert counter.next_code() == 'TBC-1'
            counter.bridge.stop()
            counter.bus.process.wait_line('released usbscanner0')


def unknown_to_everybody_it_says_what_it_is():
    """No data file knows it and no driver of the kernel's has it: its own descriptor decides."""
    with Counter(models=False) as counter:
        counter.bus.plug('usbscanner0', vid='1234', pid='0001', port='1-3')
        counter.till.event('device', lambda p: p['device'] == 'scanner-hid-1-3' and
                           p['state'] == 'ready')
        counter.bus.plug('usbscanner1', vid='1234', pid='0002', port='1-4', vendor='no',
                         descriptor='05010904a1010930810 2c0'.replace(' ', ''))
        known = counter.till.event('device', lambda p: p['device'] == 'scanner-hid-1-4' and
                                   p['state'] == 'refused')
        assert 'no bar code scanner' in known['reason'], known


def the_kernels_driver_is_given_back():
    """An address that says usb: takes it from the kernel, whose node goes meanwhile."""
    conf = '[device bar]\ndriver = scanner-hid\naddress = usb:1eab:8010\n'
    with Counter(conf) as counter:
        counter.bus.plug('usbscanner0', port='1-3', driver='usbhid', node='hidraw0')
        counter.bus.process.wait_heard('detached usbscanner0 usbhid')
        counter.bus.process.wait_heard('unplugged hidraw0')
        counter.wait_state('bar', 'ready')
        counter.bus.scan('usbscanner0', 'TBC-1')
        assert counter.next_code() == 'TBC-1'
        assert list(counter.devices()) == ['bar'], counter.devices()
        counter.bridge.stop()
        counter.bus.process.wait_heard('attached usbscanner0 usbhid')


def without_a_section_the_kernels_node_is_read():
    with Counter() as counter:
        counter.bus.plug('usbscanner0', port='1-3', driver='usbhid', node='hidraw0', serial='HP1')
        counter.bus.process.wait_heard('plugged hidraw0 1-3')
        counter.wait_state('scanner-hid-HP1', 'ready')
        assert counter.devices()['scanner-hid-HP1']['address'] == 'hidraw:/dev/hidraw0'
        counter.bus.scan('hidraw0', 'TBC-1')
        assert counter.next_code() == 'TBC-1'
        counter.bus.unplug('usbscanner0')
        counter.till.event('device', lambda p: p['state'] == 'absent')


def stalls_are_cleared():
    with Counter(plug=[('usbscanner0', {'port': '1-3', 'vendor': 'no'})]) as counter:
        counter.wait_state('scanner-hid-1-3', 'ready')
        counter.do('stall usbscanner0 1', 'cleared usbscanner0')
        counter.bus.scan('usbscanner0', 'TBC-1')
        assert counter.next_code() == 'TBC-1'
        counter.do('stall usbscanner0 3', 'done stall')
        event = counter.till.event('device', lambda p: p['state'] == 'lost')
        assert 'three times' in event['reason'], event
        counter.till.event('device', lambda p: p['state'] == 'ready')
        counter.bus.scan('usbscanner0', 'TBC-2')
        assert counter.next_code() == 'TBC-2'


def reports_that_lie():
    """Cut short, longer than their field, continued by nothing: one error each, the next is whole."""
    for node in ('hidraw0', 'usbscanner0'):
        with Counter(plug=[(node, {'port': '1-3', 'vendor': 'no'})]) as counter:
            counter.wait_state('scanner-hid-1-3', 'ready')
            wrong = [
                [layout_a(b'x' * 10, count=57)],
                [layout_a(b'x' * 10, count=255)],
                [layout_a(b'abc', size=3)],
                [layout_a(b'x' * 20, count=40, size=30)],
                [layout_a(b'x' * 56, more=True), layout_a(b'y', count=99)],
                [layout_a(b'x' * 56, more=True), layout_a(b'y', count=99, more=True), layout_a(b'z')],
                # parts of a long code that were cut short: what follows them is no code
                [layout_a(b'x' * 56, more=True), layout_a(b'y' * 56, more=True, size=40), layout_a(b'z')],
                [layout_a(b'x' * 56, more=True, size=9), layout_a(b'y' * 56, more=True), layout_a(b'z')],
                [layout_a(b'x' * 56, more=True), layout_a(b'y' * 9, size=8)],
            ]
            for i, reports in enumerate(wrong):
                for report in reports:
                    counter.report(node, report)
                counter.report(node, layout_a(f'TBC-{i}'.encode()))
                assert counter.next_code() == f'TBC-{i}'
                assert counter.devices()['scanner-hid-1-3']['errors'] == i + 1, counter.devices()
            # no continuation within half a second: what came is dropped, and told nobody
            counter.report(node, layout_a(b'x' * 56, more=True))
            while counter.devices()['scanner-hid-1-3']['errors'] == len(wrong):
                pass
            assert counter.devices()['scanner-hid-1-3']['last_error'] == 'continuation_missing'
            counter.report(node, layout_a(b'TBC-late'))
            assert counter.next_code() == 'TBC-late'
            # an empty code is no event
            counter.report(node, layout_a(b''))
            counter.report(node, layout_a(b'TBC-end'))
            assert counter.next_code() == 'TBC-end'
            assert not [e for e in counter.till.events if e['method'] == 'scan'], counter.till.events


def descriptors_that_lie():
    """Cut short or contradicting themselves: the known layouts, by the look of the report."""
    cut = LAYOUT_A[:40]
    overlapping = LAYOUT_A.replace('9538', '95ff')
    for node in ('hidraw0', 'usbscanner0'):
        for descriptor in (cut, overlapping, 'none' if node == 'usbscanner0' else cut):
            with Counter(plug=[(node, {'port': '1-3', 'descriptor': descriptor})]) as counter:
                counter.wait_state('scanner-hid-1-3', 'ready')
                counter.report(node, layout_a(b'3256220450003', b']E0'))
                scan = counter.till.event('scan')
                assert scan['code'] == '3256220450003' and scan['aim'] == ']E0', scan
                counter.report(node, layout_b(b'x' * 56, more=True))
                counter.report(node, layout_b(b'TBC-B'))
                scan = counter.till.event('scan')
                assert scan['code'] == 'x' * 56 + 'TBC-B' and 'aim' not in scan, scan
                counter.report(node, layout_c(b'TBC-C', b']C1'))
                scan = counter.till.event('scan')
                assert scan['code'] == 'TBC-C' and scan['aim'] == ']C1', scan


def whatever_a_code_holds():
    """NUL, bytes that are no text, 7 kB, two within one millisecond, the same one again."""
    for node in ('hidraw0', 'usbscanner0'):
        with Counter(plug=[(node, {'port': '1-3'})]) as counter:
            counter.wait_state('scanner-hid-1-3', 'ready')
            counter.report(node, layout_a(b'a\0\xff\xc3\n'))
            scan = counter.till.event('scan')
            assert scan['code'] == 'a\ufffd\ufffd\ufffd\n', scan
            assert base64.b64decode(scan['raw']) == b'a\0\xff\xc3\n', scan
            long = ''.join(f'{i:07d}' for i in range(1000))
            counter.bus.scan(node, long)
            assert counter.next_code() == long
            counter.bus.process.say(f'send {node} {layout_a(b"TBC-1").hex()}\n'
                                    f'send {node} {layout_a(b"TBC-2").hex()}\n'
                                    f'send {node} {layout_a(b"TBC-1").hex()}\n'
                                    f'send {node} {layout_a(b"TBC-3").hex()}')
            assert [counter.next_code() for _ in range(3)] == ['TBC-1', 'TBC-2', 'TBC-3']
            counter.bus.scan(node, 'z' * 8193)
            counter.do(f'scan {node} ]C101095012345678901726010110AB\\x1d21X', 'sent')
            scan = counter.till.event('scan')
            assert scan['symbology'] == 'gs1-128', scan
            assert scan['fields'] == [{'ai': '01', 'value': '09501234567890'},
                                      {'ai': '17', 'value': '260101'}, {'ai': '10', 'value': 'AB'},
                                      {'ai': '21', 'value': 'X'}], scan
            assert counter.devices()['scanner-hid-1-3']['errors'] == 1, counter.devices()
            counter.report(node, layout_a(b'4111111111111111'))
            card = counter.till.event('card')
            assert card['error'] == 'payment_card_refused' and 'code' not in card, card


def two_of_a_kind():
    """Without serial numbers: by port; of two that one section means the first by port is it."""
    conf = '[device bar]\ndriver = scanner-hid\naddress = usb:1eab:8010\n'
    for kind in ('hidraw', 'usbscanner'):
        plug = [(f'{kind}0', {'port': '1-10'}), (f'{kind}1', {'port': '1-2'})]
        with Counter(plug=plug) as counter:
            for i, port in enumerate(('1-10', '1-2')):
                counter.wait_state(f'scanner-hid-{port}', 'ready')
                counter.bus.scan(f'{kind}{i}', f'TBC-{port}')
                scan = counter.till.event('scan')
                assert scan['device'] == f'scanner-hid-{port}' and scan['code'] == f'TBC-{port}', scan
        with Counter(conf, plug=plug) as counter:
            counter.wait_state('bar', 'ready')
            other = counter.wait_state('scanner-hid-1-10', 'refused')
            assert 'bar' in other['reason'] and 'port' in other['reason'], other
            assert counter.devices()['bar']['port'] == '1-2', counter.devices()
            counter.bus.unplug(f'{kind}1')
            counter.till.event('device', lambda p: p['device'] == 'bar' and p['state'] == 'ready')
            assert counter.devices()['bar']['port'] == '1-10', counter.devices()
            assert list(counter.devices()) == ['bar'], counter.devices()
            counter.bus.scan(f'{kind}0', 'TBC-5')
            assert counter.till.event('scan')['device'] == 'bar'


def equal_serial_numbers():
    """The first by port path has the number for its name, however the bus is looked at."""
    plug = [(f'hidraw{i}', {'serial': 'same', 'port': port}) for i, port in
            enumerate(('1-10', '1-2', '1-9'))]
    for order in (plug, plug[::-1]):
        with Counter(plug=order) as counter:
            for name in ('same', '1-9', '1-10'):
                counter.wait_state(f'scanner-hid-{name}', 'ready')
            assert counter.devices()['scanner-hid-same']['port'] == '1-2', counter.devices()


def set_to_something_else():
    """A section means a device that is plugged in and set to another mode: that is said, and it is
    not a second device."""
    for driver, address, node, other in (
            ('scanner-serial', 'usb:1eab:8010', 'hidraw0', 'scanner-hid'),
            ('scanner-hid', 'usb:@1-3', 'ttyACM0', 'scanner-serial')):
        conf = f'[device bar]\ndriver = {driver}\naddress = {address}\n'
        keys = {'port': '1-3'} if node == 'hidraw0' else {'port': '1-3', 'vid': '1eab', 'pid': '8006'}
        with Counter(conf) as counter:
            known = counter.wait_state('bar', 'absent')
            assert address in counter.devices()['bar']['reason'], known
            counter.bus.plug(node, **keys)
            known = counter.till.event('device', lambda p: p['state'] == 'refused')
            assert other in known['reason'] and '1-3' in known['reason'], known
            assert list(counter.devices()) == ['bar'], counter.devices()
            counter.bus.unplug(node)
            counter.till.event('device', lambda p: p['state'] == 'absent')
    conf = '[device bar]\ndriver = scanner-hid\naddress = tty:/dev/ttyACM0\n'
    with Counter(conf, plug=[('ttyACM0', {})]) as counter:
        known = counter.wait_state('bar', 'refused')
        assert 'hidraw:PATH' in known['reason'], known


def in_a_mode_that_nobody_reads():
    """Known for a scanner, and talking its maker's own language: listed with what to do."""
    own = '0600ff0901a10115002600ff75089540090281020903910 2c0'.replace(' ', '')
    with Counter() as counter:
        for vid, pid, word in (('05e0', '1900', 'SNAPI'), ('0c2e', '0007', 'IBM'), ('05f9', '120c', 'IBM')):
            counter.bus.plug('hidraw0', vid=vid, pid=pid, port='1-3', descriptor=own)
            known = counter.wait_state('scanner-hid-1-3', 'present')
            assert word in known['reason'] and ': set it to USB HID POS' in known['reason'], known
            counter.bus.unplug('hidraw0')
            counter.till.event('device', lambda p: p['state'] == 'absent')
        counter.bus.plug('hidraw0', vid='05e0', pid='1300', port='1-3')
        counter.wait_state('scanner-hid-1-3', 'ready')


def pulled_in_the_middle_of_a_code():
    """What came of it is told nobody, and the next code on another cable is whole."""
    for node in ('hidraw0', 'usbscanner0'):
        with Counter(plug=[(node, {'serial': 'A', 'port': '1-3'})]) as counter:
            counter.wait_state('scanner-hid-A', 'ready')
            for port in ('1-4', '1-5.1'):
                counter.report(node, layout_a(b'x' * 56, more=True))
                counter.bus.unplug(node)
                counter.till.event('device', lambda p: p['state'] == 'absent')
                counter.bus.plug(node, serial='A', port=port)
                counter.till.event('device', lambda p: p['state'] == 'ready')
                counter.report(node, layout_a(f'TBC-{port}'.encode()))
                assert counter.next_code() == f'TBC-{port}'


def claimed_across_cables_and_connections():
    """A claim outlasts a pulled cable, and not its connection; who asks for it may go as well."""
    with Counter(plug=[('hidraw0', {'serial': 'A', 'port': '1-1'})]) as counter:
        name = 'scanner-hid-A'
        counter.wait_state(name, 'ready')
        holder, asker = counter.bridge.connect(), counter.bridge.connect()
        holder.call('events.subscribe', {'kinds': ['scan']})
        holder.call('device.claim', {'device': name, 'timeout_ms': 0})
        counter.bus.unplug('hidraw0')
        known = counter.wait_state(name, 'absent')
        assert counter.devices()[name]['claimed_by'], known
        counter.bus.plug('hidraw3', serial='A', port='1-7')
        counter.till.event('device', lambda p: p['device'] == name and p['state'] == 'ready')
        counter.bus.scan('hidraw3', 'TBC-1')
        assert holder.event('scan')['code'] == 'TBC-1'
        asker.ask('device.claim', {'device': name, 'timeout_ms': 60000})
        assert holder.event('claim_asked')['device'] == name
        asker.close()
        refused = counter.till.refusal('device.claim', {'device': name, 'timeout_ms': 0})
        assert refused.code == 'device_claimed', refused
        number = None
        while number is None or counter.till.answers.pop(number, None):  # until the asker is gone
            number = counter.till.ask('device.claim', {'device': name, 'timeout_ms': 60000})
            counter.devices()
        holder.event('claim_asked')
        holder.close()
        assert counter.till.answer(number) == {'device': name}
        counter.bus.scan('hidraw3', 'TBC-2')
        assert counter.next_code() == 'TBC-2'
        assert not [e for e in counter.till.events if e['method'] == 'scan'], counter.till.events


def mappings_with(pid, secret):
    """The names of a process' mappings that hold these bytes."""
    found = []
    try:
        memory = open(f'/proc/{pid}/mem', 'rb', buffering=0)
    except PermissionError as error:
        raise Skip('the memory of another process cannot be read here') from error
    with memory, open(f'/proc/{pid}/maps', encoding='ascii') as maps:
        for line in maps:
            start, end = (int(word, 16) for word in line.split()[0].split('-'))
            if 'rw' not in line.split()[1] or end - start > 1 << 30:
                continue
            try:
                memory.seek(start)
                if secret in memory.read(end - start):
                    found.append(line.strip())
            except OSError:
                continue
    return found


def nothing_is_kept_of_a_payment_card():
    """Read by a scanner or sent by a till: refused, and a moment later in no mapping and no file."""
    number = '4929' + '12341234' + '1232'
    for node in ('hidraw0', 'usbscanner0'):
        with Counter(plug=[(node, {'port': '1-3'})]) as counter:
            counter.wait_state('scanner-hid-1-3', 'ready')
            counter.bus.scan(node, number)
            assert counter.till.event('card')['error'] == 'payment_card_refused'
            for method, params in (('scan.submit', {'code': number}),
                                   ('customer.lookup', {'card': number})):
                refused = counter.till.refusal(method, params)
                assert refused.code == 'payment_card_refused', refused
            end = time.monotonic() + PATIENCE
            while mappings_with(counter.bridge.process.pid, number.encode()):
                assert time.monotonic() < end, \
                    mappings_with(counter.bridge.process.pid, number.encode())
            for folder, _, names in os.walk(counter.bridge.folder):
                for name in names:
                    path = os.path.join(folder, name)
                    if os.path.isfile(path):
                        with open(path, 'rb') as file:
                            assert number.encode() not in file.read(), path


def locked_by_another():
    """Who has it is named; it is opened when it is let go."""
    import fcntl
    with Counter() as counter:
        path = os.path.join(counter.bus.folder, 'dev', 'hidraw0')
        counter.bus.plug('hidraw0', port='1-3', serial='A')
        counter.wait_state('scanner-hid-A', 'ready')
        counter.bridge.stop()
        with open(path, 'rb+', buffering=0) as node:
            fcntl.flock(node, fcntl.LOCK_EX)
            counter.bridge.start(env=counter.bus.environment())
            with counter.bridge.connect() as till:
                till.call('events.subscribe', {'kinds': ['device']})
                known = till.call('device.list')['devices'][0]
                assert known['state'] == 'busy', known
                assert f'pid {os.getpid()}' in known['reason'], known
                fcntl.flock(node, fcntl.LOCK_UN)
                till.event('device', lambda p: p['state'] == 'ready')


def main():
    tap = Tap()
    only = sys.argv[1:]
    for check in (switched_from_a_keyboard, no_feature_report_is_no_reason_not_to_read,
                  the_keyboards_interface_is_not_it,
                  through_libusb_where_the_kernel_made_no_node,
                  unknown_to_everybody_it_says_what_it_is, the_kernels_driver_is_given_back,
                  without_a_section_the_kernels_node_is_read, stalls_are_cleared, reports_that_lie,
                  descriptors_that_lie, whatever_a_code_holds, two_of_a_kind,
                  equal_serial_numbers, set_to_something_else,
                  in_a_mode_that_nobody_reads, pulled_in_the_middle_of_a_code,
                  claimed_across_cables_and_connections,
                  nothing_is_kept_of_a_payment_card, locked_by_another):
        if not only or check.__name__ in only:
            tap.run(check.__name__.replace('_', ' '), check)
    tap.done()


if __name__ == '__main__':
    main()
