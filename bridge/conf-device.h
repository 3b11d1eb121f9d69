/* SPDX-License-Identifier: MIT */
/*
 * The sections [device NAME] of all files, until the last is read: a section may name its driver
 * last, and another file may go on with it. Only then are the keys checked against the driver.
 */
#pragma once

#include "bridge/conf-read.h"
#include "bridge/conf.h"

struct tb_conf_devices {
	struct device *items;
	size_t n;
	size_t last; /* the section that keys belong to */
};

/* The section begins, or is gone on with. -EINVAL: no name of a device, told; -ENOMEM. */
int tb_conf_device_begin(struct tb_conf_devices *devices, const struct tb_conf_place *place,
	const char *name, struct tb_buf *problems);
/* A key of the section that began last. */
int tb_conf_device_key(struct tb_conf_devices *devices, const struct tb_conf_place *place,
	const char *key, const char *value);
/* Adds them to conf; what is wrong with them is told. 0 or -ENOMEM. */
int tb_conf_devices_finish(
	struct tb_conf_devices *devices, struct tb_conf *conf, struct tb_buf *problems);
void tb_conf_devices_done(struct tb_conf_devices *devices);
