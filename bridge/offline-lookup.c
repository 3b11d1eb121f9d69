/* SPDX-License-Identifier: MIT */
/*
 * customer.lookup from the cache, and the balances as far as they can be relied on: what was spent
 * offline is taken off at once, what passages that wait have earned is the server's to say and is
 * not added. What is not cached is not unknown: nobody is here to be asked (R15).
 */

#include <string.h>
#include "base/timestamp.h"
#include "bridge/offline-parts.h"

static int64_t
not_below_zero(int64_t number)
{
	return TB_MAX(number, INT64_C(0));
}

/* Lots that ended since: nobody asked the server to write it down yet (R12). */
static int64_t
take_expired(json_t *expiring, int64_t now)
{
	int64_t points = 0, at;

	for (size_t i = 0; i < json_array_size(expiring);) {
		const json_t *lot = json_array_get(expiring, i);
		const char *text = tb_offline_text(lot, "at");

		if (!text || tb_time_parse(text, &at, NULL) < 0 || at > now) {
			i++;
			continue;
		}
		points += tb_offline_int(lot, "points");
		(void)json_array_remove(expiring, i);
	}
	return points;
}

static void
take_off(json_t *balances, const char *member, int64_t amount, bool not_below)
{
	int64_t left = tb_offline_int(balances, member) - amount;

	if (amount != 0)
		json_object_set_new(
			balances, member, json_integer(not_below ? not_below_zero(left) : left));
}

json_t *
tb_offline_balances(struct tb_offline *offline, const struct tb_offline_customer *customer,
	const struct tb_offline_spent *spent)
{
	json_t *balances = json_deep_copy(json_object_get(customer->body, "balances"));
	int64_t expired, now = tb_loop_wall_us(offline->bridge->loop);

	if (!balances)
		return NULL;
	expired = take_expired(json_object_get(balances, "expiring"), now);
	take_off(balances, "points", expired + spent->points - spent->held_points, false);
	take_off(balances, "points_available", expired + spent->points, true);
	take_off(balances, "wallet", spent->wallet - spent->held_wallet, false);
	take_off(balances, "wallet_available", spent->wallet, true);
	return balances;
}

/* What he can still afford of what the server said he could use. */
static void
write_rewards(struct tb_jsonw *w, const json_t *body, const json_t *balances)
{
	int64_t available = tb_offline_int(balances, "points_available");
	const json_t *reward;
	size_t i;

	tb_jsonw_array(w, "rewards");
	json_array_foreach(json_object_get(body, "rewards"), i, reward)
		if (tb_offline_int(reward, "cost_points") <= available)
			tb_offline_write_json(w, NULL, reward);
	tb_jsonw_end_array(w);
}

static void
write_coupons(struct tb_jsonw *w, const json_t *body, int64_t now)
{
	const json_t *coupon;
	size_t i;

	tb_jsonw_array(w, "coupons");
	json_array_foreach(json_object_get(body, "coupons"), i, coupon) {
		const char *valid_to = tb_offline_text(coupon, "valid_to");
		int64_t at;

		if (!valid_to || tb_time_parse(valid_to, &at, NULL) < 0 || at > now)
			tb_offline_write_json(w, NULL, coupon);
	}
	tb_jsonw_end_array(w);
}

static void
answer_customer(struct tb_offline *offline, const struct tb_call *call,
	const struct tb_offline_customer *customer)
{
	_cleanup_buf_ struct tb_buf out = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&out);
	const json_t *progress = json_object_get(customer->body, "progress");
	struct tb_offline_spent spent = {0};
	int r = tb_offline_grants_spent(offline->grants, customer->id, NULL, NULL, &spent);
	json_t *balances = r == 0 ? tb_offline_balances(offline, customer, &spent) : NULL;

	tb_offline_spent_done(&spent);
	if (!balances) {
		tb_offline_fail(call, r < 0 ? r : -ENOMEM);
		return;
	}
	tb_jsonw_object(&w, NULL);
	tb_offline_write_json(&w, "customer", json_object_get(customer->body, "customer"));
	tb_offline_write_json(&w, "balances", balances);
	if (progress)
		tb_offline_write_json(&w, "progress", progress);
	else
		tb_jsonw_raw(&w, "progress", "[]", 2);
	write_rewards(&w, customer->body, balances);
	write_coupons(&w, customer->body, tb_loop_wall_us(offline->bridge->loop));
	tb_offline_write_json(&w, "last_passage", json_object_get(customer->body, "last_passage"));
	tb_offline_write_stale(offline, &w, customer->as_of);
	tb_jsonw_end_object(&w);
	json_decref(balances);
	tb_offline_give(call, &out);
}

/* What the names of a call lead to, each customer once. */
struct found {
	int64_t seqs[TB_OFFLINE_CANDIDATES_MAX];
	size_t n;
	bool blocked, several, queued;
};

static void
add_found(struct found *found, const struct tb_offline_name *name)
{
	if (name->state == TB_OFFLINE_NAME_SEVERAL)
		found->several = true;
	if (name->state == TB_OFFLINE_NAME_BLOCKED)
		found->blocked = true;
	if (name->state == TB_OFFLINE_NAME_QUEUED)
		found->queued = true;
	if (name->customer == 0 || name->state == TB_OFFLINE_NAME_BLOCKED)
		return;
	for (size_t i = 0; i < found->n; i++)
		if (found->seqs[i] == name->customer)
			return;
	if (found->n < TB_OFFLINE_CANDIDATES_MAX)
		found->seqs[found->n++] = name->customer;
}

/* The first name that leads anywhere decides, as it does on the server. */
static int
find(struct tb_offline *offline, const json_t *params, struct found *ret)
{
	struct tb_offline_name hits[TB_OFFLINE_CANDIDATES_MAX];
	struct tb_offline_names asked = {.offline = offline};
	int r = 0;

	tb_offline_names_of_call(&asked, params);
	for (size_t i = 0; r == 0 && i < asked.n; i++) {
		size_t n = 0;

		r = tb_offline_cache_names(offline->cache, &asked.items[i], hits, &n);
		for (size_t k = 0; r == 0 && k < n; k++)
			add_found(ret, &hits[k]);
		if (n > 0)
			break;
	}
	return r;
}

static int
is_pending(struct tb_offline *offline, int64_t seq, const char *id)
{
	_cleanup_offline_customer_ struct tb_offline_customer row = {0};
	int r = id ? tb_offline_cache_find(offline->cache, id, &row)
	           : tb_offline_cache_get(offline->cache, seq, &row);

	return r > 0 && row.pending;
}

/* Whether the tables say that it is about somebody, or a card, that is on its way to the server. */
static bool
is_about_pending(struct tb_offline *offline, const struct tb_call *call)
{
	const char *id = tb_offline_id_of_call(call->params);
	struct found found = {0};

	if (call->op == TB_OP_REWARD_QUOTE || call->op == TB_OP_REWARD_RESERVE)
		id = tb_offline_text(call->params, "customer");
	else if (call->op != TB_OP_CUSTOMER_LOOKUP)
		return false;
	if (id)
		return is_pending(offline, 0, id);
	if (find(offline, call->params, &found) < 0 || found.n != 1)
		return false;
	return found.queued || is_pending(offline, found.seqs[0], NULL);
}

bool
tb_offline_knows_better(struct tb_offline *offline, const struct tb_call *call, enum tb_error error)
{
	if (error != TB_ERROR_CUSTOMER_UNKNOWN && error != TB_ERROR_CARD_UNASSIGNED)
		return false;
	/* He may have been delivered a moment ago. */
	return is_about_pending(offline, call) &&
	       (!tb_offline_catch_up(offline) || is_about_pending(offline, call));
}

static void
refuse_ambiguous(struct tb_offline *offline, const struct tb_call *call, const struct found *found)
{
	_cleanup_buf_ struct tb_buf data = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&data);

	tb_jsonw_object(&w, NULL);
	tb_jsonw_array(&w, "candidates");
	for (size_t i = 0; i < found->n; i++) {
		_cleanup_offline_customer_ struct tb_offline_customer row = {0};
		const json_t *customer;

		if (tb_offline_cache_get(offline->cache, found->seqs[i], &row) <= 0)
			continue;
		customer = json_object_get(row.body, "customer");
		tb_jsonw_object(&w, NULL);
		tb_jsonw_string(&w, "id", row.id);
		tb_jsonw_string(&w, "first_name", tb_offline_text(customer, "first_name"));
		tb_jsonw_end_object(&w);
	}
	tb_jsonw_end_array(&w);
	tb_jsonw_end_object(&w);
	tb_offline_refuse(
		call, TB_ERROR_CUSTOMER_AMBIGUOUS, tb_buf_error(&data) ? NULL : data.data);
}

void
tb_offline_lookup(struct tb_offline *offline, const struct tb_call *call)
{
	_cleanup_offline_customer_ struct tb_offline_customer row = {0};
	const char *id = tb_offline_id_of_call(call->params);
	struct found found = {0};
	int r = find(offline, call->params, &found);

	if (r == 0 && found.n + found.several > 1) {
		refuse_ambiguous(offline, call, &found);
		return;
	}
	if (r == 0 && found.n == 1)
		r = tb_offline_cache_get(offline->cache, found.seqs[0], &row);
	else if (r == 0 && id && !found.blocked)
		r = tb_offline_cache_find(offline->cache, id, &row);
	if (r > 0)
		answer_customer(offline, call, &row);
	else
		tb_offline_refuse(call,
			r == 0 && found.blocked ? TB_ERROR_CARD_BLOCKED
						: TB_ERROR_SERVER_UNREACHABLE,
			NULL);
}
