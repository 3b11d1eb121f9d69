/* SPDX-License-Identifier: MIT */
/*
 * The ticket before the first step: lines in order of their numbers, what may be touched, what one
 * unit is worth (R1). What a reward does to it is not here.
 */

#include "plugins/loyalty/rules/bill.h"

static const char *
reference_of(const struct tb_line *line, enum tb_reference reference)
{
	switch (reference) {
	case TB_REFERENCE_CODE:
		return line->code;
	case TB_REFERENCE_EAN:
		return line->ean;
	case TB_REFERENCE_LABEL:
		break;
	}
	return line->label;
}

/* R1: a piece, or the whole line when it was weighed. */
static int
set_unit(struct tb_bill_line *l)
{
	const struct tb_line *line = l->line;

	if (line->quantity <= 0 || line->quantity % 1000 != 0) {
		l->unit_quantity = line->quantity;
		l->unit_value = line->total;
		return 0;
	}
	l->unit_quantity = 1000;
	return tb_muldiv_half_up(line->total, 1000, line->quantity, &l->unit_value);
}

static int
set_line(struct tb_bill *bill, struct tb_bill_line *l)
{
	const struct tb_line *line = l->line;
	const char *category = line->category;
	bool positive = line->quantity > 0 && line->total > 0;

	if (!category && line->imported)
		category = line->imported->category;
	l->name = tb_match_name(
		bill->program, reference_of(line, bill->context->product_reference));
	l->category = tb_match_name(bill->program, category);
	/* R2: deposits, sales of gift cards, returns and negative lines are never touched */
	l->touchable = positive && !(line->flags & ~(uint32_t)TB_LINE_NO_LOYALTY);
	/* R3, as far as the till's own doing goes */
	l->plain = positive && !line->flags && line->discount == 0 &&
	           line->price_kind == TB_PRICE_NORMAL;
	/* R5 */
	l->earns = positive && !line->flags;
	return set_unit(l);
}

static int
by_number(const void *a, const void *b)
{
	const struct tb_bill_line *x = a, *y = b;

	if (x->line->no != y->line->no)
		return x->line->no < y->line->no ? -1 : 1;
	return x->index < y->index ? -1 : 1;
}

int
tb_bill_init(struct tb_bill *bill, const struct tb_program *program, const struct tb_basket *basket,
	const struct tb_context *context)
{
	size_t n = basket->n_lines;
	bool sorted = true;
	int r;

	*bill = (struct tb_bill){
		.program = program,
		.basket = basket,
		.context = context,
		.n = n,
	};
	bill->memory = calloc(
		n + 1, sizeof(struct tb_bill_line) + 2 * sizeof(int64_t) + sizeof(size_t));
	if (!bill->memory)
		return -ENOMEM;
	bill->lines = bill->memory;
	bill->weight = (int64_t *)(bill->lines + n + 1);
	bill->share = bill->weight + n + 1;
	bill->picked = (size_t *)(bill->share + n + 1);
	for (size_t i = 0; i < n; i++) {
		bill->lines[i].line = &basket->lines[i];
		bill->lines[i].index = i;
		r = set_line(bill, &bill->lines[i]);
		if (r < 0)
			return r;
		sorted = sorted && (i == 0 || basket->lines[i - 1].no <= basket->lines[i].no);
	}
	if (!sorted)
		qsort(bill->lines, n, sizeof(*bill->lines), by_number);
	tb_bill_reset(bill);
	return 0;
}

void
tb_bill_done(struct tb_bill *bill)
{
	free(bill->memory);
	bill->memory = NULL;
}

void
tb_bill_reset(struct tb_bill *bill)
{
	bill->total = bill->to_pay = bill->basket->total;
	for (size_t i = 0; i < bill->n; i++) {
		struct tb_bill_line *l = &bill->lines[i];

		l->touched = false;
		l->left = l->line->total;
		l->left_out = 0;
		l->offered = 0;
		l->kept = l->line->quantity;
		l->units = l->unit_quantity > 0 ? l->line->quantity / l->unit_quantity : 0;
	}
}

struct tb_bill_line *
tb_bill_find(struct tb_bill *bill, int64_t no)
{
	size_t low = 0, high = bill->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (bill->lines[mid].line->no < no)
			low = mid + 1;
		else
			high = mid;
	}
	return low < bill->n && bill->lines[low].line->no == no ? &bill->lines[low] : NULL;
}
