# SPDX-License-Identifier: MIT
"""A scanner that is a keyboard, with a till program that reads the console and knows nothing of us: what
is no loyalty code reaches it through the kernel's uinput, key by key as it came."""

import os
import select
import termios

from gadgets import PATIENCE, wait_for
from till import Subscribed, configure, mode_of, run

NODE = '/dev/input/by-id/usb-QEMU_QEMU_USB_Keyboard_KB1-event-kbd'
CONF = f'''
[device counter]
driver = scanner-wedge
address = evdev:{NODE}
pass_through = yes
terminator = cr
; the emulated machine is slower than any scanner
idle = 20s
'''
CODES = '[codes]\ncustomer = 2912*\n'
SIGNS = {'-': ('minus', False), ':': ('semicolon', True), '\r': ('ret', False)}
world = {}


def prepare(outside):
    world['outside'] = outside
    # the kernel makes its keyboard driver from the first key on the foreground console
    world['console'] = os.open('/dev/tty1', os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    configure(CONF + CODES)


def tidy():
    world['outside'].ask('tidy', name='keyboard')


def plug():
    world['outside'].ask('plug', driver='usb-kbd', id='keyboard', serial='KB1')


def unplug():
    world['outside'].ask('unplug', name='keyboard')


def raw_node():
    """The same keyboard as hidraw, where its reports are seen whoever has grabbed it."""
    nodes = '/sys/class/hidraw'
    for name in os.listdir(nodes) if os.path.isdir(nodes) else ():
        with open(f'/sys/class/hidraw/{name}/device/uevent', encoding='ascii') as file:
            if 'HID_UNIQ=KB1' in file.read():
                return '/dev/' + name
    return None


class Keyboard:
    """Its keys go down and up one at a time, each when the kernel has had the one before."""

    def __init__(self):
        self.raw = os.open(wait_for('the keyboard', raw_node), os.O_RDONLY | os.O_NONBLOCK)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.raw)

    def key(self, qcode, down):
        world['outside'].ask('keys', strokes=[[qcode, down]])
        assert select.select([self.raw], [], [], PATIENCE)[0], f'no report of {qcode}'
        os.read(self.raw, 64)

    def stroke(self, qcode, shift=False):
        if shift:
            self.key('shift', True)
        for down in (True, False):
            self.key(qcode, down)
        if shift:
            self.key('shift', False)

    def type(self, text):
        for sign in text:
            if sign in SIGNS:
                self.stroke(*SIGNS[sign])
            else:
                self.stroke(sign.lower(), sign.isupper())

    def type_french(self, digits):
        """As a scanner set to French types digits: the upper row with Shift."""
        for digit in digits:
            self.stroke(digit, shift=True)
        self.stroke('ret')


def console_line():
    """The next line that the till program reads."""
    assert select.select([world['console']], [], [], PATIENCE)[0], 'nothing came to the console'
    return os.read(world['console'], 4096).decode()


def an_article_is_typed_on_and_a_customer_is_not():
    with Subscribed() as till:
        till.wait_state('counter', 'absent')
        plug()
        known = till.wait_state('counter', 'ready')
        assert 'reason' not in known, known
        assert mode_of('/dev/uinput') == '0660 root tillbridge', mode_of('/dev/uinput')
        assert mode_of(os.path.realpath(NODE)) == '0660 root input', mode_of(os.path.realpath(NODE))
        termios.tcflush(world['console'], termios.TCIFLUSH)
        with Keyboard() as keyboard:
            keyboard.type('3256220450003\r')
            assert till.scan('counter', '3256220450003')['kind'] == 'article'
            assert console_line() == '3256220450003\n'
            keyboard.type('2912345678901\r')
            assert till.scan('counter', '2912345678901')['kind'] == 'customer'
            keyboard.type('TB:aB-9\r')
            assert till.scan('counter', 'TB:aB-9')['kind'] == 'customer'
            keyboard.type('Ab-12:c\r')
            assert till.scan('counter', 'Ab-12:c')['kind'] == 'unknown'
            assert console_line() == 'Ab-12:c\n'


def pulled_in_the_middle_of_a_code():
    with Subscribed() as till:
        with Keyboard() as keyboard:
            keyboard.type('29123')
        unplug()
        till.wait_state('counter', 'absent')
        plug()
        till.wait_state('counter', 'ready')
        termios.tcflush(world['console'], termios.TCIFLUSH)
        with Keyboard() as keyboard:
            keyboard.type('4006381333931\r')
        till.scan('counter', '4006381333931')
        assert console_line() == '4006381333931\n'


def typed_on_as_it_came_whatever_the_layout():
    """The code is read under the scanner's layout; the till program gets the keys themselves."""
    configure(CONF + 'layout = fr\n' + CODES)
    with Subscribed() as till:
        till.wait_state('counter', 'ready')
        termios.tcflush(world['console'], termios.TCIFLUSH)
        with Keyboard() as keyboard:
            keyboard.type_french('3256220450003')
            assert till.scan('counter', '3256220450003')['kind'] == 'article'
            assert console_line() == '#@%^@@)$%)))#\n'
            keyboard.type_french('2912345678901')
            assert till.scan('counter', '2912345678901')['kind'] == 'customer'


def given_back_when_the_service_stops():
    """Then the keyboard is a keyboard again."""
    run('systemctl', 'stop', 'tillbridge.service')
    termios.tcflush(world['console'], termios.TCIFLUSH)
    with Keyboard() as keyboard:
        keyboard.type('2912\r')
        assert console_line() == '2912\n'
    unplug()
    configure()


TESTS = (an_article_is_typed_on_and_a_customer_is_not, pulled_in_the_middle_of_a_code,
         typed_on_as_it_came_whatever_the_layout, given_back_when_the_service_stops)
