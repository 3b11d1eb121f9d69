/* SPDX-License-Identifier: MIT */
/*
 * What a bridge delivers later: ids that it drew, uses that were given without a reservation of
 * ours, and a till that repeats meanwhile what its bridge has delivered.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/ledger/stage.h"
#include "tests/virtual-loop.h"

#define AT "'occurred_at':'2025-05-06T12:00:00+02:00'"

static char id[32]; /* the customer of the test */

/* A customer with 150 points and 300 in the wallet. */
static int
setup(void **state)
{
	struct stage *s;

	stage_setup(state);
	s = *state;
	program(s, "'rewards':["
		   "{'id':'m','kind':'amount','title':'-10','value':1000,'cost_points':100},"
		   "{'id':'p','kind':'amount','title':'part','value':1000,'cost_points':100,"
		   "'partial':true},"
		   "{'id':'a','kind':'article','title':'tea','articles':['tea'],'cost_points':40}],"
		   "'coupons':[{'id':'hand','reward':'m','on':{'by_hand':true},'valid_days':30}]");
	strcpy(id, customer(s, "Anne"));
	ok(s, "account.adjust",
		"{'key':'p','customer':'%s','unit':'points','delta':150,'reason':'x'}", id);
	ok(s, "account.adjust",
		"{'key':'w','customer':'%s','unit':'wallet','delta':300,'reason':'x'}", id);
	return 0;
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

/* A sale of 3000 with what the bridge adds. */
static json_t *
deliver(struct stage *s, const char *number_of_sale, const char *more)
{
	return ok(s, "passage.post", "{'sale':'%s'," AT ",'customer':'%s',%s%s}", number_of_sale,
		id, basket(3000), more);
}

static void
test_passage_keeps_the_id_of_the_bridge(void **state)
{
	struct stage *s = *state;
	json_t *r = deliver(s, "S1", ",'passage':'p_5kz3w9bq2m1'");

	assert_string_equal(text(r, "passage"), "p_5kz3w9bq2m1");
	assert_int_equal(length(r, "warnings"), 0);
	r = ok(s, "passage.show", "{'sale':'S1'}");
	assert_string_equal(text(r, "passage"), "p_5kz3w9bq2m1");
}

static void
test_passage_id_that_is_taken(void **state)
{
	struct stage *s = *state;
	json_t *r;

	deliver(s, "S1", ",'passage':'p_5kz3w9bq2m1'");
	r = deliver(s, "S2", ",'passage':'p_5kz3w9bq2m1'");
	assert_string_not_equal(text(r, "passage"), "p_5kz3w9bq2m1");
	assert_true(warned(r, "passage_taken"));
	/* No id at all is no reason to lose a sale. */
	r = deliver(s, "S3", ",'passage':'c_1'");
	assert_memory_equal(text(r, "passage"), "p_", 2);
	assert_true(warned(r, "passage_taken"));
	assert_int_equal(balance(s, id, "passages"), 3);
}

static void
test_till_repeats_what_its_bridge_delivered(void **state)
{
	struct stage *s = *state;
	json_t *r = deliver(s, "S1",
		",'reservation':'r_5kz3w9bq2m1','passage':'p_5kz3w9bq2m1','uses':[{'reward':'m'}],"
		"'business_day':'2025-05-06'");

	assert_int_equal(points(s, id), 50);
	r = deliver(s, "S1", ",'reservation':'r_5kz3w9bq2m1'");
	assert_string_equal(text(r, "passage"), "p_5kz3w9bq2m1");
	r = deliver(s, "S1", ",'reservation':'r_5kz3w9bq2m1','passage':'p_another'");
	assert_string_equal(text(r, "passage"), "p_5kz3w9bq2m1");
	assert_int_equal(points(s, id), 50);
	assert_int_equal(
		refused(s, "passage.post",
			"{'sale':'S1'," AT ",'customer':'%s',%s,'passage':'p_5kz3w9bq2m1'}", id,
			basket(3001)),
		TB_ERROR_IDEMPOTENCY_CONFLICT);
}

static void
test_ids_far_ahead_do_not_spoil_ours(void **state)
{
	struct stage *s = *state;
	json_t *r;

	deliver(s, "S1", ",'passage':'p_7zzzzzzzzzzzz'");
	ok(s, "customer.create", "{'key':'c','id':'c_7zzzzzzzzzzzz','record':{}}");
	stage_restart(s);
	r = deliver(s, "S2", "");
	assert_memory_equal(text(r, "passage"), "p_", 2);
	ok(s, "customer.create", "{'key':'d','record':{'first_name':'Paul'}}");
}

/* ---- uses --------------------------------------------------------------------------------- */

static void
test_uses_are_charged(void **state)
{
	struct stage *s = *state;
	json_t *r = deliver(s, "S1",
		",'reservation':'r_5kz3w9bq2m1','uses':[{'reward':'m'},{'wallet':true,"
		"'amount':200}],'tenders':[{'kind':'cash','amount':1800}]");

	assert_int_equal(length(r, "warnings"), 0);
	assert_int_equal(number(r, "balances.points"), 50);
	assert_int_equal(number(r, "balances.wallet"), 100);
	r = ok(s, "passage.show", "{'sale':'S1'}");
	assert_int_equal(length(r, "adjustments"), 2);
	assert_int_equal(number(r, "adjustments.0.amount"), 1000);
	/* Its reservation is over: the till may say so as often as it likes. */
	ok(s, "reward.release", "{'reservation':'r_5kz3w9bq2m1'}");
	assert_int_equal(points(s, id), 50);
	ok(s, "passage.reverse", "{'key':'v','sale':'S1','kind':'void'}");
	assert_int_equal(points(s, id), 150);
	assert_int_equal(balance(s, id, "wallet"), 300);
}

static void
test_uses_beyond_the_balance(void **state)
{
	struct stage *s = *state;
	json_t *r = deliver(s, "S1",
		",'uses':[{'reward':'m'},{'reward':'a'},{'reward':'p','amount':505},"
		"{'wallet':true,'amount':1000}]");

	/* 100, 40 though there is no tea, 51 of the part; 1000 of a wallet of 300. */
	assert_int_equal(number(r, "balances.points"), -41);
	assert_int_equal(number(r, "balances.points_available"), 0);
	assert_int_equal(number(r, "balances.wallet"), -700);
	assert_true(warned(r, "negative_balance"));
	assert_true(warned(r, "reward_not_applicable"));
	ok(s, "passage.reverse", "{'key':'v','sale':'S1','kind':'void'}");
	assert_int_equal(points(s, id), 150);
	assert_int_equal(balance(s, id, "wallet"), 300);
}

static void
test_uses_that_are_not_there(void **state)
{
	struct stage *s = *state;
	json_t *r = deliver(s, "S1",
		",'uses':[{'reward':'gone'},{'coupon':'TBC-NONE'},{'gift_card':'none'},"
		"{'reward':'m'},{'reward':'m'}]");

	assert_true(warned(r, "reward_unknown"));
	assert_true(warned(r, "coupon_unknown"));
	assert_true(warned(r, "gift_card_unknown"));
	assert_int_equal(number(r, "balances.points"), 50);
}

static void
test_uses_of_coupon_and_card(void **state)
{
	struct stage *s = *state;
	char mine[64], others[64], uses[256];
	json_t *r;

	strcpy(mine, text(ok(s, "coupon.issue", "{'key':'1','rule':'hand'}"), "code"));
	strcpy(others, text(ok(s, "coupon.issue", "{'key':'2','rule':'hand','customer':'%s'}",
				    customer(s, "Paul")),
			       "code"));
	ok(s, "gift_card.create", "{'key':'3','number':'GC-1','amount':500}");
	snprintf(uses, sizeof(uses), ",'uses':[{'coupon':'%s'},{'gift_card':'GC-1','amount':700}]",
		mine);
	r = deliver(s, "S1", uses);
	assert_true(warned(r, "negative_balance"));
	assert_int_equal(number(r, "balances.points"), 150);
	assert_int_equal(refused(s, "coupon.check", "{'code':'%s'}", mine), TB_ERROR_COUPON_USED);
	assert_int_equal(number(ok(s, "gift_card.show", "{'number':'GC-1'}"), "balance"), -200);
	assert_int_equal(number(s->last.json, "available"), 0);
	snprintf(uses, sizeof(uses), ",'uses':[{'coupon':'%s'},{'coupon':'%s'}]", mine, others);
	r = deliver(s, "S2", uses);
	assert_true(warned(r, "coupon_used"));
	assert_true(warned(r, "coupon_of_another"));
}

static void
test_uses_replace_the_hold_of_the_sale(void **state)
{
	struct stage *s = *state;
	char reservation[32];
	json_t *r;

	ok(s, "reward.reserve",
		"{'key':'r','sale':'S1','customer':'%s','basket':{%s},'uses':[{'reward':'m'}]}", id,
		basket(3000));
	r = deliver(s, "S1", ",'reservation':'r_5kz3w9bq2m1','uses':[{'reward':'p','amount':500}]");
	assert_int_equal(length(r, "warnings"), 0);
	assert_int_equal(number(r, "balances.points"), 100);
	assert_int_equal(number(r, "balances.points_available"), 100);
	/* A reservation that we know says more than the uses beside it. */
	strcpy(reservation, text(ok(s, "reward.reserve",
					 "{'key':'r2','sale':'S2','customer':'%s','basket':{%s},"
					 "'uses':[{'reward':'m'}]}",
					 id, basket(3000)),
				    "reservation"));
	r = ok(s, "passage.post",
		"{'sale':'S2'," AT ",'customer':'%s',%s,'reservation':'%s',"
		"'uses':[{'reward':'m'}]}",
		id, basket(3000), reservation);
	assert_int_equal(length(r, "warnings"), 0);
	assert_int_equal(number(r, "balances.points"), 0);
}

static void
test_uses_of_nobody(void **state)
{
	struct stage *s = *state;
	json_t *r = ok(s, "passage.post",
		"{'sale':'S1'," AT ",'customer':'c_never',%s,"
		"'uses':[{'reward':'m'},{'wallet':true,'amount':100}]}",
		basket(3000));

	assert_true(warned(r, "customer_unknown"));
	r = ok(s, "passage.show", "{'sale':'S1'}");
	assert_int_equal(length(r, "adjustments"), 2);
}

/* ---- customers ---------------------------------------------------------------------------- */

static void
test_customer_keeps_the_id_of_the_bridge(void **state)
{
	struct stage *s = *state;
	json_t *r = ok(s, "customer.create",
		"{'key':'c','id':'c_5kz3w9bq2m1','record':{'first_name':'Zoé'}}");

	assert_string_equal(text(r, "customer.id"), "c_5kz3w9bq2m1");
	r = ok(s, "customer.create",
		"{'key':'c','id':'c_5kz3w9bq2m1','record':{'first_name':'Zoé'}}");
	assert_string_equal(text(r, "customer.id"), "c_5kz3w9bq2m1");
	assert_int_equal(refused(s, "customer.create",
				 "{'key':'d','id':'c_5kz3w9bq2m1','record':{'first_name':'Zoé'}}"),
		TB_ERROR_CONFLICT);
	assert_string_equal(text(s->last.json, "errors.0.pointer"), "/id");
	assert_int_equal(refused(s, "customer.create", "{'key':'e','id':'zoe','record':{}}"),
		TB_ERROR_INVALID_PARAMS);
	assert_int_equal(length(ok(s, "customer.search", "{'text':'zoe'}"), "customers"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, stage_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_passage_keeps_the_id_of_the_bridge),
		TEST(test_passage_id_that_is_taken),
		TEST(test_till_repeats_what_its_bridge_delivered),
		TEST(test_ids_far_ahead_do_not_spoil_ours),
		TEST(test_uses_are_charged),
		TEST(test_uses_beyond_the_balance),
		TEST(test_uses_that_are_not_there),
		TEST(test_uses_of_coupon_and_card),
		TEST(test_uses_replace_the_hold_of_the_sale),
		TEST(test_uses_of_nobody),
		TEST(test_customer_keeps_the_id_of_the_bridge),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("ledger-later", tests, NULL, NULL);
}
