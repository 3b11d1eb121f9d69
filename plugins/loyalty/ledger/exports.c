/* SPDX-License-Identifier: MIT */
/*
 * report.export: lists for a spreadsheet or a mailer, as CSV (RFC 4180, a header line on the first
 * page). A list is a row of the table below: its columns, its query, and what a cell holds. Each is
 * paged by an id that grows. Cells that a spreadsheet would take for a formula are disarmed.
 */

#include <stdio.h>
#include <string.h>
#include "plugins/loyalty/ledger/coupons.h"
#include "plugins/loyalty/ledger/reports.h"

enum cell {
	CELL_END,
	CELL_TEXT,
	CELL_NUMBER,
	CELL_TIME,
	CELL_DAY,
	CELL_CUSTOMER, /* an id */
	CELL_PASSAGE,
};

struct column {
	const char *name;
	enum cell cell;
};

#define COLUMNS_MAX 16

struct list {
	const char *what;
	/* ?1 cursor, ?2 limit, ?3 from, ?4 to; column 0 is the cursor, the others are the cells. */
	const char *sql;
	struct column columns[COLUMNS_MAX];
	bool due_first; /* shows accounts: what is due of them is written before the first page */
};

#define RECORD(member) "json_extract(c.record, '$." member "')"
#define PERSON \
	RECORD("first_name") \
	", " RECORD("last_name") ", " RECORD("emails[0]") ", " RECORD("phones[0]")
#define PERSON_COLUMNS \
	{"first_name", CELL_TEXT}, {"last_name", CELL_TEXT}, {"email", CELL_TEXT}, \
	{ \
		"phone", CELL_TEXT \
	}
#define CONSENTS RECORD("consents.email.granted") ", " RECORD("consents.sms.granted")

static const struct list lists[] = {
	{
		.what = "cards",
		.sql = "SELECT c.id, c.id, group_concat(k.number, ' ') FROM customers c"
		       " JOIN cards k ON k.customer = c.id WHERE c.id > ?1"
		       " AND c.created_at >= ?3 AND c.created_at < ?4 GROUP BY c.id"
		       " ORDER BY c.id LIMIT ?2",
		.columns = {{"customer", CELL_CUSTOMER}, {"cards", CELL_TEXT}},
	},
	{
		.what = "coupons",
		.sql = "SELECT k.id, k.code, k.rule, k.reward, k.title, k.state, k.issued_at,"
		       " k.valid_to, k.printed_at, k.customer, " PERSON ", " CONSENTS
		       " FROM coupons k LEFT JOIN customers c ON c.id = k.customer"
		       " WHERE k.id > ?1 AND k.issued_at >= ?3 AND k.issued_at < ?4"
		       " ORDER BY k.id LIMIT ?2",
		.columns = {{"code", CELL_TEXT}, {"rule", CELL_TEXT}, {"reward", CELL_TEXT},
			{"title", CELL_TEXT}, {"state", CELL_TEXT}, {"issued_at", CELL_TIME},
			{"valid_to", CELL_TIME}, {"printed_at", CELL_TIME},
			{"customer", CELL_CUSTOMER}, PERSON_COLUMNS, {"consent_email", CELL_NUMBER},
			{"consent_sms", CELL_NUMBER}},
		.due_first = true,
	},
	{
		.what = "customers",
		.sql = "SELECT c.id, c.id, c.kind, " PERSON
		       ", " RECORD("birthday") ", " RECORD("postcode") ", " RECORD(
			       "city") ", c.points, c.wallet, c.passages, c.created_at, " CONSENTS
				       " FROM customers c WHERE c.id > ?1 AND c.state = 'live'"
				       " AND c.created_at >= ?3 AND c.created_at < ?4 ORDER BY "
				       "c.id LIMIT ?2",
		.columns = {{"customer", CELL_CUSTOMER}, {"kind", CELL_TEXT}, PERSON_COLUMNS,
			{"birthday", CELL_TEXT}, {"postcode", CELL_TEXT}, {"city", CELL_TEXT},
			{"points", CELL_NUMBER}, {"wallet", CELL_NUMBER}, {"passages", CELL_NUMBER},
			{"created_at", CELL_TIME}, {"consent_email", CELL_NUMBER},
			{"consent_sms", CELL_NUMBER}},
		.due_first = true,
	},
	{
		.what = "gift_cards",
		.sql = "SELECT id, number, state, amount, balance, held, created_at, expires_at, "
		       "site,"
		       " till FROM gift_cards WHERE id > ?1 AND created_at >= ?3"
		       " AND created_at < ?4 ORDER BY id LIMIT ?2",
		.columns = {{"number", CELL_TEXT}, {"state", CELL_TEXT}, {"amount", CELL_NUMBER},
			{"balance", CELL_NUMBER}, {"held", CELL_NUMBER}, {"created_at", CELL_TIME},
			{"expires_at", CELL_TIME}, {"site", CELL_TEXT}, {"till", CELL_TEXT}},
	},
	/* R13: an account that a paid sale left below nothing is the manager's to settle. */
	{
		.what = "negative",
		.sql = "SELECT c.id, c.id, " PERSON
		       ", c.points, c.wallet, c.last_at FROM customers c WHERE c.id > ?1"
		       " AND c.state = 'live' AND (c.points < 0 OR c.wallet < 0)"
		       " AND c.created_at >= ?3 AND c.created_at < ?4 ORDER BY c.id LIMIT ?2",
		.columns = {{"customer", CELL_CUSTOMER}, PERSON_COLUMNS, {"points", CELL_NUMBER},
			{"wallet", CELL_NUMBER}, {"last_passage", CELL_TIME}},
	},
	{
		.what = "passages",
		.sql = "SELECT id, id, site, till, sale, business_day, occurred_at, state, "
		       "customer,"
		       " total, turnover, earned_points, earned_wallet, counted, mode, by"
		       " FROM passages WHERE id > ?1 AND occurred_at >= ?3 AND occurred_at < ?4"
		       " ORDER BY id LIMIT ?2",
		.columns = {{"passage", CELL_PASSAGE}, {"site", CELL_TEXT}, {"till", CELL_TEXT},
			{"sale", CELL_TEXT}, {"business_day", CELL_DAY}, {"occurred_at", CELL_TIME},
			{"state", CELL_TEXT}, {"customer", CELL_CUSTOMER}, {"total", CELL_NUMBER},
			{"turnover", CELL_NUMBER}, {"points", CELL_NUMBER}, {"wallet", CELL_NUMBER},
			{"counted", CELL_NUMBER}, {"mode", CELL_TEXT}, {"by", CELL_TEXT}},
	},
#define ENTRIES(unit_word) \
	{ \
		.what = unit_word, \
		.sql = "SELECT seq, seq, customer, kind, delta, passage, sale, reward, at," \
		       " received_at, by, reason FROM entries WHERE seq > ?1 AND unit = " \
		       "'" unit_word "' AND at >= ?3 AND at < ?4 ORDER BY seq LIMIT ?2", \
		.columns = {{"seq", CELL_NUMBER}, {"customer", CELL_CUSTOMER}, \
			{"kind", CELL_TEXT}, {"delta", CELL_NUMBER}, {"passage", CELL_PASSAGE}, \
			{"sale", CELL_TEXT}, {"reward", CELL_TEXT}, {"at", CELL_TIME}, \
			{"received_at", CELL_TIME}, {"by", CELL_TEXT}, {"reason", CELL_TEXT}}, \
	}
	ENTRIES("points"),
	{
		.what = "rewards",
		.sql = "SELECT u.id, u.reward, u.kind, u.state, u.amount, u.points, u.cost, u.at,"
		       " u.passage, r.customer, r.site, r.till, r.sale FROM uses u"
		       " JOIN reservations r ON r.id = u.reservation WHERE u.id > ?1"
		       " AND u.state IN ('committed', 'returned') AND u.at >= ?3 AND u.at < ?4"
		       " ORDER BY u.id LIMIT ?2",
		.columns = {{"reward", CELL_TEXT}, {"kind", CELL_TEXT}, {"state", CELL_TEXT},
			{"amount", CELL_NUMBER}, {"points", CELL_NUMBER}, {"cost", CELL_NUMBER},
			{"at", CELL_TIME}, {"passage", CELL_PASSAGE}, {"customer", CELL_CUSTOMER},
			{"site", CELL_TEXT}, {"till", CELL_TEXT}, {"sale", CELL_TEXT}},
	},
	ENTRIES("wallet"),
};

/* ---- cells -------------------------------------------------------------------------------- */

/* Quoted where it must be; =, +, - and @ at the beginning would make a formula of a name. */
static void
add_text(struct tb_buf *csv, const char *text)
{
	bool formula = strchr("=+-@\t\r", *text) && *text;
	bool phone = text[0] == '+' && text[1 + strspn(text + 1, "0123456789")] == '\0';

	if (!strpbrk(text, ",\"\r\n") && (!formula || phone)) {
		tb_buf_add_str(csv, text);
		return;
	}
	tb_buf_add_byte(csv, '"');
	if (formula && !phone)
		tb_buf_add_byte(csv, '\'');
	for (; *text; text++) {
		if (*text == '"')
			tb_buf_add_byte(csv, '"');
		tb_buf_add_byte(csv, (uint8_t)*text);
	}
	tb_buf_add_byte(csv, '"');
}

static void
add_cell(struct tb_operation *op, struct tb_buf *csv, enum cell cell, struct tb_rows *rows,
	int column)
{
	const char *text = tb_rows_text(rows, column);
	int64_t number = tb_rows_int(rows, column);
	char out[TB_TIME_TEXT];

	if (!text)
		return;
	switch (cell) {
	case CELL_TIME:
		tb_time_format(number, tb_zone_offset(tb_shop_zone(op->ledger), number), out);
		break;
	case CELL_DAY:
		tb_date_format(tb_date_from_days(number), out);
		break;
	case CELL_CUSTOMER:
		tb_id_format('c', number, out);
		break;
	case CELL_PASSAGE:
		tb_id_format('p', number, out);
		break;
	case CELL_NUMBER:
		snprintf(out, sizeof(out), "%lld", (long long)number);
		break;
	default:
		add_text(csv, text);
		return;
	}
	tb_buf_add_str(csv, out);
}

static void
add_row(struct tb_operation *op, struct tb_buf *csv, const struct list *list, struct tb_rows *rows)
{
	for (int i = 0; i < COLUMNS_MAX && list->columns[i].name; i++) {
		if (i)
			tb_buf_add_byte(csv, ',');
		if (rows)
			add_cell(op, csv, list->columns[i].cell, rows, i + 1);
		else
			tb_buf_add_str(csv, list->columns[i].name);
	}
	tb_buf_add_str(csv, "\r\n");
}

/* ---- what is due first ------------------------------------------------------------------- */

/* The next account after `id` that something is due of, 0 when there is none. Those that a new
 * program has not looked at are due only where it dates coupons. */
static int
next_due(struct tb_operation *op, int64_t id, int64_t *ret)
{
	const struct tb_program_version *v = tb_program_now(op->ledger);
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r;

	if (v->has_dated_coupons)
		r = tb_store_get(op->store, &rows,
			"SELECT id FROM customers WHERE id > ?1 AND state = 'live'"
			" AND (due_at <= ?2 OR program <> ?3) ORDER BY id LIMIT 1",
			V_INT(id), V_INT(op->now), V_INT(v->version));
	else
		r = tb_store_get(op->store, &rows,
			"SELECT id FROM customers WHERE due_at < 9223372036854775807"
			" AND due_at <= ?1 AND state = 'live' ORDER BY due_at LIMIT 1",
			V_INT(op->now));
	*ret = r > 0 ? tb_rows_int(rows, 0) : 0;
	return r < 0 ? r : 0;
}

/* Shows every account that something is due of: what ended is written, coupons are issued. */
static int
settle_all(struct tb_operation *op)
{
	int64_t id = 0;

	for (;;) {
		_cleanup_customer_ struct tb_customer c = {};
		int r = next_due(op, id, &id);

		if (r < 0 || id == 0)
			return r;
		if (!op->writing)
			return TB_MUST_WRITE;
		r = tb_customer_get(op, id, &c);
		if (r == 0)
			r = tb_customer_settle(op, &c);
		if (r < 0)
			return r;
	}
}

/* ---- the page ----------------------------------------------------------------------------- */

static int
write_page(struct tb_operation *op, const struct list *list, const struct tb_period *period,
	int64_t after, struct tb_buf *csv, char cursor[24])
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int64_t limit = tb_param_int(op, "limit", 1000), n = 0, id = 0;
	int r;

	limit = TB_MAX(INT64_C(1), TB_MIN(limit, INT64_C(1000)));
	if (after == 0)
		add_row(op, csv, list, NULL);
	r = tb_store_get(op->store, &rows, list->sql, V_INT(after), V_INT(limit + 1),
		V_INT(period->from), V_INT(period->to));
	for (; r > 0 && n < limit; n++, r = tb_rows_next(rows)) {
		id = tb_rows_int(rows, 0);
		add_row(op, csv, list, rows);
	}
	if (r > 0)
		snprintf(cursor, 24, "%lld", (long long)id);
	return r < 0 ? r : tb_buf_error(csv);
}

int
tb_report_export(struct tb_operation *op)
{
	_cleanup_buf_ struct tb_buf csv = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(op->out);
	const char *what = tb_param_text(op, "what");
	const struct list *list = NULL;
	struct tb_period period;
	char cursor[24] = "";
	int64_t after;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		if (strcmp(lists[i].what, what) == 0)
			list = &lists[i];
	if (!list)
		return tb_refuse_at(op, "/what", "unknown");
	r = tb_period_read(op, &period);
	if (r == 0)
		r = tb_param_cursor(op, 0, &after);
	if (r == 0 && list->due_first && after == 0)
		r = settle_all(op);
	if (r == 0)
		r = write_page(op, list, &period, after, &csv, cursor);
	if (r != 0)
		return r;
	tb_jsonw_object(&w, NULL);
	tb_jsonw_string(&w, "what", what);
	tb_jsonw_string(&w, "format", "csv");
	tb_jsonw_string_n(&w, "csv", csv.data, csv.len);
	if (*cursor)
		tb_jsonw_string(&w, "cursor", cursor);
	tb_jsonw_end_object(&w);
	return 0;
}
