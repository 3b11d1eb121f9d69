/* SPDX-License-Identifier: MIT */
/*
 * A keyboard of our own, through which keys go on to the till program. It types what it is given;
 * which keys those are and how fast is not its business.
 */
#pragma once

#include "hw/transport/evdev.h"

struct tb_uinput;

/* Somebody has set one of its lights (LED_CAPSL …). */
typedef void (*tb_uinput_light_fn)(unsigned light, bool on, void *userdata);

/*
 * Makes a keyboard with the keys of the one given. Negative errno with a sentence in ret_why (to
 * free) where this machine does not let us.
 */
int tb_uinput_open(struct tb_loop *loop, const struct tb_evdev *like, tb_uinput_light_fn fn,
	void *userdata, struct tb_uinput **ret, char **ret_why);
/* The kernel releases what is down. */
void tb_uinput_close(struct tb_uinput *uinput);

/* Bytes taken of the events (> 0), or negative errno: -EAGAIN later. */
ssize_t tb_uinput_write(struct tb_uinput *uinput, const void *events, size_t n_bytes);
