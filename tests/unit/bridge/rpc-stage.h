/* SPDX-License-Identifier: MIT */
/*
 * A bridge on virtual time with a real state.db, real events and the real socket's clients, and the
 * connector of loyalty-stage.c; and clients that are ends of socketpairs.
 */
#pragma once

#include <jansson.h>
#include "base/buf.h"
#include "bridge/bridge.h"
#include "bridge/rpc/request.h"

#define ALL_ROLES (TB_ROLE_MONITOR | TB_ROLE_TILL | TB_ROLE_DEVICE | TB_ROLE_MANAGER)

struct stage {
	struct tb_bridge bridge;
	char dir[64];
};

struct peer {
	struct stage *stage;
	int fd;
	struct tb_buf in;
};

/* Makes directory and parts; with_connector: a loyalty front too. */
void stage_open(struct stage *stage, bool with_connector);
/* Ends the parts and starts them again on the same files. */
void stage_restart(struct stage *stage, bool with_connector);
void stage_close(struct stage *stage);
void stage_settle(struct stage *stage);

/* A client, its hello read. */
struct peer *peer_new(struct stage *stage, uint32_t roles, const char *name);
/* A client, nothing read. */
struct peer *peer_new_silent(struct stage *stage, uint32_t roles, const char *name);
void peer_free(struct peer *peer);

/* Writes all of it, settling as often as the socket is full. */
void peer_write(struct peer *peer, const char *text, size_t len);
void peer_say(struct peer *peer, const char *format, ...) TB_PRINTF(2, 3);
/* The next line as text without newline (to free), NULL when there is none. */
char *peer_line(struct peer *peer);
/* The next line's tree; fails the test when there is none or it is no JSON. */
json_t *peer_json(struct peer *peer);
/* Nothing more has come. */
void peer_nothing(struct peer *peer);
/* The other end has closed, and nothing more has come. */
void peer_closed(struct peer *peer);

/* Says the line, and expects one answer: an error with that number, code and id (as JSON text). */
void expect_error(struct peer *peer, const char *line, size_t len, int number, const char *code,
	const char *id);
#define refused(peer, line, number, code, id) \
	expect_error(peer, line, strlen(line), number, code, id)
/* A call with these parameters: refused with -32602, one error, there and that. */
void expect_fault(struct peer *peer, const char *method, const char *params, const char *pointer,
	const char *code);
/* A call with these parameters: its result, to be released. */
json_t *expect_result(struct peer *peer, const char *method, const char *params);
