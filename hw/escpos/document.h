/* SPDX-License-Identifier: MIT */
/*
 * What is to be printed, before any printer is known: a list of blocks. It is built in C (a
 * coupon's template) or from JSON (bridge/rpc/document.c), and read by layout.c. It holds
 * no bytes of a printer's language and no width in dots; whether it fits is told by
 * tb_printer_ops.check.
 */
#pragma once

#include "base/macros.h"

/* Limits of a document; what is beyond is refused when the block is added. */
#define TB_DOCUMENT_BLOCKS_MAX 1000
#define TB_DOCUMENT_COLUMNS_MAX 16         /* cells of one columns block */
#define TB_DOCUMENT_TEXT_MAX (64 * 1024)   /* bytes of one text or cell */
#define TB_DOCUMENT_TOTAL_MAX (512 * 1024) /* bytes of all text together */
#define TB_DOCUMENT_WIDTH_MAX 4096         /* `width`; a width of cells together */
#define TB_DOCUMENT_IMAGE_SIDE_MAX 4096    /* dots */
#define TB_DOCUMENT_PIXELS_MAX (4 << 20)   /* of all images together */
#define TB_DOCUMENT_QR_MAX 2953            /* bytes; what version 40 holds at level L */
#define TB_DOCUMENT_BARCODE_MAX 253        /* bytes */
#define TB_DOCUMENT_FEED_MAX 255           /* lines */

enum tb_align { TB_ALIGN_LEFT, TB_ALIGN_CENTER, TB_ALIGN_RIGHT };

enum tb_dither { TB_DITHER_THRESHOLD, TB_DITHER_BAYER, TB_DITHER_FLOYD, TB_DITHER_ATKINSON };

enum tb_barcode_kind {
	TB_BARCODE_UPCA,
	TB_BARCODE_UPCE,
	TB_BARCODE_EAN13,
	TB_BARCODE_EAN8,
	TB_BARCODE_CODE39,
	TB_BARCODE_ITF,
	TB_BARCODE_CODABAR,
	TB_BARCODE_CODE93,
	TB_BARCODE_CODE128, /* U+001D in the data is FNC1 */
	TB_BARCODE_GS1_128, /* starts with FNC1; "(01)…(10)…" or fields with U+001D between them */
};

/* Where the code's text stands in writing. */
enum tb_hri { TB_HRI_NONE, TB_HRI_ABOVE, TB_HRI_BELOW, TB_HRI_BOTH };

enum tb_qr_ecc { TB_QR_ECC_L, TB_QR_ECC_M, TB_QR_ECC_Q, TB_QR_ECC_H };

struct tb_text_style {
	enum tb_align align;
	uint8_t width, height; /* 1..8; 0 is 1 */
	uint8_t underline;     /* 0..2 dots */
	uint8_t font;          /* 0 A, 1 B; one that the printer does not have is A */
	bool bold, invert;
};

/* One cell of a columns block. */
struct tb_column {
	char *text;     /* UTF-8; wraps within its cell */
	unsigned width; /* characters of font A; 0: shares what the others leave */
	enum tb_align align;
};

enum tb_block_kind {
	TB_BLOCK_TEXT,
	TB_BLOCK_COLUMNS,
	TB_BLOCK_RULE,
	TB_BLOCK_IMAGE,
	TB_BLOCK_BARCODE,
	TB_BLOCK_QR,
	TB_BLOCK_FEED,
	TB_BLOCK_CUT,
	TB_BLOCK_PULSE,
};

struct tb_block {
	enum tb_block_kind kind;
	union {
		struct {
			char *text; /* UTF-8, lines separated by \n; other control characters are
			               not printed */
			struct tb_text_style style;
		} text;
		struct {
			struct tb_column *cells;
			size_t n;
		} columns;
		struct {
			char fill; /* the sign that the line is made of: '-', '=', '.' … */
		} rule;
		struct {
			uint8_t *gray; /* width * height, row by row, 0 black, 255 white */
			unsigned width, height;
			enum tb_dither dither;
		} image;
		struct {
			char *data;
			size_t len;
			enum tb_barcode_kind symbology;
			uint8_t height; /* dots */
			enum tb_hri hri;
		} barcode;
		struct {
			char *data; /* the bytes that stand in the symbol, UTF-8 for text */
			size_t len;
			uint8_t size; /* dots a module, 1..16; 0: chosen so that it reads well */
			enum tb_qr_ecc ecc;
		} qr;
		struct {
			unsigned lines;
		} feed;
		struct {
			bool partial; /* full where the cutter knows nothing else */
		} cut;
		struct {
			uint8_t pin; /* 2 or 5 */
			uint16_t on_ms, off_ms;
		} pulse;
	};
};

struct tb_document {
	unsigned width; /* characters of font A a line may have, 0: as many as the printer has */
	struct tb_block *blocks;
	size_t n, cap;
	size_t text_bytes, pixels; /* counted against the limits */
};

/* NULL without memory. */
struct tb_document *tb_document_new(void);
void tb_document_free(struct tb_document *document);
TB_DEFINE_CLEANUP(struct tb_document *, tb_document_free);

/*
 * Each adds one block at the end and copies what it is given. 0; -E2BIG above a limit, -EINVAL for
 * a value out of its range or text that is not UTF-8, -ENOMEM. The document is as before after an
 * error.
 */
/* style NULL: plain, left. */
int tb_document_add_text(
	struct tb_document *document, const char *text, const struct tb_text_style *style);
int tb_document_add_columns(struct tb_document *document, const struct tb_column *cells, size_t n);
/* fill: printable ASCII; 0 is '-'. */
int tb_document_add_rule(struct tb_document *document, char fill);
int tb_document_add_image(struct tb_document *document, const uint8_t *gray, unsigned width,
	unsigned height, enum tb_dither dither);
/* height in dots, 0: 80. The data is checked when it is laid out, since only there its width is
 * known. */
int tb_document_add_barcode(struct tb_document *document, enum tb_barcode_kind symbology,
	const char *data, size_t len, uint8_t height, enum tb_hri hri);
int tb_document_add_qr(struct tb_document *document, const char *data, size_t len, uint8_t size,
	enum tb_qr_ecc ecc);
int tb_document_add_feed(struct tb_document *document, unsigned lines);
int tb_document_add_cut(struct tb_document *document, bool partial);
/* pin 2 or 5; times of 0 are 120 and 240 ms, else 2 to 510. */
int tb_document_add_pulse(
	struct tb_document *document, uint8_t pin, uint16_t on_ms, uint16_t off_ms);
