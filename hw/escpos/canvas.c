/* SPDX-License-Identifier: MIT */
/* Dots on growing paper: bitmaps shifted into place, boxes, rows that are added when they are
 * needed. */

#include "hw/escpos/canvas.h"

#include <string.h>

int
tb_canvas_init(struct tb_canvas *canvas, unsigned width)
{
	if (width == 0 || width > TB_CANVAS_WIDTH_MAX)
		return -EINVAL;
	*canvas = (struct tb_canvas){.width = width, .stride = (width + 7) / 8};
	return 0;
}

void
tb_canvas_done(struct tb_canvas *canvas)
{
	free(canvas->bits);
	canvas->bits = NULL;
	canvas->rows = canvas->cap = 0;
}

void
tb_canvas_clear(struct tb_canvas *canvas)
{
	canvas->rows = 0;
	canvas->ink = canvas->cropped = false;
}

void
tb_canvas_reach(struct tb_canvas *canvas, unsigned rows)
{
	unsigned cap;
	uint8_t *bits;

	if (rows > TB_CANVAS_ROWS_MAX) {
		canvas->cropped = true;
		rows = TB_CANVAS_ROWS_MAX;
	}
	if (rows <= canvas->rows)
		return;
	if (rows > canvas->cap) {
		cap = TB_MIN(TB_MAX(rows, canvas->cap * 2), TB_CANVAS_ROWS_MAX);
		bits = realloc(canvas->bits, cap * canvas->stride);
		if (!bits) {
			canvas->cropped = true;
			return;
		}
		canvas->bits = bits;
		canvas->cap = cap;
	}
	memset(canvas->bits + canvas->rows * canvas->stride, 0,
		(rows - canvas->rows) * canvas->stride);
	canvas->rows = rows;
}

/* Blackens n dots from x on in one row; both are inside. */
static void
fill_row(uint8_t *row, unsigned x, unsigned n)
{
	for (; n > 0 && x % 8; x++, n--)
		row[x / 8] |= (uint8_t)(0x80u >> (x % 8));
	memset(row + x / 8, 0xFF, n / 8);
	x += n & ~7u;
	for (n %= 8; n > 0; x++, n--)
		row[x / 8] |= (uint8_t)(0x80u >> (x % 8));
}

void
tb_canvas_fill(struct tb_canvas *canvas, int x, int y, unsigned w, unsigned h)
{
	int64_t right = (int64_t)x + w, bottom = (int64_t)y + h;

	x = TB_MAX(x, 0);
	y = TB_MAX(y, 0);
	right = TB_MIN(right, (int64_t)canvas->width);
	if (right <= x || bottom <= y)
		return;
	tb_canvas_reach(canvas, (unsigned)TB_MIN(bottom, (int64_t)TB_CANVAS_ROWS_MAX + 1));
	bottom = TB_MIN(bottom, (int64_t)canvas->rows);
	for (int64_t row = y; row < bottom; row++) {
		fill_row(canvas->bits + (size_t)row * canvas->stride, (unsigned)x,
			(unsigned)(right - x));
		canvas->ink = true;
	}
}

/* One row of a bitmap at its own size: bytes shifted into place. */
static bool
or_row(uint8_t *row, unsigned width, int x, const uint8_t *bits, unsigned w)
{
	size_t bytes = (w + 7) / 8, last = (width - 1) / 8;
	uint8_t any = 0;

	for (size_t i = 0; i < bytes; i++) {
		unsigned dots = bits[i];
		int64_t at = (int64_t)x + 8 * (int64_t)i;

		if (i == bytes - 1 && w % 8)
			dots &= 0xFF00u >> (w % 8);
		dots &= 0xFF;
		if (!dots || at <= -8 || at >= (int64_t)width)
			continue;
		if (at < 0) {
			dots = (dots << -at) & 0xFF;
			at = 0;
		}
		/* What hangs over the right edge is cut off dot by dot. */
		if (at + 8 > (int64_t)width)
			dots &= 0xFFu << (at + 8 - (int64_t)width);
		row[at / 8] |= (uint8_t)(dots >> (at % 8));
		if (at % 8 && (size_t)(at / 8) + 1 <= last)
			row[at / 8 + 1] |= (uint8_t)(dots << (8 - at % 8));
		any |= (uint8_t)dots;
	}
	return any != 0;
}

/* One row whose dots are sx wide. */
static bool
or_row_wide(uint8_t *row, unsigned width, int x, const uint8_t *bits, unsigned w, unsigned sx)
{
	bool any = false;

	for (unsigned i = 0; i < w; i++) {
		int64_t from = (int64_t)x + (int64_t)i * sx, to = from + sx;

		if (!(bits[i / 8] & (0x80u >> (i % 8))))
			continue;
		from = TB_MAX(from, 0);
		to = TB_MIN(to, (int64_t)width);
		if (from < to) {
			fill_row(row, (unsigned)from, (unsigned)(to - from));
			any = true;
		}
	}
	return any;
}

void
tb_canvas_draw(struct tb_canvas *canvas, int x, int y, const struct tb_bitmap *bitmap, unsigned sx,
	unsigned sy)
{
	int64_t bottom = (int64_t)y + (int64_t)bitmap->h * sy;

	if (bottom <= 0 || bitmap->w == 0 || sx == 0 || sy == 0)
		return;
	tb_canvas_reach(canvas, (unsigned)TB_MIN(bottom, (int64_t)TB_CANVAS_ROWS_MAX + 1));
	for (unsigned i = 0; i < bitmap->h; i++) {
		const uint8_t *bits = bitmap->bits + i * bitmap->stride;

		for (unsigned k = 0; k < sy; k++) {
			int64_t at = (int64_t)y + (int64_t)i * sy + k;
			uint8_t *row;

			if (at < 0 || at >= (int64_t)canvas->rows)
				continue;
			row = canvas->bits + (size_t)at * canvas->stride;
			if (sx == 1 ? or_row(row, canvas->width, x, bits, bitmap->w)
				    : or_row_wide(row, canvas->width, x, bits, bitmap->w, sx))
				canvas->ink = true;
		}
	}
}

void
tb_canvas_draw_turned(
	struct tb_canvas *canvas, int x, int y, const struct tb_bitmap *bitmap, enum tb_turn turn)
{
	unsigned w = bitmap->w, h = bitmap->h;

	if (turn == TB_TURN_NONE) {
		tb_canvas_draw(canvas, x, y, bitmap, 1, 1);
		return;
	}
	for (unsigned v = 0; v < h; v++) {
		for (unsigned u = 0; u < w; u++) {
			unsigned tx, ty;

			if (!tb_bitmap_dot(bitmap, u, v))
				continue;
			switch (turn) {
			case TB_TURN_LEFT:
				tx = v;
				ty = w - 1 - u;
				break;
			case TB_TURN_RIGHT:
				tx = h - 1 - v;
				ty = u;
				break;
			default:
				tx = w - 1 - u;
				ty = h - 1 - v;
				break;
			}
			tb_canvas_fill(canvas, x + (int)tx, y + (int)ty, 1, 1);
		}
	}
}
