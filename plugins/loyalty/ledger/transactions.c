/* SPDX-License-Identifier: MIT */
/*
 * passage.list: the shop's transactions, latest first. Three streams in one order: passages with
 * the rewards they took, rewards deducted without a passage, gift cards made. The cursor is time
 * and id.
 */

#include <stdio.h>
#include <string.h>
#include "plugins/loyalty/ledger/reports.h"

struct listing {
	struct tb_operation *op;
	struct tb_jsonw w;
	struct tb_period period;
	int64_t before_at, before_id; /* what the last page ended with */
	int64_t limit;
};

static int
read_cursor(struct listing *l)
{
	const char *text = tb_param_text(l->op, "cursor");
	long long at, id;
	int end = 0;

	l->before_at = l->before_id = INT64_MAX;
	if (!text)
		return 0;
	if (sscanf(text, "%lld.%lld%n", &at, &id, &end) != 2 || text[end])
		return tb_refuse_cursor(l->op);
	l->before_at = at;
	l->before_id = id;
	return 0;
}

/* ---- one item ----------------------------------------------------------------------------- */

/* The rewards, coupons and cards that a passage or a deduction used. */
static int
write_uses(struct listing *l, const char *sql, int64_t id)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r = tb_store_get(l->op->store, &rows, sql, V_INT(id));

	tb_jsonw_array(&l->w, "uses");
	for (; r > 0; r = tb_rows_next(rows)) {
		tb_jsonw_object(&l->w, NULL);
		tb_jsonw_string(&l->w, "kind", tb_rows_text(rows, 0));
		tb_jsonw_string(&l->w, "reward", tb_rows_text(rows, 1));
		tb_jsonw_int(&l->w, "amount", tb_rows_int(rows, 2));
		tb_jsonw_int(&l->w, "points", tb_rows_int(rows, 3));
		tb_jsonw_string(&l->w, "state", tb_rows_text(rows, 4));
		tb_jsonw_end_object(&l->w);
	}
	tb_jsonw_end_array(&l->w);
	return r;
}

static int
write_passage(struct listing *l, int64_t id)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	struct tb_jsonw *w = &l->w;
	char day[TB_TIME_TEXT];
	int r = tb_store_get(l->op->store, &rows,
		"SELECT site, till, sale, business_day, occurred_at, state, customer, total, "
		"turnover,"
		" earned_points, earned_wallet FROM passages WHERE id = ?1",
		V_INT(id));

	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	tb_date_format(tb_date_from_days(tb_rows_int(rows, 3)), day);
	tb_id_write(w, "passage", 'p', id);
	tb_jsonw_string(w, "site", tb_rows_text(rows, 0));
	tb_jsonw_string(w, "till", tb_rows_text(rows, 1));
	tb_jsonw_string(w, "sale", tb_rows_text(rows, 2));
	tb_jsonw_string(w, "business_day", day);
	tb_time_write(l->op, w, "occurred_at", tb_rows_int(rows, 4));
	tb_jsonw_string(w, "state", tb_rows_text(rows, 5));
	tb_id_write(w, "customer", 'c', tb_rows_int(rows, 6));
	if (tb_rows_text(rows, 7))
		tb_jsonw_int(w, "total", tb_rows_int(rows, 7));
	tb_jsonw_int(w, "turnover", tb_rows_int(rows, 8));
	tb_jsonw_object(w, "earned");
	tb_jsonw_int(w, "points", tb_rows_int(rows, 9));
	tb_jsonw_int(w, "wallet", tb_rows_int(rows, 10));
	tb_jsonw_end_object(w);
	return write_uses(l,
		"SELECT kind, reward, amount, points, state FROM uses WHERE passage = ?1 ORDER BY "
		"id",
		id);
}

static int
write_reservation(struct listing *l, int64_t id)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	struct tb_jsonw *w = &l->w;
	int r = tb_store_get(l->op->store, &rows,
		"SELECT site, till, sale, at, customer FROM reservations WHERE id = ?1", V_INT(id));

	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	tb_id_write(w, "reservation", 'r', id);
	tb_jsonw_string(w, "site", tb_rows_text(rows, 0));
	tb_jsonw_string(w, "till", tb_rows_text(rows, 1));
	tb_jsonw_string(w, "sale", tb_rows_text(rows, 2));
	tb_time_write(l->op, w, "occurred_at", tb_rows_int(rows, 3));
	tb_id_write(w, "customer", 'c', tb_rows_int(rows, 4));
	return write_uses(l,
		"SELECT kind, reward, amount, points, state FROM uses WHERE reservation = ?1"
		" ORDER BY id",
		id);
}

static int
write_gift_card(struct listing *l, int64_t id)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	struct tb_jsonw *w = &l->w;
	int r = tb_store_get(l->op->store, &rows,
		"SELECT site, till, number, amount, created_at FROM gift_cards WHERE id = ?1",
		V_INT(id));

	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	tb_jsonw_string(w, "site", tb_rows_text(rows, 0));
	tb_jsonw_string(w, "till", tb_rows_text(rows, 1));
	tb_jsonw_string(w, "number", tb_rows_text(rows, 2));
	tb_jsonw_int(w, "amount", tb_rows_int(rows, 3));
	tb_time_write(l->op, w, "occurred_at", tb_rows_int(rows, 4));
	return 0;
}

static int
write_item(struct listing *l, const char *kind, int64_t id)
{
	int r;

	tb_jsonw_object(&l->w, NULL);
	tb_jsonw_string(&l->w, "kind", kind);
	if (kind[0] == 'p')
		r = write_passage(l, id);
	else
		r = kind[0] == 'r' ? write_reservation(l, id) : write_gift_card(l, id);
	tb_jsonw_end_object(&l->w);
	return r;
}

/* ---- the list ----------------------------------------------------------------------------- */

#define WINDOW(at) at " >= ?1 AND " at " < ?2 AND (" at ", id) < (?3, ?4)"

static int
write_items(struct listing *l, char cursor[64])
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int64_t n = 0, at = 0, id = 0;
	const char *till = tb_param_text(l->op, "till");
	int r = tb_store_get(l->op->store, &rows,
		"SELECT * FROM ("
		"SELECT 'passage' AS kind, id, occurred_at AS at FROM passages"
		" WHERE " WINDOW(
			"occurred_at") " AND (?5 IS NULL OR till = ?5)"
				       " UNION ALL SELECT 'reward', id, at FROM reservations"
				       " WHERE state = 'committed' AND passage IS NULL AND " WINDOW(
					       "at") " AND (?5 IS NULL OR till = ?5)"
						     " UNION ALL SELECT 'gift_card', id, "
						     "created_at FROM gift_cards"
						     " WHERE " WINDOW(
							     "created_at") " AND (?5 IS NULL OR "
									   "till = ?5)"
									   ") AS items ORDER BY at "
									   "DESC, id DESC LIMIT ?6",
		V_INT(l->period.from), V_INT(l->period.to), V_INT(l->before_at),
		V_INT(l->before_id), V_TEXT(till), V_INT(l->limit + 1));

	for (; r > 0 && n < l->limit; n++, r = tb_rows_next(rows)) {
		int e;

		id = tb_rows_int(rows, 1);
		at = tb_rows_int(rows, 2);
		e = write_item(l, tb_rows_text(rows, 0), id);
		if (e < 0)
			return e;
	}
	if (r > 0)
		snprintf(cursor, 64, "%lld.%lld", (long long)at, (long long)id);
	return r < 0 ? r : 0;
}

int
tb_passage_list(struct tb_operation *op)
{
	struct listing l = {.op = op, .w = TB_JSONW(op->out), .limit = tb_param_limit(op)};
	char cursor[64] = "";
	int r = tb_period_read(op, &l.period);

	if (r == 0)
		r = read_cursor(&l);
	if (r != 0)
		return r;
	tb_jsonw_object(&l.w, NULL);
	tb_jsonw_array(&l.w, "passages");
	r = write_items(&l, cursor);
	tb_jsonw_end_array(&l.w);
	if (*cursor)
		tb_jsonw_string(&l.w, "cursor", cursor);
	tb_jsonw_end_object(&l.w);
	return r;
}
