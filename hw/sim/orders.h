/* SPDX-License-Identifier: MIT */
/*
 * What somebody tells a device that tillsim plays: lines on standard input, and signals. What a
 * line means is the device's; only what both kinds of scanner are told is known here.
 */
#pragma once

#include <unistd.h>
#include "base/buf.h"

struct tb_orders {
	struct tb_buf lines;
	int input;   /* to be polled; -1 when nobody will say more, the device goes on without */
	int signals; /* to be polled; a signalfd of SIGTERM, SIGINT and SIGUSR1 */
	bool quit;   /* set by whoever was told to; ends tb_orders_read() */
};

#define TB_ORDERS_INIT \
	{ \
		.lines = TB_BUF_INIT(0), .input = STDIN_FILENO, .signals = -1 \
	}

int tb_orders_open(struct tb_orders *orders);
void tb_orders_done(struct tb_orders *orders);

/* line ends with NUL; len without it. */
typedef int (*tb_orders_fn)(char *line, size_t len, void *userdata);
/* Reads what has come and calls fn for each whole line, until one of them returns an error. */
int tb_orders_read(struct tb_orders *orders, tb_orders_fn fn, void *userdata);

struct tb_scanner_ops {
	void (*scan)(char *code, size_t len, void *userdata); /* a line, its escapes still in it */
	int (*plug)(void *userdata);
	void (*hang_up)(void *userdata);
};

/* The same for a scanner: codes, and the orders !hangup, !plug and !quit. */
int tb_orders_read_scans(
	struct tb_orders *orders, const struct tb_scanner_ops *ops, void *userdata);

/* What a scanner sends behind a code. */
struct tb_terminator {
	const char *name, *bytes, *escaped;
};

/* NULL when there is none of that name. */
const struct tb_terminator *tb_terminator_find(const char *name);
