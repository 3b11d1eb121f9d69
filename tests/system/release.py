# SPDX-License-Identifier: MIT
"""The release as an installer gets it, with the tests that are played on it, in one tar: what a second
drive or a container brings to a bare Debian. It builds nothing."""

import os
import subprocess
import tarfile

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.realpath(os.path.join(HERE, '..', '..'))
BUILD = os.environ.get('TILLBRIDGE_BUILD') or os.path.join(ROOT, 'build-system')
TESTS = ['tests/tap.py', 'tests/e2e/bridge.py', 'tests/system', 'fixtures/shops']


def as_root(entry):
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = 'root'
    return None if '__pycache__' in entry.name else entry


def install(folder):
    """What `meson install` puts on a machine."""
    said = subprocess.run(['meson', 'install', '-C', BUILD, '--no-rebuild', '--quiet', '--destdir', folder],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert said.returncode == 0, said.stdout[-3000:]


def pack(folder, path):
    """The installed folder and the tests as one tar."""
    with tarfile.open(path, 'w') as tar:
        tar.add(folder, arcname='.', filter=as_root)
        for name in TESTS:
            tar.add(os.path.join(ROOT, name), arcname='./opt/tillbridge/' + name, filter=as_root)


def make(folder):
    """The path of the tar, made in a folder of the caller's."""
    installed = os.path.join(folder, 'installed')
    install(installed)
    path = os.path.join(folder, 'release.tar')
    pack(installed, path)
    return path


def image():
    """The folder of the machine's image, built when the cache has none of that kind."""
    said = subprocess.run([os.path.join(HERE, 'image')], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    assert said.returncode == 0, f'the image cannot be built:\n{said.stderr[-3000:]}'
    return said.stdout.strip()
