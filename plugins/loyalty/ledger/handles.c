/* SPDX-License-Identifier: MIT */
/* What follows from a record in the store: its row, the handles it is found by, its words. */

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "base/text.h"
#include "plugins/loyalty/ledger/records.h"

/* ---- words -------------------------------------------------------------------------------- */

static bool
is_digits_only(const char *text)
{
	bool any = false;

	for (const char *p = text; *p; p++) {
		if (*p >= '0' && *p <= '9')
			any = true;
		else if (!strchr(" +-./()", *p))
			return false;
	}
	return any;
}

static bool
is_word_byte(unsigned char c)
{
	return c >= 0x80 || isalnum(c);
}

/* Appends the words of folded text, each with a blank before it but the first of all. */
static void
add_words(struct tb_buf *buf, const char *folded)
{
	bool inside = false;

	for (const char *p = folded; *p; p++) {
		/* The marks that names are written with and people leave out when they type. */
		if (strncmp(p, "\xe2\x80\x99", 3) == 0 || strncmp(p, "\xe2\x80\x93", 3) == 0) {
			inside = false;
			p += 2;
			continue;
		}
		if (!is_word_byte((unsigned char)*p)) {
			inside = false;
			continue;
		}
		if (!inside && buf->len)
			tb_buf_add_byte(buf, ' ');
		inside = true;
		tb_buf_add_byte(buf, (uint8_t)*p);
	}
}

static void
add_digits(struct tb_buf *buf, const char *text)
{
	if (buf->len)
		tb_buf_add_byte(buf, ' ');
	for (; *text; text++)
		if (*text >= '0' && *text <= '9')
			tb_buf_add_byte(buf, (uint8_t)*text);
}

char *
tb_search_words(struct tb_operation *op, const char *text)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	_cleanup_free_ char *folded = NULL;

	if (is_digits_only(text)) {
		while (*text == ' ')
			text++;
		add_digits(&buf, strncmp(text, "00", 2) == 0 ? text + 2 : text);
		return tb_buf_take(&buf);
	}
	folded = tb_text_fold_search(text);
	if (!folded)
		return NULL;
	add_words(&buf, folded);
	return tb_buf_take(&buf);
}

/* A phone is found by its digits with the country and as it is dialled at home. */
static void
add_phone(struct tb_operation *op, struct tb_buf *buf, const char *e164)
{
	const char *country = op->ledger->host->country;
	_cleanup_free_ char *bare = tb_phone_e164("1234567", country);
	_cleanup_free_ char *trunk = tb_phone_e164("01234567", country);
	size_t prefix = bare ? strlen(bare) - 7 : 0;

	add_digits(buf, e164);
	if (!bare || strncmp(e164, bare, prefix) != 0)
		return;
	tb_buf_add_byte(buf, ' ');
	if (trunk && strcmp(trunk, bare) == 0)
		tb_buf_add_byte(buf, '0');
	tb_buf_add_str(buf, e164 + prefix);
}

/* The words a record is found by: names, phones, e-mails, cards, references, town. */
static char *
words_of(struct tb_operation *op, const json_t *record)
{
	static const char *const texts[] = {"first_name", "last_name", "city", "postcode"};
	_cleanup_buf_ struct tb_buf raw = TB_BUF_INIT(0), words = TB_BUF_INIT(0);
	_cleanup_free_ char *folded = NULL;
	const char *name;
	json_t *value;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		const char *text = json_string_value(json_object_get(record, texts[i]));

		if (text)
			tb_buf_addf(&raw, " %s", text);
	}
	json_array_foreach(json_object_get(record, "emails"), i, value)
		tb_buf_addf(&raw, " %s", json_string_value(value));
	json_array_foreach(json_object_get(record, "cards"), i, value)
		tb_buf_addf(&raw, " %s", json_string_value(json_object_get(value, "number")));
	json_object_foreach(json_object_get(record, "external_refs"), name, value)
		tb_buf_addf(&raw, " %s", json_string_value(value));
	folded = tb_text_fold_search(raw.data ? raw.data : "");
	if (!folded || tb_buf_error(&raw))
		return NULL;
	add_words(&words, folded);
	json_array_foreach(json_object_get(record, "phones"), i, value)
		add_phone(op, &words, json_string_value(value));
	return tb_buf_take(&words);
}

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
write_row(struct tb_operation *op, int64_t id, int64_t revision, const json_t *record, bool is_new)
{
	_cleanup_free_ char *text = tb_record_text(record), *groups = NULL;
	const json_t *list = json_object_get(record, "groups");
	bool contact = json_array_size(json_object_get(record, "phones")) ||
	               json_array_size(json_object_get(record, "emails"));
	struct tb_value kind = V_TEXT(json_string_value(json_object_get(record, "kind")));
	int r;

	if (json_array_size(list)) {
		groups = json_dumps(list, JSON_COMPACT);
		if (!groups)
			return -ENOMEM;
	}
	if (!text)
		return -ENOMEM;
	if (is_new)
		r = tb_store_run(op->store,
			"INSERT INTO customers(id, state, revision, due_at, kind, contact, "
		        "birthday,"
			" created_at, groups, record)"
			" VALUES(?1, 'live', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
			V_INT(id), V_INT(revision), V_INT(INT64_MAX), kind, V_INT(contact),
			birthday_value(record), V_INT(op->now), V_TEXT(groups), V_TEXT(text));
	else
		r = tb_store_run(op->store,
			"UPDATE customers SET revision = ?2, due_at = 0, kind = ?3, contact = ?4,"
			" birthday = ?5, groups = ?6, record = ?7 WHERE id = ?1",
			V_INT(id), V_INT(revision), kind, V_INT(contact), birthday_value(record),
			V_TEXT(groups), V_TEXT(text));
	return r < 0 ? r : 0;
}

int
tb_record_store(
	struct tb_operation *op, int64_t id, int64_t revision, json_t *record, const json_t *old)
{
	_cleanup_free_ char *words = words_of(op, record);
	_cleanup_free_ char *old_words = old ? words_of(op, old) : NULL;
	char text[TB_ID_TEXT];
	int r;

	if (!words || (old && !old_words) ||
		json_object_set_new(record, "id", json_string(tb_id_format('c', id, text))) < 0 ||
		json_object_set_new(record, "revision", json_integer(revision)) < 0)
		return -ENOMEM;
	r = write_row(op, id, revision, record, !old);
	if (r >= 0 && old)
		r = each_handle(op, id, old, drop_handle, record);
	if (r >= 0)
		r = each_handle(op, id, record, put_handle, (void *)old);
	return r < 0 ? r : op->store->ops->words_put(op->store, id, old_words, words);
}

int
tb_record_forget(struct tb_operation *op, int64_t id, const json_t *old)
{
	_cleanup_free_ char *words = words_of(op, old);
	int r;

	if (!words)
		return -ENOMEM;
	r = each_handle(op, id, old, drop_handle, NULL);
	if (r < 0 || !*words)
		return r;
	return op->store->ops->words_put(op->store, id, words, NULL);
}
