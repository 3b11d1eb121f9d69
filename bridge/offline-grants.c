/* SPDX-License-Identifier: MIT */
/*
 * What was granted offline: reservations and deductions in state.db, so that a restart between the
 * reservation and the sale loses neither, and the passages that wait in the outbox. What is granted
 * counts against the cached balance until the server has booked it; a reservation that nobody paid
 * for, only until its time is over.
 */

#include <string.h>
#include <sys/random.h>
#include "base/timestamp.h"
#include "bridge/offline-parts.h"

#define KEPT_US (100 * TB_USEC_PER_DAY) /* as long as the server keeps keys, R14 */
#define PRUNE_PIECE 500

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS offline_grant("
	" id TEXT PRIMARY KEY,"
	" op INTEGER NOT NULL," /* 1: a deduction */
	" site TEXT NOT NULL,"
	" till TEXT NOT NULL,"
	" sale TEXT NOT NULL,"
	" customer TEXT NOT NULL,"
	" state TEXT NOT NULL," /* held queued ended */
	" at INTEGER NOT NULL,"
	" expires_at INTEGER NOT NULL,"
	" points INTEGER NOT NULL,"
	" wallet INTEGER NOT NULL,"
	" value INTEGER NOT NULL,"
	" counts TEXT NOT NULL,"  /* JSON: {reward: passages taken off} */
	" granted TEXT NOT NULL)" /* JSON: what passage.post takes */
	" WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS offline_grant_open ON offline_grant(customer)"
	" WHERE state <> 'ended';"
	"CREATE INDEX IF NOT EXISTS offline_grant_sale ON offline_grant(sale)"
	" WHERE state <> 'ended';"
	"CREATE INDEX IF NOT EXISTS offline_grant_age ON offline_grant(at);"
	/* Passages of a customer that the server has not booked yet. */
	"CREATE TABLE IF NOT EXISTS offline_passage("
	" sale TEXT NOT NULL,"
	" customer TEXT NOT NULL,"
	" occurred_at INTEGER NOT NULL,"
	" at INTEGER NOT NULL,"
	" PRIMARY KEY(customer, sale, occurred_at)) WITHOUT ROWID;";

enum statement {
	ADD,
	OPEN,
	GRANTED,
	QUEUE,
	END,
	END_SALE,
	RELEASE_SALE,
	RELEASE,
	ADD_PASSAGE,
	DROP_PASSAGE,
	PASSAGES,
	ANY,
	PRUNE,
	PRUNE_PASSAGES,
	STATEMENTS
};

static const char *const texts[STATEMENTS] = {
	[ADD] = "INSERT INTO offline_grant(id, op, site, till, sale, customer, state, at,"
		" expires_at, points, wallet, value, counts, granted)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
	[OPEN] = "SELECT state, points, wallet, value, counts FROM offline_grant"
		 " WHERE customer = ?1 AND state <> 'ended'"
		 " AND (state = 'queued' OR expires_at > ?2)"
		 " AND NOT (state = 'held' AND sale = ?3 AND till = ?4 AND site = ?5)"
		 " AND at > ?6",
	[GRANTED] = "SELECT granted FROM offline_grant WHERE id = ?1",
	[QUEUE] = "UPDATE offline_grant SET state = 'queued' WHERE id = ?1 AND state <> 'ended'",
	[END] = "UPDATE offline_grant SET state = 'ended' WHERE id = ?1",
	[END_SALE] = "UPDATE offline_grant SET state = 'ended' WHERE sale = ?1 AND customer = ?2"
		     " AND state <> 'ended' AND (state = 'held' OR op = ?3)",
	[RELEASE_SALE] = "UPDATE offline_grant SET state = 'ended' WHERE sale = ?1 AND till = ?2"
			 " AND site = ?3 AND state = 'held'",
	[RELEASE] = "UPDATE offline_grant SET state = 'ended' WHERE id = ?1 AND state = 'held'",
	[ADD_PASSAGE] = "INSERT OR IGNORE INTO offline_passage(sale, customer, occurred_at, at)"
			" VALUES(?1, ?2, ?3, ?4)",
	[DROP_PASSAGE] = "DELETE FROM offline_passage WHERE customer = ?1 AND sale = ?2",
	[PASSAGES] = "SELECT count(*),"
		     " max(CASE WHEN occurred_at <= ?2 THEN occurred_at END),"
		     " min(CASE WHEN occurred_at > ?2 THEN occurred_at END)"
		     " FROM offline_passage WHERE customer = ?1 AND at > ?3",
	[ANY] = "SELECT EXISTS(SELECT 1 FROM offline_grant WHERE state <> 'ended'),"
		" EXISTS(SELECT 1 FROM offline_passage)",
	[PRUNE] = "DELETE FROM offline_grant WHERE id IN (SELECT id FROM offline_grant"
		  " WHERE at < ?1 ORDER BY at LIMIT ?2)",
	[PRUNE_PASSAGES] = "DELETE FROM offline_passage WHERE at < ?1 AND ?2",
};

struct tb_offline_grants {
	struct tb_offline *offline;
	sqlite3_stmt *statements[STATEMENTS];
	bool any_open, any_waiting; /* grants, passages; false: a till that is seldom cut off */
};

static int64_t
now_us(const struct tb_offline_grants *grants)
{
	return tb_loop_wall_us(grants->offline->bridge->loop);
}

static void
bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
	sqlite3_bind_text(stmt, at, text ? text : "", -1, SQLITE_STATIC);
}

/* ---- granting ----------------------------------------------------------------------------- */

/*
 * An id that the server can keep as its own and will not draw before the year 2053: its first digit
 * is the last of the alphabet, and ids begin with their time.
 */
#define OURS "r_z"

bool
tb_offline_is_ours(const char *reservation)
{
	return strncmp(reservation, OURS, strlen(OURS)) == 0;
}

int
tb_offline_draw_reservation(char out[TB_OFFLINE_ID_TEXT])
{
	static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
	uint8_t random[11];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	memcpy(out, OURS, strlen(OURS));
	for (size_t i = 0; i < sizeof(random); i++)
		out[strlen(OURS) + i] = digits[random[i] & 31];
	out[strlen(OURS) + sizeof(random)] = '\0';
	return 0;
}

int
tb_offline_grants_add(struct tb_offline_grants *grants, const struct tb_offline_grant *grant)
{
	_cleanup_statement_ sqlite3_stmt *release = grants->statements[RELEASE_SALE];
	_cleanup_statement_ sqlite3_stmt *stmt = grants->statements[ADD];
	_cleanup_free_ char *counts = json_dumps(grant->counts, JSON_COMPACT);
	_cleanup_free_ char *granted = json_dumps(grant->granted, JSON_COMPACT);
	int r;

	if (!counts || !granted)
		return -ENOMEM;
	/* A new reservation of the same sale replaces the old. */
	bind_text(release, 1, grant->sale);
	bind_text(release, 2, grant->till);
	bind_text(release, 3, grant->site);
	r = tb_state_run(grants->offline->bridge->state, release);
	if (r < 0)
		return r;
	bind_text(stmt, 1, grant->id);
	sqlite3_bind_int(stmt, 2, grant->deduction);
	bind_text(stmt, 3, grant->site);
	bind_text(stmt, 4, grant->till);
	bind_text(stmt, 5, grant->sale);
	bind_text(stmt, 6, grant->customer);
	bind_text(stmt, 7, grant->deduction ? "queued" : "held");
	sqlite3_bind_int64(stmt, 8, now_us(grants));
	sqlite3_bind_int64(stmt, 9, grant->expires_at);
	sqlite3_bind_int64(stmt, 10, grant->points);
	sqlite3_bind_int64(stmt, 11, grant->wallet);
	sqlite3_bind_int64(stmt, 12, grant->value);
	bind_text(stmt, 13, counts);
	bind_text(stmt, 14, granted);
	grants->any_open = true;
	return tb_state_run(grants->offline->bridge->state, stmt);
}

json_t *
tb_offline_grants_granted(struct tb_offline_grants *grants, const char *id)
{
	_cleanup_statement_ sqlite3_stmt *stmt = grants->statements[GRANTED];

	bind_text(stmt, 1, id);
	if (sqlite3_step(stmt) != SQLITE_ROW)
		return NULL;
	return json_loadb((const char *)sqlite3_column_text(stmt, 0),
		(size_t)sqlite3_column_bytes(stmt, 0), 0, NULL);
}

/* ---- what is spent ------------------------------------------------------------------------ */

void
tb_offline_spent_done(struct tb_offline_spent *spent)
{
	json_decref(spent->counts);
	*spent = (struct tb_offline_spent){0};
}

static int
add_counts(json_t *sum, const char *text)
{
	json_t *counts = json_loads(text, 0, NULL), *n;
	const char *reward;
	int r = counts ? 0 : -ENOMEM;

	json_object_foreach(counts, reward, n)
		if (r == 0 && json_object_set_new(sum, reward,
				      json_integer(json_integer_value(n) +
						   tb_offline_int(sum, reward))) < 0)
			r = -ENOMEM;
	json_decref(counts);
	return r;
}

int
tb_offline_grants_spent(struct tb_offline_grants *grants, const char *customer,
	const struct tb_caller *but_caller, const char *but_sale, struct tb_offline_spent *ret)
{
	_cleanup_statement_ sqlite3_stmt *stmt = grants->statements[OPEN];
	struct tb_offline_spent spent = {.counts = json_object()};
	int rc = SQLITE_DONE, r = spent.counts ? 0 : -ENOMEM;

	bind_text(stmt, 1, customer);
	sqlite3_bind_int64(stmt, 2, now_us(grants));
	bind_text(stmt, 3, but_sale);
	bind_text(stmt, 4, but_sale ? but_caller->till : NULL);
	bind_text(stmt, 5, but_sale ? but_caller->site : NULL);
	/* The balance that it counts against is no older. */
	sqlite3_bind_int64(stmt, 6, now_us(grants) - TB_OFFLINE_KEPT_US);
	while (r == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		bool held = strcmp((const char *)sqlite3_column_text(stmt, 0), "held") == 0;

		spent.points += sqlite3_column_int64(stmt, 1);
		spent.wallet += sqlite3_column_int64(stmt, 2);
		spent.held_points += held ? sqlite3_column_int64(stmt, 1) : 0;
		spent.held_wallet += held ? sqlite3_column_int64(stmt, 2) : 0;
		spent.value += sqlite3_column_int64(stmt, 3);
		r = add_counts(spent.counts, (const char *)sqlite3_column_text(stmt, 4));
	}
	if (r == 0)
		r = tb_sqlite_errno(rc);
	if (r < 0) {
		tb_offline_spent_done(&spent);
		return r;
	}
	*ret = spent;
	return 0;
}

int
tb_offline_grants_passages(struct tb_offline_grants *grants, const char *customer,
	int64_t occurred_at, struct tb_offline_waiting *ret)
{
	_cleanup_statement_ sqlite3_stmt *stmt = grants->statements[PASSAGES];
	int rc;

	bind_text(stmt, 1, customer);
	sqlite3_bind_int64(stmt, 2, occurred_at);
	sqlite3_bind_int64(stmt, 3, now_us(grants) - TB_OFFLINE_KEPT_US);
	rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? -EIO : tb_sqlite_errno(rc);
	ret->count = sqlite3_column_int64(stmt, 0);
	ret->before_us = sqlite3_column_type(stmt, 1) == SQLITE_NULL
	                         ? TB_TIME_NONE
	                         : sqlite3_column_int64(stmt, 1);
	ret->after_us = sqlite3_column_type(stmt, 2) == SQLITE_NULL ? TB_TIME_NONE
	                                                            : sqlite3_column_int64(stmt, 2);
	return 0;
}

static bool
has_open(struct tb_offline *offline, const struct tb_call *call)
{
	struct tb_offline_grants *grants = offline->grants;
	const char *customer = tb_offline_text(call->params, "customer");
	struct tb_offline_spent spent = {0};
	bool any;

	if (!grants->any_open || !customer ||
		tb_offline_grants_spent(grants, customer, &call->caller,
			tb_offline_text(call->params, "sale"), &spent) < 0)
		return false;
	any = spent.points || spent.wallet || spent.value || json_object_size(spent.counts);
	tb_offline_spent_done(&spent);
	return any;
}

bool
tb_offline_must_judge(struct tb_offline *offline, const struct tb_call *call)
{
	if (call->op != TB_OP_REWARD_RESERVE)
		return false;
	/* Said before while nobody could be asked: what was answered then is answered again (R14).
	 */
	if (tb_offline_replies_given(offline->replies, call))
		return true;
	/* What was open may have been delivered a moment ago. */
	return has_open(offline, call) &&
	       (!tb_offline_catch_up(offline) || has_open(offline, call));
}

/* ---- what becomes of it ------------------------------------------------------------------- */

static int
set_state(struct tb_offline_grants *grants, enum statement which, const char *id)
{
	_cleanup_statement_ sqlite3_stmt *stmt = grants->statements[which];

	bind_text(stmt, 1, id);
	return tb_state_run(grants->offline->bridge->state, stmt);
}

int
tb_offline_grants_release(struct tb_offline_grants *grants, const char *id)
{
	return set_state(grants, RELEASE, id);
}

/* The server has the sale, or has another reservation for it. */
static int
end_sale(struct tb_offline_grants *grants, const json_t *params, bool deduction)
{
	_cleanup_statement_ sqlite3_stmt *stmt = grants->statements[END_SALE];

	bind_text(stmt, 1, tb_offline_text(params, "sale"));
	bind_text(stmt, 2, tb_offline_text(params, "customer"));
	sqlite3_bind_int(stmt, 3, deduction ? 1 : -1);
	return tb_state_run(grants->offline->bridge->state, stmt);
}

static int
drop_passage(struct tb_offline_grants *grants, const json_t *params)
{
	_cleanup_statement_ sqlite3_stmt *stmt = grants->statements[DROP_PASSAGE];

	bind_text(stmt, 1, tb_offline_text(params, "customer"));
	bind_text(stmt, 2, tb_offline_text(params, "sale"));
	return tb_state_run(grants->offline->bridge->state, stmt);
}

int
tb_offline_grants_look(struct tb_offline_grants *grants)
{
	_cleanup_statement_ sqlite3_stmt *stmt = grants->statements[ANY];
	int rc = sqlite3_step(stmt);

	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? -EIO : tb_sqlite_errno(rc);
	grants->any_open = sqlite3_column_int(stmt, 0) != 0;
	grants->any_waiting = sqlite3_column_int(stmt, 1) != 0;
	return 0;
}

int
tb_offline_grants_settled(struct tb_offline_grants *grants, enum tb_op op, const json_t *params)
{
	const char *id = tb_offline_text(params, "reservation");
	int r = 0;

	if (op != TB_OP_PASSAGE_POST && op != TB_OP_REWARD_DEDUCT && op != TB_OP_REWARD_RESERVE)
		return 0;
	if (op == TB_OP_PASSAGE_POST && id && tb_offline_is_ours(id))
		r = set_state(grants, END, id);
	if (r == 0 && grants->any_open && tb_offline_text(params, "customer"))
		r = end_sale(grants, params, op == TB_OP_REWARD_DEDUCT);
	if (r == 0 && op == TB_OP_PASSAGE_POST && grants->any_waiting &&
		tb_offline_text(params, "customer"))
		r = drop_passage(grants, params);
	return r;
}

int
tb_offline_grants_queued(struct tb_offline_grants *grants, const json_t *params)
{
	_cleanup_statement_ sqlite3_stmt *stmt = grants->statements[ADD_PASSAGE];
	const char *id = tb_offline_text(params, "reservation"),
		   *customer = tb_offline_text(params, "customer"),
		   *occurred_at = tb_offline_text(params, "occurred_at");
	int64_t at;
	int r = 0;

	if (id && tb_offline_is_ours(id))
		r = set_state(grants, QUEUE, id);
	if (r == 0 && customer && grants->any_open)
		r = end_sale(grants, params, false);
	if (r < 0 || !customer || !occurred_at || tb_time_parse(occurred_at, &at, NULL) < 0)
		return r;
	bind_text(stmt, 1, tb_offline_text(params, "sale"));
	bind_text(stmt, 2, customer);
	sqlite3_bind_int64(stmt, 3, at);
	sqlite3_bind_int64(stmt, 4, now_us(grants));
	grants->any_waiting = true;
	return tb_state_run(grants->offline->bridge->state, stmt);
}

/* ---- start and stop ----------------------------------------------------------------------- */

int
tb_offline_grants_prune(struct tb_offline_grants *grants)
{
	static const enum statement all[] = {PRUNE, PRUNE_PASSAGES};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(all); i++) {
		_cleanup_statement_ sqlite3_stmt *stmt = grants->statements[all[i]];

		sqlite3_bind_int64(stmt, 1, now_us(grants) - KEPT_US);
		sqlite3_bind_int64(stmt, 2, PRUNE_PIECE);
		r = tb_state_run(grants->offline->bridge->state, stmt);
	}
	return r;
}

int
tb_offline_grants_new(struct tb_offline *offline, struct tb_offline_grants **ret)
{
	struct tb_offline_grants *grants = calloc(1, sizeof(*grants));
	int r;

	if (!grants)
		return -ENOMEM;
	grants->offline = offline;
	r = tb_state_make_tables(offline->bridge->state, schema);
	if (r == 0)
		r = tb_state_prepare(offline->bridge->state, texts, grants->statements, STATEMENTS);
	if (r == 0)
		r = tb_offline_grants_look(grants);
	if (r < 0) {
		tb_offline_grants_free(grants);
		return r;
	}
	*ret = grants;
	return 0;
}

void
tb_offline_grants_free(struct tb_offline_grants *grants)
{
	if (!grants)
		return;
	for (size_t i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(grants->statements[i]);
	free(grants);
}
