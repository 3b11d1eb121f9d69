/* SPDX-License-Identifier: MIT */
/* Base64 of RFC 4648, section 4, to the letter: padded, nothing between, no stray bits. */
#pragma once

#include "base/macros.h"

/* The bytes, newly allocated (one more than ret_len, NUL behind). -EINVAL, -ENOMEM. */
int tb_base64_decode(const char *text, size_t len, uint8_t **ret, size_t *ret_len);
