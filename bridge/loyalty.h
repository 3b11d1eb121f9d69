/* SPDX-License-Identifier: MIT */
/*
 * The front of the connector: loads the module, hands calls on, ends the turn. Deadlines, the cache
 * and the offline policy live here; what a customer's balance is does not.
 */
#pragma once

#include "base/jsonw.h"
#include "bridge/bridge.h"
#include "bridge/rpc/request.h"
#include "plugins/loyalty/connector.h"

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
