/* SPDX-License-Identifier: MIT */
/*
 * R14, saying it twice does it once: the tills' keys, the hash of the body each came with, and the
 * answer that was given. A passage has a space of its own, its sale (passages.c).
 */
#pragma once

#include "plugins/loyalty/ledger/ids.h"

/*
 * The hash of the call's params as JSON values: members in any order, `key` left out (the same sale
 * under another key is the same). Of a passage also what its sale is found by anyway
 * (business_day), and what only a bridge adds that delivers it later (passage, uses): the till's
 * own repetition has none of them.
 */
int tb_hash_body(const struct tb_operation *op, uint8_t out[TB_HASH_SIZE]);

/*
 * Looks the call's key up. ret_said: it was said before, and the answer stands in op->out.
 * TB_ERROR_IDEMPOTENCY_CONFLICT when it came with another body.
 */
int tb_key_find(struct tb_operation *op, const uint8_t hash[TB_HASH_SIZE], bool *ret_said);
/* Stores the answer that stands in op->out. */
int tb_key_put(struct tb_operation *op, const uint8_t hash[TB_HASH_SIZE]);

/* What was answered of this customer is not kept any longer. */
int tb_keys_forget(struct tb_operation *op, int64_t customer);

/* Drops a few keys that are older than they must live. 1 when there may be more. */
int tb_keys_prune(struct tb_ledger *ledger, int64_t now);
