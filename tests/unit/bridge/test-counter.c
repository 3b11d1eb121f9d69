/* SPDX-License-Identifier: MIT */
/* What a code is for, the shape of its event, who is asked, and payment cards at the door. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "bridge/counter.h"
#include "tests/unit/bridge/device-stage.h"
#include "tests/virtual-loop.h"

static struct tb_conf_range ranges[] = {
	{TB_CODE_CUSTOMER, (char *)"2912*"},
	{TB_CODE_GIFT_CARD, (char *)"29??5*"},
	{TB_CODE_ARTICLE, (char *)"A-*"},
	{TB_CODE_CUSTOMER, (char *)"4000*0002"},
	{TB_CODE_CUSTOMER, (char *)"291*"},
};

static int
set_up(void **state)
{
	stage_begin();
	stage.conf.ranges = ranges;
	stage.conf.n_ranges = ARRAY_SIZE(ranges);
	return tb_counter_new(&stage.bridge, &stage.bridge.counter);
}

static int
tear_down(void **state)
{
	tb_counter_free(stage.bridge.counter);
	stage_end();
	return 0;
}

static const char *
kind_of(const char *code, const char *symbology)
{
	static char text[64];
	struct tb_scan scan;
	const char *reason;
	enum tb_code_kind kind;

	assert_int_equal(tb_scan_init(&scan, (const uint8_t *)code, strlen(code), symbology), 0);
	kind = tb_counter_classify(stage.bridge.counter, &scan, &reason);
	snprintf(text, sizeof(text), "%s%s%s", tb_code_kind_word(kind), reason ? " " : "",
		reason ? reason : "");
	tb_scan_done(&scan);
	return text;
}

static uint64_t
scan_of(const char *device, const void *code, size_t len, const char *symbology)
{
	struct tb_scan scan;
	uint64_t seq;

	assert_int_equal(tb_scan_init(&scan, code, len, symbology), 0);
	seq = tb_counter_scan(stage.bridge.counter, device, &scan);
	tb_scan_done(&scan);
	tb_virtual_loop_settle(stage.bridge.loop);
	return seq;
}

#define SCAN(device, text, symbology) scan_of(device, text, sizeof(text) - 1, symbology)

static void
kinds_by_form(void **state)
{
	static const struct {
		const char *code, *symbology, *kind;
	} rows[] = {
		{"TBC-4F7K2", NULL, "coupon"},
		{"TBG-00012", NULL, "gift_card"},
		{"TB:8F3K2M", NULL, "customer"},
		{"https://shop.example/c/8F3K2M", NULL, "customer"},
		{"HTTP://shop.example/fr/c/8F3K2M", NULL, "customer"},
		{"https://shop.example/c/", NULL, "unknown"},
		{"https://shop.example/c/a/b", NULL, "unknown"},
		{"https://shop.example/abc/8F3", NULL, "unknown"},
		{"ftp://shop.example/c/8F3", NULL, "unknown"},
		{"tbc-1", NULL, "unknown"},
		{"xTBC-1", NULL, "unknown"},
		/* ranges go before a right check digit; two kinds at once are none */
		{"2912345678906", NULL, "customer"},
		{"2912545678906", NULL, "unknown ambiguous"},
		{"2933512345678", NULL, "gift_card"},
		{"A-1", NULL, "article"},
		/* ours go before ranges */
		{"3256220450003", NULL, "article"},
		{"3256220450002", NULL, "unknown"},
		{"042100005264", NULL, "article"},
		{"96385074", NULL, "article"},
		{"96385075", NULL, "unknown"},
		{"04252614", NULL, "unknown"},
		{"04252614", "upce", "article"},
		{"]E004252614", NULL, "article"},
		{"13256220450000", NULL, "unknown"},
		{"]C10113256220450000", NULL, "article"},
		{"]C10113256220450008", NULL, "unknown"},
		{"]d201032562204500033712", NULL, "article"},
		{"]C1"
		 "10ABC",
			NULL, "unknown"},
		{"https://id.gs1.org/01/09506000134352", NULL, "article"},
		{"https://id.gs1.org/01/9506000134352", NULL, "article"},
		{"ABC", NULL, "unknown"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(kind_of(rows[i].code, rows[i].symbology), rows[i].kind);
}

static void
an_article_is_not_looked_up(void **state)
{
	assert_int_equal(SCAN("counter", "]E03256220450003", NULL), 101);
	assert_string_equal(stage_told(),
		"scan {\"device\":\"counter\",\"code\":\"3256220450003\",\"symbology\":\"ean13\","
		"\"aim\":\"]E0\",\"kind\":\"article\"}\n");
	SCAN("counter", "TBC-1", NULL);
	SCAN("counter", "TBG-1", NULL);
	assert_null(strstr(stage_told(), "lookup"));
}

static void
a_customer_is_looked_up_behind_the_scan(void **state)
{
	assert_int_equal(SCAN("counter", "TB:8F3K2M", "qr"), 101);
	assert_string_equal(stage_told(),
		"scan {\"device\":\"counter\",\"code\":\"TB:8F3K2M\",\"symbology\":\"qr\","
		"\"kind\":\"customer\"}\n"
		"lookup {\"code\":\"TB:8F3K2M\"}\n");
	stage_answer(TB_OK, "{\"customer\":{\"id\":\"c_81\"},\"balances\":{\"points\":120}}");
	assert_string_equal(stage_told(),
		"customer "
		"{\"scan\":101,\"customer\":{\"id\":\"c_81\"},\"balances\":{\"points\":120}}\n");
	SCAN(NULL, "XYZ", NULL);
	assert_string_equal(stage_told(), "scan {\"code\":\"XYZ\",\"kind\":\"unknown\"}\n"
					  "lookup {\"code\":\"XYZ\"}\n");
	stage_answer(TB_ERROR_CUSTOMER_UNKNOWN, NULL);
	assert_string_equal(
		stage_told(), "customer {\"scan\":103,\"error\":\"customer_unknown\"}\n");
	SCAN("counter", "2912545678906", NULL);
	assert_non_null(strstr(stage_told(), "\"kind\":\"unknown\",\"reason\":\"ambiguous\"}"));
	stage_answer(TB_ERROR_SERVER_UNREACHABLE, "{}");
	assert_string_equal(
		stage_told(), "customer {\"scan\":105,\"error\":\"server_unreachable\"}\n");
}

static void
an_answer_may_come_after_the_end(void **state)
{
	SCAN("counter", "TB:8F3K2M", NULL);
	tb_counter_free(stage.bridge.counter);
	stage.bridge.counter = NULL;
	stage_told();
	stage_answer(TB_OK, "{\"customer\":{}}");
	assert_string_equal(stage_told(), "");
}

static void
bytes_that_are_no_text_come_raw(void **state)
{
	SCAN("counter", "a\0\xff", NULL);
	assert_non_null(strstr(stage_told(),
		"scan "
		"{\"device\":\"counter\",\"code\":\"a\xef\xbf\xbd\xef\xbf\xbd\",\"raw\":\"YQD/\","
		"\"kind\":\"unknown\"}\n"));
	stage_answer(TB_ERROR_CUSTOMER_UNKNOWN, NULL);
}

static void
fields_are_told(void **state)
{
	SCAN("counter",
		"]C10103256220450003\x1d"
		"10A\"B",
		NULL);
	assert_string_equal(stage_told(),
		"scan {\"device\":\"counter\",\"code\":\"0103256220450003\\u001d10A\\\"B\","
		"\"symbology\":\"gs1-128\",\"aim\":\"]C1\",\"kind\":\"article\",\"fields\":["
		"{\"ai\":\"01\",\"value\":\"03256220450003\"},{\"ai\":\"10\",\"value\":\"A\\\"B\"}]"
		"}\n");
}

static void
payment_cards_are_found_on_a_wire(void **state)
{
	static const char *const cards[] = {"4111111111111111\r",
		"\x02"
		"4111111111111111\x03",
		"]C04111111111111111\r", "noise ;5555555555554444=2512?\r",
		"TBC-1\r%B4111111111111111^A^2512?\r"};
	static const char *const others[] = {"", "TBC-1\r", "3256220450003\r", "4111111111111112\r",
		"4000123412340002\r", "]C100106141412345678908\r"};
	uint8_t report[65] = {2, 16, ']', 'C', '0'};

	for (size_t i = 0; i < ARRAY_SIZE(cards); i++)
		assert_true(tb_counter_holds_payment_card(
			stage.bridge.counter, (const uint8_t *)cards[i], strlen(cards[i])));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(tb_counter_holds_payment_card(
			stage.bridge.counter, (const uint8_t *)others[i], strlen(others[i])));
	/* among the NULs of a HID report */
	memcpy(report + 5, "4111111111111112", 16);
	assert_false(tb_counter_holds_payment_card(stage.bridge.counter, report, 64));
	memcpy(report + 5, "4111111111111111", 16);
	assert_true(tb_counter_holds_payment_card(stage.bridge.counter, report, 64));
}

static void
payment_cards_are_refused(void **state)
{
	static const char *const cards[] = {"4111111111111111", "5555555555554444",
		"2223003122003222", "30569309025904", "378282246310005", "3530111333300000",
		"6011111111111117", "6759649826438453", "6304000000000000", "6250946000000016",
		"4000000000000000006", ";5555555555554444=25121010000000?", "5555555555554444=2512",
		"5555555555554444D25121010000000F",
		"%B4111111111111111^DUPONT/ANNE^25121010000000?", "%B4222222222222^X^2512?",
		"%B4111111111111111^X^2512?;4111111111111111=2512?"};
	static const char *const others[] = {"4111111111111112", "1234567812345670",
		"4222222222222", "411111111111111X", "4111 1111 1111 1111", "4000123412340002",
		"40001234123400020002", "9999999999999995", "", ";5555555555554445=25121010000000?",
		"9999999999999995=2512", "https://shop.example/c/B4111111111111111",
		"a5555555555554444D2512", "5555555555554444D", "B4111111111111111"};

	for (size_t i = 0; i < ARRAY_SIZE(cards); i++)
		assert_true(tb_counter_is_payment_card(stage.bridge.counter, cards[i]));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(tb_counter_is_payment_card(stage.bridge.counter, others[i]));
	assert_int_equal(SCAN("counter", "4111111111111111", NULL), 0);
	assert_string_equal(
		stage_told(), "card {\"device\":\"counter\",\"error\":\"payment_card_refused\"}\n");
	/* keyed by hand: who submitted it is told by the answer */
	assert_int_equal(SCAN(NULL, "4111111111111111", NULL), 0);
	assert_string_equal(stage_told(), "");
	/* an element string of digits is no bare number */
	assert_int_not_equal(SCAN("counter",
				     "]C1"
				     "4141234567890005",
				     NULL),
		0);
	stage_answer(TB_ERROR_CUSTOMER_UNKNOWN, NULL);
}

static void
cards_are_told(void **state)
{
	struct tb_event event = {.kind = TB_EVENT_CARD};

	event.card.code = "5512";
	event.card.track = 2;
	event.card.kind = "loyalty";
	tb_counter_card(stage.bridge.counter, "swipe", &event);
	assert_string_equal(stage_told(),
		"card {\"device\":\"swipe\",\"code\":\"5512\",\"track\":2,\"kind\":\"loyalty\"}\n");
	event.card.payment_refused = true;
	tb_counter_card(stage.bridge.counter, "swipe", &event);
	assert_string_equal(
		stage_told(), "card {\"device\":\"swipe\",\"error\":\"payment_card_refused\"}\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		T(kinds_by_form),
		T(an_article_is_not_looked_up),
		T(a_customer_is_looked_up_behind_the_scan),
		T(an_answer_may_come_after_the_end),
		T(bytes_that_are_no_text_come_raw),
		T(fields_are_told),
		T(payment_cards_are_refused),
		T(payment_cards_are_found_on_a_wire),
		T(cards_are_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("counter", tests, NULL, NULL);
}
