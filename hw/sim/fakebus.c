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
 * - plug NODE [KEY=VALUE…]: NODE is ttyUSB0 or ttyACM0 (any number). Keys, all optional: vid, pid
 * (four hex digits), serial, port (1-4.2), manufacturer, product, driver; by_id and by_path (names
 * of links in /dev/serial/by-id and by-path); mode (of the node, 0000). A blank is written \x20.
 * - unplug NODE: the node and its sysfs go, who has it open is hung up
 * - scan NODE TEXT: TEXT and a CR are sent; C escapes: \r \n \t \0 \\ \xHH \OOO
 * - text NODE TEXT: the same without the CR
 * - send NODE HEX: bytes as they are
 * - hangup NODE: who has it open is hung up, the device stays plugged
 * - settings NODE: says speed, mode and flow control as the program has set them
 * - sleep MS: waits before the next command
 * - start: starts COMMAND; at the end of input at the latest
 * - signal NUMBER: sends COMMAND a signal
 * - quit: ends
 *
 * What happened is said on stdout, one a line: `bus DIR`, `plugged NODE PORT`, `unplugged NODE`,
 * `opened NODE`, `closed NODE`, `sent NODE COUNT`, `received NODE HEX`, `hungup NODE`, `settings
 * NODE 9600 8N1 none`, `started PID`, `exited CODE`, `error WHAT`.
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

static const struct node_kind *const kinds[] = {&node_tty};

static struct bus bus;
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

/* C escapes to bytes, in place; returns the count. */
static size_t
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

static gboolean
on_ioctl(UMockdevIoctlBase *base, UMockdevIoctlClient *client, gpointer userdata)
{
	struct node *node = userdata;
	int error = 0, result;

	if (node->kind->ioctl(node, client))
		return TRUE;
	result = umockdev_ioctl_client_execute(client, &error, NULL);
	umockdev_ioctl_client_complete(client, result, error);
	return TRUE;
}

static void
on_opened(UMockdevIoctlBase *base, UMockdevIoctlClient *client, gpointer userdata)
{
	say("opened %s", ((struct node *)userdata)->name);
}

static void
on_closed(UMockdevIoctlBase *base, UMockdevIoctlClient *client, gpointer userdata)
{
	say("closed %s", ((struct node *)userdata)->name);
}

static char *
node_path(const struct node *node)
{
	char *root = umockdev_testbed_get_root_dir(bus.testbed);
	char *path = g_build_filename(root, "dev", node->name, NULL);

	g_free(root);
	return path;
}

static gboolean
on_master(gint fd, GIOCondition condition, gpointer userdata)
{
	struct node *node = userdata;
	uint8_t bytes[4096];
	ssize_t n = read(fd, bytes, sizeof(bytes));
	GString *hex;

	if (n <= 0) {
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return G_SOURCE_CONTINUE;
		node->watch = 0;
		return G_SOURCE_REMOVE;
	}
	hex = g_string_new(NULL);
	for (ssize_t i = 0; i < n; i++)
		g_string_append_printf(hex, "%02x", bytes[i]);
	say("received %s %s", node->name, hex->str);
	g_string_free(hex, TRUE);
	return G_SOURCE_CONTINUE;
}

/* The pty behind the node, made anew at each plug: its far end can then be hung up for good. */
static int
node_open_pty(struct node *node)
{
	char *path = node_path(node), *dir = g_path_get_dirname(path);
	struct termios tio;
	int r = -1;

	node->master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (node->master < 0 || grantpt(node->master) < 0 || unlockpt(node->master) < 0)
		goto out;
	/* held open so that the master is quiet while nobody else has the node open */
	node->slave = open(ptsname(node->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (node->slave < 0 || tcgetattr(node->slave, &tio) < 0)
		goto out;
	cfmakeraw(&tio);
	tcsetattr(node->slave, TCSANOW, &tio);
	g_mkdir_with_parents(dir, 0755);
	unlink(path);
	r = symlink(ptsname(node->master), path);
	node->watch = g_unix_fd_add(node->master, G_IO_IN, on_master, node);
out:
	g_free(path);
	g_free(dir);
	return r;
}

static void
node_close_pty(struct node *node)
{
	char *path = node_path(node);

	if (node->watch)
		g_source_remove(node->watch);
	node->watch = 0;
	if (node->slave >= 0)
		close(node->slave);
	if (node->master >= 0)
		close(node->master);
	node->slave = node->master = -1;
	unlink(path);
	g_free(path);
}

static struct node *
node_get(const char *name)
{
	struct node *node = g_hash_table_lookup(bus.nodes, name);

	if (node)
		return node;
	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		if (!g_str_has_prefix(name, kinds[i]->prefix))
			continue;
		node = g_new0(struct node, 1);
		node->bus = &bus;
		node->kind = kinds[i];
		node->name = g_strdup(name);
		node->master = node->slave = -1;
		g_hash_table_insert(bus.nodes, node->name, node);
		return node;
	}
	return NULL;
}

static void
attach(struct node *node)
{
	UMockdevIoctlBase *base;
	GError *error = NULL;
	char *dev;

	/* Never detached: a program that still has the old node open would be ended by the preload.
	 */
	if (node->handled)
		return;
	base = umockdev_ioctl_base_new();
	g_signal_connect(base, "handle-ioctl", G_CALLBACK(on_ioctl), node);
	g_signal_connect(base, "client-connected", G_CALLBACK(on_opened), node);
	g_signal_connect(base, "client-vanished", G_CALLBACK(on_closed), node);
	dev = g_strdup_printf("/dev/%s", node->name);
	node->handled = umockdev_testbed_attach_ioctl(bus.testbed, dev, base, &error);
	if (!node->handled)
		say("error %s", error->message);
	g_clear_error(&error);
	g_free(dev);
}

static const char *
value_of(char **words, const char *key, const char *fallback)
{
	size_t len = strlen(key);

	for (; *words; words++)
		if (!strncmp(*words, key, len) && (*words)[len] == '=')
			return *words + len + 1;
	return fallback;
}

static void
link_node(const struct node *node, const char *dir, const char *name)
{
	char *root, *path, *where, *target;

	if (!name)
		return;
	root = umockdev_testbed_get_root_dir(bus.testbed);
	where = g_build_filename(root, "dev/serial", dir, NULL);
	path = g_build_filename(where, name, NULL);
	target = g_strdup_printf("../../%s", node->name);
	g_mkdir_with_parents(where, 0755);
	unlink(path);
	if (symlink(target, path) < 0)
		say("error %s: %s", path, g_strerror(errno));
	g_free(root);
	g_free(where);
	g_free(path);
	g_free(target);
}

/* The USB device and its interface; the port is the path in sysfs. */
static char *
describe_usb(const struct usb_id *id, GString *out)
{
	char *hub = g_strndup(id->port, strcspn(id->port, "-")), *dev;

	dev = g_strdup_printf("/devices/pci0000:00/0000:00:14.0/usb%s/%s", hub, id->port);
	g_string_append_printf(out,
		"P: %s\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_device\nE: ID_VENDOR_ID=%s\nE: "
		"ID_MODEL_ID=%s\n"
		"E: BUSNUM=00%s\nA: idVendor=%s\nA: idProduct=%s\nA: busnum=%s\nA: devnum=7\n"
		"A: bDeviceClass=00\nA: power/control=on\n",
		dev, id->vid, id->pid, hub, id->vid, id->pid, hub);
	if (*id->serial)
		g_string_append_printf(
			out, "A: serial=%s\nE: ID_SERIAL_SHORT=%s\n", id->serial, id->serial);
	g_string_append_printf(
		out, "A: manufacturer=%s\nA: product=%s\n\n", id->manufacturer, id->product);
	g_string_append_printf(out,
		"P: %s/%s:1.0\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_interface\nE: DRIVER=%s\n"
		"A: bInterfaceNumber=00\n\n",
		dev, id->port, id->driver);
	g_free(hub);
	return dev;
}

/* The devices of a description, in order: umockdev removes one at a time. */
static void
remember_paths(struct node *node, const char *text)
{
	char **lines = g_strsplit(text, "\n", -1);

	node->syspaths = g_ptr_array_new_with_free_func(g_free);
	for (char **line = lines; *line; line++)
		if (g_str_has_prefix(*line, "P: "))
			g_ptr_array_add(node->syspaths, g_strdup_printf("/sys%s", *line + 3));
	g_strfreev(lines);
}

static void
cmd_plug(struct node *node, char **words)
{
	gboolean acm = g_str_has_prefix(node->name, "ttyACM");
	struct usb_id id = {
		.vid = value_of(words, "vid", acm ? "1eab" : "0403"),
		.pid = value_of(words, "pid", acm ? "8006" : "6001"),
		.serial = value_of(words, "serial", ""),
		.port = value_of(words, "port", "1-1"),
		.manufacturer = value_of(words, "manufacturer", "Fake"),
		.product = value_of(words, "product", "Serial scanner"),
		.driver = value_of(words, "driver", acm ? "cdc_acm" : "ftdi_sio"),
	};
	const char *mode = value_of(words, "mode", NULL);
	GString *text = g_string_new(NULL);
	GError *error = NULL;
	char *interface, *path;

	if (node->syspaths || node_open_pty(node) < 0) {
		say("error %s %s", node->name,
			node->syspaths ? "is plugged already" : g_strerror(errno));
		g_string_free(text, TRUE);
		return;
	}
	attach(node);
	if (mode) {
		path = node_path(node);
		if (chmod(path, (mode_t)strtoul(mode, NULL, 8)) < 0)
			say("error %s: %s", path, g_strerror(errno));
		g_free(path);
	}
	link_node(node, "by-id", value_of(words, "by_id", NULL));
	link_node(node, "by-path", value_of(words, "by_path", NULL));
	path = describe_usb(&id, text);
	interface = g_strdup_printf("%s/%s:1.0", path, id.port);
	g_free(path);
	node->kind->describe(node, &id, interface, text);
	remember_paths(node, text->str);
	if (!umockdev_testbed_add_from_string(bus.testbed, text->str, &error))
		say("error %s %s", node->name, error->message);
	else
		say("plugged %s %s", node->name, id.port);
	g_clear_error(&error);
	g_free(interface);
	g_string_free(text, TRUE);
}

static void
cmd_unplug(struct node *node)
{
	if (!node->syspaths) {
		say("error %s is not plugged", node->name);
		return;
	}
	/* as a kernel does it: the wire dies first, the events follow */
	node_close_pty(node);
	for (guint i = node->syspaths->len; i-- > 0;) {
		const char *path = g_ptr_array_index(node->syspaths, i);

		/* umockdev 0.17 takes devices away without a word */
		umockdev_testbed_uevent(bus.testbed, path, "remove");
		umockdev_testbed_remove_device(bus.testbed, path);
	}
	g_clear_pointer(&node->syspaths, g_ptr_array_unref);
	say("unplugged %s", node->name);
}

static void
send_bytes(struct node *node, const char *bytes, size_t len)
{
	size_t sent = 0;

	/* a pty takes some 4 kB at a time, and the reader is another process: wait for it */
	while (node->master >= 0 && sent < len) {
		ssize_t n = write(node->master, bytes + sent, len - sent);
		GPollFD pfd = {.fd = node->master, .events = G_IO_OUT};

		if (n > 0)
			sent += (size_t)n;
		else if (errno != EAGAIN && errno != EINTR)
			break;
		else if (g_poll(&pfd, 1, 2000) == 0)
			break;
	}
	say("sent %s %zu", node->name, sent);
}

static void
cmd_send_hex(struct node *node, const char *hex)
{
	GString *bytes = g_string_new(NULL);

	for (; g_ascii_isxdigit(hex[0]) && g_ascii_isxdigit(hex[1]); hex += 2)
		g_string_append_c(bytes,
			(char)(g_ascii_xdigit_value(hex[0]) * 16 + g_ascii_xdigit_value(hex[1])));
	send_bytes(node, bytes->str, bytes->len);
	g_string_free(bytes, TRUE);
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
	if (!g_spawn_async(NULL, command, NULL,
		    G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_CHILD_INHERITS_STDIN,
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
	struct node *node = words[1] ? node_get(words[1]) : NULL;
	const char *verb = words[0];

	if (!node) {
		say("error %s needs a node this bus can have", verb);
	} else if (!strcmp(verb, "plug")) {
		for (char **word = words + 2; *word; word++)
			(*word)[unescape(*word)] = '\0';
		cmd_plug(node, words + 2);
	} else if (!strcmp(verb, "unplug")) {
		cmd_unplug(node);
	} else if (!strcmp(verb, "settings")) {
		cmd_settings(node);
	} else if (!strcmp(verb, "send")) {
		cmd_send_hex(node, rest);
	} else if (!strcmp(verb, "hangup")) {
		node_close_pty(node);
		if (node->syspaths && node_open_pty(node) < 0)
			say("error %s %s", node->name, g_strerror(errno));
		say("hungup %s", node->name);
	} else if (!strcmp(verb, "scan") || !strcmp(verb, "text")) {
		size_t len = unescape(rest);
		GString *bytes = g_string_new_len(rest, (gssize)len);

		if (verb[0] == 's')
			g_string_append_c(bytes, '\r');
		send_bytes(node, bytes->str, bytes->len);
		g_string_free(bytes, TRUE);
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
			cmd_unplug(value);
	g_object_unref(bus.testbed);
	return bus.exit_code;
}
