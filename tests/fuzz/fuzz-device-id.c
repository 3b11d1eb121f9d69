/* SPDX-License-Identifier: MIT */
/*
 * A printer's Device ID, as it answers and as the kernel shows it: what it says of its language
 * does not depend on what stands behind its end, and nothing is read beyond it.
 */

#include <stdlib.h>
#include <string.h>
#include "hw/codec/device-id.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const languages[] = {"ESC/POS", "STAR", "ZPL", "", "A"};
	char *more = malloc(len + 16);

	if (!more)
		return 0;
	memcpy(more, data, len);
	memcpy(more + len, "\0;CMD:ESC/POS;A", 16);
	for (size_t i = 0; i < ARRAY_SIZE(languages); i++) {
		tb_device_id_speaks(data, len, languages[i]);
		if (tb_device_id_has((const char *)data, len, languages[i]) !=
			tb_device_id_has(more, len + 16, languages[i]))
			abort();
	}
	free(more);
	return 0;
}
