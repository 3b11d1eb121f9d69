/* SPDX-License-Identifier: MIT */
/*
 * The daemon's side of the HTTP door: loads the module when [http] is configured, and lends it
 * methods, tokens and events. HTTP itself is the module's.
 */
#pragma once

#include "bridge/bridge.h"

struct tb_door;

/* 0 with *ret NULL when there is no [http]. */
int tb_door_new(struct tb_bridge *bridge, struct tb_door **ret, char **ret_why);
void tb_door_free(struct tb_door *door);

/* An event was emitted. */
void tb_door_wake(struct tb_door *door);
