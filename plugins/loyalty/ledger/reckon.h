/* SPDX-License-Identifier: MIT */
/*
 * What the rules are given for a quote, a reservation, a passage: the program in force then, the
 * account, the basket with its articles, the coupons and gift cards that are named. Owns all of it.
 */
#pragma once

#include "plugins/loyalty/ledger/account.h"
#include "plugins/loyalty/ledger/articles.h"
#include "plugins/loyalty/ledger/coupons.h"
#include "plugins/loyalty/ledger/giftcards.h"

struct tb_reckon {
	struct tb_customer customer;
	bool has_customer;
	const struct tb_program_version *version;
	struct tb_facts facts;
	struct tb_basket_lines basket;
	struct tb_basket_articles articles;
	struct tb_context context;

	struct tb_use *uses;
	size_t n_uses;
	/* As the uses, for those that name one. */
	struct tb_coupon *coupons;
	struct tb_coupon_row *coupon_rows;
	struct tb_gift_card *cards;
	struct tb_gift_row *card_rows;
};

void tb_reckon_done(struct tb_reckon *reckon);
#define _cleanup_reckon_ _cleanup_(tb_reckon_done)

/* occurred_at (now when absent) and mode of the call, the program in force then. */
int tb_reckon_context(struct tb_operation *op, struct tb_reckon *ret);
/* The parameter basket, strictly. */
int tb_reckon_basket(struct tb_operation *op, struct tb_reckon *ret);
/* The facts of the customer, when there is one. */
int tb_reckon_account(struct tb_operation *op, struct tb_reckon *ret);
/* The parameter uses; their coupons and cards, which needs the customer; `codes` of a quote as
 * uses, looked up. */
int tb_reckon_read_uses(struct tb_operation *op, struct tb_reckon *ret);
int tb_reckon_look_up(struct tb_operation *op, struct tb_reckon *ret);
int tb_reckon_codes(struct tb_operation *op, struct tb_reckon *ret);

static inline const struct tb_account *
tb_reckon_the_account(const struct tb_reckon *reckon)
{
	return reckon->has_customer ? &reckon->facts.account : NULL;
}
