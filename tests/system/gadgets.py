# SPDX-License-Identifier: MIT
"""USB devices made of the kernel's own parts: gadgets in configfs on the controllers of dummy_hcd, which
are host and device in one machine. Plugging is a word in a file. It knows no daemon."""

import os
import re
import select
import subprocess
import termios
import threading
import time
import tty

PATIENCE = float(os.environ.get('TEST_PATIENCE', '60'))
CONFIGFS = '/sys/kernel/config/usb_gadget'

# HID POS 1.02, layout A: byte count, symbology identifier, decoded data, a vendor's byte, continued
HID_POS = bytes.fromhex(
    '058c0902a1010912a1028502150026ff00750895010501093b8102058c09fb09fc09fd9503810209fe9538820201'
    '0666ff0904950181029501810305 8c09ff25017501950181027507950181 03c0c0')


def wait_for(what, test, *args):
    """What the kernel makes in its own time is asked for until it is there."""
    end = time.monotonic() + PATIENCE
    while not (found := test(*args)):
        assert time.monotonic() < end, f'{what} did not come'
        time.sleep(0.02)
    return found


def put(path, value):
    with open(path, 'wb') as file:
        file.write(value if isinstance(value, bytes) else value.encode())


class Gadget:
    """One device with one function; `attributes` are the function's files."""

    def __init__(self, name, function, vid, pid, serial, **attributes):
        self.path = os.path.join(CONFIGFS, name)
        texts = os.path.join(self.path, 'strings', '0x409')
        config = os.path.join(self.path, 'configs', 'c.1')
        self.function = os.path.join(self.path, 'functions', function)
        for folder in (texts, os.path.join(config, 'strings', '0x409'), self.function):
            os.makedirs(folder)
        put(os.path.join(self.path, 'idVendor'), '0x' + vid)
        put(os.path.join(self.path, 'idProduct'), '0x' + pid)
        for key, value in (('serialnumber', serial), ('manufacturer', 'Counter'), ('product', name)):
            put(os.path.join(texts, key), value)
        for key, value in attributes.items():
            put(os.path.join(self.function, key), value)
        self.link = os.path.join(config, function)

    def plug(self, port):
        """Ports are numbered from 0, each on a controller of its own."""
        # linked anew each time: what hid.0 keeps of its last plugging makes the next fail
        os.symlink(self.function, self.link)
        put(os.path.join(self.path, 'UDC'), f'dummy_udc.{port}\n')

    def unplug(self):
        put(os.path.join(self.path, 'UDC'), '\n')
        os.unlink(self.link)

    def tidy(self):
        """Whatever a test has left."""
        try:
            self.unplug()
        except OSError:  # it is not plugged in
            pass


class AcmScanner(Gadget):
    def __init__(self, name, vid, pid, serial):
        super().__init__(name, 'acm.0', vid, pid, serial)
        with open(os.path.join(self.function, 'port_num'), encoding='ascii') as file:
            self.line = '/dev/ttyGS' + file.read().strip()

    def send(self, data):
        fd = os.open(self.line, os.O_RDWR | os.O_NOCTTY)
        try:
            tty.setraw(fd, termios.TCSANOW)
            while data:
                data = data[os.write(fd, data):]
            termios.tcdrain(fd)
        finally:
            os.close(fd)


class HidScanner(Gadget):
    """One that is sent reports takes them, or stalls."""

    def __init__(self, name, vid, pid, serial, takes=True):
        super().__init__(name, 'hid.0', vid, pid, serial, report_desc=HID_POS,
                         report_length='64', protocol='0', subclass='0',
                         no_out_endpoint=str(int(takes)))
        with open(os.path.join(self.function, 'dev'), encoding='ascii') as file:
            self.dev = file.read().strip()

    def node(self):
        number = self.dev.split(':')[1]
        return wait_for('the gadget', lambda: os.path.exists(f'/dev/hidg{number}') and
                        f'/dev/hidg{number}')

    def report(self, report):
        fd = os.open(self.node(), os.O_RDWR)
        try:
            os.write(fd, report)
        finally:
            os.close(fd)

    def was_sent(self):
        """The report that it took."""
        fd = os.open(self.node(), os.O_RDWR | os.O_NONBLOCK)
        try:
            assert select.select([fd], [], [], PATIENCE)[0], 'no report was sent'
            return os.read(fd, 64)
        finally:
            os.close(fd)

    def scan(self, code, aim=b'\0\0\0'):
        code = code.encode()
        while True:
            part, code = code[:56], code[56:]
            self.report(b'\x02' + bytes([len(part)]) + aim + part.ljust(56, b'\0') + b'\0\0' +
                        bytes([bool(code)]))
            if not code:
                return


class Printer(Gadget):
    """A receipt printer that keeps what it takes and says how it is. It stops taking at `limit`."""

    made = 0
    QUESTION = re.compile(rb'\x10\x04[\x01-\x04]|\x1dr\x01|\x1d\(H\x06\x00\x30\x30(....)', re.S)

    def __init__(self, name, vid, pid, serial, device_id):
        super().__init__(name, 'printer.0', vid, pid, serial, pnp_string=device_id, q_len='2')
        # the kernel counts them as they are made
        self.node = f'/dev/g_printer{Printer.made}'
        Printer.made += 1
        self.taken, self.limit, self.plugged = bytearray(), None, False
        self.changed = threading.Condition()
        threading.Thread(target=self.work, daemon=True).start()

    def plug(self, port):
        with self.changed:
            self.taken, self.limit, self.plugged = bytearray(), None, True
            super().plug(port)
            self.changed.notify_all()

    def unplug(self):
        with self.changed:
            self.plugged = False
            self.changed.notify_all()
        super().unplug()

    def stop_at(self, limit):
        with self.changed:
            self.limit = limit
            self.changed.notify_all()

    def wait_taken(self, test):
        """Until test(bytes) holds; the bytes."""
        with self.changed:
            good = self.changed.wait_for(lambda: test(bytes(self.taken)), PATIENCE)
            assert good, f'the printer has {len(self.taken)} bytes: {bytes(self.taken[-200:])}'
            return bytes(self.taken)

    def paper(self):
        """What it took, without the questions."""
        with self.changed:
            return self.QUESTION.sub(b'', bytes(self.taken))

    def work(self):
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.plugged)
            try:
                fd = os.open(self.node, os.O_RDWR | os.O_NONBLOCK)
            except OSError:
                time.sleep(0.02)
                continue
            try:
                self.serve(fd)
            except OSError:
                pass
            os.close(fd)

    def may_take(self):
        return self.limit is None or len(self.taken) < self.limit

    def serve(self, fd):
        answered = 0
        while self.plugged:
            with self.changed:
                self.changed.wait_for(lambda: self.may_take() or not self.plugged)
            if not select.select([fd], [], [], 0.2)[0]:
                continue
            data = os.read(fd, 512 if self.limit is None else min(512, self.limit - len(self.taken)))
            with self.changed:
                self.taken += data
                for question in self.QUESTION.finditer(self.taken, answered):
                    answered = question.end()
                    self.answer(fd, question)
                self.changed.notify_all()

    @staticmethod
    def answer(fd, question):
        asked = question.group()
        if asked[0] == 0x10:
            said = b'\x12'
        elif asked[1] == 0x72:
            said = b'\0'
        else:
            said = b'\x37\x22' + question.group(1) + b'\0'
        os.write(fd, said)


def load():
    """The host controllers, and the place where devices are described."""
    for words in (['dummy_hcd', 'num=4', 'is_super_speed=0'], ['libcomposite'], ['usb_f_printer'],
                  ['usb_f_acm'], ['usb_f_hid']):
        subprocess.run(['modprobe', *words], check=True)
    if not os.path.isdir(CONFIGFS):
        subprocess.run(['mount', '-t', 'configfs', 'none', '/sys/kernel/config'], check=False)
    wait_for(CONFIGFS, os.path.isdir, CONFIGFS)
