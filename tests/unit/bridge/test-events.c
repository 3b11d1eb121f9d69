/* SPDX-License-Identifier: MIT */
/* Numbers that grow across restarts, who may see what, and what is written when. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "bridge/events.h"
#include "bridge/state.h"
#include "tests/unit/bridge/rpc-stage.h"
#include "tests/virtual-loop.h"

static struct stage *
stage_of(void **state)
{
	return *state;
}

static int
setup(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	assert_non_null(stage);
	stage_open(stage, false);
	*state = stage;
	return 0;
}

static int
teardown(void **state)
{
	stage_close(*state);
	free(*state);
	return 0;
}

static uint64_t
emit(struct stage *stage, enum tb_notice notice, const char *audience, const char *members)
{
	return tb_events_emit(stage->bridge.events, notice, audience, members, strlen(members));
}

static void
expect_event(struct peer *peer, const char *method, uint64_t seq)
{
	json_t *line = peer_json(peer);
	const json_t *params = json_object_get(line, "params");

	assert_string_equal(json_string_value(json_object_get(line, "method")), method);
	assert_int_equal(json_integer_value(json_object_get(params, "seq")), seq);
	assert_true(json_is_string(json_object_get(params, "at")));
	assert_null(json_object_get(line, "id"));
	json_decref(line);
}

static int64_t
subscribe(struct peer *peer, const char *params)
{
	json_t *result = expect_result(peer, "events.subscribe", params);
	int64_t seq = json_integer_value(json_object_get(result, "seq"));

	json_decref(result);
	return seq;
}

static void
the_line_is_as_documented(void **state)
{
	struct peer *peer = peer_new(stage_of(state), ALL_ROLES, "0:a");
	_cleanup_free_ char *line = NULL;

	subscribe(peer, "{\"kinds\":[\"scan\"]}");
	emit(stage_of(state), TB_NOTICE_SCAN, NULL, "\"device\":\"counter\",\"code\":\"x\"");
	line = peer_line(peer);
	assert_string_equal(line,
		"{\"jsonrpc\":\"2.0\",\"method\":\"scan\",\"params\":{\"seq\":1,"
		"\"at\":\"2025-05-06T10:00:00Z\",\"device\":\"counter\",\"code\":\"x\"}}");
	peer_free(peer);
}

static void
only_what_was_asked_for(void **state)
{
	struct stage *stage = stage_of(state);
	struct peer *a = peer_new(stage, ALL_ROLES, "0:a"), *b = peer_new(stage, ALL_ROLES, "0:b");

	assert_int_equal(subscribe(a, "{\"kinds\":[\"scan\",\"job\"]}"), 0);
	emit(stage, TB_NOTICE_DEVICE, NULL, "");
	emit(stage, TB_NOTICE_JOB, NULL, "");
	expect_event(a, "job", 2);
	peer_nothing(a);
	peer_nothing(b);
	/* A second time adds. */
	assert_int_equal(subscribe(a, "{\"kinds\":[\"device\"]}"), 2);
	emit(stage, TB_NOTICE_DEVICE, NULL, "");
	emit(stage, TB_NOTICE_SCAN, NULL, "");
	expect_event(a, "device", 3);
	expect_event(a, "scan", 4);
	json_decref(expect_result(a, "events.unsubscribe", "{\"kinds\":[\"scan\"]}"));
	emit(stage, TB_NOTICE_SCAN, NULL, "");
	emit(stage, TB_NOTICE_JOB, NULL, "");
	expect_event(a, "job", 6);
	json_decref(expect_result(a, "events.unsubscribe", "{}"));
	emit(stage, TB_NOTICE_JOB, NULL, "");
	peer_nothing(a);
	expect_fault(a, "events.subscribe", "{}", "/kinds", "missing");
	expect_fault(
		a, "events.subscribe", "{\"kinds\":[\"scan\",\"scam\"]}", "/kinds/1", "bad_value");
	expect_fault(a, "events.subscribe", "{\"kinds\":\"scan\"}", "/kinds", "wrong_type");
	expect_fault(
		a, "events.subscribe", "{\"kinds\":[],\"since\":-1}", "/since", "out_of_range");
	peer_free(a);
	peer_free(b);
}

static void
since_tells_what_was_missed(void **state)
{
	struct stage *stage = stage_of(state);
	struct peer *a;

	for (int i = 0; i < 5; i++)
		emit(stage, i % 2 ? TB_NOTICE_JOB : TB_NOTICE_SCAN, NULL, "");
	a = peer_new(stage, ALL_ROLES, "0:a");
	assert_int_equal(subscribe(a, "{\"kinds\":[\"scan\"],\"since\":1}"), 5);
	expect_event(a, "scan", 3);
	expect_event(a, "scan", 5);
	peer_nothing(a);
	/* The other kind later, from the beginning; what it has had is not told again. */
	assert_int_equal(subscribe(a, "{\"kinds\":[\"job\"],\"since\":0}"), 5);
	expect_event(a, "job", 2);
	expect_event(a, "job", 4);
	peer_nothing(a);
	/* A number from another life. */
	json_t *result = expect_result(
		a, "events.subscribe", "{\"kinds\":[\"scan\"],\"since\":99}");

	assert_true(json_is_true(json_object_get(result, "missed")));
	json_decref(result);
	emit(stage, TB_NOTICE_SCAN, NULL, "");
	expect_event(a, "scan", 6);
	peer_free(a);
}

static void
one_audience_alone(void **state)
{
	struct stage *stage = stage_of(state);
	struct peer *first = peer_new(stage, ALL_ROLES, "0:till");
	struct peer *second = peer_new(stage, ALL_ROLES, "0:till");

	subscribe(first, "{\"kinds\":[\"scan\"]}");
	subscribe(second, "{\"kinds\":[\"scan\"]}");
	emit(stage, TB_NOTICE_SCAN, "0:till", "");
	emit(stage, TB_NOTICE_SCAN, "0:till#2", "");
	emit(stage, TB_NOTICE_SCAN, NULL, "");
	expect_event(first, "scan", 1);
	expect_event(first, "scan", 3);
	expect_event(second, "scan", 2);
	expect_event(second, "scan", 3);
	/* Coming back, each program gets the name it had. */
	peer_free(first);
	first = peer_new(stage, ALL_ROLES, "0:till");
	subscribe(first, "{\"kinds\":[\"scan\"],\"since\":0}");
	expect_event(first, "scan", 1);
	expect_event(first, "scan", 3);
	peer_nothing(first);
	peer_free(first);
	peer_free(second);
}

static void
roles_decide_what_may_be_asked(void **state)
{
	struct stage *stage = stage_of(state);
	static const struct {
		uint32_t roles;
		const char *kind;
		bool may;
	} cases[] = {
		{TB_ROLE_MONITOR, "device", true},
		{TB_ROLE_MONITOR, "scan", false},
		{TB_ROLE_MONITOR, "customer", false},
		{TB_ROLE_DEVICE, "scan", true},
		{TB_ROLE_DEVICE, "card", true},
		{TB_ROLE_DEVICE, "customer", false},
		{TB_ROLE_TILL, "customer", true},
		{TB_ROLE_MANAGER, "customer", true},
		{TB_ROLE_TILL, "link", true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct peer *peer = peer_new(stage, cases[i].roles, "1:x");
		char line[200];

		snprintf(line, sizeof(line), "{\"kinds\":[\"%s\"]}", cases[i].kind);
		if (cases[i].may) {
			subscribe(peer, line);
		} else {
			snprintf(line, sizeof(line),
				"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"events.subscribe\","
				"\"params\":{\"kinds\":[\"%s\"]}}",
				cases[i].kind);
			refused(peer, line, -32000, "not_permitted", "1");
		}
		peer_free(peer);
	}
}

static void
numbers_survive_a_restart(void **state)
{
	struct stage *stage = stage_of(state);
	struct peer *a;

	emit(stage, TB_NOTICE_SCAN, "0:a", "\"code\":\"x\"");
	emit(stage, TB_NOTICE_SCAN, "0:b", "\"code\":\"y\"");
	emit(stage, TB_NOTICE_SCAN, NULL, "\"code\":\"z\"");
	stage_restart(stage, false);
	assert_int_equal(tb_events_last(stage->bridge.events), 3);
	assert_int_equal(emit(stage, TB_NOTICE_SCAN, NULL, ""), 4);
	a = peer_new(stage, ALL_ROLES, "0:a");
	assert_int_equal(subscribe(a, "{\"kinds\":[\"scan\"],\"since\":0}"), 4);
	expect_event(a, "scan", 1);
	expect_event(a, "scan", 3);
	expect_event(a, "scan", 4);
	peer_free(a);
}

static int
count_rows(struct stage *stage)
{
	sqlite3_stmt *stmt = NULL;
	int n = -1;

	assert_int_equal(sqlite3_prepare_v2(tb_state_db(stage->bridge.state),
				 "SELECT count(*) FROM events", -1, &stmt, NULL),
		SQLITE_OK);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

static void
they_are_written_behind(void **state)
{
	struct stage *stage = stage_of(state);

	assert_true(tb_virtual_loop_next_timer(stage->bridge.loop) == TB_NEVER);
	emit(stage, TB_NOTICE_SCAN, NULL, "");
	emit(stage, TB_NOTICE_SCAN, NULL, "");
	stage_settle(stage);
	assert_int_equal(count_rows(stage), 0);
	tb_virtual_loop_advance(stage->bridge.loop, 1000000);
	assert_int_equal(count_rows(stage), 2);
	/* And then nothing is to be done any more. */
	assert_true(tb_virtual_loop_next_timer(stage->bridge.loop) == TB_NEVER);
	for (int i = 0; i < 3000; i++)
		emit(stage, TB_NOTICE_SCAN, NULL, "");
	tb_virtual_loop_advance(stage->bridge.loop, 1000000);
	assert_int_equal(count_rows(stage), TB_EVENTS_KEPT);
}

static void
copy_file(const char *from_dir, const char *to_dir, const char *name)
{
	char path[200], data[65536];
	FILE *from, *to;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", from_dir, name);
	from = fopen(path, "rb");
	snprintf(path, sizeof(path), "%s/%s", to_dir, name);
	to = fopen(path, "wb");
	assert_non_null(from);
	assert_non_null(to);
	while ((n = fread(data, 1, sizeof(data), from)) > 0)
		assert_int_equal(fwrite(data, 1, n, to), n);
	fclose(from);
	fclose(to);
}

/* The files as they are on disk now, without the end of the program: as after a power cut. */
static void
numbers_are_never_given_twice(void **state)
{
	struct stage *stage = stage_of(state), after;
	uint64_t last = 0;
	struct peer *peer;
	json_t *result;

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 2000; i++) {
			last = emit(stage, TB_NOTICE_SCAN, NULL, "");
			if (i % 100 == 0)
				stage_settle(stage);
		}
		tb_virtual_loop_advance(stage->bridge.loop, 1000000);
		/* These are delivered, but not written yet. */
		for (int i = 0; i < 10; i++)
			last = emit(stage, TB_NOTICE_SCAN, NULL, "");
		stage_settle(stage);
		stage_open(&after, false);
		tb_bridge_stop(&after.bridge);
		copy_file(stage->dir, after.dir, "state.db");
		copy_file(stage->dir, after.dir, "state.db-wal");
		stage_restart(&after, false);
		assert_true(emit(&after, TB_NOTICE_SCAN, NULL, "") > last);
		/* Who comes back is told that something may be missing. */
		peer = peer_new(&after, ALL_ROLES, "0:a");
		result = expect_result(
			peer, "events.subscribe", "{\"kinds\":[\"scan\"],\"since\":1999}");
		assert_true(json_is_true(json_object_get(result, "missed")));
		json_decref(result);
		peer_free(peer);
		stage_close(&after);
	}
}

static void
words(void **state)
{
	for (int i = 0; i < TB_NOTICE_COUNT; i++)
		assert_int_equal(tb_notice_from_word(tb_notice_word((enum tb_notice)i)), i);
	assert_int_equal(tb_notice_from_word("hello"), TB_NOTICE_COUNT);
	assert_null(tb_notice_word(TB_NOTICE_COUNT));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_line_is_as_documented),
		T(only_what_was_asked_for),
		T(since_tells_what_was_missed),
		T(one_audience_alone),
		T(roles_decide_what_may_be_asked),
		T(numbers_survive_a_restart),
		T(they_are_written_behind),
		T(numbers_are_never_given_twice),
		cmocka_unit_test(words),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
