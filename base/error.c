/* SPDX-License-Identifier: MIT */
/* The table behind the api's error words. */

#include "base/error.h"

#include <string.h>

static const struct {
	const char *word;
	bool retryable;
} errors[TB_ERROR_COUNT] = {
#define X(name, w, r) [TB_ERROR_##name] = {.word = (w), .retryable = (r)},
	TB_ERRORS(X)
#undef X
};

const char *
tb_error_word(enum tb_error error)
{
	return error < TB_ERROR_COUNT ? errors[error].word : NULL;
}

bool
tb_error_retryable(enum tb_error error)
{
	return error < TB_ERROR_COUNT && errors[error].retryable;
}

enum tb_error
tb_error_from_word(const char *word)
{
	for (size_t i = 1; i < TB_ERROR_COUNT; i++)
		if (strcmp(errors[i].word, word) == 0)
			return (enum tb_error)i;
	return TB_OK;
}
