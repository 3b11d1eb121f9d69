/* SPDX-License-Identifier: MIT */
/* The way from a whole code to its event, the same for every kind of scanner. */
#pragma once

#include "hw/driver.h"
#include "hw/drivers/double-read.h"

/*
 * Tells the code as a scan, unless it is empty or the same was read within the window. symbology as
 * in tb_scan_init().
 */
void tb_scanned(const struct tb_device_host *host, struct tb_double_read *double_read,
	const uint8_t *code, size_t len, const char *symbology);

/* Something was read and thrown away; reason is a word. */
void tb_scan_dropped(const struct tb_device_host *host, const char *reason);

/* The device's own state; why is a sentence or NULL. */
void tb_tell_state(const struct tb_device_host *host, enum tb_device_state state, const char *why);
