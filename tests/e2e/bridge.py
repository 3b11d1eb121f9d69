# SPDX-License-Identifier: MIT
"""Starts the real daemon in folders of its own and talks to it as a till does. It waits for what is
said (readiness, a line, an exit), never for a time; and it knows no rule and no method."""

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), '..', '..'))
sys.path.insert(0, os.path.join(ROOT, 'tests'))
BUILD = os.environ.get('TILLBRIDGE_BUILD') or os.path.join(ROOT, 'build-asan')
PATIENCE = float(os.environ.get('TEST_PATIENCE', '30'))  # a machine may be slow; nobody waits so long


def program(name, *folders):
    """A program of the build, wherever meson has put it."""
    for folder in folders or ('bridge', 'hw/sim', 'plugins/till/c', 'tests/e2e', 'tests/bench'):
        path = os.path.join(BUILD, folder, name)
        if os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(f'{name} is not in {BUILD}')


class Refused(Exception):
    """The bridge's answer was an error; code is the word of the contract."""

    def __init__(self, error):
        self.number = error.get('code')
        self.data = error.get('data') or {}
        self.code = self.data.get('code')
        self.message = error.get('message')
        super().__init__(f'{self.number} {self.code} {self.data}')


class Gone(Exception):
    """The other side has closed the connection."""


class Till:
    """One connection. Notifications that come between are kept in `events`."""

    def __init__(self, path, heard=None, hello=True):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.socket.settimeout(PATIENCE)
        self.buffer, self.answers, self.events, self.last_id = b'', {}, [], 0
        self.heard = heard
        self.hello = self.next_line() if hello else None

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send_bytes(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Gone('the bridge has closed the connection') from error

    def send(self, message):
        line = json.dumps(message, ensure_ascii=False, separators=(',', ':'))
        if self.heard:
            self.heard('till', line)
        self.send_bytes(line.encode() + b'\n')

    def next_raw(self, timeout=None):
        """The next line's bytes; raises Gone at the end, TimeoutError when none came."""
        end = time.monotonic() + (PATIENCE if timeout is None else timeout)
        while b'\n' not in self.buffer:
            self.socket.settimeout(max(0.001, end - time.monotonic()))
            try:
                chunk = self.socket.recv(1 << 16)
            except ConnectionResetError:
                chunk = b''
            if not chunk:
                raise Gone('the bridge has closed the connection')
            self.buffer += chunk
        line, self.buffer = self.buffer.split(b'\n', 1)
        return line

    def next_line(self, timeout=None):
        raw = self.next_raw(timeout)
        if self.heard:
            self.heard('bridge', raw.decode())
        return json.loads(raw)

    def ask(self, method, params=None):
        """Sends a call and returns its id."""
        self.last_id += 1
        message = {'jsonrpc': '2.0', 'id': self.last_id, 'method': method}
        if params is not None:
            message['params'] = params
        self.send(message)
        return self.last_id

    def answer(self, number, timeout=None):
        end = time.monotonic() + (PATIENCE if timeout is None else timeout)
        while number not in self.answers:
            line = self.next_line(end - time.monotonic())
            if isinstance(line, dict) and 'method' in line:
                self.events.append(line)
            else:
                self.answers[line.get('id')] = line
        line = self.answers.pop(number)
        if 'error' in line:
            raise Refused(line['error'])
        return line['result']

    def call(self, method, params=None, timeout=None):
        return self.answer(self.ask(method, params or {}), timeout)

    def refusal(self, method, params=None):
        """The error of a call that must be refused."""
        try:
            result = self.call(method, params)
        except Refused as refused:
            return refused
        raise AssertionError(f'{method} was not refused: {json.dumps(result)[:300]}')

    def event(self, kind, wanted=lambda params: True, timeout=None):
        """The params of the next notification of that kind for which wanted() holds."""
        end = time.monotonic() + (PATIENCE if timeout is None else timeout)
        seen = 0
        while True:
            while seen < len(self.events):
                line = self.events[seen]
                if line['method'] == kind and wanted(line['params']):
                    del self.events[seen]
                    return line['params']
                seen += 1
            line = self.next_line(end - time.monotonic())
            if 'method' in line:
                self.events.append(line)
            else:
                self.answers[line.get('id')] = line


class Bridge:
    """A daemon of one's own. Folders live as long as the object; the process from start to stop."""

    def __init__(self, conf='', site='lyon-1', till='2', currency='EUR', heard=None):
        self.folder = tempfile.mkdtemp(prefix='tillbridge-')
        self.runtime = os.path.join(self.folder, 'run')
        self.state = os.path.join(self.folder, 'state')
        self.conf = os.path.join(self.folder, 'tillbridge.conf')
        self.path = os.path.join(self.runtime, 'till.sock')
        self.log_path = os.path.join(self.folder, 'log')
        self.heard, self.process, self.notify = heard, None, None
        for path in (self.runtime, self.state):
            os.mkdir(path, 0o700)
        self.configure(f'[bridge]\nsite = {site}\ntill = {till}\ncurrency = {currency}\n{conf}')

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        try:
            if self.process:
                self.stop(quietly=kind is not None)
        finally:
            self.remove()

    def remove(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
        if self.notify:
            self.notify.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def configure(self, text):
        with open(self.conf, 'w', encoding='utf-8') as file:
            file.write(text)

    def environment(self):
        env = dict(os.environ, RUNTIME_DIRECTORY=self.runtime, STATE_DIRECTORY=self.state)
        env['TILLBRIDGE_MODULE_DIR'] = BUILD
        options = 'detect_leaks=1:abort_on_error=0:exitcode=99:handle_segv=1'
        env.setdefault('ASAN_OPTIONS', options)
        env.setdefault('UBSAN_OPTIONS', 'print_stacktrace=1:halt_on_error=1:exitcode=99')
        return env

    def command(self):
        return [program('tillbridged'), '-c', self.conf]

    def start(self, wait=True, prefix=(), env=None, limits=None, **popen):
        """Starts the daemon; with wait, returns when it says that it is ready."""
        if self.notify:
            self.notify.close()
        address = os.path.join(self.folder, 'notify')
        if os.path.exists(address):
            os.unlink(address)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(address)
        whole = self.environment()
        whole['NOTIFY_SOCKET'] = address
        whole.update(env or {})

        def prepare():
            # a write beyond the limit then fails with EFBIG instead of ending the process
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            for which, value in limits.items():
                resource.setrlimit(which, (value, resource.getrlimit(which)[1]))

        with open(self.log_path, 'ab') as log:
            self.process = subprocess.Popen(list(prefix) + self.command(), env=whole,
                                            stderr=log, preexec_fn=prepare if limits else None,
                                            **popen)
        if wait:
            self.wait_notice('READY=1')
        return self

    def wait_notice(self, wanted):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self.notify.settimeout(0.2)
            try:
                if wanted in self.notify.recv(4096).decode().splitlines():
                    return
            except (socket.timeout, TimeoutError):
                pass
            if self.process.poll() is not None:
                raise AssertionError(f'the daemon ended with {self.process.returncode}, '
                                     f'not {wanted}:\n{self.log()}')
        raise AssertionError(f'no {wanted}:\n{self.log()}')

    def log(self):
        with open(self.log_path, encoding='utf-8', errors='replace') as file:
            return file.read()[-6000:]

    def stop(self, number=signal.SIGTERM, quietly=False):
        """Ends the daemon and looks at how it went."""
        process, self.process = self.process, None
        if process.poll() is None:
            process.send_signal(number)
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = 'never'
        if process.stdin:
            process.stdin.close()
        if quietly:
            return
        log = self.log()
        assert number != signal.SIGTERM or code == 0, f'ended with {code}:\n{log}'
        for word in ('AddressSanitizer', 'LeakSanitizer', 'runtime error'):
            assert word not in log, f'{word}:\n{log}'

    def connect(self, **options):
        return Till(self.path, heard=self.heard, **options)

    def verify(self):
        """The ledger proves its balances, all of them."""
        params = {}
        with self.connect() as till:
            while True:
                result = till.call('ledger.verify', params)
                assert result['differences'] == [], result
                if 'cursor' not in result:
                    return
                params = {'cursor': result['cursor']}

    def descriptors(self):
        return len(os.listdir(f'/proc/{self.process.pid}/fd'))

    def memory(self, field='RssAnon'):
        """Kilobytes, as the kernel counts."""
        with open(f'/proc/{self.process.pid}/status', encoding='ascii') as file:
            for line in file:
                if line.startswith(field + ':'):
                    return int(line.split()[1])
        raise KeyError(field)
