/* SPDX-License-Identifier: MIT */
/*
 * reward.quote, reward.reserve and reward.deduct while nobody can be asked: the rules' own room,
 * given the cached program, articles and account (R15). What a coupon or a gift card is worth now
 * only the server knows, so neither is used; of points and wallet no more than the program allows a
 * customer while he is offline, counted over all his sales.
 */

#include <string.h>
#include "base/timestamp.h"
#include "bridge/conf.h"
#include "bridge/offline-parts.h"

#define HOLD_US (15 * 60 * TB_USEC_PER_SEC)

/* What the rules are asked about; owns what it points to. */
struct judging {
	struct tb_offline *offline;
	const struct tb_call *call;
	struct tb_offline_customer row;
	bool has_customer;
	struct tb_offline_program version;
	struct tb_program program; /* a copy, with what is left of offline_max_value */
	struct tb_basket_lines basket;
	struct tb_basket_articles articles;
	struct tb_use *uses;
	size_t n_uses;
	struct tb_offline_spent spent; /* by other sales */
	json_t *balances;
	struct tb_account account;
	const char **groups;
	struct tb_progress *progress;
	struct tb_context context;
};

static void
judging_done(struct judging *j)
{
	tb_offline_customer_done(&j->row);
	tb_basket_lines_done(&j->basket);
	tb_basket_articles_done(&j->articles);
	tb_offline_spent_done(&j->spent);
	json_decref(j->balances);
	free(j->uses);
	free(j->groups);
	free(j->progress);
}

/* ---- gathering: 0, a negative errno, or an error of the api after the call was refused ------ */

static int
refuse(struct judging *j, enum tb_error error, const char *data)
{
	tb_offline_refuse(j->call, error, data);
	return (int)error;
}

static int
refuse_faults(struct judging *j, const struct tb_faults *faults)
{
	_cleanup_buf_ struct tb_buf data = TB_BUF_INIT(0);

	tb_faults_write(faults, &data);
	return refuse(j, TB_ERROR_INVALID_PARAMS, tb_buf_error(&data) ? NULL : data.data);
}

static int
refuse_use(struct judging *j, size_t use)
{
	_cleanup_buf_ struct tb_buf data = TB_BUF_INIT(0);
	struct tb_reckoning refused = {.error = TB_ERROR_OFFLINE_REFUSED, .use = use};

	tb_refusal_write(&data, &refused);
	return refuse(j, TB_ERROR_OFFLINE_REFUSED, tb_buf_error(&data) ? NULL : data.data);
}

static int
read_basket(struct judging *j)
{
	_cleanup_faults_ struct tb_faults faults = {0};
	int r = tb_basket_from_json(
		json_object_get(j->call->params, "basket"), "/basket", true, &j->basket, &faults);

	if (r == -EINVAL)
		return refuse_faults(j, &faults);
	return r < 0 ? r
	             : tb_offline_articles_find(j->offline->articles, j->basket.lines,
			       j->basket.basket.n_lines, &j->articles);
}

static int
read_context(struct judging *j)
{
	const struct tb_conf *conf = j->offline->bridge->conf;
	const char *occurred_at = tb_offline_text(j->call->params, "occurred_at");
	int64_t now = tb_loop_wall_us(j->offline->bridge->loop), at = now;

	if (occurred_at && tb_time_parse(occurred_at, &at, NULL) < 0)
		return refuse(j, TB_ERROR_INVALID_PARAMS, NULL);
	j->context = (struct tb_context){
		.site = j->call->caller.site,
		.mode = tb_offline_text(j->call->params, "mode"),
		.occurred_at_us = at,
		.now_us = now,
		.offline = true,
	};
	(void)tb_reference_from_word(conf->product_reference, &j->context.product_reference);
	if (!tb_offline_program_at(j->offline->programs, at, &j->version))
		return refuse(j, TB_ERROR_SERVER_UNREACHABLE, NULL);
	j->program = *j->version.program;
	return 0;
}

static int
read_groups(struct judging *j, const json_t *customer)
{
	const json_t *groups = json_object_get(customer, "groups");
	size_t n = json_array_size(groups);

	j->groups = calloc(n + 1, sizeof(*j->groups));
	if (!j->groups)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const char *group = json_string_value(json_array_get(groups, i));

		j->groups[i] = group ? group : "";
	}
	j->account.groups = (struct tb_names){.names = j->groups, .count = n};
	return 0;
}

/* What was taken off offline is taken off here, too. */
static int
read_progress(struct judging *j)
{
	const json_t *list = json_object_get(j->row.body, "progress"), *item;
	size_t i;

	j->progress = calloc(json_array_size(list) + 1, sizeof(*j->progress));
	if (!j->progress)
		return -ENOMEM;
	json_array_foreach(list, i, item) {
		const char *reward = tb_offline_text(item, "reward");

		if (reward)
			j->progress[j->account.n_progress++] = (struct tb_progress){
				.reward = reward,
				.count = tb_offline_int(item, "count") -
			                 tb_offline_int(j->spent.counts, reward)};
	}
	j->account.progress = j->progress;
	return 0;
}

/* Passages as they were heard of, and those that wait in the outbox. */
static int
read_passages(struct judging *j)
{
	const char *text = tb_offline_text(
		json_object_get(j->row.body, "last_passage"), "occurred_at");
	struct tb_account *account = &j->account;
	struct tb_offline_waiting waiting;
	int64_t at;
	int r = tb_offline_grants_passages(
		j->offline->grants, j->row.id, j->context.occurred_at_us, &waiting);

	if (r < 0)
		return r;
	account->passages = account->counted = tb_offline_int(j->balances, "passages") +
	                                       waiting.count;
	account->counted_before_us = waiting.before_us;
	account->counted_after_us = waiting.after_us;
	if (!text || tb_time_parse(text, &at, NULL) < 0)
		return 0;
	if (at > j->context.occurred_at_us)
		account->counted_after_us = account->counted_after_us == TB_TIME_NONE
		                                    ? at
		                                    : TB_MIN(at, account->counted_after_us);
	else
		account->counted_before_us = TB_MAX(at, account->counted_before_us);
	return 0;
}

/* A balance below zero is shown as nothing available. */
static int64_t
available(const json_t *balances, const char *whole, const char *left)
{
	return TB_MIN(tb_offline_int(balances, left), tb_offline_int(balances, whole));
}

static int
read_account(struct judging *j)
{
	const json_t *customer = json_object_get(j->row.body, "customer");
	const char *kind = tb_offline_text(customer, "kind");
	int r;

	j->balances = tb_offline_balances(j->offline, &j->row, &j->spent);
	if (!j->balances)
		return -ENOMEM;
	j->account = (struct tb_account){
		.kind = !kind                         ? TB_CUSTOMER_UNKNOWN
	                : strcmp(kind, "pro") == 0    ? TB_CUSTOMER_PRO
	                : strcmp(kind, "person") == 0 ? TB_CUSTOMER_PERSON
	                                              : TB_CUSTOMER_UNKNOWN,
		.contact_known = j->row.contact,
		.points_available = available(j->balances, "points", "points_available"),
		.wallet_available = available(j->balances, "wallet", "wallet_available"),
	};
	r = read_groups(j, customer);
	if (r == 0)
		r = read_progress(j);
	return r < 0 ? r : read_passages(j);
}

static int
read_customer(struct judging *j)
{
	const char *id = tb_offline_text(j->call->params, "customer");
	int r;

	if (!id)
		return 0;
	r = tb_offline_cache_find(j->offline->cache, id, &j->row);
	if (r == 0)
		return refuse(j, TB_ERROR_SERVER_UNREACHABLE, NULL);
	if (r > 0)
		r = tb_offline_grants_spent(j->offline->grants, id, &j->call->caller,
			tb_offline_text(j->call->params, "sale"), &j->spent);
	if (r < 0)
		return r;
	j->has_customer = true;
	j->program.offline_max_value = TB_MAX(
		j->program.offline_max_value - j->spent.value, INT64_C(0));
	return read_account(j);
}

static const struct tb_account *
account_of(const struct judging *j)
{
	return j->has_customer ? &j->account : NULL;
}

static int64_t
as_of(const struct judging *j)
{
	return j->has_customer ? j->row.as_of : j->version.as_of;
}

/* ---- reward.quote ------------------------------------------------------------------------- */

static const char *
reward_of_coupon(const struct judging *j, const char *code)
{
	const json_t *coupon;
	size_t i;

	json_array_foreach(json_object_get(j->row.body, "coupons"), i, coupon) {
		const char *other = tb_offline_text(coupon, "code");

		if (other && strcmp(other, code) == 0)
			return tb_offline_text(coupon, "reward");
	}
	return NULL;
}

/* Whether a code is still good cannot be known: each is refused for that reason. */
static int
refuse_codes(const struct judging *j, struct tb_quote *quote)
{
	const json_t *codes = json_object_get(j->call->params, "codes"), *code;
	struct tb_quoted_coupon *coupons = calloc(json_array_size(codes) + 1, sizeof(*coupons));
	size_t i;

	if (!coupons)
		return -ENOMEM;
	free(quote->coupons);
	quote->coupons = coupons;
	json_array_foreach(codes, i, code) {
		const char *text = json_string_value(code);

		/* A gift card is payment, and no coupon. */
		if (text && strncasecmp(text, "TBG-", 4) != 0)
			coupons[quote->n_coupons++] = (struct tb_quoted_coupon){
				.code = text,
				.reward = reward_of_coupon(j, text),
				.error = TB_ERROR_OFFLINE_REFUSED,
				.reason = TB_REASON_OFFLINE,
			};
	}
	return 0;
}

static void
give_quote(struct judging *j, const struct tb_quote *quote)
{
	_cleanup_buf_ struct tb_buf out = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&out);

	tb_quote_write(&out, quote);
	if (tb_buf_error(&out) == 0 && out.len > 0) {
		/* Two members more, before the object's end. */
		out.len--;
		w.comma = true;
		tb_offline_write_stale(j->offline, &w, as_of(j));
		tb_jsonw_end_object(&w);
	}
	tb_offline_give(j->call, &out);
}

void
tb_offline_quote(struct tb_offline *offline, const struct tb_call *call)
{
	_cleanup_(judging_done) struct judging j = {.offline = offline, .call = call};
	_cleanup_quote_ struct tb_quote quote = {0};
	int r = read_basket(&j);

	if (r == 0)
		r = read_context(&j);
	if (r == 0)
		r = read_customer(&j);
	if (r == 0)
		r = tb_rules_quote(
			&j.program, account_of(&j), &j.basket.basket, NULL, 0, &j.context, &quote);
	if (r == 0)
		r = refuse_codes(&j, &quote);
	if (r == 0)
		give_quote(&j, &quote);
	else if (r < 0)
		tb_offline_fail(call, r);
}

/* ---- reward.reserve, reward.deduct --------------------------------------------------------- */

static int
read_uses(struct judging *j)
{
	_cleanup_faults_ struct tb_faults faults = {0};
	int r = tb_uses_from_json(
		json_object_get(j->call->params, "uses"), "/uses", &j->uses, &j->n_uses, &faults);

	if (r == -EINVAL)
		return refuse_faults(j, &faults);
	for (size_t i = 0; r == 0 && i < j->n_uses; i++)
		if (j->uses[i].kind == TB_USE_GIFT_CARD)
			r = refuse_use(j, i);
	return r;
}

/* What the program forbids it forbids whoever the customer is. */
static int
check_program(struct judging *j)
{
	for (size_t i = 0; i < j->n_uses; i++)
		if (j->program.offline_max_value <= 0 || j->uses[i].kind == TB_USE_COUPON)
			return refuse_use(j, i);
	return 0;
}

static int
reckon(struct judging *j, struct tb_reckoning *ret)
{
	_cleanup_buf_ struct tb_buf data = TB_BUF_INIT(0);
	int r = tb_rules_reserve(&j->program, account_of(j), &j->basket.basket, j->uses, j->n_uses,
		&j->context, ret);

	if (r < 0 || ret->error == TB_OK)
		return r;
	tb_refusal_write(&data, ret);
	return refuse(j, ret->error, tb_buf_error(&data) ? NULL : data.data);
}

/* The line of the offered article, so that the server offers the same unit. */
static int
name_line(json_t *use, const struct tb_reckoning *reckoning, size_t i)
{
	for (size_t k = 0; k < reckoning->n_adjustments; k++) {
		const struct tb_adjustment *a = &reckoning->adjustments[k];

		if (a->use == i && a->kind == TB_ADJUST_ARTICLE_OFFERED)
			return json_object_set_new(use, "line", json_integer(a->line));
	}
	return 0;
}

/* The use as it was granted, as the till might have asked for it. */
static json_t *
granted_use(const struct judging *j, const struct tb_reckoning *reckoning, size_t i)
{
	const json_t *asked = json_array_get(json_object_get(j->call->params, "uses"), i);
	const struct tb_use_cost *cost = &reckoning->uses[i];
	json_t *use = json_copy((json_t *)asked);
	bool part = j->uses[i].kind == TB_USE_WALLET || (cost->reward && cost->reward->partial);
	int r = use ? 0 : -ENOMEM;

	if (r == 0 && part)
		r = json_object_set_new(use, "amount", json_integer(cost->amount));
	if (r == 0)
		r = name_line(use, reckoning, i);
	if (r < 0) {
		json_decref(use);
		return NULL;
	}
	return use;
}

/* {uses[]} for passage.post, {reward: passages taken off} for ourselves. */
static int
describe(
	const struct judging *j, const struct tb_reckoning *reckoning, json_t *uses, json_t *counts)
{
	for (size_t i = 0; i < reckoning->n_uses; i++) {
		const struct tb_use_cost *cost = &reckoning->uses[i];

		if (cost->repeated)
			continue;
		if (json_array_append_new(uses, granted_use(j, reckoning, i)) < 0)
			return -ENOMEM;
		if (cost->every_n > 0 && cost->reward &&
			json_object_set_new(counts, cost->reward->id, json_integer(cost->every_n)) <
				0)
			return -ENOMEM;
	}
	return 0;
}

static int
keep_grant(
	struct judging *j, const struct tb_reckoning *reckoning, const char *id, int64_t expires_at)
{
	json_t *uses = json_array(), *counts = json_object();
	struct tb_offline_grant grant = {
		.id = id,
		.site = j->call->caller.site,
		.till = j->call->caller.till,
		.sale = tb_offline_text(j->call->params, "sale"),
		.customer = j->has_customer ? j->row.id : NULL,
		.deduction = j->call->op == TB_OP_REWARD_DEDUCT,
		.expires_at = expires_at,
		.points = reckoning->points,
		.wallet = reckoning->wallet,
		.value = reckoning->total_before - reckoning->to_pay,
		.counts = counts,
	};
	int r = uses && counts ? describe(j, reckoning, uses, counts) : -ENOMEM;

	if (r == 0) {
		grant.granted = json_pack("{s:O}", "uses", uses);
		r = grant.granted ? tb_offline_grants_add(j->offline->grants, &grant) : -ENOMEM;
	}
	json_decref(grant.granted);
	json_decref(counts);
	json_decref(uses);
	return r;
}

/* The balances as they are with what was granted just now. */
static int
write_balances(struct judging *j, struct tb_jsonw *w)
{
	struct tb_offline_spent spent = {0};
	int r = tb_offline_grants_spent(j->offline->grants, j->row.id, NULL, NULL, &spent);
	json_t *balances = r == 0 ? tb_offline_balances(j->offline, &j->row, &spent) : NULL;

	tb_offline_spent_done(&spent);
	if (balances)
		tb_offline_write_json(w, "balances", balances);
	else if (r == 0)
		r = -ENOMEM;
	json_decref(balances);
	return r;
}

static int
write_reservation(struct judging *j, const struct tb_reckoning *reckoning, const char *id,
	int64_t expires_at, struct tb_buf *out)
{
	struct tb_jsonw w = TB_JSONW(out);
	int r = 0;

	tb_jsonw_object(&w, NULL);
	tb_jsonw_string(&w, "reservation", id);
	tb_offline_write_time(j->offline, &w, "expires_at", expires_at);
	tb_reckoning_write(&w, reckoning);
	if (j->has_customer)
		r = write_balances(j, &w);
	tb_offline_write_stale(j->offline, &w, as_of(j));
	tb_jsonw_end_object(&w);
	return r < 0 ? r : tb_buf_error(out);
}

static int
grant(struct judging *j, const struct tb_reckoning *reckoning)
{
	_cleanup_buf_ struct tb_buf out = TB_BUF_INIT(0);
	int64_t expires_at = j->context.now_us + HOLD_US;
	char id[TB_OFFLINE_ID_TEXT];
	int r = tb_offline_draw_reservation(id);

	if (r == 0)
		r = keep_grant(j, reckoning, id, expires_at);
	if (r == 0)
		r = write_reservation(j, reckoning, id, expires_at, &out);
	/* The key of a deduction is the outbox's to keep, with its effect. */
	if (r == 0 && j->call->op == TB_OP_REWARD_RESERVE && j->call->key)
		r = tb_offline_replies_give(j->offline->replies, j->call, &out);
	/* A grant without its answer must not stay. */
	if (r < 0)
		tb_state_doom(j->offline->bridge->state, r);
	else
		tb_offline_give(j->call, &out);
	return r;
}

static bool
said_before(struct tb_offline *offline, const struct tb_call *call)
{
	_cleanup_buf_ struct tb_buf out = TB_BUF_INIT(0);
	int r = call->key && call->op == TB_OP_REWARD_RESERVE
	                ? tb_offline_replies_find(offline->replies, call, &out)
	                : 0;

	if (r == 0)
		return false;
	if (r > 0)
		tb_offline_give(call, &out);
	else if (r == -EEXIST)
		tb_offline_refuse(call, TB_ERROR_IDEMPOTENCY_CONFLICT, NULL);
	else
		tb_offline_fail(call, r);
	return true;
}

void
tb_offline_reserve(struct tb_offline *offline, const struct tb_call *call)
{
	_cleanup_(judging_done) struct judging j = {.offline = offline, .call = call};
	_cleanup_reckoning_ struct tb_reckoning reckoning = {0};
	int r;

	if (said_before(offline, call))
		return;
	r = read_basket(&j);
	if (r == 0)
		r = read_uses(&j);
	if (r == 0)
		r = read_context(&j);
	if (r == 0)
		r = check_program(&j);
	if (r == 0)
		r = read_customer(&j);
	if (r == 0)
		r = reckon(&j, &reckoning);
	if (r == 0)
		r = grant(&j, &reckoning);
	if (r < 0)
		tb_offline_fail(call, r);
}

void
tb_offline_release(struct tb_offline *offline, const struct tb_call *call)
{
	const char *id = tb_offline_text(call->params, "reservation");
	_cleanup_buf_ struct tb_buf out = TB_BUF_INIT(0);
	int r;

	/* One that the server holds lapses by itself; here nobody can be told. */
	if (!id || !tb_offline_is_ours(id)) {
		tb_offline_refuse(call, TB_ERROR_SERVER_UNREACHABLE, NULL);
		return;
	}
	r = tb_offline_grants_release(offline->grants, id);
	if (r < 0) {
		tb_offline_fail(call, r);
		return;
	}
	tb_buf_add_str(&out, "{}");
	tb_offline_give(call, &out);
}
