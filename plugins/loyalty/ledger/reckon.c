/* SPDX-License-Identifier: MIT */
/* Gathering what the rules are asked about. */

#include "plugins/loyalty/ledger/reckon.h"

#include <string.h>

void
tb_reckon_done(struct tb_reckon *reckon)
{
	for (size_t i = 0; reckon->coupon_rows && i < reckon->n_uses; i++)
		tb_coupon_row_done(&reckon->coupon_rows[i]);
	free(reckon->coupon_rows);
	free(reckon->coupons);
	free(reckon->card_rows);
	free(reckon->cards);
	free(reckon->uses);
	tb_basket_articles_done(&reckon->articles);
	tb_basket_lines_done(&reckon->basket);
	tb_facts_done(&reckon->facts);
	tb_customer_done(&reckon->customer);
}

int
tb_reckon_context(struct tb_operation *op, struct tb_reckon *ret)
{
	const char *occurred_at = tb_param_text(op, "occurred_at");
	int64_t at = op->now;

	if (occurred_at && tb_time_parse(occurred_at, &at, NULL) < 0)
		return tb_refuse_at(op, "/occurred_at", "bad_time");
	ret->context = (struct tb_context){
		.site = op->call->caller.site,
		.mode = tb_param_text(op, "mode"),
		.occurred_at_us = at,
		.now_us = op->now,
		.product_reference = op->ledger->reference,
	};
	return tb_program_at(op, at, &ret->version);
}

int
tb_reckon_basket(struct tb_operation *op, struct tb_reckon *ret)
{
	_cleanup_faults_ struct tb_faults faults = {};
	int r = tb_basket_from_json(tb_param(op, "basket"), "/basket", true, &ret->basket, &faults);

	if (r == -EINVAL)
		return tb_refuse_faults(op, &faults);
	if (r < 0)
		return r;
	return tb_articles_find(op, ret->basket.lines, ret->basket.basket.n_lines, &ret->articles);
}

int
tb_reckon_account(struct tb_operation *op, struct tb_reckon *ret)
{
	if (!ret->has_customer)
		return 0;
	return tb_facts_load(op, ret->version->program, &ret->customer, ret->context.occurred_at_us,
		&ret->facts);
}

/* ---- uses --------------------------------------------------------------------------------- */

static enum tb_coupon_binding
binding(const struct tb_reckon *reckon, const struct tb_coupon_row *row)
{
	if (row->customer == 0)
		return TB_COUPON_FREE;
	return reckon->has_customer && reckon->customer.id == row->customer ? TB_COUPON_OURS
	                                                                    : TB_COUPON_OTHERS;
}

static int
look_up_coupon(struct tb_operation *op, struct tb_reckon *reckon, size_t i)
{
	struct tb_coupon_row *row = &reckon->coupon_rows[i];
	bool there;
	int r = tb_coupon_find(op, reckon->uses[i].code, row, &there);

	if (r < 0 || !there)
		return r;
	reckon->coupons[i] = (struct tb_coupon){
		.code = row->code,
		.reward = row->reward,
		.bound = binding(reckon, row),
		.uses_left = row->uses_left,
		.held = row->held_by != 0,
		/* One that was withdrawn with its sale has no time left. */
		.valid = {TB_TIME_NONE, row->revoked ? op->now : row->valid_to},
	};
	if (row->revoked)
		reckon->coupons[i].uses_left = 1;
	reckon->uses[i].coupon = &reckon->coupons[i];
	return 0;
}

static int
look_up_card(struct tb_operation *op, struct tb_reckon *reckon, size_t i)
{
	struct tb_gift_row *row = &reckon->card_rows[i];
	bool there;
	int r = tb_gift_find(op, reckon->uses[i].code, row, &there);

	if (r < 0 || !there)
		return r;
	reckon->cards[i] = (struct tb_gift_card){
		.number = row->number,
		.available = row->balance - row->held,
		.expires_at_us = row->expires_at,
		.blocked = row->blocked,
	};
	reckon->uses[i].gift_card = &reckon->cards[i];
	return 0;
}

int
tb_reckon_look_up(struct tb_operation *op, struct tb_reckon *reckon)
{
	size_t n = reckon->n_uses + 1;
	int r = 0;

	reckon->coupons = calloc(n, sizeof(*reckon->coupons));
	reckon->coupon_rows = calloc(n, sizeof(*reckon->coupon_rows));
	reckon->cards = calloc(n, sizeof(*reckon->cards));
	reckon->card_rows = calloc(n, sizeof(*reckon->card_rows));
	if (!reckon->coupons || !reckon->coupon_rows || !reckon->cards || !reckon->card_rows)
		return -ENOMEM;
	for (size_t i = 0; r >= 0 && i < reckon->n_uses; i++) {
		if (reckon->uses[i].kind == TB_USE_COUPON)
			r = look_up_coupon(op, reckon, i);
		else if (reckon->uses[i].kind == TB_USE_GIFT_CARD)
			r = look_up_card(op, reckon, i);
	}
	return r;
}

int
tb_reckon_read_uses(struct tb_operation *op, struct tb_reckon *ret)
{
	_cleanup_faults_ struct tb_faults faults = {};
	int r = tb_uses_from_json(tb_param(op, "uses"), "/uses", &ret->uses, &ret->n_uses, &faults);

	if (r == -EINVAL)
		return tb_refuse_faults(op, &faults);
	return r;
}

int
tb_reckon_codes(struct tb_operation *op, struct tb_reckon *ret)
{
	const json_t *codes = tb_param(op, "codes"), *code;
	size_t i;

	ret->uses = calloc(json_array_size(codes) + 1, sizeof(*ret->uses));
	if (!ret->uses)
		return -ENOMEM;
	json_array_foreach(codes, i, code) {
		const char *text = json_string_value(code);
		bool gift = text && strncasecmp(text, "TBG-", 4) == 0;

		if (text)
			ret->uses[ret->n_uses++] = (struct tb_use){
				.kind = gift ? TB_USE_GIFT_CARD : TB_USE_COUPON, .code = text};
	}
	return tb_reckon_look_up(op, ret);
}
