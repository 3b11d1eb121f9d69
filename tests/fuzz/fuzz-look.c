/* SPDX-License-Identifier: MIT */
/*
 * What the hub connector takes for an object without making a tree of it is one to jansson, and the
 * other way round; but for what only a tree minds: depth, long numbers, a NUL in a name.
 */

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/loyalty/hub/look.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A run of digits so long that jansson may find the number too large. */
static bool
has_long_number(const uint8_t *data, size_t size)
{
	size_t run = 0;

	for (size_t i = 0; i < size; i++) {
		run = data[i] >= '0' && data[i] <= '9' ? run + 1 : 0;
		if (run > 17 || ((data[i] | 0x20) == 'e' && i + 3 < size))
			return true;
	}
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = size > 0 ? (const char *)data : "";
	bool look = tb_look_is_object(text, size);
	json_t *tree;

	tree = json_loadb(text, size, JSON_ALLOW_NUL, NULL);
	if (json_is_object(tree) && !look &&
		!memchr(text, '\0', size)) { /* jansson steps over it */
		size_t depth = 0;

		for (size_t i = 0; i < size; i++)
			depth += data[i] == '{' || data[i] == '[';
		if (depth <= TB_LOOK_DEPTH_MAX)
			abort();
	}
	if (look && !tree && !has_long_number(data, size) && !memmem(data, size, "\\u", 2))
		abort();
	json_decref(tree);
	return 0;
}
