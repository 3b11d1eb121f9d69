/* SPDX-License-Identifier: MIT */
/* JSON text written member by member. Bytes that are not UTF-8 are the caller's fault and pass. */

#include "base/jsonw.h"

static const char hex[] = "0123456789abcdef";

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/* Whether one of eight bytes is a control character, a quote or a backslash. */
static bool
needs_escape_8(const char *p)
{
	uint64_t v, quote, slash;

	memcpy(&v, p, sizeof(v));
	quote = v ^ EACH_BYTE('"');
	slash = v ^ EACH_BYTE('\\');
	return (((v - EACH_BYTE(0x20)) & ~v) | ((quote - EACH_BYTE(1)) & ~quote) |
		       ((slash - EACH_BYTE(1)) & ~slash)) &
	       EACH_BYTE(0x80);
}

/* How many bytes stand before the first that must be escaped. */
static size_t
plain_run(const char *value, size_t len)
{
	size_t i = 0;

	while (i + 8 <= len && !needs_escape_8(value + i))
		i += 8;
	while (i < len && (unsigned char)value[i] >= 0x20 && value[i] != '"' && value[i] != '\\')
		i++;
	return i;
}

static void
add_escape(struct tb_buf *buf, unsigned char c)
{
	char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
	size_t n = 2;

	if (c == '"' || c == '\\')
		escape[1] = (char)c;
	else if (c == '\n' || c == '\r' || c == '\t')
		escape[1] = c == '\n' ? 'n' : c == '\r' ? 'r' : 't';
	else
		n = 6;
	tb_buf_add(buf, escape, n);
}

/* Most of what is written are single bytes that have room. */
static inline void
add_byte(struct tb_buf *buf, char byte)
{
	if (buf->error || buf->len + 1 >= buf->cap || (buf->max && buf->len >= buf->max)) {
		tb_buf_add_byte(buf, (uint8_t)byte);
		return;
	}
	buf->data[buf->len++] = byte;
	buf->data[buf->len] = '\0';
}

void
tb_json_quote(struct tb_buf *buf, const char *value, size_t len)
{
	size_t i = plain_run(value, len);

	if (tb_buf_reserve(buf, len + 2) < 0)
		return;
	add_byte(buf, '"');
	tb_buf_add(buf, value, i);
	while (i < len) {
		size_t run;

		add_escape(buf, (unsigned char)value[i++]);
		run = plain_run(value + i, len - i);
		tb_buf_add(buf, value + i, run);
		i += run;
	}
	add_byte(buf, '"');
}

static void
begin(struct tb_jsonw *w, const char *name)
{
	if (w->comma)
		add_byte(w->buf, ',');
	w->comma = true;
	if (name) {
		tb_json_quote(w->buf, name, strlen(name));
		add_byte(w->buf, ':');
	}
}

void
tb_jsonw_open(struct tb_jsonw *w, const char *name, char bracket)
{
	begin(w, name);
	add_byte(w->buf, bracket);
	w->comma = false;
}

void
tb_jsonw_close(struct tb_jsonw *w, char bracket)
{
	add_byte(w->buf, bracket);
	w->comma = true;
}

void
tb_jsonw_string_n(struct tb_jsonw *w, const char *name, const char *value, size_t len)
{
	if (!value)
		return;
	begin(w, name);
	tb_json_quote(w->buf, value, len);
}

void
tb_jsonw_string(struct tb_jsonw *w, const char *name, const char *value)
{
	if (value)
		tb_jsonw_string_n(w, name, value, strlen(value));
}

void
tb_jsonw_int(struct tb_jsonw *w, const char *name, int64_t value)
{
	char digits[24], *p = digits + sizeof(digits);
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

	begin(w, name);
	do
		*--p = (char)('0' + rest % 10);
	while (rest /= 10);
	if (value < 0)
		*--p = '-';
	tb_buf_add(w->buf, p, (size_t)(digits + sizeof(digits) - p));
}

void
tb_jsonw_bool(struct tb_jsonw *w, const char *name, bool value)
{
	begin(w, name);
	tb_buf_add_str(w->buf, value ? "true" : "false");
}

void
tb_jsonw_raw(struct tb_jsonw *w, const char *name, const char *text, size_t len)
{
	begin(w, name);
	tb_buf_add(w->buf, text, len);
}
