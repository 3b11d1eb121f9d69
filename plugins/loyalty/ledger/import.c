/* SPDX-License-Identifier: MIT */
/*
 * customer.import: a till's own customers, up to 1000 a call. A record is matched by its external
 * references, a card, an e-mail or a phone that one customer alone has, in this order; a match
 * fills what is empty. A record at fault is reported with its place and leaves nothing behind, the
 * others are taken. No profile bonus is given: nobody completed anything.
 */

#include <stdio.h>
#include <string.h>
#include "plugins/loyalty/ledger/customers.h"
#include "plugins/loyalty/ledger/turn.h"

struct importing {
	struct tb_operation *op;
	struct tb_buf errors;
	struct tb_jsonw w;
	int64_t created, updated;
};

static void
report(struct importing *m, size_t index, const char *pointer, const char *code)
{
	tb_jsonw_object(&m->w, NULL);
	tb_jsonw_int(&m->w, "index", (int64_t)index);
	tb_jsonw_string(&m->w, "pointer", pointer);
	tb_jsonw_string(&m->w, "code", code);
	tb_jsonw_end_object(&m->w);
}

/* ---- matching ----------------------------------------------------------------------------- */

/* The only customer with that handle; 0 when there is none or more than one. */
static int
only_one(struct tb_operation *op, const char *kind, const char *value, int64_t *ret)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r = tb_store_get(op->store, &rows,
		"SELECT customer FROM handles WHERE value = ?1 AND kind = ?2 LIMIT 2",
		V_TEXT(value), V_TEXT(kind));

	if (r <= 0)
		return r;
	*ret = tb_rows_int(rows, 0);
	r = tb_rows_next(rows);
	if (r > 0)
		*ret = 0;
	return r < 0 ? r : 0;
}

static int
match_refs(struct tb_operation *op, const json_t *record, int64_t *ret)
{
	const char *name;
	json_t *value;
	int r = 0;

	json_object_foreach(json_object_get(record, "external_refs"), name, value) {
		char handle[600];

		snprintf(handle, sizeof(handle), "%s\x1f%s", json_string_value(value), name);
		if (r >= 0 && *ret == 0)
			r = only_one(op, "ref", handle, ret);
	}
	return r;
}

static int
match_cards(struct tb_operation *op, const json_t *record, int64_t *ret, bool *ret_seen)
{
	json_t *card;
	size_t i;
	int r = 0;

	json_array_foreach(json_object_get(record, "cards"), i, card) {
		_cleanup_rows_ struct tb_rows *rows = NULL;

		if (r < 0)
			break;
		r = tb_store_get(op->store, &rows, "SELECT customer FROM cards WHERE number = ?1",
			V_TEXT(json_string_value(json_object_get(card, "number"))));
		*ret_seen |= r > 0;
		if (r > 0 && *ret == 0)
			*ret = tb_rows_int(rows, 0);
	}
	return r < 0 ? r : 0;
}

static int
match_list(struct tb_operation *op, const json_t *list, const char *kind, int64_t *ret)
{
	json_t *value;
	size_t i;
	int r = 0;

	json_array_foreach(list, i, value)
		if (r >= 0 && *ret == 0)
			r = only_one(op, kind, json_string_value(value), ret);
	return r;
}

/* ret_seen: one of its cards is known already, whosever. */
static int
match(struct tb_operation *op, const json_t *record, int64_t *ret, bool *ret_seen)
{
	int r = match_refs(op, record, ret);

	if (r >= 0)
		r = match_cards(op, record, ret, ret_seen);
	if (r >= 0 && *ret == 0)
		r = match_list(op, json_object_get(record, "emails"), "email", ret);
	if (r >= 0 && *ret == 0)
		r = match_list(op, json_object_get(record, "phones"), "phone", ret);
	return r;
}

/* ---- one record --------------------------------------------------------------------------- */

/* A card of the record that it cannot have: looked at before anything is written. */
static int
refused_card(struct tb_operation *op, const json_t *cards, int64_t customer, size_t *ret_index,
	const char **ret_code)
{
	json_t *card;
	size_t i;

	*ret_code = NULL;
	json_array_foreach(cards, i, card) {
		_cleanup_rows_ struct tb_rows *rows = NULL;
		int64_t owner;
		int r = tb_store_get(op->store, &rows,
			"SELECT customer, state FROM cards WHERE number = ?1",
			V_TEXT(json_string_value(json_object_get(card, "number"))));

		if (r < 0)
			return r;
		if (r == 0)
			continue;
		owner = tb_rows_int(rows, 0);
		if (owner && owner != customer)
			*ret_code = "conflict";
		else if (!owner && strcmp(tb_rows_text(rows, 1), "active") != 0)
			*ret_code = "card_blocked";
		if (*ret_code) {
			*ret_index = i;
			return 0;
		}
	}
	return 0;
}

static int
create(struct importing *m, json_t *record, bool fresh)
{
	_cleanup_(json_decrefp) json_t *cards = json_incref(json_object_get(record, "cards"));
	size_t which = 0;
	int64_t id = 0;
	int r;

	json_object_del(record, "cards");
	r = tb_customer_insert(m->op, record, cards, fresh, 0, &id, &which);
	m->created += r == 0;
	return r;
}

static int
fill(struct importing *m, struct tb_customer *c, const json_t *other)
{
	_cleanup_(json_decrefp) json_t *record = tb_record_parse(c);
	_cleanup_(json_decrefp) json_t *old = json_deep_copy(record);
	size_t which = 0;
	int r;

	if (!record || !old)
		return -ENOMEM;
	r = tb_record_fill(record, other, false);
	if (r >= 0)
		r = tb_cards_give(
			m->op, c->id, record, json_object_get(other, "cards"), false, &which);
	if (r == 0 && !json_equal(record, old))
		r = tb_record_store(m->op, c->id, c->revision + 1, record, old);
	m->updated += r == 0;
	return r;
}

static int
import_clean(struct importing *m, size_t index, json_t *record)
{
	_cleanup_customer_ struct tb_customer c = {};
	const json_t *cards = json_object_get(record, "cards");
	int64_t id = 0;
	const char *code = NULL;
	size_t which = 0;
	bool seen = false;
	int r = match(m->op, record, &id, &seen);

	if (r >= 0 && id) {
		r = tb_customer_get(m->op, id, &c);
		id = r == 0 ? c.id : 0;
	}
	if (r >= 0 && seen)
		r = refused_card(m->op, cards, id, &which, &code);
	if (r < 0)
		return r;
	if (code) {
		char pointer[64];

		snprintf(pointer, sizeof(pointer), "/records/%zu/cards/%zu/number", index, which);
		report(m, index, pointer, code);
		return 0;
	}
	return id ? fill(m, &c, record) : create(m, record, !seen);
}

/* A value that the bridge's tables refused: told here, where the others are told. */
static bool
found_before(struct importing *m, size_t index, const json_t *in)
{
	const json_t *first = json_array_get(json_object_get(in, "fault"), 0);

	if (first)
		report(m, index, json_string_value(json_object_get(first, "pointer")),
			json_string_value(json_object_get(first, "code")));
	return first != NULL;
}

/* A wrong type or a member nobody knows is the caller's mistake, not the shop's. */
static bool
is_of_form(const struct tb_faults *faults)
{
	for (size_t i = 0; i < faults->count; i++)
		if (strcmp(faults->items[i].code, "bad_type") == 0 ||
			strcmp(faults->items[i].code, "unknown") == 0)
			return true;
	return false;
}

static int
import_one(struct importing *m, size_t index, const json_t *in)
{
	_cleanup_faults_ struct tb_faults faults = {};
	_cleanup_(json_decrefp) json_t *record = NULL;
	char prefix[32];
	int r;

	if (found_before(m, index, in))
		return 0;
	snprintf(prefix, sizeof(prefix), "/records/%zu", index);
	r = tb_record_clean(m->op, in, prefix, &record, &faults);
	if (r == -EINVAL && is_of_form(&faults))
		return tb_refuse_faults(m->op, &faults);
	if (r == -EINVAL) {
		report(m, index, faults.items[0].pointer, faults.items[0].code);
		return 0;
	}
	if (r >= 0)
		tb_record_compact(record); /* an empty reference matches nobody */
	if (r >= 0 && tb_record_empty(record)) {
		report(m, index, prefix, "empty");
		return 0;
	}
	return r < 0 ? r : import_clean(m, index, record);
}

int
tb_customer_import(struct tb_operation *op)
{
	const json_t *records = tb_param(op, "records"), *record;
	struct importing m = {.op = op};
	struct tb_jsonw w = TB_JSONW(op->out);
	size_t i;
	int r = 0;

	m.w = TB_JSONW(&m.errors);
	tb_turn_bulk(op->ledger);
	json_array_foreach(records, i, record) {
		r = import_one(&m, i, record);
		if (r != 0)
			break;
	}
	if (r == 0)
		r = tb_buf_error(&m.errors);
	if (r == 0) {
		tb_jsonw_object(&w, NULL);
		tb_jsonw_int(&w, "created", m.created);
		tb_jsonw_int(&w, "updated", m.updated);
		tb_jsonw_array(&w, "errors");
		if (m.errors.len)
			tb_jsonw_raw(&w, NULL, m.errors.data, m.errors.len);
		tb_jsonw_end_array(&w);
		tb_jsonw_end_object(&w);
	}
	tb_buf_done(&m.errors);
	return r;
}
