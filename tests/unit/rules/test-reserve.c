/* SPDX-License-Identifier: MIT */
/* R1 to R4 and R8 to R10, R15 on one ticket: the arithmetic stands beside each case. */

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
	return cmocka_run_group_tests_name("reserve", tests, NULL, NULL);
}
