/* SPDX-License-Identifier: MIT */
/*
 * Who has a device to himself. A claim belongs to a connection; another one may ask for it, the
 * holder is told and keeps it by claiming again, or yields it by a release or by silence. What a
 * claimant gets is decided where events are made.
 */

#include "bridge/devices-parts.h"

#include <string.h>
#include "base/jsonw.h"
#include "base/timestamp.h"

#define ASKING_SLACK_US UINT64_C(1000)

static void
answer_claim(struct tb_request *request, const char *device)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(65536);
	struct tb_jsonw w = TB_JSONW(&buf);

	tb_jsonw_object(&w, NULL);
	tb_jsonw_string(&w, "device", device);
	tb_jsonw_end_object(&w);
	if (tb_buf_error(&buf) == 0)
		tb_request_answer(request, buf.data, buf.len);
	else
		tb_request_fail(request, TB_ERROR_INTERNAL, NULL);
}

static void
grant(struct device *device, struct tb_request *request)
{
	char *audience = strdup(tb_request_audience(request));

	if (!audience) {
		tb_request_fail(request, TB_ERROR_INTERNAL, NULL);
		return;
	}
	free(device->claimed_by);
	device->claimed_by = audience;
	device->claim_client = tb_request_client(request);
	answer_claim(request, device->name);
}

/* Ends the asking under way: with the claim, or without. */
static void
end_asking(struct device *device, bool yielded)
{
	struct tb_request *request = TAKE_PTR(device->asking);

	if (device->asking_timer)
		tb_source_set_timer(device->asking_timer, TB_NEVER);
	device->asking_client = 0;
	if (!request)
		return;
	if (yielded)
		grant(device, request);
	else
		tb_request_fail(request, TB_ERROR_DEVICE_CLAIMED, NULL);
}

static void
on_silence(void *userdata)
{
	end_asking(userdata, true);
}

/* Nobody holds it any more: who asks has it, and a device that is away and nobody's is forgotten.
 */
static void
yield_claim(struct device *device)
{
	free(TAKE_PTR(device->claimed_by));
	device->claim_client = 0;
	end_asking(device, true);
	tb_device_forget(device);
}

void
tb_device_forget(struct device *device)
{
	if (!device->claimed_by && !device->capture && !device->calibrate_client &&
		!device->section && !device->found)
		tb_device_free(device);
}

void
tb_device_claim_drop(struct device *device)
{
	free(TAKE_PTR(device->claimed_by));
	end_asking(device, false);
}

static int
tell_holder(struct device *device, uint64_t timeout_us)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(65536);
	struct tb_jsonw w = TB_JSONW(&buf);
	struct tb_bridge *bridge = device->devices->bridge;
	char until[TB_TIME_TEXT];

	tb_time_format(tb_loop_wall_us(bridge->loop) + (int64_t)timeout_us, 0, until);
	tb_jsonw_string(&w, "device", device->name);
	tb_jsonw_string(&w, "until", until);
	if (tb_buf_error(&buf) < 0)
		return tb_buf_error(&buf);
	return tb_rpc_notify(bridge->rpc, device->claim_client, "claim_asked", buf.data, buf.len);
}

static void
ask_holder(struct device *device, struct tb_request *request, uint64_t timeout_us)
{
	if (!device->asking_timer &&
		tb_loop_add_timer(device->devices->bridge->loop, ASKING_SLACK_US, on_silence,
			device, &device->asking_timer) < 0) {
		tb_request_fail(request, TB_ERROR_INTERNAL, NULL);
		return;
	}
	if (tell_holder(device, timeout_us) < 0) {
		/* its connection has ended, and the word of it is under way */
		grant(device, request);
		return;
	}
	device->asking = request;
	device->asking_client = tb_request_client(request);
	tb_source_set_timer_in(device->asking_timer, timeout_us);
}

void
tb_devices_claim(struct tb_devices *devices, struct tb_request *request, const char *name,
	uint64_t timeout_us)
{
	struct device *device = tb_device_get(devices, name);
	uint64_t client = tb_request_client(request);

	if (!device) {
		tb_request_fail(request, TB_ERROR_DEVICE_UNKNOWN, NULL);
	} else if (client == 0) {
		tb_request_fail(request, TB_ERROR_NOT_PERMITTED, NULL);
	} else if (!device->claimed_by) {
		grant(device, request);
	} else if (device->claim_client == client) {
		end_asking(device, false);
		answer_claim(request, device->name);
	} else if (device->asking || timeout_us == 0) {
		/* somebody is before, or the caller does not want to wait for the holder's word */
		tb_request_fail(request, TB_ERROR_DEVICE_CLAIMED, NULL);
	} else {
		ask_holder(device, request, timeout_us);
	}
}

void
tb_devices_release(struct tb_devices *devices, struct tb_request *request, const char *name)
{
	struct device *device = tb_device_get(devices, name);

	if (!device) {
		tb_request_fail(request, TB_ERROR_DEVICE_UNKNOWN, NULL);
		return;
	}
	if (device->claimed_by && device->claim_client != tb_request_client(request)) {
		tb_request_fail(request, TB_ERROR_DEVICE_CLAIMED, NULL);
		return;
	}
	answer_claim(request, device->name);
	if (device->claimed_by)
		yield_claim(device);
}

void
tb_devices_client_gone(uint64_t client, void *userdata)
{
	struct tb_devices *devices = userdata;
	struct device *device, *next;

	tb_list_for_each_safe(device, next, &devices->list, node) {
		if (device->asking && device->asking_client == client)
			end_asking(device, false);
		if (device->claimed_by && device->claim_client == client)
			yield_claim(device);
	}
	tb_devices_calibrate_client_gone(devices, client);
	tb_devices_capture_client_gone(devices, client);
}
