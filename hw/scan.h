/* SPDX-License-Identifier: MIT */
/*
 * What a scanned code is, as far as its bytes and its wire tell: text, symbology, GS1 fields. Pure:
 * bytes in, facts out. It does not know what the code is for; that is the counter's business.
 */
#pragma once

#include "base/macros.h"

#define TB_SCAN_FIELDS_MAX 32
#define TB_CODE_MAX 8192 /* bytes of one code, on every door */

struct tb_scan_field {
	char ai[5];        /* application identifier, "01", "3103", "8200" */
	const char *value; /* into the scan's own memory */
};

struct tb_scan {
	/* UTF-8, GS as U+001D between fields, a leading one dropped; U+FFFD for a wrong byte or NUL
	 */
	char *code;
	uint8_t *raw; /* the code's bytes, only where they are not UTF-8 or hold a NUL; else NULL */
	size_t raw_len;
	char aim[4];           /* "]Q1", "" when the wire does not tell */
	const char *symbology; /* "ean13", NULL when unknown; static: tb_symbology_word() */
	struct tb_scan_field fields[TB_SCAN_FIELDS_MAX];
	size_t n_fields; /* of a GS1 element string or Digital Link, else 0 */
	char *field_values;
};

/*
 * bytes: the code as it came, AIM prefix included where there is one. symbology: the word when the
 * wire names it in another way (a HID report, a camera, scan.submit), else NULL; the prefix wins
 * over it. -ENOMEM, -E2BIG above TB_CODE_MAX, -ENODATA when no code is left.
 */
int tb_scan_init(struct tb_scan *scan, const uint8_t *bytes, size_t len, const char *symbology);
void tb_scan_done(struct tb_scan *scan);

/* The word as the house spells it, static, or NULL when it is no symbology. */
const char *tb_symbology_word(const char *word);
