/* SPDX-License-Identifier: MIT */
/* What the two files of the SQLite store share; nobody else includes it. */
#pragma once

#include <sqlite3.h>
#include "plugins/loyalty/ledger/store.h"

/* The errno of an (extended) result code; 0 for those that are no failure. */
int tb_sqlite_errno(int code);

/* Sets the page cache by the size of the file. */
void tb_sqlite_set_cache(sqlite3 *db);

/* Takes the connection. */
int tb_sqlite_store_new(sqlite3 *db, struct tb_store **ret);

/* Brings the tables from `version` to the n-th step in one transaction, a copy of the file of
 * before kept beside it (path.vN.backup). On failure they are as they were. */
int tb_sqlite_migrate(sqlite3 *db, const char *path, int64_t version, const char *const *steps,
	size_t n, char **ret_why);
