/* SPDX-License-Identifier: MIT */
/*
 * What stands behind usbfs on the fake bus, from within: fakebus-usb.c plugs a printer, names it
 * and lets it misbehave, fakebus-usbhid.c is what is different when it is a scanner,
 * fakebus-usbfs.c is the wire of both. Every ioctl is answered on umockdev's thread, commands come
 * on the main one: one lock for all.
 */
#pragma once

#include "hw/sim/fakebus.h"

#define EP_OUT 0x01
#define EP_IN 0x82
#define FIRST_DEVICE 20 /* its number on the bus, of the first one */
#define PIPE_BYTES 4096
#define INTERFACES_MAX 2

struct client {
	UMockdevIoctlClient *client;
	guint plug;    /* which plugging it was opened in */
	size_t offset; /* of its reading of the descriptors */
};

struct urb {
	UMockdevIoctlClient *client;
	UMockdevIoctlData *data, *buffer;
	gint64 due_us; /* when it is through, at the speed of the printer */
	gboolean flowing;
};

struct scanner; /* fakebus-usbhid.c */

struct printer {
	struct scanner *scanner; /* NULL: a printer it is */
	char *name, *dev, *path;
	guint number, plug;
	gboolean plugged, handled;
	GPtrArray *syspaths;
	GByteArray *descriptors;
	GList *clients, *flying, *landed;
	int fifo;
	gboolean full;

	char *drivers[INTERFACES_MAX]; /* the kernel's, of each interface */
	gboolean claimed[INTERFACES_MAX];
	char *device_id, *capture;
	gboolean halted;
	guint8 port_status;

	/* what goes wrong */
	gboolean nak;
	guint stalls;
	size_t stall_after, short_max;
	gssize limit; /* so many bytes more; -1: all */
	guint64 speed;
	gint64 free_us; /* when it is through with what it has */
	guint timer;

	guint64 taken;
	GString *heard; /* the last bytes, in which a question may have begun */
	GByteArray *answers;
	gboolean silent;
	guint8 status[5]; /* answers to DLE EOT 1 to 4 */
};

extern GMutex usb_lock;

/* All with the lock held. Does what can be done: takes, answers, wakes who waits. */
void usbfs_pump(struct printer *printer);
/* Ends a transfer; who sent it reaps it. */
void usbfs_land(struct printer *printer, struct urb *urb, int status, size_t actual);
/* Makes the node poll as it should. */
void usbfs_update(struct printer *printer);
/* Answers who opens the node, for good. Without the lock. */
void usbfs_attach(struct printer *printer);

/* fakebus-usbhid.c, a scanner's own; with the lock held but for those that say otherwise. */
struct scanner *usbhid_new(void);
/* Reads the words of `plug`, and writes the descriptors. Without the lock. */
void usbhid_set_up(struct printer *printer, char **words);
/* umockdev's lines for the interfaces below that device. */
void usbhid_describe(struct printer *printer, const char *usb, const char *port, GString *out);
/* The kernel's node of it, where it was asked for: as it is plugged, and as the kernel's driver is
 * taken away and given back. Without the lock, on the main thread. */
void usbhid_node_plug(struct printer *printer);
void usbhid_node_unplug(struct printer *printer);
/* The same from any thread, later. */
void usbhid_node_later(struct printer *printer, gboolean plug);
/* As a printer's; negative errno, or the bytes answered. */
int usbhid_control(struct printer *printer, const guint8 *setup, guint8 *bytes, size_t size);
/* The next report for that endpoint; FALSE when there is none. */
gboolean usbhid_give_in(struct printer *printer, struct urb *urb);
/* It reads a code, or tells one report as it is. */
void usbhid_scan(struct printer *printer, const char *code, size_t len, gboolean end);
void usbhid_send(struct printer *printer, const guint8 *bytes, size_t len);

/* fakebus-usb.c */
void usb_plug(struct printer *printer, char **words);
void usb_unplug(struct printer *printer);
struct usbdevfs_urb *usbfs_wire_of(struct urb *urb);
