/* SPDX-License-Identifier: MIT */
/* The ground floor: money's rounding, time's edges, text's foldings, JSON text. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/jsonw.h"
#include "base/money.h"
#include "base/text.h"
#include "base/timestamp.h"

static void
money_rounds_half_up_on_the_whole(void **state)
{
	int64_t v;

	assert_int_equal(tb_muldiv_half_up(10, 1000, 10000, &v), 0);
	assert_int_equal(v, 1);
	assert_int_equal(tb_muldiv_half_up(5, 1000, 10000, &v), 0);
	assert_int_equal(v, 1);
	assert_int_equal(tb_muldiv_half_up(999, 1550, 10000, &v), 0);
	assert_int_equal(v, 155);
	assert_int_equal(tb_muldiv_ceil(7, 100, 1000, &v), 0);
	assert_int_equal(v, 1);
	v = 42;
	assert_int_equal(tb_muldiv_half_up(INT64_MAX, 3, 1, &v), -EOVERFLOW);
	assert_int_equal(v, 42);
}

static void
money_spreads_to_the_cent(void **state)
{
	int64_t w[] = {333, 333, 333}, s[3], even[] = {5, 5}, t[2];

	assert_int_equal(tb_spread(155, w, 3, s), 0);
	assert_int_equal(s[0], 52);
	assert_int_equal(s[1], 52);
	assert_int_equal(s[2], 51);
	assert_int_equal(tb_spread(1, even, 2, t), 0);
	assert_int_equal(t[0], 1);
	assert_int_equal(t[1], 0);
	assert_int_equal(tb_spread(11, even, 2, t), -EINVAL);
	assert_int_equal(tb_spread(0, even, 0, t), 0);
}

static void
spread_never_passes_a_weight(void **state)
{
	uint64_t x = 88172645463325252u;

	for (int round = 0; round < 20000; round++) {
		int64_t w[7], s[7], sum = 0, got = 0;

		for (int i = 0; i < 7; i++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			w[i] = (int64_t)(x % 50);
			sum += w[i];
		}
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		int64_t amount = (int64_t)(x % (uint64_t)(sum + 1));

		assert_int_equal(tb_spread(amount, w, 7, s), 0);
		for (int i = 0; i < 7; i++) {
			assert_true(s[i] >= 0 && s[i] <= w[i]);
			got += s[i];
		}
		assert_int_equal(got, amount);
	}
}

static void
time_reads_rfc3339(void **state)
{
	int64_t at;
	int offset;
	char text[TB_TIME_TEXT];

	assert_int_equal(tb_time_parse("2025-05-06T10:00:00+02:00", &at, &offset), 0);
	assert_int_equal(at, INT64_C(1746518400) * TB_USEC_PER_SEC);
	assert_int_equal(offset, 7200);
	tb_time_format(at, offset, text);
	assert_string_equal(text, "2025-05-06T10:00:00+02:00");
	assert_int_equal(tb_time_parse("2024-02-29T23:59:60.25Z", &at, &offset), 0);
	assert_int_equal(tb_time_parse("2023-02-29T00:00:00Z", &at, &offset), -EINVAL);
	assert_int_equal(tb_time_parse("2025-05-06T10:00:00", &at, &offset), -EINVAL);
	assert_int_equal(tb_time_parse("2025-05-06", &at, &offset), -EINVAL);
	assert_int_equal(tb_time_parse("", &at, &offset), -EINVAL);
	assert_int_equal(tb_time_parse("2025-13-06T10:00:00Z", &at, &offset), -EINVAL);
}

static void
zone_knows_summer_and_skipped_midnights(void **state)
{
	struct tb_zone *zone = NULL;
	struct tb_date d;
	int64_t at;
	int hour;

	assert_int_equal(tb_zone_load("Europe/Nowhere", &zone), -ENOENT);
	assert_int_equal(tb_zone_load("../etc/passwd", &zone), -ENOENT);
	assert_int_equal(tb_zone_load("Europe/Paris", &zone), 0);
	assert_int_equal(tb_time_parse("2025-05-06T23:30:00Z", &at, NULL), 0);
	d = tb_zone_date(zone, at, &hour);
	assert_int_equal(d.day, 7);
	assert_int_equal(hour, 1);
	assert_int_equal(tb_zone_offset(zone, INT64_C(1743296399) * TB_USEC_PER_SEC), 3600);
	assert_int_equal(tb_zone_offset(zone, INT64_C(1743296400) * TB_USEC_PER_SEC), 7200);
	assert_int_equal(tb_zone_day_start(zone, (struct tb_date){2025, 5, 7}),
		INT64_C(1746568800) * TB_USEC_PER_SEC);
	tb_zone_free(zone);
	/* Chile skips midnight in spring: the day begins at one o'clock. */
	assert_int_equal(tb_zone_load("America/Santiago", &zone), 0);
	at = tb_zone_day_start(zone, (struct tb_date){2024, 9, 8});
	d = tb_zone_date(zone, at, &hour);
	assert_int_equal(d.day, 8);
	assert_int_equal(hour, 1);
	assert_int_equal(tb_zone_date(zone, at - 1, NULL).day, 7);
	tb_zone_free(zone);
}

static void
text_folds(void **state)
{
	char *t;

	t = tb_text_fold_search("  \xc3\x89l\xc3\xa9onore\xc2\xa0 DURAND ");
	assert_string_equal(t, "eleonore durand");
	free(t);
	t = tb_text_fold("Cafe\xcc\x81  CR\xc3\x88ME");
	assert_string_equal(t, "caf\xc3\xa9 cr\xc3\xa8me");
	free(t);
	t = tb_phone_e164("06 12.34-56 78", "FR");
	assert_string_equal(t, "+33612345678");
	free(t);
	t = tb_phone_e164("0041 79 123 45 67", "FR");
	assert_string_equal(t, "+41791234567");
	free(t);
	t = tb_phone_e164("+33 (0)6 12 34 56 78", "CH");
	assert_string_equal(t, "+33612345678");
	free(t);
	t = tb_phone_e164("+39 (0)6 1234 5678", "FR");
	assert_string_equal(t, "+390612345678");
	free(t);
	t = tb_phone_e164("0039 (0)6 1234 5678", "FR");
	assert_string_equal(t, "+390612345678");
	free(t);
	t = tb_phone_e164("0033 (0)6 12 34 56 78", "IT");
	assert_string_equal(t, "+33612345678");
	free(t);
	assert_null(tb_phone_e164("call me", "FR"));
	assert_null(tb_phone_e164("12", "FR"));
	t = tb_email_fold("Anne@Example.FR");
	assert_string_equal(t, "anne@example.fr");
	free(t);
	assert_null(tb_email_fold("@x"));
	assert_false(tb_utf8_valid("\xed\xa0\x80", 3));
	assert_false(tb_utf8_valid("\xc0\x80", 2));
	assert_true(tb_utf8_valid("\xf0\x9f\x8d\x95", 4));
}

/* Wherever a character that is escaped stands, it is. */
static void
json_escapes_at_every_place(void **state)
{
	static const char *const escaped[] = {"\\u001f", "\\\"", "\\\\", "\\n", "\\u0000"};
	static const char raw[] = {0x1f, '"', '\\', '\n', 0};

	for (size_t at = 0; at < 20; at++) {
		for (size_t k = 0; k < ARRAY_SIZE(escaped); k++) {
			_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
			char text[20], want[40];

			memset(text, 0xc3, sizeof(text));
			text[at] = raw[k];
			tb_json_quote(&buf, text, sizeof(text));
			snprintf(want, sizeof(want), "\"%.*s%s%.*s\"", (int)at, text, escaped[k],
				(int)(19 - at), text + at + 1);
			assert_string_equal(buf.data, want);
		}
	}
}

static void
json_text_is_escaped(void **state)
{
	struct tb_buf buf = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&buf);

	tb_jsonw_object(&w, NULL);
	tb_jsonw_string(&w, "a", "x\"\\\n\x01\xc3\xa9");
	tb_jsonw_string(&w, "absent", NULL);
	tb_jsonw_array(&w, "n");
	tb_jsonw_int(&w, NULL, INT64_MIN);
	tb_jsonw_int(&w, NULL, 0);
	tb_jsonw_end_array(&w);
	tb_jsonw_bool(&w, "b", true);
	tb_jsonw_end_object(&w);
	assert_int_equal(tb_buf_error(&buf), 0);
	assert_string_equal(buf.data, "{\"a\":\"x\\\"\\\\\\n\\u0001\xc3\xa9\",\"n\":[-"
				      "9223372036854775808,0],\"b\":true}");
	tb_buf_done(&buf);
}

static void
buffer_stops_at_its_limit(void **state)
{
	struct tb_buf buf = TB_BUF_INIT(4);

	tb_buf_add_str(&buf, "abc");
	tb_buf_add_str(&buf, "de");
	assert_int_equal(tb_buf_error(&buf), -EMSGSIZE);
	assert_string_equal(buf.data, "abc");
	assert_null(tb_buf_take(&buf));
}

static void
errors_have_words(void **state)
{
	assert_string_equal(tb_error_word(TB_ERROR_CUSTOMER_UNKNOWN), "customer_unknown");
	assert_int_equal(tb_error_from_word("in_progress"), TB_ERROR_IN_PROGRESS);
	assert_true(tb_error_retryable(TB_ERROR_IN_PROGRESS));
	for (int i = 1; i < TB_ERROR_COUNT; i++)
		assert_non_null(tb_error_word((enum tb_error)i));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(money_rounds_half_up_on_the_whole),
		cmocka_unit_test(money_spreads_to_the_cent),
		cmocka_unit_test(spread_never_passes_a_weight),
		cmocka_unit_test(time_reads_rfc3339),
		cmocka_unit_test(zone_knows_summer_and_skipped_midnights),
		cmocka_unit_test(text_folds),
		cmocka_unit_test(json_text_is_escaped),
		cmocka_unit_test(json_escapes_at_every_place),
		cmocka_unit_test(buffer_stops_at_its_limit),
		cmocka_unit_test(errors_have_words),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
