/* SPDX-License-Identifier: MIT */
/*
 * The parts of devices.h among themselves: one record a device, whether a section names it or it
 * was recognised by itself. devices.c keeps the records and shows them, devices-match.c says which
 * plugged node is which device, devices-life.c opens and closes, devices-watch.c waits for paths,
 * devices-claim.c knows who has claimed, devices-capture.c tells what a wire carries,
 * devices-calibrate.c which layout a scanner types under.
 */
#pragma once

#include "base/list.h"
#include "bridge/conf.h"
#include "bridge/devices.h"
#include "bridge/rpc/request.h"
#include "hw/enumerate.h"

struct device_watch;   /* devices-watch.c */
struct device_capture; /* devices-capture.c */

struct device {
	struct tb_list node;
	struct tb_devices *devices;
	char *name;
	const struct tb_driver *driver;
	const struct tb_conf_device *section; /* NULL: recognised by itself */
	const struct tb_found *found;         /* NULL: away, or known by its path or host alone */
	const struct tb_found *spoilt; /* libusb could not open it: another node goes first */

	/* What the driver is given; address and settings are owned. */
	struct tb_device_config config;
	char *address;
	struct tb_setting *settings;
	struct tb_device_host host;

	struct tb_device *open; /* the driver's; NULL when closed */
	/* Whose slots are called: the driver's own, or its module's while that is loaded. */
	const struct tb_driver *code;
	void *module;
	bool ready;             /* it said so, and has not been lost since */
	bool closing;           /* lost: to be closed from the loop */
	bool printer_told;      /* the print queue has it */
	uint64_t ready_us;      /* when it became so */
	uint64_t appeared_us;   /* when its path was seen to appear, 0: long ago */
	unsigned tries;         /* failed opens in a row */
	struct tb_source *wake; /* closes, or opens again */
	struct device_watch *watch;

	enum tb_device_state state;
	char *reason;
	uint64_t errors;
	char *last_error;
	uint64_t logged_us; /* when an error was last logged */

	char *claimed_by; /* the audience, NULL when nobody */
	uint64_t claim_client;
	struct tb_request *asking; /* who waits for the claim */
	uint64_t asking_client;
	struct tb_source *asking_timer;

	uint64_t calibrate_client;      /* who is told which layout its codes are typed under */
	struct device_capture *capture; /* NULL: nobody records it */
	bool card_refused;              /* a payment card was read on it, once */
};

/* A node that is plugged in. */
struct seen {
	struct tb_list node;
	const struct tb_found *found;
	struct device *device; /* whose it is; NULL when nobody's */
};

struct tb_devices {
	struct tb_bridge *bridge;
	struct tb_models models;
	struct tb_enumerate *enumerate;
	struct tb_list list; /* of struct device, sections first in their order */
	struct tb_list seen; /* of struct seen */
	unsigned n_secret;   /* open devices that may read a payment card */
	int dumpable;        /* what the process was before the first of them */
	bool starting;       /* nodes are told, nothing is decided yet */
	bool stopping;       /* no more events */
};

/* devices.c */
struct device *tb_device_new(struct tb_devices *devices, const char *name,
	const struct tb_driver *driver, const struct tb_conf_device *section);
void tb_device_free(struct device *device);
struct device *tb_device_get(struct tb_devices *devices, const char *name);
/* reason is copied; nothing is told when nothing changed. */
void tb_device_set_state(struct device *device, enum tb_device_state state, const char *reason);
/* Address and settings as the driver is to see them, by section and found. */
int tb_device_prepare(struct device *device);

/* devices-match.c: settles which node is which device, and opens and closes by it. */
void tb_devices_settle(struct tb_devices *devices);
/* A tb_found_fn; userdata is the devices. */
void tb_devices_found(const struct tb_found *found, bool gone, void *userdata);

/* devices-life.c */
bool tb_device_is_path(const struct device *device); /* "tty:/dev/…": opened without udev's word */
bool tb_device_is_usb(const struct device *device);  /* "usb:…": only udev says where it is */
const char *tb_device_path(const struct device *device);
/* Opens now, whatever was tried before. */
void tb_device_open(struct device *device);
/* Closes at once; the state is the caller's. */
void tb_device_close(struct device *device);
int tb_device_life_new(struct device *device);
/* The path appeared, or something about it changed. */
void tb_device_appeared(struct device *device);

/* devices-watch.c: -ENOSPC and the like when it cannot be watched. */
int tb_device_watch_start(struct device *device);
void tb_device_watch_stop(struct device *device);

/* devices-claim.c */
void tb_device_claim_drop(struct device *device);
void tb_devices_client_gone(uint64_t client, void *userdata);
/* Frees a record that is nothing any more: recognised by itself, away, and nobody's. */
void tb_device_forget(struct device *device);

/* devices-calibrate.c */
/* It was opened: the asking goes on. */
void tb_device_calibrate_again(struct device *device);
void tb_device_calibrate_event(struct device *device, const struct tb_event *event);
void tb_devices_calibrate_client_gone(struct tb_devices *devices, uint64_t client);

/* devices-capture.c */
/* A code or a card was read. */
void tb_device_capture_code(struct device *device);
/* What was just read is a payment card. */
void tb_device_capture_refuse(struct device *device);
/* The device goes: what is half read is not told. */
void tb_device_capture_cut(struct device *device);
/* tell: the connection hears of the end. */
void tb_device_capture_end(struct device *device, bool tell);
void tb_devices_capture_client_gone(struct tb_devices *devices, uint64_t client);
