/* SPDX-License-Identifier: MIT */
/* Cleaning, comparing and laying records over each other: JSON in, JSON out, no store. */

#include "plugins/loyalty/ledger/records.h"

#include <string.h>
#include "base/text.h"
#include "plugins/loyalty/shapes/json.h"

#define TEXT_MAX 256 /* characters of a name, a street, a town */

enum field_type {
	FIELD_TEXT,
	FIELD_WORD, /* kind */
	FIELD_PHONES,
	FIELD_EMAILS,
	FIELD_DATE,
	FIELD_BOOL,
	FIELD_TEXTS,
	FIELD_CONSENTS,
	FIELD_CARDS,
	FIELD_REFS,
};

/* In the order of the api. */
static const struct field {
	const char *name;
	enum field_type type;
} fields[] = {
	{"kind", FIELD_WORD},
	{"first_name", FIELD_TEXT},
	{"last_name", FIELD_TEXT},
	{"phones", FIELD_PHONES},
	{"emails", FIELD_EMAILS},
	{"title", FIELD_TEXT},
	{"gender", FIELD_TEXT},
	{"language", FIELD_TEXT},
	{"birthday", FIELD_DATE},
	{"street", FIELD_TEXT},
	{"postcode", FIELD_TEXT},
	{"city", FIELD_TEXT},
	{"country", FIELD_TEXT},
	{"mail_returned", FIELD_BOOL},
	{"groups", FIELD_TEXTS},
	{"consents", FIELD_CONSENTS},
	{"cards", FIELD_CARDS},
	{"external_refs", FIELD_REFS},
};

static const struct field *
find_field(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	return NULL;
}

/* Takes the string. */
static json_t *
take_string(char *text)
{
	json_t *json = text ? json_string(text) : NULL;

	free(text);
	return json;
}

/* ---- cleaning ----------------------------------------------------------------------------- */

struct cleaning {
	struct tb_operation *op;
	struct tb_faults *faults;
	const char *prefix;
	bool nomem;
};

static json_t *
fault(struct cleaning *c, const char *code, const char *field)
{
	tb_faults_add(c->faults, code, "%s/%s", c->prefix, field);
	return NULL;
}

static size_t
characters(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static json_t *
clean_text(struct cleaning *c, const char *field, const json_t *in)
{
	if (!json_is_string(in))
		return fault(c, "bad_type", field);
	if (characters(json_string_value(in)) > TEXT_MAX)
		return fault(c, "too_long", field);
	return take_string(tb_text_nfc(json_string_value(in)));
}

static json_t *
clean_word(struct cleaning *c, const char *field, const json_t *in)
{
	const char *word = json_string_value(in);

	if (!word || (*word && strcmp(word, "person") != 0 && strcmp(word, "pro") != 0))
		return fault(c, "bad_value", field);
	return json_string(word);
}

static json_t *
clean_date(struct cleaning *c, const char *field, const json_t *in)
{
	const char *text = json_string_value(in);
	struct tb_date date;

	if (!text || (*text && tb_date_parse(text, &date) < 0))
		return fault(c, "bad_date", field);
	return json_string(text);
}

static json_t *
clean_bool(struct cleaning *c, const char *field, const json_t *in)
{
	return json_is_boolean(in) ? json_boolean(json_is_true(in)) : fault(c, "bad_type", field);
}

static bool
holds(const json_t *list, const json_t *value)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		if (json_equal(item, value))
			return true;
	return false;
}

/* One item of a list of texts; NULL with a code when it is none of that type. */
static char *
clean_item(struct cleaning *c, enum field_type type, const char *text, const char **ret_code)
{
	if (type == FIELD_PHONES) {
		*ret_code = "bad_phone";
		return tb_phone_e164(text, c->op->ledger->host->country);
	}
	if (type == FIELD_EMAILS) {
		*ret_code = "bad_email";
		return tb_email_fold(text);
	}
	*ret_code = "bad_value";
	return tb_text_nfc(text);
}

/* A list of texts without repetitions. */
static json_t *
clean_list(struct cleaning *c, const struct field *field, const json_t *in)
{
	json_t *list, *item;
	size_t i;

	if (!json_is_array(in))
		return fault(c, "bad_type", field->name);
	list = json_array();
	json_array_foreach(in, i, item) {
		const char *text = json_string_value(item), *code = "bad_type";
		json_t *clean = text ? take_string(clean_item(c, field->type, text, &code)) : NULL;

		if (!clean)
			tb_faults_add(c->faults, code, "%s/%s/%zu", c->prefix, field->name, i);
		else if (holds(list, clean))
			json_decref(clean);
		else
			json_array_append_new(list, clean);
	}
	return list;
}

static json_t *
clean_consent(struct cleaning *c, const char *channel, const json_t *in)
{
	const char *at = json_string_value(json_object_get(in, "at"));
	const json_t *granted = json_object_get(in, "granted");
	char now[TB_TIME_TEXT];
	int64_t us;

	if (!json_is_boolean(granted) || (at && tb_time_parse(at, &us, NULL) < 0)) {
		tb_faults_add(c->faults, "bad_value", "%s/consents/%s", c->prefix, channel);
		return NULL;
	}
	if (!at) {
		tb_time_format(
			c->op->now, tb_zone_offset(tb_shop_zone(c->op->ledger), c->op->now), now);
		at = now;
	}
	return json_pack("{s:b, s:s}", "granted", json_is_true(granted), "at", at);
}

static json_t *
clean_consents(struct cleaning *c, const json_t *in)
{
	static const char *const channels[] = {"sms", "email", "push"};
	json_t *out = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(channels); i++) {
		const json_t *consent = json_object_get(in, channels[i]);

		if (consent)
			json_object_set_new(
				out, channels[i], clean_consent(c, channels[i], consent));
	}
	return out;
}

static json_t *
clean_cards(struct cleaning *c, const json_t *in)
{
	json_t *out = json_array(), *item;
	size_t i;

	json_array_foreach(in, i, item) {
		const char *number = json_string_value(json_object_get(item, "number"));
		const char *state = json_string_value(json_object_get(item, "state"));
		const char *symbology = json_string_value(json_object_get(item, "symbology"));
		json_t *card;

		if (!number || !*number) {
			tb_faults_add(c->faults, "missing", "%s/cards/%zu/number", c->prefix, i);
			continue;
		}
		card = json_pack("{s:s, s:s*, s:s}", "number", number, "symbology", symbology,
			"state", state ? state : "active");
		json_array_append_new(out, card);
	}
	return out;
}

static json_t *
clean_refs(struct cleaning *c, const json_t *in)
{
	json_t *out = json_object();
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)in, name, value) {
		if (json_is_string(value))
			json_object_set(out, name, value);
		else
			tb_faults_add(
				c->faults, "bad_type", "%s/external_refs/%s", c->prefix, name);
	}
	return out;
}

static json_t *
clean_field(struct cleaning *c, const struct field *field, const json_t *in)
{
	switch (field->type) {
	case FIELD_TEXT:
		return clean_text(c, field->name, in);
	case FIELD_WORD:
		return clean_word(c, field->name, in);
	case FIELD_DATE:
		return clean_date(c, field->name, in);
	case FIELD_BOOL:
		return clean_bool(c, field->name, in);
	case FIELD_CONSENTS:
		return clean_consents(c, in);
	case FIELD_CARDS:
		return clean_cards(c, in);
	case FIELD_REFS:
		return clean_refs(c, in);
	default:
		return clean_list(c, field, in);
	}
}

int
tb_record_clean(struct tb_operation *op, const json_t *in, const char *prefix, json_t **ret,
	struct tb_faults *faults)
{
	struct cleaning c = {.op = op, .faults = faults, .prefix = prefix};
	_cleanup_(json_decrefp) json_t *out = json_object();
	size_t before = faults->count;
	const char *name;
	json_t *value;

	if (!out)
		return -ENOMEM;
	json_object_foreach((json_t *)in, name, value) {
		const struct field *field = find_field(name);
		json_t *clean = NULL;

		if (!field)
			fault(&c, "unknown", name);
		else
			clean = clean_field(&c, field, value);
		if (clean && json_object_set_new(out, name, clean) < 0)
			return -ENOMEM;
		if (!clean && faults->count == before)
			return -ENOMEM;
	}
	if (faults->nomem)
		return -ENOMEM;
	if (faults->count > before)
		return -EINVAL;
	*ret = TAKE_PTR(out);
	return 0;
}

/* ---- laying over -------------------------------------------------------------------------- */

static bool
is_empty(const json_t *value)
{
	if (!value)
		return true;
	if (json_is_string(value))
		return json_string_length(value) == 0;
	if (json_is_array(value))
		return json_array_size(value) == 0;
	if (json_is_object(value))
		return json_object_size(value) == 0;
	return false;
}

static bool
is_card_field(const char *name)
{
	return strcmp(name, "cards") == 0;
}

/* Members of an object field are laid over one by one: consents and references of others stay. */
static int
apply_object(json_t *record, const char *name, json_t *change)
{
	json_t *mine = json_object_get(record, name), *value;
	const char *member;

	if (is_empty(change))
		return json_object_set(record, name, change);
	if (!mine) {
		mine = json_object();
		if (json_object_set_new(record, name, mine) < 0)
			return -ENOMEM;
	}
	json_object_foreach(change, member, value) {
		if (is_empty(value))
			json_object_del(mine, member);
		else if (json_object_set(mine, member, value) < 0)
			return -ENOMEM;
	}
	return 0;
}

int
tb_record_apply(json_t *record, const json_t *change)
{
	const char *name;
	json_t *value;
	int r = 0;

	json_object_foreach((json_t *)change, name, value) {
		if (is_card_field(name))
			continue;
		if (json_is_object(value))
			r = apply_object(record, name, value);
		else
			r = json_object_set(record, name, value);
		if (r < 0)
			return -ENOMEM;
		if (is_empty(json_object_get(record, name)))
			json_object_del(record, name);
	}
	return 0;
}

void
tb_record_compact(json_t *record)
{
	const char *name;
	json_t *value;
	void *next;

	json_object_foreach_safe(record, next, name, value) {
		if (json_is_object(value) && !is_card_field(name))
			tb_record_compact(value);
		if (is_empty(value))
			json_object_del(record, name);
	}
}

static int
join_value(json_t *mine, const json_t *theirs)
{
	const char *name;
	json_t *value;
	size_t i;

	json_array_foreach(theirs, i, value)
		if (!holds(mine, value) && json_array_append(mine, value) < 0)
			return -ENOMEM;
	json_object_foreach((json_t *)theirs, name, value)
		if (!json_object_get(mine, name) && json_object_set(mine, name, value) < 0)
			return -ENOMEM;
	return 0;
}

int
tb_record_fill(json_t *record, const json_t *other, bool join)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const char *name = fields[i].name;
		json_t *theirs = json_object_get(other, name);
		json_t *mine = json_object_get(record, name);
		int r = 0;

		if (is_card_field(name) || is_empty(theirs))
			continue;
		if (is_empty(mine)) {
			_cleanup_(json_decrefp) json_t *copy = json_deep_copy(theirs);

			r = copy ? json_object_set(record, name, copy) : -1;
		} else if (join || json_is_object(mine)) {
			r = join_value(mine, theirs);
		}
		if (r < 0)
			return -ENOMEM;
	}
	return 0;
}

/* ---- text --------------------------------------------------------------------------------- */

json_t *
tb_record_parse(const struct tb_customer *c)
{
	return json_loadb(c->record, c->record_len, 0, NULL);
}

static bool
is_list(enum field_type type)
{
	return type == FIELD_PHONES || type == FIELD_EMAILS || type == FIELD_TEXTS ||
	       type == FIELD_CARDS;
}

char *
tb_record_text(const json_t *record)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&buf);

	tb_jsonw_object(&w, NULL);
	tb_json_write(&w, "id", json_object_get(record, "id"));
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const json_t *value = json_object_get(record, fields[i].name);

		if (value)
			tb_json_write(&w, fields[i].name, value);
		else if (is_list(fields[i].type)) /* it is there also when it holds nothing */
			tb_jsonw_raw(&w, fields[i].name, "[]", 2);
	}
	tb_json_write(&w, "token", json_object_get(record, "token"));
	tb_json_write(&w, "revision", json_object_get(record, "revision"));
	tb_jsonw_end_object(&w);
	return tb_buf_take(&buf);
}

bool
tb_record_empty(const json_t *record)
{
	const char *names[TB_RECORD_FIELDS];

	return tb_record_filled(record, names) == 0;
}

size_t
tb_record_filled(const json_t *record, const char *names[TB_RECORD_FIELDS])
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (!is_empty(json_object_get(record, fields[i].name)))
			names[n++] = fields[i].name;
	return n;
}

/* ---- comparing ---------------------------------------------------------------------------- */

static bool
same_text(const char *a, const char *b)
{
	_cleanup_free_ char *x = tb_text_fold(a), *y = tb_text_fold(b);

	return x && y ? strcmp(x, y) == 0 : strcmp(a, b) == 0;
}

/* The text an item of a list is compared by. */
static const char *
item_text(const json_t *item)
{
	const char *number = json_string_value(json_object_get(item, "number"));

	return number ? number : json_string_value(item) ? json_string_value(item) : "";
}

static bool
all_in(const json_t *list, const json_t *other)
{
	json_t *a, *b;
	size_t i, k;

	json_array_foreach(list, i, a) {
		bool found = false;

		json_array_foreach(other, k, b)
			found |= same_text(item_text(a), item_text(b));
		if (!found)
			return false;
	}
	return true;
}

/* Of consents what was said counts, not when; of references only those that the till knows. */
static bool
same_object(const json_t *till, const json_t *ours)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)till, name, value) {
		const json_t *mine = json_object_get(ours, name);
		bool granted = json_is_true(json_object_get(value, "granted"));

		if (json_is_object(value)
				? granted != json_is_true(json_object_get(mine, "granted")) || !mine
				: strcmp(item_text(value), item_text(mine)) != 0)
			return false;
	}
	return true;
}

bool
tb_record_same(struct tb_operation *op, const char *field, const json_t *till, const json_t *ours)
{
	if (is_empty(till) && is_empty(ours))
		return true;
	if (json_is_boolean(till) || json_is_boolean(ours))
		return json_is_true(till) == json_is_true(ours);
	if (json_is_array(till) || json_is_array(ours))
		return all_in(till, ours) && all_in(ours, till);
	if (json_is_object(till) || json_is_object(ours))
		return same_object(till, ours);
	return same_text(item_text(till), item_text(ours));
}
