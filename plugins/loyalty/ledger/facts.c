/* SPDX-License-Identifier: MIT */
/* The account as the rules want to see it. Only what the program asks for is read. */

#include "plugins/loyalty/ledger/account.h"

#include <string.h>

void
tb_facts_done(struct tb_facts *facts)
{
	for (size_t i = 0; i < facts->n_welcome; i++)
		free(facts->welcome[i]);
	free(facts->welcome);
	free(facts->progress);
	free(facts->groups);
	json_decref(facts->groups_json);
	*facts = (struct tb_facts){};
}

static int
load_groups(const char *text, struct tb_facts *facts)
{
	size_t n;

	facts->groups_json = json_loads(text, 0, NULL);
	n = json_array_size(facts->groups_json);
	facts->groups = calloc(n + 1, sizeof(*facts->groups));
	if (!facts->groups_json || !facts->groups)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const char *group = json_string_value(json_array_get(facts->groups_json, i));

		facts->groups[i] = group ? group : "";
	}
	facts->account.groups = (struct tb_names){.names = facts->groups, .count = n};
	return 0;
}

static int
add_welcome(struct tb_facts *facts, const char *reward)
{
	char **welcome = reallocarray(facts->welcome, facts->n_welcome + 1, sizeof(*welcome));

	if (!welcome)
		return -ENOMEM;
	facts->welcome = welcome;
	welcome[facts->n_welcome] = strdup(reward);
	if (!welcome[facts->n_welcome])
		return -ENOMEM;
	facts->n_welcome++;
	return 0;
}

/* Takes off the progress what was taken, and what another sale holds now. */
static int
load_counts(struct tb_operation *op, int64_t customer, struct tb_facts *facts)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r;

	r = tb_store_get(op->store, &rows,
		"SELECT reward, taken + held, welcome FROM reward_counts WHERE customer = ?1",
		V_INT(customer));
	for (; r > 0; r = tb_rows_next(rows)) {
		const char *reward = tb_rows_text(rows, 0);

		for (size_t i = 0; i < facts->account.n_progress; i++)
			if (strcmp(facts->progress[i].reward, reward) == 0)
				facts->progress[i].count -= tb_rows_int(rows, 1);
		if (tb_rows_int(rows, 2) > 0) {
			int e = add_welcome(facts, reward);

			if (e < 0)
				return e;
		}
	}
	facts->account.welcome_used = (struct tb_names){
		.names = (const char *const *)facts->welcome, .count = facts->n_welcome};
	return r;
}

static int
load_progress(const struct tb_program *program, const struct tb_customer *c, struct tb_facts *facts)
{
	size_t n = 0;

	facts->progress = calloc(program->n_rewards + 1, sizeof(*facts->progress));
	if (!facts->progress)
		return -ENOMEM;
	for (size_t i = 0; i < program->n_rewards; i++)
		if (program->rewards[i].every_n > 0)
			facts->progress[n++] = (struct tb_progress){
				.reward = program->rewards[i].id, .count = c->counted};
	facts->account.progress = facts->progress;
	facts->account.n_progress = n;
	return 0;
}

/* The nearest counted passages on both sides (R7). */
static int
load_neighbours(
	struct tb_operation *op, int64_t customer, int64_t occurred_at, struct tb_account *account)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r;

	r = tb_store_get(op->store, &rows,
		"SELECT occurred_at FROM passages WHERE customer = ?1 AND occurred_at <= ?2"
		" AND counted = 1 AND state = 'posted' ORDER BY occurred_at DESC LIMIT 1",
		V_INT(customer), V_INT(occurred_at));
	if (r < 0)
		return r;
	if (r > 0)
		account->counted_before_us = tb_rows_int(rows, 0);
	r = tb_store_get(op->store, &rows,
		"SELECT occurred_at FROM passages WHERE customer = ?1 AND occurred_at > ?2"
		" AND counted = 1 AND state = 'posted' ORDER BY occurred_at LIMIT 1",
		V_INT(customer), V_INT(occurred_at));
	if (r > 0)
		account->counted_after_us = tb_rows_int(rows, 0);
	return r < 0 ? r : 0;
}

int
tb_facts_load(struct tb_operation *op, const struct tb_program *program,
	const struct tb_customer *c, int64_t occurred_at, struct tb_facts *ret)
{
	struct tb_account *account = &ret->account;
	int r = 0;

	*ret = (struct tb_facts){};
	*account = (struct tb_account){
		.kind = c->kind,
		.contact_known = c->contact,
		.points_available = c->points - c->points_held,
		.wallet_available = c->wallet - c->wallet_held,
		.passages = c->passages,
		.counted = c->counted,
		.counted_before_us = TB_TIME_NONE,
		.counted_after_us = TB_TIME_NONE,
	};
	if (c->groups)
		r = load_groups(c->groups, ret);
	if (r >= 0)
		r = load_progress(program, c, ret);
	if (r >= 0 && (c->flags & TB_CUSTOMER_COUNTS))
		r = load_counts(op, c->id, ret);
	if (r >= 0 && occurred_at != TB_TIME_NONE && program->min_delay_s > 0)
		r = load_neighbours(op, c->id, occurred_at, account);
	return r < 0 ? r : 0;
}
