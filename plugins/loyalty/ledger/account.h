/* SPDX-License-Identifier: MIT */
/*
 * A customer's row and account: loaded, written to by entries, brought up to date, put back. Every
 * change of a balance is an entry; the row's sums are kept beside them and proven by verify.c.
 */
#pragma once

#include "plugins/loyalty/ledger/ids.h"
#include "plugins/loyalty/ledger/programs.h"

/* customers.flags: which other tables have rows of his. Set when a row is made, cleared when none
 * was found on the way; a flag too many costs a look, one too few would be a fault. */
enum {
	TB_CUSTOMER_LOTS = 1 << 0,    /* lots with something left */
	TB_CUSTOMER_COUPONS = 1 << 1, /* coupons that were his */
	TB_CUSTOMER_COUNTS = 1 << 2,  /* reward_counts */
};

struct tb_customer {
	int64_t id;
	int64_t revision;
	int64_t points, points_held, wallet, wallet_held;
	int64_t passages, counted;
	int64_t flags;
	int64_t due_at; /* INT64_MAX: nothing is due */
	int64_t program;
	enum tb_customer_kind kind;
	bool contact;
	bool has_birthday;
	int64_t birthday;
	int64_t sponsor;
	int64_t last_at;          /* of last_passage, 0 when there is none */
	const char *groups;       /* JSON, NULL when there are none */
	const char *last_passage; /* JSON */
	const char *record;       /* JSON */
	size_t last_passage_len, record_len;
	/* Whose memory the texts are: of the row (a look-up that writes nothing) or owned. */
	struct tb_rows *rows;
	char *owned, *owned_last;
};

void tb_customer_done(struct tb_customer *c);
#define _cleanup_customer_ _cleanup_(tb_customer_done)

/* The columns in the order tb_customer_from_rows() reads them, from column 0. */
#define TB_CUSTOMER_COLUMNS \
	"c.id, c.state, c.merged_into, c.revision, c.points, c.points_held, c.wallet, " \
	"c.wallet_held, c.passages, c.counted, c.flags, c.due_at, c.program, c.kind, c.contact, " \
	"c.birthday, c.sponsor, c.last_at, c.groups, c.last_passage, c.record"
#define TB_CUSTOMER_COLUMN_COUNT 21

/* Takes the rows. Follows a merge to who holds the account now; TB_ERROR_CUSTOMER_UNKNOWN when it
 * was deleted. */
int tb_customer_from_rows(struct tb_operation *op, struct tb_rows **rows, struct tb_customer *ret);
int tb_customer_get(struct tb_operation *op, int64_t id, struct tb_customer *ret);
/* The one a parameter names by id; 0 with *ret_given false when it is absent. */
int tb_customer_param(
	struct tb_operation *op, const char *name, struct tb_customer *ret, bool *ret_given);
/* Writes the numbers, flags and last passage back. The record has its own statement. */
int tb_customer_put(struct tb_operation *op, struct tb_customer *c);

/* Replaces last_passage (JSON, copied; NULL: none). */
int tb_customer_set_last_passage(struct tb_customer *c, int64_t at, const char *text, size_t len);

/* ---- entries ------------------------------------------------------------------------------ */

enum tb_unit { TB_UNIT_POINTS, TB_UNIT_WALLET };
enum tb_entry_kind {
	TB_ENTRY_EARN,
	TB_ENTRY_BONUS,
	TB_ENTRY_HOLD,
	TB_ENTRY_RELEASE,
	TB_ENTRY_REDEEM,
	TB_ENTRY_REVERSE,
	TB_ENTRY_EXPIRE,
	TB_ENTRY_ADJUST,
	TB_ENTRY_TRANSFER,
};

const char *tb_entry_word(enum tb_entry_kind kind);

struct tb_entry {
	enum tb_unit unit;
	enum tb_entry_kind kind;
	int64_t delta;
	bool always; /* also when delta is 0, for the history; else that writes nothing */
	int64_t lot, passage, reservation;
	const char *sale, *reward, *reason;
	/* What it is the effect of: an owner's id and a word, unique in the ledger. */
	char owner_kind;
	int64_t owner;
	const char *effect;
	int64_t n;
	int64_t at; /* 0: now */
};

/* Writes the entry and moves the sums in c; -EOVERFLOW beyond TB_NUMBER_MAX. */
int tb_entry_add(struct tb_operation *op, struct tb_customer *c, const struct tb_entry *entry);
/* Whether that effect stands already. 1 or 0. */
int tb_entry_exists(
	struct tb_operation *op, char owner_kind, int64_t owner, const char *effect, int64_t n);

/* ---- points and their lots (lots.c) ------------------------------------------------------- */

/* A credit of points: the entry, and a lot when the program ends points. from_us: since when they
 * live. expires_at is TB_TIME_NONE for points that never end. */
int tb_points_credit(struct tb_operation *op, struct tb_customer *c, const struct tb_entry *entry,
	int64_t expires_at);
/* A debit: takes what there is first to expire; the balance may go below 0. The lots of `passage`
 * (0: none) are taken before the others. */
int tb_points_debit(struct tb_operation *op, struct tb_customer *c, const struct tb_entry *entry,
	int64_t passage);

/* A use's points lie in lots: frozen, set free, spent (frozen before or not), given back. */
int tb_lots_hold(struct tb_operation *op, struct tb_customer *c, int64_t use, int64_t points);
int tb_lots_release(struct tb_operation *op, struct tb_customer *c, int64_t use);
int tb_lots_spend(struct tb_operation *op, struct tb_customer *c, int64_t use);
int tb_lots_return(struct tb_operation *op, struct tb_customer *c, int64_t use, int64_t passage);
/* After a credit to an account that stood below 0: lots hold no more than the balance. */
int tb_lots_fit(struct tb_operation *op, struct tb_customer *c);
/* Writes the expire entries that are due; ret_next: when the next lot ends, INT64_MAX for never. */
int tb_lots_expire(struct tb_operation *op, struct tb_customer *c, int64_t *ret_next);

/* ---- what is shown ------------------------------------------------------------------------ */

/* Something must be written before this account may be shown (R12, coupons of the day). */
bool tb_customer_is_due(struct tb_operation *op, const struct tb_customer *c);
/* Writes it and puts the customer. */
int tb_customer_settle(struct tb_operation *op, struct tb_customer *c);

int tb_balances_write(struct tb_operation *op, struct tb_jsonw *w, const struct tb_customer *c);
int tb_progress_write(struct tb_operation *op, struct tb_jsonw *w, const struct tb_customer *c);
/* A time as RFC 3339 in shop time. */
void tb_time_write(struct tb_operation *op, struct tb_jsonw *w, const char *name, int64_t at);

/* What the rules want to know of the account for a passage at that time. */
struct tb_facts {
	struct tb_account account;
	struct tb_progress *progress;
	char **welcome;
	size_t n_welcome;
	const char **groups;
	json_t *groups_json;
};

void tb_facts_done(struct tb_facts *facts);
#define _cleanup_facts_ _cleanup_(tb_facts_done)

/* occurred_at TB_TIME_NONE: no passage is judged, the delay is not looked at. */
int tb_facts_load(struct tb_operation *op, const struct tb_program *program,
	const struct tb_customer *c, int64_t occurred_at, struct tb_facts *ret);
