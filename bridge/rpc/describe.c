/* SPDX-License-Identifier: MIT */
/* The table of methods as JSON, for people who ask `tillctl help`. */

#include "bridge/rpc/describe.h"

#include <string.h>
#include "base/jsonw.h"
#include "bridge/rpc/check.h"

static const char *const types[] = {
	[TB_TYPE_STRING] = "string",
	[TB_TYPE_KEY] = "key",
	[TB_TYPE_CODE] = "code",
	[TB_TYPE_WORD] = "word",
	[TB_TYPE_INT] = "integer",
	[TB_TYPE_BOOL] = "boolean",
	[TB_TYPE_TRUE] = "true",
	[TB_TYPE_TIME] = "time",
	[TB_TYPE_DATE] = "date",
	[TB_TYPE_WHEN] = "time or date",
	[TB_TYPE_OBJECT] = "object",
	[TB_TYPE_MAP] = "map",
	[TB_TYPE_SCALAR] = "string, integer or boolean",
	[TB_TYPE_ANY] = "any",
};

void
tb_shape_set_add(struct tb_shape_set *set, const struct tb_shape *shape)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->shapes[i] == shape)
			return;
	if (shape->name) {
		if (set->n == TB_SHAPES_MAX)
			return;
		set->shapes[set->n++] = shape;
	}
	for (const struct tb_field *f = shape->fields; f->name; f++)
		if (f->shape)
			tb_shape_set_add(set, f->shape);
}

static void
write_words(struct tb_jsonw *w, const char *name, const char *words)
{
	const char *word;
	size_t len;

	if (!words)
		return;
	tb_jsonw_array(w, name);
	while ((word = tb_words_next(&words, &len)))
		tb_jsonw_string_n(w, NULL, word, len);
	tb_jsonw_end_array(w);
}

static void
write_field(struct tb_jsonw *w, const struct tb_field *f)
{
	bool number = f->type == TB_TYPE_INT;

	tb_jsonw_object(w, NULL);
	tb_jsonw_string(w, "name", f->name);
	tb_jsonw_string(w, "type", types[f->type]);
	if (f->flags & TB_LIST) {
		tb_jsonw_bool(w, "list", true);
		tb_jsonw_int(w, "items_max", f->items);
	}
	tb_jsonw_bool(w, "required", f->flags & TB_REQUIRED);
	tb_jsonw_string(w, "unit", f->unit);
	if (number ? f->min != INT64_MIN : f->min > 0)
		tb_jsonw_int(w, "min", f->min);
	if (number ? f->max != INT64_MAX : f->max > 0)
		tb_jsonw_int(w, "max", f->max);
	write_words(w, "words", f->words);
	write_words(w, "with", f->with);
	if (f->shape)
		tb_jsonw_string(w, "shape", f->shape->name);
	tb_jsonw_string(w, "prose", f->prose);
	tb_jsonw_end_object(w);
}

static void
write_fields(struct tb_jsonw *w, const char *name, const struct tb_shape *shape)
{
	tb_jsonw_array(w, name);
	for (const struct tb_field *f = shape->fields; f->name; f++)
		write_field(w, f);
	tb_jsonw_end_array(w);
	write_words(w, "one_of", shape->one_of);
	write_words(w, "at_most_one_of", shape->at_most_one_of);
}

static void
write_method(struct tb_jsonw *w, const struct tb_method *m)
{
	tb_jsonw_object(w, NULL);
	tb_jsonw_string(w, "name", m->name);
	for (uint32_t role = 1; role <= TB_ROLE_MANAGER; role <<= 1)
		if (m->roles & role)
			tb_jsonw_string(w, "role", tb_role_word((enum tb_role)role));
	tb_jsonw_bool(w, "changes", m->flags & TB_METHOD_CHANGES);
	tb_jsonw_bool(w, "keyed", m->flags & TB_METHOD_KEYED);
	tb_jsonw_string(w, "prose", m->prose);
	tb_jsonw_string(w, "answers", m->answers);
	write_fields(w, "params", &m->params);
	tb_jsonw_end_object(w);
}

void
tb_methods_write(struct tb_buf *buf, const struct tb_method *only)
{
	struct tb_jsonw w = TB_JSONW(buf);
	struct tb_shape_set set = {};

	tb_jsonw_object(&w, NULL);
	tb_jsonw_array(&w, "methods");
	for (size_t i = 0; i < tb_n_methods; i++) {
		if (only && only != &tb_methods[i])
			continue;
		write_method(&w, &tb_methods[i]);
		tb_shape_set_add(&set, &tb_methods[i].params);
	}
	tb_jsonw_end_array(&w);
	tb_jsonw_object(&w, "shapes");
	for (size_t i = 0; i < set.n; i++) {
		tb_jsonw_object(&w, set.shapes[i]->name);
		write_fields(&w, "fields", set.shapes[i]);
		tb_jsonw_end_object(&w);
	}
	tb_jsonw_end_object(&w);
	tb_jsonw_end_object(&w);
}
