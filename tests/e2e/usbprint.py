#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""USB printers from the plug to the paper, on the fake bus: found by their class, asked for their
language, driven through libusb or the kernel's node. What a document looks like is another test's."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from bridge import Bridge, program
from bus import Rig
from paper import Paper, configuration
from tap import Tap

ESCPOS = 'MFG:EPSON;CMD:ESC/POS;MDL:TM-T20;'
QUESTIONS = re.compile(rb'\x10\x04[\x01-\x04]|\x1dr\x01')
ENDS = ('sent', 'confirmed', 'failed', 'unknown', 'cancelled')
NAME = 'printer-escpos-PR1'
LINES = 40


class Shop(Rig):
    """A bus with one printer behind usbfs, a daemon on it and a till that hears of everything."""

    def __init__(self, conf='', wraps=True, plugged=True, **keys):
        self.folder = tempfile.mkdtemp(prefix='tillbridge-paper-')
        self.out = os.path.join(self.folder, 'out')
        self.keys = dict({'serial': 'PR1', 'port': '1-3', 'vid': '1234', 'pid': '5678',
                          'device_id': ESCPOS, 'out': self.out}, **keys)
        super().__init__(conf, kinds=['device', 'job', 'printer'], wraps=wraps,
                         plug=[('usbprinter0', self.keys)] if plugged else [])

    def __exit__(self, *error):
        try:
            super().__exit__(*error)
        finally:
            shutil.rmtree(self.folder)

    def plug(self, **keys):
        self.bus.plug('usbprinter0', **dict(self.keys, **keys))

    def unplug(self):
        self.bus.unplug('usbprinter0')

    def do(self, command, *words):
        """The printer behaves so from now on."""
        self.bus.process.say(' '.join([command, 'usbprinter0', *map(str, words)]))
        self.bus.process.wait_line(f'done {command}')

    def wait_taken(self, count):
        """So many bytes in all, questions and jobs."""
        self.bus.process.wait_line(f'took usbprinter0 {count}')

    def said(self):
        """What the bus has said and nobody has waited for."""
        lines = []
        while not self.bus.process.lines.empty():
            lines.append(self.bus.process.lines.get())
        return lines

    def devices(self):
        return {d['device']: d for d in self.till.call('device.list')['devices']}

    def wait_state(self, state, name=NAME):
        """A state may have been told before we listened: the list knows it."""
        known = self.devices().get(name)
        if known and known['state'] == state:
            return known
        return self.till.event('device', lambda p: p['device'] == name and p['state'] == state)

    def print(self, key, lines=1):
        blocks = [{'text': f'{key} Bonjour {i}'} for i in range(lines)] + [{'cut': True}]
        return self.till.call('print.document', {'key': key, 'document': {'blocks': blocks}})['job']

    def end(self, job, *until):
        """The state and reason that a job comes to."""
        event = self.till.event('job', lambda p: p['id'] == job and p['state'] in (until or ENDS))
        return ' '.join(event[key] for key in ('state', 'reason') if key in event)

    def paper(self):
        """What the printer took, without the questions between."""
        with open(self.out, 'rb') as file:
            return QUESTIONS.sub(b'', file.read())

    def read_back(self):
        said = subprocess.run([program('tillsim'), 'render', '--format', 'text', self.out],
                              capture_output=True, text=True)
        assert said.returncode == 0, said.stderr
        return said.stdout


def wanted(key, lines):
    """The same document on a printer of the network."""
    paper = Paper()
    with Bridge(configuration(paper)) as bridge, bridge.connect() as till:
        till.call('events.subscribe', {'kinds': ['job']})
        blocks = [{'text': f'{key} Bonjour {i}'} for i in range(lines)] + [{'cut': True}]
        job = till.call('print.document', {'key': key, 'document': {'blocks': blocks}})['job']
        till.event('job', lambda p: p['id'] == job and p['state'] in ENDS)
    paper.close()
    return QUESTIONS.sub(b'', bytes(paper.papers[0]))


def plugged_and_printed(wraps=True):
    with Shop(plugged=False, wraps=wraps) as shop:
        shop.plug()
        shop.wait_state('ready')
        known = shop.devices()[NAME]
        assert known['address'] == 'usb:@1-3' and known['vid'] == '1234', known
        assert shop.end(shop.print('a', LINES)) == 'confirmed'
        assert shop.paper() == wanted('a', LINES)
        text = shop.read_back()
        for i in range(LINES):
            assert f'a Bonjour {i}\n' in text, text
        shop.bus.process.wait_heard('asked usbprinter0 device_id 0 0')
        shop.bridge.stop()
        shop.bus.process.wait_line('released usbprinter0')


def listed_where_a_node_cannot_be_wrapped():
    plugged_and_printed(wraps=False)


def language_unknown_is_refused():
    """Nothing is taken from the kernel, and no job goes to it; named in a section it is driven."""
    for device_id in ('MFG:Zebra;CMD:ZPL;MDL:GK420;', 'MFG:x;MDL:y;', None):
        keys = {'device_id': device_id, 'driver': ''} if device_id else {'driver': ''}
        with Shop(plugged=False) as shop:
            if not device_id:
                shop.keys.pop('device_id')
            shop.plug(**keys)
            known = shop.wait_state('refused')
            assert 'does not say its language' in known['reason'], known
            assert 'section' in known['reason'], known
            refused = shop.till.refusal('print.document', {'key': 'k', 'document': {'blocks': []}})
            assert refused.code == 'printer_unavailable', refused
            shop.unplug()
            assert not os.path.exists(shop.out), 'something was printed'
            assert not any('claimed' in line for line in shop.said()), 'it was taken all the same'
    with Shop('[device bar]\ndriver = printer-escpos\naddress = usb:1234:5678:PR1\n',
              device_id='MFG:x;MDL:y;') as shop:
        shop.wait_state('ready', 'bar')
        assert list(shop.devices()) == ['bar'], shop.devices()
        assert shop.end(shop.print('b')) == 'confirmed'


def known_model_needs_no_language():
    with Shop(vid='04b8', pid='0202', device_id='MFG:EPSON;', **{'class': 'ff'}) as shop:
        shop.wait_state('ready')
        assert shop.devices()[NAME]['model'].startswith('Epson'), shop.devices()
        assert shop.end(shop.print('m')) == 'confirmed'


def the_kernels_driver_is_given_back():
    with Shop(driver='usblp') as shop:
        shop.wait_state('ready')
        shop.bus.process.wait_heard('detached usbprinter0 usblp')
        shop.bus.process.wait_heard('claimed usbprinter0 0')
        assert shop.end(shop.print('d')) == 'confirmed'
        shop.bridge.stop()
        shop.bus.process.wait_line('attached usbprinter0 usblp')


def stalls_are_cleared():
    with Shop() as shop:
        shop.wait_state('ready')
        assert shop.end(shop.print('first')) == 'confirmed'
        before = len(shop.paper())
        shop.do('short', 50)
        job = shop.print('s', LINES)
        shop.do('stall', 2, 7)
        shop.bus.process.wait_line('cleared usbprinter0')
        shop.bus.process.wait_line('cleared usbprinter0')
        assert shop.end(job) == 'confirmed'
        assert shop.paper()[before:] == wanted('s', LINES)


def three_stalls_are_the_end():
    with Shop() as shop:
        shop.wait_state('ready')
        assert shop.end(shop.print('first')) == 'confirmed'
        shop.do('limit', 112)
        job = shop.print('s', LINES)
        other = shop.print('t')
        shop.do('stall', 3, 5)
        shop.do('nak', 'off')
        event = shop.till.event('device', lambda p: p['state'] == 'lost')
        assert 'three times' in event['reason'], event
        assert shop.end(job) == 'unknown lost'
        shop.till.event('device', lambda p: p['state'] == 'ready')
        assert shop.end(other) == 'confirmed'


def short_transfers_are_resumed():
    with Shop() as shop:
        shop.wait_state('ready')
        shop.do('short', 13)
        assert shop.end(shop.print('h', LINES)) == 'confirmed'
        assert shop.paper() == wanted('h', LINES)


def pulled_in_the_middle():
    """Of bytes taken nobody knows; the jobs behind wait, and go where the printer is plugged next."""
    with Shop() as shop:
        shop.wait_state('ready')
        assert shop.end(shop.print('first')) == 'confirmed'
        shop.do('limit', 100)
        before = os.path.getsize(shop.out)
        job, other = shop.print('u', LINES), shop.print('v')
        shop.wait_taken(before + 100)
        shop.unplug()
        assert shop.end(job) == 'unknown lost'
        assert shop.till.call('print.job', {'id': other})['state'] in ('queued', 'held')
        shop.plug(port='1-4.2')
        assert shop.end(other) == 'confirmed'
        assert shop.devices()[NAME]['port'] == '1-4.2'
        assert shop.till.call('print.job', {'id': job})['state'] == 'unknown'
        assert b'v Bonjour 0' in shop.paper()


def pulled_before_its_first_byte():
    """The wire had the job, the printer had nothing of it: it waits, and is printed once."""
    with Shop(answers='no') as shop:
        shop.wait_state('ready')
        shop.wait_taken(3)
        shop.do('nak')
        job = shop.print('w')
        # the question is not answered, and then the whole job is in flight
        shop.bus.process.wait_line('waiting usbprinter0')
        shop.unplug()
        assert shop.end(job, 'held', *ENDS) == 'held lost'
        shop.plug(answers='yes')
        assert shop.end(job) == 'confirmed'
        assert shop.paper().count(b'w Bonjour') == 1


def the_port_says_paper_out():
    """A printer that answers nothing says by its port why it takes nothing."""
    with Shop(answers='no') as shop:
        shop.wait_state('ready')
        shop.do('port', '38')
        shop.do('limit', 30)
        job = shop.print('p', LINES)
        assert shop.end(job, 'held') == 'held paper_out'
        shop.do('port', '18')
        shop.do('nak', 'off')
        assert shop.end(job) == 'sent no_answer'
        assert shop.paper() == wanted('p', LINES)


def alternate_settings_are_left_alone():
    for count in (1, 2):
        with Shop(alternates=count) as shop:
            shop.wait_state('ready')
            assert shop.end(shop.print('x')) == 'confirmed'
            said = [line.split()[0] for line in shop.said()]
            assert 'setconfiguration' not in said, said
            assert ('setinterface' in said) == (count > 1), said


def plugged_again_and_again():
    with Shop() as shop:
        shop.wait_state('ready')
        shop.unplug()
        shop.till.event('device', lambda p: p['state'] == 'absent')
        before = None
        for _ in range(20):
            shop.plug()
            shop.till.event('device', lambda p: p['state'] == 'ready')
            shop.unplug()
            shop.till.event('device', lambda p: p['state'] == 'absent')
            before = before or shop.bridge.descriptors()
        assert shop.bridge.descriptors() == before, (before, shop.bridge.descriptors())


def through_the_kernels_node():
    """Where the kernel made /dev/usb/lpN the printer is opened by that."""
    with Shop(plugged=False) as shop:
        shop.bus.plug('usb/lp0', vid='1234', pid='5678', serial='PR1', port='1-3', device_id=ESCPOS)
        shop.wait_state('ready')
        assert shop.devices()[NAME]['address'] == 'lp:/dev/usb/lp0', shop.devices()
        job = shop.print('l', 3)
        assert shop.end(job) == 'sent no_answer'
        heard = b''
        while b'l Bonjour 2' not in heard:
            line = shop.bus.process.wait_line('received usb/lp0')
            heard += bytes.fromhex(line.split()[2])
        shop.bus.unplug('usb/lp0')
        shop.till.event('device', lambda p: p['state'] == 'lost')
        job = shop.till.refusal('print.document', {'key': 'n', 'document': {'blocks': []}})
        assert job.code == 'printer_unavailable', job


def main():
    tap = Tap()
    for test in (plugged_and_printed, listed_where_a_node_cannot_be_wrapped,
                 language_unknown_is_refused, known_model_needs_no_language,
                 the_kernels_driver_is_given_back, stalls_are_cleared, three_stalls_are_the_end,
                 short_transfers_are_resumed, pulled_in_the_middle, pulled_before_its_first_byte,
                 the_port_says_paper_out, alternate_settings_are_left_alone,
                 plugged_again_and_again, through_the_kernels_node):
        tap.run(test.__name__.replace('_', ' '), test)
    tap.done()


if __name__ == '__main__':
    main()
