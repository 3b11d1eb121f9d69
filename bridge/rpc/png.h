/* SPDX-License-Identifier: MIT */
/* A PNG to gray, for the documents that hold one. Nothing else is read from it. */
#pragma once

#include "base/macros.h"

/*
 * 0 black, 255 white, what is transparent on white; width * height bytes, row by row, newly
 * allocated. -EINVAL when it is no PNG or a damaged one, -E2BIG when a side or all pixels are above
 * the limits (told from the header, before anything is unpacked), -ENOMEM.
 */
int tb_png_decode(const uint8_t *png, size_t len, unsigned max_side, size_t max_pixels,
	uint8_t **ret, unsigned *ret_width, unsigned *ret_height);
