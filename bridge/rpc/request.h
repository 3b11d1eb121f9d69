/* SPDX-License-Identifier: MIT */
/*
 * One call as a method sees it: checked parameters in, one answer out, now or later. It does not
 * say how the call came (socket, batch, HTTP); a client that has gone is no concern of a method:
 * answering a request whose client is gone is allowed and does nothing but free it.
 */
#pragma once

#include <jansson.h>
#include "base/error.h"
#include "bridge/bridge.h"

enum tb_role {
	TB_ROLE_MONITOR = 1 << 0,
	TB_ROLE_TILL = 1 << 1,
	TB_ROLE_DEVICE = 1 << 2,
	TB_ROLE_MANAGER = 1 << 3, /* includes till */
};

struct tb_request;

/* A handler answers exactly once, from within or later. */
typedef void (*tb_method_fn)(struct tb_request *request);

struct tb_bridge *tb_request_bridge(const struct tb_request *request);
/* Borrowed until the answer; checked against the method's table. */
json_t *tb_request_params(const struct tb_request *request);
/* The number of the client's connection, never used twice; 0 when it is no connection of the
 * socket. */
uint64_t tb_request_client(const struct tb_request *request);
/* Who the client is across its connections: events for a claimant are kept under this name. */
const char *tb_request_audience(const struct tb_request *request);
const char *tb_request_site(const struct tb_request *request);
const char *tb_request_till(const struct tb_request *request);
uint32_t tb_request_roles(const struct tb_request *request);

/* json is the text of the result. Both end the request. */
void tb_request_answer(struct tb_request *request, const char *json, size_t len);
/* data is NULL or the text of an object whose members join code, retryable and detail. */
void tb_request_fail(struct tb_request *request, enum tb_error error, const char *data);
/* invalid_params (-32602) at one place: pointer "/document/blocks/3/qr", code a word ("too_long").
 */
void tb_request_fail_at(struct tb_request *request, const char *pointer, const char *code);

/*
 * The socket's clients, for who must tell one of them something or learn that it has gone (claims).
 * Writes one notification to a connection; members as in tb_events_emit(). -ENOTCONN when it is
 * gone.
 */
int tb_rpc_notify(
	struct tb_rpc *rpc, uint64_t client, const char *method, const char *members, size_t len);
/* fn is called once for each connection that ends. */
typedef void (*tb_client_gone_fn)(uint64_t client, void *userdata);
void tb_rpc_set_gone(struct tb_rpc *rpc, tb_client_gone_fn fn, void *userdata);
