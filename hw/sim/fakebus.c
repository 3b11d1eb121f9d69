/* SPDX-License-Identifier: MIT */
/*
 * tillsim-fakebus: USB devices that do not exist, for programs that do not know. It holds an
 * umockdev testbed (sysfs, udev's events, device nodes), and a program run under umockdev-wrapper
 * with the same UMOCKDEV_DIR sees them through the real libudev and the real libserialport. It
 * emulates what a wire says, not what a kernel driver does wrong.
 *
 *   tillsim-fakebus [COMMAND ARG…]
 *
 * Without COMMAND the first line on stdout, `bus DIR`, is what to set for a program that shall see
 * the bus: UMOCKDEV_DIR=DIR umockdev-wrapper PROGRAM. COMMAND is started on the bus; when it ends,
 * its exit code is ours. At the end of input all is unplugged, once COMMAND has ended.
 *
 * Commands on stdin, one a line:
 *
 * - plug NODE [KEY=VALUE…]: NODE is ttyUSB0, ttyACM0, hidraw0 (a scanner in HID POS mode), usb/lp0
 * (a printer) or input/event0 (a scanner that is a keyboard), any number. Keys, all optional: vid,
 * pid (four hex digits), serial, port (1-4.2), manufacturer, product, driver; by_id and by_path
 * (names of links in /dev/serial/by-id and by-path); mode (of the node, 0000); wire=pipe;
 * descriptor=HEX (hidraw); layout and lights=BITS (input); device_id=TEXT and status=NUMBER (lp). A
 * blank is written \x20.
 * - unplug NODE: the node and its sysfs go, who has it open is hung up
 * - scan NODE TEXT: the device reads TEXT and tells it in its way: with a CR on a tty, in reports
 * of layout A on hidraw (]Q1 before it is its AIM identifier), as keys and Enter on input, under
 * the layout it was plugged with (layout=us). C escapes: \r \n \t \0 \\ \xHH \OOO
 * - text NODE TEXT: the same without CR or Enter
 * - send NODE HEX: bytes as they are; on hidraw one report, on lp an answer of the printer
 * - keys NODE CODE:VALUE…: keys of input by their number, 1 down, 0 up
 * - press NODE CODE:VALUE…: they are down, or up, and no event says so; events NODE
 * TYPE:CODE:VALUE…: any events; light NODE CODE:VALUE…: a light of it goes on or off
 * - hold NODE, leave NODE: another program has the tty or input to itself, and no longer
 * - plug uinput: programs may make keyboards of their own; what they type is `received`
 * - hangup NODE: who has it open is hung up, the device stays plugged
 * - plug usbprinterN [KEY=VALUE…]: a printer behind usbfs, for libusb. Also: class, protocol,
 * alternates (of its interface), device_id=TEXT, answers=no (to DLE EOT and the like),
 * speed=BYTES (a second), out=FILE (takes what it is sent), driver=usblp (has the interface)
 * - of a usbprinterN: stall COUNT [AFTER]: its next transfers stall after so many bytes; nak [off]:
 * takes nothing; limit BYTES: so many more; short BYTES: at most so many a transfer; port HEX:
 * its port status; health well|paper_out|cover_open|silent: what it answers; send HEX: says it
 * - plug usbscannerN [KEY=VALUE…]: a scanner in HID POS mode behind usbfs, for libusb. Also:
 * vendor=0|1|no (which of its two interfaces is the vendor's own), descriptor=HEX or none (it does
 * not tell it), driver=usbhid (the kernel has its interfaces), node=hidraw0 (and made that node,
 * which goes when the driver does). It takes scan, text and send as a hidraw does, and stall COUNT
 * - of hidraw and usbscanner: switch=HEX: what is scanned is typed elsewhere until that feature
 * report has come, upon which the device leaves the bus and comes back, with becomes=PID as that
 * one; features=no: it knows no feature report
 * - of hidraw: interface=1.1; shared=device: its USB device is another node's, plugged before and
 * unplugged after it
 * - settings NODE: says speed, mode and flow control as the program has set them
 * - sleep MS: waits before the next command
 * - start: starts COMMAND; at the end of input at the latest
 * - signal NUMBER: sends COMMAND a signal
 * - quit: ends
 *
 * What happened is said on stdout, one a line: `bus DIR`, `plugged NODE PORT`, `unplugged NODE`,
 * `opened NODE`, `closed NODE`, `sent NODE COUNT`, `received NODE HEX`, `feature NODE HEX`,
 * `grabbed NODE`, `released NODE`, `made NODE`, `unmade NODE`, `claimed NODE`,
 * `detached NODE DRIVER`, `attached NODE DRIVER`, `cleared NODE`, `took NODE TOTAL`, `waiting NODE
 * COUNT`, `asked NODE WHAT`, `done COMMAND NODE`, `held NODE`, `left NODE`, `hungup NODE`,
 * `settings NODE 9600 8N1 none`, `started PID`, `exited CODE`, `error WHAT`.
 */

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "hw/sim/fakebus.h"

struct bus bus;
static char **command;
static GPid command_pid;
static GString *input;
static guint input_watch;
static gboolean waiting;

void
say(const char *format, ...)
{
	va_list args;
	char *line;

	va_start(args, format);
	line = g_strdup_vprintf(format, args);
	va_end(args);
	/* one write: a reader never sees half a line, whichever thread speaks */
	printf("%s\n", line);
	fflush(stdout);
	g_free(line);
}

size_t
unescape(char *text)
{
	char *out = text, *in = text;

	while (*in) {
		if (*in != '\\') {
			*out++ = *in++;
			continue;
		}
		in++;
		if (*in == 'x' && g_ascii_isxdigit(in[1])) {
			int value = g_ascii_xdigit_value(in[1]);

			in += 2;
			if (g_ascii_isxdigit(*in))
				value = value * 16 + g_ascii_xdigit_value(*in++);
			*out++ = (char)value;
		} else if (*in >= '0' && *in <= '7') {
			int value = 0;

			for (int i = 0; i < 3 && *in >= '0' && *in <= '7'; i++)
				value = value * 8 + (*in++ - '0');
			*out++ = (char)value;
		} else if (*in) {
			*out++ = *in == 'r' ? '\r' : *in == 'n' ? '\n' : *in == 't' ? '\t' : *in;
			in++;
		}
	}
	return (size_t)(out - text);
}

static void
cmd_send(struct node *node, const char *hex)
{
	GByteArray *bytes = bytes_of_hex(hex);

	node_write(node, bytes->data, bytes->len);
	say("sent %s %u", node->name, bytes->len);
	g_byte_array_unref(bytes);
}

static void
cmd_settings(struct node *node)
{
	static const struct {
		speed_t code;
		int speed;
	} speeds[] = {{B1200, 1200}, {B2400, 2400}, {B4800, 4800}, {B9600, 9600}, {B19200, 19200},
		{B38400, 38400}, {B57600, 57600}, {B115200, 115200}};
	struct termios tio;
	int speed = 0;

	if (node->slave < 0 || tcgetattr(node->slave, &tio) < 0) {
		say("error %s is not plugged", node->name);
		return;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(speeds); i++)
		if (speeds[i].code == cfgetispeed(&tio))
			speed = speeds[i].speed;
	say("settings %s %d %c%c%c %s", node->name, speed,
		(tio.c_cflag & CSIZE) == CS8   ? '8'
		: (tio.c_cflag & CSIZE) == CS7 ? '7'
					       : '?',
		!(tio.c_cflag & PARENB)  ? 'N'
		: (tio.c_cflag & PARODD) ? 'O'
					 : 'E',
		(tio.c_cflag & CSTOPB) ? '2' : '1',
		(tio.c_cflag & CRTSCTS)          ? "rts"
		: (tio.c_iflag & (IXON | IXOFF)) ? "xon"
						 : "none");
}

static void
on_command_exit(GPid pid, gint status, gpointer userdata)
{
	bus.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	say("exited %d", bus.exit_code);
	command_pid = 0;
	g_main_loop_quit(bus.loop);
}

static void
cmd_start(void)
{
	GError *error = NULL;

	if (!command || command_pid)
		return;
	if (!g_spawn_async(NULL, command, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD,
		    NULL, NULL, &command_pid, &error)) {
		say("error %s", error->message);
		bus.exit_code = 127;
		g_main_loop_quit(bus.loop);
		return;
	}
	g_child_watch_add(command_pid, on_command_exit, NULL);
	say("started %d", (int)command_pid);
}

static void
node_command(char **words, char *rest)
{
	const char *verb = words[0];
	struct node *node;

	if (!strcmp(verb, "plug"))
		for (char **word = words + 1; *word; word++)
			(*word)[unescape(*word)] = '\0';
	if (usb_command(words, rest))
		return;
	node = words[1] ? node_get(words[1]) : NULL;
	if (!node) {
		say("error %s needs a node this bus can have", verb);
	} else if (!strcmp(verb, "plug")) {
		node_plug(node, words + 2);
	} else if (!strcmp(verb, "unplug")) {
		node_unplug(node);
	} else if (!strcmp(verb, "settings")) {
		cmd_settings(node);
	} else if (!strcmp(verb, "send")) {
		cmd_send(node, rest);
	} else if (!strcmp(verb, "hold") || !strcmp(verb, "leave")) {
		node->held = verb[0] == 'h';
		say("%s %s", node->held ? "held" : "left", node->name);
	} else if (!strcmp(verb, "hangup")) {
		node_hangup(node);
	} else if (node->kind->keys && (!strcmp(verb, "keys") || !strcmp(verb, "events") ||
					       !strcmp(verb, "press") || !strcmp(verb, "light"))) {
		node->kind->keys(node, verb, words + 2);
	} else if (node->kind->scan && (!strcmp(verb, "scan") || !strcmp(verb, "text"))) {
		size_t len = unescape(rest);

		node->kind->scan(node, rest, len, verb[0] == 's');
		say("sent %s %zu", node->name, len);
	} else {
		say("error no command %s", verb);
	}
}

static gboolean run_lines(gpointer userdata);

static gboolean
on_slept(gpointer userdata)
{
	waiting = FALSE;
	return run_lines(NULL);
}

static void
run_line(char *line)
{
	char **words = g_strsplit_set(line, " ", -1), *rest = strchr(line, ' ');

	rest = rest ? strchr(rest + 1, ' ') : NULL;
	if (!words[0] || !*words[0] || *words[0] == '#') {
		/* nothing to do */
	} else if (!strcmp(words[0], "quit")) {
		g_main_loop_quit(bus.loop);
	} else if (!strcmp(words[0], "start")) {
		cmd_start();
	} else if (!strcmp(words[0], "sleep")) {
		waiting = TRUE;
		g_timeout_add((guint)strtoul(words[1] ? words[1] : "0", NULL, 10), on_slept, NULL);
	} else if (!strcmp(words[0], "signal")) {
		if (command_pid && words[1])
			kill(command_pid, atoi(words[1]));
	} else {
		char none[] = "";

		node_command(words, rest ? rest + 1 : none);
	}
	g_strfreev(words);
}

/* Runs the lines that have come; a `sleep` holds back those behind it. */
static gboolean
run_lines(gpointer userdata)
{
	char *end;

	while (!waiting && (end = memchr(input->str, '\n', input->len))) {
		char *line = g_strndup(input->str, (gsize)(end - input->str));

		g_string_erase(input, 0, end - input->str + 1);
		g_strchomp(line);
		run_line(line);
		g_free(line);
	}
	if (!waiting && !input_watch && !command)
		g_main_loop_quit(bus.loop);
	return G_SOURCE_REMOVE;
}

static gboolean
on_input(gint fd, GIOCondition condition, gpointer userdata)
{
	char bytes[4096];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	if (n > 0) {
		g_string_append_len(input, bytes, n);
		run_lines(NULL);
		return G_SOURCE_CONTINUE;
	}
	if (n < 0 && errno == EINTR)
		return G_SOURCE_CONTINUE;
	input_watch = 0;
	g_string_append_c(input, '\n');
	run_lines(NULL);
	cmd_start();
	return G_SOURCE_REMOVE;
}

static gboolean
on_signal(gpointer userdata)
{
	g_main_loop_quit(bus.loop);
	return G_SOURCE_CONTINUE;
}

/* The testbed and its programs both live under the preload; say so to the loader and start again.
 */
static void
ensure_preload(char **argv)
{
	const char *old = getenv("LD_PRELOAD");
	char *value;

	/* umockdev_in_mock_environment() would remember that there was no testbed yet, and from
	 * then on no event would be sent */
	if (getenv("TILLSIM_FAKEBUS_PRELOADED"))
		return;
	value = g_strdup_printf("libumockdev-preload.so.0%s%s", old ? ":" : "", old ? old : "");
	setenv("LD_PRELOAD", value, 1);
	setenv("TILLSIM_FAKEBUS_PRELOADED", "1", 1);
	execv("/proc/self/exe", argv);
	perror("tillsim-fakebus");
	exit(1);
}

int
main(int argc, char **argv)
{
	GHashTableIter iter;
	gpointer value;
	char *root;

	ensure_preload(argv);
	if (argc > 1 && !strcmp(argv[1], "--"))
		argv++, argc--;
	command = argc > 1 ? argv + 1 : NULL;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	input = g_string_new(NULL);
	bus.nodes = g_hash_table_new(g_str_hash, g_str_equal);
	bus.loop = g_main_loop_new(NULL, FALSE);
	bus.testbed = umockdev_testbed_new();
	root = umockdev_testbed_get_root_dir(bus.testbed);
	say("bus %s", root);
	g_free(root);
	g_unix_signal_add(SIGTERM, on_signal, NULL);
	g_unix_signal_add(SIGINT, on_signal, NULL);
	input_watch = g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP, on_input, NULL);
	g_main_loop_run(bus.loop);

	if (command_pid)
		kill(command_pid, SIGTERM);
	g_hash_table_iter_init(&iter, bus.nodes);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (((struct node *)value)->syspaths)
			node_unplug(value);
	usb_printers_unplug();
	g_object_unref(bus.testbed);
	return bus.exit_code;
}
