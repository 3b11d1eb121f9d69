/* SPDX-License-Identifier: MIT */
/* Where printed tickets go: DIR/ticket-1.png, .txt and .jsonl, then ticket-2 … */
#pragma once

#include "hw/sim/plain.h"

/* Bytes of text and elements that are kept of one ticket. */
#define TB_SPOOL_BYTES_MAX (16u << 20)

struct tb_spool {
	char *dir; /* owned */
	unsigned tickets;
	struct tb_plain plain;
	struct tb_buf text, elements;
	bool any; /* more than a cut came since the last ticket */
};

/* Makes the folder (not its parents). */
int tb_spool_init(struct tb_spool *spool, const char *dir);
void tb_spool_done(struct tb_spool *spool);
void tb_spool_add(struct tb_spool *spool, const struct tb_element *element);
/*
 * Writes the ticket's files, the PNG only when it has marks. 1 and its name without an ending (the
 * caller's to free), 0 when there was nothing on it, or -errno.
 */
int tb_spool_ticket(struct tb_spool *spool, const struct tb_canvas *canvas, char **ret_name);
