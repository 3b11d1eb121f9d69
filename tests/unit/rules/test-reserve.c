/* SPDX-License-Identifier: MIT */
/* R1 to R3 on one ticket: what is taken off, and from which line. The arithmetic stands beside. */

#include "tests/unit/rules/ticket.h"

#define RECKONING _cleanup_reckoning_ struct tb_reckoning r = {0}

static void
expect(const struct tb_reckoning *r, size_t i, const char *reward, int64_t line, int64_t amount)
{
	assert_in_range(i, 0, r->n_adjustments - 1);
	assert_string_equal(r->adjustments[i].reward, reward);
	assert_int_equal(r->adjustments[i].line, line);
	assert_int_equal(r->adjustments[i].amount, amount);
}

/* ---- R1 ---- */

static void
percent_is_rounded_on_the_whole(void **state)
{
	/* 10 × 10 % = 1; 0.5 each, the lower line takes it */
	struct ticket t = {
		.rewards = {REWARD("t", PERCENT, .bp = 1000)},
		.lines = {LINE(1, "A1", 1000, 5), LINE(2, "A2", 1000, 5)},
		.uses = {USE("t")},
	};
	RECKONING;

	granted(&t, &r);
	assert_int_equal(r.total_after, 9);
	assert_int_equal(r.n_adjustments, 1);
	assert_int_equal(r.adjustments[0].kind, TB_ADJUST_TICKET_DISCOUNT);
	assert_int_equal(r.adjustments[0].n_shares, 2);
	assert_int_equal(r.adjustments[0].shares[0].amount, 1);
	assert_int_equal(r.adjustments[0].shares[1].amount, 0);
}

static void
ties_go_to_the_lower_number_not_the_first_line(void **state)
{
	struct ticket t = {
		.rewards = {REWARD("t", PERCENT, .bp = 1000)},
		.lines = {LINE(9, "A1", 1000, 5), LINE(2, "A2", 1000, 5)},
		.uses = {USE("t")},
	};
	RECKONING;

	granted(&t, &r);
	assert_int_equal(r.adjustments[0].shares[0].no, 2);
	assert_int_equal(r.adjustments[0].shares[0].amount, 1);
	/* the answer about the lines stays in the basket's order */
	assert_int_equal(r.lines[0].no, 9);
	assert_int_equal(r.lines[0].left, 5);
	assert_int_equal(r.lines[1].left, 4);
}

static void
chosen_articles_are_rounded_on_their_sum(void **state)
{
	/* 999 × 15.5 % = 154.845 -> 155 as 52 52 51 */
	struct ticket t = {
		.rewards = {REWARD("t", PERCENT, .bp = 1550, .articles = NAMES("P1", "P2", "P3"))},
		.lines = {LINE(1, "P1", 1000, 333), LINE(2, "X", 1000, 1000),
			LINE(3, "P2", 1000, 333), LINE(4, "P3", 1000, 333)},
		.uses = {USE("t")},
	};
	RECKONING;

	granted(&t, &r);
	assert_int_equal(r.n_adjustments, 3);
	expect(&r, 0, "t", 1, 52);
	expect(&r, 1, "t", 3, 52);
	expect(&r, 2, "t", 4, 51);
	assert_int_equal(r.total_after, 1999 - 155);
}

static void
one_unit_of_three(void **state)
{
	/* 1000 × 1000 / 3000 = 333.3 -> 333; 667 stay on the line */
	struct ticket t = {
		.rewards = {REWARD("t", ARTICLE, .articles = NAMES("A"))},
		.lines = {LINE(1, "A", 3000, 1000)},
		.uses = {USE("t")},
	};
	RECKONING;

	granted(&t, &r);
	expect(&r, 0, "t", 1, 333);
	assert_int_equal(r.adjustments[0].quantity, 1000);
	assert_int_equal(r.lines[0].left, 667);
	assert_int_equal(r.lines[0].offered_quantity, 1000);
}

static void
units_never_take_more_than_is_left(void **state)
{
	/* 3 for 500: 167, 167, and the third is worth what is left, 166 */
	struct ticket t = {
		.rewards = {REWARD("a", ARTICLE, .articles = NAMES("A")),
			REWARD("b", ARTICLE, .articles = NAMES("A")),
			REWARD("c", ARTICLE, .articles = NAMES("A")),
			REWARD("d", ARTICLE, .articles = NAMES("A"))},
		.lines = {LINE(1, "A", 3000, 500), LINE(2, "B", 1000, 100)},
		.uses = {USE("c"), USE("a"), USE("b")},
	};
	RECKONING;

	granted(&t, &r);
	expect(&r, 0, "a", 1, 167);
	expect(&r, 1, "b", 1, 167);
	expect(&r, 2, "c", 1, 166);
	t.uses[3] = (struct tb_use)USE("d");
	NOT_APPLICABLE(&t, ARTICLE_MISSING); /* no fourth piece */
}

static void
a_weighed_line_is_one_unit(void **state)
{
	struct ticket t = {
		.rewards = {REWARD("t", ARTICLE, .articles = NAMES("HAM"))},
		.lines = {LINE(1, "HAM", 1350, 2700)},
		.uses = {USE("t")},
	};
	RECKONING;

	granted(&t, &r);
	expect(&r, 0, "t", 1, 2700);
	assert_int_equal(r.adjustments[0].quantity, 1350);
	assert_int_equal(r.total_after, 0);
}

static void
amounts_spread_by_what_is_left(void **state)
{
	/* A is offered: the 300 fall on B 200 and C 100 only, 200 and 100 of 600: 2:1 */
	struct ticket t = {
		.rewards = {REWARD("f", ARTICLE, .articles = NAMES("A")),
			REWARD("m", AMOUNT, .value = 300)},
		.lines = {LINE(1, "A", 1000, 900), LINE(2, "B", 1000, 400),
			LINE(3, "C", 1000, 200)},
		.uses = {USE("m"), USE("f")},
	};
	RECKONING;

	granted(&t, &r);
	expect(&r, 0, "f", 1, 900);
	assert_int_equal(r.adjustments[1].n_shares, 2);
	assert_int_equal(r.adjustments[1].shares[0].amount, 200);
	assert_int_equal(r.adjustments[1].shares[1].amount, 100);
	assert_int_equal(r.total_after, 300);
}

static void
an_overflow_is_an_error(void **state)
{
	struct ticket t = {
		.rewards = {REWARD("t", PERCENT, .bp = 1000)},
		.lines = {LINE(1, "A", 1000, INT64_MAX / 2 + 1),
			LINE(2, "B", 1000, INT64_MAX / 2 + 1)},
		.uses = {USE("t")},
		.account = anne,
		.context = here,
	};
	struct tb_reckoning r = {.n_uses = 77};

	t.program.rewards = t.rewards;
	t.program.n_rewards = 1;
	t.basket = (struct tb_basket){t.lines, 2, INT64_MAX};
	assert_int_equal(tb_program_prepare(&t.program), 0);
	assert_int_equal(
		tb_rules_reserve(&t.program, &t.account, &t.basket, t.uses, 1, &t.context, &r),
		-EOVERFLOW);
	assert_int_equal(r.n_uses, 77); /* untouched */
	tb_program_release(&t.program);
}

static void
large_amounts_are_exact(void **state)
{
	/* beyond 2^53: 9007199254740993 × 50 % = 4503599627370496.5 -> …497 */
	struct ticket t = {
		.rewards = {REWARD("t", PERCENT, .bp = 5000)},
		.lines = {LINE(1, "A", 1000, INT64_C(9007199254740993))},
		.uses = {USE("t")},
	};
	RECKONING;

	granted(&t, &r);
	assert_int_equal(r.adjustments[0].amount, INT64_C(4503599627370497));
}

/* ---- R2 ---- */

static void
the_seven_steps(void **state)
{
	/*
	 * A 1000, B 2000, C 3000. (2) A offered: 5000. (3) 500 off B: 1500. (4) 10 % on B: 150 ->
	 * 1350. (5) 10 % of 1350 + 3000 = 435. (6) 100. 6000-1000-500-150-435-100 = 3815. (7) 200
	 * cashback, 300 wallet: 3315 to pay.
	 */
	struct ticket t = {
		.rewards = {REWARD("1-cash", CASHBACK, .value = 200),
			REWARD("2-ticket-amount", AMOUNT, .value = 100),
			REWARD("3-ticket-percent", PERCENT, .bp = 1000),
			REWARD("4-article-percent", PERCENT, .bp = 1000, .articles = NAMES("B")),
			REWARD("5-article-amount", AMOUNT, .value = 500, .articles = NAMES("B")),
			REWARD("6-offered", ARTICLE, .articles = NAMES("A"))},
		.lines = {LINE(1, "A", 1000, 1000), LINE(2, "B", 1000, 2000),
			LINE(3, "C", 1000, 3000)},
		.uses = {WALLET(.has_amount = true, .amount = 300), USE("1-cash"),
			USE("2-ticket-amount"), USE("3-ticket-percent"), USE("4-article-percent"),
			USE("5-article-amount"), USE("6-offered")},
		.account = anne,
	};
	static const int64_t amounts[] = {1000, 500, 150, 435, 100, 200, 300};
	RECKONING;

	t.account.wallet_available = 900;
	granted(&t, &r);
	assert_int_equal(r.n_adjustments, ARRAY_SIZE(amounts));
	for (size_t i = 0; i < ARRAY_SIZE(amounts); i++)
		assert_int_equal(r.adjustments[i].amount, amounts[i]);
	assert_int_equal(r.total_after, 3815);
	assert_int_equal(r.to_pay, 3315);
	assert_int_equal(r.wallet, 300);
	assert_int_equal(r.uses[0].wallet, 300);
}

static void
within_a_step_by_sequence_then_id(void **state)
{
	/* z first: 10 % of 1000 = 100; then a: 5 % of the 900 left = 45 */
	struct ticket t = {
		.rewards = {REWARD("a", PERCENT, .bp = 500, .sequence = 2),
			REWARD("z", PERCENT, .bp = 1000, .sequence = 1)},
		.lines = {LINE(1, "A", 1000, 1000)},
		.uses = {USE("a"), USE("z")},
	};
	RECKONING;

	granted(&t, &r);
	expect(&r, 0, "z", 0, 100);
	expect(&r, 1, "a", 0, 45);
	assert_int_equal(r.total_after, 855);
}

static void
cheapest_unit_unless_a_line_is_named(void **state)
{
	/* two lines of one article: 300 a piece and 250 a piece */
	struct ticket t = {
		.rewards = {REWARD("t", ARTICLE, .articles = NAMES("A"))},
		.lines = {LINE(1, "A", 1000, 300), LINE(2, "A", 2000, 500)},
		.uses = {USE("t")},
	};
	RECKONING;

	granted(&t, &r);
	expect(&r, 0, "t", 2, 250);
	tb_reckoning_done(&r);
	t.uses[0].has_line = true;
	t.uses[0].line = 1;
	granted(&t, &r);
	expect(&r, 0, "t", 1, 300);
	t.uses[0].line = 7;
	NOT_APPLICABLE(&t, ARTICLE_MISSING);
	/* equally cheap: the lower line */
	t.uses[0].has_line = false;
	t.lines[0].total = 250;
	tb_reckoning_done(&r);
	granted(&t, &r);
	expect(&r, 0, "t", 1, 250);
}

static void
what_is_never_touched(void **state)
{
	/* gift card 5000, deposit 30, return -700, negative -100: 10 % of 1000 + 500 (no_loyalty) =
	 * 150 */
	struct ticket t = {
		.rewards = {REWARD("t", PERCENT, .bp = 1000)},
		.lines = {LINE(1, "A", 1000, 1000), LINE(2, "GC", 1000, 5000),
			LINE(3, "DEP", 1000, 30), LINE(4, "R", -1000, -700),
			LINE(5, "N", 1000, -100), LINE(6, "F", 1000, 500),
			LINE(7, "RP", 1000, 400)},
		.uses = {USE("t")},
	};
	RECKONING;

	t.lines[1].flags = TB_LINE_GIFT_CARD_SALE;
	t.lines[2].flags = TB_LINE_DEPOSIT;
	t.lines[3].flags = TB_LINE_RETURN_OF;
	t.lines[5].flags = TB_LINE_NO_LOYALTY;
	t.lines[6].flags = TB_LINE_RETURN_OF;
	granted(&t, &r);
	assert_int_equal(r.adjustments[0].amount, 150);
	assert_int_equal(r.adjustments[0].n_shares, 2);
	assert_int_equal(r.adjustments[0].shares[0].no, 1);
	assert_int_equal(r.adjustments[0].shares[1].no, 6);
}

static void
no_line_goes_below_zero(void **state)
{
	/* partial 2000 on A 300 takes 300; then 50 % of B only */
	struct ticket t = {
		.rewards = {REWARD("m", AMOUNT, .value = 2000, .partial = true,
				    .articles = NAMES("A")),
			REWARD("p", PERCENT, .bp = 5000)},
		.lines = {LINE(1, "A", 1000, 300), LINE(2, "B", 1000, 100)},
		.uses = {USE("p"), USE("m")},
	};
	RECKONING;

	granted(&t, &r);
	expect(&r, 0, "m", 1, 300);
	assert_int_equal(r.adjustments[1].amount, 50);
	assert_int_equal(r.lines[0].left, 0);
	assert_int_equal(r.total_after, 50);
}

static void
a_tender_is_not_turnover(void **state)
{
	struct tb_gift_card card = {"GC-1", 5000, TB_TIME_NONE, false};
	struct ticket t = {
		.rewards = {REWARD("t", PERCENT, .bp = 1000)},
		.lines = {LINE(1, "A", 1000, 2000)},
		.uses = {{.kind = TB_USE_GIFT_CARD, .code = "GC-1", .gift_card = &card}, USE("t")},
	};
	RECKONING;

	granted(&t, &r);
	assert_int_equal(r.total_after, 1800);
	assert_int_equal(r.to_pay, 0);
	assert_int_equal(r.adjustments[1].tender, TB_TENDER_GIFT_CARD);
	assert_int_equal(r.uses[0].gift_card, 1800);
	assert_null(r.adjustments[1].reward);
}

static void
names_meet_after_folding(void **state)
{
	/* decomposed, other case, more blanks */
	struct ticket t = {
		.rewards = {REWARD("t", ARTICLE, .articles = NAMES("Café  Crème"))},
		.lines = {LINE(1, "x", 1000, 300)},
		.uses = {USE("t")},
		.context = here,
	};
	RECKONING;

	t.context.product_reference = TB_REFERENCE_LABEL;
	t.lines[0].label = " CAFE\xcc\x81 cre\xcc\x80me";
	granted(&t, &r);
	assert_int_equal(r.total_after, 0);
	t.lines[0].label = "Cafe Creme";
	NOT_APPLICABLE(&t, ARTICLE_MISSING);
	t.context.product_reference = TB_REFERENCE_EAN;
	t.lines[0].ean = "CAFÉ CRÈME";
	tb_reckoning_done(&r);
	granted(&t, &r);
}

static void
two_articles_of_one_name_are_not_guessed(void **state)
{
	struct ticket t = {
		.rewards = {REWARD("t", ARTICLE, .articles = NAMES("Tarte"))},
		.lines = {LINE(1, "T1", 1000, 300), LINE(2, "T2", 1000, 400)},
		.uses = {USE("t")},
		.context = here,
	};
	RECKONING;

	t.context.product_reference = TB_REFERENCE_LABEL;
	t.lines[0].label = "Tarte";
	t.lines[1].label = "TARTE";
	NOT_APPLICABLE(&t, ARTICLE_AMBIGUOUS);
	/* the cashier says which */
	t.uses[0].has_line = true;
	t.uses[0].line = 2;
	granted(&t, &r);
	expect(&r, 0, "t", 2, 400);
	/* one article, written twice */
	t.uses[0].has_line = false;
	t.lines[1].code = "t1";
	tb_reckoning_done(&r);
	granted(&t, &r);
	expect(&r, 0, "t", 1, 300);
	/* same code, another EAN: two articles */
	t.lines[0].ean = "3017620422003";
	t.lines[1].ean = "5449000000996";
	NOT_APPLICABLE(&t, ARTICLE_AMBIGUOUS);
	/* a line that cannot be offered does not compete */
	t.lines[1].flags = TB_LINE_DEPOSIT;
	tb_reckoning_done(&r);
	granted(&t, &r);
}

static void
any_article_of_a_category(void **state)
{
	struct ticket t = {
		.rewards = {REWARD("t", ARTICLE, .categories = NAMES("dessert"))},
		.lines = {LINE(1, "T1", 1000, 500), LINE(2, "T2", 1000, 400),
			LINE(3, "X", 1000, 100)},
		.uses = {USE("t")},
	};
	RECKONING;

	t.lines[0].category = "Dessert";
	t.lines[1].category = "DESSERT ";
	granted(&t, &r);
	expect(&r, 0, "t", 2, 400);
}

static void
a_gift_takes_nothing_off(void **state)
{
	struct ticket t = {
		.rewards = {REWARD("mug", GIFT, .cost_points = 50)},
		.lines = {LINE(1, "A", 1000, 300)},
		.uses = {USE("mug")},
	};
	RECKONING;

	t.rewards[0].cost_price = 420;
	granted(&t, &r);
	assert_int_equal(r.n_adjustments, 0);
	assert_int_equal(r.to_pay, 300);
	assert_int_equal(r.points, 50);
	assert_int_equal(r.uses[0].shop_cost, 420);
}

static void
an_article_for_points(void **state)
{
	static const struct tb_article cola = {"COLA", "Cola", NULL, "drink", 3, 40};
	struct ticket t = {
		.lines = {LINE(1, "COLA", 2000, 500), LINE(2, "B", 1000, 100)},
		.uses = {USE("article:COLA")},
		.account = anne,
	};
	RECKONING;

	t.lines[0].imported = &cola;
	granted(&t, &r);
	expect(&r, 0, "article:COLA", 1, 250);
	assert_string_equal(r.adjustments[0].title, "Cola");
	assert_int_equal(r.points, 40);
	assert_null(r.uses[0].reward);
	assert_int_equal(r.uses[0].shop_cost, 250);
	t.account.points_available = 39;
	refused(&t, TB_ERROR_INSUFFICIENT_BALANCE, TB_REASON_INSUFFICIENT_BALANCE);
	t.uses[0].code = "article:FANTA";
	NOT_APPLICABLE(&t, ARTICLE_MISSING);
}

/* ---- R3 ---- */

static void
undiscounted_only(void **state)
{
	/* plain 333; promo, manual, discounted, no_loyalty, deposit are out: 10 % of 333 = 33 */
	struct ticket t = {
		.rewards = {REWARD("u", PERCENT, .bp = 1000, .undiscounted_only = true),
			REWARD("f", ARTICLE, .articles = NAMES("F")),
			REWARD("s", PERCENT, .bp = 2000, .articles = NAMES("S"))},
		.lines = {LINE(1, "A", 1000, 333), LINE(2, "B", 1000, 1000),
			LINE(3, "C", 1000, 1000), LINE(4, "D", 1000, 900), LINE(5, "E", 1000, 1000),
			LINE(6, "F", 2000, 1000), LINE(7, "S", 1000, 1000)},
		.uses = {USE("u"), USE("f"), USE("s")},
	};
	RECKONING;

	t.lines[1].price_kind = TB_PRICE_PROMO;
	t.lines[2].price_kind = TB_PRICE_MANUAL;
	t.lines[3].discount = 100;
	t.lines[4].flags = TB_LINE_NO_LOYALTY;
	granted(&t, &r);
	expect(&r, 0, "f", 6, 500);
	expect(&r, 1, "s", 7, 200);
	expect(&r, 2, "u", 0, 33);
	assert_int_equal(r.adjustments[2].n_shares, 1);
	/* nothing plain left: not applicable, not used up */
	t.lines[0].discount = 1;
	NOT_APPLICABLE(&t, BASE_ZERO);
}

static void
max_amount_clamps_after_rounding(void **state)
{
	struct ticket t = {
		.rewards = {REWARD("t", PERCENT, .bp = 1000, .max_amount = 50)},
		.lines = {LINE(1, "A", 1000, 600), LINE(2, "B", 1000, 300)},
		.uses = {USE("t")},
	};
	RECKONING;

	/* 90 -> 50; 33.3 and 16.7 */
	granted(&t, &r);
	assert_int_equal(r.adjustments[0].amount, 50);
	assert_int_equal(r.adjustments[0].shares[0].amount, 33);
	assert_int_equal(r.adjustments[0].shares[1].amount, 17);
}

static void
a_clamped_unit_leaves_the_base_all_the_same(void **state)
{
	/* unit of 500 offered up to 300: 200 stay to be paid, and 10 % is of B alone */
	struct ticket t = {
		.rewards = {REWARD("f", ARTICLE, .articles = NAMES("A"), .max_amount = 300),
			REWARD("p", PERCENT, .bp = 1000)},
		.lines = {LINE(1, "A", 1000, 500), LINE(2, "B", 1000, 1000)},
		.uses = {USE("f"), USE("p")},
	};
	RECKONING;

	granted(&t, &r);
	expect(&r, 0, "f", 1, 300);
	expect(&r, 1, "p", 0, 100);
	assert_int_equal(r.lines[0].left, 200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percent_is_rounded_on_the_whole),
		cmocka_unit_test(ties_go_to_the_lower_number_not_the_first_line),
		cmocka_unit_test(chosen_articles_are_rounded_on_their_sum),
		cmocka_unit_test(one_unit_of_three),
		cmocka_unit_test(units_never_take_more_than_is_left),
		cmocka_unit_test(a_weighed_line_is_one_unit),
		cmocka_unit_test(amounts_spread_by_what_is_left),
		cmocka_unit_test(an_overflow_is_an_error),
		cmocka_unit_test(large_amounts_are_exact),
		cmocka_unit_test(the_seven_steps),
		cmocka_unit_test(within_a_step_by_sequence_then_id),
		cmocka_unit_test(cheapest_unit_unless_a_line_is_named),
		cmocka_unit_test(what_is_never_touched),
		cmocka_unit_test(no_line_goes_below_zero),
		cmocka_unit_test(a_tender_is_not_turnover),
		cmocka_unit_test(names_meet_after_folding),
		cmocka_unit_test(two_articles_of_one_name_are_not_guessed),
		cmocka_unit_test(any_article_of_a_category),
		cmocka_unit_test(a_gift_takes_nothing_off),
		cmocka_unit_test(an_article_for_points),
		cmocka_unit_test(undiscounted_only),
		cmocka_unit_test(max_amount_clamps_after_rounding),
		cmocka_unit_test(a_clamped_unit_leaves_the_base_all_the_same),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("reserve", tests, NULL, NULL);
}
