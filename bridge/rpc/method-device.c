/* SPDX-License-Identifier: MIT */
/* The calls device.*; what they do is devices.h's. */

#include "base/jsonw.h"
#include "bridge/devices.h"
#include "bridge/rpc/methods.h"

#define LIST_MAX ((size_t)1 << 20)

static const char *
device_name(const struct tb_request *request)
{
	return json_string_value(json_object_get(tb_request_params(request), "device"));
}

void
tb_method_device_calibrate(struct tb_request *request)
{
	tb_devices_calibrate(tb_request_bridge(request)->devices, request, device_name(request));
}

void
tb_method_device_calibrate_stop(struct tb_request *request)
{
	tb_devices_calibrate_stop(
		tb_request_bridge(request)->devices, request, device_name(request));
}

void
tb_method_device_capture(struct tb_request *request)
{
	tb_devices_capture(tb_request_bridge(request)->devices, request, device_name(request));
}

void
tb_method_device_capture_stop(struct tb_request *request)
{
	tb_devices_capture_stop(tb_request_bridge(request)->devices, request, device_name(request));
}

void
tb_method_device_list(struct tb_request *request)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(LIST_MAX);
	struct tb_jsonw w = TB_JSONW(&buf);

	tb_jsonw_object(&w, NULL);
	tb_jsonw_array(&w, "devices");
	tb_devices_write(tb_request_bridge(request)->devices, &w);
	tb_jsonw_end_array(&w);
	tb_jsonw_end_object(&w);
	if (tb_buf_error(&buf) == 0)
		tb_request_answer(request, buf.data, buf.len);
	else
		tb_request_fail(request, TB_ERROR_INTERNAL, NULL);
}

/* How long the holder may think; it stands in the prose of methods.c as well. */
#define CLAIM_TIMEOUT_MS 5000

void
tb_method_device_claim(struct tb_request *request)
{
	const json_t *given = json_object_get(tb_request_params(request), "timeout_ms");
	/* who does not say how long asks all the same */
	uint64_t timeout_ms = given ? (uint64_t)json_integer_value(given) : CLAIM_TIMEOUT_MS;

	tb_devices_claim(tb_request_bridge(request)->devices, request, device_name(request),
		timeout_ms * 1000);
}

void
tb_method_device_release(struct tb_request *request)
{
	tb_devices_release(tb_request_bridge(request)->devices, request, device_name(request));
}
