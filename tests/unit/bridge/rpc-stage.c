/* SPDX-License-Identifier: MIT */
/* The stage and its clients. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "bridge/conf.h"
#include "bridge/counter.h"
#include "bridge/events.h"
#include "bridge/loyalty.h"
#include "bridge/rpc/rpc.h"
#include "bridge/state.h"
#include "tests/unit/bridge/rpc-stage.h"
#include "tests/virtual-loop.h"

static void
start(struct stage *stage, bool with_connector)
{
	struct tb_bridge *bridge = &stage->bridge;
	_cleanup_free_ char *why = NULL;

	bridge->state_dir = bridge->runtime_dir = stage->dir;
	bridge->loop = tb_virtual_loop_new();
	assert_non_null(bridge->loop);
	assert_int_equal(tb_conf_new(&bridge->conf), 0);
	bridge->conf->connector = "stage";
	bridge->conf->language = "en";
	assert_int_equal(tb_state_new(bridge, stage->dir, &bridge->state, &why), 0);
	assert_int_equal(tb_events_new(bridge, &bridge->events), 0);
	assert_int_equal(tb_rpc_new(bridge, NULL, &bridge->rpc, &why), 0);
	assert_int_equal(tb_counter_new(bridge, &bridge->counter), 0);
	if (with_connector && tb_loyalty_new(bridge, &bridge->loyalty, &why) < 0)
		fail_msg("%s", why);
}

static void
stop(struct stage *stage)
{
	tb_bridge_stop(&stage->bridge);
	tb_conf_free(stage->bridge.conf);
	tb_virtual_loop_free(stage->bridge.loop);
	stage->bridge = (struct tb_bridge){};
}

void
stage_open(struct stage *stage, bool with_connector)
{
	*stage = (struct stage){.dir = "/tmp/tillbridge-rpc-XXXXXX"};
	assert_non_null(mkdtemp(stage->dir));
	start(stage, with_connector);
}

void
stage_restart(struct stage *stage, bool with_connector)
{
	stop(stage);
	start(stage, with_connector);
}

void
stage_close(struct stage *stage)
{
	static const char *const files[] = {"state.db", "state.db-wal", "state.db-shm"};

	stop(stage);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char path[128];

		snprintf(path, sizeof(path), "%s/%s", stage->dir, files[i]);
		unlink(path);
	}
	rmdir(stage->dir);
}

void
stage_settle(struct stage *stage)
{
	tb_virtual_loop_settle(stage->bridge.loop);
}

struct peer *
peer_new_silent(struct stage *stage, uint32_t roles, const char *name)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	int fds[2];

	assert_non_null(peer);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	peer->stage = stage;
	peer->fd = fds[0];
	assert_int_equal(tb_rpc_adopt(stage->bridge.rpc, fds[1], roles, name), 0);
	return peer;
}

struct peer *
peer_new(struct stage *stage, uint32_t roles, const char *name)
{
	struct peer *peer = peer_new_silent(stage, roles, name);
	json_t *hello = peer_json(peer);

	assert_string_equal(json_string_value(json_object_get(hello, "method")), "hello");
	json_decref(hello);
	return peer;
}

void
peer_free(struct peer *peer)
{
	close(peer->fd);
	tb_buf_done(&peer->in);
	stage_settle(peer->stage);
	free(peer);
}

void
peer_write(struct peer *peer, const char *text, size_t len)
{
	for (int stuck = 0; len > 0 && stuck < 1000; stuck++) {
		ssize_t n = send(peer->fd, text, len, MSG_NOSIGNAL);

		if (n > 0) {
			text += n;
			len -= (size_t)n;
			stuck = 0;
		} else if (errno != EAGAIN) {
			return; /* closed: what comes back says why */
		}
		stage_settle(peer->stage);
	}
}

void
peer_say(struct peer *peer, const char *format, ...)
{
	_cleanup_buf_ struct tb_buf text = TB_BUF_INIT(0);
	va_list args;

	va_start(args, format);
	tb_buf_vaddf(&text, format, args);
	va_end(args);
	tb_buf_add_byte(&text, '\n');
	peer_write(peer, text.data, text.len);
}

/* What has come by now; false once the other end has closed. */
static bool
fill(struct peer *peer)
{
	char chunk[65536];
	ssize_t n;

	for (;;) {
		stage_settle(peer->stage);
		n = recv(peer->fd, chunk, sizeof(chunk), 0);
		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		tb_buf_add(&peer->in, chunk, (size_t)n);
	}
}

char *
peer_line(struct peer *peer)
{
	char *end = peer->in.len ? memchr(peer->in.data, '\n', peer->in.len) : NULL, *line;
	size_t len;

	if (!end) {
		fill(peer);
		end = peer->in.len ? memchr(peer->in.data, '\n', peer->in.len) : NULL;
	}
	if (!end)
		return NULL;
	len = (size_t)(end - peer->in.data);
	line = strndup(peer->in.data, len);
	assert_non_null(line);
	tb_buf_consume(&peer->in, len + 1);
	return line;
}

json_t *
peer_json(struct peer *peer)
{
	_cleanup_free_ char *line = peer_line(peer);
	json_t *json;

	assert_non_null(line);
	json = json_loads(line, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	if (!json)
		fail_msg("no JSON: %s", line);
	return json;
}

void
peer_nothing(struct peer *peer)
{
	_cleanup_free_ char *line = peer_line(peer);

	if (line)
		fail_msg("unexpected: %.300s", line);
}

void
peer_closed(struct peer *peer)
{
	bool open = fill(peer);

	if (peer->in.len > 0)
		fail_msg("unexpected: %.300s", peer->in.data);
	assert_false(open);
}

static const json_t *
error_data(const json_t *answer, int number, const char *code)
{
	const json_t *error = json_object_get(answer, "error");
	const json_t *data = json_object_get(error, "data");
	_cleanup_free_ char *text = json_dumps(answer, JSON_COMPACT);

	if (!error)
		fail_msg("no error: %.600s", text);
	if (json_integer_value(json_object_get(error, "code")) != number)
		fail_msg("%d expected: %.600s", number, text);
	assert_true(json_is_string(json_object_get(error, "message")));
	assert_string_equal(json_string_value(json_object_get(data, "code")), code);
	assert_true(json_is_boolean(json_object_get(data, "retryable")));
	assert_true(json_is_string(json_object_get(data, "detail")));
	assert_string_equal(json_string_value(json_object_get(answer, "jsonrpc")), "2.0");
	return data;
}

void
expect_error(struct peer *peer, const char *line, size_t len, int number, const char *code,
	const char *id)
{
	json_t *answer;
	_cleanup_free_ char *got = NULL;

	peer_write(peer, line, len);
	peer_write(peer, "\n", 1);
	answer = peer_json(peer);
	error_data(answer, number, code);
	got = json_dumps(json_object_get(answer, "id"), JSON_ENCODE_ANY | JSON_COMPACT);
	assert_non_null(got);
	assert_string_equal(got, id);
	json_decref(answer);
	peer_nothing(peer);
}

void
expect_fault(struct peer *peer, const char *method, const char *params, const char *pointer,
	const char *code)
{
	const json_t *errors, *first;
	json_t *answer;
	_cleanup_free_ char *text = NULL;

	peer_say(peer, "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"%s\",\"params\":%s}", method,
		params);
	answer = peer_json(peer);
	errors = json_object_get(error_data(answer, -32602, "invalid_params"), "errors");
	first = json_array_get(errors, 0);
	text = json_dumps(errors, JSON_COMPACT);
	if (json_array_size(errors) != 1 ||
		strcmp(json_string_value(json_object_get(first, "pointer")), pointer) != 0 ||
		strcmp(json_string_value(json_object_get(first, "code")), code) != 0)
		fail_msg("%s %s expected: %s", pointer, code, text);
	json_decref(answer);
}

json_t *
expect_result(struct peer *peer, const char *method, const char *params)
{
	json_t *answer, *result;
	_cleanup_free_ char *text = NULL;

	peer_say(peer, "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"%s\",\"params\":%s}", method,
		params);
	answer = peer_json(peer);
	text = json_dumps(answer, JSON_COMPACT);
	result = json_object_get(answer, "result");
	if (!result)
		fail_msg("no result: %.600s", text);
	json_incref(result);
	json_decref(answer);
	return result;
}
