/* SPDX-License-Identifier: MIT */
/*
 * Every character under every layout: typed as a scanner does, read as the house does. What types
 * (sim/typing) asks libxkbcommon in another way than what reads (codec/keymap).
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <linux/input-event-codes.h>
#include <string.h>
#include <cmocka.h>

#include "hw/codec/keymap.h"
#include "hw/sim/typing.h"

static const char *const layouts[] = {
	"us", "fr", "be", "de", "ch", "ch(fr)", "gb", "it", "es", "pt", "nl", "se", "fr(oss)"};

struct reading {
	struct tb_keymap *map;
	char text[64];
	size_t len;
};

static void
read_key(uint16_t code, int32_t value, void *userdata)
{
	struct reading *reading = userdata;

	reading->len += tb_keymap_feed(reading->map, code, value, reading->text + reading->len);
	assert_true(reading->len < sizeof(reading->text) - TB_KEYMAP_TEXT);
}

static void
spell(uint32_t point, char out[5])
{
	if (point < 0x80)
		snprintf(out, 5, "%c", (char)point);
	else if (point < 0x800)
		snprintf(out, 5, "%c%c", (char)(0xc0 | point >> 6), (char)(0x80 | (point & 0x3f)));
	else
		snprintf(out, 5, "%c%c%c", (char)(0xe0 | point >> 12),
			(char)(0x80 | (point >> 6 & 0x3f)), (char)(0x80 | (point & 0x3f)));
}

/* How the character was typed. */
static int
check(struct tb_typing *typing, struct reading *reading, const char *layout, uint32_t point)
{
	char wanted[5];
	int how;

	reading->len = 0;
	memset(reading->text, 0, sizeof(reading->text));
	how = tb_typing_type(typing, point, read_key, reading);
	spell(point, wanted);
	if (how > 0 && strcmp(reading->text, wanted) != 0)
		fail_msg("%s: U+%04X is read as \"%s\" (typed in way %d)", layout, (unsigned)point,
			reading->text, how);
	assert_true(tb_keymap_idle(reading->map));
	return how;
}

static void
each_character_of_each_layout(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		struct tb_typing *typing = tb_typing_new(layouts[i]);
		struct reading reading = {0};
		unsigned by_key = 0;

		assert_non_null(typing);
		assert_int_equal(tb_keymap_new(layouts[i], "1252", &reading.map), 0);
		tb_keymap_reset(reading.map, false);
		for (uint32_t point = 1; point < 0x180; point++) {
			int how = check(typing, &reading, layouts[i], point);

			/* what barcodes are made of needs no number on the keypad */
			if (point >= ' ' && point < 0x7f)
				by_key += how == 1 || how == 2;
			if (point == '\r' || point == '\n' || point == '\t' || point == 0x1d)
				assert_true(how > 0);
		}
		check(typing, &reading, layouts[i], 0x20ac);
		/* Italian keyboards have neither ` nor ~ */
		assert_true(by_key >= 93);
		tb_keymap_free(reading.map);
		tb_typing_free(typing);
	}
}

/* Under the light of Caps Lock a scanner turns its Shift for letters, and no sign is changed. */
static void
caps_lock_is_undone(void **state)
{
	static const char upper[] = "ABCXYZ", lower[] = "abcxyz", other[] = "12-:/";

	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		struct tb_typing *typing = tb_typing_new(layouts[i]);
		struct reading reading = {0};

		assert_int_equal(tb_keymap_new(layouts[i], "1252", &reading.map), 0);
		tb_keymap_reset(reading.map, true);
		for (const char *p = lower; *p; p++)
			assert_int_equal(
				tb_typing_type(typing, (uint8_t)*p, read_key, &reading), 1);
		assert_string_equal(reading.text, upper);
		tb_keymap_set_caps(reading.map, false);
		memset(reading.text, 0, sizeof(reading.text));
		reading.len = 0;
		for (const char *p = lower; *p; p++)
			tb_typing_type(typing, (uint8_t)*p, read_key, &reading);
		assert_string_equal(reading.text, lower);
		if (strcmp(layouts[i], "us") == 0) {
			tb_keymap_set_caps(reading.map, true);
			reading.len = 0;
			memset(reading.text, 0, sizeof(reading.text));
			for (const char *p = other; *p; p++)
				tb_typing_type(typing, (uint8_t)*p, read_key, &reading);
			assert_string_equal(reading.text, other);
		}
		tb_keymap_free(reading.map);
		tb_typing_free(typing);
	}
}

/* After a gap the keys that are down count, and nothing half typed does. */
static void
a_gap_leaves_nothing_behind(void **state)
{
	struct reading reading = {0};
	uint8_t keys[KEY_MAX / 8 + 1] = {0};

	assert_int_equal(tb_keymap_new("fr", "1252", &reading.map), 0);
	tb_keymap_reset(reading.map, false);
	read_key(KEY_LEFTSHIFT, 1, &reading);
	read_key(KEY_LEFTBRACE, 1, &reading); /* dead diaeresis */
	tb_keymap_resync(reading.map, keys, sizeof(keys));
	assert_true(tb_keymap_idle(reading.map));
	read_key(KEY_E, 1, &reading);
	read_key(KEY_E, 0, &reading);
	keys[KEY_RIGHTSHIFT / 8] |= 1 << KEY_RIGHTSHIFT % 8;
	tb_keymap_resync(reading.map, keys, sizeof(keys));
	read_key(KEY_E, 1, &reading);
	read_key(KEY_E, 0, &reading);
	read_key(KEY_RIGHTSHIFT, 0, &reading);
	assert_string_equal(reading.text, "eE");
	assert_true(tb_keymap_idle(reading.map));
	tb_keymap_free(reading.map);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_character_of_each_layout),
		cmocka_unit_test(caps_lock_is_undone),
		cmocka_unit_test(a_gap_leaves_nothing_behind),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
