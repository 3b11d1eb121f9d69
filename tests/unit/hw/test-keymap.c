/* SPDX-License-Identifier: MIT */
/* What wedges type under several layouts, and what the house reads. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/input-event-codes.h>
#include <string.h>
#include <cmocka.h>

#include "hw/codec/keymap.h"

static char text[256];
static size_t text_len;

static void
event(struct tb_keymap *map, uint16_t code, int32_t value)
{
	text_len += tb_keymap_feed(map, code, value, text + text_len);
	assert_true(text_len < sizeof(text) - TB_KEYMAP_TEXT);
	text[text_len] = '\0';
}

static void
tap(struct tb_keymap *map, uint16_t code)
{
	event(map, code, 1);
	event(map, code, 0);
}

static void
with(struct tb_keymap *map, uint16_t modifier, uint16_t code)
{
	event(map, modifier, 1);
	tap(map, code);
	event(map, modifier, 0);
}

static struct tb_keymap *
open_map(const char *layout)
{
	struct tb_keymap *map = NULL;

	assert_int_equal(tb_keymap_new(layout, "1252", &map), 0);
	tb_keymap_reset(map, false);
	text_len = 0;
	text[0] = '\0';
	return map;
}

static void
us_letters_shift_and_enter(void **state)
{
	struct tb_keymap *map = open_map("us");

	with(map, KEY_LEFTSHIFT, KEY_T);
	with(map, KEY_RIGHTSHIFT, KEY_B);
	with(map, KEY_LEFTSHIFT, KEY_SEMICOLON);
	tap(map, KEY_8);
	tap(map, KEY_KP7);
	tap(map, KEY_ENTER);
	tap(map, KEY_KPENTER);
	assert_string_equal(text, "TB:87\r\r");
	assert_true(tb_keymap_idle(map));
	tb_keymap_free(map);
}

static void
fr_digits_are_shifted_and_signs_are_not(void **state)
{
	struct tb_keymap *map = open_map("fr");

	with(map, KEY_LEFTSHIFT, KEY_1);
	tap(map, KEY_1);
	tap(map, KEY_Q); /* AZERTY */
	with(map, KEY_RIGHTALT, KEY_0);
	assert_string_equal(text, "1&a@");
	tb_keymap_free(map);
}

static void
dead_keys_compose_or_stand_alone(void **state)
{
	struct tb_keymap *map = open_map("fr");

	tap(map, KEY_LEFTBRACE); /* dead circumflex */
	tap(map, KEY_E);
	tap(map, KEY_LEFTBRACE);
	tap(map, KEY_SPACE);
	tap(map, KEY_LEFTBRACE);
	tap(map, KEY_X);
	tap(map, KEY_LEFTBRACE);
	tap(map, KEY_LEFTBRACE);
	tap(map, KEY_SPACE);
	assert_string_equal(text, "\xc3\xaa^^x^^");
	tb_keymap_free(map);
}

static void
caps_turns_letters_from_the_light_or_the_key(void **state)
{
	struct tb_keymap *map = open_map("us");

	tb_keymap_reset(map, true);
	tap(map, KEY_A);
	with(map, KEY_LEFTSHIFT, KEY_A);
	tap(map, KEY_1);
	tap(map, KEY_CAPSLOCK);
	tap(map, KEY_A);
	assert_string_equal(text, "Aa1a");
	tb_keymap_free(map);
}

static void
keypad_under_alt(struct tb_keymap *map, const char *digits)
{
	static const uint16_t keys[] = {KEY_KP0, KEY_KP1, KEY_KP2, KEY_KP3, KEY_KP4, KEY_KP5,
		KEY_KP6, KEY_KP7, KEY_KP8, KEY_KP9};

	event(map, KEY_LEFTALT, 1);
	for (; *digits; digits++)
		tap(map, keys[*digits - '0']);
	event(map, KEY_LEFTALT, 0);
}

static void
alt_and_keypad_by_three_rules(void **state)
{
	struct tb_keymap *map = open_map("us");

	keypad_under_alt(map, "0233"); /* 1252 */
	keypad_under_alt(map, "130");  /* 850 */
	keypad_under_alt(map, "0128"); /* the euro of 1252 */
	keypad_under_alt(map, "8364"); /* Unicode */
	keypad_under_alt(map, "0029"); /* GS */
	keypad_under_alt(map, "065");
	keypad_under_alt(map, "99999999999");
	assert_string_equal(text, "\xc3\xa9\xc3\xa9\xe2\x82\xac\xe2\x82\xac\x1d"
				  "A");
	tb_keymap_free(map);
}

static void
control_goes_by_the_layouts_own_place(void **state)
{
	struct tb_keymap *map = open_map("us");

	with(map, KEY_LEFTCTRL, KEY_RIGHTBRACE);
	with(map, KEY_RIGHTCTRL, KEY_M);
	assert_string_equal(text, "\x1d\r");
	tb_keymap_free(map);
	map = open_map("de"); /* ] is AltGr + 9 */
	event(map, KEY_LEFTCTRL, 1);
	with(map, KEY_RIGHTALT, KEY_9);
	event(map, KEY_LEFTCTRL, 0);
	with(map, KEY_LEFTCTRL, KEY_9); /* the key alone says which is meant */
	with(map, KEY_LEFTCTRL, KEY_Y);
	assert_string_equal(text, "\x1d\x1d\x1a");
	tb_keymap_free(map);
	map = open_map("us");
	with(map, KEY_LEFTCTRL, KEY_2);
	with(map, KEY_LEFTCTRL, KEY_MINUS);
	assert_int_equal(text_len, 2);
	assert_memory_equal(text, "\0\x1f", 2);
	tb_keymap_free(map);
}

static void
control_and_alt_are_altgr(void **state)
{
	struct tb_keymap *map = open_map("de");

	event(map, KEY_LEFTCTRL, 1);
	event(map, KEY_LEFTALT, 1);
	tap(map, KEY_9);
	tap(map, KEY_Q);
	event(map, KEY_LEFTALT, 0);
	event(map, KEY_LEFTCTRL, 0);
	assert_string_equal(text, "]@");
	tb_keymap_free(map);
}

static void
repeats_and_strays_type_nothing(void **state)
{
	struct tb_keymap *map = open_map("us");

	event(map, KEY_A, 1);
	assert_false(tb_keymap_idle(map));
	event(map, KEY_A, 2);
	event(map, KEY_A, 1);
	event(map, KEY_A, 0);
	event(map, KEY_A, 0);
	event(map, 60000, 1);
	event(map, KEY_F1, 1);
	event(map, KEY_F1, 0);
	assert_string_equal(text, "a");
	assert_true(tb_keymap_idle(map));
	tb_keymap_free(map);
}

static void
layouts_that_are_none(void **state)
{
	struct tb_keymap *map = NULL;

	assert_int_equal(tb_keymap_new("xx-none", "1252", &map), -ENOENT);
	assert_int_equal(tb_keymap_new("", "1252", &map), -ENOENT);
	assert_int_equal(tb_keymap_new("../us", "1252", &map), -ENOENT);
	assert_int_equal(tb_keymap_new("us", "4711", &map), -ENOENT);
	assert_null(map);
	map = open_map("ch(fr)");
	tap(map, KEY_Z);
	assert_string_equal(text, "y");
	tb_keymap_free(map);
	map = open_map("be");
	tap(map, KEY_6);
	assert_string_equal(text, "\xc2\xa7");
	tb_keymap_free(map);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(us_letters_shift_and_enter),
		cmocka_unit_test(fr_digits_are_shifted_and_signs_are_not),
		cmocka_unit_test(dead_keys_compose_or_stand_alone),
		cmocka_unit_test(caps_turns_letters_from_the_light_or_the_key),
		cmocka_unit_test(alt_and_keypad_by_three_rules),
		cmocka_unit_test(control_goes_by_the_layouts_own_place),
		cmocka_unit_test(control_and_alt_are_altgr),
		cmocka_unit_test(repeats_and_strays_type_nothing),
		cmocka_unit_test(layouts_that_are_none),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
