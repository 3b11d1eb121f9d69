/* SPDX-License-Identifier: MIT */
/* JSON text written member by member. Bytes that are not UTF-8 are the caller's fault and pass. */

#include "base/jsonw.h"

static const char hex[] = "0123456789abcdef";

void
tb_json_quote(struct tb_buf *buf, const char *value, size_t len)
{
	size_t from = 0;

	tb_buf_add_byte(buf, '"');
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)value[i];
		char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
		size_t n = 6;

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		tb_buf_add(buf, value + from, i - from);
		from = i + 1;
		if (c == '"' || c == '\\') {
			escape[1] = (char)c;
			n = 2;
		} else if (c == '\n' || c == '\r' || c == '\t') {
			escape[1] = c == '\n' ? 'n' : c == '\r' ? 'r' : 't';
			n = 2;
		}
		tb_buf_add(buf, escape, n);
	}
	tb_buf_add(buf, value + from, len - from);
	tb_buf_add_byte(buf, '"');
}

static void
begin(struct tb_jsonw *w, const char *name)
{
	if (w->comma)
		tb_buf_add_byte(w->buf, ',');
	w->comma = true;
	if (name) {
		tb_json_quote(w->buf, name, strlen(name));
		tb_buf_add_byte(w->buf, ':');
	}
}

void
tb_jsonw_open(struct tb_jsonw *w, const char *name, char bracket)
{
	begin(w, name);
	tb_buf_add_byte(w->buf, (uint8_t)bracket);
	w->comma = false;
}

void
tb_jsonw_close(struct tb_jsonw *w, char bracket)
{
	tb_buf_add_byte(w->buf, (uint8_t)bracket);
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
