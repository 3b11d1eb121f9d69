/* SPDX-License-Identifier: MIT */
/*
 * The coupon's template: its words and dates in four languages, and that it stands on 58 and 80 mm
 * paper with nothing cut off and nothing replaced.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "bridge/coupon.h"
#include "hw/escpos/encode.h"

/* The texts of a document, a line each; QR codes in brackets. */
static char *
text_of(const struct tb_document *document)
{
	struct tb_buf buf = TB_BUF_INIT(16384);

	for (size_t i = 0; i < document->n; i++) {
		const struct tb_block *block = &document->blocks[i];

		if (block->kind == TB_BLOCK_TEXT)
			tb_buf_addf(&buf, "%s\n", block->text.text);
		else if (block->kind == TB_BLOCK_QR)
			tb_buf_addf(&buf, "[%.*s]\n", (int)block->qr.len, block->qr.data);
	}
	return tb_buf_take(&buf);
}

static char *
coupon_text(const struct tb_coupon *coupon)
{
	_cleanup_(tb_document_freep) struct tb_document *document = NULL;

	assert_int_equal(tb_coupon_document(coupon, &document), 0);
	assert_int_equal(document->blocks[document->n - 1].kind, TB_BLOCK_CUT);
	return text_of(document);
}

static void
each_language_has_its_words(void **state)
{
	static const struct {
		const char *language, *expected;
	} cases[] = {
		{"fr", "Le Fournil\n DUPLICATA - REPRINT \nCafé offert\nPour Zoé\n"
		       "Valable jusqu'au 1er août 2025\n[TBC-AB12]\nTBC-AB12\n"
		       "Bon à présenter en caisse\n"},
		{"en", "Le Fournil\n REPRINT \nCafé offert\nFor Zoé\nValid until 1 August 2025\n"
		       "[TBC-AB12]\nTBC-AB12\nPlease show this coupon at the till\n"},
		{"de", "Le Fournil\n NACHDRUCK - REPRINT \nCafé offert\nFür Zoé\n"
		       "Gültig bis 1. August 2025\n[TBC-AB12]\nTBC-AB12\n"
		       "Bitte an der Kasse vorzeigen\n"},
		{"it", "Le Fournil\n DUPLICATO - REPRINT \nCafé offert\nPer Zoé\n"
		       "Valido fino al 1° agosto 2025\n[TBC-AB12]\nTBC-AB12\n"
		       "Da presentare alla cassa\n"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tb_coupon coupon = {.code = "TBC-AB12",
			.title = "Café offert",
			.valid_to = "2025-08-02T00:00:00+02:00",
			.first_name = "Zoé",
			.shop = "Le Fournil",
			.language = cases[i].language,
			.reprint = true};
		_cleanup_free_ char *text = coupon_text(&coupon);

		assert_string_equal(text, cases[i].expected);
	}
}

static void
end_of_a_window_is_its_last_day(void **state)
{
	static const struct {
		const char *valid_to, *expected;
	} cases[] = {
		{"2025-08-02T00:00:00+02:00", "1er août 2025\n"},
		{"2025-08-01T22:00:00Z", "1er août 2025 à 22:00\n"},
		{"2025-08-02T23:59:59+02:00", "2 août 2025\n"},
		{"2025-08-02T15:30:10.5+02:00", "2 août 2025 à 15:30\n"},
		{"2026-01-01T00:00:00+01:00", "31 décembre 2025\n"},
		{"2024-03-01", "29 février 2024\n"},
		{"2025-01-01", "31 décembre 2024\n"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tb_coupon coupon = {.code = "TBC-1",
			.title = "t",
			.language = "fr",
			.valid_to = cases[i].valid_to};
		_cleanup_free_ char *text = coupon_text(&coupon);
		char expected[96];

		snprintf(expected, sizeof(expected), "Valable jusqu'au %s", cases[i].expected);
		assert_non_null(strstr(text, expected));
	}
}

static void
what_is_not_known_is_not_printed(void **state)
{
	struct tb_coupon bare = {.code = "TBC-1", .title = "Gift", .language = "xx"};
	struct tb_coupon odd = {.code = "TBC-1",
		.title = "Gift",
		.language = "en",
		.first_name = "",
		.shop = "",
		.valid_to = "some day"};
	_cleanup_free_ char *text = coupon_text(&bare), *same = coupon_text(&odd);

	assert_string_equal(text, "Gift\n[TBC-1]\nTBC-1\nPlease show this coupon at the till\n");
	assert_string_equal(text, same);
}

/* A title is the program's, a name the customer's own: neither reaches the printer as a command. */
static void
untrusted_text_is_text(void **state)
{
	struct tb_coupon coupon = {.code = "TBC-1",
		.title = "a\x10\x14\x01\x03\x05z\x1b@",
		.language = "fr",
		.first_name = "\x1bp0"};
	_cleanup_(tb_document_freep) struct tb_document *document = NULL;
	_cleanup_(tb_encoded_done) struct tb_encoded encoded = {0};
	struct tb_print_report report = {0};
	char *why = NULL;

	assert_int_equal(tb_coupon_document(&coupon, &document), 0);
	assert_int_equal(
		tb_encode_document(document, tb_profile_find(NULL), &report, &encoded, &why), 0);
	assert_null(memmem(encoded.bytes.data, encoded.bytes.len, "\x10\x14", 2));
	assert_null(memmem(encoded.bytes.data, encoded.bytes.len, "\x1bp", 2));
}

static void
stands_on_every_paper(void **state)
{
	static const char *const languages[] = {"fr", "en", "de", "it"};

	for (size_t i = 0; tb_profile_at(i); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(languages); j++) {
			struct tb_coupon coupon = {.code = "TBC-8F3K2M9QWX7T",
				.title = "Une boisson chaude offerte avec le menu du midi",
				.valid_to = "2025-02-02T00:00:00+01:00",
				.first_name = "Éléonore",
				.shop = "lyon-1",
				.language = languages[j],
				.reprint = true};
			_cleanup_(tb_document_freep) struct tb_document *document = NULL;
			_cleanup_(tb_encoded_done) struct tb_encoded encoded = {0};
			struct tb_print_report report = {0};
			_cleanup_free_ char *why = NULL;

			assert_int_equal(tb_coupon_document(&coupon, &document), 0);
			assert_int_equal(tb_encode_document(document, tb_profile_at(i), &report,
						 &encoded, &why),
				0);
			assert_int_equal(report.too_wide, 0);
			assert_string_equal(report.substituted, "");
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_language_has_its_words),
		cmocka_unit_test(end_of_a_window_is_its_last_day),
		cmocka_unit_test(what_is_not_known_is_not_printed),
		cmocka_unit_test(untrusted_text_is_text),
		cmocka_unit_test(stands_on_every_paper),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
