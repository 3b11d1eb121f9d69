/* SPDX-License-Identifier: MIT */
/* The imported articles: what they earn and what they cost in points. */
#pragma once

#include "plugins/loyalty/ledger/ledger.h"

/* The articles of a basket's lines: owns what lines[i].imported points to. */
struct tb_basket_articles {
	struct tb_article **items;
	size_t count;
};

void tb_basket_articles_done(struct tb_basket_articles *articles);
#define _cleanup_basket_articles_ _cleanup_(tb_basket_articles_done)

/* Sets `imported` of each line that names an imported article: by the till's own reference first,
 * then by code, EAN, label. A label that two articles bear names none. */
int tb_articles_find(struct tb_operation *op, struct tb_line *lines, size_t n_lines,
	struct tb_basket_articles *ret);
