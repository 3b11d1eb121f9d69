/* SPDX-License-Identifier: MIT */
/*
 * What the files of the offline front share: offline.c dispatches and learns in batches,
 * offline-customer.c turns answers into rows, offline-lookup.c rows into answers. Nobody else
 * includes this.
 */
#pragma once

#include "base/jsonw.h"
#include "base/list.h"
#include "bridge/offline-cache.h"
#include "bridge/offline.h"

struct tb_offline {
	struct tb_bridge *bridge;
	struct tb_offline_cache *cache;
	struct tb_list learnt; /* answers that are not in the tables yet, in their order */
	size_t n_learnt;
	struct tb_source *flush; /* when they are written at the latest */
	int64_t prune_due;
	int last_failure; /* of the cache, as it was logged last */
};

/* ---- offline.c ---- */

/* Ends the call. data is NULL or the text of an object. */
void tb_offline_refuse(const struct tb_call *call, enum tb_error error, const char *data);
/* Ends the call with the text in out, or with TB_ERROR_INTERNAL when it is not whole. */
void tb_offline_give(const struct tb_call *call, const struct tb_buf *out);
/* The members stale and as_of of the object that is open. */
void tb_offline_write_stale(struct tb_offline *offline, struct tb_jsonw *w, int64_t as_of);

/* ---- offline-names.c ---- */

#define TB_OFFLINE_NAMES_MAX 64 /* of one customer */

struct tb_offline_names {
	const struct tb_offline *offline;
	struct tb_offline_name items[TB_OFFLINE_NAMES_MAX];
	size_t n;
};

/* NULL and "" are no names. */
void tb_offline_names_add(struct tb_offline_names *names, enum tb_offline_name_kind kind,
	const char *value, enum tb_offline_name_state state);
/* Everything that a record is found by, but the id. */
void tb_offline_names_of_record(struct tb_offline_names *names, const json_t *record);
/* What a look-up asks for, in the order in which it is tried; the id is not among it. */
void tb_offline_names_of_call(struct tb_offline_names *names, const json_t *params);
/* The id it asks for, which may stand in a code, too; NULL when it asks for none. */
const char *tb_offline_id_of_call(const json_t *params);

/* ---- offline-customer.c ---- */

/* A successful answer about a customer, as of that time: his row is made or brought up to date. */
int tb_offline_learn_customer(struct tb_offline *offline, enum tb_op op, const json_t *params,
	const json_t *answer, int64_t as_of);
/* A card was taken from a customer. */
int tb_offline_learn_detached(struct tb_offline *offline, const json_t *params);
/* Balances (and progress) of the customer that params name. */
int tb_offline_learn_balances(struct tb_offline *offline, enum tb_op op, const json_t *params,
	const json_t *answer, int64_t as_of);
/* A refusal of customer.lookup. */
int tb_offline_learn_refusal(
	struct tb_offline *offline, const json_t *params, enum tb_error error, int64_t at);

/* Effects of our own that are on their way. */
int tb_offline_queued_create(struct tb_offline *offline, const json_t *params);
int tb_offline_queued_update(struct tb_offline *offline, const json_t *params);
int tb_offline_queued_attach(struct tb_offline *offline, const json_t *params);

/* ---- offline-lookup.c ---- */

/* customer.lookup. */
void tb_offline_lookup(struct tb_offline *offline, const struct tb_call *call);

/*
 * The balances as they can be relied on now: what has expired and what was spent offline since is
 * taken off. A new reference, shaped as the api's `balances`.
 */
json_t *tb_offline_balances(struct tb_offline *offline, const struct tb_offline_customer *customer);

static inline int64_t
tb_offline_int(const json_t *object, const char *member)
{
	return json_integer_value(json_object_get(object, member));
}

static inline const char *
tb_offline_text(const json_t *object, const char *member)
{
	return json_string_value(json_object_get(object, member));
}
