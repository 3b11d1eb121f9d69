/* SPDX-License-Identifier: MIT */
/*
 * Bytes of a code to what they say: the symbology's identifier taken off, text that is always
 * UTF-8, GS1's fields. It does not judge what the code is for.
 */

#include <string.h>
#include <strings.h>
#include "base/text.h"
#include "hw/codec/aim.h"
#include "hw/codec/gs1.h"
#include "hw/scan.h"

/* The length of the well-formed character at p, 0 when it is none. */
static size_t
character(const uint8_t *p, size_t left)
{
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	return len <= left && tb_utf8_valid((const char *)p, len) ? len : 0;
}

/* U+FFFD for each byte that is no part of a character, and for each NUL. */
static char *
replace_wrong(const uint8_t *bytes, size_t len)
{
	char *text = malloc(len * 3 + 1), *out = text;

	if (!text)
		return NULL;
	for (size_t i = 0; i < len;) {
		size_t n = bytes[i] ? character(bytes + i, len - i) : 0;

		memcpy(out, n ? (const char *)bytes + i : "\xef\xbf\xbd", n ? n : 3);
		out += n ? n : 3;
		i += n ? n : 1;
	}
	*out = '\0';
	return text;
}

static int
set_code(struct tb_scan *scan, const uint8_t *bytes, size_t len)
{
	if (tb_utf8_valid((const char *)bytes, len) && !memchr(bytes, '\0', len)) {
		scan->code = malloc(len + 1);
		if (!scan->code)
			return -ENOMEM;
		memcpy(scan->code, bytes, len);
		scan->code[len] = '\0';
		return 0;
	}
	scan->code = replace_wrong(bytes, len);
	scan->raw = malloc(len);
	if (!scan->code || !scan->raw)
		return -ENOMEM;
	memcpy(scan->raw, bytes, len);
	scan->raw_len = len;
	return 0;
}

static int
set_fields(struct tb_scan *scan)
{
	bool gs1 = scan->symbology && !strncmp(scan->symbology, "gs1-", 4);
	bool url = !strncasecmp(scan->code, "http", 4);
	size_t len;

	if (scan->raw || (!gs1 && !url))
		return 0;
	len = strlen(scan->code);
	scan->field_values = malloc(len + 1);
	if (!scan->field_values)
		return -ENOMEM;
	if (gs1)
		scan->n_fields = tb_gs1_parse_elements(
			scan->code, len, scan->field_values, scan->fields);
	if (url && scan->n_fields == 0)
		scan->n_fields = tb_gs1_parse_link(
			scan->code, len, scan->field_values, scan->fields);
	return 0;
}

int
tb_scan_init(struct tb_scan *scan, const uint8_t *bytes, size_t len, const char *symbology)
{
	size_t aim = tb_aim_length(bytes, len);
	int r;

	*scan = (struct tb_scan){.symbology = tb_symbology_word(symbology)};
	memcpy(scan->aim, bytes, aim);
	bytes += aim;
	len -= aim;
	if (len > 0 && bytes[0] == TB_GS) {
		bytes++;
		len--;
	}
	if (len == 0)
		return -ENODATA;
	if (len > TB_CODE_MAX)
		return -E2BIG;
	if (aim)
		scan->symbology = tb_aim_symbology(scan->aim, len);
	r = set_code(scan, bytes, len);
	if (r == 0)
		r = set_fields(scan);
	if (r < 0)
		tb_scan_done(scan);
	return r;
}

void
tb_scan_done(struct tb_scan *scan)
{
	/* it may have been a payment card's number: nothing of it stays in freed memory */
	if (scan->code)
		explicit_bzero(scan->code, strlen(scan->code));
	if (scan->raw)
		explicit_bzero(scan->raw, scan->raw_len);
	free(scan->code);
	free(scan->raw);
	free(scan->field_values);
	*scan = (struct tb_scan){0};
}
