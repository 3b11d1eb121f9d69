# SPDX-License-Identifier: MIT
"""Scanners on a real kernel: from what comes over the cable to the `scan` event, pulled out, and put in
again elsewhere. What a code means to a customer is another test's."""

import fcntl
import os
import re
import stat
import termios

import gadgets
from gadgets import AcmScanner, HidScanner, wait_for
from till import Subscribed, configure, mode_of, run, show

ADAPTER = '/dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_FT1-if00-port0'
CONF = f'''
[device counter]
driver = scanner-serial
address = tty:{ADAPTER}
speed = 9600
terminator = cr
[device side]
driver = scanner-serial
address = usb:0403:6001:FT2
speed = 9600
mode = 7E1
terminator = cr
'''
world = {}  # what prepare() has made


def prepare(outside):
    gadgets.load()
    world.update(outside=outside,
                 acm=AcmScanner('till-acm', '1eab', '8006', 'NL1'),
                 twin=AcmScanner('till-twin', '1eab', '8006', 'NL2'),
                 hid=HidScanner('till-hid', '0c2e', '0b61', 'HP1'),
                 stalls=HidScanner('till-stalls', '0c2e', '0b61', 'HP3', takes=False),
                 stranger=HidScanner('till-stranger', '1234', '4321', 'HP2'))
    configure(CONF)


def tidy():
    for thing in world.values():
        if isinstance(thing, gadgets.Gadget):
            thing.tidy()
    for name in ('ftdi', 'ftdi7'):
        world['outside'].ask('tidy', name=name)


def plug_adapter(name, cable, serial, port='1'):
    world['outside'].ask('plug', driver='usb-serial', id=name, chardev=f'cable{cable}', serial=serial,
                         port=port)


def unplug_adapter(name):
    world['outside'].ask('unplug', name=name)


def send(cable, data):
    world['outside'].ask('send', cable=cable, data=data.hex())


def line_settings(path):
    """(speed, bits, parity) of a line that somebody else has open."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        _, _, cflag, _, _, speed, _ = termios.tcgetattr(fd)
    finally:
        os.close(fd)
    bits = {termios.CS7: 7, termios.CS8: 8}[cflag & termios.CSIZE]
    parity = 'N' if not cflag & termios.PARENB else 'O' if cflag & termios.PARODD else 'E'
    return {termios.B9600: 9600}.get(speed, speed), bits, parity


def an_ftdi_scanner_is_plugged_pulled_and_plugged_again():
    """The same device in another port; what was read before it was pulled is never told."""
    with Subscribed() as till:
        till.wait_state('counter', 'absent')
        plug_adapter('ftdi', 0, 'FT1', '1')
        till.wait_state('counter', 'ready')
        first = till.devices()['counter']
        assert first['vid'] == '0403' and first['serial'] == 'FT1', first
        assert line_settings(ADAPTER) == (9600, 8, 'N'), line_settings(ADAPTER)
        assert mode_of(os.path.realpath(ADAPTER)) == '0660 root dialout'
        send(0, b'3256220450003\r')
        scan = till.scan('counter', '3256220450003')
        assert scan['kind'] == 'article', scan
        send(0, b'half a co')
        unplug_adapter('ftdi')
        till.wait_state('counter', 'absent')
        plug_adapter('ftdi', 0, 'FT1', '2')
        till.wait_state('counter', 'ready')
        second = till.devices()['counter']
        assert second['port'] != first['port'], (first, second)
        send(0, b'TBC-1\r')
        till.scan('counter', 'TBC-1')
        unplug_adapter('ftdi')
        till.wait_state('counter', 'absent')


def seven_bits_and_even_parity():
    with Subscribed() as till:
        plug_adapter('ftdi7', 1, 'FT2', '3')
        node = till.wait_state('side', 'ready')['address'].split(':', 1)[1]
        tty = [os.path.join('/dev/serial/by-id', name) for name in os.listdir('/dev/serial/by-id')
               if 'FT2' in name]
        assert line_settings(tty[0]) == (9600, 7, 'E'), (node, line_settings(tty[0]))
        send(1, b']E04006381333931\r')
        scan = till.scan('side', '4006381333931')
        assert scan['symbology'] == 'ean13', scan
        unplug_adapter('ftdi7')
        till.wait_state('side', 'absent')


def an_acm_scanner_needs_no_section():
    name, acm = 'scanner-serial-NL1', world['acm']
    with Subscribed() as till:
        acm.plug(0)
        known = till.wait_state(name, 'ready')
        node = known['address'].split(':', 1)[1]
        assert stat.S_ISCHR(os.stat(node).st_mode)
        assert mode_of(node) == '0660 root tillbridge', mode_of(node)
        acm.send(b']Q1TB:q1w2e3\r')
        scan = till.scan(name, 'TB:q1w2e3')
        assert scan['kind'] == 'customer' and scan['symbology'] == 'qr', scan
        acm.send(b'x' * 4000 + b'\r')
        till.scan(name, 'x' * 4000)
        acm.unplug()
        till.wait_state(name, 'absent')
        acm.plug(1)
        till.wait_state(name, 'ready')
        assert till.devices()[name]['port'] != known['port']
        acm.send(b'TBC-2\r')
        till.scan(name, 'TBC-2')
        acm.unplug()
        till.wait_state(name, 'absent')


def two_equal_scanners_are_two_devices():
    with Subscribed() as till:
        world['acm'].plug(1)
        till.wait_state('scanner-serial-NL1', 'ready')
        world['twin'].plug(2)
        till.wait_state('scanner-serial-NL2', 'ready')
        world['twin'].send(b'TBC-4\r')
        till.scan('scanner-serial-NL2', 'TBC-4')
        world['acm'].send(b'TBC-3\r')
        till.scan('scanner-serial-NL1', 'TBC-3')
        world['twin'].unplug()
        till.wait_state('scanner-serial-NL2', 'absent')
        world['acm'].send(b'TBC-5\r')
        till.scan('scanner-serial-NL1', 'TBC-5')
        world['acm'].unplug()


def a_port_that_is_held_names_its_holder():
    """And who has a claim is named too: the service may read what programs are called."""
    name, acm = 'scanner-serial-NL1', world['acm']
    run('systemctl', 'stop', 'tillbridge.service')
    acm.plug(0)
    node = wait_for('the port', lambda: os.path.exists('/dev/ttyACM0') and '/dev/ttyACM0')
    with open(node, 'rb', buffering=0) as port:
        fcntl.flock(port, fcntl.LOCK_EX | fcntl.LOCK_NB)
        run('systemctl', 'start', 'tillbridge.service')
        with Subscribed() as till:
            known = till.wait_state(name, 'busy')
            assert f'python3 (pid {os.getpid()})' in known['reason'], known
    with Subscribed() as till:
        till.wait_state(name, 'ready')
        till.call('device.claim', {'device': name})
        assert 'python3' in till.devices()[name]['claimed_by'], till.devices()
        acm.unplug()
        till.wait_state(name, 'absent')


def hid_pos(name, gadget):
    with Subscribed() as till:
        gadget.plug(0)
        known = till.wait_state(name, 'ready')
        node = known['address'].split(':', 1)[1]
        assert re.match('/dev/hidraw[0-9]+$', node), known
        assert mode_of(node) == '0660 root tillbridge', mode_of(node)
        gadget.scan('3256220450003', b']E0')
        scan = till.scan(name, '3256220450003')
        assert scan['symbology'] == 'ean13' and scan['kind'] == 'article', scan
        gadget.scan('TBC-' + 'y' * 300, b']Q1')
        till.scan(name, 'TBC-' + 'y' * 300)
        # a code whose continuation will never come
        gadget.report(b'\x02\x38]Q1' + b'z' * 56 + b'\0\0\x01')
        gadget.unplug()
        till.wait_state(name, 'absent')
        gadget.plug(1)
        till.wait_state(name, 'ready')
        gadget.scan('TBC-6')
        till.scan(name, 'TBC-6')
        gadget.unplug()
        till.wait_state(name, 'absent')


def a_hid_pos_scanner_needs_no_section():
    hid_pos('scanner-hid-HP1', world['hid'])


def a_honeywell_is_switched_by_its_feature_report():
    with Subscribed() as till:
        world['hid'].plug(0)
        till.wait_state('scanner-hid-HP1', 'ready')
        assert world['hid'].was_sent() == b'\xfe\x01'
        world['hid'].unplug()
        till.wait_state('scanner-hid-HP1', 'absent')


def a_honeywell_without_that_report_works_too():
    hid_pos('scanner-hid-HP3', world['stalls'])


def a_hid_pos_scanner_of_nobody_known_works_too():
    hid_pos('scanner-hid-HP2', world['stranger'])


def through_libusb_and_given_back():
    """Named by "usb:" it is taken from the kernel's driver, which has it again afterwards."""
    configure('[device pos]\ndriver = scanner-hid\naddress = usb:0c2e:0b61:HP1\n')
    hid = world['hid']
    with Subscribed() as till:
        till.wait_state('pos', 'absent')
        hid.plug(0)
        till.wait_state('pos', 'ready')
        assert not os.listdir('/sys/class/hidraw'), 'the kernel has it still'
        assert list(till.devices()) == ['pos'], till.devices()
        assert hid.was_sent() == b'\xfe\x01'
        hid.scan('TBC-' + 'l' * 100, b']Q1')
        till.scan('pos', 'TBC-' + 'l' * 100)
        hid.unplug()
        till.wait_state('pos', 'absent')
        hid.plug(1)
        till.wait_state('pos', 'ready')
        hid.scan('TBC-8')
        till.scan('pos', 'TBC-8')
    run('systemctl', 'stop', 'tillbridge.service')
    wait_for('the kernel\'s node', os.listdir, '/sys/class/hidraw')
    hid.unplug()


def no_access_tells_the_cure():
    """A device of a maker that no rule knows, asked for through libusb: not opened, and why."""
    configure('[device pos]\ndriver = scanner-hid\naddress = usb:1234:4321:HP2\n')
    with Subscribed() as till:
        world['stranger'].plug(0)
        known = till.wait_state('pos', 'no_access')
        assert '60-tillbridge.rules' in known['reason'], known
        world['stranger'].unplug()
        till.wait_state('pos', 'absent')
    configure(CONF)


def plugged_again_and_again():
    """Memory is another test's; no descriptor and no device is left behind."""
    name, pid = 'scanner-serial-NL1', show('MainPID')
    counts = []
    with Subscribed() as till:
        for cycle in range(8):
            world['acm'].plug(cycle % 4)
            till.wait_state(name, 'ready')
            world['acm'].send(f'TBC-{cycle}\r'.encode())
            till.scan(name, f'TBC-{cycle}')
            world['acm'].unplug()
            till.wait_state(name, 'absent')
            counts.append(len(os.listdir(f'/proc/{pid}/fd')))
        till.wait_gone(name)
    assert counts[-1] == counts[1], counts


TESTS = (an_ftdi_scanner_is_plugged_pulled_and_plugged_again, seven_bits_and_even_parity,
         an_acm_scanner_needs_no_section, a_port_that_is_held_names_its_holder,
         two_equal_scanners_are_two_devices,
         a_hid_pos_scanner_needs_no_section, a_honeywell_is_switched_by_its_feature_report,
         a_honeywell_without_that_report_works_too, a_hid_pos_scanner_of_nobody_known_works_too,
         plugged_again_and_again, through_libusb_and_given_back, no_access_tells_the_cure)
