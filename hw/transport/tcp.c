/* SPDX-License-Identifier: MIT */
/*
 * A printer behind a port of the network, 9100 as a rule. Such a port serves one client at a time
 * and stops reading when the paper is out, so nothing here concludes from silence that the printer
 * is gone; only a connection that was never made, was closed or broke is.
 */

#include "hw/transport/transport.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "hw/transport/resolve.h"

#define CONNECT_US (5 * UINT64_C(1000000))
#define HOST_MAX 256

/* A cable that was pulled is noticed at rest, by the kernel, which wakes nobody for it. */
#define KEEP_IDLE_S 60
#define KEEP_INTERVAL_S 10
#define KEEP_COUNT 3

struct tcp {
	struct tb_stream stream;
	struct tb_loop *loop;
	struct tb_stream_handler handler;
	void *userdata;
	char host[HOST_MAX];
	uint16_t port;
	struct tb_resolve *resolve;
	struct tb_addresses addresses;
	size_t tried;
	int fd;
	struct tb_source *source;
	struct tb_source *timer; /* until it is open: the deadline; later: `lost` is due */
	bool open, want_write;
	int error;  /* why it is lost */
	bool *gone; /* set when the stream is freed within a callback */
};

static struct tcp *
to_tcp(struct tb_stream *stream)
{
	return container_of(stream, struct tcp, stream);
}

static void
say_why(const struct tcp *tcp, char *out, size_t size)
{
	switch (-tcp->error) {
	case ECONNREFUSED:
		snprintf(out, size,
			"%s port %u refuses the connection: switch the printer on, or end the "
			"other "
			"program that is connected to it, as it serves one at a time",
			tcp->host, tcp->port);
		break;
	case ETIMEDOUT:
		snprintf(out, size,
			"%s port %u does not answer: switch it on, and see to the cable", tcp->host,
			tcp->port);
		break;
	case EADDRNOTAVAIL:
		snprintf(out, size,
			"the name %s is not known to this network: correct it, or write the "
			"address in numbers",
			tcp->host);
		break;
	case EPIPE:
		snprintf(out, size,
			"%s port %u has closed the connection: switch the printer off and on, or "
			"end the other program that uses it",
			tcp->host, tcp->port);
		break;
	default:
		snprintf(out, size, "%s port %u: %s; check the cable and the address", tcp->host,
			tcp->port, strerror(-tcp->error));
		break;
	}
}

static void
tell_lost(struct tcp *tcp)
{
	char why[512];

	tb_source_remove(&tcp->source);
	tb_source_set_timer(tcp->timer, TB_NEVER);
	say_why(tcp, why, sizeof(why));
	tcp->handler.lost(tcp->error, why, tcp->userdata);
}

/* `lost` is told by the loop, since a call of the user's own may have found out. */
static void
lose(struct tcp *tcp, int error)
{
	if (tcp->error)
		return;
	tcp->error = error;
	tb_source_set_timer_in(tcp->timer, 0);
}

static uint32_t
events_wanted(const struct tcp *tcp)
{
	return EPOLLIN | EPOLLRDHUP | (tcp->want_write ? (uint32_t)EPOLLOUT : 0);
}

static int connect_next(struct tcp *tcp);

/* The outcome of a connect that was under way. */
static void
connected(struct tcp *tcp)
{
	const int on = 1, idle = KEEP_IDLE_S, interval = KEEP_INTERVAL_S, count = KEEP_COUNT;
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(tcp->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error) {
		tcp->error = -error;
		if (connect_next(tcp) < 0)
			tell_lost(tcp);
		return;
	}
	tcp->error = 0;
	tcp->open = true;
	tb_source_set_timer(tcp->timer, TB_NEVER);
	tb_source_set_events(tcp->source, events_wanted(tcp));
	setsockopt(tcp->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(tcp->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(tcp->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(tcp->fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(tcp->fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
	tcp->handler.opened(tcp->userdata);
}

static void
ready(int fd, uint32_t events, void *userdata)
{
	struct tcp *tcp = userdata;
	bool gone = false;

	if (!tcp->open) {
		connected(tcp);
		return;
	}
	tcp->gone = &gone;
	if (events & EPOLLIN)
		tcp->handler.readable(tcp->userdata);
	if (!gone && !tcp->error && (events & EPOLLOUT) && tcp->want_write)
		tcp->handler.writable(tcp->userdata);
	if (gone)
		return;
	tcp->gone = NULL;
	/* EPOLLIN without an end: there is more to read, and the end comes with it. */
	if (!tcp->error && (events & (EPOLLHUP | EPOLLERR)) && !(events & EPOLLIN)) {
		int error = 0;
		socklen_t len = sizeof(error);

		getsockopt(tcp->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		tcp->error = error ? -error : -EPIPE;
	}
	if (tcp->error)
		tell_lost(tcp);
}

static void
drop_socket(struct tcp *tcp)
{
	tb_source_remove(&tcp->source);
	if (tcp->fd >= 0)
		close(tcp->fd);
	tcp->fd = -1;
}

/* Begins with the next address; negative when there is none left, tcp->error says why. */
static int
connect_next(struct tcp *tcp)
{
	drop_socket(tcp);
	while (tcp->tried < tcp->addresses.n) {
		const struct sockaddr_storage *address = &tcp->addresses.list[tcp->tried++];
		socklen_t len = address->ss_family == AF_INET ? sizeof(struct sockaddr_in)
		                                              : sizeof(struct sockaddr_in6);

		tcp->fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (tcp->fd < 0) {
			tcp->error = -errno;
			continue;
		}
		if (connect(tcp->fd, (const struct sockaddr *)address, len) < 0 &&
			errno != EINPROGRESS) {
			tcp->error = -errno;
			drop_socket(tcp);
			continue;
		}
		tcp->error = tb_loop_add_fd(tcp->loop, tcp->fd, EPOLLOUT, ready, tcp, &tcp->source);
		return tcp->error;
	}
	if (tcp->error == 0)
		tcp->error = -EADDRNOTAVAIL;
	return -1;
}

static void
resolved(const struct tb_addresses *addresses, void *userdata)
{
	struct tcp *tcp = userdata;

	tcp->addresses = *addresses;
	if (connect_next(tcp) < 0)
		tell_lost(tcp);
}

/* The deadline of the opening, or the turn in which `lost` is told. */
static void
timer_fires(void *userdata)
{
	struct tcp *tcp = userdata;

	if (!tcp->open && !tcp->error)
		tcp->error = -ETIMEDOUT;
	tell_lost(tcp);
}

static ssize_t
tcp_read(struct tb_stream *stream, void *data, size_t size)
{
	struct tcp *tcp = to_tcp(stream);
	ssize_t n;

	if (tcp->error)
		return tcp->error;
	if (!tcp->open)
		return -EAGAIN;
	n = recv(tcp->fd, data, size, 0);
	if (n > 0)
		return n;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	lose(tcp, n == 0 ? -EPIPE : -errno);
	return tcp->error;
}

static ssize_t
tcp_write(struct tb_stream *stream, const void *data, size_t len)
{
	struct tcp *tcp = to_tcp(stream);
	ssize_t n;

	if (tcp->error)
		return tcp->error;
	if (!tcp->open || len == 0)
		return -EAGAIN;
	n = send(tcp->fd, data, len, MSG_NOSIGNAL);
	if (n > 0)
		return n;
	if (n == 0 || errno == EAGAIN || errno == EINTR || errno == ENOBUFS)
		return -EAGAIN;
	/* What the printer still said is read first: `lost` comes with the end of that. */
	if (errno == EPIPE)
		return -EAGAIN;
	lose(tcp, -errno);
	return tcp->error;
}

static void
tcp_want_write(struct tb_stream *stream, bool on)
{
	struct tcp *tcp = to_tcp(stream);

	if (tcp->want_write == on)
		return;
	tcp->want_write = on;
	if (tcp->open && tcp->source)
		tb_source_set_events(tcp->source, events_wanted(tcp));
}

static ssize_t
tcp_pending(struct tb_stream *stream)
{
	struct tcp *tcp = to_tcp(stream);
	int n = 0;

	if (!tcp->open || ioctl(tcp->fd, SIOCOUTQ, &n) < 0)
		return -ENOTSUP;
	return n;
}

static void
tcp_close(struct tb_stream *stream)
{
	struct tcp *tcp = to_tcp(stream);

	if (tcp->gone)
		*tcp->gone = true;
	tb_resolve_free(tcp->resolve);
	drop_socket(tcp);
	tb_source_remove(&tcp->timer);
	free(tcp);
}

static const struct tb_stream_ops tcp_ops = {
	.read = tcp_read,
	.write = tcp_write,
	.want_write = tcp_want_write,
	.pending = tcp_pending,
	.close = tcp_close,
};

/* "host:9100", "192.0.2.1:9100", "[2001:db8::1]:9100". */
static int
split_address(const char *address, char host[HOST_MAX], uint16_t *ret_port)
{
	const char *colon = strrchr(address, ':');
	size_t len = colon ? (size_t)(colon - address) : 0;
	unsigned long port;
	char *end;

	if (!colon || colon[1] < '0' || colon[1] > '9')
		return -EINVAL;
	port = strtoul(colon + 1, &end, 10);
	if (*end || port == 0 || port > UINT16_MAX)
		return -EINVAL;
	if (len >= 2 && address[0] == '[' && address[len - 1] == ']') {
		address++;
		len -= 2;
	} else if (memchr(address, ':', len)) {
		return -EINVAL;
	}
	if (len == 0 || len >= HOST_MAX)
		return -EINVAL;
	memcpy(host, address, len);
	host[len] = '\0';
	*ret_port = (uint16_t)port;
	return 0;
}

static int
start(struct tcp *tcp)
{
	int r = tb_loop_add_timer(tcp->loop, 1000, timer_fires, tcp, &tcp->timer);

	if (r < 0)
		return r;
	tb_source_set_timer_in(tcp->timer, CONNECT_US);
	if (!tb_address_parse(tcp->host, tcp->port, &tcp->addresses))
		return tb_resolve_start(
			tcp->loop, tcp->host, tcp->port, resolved, tcp, &tcp->resolve);
	/* A refusal that is known already is told by the loop like any other. */
	if (connect_next(tcp) < 0)
		tb_source_set_timer_in(tcp->timer, 0);
	return 0;
}

int
tb_tcp_open(struct tb_loop *loop, const char *address, const struct tb_stream_settings *settings,
	const struct tb_stream_handler *handler, void *userdata, struct tb_stream **ret,
	char **ret_why)
{
	struct tcp *tcp = calloc(1, sizeof(*tcp));
	int r;

	if (!tcp)
		return -ENOMEM;
	*tcp = (struct tcp){.stream.ops = &tcp_ops,
		.loop = loop,
		.handler = *handler,
		.userdata = userdata,
		.fd = -1};
	r = split_address(address, tcp->host, &tcp->port);
	if (r < 0) {
		if (asprintf(ret_why, "tcp:%s is no address: tcp:HOST:PORT is meant", address) < 0)
			*ret_why = NULL;
		free(tcp);
		return r;
	}
	r = start(tcp);
	if (r < 0) {
		if (asprintf(ret_why, "tcp:%s cannot be tried (%s): restart tillbridge", address,
			    strerror(-r)) < 0)
			*ret_why = NULL;
		tcp_close(&tcp->stream);
		return r;
	}
	*ret = &tcp->stream;
	return 0;
}
