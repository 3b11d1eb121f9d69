/* SPDX-License-Identifier: MIT */
/*
 * A picture as shades of grey, from a file in memory. What the file says of its size is believed
 * only after it was compared with the limits of image.h; it knows no code.
 */
#pragma once

#include "base/macros.h"

struct tb_picture {
	unsigned width, height;
	uint8_t *grey; /* a byte a pixel, rows without gaps; 0 is black */
};

/* -EINVAL with a sentence in ret_why (to free), -ENOMEM. */
int tb_picture_read(const uint8_t *data, size_t len, struct tb_picture *ret, char **ret_why);
void tb_picture_done(struct tb_picture *picture);

/* Sets ret_why and returns -EINVAL. */
int tb_picture_refuse(char **ret_why, const char *format, ...) TB_PRINTF(2, 3);
/*
 * Takes memory for that size, white. -EINVAL when it is beyond the limits, or more than a file of
 * len bytes can hold, of which no byte says more than so many pixels.
 */
int tb_picture_alloc(unsigned long width, unsigned long height, size_t len, size_t a_byte,
	struct tb_picture *ret, char **ret_why);

/* picture-jpeg.c, picture.c: one a format. */
int tb_picture_read_jpeg(const uint8_t *data, size_t len, struct tb_picture *ret, char **ret_why);
