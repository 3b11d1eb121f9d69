/* SPDX-License-Identifier: MIT */
/* The tables as JSON Schema, and the frame that OpenAPI wants around them. */

#include "bridge/rpc/openapi.h"

#include <stdio.h>
#include <string.h>
#include "base/error.h"
#include "base/jsonw.h"
#include "bridge/events.h"
#include "bridge/rpc/check.h"
#include "bridge/rpc/describe.h"

#define SCHEMA_NAME_TEXT 64

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

/* A call that takes unknown members takes them at any depth: its shapes stand beside the closed
 * ones, because what one schema forbids no other can allow. */
static const char *
schema_name(const struct tb_shape *shape, bool tolerant, char out[SCHEMA_NAME_TEXT])
{
	snprintf(out, SCHEMA_NAME_TEXT, "%s%s", shape->name, tolerant ? ".open" : "");
	return out;
}

static void
write_object(struct tb_jsonw *w, const struct tb_field *f, bool tolerant)
{
	char name[SCHEMA_NAME_TEXT], ref[SCHEMA_NAME_TEXT + 32];

	tb_jsonw_string(w, "type", "object");
	snprintf(
		ref, sizeof(ref), "#/components/schemas/%s", schema_name(f->shape, tolerant, name));
	tb_jsonw_string(w, "$ref", ref);
}

/* The members of one value's schema. */
static void
write_value(struct tb_jsonw *w, const struct tb_field *f, bool tolerant)
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
		write_object(w, f, tolerant);
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
write_field(struct tb_jsonw *w, const struct tb_field *f, bool tolerant)
{
	_cleanup_buf_ struct tb_buf prose = TB_BUF_INIT(0);

	tb_jsonw_object(w, f->name);
	if (f->flags & TB_LIST) {
		tb_jsonw_string(w, "type", "array");
		tb_jsonw_int(w, "maxItems", f->items);
		tb_jsonw_object(w, "items");
		write_value(w, f, tolerant);
		tb_jsonw_end_object(w);
	} else {
		write_value(w, f, tolerant);
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
		write_field(w, f, tolerant);
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
write_response(struct tb_jsonw *w, const char *answers, const char *media, const char *type)
{
	tb_jsonw_object(w, "responses");
	tb_jsonw_object(w, "200");
	tb_jsonw_string(w, "description", answers);
	tb_jsonw_object(w, "content");
	tb_jsonw_object(w, media);
	tb_jsonw_object(w, "schema");
	tb_jsonw_string(w, "type", type);
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
	write_response(w, m->answers, "application/json", "object");
	tb_jsonw_end_object(w);
	tb_jsonw_end_object(w);
}

static void
begin_parameter(struct tb_jsonw *w, const char *name, const char *in, const char *prose)
{
	tb_jsonw_object(w, NULL);
	tb_jsonw_string(w, "name", name);
	tb_jsonw_string(w, "in", in);
	tb_jsonw_string(w, "description", prose);
}

static void
write_cursor(struct tb_jsonw *w, const char *name, const char *in, const char *prose)
{
	begin_parameter(w, name, in, prose);
	tb_jsonw_object(w, "schema");
	tb_jsonw_string(w, "type", "integer");
	tb_jsonw_string(w, "format", "int64");
	tb_jsonw_int(w, "minimum", 0);
	tb_jsonw_end_object(w);
	tb_jsonw_end_object(w);
}

/* The one path that is no method: what events.subscribe is on a connection. */
static void
write_events(struct tb_jsonw *w)
{
	tb_jsonw_object(w, "/v1/events");
	tb_jsonw_object(w, "get");
	tb_jsonw_string(w, "operationId", "events");
	tb_jsonw_string(w, "summary", "the stream of events (Server-Sent Events)");
	tb_jsonw_string(w, "description",
		"Role: monitor till. Each event has its seq as id, its kind as event and its "
		"parameters as data.");
	tb_jsonw_array(w, "parameters");
	begin_parameter(
		w, "kinds", "query", "which events; all that the token may have when absent");
	tb_jsonw_string(w, "style", "form");
	tb_jsonw_bool(w, "explode", false);
	tb_jsonw_object(w, "schema");
	tb_jsonw_string(w, "type", "array");
	tb_jsonw_object(w, "items");
	tb_jsonw_string(w, "type", "string");
	tb_jsonw_array(w, "enum");
	for (unsigned i = 0; i < TB_NOTICE_COUNT; i++)
		tb_jsonw_string(w, NULL, tb_notice_word((enum tb_notice)i));
	tb_jsonw_end_array(w);
	tb_jsonw_end_object(w);
	tb_jsonw_end_object(w);
	tb_jsonw_end_object(w);
	write_cursor(w, "since", "query", "seq after which to begin; from now on when absent");
	write_cursor(w, "Last-Event-ID", "header", "the same, as a page says it that reconnects");
	tb_jsonw_end_array(w);
	write_response(w, "events, as they come", "text/event-stream", "string");
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

/* Those of the methods that take unknown members, or of those that do not. */
static void
write_shapes(struct tb_jsonw *w, bool tolerant)
{
	struct tb_shape_set set = {};
	char name[SCHEMA_NAME_TEXT];

	for (size_t i = 0; i < tb_n_methods; i++)
		if (!(tb_methods[i].flags & TB_METHOD_TOLERANT) == !tolerant)
			tb_shape_set_add(&set, &tb_methods[i].params);
	for (size_t i = 0; i < set.n; i++) {
		tb_jsonw_object(w, schema_name(set.shapes[i], tolerant, name));
		write_shape(w, set.shapes[i], tolerant);
		tb_jsonw_end_object(w);
	}
}

static void
write_components(struct tb_jsonw *w)
{
	tb_jsonw_object(w, "components");
	tb_jsonw_object(w, "schemas");
	write_shapes(w, false);
	write_shapes(w, true);
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
	write_events(&w);
	tb_jsonw_end_object(&w);
	write_components(&w);
	tb_jsonw_end_object(&w);
}
