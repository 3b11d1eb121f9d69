/* SPDX-License-Identifier: MIT */
/*
 * The contract of the module image.so: a picture's file in, the codes on it out. A module, since
 * zbar and what it brings are large. Pictures come from anywhere: who calls it does so in a process
 * that may die of one.
 */
#pragma once

#include "base/macros.h"

#define TB_IMAGE_SYMBOL "tb_image_reader"
#define TB_IMAGE_FILE_MAX ((size_t)64 << 20)
#define TB_IMAGE_SIDE_MAX 20000
#define TB_IMAGE_PIXELS_MAX ((size_t)64 << 20) /* a byte each */

struct tb_image_reader {
	/*
	 * data is a PNG, JPEG or PGM file. Calls fn for each code, from top to bottom, each once;
	 * symbology is a word of this house or NULL. How many there were; or -EINVAL with a
	 * sentence in ret_why (to free): no such picture, cut short, too large; -ENOMEM.
	 */
	int (*read)(const uint8_t *data, size_t len,
		void (*fn)(const char *code, size_t len, const char *symbology, void *userdata),
		void *userdata, char **ret_why);
};
