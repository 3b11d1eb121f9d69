/* SPDX-License-Identifier: MIT */
/*
 * The fake bus from within: one node a device that can be plugged. fakebus.c reads the commands,
 * fakebus-node.c makes wires and sysfs, the other fakebus-*.c are the kinds of nodes and what they
 * answer to their drivers.
 */
#pragma once

#include <stdint.h>
#include <umockdev.h>

struct bus {
	UMockdevTestbed *testbed;
	GMainLoop *loop;
	GHashTable *nodes; /* name -> struct node, also of what is not plugged now */
	int exit_code;
};

extern struct bus bus;

struct node_kind;
struct tb_typing;

struct node {
	const struct node_kind *kind;
	char *name;          /* "ttyUSB0", "hidraw0", "usb/lp0", "input/event0" */
	GPtrArray *syspaths; /* of what stands in sysfs when plugged, parents first; else NULL */
	int master, slave;
	guint watch;
	gboolean handled; /* the ioctl handler is attached; it stays for good */

	/* What the kinds know of it; read from umockdev's thread as well. */
	int modem_lines;
	UMockdevIoctlClient *holder; /* tty: who has marked it as his own */
	gboolean held;               /* tty: somebody else has */
	GByteArray *descriptor;      /* hidraw: of its reports */
	GByteArray *switch_on;       /* hidraw: the feature report that makes a scanner of it */
	gboolean refuses;            /* hidraw: takes no feature report */
	gboolean typing;             /* hidraw: what it reads goes elsewhere, as keys */
	char **plugged_as;           /* hidraw: the words of `plug`, and of the next one */
	char *device_id;             /* lp: IEEE 1284 */
	int port_status;             /* lp */
	char *product;
	unsigned vid, pid;
	uint8_t keys[96], leds[2];    /* evdev: bits */
	UMockdevIoctlClient *grabber; /* evdev */
	struct tb_typing *typing_as;  /* evdev: its layout */
	unsigned bustype;             /* evdev */
	GByteArray *batch;            /* evdev: to be written as one */
	gboolean piped;               /* its wire is a pipe, into which others can write */
};

/* What is told of a USB device in sysfs and udev's properties. */
struct usb_id {
	const char *vid, *pid, *serial, *port, *manufacturer, *product, *driver;
};

struct node_kind {
	const char *prefix;    /* of the node's name */
	struct usb_id usual;   /* what it is unless the command says otherwise */
	const char *interface; /* umockdev's lines for the USB interface: class and the like */
	gboolean packets;      /* the wire keeps reports apart, and goes one way */
	/* Reads what is the kind's own in the words of `plug`; may be NULL. */
	void (*prepare)(struct node *node, char **words);
	/* The lines of umockdev's description of what stands below the interface; NULL: it is on no
	 * bus. */
	void (*describe)(
		struct node *node, const struct usb_id *id, const char *interface, GString *out);
	/* Answers one ioctl of a client; FALSE: it is run on the wire itself. */
	gboolean (*ioctl)(struct node *node, UMockdevIoctlClient *client);
	/* The device reads a code and tells it in its own way; `end` says with its Enter. */
	void (*scan)(struct node *node, const char *code, size_t len, gboolean end);
	/* Takes the numbers behind keys, events, press or light; may be NULL. */
	void (*keys)(struct node *node, const char *verb, char **words);
	/* A client has closed the node; may be NULL. */
	void (*closed)(struct node *node, UMockdevIoctlClient *client);
};

extern const struct node_kind node_acm, node_evdev, node_hidraw, node_lp, node_tty, node_uinput;

/* Says one line of what happened. */
void say(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* fakebus-usb.c: what is behind usbfs, whose nodes are of their own kind. FALSE: not one. */
gboolean usb_command(char **words, char *rest);
void usb_printers_unplug(void);

/* fakebus-node.c */
struct node *node_get(const char *name);
void node_plug(struct node *node, char **words);
void node_unplug(struct node *node);
void node_hangup(struct node *node);
/* All of it, waiting for the reader; FALSE when it does not read. */
gboolean node_write(struct node *node, const void *bytes, size_t len);
/* The value of KEY=VALUE among words. */
const char *value_of(char **words, const char *key, const char *fallback);
GByteArray *bytes_of_hex(const char *hex);
/* C escapes to bytes, in place; returns the count. */
size_t unescape(char *text);
/* Gives a client's ioctl `len` bytes (cut to what it takes) and answers res. */
void answer_bytes(UMockdevIoctlClient *client, const void *bytes, size_t len, long res);

/* fakebus-hidraw.c: what a HID POS scanner of layout A says. */
#define HID_REPORT_LEN 64
extern const uint8_t hid_layout_a[];
extern const size_t hid_layout_a_len;
typedef void (*hid_report_fn)(const uint8_t report[HID_REPORT_LEN], void *userdata);
/* The reports of a code; without `end` the last one says that more follows. */
void hid_reports(const char *code, size_t len, gboolean end, hid_report_fn fn, void *userdata);
