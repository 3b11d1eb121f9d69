/* SPDX-License-Identifier: MIT */
/*
 * What holds for every basket, program and set of uses, tried on generated ones; the seeds are
 * fixed, so a failure comes again.
 */

#include <stdlib.h>
#include "base/money.h"
#include "tests/unit/rules/ticket.h"

#define ROUNDS rounds /* TB_ROUNDS, for who has an hour */
#define LINES 9
#define REWARDS 14
#define USES 8

static uint64_t seed, rounds = 4000;

static uint64_t
next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static int64_t
upto(int64_t n)
{
	return (int64_t)(next() % (uint64_t)(n + 1));
}

static bool
one_in(int n)
{
	return next() % (uint64_t)n == 0;
}

static const char *const codes[] = {"A", "B", "C", "D", "E"};
static const char *const categories[] = {"food", "drink", NULL};
static const char *const ids[] = {
	"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "r13"};
static const char *const lists[] = {"a", "b", "c", "food", "drink", "e"};

static const char *const sites[] = {"elsewhere", "lyon-1"};

static const struct tb_article imported[] = {
	{"A", "a", NULL, "food", 3, 0},
	{"B", "b", NULL, NULL, 0, 15},
	{"C", "c", NULL, "drink", 10, 40},
};

struct shop {
	struct tb_program program;
	struct tb_reward rewards[REWARDS];
	struct tb_offer offers[4];
	struct tb_line lines[LINES];
	struct tb_basket basket;
	struct tb_account account;
	struct tb_progress progress[REWARDS];
	struct tb_context context;
	struct tb_coupon coupons[2];
	struct tb_gift_card cards[2];
	struct tb_use uses[USES];
	size_t n_uses;
};

static void
make_line(struct tb_line *line, int64_t no)
{
	static const int64_t quantities[] = {1000, 1000, 1000, 2000, 3000, 350, 7000, 1500};
	static const uint32_t flags[] = {
		TB_LINE_GIFT_CARD_SALE, TB_LINE_DEPOSIT, TB_LINE_NO_LOYALTY, TB_LINE_RETURN_OF};
	size_t article = (size_t)upto(4);

	*line = (struct tb_line){
		.no = no,
		.code = codes[article],
		.label = codes[article],
		.category = categories[upto(2)],
		.quantity = quantities[upto(7)],
		.total = one_in(3) ? upto(9) : upto(5000),
		.imported = article < 3 && !one_in(3) ? &imported[article] : NULL,
		.price_kind = one_in(5) ? TB_PRICE_PROMO : TB_PRICE_NORMAL,
		.discount = one_in(5) ? upto(100) : 0,
		.flags = one_in(5) ? flags[upto(3)] : 0,
	};
	if (one_in(8)) {
		line->quantity = -line->quantity;
		line->total = -line->total;
	}
	if (one_in(12)) /* a discount that the till writes as a line */
		line->total = -upto(300);
}

static void
make_reward(struct tb_reward *reward, size_t i)
{
	size_t from = (size_t)upto(5);

	*reward = (struct tb_reward){
		.id = ids[i],
		.title = ids[i],
		.kind = (enum tb_reward_kind)upto(4),
		.cost_points = one_in(2) ? upto(60) : 0,
		.value = 1 + upto(one_in(2) ? 50 : 3000),
		.bp = 1 + upto(9999),
		.max_amount = one_in(4) ? 1 + upto(400) : 0,
		.min_use = one_in(5) ? upto(50) : 0,
		.every_n = one_in(6) ? 1 + upto(4) : 0,
		.sequence = upto(2),
		.cost_price = -1,
		.valid = TB_WINDOW_OPEN,
		.undiscounted_only = one_in(4),
		.partial = one_in(2),
		.welcome = one_in(8),
		.pro_only = one_in(8),
		.exclusive = one_in(20),
		.contact_required = one_in(10),
		.min_ticket = one_in(10) ? upto(6000) : 0,
	};
	if (one_in(15))
		reward->sites = (struct tb_names){
			.names = sites, .count = (size_t)1 + (size_t)upto(1)};
	if (one_in(15))
		reward->valid.to_us = NOW + upto(2) - 1;
	if (reward->kind == TB_REWARD_CASHBACK && one_in(2))
		reward->value = 0;
	if (reward->kind == TB_REWARD_ARTICLE || one_in(2))
		reward->articles = (struct tb_names){.names = &lists[from], .count = 1};
	if (one_in(4))
		reward->categories = (struct tb_names){.names = &lists[3], .count = 2};
}

static void
make_offer(struct tb_offer *offer, size_t i)
{
	*offer = (struct tb_offer){
		.id = ids[i],
		.window = TB_WINDOW_OPEN,
		.min_amount = one_in(2) ? upto(4000) : 0,
		.nth_passage = one_in(4) ? 1 + upto(3) : 0,
		.gain = (enum tb_gain_kind)upto(3),
		.gain_value = 1 + upto(30000),
	};
	if (one_in(3))
		offer->articles = (struct tb_names){.names = &lists[0], .count = 2};
}

/* Which coupon or card it is was found by the caller; the till may write it as it likes. */
static const char *
spelt_otherwise(const struct tb_use *use)
{
	if (use->kind == TB_USE_COUPON)
		return use->code[1] == '0' ? "k0" : "k1";
	if (use->kind == TB_USE_GIFT_CARD)
		return use->code[1] == '0' ? "g0" : "g1";
	return use->code;
}

static void
make_uses(struct shop *s)
{
	s->n_uses = (size_t)upto(one_in(2) ? 3 : USES);
	for (size_t i = 0; i < s->n_uses; i++) {
		struct tb_use *use = &s->uses[i];

		*use = (struct tb_use){.kind = TB_USE_REWARD, .code = ids[upto(REWARDS - 1)]};
		if (one_in(6))
			*use = (struct tb_use){.kind = TB_USE_WALLET, .code = "wallet"};
		if (one_in(6))
			use->code = one_in(2) ? "article:B" : "article:C";
		if (one_in(6)) {
			size_t k = (size_t)upto(1);

			*use = (struct tb_use){.kind = TB_USE_COUPON,
				.code = s->coupons[k].code,
				.coupon = &s->coupons[k]};
		}
		if (one_in(6)) {
			size_t k = (size_t)upto(1);

			*use = (struct tb_use){.kind = TB_USE_GIFT_CARD,
				.code = s->cards[k].number,
				.gift_card = &s->cards[k]};
		}
		if (one_in(8)) /* keyed by hand */
			use->code = spelt_otherwise(use);
		use->has_line = one_in(8) && s->basket.n_lines;
		if (use->has_line)
			use->line = s->lines[upto((int64_t)s->basket.n_lines - 1)].no;
		use->forfeit_remainder = one_in(4);
		use->has_amount = one_in(4);
		use->amount = 1 + upto(500);
	}
}

static void
open_shop(struct shop *s, uint64_t round)
{
	*s = (struct shop){0};
	seed = 0x9e3779b97f4a7c15u * (round + 1);
	s->basket = (struct tb_basket){.lines = s->lines, .n_lines = (size_t)upto(LINES)};
	for (size_t i = 0; i < s->basket.n_lines; i++) {
		make_line(&s->lines[i], (int64_t)(one_in(2) ? 100 - i : i + 200));
		s->basket.total += s->lines[i].total;
	}
	for (size_t i = 0; i < REWARDS; i++) {
		make_reward(&s->rewards[i], i);
		s->progress[i] = (struct tb_progress){ids[i], upto(5)};
	}
	for (size_t i = 0; i < 4; i++)
		make_offer(&s->offers[i], i);
	s->program = (struct tb_program){
		.earning = {.per_passage = upto(9),
			.amount_points = upto(7),
			.amount_unit = upto(300),
			.per_article = one_in(2),
			.combine = one_in(2) ? TB_COMBINE_SUM : TB_COMBINE_BEST,
			.min_ticket = one_in(5) ? upto(900) : 0,
			.on_loyalty_tender = one_in(3)},
		.max_points_per_passage = one_in(4) ? upto(60) : 0,
		.rewards = s->rewards,
		.n_rewards = REWARDS,
		.offers = s->offers,
		.n_offers = (size_t)upto(4),
	};
	s->account = anne;
	s->account.points_available = one_in(6) ? -upto(50) : upto(900);
	s->account.wallet_available = one_in(3) ? 0 : upto(2000);
	s->account.counted = upto(3);
	s->account.progress = s->progress;
	s->account.n_progress = REWARDS;
	s->context = here;
	s->coupons[0] = (struct tb_coupon){
		"K0", ids[upto(REWARDS - 1)], TB_COUPON_FREE, 1, false, TB_WINDOW_OPEN};
	s->coupons[1] = (struct tb_coupon){
		"K1", ids[upto(REWARDS - 1)], TB_COUPON_OURS, upto(2), one_in(5), TB_WINDOW_OPEN};
	s->cards[0] = (struct tb_gift_card){"G0", upto(900), TB_TIME_NONE, false};
	s->cards[1] = (struct tb_gift_card){
		"G1", upto(900), one_in(10) ? NOW : TB_TIME_NONE, one_in(20)};
	s->account.contact_known = !one_in(10);
	if (one_in(15))
		s->coupons[1].valid.to_us = NOW + upto(2) - 1;
	make_uses(s);
	assert_int_equal(tb_program_prepare(&s->program), 0);
}

static void
close_shop(struct shop *s)
{
	tb_program_release(&s->program);
}

static int
shop_reserve(struct shop *s, const struct tb_use *uses, size_t n, struct tb_reckoning *ret)
{
	return tb_rules_reserve(&s->program, &s->account, &s->basket, uses, n, &s->context, ret);
}

/* What a granted reservation must satisfy, whatever was asked. */
static void
check_reckoning(const struct shop *s, const struct tb_reckoning *r)
{
	int64_t all = 0, discounts = 0, points = 0, wallet = 0, left = 0, off[LINES] = {0};
	int64_t of_card[2] = {0}, of_coupon[2] = {0};

	for (size_t i = 0; i < r->n_adjustments; i++) {
		const struct tb_adjustment *a = &r->adjustments[i];
		int64_t shares = 0;

		assert_true(a->amount > 0);
		all += a->amount;
		if (a->kind == TB_ADJUST_TENDER)
			continue;
		discounts += a->amount;
		for (size_t k = 0; k < r->n_lines; k++) {
			if (a->kind != TB_ADJUST_TICKET_DISCOUNT && a->line == r->lines[k].no)
				off[k] += a->amount;
			for (size_t j = 0; j < a->n_shares; j++)
				if (a->shares[j].no == r->lines[k].no) {
					assert_true(a->shares[j].amount >= 0);
					off[k] += a->shares[j].amount;
					shares += a->shares[j].amount;
				}
		}
		if (a->kind == TB_ADJUST_TICKET_DISCOUNT)
			assert_int_equal(shares, a->amount);
	}
	assert_int_equal(r->total_before - all, r->to_pay);
	assert_int_equal(r->total_before - discounts, r->total_after);
	assert_true(r->to_pay >= 0 || r->to_pay == r->total_after);
	for (size_t k = 0; k < r->n_lines; k++) {
		const struct tb_line *line = &s->lines[k];

		assert_int_equal(r->lines[k].left, line->total - off[k]);
		assert_true(off[k] == 0 || r->lines[k].left >= 0);
		/* R2: never touched */
		if (line->quantity <= 0 || (line->flags & ~(uint32_t)TB_LINE_NO_LOYALTY))
			assert_int_equal(off[k], 0);
		assert_true(r->lines[k].offered_quantity <= TB_MAX(line->quantity, 0));
		left += r->lines[k].left;
	}
	assert_int_equal(left, r->total_after);
	for (size_t i = 0; i < r->n_uses; i++) {
		assert_true(r->uses[i].points >= 0 && r->uses[i].amount >= 0);
		points += r->uses[i].points;
		wallet += r->uses[i].wallet;
		for (size_t k = 0; k < 2; k++) {
			of_card[k] += s->uses[i].gift_card == &s->cards[k] ? r->uses[i].gift_card
			                                                   : 0;
			of_coupon[k] += s->uses[i].coupon == &s->coupons[k] ? r->uses[i].coupon_uses
			                                                    : 0;
		}
	}
	/* however often and in whatever spelling it was said */
	for (size_t k = 0; k < 2; k++) {
		assert_true(of_card[k] <= TB_MAX(s->cards[k].available, 0));
		assert_true(of_coupon[k] <= 1);
	}
	assert_int_equal(points, r->points);
	assert_int_equal(wallet, r->wallet);
	assert_true(points == 0 || points <= s->account.points_available);
	assert_true(wallet == 0 || wallet <= s->account.wallet_available);
}

static void
lines_add_up_and_nothing_is_below_zero(void **state)
{
	unsigned n_granted = 0, n_used = 0;

	for (uint64_t round = 0; round < ROUNDS; round++) {
		_cleanup_reckoning_ struct tb_reckoning r = {0};
		struct shop s;

		open_shop(&s, round);
		assert_int_equal(shop_reserve(&s, s.uses, s.n_uses, &r), 0);
		if (r.error == TB_OK) {
			check_reckoning(&s, &r);
			n_granted++;
			n_used += r.n_adjustments > 1;
		}
		close_shop(&s);
	}
	/* the generator is worth its name */
	assert_in_range(n_granted, ROUNDS / 6, ROUNDS);
	assert_in_range(n_used, ROUNDS / 25, ROUNDS);
}

static bool
same_adjustments(const struct tb_adjustment *a, size_t n, const struct tb_adjustment *b, size_t m)
{
	if (n != m)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (a[i].kind != b[i].kind || a[i].line != b[i].line ||
			a[i].amount != b[i].amount || a[i].quantity != b[i].quantity ||
			a[i].n_shares != b[i].n_shares ||
			strcmp(a[i].reward ? a[i].reward : "", b[i].reward ? b[i].reward : "") != 0)
			return false;
		for (size_t k = 0; k < a[i].n_shares; k++)
			if (a[i].shares[k].no != b[i].shares[k].no ||
				a[i].shares[k].amount != b[i].shares[k].amount)
				return false;
	}
	return true;
}

static void
the_order_of_uses_does_not_matter(void **state)
{
	for (uint64_t round = 0; round < ROUNDS; round++) {
		_cleanup_reckoning_ struct tb_reckoning a = {0}, b = {0};
		struct tb_use shuffled[USES];
		size_t from[USES];
		struct shop s;

		open_shop(&s, round);
		for (size_t i = 0; i < s.n_uses; i++)
			from[i] = i;
		for (size_t i = s.n_uses; i > 1; i--) {
			size_t k = (size_t)upto((int64_t)i - 1), swap = from[i - 1];

			from[i - 1] = from[k];
			from[k] = swap;
		}
		for (size_t i = 0; i < s.n_uses; i++)
			shuffled[i] = s.uses[from[i]];
		assert_int_equal(shop_reserve(&s, s.uses, s.n_uses, &a), 0);
		assert_int_equal(shop_reserve(&s, shuffled, s.n_uses, &b), 0);
		assert_int_equal(a.error, b.error);
		assert_int_equal(a.reason, b.reason);
		assert_int_equal(a.points, b.points);
		assert_int_equal(a.to_pay, b.to_pay);
		assert_true(same_adjustments(
			a.adjustments, a.n_adjustments, b.adjustments, b.n_adjustments));
		for (size_t i = 0; a.error == TB_OK && i < s.n_uses; i++)
			if (!a.uses[from[i]].repeated && !b.uses[i].repeated) {
				assert_int_equal(a.uses[from[i]].points, b.uses[i].points);
				assert_int_equal(a.uses[from[i]].amount, b.uses[i].amount);
			}
		close_shop(&s);
	}
}

static void
a_quote_equals_the_reservation_of_it_alone(void **state)
{
	unsigned n_applicable = 0;

	for (uint64_t round = 0; round < ROUNDS / 4; round++) {
		_cleanup_quote_ struct tb_quote q = {0};
		struct tb_earned earned;
		struct shop s;

		open_shop(&s, round);
		assert_int_equal(
			tb_rules_quote(&s.program, &s.account, &s.basket, NULL, 0, &s.context, &q),
			0);
		assert_true(q.n_rewards >= REWARDS);
		for (size_t i = 0; i < q.n_rewards; i++) {
			_cleanup_reckoning_ struct tb_reckoning r = {0};
			struct tb_use use = {.kind = TB_USE_REWARD, .code = q.rewards[i].id};

			assert_int_equal(shop_reserve(&s, &use, 1, &r), 0);
			assert_int_equal(q.rewards[i].applicable, r.error == TB_OK);
			assert_int_equal(q.rewards[i].reason, r.reason);
			if (r.error != TB_OK)
				continue;
			n_applicable++;
			assert_int_equal(q.rewards[i].amount, r.uses[0].amount);
			assert_int_equal(q.rewards[i].cost_points, r.points);
			assert_true(same_adjustments(q.rewards[i].adjustments,
				q.rewards[i].n_adjustments, r.adjustments, r.n_adjustments));
		}
		assert_int_equal(tb_rules_earn(&s.program, &s.account, &s.basket, NULL, 0,
					 &s.context, &earned),
			0);
		assert_int_equal(q.would_earn.points, earned.points);
		assert_int_equal(q.would_earn.wallet, earned.wallet);
		assert_int_equal(q.total_after, s.basket.total);
		close_shop(&s);
	}
	assert_in_range(n_applicable, ROUNDS, ROUNDS * REWARDS);
}

static void
codes_of_a_quote_are_reckoned_together(void **state)
{
	for (uint64_t round = 0; round < ROUNDS; round++) {
		_cleanup_quote_ struct tb_quote q = {0};
		_cleanup_reckoning_ struct tb_reckoning r = {0};
		struct tb_use both[2];
		struct shop s;

		open_shop(&s, round);
		for (size_t i = 0; i < 2; i++)
			both[i] = (struct tb_use){.kind = TB_USE_COUPON,
				.code = s.coupons[i].code,
				.coupon = &s.coupons[i]};
		assert_int_equal(
			tb_rules_quote(&s.program, &s.account, &s.basket, both, 2, &s.context, &q),
			0);
		assert_int_equal(shop_reserve(&s, both, 2, &r), 0);
		assert_int_equal(q.n_coupons, 2);
		if (r.error == TB_OK) {
			assert_true(q.coupons[0].applicable && q.coupons[1].applicable);
			assert_int_equal(q.total_after, r.total_after);
		} else if (!q.coupons[0].applicable && !q.coupons[1].applicable) {
			assert_int_equal(q.total_after, s.basket.total);
		}
		close_shop(&s);
	}
}

static void
a_return_of_everything_takes_back_what_was_earned(void **state)
{
	for (uint64_t round = 0; round < ROUNDS; round++) {
		_cleanup_reckoning_ struct tb_reckoning r = {0};
		struct tb_earned earned = {0};
		int64_t returned[LINES] = {0};
		struct shop s;
		struct tb_sale sale;

		open_shop(&s, round);
		assert_int_equal(shop_reserve(&s, s.uses, s.n_uses, &r), 0);
		assert_int_equal(tb_rules_earn(&s.program, &s.account, &s.basket, r.adjustments,
					 r.n_adjustments, &s.context, &earned),
			0);
		assert_true(earned.points >= 0 && earned.wallet >= 0 && earned.base >= 0);
		if (s.program.max_points_per_passage)
			assert_true(earned.points <= s.program.max_points_per_passage);
		sale = (struct tb_sale){&s.program, &s.account, &s.basket, r.adjustments,
			r.n_adjustments, s.n_uses, &s.context, returned, earned.points,
			earned.wallet, 0, 0, earned.counted};
		/* line by line, some of them in pieces, then the rest */
		for (size_t i = 0; i <= s.basket.n_lines; i++) {
			_cleanup_returned_ struct tb_returned back = {0};
			struct tb_return_line line = {.no = 0};
			bool last = i == s.basket.n_lines;

			if (!last && s.lines[i].quantity <= 0)
				continue;
			if (!last) {
				line.no = s.lines[i].no;
				line.has_quantity = one_in(2);
				line.quantity = 1 + upto(s.lines[i].quantity - 1);
			}
			assert_int_equal(tb_rules_return(&sale, &line, last ? 0 : 1, &back), 0);
			assert_int_equal(back.error, TB_OK);
			assert_true(back.points >= 0 && back.wallet >= 0);
			for (size_t k = 0; k < back.n_lines; k++)
				returned[k] += back.quantities[k];
			sale.reversed_points += back.points;
			sale.reversed_wallet += back.wallet;
			assert_true(sale.reversed_points <= earned.points);
			if (!last)
				continue;
			assert_true(back.nothing_kept);
			for (size_t k = 0; k < back.n_uses; k++)
				assert_true(back.uses_back[k]);
		}
		assert_int_equal(sale.reversed_points, earned.points);
		assert_int_equal(sale.reversed_wallet, earned.wallet);
		close_shop(&s);
	}
}

static void
lots_give_what_they_have(void **state)
{
	for (uint64_t round = 0; round < ROUNDS; round++) {
		struct tb_lot lots[6];
		int64_t takes[6], missing, have = 0, taken = 0, points;
		size_t n;

		seed = round + 77;
		n = (size_t)upto(6);
		points = upto(100);
		for (size_t i = 0; i < n; i++) {
			lots[i] = (struct tb_lot){
				upto(30), one_in(3) ? TB_TIME_NONE : NOW + upto(5)};
			have += lots[i].left;
		}
		assert_int_equal(tb_rules_lots_take(lots, n, points, takes, &missing), 0);
		for (size_t i = 0; i < n; i++) {
			assert_true(takes[i] >= 0 && takes[i] <= lots[i].left);
			taken += takes[i];
			/* what ends later is not begun while something earlier is left */
			for (size_t k = 0; takes[i] && k < n; k++)
				if (lots[k].expires_at_us != TB_TIME_NONE &&
					(lots[i].expires_at_us == TB_TIME_NONE ||
						lots[k].expires_at_us < lots[i].expires_at_us))
					assert_int_equal(takes[k], lots[k].left);
		}
		assert_int_equal(taken, TB_MIN(points, have));
		assert_int_equal(missing, points - taken);
	}
}

static int64_t
extreme(void)
{
	static const int64_t values[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX / 2,
		INT64_MAX / 2 + 1, INT64_MAX - 1, INT64_MAX};

	return values[upto((int64_t)ARRAY_SIZE(values) - 1)];
}

/* At the ends of the range a call is reckoned or refused; a sanitizer would tell of a wrap. */
static void
nothing_wraps(void **state)
{
	unsigned n_done = 0, n_refused = 0;

	for (uint64_t round = 0; round < ROUNDS; round++) {
		_cleanup_reckoning_ struct tb_reckoning r = {0};
		struct tb_earned earned = {0};
		struct shop s;
		int e;

		open_shop(&s, round);
		s.basket.total = extreme();
		for (size_t i = 0; i < s.basket.n_lines; i++)
			if (one_in(2)) {
				s.lines[i].total = extreme();
				s.lines[i].quantity = one_in(2) ? extreme() : 1000;
			}
		for (size_t i = 0; i < REWARDS; i++) {
			s.rewards[i].value = one_in(3) ? INT64_MAX : s.rewards[i].value;
			s.rewards[i].cost_points = one_in(9) ? INT64_MAX : 0;
		}
		s.program.earning.amount_points = one_in(3) ? INT64_MAX : 1;
		s.account.points_available = one_in(2) ? INT64_MAX : 5;
		s.account.wallet_available = extreme();
		e = shop_reserve(&s, s.uses, s.n_uses, &r);
		assert_true(e == 0 || e == -EOVERFLOW);
		e = tb_rules_earn(&s.program, &s.account, &s.basket, r.adjustments, r.n_adjustments,
			&s.context, &earned);
		assert_true(e == 0 || e == -EOVERFLOW);
		assert_true(earned.points >= 0 && earned.wallet >= 0);
		if (e == 0) {
			_cleanup_returned_ struct tb_returned back = {0};
			struct tb_return_line line = {.no = s.lines[0].no};
			struct tb_sale sale = {&s.program, &s.account, &s.basket, r.adjustments,
				r.n_adjustments, s.n_uses, &s.context, NULL, earned.points,
				earned.wallet, 0, 0, true};

			e = tb_rules_return(&sale, &line, 1, &back);
			assert_true(e == 0 || e == -EOVERFLOW);
			assert_true(back.points >= 0 && back.points <= earned.points);
		}
		n_done += e == 0;
		n_refused += e != 0;
		close_shop(&s);
	}
	assert_in_range(n_done, ROUNDS / 20, ROUNDS);
	assert_in_range(n_refused, ROUNDS / 20, ROUNDS);
}

/* R1 by the letter: floors first, then one unit after the other to the largest remainder. */
static void
spread_slowly(int64_t amount, const int64_t *weights, size_t n, int64_t *shares)
{
	bool gained[100] = {false};
	int64_t sum = 0, left = amount;

	for (size_t i = 0; i < n; i++)
		sum += weights[i];
	for (size_t i = 0; i < n; i++) {
		shares[i] = sum ? (int64_t)((__int128)amount * weights[i] / sum) : 0;
		left -= shares[i];
	}
	for (; left > 0; left--) {
		size_t best = n;

		for (size_t i = 0; i < n; i++)
			if (!gained[i] &&
				(best == n || (__int128)amount * weights[i] % sum >
						      (__int128)amount * weights[best] % sum))
				best = i;
		gained[best] = true;
		shares[best]++;
	}
}

static void
a_spread_is_the_one_of_the_rule(void **state)
{
	for (uint64_t round = 0; round < ROUNDS; round++) {
		int64_t weights[100], fast[100], slow[100], sum = 0, most;
		size_t n;

		seed = (round + 1) * 0x9e3779b97f4a7c15u;
		n = 1 + (size_t)upto(one_in(3) ? 99 : 12);
		most = one_in(4) ? INT64_MAX / 100 : 1 + upto(300);
		for (size_t i = 0; i < n; i++) {
			weights[i] = one_in(3) ? most : upto(most);
			sum += weights[i];
		}
		spread_slowly(upto(sum), weights, n, slow);
		for (size_t i = 0, total = 0; i < n; i++) {
			total += (size_t)slow[i];
			if (i == n - 1)
				assert_int_equal(tb_spread((int64_t)total, weights, n, fast), 0);
		}
		assert_memory_equal(fast, slow, n * sizeof(*fast));
	}
}

int
main(void)
{
	const char *many = getenv("TB_ROUNDS");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_add_up_and_nothing_is_below_zero),
		cmocka_unit_test(the_order_of_uses_does_not_matter),
		cmocka_unit_test(a_quote_equals_the_reservation_of_it_alone),
		cmocka_unit_test(codes_of_a_quote_are_reckoned_together),
		cmocka_unit_test(a_return_of_everything_takes_back_what_was_earned),
		cmocka_unit_test(lots_give_what_they_have),
		cmocka_unit_test(nothing_wraps),
		cmocka_unit_test(a_spread_is_the_one_of_the_rule),
	};

	if (many)
		rounds = strtoull(many, NULL, 10);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("properties", tests, NULL, NULL);
}
