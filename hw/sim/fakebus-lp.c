/* SPDX-License-Identifier: MIT */
/*
 * A printer on the fake bus as usblp shows it: /dev/usb/lp0 takes bytes and gives the printer's
 * answers; the Device ID and the port's status are asked by ioctl. It prints nothing: what it
 * received is said, for whoever reads it back.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/sim/fakebus.h"

/* linux/usb/usblp.c; no header has them */
#define LPGETSTATUS 0x060b
#define LPIOC_GET_DEVICE_ID 1
#define LPIOC_SOFT_RESET 7

static void
lp_prepare(struct node *node, char **words)
{
	g_free(node->device_id);
	node->device_id = g_strdup(value_of(
		words, "device_id", "MFG:Fake;CMD:ESC/POS;MDL:Receipt printer;CLS:PRINTER;"));
	node->port_status = atoi(value_of(words, "status", "24"));
}

static void
lp_describe(struct node *node, const struct usb_id *id, const char *interface, GString *out)
{
	int number = atoi(node->name + strlen("usb/lp"));

	g_string_append_printf(out,
		"P: %s/usbmisc/lp%d\nE: SUBSYSTEM=usbmisc\nE: DEVNAME=/dev/%s\nE: MAJOR=180\nE: "
		"MINOR=%d\n"
		"A: dev=180:%d\n\n",
		interface, number, node->name, number, number);
}

static gboolean
lp_ioctl(struct node *node, UMockdevIoctlClient *client)
{
	gulong request = umockdev_ioctl_client_get_request(client);
	char id[1024];
	size_t len = MIN(strlen(node->device_id) + 2, sizeof(id));
	UMockdevIoctlData *status;

	if (request == LPGETSTATUS) {
		status = umockdev_ioctl_data_resolve(
			umockdev_ioctl_client_get_arg(client), 0, sizeof(int), NULL);
		if (status) {
			memcpy(status->data, &node->port_status, sizeof(int));
			g_object_unref(status);
		}
		umockdev_ioctl_client_complete(client, status ? 0 : -1, status ? 0 : EFAULT);
	} else if ((request & 0xffff) == ('P' << 8 | LPIOC_GET_DEVICE_ID)) {
		id[0] = (char)(len >> 8);
		id[1] = (char)len;
		memcpy(id + 2, node->device_id, len - 2);
		answer_bytes(client, id, len, 0);
	} else if ((request & 0xffff) == ('P' << 8 | LPIOC_SOFT_RESET)) {
		umockdev_ioctl_client_complete(client, 0, 0);
	} else {
		umockdev_ioctl_client_complete(client, -1, ENOTTY);
	}
	return TRUE;
}

static void
lp_scan(struct node *node, const char *code, size_t len, gboolean end)
{
	node_write(node, code, len);
}

const struct node_kind node_lp = {
	.prefix = "usb/lp",
	.usual = {.vid = "04b8", .pid = "0e15", .product = "Receipt printer", .driver = "usblp"},
	.interface = "A: bInterfaceClass=07\nA: bInterfaceSubClass=01\nA: bInterfaceProtocol=02\n",
	.prepare = lp_prepare,
	.describe = lp_describe,
	.ioctl = lp_ioctl,
	.scan = lp_scan,
};
