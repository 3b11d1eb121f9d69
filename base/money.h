/* SPDX-License-Identifier: MIT */
/*
 * Exact arithmetic on amounts: int64 in, 128 bit within, int64 out or -EOVERFLOW. Rounding is the
 * one of rule R1: half up on the whole, then the largest remainder over the parts. No floating
 * point.
 */
#pragma once

#include "base/macros.h"

typedef __int128 tb_i128;

/* a * b / c rounded half away from zero (half up for a non-negative a*b); c > 0. */
int tb_muldiv_half_up(int64_t a, int64_t b, int64_t c, int64_t *ret);

/* a * b / c rounded up (towards +infinity); c > 0. */
int tb_muldiv_ceil(int64_t a, int64_t b, int64_t c, int64_t *ret);

int tb_add(int64_t a, int64_t b, int64_t *ret);
int tb_i128_to_i64(tb_i128 v, int64_t *ret);

/*
 * Spreads `amount` (0 <= amount <= sum of weights) over n parts in proportion to their weights
 * (each
 * >= 0) by largest remainder; among equal remainders the lower index gains. No part gets more than
 * its weight. Writes shares[n], which add up to amount. Sum of weights 0: amount must be 0.
 * -EOVERFLOW, -EINVAL when amount is negative or above the sum, -ENOMEM.
 */
int tb_spread(int64_t amount, const int64_t *weights, size_t n, int64_t *shares);
