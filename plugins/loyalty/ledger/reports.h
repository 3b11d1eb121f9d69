/* SPDX-License-Identifier: MIT */
/* What the reports and lists of a period share. */
#pragma once

#include "plugins/loyalty/ledger/account.h"

struct tb_period {
	int64_t from, to;    /* [from, to) */
	const json_t *sites; /* NULL: all */
};

/* The parameters from, to (open when absent) and sites; a bare date is a day of the shop. */
int tb_period_read(struct tb_operation *op, struct tb_period *ret);
