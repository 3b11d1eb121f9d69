/* SPDX-License-Identifier: MIT */
/* What every scanner tells its daemon, in one place. */

#include "hw/drivers/scanned.h"

void
tb_tell_state(const struct tb_device_host *host, enum tb_device_state state, const char *why)
{
	struct tb_event event = {.kind = TB_EVENT_STATE, .state = state, .reason = why};

	host->emit(host, &event);
}

void
tb_scan_dropped(const struct tb_device_host *host, const char *reason)
{
	struct tb_event event = {.kind = TB_EVENT_DROPPED, .reason = reason};

	host->emit(host, &event);
}

void
tb_scanned(const struct tb_device_host *host, struct tb_double_read *double_read,
	const uint8_t *code, size_t len, const char *symbology)
{
	struct tb_scan scan;
	struct tb_event event = {.kind = TB_EVENT_SCAN, .scan = &scan};
	int r;

	if (tb_double_read_is(double_read, code, len, tb_loop_now_us(host->loop))) {
		tb_wire_tap(host, TB_WIRE_REPEATED, NULL, 0);
		return;
	}
	r = tb_scan_init(&scan, code, len, symbology);
	if (r == -ENODATA)
		return;
	if (r < 0) {
		tb_scan_dropped(host, r == -E2BIG ? "code_too_long" : "out_of_memory");
		return;
	}
	host->emit(host, &event);
	tb_scan_done(&scan);
}
