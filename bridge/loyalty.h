/* SPDX-License-Identifier: MIT */
/*
 * The front of the connector: loads the module, hands calls on, ends the turn. Deadlines, and who
 * answers when the server does not, are decided here; what a customer's balance is is not.
 */
#pragma once

#include "base/jsonw.h"
#include "bridge/bridge.h"
#include "bridge/rpc/request.h"
#include "plugins/loyalty/connector.h"

/* Starts the connector, and with it the outbox and, where it has a server, the offline front. */
int tb_loyalty_new(struct tb_bridge *bridge, struct tb_loyalty **ret, char **ret_why);
void tb_loyalty_free(struct tb_loyalty *loyalty);

/* A call of the bridge's own (a scan's lookup, a coupon's printed_at). params is borrowed during
 * the call only. done as in connector.h. */
void tb_loyalty_call(
	struct tb_loyalty *loyalty, enum tb_op op, json_t *params, tb_done_fn done, void *userdata);

/* The handler of every method that is an operation of the connector. */
void tb_loyalty_method(struct tb_request *request);

/* The member "link" of bridge.status; loyalty may be NULL. */
void tb_loyalty_write_link(const struct tb_loyalty *loyalty, struct tb_jsonw *w);

/* The method's name of an operation. */
const char *tb_loyalty_op_name(enum tb_op op);

/* For the outbox: to the server and nobody else, until call->deadline_us. call is filled in. */
void tb_loyalty_send(struct tb_loyalty *loyalty, const struct tb_call *call);
/* Whether a call with that key, NULL for none, may have been done there though nobody was told. */
bool tb_loyalty_is_in_doubt(
	struct tb_loyalty *loyalty, const char *site, const char *till, const char *key);
/* Whether tills ask the server just now. */
bool tb_loyalty_is_busy(const struct tb_loyalty *loyalty);
/* Answers a till with a success of the connector; a passage's coupons are printed first. */
void tb_loyalty_answer(struct tb_request *request, const struct tb_answer *answer);
/* The server has taken an effect for which no till waits any more. */
void tb_loyalty_delivered(struct tb_loyalty *loyalty, enum tb_op op, const json_t *params,
	const struct tb_answer *answer);
