/* SPDX-License-Identifier: MIT */
/*
 * What a coupon looks like: facts in, document out, in the language of the shop. It knows no
 * printer and no queue.
 */
#pragma once

#include "hw/escpos/document.h"

/* All but code and title may be NULL. */
struct tb_coupon {
	const char *code;  /* "TBC-…": the QR and the letters below it */
	const char *title; /* what it is good for */
	const char
		*valid_to; /* RFC 3339 time or date; the coupon is no good any more from then on */
	const char *first_name; /* whose it is */
	const char *shop;
	const char *language; /* fr en de it; another is en */
	bool reprint;         /* it may have been printed before, and says so */
};

/* 0, -EINVAL for text that no document takes, -ENOMEM. */
int tb_coupon_document(const struct tb_coupon *coupon, struct tb_document **ret);
