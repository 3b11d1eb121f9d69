/* SPDX-License-Identifier: MIT */
/*
 * The floors a daemon cannot go below, each a bare SQLite loop: the look-up by card and its answer
 * with no socket, and one insert a transaction on the same disk.
 *
 *   floor lookup STATE_DIR COUNT CARDS PREFIX     cards PREFIX0000000 … are there; per_second
 *   floor insert FILE COUNT                       per_second
 */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/jsonw.h"

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The answer to a look-up as the ledger writes it, in the line that the socket would get. */
static void
write_answer(struct tb_buf *out, sqlite3_stmt *row)
{
	struct tb_jsonw w = TB_JSONW(out);

	tb_buf_reset(out);
	tb_buf_add_str(out, "{\"jsonrpc\":\"2.0\",\"id\":1234567,\"result\":");
	tb_jsonw_object(&w, NULL);
	tb_jsonw_raw(&w, "customer", (const char *)sqlite3_column_text(row, 0),
		(size_t)sqlite3_column_bytes(row, 0));
	tb_jsonw_object(&w, "balances");
	tb_jsonw_int(&w, "points", sqlite3_column_int64(row, 1));
	tb_jsonw_int(&w, "points_available",
		sqlite3_column_int64(row, 1) - sqlite3_column_int64(row, 2));
	tb_jsonw_int(&w, "wallet", sqlite3_column_int64(row, 3));
	tb_jsonw_int(&w, "wallet_available",
		sqlite3_column_int64(row, 3) - sqlite3_column_int64(row, 4));
	tb_jsonw_string(&w, "currency", "EUR");
	tb_jsonw_int(&w, "passages", sqlite3_column_int64(row, 5));
	tb_jsonw_raw(&w, "expiring", "[]", 2);
	tb_jsonw_end_object(&w);
	tb_jsonw_raw(&w, "progress", "[]", 2);
	tb_jsonw_raw(&w, "rewards", "[]", 2);
	tb_jsonw_raw(&w, "coupons", "[]", 2);
	tb_jsonw_end_object(&w);
	tb_buf_add_str(out, "}\n");
}

/* One prepared statement and nothing else. */
static int
lookup(const char *state_dir, unsigned count, unsigned cards, const char *prefix)
{
	_cleanup_buf_ struct tb_buf out = TB_BUF_INIT(0);
	sqlite3_stmt *row = NULL;
	unsigned failed = 0;
	char path[512];
	sqlite3 *db;
	double begin;

	snprintf(path, sizeof(path), "%s/ledger.db", state_dir);
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
			SQLITE_OK ||
		sqlite3_prepare_v2(db,
			"SELECT c.record, c.points, c.points_held, c.wallet, c.wallet_held, "
			"c.passages"
			" FROM cards k JOIN customers c ON c.id = k.customer WHERE k.number = ?",
			-1, &row, NULL) != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", path, sqlite3_errmsg(db));
		return 1;
	}
	begin = now_s();
	for (unsigned i = 0; i < count; i++) {
		char card[64];

		snprintf(card, sizeof(card), "%s%07u", prefix,
			(unsigned)((uint64_t)i * 7919 % cards));
		sqlite3_bind_text(row, 1, card, -1, SQLITE_STATIC);
		if (sqlite3_step(row) == SQLITE_ROW)
			write_answer(&out, row);
		else
			failed++;
		sqlite3_reset(row);
	}
	printf("%.0f %u\n", count / (now_s() - begin), failed);
	sqlite3_finalize(row);
	sqlite3_close(db);
	return failed > 0;
}

static int
insert(const char *path, unsigned count)
{
	sqlite3_stmt *statement = NULL;
	char body[200];
	sqlite3 *db;
	double begin;

	memset(body, 'x', sizeof(body));
	if (sqlite3_open(path, &db) != SQLITE_OK ||
		sqlite3_exec(db,
			"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
			"CREATE TABLE sale(id INTEGER PRIMARY KEY, body TEXT NOT NULL)",
			NULL, NULL, NULL) != SQLITE_OK ||
		sqlite3_prepare_v2(db, "INSERT INTO sale(body) VALUES(?)", -1, &statement, NULL) !=
			SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", path, sqlite3_errmsg(db));
		return 1;
	}
	begin = now_s();
	for (unsigned i = 0; i < count; i++) {
		sqlite3_bind_text(statement, 1, body, sizeof(body), SQLITE_STATIC);
		if (sqlite3_step(statement) != SQLITE_DONE)
			return 1;
		sqlite3_reset(statement);
	}
	printf("%.0f 0\n", count / (now_s() - begin));
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return 0;
}

int
main(int argc, char *argv[])
{
	if (argc == 6 && strcmp(argv[1], "lookup") == 0)
		return lookup(argv[2], (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]), argv[5]);
	if (argc == 4 && strcmp(argv[1], "insert") == 0)
		return insert(argv[2], (unsigned)atoi(argv[3]));
	fprintf(stderr, "usage: see the head of floor.c\n");
	return 2;
}
