/* SPDX-License-Identifier: MIT */
/*
 * The print queue: a job is journalled before its call is answered, printed once, and known to be.
 * One queue for each printer; what a printer is and how it is spoken to is its driver's.
 */
#pragma once

#include <jansson.h>
#include "bridge/bridge.h"
#include "bridge/rpc/request.h"
#include "hw/driver.h"

int tb_printing_new(struct tb_bridge *bridge, struct tb_printing **ret);
void tb_printing_free(struct tb_printing *printing);

/*
 * A printer became ready or went away, or told something of its job. Called by devices.c. `device`
 * and `driver` are NULL once it is gone; name stays the same for the printer's whole life.
 */
void tb_printing_device_ready(struct tb_printing *printing, const char *name,
	const struct tb_driver *driver, struct tb_device *device);
void tb_printing_device_gone(struct tb_printing *printing, const char *name);
void tb_printing_event(
	struct tb_printing *printing, const char *name, const struct tb_event *event);

/* The loyalty server is there again. */
void tb_printing_link_up(struct tb_printing *printing);

/*
 * Queues the coupon of a passage: `coupon` is an item of `coupons[]` {code, title, valid_to},
 * `customer` the first name to print or NULL. The job's key is coupon:<code>, so saying it twice is
 * one job. Called before the answer of the passage goes out; the job is on disk with the turn's
 * commit. ret_job is the job's id (to free). -ENODEV when there is no printer to take it.
 */
int tb_printing_coupon(
	struct tb_printing *printing, const json_t *coupon, const char *customer, char **ret_job);
