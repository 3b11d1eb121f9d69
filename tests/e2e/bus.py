# SPDX-License-Identifier: MIT
"""Hardware that is not there: the fake bus and the virtual printer, which are programs of the build, and
the far end of a serial cable. Here they are started, spoken to, and listened to; and so is what a daemon
tells a till of its devices."""

import contextlib
import functools
import os
import pty
import queue
import subprocess
import sys
import tempfile
import termios
import threading
import time
import tty

sys.path.insert(0, os.path.dirname(__file__))
from bridge import BUILD, PATIENCE, ROOT, Bridge, program


class Listened(subprocess.Popen):
    """A program whose lines on stdout are waited for."""

    def __init__(self, command, **options):
        super().__init__(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, bufsize=1, **options)
        self.lines = queue.Queue()
        self.heard = []
        self.complaint = ''
        for target in (self.listen, self.listen_to_complaints):
            threading.Thread(target=target, daemon=True).start()

    def listen(self):
        for line in self.stdout:
            self.heard.append(line.rstrip('\n'))
            self.lines.put(line.rstrip('\n'))
        self.lines.put(None)

    def listen_to_complaints(self):
        for line in self.stderr:
            self.complaint = (self.complaint + line)[-4000:]

    def say(self, line):
        self.stdin.write(line + '\n')
        self.stdin.flush()

    def wait_line(self, beginning):
        """The next line that begins so; those before it are passed over."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                line = self.lines.get(timeout=max(0.001, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f'no "{beginning}" from {self.args[0]}: {self.complaint}') \
                    from None
            if line is None:
                raise AssertionError(f'{self.args[0]} ended: {self.complaint}')
            if line.startswith('error'):
                raise AssertionError(f'{self.args[0]}: {line}')
            if line.startswith(beginning):
                return line

    def wait_heard(self, line):
        """Until a line has been said, whenever: two sides may speak in any order."""
        end = time.monotonic() + PATIENCE
        while line not in self.heard:
            assert time.monotonic() < end, f'no "{line}" from {self.args[0]}: {self.complaint}'
            time.sleep(0.005)

    def end(self):
        if self.poll() is None:
            self.terminate()
        try:
            self.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            self.wait()
        for stream in (self.stdin, self.stdout, self.stderr):
            try:
                stream.close()
            except (BrokenPipeError, ValueError):
                pass


@functools.lru_cache(maxsize=None)
def sanitizer_of(path):
    """The sanitizer's library a program is linked with, which must be loaded before any other."""
    said = subprocess.run(['ldd', path], capture_output=True, text=True)
    for line in said.stdout.splitlines():
        if 'libasan.so' in line:
            return line.split('=>')[1].split()[0]
    return None


class Bus:
    """The fake bus. A daemon that is started with its environment() sees its devices."""

    def __init__(self, process=None):
        self.process = process or Listened([program('tillsim-fakebus')])
        self.folder = self.process.wait_line('bus ').split(' ', 1)[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.end()

    def environment(self):
        first = sanitizer_of(program('tillbridged'))
        preload = ([first] if first else []) + ['libumockdev-preload.so.0']
        return {'UMOCKDEV_DIR': self.folder, 'LD_PRELOAD': ' '.join(preload)}

    def plug(self, node, /, **keys):
        words = ' '.join(f'{key}={value}' for key, value in keys.items())
        self.process.say(f'plug {node} {words}'.strip())
        self.process.wait_line(f'plugged {node}')

    def unplug(self, node):
        self.process.say(f'unplug {node}')
        self.process.wait_line(f'unplugged {node}')

    def scan(self, node, code):
        text = code.replace('\\', '\\\\')
        self.process.say(f'scan {node} {text}')
        self.process.wait_line(f'sent {node}')


class Wire:
    """A pseudo-terminal under a name: the far end of a scanner's cable. The near end is held open, or
    else the kernel would give its number to the next who asks, and the name would lead there."""

    def __init__(self, link):
        self.link, self.slave = link, None
        self.plug()

    def plug(self):
        old = self.slave
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave, termios.TCSANOW)
        if os.path.islink(self.link):
            os.unlink(self.link)
        os.symlink(os.ttyname(self.slave), self.link)
        if old is not None:
            os.close(old)

    def send(self, data):
        while data:
            data = data[os.write(self.master, data[:1024]):]

    def pull(self):
        os.close(self.master)


class Printer:
    """The virtual printer on a port of this machine: a PNG, a TXT and a JSONL for each ticket."""

    def __init__(self, folder, *faults, profile='default80'):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        command = [program('tillsim'), 'printer', '--tcp', '0', '--out', folder, '--profile', profile]
        for fault in faults:
            command += ['--fault', fault]
        self.process = Listened(command)
        self.port = int(self.process.wait_line('listening ').rsplit(':', 1)[-1].split()[-1])
        self.seen = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.end()

    def next_ticket(self):
        """The base name of the next ticket, once all of it is on disk."""
        line = self.process.wait_line('ticket ')
        return os.path.splitext(line.split(' ', 1)[1].strip())[0]


def read_codes(picture):
    """What a scanner reads in the picture: (type, data) pairs."""
    said = subprocess.run([program('read-qr'), picture], capture_output=True, text=True)
    assert said.returncode in (0, 1), said.stderr
    return [tuple(line.split(' ', 1)) for line in said.stdout.splitlines()]


def subscribed(bridge, kinds=('scan', 'card', 'customer', 'device')):
    till = bridge.connect()
    till.call('events.subscribe', {'kinds': kinds})
    return till


def devices(till):
    return {d['device']: d for d in till.call('device.list')['devices']}


def wait_state(till, name, state):
    """A state may have been told before we listened: the list knows it."""
    known = devices(till).get(name)
    if known and known['state'] == state:
        return known
    return till.event('device', lambda p: p['device'] == name and p['state'] == state)


def till_errors(till, name, count):
    """Errors are counted when silence has judged: asked again until then."""
    end = time.monotonic() + PATIENCE
    while devices(till)[name]['errors'] < count:
        assert time.monotonic() < end, devices(till)


@contextlib.contextmanager
def on_bus(bus, conf='', **start):
    """A daemon that sees the bus, and a till that hears of its devices."""
    bridge = Bridge(conf)
    try:
        bridge.start(env=bus.environment(), **start)
        with subscribed(bridge) as till:
            yield bridge, till
        bridge.stop()
    except BaseException:
        print('# ' + bridge.log().replace('\n', '\n# '))
        raise
    finally:
        bridge.remove()


class Rig:
    """A bus of its own, a daemon that sees it, and a till that hears of its devices. models: the daemon
    knows those of the tree; wraps: libusb can open what stands behind usbfs."""

    def __init__(self, conf='', kinds=('scan', 'card', 'customer', 'device'), plug=(), models=True, wraps=True):
        self.bus = Bus()
        for node, keys in plug:
            self.bus.plug(node, **keys)
        self.bridge = Bridge(conf)
        env = self.bus.environment()
        if wraps:
            env['LD_PRELOAD'] += ' ' + os.path.join(BUILD, 'hw', 'sim', 'usbfs-seek.so')
        data = tempfile.mkdtemp(prefix='tillbridge-data-', dir=self.bridge.folder)
        if models:
            os.symlink(os.path.join(ROOT, 'hw', 'devices'), os.path.join(data, 'devices'))
        self.bridge.start(env=dict(env, TILLBRIDGE_DATA_DIR=data))
        self.till = subscribed(self.bridge, kinds)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.till.close()
        try:
            if self.bridge.process:
                self.bridge.stop(quietly=kind is not None)
        finally:
            if kind:
                print('# ' + self.bridge.log().replace('\n', '\n# '))
            self.bridge.remove()
            self.bus.__exit__()

    def devices(self):
        return devices(self.till)

    def wait_state(self, name, state):
        return wait_state(self.till, name, state)
