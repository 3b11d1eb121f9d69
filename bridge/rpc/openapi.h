/* SPDX-License-Identifier: MIT */
/*
 * The OpenAPI 3.1 document of the table of methods: each is POST /v1/<method>. Needs no
 * configuration, no state and no socket.
 */
#pragma once

#include "base/buf.h"

void tb_openapi_write(struct tb_buf *buf);
