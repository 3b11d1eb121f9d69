/* SPDX-License-Identifier: MIT */
/* The listening socket and the set of its clients. */

#include "bridge/rpc/rpc.h"

#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include "base/log.h"
#include "base/why.h"
#include "bridge/conf.h"
#include "bridge/rpc/access.h"
#include "bridge/rpc/client.h"

#define ACCEPT_MAX 64           /* connections taken in one turn */
#define ACCEPT_AGAIN_US 1000000 /* after the process ran out of descriptors */
#define LEAVING_MAX 64          /* last lines that are waited for at a time */

void
tb_rpc_mark(struct tb_client *client)
{
	if (client->state == TB_CLIENT_GONE)
		return;
	if (tb_list_empty(&client->dirty))
		tb_list_append(&client->rpc->dirty, &client->dirty);
	tb_source_arm(client->rpc->flush);
}

/* Clients that are marked again meanwhile wait for the next turn. */
static void
on_flush(void *userdata)
{
	struct tb_rpc *rpc = userdata;
	struct tb_list now;

	tb_list_init(&now);
	while (!tb_list_empty(&rpc->dirty)) {
		struct tb_client *client = tb_list_first(&rpc->dirty, struct tb_client, dirty);

		tb_list_remove(&client->dirty);
		tb_list_append(&now, &client->dirty);
	}
	while (!tb_list_empty(&now)) {
		struct tb_client *client = tb_list_first(&now, struct tb_client, dirty);

		tb_list_remove(&client->dirty);
		tb_client_settle(client);
	}
	if (rpc->trim) {
		rpc->trim = false;
		malloc_trim(0);
	}
}

static void
on_event(enum tb_notice notice, uint64_t seq, const char *audience, const char *line, size_t len,
	void *userdata)
{
	struct tb_rpc *rpc = userdata;
	struct tb_client *client;

	tb_list_for_each(client, &rpc->clients, node) {
		tb_client_event(client, notice, seq, audience, len);
	}
}

static void
say_hello(struct tb_client *client)
{
	const struct tb_conf *conf = client->rpc->bridge->conf;
	_cleanup_buf_ struct tb_buf members = TB_BUF_INIT(0), line = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&members);

	tb_jsonw_string(&w, "product", "tillbridge");
	tb_jsonw_string(&w, "version", TB_VERSION);
	tb_jsonw_object(&w, "api");
	tb_jsonw_int(&w, "major", TB_API_MAJOR);
	tb_jsonw_int(&w, "minor", TB_API_MINOR);
	tb_jsonw_end_object(&w);
	tb_jsonw_string(&w, "site", conf->site);
	tb_jsonw_string(&w, "till", conf->till);
	tb_jsonw_string(&w, "currency", conf->currency);
	if (tb_buf_error(&members) == 0)
		tb_codec_notification(&line, "hello", members.data, members.len);
	if (tb_buf_error(&line) < 0)
		client->fate = TB_FATE_CLOSE;
	else
		tb_client_say(client, line.data, line.len);
}

/* Clients whose other end is gone make room before somebody is sent away. */
static void
sweep(struct tb_rpc *rpc)
{
	struct tb_client *client, *tmp;

	tb_list_for_each_safe(client, tmp, &rpc->clients, node) {
		if (tb_client_hung_up(client))
			tb_client_close(client);
	}
}

static int
turn_away(struct tb_rpc *rpc, int fd)
{
	_cleanup_buf_ struct tb_buf line = TB_BUF_INIT(0);

	if (rpc->n_leaving >= LEAVING_MAX)
		tb_client_close(tb_list_first(&rpc->leaving, struct tb_client, node));
	tb_client_error_line(rpc->bridge, &line, TB_RPC_OUR_ERROR, TB_ERROR_RATE_LIMITED);
	if (tb_buf_error(&line) < 0) {
		close(fd);
		return -ENOMEM;
	}
	return tb_client_new_leaving(rpc, fd, line.data, line.len);
}

int
tb_rpc_adopt(struct tb_rpc *rpc, int fd, uint32_t roles, const char *audience)
{
	struct tb_client *client;
	int r;

	if (rpc->n_clients >= TB_RPC_CLIENTS_MAX)
		sweep(rpc);
	if (rpc->n_clients >= TB_RPC_CLIENTS_MAX)
		return turn_away(rpc, fd);
	r = tb_client_new(rpc, fd, tb_roles_expand(roles), audience, &client);
	if (r < 0)
		return r;
	say_hello(client);
	tb_rpc_mark(client);
	return 0;
}

static int
adopt_peer(struct tb_rpc *rpc, int fd)
{
	struct tb_peer peer = {};
	_cleanup_free_ char *name = NULL;
	uint32_t roles;
	int r = tb_peer_init(&peer, fd);

	if (r < 0) {
		close(fd);
		return r;
	}
	roles = tb_access_roles(rpc->access, &peer);
	name = tb_peer_name(&peer);
	tb_peer_done(&peer);
	if (!name) {
		close(fd);
		return -ENOMEM;
	}
	return tb_rpc_adopt(rpc, fd, roles, name);
}

static void
on_listening(int fd, uint32_t events, void *userdata)
{
	struct tb_rpc *rpc = userdata;
	int r;

	for (int i = 0; i < ACCEPT_MAX; i++) {
		int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (peer < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
					errno == ENOBUFS)) {
			/* It stays ready: looking again at once would spin. */
			tb_log_warning("no more connections can be taken: %m");
			tb_source_set_events(rpc->listening, 0);
			tb_source_set_timer_in(rpc->again, ACCEPT_AGAIN_US);
			return;
		}
		if (peer < 0)
			return;
		r = adopt_peer(rpc, peer);
		if (r < 0)
			tb_log_warning("a connection was not taken: %s", strerror(-r));
	}
}

static void
on_again(void *userdata)
{
	struct tb_rpc *rpc = userdata;

	tb_source_set_events(rpc->listening, EPOLLIN);
}

static void
on_linger(void *userdata)
{
	struct tb_rpc *rpc = userdata;
	uint64_t now_us = tb_loop_now_us(rpc->bridge->loop);

	while (!tb_list_empty(&rpc->leaving)) {
		struct tb_client *client = tb_list_first(&rpc->leaving, struct tb_client, node);

		if (client->deadline_us > now_us) {
			tb_source_set_timer(rpc->linger, client->deadline_us);
			return;
		}
		tb_client_close(client);
	}
}

/* ---- the socket file ---- */

/* Removes a socket file that nobody serves; anything else stays where it is. */
static int
remove_stale(const struct sockaddr_un *address, char **ret_why)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : tb_why(-errno, ret_why, "%s: %m", address->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return tb_why(-EEXIST, ret_why,
			"%s is not a socket: move it away, it is not ours to remove",
			address->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return tb_why(-errno, ret_why, "no socket: %m");
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN)
		return tb_why(-EADDRINUSE, ret_why,
			"%s is served by another tillbridged: stop it first, or give this one "
			"directories of its own",
			address->sun_path);
	if (errno != ECONNREFUSED)
		return tb_why(-errno, ret_why, "%s: %m", address->sun_path);
	if (unlink(address->sun_path) < 0)
		return tb_why(-errno, ret_why, "%s cannot be removed: %m", address->sun_path);
	return 0;
}

/* The group that may use it is the house's, where there is one. */
static void
give_to_group(const char *path)
{
	const struct group *group = getgrnam(TB_ACCESS_GROUP);

	if (group && chown(path, (uid_t)-1, group->gr_gid) < 0 && errno != EPERM)
		tb_log_warning("%s cannot be given to the group %s: %m", path, TB_ACCESS_GROUP);
}

static int
listen_at(const char *path, int *ret_fd, char **ret_why)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = -1;
	mode_t mask;
	int r;

	if (strlen(path) >= sizeof(address.sun_path))
		return tb_why(-ENAMETOOLONG, ret_why,
			"%s is too long a path for a socket (%zu bytes at most)", path,
			sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path) + 1);
	r = remove_stale(&address, ret_why);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return tb_why(-errno, ret_why, "no socket: %m");
	/* Never wider than it shall be, not for a moment. */
	mask = umask(0117);
	r = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	umask(mask);
	if (r < 0)
		return tb_why(r, ret_why, "%s cannot be made: %s", path, strerror(-r));
	give_to_group(path);
	if (listen(fd, SOMAXCONN) < 0)
		return tb_why(-errno, ret_why, "%s: %m", path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* The socket that the service manager made, if it made one. */
static int
inherited(int *ret_fd)
{
	int n = sd_listen_fds(1);

	for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + n; fd++) {
		if (sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) > 0) {
			int flags = fcntl(fd, F_GETFL);

			if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
				return -errno;
			*ret_fd = fd;
			return 1;
		}
	}
	return n < 0 ? n : 0;
}

static int
open_socket(struct tb_rpc *rpc, const char *path, char **ret_why)
{
	int r = inherited(&rpc->listen_fd);

	if (r < 0)
		return tb_why(r, ret_why, "the service manager's socket: %s", strerror(-r));
	if (r == 0) {
		rpc->path = strdup(path);
		if (!rpc->path)
			return -ENOMEM;
		r = listen_at(path, &rpc->listen_fd, ret_why);
		if (r < 0)
			return r;
		rpc->own_path = true;
	}
	return tb_loop_add_fd(
		rpc->bridge->loop, rpc->listen_fd, EPOLLIN, on_listening, rpc, &rpc->listening);
}

int
tb_rpc_new(struct tb_bridge *bridge, const char *path, struct tb_rpc **ret, char **ret_why)
{
	struct tb_rpc *rpc = calloc(1, sizeof(*rpc));
	int r;

	*ret_why = NULL;
	if (!rpc)
		return -ENOMEM;
	rpc->bridge = bridge;
	rpc->listen_fd = -1;
	tb_list_init(&rpc->clients);
	tb_list_init(&rpc->leaving);
	tb_list_init(&rpc->dirty);
	r = tb_access_new(bridge->conf, &rpc->access);
	if (r >= 0)
		r = tb_loop_add_turn_end(bridge->loop, TB_RANK_FLUSH, on_flush, rpc, &rpc->flush);
	if (r >= 0)
		r = tb_loop_add_timer(bridge->loop, 0, on_again, rpc, &rpc->again);
	if (r >= 0)
		r = tb_loop_add_timer(bridge->loop, 0, on_linger, rpc, &rpc->linger);
	if (r >= 0 && path)
		r = open_socket(rpc, path, ret_why);
	if (r < 0) {
		tb_rpc_free(rpc);
		return r;
	}
	tb_events_set_sink(bridge->events, on_event, rpc);
	*ret = rpc;
	return 0;
}

void
tb_rpc_free(struct tb_rpc *rpc)
{
	if (!rpc)
		return;
	tb_events_set_sink(rpc->bridge->events, NULL, NULL);
	rpc->gone = NULL;
	if (rpc->own_path)
		unlink(rpc->path);
	tb_source_remove(&rpc->listening);
	if (rpc->listen_fd >= 0)
		close(rpc->listen_fd);
	if (rpc->flush)
		on_flush(rpc);
	while (!tb_list_empty(&rpc->clients))
		tb_client_close(tb_list_first(&rpc->clients, struct tb_client, node));
	while (!tb_list_empty(&rpc->leaving))
		tb_client_close(tb_list_first(&rpc->leaving, struct tb_client, node));
	tb_source_remove(&rpc->flush);
	tb_source_remove(&rpc->again);
	tb_source_remove(&rpc->linger);
	tb_access_free(rpc->access);
	free(rpc->path);
	free(rpc);
}

unsigned
tb_rpc_clients(const struct tb_rpc *rpc)
{
	return rpc->n_clients;
}

static struct tb_client *
find_client(struct tb_rpc *rpc, uint64_t id)
{
	struct tb_client *client;

	tb_list_for_each(client, &rpc->clients, node) {
		if (client->id == id)
			return client;
	}
	return NULL;
}

int
tb_rpc_subscribe(struct tb_rpc *rpc, uint64_t id, uint32_t kinds, uint64_t since)
{
	struct tb_client *client = find_client(rpc, id);

	return client ? tb_client_subscribe(client, kinds, since) : -ENOTCONN;
}

void
tb_rpc_unsubscribe(struct tb_rpc *rpc, uint64_t id, uint32_t kinds)
{
	struct tb_client *client = find_client(rpc, id);

	if (client)
		tb_client_unsubscribe(client, kinds);
}

int
tb_rpc_notify(struct tb_rpc *rpc, uint64_t id, const char *method, const char *members, size_t len)
{
	struct tb_client *client = find_client(rpc, id);

	if (!client || client->fate != TB_FATE_NONE)
		return -ENOTCONN;
	/* One that takes nothing is not written to for ever. */
	if (client->out.len - client->sent > TB_RPC_BACKLOG_BYTES_MAX)
		client->fate = TB_FATE_DROPPED;
	else
		tb_codec_notification(&client->out, method, members, len);
	tb_rpc_mark(client);
	return 0;
}

void
tb_rpc_set_gone(struct tb_rpc *rpc, tb_client_gone_fn fn, void *userdata)
{
	rpc->gone = fn;
	rpc->gone_userdata = userdata;
}
