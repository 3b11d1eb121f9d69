/* SPDX-License-Identifier: MIT */
/* The socket's limits, and clients that do not keep to them: nobody else is to notice. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "bridge/events.h"
#include "bridge/rpc/rpc.h"
#include "bridge/state.h"
#include "tests/unit/bridge/rpc-stage.h"
#include "tests/virtual-loop.h"

#define STATUS "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bridge.status\"}"

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
	stage_open(stage, true);
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

static void
lookup(struct peer *peer, int id, const char *what)
{
	peer_say(peer,
		"{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"customer.lookup\",\"params\":"
		"{\"id\":\"%s\"}}",
		id, what);
}

static unsigned
count_lines(struct peer *peer)
{
	unsigned n = 0;
	char *line;

	for (; (line = peer_line(peer)); n++)
		free(line);
	return n;
}

/* A line of exactly `len` bytes that is a call of bridge.status with blanks in it. */
static char *
long_line(size_t len)
{
	char *line = malloc(len + 2);
	size_t status = strlen(STATUS);

	assert_non_null(line);
	memset(line, ' ', len);
	memcpy(line, STATUS, status - 1);
	line[len - 1] = '}';
	line[len] = '\n';
	line[len + 1] = '\0';
	return line;
}

static void
a_line_of_a_mebibyte_is_read(void **state)
{
	struct peer *peer = peer_new(stage_of(state), ALL_ROLES, "0:a");
	_cleanup_free_ char *line = long_line(TB_RPC_LINE_MAX);
	json_t *answer;

	for (int i = 0; i < 2; i++) {
		peer_write(peer, line, TB_RPC_LINE_MAX + 1);
		answer = peer_json(peer);
		assert_non_null(json_object_get(answer, "result"));
		json_decref(answer);
	}
	peer_free(peer);
}

static void
a_longer_line_ends_the_connection(void **state)
{
	struct peer *other = peer_new(stage_of(state), ALL_ROLES, "0:b");
	static const size_t lengths[] = {TB_RPC_LINE_MAX + 1, 2 * TB_RPC_LINE_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct peer *peer = peer_new(stage_of(state), ALL_ROLES, "0:a");
		_cleanup_free_ char *line = long_line(lengths[i]);

		refused(peer, line, -32000, "too_large", "null");
		peer_closed(peer);
		assert_int_equal(tb_rpc_clients(stage_of(state)->bridge.rpc), 1);
		peer_free(peer);
	}
	json_decref(expect_result(other, "bridge.status", "{}"));
	peer_free(other);
}

static void
an_endless_line_ends_the_connection(void **state)
{
	struct peer *peer = peer_new(stage_of(state), ALL_ROLES, "0:a");
	static char chunk[8192];
	json_t *answer;

	memset(chunk, 'x', sizeof(chunk));
	for (size_t i = 0; i < 4 * TB_RPC_LINE_MAX; i += sizeof(chunk))
		peer_write(peer, chunk, sizeof(chunk));
	answer = peer_json(peer);
	assert_string_equal(
		json_string_value(json_object_get(
			json_object_get(json_object_get(answer, "error"), "data"), "code")),
		"too_large");
	json_decref(answer);
	peer_closed(peer);
	peer_free(peer);
}

static void
lines_may_come_in_any_pieces(void **state)
{
	struct peer *peer = peer_new(stage_of(state), ALL_ROLES, "0:a");
	static const char text[] = STATUS "\n" STATUS "\r\n" STATUS "\n";

	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		peer_write(peer, text + i, 1);
		stage_settle(stage_of(state));
	}
	assert_int_equal(count_lines(peer), 3);
	peer_free(peer);
}

static void
too_many_values(void **state)
{
	struct peer *peer = peer_new(stage_of(state), ALL_ROLES, "0:a");
	struct tb_buf line = TB_BUF_INIT(0);

	tb_buf_add_str(&line, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":[{}");
	while (line.len < TB_RPC_LINE_MAX - 10)
		tb_buf_add_str(&line, ",{}");
	tb_buf_add_str(&line, "]}");
	refused(peer, line.data, -32000, "too_large", "null");
	json_decref(expect_result(peer, "bridge.status", "{}"));
	tb_buf_done(&line);
	peer_free(peer);
}

static void
a_batch_has_a_limit(void **state)
{
	struct peer *peer = peer_new(stage_of(state), ALL_ROLES, "0:a");
	struct tb_buf line = TB_BUF_INIT(0);
	json_t *answer;

	for (int n = TB_RPC_BATCH_MAX; n <= TB_RPC_BATCH_MAX + 1; n++) {
		tb_buf_reset(&line);
		for (int i = 0; i < n; i++)
			tb_buf_addf(&line, "%c%s", i ? ',' : '[', STATUS);
		tb_buf_add_byte(&line, ']');
		if (n > TB_RPC_BATCH_MAX) {
			refused(peer, line.data, -32000, "too_large", "null");
			break;
		}
		peer_say(peer, "%s", line.data);
		answer = peer_json(peer);
		assert_int_equal(json_array_size(answer), TB_RPC_BATCH_MAX);
		json_decref(answer);
	}
	json_decref(expect_result(peer, "bridge.status", "{}"));
	tb_buf_done(&line);
	peer_free(peer);
}

static void
calls_in_flight_have_a_limit(void **state)
{
	struct peer *peer = peer_new(stage_of(state), ALL_ROLES, "0:a");
	struct peer *other = peer_new(stage_of(state), ALL_ROLES, "0:b");

	for (int i = 0; i < TB_RPC_IN_FLIGHT_MAX; i++)
		lookup(peer, i, "hold");
	/* Not read until one is answered; another client is. */
	peer_say(peer, STATUS);
	peer_nothing(peer);
	json_decref(expect_result(other, "bridge.status", "{}"));
	lookup(other, 1, "release");
	assert_int_equal(count_lines(peer), TB_RPC_IN_FLIGHT_MAX + 1);
	assert_int_equal(count_lines(other), 1);
	peer_free(peer);
	peer_free(other);
}

static void
replies_may_overtake_each_other(void **state)
{
	struct peer *peer = peer_new(stage_of(state), ALL_ROLES, "0:a");
	json_t *first;

	lookup(peer, 1, "hold");
	peer_say(peer, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"bridge.status\"}");
	first = peer_json(peer);
	assert_int_equal(json_integer_value(json_object_get(first, "id")), 2);
	json_decref(first);
	lookup(peer, 3, "release");
	assert_int_equal(count_lines(peer), 2);
	peer_free(peer);
}

static void
a_batch_waits_for_room(void **state)
{
	struct peer *peer = peer_new(stage_of(state), ALL_ROLES, "0:a");
	struct peer *other = peer_new(stage_of(state), ALL_ROLES, "0:b");
	struct tb_buf line = TB_BUF_INIT(0);

	for (int i = 0; i < TB_RPC_IN_FLIGHT_MAX; i++)
		tb_buf_addf(&line, "%c%s", i ? ',' : '[', STATUS);
	tb_buf_add_byte(&line, ']');
	lookup(peer, 1, "hold");
	peer_say(peer, "%s", line.data);
	peer_say(peer, STATUS);
	peer_nothing(peer);
	lookup(other, 1, "release");
	assert_int_equal(count_lines(peer), 3);
	tb_buf_done(&line);
	peer_free(peer);
	peer_free(other);
}

static void
the_257th_client_is_told_and_closed(void **state)
{
	struct stage *stage = stage_of(state);
	struct peer *peers[300];
	json_t *line;

	for (int i = 0; i < TB_RPC_CLIENTS_MAX; i++)
		peers[i] = peer_new(stage, ALL_ROLES, "0:a");
	for (int i = TB_RPC_CLIENTS_MAX; i < 300; i++) {
		const json_t *error;

		peers[i] = peer_new_silent(stage, ALL_ROLES, "0:a");
		line = peer_json(peers[i]);
		error = json_object_get(line, "error");
		assert_int_equal(json_integer_value(json_object_get(error, "code")), -32000);
		assert_string_equal(
			json_string_value(json_object_get(json_object_get(error, "data"), "code")),
			"rate_limited");
		assert_true(json_is_null(json_object_get(line, "id")));
		json_decref(line);
		peer_closed(peers[i]);
	}
	for (int i = 0; i < TB_RPC_CLIENTS_MAX; i += 51)
		json_decref(expect_result(peers[i], "bridge.status", "{}"));
	/* A place freed is usable at once, before the loop has even seen that it is free. */
	close(peers[3]->fd);
	peers[3]->fd = -1;
	struct peer *next = peer_new(stage, ALL_ROLES, "0:a");

	json_decref(expect_result(next, "bridge.status", "{}"));
	peer_free(next);
	for (int i = 0; i < 300; i++)
		peer_free(peers[i]);
	assert_int_equal(tb_rpc_clients(stage->bridge.rpc), 0);
	/* Those who were turned away and did not close are closed in the end. */
	tb_virtual_loop_advance(stage->bridge.loop, 10000000);
}

static void
emit(struct stage *stage, size_t size)
{
	_cleanup_free_ char *members = malloc(size + 32);
	int n;

	assert_non_null(members);
	n = snprintf(members, size + 32, "\"code\":\"%0*d\"", (int)size, 7);
	tb_events_emit(stage->bridge.events, TB_NOTICE_SCAN, NULL, members, (size_t)n);
}

static int64_t
seq_of(const json_t *line)
{
	return json_integer_value(json_object_get(json_object_get(line, "params"), "seq"));
}

/* Reads all that has come: events without a gap, then `dropped`. The cursor is the last event's. */
static int64_t
read_to_dropped(struct peer *peer)
{
	int64_t last = 0, cursor = -1;

	while (cursor < 0) {
		json_t *line = peer_json(peer);
		const char *method = json_string_value(json_object_get(line, "method"));

		if (strcmp(method, "dropped") == 0) {
			cursor = json_integer_value(
				json_object_get(json_object_get(line, "params"), "cursor"));
		} else {
			assert_string_equal(method, "scan");
			assert_true(last == 0 || seq_of(line) == last + 1);
			last = seq_of(line);
		}
		json_decref(line);
	}
	assert_int_equal(cursor, last);
	return cursor;
}

/* Small events stop between two lines, large ones within one; many in one turn go out in parts. */
static void
drop_one(struct stage *stage, size_t size, int burst)
{
	struct peer *lazy = peer_new(stage, ALL_ROLES, "0:lazy");
	struct peer *good = peer_new(stage, ALL_ROLES, "0:good");
	unsigned got = 0;

	json_decref(expect_result(lazy, "events.subscribe", "{\"kinds\":[\"scan\"]}"));
	json_decref(expect_result(good, "events.subscribe", "{\"kinds\":[\"scan\"]}"));
	for (int i = 0; i < 3000; i++) {
		emit(stage, size);
		if (i % burst == burst - 1)
			got += count_lines(good);
	}
	assert_int_equal(got, 3000);
	assert_int_equal(tb_rpc_clients(stage->bridge.rpc), 1);
	assert_true(read_to_dropped(lazy) > 0);
	peer_closed(lazy);
	peer_free(lazy);
	peer_free(good);
}

static void
who_does_not_read_is_dropped(void **state)
{
	drop_one(*state, 1000, 10);
	drop_one(*state, 5, 10);
	drop_one(*state, 5, 500);
}

static void
who_comes_back_goes_on(void **state)
{
	struct stage *stage = stage_of(state);
	struct peer *lazy = peer_new(stage, ALL_ROLES, "0:lazy");
	char params[100];
	int64_t cursor, last;
	json_t *result;

	json_decref(expect_result(lazy, "events.subscribe", "{\"kinds\":[\"scan\"]}"));
	while (tb_rpc_clients(stage->bridge.rpc) == 1) {
		emit(stage, 5000);
		stage_settle(stage);
	}
	last = (int64_t)tb_events_last(stage->bridge.events);
	cursor = read_to_dropped(lazy);
	peer_free(lazy);
	lazy = peer_new(stage, ALL_ROLES, "0:lazy");
	snprintf(
		params, sizeof(params), "{\"kinds\":[\"scan\"],\"since\":%lld}", (long long)cursor);
	result = expect_result(lazy, "events.subscribe", params);
	assert_int_equal(json_integer_value(json_object_get(result, "seq")), last);
	assert_null(json_object_get(result, "missed"));
	json_decref(result);
	for (int64_t seq = cursor + 1; seq <= last; seq++) {
		json_t *line = peer_json(lazy);

		assert_int_equal(seq_of(line), seq);
		json_decref(line);
	}
	peer_nothing(lazy);
	peer_free(lazy);
}

/* All that is kept is more than the backlog may be; that is no reason to drop who asks for it. */
static void
a_long_replay_is_no_backlog(void **state)
{
	struct stage *stage = stage_of(state);
	struct peer *peer;
	json_t *result;

	for (int i = 0; i < 1500; i++)
		emit(stage, 4000);
	peer = peer_new(stage, ALL_ROLES, "0:a");
	result = expect_result(peer, "events.subscribe", "{\"kinds\":[\"scan\"],\"since\":0}");
	assert_true(json_is_true(json_object_get(result, "missed")));
	json_decref(result);
	assert_int_equal(count_lines(peer), TB_EVENTS_KEPT);
	json_decref(expect_result(peer, "bridge.status", "{}"));
	peer_free(peer);
}

static void
who_does_not_take_answers_is_not_read(void **state)
{
	struct stage *stage = stage_of(state);
	struct peer *lazy = peer_new(stage, ALL_ROLES, "0:lazy");
	struct peer *good = peer_new(stage, ALL_ROLES, "0:good");
	static const char call[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bridge.methods\"}\n";
	size_t sent = 0, answered;

	/* Until nothing more is taken from it. */
	for (int stuck = 0; stuck < 10;) {
		ssize_t n = send(lazy->fd, call, sizeof(call) - 1, MSG_NOSIGNAL);

		stuck = n < 0 ? stuck + 1 : 0;
		sent += n > 0 ? (size_t)n : 0;
		stage_settle(stage);
	}
	assert_true(sent > 0);
	json_decref(expect_result(good, "bridge.status", "{}"));
	answered = count_lines(lazy);
	assert_int_equal(answered, sent / (sizeof(call) - 1));
	peer_free(lazy);
	peer_free(good);
}

static void
who_has_said_all_is_still_answered(void **state)
{
	struct stage *stage = stage_of(state);
	struct peer *peer = peer_new(stage, ALL_ROLES, "0:a");
	struct peer *other = peer_new(stage, ALL_ROLES, "0:b");

	lookup(peer, 1, "hold");
	peer_say(peer, STATUS);
	shutdown(peer->fd, SHUT_WR);
	assert_int_equal(count_lines(peer), 1);
	lookup(other, 1, "release");
	assert_int_equal(count_lines(peer), 1);
	peer_closed(peer);
	assert_int_equal(tb_rpc_clients(stage->bridge.rpc), 1);
	peer_free(peer);
	peer_free(other);
}

static void
who_hangs_up_leaves_nothing_behind(void **state)
{
	struct stage *stage = stage_of(state);
	struct peer *other = peer_new(stage, ALL_ROLES, "0:b");
	struct peer *peer;

	for (int i = 0; i < 20; i++) {
		peer = peer_new(stage, ALL_ROLES, "0:a");
		lookup(peer, 1, "hold");
		peer_say(peer, "[" STATUS ",{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":"
			       "\"customer.lookup\",\"params\":{\"id\":\"hold\"}}]");
		peer_write(peer, "{\"jsonrpc\":", 11);
		peer_free(peer);
	}
	assert_int_equal(tb_rpc_clients(stage->bridge.rpc), 1);
	lookup(other, 1, "release");
	assert_int_equal(count_lines(other), 1);
	peer_free(other);
}

static void
what_was_said_before_hanging_up_is_heard(void **state)
{
	struct stage *stage = stage_of(state);
	struct peer *other = peer_new(stage, ALL_ROLES, "0:b");
	struct peer *peer = peer_new(stage, ALL_ROLES, "0:a");
	static const char scan[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"scan.submit\","
				   "\"params\":{\"code\":\"x\"}}\n";
	uint64_t before = tb_events_last(stage->bridge.events);

	assert_int_equal(send(peer->fd, scan, sizeof(scan) - 1, 0), sizeof(scan) - 1);
	close(peer->fd);
	peer->fd = -1;
	stage_settle(stage);
	assert_true(tb_events_last(stage->bridge.events) > before);
	peer_free(peer);
	peer_free(other);
}

static void
no_client_is_remembered(void **state)
{
	struct stage *stage = stage_of(state);
	size_t before = 0, after;

	for (int i = 0; i < 600; i++) {
		struct peer *peer = peer_new(stage, ALL_ROLES, "0:a");

		json_decref(expect_result(peer, "events.subscribe", "{\"kinds\":[\"scan\"]}"));
		json_decref(expect_result(peer, "bridge.methods", "{}"));
		peer_free(peer);
		if (i == 100)
			before = mallinfo2().uordblks;
	}
	after = mallinfo2().uordblks;
	assert_true(after <= before + 4096);
}

struct gone {
	uint64_t ids[8];
	size_t n;
};

static void
on_gone(uint64_t client, void *userdata)
{
	struct gone *gone = userdata;

	gone->ids[gone->n++] = client;
}

static void
claims_learn_who_has_gone(void **state)
{
	struct stage *stage = stage_of(state);
	struct gone gone = {};
	struct peer *a = peer_new(stage, ALL_ROLES, "0:a"), *b = peer_new(stage, ALL_ROLES, "0:b");
	json_t *line;

	tb_rpc_set_gone(stage->bridge.rpc, on_gone, &gone);
	assert_int_equal(
		tb_rpc_notify(stage->bridge.rpc, 2, "claim_asked", "\"device\":\"d\"", 12), 0);
	line = peer_json(b);
	assert_string_equal(json_string_value(json_object_get(line, "method")), "claim_asked");
	json_decref(line);
	peer_nothing(a);
	peer_free(b);
	assert_int_equal(gone.n, 1);
	assert_int_equal(gone.ids[0], 2);
	assert_int_equal(tb_rpc_notify(stage->bridge.rpc, 2, "claim_asked", "", 0), -ENOTCONN);
	tb_rpc_set_gone(stage->bridge.rpc, NULL, NULL);
	peer_free(a);
}

/* What has come before anything of the turn is over. */
struct early {
	struct peer *peer;
	struct tb_source *look;
	unsigned lines;
};

static void
on_turn_end(void *userdata)
{
	struct early *early = userdata;
	char seen[65536];
	ssize_t n = recv(early->peer->fd, seen, sizeof(seen), MSG_PEEK);

	for (ssize_t i = 0; i < n; i++)
		early->lines += seen[i] == '\n';
}

static unsigned
come_early(struct peer *peer, const char *first)
{
	struct tb_loop *loop = peer->stage->bridge.loop;
	struct early early = {.peer = peer};
	_cleanup_buf_ struct tb_buf lines = TB_BUF_INIT(0);

	tb_buf_add_str(&lines, first);
	for (int i = 0; i < 20; i++)
		tb_buf_add_str(&lines, STATUS "\n");
	assert_int_equal(
		tb_loop_add_turn_end(loop, INT32_MIN, on_turn_end, &early, &early.look), 0);
	assert_int_equal(send(peer->fd, lines.data, lines.len, 0), lines.len);
	tb_source_arm(early.look);
	stage_settle(peer->stage);
	tb_source_remove(&early.look);
	assert_int_equal(count_lines(peer), first[0] ? 21 : 20);
	return early.lines;
}

static void
answers_that_wait_for_nothing_do_not_wait_for_the_others(void **state)
{
	struct stage *stage = stage_of(state);
	struct peer *peer = peer_new(stage, ALL_ROLES, "0:a");

	assert_in_range(come_early(peer, ""), 1, 19);
	/* a call that may change something is answered in this turn: nothing goes before its end */
	assert_int_equal(come_early(peer, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":"
					  "\"customer.create\",\"params\":{\"x\":1}}\n"),
		0);
	/* something of this turn is not on disk yet */
	assert_int_equal(tb_state_begin(stage->bridge.state), 0);
	assert_int_equal(come_early(peer, ""), 0);
	assert_in_range(come_early(peer, ""), 1, 19);
	peer_free(peer);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_line_of_a_mebibyte_is_read),
		T(a_longer_line_ends_the_connection),
		T(an_endless_line_ends_the_connection),
		T(lines_may_come_in_any_pieces),
		T(too_many_values),
		T(a_batch_has_a_limit),
		T(calls_in_flight_have_a_limit),
		T(replies_may_overtake_each_other),
		T(a_batch_waits_for_room),
		T(the_257th_client_is_told_and_closed),
		T(who_does_not_read_is_dropped),
		T(who_comes_back_goes_on),
		T(a_long_replay_is_no_backlog),
		T(who_does_not_take_answers_is_not_read),
		T(who_has_said_all_is_still_answered),
		T(who_hangs_up_leaves_nothing_behind),
		T(what_was_said_before_hanging_up_is_heard),
		T(no_client_is_remembered),
		T(claims_learn_who_has_gone),
		T(answers_that_wait_for_nothing_do_not_wait_for_the_others),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
