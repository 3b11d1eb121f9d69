/* SPDX-License-Identifier: MIT */
/*
 * passage.reverse (R11): a void writes the exact inverse of every entry of the sale; a return takes
 * back what the rules say of the part that comes back.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/money.h"
#include "plugins/loyalty/ledger/passages.h"
#include "plugins/loyalty/ledger/reservations.h"

struct reversing {
	struct tb_operation *op;
	struct tb_passage passage;
	struct tb_customer customer;
	bool has_customer;
	int64_t id;
	int64_t points, wallet; /* taken back now */
	struct tb_buf lines;    /* JSON: what comes back */
	const char *warning;
};

static void
reversing_done(struct reversing *v)
{
	tb_buf_done(&v->lines);
	tb_customer_done(&v->customer);
	tb_passage_done(&v->passage);
}

static int
load_customer(struct reversing *v)
{
	int r;

	if (!v->passage.customer)
		return 0;
	r = tb_customer_get(v->op, v->passage.customer, &v->customer);
	v->has_customer = r == 0;
	if (r == 0)
		r = tb_customer_settle(v->op, &v->customer);
	return r == TB_ERROR_CUSTOMER_UNKNOWN ? 0 : r;
}

/* ---- taking back what was given ----------------------------------------------------------- */

/* What has expired of this sale's points is gone already and is not taken a second time. */
static int
expired_of(struct tb_operation *op, int64_t customer, int64_t passage, int64_t *ret)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r = tb_store_get(op->store, &rows,
		"SELECT SUM(expired) FROM lots WHERE passage = ?1 AND (customer = ?2"
		" OR customer IN (SELECT id FROM customers WHERE merged_into = ?2))",
		V_INT(passage), V_INT(customer));

	*ret = r > 0 ? tb_rows_int(rows, 0) : 0;
	return r < 0 ? r : 0;
}

static int
take_back(struct reversing *v, struct tb_customer *c, enum tb_unit unit, int64_t amount,
	const char *effect)
{
	struct tb_entry entry = {
		.unit = unit,
		.kind = TB_ENTRY_REVERSE,
		.delta = -amount,
		.passage = v->passage.id,
		.sale = v->passage.sale,
		.owner_kind = 'p',
		.owner = v->passage.id,
		.effect = effect,
		.n = v->id,
	};
	int64_t expired;
	int r;

	if (unit == TB_UNIT_WALLET)
		return tb_entry_add(v->op, c, &entry);
	r = expired_of(v->op, c->id, v->passage.id, &expired);
	if (r < 0)
		return r;
	entry.delta = -TB_MAX(amount - expired, INT64_C(0));
	return tb_points_debit(v->op, c, &entry, v->passage.id);
}

/* ---- uses --------------------------------------------------------------------------------- */

/* Gives the use back to whom it was charged; he may be another than the sale's. */
static int
use_back(struct reversing *v, struct tb_used *used, int64_t owner)
{
	_cleanup_customer_ struct tb_customer other = {};
	struct tb_use_step step = {
		.sale = v->passage.sale, .passage = v->passage.id, .at = v->op->now};
	int r;

	if (!owner)
		return tb_use_return(v->op, used, &step);
	if (v->has_customer && v->customer.id == owner) {
		step.c = &v->customer;
		return tb_use_return(v->op, used, &step);
	}
	r = tb_customer_get(v->op, owner, &other);
	if (r < 0)
		return r;
	if (r > 0)
		return tb_use_return(v->op, used, &step);
	step.c = v->has_customer && other.id == v->customer.id ? &v->customer : &other;
	r = tb_use_return(v->op, used, &step);
	return r >= 0 && step.c == &other ? tb_customer_put(v->op, &other) : r;
}

static int
owner_of(struct tb_operation *op, int64_t use, int64_t *ret)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r = tb_store_get(
		op->store, &rows, "SELECT customer FROM uses WHERE id = ?1", V_INT(use));

	*ret = r > 0 ? tb_rows_int(rows, 0) : 0;
	return r < 0 ? r : 0;
}

/* which: by position, NULL for all. */
static int
uses_back(struct reversing *v, const bool *which, size_t n)
{
	_cleanup_used_list_ struct tb_used_list uses = {};
	int r = tb_uses_of_passage(v->op, v->passage.id, &uses);

	for (size_t i = 0; r >= 0 && i < uses.count; i++) {
		struct tb_used *used = &uses.items[i];
		int64_t owner;

		if (used->state != TB_USE_COMMITTED ||
			(which && ((size_t)used->position >= n || !which[used->position])))
			continue;
		r = owner_of(v->op, used->id, &owner);
		if (r >= 0)
			r = use_back(v, used, owner);
	}
	return r;
}

/* ---- void --------------------------------------------------------------------------------- */

/* The answer that the first void was given. */
static int
answer_of_void(struct reversing *v, bool *ret_there)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	const char *answer;
	size_t len;
	int r = tb_store_get(v->op->store, &rows,
		"SELECT answer FROM reversals WHERE passage = ?1 AND kind = 'void'",
		V_INT(v->passage.id));

	*ret_there = r > 0;
	if (r <= 0)
		return r;
	answer = tb_rows_text_n(rows, 0, &len);
	tb_buf_add(v->op->out, answer, len);
	return 0;
}

/* What this sale wrote to one account in one unit. */
struct net {
	int64_t customer, amount;
	enum tb_unit unit;
};

struct nets {
	struct net *items;
	size_t n;
};

static void
nets_done(struct nets *nets)
{
	free(nets->items);
}

#define _cleanup_nets_ _cleanup_(nets_done)

/* Who has the account of that customer now: those merged into one are one. 0 when he was deleted.
 */
static int
whose_now(struct tb_operation *op, int64_t customer, int64_t *ret)
{
	_cleanup_customer_ struct tb_customer c = {};
	int r = tb_customer_get(op, customer, &c);

	*ret = r == 0 ? c.id : 0;
	return r < 0 ? r : 0;
}

static int
add_net(struct nets *nets, int64_t customer, enum tb_unit unit, int64_t amount)
{
	struct net *items;

	for (size_t i = 0; i < nets->n; i++)
		if (nets->items[i].customer == customer && nets->items[i].unit == unit)
			return tb_add(nets->items[i].amount, amount, &nets->items[i].amount);
	items = reallocarray(nets->items, nets->n + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	nets->items = items;
	nets->items[nets->n++] = (struct net){customer, amount, unit};
	return 0;
}

/* Every entry of the sale has an effect that begins with its id. */
static int
sum_entries(struct reversing *v, struct nets *ret)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	char from[TB_ID_TEXT + 2], to[TB_ID_TEXT + 2], id[TB_ID_TEXT];
	int r;

	tb_id_format('p', v->passage.id, id);
	snprintf(from, sizeof(from), "%s/", id);
	snprintf(to, sizeof(to), "%s0", id);
	r = tb_store_get(v->op->store, &rows,
		"SELECT customer, unit, SUM(delta) FROM entries WHERE effect > ?1 AND effect < ?2"
		" GROUP BY customer, unit",
		V_TEXT(from), V_TEXT(to));
	for (; r > 0; r = tb_rows_next(rows)) {
		bool points = strcmp(tb_rows_text(rows, 1), "points") == 0;
		int64_t customer;
		int e = whose_now(v->op, tb_rows_int(rows, 0), &customer);

		/* Of who was deleted the ledger stays as it is. */
		if (e == 0 && customer)
			e = add_net(ret, customer, points ? TB_UNIT_POINTS : TB_UNIT_WALLET,
				tb_rows_int(rows, 2));
		if (e < 0)
			return e;
	}
	return r;
}

/* Written back to one account: the sale's own, or its sponsor's. */
static int
invert(struct reversing *v, const struct net *net)
{
	_cleanup_customer_ struct tb_customer other = {};
	int r;

	if (net->amount == 0)
		return 0;
	if (v->has_customer && net->customer == v->customer.id)
		return take_back(v, &v->customer, net->unit, net->amount, "void");
	r = tb_customer_get(v->op, net->customer, &other);
	if (r == 0)
		r = tb_customer_settle(v->op, &other);
	if (r == 0)
		r = take_back(v, &other, net->unit, net->amount, "void-sponsor");
	return r < 0 ? r : tb_customer_put(v->op, &other);
}

static int
invert_entries(struct reversing *v)
{
	_cleanup_nets_ struct nets nets = {};
	int r = sum_entries(v, &nets);

	for (size_t i = 0; r >= 0 && i < nets.n; i++)
		r = invert(v, &nets.items[i]);
	return r;
}

static int
release_hold(struct reversing *v)
{
	int64_t held;
	int r = tb_reservation_of_sale(v->op, v->passage.sale, &held);

	if (r < 0 || !held)
		return r;
	return tb_reservation_release(
		v->op, held, v->has_customer ? &v->customer : NULL, TB_RESERVATION_RELEASED);
}

/* Of who was deleted nothing is given back, but what is counted of him stays provable. */
static int
uncount_anonymous(struct reversing *v)
{
	int r;

	if (!v->passage.customer)
		return 0;
	r = tb_store_run(v->op->store,
		"UPDATE customers SET passages = passages - 1, counted = counted - ?2"
		" WHERE id = ?1",
		V_INT(v->passage.customer), V_INT(v->passage.counted));
	return r < 0 ? r : 0;
}

static int
void_passage(struct reversing *v)
{
	struct tb_customer *c = &v->customer;
	int64_t before_points = c->points, before_wallet = c->wallet;
	/* It is voided first: what its points paid for looks for other points. */
	int r = tb_store_run(v->op->store, "UPDATE passages SET state = 'reversed' WHERE id = ?1",
		V_INT(v->passage.id));

	if (r >= 0)
		r = invert_entries(v);
	if (r < 0)
		return r;
	v->points = before_points - c->points;
	v->wallet = before_wallet - c->wallet;
	r = uses_back(v, NULL, 0);
	if (r >= 0)
		r = release_hold(v);
	if (r >= 0)
		r = tb_coupons_revoke(v->op, v->passage.id);
	if (r >= 0 && !v->has_customer)
		return uncount_anonymous(v);
	if (r < 0)
		return r;
	c->passages--;
	c->counted -= v->passage.counted;
	return tb_passage_refresh_last(v->op, c);
}

/* ---- return ------------------------------------------------------------------------------- */

/* Thousandths of each line that came back before. */
static int
returned_before(struct reversing *v, const struct tb_basket *basket, int64_t *returned)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r = tb_store_get(v->op->store, &rows,
		"SELECT lines FROM reversals WHERE passage = ?1 AND kind = 'return'",
		V_INT(v->passage.id));

	for (; r > 0; r = tb_rows_next(rows)) {
		json_t *lines = json_loads(tb_rows_text(rows, 0), 0, NULL), *line;
		size_t i;

		if (!lines)
			return -EBADMSG;
		json_array_foreach(lines, i, line)
			for (size_t k = 0; k < basket->n_lines; k++)
				if (basket->lines[k].no ==
					json_integer_value(json_object_get(line, "no")))
					returned[k] += json_integer_value(
						json_object_get(line, "quantity"));
		json_decref(lines);
	}
	return r;
}

static int
read_lines(struct tb_operation *op, struct tb_return_line **ret, size_t *ret_n)
{
	const json_t *list = tb_param(op, "lines"), *line;
	size_t i;

	*ret_n = json_array_size(list);
	*ret = calloc(*ret_n + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	json_array_foreach(list, i, line) {
		const json_t *quantity = json_object_get(line, "quantity");

		(*ret)[i] = (struct tb_return_line){
			.no = json_integer_value(json_object_get(line, "no")),
			.has_quantity = quantity != NULL,
			.quantity = json_integer_value(quantity),
		};
	}
	return 0;
}

static void
write_returned(struct reversing *v, const struct tb_basket *basket, const struct tb_returned *back)
{
	struct tb_jsonw w = TB_JSONW(&v->lines);

	tb_jsonw_array(&w, NULL);
	for (size_t i = 0; i < basket->n_lines && i < back->n_lines; i++) {
		if (back->quantities[i] == 0)
			continue;
		tb_jsonw_object(&w, NULL);
		tb_jsonw_int(&w, "no", basket->lines[i].no);
		tb_jsonw_int(&w, "quantity", back->quantities[i]);
		tb_jsonw_end_object(&w);
	}
	tb_jsonw_end_array(&w);
}

static bool
is_on_ticket(const struct tb_basket *basket, int64_t no)
{
	for (size_t i = 0; i < basket->n_lines; i++)
		if (basket->lines[i].no == no && basket->lines[i].quantity > 0)
			return true;
	return false;
}

/* Asks the rules; a line that is not there or more than is left is refused with its place. */
static int
reckon_return(struct reversing *v, struct tb_recalled *then, struct tb_returned *ret)
{
	_cleanup_free_ struct tb_return_line *lines = NULL;
	_cleanup_free_ int64_t *returned = NULL;
	size_t n_lines;
	struct tb_sale sale = {
		.program = then->version->program,
		.account = v->passage.customer ? &then->account : NULL,
		.basket = &then->basket.basket,
		.adjustments = then->adjustments.items,
		.n_adjustments = then->adjustments.count,
		.n_uses = then->n_uses,
		.context = &then->context,
		.earned_points = v->passage.earned_points,
		.earned_wallet = v->passage.earned_wallet,
		.reversed_points = v->passage.back_points,
		.reversed_wallet = v->passage.back_wallet,
		.counted = v->passage.counted,
	};
	int r = read_lines(v->op, &lines, &n_lines);

	if (r < 0)
		return r;
	returned = calloc(then->basket.basket.n_lines + 1, sizeof(*returned));
	if (!returned)
		return -ENOMEM;
	sale.returned = returned;
	r = returned_before(v, &then->basket.basket, returned);
	if (r >= 0)
		r = tb_rules_return(&sale, lines, n_lines, ret);
	if (r == 0 && ret->error != TB_OK) {
		bool there = is_on_ticket(&then->basket.basket, lines[ret->line].no);
		char pointer[48];

		snprintf(pointer, sizeof(pointer), "/lines/%zu/%s", ret->line,
			there ? "quantity" : "no");
		return tb_refuse_at(v->op, pointer, there ? "out_of_range" : "not_sold");
	}
	return r;
}

static int
return_goods(struct reversing *v)
{
	_cleanup_recalled_ struct tb_recalled then = {};
	_cleanup_returned_ struct tb_returned back = {};
	int r = tb_passage_recall(v->op, &v->passage, &then);

	if (r >= 0)
		r = reckon_return(v, &then, &back);
	if (r != 0)
		return r;
	tb_buf_reset(&v->lines);
	write_returned(v, &then.basket.basket, &back);
	v->points = back.points;
	v->wallet = back.wallet;
	if (v->has_customer) {
		r = take_back(v, &v->customer, TB_UNIT_POINTS, back.points, "return");
		if (r >= 0)
			r = take_back(v, &v->customer, TB_UNIT_WALLET, back.wallet, "return");
	}
	if (r >= 0)
		r = uses_back(v, back.uses_back, back.n_uses);
	if (r >= 0 && back.nothing_kept)
		r = tb_coupons_revoke(v->op, v->passage.id);
	if (r >= 0)
		r = tb_store_run(v->op->store,
			"UPDATE passages SET back_points = back_points + ?2,"
			" back_wallet = back_wallet + ?3 WHERE id = ?1",
			V_INT(v->passage.id), V_INT(back.points), V_INT(back.wallet));
	return r < 0 ? r : 0;
}

/* ---- both --------------------------------------------------------------------------------- */

static int
answer(struct reversing *v, bool reversed)
{
	struct tb_jsonw w = TB_JSONW(v->op->out);
	int r = 0;

	tb_jsonw_object(&w, NULL);
	tb_id_write(&w, "passage", 'p', v->passage.id);
	tb_jsonw_string(&w, "state", reversed ? "reversed" : "posted");
	tb_jsonw_object(&w, "taken_back");
	tb_jsonw_int(&w, "points", v->points);
	tb_jsonw_int(&w, "wallet", v->wallet);
	tb_jsonw_end_object(&w);
	if (v->has_customer)
		r = tb_balances_write(v->op, &w, &v->customer);
	tb_jsonw_array(&w, "warnings");
	tb_jsonw_string(&w, NULL, v->warning);
	if (v->has_customer && (v->customer.points < 0 || v->customer.wallet < 0))
		tb_jsonw_string(&w, NULL, "negative_balance");
	tb_jsonw_end_array(&w);
	tb_jsonw_end_object(&w);
	return r < 0 ? r : tb_buf_error(v->op->out);
}

static int
record(struct reversing *v, const char *kind)
{
	int r = tb_store_run(v->op->store,
		"INSERT INTO reversals(id, passage, kind, at, by, points, wallet, lines, answer)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
		V_INT(v->id), V_INT(v->passage.id), V_TEXT(kind), V_INT(v->op->now),
		V_TEXT(tb_op_by(v->op)), V_INT(v->points), V_INT(v->wallet),
		v->lines.len ? V_TEXT_N(v->lines.data, v->lines.len) : V_TEXT("[]"),
		V_TEXT_N(v->op->out->data, v->op->out->len));

	return r < 0 ? r : 0;
}

static int
put_customer(struct reversing *v)
{
	if (!v->has_customer)
		return 0;
	return tb_customer_is_due(v->op, &v->customer) ? tb_customer_settle(v->op, &v->customer)
	                                               : tb_customer_put(v->op, &v->customer);
}

int
tb_passage_reverse(struct tb_operation *op)
{
	_cleanup_(reversing_done) struct reversing v = {.op = op};
	bool all = strcmp(tb_param_text(op, "kind"), "void") == 0, said = false;
	int r = tb_passage_find(op, &v.passage);

	if (r == 0 && v.passage.reversed && all)
		r = answer_of_void(&v, &said);
	if (r != 0 || said)
		return r;
	r = load_customer(&v);
	if (r == 0 && v.passage.reversed) {
		v.warning = "already_reversed";
		return answer(&v, true);
	}
	if (r == 0)
		r = tb_id_draw(op, &v.id);
	if (r == 0)
		r = all ? void_passage(&v) : return_goods(&v);
	if (r == 0)
		r = put_customer(&v);
	if (r == 0)
		r = answer(&v, all);
	return r == 0 ? record(&v, all ? "void" : "return") : r;
}
