/* SPDX-License-Identifier: MIT */
/*
 * libmicrohttpd on the house's loop: its epoll descriptor nests in ours, its time-out is our timer.
 * A connection that does not bring a whole request in time is shut; it does not matter how slowly.
 */

#include "bridge/http/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include "base/log.h"
#include "base/why.h"
#include "bridge/bridge.h"

#define PEM_MAX ((size_t)1 << 20)
#define BEAT_US \
	(UINT64_C(25) * 1000000) /* a stream says something so often: proxies cut silence \
	                          */

/* Resumed connections are served by the next run: more of them than this can wait for a turn. */
#define RUNS_MAX 4

/* Sets it only to go off sooner: one that goes off in vain is cheaper than setting it each time. */
static void
go_off_at(struct tb_source *timer, uint64_t *at_us, uint64_t wanted_us)
{
	if (wanted_us >= *at_us)
		return;
	*at_us = wanted_us;
	tb_source_set_timer(timer, wanted_us);
}

static void
run(struct tb_http_state *state)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms = 0;
	bool more = true;

	for (int i = 0; i < RUNS_MAX && more && timeout_ms == 0; i++) {
		MHD_run(state->daemon);
		more = MHD_get_timeout(state->daemon, &timeout_ms) == MHD_YES;
	}
	if (more)
		go_off_at(state->timer, &state->timer_at_us,
			tb_loop_now_us(state->host->loop) + timeout_ms * 1000);
}

void
tb_http_run(struct tb_http_state *state)
{
	/* By the loop, never from within one of MHD's own callbacks. */
	if (!state->stopping)
		tb_source_arm(state->flush);
}

static void
on_ready(int fd, uint32_t events, void *userdata)
{
	run(userdata);
}

static void
on_timer(void *userdata)
{
	struct tb_http_state *state = userdata;

	state->timer_at_us = TB_NEVER;
	run(state);
}

static void
on_flush(void *userdata)
{
	run(userdata);
}

/* ---- connections that owe a request ---- */

static struct door_connection *
connection_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static void
owes(struct tb_http_state *state, struct door_connection *c, unsigned seconds)
{
	c->until_us = tb_loop_now_us(state->host->loop) + seconds * UINT64_C(1000000);
	go_off_at(state->overdue, &state->overdue_at_us, c->until_us);
}

/* MHD sees the end of it and closes it. */
static void
shut(struct door_connection *c)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		c->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	if (info)
		shutdown(info->connect_fd, SHUT_RDWR);
	c->until_us = TB_NEVER;
}

void
tb_http_request_begins(struct tb_http_state *state, struct MHD_Connection *connection)
{
	struct door_connection *c = connection_of(connection);
	uint64_t until_us;

	if (!c || c->until_us == TB_NEVER)
		return;
	until_us = c->until_us;
	owes(state, c, TB_HTTP_REQUEST_S);
	c->until_us = TB_MIN(c->until_us, until_us);
}

void
tb_http_request_is_whole(struct MHD_Connection *connection)
{
	struct door_connection *c = connection_of(connection);

	if (c)
		c->until_us = TB_NEVER;
}

/* When the next one begins is not told before its head is whole: both times are given at once. */
void
tb_http_request_ends(struct tb_http_state *state, struct MHD_Connection *connection)
{
	struct door_connection *c = connection_of(connection);

	if (!c)
		return;
	owes(state, c, TB_HTTP_IDLE_S + TB_HTTP_REQUEST_S);
	tb_list_remove(&c->node);
	tb_list_append(&state->connections, &c->node);
}

void
tb_http_is_known(struct MHD_Connection *connection)
{
	struct door_connection *c = connection_of(connection);

	if (c)
		c->known = true;
}

static void
on_overdue(void *userdata)
{
	struct tb_http_state *state = userdata;
	uint64_t now_us = tb_loop_now_us(state->host->loop), at_us = TB_NEVER;
	struct door_connection *c;

	tb_list_for_each(c, &state->connections, node) {
		if (c->until_us <= now_us)
			shut(c);
		at_us = TB_MIN(at_us, c->until_us);
	}
	state->overdue_at_us = TB_NEVER;
	go_off_at(state->overdue, &state->overdue_at_us, at_us);
	tb_http_run(state);
}

/*
 * There is always a place for one more: the one that has owed a request longest goes, those that
 * have shown no token first. So nobody who only opens connections keeps a till out.
 */
static void
make_room(struct tb_http_state *state)
{
	struct door_connection *c, *found = NULL;

	if (state->n_connections <= TB_HTTP_CONNECTIONS_MAX - TB_HTTP_CONNECTIONS_SPARE)
		return;
	tb_list_for_each(c, &state->connections, node) {
		if (c->until_us == TB_NEVER)
			continue;
		if (!found)
			found = c;
		if (!c->known) {
			found = c;
			break;
		}
	}
	if (found)
		shut(found);
	tb_http_run(state);
}

static void
on_connection(void *userdata, struct MHD_Connection *connection, void **context,
	enum MHD_ConnectionNotificationCode what)
{
	struct tb_http_state *state = userdata;
	struct door_connection *c = *context;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		c = calloc(1, sizeof(*c));
		if (!c)
			return;
		c->connection = connection;
		make_room(state);
		owes(state, c, TB_HTTP_REQUEST_S);
		tb_list_append(&state->connections, &c->node);
		state->n_connections++;
		*context = c;
		/* More may wait than are taken at a time, and that is not told again. */
		tb_http_run(state);
	} else if (c) {
		tb_list_remove(&c->node);
		state->n_connections--;
		free(c);
		*context = NULL;
	}
}

/* A name has no NUL in it: what stands behind one would not be seen. */
static size_t
unescape(void *userdata, struct MHD_Connection *connection, char *text)
{
	size_t len = MHD_http_unescape(text);

	for (char *p = text; (p = memchr(p, '\0', len - (size_t)(p - text)));)
		*p = '\x01';
	return len;
}

/* ---- answers ---- */

/* body is MHD's from here on. */
static enum MHD_Result
answer(struct exchange *x, unsigned status, const char *allow, char *body, size_t len)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		len, body, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result r;

	if (!response) {
		free(body);
		return MHD_NO;
	}
	MHD_add_response_header(response, "Content-Type",
		status == MHD_HTTP_OK ? "application/json" : "application/problem+json");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	if (allow)
		MHD_add_response_header(response, "Allow", allow);
	if (status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
	tb_http_common_headers(x, response);
	r = MHD_queue_response(x->connection, status, response);
	MHD_destroy_response(response);
	return r;
}

enum MHD_Result
tb_http_send(struct exchange *x)
{
	return answer(x, x->status, NULL, TAKE_PTR(x->answer), x->answer_len);
}

enum MHD_Result
tb_http_refuse(struct exchange *x, const char *word)
{
	char *body = NULL;
	unsigned status = x->state->host->problem(x->state->host, word, &body);

	if (!body)
		return MHD_NO;
	return answer(x, status,
		strcmp(word, "only_get") == 0    ? "GET, OPTIONS"
		: strcmp(word, "only_post") == 0 ? "POST, OPTIONS"
						 : NULL,
		body, strlen(body));
}

/* ---- start and stop ---- */

static int
read_pem(const char *path, bool secret, char **ret, char **ret_why)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(PEM_MAX);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n = 1;

	if (fd < 0 || fstat(fd, &st) < 0)
		return tb_why(-errno, ret_why, "[http] %s: %s", path, strerror(errno));
	if (secret && (st.st_mode & 007))
		return tb_why(-EPERM, ret_why,
			"[http] key %s can be read by everybody: chmod 600 it", path);
	while (n > 0 && tb_buf_reserve(&buf, 4096) == 0) {
		n = read(fd, buf.data + buf.len, 4096);
		if (n > 0)
			buf.len += (size_t)n;
	}
	if (n < 0 || tb_buf_error(&buf))
		return tb_why(-EIO, ret_why, "[http] %s cannot be read as PEM", path);
	if (buf.data)
		buf.data[buf.len] = '\0';
	*ret = tb_buf_take(&buf);
	return *ret ? 0 : -ENOMEM;
}

static int
read_address(const struct tb_http_host *host, struct sockaddr_storage *ret, bool *ret_loopback,
	char **ret_why)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, host->address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(host->port);
		*ret_loopback = (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
		return 0;
	}
	if (inet_pton(AF_INET6, host->address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(host->port);
		*ret_loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
		return 0;
	}
	return tb_why(-EINVAL, ret_why,
		"[http] listen = %s: a numeric address is meant, as 127.0.0.1", host->address);
}

static int
start_daemon(struct tb_http_state *state, const struct sockaddr_storage *address, char **ret_why)
{
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME |
	                 (address->ss_family == AF_INET6 ? MHD_USE_IPv6 : 0) |
	                 (state->key ? MHD_USE_TLS : 0);
	struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, state->certificate},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, state->key},
		{MHD_OPTION_END, 0, NULL},
	};
	struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};

	state->daemon = MHD_start_daemon(flags, 0, NULL, NULL, tb_http_access, state,
		MHD_OPTION_SOCK_ADDR, (const struct sockaddr *)address,
		MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)TB_HTTP_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		TB_HTTP_HEADER_BYTES, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TB_HTTP_IDLE_S,
		MHD_OPTION_NOTIFY_COMPLETED, tb_http_completed, state, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, state, MHD_OPTION_ARRAY, state->key ? tls : none, MHD_OPTION_END);
	if (!state->daemon)
		return tb_why(-EADDRINUSE, ret_why,
			"[http] cannot listen on %s port %u: is the port taken, and do certificate "
			"and key belong together?",
			state->host->address, state->host->port);
	return 0;
}

static void
on_beat(void *userdata)
{
	struct tb_http_state *state = userdata;

	tb_http_streams_wake(state);
	if (state->n_streams > 0)
		tb_source_set_timer_in(state->beat, BEAT_US);
}

static int
watch(struct tb_http_state *state)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(
		state->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	if (!info)
		return -EIO;
	return tb_loop_add_fd(state->host->loop, info->epoll_fd, EPOLLIN | EPOLLET, on_ready, state,
		&state->ready);
}

static void
http_stop(struct tb_http_state *state)
{
	struct exchange *x;

	state->stopping = true;
	tb_http_streams_end(state);
	tb_list_for_each(x, &state->exchanges, node)
		if (x->suspended) {
			x->suspended = false;
			MHD_resume_connection(x->connection);
		}
	tb_source_remove(&state->ready);
	if (state->daemon)
		MHD_stop_daemon(state->daemon);
	tb_source_remove(&state->timer);
	tb_source_remove(&state->flush);
	tb_source_remove(&state->overdue);
	tb_source_remove(&state->beat);
	free(state->certificate);
	if (state->key)
		explicit_bzero(state->key, strlen(state->key));
	free(state->key);
	free(state);
}

static int
prepare(struct tb_http_state *state, struct sockaddr_storage *address, char **ret_why)
{
	const struct tb_http_host *host = state->host;
	bool loopback = false;
	int r = read_address(host, address, &loopback, ret_why);

	if (r < 0)
		return r;
	if (!host->certificate != !host->key)
		return tb_why(-EINVAL, ret_why, "[http] certificate and key go together");
	if (!host->key && !loopback)
		return tb_why(-EINVAL, ret_why,
			"[http] listen = %s: without certificate and key only a loopback address "
			"is allowed",
			host->address);
	if (host->key) {
		r = read_pem(host->certificate, false, &state->certificate, ret_why);
		if (r == 0)
			r = read_pem(host->key, true, &state->key, ret_why);
	}
	return r;
}

static int
http_start(const struct tb_http_host *host, struct tb_http_state **ret, char **ret_why)
{
	struct tb_http_state *state = calloc(1, sizeof(*state));
	struct sockaddr_storage address;
	int r;

	*ret_why = NULL;
	if (!state)
		return -ENOMEM;
	state->host = host;
	state->timer_at_us = state->overdue_at_us = TB_NEVER;
	tb_list_init(&state->connections);
	tb_list_init(&state->exchanges);
	tb_list_init(&state->streams);
	r = prepare(state, &address, ret_why);
	if (r == 0)
		r = tb_loop_add_timer(host->loop, 1000, on_timer, state, &state->timer);
	if (r == 0)
		r = tb_loop_add_turn_end(host->loop, TB_RANK_FLUSH, on_flush, state, &state->flush);
	if (r == 0)
		r = tb_loop_add_timer(host->loop, 1000000, on_overdue, state, &state->overdue);
	if (r == 0)
		r = tb_loop_add_timer(host->loop, 1000000, on_beat, state, &state->beat);
	if (r == 0)
		r = start_daemon(state, &address, ret_why);
	if (r == 0)
		r = watch(state);
	if (r < 0) {
		http_stop(state);
		return r;
	}
	*ret = state;
	return 0;
}

static uint16_t
http_port(const struct tb_http_state *state)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(
		state->daemon, MHD_DAEMON_INFO_BIND_PORT);

	return info ? info->port : 0;
}

static void
http_wake(struct tb_http_state *state)
{
	if (state->n_streams == 0)
		return;
	tb_source_set_timer_in(state->beat, 0);
}

TB_EXPORT extern const struct tb_http tb_http;
const struct tb_http tb_http = {
	.abi = TB_HTTP_ABI,
	.start = http_start,
	.port = http_port,
	.wake = http_wake,
	.stop = http_stop,
};
