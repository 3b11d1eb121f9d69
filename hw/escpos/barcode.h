/* SPDX-License-Identifier: MIT */
/*
 * Linear codes: checks the data, computes check digits, chooses CODE128's sets, and knows how wide
 * the bars will be before they are printed. It draws nothing: the printer does.
 */
#pragma once

#include "hw/escpos/document.h"

struct tb_barcode {
	uint8_t system;    /* m of GS k m n, form B */
	uint8_t data[255]; /* what follows n, check digit of EAN and UPC included */
	size_t len;
	unsigned narrow, wide; /* elements; of a code of many widths, modules and 0 */
};

/* 0, or -EINVAL with a sentence that says what is wrong; static. */
int tb_barcode_encode(enum tb_barcode_kind kind, const char *data, size_t len,
	struct tb_barcode *ret, const char **ret_why);

/* Dots at GS w `module` (2..6), quiet zones not counted. */
unsigned tb_barcode_width(const struct tb_barcode *barcode, unsigned module);
