/* SPDX-License-Identifier: MIT */
/*
 * Who is at the other end of a unix socket, and what he may ask: the kernel's word for user and
 * groups, and [access] or, without it, the rule of the house.
 */
#pragma once

#include <sys/types.h>
#include "bridge/conf.h"

/* May open the socket and is `till` and `device` when there is no [access]. */
#define TB_ACCESS_GROUP "tillbridge"

struct tb_access;

/* Looks users and groups up once; one that does not exist is warned of and gives nobody anything.
 */
int tb_access_new(const struct tb_conf *conf, struct tb_access **ret);
void tb_access_free(struct tb_access *access);
TB_DEFINE_CLEANUP(struct tb_access *, tb_access_free);

struct tb_peer {
	pid_t pid;
	uid_t uid;
	gid_t *groups; /* the primary one and all others */
	size_t n_groups;
};

/* The peer of a connected unix socket. */
int tb_peer_init(struct tb_peer *peer, int fd);
void tb_peer_done(struct tb_peer *peer);

/* Roles with those that they include. */
uint32_t tb_access_roles(const struct tb_access *access, const struct tb_peer *peer);

/* "1000:popina": user and program, to free. */
char *tb_peer_name(const struct tb_peer *peer);
