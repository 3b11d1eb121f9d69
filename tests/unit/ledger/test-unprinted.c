/* SPDX-License-Identifier: MIT */
/* coupon.unprinted: what the bridge asks at its start, for want of a transaction across two files.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/ledger/stage.h"

#define SINCE "{'since': '2025-05-05T10:00:00Z'}"

static void
earned_and_not_printed(void **state)
{
	struct stage *s = *state;
	const char *who;
	char code[64], id[64];

	program(s, "'rewards': [{'id': 'r', 'kind': 'percent', 'title': 'Dix', 'bp': 1000}],"
		   " 'coupons': [{'id': 'each', 'reward': 'r', 'on': {'every_n_passages': 1},"
		   " 'valid_days': 30},"
		   " {'id': 'hand', 'reward': 'r', 'on': {'by_hand': true}, 'valid_days': 30}]");
	who = customer(s, "Zoé");
	snprintf(id, sizeof(id), "%s", who);
	assert_int_equal(length(ok(s, "coupon.unprinted", SINCE), "coupons"), 0);
	ok(s, "coupon.issue", "{'key': 'i', 'rule': 'hand', 'customer': '%s'}", who);
	snprintf(code, sizeof(code), "%s", text(sale(s, "S1", who, NULL, 500), "coupons.0.code"));

	/* What was issued by hand is printed by hand. */
	assert_int_equal(length(ok(s, "coupon.unprinted", SINCE), "coupons"), 1);
	assert_string_equal(text(s->last.json, "coupons.0.code"), code);
	assert_string_equal(text(s->last.json, "coupons.0.title"), "Dix");
	assert_string_equal(text(s->last.json, "coupons.0.customer"), id);
	assert_non_null(text(s->last.json, "coupons.0.valid_to"));

	s->till = "9";
	assert_int_equal(length(ok(s, "coupon.unprinted", SINCE), "coupons"), 0);
	s->till = "2";
	assert_int_equal(
		length(ok(s, "coupon.unprinted", "{'since': '2025-05-07T10:00:00Z'}"), "coupons"),
		0);
	ok(s, "coupon.printed", "{'code': '%s'}", code);
	assert_int_equal(length(ok(s, "coupon.unprinted", SINCE), "coupons"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			earned_and_not_printed, stage_setup, stage_teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
