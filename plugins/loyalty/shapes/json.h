/* SPDX-License-Identifier: MIT */
/*
 * A JSON value that was parsed, written straight into a buffer: what jansson's dump does a byte at
 * a time. Members in the order they came.
 */
#pragma once

#include <jansson.h>
#include "base/jsonw.h"

/* The member `name` (NULL in a list, at the top); value NULL writes nothing. */
void tb_json_write(struct tb_jsonw *w, const char *name, const json_t *value);

/* The value's text, owned; NULL without memory. */
char *tb_json_text(const json_t *value);
