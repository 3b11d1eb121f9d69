/* SPDX-License-Identifier: MIT */
/* R11: what a return takes back, on the ticket it was sold with. */

#include "tests/unit/rules/passage.h"

struct returning {
	struct passage p;
	struct tb_earned earned;
	int64_t returned[12];
	int64_t reversed_points, reversed_wallet;
	size_t n_uses; /* without an adjustment, after those with one */
};

static void
take_back(
	struct returning *t, const struct tb_return_line *lines, size_t n, struct tb_returned *ret)
{
	struct tb_sale sale = {
		.program = &t->p.t.program,
		.account = &t->p.t.account,
		.basket = &t->p.t.basket,
		.adjustments = t->p.adjustments,
		.n_adjustments = t->p.n_adjustments,
		.n_uses = t->p.n_adjustments + t->n_uses,
		.context = &t->p.t.context,
		.returned = t->returned,
		.earned_points = t->earned.points,
		.earned_wallet = t->earned.wallet,
		.reversed_points = t->reversed_points,
		.reversed_wallet = t->reversed_wallet,
		.counted = t->earned.counted,
	};

	for (size_t i = 0; i < t->p.n_adjustments; i++)
		t->p.adjustments[i].use = i;
	t->p.t.program.offers = t->p.offers;
	ticket_complete(&t->p.t);
	assert_int_equal(tb_rules_return(&sale, lines, n, ret), 0);
	tb_program_release(&t->p.t.program);
	if (ret->error != TB_OK)
		return;
	for (size_t i = 0; i < ret->n_lines; i++)
		t->returned[i] += ret->quantities[i];
	t->reversed_points += ret->points;
	t->reversed_wallet += ret->wallet;
}

#define RETURNED _cleanup_returned_ struct tb_returned r = {0}
#define BACK(...) ((struct tb_return_line[]){__VA_ARGS__})

static void
what_is_kept_is_earned_again(void **state)
{
	/* 1000 + 990 = 19.9 -> 19; keeping 990 earns 9: 10 go back; then the rest */
	struct returning t = {.p.t = {
				      .program = {.earning = BY_AMOUNT},
				      .lines = {LINE(1, "A", 1000, 1000), LINE(2, "B", 1000, 990)},
			      }};
	RETURNED;

	earn(&t.p, &t.earned);
	take_back(&t, BACK({.no = 1}), 1, &r);
	assert_int_equal(r.points, 10);
	assert_int_equal(r.quantities[0], 1000);
	assert_false(r.nothing_kept);
	tb_returned_done(&r);
	take_back(&t, BACK({.no = 1}), 1, &r); /* all that is left of it is nothing */
	assert_int_equal(r.points, 0);
	tb_returned_done(&r);
	take_back(&t, NULL, 0, &r);
	assert_int_equal(r.points, 9);
	assert_true(r.nothing_kept);
	assert_int_equal(t.reversed_points, t.earned.points);
}

static void
partial_quantities(void **state)
{
	/* 3 pieces for 1000 = 10 points; keep 2: 666.67 -> 667 = 6; keep 1: 333 = 3 */
	struct returning t = {.p.t = {
				      .program = {.earning = BY_AMOUNT},
				      .lines = {LINE(1, "A", 3000, 1000)},
			      }};
	RETURNED;

	earn(&t.p, &t.earned);
	take_back(&t, BACK({1, true, 1000}), 1, &r);
	assert_int_equal(r.points, 4);
	tb_returned_done(&r);
	take_back(&t, BACK({1, true, 1000}), 1, &r);
	assert_int_equal(r.points, 3);
	tb_returned_done(&r);
	take_back(&t, BACK({1, true, 1001}), 1, &r);
	assert_int_equal(r.error, TB_ERROR_INVALID_PARAMS);
	tb_returned_done(&r);
	take_back(&t, BACK({.no = 1}, {.no = 9}), 2, &r);
	assert_int_equal(r.error, TB_ERROR_INVALID_PARAMS);
	assert_int_equal(r.line, 1);
	tb_returned_done(&r);
	take_back(&t, BACK({.no = 1}), 1, &r);
	assert_int_equal(r.points, 3);
	assert_true(r.nothing_kept);
}

static void
what_is_kept_is_half_up(void **state)
{
	/* 3 pieces for 500; one kept is worth 166.67 -> 167, for which there is one point */
	struct returning t = {
		.p.t = {
			.program = {.earning = {.amount_points = 1, .amount_unit = 167}},
			.lines = {LINE(1, "A", 3000, 500)},
		}};
	RETURNED;

	earn(&t.p, &t.earned);
	assert_int_equal(t.earned.points, 2);
	take_back(&t, BACK({1, true, 2000}), 1, &r);
	assert_int_equal(r.points, 1);
}

static void
a_gift_comes_back_with_the_last_line(void **state)
{
	/* a gift leaves no adjustment: it has no line of its own */
	struct returning t = {.p.t = {
				      .program = {.earning = BY_AMOUNT},
				      .lines = {LINE(1, "A", 1000, 500), LINE(2, "B", 1000, 500)},
			      }};
	RETURNED;

	earn(&t.p, &t.earned);
	t.n_uses = 1;
	take_back(&t, BACK({.no = 1}), 1, &r);
	assert_false(r.uses_back[0]);
	tb_returned_done(&r);
	take_back(&t, NULL, 0, &r);
	assert_true(r.uses_back[0]);
}

static void
a_kept_line_keeps_its_share(void **state)
{
	/* 10 % of 2000 as 100 and 100: 18 points; B kept is worth 900: 9 of 18 go back */
	struct tb_share shares[] = {{1, 100}, {2, 100}};
	struct returning t = {
		.p = {
			.t = {.program = {.earning = BY_AMOUNT},
				.lines = {LINE(1, "A", 1000, 1000), LINE(2, "B", 1000, 1000)}},
			.adjustments = {{.kind = TB_ADJUST_TICKET_DISCOUNT,
				.amount = 200,
				.shares = shares,
				.n_shares = 2}},
			.n_adjustments = 1,
		}};
	RETURNED;

	earn(&t.p, &t.earned);
	assert_int_equal(t.earned.points, 18);
	take_back(&t, BACK({.no = 1}), 1, &r);
	assert_int_equal(r.points, 9);
	assert_false(r.uses_back[0]); /* the discount of the ticket stays used */
	tb_returned_done(&r);
	take_back(&t, NULL, 0, &r);
	assert_true(r.uses_back[0]);
}

static void
a_reward_comes_back_with_its_own_line(void **state)
{
	struct returning t = {
		.p = {
			.t = {.program = {.earning = BY_AMOUNT},
				.lines = {LINE(1, "A", 1000, 1000), LINE(2, "B", 2000, 1000),
					LINE(3, "C", 1000, 500)}},
			.adjustments = {{.kind = TB_ADJUST_ARTICLE_OFFERED,
						.line = 2,
						.amount = 500,
						.quantity = 1000},
				{.kind = TB_ADJUST_LINE_DISCOUNT, .line = 1, .amount = 100},
				{.kind = TB_ADJUST_TENDER,
					.tender = TB_TENDER_WALLET,
					.amount = 100}},
			.n_adjustments = 3,
		}};
	RETURNED;

	earn(&t.p, &t.earned);
	take_back(&t, BACK({2, true, 1000}), 1, &r);
	assert_false(r.uses_back[0]); /* one of two is still there */
	tb_returned_done(&r);
	take_back(&t, BACK({.no = 2}), 1, &r);
	assert_true(r.uses_back[0]);
	assert_false(r.uses_back[1]);
	assert_false(r.uses_back[2]);
}

static void
offers_and_maximum_are_judged_again(void **state)
{
	/* 3000: 30 + 50 for at least 2000, capped to 60; keep 1500: 15; 45 go back, and the
	 * wallet's 10 */
	struct returning t = {
		.p = {
			.t = {.program = {.earning = BY_AMOUNT, .max_points_per_passage = 60},
				.lines = {LINE(1, "A", 1000, 1500), LINE(2, "B", 1000, 1500)}},
			.offers = {OFFER("o", POINTS, 50, .min_amount = 2000),
				OFFER("w", WALLET, 10, .min_amount = 2000)},
		}};
	RETURNED;

	earn(&t.p, &t.earned);
	assert_int_equal(t.earned.points, 60);
	take_back(&t, BACK({.no = 2}), 1, &r);
	assert_int_equal(r.points, 45);
	assert_int_equal(r.wallet, 10);
}

static void
what_earned_nothing_gives_nothing_back(void **state)
{
	struct returning t = {.p.t = {
				      .program = {.earning = BY_AMOUNT, .min_delay_s = 3600},
				      .lines = {LINE(1, "A", 1000, 1000), LINE(2, "B", 1000, 990)},
				      .account = anne,
			      }};
	RETURNED;

	t.p.t.account.counted_before_us = NOW - 1;
	earn(&t.p, &t.earned);
	take_back(&t, BACK({.no = 1}), 1, &r);
	assert_int_equal(r.points, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_kept_is_earned_again),
		cmocka_unit_test(partial_quantities),
		cmocka_unit_test(what_is_kept_is_half_up),
		cmocka_unit_test(a_gift_comes_back_with_the_last_line),
		cmocka_unit_test(a_kept_line_keeps_its_share),
		cmocka_unit_test(a_reward_comes_back_with_its_own_line),
		cmocka_unit_test(offers_and_maximum_are_judged_again),
		cmocka_unit_test(what_earned_nothing_gives_nothing_back),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("return", tests, NULL, NULL);
}
