/* SPDX-License-Identifier: MIT */
/* Issuing, finding and showing coupons. When one is due is the rules' to say. */

#include "plugins/loyalty/ledger/coupons.h"

#include <stdio.h>
#include <string.h>

#define CODE_PREFIX "TBC-"
#define CODE_SYMBOLS 13 /* of an alphabet of 30: 63 bits */

void
tb_coupon_row_done(struct tb_coupon_row *row)
{
	free(row->reward);
	free(row->title);
	row->reward = row->title = NULL;
}

int
tb_coupon_find(
	struct tb_operation *op, const char *code, struct tb_coupon_row *ret, bool *ret_there)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	struct tb_coupon_row row = {};
	int r;

	*ret_there = false;
	if (!tb_code_tidy(code, row.code, sizeof(row.code)))
		return 0;
	r = tb_store_get(op->store, &rows,
		"SELECT id, customer, held_by, uses_left, valid_to, printed_at, state, reward, "
		"title"
		" FROM coupons WHERE code = ?1",
		V_TEXT(row.code));
	if (r <= 0)
		return r;
	row.id = tb_rows_int(rows, 0);
	row.customer = tb_rows_int(rows, 1);
	row.held_by = tb_rows_int(rows, 2);
	row.uses_left = tb_rows_int(rows, 3);
	row.valid_to = tb_rows_text(rows, 4) ? tb_rows_int(rows, 4) : TB_TIME_NONE;
	row.printed_at = tb_rows_int(rows, 5);
	row.revoked = strcmp(tb_rows_text(rows, 6), "revoked") == 0;
	row.reward = strdup(tb_rows_text(rows, 7));
	row.title = strdup(tb_rows_text(rows, 8));
	*ret = row;
	*ret_there = true;
	return row.reward && row.title ? 0 : -ENOMEM;
}

/* ---- issuing ------------------------------------------------------------------------------ */

struct issued {
	char code[TB_CODE_TEXT];
	const char *title;
	int64_t valid_to;
};

/* valid_to TB_TIME_NONE: as the rule says. */
static int
issue(struct tb_operation *op, const struct tb_program *program, const struct tb_coupon_rule *rule,
	struct tb_customer *c, int64_t passage, const int64_t *valid_to, struct issued *ret)
{
	const struct tb_reward *reward = tb_program_reward(program, rule->reward);
	int64_t id;
	int r;

	if (!reward)
		return -EBADMSG;
	ret->title = reward->title;
	ret->valid_to = valid_to ? *valid_to : tb_rules_coupon_valid_to(program, rule, op->now);
	r = tb_id_draw(op, &id);
	if (r >= 0)
		r = tb_code_draw(CODE_PREFIX, CODE_SYMBOLS, ret->code);
	if (r < 0)
		return r;
	if (c)
		c->flags |= TB_CUSTOMER_COUPONS;
	r = tb_store_run(op->store,
		"INSERT INTO coupons(id, code, rule, reward, title, customer, state, uses_left,"
		" valid_to, issued_at, passage)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, 'live', 1, ?7, ?8, ?9)",
		V_INT(id), V_TEXT(ret->code), V_TEXT(rule->id), V_TEXT(reward->id),
		V_TEXT(reward->title), V_ID(c ? c->id : 0),
		ret->valid_to == TB_TIME_NONE ? V_NONE : V_INT(ret->valid_to), V_INT(op->now),
		V_ID(passage));
	return r < 0 ? r : 0;
}

/* code, title, valid_to of an object that is open. */
static void
write_issued(struct tb_operation *op, struct tb_jsonw *w, const struct issued *coupon)
{
	tb_jsonw_string(w, "code", coupon->code);
	tb_jsonw_string(w, "title", coupon->title);
	if (coupon->valid_to != TB_TIME_NONE)
		tb_time_write(op, w, "valid_to", coupon->valid_to);
}

/* How often this rule gave him one, and when last. */
static int
load_facts(struct tb_operation *op, const struct tb_customer *c, const char *rule,
	struct tb_coupon_facts *facts)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r;

	if (!(c->flags & TB_CUSTOMER_COUPONS))
		return 0;
	r = tb_store_get(op->store, &rows,
		"SELECT COUNT(*), MAX(issued_at) FROM coupons"
		" WHERE customer = ?1 AND rule = ?2 AND state <> 'revoked'",
		V_INT(c->id), V_TEXT(rule));
	if (r <= 0)
		return r;
	facts->issued = tb_rows_int(rows, 0);
	if (facts->issued > 0)
		facts->last_issued_us = tb_rows_int(rows, 1);
	return 0;
}

/*
 * How often he had reached N before the rule first looked at him, kept beside what he had of
 * rewards: who comes for years does not get all at once when a shop begins with coupons.
 */
static int
load_before(struct tb_operation *op, struct tb_customer *c, const struct tb_coupon_rule *rule,
	struct tb_coupon_facts *facts)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	_cleanup_free_ char *name = NULL;
	int r;

	if (asprintf(&name, "coupon\x1f%s", rule->id) < 0)
		return -ENOMEM;
	r = tb_store_get(op->store, &rows,
		"SELECT taken FROM reward_counts WHERE customer = ?1 AND reward = ?2", V_INT(c->id),
		V_TEXT(name));
	if (r > 0)
		facts->before = tb_rows_int(rows, 0);
	if (r != 0)
		return r < 0 ? r : 0;
	/* what he has been given is counted apart: a ledger may have had the rule before this count
	 */
	facts->before = rule->n > 0 ? (facts->counted - 1) / rule->n - facts->issued : 0;
	facts->before = TB_MAX(facts->before, INT64_C(0));
	c->flags |= TB_CUSTOMER_COUNTS;
	r = tb_store_run(op->store,
		"INSERT INTO reward_counts(customer, reward, taken, held, welcome)"
		" VALUES(?1, ?2, ?3, 0, 0)",
		V_INT(c->id), V_TEXT(name), V_INT(facts->before));
	return r < 0 ? r : 0;
}

int
tb_coupons_begin(struct tb_operation *op, struct tb_customer *c)
{
	const struct tb_program *program = tb_program_now(op->ledger)->program;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < program->n_coupons; i++) {
		/* as at his next passage */
		struct tb_coupon_facts facts = {.counted = c->counted + 1};

		if (program->coupons[i].on != TB_COUPON_EVERY_N)
			continue;
		r = load_facts(op, c, program->coupons[i].id, &facts);
		if (r >= 0)
			r = load_before(op, c, &program->coupons[i], &facts);
	}
	return r;
}

static struct tb_coupon_facts
facts_of(const struct tb_operation *op, const struct tb_customer *c)
{
	struct tb_coupon_facts facts = {
		.counted = c->counted,
		.last_issued_us = TB_TIME_NONE,
		.last_passage_us = c->last_at ? c->last_at : TB_TIME_NONE,
		.has_birthday = c->has_birthday,
		.now_us = op->now,
	};

	if (c->has_birthday)
		facts.birthday = tb_date_from_days(c->birthday);
	return facts;
}

/* Issues what one rule owes; each is written into w when it is not NULL. */
static int
issue_due(struct tb_operation *op, const struct tb_program *program,
	const struct tb_coupon_rule *rule, struct tb_customer *c,
	const struct tb_coupon_facts *common, int64_t passage, struct tb_jsonw *w)
{
	struct tb_coupon_facts facts = *common;
	int64_t due;
	int r = load_facts(op, c, rule->id, &facts);

	if (r >= 0 && rule->on == TB_COUPON_EVERY_N)
		r = load_before(op, c, rule, &facts);
	if (r < 0)
		return r;
	due = tb_rules_coupons_due(program, rule, &facts);
	for (int64_t i = 0; i < due; i++) {
		struct issued coupon;

		r = issue(op, program, rule, c, passage, NULL, &coupon);
		if (r < 0)
			return r;
		if (!w)
			continue;
		tb_jsonw_object(w, NULL);
		write_issued(op, w, &coupon);
		tb_jsonw_end_object(w);
		op->coupons++;
	}
	return 0;
}

int
tb_coupons_issue_dated(struct tb_operation *op, struct tb_customer *c)
{
	const struct tb_program *program = tb_program_now(op->ledger)->program;
	struct tb_coupon_facts facts = facts_of(op, c);
	int r = 0;

	for (size_t i = 0; r >= 0 && i < program->n_coupons; i++) {
		const struct tb_coupon_rule *rule = &program->coupons[i];

		if (rule->on == TB_COUPON_BEFORE_BIRTHDAY || rule->on == TB_COUPON_UNSEEN)
			r = issue_due(op, program, rule, c, &facts, 0, NULL);
	}
	return r;
}

int
tb_coupons_issue_earned(struct tb_operation *op, struct tb_customer *c, int64_t passage,
	bool counted, struct tb_jsonw *w)
{
	const struct tb_program_version *v = tb_program_now(op->ledger);
	struct tb_coupon_facts facts;
	int r = 0;

	tb_jsonw_array(w, "coupons");
	if (c && counted && v->has_every_n_coupons) {
		facts = facts_of(op, c);
		for (size_t i = 0; r >= 0 && i < v->program->n_coupons; i++)
			if (v->program->coupons[i].on == TB_COUPON_EVERY_N)
				r = issue_due(op, v->program, &v->program->coupons[i], c, &facts,
					passage, w);
	}
	tb_jsonw_end_array(w);
	return r;
}

int
tb_coupons_revoke(struct tb_operation *op, int64_t passage)
{
	int r = tb_store_run(op->store,
		"UPDATE coupons SET state = 'revoked', uses_left = 0 WHERE passage = ?1"
		" AND state = 'live'",
		V_INT(passage));

	return r < 0 ? r : 0;
}

/* ---- what is shown ------------------------------------------------------------------------ */

int
tb_coupons_write(struct tb_operation *op, struct tb_jsonw *w, const struct tb_customer *c)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r = 0;

	tb_jsonw_array(w, "coupons");
	if (c->flags & TB_CUSTOMER_COUPONS)
		r = tb_store_get(op->store, &rows,
			"SELECT code, reward, title, uses_left, valid_to, printed_at FROM coupons"
			" WHERE customer = ?1 AND state = 'live' AND uses_left > 0"
			" AND (valid_to IS NULL OR valid_to > ?2) ORDER BY id",
			V_INT(c->id), V_INT(op->now));
	for (; r > 0; r = tb_rows_next(rows)) {
		tb_jsonw_object(w, NULL);
		tb_jsonw_string(w, "code", tb_rows_text(rows, 0));
		tb_jsonw_string(w, "reward", tb_rows_text(rows, 1));
		tb_jsonw_string(w, "title", tb_rows_text(rows, 2));
		tb_jsonw_int(w, "uses_left", tb_rows_int(rows, 3));
		if (tb_rows_text(rows, 4))
			tb_time_write(op, w, "valid_to", tb_rows_int(rows, 4));
		if (tb_rows_text(rows, 5))
			tb_time_write(op, w, "printed_at", tb_rows_int(rows, 5));
		tb_jsonw_end_object(w);
	}
	tb_jsonw_end_array(w);
	return r;
}

/* ---- what is asked of coupons -------------------------------------------------------------- */

static int
find_or_refuse(struct tb_operation *op, struct tb_coupon_row *ret)
{
	bool there;
	int r = tb_coupon_find(op, tb_param_text(op, "code"), ret, &there);

	if (r < 0)
		return r;
	return there ? 0 : tb_refuse(op, TB_ERROR_COUPON_UNKNOWN);
}

int
tb_coupon_check(struct tb_operation *op)
{
	_cleanup_coupon_row_ struct tb_coupon_row row = {};
	struct tb_jsonw w = TB_JSONW(op->out);
	int r = find_or_refuse(op, &row);

	if (r != 0)
		return r;
	if (row.revoked || (row.valid_to != TB_TIME_NONE && op->now >= row.valid_to))
		return tb_refuse(op, TB_ERROR_COUPON_EXPIRED);
	if (row.uses_left <= 0)
		return tb_refuse(op, TB_ERROR_COUPON_USED);
	tb_jsonw_object(&w, NULL);
	tb_jsonw_string(&w, "code", row.code);
	tb_jsonw_string(&w, "reward", row.reward);
	tb_jsonw_string(&w, "title", row.title);
	tb_jsonw_int(&w, "uses_left", row.uses_left);
	if (row.valid_to != TB_TIME_NONE)
		tb_time_write(op, &w, "valid_to", row.valid_to);
	tb_id_write(&w, "customer", 'c', row.customer);
	if (row.printed_at)
		tb_time_write(op, &w, "printed_at", row.printed_at);
	tb_jsonw_end_object(&w);
	return 0;
}

static int
read_valid_to(struct tb_operation *op, int64_t *ret, bool *ret_given)
{
	const char *text = tb_param_text(op, "valid_to");

	*ret_given = text != NULL;
	if (!text)
		return 0;
	if (tb_window_time(tb_shop_zone(op->ledger), text, ret) < 0)
		return tb_refuse_at(op, "/valid_to", "bad_time");
	return *ret <= op->now ? tb_refuse_at(op, "/valid_to", "past") : 0;
}

int
tb_coupon_issue(struct tb_operation *op)
{
	const struct tb_program *program = tb_program_now(op->ledger)->program;
	const struct tb_coupon_rule *rule = tb_program_coupon_rule(
		program, tb_param_text(op, "rule"));
	_cleanup_customer_ struct tb_customer c = {};
	struct tb_jsonw w = TB_JSONW(op->out);
	struct issued coupon;
	bool bound, dated;
	int64_t valid_to;
	int r;

	if (!rule)
		return tb_refuse_at(op, "/rule", "unknown");
	if (rule->on != TB_COUPON_BY_HAND)
		return tb_refuse_at(op, "/rule", "not_by_hand");
	r = read_valid_to(op, &valid_to, &dated);
	if (r == 0)
		r = tb_customer_param(op, "customer", &c, &bound);
	if (r == 0)
		r = issue(
			op, program, rule, bound ? &c : NULL, 0, dated ? &valid_to : NULL, &coupon);
	if (r == 0 && bound)
		r = tb_customer_put(op, &c);
	if (r != 0)
		return r;
	tb_jsonw_object(&w, NULL);
	write_issued(op, &w, &coupon);
	tb_jsonw_end_object(&w);
	return 0;
}

int
tb_coupon_printed(struct tb_operation *op)
{
	_cleanup_coupon_row_ struct tb_coupon_row row = {};
	struct tb_jsonw w = TB_JSONW(op->out);
	int r = find_or_refuse(op, &row);

	if (r != 0)
		return r;
	/* The first print's: what comes later is a reprint. */
	if (!row.printed_at) {
		row.printed_at = op->now;
		r = tb_store_run(op->store, "UPDATE coupons SET printed_at = ?2 WHERE id = ?1",
			V_INT(row.id), V_INT(op->now));
		if (r < 0)
			return r;
	}
	tb_jsonw_object(&w, NULL);
	tb_jsonw_string(&w, "code", row.code);
	tb_time_write(op, &w, "printed_at", row.printed_at);
	tb_jsonw_end_object(&w);
	return 0;
}

/* What the bridge asks at its start: it may have died between a passage and the print jobs of its
 * coupons. Another till prints its own. */
int
tb_coupon_unprinted(struct tb_operation *op)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	struct tb_jsonw w = TB_JSONW(op->out);
	const char *text = tb_param_text(op, "since");
	int64_t since;
	int offset, r;

	if (!text || tb_time_parse(text, &since, &offset) < 0)
		return tb_refuse_at(op, "/since", "bad_time");
	tb_jsonw_object(&w, NULL);
	tb_jsonw_array(&w, "coupons");
	r = tb_store_get(op->store, &rows,
		"SELECT k.code, k.title, k.valid_to, k.customer"
		" FROM coupons k JOIN passages p ON p.id = k.passage"
		" WHERE k.id >= ?1 AND p.site = ?2 AND p.till = ?3 AND k.state = 'live'"
		" AND k.uses_left > 0 AND k.printed_at IS NULL"
		" AND (k.valid_to IS NULL OR k.valid_to > ?4) ORDER BY k.id LIMIT ?5",
		V_INT(tb_id_at(since)), V_TEXT(op->call->caller.site),
		V_TEXT(op->call->caller.till), V_INT(op->now), V_INT(TB_PAGE_MAX));
	for (; r > 0; r = tb_rows_next(rows)) {
		tb_jsonw_object(&w, NULL);
		tb_jsonw_string(&w, "code", tb_rows_text(rows, 0));
		tb_jsonw_string(&w, "title", tb_rows_text(rows, 1));
		if (tb_rows_text(rows, 2))
			tb_time_write(op, &w, "valid_to", tb_rows_int(rows, 2));
		tb_id_write(&w, "customer", 'c', tb_rows_int(rows, 3));
		tb_jsonw_end_object(&w);
	}
	tb_jsonw_end_array(&w);
	tb_jsonw_end_object(&w);
	return r;
}
