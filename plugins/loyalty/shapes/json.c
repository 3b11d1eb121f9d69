/* SPDX-License-Identifier: MIT */
/* Writing parsed JSON back. The depth is that of what was read: 32. */

#include "plugins/loyalty/shapes/json.h"

#include <stdio.h>

static void
write_object(struct tb_jsonw *w, const char *name, const json_t *object)
{
	const char *member;
	json_t *value;

	tb_jsonw_object(w, name);
	json_object_foreach((json_t *)object, member, value)
		tb_json_write(w, member, value);
	tb_jsonw_end_object(w);
}

static void
write_array(struct tb_jsonw *w, const char *name, const json_t *array)
{
	json_t *value;
	size_t i;

	tb_jsonw_array(w, name);
	json_array_foreach(array, i, value)
		tb_json_write(w, NULL, value);
	tb_jsonw_end_array(w);
}

void
tb_json_write(struct tb_jsonw *w, const char *name, const json_t *value)
{
	char real[40];
	int n;

	if (!value)
		return;
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		write_object(w, name, value);
		break;
	case JSON_ARRAY:
		write_array(w, name, value);
		break;
	case JSON_STRING:
		tb_jsonw_string_n(w, name, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER:
		tb_jsonw_int(w, name, json_integer_value(value));
		break;
	case JSON_REAL: /* only in a member that nobody knows */
		n = snprintf(real, sizeof(real), "%.17g", json_real_value(value));
		tb_jsonw_raw(w, name, real, (size_t)n);
		break;
	case JSON_NULL:
		tb_jsonw_raw(w, name, "null", 4);
		break;
	default:
		tb_jsonw_bool(w, name, json_is_true(value));
		break;
	}
}

char *
tb_json_text(const json_t *value)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&buf);

	tb_json_write(&w, NULL, value);
	return tb_buf_take(&buf);
}
