/* SPDX-License-Identifier: MIT */
/*
 * The USB printer of the fake bus from within: fakebus-usb.c plugs it, names it and lets it
 * misbehave, fakebus-usbfs.c is its wire. Every ioctl is answered on umockdev's thread, commands
 * come on the main one: one lock for all.
 */
#pragma once

#include "hw/sim/fakebus.h"

#define EP_OUT 0x01
#define EP_IN 0x82
#define FIRST_DEVICE 20 /* its number on the bus, of the first one */
#define PIPE_BYTES 4096

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

struct printer {
	char *name, *dev, *path;
	guint number, plug;
	gboolean plugged, handled;
	GPtrArray *syspaths;
	GByteArray *descriptors;
	GList *clients, *flying, *landed;
	int fifo;
	gboolean full;

	char *driver, *device_id, *capture;
	gboolean claimed, halted;
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
