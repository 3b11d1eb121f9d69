/* SPDX-License-Identifier: MIT */
/* The socket's file, and who is let in by it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <cmocka.h>

#include "bridge/conf.h"
#include "bridge/rpc/access.h"
#include "bridge/rpc/rpc.h"
#include "tests/unit/bridge/rpc-stage.h"

struct room {
	struct stage stage;
	char path[128];
};

static int
setup(void **state)
{
	struct room *room = calloc(1, sizeof(*room));

	assert_non_null(room);
	stage_open(&room->stage, false);
	snprintf(room->path, sizeof(room->path), "%s/till.sock", room->stage.dir);
	*state = room;
	return 0;
}

static int
teardown(void **state)
{
	struct room *room = *state;

	unlink(room->path);
	stage_close(&room->stage);
	free(room);
	return 0;
}

static int
bound(const char *path, bool listening)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	if (listening)
		assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static int
connected(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	strcpy(address.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void
is_made_and_removed(void **state)
{
	struct room *room = *state;
	struct tb_rpc *rpc;
	_cleanup_free_ char *why = NULL;
	struct stat st;

	assert_int_equal(tb_rpc_new(&room->stage.bridge, room->path, &rpc, &why), 0);
	assert_int_equal(stat(room->path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0660);
	tb_rpc_free(rpc);
	assert_int_equal(stat(room->path, &st), -1);
}

static void
lets_in_and_knows_whom(void **state)
{
	struct room *room = *state;
	struct peer *peer = calloc(1, sizeof(*peer));
	struct tb_rpc *rpc;
	_cleanup_free_ char *why = NULL;
	json_t *line;

	assert_non_null(peer);
	assert_int_equal(tb_rpc_new(&room->stage.bridge, room->path, &rpc, &why), 0);
	peer->stage = &room->stage;
	peer->fd = connected(room->path);
	line = peer_json(peer);
	assert_string_equal(json_string_value(json_object_get(line, "method")), "hello");
	json_decref(line);
	/* This very process is the bridge's own user, and so is everything. */
	json_decref(expect_result(peer, "events.unsubscribe", "{}"));
	assert_int_equal(tb_rpc_clients(rpc), 1);
	peer_free(peer);
	assert_int_equal(tb_rpc_clients(rpc), 0);
	tb_rpc_free(rpc);
}

static void
replaces_one_that_nobody_serves(void **state)
{
	struct room *room = *state;
	struct tb_rpc *rpc;
	_cleanup_free_ char *why = NULL;

	close(bound(room->path, true));
	assert_int_equal(tb_rpc_new(&room->stage.bridge, room->path, &rpc, &why), 0);
	close(connected(room->path));
	tb_rpc_free(rpc);
}

static void
leaves_what_is_not_its_own(void **state)
{
	struct room *room = *state;
	struct tb_rpc *rpc = NULL;
	char *why = NULL, longer[300];
	struct stat st;
	int fd = bound(room->path, true);

	assert_int_equal(tb_rpc_new(&room->stage.bridge, room->path, &rpc, &why), -EADDRINUSE);
	assert_non_null(strstr(why, "another tillbridged"));
	free(why);
	assert_int_equal(stat(room->path, &st), 0);
	close(fd);
	unlink(room->path);
	fd = open(room->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	assert_int_equal(tb_rpc_new(&room->stage.bridge, room->path, &rpc, &why), -EEXIST);
	assert_non_null(strstr(why, "not a socket"));
	free(why);
	assert_int_equal(stat(room->path, &st), 0);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(tb_rpc_new(&room->stage.bridge, longer, &rpc, &why), -ENAMETOOLONG);
	free(why);
	assert_null(rpc);
}

static uint32_t
roles_of(const struct tb_conf *conf, uid_t uid, gid_t gid)
{
	_cleanup_(tb_access_freep) struct tb_access *access = NULL;
	gid_t groups[] = {4242, gid};
	struct tb_peer peer = {.uid = uid, .groups = groups, .n_groups = 2};

	assert_int_equal(tb_access_new(conf, &access), 0);
	return tb_access_roles(access, &peer);
}

static void
roles_by_default(void **state)
{
	_cleanup_(tb_conf_freep) struct tb_conf *conf = NULL;

	assert_int_equal(tb_conf_new(&conf), 0);
	assert_int_equal(roles_of(conf, 0, 4243), ALL_ROLES);
	assert_int_equal(roles_of(conf, geteuid(), 4243), ALL_ROLES);
	assert_int_equal(roles_of(conf, 65533, 4243), 0);
}

static void
roles_by_configuration(void **state)
{
	struct tb_conf_access rules[] = {
		{.role = TB_ROLE_TILL, .group = true, .name = (char *)"root"},
		{.role = TB_ROLE_MANAGER, .name = (char *)"daemon"},
		{.role = TB_ROLE_DEVICE, .name = (char *)"no-such-user-here"},
	};
	struct tb_conf conf = {.has_access = true, .access = rules, .n_access = 3};

	/* daemon is 1 everywhere; the group of root is 0. */
	assert_int_equal(
		roles_of(&conf, 1, 4243), TB_ROLE_MANAGER | TB_ROLE_TILL | TB_ROLE_MONITOR);
	assert_int_equal(roles_of(&conf, 65533, 0), TB_ROLE_TILL | TB_ROLE_MONITOR);
	assert_int_equal(roles_of(&conf, 0, 4243), 0);
}

static void
a_peer_is_known_by_user_and_program(void **state)
{
	struct tb_peer peer = {};
	_cleanup_free_ char *name = NULL;
	char expected[64];
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(tb_peer_init(&peer, fds[0]), 0);
	assert_int_equal(peer.uid, geteuid());
	assert_int_equal(peer.pid, getpid());
	assert_true(peer.n_groups >= 1);
	name = tb_peer_name(&peer);
	snprintf(expected, sizeof(expected), "%u:test-rpc-socket", (unsigned)geteuid());
	assert_string_equal(name, expected);
	tb_peer_done(&peer);
	close(fds[0]);
	close(fds[1]);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(is_made_and_removed),
		T(lets_in_and_knows_whom),
		T(replaces_one_that_nobody_serves),
		T(leaves_what_is_not_its_own),
		cmocka_unit_test(roles_by_default),
		cmocka_unit_test(roles_by_configuration),
		cmocka_unit_test(a_peer_is_known_by_user_and_program),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
