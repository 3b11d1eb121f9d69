/* SPDX-License-Identifier: MIT */
/*
 * The customers of the offline front as they stand in state.db: a row each, and the names they are
 * found by, which are kept as keyed hashes only. Rows in, rows out: what is kept of an answer is
 * offline-customer.c's, what is made of it offline-judge.c's. Every write joins the turn's
 * transaction (state.h).
 */
#pragma once

#include <jansson.h>
#include "bridge/state.h"

/* Customers kept; of more, those heard of longest ago are dropped. */
#define TB_OFFLINE_CUSTOMERS_MAX 50000
/* What the server said longer ago is no answer any more. */
#define TB_OFFLINE_KEPT_US (30 * INT64_C(86400) * 1000000)
/* Customers that one name leads to, as the server lists them, too. */
#define TB_OFFLINE_CANDIDATES_MAX 20
/* Names that are remembered without a customer: blocked cards, shared phones. */
#define TB_OFFLINE_MARKS_MAX 5000
#define TB_OFFLINE_HASH_SIZE 16

enum tb_offline_name_state {
	TB_OFFLINE_NAME_ACTIVE,
	TB_OFFLINE_NAME_BLOCKED, /* or lost: a card that is refused */
	TB_OFFLINE_NAME_ALIAS,   /* it led to him, and does not stand in his record */
	TB_OFFLINE_NAME_SEVERAL, /* the server said that it leads to more than one; no customer */
	TB_OFFLINE_NAME_QUEUED,  /* given to him here, and the server does not know it yet */
};

/* What somebody is looked up by, before it is hashed. */
enum tb_offline_name_kind {
	TB_OFFLINE_NAME_CARD,
	TB_OFFLINE_NAME_EMAIL,
	TB_OFFLINE_NAME_PHONE,
	TB_OFFLINE_NAME_REF,
	TB_OFFLINE_NAME_TOKEN,
};

struct tb_offline_name {
	uint8_t hash[TB_OFFLINE_HASH_SIZE];
	enum tb_offline_name_state state;
	bool sole;        /* leads to one customer at most: putting it takes it from any other */
	int64_t customer; /* seq; 0 for none */
};

struct tb_offline_customer {
	int64_t seq; /* 0: not in the table yet */
	char *id;
	int64_t as_of; /* wall clock of the server's answer */
	bool pending;  /* made offline: the server does not know him yet, and he is not dropped */
	bool contact;  /* a phone or an e-mail is known */
	int64_t names; /* what the names come to that he was written with */
	json_t *body;  /* {customer, balances, progress, rewards, coupons, last_passage} */
};

void tb_offline_customer_done(struct tb_offline_customer *customer);
#define _cleanup_offline_customer_ _cleanup_(tb_offline_customer_done)

struct tb_offline_cache;

/* Makes the tables, and the key of the hashes where there is none. */
int tb_offline_cache_new(struct tb_bridge *bridge, struct tb_offline_cache **ret);
void tb_offline_cache_free(struct tb_offline_cache *cache);

/* value is folded already; name->hash is written. */
void tb_offline_cache_hash(const struct tb_offline_cache *cache, enum tb_offline_name_kind kind,
	const char *value, struct tb_offline_name *name);

/* Everything that the name leads to, at most TB_OFFLINE_CANDIDATES_MAX. */
int tb_offline_cache_names(struct tb_offline_cache *cache, const struct tb_offline_name *name,
	struct tb_offline_name ret[TB_OFFLINE_CANDIDATES_MAX], size_t *ret_n);

/* 1 with the row (to be done with), 0 when it is not there or too old. */
int tb_offline_cache_get(
	struct tb_offline_cache *cache, int64_t seq, struct tb_offline_customer *ret);
int tb_offline_cache_find(
	struct tb_offline_cache *cache, const char *id, struct tb_offline_customer *ret);
/* The same without its body. */
int tb_offline_cache_peek(
	struct tb_offline_cache *cache, const char *id, struct tb_offline_customer *ret);

/*
 * Writes the row. names (NULL: they stay as they are) replace all that he had but aliases and what
 * is queued; their `customer` is not read. The same names as before cost nothing.
 */
int tb_offline_cache_put(struct tb_offline_cache *cache, struct tb_offline_customer *customer,
	const struct tb_offline_name *names, size_t n);
/* One name more; what it said before of the same customer is replaced. */
int tb_offline_cache_add_name(
	struct tb_offline_cache *cache, const struct tb_offline_name *name, int64_t seq);
/* The server knows nobody of that name: it leads only to whom it cannot know yet. */
int tb_offline_cache_deny_name(struct tb_offline_cache *cache, const struct tb_offline_name *name);
/* The name leads to nobody any more. */
int tb_offline_cache_drop_name(struct tb_offline_cache *cache, const struct tb_offline_name *name);
int tb_offline_cache_forget(struct tb_offline_cache *cache, const char *id);

bool tb_offline_cache_is_full(const struct tb_offline_cache *cache);
/* Drops what is old or too much, a piece at a time. */
int tb_offline_cache_prune(struct tb_offline_cache *cache);
