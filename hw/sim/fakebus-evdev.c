/* SPDX-License-Identifier: MIT */
/*
 * A scanner that is a keyboard, on the fake bus: an evdev node that libevdev reads, with exclusive
 * grabs and the state of its keys. What it types under its layout is typing.c's.
 */

#include <errno.h>
#include <glob.h>
#include <linux/input.h>
#include <linux/uinput.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hw/sim/fakebus.h"
#include "hw/sim/typing.h"

#define DRIVER_VERSION 0x010001

static void
set_bit(uint8_t *bits, unsigned bit, gboolean on)
{
	if (on)
		bits[bit / 8] |= (uint8_t)(1 << bit % 8);
	else
		bits[bit / 8] &= (uint8_t) ~(1 << bit % 8);
}

static void
send_event(struct node *node, unsigned type, unsigned code, int value)
{
	struct input_event event = {.type = (__u16)type, .code = (__u16)code, .value = value};
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	event.input_event_sec = (unsigned long)now.tv_sec;
	event.input_event_usec = (unsigned long)now.tv_nsec / 1000;
	if (node->batch)
		g_byte_array_append(node->batch, (const guint8 *)&event, sizeof(event));
	else
		node_write(node, &event, sizeof(event));
}

static void
send_key(struct node *node, unsigned code, int value)
{
	if (code / 8 < sizeof(node->keys))
		set_bit(node->keys, code, value != 0);
	/* the numbers of HID's usages are others, but nobody reads them */
	if (value != 2)
		send_event(node, EV_MSC, MSC_SCAN, (int)(0x70000 + code));
	send_event(node, EV_KEY, code, value);
	send_event(node, EV_SYN, SYN_REPORT, 0);
}

static void
evdev_describe(struct node *node, const struct usb_id *id, const char *interface, GString *out)
{
	int number = atoi(node->name + strlen("input/event"));
	char *hid = g_strdup_printf(
		"%s/0003:%04X:%04X.%04X", interface, node->vid, node->pid, number + 1);

	g_string_append_printf(out, "P: %s\nE: SUBSYSTEM=hid\nE: DRIVER=hid-generic\n\n", hid);
	g_string_append_printf(out,
		"P: %s/input/input%d\nE: SUBSYSTEM=input\nE: ID_INPUT=1\nE: ID_INPUT_KEY=1\n"
		"E: ID_INPUT_KEYBOARD=1\nA: name=%s %s\nA: id/bustype=0003\nA: id/vendor=%s\n"
		"A: id/product=%s\n\n",
		hid, number, id->manufacturer, id->product, id->vid, id->pid);
	g_string_append_printf(out,
		"P: %s/input/input%d/event%d\nE: SUBSYSTEM=input\nE: DEVNAME=/dev/%s\nE: MAJOR=13\n"
		"E: MINOR=%d\nE: ID_INPUT=1\nE: ID_INPUT_KEY=1\nE: ID_INPUT_KEYBOARD=1\nA: "
		"dev=13:%d\n\n",
		hid, number, number, node->name, 64 + number, 64 + number);
	g_free(hid);
}

static void
answer_text(UMockdevIoctlClient *client, const char *text)
{
	answer_bytes(client, text, strlen(text) + 1, (long)strlen(text) + 1);
}

/* Which events of a type it has: all keys of a keyboard, three lamps. */
static void
answer_bits(UMockdevIoctlClient *client, unsigned type)
{
	uint8_t bits[KEY_MAX / 8 + 1] = {0};
	size_t len = sizeof(bits);

	if (type == 0)
		for (size_t i = 0; i < 4; i++)
			set_bit(bits, (unsigned[]){EV_SYN, EV_KEY, EV_MSC, EV_LED}[i], TRUE);
	else if (type == EV_KEY)
		for (unsigned key = KEY_ESC; key <= KEY_COMPOSE; key++)
			set_bit(bits, key, TRUE);
	else if (type == EV_MSC)
		bits[0] = 1 << MSC_SCAN;
	else if (type == EV_LED)
		bits[0] = 1 << LED_NUML | 1 << LED_CAPSL | 1 << LED_SCROLLL;
	answer_bytes(client, bits, len, (long)(len));
}

/* How often others have the wire open. The testbed does not tell of every close. */
static unsigned
count_opens(const struct node *node)
{
	glob_t found;
	unsigned n = 0;
	char wire[4096] = "", target[4096], own[32];

	g_snprintf(own, sizeof(own), "/proc/%d/fd/%d", (int)getpid(), node->master);
	if (node->piped && readlink(own, wire, sizeof(wire) - 1) < 0)
		return 0;
	if (!node->piped && node->master >= 0)
		g_strlcpy(wire, ptsname(node->master), sizeof(wire));
	g_snprintf(own, sizeof(own), "/proc/%d/", (int)getpid());
	if (node->master < 0 || glob("/proc/[0-9]*/fd/*", GLOB_NOSORT, NULL, &found) != 0)
		return 0;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		ssize_t len = readlink(found.gl_pathv[i], target, sizeof(target) - 1);

		target[len > 0 ? len : 0] = '\0';
		n += strcmp(target, wire) == 0 && !g_str_has_prefix(found.gl_pathv[i], own);
	}
	globfree(&found);
	return n;
}

static void
answer_grab(struct node *node, UMockdevIoctlClient *client)
{
	UMockdevIoctlData *arg = umockdev_ioctl_client_get_arg(client);
	gulong on;

	memcpy(&on, arg->data, sizeof(on));
	if (on && node->grabber && count_opens(node) <= 1)
		node->grabber = NULL;
	if (on && (node->grabber || node->held)) {
		umockdev_ioctl_client_complete(client, -1, EBUSY);
		return;
	}
	if (!on && node->grabber != client) {
		umockdev_ioctl_client_complete(client, -1, EINVAL);
		return;
	}
	node->grabber = on ? client : NULL;
	say("%s %s", on ? "grabbed" : "released", node->name);
	umockdev_ioctl_client_complete(client, 0, 0);
}

static gboolean
evdev_ioctl(struct node *node, UMockdevIoctlClient *client)
{
	gulong request = umockdev_ioctl_client_get_request(client);
	size_t size = request >> 16 & 0x3fff;
	unsigned number = request & 0xff;
	struct input_id id = {.bustype = (__u16)node->bustype,
		.vendor = (__u16)node->vid,
		.product = (__u16)node->pid,
		.version = 0x0110};
	int version = DRIVER_VERSION;

	if ((request >> 8 & 0xff) != 'E')
		return FALSE;
	if (request == EVIOCGVERSION)
		answer_bytes(client, &version, sizeof(version), 0);
	else if (request == EVIOCGID)
		answer_bytes(client, &id, sizeof(id), 0);
	else if (request == EVIOCGRAB)
		answer_grab(node, client);
	else if (request == EVIOCSCLOCKID)
		umockdev_ioctl_client_complete(client, 0, 0);
	else if (request == EVIOCGNAME(size))
		answer_text(client, node->product);
	else if (request == EVIOCGPHYS(size))
		answer_text(client, "usb-fake/input0");
	else if (request == EVIOCGUNIQ(size))
		umockdev_ioctl_client_complete(client, -1, ENOENT);
	else if (request == EVIOCGPROP(size))
		answer_bytes(client, "", 0, (long)MIN(size, 4));
	else if (request == EVIOCGKEY(size))
		answer_bytes(client, node->keys, sizeof(node->keys),
			(long)MIN(size, sizeof(node->keys)));
	else if (request == EVIOCGLED(size))
		answer_bytes(client, node->leds, sizeof(node->leds),
			(long)MIN(size, sizeof(node->leds)));
	else if (request == EVIOCGSW(size) || request == EVIOCGSND(size))
		answer_bytes(client, "", 0, (long)MIN(size, 8));
	else if (number >= 0x20 && number < 0x40 && size > 0)
		answer_bits(client, number - 0x20);
	else
		umockdev_ioctl_client_complete(client, -1, EINVAL);
	return TRUE;
}

static void
type_key(uint16_t code, int32_t value, gpointer userdata)
{
	send_key(userdata, code, value);
}

/* What follows is written as one: this program may have to wait in the middle of a code, and to who
 * reads it that would be a silence. */
static void
begin_batch(struct node *node)
{
	node->batch = g_byte_array_new();
}

static void
end_batch(struct node *node)
{
	node_write(node, node->batch->data, node->batch->len);
	g_clear_pointer(&node->batch, g_byte_array_unref);
}

static void
evdev_scan(struct node *node, const char *code, size_t len, gboolean end)
{
	const char *stop = code + len;

	if (!node->typing_as)
		return;
	begin_batch(node);
	while (code < stop) {
		uint32_t point = tb_typing_next(&code, stop);

		if (!tb_typing_type(node->typing_as, point, type_key, node))
			say("error no key types %02x", (unsigned)point);
	}
	if (end)
		tb_typing_type(node->typing_as, '\r', type_key, node);
	end_batch(node);
}

static void
evdev_prepare(struct node *node, char **words)
{
	const char *layout = value_of(words, "layout", "us");

	tb_typing_free(node->typing_as);
	node->typing_as = tb_typing_new(layout);
	if (!node->typing_as)
		say("error no layout %s", layout);
	node->bustype = (unsigned)strtoul(value_of(words, "bus", "3"), NULL, 10);
	node->grabber = NULL;
	memset(node->keys, 0, sizeof(node->keys));
	memset(node->leds, 0, sizeof(node->leds));
	node->leds[0] = (uint8_t)strtoul(value_of(words, "lights", "0"), NULL, 10);
}

static void
evdev_keys(struct node *node, const char *verb, char **words)
{
	begin_batch(node);
	for (; *words; words++) {
		unsigned type, code;
		int value;

		if (!strcmp(verb, "events") &&
			sscanf(*words, "%u:%u:%d", &type, &code, &value) == 3) {
			send_event(node, type, code, value);
		} else if (sscanf(*words, "%u:%d", &code, &value) != 2) {
			continue;
		} else if (!strcmp(verb, "keys")) {
			send_key(node, code, value);
		} else if (!strcmp(verb, "press") && code / 8 < sizeof(node->keys)) {
			set_bit(node->keys, code, value != 0);
		} else if (!strcmp(verb, "light") && code / 8 < sizeof(node->leds)) {
			set_bit(node->leds, code, value != 0);
			send_event(node, EV_LED, code, value);
			send_event(node, EV_SYN, SYN_REPORT, 0);
		}
	}
	end_batch(node);
	say("sent %s %s", node->name, verb);
}

static void
evdev_closed(struct node *node, UMockdevIoctlClient *client)
{
	if (node->grabber == client)
		node->grabber = NULL;
}

const struct node_kind node_evdev = {
	.prefix = "input/event",
	.usual = {.vid = "0c2e", .pid = "0204", .product = "Keyboard scanner", .driver = "usbhid"},
	.interface = "A: bInterfaceClass=03\nA: bInterfaceSubClass=01\nA: bInterfaceProtocol=01\n",
	.describe = evdev_describe,
	.ioctl = evdev_ioctl,
	.scan = evdev_scan,
	.prepare = evdev_prepare,
	.keys = evdev_keys,
	.closed = evdev_closed,
};

/* The node through which a program makes a keyboard of its own: what it types is `received`. */
static gboolean
uinput_ioctl(struct node *node, UMockdevIoctlClient *client)
{
	gulong request = umockdev_ioctl_client_get_request(client);
	int version = UINPUT_VERSION;

	if ((request >> 8 & 0xff) != 'U')
		return FALSE;
	if (request == UI_GET_VERSION)
		answer_bytes(client, &version, sizeof(version), 0);
	else if (request == UI_GET_SYSNAME(request >> 16 & 0x3fff))
		answer_text(client, "input99");
	else {
		if (request == UI_DEV_CREATE || request == UI_DEV_DESTROY)
			say("%s %s", request == UI_DEV_CREATE ? "made" : "unmade", node->name);
		umockdev_ioctl_client_complete(client, 0, 0);
	}
	return TRUE;
}

/* The desktop sets a light of that keyboard. */
static void
uinput_keys(struct node *node, const char *verb, char **words)
{
	for (; *words; words++) {
		unsigned code;
		int value;

		if (!strcmp(verb, "light") && sscanf(*words, "%u:%d", &code, &value) == 2)
			send_event(node, EV_LED, code, value);
	}
	say("sent %s %s", node->name, verb);
}

const struct node_kind node_uinput = {
	.prefix = "uinput",
	.usual = {.vid = "0000", .pid = "0000", .product = "", .driver = ""},
	.ioctl = uinput_ioctl,
	.keys = uinput_keys,
};
