/* SPDX-License-Identifier: MIT */
/* R1 to R4 and R8 to R10 on one ticket: the arithmetic stands beside each case. */

#include "tests/unit/rules/ticket.h"

static void
percent_is_rounded_on_the_whole(void **state)
{
	/* 10 × 10 % = 1; 0.5 each, the lower line takes it */
	struct ticket t = {
		.rewards = {REWARD("t", PERCENT, .bp = 1000)},
		.lines = {LINE(1, "A1", 1000, 5), LINE(2, "A2", 1000, 5)},
		.uses = {USE("t")},
	};
	_cleanup_reckoning_ struct tb_reckoning r = {0};

	granted(&t, &r);
	assert_int_equal(r.total_after, 9);
	assert_int_equal(r.n_adjustments, 1);
	assert_int_equal(r.adjustments[0].kind, TB_ADJUST_TICKET_DISCOUNT);
	assert_int_equal(r.adjustments[0].n_shares, 2);
	assert_int_equal(r.adjustments[0].shares[0].amount, 1);
	assert_int_equal(r.adjustments[0].shares[1].amount, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percent_is_rounded_on_the_whole),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("reserve", tests, NULL, NULL);
}
