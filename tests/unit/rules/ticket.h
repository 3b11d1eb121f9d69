/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the rules share: a program in shop time, a basket and an account on the
 * caller's stack, and the calls with fewer words. It judges nothing.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "plugins/loyalty/rules/rules.h"

#define NOW INT64_C(1746518400000000) /* 2025-05-06T10:00:00+02:00 in Paris */

#define NAMES(...) \
	{ \
		.names = (const char *const[]){__VA_ARGS__}, \
		.count = sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *) \
	}

#define LINE(n, a, q, t) \
	{ \
		.no = (n), .code = (a), .label = (a), .quantity = (q), .unit_price = (t), \
		.total = (t), .vat_bp = 2000 \
	}

#define REWARD(i, k, ...) \
	{ \
		.id = (i), .title = (i), .kind = TB_REWARD_##k, .cost_price = -1, \
		.valid = TB_WINDOW_OPEN, __VA_ARGS__ \
	}

#define USE(i, ...) \
	{ \
		.kind = TB_USE_REWARD, .code = (i), ##__VA_ARGS__ \
	}
#define WALLET(...) \
	{ \
		.kind = TB_USE_WALLET, .code = "wallet", ##__VA_ARGS__ \
	}

static const struct tb_context here = {
	.site = "lyon-1",
	.mode = "counter",
	.occurred_at_us = NOW,
	.now_us = NOW,
	.product_reference = TB_REFERENCE_CODE,
};

static const struct tb_account anne = {
	.kind = TB_CUSTOMER_PERSON,
	.contact_known = true,
	.points_available = 1000,
	.wallet_available = 0,
	.counted_before_us = TB_TIME_NONE,
	.counted_after_us = TB_TIME_NONE,
};

/* Everything that one reservation needs; arrays end with a line, reward or use without a name. */
struct ticket {
	struct tb_program program;
	struct tb_reward rewards[12];
	struct tb_line lines[12];
	struct tb_use uses[12];
	struct tb_account account;
	struct tb_context context;
	bool nobody;
	struct tb_basket basket;
	size_t n_uses;
};

static inline void
ticket_complete(struct ticket *t)
{
	t->program.rewards = t->rewards;
	t->program.n_rewards = 0;
	while (t->rewards[t->program.n_rewards].id)
		t->program.n_rewards++;
	t->basket = (struct tb_basket){.lines = t->lines};
	while (t->lines[t->basket.n_lines].quantity)
		t->basket.total += t->lines[t->basket.n_lines++].total;
	t->n_uses = 0;
	while (t->uses[t->n_uses].code)
		t->n_uses++;
	if (!t->account.kind && !t->nobody)
		t->account = anne;
	if (!t->context.site)
		t->context = here;
	assert_int_equal(tb_program_prepare(&t->program), 0);
}

static inline void
reserve(struct ticket *t, struct tb_reckoning *ret)
{
	ticket_complete(t);
	assert_int_equal(tb_rules_reserve(&t->program, t->nobody ? NULL : &t->account, &t->basket,
				 t->uses, t->n_uses, &t->context, ret),
		0);
	tb_program_release(&t->program);
}

/* Reserves and expects it to be granted; the adjustments add up. */
static inline void
granted(struct ticket *t, struct tb_reckoning *ret)
{
	int64_t sum = 0;

	reserve(t, ret);
	assert_int_equal(ret->error, TB_OK);
	for (size_t i = 0; i < ret->n_adjustments; i++)
		sum += ret->adjustments[i].amount;
	assert_int_equal(ret->total_before - sum, ret->to_pay);
}

/* Reserves and expects the refusal. */
static inline void
refused(struct ticket *t, enum tb_error error, enum tb_reason reason)
{
	struct tb_reckoning r = {0};

	reserve(t, &r);
	assert_int_equal(r.error, error);
	assert_int_equal(r.reason, reason);
	tb_reckoning_done(&r);
}

#define NOT_APPLICABLE(t, why) refused(t, TB_ERROR_REWARD_NOT_APPLICABLE, TB_REASON_##why)
