/* SPDX-License-Identifier: MIT */
/*
 * Reservations: what a sale holds until it is paid, 15 minutes at most. reward.quote,
 * reward.reserve, reward.release and reward.deduct; and what a passage does with one.
 */
#pragma once

#include "plugins/loyalty/ledger/reckon.h"
#include "plugins/loyalty/ledger/uses.h"

enum tb_reservation_state {
	TB_RESERVATION_HELD,
	TB_RESERVATION_COMMITTED,
	TB_RESERVATION_RELEASED,
	TB_RESERVATION_EXPIRED,
};

struct tb_reservation {
	int64_t id;
	enum tb_reservation_state state;
	int64_t customer; /* 0: none */
	char *sale;
	uint8_t basket[TB_HASH_SIZE];
	json_t *body; /* adjustments and sums, as they were answered */
};

void tb_reservation_done(struct tb_reservation *r);
#define _cleanup_reservation_ _cleanup_(tb_reservation_done)

/* ret_there false when there is none of that id. */
int tb_reservation_get(
	struct tb_operation *op, int64_t id, struct tb_reservation *ret, bool *ret_there);
/* The one that this till's sale holds now, 0 when there is none. */
int tb_reservation_of_sale(struct tb_operation *op, const char *sale, int64_t *ret);

/* Gives back what it holds; nothing when it is not held any more. c: the customer when the caller
 * has loaded him (he is changed, not put), else NULL. */
int tb_reservation_release(struct tb_operation *op, int64_t id, struct tb_customer *c,
	enum tb_reservation_state state);
/* Releases all that are past their time. */
int tb_reservations_lapse(struct tb_operation *op);
/* When the first lapses, INT64_MAX for never. */
int tb_reservations_next(struct tb_ledger *ledger);

/* Its row, held; the uses are the caller's to hold. */
int tb_reservation_insert(struct tb_operation *op, const struct tb_reckon *k,
	const struct tb_reckoning *reckoning, int64_t id, int64_t expires_at);
/* Use i of the call as reservation `id` keeps it. Borrows everything. */
struct tb_used tb_used_of(
	const struct tb_reckon *k, const struct tb_reckoning *reckoning, size_t i, int64_t id);

/* Marks it committed by a passage (0: none). */
int tb_reservation_committed(struct tb_operation *op, int64_t id, int64_t passage);

/* What a passage must repeat of a basket: numbers, articles, quantities, totals. */
void tb_basket_hash(const struct tb_basket *basket, uint8_t out[TB_HASH_SIZE]);
