/* SPDX-License-Identifier: MIT */
/*
 * What a code means (coupon, gift card, customer, article), decided on the spot from its form and
 * the configuration; which till gets it; and the lookup that is started before the till asks.
 */
#pragma once

#include "bridge/bridge.h"
#include "bridge/code-kind.h"
#include "hw/driver.h"
#include "hw/scan.h"

int tb_counter_new(struct tb_bridge *bridge, struct tb_counter **ret);
void tb_counter_free(struct tb_counter *counter);

/* ret_reason: NULL, or "ambiguous" when two configured ranges match. */
enum tb_code_kind tb_counter_classify(
	const struct tb_counter *counter, const struct tb_scan *scan, const char **ret_reason);

/* A payment card's track, or its bare number that lies in no configured range: refused at every
 * door. */
bool tb_counter_is_payment_card(const struct tb_counter *counter, const char *code);

/* Whether bytes of a wire hold such a number anywhere. A NUL stands behind them. */
bool tb_counter_holds_payment_card(
	const struct tb_counter *counter, const uint8_t *bytes, size_t len);

/* Whose business the code is, for a driver that hands on what is not ours. */
enum tb_whose tb_counter_whose(const struct tb_counter *counter, const struct tb_scan *scan);

/* A code was read on a device, or keyed by hand (device NULL): emits `scan`, starts the lookup.
 * Returns the seq of the scan event, 0 when it was refused as a payment card. */
uint64_t tb_counter_scan(
	struct tb_counter *counter, const char *device, const struct tb_scan *scan);

/* A card was swiped or presented, or refused (TB_EVENT_CARD): emits `card`. */
void tb_counter_card(struct tb_counter *counter, const char *device, const struct tb_event *event);
