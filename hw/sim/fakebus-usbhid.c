/* SPDX-License-Identifier: MIT */
/*
 * A scanner in HID POS mode behind usbfs: two interfaces, of which one is its vendor's own and says
 * nothing, its report descriptor, its feature report, and the codes it reads. The wire is
 * fakebus-usbfs.c's. Where a node of the kernel's is asked for, it goes and comes with the kernel's
 * driver.
 */

#include <errno.h>
#include <linux/usbdevice_fs.h>
#include <stdlib.h>
#include <string.h>

#include "hw/sim/fakebus-usb.h"

#define NO_INTERFACE 0xff

/* The vendor's page 0xff8c, as a scanner's remote management has it: one byte in. */
static const guint8 vendors_own[] = {0x06, 0x8c, 0xff, 0x09, 0x02, 0xa1, 0x01, 0x15, 0x00, 0x26,
	0xff, 0x00, 0x75, 0x08, 0x95, 0x3f, 0x09, 0x01, 0x81, 0x02, 0xc0};

struct scanner {
	GByteArray *descriptor; /* NULL: it does not tell it */
	guint8 vendor;          /* the number of that interface, or NO_INTERFACE */
	guint8 interfaces;
	GQueue reports; /* of GByteArray, not asked for yet */
	GByteArray *switch_on;
	gboolean typing, refuses;
	char *node, *port;
	char **plugged_as;
	gboolean has_node;
	char *vid, *pid, *serial;
};

struct scanner *
usbhid_new(void)
{
	struct scanner *scanner = g_new0(struct scanner, 1);

	g_queue_init(&scanner->reports);
	return scanner;
}

static guint8
scanners_interface(const struct scanner *scanner)
{
	return scanner->vendor == 0 ? 1 : 0;
}

static guint
descriptor_len(const struct scanner *scanner, guint8 number)
{
	return number == scanner->vendor ? sizeof(vendors_own)
	       : scanner->descriptor     ? scanner->descriptor->len
	                                 : (guint)hid_layout_a_len;
}

static void
put_interface(const struct scanner *scanner, GByteArray *out, guint8 number)
{
	guint len = descriptor_len(scanner, number);
	const guint8 bytes[] = {9, 4, number, 0, 1, 3, 0, 0, 0,                /* interface */
		9, 0x21, 0x11, 1, 0, 1, 0x22, (guint8)len, (guint8)(len >> 8), /* HID */
		7, 5, (guint8)(0x81 + number), 3, HID_REPORT_LEN, 0, 1};       /* interrupt in */

	g_byte_array_append(out, bytes, sizeof(bytes));
}

static void
make_descriptors(struct printer *printer)
{
	const struct scanner *scanner = printer->scanner;
	guint vid = (guint)strtoul(scanner->vid, NULL, 16);
	guint pid = (guint)strtoul(scanner->pid, NULL, 16);
	guint16 total = (guint16)(9 + scanner->interfaces * 25);
	const guint8 device[] = {18, 1, 0, 2, 0, 0, 0, 64, (guint8)vid, (guint8)(vid >> 8),
		(guint8)pid, (guint8)(pid >> 8), 0, 1, 0, 0, 0, 1};
	const guint8 config[] = {
		9, 2, (guint8)total, (guint8)(total >> 8), scanner->interfaces, 1, 0, 0xc0, 50};

	g_byte_array_set_size(printer->descriptors, 0);
	g_byte_array_append(printer->descriptors, device, sizeof(device));
	g_byte_array_append(printer->descriptors, config, sizeof(config));
	for (guint8 i = 0; i < scanner->interfaces; i++)
		put_interface(scanner, printer->descriptors, i);
}

static void
replace(char **text, const char *value)
{
	char *copy = g_strdup(value);

	g_free(*text);
	*text = copy;
}

void
usbhid_set_up(struct printer *printer, char **words)
{
	struct scanner *scanner = printer->scanner;
	const char *vendor = value_of(words, "vendor", "1");
	const char *descriptor = value_of(words, "descriptor", NULL);
	const char *feature = value_of(words, "switch", NULL);
	char **copy = g_strdupv(words);

	g_strfreev(scanner->plugged_as);
	scanner->plugged_as = words = copy;
	replace(&scanner->vid, value_of(words, "vid", "1eab"));
	replace(&scanner->pid, value_of(words, "pid", "8010"));
	replace(&scanner->port, value_of(words, "port", "1-1"));
	replace(&scanner->node, value_of(words, "node", NULL));
	scanner->vendor = strcmp(vendor, "no") ? (guint8)atoi(vendor) : NO_INTERFACE;
	scanner->interfaces = scanner->vendor == NO_INTERFACE ? 1 : 2;
	g_clear_pointer(&scanner->descriptor, g_byte_array_unref);
	if (!descriptor) {
		scanner->descriptor = g_byte_array_new();
		g_byte_array_append(scanner->descriptor, hid_layout_a, (guint)hid_layout_a_len);
	} else if (strcmp(descriptor, "none")) {
		scanner->descriptor = bytes_of_hex(descriptor);
	}
	g_clear_pointer(&scanner->switch_on, g_byte_array_unref);
	scanner->switch_on = feature ? bytes_of_hex(feature) : NULL;
	scanner->typing = feature != NULL;
	scanner->refuses = !strcmp(value_of(words, "features", "yes"), "no");
	g_queue_clear_full(&scanner->reports, (GDestroyNotify)g_byte_array_unref);
	make_descriptors(printer);
}

void
usbhid_describe(struct printer *printer, const char *usb, const char *port, GString *out)
{
	for (guint8 i = 0; i < printer->scanner->interfaces; i++) {
		g_string_append_printf(out,
			"P: %s/%s:1.%u\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_interface\n"
			"A: bInterfaceNumber=%02u\nA: bAlternateSetting=0\nA: bInterfaceClass=03\n"
			"A: bInterfaceSubClass=00\nA: bInterfaceProtocol=00\n",
			usb, port, i, i);
		if (printer->drivers[i])
			g_string_append_printf(out, "E: DRIVER=%s\n", printer->drivers[i]);
		g_string_append_c(out, '\n');
		g_ptr_array_add(printer->syspaths, g_strdup_printf("/sys%s/%s:1.%u", usb, port, i));
	}
}

void
usbhid_node_plug(struct printer *printer)
{
	struct scanner *scanner = printer->scanner;
	struct node *node = scanner->node ? node_get(scanner->node) : NULL;
	char **words;
	guint n;

	if (!node || scanner->has_node || !printer->plugged)
		return;
	/* the first of a key counts */
	n = g_strv_length(scanner->plugged_as);
	words = g_new0(char *, n + 5);
	words[0] = g_strdup("shared=interface");
	words[1] = g_strdup_printf("interface=1.%u", scanners_interface(scanner));
	words[2] = g_strdup_printf("vid=%s", scanner->vid);
	words[3] = g_strdup_printf("pid=%s", scanner->pid);
	for (guint i = 0; i < n; i++)
		words[4 + i] = g_strdup(scanner->plugged_as[i]);
	scanner->has_node = TRUE;
	node_plug(node, words);
	g_strfreev(words);
}

void
usbhid_node_unplug(struct printer *printer)
{
	if (!printer->scanner->has_node)
		return;
	printer->scanner->has_node = FALSE;
	node_unplug(node_get(printer->scanner->node));
}

static gboolean
plug_later(gpointer userdata)
{
	usbhid_node_plug(userdata);
	return G_SOURCE_REMOVE;
}

static gboolean
unplug_later(gpointer userdata)
{
	usbhid_node_unplug(userdata);
	return G_SOURCE_REMOVE;
}

void
usbhid_node_later(struct printer *printer, gboolean plug)
{
	g_idle_add(plug ? plug_later : unplug_later, printer);
}

/* It leaves the bus by itself and comes back, as a scanner now. */
static gboolean
come_back(gpointer userdata)
{
	struct printer *printer = userdata;
	char **words = g_strdupv(printer->scanner->plugged_as);
	const char *pid = value_of(words, "becomes", printer->scanner->pid);

	for (char **word = words; *word; word++)
		if (g_str_has_prefix(*word, "pid=")) {
			g_free(*word);
			*word = g_strdup_printf("pid=%s", pid);
			break;
		}
	usb_unplug(printer);
	usb_plug(printer, words);
	printer->scanner->typing = FALSE;
	g_strfreev(words);
	return G_SOURCE_REMOVE;
}

static void
take_feature(struct printer *printer, const guint8 *bytes, size_t size)
{
	GByteArray *wanted = printer->scanner->switch_on;
	GString *hex = g_string_new(NULL);

	for (size_t i = 0; i < size; i++)
		g_string_append_printf(hex, "%02x", bytes[i]);
	say("feature %s %s", printer->name, hex->str);
	g_string_free(hex, TRUE);
	if (wanted && wanted->len == size && !memcmp(wanted->data, bytes, size))
		g_idle_add(come_back, printer);
}

int
usbhid_control(struct printer *printer, const guint8 *setup, guint8 *bytes, size_t size)
{
	const struct scanner *scanner = printer->scanner;
	guint8 number = setup[4];
	const guint8 *descriptor = number == scanner->vendor ? vendors_own
	                           : scanner->descriptor     ? scanner->descriptor->data
	                                                     : NULL;
	size_t len = descriptor_len(scanner, number);

	if (setup[0] == 0x81 && setup[1] == 6 && setup[3] == 0x22 && descriptor) {
		say("asked %s descriptor %u", printer->name, number);
		memcpy(bytes, descriptor, MIN(len, size));
		return (int)MIN(len, size);
	}
	if (setup[0] == 0x21 && setup[1] == 9 && setup[3] == 3 && !scanner->refuses) {
		take_feature(printer, bytes, size);
		return (int)size;
	}
	return -EPIPE;
}

gboolean
usbhid_give_in(struct printer *printer, struct urb *urb)
{
	struct scanner *scanner = printer->scanner;
	struct usbdevfs_urb *wire = usbfs_wire_of(urb);
	GByteArray *report;
	size_t n;

	if (printer->halted) {
		usbfs_land(printer, urb, -EPIPE, 0);
		return TRUE;
	}
	if ((wire->endpoint & 0x7f) != 1 + scanners_interface(scanner))
		return FALSE;
	if (printer->stalls > 0) {
		printer->stalls--;
		printer->halted = TRUE;
		usbfs_land(printer, urb, -EPIPE, 0);
		return TRUE;
	}
	report = g_queue_pop_head(&scanner->reports);
	if (!report)
		return FALSE;
	n = MIN(report->len, (guint)wire->buffer_length);
	memcpy(urb->buffer->data, report->data, n);
	usbfs_land(printer, urb, report->len > n ? -EOVERFLOW : 0, n);
	g_byte_array_unref(report);
	return TRUE;
}

void
usbhid_send(struct printer *printer, const guint8 *bytes, size_t len)
{
	GByteArray *report = g_byte_array_new();

	g_byte_array_append(report, bytes, (guint)len);
	g_queue_push_tail(&printer->scanner->reports, report);
}

static void
send_report(const uint8_t report[HID_REPORT_LEN], void *userdata)
{
	usbhid_send(userdata, report, HID_REPORT_LEN);
}

void
usbhid_scan(struct printer *printer, const char *code, size_t len, gboolean end)
{
	if (!printer->scanner->typing)
		hid_reports(code, len, end, send_report, printer);
}
