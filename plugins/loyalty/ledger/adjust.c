/* SPDX-License-Identifier: MIT */
/* account.adjust: the manager corrects an account, with a reason. */

#include "plugins/loyalty/ledger/account.h"

#include <string.h>

static int
apply(struct tb_operation *op, struct tb_customer *c, enum tb_unit unit, int64_t delta)
{
	const struct tb_program *program = tb_program_now(op->ledger)->program;
	struct tb_entry entry = {
		.unit = unit,
		.kind = TB_ENTRY_ADJUST,
		.delta = delta,
		.owner_kind = 'c',
		.owner = c->id,
		.effect = "adjust",
		.reason = tb_param_text(op, "reason"),
	};
	int r = tb_id_draw(op, &entry.n);

	if (r < 0)
		return r;
	if (unit == TB_UNIT_WALLET)
		return tb_entry_add(op, c, &entry);
	if (delta < 0)
		return tb_points_debit(op, c, &entry, 0);
	return tb_points_credit(op, c, &entry, tb_rules_lot_expiry(program, op->now));
}

int
tb_account_adjust(struct tb_operation *op)
{
	_cleanup_customer_ struct tb_customer c = {};
	struct tb_jsonw w = TB_JSONW(op->out);
	enum tb_unit unit = strcmp(tb_param_text(op, "unit"), "wallet") == 0 ? TB_UNIT_WALLET
	                                                                     : TB_UNIT_POINTS;
	int64_t delta = tb_param_int(op, "delta", 0), available;
	bool given;
	int r;

	if (delta == 0 || delta > TB_NUMBER_MAX || delta < -TB_NUMBER_MAX)
		return tb_refuse_at(op, "/delta", "out_of_range");
	r = tb_customer_param(op, "customer", &c, &given);
	if (r == 0)
		r = tb_customer_settle(op, &c);
	if (r != 0)
		return r;
	available = unit == TB_UNIT_POINTS ? c.points - c.points_held : c.wallet - c.wallet_held;
	if (delta < 0 && available + delta < 0)
		return tb_refuse(op, TB_ERROR_INSUFFICIENT_BALANCE);
	r = apply(op, &c, unit, delta);
	if (r == -EOVERFLOW)
		return tb_refuse_at(op, "/delta", "out_of_range");
	if (r >= 0)
		r = tb_customer_put(op, &c);
	if (r < 0)
		return r;
	tb_jsonw_object(&w, NULL);
	r = tb_balances_write(op, &w, &c);
	tb_jsonw_end_object(&w);
	return r;
}
