/* SPDX-License-Identifier: MIT */
/*
 * The outbox in state.db: one row an effect, from before it is sent until 90 days after it was
 * answered. It decides nothing: what is sent when, and what a till is told, is outbox.c and
 * outbox-send.c. Every write belongs to the turn's transaction.
 */
#pragma once

#include <jansson.h>
#include "base/jsonw.h"
#include "bridge/bridge.h"
#include "plugins/loyalty/connector.h"

#define TB_OUTBOX_HASH_SIZE 32
#define TB_OUTBOX_ID_TEXT 24   /* "o_17" */
#define TB_OUTBOX_CODE_TEXT 32 /* the word of an error */
#define TB_OUTBOX_KEPT_US (INT64_C(91) * 86400 * 1000000)

struct tb_outbox_journal;

enum tb_outbox_state {
	TB_OUTBOX_QUEUED,    /* not with the server, as far as anybody knows */
	TB_OUTBOX_SENDING,   /* under way */
	TB_OUTBOX_CONFIRMED, /* the server has it, `answer` is what it said */
	TB_OUTBOX_REFUSED,   /* the server will not have it: for a person to settle */
	TB_OUTBOX_UNKNOWN,   /* it was sent, and no answer came */
	TB_OUTBOX_STATES,
};

/* "queued"; and the state of a word, TB_OUTBOX_STATES when there is none. */
const char *tb_outbox_state_word(enum tb_outbox_state state);
enum tb_outbox_state tb_outbox_state_from_word(const char *word);

/* A row. Strings are NULL where there is nothing, and owned; see tb_outbox_row_done(). */
struct tb_outbox_row {
	int64_t seq;
	enum tb_op op;
	enum tb_outbox_state state;
	char *site, *till, *by;
	char *key;
	char *sale, *day;  /* of passage.*; a post always has a day */
	char *account;     /* whose entries keep their order: a customer's id, else "sale:…" */
	char *drawn;       /* the id we drew: of the passage, of the customer, of a reservation */
	char *theirs;      /* the id by which the server calls it instead */
	int64_t waits_for; /* seq of the entry that must be through first, 0 */
	int64_t since_us;
	uint64_t tries;
	bool told; /* the till was told that it is queued */
	bool settled;
	char last_error[TB_OUTBOX_CODE_TEXT];
	uint8_t hash[TB_OUTBOX_HASH_SIZE];
	char *params; /* text of the object; NULL once it is confirmed or settled */
	char *answer; /* what the till was told, then what the server said */
};

void tb_outbox_row_done(struct tb_outbox_row *row);
#define _cleanup_outbox_row_ _cleanup_(tb_outbox_row_done)

/* Makes the table. 0 or negative errno. */
int tb_outbox_journal_new(struct tb_bridge *bridge, struct tb_outbox_journal **ret);
void tb_outbox_journal_free(struct tb_outbox_journal *journal);

/* Adds a row that is queued; its seq is set. */
int tb_outbox_journal_add(struct tb_outbox_journal *journal, struct tb_outbox_row *row);

/* Whole rows: 1 with the row, 0 when there is none. */
int tb_outbox_journal_get(
	struct tb_outbox_journal *journal, int64_t seq, struct tb_outbox_row *ret);
int tb_outbox_journal_by_key(struct tb_outbox_journal *journal, const char *site, const char *till,
	const char *key, struct tb_outbox_row *ret);
/* The passage of a sale; day NULL: the latest of that number. */
int tb_outbox_journal_by_sale(struct tb_outbox_journal *journal, const char *site, const char *till,
	const char *sale, const char *day, struct tb_outbox_row *ret);
/* The row for which we drew that id. */
int tb_outbox_journal_by_drawn(
	struct tb_outbox_journal *journal, const char *drawn, struct tb_outbox_row *ret);

/* What is needed to decide whether a row may go. */
struct tb_outbox_head {
	int64_t seq;
	bool blocked; /* another one of the account stands before it, or what it waits for is open
	               */
};

/* The first row after `after` that waits to be sent. 1, 0 at the end. */
int tb_outbox_journal_next(
	struct tb_outbox_journal *journal, int64_t after, struct tb_outbox_head *ret);
/* The next of the account behind `after`; refused ones are passed over. */
int tb_outbox_journal_successor(struct tb_outbox_journal *journal, const char *account,
	int64_t after, struct tb_outbox_head *ret);
/* The first row behind `after` that waits for row seq. */
int tb_outbox_journal_waiter(
	struct tb_outbox_journal *journal, int64_t seq, int64_t after, struct tb_outbox_head *ret);

/* An attempt ended without an answer, or with one that may change. error is its word. */
int tb_outbox_journal_failed(struct tb_outbox_journal *journal, int64_t seq,
	enum tb_outbox_state state, const char *error);
/* It is about to be sent, which must be on disk where saying it twice is no good. */
int tb_outbox_journal_sending(struct tb_outbox_journal *journal, int64_t seq);
/* answer replaces what stands there, NULL leaves it; theirs is the server's id in place of the one
 * that was drawn, NULL when it has kept ours. */
int tb_outbox_journal_confirm(struct tb_outbox_journal *journal, int64_t seq, const char *theirs,
	const char *answer, size_t len);
int tb_outbox_journal_refuse(struct tb_outbox_journal *journal, int64_t seq, const char *error);
/* What is sent is another text from now on; nothing of it has been taken. */
int tb_outbox_journal_reword(struct tb_outbox_journal *journal, int64_t seq, const char *params);
/* A refused or unknown one waits to be sent again. */
int tb_outbox_journal_requeue(struct tb_outbox_journal *journal, int64_t seq);
/* The till is told that it is queued, with this answer (NULL: one that is made from the row) and
 * the id in it that was drawn here. */
int tb_outbox_journal_tell(struct tb_outbox_journal *journal, int64_t seq, const char *drawn,
	const char *answer, size_t len);
int tb_outbox_journal_drop(struct tb_outbox_journal *journal, int64_t seq);

/* What was answered of a customer; rows that wait stay as they are. */
int tb_outbox_journal_forget(struct tb_outbox_journal *journal, const char *account);

/* A settlement by hand: who, why, and the key it was said with. */
struct tb_outbox_settlement {
	const char *key, *reason, *by;
};
int tb_outbox_journal_settle(struct tb_outbox_journal *journal, int64_t seq,
	const struct tb_outbox_settlement *settlement);
/* 1 when that key settled something: ret_seq and whether the reason is the same. */
int tb_outbox_journal_settled_by(struct tb_outbox_journal *journal,
	const struct tb_outbox_settlement *settlement, int64_t *ret_seq, bool *ret_same);

/* How many wait, and how many are refused and not settled. */
int tb_outbox_journal_count(
	struct tb_outbox_journal *journal, int64_t *ret_waiting, int64_t *ret_refused);
/* Since when the oldest waits; 0 when none does. */
int64_t tb_outbox_journal_oldest_us(struct tb_outbox_journal *journal);

/* The rows of that state behind `after`, in their order, without params and answer; the state
 * TB_OUTBOX_STATES means all that are not through. fn returns false to end. */
typedef bool (*tb_outbox_row_fn)(const struct tb_outbox_row *row, void *userdata);
int tb_outbox_journal_each(struct tb_outbox_journal *journal, enum tb_outbox_state state,
	int64_t after, tb_outbox_row_fn fn, void *userdata);

/* Drops a piece of what is older than 90 days. */
int tb_outbox_journal_prune(struct tb_outbox_journal *journal);
