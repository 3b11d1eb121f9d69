/* SPDX-License-Identifier: MIT */
/* The window of a scanner against double readings; it counts nothing and reports nothing. */

#include <string.h>
#include <sys/random.h>

#include "hw/drivers/double-read.h"

void
tb_double_read_init(struct tb_double_read *double_read, uint64_t window_us)
{
	*double_read = (struct tb_double_read){.window_us = window_us};
	if (getrandom(double_read->key, sizeof(double_read->key), GRND_NONBLOCK) < 0)
		double_read->key[0] = (uintptr_t)double_read;
}

static uint64_t
rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static void
round_of(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

/* SipHash-2-4 (Aumasson and Bernstein, 2012). */
static uint64_t
sum_of(const uint64_t key[2], const uint8_t *bytes, size_t len)
{
	uint64_t v[4] = {key[0] ^ UINT64_C(0x736f6d6570736575),
		key[1] ^ UINT64_C(0x646f72616e646f6d), key[0] ^ UINT64_C(0x6c7967656e657261),
		key[1] ^ UINT64_C(0x7465646279746573)};
	size_t whole = len / 8;

	for (size_t i = 0; i <= whole; i++) {
		uint64_t word = i == whole ? (uint64_t)len << 56 : 0;

		for (size_t k = 0; k < (i == whole ? len % 8 : 8); k++)
			word |= (uint64_t)bytes[i * 8 + k] << (8 * k);
		v[3] ^= word;
		round_of(v);
		round_of(v);
		v[0] ^= word;
	}
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		round_of(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static bool
is_remembered(const struct tb_double_read *double_read, uint64_t sum, size_t len, uint64_t now_us)
{
	for (size_t i = 0; i < TB_DOUBLE_READ_CODES; i++)
		if (double_read->codes[i].len == len && double_read->codes[i].sum == sum &&
			now_us - double_read->codes[i].first_us < double_read->window_us)
			return true;
	return false;
}

bool
tb_double_read_knows(
	const struct tb_double_read *double_read, const uint8_t *code, size_t len, uint64_t now_us)
{
	return double_read->window_us > 0 && len > 0 &&
	       is_remembered(double_read, sum_of(double_read->key, code, len), len, now_us);
}

bool
tb_double_read_is(
	struct tb_double_read *double_read, const uint8_t *code, size_t len, uint64_t now_us)
{
	uint64_t sum;

	if (double_read->window_us == 0 || len == 0)
		return false;
	sum = sum_of(double_read->key, code, len);
	if (is_remembered(double_read, sum, len, now_us))
		return true;
	double_read->codes[double_read->next].sum = sum;
	double_read->codes[double_read->next].len = len;
	double_read->codes[double_read->next].first_us = now_us;
	double_read->next = (double_read->next + 1) % TB_DOUBLE_READ_CODES;
	return false;
}
