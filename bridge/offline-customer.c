/* SPDX-License-Identifier: MIT */
/*
 * What is kept of a customer: the server's answers into rows, and effects of our own that are still
 * on their way. Kept is what a till greets with and what the rules ask: first name,
 * kind, groups, whether there is a contact, balances, progress, rewards, coupons. Last name,
 * address, birthday, phones, e-mails and consents are not.
 */

#include <string.h>
#include "bridge/conf.h"
#include "bridge/offline-parts.h"

static bool
among(const struct tb_offline_name *name, const struct tb_offline_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		if (memcmp(name->hash, names->items[i].hash, TB_OFFLINE_HASH_SIZE) == 0)
			return true;
	return false;
}

/* ---- what is kept ------------------------------------------------------------------------- */

static int
copy_member(json_t *to, const json_t *from, const char *member)
{
	json_t *value = json_object_get(from, member);

	if (!value) {
		(void)json_object_del(to, member);
		return 0;
	}
	return json_object_set(to, member, value) < 0 ? -ENOMEM : 0;
}

/* The record without what nothing here needs. */
static int
trim_record(json_t *body, const json_t *record)
{
	static const char *const kept[] = {"id", "kind", "first_name", "groups", "revision"};
	json_t *trimmed = json_object();
	int r = trimmed ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(kept); i++)
		r = copy_member(trimmed, record, kept[i]);
	if (r == 0 && json_object_set(body, "customer", trimmed) < 0)
		r = -ENOMEM;
	json_decref(trimmed);
	return r;
}

static int
fill_body(json_t *body, const json_t *answer)
{
	static const char *const of_lookup[] = {"progress", "rewards", "coupons", "last_passage"};
	int r = trim_record(body, json_object_get(answer, "customer"));

	if (r == 0 && json_object_get(answer, "balances"))
		r = copy_member(body, answer, "balances");
	/* Only a look-up has them all; another answer says nothing about what it lacks. */
	for (size_t i = 0;
		r == 0 && json_object_get(answer, "rewards") && i < ARRAY_SIZE(of_lookup); i++)
		r = copy_member(body, answer, of_lookup[i]);
	return r;
}

enum row_for {
	ROW_CHANGE, /* there may be none */
	ROW_MAKE,   /* … then one is made */
	ROW_REPLACE /* … and what stands in it is not wanted */
};

/* 1 with his row, 0 when there is none. */
static int
row_of(struct tb_offline *offline, const char *id, enum row_for what,
	struct tb_offline_customer *ret)
{
	struct tb_offline_customer row = {0};
	int r = what == ROW_REPLACE ? tb_offline_cache_peek(offline->cache, id, &row)
	                            : tb_offline_cache_find(offline->cache, id, &row);

	if (r < 0 || (r == 0 && what == ROW_CHANGE))
		return r;
	if (!row.id)
		row.id = strdup(id);
	if (!row.body)
		row.body = json_object();
	if (!row.id || !row.body) {
		tb_offline_customer_done(&row);
		return -ENOMEM;
	}
	*ret = row;
	return 1;
}

/* The server says that this name leads to him alone: whoever else it led to is out of date. */
static int
claim(struct tb_offline *offline, const struct tb_offline_name *name, int64_t seq)
{
	struct tb_offline_name hits[TB_OFFLINE_CANDIDATES_MAX];
	bool others = false;
	size_t n = 0;
	int r = tb_offline_cache_names(offline->cache, name, hits, &n);

	for (size_t i = 0; i < n; i++)
		others |= hits[i].customer != seq;
	if (r == 0 && others)
		r = tb_offline_cache_drop_name(offline->cache, name);
	return r < 0 || !others ? r : tb_offline_cache_add_name(offline->cache, name, seq);
}

/* What was asked leads to him; it is an alias when his record does not say so. */
static int
learn_asked(struct tb_offline *offline, const json_t *params,
	const struct tb_offline_names *of_record, const struct tb_offline_customer *customer)
{
	struct tb_offline_names asked = {.offline = offline};
	bool known = false;
	int r = 0;

	tb_offline_names_of_call(&asked, params);
	for (size_t i = 0; r == 0 && i < asked.n; i++) {
		bool his = among(&asked.items[i], of_record);

		/* A name that can lead to one only was taken from others when it was written. */
		if (his && !asked.items[i].sole)
			r = claim(offline, &asked.items[i], customer->seq);
		known |= his;
	}
	if (r < 0 || known || asked.n == 0 || !asked.items[0].sole)
		return r;
	asked.items[0].state = TB_OFFLINE_NAME_ALIAS;
	return tb_offline_cache_add_name(offline->cache, &asked.items[0], customer->seq);
}

int
tb_offline_learn_customer(struct tb_offline *offline, enum tb_op op, const json_t *params,
	const json_t *answer, int64_t as_of)
{
	_cleanup_offline_customer_ struct tb_offline_customer row = {0};
	const json_t *record = json_object_get(answer, "customer");
	const char *id = tb_offline_text(record, "id"), *asked = tb_offline_id_of_call(params);
	bool shown = json_object_get(answer, "balances") != NULL;
	bool looked_up = op == TB_OP_CUSTOMER_LOOKUP;
	enum row_for what = !shown                               ? ROW_CHANGE
	                    : json_object_get(answer, "rewards") ? ROW_REPLACE
	                                                         : ROW_MAKE;
	struct tb_offline_names names = {.offline = offline};
	int r = id ? row_of(offline, id, what, &row) : 0;

	if (r <= 0)
		return r;
	tb_offline_names_of_record(&names, record);
	row.as_of = shown ? as_of : row.as_of;
	row.pending = false;
	row.contact = json_array_size(json_object_get(record, "phones")) > 0 ||
	              json_array_size(json_object_get(record, "emails")) > 0;
	r = fill_body(row.body, answer);
	/* He was asked for under the id of somebody who was merged into him. */
	if (r == 0 && looked_up && asked && strcmp(asked, id) != 0)
		r = tb_offline_cache_forget(offline->cache, asked);
	if (r == 0)
		r = tb_offline_cache_put(offline->cache, &row, names.items, names.n);
	if (r == 0 && looked_up && row.seq)
		r = learn_asked(offline, params, &names, &row);
	return r;
}

static int
remember_last(json_t *body, const json_t *params, const json_t *answer)
{
	json_t *last = json_pack("{s:O?, s:O?, s:O?, s:O?}", "passage",
		json_object_get(answer, "passage"), "sale", json_object_get(params, "sale"),
		"occurred_at", json_object_get(params, "occurred_at"), "total",
		json_object_get(params, "total"));
	int r = last ? 0 : -ENOMEM;

	if (r == 0 && json_object_set_new(last, "points",
			      json_integer(tb_offline_int(
				      json_object_get(answer, "earned"), "points"))) < 0)
		r = -ENOMEM;
	if (r == 0)
		r = json_object_set(body, "last_passage", last) < 0 ? -ENOMEM : 0;
	json_decref(last);
	return r;
}

int
tb_offline_learn_balances(struct tb_offline *offline, enum tb_op op, const json_t *params,
	const json_t *answer, int64_t as_of)
{
	_cleanup_offline_customer_ struct tb_offline_customer row = {0};
	const char *id = tb_offline_text(params, "customer");
	int r = 0;

	if (id && json_object_get(answer, "balances"))
		r = tb_offline_cache_find(offline->cache, id, &row);
	if (r <= 0)
		return r;
	row.as_of = as_of;
	row.pending = false;
	r = copy_member(row.body, answer, "balances");
	if (r == 0 && op == TB_OP_PASSAGE_POST)
		r = copy_member(row.body, answer, "progress");
	if (r == 0 && op == TB_OP_PASSAGE_POST)
		r = remember_last(row.body, params, answer);
	return r < 0 ? r : tb_offline_cache_put(offline->cache, &row, NULL, 0);
}

/* ---- refusals ----------------------------------------------------------------------------- */

static int
forget_unless_pending(struct tb_offline *offline, const char *id)
{
	_cleanup_offline_customer_ struct tb_offline_customer row = {0};
	int r = tb_offline_cache_find(offline->cache, id, &row);

	/* The server does not know yet whom the till made while it was cut off. */
	return r < 0 || (r > 0 && row.pending) ? TB_MIN(r, 0)
	                                       : tb_offline_cache_forget(offline->cache, id);
}

static int
mark(struct tb_offline *offline, struct tb_offline_name *name, enum tb_offline_name_state state)
{
	int r = 0;

	if (state == TB_OFFLINE_NAME_BLOCKED)
		r = tb_offline_cache_drop_name(offline->cache, name);
	name->state = state;
	return r < 0 ? r : tb_offline_cache_add_name(offline->cache, name, 0);
}

int
tb_offline_learn_detached(struct tb_offline *offline, const json_t *params)
{
	const char *state = tb_offline_text(params, "state");
	struct tb_offline_names card = {.offline = offline};

	tb_offline_names_add(&card, TB_OFFLINE_NAME_CARD, tb_offline_text(params, "card"),
		TB_OFFLINE_NAME_ACTIVE);
	if (card.n == 0)
		return 0;
	if (state && strcmp(state, "active") != 0)
		return mark(offline, &card.items[0], TB_OFFLINE_NAME_BLOCKED);
	return tb_offline_cache_drop_name(offline->cache, &card.items[0]);
}

/* What was queued and the server would not have. */
static int
learn_undone(struct tb_offline *offline, enum tb_op op, const json_t *params)
{
	const char *id = tb_offline_text(params, "id");
	struct tb_offline_names card = {.offline = offline};

	if (op == TB_OP_CUSTOMER_CREATE)
		return id ? tb_offline_cache_forget(offline->cache, id) : 0;
	tb_offline_names_add(&card, TB_OFFLINE_NAME_CARD, tb_offline_text(params, "card"),
		TB_OFFLINE_NAME_ACTIVE);
	return card.n ? tb_offline_cache_drop_name(offline->cache, &card.items[0]) : 0;
}

int
tb_offline_learn_refusal(
	struct tb_offline *offline, enum tb_op op, const json_t *params, enum tb_error error)
{
	const char *id = tb_offline_id_of_call(params),
		   *customer = tb_offline_text(params, "customer");
	struct tb_offline_names asked = {.offline = offline};
	int r = 0;

	if (op == TB_OP_CUSTOMER_CREATE || op == TB_OP_CARD_ATTACH)
		return learn_undone(offline, op, params);
	tb_offline_names_of_call(&asked, params);
	switch (error) {
	case TB_ERROR_CUSTOMER_UNKNOWN:
		if (id || customer)
			r = forget_unless_pending(offline, id ? id : customer);
		/* fall through */
	case TB_ERROR_CARD_UNASSIGNED:
		for (size_t i = 0; r == 0 && i < asked.n; i++)
			r = tb_offline_cache_deny_name(offline->cache, &asked.items[i]);
		return r;
	case TB_ERROR_CARD_BLOCKED:
		return asked.n ? mark(offline, &asked.items[0], TB_OFFLINE_NAME_BLOCKED) : 0;
	case TB_ERROR_CUSTOMER_AMBIGUOUS:
		for (size_t i = 0; r == 0 && i < asked.n; i++)
			if (!asked.items[i].sole)
				r = mark(offline, &asked.items[i], TB_OFFLINE_NAME_SEVERAL);
		return r;
	default:
		return 0;
	}
}

/* ---- effects of our own that are on their way ---------------------------------------------- */

/* The id was drawn here, the server will keep it. */
int
tb_offline_queued_create(struct tb_offline *offline, const json_t *params)
{
	_cleanup_offline_customer_ struct tb_offline_customer row = {0};
	const json_t *record = json_object_get(params, "record");
	const char *id = tb_offline_text(params, "id");
	struct tb_offline_names names = {.offline = offline};
	json_t *answer;
	int r = id ? row_of(offline, id, ROW_MAKE, &row) : 0;

	if (r <= 0)
		return r;
	answer = json_pack("{s:{}, s:{s:i, s:i, s:i, s:i, s:i, s:s, s:[]}, s:[], s:[], s:[]}",
		"customer", "balances", "points", 0, "points_available", 0, "wallet", 0,
		"wallet_available", 0, "passages", 0, "currency", offline->bridge->conf->currency,
		"expiring", "rewards", "progress", "coupons");
	if (!answer)
		return -ENOMEM;
	if (json_object_update(json_object_get(answer, "customer"), (json_t *)record) < 0 ||
		json_object_set(json_object_get(answer, "customer"), "id",
			json_object_get(params, "id")) < 0 ||
		json_object_set_new(
			json_object_get(answer, "customer"), "revision", json_integer(1)) < 0)
		r = -ENOMEM;
	if (r > 0)
		r = fill_body(row.body, answer);
	json_decref(answer);
	tb_offline_names_of_record(&names, record);
	tb_offline_names_add(&names, TB_OFFLINE_NAME_CARD, tb_offline_text(params, "card"),
		TB_OFFLINE_NAME_ACTIVE);
	tb_offline_names_add(&names, TB_OFFLINE_NAME_TOKEN, tb_offline_text(params, "token"),
		TB_OFFLINE_NAME_ACTIVE);
	row.pending = true;
	row.as_of = tb_loop_wall_us(offline->bridge->loop);
	row.contact = json_array_size(json_object_get(record, "phones")) > 0 ||
	              json_array_size(json_object_get(record, "emails")) > 0;
	return r < 0 ? r : tb_offline_cache_put(offline->cache, &row, names.items, names.n);
}

/* The server will count it likewise, so that the till's next change is not a stale one. */
static int
count_revision(struct tb_offline *offline, struct tb_offline_customer *row)
{
	json_t *customer = json_object_get(row->body, "customer");

	if (json_object_set_new(customer, "revision",
		    json_integer(tb_offline_int(customer, "revision") + 1)) < 0)
		return -ENOMEM;
	return tb_offline_cache_put(offline->cache, row, NULL, 0);
}

/* Fields that are given are known, and lead to him; what they replace is not known here. */
int
tb_offline_queued_update(struct tb_offline *offline, const json_t *params)
{
	static const char *const shown[] = {"kind", "first_name", "groups"};
	_cleanup_offline_customer_ struct tb_offline_customer row = {0};
	const json_t *record = json_object_get(params, "record");
	const char *id = tb_offline_text(params, "id");
	struct tb_offline_names names = {.offline = offline};
	int r = id ? row_of(offline, id, ROW_CHANGE, &row) : 0;

	if (r <= 0)
		return r;
	r = 0;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(shown); i++)
		if (json_object_get(record, shown[i]))
			r = copy_member(json_object_get(row.body, "customer"), record, shown[i]);
	row.contact |= json_array_size(json_object_get(record, "phones")) > 0 ||
	               json_array_size(json_object_get(record, "emails")) > 0;
	if (r == 0)
		r = count_revision(offline, &row);
	tb_offline_names_of_record(&names, record);
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		names.items[i].state = TB_OFFLINE_NAME_QUEUED;
		r = tb_offline_cache_add_name(offline->cache, &names.items[i], row.seq);
	}
	return r;
}

/* A card that is lost, or his no more, leads to nobody from now on. */
int
tb_offline_queued_detach(struct tb_offline *offline, const json_t *params)
{
	_cleanup_offline_customer_ struct tb_offline_customer row = {0};
	const char *id = tb_offline_text(params, "customer");
	int r = tb_offline_learn_detached(offline, params);

	if (r == 0 && id)
		r = row_of(offline, id, ROW_CHANGE, &row);
	return r <= 0 ? r : count_revision(offline, &row);
}

int
tb_offline_queued_attach(struct tb_offline *offline, const json_t *params)
{
	_cleanup_offline_customer_ struct tb_offline_customer row = {0};
	const char *id = tb_offline_text(params, "customer");
	struct tb_offline_names names = {.offline = offline};
	int r = id ? row_of(offline, id, ROW_CHANGE, &row) : 0;

	tb_offline_names_add(&names, TB_OFFLINE_NAME_CARD, tb_offline_text(params, "card"),
		TB_OFFLINE_NAME_QUEUED);
	if (r <= 0 || names.n == 0)
		return r;
	r = tb_offline_cache_drop_name(offline->cache, &names.items[0]);
	if (r == 0)
		r = tb_offline_cache_add_name(offline->cache, &names.items[0], row.seq);
	return r < 0 ? r : count_revision(offline, &row);
}
