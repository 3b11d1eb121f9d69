/* SPDX-License-Identifier: MIT */
/*
 * One client for every server that is compared: sends prepared requests over a unix socket or to a
 * port of this machine, so many in flight, and says how long the answers took. It knows of an
 * answer only where it ends.
 *
 *   load SOCKET|PORT line|resp|http CONNECTIONS IN_FLIGHT COUNT REQUESTS
 *
 * REQUESTS is a file of requests, each behind its length (4 bytes, this machine's order); they are
 * sent in turn, from the first again. Prints: p50_us p99_us per_second errors
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define IN_FLIGHT_MAX 4096
#define BUFFER (1 << 20)

struct connection {
	int fd;
	char *in;
	size_t in_len;
	uint64_t sent_ns[IN_FLIGHT_MAX]; /* ring: answers of one connection are taken to come in
	                                    order */
	unsigned first, in_flight;
};

static struct {
	const uint8_t *data;
	size_t len, at;
} requests;

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static void
load_requests(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		die(path);
	requests.len = (size_t)st.st_size;
	requests.data = mmap(NULL, requests.len, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (requests.data == MAP_FAILED)
		die(path);
	close(fd);
}

static const uint8_t *
next_request(size_t *ret_len)
{
	uint32_t len;
	const uint8_t *request;

	if (requests.at + sizeof(len) > requests.len)
		requests.at = 0;
	memcpy(&len, requests.data + requests.at, sizeof(len));
	request = requests.data + requests.at + sizeof(len);
	requests.at += sizeof(len) + len;
	*ret_len = len;
	return request;
}

/* The length of the first whole answer, 0 when there is none yet. */
static size_t
line_end(const char *in, size_t len)
{
	const char *newline = memchr(in, '\n', len);

	return newline ? (size_t)(newline - in) + 1 : 0;
}

/* A bulk string "$300\r\n…\r\n", "$-1\r\n", or a line. */
static size_t
resp_end(const char *in, size_t len)
{
	const char *newline = memchr(in, '\n', len);
	size_t head = newline ? (size_t)(newline - in) + 1 : 0;
	long bulk;

	if (head == 0 || *in != '$')
		return head;
	bulk = strtol(in + 1, NULL, 10);
	if (bulk < 0)
		return head;
	return len >= head + (size_t)bulk + 2 ? head + (size_t)bulk + 2 : 0;
}

/* A head with Content-Length, and so many bytes. */
static size_t
http_end(const char *in, size_t len)
{
	static const char name[] = "Content-Length: ";
	const char *end = memmem(in, len, "\r\n\r\n", 4), *said;
	size_t head = end ? (size_t)(end - in) + 4 : 0, body;

	said = end ? memmem(in, head, name, sizeof(name) - 1) : NULL;
	if (!said)
		return head;
	body = strtoul(said + sizeof(name) - 1, NULL, 10);
	return len >= head + body ? head + body : 0;
}

static bool
is_error(const char *in, size_t len)
{
	if (len > 12 && memcmp(in, "HTTP/1.1 ", 9) == 0)
		return memcmp(in + 9, "200", 3) != 0;
	return *in == '-' || (*in == '{' && memmem(in, len, "\"error\":{\"code\"", 15) != NULL);
}

static int
connect_port(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		die("port");
	return fd;
}

static int
connect_path(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die(path);
	return fd;
}

static void
connect_to(struct connection *c, const char *where, bool hello)
{
	c->fd = where[0] == '/' ? connect_path(where) : connect_port((uint16_t)atoi(where));
	c->in = malloc(BUFFER);
	if (!c->in)
		die(where);
	while (hello) {
		ssize_t n = read(c->fd, c->in, BUFFER);

		if (n <= 0)
			die("hello");
		hello = !memchr(c->in, '\n', (size_t)n);
	}
}

/* Sends as many as there is room for, each by itself: they stand for so many callers. */
static unsigned
fill(struct connection *c, unsigned in_flight, unsigned left)
{
	unsigned sent = 0;

	for (; c->in_flight < in_flight && sent < left; sent++) {
		size_t len, done = 0;
		const uint8_t *request = next_request(&len);

		c->sent_ns[(c->first + c->in_flight++) % IN_FLIGHT_MAX] = now_ns();
		while (done < len) {
			ssize_t n = write(c->fd, request + done, len - done);

			if (n < 0)
				die("write");
			done += (size_t)n;
		}
	}
	return sent;
}

struct result {
	uint64_t *ns;
	unsigned count, errors;
};

static void
take(struct connection *c, size_t (*end)(const char *, size_t), struct result *result)
{
	ssize_t n = read(c->fd, c->in + c->in_len, BUFFER - c->in_len);
	uint64_t at = now_ns();
	size_t done = 0, len;

	if (n <= 0)
		die("read");
	c->in_len += (size_t)n;
	while ((len = end(c->in + done, c->in_len - done)) > 0) {
		result->errors += is_error(c->in + done, len);
		result->ns[result->count++] = at - c->sent_ns[c->first];
		c->first = (c->first + 1) % IN_FLIGHT_MAX;
		c->in_flight--;
		done += len;
	}
	memmove(c->in, c->in + done, c->in_len - done);
	c->in_len -= done;
}

static int
by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

int
main(int argc, char *argv[])
{
	unsigned connections = argc == 7 ? (unsigned)atoi(argv[3]) : 0;
	unsigned in_flight = argc == 7 ? (unsigned)atoi(argv[4]) : 0;
	unsigned count = argc == 7 ? (unsigned)atoi(argv[5]) : 0, sent = 0;
	bool line = argc == 7 && strcmp(argv[2], "line") == 0;
	bool http = argc == 7 && strcmp(argv[2], "http") == 0;
	struct connection *all = calloc(connections + 1, sizeof(*all));
	struct pollfd *fds = calloc(connections + 1, sizeof(*fds));
	struct result result = {.ns = calloc(count + 1, sizeof(uint64_t))};
	uint64_t begin;

	if (!connections || !in_flight || in_flight > IN_FLIGHT_MAX || !count || !all || !fds ||
		!result.ns) {
		fprintf(stderr,
			"usage: load SOCKET|PORT line|resp|http CONNECTIONS IN_FLIGHT COUNT "
			"REQUESTS\n");
		return 2;
	}
	load_requests(argv[6]);
	for (unsigned i = 0; i < connections; i++) {
		connect_to(&all[i], argv[1], line);
		fds[i] = (struct pollfd){.fd = all[i].fd, .events = POLLIN};
	}
	begin = now_ns();
	for (unsigned i = 0; i < connections; i++)
		sent += fill(&all[i], in_flight, count - sent);
	while (result.count < count) {
		if (connections > 1 && poll(fds, connections, -1) < 0)
			die("poll");
		for (unsigned i = 0; i < connections; i++) {
			if (connections > 1 && !fds[i].revents)
				continue;
			take(&all[i], line ? line_end : http ? http_end : resp_end, &result);
			sent += fill(&all[i], in_flight, count - sent);
		}
	}
	begin = now_ns() - begin;
	qsort(result.ns, count, sizeof(uint64_t), by_size);
	printf("%.2f %.2f %.0f %u\n", (double)result.ns[count / 2] / 1e3,
		(double)result.ns[(uint64_t)count * 99 / 100] / 1e3, count / ((double)begin / 1e9),
		result.errors);
	return 0;
}
