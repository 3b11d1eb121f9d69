/* SPDX-License-Identifier: MIT */
/*
 * A scanner that speaks bytes on a serial line: the frames of codec/frame, each a code, equal ones
 * within the window once. It does not open again after a loss and does not know what a code is for.
 */

#include <stdio.h>
#include <string.h>

#include "hw/codec/frame.h"
#include "hw/drivers/drivers.h"
#include "hw/drivers/scanned.h"
#include "hw/transport/transport.h"

#define READ_SIZE 4096

static const struct tb_setting_spec settings[] = {
	{"speed", TB_SETTING_NUMBER, "9600", .min = 50, .max = 4000000, .prose = "baud"},
	{"mode", TB_SETTING_WORD, "8N1", .words = "8N1 8N2 8E1 8E2 8O1 8O2 7N1 7N2 7E1 7E2 7O1 7O2",
		.prose = "data bits, parity, stop bits"},
	{"flow", TB_SETTING_WORD, "none", .words = "none rts xon", .prose = "flow control"},
	{"terminator", TB_SETTING_WORD, "auto", .words = "auto cr lf crlf tab none",
		.prose = "what ends a code; auto: CR, LF, CRLF or silence"},
	{"idle", TB_SETTING_DURATION, "100ms", .min = 1000, .max = 60000000,
		.prose = "how long silence is"},
	{"prefix", TB_SETTING_ESCAPES, "", .prose = "what stands before a code, C escapes"},
	{"suffix", TB_SETTING_ESCAPES, "",
		.prose = "what stands between a code and its terminator, C escapes"},
	{"max_length", TB_SETTING_NUMBER, "8192", .min = 1, .max = TB_CODE_MAX,
		.prose = "bytes; a longer code is dropped"},
	{"debounce", TB_SETTING_DURATION, "500ms", .max = 3600000000,
		.prose = "an equal code within it is dropped; 0s: never"},
	{NULL},
};

struct tb_device {
	const struct tb_device_host *host;
	struct tb_stream *stream;
	struct tb_frame frame;
	struct tb_double_read double_read;
	struct tb_source *idle;
};

static void
on_frame(const uint8_t *code, size_t len, const char *reason, void *userdata)
{
	struct tb_device *device = userdata;

	if (reason)
		tb_scan_dropped(device->host, reason);
	else
		tb_scanned(device->host, &device->double_read, code, len, NULL);
}

/* Reads what has come. Returns whether there was anything; afterwards nothing is left to read. */
static bool
take_bytes(struct tb_device *device)
{
	uint8_t bytes[READ_SIZE];
	bool any = false;
	ssize_t n;

	do {
		n = tb_stream_read(device->stream, bytes, sizeof(bytes));
		if (n > 0) {
			any = true;
			tb_frame_feed(&device->frame, bytes, (size_t)n,
				tb_loop_now_us(device->host->loop));
		}
	} while (n == sizeof(bytes));
	explicit_bzero(bytes, sizeof(bytes));
	/* after an error `lost` follows: until then half a code stays half a code */
	return any;
}

/* When silence means something; until then nothing is half read. */
static void
wait_for_silence(struct tb_device *device)
{
	uint64_t deadline_us = tb_frame_deadline(&device->frame);

	if (deadline_us == UINT64_MAX)
		tb_wire_tap(device->host, TB_WIRE_REST, NULL, 0);
	tb_source_set_timer(device->idle, deadline_us);
}

static void
on_readable(void *userdata)
{
	struct tb_device *device = userdata;

	take_bytes(device);
	wait_for_silence(device);
}

/* Silence is only silence when nothing waits in the kernel: a busy moment of ours is none. */
static void
on_idle(void *userdata)
{
	struct tb_device *device = userdata;

	if (!take_bytes(device))
		tb_frame_silence(&device->frame);
	wait_for_silence(device);
}

static void
on_opened(void *userdata)
{
	struct tb_device *device = userdata;

	tb_tell_state(device->host, TB_DEVICE_READY, NULL);
}

static void
on_lost(int error, const char *why, void *userdata)
{
	struct tb_device *device = userdata;

	tb_frame_reset(&device->frame);
	tb_source_set_timer(device->idle, TB_NEVER);
	tb_tell_state(device->host, TB_DEVICE_LOST, why);
}

static int
read_mark(const struct tb_device_config *config, const char *key, uint8_t *out, size_t *ret_len,
	char **ret_why)
{
	const char *text = tb_device_setting(config, settings, key, 0);
	ssize_t n = tb_escapes_decode(text ? text : "", out, TB_FRAME_MARK_MAX);

	if (n < 0) {
		if (asprintf(ret_why, "%s = %s: at most %d bytes, with C escapes as \\x02 or \\r",
			    key, text, TB_FRAME_MARK_MAX) < 0)
			*ret_why = NULL;
		return -EINVAL;
	}
	*ret_len = (size_t)n;
	return 0;
}

static int
read_frame_config(
	const struct tb_device_config *config, struct tb_frame_config *ret, char **ret_why)
{
	int r;

	*ret = (struct tb_frame_config){
		/* the words of the key stand in the order of the enum */
		.terminator = (enum tb_terminator)tb_device_setting_number(
			config, settings, "terminator"),
		.idle_us = (uint64_t)tb_device_setting_number(config, settings, "idle"),
		.max_length = (size_t)tb_device_setting_number(config, settings, "max_length"),
	};
	r = read_mark(config, "prefix", ret->prefix, &ret->prefix_len, ret_why);
	if (r == 0)
		r = read_mark(config, "suffix", ret->suffix, &ret->suffix_len, ret_why);
	return r;
}

static void
scanner_serial_close(struct tb_device *device)
{
	tb_stream_closep(&device->stream);
	tb_source_remove(&device->idle);
	tb_frame_done(&device->frame);
	free(device);
}

static int
scanner_serial_open(const struct tb_device_config *config, const struct tb_device_host *host,
	struct tb_device **ret, char **ret_why)
{
	static const struct tb_stream_handler handler = {
		.opened = on_opened,
		.readable = on_readable,
		.lost = on_lost,
	};
	struct tb_stream_settings line = {
		.speed = (uint32_t)tb_device_setting_number(config, settings, "speed"),
		.mode = tb_device_setting(config, settings, "mode", 0),
		.flow = (enum tb_flow)tb_device_setting_number(config, settings, "flow"),
	};
	struct tb_frame_config frame_config;
	struct tb_device *device;
	int r;

	*ret_why = NULL;
	r = read_frame_config(config, &frame_config, ret_why);
	if (r < 0)
		return r;
	device = calloc(1, sizeof(*device));
	if (!device)
		return -ENOMEM;
	device->host = host;
	tb_double_read_init(&device->double_read,
		(uint64_t)tb_device_setting_number(config, settings, "debounce"));
	r = tb_frame_init(&device->frame, &frame_config, on_frame, device);
	if (r == 0)
		r = tb_loop_add_timer(host->loop, 1000, on_idle, device, &device->idle);
	if (r == 0)
		r = tb_stream_open(host->loop, config->address, &line, &handler, device,
			&device->stream, ret_why);
	if (r < 0) {
		scanner_serial_close(device);
		return r;
	}
	device->stream->host = host;
	*ret = device;
	return 0;
}

const struct tb_driver tb_driver_scanner_serial = {
	.name = "scanner-serial",
	.class = TB_CLASS_SCANNER,
	.settings = settings,
	.nodes = "tty",
	.open = scanner_serial_open,
	.close = scanner_serial_close,
};
