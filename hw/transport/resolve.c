/* SPDX-License-Identifier: MIT */
/*
 * getaddrinfo(3) blocks for as long as a name server is silent, and this house has no thread to
 * spare for it: a child asks, its answer comes through a pipe.
 */

#include "hw/transport/resolve.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#define ANSWER_MAX 4096

struct tb_resolve {
	struct tb_source *source;
	pid_t pid;
	int fd;
	uint16_t port;
	tb_resolved_fn fn;
	void *userdata;
	char answer[ANSWER_MAX];
	size_t len;
};

bool
tb_address_parse(const char *host, uint16_t port, struct tb_addresses *ret)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};

	if (ret->n == TB_ADDRESSES_MAX)
		return false;
	if (inet_pton(AF_INET, host, &v4.sin_addr) == 1)
		memcpy(&ret->list[ret->n++], &v4, sizeof(v4));
	else if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1)
		memcpy(&ret->list[ret->n++], &v6, sizeof(v6));
	else
		return false;
	return true;
}

/* Lines of "192.0.2.1   STREAM name"; each address comes once for each kind of socket. */
static void
read_answer(struct tb_resolve *resolve, struct tb_addresses *ret)
{
	char *lines = NULL, *line;

	resolve->answer[resolve->len] = '\0';
	for (line = strtok_r(resolve->answer, "\n", &lines); line;
		line = strtok_r(NULL, "\n", &lines)) {
		char *words = NULL, *host = strtok_r(line, " \t", &words);
		char *kind = strtok_r(NULL, " \t", &words);

		if (host && kind && strcmp(kind, "STREAM") == 0)
			tb_address_parse(host, resolve->port, ret);
	}
}

static void
child_answers(int fd, uint32_t events, void *userdata)
{
	struct tb_resolve *resolve = userdata;
	struct tb_addresses addresses = {.n = 0};
	size_t room = sizeof(resolve->answer) - 1 - resolve->len;
	ssize_t n = room ? read(fd, resolve->answer + resolve->len, room) : 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		resolve->len += (size_t)n;
		return;
	}
	tb_source_remove(&resolve->source);
	read_answer(resolve, &addresses);
	resolve->fn(&addresses, resolve->userdata);
}

static int
spawn_getent(const char *host, int out, pid_t *ret)
{
	char *const argv[] = {(char *)"getent", (char *)"--", (char *)"ahosts", (char *)host, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int r;

	sigemptyset(&none);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out, 1);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	r = posix_spawn(ret, "/usr/bin/getent", &actions, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return -r;
}

int
tb_resolve_start(struct tb_loop *loop, const char *host, uint16_t port, tb_resolved_fn fn,
	void *userdata, struct tb_resolve **ret)
{
	struct tb_resolve *resolve = calloc(1, sizeof(*resolve));
	_cleanup_close_ int out = -1;
	int fds[2], r;

	if (!resolve)
		return -ENOMEM;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
		free(resolve);
		return -errno;
	}
	*resolve = (struct tb_resolve){.fd = fds[0], .port = port, .fn = fn, .userdata = userdata};
	out = fds[1];
	r = spawn_getent(host, out, &resolve->pid);
	if (r == 0)
		r = tb_loop_add_fd(
			loop, resolve->fd, EPOLLIN, child_answers, resolve, &resolve->source);
	if (r < 0) {
		tb_resolve_free(resolve);
		return r;
	}
	*ret = resolve;
	return 0;
}

void
tb_resolve_free(struct tb_resolve *resolve)
{
	if (!resolve)
		return;
	tb_source_remove(&resolve->source);
	/* It has answered or is not wanted any more: killed, it is gone at once. */
	if (resolve->pid > 0) {
		kill(resolve->pid, SIGKILL);
		waitpid(resolve->pid, NULL, 0);
	}
	close(resolve->fd);
	free(resolve);
}
