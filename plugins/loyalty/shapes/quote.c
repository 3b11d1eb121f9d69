/* SPDX-License-Identifier: MIT */
/* A quote and what a passage earns, as JSON text. */

#include "plugins/loyalty/shapes/shapes.h"

static const char *const kind_words[] = {
	[TB_REWARD_ARTICLE] = "article",
	[TB_REWARD_AMOUNT] = "amount",
	[TB_REWARD_PERCENT] = "percent",
	[TB_REWARD_CASHBACK] = "cashback",
	[TB_REWARD_GIFT] = "gift",
};

static void
write_reward(struct tb_jsonw *w, const struct tb_quoted_reward *reward)
{
	tb_jsonw_object(w, NULL);
	tb_jsonw_string(w, "id", reward->id);
	tb_jsonw_string(w, "kind", kind_words[reward->kind]);
	tb_jsonw_string(w, "title", reward->title);
	tb_jsonw_bool(w, "applicable", reward->applicable);
	tb_jsonw_string(w, "reason", tb_reason_word(reward->reason));
	tb_jsonw_bool(w, "auto", reward->automatic);
	tb_jsonw_int(w, "amount", reward->amount);
	tb_jsonw_int(w, "cost_points", reward->cost_points);
	tb_adjustments_write(w, "adjustments", reward->adjustments, reward->n_adjustments);
	tb_jsonw_end_object(w);
}

/* A coupon that is unknown, used or expired has the word of that error as its reason. */
static void
write_coupon(struct tb_jsonw *w, const struct tb_quoted_coupon *coupon)
{
	const char *reason = tb_reason_word(coupon->reason);

	tb_jsonw_object(w, NULL);
	tb_jsonw_string(w, "code", coupon->code);
	tb_jsonw_string(w, "reward", coupon->reward);
	tb_jsonw_bool(w, "applicable", coupon->applicable);
	tb_jsonw_string(w, "reason", reason ? reason : tb_error_word(coupon->error));
	tb_jsonw_int(w, "amount", coupon->amount);
	tb_jsonw_end_object(w);
}

void
tb_reasons_write(struct tb_jsonw *w, const enum tb_reason *reasons, size_t n)
{
	tb_jsonw_array(w, "reasons");
	for (size_t i = 0; i < n; i++)
		tb_jsonw_string(w, NULL, tb_reason_word(reasons[i]));
	tb_jsonw_end_array(w);
}

void
tb_earned_write(struct tb_jsonw *w, const char *name, const struct tb_earned *earned)
{
	tb_jsonw_object(w, name);
	tb_jsonw_int(w, "points", earned->points);
	tb_jsonw_int(w, "wallet", earned->wallet);
	tb_jsonw_end_object(w);
	tb_reasons_write(w, earned->reasons, earned->n_reasons);
}

void
tb_quote_write(struct tb_buf *buf, const struct tb_quote *quote)
{
	struct tb_jsonw w = TB_JSONW(buf);

	tb_jsonw_object(&w, NULL);
	tb_jsonw_array(&w, "rewards");
	for (size_t i = 0; i < quote->n_rewards; i++)
		write_reward(&w, &quote->rewards[i]);
	tb_jsonw_end_array(&w);
	tb_jsonw_array(&w, "coupons");
	for (size_t i = 0; i < quote->n_coupons; i++)
		write_coupon(&w, &quote->coupons[i]);
	tb_jsonw_end_array(&w);
	tb_jsonw_object(&w, "would_earn");
	tb_jsonw_int(&w, "points", quote->would_earn.points);
	tb_jsonw_int(&w, "wallet", quote->would_earn.wallet);
	tb_reasons_write(&w, quote->would_earn.reasons, quote->would_earn.n_reasons);
	tb_jsonw_end_object(&w);
	tb_jsonw_int(&w, "total_after", quote->total_after);
	tb_jsonw_end_object(&w);
}
