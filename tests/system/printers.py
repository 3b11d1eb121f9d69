# SPDX-License-Identifier: MIT
"""Receipt printers on a real kernel: from the document to the bytes that leave the cable's other end,
through the kernel's node and through libusb, pulled out in the middle of a job and put in again. What a
document looks like on paper is another test's."""

import base64
import os

import gadgets
from gadgets import Printer, wait_for
from till import Subscribed, configure, mode_of, run

ESCPOS = 'MFG:EPSON;CMD:ESC/POS;MDL:TM-T20;CLS:PRINTER;'
NAME = 'printer-escpos-PR1'
LINES = 12
world = {}


def prepare(_):
    gadgets.load()
    world['printer'] = Printer('till-printer', '1234', '5678', 'PR1', ESCPOS)
    world['other'] = Printer('till-zebra', '1234', '9999', 'ZB1', 'MFG:Zebra;CMD:ZPL;MDL:GK420;')
    configure()


def tidy():
    for gadget in world.values():
        gadget.tidy()


def document(key):
    blocks = [{'text': f'{key} bonjour {i}'} for i in range(LINES)] + [{'cut': True}]
    return {'key': key, 'document': {'blocks': blocks}}


def bulk(key, size=100_000):
    """A raw job longer than the kernels of both ends keep between them."""
    line = f'{key} ligne de ticket\n'.encode()
    data = line * (size // len(line))
    return {'key': key, 'data': base64.b64encode(data).decode()}, data


def has_lines(paper, key):
    return all(f'{key} bonjour {i}'.encode() in paper for i in range(LINES))


def usb_node(printer_serial):
    """/dev/bus/usb/… of the device with that serial number."""
    for name in os.listdir('/sys/bus/usb/devices'):
        path = os.path.join('/sys/bus/usb/devices', name)
        try:
            with open(os.path.join(path, 'serial'), encoding='utf-8') as file:
                if file.read().strip() != printer_serial:
                    continue
            numbers = [int(open(os.path.join(path, word), encoding='ascii').read())
                       for word in ('busnum', 'devnum')]
        except FileNotFoundError:
            continue
        return '/dev/bus/usb/%03d/%03d' % tuple(numbers)
    return None


def blacklist(module):
    """A kernel module that udev is not to load, or None."""
    path = '/run/modprobe.d/tillbridge.conf'
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='ascii') as file:
        file.write(f'blacklist {module}\n' if module else '')
    run('systemctl', 'restart', 'systemd-udevd.service')


def prints_a_document(till, key):
    printer = world['printer']
    job = till.call('print.document', document(key))['job']
    assert till.job_end(job) == 'confirmed'
    assert has_lines(printer.paper(), key), printer.paper()


def is_pulled_in_the_middle(till, name, key, port):
    """Of bytes taken nobody knows; the job behind waits, and is printed where it is plugged next."""
    printer = world['printer']
    already = len(printer.wait_taken(lambda taken: True))
    printer.stop_at(already + 5000)
    params, data = bulk(key)
    job = till.call('print.raw', params)['job']
    other = till.call('print.document', document(key + 'next'))['job']
    printer.wait_taken(lambda taken: len(taken) >= already + 5000)
    printer.unplug()
    assert till.job_end(job) == 'unknown lost'
    assert till.call('print.job', {'id': other})['state'] in ('queued', 'held')
    assert printer.paper()[-1000:] in data + data
    printer.plug(port)
    till.wait_state(name, 'ready')
    assert till.job_end(other) == 'confirmed'
    assert has_lines(printer.paper(), key + 'next'), printer.paper()
    assert b'ligne de ticket' not in printer.paper(), 'a lost job was sent again'
    assert till.call('print.job', {'id': job})['state'] == 'unknown'


def through_the_kernels_node():
    with Subscribed() as till:
        world['printer'].plug(0)
        known = till.wait_state(NAME, 'ready')
        assert known['address'] == 'lp:/dev/usb/lp0', known
        assert mode_of('/dev/usb/lp0') == '0660 root tillbridge', mode_of('/dev/usb/lp0')
        assert mode_of(usb_node('PR1')) == '0660 root tillbridge', mode_of(usb_node('PR1'))
        prints_a_document(till, 'a')


def a_long_job_through_the_kernels_node():
    with Subscribed() as till:
        params, data = bulk('b')
        job = till.call('print.raw', params)['job']
        assert till.job_end(job) in ('confirmed', 'sent', 'sent no_answer'), job
        assert data in world['printer'].paper()


def pulled_in_the_middle_at_the_kernels_node():
    with Subscribed() as till:
        is_pulled_in_the_middle(till, NAME, 'c', 1)
        world['printer'].unplug()
        till.wait_state(NAME, 'absent')


def through_libusb():
    """Named by "usb:", the printer is taken from the kernel's driver."""
    configure('[device bar]\ndriver = printer-escpos\naddress = usb:1234:5678:PR1\n')
    with Subscribed() as till:
        till.wait_state('bar', 'absent')
        world['printer'].plug(0)
        till.wait_state('bar', 'ready')
        assert not os.path.exists('/dev/usb/lp0'), 'the kernel has it still'
        prints_a_document(till, 'd')


def pulled_in_the_middle_at_libusb():
    with Subscribed() as till:
        is_pulled_in_the_middle(till, 'bar', 'e', 1)


def the_kernel_gets_it_back():
    run('systemctl', 'stop', 'tillbridge.service')
    wait_for('/dev/usb/lp0', os.path.exists, '/dev/usb/lp0')
    world['printer'].unplug()
    configure()


def without_the_kernels_driver():
    """Where nobody makes a node the printer is found by its class."""
    blacklist('usblp')
    run('modprobe', '-r', 'usblp')
    try:
        with Subscribed() as till:
            world['printer'].plug(0)
            known = till.wait_state(NAME, 'ready')
            assert known['address'].startswith('usb:@'), known
            prints_a_document(till, 'f')
            world['printer'].unplug()
            till.wait_state(NAME, 'absent')
    finally:
        blacklist(None)


def another_language_is_refused():
    with Subscribed() as till:
        world['other'].plug(2)
        known = till.wait_state('printer-escpos-ZB1', 'refused')
        assert 'language' in known['reason'] and 'section' in known['reason'], known
        refused = till.refusal('print.document', document('g'))
        assert refused.code == 'printer_unavailable', refused
        world['other'].unplug()


TESTS = (through_the_kernels_node, a_long_job_through_the_kernels_node,
         pulled_in_the_middle_at_the_kernels_node, through_libusb, pulled_in_the_middle_at_libusb,
         the_kernel_gets_it_back, without_the_kernels_driver, another_language_is_refused)
