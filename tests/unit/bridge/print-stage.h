/* SPDX-License-Identifier: MIT */
/*
 * The stage on which the print queue is tested: two printers, a connector and a socket of the
 * test's own, virtual time and a real state.db. "Before it is on disk" is looked at through a
 * second connection.
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
#include "bridge/printing-parts.h"
#include "bridge/rpc/methods.h"
#include "hw/escpos/document.h"
#include "tests/virtual-loop.h"

/* A printer as its driver shows it. */
struct tb_device {
	const char *name;
	const struct tb_print_job *job; /* under way */
	unsigned printed;               /* calls of print */
	unsigned cancelled;             /* calls of cancel */
	int refuse;                     /* what print answers */
	char text[4096];                /* of the last document, or the raw bytes */
};

struct tb_request {
	const char *till;
	json_t *params;
	char *answer; /* NULL: not yet */
	char *error;  /* its word, or "invalid_params /pointer code" */
};

struct stage {
	char dir[64], path[96];
	struct tb_bridge bridge;
	struct tb_conf conf;
	struct tb_device left, right;
	struct tb_driver driver;
	bool no_printer;
	char events[65536]; /* a line each: NOTICE DEVICE [ID] STATE [REASON] */
	char asked[4096];   /* of the connector: "coupon.printed TBC-1\n" */
	enum tb_error connector_error;
	bool connector_silent;
	tb_done_fn done; /* of the call it was silent to */
	void *done_userdata;
	const char *printed_at; /* of coupon.check */
	const char *unprinted;  /* the answer of coupon.unprinted */
};

extern struct stage *f;

int64_t on_disk(const char *query, const char *argument);
bool is_touched(const char *id);
void settle(void);
void tell_job(struct tb_device *device, enum tb_job_state state, const char *reason, bool touched);
void tell_printer(struct tb_device *device, enum tb_printer_state state);
void plug(struct tb_device *device);
void unplug(struct tb_device *device);
void start(void);
void stop(void);
int setup(void **state);
int teardown(void **state);
void request_done(struct tb_request *request);
void call(struct tb_request *request, tb_method_fn method, const char *params);
const char *job_of(const struct tb_request *request);
void print_text(const char *key, const char *printer, const char *text, char *id);
void print_coupon(const char *key, const char *code, char *id);
void assert_job(const char *id, const char *state);
void assert_told(const char *id, const char *expected);
void cancel(const char *id, const char *expected);

#define _cleanup_request_ _cleanup_(request_done)
#define STAGED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
