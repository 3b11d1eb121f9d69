#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Plays the tests inside: on the machine all of them, in a container those that need no hardware. Told
outside as they end."""

import importlib
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from outside import Outside
from till import install_users, journal
from tap import Tap


class Told(Tap):
    """A failure brings what the service and the kernel have said."""

    def __init__(self):
        super().__init__()
        self.since = time.monotonic()

    def point(self, good, name, said='', skip=None):
        if not good:
            said += '\n-- journal\n' + journal()
            said += '\n-- kernel\n' + journal(25, '-k')
        now = time.monotonic()
        super().point(good, name, f'{now - self.since:.1f} s\n{said}', skip)
        self.since = now

    def done(self):
        print(f'1..{self.points}')


def main():
    outside = Outside()
    sys.stdout = outside
    tap = Told()
    names = ['service']
    if os.path.exists('/dev/vdb'):
        names += ['scanners', 'printers', 'wedge', 'story']
    only, brief = outside.ask('only'), outside.ask('brief')
    install_users()
    for name in names:
        module = importlib.import_module(name)
        tests = [test for test in module.TESTS
                 if (not only or only in f'{name}.{test.__name__}') and
                 not (brief and test in getattr(module, 'PATIENT', ()))]
        if tests and hasattr(module, 'prepare'):
            tap.run(f'{name}: prepared', module.prepare, outside)
        for test in tests:
            before = tap.failures
            tap.run(f'{name}: {test.__name__.replace("_", " ")}', test)
            if tap.failures > before and hasattr(module, 'tidy'):
                module.tidy()
    tap.done()
    outside.end(tap.failures > 0)


if __name__ == '__main__':
    main()
