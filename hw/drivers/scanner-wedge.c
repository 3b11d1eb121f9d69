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
#include "hw/drivers/typed-on.h"
#include "hw/drivers/wedge-layout.h"
#include "hw/transport/uinput.h"

#define DEBOUNCE_US UINT64_C(500000)
#define SWIPE_MAX 256  /* characters; what is longer is no payment card's */
#define CARD_DIGITS 13 /* and more */
#define REPORT_MAX 32  /* events of one report, for who records it */

struct tb_device {
	const struct tb_device_host *host;
	struct tb_evdev *evdev;
	struct tb_keymap *keymap;
	struct tb_frame frame;
	struct tb_double_read double_read;
	struct tb_source *idle;
	uint64_t last_us; /* of the last key */
	/* Events were lost in this code: it is dropped up to its end. */
	bool broken;
	/* Since the last code: what was typed, as far as a code may be long. A number of a payment
	 * card is none of the till program's, also where the frame dropped it. */
	uint8_t *text;
	size_t text_len;
	bool text_ends; /* the text of this report ends a code, be it an empty one */

	bool pass_through, grab;
	uint64_t debounce_us;
	struct tb_uinput *uinput;
	struct tb_typed_on *typed; /* NULL: pass-through is off */
	enum tb_verdict verdict;   /* of the report under way */
	enum tb_verdict last;      /* of the last code */
	bool overlong;             /* the code under way is too long */
	enum tb_verdict streaming; /* and that is what becomes of it, once it is known */

	char *layout;
	struct tb_wedge_layout *search; /* NULL: nobody asks for the layout */

	bool recorded;
	uint8_t report[REPORT_MAX][8];
	size_t n_report;
};

/* What was typed is some scan, seen from without: whose business it is. */
static enum tb_whose
whose(const struct tb_device *device, const uint8_t *code, size_t len)
{
	enum tb_whose is = TB_WHOSE_OTHERS;
	struct tb_scan scan;

	if (!device->host->whose || tb_scan_init(&scan, code, len, NULL) < 0)
		return is;
	is = device->host->whose(device->host, &scan);
	tb_scan_done(&scan);
	return is;
}

static void
forget_text(struct tb_device *device)
{
	explicit_bzero(device->text, device->text_len);
	device->text_len = 0;
}

/* Whether a payment card's tracks or number stand in the text, whatever stands around them. */
static bool
holds_card(const struct tb_device *device)
{
	const uint8_t *p = device->text, *end = p + device->text_len;

	if (whose(device, p, device->text_len) == TB_WHOSE_NOBODYS)
		return true;
	while (p < end) {
		size_t n = 0;

		while (p + n < end && p[n] >= '0' && p[n] <= '9')
			n++;
		if (n >= CARD_DIGITS && whose(device, p, n) == TB_WHOSE_NOBODYS)
			return true;
		p += n + 1;
	}
	return false;
}

/* What becomes of text that is no code. A number of a payment card goes nowhere. */
static enum tb_verdict
verdict_of_text(const struct tb_device *device)
{
	if (!holds_card(device))
		return TB_VERDICT_PASS;
	tb_wire_tap(device->host, TB_WIRE_SPOILED, NULL, 0);
	return TB_VERDICT_DROP;
}

static void
drop(struct tb_device *device, const char *reason)
{
	tb_scan_dropped(device->host, reason);
	/* it may go on for long, and only the whole of it tells whether it is a payment card */
	device->overlong = !strcmp(reason, "code_too_long");
	if (device->overlong)
		return;
	device->verdict = verdict_of_text(device);
	forget_text(device);
}

static void
on_frame(const uint8_t *code, size_t len, const char *reason, void *userdata)
{
	struct tb_device *device = userdata;

	if (device->search) {
		device->verdict = TB_VERDICT_DROP;
		tb_wedge_layout_end(device->search);
	} else if (reason) {
		drop(device, reason);
		return;
	} else {
		/* a label that is read twice is one article for the till program as well */
		bool again = tb_double_read_knows(
			&device->double_read, code, len, tb_loop_now_us(device->host->loop));

		if (device->typed)
			device->verdict = again || whose(device, code, len) != TB_WHOSE_OTHERS
			                          ? TB_VERDICT_DROP
			                          : TB_VERDICT_PASS;
		tb_scanned(device->host, &device->double_read, code, len, NULL);
	}
	forget_text(device);
}

static void
on_key(struct tb_device *device, const struct input_event *event)
{
	char text[TB_KEYMAP_TEXT];
	size_t n = tb_keymap_feed(device->keymap, event->code, event->value, text), room;

	device->text_ends = device->text_ends || tb_frame_is_end(&device->frame, text, n);
	if (n > 0 && !device->broken) {
		room = TB_CODE_MAX - device->text_len;
		memcpy(device->text + device->text_len, text, TB_MIN(n, room));
		device->text_len += TB_MIN(n, room);
		tb_frame_feed(&device->frame, (const uint8_t *)text, n, device->last_us);
	}
	explicit_bzero(text, sizeof(text));
}

static void
add_note(struct tb_device *device, unsigned type, unsigned code, uint32_t value)
{
	uint8_t *out;

	if (device->n_report == REPORT_MAX)
		return;
	out = device->report[device->n_report++];
	for (int i = 0; i < 2; i++) {
		out[i] = (uint8_t)(type >> 8 * i);
		out[2 + i] = (uint8_t)(code >> 8 * i);
	}
	for (int i = 0; i < 4; i++)
		out[4 + i] = (uint8_t)(value >> 8 * i);
}

/* For who records it: type, code and value of each event, little-endian; the light that was on
 * before goes first. */
static void
note(struct tb_device *device, const struct input_event *event)
{
	if (device->host->tap && !device->recorded && tb_evdev_caps(device->evdev))
		add_note(device, EV_LED, LED_CAPSL, 1);
	device->recorded = device->host->tap != NULL;
	if (device->recorded)
		add_note(device, event->type, event->code, (uint32_t)event->value);
}

/* Keys that are no code and stand behind its end are its own: the LF of a CR LF, Enter alone. */
static enum tb_verdict
verdict_of_end(const struct tb_device *device, uint64_t silent_us)
{
	return silent_us < device->frame.config.idle_us ? device->last : TB_VERDICT_PASS;
}

/* Of a code that is too long: held as long as it may be a payment card, then as it comes. */
static enum tb_verdict
verdict_of_overlong(struct tb_device *device, bool ended)
{
	enum tb_verdict verdict = device->streaming;

	if (verdict == TB_VERDICT_HOLD && (ended || device->text_len >= SWIPE_MAX))
		verdict = verdict_of_text(device);
	device->streaming = ended ? TB_VERDICT_HOLD : verdict;
	device->overlong = !ended;
	if (ended)
		forget_text(device);
	return verdict;
}

static void
end_report(struct tb_device *device, uint64_t silent_us)
{
	bool pending = tb_frame_deadline(&device->frame) != UINT64_MAX;

	if (device->broken) {
		device->verdict = TB_VERDICT_DROP;
		device->broken = !device->text_ends;
	} else if (device->overlong) {
		device->verdict = verdict_of_overlong(device, !pending);
	} else if (device->verdict == TB_VERDICT_HOLD && device->text_ends && !pending) {
		device->verdict = verdict_of_end(device, silent_us);
	}
	if (device->typed)
		tb_typed_on_report(device->typed, device->verdict);
	if (device->verdict != TB_VERDICT_HOLD)
		device->last = device->verdict;
	device->verdict = TB_VERDICT_HOLD;
	device->text_ends = false;
}

static void
on_event(const struct input_event *event, void *userdata)
{
	struct tb_device *device = userdata;
	uint64_t now_us = tb_loop_now_us(device->host->loop), silent_us = now_us - device->last_us;

	note(device, event);
	if (device->typed && (event->type == EV_KEY || event->type == EV_MSC))
		tb_typed_on_add(device->typed, event);
	if (event->type == EV_LED && event->code == LED_CAPSL) {
		tb_keymap_set_caps(device->keymap, event->value != 0);
	} else if (event->type == EV_KEY) {
		device->last_us = now_us;
		if (device->search)
			tb_wedge_layout_key(device->search, event->code, event->value,
				tb_evdev_caps(device->evdev));
		on_key(device, event);
	} else if (event->type == EV_SYN && event->code == SYN_REPORT) {
		tb_wire_tap(device->host, TB_WIRE_IN, device->report, device->n_report * 8);
		explicit_bzero(device->report, device->n_report * 8);
		device->n_report = 0;
		end_report(device, silent_us);
	}
}

/* When silence will mean something. */
static void
set_idle(struct tb_device *device)
{
	uint64_t at_us = TB_NEVER;

	/* from the last key and not the last character: a number on the keypad takes a while */
	if (device->broken || tb_frame_deadline(&device->frame) != UINT64_MAX ||
		(device->typed && tb_typed_on_holds(device->typed)))
		at_us = device->last_us + device->frame.config.idle_us;
	if (at_us == TB_NEVER)
		tb_wire_tap(device->host, TB_WIRE_REST, NULL, 0);
	tb_source_set_timer(device->idle, at_us);
}

static void
on_pause(void *userdata)
{
	set_idle(userdata);
}

/* What is left behind the last code, or never became one. */
static enum tb_verdict
verdict_of_silence(struct tb_device *device)
{
	if (device->broken || device->search)
		return TB_VERDICT_DROP;
	if (device->overlong)
		return verdict_of_overlong(device, true);
	if (device->verdict != TB_VERDICT_HOLD)
		return device->verdict;
	return verdict_of_text(device);
}

/* Silence is only silence when nothing waits in the kernel: a busy moment of ours is none. */
static void
on_idle(void *userdata)
{
	struct tb_device *device = userdata;

	if (tb_evdev_read(device->evdev))
		return;
	tb_frame_silence(&device->frame);
	if (device->search)
		tb_wedge_layout_end(device->search);
	device->verdict = verdict_of_silence(device);
	if (device->typed)
		tb_typed_on_settle(device->typed, device->verdict);
	device->broken = false;
	device->verdict = TB_VERDICT_HOLD;
	device->last = TB_VERDICT_PASS;
	forget_text(device);
	set_idle(device);
}

static void
on_missed(const uint8_t keys[(KEY_MAX + 8) / 8], void *userdata)
{
	struct tb_device *device = userdata;

	note(device, &(struct input_event){.type = EV_SYN, .code = SYN_DROPPED});
	tb_keymap_resync(device->keymap, keys, (KEY_MAX + 8) / 8);
	tb_frame_reset(&device->frame);
	forget_text(device);
	if (device->search)
		tb_wedge_layout_reset(device->search);
	if (device->typed)
		tb_typed_on_resync(device->typed, keys, (KEY_MAX + 8) / 8);
	device->broken = true;
	device->overlong = false;
	device->last_us = tb_loop_now_us(device->host->loop);
	device->verdict = device->streaming = TB_VERDICT_HOLD;
	tb_scan_dropped(device->host, "keys_lost");
}

static ssize_t
type(const void *events, size_t n_bytes, void *userdata)
{
	struct tb_device *device = userdata;

	return tb_uinput_write(device->uinput, events, n_bytes);
}

/* The lights of the keyboard we type on are the scanner's: under Caps Lock it must turn its Shift.
 */
static void
on_light(unsigned light, bool on, void *userdata)
{
	struct tb_device *device = userdata;

	tb_evdev_set_light(device->evdev, light, on);
}

/* NULL when the keyboard is there, or the sentence that says why not. */
static char *
start_pass_through(struct tb_device *device)
{
	_cleanup_free_ char *why = NULL;
	char *reason = NULL;
	int r;

	if (!device->grab)
		return strdup("pass-through is off: with grab = no the till program has the keys "
			      "already");
	r = tb_uinput_open(
		device->host->loop, device->evdev, on_light, device, &device->uinput, &why);
	if (r == 0)
		r = tb_typed_on_new(device->host->loop, type, device, &device->typed);
	if (r == 0)
		return NULL;
	return asprintf(&reason, "pass-through is off: %s", why ? why : strerror(-r)) < 0 ? NULL
	                                                                                  : reason;
}

static void
on_ready(void *userdata)
{
	struct tb_device *device = userdata;
	_cleanup_free_ char *reason = NULL;

	tb_keymap_reset(device->keymap, tb_evdev_caps(device->evdev));
	if (device->pass_through)
		reason = start_pass_through(device);
	if (device->debounce_us == TB_NEVER)
		device->debounce_us = device->typed ? 0 : DEBOUNCE_US;
	tb_double_read_init(&device->double_read, device->debounce_us);
	tb_tell_state(device->host, TB_DEVICE_READY, reason);
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

	/* What is held back goes nowhere: half an article's number would stand before the next one
	 * in the till program, and it may be half of a customer's, or of a payment card's. */
	tb_frame_reset(&device->frame);
	tb_keymap_reset(device->keymap, false);
	forget_text(device);
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

	device->layout = strdup(layout);
	if (r != -ENOENT)
		return device->layout ? r : -ENOMEM;
	if (tb_keymap_new("us", page, &device->keymap) == 0)
		return fail(ret_why, -EINVAL, "layout", layout,
			"xkb has no such layout; us, fr, be, de, ch, ch(fr), gb, it, es are some");
	return fail(ret_why, -EINVAL, "keypad_codepage", page,
		"no such code page; 1252, 850, 437, 858 are some");
}

static void
scanner_wedge_close(struct tb_device *device)
{
	tb_wedge_layout_free(device->search);
	free(device->layout);
	tb_typed_on_free(device->typed);
	tb_uinput_close(device->uinput);
	tb_evdev_close(device->evdev);
	tb_source_remove(&device->idle);
	if (device->frame.data)
		tb_frame_done(&device->frame);
	tb_keymap_free(device->keymap);
	if (device->text)
		forget_text(device);
	free(device->text);
	explicit_bzero(device->report, sizeof(device->report));
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
			device->grab, &handler, device, &device->evdev, ret_why);
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
	device->pass_through = number(config, "pass_through") != 0;
	device->grab = number(config, "grab") != 0;
	device->debounce_us = debounce ? (uint64_t)number(config, "debounce") : TB_NEVER;
	device->text = malloc(TB_CODE_MAX);
	if (!device->text) {
		free(device);
		return -ENOMEM;
	}
	r = start(device, config, ret_why);
	if (r < 0) {
		scanner_wedge_close(device);
		return r;
	}
	*ret = device;
	return 0;
}

static void
on_layout(const char *layouts, bool caps, void *userdata)
{
	struct tb_device *device = userdata;
	struct tb_event event = {
		.kind = TB_EVENT_LAYOUT, .layout.names = layouts, .layout.caps = caps};

	device->host->emit(device->host, &event);
}

static int
scanner_wedge_calibrate(struct tb_device *device, bool on)
{
	tb_frame_reset(&device->frame);
	forget_text(device);
	if (on && !device->search)
		return tb_wedge_layout_new(
			device->host->loop, device->layout, on_layout, device, &device->search);
	if (!on) {
		tb_wedge_layout_free(device->search);
		device->search = NULL;
	}
	return 0;
}

TB_EXPORT const struct tb_driver tb_driver_module = {
	.name = "scanner-wedge",
	.class = TB_CLASS_SCANNER,
	.open = scanner_wedge_open,
	.close = scanner_wedge_close,
	.calibrate = scanner_wedge_calibrate,
};
