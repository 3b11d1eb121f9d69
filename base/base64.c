/* SPDX-License-Identifier: MIT */
/* Decodes base64; a text that a strict encoder would not have written is refused. */

#include "base/base64.h"

static int
digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int
tb_base64_decode(const char *text, size_t len, uint8_t **ret, size_t *ret_len)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	size_t digits = len, n = 0;
	uint32_t bits = 0;

	if (len % 4 != 0)
		return -EINVAL;
	while (digits > 0 && len - digits < 2 && text[digits - 1] == '=')
		digits--;
	bytes = malloc(len / 4 * 3 + 1);
	if (!bytes)
		return -ENOMEM;
	for (size_t i = 0; i < digits; i++) {
		int value = digit(text[i]);

		if (value < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)value;
		if (i % 4 != 0)
			bytes[n++] = (uint8_t)(bits >> (6 - i % 4 * 2));
	}
	/* What the last digit holds beyond whole bytes is zero. */
	if ((len - digits == 1 && (bits & 3)) || (len - digits == 2 && (bits & 15)))
		return -EINVAL;
	bytes[n] = 0;
	*ret = TAKE_PTR(bytes);
	*ret_len = n;
	return 0;
}
