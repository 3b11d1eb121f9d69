/* SPDX-License-Identifier: MIT */
/*
 * A device's life as the till sees it: found, opening, ready, lost, refused; its name; who has
 * claimed it. Drivers do the talking; what a code means is counter.h's, printing is printing.h's.
 */
#pragma once

#include "bridge/bridge.h"
#include "base/jsonw.h"
#include "hw/driver.h"

int tb_devices_new(struct tb_bridge *bridge, struct tb_devices **ret);
void tb_devices_free(struct tb_devices *devices);

/* Writes the items of device.list's `devices` array (without the brackets). */
void tb_devices_write(struct tb_devices *devices, struct tb_jsonw *w);

/*
 * The printer a job goes to: by name, or with NULL the only one or the one marked default. Also one
 * that is configured and away. NULL when there is none. ret_driver and ret_config serve
 * printer->check().
 */
const char *tb_devices_printer(struct tb_devices *devices, const char *name,
	const struct tb_driver **ret_driver, const struct tb_device_config **ret_config);

/* The audience that has claimed the device, NULL when nobody has; ret_client its connection. */
const char *tb_devices_claimant(
	struct tb_devices *devices, const char *device, uint64_t *ret_client);

/*
 * device.claim and device.release: both answer the request, the claim perhaps only when the holder
 * has had timeout_us to say that he keeps the device.
 */
struct tb_request;
void tb_devices_claim(struct tb_devices *devices, struct tb_request *request, const char *name,
	uint64_t timeout_us);
void tb_devices_release(struct tb_devices *devices, struct tb_request *request, const char *name);

/*
 * device.capture and device.capture_stop: both answer the request. From then on the connection
 * hears `capture` {device, t_us, dir, hex} for what the wire carries, with {refused: true} or
 * {omitted: bytes} and no hex in the place of what is not told, `capture_codes` {device, codes}
 * with how many were read so far, and `capture_end` when it stops.
 */
void tb_devices_capture(struct tb_devices *devices, struct tb_request *request, const char *name);
void tb_devices_capture_stop(
	struct tb_devices *devices, struct tb_request *request, const char *name);

/*
 * device.calibrate and device.calibrate_stop: both answer the request. From then on each code read
 * is `calibrated` {device, layouts[], caps_lock} for the connection, and nothing for anybody else.
 */
void tb_devices_calibrate(struct tb_devices *devices, struct tb_request *request, const char *name);
void tb_devices_calibrate_stop(
	struct tb_devices *devices, struct tb_request *request, const char *name);
