/* SPDX-License-Identifier: MIT */
/*
 * Reservations and passages: holds and their end, what is paid without one, saying it twice, races,
 * amendments. What a rule computes is the rule vectors' matter; here it is what the ledger keeps.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/ledger/stage.h"
#include "tests/virtual-loop.h"

#define EARNING "'earning':{'per_amount':{'points':1,'amount':100}}"
#define REWARD_M "{'id':'m','kind':'amount','title':'-10','value':1000,'cost_points':100}"
#define AT "'occurred_at':'2025-05-06T12:00:00+02:00'"

static char id[32]; /* the customer of the test */

/* A customer with 250 points and 900 in the wallet, and a program with one reward. */
static int
setup(void **state)
{
	struct stage *s;

	stage_setup(state);
	s = *state;
	program(s, EARNING ",'rewards':[" REWARD_M "]");
	strcpy(id, customer(s, "Anne"));
	ok(s, "account.adjust",
		"{'key':'p','customer':'%s','unit':'points','delta':250,'reason':'x'}", id);
	ok(s, "account.adjust",
		"{'key':'w','customer':'%s','unit':'wallet','delta':900,'reason':'x'}", id);
	return 0;
}

static const char *
reserve(struct stage *s, const char *sale_no, const char *uses)
{
	static char ids[8][32];
	static unsigned next;
	char *out = ids[next++ % 8];

	strcpy(out,
		text(ok(s, "reward.reserve",
			     "{'key':'%s','sale':'%s','customer':'%s','basket':{%s},'uses':[%s]}",
			     key(), sale_no, id, basket(1500), uses),
			"reservation"));
	return out;
}

/* Posts sale_no with a reservation, to_pay being 500. */
static json_t *
post(struct stage *s, const char *sale_no, const char *reservation)
{
	return ok(s, "passage.post",
		"{'sale':'%s'," AT ",'customer':'%s',%s,'tenders':[{'kind':'card','amount':500}],"
		"'reservation':'%s'}",
		sale_no, id, basket(1500), reservation);
}

static bool
warned(const json_t *answer, const char *word)
{
	json_t *warning;
	size_t i;

	json_array_foreach(json_object_get(answer, "warnings"), i, warning)
		if (strcmp(json_string_value(warning), word) == 0)
			return true;
	return false;
}

static int64_t
available(struct stage *s)
{
	return balance(s, id, "points_available");
}

/* ---- holds -------------------------------------------------------------------------------- */

static void
test_reserve_holds_and_release_gives_back(void **state)
{
	struct stage *s = *state;
	json_t *r = ok(s, "reward.reserve",
		"{'key':'1','sale':'S1','customer':'%s','basket':{%s},"
		"'uses':[{'reward':'m'},{'wallet':true,'amount':200}]}",
		id, basket(1500));
	char reservation[32];

	strcpy(reservation, text(r, "reservation"));
	assert_memory_equal(reservation, "r_", 2);
	assert_string_equal(text(r, "expires_at"), "2025-05-06T12:15:00+02:00");
	assert_int_equal(number(r, "total_before"), 1500);
	assert_int_equal(number(r, "total_after"), 500);
	assert_int_equal(number(r, "to_pay"), 300);
	assert_int_equal(number(r, "balances.points"), 250);
	assert_int_equal(number(r, "balances.points_available"), 150);
	assert_int_equal(number(r, "balances.wallet_available"), 700);
	assert_string_equal(s->last.changed, id);
	ok(s, "reward.release", "{'reservation':'%s'}", reservation);
	assert_int_equal(available(s), 250);
	/* Also when it is gone already, or never was. */
	ok(s, "reward.release", "{'reservation':'%s'}", reservation);
	ok(s, "reward.release", "{'reservation':'r_never'}");
	assert_int_equal(available(s), 250);
}

static void
test_hold_lapses_after_a_quarter_of_an_hour(void **state)
{
	struct stage *s = *state;

	reserve(s, "S1", "{'reward':'m'}");
	stage_advance(s, 15 * 60 - 1);
	assert_int_equal(available(s), 150);
	stage_advance(s, 1);
	assert_int_equal(available(s), 250);
	assert_string_equal(
		text(ok(s, "customer.history", "{'id':'%s'}", id), "entries.0.kind"), "release");
	assert_string_equal(text(s->last.json, "entries.0.by"), "expiry");
}

static void
test_hold_lapses_over_a_restart(void **state)
{
	struct stage *s = *state;

	reserve(s, "S1", "{'reward':'m'}");
	stage_restart(s);
	assert_int_equal(available(s), 150);
	stage_advance(s, 16 * 60);
	stage_restart(s);
	assert_int_equal(available(s), 250);
}

static void
test_lapse_survives_a_refused_call(void **state)
{
	struct stage *s = *state;

	reserve(s, "S1", "{'reward':'m'}");
	stage_advance(s, 16 * 60);
	/* The first call after the hold's end is refused and undone; the hold ends all the same. */
	refused(s, "reward.reserve",
		"{'key':'1','sale':'S2','customer':'%s','basket':{%s},'uses':[{'reward':'none'}]}",
		id, basket(1500));
	assert_int_equal(available(s), 250);
}

static void
test_new_reservation_replaces_the_old(void **state)
{
	struct stage *s = *state;
	const char *first = reserve(s, "S1", "{'reward':'m'}"), *second;

	second = reserve(s, "S1", "{'wallet':true,'amount':100}");
	assert_string_not_equal(first, second);
	assert_int_equal(available(s), 250);
	assert_int_equal(balance(s, id, "wallet_available"), 800);
	/* A refused one leaves the one before as it was. */
	assert_int_equal(refused(s, "reward.reserve",
				 "{'key':'x','sale':'S1','customer':'%s','basket':{%s},'uses':[{'"
				 "reward':'no'}]}",
				 id, basket(1500)),
		TB_ERROR_REWARD_UNKNOWN);
	assert_int_equal(balance(s, id, "wallet_available"), 800);
	/* All 250 points are there for the same sale's next: his own hold is given back first. */
	reserve(s, "S1", "{'reward':'m'}");
	reserve(s, "S2", "{'reward':'m'}");
	reserve(s, "S2", "{'reward':'m'}");
	assert_int_equal(available(s), 50);
}

static void
test_quote_changes_nothing(void **state)
{
	struct stage *s = *state;
	json_t *r;

	reserve(s, "S1", "{'reward':'m'}");
	reserve(s, "S2", "{'reward':'m'}");
	/* Of 250 points 200 are held; the quote of S1 reckons with its own hold. */
	r = ok(s, "reward.quote", "{'sale':'S1','customer':'%s','basket':{%s},'codes':[]}", id,
		basket(1500));
	assert_true(json_is_true(member(r, "rewards.0.applicable")));
	assert_int_equal(number(r, "total_after"), 1500);
	assert_int_equal(number(r, "would_earn.points"), 15);
	assert_string_equal(s->last.changed, "");
	r = ok(s, "reward.quote", "{'sale':'S3','customer':'%s','basket':{%s},'codes':[]}", id,
		basket(1500));
	assert_string_equal(text(r, "rewards.0.reason"), "insufficient_balance");
	assert_int_equal(available(s), 50);
}

static void
test_refusals_of_a_reservation(void **state)
{
	struct stage *s = *state;
	const char *call = "{'key':'x','sale':'S','customer':'%s','basket':{%s},'uses':[%s]}";

	assert_int_equal(refused(s, "reward.reserve", call, "c_1", basket(100), "{'reward':'m'}"),
		TB_ERROR_CUSTOMER_UNKNOWN);
	assert_int_equal(refused(s, "reward.reserve", call, id, basket(100), "{'reward':'m'}"),
		TB_ERROR_REWARD_NOT_APPLICABLE);
	assert_string_equal(text(s->last.json, "reason"), "not_whole");
	assert_int_equal(
		refused(s, "reward.reserve", call, id, basket(100), "{'coupon':'TBC-NONE'}"),
		TB_ERROR_COUPON_UNKNOWN);
	assert_int_equal(
		refused(s, "reward.reserve", call, id, basket(100), "{'gift_card':'TBG-NONE'}"),
		TB_ERROR_GIFT_CARD_UNKNOWN);
	assert_int_equal(
		refused(s, "reward.reserve", call, id,
			"'lines':[{'no':1,'quantity':1000,'unit_price':5,'total':5}],'total':6",
			"{'reward':'m'}"),
		TB_ERROR_INVALID_PARAMS);
	assert_string_equal(text(s->last.json, "errors.0.pointer"), "/basket/total");
	assert_int_equal(refused(s, "reward.reserve",
				 "{'key':'x','sale':'S','basket':{%s},'uses':[{'reward':'m'}]}",
				 basket(2000)),
		TB_ERROR_INVALID_PARAMS);
	assert_int_equal(available(s), 250);
}

static void
test_two_tills_race(void **state)
{
	struct stage *s = *state;
	struct stage_answer answers[5];
	json_t *calls[5];
	int won = 0;

	for (int i = 0; i < 5; i++) {
		s->till = i % 2 ? "1" : "2";
		calls[i] = stage_json("{'key':'r%d','sale':'S%d','customer':'%s','basket':{%s},"
				      "'uses':[{'reward':'m'}]}",
			i, i, id, basket(1500));
		stage_call(s, "reward.reserve", calls[i], &answers[i]);
	}
	stage_turn_end(s);
	for (int i = 0; i < 5; i++) {
		assert_true(answers[i].done);
		won += answers[i].error == TB_OK;
		if (answers[i].error)
			assert_int_equal(answers[i].error, TB_ERROR_INSUFFICIENT_BALANCE);
		json_decref(answers[i].json);
		json_decref(calls[i]);
	}
	assert_int_equal(won, 2);
	assert_int_equal(available(s), 50);
}

static void
test_same_sale_number_at_two_tills(void **state)
{
	struct stage *s = *state;

	reserve(s, "S1", "{'reward':'m'}");
	s->till = "1";
	reserve(s, "S1", "{'reward':'m'}");
	assert_int_equal(available(s), 50);
	sale(s, "S1", id, NULL, 1000);
	s->till = "2";
	sale(s, "S1", id, NULL, 1000);
	assert_int_equal(balance(s, id, "passages"), 2);
	assert_int_equal(points(s, id), 270);
}

static void
test_deduct_commits_at_once(void **state)
{
	struct stage *s = *state;
	json_t *r = ok(s, "reward.deduct",
		"{'key':'d','sale':'S1','customer':'%s','basket':{%s},'uses':[{'reward':'m'}]}", id,
		basket(1500));
	char reservation[32];

	strcpy(reservation, text(r, "reservation"));
	assert_int_equal(number(r, "balances.points"), 150);
	assert_int_equal(number(r, "balances.passages"), 0);
	stage_advance(s, 3600);
	assert_int_equal(points(s, id), 150);
	/* The till may post the sale later, and undo it. */
	r = post(s, "S1", reservation);
	assert_int_equal(length(r, "warnings"), 0);
	assert_int_equal(number(r, "earned.points"), 5);
	assert_int_equal(number(r, "balances.points"), 155);
	r = ok(s, "passage.reverse", "{'key':'v','sale':'S1','kind':'void'}");
	assert_int_equal(number(r, "balances.points"), 250);
}

/* ---- paid sales (R13) --------------------------------------------------------------------- */

static void
test_post_commits_the_reservation(void **state)
{
	struct stage *s = *state;
	json_t *r = post(s, "S1", reserve(s, "S1", "{'reward':'m'}"));

	assert_string_equal(text(r, "state"), "posted");
	assert_int_equal(number(r, "earned.points"), 5);
	assert_int_equal(number(r, "balances.points"), 155);
	assert_int_equal(number(r, "balances.points_available"), 155);
	assert_int_equal(length(r, "warnings"), 0);
	r = ok(s, "passage.show", "{'sale':'S1'}");
	assert_string_equal(text(r, "customer"), id);
	assert_string_equal(text(r, "business_day"), "2025-05-06");
	assert_int_equal(number(r, "adjustments.0.amount"), 1000);
	assert_int_equal(number(r, "total"), 1500);
	assert_int_equal(length(r, "lines"), 1);
	assert_string_equal(text(r, "occurred_at"), "2025-05-06T12:00:00+02:00");
}

static void
test_lapsed_hold_is_charged_in_full(void **state)
{
	struct stage *s = *state;
	char first[32], second[32];
	json_t *r;

	strcpy(first, reserve(s, "S1", "{'reward':'m'}"));
	stage_advance(s, 16 * 60);
	/* Meanwhile the points went elsewhere. */
	strcpy(second, reserve(s, "S2", "{'reward':'m'}"));
	post(s, "S2", second);
	ok(s, "account.adjust",
		"{'key':'m','customer':'%s','unit':'points','delta':-100,'reason':'x'}", id);
	assert_int_equal(points(s, id), 55);
	r = post(s, "S1", first);
	assert_true(warned(r, "reservation_expired"));
	assert_true(warned(r, "negative_balance"));
	assert_int_equal(number(r, "balances.points"), -40);
	assert_int_equal(number(r, "balances.points_available"), 0);
	assert_true(json_is_true(member(r, "balances.negative")));
	/* What is earned next fills the hole. */
	sale(s, "S3", id, NULL, 5000);
	assert_int_equal(points(s, id), 10);
}

static void
test_warnings_of_a_paid_sale(void **state)
{
	struct stage *s = *state;
	const char *r1 = reserve(s, "S1", "{'reward':'m'}");
	json_t *r;

	r = ok(s, "passage.post",
		"{'sale':'A'," AT
		",'customer':'c_404',%s,'tenders':[{'kind':'cash','amount':1000}]}",
		basket(1000));
	assert_true(warned(r, "customer_unknown"));
	assert_string_equal(text(r, "reasons.0"), "no_customer");
	r = ok(s, "passage.post",
		"{'sale':'B'," AT ",'customer':'%s',%s,'tenders':[{'kind':'cash','amount':1000}],"
		"'reservation':'r_404'}",
		id, basket(1000));
	assert_true(warned(r, "reservation_unknown"));
	assert_int_equal(number(r, "earned.points"), 10);
	r = ok(s, "passage.post", "{'sale':'C'," AT ",'customer':'%s',%s,'tenders':[]}", id,
		basket(1000));
	assert_true(warned(r, "total_mismatch"));
	r = ok(s, "passage.post",
		"{'sale':'D','occurred_at':'2025-05-06T12:06:00+02:00','customer':'%s',%s}", id,
		basket(1000));
	assert_true(warned(r, "clock"));
	r = ok(s, "passage.post",
		"{'sale':'E'," AT
		",'customer':'%s','lines':[{'no':1,'quantity':1000,'unit_price':5,"
		"'total':5}],'total':6}",
		id);
	assert_true(warned(r, "total_mismatch"));
	/* Another basket than the reserved one, in another sale than the one it was held for. */
	r = ok(s, "passage.post",
		"{'sale':'F'," AT ",'customer':'%s',%s,'tenders':[{'kind':'card','amount':1000}],"
		"'reservation':'%s'}",
		id, basket(2000), r1);
	assert_true(warned(r, "basket_changed"));
	assert_true(warned(r, "sale_mismatch"));
	/* Given to one sale it is not given to another. */
	r = post(s, "G", r1);
	assert_true(warned(r, "reservation_committed"));
}

static void
test_reservation_of_another_customer(void **state)
{
	struct stage *s = *state;
	const char *held = reserve(s, "S1", "{'reward':'m'}"), *other = customer(s, "Zoe");
	json_t *r = ok(s, "passage.post",
		"{'sale':'S1'," AT ",'customer':'%s',%s,'tenders':[{'kind':'card','amount':500}],"
		"'reservation':'%s'}",
		other, basket(1500), held);

	assert_true(warned(r, "customer_mismatch"));
	assert_int_equal(number(r, "balances.points"), 5);
	assert_int_equal(points(s, id), 150);
	ok(s, "passage.reverse", "{'key':'v','sale':'S1','kind':'void'}");
	assert_int_equal(points(s, id), 250);
	assert_int_equal(points(s, other), 0);
}

static void
test_customer_comes_with_the_reservation(void **state)
{
	struct stage *s = *state;
	json_t *r = ok(s, "passage.post",
		"{'sale':'S1'," AT
		",%s,'tenders':[{'kind':'card','amount':500}],'reservation':'%s'}",
		basket(1500), reserve(s, "S1", "{'reward':'m'}"));

	assert_int_equal(length(r, "warnings"), 0);
	assert_int_equal(number(r, "balances.points"), 155);
}

static void
test_sale_without_its_hold_frees_it(void **state)
{
	struct stage *s = *state;

	reserve(s, "S1", "{'reward':'m'}");
	sale(s, "S1", id, NULL, 1500);
	assert_int_equal(available(s), 265);
}

static void
test_anonymous_sale(void **state)
{
	struct stage *s = *state;
	json_t *r = sale(s, "S1", NULL, NULL, 1500);

	assert_int_equal(number(r, "earned.points"), 0);
	assert_string_equal(text(r, "reasons.0"), "no_customer");
	assert_null(member(r, "balances"));
	assert_int_equal(length(r, "progress"), 0);
	assert_int_equal(length(r, "coupons"), 0);
	assert_string_equal(s->last.changed, "");
	ok(s, "passage.reverse", "{'key':'v','sale':'S1','kind':'void'}");
	assert_string_equal(text(ok(s, "passage.show", "{'sale':'S1'}"), "state"), "reversed");
}

static void
test_overflow_is_refused(void **state)
{
	struct stage *s = *state;

	program(s, "'earning':{'per_amount':{'points':1000000,'amount':1}}");
	assert_int_equal(
		refused(s, "passage.post",
			"{'sale':'S1'," AT ",'customer':'%s','total':9000000000000000000}", id),
		TB_ERROR_INVALID_PARAMS);
	assert_int_equal(refused(s, "passage.post",
				 "{'sale':'S1'," AT ",'customer':'%s','total':9007199255}", id),
		TB_ERROR_INVALID_PARAMS);
	/* Nothing is left of it: the sale may be said again, rightly. */
	ok(s, "passage.post", "{'sale':'S1'," AT ",'customer':'%s','total':10}", id);
	assert_int_equal(points(s, id), 250 + 10000000);
}

/* ---- saying it twice (R14) ---------------------------------------------------------------- */

static void
test_passage_said_twice(void **state)
{
	struct stage *s = *state;
	json_t *first = json_deep_copy(sale(s, "S1", id, "2025-05-06T10:00:00+02:00", 1000));

	sale(s, "S2", id, "2025-05-06T11:00:00+02:00", 1000);
	stage_restart(s);
	assert_true(json_equal(sale(s, "S1", id, "2025-05-06T10:00:00+02:00", 1000), first));
	/* Members in another order, and under another key. */
	ok(s, "passage.post",
		"{'key':'other','tenders':[{'amount':1000,'kind':'card'}],'customer':'%s',"
		"'occurred_at':'2025-05-06T10:00:00+02:00','sale':'S1',%s}",
		id, basket(1000));
	assert_true(json_equal(s->last.json, first));
	assert_string_equal(s->last.changed, "");
	assert_int_equal(
		refused(s, "passage.post",
			"{'sale':'S1','occurred_at':'2025-05-06T10:00:00+02:00','total':1001}"),
		TB_ERROR_IDEMPOTENCY_CONFLICT);
	assert_int_equal(points(s, id), 270);
	json_decref(first);
}

static void
test_business_day_tells_sales_apart(void **state)
{
	struct stage *s = *state;
	json_t *r;

	sale(s, "1", id, "2025-05-05T10:00:00+02:00", 1000);
	sale(s, "1", id, "2025-05-06T10:00:00+02:00", 2000);
	/* A bar closes after midnight: the till says whose day it is. */
	ok(s, "passage.post",
		"{'sale':'2','occurred_at':'2025-05-06T01:00:00+02:00','business_day':'2025-05-05',"
		"'total':300}");
	assert_int_equal(
		number(ok(s, "passage.show", "{'sale':'1','business_day':'2025-05-05'}"), "total"),
		1000);
	/* Without a day the latest of that number. */
	assert_int_equal(number(ok(s, "passage.show", "{'sale':'1'}"), "total"), 2000);
	r = ok(s, "passage.show", "{'sale':'2'}");
	assert_string_equal(text(r, "business_day"), "2025-05-05");
	/* When it says nothing it is the shop's date, which is not Greenwich's. */
	sale(s, "3", id, "2025-05-05T23:30:00Z", 100);
	assert_string_equal(
		text(ok(s, "passage.show", "{'sale':'3'}"), "business_day"), "2025-05-06");
	assert_int_equal(refused(s, "passage.show", "{'sale':'2','business_day':'2025-05-06'}"),
		TB_ERROR_PASSAGE_UNKNOWN);
	s->till = "1";
	assert_int_equal(refused(s, "passage.show", "{'sale':'1'}"), TB_ERROR_PASSAGE_UNKNOWN);
	s->till = "2";
}

static void
test_keys_are_one_space_of_a_till(void **state)
{
	struct stage *s = *state;
	const char *adjust = "{'key':'k','customer':'%s','unit':'points','delta':10,'reason':'x'}";

	ok(s, "account.adjust", adjust, id);
	ok(s, "account.adjust", adjust, id);
	assert_int_equal(points(s, id), 260);
	/* Another method under the same key, another body, a passage. */
	assert_int_equal(refused(s, "reward.reserve",
				 "{'key':'k','sale':'S','customer':'%s','basket':{%s},'uses':[]}",
				 id, basket(100)),
		TB_ERROR_IDEMPOTENCY_CONFLICT);
	assert_int_equal(refused(s, "passage.post", "{'key':'k','sale':'S'," AT ",'total':100}"),
		TB_ERROR_IDEMPOTENCY_CONFLICT);
	ok(s, "passage.post", "{'key':'own','sale':'S'," AT ",'total':100}");
	assert_int_equal(refused(s, "passage.post", "{'key':'own','sale':'T'," AT ",'total':100}"),
		TB_ERROR_IDEMPOTENCY_CONFLICT);
	/* Another till has a space of its own. */
	s->till = "1";
	ok(s, "account.adjust", adjust, id);
	s->till = "2";
	assert_int_equal(points(s, id), 270);
}

static void
test_twice_within_one_turn(void **state)
{
	struct stage *s = *state;
	json_t *call = stage_json("{'sale':'S1'," AT ",'customer':'%s',%s}", id, basket(1000));
	struct stage_answer a, b;

	stage_call(s, "passage.post", call, &a);
	stage_call(s, "passage.post", call, &b);
	stage_turn_end(s);
	assert_int_equal(a.error, TB_OK);
	assert_true(json_equal(a.json, b.json));
	assert_int_equal(points(s, id), 260);
	json_decref(a.json);
	json_decref(b.json);
	json_decref(call);
}

static void
test_keys_are_kept_ninety_days(void **state)
{
	struct stage *s = *state;
	const char *adjust = "{'key':'k','customer':'%s','unit':'points','delta':10,'reason':'x'}";

	ok(s, "account.adjust", adjust, id);
	stage_advance(s, 90 * 86400);
	ok(s, "account.adjust",
		"{'key':'l','customer':'%s','unit':'points','delta':1,'reason':'x'}", id);
	ok(s, "account.adjust", adjust, id);
	assert_int_equal(points(s, id), 261);
	/* They do not live for ever. */
	stage_advance(s, 20 * 86400);
	ok(s, "account.adjust",
		"{'key':'m','customer':'%s','unit':'points','delta':1,'reason':'x'}", id);
	ok(s, "account.adjust", adjust, id);
	assert_int_equal(points(s, id), 272);
}

/* A clock that is a year ahead for a moment throws nothing away. */
static void
test_keys_outlive_a_clock(void **state)
{
	struct stage *s = *state;
	const char *adjust = "{'key':'%s','customer':'%s','unit':'points','delta':10,'reason':'x'}";
	int64_t year_us = 366 * INT64_C(86400) * 1000000;

	ok(s, "account.adjust", adjust, "k", id);
	tb_virtual_loop_set_wall(s->loop, stage_now(s) + year_us);
	ok(s, "account.adjust", adjust, "l", id);
	stage_advance(s, 7200);
	ok(s, "account.adjust", adjust, "m", id);
	tb_virtual_loop_set_wall(s->loop, stage_now(s) - year_us);
	ok(s, "account.adjust", adjust, "k", id);
	assert_int_equal(points(s, id), 280);
}

/* ---- amendment ---------------------------------------------------------------------------- */

static void
test_amend_once(void **state)
{
	struct stage *s = *state;
	json_t *r;

	program(s, "'earning':{'per_passage':3,'per_amount':{'points':1,'amount':100},'combine':'"
		   "sum'}");
	r = ok(s, "passage.post", "{'sale':'S1'," AT ",'customer':'%s'}", id);
	assert_int_equal(number(r, "earned.points"), 3);
	assert_int_equal(length(r, "warnings"), 0);
	r = ok(s, "passage.amend", "{'key':'a','sale':'S1','total':2000}");
	assert_int_equal(number(r, "earned.points"), 23);
	assert_int_equal(number(r, "balances.points"), 273);
	r = ok(s, "passage.amend", "{'key':'a','sale':'S1','total':2000}");
	assert_int_equal(number(r, "balances.points"), 273);
	assert_int_equal(refused(s, "passage.amend", "{'key':'b','sale':'S1','total':3000}"),
		TB_ERROR_CONFLICT);
	assert_int_equal(refused(s, "passage.amend", "{'key':'b','sale':'no','total':3000}"),
		TB_ERROR_PASSAGE_UNKNOWN);
	sale(s, "S2", id, NULL, 100);
	assert_int_equal(refused(s, "passage.amend", "{'key':'b','sale':'S2','total':3000}"),
		TB_ERROR_CONFLICT);
	assert_int_equal(number(ok(s, "passage.show", "{'sale':'S1'}"), "total"), 2000);
	/* And it is undone as a whole. */
	r = ok(s, "passage.reverse", "{'key':'v','sale':'S1','kind':'void'}");
	assert_int_equal(number(r, "balances.points"), 254);
	assert_int_equal(refused(s, "passage.amend", "{'key':'c','sale':'S1','total':1}"),
		TB_ERROR_CONFLICT);
}

static void
test_amend_judges_by_the_program_of_then(void **state)
{
	struct stage *s = *state;
	json_t *r;

	ok(s, "passage.post", "{'sale':'S1'," AT ",'customer':'%s'}", id);
	program(s, "'earning':{'per_amount':{'points':5,'amount':100}}");
	r = ok(s, "passage.amend", "{'key':'a','sale':'S1','total':1000}");
	assert_int_equal(number(r, "earned.points"), 10);
}

/* ---- lists -------------------------------------------------------------------------------- */

static void
test_passage_list(void **state)
{
	struct stage *s = *state;
	char cursor[64] = "";
	const char *kinds[8];
	int n = 0;

	sale(s, "S1", id, "2025-05-06T09:00:00+02:00", 1000);
	sale(s, "S2", id, "2025-05-06T08:00:00+02:00", 1000);
	sale(s, "OLD", id, "2025-05-01T08:00:00+02:00", 1000);
	post(s, "S3", reserve(s, "S3", "{'reward':'m'}"));
	stage_advance(s, 60);
	ok(s, "reward.deduct",
		"{'key':'d','sale':'S4','customer':'%s','basket':{%s},'uses':[{'reward':'m'}]}", id,
		basket(1500));
	stage_advance(s, 60);
	ok(s, "gift_card.create", "{'key':'g','amount':500}");
	do {
		json_t *r = *cursor ? ok(s, "passage.list",
					      "{'from':'2025-05-06','to':'2025-05-07','limit':2,'"
					      "cursor':'%s'}",
					      cursor)
		                    : ok(s, "passage.list",
					      "{'from':'2025-05-06','to':'2025-05-07','limit':2}");
		json_t *item;
		size_t i;

		json_array_foreach(member(r, "passages"), i, item) {
			const char *kind = text(item, "kind");

			kinds[n++] = strcmp(kind, "passage") == 0  ? "passage"
			             : strcmp(kind, "reward") == 0 ? "reward"
			                                           : "gift_card";
			if (n == 3) {
				assert_string_equal(text(item, "sale"), "S3");
				assert_string_equal(text(item, "uses.0.reward"), "m");
			}
		}
		snprintf(
			cursor, sizeof(cursor), "%s", member(r, "cursor") ? text(r, "cursor") : "");
	} while (*cursor);
	assert_int_equal(n, 5);
	assert_string_equal(kinds[0], "gift_card");
	assert_string_equal(kinds[1], "reward");
	assert_string_equal(kinds[2], "passage");
	assert_int_equal(
		length(ok(s, "passage.list", "{'from':'2025-05-06','to':'2025-05-07','till':'9'}"),
			"passages"),
		0);
	assert_int_equal(refused(s, "passage.list", "{'from':'x','to':'2025-05-07'}"),
		TB_ERROR_INVALID_PARAMS);
}

static void
test_clock_that_jumps_back(void **state)
{
	struct stage *s = *state;

	reserve(s, "S1", "{'reward':'m'}");
	tb_virtual_loop_set_wall(s->loop, stage_now(s) - 3600 * INT64_C(1000000));
	sale(s, "S2", id, NULL, 1000);
	assert_int_equal(available(s), 160);
	tb_virtual_loop_set_wall(s->loop, stage_now(s) + 2 * 3600 * INT64_C(1000000));
	assert_int_equal(available(s), 260);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, stage_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reserve_holds_and_release_gives_back),
		TEST(test_hold_lapses_after_a_quarter_of_an_hour),
		TEST(test_hold_lapses_over_a_restart),
		TEST(test_lapse_survives_a_refused_call),
		TEST(test_new_reservation_replaces_the_old),
		TEST(test_quote_changes_nothing),
		TEST(test_refusals_of_a_reservation),
		TEST(test_two_tills_race),
		TEST(test_same_sale_number_at_two_tills),
		TEST(test_deduct_commits_at_once),
		TEST(test_post_commits_the_reservation),
		TEST(test_lapsed_hold_is_charged_in_full),
		TEST(test_warnings_of_a_paid_sale),
		TEST(test_reservation_of_another_customer),
		TEST(test_customer_comes_with_the_reservation),
		TEST(test_sale_without_its_hold_frees_it),
		TEST(test_anonymous_sale),
		TEST(test_overflow_is_refused),
		TEST(test_passage_said_twice),
		TEST(test_business_day_tells_sales_apart),
		TEST(test_keys_are_one_space_of_a_till),
		TEST(test_twice_within_one_turn),
		TEST(test_keys_are_kept_ninety_days),
		TEST(test_keys_outlive_a_clock),
		TEST(test_amend_once),
		TEST(test_amend_judges_by_the_program_of_then),
		TEST(test_passage_list),
		TEST(test_clock_that_jumps_back),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("ledger-sales", tests, NULL, NULL);
}
