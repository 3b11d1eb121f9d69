/* SPDX-License-Identifier: MIT */
/*
 * The fake bus from within: one node a device that can be plugged. fakebus.c reads the commands and
 * builds sysfs, a fakebus-*.c file makes the node and answers what a driver asks of it.
 */
#pragma once

#include <umockdev.h>

struct bus {
	UMockdevTestbed *testbed;
	GMainLoop *loop;
	GHashTable *nodes; /* name -> struct node, also of what is not plugged now */
	int exit_code;
};

struct node_kind;

struct node {
	struct bus *bus;
	const struct node_kind *kind;
	char *name;          /* "ttyUSB0", "hidraw0", "usb/lp0", "input/event0" */
	GPtrArray *syspaths; /* of what stands in sysfs when plugged, parents first; else NULL */
	int master, slave;
	guint watch;
	gboolean handled; /* the ioctl handler is attached; it stays for good */
	int modem_lines;
};

/* What fakebus.c says of a device in sysfs and udev's properties. */
struct usb_id {
	const char *vid, *pid, *serial, *port, *manufacturer, *product, *driver;
};

struct node_kind {
	const char *prefix; /* of the node's name */
	const char *subsystem;
	/* The lines of umockdev's description that are the kind's own, below the interface's path.
	 */
	void (*describe)(
		struct node *node, const struct usb_id *id, const char *interface, GString *out);
	/* Answers one ioctl of a client; FALSE: it is run on the pty itself. */
	gboolean (*ioctl)(struct node *node, UMockdevIoctlClient *client);
};

extern const struct node_kind node_tty;

/* Says one line of what happened. */
void say(const char *format, ...) G_GNUC_PRINTF(1, 2);
