/* SPDX-License-Identifier: MIT */
/*
 * What the two files of this library share about JSON text. Private to it: programs see
 * tillbridge.h.
 */
#pragma once

#include <stdbool.h>
#include "tillbridge.h"

const char *tillbridge_skip_space(const char *p);
/* Behind the value that begins at p (space before it allowed); NULL when it does not end. */
const char *tillbridge_skip_value(const char *p);
/* The string whose text, quotes included, has len bytes; to be freed. NULL when it is none. */
char *tillbridge_unquote(const char *p, size_t len);
