/* SPDX-License-Identifier: MIT */
/*
 * One pass over a JSON text. It says yes or no: no value is kept, no member's name compared. Of
 * bytes above 0x7f it asks only that they make UTF-8.
 */

#include "plugins/loyalty/hub/look.h"

#include <stdint.h>
#include <string.h>

struct look {
	const uint8_t *at, *end;
};

static void
skip_blanks(struct look *l)
{
	while (l->at < l->end &&
		(*l->at == ' ' || *l->at == '\t' || *l->at == '\n' || *l->at == '\r'))
		l->at++;
}

static bool
take(struct look *l, char c)
{
	if (l->at == l->end || *l->at != (uint8_t)c)
		return false;
	l->at++;
	return true;
}

static bool
is_hex(uint8_t c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* What stands behind a backslash. */
static bool
take_escape(struct look *l)
{
	if (l->at == l->end)
		return false;
	if (*l->at != 'u')
		return memchr("\"\\/bfnrt", *l->at++, 8) != NULL;
	if (l->end - l->at < 5)
		return false;
	for (int i = 1; i <= 4; i++)
		if (!is_hex(l->at[i]))
			return false;
	l->at += 5;
	return true;
}

/* One character of two to four bytes; no longer than it need be, no surrogate, none above
 * U+10FFFF. */
static bool
take_utf8(struct look *l)
{
	uint8_t c = *l->at;
	int n = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
	uint8_t low = 0x80, high = 0xbf;

	if (c < 0xc2 || c > 0xf4 || l->end - l->at <= n)
		return false;
	if (c == 0xe0)
		low = 0xa0;
	else if (c == 0xed)
		high = 0x9f;
	else if (c == 0xf0)
		low = 0x90;
	else if (c == 0xf4)
		high = 0x8f;
	if (l->at[1] < low || l->at[1] > high)
		return false;
	for (int i = 2; i <= n; i++)
		if ((l->at[i] & 0xc0) != 0x80)
			return false;
	l->at += n + 1;
	return true;
}

/* From behind the first quote to behind the last. */
static bool
take_string(struct look *l)
{
	while (l->at < l->end) {
		uint8_t c = *l->at;

		if (c >= 0x80) {
			if (!take_utf8(l))
				return false;
			continue;
		}
		l->at++;
		if (c == '"')
			return true;
		if (c < 0x20 || (c == '\\' && !take_escape(l)))
			return false;
	}
	return false;
}

static bool
take_digits(struct look *l)
{
	const uint8_t *begin = l->at;

	while (l->at < l->end && *l->at >= '0' && *l->at <= '9')
		l->at++;
	return l->at > begin;
}

static bool
take_number(struct look *l)
{
	take(l, '-');
	if (!take(l, '0') && !take_digits(l))
		return false;
	if (take(l, '.') && !take_digits(l))
		return false;
	if (take(l, 'e') || take(l, 'E')) {
		if (!take(l, '+'))
			take(l, '-');
		return take_digits(l);
	}
	return true;
}

static bool
take_word(struct look *l, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(l->end - l->at) < len || memcmp(l->at, word, len) != 0)
		return false;
	l->at += len;
	return true;
}

/* A value that holds no other. */
static bool
take_plain(struct look *l)
{
	if (l->at == l->end)
		return false;
	switch (*l->at) {
	case '"':
		l->at++;
		return take_string(l);
	case 't':
		return take_word(l, "true");
	case 'f':
		return take_word(l, "false");
	case 'n':
		return take_word(l, "null");
	default:
		return take_number(l);
	}
}

static bool
take_name(struct look *l)
{
	skip_blanks(l);
	if (!take(l, '"') || !take_string(l))
		return false;
	skip_blanks(l);
	return take(l, ':');
}

/*
 * Goes down with each bracket and up with its partner. `open` holds the partners of those that are
 * open; after a value comes a comma or a partner.
 */
bool
tb_look_is_object(const char *text, size_t len)
{
	struct look look = {(const uint8_t *)text, (const uint8_t *)text + len}, *l = &look;
	char open[TB_LOOK_DEPTH_MAX];
	size_t depth = 0;
	bool value = true; /* one is expected, not what comes after one */

	skip_blanks(l);
	if (l->at == l->end || *l->at != '{')
		return false;
	do {
		skip_blanks(l);
		if (l->at == l->end)
			return false;
		if (value && (*l->at == '{' || *l->at == '[')) {
			if (depth == TB_LOOK_DEPTH_MAX)
				return false;
			open[depth++] = *l->at++ == '{' ? '}' : ']';
			skip_blanks(l);
			if (take(l, open[depth - 1]))
				depth--, value = false;
			else if (open[depth - 1] == '}' && !take_name(l))
				return false;
		} else if (value) {
			if (!take_plain(l))
				return false;
			value = false;
		} else if (take(l, ',')) {
			value = true;
			if (open[depth - 1] == '}' && !take_name(l))
				return false;
		} else if (take(l, open[depth - 1])) {
			depth--;
		} else {
			return false;
		}
	} while (depth > 0);
	skip_blanks(l);
	return l->at == l->end;
}
