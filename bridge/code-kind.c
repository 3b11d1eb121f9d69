/* SPDX-License-Identifier: MIT */
/* Prefixes and check digits; nothing is asked and nothing configured. */

#include "bridge/code-kind.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

const char *
tb_code_kind_word(enum tb_code_kind kind)
{
	static const char *const words[] = {
		[TB_CODE_UNKNOWN] = "unknown",
		[TB_CODE_COUPON] = "coupon",
		[TB_CODE_GIFT_CARD] = "gift_card",
		[TB_CODE_CUSTOMER] = "customer",
		[TB_CODE_ARTICLE] = "article",
	};

	return words[kind];
}

/* GS1's check digit: weights 3 and 1 from the right, the last digit makes the sum a full ten. */
static bool
check_digit_holds(const char *digits, size_t len)
{
	unsigned sum = 0;

	for (size_t i = 0; i < len; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return false;
		sum += (unsigned)(digits[i] - '0') * ((len - i) % 2 ? 1 : 3);
	}
	return sum % 10 == 0;
}

/* UPC-E: its check digit is that of the UPC-A it stands for. */
static bool
upce_holds(const char *code)
{
	char full[13];
	char last = code[6];

	for (size_t i = 0; i < 8; i++)
		if (code[i] < '0' || code[i] > '9')
			return false;
	if (last <= '2')
		snprintf(full, sizeof(full), "%.3s%c0000%.3s%c", code, last, code + 3, code[7]);
	else if (last == '3')
		snprintf(full, sizeof(full), "%.4s00000%.2s%c", code, code + 4, code[7]);
	else if (last == '4')
		snprintf(full, sizeof(full), "%.5s00000%c%c", code, code[5], code[7]);
	else
		snprintf(full, sizeof(full), "%.6s0000%c%c", code, last, code[7]);
	return check_digit_holds(full, 12);
}

bool
tb_code_is_article(const char *code, const char *symbology, const char *aim, const char *gtin)
{
	size_t len = strlen(code);
	bool upce = (symbology && !strcmp(symbology, "upce")) || (aim && !strcmp(aim, "]E0"));

	if (gtin)
		return check_digit_holds(gtin, strlen(gtin));
	if (len == 8 && upce && upce_holds(code))
		return true;
	return (len == 8 || len == 12 || len == 13) && check_digit_holds(code, len);
}

/* A web address that ends in /c/ and a token: what a customer's QR carries for other phones. */
static bool
is_customer_url(const char *code)
{
	const char *slash;

	if (strncasecmp(code, "http://", 7) && strncasecmp(code, "https://", 8))
		return false;
	slash = strrchr(code, '/');
	if (!slash[1] || slash - code < 10 || strncmp(slash - 2, "/c", 2))
		return false;
	return slash[1 + strspn(slash + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					   "0123456789-_.~")] == '\0';
}

static bool
begins(const char *code, const char *prefix)
{
	return !strncmp(code, prefix, strlen(prefix));
}

enum tb_code_kind
tb_code_kind_of_own(const char *code)
{
	if (begins(code, "TBC-"))
		return TB_CODE_COUPON;
	if (begins(code, "TBG-"))
		return TB_CODE_GIFT_CARD;
	return begins(code, "TB:") || is_customer_url(code) ? TB_CODE_CUSTOMER : TB_CODE_UNKNOWN;
}
