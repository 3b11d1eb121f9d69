/* SPDX-License-Identifier: MIT */
/* R5 to R7, R12, coupons by rule, bonuses and windows. */

#include "tests/unit/rules/passage.h"

#define DAY TB_USEC_PER_DAY
static void
earns(struct passage *p, int64_t points, int64_t wallet)
{
	struct tb_earned e;

	earn(p, &e);
	assert_int_equal(e.points, points);
	assert_int_equal(e.wallet, wallet);
	assert_int_equal(e.n_reasons, 0);
	assert_true(e.counted);
}

static void
earns_for(struct passage *p, int64_t points, enum tb_reason reason, bool counted)
{
	struct tb_earned e;

	earn(p, &e);
	assert_int_equal(e.points, points);
	assert_int_equal(e.n_reasons, 1);
	assert_int_equal(e.reasons[0], reason);
	assert_int_equal(e.counted, counted);
}

/* ---- R5 ---- */

static void
the_base_leaves_out_what_is_no_sale(void **state)
{
	/* 1999 earn; gift card, deposit, no_loyalty, return and negative lines are left out: 19 */
	struct passage p = {.t = {
				    .program = {.earning = BY_AMOUNT},
				    .lines = {LINE(1, "A", 1000, 1999), LINE(2, "GC", 1000, 5000),
					    LINE(3, "D", 1000, 100), LINE(4, "N", 1000, 100),
					    LINE(5, "R", -1000, -500), LINE(6, "M", 1000, -50),
					    LINE(7, "P", 1000, 100)},
			    }};

	p.t.lines[1].flags = TB_LINE_GIFT_CARD_SALE;
	p.t.lines[2].flags = TB_LINE_DEPOSIT;
	p.t.lines[3].flags = TB_LINE_NO_LOYALTY;
	p.t.lines[4].flags = TB_LINE_RETURN_OF;
	p.t.lines[6].flags = TB_LINE_RETURN_OF;
	earns(&p, 19, 0);
}

static void
what_paid_it(void **state)
{
	/* 2000 less 500 by wallet and 300 by cashback; a gift card is money */
	struct passage p = {
		.t = {.program = {.earning = BY_AMOUNT}, .lines = {LINE(1, "A", 1000, 2000)}},
		.adjustments =
			{
				{.kind = TB_ADJUST_TENDER,
					.tender = TB_TENDER_WALLET,
					.amount = 500},
				{.kind = TB_ADJUST_TENDER,
					.tender = TB_TENDER_CASHBACK,
					.amount = 300},
				{.kind = TB_ADJUST_TENDER,
					.tender = TB_TENDER_GIFT_CARD,
					.amount = 400},
			},
		.n_adjustments = 3,
	};

	earns(&p, 12, 0);
	p.t.program.earning.on_loyalty_tender = true;
	earns(&p, 20, 0);
	/* never below 0 */
	p.t.program.earning.on_loyalty_tender = false;
	p.adjustments[0].amount = 9000;
	earns(&p, 0, 0);
}

static void
after_the_discounts(void **state)
{
	struct tb_share shares[] = {{1, 150}, {2, 50}};
	struct passage p = {
		.t = {.program = {.earning = BY_AMOUNT},
			.lines = {LINE(1, "A", 1000, 1500), LINE(2, "B", 1000, 500),
				LINE(3, "N", 1000, 1000)}},
		.adjustments = {{.kind = TB_ADJUST_ARTICLE_OFFERED,
					.line = 2,
					.amount = 250,
					.quantity = 500},
			{.kind = TB_ADJUST_TICKET_DISCOUNT,
				.amount = 200,
				.shares = shares,
				.n_shares = 2},
			{.kind = TB_ADJUST_LINE_DISCOUNT, .line = 3, .amount = 400}},
		.n_adjustments = 3,
	};

	/* the discount of a line that does not earn is not taken off the base */
	p.t.lines[2].flags = TB_LINE_NO_LOYALTY;
	earns(&p, 15, 0); /* 2000 - 250 - 200 = 1550 */
	/* R13: the line of the offered article is gone; its 250 were given all the same */
	p.adjustments[0].line = 77;
	earns(&p, 15, 0);
}

static void
a_passage_by_hand_has_only_a_total(void **state)
{
	struct passage p = {.t = {.program = {.earning = BY_AMOUNT}}};
	struct tb_earned e;

	ticket_complete(&p.t);
	p.t.basket.total = 1234;
	assert_int_equal(
		tb_rules_earn(&p.t.program, &p.t.account, &p.t.basket, NULL, 0, &p.t.context, &e),
		0);
	assert_int_equal(e.points, 12);
	tb_program_release(&p.t.program);
}

/* ---- R6 ---- */

static const struct tb_article cola = {.code = "COLA", .points = 7};
static const struct tb_article ham = {.code = "HAM", .points = 10, .category = "food"};

static void
best_or_sum(void **state)
{
	/* 5 per passage; 399/100 = 3.99; 2 cola at 7 and 0.35 ham at 10 = 17.5 */
	struct passage p = {.t = {
				    .program = {.earning = {.per_passage = 5,
							.amount_points = 1,
							.amount_unit = 100,
							.per_article = true}},
				    .lines = {LINE(1, "COLA", 2000, 200), LINE(2, "HAM", 350, 199),
					    LINE(3, "X", 1000, 0)},
			    }};

	p.t.lines[0].imported = &cola;
	p.t.lines[1].imported = &ham;
	earns(&p, 17, 0);
	/* floored once: 5 + 3.99 + 17.5 = 26.49 */
	p.t.program.earning.combine = TB_COMBINE_SUM;
	earns(&p, 26, 0);
	/* after the multiplier: 26.49 × 1.5 = 39.735 */
	p.offers[0] = (struct tb_offer)OFFER("o", MULTIPLIER, 15000);
	earns(&p, 39, 0);
	/* article points only when the program says so */
	p.t.program.earning.per_article = false;
	p.offers[0].id = NULL;
	earns(&p, 8, 0);
}

static void
offered_units_earn_nothing(void **state)
{
	/* 3 cola, one offered: 2 × 7 */
	struct passage p = {
		.t = {.program = {.earning = {.per_article = true}},
			.lines = {LINE(1, "COLA", 3000, 300)}},
		.adjustments = {{.kind = TB_ADJUST_ARTICLE_OFFERED,
			.line = 1,
			.amount = 100,
			.quantity = 1000}},
		.n_adjustments = 1,
	};

	p.t.lines[0].imported = &cola;
	earns(&p, 14, 0);
	p.t.lines[0].flags = TB_LINE_NO_LOYALTY;
	earns(&p, 0, 0);
}

static void
best_multiplier_then_bonuses_then_maximum(void **state)
{
	/* 19.99 × 3 = 59.97 -> 59, + 100 + 5 = 164; wallet 50 + 2.5 % of 1999 = 49.975 -> 50 */
	struct passage p = {
		.t = {.program = {.earning = BY_AMOUNT}, .lines = {LINE(1, "A", 1000, 1999)}},
		.offers = {OFFER("a", MULTIPLIER, 20000), OFFER("b", MULTIPLIER, 30000),
			OFFER("c", POINTS, 100), OFFER("d", POINTS, 5), OFFER("e", WALLET, 50)},
	};

	earns(&p, 164, 50);
	p.offers[4].gain = TB_GAIN_WALLET_BP;
	p.offers[4].gain_value = 250;
	earns(&p, 164, 50);
	p.t.program.max_points_per_passage = 164;
	earns(&p, 164, 50);
	p.t.program.max_points_per_passage = 163;
	earns_for(&p, 163, TB_REASON_CAPPED, true);
	/* a multiplier below one is no offer */
	p.t.program.max_points_per_passage = 0;
	p.offers[0] = (struct tb_offer)OFFER("a", MULTIPLIER, 5000);
	p.offers[1].id = NULL;
	earns(&p, 19, 0);
}

static void
conditions_of_an_offer(void **state)
{
	struct passage p = {
		.t = {.program = {.earning = BY_AMOUNT},
			.lines = {LINE(1, "COLA", 1000, 300), LINE(2, "BUN", 1000, 100)},
			.account = anne,
			.context = here},
		.offers = {OFFER("o", POINTS, 100, .articles = NAMES("cola"))},
	};

	earns(&p, 104, 0);
	p.t.lines[0].flags = TB_LINE_DEPOSIT; /* not bought */
	earns(&p, 1, 0);
	p.t.lines[0].flags = 0;
	p.t.lines[0].category = "Drinks";
	p.offers[0] = (struct tb_offer)OFFER("o", POINTS, 100, .categories = NAMES("drinks"));
	earns(&p, 104, 0);
	/* wholly offered: nothing of it was bought */
	p.adjustments[0] = (struct tb_adjustment){
		.kind = TB_ADJUST_ARTICLE_OFFERED, .line = 1, .amount = 300, .quantity = 1000};
	p.n_adjustments = 1;
	earns(&p, 1, 0);
	p.n_adjustments = 0;
	/* the category of the imported article where the till says none */
	p.t.lines[0].category = NULL;
	p.t.lines[0].imported = &ham;
	p.offers[0] = (struct tb_offer)OFFER("o", POINTS, 100, .categories = NAMES("food"));
	earns(&p, 104, 0);
	p.offers[0] = (struct tb_offer)OFFER("o", POINTS, 100, .min_amount = 400);
	earns(&p, 104, 0);
	p.offers[0].min_amount = 401;
	earns(&p, 4, 0);
	p.offers[0] = (struct tb_offer)OFFER("o", POINTS, 100, .nth_passage = 3);
	p.t.account.counted = 2;
	earns(&p, 104, 0);
	p.t.account.counted = 3;
	earns(&p, 4, 0);
	p.offers[0] = (struct tb_offer)OFFER("o", POINTS, 100, .sites = NAMES("paris-9"));
	earns(&p, 4, 0);
	p.offers[0].sites = (struct tb_names)NAMES("paris-9", "lyon-1");
	earns(&p, 104, 0);
	p.offers[0] = (struct tb_offer)OFFER("o", POINTS, 100, .modes = NAMES("delivery"));
	earns(&p, 4, 0);
	p.t.context.mode = "delivery";
	earns(&p, 104, 0);
	p.t.context.mode = NULL; /* R10: unknown is no */
	earns(&p, 4, 0);
	p.offers[0] = (struct tb_offer)OFFER("o", POINTS, 100, .groups = NAMES("vip", "staff"));
	earns(&p, 4, 0);
	p.t.account.groups = (struct tb_names)NAMES("other", "staff");
	earns(&p, 104, 0);
}

static void
offers_are_active_from_to(void **state)
{
	struct passage p = {
		.t = {.program = {.earning = {.per_passage = 1}},
			.lines = {LINE(1, "A", 1000, 100)},
			.context = here},
		.offers = {OFFER("o", POINTS, 100)},
	};

	p.offers[0].window = (struct tb_window){NOW, NOW + 1};
	earns(&p, 101, 0);
	p.t.context.occurred_at_us = NOW + 1;
	earns(&p, 1, 0);
	p.t.context.occurred_at_us = NOW - 1;
	earns(&p, 1, 0);
	/* now does not matter: a queued passage is judged by when it happened */
	p.t.context.occurred_at_us = NOW;
	p.t.context.now_us = NOW + 40 * DAY;
	earns(&p, 101, 0);
}

static void
below_the_minimum_nothing(void **state)
{
	struct passage p = {
		.t = {.program = {.earning = {.per_passage = 5, .min_ticket = 1000}},
			.lines = {LINE(1, "A", 1000, 1000)}},
		.offers = {OFFER("o", POINTS, 100)},
	};

	earns(&p, 105, 0);
	p.adjustments[0] = (struct tb_adjustment){
		.kind = TB_ADJUST_TENDER, .tender = TB_TENDER_WALLET, .amount = 1};
	p.n_adjustments = 1;
	earns_for(&p, 0, TB_REASON_MIN_TICKET, true); /* 999 is R5's base */
}

static void
points_beyond_the_range_are_an_error(void **state)
{
	struct tb_program program = {.earning = {.amount_points = INT64_MAX, .amount_unit = 1}};
	struct tb_line line = LINE(1, "A", 1000, INT64_MAX);
	struct tb_basket basket = {&line, 1, INT64_MAX};
	struct tb_earned e = {.points = 42};

	assert_int_equal(tb_program_prepare(&program), 0);
	assert_int_equal(tb_rules_earn(&program, &anne, &basket, NULL, 0, &here, &e), -EOVERFLOW);
	assert_int_equal(e.points, 42);
	/* beyond what a double holds it is still exact */
	program.earning = (struct tb_earning)BY_AMOUNT;
	line.total = basket.total = INT64_C(900719925474099399);
	assert_int_equal(tb_rules_earn(&program, &anne, &basket, NULL, 0, &here, &e), 0);
	assert_int_equal(e.points, INT64_C(9007199254740993));
	tb_program_release(&program);
}

/* ---- R7 ---- */

static void
within_the_delay_before_and_after(void **state)
{
	struct passage p = {
		.t = {.program = {.earning = {.per_passage = 5}, .min_delay_s = 3600},
			.lines = {LINE(1, "A", 1000, 100)},
			.account = anne},
		.offers = {OFFER("o", WALLET, 50)},
	};
	struct tb_earned e;

	earns(&p, 5, 50);
	p.t.account.counted_before_us = NOW - 3600 * TB_USEC_PER_SEC;
	earns(&p, 5, 50);
	p.t.account.counted_before_us++;
	earns_for(&p, 0, TB_REASON_MIN_DELAY, false);
	p.t.account.counted_before_us = TB_TIME_NONE;
	p.t.account.counted_after_us = NOW + 3599 * TB_USEC_PER_SEC;
	earns_for(&p, 0, TB_REASON_MIN_DELAY, false);
	p.t.account.counted_after_us = NOW + 3600 * TB_USEC_PER_SEC;
	earns(&p, 5, 50);
	p.t.account.counted_before_us = NOW; /* the same instant is within any delay */
	earn(&p, &e);
	assert_false(e.counted);
	p.t.program.min_delay_s = 0;
	earns(&p, 5, 50);
}

static void
without_a_customer(void **state)
{
	struct passage p = {.t = {
				    .program = {.earning = {.per_passage = 5}},
				    .lines = {LINE(1, "A", 1000, 100)},
				    .nobody = true,
			    }};

	earns_for(&p, 0, TB_REASON_NO_CUSTOMER, false);
}

/* ---- R12, R11's grace, R4's lots ---- */

static int64_t
at(const char *text)
{
	int64_t us;
	int offset;

	assert_int_equal(tb_time_parse(text, &us, &offset), 0);
	return us;
}

static void
a_lot_ends_with_the_shops_day(void **state)
{
	_cleanup_(tb_zone_freep) struct tb_zone *zone = NULL;
	struct tb_program program = {.points_expire_days = 30};

	assert_int_equal(tb_zone_load("Europe/Paris", &zone), 0);
	program.zone = zone;
	/* 23:30Z on 6 May is the 7th in Paris; its 30 days end with 5 June */
	assert_int_equal(tb_rules_lot_expiry(&program, at("2025-05-06T23:30:00Z")),
		at("2025-06-06T00:00:00+02:00"));
	assert_int_equal(tb_rules_lot_expiry(&program, at("2025-05-06T10:00:00+02:00")),
		at("2025-06-05T00:00:00+02:00"));
	/* over the change of clocks: midnight stays midnight */
	assert_int_equal(tb_rules_lot_expiry(&program, at("2025-10-20T10:00:00+02:00")),
		at("2025-11-19T00:00:00+01:00"));
	program.points_expire_days = 0;
	assert_int_equal(tb_rules_lot_expiry(&program, NOW), TB_TIME_NONE);
	program.points_expire_days = INT64_MAX;
	assert_int_equal(tb_rules_lot_expiry(&program, NOW), TB_TIME_NONE);
}

static void
lots_come_back_with_their_end(void **state)
{
	assert_int_equal(tb_rules_lot_back(NOW + 1, NOW), NOW + 1);
	assert_int_equal(tb_rules_lot_back(NOW, NOW), NOW + 30 * DAY);
	assert_int_equal(tb_rules_lot_back(NOW - 400 * DAY, NOW), NOW + 30 * DAY);
	assert_int_equal(tb_rules_lot_back(TB_TIME_NONE, NOW), TB_TIME_NONE);
}

static void
first_to_expire_goes_first(void **state)
{
	const struct tb_lot lots[] = {
		{10, TB_TIME_NONE}, {10, NOW + 5}, {10, NOW + 3}, {0, NOW}, {4, NOW + 5}};
	int64_t takes[5], missing;

	assert_int_equal(tb_rules_lots_take(lots, 5, 13, takes, &missing), 0);
	assert_int_equal(takes[2], 10);
	assert_int_equal(takes[1], 3);
	assert_int_equal(takes[0] + takes[3] + takes[4] + missing, 0);
	assert_int_equal(tb_rules_lots_take(lots, 5, 40, takes, &missing), 0);
	assert_int_equal(takes[0], 10);
	assert_int_equal(missing, 6);
}

static void
windows_are_times_or_days_of_the_shop(void **state)
{
	_cleanup_(tb_zone_freep) struct tb_zone *zone = NULL;
	int64_t us;

	assert_int_equal(tb_zone_load("Pacific/Auckland", &zone), 0);
	assert_int_equal(tb_window_time(zone, "2025-05-07", &us), 0);
	assert_int_equal(us, at("2025-05-06T12:00:00Z"));
	assert_int_equal(tb_window_time(zone, "2025-05-07T00:00:00Z", &us), 0);
	assert_int_equal(us, at("2025-05-07T00:00:00Z"));
	assert_int_equal(tb_window_time(zone, "2025-02-30", &us), -EINVAL);
	assert_int_equal(tb_window_time(zone, "tomorrow", &us), -EINVAL);
}

/* ---- coupons and bonuses ---- */

static void
coupons_by_rule(void **state)
{
	_cleanup_(tb_zone_freep) struct tb_zone *zone = NULL;
	struct tb_program program = {0};
	struct tb_coupon_rule rule = {"r", "x", TB_COUPON_EVERY_N, 3, 30};
	struct tb_coupon_facts f = {
		.last_issued_us = TB_TIME_NONE, .last_passage_us = TB_TIME_NONE, .now_us = NOW};

	assert_int_equal(tb_zone_load("Europe/Paris", &zone), 0);
	program.zone = zone;
	f.counted = 2;
	assert_int_equal(tb_rules_coupons_due(&program, &rule, &f), 0);
	f.counted = 3;
	assert_int_equal(tb_rules_coupons_due(&program, &rule, &f), 1);
	f.issued = 1;
	assert_int_equal(tb_rules_coupons_due(&program, &rule, &f), 0);
	f.counted = 2; /* the third was voided and comes again */
	assert_int_equal(tb_rules_coupons_due(&program, &rule, &f), 0);
	f.counted = 3;
	assert_int_equal(tb_rules_coupons_due(&program, &rule, &f), 0);
	f.issued = 0;
	f.before = 33; /* the rule is new, and he is not */
	f.counted = 100;
	assert_int_equal(tb_rules_coupons_due(&program, &rule, &f), 0);
	f.counted = 102;
	assert_int_equal(tb_rules_coupons_due(&program, &rule, &f), 1);

	/* today is 6 May; birthday 13 May, seven days before */
	rule.on = TB_COUPON_BEFORE_BIRTHDAY;
	rule.n = 7;
	assert_int_equal(tb_rules_coupons_due(&program, &rule, &f), 0);
	f.has_birthday = true;
	f.birthday = (struct tb_date){1980, 5, 13};
	assert_int_equal(tb_rules_coupons_due(&program, &rule, &f), 1);
	f.birthday.day = 14;
	assert_int_equal(tb_rules_coupons_due(&program, &rule, &f), 0);
	f.birthday.day = 6; /* today */
	assert_int_equal(tb_rules_coupons_due(&program, &rule, &f), 1);
	f.birthday.day = 5; /* was yesterday */
	assert_int_equal(tb_rules_coupons_due(&program, &rule, &f), 0);
	f.birthday.day = 10;
	f.last_issued_us = NOW - 2 * DAY; /* this year's was given */
	assert_int_equal(tb_rules_coupons_due(&program, &rule, &f), 0);
	f.last_issued_us = NOW - 360 * DAY; /* last year's */
	assert_int_equal(tb_rules_coupons_due(&program, &rule, &f), 1);
	/* over New Year, and on the 28th for who was born on the 29th */
	f.now_us = at("2025-12-30T12:00:00+01:00");
	f.birthday = (struct tb_date){1980, 1, 3};
	assert_int_equal(tb_rules_coupons_due(&program, &rule, &f), 1);
	f.now_us = at("2025-02-28T12:00:00+01:00");
	f.birthday = (struct tb_date){1980, 2, 29};
	rule.n = 0;
	assert_int_equal(tb_rules_coupons_due(&program, &rule, &f), 1);

	rule.on = TB_COUPON_UNSEEN;
	rule.n = 60;
	f.now_us = NOW;
	f.last_issued_us = TB_TIME_NONE;
	assert_int_equal(tb_rules_coupons_due(&program, &rule, &f), 0); /* never came */
	f.last_passage_us = NOW - 59 * DAY;
	assert_int_equal(tb_rules_coupons_due(&program, &rule, &f), 0);
	f.last_passage_us = NOW - 60 * DAY;
	assert_int_equal(tb_rules_coupons_due(&program, &rule, &f), 1);
	f.last_issued_us = NOW - DAY; /* once an absence */
	assert_int_equal(tb_rules_coupons_due(&program, &rule, &f), 0);
	rule.on = TB_COUPON_BY_HAND;
	assert_int_equal(tb_rules_coupons_due(&program, &rule, &f), 0);

	rule.valid_days = 30;
	assert_int_equal(
		tb_rules_coupon_valid_to(&program, &rule, NOW), at("2025-06-06T00:00:00+02:00"));
	rule.valid_days = 0;
	assert_int_equal(tb_rules_coupon_valid_to(&program, &rule, NOW), TB_TIME_NONE);
}

static void
bonuses(void **state)
{
	struct tb_program program = {
		.profile_fields = NAMES("birthday", "postcode"),
		.profile_points = 30,
		.sponsor_points = 100,
		.newcomer_points = 50,
	};
	struct tb_names filled = NAMES("postcode", "first_name");
	struct tb_account newcomer = anne;
	struct tb_earned earned = {.counted = true};

	assert_int_equal(tb_rules_profile_bonus(&program, &filled), 0);
	filled = (struct tb_names)NAMES("postcode", "birthday");
	assert_int_equal(tb_rules_profile_bonus(&program, &filled), 30);
	assert_int_equal(tb_rules_sponsorship(&program, &newcomer, &earned).sponsor_points, 100);
	assert_int_equal(tb_rules_sponsorship(&program, &newcomer, &earned).newcomer_points, 50);
	earned.counted = false;
	assert_int_equal(tb_rules_sponsorship(&program, &newcomer, &earned).sponsor_points, 0);
	earned.counted = true;
	newcomer.counted = 1;
	assert_int_equal(tb_rules_sponsorship(&program, &newcomer, &earned).newcomer_points, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_base_leaves_out_what_is_no_sale),
		cmocka_unit_test(what_paid_it),
		cmocka_unit_test(after_the_discounts),
		cmocka_unit_test(a_passage_by_hand_has_only_a_total),
		cmocka_unit_test(best_or_sum),
		cmocka_unit_test(offered_units_earn_nothing),
		cmocka_unit_test(best_multiplier_then_bonuses_then_maximum),
		cmocka_unit_test(conditions_of_an_offer),
		cmocka_unit_test(offers_are_active_from_to),
		cmocka_unit_test(below_the_minimum_nothing),
		cmocka_unit_test(points_beyond_the_range_are_an_error),
		cmocka_unit_test(within_the_delay_before_and_after),
		cmocka_unit_test(without_a_customer),
		cmocka_unit_test(a_lot_ends_with_the_shops_day),
		cmocka_unit_test(lots_come_back_with_their_end),
		cmocka_unit_test(first_to_expire_goes_first),
		cmocka_unit_test(windows_are_times_or_days_of_the_shop),
		cmocka_unit_test(coupons_by_rule),
		cmocka_unit_test(bonuses),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("earn", tests, NULL, NULL);
}
