/* SPDX-License-Identifier: MIT */
/*
 * Opening a serial line: libserialport for what the kernel calls a tty, plain calls for a
 * pseudo-terminal, which libserialport does not know. The stream around the descriptor is tty.c's.
 */
#pragma once

#include "hw/transport/transport.h"

struct sp_port;

struct tb_line {
	int fd;               /* non-blocking, closed on exec; -1 when it is not open */
	struct sp_port *port; /* NULL for a pseudo-terminal */
};

/* As tb_stream_open_fn promises it for ret_why and the error. */
int tb_line_open(const char *path, const struct tb_stream_settings *settings, struct tb_line *ret,
	char **ret_why);
/* The error of an open (an errno) as a negative one, and its sentence, of any device node. */
int tb_line_fail_open(const char *path, int error, char **ret_why);
/* Why an open device of any kind is lost (a negative errno, 0: it hung up), and the cure; to free,
 * NULL when there is no memory. */
char *tb_line_why_lost(int error);
/* Drops what has not gone out, gives the port back. Does not wait. */
void tb_line_close(struct tb_line *line);
