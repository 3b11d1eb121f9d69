/* SPDX-License-Identifier: MIT */
/*
 * Text to glyphs of a printer's pages: normalised, control characters left out, what no page has
 * written with other characters and told. Lines and widths are layout.c's.
 */
#pragma once

#include "hw/escpos/layout.h"

/* Appends the glyphs of one text (no line ends in it) to layout->glyphs; page is the one in force
 * and stays so as long as it can. */
int tb_text_glyphs(struct tb_layout *layout, const char *text, size_t len, unsigned *page,
	struct tb_print_report *report);
/* Appends n blanks. */
int tb_text_blanks(struct tb_layout *layout, size_t n);
