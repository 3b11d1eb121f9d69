/* SPDX-License-Identifier: MIT */
/* Gift cards: money on a number, with entries of its own beside the customers' accounts. */
#pragma once

#include "plugins/loyalty/ledger/account.h"

struct tb_gift_entry {
	int64_t card;
	enum tb_entry_kind kind;
	int64_t delta; /* 0 writes nothing */
	int64_t passage, reservation;
	int64_t n; /* which use; with card and kind unique */
	int64_t at;
};

/* Writes the entry and moves balance or held. */
int tb_gift_move(struct tb_operation *op, const struct tb_gift_entry *entry);

struct tb_gift_row {
	int64_t id, balance, held, expires_at; /* TB_TIME_NONE: never */
	bool blocked;
	char number[132];
};

/* ret_there false when there is no such number. Drawn numbers are found in any case of letters. */
int tb_gift_find(
	struct tb_operation *op, const char *number, struct tb_gift_row *ret, bool *ret_there);
/* {number, balance, available, expires_at?, state} as one object. */
void tb_gift_write(struct tb_operation *op, struct tb_jsonw *w, const struct tb_gift_row *card);
