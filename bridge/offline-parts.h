/* SPDX-License-Identifier: MIT */
/*
 * What the files of the offline front share: offline.c dispatches and learns in batches,
 * offline-customer.c turns answers into rows, offline-lookup.c rows into answers,
 * offline-program.c and offline-articles.c keep what the server judges by, offline-judge.c asks the
 * rules, offline-grants.c keeps what was granted, offline-replies.c what was answered. Nobody else
 * includes this.
 */
#pragma once

#include "base/jsonw.h"
#include "base/list.h"
#include "bridge/offline-cache.h"
#include "bridge/offline.h"
#include "plugins/loyalty/shapes/shapes.h"

struct tb_offline_articles;
struct tb_offline_grants;
struct tb_offline_programs;
struct tb_offline_replies;

struct tb_offline {
	struct tb_bridge *bridge;
	struct tb_offline_cache *cache;
	struct tb_offline_articles *articles;
	struct tb_offline_grants *grants;
	struct tb_offline_programs *programs;
	struct tb_offline_replies *replies;
	struct tb_list learnt; /* answers that are not in the tables yet, in their order */
	size_t n_learnt;
	struct tb_source *flush; /* when they are written at the latest */
	int64_t prune_due;
	int last_failure; /* of the cache, as it was logged last */
};

/* ---- offline.c ---- */

/* What was learnt a moment ago is in the tables from here on. Whether there was any. */
bool tb_offline_catch_up(struct tb_offline *offline);

/* Ends the call. data is NULL or the text of an object. */
void tb_offline_refuse(const struct tb_call *call, enum tb_error error, const char *data);
/* Ends the call with the text in out, or with TB_ERROR_INTERNAL when it is not whole. */
void tb_offline_give(const struct tb_call *call, const struct tb_buf *out);
/* Ends the call with what a negative errno means to the till. */
void tb_offline_fail(const struct tb_call *call, int r);
/* The members stale and as_of of the object that is open. */
void tb_offline_write_stale(struct tb_offline *offline, struct tb_jsonw *w, int64_t as_of);
/* A time in shop time, where the program says what that is. */
void tb_offline_write_time(
	struct tb_offline *offline, struct tb_jsonw *w, const char *name, int64_t at);
void tb_offline_write_json(struct tb_jsonw *w, const char *name, const json_t *value);

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
/* The server refused a look-up, or an effect that was queued. */
int tb_offline_learn_refusal(
	struct tb_offline *offline, enum tb_op op, const json_t *params, enum tb_error error);

/* Effects of our own that are on their way. */
int tb_offline_queued_create(struct tb_offline *offline, const json_t *params);
int tb_offline_queued_update(struct tb_offline *offline, const json_t *params);
int tb_offline_queued_attach(struct tb_offline *offline, const json_t *params);
int tb_offline_queued_detach(struct tb_offline *offline, const json_t *params);

/* ---- offline-grants.c ---- */

#define TB_OFFLINE_ID_TEXT 16

/* What was granted to a customer offline and the server has not booked yet. */
struct tb_offline_spent {
	int64_t points, wallet;           /* of all */
	int64_t held_points, held_wallet; /* of those whose sale is not posted yet */
	int64_t value;                    /* taken off tickets or paid */
	json_t *counts;                   /* {reward: passages taken off its progress} */
};

void tb_offline_spent_done(struct tb_offline_spent *spent);

struct tb_offline_grant {
	const char *id, *site, *till, *sale;
	const char *customer; /* NULL: nobody */
	bool deduction;       /* spent at once, and in the outbox */
	int64_t expires_at;
	int64_t points, wallet, value;
	json_t *counts, *granted;
};

/* Passages of a customer that wait in the outbox. */
struct tb_offline_waiting {
	int64_t count;
	int64_t before_us, after_us; /* the nearest ones on both sides; TB_TIME_NONE */
};

int tb_offline_grants_new(struct tb_offline *offline, struct tb_offline_grants **ret);
void tb_offline_grants_free(struct tb_offline_grants *grants);
int tb_offline_grants_prune(struct tb_offline_grants *grants);

int tb_offline_draw_reservation(char out[TB_OFFLINE_ID_TEXT]);
/* Releases what the sale held before. */
int tb_offline_grants_add(struct tb_offline_grants *grants, const struct tb_offline_grant *grant);
/* What passage.post takes; NULL when it is not known. */
json_t *tb_offline_grants_granted(struct tb_offline_grants *grants, const char *id);
/* but_sale: a sale of that caller whose own hold does not count; NULL: all count. */
int tb_offline_grants_spent(struct tb_offline_grants *grants, const char *customer,
	const struct tb_caller *but_caller, const char *but_sale, struct tb_offline_spent *ret);
int tb_offline_grants_passages(struct tb_offline_grants *grants, const char *customer,
	int64_t occurred_at, struct tb_offline_waiting *ret);
int tb_offline_grants_release(struct tb_offline_grants *grants, const char *id);
/* What is open is looked at again, now and then: without it much need not be asked. */
int tb_offline_grants_look(struct tb_offline_grants *grants);
/* A passage is in the outbox. */
int tb_offline_grants_queued(struct tb_offline_grants *grants, const json_t *params);
/* The server has booked op, or refused it for good: nothing waits for it any more. */
int tb_offline_grants_settled(
	struct tb_offline_grants *grants, enum tb_op op, const json_t *params);

/* ---- offline-replies.c ---- */

int tb_offline_replies_new(struct tb_offline *offline, struct tb_offline_replies **ret);
void tb_offline_replies_free(struct tb_offline_replies *replies);
int tb_offline_replies_prune(struct tb_offline_replies *replies);
/* The answer to a key: 1 with it, 0 when the key is new, -EEXIST when it came with another body. */
int tb_offline_replies_find(
	struct tb_offline_replies *replies, const struct tb_call *call, struct tb_buf *out);
/* Whether the key is there, whatever it came with. */
bool tb_offline_replies_have(struct tb_offline_replies *replies, const struct tb_call *call);
/* Whether the key was answered here, with this body or another one. */
bool tb_offline_replies_given(struct tb_offline_replies *replies, const struct tb_call *call);
int tb_offline_replies_give(struct tb_offline_replies *replies, const struct tb_call *call,
	const struct tb_buf *answer);
/* The server answered this call, whose key may be NULL. */
int tb_offline_replies_hear(struct tb_offline_replies *replies, const struct tb_call *call,
	const json_t *answer, const char *text, size_t len);

/* ---- offline-lookup.c ---- */

/* customer.lookup. */
void tb_offline_lookup(struct tb_offline *offline, const struct tb_call *call);

/*
 * The balances as they can be relied on: what has expired since and what was spent offline is taken
 * off; a hold from what is available, a sale that waits in the outbox from the balance itself. A
 * new reference, shaped as the api's `balances`; NULL without memory.
 */
json_t *tb_offline_balances(struct tb_offline *offline, const struct tb_offline_customer *customer,
	const struct tb_offline_spent *spent);

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

/* ---- offline-program.c ---- */

int tb_offline_programs_new(struct tb_offline *offline, struct tb_offline_programs **ret);
void tb_offline_programs_free(struct tb_offline_programs *programs);
/* The link serves: the server is asked for news when that was long ago, or something changed. */
void tb_offline_programs_due(struct tb_offline_programs *programs, bool changed);

/* Borrowed until the programs change. */
struct tb_offline_program {
	int64_t version, as_of;
	const struct tb_program *program;
	const json_t *json;
};

/* The version in force then. False when none is known. */
bool tb_offline_program_at(
	struct tb_offline_programs *programs, int64_t at_us, struct tb_offline_program *ret);
void tb_offline_program_show(struct tb_offline *offline, const struct tb_call *call);

/* ---- offline-articles.c ---- */

int tb_offline_articles_new(struct tb_offline *offline, struct tb_offline_articles **ret);
void tb_offline_articles_free(struct tb_offline_articles *articles);
/* The server's articles are in the state that it calls stamp: fetched when that is another one. */
void tb_offline_articles_stamp(struct tb_offline_articles *articles, int64_t stamp);

/* Sets `imported` of each line that is of a known article; ret owns those. */
int tb_offline_articles_find(struct tb_offline_articles *articles, struct tb_line *lines,
	size_t n_lines, struct tb_basket_articles *ret);
void tb_offline_article_list(struct tb_offline *offline, const struct tb_call *call);

/* ---- offline-judge.c ---- */

void tb_offline_quote(struct tb_offline *offline, const struct tb_call *call);
/* reward.reserve and reward.deduct. */
void tb_offline_reserve(struct tb_offline *offline, const struct tb_call *call);
void tb_offline_release(struct tb_offline *offline, const struct tb_call *call);
