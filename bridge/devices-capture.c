/* SPDX-License-Identifier: MIT */
/*
 * What a device's wire carries, told to the one connection that asked for it. What came from a
 * scanner or reader is held back until nothing of it is half read, and is not told when it was a
 * payment card: then the connection hears `refused` in its place. It writes no file and decodes
 * nothing.
 */

#include "bridge/devices-parts.h"

#include <string.h>
#include "base/jsonw.h"
#include "bridge/counter.h"

#define HELD_MAX ((size_t)256 * 1024) /* bytes of one code, as its wire carries them */
#define PIECES_MAX ((size_t)64 * 1024)
#define LINE_BYTES ((size_t)4096) /* of a notification, before they are hex */

struct piece {
	uint64_t t_us;
	size_t len;
	bool out;
};

struct device_capture {
	struct device *device;
	uint64_t client;
	uint64_t begin_us;
	/* One of a fixed size, so that no copy of what must go stays behind; a NUL behind it. */
	uint8_t *held;
	size_t n_held;
	struct piece *pieces;
	size_t n_pieces, size_pieces;
	size_t lost;                /* bytes that no place was left for */
	uint64_t codes, told_codes; /* codes and cards read since the begin */
	bool spoiled;               /* what is held must not be told */
};

static void
say_line(struct device_capture *capture, const char *method, struct tb_buf *buf)
{
	if (tb_buf_error(buf) == 0)
		tb_rpc_notify(capture->device->devices->bridge->rpc, capture->client, method,
			buf->data, buf->len);
}

static void
begin_line(struct device_capture *capture, struct tb_jsonw *w, uint64_t t_us, bool out)
{
	tb_jsonw_string(w, "device", capture->device->name);
	tb_jsonw_int(w, "t_us", (int64_t)(t_us - capture->begin_us));
	tb_jsonw_string(w, "dir", out ? "out" : "in");
}

static void
write_hex(struct tb_jsonw *w, const char *name, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	char text[LINE_BYTES * 2];

	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	tb_jsonw_string_n(w, name, text, 2 * len);
}

static void
tell_bytes(
	struct device_capture *capture, uint64_t t_us, bool out, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
		struct tb_jsonw w = TB_JSONW(&buf);
		size_t n = TB_MIN(len, LINE_BYTES);

		begin_line(capture, &w, t_us, out);
		write_hex(&w, "hex", bytes, n);
		say_line(capture, "capture", &buf);
		bytes += n;
		len -= n;
	}
}

/* In the place of bytes that are not told. */
static void
tell_gap(struct device_capture *capture, uint64_t t_us, size_t lost)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&buf);

	begin_line(capture, &w, t_us, false);
	tb_jsonw_string(&w, "hex", "");
	if (lost > 0)
		tb_jsonw_int(&w, "omitted", (int64_t)lost);
	else
		tb_jsonw_bool(&w, "refused", true);
	say_line(capture, "capture", &buf);
}

static void
forget_held(struct device_capture *capture)
{
	explicit_bzero(capture->held, capture->n_held);
	capture->n_held = capture->n_pieces = capture->lost = 0;
	capture->spoiled = false;
}

/* How many codes there were, behind their bytes. */
static void
tell_codes(struct device_capture *capture)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&buf);

	if (capture->told_codes == capture->codes)
		return;
	capture->told_codes = capture->codes;
	tb_jsonw_string(&w, "device", capture->device->name);
	tb_jsonw_int(&w, "codes", (int64_t)capture->codes);
	say_line(capture, "capture_codes", &buf);
}

static void
tell_held(struct device_capture *capture)
{
	struct tb_bridge *bridge = capture->device->devices->bridge;
	const uint8_t *bytes = capture->held;
	uint64_t now_us = tb_loop_now_us(bridge->loop);

	if (capture->n_pieces == 0 && capture->lost == 0 && !capture->spoiled)
		return;
	capture->held[capture->n_held] = '\0';
	if (capture->spoiled ||
		tb_counter_holds_payment_card(bridge->counter, capture->held, capture->n_held))
		tell_gap(capture, now_us, 0);
	else if (capture->lost > 0)
		tell_gap(capture, now_us, capture->lost + capture->n_held);
	else
		for (size_t i = 0; i < capture->n_pieces; i++) {
			const struct piece *piece = &capture->pieces[i];

			tell_bytes(capture, piece->t_us, piece->out, bytes, piece->len);
			bytes += piece->len;
		}
	forget_held(capture);
}

/* Nothing is half read: what is held is told, or that it is not. */
static void
release_held(struct device_capture *capture)
{
	tell_held(capture);
	tell_codes(capture);
}

static bool
make_room(struct device_capture *capture)
{
	size_t size = capture->size_pieces ? 2 * capture->size_pieces : 64;
	struct piece *more;

	if (capture->n_pieces < capture->size_pieces)
		return true;
	if (size > PIECES_MAX)
		return false;
	more = reallocarray(capture->pieces, size, sizeof(*more));
	if (!more)
		return false;
	capture->pieces = more;
	capture->size_pieces = size;
	return true;
}

static void
hold(struct device_capture *capture, uint64_t t_us, bool out, const void *bytes, size_t len)
{
	if (capture->lost > 0 || len > HELD_MAX - capture->n_held || !make_room(capture)) {
		capture->lost += len;
		return;
	}
	memcpy(capture->held + capture->n_held, bytes, len);
	capture->n_held += len;
	capture->pieces[capture->n_pieces++] = (struct piece){t_us, len, out};
}

static void
on_tap(const struct tb_device_host *host, enum tb_wire wire, const void *bytes, size_t len)
{
	struct device *device = host->userdata;
	struct device_capture *capture = device->capture;
	uint64_t now_us = tb_loop_now_us(host->loop);

	switch (wire) {
	case TB_WIRE_IN:
	case TB_WIRE_OUT:
		/* nobody swipes a card through a printer, and its jobs would not fit */
		if (device->driver->class == TB_CLASS_SCANNER ||
			device->driver->class == TB_CLASS_CARD)
			hold(capture, now_us, wire == TB_WIRE_OUT, bytes, len);
		else
			tell_bytes(capture, now_us, wire == TB_WIRE_OUT, bytes, len);
		break;
	case TB_WIRE_REST:
		release_held(capture);
		break;
	case TB_WIRE_SPOILED:
		capture->spoiled = true;
		break;
	case TB_WIRE_REPEATED:
		/* it may be the card that was refused a moment ago */
		capture->spoiled |= device->card_refused;
		break;
	}
}

void
tb_device_capture_code(struct device *device)
{
	if (device->capture)
		device->capture->codes++;
}

void
tb_device_capture_refuse(struct device *device)
{
	device->card_refused = true;
	if (device->capture)
		device->capture->spoiled = true;
}

void
tb_device_capture_cut(struct device *device)
{
	struct device_capture *capture = device->capture;

	if (!capture || (capture->n_held == 0 && capture->lost == 0))
		return;
	/* half a code: nobody can say what it would have been */
	tell_gap(capture, tb_loop_now_us(device->devices->bridge->loop),
		capture->spoiled ? 0 : capture->n_held + capture->lost);
	forget_held(capture);
}

void
tb_device_capture_end(struct device *device, bool tell)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&buf);
	struct device_capture *capture = device->capture;

	if (!capture)
		return;
	if (tell) {
		tb_device_capture_cut(device);
		tb_jsonw_string(&w, "device", device->name);
		say_line(capture, "capture_end", &buf);
	}
	device->host.tap = NULL;
	device->capture = NULL;
	if (capture->held)
		explicit_bzero(capture->held, HELD_MAX);
	free(capture->held);
	free(capture->pieces);
	free(capture);
}

static int
capture_begin(struct device *device, uint64_t client)
{
	struct device_capture *capture = calloc(1, sizeof(*capture));

	if (!capture)
		return -ENOMEM;
	capture->held = malloc(HELD_MAX + 1);
	if (!capture->held) {
		free(capture);
		return -ENOMEM;
	}
	capture->device = device;
	capture->client = client;
	capture->begin_us = tb_loop_now_us(device->devices->bridge->loop);
	device->capture = capture;
	device->host.tap = on_tap;
	return 0;
}

/* The first of a key is the one that counts. */
static bool
stands_before(const struct tb_device_config *config, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (!strcmp(config->settings[k].key, config->settings[i].key))
			return true;
	return false;
}

/* The head of a recording, but for who made it and when. */
static void
write_head(const struct device *device, struct tb_jsonw *w)
{
	const struct tb_found *found = device->found;
	const uint8_t *descriptor = NULL;
	size_t len = 0;

	tb_jsonw_object(w, NULL);
	tb_jsonw_string(w, "device", device->name);
	tb_jsonw_string(w, "driver", device->driver->name);
	if (found)
		tb_jsonw_string(w, "model", found->model ? found->model->name : found->product);
	tb_jsonw_object(w, "settings");
	for (size_t i = 0; i < device->config.n_settings; i++)
		if (!stands_before(&device->config, i))
			tb_jsonw_string(w, device->config.settings[i].key,
				device->config.settings[i].value);
	tb_jsonw_end_object(w);
	if (device->open && device->driver->descriptor)
		len = device->driver->descriptor(device->open, &descriptor);
	if (len > 0 && len <= LINE_BYTES)
		write_hex(w, "descriptor", descriptor, len);
	tb_jsonw_end_object(w);
}

static void
answer_head(struct tb_request *request, const struct device *device)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&buf);

	write_head(device, &w);
	if (tb_buf_error(&buf) == 0)
		tb_request_answer(request, buf.data, buf.len);
	else
		tb_request_fail(request, TB_ERROR_INTERNAL, NULL);
}

void
tb_devices_capture(struct tb_devices *devices, struct tb_request *request, const char *name)
{
	struct device *device = tb_device_get(devices, name);
	uint64_t client = tb_request_client(request);

	if (!device)
		tb_request_fail(request, TB_ERROR_DEVICE_UNKNOWN, NULL);
	else if (client == 0)
		tb_request_fail(request, TB_ERROR_NOT_PERMITTED, NULL);
	else if (device->capture && device->capture->client != client)
		tb_request_fail(request, TB_ERROR_DEVICE_CLAIMED, NULL);
	else if (!device->capture && capture_begin(device, client) < 0)
		tb_request_fail(request, TB_ERROR_INTERNAL, NULL);
	else
		answer_head(request, device);
}

void
tb_devices_capture_stop(struct tb_devices *devices, struct tb_request *request, const char *name)
{
	struct device *device = tb_device_get(devices, name);

	if (!device) {
		tb_request_fail(request, TB_ERROR_DEVICE_UNKNOWN, NULL);
		return;
	}
	if (device->capture && device->capture->client == tb_request_client(request)) {
		tb_device_capture_end(device, true);
		tb_device_forget(device);
	}
	tb_request_answer(request, "{}", 2);
}

void
tb_devices_capture_client_gone(struct tb_devices *devices, uint64_t client)
{
	struct device *device, *next;

	tb_list_for_each_safe(device, next, &devices->list, node) {
		if (!device->capture || device->capture->client != client)
			continue;
		tb_device_capture_end(device, false);
		tb_device_forget(device);
	}
}
