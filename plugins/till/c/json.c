/* SPDX-License-Identifier: MIT */
/*
 * Finding one value in JSON text, and quoting one string. It trusts nobody: whatever the text is,
 * it stays within it and its depth is bounded. It is no validator and builds no tree.
 */
#include "json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The bridge's answers are at most half as deep. */
#define DEPTH_MAX 64

const char *
tillbridge_skip_space(const char *p)
{
	while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
		p++;
	return p;
}

/* p stands on the opening quote. Behind the closing one, or NULL. */
static const char *
skip_string(const char *p)
{
	for (p++; *p && *p != '"'; p++)
		if (*p == '\\' && !*++p)
			return NULL;
	return *p ? p + 1 : NULL;
}

const char *
tillbridge_skip_value(const char *p)
{
	char closing[DEPTH_MAX];
	size_t depth = 0;

	p = tillbridge_skip_space(p);
	do {
		switch (*p) {
		case '\0':
			return NULL;
		case '"':
			p = skip_string(p);
			if (!p)
				return NULL;
			break;
		case '{':
		case '[':
			if (depth == DEPTH_MAX)
				return NULL;
			closing[depth++] = *p++ == '{' ? '}' : ']';
			break;
		case '}':
		case ']':
			if (depth == 0 || closing[--depth] != *p++)
				return NULL;
			break;
		case ',':
		case ':':
			if (depth == 0)
				return NULL;
			p++;
			break;
		default:
			p += strcspn(p, " \t\r\n,:{}[]\"");
		}
		if (depth > 0)
			p = tillbridge_skip_space(p);
	} while (depth > 0);
	return p;
}

/* Appends the UTF-8 of a code point; at most four bytes. */
static char *
put_utf8(char *out, unsigned long c)
{
	if (c < 0x80) {
		*out++ = (char)c;
	} else if (c < 0x800) {
		*out++ = (char)(0xC0 | c >> 6);
		*out++ = (char)(0x80 | (c & 0x3F));
	} else if (c < 0x10000) {
		*out++ = (char)(0xE0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3F));
		*out++ = (char)(0x80 | (c & 0x3F));
	} else {
		*out++ = (char)(0xF0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 0x3F));
		*out++ = (char)(0x80 | (c >> 6 & 0x3F));
		*out++ = (char)(0x80 | (c & 0x3F));
	}
	return out;
}

static bool
hex4(const char *p, const char *end, unsigned long *ret)
{
	unsigned long value = 0;

	if (end - p < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		const char *digits = "0123456789abcdef0123456789ABCDEF";
		const char *at = p[i] ? strchr(digits, p[i]) : NULL;

		if (!at)
			return false;
		value = value << 4 | (unsigned long)((at - digits) & 15);
	}
	*ret = value;
	return true;
}

/* *p stands behind "\u"; a pair of surrogates is one character, half a pair is U+FFFD. */
static bool
take_unicode(const char **p, const char *end, unsigned long *ret)
{
	unsigned long high, low;

	if (!hex4(*p, end, &high))
		return false;
	*p += 4;
	*ret = high;
	if (high < 0xD800 || high > 0xDFFF)
		return high != 0;
	*ret = 0xFFFD;
	if (high < 0xDC00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u' &&
		hex4(*p + 2, end, &low) && low >= 0xDC00 && low <= 0xDFFF) {
		*p += 6;
		*ret = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
	}
	return true;
}

char *
tillbridge_unquote(const char *p, size_t len)
{
	static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *end = p + len - 1;
	char *text, *out;

	if (len < 2 || *p != '"' || *end != '"')
		return NULL;
	/* no escape is shorter than what it stands for */
	out = text = malloc(len);
	if (!text)
		return NULL;
	for (p++; p < end;) {
		const char *letter;
		unsigned long c;

		if (*p != '\\') {
			*out++ = *p++;
			continue;
		}
		if (++p < end && *p == 'u') {
			p++;
			if (!take_unicode(&p, end, &c))
				goto wrong;
			out = put_utf8(out, c);
			continue;
		}
		letter = p < end ? memchr(letters, *p, sizeof(letters) - 1) : NULL;
		if (!letter)
			goto wrong;
		*out++ = values[letter - letters];
		p++;
	}
	*out = '\0';
	return text;
wrong:
	free(text);
	return NULL;
}

/* Whether the member's name, quotes included, is this part of a pointer ("~1" is a slash, "~0" a
 * tilde). */
static bool
name_is(const char *name, size_t len, const char *part, size_t part_len)
{
	char *plain = tillbridge_unquote(name, len);
	const char *p = plain;
	bool same = plain;

	for (size_t i = 0; same && i < part_len; i++, p++) {
		char wanted = part[i];

		if (wanted == '~' && i + 1 < part_len)
			wanted = part[++i] == '1' ? '/' : '~';
		same = *p == wanted;
	}
	same = same && *p == '\0';
	free(plain);
	return same;
}

/* p stands behind the bracket. The value of the member or item, NULL when there is none. */
static const char *
find_child(const char *p, char bracket, const char *part, size_t part_len)
{
	unsigned long wanted = 0;
	char *digits_end = NULL;

	if (bracket == '[') {
		if (part_len == 0 || part_len > 9 || *part < '0' || *part > '9')
			return NULL;
		wanted = strtoul(part, &digits_end, 10);
		if (digits_end != part + part_len)
			return NULL;
	}
	p = tillbridge_skip_space(p);
	for (unsigned long i = 0; *p && *p != '}' && *p != ']'; i++) {
		bool found = bracket == '[' && i == wanted;

		if (bracket == '{') {
			const char *name = p;

			p = *p == '"' ? skip_string(p) : NULL;
			if (!p)
				return NULL;
			found = name_is(name, (size_t)(p - name), part, part_len);
			p = tillbridge_skip_space(p);
			if (*p++ != ':')
				return NULL;
		}
		p = tillbridge_skip_space(p);
		if (found)
			return p;
		p = tillbridge_skip_value(p);
		if (!p)
			return NULL;
		p = tillbridge_skip_space(p);
		if (*p == ',')
			p = tillbridge_skip_space(p + 1);
	}
	return NULL;
}

const char *
tillbridge_find(const char *json, const char *pointer, size_t *ret_len)
{
	const char *p = tillbridge_skip_space(json), *end;

	while (*pointer == '/') {
		size_t part_len = strcspn(++pointer, "/");

		if (*p != '{' && *p != '[')
			return NULL;
		p = find_child(p + 1, *p, pointer, part_len);
		if (!p)
			return NULL;
		pointer += part_len;
	}
	end = *pointer ? NULL : tillbridge_skip_value(p);
	if (!end || end == p)
		return NULL;
	if (ret_len)
		*ret_len = (size_t)(end - p);
	return p;
}

char *
tillbridge_string(const char *json, const char *pointer)
{
	size_t len = 0;
	const char *p = tillbridge_find(json, pointer, &len);

	return p ? tillbridge_unquote(p, len) : NULL;
}

int
tillbridge_integer(const char *json, const char *pointer, int64_t *ret)
{
	size_t len = 0;
	const char *p = tillbridge_find(json, pointer, &len);
	char *end = NULL;
	long long value;

	if (!p || (*p != '-' && (*p < '0' || *p > '9')))
		return -ENOENT;
	errno = 0;
	value = strtoll(p, &end, 10);
	if (end != p + len)
		return -ENOENT;
	if (errno)
		return -ERANGE;
	*ret = value;
	return 0;
}

char *
tillbridge_quote(const char *text)
{
	static const char hex[] = "0123456789abcdef";
	size_t len = strlen(text);
	char *quoted, *out;

	if (len > (SIZE_MAX - 3) / 6)
		return NULL;
	out = quoted = malloc(len * 6 + 3);
	if (!quoted)
		return NULL;
	*out++ = '"';
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			*out++ = '\\';
		if (c >= 0x20) {
			*out++ = (char)c;
			continue;
		}
		memcpy(out, "\\u00", 4);
		out[4] = hex[c >> 4];
		out[5] = hex[c & 15];
		out += 6;
	}
	*out++ = '"';
	*out = '\0';
	return quoted;
}
