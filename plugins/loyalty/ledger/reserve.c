/* SPDX-License-Identifier: MIT */
/*
 * reward.quote, reward.reserve, reward.deduct, reward.release. What a use takes off and costs is
 * reckoned by the rules; here it is held, all or nothing.
 */

#include <string.h>
#include "plugins/loyalty/ledger/reckon.h"
#include "plugins/loyalty/ledger/reservations.h"

/* The customer of the call, up to date, and what this very sale held before given back. */
static int
begin(struct tb_operation *op, struct tb_reckon *k)
{
	int64_t old;
	int r = tb_customer_param(op, "customer", &k->customer, &k->has_customer);

	if (r != 0)
		return r;
	r = tb_reservation_of_sale(op, tb_param_text(op, "sale"), &old);
	if (r < 0)
		return r;
	if (!op->writing && (old || (k->has_customer && tb_customer_is_due(op, &k->customer))))
		return TB_MUST_WRITE;
	if (old)
		r = tb_reservation_release(
			op, old, k->has_customer ? &k->customer : NULL, TB_RESERVATION_RELEASED);
	if (r >= 0 && k->has_customer && op->writing)
		r = tb_customer_settle(op, &k->customer);
	return r < 0 ? r : tb_reckon_context(op, k);
}

int
tb_reward_quote(struct tb_operation *op)
{
	_cleanup_reckon_ struct tb_reckon k = {};
	_cleanup_quote_ struct tb_quote quote = {};
	int64_t old = 0;
	int r;

	/* What the sale holds is given back for the reckoning only. */
	r = tb_reservation_of_sale(op, tb_param_text(op, "sale"), &old);
	if (r < 0)
		return r;
	op->undo = old != 0;
	/* What is malformed is said before who is not known. */
	r = tb_reckon_basket(op, &k);
	if (r == 0)
		r = begin(op, &k);
	if (r == 0)
		r = tb_reckon_account(op, &k);
	if (r == 0)
		r = tb_reckon_codes(op, &k);
	if (r == 0)
		r = tb_rules_quote(k.version->program, tb_reckon_the_account(&k), &k.basket.basket,
			k.uses, k.n_uses, &k.context, &quote);
	if (r != 0)
		return r;
	tb_quote_write(op->out, &quote);
	return 0;
}

/* ---- holding ------------------------------------------------------------------------------ */

int
tb_reservation_insert(struct tb_operation *op, const struct tb_reckon *k,
	const struct tb_reckoning *reckoning, int64_t id, int64_t expires_at)
{
	_cleanup_buf_ struct tb_buf body = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&body);
	uint8_t hash[TB_HASH_SIZE];
	int r;

	tb_jsonw_object(&w, NULL);
	tb_jsonw_int(&w, "n_uses", (int64_t)k->n_uses);
	tb_reckoning_write(&w, reckoning);
	tb_jsonw_end_object(&w);
	if (tb_buf_error(&body))
		return tb_buf_error(&body);
	tb_basket_hash(&k->basket.basket, hash);
	r = tb_store_run(op->store,
		"INSERT INTO reservations(id, site, till, sale, customer, state, expires_at, "
		"program,"
		" at, basket, body) VALUES(?1, ?2, ?3, ?4, ?5, 'held', ?6, ?7, ?8, ?9, ?10)",
		V_INT(id), V_TEXT(op->call->caller.site), V_TEXT(op->call->caller.till),
		V_TEXT(tb_param_text(op, "sale")), V_ID(k->has_customer ? k->customer.id : 0),
		V_INT(expires_at), V_INT(k->version->version), V_INT(op->now),
		V_BLOB(hash, TB_HASH_SIZE), V_TEXT_N(body.data, body.len));
	return r < 0 ? r : 0;
}

struct tb_used
tb_used_of(const struct tb_reckon *k, const struct tb_reckoning *reckoning, size_t i, int64_t id)
{
	const struct tb_use *use = &k->uses[i];
	const struct tb_use_cost *cost = &reckoning->uses[i];
	const char *reward = cost->reward                 ? cost->reward->id
	                     : use->kind == TB_USE_REWARD ? use->code
	                                                  : NULL;

	return (struct tb_used){
		.reservation = id,
		.position = (int64_t)i,
		.kind = use->kind,
		.reward = (char *)reward,
		.coupon = use->kind == TB_USE_COUPON ? k->coupon_rows[i].id : 0,
		.gift_card = use->kind == TB_USE_GIFT_CARD ? k->card_rows[i].id : 0,
		.line = use->has_line ? use->line : -1,
		.amount = cost->amount,
		.points = cost->points,
		.every_n = cost->every_n,
		.cost = use->kind == TB_USE_REWARD || use->kind == TB_USE_COUPON ? cost->shop_cost
	                                                                         : 0,
		.welcome = cost->welcome,
	};
}

/* Holds every use; with `commit` spends it at once. */
static int
hold(struct tb_operation *op, struct tb_reckon *k, const struct tb_reckoning *reckoning, int64_t id,
	bool commit)
{
	struct tb_use_step step = {
		.c = k->has_customer ? &k->customer : NULL,
		.sale = tb_param_text(op, "sale"),
		.at = commit ? k->context.occurred_at_us : op->now,
	};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < k->n_uses; i++) {
		struct tb_used used = tb_used_of(k, reckoning, i, id);
		const char *warning;

		if (reckoning->uses[i].repeated)
			continue;
		r = tb_use_hold(op, &used, &step);
		if (r >= 0 && commit)
			r = tb_use_commit(op, &used, &step, &warning);
	}
	if (r >= 0 && commit)
		r = tb_reservation_committed(op, id, 0);
	return r;
}

static int
write_answer(struct tb_operation *op, const struct tb_reckon *k,
	const struct tb_reckoning *reckoning, int64_t id, int64_t expires_at)
{
	struct tb_jsonw w = TB_JSONW(op->out);
	int r = 0;

	tb_jsonw_object(&w, NULL);
	tb_id_write(&w, "reservation", 'r', id);
	tb_time_write(op, &w, "expires_at", expires_at);
	tb_reckoning_write(&w, reckoning);
	if (k->has_customer)
		r = tb_balances_write(op, &w, &k->customer);
	tb_jsonw_end_object(&w);
	return r;
}

/* Reckons the uses of the call; a refusal has its reason in op->out. */
static int
reckon(struct tb_operation *op, struct tb_reckon *k, struct tb_reckoning *ret)
{
	int r = tb_reckon_basket(op, k);

	if (r == 0)
		r = tb_reckon_read_uses(op, k);
	if (r == 0)
		r = begin(op, k);
	if (r == 0)
		r = tb_reckon_account(op, k);
	if (r == 0)
		r = tb_reckon_look_up(op, k);
	if (r == 0)
		r = tb_rules_reserve(k->version->program, tb_reckon_the_account(k),
			&k->basket.basket, k->uses, k->n_uses, &k->context, ret);
	if (r == 0 && ret->error != TB_OK) {
		tb_buf_reset(op->out);
		tb_refusal_write(op->out, ret);
		return ret->error;
	}
	return r;
}

static int
reserve(struct tb_operation *op, bool commit)
{
	_cleanup_reckon_ struct tb_reckon k = {};
	_cleanup_reckoning_ struct tb_reckoning reckoning = {};
	int64_t id, expires_at = op->now + TB_HOLD_US;
	int r = reckon(op, &k, &reckoning);

	if (r != 0)
		return r;
	r = tb_id_draw(op, &id);
	if (r >= 0)
		r = tb_reservation_insert(op, &k, &reckoning, id, expires_at);
	op->ledger->hold_due = TB_MIN(op->ledger->hold_due, expires_at);
	if (r >= 0)
		r = hold(op, &k, &reckoning, id, commit);
	if (r >= 0 && k.has_customer)
		r = tb_customer_put(op, &k.customer);
	return r < 0 ? r : write_answer(op, &k, &reckoning, id, expires_at);
}

int
tb_reward_reserve(struct tb_operation *op)
{
	return reserve(op, false);
}

int
tb_reward_deduct(struct tb_operation *op)
{
	return reserve(op, true);
}

int
tb_reward_release(struct tb_operation *op)
{
	int64_t id = tb_id_parse('r', tb_param_text(op, "reservation"));
	int r = tb_reservation_release(op, id, NULL, TB_RESERVATION_RELEASED);

	if (r < 0)
		return r;
	tb_buf_add_str(op->out, "{}");
	return 0;
}
