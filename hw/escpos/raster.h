/* SPDX-License-Identifier: MIT */
/*
 * Gray pictures to black dots: scaling, dithering, packing as printers want it. It knows no
 * command; the bands are encode.c's.
 */
#pragma once

#include "hw/escpos/document.h"

/* One bit a dot, rows of whole bytes, the left dot in the highest bit, 1 black. */
struct tb_raster {
	unsigned width, height; /* dots */
	size_t stride;          /* bytes a row */
	uint8_t *bits;          /* owned */
};

void tb_raster_done(struct tb_raster *raster);

/*
 * Dithers gray (0 black, 255 white), scaled down to max_width when it is wider; never scaled up.
 * -ENOMEM.
 */
int tb_raster_init(struct tb_raster *raster, const uint8_t *gray, unsigned width, unsigned height,
	enum tb_dither dither, unsigned max_width);

/*
 * Printers obey real-time commands wherever their bytes stand, within a picture too: a drawer could
 * open because of a photograph. Changes one dot in each place where DLE is followed by EOT, ENQ or
 * DC4; returns how many.
 */
size_t tb_raster_defuse(uint8_t *bits, size_t len);
