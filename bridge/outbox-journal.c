/* SPDX-License-Identifier: MIT */
/*
 * The table outbox. A row has its params as long as it is not through; that is also what the
 * indexes of the waiting ones go by, so that 90 days of delivered ones cost a sale nothing.
 */
#include "bridge/outbox-journal.h"

#include <stdio.h>
#include <string.h>

#include "bridge/loyalty.h"
#include "bridge/state.h"

#define PRUNE_PIECE 500

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS outbox("
	" seq INTEGER PRIMARY KEY,"
	" method TEXT NOT NULL,"
	" state TEXT NOT NULL,"
	" site TEXT NOT NULL,"
	" till TEXT NOT NULL,"
	" by TEXT,"
	" key TEXT,"
	" sale TEXT,"
	" day TEXT,"
	" account TEXT NOT NULL,"
	" drawn TEXT,"
	" theirs TEXT,"
	" waits_for INTEGER NOT NULL DEFAULT 0,"
	" since INTEGER NOT NULL,"
	" tries INTEGER NOT NULL DEFAULT 0,"
	" told INTEGER NOT NULL,"
	" last_error TEXT NOT NULL DEFAULT '',"
	" changed INTEGER NOT NULL,"
	" hash BLOB NOT NULL,"
	" params TEXT,"
	" answer TEXT,"
	" settle_key TEXT,"
	" reason TEXT,"
	" settled_by TEXT);"
	"CREATE INDEX IF NOT EXISTS outbox_waiting ON outbox(seq) WHERE params IS NOT NULL;"
	"CREATE INDEX IF NOT EXISTS outbox_account ON outbox(account, seq)"
	" WHERE params IS NOT NULL;"
	"CREATE INDEX IF NOT EXISTS outbox_waits ON outbox(waits_for, seq) WHERE waits_for > 0;"
	"CREATE INDEX IF NOT EXISTS outbox_refused ON outbox(seq) WHERE state = 'refused';"
	"CREATE UNIQUE INDEX IF NOT EXISTS outbox_key ON outbox(key, till, site)"
	" WHERE key IS NOT NULL;"
	"CREATE UNIQUE INDEX IF NOT EXISTS outbox_sale ON outbox(sale, till, site, day)"
	" WHERE method = 'passage.post';"
	"CREATE INDEX IF NOT EXISTS outbox_drawn ON outbox(drawn) WHERE drawn IS NOT NULL;"
	"CREATE INDEX IF NOT EXISTS outbox_settled ON outbox(settle_key)"
	" WHERE settle_key IS NOT NULL;"
	"CREATE INDEX IF NOT EXISTS outbox_age ON outbox(changed) WHERE params IS NULL;";

#define ROW_COLUMNS \
	"seq, method, state, site, till, by, key, sale, day, account, drawn, waits_for, since, " \
	"tries, told, settle_key IS NOT NULL, last_error, hash, params, answer, theirs"
/* For a list: what may be large stays where it is. */
#define LIST_COLUMNS \
	"seq, method, state, site, till, by, key, sale, day, account, drawn, waits_for, since, " \
	"tries, told, settle_key IS NOT NULL, last_error, hash, NULL, NULL, NULL"
/* A refused one is passed over, but a customer who could not be made holds up what is his. */
#define BLOCKED \
	"EXISTS(SELECT 1 FROM outbox b WHERE b.account = o.account AND b.seq < o.seq" \
	" AND b.params IS NOT NULL AND (b.state <> 'refused' OR b.method = 'customer.create'))" \
	" OR (o.waits_for > 0 AND EXISTS(SELECT 1 FROM outbox w WHERE w.seq = o.waits_for" \
	" AND w.params IS NOT NULL))"

enum statement {
	ADD,
	GET,
	BY_KEY,
	BY_SALE,
	BY_SALE_LAST,
	BY_DRAWN,
	NEXT,
	SUCCESSOR,
	WAITER,
	FAILED,
	SENDING,
	CONFIRM,
	REFUSE,
	REWORD,
	REQUEUE,
	TELL,
	DROP,
	FORGET,
	SETTLE,
	SETTLED_BY,
	COUNT,
	OLDEST,
	LAST,
	EACH,
	EACH_WAITING,
	EACH_REFUSED,
	PRUNE,
	STATEMENTS
};

static const char *const texts[STATEMENTS] = {
	[ADD] = "INSERT INTO outbox(seq, method, state, site, till, by, key, sale, day, account,"
		" drawn, waits_for, since, told, changed, hash, params, answer)"
		" VALUES(?1, ?2, 'queued', ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?12,"
		" ?14, ?15, ?16)",
	[GET] = "SELECT " ROW_COLUMNS " FROM outbox WHERE seq = ?1",
	[BY_KEY] = "SELECT " ROW_COLUMNS " FROM outbox WHERE key = ?1 AND till = ?2 AND site = ?3",
	[BY_SALE] = "SELECT " ROW_COLUMNS " FROM outbox WHERE method = 'passage.post'"
		    " AND sale = ?1 AND till = ?2 AND site = ?3 AND day = ?4",
	[BY_SALE_LAST] = "SELECT " ROW_COLUMNS " FROM outbox WHERE method = 'passage.post'"
			 " AND sale = ?1 AND till = ?2 AND site = ?3 ORDER BY day DESC LIMIT 1",
	[BY_DRAWN] = "SELECT " ROW_COLUMNS " FROM outbox WHERE drawn = ?1 LIMIT 1",
	[NEXT] = "SELECT o.seq, " BLOCKED " FROM outbox o WHERE o.params IS NOT NULL"
		 " AND o.seq > ?1 AND o.state <> 'refused' ORDER BY o.seq LIMIT 1",
	[SUCCESSOR] = "SELECT o.seq, (o.waits_for > 0 AND EXISTS(SELECT 1 FROM outbox w"
		      " WHERE w.seq = o.waits_for AND w.params IS NOT NULL))"
		      " FROM outbox o WHERE o.account = ?1 AND o.seq > ?2"
		      " AND o.params IS NOT NULL AND o.state <> 'refused' ORDER BY o.seq LIMIT 1",
	[WAITER] = "SELECT o.seq, " BLOCKED " FROM outbox o WHERE o.waits_for = ?1"
		   " AND o.waits_for > 0 AND o.seq > ?2 AND o.params IS NOT NULL"
		   " AND o.state <> 'refused' ORDER BY o.seq LIMIT 1",
	[FAILED] = "UPDATE outbox SET state = ?2, last_error = ?3, tries = tries + 1, changed = ?4"
		   " WHERE seq = ?1",
	[SENDING] = "UPDATE outbox SET state = 'sending' WHERE seq = ?1",
	[CONFIRM] = "UPDATE outbox SET state = 'confirmed', tries = tries + 1, last_error = '',"
		    " changed = ?2, params = NULL, answer = coalesce(?3, answer), theirs = ?4"
		    " WHERE seq = ?1",
	[REFUSE] = "UPDATE outbox SET state = 'refused', tries = tries + 1, last_error = ?2,"
		   " changed = ?3 WHERE seq = ?1",
	[REWORD] = "UPDATE outbox SET params = ?2 WHERE seq = ?1",
	[REQUEUE] = "UPDATE outbox SET state = 'queued' WHERE seq = ?1 AND params IS NOT NULL",
	[TELL] = "UPDATE outbox SET told = 1, answer = coalesce(?2, answer), drawn = ?3"
		 " WHERE seq = ?1",
	[DROP] = "DELETE FROM outbox WHERE seq = ?1",
	[FORGET] = "UPDATE outbox SET answer = NULL WHERE account = ?1 AND params IS NULL",
	[SETTLE] = "UPDATE outbox SET params = NULL, state = 'refused', settle_key = ?2,"
		   " reason = ?3, settled_by = ?4, changed = ?5 WHERE seq = ?1",
	[SETTLED_BY] = "SELECT seq, reason = ?2 FROM outbox WHERE settle_key = ?1",
	[COUNT] = "SELECT count(*), coalesce(sum(state = 'refused'), 0) FROM outbox"
		  " WHERE params IS NOT NULL",
	[OLDEST] = "SELECT since FROM outbox WHERE params IS NOT NULL AND state <> 'refused'"
		   " ORDER BY seq LIMIT 1",
	[LAST] = "SELECT coalesce(max(seq), 0) FROM outbox",
	[EACH] = "SELECT " LIST_COLUMNS " FROM outbox WHERE state = ?2 AND seq > ?1 ORDER BY seq",
	[EACH_WAITING] = "SELECT " LIST_COLUMNS " FROM outbox WHERE params IS NOT NULL"
			 " AND seq > ?1 ORDER BY seq",
	[EACH_REFUSED] = "SELECT " LIST_COLUMNS " FROM outbox WHERE state = 'refused'"
			 " AND params IS NOT NULL AND seq > ?1 ORDER BY seq",
	[PRUNE] = "DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox WHERE params IS NULL"
		  " AND changed < ?1 ORDER BY changed LIMIT ?2)",
};

static const char *const words[TB_OUTBOX_STATES] = {
	[TB_OUTBOX_QUEUED] = "queued",
	[TB_OUTBOX_SENDING] = "sending",
	[TB_OUTBOX_CONFIRMED] = "confirmed",
	[TB_OUTBOX_REFUSED] = "refused",
	[TB_OUTBOX_UNKNOWN] = "unknown",
};

struct tb_outbox_journal {
	struct tb_bridge *bridge;
	int64_t last;
	sqlite3_stmt *statements[STATEMENTS];
};

const char *
tb_outbox_state_word(enum tb_outbox_state state)
{
	return words[state];
}

enum tb_outbox_state
tb_outbox_state_from_word(const char *word)
{
	for (int i = 0; i < TB_OUTBOX_STATES; i++)
		if (strcmp(words[i], word) == 0)
			return (enum tb_outbox_state)i;
	return TB_OUTBOX_STATES;
}

void
tb_outbox_row_done(struct tb_outbox_row *row)
{
	free(row->site);
	free(row->till);
	free(row->by);
	free(row->key);
	free(row->sale);
	free(row->day);
	free(row->account);
	free(row->drawn);
	free(row->theirs);
	free(row->params);
	free(row->answer);
	*row = (struct tb_outbox_row){};
}

void
tb_outbox_journal_free(struct tb_outbox_journal *journal)
{
	if (!journal)
		return;
	for (size_t i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(journal->statements[i]);
	free(journal);
}

static int64_t
now_us(const struct tb_outbox_journal *journal)
{
	return tb_loop_wall_us(journal->bridge->loop);
}

static int
load_last(struct tb_outbox_journal *journal)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[LAST];
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		journal->last = sqlite3_column_int64(stmt, 0);
	return tb_sqlite_errno(rc);
}

int
tb_outbox_journal_new(struct tb_bridge *bridge, struct tb_outbox_journal **ret)
{
	struct tb_outbox_journal *journal = calloc(1, sizeof(*journal));
	int r;

	if (!journal)
		return -ENOMEM;
	journal->bridge = bridge;
	r = tb_state_make_tables(bridge->state, schema);
	if (r == 0)
		r = tb_state_prepare(bridge->state, texts, journal->statements, STATEMENTS);
	if (r == 0)
		r = load_last(journal);
	if (r < 0) {
		tb_outbox_journal_free(journal);
		return r;
	}
	*ret = journal;
	return 0;
}

/* ---- rows ---- */

static enum tb_op
op_from_method(const char *method)
{
	for (int i = 0; i < TB_OP_COUNT; i++)
		if (strcmp(tb_loyalty_op_name((enum tb_op)i), method) == 0)
			return (enum tb_op)i;
	return TB_OP_COUNT;
}

static const char *
column(sqlite3_stmt *stmt, int at)
{
	return (const char *)sqlite3_column_text(stmt, at);
}

/* What a column holds, in memory of its own; NULL when that is NULL. */
static int
copy(sqlite3_stmt *stmt, int at, char **ret)
{
	const char *text = column(stmt, at);

	*ret = text ? strdup(text) : NULL;
	return text && !*ret ? -ENOMEM : 0;
}

/* The row the statement stands on. */
static int
read_row(sqlite3_stmt *stmt, struct tb_outbox_row *ret)
{
	struct tb_outbox_row row = {
		.seq = sqlite3_column_int64(stmt, 0),
		.op = op_from_method(column(stmt, 1)),
		.state = tb_outbox_state_from_word(column(stmt, 2)),
		.waits_for = sqlite3_column_int64(stmt, 11),
		.since_us = sqlite3_column_int64(stmt, 12),
		.tries = (uint64_t)sqlite3_column_int64(stmt, 13),
		.told = sqlite3_column_int(stmt, 14) != 0,
		.settled = sqlite3_column_int(stmt, 15) != 0,
	};
	char **const texts_of_row[] = {&row.site, &row.till, &row.by, &row.key, &row.sale, &row.day,
		&row.account, &row.drawn};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(texts_of_row) && r == 0; i++)
		r = copy(stmt, 3 + (int)i, texts_of_row[i]);
	if (r == 0)
		r = copy(stmt, 18, &row.params);
	if (r == 0)
		r = copy(stmt, 19, &row.answer);
	if (r == 0)
		r = copy(stmt, 20, &row.theirs);
	if (r < 0) {
		tb_outbox_row_done(&row);
		return r;
	}
	snprintf(row.last_error, sizeof(row.last_error), "%s", column(stmt, 16));
	if (sqlite3_column_bytes(stmt, 17) == TB_OUTBOX_HASH_SIZE)
		memcpy(row.hash, sqlite3_column_blob(stmt, 17), TB_OUTBOX_HASH_SIZE);
	*ret = row;
	return 1;
}

static int
step_row(sqlite3_stmt *stmt, struct tb_outbox_row *ret)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		return read_row(stmt, ret);
	return rc == SQLITE_DONE ? 0 : tb_sqlite_errno(rc);
}

static int
step_head(sqlite3_stmt *stmt, struct tb_outbox_head *ret)
{
	int rc = sqlite3_step(stmt);

	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? 0 : tb_sqlite_errno(rc);
	*ret = (struct tb_outbox_head){
		.seq = sqlite3_column_int64(stmt, 0),
		.blocked = sqlite3_column_int(stmt, 1) != 0,
	};
	return 1;
}

int
tb_outbox_journal_add(struct tb_outbox_journal *journal, struct tb_outbox_row *row)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[ADD];
	const char *const between[] = {
		row->by, row->key, row->sale, row->day, row->account, row->drawn};
	int r;

	row->since_us = now_us(journal);
	sqlite3_bind_int64(stmt, 1, journal->last + 1);
	tb_bind_text(stmt, 2, tb_loyalty_op_name(row->op));
	tb_bind_text(stmt, 3, row->site);
	tb_bind_text(stmt, 4, row->till);
	for (size_t i = 0; i < ARRAY_SIZE(between); i++)
		tb_bind_text(stmt, 5 + (int)i, between[i]);
	sqlite3_bind_int64(stmt, 11, row->waits_for);
	sqlite3_bind_int64(stmt, 12, row->since_us);
	sqlite3_bind_int(stmt, 13, row->told);
	sqlite3_bind_blob(stmt, 14, row->hash, TB_OUTBOX_HASH_SIZE, SQLITE_STATIC);
	tb_bind_text(stmt, 15, row->params);
	tb_bind_text(stmt, 16, row->answer);
	r = tb_state_run(journal->bridge->state, stmt);
	if (r < 0)
		return r;
	/* Numbers are not used again, also not those of rows that are dropped. */
	row->seq = ++journal->last;
	return 0;
}

int
tb_outbox_journal_get(struct tb_outbox_journal *journal, int64_t seq, struct tb_outbox_row *ret)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[GET];

	sqlite3_bind_int64(stmt, 1, seq);
	return step_row(stmt, ret);
}

int
tb_outbox_journal_by_key(struct tb_outbox_journal *journal, const char *site, const char *till,
	const char *key, struct tb_outbox_row *ret)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[BY_KEY];

	tb_bind_text(stmt, 1, key);
	tb_bind_text(stmt, 2, till);
	tb_bind_text(stmt, 3, site);
	return step_row(stmt, ret);
}

int
tb_outbox_journal_by_sale(struct tb_outbox_journal *journal, const char *site, const char *till,
	const char *sale, const char *day, struct tb_outbox_row *ret)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[day ? BY_SALE : BY_SALE_LAST];

	tb_bind_text(stmt, 1, sale);
	tb_bind_text(stmt, 2, till);
	tb_bind_text(stmt, 3, site);
	if (day)
		tb_bind_text(stmt, 4, day);
	return step_row(stmt, ret);
}

int
tb_outbox_journal_by_drawn(
	struct tb_outbox_journal *journal, const char *drawn, struct tb_outbox_row *ret)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[BY_DRAWN];

	tb_bind_text(stmt, 1, drawn);
	return step_row(stmt, ret);
}

/* ---- who may go ---- */

int
tb_outbox_journal_next(struct tb_outbox_journal *journal, int64_t after, struct tb_outbox_head *ret)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[NEXT];

	sqlite3_bind_int64(stmt, 1, after);
	return step_head(stmt, ret);
}

int
tb_outbox_journal_successor(struct tb_outbox_journal *journal, const char *account, int64_t after,
	struct tb_outbox_head *ret)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[SUCCESSOR];

	tb_bind_text(stmt, 1, account);
	sqlite3_bind_int64(stmt, 2, after);
	return step_head(stmt, ret);
}

int
tb_outbox_journal_waiter(
	struct tb_outbox_journal *journal, int64_t seq, int64_t after, struct tb_outbox_head *ret)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[WAITER];

	sqlite3_bind_int64(stmt, 1, seq);
	sqlite3_bind_int64(stmt, 2, after);
	return step_head(stmt, ret);
}

/* ---- what became of it ---- */

/* A statement whose one parameter is seq. */
static int
run_for(struct tb_outbox_journal *journal, enum statement which, int64_t seq)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[which];

	sqlite3_bind_int64(stmt, 1, seq);
	return tb_state_run(journal->bridge->state, stmt);
}

int
tb_outbox_journal_failed(struct tb_outbox_journal *journal, int64_t seq, enum tb_outbox_state state,
	const char *error)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[FAILED];

	sqlite3_bind_int64(stmt, 1, seq);
	tb_bind_text(stmt, 2, words[state]);
	tb_bind_text(stmt, 3, error);
	sqlite3_bind_int64(stmt, 4, now_us(journal));
	return tb_state_run(journal->bridge->state, stmt);
}

int
tb_outbox_journal_sending(struct tb_outbox_journal *journal, int64_t seq)
{
	return run_for(journal, SENDING, seq);
}

int
tb_outbox_journal_confirm(struct tb_outbox_journal *journal, int64_t seq, const char *theirs,
	const char *answer, size_t len)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[CONFIRM];

	sqlite3_bind_int64(stmt, 1, seq);
	sqlite3_bind_int64(stmt, 2, now_us(journal));
	if (answer)
		sqlite3_bind_text64(stmt, 3, answer, len, SQLITE_STATIC, SQLITE_UTF8);
	tb_bind_text(stmt, 4, theirs);
	return tb_state_run(journal->bridge->state, stmt);
}

int
tb_outbox_journal_refuse(struct tb_outbox_journal *journal, int64_t seq, const char *error)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[REFUSE];

	sqlite3_bind_int64(stmt, 1, seq);
	tb_bind_text(stmt, 2, error);
	sqlite3_bind_int64(stmt, 3, now_us(journal));
	return tb_state_run(journal->bridge->state, stmt);
}

int
tb_outbox_journal_reword(struct tb_outbox_journal *journal, int64_t seq, const char *params)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[REWORD];

	sqlite3_bind_int64(stmt, 1, seq);
	tb_bind_text(stmt, 2, params);
	return tb_state_run(journal->bridge->state, stmt);
}

int
tb_outbox_journal_requeue(struct tb_outbox_journal *journal, int64_t seq)
{
	return run_for(journal, REQUEUE, seq);
}

int
tb_outbox_journal_tell(struct tb_outbox_journal *journal, int64_t seq, const char *drawn,
	const char *answer, size_t len)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[TELL];

	sqlite3_bind_int64(stmt, 1, seq);
	if (answer)
		sqlite3_bind_text64(stmt, 2, answer, len, SQLITE_STATIC, SQLITE_UTF8);
	tb_bind_text(stmt, 3, drawn);
	return tb_state_run(journal->bridge->state, stmt);
}

int
tb_outbox_journal_drop(struct tb_outbox_journal *journal, int64_t seq)
{
	return run_for(journal, DROP, seq);
}

int
tb_outbox_journal_forget(struct tb_outbox_journal *journal, const char *account)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[FORGET];

	tb_bind_text(stmt, 1, account);
	return tb_state_run(journal->bridge->state, stmt);
}

int
tb_outbox_journal_settle(struct tb_outbox_journal *journal, int64_t seq,
	const struct tb_outbox_settlement *settlement)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[SETTLE];

	sqlite3_bind_int64(stmt, 1, seq);
	tb_bind_text(stmt, 2, settlement->key);
	tb_bind_text(stmt, 3, settlement->reason);
	tb_bind_text(stmt, 4, settlement->by);
	sqlite3_bind_int64(stmt, 5, now_us(journal));
	return tb_state_run(journal->bridge->state, stmt);
}

int
tb_outbox_journal_settled_by(struct tb_outbox_journal *journal,
	const struct tb_outbox_settlement *settlement, int64_t *ret_seq, bool *ret_same)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[SETTLED_BY];
	int rc;

	tb_bind_text(stmt, 1, settlement->key);
	tb_bind_text(stmt, 2, settlement->reason);
	rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? 0 : tb_sqlite_errno(rc);
	*ret_seq = sqlite3_column_int64(stmt, 0);
	*ret_same = sqlite3_column_int(stmt, 1) != 0;
	return 1;
}

/* ---- what is shown ---- */

int
tb_outbox_journal_count(
	struct tb_outbox_journal *journal, int64_t *ret_waiting, int64_t *ret_refused)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[COUNT];
	int rc = sqlite3_step(stmt);

	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? -EIO : tb_sqlite_errno(rc);
	*ret_refused = sqlite3_column_int64(stmt, 1);
	*ret_waiting = sqlite3_column_int64(stmt, 0) - *ret_refused;
	return 0;
}

int64_t
tb_outbox_journal_oldest_us(struct tb_outbox_journal *journal)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[OLDEST];

	return sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
}

int
tb_outbox_journal_each(struct tb_outbox_journal *journal, enum tb_outbox_state state, int64_t after,
	tb_outbox_row_fn fn, void *userdata)
{
	_cleanup_statement_ sqlite3_stmt *stmt =
		journal->statements[state == TB_OUTBOX_STATES    ? EACH_WAITING
				    : state == TB_OUTBOX_REFUSED ? EACH_REFUSED
								 : EACH];
	bool more = true;
	int r = 1;

	sqlite3_bind_int64(stmt, 1, after);
	if (state != TB_OUTBOX_STATES && state != TB_OUTBOX_REFUSED)
		tb_bind_text(stmt, 2, words[state]);
	while (more && r > 0) {
		_cleanup_outbox_row_ struct tb_outbox_row row = {};

		r = step_row(stmt, &row);
		if (r > 0)
			more = fn(&row, userdata);
	}
	return r < 0 ? r : 0;
}

int
tb_outbox_journal_prune(struct tb_outbox_journal *journal)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[PRUNE];

	sqlite3_bind_int64(stmt, 1, now_us(journal) - TB_OUTBOX_KEPT_US);
	sqlite3_bind_int(stmt, 2, PRUNE_PIECE);
	return tb_state_run(journal->bridge->state, stmt);
}
