/* SPDX-License-Identifier: MIT */
/*
 * A passage as it stands in the ledger: found by the till's sale, read back into what the rules
 * want for an amendment or a return, shown. Posting is post.c, undoing is reversals.c.
 */
#pragma once

#include "plugins/loyalty/ledger/reckon.h"

struct tb_passage {
	int64_t id;
	int64_t customer; /* 0: nobody */
	int64_t business_day, occurred_at;
	int64_t turnover, total, program;
	int64_t earned_points, earned_wallet, back_points, back_wallet;
	bool has_total, counted, reversed;
	char *sale, *site, *till, *mode;
	json_t *body;
};

void tb_passage_done(struct tb_passage *p);
#define _cleanup_passage_ _cleanup_(tb_passage_done)

/* The one that `sale` and `business_day` of the call name: without a day this till's latest of that
 * number. TB_ERROR_PASSAGE_UNKNOWN. */
int tb_passage_find(struct tb_operation *op, struct tb_passage *ret);

/*
 * The members of a passage's body, written into an object that is open; read back by
 * tb_passage_recall(). imported points live in it, so that a later import changes no old sale.
 */
void tb_passage_write_imported(struct tb_jsonw *w, const struct tb_basket *basket);
void tb_passage_write_facts(struct tb_jsonw *w, const struct tb_account *account);

/* A passage as the rules judged it: program, basket, articles, context and account of then. */
struct tb_recalled {
	const struct tb_program_version *version;
	struct tb_basket_lines basket;
	struct tb_article *articles;
	struct tb_adjustment_list adjustments;
	size_t n_uses;
	struct tb_context context;
	struct tb_account account;
	const char **groups;
};

void tb_recalled_done(struct tb_recalled *recalled);
#define _cleanup_recalled_ _cleanup_(tb_recalled_done)

int tb_passage_recall(struct tb_operation *op, const struct tb_passage *p, struct tb_recalled *ret);

/* A short passage, as a look-up's last_passage. */
void tb_passage_write_short(struct tb_operation *op, struct tb_buf *buf, int64_t id,
	const char *sale, int64_t occurred_at, const int64_t *total, int64_t points);
/* Finds the customer's latest un-voided passage anew. */
int tb_passage_refresh_last(struct tb_operation *op, struct tb_customer *c);
