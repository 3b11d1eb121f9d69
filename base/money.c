/* SPDX-License-Identifier: MIT */
/* Exact integer arithmetic for rule R1. */

#include "base/money.h"

int
tb_i128_to_i64(tb_i128 v, int64_t *ret)
{
	if (v > INT64_MAX || v < INT64_MIN)
		return -EOVERFLOW;
	*ret = (int64_t)v;
	return 0;
}

int
tb_add(int64_t a, int64_t b, int64_t *ret)
{
	return tb_i128_to_i64((tb_i128)a + b, ret);
}

int
tb_muldiv_half_up(int64_t a, int64_t b, int64_t c, int64_t *ret)
{
	tb_i128 p = (tb_i128)a * b;
	tb_i128 q = p / c, r = p % c;

	if (r < 0)
		r = -r;
	if (2 * r >= c)
		q += p < 0 ? -1 : 1;
	return tb_i128_to_i64(q, ret);
}

int
tb_muldiv_floor(int64_t a, int64_t b, int64_t c, int64_t *ret)
{
	tb_i128 p = (tb_i128)a * b;

	return tb_i128_to_i64(p / c - (p % c < 0), ret);
}

int
tb_muldiv_ceil(int64_t a, int64_t b, int64_t c, int64_t *ret)
{
	tb_i128 p = (tb_i128)a * b;

	return tb_i128_to_i64(p / c + (p % c > 0), ret);
}

struct remainder {
	tb_i128 rest;
	size_t index;
};

static int
by_remainder(const void *a, const void *b)
{
	const struct remainder *x = a, *y = b;

	if (x->rest != y->rest)
		return x->rest > y->rest ? -1 : 1;
	return x->index < y->index ? -1 : 1;
}

int
tb_spread(int64_t amount, const int64_t *weights, size_t n, int64_t *shares)
{
	_cleanup_free_ struct remainder *rest = NULL;
	tb_i128 sum = 0, given = 0;

	for (size_t i = 0; i < n; i++) {
		if (weights[i] < 0)
			return -EINVAL;
		sum += weights[i];
	}
	if (amount < 0 || amount > sum)
		return -EINVAL;
	if (sum > INT64_MAX)
		return -EOVERFLOW;
	rest = calloc(n ? n : 1, sizeof(*rest));
	if (!rest)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		tb_i128 p = (tb_i128)amount * weights[i];

		shares[i] = sum ? (int64_t)(p / sum) : 0;
		rest[i] = (struct remainder){.rest = sum ? p % sum : 0, .index = i};
		given += shares[i];
	}
	qsort(rest, n, sizeof(*rest), by_remainder);
	/* Fewer units are left than parts with a remainder, so no part passes its weight. */
	for (size_t i = 0; given < amount; i++, given++)
		shares[rest[i].index]++;
	return 0;
}
