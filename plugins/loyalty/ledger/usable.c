/* SPDX-License-Identifier: MIT */
/* The rewards of a look-up: the rules say which, their texts are ready. */

#include "plugins/loyalty/ledger/usable.h"

#include <string.h>

int
tb_usable_write(struct tb_operation *op, struct tb_jsonw *w, const struct tb_customer *c)
{
	const struct tb_program_version *v = tb_program_now(op->ledger);
	const struct tb_program *program = v->program;
	struct tb_context context = {
		.site = op->call->caller.site,
		.occurred_at_us = op->now,
		.now_us = op->now,
		.product_reference = op->ledger->reference,
	};
	_cleanup_facts_ struct tb_facts facts = {};
	int r = 0;

	tb_jsonw_array(w, "rewards");
	if (program->n_rewards)
		r = tb_facts_load(op, program, c, TB_TIME_NONE, &facts);
	for (size_t i = 0; r >= 0 && i < program->n_rewards; i++)
		if (tb_rules_usable(program, &facts.account, &program->rewards[i], &context))
			tb_jsonw_raw(w, NULL, v->rewards[i], strlen(v->rewards[i]));
	tb_jsonw_end_array(w);
	return r;
}
