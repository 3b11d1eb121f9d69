/* SPDX-License-Identifier: MIT */
/*
 * What is plugged in: the nodes of USB devices that a driver could open, as udev tells them, at the
 * start and as they come and go. It opens none of them, and it does not decide who they are for.
 */
#pragma once

#include "base/buf.h"
#include "hw/models.h"

/* One node of a plugged device. Valid until `gone` has been told of it. */
struct tb_found {
	char *syspath; /* of the node in sysfs: its identity */
	char *usb;     /* of the USB device it belongs to: nodes of one device share it */
	enum tb_node_kind kind;
	char *node;                            /* "/dev/ttyUSB0" */
	char *address;                         /* "tty:/dev/ttyUSB0" */
	char *vid, *pid;                       /* four hex digits, small */
	char *serial, *manufacturer, *product; /* NULL when the device tells none */
	char *port;                            /* "1-4.2" */
	char *interface;                       /* "1.0" */
	/* Which driver speaks its language, NULL when nothing says so. */
	const struct tb_driver *driver;
	const struct tb_model *model; /* the data file that knows it, or NULL */
	/* Why it is not opened without a section that names it, a sentence; NULL when it is. */
	const char *reason;
	/* The kernel made a node of its own for the same interface, which goes first: this one is
	 * for a section that asks for it by "usb:". May change as that node comes and goes. */
	bool spare;
};

/* A node came (gone false) or went; from within start and from the loop. */
typedef void (*tb_found_fn)(const struct tb_found *found, bool gone, void *userdata);

struct tb_enumerate;

/* models is borrowed. Without a running udev it works and finds what sysfs shows at the start. */
int tb_enumerate_new(struct tb_loop *loop, const struct tb_models *models, tb_found_fn fn,
	void *userdata, struct tb_enumerate **ret);
/* Tells everything that is there now, and from then on what changes. */
int tb_enumerate_start(struct tb_enumerate *enumerate);
/* Tells nothing any more. */
void tb_enumerate_free(struct tb_enumerate *enumerate);

/*
 * Whether a configured address means this node: a path by any of its names, "usb:VID:PID[:SERIAL]",
 * "usb:@PORT".
 */
bool tb_found_matches(const struct tb_found *found, const char *address);
/* The order of ports as a person counts them: 1-2 before 1-10. */
int tb_port_compare(const char *a, const char *b);
