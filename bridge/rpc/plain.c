/* SPDX-License-Identifier: MIT */
/*
 * jansson reads a stream, a character a call: of a long ticket that is most of what a quote costs.
 * Here the text is in memory and looked at once; the tree is jansson's.
 */

#include "bridge/rpc/plain.h"

#include <string.h>
#include "base/macros.h"
#include "base/text.h"

#define DIGITS_MAX 18 /* more may not fit: jansson says so */

struct plain {
	const char *p, *end;
};

static json_t *read_value(struct plain *s);

static void
skip_blanks(struct plain *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\r' || *s->p == '\n'))
		s->p++;
}

/* Goes past c, and the blanks around it. */
static bool
take(struct plain *s, char c)
{
	skip_blanks(s);
	if (s->p >= s->end || *s->p != c)
		return false;
	s->p++;
	skip_blanks(s);
	return true;
}

/* The text between two quotes. */
static bool
read_text(struct plain *s, const char **ret, size_t *ret_len)
{
	const char *begin = s->p + 1, *p = begin;
	unsigned char all = 0;

	if (s->p >= s->end || *s->p != '"')
		return false;
	for (; p < s->end && *p != '"'; p++) {
		if ((unsigned char)*p < 0x20 || *p == '\\')
			return false;
		all |= (unsigned char)*p;
	}
	if (p >= s->end || (all >= 0x80 && !tb_utf8_valid(begin, (size_t)(p - begin))))
		return false;
	*ret = begin;
	*ret_len = (size_t)(p - begin);
	s->p = p + 1;
	return true;
}

/* Four hexadecimal digits. */
static bool
read_hex(const char *p, const char *end, unsigned *ret)
{
	unsigned value = 0;

	if (end - p < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		static const char digits[] = "0123456789abcdef";
		const char *digit = p[i] ? strchr(digits,
						   p[i] | ('A' <= p[i] && p[i] <= 'F' ? 32 : 0))
		                         : NULL;

		if (!digit)
			return false;
		value = value << 4 | (unsigned)(digit - digits);
	}
	*ret = value;
	return true;
}

/* What \u means, its second half included; 0 when it is for jansson to judge: NUL, half a pair. */
static size_t
read_code_point(const char *p, const char *end, unsigned *ret)
{
	unsigned low;

	if (!read_hex(p, end, ret) || *ret == 0 || (*ret & 0xfc00) == 0xdc00)
		return 0;
	if ((*ret & 0xfc00) != 0xd800)
		return 4;
	if (end - p < 10 || p[4] != '\\' || p[5] != 'u' || !read_hex(p + 6, end, &low) ||
		(low & 0xfc00) != 0xdc00)
		return 0;
	*ret = 0x10000 + ((*ret & 0x3ff) << 10 | (low & 0x3ff));
	return 10;
}

static char *
put_utf8(char *to, unsigned c)
{
	if (c < 0x80) {
		*to++ = (char)c;
		return to;
	}
	if (c >= 0x10000) {
		*to++ = (char)(0xf0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 0x3f));
	} else if (c >= 0x800) {
		*to++ = (char)(0xe0 | c >> 12);
	}
	*to++ = (char)(c >= 0x800 ? 0x80 | (c >> 6 & 0x3f) : 0xc0 | c >> 6);
	*to++ = (char)(0x80 | (c & 0x3f));
	return to;
}

#define ESCAPED_MAX 512 /* longer texts with escapes are rare */

/* A text with escapes in it, decoded. */
static json_t *
read_escaped(struct plain *s)
{
	char out[ESCAPED_MAX], *to = out;
	const char *p = s->p + 1;

	for (; p < s->end && *p != '"'; p++) {
		static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
		const char *name;
		unsigned c;
		size_t n;

		if (to > out + sizeof(out) - 8 || (unsigned char)*p < 0x20)
			return NULL;
		if (*p != '\\') {
			*to++ = *p;
			continue;
		}
		if (++p >= s->end || *p == '\0')
			return NULL;
		name = strchr(names, *p);
		if (name) {
			*to++ = meant[name - names];
			continue;
		}
		n = *p == 'u' ? read_code_point(p + 1, s->end, &c) : 0;
		if (n == 0)
			return NULL;
		to = put_utf8(to, c);
		p += n;
	}
	if (p >= s->end || !tb_utf8_valid(out, (size_t)(to - out)))
		return NULL;
	s->p = p + 1;
	return json_stringn_nocheck(out, (size_t)(to - out));
}

static json_t *
read_string(struct plain *s)
{
	const char *text;
	size_t len;

	return read_text(s, &text, &len) ? json_stringn_nocheck(text, len) : read_escaped(s);
}

static json_t *
read_integer(struct plain *s)
{
	const char *p = s->p, *begin;
	bool minus = *p == '-';
	json_int_t value = 0;

	p += minus;
	begin = p;
	for (; p < s->end && *p >= '0' && *p <= '9' && p - begin <= DIGITS_MAX; p++)
		value = value * 10 + (*p - '0');
	if (p == begin || p - begin > DIGITS_MAX || (*begin == '0' && (minus || p - begin > 1)))
		return NULL;
	/* What follows a number within an object: anything else makes it another, or none. */
	if (p >= s->end || !strchr(",]} \t\r\n", *p))
		return NULL;
	s->p = p;
	return json_integer(minus ? -value : value);
}

static json_t *
read_word(struct plain *s)
{
	size_t len = (size_t)(s->end - s->p);

	if (len > 4 && memcmp(s->p, "true", 4) == 0) {
		s->p += 4;
		return json_true();
	}
	if (len > 5 && memcmp(s->p, "false", 5) == 0) {
		s->p += 5;
		return json_false();
	}
	return NULL;
}

static bool
read_member(struct plain *s, json_t *object)
{
	const char *name;
	size_t len;
	json_t *value;

	if (!read_text(s, &name, &len) || !take(s, ':'))
		return false;
	value = read_value(s);
	return value && json_object_setn_new_nocheck(object, name, len, value) == 0;
}

static json_t *
read_object(struct plain *s)
{
	json_t *object = json_object();
	size_t n = 0;
	bool fine = object && take(s, '{');

	if (fine && take(s, '}'))
		return object;
	do {
		fine = fine && read_member(s, object);
		n++;
	} while (fine && take(s, ','));
	if (fine && take(s, '}') && json_object_size(object) == n)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *
read_array(struct plain *s)
{
	json_t *array = json_array(), *value;
	bool fine = array && take(s, '[');

	if (fine && take(s, ']'))
		return array;
	do {
		value = fine ? read_value(s) : NULL;
		fine = value && json_array_append_new(array, value) == 0;
	} while (fine && take(s, ','));
	if (fine && take(s, ']'))
		return array;
	json_decref(array);
	return NULL;
}

static json_t *
read_value(struct plain *s)
{
	if (s->p >= s->end)
		return NULL;
	switch (*s->p) {
	case '"':
		return read_string(s);
	case '{':
		return read_object(s);
	case '[':
		return read_array(s);
	case 't':
	case 'f':
		return read_word(s);
	default:
		return read_integer(s);
	}
}

json_t *
tb_plain_object(const char *text, size_t len)
{
	struct plain s = {.p = text, .end = text + len};
	json_t *object;

	skip_blanks(&s);
	if (s.p >= s.end || *s.p != '{')
		return NULL;
	object = read_object(&s);
	if (object && s.p == s.end)
		return object;
	json_decref(object);
	return NULL;
}
