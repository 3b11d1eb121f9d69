/* SPDX-License-Identifier: MIT */
/*
 * One connection of the socket: its lines in, its lines out, what it subscribed to, and its end.
 * Who may connect and how many is rpc.c's.
 */
#pragma once

#include "base/list.h"
#include "bridge/events.h"
#include "bridge/rpc/carrier.h"

#define TB_CLIENT_MARKS 64 /* events in the output at a time */

enum tb_client_state {
	TB_CLIENT_OPEN,
	TB_CLIENT_HALF,    /* says nothing more, but still listens */
	TB_CLIENT_LEAVING, /* is told its last line, then closed */
	TB_CLIENT_GONE,    /* closed; kept until its last call is answered */
};

enum tb_client_fate {
	TB_FATE_NONE,
	TB_FATE_TOO_LARGE, /* a line beyond the limit */
	TB_FATE_DROPPED,   /* takes nothing */
	TB_FATE_CLOSE,
};

struct tb_rpc {
	struct tb_bridge *bridge;
	struct tb_access *access;
	int listen_fd;
	bool own_path;
	char *path;
	struct tb_source *listening, *flush, *again, *linger;
	struct tb_list clients; /* struct tb_client.node: open and half */
	struct tb_list leaving; /* in the order of their deadlines */
	struct tb_list dirty;   /* struct tb_client.dirty: something to write or to go on with */
	unsigned n_clients, n_leaving;
	uint64_t next_id;
	bool trim; /* a large line was read: give its memory back */
	tb_client_gone_fn gone;
	void *gone_userdata;
	char scratch[64 * 1024]; /* what is read, before it is a client's */
};

/* Where an event ends in the output. */
struct tb_mark {
	size_t end;
	uint64_t seq;
};

struct tb_client {
	struct tb_list node, dirty;
	struct tb_rpc *rpc;
	uint64_t id;
	int fd;
	struct tb_source *source;
	uint32_t watched;
	enum tb_client_state state;
	enum tb_client_fate fate;
	uint32_t roles;
	char *audience, *name; /* name: without the number */
	unsigned number;

	struct tb_buf in; /* what is no whole line yet, or waits for its turn */
	size_t searched;  /* of it, holds no newline */
	unsigned in_flight;
	bool blocked;        /* lines wait until a call is answered or the output taken */
	unsigned wait_calls; /* room that the next line needs */

	struct tb_buf out;
	size_t sent;    /* of it */
	unsigned ready; /* answers in it that wait for nothing */
	bool held;      /* something in it waits for the turn's end, and so all of it */
	uint64_t deadline_us, drained;

	uint32_t kinds;                 /* 1 << enum tb_notice */
	uint64_t from[TB_NOTICE_COUNT]; /* events of the kind after this one */
	uint64_t cursor;                /* events up to this one were put into the output */
	uint64_t live_from;             /* events after this one happened while it listened */
	size_t backlog, backlog_bytes;  /* of those that it has not got */
	struct tb_mark *marks;
	unsigned n_marks;
	uint64_t sent_seq; /* the last event that was written whole */
};

/* Takes fd (also on failure). name is copied. A leaving one is not counted and hears one line. */
int tb_client_new(
	struct tb_rpc *rpc, int fd, uint32_t roles, const char *name, struct tb_client **ret);
int tb_client_new_leaving(struct tb_rpc *rpc, int fd, const char *line, size_t len);
/* Ends it at once; frees it when no call is under way. */
void tb_client_close(struct tb_client *client);

/* One line of ours, whole with its newline. */
void tb_client_say(struct tb_client *client, const char *line, size_t len);
/* An event was emitted; it is for this client if the client may see it. */
void tb_client_event(struct tb_client *client, enum tb_notice notice, uint64_t seq,
	const char *audience, size_t len);

/* since: UINT64_MAX for from now on. */
int tb_client_subscribe(struct tb_client *client, uint32_t kinds, uint64_t since);
void tb_client_unsubscribe(struct tb_client *client, uint32_t kinds);

/* The turn's end for one client: writes, ends it if that is its fate, goes on with its lines. */
void tb_client_settle(struct tb_client *client);
/* Writes what the socket takes now. */
void tb_client_flush(struct tb_client *client);
/* Within the turn: writes answers that wait for nothing, when there are some. */
void tb_client_send_ready(struct tb_client *client);
/* Whether the other end has closed. */
bool tb_client_hung_up(const struct tb_client *client);

/* client-lines.c: the calls in `data`, as many as may be begun; returns the bytes done with. */
size_t tb_client_lines(struct tb_client *client, char *data, size_t len);
void tb_client_error_line(struct tb_bridge *bridge, struct tb_buf *buf, enum tb_rpc_number number,
	enum tb_error error);

/* rpc.c: to be settled at the end of the turn. */
void tb_rpc_mark(struct tb_client *client);
