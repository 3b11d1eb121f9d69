/* SPDX-License-Identifier: MIT */
/*
 * A quick reader of the JSON that tills send nearly always: no fractions, no null, no escapes in
 * names. What it reads it reads as jansson does; whatever it is not sure of it leaves to jansson.
 */
#pragma once

#include <jansson.h>

/* The tree of an object; NULL for anything else than plain JSON, be it right or wrong, for a member
 * said twice, without memory. The depth of text has been looked at. */
json_t *tb_plain_object(const char *text, size_t len);
