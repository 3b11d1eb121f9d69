#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Boots a Debian under QEMU with the release on its second drive, lends a hand with the cables, and hands
on the points that the tests inside tell. What is tested stands in guest.py and the files it names."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
import container
import release
from outside import Inside
from tap import skip_all

# All in all; a machine that is emulated and shared takes its time, one that hangs does not get more.
LIMIT = int(os.environ.get('TEST_SYSTEM_LIMIT', '900'))


class Late(Exception):
    """The hard limit."""


def connect(path, process):
    """A socket that the process makes when it gets to it."""
    while True:
        wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            wire.connect(path)
            return wire
        except (FileNotFoundError, ConnectionRefusedError):
            wire.close()
            assert process.poll() is None, f'qemu ended with {process.returncode}'
            time.sleep(0.02)


class Monitor:
    """QEMU's own socket."""

    def __init__(self, wire):
        self.lines = wire.makefile('rw', encoding='utf-8')
        self.events = []
        self.next()
        self.command('qmp_capabilities')

    def next(self):
        line = self.lines.readline()
        assert line, 'qemu is gone'
        return json.loads(line)

    def command(self, name, **arguments):
        json.dump({'execute': name, 'arguments': arguments}, self.lines)
        self.lines.write('\n')
        self.lines.flush()
        while True:
            message = self.next()
            if 'event' in message:
                self.events.append(message)
            elif 'error' in message:
                raise AssertionError(f'{name}: {message["error"]["desc"]}')
            else:
                return message['return']

    def wait_deleted(self, name):
        while True:
            for event in self.events:
                if event['event'] == 'DEVICE_DELETED' and event['data'].get('device') == name:
                    self.events.remove(event)
                    return
            message = self.next()
            if 'event' in message:
                self.events.append(message)


class Machine:
    """What the tests inside may ask for is named do_…"""

    CABLES = 2  # serial adapters' far ends

    def __init__(self, folder, image, tar, console):
        self.folder, self.cables = folder, {}
        command = ['qemu-system-x86_64', '-accel', os.environ.get('TEST_ACCEL', 'tcg'),
                   '-machine', 'pc,i8042=off', '-smp', '2', '-m', '512', '-nodefaults',
                   '-display', 'none', '-no-reboot', '-serial', f'file:{console}',
                   '-kernel', f'{image}/vmlinuz', '-initrd', f'{image}/initrd',
                   '-append', 'console=ttyS0 root=/dev/vda rw panic=-1 quiet 8250.nr_uarts=1 '
                              'systemd.show_status=no mitigations=off',
                   '-drive', f'file={image}/disk.img,if=virtio,format=raw,snapshot=on',
                   '-drive', f'file={tar},if=virtio,format=raw,snapshot=on',
                   '-device', 'virtio-rng-pci', '-device', 'virtio-serial-pci',
                   '-device', 'virtserialport,chardev=outside,name=tillbridge',
                   '-device', 'qemu-xhci,id=usb',
                   '-qmp', f'unix:{folder}/qmp,server=on,wait=off',
                   '-chardev', f'socket,id=outside,path={folder}/outside,server=on,wait=off']
        for i in range(self.CABLES):
            command += ['-chardev', f'socket,id=cable{i},path={folder}/cable{i},server=on,wait=off']
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        self.monitor = Monitor(connect(f'{folder}/qmp', self.process))
        for i in range(self.CABLES):
            self.cables[i] = connect(f'{folder}/cable{i}', self.process)
        self.inside = Inside(connect(f'{folder}/outside', self.process), self, sys.stdout)

    def do_only(self):
        return os.environ.get('TEST_ONLY')

    def do_brief(self):
        """Whether a container plays what takes long here."""
        return container.why_not() is None

    def do_plug(self, **words):
        self.monitor.command('device_add', **dict(words, bus='usb.0'))

    def do_unplug(self, name):
        self.monitor.command('device_del', id=name)
        self.monitor.wait_deleted(name)

    def do_tidy(self, name):
        """Whether it was plugged in still."""
        try:
            self.do_unplug(name)
        except AssertionError:
            return False
        return True

    def do_send(self, cable, data):
        self.cables[cable].sendall(bytes.fromhex(data))

    def do_keys(self, strokes):
        """[[qcode, down]…], each in its turn."""
        for qcode, down in strokes:
            key = {'type': 'qcode', 'data': qcode}
            self.monitor.command('input-send-event', events=[
                {'type': 'key', 'data': {'down': down, 'key': key}}])

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def on_alarm(*_):
    raise Late()


def tail(path, count=60):
    with open(path, encoding='utf-8', errors='replace') as file:
        return file.read().splitlines()[-count:]


def play(folder, image, console):
    """Whether the tests have run to their end, and well."""
    machine = Machine(folder, image, release.make(folder), console)
    try:
        return machine.inside.serve(), machine.inside.ended is not None
    finally:
        machine.end()


def main():
    if not shutil.which('qemu-system-x86_64'):
        skip_all('qemu-system-x86_64 is not installed')
    image = release.image()
    console = os.path.join(release.BUILD, 'meson-logs', 'system-console.log')
    folder = tempfile.mkdtemp(prefix='tillbridge-system-')
    good, ended, why = False, False, 'the machine ended before its tests did'
    signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(LIMIT)
    try:
        good, ended = play(folder, image, console)
    except Late:
        why = f'not done in {LIMIT} s'
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not ended:
        print(f'Bail out! {why}')
    if not good and os.path.exists(console):
        print(f'# console: {console}')
        for line in tail(console):
            print('# ' + line)
    sys.exit(not good)


if __name__ == '__main__':
    main()
