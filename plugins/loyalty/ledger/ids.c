/* SPDX-License-Identifier: MIT */
/* Ids and codes. The chance is the kernel's. */

#include "plugins/loyalty/ledger/ids.h"

#include <string.h>
#include <sys/random.h>

#define EPOCH_2020_MS INT64_C(1577836800000)
#define CHANCE_BITS 20

static const char id_digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
static const char code_symbols[] = "23456789ABCDEFGHJKMNPQRSTVWXYZ";

static int
chance(void *out, size_t n)
{
	return getrandom(out, n, 0) == (ssize_t)n ? 0 : -EIO;
}

int64_t
tb_id_at(int64_t at_us)
{
	int64_t ms = at_us / 1000 - EPOCH_2020_MS;

	return (int64_t)((uint64_t)TB_MAX(ms, INT64_C(1)) << CHANCE_BITS);
}

int
tb_id_draw(struct tb_operation *op, int64_t *ret)
{
	int64_t id;
	uint32_t bits;
	int r = chance(&bits, sizeof(bits));

	if (r < 0)
		return r;
	id = tb_id_at(op->now) | (bits & ((1 << CHANCE_BITS) - 1));
	if (id <= op->ledger->last_id)
		id = op->ledger->last_id + 1 + (bits & 0xff);
	op->ledger->last_id = id;
	*ret = id;
	return 0;
}

const char *
tb_id_format(char kind, int64_t id, char *out)
{
	char digits[16], *p = digits + sizeof(digits);
	uint64_t rest = (uint64_t)id;
	size_t n;

	do
		*--p = id_digits[rest & 31];
	while (rest >>= 5);
	n = (size_t)(digits + sizeof(digits) - p);
	out[0] = kind;
	out[1] = '_';
	memcpy(out + 2, p, n);
	out[2 + n] = '\0';
	return out;
}

int64_t
tb_id_parse(char kind, const char *text)
{
	uint64_t id = 0;

	if (!text || text[0] != kind || text[1] != '_' || text[2] == '0')
		return 0;
	for (const char *p = text + 2; *p; p++) {
		const char *digit = strchr(id_digits, *p);

		if (!digit || id >> 58)
			return 0;
		id = id << 5 | (uint64_t)(digit - id_digits);
	}
	return (int64_t)id;
}

void
tb_id_write(struct tb_jsonw *w, const char *name, char kind, int64_t id)
{
	char text[TB_ID_TEXT];

	if (id)
		tb_jsonw_string(w, name, tb_id_format(kind, id, text));
}

int
tb_code_draw(const char *prefix, size_t length, char *out)
{
	size_t n = strlen(prefix);
	uint8_t bytes[64];

	memcpy(out, prefix, n);
	while (length > 0) {
		int r = chance(bytes, sizeof(bytes));

		if (r < 0)
			return r;
		/* 240 is the last multiple of 30: what lies above would favour some symbols. */
		for (size_t i = 0; i < sizeof(bytes) && length > 0; i++) {
			if (bytes[i] >= 240)
				continue;
			out[n++] = code_symbols[bytes[i] % 30];
			length--;
		}
	}
	out[n] = '\0';
	return 0;
}

bool
tb_code_is_drawn(const char *prefix, size_t length, const char *text)
{
	size_t n = strlen(prefix);

	return strncmp(text, prefix, n) == 0 && strlen(text) == n + length &&
	       strspn(text + n, code_symbols) == length;
}

static char
luhn_digit(const char *digits, size_t n)
{
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned d = (unsigned)(digits[n - 1 - i] - '0');

		if (i % 2 == 0)
			d = d * 2 > 9 ? d * 2 - 9 : d * 2;
		sum += d;
	}
	return (char)('0' + (10 - sum % 10) % 10);
}

int
tb_card_draw(char *out)
{
	uint32_t bits[2];
	int r = chance(bits, sizeof(bits));

	if (r < 0)
		return r;
	memcpy(out, "29", 2);
	for (size_t i = 0; i < 8; i++) {
		out[2 + i] = (char)('0' + bits[i / 4] % 10);
		bits[i / 4] /= 10;
	}
	out[10] = luhn_digit(out, 10);
	out[11] = '\0';
	return 0;
}

bool
tb_code_tidy(const char *typed, char *out, size_t n)
{
	size_t len = 0;

	for (const char *p = typed; *p; p++) {
		if (*p == ' ')
			continue;
		if (len + 1 >= n)
			return false;
		out[len++] = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
	}
	out[len] = '\0';
	return len > 0;
}
