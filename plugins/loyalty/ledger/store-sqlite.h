/* SPDX-License-Identifier: MIT */
/* What the two files of the SQLite store share; nobody else includes it. */
#pragma once

#include <sqlite3.h>
#include "plugins/loyalty/ledger/store.h"

#define TB_SQLITE_CACHE "-2048" /* KiB, negative as the pragma wants it */

/* The errno of an (extended) result code; 0 for those that are no failure. */
int tb_sqlite_errno(int code);

/* Takes the connection. */
int tb_sqlite_store_new(sqlite3 *db, struct tb_store **ret);
