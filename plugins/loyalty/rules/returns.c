/* SPDX-License-Identifier: MIT */
/*
 * R11: what a return takes back and which uses it sets free. A void needs no arithmetic: the ledger
 * writes the exact inverse of its entries.
 */

#include "plugins/loyalty/rules/bill.h"

/* Whether the line is one that was sold, not one that took something back. */
static bool
sold(const struct tb_bill_line *l)
{
	return l->line->quantity > 0;
}

/* Sets what is kept of each line before this return. */
static int
kept_before(struct tb_bill *bill, const int64_t *returned)
{
	for (size_t i = 0; returned && i < bill->n; i++) {
		struct tb_bill_line *l = &bill->lines[i];

		if (returned[l->index] < 0)
			return -EINVAL;
		if (sold(l))
			l->kept = TB_MAX(l->line->quantity - returned[l->index], 0);
	}
	return 0;
}

/* Takes one line of the call back; false when there is no such line or not so much of it. */
static bool
take_back(struct tb_bill *bill, const struct tb_return_line *line, int64_t *quantities)
{
	struct tb_bill_line *l = tb_bill_find(bill, line->no);
	int64_t quantity;

	if (!l || !sold(l))
		return false;
	quantity = line->has_quantity ? line->quantity : l->kept;
	if ((line->has_quantity && quantity <= 0) || quantity > l->kept)
		return false;
	l->kept -= quantity;
	quantities[l->index] += quantity;
	return true;
}

static void
take_all_back(struct tb_bill *bill, int64_t *quantities)
{
	for (size_t i = 0; i < bill->n; i++) {
		struct tb_bill_line *l = &bill->lines[i];

		if (!sold(l))
			continue;
		quantities[l->index] = l->kept;
		l->kept = 0;
	}
}

static bool
nothing_kept(const struct tb_bill *bill)
{
	for (size_t i = 0; i < bill->n; i++)
		if (sold(&bill->lines[i]) && bill->lines[i].kept > 0)
			return false;
	return true;
}

static bool
of_a_line(const struct tb_adjustment *a)
{
	return a->kind == TB_ADJUST_ARTICLE_OFFERED || a->kind == TB_ADJUST_LINE_DISCOUNT;
}

/* A reward comes back when every line it touched is gone; one of the whole ticket, when all are. */
static void
find_uses_back(struct tb_bill *bill, const struct tb_sale *sale, struct tb_returned *returned)
{
	for (size_t u = 0; u < sale->n_uses; u++) {
		bool own_lines = false, gone = true;

		for (size_t i = 0; i < sale->n_adjustments; i++) {
			const struct tb_adjustment *a = &sale->adjustments[i];
			struct tb_bill_line *l;

			if (a->use != u)
				continue;
			l = of_a_line(a) ? tb_bill_find(bill, a->line) : NULL;
			own_lines = own_lines || l;
			gone = gone && l && l->kept == 0;
		}
		returned->uses_back[u] = returned->nothing_kept || (own_lines && gone);
	}
}

/* The spread of the sale stands: of a line kept in part, that part of what was left of it. */
static int
keep_part(struct tb_bill_line *l)
{
	int64_t quantity = l->line->quantity, paid;
	int r;

	if (!sold(l) || l->kept == quantity)
		return 0;
	r = tb_muldiv_half_up(l->left, l->kept, quantity, &l->left);
	if (r == 0)
		r = tb_muldiv_half_up(quantity - l->offered, l->kept, quantity, &paid);
	if (r == 0)
		l->offered = l->kept - paid;
	return r;
}

static int
earned_on_kept(struct tb_bill *bill, const struct tb_sale *sale, struct tb_earned *ret)
{
	int64_t paid, loose;
	int r = tb_bill_apply(bill, sale->adjustments, sale->n_adjustments, &paid, &loose);

	for (size_t i = 0; r == 0 && i < bill->n; i++)
		r = keep_part(&bill->lines[i]);
	return r < 0 ? r : tb_earn_on(bill, sale->account, paid, loose, ret);
}

/* Earned, less what the kept part earns, less what was taken back; within what is still there. */
static int64_t
to_take_back(int64_t earned, int64_t kept, int64_t reversed)
{
	tb_i128 back = (tb_i128)earned - kept - reversed;
	tb_i128 most = (tb_i128)earned - reversed;

	back = TB_MIN(back, most);
	return back > 0 && back <= INT64_MAX ? (int64_t)back : 0;
}

static int
reckon_return(struct tb_bill *bill, const struct tb_sale *sale, const struct tb_return_line *lines,
	size_t n, struct tb_returned *returned)
{
	struct tb_earned kept = {0};
	int r = kept_before(bill, sale->returned);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		if (!take_back(bill, &lines[i], returned->quantities)) {
			returned->error = TB_ERROR_INVALID_PARAMS;
			returned->line = i;
			return 0;
		}
	if (n == 0)
		take_all_back(bill, returned->quantities);
	returned->nothing_kept = nothing_kept(bill);
	find_uses_back(bill, sale, returned);
	if (!returned->nothing_kept && sale->counted && sale->account)
		r = earned_on_kept(bill, sale, &kept);
	returned->points = to_take_back(sale->earned_points, kept.points, sale->reversed_points);
	returned->wallet = to_take_back(sale->earned_wallet, kept.wallet, sale->reversed_wallet);
	return r;
}

int
tb_rules_return(const struct tb_sale *sale, const struct tb_return_line *lines, size_t n_lines,
	struct tb_returned *ret)
{
	_cleanup_bill_ struct tb_bill bill = {0};
	_cleanup_returned_ struct tb_returned returned = {
		.n_lines = sale->basket->n_lines,
		.n_uses = sale->n_uses,
	};
	int r;

	returned.quantities = calloc(returned.n_lines + 1, sizeof(*returned.quantities));
	returned.uses_back = calloc(returned.n_uses + 1, sizeof(*returned.uses_back));
	if (!returned.quantities || !returned.uses_back)
		return -ENOMEM;
	r = tb_bill_init(&bill, sale->program, sale->basket, sale->context);
	if (r == 0)
		r = reckon_return(&bill, sale, lines, n_lines, &returned);
	if (r < 0)
		return r;
	*ret = returned;
	returned = (struct tb_returned){0};
	return 0;
}

void
tb_returned_done(struct tb_returned *returned)
{
	free(returned->quantities);
	free(returned->uses_back);
	*returned = (struct tb_returned){0};
}
