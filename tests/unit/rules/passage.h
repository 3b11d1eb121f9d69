/* SPDX-License-Identifier: MIT */
/* A ticket with offers and the adjustments the till applied, and what it earns; for two programs of
 * tests. */
#pragma once

#include "tests/unit/rules/ticket.h"

#define BY_AMOUNT \
	{ \
		.amount_points = 1, .amount_unit = 100 \
	}

struct passage {
	struct ticket t;
	struct tb_offer offers[6];
	struct tb_adjustment adjustments[6];
	size_t n_adjustments;
};

static inline void
earn(struct passage *p, struct tb_earned *ret)
{
	p->t.program.offers = p->offers;
	p->t.program.n_offers = 0;
	while (p->offers[p->t.program.n_offers].id)
		p->t.program.n_offers++;
	ticket_complete(&p->t);
	assert_int_equal(
		tb_rules_earn(&p->t.program, p->t.nobody ? NULL : &p->t.account, &p->t.basket,
			p->adjustments, p->n_adjustments, &p->t.context, ret),
		0);
	tb_program_release(&p->t.program);
}

#define OFFER(i, g, v, ...) \
	{ \
		.id = (i), .window = TB_WINDOW_OPEN, .gain = TB_GAIN_##g, .gain_value = (v), \
		__VA_ARGS__ \
	}
