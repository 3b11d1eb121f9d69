/* SPDX-License-Identifier: MIT */
/*
 * Breaks text into lines of the printer's columns, sets cells beside each other, and finds for each
 * code and picture a size that fits. Whatever is lost on the way is counted in the report.
 */

#include "hw/escpos/layout.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "hw/escpos/qr.h"
#include "hw/escpos/text.h"

#define COLUMNS_LEAST 16 /* a narrower document than that is laid out so */

struct builder {
	struct tb_layout *layout;
	struct tb_print_report *report;
	unsigned page; /* in force, index in the profile */
	unsigned qrs;
	char *why;
};

/*
 * One more element of an array of the layout, zeroed; NULL without memory. array points to the
 * pointer, whose type is the caller's and is therefore read and written as bytes.
 */
static void *
grow(void *array, size_t *n, size_t *cap, size_t size)
{
	char *items;

	memcpy(&items, array, sizeof(items));
	if (*n == *cap) {
		size_t more = *cap ? *cap * 2 : 32;

		items = reallocarray(items, more, size);
		if (!items)
			return NULL;
		memcpy(array, &items, sizeof(items));
		*cap = more;
	}
	memset(items + *n * size, 0, size);
	return items + (*n)++ * size;
}

#define GROW(layout, what) \
	((__typeof__((layout)->what))grow(&(layout)->what, &(layout)->n_##what, \
		&(layout)->cap_##what, sizeof(*(layout)->what)))

static int TB_PRINTF(3, 4) refuse(struct builder *b, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(&b->why, format, args) < 0)
		b->why = NULL;
	va_end(args);
	return error;
}

/* Characters of a font (0 A, 1 B) that stand in a line at width 1. */
static unsigned
columns_of(const struct tb_layout *layout, unsigned font)
{
	const struct tb_profile_font *fonts = layout->profile->fonts;

	if (font >= TB_PROFILE_FONTS || fonts[font].columns == 0)
		font = 0;
	return TB_MIN((unsigned)fonts[font].columns, layout->area_dots / fonts[font].cell_width);
}

static int
add_line(struct builder *b, enum tb_align align, const struct tb_text_style *style, size_t first,
	size_t n)
{
	struct tb_run *run = GROW(b->layout, runs);
	struct tb_item *item = GROW(b->layout, items);

	if (!run || !item)
		return -ENOMEM;
	*run = (struct tb_run){.first = first, .n = n, .style = *style};
	item->kind = TB_ITEM_LINE;
	item->align = align;
	item->line.run = b->layout->n_runs - 1;
	return 0;
}

static bool
is_gap(struct tb_glyph glyph)
{
	return glyph.byte == ' ' && glyph.page == TB_GLYPH_ANY;
}

/*
 * The glyphs [0, n) that fit in a line of `columns`, and where the next line begins: at the last
 * gap that is behind a word, else in the middle of the word. Gaps at the break are dropped, those a
 * paragraph begins with are kept.
 */
static size_t
line_length(const struct tb_glyph *glyphs, size_t n, size_t columns, size_t *ret_next)
{
	size_t at, word = 0;

	if (n <= columns) {
		*ret_next = n;
		return n;
	}
	while (word < n && is_gap(glyphs[word]))
		word++;
	for (at = columns; at > word; at--) {
		if (is_gap(glyphs[at]))
			break;
	}
	if (at <= word) {
		*ret_next = columns;
		return columns;
	}
	*ret_next = at;
	while (*ret_next < n && is_gap(glyphs[*ret_next]))
		(*ret_next)++;
	while (at > 0 && is_gap(glyphs[at - 1]))
		at--;
	return at;
}

/* Bytes up to the end of the line, or of the text. */
static size_t
paragraph_length(const char *text)
{
	return strcspn(text, "\n");
}

static int
lay_text(struct builder *b, const struct tb_block *block)
{
	struct tb_layout *layout = b->layout;
	const struct tb_text_style *style = &block->text.style;
	size_t columns = TB_MAX(columns_of(layout, style->font) / style->width, 1u);
	const char *text = block->text.text;

	for (;;) {
		size_t len = paragraph_length(text), first = layout->n_glyphs, next;
		int r = tb_text_glyphs(layout, text, len, &b->page, b->report);

		if (r < 0)
			return r;
		do {
			size_t n = line_length(
				layout->glyphs + first, layout->n_glyphs - first, columns, &next);

			r = add_line(b, style->align, style, first, n);
			if (r < 0)
				return r;
			first += next;
		} while (first < layout->n_glyphs);
		text += len;
		/* A line end at the very end ends the line and begins none. */
		if (!*text++ || !*text)
			return 0;
	}
}

/* Characters of a text's longest line, near enough: what has no glyph of its own is counted too. */
static unsigned
natural_width(const char *text)
{
	unsigned longest = 0, n = 0;

	for (; *text; text++) {
		if (*text == '\n')
			n = 0;
		else if (((uint8_t)*text & 0xC0) != 0x80)
			n++;
		longest = TB_MAX(longest, n);
	}
	return longest;
}

/*
 * Made for wider paper: each cell that has a width gives up its part, none vanishes, and together
 * they have `room`, which is returned. A price is not broken as long as the name beside it has
 * blanks to give.
 */
static unsigned
shrink(const struct tb_block *block, unsigned *widths, unsigned fixed, unsigned room)
{
	size_t n = block->columns.n;
	unsigned given = 0, natural[TB_DOCUMENT_COLUMNS_MAX];

	for (size_t i = 0; i < n; i++) {
		natural[i] = natural_width(block->columns.cells[i].text);
		if (widths[i] > 0)
			widths[i] = TB_MAX(widths[i] * room / fixed, 1u);
		given += widths[i];
	}
	for (size_t i = 0; given != room; i = (i + 1) % n) {
		if (given > room && widths[i] > 1) {
			widths[i]--;
			given--;
		} else if (given < room && widths[i] > 0) {
			widths[i]++;
			given++;
		}
	}
	for (size_t i = 0, j = 0; i < n && j < n;) {
		if (widths[i] == 0 || widths[i] >= natural[i]) {
			i++;
		} else if (widths[j] <= TB_MAX(natural[j], 1u)) {
			j++;
		} else {
			widths[i]++;
			widths[j]--;
		}
	}
	return given;
}

/* Widths of the cells in columns, their sum at most `columns`. */
static int
cell_widths(struct builder *b, const struct tb_block *block, unsigned columns, unsigned *widths)
{
	size_t n = block->columns.n;
	unsigned fixed = 0, open = 0, share;

	for (size_t i = 0; i < n; i++) {
		widths[i] = block->columns.cells[i].width;
		fixed += widths[i];
		open += widths[i] == 0;
	}
	if (n > columns)
		return refuse(b, -EINVAL, "%zu columns do not fit in a line of %u characters", n,
			columns);
	if (fixed + open > columns)
		fixed = shrink(block, widths, fixed, columns - open);
	for (size_t i = 0; i < n && open > 0; i++) {
		if (block->columns.cells[i].width > 0)
			continue;
		share = (columns - fixed) / open;
		widths[i] = share;
		fixed += share;
		open--;
	}
	return 0;
}

/* A cell's text as glyphs, and how much of it has been set. */
struct cell {
	size_t first, end;
	const char *rest; /* the paragraphs behind the one in first..end; NULL: none */
};

static int
next_paragraph(struct builder *b, struct cell *cell)
{
	const char *text = cell->rest;
	size_t len = paragraph_length(text);
	int r;

	cell->first = b->layout->n_glyphs;
	r = tb_text_glyphs(b->layout, text, len, &b->page, b->report);
	cell->end = b->layout->n_glyphs;
	text += len;
	cell->rest = *text && text[1] ? text + 1 : NULL;
	return r;
}

/* Copies glyphs to the end of the array they are in. */
static int
copy_glyphs(struct builder *b, size_t first, size_t n)
{
	size_t at = b->layout->n_glyphs;
	int r = tb_text_blanks(b->layout, n);

	if (r < 0)
		return r;
	memcpy(b->layout->glyphs + at, b->layout->glyphs + first, n * sizeof(struct tb_glyph));
	return 0;
}

/* One printed line of one cell, padded to its width. */
static int
set_cell_line(struct builder *b, struct cell *cell, unsigned width, enum tb_align align)
{
	size_t next = 0, n = line_length(b->layout->glyphs + cell->first, cell->end - cell->first,
				 width, &next);
	size_t pad = width - n, left = align == TB_ALIGN_LEFT    ? 0
	                               : align == TB_ALIGN_RIGHT ? pad
	                                                         : pad / 2;
	int r = tb_text_blanks(b->layout, left);

	if (r == 0)
		r = copy_glyphs(b, cell->first, n);
	if (r == 0)
		r = tb_text_blanks(b->layout, pad - left);
	cell->first += next;
	return r;
}

static int
lay_columns(struct builder *b, const struct tb_block *block)
{
	static const struct tb_text_style plain = {.width = 1, .height = 1};
	struct tb_layout *layout = b->layout;
	unsigned widths[TB_DOCUMENT_COLUMNS_MAX];
	struct cell cells[TB_DOCUMENT_COLUMNS_MAX] = {0};
	size_t n = block->columns.n, end;
	bool more = true;
	int r = cell_widths(b, block, columns_of(layout, 0), widths);

	for (size_t i = 0; i < n && r == 0; i++) {
		cells[i].rest = block->columns.cells[i].text;
		r = next_paragraph(b, &cells[i]);
	}
	while (more && r == 0) {
		size_t first = layout->n_glyphs;

		more = false;
		/* Paragraphs of cells are laid before the line, so that the line is in one piece.
		 */
		for (size_t i = 0; i < n && r == 0; i++)
			r = set_cell_line(b, &cells[i], widths[i], block->columns.cells[i].align);
		end = layout->n_glyphs;
		while (end > first && is_gap(layout->glyphs[end - 1]))
			end--;
		if (r == 0)
			r = add_line(b, TB_ALIGN_LEFT, &plain, first, end - first);
		for (size_t i = 0; i < n && r == 0; i++) {
			if (cells[i].first >= cells[i].end && cells[i].rest)
				r = next_paragraph(b, &cells[i]);
			else if (cells[i].first >= cells[i].end)
				continue;
			more = true;
		}
	}
	return r;
}

static int
lay_rule(struct builder *b, const struct tb_block *block)
{
	static const struct tb_text_style plain = {.width = 1, .height = 1};
	size_t first = b->layout->n_glyphs, n = columns_of(b->layout, 0);
	int r = tb_text_blanks(b->layout, n);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		b->layout->glyphs[first + i].byte = (uint8_t)block->rule.fill;
	return add_line(b, TB_ALIGN_LEFT, &plain, first, n);
}

static void
note_too_wide(struct builder *b)
{
	if (b->report)
		b->report->too_wide++;
}

static struct tb_item *
add_item(struct builder *b, enum tb_item_kind kind, enum tb_align align)
{
	struct tb_item *item = GROW(b->layout, items);

	if (!item)
		return NULL;
	item->kind = kind;
	item->align = align;
	return item;
}

/* The raster's dots become the layout's. */
static int
add_raster(struct builder *b, struct tb_raster *raster, unsigned margin_dots)
{
	struct tb_raster *slot = GROW(b->layout, rasters);
	struct tb_item *item;

	if (!slot) {
		tb_raster_done(raster);
		return -ENOMEM;
	}
	*slot = *raster;
	item = add_item(b, TB_ITEM_RASTER, TB_ALIGN_CENTER);
	if (!item)
		return -ENOMEM;
	item->raster.raster = b->layout->n_rasters - 1;
	item->raster.margin_dots = margin_dots;
	return 0;
}

static int
lay_image(struct builder *b, const struct tb_block *block)
{
	struct tb_raster raster;
	int r;

	if (block->image.width > b->layout->area_dots)
		note_too_wide(b);
	r = tb_raster_init(&raster, block->image.gray, block->image.width, block->image.height,
		block->image.dither, b->layout->area_dots);
	if (r < 0)
		return r;
	return add_raster(b, &raster, 0);
}

/* Three dots a module read best; two is the least a head prints cleanly, and then it must fit. */
static int
lay_barcode(struct builder *b, const struct tb_block *block)
{
	static const char *const names[] = {"upca", "upce", "ean13", "ean8", "code39", "itf",
		"codabar", "code93", "code128", "gs1-128"};
	struct tb_barcode *barcode = GROW(b->layout, barcodes);
	unsigned room = b->layout->area_dots, module = 3;
	struct tb_item *item;
	const char *why;

	if (!barcode)
		return -ENOMEM;
	if (tb_barcode_encode(block->barcode.symbology, block->barcode.data, block->barcode.len,
		    barcode, &why) < 0)
		return refuse(b, -EINVAL, "a barcode (%s) cannot be printed: %s",
			names[block->barcode.symbology], why);
	/* Ten modules of quiet zone on both sides, as long as there is a choice. */
	while (module > 2 && tb_barcode_width(barcode, module) + 20 * module > room)
		module--;
	if (tb_barcode_width(barcode, module) > room)
		return refuse(b, -EINVAL,
			"a barcode (%s) of %zu characters is %u dots wide, the printer has %u",
			names[block->barcode.symbology], block->barcode.len,
			tb_barcode_width(barcode, module), room);
	item = add_item(b, TB_ITEM_BARCODE, TB_ALIGN_CENTER);
	if (!item)
		return -ENOMEM;
	item->barcode.barcode = b->layout->n_barcodes - 1;
	item->barcode.module = (uint8_t)module;
	item->barcode.height = block->barcode.height;
	item->barcode.hri = block->barcode.hri;
	return 0;
}

/* Dots a module: what was asked for, else about an inch in all, in any case what fits. 0: nothing.
 */
static unsigned
qr_size(struct builder *b, const struct tb_block *block, unsigned modules)
{
	unsigned room = b->layout->area_dots / (modules + 2 * TB_QR_QUIET);
	unsigned size = block->qr.size;

	if (size == 0)
		return TB_MIN(TB_MIN(TB_MAX(b->layout->profile->dpi / modules, 4u), 8u), room);
	if (size > room) {
		note_too_wide(b);
		size = room;
	}
	return size;
}

/* Real-time commands inside the data would be obeyed, and a printer that does not know the command
 * would obey all others too: such a code is drawn. */
static bool
has_controls(const struct tb_block *block)
{
	for (size_t i = 0; i < block->qr.len; i++) {
		if ((uint8_t)block->qr.data[i] < 0x20 || block->qr.data[i] == 0x7F)
			return true;
	}
	return false;
}

/*
 * A symbol that the printer computes is no larger than one of bytes; only when that might not fit,
 * or is drawn by us, it is computed here, since that takes longer than all the rest of a coupon.
 */
static int
lay_qr(struct builder *b, const struct tb_block *block)
{
	enum tb_profile_qr how = has_controls(block) ? TB_QR_RASTER : b->layout->profile->qr;
	unsigned modules = tb_qr_modules_at_most(block->qr.len, block->qr.ecc), size, margin;
	struct tb_raster raster;
	struct tb_item *item;
	int r = 0;

	if (++b->qrs > TB_LAYOUT_QR_MAX)
		return refuse(b, -E2BIG, "a document has at most %d QR codes", TB_LAYOUT_QR_MAX);
	if (how == TB_QR_RASTER || modules == 0 ||
		b->layout->area_dots / (modules + 2 * TB_QR_QUIET) < TB_MAX(block->qr.size, 4u))
		r = tb_qr_modules(block->qr.data, block->qr.len, block->qr.ecc, &modules);
	if (r == -E2BIG)
		return refuse(
			b, -EINVAL, "a QR code cannot hold %zu bytes at that level", block->qr.len);
	if (r < 0)
		return r;
	size = qr_size(b, block, modules);
	if (size < TB_MIN(2u, block->qr.size ? block->qr.size : 2u))
		return refuse(b, -EINVAL,
			"a QR code of %u modules cannot be read when it is %u dots wide", modules,
			b->layout->area_dots);
	margin = size * TB_QR_QUIET;
	if (how == TB_QR_RASTER || (how == TB_QR_CLONE && size > 6)) {
		r = tb_qr_draw(block->qr.data, block->qr.len, block->qr.ecc, size, &raster);
		return r < 0 ? r : add_raster(b, &raster, margin);
	}
	item = add_item(b, TB_ITEM_QR, TB_ALIGN_CENTER);
	if (!item)
		return -ENOMEM;
	item->qr.block = block;
	item->qr.size = (uint8_t)size;
	item->qr.margin_dots = margin;
	return 0;
}

static int
lay_block(struct builder *b, const struct tb_block *block)
{
	struct tb_item *item;

	switch (block->kind) {
	case TB_BLOCK_TEXT:
		return lay_text(b, block);
	case TB_BLOCK_COLUMNS:
		return lay_columns(b, block);
	case TB_BLOCK_RULE:
		return lay_rule(b, block);
	case TB_BLOCK_IMAGE:
		return lay_image(b, block);
	case TB_BLOCK_BARCODE:
		return lay_barcode(b, block);
	case TB_BLOCK_QR:
		return lay_qr(b, block);
	case TB_BLOCK_FEED:
		item = add_item(b, TB_ITEM_FEED, TB_ALIGN_LEFT);
		if (!item)
			return -ENOMEM;
		item->feed.lines = block->feed.lines;
		return 0;
	case TB_BLOCK_CUT:
		item = add_item(b, TB_ITEM_CUT, TB_ALIGN_LEFT);
		if (!item)
			return -ENOMEM;
		item->cut.partial = block->cut.partial;
		return 0;
	case TB_BLOCK_PULSE:
		item = add_item(b, TB_ITEM_PULSE, TB_ALIGN_LEFT);
		if (!item)
			return -ENOMEM;
		item->pulse.pin = block->pulse.pin;
		item->pulse.on_ms = block->pulse.on_ms;
		item->pulse.off_ms = block->pulse.off_ms;
		return 0;
	}
	return -EINVAL;
}

int
tb_layout_init(struct tb_layout *layout, const struct tb_document *document,
	const struct tb_profile *profile, struct tb_print_report *report, char **ret_why)
{
	struct builder b = {.layout = layout, .report = report};
	unsigned cell = profile->fonts[0].cell_width;
	int r = 0;

	*layout = (struct tb_layout){.profile = profile, .area_dots = profile->dots};
	if (document->width > 0 && document->width < profile->fonts[0].columns)
		layout->area_dots = TB_MAX(document->width, (unsigned)COLUMNS_LEAST) * cell;
	for (size_t i = 0; i < document->n && r == 0; i++)
		r = lay_block(&b, &document->blocks[i]);
	if (r == 0)
		return 0;
	if (r == -E2BIG && !b.why)
		b.why = strdup("the document is too long to be printed");
	*ret_why = b.why;
	tb_layout_done(layout);
	return r;
}

void
tb_layout_done(struct tb_layout *layout)
{
	for (size_t i = 0; i < layout->n_rasters; i++)
		tb_raster_done(&layout->rasters[i]);
	free(layout->rasters);
	free(layout->barcodes);
	free(layout->runs);
	free(layout->glyphs);
	free(layout->items);
	*layout = (struct tb_layout){0};
}
