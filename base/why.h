/* SPDX-License-Identifier: MIT */
/* The sentence that goes with an errno, for a person: what is wrong, and where. */
#pragma once

#include "base/macros.h"

/*
 * Returns error, so that a caller can return it. *ret_why is the sentence, to free; NULL without
 * memory. ret_why may be NULL.
 */
int tb_why(int error, char **ret_why, const char *format, ...) TB_PRINTF(3, 4);
