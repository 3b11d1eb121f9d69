/* SPDX-License-Identifier: MIT */
/* Dithering of pictures for a head that knows black and nothing else. */

#include "hw/escpos/raster.h"

#include <string.h>

void
tb_raster_done(struct tb_raster *raster)
{
	free(raster->bits);
	*raster = (struct tb_raster){0};
}

/* Each new dot is the mean of the old ones that it covers: thin lines fade, they do not vanish. */
static uint8_t *
scale_down(
	const uint8_t *gray, unsigned width, unsigned height, unsigned to_width, unsigned to_height)
{
	uint8_t *out = malloc((size_t)to_width * to_height);

	if (!out)
		return NULL;
	for (unsigned y = 0; y < to_height; y++) {
		unsigned y0 = (unsigned)((uint64_t)y * height / to_height);
		unsigned y1 = TB_MAX((unsigned)((uint64_t)(y + 1) * height / to_height), y0 + 1);

		for (unsigned x = 0; x < to_width; x++) {
			unsigned x0 = (unsigned)((uint64_t)x * width / to_width);
			unsigned x1 = TB_MAX(
				(unsigned)((uint64_t)(x + 1) * width / to_width), x0 + 1);
			uint64_t sum = 0;

			for (unsigned v = y0; v < y1; v++) {
				for (unsigned u = x0; u < x1; u++)
					sum += gray[(size_t)v * width + u];
			}
			out[(size_t)y * to_width + x] = (uint8_t)(sum / ((uint64_t)(y1 - y0) *
										(x1 - x0)));
		}
	}
	return out;
}

/* Packs one row by a rule of its own: `black` is 1 where a dot is printed. */
static void
pack_row(uint8_t *out, const uint8_t *black, unsigned width)
{
	unsigned x = 0;

	for (; x + 8 <= width; x += 8) {
		uint64_t eight;

		/* Eight bytes of 0 or 1 to one of eight bits: each product moves its own to the
		 * top byte, the first one highest. */
		memcpy(&eight, black + x, sizeof(eight));
		out[x / 8] = (uint8_t)((eight * UINT64_C(0x8040201008040201)) >> 56);
	}
	for (; x < width; x++)
		out[x / 8] |= (uint8_t)(black[x] << (7 - x % 8));
}

static void
threshold(const uint8_t *gray, unsigned width, unsigned height, struct tb_raster *raster,
	uint8_t *black)
{
	for (unsigned y = 0; y < height; y++) {
		const uint8_t *row = gray + (size_t)y * width;

		for (unsigned x = 0; x < width; x++)
			black[x] = row[x] < 128;
		pack_row(raster->bits + y * raster->stride, black, width);
	}
}

/* Bayer's matrix of order 8, each entry by its bits: the bits of x xor y and of y, reversed and
 * interleaved. */
static uint8_t
bayer_level(unsigned x, unsigned y)
{
	unsigned value = 0, diff = x ^ y;

	for (unsigned bit = 0; bit < 3; bit++) {
		value = value << 1 | ((diff >> bit) & 1);
		value = value << 1 | ((y >> bit) & 1);
	}
	return (uint8_t)(value * 4 + 2);
}

static void
bayer(const uint8_t *gray, unsigned width, unsigned height, struct tb_raster *raster,
	uint8_t *black)
{
	uint8_t levels[8][8];

	for (unsigned y = 0; y < 8; y++) {
		for (unsigned x = 0; x < 8; x++)
			levels[y][x] = bayer_level(x, y);
	}
	for (unsigned y = 0; y < height; y++) {
		const uint8_t *row = gray + (size_t)y * width, *level = levels[y % 8];
		unsigned x = 0;

		for (; x + 8 <= width; x += 8) {
			for (unsigned i = 0; i < 8; i++)
				black[x + i] = row[x + i] < level[i];
		}
		for (; x < width; x++)
			black[x] = row[x] < level[x % 8];
		pack_row(raster->bits + y * raster->stride, black, width);
	}
}

/*
 * Error diffusion keeps the errors of the rows below in a ring, with a margin of two dots on both
 * sides so that no dot asks where the edge is. Left to right in every row: a head's dots are coarse
 * enough that serpentine order shows no gain, and it costs the pipeline.
 */
#define MARGIN 2

static void
floyd(const uint8_t *gray, unsigned width, unsigned height, struct tb_raster *raster,
	uint8_t *black, int16_t *errors)
{
	size_t span = width + 2 * MARGIN;
	int16_t *below = errors + MARGIN;

	memset(errors, 0, span * sizeof(*errors));
	for (unsigned y = 0; y < height; y++) {
		const uint8_t *row = gray + (size_t)y * width;
		int right = 0;    /* 7/16 of the dot before */
		int diagonal = 0; /* what the dot before gave to the one below this */
		int under = 0;    /* what has been gathered for the dot below the one before */

		for (unsigned x = 0; x < width; x++) {
			int value = row[x] + ((right + below[x] + 8) >> 4);
			int dark = value < 128;
			int error = value - (dark ? 0 : 255);

			black[x] = (uint8_t)dark;
			below[(int)x - 1] = (int16_t)(under + 3 * error);
			under = diagonal + 5 * error;
			diagonal = error;
			right = 7 * error;
		}
		below[width - 1] = (int16_t)under;
		pack_row(raster->bits + y * raster->stride, black, width);
	}
}

/* An eighth to each of six neighbours; a quarter of the error is dropped, which keeps paper white.
 */
static void
atkinson(const uint8_t *gray, unsigned width, unsigned height, struct tb_raster *raster,
	uint8_t *black, int16_t *errors)
{
	size_t span = width + 2 * MARGIN;
	int16_t *rows[3] = {errors + MARGIN, errors + span + MARGIN, errors + 2 * span + MARGIN};

	memset(errors, 0, 3 * span * sizeof(*errors));
	for (unsigned y = 0; y < height; y++) {
		const uint8_t *row = gray + (size_t)y * width;
		int16_t *here = rows[0], *next = rows[1], *after = rows[2];

		for (unsigned x = 0; x < width; x++) {
			int value = row[x] + here[x];
			int dark = value < 128;
			int part = (value - (dark ? 0 : 255)) / 8;

			black[x] = (uint8_t)dark;
			here[x + 1] = (int16_t)(here[x + 1] + part);
			here[x + 2] = (int16_t)(here[x + 2] + part);
			next[(int)x - 1] = (int16_t)(next[(int)x - 1] + part);
			next[x] = (int16_t)(next[x] + part);
			next[x + 1] = (int16_t)(next[x + 1] + part);
			after[x] = (int16_t)(after[x] + part);
		}
		pack_row(raster->bits + y * raster->stride, black, width);
		rows[0] = next;
		rows[1] = after;
		rows[2] = here;
		memset(here - MARGIN, 0, span * sizeof(*here));
	}
}

static int
dither_into(struct tb_raster *raster, const uint8_t *gray, enum tb_dither dither)
{
	unsigned width = raster->width, height = raster->height;
	_cleanup_free_ uint8_t *black = malloc(width);
	_cleanup_free_ int16_t *errors = calloc(3 * (width + 2 * MARGIN), sizeof(*errors));

	if (!black || !errors)
		return -ENOMEM;
	switch (dither) {
	case TB_DITHER_THRESHOLD:
		threshold(gray, width, height, raster, black);
		break;
	case TB_DITHER_BAYER:
		bayer(gray, width, height, raster, black);
		break;
	case TB_DITHER_FLOYD:
		floyd(gray, width, height, raster, black, errors);
		break;
	case TB_DITHER_ATKINSON:
		atkinson(gray, width, height, raster, black, errors);
		break;
	}
	return 0;
}

int
tb_raster_init(struct tb_raster *raster, const uint8_t *gray, unsigned width, unsigned height,
	enum tb_dither dither, unsigned max_width)
{
	_cleanup_free_ uint8_t *scaled = NULL;
	int r;

	*raster = (struct tb_raster){.width = width, .height = height};
	if (width > max_width) {
		raster->width = max_width;
		raster->height = TB_MAX((unsigned)((uint64_t)height * max_width / width), 1u);
		scaled = scale_down(gray, width, height, raster->width, raster->height);
		if (!scaled)
			return -ENOMEM;
		gray = scaled;
	}
	raster->stride = (raster->width + 7) / 8;
	raster->bits = calloc(raster->height, raster->stride);
	if (!raster->bits)
		return -ENOMEM;
	r = dither_into(raster, gray, dither);
	if (r < 0)
		tb_raster_done(raster);
	return r;
}

size_t
tb_raster_defuse(uint8_t *bits, size_t len)
{
	uint8_t *at = bits, *end = bits + len;
	size_t n = 0;

	while (at < end && (at = memchr(at, 0x10, (size_t)(end - at)))) {
		if (at + 1 < end && (at[1] == 0x04 || at[1] == 0x05 || at[1] == 0x14)) {
			/* The dot beside the one that is black already. */
			at[0] |= 0x08;
			n++;
		}
		at++;
	}
	return n;
}
