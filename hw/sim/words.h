/* SPDX-License-Identifier: MIT */
/* Lines that come in pieces, and C escapes in them. */
#pragma once

#include "base/buf.h"

#define TB_SIM_LINE_MAX 16384

/* Whether buf begins with a whole line; ret_len without its end, ret_size with it. */
bool tb_sim_line(const struct tb_buf *buf, size_t *ret_len, size_t *ret_size);
/* \n \r \t \0 \\ \xHH and octal become bytes, in place; the new length, -EINVAL. */
int tb_sim_unescape(char *text, size_t len, size_t *ret_len);
