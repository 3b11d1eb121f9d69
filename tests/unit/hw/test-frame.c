/* SPDX-License-Identifier: MIT */
/* Codes out of a stream of bytes: each key of the framing, each way to cut the stream. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "hw/codec/frame.h"

static struct tb_buf seen; /* codes and reasons, one a line */

static void
note(const uint8_t *code, size_t len, const char *reason, void *userdata)
{
	if (reason)
		tb_buf_addf(&seen, "!%s", reason);
	else
		tb_buf_add(&seen, code, len);
	tb_buf_add_byte(&seen, '|');
}

struct settings {
	enum tb_terminator terminator;
	const char *prefix, *suffix;
	size_t max_length;
};

static void
begin(struct tb_frame *frame, struct settings settings)
{
	struct tb_frame_config config = {
		.terminator = settings.terminator,
		.idle_us = 100000,
		.max_length = settings.max_length ? settings.max_length : 8192,
	};
	ssize_t n;

	n = tb_escapes_decode(
		settings.prefix ? settings.prefix : "", config.prefix, TB_FRAME_MARK_MAX);
	assert_true(n >= 0);
	config.prefix_len = (size_t)n;
	n = tb_escapes_decode(
		settings.suffix ? settings.suffix : "", config.suffix, TB_FRAME_MARK_MAX);
	assert_true(n >= 0);
	config.suffix_len = (size_t)n;
	assert_int_equal(tb_frame_init(frame, &config, note, NULL), 0);
	tb_buf_reset(&seen);
}

/* Feeds a stream in pieces of `piece` bytes; ~ stands for silence, both sides of it. */
static void
play(struct tb_frame *frame, const char *stream, size_t len, size_t piece)
{
	uint64_t now = 1;

	for (size_t i = 0; i < len;) {
		const char *quiet = memchr(stream + i, '~', len - i);
		size_t n = (quiet ? (size_t)(quiet - stream) : len) - i;

		if (n > piece)
			n = piece;
		tb_frame_feed(frame, (const uint8_t *)stream + i, n, now += 1000);
		i += n;
		if (i < len && stream[i] == '~') {
			if (tb_frame_deadline(frame) != UINT64_MAX)
				assert_int_equal(tb_frame_deadline(frame), now + 100000);
			tb_frame_silence(frame);
			i++;
		}
	}
}

/* Whatever the pieces, the same comes out. */
static void
check_len(struct settings settings, const char *stream, size_t len, const char *expected)
{
	for (size_t piece = 1; piece <= len + 1; piece = piece < 40 ? piece + 1 : piece * 2) {
		struct tb_frame frame;

		begin(&frame, settings);
		play(&frame, stream, len, piece);
		tb_frame_done(&frame);
		assert_int_equal(tb_buf_error(&seen), 0);
		assert_string_equal(seen.data ? seen.data : "", expected);
	}
}

#define check(settings, stream, expected) check_len(settings, stream, sizeof(stream) - 1, expected)
#define SET(...) ((struct settings){__VA_ARGS__})

static void
auto_takes_cr_lf_both_and_silence(void **state)
{
	struct settings set = SET(TB_TERMINATOR_AUTO);

	check(set, "111\r222\n333\r\n444~555\r\r\n\n~666\n\r777", "111|222|333|444|555|666|");
	check(set, "\r\n~\r", "");
	check(set, "12\t3\r", "12\t3|");
}

static void
named_terminators_are_the_only_ones(void **state)
{
	check(SET(TB_TERMINATOR_CR), "1\n2\r3\r", "1\n2|3|");
	check(SET(TB_TERMINATOR_LF), "1\r2\n3\r\n", "1\r2|3\r|");
	check(SET(TB_TERMINATOR_CRLF), "1\r2\n3\r\n\r\n4\r\r\n", "1\r2\n3|4\r|");
	check(SET(TB_TERMINATOR_TAB), "1\r\t2\t\t", "1\r|2|");
	check(SET(TB_TERMINATOR_NONE), "1\r\n~2\t~~", "1\r\n|2\t|");
}

static void
silence_drops_under_a_named_terminator(void **state)
{
	check(SET(TB_TERMINATOR_CR), "12~34\r", "!no_terminator|34|");
	check(SET(TB_TERMINATOR_CRLF), "12\r~34\r\n", "!no_terminator|34|");
	check(SET(TB_TERMINATOR_TAB), "~~12~", "!no_terminator|");
	check(SET(TB_TERMINATOR_LF, .prefix = "#"), "#~#1\n", "!no_terminator|1|");
}

static void
noise_stands_before_the_prefix(void **state)
{
	struct settings set = SET(TB_TERMINATOR_CR, .prefix = "\\x02");

	check(set,
		"zz\r\x02"
		"12\r34\r\x02"
		"56\rz",
		"12|56|");
	check(set,
		"noise~\x02"
		"12\r",
		"12|");
	check(SET(TB_TERMINATOR_CR, .prefix = "aab"), "aaab1\raab2\rab3\r", "1|2|");
	check(SET(TB_TERMINATOR_CR, .prefix = "ab"), "a~b1\rab2\r", "2|");
	/* every byte behind it belongs to the code, the same sign too */
	check(set,
		"\x02"
		"1\x02"
		"2\r",
		"1\x02"
		"2|");
	check(SET(TB_TERMINATOR_AUTO, .prefix = "A"), "A1\r\nA2~xA~A3\n", "1|2|3|");
}

static void
suffix_and_terminator_end_together(void **state)
{
	check(SET(TB_TERMINATOR_CR, .suffix = "\\x03"),
		"a\rb\x03\rc\x03"
		"d\x03\r",
		"a\rb|c\x03"
		"d|");
	check(SET(TB_TERMINATOR_CRLF, .suffix = "##"), "1#\r\n##\r\n2##\r\n", "1#\r\n|2|");
	check(SET(TB_TERMINATOR_NONE, .suffix = "\\x03"),
		"1\x03"
		"2\x03~3~",
		"1|2|!no_terminator|");
	check(SET(TB_TERMINATOR_AUTO, .suffix = "#"), "1#\r\n2#~3~4\r5#\n",
		"1|2|!no_terminator|4\r5|");
	check(SET(TB_TERMINATOR_CR, .prefix = "<", .suffix = ">"), "<1>\rx<2>\r<>\r", "1|2|");
}

static void
too_long_is_dropped_up_to_the_next_end(void **state)
{
	check(SET(TB_TERMINATOR_CR, .max_length = 4), "1234\r12345\r1\r123456789012\r2\r",
		"1234|!code_too_long|1|!code_too_long|2|");
	check(SET(TB_TERMINATOR_CRLF, .max_length = 3, .suffix = "#"),
		"123#\r\n1234#\r\n123456789#\r\n1#\r\n", "123|!code_too_long|!code_too_long|1|");
	check(SET(TB_TERMINATOR_AUTO, .max_length = 3), "1234567890~12~1234567890\n3\r",
		"!code_too_long|12|!code_too_long|3|");
	check(SET(TB_TERMINATOR_NONE, .max_length = 3), "1234~123~", "!code_too_long|123|");
	check(SET(TB_TERMINATOR_CR, .max_length = 1), "1234567890~1\r", "!code_too_long|1|");
}

static void
nul_and_high_bytes_are_data(void **state)
{
	struct tb_frame frame;

	begin(&frame, SET(TB_TERMINATOR_CR));
	tb_frame_feed(&frame, (const uint8_t *)"\0a\xff\x80\0\r", 6, 1);
	assert_int_equal(seen.len, 6);
	assert_memory_equal(seen.data, "\0a\xff\x80\0|", 6);
	assert_int_equal(tb_frame_deadline(&frame), UINT64_MAX);
	tb_frame_done(&frame);
}

static void
long_codes_come_whole(void **state)
{
	static char stream[8192 + 7000 + 2];

	memset(stream, 'x', 8192);
	stream[8192] = '\r';
	memset(stream + 8193, 'y', 7000);
	stream[15193] = '\r';
	for (size_t piece = 1; piece < 20000; piece = piece * 3 + 1) {
		struct tb_frame frame;

		begin(&frame, SET(TB_TERMINATOR_AUTO));
		play(&frame, stream, sizeof(stream), piece);
		tb_frame_done(&frame);
		assert_int_equal(seen.len, sizeof(stream));
		assert_int_equal(seen.data[8192], '|');
		assert_int_equal(seen.data[8191], 'x');
		assert_int_equal(seen.data[15192], 'y');
	}
}

static void
a_hang_up_forgets(void **state)
{
	struct tb_frame frame;

	begin(&frame, SET(TB_TERMINATOR_AUTO));
	tb_frame_feed(&frame, (const uint8_t *)"half", 4, 5);
	assert_int_equal(tb_frame_deadline(&frame), 100005);
	tb_frame_reset(&frame);
	assert_int_equal(tb_frame_deadline(&frame), UINT64_MAX);
	tb_frame_silence(&frame);
	tb_frame_feed(&frame, (const uint8_t *)"1\r", 2, 6);
	assert_string_equal(seen.data, "1|");
	tb_frame_done(&frame);
}

/* Random streams over a small alphabet: what comes out never depends on the pieces. */
static void
pieces_never_matter(void **state)
{
	static const char alphabet[] = "ab#<\r\n\t~\r\n1";
	uint64_t x = 88172645463325252u;

	for (int round = 0; round < 3000; round++) {
		struct settings set = {.terminator = (enum tb_terminator)(round % 6),
			.prefix = round % 4 == 1   ? "<"
		                  : round % 4 == 2 ? "a<"
		                                   : NULL,
			.suffix = round % 5 == 1   ? "#"
		                  : round % 5 == 2 ? "#b"
		                                   : NULL,
			.max_length = round % 3 ? 8192 : 3};
		char stream[40];
		_cleanup_free_ char *whole = NULL;

		for (size_t i = 0; i < sizeof(stream); i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			stream[i] = alphabet[x % (sizeof(alphabet) - 1)];
		}
		for (size_t piece = sizeof(stream); piece > 0; piece /= 2) {
			struct tb_frame frame;

			begin(&frame, set);
			play(&frame, stream, sizeof(stream), piece);
			tb_frame_done(&frame);
			if (!whole)
				whole = strdup(seen.data ? seen.data : "");
			else
				assert_string_equal(seen.data ? seen.data : "", whole);
		}
	}
}

static void
escapes_are_those_of_c(void **state)
{
	uint8_t out[8];

	assert_int_equal(tb_escapes_decode("a\\r\\n\\x1d\\0\\101\\\\", out, sizeof(out)), 7);
	assert_memory_equal(out, "a\r\n\x1d\0A\\", 7);
	assert_int_equal(tb_escapes_decode("\\x", out, sizeof(out)), -EINVAL);
	assert_int_equal(tb_escapes_decode("\\q", out, sizeof(out)), -EINVAL);
	assert_int_equal(tb_escapes_decode("\\", out, sizeof(out)), -EINVAL);
	assert_int_equal(tb_escapes_decode("\\777", out, sizeof(out)), -EINVAL);
	assert_int_equal(tb_escapes_decode("123456789", out, sizeof(out)), -E2BIG);
}

static int
forget(void **state)
{
	tb_buf_done(&seen);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(auto_takes_cr_lf_both_and_silence),
		cmocka_unit_test(named_terminators_are_the_only_ones),
		cmocka_unit_test(silence_drops_under_a_named_terminator),
		cmocka_unit_test(noise_stands_before_the_prefix),
		cmocka_unit_test(suffix_and_terminator_end_together),
		cmocka_unit_test(too_long_is_dropped_up_to_the_next_end),
		cmocka_unit_test(nul_and_high_bytes_are_data),
		cmocka_unit_test(long_codes_come_whole),
		cmocka_unit_test(a_hang_up_forgets),
		cmocka_unit_test(pieces_never_matter),
		cmocka_unit_test(escapes_are_those_of_c),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("frame", tests, NULL, forget);
}
