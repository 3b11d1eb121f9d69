/* SPDX-License-Identifier: MIT */
/*
 * What a code is for as far as its form alone tells: our own prefixes, and the check digit of an
 * article. What the configuration says of a range stands between the two and is counter.h's.
 */
#pragma once

#include "base/macros.h"

enum tb_code_kind {
	TB_CODE_UNKNOWN,
	TB_CODE_COUPON,
	TB_CODE_GIFT_CARD,
	TB_CODE_CUSTOMER,
	TB_CODE_ARTICLE
};

const char *tb_code_kind_word(enum tb_code_kind kind);

/* By the prefixes of this house, and the address in a customer's QR; else TB_CODE_UNKNOWN. */
enum tb_code_kind tb_code_kind_of_own(const char *code);
/* symbology, aim ("" when absent) and gtin (of AI 01) as the wire told them; NULL when it did not.
 */
bool tb_code_is_article(const char *code, const char *symbology, const char *aim, const char *gtin);
