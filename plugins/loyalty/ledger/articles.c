/* SPDX-License-Identifier: MIT */
/* article.import, article.list, and finding the articles of a basket. */

#include "plugins/loyalty/ledger/articles.h"

#include <stdio.h>
#include <string.h>
#include "base/text.h"

#define ARTICLE_COLUMNS "code, label, ean, category, points, points_price"

/* The article of the row, its strings borrowed until the next. */
static struct tb_article
read_row(struct tb_rows *rows)
{
	return (struct tb_article){
		.code = tb_rows_text(rows, 0),
		.label = tb_rows_text(rows, 1),
		.ean = tb_rows_text(rows, 2),
		.category = tb_rows_text(rows, 3),
		.points = tb_rows_int(rows, 4),
		.points_price = tb_rows_int(rows, 5),
	};
}

static int
find_by(enum tb_reference by, const char *name, struct tb_article **ret, void *userdata)
{
	static const char *const texts[] = {
		[TB_REFERENCE_CODE] = "SELECT " ARTICLE_COLUMNS " FROM articles WHERE code = ?1",
		[TB_REFERENCE_EAN] = "SELECT " ARTICLE_COLUMNS
				     " FROM articles WHERE ean = ?1 LIMIT 2",
		[TB_REFERENCE_LABEL] = "SELECT " ARTICLE_COLUMNS
				       " FROM articles WHERE label_folded = ?1 LIMIT 2",
	};
	_cleanup_(tb_article_freep) struct tb_article *found = NULL;
	_cleanup_rows_ struct tb_rows *rows = NULL;
	struct tb_operation *op = userdata;
	struct tb_article row;
	int r = tb_store_get(op->store, &rows, texts[by], V_TEXT(name));

	if (r <= 0)
		return r;
	row = read_row(rows);
	found = tb_article_copy(&row);
	if (!found)
		return -ENOMEM;
	r = tb_rows_next(rows);
	if (r == 0)
		*ret = TAKE_PTR(found);
	return r < 0 ? r : 0;
}

int
tb_articles_find(struct tb_operation *op, struct tb_line *lines, size_t n_lines,
	struct tb_basket_articles *ret)
{
	if (!op->ledger->has_articles || n_lines == 0)
		return 0;
	return tb_basket_articles_find(lines, n_lines, op->ledger->reference, find_by, op, ret);
}

/* ---- article.import ----------------------------------------------------------------------- */

struct import {
	struct tb_jsonw w; /* of the errors */
	struct tb_buf errors;
	int64_t created, updated;
};

static void
fault(struct import *import, size_t index, const char *member, const char *code)
{
	char pointer[64];

	snprintf(pointer, sizeof(pointer), "/articles/%zu/%s", index, member);
	tb_jsonw_object(&import->w, NULL);
	tb_jsonw_int(&import->w, "index", (int64_t)index);
	tb_jsonw_string(&import->w, "pointer", pointer);
	tb_jsonw_string(&import->w, "code", code);
	tb_jsonw_end_object(&import->w);
}

static bool
points_of(const json_t *article, const char *name, int64_t *ret)
{
	const json_t *value = json_object_get(article, name);

	*ret = json_is_integer(value) ? json_integer_value(value) : 0;
	return *ret >= 0 && *ret <= TB_NUMBER_MAX;
}

static int
import_one(struct tb_operation *op, struct import *import, size_t index, const json_t *article)
{
	const char *code = json_string_value(json_object_get(article, "code"));
	const char *label = json_string_value(json_object_get(article, "label"));
	const char *ean = json_string_value(json_object_get(article, "ean"));
	_cleanup_free_ char *folded = tb_text_fold(label ? label : "");
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int64_t points, price;
	int r;

	if (!folded)
		return -ENOMEM;
	if (!code || !*code) {
		fault(import, index, "code", "missing");
		return 0;
	}
	if (!points_of(article, "points", &points) || !points_of(article, "points_price", &price)) {
		fault(import, index, "points", "out_of_range");
		return 0;
	}
	r = tb_store_get(op->store, &rows, "SELECT 1 FROM articles WHERE code = ?1", V_TEXT(code));
	if (r < 0)
		return r;
	*(r ? &import->updated : &import->created) += 1;
	r = tb_store_run(op->store,
		"INSERT INTO articles(code, label, label_folded, ean, category, points, "
		"points_price)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT(code) DO UPDATE SET"
		" label = excluded.label, label_folded = excluded.label_folded, ean = excluded.ean,"
		" category = excluded.category, points = excluded.points,"
		" points_price = excluded.points_price",
		V_TEXT(code), V_TEXT(label ? label : code), V_TEXT(folded),
		V_TEXT(ean && *ean ? ean : NULL),
		V_TEXT(json_string_value(json_object_get(article, "category"))), V_INT(points),
		V_INT(price));
	op->ledger->has_articles = true;
	op->ledger->articles_at = op->now;
	return r < 0 ? r : 0;
}

int
tb_article_import(struct tb_operation *op)
{
	const json_t *articles = tb_param(op, "articles"), *article;
	struct import import = {};
	struct tb_jsonw w = TB_JSONW(op->out);
	size_t i;
	int r = 0;

	import.w = TB_JSONW(&import.errors);
	json_array_foreach(articles, i, article) {
		r = import_one(op, &import, i, article);
		if (r < 0)
			break;
	}
	if (r >= 0)
		r = tb_buf_error(&import.errors);
	if (r >= 0) {
		tb_jsonw_object(&w, NULL);
		tb_jsonw_int(&w, "created", import.created);
		tb_jsonw_int(&w, "updated", import.updated);
		tb_jsonw_array(&w, "errors");
		if (import.errors.len)
			tb_jsonw_raw(&w, NULL, import.errors.data, import.errors.len);
		tb_jsonw_end_array(&w);
		tb_jsonw_end_object(&w);
	}
	tb_buf_done(&import.errors);
	return r;
}

/* ---- article.list ------------------------------------------------------------------------- */

/* In order of their codes; the cursor is the last code of the page. */
int
tb_article_list(struct tb_operation *op)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	_cleanup_free_ char *last = NULL;
	const char *category = tb_param_text(op, "category"), *cursor = tb_param_text(op, "cursor");
	struct tb_jsonw w = TB_JSONW(op->out);
	int64_t limit = tb_param_limit(op), n = 0;
	int r;

	r = tb_store_get(op->store, &rows,
		"SELECT " ARTICLE_COLUMNS " FROM articles WHERE code > ?1"
		" AND (?2 IS NULL OR category = ?2) ORDER BY code LIMIT ?3",
		V_TEXT(cursor ? cursor : ""), V_TEXT(category), V_INT(limit + 1));
	tb_jsonw_object(&w, NULL);
	tb_jsonw_array(&w, "articles");
	for (; r > 0 && n < limit; n++, r = tb_rows_next(rows)) {
		struct tb_article article = read_row(rows);

		tb_article_write(&w, &article);
		if (n + 1 == limit) {
			last = strdup(article.code);
			if (!last)
				return -ENOMEM;
		}
	}
	if (r < 0)
		return r;
	tb_jsonw_end_array(&w);
	if (r > 0)
		tb_jsonw_string(&w, "cursor", last);
	tb_jsonw_end_object(&w);
	return 0;
}
