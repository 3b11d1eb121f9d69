/* SPDX-License-Identifier: MIT */
/*
 * state.db, what the bridge itself must not lose: print jobs, keys of print and drawer calls, the
 * tail of events, later the outbox and the cache. SQLite in WAL mode with synchronous=FULL. What is
 * written in one turn of the loop is one transaction and one fsync. The tables of a part are made
 * and read by that part; this file knows none of them but the version.
 */
#pragma once

#include <sqlite3.h>
#include "bridge/bridge.h"

/* Opens or makes state.db in the state directory. A damaged or newer file is left as it is:
 * negative errno, and ret_why is a sentence saying what to do (to free). */
int tb_state_new(
	struct tb_bridge *bridge, const char *state_dir, struct tb_state **ret, char **ret_why);
/*
 * The bridge has started: from now on what is committed is on disk. A file that was made in this
 * run is filled with empty tables without waiting for it, nobody having been promised anything.
 */
int tb_state_ready(struct tb_state *state);
/* Commits what is open, then closes. */
void tb_state_free(struct tb_state *state);

sqlite3 *tb_state_db(struct tb_state *state);

/*
 * To be called before each write: joins the turn's transaction, or begins it and sees to its commit
 * at the end of the turn. 0 or negative errno (-ENOSPC, -EIO, -EROFS …), then nothing was begun.
 */
int tb_state_begin(struct tb_state *state);
/* The same, and then runs stmt, which gives no rows that anybody wants. */
int tb_state_run(struct tb_state *state, sqlite3_stmt *stmt);

/* Whether something of this turn is not on disk yet. */
bool tb_state_is_open(const struct tb_state *state);

/*
 * Calls fn once when the turn's transaction is on disk (error 0), or when it is lost (negative
 * errno): then nothing of it is there, and whoever waited refuses its call. Without an open
 * transaction fn is called at once with 0.
 */
typedef void (*tb_state_fn)(int error, void *userdata);
int tb_state_after_commit(struct tb_state *state, tb_state_fn fn, void *userdata);

/*
 * A write failed half way, and what the turn has written so far is no whole any more: everything of
 * the turn is given up, whoever waits is told error, and tb_state_begin() refuses with it until the
 * turn's end.
 */
void tb_state_doom(struct tb_state *state, int error);

/*
 * Commits at once what is open and calls who waits. For a part that is about to be freed and still
 * waits for something. The result is what the waiters were told.
 */
int tb_state_flush(struct tb_state *state);

/*
 * For a part that starts: executes its CREATE statements and commits, because statements are made
 * for tables that stay; then makes its n kept statements from their texts, to be finalized by it
 * also when that fails.
 */
int tb_state_make_tables(struct tb_state *state, const char *schema);
int tb_state_prepare(
	struct tb_state *state, const char *const *texts, sqlite3_stmt **statements, size_t n);

/* Negative errno for a result code of SQLite; 0 for SQLITE_OK, SQLITE_ROW and SQLITE_DONE. */
int tb_sqlite_errno(int rc);

/* Makes a kept statement ready for its next run. Its bindings point to what is borrowed, so they
 * are dropped with the run. */
void tb_statement_rewind(sqlite3_stmt **stmt);
#define _cleanup_statement_ _cleanup_(tb_statement_rewind)

/* text is borrowed until the statement is rewound; NULL is SQL's NULL. */
void tb_bind_text(sqlite3_stmt *stmt, int at, const char *text);
