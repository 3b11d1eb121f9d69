/* SPDX-License-Identifier: MIT */
/* A Device ID as printers tell it, rightly and wrongly: does it say ESC/POS? */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include "hw/codec/device-id.h"

static bool
has(const char *text)
{
	/* of its own size, so that a sanitizer sees a byte too many read */
	_cleanup_free_ char *copy = malloc(strlen(text) + 1);
	size_t len = strlen(text);

	assert_non_null(copy);
	memcpy(copy, text, len);
	return tb_device_id_has(copy, len, "ESC/POS");
}

static void
test_text(void **state)
{
	assert_true(has("MFG:EPSON;CMD:ESC/POS;MDL:TM-T20;"));
	assert_true(has("MANUFACTURER:X;COMMAND SET:esc/pos"));
	assert_true(has("MFG:a;cmd: ESCPL2 , ESC/POS ;"));
	assert_true(has("MFG:a;CMD:EPSON ESC/POS;"));
	assert_true(has("CMD:ZPL;CMD:ESC/POS;"));
	assert_false(has("MFG:Zebra;CMD:ZPL;MDL:GK420;"));
	assert_false(has("MFG:ESC/POS;MDL:CMD;"));
	assert_false(has("MFG:STAR;CMD:STAR;CLS:PRINTER;"));
	assert_false(has("CMD:ESC/P;"));
	assert_false(has("CMD:NOESC/POS;"));
	assert_false(has("CMD:;"));
	assert_false(has("CMD"));
	assert_false(has(":;:;;"));
	assert_false(has(""));
	assert_false(tb_device_id_has("MFG:x\0CMD:ESC/POS;", 18, "ESC/POS"));
}

static bool
speaks(unsigned said, const char *text)
{
	size_t len = strlen(text);
	_cleanup_free_ uint8_t *answer = malloc(len + 2);

	assert_non_null(answer);
	answer[0] = (uint8_t)(said >> 8);
	answer[1] = (uint8_t)said;
	memcpy(answer + 2, text, len);
	return tb_device_id_speaks(answer, len + 2, "ESC/POS");
}

static void
test_answer(void **state)
{
	static const char id[] = "CMD:ESC/POS";
	size_t len = strlen(id);

	assert_true(speaks((unsigned)len + 2, id));
	/* without these two bytes; the other way round; nonsense */
	assert_true(speaks((unsigned)len, id));
	assert_true(speaks((unsigned)(len + 2) << 8, id));
	assert_true(speaks(0, id));
	assert_true(speaks(0xffff, id));
	/* what lies behind its end is not of it */
	assert_false(speaks(6, id));
	assert_false(tb_device_id_speaks((const uint8_t *)"\0", 1, "ESC/POS"));
	assert_false(tb_device_id_speaks((const uint8_t *)"\0\2", 2, "ESC/POS"));
	assert_false(tb_device_id_speaks(NULL, 0, "ESC/POS"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_answer),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("device-id", tests, NULL, NULL);
}
