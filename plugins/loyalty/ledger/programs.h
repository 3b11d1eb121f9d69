/* SPDX-License-Identifier: MIT */
/*
 * The versions of the shop's program, dated by when they came into force, parsed when they are
 * first asked for. Without any program there is an empty one, version 0: nothing is earned.
 */
#pragma once

#include "plugins/loyalty/ledger/ledger.h"

/* A version and what is ready of it for answers. Borrowed until the next call of this file. */
struct tb_program_version {
	int64_t version;
	int64_t from_at;
	struct tb_program *program; /* NULL: not parsed now */
	json_t *json;
	uint64_t used; /* when it was last asked for */
	/* Each reward as a look-up shows it, JSON, as program->rewards. */
	char **rewards;
	bool has_every_n, has_welcome, has_dated_coupons, has_every_n_coupons;
};

int tb_programs_load(struct tb_ledger *ledger, char **ret_why);
void tb_programs_free(struct tb_ledger *ledger);
/* Forgets what was read since a transaction that was undone. */
int tb_programs_reload(struct tb_ledger *ledger);

/* Never NULL once loaded. */
const struct tb_program_version *tb_program_now(const struct tb_ledger *ledger);
int tb_program_at(struct tb_operation *op, int64_t at, const struct tb_program_version **ret);
int tb_program_of(struct tb_operation *op, int64_t version, const struct tb_program_version **ret);

/* Shop time. */
const struct tb_zone *tb_shop_zone(const struct tb_ledger *ledger);
int64_t tb_shop_day(const struct tb_ledger *ledger, int64_t at);
