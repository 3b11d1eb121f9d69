/* SPDX-License-Identifier: MIT */
/* A customer's row: reading, entries and sums, bringing up to date, writing back. */

#include "plugins/loyalty/ledger/account.h"

#include <string.h>
#include "base/money.h"
#include "plugins/loyalty/ledger/coupons.h"

#define TB_EFFECT_TEXT (2 * TB_ID_TEXT + 48)
#define MERGES_MAX 32 /* how long a chain of merged customers is followed */

void
tb_customer_done(struct tb_customer *c)
{
	tb_rows_donep(&c->rows);
	free(c->owned);
	free(c->owned_last);
	*c = (struct tb_customer){};
}

/* Copies the texts out of the row: what is written next may move it. */
static int
own_texts(struct tb_customer *c)
{
	size_t groups = c->groups ? strlen(c->groups) + 1 : 0;
	size_t last = c->last_passage ? c->last_passage_len + 1 : 0;
	char *p = malloc(groups + last + c->record_len + 1);

	if (!p)
		return -ENOMEM;
	c->owned = p;
	if (c->groups)
		c->groups = memcpy(p, c->groups, groups);
	if (c->last_passage)
		c->last_passage = memcpy(p + groups, c->last_passage, last);
	c->record = memcpy(p + groups + last, c->record, c->record_len + 1);
	return 0;
}

static enum tb_customer_kind
kind_from_word(const char *word)
{
	if (!word)
		return TB_CUSTOMER_UNKNOWN;
	return strcmp(word, "pro") == 0 ? TB_CUSTOMER_PRO : TB_CUSTOMER_PERSON;
}

static void
read_row(struct tb_rows *rows, struct tb_customer *c)
{
	const char *birthday = tb_rows_text(rows, 15);

	*c = (struct tb_customer){
		.id = tb_rows_int(rows, 0),
		.revision = tb_rows_int(rows, 3),
		.points = tb_rows_int(rows, 4),
		.points_held = tb_rows_int(rows, 5),
		.wallet = tb_rows_int(rows, 6),
		.wallet_held = tb_rows_int(rows, 7),
		.passages = tb_rows_int(rows, 8),
		.counted = tb_rows_int(rows, 9),
		.flags = tb_rows_int(rows, 10),
		.due_at = tb_rows_int(rows, 11),
		.program = tb_rows_int(rows, 12),
		.kind = kind_from_word(tb_rows_text(rows, 13)),
		.contact = tb_rows_int(rows, 14) != 0,
		.has_birthday = birthday != NULL,
		.birthday = birthday ? tb_rows_int(rows, 15) : 0,
		.sponsor = tb_rows_int(rows, 16),
		.last_at = tb_rows_int(rows, 17),
		.groups = tb_rows_text(rows, 18),
	};
	c->last_passage = tb_rows_text_n(rows, 19, &c->last_passage_len);
	c->record = tb_rows_text_n(rows, 20, &c->record_len);
}

int
tb_customer_from_rows(struct tb_operation *op, struct tb_rows **rows, struct tb_customer *ret)
{
	struct tb_customer c;
	int r;

	for (int i = 0; i < MERGES_MAX; i++) {
		const char *state = tb_rows_text(*rows, 1);

		if (!state || state[0] == 'd')
			return TB_ERROR_CUSTOMER_UNKNOWN;
		if (state[0] == 'l') {
			read_row(*rows, &c);
			if (op->writing) {
				r = own_texts(&c);
				if (r < 0)
					return r;
				tb_rows_donep(rows);
			} else {
				c.rows = TAKE_PTR(*rows);
			}
			*ret = c;
			return 0;
		}
		r = tb_store_get(op->store, rows,
			"SELECT " TB_CUSTOMER_COLUMNS " FROM customers c WHERE c.id = ?1",
			V_INT(tb_rows_int(*rows, 2)));
		if (r <= 0)
			return r < 0 ? r : TB_ERROR_CUSTOMER_UNKNOWN;
	}
	return -EBADMSG;
}

int
tb_customer_get(struct tb_operation *op, int64_t id, struct tb_customer *ret)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r;

	if (id == 0)
		return TB_ERROR_CUSTOMER_UNKNOWN;
	r = tb_store_get(op->store, &rows,
		"SELECT " TB_CUSTOMER_COLUMNS " FROM customers c WHERE c.id = ?1", V_INT(id));
	if (r <= 0)
		return r < 0 ? r : TB_ERROR_CUSTOMER_UNKNOWN;
	return tb_customer_from_rows(op, &rows, ret);
}

int
tb_customer_param(
	struct tb_operation *op, const char *name, struct tb_customer *ret, bool *ret_given)
{
	const char *text = tb_param_text(op, name);
	int r;

	*ret_given = text != NULL;
	if (!text)
		return 0;
	r = tb_customer_get(op, tb_id_parse('c', text), ret);
	return r > 0 ? tb_refuse(op, (enum tb_error)r) : r;
}

int
tb_customer_put(struct tb_operation *op, struct tb_customer *c)
{
	int r = tb_store_run(op->store,
		"UPDATE customers SET points = ?2, points_held = ?3, wallet = ?4, wallet_held = ?5,"
		" passages = ?6, counted = ?7, flags = ?8, due_at = ?9, program = ?10, sponsor = "
		"?11,"
		" last_at = ?12, last_passage = ?13 WHERE id = ?1",
		V_INT(c->id), V_INT(c->points), V_INT(c->points_held), V_INT(c->wallet),
		V_INT(c->wallet_held), V_INT(c->passages), V_INT(c->counted), V_INT(c->flags),
		V_INT(c->due_at), V_INT(c->program), V_ID(c->sponsor), V_ID(c->last_at),
		c->last_passage ? V_TEXT_N(c->last_passage, c->last_passage_len) : V_NONE);

	op->changed = c->id;
	return r < 0 ? r : 0;
}

int
tb_customer_set_last_passage(struct tb_customer *c, int64_t at, const char *text, size_t len)
{
	char *copy = NULL;

	if (text) {
		copy = malloc(len + 1);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, text, len);
		copy[len] = '\0';
	}
	free(c->owned_last);
	c->owned_last = copy;
	c->last_passage = copy;
	c->last_passage_len = len;
	c->last_at = at;
	return 0;
}

/* ---- entries ------------------------------------------------------------------------------ */

static const char *
unit_word(enum tb_unit unit)
{
	return unit == TB_UNIT_POINTS ? "points" : "wallet";
}

const char *
tb_entry_word(enum tb_entry_kind kind)
{
	static const char *const words[] = {"earn", "bonus", "hold", "release", "redeem", "reverse",
		"expire", "adjust", "transfer"};

	return words[kind];
}

/* "p_4x3a5m8/earn/points/0": printf is slow for what every entry needs. */
static void
effect_text(char kind, int64_t owner, const char *effect, enum tb_unit unit, int64_t n,
	char out[TB_EFFECT_TEXT])
{
	char id[TB_ID_TEXT];
	char *to = stpcpy(out, tb_id_format(kind, owner, id));

	to = stpcpy(stpcpy(to, "/"), effect);
	to = stpcpy(stpcpy(to, "/"), unit_word(unit));
	stpcpy(stpcpy(to, "/"), tb_id_format('n', n, id) + 2);
}

/* Adds to a sum that is kept in a row; a till must be able to read it. */
static int
add_sum(int64_t *sum, int64_t delta)
{
	int64_t v;

	if (tb_add(*sum, delta, &v) < 0 || v > TB_NUMBER_MAX || v < -TB_NUMBER_MAX)
		return -EOVERFLOW;
	*sum = v;
	return 0;
}

int
tb_entry_add(struct tb_operation *op, struct tb_customer *c, const struct tb_entry *e)
{
	bool held = e->kind == TB_ENTRY_HOLD || e->kind == TB_ENTRY_RELEASE;
	bool points = e->unit == TB_UNIT_POINTS;
	char effect[TB_EFFECT_TEXT];
	int r;

	if (e->delta == 0 && !e->always)
		return 0;
	if (held)
		r = add_sum(points ? &c->points_held : &c->wallet_held, -e->delta);
	else
		r = add_sum(points ? &c->points : &c->wallet, e->delta);
	if (r < 0)
		return r;
	effect_text(e->owner_kind, e->owner, e->effect, e->unit, e->n, effect);
	r = tb_store_run(op->store,
		"INSERT INTO entries(customer, unit, kind, delta, lot, passage, reservation, sale,"
		" reward, effect, at, received_at, by, reason)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
		V_INT(c->id), V_TEXT(unit_word(e->unit)), V_TEXT(tb_entry_word(e->kind)),
		V_INT(e->delta), V_ID(e->lot), V_ID(e->passage), V_ID(e->reservation),
		V_TEXT(e->sale), V_TEXT(e->reward), V_TEXT(effect), V_INT(e->at ? e->at : op->now),
		V_INT(op->now), V_TEXT(tb_op_by(op)), V_TEXT(e->reason));
	return r < 0 ? r : 0;
}

int
tb_entry_exists(
	struct tb_operation *op, char owner_kind, int64_t owner, const char *effect, int64_t n)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	char text[TB_EFFECT_TEXT];

	effect_text(owner_kind, owner, effect, TB_UNIT_POINTS, n, text);
	return tb_store_get(
		op->store, &rows, "SELECT 1 FROM entries WHERE effect = ?1", V_TEXT(text));
}

/* ---- bringing up to date ------------------------------------------------------------------ */

bool
tb_customer_is_due(struct tb_operation *op, const struct tb_customer *c)
{
	const struct tb_program_version *v = tb_program_now(op->ledger);

	return op->now >= c->due_at || (v->has_dated_coupons && c->program != v->version);
}

int
tb_customer_settle(struct tb_operation *op, struct tb_customer *c)
{
	const struct tb_program_version *v = tb_program_now(op->ledger);
	int64_t next = INT64_MAX;
	int r;

	if (!tb_customer_is_due(op, c))
		return 0;
	if (c->flags & TB_CUSTOMER_LOTS) {
		r = tb_lots_expire(op, c, &next);
		if (r < 0)
			return r;
	}
	if (v->has_dated_coupons) {
		struct tb_date today = tb_zone_date(v->program->zone, op->now, NULL);
		struct tb_date tomorrow = tb_date_from_days(tb_date_to_days(today) + 1);

		r = tb_coupons_issue_dated(op, c);
		if (r < 0)
			return r;
		/* A window opens with a shop day, so that is how often it is looked at. */
		next = TB_MIN(next, tb_zone_day_start(v->program->zone, tomorrow));
	}
	c->due_at = next;
	c->program = v->version;
	return tb_customer_put(op, c);
}

/* ---- what is shown ------------------------------------------------------------------------ */

void
tb_time_write(struct tb_operation *op, struct tb_jsonw *w, const char *name, int64_t at)
{
	char text[TB_TIME_TEXT];

	tb_time_format(at, tb_zone_offset(tb_shop_zone(op->ledger), at), text);
	tb_jsonw_string(w, name, text);
}

static int
write_expiring(struct tb_operation *op, struct tb_jsonw *w, const struct tb_customer *c)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r;

	r = tb_store_get(op->store, &rows,
		"SELECT remaining, expires_at FROM lots WHERE customer = ?1 AND remaining > 0"
		" ORDER BY expires_at, id",
		V_INT(c->id));
	for (; r > 0; r = tb_rows_next(rows)) {
		tb_jsonw_object(w, NULL);
		tb_jsonw_int(w, "points", tb_rows_int(rows, 0));
		tb_time_write(op, w, "at", tb_rows_int(rows, 1));
		tb_jsonw_end_object(w);
	}
	return r;
}

/* A literal and a number behind it; there is room. */
#define PUT(to, literal, number) put_number(mempcpy(to, literal, sizeof(literal) - 1), number)

static char *
put_number(char *to, int64_t number)
{
	char digits[20], *p = digits + sizeof(digits);
	uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

	do
		*--p = (char)('0' + rest % 10);
	while (rest /= 10);
	if (number < 0)
		*to++ = '-';
	return mempcpy(to, p, (size_t)(digits + sizeof(digits) - p));
}

/* The sums, written in one piece: every look-up has them. */
static void
write_sums(struct tb_jsonw *w, const struct tb_customer *c, const char *currency)
{
	char text[256], *to = text;

	to = PUT(to, "{\"points\":", c->points);
	to = PUT(to, ",\"points_available\":", TB_MAX(c->points - c->points_held, INT64_C(0)));
	to = PUT(to, ",\"wallet\":", c->wallet);
	to = PUT(to, ",\"wallet_available\":", TB_MAX(c->wallet - c->wallet_held, INT64_C(0)));
	to = PUT(to, ",\"passages\":", c->passages);
	tb_jsonw_raw(w, "balances", text, (size_t)(to - text));
	tb_jsonw_string(w, "currency", currency);
}

int
tb_balances_write(struct tb_operation *op, struct tb_jsonw *w, const struct tb_customer *c)
{
	int r = 0;

	write_sums(w, c, op->ledger->host->currency);
	tb_jsonw_array(w, "expiring");
	if (c->flags & TB_CUSTOMER_LOTS)
		r = write_expiring(op, w, c);
	tb_jsonw_end_array(w);
	if (c->points < 0 || c->wallet < 0)
		tb_jsonw_bool(w, "negative", true);
	tb_jsonw_end_object(w);
	return r;
}

static int
taken_of(struct tb_operation *op, int64_t customer, const char *reward, int64_t *ret)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r;

	r = tb_store_get(op->store, &rows,
		"SELECT taken FROM reward_counts WHERE customer = ?1 AND reward = ?2",
		V_INT(customer), V_TEXT(reward));
	*ret = r > 0 ? tb_rows_int(rows, 0) : 0;
	return r < 0 ? r : 0;
}

int
tb_progress_write(struct tb_operation *op, struct tb_jsonw *w, const struct tb_customer *c)
{
	const struct tb_program_version *v = tb_program_now(op->ledger);

	tb_jsonw_array(w, "progress");
	for (size_t i = 0; v->has_every_n && i < v->program->n_rewards; i++) {
		const struct tb_reward *reward = &v->program->rewards[i];
		int64_t taken = 0;

		if (reward->every_n <= 0)
			continue;
		if (c->flags & TB_CUSTOMER_COUNTS) {
			int r = taken_of(op, c->id, reward->id, &taken);

			if (r < 0)
				return r;
		}
		tb_jsonw_object(w, NULL);
		tb_jsonw_string(w, "reward", reward->id);
		tb_jsonw_int(w, "count", TB_MAX(c->counted - taken, INT64_C(0)));
		tb_jsonw_int(w, "of", reward->every_n);
		tb_jsonw_end_object(w);
	}
	tb_jsonw_end_array(w);
	return 0;
}
