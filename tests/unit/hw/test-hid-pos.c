/* SPDX-License-Identifier: MIT */
/* HID POS scanners: descriptors that declare, lie or say nothing, and reports joined into codes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "hw/codec/hid-pos.h"

/* A scanner as the usage tables describe it: count, AIM identifier, 56 bytes of data, vendor bytes,
 * the bit "continued"; report 2, 64 bytes with its id. */
static const uint8_t descriptor_a[] = {
	0x05,
	0x8c,
	0x09,
	0x02,
	0xa1,
	0x01, /* application: bar code scanner */
	0x09,
	0x12,
	0xa1,
	0x02, /* logical: scanned data report */
	0x85,
	0x02,
	0x15,
	0x00,
	0x26,
	0xff,
	0x00,
	0x75,
	0x08,
	0x95,
	0x01,
	0x05,
	0x01,
	0x09,
	0x3b,
	0x81,
	0x02, /* byte count */
	0x05,
	0x8c,
	0x95,
	0x03,
	0x09,
	0xfb,
	0x09,
	0xfc,
	0x09,
	0xfd,
	0x81,
	0x02, /* AIM */
	0x95,
	0x38,
	0x09,
	0xfe,
	0x82,
	0x02,
	0x01, /* data */
	0x95,
	0x02,
	0x06,
	0x66,
	0xff,
	0x09,
	0x04,
	0x81,
	0x02, /* the vendor's */
	0x05,
	0x8c,
	0x75,
	0x01,
	0x95,
	0x01,
	0x09,
	0xff,
	0x81,
	0x02, /* continued */
	0x95,
	0x07,
	0x81,
	0x03, /* padding */
	0xc0,
	0xc0,
};

static void
report_a(uint8_t *out, const char *aim, const char *data, size_t n, bool continued)
{
	memset(out, 0, 64);
	out[0] = 2;
	out[1] = (uint8_t)n;
	memcpy(out + 2, aim, 3);
	memcpy(out + 5, data, n);
	out[63] = continued;
}

static void
descriptor_tells_where_fields_lie(void **state)
{
	struct tb_hid_pos_layout l;

	assert_int_equal(tb_hid_pos_parse(descriptor_a, sizeof(descriptor_a), &l), 0);
	assert_true(l.numbered);
	assert_int_equal(l.report_id, 2);
	assert_int_equal(l.report_len, 64);
	assert_int_equal(l.count_at, 1);
	assert_int_equal(l.aim_at, 2);
	assert_int_equal(l.data_at, 5);
	assert_int_equal(l.data_len, 56);
	assert_int_equal(l.continued_at, 63);
	assert_int_equal(l.continued_mask, 1);
}

static void
descriptor_cut_or_bent_never_passes_for_whole(void **state)
{
	uint8_t bent[sizeof(descriptor_a)];
	struct tb_hid_pos_layout l;

	for (size_t n = 0; n < sizeof(descriptor_a); n++)
		assert_true(tb_hid_pos_parse(descriptor_a, n, &l) < 0);
	for (size_t i = 0; i < sizeof(descriptor_a); i++)
		for (int bit = 0; bit < 8; bit++) {
			memcpy(bent, descriptor_a, sizeof(bent));
			bent[i] ^= (uint8_t)(1 << bit);
			if (tb_hid_pos_parse(bent, sizeof(bent), &l) < 0)
				continue;
			assert_true(l.report_len <= TB_HID_POS_REPORT_MAX);
			assert_true(l.data_at + l.data_len <= l.report_len);
			assert_true(l.count_at < l.report_len);
		}
}

static void
vendor_interface_is_no_scanner(void **state)
{
	uint8_t rem[sizeof(descriptor_a)];
	struct tb_hid_pos_layout l;

	memcpy(rem, descriptor_a, sizeof(rem));
	rem[1] = 0x01; /* a keyboard's page */
	assert_int_equal(tb_hid_pos_parse(rem, sizeof(rem), &l), -ENOENT);
	const uint8_t vendor[] = {0x06, 0x8c, 0xff, 0x09, 0x02, 0xa1, 0x01, 0xc0};
	assert_int_equal(tb_hid_pos_parse(vendor, sizeof(vendor), &l), -ENOENT);
}

static void
code_in_one_report(void **state)
{
	struct tb_hid_pos_layout l;
	struct tb_hid_pos pos;
	uint8_t r[64];

	assert_int_equal(tb_hid_pos_parse(descriptor_a, sizeof(descriptor_a), &l), 0);
	tb_hid_pos_init(&pos, &l);
	report_a(r, "]E0", "4006381333931", 13, false);
	assert_int_equal(tb_hid_pos_feed(&pos, r, 64, 1), TB_HID_POS_CODE);
	assert_int_equal(pos.len, 16);
	assert_memory_equal(pos.code, "]E04006381333931", 16);
	r[0] = 9; /* a status report */
	assert_int_equal(tb_hid_pos_feed(&pos, r, 64, 2), TB_HID_POS_IGNORED);
}

static void
known_layouts_serve_without_descriptor(void **state)
{
	struct tb_hid_pos pos;
	uint8_t r[64] = {2, 5, ']', 'Q', '1', 'h', 'e', 'l', 'l', 'o'};
	uint8_t b[64] = {2, 5, 'h', 'e', 'l', 'l', 'o'};
	uint8_t c[64] = {2, 5, 0, ']', 'Q', '1', 'h', 'e', 'l', 'l', 'o'};

	tb_hid_pos_init(&pos, NULL);
	assert_int_equal(tb_hid_pos_feed(&pos, r, 64, 1), TB_HID_POS_CODE);
	assert_memory_equal(pos.code, "]Q1hello", 8);
	assert_int_equal(tb_hid_pos_feed(&pos, b, 64, 2), TB_HID_POS_CODE);
	assert_int_equal(pos.len, 5);
	assert_memory_equal(pos.code, "hello", 5);
	assert_int_equal(tb_hid_pos_feed(&pos, c, 64, 3), TB_HID_POS_CODE);
	assert_memory_equal(pos.code, "]Q1hello", 8);
}

static void
continued_reports_are_joined(void **state)
{
	struct tb_hid_pos pos;
	uint8_t r[64];
	char long_code[130];

	memset(long_code, 'x', sizeof(long_code));
	long_code[56] = ']'; /* what a second part begins with decides nothing */
	tb_hid_pos_init(&pos, NULL);
	report_a(r, "]Q1", long_code, 56, true);
	assert_int_equal(tb_hid_pos_feed(&pos, r, 64, 0), TB_HID_POS_MORE);
	assert_int_equal(tb_hid_pos_deadline_us(&pos), TB_HID_POS_CONTINUATION_US);
	report_a(r, "]Q1", long_code + 56, 56, true);
	assert_int_equal(tb_hid_pos_feed(&pos, r, 64, 1000), TB_HID_POS_MORE);
	report_a(r, "]Q1", long_code + 112, 18, false);
	assert_int_equal(tb_hid_pos_feed(&pos, r, 64, 2000), TB_HID_POS_CODE);
	assert_int_equal(pos.len, 133);
	assert_memory_equal(pos.code + 3, long_code, 130);
	assert_int_equal(tb_hid_pos_deadline_us(&pos), UINT64_MAX);
}

static void
late_continuation_drops_what_came(void **state)
{
	struct tb_hid_pos pos;
	uint8_t r[64];

	tb_hid_pos_init(&pos, NULL);
	report_a(r, "]Q1", "abc", 3, true);
	assert_int_equal(tb_hid_pos_feed(&pos, r, 64, 0), TB_HID_POS_MORE);
	assert_false(tb_hid_pos_expire(&pos, TB_HID_POS_CONTINUATION_US - 1));
	assert_true(tb_hid_pos_expire(&pos, TB_HID_POS_CONTINUATION_US));
	report_a(r, "]Q1", "whole", 5, false);
	assert_int_equal(
		tb_hid_pos_feed(&pos, r, 64, TB_HID_POS_CONTINUATION_US + 5), TB_HID_POS_CODE);
	assert_memory_equal(pos.code, "]Q1whole", 8);
}

static void
lying_reports_are_dropped_with_what_they_continue(void **state)
{
	struct tb_hid_pos pos;
	uint8_t r[64];

	tb_hid_pos_init(&pos, NULL);
	report_a(r, "]Q1", "abc", 3, true);
	assert_int_equal(tb_hid_pos_feed(&pos, r, 64, 0), TB_HID_POS_MORE);
	report_a(r, "]Q1", "def", 3, true);
	r[1] = 57; /* longer than the field */
	assert_int_equal(tb_hid_pos_feed(&pos, r, 64, 1), TB_HID_POS_DROPPED);
	report_a(r, "]Q1", "ghi", 3, false); /* the rest of what was dropped */
	assert_int_equal(tb_hid_pos_feed(&pos, r, 64, 2), TB_HID_POS_IGNORED);
	report_a(r, "]Q1", "whole", 5, false);
	assert_int_equal(tb_hid_pos_feed(&pos, r, 64, 3), TB_HID_POS_CODE);
	assert_memory_equal(pos.code, "]Q1whole", 8);
	/* cut short before the bit that says whether it goes on: a full part did */
	for (size_t n = 2; n < 61; n++) {
		uint8_t full[64];

		report_a(full, "]Q1", "0123456789012345678901234567890123456789012345678901234", 56,
			true);
		assert_int_equal(tb_hid_pos_feed(&pos, full, n, 3), TB_HID_POS_DROPPED);
		assert_int_equal(tb_hid_pos_feed(&pos, full, 64, 3), TB_HID_POS_IGNORED);
		assert_int_equal(tb_hid_pos_feed(&pos, r, 64, 3), TB_HID_POS_IGNORED);
		assert_int_equal(tb_hid_pos_feed(&pos, r, 64, 3), TB_HID_POS_CODE);
	}
	for (size_t n = 0; n < 10; n++) {
		assert_int_equal(tb_hid_pos_feed(&pos, r, n, 4 + n), TB_HID_POS_DROPPED);
		assert_int_equal(tb_hid_pos_feed(&pos, r, 64, 4 + n), TB_HID_POS_CODE);
	}
}

static void
endless_code_ends_at_the_limit(void **state)
{
	struct tb_hid_pos pos;
	enum tb_hid_pos_result result;
	uint8_t r[64];
	char data[56];
	int reports = 0;

	memset(data, 'y', sizeof(data));
	tb_hid_pos_init(&pos, NULL);
	report_a(r, "]Q1", data, 56, true);
	do {
		result = tb_hid_pos_feed(&pos, r, 64, (uint64_t)reports);
		reports++;
	} while (result == TB_HID_POS_MORE && reports < 1000);
	assert_int_equal(result, TB_HID_POS_DROPPED);
	assert_true(reports > TB_CODE_MAX / 56);
	r[63] = 0;
	assert_int_equal(tb_hid_pos_feed(&pos, r, 64, 2000), TB_HID_POS_IGNORED);
	assert_int_equal(tb_hid_pos_feed(&pos, r, 64, 2001), TB_HID_POS_CODE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descriptor_tells_where_fields_lie),
		cmocka_unit_test(descriptor_cut_or_bent_never_passes_for_whole),
		cmocka_unit_test(vendor_interface_is_no_scanner),
		cmocka_unit_test(code_in_one_report),
		cmocka_unit_test(known_layouts_serve_without_descriptor),
		cmocka_unit_test(continued_reports_are_joined),
		cmocka_unit_test(late_continuation_drops_what_came),
		cmocka_unit_test(lying_reports_are_dropped_with_what_they_continue),
		cmocka_unit_test(endless_code_ends_at_the_limit),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
