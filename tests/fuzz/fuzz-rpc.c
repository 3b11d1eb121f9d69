/* SPDX-License-Identifier: MIT */
/*
 * Bytes of a client, given to the socket whole and then in awkward pieces: whatever they are, each
 * line that comes back is JSON, both ways give the same number of them, and nothing stays behind.
 * The first byte chooses the pieces. No device and no connector is there: it is about the door.
 */

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "bridge/conf.h"
#include "bridge/counter.h"
#include "bridge/events.h"
#include "bridge/rpc/check.h"
#include "bridge/rpc/codec.h"
#include "bridge/rpc/methods.h"
#include "bridge/rpc/rpc.h"
#include "bridge/state.h"
#include "tests/virtual-loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not `device`: those methods end in parts that are not there. */
#define ROLES (TB_ROLE_MONITOR | TB_ROLE_TILL | TB_ROLE_MANAGER)

#define must(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

static struct tb_bridge bridge;
static char dir[] = "/tmp/tillbridge-fuzz-XXXXXX";

static void
clean_up(void)
{
	static const char *const files[] = {"state.db", "state.db-wal", "state.db-shm"};
	char path[128];

	tb_bridge_stop(&bridge);
	tb_conf_free(bridge.conf);
	tb_virtual_loop_free(bridge.loop);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	rmdir(dir);
}

static void
start(void)
{
	char *why;

	must(mkdtemp(dir));
	bridge.state_dir = bridge.runtime_dir = dir;
	bridge.loop = tb_virtual_loop_new();
	must(bridge.loop);
	must(tb_conf_new(&bridge.conf) == 0);
	must(tb_state_new(&bridge, dir, &bridge.state, &why) == 0);
	must(tb_events_new(&bridge, &bridge.events) == 0);
	must(tb_rpc_new(&bridge, NULL, &bridge.rpc, &why) == 0);
	must(tb_counter_new(&bridge, &bridge.counter) == 0);
	atexit(clean_up);
}

/* Lines that have come; each must be JSON. */
static size_t
take_lines(struct tb_buf *in)
{
	size_t n = 0;
	char *end;

	while (in->len > 0 && (end = memchr(in->data, '\n', in->len))) {
		json_t *line = json_loadb(in->data, (size_t)(end - in->data),
			JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

		must(line);
		json_decref(line);
		tb_buf_consume(in, (size_t)(end - in->data) + 1);
		n++;
	}
	return n;
}

/* True while the connection stands. */
static bool
read_all(int fd, struct tb_buf *in)
{
	char chunk[16384];
	ssize_t n;

	do {
		tb_virtual_loop_settle(bridge.loop);
		n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT);
		if (n > 0)
			tb_buf_add(in, chunk, (size_t)n);
	} while (n > 0);
	return n < 0 && errno == EAGAIN;
}

static size_t
play(const uint8_t *data, size_t size, size_t piece)
{
	_cleanup_buf_ struct tb_buf in = TB_BUF_INIT(0);
	size_t lines = 0;
	bool open = true;
	int fds[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
	must(tb_rpc_adopt(bridge.rpc, fds[1], ROLES, "0:fuzz") == 0);
	while (size > 0 && open) {
		ssize_t n = send(fds[0], data, TB_MIN(size, piece), MSG_NOSIGNAL);

		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
		open = read_all(fds[0], &in) && (n > 0 || errno == EAGAIN);
		lines += take_lines(&in);
	}
	read_all(fds[0], &in);
	lines += take_lines(&in);
	must(in.len == 0);
	close(fds[0]);
	tb_virtual_loop_settle(bridge.loop);
	must(tb_rpc_clients(bridge.rpc) == 0);
	return lines;
}

/* What is taken as a plain call is one, and the same one, to the parser of everything. */
static void
compare(const char *text, size_t size, const struct tb_codec_facts *facts)
{
	struct tb_codec_call call;
	struct tb_codec_line line = {};
	json_t *params, *id;

	if (!tb_codec_plain(text, size, facts, &call))
		return;
	params = tb_codec_plain_params(&call);
	if (!params)
		return;
	must(tb_codec_parse(text, size, &line) == 0 && !line.doubled[0]);
	id = json_loadb(call.id, call.id_len, JSON_DECODE_ANY, NULL);
	must(id && json_equal(id, json_object_get(line.root, "id")));
	must(json_string_length(json_object_get(line.root, "method")) == call.method_len);
	must(memcmp(json_string_value(json_object_get(line.root, "method")), call.method,
		     call.method_len) == 0);
	must(!call.params || json_equal(params, json_object_get(line.root, "params")));
	must(!call.params == !json_object_get(line.root, "params"));
	json_decref(id);
	json_decref(params);
	tb_codec_line_done(&line);
}

/* Parameters of every method, whatever role it needs. */
static void
check(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = malloc(size + 1);
	struct tb_codec_facts facts;
	struct tb_codec_line line;
	const struct tb_method *method;
	const char *name;

	must(text);
	memcpy(text, data, size);
	if (tb_codec_look(text, size, &facts) < 0)
		return;
	compare(text, size, &facts);
	if (tb_codec_parse(text, size, &line) < 0)
		return;
	name = json_string_value(json_object_get(line.root, "method"));
	method = name ? tb_method_find(name) : NULL;
	if (method && json_is_object(json_object_get(line.root, "params"))) {
		struct tb_check checked = {.tolerant = method->flags & TB_METHOD_TOLERANT};

		tb_check_params(&checked, &method->params, json_object_get(line.root, "params"));
		tb_check_done(&checked);
	}
	tb_codec_line_done(&line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t whole;

	if (!bridge.loop)
		start();
	if (size == 0)
		return 0;
	whole = play(data + 1, size - 1, SIZE_MAX);
	if (size < 65536)
		must(play(data + 1, size - 1, data[0] % 61 + 1) == whole);
	check(data + 1, size - 1);
	return 0;
}
