/* SPDX-License-Identifier: MIT */
/* The walk over parameters and tables side by side. Depth is bounded by the codec's limit. */

#include "bridge/rpc/check.h"

#include <stdio.h>
#include <string.h>
#include "base/jsonw.h"
#include "base/timestamp.h"

/* Where we are, a frame a level; the text is made only when something is wrong. */
struct place {
	const struct place *parent;
	const char *name; /* NULL: an index */
	size_t index;
};

static void
add_pointer(struct tb_buf *buf, const struct place *place)
{
	if (!place)
		return;
	add_pointer(buf, place->parent);
	if (!place->name) {
		tb_buf_addf(buf, "/%zu", place->index);
		return;
	}
	tb_buf_add_byte(buf, '/');
	for (const char *p = place->name; *p; p++) {
		if (*p == '~')
			tb_buf_add_str(buf, "~0");
		else if (*p == '/')
			tb_buf_add_str(buf, "~1");
		else
			tb_buf_add_byte(buf, (uint8_t)*p);
	}
}

void
tb_check_add(struct tb_check *check, const char *pointer, const char *code)
{
	struct tb_jsonw w = TB_JSONW(&check->errors);

	if (check->n_errors++ >= TB_CHECK_ERRORS_MAX)
		return;
	w.comma = check->errors.len > 0;
	tb_jsonw_object(&w, NULL);
	tb_jsonw_string(&w, "pointer", pointer);
	tb_jsonw_string(&w, "code", code);
	tb_jsonw_end_object(&w);
}

static void
fault(struct tb_check *check, const struct place *place, const char *code)
{
	_cleanup_buf_ struct tb_buf pointer = TB_BUF_INIT(0);

	if (check->n_errors >= TB_CHECK_ERRORS_MAX) {
		check->n_errors++;
		return;
	}
	add_pointer(&pointer, place);
	tb_check_add(check, pointer.data ? pointer.data : "", code);
}

const char *
tb_words_next(const char **words, size_t *ret_len)
{
	const char *word = *words, *end;

	while (*word == ' ')
		word++;
	for (end = word; *end && *end != ' '; end++)
		;
	*words = end;
	*ret_len = (size_t)(end - word);
	return end > word ? word : NULL;
}

bool
tb_words_have(const char *words, const char *word)
{
	const char *each;
	size_t len;

	while ((each = tb_words_next(&words, &len)))
		if (strncmp(each, word, len) == 0 && word[len] == '\0')
			return true;
	return false;
}

static int64_t
count_chars(const char *text, size_t len)
{
	int64_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

/* Neither C0 nor DEL nor C1, whose UTF-8 is C2 80 .. C2 9F. */
static bool
is_printable(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0))
			return false;
	return true;
}

/* What is wrong with a string, or NULL. */
static const char *
string_fault(struct tb_check *check, const struct tb_field *field, const json_t *value)
{
	const char *text = json_string_value(value);
	size_t len = json_string_length(value);
	int64_t chars = count_chars(text, len), at_us;
	struct tb_date date;

	if (memchr(text, '\0', len))
		return "bad_value";
	switch (field->type) {
	case TB_TYPE_WORD:
		return tb_words_have(field->words, text) ? NULL : "bad_value";
	case TB_TYPE_TIME:
		return tb_time_parse(text, &at_us, NULL) < 0 ? "bad_time" : NULL;
	case TB_TYPE_DATE:
		return tb_date_parse(text, &date) < 0 ? "bad_time" : NULL;
	case TB_TYPE_WHEN:
		return tb_date_parse(text, &date) < 0 && tb_time_parse(text, &at_us, NULL) < 0
		               ? "bad_time"
		               : NULL;
	case TB_TYPE_KEY:
		if (!is_printable(text))
			return "bad_value";
		break;
	case TB_TYPE_CODE:
		if (check->is_payment_card && check->is_payment_card(text, check->userdata))
			check->payment_card = true;
		break;
	default:
		break;
	}
	if (field->max > 0 && chars > field->max)
		return "too_long";
	return chars < field->min ? "too_short" : NULL;
}

static const char *
int_fault(const struct tb_field *field, const json_t *value)
{
	json_int_t v = json_integer_value(value);

	return v < field->min || v > field->max ? "out_of_range" : NULL;
}

static void check_object(struct tb_check *check, const struct place *place,
	const struct tb_shape *shape, json_t *object);

/* No null, no fraction, no NUL, at any depth. */
static void
check_any(struct tb_check *check, const struct place *place, const json_t *value)
{
	struct place inner = {.parent = place};
	const char *name;
	json_t *member;

	switch (json_typeof(value)) {
	case JSON_OBJECT:
		json_object_foreach((json_t *)value, name, member) {
			inner.name = name;
			check_any(check, &inner, member);
		}
		break;
	case JSON_ARRAY:
		for (; inner.index < json_array_size(value); inner.index++)
			check_any(check, &inner, json_array_get(value, inner.index));
		break;
	case JSON_REAL:
	case JSON_NULL:
		fault(check, place, "wrong_type");
		break;
	case JSON_STRING:
		if (memchr(json_string_value(value), '\0', json_string_length(value)))
			fault(check, place, "bad_value");
		break;
	default:
		break;
	}
}

static void
check_map(struct tb_check *check, const struct place *place, const struct tb_field *field,
	json_t *value)
{
	const struct tb_field each = {.type = TB_TYPE_CODE, .max = field->max};
	struct place inner = {.parent = place};
	json_t *member;

	if (json_object_size(value) > field->items)
		fault(check, place, "too_many");
	json_object_foreach(value, inner.name, member) {
		const char *code = json_is_string(member) ? string_fault(check, &each, member)
		                                          : "wrong_type";

		if (code)
			fault(check, &inner, code);
	}
}

/* One value that is no list. */
static void
check_value(struct tb_check *check, const struct place *place, const struct tb_field *field,
	json_t *value)
{
	const char *code = NULL;
	bool fits;

	switch (field->type) {
	case TB_TYPE_ANY:
		check_any(check, place, value);
		return;
	case TB_TYPE_OBJECT:
	case TB_TYPE_MAP:
		fits = json_is_object(value);
		break;
	case TB_TYPE_INT:
		fits = json_is_integer(value);
		break;
	case TB_TYPE_BOOL:
		fits = json_is_boolean(value);
		break;
	case TB_TYPE_TRUE:
		fits = json_is_boolean(value);
		if (json_is_false(value))
			code = "bad_value";
		break;
	case TB_TYPE_SCALAR:
		fits = json_is_string(value) || json_is_integer(value) || json_is_boolean(value);
		break;
	default:
		fits = json_is_string(value);
		break;
	}
	if (!fits)
		code = "wrong_type";
	else if (json_is_string(value))
		code = string_fault(check, field, value);
	else if (field->type == TB_TYPE_INT)
		code = int_fault(field, value);
	if (code)
		fault(check, place, code);
	else if (field->type == TB_TYPE_OBJECT)
		check_object(check, place, field->shape, value);
	else if (field->type == TB_TYPE_MAP)
		check_map(check, place, field, value);
}

/* One value may be wrong in the file of a shop; a wrong form is the caller's mistake. */
static bool
is_of_value(const char *code)
{
	return tb_words_have("bad_value bad_time out_of_range too_long too_short too_many", code);
}

/* Puts what is wrong in the item's place, or refuses the call for it. */
static void
settle_alone(struct tb_check *check, const struct tb_check *alone, json_t *list, size_t i)
{
	_cleanup_buf_ struct tb_buf text = TB_BUF_INIT(0);
	json_t *faults, *fault;
	bool of_value = true;
	size_t k;

	tb_buf_add_byte(&text, '[');
	tb_buf_add(&text, alone->errors.data, alone->errors.len);
	tb_buf_add_byte(&text, ']');
	faults = tb_buf_error(&text) ? NULL : json_loadb(text.data, text.len, 0, NULL);
	json_array_foreach(faults, k, fault)
		of_value &= is_of_value(json_string_value(json_object_get(fault, "code")));
	if (faults && of_value) {
		json_array_set_new(list, i, json_pack("{s:o}", "fault", faults));
		return;
	}
	check->n_errors += faults == NULL;
	json_array_foreach(faults, k, fault)
		tb_check_add(check, json_string_value(json_object_get(fault, "pointer")),
			json_string_value(json_object_get(fault, "code")));
	json_decref(faults);
}

/* What another bridge has found at fault already, in the form of settle_alone(). */
static bool
was_settled(const json_t *item)
{
	json_t *faults = json_object_get(item, "fault"), *each;
	size_t k;

	if (json_object_size(item) != 1 || json_array_size(faults) == 0)
		return false;
	json_array_foreach(faults, k, each) {
		const char *pointer = json_string_value(json_object_get(each, "pointer"));
		const char *code = json_string_value(json_object_get(each, "code"));

		if (json_object_size(each) != 2 || !pointer || !code || !is_of_value(code))
			return false;
	}
	return true;
}

static void
check_alone(struct tb_check *check, const struct place *place, const struct tb_field *field,
	json_t *list)
{
	struct tb_check alone = {
		.tolerant = check->tolerant,
		.bridges = check->bridges,
		.is_payment_card = check->is_payment_card,
		.userdata = check->userdata,
	};

	if (check->bridges && was_settled(json_array_get(list, place->index)))
		return;
	check_value(&alone, place, field, json_array_get(list, place->index));
	check->payment_card |= alone.payment_card;
	check->unknown |= alone.unknown;
	if (alone.n_errors)
		settle_alone(check, &alone, list, place->index);
	tb_check_done(&alone);
}

static void
check_field(struct tb_check *check, const struct place *place, const struct tb_field *field,
	json_t *value)
{
	struct place inner = {.parent = place};

	if (!(field->flags & TB_LIST)) {
		check_value(check, place, field, value);
		return;
	}
	if (!json_is_array(value)) {
		fault(check, place, "wrong_type");
		return;
	}
	if (json_array_size(value) > field->items) {
		fault(check, place, "too_many");
		return;
	}
	for (; inner.index < json_array_size(value); inner.index++) {
		if (field->flags & TB_ALONE)
			check_alone(check, &inner, field, value);
		else
			check_value(check, &inner, field, json_array_get(value, inner.index));
	}
}

/* Whether the row is one of those that the object's alternative has. */
static bool
row_applies(const struct tb_field *field, const json_t *object)
{
	const char *words = field->with, *word;
	size_t len;

	if (!words)
		return true;
	while ((word = tb_words_next(&words, &len)))
		if (json_object_getn(object, word, len))
			return true;
	return false;
}

static const struct tb_field *
find_row(const struct tb_shape *shape, const json_t *object, const char *name)
{
	for (const struct tb_field *f = shape->fields; f->name; f++)
		if (f->name[0] == name[0] && strcmp(f->name, name) == 0 && row_applies(f, object))
			return f;
	return NULL;
}

/* How many of the alternatives stand in the object; what is one too many is a fault. */
static unsigned
check_alternatives(
	struct tb_check *check, const struct place *place, const char *words, const json_t *object)
{
	unsigned n = 0;
	const char *word;
	size_t len;

	while ((word = tb_words_next(&words, &len))) {
		char name[64];
		struct place inner = {.parent = place, .name = name};

		if (!json_object_getn(object, word, len) || ++n == 1)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)len, word);
		fault(check, &inner, "bad_value");
	}
	return n;
}

static void
check_object(struct tb_check *check, const struct place *place, const struct tb_shape *shape,
	json_t *object)
{
	uint64_t seen = 0;
	const char *name;
	json_t *value;
	void *tmp;

	if (shape->one_of && check_alternatives(check, place, shape->one_of, object) == 0)
		fault(check, place, "missing");
	if (shape->at_most_one_of)
		check_alternatives(check, place, shape->at_most_one_of, object);
	json_object_foreach_safe(object, tmp, name, value) {
		const struct tb_field *field = find_row(shape, object, name);
		struct place inner = {.parent = place, .name = name};

		if (field && (!(field->flags & TB_BRIDGES) || check->bridges)) {
			seen |= UINT64_C(1) << (field - shape->fields);
			check_field(check, &inner, field, value);
		} else if (check->tolerant) {
			check->unknown = true;
			json_object_del(object, name);
		} else {
			fault(check, &inner, "unknown");
		}
	}
	for (const struct tb_field *f = shape->fields; f->name; f++) {
		struct place inner = {.parent = place, .name = f->name};

		if ((f->flags & TB_REQUIRED) && !(seen >> (f - shape->fields) & 1) &&
			row_applies(f, object))
			fault(check, &inner, "missing");
	}
}

bool
tb_check_params(struct tb_check *check, const struct tb_shape *shape, json_t *object)
{
	check_object(check, NULL, shape, object);
	return check->n_errors == 0;
}

void
tb_check_done(struct tb_check *check)
{
	tb_buf_done(&check->errors);
}
