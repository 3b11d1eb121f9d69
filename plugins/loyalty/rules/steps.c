/* SPDX-License-Identifier: MIT */
/*
 * The steps of R2, one function each, with the arithmetic of R1, R3 and R4: what one use takes off
 * the bill as it stands. Whether the customer may use it was asked before (reserve.c).
 */

#include <string.h>

#include "plugins/loyalty/rules/bill.h"

/* ---- the sheet ---- */

void
tb_sheet_done(struct tb_sheet *sheet)
{
	free(sheet->adjustments);
	free(sheet->shares);
	*sheet = (struct tb_sheet){0};
}

void
tb_sheet_settle(struct tb_sheet *sheet)
{
	size_t at = 0;

	for (size_t i = 0; i < sheet->n_adjustments; i++) {
		struct tb_adjustment *a = &sheet->adjustments[i];

		a->shares = a->n_shares ? sheet->shares + at : NULL;
		at += a->n_shares;
	}
}

void
tb_sheet_truncate(struct tb_sheet *sheet, size_t n_adjustments, size_t n_shares)
{
	sheet->n_adjustments = n_adjustments;
	sheet->n_shares = n_shares;
}

static int
grow(void **array, size_t *cap, size_t need, size_t size)
{
	size_t n = *cap ? *cap : 8;
	void *bigger;

	if (need <= *cap)
		return 0;
	while (n < need)
		n *= 2;
	bigger = reallocarray(*array, n, size);
	if (!bigger)
		return -ENOMEM;
	*array = bigger;
	*cap = n;
	return 0;
}

static int
add_adjustment(struct tb_sheet *sheet, const struct tb_claim *claim, enum tb_adjustment_kind kind,
	int64_t amount, struct tb_adjustment **ret)
{
	const struct tb_reward *reward = claim->reward;
	struct tb_adjustment *a;
	int r;

	r = grow((void **)&sheet->adjustments, &sheet->cap_adjustments, sheet->n_adjustments + 1,
		sizeof(*a));
	if (r < 0)
		return r;
	a = &sheet->adjustments[sheet->n_adjustments++];
	*a = (struct tb_adjustment){.kind = kind, .use = claim->index, .amount = amount};
	if (reward) {
		a->reward = reward->id;
		a->title = reward->title;
		a->till_reference = reward->till_reference;
	}
	if (claim->use->kind == TB_USE_COUPON)
		a->coupon = claim->use->code;
	if (claim->use->kind == TB_USE_GIFT_CARD)
		a->gift_card = claim->use->code;
	*ret = a;
	return 0;
}

static int
add_line_adjustment(struct tb_sheet *sheet, const struct tb_claim *claim,
	enum tb_adjustment_kind kind, const struct tb_line *line, int64_t amount,
	struct tb_adjustment **ret)
{
	int r = add_adjustment(sheet, claim, kind, amount, ret);

	if (r < 0)
		return r;
	(*ret)->line = line->no;
	(*ret)->code = line->code;
	(*ret)->label = line->label;
	(*ret)->ean = line->ean;
	return 0;
}

/* Off the turnover, and so off what is to be paid. */
static int
lower_total(struct tb_bill *bill, int64_t amount)
{
	int64_t total, to_pay;

	if (tb_add(bill->total, -amount, &total) < 0 || tb_add(bill->to_pay, -amount, &to_pay) < 0)
		return -EOVERFLOW;
	bill->total = total;
	bill->to_pay = to_pay;
	return 0;
}

/* ---- bases ---- */

/* R3: what an undiscounted-only reward may touch. */
static bool
undiscounted(const struct tb_bill_line *l)
{
	return l->plain && !l->touched;
}

static bool
limited(const struct tb_reward *reward)
{
	return reward->articles.count || reward->categories.count;
}

/*
 * Picks the lines a reward is reckoned on into bill->picked and what is left of each into weight.
 * base is their sum; none because no article answers: article_missing, none with anything left:
 * base_zero.
 */
static enum tb_reason
pick(struct tb_bill *bill, const struct tb_reward *reward, size_t *ret_n, int64_t *ret_base)
{
	bool any = !limited(reward);
	size_t n = 0;
	tb_i128 base = 0;

	for (size_t i = 0; i < bill->n; i++) {
		const struct tb_bill_line *l = &bill->lines[i];

		if (!l->touchable || !tb_match_scope(l, &reward->articles, &reward->categories))
			continue;
		any = true;
		if ((reward->undiscounted_only && !undiscounted(l)) || tb_bill_base(l) <= 0)
			continue;
		bill->picked[n] = i;
		bill->weight[n] = tb_bill_base(l);
		base += bill->weight[n++];
	}
	*ret_n = n;
	if (tb_i128_to_i64(base, ret_base) < 0)
		*ret_base = -1;
	return !any ? TB_REASON_ARTICLE_MISSING : n == 0 ? TB_REASON_BASE_ZERO : TB_REASON_NONE;
}

bool
tb_reward_partial(const struct tb_reward *reward)
{
	return reward->partial || reward->kind == TB_REWARD_CASHBACK;
}

/*
 * R4: how much of `worth` is used, and what that costs. Not partial means all or nothing unless the
 * till forfeits the rest; a coupon costs no points.
 */
static int
use_of(const struct tb_claim *claim, int64_t worth, int64_t payable, int64_t *ret_used,
	int64_t *ret_points, enum tb_reason *ret_reason)
{
	const struct tb_use *use = claim->use;
	int64_t used = TB_MIN(worth, payable);

	if (use->has_amount)
		used = TB_MIN(used, use->amount);
	*ret_points = claim->cost_points;
	*ret_used = used;
	if (used <= 0) {
		*ret_reason = TB_REASON_BASE_ZERO;
		return 0;
	}
	if (used == worth)
		return 0;
	if (!tb_reward_partial(claim->reward) && !use->forfeit_remainder) {
		*ret_reason = TB_REASON_NOT_WHOLE;
		return 0;
	}
	if (claim->reward->min_use > used) {
		*ret_reason = TB_REASON_MIN_USE;
		return 0;
	}
	if (use->forfeit_remainder)
		return 0;
	return tb_rules_partial_cost(claim->cost_points, used, worth, ret_points);
}

static int64_t
clamp(const struct tb_reward *reward, int64_t amount)
{
	return reward->max_amount ? TB_MIN(amount, reward->max_amount) : amount;
}

/* ---- step 2: offered articles ---- */

static bool
offers(const struct tb_claim *claim, const struct tb_bill_line *l)
{
	if (claim->article)
		return l->line->imported &&
		       (l->line->imported == claim->article ||
			       strcmp(l->line->imported->code, claim->article->code) == 0);
	return tb_match_scope(l, &claim->reward->articles, &claim->reward->categories);
}

/* What is known so far of the article that answers to a name. */
struct identity {
	const char *code, *label, *ean;
};

static int
agree(const char **known, const char *said, bool *same)
{
	if (!said || !*same)
		return 0;
	if (*known)
		return tb_match_same(*known, said, same);
	*known = said;
	return 0;
}

/*
 * Whether two different articles answer to one of the reward's names: lines of which a code, a
 * label or an EAN is known to differ. A category names no article, so any of it will do.
 */
static int
ambiguous(struct tb_bill *bill, const struct tb_claim *claim, bool *ret)
{
	const struct tb_names *names = &claim->reward->articles;

	*ret = false;
	for (size_t k = 0; !claim->article && k < names->count; k++) {
		struct identity known = {0};
		bool same = true;

		for (size_t i = 0; i < bill->n && same; i++) {
			const struct tb_bill_line *l = &bill->lines[i];
			int r = 0;

			if (!l->touchable || l->name == TB_NO_NAME || l->name != names->ids[k])
				continue;
			r = agree(&known.code, l->line->code, &same);
			if (r == 0)
				r = agree(&known.ean, l->line->ean, &same);
			if (r == 0)
				r = agree(&known.label, l->line->label, &same);
			if (r < 0)
				return r;
		}
		if (!same)
			*ret = true;
	}
	return 0;
}

/* R2: the cheapest eligible unit, of equal ones that of the lower line; or that of the line named.
 */
static enum tb_reason
choose(struct tb_bill *bill, const struct tb_claim *claim, struct tb_bill_line **ret)
{
	const struct tb_use *use = claim->use;
	enum tb_reason reason = TB_REASON_ARTICLE_MISSING;
	int64_t lowest = 0;

	*ret = NULL;
	for (size_t i = 0; i < bill->n; i++) {
		struct tb_bill_line *l = &bill->lines[i];
		int64_t worth = TB_MIN(l->unit_value, tb_bill_base(l));

		if (!l->touchable || l->units <= 0 || !offers(claim, l) ||
			(use->has_line && use->line != l->line->no))
			continue;
		if (worth <= 0 || (claim->reward->undiscounted_only && !undiscounted(l))) {
			reason = TB_REASON_BASE_ZERO;
			continue;
		}
		if (!*ret || worth < lowest) {
			*ret = l;
			lowest = worth;
		}
	}
	return *ret ? TB_REASON_NONE : reason;
}

static int
step_offered(struct tb_bill *bill, struct tb_sheet *sheet, const struct tb_claim *claim,
	struct tb_use_cost *cost, enum tb_reason *ret_reason)
{
	struct tb_bill_line *l;
	struct tb_adjustment *a;
	int64_t worth, amount;
	bool unclear = false;
	int r = 0;

	*ret_reason = choose(bill, claim, &l);
	if (*ret_reason != TB_REASON_NONE)
		return 0;
	if (!claim->use->has_line)
		r = ambiguous(bill, claim, &unclear);
	if (r < 0)
		return r;
	if (unclear) {
		*ret_reason = TB_REASON_ARTICLE_AMBIGUOUS;
		return 0;
	}
	worth = TB_MIN(l->unit_value, tb_bill_base(l));
	amount = clamp(claim->reward, worth);
	r = add_line_adjustment(sheet, claim, TB_ADJUST_ARTICLE_OFFERED, l->line, amount, &a);
	if (r < 0)
		return r;
	a->quantity = l->unit_quantity;
	l->units--;
	l->offered += l->unit_quantity;
	l->left -= amount;
	l->left_out += worth - amount;
	l->touched = true;
	cost->amount = amount;
	cost->points = claim->cost_points;
	return lower_total(bill, amount);
}

/* ---- steps 3 to 6: discounts ---- */

/* Takes bill->share off the picked lines. */
static int
take_off(struct tb_bill *bill, struct tb_sheet *sheet, const struct tb_claim *claim, size_t n,
	int64_t amount)
{
	bool by_line = claim->step <= TB_STEP_ARTICLE_PERCENT;
	struct tb_adjustment *a;
	int r;

	r = tb_spread(amount, bill->weight, n, bill->share);
	if (r < 0)
		return r;
	if (!by_line) {
		r = grow((void **)&sheet->shares, &sheet->cap_shares, sheet->n_shares + n,
			sizeof(*sheet->shares));
		if (r < 0)
			return r;
		r = add_adjustment(sheet, claim, TB_ADJUST_TICKET_DISCOUNT, amount, &a);
		if (r < 0)
			return r;
		a->n_shares = n;
	}
	for (size_t i = 0; i < n; i++) {
		struct tb_bill_line *l = &bill->lines[bill->picked[i]];

		l->left -= bill->share[i];
		if (!by_line) {
			sheet->shares[sheet->n_shares++] = (struct tb_share){
				l->line->no, bill->share[i]};
			continue;
		}
		if (bill->share[i] == 0)
			continue;
		l->touched = true;
		r = add_line_adjustment(
			sheet, claim, TB_ADJUST_LINE_DISCOUNT, l->line, bill->share[i], &a);
		if (r < 0)
			return r;
	}
	return lower_total(bill, amount);
}

static int
step_discount(struct tb_bill *bill, struct tb_sheet *sheet, const struct tb_claim *claim,
	struct tb_use_cost *cost, enum tb_reason *ret_reason)
{
	const struct tb_reward *reward = claim->reward;
	int64_t base, worth = reward->value, used;
	size_t n;
	int r = 0;

	*ret_reason = pick(bill, reward, &n, &base);
	if (*ret_reason != TB_REASON_NONE)
		return 0;
	if (base < 0)
		return -EOVERFLOW;
	if (reward->kind == TB_REWARD_PERCENT)
		r = tb_muldiv_half_up(base, reward->bp, 10000, &worth);
	if (r < 0)
		return r;
	worth = clamp(reward, worth);
	r = use_of(claim, worth, base, &used, &cost->points, ret_reason);
	if (r < 0 || *ret_reason != TB_REASON_NONE)
		return r;
	cost->amount = used;
	return take_off(bill, sheet, claim, n, used);
}

/* ---- step 7: tenders ---- */

static int
pay(struct tb_bill *bill, struct tb_sheet *sheet, const struct tb_claim *claim,
	enum tb_tender tender, int64_t amount)
{
	struct tb_adjustment *a;
	int r;

	if (amount == 0)
		return 0;
	r = add_adjustment(sheet, claim, TB_ADJUST_TENDER, amount, &a);
	if (r < 0)
		return r;
	a->tender = tender;
	bill->to_pay -= amount;
	return 0;
}

/*
 * Worth `value`, or bp of the ticket after steps 2 to 6; of the chosen lines when the reward is
 * limited to some. The till may always ask for less, so it is partial whatever the program says.
 */
static int
step_cashback(struct tb_bill *bill, struct tb_sheet *sheet, const struct tb_claim *claim,
	struct tb_use_cost *cost, enum tb_reason *ret_reason)
{
	const struct tb_reward *reward = claim->reward;
	int64_t base = TB_MAX(bill->total, 0), worth = reward->value, used;
	size_t n;
	int r = 0;

	if (limited(reward) || reward->undiscounted_only) {
		*ret_reason = pick(bill, reward, &n, &base);
		if (*ret_reason != TB_REASON_NONE)
			return 0;
		if (base < 0)
			return -EOVERFLOW;
	}
	if (worth == 0)
		r = tb_muldiv_half_up(base, reward->bp, 10000, &worth);
	if (r < 0)
		return r;
	worth = clamp(reward, worth);
	r = use_of(claim, worth, TB_MAX(bill->to_pay, 0), &used, &cost->points, ret_reason);
	if (r < 0 || *ret_reason != TB_REASON_NONE)
		return r;
	cost->amount = used;
	return pay(bill, sheet, claim, TB_TENDER_CASHBACK, used);
}

/* R4: wallet and gift cards take what there is, each card capped by what is left to pay. */
static int
step_money(struct tb_bill *bill, struct tb_sheet *sheet, const struct tb_claim *claim,
	int64_t available, struct tb_use_cost *cost)
{
	int64_t used = TB_MIN(available, TB_MAX(bill->to_pay, 0));

	if (claim->use->has_amount)
		used = TB_MIN(used, claim->use->amount);
	cost->amount = used;
	if (claim->step == TB_STEP_WALLET) {
		cost->wallet = used;
		return pay(bill, sheet, claim, TB_TENDER_WALLET, used);
	}
	cost->gift_card = used;
	return pay(bill, sheet, claim, TB_TENDER_GIFT_CARD, used);
}

/* ---- all steps ---- */

enum tb_step
tb_step_of(const struct tb_reward *reward)
{
	switch (reward->kind) {
	case TB_REWARD_ARTICLE:
		return TB_STEP_OFFERED;
	case TB_REWARD_AMOUNT:
		return limited(reward) ? TB_STEP_ARTICLE_AMOUNT : TB_STEP_TICKET_AMOUNT;
	case TB_REWARD_PERCENT:
		return limited(reward) ? TB_STEP_ARTICLE_PERCENT : TB_STEP_TICKET_PERCENT;
	case TB_REWARD_CASHBACK:
		return TB_STEP_CASHBACK;
	case TB_REWARD_GIFT:
		break;
	}
	return TB_STEP_GIFT;
}

static int
compare_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

int
tb_claim_compare(const void *a, const void *b)
{
	const struct tb_claim *x = a, *y = b;
	int d;

	if (x->step != y->step)
		return x->step < y->step ? -1 : 1;
	if (x->reward && y->reward && x->reward->sequence != y->reward->sequence)
		return x->reward->sequence < y->reward->sequence ? -1 : 1;
	d = x->reward && y->reward ? compare_text(x->reward->id, y->reward->id) : 0;
	if (d == 0)
		d = (int)x->use->kind - (int)y->use->kind;
	if (d == 0)
		d = compare_text(tb_use_name(x->use), tb_use_name(y->use));
	return d ? d : x->index < y->index ? -1 : 1;
}

int
tb_step_apply(struct tb_bill *bill, struct tb_sheet *sheet, const struct tb_claim *claim,
	int64_t available, struct tb_use_cost *cost, enum tb_reason *ret_reason)
{
	*ret_reason = TB_REASON_NONE;
	switch (claim->step) {
	case TB_STEP_OFFERED:
		return step_offered(bill, sheet, claim, cost, ret_reason);
	case TB_STEP_ARTICLE_AMOUNT:
	case TB_STEP_ARTICLE_PERCENT:
	case TB_STEP_TICKET_PERCENT:
	case TB_STEP_TICKET_AMOUNT:
		return step_discount(bill, sheet, claim, cost, ret_reason);
	case TB_STEP_CASHBACK:
		return step_cashback(bill, sheet, claim, cost, ret_reason);
	case TB_STEP_WALLET:
	case TB_STEP_GIFT_CARD:
		return step_money(bill, sheet, claim, available, cost);
	case TB_STEP_GIFT:
		cost->points = claim->cost_points;
		break;
	}
	return 0;
}
