/* SPDX-License-Identifier: MIT */
/*
 * customer.lookup: exactly one customer, or why not. The usual one, by card, reads one joined row
 * and writes the answer from it; everything else is asked for only where the row's flags say so.
 */

#include <stdio.h>
#include <string.h>
#include "base/text.h"
#include "plugins/loyalty/ledger/coupons.h"
#include "plugins/loyalty/ledger/customers.h"
#include "plugins/loyalty/ledger/usable.h"

#define CANDIDATES_MAX 20

/* ---- finding ------------------------------------------------------------------------------ */

/* ret_known: the number is one of ours, whatever the result. */
static int
by_card(struct tb_operation *op, const char *number, struct tb_customer *ret, bool *ret_known)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	const char *state;
	int r;

	*ret_known = false;
	r = tb_store_get(op->store, &rows,
		"SELECT " TB_CUSTOMER_COLUMNS ", k.state FROM cards k"
		" LEFT JOIN customers c ON c.id = k.customer WHERE k.number = ?1",
		V_TEXT(number));
	if (r <= 0)
		return r < 0 ? r : TB_ERROR_CUSTOMER_UNKNOWN;
	*ret_known = true;
	state = tb_rows_text(rows, TB_CUSTOMER_COLUMN_COUNT);
	if (state[0] != 'a') /* blocked, lost */
		return TB_ERROR_CARD_BLOCKED;
	if (!tb_rows_text(rows, 1))
		return TB_ERROR_CARD_UNASSIGNED;
	return tb_customer_from_rows(op, &rows, ret);
}

/* Everybody of that handle, merges followed, each once. */
static int
by_handle(struct tb_operation *op, const char *kind, const char *value, int64_t ids[CANDIDATES_MAX],
	size_t *ret_n)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	size_t n = 0;
	int r;

	r = tb_store_get(op->store, &rows,
		"SELECT h.customer FROM handles h WHERE h.value = ?1 AND h.kind = ?2 LIMIT ?3",
		V_TEXT(value), V_TEXT(kind), V_INT(CANDIDATES_MAX));
	for (; r > 0 && n < CANDIDATES_MAX; r = tb_rows_next(rows))
		ids[n++] = tb_rows_int(rows, 0);
	*ret_n = n;
	return r < 0 ? r : 0;
}

static void
write_candidate(struct tb_jsonw *w, const struct tb_customer *c)
{
	json_t *record = tb_record_parse(c);

	tb_jsonw_object(w, NULL);
	tb_id_write(w, "id", 'c', c->id);
	tb_jsonw_string(w, "first_name", json_string_value(json_object_get(record, "first_name")));
	tb_jsonw_string(w, "last_name", json_string_value(json_object_get(record, "last_name")));
	tb_jsonw_end_object(w);
	json_decref(record);
}

static int
refuse_ambiguous(struct tb_operation *op, const int64_t *ids, size_t n)
{
	struct tb_jsonw w = TB_JSONW(op->out);

	tb_buf_reset(op->out);
	tb_jsonw_object(&w, NULL);
	tb_jsonw_array(&w, "candidates");
	for (size_t i = 0; i < n; i++) {
		_cleanup_customer_ struct tb_customer c = {};
		int r = tb_customer_get(op, ids[i], &c);

		if (r < 0)
			return r;
		if (r == 0)
			write_candidate(&w, &c);
	}
	tb_jsonw_end_array(&w);
	tb_jsonw_end_object(&w);
	return TB_ERROR_CUSTOMER_AMBIGUOUS;
}

/* One of them is the customer; several are for the cashier to choose from. */
static int
the_one(struct tb_operation *op, const int64_t *ids, size_t n, struct tb_customer *ret)
{
	if (n == 0)
		return TB_ERROR_CUSTOMER_UNKNOWN;
	return n == 1 ? tb_customer_get(op, ids[0], ret) : refuse_ambiguous(op, ids, n);
}

static int
by_phone(struct tb_operation *op, const char *text, struct tb_customer *ret)
{
	_cleanup_free_ char *phone = tb_phone_e164(text, op->ledger->host->country);
	int64_t ids[CANDIDATES_MAX];
	size_t n = 0;
	int r = phone ? by_handle(op, "phone", phone, ids, &n) : 0;

	return r < 0 ? r : the_one(op, ids, n, ret);
}

static int
by_email(struct tb_operation *op, const char *text, struct tb_customer *ret)
{
	_cleanup_free_ char *email = tb_email_fold(text);
	int64_t ids[CANDIDATES_MAX];
	size_t n = 0;
	int r = email ? by_handle(op, "email", email, ids, &n) : 0;

	return r < 0 ? r : the_one(op, ids, n, ret);
}

/* TB:… as it stands, or the end of a URL …/c/<token>. The prefix is not part of the URL's. */
static int
by_token(struct tb_operation *op, const char *code, struct tb_customer *ret)
{
	const char *path = strstr(code, "/c/");
	char typed[TB_CODE_TEXT + 4], token[TB_CODE_TEXT];
	int64_t ids[CANDIDATES_MAX];
	size_t n = 0, len;
	int r;

	if (path)
		code = path + 3;
	len = strcspn(code, "?#/");
	if (strncasecmp(code, "TB:", 3) == 0)
		r = snprintf(typed, sizeof(typed), "%.*s", (int)TB_MIN(len, sizeof(typed)), code);
	else
		r = snprintf(
			typed, sizeof(typed), "TB:%.*s", (int)TB_MIN(len, sizeof(typed)), code);
	if ((size_t)r >= sizeof(typed) || !tb_code_tidy(typed, token, sizeof(token)))
		return TB_ERROR_CUSTOMER_UNKNOWN;
	r = by_handle(op, "token", token, ids, &n);
	return r < 0 ? r : the_one(op, ids, n, ret);
}

/* What another system calls him: its own name for it does not stand in the code. */
static int
by_reference(struct tb_operation *op, const char *code, struct tb_customer *ret)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	char from[140], to[140];
	int64_t ids[CANDIDATES_MAX];
	size_t n = 0;
	int r;

	if ((size_t)snprintf(from, sizeof(from), "%s\x1f", code) >= sizeof(from))
		return TB_ERROR_CUSTOMER_UNKNOWN;
	snprintf(to, sizeof(to), "%s\x20", code);
	r = tb_store_get(op->store, &rows,
		"SELECT DISTINCT customer FROM handles WHERE value > ?1 AND value < ?2 AND kind = "
		"'ref'"
		" LIMIT ?3",
		V_TEXT(from), V_TEXT(to), V_INT(CANDIDATES_MAX));
	for (; r > 0 && n < CANDIDATES_MAX; r = tb_rows_next(rows))
		ids[n++] = tb_rows_int(rows, 0);
	tb_rows_donep(&rows);
	return r < 0 ? r : the_one(op, ids, n, ret);
}

/* What was scanned or keyed: by its form, then as a card, then as whatever else a customer gives.
 */
static int
by_code(struct tb_operation *op, const char *code, struct tb_customer *ret)
{
	bool known;
	int r;

	if (strncasecmp(code, "TB:", 3) == 0 || strstr(code, "/c/"))
		return by_token(op, code, ret);
	r = by_card(op, code, ret, &known);
	if (known || r != TB_ERROR_CUSTOMER_UNKNOWN)
		return r;
	if (strncmp(code, "c_", 2) == 0)
		return tb_customer_get(op, tb_id_parse('c', code), ret);
	if (strchr(code, '@'))
		return by_email(op, code, ret);
	r = by_phone(op, code, ret);
	return r == TB_ERROR_CUSTOMER_UNKNOWN ? by_reference(op, code, ret) : r;
}

static int
find(struct tb_operation *op, struct tb_customer *ret)
{
	const char *text;
	bool known;

	if ((text = tb_param_text(op, "card")))
		return by_card(op, text, ret, &known);
	if ((text = tb_param_text(op, "code")))
		return by_code(op, text, ret);
	if ((text = tb_param_text(op, "id")))
		return tb_customer_get(op, tb_id_parse('c', text), ret);
	if ((text = tb_param_text(op, "phone")))
		return by_phone(op, text, ret);
	if ((text = tb_param_text(op, "email")))
		return by_email(op, text, ret);
	return TB_ERROR_CUSTOMER_UNKNOWN;
}

/* ---- the answer --------------------------------------------------------------------------- */

int
tb_customer_lookup(struct tb_operation *op)
{
	_cleanup_customer_ struct tb_customer c = {};
	struct tb_jsonw w = TB_JSONW(op->out);
	int r = find(op, &c);

	if (r == 0 && tb_customer_is_due(op, &c)) {
		if (!op->writing)
			return TB_MUST_WRITE;
		r = tb_customer_settle(op, &c);
	}
	if (r != 0)
		return r;
	tb_jsonw_object(&w, NULL);
	tb_jsonw_raw(&w, "customer", c.record, c.record_len);
	r = tb_balances_write(op, &w, &c);
	if (r >= 0)
		r = tb_progress_write(op, &w, &c);
	if (r >= 0)
		r = tb_usable_write(op, &w, &c);
	if (r >= 0)
		r = tb_coupons_write(op, &w, &c);
	if (c.last_passage)
		tb_jsonw_raw(&w, "last_passage", c.last_passage, c.last_passage_len);
	tb_jsonw_end_object(&w);
	return r;
}
