/* SPDX-License-Identifier: MIT */
/* UTF-8 and the foldings under which names, phones and addresses are compared. */

#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

/* Length of the well-formed sequence at p, 0 when there is none. */
static size_t
sequence(const unsigned char *p, size_t left)
{
	size_t n = p[0] < 0x80   ? 1
	           : p[0] < 0xc2 ? 0
	           : p[0] < 0xe0 ? 2
	           : p[0] < 0xf0 ? 3
	           : p[0] < 0xf5 ? 4
	                         : 0;

	if (n == 0 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
		(p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

bool
tb_utf8_valid(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;

	while (len > 0) {
		size_t n = *p < 0x80 ? 1 : sequence(p, len);

		if (n == 0)
			return false;
		p += n;
		len -= n;
	}
	return true;
}

/* Most texts are ASCII, which every normal form leaves alone: only its case is folded. NULL when
 * text is not, or without memory. */
static char *
map_ascii(const char *text, bool fold)
{
	size_t n = 0;
	char *out;

	while (text[n] && !(text[n] & 0x80))
		n++;
	if (text[n])
		return NULL;
	out = malloc(n + 1);
	for (size_t i = 0; out && i <= n; i++)
		out[i] = fold && text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 32) : text[i];
	return out;
}

static char *
map(const char *text, utf8proc_option_t options)
{
	utf8proc_uint8_t *out = NULL;
	char *ascii = map_ascii(text, options & UTF8PROC_CASEFOLD);

	if (ascii)
		return ascii;

	if (utf8proc_map((const utf8proc_uint8_t *)text, 0, &out,
		    UTF8PROC_NULLTERM | UTF8PROC_STABLE | options) < 0)
		return NULL;
	return (char *)out;
}

static bool
is_space(const char *p, size_t *ret_len)
{
	static const char *const wide[] = {"\xc2\xa0", "\xe2\x80\xaf", "\xe3\x80\x80"};

	*ret_len = 1;
	if (*p == ' ' || (*p >= '\t' && *p <= '\r'))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(wide); i++)
		if (strncmp(p, wide[i], strlen(wide[i])) == 0) {
			*ret_len = strlen(wide[i]);
			return true;
		}
	if (strncmp(p, "\xe2\x80", 2) == 0 && (unsigned char)p[2] >= 0x80 &&
		(unsigned char)p[2] <= 0x8a) {
		*ret_len = 3;
		return true;
	}
	return false;
}

static char *
collapse(char *text)
{
	char *to = text;
	bool gap = false;
	size_t n;

	if (!text)
		return NULL;
	for (const char *p = text; *p;) {
		if (is_space(p, &n)) {
			gap = to != text;
			p += n;
			continue;
		}
		if (gap)
			*to++ = ' ';
		gap = false;
		*to++ = *p++;
	}
	*to = '\0';
	return text;
}

char *
tb_text_nfc(const char *text)
{
	return map(text, UTF8PROC_COMPOSE);
}

char *
tb_text_fold(const char *text)
{
	return collapse(map(text, UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD));
}

/* The ligatures that French writes and keyboards lack; folded they are two bytes, as they were. */
static char *
untie(char *text)
{
	for (char *p = text; p && *p; p++) {
		if (strncmp(p, "\xc5\x93", 2) == 0)
			memcpy(p, "oe", 2);
		else if (strncmp(p, "\xc3\xa6", 2) == 0)
			memcpy(p, "ae", 2);
	}
	return text;
}

char *
tb_text_fold_search(const char *text)
{
	return collapse(
		untie(map(text, UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD | UTF8PROC_STRIPMARK)));
}

static const struct {
	char country[3];
	const char *prefix;
	bool trunk_zero; /* a national number begins with a 0 that is dropped */
} countries[] = {
	{"AT", "+43", true},
	{"BE", "+32", true},
	{"CH", "+41", true},
	{"DE", "+49", true},
	{"ES", "+34", false},
	{"FR", "+33", true},
	{"GB", "+44", true},
	{"GP", "+590", true},
	{"IT", "+39", false},
	{"LU", "+352", false},
	{"MC", "+377", false},
	{"MQ", "+596", true},
	{"NL", "+31", true},
	{"PT", "+351", false},
	{"RE", "+262", true},
};

/* +39 (0)6: there the zero is a part of the number, wherever it is dialled. */
static bool
is_italy(const char *digits, size_t n, bool plus)
{
	return plus ? n == 2 && memcmp(digits, "39", 2) == 0
	            : n == 4 && memcmp(digits, "0039", 4) == 0;
}

char *
tb_phone_e164(const char *text, const char *country)
{
	char digits[20];
	size_t n = 0;
	bool plus = false;
	char *out;

	for (const char *p = text; *p; p++) {
		if (*p >= '0' && *p <= '9') {
			if (n == sizeof(digits) - 1)
				return NULL;
			digits[n++] = *p;
		} else if (n > 0 && strncmp(p, "(0)", 3) == 0 && !is_italy(digits, n, plus)) {
			p += 2; /* +33 (0)6: the zero is for who dials at home */
		} else if (*p == '+' && n == 0 && !plus) {
			plus = true;
		} else if (!strchr(" .-/()", *p)) {
			return NULL;
		}
	}
	digits[n] = '\0';
	if (!plus && n > 2 && strncmp(digits, "00", 2) == 0) {
		plus = true;
		memmove(digits, digits + 2, n - 1);
		n -= 2;
	}
	if (plus) {
		if (n < 7 || n > 15 || digits[0] == '0' || asprintf(&out, "+%s", digits) < 0)
			return NULL;
		return out;
	}
	for (size_t i = 0; country && i < ARRAY_SIZE(countries); i++) {
		const char *rest = digits + (countries[i].trunk_zero && digits[0] == '0');
		size_t len = strlen(countries[i].prefix) - 1 + strlen(rest);

		if (strcmp(countries[i].country, country) != 0)
			continue;
		if (len < 7 || len > 15 || asprintf(&out, "%s%s", countries[i].prefix, rest) < 0)
			return NULL;
		return out;
	}
	return NULL;
}

char *
tb_email_fold(const char *text)
{
	char *out = collapse(map(text, UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD));
	const char *at = out ? strchr(out, '@') : NULL;

	if (!at || at == out || !at[1] || strchr(at + 1, '@') || strchr(out, ' ')) {
		free(out);
		return NULL;
	}
	return out;
}

bool
tb_pattern_matches(const char *pattern, const char *text)
{
	const char *star = NULL, *retry = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = pattern++;
			retry = text;
		} else if (*pattern == '?' || *pattern == *text) {
			/* a character of several bytes is one */
			if (*pattern == '?')
				while ((text[1] & 0xc0) == 0x80)
					text++;
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}
