/* SPDX-License-Identifier: MIT */
/* Reading and writing the lines of JSON-RPC. */

#include "bridge/rpc/codec.h"

#include <stdio.h>
#include <string.h>
#include "bridge/rpc/plain.h"

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t
digits(const char *p, size_t len)
{
	size_t n = 0;

	while (n < len && is_digit(p[n]))
		n++;
	return n;
}

/*
 * Length of the token of digits and signs at p. One that is a number with a fraction or an exponent
 * by JSON's grammar is written over; anything else stays for the parser to judge.
 */
static size_t
look_number(char *p, size_t len)
{
	size_t token = 0, i = 0, n;
	bool fraction = false, exponent = false;

	while (token < len && (is_digit(p[token]) || strchr("+-.eE", p[token])) && p[token])
		token++;
	if (token > 0 && p[0] == '-')
		i++;
	n = digits(p + i, token - i);
	if (n == 0 || (n > 1 && p[i] == '0'))
		return token;
	i += n;
	if (i < token && p[i] == '.') {
		n = digits(p + i + 1, token - i - 1);
		fraction = n > 0;
		i += 1 + n;
		if (!fraction)
			return token;
	}
	if (i < token && (p[i] == 'e' || p[i] == 'E')) {
		i++;
		if (i < token && (p[i] == '+' || p[i] == '-'))
			i++;
		n = digits(p + i, token - i);
		exponent = n > 0;
		i += n;
		if (!exponent)
			return token;
	}
	if (i == token && (fraction || exponent)) {
		memset(p, ' ', token);
		memcpy(p, "0.0", 3);
	}
	return token;
}

static bool
is_nul_escape(const char *p, size_t len)
{
	return len >= 6 && memcmp(p, "\\u0000", 6) == 0;
}

/* Length of the string token that begins at p with its quote; a member's name loses its NULs. */
static size_t
look_string(char *p, size_t len)
{
	size_t i = 1, after;
	bool nul = false;

	for (; i < len && p[i] != '"'; i++)
		if (p[i] == '\\') {
			nul = nul || is_nul_escape(p + i, len - i);
			i++;
		}
	if (i >= len)
		return len;
	i++;
	for (after = i; nul && after < len && strchr(" \t\r\n", p[after]) && p[after]; after++)
		;
	if (nul && after < len && p[after] == ':')
		for (size_t k = 1; k < i; k += p[k] == '\\' ? 2 : 1)
			if (is_nul_escape(p + k, i - k))
				memcpy(p + k, "\\ufffd", 6);
	return i;
}

int
tb_codec_look(char *line, size_t len, struct tb_codec_facts *ret)
{
	struct tb_codec_facts facts = {.calls = 1};
	size_t depth = 0, values = 0, commas = 0, i = 0;

	while (i < len && strchr(" \t\r\n", line[i]) && line[i])
		i++;
	facts.batch = i < len && line[i] == '[';
	while (i < len) {
		switch (line[i]) {
		case '"':
			i += look_string(line + i, len - i);
			continue;
		case '{':
		case '[':
			values++;
			if (++depth > TB_RPC_DEPTH_MAX)
				return -EBADMSG;
			if (depth == 2)
				facts.object = i;
			break;
		case '}':
		case ']':
			if (depth == 2)
				facts.object_end = i + 1;
			depth -= depth > 0;
			break;
		case ',':
			values++;
			commas += depth == 1;
			break;
		default:
			if (line[i] == '-' || is_digit(line[i])) {
				i += look_number(line + i, len - i);
				continue;
			}
			break;
		}
		i++;
		if (values > TB_RPC_VALUES_MAX)
			return -EMSGSIZE;
	}
	if (facts.batch) {
		if (commas >= TB_RPC_BATCH_MAX)
			return -EMSGSIZE;
		facts.calls = (unsigned)commas + 1;
	}
	*ret = facts;
	return 0;
}

static size_t
blanks(const char *line, size_t len, size_t at)
{
	while (at < len &&
		(line[at] == ' ' || line[at] == '\t' || line[at] == '\r' || line[at] == '\n'))
		at++;
	return at;
}

/* End of a string of printable ASCII without escapes that begins at `at`; 0 when it is none. */
static size_t
plain_string(const char *line, size_t len, size_t at)
{
	if (at >= len || line[at] != '"')
		return 0;
	for (at++; at < len && line[at] != '"'; at++)
		if (line[at] < 0x20 || line[at] > 0x7e || line[at] == '\\')
			return 0;
	return at < len ? at + 1 : 0;
}

/* End of an integer of at most 18 digits. */
static size_t
plain_integer(const char *line, size_t len, size_t at)
{
	size_t n;

	at += at < len && line[at] == '-';
	n = digits(line + at, len - at);
	if (n == 0 || n > 18 || (n > 1 && line[at] == '0'))
		return 0;
	at += n;
	/* -0 and 0.5 are for the parser. */
	return at < len && (line[at] == ',' || line[at] == '}' || line[at] == ' ') &&
	                       !(n == 1 && line[at - 1] == '0' && line[at - 2] == '-')
	               ? at
	               : 0;
}

/* The member whose name begins at `at`: end of its value, 0 when it is not one of ours. */
static size_t
plain_member(const char *line, size_t len, size_t at, const struct tb_codec_facts *facts,
	struct tb_codec_call *call, bool *version)
{
	size_t end = plain_string(line, len, at), name_len = end - at;
	const char *name = line + at;

	if (end == 0)
		return 0;
	at = blanks(line, len, end);
	if (at >= len || line[at] != ':')
		return 0;
	at = blanks(line, len, at + 1);
	if (name_len == 9 && memcmp(name, "\"jsonrpc\"", 9) == 0 && !*version) {
		*version = true;
		return len - at >= 5 && memcmp(line + at, "\"2.0\"", 5) == 0 ? at + 5 : 0;
	}
	if (name_len == 4 && memcmp(name, "\"id\"", 4) == 0 && !call->id) {
		end = plain_string(line, len, at);
		if (end == 0)
			end = plain_integer(line, len, at);
		call->id = line + at;
		call->id_len = end - at;
		return end;
	}
	if (name_len == 8 && memcmp(name, "\"method\"", 8) == 0 && !call->method) {
		end = plain_string(line, len, at);
		call->method = line + at + 1;
		call->method_len = end - at - 2;
		return end;
	}
	if (name_len == 8 && memcmp(name, "\"params\"", 8) == 0 && !call->params) {
		if (facts->object != at || line[at] != '{' || facts->object_end <= at)
			return 0;
		call->params = line + at;
		call->params_len = facts->object_end - at;
		return facts->object_end;
	}
	return 0;
}

bool
tb_codec_plain(
	const char *line, size_t len, const struct tb_codec_facts *facts, struct tb_codec_call *ret)
{
	struct tb_codec_call call = {};
	bool version = false;
	size_t at = blanks(line, len, 0);

	if (at >= len || line[at] != '{')
		return false;
	do {
		at = plain_member(line, len, blanks(line, len, at + 1), facts, &call, &version);
		if (at == 0)
			return false;
		at = blanks(line, len, at);
	} while (at < len && line[at] == ',');
	if (at >= len || line[at] != '}' || blanks(line, len, at + 1) != len)
		return false;
	if (!version || !call.id || !call.method)
		return false;
	*ret = call;
	return true;
}

json_t *
tb_codec_plain_params(const struct tb_codec_call *call)
{
	json_t *params;

	if (!call->params)
		return json_object();
	params = tb_plain_object(call->params, call->params_len);
	return params ? params
	              : json_loadb(call->params, call->params_len,
				JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
}

/* One array or object within which the search for doubles stands. */
struct frame {
	json_t *names; /* those seen so far; NULL for an array */
	size_t index;
	char *name; /* the latest */
};

struct search {
	struct frame frames[TB_RPC_DEPTH_MAX];
	size_t depth;
	bool batch, expect_name;
	struct tb_codec_line *line;
};

static void
add_step(struct tb_buf *buf, const char *name)
{
	tb_buf_add_byte(buf, '/');
	for (; *name; name++) {
		if (*name == '~')
			tb_buf_add_str(buf, "~0");
		else if (*name == '/')
			tb_buf_add_str(buf, "~1");
		else
			tb_buf_add_byte(buf, (uint8_t)*name);
	}
}

/* Notes where the doubled name stands, within params if it stands there. */
static int
note_double(struct search *s)
{
	size_t call = s->batch ? s->frames[0].index : 0;
	size_t from = s->batch ? 1 : 0;
	struct tb_buf pointer = TB_BUF_INIT(0);

	if (call >= TB_RPC_BATCH_MAX || s->line->doubled[call])
		return 0;
	if (from + 1 < s->depth && s->frames[from].name &&
		strcmp(s->frames[from].name, "params") == 0)
		from++;
	for (size_t i = from; i < s->depth; i++) {
		if (s->frames[i].names)
			add_step(&pointer, s->frames[i].name);
		else
			tb_buf_addf(&pointer, "/%zu", s->frames[i].index);
	}
	s->line->doubled[call] = tb_buf_take(&pointer);
	return s->line->doubled[call] ? 0 : -ENOMEM;
}

static int
search_name(struct search *s, const char *token, size_t len)
{
	json_t *name = json_loadb(token, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	struct frame *frame = &s->frames[s->depth - 1];
	int r = 0;

	if (!name)
		return -ENOMEM;
	free(frame->name);
	frame->name = strdup(json_string_value(name));
	json_decref(name);
	if (!frame->name)
		return -ENOMEM;
	if (json_object_get(frame->names, frame->name))
		r = note_double(s);
	else
		r = json_object_set_new_nocheck(frame->names, frame->name, json_null());
	return r < 0 ? -ENOMEM : 0;
}

static void
pop(struct search *s)
{
	struct frame *frame = &s->frames[--s->depth];

	json_decref(frame->names);
	free(frame->name);
	*frame = (struct frame){};
}

/* The line is JSON and not too deep; only doubled names are unknown. */
static int
find_doubles(const char *line, size_t len, struct tb_codec_line *ret)
{
	struct search s = {.line = ret};
	size_t token;
	int r = 0;

	for (size_t i = 0; i < len && r >= 0; i++) {
		struct frame *top = s.depth > 0 ? &s.frames[s.depth - 1] : NULL;

		if (line[i] == '"') {
			for (token = 1; line[i + token] != '"'; token++)
				token += line[i + token] == '\\';
			if (top && top->names && s.expect_name)
				r = search_name(&s, line + i, token + 1);
			i += token;
			s.expect_name = false;
		} else if (line[i] == '{' || line[i] == '[') {
			s.batch = s.batch || (s.depth == 0 && line[i] == '[');
			s.frames[s.depth].names = line[i] == '{' ? json_object() : NULL;
			if (line[i] == '{' && !s.frames[s.depth].names)
				r = -ENOMEM;
			s.depth++;
			s.expect_name = line[i] == '{';
		} else if (line[i] == '}' || line[i] == ']') {
			pop(&s);
			s.expect_name = false;
		} else if (line[i] == ',') {
			s.expect_name = top && top->names;
			if (top && !top->names)
				top->index++;
		}
	}
	while (s.depth > 0)
		pop(&s);
	return r;
}

int
tb_codec_parse(const char *line, size_t len, struct tb_codec_line *ret)
{
	const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
	struct tb_codec_line parsed = {};
	json_error_t error;
	int r;

	parsed.root = json_loadb(line, len, flags | JSON_REJECT_DUPLICATES, &error);
	if (!parsed.root && json_error_code(&error) == json_error_duplicate_key) {
		/* Which call it is in, and its id, are in a tree that takes doubles. */
		parsed.root = json_loadb(line, len, flags, &error);
		r = parsed.root ? find_doubles(line, len, &parsed) : 0;
		if (r < 0) {
			tb_codec_line_done(&parsed);
			return r;
		}
	}
	if (!parsed.root)
		return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : -EBADMSG;
	*ret = parsed;
	return 0;
}

void
tb_codec_line_done(struct tb_codec_line *line)
{
	json_decref(line->root);
	for (size_t i = 0; i < ARRAY_SIZE(line->doubled); i++)
		free(line->doubled[i]);
	*line = (struct tb_codec_line){};
}

char *
tb_codec_id(const json_t *id)
{
	struct tb_buf buf = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&buf);

	if (json_is_integer(id))
		tb_jsonw_int(&w, NULL, json_integer_value(id));
	else if (json_is_string(id))
		tb_json_quote(&buf, json_string_value(id), json_string_length(id));
	else
		return NULL;
	return tb_buf_take(&buf);
}

static void
begin(struct tb_buf *buf, const char *id)
{
	tb_buf_add_str(buf, "{\"jsonrpc\":\"2.0\",\"id\":");
	tb_buf_add_str(buf, id);
}

void
tb_codec_result(struct tb_buf *buf, const char *id, const char *json, size_t len)
{
	tb_buf_reserve(buf, len + strlen(id) + 64);
	begin(buf, id);
	tb_buf_add_str(buf, ",\"result\":");
	tb_buf_add(buf, json, len);
	tb_buf_add_byte(buf, '}');
}

static const char *
message_of(enum tb_rpc_number number)
{
	switch (number) {
	case TB_RPC_PARSE_ERROR:
		return "Parse error";
	case TB_RPC_INVALID_REQUEST:
		return "Invalid Request";
	case TB_RPC_METHOD_NOT_FOUND:
		return "Method not found";
	case TB_RPC_INVALID_PARAMS:
		return "Invalid params";
	case TB_RPC_INTERNAL_ERROR:
		return "Internal error";
	case TB_RPC_OUR_ERROR:
		break;
	}
	return "Refused";
}

void
tb_codec_error(struct tb_buf *buf, const char *id, enum tb_rpc_number number, const char *data)
{
	begin(buf, id);
	tb_buf_addf(buf, ",\"error\":{\"code\":%d,\"message\":\"%s\",\"data\":", (int)number,
		message_of(number));
	tb_buf_add_str(buf, data);
	tb_buf_add_str(buf, "}}");
}

void
tb_codec_notification(struct tb_buf *buf, const char *method, const char *members, size_t len)
{
	tb_buf_add_str(buf, "{\"jsonrpc\":\"2.0\",\"method\":\"");
	tb_buf_add_str(buf, method);
	tb_buf_add_str(buf, "\",\"params\":{");
	tb_buf_add(buf, members, len);
	tb_buf_add_str(buf, "}}\n");
}

void
tb_codec_error_data(struct tb_buf *buf, enum tb_error error, const char *detail, const char *errors,
	const char *more)
{
	struct tb_jsonw w = TB_JSONW(buf);
	size_t len = more ? strlen(more) : 0;

	tb_jsonw_object(&w, NULL);
	tb_jsonw_string(&w, "code", tb_error_word(error));
	tb_jsonw_bool(&w, "retryable", tb_error_retryable(error));
	tb_jsonw_string(&w, "detail", detail);
	if (errors) {
		tb_jsonw_array(&w, "errors");
		tb_buf_add_str(buf, errors);
		tb_jsonw_end_array(&w);
	}
	if (len > 2) { /* more than {} */
		tb_buf_add_byte(buf, ',');
		tb_buf_add(buf, more + 1, len - 2);
	}
	tb_jsonw_end_object(&w);
}

/* The offset behind the `[` of the top-level member warnings, 0 when there is none. */
static size_t
find_warnings(const char *json, size_t len)
{
	static const char name[] = "\"warnings\":[";
	size_t depth = 0;

	for (size_t i = 0; i < len; i++) {
		if (json[i] == '"') {
			if (depth == 1 && len - i > sizeof(name) &&
				memcmp(json + i, name, sizeof(name) - 1) == 0)
				return i + sizeof(name) - 1;
			for (i++; i < len && json[i] != '"'; i++)
				i += json[i] == '\\';
		} else if (json[i] == '{' || json[i] == '[') {
			depth++;
		} else if (json[i] == '}' || json[i] == ']') {
			depth--;
		}
	}
	return 0;
}

void
tb_codec_add_warning(struct tb_buf *buf, const char *result, size_t len, const char *word)
{
	size_t at = find_warnings(result, len);

	if (at > 0) {
		tb_buf_add(buf, result, at);
		tb_buf_addf(buf, "\"%s\"%s", word, result[at] == ']' ? "" : ",");
		tb_buf_add(buf, result + at, len - at);
		return;
	}
	tb_buf_add(buf, result, len - 1);
	tb_buf_addf(buf, "%s\"warnings\":[\"%s\"]}", len > 2 ? "," : "", word);
}
