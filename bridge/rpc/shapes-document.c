/* SPDX-License-Identifier: MIT */
/*
 * The shape of a document, the list of blocks that a till may have printed. What a block needs
 * beyond its types is document.h's to say.
 */

#include "bridge/rpc/shape.h"

#define BLOCKS_MAX 1000
#define CELLS_MAX 16
#define TEXT_CHARS (64 * 1024)

static const struct tb_shape shape_column = {
	.name = "column",
	.fields =
		(const struct tb_field[]){
			TB_F_STRING("text", TB_REQUIRED, 0, TEXT_CHARS, "of the cell"),
			TB_F_INT("width", 0, 0, 4096, "characters",
				"absent: shares what the others leave"),
			TB_F_WORD("align", 0, "left center right", "left when absent"),
			{},
		},
};

/* A style's row: belongs to text only. */
#define STYLE_INT(n, lo, hi, p) \
	{ \
		.name = (n), .type = TB_TYPE_INT, .min = (lo), .max = (hi), .with = "text", \
		.prose = (p) \
	}
#define STYLE_BOOL(n, p) \
	{ \
		.name = (n), .type = TB_TYPE_BOOL, .with = "text", .prose = (p) \
	}

const struct tb_shape tb_shape_block = {
	.name = "block",
	.one_of = "text columns rule image barcode qr feed cut pulse",
	.fields =
		(const struct tb_field[]){
			TB_F_STRING("text", 0, 0, TEXT_CHARS, "lines, \\n between them"),
			{.name = "align",
				.type = TB_TYPE_WORD,
				.words = "left center right",
				.with = "text",
				.prose = "left when absent"},
			STYLE_BOOL("bold", "heavier"),
			STYLE_INT("width", 1, 8, "of a character, in times"),
			STYLE_INT("height", 1, 8, "of a character, in times"),
			{.name = "underline",
				.type = TB_TYPE_SCALAR,
				.with = "text",
				.prose = "true, or 0 to 2 dots"},
			STYLE_BOOL("invert", "white on black"),
			{.name = "font",
				.type = TB_TYPE_SCALAR,
				.with = "text",
				.max = 1,
				.prose = "a or b"},
			TB_F_OBJECTS("columns", 0, CELLS_MAX, &shape_column, "cells of one row"),
			{.name = "rule",
				.type = TB_TYPE_SCALAR,
				.max = 1,
				.prose = "true, or the sign the line is made of"},
			TB_F_STRING("image", 0, 1, INT32_MAX, "PNG, base64"),
			{.name = "dither",
				.type = TB_TYPE_WORD,
				.words = "threshold bayer floyd atkinson",
				.with = "image",
				.prose = "how gray becomes dots"},
			TB_F_STRING("barcode", 0, 1, 253, "its data"),
			{.name = "symbology",
				.type = TB_TYPE_STRING,
				.flags = TB_REQUIRED,
				.min = 1,
				.max = 32,
				.with = "barcode",
				.prose = "ean13, ean8, upca, upce, code39, code93, code128, itf, "
					 "codabar, "
					 "gs1-128"},
			{.name = "height",
				.type = TB_TYPE_INT,
				.min = 1,
				.max = 255,
				.with = "barcode",
				.unit = "dots",
				.prose = "80 when absent"},
			{.name = "hri",
				.type = TB_TYPE_SCALAR,
				.max = 8,
				.with = "barcode",
				.prose = "none, above, below or both: where its text stands"},
			TB_F_STRING("qr", 0, 1, 2953, "its data"),
			{.name = "size",
				.type = TB_TYPE_INT,
				.min = 1,
				.max = 16,
				.with = "qr",
				.unit = "dots",
				.prose = "of a module"},
			{.name = "ecc",
				.type = TB_TYPE_WORD,
				.words = "l m q h L M Q H",
				.with = "qr",
				.prose = "error correction"},
			{.name = "feed",
				.type = TB_TYPE_SCALAR,
				.prose = "true for one line, or how many, to 255"},
			{.name = "cut",
				.type = TB_TYPE_SCALAR,
				.max = 8,
				.prose = "true, full or partial"},
			{.name = "pulse",
				.type = TB_TYPE_ANY,
				.prose = "true, or {pin 2|5, on_ms, off_ms}: opens a drawer"},
			{},
		},
};

const struct tb_shape tb_shape_document = {
	.name = "document",
	.fields =
		(const struct tb_field[]){
			TB_F_INT("width", 0, 1, 4096, "characters", "of a line"),
			TB_F_OBJECTS("blocks", TB_REQUIRED, BLOCKS_MAX, &tb_shape_block,
				"from top to bottom"),
			{},
		},
};
