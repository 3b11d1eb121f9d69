/* SPDX-License-Identifier: MIT */
/*
 * The unix socket: listens, reads lines, writes lines, and drops who does not keep to the limits.
 * JSON-RPC itself is codec.h's, what a method is methods.h's.
 *
 * A client's name across its connections ("audience") is its user and its program: the effective
 * uid and the name in /proc/PID/comm, and a number for the second and further connections that
 * stand at the same time: "1000:popina", "1000:popina#2". A program that comes back after a restart
 * gets the lowest free number, and so the name that it had.
 */
#pragma once

#include "bridge/bridge.h"
#include "bridge/rpc/request.h"

#define TB_RPC_LINE_MAX ((size_t)1 << 20)          /* bytes of one line, its newline not counted */
#define TB_RPC_CLIENTS_MAX 256                     /* connections at a time */
#define TB_RPC_IN_FLIGHT_MAX 32                    /* calls of a client that are not answered yet */
#define TB_RPC_BATCH_MAX 32                        /* calls in one batch */
#define TB_RPC_DEPTH_MAX 32                        /* arrays and objects within each other */
#define TB_RPC_VALUES_MAX ((size_t)1 << 18)        /* values in one line */
#define TB_RPC_BACKLOG_EVENTS_MAX 1000             /* events that a client has not taken */
#define TB_RPC_BACKLOG_BYTES_MAX ((size_t)1 << 20) /* and their bytes */

#define TB_API_MAJOR 1
#define TB_API_MINOR 0

/*
 * Listens at `path`, or at the socket that the service manager handed over. A socket file that
 * nobody serves is replaced; one that is served is -EADDRINUSE. ret_why is a sentence (to free).
 */
int tb_rpc_new(struct tb_bridge *bridge, const char *path, struct tb_rpc **ret, char **ret_why);
/* Writes out what it can, closes all, and removes the socket file if it is our own. */
void tb_rpc_free(struct tb_rpc *rpc);

/* How many connections stand. */
unsigned tb_rpc_clients(const struct tb_rpc *rpc);

/*
 * Events of these kinds (1 << enum tb_notice) on that connection, besides those it has: after the
 * event `since`, or with UINT64_MAX from now on. -ENOTCONN, -ENOMEM.
 */
int tb_rpc_subscribe(struct tb_rpc *rpc, uint64_t client, uint32_t kinds, uint64_t since);
void tb_rpc_unsubscribe(struct tb_rpc *rpc, uint64_t client, uint32_t kinds);

/* Makes a client of a connected socket, as an accepted one is; takes fd. For tests. */
int tb_rpc_adopt(struct tb_rpc *rpc, int fd, uint32_t roles, const char *audience);
