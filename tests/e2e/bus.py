# SPDX-License-Identifier: MIT
"""Hardware that is not there: the fake bus with its serial port, and the virtual printer. Both are
programs of the build; here they are started, spoken to, and listened to."""

import functools
import os
import queue
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(__file__))
from bridge import PATIENCE, program


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

    def __init__(self):
        self.process = Listened([program('tillsim-fakebus')])
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
