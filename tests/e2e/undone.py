#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Days of a shop drawn at random: sales with rewards of every kind, amounts told later, returns, voids, merges
and deletions, each between the others. Then every sale is voided, in any order, and everything must be as it was
before the first: points with their ends, wallets, cards, coupons, counts and welcomes (R11). What a sale did is
not reckoned here, so nothing of the rules has to be known.

    undone.py [--seed N] [--days N]"""

import datetime
import os
import random
import sys

sys.path.insert(0, os.path.dirname(__file__))
from bridge import Bridge, Refused
from tap import Tap

PROGRAM = {
    'currency': 'EUR', 'time_zone': 'Europe/Paris', 'points_expire_days': 30,
    'earning': {'per_passage': 2, 'per_amount': {'points': 1, 'amount': 100}, 'per_article': True, 'combine': 'sum'},
    'rewards': [
        {'id': 'ten', 'kind': 'percent', 'title': 'ten', 'bp': 1000, 'cost_points': 5},
        {'id': 'part', 'kind': 'amount', 'title': 'part', 'value': 700, 'cost_points': 9, 'partial': True},
        {'id': 'back', 'kind': 'cashback', 'title': 'back', 'bp': 500, 'cost_points': 3},
        {'id': 'cola', 'kind': 'article', 'title': 'cola', 'articles': ['COLA'], 'cost_points': 4},
        {'id': 'third', 'kind': 'amount', 'title': 'third', 'value': 100, 'every_n_passages': 3},
        {'id': 'hello', 'kind': 'gift', 'title': 'hello', 'welcome': True},
        {'id': 'mug', 'kind': 'gift', 'title': 'mug', 'cost_points': 6}],
    'offers': [{'id': 'o', 'title': 'o', 'from': '2020-01-01', 'to': '2099-01-01', 'gain': {'wallet_bp': 300}},
               {'id': 'd', 'title': 'd', 'from': '2020-01-01', 'to': '2099-01-01', 'when': {'nth_passage': 2},
                'gain': {'multiplier_bp': 20000}}],
    'coupons': [{'id': 'by-hand', 'reward': 'ten', 'on': {'by_hand': True}},
                {'id': 'second', 'reward': 'mug', 'on': {'every_n_passages': 2}}],
    'sponsorship': {'sponsor_points': 8, 'newcomer_points': 4}}


class Day:
    def __init__(self, till, seed):
        self.till, self.draw, self.seed, self.n = till, random.Random(seed), seed, 0
        self.people, self.opening, self.sales, self.said = [], {}, [], []
        self.heir = {}  # a merged customer: who has his account
        self.cards, self.coupons = {}, []

    def key(self):
        self.n += 1
        return f'{self.seed}-{self.n}'

    def call(self, method, **params):
        """Refusals are part of the day; the answer, None when it was refused."""
        if method not in ('reward.release', 'customer.lookup', 'passage.post', 'coupon.check', 'gift_card.show'):
            params['key'] = self.key()
        try:
            answer = self.till.call(method, params)
        except Refused as refused:
            assert refused.code != 'server_unreachable', f'{method} {params}: {refused}'
            self.said.append((method, params, refused.code))
            return None
        self.said.append((method, params, 'done'))
        return answer

    def look(self, customer):
        answer = self.call('customer.lookup', id=customer)
        balances = answer['balances']
        counts = {each['reward']: each['count'] for each in answer['progress']}
        welcome = any(reward['id'] == 'hello' for reward in answer['rewards'])
        return {**{name: balances[name] for name in ('points', 'points_available', 'wallet', 'wallet_available', 'passages')},
                'ends': self.lots_of(balances), 'counts': counts, 'welcome': welcome}

    @staticmethod
    def lots_of(balances):
        """Points by their end: how many lots there are is the ledger's own."""
        ends = {}
        for lot in balances['expiring']:
            ends[lot['at']] = ends.get(lot['at'], 0) + lot['points']
        return ends

    # ---- what happens ----

    def enrol(self):
        sponsor = {'sponsor': self.draw.choice(self.people)} if self.people and self.draw.random() < 0.4 else {}
        customer = self.call('customer.create', record={'first_name': 'Anne', 'emails': [f'{self.key()}@example.fr']},
                             **sponsor)['customer']['id']
        for unit, most in (('points', 60), ('wallet', 3000)):
            self.call('account.adjust', customer=customer, unit=unit, delta=self.draw.randint(1, most), reason='opening')
        self.people.append(customer)
        self.opening[customer] = self.look(customer)

    def ticket(self):
        draw = self.draw
        lines = [{'no': no, 'article': {'code': code, 'label': code}, 'quantity': 1000 * pieces, 'unit_price': price,
                  'total': price * pieces, 'vat_bp': 2000}
                 for no, (code, pieces, price) in enumerate(
                     [(draw.choice(['COLA', 'PIZZA', 'SALAD']), draw.randint(1, 3), draw.choice([99, 250, 1200]))
                      for _ in range(draw.randint(1, 3))], 1)]
        return {'lines': lines, 'total': sum(line['total'] for line in lines)}

    def uses(self):
        draw = self.draw
        uses = [{'reward': name} for name in draw.sample(['ten', 'part', 'back', 'cola', 'third', 'hello', 'mug', 'article:PIZZA'],
                                                         draw.randint(0, 2))]
        uses += [{'wallet': True, 'amount': draw.randint(1, 900)}] * (draw.random() < 0.3)
        uses += [{'gift_card': draw.choice(list(self.cards))}] * (draw.random() < 0.3)
        uses += [{'coupon': draw.choice(self.coupons)}] * (draw.random() < 0.3)
        return uses

    def sell(self):
        draw, sale, ticket = self.draw, f'S{self.key()}', self.ticket()
        customer = draw.choice(self.people)
        at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=draw.choice([0, 0, 0, 5, 12]))
        post = {'sale': sale, 'occurred_at': at.isoformat(), 'customer': customer, **ticket}
        for _ in range(draw.choice([0, 1, 1, 2])):
            method = 'reward.reserve' if draw.random() < 0.85 else 'reward.deduct'
            held = self.call(method, sale=sale, customer=customer, basket=ticket, uses=self.uses())
            if held:
                post['reservation'] = held['reservation']
                if method == 'reward.deduct':
                    break
                if draw.random() < 0.15:
                    self.call('reward.release', reservation=held['reservation'])
        if draw.random() < 0.1:
            self.mishap()
        if draw.random() < 0.15:
            del post['lines']
            if draw.random() < 0.5:
                del post['total']
        answer = self.call('passage.post', **post)
        assert answer and answer['state'] == 'posted', answer
        self.sales.append(sale)
        self.coupons += [coupon['code'] for coupon in answer.get('coupons', [])]

    def amend(self):
        ticket = self.ticket()
        self.call('passage.amend', sale=self.draw.choice(self.sales), **ticket)

    def give_back(self):
        line = {'no': self.draw.randint(1, 3)}
        if self.draw.random() < 0.5:
            line['quantity'] = self.draw.choice([500, 1000])
        self.call('passage.reverse', sale=self.draw.choice(self.sales), kind='return',
                  lines=[line] if self.draw.random() < 0.9 else [])

    def void(self):
        self.call('passage.reverse', sale=self.draw.choice(self.sales), kind='void')

    def mishap(self):
        """Somebody is merged into somebody else, or deleted."""
        if len(self.people) < 3:
            return
        gone = self.draw.choice(self.people)
        self.people.remove(gone)
        if self.draw.random() < 0.7:
            into = self.draw.choice(self.people)
            self.call('customer.merge', **{'from': gone, 'into': into})
            self.heir[gone] = into
        else:
            self.call('customer.delete', id=gone)
            self.heir[gone] = None

    # ---- and its undoing ----

    def whose(self, customer):
        while customer in self.heir:
            customer = self.heir[customer]
        return customer

    def expected(self, customer):
        """What he and all who were merged into him had in the beginning."""
        total = None
        for one, opening in self.opening.items():
            if self.whose(one) != customer:
                continue
            if total is None:
                total = {**opening, 'ends': dict(opening['ends'])}
                continue
            for name in ('points', 'points_available', 'wallet', 'wallet_available'):
                total[name] += opening[name]
            for end, points in opening['ends'].items():
                total['ends'][end] = total['ends'].get(end, 0) + points
        return total

    def play(self):
        draw = self.draw
        for _ in range(draw.randint(2, 5)):
            self.enrol()
        for amount in (300, 4000):
            self.cards[self.call('gift_card.create', amount=amount)['number']] = amount
        by_hand = [self.call('coupon.issue', rule='by-hand')['code'] for _ in range(2)]
        self.coupons = list(by_hand)
        self.sell()
        for _ in range(draw.randint(5, 40)):
            draw.choice([self.sell, self.sell, self.sell, self.amend, self.give_back, self.give_back, self.void])()
        draw.shuffle(self.sales)
        for sale in self.sales:
            assert self.call('passage.reverse', sale=sale, kind='void')['state'] == 'reversed'
        for customer in self.people:
            got, wanted = self.look(customer), self.expected(customer)
            assert got == wanted, f'{customer} has\n{got}, not\n{wanted}'
        for number, amount in self.cards.items():
            card = self.call('gift_card.show', number=number)
            assert (card['balance'], card['available']) == (amount, amount), card
        for code in self.coupons:
            kept = self.call('coupon.check', code=code)
            assert bool(kept) == (code in by_hand), f'coupon {code}: {kept}'


def play_all(seed, days):
    with Bridge() as bridge, bridge.connect() as till:
        till.call('program.replace', {'key': 'program', 'program': PROGRAM})
        till.call('article.import', {'key': 'articles', 'articles': [
            {'code': 'COLA', 'label': 'COLA', 'points': 1}, {'code': 'PIZZA', 'label': 'PIZZA', 'points': 3, 'points_price': 12}]})
        for number in range(days):
            day = Day(till, f'{seed}.{number}')
            try:
                day.play()
            except AssertionError as error:
                story = '\n'.join(f'{method} {params}: {said}' for method, params, said in day.said)
                raise AssertionError(f'--seed {seed}, day {number}: {error}\n{story}') from error
        bridge.verify()


def option(name, default):
    return int(sys.argv[sys.argv.index(name) + 1]) if name in sys.argv else default


def main():
    tap, seed = Tap(), option('--seed', random.randrange(1 << 30))
    tap.run(f'days undone, seed {seed}', play_all, seed, option('--days', 12))
    tap.done()


if __name__ == '__main__':
    main()
