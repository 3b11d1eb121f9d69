/* SPDX-License-Identifier: MIT */
/* Chooses the font for a cell and remembers which could not be loaded. */

#include "hw/sim/glyphs.h"

#include <stdio.h>
#include <string.h>
#include "hw/sim/pcf.h"

#define FONT_FOLDER "/usr/share/fonts/X11/misc"

/* Strokes of a printer's font A are two dots: the heavier Terminus; bold is that, smeared by a dot.
 */
enum { LARGE, SMALL, SMALL_BOLD, WIDE, FONTS };

static const char *const paths[FONTS] = {
	[LARGE] = FONT_FOLDER "/ter-u24b_unicode.pcf.gz",
	[SMALL] = FONT_FOLDER "/ter-u16n_unicode.pcf.gz",
	[SMALL_BOLD] = FONT_FOLDER "/ter-u16b_unicode.pcf.gz",
	[WIDE] = FONT_FOLDER "/unifont.pcf.gz",
};

struct tb_sim_glyphs {
	struct tb_glyphs base; /* first: the interpreter gets a pointer to it */
	struct tb_pcf *fonts[FONTS];
	bool tried[FONTS];
	uint8_t smeared[24 * 4];
};

static const struct tb_pcf *
font(struct tb_sim_glyphs *glyphs, unsigned which)
{
	if (!glyphs->tried[which]) {
		glyphs->tried[which] = true;
		if (tb_pcf_open(paths[which], &glyphs->fonts[which]) < 0)
			glyphs->fonts[which] = NULL;
	}
	return glyphs->fonts[which];
}

static bool
find_in(struct tb_sim_glyphs *glyphs, unsigned which, uint32_t character, unsigned cell_w,
	unsigned cell_h, struct tb_bitmap *ret)
{
	const struct tb_pcf *pcf = font(glyphs, which);

	return pcf && tb_pcf_find(pcf, character, ret) && ret->w <= cell_w && ret->h <= cell_h;
}

static void
smear(struct tb_sim_glyphs *glyphs, struct tb_bitmap *bitmap)
{
	size_t stride = (bitmap->w + 7) / 8;

	if (stride * bitmap->h > sizeof(glyphs->smeared))
		return;
	for (unsigned y = 0; y < bitmap->h; y++) {
		const uint8_t *from = bitmap->bits + y * bitmap->stride;
		uint8_t *to = glyphs->smeared + y * stride, carry = 0;

		for (size_t i = 0; i < stride; i++) {
			to[i] = from[i] | from[i] >> 1 | carry;
			carry = (uint8_t)(from[i] << 7);
		}
	}
	bitmap->bits = glyphs->smeared;
	bitmap->stride = stride;
}

static bool
find(struct tb_glyphs *base, uint32_t character, bool bold, unsigned cell_w, unsigned cell_h,
	struct tb_bitmap *ret)
{
	struct tb_sim_glyphs *glyphs = container_of(base, struct tb_sim_glyphs, base);
	bool large = cell_w >= 12 && cell_h >= 24;

	if (bold && !large && find_in(glyphs, SMALL_BOLD, character, cell_w, cell_h, ret))
		return true;
	if (!find_in(glyphs, large ? LARGE : SMALL, character, cell_w, cell_h, ret) &&
		!find_in(glyphs, WIDE, character, cell_w, cell_h, ret))
		return false;
	if (bold)
		smear(glyphs, ret);
	return true;
}

int
tb_sim_glyphs_open(struct tb_sim_glyphs **ret, const char **ret_missing)
{
	_cleanup_(tb_sim_glyphs_freep) struct tb_sim_glyphs *glyphs = calloc(1, sizeof(*glyphs));
	int r;

	if (!glyphs)
		return -ENOMEM;
	glyphs->base.find = find;
	glyphs->tried[LARGE] = true;
	r = tb_pcf_open(paths[LARGE], &glyphs->fonts[LARGE]);
	if (r < 0) {
		*ret_missing = paths[LARGE];
		return r;
	}
	*ret = TAKE_PTR(glyphs);
	return 0;
}

void
tb_sim_glyphs_free(struct tb_sim_glyphs *glyphs)
{
	if (!glyphs)
		return;
	for (size_t i = 0; i < FONTS; i++)
		tb_pcf_free(glyphs->fonts[i]);
	free(glyphs);
}

struct tb_glyphs *
tb_sim_glyphs_get(struct tb_sim_glyphs *glyphs)
{
	return &glyphs->base;
}
