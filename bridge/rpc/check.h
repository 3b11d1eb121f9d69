/* SPDX-License-Identifier: MIT */
/*
 * Parameters against their shape: types, ranges, lengths, what is missing and what is too much. It
 * reads tables only and knows no method.
 */
#pragma once

#include <jansson.h>
#include "base/buf.h"
#include "bridge/rpc/shape.h"

#define TB_CHECK_ERRORS_MAX 20 /* more are not told */

struct tb_check {
	/* Members that no row has are taken out of the object instead of being refused. */
	bool tolerant;
	/* Members that are for other bridges are taken. */
	bool bridges;
	/* Whether a bare number is a payment card's; NULL: nobody can say. */
	bool (*is_payment_card)(const char *code, void *userdata);
	void *userdata;

	/* Results. */
	unsigned n_errors;
	struct tb_buf errors; /* {"pointer":…,"code":…}, commas between */
	bool unknown;         /* tolerant: something was taken out */
	bool payment_card;    /* some string is one: refuse the call, and tell nothing of it */
};

/* Whether params is as the shape says; object is a JSON object. Free the result with _done(). */
bool tb_check_params(struct tb_check *check, const struct tb_shape *shape, json_t *object);
void tb_check_done(struct tb_check *check);

/* One more fault, for who finds one that a table cannot say. */
void tb_check_add(struct tb_check *check, const char *pointer, const char *code);

/* The words of a row, one after the other: each one's start and length, NULL after the last. */
const char *tb_words_next(const char **words, size_t *ret_len);
bool tb_words_have(const char *words, const char *word);
