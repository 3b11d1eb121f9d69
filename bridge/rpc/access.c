/* SPDX-License-Identifier: MIT */
/* Credentials of the peer to roles. */

#include "bridge/rpc/access.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "base/log.h"
#include "bridge/rpc/carrier.h"

#define EVERYTHING (TB_ROLE_MONITOR | TB_ROLE_TILL | TB_ROLE_DEVICE | TB_ROLE_MANAGER)

struct rule {
	uint32_t roles;
	bool group;
	uint32_t id; /* uid or gid */
};

struct tb_access {
	size_t n;
	struct rule rules[];
};

static bool
find_id(const struct tb_conf_access *word, uint32_t *ret)
{
	if (word->group) {
		const struct group *group = getgrnam(word->name);

		if (!group)
			return false;
		*ret = group->gr_gid;
	} else {
		const struct passwd *user = getpwnam(word->name);

		if (!user)
			return false;
		*ret = user->pw_uid;
	}
	return true;
}

static void
add_default_rules(struct tb_access *access)
{
	static const struct tb_conf_access house = {.group = true, .name = (char *)TB_ACCESS_GROUP};
	uint32_t gid;

	access->rules[access->n++] = (struct rule){.roles = EVERYTHING, .id = 0};
	access->rules[access->n++] = (struct rule){.roles = EVERYTHING, .id = geteuid()};
	if (find_id(&house, &gid))
		access->rules[access->n++] = (struct rule){
			.roles = TB_ROLE_TILL | TB_ROLE_DEVICE, .group = true, .id = gid};
}

int
tb_access_new(const struct tb_conf *conf, struct tb_access **ret)
{
	struct tb_access *access = calloc(
		1, sizeof(*access) + (conf->n_access + 3) * sizeof(access->rules[0]));

	if (!access)
		return -ENOMEM;
	if (!conf->has_access)
		add_default_rules(access);
	for (size_t i = 0; i < conf->n_access; i++) {
		const struct tb_conf_access *word = &conf->access[i];
		struct rule rule = {.roles = word->role, .group = word->group};

		if (find_id(word, &rule.id))
			access->rules[access->n++] = rule;
		else
			tb_log_warning("[access]: there is no %s %s",
				word->group ? "group" : "user", word->name);
	}
	*ret = access;
	return 0;
}

void
tb_access_free(struct tb_access *access)
{
	free(access);
}

int
tb_peer_init(struct tb_peer *peer, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	gid_t *groups = NULL;
	int r;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	/* Asked with no room it says how much it needs. */
	len = 0;
	r = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) < 0 ? -errno : 0;
	if (r < 0 && r != -ERANGE)
		len = 0;
	groups = malloc(len + sizeof(gid_t));
	if (!groups)
		return -ENOMEM;
	if (len > 0 && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		len = 0;
	groups[len / sizeof(gid_t)] = cred.gid;
	*peer = (struct tb_peer){
		.pid = cred.pid,
		.uid = cred.uid,
		.groups = groups,
		.n_groups = len / sizeof(gid_t) + 1,
	};
	return 0;
}

void
tb_peer_done(struct tb_peer *peer)
{
	free(peer->groups);
	*peer = (struct tb_peer){};
}

static bool
applies(const struct rule *rule, const struct tb_peer *peer)
{
	if (!rule->group)
		return rule->id == peer->uid;
	for (size_t i = 0; i < peer->n_groups; i++)
		if (peer->groups[i] == rule->id)
			return true;
	return false;
}

uint32_t
tb_access_roles(const struct tb_access *access, const struct tb_peer *peer)
{
	uint32_t roles = 0;

	for (size_t i = 0; i < access->n; i++)
		if (applies(&access->rules[i], peer))
			roles |= access->rules[i].roles;
	return tb_roles_expand(roles);
}

char *
tb_peer_name(const struct tb_peer *peer)
{
	char path[64], comm[64] = "", *name;
	_cleanup_close_ int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)peer->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, comm, sizeof(comm) - 1) : 0;
	comm[n > 0 ? n : 0] = '\0';
	comm[strcspn(comm, "\n")] = '\0';
	if (asprintf(&name, "%u:%s", (unsigned)peer->uid, comm) < 0)
		return NULL;
	return name;
}
