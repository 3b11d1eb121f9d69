/* SPDX-License-Identifier: MIT */
/*
 * What a passage earns: its base (R5), points and offers (R6), and whether it counts at all (R7).
 * Facts about the account are given, the ledger is not asked.
 */

#include "plugins/loyalty/rules/bill.h"

/* ---- R7 ---- */

static bool
within(int64_t a, int64_t b, int64_t delay_s)
{
	tb_i128 apart = (tb_i128)a - b;

	return a != TB_TIME_NONE && b != TB_TIME_NONE &&
	       (apart < 0 ? -apart : apart) < (tb_i128)delay_s * TB_USEC_PER_SEC;
}

bool
tb_passage_counts(const struct tb_program *program, const struct tb_account *account,
	const struct tb_context *context)
{
	int64_t at = context->occurred_at_us;

	return account && !within(at, account->counted_before_us, program->min_delay_s) &&
	       !within(at, account->counted_after_us, program->min_delay_s);
}

/* ---- R5 ---- */

int
tb_bill_apply(struct tb_bill *bill, const struct tb_adjustment *adjustments, size_t n,
	int64_t *ret_loyalty_paid, int64_t *ret_loose)
{
	tb_i128 paid = 0, loose = 0;
	int r;

	for (size_t i = 0; i < n; i++) {
		const struct tb_adjustment *a = &adjustments[i];
		struct tb_share whole = {a->line, a->amount};
		const struct tb_share *shares = a->kind == TB_ADJUST_TICKET_DISCOUNT ? a->shares
		                                                                     : &whole;
		size_t count = a->kind == TB_ADJUST_TICKET_DISCOUNT ? a->n_shares : 1;

		if (a->kind == TB_ADJUST_TENDER) {
			paid += a->tender == TB_TENDER_GIFT_CARD ? 0 : a->amount;
			continue;
		}
		for (size_t k = 0; k < count; k++) {
			struct tb_bill_line *l = tb_bill_find(bill, shares[k].no);
			int64_t off = l ? TB_MIN(shares[k].amount, TB_MAX(l->left, 0)) : 0;

			/* R13: the ticket is no longer the reserved one, the discount was given all
			 * the same */
			loose += shares[k].amount - off;
			if (!l)
				continue;
			l->left -= off;
			if (a->kind == TB_ADJUST_ARTICLE_OFFERED)
				l->offered = TB_MIN(l->offered + a->quantity, l->line->quantity);
		}
	}
	r = tb_i128_to_i64(paid, ret_loyalty_paid);
	return r < 0 ? r : tb_i128_to_i64(loose, ret_loose);
}

static int
earning_base(const struct tb_bill *bill, int64_t loyalty_paid, int64_t loose, int64_t *ret)
{
	/* a passage by hand has a total and nothing else */
	tb_i128 base = bill->n ? 0 : bill->basket->total;

	for (size_t i = 0; i < bill->n; i++)
		if (bill->lines[i].earns)
			base += bill->lines[i].left;
	base -= loose;
	if (!bill->program->earning.on_loyalty_tender)
		base -= loyalty_paid;
	return tb_i128_to_i64(TB_MAX(base, 0), ret);
}

/* ---- R6: points as an exact fraction ---- */

struct fraction {
	tb_i128 over, under; /* over >= 0, under > 0 */
};

#define I128_MAX ((tb_i128)(~(unsigned __int128)0 >> 1))

static int
times(tb_i128 a, tb_i128 b, tb_i128 *ret)
{
	if (a != 0 && b > I128_MAX / a)
		return -EOVERFLOW;
	*ret = a * b;
	return 0;
}

static int
plus(tb_i128 a, tb_i128 b, tb_i128 *ret)
{
	if (b > I128_MAX - a)
		return -EOVERFLOW;
	*ret = a + b;
	return 0;
}

/* Σ article points × quantity, in thousandths of a point; offered units earn nothing. */
static int
article_points(const struct tb_bill *bill, tb_i128 *ret)
{
	tb_i128 sum = 0, one;

	for (size_t i = 0; i < bill->n; i++) {
		const struct tb_bill_line *l = &bill->lines[i];

		if (!l->earns || !l->line->imported || l->line->imported->points <= 0)
			continue;
		one = (tb_i128)l->line->imported->points * TB_MAX(l->kept - l->offered, 0);
		if (plus(sum, one, &sum) < 0)
			return -EOVERFLOW;
	}
	*ret = sum;
	return 0;
}

static int
larger(const struct fraction *a, const struct fraction *b, struct fraction *ret)
{
	tb_i128 x, y;

	if (times(a->over, b->under, &x) < 0 || times(b->over, a->under, &y) < 0)
		return -EOVERFLOW;
	*ret = x >= y ? *a : *b;
	return 0;
}

static int
sum_of(const struct fraction *a, const struct fraction *b, struct fraction *ret)
{
	tb_i128 x, y;

	if (times(a->over, b->under, &x) < 0 || times(b->over, a->under, &y) < 0 ||
		plus(x, y, &ret->over) < 0 || times(a->under, b->under, &ret->under) < 0)
		return -EOVERFLOW;
	return 0;
}

/* R6: the best, or the sum, of per passage, per amount and per article. */
static int
base_points(const struct tb_bill *bill, int64_t base, struct fraction *ret)
{
	const struct tb_earning *earning = &bill->program->earning;
	int (*combine)(const struct fraction *, const struct fraction *,
		struct fraction *) = earning->combine == TB_COMBINE_SUM ? sum_of : larger;
	struct fraction all = {earning->per_passage, 1}, part;
	int r = 0;

	if (earning->amount_unit > 0) {
		part.over = (tb_i128)base * earning->amount_points;
		part.under = earning->amount_unit;
		r = combine(&(struct fraction){all.over, all.under}, &part, &all);
	}
	if (r == 0 && earning->per_article) {
		part.under = 1000;
		r = article_points(bill, &part.over);
		if (r == 0)
			r = combine(&(struct fraction){all.over, all.under}, &part, &all);
	}
	*ret = all;
	return r;
}

/* ---- R6: offers ---- */

/* Whether something that was paid for is one of these; a line offered as a whole is not. */
static bool
bought(const struct tb_bill *bill, const struct tb_names *articles,
	const struct tb_names *categories)
{
	for (size_t i = 0; i < bill->n; i++) {
		const struct tb_bill_line *l = &bill->lines[i];

		if (l->earns && l->kept > l->offered && tb_match_scope(l, articles, categories))
			return true;
	}
	return false;
}

static bool
in_group(const struct tb_names *wanted, const struct tb_names *has)
{
	for (size_t i = 0; i < has->count; i++)
		if (tb_match_word(wanted, has->names[i]))
			return true;
	return false;
}

static bool
offer_holds(const struct tb_bill *bill, const struct tb_account *account,
	const struct tb_offer *offer, int64_t base)
{
	const struct tb_context *context = bill->context;
	const struct tb_names none = {0};

	return tb_window_holds(&offer->window, context->occurred_at_us) &&
	       (!offer->sites.count || tb_match_word(&offer->sites, context->site)) &&
	       (!offer->modes.count || tb_match_word(&offer->modes, context->mode)) &&
	       (!offer->groups.count || in_group(&offer->groups, &account->groups)) &&
	       base >= offer->min_amount &&
	       (!offer->nth_passage || account->counted + 1 == offer->nth_passage) &&
	       (!offer->articles.count || bought(bill, &offer->articles, &none)) &&
	       (!offer->categories.count || bought(bill, &none, &offer->categories));
}

struct gains {
	int64_t multiplier_bp;
	int64_t points, wallet;
};

static int
gather_offers(const struct tb_bill *bill, const struct tb_account *account, int64_t base,
	struct gains *gains)
{
	for (size_t i = 0; i < bill->program->n_offers; i++) {
		const struct tb_offer *offer = &bill->program->offers[i];
		int64_t share;
		int r = 0;

		if (!offer_holds(bill, account, offer, base))
			continue;
		switch (offer->gain) {
		case TB_GAIN_MULTIPLIER:
			gains->multiplier_bp = TB_MAX(gains->multiplier_bp, offer->gain_value);
			break;
		case TB_GAIN_POINTS:
			r = tb_add(gains->points, offer->gain_value, &gains->points);
			break;
		case TB_GAIN_WALLET:
			r = tb_add(gains->wallet, offer->gain_value, &gains->wallet);
			break;
		case TB_GAIN_WALLET_BP:
			r = tb_muldiv_half_up(base, offer->gain_value, 10000, &share);
			if (r == 0)
				r = tb_add(gains->wallet, share, &gains->wallet);
			break;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static void
add_reason(struct tb_earned *earned, enum tb_reason reason)
{
	if (earned->n_reasons < ARRAY_SIZE(earned->reasons))
		earned->reasons[earned->n_reasons++] = reason;
}

/* R1, R6: exact to here, multiplied, floored once; then fixed bonuses, then the maximum. */
static int
conclude(const struct tb_program *program, const struct fraction *points, const struct gains *gains,
	struct tb_earned *earned)
{
	tb_i128 over, under;
	int r;

	if (times(points->over, gains->multiplier_bp, &over) < 0 ||
		times(points->under, 10000, &under) < 0)
		return -EOVERFLOW;
	r = tb_i128_to_i64(over / under, &earned->points);
	if (r == 0)
		r = tb_add(earned->points, gains->points, &earned->points);
	if (r < 0)
		return r;
	earned->wallet = gains->wallet;
	if (program->max_points_per_passage && earned->points > program->max_points_per_passage) {
		earned->points = program->max_points_per_passage;
		add_reason(earned, TB_REASON_CAPPED);
	}
	return 0;
}

int
tb_earn_on(const struct tb_bill *bill, const struct tb_account *account, int64_t loyalty_paid,
	int64_t loose, struct tb_earned *ret)
{
	struct gains gains = {.multiplier_bp = 10000};
	struct tb_earned earned = {.counted = true};
	struct fraction points;
	int r;

	r = earning_base(bill, loyalty_paid, loose, &earned.base);
	if (r == 0 && earned.base < bill->program->earning.min_ticket) {
		add_reason(&earned, TB_REASON_MIN_TICKET);
		*ret = earned;
		return 0;
	}
	if (r == 0)
		r = base_points(bill, earned.base, &points);
	if (r == 0)
		r = gather_offers(bill, account, earned.base, &gains);
	if (r == 0)
		r = conclude(bill->program, &points, &gains, &earned);
	if (r == 0)
		*ret = earned;
	return r;
}

int
tb_rules_earn_on(struct tb_bill *bill, const struct tb_account *account,
	const struct tb_adjustment *adjustments, size_t n_adjustments, struct tb_earned *ret)
{
	struct tb_earned earned = {0};
	int64_t paid, loose;
	int r;

	if (!account) {
		add_reason(&earned, TB_REASON_NO_CUSTOMER);
	} else if (!tb_passage_counts(bill->program, account, bill->context)) {
		add_reason(&earned, TB_REASON_MIN_DELAY); /* R7 */
	} else {
		tb_bill_reset(bill);
		r = tb_bill_apply(bill, adjustments, n_adjustments, &paid, &loose);
		if (r == 0)
			r = tb_earn_on(bill, account, paid, loose, &earned);
		if (r < 0)
			return r;
	}
	if (bill->context->offline)
		add_reason(&earned, TB_REASON_OFFLINE);
	*ret = earned;
	return 0;
}

int
tb_rules_earn(const struct tb_program *program, const struct tb_account *account,
	const struct tb_basket *basket, const struct tb_adjustment *adjustments,
	size_t n_adjustments, const struct tb_context *context, struct tb_earned *ret)
{
	_cleanup_bill_ struct tb_bill bill = {0};
	int r = tb_bill_init(&bill, program, basket, context);

	return r < 0 ? r : tb_rules_earn_on(&bill, account, adjustments, n_adjustments, ret);
}
