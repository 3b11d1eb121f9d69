/* SPDX-License-Identifier: MIT */
/* Whether a text is JSON, without a tree of it: what is handed on as it came is only looked at. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define TB_LOOK_DEPTH_MAX 64

/* Whether all of it is one object as RFC 8259 writes it, in UTF-8, no deeper than that. */
bool tb_look_is_object(const char *text, size_t len);
