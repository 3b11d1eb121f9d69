#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What of the account only a whole daemon shows: a store that another program holds, records at fault
that come through a hub, a card that looks like an article. What the rules say is in fixtures/rules/."""

import os
import socket
import sqlite3
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from bridge import PATIENCE, Bridge, Refused, program
from tap import Tap

CODES = '[codes]\ncustomer = 2912*\n'
EAN = '3017620422003'


def create(till, key='c', **record):
    return till.call('customer.create', {'key': key, 'record': record or {'first_name': 'Anne'}})['customer']['id']


def refusal(till, method, params):
    return till.refusal(method, params)


def card_like_an_article():
    with Bridge(CODES) as bridge, bridge.connect() as till:
        customer = create(till)

        def attach(number):
            return till.call('card.attach', {'key': number, 'customer': customer, 'card': number})

        answer = attach(EAN)
        assert answer['warnings'] == ['looks_like_article'], answer
        assert attach(EAN) == answer, 'said twice'
        assert till.call('customer.lookup', {'card': EAN})['customer']['id'] == customer
        # one that is in a range of ours, and one that is no EAN at all
        for number in ('2912345678906', 'F-123'):
            assert 'warnings' not in attach(number), number
        bridge.verify()


def coupon_in_two_spellings():
    """A code that was scanned and keyed by hand as well is one coupon."""
    program_of_one = {'currency': 'EUR', 'time_zone': 'Europe/Paris', 'earning': {},
                      'rewards': [{'id': 'm', 'kind': 'amount', 'title': 'm', 'value': 300}],
                      'coupons': [{'id': 'h', 'reward': 'm', 'on': {'by_hand': True}}]}
    line = {'no': 1, 'article': {'code': 'A1'}, 'quantity': 1000, 'unit_price': 1000, 'total': 1000, 'vat_bp': 2000}
    basket = {'lines': [line], 'total': 1000}
    with Bridge() as bridge, bridge.connect() as till:
        till.call('program.replace', {'key': 'p', 'program': program_of_one})
        code = till.call('coupon.issue', {'key': 'c', 'rule': 'h'})['code']
        quote = till.call('reward.quote', {'sale': 'S', 'basket': basket, 'codes': [code, code.lower()]})
        assert quote['total_after'] == 700, quote
        held = till.call('reward.reserve', {'key': 'r', 'sale': 'S', 'basket': basket,
                                            'uses': [{'coupon': code}, {'coupon': code.lower()}]})
        assert held['to_pay'] == 700 and len(held['adjustments']) == 1, held
        bridge.verify()


def held_store():
    """Another program holds the file: calls wait for it as long as they may, others go on."""
    with Bridge('[loyalty]\ndeadline = 700ms\n') as bridge, bridge.connect() as till:
        customer = create(till)
        other = sqlite3.connect(os.path.join(bridge.state, 'ledger.db'), isolation_level=None)
        other.execute('BEGIN IMMEDIATE')
        number = till.ask('customer.create', {'key': 'late', 'record': {'first_name': 'Paul'}})
        # the loop is not held up meanwhile
        assert till.call('bridge.status')['till'] == '2'
        assert till.call('customer.lookup', {'id': customer})['customer']['first_name'] == 'Anne'
        try:
            raise AssertionError(f'written all the same: {till.answer(number)}')
        except Refused as refused:
            assert refused.code == 'server_unreachable' and refused.data['retryable'], refused
            assert refused.number == -32000, refused
        number = till.ask('customer.create', {'key': 'late', 'record': {'first_name': 'Paul'}})
        other.execute('ROLLBACK')
        assert till.answer(number)['customer']['first_name'] == 'Paul'
        other.close()
        bridge.verify()


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def import_through_a_hub():
    """The same file of a shop says the same of its lines, whoever keeps the account."""
    records = [{'first_name': 'Anne', 'phones': ['06 12 34 56 78']}, {'birthday': '1990-02-30'},
               {'emails': ['no address']}, {'phones': ['x' * 65]}, {}, {'first_name': 'Bert', 'cards': [{'number': 'B1'}]}]
    port = free_port()
    with Bridge(f'[http]\nlisten = 127.0.0.1:{port}\n', till='hub') as hub:
        token = subprocess.run([program('tillctl'), '--socket', hub.path, 'pair', '2'], capture_output=True,
                               text=True, timeout=PATIENCE, check=True).stdout.strip()
        with hub.connect() as till:
            here = till.call('customer.import', {'key': 'k', 'records': records})
            assert here['created'] == 2 and [e['index'] for e in here['errors']] == [1, 2, 3, 4], here
        till = Bridge('[loyalty]\nconnector = hub\n[hub]\n'
                      f'url = http://127.0.0.1:{port}\ntoken_file = {{folder}}/token\n')
        with open(os.open(os.path.join(till.folder, 'token'), os.O_WRONLY | os.O_CREAT, 0o600), 'w',
                  encoding='ascii') as file:
            file.write(token + '\n')
        with open(till.conf, encoding='utf-8') as file:
            till.configure(file.read().replace('{folder}', till.folder))
        with till, till.connect() as connection:
            there = connection.call('customer.import', {'key': 'k', 'records': records})
        assert there['errors'] == here['errors'], (there, here)
        assert there['created'] == 0 and there['updated'] == 2, there
        hub.verify()


def main():
    tap = Tap()
    for test in (card_like_an_article, coupon_in_two_spellings, held_store, import_through_a_hub):
        tap.run(test.__name__.replace('_', ' '), test)
    tap.done()


if __name__ == '__main__':
    main()
