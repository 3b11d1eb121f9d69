/* SPDX-License-Identifier: MIT */
/* Coupons: issued by rule or by hand, checked, printed, withdrawn with the sale that earned them.
 */
#pragma once

#include "plugins/loyalty/ledger/account.h"

struct tb_coupon_row {
	int64_t id;
	int64_t customer; /* 0: bound to nobody */
	int64_t held_by;  /* a reservation, 0: none */
	int64_t uses_left;
	int64_t valid_to;   /* TB_TIME_NONE: no end */
	int64_t printed_at; /* 0: not yet */
	bool revoked;
	char code[TB_CODE_TEXT];
	char *reward, *title;
};

void tb_coupon_row_done(struct tb_coupon_row *row);
#define _cleanup_coupon_row_ _cleanup_(tb_coupon_row_done)

/* ret_there false when there is no such code. Codes are found in any case of letters. */
int tb_coupon_find(
	struct tb_operation *op, const char *code, struct tb_coupon_row *ret, bool *ret_there);

/* Issues what rules by birthday and absence owe the customer now. */
int tb_coupons_issue_dated(struct tb_operation *op, struct tb_customer *c);
/* Issues what the rules by passages owe after this one, and writes them as the member coupons. */
int tb_coupons_issue_earned(struct tb_operation *op, struct tb_customer *c, int64_t passage,
	bool counted, struct tb_jsonw *w);
/* The sale is undone: what it earned and nobody used is withdrawn. */
int tb_coupons_revoke(struct tb_operation *op, int64_t passage);
/*
 * What he had of the rules by passages before they were there is settled, as his next passage
 * would: before two accounts become one, whose passages are then counted together.
 */
int tb_coupons_begin(struct tb_operation *op, struct tb_customer *c);

/* The member coupons of a look-up: what he could use now. */
int tb_coupons_write(struct tb_operation *op, struct tb_jsonw *w, const struct tb_customer *c);
