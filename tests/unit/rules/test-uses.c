/* SPDX-License-Identifier: MIT */
/* R4, R8 to R10, R15: what a use costs, and who may use what. The arithmetic stands beside. */

#include "tests/unit/rules/ticket.h"

#define RECKONING _cleanup_reckoning_ struct tb_reckoning r = {0}

/* ---- R4 ---- */

static void
all_or_nothing(void **state)
{
	struct ticket t = {
		.rewards = {REWARD("m", AMOUNT, .value = 1000, .cost_points = 100)},
		.lines = {LINE(1, "A", 1000, 700)},
		.uses = {USE("m")},
	};
	RECKONING;

	NOT_APPLICABLE(&t, NOT_WHOLE);
	t.lines[0].total = 999;
	NOT_APPLICABLE(&t, NOT_WHOLE); /* for want of a cent */
	t.lines[0].total = 700;
	t.uses[0].forfeit_remainder = true;
	granted(&t, &r);
	assert_int_equal(r.total_after, 0);
	assert_int_equal(r.points, 100);
}

static void
a_part_costs_its_part_rounded_up(void **state)
{
	struct ticket t = {
		.rewards = {REWARD("m", AMOUNT, .value = 1000, .cost_points = 100, .partial = true,
			.min_use = 200)},
		.lines = {LINE(1, "A", 1000, 700)},
		.uses = {USE("m")},
		.account = anne,
	};
	RECKONING;

	granted(&t, &r);
	assert_int_equal(r.points, 70);
	tb_reckoning_done(&r);
	/* 333 of 1000: 33.3 -> 34 */
	t.uses[0].has_amount = true;
	t.uses[0].amount = 333;
	granted(&t, &r);
	assert_int_equal(r.points, 34);
	assert_int_equal(r.to_pay, 367);
	tb_reckoning_done(&r);
	/* more than there is: what there is */
	t.uses[0].amount = 5000;
	granted(&t, &r);
	assert_int_equal(r.points, 70);
	t.uses[0].amount = 199;
	NOT_APPLICABLE(&t, MIN_USE);
	/* the whole cost must be there, even for a part */
	t.uses[0].amount = 300;
	t.account.points_available = 99;
	refused(&t, TB_ERROR_INSUFFICIENT_BALANCE, TB_REASON_INSUFFICIENT_BALANCE);
}

static void
points_of_one_and_of_all(void **state)
{
	struct ticket t = {
		.rewards = {REWARD("a", AMOUNT, .value = 100, .cost_points = 60),
			REWARD("b", AMOUNT, .value = 100, .cost_points = 50)},
		.lines = {LINE(1, "A", 1000, 700)},
		.uses = {USE("a"), USE("b")},
		.account = anne,
	};
	RECKONING;

	t.account.points_available = 109;
	refused(&t, TB_ERROR_INSUFFICIENT_BALANCE, TB_REASON_INSUFFICIENT_BALANCE);
	t.account.points_available = 110;
	granted(&t, &r);
	assert_int_equal(r.points, 110);
	t.account.points_available = -5;
	refused(&t, TB_ERROR_INSUFFICIENT_BALANCE, TB_REASON_INSUFFICIENT_BALANCE);
}

static void
wallet_takes_what_there_is(void **state)
{
	struct ticket t = {
		.lines = {LINE(1, "A", 1000, 700)},
		.uses = {WALLET(.has_amount = true, .amount = 600)},
		.account = anne,
	};
	RECKONING;

	t.account.wallet_available = 250;
	granted(&t, &r);
	assert_int_equal(r.wallet, 250);
	assert_int_equal(r.to_pay, 450);
	tb_reckoning_done(&r);
	t.account.wallet_available = 9000;
	t.uses[0].has_amount = false;
	granted(&t, &r);
	assert_int_equal(r.wallet, 700);
	assert_int_equal(r.to_pay, 0);
	t.account.wallet_available = 0;
	refused(&t, TB_ERROR_INSUFFICIENT_BALANCE, TB_REASON_INSUFFICIENT_BALANCE);
}

static void
gift_cards_one_after_the_other(void **state)
{
	struct tb_gift_card a = {"GC-A", 500, TB_TIME_NONE, false};
	struct tb_gift_card b = {"GC-B", 500, NOW + 1, false};
	struct ticket t = {
		.lines = {LINE(1, "A", 1000, 700)},
		.uses = {{.kind = TB_USE_GIFT_CARD, .code = "GC-B", .gift_card = &b},
			{.kind = TB_USE_GIFT_CARD, .code = "GC-A", .gift_card = &a}},
		.nobody = true,
	};
	RECKONING;

	granted(&t, &r);
	assert_int_equal(r.uses[1].gift_card, 500);
	assert_int_equal(r.uses[0].gift_card, 200);
	assert_int_equal(r.to_pay, 0);
	assert_string_equal(r.adjustments[0].gift_card, "GC-A");
	tb_reckoning_done(&r);
	/* said twice it is one card: 500 of it, not 700 */
	t.uses[0] = t.uses[1];
	granted(&t, &r);
	assert_int_equal(r.to_pay, 200);
	assert_true(r.uses[1].repeated);
	/* end: the instant itself is too late */
	b.expires_at_us = NOW;
	t.uses[0] = (struct tb_use){.kind = TB_USE_GIFT_CARD, .code = "GC-B", .gift_card = &b};
	refused(&t, TB_ERROR_GIFT_CARD_EXPIRED, TB_REASON_NONE);
	t.uses[0].gift_card = NULL;
	refused(&t, TB_ERROR_GIFT_CARD_UNKNOWN, TB_REASON_NONE);
	a.available = 0;
	t.uses[0] = t.uses[1];
	refused(&t, TB_ERROR_INSUFFICIENT_BALANCE, TB_REASON_INSUFFICIENT_BALANCE);
}

static void
cashback(void **state)
{
	/* 5 % of 2000 - 200 = 1800: 90 for 30 points; 45 of it cost 15 */
	struct ticket t = {
		.rewards = {REWARD("c", CASHBACK, .bp = 500, .cost_points = 30),
			REWARD("t", AMOUNT, .value = 200)},
		.lines = {LINE(1, "A", 1000, 2000)},
		.uses = {USE("c"), USE("t")},
	};
	RECKONING;

	granted(&t, &r);
	assert_int_equal(r.total_after, 1800);
	assert_int_equal(r.to_pay, 1710);
	assert_int_equal(r.adjustments[1].tender, TB_TENDER_CASHBACK);
	tb_reckoning_done(&r);
	t.uses[0].has_amount = true;
	t.uses[0].amount = 45;
	granted(&t, &r);
	assert_int_equal(r.points, 15);
	assert_int_equal(r.to_pay, 1755);
	tb_reckoning_done(&r);
	/* worth more than there is to pay: what there is, at its price: ceil(30 × 1800 / 2000) = 27
	 */
	t.rewards[0].bp = 0;
	t.rewards[0].value = 2000;
	t.uses[0].has_amount = false;
	granted(&t, &r);
	assert_int_equal(r.to_pay, 0);
	assert_int_equal(r.points, 27);
}

static void
one_reward_is_one_member(void **state)
{
	struct ticket t = {
		.rewards = {REWARD("m", AMOUNT, .value = 100, .cost_points = 10)},
		.lines = {LINE(1, "A", 1000, 700)},
		.uses = {USE("m"), USE("m"), USE("m")},
	};
	RECKONING;

	granted(&t, &r);
	assert_int_equal(r.total_after, 600);
	assert_int_equal(r.points, 10);
	assert_false(r.uses[0].repeated);
	assert_true(r.uses[2].repeated);
	t.uses[1].has_amount = true;
	t.uses[1].amount = 50;
	refused(&t, TB_ERROR_INVALID_PARAMS, TB_REASON_NONE);
}

static void
exclusive_stands_alone(void **state)
{
	struct ticket t = {
		.rewards = {REWARD("x", AMOUNT, .value = 100, .exclusive = true),
			REWARD("m", AMOUNT, .value = 100)},
		.lines = {LINE(1, "A", 1000, 700)},
		.uses = {USE("x"), WALLET()},
		.account = anne,
	};
	RECKONING;

	t.account.wallet_available = 50;
	granted(&t, &r);
	assert_int_equal(r.to_pay, 550);
	t.uses[2] = (struct tb_use)USE("m");
	NOT_APPLICABLE(&t, NOT_NOW);
}

/* ---- coupons ---- */

static void
a_coupon_pays_for_its_reward(void **state)
{
	struct tb_coupon coupon = {"K1", "m", TB_COUPON_FREE, 1, false, TB_WINDOW_OPEN};
	struct ticket t = {
		.rewards = {REWARD("m", AMOUNT, .value = 100, .cost_points = 5000, .every_n = 9,
			.welcome = true)},
		.lines = {LINE(1, "A", 1000, 700)},
		.uses = {{.kind = TB_USE_COUPON, .code = "K1", .coupon = &coupon}},
		.nobody = true,
	};
	RECKONING;

	granted(&t, &r);
	assert_int_equal(r.total_after, 600);
	assert_int_equal(r.points, 0);
	assert_int_equal(r.uses[0].coupon_uses, 1);
	assert_int_equal(r.uses[0].every_n, 0);
	assert_false(r.uses[0].welcome);
	assert_string_equal(r.adjustments[0].coupon, "K1");
	coupon.held = true;
	NOT_APPLICABLE(&t, HELD);
	coupon.held = false;
	coupon.bound = TB_COUPON_OTHERS;
	refused(&t, TB_ERROR_REWARD_NOT_APPLICABLE, TB_REASON_HELD);
	coupon.bound = TB_COUPON_FREE;
	coupon.valid.to_us = NOW;
	refused(&t, TB_ERROR_COUPON_EXPIRED, TB_REASON_NONE);
	coupon.valid = (struct tb_window){NOW + 1, TB_TIME_NONE};
	NOT_APPLICABLE(&t, NOT_NOW);
	coupon.uses_left = 0;
	refused(&t, TB_ERROR_COUPON_USED, TB_REASON_NONE);
	coupon.reward = "gone";
	refused(&t, TB_ERROR_REWARD_UNKNOWN, TB_REASON_NONE);
	t.uses[0].coupon = NULL;
	refused(&t, TB_ERROR_COUPON_UNKNOWN, TB_REASON_NONE);
}

/* ---- R8, R9, R10 ---- */

static void
every_n_with_this_one(void **state)
{
	struct tb_progress progress = {"n", 1};
	struct ticket t = {
		.rewards = {REWARD("n", AMOUNT, .value = 100, .every_n = 3)},
		.lines = {LINE(1, "A", 1000, 700)},
		.uses = {USE("n")},
		.account = anne,
	};
	RECKONING;

	t.account.progress = &progress;
	t.account.n_progress = 1;
	NOT_APPLICABLE(&t, EVERY_N_PASSAGES);
	progress.count = 2;
	granted(&t, &r);
	assert_int_equal(r.uses[0].every_n, 3);
	/* within the delay this passage will not count */
	t.program.min_delay_s = 3600;
	t.account.counted_before_us = NOW - 60 * TB_USEC_PER_SEC;
	NOT_APPLICABLE(&t, EVERY_N_PASSAGES);
	progress.count = 3;
	tb_reckoning_done(&r);
	granted(&t, &r);
}

static void
welcome_once_and_first(void **state)
{
	struct ticket t = {
		.rewards = {REWARD("w", AMOUNT, .value = 100, .welcome = true)},
		.lines = {LINE(1, "A", 1000, 700)},
		.uses = {USE("w")},
		.account = anne,
	};
	RECKONING;

	granted(&t, &r);
	assert_true(r.uses[0].welcome);
	t.account.passages = 1;
	NOT_APPLICABLE(&t, WELCOME_USED);
	t.account.passages = 0;
	t.account.welcome_used = (struct tb_names)NAMES("w");
	NOT_APPLICABLE(&t, WELCOME_USED);
}

static void
unknown_is_no(void **state)
{
	struct ticket t = {
		.rewards = {REWARD("r", AMOUNT, .value = 100)},
		.lines = {LINE(1, "A", 1000, 700)},
		.uses = {USE("r")},
		.account = anne,
		.context = here,
	};
	RECKONING;

	t.rewards[0].pro_only = true;
	NOT_APPLICABLE(&t, PRO_ONLY);
	t.account.kind = TB_CUSTOMER_PRO;
	granted(&t, &r);
	t.rewards[0].contact_required = true;
	t.account.contact_known = false;
	refused(&t, TB_ERROR_CONTACT_REQUIRED, TB_REASON_CONTACT_REQUIRED);
	t.rewards[0].contact_required = false;
	t.program.contact_required_to_redeem = true;
	refused(&t, TB_ERROR_CONTACT_REQUIRED, TB_REASON_CONTACT_REQUIRED);
	t.account.contact_known = true;
	t.rewards[0].sites = (struct tb_names)NAMES("paris-9");
	NOT_APPLICABLE(&t, NOT_HERE);
	t.rewards[0].sites = (struct tb_names)NAMES("paris-9", "lyon-1");
	t.rewards[0].valid.to_us = NOW;
	NOT_APPLICABLE(&t, NOT_NOW);
	t.rewards[0].valid = (struct tb_window){NOW + 1, TB_TIME_NONE};
	NOT_APPLICABLE(&t, NOT_NOW);
	t.rewards[0].valid = (struct tb_window){NOW, NOW + 1};
	t.rewards[0].min_ticket = 701;
	NOT_APPLICABLE(&t, MIN_TICKET);
	t.rewards[0].min_ticket = 700;
	tb_reckoning_done(&r);
	granted(&t, &r);
}

static void
the_error_does_not_depend_on_the_order(void **state)
{
	/* contact_required before insufficient_balance before the rest */
	struct ticket t = {
		.rewards = {REWARD("a", AMOUNT, .value = 100, .min_ticket = 9999),
			REWARD("b", AMOUNT, .value = 100, .cost_points = 5000),
			REWARD("c", AMOUNT, .value = 100, .contact_required = true)},
		.lines = {LINE(1, "A", 1000, 700)},
		.uses = {USE("a"), USE("b"), USE("c")},
		.account = anne,
	};
	struct tb_reckoning r = {0};

	t.account.contact_known = false;
	reserve(&t, &r);
	assert_int_equal(r.error, TB_ERROR_CONTACT_REQUIRED);
	assert_int_equal(r.use, 2);
	tb_reckoning_done(&r);
	t.account.contact_known = true;
	t.uses[0] = (struct tb_use)USE("b");
	t.uses[1] = (struct tb_use)USE("a");
	refused(&t, TB_ERROR_INSUFFICIENT_BALANCE, TB_REASON_INSUFFICIENT_BALANCE);
	t.uses[0].code = "nobody-knows";
	refused(&t, TB_ERROR_REWARD_UNKNOWN, TB_REASON_NONE);
}

static void
nobody_redeems_nothing(void **state)
{
	struct ticket t = {
		.rewards = {REWARD("a", AMOUNT, .value = 100)},
		.lines = {LINE(1, "A", 1000, 700)},
		.uses = {USE("a")},
		.nobody = true,
	};
	struct tb_reckoning r = {0};

	reserve(&t, &r);
	assert_int_equal(r.error, TB_ERROR_INVALID_PARAMS);
	assert_true(r.customer_missing);
	tb_reckoning_done(&r);
}

/* ---- R15 ---- */

static void
offline_within_the_program(void **state)
{
	struct tb_gift_card card = {"GC-A", 500, TB_TIME_NONE, false};
	struct ticket t = {
		.rewards = {REWARD("a", AMOUNT, .value = 300),
			REWARD("w", AMOUNT, .value = 10, .welcome = true)},
		.lines = {LINE(1, "A", 1000, 700)},
		.uses = {USE("a")},
		.context = here,
	};
	RECKONING;

	t.context.offline = true;
	refused(&t, TB_ERROR_OFFLINE_REFUSED, TB_REASON_NONE);
	t.program.offline_max_value = 299;
	refused(&t, TB_ERROR_OFFLINE_REFUSED, TB_REASON_NONE);
	t.program.offline_max_value = 300;
	granted(&t, &r);
	t.uses[0].code = "w";
	refused(&t, TB_ERROR_OFFLINE_REFUSED, TB_REASON_NONE);
	t.uses[0] = (struct tb_use){.kind = TB_USE_GIFT_CARD, .code = "GC-A", .gift_card = &card};
	refused(&t, TB_ERROR_OFFLINE_REFUSED, TB_REASON_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_or_nothing),
		cmocka_unit_test(a_part_costs_its_part_rounded_up),
		cmocka_unit_test(points_of_one_and_of_all),
		cmocka_unit_test(wallet_takes_what_there_is),
		cmocka_unit_test(gift_cards_one_after_the_other),
		cmocka_unit_test(cashback),
		cmocka_unit_test(one_reward_is_one_member),
		cmocka_unit_test(exclusive_stands_alone),
		cmocka_unit_test(a_coupon_pays_for_its_reward),
		cmocka_unit_test(every_n_with_this_one),
		cmocka_unit_test(welcome_once_and_first),
		cmocka_unit_test(unknown_is_no),
		cmocka_unit_test(the_error_does_not_depend_on_the_order),
		cmocka_unit_test(nobody_redeems_nothing),
		cmocka_unit_test(offline_within_the_program),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("uses", tests, NULL, NULL);
}
