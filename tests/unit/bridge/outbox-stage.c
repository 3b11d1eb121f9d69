/* SPDX-License-Identifier: MIT */
/* The stage: what the outbox speaks to. */

#include "tests/unit/bridge/outbox-stage.h"

#include "bridge/events.h"
#include "bridge/loyalty.h"
#include "bridge/offline.h"
#include "bridge/state.h"

struct stage *f;

static const char *const op_names[TB_OP_COUNT] = {
#define X(name, method) [TB_OP_##name] = (method),
	TB_OPS(X)
#undef X
};

/* ---- the front of the connector ---- */

const char *
tb_loyalty_op_name(enum tb_op op)
{
	return op_names[op];
}

bool
tb_loyalty_is_busy(const struct tb_loyalty *loyalty)
{
	return f->busy;
}

bool
tb_loyalty_is_in_doubt(
	struct tb_loyalty *loyalty, const char *site, const char *till, const char *key)
{
	return false;
}

void
tb_loyalty_send(struct tb_loyalty *loyalty, const struct tb_call *call)
{
	struct sent *sent = &f->sent[f->n_sent++];

	assert_true(f->n_sent < SENT_MAX);
	*sent = (struct sent){
		.op = call->op,
		.params = json_dumps(call->params, JSON_COMPACT),
		.key = call->key ? strdup(call->key) : NULL,
		.at_us = tb_loop_now_us(f->bridge.loop),
		.deadline_us = call->deadline_us,
		.done = call->done,
		.userdata = call->userdata,
	};
	/* Nothing leaves before it is on disk. */
	if (call->op == TB_OP_PASSAGE_POST && f->n_sent < 20)
		assert_true(on_disk("SELECT count(*) FROM outbox WHERE params IS NOT NULL") > 0);
}

void
tb_loyalty_answer(struct tb_request *request, const struct tb_answer *answer)
{
	tb_request_answer(request, answer->json, answer->len);
}

void
tb_loyalty_delivered(struct tb_loyalty *loyalty, enum tb_op op, const json_t *params,
	const struct tb_answer *answer)
{
	f->delivered++;
}

/* ---- no cache ---- */

void
tb_offline_queued(struct tb_offline *offline, enum tb_op op, const json_t *params)
{
}

void
tb_offline_answer(struct tb_offline *offline, const struct tb_call *call)
{
	call->done(&(struct tb_answer){.error = TB_ERROR_SERVER_UNREACHABLE}, call->userdata);
}

bool
tb_offline_has_key(struct tb_offline *offline, const struct tb_caller *caller, const char *key)
{
	return false;
}

int
tb_offline_shop_offset(struct tb_offline *offline, int64_t at_us)
{
	return 0;
}

bool
tb_offline_is_ours(const char *reservation)
{
	return false;
}

json_t *
tb_offline_granted(struct tb_offline *offline, const char *reservation)
{
	return NULL;
}

bool
tb_offline_shop_date(struct tb_offline *offline, int64_t at_us, struct tb_date *ret)
{
	return false;
}

/* ---- requests and events ---- */

struct tb_bridge *
tb_request_bridge(const struct tb_request *request)
{
	return &f->bridge;
}

json_t *
tb_request_params(const struct tb_request *request)
{
	return request->params;
}

const struct tb_method *
tb_request_method(const struct tb_request *request)
{
	return request->method;
}

const char *
tb_request_site(const struct tb_request *request)
{
	return f->conf.site;
}

const char *
tb_request_till(const struct tb_request *request)
{
	return f->conf.till;
}

void
tb_request_answer(struct tb_request *request, const char *json, size_t len)
{
	assert_null(request->answer);
	assert_null(request->error);
	request->answer = strndup(json, len);
	request->at_us = tb_loop_now_us(f->bridge.loop);
}

void
tb_request_fail(struct tb_request *request, enum tb_error error, const char *data)
{
	assert_null(request->answer);
	assert_null(request->error);
	request->error = strdup(tb_error_word(error));
}

void
tb_request_fail_at(struct tb_request *request, const char *pointer, const char *code)
{
	assert_null(request->answer);
	assert_true(asprintf(&request->error, "invalid_params %s %s", pointer, code) > 0);
}

uint64_t
tb_events_emit(struct tb_events *events, enum tb_notice notice, const char *audience,
	const char *members, size_t len)
{
	size_t at = strlen(f->events);

	assert_int_equal(notice, TB_NOTICE_OUTBOX);
	snprintf(f->events + at, sizeof(f->events) - at, "%.*s\n", (int)len, members);
	return 1;
}

/* ---- start, end, crash ---- */

void
settle(void)
{
	/* Whoever never comes to rest would spin. */
	assert_true(tb_virtual_loop_settle(f->bridge.loop) < 100000);
}

void
advance_ms(uint64_t ms)
{
	tb_virtual_loop_advance(f->bridge.loop, ms * 1000);
	settle();
}

void
start(void)
{
	_cleanup_free_ char *why = NULL;

	assert_int_equal(tb_state_new(&f->bridge, f->dir, &f->bridge.state, &why), 0);
	assert_int_equal(tb_outbox_new(&f->bridge, true, f->keyed, &f->bridge.outbox), 0);
	settle();
}

static void
forget_calls(void)
{
	for (size_t i = 0; i < f->n_sent; i++) {
		free(f->sent[i].params);
		free(f->sent[i].key);
	}
	f->n_sent = 0;
}

void
stop(void)
{
	/* The connector ends first, and answers what it has. */
	for (size_t i = 0; i < f->n_sent; i++)
		if (f->sent[i].done)
			lose(&f->sent[i], false);
	tb_outbox_free(TAKE_PTR(f->bridge.outbox));
	tb_state_free(TAKE_PTR(f->bridge.state));
	forget_calls();
}

void
crash(void)
{
	char command[256];

	/* What is on disk now is kept aside while the parts end in their own way. */
	snprintf(command, sizeof(command), "%s-kept", f->path);
	{
		sqlite3 *db;

		assert_int_equal(
			sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
		char *sql = sqlite3_mprintf("VACUUM INTO %Q", command);
		assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
		sqlite3_free(sql);
		sqlite3_close(db);
	}
	stop();
	assert_int_equal(rename(command, f->path), 0);
}

static int
set_up(void **state, bool keyed)
{
	f = calloc(1, sizeof(*f));
	assert_non_null(f);
	snprintf(f->dir, sizeof(f->dir), "/tmp/tb-outbox-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/state.db", f->dir);
	f->keyed = keyed;
	f->conf.language = "en";
	f->conf.site = "lyon-1";
	f->conf.till = "2";
	f->conf.deadline_us = 2000000;
	f->bridge.conf = &f->conf;
	f->bridge.loop = tb_virtual_loop_new();
	assert_non_null(f->bridge.loop);
	start();
	return 0;
}

int
setup(void **state)
{
	return set_up(state, true);
}

int
setup_unkeyed(void **state)
{
	return set_up(state, false);
}

int
teardown(void **state)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char path[128];

	stop();
	assert_int_equal(tb_virtual_loop_sources(f->bridge.loop), 0);
	tb_virtual_loop_free(f->bridge.loop);
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		snprintf(path, sizeof(path), "%s%s", f->path, suffixes[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

int64_t
on_disk(const char *query)
{
	sqlite3 *db;
	sqlite3_stmt *stmt;
	int64_t n;

	assert_int_equal(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, query, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return n;
}

/* ---- tills ---- */

void
request_done(struct tb_request *request)
{
	/* A till that waits longer than the test is answered while there is a stage. */
	if (!request->answer && !request->error && f->bridge.outbox)
		tb_outbox_tell_queued(f->bridge.outbox), settle();
	json_decref(request->params);
	free(request->answer);
	free(request->error);
	*request = (struct tb_request){};
}

void
say(struct tb_request *request, const char *method, const char *params)
{
	static struct tb_method methods[TB_OP_COUNT];
	enum tb_op op = TB_OP_COUNT;

	for (int i = 0; i < TB_OP_COUNT; i++)
		if (strcmp(op_names[i], method) == 0)
			op = (enum tb_op)i;
	request->params = json_loads(params, 0, NULL);
	assert_non_null(request->params);
	if (op != TB_OP_COUNT) {
		methods[op] = (struct tb_method){.name = method, .op = op};
		request->method = &methods[op];
		tb_outbox_take(f->bridge.outbox, request);
	} else if (strcmp(method, "outbox.list") == 0) {
		tb_method_outbox_list(request);
	} else if (strcmp(method, "outbox.retry") == 0) {
		tb_method_outbox_retry(request);
	} else {
		assert_string_equal(method, "outbox.settle");
		tb_method_outbox_settle(request);
	}
	settle();
}

const char *
answer_member(const struct tb_request *request, const char *name)
{
	static char text[256];
	json_t *json;

	if (!request->answer)
		fail_msg("no answer but %s", request->error ? request->error : "none");
	json = json_loads(request->answer, 0, NULL);
	assert_non_null(json);
	snprintf(text, sizeof(text), "%s",
		json_string_value(json_object_get(json, name))
			? json_string_value(json_object_get(json, name))
			: "");
	json_decref(json);
	return text;
}

void
post(struct tb_request *request, const char *sale, const char *customer)
{
	char params[256];

	snprintf(params, sizeof(params),
		"{\"sale\":\"%s\",\"occurred_at\":\"2025-05-06T10:00:00+02:00\"%s%s%s}", sale,
		customer ? ",\"customer\":\"" : "", customer ? customer : "", customer ? "\"" : "");
	say(request, "passage.post", params);
}

/* ---- the server ---- */

size_t
flying(void)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_sent; i++)
		n += f->sent[i].done != NULL;
	return n;
}

struct sent *
nth_flying(size_t n)
{
	for (size_t i = 0; i < f->n_sent; i++)
		if (f->sent[i].done && n-- == 0)
			return &f->sent[i];
	fail_msg("nothing is with the server");
	return NULL;
}

const char *
sale_of(const struct sent *sent)
{
	static char text[64];
	json_t *params = json_loads(sent->params, 0, NULL);
	const char *sale = json_string_value(json_object_get(params, "sale"));

	snprintf(text, sizeof(text), "%s", sale ? sale : "");
	json_decref(params);
	return text;
}

static void
give(struct sent *sent, const struct tb_answer *answer)
{
	tb_done_fn done = sent->done;

	assert_non_null(done);
	sent->done = NULL;
	done(answer, sent->userdata);
}

void
answer(struct sent *sent, const char *json)
{
	give(sent, &(struct tb_answer){.json = json, .len = strlen(json)});
	settle();
}

void
refuse(struct sent *sent, enum tb_error error)
{
	give(sent, &(struct tb_answer){.error = error});
	settle();
}

void
refuse_with(struct sent *sent, enum tb_error error, const char *data)
{
	give(sent, &(struct tb_answer){.error = error, .json = data, .len = strlen(data)});
	settle();
}

void
lose(struct sent *sent, bool unsent)
{
	if (!f->bridge.outbox->down)
		tb_outbox_link(f->bridge.outbox, false);
	give(sent, &(struct tb_answer){.error = TB_ERROR_SERVER_UNREACHABLE, .unsent = unsent});
	settle();
}

void
link_is(bool up)
{
	tb_outbox_link(f->bridge.outbox, up);
	settle();
}
