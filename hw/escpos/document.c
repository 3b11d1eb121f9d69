/* SPDX-License-Identifier: MIT */
/* Builds a document block by block, every limit kept. It computes nothing of how it will look. */

#include "hw/escpos/document.h"

#include <string.h>
#include "base/text.h"

struct tb_document *
tb_document_new(void)
{
	return calloc(1, sizeof(struct tb_document));
}

static void
block_done(struct tb_block *block)
{
	switch (block->kind) {
	case TB_BLOCK_TEXT:
		free(block->text.text);
		break;
	case TB_BLOCK_COLUMNS:
		for (size_t i = 0; i < block->columns.n; i++)
			free(block->columns.cells[i].text);
		free(block->columns.cells);
		break;
	case TB_BLOCK_IMAGE:
		free(block->image.gray);
		break;
	case TB_BLOCK_BARCODE:
		free(block->barcode.data);
		break;
	case TB_BLOCK_QR:
		free(block->qr.data);
		break;
	case TB_BLOCK_RULE:
	case TB_BLOCK_FEED:
	case TB_BLOCK_CUT:
	case TB_BLOCK_PULSE:
		break;
	}
}

void
tb_document_free(struct tb_document *document)
{
	if (!document)
		return;
	for (size_t i = 0; i < document->n; i++)
		block_done(&document->blocks[i]);
	free(document->blocks);
	free(document);
}

/* Room for one block at the end, zeroed and not yet counted; NULL with ret_error. */
static struct tb_block *
next_block(struct tb_document *document, enum tb_block_kind kind, int *ret_error)
{
	struct tb_block *blocks;
	size_t cap;

	if (document->n >= TB_DOCUMENT_BLOCKS_MAX) {
		*ret_error = -E2BIG;
		return NULL;
	}
	if (document->n == document->cap) {
		cap = document->cap ? document->cap * 2 : 16;
		blocks = reallocarray(document->blocks, cap, sizeof(*blocks));
		if (!blocks) {
			*ret_error = -ENOMEM;
			return NULL;
		}
		document->blocks = blocks;
		document->cap = cap;
	}
	document->blocks[document->n] = (struct tb_block){.kind = kind};
	return &document->blocks[document->n];
}

static int
check_text(const struct tb_document *document, const char *text, size_t *ret_len)
{
	size_t len = strlen(text);

	if (len > TB_DOCUMENT_TEXT_MAX || len > TB_DOCUMENT_TOTAL_MAX - document->text_bytes)
		return -E2BIG;
	if (!tb_utf8_valid(text, len))
		return -EINVAL;
	*ret_len = len;
	return 0;
}

int
tb_document_add_text(
	struct tb_document *document, const char *text, const struct tb_text_style *style)
{
	struct tb_text_style plain = {.width = 1, .height = 1};
	struct tb_block *block;
	size_t len;
	int r;

	if (style)
		plain = *style;
	if (plain.width == 0)
		plain.width = 1;
	if (plain.height == 0)
		plain.height = 1;
	if (plain.width > 8 || plain.height > 8 || plain.underline > 2 ||
		plain.align > TB_ALIGN_RIGHT)
		return -EINVAL;
	r = check_text(document, text, &len);
	if (r < 0)
		return r;
	block = next_block(document, TB_BLOCK_TEXT, &r);
	if (!block)
		return r;
	block->text.text = strdup(text);
	if (!block->text.text)
		return -ENOMEM;
	block->text.style = plain;
	document->text_bytes += len;
	document->n++;
	return 0;
}

int
tb_document_add_columns(struct tb_document *document, const struct tb_column *cells, size_t n)
{
	struct tb_block *block;
	size_t bytes = 0, len;
	unsigned width = 0;
	int r;

	if (n == 0)
		return -EINVAL;
	if (n > TB_DOCUMENT_COLUMNS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < n; i++) {
		r = check_text(document, cells[i].text, &len);
		if (r < 0)
			return r;
		bytes += len;
		if (cells[i].width > TB_DOCUMENT_WIDTH_MAX || cells[i].align > TB_ALIGN_RIGHT)
			return -EINVAL;
		width += cells[i].width;
	}
	if (width > TB_DOCUMENT_WIDTH_MAX || bytes > TB_DOCUMENT_TOTAL_MAX - document->text_bytes)
		return -E2BIG;
	block = next_block(document, TB_BLOCK_COLUMNS, &r);
	if (!block)
		return r;
	block->columns.cells = calloc(n, sizeof(*cells));
	if (!block->columns.cells)
		return -ENOMEM;
	block->columns.n = n;
	for (size_t i = 0; i < n; i++) {
		block->columns.cells[i] = cells[i];
		block->columns.cells[i].text = strdup(cells[i].text);
		if (!block->columns.cells[i].text) {
			block_done(block);
			return -ENOMEM;
		}
	}
	document->text_bytes += bytes;
	document->n++;
	return 0;
}

int
tb_document_add_rule(struct tb_document *document, char fill)
{
	struct tb_block *block;
	int r = 0;

	if (fill == 0)
		fill = '-';
	if (fill <= ' ' || fill > '~')
		return -EINVAL;
	block = next_block(document, TB_BLOCK_RULE, &r);
	if (!block)
		return r;
	block->rule.fill = fill;
	document->n++;
	return 0;
}

int
tb_document_add_image(struct tb_document *document, const uint8_t *gray, unsigned width,
	unsigned height, enum tb_dither dither)
{
	struct tb_block *block;
	size_t pixels;
	int r = 0;

	if (width == 0 || height == 0 || dither > TB_DITHER_ATKINSON)
		return -EINVAL;
	if (width > TB_DOCUMENT_IMAGE_SIDE_MAX || height > TB_DOCUMENT_IMAGE_SIDE_MAX)
		return -E2BIG;
	pixels = (size_t)width * height;
	if (pixels > TB_DOCUMENT_PIXELS_MAX - document->pixels)
		return -E2BIG;
	block = next_block(document, TB_BLOCK_IMAGE, &r);
	if (!block)
		return r;
	block->image.gray = malloc(pixels);
	if (!block->image.gray)
		return -ENOMEM;
	memcpy(block->image.gray, gray, pixels);
	block->image.width = width;
	block->image.height = height;
	block->image.dither = dither;
	document->pixels += pixels;
	document->n++;
	return 0;
}

static char *
copy_bytes(const char *data, size_t len)
{
	char *copy = malloc(len + 1);

	if (!copy)
		return NULL;
	memcpy(copy, data, len);
	copy[len] = '\0';
	return copy;
}

int
tb_document_add_barcode(struct tb_document *document, enum tb_barcode_kind symbology,
	const char *data, size_t len, uint8_t height, enum tb_hri hri)
{
	struct tb_block *block;
	int r = 0;

	if (len == 0 || symbology > TB_BARCODE_GS1_128 || hri > TB_HRI_BOTH)
		return -EINVAL;
	if (len > TB_DOCUMENT_BARCODE_MAX || len > TB_DOCUMENT_TOTAL_MAX - document->text_bytes)
		return -E2BIG;
	block = next_block(document, TB_BLOCK_BARCODE, &r);
	if (!block)
		return r;
	block->barcode.data = copy_bytes(data, len);
	if (!block->barcode.data)
		return -ENOMEM;
	block->barcode.len = len;
	block->barcode.symbology = symbology;
	block->barcode.height = height ? height : 80;
	block->barcode.hri = hri;
	document->text_bytes += len;
	document->n++;
	return 0;
}

int
tb_document_add_qr(struct tb_document *document, const char *data, size_t len, uint8_t size,
	enum tb_qr_ecc ecc)
{
	struct tb_block *block;
	int r = 0;

	if (len == 0 || size > 16 || ecc > TB_QR_ECC_H)
		return -EINVAL;
	if (len > TB_DOCUMENT_QR_MAX || len > TB_DOCUMENT_TOTAL_MAX - document->text_bytes)
		return -E2BIG;
	block = next_block(document, TB_BLOCK_QR, &r);
	if (!block)
		return r;
	block->qr.data = copy_bytes(data, len);
	if (!block->qr.data)
		return -ENOMEM;
	block->qr.len = len;
	block->qr.size = size;
	block->qr.ecc = ecc;
	document->text_bytes += len;
	document->n++;
	return 0;
}

int
tb_document_add_feed(struct tb_document *document, unsigned lines)
{
	struct tb_block *block;
	int r = 0;

	if (lines > TB_DOCUMENT_FEED_MAX)
		return -EINVAL;
	block = next_block(document, TB_BLOCK_FEED, &r);
	if (!block)
		return r;
	block->feed.lines = lines;
	document->n++;
	return 0;
}

int
tb_document_add_cut(struct tb_document *document, bool partial)
{
	struct tb_block *block;
	int r = 0;

	block = next_block(document, TB_BLOCK_CUT, &r);
	if (!block)
		return r;
	block->cut.partial = partial;
	document->n++;
	return 0;
}

int
tb_document_add_pulse(struct tb_document *document, uint8_t pin, uint16_t on_ms, uint16_t off_ms)
{
	struct tb_block *block;
	int r = 0;

	if (on_ms == 0)
		on_ms = 120;
	if (off_ms == 0)
		off_ms = 240;
	if ((pin != 2 && pin != 5) || on_ms > 510 || off_ms > 510)
		return -EINVAL;
	block = next_block(document, TB_BLOCK_PULSE, &r);
	if (!block)
		return r;
	block->pulse.pin = pin;
	block->pulse.on_ms = on_ms;
	block->pulse.off_ms = off_ms;
	document->n++;
	return 0;
}
