/* SPDX-License-Identifier: MIT */
/*
 * The offline front beside a real ledger that plays the server, both on one virtual clock. A test
 * calls the server and lets the front listen, or cuts the line and asks the front.
 */
#pragma once

#include "bridge/offline.h"
#include "tests/unit/ledger/stage.h"

struct offline_stage {
	struct stage *server;
	struct tb_bridge bridge;
	struct tb_offline *offline;
	char dir[64];
	struct stage_answer last; /* of asked() */
	bool cut;                 /* the front's own calls do not come through */
	unsigned own_calls;       /* that the front made */
};

int offline_setup(void **state);
int offline_teardown(void **state);
/* Ends the front and its state.db and begins them anew, as a restart of the daemon does. */
void offline_restart(struct offline_stage *f);

/* A call that the server answers and the front learns from; the result. */
json_t *served(struct offline_stage *f, const char *method, const char *params, ...)
	TB_PRINTF(3, 4);
/* … that the server refuses. */
enum tb_error served_refusal(struct offline_stage *f, const char *method, const char *params, ...)
	TB_PRINTF(3, 4);
/* A call that the front answers alone, and the result, the stage's until the next. */
json_t *alone(struct offline_stage *f, const char *method, const char *params, ...) TB_PRINTF(3, 4);
/* … and refuses: the error; data is f->last.json. */
enum tb_error alone_refused(struct offline_stage *f, const char *method, const char *params, ...)
	TB_PRINTF(3, 4);
/* An effect that the outbox took. */
void queued(struct offline_stage *f, const char *method, const char *params, ...) TB_PRINTF(3, 4);
/* What is put aside is in state.db. */
void settled(struct offline_stage *f);
/* The number that one statement on state.db gives. */
int64_t in_state(struct offline_stage *f, const char *sql);
/* Whether the bytes stand anywhere in the files of the state directory but the key's. */
bool on_disk(struct offline_stage *f, const char *text);
