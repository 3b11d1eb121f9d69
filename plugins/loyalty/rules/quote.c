/* SPDX-License-Identifier: MIT */
/*
 * A quote: every reward reckoned as if used alone, with the very functions of a reservation, on one
 * bill that is matched once and reset between them. It changes nothing.
 */

#include <stdio.h>
#include <string.h>

#include "plugins/loyalty/rules/bill.h"

/* Memory of a quote: texts made here, and the sheet with all adjustments. */
struct quote_memory {
	struct tb_sheet sheet;
	char **texts;
	size_t n_texts;
	size_t *first; /* of each reward: its first adjustment */
};

static void
memory_free(struct quote_memory *memory)
{
	for (size_t i = 0; i < memory->n_texts; i++)
		free(memory->texts[i]);
	free(memory->texts);
	free(memory->first);
	tb_sheet_done(&memory->sheet);
	free(memory);
}

struct quoting {
	struct tb_bill bill;
	const struct tb_account *account;
	struct quote_memory *memory;
	struct tb_quote quote;
};

static void
quoting_done(struct quoting *q)
{
	tb_bill_done(&q->bill);
	tb_quote_done(&q->quote);
}

/* Reckons one reward alone and appends what comes out. */
static int
quote_reward(struct quoting *q, const struct tb_claim *claim)
{
	struct tb_quoted_reward *out = &q->quote.rewards[q->quote.n_rewards];
	struct tb_sheet *sheet = &q->memory->sheet;
	size_t n_adjustments = sheet->n_adjustments, n_shares = sheet->n_shares;
	const struct tb_reward *reward = claim->reward;
	struct tb_refusal refusal = {0};
	struct tb_use_cost cost = {0};
	int r = 0;

	tb_bill_reset(&q->bill);
	tb_claim_check(&q->bill, q->account, claim, &refusal);
	if (refusal.error == TB_OK)
		r = tb_claim_play(&q->bill, q->account, claim, sheet, &cost, &refusal);
	if (r < 0)
		return r;
	*out = (struct tb_quoted_reward){
		.id = reward->id,
		.title = reward->title,
		.kind = reward->kind,
		.applicable = refusal.error == TB_OK,
		.reason = refusal.error == TB_ERROR_OFFLINE_REFUSED ? TB_REASON_OFFLINE
	                                                            : refusal.reason,
		.amount = cost.amount,
		.cost_points = cost.points,
	};
	if (!out->applicable) {
		tb_sheet_truncate(sheet, n_adjustments, n_shares);
		out->amount = 0;
		out->cost_points = claim->cost_points;
	}
	/* R8: offered by itself when the count is reached */
	out->automatic = out->applicable && reward->every_n > 0;
	out->n_adjustments = sheet->n_adjustments - n_adjustments;
	q->memory->first[q->quote.n_rewards++] = n_adjustments;
	return 0;
}

static int
quote_program(struct quoting *q)
{
	const struct tb_program *program = q->bill.program;

	for (size_t i = 0; i < program->n_rewards; i++) {
		const struct tb_reward *reward = &program->rewards[i];
		struct tb_use use = {.kind = TB_USE_REWARD, .code = reward->id};
		struct tb_claim claim = {
			.use = &use,
			.reward = reward,
			.step = tb_step_of(reward),
			.cost_points = reward->cost_points,
		};
		int r = quote_reward(q, &claim);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Whether an earlier line is of the same article for points. */
static bool
seen_before(const struct tb_bill *bill, size_t at)
{
	const char *code = bill->lines[at].line->imported->code;

	for (size_t i = 0; i < at; i++) {
		const struct tb_article *other = bill->lines[i].line->imported;

		if (other && other->points_price > 0 && strcmp(other->code, code) == 0)
			return true;
	}
	return false;
}

/* The articles of the basket that can be had for points, each once, in order of their lines. */
static int
quote_articles(struct quoting *q)
{
	for (size_t i = 0; i < q->bill.n; i++) {
		const struct tb_article *article = q->bill.lines[i].line->imported;
		struct tb_use use = {.kind = TB_USE_REWARD};
		struct tb_claim claim = {.use = &use};
		char *id;
		int r;

		if (!article || article->points_price <= 0 || seen_before(&q->bill, i))
			continue;
		if (asprintf(&id, TB_ARTICLE_PREFIX "%s", article->code) < 0)
			return -ENOMEM;
		q->memory->texts[q->memory->n_texts++] = id;
		use.code = id;
		tb_claim_for_points(&claim, article);
		r = quote_reward(q, &claim);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- codes ---- */

static void
quote_coupon(
	const struct tb_use *code, const struct tb_reckoning *alone, struct tb_quoted_coupon *out)
{
	*out = (struct tb_quoted_coupon){
		.code = code->code,
		.reward = code->coupon ? code->coupon->reward : NULL,
		.applicable = alone->error == TB_OK,
		.error = alone->error,
		.reason = alone->reason,
	};
	if (out->applicable && alone->n_uses)
		out->amount = alone->uses[0].amount;
}

static int
by_code(const void *a, const void *b)
{
	const struct tb_use *x = a, *y = b;

	return strcmp(x->code, y->code);
}

/*
 * All applicable codes together; one that is refused beside the others is left out and the rest
 * reckoned again. Sorted by code, so their order does not matter.
 */
static int
reckon_codes(struct quoting *q, struct tb_use *uses, size_t n)
{
	qsort(uses, n, sizeof(*uses), by_code);
	for (;;) {
		_cleanup_reckoning_ struct tb_reckoning together = {0};
		int r = tb_reserve_on(&q->bill, q->account, uses, n, &together);

		if (r < 0)
			return r;
		if (together.error == TB_OK) {
			q->quote.total_after = together.total_after;
			return tb_rules_earn_on(&q->bill, q->account, together.adjustments,
				together.n_adjustments, &q->quote.would_earn);
		}
		if (n == 0)
			return -EINVAL; /* nothing used cannot be refused */
		memmove(uses + together.use, uses + together.use + 1,
			(n - together.use - 1) * sizeof(*uses));
		n--;
	}
}

static int
quote_codes(struct quoting *q, const struct tb_use *codes, size_t n)
{
	_cleanup_free_ struct tb_use *good = calloc(n + 1, sizeof(*good));
	size_t n_good = 0;

	if (!good)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		_cleanup_reckoning_ struct tb_reckoning alone = {0};
		int r;

		if (codes[i].kind != TB_USE_COUPON)
			continue;
		r = tb_reserve_on(&q->bill, q->account, &codes[i], 1, &alone);
		if (r < 0)
			return r;
		quote_coupon(&codes[i], &alone, &q->quote.coupons[q->quote.n_coupons++]);
		if (alone.error == TB_OK)
			good[n_good++] = codes[i];
	}
	return reckon_codes(q, good, n_good);
}

static void
settle(struct quoting *q)
{
	tb_sheet_settle(&q->memory->sheet);
	for (size_t i = 0; i < q->quote.n_rewards; i++)
		q->quote.rewards[i].adjustments = q->memory->sheet.adjustments +
		                                  q->memory->first[i];
}

int
tb_rules_quote(const struct tb_program *program, const struct tb_account *account,
	const struct tb_basket *basket, const struct tb_use *codes, size_t n_codes,
	const struct tb_context *context, struct tb_quote *ret)
{
	_cleanup_(quoting_done) struct quoting q = {.account = account};
	size_t most = program->n_rewards + basket->n_lines + 1;
	int r;

	q.memory = calloc(1, sizeof(*q.memory));
	if (!q.memory)
		return -ENOMEM;
	q.quote.owned = q.memory;
	q.quote.rewards = calloc(most, sizeof(*q.quote.rewards));
	q.quote.coupons = calloc(n_codes + 1, sizeof(*q.quote.coupons));
	q.memory->first = calloc(most, sizeof(*q.memory->first));
	q.memory->texts = calloc(basket->n_lines + 1, sizeof(*q.memory->texts));
	if (!q.quote.rewards || !q.quote.coupons || !q.memory->first || !q.memory->texts)
		return -ENOMEM;
	r = tb_bill_init(&q.bill, program, basket, context);
	if (r == 0)
		r = quote_program(&q);
	if (r == 0)
		r = quote_articles(&q);
	if (r == 0)
		r = quote_codes(&q, codes, n_codes);
	if (r < 0)
		return r;
	settle(&q);
	*ret = q.quote;
	q.quote = (struct tb_quote){0};
	return 0;
}

void
tb_quote_done(struct tb_quote *quote)
{
	if (quote->owned)
		memory_free(quote->owned);
	free(quote->rewards);
	free(quote->coupons);
	*quote = (struct tb_quote){0};
}
