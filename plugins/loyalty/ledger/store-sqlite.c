/* SPDX-License-Identifier: MIT */
/*
 * The store on SQLite: write-ahead log, synchronous=FULL, one connection. Opening, checking and
 * migrating the file is store-sqlite-open.c; here are transactions and statements.
 */

#include "plugins/loyalty/ledger/store-sqlite.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"

#define STATEMENTS_MAX 512 /* a power of two, well above the number of statements in the room */

/* Pages at hand while there is work; what is over CACHE_REST is given back when it is over. */
#define CACHE_KIB 16384
#define CACHE_BULK_KIB 65536
#define CACHE_REST (1 << 20)

struct statement {
	struct tb_rows rows;
	const char *sql;
	sqlite3_stmt *stmt;
	bool busy; /* is being read: the same text needs another statement meanwhile */
	bool once; /* not kept */
};

struct sqlite_store {
	struct tb_store store;
	sqlite3 *db;
	struct statement *kept[STATEMENTS_MAX]; /* by the address of the text */
};

static struct sqlite_store *
self(struct tb_store *store)
{
	return container_of(store, struct sqlite_store, store);
}

int
tb_sqlite_errno(int code)
{
	if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY)
		return -EEXIST;
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return -EROFS;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CANTOPEN:
		return -EACCES;
	case SQLITE_ERROR:
	case SQLITE_MISUSE:
	case SQLITE_RANGE:
	case SQLITE_MISMATCH:
	case SQLITE_CONSTRAINT:
		return -EPROTO;
	default:
		return -EIO;
	}
}

static void
finalize(struct statement *s)
{
	if (!s)
		return;
	sqlite3_finalize(s->stmt);
	free(s);
}

static void
sqlite_close(struct tb_store *store)
{
	struct sqlite_store *s = self(store);

	for (size_t i = 0; i < STATEMENTS_MAX; i++)
		finalize(s->kept[i]);
	sqlite3_close(s->db);
	free(s);
}

/* ---- statements -------------------------------------------------------------------------- */

static int
prepare(struct sqlite_store *s, const char *sql, bool once, struct statement **ret)
{
	struct statement *st = calloc(1, sizeof(*st));
	int r;

	if (!st)
		return -ENOMEM;
	r = sqlite3_prepare_v3(
		s->db, sql, -1, once ? 0 : SQLITE_PREPARE_PERSISTENT, &st->stmt, NULL);
	if (r != SQLITE_OK) {
		/* The text is ours and holds no value: what is wrong with it may be said. */
		tb_log_error("ledger: %s", sqlite3_errmsg(s->db));
		free(st);
		return tb_sqlite_errno(sqlite3_extended_errcode(s->db));
	}
	st->rows.store = &s->store;
	st->sql = sql;
	st->once = once;
	*ret = st;
	return 0;
}

static int
statement(struct sqlite_store *s, const char *sql, struct statement **ret)
{
	size_t at = ((uintptr_t)sql >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> 40;

	for (size_t i = 0; i < STATEMENTS_MAX; i++) {
		struct statement **slot = &s->kept[(at + i) & (STATEMENTS_MAX - 1)];

		if (!*slot) {
			int r = prepare(s, sql, false, slot);

			*ret = *slot;
			return r;
		}
		if ((*slot)->sql == sql) {
			*ret = *slot;
			return (*slot)->busy ? prepare(s, sql, true, ret) : 0;
		}
	}
	return prepare(s, sql, true, ret);
}

static int
bind(sqlite3_stmt *stmt, int at, const struct tb_value *v)
{
	switch (v->type) {
	case TB_VALUE_INT:
		return sqlite3_bind_int64(stmt, at, v->number);
	case TB_VALUE_TEXT:
		return sqlite3_bind_text64(stmt, at, v->data, v->len, SQLITE_STATIC, SQLITE_UTF8);
	case TB_VALUE_BLOB:
		return sqlite3_bind_blob64(stmt, at, v->data, v->len, SQLITE_STATIC);
	default:
		return sqlite3_bind_null(stmt, at);
	}
}

static void
sqlite_done(struct tb_rows *rows)
{
	struct statement *st = container_of(rows, struct statement, rows);

	if (st->once) {
		finalize(st);
		return;
	}
	sqlite3_reset(st->stmt);
	/* What was bound is the caller's and may be gone before the next use: no dangling text. */
	sqlite3_clear_bindings(st->stmt);
	st->busy = false;
}

static int
sqlite_query(struct tb_store *store, const char *sql, const struct tb_value *values, size_t n,
	struct tb_rows **ret)
{
	struct sqlite_store *s = self(store);
	struct statement *st;
	int r;

	r = statement(s, sql, &st);
	if (r < 0)
		return r;
	st->busy = true;
	for (size_t i = 0; i < n; i++) {
		r = tb_sqlite_errno(bind(st->stmt, (int)i + 1, &values[i]));
		if (r < 0) {
			sqlite_done(&st->rows);
			return r;
		}
	}
	*ret = &st->rows;
	return 0;
}

static int
sqlite_next(struct tb_rows *rows)
{
	struct statement *st = container_of(rows, struct statement, rows);
	int r = sqlite3_step(st->stmt);

	if (r == SQLITE_ROW)
		return 1;
	return r == SQLITE_DONE ? 0
	                        : tb_sqlite_errno(sqlite3_extended_errcode(self(rows->store)->db));
}

static int64_t
sqlite_changes(struct tb_store *store)
{
	return sqlite3_changes64(self(store)->db);
}

static int64_t
sqlite_written(struct tb_store *store)
{
	return sqlite3_total_changes64(self(store)->db);
}

static int64_t
column_int(struct tb_rows *rows, int column)
{
	return sqlite3_column_int64(container_of(rows, struct statement, rows)->stmt, column);
}

static const char *
column_text(struct tb_rows *rows, int column, size_t *ret_len)
{
	sqlite3_stmt *stmt = container_of(rows, struct statement, rows)->stmt;
	const char *text = (const char *)sqlite3_column_text(stmt, column);

	if (ret_len)
		*ret_len = (size_t)sqlite3_column_bytes(stmt, column);
	return text;
}

/* ---- transactions ------------------------------------------------------------------------ */

static int
run(struct tb_store *store, const char *sql)
{
	return tb_store_run_n(store, sql, NULL, 0);
}

static int
sqlite_begin(struct tb_store *store)
{
	int r = run(store, "BEGIN IMMEDIATE");

	return r < 0 ? r : 0;
}

static int
sqlite_begin_view(struct tb_store *store)
{
	int r = run(store, "BEGIN");

	return r < 0 ? r : 0;
}

static int
sqlite_commit(struct tb_store *store)
{
	int r = run(store, "COMMIT");

	return r < 0 ? r : 0;
}

static bool
sqlite_in_transaction(struct tb_store *store)
{
	return !sqlite3_get_autocommit(self(store)->db);
}

static void
sqlite_rollback(struct tb_store *store)
{
	if (sqlite_in_transaction(store))
		run(store, "ROLLBACK");
}

static int
sqlite_savepoint(struct tb_store *store)
{
	int r = run(store, "SAVEPOINT one_call");

	return r < 0 ? r : 0;
}

static int
sqlite_release(struct tb_store *store)
{
	int r = run(store, "RELEASE one_call");

	return r < 0 ? r : 0;
}

static int
sqlite_undo(struct tb_store *store)
{
	int r = run(store, "ROLLBACK TO one_call");

	return r < 0 ? r : sqlite_release(store);
}

void
tb_sqlite_set_cache(sqlite3 *db)
{
	char sql[48];

	snprintf(sql, sizeof(sql), "PRAGMA cache_size=-%d", CACHE_KIB);
	sqlite3_exec(db, sql, NULL, NULL, NULL);
}

/* A load wants the leaves, too. */
static void
sqlite_bulk(struct tb_store *store)
{
	char sql[48];

	snprintf(sql, sizeof(sql), "PRAGMA cache_size=-%d", CACHE_BULK_KIB);
	run(store, sql);
}

static void
sqlite_rest(struct tb_store *store)
{
	sqlite3 *db = self(store)->db;
	int used = 0, highest;

	tb_sqlite_set_cache(db);
	sqlite3_db_status(db, SQLITE_DBSTATUS_CACHE_USED, &used, &highest, 0);
	if (used <= CACHE_REST)
		return;
	sqlite3_db_release_memory(db);
	malloc_trim(0);
}

/* Deleted rows are zeroed where they stood (secure_delete); the log has older pages still. */
static int
sqlite_forget(struct tb_store *store)
{
	return tb_sqlite_errno(sqlite3_wal_checkpoint_v2(
		self(store)->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL));
}

static const char *
sqlite_why(struct tb_store *store)
{
	return sqlite3_errstr(sqlite3_extended_errcode(self(store)->db));
}

static const struct tb_store_ops sqlite_ops = {
	.name = "sqlite",
	.close = sqlite_close,
	.begin = sqlite_begin,
	.begin_view = sqlite_begin_view,
	.commit = sqlite_commit,
	.rollback = sqlite_rollback,
	.in_transaction = sqlite_in_transaction,
	.savepoint = sqlite_savepoint,
	.release = sqlite_release,
	.undo = sqlite_undo,
	.query = sqlite_query,
	.next = sqlite_next,
	.done = sqlite_done,
	.changes = sqlite_changes,
	.written = sqlite_written,
	.column_int = column_int,
	.column_text = column_text,
	.bulk = sqlite_bulk,
	.rest = sqlite_rest,
	.forget = sqlite_forget,
	.why = sqlite_why,
};

int
tb_sqlite_store_new(sqlite3 *db, struct tb_store **ret)
{
	struct sqlite_store *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->db = db;
	s->store.ops = &sqlite_ops;
	*ret = &s->store;
	return 0;
}
