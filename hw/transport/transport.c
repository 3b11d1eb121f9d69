/* SPDX-License-Identifier: MIT */
/* Which wire an address with its prefix means. It opens nothing itself. */

#include <stdio.h>
#include <string.h>

#include "hw/transport/transport.h"

static const struct {
	const char *prefix;
	tb_stream_open_fn open;
} wires[] = {
	{"lp:", tb_lp_open},
	{"pty:", tb_tty_open},
	{"tcp:", tb_tcp_open},
	{"tty:", tb_tty_open},
	{"usb:", tb_usb_open},
};

int
tb_stream_open(struct tb_loop *loop, const char *address, const struct tb_stream_settings *settings,
	const struct tb_stream_handler *handler, void *userdata, struct tb_stream **ret,
	char **ret_why)
{
	for (size_t i = 0; i < ARRAY_SIZE(wires); i++) {
		size_t len = strlen(wires[i].prefix);

		if (!strncmp(address, wires[i].prefix, len))
			return wires[i].open(
				loop, address + len, settings, handler, userdata, ret, ret_why);
	}
	if (asprintf(ret_why,
		    "%s is no address of a serial line, of a USB or of a network printer: write "
		    "tty:PATH, pty:PATH, lp:PATH, usb:VID:PID or tcp:HOST:PORT",
		    address) < 0)
		*ret_why = NULL;
	return -EINVAL;
}
