/* SPDX-License-Identifier: MIT */
/*
 * The ticket while it is being reckoned: the basket's lines in order of their numbers, matched once
 * to the program's names, with what the steps have left of each. Private to this room.
 */
#pragma once

#include "base/money.h"
#include "plugins/loyalty/rules/rules.h"

#define TB_NO_NAME UINT32_MAX
#define TB_ARTICLE_PREFIX "article:"

struct tb_bill_line {
	const struct tb_line *line;
	size_t index;            /* in the basket */
	uint32_t name, category; /* in the program's index, TB_NO_NAME: no name of the program */
	bool touchable;          /* R2: steps 2 to 6 may touch it */
	bool plain;              /* R3: nothing taken off by the till, takes part in loyalty */
	bool earns;              /* R5 */
	int64_t unit_quantity; /* R1: thousandths of one unit, the whole line when it was weighed */
	int64_t unit_value;    /* R1: what one unit is worth before any step */
	/* what the steps change */
	bool touched;     /* R3: by steps 2 to 4 */
	int64_t units;    /* not offered yet */
	int64_t left;     /* of its total */
	int64_t left_out; /* part of left that no later step takes as base (an offered unit's rest)
	                   */
	int64_t offered;  /* thousandths */
	int64_t kept;     /* thousandths not returned (R11), the whole quantity in a sale */
};

struct tb_bill {
	const struct tb_program *program;
	const struct tb_basket *basket;
	const struct tb_context *context;
	struct tb_bill_line *lines;
	size_t n;
	int64_t total;   /* after the steps done so far */
	int64_t to_pay;  /* after the tenders done so far */
	size_t *picked;  /* room for n indices: the lines of a base */
	int64_t *weight; /* room for n: what is left of each */
	int64_t *share;  /* room for n */
	void *memory;
};

int tb_bill_init(struct tb_bill *bill, const struct tb_program *program,
	const struct tb_basket *basket, const struct tb_context *context);
void tb_bill_done(struct tb_bill *bill);
#define _cleanup_bill_ _cleanup_(tb_bill_done)
/* As it was before the first step. */
void tb_bill_reset(struct tb_bill *bill);
/* NULL when there is no line of that number. */
struct tb_bill_line *tb_bill_find(struct tb_bill *bill, int64_t no);

/* What is left of the line for a later step. */
static inline int64_t
tb_bill_base(const struct tb_bill_line *line)
{
	return line->left - line->left_out;
}

/* ---- match.c ---- */

/* The index's number of a name as the program spells it or folds to; TB_NO_NAME. */
uint32_t tb_match_name(const struct tb_program *program, const char *text);
/* Whether the line's article or category is among them; both empty: every line is. */
bool tb_match_scope(const struct tb_bill_line *line, const struct tb_names *articles,
	const struct tb_names *categories);
/* Plain words (sites, modes, groups, ids), compared byte by byte. */
bool tb_match_word(const struct tb_names *names, const char *word);
/* Whether two spellings are one name after folding. */
int tb_match_same(const char *a, const char *b, bool *ret);

/* ---- steps.c ---- */

/* The adjustments of one or more reckonings, their shares in the same order behind each other. */
struct tb_sheet {
	struct tb_adjustment *adjustments;
	size_t n_adjustments, cap_adjustments;
	struct tb_share *shares;
	size_t n_shares, cap_shares;
};

void tb_sheet_done(struct tb_sheet *sheet);
#define _cleanup_sheet_ _cleanup_(tb_sheet_done)
/* Points every adjustment at its shares; nothing is added afterwards. */
void tb_sheet_settle(struct tb_sheet *sheet);
void tb_sheet_truncate(struct tb_sheet *sheet, size_t n_adjustments, size_t n_shares);

enum tb_step {
	TB_STEP_OFFERED = 2,
	TB_STEP_ARTICLE_AMOUNT,
	TB_STEP_ARTICLE_PERCENT,
	TB_STEP_TICKET_PERCENT,
	TB_STEP_TICKET_AMOUNT,
	TB_STEP_CASHBACK,
	TB_STEP_WALLET,
	TB_STEP_GIFT_CARD,
	TB_STEP_GIFT, /* outside the till's catalogue: nothing to apply */
};

/* One use, looked up: what it applies and in which place. */
struct tb_claim {
	size_t index; /* of the use */
	const struct tb_use *use;
	const struct tb_reward *reward; /* NULL: wallet, gift card */
	struct tb_reward for_points;    /* what reward points to for an article had for points */
	const struct tb_article *article;
	enum tb_step step;
	int64_t cost_points; /* of the whole reward; 0 when a coupon pays */
};

/* R4: whether less than the whole may be used; of cashback always. */
bool tb_reward_partial(const struct tb_reward *reward);
enum tb_step tb_step_of(const struct tb_reward *reward);
/* R2: by step, sequence, id, then coupon or card. */
int tb_claim_compare(const void *a, const void *b);

/*
 * Applies one claim to the bill. A reason means that it does not apply and nothing was changed.
 * available: what the wallet or the card holds.
 */
int tb_step_apply(struct tb_bill *bill, struct tb_sheet *sheet, const struct tb_claim *claim,
	int64_t available, struct tb_use_cost *cost, enum tb_reason *ret_reason);

/* ---- reserve.c ---- */

/* What the use is of: a coupon or a card by its own name, however the till spelt it. */
const char *tb_use_name(const struct tb_use *use);

struct tb_refusal {
	enum tb_error error; /* TB_OK: none so far */
	enum tb_reason reason;
	size_t use;
};

/* R8: whether the count plus this passage reaches N. */
bool tb_every_n_reached(const struct tb_bill *bill, const struct tb_account *account,
	const struct tb_reward *reward);
/* Whether the account may make that use at all: R4's balance, R8, R9, R10, where and when. */
void tb_claim_check(const struct tb_bill *bill, const struct tb_account *account,
	const struct tb_claim *claim, struct tb_refusal *refusal);
/* Makes it the claim of an article had for points; the id is the code of its use. */
void tb_claim_for_points(struct tb_claim *claim, const struct tb_article *article);
/* Applies the claim and completes what it costs. */
int tb_claim_play(struct tb_bill *bill, const struct tb_account *account,
	const struct tb_claim *claim, struct tb_sheet *sheet, struct tb_use_cost *cost,
	struct tb_refusal *refusal);
int tb_reserve_on(struct tb_bill *bill, const struct tb_account *account, const struct tb_use *uses,
	size_t n_uses, struct tb_reckoning *ret);

/* ---- earn.c ---- */

/* R7: whether this passage counts. */
bool tb_passage_counts(const struct tb_program *program, const struct tb_account *account,
	const struct tb_context *context);

/* Takes adjustments off the bill's lines; what wallet and cashback paid, and what hit no line. */
int tb_bill_apply(struct tb_bill *bill, const struct tb_adjustment *adjustments, size_t n,
	int64_t *ret_loyalty_paid, int64_t *ret_loose);
/* R5, R6 on the bill as it stands, for a passage that counts. */
int tb_earn_on(const struct tb_bill *bill, const struct tb_account *account, int64_t loyalty_paid,
	int64_t loose, struct tb_earned *ret);
/* tb_rules_earn() on a bill that is made already. */
int tb_rules_earn_on(struct tb_bill *bill, const struct tb_account *account,
	const struct tb_adjustment *adjustments, size_t n_adjustments, struct tb_earned *ret);
