/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a code, under each kind of symbology: the text is UTF-8 without a NUL, raw stands
 * just where it was not, and fields are parts of what was read.
 */

#include <stdlib.h>
#include <string.h>
#include "base/text.h"
#include "hw/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check(const struct tb_scan *scan, size_t len)
{
	size_t code_len = strlen(scan->code);

	if (code_len == 0 || !tb_utf8_valid(scan->code, code_len))
		abort();
	if (!scan->raw && code_len + strlen(scan->aim) > len)
		abort();
	if (scan->raw && (scan->raw_len > len || scan->n_fields > 0))
		abort();
	if (scan->n_fields > TB_SCAN_FIELDS_MAX)
		abort();
	for (size_t i = 0; i < scan->n_fields; i++)
		if (strlen(scan->fields[i].ai) < 2 || strlen(scan->fields[i].ai) > 4 ||
			!*scan->fields[i].value)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const symbologies[] = {NULL, "gs1-128", "gs1-qr", "qr", "morse"};

	for (size_t i = 0; i < ARRAY_SIZE(symbologies); i++) {
		struct tb_scan scan;

		if (tb_scan_init(&scan, data, len, symbologies[i]) == 0) {
			check(&scan, len);
			tb_scan_done(&scan);
		}
	}
	return 0;
}
