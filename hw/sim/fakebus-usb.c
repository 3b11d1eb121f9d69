/* SPDX-License-Identifier: MIT */
/*
 * A USB printer of the fake bus, or a scanner behind usbfs, as it is plugged, described in sysfs
 * and commanded. Its wire is fakebus-usbfs.c's, what makes a scanner of it fakebus-usbhid.c's.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hw/sim/fakebus-usb.h"

#define PREFIX "usbprinter"
#define SCANNER "usbscanner"
/* Scanners have numbers on the bus of their own. */
#define FIRST_SCANNER 40

static GHashTable *printers;

static struct printer *
get_printer(const char *name)
{
	struct printer *printer = printers ? g_hash_table_lookup(printers, name) : NULL;
	char *root;

	if (printer)
		return printer;
	if (!printers)
		printers = g_hash_table_new(g_str_hash, g_str_equal);
	printer = g_new0(struct printer, 1);
	printer->name = g_strdup(name);
	printer->number = (guint)strtoul(name + strlen(PREFIX), NULL, 10);
	if (g_str_has_prefix(name, SCANNER)) {
		printer->number += FIRST_SCANNER;
		printer->scanner = usbhid_new();
	}
	printer->dev = g_strdup_printf("/dev/bus/usb/001/%03u", printer->number + FIRST_DEVICE);
	root = umockdev_testbed_get_root_dir(bus.testbed);
	printer->path = g_build_filename(root, printer->dev, NULL);
	g_free(root);
	printer->fifo = -1;
	printer->heard = g_string_new(NULL);
	printer->answers = g_byte_array_new();
	printer->descriptors = g_byte_array_new();
	g_hash_table_insert(printers, printer->name, printer);
	return printer;
}

static void
put_setting(GByteArray *out, guint8 alternate, guint8 class, guint8 protocol)
{
	const guint8 interface[] = {9, 4, 0, alternate, 2, class, 1, protocol, 0};
	const guint8 ends[] = {7, 5, EP_OUT, 2, 0, 2, 0, 7, 5, EP_IN, 2, 0, 2, 0};

	g_byte_array_append(out, interface, sizeof(interface));
	g_byte_array_append(out, ends, sizeof(ends));
}

static void
make_descriptors(struct printer *printer, char **words)
{
	guint vid = (guint)strtoul(value_of(words, "vid", "04b8"), NULL, 16);
	guint pid = (guint)strtoul(value_of(words, "pid", "0e28"), NULL, 16);
	guint8 class = (guint8)strtoul(value_of(words, "class", "07"), NULL, 16);
	guint8 protocol = (guint8)strtoul(value_of(words, "protocol", "2"), NULL, 10);
	guint8 alternates = (guint8)strtoul(value_of(words, "alternates", "1"), NULL, 10);
	guint16 total = (guint16)(9 + alternates * 23);
	const guint8 device[] = {18, 1, 0, 2, 0, 0, 0, 64, (guint8)vid, (guint8)(vid >> 8),
		(guint8)pid, (guint8)(pid >> 8), 0, 1, 0, 0, 0, 1};
	const guint8 config[] = {9, 2, (guint8)total, (guint8)(total >> 8), 1, 1, 0, 0xc0, 50};

	g_byte_array_set_size(printer->descriptors, 0);
	g_byte_array_append(printer->descriptors, device, sizeof(device));
	g_byte_array_append(printer->descriptors, config, sizeof(config));
	for (guint8 i = 0; i < alternates; i++)
		put_setting(printer->descriptors, i, class, i ? 3 : protocol);
}

static char *
describe(struct printer *printer, char **words)
{
	const char *port = value_of(words, "port", "1-1"), *serial = value_of(words, "serial", "");
	const char *vid = value_of(words, "vid", printer->scanner ? "1eab" : "04b8");
	const char *pid = value_of(words, "pid", printer->scanner ? "8010" : "0e28");
	char *usb = g_strdup_printf("/devices/pci0000:00/0000:00:14.0/usb1/%s", port);
	GString *out = g_string_new(NULL);

	/* without the N: line: the node is there already, and it is no file */
	g_string_append_printf(out,
		"P: %s\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_device\nE: DEVNAME=%s\nE: BUSNUM=001\n"
		"E: DEVNUM=%03u\nE: MAJOR=189\nE: MINOR=%u\nA: idVendor=%s\nA: idProduct=%s\n"
		"A: busnum=1\nA: devnum=%u\nA: bConfigurationValue=1\nA: speed=480\n"
		"A: bDeviceClass=00\nA: manufacturer=%s\nA: product=%s\n",
		usb, printer->dev, printer->number + FIRST_DEVICE,
		printer->number + FIRST_DEVICE - 1, vid, pid, printer->number + FIRST_DEVICE,
		value_of(words, "manufacturer", "Fake"),
		value_of(words, "product", printer->scanner ? "HID POS scanner" : "Printer"));
	if (*serial)
		g_string_append_printf(
			out, "A: serial=%s\nE: ID_SERIAL_SHORT=%s\n", serial, serial);
	g_string_append(out, "H: descriptors=");
	for (guint i = 0; i < printer->descriptors->len; i++)
		g_string_append_printf(out, "%02X", printer->descriptors->data[i]);
	g_string_append(out, "\n\n");
	printer->syspaths = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(printer->syspaths, g_strdup_printf("/sys%s", usb));
	if (printer->scanner) {
		usbhid_describe(printer, usb, port, out);
		g_free(usb);
		return g_string_free(out, FALSE);
	}
	g_string_append_printf(out,
		"P: %s/%s:1.0\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_interface\n"
		"A: bInterfaceNumber=00\nA: bAlternateSetting=0\nA: bInterfaceClass=%s\n"
		"A: bInterfaceSubClass=01\nA: bInterfaceProtocol=%02d\n",
		usb, port, value_of(words, "class", "07"), atoi(value_of(words, "protocol", "2")));
	if (printer->drivers[0])
		g_string_append_printf(out, "E: DRIVER=%s\n", printer->drivers[0]);
	g_string_append_c(out, '\n');
	g_ptr_array_add(printer->syspaths, g_strdup_printf("/sys%s/%s:1.0", usb, port));
	g_free(usb);
	return g_string_free(out, FALSE);
}

static gboolean
make_node(struct printer *printer, const char *mode)
{
	char *dir = g_path_get_dirname(printer->path);

	g_mkdir_with_parents(dir, 0755);
	g_free(dir);
	unlink(printer->path);
	if (mkfifo(printer->path, 0600) < 0)
		return FALSE;
	printer->fifo = open(printer->path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (printer->fifo < 0 || fcntl(printer->fifo, F_SETPIPE_SZ, PIPE_BYTES) < 0)
		return FALSE;
	printer->full = FALSE;
	if (mode)
		chmod(printer->path, (mode_t)strtoul(mode, NULL, 8));
	return TRUE;
}

/* A printer that is plugged in is well, whatever it was before. */
static void
set_up(struct printer *printer, char **words)
{
	static const guint8 well[] = {0, 0x12, 0x12, 0x12, 0x12};
	const char *driver = value_of(words, "driver", NULL);

	printer->plug++;
	for (guint i = 0; i < INTERFACES_MAX; i++) {
		g_free(printer->drivers[i]);
		printer->drivers[i] = driver && *driver ? g_strdup(driver) : NULL;
		printer->claimed[i] = FALSE;
	}
	g_free(printer->device_id);
	g_free(printer->capture);
	printer->device_id = g_strdup(value_of(words, "device_id", NULL));
	printer->capture = g_strdup(value_of(words, "out", NULL));
	printer->speed = g_ascii_strtoull(value_of(words, "speed", "0"), NULL, 10);
	printer->silent = !strcmp(value_of(words, "answers", "yes"), "no");
	printer->halted = printer->nak = FALSE;
	printer->port_status = 0x18;
	printer->stalls = 0;
	printer->short_max = 0;
	printer->limit = -1;
	printer->free_us = 0;
	memcpy(printer->status, well, sizeof(well));
	g_string_truncate(printer->heard, 0);
	g_byte_array_set_size(printer->answers, 0);
	if (printer->scanner)
		usbhid_set_up(printer, words);
	else
		make_descriptors(printer, words);
}

void
usb_plug(struct printer *printer, char **words)
{
	GError *error = NULL;
	char *text;

	g_mutex_lock(&usb_lock);
	if (printer->plugged || !make_node(printer, value_of(words, "mode", NULL))) {
		g_mutex_unlock(&usb_lock);
		say("error %s %s", printer->name,
			printer->plugged ? "is plugged already" : g_strerror(errno));
		return;
	}
	set_up(printer, words);
	printer->plugged = TRUE;
	usbfs_update(printer);
	g_mutex_unlock(&usb_lock);
	usbfs_attach(printer);
	text = describe(printer, words);
	if (!umockdev_testbed_add_from_string(bus.testbed, text, &error))
		say("error %s %s", printer->name, error->message);
	else
		say("plugged %s %s", printer->name, value_of(words, "port", "1-1"));
	g_clear_error(&error);
	g_free(text);
	if (printer->scanner)
		usbhid_node_plug(printer);
}

void
usb_unplug(struct printer *printer)
{
	if (!printer->plugged) {
		say("error %s is not plugged", printer->name);
		return;
	}
	g_mutex_lock(&usb_lock);
	printer->plugged = FALSE;
	while (printer->flying)
		usbfs_land(printer, printer->flying->data, -ESHUTDOWN, 0);
	unlink(printer->path);
	usbfs_update(printer);
	close(printer->fifo);
	printer->fifo = -1;
	g_mutex_unlock(&usb_lock);
	if (printer->scanner)
		usbhid_node_unplug(printer);
	for (guint i = printer->syspaths->len; i-- > 0;) {
		const char *path = g_ptr_array_index(printer->syspaths, i);

		umockdev_testbed_uevent(bus.testbed, path, "remove");
		umockdev_testbed_remove_device(bus.testbed, path);
	}
	g_clear_pointer(&printer->syspaths, g_ptr_array_unref);
	say("unplugged %s", printer->name);
}

static void
set_health(struct printer *printer, const char *word)
{
	static const struct {
		const char *word;
		guint8 status[5];
	} table[] = {
		{"well", {0, 0x12, 0x12, 0x12, 0x12}},
		{"paper_out", {0, 0x1a, 0x32, 0x12, 0x72}},
		{"cover_open", {0, 0x1a, 0x16, 0x12, 0x12}},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
		if (!strcmp(table[i].word, word))
			memcpy(printer->status, table[i].status, sizeof(printer->status));
	printer->silent = !strcmp(word, "silent");
}

/* What is to go wrong from now on; FALSE: there is no such word. */
static gboolean
misbehave(struct printer *printer, const char *verb, char **words)
{
	const char *first = words[0] ? words[0] : "1";

	if (!strcmp(verb, "stall")) {
		printer->stalls = (guint)strtoul(first, NULL, 10);
		printer->stall_after = words[0] && words[1] ? strtoul(words[1], NULL, 10) : 0;
	} else if (!strcmp(verb, "nak")) {
		printer->nak = strcmp(first, "off") != 0;
		printer->limit = -1;
	} else if (!strcmp(verb, "limit")) {
		printer->limit = (gssize)strtoul(first, NULL, 10);
	} else if (!strcmp(verb, "short")) {
		printer->short_max = strtoul(first, NULL, 10);
	} else if (!strcmp(verb, "port")) {
		printer->port_status = (guint8)strtoul(first, NULL, 16);
	} else if (!strcmp(verb, "health")) {
		set_health(printer, first);
	} else if (!strcmp(verb, "send")) {
		GByteArray *bytes = bytes_of_hex(first);

		g_byte_array_append(printer->answers, bytes->data, bytes->len);
		g_byte_array_unref(bytes);
	} else {
		return FALSE;
	}
	usbfs_pump(printer);
	return TRUE;
}

/* What only a scanner does: `scan`, `text`, `send`. */
static void
scanner_command(struct printer *printer, const char *verb, const char *rest, size_t len)
{
	g_mutex_lock(&usb_lock);
	if (!strcmp(verb, "send")) {
		GByteArray *bytes = bytes_of_hex(rest);

		usbhid_send(printer, bytes->data, bytes->len);
		len = bytes->len;
		g_byte_array_unref(bytes);
	} else {
		usbhid_scan(printer, rest, len, verb[0] == 's');
	}
	usbfs_pump(printer);
	g_mutex_unlock(&usb_lock);
	say("sent %s %zu", printer->name, len);
}

gboolean
usb_command(char **words, char *rest)
{
	struct printer *printer;
	gboolean known;

	if (!words[1] ||
		(!g_str_has_prefix(words[1], PREFIX) && !g_str_has_prefix(words[1], SCANNER)))
		return FALSE;
	printer = get_printer(words[1]);
	if (!strcmp(words[0], "plug")) {
		usb_plug(printer, words + 2);
	} else if (!strcmp(words[0], "unplug")) {
		usb_unplug(printer);
	} else if (printer->scanner && (!strcmp(words[0], "scan") || !strcmp(words[0], "text"))) {
		scanner_command(printer, words[0], rest, unescape(rest));
	} else if (printer->scanner && !strcmp(words[0], "send")) {
		scanner_command(printer, words[0], rest, 0);
	} else {
		g_mutex_lock(&usb_lock);
		known = misbehave(printer, words[0], words + 2);
		g_mutex_unlock(&usb_lock);
		if (known)
			say("done %s %s", words[0], printer->name);
		else
			say("error no command %s of %s", words[0], printer->name);
	}
	return TRUE;
}

void
usb_printers_unplug(void)
{
	GHashTableIter iter;
	gpointer value;

	if (!printers)
		return;
	g_hash_table_iter_init(&iter, printers);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (((struct printer *)value)->plugged)
			usb_unplug(value);
}
