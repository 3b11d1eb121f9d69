/* SPDX-License-Identifier: MIT */
/* Finds the ends of lines in what has come so far, and turns C escapes into bytes. */

#include "hw/sim/words.h"

#include <string.h>

bool
tb_sim_line(const struct tb_buf *buf, size_t *ret_len, size_t *ret_size)
{
	const char *end = buf->len > 0 ? memchr(buf->data, '\n', buf->len) : NULL;

	if (!end)
		return false;
	*ret_len = (size_t)(end - buf->data);
	*ret_size = *ret_len + 1;
	return true;
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

/* Up to max digits of a base; their number. */
static size_t
number(const char *text, size_t len, unsigned base, size_t max, char *ret)
{
	unsigned value = 0;
	size_t n = 0;

	while (n < len && n < max && (unsigned)digit(text[n]) < base)
		value = value * base + (unsigned)digit(text[n++]);
	*ret = (char)value;
	return n;
}

int
tb_sim_unescape(char *text, size_t len, size_t *ret_len)
{
	static const char names[] = "abefnrtv\\\"'", values[] = "\a\b\033\f\n\r\t\v\\\"'";
	size_t out = 0;

	for (size_t i = 0; i < len; i++) {
		const char *name;
		size_t n;

		if (text[i] != '\\') {
			text[out++] = text[i];
			continue;
		}
		if (++i == len)
			return -EINVAL;
		name = memchr(names, text[i], sizeof(names) - 1);
		if (name) {
			text[out++] = values[name - names];
			continue;
		}
		if (text[i] == 'x') {
			n = number(text + i + 1, len - i - 1, 16, 2, &text[out]);
			if (n == 0)
				return -EINVAL;
			i += n;
		} else {
			n = number(text + i, len - i, 8, 3, &text[out]);
			if (n == 0)
				return -EINVAL;
			i += n - 1;
		}
		out++;
	}
	*ret_len = out;
	return 0;
}
