/* SPDX-License-Identifier: MIT */
/* passage.amend: the amount of a passage that was posted without one, once. */

#include <string.h>
#include "base/money.h"
#include "plugins/loyalty/shapes/json.h"
#include "plugins/loyalty/ledger/passages.h"

struct amending {
	struct tb_operation *op;
	struct tb_passage passage;
	struct tb_recalled then;
	struct tb_basket_lines basket;
	struct tb_basket_articles articles;
	struct tb_faults faults;
	struct tb_customer customer;
	bool has_customer;
	bool stands; /* what it earned stays as it was */
	struct tb_earned earned;
	int64_t turnover;
};

static void
amending_done(struct amending *a)
{
	tb_customer_done(&a->customer);
	tb_faults_done(&a->faults);
	tb_basket_articles_done(&a->articles);
	tb_basket_lines_done(&a->basket);
	tb_recalled_done(&a->then);
	tb_passage_done(&a->passage);
}

static int
gather(struct amending *a)
{
	struct tb_operation *op = a->op;
	int r = tb_passage_find(op, &a->passage);

	if (r != 0)
		return r;
	if (a->passage.has_total || a->passage.reversed)
		return tb_refuse(op, TB_ERROR_CONFLICT);
	r = tb_passage_recall(op, &a->passage, &a->then);
	if (r >= 0)
		r = tb_basket_from_json(op->params, "", false, &a->basket, &a->faults);
	if (r >= 0)
		r = tb_articles_find(op, a->basket.lines, a->basket.basket.n_lines, &a->articles);
	if (r < 0 || !a->passage.customer)
		return r;
	r = tb_customer_get(op, a->passage.customer, &a->customer);
	a->has_customer = r == 0;
	if (r == 0)
		r = tb_customer_settle(op, &a->customer);
	return r == TB_ERROR_CUSTOMER_UNKNOWN ? 0 : r;
}

/* Nobody earns, R7 is not judged again, and of what came back nothing is earned any more. */
static int
ask_whether_it_stands(struct amending *a)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r = tb_store_get(a->op->store, &rows,
		"SELECT 1 FROM reversals WHERE passage = ?1 AND kind = 'return' LIMIT 1",
		V_INT(a->passage.id));

	a->stands = r > 0 || !a->has_customer || !a->passage.counted;
	return r < 0 ? r : 0;
}

/* What it earns now that its amount is known. */
static int
reckon(struct amending *a)
{
	tb_i128 turnover = a->basket.basket.total;
	int r = ask_whether_it_stands(a);

	if (r < 0)
		return r;

	for (size_t i = 0; i < a->then.adjustments.count; i++)
		if (a->then.adjustments.items[i].kind != TB_ADJUST_TENDER)
			turnover -= a->then.adjustments.items[i].amount;
	r = tb_i128_to_i64(turnover, &a->turnover);
	if (r < 0 || a->stands) {
		a->earned.points = a->passage.earned_points;
		a->earned.wallet = a->passage.earned_wallet;
		return r;
	}
	return tb_rules_earn(a->then.version->program, &a->then.account, &a->basket.basket,
		a->then.adjustments.items, a->then.adjustments.count, &a->then.context, &a->earned);
}

static struct tb_entry
entry_of(const struct amending *a, enum tb_unit unit, int64_t delta)
{
	return (struct tb_entry){
		.unit = unit,
		.kind = delta < 0 ? TB_ENTRY_REVERSE : TB_ENTRY_EARN,
		.delta = delta,
		.passage = a->passage.id,
		.sale = a->passage.sale,
		.owner_kind = 'p',
		.owner = a->passage.id,
		.effect = "amend",
		.at = a->passage.occurred_at,
	};
}

static int
credit(struct amending *a)
{
	struct tb_customer *c = &a->customer;
	int64_t points = a->earned.points - a->passage.earned_points;
	struct tb_entry entry = entry_of(a, TB_UNIT_POINTS, points);
	int r;

	if (points < 0)
		r = tb_points_debit(a->op, c, &entry, a->passage.id);
	else
		r = tb_points_credit(a->op, c, &entry,
			tb_rules_lot_expiry(a->then.version->program, a->passage.occurred_at));
	if (r < 0)
		return r;
	entry = entry_of(a, TB_UNIT_WALLET, a->earned.wallet - a->passage.earned_wallet);
	return tb_entry_add(a->op, c, &entry);
}

static void
write_warnings(const struct amending *a, struct tb_jsonw *w)
{
	tb_jsonw_array(w, "warnings");
	for (size_t i = 0; i < a->faults.count; i++)
		tb_jsonw_string(w, NULL, a->faults.items[i].code);
	tb_jsonw_end_array(w);
}

/* The body with the amount: what a return will read. */
static int
rewrite_body(struct amending *a, char **ret)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&buf);
	_cleanup_(json_decrefp) json_t *extra = NULL;
	json_t *lines = tb_param(a->op, "lines");

	tb_jsonw_object(&w, NULL);
	tb_passage_write_imported(&w, &a->basket.basket);
	if (!a->stands)
		tb_reasons_write(&w, a->earned.reasons, a->earned.n_reasons);
	write_warnings(a, &w);
	tb_jsonw_end_object(&w);
	if (tb_buf_error(&buf))
		return tb_buf_error(&buf);
	extra = json_loadb(buf.data, buf.len, 0, NULL);
	if (!extra || json_object_update(a->passage.body, extra) < 0 ||
		json_object_set_new(
			a->passage.body, "total", json_integer(a->basket.basket.total)) < 0 ||
		(lines && json_object_set(a->passage.body, "lines", lines) < 0))
		return -ENOMEM;
	*ret = tb_json_text(a->passage.body);
	return *ret ? 0 : -ENOMEM;
}

static int
update(struct amending *a)
{
	_cleanup_free_ char *body = NULL;
	int r = rewrite_body(a, &body);

	if (r < 0)
		return r;
	r = tb_store_run(a->op->store,
		"UPDATE passages SET total = ?2, turnover = ?3, earned_points = ?4,"
		" earned_wallet = ?5, body = ?6 WHERE id = ?1",
		V_INT(a->passage.id), V_INT(a->basket.basket.total), V_INT(a->turnover),
		V_INT(a->earned.points), V_INT(a->earned.wallet), V_TEXT(body));
	return r < 0 ? r : 0;
}

/* The reasons are those that now stand with the passage. */
static void
write_earned(const struct amending *a, struct tb_jsonw *w)
{
	const json_t *reasons = json_object_get(a->passage.body, "reasons");

	tb_jsonw_object(w, "earned");
	tb_jsonw_int(w, "points", a->earned.points);
	tb_jsonw_int(w, "wallet", a->earned.wallet);
	tb_jsonw_end_object(w);
	if (reasons)
		tb_json_write(w, "reasons", reasons);
	else
		tb_jsonw_raw(w, "reasons", "[]", 2);
}

static int
answer(struct amending *a)
{
	struct tb_jsonw w = TB_JSONW(a->op->out);
	int r = 0;

	tb_jsonw_object(&w, NULL);
	tb_id_write(&w, "passage", 'p', a->passage.id);
	tb_jsonw_string(&w, "state", "posted");
	write_earned(a, &w);
	if (a->has_customer)
		r = tb_balances_write(a->op, &w, &a->customer);
	write_warnings(a, &w);
	tb_jsonw_end_object(&w);
	return r;
}

static int
put_customer(struct amending *a)
{
	int r = tb_passage_refresh_last(a->op, &a->customer);

	if (r < 0)
		return r;
	return tb_customer_is_due(a->op, &a->customer) ? tb_customer_settle(a->op, &a->customer)
	                                               : tb_customer_put(a->op, &a->customer);
}

int
tb_passage_amend(struct tb_operation *op)
{
	_cleanup_(amending_done) struct amending a = {.op = op};
	int r = gather(&a);

	if (r == 0)
		r = reckon(&a);
	if (r == 0 && a.has_customer)
		r = credit(&a);
	if (r == 0)
		r = update(&a);
	if (r == 0 && a.has_customer)
		r = put_customer(&a);
	return r == 0 ? answer(&a) : r;
}
