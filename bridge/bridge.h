/* SPDX-License-Identifier: MIT */
/*
 * The one owner object of the daemon. It owns its parts, starts them in the order they stand here
 * and frees them in the opposite one; every part is reached through it and by no global.
 */
#pragma once

#include "base/loop.h"

struct tb_conf;     /* conf.h: what the configuration says */
struct tb_state;    /* state.h: state.db, the bridge's own journal */
struct tb_events;   /* events.h: numbered notifications, kept behind a cursor */
struct tb_rpc;      /* rpc/rpc.h: the socket and its clients */
struct tb_loyalty;  /* loyalty.h: the front of the connector */
struct tb_outbox;   /* outbox.h: effects that wait for the server; the loyalty front's */
struct tb_offline;  /* offline.h: answers in the server's place; the loyalty front's */
struct tb_printing; /* printing.h: the print queue */
struct tb_counter;  /* counter.h: what a code means, and the lookup it starts */
struct tb_devices;  /* devices.h: lives and claims of devices */
struct tb_tokens;   /* tokens.h: tills of other machines and how they prove it */
struct tb_door;     /* http/door.h: the HTTP listener, where one is configured */

struct tb_bridge {
	const char *runtime_dir, *state_dir;
	struct tb_loop *loop;
	struct tb_conf *conf;
	struct tb_state *state;
	struct tb_events *events;
	struct tb_rpc *rpc;
	struct tb_loyalty *loyalty;
	struct tb_outbox *outbox;
	struct tb_offline *offline; /* NULL with a connector that has no server */
	struct tb_printing *printing;
	struct tb_counter *counter;
	struct tb_devices *devices;
	struct tb_tokens *tokens;
	struct tb_door *door;
};

/* What happens at the end of a turn, in this order: the connector commits and its answers are
 * given; the journal commits and what waited for it goes on; the clients' lines are written out. */
enum tb_turn_rank { TB_RANK_CONNECTOR = 0, TB_RANK_STATE = 10, TB_RANK_FLUSH = 20 };

/*
 * Starts state … counter; loop, conf and the directories are there. On failure nothing is left
 * running and ret_why is a sentence (to free; NULL without memory).
 */
int tb_bridge_start(struct tb_bridge *bridge, char **ret_why);
/*
 * Looks for devices: all of /sys is walked, which takes longer than all else. To be called when the
 * socket is there and before the loop runs, so that no call meets a bridge without them.
 */
int tb_bridge_start_devices(struct tb_bridge *bridge);
/* Ends them. Safe with parts that were never started. */
void tb_bridge_stop(struct tb_bridge *bridge);
