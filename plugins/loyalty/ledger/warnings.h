/* SPDX-License-Identifier: MIT */
/* What is wrong with a sale that is recorded all the same (R13): words, each once. */
#pragma once

#include "plugins/loyalty/ledger/ledger.h"

#define TB_WARNINGS_MAX 24

struct tb_warnings {
	const char *words[TB_WARNINGS_MAX]; /* literals */
	size_t count;
};

void tb_warn(struct tb_warnings *warnings, const char *word);
/* The member "warnings". */
void tb_warnings_write(const struct tb_warnings *warnings, struct tb_jsonw *w);
