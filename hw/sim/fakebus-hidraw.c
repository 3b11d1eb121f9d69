/* SPDX-License-Identifier: MIT */
/*
 * A scanner in HID POS mode on the fake bus: a hidraw node whose reports are 64 bytes of layout A,
 * as its descriptor declares them unless the command gives another. Reports go one way.
 */

#include <errno.h>
#include <linux/hidraw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hw/sim/fakebus.h"

#define DATA_AT 5
#define DATA_LEN 56

/* HID POS 1.02: byte count, symbology identifier, decoded data, a vendor's byte, decode continued.
 */
const uint8_t hid_layout_a[] = {0x05, 0x8c, 0x09, 0x02, 0xa1, 0x01, 0x09, 0x12, 0xa1, 0x02, 0x85,
	0x02, 0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08, 0x95, 0x01, 0x05, 0x01, 0x09, 0x3b, 0x81,
	0x02, 0x05, 0x8c, 0x09, 0xfb, 0x09, 0xfc, 0x09, 0xfd, 0x95, 0x03, 0x81, 0x02, 0x09, 0xfe,
	0x95, DATA_LEN, 0x82, 0x02, 0x01, 0x06, 0x66, 0xff, 0x09, 0x04, 0x95, 0x01, 0x81, 0x02,
	0x95, 0x01, 0x81, 0x03, 0x05, 0x8c, 0x09, 0xff, 0x25, 0x01, 0x75, 0x01, 0x95, 0x01, 0x81,
	0x02, 0x75, 0x07, 0x95, 0x01, 0x81, 0x03, 0xc0, 0xc0};
const size_t hid_layout_a_len = sizeof(hid_layout_a);

static void
hidraw_prepare(struct node *node, char **words)
{
	const char *hex = value_of(words, "descriptor", NULL);

	g_clear_pointer(&node->descriptor, g_byte_array_unref);
	if (hex) {
		node->descriptor = bytes_of_hex(hex);
	} else {
		node->descriptor = g_byte_array_new();
		g_byte_array_append(node->descriptor, hid_layout_a, sizeof(hid_layout_a));
	}
	hex = value_of(words, "switch", NULL);
	g_clear_pointer(&node->switch_on, g_byte_array_unref);
	node->switch_on = hex ? bytes_of_hex(hex) : NULL;
	node->typing = hex != NULL;
	node->refuses = !strcmp(value_of(words, "features", "yes"), "no");
	/* it comes back as what it is then; the words are plugged once more for that */
	words = g_strdupv(words);
	g_strfreev(node->plugged_as);
	node->plugged_as = words;
}

/* The device leaves the bus by itself and comes back, as a scanner now. */
static gboolean
come_back(gpointer userdata)
{
	struct node *node = userdata;
	char **words = g_strdupv(node->plugged_as);
	const char *pid = value_of(words, "becomes", NULL);

	if (node->syspaths)
		node_unplug(node);
	for (char **word = words; pid && *word; word++) {
		if (!g_str_has_prefix(*word, "pid="))
			continue;
		g_free(*word);
		*word = g_strdup_printf("pid=%s", pid);
		pid = NULL;
	}
	node_plug(node, words);
	node->typing = FALSE;
	g_strfreev(words);
	return G_SOURCE_REMOVE;
}

static void
hidraw_describe(struct node *node, const struct usb_id *id, const char *interface, GString *out)
{
	int number = atoi(node->name + strlen("hidraw"));
	char *hid = g_strdup_printf(
		"%s/0003:%04X:%04X.%04X", interface, node->vid, node->pid, number + 1);

	g_string_append_printf(out,
		"P: %s\nE: SUBSYSTEM=hid\nE: DRIVER=hid-generic\nE: HID_ID=0003:%08X:%08X\n"
		"E: HID_NAME=%s %s\nE: HID_UNIQ=%s\nH: report_descriptor=",
		hid, node->vid, node->pid, id->manufacturer, id->product, id->serial);
	for (guint i = 0; i < node->descriptor->len; i++)
		g_string_append_printf(out, "%02X", node->descriptor->data[i]);
	g_string_append_printf(out,
		"\n\nP: %s/hidraw/%s\nE: SUBSYSTEM=hidraw\nE: DEVNAME=/dev/%s\nE: MAJOR=241\nE: "
		"MINOR=%d\n"
		"A: dev=241:%d\n\n",
		hid, node->name, node->name, number, number);
	g_free(hid);
}

static void
answer_feature(struct node *node, UMockdevIoctlClient *client, size_t size)
{
	UMockdevIoctlData *arg = umockdev_ioctl_client_get_arg(client);
	UMockdevIoctlData *data = umockdev_ioctl_data_resolve(arg, 0, size, NULL);
	GString *hex = g_string_new(NULL);

	for (size_t i = 0; data && i < size; i++)
		g_string_append_printf(hex, "%02x", data->data[i]);
	if (data && node->switch_on && node->switch_on->len == size &&
		!memcmp(node->switch_on->data, data->data, size))
		g_idle_add(come_back, node);
	if (data)
		g_object_unref(data);
	say("feature %s %s", node->name, hex->str);
	g_string_free(hex, TRUE);
	umockdev_ioctl_client_complete(client, (long)size, 0);
}

static gboolean
hidraw_ioctl(struct node *node, UMockdevIoctlClient *client)
{
	gulong request = umockdev_ioctl_client_get_request(client);
	size_t size = request >> 16 & 0x3fff;
	struct hidraw_report_descriptor descriptor = {.size = node->descriptor->len};
	struct hidraw_devinfo info = {
		.bustype = 3, .vendor = (__s16)node->vid, .product = (__s16)node->pid};
	int len = (int)node->descriptor->len;

	if (request == HIDIOCGRDESCSIZE) {
		answer_bytes(client, &len, sizeof(len), 0);
	} else if (request == HIDIOCGRDESC) {
		memcpy(descriptor.value, node->descriptor->data,
			MIN(node->descriptor->len, sizeof(descriptor.value)));
		answer_bytes(client, &descriptor, sizeof(descriptor), 0);
	} else if (request == HIDIOCGRAWINFO) {
		answer_bytes(client, &info, sizeof(info), 0);
	} else if (request == HIDIOCGRAWNAME(size)) {
		answer_bytes(client, node->product, strlen(node->product) + 1,
			(long)strlen(node->product) + 1);
	} else if (request == HIDIOCSFEATURE(size) && node->refuses) {
		umockdev_ioctl_client_complete(client, -1, EPIPE);
	} else if (request == HIDIOCSFEATURE(size)) {
		answer_feature(node, client, size);
	} else if (request == HIDIOCGFEATURE(size)) {
		/* as most do: what was set cannot be read */
		umockdev_ioctl_client_complete(client, -1, EPIPE);
	} else {
		umockdev_ioctl_client_complete(client, -1, ENOTTY);
	}
	return TRUE;
}

/* Layout A: report id 2, length, AIM identifier, data, a vendor's byte, 0, continued. */
void
hid_reports(const char *code, size_t len, gboolean end, hid_report_fn fn, void *userdata)
{
	char aim[3] = {0};

	if (len > 3 && code[0] == ']') {
		memcpy(aim, code, 3);
		code += 3;
		len -= 3;
	}
	do {
		uint8_t report[HID_REPORT_LEN] = {2};
		size_t n = MIN(len, DATA_LEN);

		report[1] = (uint8_t)n;
		memcpy(report + 2, aim, 3);
		memcpy(report + DATA_AT, code, n);
		code += n;
		len -= n;
		report[HID_REPORT_LEN - 1] = len > 0 || !end;
		fn(report, userdata);
	} while (len > 0);
}

static void
write_report(const uint8_t report[HID_REPORT_LEN], void *userdata)
{
	node_write(userdata, report, HID_REPORT_LEN);
}

static void
hidraw_scan(struct node *node, const char *code, size_t len, gboolean end)
{
	if (!node->typing)
		hid_reports(code, len, end, write_report, node);
}

const struct node_kind node_hidraw = {
	.prefix = "hidraw",
	.usual = {.vid = "1eab", .pid = "8010", .product = "HID POS scanner", .driver = "usbhid"},
	.interface = "A: bInterfaceClass=03\nA: bInterfaceSubClass=00\nA: bInterfaceProtocol=00\n",
	.packets = TRUE,
	.prepare = hidraw_prepare,
	.describe = hidraw_describe,
	.ioctl = hidraw_ioctl,
	.scan = hidraw_scan,
};
