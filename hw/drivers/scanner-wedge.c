/* SPDX-License-Identifier: MIT */
/*
 * A scanner that is a keyboard: its keys under the layout it is set to, cut into codes as a serial
 * scanner's bytes are. Only what a section or a data file names is opened; whose an ordinary
 * keyboard is, is not asked here. A module of its own: see scanner-wedge-keys.c.
 */

#include "hw/drivers/scanner-wedge.h"

#include <stdio.h>
#include <string.h>

#include "hw/codec/frame.h"
#include "hw/codec/keymap.h"
#include "hw/drivers/scanned.h"
#include "hw/transport/evdev.h"

#define DEBOUNCE_US UINT64_C(500000)

struct tb_device {
	const struct tb_device_host *host;
	struct tb_evdev *evdev;
	struct tb_keymap *keymap;
	struct tb_frame frame;
	struct tb_double_read double_read;
	struct tb_source *idle;
	/* Events were lost in this code: it is dropped up to its end. */
	bool broken;
	uint64_t broken_us;
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

/* Whether the text ends a code, whatever was before it. */
static bool
is_end(const struct tb_device *device, const char *text, size_t len)
{
	static const char *const ends[] = {
		[TB_TERMINATOR_AUTO] = "\r\n",
		[TB_TERMINATOR_CR] = "\r",
		[TB_TERMINATOR_LF] = "\n",
		[TB_TERMINATOR_CRLF] = "\n",
		[TB_TERMINATOR_TAB] = "\t",
		[TB_TERMINATOR_NONE] = "",
	};

	return len == 1 && text[0] && strchr(ends[device->frame.config.terminator], text[0]);
}

static void
on_event(const struct input_event *event, void *userdata)
{
	struct tb_device *device = userdata;
	uint64_t now_us = tb_loop_now_us(device->host->loop);
	char text[TB_KEYMAP_TEXT];
	size_t n = 0;

	if (event->type == EV_LED && event->code == LED_CAPSL)
		tb_keymap_set_caps(device->keymap, event->value != 0);
	else if (event->type == EV_KEY)
		n = tb_keymap_feed(device->keymap, event->code, event->value, text);
	if (device->broken && event->type == EV_KEY) {
		device->broken_us = now_us;
		device->broken = !is_end(device, text, n);
	} else if (n > 0) {
		tb_frame_feed(&device->frame, (const uint8_t *)text, n, now_us);
	}
	explicit_bzero(text, sizeof(text));
}

/* When silence will mean something. */
static void
set_idle(struct tb_device *device)
{
	uint64_t at_us = tb_frame_deadline(&device->frame);

	if (device->broken)
		at_us = device->broken_us + device->frame.config.idle_us;
	tb_source_set_timer(device->idle, at_us);
}

static void
on_pause(void *userdata)
{
	set_idle(userdata);
}

/* Silence is only silence when nothing waits in the kernel: a busy moment of ours is none. */
static void
on_idle(void *userdata)
{
	struct tb_device *device = userdata;

	if (tb_evdev_read(device->evdev))
		return;
	device->broken = false;
	tb_frame_silence(&device->frame);
	set_idle(device);
}

static void
on_missed(const uint8_t keys[(KEY_MAX + 8) / 8], void *userdata)
{
	struct tb_device *device = userdata;

	tb_keymap_resync(device->keymap, keys, (KEY_MAX + 8) / 8);
	tb_frame_reset(&device->frame);
	device->broken = true;
	device->broken_us = tb_loop_now_us(device->host->loop);
	tb_scan_dropped(device->host, "keys_lost");
}

static void
on_ready(void *userdata)
{
	struct tb_device *device = userdata;

	tb_keymap_reset(device->keymap, tb_evdev_caps(device->evdev));
	tb_tell_state(device->host, TB_DEVICE_READY, NULL);
}

static void
on_waiting(void *userdata)
{
	struct tb_device *device = userdata;

	tb_tell_state(device->host, TB_DEVICE_OPENING,
		"one of its keys is held down: it is taken when all are up");
}

static void
on_lost(int error, const char *why, void *userdata)
{
	struct tb_device *device = userdata;

	tb_frame_reset(&device->frame);
	tb_keymap_reset(device->keymap, false);
	tb_source_set_timer(device->idle, TB_NEVER);
	tb_tell_state(device->host, error == -EBUSY ? TB_DEVICE_BUSY : TB_DEVICE_LOST, why);
}

static int
fail(char **ret_why, int error, const char *key, const char *value, const char *cure)
{
	if (asprintf(ret_why, "%s = %s: %s", key, value, cure) < 0)
		*ret_why = NULL;
	return error;
}

static int
read_mark(const struct tb_device_config *config, const char *key, uint8_t *out, size_t *ret_len,
	char **ret_why)
{
	const char *text = tb_device_setting(config, tb_scanner_wedge_settings, key, 0);
	ssize_t n = tb_escapes_decode(text, out, TB_FRAME_MARK_MAX);

	if (n < 0)
		return fail(
			ret_why, -EINVAL, key, text, "at most 32 bytes, with C escapes as \\x02");
	*ret_len = (size_t)n;
	return 0;
}

static int64_t
number(const struct tb_device_config *config, const char *key)
{
	return tb_device_setting_number(config, tb_scanner_wedge_settings, key);
}

static int
start_frame(struct tb_device *device, const struct tb_device_config *config, char **ret_why)
{
	struct tb_frame_config frame = {
		/* the words of the key stand in the order of the enum */
		.terminator = (enum tb_terminator)number(config, "terminator"),
		.idle_us = (uint64_t)number(config, "idle"),
		.max_length = (size_t)number(config, "max_length"),
	};
	int r;

	r = read_mark(config, "prefix", frame.prefix, &frame.prefix_len, ret_why);
	if (r == 0)
		r = read_mark(config, "suffix", frame.suffix, &frame.suffix_len, ret_why);
	return r < 0 ? r : tb_frame_init(&device->frame, &frame, on_frame, device);
}

static int
start_keymap(struct tb_device *device, const struct tb_device_config *config, char **ret_why)
{
	const char *layout = tb_device_setting(config, tb_scanner_wedge_settings, "layout", 0);
	const char *page = tb_device_setting(
		config, tb_scanner_wedge_settings, "keypad_codepage", 0);
	int r = tb_keymap_new(layout, page, &device->keymap);

	if (r != -ENOENT)
		return r;
	if (tb_keymap_new("us", page, &device->keymap) == 0)
		return fail(ret_why, -EINVAL, "layout", layout,
			"xkb has no such layout; us, fr, be, de, ch, ch(fr), gb, it, es are some");
	return fail(ret_why, -EINVAL, "keypad_codepage", page,
		"no such code page; 1252, 850, 437, 858 are some");
}

static void
scanner_wedge_close(struct tb_device *device)
{
	tb_evdev_close(device->evdev);
	tb_source_remove(&device->idle);
	if (device->frame.data)
		tb_frame_done(&device->frame);
	tb_keymap_free(device->keymap);
	free(device);
}

static int
start(struct tb_device *device, const struct tb_device_config *config, char **ret_why)
{
	static const struct tb_evdev_handler handler = {
		.ready = on_ready,
		.waiting = on_waiting,
		.event = on_event,
		.pause = on_pause,
		.missed = on_missed,
		.lost = on_lost,
	};
	const char *colon = strchr(config->address, ':');
	int r;

	r = start_frame(device, config, ret_why);
	if (r == 0)
		r = start_keymap(device, config, ret_why);
	if (r == 0)
		r = tb_loop_add_timer(device->host->loop, 1000, on_idle, device, &device->idle);
	if (r == 0)
		r = tb_evdev_open(device->host->loop, colon ? colon + 1 : config->address,
			number(config, "grab") != 0, &handler, device, &device->evdev, ret_why);
	return r;
}

static int
scanner_wedge_open(const struct tb_device_config *config, const struct tb_device_host *host,
	struct tb_device **ret, char **ret_why)
{
	const char *debounce = tb_device_setting(config, tb_scanner_wedge_settings, "debounce", 0);
	struct tb_device *device = calloc(1, sizeof(*device));
	int r;

	*ret_why = NULL;
	if (!device)
		return -ENOMEM;
	device->host = host;
	tb_double_read_init(&device->double_read,
		debounce ? (uint64_t)number(config, "debounce") : DEBOUNCE_US);
	r = start(device, config, ret_why);
	if (r < 0) {
		scanner_wedge_close(device);
		return r;
	}
	*ret = device;
	return 0;
}

TB_EXPORT const struct tb_driver tb_driver_module = {
	.name = "scanner-wedge",
	.class = TB_CLASS_SCANNER,
	.open = scanner_wedge_open,
	.close = scanner_wedge_close,
};
