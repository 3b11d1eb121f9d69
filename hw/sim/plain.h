/* SPDX-License-Identifier: MIT */
/*
 * A page as lines of plain text for people: runs of one printed line side by side, and in brackets
 * what is not text.
 */
#pragma once

#include "hw/escpos/interpret.h"

struct tb_plain {
	struct tb_buf line;
	unsigned y, column; /* of the line that is being put together */
	bool open;
};

/* Appends to out what is complete; an element at a time. */
void tb_plain_add(struct tb_plain *plain, const struct tb_element *element, struct tb_buf *out);
/* The line that is open. */
void tb_plain_flush(struct tb_plain *plain, struct tb_buf *out);
void tb_plain_done(struct tb_plain *plain);
