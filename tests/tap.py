# SPDX-License-Identifier: MIT
"""The few lines of TAP that a test program in Python prints: one point a call, the plan at the end.
It decides nothing about what is tested."""

import sys
import traceback


class Skip(Exception):
    """Raised by a test that this machine cannot run; its text says why."""


class Tap:
    def __init__(self):
        self.points = self.failures = 0

    def point(self, good, name, said='', skip=None):
        self.points += 1
        self.failures += not good
        name = name.replace('#', '')
        print(f'{"ok" if good else "not ok"} {self.points} - {name}' +
              (f' # SKIP {skip}' if skip else ''))
        for line in said.splitlines():
            print('# ' + line)
        sys.stdout.flush()

    def run(self, name, function, *args):
        """Runs one test: it is good when it returns."""
        try:
            function(*args)
        except Skip as skip:
            self.point(True, name, skip=str(skip))
        except Exception as error:  # whatever a test dies of is its failure, not the program's
            said = str(error) if isinstance(error, AssertionError) and str(error) else \
                traceback.format_exc()
            self.point(False, name, said)
        else:
            self.point(True, name)

    def done(self):
        print(f'1..{self.points}')
        sys.exit(self.failures > 0)


def skip_all(why):
    print(f'1..0 # SKIP {why}')
    sys.exit(0)
