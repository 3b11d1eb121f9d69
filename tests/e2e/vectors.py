#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Plays the rule vectors of fixtures/rules/ through the real daemon, each to a fresh ledger, and asks
the ledger afterwards to prove its balances. The arithmetic stands in each vector's `why`; nothing is
computed here.

    vectors.py [FILE…] [--only TEXT]"""

import glob
import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(__file__))
from bridge import BUILD, PATIENCE, ROOT, Bridge, Refused
from expect import Mismatch, fill, match
from tap import Skip, Tap, skip_all

# nobody listens there
HUB = '''[loyalty]
connector = hub
deadline = 500ms
[hub]
url = https://127.0.0.1:9
token_file = {folder}/token
'''


def check_error(wanted, refused):
    """wanted: a word, a list of words of which one must be it, with the number beside if it matters."""
    if wanted == '*':
        return
    words = wanted if isinstance(wanted, list) else [wanted]
    numbers = [word for word in words if isinstance(word, int)]
    words = [word for word in words if isinstance(word, str)]
    if (words and refused.code not in words) or (numbers and refused.number not in numbers):
        raise Mismatch(f'refused with {refused.number} {refused.code} {refused.data}, not {wanted}')


class Story:
    """One vector and its daemon."""

    def __init__(self, vector, bridge):
        self.vector, self.bridge, self.saved, self.tills = vector, bridge, {}, {}

    def till(self, name='one'):
        if name not in self.tills:
            self.tills[name] = self.bridge.connect()
        return self.tills[name]

    def prepare(self):
        offline = self.vector.get('conf', {}).get('connector') == 'hub'
        try:
            self.till().call('program.replace', {'key': 'program', 'program': self.vector['program']})
        except Refused:
            if not offline:
                raise
        for method, params, *save in self.vector.get('setup', []):
            result = self.till().call(method, fill(params, self.saved))
            if save:
                self.saved[save[0]] = result

    def play_once(self, step):
        params = fill(step.get('params', {}), self.saved)
        try:
            result = self.till(step.get('as', 'one')).call(step['call'], params)
        except Refused as refused:
            if step.get('either'):
                return
            if 'expect_error' not in step:
                raise Mismatch(f'{step["call"]} was refused: {refused}') from refused
            check_error(step['expect_error'], refused)
            if 'expect_data' in step:
                match(step['expect_data'], refused.data, self.saved, 'data')
            return
        if 'expect_error' in step and not step.get('either'):
            raise Mismatch(f'{step["call"]} was not refused with {step["expect_error"]}: {result}')
        if 'save' in step:
            self.saved[step['save']] = result
        if 'expect' in step:
            match(step['expect'], result, self.saved)

    def play_step(self, step):
        """A step with `until` is said again until what is expected holds."""
        end = time.monotonic() + (PATIENCE if step.get('until') else 0)
        while True:
            try:
                return self.play_once(step)
            except Mismatch:
                if time.monotonic() >= end:
                    raise
                time.sleep(0.05)

    def race(self, step):
        """Each call on a connection of its own, all let go at once."""
        calls, outcomes = step['race'], [None] * len(step['race'])
        gate = threading.Barrier(len(calls))
        tills = [self.bridge.connect() for _ in calls]

        def run(i):
            params = fill(calls[i].get('params', {}), self.saved)
            gate.wait()
            try:
                outcomes[i] = tills[i].call(calls[i]['call'], params)
            except Refused as refused:
                outcomes[i] = refused

        threads = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for till in tills:
            till.close()
        losers = [outcome for outcome in outcomes if not isinstance(outcome, dict)]
        if len(calls) - len(losers) != step['winners']:
            raise Mismatch(f'{len(calls) - len(losers)} won, not {step["winners"]}')
        for refused in losers:
            if not isinstance(refused, Refused):
                raise Mismatch('a call had no answer')
            check_error(step.get('losers_error', '*'), refused)
        if 'save' in step:
            self.saved[step['save']] = next(o for o in outcomes if isinstance(o, dict))

    def play(self):
        self.prepare()
        for number, step in enumerate(self.vector['steps'], 1):
            try:
                if 'sleep' in step:
                    time.sleep(step['sleep'])
                elif 'race' in step:
                    self.race(step)
                else:
                    self.play_step(step)
            except (Mismatch, Refused) as error:
                raise AssertionError(f'step {number} ({step.get("call", "race")}): {error}\n'
                                     f'why: {self.vector.get("why")}') from error
        if self.vector.get('conf', {}).get('connector', 'ledger') == 'ledger':
            self.bridge.verify()
        for till in self.tills.values():
            till.close()


def has_hub():
    return bool(glob.glob(os.path.join(BUILD, 'plugins', 'loyalty', 'hub', '*.so')))


def play(vector):
    conf = vector.get('conf', {})
    if conf.get('connector') == 'hub' and not has_hub():
        raise Skip('needs the hub connector, which is not built')
    lines = HUB if conf.get('connector') == 'hub' else ''
    reference = conf.get('product_reference')
    if reference:
        lines = f'product_reference = {reference}\n{lines}'
    bridge = Bridge(lines)
    with open(os.open(os.path.join(bridge.folder, 'token'), os.O_WRONLY | os.O_CREAT, 0o600), 'w',
              encoding='ascii') as file:
        file.write('nobody-asks-for-it\n')
    with open(bridge.conf, encoding='utf-8') as file:
        bridge.configure(file.read().replace('{folder}', bridge.folder))
    with bridge:
        Story(vector, bridge).play()


def load(names):
    vectors = []
    for name in names:
        with open(name, encoding='utf-8') as file:
            found = json.load(file)
        vectors += [(os.path.basename(name), v) for v in (found if isinstance(found, list) else [found])]
    return vectors


def main():
    names = [arg for arg in sys.argv[1:] if not arg.startswith('--')]
    only = sys.argv[sys.argv.index('--only') + 1] if '--only' in sys.argv else ''
    names = [name for name in names if name != only]
    names = names or sorted(glob.glob(os.path.join(ROOT, 'fixtures', 'rules', '*.json')))
    if not names:
        skip_all('no vectors in fixtures/rules')
    tap, vectors = Tap(several=True), [v for v in load(names) if only in v[1]['name']]
    with ThreadPoolExecutor(max_workers=2) as pool:
        running = [(name, vector, pool.submit(play, vector)) for name, vector in vectors]
        for name, vector, future in running:
            tap.run(f'{name}: {vector["name"]}', future.result)
    tap.done()


if __name__ == '__main__':
    main()
