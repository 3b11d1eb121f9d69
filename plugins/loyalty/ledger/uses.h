/* SPDX-License-Identifier: MIT */
/*
 * The life of one use of a reward, a coupon, a gift card or the wallet: held with its reservation,
 * then released, or committed with a passage, and returned with it. Each step moves what the use
 * costs: points and their lots, wallet, the card's money, the coupon, what is counted of the
 * reward.
 */
#pragma once

#include "plugins/loyalty/ledger/account.h"

enum tb_use_state { TB_USE_HELD, TB_USE_COMMITTED, TB_USE_RELEASED, TB_USE_RETURNED };

struct tb_used {
	int64_t id;
	int64_t reservation, passage;
	int64_t position; /* in the call that reserved it */
	enum tb_use_state state;
	enum tb_use_kind kind;
	char *reward;
	int64_t coupon, gift_card; /* rows; 0: none */
	int64_t line;              /* -1: not said */
	int64_t amount, points, every_n, cost;
	bool welcome;
};

struct tb_used_list {
	struct tb_used *items;
	size_t count;
};

void tb_used_list_done(struct tb_used_list *list);
#define _cleanup_used_list_ _cleanup_(tb_used_list_done)

/* By reservation, or those that a passage committed. In the order they were made. */
int tb_uses_of_reservation(struct tb_operation *op, int64_t reservation, struct tb_used_list *ret);
int tb_uses_of_passage(struct tb_operation *op, int64_t passage, struct tb_used_list *ret);

/* What a step needs to know beside the use. c NULL: nobody's (gift cards, free coupons). */
struct tb_use_step {
	struct tb_customer *c;
	const char *sale;
	int64_t passage; /* 0: none */
	int64_t at;      /* of the sale */
};

/* Writes the use's row too; its id is set. */
int tb_use_hold(struct tb_operation *op, struct tb_used *used, const struct tb_use_step *step);
int tb_use_release(struct tb_operation *op, struct tb_used *used, const struct tb_use_step *step);
/* ret_warning as below: a coupon may be withdrawn while it is held. */
int tb_use_commit(struct tb_operation *op, struct tb_used *used, const struct tb_use_step *step,
	const char **ret_warning);
/* A use that was given without ever being held: its row, and what tb_use_charge() does. */
int tb_use_give(struct tb_operation *op, struct tb_used *used, const struct tb_use_step *step,
	const char **ret_warning);
/*
 * R13: commits a use that is not held any more, in full; the account may go below 0. ret_warning:
 * a word when what was given is not there (coupon_used, gift_card_unknown), else NULL.
 */
int tb_use_charge(struct tb_operation *op, struct tb_used *used, const struct tb_use_step *step,
	const char **ret_warning);
int tb_use_return(struct tb_operation *op, struct tb_used *used, const struct tb_use_step *step);
