/* SPDX-License-Identifier: MIT */
/*
 * R13, R15: what a till gave while the ledger could not be asked, and so without a reservation. It
 * becomes one that this passage has committed, charged in full.
 */
#pragma once

#include "plugins/loyalty/ledger/reservations.h"
#include "plugins/loyalty/ledger/warnings.h"

/*
 * Charges the call's `uses` on the basket of k; wanted: the id that the bridge gave its
 * reservation, kept when it is free, 0 for none. ret has id and body of the reservation that was
 * made.
 */
int tb_uses_given(struct tb_operation *op, struct tb_reckon *k, const struct tb_use_step *step,
	int64_t wanted, struct tb_reservation *ret, struct tb_warnings *warnings);
