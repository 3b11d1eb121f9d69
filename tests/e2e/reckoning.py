#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Tickets drawn at random, reckoned a second time: in fractions, straight from the words of R1 to R6 and
R11, and compared with what the daemon reserves, grants, takes back and restores. It shares no code with
the rules and knows no step of theirs; what refuses a use is compared by its word.

    reckoning.py [--seed N] [--cases N]"""

import datetime
import os
import random
import sys
from fractions import Fraction
from math import floor

sys.path.insert(0, os.path.dirname(__file__))
from bridge import Bridge, Refused
from tap import Tap

ARTICLES = [{'code': f'P{i}', 'label': f'Plat {i}', 'category': ('food', 'drink')[i % 2], 'points': i % 4,
             'points_price': (0, 7, 30)[i % 3]} for i in range(6)]
STEPS = {'article': 2, 'amount': 6, 'percent': 5, 'cashback': 7, 'wallet': 8, 'gift_card': 9, 'gift': 10}


def half_up(fraction):
    return floor(fraction + Fraction(1, 2))


def ceil(fraction):
    return -floor(-fraction)


def spread(amount, weights):
    """R1: by largest remainder, ties to the earlier."""
    whole = sum(weights)
    exact = [Fraction(amount * weight, whole) for weight in weights]
    shares = [floor(each) for each in exact]
    for i in sorted(range(len(weights)), key=lambda i: (shares[i] - exact[i], i))[:amount - sum(shares)]:
        shares[i] += 1
    return shares


class Refusal(Exception):
    """The word of the error, and the reason beside it."""

    def __init__(self, code, reason=None):
        super().__init__(code, reason)
        self.code, self.reason = code, reason


class Line:
    def __init__(self, line, articles):
        self.no, self.total, self.quantity = line['no'], line['total'], line['quantity']
        self.code, self.flags = line['article']['code'], line.get('flags', [])
        known = articles.get(self.code, {})
        self.category = line['article'].get('category', known.get('category'))
        self.points, self.price = known.get('points', 0), known.get('points_price', 0)
        sold = self.quantity > 0 and self.total > 0
        self.touchable = sold and not set(self.flags) & {'gift_card_sale', 'deposit', 'return_of'}
        self.earns = sold and not self.flags
        self.plain = self.earns and not line.get('discount') and line.get('price_kind', 'normal') == 'normal'
        weighed = self.quantity % 1000 != 0
        self.unit = self.quantity if weighed else 1000
        self.worth = self.total if weighed else half_up(Fraction(self.total * 1000, self.quantity))
        self.left, self.units, self.touched, self.out, self.offered = self.total, self.quantity // self.unit, False, 0, 0

    def base(self):
        return self.left - self.out


class Ticket:
    """The bill of one reservation, step after step."""

    def __init__(self, basket, program, articles):
        self.lines = sorted((Line(line, articles) for line in basket['lines']), key=lambda line: line.no)
        self.program, self.before = program, basket['total']
        self.after = self.to_pay = self.before
        self.adjustments, self.points, self.paid_by_loyalty = [], 0, 0
        self.done = []  # of each use: its points, and the numbers of its own lines, None when it is of the ticket

    def answers(self, reward, line):
        names, categories = reward.get('articles', []), reward.get('categories', [])
        return not names and not categories or line.code in names or line.category in categories

    def chosen(self, reward):
        scope = [line for line in self.lines if line.touchable and self.answers(reward, line)]
        if not scope and (reward.get('articles') or reward.get('categories')):
            raise Refusal('reward_not_applicable', 'article_missing')
        lines = [line for line in scope if line.base() > 0 and
                 not (reward.get('undiscounted_only') and (not line.plain or line.touched))]
        if not lines:
            raise Refusal('reward_not_applicable', 'base_zero')
        return lines

    def part(self, use, reward, worth, payable):
        """R4: how much is used, and for how many points."""
        used, cost = min(worth, payable, use.get('amount', worth)), reward.get('cost_points', 0)
        if used <= 0:
            raise Refusal('reward_not_applicable', 'base_zero')
        if used < worth:
            if not (reward.get('partial') or reward['kind'] == 'cashback' or use.get('forfeit_remainder')):
                raise Refusal('reward_not_applicable', 'not_whole')
            if used < reward.get('min_use', 0):
                raise Refusal('reward_not_applicable', 'min_use')
            if not use.get('forfeit_remainder'):
                cost = ceil(Fraction(cost * used, worth))
        return used, cost

    def note(self, cost, numbers=None):
        self.points += cost
        self.done.append((cost, numbers))

    def offer(self, use, reward, is_it):
        found = [line for line in self.lines if line.touchable and is_it(line) and line.units > 0 and
                 use.get('line', line.no) == line.no]
        if not found:
            raise Refusal('reward_not_applicable', 'article_missing')
        found = [line for line in found if min(line.worth, line.base()) > 0 and
                 not (reward.get('undiscounted_only') and (not line.plain or line.touched))]
        if not found:
            raise Refusal('reward_not_applicable', 'base_zero')
        line = min(found, key=lambda line: (min(line.worth, line.base()), line.no))
        worth = min(line.worth, line.base())
        amount = min(worth, reward.get('max_amount', worth))
        line.units, line.touched = line.units - 1, True
        line.left, line.out, line.offered = line.left - amount, line.out + worth - amount, line.offered + line.unit
        self.after, self.to_pay = self.after - amount, self.to_pay - amount
        self.adjustments.append(('article_offered', line.no, amount))
        self.note(reward.get('cost_points', 0), [line.no])

    def discount(self, use, reward):
        lines = self.chosen(reward)
        base = sum(line.base() for line in lines)
        worth = half_up(Fraction(base * reward['bp'], 10000)) if reward['kind'] == 'percent' else reward['value']
        used, cost = self.part(use, reward, min(worth, reward.get('max_amount', worth)), base)
        shares = spread(used, [line.base() for line in lines])
        limited = bool(reward.get('articles') or reward.get('categories'))
        for line, share in zip(lines, shares):
            line.left -= share
            if limited and share:
                line.touched = True
                self.adjustments.append(('line_discount', line.no, share))
        if not limited:
            spread_over = tuple((line.no, share) for line, share in zip(lines, shares) if share)
            self.adjustments.append(('ticket_discount', spread_over, used))
        self.note(cost, [line.no for line, share in zip(lines, shares) if share] if limited else None)
        self.after, self.to_pay = self.after - used, self.to_pay - used

    def tender(self, amount, loyalty=True):
        if amount > 0:
            self.to_pay -= amount
            self.paid_by_loyalty += amount if loyalty else 0
            self.adjustments.append(('tender', None, amount))
        return max(amount, 0)

    def cashback(self, use, reward):
        worth = reward.get('value') or half_up(Fraction(max(self.after, 0) * reward['bp'], 10000))
        worth = min(worth, reward.get('max_amount', worth))
        used, cost = self.part(use, reward, worth, max(self.to_pay, 0))
        self.tender(used)
        self.note(cost)


def claims_of(uses, ticket, account, articles):
    """Each use with its reward, in the order of R2. A coupon is its reward for no points."""
    rewards = {reward['id']: reward for reward in ticket.program['rewards']}
    claims = []
    for use in uses:
        if 'coupon' in use:
            reward = {**rewards[account['coupons'][use['coupon']]], 'cost_points': 0}
        elif 'reward' not in use:
            kind = 'wallet' if 'wallet' in use else 'gift_card'
            claims.append((STEPS[kind], 0, '', use.get('gift_card', ''), use, None))
            continue
        else:
            reward = rewards.get(use['reward'])
        if not reward:
            name = use['reward']
            article = articles[name.split(':')[1]]
            if article['code'] not in [line.code for line in ticket.lines]:
                raise Refusal('reward_not_applicable', 'article_missing')
            reward = {'id': name, 'kind': 'article', 'cost_points': article['points_price'], 'code': article['code']}
        step = STEPS[reward['kind']]
        if step in (5, 6) and (reward.get('articles') or reward.get('categories')):
            step -= 1 if step == 5 else 3
        claims.append((step, reward.get('sequence', 0), reward['id'], use.get('coupon', ''), use, reward))
    return sorted(claims, key=lambda claim: claim[:4])


def reserve(ticket, uses, account, articles):
    """Plays the uses on the ticket; raises what refuses them."""
    claims = claims_of(uses, ticket, account, articles)
    rewards = [reward for *_, reward in claims if reward]
    whole = [reward.get('cost_points', 0) for reward in rewards
             if not reward.get('partial') and reward['kind'] != 'cashback']
    broke = any(reward.get('cost_points', 0) > account['points'] for reward in rewards) or sum(whole) > account['points'] \
        or any('wallet' in use for *_, use, _ in claims) and account['wallet'] <= 0 \
        or any(account['cards'][use['gift_card']] <= 0 for *_, use, _ in claims if 'gift_card' in use)
    if any(reward.get('contact_required') for reward in rewards) and not account['contact']:
        raise Refusal('contact_required')
    if broke:
        raise Refusal('insufficient_balance')
    if any(ticket.before < reward.get('min_ticket', 0) for reward in rewards):
        raise Refusal('reward_not_applicable', 'min_ticket')
    if len(rewards) > 1 and any(reward.get('exclusive') for reward in rewards):
        raise Refusal('reward_not_applicable', 'not_now')
    for step, _, _, _, use, reward in claims:
        if step == 2:
            named = reward.get('code')
            ticket.offer(use, reward, lambda line: line.code == named if named else ticket.answers(reward, line))
        elif step in (3, 4, 5, 6):
            ticket.discount(use, reward)
        elif step == 7:
            ticket.cashback(use, reward)
        elif step == 10:
            ticket.note(reward.get('cost_points', 0))
        else:
            purse = account['wallet'] if step == 8 else account['cards'][use['gift_card']]
            taken = ticket.tender(min(purse, max(ticket.to_pay, 0), use.get('amount', purse)), step == 8)
            if step == 8:
                account['wallet_used'] = taken
            else:
                account['card_used'] += taken
        if ticket.points > account['points']:
            raise Refusal('insufficient_balance')


def earned(ticket, kept=None):
    """R5, R6: points and wallet money. kept: thousandths of each line that stay, all when it is None."""
    program, earning = ticket.program, ticket.program['earning']
    base, articles, bought = 0, Fraction(0), []
    for line in ticket.lines:
        if not line.earns:
            continue
        stays = line.quantity if kept is None else kept[line.no]
        left = line.left if stays == line.quantity else half_up(Fraction(line.left * stays, line.quantity))
        paid = line.quantity - line.offered
        paid = paid if stays == line.quantity else half_up(Fraction(paid * stays, line.quantity))
        base += left
        articles += Fraction(line.points * paid, 1000)
        if paid > 0:
            bought.append(line)
    if not earning.get('on_loyalty_tender'):
        base -= ticket.paid_by_loyalty
    base = max(base, 0)
    if base < earning.get('min_ticket', 0):
        return 0, 0
    parts = [Fraction(earning.get('per_passage', 0))]
    if 'per_amount' in earning:
        parts.append(Fraction(base * earning['per_amount']['points'], earning['per_amount']['amount']))
    if earning.get('per_article'):
        parts.append(articles)
    points = sum(parts) if earning.get('combine') == 'sum' else max(parts)
    multiplier, fixed, wallet = Fraction(1), 0, 0
    for offer in program['offers']:
        when, gain = offer.get('when', {}), offer['gain']
        if base < when.get('min_amount', 0) or \
                'articles' in when and not any(line.code in when['articles'] for line in bought) or \
                'categories' in when and not any(line.category in when['categories'] for line in bought):
            continue
        multiplier = max(multiplier, Fraction(gain.get('multiplier_bp', 0), 10000))
        fixed += gain.get('points', 0)
        wallet += gain.get('wallet', 0) + half_up(Fraction(base * gain.get('wallet_bp', 0), 10000))
    points = floor(points * multiplier) + fixed
    return min(points, program.get('max_points_per_passage', points)), wallet


# ---- what is drawn ----

def some(draw, chance, value):
    return value if draw.random() < chance else None


def without_none(values):
    return {name: value for name, value in values.items() if value is not None}


def draw_scope(draw):
    return some(draw, 0.6, [draw.choice(ARTICLES)['code'] for _ in range(draw.randint(1, 2))]), \
        some(draw, 0.4, [draw.choice(('food', 'drink', 'none'))])


def draw_reward(draw, i):
    kind = draw.choice(['article', 'amount', 'amount', 'percent', 'percent', 'cashback', 'gift'])
    articles, categories = draw_scope(draw) if kind in ('article', 'amount', 'percent') else (None, None)
    if kind == 'article':
        articles, categories = [draw.choice(ARTICLES)['code']], None
    elif draw.random() < 0.5:
        articles = categories = None
    by_value = kind == 'amount' or kind == 'cashback' and draw.random() < 0.5
    value = draw.choice([1, 100, 333, 1000, 5000])
    return without_none({
        'id': f'r{draw.randint(0, 9)}{i}', 'kind': kind, 'title': 'R', 'articles': articles, 'categories': categories,
        'value': value if by_value else None,
        'bp': draw.choice([1, 333, 500, 1550, 5000, 10000]) if kind == 'percent' or kind == 'cashback' and not by_value else None,
        'cost_points': some(draw, 0.5, draw.choice([1, 7, 30, 100])),
        'max_amount': some(draw, 0.2, draw.choice([1, 50, 700])) if kind != 'gift' else None,
        'undiscounted_only': some(draw, 0.2, True) if kind in ('percent', 'amount', 'article') else None,
        'partial': some(draw, 0.4, True) if kind in ('amount', 'percent') else None,
        'min_use': some(draw, 0.2, min(value, 50)) if kind in ('amount', 'percent', 'cashback') else None,
        'min_ticket': some(draw, 0.1, 1000), 'sequence': some(draw, 0.3, draw.randint(0, 2)),
        'exclusive': some(draw, 0.05, True), 'contact_required': some(draw, 0.1, True)})


def draw_offer(draw, i):
    articles, categories = draw_scope(draw)
    gain = draw.choice([{'multiplier_bp': draw.choice([5000, 12500, 20000, 33333])}, {'points': draw.randint(1, 60)},
                        {'wallet': draw.randint(1, 200)}, {'wallet_bp': draw.choice([1, 250, 333, 1000])}])
    when = without_none({'min_amount': some(draw, 0.4, draw.choice([1, 500, 1500])),
                         'articles': articles if draw.random() < 0.4 else None,
                         'categories': categories if draw.random() < 0.4 else None})
    return {'id': f'o{i}', 'title': 'O', 'from': '2020-01-01', 'to': '2099-01-01', 'when': when, 'gain': gain}


def draw_program(draw):
    earning = without_none({
        'per_passage': some(draw, 0.4, draw.randint(1, 9)),
        'per_amount': some(draw, 0.8, {'points': draw.randint(1, 7), 'amount': draw.choice([1, 3, 10, 100, 777])}),
        'per_article': some(draw, 0.5, True), 'combine': some(draw, 0.6, draw.choice(['best', 'sum'])),
        'min_ticket': some(draw, 0.2, draw.choice([1, 700])), 'on_loyalty_tender': some(draw, 0.3, True)})
    rewards = [draw_reward(draw, i) for i in range(draw.randint(1, 6))]
    return without_none({'currency': 'EUR', 'time_zone': 'Europe/Paris', 'earning': earning,
                         'max_points_per_passage': some(draw, 0.2, draw.randint(1, 60)),
                         'points_expire_days': some(draw, 0.5, 30),
                         'rewards': rewards,
                         'coupons': [{'id': 'by-hand', 'reward': draw.choice(rewards)['id'], 'on': {'by_hand': True}}],
                         'offers': [draw_offer(draw, i) for i in range(draw.randint(0, 4))]})


def draw_line(draw, no):
    quantity = draw.choice([1000, 1000, 1000, 2000, 3000, 7000, 350, 2500, 1, -1000])
    price, discount = draw.choice([0, 1, 5, 99, 333, 500, 1999]), draw.choice([0, 0, 0, 10])
    total = half_up(Fraction(price * quantity, 1000))
    discount = min(discount, total) if quantity > 0 else 0
    code = draw.choice([article['code'] for article in ARTICLES] + ['X1', 'X2'])
    flags = draw.choice([None] * 9 + [['deposit'], ['gift_card_sale'], ['no_loyalty']])
    if quantity < 0:
        flags = draw.choice([None, ['return_of']])
    return without_none({
        'no': no, 'article': without_none({'code': code, 'label': code, 'category': some(draw, 0.2, 'drink')}),
        'quantity': quantity, 'unit_price': price, 'total': total - discount, 'discount': discount or None,
        'price_kind': some(draw, 0.2, draw.choice(['promo', 'manual'])), 'flags': flags, 'vat_bp': 2000})


def draw_basket(draw):
    numbers = draw.sample(range(1, 30), draw.randint(1, 6))
    lines = [draw_line(draw, no) for no in numbers]
    return {'lines': lines, 'total': sum(line['total'] for line in lines)}


def draw_uses(draw, program, account, numbers):
    names = [reward['id'] for reward in program['rewards']] + \
        [f'article:{article["code"]}' for article in ARTICLES if article['points_price']]
    uses = [without_none({'reward': name, 'amount': some(draw, 0.2, draw.choice([1, 60, 400, 9999])),
                          'forfeit_remainder': some(draw, 0.3, True), 'line': some(draw, 0.2, draw.choice(numbers))})
            for name in draw.sample(names, min(len(names), draw.choice([0, 1, 1, 2, 3])))]
    if draw.random() < 0.4:
        uses.append(without_none({'wallet': True, 'amount': some(draw, 0.4, draw.choice([1, 70, 5000]))}))
    uses += [{'gift_card': card} for card in account['cards'] if draw.random() < 0.3]
    uses += [without_none({'coupon': code, 'amount': some(draw, 0.2, 70)}) for code in account['coupons']]
    draw.shuffle(uses)
    return uses


# ---- one story ----

class Story:
    def __init__(self, till, seed):
        self.till, self.draw, self.seed, self.n = till, random.Random(seed), seed, 0
        self.program = {}
        self.articles = {article['code']: article for article in ARTICLES}

    def key(self):
        self.n += 1
        return f'{self.seed}-{self.n}'

    def new_program(self):
        self.program = draw_program(self.draw)
        self.till.call('program.replace', {'key': self.key(), 'program': self.program})

    def open_account(self):
        draw = self.draw
        contact = draw.random() < 0.8
        record = {'first_name': 'Anne', **({'emails': [f'{self.key()}@example.fr']} if contact else {})}
        customer = self.till.call('customer.create', {'key': self.key(), 'record': record})['customer']['id']
        account = {'id': customer, 'contact': contact, 'points': draw.choice([0, 8, 60, 150, 500]),
                   'wallet': draw.choice([0, 1, 250, 4000]), 'cards': {}, 'coupons': {}, 'wallet_used': 0, 'card_used': 0}
        for unit in ('points', 'wallet'):
            if account[unit]:
                self.till.call('account.adjust', {'key': self.key(), 'customer': customer, 'unit': unit,
                                                  'delta': account[unit], 'reason': 'opening balance'})
        for _ in range(draw.choice([0, 0, 1, 2])):
            amount = draw.choice([1, 300, 3000])
            number = self.till.call('gift_card.create', {'key': self.key(), 'amount': amount})['number']
            account['cards'][number] = amount
        for _ in range(draw.choice([0, 0, 0, 1, 2])):
            code = self.till.call('coupon.issue', {'key': self.key(), 'rule': 'by-hand'})['code']
            account['coupons'][code] = self.program['coupons'][0]['reward']
        return account

    def ask(self, method, params):
        try:
            return self.till.call(method, params), None
        except Refused as refused:
            return None, refused

    def cost_of(self, use):
        """The points of the whole reward."""
        name = use.get('reward', '')
        if name.startswith('article:'):
            return self.articles[name[8:]]['points_price']
        return sum(reward.get('cost_points', 0) for reward in self.program['rewards'] if reward['id'] == name)

    def compare_reservation(self, got, refused, ticket, refusal, account, asked):
        if refusal:
            assert refused, f'not refused with {refusal}: {got}'
            codes = [refusal.code] + ['insufficient_balance'] * (asked > account['points'])
            assert refused.code in codes, f'{refused}, not {refusal}'
            if refused.code == 'reward_not_applicable':
                assert refused.data['reason'] == refusal.reason, f'{refused}, not {refusal}'
            return
        assert got, f'{refused}, not {ticket.adjustments}'
        adjustments = []
        for each in got['adjustments']:
            shares = tuple(sorted((share['no'], share['amount']) for share in each.get('lines', []) if share['amount']))
            adjustments.append((each['kind'], shares if each['kind'] == 'ticket_discount' else each.get('line'),
                                each['amount']))
        assert adjustments == ticket.adjustments, f'{adjustments}, not {ticket.adjustments}'
        sums = (got['total_before'], got['total_after'], got['to_pay'])
        assert sums == (ticket.before, ticket.after, ticket.to_pay), f'{sums}, not {ticket.__dict__}'

    def give_back(self, sale, ticket, account, points, wallet):
        """Some lines come back, then perhaps all: R11."""
        draw, kept = self.draw, {line.no: line.quantity for line in ticket.lines}
        lines = [line for line in ticket.lines if line.quantity > 0]
        back_points = back_wallet = 0
        for line in draw.sample(lines, min(len(lines), draw.choice([1, 1, 2]))):
            some_of_it = draw.randint(1, kept[line.no])
            kept[line.no] -= some_of_it
            asked = {'no': line.no, 'quantity': some_of_it}
            if kept[line.no] == 0 and draw.random() < 0.5:
                del asked['quantity']
            answer = self.till.call('passage.reverse', {'key': self.key(), 'sale': sale, 'kind': 'return',
                                                        'lines': [asked]})
            nothing = all(kept[each.no] == 0 for each in lines)
            still = (0, 0) if nothing else earned(ticket, kept)
            back_points = max(back_points, points - still[0])
            back_wallet = max(back_wallet, wallet - still[1])
            uses_back = ticket.points if nothing else sum(
                cost for cost, own in ticket.done if own and all(kept[no] == 0 for no in own))
            got = (answer['balances']['points'], answer['balances']['wallet'])
            wanted = (account['points'] - ticket.points + uses_back + points - back_points,
                      account['wallet'] - (0 if nothing else account['wallet_used']) + wallet - back_wallet)
            assert got == wanted, f'after a return {got}, not {wanted}'

    def play(self):
        draw = self.draw
        if not self.program or draw.random() < 0.2:
            self.new_program()
        account, basket = self.open_account(), draw_basket(draw)
        numbers = [line['no'] for line in basket['lines']]
        uses, sale = draw_uses(draw, self.program, account, numbers), self.key()
        ticket, refusal = Ticket(basket, self.program, self.articles), None
        try:
            reserve(ticket, uses, account, self.articles)
        except Refusal as raised:
            refusal = raised
        got, refused = self.ask('reward.reserve', {'key': self.key(), 'sale': sale, 'customer': account['id'],
                                                   'basket': basket, 'uses': uses})
        asked = sum(self.cost_of(use) for use in uses)
        self.compare_reservation(got, refused, ticket, refusal, account, asked)
        if refusal:
            ticket = Ticket(basket, self.program, self.articles)
            account['wallet_used'] = account['card_used'] = 0
        now = datetime.datetime.now(datetime.timezone.utc).isoformat()
        post = {'sale': sale, 'occurred_at': now, 'customer': account['id'],
                **basket, 'tenders': [{'kind': 'cash', 'amount': ticket.to_pay}]}
        if got:
            post['reservation'] = got['reservation']
        answer = self.till.call('passage.post', post)
        points, wallet = earned(ticket)
        assert (answer['earned']['points'], answer['earned']['wallet']) == (points, wallet), \
            f'{answer["earned"]}, not {points} and {wallet}'
        assert answer['warnings'] == [], answer
        assert answer['balances']['points'] == account['points'] - ticket.points + points, answer
        assert answer['balances']['wallet'] == account['wallet'] - account['wallet_used'] + wallet, answer
        if any(line.quantity > 0 for line in ticket.lines) and draw.random() < 0.5:
            self.give_back(sale, ticket, account, points, wallet)
        balances = self.till.call('passage.reverse', {'key': self.key(), 'sale': sale, 'kind': 'void'})['balances']
        assert (balances['points'], balances['wallet']) == (account['points'], account['wallet']), balances
        assert (balances['points_available'], balances['passages']) == (account['points'], 0), balances
        for number, amount in account['cards'].items():
            card = self.till.call('gift_card.show', {'number': number})
            assert (card['balance'], card['available']) == (amount, amount), card


def option(name, default):
    return int(sys.argv[sys.argv.index(name) + 1]) if name in sys.argv else default


def play_all(seed, cases):
    with Bridge() as bridge, bridge.connect() as till:
        till.call('article.import', {'key': 'articles', 'articles': ARTICLES})
        story = Story(till, seed)
        for number in range(cases):
            try:
                story.play()
            except (AssertionError, Refused) as error:
                raise AssertionError(f'--seed {seed}, ticket {number + 1}: {error}\n'
                                     f'program {story.program}') from error
        bridge.verify()


def main():
    tap, seed = Tap(), option('--seed', random.randrange(1 << 30))
    tap.run(f'tickets reckoned twice, seed {seed}', play_all, seed, option('--cases', 200))
    tap.done()


if __name__ == '__main__':
    main()
