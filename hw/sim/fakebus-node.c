/* SPDX-License-Identifier: MIT */
/*
 * One node of the fake bus: its wire (a pseudo-terminal, or a pipe of packets), its place in sysfs,
 * and the ioctls that are asked of it. What a kind of device answers stands in that kind's file.
 */

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "hw/sim/fakebus.h"

/* So long a reader may be busy before what is written is lost. */
#define PATIENCE_MS 20000

static const struct node_kind *const kinds[] = {
	&node_acm, &node_evdev, &node_hidraw, &node_lp, &node_tty, &node_uinput};

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
	struct node *node = userdata;

	if (node->kind->closed)
		node->kind->closed(node, client);
	say("closed %s", node->name);
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

/* A pseudo-terminal, made anew at each plug: its far end can then be hung up for good. */
static int
open_pty(struct node *node, const char *path)
{
	struct termios tio;

	node->master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (node->master < 0 || grantpt(node->master) < 0 || unlockpt(node->master) < 0)
		return -1;
	/* held open so that the master is quiet while nobody else has the node open */
	node->slave = open(ptsname(node->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (node->slave < 0 || tcgetattr(node->slave, &tio) < 0)
		return -1;
	cfmakeraw(&tio);
	tcsetattr(node->slave, TCSANOW, &tio);
	node->watch = g_unix_fd_add(node->master, G_IO_IN, on_master, node);
	return symlink(ptsname(node->master), path);
}

/* A pipe of packets: one read gives one report, as from hidraw. */
static int
open_packets(struct node *node, const char *path)
{
	if (mkfifo(path, 0600) < 0)
		return -1;
	node->master = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return node->master < 0 ? -1 : fcntl(node->master, F_SETFL, O_NONBLOCK | O_DIRECT);
}

static int
open_wire(struct node *node)
{
	char *path = node_path(node), *dir = g_path_get_dirname(path);
	int r;

	g_mkdir_with_parents(dir, 0755);
	unlink(path);
	r = node->kind->packets || node->piped ? open_packets(node, path) : open_pty(node, path);
	g_free(path);
	g_free(dir);
	return r;
}

static void
close_wire(struct node *node)
{
	char *path = node_path(node);

	if (node->watch)
		g_source_remove(node->watch);
	node->watch = 0;
	/* The name goes first: the kernel gives a free number to the next who asks for one, and who
	 * opened the name then would have a stranger's line. */
	unlink(path);
	g_free(path);
	if (node->slave >= 0)
		close(node->slave);
	if (node->master >= 0)
		close(node->master);
	node->slave = node->master = -1;
}

void
node_hangup(struct node *node)
{
	close_wire(node);
	if (node->syspaths && open_wire(node) < 0)
		say("error %s %s", node->name, g_strerror(errno));
	say("hungup %s", node->name);
}

struct node *
node_get(const char *name)
{
	struct node *node = g_hash_table_lookup(bus.nodes, name);

	if (node)
		return node;
	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		if (!g_str_has_prefix(name, kinds[i]->prefix))
			continue;
		node = g_new0(struct node, 1);
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

const char *
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

static void
describe_device(const char *dev, const char *hub, const struct usb_id *id, GString *out)
{
	g_string_append_printf(out,
		"P: %s\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_device\nE: ID_VENDOR_ID=%s\n"
		"E: ID_MODEL_ID=%s\nE: BUSNUM=00%s\nA: idVendor=%s\nA: idProduct=%s\nA: busnum=%s\n"
		"A: devnum=7\nA: bDeviceClass=00\nA: power/control=on\n",
		dev, id->vid, id->pid, hub, id->vid, id->pid, hub);
	if (*id->serial)
		g_string_append_printf(
			out, "A: serial=%s\nE: ID_SERIAL_SHORT=%s\n", id->serial, id->serial);
	g_string_append_printf(
		out, "A: manufacturer=%s\nA: product=%s\n\n", id->manufacturer, id->product);
}

/* The USB device and its interface, as far as they are not another node's; the port is the path in
 * sysfs. Returns the interface's. */
static char *
describe_usb(const struct node *node, const struct usb_id *id, char **words, GString *out)
{
	const char *shared = value_of(words, "shared", ""),
		   *number = value_of(words, "interface", "1.0");
	char *hub = g_strndup(id->port, strcspn(id->port, "-"));
	char *dev = g_strdup_printf("/devices/pci0000:00/0000:00:14.0/usb%s/%s", hub, id->port);
	char *interface = g_strdup_printf("%s/%s:%s", dev, id->port, number);

	if (!*shared)
		describe_device(dev, hub, id, out);
	if (strcmp(shared, "interface")) {
		g_string_append_printf(out,
			"P: %s\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_interface\nE: DRIVER=%s\n"
			"A: bInterfaceNumber=%02d\n%s",
			interface, id->driver, atoi(number + strcspn(number, ".") + 1),
			node->kind->interface ? node->kind->interface : "");
		if (node->device_id)
			g_string_append_printf(out, "A: ieee1284_id=%s\n", node->device_id);
		g_string_append_c(out, '\n');
	}
	g_free(hub);
	g_free(dev);
	return interface;
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

/* Makes the node; FALSE when it cannot, and it has been said. */
static gboolean
make_node(struct node *node, char **words)
{
	const char *mode = value_of(words, "mode", NULL);
	char *path;

	node->piped = strcmp(value_of(words, "wire", ""), "pipe") == 0;
	if (node->syspaths || open_wire(node) < 0) {
		say("error %s %s", node->name,
			node->syspaths ? "is plugged already" : g_strerror(errno));
		return FALSE;
	}
	attach(node);
	path = node_path(node);
	if (mode && chmod(path, (mode_t)strtoul(mode, NULL, 8)) < 0)
		say("error %s: %s", path, g_strerror(errno));
	g_free(path);
	link_node(node, "by-id", value_of(words, "by_id", NULL));
	link_node(node, "by-path", value_of(words, "by_path", NULL));
	return TRUE;
}

void
node_plug(struct node *node, char **words)
{
	const struct usb_id *usual = &node->kind->usual;
	struct usb_id id = {
		.vid = value_of(words, "vid", usual->vid),
		.pid = value_of(words, "pid", usual->pid),
		.serial = value_of(words, "serial", ""),
		.port = value_of(words, "port", "1-1"),
		.manufacturer = value_of(words, "manufacturer", "Fake"),
		.product = value_of(words, "product", usual->product),
		.driver = value_of(words, "driver", usual->driver),
	};
	GString *text;
	GError *error = NULL;
	char *interface;

	if (!make_node(node, words))
		return;
	g_free(node->product);
	node->product = g_strdup(id.product);
	node->vid = (unsigned)strtoul(id.vid, NULL, 16);
	node->pid = (unsigned)strtoul(id.pid, NULL, 16);
	if (node->kind->prepare)
		node->kind->prepare(node, words);
	if (!node->kind->describe) {
		node->syspaths = g_ptr_array_new_with_free_func(g_free);
		say("plugged %s", node->name);
		return;
	}
	text = g_string_new(NULL);
	interface = describe_usb(node, &id, words, text);
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

void
node_unplug(struct node *node)
{
	if (!node->syspaths) {
		say("error %s is not plugged", node->name);
		return;
	}
	/* as a kernel does it: the wire dies first, the events follow */
	close_wire(node);
	for (guint i = node->syspaths->len; i-- > 0;) {
		const char *path = g_ptr_array_index(node->syspaths, i);

		/* umockdev 0.17 takes devices away without a word */
		umockdev_testbed_uevent(bus.testbed, path, "remove");
		umockdev_testbed_remove_device(bus.testbed, path);
	}
	g_clear_pointer(&node->syspaths, g_ptr_array_unref);
	say("unplugged %s", node->name);
}

gboolean
node_write(struct node *node, const void *bytes, size_t len)
{
	size_t sent = 0;

	/* a pty takes some 4 kB at a time, and the reader is another process: wait for it */
	while (node->master >= 0 && sent < len) {
		ssize_t n = write(node->master, (const char *)bytes + sent, len - sent);
		GPollFD pfd = {.fd = node->master, .events = G_IO_OUT};

		if (n > 0)
			sent += (size_t)n;
		else if (errno != EAGAIN && errno != EINTR)
			break;
		else if (g_poll(&pfd, 1, PATIENCE_MS) == 0)
			break;
	}
	return sent == len;
}

GByteArray *
bytes_of_hex(const char *hex)
{
	GByteArray *bytes = g_byte_array_new();

	for (; g_ascii_isxdigit(hex[0]) && g_ascii_isxdigit(hex[1]); hex += 2) {
		guint8 byte = (guint8)(g_ascii_xdigit_value(hex[0]) * 16 +
				       g_ascii_xdigit_value(hex[1]));

		g_byte_array_append(bytes, &byte, 1);
	}
	return bytes;
}

void
answer_bytes(UMockdevIoctlClient *client, const void *bytes, size_t len, long res)
{
	UMockdevIoctlData *arg = umockdev_ioctl_client_get_arg(client), *data;
	size_t size = umockdev_ioctl_client_get_request(client) >> 16 & 0x3fff;

	data = umockdev_ioctl_data_resolve(arg, 0, size, NULL);
	if (!data) {
		umockdev_ioctl_client_complete(client, -1, EFAULT);
		return;
	}
	memset(data->data, 0, size);
	memcpy(data->data, bytes, MIN(len, size));
	g_object_unref(data);
	umockdev_ioctl_client_complete(client, res, 0);
}
