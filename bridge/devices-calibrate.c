/* SPDX-License-Identifier: MIT */
/*
 * Which layout a scanner that is a keyboard types under, told to the one connection that asked.
 * Until that connection ends or says stop, what the scanner reads is nobody else's. The finding out
 * is the driver's.
 */

#include "bridge/devices-parts.h"

#include <string.h>
#include "base/jsonw.h"
#include "base/log.h"

static void
turn(struct device *device, bool on)
{
	int r = 0;

	if (device->open && device->code->calibrate)
		r = device->code->calibrate(device->open, on);
	if (r < 0)
		tb_log_warning(
			"%s: its layout cannot be found out: %s", device->name, strerror(-r));
}

void
tb_device_calibrate_again(struct device *device)
{
	if (device->calibrate_client)
		turn(device, true);
}

static void
write_layouts(struct tb_jsonw *w, const char *names)
{
	tb_jsonw_array(w, "layouts");
	for (const char *p = names; *p;) {
		size_t len = strcspn(p, " ");

		tb_jsonw_string_n(w, NULL, p, len);
		p += len;
		p += strspn(p, " ");
	}
	tb_jsonw_end_array(w);
}

void
tb_device_calibrate_event(struct device *device, const struct tb_event *event)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(65536);
	struct tb_jsonw w = TB_JSONW(&buf);

	if (!device->calibrate_client)
		return;
	tb_jsonw_string(&w, "device", device->name);
	write_layouts(&w, event->layout.names);
	tb_jsonw_bool(&w, "caps_lock", event->layout.caps);
	if (tb_buf_error(&buf) == 0)
		tb_rpc_notify(device->devices->bridge->rpc, device->calibrate_client, "calibrated",
			buf.data, buf.len);
}

static void
answer(struct tb_request *request, const struct device *device)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(65536);
	struct tb_jsonw w = TB_JSONW(&buf);

	tb_jsonw_object(&w, NULL);
	tb_jsonw_string(&w, "device", device->name);
	tb_jsonw_string(&w, "state", tb_device_state_word(device->state));
	tb_jsonw_string(&w, "reason", device->reason);
	tb_jsonw_string(&w, "layout",
		tb_device_setting(&device->config, device->driver->settings, "layout", 0));
	tb_jsonw_string(&w, "code", TB_CALIBRATION_CODE);
	tb_jsonw_end_object(&w);
	if (tb_buf_error(&buf) == 0)
		tb_request_answer(request, buf.data, buf.len);
	else
		tb_request_fail(request, TB_ERROR_INTERNAL, NULL);
}

void
tb_devices_calibrate(struct tb_devices *devices, struct tb_request *request, const char *name)
{
	struct device *device = tb_device_get(devices, name);
	uint64_t client = tb_request_client(request);

	if (!device) {
		tb_request_fail(request, TB_ERROR_DEVICE_UNKNOWN, NULL);
	} else if (tb_setting_check(device->driver->settings, "layout", "us") < 0) {
		tb_request_fail(request, TB_ERROR_DEVICE_UNKNOWN,
			"{\"reason\":\"only a scanner that types like a keyboard has a layout\"}");
	} else if (client == 0) {
		tb_request_fail(request, TB_ERROR_NOT_PERMITTED, NULL);
	} else if (device->calibrate_client && device->calibrate_client != client) {
		tb_request_fail(request, TB_ERROR_DEVICE_CLAIMED, NULL);
	} else {
		device->calibrate_client = client;
		turn(device, true);
		answer(request, device);
	}
}

static void
stop(struct device *device)
{
	device->calibrate_client = 0;
	turn(device, false);
	tb_device_forget(device);
}

void
tb_devices_calibrate_stop(struct tb_devices *devices, struct tb_request *request, const char *name)
{
	struct device *device = tb_device_get(devices, name);

	if (!device) {
		tb_request_fail(request, TB_ERROR_DEVICE_UNKNOWN, NULL);
		return;
	}
	if (device->calibrate_client && device->calibrate_client == tb_request_client(request))
		stop(device);
	tb_request_answer(request, "{}", 2);
}

void
tb_devices_calibrate_client_gone(struct tb_devices *devices, uint64_t client)
{
	struct device *device, *next;

	tb_list_for_each_safe(device, next, &devices->list, node)
		if (device->calibrate_client && device->calibrate_client == client)
			stop(device);
}
