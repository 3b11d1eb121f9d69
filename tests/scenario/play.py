#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Plays one story of fixtures/scenarios/ through the real daemon, a serial scanner on the fake bus and
the virtual printer; one point a step. What a story's steps may say stands in fixtures/scenarios/README.md.

    play.py FILE"""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'e2e'))
from bus import read_codes
from expect import Mismatch, fill, match
from shop import Shop, read
from tap import Tap
from vectors import Story

KINDS = ['scan', 'card', 'customer', 'device', 'printer', 'job']


class Scene(Story):
    """A story with a counter around it."""

    def __init__(self, scenario, shop):
        super().__init__(scenario, shop.bridge)
        self.shop = shop
        self.till().call('events.subscribe', {'kinds': KINDS})
        shop.wait_ready(self.till())

    def wait_event(self, wanted):
        params = self.till().event(wanted['kind'])
        match(fill(wanted.get('expect', {}), self.saved), params, self.saved, wanted['kind'])
        if 'save' in wanted:
            self.saved[wanted['save']] = params

    def look_at_paper(self, wanted):
        """The ticket's text, and what a scanner reads in its picture."""
        ticket = self.shop.printer.next_ticket()
        text = read(ticket + '.txt')
        for part in fill(wanted.get('text', []), self.saved):
            if part not in text:
                raise Mismatch(f'{part!r} is not on the ticket:\n{text}')
        if 'code' in wanted:
            code, codes = fill(wanted['code'], self.saved), read_codes(ticket + '.png')
            if not any(code in data for _, data in codes):
                raise Mismatch(f'{code} cannot be read in the picture: {codes}')

    def step(self, step):
        known = {'say', 'call', 'params', 'expect', 'expect_error', 'expect_data', 'save', 'as', 'scan',
                 'event', 'printed', 'until', 'line'}
        if set(step) - known:
            raise Mismatch(f'nobody knows {sorted(set(step) - known)}')
        if 'scan' in step or step.get('call') == 'scan.submit':
            self.till().events.clear()  # what was read before is no answer to this
        if 'line' in step:
            {'cut': self.shop.hub.stop, 'mended': self.shop.start_hub}[step['line']]()
        if 'call' in step:
            self.play_step(step)
        if 'scan' in step:
            self.shop.scan(fill(step['scan'], self.saved))
        if 'event' in step:
            self.wait_event(step['event'])
        if 'printed' in step:
            self.look_at_paper(step['printed'])


def main():
    scenario, tap = json.loads(read(sys.argv[1])), Tap()
    options = {key: scenario[key] for key in ('site', 'currency') if key in scenario}
    with Shop(scenario['shop'], conf=scenario.get('conf', ''), hub=scenario.get('hub', False), **options) as shop:
        scene = Scene(scenario, shop)
        for step in scenario['steps']:
            tap.run(step['say'], scene.step, step)
            if tap.failures:
                break  # what follows would only tell of the same thing
        else:
            tap.run('the ledger adds up', (shop.hub or shop.bridge).verify)
        tap.point(tap.points >= len(scenario['steps']), 'the story was told to its end')
    tap.done()


if __name__ == '__main__':
    main()
