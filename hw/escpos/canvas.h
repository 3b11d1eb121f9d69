/* SPDX-License-Identifier: MIT */
/*
 * Paper as dots: one bit each, a fixed width, rows that grow as something is put on them, up to a
 * limit. It draws bitmaps and boxes and knows nothing of characters, commands or files.
 */
#pragma once

#include "base/macros.h"

#define TB_CANVAS_ROWS_MAX 65536u
#define TB_CANVAS_WIDTH_MAX 4096u

/* Borrowed dots: row by row, each row `stride` bytes, the leftmost dot in bit 7, 1 is black. */
struct tb_bitmap {
	const uint8_t *bits;
	size_t stride;
	unsigned w, h;
};

enum tb_turn { TB_TURN_NONE, TB_TURN_LEFT, TB_TURN_HALF, TB_TURN_RIGHT };

struct tb_canvas {
	unsigned width;
	size_t stride;
	unsigned rows; /* in use; what is below was not reached */
	unsigned cap;
	uint8_t *bits; /* rows * stride bytes, 1 is black */
	bool ink;      /* at least one dot is black */
	bool cropped;  /* something was lost at TB_CANVAS_ROWS_MAX or for want of memory */
};

/* width 1..TB_CANVAS_WIDTH_MAX. */
int tb_canvas_init(struct tb_canvas *canvas, unsigned width);
void tb_canvas_done(struct tb_canvas *canvas);
/* White again, with no row; the memory is kept. */
void tb_canvas_clear(struct tb_canvas *canvas);
/* Makes sure that there are at least `rows` rows; beyond the limit sets cropped. */
void tb_canvas_reach(struct tb_canvas *canvas, unsigned rows);

/*
 * Blackens where the bitmap is black, each of its dots sx wide and sy high; what lies outside is
 * lost, below the last row the canvas grows. x and y may be negative.
 */
void tb_canvas_draw(struct tb_canvas *canvas, int x, int y, const struct tb_bitmap *bitmap,
	unsigned sx, unsigned sy);
/* The same, with the bitmap turned first; x and y are the upper left corner of what comes out. */
void tb_canvas_draw_turned(
	struct tb_canvas *canvas, int x, int y, const struct tb_bitmap *bitmap, enum tb_turn turn);
/* A black box. */
void tb_canvas_fill(struct tb_canvas *canvas, int x, int y, unsigned w, unsigned h);

static inline bool
tb_bitmap_dot(const struct tb_bitmap *bitmap, unsigned x, unsigned y)
{
	return bitmap->bits[y * bitmap->stride + x / 8] & (0x80u >> (x % 8));
}
