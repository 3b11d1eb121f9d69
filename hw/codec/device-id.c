/* SPDX-License-Identifier: MIT */
/* Reads a Device ID for one thing only: which languages the printer says it speaks. */

#include <string.h>
#include <strings.h>

#include "hw/codec/device-id.h"

static void
trim(const char **text, size_t *len)
{
	while (*len > 0 && strchr(" \t\r\n", **text)) {
		(*text)++;
		(*len)--;
	}
	while (*len > 0 && strchr(" \t\r\n", (*text)[*len - 1]))
		(*len)--;
}

static bool
is_word(const char *text, size_t len, const char *word)
{
	trim(&text, &len);
	return len == strlen(word) && !strncasecmp(text, word, len);
}

/* Whether the word stands in the list "ESCPL2,EPSON ESC/POS": whole, or behind a maker's name. */
static bool
lists(const char *text, size_t len, const char *word)
{
	size_t size = strlen(word);

	for (size_t start = 0; start <= len;) {
		const char *comma = memchr(text + start, ',', len - start);
		const char *item = text + start;
		size_t n = comma ? (size_t)(comma - item) : len - start;

		start += n + 1;
		trim(&item, &n);
		if (n >= size && !strncasecmp(item + n - size, word, size) &&
			(n == size || item[n - size - 1] == ' '))
			return true;
	}
	return false;
}

bool
tb_device_id_has(const char *text, size_t len, const char *language)
{
	const char *end = memchr(text, '\0', len);

	if (end)
		len = (size_t)(end - text);
	while (len > 0) {
		const char *semicolon = memchr(text, ';', len);
		size_t n = semicolon ? (size_t)(semicolon - text) : len;
		const char *colon = memchr(text, ':', n);
		size_t key = colon ? (size_t)(colon - text) : 0;

		if (colon && (is_word(text, key, "CMD") || is_word(text, key, "COMMAND SET")) &&
			lists(colon + 1, n - key - 1, language))
			return true;
		n += semicolon ? 1 : 0;
		text += n;
		len -= n;
	}
	return false;
}

bool
tb_device_id_speaks(const uint8_t *answer, size_t len, const char *language)
{
	size_t said;

	if (len < 2)
		return false;
	said = (size_t)answer[0] << 8 | answer[1];
	/* some tell it the other way round, some leave these two bytes out of it */
	if (said < 2 || said > len || said + 2 == len)
		said = len;
	return tb_device_id_has((const char *)answer + 2, said - 2, language);
}
