/* SPDX-License-Identifier: MIT */
/*
 * Puts one character on the paper: its cell, magnified, inverted, underlined, turned. The shapes
 * are the caller's (tb_glyphs); without them a character is a box.
 */

#include "hw/escpos/interpret-state.h"

#include <string.h>

#define KANJI_CELL 24u
#define CELL_MAX (KANJI_CELL * 8)
#define STRIDE (CELL_MAX / 8)

struct cell {
	uint8_t bits[CELL_MAX * STRIDE];
};

static void
font_cell(const struct tb_interpret *in, uint8_t font, unsigned *ret_w, unsigned *ret_h)
{
	const struct tb_profile_font *cell = &in->profile->fonts[font ? 1 : 0];

	if (cell->columns == 0)
		cell = &in->profile->fonts[0];
	*ret_w = TB_MIN((unsigned)cell->cell_width, KANJI_CELL);
	*ret_h = TB_MIN((unsigned)cell->cell_height, KANJI_CELL);
	if (in->config.dialect == TB_DIALECT_STAR)
		*ret_h = 24;
}

static void
plain_cell(const struct tb_interpret *in, uint8_t font, bool wide, unsigned *ret_w, unsigned *ret_h)
{
	if (wide)
		*ret_w = *ret_h = KANJI_CELL;
	else
		font_cell(in, font, ret_w, ret_h);
}

void
tb_cell_size(const struct tb_interpret *in, const struct tb_style *style, bool wide,
	unsigned *ret_w, unsigned *ret_h)
{
	unsigned w, h;

	plain_cell(in, style->font, wide, &w, &h);
	w *= style->width;
	h *= style->height;
	*ret_w = style->turned ? h : w;
	*ret_h = style->turned ? w : h;
}

static void
set_dots(uint8_t *row, unsigned x, unsigned n)
{
	for (; n > 0; x++, n--)
		row[x / 8] |= (uint8_t)(0x80u >> (x % 8));
}

/* A character that no font has: the outline of its cell. */
static void
draw_box(struct cell *cell, unsigned w, unsigned h)
{
	for (unsigned y = 2; y + 2 < h; y++) {
		uint8_t *row = cell->bits + y * STRIDE;

		if (y == 2 || y + 3 == h) {
			set_dots(row, 1, w - 2);
		} else {
			set_dots(row, 1, 1);
			set_dots(row, w - 2, 1);
		}
	}
}

static void
draw_glyph(struct cell *cell, const struct tb_bitmap *glyph, unsigned x, unsigned y, unsigned sx,
	unsigned sy)
{
	for (unsigned v = 0; v < glyph->h; v++) {
		uint8_t *row = cell->bits + (y + v) * sy * STRIDE;

		for (unsigned u = 0; u < glyph->w; u++) {
			if (tb_bitmap_dot(glyph, u, v))
				set_dots(row, (x + u) * sx, sx);
		}
		for (unsigned k = 1; k < sy; k++)
			memcpy(row + k * STRIDE, row, STRIDE);
	}
}

static void
invert(struct cell *cell, unsigned w, unsigned h)
{
	for (unsigned y = 0; y < h; y++) {
		for (unsigned x = 0; x < w; x++)
			cell->bits[y * STRIDE + x / 8] ^= (uint8_t)(0x80u >> (x % 8));
	}
}

static void
compose(struct tb_interpret *in, uint32_t character, const struct tb_style *style, bool wide,
	struct cell *cell, struct tb_bitmap *ret)
{
	unsigned cw, ch, w, h;
	struct tb_glyphs *glyphs = in->config.glyphs;
	struct tb_bitmap glyph;

	plain_cell(in, style->font, wide, &cw, &ch);
	w = cw * style->width;
	h = ch * style->height;
	memset(cell->bits, 0, h * STRIDE);
	if (character == ' ' || character == 0xA0 || character == 0x3000)
		;
	else if (glyphs && glyphs->find(glyphs, character, style->bold, cw, ch, &glyph))
		draw_glyph(cell, &glyph, (cw - glyph.w) / 2, (ch - glyph.h) / 2, style->width,
			style->height);
	else
		draw_box(cell, w, h);
	if (style->invert)
		invert(cell, w, h);
	for (unsigned i = 1; i <= style->underline && !style->invert && !style->turned; i++)
		set_dots(cell->bits + (h - i) * STRIDE, 0, w);
	*ret = (struct tb_bitmap){cell->bits, STRIDE, w, h};
}

void
tb_cell_draw(struct tb_interpret *in, int x, int y, const struct tb_item *item, enum tb_turn turn)
{
	const struct tb_style *style = &item->cell.style;
	unsigned w = item->w - item->cell.space;
	int gap = turn == TB_TURN_HALF ? x : x + (int)w;
	struct tb_bitmap bitmap;
	struct cell cell;

	compose(in, item->cell.character, style, item->cell.wide, &cell, &bitmap);
	if (item->cell.space > 0 && style->invert)
		tb_line_fill(in, gap, y, item->cell.space, item->h);
	else if (item->cell.space > 0 && style->underline && !style->turned)
		tb_line_fill(in, gap,
			turn == TB_TURN_HALF ? y : y + (int)item->h - style->underline,
			item->cell.space, style->underline);
	if (turn == TB_TURN_HALF)
		x += (int)item->cell.space;
	if (style->turned)
		turn = (enum tb_turn)((turn + TB_TURN_RIGHT) % 4);
	tb_line_draw(in, x, y, &bitmap, turn);
}

void
tb_cell_write(struct tb_interpret *in, int x, int y, const char *text, size_t len, uint8_t font)
{
	const struct tb_style style = {.font = font, .width = 1, .height = 1};
	struct tb_bitmap bitmap;
	struct cell cell;

	for (size_t i = 0; i < len; i++) {
		compose(in, (uint8_t)text[i], &style, false, &cell, &bitmap);
		tb_line_draw(in, x, y, &bitmap, TB_TURN_NONE);
		x += (int)bitmap.w;
	}
}
