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
tb_muldiv_ceil(int64_t a, int64_t b, int64_t c, int64_t *ret)
{
	tb_i128 p = (tb_i128)a * b;

	return tb_i128_to_i64(p / c + (p % c > 0), ret);
}

struct remainder {
	uint64_t rest; /* of a division by a sum that is an int64 */
	size_t index;
};

#define FEW 64 /* parts: most tickets */

static bool
goes_before(const struct remainder *x, const struct remainder *y)
{
	return x->rest != y->rest ? x->rest > y->rest : x->index < y->index;
}

static int
by_remainder(const void *a, const void *b)
{
	return goes_before(a, b) ? -1 : 1;
}

/*
 * Puts the `more` that go before the others in front, in no order among themselves. Selecting costs
 * a fraction of sorting, and a quote spreads some forty discounts over the same ticket; what is
 * long is sorted, so that no ticket is chosen badly.
 */
static void
put_in_front(struct remainder *rest, size_t n, size_t more)
{
	size_t from = 0, to = n;

	if (n > FEW) {
		qsort(rest, n, sizeof(*rest), by_remainder);
		return;
	}
	/* what stands before `from` goes before the rest, what stands behind `to` after it */
	while (from < more && more < to) {
		size_t mid = from + (to - from) / 2, at = from;
		struct remainder pivot = rest[mid];

		rest[mid] = rest[to - 1];
		for (size_t i = from; i < to - 1; i++)
			if (goes_before(&rest[i], &pivot)) {
				struct remainder swap = rest[i];

				rest[i] = rest[at];
				rest[at++] = swap;
			}
		rest[to - 1] = rest[at];
		rest[at] = pivot;
		if (more <= at)
			to = at;
		else
			from = at + 1;
	}
}

/* amount * weight / sum with its remainder, in 64 bit when it fits. */
static int64_t
portion(int64_t amount, int64_t weight, int64_t sum, uint64_t *ret_rest)
{
	unsigned __int128 wide = (unsigned __int128)(uint64_t)amount * (uint64_t)weight;
	uint64_t by = (uint64_t)sum, narrow = (uint64_t)wide;

	if (wide <= UINT64_MAX) {
		*ret_rest = narrow % by;
		return (int64_t)(narrow / by);
	}
	*ret_rest = (uint64_t)(wide % by);
	return (int64_t)(wide / by);
}

int
tb_spread(int64_t amount, const int64_t *weights, size_t n, int64_t *shares)
{
	struct remainder few[FEW], *rest = few;
	_cleanup_free_ struct remainder *many = NULL;
	tb_i128 sum = 0;
	int64_t left = amount;

	for (size_t i = 0; i < n; i++) {
		if (weights[i] < 0)
			return -EINVAL;
		sum += weights[i];
	}
	if (amount < 0 || amount > sum)
		return -EINVAL;
	if (sum > INT64_MAX)
		return -EOVERFLOW;
	if (n > FEW) {
		rest = many = calloc(n, sizeof(*many));
		if (!many)
			return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		rest[i] = (struct remainder){.index = i};
		shares[i] = sum ? portion(amount, weights[i], (int64_t)sum, &rest[i].rest) : 0;
		left -= shares[i];
	}
	/* Fewer units are left than parts with a remainder, so no part passes its weight. */
	put_in_front(rest, n, (size_t)left);
	for (int64_t i = 0; i < left; i++)
		shares[rest[i].index]++;
	return 0;
}
