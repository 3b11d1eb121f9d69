/* SPDX-License-Identifier: MIT */
/*
 * Reads a PCF font. Everything that is taken from the file is checked against its size once, when
 * it is opened, or when a glyph is asked for.
 */

#include "hw/sim/pcf.h"

#include <string.h>
#include <zlib.h>

#define FILE_MAX (32u << 20)
#define TABLE_METRICS (1u << 2)
#define TABLE_BITMAPS (1u << 3)
#define TABLE_ENCODINGS (1u << 5)
#define FORMAT_COMPRESSED 0x100u
#define FORMAT_MSB_BYTES 0x04u
#define FORMAT_MSB_BITS 0x08u
#define NO_GLYPH 0xFFFFu

struct table {
	size_t at, size; /* behind the format word */
	uint32_t format;
};

struct tb_pcf {
	uint8_t *data;
	size_t size;
	struct table metrics, bitmaps, encodings;
	uint32_t n_metrics, n_bitmaps;
	size_t dots, n_dots; /* the bitmaps' bytes */
	unsigned row_min, row_max, col_min, col_max;
};

static uint32_t
number(const struct tb_pcf *font, const struct table *table, size_t at, unsigned bytes)
{
	uint32_t value = 0;

	if (at > table->size || bytes > table->size - at)
		return 0;
	for (unsigned i = 0; i < bytes; i++) {
		unsigned k = table->format & FORMAT_MSB_BYTES ? i : bytes - 1 - i;

		value = value << 8 | font->data[table->at + at + k];
	}
	return value;
}

static int
slurp(const char *path, uint8_t **ret_data, size_t *ret_size)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t size = 0, cap = 0;
	int n = 0, error;
	gzFile file;

	errno = 0;
	file = gzopen(path, "rbe");
	if (!file)
		return errno ? -errno : -ENOMEM;
	gzbuffer(file, 128 * 1024);
	do {
		uint8_t *more;

		size += (size_t)n;
		if (size == cap) {
			cap = cap ? cap * 2 : 512 * 1024;
			more = cap <= FILE_MAX ? realloc(data, cap) : NULL;
			if (!more) {
				gzclose(file);
				return cap <= FILE_MAX ? -ENOMEM : -EFBIG;
			}
			data = more;
		}
		n = gzread(file, data + size, (unsigned)(cap - size));
	} while (n > 0);
	error = gzclose(file);
	if (n < 0 || error != Z_OK)
		return -EBADMSG;
	*ret_data = TAKE_PTR(data);
	*ret_size = size;
	return 0;
}

static bool
find_tables(struct tb_pcf *font)
{
	/* The list of tables is always little-endian. */
	const struct table head = {.size = font->size};
	uint32_t n;

	if (font->size < 8 || memcmp(font->data, "\1fcp", 4) != 0)
		return false;
	n = number(font, &head, 4, 4);
	for (uint32_t i = 0; i < n && i < 64; i++) {
		uint32_t type = number(font, &head, 8 + 16 * (size_t)i, 4);
		size_t size = number(font, &head, 16 + 16 * (size_t)i, 4);
		size_t at = number(font, &head, 20 + 16 * (size_t)i, 4);
		struct table *table = type == TABLE_METRICS     ? &font->metrics
		                      : type == TABLE_BITMAPS   ? &font->bitmaps
		                      : type == TABLE_ENCODINGS ? &font->encodings
		                                                : NULL;

		if (!table)
			continue;
		if (at > font->size || size > font->size - at || size < 4)
			return false;
		*table = (struct table){.at = at + 4, .size = size - 4};
		table->format = number(font, &head, at, 4);
	}
	return font->metrics.size && font->bitmaps.size && font->encodings.size;
}

static bool
measure(struct tb_pcf *font)
{
	bool small = font->metrics.format & FORMAT_COMPRESSED;
	size_t sizes;

	font->n_metrics = number(font, &font->metrics, 0, small ? 2 : 4);
	font->n_bitmaps = number(font, &font->bitmaps, 0, 4);
	if (font->n_bitmaps > font->bitmaps.size / 4)
		return false;
	/* offsets of the glyphs, then four sizes, one for each padding */
	sizes = 4 + 4 * (size_t)font->n_bitmaps;
	font->n_dots = number(font, &font->bitmaps, sizes + 4 * (font->bitmaps.format & 3), 4);
	font->dots = sizes + 16;
	if (font->dots > font->bitmaps.size || font->n_dots > font->bitmaps.size - font->dots)
		return false;
	font->col_min = number(font, &font->encodings, 0, 2);
	font->col_max = number(font, &font->encodings, 2, 2);
	font->row_min = number(font, &font->encodings, 4, 2);
	font->row_max = number(font, &font->encodings, 6, 2);
	/* Only the order of bits that a canvas has; Debian's fonts are all so. */
	return font->bitmaps.format & FORMAT_MSB_BITS && (font->bitmaps.format & 0x30) == 0 &&
	       font->col_min <= font->col_max && font->row_min <= font->row_max;
}

int
tb_pcf_open(const char *path, struct tb_pcf **ret)
{
	_cleanup_(tb_pcf_freep) struct tb_pcf *font = calloc(1, sizeof(*font));
	int r;

	if (!font)
		return -ENOMEM;
	r = slurp(path, &font->data, &font->size);
	if (r < 0)
		return r;
	if (!find_tables(font) || !measure(font))
		return -EBADMSG;
	*ret = TAKE_PTR(font);
	return 0;
}

void
tb_pcf_free(struct tb_pcf *font)
{
	if (!font)
		return;
	free(font->data);
	free(font);
}

/* Width and height of a glyph. */
static bool
glyph_size(const struct tb_pcf *font, uint32_t glyph, unsigned *ret_w, unsigned *ret_h)
{
	int left, right, ascent, descent;

	if (glyph >= font->n_metrics || glyph >= font->n_bitmaps)
		return false;
	if (font->metrics.format & FORMAT_COMPRESSED) {
		size_t at = 2 + 5 * (size_t)glyph;

		left = (int)number(font, &font->metrics, at, 1) - 0x80;
		right = (int)number(font, &font->metrics, at + 1, 1) - 0x80;
		ascent = (int)number(font, &font->metrics, at + 3, 1) - 0x80;
		descent = (int)number(font, &font->metrics, at + 4, 1) - 0x80;
	} else {
		size_t at = 4 + 12 * (size_t)glyph;

		left = (int16_t)number(font, &font->metrics, at, 2);
		right = (int16_t)number(font, &font->metrics, at + 2, 2);
		ascent = (int16_t)number(font, &font->metrics, at + 6, 2);
		descent = (int16_t)number(font, &font->metrics, at + 8, 2);
	}
	if (right <= left || ascent + descent <= 0)
		return false;
	*ret_w = (unsigned)(right - left);
	*ret_h = (unsigned)(ascent + descent);
	return true;
}

bool
tb_pcf_find(const struct tb_pcf *font, uint32_t character, struct tb_bitmap *ret)
{
	unsigned row = character >> 8, col = character & 0xFF,
		 pad = 1u << (font->bitmaps.format & 3);
	size_t place, offset;
	uint32_t glyph;
	struct tb_bitmap bitmap;

	if (character > 0xFFFF || row < font->row_min || row > font->row_max ||
		col < font->col_min || col > font->col_max)
		return false;
	place = (size_t)(row - font->row_min) * (font->col_max - font->col_min + 1) + col -
	        font->col_min;
	glyph = number(font, &font->encodings, 10 + 2 * place, 2);
	if (glyph == NO_GLYPH || 12 + 2 * place > font->encodings.size ||
		!glyph_size(font, glyph, &bitmap.w, &bitmap.h))
		return false;
	bitmap.stride = ((bitmap.w + 7) / 8 + pad - 1) / pad * pad;
	offset = number(font, &font->bitmaps, 4 + 4 * (size_t)glyph, 4);
	if (offset > font->n_dots || bitmap.stride * bitmap.h > font->n_dots - offset)
		return false;
	bitmap.bits = font->data + font->bitmaps.at + font->dots + offset;
	*ret = bitmap;
	return true;
}
