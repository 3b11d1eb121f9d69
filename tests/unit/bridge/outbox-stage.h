/* SPDX-License-Identifier: MIT */
/*
 * The stage on which the outbox is tested: a server of the test's own that answers when it is told
 * to, tills that say one call each, virtual time and a real state.db.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "bridge/conf.h"
#include "bridge/outbox-parts.h"
#include "bridge/rpc/methods.h"
#include "tests/virtual-loop.h"

#define SENT_MAX 4096

/* A call that reached the server. */
struct sent {
	enum tb_op op;
	char *params, *key;
	uint64_t at_us, deadline_us;
	tb_done_fn done; /* NULL: it has been answered */
	void *userdata;
};

/* A call of a till. */
struct tb_request {
	const struct tb_method *method;
	json_t *params;
	char *answer; /* NULL: not yet */
	char *error;  /* its word, or "invalid_params /pointer code" */
	uint64_t at_us;
};

struct stage {
	char dir[64], path[96];
	struct tb_bridge bridge;
	struct tb_conf conf;
	bool keyed, busy;
	struct sent sent[SENT_MAX];
	size_t n_sent;
	unsigned delivered; /* of which nobody waited any more */
	char events[4096];
};

extern struct stage *f;

int setup(void **state);
int setup_unkeyed(void **state);
int teardown(void **state);
void start(void);
void stop(void);
/* As by pulling the plug: nothing is written any more. */
void crash(void);
void settle(void);
void advance_ms(uint64_t ms);

/* Calls of the test's own are on disk already. */
int64_t on_disk(const char *query);

/* Says a call; request is its own. */
void say(struct tb_request *request, const char *method, const char *params);
void request_done(struct tb_request *request);
#define _cleanup_request_ _cleanup_(request_done)
/* The member of the answer, "" when it is none. */
const char *answer_member(const struct tb_request *request, const char *name);
void post(struct tb_request *request, const char *sale, const char *customer);

/* How many calls are with the server now; the n-th of them. */
size_t flying(void);
struct sent *nth_flying(size_t n);
const char *sale_of(const struct sent *sent);
void answer(struct sent *sent, const char *json);
void refuse(struct sent *sent, enum tb_error error);
/* … with what belongs to the error. */
void refuse_with(struct sent *sent, enum tb_error error, const char *data);
/* No answer, and the link is down. */
void lose(struct sent *sent, bool unsent);
void link_is(bool up);

#define STAGED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define STAGED_UNKEYED(test) cmocka_unit_test_setup_teardown(test, setup_unkeyed, teardown)
