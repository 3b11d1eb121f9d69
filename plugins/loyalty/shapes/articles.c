/* SPDX-License-Identifier: MIT */
/*
 * Which imported article each line of a basket names. Where the articles are kept is the caller's:
 * the ledger's store, or what the bridge knows of it offline.
 */

#include <string.h>

#include "base/text.h"
#include "plugins/loyalty/shapes/shapes.h"

#define LOOK_BACK_MAX 200 /* lines compared with this one, which is cheaper than to ask again */

static bool
copy(const char *text, const char **ret)
{
	*ret = text ? strdup(text) : NULL;
	return !text || *ret;
}

struct tb_article *
tb_article_copy(const struct tb_article *article)
{
	_cleanup_(tb_article_freep) struct tb_article *a = calloc(1, sizeof(*a));

	if (!a || !copy(article->code, &a->code) || !copy(article->label, &a->label) ||
		!copy(article->ean, &a->ean) || !copy(article->category, &a->category))
		return NULL;
	a->points = article->points;
	a->points_price = article->points_price;
	return TAKE_PTR(a);
}

void
tb_article_free(struct tb_article *article)
{
	if (!article)
		return;
	free((char *)article->code);
	free((char *)article->label);
	free((char *)article->ean);
	free((char *)article->category);
	free(article);
}

void
tb_article_write(struct tb_jsonw *w, const struct tb_article *article)
{
	tb_jsonw_object(w, NULL);
	tb_jsonw_string(w, "code", article->code);
	tb_jsonw_string(w, "label", article->label);
	tb_jsonw_string(w, "ean", article->ean);
	tb_jsonw_string(w, "category", article->category);
	tb_jsonw_int(w, "points", article->points);
	if (article->points_price > 0)
		tb_jsonw_int(w, "points_price", article->points_price);
	tb_jsonw_end_object(w);
}

void
tb_basket_articles_done(struct tb_basket_articles *articles)
{
	for (size_t i = 0; i < articles->count; i++)
		tb_article_free(articles->items[i]);
	free(articles->items);
	*articles = (struct tb_basket_articles){0};
}

static bool
same_name(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* An earlier line that bears the same names: its article was found already, or was not. */
static const struct tb_line *
same_before(const struct tb_line *lines, size_t at)
{
	for (size_t i = at > LOOK_BACK_MAX ? at - LOOK_BACK_MAX : 0; i < at; i++)
		if (same_name(lines[i].code, lines[at].code) &&
			same_name(lines[i].ean, lines[at].ean) &&
			same_name(lines[i].label, lines[at].label))
			return &lines[i];
	return NULL;
}

static int
find_by(const struct tb_line *line, enum tb_reference by, tb_article_find_fn fn, void *userdata,
	struct tb_article **ret)
{
	_cleanup_free_ char *folded = NULL;
	const char *name = NULL;

	switch (by) {
	case TB_REFERENCE_CODE:
		name = line->code;
		break;
	case TB_REFERENCE_EAN:
		name = line->ean;
		break;
	case TB_REFERENCE_LABEL:
		name = folded = line->label ? tb_text_fold(line->label) : NULL;
		break;
	}
	return name ? fn(by, name, ret, userdata) : 0;
}

/* As the till names its articles first, then by what is surest. */
static int
find(const struct tb_line *line, enum tb_reference first, tb_article_find_fn fn, void *userdata,
	struct tb_article **ret)
{
	const enum tb_reference order[] = {
		first, TB_REFERENCE_CODE, TB_REFERENCE_EAN, TB_REFERENCE_LABEL};
	int r = 0;

	for (size_t i = 0; r >= 0 && !*ret && i < ARRAY_SIZE(order); i++)
		if (i == 0 || order[i] != first)
			r = find_by(line, order[i], fn, userdata, ret);
	return r;
}

int
tb_basket_articles_find(struct tb_line *lines, size_t n_lines, enum tb_reference first,
	tb_article_find_fn fn, void *userdata, struct tb_basket_articles *ret)
{
	ret->items = calloc(n_lines + 1, sizeof(struct tb_article *));
	if (!ret->items)
		return -ENOMEM;
	for (size_t i = 0; i < n_lines; i++) {
		const struct tb_line *before = same_before(lines, i);
		struct tb_article *article = NULL;
		int r = before ? 0 : find(&lines[i], first, fn, userdata, &article);

		if (r < 0)
			return r;
		lines[i].imported = before ? before->imported : article;
		if (article)
			ret->items[ret->count++] = article;
	}
	return 0;
}
