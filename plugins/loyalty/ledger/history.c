/* SPDX-License-Identifier: MIT */
/* customer.history, and customer.export: all that is kept of one person. */

#include <stdio.h>
#include <string.h>
#include "plugins/loyalty/ledger/customers.h"

#define ENTRY_COLUMNS \
	"seq, unit, kind, delta, passage, sale, reward, at, received_at, by, reason, reservation"

static void
write_entry(struct tb_operation *op, struct tb_jsonw *w, struct tb_rows *rows)
{
	tb_jsonw_object(w, NULL);
	tb_jsonw_int(w, "seq", tb_rows_int(rows, 0));
	tb_jsonw_string(w, "unit", tb_rows_text(rows, 1));
	tb_jsonw_string(w, "kind", tb_rows_text(rows, 2));
	tb_jsonw_int(w, "delta", tb_rows_int(rows, 3));
	tb_id_write(w, "passage", 'p', tb_rows_int(rows, 4));
	tb_jsonw_string(w, "sale", tb_rows_text(rows, 5));
	tb_jsonw_string(w, "reward", tb_rows_text(rows, 6));
	tb_time_write(op, w, "at", tb_rows_int(rows, 7));
	tb_time_write(op, w, "received_at", tb_rows_int(rows, 8));
	tb_jsonw_string(w, "by", tb_rows_text(rows, 9));
	tb_jsonw_string(w, "reason", tb_rows_text(rows, 10));
	tb_id_write(w, "reservation", 'r', tb_rows_int(rows, 11));
	tb_jsonw_end_object(w);
}

static int
write_history(struct tb_operation *op, struct tb_jsonw *w, int64_t customer, int64_t before)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int64_t limit = tb_param_int(op, "limit", TB_PAGE_MAX), n = 0, last = 0;
	char cursor[24];
	int r;

	limit = TB_MAX(INT64_C(1), TB_MIN(limit, (int64_t)TB_PAGE_MAX));
	tb_jsonw_array(w, "entries");
	r = tb_store_get(op->store, &rows,
		"SELECT " ENTRY_COLUMNS " FROM entries WHERE customer = ?1 AND seq < ?2"
		" ORDER BY seq DESC LIMIT ?3",
		V_INT(customer), V_INT(before), V_INT(limit + 1));
	for (; r > 0 && n < limit; n++, r = tb_rows_next(rows)) {
		last = tb_rows_int(rows, 0);
		write_entry(op, w, rows);
	}
	tb_jsonw_end_array(w);
	if (r > 0) {
		snprintf(cursor, sizeof(cursor), "%lld", (long long)last);
		tb_jsonw_string(w, "cursor", cursor);
	}
	return r < 0 ? r : 0;
}

/* The customer of the parameter id, up to date. */
static int
load(struct tb_operation *op, struct tb_customer *ret)
{
	bool given;
	int r = tb_customer_param(op, "id", ret, &given);

	if (r != 0 || !tb_customer_is_due(op, ret))
		return r;
	return op->writing ? tb_customer_settle(op, ret) : TB_MUST_WRITE;
}

int
tb_customer_history(struct tb_operation *op)
{
	_cleanup_customer_ struct tb_customer c = {};
	struct tb_jsonw w = TB_JSONW(op->out);
	int64_t before;
	int r = tb_param_cursor(op, INT64_MAX, &before);

	if (r == 0)
		r = load(op, &c);
	if (r != 0)
		return r;
	tb_jsonw_object(&w, NULL);
	r = write_history(op, &w, c.id, before);
	tb_jsonw_end_object(&w);
	return r;
}

/* ---- customer.export ---------------------------------------------------------------------- */

/*
 * All that is kept of one person, a page at a time: the lists that grow with every visit go by
 * their ids, newest first, and the cursor says where each of them stands.
 */
struct exporting {
	struct tb_operation *op;
	struct tb_jsonw w;
	int64_t customer, limit;
	int64_t before[3]; /* entries, passages, reservations */
	bool more;
};

#define EXPORT_BYTES (512 << 10) /* of one answer: a passage may hold a long ticket */
/* Entries and reservations of those who were merged into him are his, too. */
#define HIS "(SELECT ?1 UNION SELECT id FROM customers WHERE merged_into = ?1)"

typedef void (*row_fn)(struct tb_operation *op, struct tb_jsonw *w, struct tb_rows *rows);

/* Rows of one table under a member, each as the JSON that `row` writes; the first column is the id.
 */
static int
export_list(struct exporting *e, const char *member, const char *sql, int64_t *before, row_fn row)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int64_t n = 0;
	int r = tb_store_get(
		e->op->store, &rows, sql, V_INT(e->customer), V_INT(*before), V_INT(e->limit + 1));

	tb_jsonw_array(&e->w, member);
	for (; r > 0 && n < e->limit && e->op->out->len < EXPORT_BYTES; r = tb_rows_next(rows)) {
		*before = tb_rows_int(rows, 0);
		row(e->op, &e->w, rows);
		n++;
	}
	tb_jsonw_end_array(&e->w);
	e->more |= r > 0;
	return r < 0 ? r : 0;
}

static void
export_passage(struct tb_operation *op, struct tb_jsonw *w, struct tb_rows *rows)
{
	char day[TB_TIME_TEXT];
	const char *body;
	size_t len;

	tb_date_format(tb_date_from_days(tb_rows_int(rows, 3)), day);
	tb_jsonw_object(w, NULL);
	tb_id_write(w, "passage", 'p', tb_rows_int(rows, 0));
	tb_jsonw_string(w, "site", tb_rows_text(rows, 1));
	tb_jsonw_string(w, "sale", tb_rows_text(rows, 2));
	tb_jsonw_string(w, "business_day", day);
	tb_time_write(op, w, "occurred_at", tb_rows_int(rows, 4));
	tb_jsonw_string(w, "state", tb_rows_text(rows, 5));
	body = tb_rows_text_n(rows, 6, &len);
	tb_jsonw_raw(w, "content", body, len);
	tb_jsonw_end_object(w);
}

static void
export_reservation(struct tb_operation *op, struct tb_jsonw *w, struct tb_rows *rows)
{
	tb_jsonw_object(w, NULL);
	tb_id_write(w, "reservation", 'r', tb_rows_int(rows, 0));
	tb_jsonw_string(w, "sale", tb_rows_text(rows, 1));
	tb_jsonw_string(w, "state", tb_rows_text(rows, 2));
	tb_time_write(op, w, "at", tb_rows_int(rows, 3));
	tb_jsonw_end_object(w);
}

static void
export_coupon(struct tb_operation *op, struct tb_jsonw *w, struct tb_rows *rows)
{
	tb_jsonw_object(w, NULL);
	tb_jsonw_string(w, "code", tb_rows_text(rows, 0));
	tb_jsonw_string(w, "title", tb_rows_text(rows, 1));
	tb_jsonw_string(w, "state", tb_rows_text(rows, 2));
	tb_time_write(op, w, "issued_at", tb_rows_int(rows, 3));
	tb_jsonw_end_object(w);
}

static void
export_gift_card(struct tb_operation *op, struct tb_jsonw *w, struct tb_rows *rows)
{
	tb_jsonw_object(w, NULL);
	tb_jsonw_string(w, "number", tb_rows_text(rows, 0));
	tb_jsonw_int(w, "balance", tb_rows_int(rows, 1));
	tb_jsonw_string(w, "buyer", tb_rows_text(rows, 2));
	tb_jsonw_string(w, "beneficiary", tb_rows_text(rows, 3));
	tb_jsonw_string(w, "message", tb_rows_text(rows, 4));
	tb_jsonw_end_object(w);
}

/* A list that stands whole on the first page. */
static int
export_all(
	struct exporting *e, const char *member, const char *sql, struct tb_value who, row_fn row)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r = tb_store_get(e->op->store, &rows, sql, who);

	tb_jsonw_array(&e->w, member);
	for (; r > 0; r = tb_rows_next(rows))
		row(e->op, &e->w, rows);
	tb_jsonw_end_array(&e->w);
	return r;
}

/* Who he is and what he holds now. */
static int
export_person(struct exporting *e, const struct tb_customer *c)
{
	char id[TB_ID_TEXT];
	int r;

	tb_jsonw_raw(&e->w, "customer", c->record, c->record_len);
	r = tb_balances_write(e->op, &e->w, c);
	if (r >= 0)
		r = tb_progress_write(e->op, &e->w, c);
	if (r >= 0)
		r = export_all(e, "coupons",
			"SELECT code, title, state, issued_at FROM coupons WHERE customer = ?1"
			" ORDER BY id",
			V_INT(c->id), export_coupon);
	if (r >= 0)
		r = export_all(e, "gift_cards",
			"SELECT number, balance, buyer, beneficiary, message FROM gift_cards"
			" WHERE buyer = ?1 OR beneficiary = ?1",
			V_TEXT(tb_id_format('c', c->id, id)), export_gift_card);
	return r;
}

static int
export_lists(struct exporting *e)
{
	int r = export_list(e, "entries",
		"SELECT " ENTRY_COLUMNS " FROM entries WHERE customer IN " HIS
		" AND seq < ?2 ORDER BY seq DESC LIMIT ?3",
		&e->before[0], write_entry);

	if (r >= 0)
		r = export_list(e, "passages",
			"SELECT id, site, sale, business_day, occurred_at, state, body FROM "
			"passages WHERE customer = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
			&e->before[1], export_passage);
	if (r >= 0)
		r = export_list(e, "reservations",
			"SELECT id, sale, state, at FROM reservations WHERE customer IN " HIS
			" AND id < ?2 ORDER BY id DESC LIMIT ?3",
			&e->before[2], export_reservation);
	return r;
}

static int
read_export_cursor(struct exporting *e)
{
	const char *text = tb_param_text(e->op, "cursor");
	long long at[3];
	int end = 0;

	for (size_t i = 0; i < ARRAY_SIZE(e->before); i++)
		e->before[i] = INT64_MAX;
	if (!text)
		return 0;
	if (sscanf(text, "%lld.%lld.%lld%n", &at[0], &at[1], &at[2], &end) != 3 || text[end])
		return tb_refuse_cursor(e->op);
	for (size_t i = 0; i < ARRAY_SIZE(e->before); i++)
		e->before[i] = at[i];
	return 0;
}

int
tb_customer_export(struct tb_operation *op)
{
	_cleanup_customer_ struct tb_customer c = {};
	struct exporting e = {.op = op, .w = TB_JSONW(op->out), .limit = TB_PAGE_MAX};
	char cursor[80];
	int r = read_export_cursor(&e);

	if (r == 0)
		r = load(op, &c);
	if (r != 0)
		return r;
	e.customer = c.id;
	if (tb_param(op, "limit"))
		e.limit = tb_param_limit(op);
	tb_jsonw_object(&e.w, NULL);
	if (!tb_param(op, "cursor"))
		r = export_person(&e, &c);
	if (r >= 0)
		r = export_lists(&e);
	if (e.more) {
		snprintf(cursor, sizeof(cursor), "%lld.%lld.%lld", (long long)e.before[0],
			(long long)e.before[1], (long long)e.before[2]);
		tb_jsonw_string(&e.w, "cursor", cursor);
	}
	tb_jsonw_end_object(&e.w);
	return r;
}
