/* SPDX-License-Identifier: MIT */
/*
 * A host's name to its addresses without blocking: numbers are read here, names are asked of
 * getent(1), which knows all the sources of nsswitch.conf. One question at a time, owned by who
 * asked.
 */
#pragma once

#include <sys/socket.h>
#include "base/loop.h"

#define TB_ADDRESSES_MAX 8

struct tb_addresses {
	struct sockaddr_storage list[TB_ADDRESSES_MAX];
	size_t n;
};

struct tb_resolve;

/* addresses: n is 0 when the name has none. Never called from within tb_resolve_start(). */
typedef void (*tb_resolved_fn)(const struct tb_addresses *addresses, void *userdata);

/* Adds the address when host is a number (v4, v6); false when it is a name. */
bool tb_address_parse(const char *host, uint16_t port, struct tb_addresses *ret);

int tb_resolve_start(struct tb_loop *loop, const char *host, uint16_t port, tb_resolved_fn fn,
	void *userdata, struct tb_resolve **ret);
/* Stops asking; NULL is nothing. Also after the answer, and from within it. */
void tb_resolve_free(struct tb_resolve *resolve);
