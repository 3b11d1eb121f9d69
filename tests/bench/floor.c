/* SPDX-License-Identifier: MIT */
/*
 * The floors a daemon cannot go below, each on its own: the ledger's look-up and its answer with no
 * socket, and a bare SQLite loop of one insert a transaction on the same disk.
 *
 *   floor lookup MODULE STATE_DIR COUNT CARDS PREFIX     cards PREFIX0000000 … are there;
 * per_second floor insert FILE COUNT                              per_second
 */
#include <dlfcn.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "plugins/loyalty/connector.h"
#include "tests/virtual-loop.h"

#define TURN 16 /* calls that share the end of a turn, as with 16 in flight */

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const char *
setting(const struct tb_host *host, const char *key)
{
	return NULL;
}

static unsigned failed;

/* The same line that the socket would get. */
static void
on_answer(const struct tb_answer *answer, void *userdata)
{
	struct tb_buf *out = userdata;

	tb_buf_reset(out);
	tb_buf_add_str(out, "{\"jsonrpc\":\"2.0\",\"id\":1234567,\"result\":");
	tb_buf_add(out, answer->json, answer->len);
	tb_buf_add_str(out, "}\n");
	failed += answer->error != TB_OK;
}

static int
lookup(const char *module, const char *state_dir, unsigned count, unsigned cards,
	const char *prefix)
{
	void *handle = dlopen(module, RTLD_NOW);
	const struct tb_connector *connector = handle ? dlsym(handle, TB_CONNECTOR_SYMBOL) : NULL;
	struct tb_host host = {.loop = tb_virtual_loop_new(),
		.state_dir = state_dir,
		.site = "lyon-1",
		.till = "2",
		.currency = "EUR",
		.language = "fr",
		.product_reference = "label",
		.country = "FR",
		.setting = setting};
	struct tb_connector_state *state;
	_cleanup_buf_ struct tb_buf out = TB_BUF_INIT(0);
	json_t **params = calloc(cards, sizeof(*params));
	char *why = NULL;
	double begin;

	if (!connector || connector->start(&host, &state, &why) < 0) {
		fprintf(stderr, "%s: %s\n", module, why ? why : dlerror());
		return 1;
	}
	for (unsigned i = 0; i < cards; i++) {
		char card[64];

		snprintf(card, sizeof(card), "%s%07u", prefix, i);
		params[i] = json_pack("{s:s}", "card", card);
	}
	begin = now_s();
	for (unsigned i = 0; i < count; i++) {
		struct tb_call call = {.op = TB_OP_CUSTOMER_LOOKUP,
			.caller = {"lyon-1", "2", "floor"},
			.params = params[(uint64_t)i * 7919 % cards],
			.deadline_us = TB_NEVER,
			.done = on_answer,
			.userdata = &out};

		connector->call(state, &call);
		if (i % TURN == TURN - 1)
			connector->turn_end(state);
	}
	connector->turn_end(state);
	printf("%.0f %u\n", count / (now_s() - begin), failed);
	connector->stop(state);
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
	if (argc == 7 && strcmp(argv[1], "lookup") == 0)
		return lookup(argv[2], argv[3], (unsigned)atoi(argv[4]), (unsigned)atoi(argv[5]),
			argv[6]);
	if (argc == 4 && strcmp(argv[1], "insert") == 0)
		return insert(argv[2], (unsigned)atoi(argv[3]));
	fprintf(stderr, "usage: see the head of floor.c\n");
	return 2;
}
