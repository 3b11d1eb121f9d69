# SPDX-License-Identifier: MIT
"""Which files the checks look at, and where the tree begins. Nothing generated, nothing of git's."""

import os
import subprocess
import sys

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), '..', '..'))
sys.path.insert(0, os.path.join(ROOT, 'tests'))


def files():
    """Every file of the project, relative to ROOT, tracked or new; without git, all but builds."""
    try:
        listed = subprocess.run(
            ['git', '-c', f'safe.directory={ROOT}', 'ls-files', '-z', '--cached', '--others',
             '--exclude-standard'], cwd=ROOT, check=True, capture_output=True).stdout
        names = sorted({name.decode() for name in listed.split(b'\0') if name})
    except (OSError, subprocess.CalledProcessError):
        names = []
        for folder, folders, here in os.walk(ROOT):
            folders[:] = [f for f in folders if not f.startswith(('build', '.git', '__pycache__'))
                          or f == '.ci']
            names += [os.path.relpath(os.path.join(folder, name), ROOT) for name in here]
    return [name for name in names if os.path.isfile(os.path.join(ROOT, name))]


def read(name):
    with open(os.path.join(ROOT, name), encoding='utf-8', errors='replace') as file:
        return file.read()


def sources():
    return [name for name in files() if name.endswith(('.c', '.h'))]
