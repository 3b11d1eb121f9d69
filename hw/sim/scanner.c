/* SPDX-License-Identifier: MIT */
/*
 * tillsim scanner: a serial scanner on a pseudo-terminal. Codes come on standard input, one a line,
 * with C escapes; a line that begins with ! is an order: !hangup, !plug, !quit.
 */

#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include "hw/sim/orders.h"
#include "hw/sim/pty.h"
#include "hw/sim/tillsim.h"
#include "hw/sim/words.h"

#define WIRE_MAX (1u << 20)

struct scanner {
	const char *link;
	const struct tb_terminator *terminator;
	char *prefix, *suffix;
	size_t n_prefix, n_suffix;
	bool aim;

	struct tb_sim_pty pty;
	struct tb_buf wire;
	struct tb_orders orders;
};

static int
plug(void *userdata)
{
	struct scanner *scanner = userdata;
	int r;

	if (scanner->pty.master >= 0)
		return 0;
	r = tb_sim_pty_open(&scanner->pty, scanner->link);
	if (r == 0) {
		printf("listening %s\n", scanner->link);
		fflush(stdout);
	}
	return r;
}

static void
hang_up(void *userdata)
{
	struct scanner *scanner = userdata;

	tb_sim_pty_close(&scanner->pty);
	tb_buf_reset(&scanner->wire);
}

/* The identifier of the symbology that such a code most likely has. */
static const char *
aim_identifier(const char *code, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (code[i] < '0' || code[i] > '9')
			return code[0] == 0x1D ? "]C1" : len > 48 ? "]Q1" : "]C0";
	}
	return len == 13 ? "]E0" : len == 8 ? "]E4" : "]C0";
}

static void
send_wire(struct scanner *scanner)
{
	while (scanner->wire.len > 0 && scanner->pty.master >= 0) {
		ssize_t n = write(scanner->pty.master, scanner->wire.data, scanner->wire.len);

		if (n <= 0)
			return;
		tb_buf_consume(&scanner->wire, (size_t)n);
	}
}

static void
scan(char *code, size_t len, void *userdata)
{
	struct scanner *scanner = userdata;
	size_t n;

	if (tb_sim_unescape(code, len, &n) < 0) {
		fprintf(stderr, "tillsim: no such escape\n");
		return;
	}
	if (scanner->pty.master < 0) {
		fprintf(stderr, "tillsim: it is not plugged in\n");
		return;
	}
	tb_buf_add(&scanner->wire, scanner->prefix, scanner->n_prefix);
	if (scanner->aim && n > 0 && code[0] != ']')
		tb_buf_add_str(&scanner->wire, aim_identifier(code, n));
	tb_buf_add(&scanner->wire, code, n);
	tb_buf_add(&scanner->wire, scanner->suffix, scanner->n_suffix);
	tb_buf_add_str(&scanner->wire, scanner->terminator->bytes);
	if (tb_buf_error(&scanner->wire) < 0) {
		fprintf(stderr, "tillsim: nobody reads\n");
		tb_buf_reset(&scanner->wire);
	}
	send_wire(scanner);
}

static int
turn(struct scanner *scanner)
{
	static const struct tb_scanner_ops ops = {.scan = scan, .plug = plug, .hang_up = hang_up};
	struct pollfd fds[] = {
		{scanner->orders.signals, POLLIN, 0},
		{scanner->orders.input, POLLIN, 0},
		{scanner->pty.master, (short)(POLLIN | (scanner->wire.len > 0 ? POLLOUT : 0)), 0},
	};
	char drop[256];

	if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[0].revents)
		scanner->orders.quit = true;
	/* What a till sends to its scanner, orders to beep and the like, is read and forgotten. */
	if (fds[2].revents & POLLIN && read(scanner->pty.master, drop, sizeof(drop)) < 0 &&
		errno != EAGAIN)
		return -errno;
	if (fds[2].revents & POLLOUT)
		send_wire(scanner);
	return fds[1].revents ? tb_orders_read_scans(&scanner->orders, &ops, scanner) : 0;
}

static int
run(struct scanner *scanner)
{
	int r = tb_orders_open(&scanner->orders);

	if (r == 0)
		r = plug(scanner);
	while (r == 0 && !scanner->orders.quit)
		r = turn(scanner);
	tb_sim_pty_close(&scanner->pty);
	return r;
}

static int
parse_bytes(const char *text, char **bytes, size_t *len)
{
	free(*bytes);
	*bytes = strdup(text);
	if (!*bytes || tb_sim_unescape(*bytes, strlen(*bytes), len) < 0)
		return tb_sim_usage("'%s' has an escape that C does not have", text);
	return 0;
}

static int
parse(struct scanner *scanner, int argc, char **argv)
{
	static const struct option options[] = {
		{"pty", required_argument, NULL, 'y'},
		{"terminator", required_argument, NULL, 't'},
		{"prefix", required_argument, NULL, 'p'},
		{"suffix", required_argument, NULL, 's'},
		{"aim", no_argument, NULL, 'a'},
		{0},
	};
	int c, r = 0;

	while (r == 0 && (c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 'y')
			scanner->link = optarg;
		else if (c == 't')
			scanner->terminator = tb_terminator_find(optarg);
		else if (c == 'p')
			r = parse_bytes(optarg, &scanner->prefix, &scanner->n_prefix);
		else if (c == 's')
			r = parse_bytes(optarg, &scanner->suffix, &scanner->n_suffix);
		else if (c == 'a')
			scanner->aim = true;
		else
			r = tb_sim_usage("scanner does not know that");
	}
	if (r == 0 && !scanner->terminator)
		r = tb_sim_usage("--terminator is cr, lf, crlf, tab or none");
	if (r == 0 && (optind != argc || !scanner->link))
		r = tb_sim_usage("scanner takes --pty LINK");
	return r;
}

int
tb_sim_scanner(int argc, char **argv)
{
	struct scanner scanner = {.terminator = tb_terminator_find("cr"),
		.pty = TB_SIM_PTY_INIT,
		.wire = TB_BUF_INIT(WIRE_MAX),
		.orders = TB_ORDERS_INIT};
	int r = parse(&scanner, argc, argv);

	if (r == 0) {
		r = run(&scanner);
		if (r < 0) {
			fprintf(stderr, "tillsim: %s: %s\n", scanner.link, strerror(-r));
			r = TB_SIM_FAILED;
		}
	}
	free(scanner.prefix);
	free(scanner.suffix);
	tb_orders_done(&scanner.orders);
	tb_buf_done(&scanner.wire);
	return r;
}
