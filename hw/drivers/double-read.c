/* SPDX-License-Identifier: MIT */
/* The window of a scanner against double readings; it counts nothing and reports nothing. */

#include <string.h>
#include "hw/drivers/double-read.h"

void
tb_double_read_init(struct tb_double_read *double_read, uint64_t window_us)
{
	*double_read = (struct tb_double_read){.window_us = window_us};
}

void
tb_double_read_done(struct tb_double_read *double_read)
{
	for (size_t i = 0; i < TB_DOUBLE_READ_CODES; i++)
		free(double_read->codes[i].code);
	*double_read = (struct tb_double_read){.window_us = double_read->window_us};
}

bool
tb_double_read_is(
	struct tb_double_read *double_read, const uint8_t *code, size_t len, uint64_t now_us)
{
	uint8_t *copy;

	if (double_read->window_us == 0 || len == 0)
		return false;
	for (size_t i = 0; i < TB_DOUBLE_READ_CODES; i++)
		if (double_read->codes[i].len == len &&
			now_us - double_read->codes[i].first_us < double_read->window_us &&
			!memcmp(double_read->codes[i].code, code, len))
			return true;
	/* without memory the code is told, and told again: better than not at all */
	copy = realloc(double_read->codes[double_read->next].code, len);
	if (!copy)
		return false;
	memcpy(copy, code, len);
	double_read->codes[double_read->next].code = copy;
	double_read->codes[double_read->next].len = len;
	double_read->codes[double_read->next].first_us = now_us;
	double_read->next = (double_read->next + 1) % TB_DOUBLE_READ_CODES;
	return false;
}
