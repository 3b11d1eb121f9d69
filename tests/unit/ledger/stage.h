/* SPDX-License-Identifier: MIT */
/*
 * A ledger on a stage: its own directory, virtual time, and calls straight through the connector's
 * table. Taking the stage down proves the ledger: every test ends with ledger.verify.
 */
#pragma once

#include <jansson.h>
#include "plugins/loyalty/connector.h"

extern const struct tb_connector tb_connector;

struct stage_answer {
	enum tb_error error;
	json_t *json; /* result or data; NULL when there was none */
	unsigned coupons;
	char changed[64];
	bool done;
};

struct stage {
	struct tb_loop *loop;
	struct tb_host host;
	struct tb_connector_state *state;
	char dir[64];
	const char *site, *till, *by;
	const char *store_setting;
	struct stage_answer last;
};

struct stage *stage_new(void);
/* Verifies, stops, removes the directory. */
void stage_free(struct stage *s);
/* Stops and starts the connector on the same directory. */
void stage_restart(struct stage *s);
/* Starts it after the test has stopped it. */
void stage_start(struct stage *s);
void stage_verify(struct stage *s);
/* Another wall clock and nothing else. */
void stage_advance(struct stage *s, int64_t seconds);
int64_t stage_now(const struct stage *s);

/* cmocka's setup and teardown. */
int stage_setup(void **state);
int stage_teardown(void **state);

/* JSON with ' for ", and printf's conversions. */
json_t *stage_json(const char *format, ...) TB_PRINTF(1, 2);

/* Makes a call; its answer goes to `answer` when it comes. params is borrowed until then. */
void stage_call(struct stage *s, const char *method, json_t *params, struct stage_answer *answer);
void stage_turn_end(struct stage *s);

/* One call in a turn of its own, which must succeed: the result, owned by the stage until the next.
 */
json_t *ok(struct stage *s, const char *method, const char *params, ...) TB_PRINTF(3, 4);
/* … which must be refused: the error; data is s->last.json. */
enum tb_error refused(struct stage *s, const char *method, const char *params, ...) TB_PRINTF(3, 4);

/* "balances.points", "rewards.0.id": fails the test when it is not there. */
int64_t number(const json_t *json, const char *path);
const char *text(const json_t *json, const char *path);
size_t length(const json_t *json, const char *path);
json_t *member(const json_t *json, const char *path);

/* A key never used before. Static, eight in turn. */
const char *key(void);
/* A new customer of that name; the id lives as long as the stage's last 16. */
const char *customer(struct stage *s, const char *name);
/* A program with currency and time zone; the rest as given, "" or ", 'rewards': […]". */
void program(struct stage *s, const char *rest, ...) TB_PRINTF(2, 3);
/* A sale of one article A1 at `total`; occurred_at NULL: now. The result of passage.post. */
json_t *sale(struct stage *s, const char *number, const char *customer, const char *occurred_at,
	int64_t total);
/* Points of the account now. */
int64_t points(struct stage *s, const char *customer);
int64_t balance(struct stage *s, const char *customer, const char *which);

/* {"lines":[…],"total":…} of one line A1. Static, four in turn. */
const char *basket(int64_t total);
