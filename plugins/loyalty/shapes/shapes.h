/* SPDX-License-Identifier: MIT */
/*
 * Between JSON and the structs of the rules, both ways: programs, baskets, uses and imported
 * articles in, adjustments, quotes and earnings out. Stateless. Types, unknown and missing members
 * have been checked against the method table; here is checked what a table cannot say: sums,
 * references, double ids, signs. What a rule makes of it is not known here.
 */
#pragma once

#include <jansson.h>
#include "base/jsonw.h"
#include "plugins/loyalty/rules/rules.h"

/* One thing wrong with a value: a JSON pointer and a word for the till ("total_mismatch"). */
struct tb_fault {
	char *pointer;
	const char *code; /* a literal */
};

#define TB_FAULTS_MAX 100 /* more are not reported */

struct tb_faults {
	struct tb_fault *items;
	size_t count;
	bool nomem;
};

void tb_faults_done(struct tb_faults *faults);
#define _cleanup_faults_ _cleanup_(tb_faults_done)
void tb_faults_add(struct tb_faults *faults, const char *code, const char *pointer, ...)
	TB_PRINTF(3, 4);
/* {"errors":[{"pointer":…,"code":…}]}, ready to be the data of invalid_params. */
void tb_faults_write(const struct tb_faults *faults, struct tb_buf *buf);

/*
 * A program as program.replace takes it, checked and prepared for the rules. It keeps a reference
 * to `json`, whose strings it borrows. currency: the bridge's; a stored program is read with NULL,
 * which takes any. 0; -EINVAL with at least one fault (pointers begin with `prefix`, "/program" or
 * ""); -ENOMEM.
 */
int tb_program_from_json(json_t *json, const char *currency, const char *prefix,
	struct tb_program **ret, struct tb_faults *faults);
void tb_program_free(struct tb_program *program);
TB_DEFINE_CLEANUP(struct tb_program *, tb_program_free);

/*
 * A basket of a quote or a reservation; strings are borrowed from `json`. strict: what is wrong is
 * a fault and the result -EINVAL. Not strict, for a sale that was paid (R13): everything that can
 * be read is kept, and the faults (total_mismatch among them) are warnings, the result 0. Pointers
 * begin with `prefix` ("/basket"; "" for passage.post, whose lines and total stand alone).
 */
struct tb_basket_lines {
	struct tb_basket basket;   /* lines point to `lines` */
	struct tb_line *lines;     /* set lines[i].imported before the rules are asked */
	bool has_lines, has_total; /* a passage by hand has no lines, and maybe no total yet */
};

int tb_basket_from_json(json_t *json, const char *prefix, bool strict, struct tb_basket_lines *ret,
	struct tb_faults *faults);
void tb_basket_lines_done(struct tb_basket_lines *basket);
#define _cleanup_basket_lines_ _cleanup_(tb_basket_lines_done)

/* A copy that owns its strings; NULL without memory. */
struct tb_article *tb_article_copy(const struct tb_article *article);
void tb_article_free(struct tb_article *article);
TB_DEFINE_CLEANUP(struct tb_article *, tb_article_free);
/* As an item of article.list. */
void tb_article_write(struct tb_jsonw *w, const struct tb_article *article);

/*
 * Looks an imported article up under a code, an EAN or a folded label. 0, and a copy in *ret when
 * just one has that name; negative errno.
 */
typedef int (*tb_article_find_fn)(
	enum tb_reference by, const char *name, struct tb_article **ret, void *userdata);

/* The imported articles of a basket: owns what lines[i].imported points to. */
struct tb_basket_articles {
	struct tb_article **items;
	size_t count;
};

/*
 * Sets `imported` of each line that names an imported article: by the till's own reference first,
 * then by code, EAN, label. A name that two articles bear names none. ret is to be done also when
 * it fails.
 */
int tb_basket_articles_find(struct tb_line *lines, size_t n_lines, enum tb_reference first,
	tb_article_find_fn fn, void *userdata, struct tb_basket_articles *ret);
void tb_basket_articles_done(struct tb_basket_articles *articles);

/*
 * The uses of a reservation, kind and code set, coupon and gift_card still NULL: the caller looks
 * them up. Strings are borrowed. -EINVAL with faults, -ENOMEM. Free the array with free().
 */
int tb_uses_from_json(json_t *json, const char *prefix, struct tb_use **ret, size_t *ret_n,
	struct tb_faults *faults);

/*
 * Adjustments as tb_adjustments_write() wrote them, for a passage that commits a stored reservation
 * or a return: kind, tender, use, line, amount, quantity, shares and ids. Strings are borrowed from
 * `json`. -EINVAL when it is no such list.
 */
struct tb_adjustment_list {
	struct tb_adjustment *items;
	size_t count;
	struct tb_share *shares;
};

int tb_adjustments_from_json(const json_t *json, struct tb_adjustment_list *ret);
void tb_adjustment_list_done(struct tb_adjustment_list *list);
#define _cleanup_adjustment_list_ _cleanup_(tb_adjustment_list_done)

/*
 * The member `name` with the list of the api, and three members more: "use", the index of the use
 * it comes from, "coupon" or "gift_card" with its code, "wallet" true. A tender of wallet or card
 * has the word of its kind as reward, and as title unless the caller set one.
 */
void tb_adjustments_write(
	struct tb_jsonw *w, const char *name, const struct tb_adjustment *adjustments, size_t n);
/* The members adjustments, total_before, total_after, to_pay of an object that is open. */
void tb_reckoning_write(struct tb_jsonw *w, const struct tb_reckoning *reckoning);
/* What joins `data` of a refusal: {"use":…,"reason":…} or {"errors":[{"pointer":…,"code":…}]}. */
void tb_refusal_write(struct tb_buf *buf, const struct tb_reckoning *reckoning);
/* The whole result of reward.quote. */
void tb_quote_write(struct tb_buf *buf, const struct tb_quote *quote);
/* {points, wallet} as the member `name`, reasons as the member "reasons". */
void tb_earned_write(struct tb_jsonw *w, const char *name, const struct tb_earned *earned);
void tb_reasons_write(struct tb_jsonw *w, const enum tb_reason *reasons, size_t n);
