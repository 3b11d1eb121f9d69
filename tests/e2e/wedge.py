#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Scanners that are keyboards, from the key to the event, on the fake bus through libevdev. What a
layout has under which key is a unit test's business."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from bridge import PATIENCE, Bridge
from bus import Bus
from scanner import devices, start_on, subscribed, wait_state
from tap import Tap

NODE = 'input/event0'
SECTION = ('[device counter]\ndriver = scanner-wedge\naddress = evdev:/dev/input/event0\n')


def mapped(bridge, word):
    with open(f'/proc/{bridge.process.pid}/maps', encoding='utf-8') as maps:
        return any(word in line for line in maps)


def a_known_model_needs_no_section():
    """Its libraries come and go with it."""
    with Bus() as bus:
        bridge = Bridge()
        start_on(bus, bridge)
        try:
            with subscribed(bridge) as till:
                for word in ('libxkbcommon', 'libevdev', 'scanner-wedge'):
                    assert not mapped(bridge, word), word
                bus.plug(NODE, serial='HW1', port='1-1')
                till.event('device', lambda p: p['state'] == 'ready')
                bus.process.wait_line('grabbed')
                known = devices(till)['scanner-wedge-HW1']
                assert known['driver'] == 'scanner-wedge', known
                assert known['address'] == 'evdev:/dev/input/event0', known
                assert mapped(bridge, 'libxkbcommon') and mapped(bridge, 'libevdev')
                bus.scan(NODE, 'TB:Abc-12_3')
                scan = till.event('scan')
                assert scan['code'] == 'TB:Abc-12_3' and scan['kind'] == 'customer', scan
                bus.scan(NODE, '3256220450003')
                assert till.event('scan')['kind'] == 'article'
                bus.process.say(f'text {NODE} HALF')
                bus.process.wait_line('sent')
                bus.unplug(NODE)
                till.event('device', lambda p: p['state'] == 'lost')
                till.event('device', lambda p: p['state'] == 'absent')
                bus.plug('input/event3', serial='HW1', port='1-4')
                till.event('device', lambda p: p['state'] == 'ready')
                bus.scan('input/event3', 'TBC-77')
                assert till.event('scan')['code'] == 'TBC-77'
            bridge.stop()
        finally:
            bridge.remove()


def main():
    tap = Tap()
    for check in (a_known_model_needs_no_section,):
        tap.run(check.__name__.replace('_', ' '), check)
    tap.done()


if __name__ == '__main__':
    main()
