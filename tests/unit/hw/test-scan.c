/* SPDX-License-Identifier: MIT */
/* What the bytes of a code say: identifier, text, GS1's fields, Digital Link. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "hw/scan.h"

/* code|symbology|aim|raw length|ai=value… */
static char *
told_len(const char *bytes, size_t len, const char *symbology)
{
	struct tb_buf buf = TB_BUF_INIT(0);
	struct tb_scan scan;
	int r = tb_scan_init(&scan, (const uint8_t *)bytes, len, symbology);

	if (r < 0) {
		tb_buf_addf(&buf, "%s", strerror(-r));
		return tb_buf_take(&buf);
	}
	tb_buf_addf(&buf, "%s|%s|%s|%zu", scan.code, scan.symbology ? scan.symbology : "-",
		scan.aim, scan.raw_len);
	for (size_t i = 0; i < scan.n_fields; i++)
		tb_buf_addf(&buf, "|%s=%s", scan.fields[i].ai, scan.fields[i].value);
	tb_scan_done(&scan);
	return tb_buf_take(&buf);
}

#define check(bytes, symbology, expected) \
	do { \
		_cleanup_free_ char *told = told_len(bytes, sizeof(bytes) - 1, symbology); \
		assert_string_equal(told, expected); \
	} while (0)

static void
identifiers_name_symbologies(void **state)
{
	static const struct {
		const char *bytes, *expected;
	} rows[] = {
		{"]E03256220450002", "3256220450002|ean13|]E0|0"},
		{"]E0042100005264", "042100005264|upca|]E0|0"},
		{"]E33256220450002", "3256220450002|ean13|]E3|0"},
		{"]E496385074", "96385074|ean8|]E4|0"},
		{"]E112", "12|ean-addon|]E1|0"},
		{"]E212345", "12345|ean-addon|]E2|0"},
		{"]C0ABC", "ABC|code128|]C0|0"},
		{"]C2ABC", "ABC|-|]C2|0"},
		{"]A0ABC", "ABC|code39|]A0|0"},
		{"]A5ABC", "ABC|code39|]A5|0"},
		{"]G0ABC", "ABC|code93|]G0|0"},
		{"]I11234", "1234|itf|]I1|0"},
		{"]F0A12B", "A12B|codabar|]F0|0"},
		{"]L2x", "x|pdf417|]L2|0"},
		{"]Q0x", "x|qr|]Q0|0"},
		{"]Q1x", "x|qr|]Q1|0"},
		{"]Q2x", "x|qr|]Q2|0"},
		{"]Q4x", "x|-|]Q4|0"},
		{"]d0x", "x|datamatrix|]d0|0"},
		{"]d1x", "x|datamatrix|]d1|0"},
		{"]d4x", "x|-|]d4|0"},
		{"]z0x", "x|aztec|]z0|0"},
		{"]zCx", "x|aztec|]zC|0"},
		{"]zDx", "]zDx|-||0"},
		{"]e1x", "x|-|]e1|0"},
		{"]X0x", "x|-|]X0|0"},
		{"]S0x", "x|-|]S0|0"},
		{"x]Q1", "x]Q1|-||0"},
		{"]QQx", "]QQx|-||0"},
		{"]1Qx", "]1Qx|-||0"},
		{"]]Q1", "]]Q1|-||0"},
		{"]Q", "]Q|-||0"},
		{"]", "]|-||0"},
		{"]Q1", "No data available"},
		{"", "No data available"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *told = told_len(rows[i].bytes, strlen(rows[i].bytes), NULL);

		assert_string_equal(told, rows[i].expected);
	}
	check("]Q1x", "ean13", "x|qr|]Q1|0");
	check("12", "ean13", "12|ean13||0");
	check("12", "morse", "12|-||0");
}

static void
text_is_always_utf8(void **state)
{
	check("\xc3\xa9t\xc3\xa9", NULL, "\xc3\xa9t\xc3\xa9|-||0");
	check("a\xe9"
	      "b",
		NULL,
		"a\xef\xbf\xbd"
		"b|-||3");
	check("a\0b", NULL,
		"a\xef\xbf\xbd"
		"b|-||3");
	check("\xe2\x82", NULL, "\xef\xbf\xbd\xef\xbf\xbd|-||2");
	check("\xe2\x82"
	      "A\xc3\xa9",
		NULL,
		"\xef\xbf\xbd\xef\xbf\xbd"
		"A\xc3\xa9|-||5");
	check("\xed\xa0\x80", NULL, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|-||3");
	check("\xf0\x9f\x98\x80\xc0", NULL, "\xf0\x9f\x98\x80\xef\xbf\xbd|-||5");
	check("]Q1\xff", NULL, "\xef\xbf\xbd|qr|]Q1|1");
}

static void
element_strings_have_fields(void **state)
{
	check("]C10103453120000011"
	      "17251231"
	      "10ABC123\x1d"
	      "2112345",
		NULL,
		"0103453120000011"
		"17251231"
		"10ABC123\x1d"
		"2112345|gs1-128|]C1|0"
		"|01=03453120000011|17=251231|10=ABC123|21=12345");
	check("]d2\x1d"
	      "0103453120000011\x1d"
	      "21A",
		NULL,
		"0103453120000011\x1d"
		"21A|gs1-datamatrix|]d2|0|01=03453120000011|21=A");
	check("]Q3"
	      "3103001234"
	      "8008250506101112\x1d"
	      "3922"
	      "1299",
		NULL,
		"3103001234"
		"8008250506101112\x1d"
		"3922"
		"1299|gs1-qr|]Q3|0"
		"|3103=001234|8008=250506101112|3922=1299");
	check("]e0"
	      "0103453120000011",
		NULL, "0103453120000011|gs1-databar|]e0|0|01=03453120000011");
	check("8200https://x.example/1", "gs1-128",
		"8200https://x.example/1|gs1-128||0|8200=https://x.example/1");
	check("10A\x1d", "gs1-128", "10A\x1d|gs1-128||0|10=A");
	check("253"
	      "1234567890128"
	      "AB",
		"gs1-128",
		"253"
		"1234567890128"
		"AB|gs1-128||0|253=1234567890128AB");
	/* the wire does not tell: no fields */
	check("\x1d"
	      "0103453120000011",
		NULL, "0103453120000011|-||0");
	check("0103453120000011", "code128", "0103453120000011|code128||0");
}

static void
what_does_not_hold_has_no_fields(void **state)
{
	check("]C1"
	      "01034531200000",
		NULL, "01034531200000|gs1-128|]C1|0");
	check("]C1"
	      "0103453120000A11",
		NULL, "0103453120000A11|gs1-128|]C1|0");
	check("]C1"
	      "0103453120000011"
	      "99",
		NULL,
		"0103453120000011"
		"99|gs1-128|]C1|0");
	check("]C1"
	      "0503453120000011",
		NULL, "0503453120000011|gs1-128|]C1|0");
	check("]C1"
	      "10123456789012345678901",
		NULL, "10123456789012345678901|gs1-128|]C1|0");
	check("]C1"
	      "10A\x1d\x1d"
	      "21B",
		NULL,
		"10A\x1d\x1d"
		"21B|gs1-128|]C1|0");
	check("]C1"
	      "HELLO",
		NULL, "HELLO|gs1-128|]C1|0");
	check("]C1"
	      "10A\x80",
		NULL, "10A\xef\xbf\xbd|gs1-128|]C1|4");
}

static void
links_have_fields(void **state)
{
	check("https://id.gs1.org/01/09506000134352/10/ABC%2F1/21/"
	      "456?17=260630&3103=000195&linkType=x",
		NULL,
		"https://id.gs1.org/01/09506000134352/10/ABC%2F1/21/"
		"456?17=260630&3103=000195&linkType=x|-||0"
		"|01=09506000134352|10=ABC/1|21=456|17=260630|3103=000195");
	check("]Q1HTTPS://brand.example/some/where/01/09506000134352/#x", NULL,
		"HTTPS://brand.example/some/where/01/09506000134352/#x|qr|]Q1|0|01=09506000134352");
	check("http://x.example/01/9506000134352", NULL,
		"http://x.example/01/9506000134352|-||0|01=9506000134352");
	check("https://x.example/00/106141412345678908", NULL,
		"https://x.example/00/106141412345678908|-||0|00=106141412345678908");
	check("https://x.example/10/ABC", NULL, "https://x.example/10/ABC|-||0");
	check("https://x.example/01/123", NULL, "https://x.example/01/123|-||0");
	check("https://x.example/01/09506000134352/zz", NULL,
		"https://x.example/01/09506000134352/zz|-||0");
	check("https://x.example/?01=09506000134352", NULL,
		"https://x.example/?01=09506000134352|-||0");
	check("https://shop.example/c/8F3K2M", NULL, "https://shop.example/c/8F3K2M|-||0");
	check("https://", NULL, "https://|-||0");
	check("https://a", NULL, "https://a|-||0");
	check("https:///01/09506000134352", NULL, "https:///01/09506000134352|-||0");
}

static void
size_has_a_limit(void **state)
{
	static char big[3 + TB_CODE_MAX + 1];
	struct tb_scan scan;

	memset(big, 'x', sizeof(big));
	memcpy(big, "]Q1", 3);
	assert_int_equal(tb_scan_init(&scan, (uint8_t *)big, sizeof(big), NULL), -E2BIG);
	assert_int_equal(tb_scan_init(&scan, (uint8_t *)big, sizeof(big) - 1, NULL), 0);
	assert_int_equal(strlen(scan.code), TB_CODE_MAX);
	tb_scan_done(&scan);
}

/* Whatever the bytes: text that is UTF-8 without NUL, and raw just where it was not. */
static void
any_bytes_are_a_code(void **state)
{
	uint64_t x = 88172645463325252u;

	for (int round = 0; round < 20000; round++) {
		uint8_t bytes[24];
		struct tb_scan scan;
		int r;

		for (size_t i = 0; i < sizeof(bytes); i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			bytes[i] = round % 2 ? (uint8_t)x
			                     : (uint8_t) "0123]C1\x1d"
			                                 "d2Q3/https:"[x % 18];
		}
		r = tb_scan_init(&scan, bytes, sizeof(bytes), round % 3 ? NULL : "gs1-128");
		assert_int_equal(r, 0);
		assert_true(strlen(scan.code) > 0);
		assert_true(
			scan.raw != NULL || strlen(scan.code) + strlen(scan.aim) <= sizeof(bytes));
		tb_scan_done(&scan);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identifiers_name_symbologies),
		cmocka_unit_test(text_is_always_utf8),
		cmocka_unit_test(element_strings_have_fields),
		cmocka_unit_test(what_does_not_hold_has_no_fields),
		cmocka_unit_test(links_have_fields),
		cmocka_unit_test(size_has_a_limit),
		cmocka_unit_test(any_bytes_are_a_code),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
