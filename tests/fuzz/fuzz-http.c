/* SPDX-License-Identifier: MIT */
/*
 * Bytes of an HTTP client, given to the door whole and then in awkward pieces: whatever they are,
 * what comes back is answers of HTTP, each of ours is JSON under its right type, both ways give the
 * same ones, and nothing stays behind. The first byte chooses the pieces; the word TOKEN becomes
 * one that was given out. No connector is there: it is about the door.
 */

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "bridge/conf.h"
#include "bridge/counter.h"
#include "bridge/events.h"
#include "bridge/http/door.h"
#include "bridge/http/listener.h"
#include "bridge/modules.h"
#include "bridge/rpc/request.h"
#include "bridge/rpc/rpc.h"
#include "bridge/state.h"
#include "bridge/tokens.h"
#include "tests/virtual-loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SEEN_MAX 512
#define STREAM_BEAT_US (UINT64_C(30) * 1000000)

#define must(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

/* What came back: the status of each answer, and of the last its head. */
struct seen {
	unsigned statuses[SEEN_MAX];
	size_t n;
	bool stream;
};

extern const struct tb_http tb_http;

static struct tb_bridge bridge;
static struct tb_http_state *listener;
static struct tb_http watched;
static char dir[] = "/tmp/tillbridge-fuzz-XXXXXX";
static char token[TB_TOKEN_TEXT];

/* ---- the door, without its module ---- */

static int
start_listener(const struct tb_http_host *host, struct tb_http_state **ret, char **ret_why)
{
	static struct tb_http_host mine;
	int r;

	mine = *host;
	mine.port = 0; /* whichever is free: nobody calls there */
	r = tb_http.start(&mine, ret, ret_why);
	listener = *ret;
	return r;
}

/* These two stand for bridge/modules.c: the module's code is linked here. */
int
tb_module_open(const char *name, const char *symbol, void **ret_handle, const void **ret_symbol,
	char **ret_why)
{
	watched = tb_http;
	watched.start = start_listener;
	*ret_handle = NULL;
	*ret_symbol = &watched;
	return 0;
}

void
tb_module_close(void *handle)
{
}

static void
clean_up(void)
{
	static const char *const files[] = {"state.db", "state.db-wal", "state.db-shm", "conf"};
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
configure(void)
{
	_cleanup_buf_ struct tb_buf problems = TB_BUF_INIT(0);
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/conf", dir);
	file = fopen(path, "w");
	must(file);
	fputs("[http]\nlisten = 127.0.0.1:7443\norigins = https://caisse.example "
	      "https://b.example\n",
		file);
	fclose(file);
	must(tb_conf_load(path, NULL, &bridge.conf, &problems) == 0);
}

static void
start(void)
{
	/* Not `device`, whose methods end in parts that are not there, nor `manager`, who could
	 * take the token away. */
	struct tb_token_peer peer = {.site = "s", .till = "t", .roles = TB_ROLE_TILL};
	char *why;

	must(mkdtemp(dir));
	bridge.state_dir = bridge.runtime_dir = dir;
	bridge.loop = tb_virtual_loop_new();
	must(bridge.loop);
	configure();
	must(tb_state_new(&bridge, dir, &bridge.state, &why) == 0);
	must(tb_events_new(&bridge, &bridge.events) == 0);
	must(tb_rpc_new(&bridge, NULL, &bridge.rpc, &why) == 0);
	must(tb_counter_new(&bridge, &bridge.counter) == 0);
	must(tb_tokens_new(&bridge, &bridge.tokens) == 0);
	must(tb_tokens_create(bridge.tokens, &peer, token) == 0);
	must(tb_door_new(&bridge, &bridge.door, &why) == 0);
	tb_virtual_loop_settle(bridge.loop);
	atexit(clean_up);
}

/* ---- what comes back ---- */

/* The value of a header of the head that ends at `end`; "" when it is not there. */
static const char *
value_of(const char *head, const char *end, const char *name, char *out, size_t size)
{
	char *at = memmem(head, (size_t)(end - head), name, strlen(name));

	out[0] = '\0';
	if (at) {
		at += strlen(name);
		snprintf(out, size, "%.*s", (int)strcspn(at, "\r"), at);
	}
	return out;
}

/* A body of ours is an object under its type; libmicrohttpd's own, for what is no request, is a
 * page. */
static void
check_body(unsigned status, const char *type, const char *body, size_t len)
{
	json_t *object;

	if (type[0] == '\0') {
		must(len == 0 || body[0] == '<');
		return;
	}
	must(strcmp(type, status == 200 ? "application/json" : "application/problem+json") == 0);
	object = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);
	must(json_is_object(object));
	if (status != 200) {
		must(json_integer_value(json_object_get(object, "status")) == status);
		must(json_is_string(json_object_get(object, "code")));
	}
	json_decref(object);
}

/* The bytes of the first whole answer, 0 when there is none yet. */
static size_t
take_answer(struct seen *seen, const char *in, size_t len)
{
	const char *end = memmem(in, len, "\r\n\r\n", 4);
	size_t head = end ? (size_t)(end - in) + 4 : 0, body;
	char text[64], type[64];
	unsigned status;

	if (!end)
		return 0;
	must(sscanf(in, "HTTP/1.%*1[01] %3u", &status) == 1);
	if (status == 100)
		return head;
	must(seen->n < SEEN_MAX);
	body = strtoul(value_of(in, end, "Content-Length: ", text, sizeof(text)), NULL, 10);
	value_of(in, end, "Content-Type: ", type, sizeof(type));
	if (strcmp(type, "text/event-stream") == 0) {
		must(status == 200);
		seen->statuses[seen->n++] = status;
		seen->stream = true;
		return len;
	}
	if (status == 204 || (status == 405 && len == head) ||
		(len >= head + 7 && memcmp(in + head, "HTTP/1.", 7) == 0))
		body = 0; /* an answer to HEAD says how long it would be */
	if (len < head + body)
		return 0;
	if (body > 0)
		check_body(status, type, in + head, body);
	seen->statuses[seen->n++] = status;
	return head + body;
}

/* True while the connection stands. */
static bool
read_all(int fd, struct tb_buf *in, struct seen *seen)
{
	char chunk[16384];
	ssize_t n;

	do {
		size_t done;

		tb_virtual_loop_settle(bridge.loop);
		n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT);
		if (n > 0 && !seen->stream)
			tb_buf_add(in, chunk, (size_t)n);
		while (in->len > 0 && (done = take_answer(seen, in->data, in->len)) > 0)
			tb_buf_consume(in, done);
	} while (n > 0);
	return n < 0 && errno == EAGAIN;
}

static void
play(const uint8_t *data, size_t size, size_t piece, struct seen *ret)
{
	struct sockaddr_un from = {.sun_family = AF_UNIX};
	_cleanup_buf_ struct tb_buf in = TB_BUF_INIT(0);
	bool open = true;
	int fds[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	must(MHD_add_connection(listener->daemon, fds[1], (struct sockaddr *)&from,
		     sizeof(from.sun_family)) == MHD_YES);
	tb_http_run(listener);
	while (size > 0 && open) {
		ssize_t n = send(fds[0], data, TB_MIN(size, piece), MSG_NOSIGNAL);

		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
		open = read_all(fds[0], &in, ret) && (n > 0 || errno == EAGAIN);
	}
	read_all(fds[0], &in, ret);
	close(fds[0]);
	/* A stream learns that its page is gone when it next says something. */
	for (int i = 0; i < 3 && !tb_list_empty(&listener->streams); i++)
		tb_virtual_loop_advance(bridge.loop, STREAM_BEAT_US);
	tb_virtual_loop_settle(bridge.loop);
	must(tb_list_empty(&listener->connections));
	must(tb_list_empty(&listener->exchanges));
	must(tb_list_empty(&listener->streams) && listener->n_streams == 0);
}

/* The input with the word TOKEN replaced. */
static void
with_token(const uint8_t *data, size_t size, struct tb_buf *out)
{
	const uint8_t *at;

	while (size > 0 && (at = memmem(data, size, "TOKEN", 5))) {
		tb_buf_add(out, data, (size_t)(at - data));
		tb_buf_add_str(out, token);
		size -= (size_t)(at - data) + 5;
		data = at + 5;
	}
	tb_buf_add(out, data, size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct tb_buf bytes = TB_BUF_INIT(0);
	struct seen whole = {}, pieces = {};

	if (!bridge.loop)
		start();
	if (size < 2)
		return 0;
	with_token(data + 1, size - 1, &bytes);
	play((uint8_t *)bytes.data, bytes.len, SIZE_MAX, &whole);
	if (size > 65536)
		return 0;
	play((uint8_t *)bytes.data, bytes.len, data[0] % 61 + 1, &pieces);
	must(whole.n == pieces.n && whole.stream == pieces.stream);
	must(memcmp(whole.statuses, pieces.statuses, whole.n * sizeof(whole.statuses[0])) == 0);
	return 0;
}
