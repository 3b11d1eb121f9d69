/* SPDX-License-Identifier: MIT */
/* The front and its server. */

#include "tests/unit/bridge/offline-stage.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include "bridge/conf.h"
#include "bridge/loyalty.h"
#include "bridge/outbox.h"
#include "bridge/state.h"
#include "tests/virtual-loop.h"

static struct tb_conf conf = {
	.site = "lyon-1",
	.till = "2",
	.currency = "EUR",
	.language = "fr",
	.product_reference = "code",
	.country = "FR",
};

static struct offline_stage *the_stage;

/* The front's own calls: straight to the server, or nowhere. */
void
tb_loyalty_call(
	struct tb_loyalty *loyalty, enum tb_op op, json_t *params, tb_done_fn done, void *userdata)
{
	struct offline_stage *f = the_stage;
	struct tb_call call = {
		.op = op,
		.caller = {.site = conf.site, .till = conf.till},
		.params = params,
		.done = done,
		.userdata = userdata,
	};

	f->own_calls++;
	if (f->cut) {
		done(&(struct tb_answer){.error = TB_ERROR_SERVER_UNREACHABLE}, userdata);
		return;
	}
	tb_connector.call(f->server->state, &call);
	tb_connector.turn_end(f->server->state);
}

/* No outbox here. */
void
tb_outbox_forget(struct tb_outbox *outbox, const char *customer)
{
}

static void
start(struct offline_stage *f)
{
	_cleanup_free_ char *why = NULL;

	assert_int_equal(tb_state_new(&f->bridge, f->dir, &f->bridge.state, &why), 0);
	/* No power is cut in here, and disks are slow. */
	assert_int_equal(sqlite3_exec(tb_state_db(f->bridge.state), "PRAGMA synchronous = OFF",
				 NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(tb_offline_new(&f->bridge, &f->offline), 0);
}

static void
stop(struct offline_stage *f)
{
	tb_offline_free(f->offline);
	tb_state_free(f->bridge.state);
	f->offline = NULL;
	f->bridge.state = NULL;
}

void
offline_restart(struct offline_stage *f)
{
	stop(f);
	start(f);
}

int
offline_setup(void **state)
{
	struct offline_stage *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	the_stage = f;
	f->server = stage_new();
	strcpy(f->dir, "/tmp/offline-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->bridge.loop = f->server->loop;
	f->bridge.conf = &conf;
	f->bridge.state_dir = f->dir;
	/* Only that there is one is looked at. */
	f->bridge.loyalty = (struct tb_loyalty *)f;
	start(f);
	*state = f;
	return 0;
}

int
offline_teardown(void **state)
{
	struct offline_stage *f = *state;
	struct dirent *entry;
	DIR *dir;

	stop(f);
	dir = opendir(f->dir);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	assert_int_equal(rmdir(f->dir), 0);
	json_decref(f->last.json);
	stage_free(f->server);
	free(f);
	return 0;
}

/* ---- calls -------------------------------------------------------------------------------- */

static json_t *
vjson(const char *format, va_list args)
{
	char *raw;
	json_t *json;

	assert_true(vasprintf(&raw, format, args) >= 0);
	json = stage_json("%s", raw);
	free(raw);
	return json;
}

static enum tb_op
op_of(const char *method)
{
	static const char *const methods[] = {
#define X(name, method) [TB_OP_##name] = (method),
		TB_OPS(X)
#undef X
	};

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (strcmp(methods[i], method) == 0)
			return (enum tb_op)i;
	fail_msg("no method %s", method);
	return TB_OP_COUNT;
}

/* Calls the server in a turn of its own. */
static void
call_server(struct offline_stage *f, const char *method, json_t *params)
{
	struct stage_answer *last = &f->server->last;

	json_decref(last->json);
	*last = (struct stage_answer){0};
	stage_call(f->server, method, params, last);
	stage_turn_end(f->server);
	assert_true(last->done);
}

/* The call as the front of the connector has it. */
static struct tb_call
call_of(struct offline_stage *f, const char *method, json_t *params)
{
	return (struct tb_call){
		.op = op_of(method),
		.caller = {.site = f->server->site, .till = f->server->till},
		.key = json_string_value(json_object_get(params, "key")),
		.params = params,
	};
}

json_t *
served(struct offline_stage *f, const char *method, const char *params, ...)
{
	struct stage_answer *last = &f->server->last;
	struct tb_call heard;
	va_list args;
	json_t *json;
	char *text;

	va_start(args, params);
	json = vjson(params, args);
	va_end(args);
	call_server(f, method, json);
	if (last->error != TB_OK) {
		text = json_dumps(last->json, JSON_COMPACT | JSON_ENCODE_ANY);
		fail_msg("%s: %s %s", method, tb_error_word(last->error), text ? text : "");
	}
	text = json_dumps(last->json, JSON_COMPACT);
	assert_non_null(text);
	heard = call_of(f, method, json);
	tb_offline_learn(f->offline, &heard, text, strlen(text));
	free(text);
	json_decref(json);
	tb_virtual_loop_settle(f->server->loop);
	return last->json;
}

enum tb_error
served_refusal(struct offline_stage *f, const char *method, const char *params, ...)
{
	struct stage_answer *last = &f->server->last;
	struct tb_call heard;
	va_list args;
	json_t *json;

	va_start(args, params);
	json = vjson(params, args);
	va_end(args);
	call_server(f, method, json);
	assert_int_not_equal(last->error, TB_OK);
	heard = call_of(f, method, json);
	tb_offline_refused(f->offline, &heard, last->error);
	json_decref(json);
	tb_virtual_loop_settle(f->server->loop);
	return last->error;
}

static void
on_done(const struct tb_answer *answer, void *userdata)
{
	struct stage_answer *a = userdata;

	assert_false(a->done);
	a->done = true;
	a->error = answer->error;
	if (answer->json) {
		json_error_t error;

		assert_int_equal(strlen(answer->json), answer->len);
		a->json = json_loads(answer->json, JSON_REJECT_DUPLICATES, &error);
		if (!a->json)
			fail_msg("%s in %s", error.text, answer->json);
	}
}

static void
call_front(struct offline_stage *f, const char *method, json_t *params)
{
	struct tb_call call = call_of(f, method, params);

	call.done = on_done;
	call.userdata = &f->last;
	json_decref(f->last.json);
	f->last = (struct stage_answer){0};
	tb_offline_answer(f->offline, &call);
	assert_true(f->last.done);
	tb_virtual_loop_settle(f->server->loop);
	json_decref(params);
}

json_t *
alone(struct offline_stage *f, const char *method, const char *params, ...)
{
	va_list args;
	json_t *json;

	va_start(args, params);
	json = vjson(params, args);
	va_end(args);
	call_front(f, method, json);
	if (f->last.error != TB_OK) {
		char *text = json_dumps(f->last.json, JSON_COMPACT | JSON_ENCODE_ANY);

		fail_msg("%s: %s %s", method, tb_error_word(f->last.error), text ? text : "");
	}
	return f->last.json;
}

enum tb_error
alone_refused(struct offline_stage *f, const char *method, const char *params, ...)
{
	va_list args;
	json_t *json;

	va_start(args, params);
	json = vjson(params, args);
	va_end(args);
	call_front(f, method, json);
	assert_int_not_equal(f->last.error, TB_OK);
	return f->last.error;
}

void
queued(struct offline_stage *f, const char *method, const char *params, ...)
{
	va_list args;
	json_t *json;

	va_start(args, params);
	json = vjson(params, args);
	va_end(args);
	tb_offline_queued(f->offline, op_of(method), json);
	json_decref(json);
	tb_virtual_loop_settle(f->server->loop);
}

/* ---- what is kept ------------------------------------------------------------------------- */

void
settled(struct offline_stage *f)
{
	stage_advance(f->server, 2);
	assert_int_equal(tb_state_flush(f->bridge.state), 0);
}

int64_t
in_state(struct offline_stage *f, const char *sql)
{
	sqlite3_stmt *stmt;
	int64_t number;

	assert_int_equal(
		sqlite3_prepare_v2(tb_state_db(f->bridge.state), sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	number = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return number;
}

static bool
in_file(int dir, const char *name, const char *text)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	char piece[4096];
	ssize_t n;

	assert_true(fd >= 0);
	while ((n = read(fd, piece, sizeof(piece))) > 0)
		tb_buf_add(&buf, piece, (size_t)n);
	return buf.data && memmem(buf.data, buf.len, text, strlen(text));
}

bool
on_disk(struct offline_stage *f, const char *text)
{
	DIR *dir = opendir(f->dir);
	struct dirent *entry;
	bool found = false;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, "offline.key") != 0)
			found |= in_file(dirfd(dir), entry->d_name, text);
	closedir(dir);
	return found;
}
