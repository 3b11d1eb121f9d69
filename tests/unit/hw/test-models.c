/* SPDX-License-Identifier: MIT */
/* Files of known models: ours are all right, wrong ones say where, patterns match as they should.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/text.h"
#include "hw/enumerate.h"

static void
our_files_are_right(void **state)
{
	struct tb_buf problems = TB_BUF_INIT(0);
	struct tb_models models = {0};

	assert_int_equal(tb_models_load(&models, TB_DEVICES_DIR, &problems), 0);
	assert_string_equal(problems.data ? problems.data : "", "");
	assert_true(models.n > 4);
	tb_models_done(&models);
	tb_buf_done(&problems);
}

static const char *
wrong(const char *text)
{
	static char said[256];
	struct tb_buf problems = TB_BUF_INIT(0);
	struct tb_models models = {0};

	assert_int_equal(tb_models_add(&models, "x.ini", text, strlen(text), &problems), -EINVAL);
	assert_int_equal(models.n, 0);
	strncpy(said, problems.data, sizeof(said) - 1);
	tb_buf_done(&problems);
	return said;
}

#define HEAD "[device]\nname = A\nusb = 1eab:??06\nnode = tty\ndriver = scanner-serial\n"

static void
wrong_lines_are_named(void **state)
{
	assert_string_equal(wrong("[device]\nnonsense\n"),
		"x.ini:2: a [device] or [settings] section, or key = value, was expected: "
		"nonsense\n");
	assert_string_equal(wrong(HEAD "driver = morse\n"), "x.ini:6: there is no driver morse\n");
	assert_string_equal(wrong(HEAD "colour = red\n"), "x.ini:6: no key of [device]: colour\n");
	assert_string_equal(wrong(HEAD "[settings]\nspeed = fast\n"),
		"x.ini:7: no key of this driver, or not a value it takes: speed\n");
	assert_string_equal(wrong(HEAD "usb = 1EAB:0c06\n"),
		"x.ini:6: usb takes VID:PID in small hex digits, not 1EAB:0c06\n");
	assert_string_equal(
		wrong(HEAD HEAD), "x.ini:6: a second [device]: each has a file of its own\n");
	assert_string_equal(wrong(""), "x.ini:0: [device] needs name, usb, node and driver\n");
}

static void
ids_find_models(void **state)
{
	static const char serial[] = HEAD
		"[settings]\nspeed = 115200 ; as delivered\nterminator=cr\n";
	static const char special[] =
		"[device]\nname = B\nusb = 0403:6001 1eab:8006\nproduct = TSP1*\nnode = tty\n"
		"driver = scanner-serial\nclaim = no\nreason = because\n";
	struct tb_buf problems = TB_BUF_INIT(0);
	struct tb_models models = {0};
	const struct tb_model *model;

	assert_int_equal(tb_models_add(&models, "a", serial, strlen(serial), &problems), 0);
	assert_int_equal(tb_models_add(&models, "b", special, strlen(special), &problems), 0);
	model = tb_models_find(&models, TB_NODE_TTY, "1eab", "8006", NULL);
	assert_non_null(model);
	assert_string_equal(model->name, "A");
	assert_true(model->claim);
	assert_int_equal(model->n_settings, 2);
	assert_string_equal(model->settings[0].value, "115200");
	model = tb_models_find(&models, TB_NODE_TTY, "1eab", "8006", "TSP100");
	assert_non_null(model);
	assert_string_equal(model->name, "B");
	assert_string_equal(model->reason, "because");
	assert_false(model->claim);
	assert_null(tb_models_find(&models, TB_NODE_HIDRAW, "1eab", "8006", NULL));
	assert_null(tb_models_find(&models, TB_NODE_TTY, "0403", "6001", NULL));
	assert_null(tb_models_find(&models, TB_NODE_TTY, "1eab", "8007", NULL));
	assert_null(tb_models_find(&models, TB_NODE_TTY, NULL, NULL, NULL));
	tb_models_done(&models);
	tb_buf_done(&problems);
}

static void
patterns_match(void **state)
{
	assert_true(tb_pattern_matches("2912*", "2912345678901"));
	assert_true(tb_pattern_matches("*", ""));
	assert_true(tb_pattern_matches("a*b*c", "aXXbYYbZZc"));
	assert_true(tb_pattern_matches("?\?3", "123"));
	assert_true(tb_pattern_matches("?", "\xc3\xa9"));
	assert_true(tb_pattern_matches("a**", "a"));
	assert_false(tb_pattern_matches("2912*", "12912"));
	assert_false(tb_pattern_matches("?", ""));
	assert_false(tb_pattern_matches("a", "ab"));
	assert_false(tb_pattern_matches("", "a"));
	assert_false(tb_pattern_matches("*a", "ab"));
}

static void
addresses_mean_devices(void **state)
{
	struct tb_found found = {.kind = TB_NODE_TTY,
		.node = (char *)"/dev/null",
		.vid = (char *)"0403",
		.pid = (char *)"600a",
		.serial = (char *)"A:1",
		.port = (char *)"1-4.2"};

	assert_true(tb_found_matches(&found, "usb:0403:600A"));
	assert_true(tb_found_matches(&found, "usb:0403:600a:A:1"));
	assert_true(tb_found_matches(&found, "usb:@1-4.2"));
	assert_true(tb_found_matches(&found, "tty:/dev/../dev/./null"));
	assert_true(tb_found_matches(&found, "tty://dev//null"));
	assert_false(tb_found_matches(&found, "tty:dev/null"));
	assert_false(tb_found_matches(&found, "tty:/dev/zero"));
	assert_false(tb_found_matches(&found, "hidraw:/dev/null"));
	assert_false(tb_found_matches(&found, "usb:0403:600a:"));
	assert_false(tb_found_matches(&found, "usb:0403:600ab"));
	assert_false(tb_found_matches(&found, "usb:0403:600b"));
	assert_false(tb_found_matches(&found, "usb:@1-4"));
	assert_false(tb_found_matches(&found, "usb:"));
	assert_false(tb_found_matches(&found, "tcp:localhost:9100"));
	assert_false(tb_found_matches(&found, "nonsense"));
	assert_true(tb_port_compare("1-2", "1-10") < 0);
	assert_true(tb_port_compare("1-2", "1-2.1") < 0);
}

static void
settings_are_checked(void **state)
{
	const struct tb_driver *driver = tb_driver_find("scanner-serial");
	const struct tb_setting chosen[] = {{"idle", "2s"}, {"speed", "1200"}};
	struct tb_device_config config = {.settings = chosen, .n_settings = 2};
	uint64_t us;

	assert_int_equal(tb_setting_check(driver->settings, "speed", "9600"), 0);
	assert_int_equal(tb_setting_check(driver->settings, "speed", "9600x"), -EINVAL);
	assert_int_equal(tb_setting_check(driver->settings, "speed", "0"), -ERANGE);
	assert_int_equal(
		tb_setting_check(driver->settings, "speed", "99999999999999999999"), -ERANGE);
	assert_int_equal(tb_setting_check(driver->settings, "mode", "9N1"), -EINVAL);
	assert_int_equal(tb_setting_check(driver->settings, "mode", "7E1"), 0);
	assert_int_equal(tb_setting_check(driver->settings, "mode", ""), -EINVAL);
	assert_int_equal(tb_setting_check(driver->settings, "debounce", "0s"), 0);
	assert_int_equal(tb_setting_check(driver->settings, "debounce", "5"), -EINVAL);
	assert_int_equal(tb_setting_check(driver->settings, "max_length", "8193"), -ERANGE);
	assert_int_equal(tb_setting_check(driver->settings, "bogus", "1"), -ENOENT);
	assert_int_equal(tb_device_setting_number(&config, driver->settings, "idle"), 2000000);
	assert_int_equal(tb_device_setting_number(&config, driver->settings, "speed"), 1200);
	assert_int_equal(tb_device_setting_number(&config, driver->settings, "debounce"), 500000);
	assert_string_equal(tb_device_setting(&config, driver->settings, "mode", 0), "8N1");
	assert_null(tb_device_setting(&config, driver->settings, "mode", 1));
	assert_null(tb_device_setting(&config, driver->settings, "bogus", 0));
	assert_int_equal(tb_duration_parse("100ms", &us), 0);
	assert_int_equal(us, 100000);
	assert_int_equal(tb_duration_parse("2h", &us), 0);
	assert_int_equal(us, UINT64_C(7200000000));
	assert_int_equal(tb_duration_parse("1d", &us), -EINVAL);
	assert_int_equal(tb_duration_parse("ms", &us), -EINVAL);
	assert_int_equal(tb_duration_parse("9999999999999999999h", &us), -EINVAL);
}

static void
the_table_of_drivers_is_sorted(void **state)
{
	for (size_t i = 0; tb_drivers[i]; i++) {
		assert_ptr_equal(tb_driver_find(tb_drivers[i]->name), tb_drivers[i]);
		if (i > 0)
			assert_true(strcmp(tb_drivers[i - 1]->name, tb_drivers[i]->name) < 0);
		for (const struct tb_setting_spec *spec = tb_drivers[i]->settings; spec->key;
			spec++)
			if (spec->fallback)
				assert_int_equal(tb_setting_check(tb_drivers[i]->settings,
							 spec->key, spec->fallback),
					0);
	}
	assert_null(tb_driver_find("scanner"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_files_are_right),
		cmocka_unit_test(wrong_lines_are_named),
		cmocka_unit_test(ids_find_models),
		cmocka_unit_test(patterns_match),
		cmocka_unit_test(addresses_mean_devices),
		cmocka_unit_test(settings_are_checked),
		cmocka_unit_test(the_table_of_drivers_is_sorted),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("models", tests, NULL, NULL);
}
