/* SPDX-License-Identifier: MIT */
/*
 * How a door (the socket, HTTP) makes a request, and gets what came of it. Methods see request.h
 * only.
 */
#pragma once

#include "bridge/rpc/codec.h"
#include "bridge/rpc/methods.h"

struct tb_reply {
	/* 0: a result, whose text is `json`. Else an error, and json is its `data`. */
	enum tb_rpc_number number;
	const char *json;
	size_t len;
};

struct tb_carrier {
	/* Called once; the request is freed after it returns. */
	void (*done)(struct tb_request *request, const struct tb_reply *reply);
};

struct tb_request {
	struct tb_bridge *bridge;
	const struct tb_carrier *carrier;
	void *owner;     /* the carrier's */
	uint64_t client; /* 0: no connection */
	const char *audience;
	const char *site, *till; /* NULL: our own */
	uint32_t roles;          /* with those that they include */
	const struct tb_method *method;
	json_t *root;        /* holds params; a reference */
	json_t *params;      /* borrowed from root, or a reference of its own when root is NULL */
	const char *warning; /* one more word for the answer's warnings[]; NULL: none */
	void *context;       /* the carrier's second: a batch */
	char id[];           /* the carrier's text: JSON of the id, "" for a notification */
};

/* The roles that `roles` comes to: a manager is a till, everybody is a monitor. */
uint32_t tb_roles_expand(uint32_t roles);

/* NULL without memory. id may be NULL. */
struct tb_request *tb_request_new(
	struct tb_bridge *bridge, const struct tb_carrier *carrier, void *owner, const char *id);

/*
 * Checks who asks and what, then calls the method. name and params may be anything that JSON can
 * say, params NULL when there are none. The reply may come before this returns, and the request is
 * gone then. doubled: pointer of a double member, NULL when there is none.
 */
void tb_request_start(
	struct tb_request *request, const char *name, json_t *params, const char *doubled);
/* Ends a request that is none: TB_RPC_PARSE_ERROR, TB_RPC_INVALID_REQUEST. */
void tb_request_reject(struct tb_request *request, enum tb_rpc_number number);
