#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every field of every call about the account, one at a time wrong in type, sign, range and length: a
wrong type is refused with its pointer, a wrong value is refused or understood, nothing is an accident,
and the ledger proves itself afterwards."""

import copy
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from bridge import Bridge, Refused
from tap import Tap

WORDS = set('''invalid_params customer_unknown customer_ambiguous coupon_unknown gift_card_unknown reward_unknown
passage_unknown card_blocked card_unassigned contact_required insufficient_balance reward_not_applicable coupon_used
coupon_expired gift_card_expired reservation_expired conflict idempotency_conflict in_progress offline_refused
server_unreachable server_refused not_permitted too_large payment_card_refused'''.split())

LINE = {'no': 1, 'article': {'code': 'A1', 'label': 'Thé', 'ean': '3017620422003', 'category': 'drinks'},
        'quantity': 1000, 'unit_price': 1000, 'discount': 0, 'price_kind': 'normal', 'total': 1000, 'vat_bp': 2000,
        'flags': ['no_loyalty']}
BASKET = {'lines': [LINE], 'total': 1000}
RECORD = {'kind': 'person', 'first_name': 'Anne', 'last_name': 'Durand', 'phones': ['0612345678'],
          'emails': ['anne@example.fr'], 'title': 'Mme', 'gender': 'f', 'language': 'fr', 'birthday': '1990-05-06',
          'street': '1 rue', 'postcode': '69003', 'city': 'Lyon', 'country': 'FR', 'mail_returned': False,
          'groups': ['vip'], 'consents': {'sms': {'granted': True, 'at': '2025-05-06T10:00:00+02:00'}},
          'cards': [{'number': 'F1', 'symbology': 'qr', 'state': 'active'}], 'external_refs': {'old': '7'}}
REWARD = {'id': 'm', 'kind': 'amount', 'title': 'm', 'cost_points': 10, 'value': 100, 'max_amount': 100, 'min_use': 1,
          'min_ticket': 1, 'sequence': 1, 'cost_price': 1, 'valid_from': '2020-01-01', 'valid_to': '2099-01-01',
          'sites': ['lyon-1'], 'partial': True, 'pro_only': False, 'contact_required': False, 'exclusive': False,
          'undiscounted_only': False, 'welcome': False, 'till_reference': 'R1'}
PROGRAM = {'currency': 'EUR', 'time_zone': 'Europe/Paris',
           'earning': {'per_passage': 1, 'per_amount': {'points': 1, 'amount': 100}, 'per_article': True,
                       'combine': 'sum', 'min_ticket': 0, 'on_loyalty_tender': False},
           'max_points_per_passage': 100, 'min_delay_s': 0, 'points_expire_days': 365,
           'contact_required_to_redeem': False, 'offline_max_value': 0,
           'rewards': [REWARD, {'id': 'p', 'kind': 'percent', 'title': 'p', 'bp': 1000, 'categories': ['drinks']},
                       {'id': 'a', 'kind': 'article', 'title': 'a', 'articles': ['A1'], 'every_n_passages': 3}],
           'offers': [{'id': 'o', 'title': 'o', 'from': '2020-01-01', 'to': '2099-01-01', 'sites': ['lyon-1'],
                       'modes': ['here'], 'groups': ['vip'],
                       'when': {'min_amount': 1, 'articles': ['A1'], 'categories': ['drinks'], 'nth_passage': 2},
                       'gain': {'multiplier_bp': 20000}}],
           'coupons': [{'id': 'c', 'reward': 'm', 'on': {'every_n_passages': 3}, 'valid_days': 30},
                       {'id': 'h', 'reward': 'm', 'on': {'by_hand': True}, 'valid_days': 30}],
           'profile_bonus': {'fields': ['birthday'], 'points': 5},
           'sponsorship': {'sponsor_points': 5, 'newcomer_points': 5}}
AT = '2025-05-06T10:00:00+02:00'

# each call as it is in order; $C is the customer
CALLS = [
    ('program.replace', {'key': 'k', 'operator': 'Marc', 'program': PROGRAM}),
    ('article.import', {'key': 'k', 'articles': [{'code': 'A1', 'label': 'Thé', 'ean': '1', 'category': 'drinks',
                                                  'points': 3, 'points_price': 50}]}),
    ('article.list', {'category': 'drinks', 'limit': 5}),
    ('customer.create', {'key': 'k', 'record': RECORD, 'card': 'N1', 'sponsor': '$C'}),
    ('customer.update', {'key': 'k', 'id': '$C', 'revision': 1, 'record': RECORD}),
    ('customer.import', {'key': 'k', 'records': [RECORD]}),
    ('customer.lookup', {'phone': '0612345678'}),
    ('customer.search', {'text': 'anne', 'limit': 5}),
    ('customer.compare', {'id': '$C', 'record': RECORD}),
    ('customer.history', {'id': '$C', 'limit': 5}),
    ('customer.export', {'id': '$C', 'limit': 5}),
    ('customer.merge', {'key': 'k', 'from': '$C', 'into': 'c_never'}),
    ('customer.delete', {'key': 'k', 'id': 'c_never'}),
    ('card.attach', {'key': 'k', 'customer': '$C', 'card': 'N2', 'symbology': 'qr'}),
    ('card.detach', {'key': 'k', 'customer': '$C', 'card': 'N3', 'state': 'lost'}),
    ('account.adjust', {'key': 'k', 'customer': '$C', 'unit': 'points', 'delta': 5, 'reason': 'x'}),
    ('reward.quote', {'sale': 'Q', 'customer': '$C', 'basket': BASKET, 'codes': ['x'], 'occurred_at': AT, 'mode': 'here'}),
    ('reward.reserve', {'key': 'k', 'sale': 'R', 'customer': '$C', 'basket': BASKET, 'occurred_at': AT, 'mode': 'here',
                        'uses': [{'reward': 'm', 'amount': 50, 'line': 1, 'forfeit_remainder': True}]}),
    ('reward.deduct', {'key': 'k', 'sale': 'D', 'customer': '$C', 'basket': BASKET, 'uses': [{'wallet': True}]}),
    ('reward.release', {'reservation': 'r_1'}),
    ('passage.post', {'key': 'k', 'sale': 'S', 'business_day': '2025-05-06', 'occurred_at': AT, 'mode': 'here',
                      'customer': '$C', 'lines': [LINE], 'total': 1000,
                      'tenders': [{'kind': 'card', 'amount': 1000, 'label': 'CB'}], 'reservation': 'r_1'}),
    ('passage.show', {'sale': 'S', 'business_day': '2025-05-06'}),
    ('passage.amend', {'key': 'k', 'sale': 'S', 'business_day': '2025-05-06', 'total': 1000, 'lines': [LINE]}),
    ('passage.list', {'from': '2025-05-01', 'to': AT, 'till': '2', 'limit': 5}),
    ('passage.reverse', {'key': 'k', 'sale': 'S', 'business_day': '2025-05-06', 'kind': 'return',
                         'lines': [{'no': 1, 'quantity': 1000}]}),
    ('coupon.issue', {'key': 'k', 'rule': 'h', 'customer': '$C', 'valid_to': '2099-01-01'}),
    ('coupon.check', {'code': 'TBC-X'}),
    ('gift_card.create', {'key': 'k', 'amount': 100, 'number': 'G1', 'expires_at': '2099-01-01', 'buyer': 'A',
                          'beneficiary': 'B', 'message': 'C'}),
    ('gift_card.reload', {'key': 'k', 'number': 'G1', 'amount': 100}),
    ('gift_card.show', {'number': 'G1'}),
    ('report.summary', {'from': '2025-05-01', 'to': '2025-06-01', 'sites': ['lyon-1']}),
    ('report.export', {'what': 'passages', 'format': 'csv', 'from': '2025-05-01', 'to': '2025-06-01', 'limit': 5}),
    ('ledger.verify', {}),
]

MAX, MIN = 2 ** 63 - 1, -2 ** 63
NUMBERS = [0, -1, 1, MAX, MIN, 2 ** 53, 2 ** 53 + 1, 2 ** 62]
TEXTS = ['', ' ', 'x' * 5000, '\u0001', 'é' * 300, '-', '🍕', "'; DROP TABLE customers; --", 'TB:', 'c_', '2025-13-45',
         '2025-02-29', '0000-00-00', '9999-12-31T23:59:60Z', '2025-05-06T10:00:00', '%', '~']


def leaves(value, path=()):
    """Every place of a value, itself included."""
    if path:
        yield path
    if isinstance(value, dict):
        for name in value:
            yield from leaves(value[name], path + (name,))
    if isinstance(value, list):
        for i, each in enumerate(value):
            yield from leaves(each, path + (i,))


def at(value, path):
    for step in path:
        value = value[step]
    return value


def changed(params, path, value):
    params = copy.deepcopy(params)
    at(params, path[:-1])[path[-1]] = value
    return params


def wrong_types(value):
    every = {bool: True, int: 7, str: 'x', list: [], dict: {}}
    return [None, 1.5] + [other for kind, other in every.items() if not type(value) is kind]


class Examiner:
    def __init__(self, bridge):
        self.till, self.number = bridge.connect(), 0
        self.till.call('program.replace', {'key': 'first', 'program': PROGRAM})
        self.customer = self.till.call('customer.create', {'key': 'c', 'record': {'first_name': 'Anne'}})['customer']['id']

    def fill(self, value):
        if isinstance(value, dict):
            return {name: self.fill(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.fill(each) for each in value]
        return self.customer if value == '$C' else value

    def ask(self, method, params):
        """The refusal, None when it was answered."""
        params = self.fill(params)
        self.number += 1
        if params.get('key') == 'k':
            params['key'] = f'k{self.number}'
        try:
            self.till.call(method, params)
        except Refused as refused:
            assert refused.code in WORDS, f'{method} {params}: {refused}'
            assert refused.number in (-32602, -32000), f'{method} {params}: {refused}'
            return refused
        return None

    def types(self, method, params):
        for path in leaves(params):
            for value in wrong_types(at(params, path)):
                refused = self.ask(method, changed(params, path, value))
                # what a return is of may be said in any way, and a map's names are free
                if path[-1] == 'return_of' or refused is None and isinstance(value, (dict, list)) and not value:
                    continue
                assert refused and refused.code == 'invalid_params', f'{method} {path} {value!r}: {refused}'
                pointer = '/' + '/'.join(str(step) for step in path)
                told = [error['pointer'] for error in refused.data['errors']]
                assert any(one.startswith(pointer) for one in told), f'{method} {path} {value!r}: {told}'

    def values(self, method, params):
        for path in leaves(params):
            old = at(params, path)
            if isinstance(old, bool) or isinstance(old, (dict, list)):
                continue
            for value in NUMBERS if isinstance(old, int) else TEXTS:
                if path != ('key',):
                    self.ask(method, changed(params, path, value))

    def missing(self, method, params):
        for path in leaves(params):
            if isinstance(path[-1], str):
                less = copy.deepcopy(params)
                del at(less, path[:-1])[path[-1]]
                self.ask(method, less)
                self.ask(method, changed(params, path[:-1] + ('unheard',), 1))

    def examine(self, method, params):
        self.types(method, params)
        self.values(method, params)
        self.missing(method, params)


def main():
    tap = Tap()
    with Bridge() as bridge:
        examiner = Examiner(bridge)
        for method, params in CALLS:
            tap.run(method, examiner.examine, method, params)
        tap.run('the ledger adds up', bridge.verify)
        examiner.till.close()
    tap.done()


if __name__ == '__main__':
    main()
