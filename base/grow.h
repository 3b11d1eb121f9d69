/* SPDX-License-Identifier: MIT */
/* Arrays that grow one by one. Whoever has one keeps its count, and no size beside it. */
#pragma once

#include <stdlib.h>

/* Room for one more in an array of n: it doubles at the powers of two. NULL without memory, and the
 * array as it was. */
static inline void *
tb_grow(void *array, size_t n, size_t size)
{
	if (n & (n - 1))
		return array;
	return reallocarray(array, n ? 2 * n : 1, size);
}
