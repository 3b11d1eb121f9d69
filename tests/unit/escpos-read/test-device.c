/* SPDX-License-Identifier: MIT */
/* The printer that is not there: its answers, its faults, what it prints while and after them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "hw/sim/device.h"

#define B(text) (const uint8_t *)text, sizeof(text) - 1

struct seen {
	struct tb_buf replies; /* hex */
	struct tb_buf told;    /* texts, pulses, states, tickets */
};

static void
on_reply(const uint8_t *bytes, size_t len, void *userdata)
{
	struct seen *seen = userdata;

	for (size_t i = 0; i < len; i++)
		tb_buf_addf(&seen->replies, "%02x", bytes[i]);
	tb_buf_add_byte(&seen->replies, ' ');
}

static void
on_element(const struct tb_element *element, void *userdata)
{
	struct seen *seen = userdata;

	if (element->kind == TB_ELEMENT_TEXT)
		tb_buf_add(&seen->told, element->text.text, element->text.len);
	else if (element->kind == TB_ELEMENT_PULSE)
		tb_buf_addf(&seen->told, "[pulse %u]", element->pulse.pin);
	else if (element->kind == TB_ELEMENT_IMAGE)
		tb_buf_addf(&seen->told, "[%ux%u]", element->w, element->h);
	else if (element->kind == TB_ELEMENT_CUT)
		tb_buf_add_str(&seen->told, "|");
	else
		tb_buf_add_str(&seen->told, "?");
}

static void
on_ticket(const struct tb_canvas *canvas, void *userdata)
{
	struct seen *seen = userdata;

	tb_buf_add_str(&seen->told, "/");
}

static void
on_changed(const char *state, void *userdata)
{
	struct seen *seen = userdata;

	tb_buf_addf(&seen->told, "<%s>", state);
}

static struct tb_device *
make(const struct tb_device_config *config, struct seen *seen)
{
	static const struct tb_device_ops ops = {.reply = on_reply,
		.element = on_element,
		.ticket = on_ticket,
		.changed = on_changed};
	struct tb_device *device = NULL;
	struct tb_device_config copy = *config;

	if (!copy.buffer)
		copy.buffer = 4096;
	if (!copy.interpret.profile)
		copy.interpret.profile = tb_profile_find("epson");
	assert_int_equal(tb_device_new(&copy, &ops, seen, &device), 0);
	return device;
}

static void
finish(struct tb_device *device, struct seen *seen)
{
	tb_device_free(device);
	tb_buf_done(&seen->replies);
	tb_buf_done(&seen->told);
}

/* What was answered and told since the last time. */
static void
expect(struct seen *seen, const char *replies, const char *told)
{
	assert_string_equal(seen->replies.data ? seen->replies.data : "", replies);
	assert_string_equal(seen->told.data ? seen->told.data : "", told);
	tb_buf_reset(&seen->replies);
	tb_buf_reset(&seen->told);
}

static void
send(struct tb_device *device, const uint8_t *bytes, size_t len)
{
	assert_int_equal(tb_device_receive(device, bytes, len), len);
	tb_device_work(device, SIZE_MAX);
}

static const uint8_t all_eot[] = "\020\004\001\020\004\002\020\004\003\020\004\004";

static void
ask(struct tb_device *device)
{
	send(device, all_eot, sizeof(all_eot) - 1);
}

/* The table of Epson's dle_eot page, state by state. */
static void
test_dle_eot(void **state)
{
	const struct tb_device_config config = {0};
	struct seen seen = {0};
	struct tb_device *device = make(&config, &seen);

	ask(device);
	expect(&seen, "12 12 12 12 ", "");
	tb_device_command(device, "paper_out");
	ask(device);
	expect(&seen, "1a 32 12 7e ", "<paper_out>");
	tb_device_command(device, "paper_in");
	tb_device_command(device, "cover_open");
	ask(device);
	expect(&seen, "1a 16 12 12 ", "<paper_in><cover_open>");
	tb_device_command(device, "cover_close");
	tb_device_command(device, "paper_low");
	tb_device_command(device, "drawer_open");
	ask(device);
	expect(&seen, "16 12 12 1e ", "<cover_close><paper_low><drawer_open>");
	tb_device_clear_faults(device);
	tb_device_command(device, "drawer_close");
	tb_device_command(device, "cutter_jam");
	ask(device);
	expect(&seen, "1a 52 1a 12 ", "<paper_in><drawer_close><cutter_jam>");
	send(device, B("\020\005\001"));
	ask(device);
	expect(&seen, "12 12 12 12 ", "<cutter_free>");
	finish(device, &seen);
}

static void
test_held(void **state)
{
	struct tb_device_config config = {.faults = {{TB_FAULT_PAPER_OUT, 4}}, .n_faults = 1};
	struct seen seen = {0};
	struct tb_device *device = make(&config, &seen);

	send(device, B("ab\ncd\n\035r\001"));
	expect(&seen, "", "ab<paper_out>");
	/* asked in real time it answers all the same */
	send(device, B("\020\004\004"));
	expect(&seen, "7e ", "");
	assert_false(tb_device_work(device, SIZE_MAX));
	tb_device_command(device, "paper_in");
	tb_device_work(device, SIZE_MAX);
	expect(&seen, "00 ", "<paper_in>cd");
	finish(device, &seen);
}

static void
test_room(void **state)
{
	struct tb_device_config config = {.buffer = 8};
	struct seen seen = {0};
	struct tb_device *device = make(&config, &seen);

	tb_device_command(device, "offline");
	assert_int_equal(tb_device_receive(device, B("0123456789")), 8);
	assert_int_equal(tb_device_room(device), 0);
	tb_device_command(device, "online");
	assert_false(tb_device_work(device, 5) && tb_device_room(device) != 5);
	tb_device_work(device, SIZE_MAX);
	tb_device_finish(device);
	expect(&seen, "", "<offline><online>01234567/");
	finish(device, &seen);
}

static void
test_auto_status(void **state)
{
	const struct tb_device_config config = {0};
	struct seen seen = {0};
	struct tb_device *device = make(&config, &seen);

	send(device, B("\035a\017"));
	tb_device_command(device, "cover_open");
	tb_device_command(device, "cover_close");
	tb_device_command(device, "paper_low");
	tb_device_command(device, "paper_out");
	tb_device_command(device, "paper_in");
	expect(&seen, "10000000 38000000 10000000 10000300 18000f00 10000000 ",
		"<cover_open><cover_close><paper_low><paper_out><paper_in>");
	send(device, B("\035a\000"));
	tb_device_command(device, "cover_open");
	expect(&seen, "", "<cover_open>");
	finish(device, &seen);
}

static void
test_blocks(void **state)
{
	const struct tb_device_config config = {0};
	struct seen seen = {0};
	struct tb_device *device = make(&config, &seen);

	send(device, B("a\n\035(H\006\00000wxyz\035I\104\035I\001\033v\033u\000"));
	expect(&seen, "37227778797a00 5f30303030303100 20 00 00 ", "a");
	finish(device, &seen);
}

/* Cleared in real time: what waited is gone, also an open raster. */
static void
test_clear(void **state)
{
	const struct tb_device_config config = {0};
	struct seen seen = {0};
	struct tb_device *device = make(&config, &seen);

	send(device, B("\035v0\000\002\000\377\000ab"));
	tb_device_command(device, "offline");
	send(device, B("cdef\020\024\010\001\003\024\001\006\002\010new\n"));
	tb_device_command(device, "online");
	tb_device_work(device, SIZE_MAX);
	expect(&seen, "372500 ", "<offline><online>new");
	finish(device, &seen);
}

/* A drawer kicked by dots: as the printers do it that run real-time commands wherever they stand.
 */
static void
test_pulse_in_dots(void **state)
{
	static const uint8_t raster[] = "\035v0\000\005\000\001\000\020\024\001\001\001a\n";
	const struct tb_device_config config = {0};
	struct seen seen = {0};
	struct tb_device *device = make(&config, &seen);

	send(device, raster, sizeof(raster) - 1);
	expect(&seen, "", "[pulse 5][40x1]a");
	send(device, B("\020\024\001\000\001"));
	expect(&seen, "", "[pulse 2]");
	send(device, B("\035(D\003\000\024\001\000"));
	send(device, raster, sizeof(raster) - 1);
	expect(&seen, "", "[40x1]a");
	finish(device, &seen);
}

static void
test_power(void **state)
{
	const struct tb_device_config config = {0};
	struct seen seen = {0};
	struct tb_device *device = make(&config, &seen);

	send(device, B("a\n\033E\001\035a\017"));
	expect(&seen, "10000000 ", "a");
	tb_device_command(device, "off");
	send(device, B("lost\n\020\004\001"));
	assert_true(tb_device_is_off(device));
	expect(&seen, "", "<off>");
	tb_device_command(device, "on");
	send(device, B("b\n"));
	tb_device_command(device, "tear");
	expect(&seen, "", "<on>b/");
	finish(device, &seen);
}

static void
test_silent(void **state)
{
	struct tb_device_config config = {.no_status = true};
	struct seen seen = {0};
	struct tb_device *device = make(&config, &seen);

	ask(device);
	send(device, B("\035r\001\035I\103"));
	expect(&seen, "", "");
	finish(device, &seen);
	/* what only answers when it is asked tells nothing by itself */
	config = (struct tb_device_config){.interpret.profile = tb_profile_find("clone")};
	device = make(&config, &seen);
	send(device, B("\035a\017\020\004\001\035(H\006\00000wxyz"));
	expect(&seen, "12 ", "");
	finish(device, &seen);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dle_eot),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_auto_status),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_clear),
		cmocka_unit_test(test_pulse_in_dots),
		cmocka_unit_test(test_power),
		cmocka_unit_test(test_silent),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
