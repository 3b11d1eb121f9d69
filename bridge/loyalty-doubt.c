/* SPDX-License-Identifier: MIT */
/*
 * Calls of which nobody knows whether the server has done them: their answer was lost, and they are
 * no effects that the outbox delivers. Said again while there is no link they are not refused, for
 * that would be final: their till asks until somebody knows. It remembers the last of them, in
 * memory alone.
 */

#include "bridge/loyalty-parts.h"

/* FNV-1a, 64 bits; the parts are told apart by their ends. */
static uint64_t
hash_of(const char *site, const char *till, const char *key)
{
	const char *const parts[] = {site, till, key};
	uint64_t hash = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		const char *p = parts[i];

		do
			hash = (hash ^ (uint8_t)*p) * UINT64_C(1099511628211);
		while (*p++);
	}
	return hash;
}

static uint64_t *
find(struct tb_loyalty *loyalty, const char *site, const char *till, const char *key)
{
	uint64_t hash = hash_of(site, till, key);

	for (size_t i = 0; i < TB_DOUBTS_MAX; i++)
		if (loyalty->doubts[i] == hash)
			return &loyalty->doubts[i];
	return NULL;
}

void
tb_loyalty_doubt(struct tb_loyalty *loyalty, const struct tb_call *call, bool in_doubt)
{
	const struct tb_caller *who = &call->caller;
	uint64_t *doubt;

	/* What is only held is given back by itself. */
	if (!call->key || !who->site || !who->till || call->op == TB_OP_REWARD_RESERVE)
		return;
	doubt = find(loyalty, who->site, who->till, call->key);
	if (!in_doubt && doubt)
		*doubt = 0;
	else if (in_doubt && !doubt)
		loyalty->doubts[loyalty->next_doubt++ % TB_DOUBTS_MAX] = hash_of(
			who->site, who->till, call->key);
}

bool
tb_loyalty_is_in_doubt(
	struct tb_loyalty *loyalty, const char *site, const char *till, const char *key)
{
	return key && find(loyalty, site, till, key) != NULL;
}
