/* SPDX-License-Identifier: MIT */
/*
 * Writes ESC/POS (Epson's command reference; the page is named at each command). What a printer
 * keeps from one command to the next (page, style, alignment) is remembered, so that each is said
 * only when it changes, and forgotten where printers forget it too.
 */

#include "hw/escpos/encode.h"

#include <string.h>

#define PAGE_UNKNOWN 0xFFu

struct writer {
	const struct tb_layout *layout;
	struct tb_encoded *out;
	unsigned page;
	enum tb_align align;
	struct tb_text_style style;
	int error;
};

static void
mark(struct writer *w, bool text)
{
	struct tb_encoded *out = w->out;

	if (out->n_marks == out->cap_marks) {
		size_t cap = out->cap_marks ? out->cap_marks * 2 : 128;
		struct tb_mark *marks = reallocarray(out->marks, cap, sizeof(*marks));

		if (!marks) {
			w->error = -ENOMEM;
			return;
		}
		out->marks = marks;
		out->cap_marks = cap;
	}
	out->marks[out->n_marks++] = (struct tb_mark){
		.end = (uint32_t)out->bytes.len, .text = text};
}

static void
command(struct writer *w, const void *bytes, size_t len)
{
	tb_buf_add(&w->out->bytes, bytes, len);
	mark(w, false);
}

#define COMMAND(w, ...) \
	command(w, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

#define LOW(n) ((uint8_t)((n)&0xFF))
#define HIGH(n) ((uint8_t)(((n) >> 8) & 0xFF))

static void
set_page(struct writer *w, unsigned page)
{
	if (w->page == page)
		return;
	COMMAND(w, 0x1B, 0x74, w->layout->profile->pages[page].slot); /* esc_lt */
	w->page = page;
}

static void
set_align(struct writer *w, enum tb_align align)
{
	if (w->align == align)
		return;
	COMMAND(w, 0x1B, 0x61, (uint8_t)align); /* esc_la */
	w->align = align;
}

static void
set_style(struct writer *w, const struct tb_text_style *style)
{
	const struct tb_profile_font *fonts = w->layout->profile->fonts;
	uint8_t font = style->font < TB_PROFILE_FONTS && fonts[style->font].columns ? style->font
	                                                                            : 0;

	if (w->style.font != font)
		COMMAND(w, 0x1B, 0x4D, font); /* esc_cm */
	if (w->style.bold != style->bold)
		COMMAND(w, 0x1B, 0x45, style->bold); /* esc_ce */
	if (w->style.underline != style->underline)
		COMMAND(w, 0x1B, 0x2D, style->underline); /* esc_minus */
	if (w->style.invert != style->invert)
		COMMAND(w, 0x1D, 0x42, style->invert); /* gs_cb */
	if (w->style.width != style->width || w->style.height != style->height)
		COMMAND(w, 0x1D, 0x21,
			(uint8_t)((style->width - 1) << 4 |
				  (style->height - 1))); /* gs_exclamation */
	w->style = *style;
	w->style.font = font;
}

static void
write_glyphs(struct writer *w, const struct tb_glyph *glyphs, size_t n)
{
	struct tb_buf *bytes = &w->out->bytes;

	if (tb_buf_reserve(bytes, n) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		bytes->data[bytes->len + i] = (char)glyphs[i].byte;
	bytes->len += n;
	mark(w, true);
}

static void
write_line(struct writer *w, const struct tb_item *item)
{
	const struct tb_run *run = &w->layout->runs[item->line.run];
	const struct tb_glyph *glyphs = w->layout->glyphs + run->first;
	size_t at = 0;

	if (run->n > 0) {
		set_align(w, item->align);
		set_style(w, &run->style);
	}
	while (at < run->n) {
		size_t start = at;

		if (glyphs[at].page < TB_GLYPH_KEPT)
			set_page(w, glyphs[at].page);
		/* Up to the next glyph of another page. */
		while (at < run->n &&
			(glyphs[at].page >= TB_GLYPH_KEPT || glyphs[at].page == w->page))
			at++;
		write_glyphs(w, glyphs + start, at - start);
	}
	COMMAND(w, 0x0A);
}

static void
feed_dots(struct writer *w, unsigned dots)
{
	while (dots > 0) {
		unsigned some = TB_MIN(dots, 255u);

		COMMAND(w, 0x1B, 0x4A, (uint8_t)some); /* esc_cj */
		dots -= some;
	}
}

/*
 * In bands (gs_lv_0): small printers lose their place in tall pictures. Where there are real-time
 * bytes in the dots one dot is changed, here and not in the raster, since the picture itself has no
 * say in it.
 */
static void
write_raster(struct writer *w, const struct tb_item *item)
{
	const struct tb_raster *raster = &w->layout->rasters[item->raster.raster];
	unsigned rows;

	set_align(w, item->align);
	feed_dots(w, item->raster.margin_dots);
	for (unsigned y = 0; y < raster->height; y += rows) {
		const uint8_t header[] = {
			0x1D, 0x76, 0x30, 0x00, LOW(raster->stride), HIGH(raster->stride)};
		size_t at, len;

		rows = TB_MIN(raster->height - y, (unsigned)w->layout->profile->max_band_rows);
		len = rows * raster->stride;
		tb_buf_add(&w->out->bytes, header, sizeof(header));
		tb_buf_add_byte(&w->out->bytes, LOW(rows));
		tb_buf_add_byte(&w->out->bytes, HIGH(rows));
		at = w->out->bytes.len;
		tb_buf_add(&w->out->bytes, raster->bits + y * raster->stride, len);
		if (tb_buf_error(&w->out->bytes) < 0)
			return;
		tb_raster_defuse((uint8_t *)w->out->bytes.data + at, len);
		mark(w, false);
	}
	feed_dots(w, item->raster.margin_dots);
	w->page = PAGE_UNKNOWN;
}

static void
write_barcode(struct writer *w, const struct tb_item *item)
{
	const struct tb_barcode *barcode = &w->layout->barcodes[item->barcode.barcode];

	set_align(w, item->align);
	COMMAND(w, 0x1D, 0x68, item->barcode.height);       /* gs_lh */
	COMMAND(w, 0x1D, 0x77, item->barcode.module);       /* gs_lw */
	COMMAND(w, 0x1D, 0x48, (uint8_t)item->barcode.hri); /* gs_ch */
	COMMAND(w, 0x1D, 0x66, 0x00);                       /* gs_lf: HRI in font A */
	tb_buf_add(&w->out->bytes,
		(const uint8_t[]){0x1D, 0x6B, barcode->system, (uint8_t)barcode->len},
		4); /* gs_lk */
	command(w, barcode->data, barcode->len);
	w->page = PAGE_UNKNOWN;
}

/* gs_lparen_lk, functions 65, 67, 69, 80, 81. */
static void
write_qr_native(struct writer *w, const struct tb_item *item)
{
	const struct tb_block *block = item->qr.block;
	size_t len = block->qr.len + 3;

	COMMAND(w, 0x1D, 0x28, 0x6B, 4, 0, 0x31, 0x41, 0x32, 0x00);
	COMMAND(w, 0x1D, 0x28, 0x6B, 3, 0, 0x31, 0x43, item->qr.size);
	COMMAND(w, 0x1D, 0x28, 0x6B, 3, 0, 0x31, 0x45, (uint8_t)(0x30 + block->qr.ecc));
	tb_buf_add(&w->out->bytes,
		(const uint8_t[]){0x1D, 0x28, 0x6B, LOW(len), HIGH(len), 0x31, 0x50, 0x30}, 8);
	command(w, block->qr.data, block->qr.len);
	COMMAND(w, 0x1D, 0x28, 0x6B, 3, 0, 0x31, 0x51, 0x30);
}

/* GS Z 2, ESC Z version level size length: Zijiang's and Xprinter's manuals. */
static void
write_qr_clone(struct writer *w, const struct tb_item *item)
{
	const struct tb_block *block = item->qr.block;

	COMMAND(w, 0x1D, 0x5A, 0x02);
	tb_buf_add(&w->out->bytes,
		(const uint8_t[]){0x1B, 0x5A, 0x00, (uint8_t) "LMQH"[block->qr.ecc],
			item -> qr.size, LOW(block->qr.len), HIGH(block->qr.len)},
		7);
	command(w, block->qr.data, block->qr.len);
}

static void
write_qr(struct writer *w, const struct tb_item *item)
{
	set_align(w, item->align);
	feed_dots(w, item->qr.margin_dots);
	if (w->layout->profile->qr == TB_QR_CLONE)
		write_qr_clone(w, item);
	else
		write_qr_native(w, item);
	feed_dots(w, item->qr.margin_dots);
	w->page = PAGE_UNKNOWN;
}

/* Some 3 mm behind the last line when the printer feeds by itself. */
#define CUT_MARGIN 24

static void
write_cut(struct writer *w, const struct tb_item *item)
{
	const struct tb_profile *profile = w->layout->profile;
	bool partial = item->cut.partial;

	if (profile->cut != TB_CUT_FEED)
		feed_dots(w, profile->head_to_cutter + CUT_MARGIN);
	switch (profile->cut) {
	case TB_CUT_FEED:
		COMMAND(w, 0x1D, 0x56, partial ? 66 : 65, CUT_MARGIN); /* gs_cv */
		break;
	case TB_CUT_PLAIN:
		COMMAND(w, 0x1D, 0x56, partial);
		break;
	case TB_CUT_LEGACY:
		COMMAND(w, 0x1B, partial ? 0x6D : 0x69); /* esc_lm, esc_li */
		break;
	case TB_CUT_NONE:
		break;
	}
}

static void
write_item(struct writer *w, const struct tb_item *item)
{
	switch (item->kind) {
	case TB_ITEM_LINE:
		write_line(w, item);
		break;
	case TB_ITEM_FEED:
		if (item->feed.lines > 0)
			COMMAND(w, 0x1B, 0x64, (uint8_t)item->feed.lines); /* esc_ld */
		break;
	case TB_ITEM_RASTER:
		write_raster(w, item);
		break;
	case TB_ITEM_BARCODE:
		write_barcode(w, item);
		break;
	case TB_ITEM_QR:
		write_qr(w, item);
		break;
	case TB_ITEM_CUT:
		write_cut(w, item);
		break;
	case TB_ITEM_PULSE:
		/* Always with both times: printers eat the next two bytes without them. */
		COMMAND(w, 0x1B, 0x70, item->pulse.pin == 5, /* esc_lp */
			(uint8_t)TB_MAX(item->pulse.on_ms / 2, 1),
			(uint8_t)TB_MAX(item->pulse.off_ms / 2, 1));
		break;
	}
}

int
tb_encode(const struct tb_layout *layout, struct tb_encoded *ret)
{
	const struct tb_profile *profile = layout->profile;
	struct tb_encoded out = {.bytes = TB_BUF_INIT(TB_ENCODED_MAX)};
	struct writer w = {.layout = layout,
		.out = &out,
		.page = PAGE_UNKNOWN,
		.style = {.width = 1, .height = 1}};
	int r;

	tb_buf_reserve(&out.bytes, 1024);
	COMMAND(&w, 0x1B, 0x40); /* esc_atsign: first, since it undoes what was said before it */
	COMMAND(&w, 0x1C, 0x2E); /* fs_period: no Kanji, which eats accents in pairs */
	set_page(&w, 0);
	if (layout->area_dots < profile->dots)
		COMMAND(&w, 0x1D, 0x57, LOW(layout->area_dots),
			HIGH(layout->area_dots)); /* gs_cw */
	for (size_t i = 0; i < layout->n_items && w.error == 0; i++)
		write_item(&w, &layout->items[i]);
	r = tb_buf_error(&out.bytes) < 0 ? tb_buf_error(&out.bytes) : w.error;
	if (r < 0) {
		tb_encoded_done(&out);
		return r == -EMSGSIZE ? -E2BIG : r;
	}
	*ret = out;
	return 0;
}

void
tb_encoded_done(struct tb_encoded *encoded)
{
	tb_buf_done(&encoded->bytes);
	free(encoded->marks);
	encoded->marks = NULL;
	encoded->n_marks = encoded->cap_marks = 0;
}

int
tb_encode_document(const struct tb_document *document, const struct tb_profile *profile,
	struct tb_print_report *report, struct tb_encoded *ret, char **ret_why)
{
	struct tb_layout layout;
	int r;

	*ret_why = NULL;
	r = tb_layout_init(&layout, document, profile, report, ret_why);
	if (r < 0)
		return r;
	r = tb_encode(&layout, ret);
	if (r == -E2BIG)
		*ret_why = strdup("the document is too long to be printed");
	tb_layout_done(&layout);
	return r;
}

/* Index of the first mark that ends at or behind `at`; n_marks when there is none. */
static size_t
find_mark(const struct tb_encoded *encoded, size_t at)
{
	size_t low = 0, high = encoded->n_marks;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (encoded->marks[middle].end >= at)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

size_t
tb_encoded_boundary(const struct tb_encoded *encoded, size_t at)
{
	size_t i = find_mark(encoded, at);

	if (at == 0 || i == encoded->n_marks)
		return at;
	return encoded->marks[i].text ? at : encoded->marks[i].end;
}

size_t
tb_encoded_open(const struct tb_encoded *encoded, size_t taken)
{
	return tb_encoded_boundary(encoded, taken) - taken;
}
