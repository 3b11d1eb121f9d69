/* SPDX-License-Identifier: MIT */
/* The tables as JSON Schema, and the frame that OpenAPI wants around them. */

#include "bridge/rpc/openapi.h"

#include <stdio.h>
#include <string.h>
#include "base/error.h"
#include "base/jsonw.h"
#include "bridge/rpc/check.h"
#include "bridge/rpc/describe.h"

static void
write_words(struct tb_jsonw *w, const char *name, const char *words)
{
	const char *word;
	size_t len;

	tb_jsonw_array(w, name);
	while ((word = tb_words_next(&words, &len)))
		tb_jsonw_string_n(w, NULL, word, len);
	tb_jsonw_end_array(w);
}

static void
write_string(struct tb_jsonw *w, const struct tb_field *f)
{
	tb_jsonw_string(w, "type", "string");
	if (f->type == TB_TYPE_WORD)
		write_words(w, "enum", f->words);
	if (f->type == TB_TYPE_TIME)
		tb_jsonw_string(w, "format", "date-time");
	if (f->type == TB_TYPE_DATE)
		tb_jsonw_string(w, "format", "date");
	if (f->min > 0)
		tb_jsonw_int(w, "minLength", f->min);
	if (f->max > 0 && f->max < INT32_MAX)
		tb_jsonw_int(w, "maxLength", f->max);
}

static void
write_int(struct tb_jsonw *w, const struct tb_field *f)
{
	tb_jsonw_string(w, "type", "integer");
	tb_jsonw_string(w, "format", "int64");
	if (f->min != INT64_MIN)
		tb_jsonw_int(w, "minimum", f->min);
	if (f->max != INT64_MAX)
		tb_jsonw_int(w, "maximum", f->max);
}

static void
write_object(struct tb_jsonw *w, const struct tb_field *f)
{
	char ref[96];

	tb_jsonw_string(w, "type", "object");
	snprintf(ref, sizeof(ref), "#/components/schemas/%s", f->shape->name);
	tb_jsonw_string(w, "$ref", ref);
}

/* The members of one value's schema. */
static void
write_value(struct tb_jsonw *w, const struct tb_field *f)
{
	switch (f->type) {
	case TB_TYPE_INT:
		write_int(w, f);
		break;
	case TB_TYPE_TRUE:
	case TB_TYPE_BOOL:
		tb_jsonw_string(w, "type", "boolean");
		if (f->type == TB_TYPE_TRUE)
			tb_jsonw_bool(w, "const", true);
		break;
	case TB_TYPE_OBJECT:
		write_object(w, f);
		break;
	case TB_TYPE_MAP:
		tb_jsonw_string(w, "type", "object");
		tb_jsonw_object(w, "additionalProperties");
		tb_jsonw_string(w, "type", "string");
		tb_jsonw_int(w, "maxLength", f->max);
		tb_jsonw_end_object(w);
		tb_jsonw_int(w, "maxProperties", f->items);
		break;
	case TB_TYPE_SCALAR:
		write_words(w, "type", "string integer boolean");
		break;
	case TB_TYPE_ANY:
		write_words(w, "type", "string integer boolean object array");
		break;
	default:
		write_string(w, f);
		break;
	}
}

static void
write_field(struct tb_jsonw *w, const struct tb_field *f)
{
	_cleanup_buf_ struct tb_buf prose = TB_BUF_INIT(0);

	tb_jsonw_object(w, f->name);
	if (f->flags & TB_LIST) {
		tb_jsonw_string(w, "type", "array");
		tb_jsonw_int(w, "maxItems", f->items);
		tb_jsonw_object(w, "items");
		write_value(w, f);
		tb_jsonw_end_object(w);
	} else {
		write_value(w, f);
	}
	tb_buf_add_str(&prose, f->prose ? f->prose : "");
	if (f->unit)
		tb_buf_addf(&prose, " (%s)", f->unit);
	if (f->with)
		tb_buf_addf(&prose, "; with: %s", f->with);
	tb_jsonw_string(w, "description", prose.data);
	tb_jsonw_end_object(w);
}

static void
write_alternatives(struct tb_jsonw *w, const char *words)
{
	const char *word;
	size_t len;

	tb_jsonw_array(w, "oneOf");
	while ((word = tb_words_next(&words, &len))) {
		tb_jsonw_object(w, NULL);
		tb_jsonw_array(w, "required");
		tb_jsonw_string_n(w, NULL, word, len);
		tb_jsonw_end_array(w);
		tb_jsonw_end_object(w);
	}
	tb_jsonw_end_array(w);
}

/* The members of an object's schema. */
static void
write_shape(struct tb_jsonw *w, const struct tb_shape *shape, bool tolerant)
{
	bool any = false;

	tb_jsonw_string(w, "type", "object");
	tb_jsonw_object(w, "properties");
	for (const struct tb_field *f = shape->fields; f->name; f++)
		write_field(w, f);
	tb_jsonw_end_object(w);
	/* A member of one alternative only is required of that one alone. */
	for (const struct tb_field *f = shape->fields; f->name; f++)
		any = any || ((f->flags & TB_REQUIRED) && !f->with);
	if (any) {
		tb_jsonw_array(w, "required");
		for (const struct tb_field *f = shape->fields; f->name; f++)
			if ((f->flags & TB_REQUIRED) && !f->with)
				tb_jsonw_string(w, NULL, f->name);
		tb_jsonw_end_array(w);
	}
	if (shape->one_of)
		write_alternatives(w, shape->one_of);
	if (shape->at_most_one_of) {
		tb_jsonw_object(w, "not");
		write_words(w, "required", shape->at_most_one_of);
		tb_jsonw_end_object(w);
	}
	tb_jsonw_bool(w, "additionalProperties", tolerant);
}

static void
write_response(struct tb_jsonw *w, const struct tb_method *m)
{
	tb_jsonw_object(w, "responses");
	tb_jsonw_object(w, "200");
	tb_jsonw_string(w, "description", m->answers);
	tb_jsonw_object(w, "content");
	tb_jsonw_object(w, "application/json");
	tb_jsonw_object(w, "schema");
	tb_jsonw_string(w, "type", "object");
	tb_jsonw_end_object(w);
	tb_jsonw_end_object(w);
	tb_jsonw_end_object(w);
	tb_jsonw_end_object(w);
	tb_jsonw_object(w, "default");
	tb_jsonw_string(w, "$ref", "#/components/responses/problem");
	tb_jsonw_end_object(w);
	tb_jsonw_end_object(w);
}

static void
write_method(struct tb_jsonw *w, const struct tb_method *m)
{
	_cleanup_buf_ struct tb_buf text = TB_BUF_INIT(0);

	tb_buf_addf(&text, "/v1/%s", m->name);
	tb_jsonw_object(w, text.data);
	tb_jsonw_object(w, "post");
	tb_jsonw_string(w, "operationId", m->name);
	tb_jsonw_string(w, "summary", m->prose);
	tb_buf_reset(&text);
	tb_buf_add_str(&text, "Role:");
	for (uint32_t role = 1; role <= TB_ROLE_MANAGER; role <<= 1)
		if (m->roles & role)
			tb_buf_addf(&text, " %s", tb_role_word((enum tb_role)role));
	if (m->flags & TB_METHOD_SOCKET)
		tb_buf_add_str(&text, ". Belongs to a connection of the unix socket.");
	tb_jsonw_string(w, "description", text.data);
	tb_jsonw_object(w, "requestBody");
	tb_jsonw_bool(w, "required", true);
	tb_jsonw_object(w, "content");
	tb_jsonw_object(w, "application/json");
	tb_jsonw_object(w, "schema");
	write_shape(w, &m->params, m->flags & TB_METHOD_TOLERANT);
	tb_jsonw_end_object(w);
	tb_jsonw_end_object(w);
	tb_jsonw_end_object(w);
	tb_jsonw_end_object(w);
	write_response(w, m);
	tb_jsonw_end_object(w);
	tb_jsonw_end_object(w);
}

static void
write_simple(struct tb_jsonw *w, const char *name, const char *type, const char *prose)
{
	tb_jsonw_object(w, name);
	tb_jsonw_string(w, "type", type);
	tb_jsonw_string(w, "description", prose);
	tb_jsonw_end_object(w);
}

/* RFC 9457, with the members of our errors. */
static void
write_problem_schema(struct tb_jsonw *w)
{
	tb_jsonw_object(w, "problem");
	tb_jsonw_string(w, "type", "object");
	tb_jsonw_object(w, "properties");
	write_simple(w, "type", "string", "a URI of the error's kind");
	write_simple(w, "title", "string", "the code");
	write_simple(w, "status", "integer", "of HTTP");
	write_simple(w, "detail", "string", "a sentence for a person");
	tb_jsonw_object(w, "code");
	tb_jsonw_string(w, "type", "string");
	tb_jsonw_array(w, "enum");
	for (unsigned i = TB_OK + 1; i < TB_ERROR_COUNT; i++)
		tb_jsonw_string(w, NULL, tb_error_word((enum tb_error)i));
	tb_jsonw_end_array(w);
	tb_jsonw_end_object(w);
	write_simple(w, "retryable", "boolean", "the same call may succeed later");
	tb_jsonw_object(w, "errors");
	tb_jsonw_string(w, "type", "array");
	tb_jsonw_object(w, "items");
	tb_jsonw_string(w, "type", "object");
	tb_jsonw_object(w, "properties");
	write_simple(w, "pointer", "string", "JSON pointer into the parameters");
	write_simple(w, "code", "string", "what is wrong there");
	tb_jsonw_end_object(w);
	tb_jsonw_end_object(w);
	tb_jsonw_end_object(w);
	tb_jsonw_end_object(w);
	tb_jsonw_array(w, "required");
	tb_jsonw_string(w, NULL, "code");
	tb_jsonw_string(w, NULL, "retryable");
	tb_jsonw_end_array(w);
	tb_jsonw_end_object(w);
}

static void
write_components(struct tb_jsonw *w)
{
	struct tb_shape_set set = {};

	for (size_t i = 0; i < tb_n_methods; i++)
		tb_shape_set_add(&set, &tb_methods[i].params);
	tb_jsonw_object(w, "components");
	tb_jsonw_object(w, "schemas");
	for (size_t i = 0; i < set.n; i++) {
		tb_jsonw_object(w, set.shapes[i]->name);
		write_shape(w, set.shapes[i], false);
		tb_jsonw_end_object(w);
	}
	write_problem_schema(w);
	tb_jsonw_end_object(w);
	tb_jsonw_object(w, "responses");
	tb_jsonw_object(w, "problem");
	tb_jsonw_string(w, "description", "refused; the code says why");
	tb_jsonw_object(w, "content");
	tb_jsonw_object(w, "application/problem+json");
	tb_jsonw_object(w, "schema");
	tb_jsonw_string(w, "$ref", "#/components/schemas/problem");
	tb_jsonw_end_object(w);
	tb_jsonw_end_object(w);
	tb_jsonw_end_object(w);
	tb_jsonw_end_object(w);
	tb_jsonw_end_object(w);
	tb_jsonw_object(w, "securitySchemes");
	tb_jsonw_object(w, "token");
	tb_jsonw_string(w, "type", "http");
	tb_jsonw_string(w, "scheme", "bearer");
	tb_jsonw_end_object(w);
	tb_jsonw_end_object(w);
	tb_jsonw_end_object(w);
}

void
tb_openapi_write(struct tb_buf *buf)
{
	struct tb_jsonw w = TB_JSONW(buf);

	tb_jsonw_object(&w, NULL);
	tb_jsonw_string(&w, "openapi", "3.1.0");
	tb_jsonw_object(&w, "info");
	tb_jsonw_string(&w, "title", "tillbridge");
	tb_jsonw_string(&w, "version", TB_VERSION);
	tb_jsonw_string(&w, "description",
		"What a till says to the bridge. The same methods are called over the unix socket "
		"as JSON-RPC 2.0.");
	tb_jsonw_object(&w, "license");
	tb_jsonw_string(&w, "name", "MIT");
	tb_jsonw_string(&w, "identifier", "MIT");
	tb_jsonw_end_object(&w);
	tb_jsonw_end_object(&w);
	tb_jsonw_array(&w, "security");
	tb_jsonw_object(&w, NULL);
	tb_jsonw_array(&w, "token");
	tb_jsonw_end_array(&w);
	tb_jsonw_end_object(&w);
	tb_jsonw_end_array(&w);
	tb_jsonw_object(&w, "paths");
	for (size_t i = 0; i < tb_n_methods; i++)
		write_method(&w, &tb_methods[i]);
	tb_jsonw_end_object(&w);
	write_components(&w);
	tb_jsonw_end_object(&w);
}
