/* SPDX-License-Identifier: MIT */
/* What printers answer, told apart on one stream, and what it says of their health. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "hw/escpos/status.h"

/* The items of a stream, a letter each: d DLE EOT, a ASB, r GS r, x XON/XOFF, b block, j junk. */
static void
read_all(const void *bytes, size_t len, char *out)
{
	struct tb_status_reader reader = {0};

	for (size_t i = 0; i < len; i++) {
		struct tb_status_item item;

		if (!tb_status_feed(&reader, ((const uint8_t *)bytes)[i], &item))
			continue;
		*out++ = "darxxbj"[item.kind];
	}
	*out = '\0';
}

#define EXPECT(bytes, items) \
	do { \
		char out[256]; \
		read_all(bytes, sizeof(bytes) - 1, out); \
		assert_string_equal(out, items); \
	} while (0)

static void
test_told_apart(void **state)
{
	EXPECT("\x12\x1a\x32\x7e\x16", "ddddd");
	EXPECT("\x10\0\0\0\x18\0\x0f\0\x38\0\0\0", "aaa");
	EXPECT("\0\x03\x0c\x0f", "rrrr");
	EXPECT("\x11\x13", "xx");
	EXPECT("\x37\x22\x30\x31\x32\x33\0\0", "br");
	EXPECT("\x5f"
	       "TM-T20II\0\x12",
		"bd");
	EXPECT("\x80\xff\x90", "jjj");
	/* A real-time answer, and a flow sign, in the middle of an ASB. */
	EXPECT("\x10\0\x12\x13\0\0", "dxa");
	/* An ASB that begins anew is another one. */
	EXPECT("\x10\0\x10\0\0\0", "a");
	/* Junk ends what was half read. */
	EXPECT("\x10\0\xff\0\0", "jrr");
	/* All the bits that are not fixed. */
	EXPECT("\x7e\x6e", "dr");
}

static void
test_a_block_has_an_end(void **state)
{
	struct tb_status_reader reader = {0};
	struct tb_status_item item;
	unsigned items = 0;

	tb_status_feed(&reader, 0x5F, &item);
	for (int i = 0; i < 1000; i++)
		items += tb_status_feed(&reader, 'A', &item);
	assert_true(items > 0);
}

static void
test_health(void **state)
{
	struct tb_printer_health h = {0};

	tb_health_dle_eot(&h, 1, 0x12);
	assert_true(h.known && !h.offline && !h.drawer_high);
	/* The drawer's pin is no trouble. */
	tb_health_dle_eot(&h, 1, 0x16);
	assert_true(h.drawer_high && !h.offline);
	tb_health_dle_eot(&h, 1, 0x1a);
	tb_health_dle_eot(&h, 2, 0x32);
	tb_health_dle_eot(&h, 3, 0x12);
	tb_health_dle_eot(&h, 4, 0x7e);
	assert_true(h.offline && h.paper_out && h.paper_low && !h.cover_open && !h.error);
	/* Without a near-end sensor. */
	tb_health_dle_eot(&h, 2, 0x12);
	tb_health_dle_eot(&h, 4, 0x72);
	assert_true(h.paper_out && !h.paper_low);
	tb_health_dle_eot(&h, 2, 0x16);
	tb_health_dle_eot(&h, 4, 0x1e);
	assert_true(h.cover_open && !h.paper_out && h.paper_low);
	tb_health_dle_eot(&h, 2, 0x52);
	tb_health_dle_eot(&h, 3, 0x1a);
	assert_true(h.cutter && !h.cover_open);
	tb_health_dle_eot(&h, 3, 0x52);
	assert_true(!h.cutter && h.error);
	tb_health_gs_r(&h, 0x0c);
	assert_true(h.paper_out);
	tb_health_asb(&h, (const uint8_t[]){0x14, 0, 0x03, 0});
	assert_true(h.drawer_high && h.paper_low && !h.paper_out && !h.error && !h.offline);
	tb_health_asb(&h, (const uint8_t[]){0x38, 0, 0, 0});
	assert_true(h.cover_open && h.offline);
	tb_health_asb(&h, (const uint8_t[]){0x18, 0x08, 0, 0});
	assert_true(h.cutter && !h.cover_open);
}

static void
test_paper_answers(void **state)
{
	for (unsigned byte = 0; byte < 256; byte++)
		assert_int_equal(tb_status_is_gs_r_paper((uint8_t)byte),
			byte == 0 || byte == 3 || byte == 0x0c || byte == 0x0f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_told_apart),
		cmocka_unit_test(test_a_block_has_an_end),
		cmocka_unit_test(test_health),
		cmocka_unit_test(test_paper_answers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
