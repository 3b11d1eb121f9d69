#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Boots the same Debian in a container with the release in it, in seconds: what systemd alone decides is
tested here. Devices are the machine's."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
import release
from outside import Inside
from tap import skip_all

LIMIT = int(os.environ.get('TEST_SYSTEM_LIMIT', '300'))
# nspawn wants the folders of a systemd that may not run on this host; it gets them in a mount
# namespace of its own, which ends with it
BOOT = ('mount -t tmpfs tmpfs /run && mkdir -p /run/systemd && '
        'exec systemd-nspawn --quiet --boot --register=no --keep-unit --private-users=no '
        '--private-network --console=pipe --directory="$1" --bind="$2":/run/outside '
        'systemd.show_status=no')
UNIT = ('[Unit]\nConditionPathExists=\nConditionVirtualization=container\n[Service]\nExecStart=\n'
        'ExecStart=/usr/bin/python3 /opt/tillbridge/tests/system/guest.py\nStandardOutput=journal\n')


class Late(Exception):
    """The hard limit."""


def on_alarm(*_):
    raise Late()


class Hands:
    """Nobody plugs anything into a container."""

    def do_only(self):
        return os.environ.get('TEST_ONLY')

    def do_brief(self):
        return False


def why_not():
    """What this machine lacks to run a container; None when it lacks nothing."""
    if os.geteuid() != 0:
        return 'a container needs root'
    if not shutil.which('systemd-nspawn'):
        return 'systemd-nspawn is not installed'
    said = subprocess.run(['unshare', '-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/run'],
                          capture_output=True, text=True)
    return said.stderr.strip() if said.returncode else None


def unpack(folder, image):
    root = os.path.join(folder, 'root')
    os.mkdir(root)
    for tar in (os.path.join(image, 'rootfs.tar'), release.make(folder)):
        subprocess.run(['tar', '-C', root, '--no-overwrite-dir', '-xpf', tar], check=True)
    drop_in = os.path.join(root, 'etc/systemd/system/guest.service.d')
    os.makedirs(drop_in)
    with open(os.path.join(drop_in, 'container.conf'), 'w', encoding='ascii') as file:
        file.write(UNIT)
    return root


def play(folder, image, console):
    outside = os.path.join(folder, 'outside')
    os.mkdir(outside)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(os.path.join(outside, 'socket'))
    listener.listen(1)
    root = unpack(folder, image)
    with open(console, 'w', encoding='utf-8') as log:
        process = subprocess.Popen(['unshare', '-m', 'bash', '-c', BOOT, 'container', root, outside],
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   start_new_session=True)
    try:
        listener.settimeout(1)
        while True:
            try:
                wire = listener.accept()[0]
                break
            except TimeoutError:
                assert process.poll() is None, f'the container ended with {process.returncode}'
        wire.settimeout(None)
        inside = Inside(wire, Hands(), sys.stdout)
        return inside.serve(), inside.ended is not None
    finally:
        # nspawn forwards it to the container's first process and waits for its end
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def main():
    lacks = why_not()
    if lacks:
        skip_all(lacks)
    image = release.image()
    console = os.path.join(release.BUILD, 'meson-logs', 'container-console.log')
    folder = tempfile.mkdtemp(prefix='tillbridge-container-')
    good, ended, why = False, False, 'the container ended before its tests did'
    signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(LIMIT)
    try:
        good, ended = play(folder, image, console)
    except Late:
        why = f'not done in {LIMIT} s'
    except AssertionError as error:
        why = str(error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not ended:
        print(f'Bail out! {why}')
    if not good:
        with open(console, encoding='utf-8', errors='replace') as file:
            for line in [f'console: {console}', *file.read().splitlines()[-60:]]:
                print('# ' + line)
    sys.exit(not good)


if __name__ == '__main__':
    main()
