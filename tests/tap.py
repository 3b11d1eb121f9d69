# SPDX-License-Identifier: MIT
"""The few lines of TAP that a test program in Python prints: one point a call, the plan at the end.
It decides nothing about what is tested."""

import os
import signal
import sys
import traceback


class Skip(Exception):
    """Raised by a test that this machine cannot run; its text says why."""


def children():
    """The processes this one has started and not waited for."""
    found = set()
    for task in os.listdir('/proc/self/task'):
        try:
            with open(f'/proc/self/task/{task}/children', encoding='ascii') as file:
                found.update(int(word) for word in file.read().split())
        except OSError:  # that thread has ended
            pass
    return found


class Tap:
    """With `several`, tests run side by side: what one of them starts is its own to end."""

    def __init__(self, several=False):
        self.points = self.failures = 0
        self.several = several

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
        """Runs one test: it is good when it returns. What a failed one has left running is ended, or it
        would be in the way of the others, and keep the one waiting who reads what we print."""
        before = children()
        failures = self.failures
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
        if self.failures > failures and not self.several:
            for process in children() - before:
                os.kill(process, signal.SIGKILL)

    def done(self):
        print(f'1..{self.points}')
        sys.exit(self.failures > 0)


def skip_all(why):
    print(f'1..0 # SKIP {why}')
    sys.exit(0)
