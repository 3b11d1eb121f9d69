/* SPDX-License-Identifier: MIT */
/* Standard input line by line, the signals that end a device, and the orders to a scanner. */

#include "hw/sim/orders.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include "hw/sim/words.h"

int
tb_orders_open(struct tb_orders *orders)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	orders->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return orders->signals < 0 ? -errno : 0;
}

void
tb_orders_done(struct tb_orders *orders)
{
	tb_buf_done(&orders->lines);
	if (orders->signals >= 0)
		close(orders->signals);
	orders->signals = -1;
}

int
tb_orders_read(struct tb_orders *orders, tb_orders_fn fn, void *userdata)
{
	char bytes[4096];
	size_t len, size;
	ssize_t n = read(orders->input, bytes, sizeof(bytes));
	int r = 0;

	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			orders->input = -1;
		return 0;
	}
	tb_buf_add(&orders->lines, bytes, (size_t)n);
	while (r == 0 && !orders->quit && tb_sim_line(&orders->lines, &len, &size)) {
		char *line = orders->lines.data;

		if (len > 0 && line[len - 1] == '\r')
			len--;
		line[len] = '\0';
		r = fn(line, len, userdata);
		tb_buf_consume(&orders->lines, size);
	}
	if (orders->lines.len > TB_SIM_LINE_MAX)
		tb_buf_reset(&orders->lines);
	return r;
}

/* ---- a scanner ---------------------------------------------------------------------------- */

struct scans {
	struct tb_orders *orders;
	const struct tb_scanner_ops *ops;
	void *userdata;
};

static int
obey(char *line, size_t len, void *userdata)
{
	const struct scans *scans = userdata;

	if (len == 0)
		return 0;
	if (line[0] != '!')
		scans->ops->scan(line, len, scans->userdata);
	else if (strcmp(line, "!hangup") == 0)
		scans->ops->hang_up(scans->userdata);
	else if (strcmp(line, "!plug") == 0)
		return scans->ops->plug(scans->userdata);
	else if (strcmp(line, "!quit") == 0)
		scans->orders->quit = true;
	else
		fprintf(stderr, "tillsim: what is '%s'?\n", line);
	return 0;
}

int
tb_orders_read_scans(struct tb_orders *orders, const struct tb_scanner_ops *ops, void *userdata)
{
	struct scans scans = {orders, ops, userdata};

	return tb_orders_read(orders, obey, &scans);
}

const struct tb_terminator *
tb_terminator_find(const char *name)
{
	static const struct tb_terminator known[] = {{"cr", "\r", "\\r"},
		{"crlf", "\r\n", "\\r\\n"}, {"lf", "\n", "\\n"}, {"none", "", ""},
		{"tab", "\t", "\\t"}};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(known[i].name, name) == 0)
			return &known[i];
	return NULL;
}
