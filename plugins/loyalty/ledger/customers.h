/* SPDX-License-Identifier: MIT */
/* What the files of the customer operations share. */
#pragma once

#include "plugins/loyalty/ledger/cards.h"
#include "plugins/loyalty/ledger/records.h"

/* A new customer from a cleaned record, which is completed: id, token, revision. *id 0: it is
 * drawn. Its cards are given; ret_card: the one that was refused. */
int tb_customer_insert(struct tb_operation *op, json_t *record, const json_t *cards, bool fresh,
	int64_t sponsor, int64_t *id, size_t *ret_card);

/* The bonus for a profile that this change completed, once an account. before NULL: it is new. */
int tb_customer_profile_bonus(
	struct tb_operation *op, struct tb_customer *c, const json_t *before, const json_t *after);

/* {customer, balances} of the customer as he stands now. */
int tb_customer_answer(struct tb_operation *op, int64_t id);
