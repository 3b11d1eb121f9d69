/* SPDX-License-Identifier: MIT */
/*
 * What stands around the counter and the devices in their tests: events, calls of the connector and
 * notes to clients are written down as text and answered by hand.
 */
#pragma once

#include "base/buf.h"
#include "bridge/bridge.h"
#include "bridge/conf.h"
#include "bridge/rpc/request.h"
#include "plugins/loyalty/connector.h"

struct stage {
	struct tb_bridge bridge;
	struct tb_conf conf;
	struct tb_buf told; /* "scan[@audience] {…}\n" and the like, in order */
	uint64_t seq;

	/* the last call of the connector, not answered yet */
	char *asked;
	tb_done_fn done;
	void *done_userdata;
	bool answer_at_once;
};

extern struct stage stage;

void stage_begin(void);
void stage_end(void);
/* What was told since the last time; valid until the next call. */
const char *stage_told(void);

/* A call of a client; its answer is told as "answer CLIENT …" or "fail CLIENT WORD". */
struct tb_request *stage_request(uint64_t client, const char *audience);
/* The client's connection ends. */
void stage_gone(uint64_t client);
void stage_answer(enum tb_error error, const char *json);
