/* SPDX-License-Identifier: MIT */
/* Voids and returns, the end of points, and the lots behind them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/ledger/stage.h"

#define EARNING "'earning':{'per_amount':{'points':1,'amount':100}}"
#define TWO_LINES \
	"'lines':[{'no':1,'article':{'code':'A'},'quantity':2000,'unit_price':500,'total':1000}," \
	"{'no':2,'article':{'code':'B'},'quantity':1000,'unit_price':1000,'total':1000}]," \
	"'total':2000"
#define DAY INT64_C(86400)

static char id[32];

static int
setup(void **state)
{
	stage_setup(state);
	program(*state,
		EARNING ",'points_expire_days':30,'rewards':[{'id':'m','kind':'amount',"
			"'title':'m','value':1000,'cost_points':10},{'id':'n','kind':'amount',"
			"'title':'n','value':100,'every_n_passages':2},{'id':'w','kind':'amount',"
			"'title':'w','value':100,'welcome':true},{'id':'a','kind':'article',"
			"'title':'a','articles':['B'],'cost_points':5}]");
	strcpy(id, customer(*state, "Anne"));
	return 0;
}

static json_t *
reverse(struct stage *s, const char *sale_no, const char *kind, const char *lines)
{
	return ok(s, "passage.reverse", "{'key':'%s','sale':'%s','kind':'%s'%s%s}", key(), sale_no,
		kind, *lines ? ",'lines':" : "", lines);
}

static json_t *
post_two_lines(struct stage *s, const char *sale_no, const char *uses, int64_t to_pay)
{
	char reservation[32];

	strcpy(reservation,
		text(ok(s, "reward.reserve",
			     "{'key':'%s','sale':'%s','customer':'%s','basket':{" TWO_LINES
			     "},'uses':[%s]}",
			     key(), sale_no, id, uses),
			"reservation"));
	return ok(s, "passage.post",
		"{'sale':'%s','occurred_at':'2025-05-06T12:00:00+02:00','customer':'%s'," TWO_LINES
		",'tenders':[{'kind':'card','amount':%lld}],'reservation':'%s'}",
		sale_no, id, (long long)to_pay, reservation);
}

/* ---- void --------------------------------------------------------------------------------- */

static void
test_void_restores_exactly(void **state)
{
	struct stage *s = *state;
	json_t *before, *r;

	sale(s, "E1", id, "2025-05-01T10:00:00+02:00", 2000);
	sale(s, "E2", id, "2025-05-02T10:00:00+02:00", 1000);
	before = json_deep_copy(ok(s, "customer.lookup", "{'id':'%s'}", id));
	r = post_two_lines(s, "S1", "{'reward':'m'},{'reward':'n'}", 900);
	assert_int_equal(number(r, "balances.points"), 30 - 10 + 9);
	assert_int_equal(number(r, "progress.0.count"), 1);
	r = reverse(s, "S1", "void", "");
	assert_string_equal(text(r, "state"), "reversed");
	assert_int_equal(length(r, "warnings"), 0);
	assert_true(json_equal(before, ok(s, "customer.lookup", "{'id':'%s'}", id)));
	/* A second void answers as the first did, under any key. */
	r = json_deep_copy(reverse(s, "S1", "void", ""));
	assert_true(json_equal(r, reverse(s, "S1", "void", "")));
	json_decref(r);
	assert_true(json_equal(before, ok(s, "customer.lookup", "{'id':'%s'}", id)));
	assert_string_equal(
		text(reverse(s, "S1", "return", "[{'no':1}]"), "warnings.0"), "already_reversed");
	assert_int_equal(refused(s, "passage.reverse", "{'key':'x','sale':'no','kind':'void'}"),
		TB_ERROR_PASSAGE_UNKNOWN);
	json_decref(before);
}

static void
test_void_gives_the_welcome_back(void **state)
{
	struct stage *s = *state;

	post_two_lines(s, "S1", "{'reward':'w'}", 1900);
	assert_int_equal(refused(s, "reward.reserve",
				 "{'key':'x','sale':'S2','customer':'%s','basket':{" TWO_LINES
				 "},'uses':[{'reward':'w'}]}",
				 id),
		TB_ERROR_REWARD_NOT_APPLICABLE);
	assert_string_equal(text(s->last.json, "reason"), "welcome_used");
	reverse(s, "S1", "void", "");
	post_two_lines(s, "S3", "{'reward':'w'}", 1900);
}

static void
test_void_of_points_spent_since(void **state)
{
	struct stage *s = *state;
	json_t *r;

	sale(s, "E1", id, NULL, 1000);
	post_two_lines(s, "S1", "{'reward':'m'}", 1000);
	assert_int_equal(points(s, id), 10);
	reverse(s, "E1", "void", "");
	assert_int_equal(points(s, id), 0);
	/* The ten it earned pay for the ten that were never his. */
	r = reverse(s, "S1", "void", "");
	assert_int_equal(number(r, "balances.points"), 0);
	sale(s, "E2", id, NULL, 1000);
	post_two_lines(s, "S2", "{'reward':'m'}", 1000);
	r = reverse(s, "E2", "void", "");
	assert_int_equal(number(r, "balances.points"), 0);
	r = reverse(s, "S2", "return", "[{'no':1}]");
	assert_int_equal(number(r, "balances.points"), -5);
	assert_string_equal(text(r, "warnings.0"), "negative_balance");
	assert_int_equal(length(r, "balances.expiring"), 0);
	sale(s, "E3", id, NULL, 1200);
	r = ok(s, "customer.lookup", "{'id':'%s'}", id);
	assert_int_equal(number(r, "balances.points"), 7);
	assert_int_equal(number(r, "balances.expiring.0.points"), 7);
}

static void
test_void_restores_lots_with_their_end(void **state)
{
	struct stage *s = *state;
	json_t *r;

	sale(s, "E1", id, "2025-04-20T10:00:00+02:00", 600);
	sale(s, "E2", id, "2025-05-01T10:00:00+02:00", 700);
	post_two_lines(s, "S1", "{'reward':'m'}", 1000);
	r = ok(s, "customer.lookup", "{'id':'%s'}", id);
	/* First to expire first: six of the old, four of the younger. */
	assert_int_equal(length(r, "balances.expiring"), 2);
	assert_int_equal(number(r, "balances.expiring.0.points"), 3);
	assert_string_equal(text(r, "balances.expiring.0.at"), "2025-05-31T00:00:00+02:00");
	assert_int_equal(number(r, "balances.expiring.1.points"), 10);
	r = reverse(s, "S1", "void", "");
	assert_int_equal(length(r, "balances.expiring"), 2);
	assert_int_equal(number(r, "balances.expiring.0.points"), 6);
	assert_string_equal(text(r, "balances.expiring.0.at"), "2025-05-20T00:00:00+02:00");
	assert_int_equal(number(r, "balances.expiring.1.points"), 7);
}

static void
test_void_after_the_end_has_thirty_days_grace(void **state)
{
	struct stage *s = *state;
	json_t *r;

	sale(s, "E1", id, "2025-05-01T10:00:00+02:00", 1000);
	post_two_lines(s, "S1", "{'reward':'m'}", 1000);
	stage_advance(s, 28 * DAY);
	/* 3 June: the lot of E1 ended on 31 May, what S1 earned ends on 5 June. */
	r = reverse(s, "S1", "void", "");
	assert_int_equal(number(r, "balances.points"), 10);
	assert_string_equal(text(r, "balances.expiring.0.at"), "2025-07-03T12:00:00+02:00");
	stage_advance(s, 29 * DAY);
	assert_int_equal(points(s, id), 10);
	stage_advance(s, 2 * DAY);
	assert_int_equal(points(s, id), 0);
}

static void
test_void_does_not_take_what_expired(void **state)
{
	struct stage *s = *state;

	sale(s, "S1", id, "2025-05-06T10:00:00+02:00", 1000);
	stage_advance(s, 40 * DAY);
	assert_int_equal(points(s, id), 0);
	reverse(s, "S1", "void", "");
	assert_int_equal(points(s, id), 0);
}

static void
test_void_of_a_gift_card_payment(void **state)
{
	struct stage *s = *state;
	char card[40], use[80];

	strcpy(card, text(ok(s, "gift_card.create", "{'key':'g','amount':1500}"), "number"));
	snprintf(use, sizeof(use), "{'gift_card':'%s'}", card);
	post_two_lines(s, "S1", use, 500);
	assert_int_equal(number(ok(s, "gift_card.show", "{'number':'%s'}", card), "balance"), 0);
	reverse(s, "S1", "void", "");
	assert_int_equal(
		number(ok(s, "gift_card.show", "{'number':'%s'}", card), "available"), 1500);
}

/* ---- return ------------------------------------------------------------------------------- */

static void
test_return_in_parts(void **state)
{
	struct stage *s = *state;
	json_t *r;

	ok(s, "passage.post",
		"{'sale':'S1','occurred_at':'2025-05-06T12:00:00+02:00','customer':'%s'," TWO_LINES
		"}",
		id);
	assert_int_equal(points(s, id), 20);
	r = reverse(s, "S1", "return", "[{'no':1,'quantity':1000}]");
	assert_string_equal(text(r, "state"), "posted");
	assert_int_equal(number(r, "balances.points"), 15);
	assert_int_equal(refused(s, "passage.reverse",
				 "{'key':'x','sale':'S1','kind':'return','lines':[{'no':1,'"
				 "quantity':2000}]}"),
		TB_ERROR_INVALID_PARAMS);
	assert_string_equal(text(s->last.json, "errors.0.pointer"), "/lines/0/quantity");
	assert_int_equal(refused(s, "passage.reverse",
				 "{'key':'x','sale':'S1','kind':'return','lines':[{'no':9}]}"),
		TB_ERROR_INVALID_PARAMS);
	r = reverse(s, "S1", "return", "[{'no':1}]");
	assert_int_equal(number(r, "balances.points"), 10);
	r = reverse(s, "S1", "return", "");
	assert_int_equal(number(r, "balances.points"), 0);
	/* It was still a passage. */
	assert_int_equal(number(r, "balances.passages"), 1);
	r = reverse(s, "S1", "void", "");
	assert_int_equal(number(r, "balances.points"), 0);
	assert_int_equal(number(r, "balances.passages"), 0);
}

static void
test_return_said_twice(void **state)
{
	struct stage *s = *state;

	ok(s, "passage.post",
		"{'sale':'S1','occurred_at':'2025-05-06T12:00:00+02:00','customer':'%s'," TWO_LINES
		"}",
		id);
	ok(s, "passage.reverse", "{'key':'r','sale':'S1','kind':'return','lines':[{'no':2}]}");
	ok(s, "passage.reverse", "{'key':'r','sale':'S1','kind':'return','lines':[{'no':2}]}");
	assert_int_equal(points(s, id), 10);
}

static void
test_return_of_the_offered_article_gives_its_reward_back(void **state)
{
	struct stage *s = *state;
	json_t *r;

	sale(s, "E1", id, "2025-05-05T10:00:00+02:00", 500);
	post_two_lines(s, "S1", "{'reward':'a'}", 1000);
	assert_int_equal(points(s, id), 10);
	/* Another line: the reward stays used. */
	r = reverse(s, "S1", "return", "[{'no':1,'quantity':1000}]");
	assert_int_equal(number(r, "balances.points"), 5);
	r = reverse(s, "S1", "return", "[{'no':2}]");
	assert_int_equal(number(r, "balances.points"), 10);
}

static void
test_return_keeps_imported_points(void **state)
{
	struct stage *s = *state;
	json_t *r;

	program(s, "'earning':{'per_article':true}");
	ok(s, "article.import",
		"{'key':'i','articles':[{'code':'A','label':'A','points':5},"
		"{'code':'B','label':'B','points':7}]}");
	r = ok(s, "passage.post",
		"{'sale':'S1','occurred_at':'2025-05-06T12:00:01+02:00','customer':'%s'," TWO_LINES
		"}",
		id);
	assert_int_equal(number(r, "earned.points"), 17);
	/* The manager changes his mind: an old sale is judged by what it was. */
	ok(s, "article.import", "{'key':'j','articles':[{'code':'A','label':'A','points':50}]}");
	r = reverse(s, "S1", "return", "[{'no':2}]");
	assert_int_equal(number(r, "balances.points"), 10);
}

/* ---- the end of points -------------------------------------------------------------------- */

static void
test_points_end_with_the_shops_day(void **state)
{
	struct stage *s = *state;
	json_t *r;

	sale(s, "S1", id, "2025-05-06T23:30:00+02:00", 1000);
	r = ok(s, "customer.lookup", "{'id':'%s'}", id);
	assert_string_equal(text(r, "balances.expiring.0.at"), "2025-06-05T00:00:00+02:00");
	/* 12:00 on 6 May to the last second of 4 June. */
	stage_advance(s, 29 * DAY + 12 * 3600 - 1);
	assert_int_equal(points(s, id), 10);
	stage_advance(s, 1);
	r = ok(s, "customer.history", "{'id':'%s'}", id);
	assert_string_equal(text(r, "entries.0.kind"), "expire");
	assert_int_equal(number(r, "entries.0.delta"), -10);
	assert_int_equal(points(s, id), 0);
}

static void
test_a_hold_freezes_its_lots(void **state)
{
	struct stage *s = *state;
	json_t *r;

	sale(s, "S1", id, "2025-05-06T10:00:00+02:00", 2500);
	stage_advance(s, 29 * DAY + 12 * 3600 - 60);
	ok(s, "reward.reserve",
		"{'key':'r','sale':'S2','customer':'%s','basket':{" TWO_LINES
		"},'uses':[{'reward':'m'}]}",
		id);
	stage_advance(s, 120);
	/* Fifteen ended, the ten that are held did not. */
	r = ok(s, "customer.lookup", "{'id':'%s'}", id);
	assert_int_equal(number(r, "balances.points"), 10);
	assert_int_equal(number(r, "balances.points_available"), 0);
	stage_advance(s, 15 * 60);
	assert_int_equal(points(s, id), 0);
}

static void
test_held_points_are_spent_after_their_end(void **state)
{
	struct stage *s = *state;
	char reservation[32];
	json_t *r;

	sale(s, "S1", id, "2025-05-06T10:00:00+02:00", 1000);
	stage_advance(s, 29 * DAY + 12 * 3600 - 60);
	strcpy(reservation,
		text(ok(s, "reward.reserve",
			     "{'key':'r','sale':'S2','customer':'%s','basket':{" TWO_LINES
			     "},'uses':[{'reward':'m'}]}",
			     id),
			"reservation"));
	stage_advance(s, 120);
	r = ok(s, "passage.post",
		"{'sale':'S2','occurred_at':'2025-06-05T00:00:30+02:00','customer':'%s'," TWO_LINES
		",'reservation':'%s'}",
		id, reservation);
	assert_int_equal(number(r, "balances.points"), 10);
	assert_int_equal(length(r, "warnings"), 0);
}

static void
test_points_of_a_late_passage_are_gone_at_once(void **state)
{
	struct stage *s = *state;
	json_t *r = sale(s, "S1", id, "2025-03-01T10:00:00+01:00", 1000);

	assert_int_equal(number(r, "earned.points"), 10);
	assert_int_equal(number(r, "balances.points"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, stage_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_void_restores_exactly),
		TEST(test_void_gives_the_welcome_back),
		TEST(test_void_of_points_spent_since),
		TEST(test_void_restores_lots_with_their_end),
		TEST(test_void_after_the_end_has_thirty_days_grace),
		TEST(test_void_does_not_take_what_expired),
		TEST(test_void_of_a_gift_card_payment),
		TEST(test_return_in_parts),
		TEST(test_return_said_twice),
		TEST(test_return_of_the_offered_article_gives_its_reward_back),
		TEST(test_return_keeps_imported_points),
		TEST(test_points_end_with_the_shops_day),
		TEST(test_a_hold_freezes_its_lots),
		TEST(test_held_points_are_spent_after_their_end),
		TEST(test_points_of_a_late_passage_are_gone_at_once),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("ledger-reversals", tests, NULL, NULL);
}
