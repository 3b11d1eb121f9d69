/* SPDX-License-Identifier: MIT */
/*
 * The words a customer is found by. All of them stand in his row, in two lines: those of names,
 * town, postcode and e-mails, which have rows of their own to begin a search with; and the others
 * (phones, cards, references, ".fr" of an e-mail), which only narrow one.
 */
#pragma once

#include "plugins/loyalty/ledger/ledger.h"

/* An owned text of both lines, "" when there are none. */
char *tb_words_of(struct tb_operation *op, const json_t *record);

/* Brings the rows from what `old` says to what `words` says; NULL is nothing. */
int tb_words_put(struct tb_operation *op, int64_t customer, const char *old, const char *words);

/* What was typed as words, blank separated: folded as above, groups of digits joined; what can
 * only narrow stands in a second line. Owned. */
char *tb_words_typed(const char *text);

/* Digits that may be the end of a number: fewer end too many. */
#define TB_WORDS_END_MIN 3

/* Calls fn for each word of a line (up to its end or a newline); stops at the first true, which is
 * returned. */
typedef bool (*tb_word_fn)(const char *word, size_t len, void *userdata);
bool tb_words_each(const char *line, tb_word_fn fn, void *userdata);

/* Whether each word of `typed` begins one of `words`, in any line; digits may end a number. */
bool tb_words_match(const char *typed, const char *words);
/* Whether one of `words` begins so. */
bool tb_words_begin(const char *words, const char *typed, size_t len);
