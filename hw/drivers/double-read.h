/* SPDX-License-Identifier: MIT */
/*
 * The window in which a scanner that reads a label twice is believed once. Counted from the first
 * reading, so that a label left before the scanner comes again after each window. Codes are kept as
 * keyed sums only: what was scanned may be somebody's card.
 */
#pragma once

#include "base/macros.h"

#define TB_DOUBLE_READ_CODES 16 /* different codes remembered within one window */

struct tb_double_read {
	uint64_t window_us; /* 0: off */
	uint64_t key[2];
	struct {
		uint64_t sum;
		size_t len; /* 0: nothing is remembered here */
		uint64_t first_us;
	} codes[TB_DOUBLE_READ_CODES];
	size_t next;
};

void tb_double_read_init(struct tb_double_read *double_read, uint64_t window_us);

/* Whether the code was read within the window before now_us; if not, it is remembered. */
bool tb_double_read_is(
	struct tb_double_read *double_read, const uint8_t *code, size_t len, uint64_t now_us);
/* Whether it was, and nothing is remembered. */
bool tb_double_read_knows(
	const struct tb_double_read *double_read, const uint8_t *code, size_t len, uint64_t now_us);
