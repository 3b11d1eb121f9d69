# SPDX-License-Identifier: MIT
"""The installed service as a till and an installer meet it: systemctl, its socket, its devices. The
connection itself is that of the end-to-end tests."""

import grp
import os
import pwd
import subprocess
import sys
import time

ROOT = os.path.join(os.path.dirname(os.path.realpath(__file__)), '..')
sys.path[:0] = [ROOT, os.path.join(ROOT, 'e2e')]
os.environ.setdefault('TEST_PATIENCE', '60')
from bridge import PATIENCE, Till

SOCKET = '/run/tillbridge/till.sock'
CONF = '/etc/tillbridge/tillbridge.conf'


def run(*command, check=True, **options):
    said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=PATIENCE, **options)
    assert not check or said.returncode == 0, f'{" ".join(command)}: {said.stdout[-2000:]}'
    return said.stdout


def show(name, unit='tillbridge.service'):
    return run('systemctl', 'show', '--value', '-p', name, unit).strip()


def journal(count=40, *words):
    """The last lines of the service, or of what the words choose."""
    return run('journalctl', '--no-pager', '-o', 'cat', '-n', str(count),
               *(words or ('-u', 'tillbridge.service')), check=False)


def configure(text='', head=''):
    """A new configuration, and the service started with it."""
    with open(CONF, 'w', encoding='utf-8') as file:
        file.write(f'[bridge]\nsite = lyon-1\ntill = 2\ncurrency = EUR\n{head}{text}')
    run('systemctl', 'restart', 'tillbridge.service')


def install_users():
    """The user of the service by the package's own word, and a till's user in its group."""
    run('systemd-sysusers')
    run('systemd-tmpfiles', '--create', 'tillbridge.conf')
    run('useradd', '--no-create-home', 'caisse')
    run('usermod', '-aG', 'tillbridge', 'caisse')
    run('useradd', '--no-create-home', 'passant')
    run('systemctl', 'daemon-reload')
    # rules that were read before there was a group of that name are not read again by a reload
    if os.path.exists('/run/udev/control'):
        run('systemctl', 'restart', 'systemd-udevd.service')


class Subscribed(Till):
    """A connection that hears of everything; with the few words that every test needs."""

    def __init__(self, kinds=('scan', 'device', 'job', 'printer')):
        super().__init__(SOCKET)
        self.call('events.subscribe', {'kinds': list(kinds)})

    def devices(self):
        return {d['device']: d for d in self.call('device.list')['devices']}

    def wait_state(self, name, *states):
        """What was told may be old or of before we listened: each time the list is asked as well.
        A device of no section that is absent is not listed."""
        end = time.monotonic() + PATIENCE
        while True:
            known = self.devices().get(name, {'state': 'absent'})
            if known['state'] in states:
                return known
            try:
                self.event('device', lambda p: p['device'] == name, end - time.monotonic())
            except TimeoutError:
                raise AssertionError(f'{name} is not {states}: {self.devices()}') from None

    def wait_gone(self, name):
        """Until a device of no section is not listed: its node goes first, then udev says so."""
        end = time.monotonic() + PATIENCE
        while name in self.devices():
            assert time.monotonic() < end, f'{name} is still there: {self.devices()}'
            try:
                self.event('device', lambda p: p['device'] == name, 1)
            except TimeoutError:
                pass  # it was told before the list was asked

    def scan(self, device, code):
        """The next scan must be this one."""
        event = self.event('scan')
        assert event['device'] == device and event['code'] == code, (device, code, event)
        return event

    def job_end(self, job, *until):
        ends = until or ('sent', 'confirmed', 'failed', 'unknown', 'cancelled')
        event = self.event('job', lambda p: p['id'] == job and p['state'] in ends)
        return ' '.join(event[key] for key in ('state', 'reason') if key in event)


def mode_of(path):
    """'0660 root tillbridge'"""
    found = os.stat(path)
    return (f'{found.st_mode & 0o7777:04o} {pwd.getpwuid(found.st_uid).pw_name} '
            f'{grp.getgrgid(found.st_gid).gr_name}')


def as_user(name, script):
    """What a Python script prints that a user of the machine runs."""
    return run('setpriv', '--reuid', name, '--regid', name, '--init-groups', '--no-new-privs',
               sys.executable, '-c', script, cwd='/')
