/* SPDX-License-Identifier: MIT */
/* Card numbers: what is scanned, swiped or tapped; a customer's, or free. */
#pragma once

#include "plugins/loyalty/ledger/account.h"

/*
 * Gives the number to a customer, who must exist; NULL state is active. A number never seen before
 * is made. TB_ERROR_CONFLICT when it is another's, TB_ERROR_CARD_BLOCKED when it is blocked or lost
 * and nobody's.
 */
int tb_card_give(struct tb_operation *op, const char *number, const char *symbology,
	const char *state, int64_t customer);

/* Adds the card to the record's list, or changes it there. */
int tb_card_list(json_t *record, const char *number, const char *symbology, const char *state);

/* Gives every card of a cleaned record's list and lists it. ret_index: the one that was refused.
 * fresh: the caller knows that no number was ever seen. */
int tb_cards_give(struct tb_operation *op, int64_t customer, json_t *record, const json_t *cards,
	bool fresh, size_t *ret_index);
