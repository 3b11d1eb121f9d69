/* SPDX-License-Identifier: MIT */
/* What follows from a record in the store: its row and the handles it is found by. */

#include <stdio.h>
#include <string.h>
#include "plugins/loyalty/shapes/json.h"
#include "plugins/loyalty/ledger/records.h"
#include "plugins/loyalty/ledger/words.h"

/* ---- handles ------------------------------------------------------------------------------ */

typedef int (*handle_fn)(
	struct tb_operation *op, int64_t id, const char *kind, const char *value, void *userdata);

/* Calls fn for each thing the record is found by, as long as it returns 0 or more. */
static int
each_handle(struct tb_operation *op, int64_t id, const json_t *record, handle_fn fn, void *userdata)
{
	const char *token = json_string_value(json_object_get(record, "token")), *name;
	json_t *value;
	size_t i;
	int r = 0;

	if (token)
		r = fn(op, id, "token", token, userdata);
	json_array_foreach(json_object_get(record, "phones"), i, value)
		if (r >= 0)
			r = fn(op, id, "phone", json_string_value(value), userdata);
	json_array_foreach(json_object_get(record, "emails"), i, value)
		if (r >= 0)
			r = fn(op, id, "email", json_string_value(value), userdata);
	json_object_foreach(json_object_get(record, "external_refs"), name, value) {
		char handle[600];

		/* The value first: a code that is scanned says no name. */
		snprintf(handle, sizeof(handle), "%s\x1f%s", json_string_value(value), name);
		if (r >= 0)
			r = fn(op, id, "ref", handle, userdata);
	}
	return r < 0 ? r : 0;
}

struct sought {
	const char *kind, *value;
	bool found;
};

static int
compare_handle(
	struct tb_operation *op, int64_t id, const char *kind, const char *value, void *userdata)
{
	struct sought *sought = userdata;

	sought->found |= strcmp(kind, sought->kind) == 0 && strcmp(value, sought->value) == 0;
	return 0;
}

/* userdata: the other record, or NULL; what stands there too is left alone. */
static bool
stands_in(struct tb_operation *op, const json_t *record, const char *kind, const char *value)
{
	struct sought sought = {.kind = kind, .value = value};

	if (record)
		each_handle(op, 0, record, compare_handle, &sought);
	return sought.found;
}

static int
put_handle(struct tb_operation *op, int64_t id, const char *kind, const char *value, void *userdata)
{
	if (stands_in(op, userdata, kind, value))
		return 0;
	return tb_store_run(op->store,
		"INSERT INTO handles(kind, value, customer) VALUES(?1, ?2, ?3)", V_TEXT(kind),
		V_TEXT(value), V_INT(id));
}

static int
drop_handle(
	struct tb_operation *op, int64_t id, const char *kind, const char *value, void *userdata)
{
	if (stands_in(op, userdata, kind, value))
		return 0;
	return tb_store_run(op->store,
		"DELETE FROM handles WHERE kind = ?1 AND value = ?2 AND customer = ?3",
		V_TEXT(kind), V_TEXT(value), V_INT(id));
}

/* ---- the row ------------------------------------------------------------------------------ */

static struct tb_value
birthday_value(const json_t *record)
{
	const char *text = json_string_value(json_object_get(record, "birthday"));
	struct tb_date date;

	return text && tb_date_parse(text, &date) == 0 ? V_INT(tb_date_to_days(date)) : V_NONE;
}

static int
write_row(struct tb_operation *op, int64_t id, int64_t revision, const json_t *record,
	const char *words, bool is_new)
{
	_cleanup_free_ char *text = tb_record_text(record), *groups = NULL;
	const json_t *list = json_object_get(record, "groups");
	bool contact = json_array_size(json_object_get(record, "phones")) ||
	               json_array_size(json_object_get(record, "emails"));
	struct tb_value kind = V_TEXT(json_string_value(json_object_get(record, "kind")));
	int r;

	if (json_array_size(list)) {
		groups = tb_json_text(list);
		if (!groups)
			return -ENOMEM;
	}
	if (!text)
		return -ENOMEM;
	if (is_new)
		r = tb_store_run(op->store,
			"INSERT INTO customers(id, state, revision, due_at, kind, contact, "
			"birthday,"
			" created_at, groups, words, record)"
			" VALUES(?1, 'live', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
			V_INT(id), V_INT(revision), V_INT(INT64_MAX), kind, V_INT(contact),
			birthday_value(record), V_INT(op->now), V_TEXT(groups), V_TEXT(words),
			V_TEXT(text));
	else
		r = tb_store_run(op->store,
			"UPDATE customers SET revision = ?2, due_at = 0, kind = ?3, contact = ?4,"
			" birthday = ?5, groups = ?6, words = ?7, record = ?8 WHERE id = ?1",
			V_INT(id), V_INT(revision), kind, V_INT(contact), birthday_value(record),
			V_TEXT(groups), V_TEXT(words), V_TEXT(text));
	return r < 0 ? r : 0;
}

int
tb_record_store(
	struct tb_operation *op, int64_t id, int64_t revision, json_t *record, const json_t *old)
{
	_cleanup_free_ char *words = tb_words_of(op, record);
	_cleanup_free_ char *old_words = old ? tb_words_of(op, old) : NULL;
	char text[TB_ID_TEXT];
	int r;

	if (!words || (old && !old_words) ||
		json_object_set_new(record, "id", json_string(tb_id_format('c', id, text))) < 0 ||
		json_object_set_new(record, "revision", json_integer(revision)) < 0)
		return -ENOMEM;
	r = write_row(op, id, revision, record, words, !old);
	if (r >= 0 && old)
		r = each_handle(op, id, old, drop_handle, record);
	if (r >= 0)
		r = each_handle(op, id, record, put_handle, (void *)old);
	return r < 0 ? r : tb_words_put(op, id, old_words, words);
}

int
tb_record_forget(struct tb_operation *op, int64_t id, const json_t *old)
{
	_cleanup_free_ char *words = tb_words_of(op, old);
	int r;

	if (!words)
		return -ENOMEM;
	r = each_handle(op, id, old, drop_handle, NULL);
	return r < 0 ? r : tb_words_put(op, id, words, NULL);
}
