/* SPDX-License-Identifier: MIT */
/*
 * The driver of keyboard wedges on virtual time, between a scanner and a till program that are both
 * of this file: what becomes a scan, what is typed on, in which order, and what is swallowed. The
 * kernel's side of it is an end-to-end test's.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "hw/drivers/scanner-wedge.h"
#include "hw/sim/typing.h"
#include "hw/transport/uinput.h"
#include "tests/virtual-loop.h"

#define MS UINT64_C(1000)

extern const struct tb_driver tb_driver_module;

struct bench {
	struct tb_loop *loop;
	struct tb_device_host host;
	struct tb_device *device;
	struct tb_typing *typing;
	struct tb_buf told;  /* codes, !reasons and *states, each ended by | */
	struct tb_buf typed; /* +30 -30, as the till program sees it */
	struct tb_evdev_handler handler;
	void *userdata;
	tb_uinput_light_fn light;
	void *light_userdata;
	unsigned in_report; /* events since the last SYN_REPORT the till program saw */
	unsigned room;      /* events the wire takes before it is full */
	char reason[256];   /* of the last state */
	bool no_uinput, caps, lit;
};

static struct bench *on; /* the wire is a global thing, as the kernel is */

/* A wire of this file in the place of the kernel's. */
int
tb_evdev_open(struct tb_loop *loop, const char *path, bool grab,
	const struct tb_evdev_handler *handler, void *userdata, struct tb_evdev **ret,
	char **ret_why)
{
	on->handler = *handler;
	on->userdata = userdata;
	*ret = (struct tb_evdev *)on;
	return 0;
}

void
tb_evdev_close(struct tb_evdev *evdev)
{
}

bool
tb_evdev_read(struct tb_evdev *evdev)
{
	return false;
}

bool
tb_evdev_caps(const struct tb_evdev *evdev)
{
	return on->caps;
}

bool
tb_evdev_has_key(const struct tb_evdev *evdev, unsigned code)
{
	return true;
}

void
tb_evdev_set_light(struct tb_evdev *evdev, unsigned light, bool is_on)
{
	on->lit = is_on;
}

int
tb_uinput_open(struct tb_loop *loop, const struct tb_evdev *like, tb_uinput_light_fn fn,
	void *userdata, struct tb_uinput **ret, char **ret_why)
{
	if (on->no_uinput) {
		*ret_why = strdup("there is none");
		return -ENOENT;
	}
	on->light = fn;
	on->light_userdata = userdata;
	*ret = (struct tb_uinput *)on;
	return 0;
}

void
tb_uinput_close(struct tb_uinput *uinput)
{
}

ssize_t
tb_uinput_write(struct tb_uinput *uinput, const void *events, size_t n_bytes)
{
	const struct input_event *event = events;

	assert_int_equal(n_bytes, sizeof(*event));
	if (on->room == 0)
		return -EAGAIN;
	on->room--;
	if (event->type == EV_KEY)
		tb_buf_addf(&on->typed, "%s%u ", event->value ? "+" : "-", event->code);
	on->in_report = event->type == EV_SYN ? 0 : on->in_report + 1;
	return (ssize_t)n_bytes;
}

static void
on_event(const struct tb_device_host *host, const struct tb_event *event)
{
	switch (event->kind) {
	case TB_EVENT_SCAN:
		tb_buf_add_str(&on->told, event->scan->code);
		break;
	case TB_EVENT_DROPPED:
		tb_buf_addf(&on->told, "!%s", event->reason);
		break;
	case TB_EVENT_LAYOUT:
		tb_buf_addf(
			&on->told, "=%s%s", event->layout.names, event->layout.caps ? " caps" : "");
		break;
	default:
		tb_buf_addf(&on->told, "*%s", tb_device_state_word(event->state));
		snprintf(on->reason, sizeof(on->reason), "%s", event->reason ? event->reason : "");
		break;
	}
	tb_buf_add_byte(&on->told, '|');
}

/* 9… is ours, 4… with 16 digits is a payment card. */
static enum tb_whose
whose(const struct tb_device_host *host, const struct tb_scan *scan)
{
	if (scan->code[0] == '4' && strlen(scan->code) == 16)
		return TB_WHOSE_NOBODYS;
	return scan->code[0] == '9' ? TB_WHOSE_OURS : TB_WHOSE_OTHERS;
}

static int
set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	bench->loop = tb_virtual_loop_new();
	bench->host = (struct tb_device_host){
		.loop = bench->loop, .emit = on_event, .whose = whose, .userdata = bench};
	bench->typing = tb_typing_new("us");
	bench->room = UINT32_MAX;
	assert_non_null(bench->typing);
	*state = on = bench;
	return 0;
}

static int
tear_down(void **state)
{
	struct bench *bench = *state;

	if (bench->device)
		tb_driver_module.close(bench->device);
	assert_int_equal(tb_virtual_loop_sources(bench->loop), 0);
	tb_virtual_loop_free(bench->loop);
	tb_typing_free(bench->typing);
	tb_buf_done(&bench->told);
	tb_buf_done(&bench->typed);
	free(bench);
	return 0;
}

static void
open_with(struct bench *bench, const struct tb_setting *settings, size_t n)
{
	struct tb_device_config config = {.name = "counter",
		.address = "evdev:/dev/input/event0",
		.settings = settings,
		.n_settings = n};
	char *why = NULL;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(tb_setting_check(tb_scanner_wedge_settings, settings[i].key,
					 settings[i].value),
			0);
	if (tb_driver_module.open(&config, &bench->host, &bench->device, &why) < 0)
		fail_msg("%s", why);
	bench->handler.ready(bench->userdata);
}

#define OPEN(bench, ...) \
	do { \
		const struct tb_setting chosen[] = {__VA_ARGS__}; \
		open_with(bench, chosen, ARRAY_SIZE(chosen)); \
		assert_told(bench, "*ready|"); \
	} while (0)
#define assert_said(buf, text) \
	do { \
		assert_string_equal((buf)->len > 0 ? (buf)->data : "", text); \
		tb_buf_reset(buf); \
	} while (0)
#define assert_told(bench, text) assert_said(&(bench)->told, text)
#define assert_typed(bench, text) assert_said(&(bench)->typed, text)

static void
event(struct bench *bench, uint16_t type, uint16_t code, int32_t value)
{
	struct input_event one = {.type = type, .code = code, .value = value};

	bench->handler.event(&one, bench->userdata);
}

/* A report of one key, with its scan code as a keyboard tells it. */
static void
key(uint16_t code, int32_t value, void *userdata)
{
	struct bench *bench = userdata;

	event(bench, EV_MSC, MSC_SCAN, 0x70000 + code);
	event(bench, EV_KEY, code, value);
	event(bench, EV_SYN, SYN_REPORT, 0);
	bench->handler.pause(bench->userdata);
}

static void
scan(struct bench *bench, const char *text)
{
	const char *end = text + strlen(text);

	while (text < end)
		assert_true(
			tb_typing_type(bench->typing, tb_typing_next(&text, end), key, bench) > 0);
}

static void
wait(struct bench *bench, uint64_t us)
{
	tb_virtual_loop_advance(bench->loop, us);
}

static void
codes_by_terminator_and_by_silence(void **state)
{
	struct bench *bench = *state;

	OPEN(bench, {"debounce", "0s"});
	scan(bench, "A-1\rB2");
	assert_told(bench, "A-1|");
	wait(bench, 99 * MS);
	assert_told(bench, "");
	scan(bench, "3");
	wait(bench, 101 * MS);
	assert_told(bench, "B23|");
	scan(bench, "\r\r");
	wait(bench, 1000 * MS);
	assert_told(bench, "");
}

static void
an_equal_code_is_a_second_reading(void **state)
{
	struct bench *bench = *state;

	OPEN(bench, {"layout", "us"});
	scan(bench, "11\r11\r22\r");
	assert_told(bench, "11|22|");
	wait(bench, 501 * MS);
	scan(bench, "11\r");
	assert_told(bench, "11|");
}

static void
others_are_typed_on_as_they_came(void **state)
{
	struct bench *bench = *state;

	OPEN(bench, {"pass_through", "yes"});
	scan(bench, "1A");
	assert_typed(bench, "");
	scan(bench, "\r");
	assert_told(bench, "1A|");
	wait(bench, 20 * MS);
	assert_typed(bench, "+2 -2 +42 +30 -30 -42 +28 -28 ");
	scan(bench, "1A\r");
	assert_told(bench, "1A|"); /* no window against double readings */
	wait(bench, 20 * MS);
	assert_typed(bench, "+2 -2 +42 +30 -30 -42 +28 -28 ");
	assert_int_equal(bench->in_report, 0);
}

static void
ours_and_payment_cards_are_swallowed(void **state)
{
	struct bench *bench = *state;

	OPEN(bench, {"pass_through", "yes"});
	scan(bench, "9A\r");
	scan(bench, "4111111111111111\r");
	scan(bench, "9\r\n2\r"); /* the LF is the end of ours */
	wait(bench, 300 * MS);
	assert_told(bench, "9A|4111111111111111|9|2|");
	assert_typed(bench, "+3 -3 +28 -28 ");
	scan(bench, "\r"); /* Enter alone is nobody's */
	wait(bench, 20 * MS);
	assert_typed(bench, "+28 -28 ");
	scan(bench, "9");
	wait(bench, 101 * MS);
	assert_told(bench, "9|");
	assert_typed(bench, "");
}

static void
a_number_without_an_end_goes_nowhere(void **state)
{
	struct bench *bench = *state;

	OPEN(bench, {"pass_through", "yes"}, {"terminator", "cr"}, {"max_length", "10"});
	scan(bench, "4111111111111111");
	wait(bench, 200 * MS);
	scan(bench, "4111111111111111\r");
	wait(bench, 200 * MS);
	scan(bench, "123");
	wait(bench, 200 * MS);
	assert_typed(bench, "+2 -2 +3 -3 +4 -4 ");
	scan(bench, "12345678901\r");
	wait(bench, 200 * MS);
	assert_typed(bench, "+2 -2 +3 -3 +4 -4 +5 -5 +6 -6 +7 -7 +8 -8 +9 -9 +10 -10 +11 -11 "
			    "+2 -2 +28 -28 ");
}

static void
no_key_stays_down(void **state)
{
	struct bench *bench = *state;

	OPEN(bench, {"pass_through", "yes"});
	/* the Enter of what is typed on comes up within what is not */
	key(KEY_1, 1, bench);
	key(KEY_1, 0, bench);
	key(KEY_ENTER, 1, bench);
	key(KEY_9, 1, bench);
	key(KEY_ENTER, 0, bench);
	key(KEY_9, 0, bench);
	key(KEY_ENTER, 1, bench);
	/* and the other way round */
	key(KEY_2, 1, bench);
	key(KEY_ENTER, 0, bench);
	key(KEY_2, 0, bench);
	key(KEY_ENTER, 1, bench);
	key(KEY_ENTER, 0, bench);
	wait(bench, 300 * MS);
	assert_told(bench, "1|9|2|");
	assert_typed(bench, "+2 -2 +28 -28 +3 -3 +28 -28 ");
}

static void
keys_without_text_wait_for_their_code(void **state)
{
	struct bench *bench = *state;

	OPEN(bench, {"pass_through", "yes"});
	key(KEY_F1, 1, bench);
	key(KEY_F1, 0, bench);
	scan(bench, "9\r");
	wait(bench, 300 * MS);
	assert_typed(bench, "");
	key(KEY_F1, 1, bench);
	key(KEY_F1, 0, bench);
	wait(bench, 101 * MS);
	assert_typed(bench, "+59 -59 ");
	/* Shift is held from a swallowed code into one that is not */
	key(KEY_LEFTSHIFT, 1, bench);
	wait(bench, 101 * MS);
	key(KEY_LEFTSHIFT, 0, bench);
	assert_typed(bench, "+42 -42 ");
	scan(bench, "9");
	key(KEY_LEFTSHIFT, 1, bench);
	key(KEY_ENTER, 1, bench);
	key(KEY_ENTER, 0, bench);
	key(KEY_A, 1, bench);
	key(KEY_A, 0, bench);
	key(KEY_LEFTSHIFT, 0, bench);
	key(KEY_ENTER, 1, bench);
	key(KEY_ENTER, 0, bench);
	wait(bench, 300 * MS);
	assert_typed(bench, "+42 +30 -30 -42 +28 -28 ");
}

static void
nobodys_queue_runs_over(void **state)
{
	struct bench *bench = *state;
	char code[101] = "";

	OPEN(bench, {"pass_through", "yes"});
	for (int i = 0; i < 100; i++)
		code[i] = '1';
	bench->room = 8 * 3 + 1;
	scan(bench, code);
	scan(bench, "\r");
	/* 202 reports of three events: the first eight at once, and one each millisecond */
	assert_int_equal(bench->room, 1);
	bench->room = 10000;
	wait(bench, 5 * MS);
	assert_in_range(bench->room, 10000 - 6 * 3, 10000 - 4 * 3);
	bench->room = 0;
	wait(bench, 50 * MS);
	bench->room = 10000;
	wait(bench, 3 * MS);
	assert_true(bench->room > 10000 - 64);
	wait(bench, 300 * MS);
	assert_int_equal(bench->typed.len, (size_t)100 * 6 + 8);
}

static void
what_is_too_long_goes_on_as_it_comes(void **state)
{
	struct bench *bench = *state;

	OPEN(bench, {"pass_through", "yes"}, {"max_length", "20"});
	for (int i = 0; i < 255; i++)
		scan(bench, "1");
	wait(bench, 90 * MS);
	assert_typed(bench, ""); /* it could be a payment card's tracks yet */
	scan(bench, "1");
	for (int i = 0; i < 6; i++) {
		wait(bench, 90 * MS);
		key(KEY_LEFTSHIFT, 1, bench);
		key(KEY_LEFTSHIFT, 0, bench);
	}
	wait(bench, 90 * MS);
	assert_int_equal(bench->typed.len, 256 * 6 + 6 * 8);
	tb_buf_reset(&bench->typed);
	scan(bench, "\r");
	scan(bench, "9\r");
	wait(bench, 200 * MS);
	assert_told(bench, "!code_too_long|9|");
	assert_typed(bench, "+28 -28 ");
}

static void
lost_events_cost_the_code_and_no_key(void **state)
{
	struct bench *bench = *state;
	uint8_t keys[(KEY_MAX + 8) / 8] = {0};

	OPEN(bench, {"pass_through", "yes"});
	key(KEY_LEFTSHIFT, 1, bench);
	wait(bench, 101 * MS);
	assert_typed(bench, "+42 ");
	scan(bench, "12");
	bench->handler.missed(keys, bench->userdata);
	bench->handler.pause(bench->userdata);
	scan(bench, "34\r56\r");
	wait(bench, 300 * MS);
	assert_told(bench, "!keys_lost|56|");
	assert_typed(bench, "-42 +6 -6 +7 -7 +28 -28 ");
	/* without an end silence heals it as well */
	bench->handler.missed(keys, bench->userdata);
	bench->handler.pause(bench->userdata);
	scan(bench, "3");
	wait(bench, 101 * MS);
	scan(bench, "7\r");
	wait(bench, 300 * MS);
	assert_told(bench, "!keys_lost|7|");
	assert_typed(bench, "+8 -8 +28 -28 ");
}

static void
without_uinput_all_else_works(void **state)
{
	struct bench *bench = *state;

	bench->no_uinput = true;
	OPEN(bench, {"pass_through", "yes"});
	assert_string_equal(bench->reason, "pass-through is off: there is none");
	scan(bench, "1\r1\r");
	assert_told(bench, "1|"); /* the window is that of a scanner without pass-through */
	assert_typed(bench, "");
}

static void
what_is_not_kept_back_is_not_typed_on(void **state)
{
	struct bench *bench = *state;

	OPEN(bench, {"pass_through", "yes"}, {"grab", "no"});
	assert_non_null(strstr(bench->reason, "grab = no"));
	scan(bench, "1\r");
	wait(bench, 20 * MS);
	assert_told(bench, "1|");
	assert_typed(bench, "");
}

static void
lights_go_both_ways(void **state)
{
	struct bench *bench = *state;

	OPEN(bench, {"pass_through", "yes"});
	bench->light(LED_CAPSL, true, bench->light_userdata);
	assert_true(bench->lit);
	event(bench, EV_LED, LED_CAPSL, 1);
	event(bench, EV_SYN, SYN_REPORT, 0);
	scan(bench, "a\r");
	assert_told(bench, "A|");
}

static void
a_known_code_tells_the_layout(void **state)
{
	struct bench *bench = *state;

	OPEN(bench, {"layout", "de"}, {"pass_through", "yes"});
	assert_int_equal(tb_driver_module.calibrate(bench->device, true), 0);
	tb_typing_free(bench->typing);
	bench->typing = tb_typing_new("fr");
	scan(bench, TB_CALIBRATION_CODE "\r");
	wait(bench, 100 * MS);
	assert_non_null(strstr(bench->told.data, "=fr"));
	tb_buf_reset(&bench->told);
	scan(bench, "nothing of it\r");
	wait(bench, 300 * MS);
	assert_told(bench, "=|");
	assert_typed(bench, "");
	assert_int_equal(tb_driver_module.calibrate(bench->device, false), 0);
	scan(bench, "b\r");
	assert_told(bench, "b|");
}

static void
settings_that_cannot_be_are_refused(void **state)
{
	static const struct tb_setting bad[] = {
		{"layout", "klingon"}, {"layout", "us,fr"}, {"keypad_codepage", "4711"}};
	struct bench *bench = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct tb_device_config config = {.name = "counter",
			.address = "evdev:/dev/input/event0",
			.settings = &bad[i],
			.n_settings = 1};
		char *why = NULL;

		assert_int_equal(tb_driver_module.open(&config, &bench->host, &bench->device, &why),
			-EINVAL);
		assert_non_null(strstr(why, bad[i].value));
		free(why);
	}
}

static void
what_was_half_read_is_never_told(void **state)
{
	struct bench *bench = *state;

	OPEN(bench, {"pass_through", "yes"});
	scan(bench, "12");
	bench->handler.lost(-ENODEV, "gone", bench->userdata);
	wait(bench, 1000 * MS);
	assert_told(bench, "*lost|");
	assert_typed(bench, "");
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(codes_by_terminator_and_by_silence),
		T(an_equal_code_is_a_second_reading),
		T(others_are_typed_on_as_they_came),
		T(ours_and_payment_cards_are_swallowed),
		T(a_number_without_an_end_goes_nowhere),
		T(no_key_stays_down),
		T(keys_without_text_wait_for_their_code),
		T(nobodys_queue_runs_over),
		T(what_is_too_long_goes_on_as_it_comes),
		T(lost_events_cost_the_code_and_no_key),
		T(without_uinput_all_else_works),
		T(what_is_not_kept_back_is_not_typed_on),
		T(lights_go_both_ways),
		T(a_known_code_tells_the_layout),
		T(settings_that_cannot_be_are_refused),
		T(what_was_half_read_is_never_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
