/* SPDX-License-Identifier: MIT */
/* The imported articles: what they earn and what they cost in points. */
#pragma once

#include "plugins/loyalty/ledger/ledger.h"
#include "plugins/loyalty/shapes/shapes.h"

/* Sets `imported` of each line that names an imported article; ret owns those. */
int tb_articles_find(struct tb_operation *op, struct tb_line *lines, size_t n_lines,
	struct tb_basket_articles *ret);
