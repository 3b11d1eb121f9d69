/* SPDX-License-Identifier: MIT */
/*
 * The turn: calls that arrived together share one transaction and one fsync, each in a savepoint of
 * its own; every answer waits for the commit. A look-up that writes nothing is answered at once
 * when nothing waits before it.
 */
#pragma once

#include "plugins/loyalty/ledger/ledger.h"

#define TB_TURN_MAX 256 /* calls of one transaction: the answers of a long turn come in parts */

enum {
	TB_OP_WRITES = 1 << 0,
	TB_OP_KEYED = 1 << 1, /* R14 is kept here, by the key; passage.post keeps it itself */
};

struct tb_op_entry {
	tb_op_fn fn;
	unsigned flags;
};

extern const struct tb_op_entry tb_op_table[];

/* Reads what a turn must know of the store; the timer for a store that is locked. */
int tb_turn_init(struct tb_ledger *ledger);
void tb_turn_call(struct tb_ledger *ledger, const struct tb_call *call);
void tb_turn_end(struct tb_ledger *ledger);
/* A big load is going on: the store may use more memory until it is over. */
void tb_turn_bulk(struct tb_ledger *ledger);
/* Answers what waits TB_ERROR_SERVER_UNREACHABLE. */
void tb_turn_stop(struct tb_ledger *ledger);
