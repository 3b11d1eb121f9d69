/* SPDX-License-Identifier: MIT */
/*
 * The programs and the articles that the server goes by, asked for in the background when the link
 * comes up and now and then while it serves, and kept in state.db. The same answer says who is not
 * there any more, and he is forgotten. Every version has the time it
 * came into force: what is reckoned offline for an earlier hour is reckoned as it was then.
 */

#include <string.h>
#include "base/log.h"
#include "base/timestamp.h"
#include "bridge/loyalty.h"
#include "bridge/offline-parts.h"
#include "bridge/outbox.h"

#define VERSIONS_MAX 8 /* the newest, as many as the server tells at once */
#define ASK_EVERY_US (UINT64_C(300) * 1000000)
#define RETRY_US (UINT64_C(30) * 1000000)

static const char schema[] = "CREATE TABLE IF NOT EXISTS offline_program("
			     " version INTEGER PRIMARY KEY,"
			     " from_at INTEGER NOT NULL,"
			     " program TEXT NOT NULL);"
			     /* When the server last said that the newest is the newest. */
			     "CREATE TABLE IF NOT EXISTS offline_program_seen("
			     " id INTEGER PRIMARY KEY CHECK(id = 1),"
			     " as_of INTEGER NOT NULL);"
			     /* As far as it told who is gone. */
			     "CREATE TABLE IF NOT EXISTS offline_gone_seen("
			     " id INTEGER PRIMARY KEY CHECK(id = 1),"
			     " seq INTEGER NOT NULL);";

struct version {
	int64_t version, from_at;
	json_t *json;
	struct tb_program *program; /* NULL: not asked for yet */
};

/* A question under way; outlives who asked it. */
struct asking {
	struct tb_offline_programs *programs; /* NULL once they are gone */
};

struct tb_offline_programs {
	struct tb_offline *offline;
	struct version items[VERSIONS_MAX]; /* oldest first */
	size_t n;
	int64_t as_of;
	int64_t gone; /* number of the last one who is known to be gone */
	struct tb_source *ask;
	uint64_t due_us; /* not asked before, unless something changed */
	struct asking *asking;
};

static sqlite3 *
db_of(const struct tb_offline_programs *programs)
{
	return tb_state_db(programs->offline->bridge->state);
}

static void
unload(struct tb_offline_programs *programs)
{
	for (size_t i = 0; i < programs->n; i++) {
		tb_program_free(programs->items[i].program);
		json_decref(programs->items[i].json);
	}
	programs->n = 0;
}

/* ---- what is kept ------------------------------------------------------------------------- */

/* 1 with the next row, 0 at the end. */
static int
load_row(struct tb_offline_programs *programs, sqlite3_stmt *stmt)
{
	struct version *v = &programs->items[programs->n];
	int rc = sqlite3_step(stmt);

	if (rc != SQLITE_ROW)
		return tb_sqlite_errno(rc);
	*v = (struct version){
		.version = sqlite3_column_int64(stmt, 0), .from_at = sqlite3_column_int64(stmt, 1)};
	v->json = json_loadb((const char *)sqlite3_column_text(stmt, 2),
		(size_t)sqlite3_column_bytes(stmt, 2), JSON_REJECT_DUPLICATES, NULL);
	if (!v->json)
		return -EBADMSG;
	programs->n++;
	return 1;
}

/* The number that the query gives; what it was when there is none. */
static int
load_number(struct tb_offline_programs *programs, const char *sql, int64_t *number)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db_of(programs), sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
		*number = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return tb_sqlite_errno(rc);
}

static int
load(struct tb_offline_programs *programs)
{
	sqlite3_stmt *stmt = NULL;
	int rc, r = 1;

	unload(programs);
	rc = sqlite3_prepare_v2(db_of(programs),
		"SELECT version, from_at, program FROM (SELECT * FROM offline_program"
		" ORDER BY version DESC LIMIT 8) ORDER BY version",
		-1, &stmt, NULL);
	while (rc == SQLITE_OK && r > 0 && programs->n < VERSIONS_MAX)
		r = load_row(programs, stmt);
	sqlite3_finalize(stmt);
	r = r < 0 ? r : tb_sqlite_errno(rc);
	if (r == 0)
		r = load_number(
			programs, "SELECT as_of FROM offline_program_seen", &programs->as_of);
	return r < 0 ? r
	             : load_number(programs, "SELECT seq FROM offline_gone_seen", &programs->gone);
}

static int
run_with(struct tb_offline_programs *programs, const char *sql, int64_t a, int64_t b,
	const char *text)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db_of(programs), sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK) {
		sqlite3_bind_int64(stmt, 1, a);
		sqlite3_bind_int64(stmt, 2, b);
		if (text)
			sqlite3_bind_text(stmt, 3, text, -1, SQLITE_STATIC);
		rc = sqlite3_step(stmt);
	}
	sqlite3_finalize(stmt);
	return tb_sqlite_errno(rc);
}

static int
keep_version(struct tb_offline_programs *programs, const json_t *item)
{
	const char *from = tb_offline_text(item, "from_at");
	_cleanup_free_ char *text = json_dumps(json_object_get(item, "program"), JSON_COMPACT);
	int64_t from_at;

	if (!text || !from || tb_time_parse(from, &from_at, NULL) < 0)
		return -EBADMSG;
	return run_with(programs,
		"INSERT INTO offline_program(version, from_at, program) VALUES(?1, ?2, ?3)"
		" ON CONFLICT(version) DO UPDATE SET from_at = ?2, program = ?3",
		tb_offline_int(item, "version"), from_at, text);
}

/* A server that was put back to an older day has fewer versions than we knew. */
static int
keep(struct tb_offline_programs *programs, const json_t *versions, int64_t newest)
{
	struct tb_state *state = programs->offline->bridge->state;
	int64_t now = tb_loop_wall_us(programs->offline->bridge->loop);
	const json_t *item;
	size_t i;
	int r = tb_state_begin(state);

	json_array_foreach(versions, i, item)
		if (r == 0)
			r = keep_version(programs, item);
	if (r == 0 && json_array_size(versions))
		r = run_with(programs,
			"DELETE FROM offline_program WHERE version > ?2 OR version NOT IN (SELECT"
			" version FROM offline_program ORDER BY version DESC LIMIT ?1)",
			VERSIONS_MAX, newest, NULL);
	if (r == 0)
		r = run_with(programs,
			"INSERT INTO offline_program_seen(id, as_of) VALUES(?1, ?2)"
			" ON CONFLICT(id) DO UPDATE SET as_of = ?2",
			1, now, NULL);
	if (r == 0 && json_array_size(versions))
		r = load(programs);
	if (r == 0)
		programs->as_of = now;
	return r;
}

/* ---- who is gone --------------------------------------------------------------------------- */

/* Of who was deleted nothing stays; of who was merged only what is not so any more goes. */
static int
forget_gone(struct tb_offline_programs *programs, const json_t *customer)
{
	struct tb_offline *offline = programs->offline;
	const char *id = tb_offline_text(customer, "id");
	int r = id ? tb_offline_cache_forget(offline->cache, id) : 0;

	if (id && r == 0 && !json_is_true(json_object_get(customer, "merged")) &&
		offline->bridge->outbox)
		tb_outbox_forget(offline->bridge->outbox, id);
	return r;
}

/* Whether there are more than the server tells at once. */
static bool
keep_gone(struct tb_offline_programs *programs, const json_t *gone)
{
	struct tb_offline *offline = programs->offline;
	int64_t seq = tb_offline_int(gone, "seq");
	const json_t *customer;
	size_t i;
	int r;

	if (!gone || seq == programs->gone)
		return false;
	/* What was learnt before is older than this. */
	(void)tb_offline_catch_up(offline);
	r = tb_state_begin(offline->bridge->state);
	json_array_foreach(json_object_get(gone, "customers"), i, customer)
		if (r == 0)
			r = forget_gone(programs, customer);
	if (r == 0)
		r = run_with(programs,
			"INSERT INTO offline_gone_seen(id, seq) VALUES(?1, ?2)"
			" ON CONFLICT(id) DO UPDATE SET seq = ?2",
			1, seq, NULL);
	if (r == 0)
		programs->gone = seq;
	else
		tb_log_warning("offline: who is gone is not forgotten yet: %s", strerror(-r));
	return r == 0 && json_is_true(json_object_get(gone, "more"));
}

/* ---- asking ------------------------------------------------------------------------------- */

static void
on_versions(const struct tb_answer *answer, void *userdata)
{
	struct asking *asking = userdata;
	struct tb_offline_programs *programs = asking->programs;
	json_t *result;
	bool more;
	int r;

	free(asking);
	if (!programs)
		return;
	programs->asking = NULL;
	programs->due_us = tb_loop_now_us(programs->offline->bridge->loop) +
	                   (answer->error == TB_OK ? ASK_EVERY_US : RETRY_US);
	if (answer->error != TB_OK)
		return;
	result = json_loadb(answer->json, answer->len, 0, NULL);
	r = result ? keep(programs, json_object_get(result, "versions"),
			     tb_offline_int(result, "version"))
	           : -EBADMSG;
	if (r < 0)
		tb_log_warning("offline: the program is not kept: %s", strerror(-r));
	else
		tb_offline_articles_stamp(
			programs->offline->articles, tb_offline_int(result, "articles"));
	more = keep_gone(programs, json_object_get(result, "gone"));
	json_decref(result);
	if (more)
		(void)tb_source_set_timer_in(programs->ask, 0);
}

static void
on_ask(void *userdata)
{
	struct tb_offline_programs *programs = userdata;
	struct tb_loyalty *loyalty = programs->offline->bridge->loyalty;
	int64_t known = programs->n ? programs->items[programs->n - 1].version : 0;
	json_t *params;

	if (programs->asking || !loyalty)
		return;
	params = json_pack(
		"{s:I, s:I}", "known", (json_int_t)known, "gone", (json_int_t)programs->gone);
	programs->asking = calloc(1, sizeof(*programs->asking));
	if (params && programs->asking) {
		programs->asking->programs = programs;
		tb_loyalty_call(
			loyalty, TB_OP_PROGRAM_VERSIONS, params, on_versions, programs->asking);
	} else {
		free(TAKE_PTR(programs->asking));
	}
	json_decref(params);
}

void
tb_offline_programs_due(struct tb_offline_programs *programs, bool changed)
{
	uint64_t now = tb_loop_now_us(programs->offline->bridge->loop);

	if (!changed && now < programs->due_us)
		return;
	/* Once for all that is said until the answer comes. */
	programs->due_us = now + RETRY_US;
	(void)tb_source_set_timer_in(programs->ask, 0);
}

/* ---- what is asked of them ---------------------------------------------------------------- */

static bool
ready(struct version *v)
{
	_cleanup_faults_ struct tb_faults faults = {0};

	if (!v->program && tb_program_from_json(v->json, NULL, "", &v->program, &faults) < 0)
		tb_log_warning("offline: version %lld of the program cannot be read",
			(long long)v->version);
	return v->program;
}

bool
tb_offline_program_at(
	struct tb_offline_programs *programs, int64_t at_us, struct tb_offline_program *ret)
{
	size_t i = programs->n;

	if (i == 0)
		return false;
	/* Before the first that is known the first judges. */
	for (i--; i > 0 && programs->items[i].from_at > at_us;)
		i--;
	if (!ready(&programs->items[i]))
		return false;
	*ret = (struct tb_offline_program){
		.version = programs->items[i].version,
		.as_of = programs->as_of,
		.program = programs->items[i].program,
		.json = programs->items[i].json,
	};
	return true;
}

void
tb_offline_program_show(struct tb_offline *offline, const struct tb_call *call)
{
	_cleanup_buf_ struct tb_buf out = TB_BUF_INIT(0);
	_cleanup_free_ char *text = NULL;
	struct tb_jsonw w = TB_JSONW(&out);
	struct tb_offline_program now;

	if (tb_offline_program_at(offline->programs, INT64_MAX, &now))
		text = json_dumps(now.json, JSON_COMPACT);
	if (!text) {
		tb_offline_refuse(call, TB_ERROR_SERVER_UNREACHABLE, NULL);
		return;
	}
	tb_jsonw_object(&w, NULL);
	tb_jsonw_raw(&w, "program", text, strlen(text));
	tb_jsonw_int(&w, "version", now.version);
	tb_offline_write_stale(offline, &w, now.as_of);
	tb_jsonw_end_object(&w);
	tb_offline_give(call, &out);
}

/* ---- start and stop ----------------------------------------------------------------------- */

int
tb_offline_programs_new(struct tb_offline *offline, struct tb_offline_programs **ret)
{
	struct tb_offline_programs *programs = calloc(1, sizeof(*programs));
	int r;

	if (!programs)
		return -ENOMEM;
	programs->offline = offline;
	r = tb_state_make_tables(offline->bridge->state, schema);
	if (r == 0)
		r = load(programs);
	if (r == 0)
		r = tb_loop_add_timer(offline->bridge->loop, 1, on_ask, programs, &programs->ask);
	if (r < 0) {
		tb_offline_programs_free(programs);
		return r;
	}
	*ret = programs;
	return 0;
}

void
tb_offline_programs_free(struct tb_offline_programs *programs)
{
	if (!programs)
		return;
	if (programs->asking)
		programs->asking->programs = NULL;
	tb_source_remove(&programs->ask);
	unload(programs);
	free(programs);
}
