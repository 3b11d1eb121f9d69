/* SPDX-License-Identifier: MIT */
/*
 * What the files of this room share: the ledger, one call as its handler sees it, and how a handler
 * refuses. A handler and everything below it returns 0, a negative errno (the store failed, memory:
 * the till may say it again), or a positive enum tb_error (the call is refused); its effects stand
 * only when it returned 0.
 */
#pragma once

#include "base/jsonw.h"
#include "base/list.h"
#include "base/steady.h"
#include "plugins/loyalty/connector.h"
#include "plugins/loyalty/ledger/store.h"
#include "plugins/loyalty/shapes/shapes.h"

#define TB_NUMBER_MAX (INT64_C(1) << 53) /* no balance goes beyond: a browser must read it */
#define TB_PAGE_MAX 200                  /* items of a list in one answer */
#define TB_HOLD_US (15 * 60 * TB_USEC_PER_SEC)
#define TB_CLOCK_AHEAD_US (5 * 60 * TB_USEC_PER_SEC)
#define TB_HASH_SIZE 32

/* A handler of a reading operation outside a transaction: "I must write, call me within one". */
#define TB_MUST_WRITE (TB_ERROR_COUNT + 1)

struct tb_programs; /* programs.h */

struct tb_ledger {
	const struct tb_host *host;
	struct tb_store *store;
	struct tb_programs *programs;
	enum tb_reference reference;
	char dial_prefix[8];    /* of the shop's country, "+33"; "" when it is not known */
	bool dial_trunk_zero;   /* a national number is dialled with a 0 before it */
	int64_t last_id;        /* ids only grow within a run */
	int64_t hold_due;       /* no held reservation lapses before; INT64_MAX: there is none */
	struct tb_steady prune; /* when old keys are looked for again */
	bool pruning;           /* and there are more of them */
	bool has_articles;      /* articles were imported: lines are worth looking up */
	int64_t articles_at;    /* last import, or our start; 0: there are none */
	bool forget;      /* something was erased that must leave the files at the turn's end */
	int last_failure; /* what was logged last, and until when it is not again */
	uint64_t quiet_until_us;
	struct tb_source *retry; /* fires when a locked store is tried again */
	struct tb_source *calm;  /* fires when nobody has asked for a while */
	uint64_t called_us;      /* when somebody last asked, on the loop's clock */
	bool stirred;            /* and calm is set */
	struct tb_list waiting;  /* calls of this turn, in order */
	size_t n_waiting;
	bool running;
	bool locked;  /* the store is held by another program: who only reads does not wait */
	bool viewing; /* look-ups share a view of the store */
	struct tb_source *view_end; /* fires when it has lasted long enough */
	struct tb_buf spare;        /* the memory of the last answer */
};

struct tb_operation {
	struct tb_ledger *ledger;
	struct tb_store *store;
	const struct tb_call *call;
	json_t *params;
	struct tb_buf *out; /* the result's JSON, or what belongs into a refusal's data */
	int64_t now;        /* wall clock of this call */
	bool writing;       /* within a transaction */
	bool undo;          /* it succeeded, and its effects are undone all the same */
	unsigned coupons;   /* in the result */
	int64_t changed;    /* the customer whose account changed, 0 for none */
	int64_t about;      /* the customer whose data stands in the result, 0 for none */
};

typedef int (*tb_op_fn)(struct tb_operation *op);

/* Parameters by name; NULL or the fallback when absent. */
const char *tb_param_text(const struct tb_operation *op, const char *name);
int64_t tb_param_int(const struct tb_operation *op, const char *name, int64_t fallback);
bool tb_param_bool(const struct tb_operation *op, const char *name);
json_t *tb_param(const struct tb_operation *op, const char *name);
/* `limit` between 1 and TB_PAGE_MAX; `cursor` as a number, refused when it is none. */
int64_t tb_param_limit(const struct tb_operation *op);
int tb_param_cursor(struct tb_operation *op, int64_t absent, int64_t *ret);
int tb_refuse_cursor(struct tb_operation *op);

/* Refusals; the data written so far is dropped. All return a positive error. */
int tb_refuse(struct tb_operation *op, enum tb_error error);
int tb_refuse_at(struct tb_operation *op, const char *pointer, const char *code);
int tb_refuse_faults(struct tb_operation *op, const struct tb_faults *faults);

/* Who did it: the operator, else the till. */
const char *tb_op_by(const struct tb_operation *op);

/* Every operation's handler; the table is ledger.c. */
int tb_account_adjust(struct tb_operation *op);
int tb_article_import(struct tb_operation *op);
int tb_article_list(struct tb_operation *op);
int tb_card_attach(struct tb_operation *op);
int tb_card_detach(struct tb_operation *op);
int tb_coupon_check(struct tb_operation *op);
int tb_coupon_issue(struct tb_operation *op);
int tb_coupon_printed(struct tb_operation *op);
int tb_coupon_unprinted(struct tb_operation *op);
int tb_customer_compare(struct tb_operation *op);
int tb_customer_create(struct tb_operation *op);
int tb_customer_delete(struct tb_operation *op);
int tb_customer_export(struct tb_operation *op);
int tb_customer_history(struct tb_operation *op);
int tb_customer_import(struct tb_operation *op);
int tb_customer_lookup(struct tb_operation *op);
int tb_customer_merge(struct tb_operation *op);
int tb_customer_search(struct tb_operation *op);
int tb_customer_update(struct tb_operation *op);
int tb_gift_card_create(struct tb_operation *op);
int tb_gift_card_reload(struct tb_operation *op);
int tb_gift_card_show(struct tb_operation *op);
int tb_ledger_verify(struct tb_operation *op);
int tb_passage_amend(struct tb_operation *op);
int tb_passage_list(struct tb_operation *op);
int tb_passage_post(struct tb_operation *op);
int tb_passage_reverse(struct tb_operation *op);
int tb_passage_show(struct tb_operation *op);
int tb_program_replace(struct tb_operation *op);
int tb_program_show(struct tb_operation *op);
int tb_program_versions(struct tb_operation *op);
int tb_report_export(struct tb_operation *op);
int tb_report_summary(struct tb_operation *op);
int tb_reward_deduct(struct tb_operation *op);
int tb_reward_quote(struct tb_operation *op);
int tb_reward_release(struct tb_operation *op);
int tb_reward_reserve(struct tb_operation *op);
