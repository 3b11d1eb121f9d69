/* SPDX-License-Identifier: MIT */
/*
 * A document on the paper of one printer: lines that fit, characters that its pages have, codes and
 * pictures with their sizes. A pure function of document and profile; it writes no command
 * (encode.c).
 */
#pragma once

#include "hw/driver.h"
#include "hw/escpos/barcode.h"
#include "hw/escpos/profile.h"
#include "hw/escpos/raster.h"

/* What all of a document's lines, pictures and codes may come to. */
#define TB_LAYOUT_GLYPHS_MAX (1 << 20)
#define TB_LAYOUT_QR_MAX 16 /* symbols: each one costs milliseconds to compute */

/* One character: the byte that prints it, in a page of the profile. */
struct tb_glyph {
	uint8_t byte;
	uint8_t page; /* index in profile->pages, or TB_GLYPH_ANY for ASCII */
};

#define TB_GLYPH_ANY 0xFF
#define TB_GLYPH_KEPT 0xFE /* a blank where no line may end; ASCII too */

/* Glyphs of one style in one line. */
struct tb_run {
	size_t first, n;
	struct tb_text_style style;
};

enum tb_item_kind {
	TB_ITEM_LINE,
	TB_ITEM_FEED,
	TB_ITEM_RASTER,
	TB_ITEM_BARCODE,
	TB_ITEM_QR,
	TB_ITEM_CUT,
	TB_ITEM_PULSE,
};

struct tb_item {
	enum tb_item_kind kind;
	enum tb_align align;
	union {
		struct {
			size_t run; /* one run a line; n of 0: an empty line */
		} line;
		struct {
			unsigned lines;
		} feed;
		struct {
			size_t raster;
			unsigned margin_dots; /* white above and below */
		} raster;
		struct {
			size_t barcode;
			uint8_t module, height;
			enum tb_hri hri;
		} barcode;
		struct {
			const struct tb_block *block; /* of the document */
			uint8_t size;
			unsigned margin_dots;
		} qr;
		struct {
			bool partial;
		} cut;
		struct {
			uint8_t pin;
			uint16_t on_ms, off_ms;
		} pulse;
	};
};

struct tb_layout {
	const struct tb_profile *profile;
	unsigned area_dots; /* of a line; less than the head's when the document asks for it */
	struct tb_item *items;
	size_t n_items, cap_items;
	struct tb_glyph *glyphs;
	size_t n_glyphs, cap_glyphs;
	struct tb_run *runs;
	size_t n_runs, cap_runs;
	struct tb_raster *rasters;
	size_t n_rasters, cap_rasters;
	struct tb_barcode *barcodes;
	size_t n_barcodes, cap_barcodes;
};

/*
 * Fills layout, which refers to the document and the profile from then on. 0; -EINVAL with ret_why
 * (a sentence, to free) when the document cannot be printed on that paper, -E2BIG likewise above a
 * limit, -ENOMEM. report may be NULL.
 */
int tb_layout_init(struct tb_layout *layout, const struct tb_document *document,
	const struct tb_profile *profile, struct tb_print_report *report, char **ret_why);
void tb_layout_done(struct tb_layout *layout);
