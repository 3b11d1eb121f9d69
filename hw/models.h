/* SPDX-License-Identifier: MIT */
/*
 * Known models as data: files that say by which ids a device is known, which driver it needs and
 * what that driver should know of it. A new model of a known kind is a new file. It opens no
 * device.
 *
 *   [device]
 *   name = Newland, serial over USB        ; what a person calls it
 *   usb = 1eab:0c06 1eab:??10              ; VID:PID, ? stands for one digit
 *   product = TSP1*                        ; of the product's text, * and ?; any without it
 *   node = tty                             ; tty hidraw evdev lp usb: which node of the device it
 * is driver = scanner-serial claim = yes                            ; no: only when a section of
 * the configuration names it reason = …                             ; with claim = no: what to tell
 * the person [settings]                             ; keys of the driver; those of a section go
 * before them terminator = cr
 */
#pragma once

#include "base/buf.h"
#include "hw/driver.h"

enum tb_node_kind {
	TB_NODE_TTY = 1 << 0,    /* /dev/ttyUSB0, /dev/ttyACM0 */
	TB_NODE_HIDRAW = 1 << 1, /* /dev/hidraw0 */
	TB_NODE_EVDEV = 1 << 2,  /* /dev/input/event0 */
	TB_NODE_LP = 1 << 3,     /* /dev/usb/lp0 */
	TB_NODE_USB = 1 << 4,    /* the device itself, through libusb */
};

const char *tb_node_kind_word(enum tb_node_kind kind);

struct tb_model {
	char *file; /* where it stands, for messages */
	char *name, *usb, *product, *reason;
	const struct tb_driver *driver;
	unsigned nodes; /* bits of enum tb_node_kind */
	bool claim;
	struct tb_setting *settings;
	size_t n_settings;
};

struct tb_models {
	struct tb_model *items;
	size_t n;
};

/*
 * Reads one file's text. What is wrong is said in problems, a line each with file and line number,
 * and the file is not used: -EINVAL.
 */
int tb_models_add(struct tb_models *models, const char *file, const char *text, size_t len,
	struct tb_buf *problems);
/* Reads DIR/ *.ini, sorted by name; a missing directory is empty. 0 or -ENOMEM. */
int tb_models_load(struct tb_models *models, const char *dir, struct tb_buf *problems);
void tb_models_done(struct tb_models *models);

/* The model of an id, the files read last first; NULL when there is none. product may be NULL. */
const struct tb_model *tb_models_find(const struct tb_models *models, enum tb_node_kind node,
	const char *vid, const char *pid, const char *product);
