/* SPDX-License-Identifier: MIT */
/*
 * A report descriptor and the reports after it: two bytes of length and the descriptor, then each
 * report behind one byte of length. Whatever they say, a code stays within its limit.
 */

#include <stddef.h>
#include <stdint.h>

#include "hw/codec/hid-pos.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tb_hid_pos pos;
	struct tb_hid_pos_layout layout;
	uint64_t now_us = 0;
	size_t n;

	if (size < 2)
		return 0;
	n = (size_t)data[0] << 8 | data[1];
	data += 2, size -= 2;
	n = TB_MIN(n, size);
	tb_hid_pos_init(&pos, tb_hid_pos_parse(data, n, &layout) == 0 ? &layout : NULL);
	data += n, size -= n;
	while (size > 0) {
		n = TB_MIN((size_t)data[0], size - 1);
		if (tb_hid_pos_feed(&pos, data + 1, n, now_us) == TB_HID_POS_CODE &&
			(pos.len == 0 || pos.len > sizeof(pos.code)))
			__builtin_trap();
		now_us += n * 1000;
		data += 1 + n, size -= 1 + n;
	}
	return 0;
}
