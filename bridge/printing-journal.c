/* SPDX-License-Identifier: MIT */
/*
 * The tables print_job and print_key. A job has a body as long as it has not ended; that is also
 * what the index of the waiting ones goes by, so that a year of ended jobs costs a queue nothing.
 */
#include "bridge/printing-journal.h"

#include <string.h>
#include <sys/random.h>

/* A coupon's job says whether it was printed before, so it outlives the others. */
#define COUPON_KEPT_US (8 * TB_PRINT_KEPT_US)
#define PRUNE_PIECE 500

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS print_job("
	" seq INTEGER PRIMARY KEY,"
	" id TEXT NOT NULL UNIQUE,"
	" printer TEXT NOT NULL,"
	" kind TEXT NOT NULL,"
	" state TEXT NOT NULL,"
	" reason TEXT NOT NULL DEFAULT '',"
	" touched INTEGER NOT NULL DEFAULT 0,"
	" coupon TEXT,"
	" told INTEGER NOT NULL DEFAULT 1,"
	" created INTEGER NOT NULL,"
	" changed INTEGER NOT NULL,"
	" size INTEGER NOT NULL,"
	" body BLOB);"
	"CREATE INDEX IF NOT EXISTS print_job_waiting ON print_job(printer, seq, size)"
	" WHERE body IS NOT NULL;"
	"CREATE INDEX IF NOT EXISTS print_job_open ON print_job(seq) WHERE body IS NOT NULL;"
	"CREATE INDEX IF NOT EXISTS print_job_coupon ON print_job(coupon) WHERE coupon IS NOT NULL;"
	"CREATE INDEX IF NOT EXISTS print_job_untold ON print_job(seq) WHERE told = 0;"
	"CREATE TABLE IF NOT EXISTS print_key("
	" site TEXT NOT NULL,"
	" till TEXT NOT NULL,"
	" key TEXT NOT NULL,"
	" hash BLOB NOT NULL,"
	" answer TEXT NOT NULL,"
	" created INTEGER NOT NULL,"
	" PRIMARY KEY(site, till, key)) WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS print_key_age ON print_key(created);";

#define ROW_COLUMNS "seq, id, printer, kind, state, reason, touched, coupon, created, body IS NULL"

enum statement {
	ADD,
	WAITING,
	FIND,
	NEXT,
	PENDING,
	UNTOLD,
	TOLD,
	BODY,
	SET,
	WAS_PRINTED,
	KEY,
	ADD_KEY,
	PRUNE_OLD,
	PRUNE_MANY,
	PRUNE_KEYS,
	STATEMENTS
};

static const char *const texts[STATEMENTS] = {
	[ADD] = "INSERT INTO print_job(id, printer, kind, state, coupon, created, changed, size, "
		"body) VALUES(?1, ?2, ?3, 'queued', ?4, ?5, ?5, ?6, ?7)",
	[WAITING] = "SELECT count(*), coalesce(sum(size), 0) FROM print_job"
		    " WHERE printer = ?1 AND body IS NOT NULL",
	[FIND] = "SELECT " ROW_COLUMNS " FROM print_job WHERE id = ?1",
	[NEXT] = "SELECT " ROW_COLUMNS " FROM print_job"
		 " WHERE printer = ?1 AND body IS NOT NULL ORDER BY seq LIMIT 1",
	[PENDING] = "SELECT " ROW_COLUMNS " FROM print_job"
		    " WHERE body IS NOT NULL AND seq > ?1 ORDER BY seq LIMIT 1",
	[UNTOLD] = "SELECT " ROW_COLUMNS " FROM print_job"
		   " WHERE told = 0 AND seq > ?1 ORDER BY seq LIMIT 1",
	[TOLD] = "UPDATE print_job SET told = 1 WHERE seq = ?1",
	[BODY] = "SELECT body FROM print_job WHERE seq = ?1 AND body IS NOT NULL",
	[SET] = "UPDATE print_job SET state = ?2, reason = ?3, touched = ?4, changed = ?5,"
		" body = CASE WHEN ?6 THEN NULL ELSE body END,"
		" told = CASE WHEN ?7 AND coupon IS NOT NULL THEN 0 ELSE told END"
		" WHERE seq = ?1",
	[WAS_PRINTED] = "SELECT 1 FROM print_job"
			" WHERE coupon = ?1 AND seq <> ?2 AND touched LIMIT 1",
	[KEY] = "SELECT hash, answer FROM print_key WHERE site = ?1 AND till = ?2 AND key = ?3",
	[ADD_KEY] = "INSERT INTO print_key(site, till, key, hash, answer, created)"
		    " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	[PRUNE_OLD] = "DELETE FROM print_job WHERE seq IN (SELECT seq FROM print_job"
		      " WHERE body IS NULL AND told = 1"
		      " AND changed < CASE WHEN coupon IS NULL THEN ?1 ELSE ?2 END"
		      " ORDER BY seq LIMIT ?3)",
	[PRUNE_MANY] = "DELETE FROM print_job WHERE seq IN (SELECT seq FROM print_job"
		       " WHERE body IS NULL AND coupon IS NULL AND seq <="
		       " (SELECT max(seq) FROM print_job) - ?1 ORDER BY seq LIMIT ?2)",
	[PRUNE_KEYS] = "DELETE FROM print_key WHERE (site, till, key) IN (SELECT site, till, key"
		       " FROM print_key WHERE created < ?1 ORDER BY created LIMIT ?2)",
};

static const char *const kinds[] = {
	[TB_PRINT_DOCUMENT] = "document",
	[TB_PRINT_RAW] = "raw",
	[TB_PRINT_COUPON] = "coupon",
	[TB_PRINT_DRAWER] = "drawer",
};

const char *
tb_print_kind_word(enum tb_print_kind kind)
{
	return kinds[kind];
}

struct tb_print_journal {
	struct tb_bridge *bridge;
	sqlite3_stmt *statements[STATEMENTS];
};

void
tb_print_row_done(struct tb_print_row *row)
{
	free(row->printer);
	free(row->coupon);
	*row = (struct tb_print_row){0};
}

void
tb_print_journal_free(struct tb_print_journal *journal)
{
	if (!journal)
		return;
	for (size_t i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(journal->statements[i]);
	free(journal);
}

int
tb_print_journal_new(struct tb_bridge *bridge, struct tb_print_journal **ret)
{
	struct tb_print_journal *journal = calloc(1, sizeof(*journal));
	int r;

	if (!journal)
		return -ENOMEM;
	journal->bridge = bridge;
	r = tb_state_make_tables(bridge->state, schema);
	if (r == 0)
		r = tb_state_prepare(bridge->state, texts, journal->statements, STATEMENTS);
	if (r < 0) {
		tb_print_journal_free(journal);
		return r;
	}
	*ret = journal;
	return 0;
}

static int64_t
now_us(const struct tb_print_journal *journal)
{
	return tb_loop_wall_us(journal->bridge->loop);
}

static enum tb_job_state
state_from_word(const char *word)
{
	for (int i = TB_JOB_QUEUED; i <= TB_JOB_CANCELLED; i++)
		if (strcmp(tb_job_state_word((enum tb_job_state)i), word) == 0)
			return (enum tb_job_state)i;
	return TB_JOB_UNKNOWN;
}

static enum tb_print_kind
kind_from_word(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i], word) == 0)
			return (enum tb_print_kind)i;
	return TB_PRINT_DOCUMENT;
}

static void
copy_text(sqlite3_stmt *stmt, int at, char *out, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(stmt, at);
	size_t len = text ? strnlen(text, size - 1) : 0;

	if (text)
		memcpy(out, text, len);
	out[len] = '\0';
}

/* 1 with the row the statement stands on or comes to, 0 at its end. */
static int
read_row(sqlite3_stmt *stmt, struct tb_print_row *ret)
{
	int rc = sqlite3_step(stmt);
	struct tb_print_row row = {0};
	char word[16];

	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? 0 : tb_sqlite_errno(rc);
	row.seq = sqlite3_column_int64(stmt, 0);
	copy_text(stmt, 1, row.id, sizeof(row.id));
	copy_text(stmt, 3, word, sizeof(word));
	row.kind = kind_from_word(word);
	copy_text(stmt, 4, word, sizeof(word));
	row.state = state_from_word(word);
	copy_text(stmt, 5, row.reason, sizeof(row.reason));
	row.touched = sqlite3_column_int(stmt, 6) != 0;
	row.created_us = sqlite3_column_int64(stmt, 8);
	row.ended = sqlite3_column_int(stmt, 9) != 0;
	row.printer = strdup((const char *)sqlite3_column_text(stmt, 2));
	if (sqlite3_column_type(stmt, 7) != SQLITE_NULL)
		row.coupon = strdup((const char *)sqlite3_column_text(stmt, 7));
	if (!row.printer || (!row.coupon && sqlite3_column_type(stmt, 7) != SQLITE_NULL)) {
		tb_print_row_done(&row);
		return -ENOMEM;
	}
	*ret = row;
	return 1;
}

static int
draw_id(char *out)
{
	static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";
	uint8_t random[16];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	out[0] = 'j';
	out[1] = '_';
	for (size_t i = 0; i < sizeof(random); i++)
		out[2 + i] = letters[random[i] & 31];
	out[2 + sizeof(random)] = '\0';
	return 0;
}

static int
check_room(struct tb_print_journal *journal, const char *printer, size_t len)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[WAITING];
	int rc;

	tb_bind_text(stmt, 1, printer);
	rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? -EIO : tb_sqlite_errno(rc);
	if (sqlite3_column_int64(stmt, 0) >= TB_PRINT_WAITING_MAX ||
		sqlite3_column_int64(stmt, 1) + (int64_t)len > TB_PRINT_WAITING_BYTES_MAX)
		return -ENOBUFS;
	return 0;
}

int
tb_print_journal_add(
	struct tb_print_journal *journal, struct tb_print_row *row, const void *body, size_t len)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[ADD];
	int r = check_room(journal, row->printer, len);

	if (r == 0)
		r = draw_id(row->id);
	if (r < 0)
		return r;
	tb_bind_text(stmt, 1, row->id);
	tb_bind_text(stmt, 2, row->printer);
	tb_bind_text(stmt, 3, kinds[row->kind]);
	if (row->coupon)
		tb_bind_text(stmt, 4, row->coupon);
	sqlite3_bind_int64(stmt, 5, now_us(journal));
	sqlite3_bind_int64(stmt, 6, (int64_t)len);
	sqlite3_bind_blob64(stmt, 7, len ? body : "", len, SQLITE_STATIC);
	r = tb_state_run(journal->bridge->state, stmt);
	if (r < 0)
		return r;
	row->seq = sqlite3_last_insert_rowid(tb_state_db(journal->bridge->state));
	row->state = TB_JOB_QUEUED;
	row->created_us = now_us(journal);
	return 0;
}

int
tb_print_journal_find(struct tb_print_journal *journal, const char *id, struct tb_print_row *ret)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[FIND];

	tb_bind_text(stmt, 1, id);
	return read_row(stmt, ret);
}

int
tb_print_journal_next(
	struct tb_print_journal *journal, const char *printer, struct tb_print_row *ret)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[NEXT];

	tb_bind_text(stmt, 1, printer);
	return read_row(stmt, ret);
}

int
tb_print_journal_pending(struct tb_print_journal *journal, int64_t after, struct tb_print_row *ret)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[PENDING];

	sqlite3_bind_int64(stmt, 1, after);
	return read_row(stmt, ret);
}

int
tb_print_journal_untold(struct tb_print_journal *journal, int64_t after, struct tb_print_row *ret)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[UNTOLD];

	sqlite3_bind_int64(stmt, 1, after);
	return read_row(stmt, ret);
}

int
tb_print_journal_told(struct tb_print_journal *journal, int64_t seq)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[TOLD];

	sqlite3_bind_int64(stmt, 1, seq);
	return tb_state_run(journal->bridge->state, stmt);
}

int
tb_print_journal_body(
	struct tb_print_journal *journal, int64_t seq, uint8_t **ret_body, size_t *ret_len)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[BODY];
	const void *body;
	uint8_t *copy;
	size_t len;
	int rc;

	sqlite3_bind_int64(stmt, 1, seq);
	rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? -ENODATA : tb_sqlite_errno(rc);
	body = sqlite3_column_blob(stmt, 0);
	len = (size_t)sqlite3_column_bytes(stmt, 0);
	if (!body && len)
		return -ENOMEM;
	copy = malloc(len + 1);
	if (!copy)
		return -ENOMEM;
	if (len)
		memcpy(copy, body, len);
	copy[len] = 0;
	*ret_body = copy;
	*ret_len = len;
	return 0;
}

int
tb_print_journal_set(struct tb_print_journal *journal, const struct tb_print_row *row)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[SET];

	sqlite3_bind_int64(stmt, 1, row->seq);
	tb_bind_text(stmt, 2, tb_job_state_word(row->state));
	tb_bind_text(stmt, 3, row->reason);
	sqlite3_bind_int(stmt, 4, row->touched);
	sqlite3_bind_int64(stmt, 5, now_us(journal));
	sqlite3_bind_int(stmt, 6, row->ended);
	sqlite3_bind_int(stmt, 7, row->state == TB_JOB_SENT || row->state == TB_JOB_CONFIRMED);
	return tb_state_run(journal->bridge->state, stmt);
}

int
tb_print_journal_was_printed(struct tb_print_journal *journal, const char *coupon, int64_t but)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[WAS_PRINTED];
	int rc;

	tb_bind_text(stmt, 1, coupon);
	sqlite3_bind_int64(stmt, 2, but);
	rc = sqlite3_step(stmt);
	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : tb_sqlite_errno(rc);
}

static void
bind_key(sqlite3_stmt *stmt, const struct tb_print_key *key)
{
	tb_bind_text(stmt, 1, key->site);
	tb_bind_text(stmt, 2, key->till);
	tb_bind_text(stmt, 3, key->key);
}

int
tb_print_journal_key(
	struct tb_print_journal *journal, const struct tb_print_key *key, char **ret_answer)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[KEY];
	char *answer;
	int rc;

	bind_key(stmt, key);
	rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? 0 : tb_sqlite_errno(rc);
	if (sqlite3_column_bytes(stmt, 0) != TB_PRINT_HASH_SIZE ||
		memcmp(sqlite3_column_blob(stmt, 0), key->hash, TB_PRINT_HASH_SIZE) != 0)
		return -EEXIST;
	answer = strdup((const char *)sqlite3_column_text(stmt, 1));
	if (!answer)
		return -ENOMEM;
	*ret_answer = answer;
	return 1;
}

int
tb_print_journal_add_key(struct tb_print_journal *journal, const struct tb_print_key *key,
	const char *answer, size_t len)
{
	_cleanup_statement_ sqlite3_stmt *stmt = journal->statements[ADD_KEY];

	bind_key(stmt, key);
	sqlite3_bind_blob(stmt, 4, key->hash, TB_PRINT_HASH_SIZE, SQLITE_STATIC);
	sqlite3_bind_text64(stmt, 5, answer, len, SQLITE_STATIC, SQLITE_UTF8);
	sqlite3_bind_int64(stmt, 6, now_us(journal));
	return tb_state_run(journal->bridge->state, stmt);
}

int
tb_print_journal_prune(struct tb_print_journal *journal)
{
	_cleanup_statement_ sqlite3_stmt *old = journal->statements[PRUNE_OLD];
	_cleanup_statement_ sqlite3_stmt *many = journal->statements[PRUNE_MANY];
	_cleanup_statement_ sqlite3_stmt *keys = journal->statements[PRUNE_KEYS];
	int64_t now = now_us(journal);
	struct tb_state *state = journal->bridge->state;
	int r;

	sqlite3_bind_int64(old, 1, now - TB_PRINT_KEPT_US);
	sqlite3_bind_int64(old, 2, now - COUPON_KEPT_US);
	sqlite3_bind_int(old, 3, PRUNE_PIECE);
	r = tb_state_run(state, old);
	if (r < 0)
		return r;
	sqlite3_bind_int64(many, 1, TB_PRINT_KEPT_MAX);
	sqlite3_bind_int(many, 2, PRUNE_PIECE);
	r = tb_state_run(state, many);
	if (r < 0)
		return r;
	sqlite3_bind_int64(keys, 1, now - TB_PRINT_KEPT_US - INT64_C(86400000000));
	sqlite3_bind_int(keys, 2, PRUNE_PIECE);
	return tb_state_run(state, keys);
}
