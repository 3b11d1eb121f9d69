/* SPDX-License-Identifier: MIT */
/*
 * Which layouts explain what a wedge typed for a code that is known (TB_CALIBRATION_CODE). It tries
 * one layout a turn of the loop, since each has to be compiled. It reads no device.
 */
#pragma once

#include "base/loop.h"

struct tb_wedge_layout;

/* layouts: xkb's names with blanks between, the likeliest first, "" when none explains it. caps:
 * only if Caps Lock was otherwise than its light says. Borrowed. */
typedef void (*tb_wedge_layout_fn)(const char *layouts, bool caps, void *userdata);

int tb_wedge_layout_new(struct tb_loop *loop, const char *configured, tb_wedge_layout_fn fn,
	void *userdata, struct tb_wedge_layout **ret);
void tb_wedge_layout_free(struct tb_wedge_layout *search);

/* A key of the code, as in tb_keymap_feed(); caps: the light before the first. Ignored while a
 * search is under way. */
void tb_wedge_layout_key(struct tb_wedge_layout *search, uint16_t code, int32_t value, bool caps);
/* The code has ended: fn is told, unless nothing was typed. */
void tb_wedge_layout_end(struct tb_wedge_layout *search);
/* Something of it was lost. */
void tb_wedge_layout_reset(struct tb_wedge_layout *search);
