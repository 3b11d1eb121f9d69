/* SPDX-License-Identifier: MIT */
/*
 * One connection to the bridge: lines out, lines in, and who each of them is for. Answers are kept
 * by the number of their call, notifications in the order they came; what nobody waits for is
 * dropped.
 */
#include "json.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct call {
	uint64_t id; /* 0: the place is free */
	char *line;  /* its answer, when that has come */
};

struct notice {
	struct notice *next;
	char *line;
};

struct tillbridge {
	int fd;
	int error; /* once the connection is lost: every call ends with it */
	char *hello;
	uint64_t last_id;
	struct call calls[TILLBRIDGE_CALLS_MAX];
	struct notice *notices, **notices_end;
	unsigned n_notices;
	int overflow; /* notifications were thrown away and nobody was told yet */

	char *in; /* bytes that came, of which the first `seen` hold no newline */
	size_t in_len, in_cap, seen;
};

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t
deadline_in(int timeout_ms)
{
	return timeout_ms < 0 ? INT64_MAX : now_ms() + timeout_ms;
}

/* Waits until the descriptor can do one of the events. 0, -ETIMEDOUT or the error of poll(). */
static int
wait_for(int fd, short events, int64_t deadline, short *ret)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		int64_t left = deadline == INT64_MAX ? -1 : deadline - now_ms();
		int n;

		if (left < 0 && deadline != INT64_MAX)
			left = 0;
		n = poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left);
		if (n > 0) {
			*ret = p.revents;
			return 0;
		}
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

static int
lose(struct tillbridge *till, int error)
{
	if (!till->error)
		till->error = error;
	return till->error;
}

static void
keep_notice(struct tillbridge *till, char *line)
{
	struct notice *notice = NULL;

	if (till->n_notices < TILLBRIDGE_NOTICES_MAX)
		notice = malloc(sizeof(*notice));
	if (!notice) {
		till->overflow = 1;
		free(line);
		return;
	}
	*notice = (struct notice){.line = line};
	*till->notices_end = notice;
	till->notices_end = &notice->next;
	till->n_notices++;
}

/* Takes the line: to the call it answers, to the notifications, or away. */
static void
sort_line(struct tillbridge *till, char *line)
{
	int64_t id;

	if (tillbridge_find(line, "/method", NULL)) {
		keep_notice(till, line);
		return;
	}
	if (tillbridge_integer(line, "/id", &id) == 0 && id > 0)
		for (size_t i = 0; i < TILLBRIDGE_CALLS_MAX; i++)
			if (till->calls[i].id == (uint64_t)id && !till->calls[i].line) {
				till->calls[i].line = line;
				return;
			}
	free(line);
}

/* Sorts every whole line among the bytes that came. */
static int
sort_lines(struct tillbridge *till)
{
	size_t done = 0;

	for (;;) {
		char *from = till->in + till->seen;
		char *newline = memchr(from, '\n', till->in_len - till->seen);
		char *line;

		if (!newline)
			break;
		*newline = '\0';
		line = strdup(till->in + done);
		if (!line)
			return lose(till, -ENOMEM);
		sort_line(till, line);
		done = till->seen = (size_t)(newline - till->in) + 1;
	}
	till->seen = till->in_len - done;
	if (done > 0 && till->seen > 0)
		memmove(till->in, till->in + done, till->seen);
	till->in_len = till->seen;
	return 0;
}

static int
make_room(struct tillbridge *till)
{
	size_t cap = till->in_cap ? till->in_cap * 2 : 4096;
	char *in;

	if (till->in_len < till->in_cap)
		return 0;
	if (cap > TILLBRIDGE_LINE_MAX)
		return lose(till, -EMSGSIZE);
	in = realloc(till->in, cap);
	if (!in)
		return lose(till, -ENOMEM);
	till->in = in;
	till->in_cap = cap;
	return 0;
}

/* Reads what is there and sorts it. 0 also when nothing is. */
static int
receive(struct tillbridge *till)
{
	for (;;) {
		size_t room;
		ssize_t n;

		if (make_room(till) < 0)
			return till->error;
		room = till->in_cap - till->in_len;
		n = recv(till->fd, till->in + till->in_len, room, MSG_DONTWAIT);
		if (n == 0)
			return lose(till, -EPIPE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : lose(till, -EPIPE);
		till->in_len += (size_t)n;
		if (sort_lines(till) < 0)
			return till->error;
		if ((size_t)n < room)
			return 0;
	}
}

/* Waits for bytes and sorts them. What came before the bridge went is still there to be asked for.
 */
static int
wait_lines(struct tillbridge *till, int64_t deadline)
{
	short revents;
	int r;

	if (till->error)
		return till->error;
	r = wait_for(till->fd, POLLIN, deadline, &revents);
	return r < 0 ? r : receive(till);
}

/*
 * Writes the whole line. While the bridge does not read, what it writes is read, so that neither
 * side waits for the other. A line that was cut by the time-out cannot be taken back: the
 * connection is lost.
 */
static int
send_line(struct tillbridge *till, const char *line, size_t len, int64_t deadline)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = send(till->fd, line + done, len - done, MSG_DONTWAIT | MSG_NOSIGNAL);
		short revents = 0;
		int r;

		if (n >= 0) {
			done += (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return lose(till, -EPIPE);
		r = wait_for(till->fd, POLLIN | POLLOUT, deadline, &revents);
		if (r == 0 && (revents & POLLIN))
			r = receive(till);
		if (r < 0)
			return done > 0 ? lose(till, r) : r;
	}
	return 0;
}

static struct call *
find_call(struct tillbridge *till, uint64_t id)
{
	for (size_t i = 0; i < TILLBRIDGE_CALLS_MAX; i++)
		if (till->calls[i].id == id)
			return &till->calls[i];
	return NULL;
}

static void
free_call(struct call *call)
{
	free(call->line);
	*call = (struct call){0};
}

/* Newlines between the values of params are allowed to the caller and not on the wire. */
static void
flatten(char *text)
{
	for (; *text; text++)
		if (*text == '\n' || *text == '\r')
			*text = ' ';
}

static int
make_line(uint64_t id, const char *method, const char *params, char **ret, size_t *ret_len)
{
	const char *end;
	char *quoted, *line;
	int n;

	params = tillbridge_skip_space(params ? params : "{}");
	end = *params == '{' ? tillbridge_skip_value(params) : NULL;
	if (!end || *tillbridge_skip_space(end))
		return -EINVAL;
	if (end - params > TILLBRIDGE_SEND_MAX)
		return -EMSGSIZE;
	quoted = tillbridge_quote(method);
	if (!quoted)
		return -ENOMEM;
	n = asprintf(&line, "{\"jsonrpc\":\"2.0\",\"id\":%llu,\"method\":%s,\"params\":%.*s}",
		(unsigned long long)id, quoted, (int)(end - params), params);
	free(quoted);
	if (n < 0)
		return -ENOMEM;
	if (n + 1 > TILLBRIDGE_SEND_MAX) {
		free(line);
		return -EMSGSIZE;
	}
	flatten(line);
	line[n] = '\n';
	*ret = line;
	*ret_len = (size_t)n + 1;
	return 0;
}

int
tillbridge_send(struct tillbridge *till, const char *method, const char *params, int timeout_ms,
	uint64_t *ret_call)
{
	struct call *call = find_call(till, 0);
	char *line;
	size_t len;
	int r;

	if (till->error)
		return till->error;
	if (!call)
		return -EBUSY;
	r = make_line(till->last_id + 1, method, params, &line, &len);
	if (r < 0)
		return r;
	call->id = ++till->last_id;
	r = send_line(till, line, len, deadline_in(timeout_ms));
	free(line);
	if (r < 0) {
		free_call(call);
		return r;
	}
	*ret_call = till->last_id;
	return 0;
}

/* The text of a member of the line as a string of its own. */
static char *
member(const char *line, const char *pointer)
{
	size_t len;
	const char *at = tillbridge_find(line, pointer, &len);

	return at ? strndup(at, len) : NULL;
}

static int
take_answer(struct call *call, char **ret)
{
	int refused = tillbridge_find(call->line, "/error", NULL) != NULL;
	char *text = member(call->line, refused ? "/error" : "/result");
	int whole = text || refused || tillbridge_find(call->line, "/result", NULL);

	free_call(call);
	if (!text)
		return whole ? -ENOMEM : -EPROTO;
	*ret = text;
	return refused ? TILLBRIDGE_REFUSED : 0;
}

int
tillbridge_wait(struct tillbridge *till, uint64_t id, int timeout_ms, char **ret)
{
	int64_t deadline = deadline_in(timeout_ms);
	struct call *call = id ? find_call(till, id) : NULL;

	if (!call)
		return -ENOENT;
	while (!call->line) {
		int r = wait_lines(till, deadline);

		if (r < 0 && !call->line)
			return r;
	}
	return take_answer(call, ret);
}

void
tillbridge_forget(struct tillbridge *till, uint64_t id)
{
	struct call *call = id ? find_call(till, id) : NULL;

	if (call)
		free_call(call);
}

int
tillbridge_call(
	struct tillbridge *till, const char *method, const char *params, int timeout_ms, char **ret)
{
	int64_t deadline = deadline_in(timeout_ms);
	uint64_t id;
	int64_t left;
	int r;

	r = tillbridge_send(till, method, params, timeout_ms, &id);
	if (r < 0)
		return r;
	left = timeout_ms < 0 ? -1 : deadline - now_ms();
	r = tillbridge_wait(till, id, timeout_ms >= 0 && left < 0 ? 0 : (int)left, ret);
	if (r < 0)
		tillbridge_forget(till, id);
	return r;
}

static struct notice *
take_notice(struct tillbridge *till)
{
	struct notice *notice = till->notices;

	till->notices = notice->next;
	if (!till->notices)
		till->notices_end = &till->notices;
	till->n_notices--;
	return notice;
}

int
tillbridge_next(struct tillbridge *till, int timeout_ms, char **ret_method, char **ret_params)
{
	int64_t deadline = deadline_in(timeout_ms);
	struct notice *notice;
	char *method, *params;

	while (!till->notices) {
		int r = till->overflow ? -EOVERFLOW : wait_lines(till, deadline);

		if (r == -EOVERFLOW)
			till->overflow = 0;
		if (r < 0 && !till->notices)
			return r;
	}
	notice = take_notice(till);
	method = tillbridge_string(notice->line, "/method");
	params = member(notice->line, "/params");
	if (method && !params)
		params = strdup("{}");
	free(notice->line);
	free(notice);
	if (!method || !params) {
		free(method);
		free(params);
		return -ENOMEM;
	}
	*ret_method = method;
	*ret_params = params;
	return 0;
}

/* The first line is a hello, or an error with no id when there is no place left. */
static int
take_hello(struct tillbridge *till, int64_t deadline)
{
	char *method, *params;
	int64_t left = deadline == INT64_MAX ? -1 : deadline - now_ms();
	int r;

	r = tillbridge_next(till, left > INT_MAX ? INT_MAX : (int)left, &method, &params);
	if (r == -EPIPE)
		return -EBUSY;
	if (r < 0)
		return r;
	r = strcmp(method, "hello") == 0 ? 0 : -EPROTO;
	free(method);
	till->hello = params;
	return r;
}

static int
open_socket(const char *path, int *ret_fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, r;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	do
		r = connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno
		                                                                        : 0;
	while (r == -EINTR);
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int
tillbridge_connect(const char *path, int timeout_ms, struct tillbridge **ret)
{
	int64_t deadline = deadline_in(timeout_ms);
	struct tillbridge *till;
	int r;

	if (!path)
		path = getenv("TILLBRIDGE_SOCKET");
	if (!path)
		path = TILLBRIDGE_SOCKET;
	till = calloc(1, sizeof(*till));
	if (!till)
		return -ENOMEM;
	till->fd = -1;
	till->notices_end = &till->notices;
	r = open_socket(path, &till->fd);
	if (r == 0)
		r = take_hello(till, deadline);
	if (r < 0) {
		tillbridge_close(till);
		return r;
	}
	*ret = till;
	return 0;
}

void
tillbridge_close(struct tillbridge *till)
{
	if (!till)
		return;
	while (till->notices) {
		struct notice *notice = take_notice(till);

		free(notice->line);
		free(notice);
	}
	for (size_t i = 0; i < TILLBRIDGE_CALLS_MAX; i++)
		free_call(&till->calls[i]);
	if (till->fd >= 0)
		close(till->fd);
	free(till->hello);
	free(till->in);
	free(till);
}

const char *
tillbridge_hello(const struct tillbridge *till)
{
	return till->hello;
}

int
tillbridge_fd(const struct tillbridge *till)
{
	return till->fd;
}
