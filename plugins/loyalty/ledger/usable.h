/* SPDX-License-Identifier: MIT */
/* Which rewards a customer could use, without a basket: what is shown when he is recognised. */
#pragma once

#include "plugins/loyalty/ledger/account.h"

/* The member rewards. */
int tb_usable_write(struct tb_operation *op, struct tb_jsonw *w, const struct tb_customer *c);
