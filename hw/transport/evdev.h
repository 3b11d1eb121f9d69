/* SPDX-License-Identifier: MIT */
/*
 * A keyboard as the kernel shows it (/dev/input/event*): opened, taken from everybody else once no
 * key is down, read. It knows no layout; and it is never used on a keyboard that nobody named.
 */
#pragma once

#include <linux/input.h>
#include "base/loop.h"

struct tb_evdev;

/* Told from the loop, never from within a call of the user's own. After `lost` nothing else is. */
struct tb_evdev_handler {
	/* It is ours from now on. held: the keys that are down, which is none when it is grabbed.
	 */
	void (*ready)(void *userdata);
	/* A key is down: it will be grabbed when all are up, since the others would never see that
	 * one released. */
	void (*waiting)(void *userdata);
	/* What came, reports' ends included, in the kernel's order. Borrowed. */
	void (*event)(const struct input_event *event, void *userdata);
	/* The last event of those that came together has been told. */
	void (*pause)(void *userdata);
	/* The kernel had no room and threw events away: these keys are down now. */
	void (*missed)(const uint8_t keys[(KEY_MAX + 8) / 8], void *userdata);
	/* error: -EBUSY another program has grabbed it, else it is gone. why is borrowed. */
	void (*lost)(int error, const char *why, void *userdata);
};

/* The name that our own virtual keyboard goes by; opening it is refused. */
#define TB_EVDEV_OWN_NAME "tillbridge types on"

/*
 * 0, and `ready` follows; or -EACCES, -ENOENT, -ENODEV, -EBUSY, -EINVAL (no keyboard) with a
 * sentence in ret_why (to free). The handler is copied.
 */
int tb_evdev_open(struct tb_loop *loop, const char *path, bool grab,
	const struct tb_evdev_handler *handler, void *userdata, struct tb_evdev **ret,
	char **ret_why);
void tb_evdev_close(struct tb_evdev *evdev);

/* Reads what has come. Whether there was anything; if not, nothing waits in the kernel. */
bool tb_evdev_read(struct tb_evdev *evdev);
/* Whether the light of Caps Lock is on. */
bool tb_evdev_caps(const struct tb_evdev *evdev);
/* Whether it has a key. */
bool tb_evdev_has_key(const struct tb_evdev *evdev, unsigned code);
/* Sets one of its lights (LED_CAPSL …). */
void tb_evdev_set_light(struct tb_evdev *evdev, unsigned light, bool on);
