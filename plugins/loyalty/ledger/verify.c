/* SPDX-License-Identifier: MIT */
/*
 * ledger.verify: every sum that a row keeps is proven from the entries and passages behind it. In
 * chunks by customer id; the last chunk has the gift cards too, and no cursor.
 */

#include <stdio.h>
#include <string.h>
#include "plugins/loyalty/ledger/account.h"

#define ACCOUNTS_MAX \
	5000 /* customers of one chunk, two accounts each: the loop waits meanwhile \
	      */

struct verifying {
	struct tb_operation *op;
	struct tb_jsonw *w;
	int64_t accounts, entries, differences;
};

static void
differ(struct verifying *v, char kind, int64_t id, const char *what, int64_t kept, int64_t proven)
{
	if (kept == proven)
		return;
	v->differences++;
	tb_jsonw_object(v->w, NULL);
	tb_id_write(v->w, kind == 'c' ? "customer" : "gift_card", kind, id);
	tb_jsonw_string(v->w, "what", what);
	tb_jsonw_int(v->w, "kept", kept);
	tb_jsonw_int(v->w, "proven", proven);
	tb_jsonw_end_object(v->w);
}

/* The end of this chunk: the id of its last customer, 0 when there is none beyond `after`. */
static int
chunk_end(struct tb_operation *op, int64_t after, int64_t *ret, bool *ret_more)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r;

	*ret = 0;
	*ret_more = false;
	r = tb_store_get(op->store, &rows,
		"SELECT MAX(id), COUNT(*) FROM"
		" (SELECT id FROM customers WHERE id > ?1 ORDER BY id LIMIT ?2) AS chunk",
		V_INT(after), V_INT(ACCOUNTS_MAX));
	if (r <= 0)
		return r;
	*ret = tb_rows_int(rows, 0);
	*ret_more = tb_rows_int(rows, 1) == ACCOUNTS_MAX;
	return 0;
}

#define SUM_IF(kinds, unit) \
	"COALESCE(SUM(CASE WHEN e.kind " kinds " ('hold', 'release') AND e.unit = '" unit \
	"' THEN e.delta ELSE 0 END), 0)"

/* One statement walks customers and their entries side by side; each is proven as it comes. */
static int
verify_accounts(struct verifying *v, int64_t after, int64_t last)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r = tb_store_get(v->op->store, &rows,
		"SELECT c.id, c.points, c.points_held, c.wallet, c.wallet_held, COUNT(e.seq),"
		" " SUM_IF("NOT IN", "points") ", " SUM_IF("IN", "points") ", " SUM_IF(
			"NOT IN", "wallet") ", " SUM_IF("IN",
			"wallet") " FROM customers c LEFT JOIN entries e ON e.customer = c.id"
				  " WHERE c.id > ?1 AND c.id <= ?2 GROUP BY c.id ORDER BY c.id",
		V_INT(after), V_INT(last));

	for (; r > 0; r = tb_rows_next(rows)) {
		int64_t id = tb_rows_int(rows, 0);

		v->accounts++;
		v->entries += tb_rows_int(rows, 5);
		differ(v, 'c', id, "points", tb_rows_int(rows, 1), tb_rows_int(rows, 6));
		differ(v, 'c', id, "points_held", tb_rows_int(rows, 2), -tb_rows_int(rows, 7));
		differ(v, 'c', id, "wallet", tb_rows_int(rows, 3), tb_rows_int(rows, 8));
		differ(v, 'c', id, "wallet_held", tb_rows_int(rows, 4), -tb_rows_int(rows, 9));
	}
	return r;
}

static int
verify_passages(struct verifying *v, int64_t after, int64_t last)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r = tb_store_get(v->op->store, &rows,
		"SELECT c.id, c.passages, c.counted, COUNT(p.id), COALESCE(SUM(p.counted), 0)"
		" FROM customers c LEFT JOIN passages p ON p.customer = c.id AND p.state = 'posted'"
		" WHERE c.id > ?1 AND c.id <= ?2 GROUP BY c.id",
		V_INT(after), V_INT(last));

	for (; r > 0; r = tb_rows_next(rows)) {
		differ(v, 'c', tb_rows_int(rows, 0), "passages", tb_rows_int(rows, 1),
			tb_rows_int(rows, 3));
		differ(v, 'c', tb_rows_int(rows, 0), "counted", tb_rows_int(rows, 2),
			tb_rows_int(rows, 4));
	}
	return r;
}

/* Lots hold no more than the balance, none less than nothing, and what is frozen is held. */
static int
verify_lots(struct verifying *v, int64_t after, int64_t last)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r = tb_store_get(v->op->store, &rows,
		"SELECT c.id, c.points, c.points_held, SUM(l.remaining), SUM(l.held),"
		" MIN(l.remaining), MIN(l.held), MIN(l.remaining - l.held)"
		" FROM lots l JOIN customers c ON c.id = l.customer"
		" WHERE l.customer > ?1 AND l.customer <= ?2 AND l.remaining > 0 GROUP BY c.id",
		V_INT(after), V_INT(last));

	for (; r > 0; r = tb_rows_next(rows)) {
		int64_t id = tb_rows_int(rows, 0),
			points = TB_MAX(tb_rows_int(rows, 1), INT64_C(0));
		int64_t lots = tb_rows_int(rows, 3), held = tb_rows_int(rows, 4);

		differ(v, 'c', id, "lots", TB_MIN(points, lots), lots);
		differ(v, 'c', id, "lots_held", TB_MIN(tb_rows_int(rows, 2), held), held);
		for (int column = 5; column <= 7; column++)
			differ(v, 'c', id, "lot_below_zero",
				TB_MAX(tb_rows_int(rows, column), INT64_C(0)),
				tb_rows_int(rows, column));
	}
	return r;
}

static int
verify_gift_cards(struct verifying *v)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r = tb_store_get(v->op->store, &rows,
		"SELECT g.id, g.balance, g.held, COUNT(e.seq),"
		" COALESCE(SUM(CASE WHEN e.kind NOT IN ('hold', 'release') THEN e.delta ELSE 0 "
		"END),"
		" 0), COALESCE(SUM(CASE WHEN e.kind IN ('hold', 'release') THEN e.delta ELSE 0 "
		"END),"
		" 0) FROM gift_cards g LEFT JOIN gift_entries e ON e.gift_card = g.id GROUP BY "
		"g.id");

	for (; r > 0; r = tb_rows_next(rows)) {
		int64_t id = tb_rows_int(rows, 0);

		v->accounts++;
		v->entries += tb_rows_int(rows, 3);
		differ(v, 'g', id, "balance", tb_rows_int(rows, 1), tb_rows_int(rows, 4));
		differ(v, 'g', id, "held", tb_rows_int(rows, 2), -tb_rows_int(rows, 5));
	}
	return r;
}

int
tb_ledger_verify(struct tb_operation *op)
{
	struct tb_jsonw w = TB_JSONW(op->out);
	struct verifying v = {.op = op, .w = &w};
	int64_t after, last;
	char cursor[24];
	bool more;
	int r = tb_param_cursor(op, 0, &after);

	if (r == 0)
		r = chunk_end(op, after, &last, &more);
	if (r != 0)
		return r;
	tb_jsonw_object(&w, NULL);
	tb_jsonw_array(&w, "differences");
	if (last) {
		r = verify_accounts(&v, after, last);
		if (r >= 0)
			r = verify_passages(&v, after, last);
		if (r >= 0)
			r = verify_lots(&v, after, last);
	}
	if (r >= 0 && !more)
		r = verify_gift_cards(&v);
	tb_jsonw_end_array(&w);
	tb_jsonw_int(&w, "accounts", v.accounts);
	tb_jsonw_int(&w, "entries", v.entries);
	tb_jsonw_bool(&w, "ok", v.differences == 0);
	if (more) {
		snprintf(cursor, sizeof(cursor), "%lld", (long long)last);
		tb_jsonw_string(&w, "cursor", cursor);
	}
	tb_jsonw_end_object(&w);
	return r;
}
