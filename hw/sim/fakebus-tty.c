/* SPDX-License-Identifier: MIT */
/*
 * A serial port of the fake bus: the node is a pty, and what a pty does not know of a real port
 * (modem lines, exclusive use told by the kernel's words) is answered here. Parity and seven data
 * bits a pty refuses; that wire needs a virtual machine.
 */

#include <errno.h>
#include <linux/serial.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hw/sim/fakebus.h"

static void
tty_describe(struct node *node, const struct usb_id *id, const char *interface, GString *out)
{
	gboolean acm = g_str_has_prefix(node->name, "ttyACM");
	int number = atoi(node->name + strlen("ttyUSB"));

	/* usb-serial puts a device of its own between the interface and the tty, cdc_acm does not
	 */
	if (!acm)
		g_string_append_printf(out, "P: %s/%s\nE: SUBSYSTEM=usb-serial\nE: DRIVER=%s\n\n",
			interface, node->name, id->driver);
	g_string_append_printf(out,
		"P: %s%s%s/tty/%s\nE: SUBSYSTEM=tty\nE: DEVNAME=/dev/%s\nE: MAJOR=%d\nE: MINOR=%d\n"
		"E: ID_BUS=usb\nE: ID_VENDOR_ID=%s\nE: ID_MODEL_ID=%s\nE: "
		"ID_PATH=pci-0000:00:14.0-usb-0:%s:1.0\n",
		interface, acm ? "" : "/", acm ? "" : node->name, node->name, node->name,
		acm ? 166 : 188, number, id->vid, id->pid,
		strchr(id->port, '-') ? strchr(id->port, '-') + 1 : id->port);
	if (*id->serial)
		g_string_append_printf(out, "E: ID_SERIAL_SHORT=%s\n", id->serial);
	g_string_append_printf(out, "A: dev=%d:%d\nL: device=../../../%s\n\n", acm ? 166 : 188,
		number, acm ? strrchr(interface, '/') + 1 : node->name);
}

static gboolean
tty_ioctl(struct node *node, UMockdevIoctlClient *client)
{
	UMockdevIoctlData *arg = umockdev_ioctl_client_get_arg(client), *value;
	gulong request = umockdev_ioctl_client_get_request(client);
	int bits;

	switch (request) {
	case TIOCMGET:
	case TIOCMSET:
	case TIOCMBIS:
	case TIOCMBIC:
		value = umockdev_ioctl_data_resolve(arg, 0, sizeof(bits), NULL);
		if (!value) {
			umockdev_ioctl_client_complete(client, -1, EFAULT);
			return TRUE;
		}
		memcpy(&bits, value->data, sizeof(bits));
		if (request == TIOCMSET)
			node->modem_lines = bits;
		else if (request == TIOCMBIS)
			node->modem_lines |= bits;
		else if (request == TIOCMBIC)
			node->modem_lines &= ~bits;
		bits = node->modem_lines | TIOCM_CTS | TIOCM_DSR | TIOCM_CD;
		if (request == TIOCMGET)
			memcpy(value->data, &bits, sizeof(bits));
		g_object_unref(value);
		umockdev_ioctl_client_complete(client, 0, 0);
		return TRUE;
	case TIOCEXCL:
		node->holder = client;
		umockdev_ioctl_client_complete(client, 0, 0);
		return TRUE;
	case TIOCNXCL:
		if (node->holder == client)
			node->holder = NULL;
		umockdev_ioctl_client_complete(client, 0, 0);
		return TRUE;
	case TIOCGEXCL:
		/* the mark is no longer than its program, although we keep the pty open ourselves
		 */
		bits = node->held || (node->holder && node->holder != client);
		value = umockdev_ioctl_data_resolve(arg, 0, sizeof(bits), NULL);
		if (value) {
			memcpy(value->data, &bits, sizeof(bits));
			g_object_unref(value);
		}
		umockdev_ioctl_client_complete(client, value ? 0 : -1, value ? 0 : EFAULT);
		return TRUE;
	case TIOCGSERIAL:
	case TIOCSSERIAL:
	case TIOCMIWAIT:
	case TIOCGICOUNT:
		umockdev_ioctl_client_complete(client, -1, ENOTTY);
		return TRUE;
	default:
		return FALSE;
	}
}

static void
tty_closed(struct node *node, UMockdevIoctlClient *client)
{
	if (node->holder == client)
		node->holder = NULL;
}

static void
tty_scan(struct node *node, const char *code, size_t len, gboolean end)
{
	node_write(node, code, len);
	if (end)
		node_write(node, "\r", 1);
}

const struct node_kind node_tty = {
	.prefix = "ttyUSB",
	.usual = {.vid = "0403", .pid = "6001", .product = "Serial scanner", .driver = "ftdi_sio"},
	.describe = tty_describe,
	.ioctl = tty_ioctl,
	.scan = tty_scan,
	.closed = tty_closed,
};

/* A scanner that is a serial port by itself, with no adapter between. */
const struct node_kind node_acm = {
	.prefix = "ttyACM",
	.usual = {.vid = "1eab", .pid = "8006", .product = "Serial scanner", .driver = "cdc_acm"},
	.describe = tty_describe,
	.ioctl = tty_ioctl,
	.scan = tty_scan,
	.closed = tty_closed,
};
