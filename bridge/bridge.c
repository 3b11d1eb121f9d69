/* SPDX-License-Identifier: MIT */
/* Starts the parts in their order and ends them in the opposite one. */

#include "bridge/bridge.h"

#include <stdio.h>
#include <string.h>
#include "bridge/conf.h"
#include "bridge/counter.h"
#include "bridge/devices.h"
#include "bridge/events.h"
#include "bridge/http/door.h"
#include "bridge/loyalty.h"
#include "bridge/printing.h"
#include "bridge/rpc/rpc.h"
#include "bridge/state.h"
#include "bridge/tokens.h"

static int
start_rpc(struct tb_bridge *bridge, char **ret_why)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/till.sock", bridge->runtime_dir) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	return tb_rpc_new(bridge, path, &bridge->rpc, ret_why);
}

int
tb_bridge_start(struct tb_bridge *bridge, char **ret_why)
{
	const char *part = "state.db";
	int r;

	*ret_why = NULL;
	r = tb_state_new(bridge, bridge->state_dir, &bridge->state, ret_why);
	if (r >= 0) {
		part = "events";
		r = tb_events_new(bridge, &bridge->events);
	}
	if (r >= 0) {
		part = "socket";
		r = start_rpc(bridge, ret_why);
	}
	if (r >= 0) {
		part = "connector";
		r = tb_loyalty_new(bridge, &bridge->loyalty, ret_why);
	}
	if (r >= 0) {
		part = "print queue";
		r = tb_printing_new(bridge, &bridge->printing);
	}
	if (r >= 0) {
		part = "counter";
		r = tb_counter_new(bridge, &bridge->counter);
	}
	if (r >= 0) {
		part = "tokens";
		r = tb_tokens_new(bridge, &bridge->tokens);
	}
	if (r >= 0) {
		part = "http";
		r = tb_door_new(bridge, &bridge->door, ret_why);
	}
	if (r >= 0) {
		part = "state";
		r = tb_state_ready(bridge->state);
	}
	if (r >= 0)
		return 0;
	if (!*ret_why && asprintf(ret_why, "%s: %s", part, strerror(-r)) < 0)
		*ret_why = NULL;
	tb_bridge_stop(bridge);
	return r;
}

int
tb_bridge_start_devices(struct tb_bridge *bridge)
{
	return tb_devices_new(bridge, &bridge->devices);
}

#define STOP(part) \
	do { \
		tb_##part##_free(bridge->part); \
		bridge->part = NULL; \
	} while (0)

void
tb_bridge_stop(struct tb_bridge *bridge)
{
	STOP(devices);
	STOP(counter);
	/* What waits for the disk is answered while there is somebody to answer to. */
	if (bridge->state)
		(void)tb_state_flush(bridge->state);
	STOP(loyalty);
	if (bridge->state)
		(void)tb_state_flush(bridge->state);
	STOP(printing);
	STOP(door);
	STOP(tokens);
	STOP(rpc);
	STOP(events);
	STOP(state);
}
