/* SPDX-License-Identifier: MIT */
/* What a printer sends back: each byte is understood or junk, half an answer never grows without
 * end. */

#include <stddef.h>
#include <stdint.h>

#include "hw/escpos/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tb_status_reader reader = {0};
	struct tb_printer_health health = {0};
	struct tb_status_item item;

	for (size_t i = 0; i < size; i++) {
		if (!tb_status_feed(&reader, data[i], &item))
			continue;
		if (item.kind == TB_STATUS_DLE_EOT)
			tb_health_dle_eot(&health, data[i] % 6, item.byte);
		if (item.kind == TB_STATUS_AUTO)
			tb_health_asb(&health, item.asb);
		if (item.kind == TB_STATUS_BLOCK && item.block_len > TB_STATUS_BLOCK_MAX)
			__builtin_trap();
	}
	if (reader.n_block > sizeof(reader.block) || reader.n_asb >= sizeof(reader.asb))
		__builtin_trap();
	return 0;
}
