/* SPDX-License-Identifier: MIT */
/*
 * What the front grants and refuses while nobody can be asked: by the program, by the cached
 * balance, never the same points twice, and never past a restart forgotten.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "bridge/state.h"
#include "tests/unit/bridge/offline-stage.h"

#define DAY 86400
#define MINUTE 60
#define REWARDS \
	"'rewards':[{'id':'five','title':'Cinq','kind':'amount','cost_points':100,'value':500}," \
	"{'id':'part','title':'Part','kind':'amount','cost_points':100,'value':500,'partial':" \
	"true}," \
	"{'id':'hello','title':'Bienvenue','kind':'amount','value':100,'welcome':true}," \
	"{'id':'third','title':'Troisième','kind':'percent','bp':1000,'every_n_passages':3}," \
	"{'id':'coffee','title':'Café','kind':'article','cost_points':30,'articles':['CAF']}]"
#define EARNING "'earning':{'per_amount':{'points':1,'amount':100}}"
#define BASKET \
	"'basket':{'lines':[{'no':1,'article':{'code':'A1'},'quantity':1000,'unit_price':2000," \
	"'total':2000},{'no':2,'article':{'code':'CAF'},'quantity':2000,'unit_price':150," \
	"'total':300}],'total':2300}"
#define POST(sale, more) \
	"{'sale':'" sale "','occurred_at':'2025-05-06T10:00:00Z'," more \
	"'lines':[{'no':1,'article':{'code':'A1'},'quantity':1000,'unit_price':2000,'total':2000}" \
	"," \
	"{'no':2,'article':{'code':'CAF'},'quantity':2000,'unit_price':150,'total':300}]," \
	"'total':2300}"

/* A shop with that much allowed offline, a customer with 250 points and 700 in the wallet, both
 * known to the front; his id. Static. */
static const char *
shop(struct offline_stage *f, int64_t offline_max)
{
	static char id[64];

	program(f->server, EARNING "," REWARDS ",'offline_max_value':%lld", (long long)offline_max);
	snprintf(id, sizeof(id), "%s",
		text(ok(f->server, "customer.create",
			     "{'key':'%s','card':'2912345','record':{'first_name':'Zoé','kind':"
			     "'person','emails':['zoe@example.org']}}",
			     key()),
			"customer.id"));
	ok(f->server, "account.adjust",
		"{'key':'p','customer':'%s','unit':'points','delta':250,'reason':'x'}", id);
	ok(f->server, "account.adjust",
		"{'key':'w','customer':'%s','unit':'wallet','delta':700,'reason':'x'}", id);
	served(f, "customer.lookup", "{'card':'2912345'}");
	tb_offline_link_up(f->offline);
	settled(f);
	return id;
}

static json_t *
reserve(struct offline_stage *f, const char *sale, const char *id, const char *uses)
{
	return alone(f, "reward.reserve",
		"{'key':'%s','sale':'%s','customer':'%s'," BASKET ",'uses':[%s]}", key(), sale, id,
		uses);
}

static enum tb_error
refuses(struct offline_stage *f, const char *sale, const char *id, const char *uses)
{
	return alone_refused(f, "reward.reserve",
		"{'key':'%s','sale':'%s','customer':'%s'," BASKET ",'uses':[%s]}", key(), sale, id,
		uses);
}

static int64_t
cached(struct offline_stage *f, const char *id, const char *path)
{
	char where[64];

	snprintf(where, sizeof(where), "balances.%s", path);
	return number(alone(f, "customer.lookup", "{'id':'%s'}", id), where);
}

static void
without_a_program_nothing_is_judged(void **state)
{
	struct offline_stage *f = *state;

	served(f, "customer.create", "{'key':'c','record':{'first_name':'Zoé'}}");
	assert_int_equal(refuses(f, "S1", "c_1", "{'reward':'five'}"), TB_ERROR_SERVER_UNREACHABLE);
	assert_int_equal(alone_refused(f, "reward.quote", "{'sale':'S1'," BASKET ",'codes':[]}"),
		TB_ERROR_SERVER_UNREACHABLE);
	assert_int_equal(
		refuses(f, "S1", "c_1", "{'gift_card':'TBG-1'}"), TB_ERROR_OFFLINE_REFUSED);
	assert_int_equal(alone_refused(f, "program.show", "{}"), TB_ERROR_SERVER_UNREACHABLE);
}

static void
refused_unless_the_program_says_otherwise(void **state)
{
	struct offline_stage *f = *state;
	const char *id = shop(f, 0);
	json_t *r;

	assert_int_equal(refuses(f, "S1", id, "{'reward':'five'}"), TB_ERROR_OFFLINE_REFUSED);
	assert_int_equal(refuses(f, "S1", id, "{'wallet':true}"), TB_ERROR_OFFLINE_REFUSED);
	assert_int_equal(
		refuses(f, "S1", "c_nobody", "{'reward':'five'}"), TB_ERROR_OFFLINE_REFUSED);
	r = alone(f, "reward.quote", "{'sale':'S1','customer':'%s'," BASKET ",'codes':['TBC-1']}",
		id);
	assert_false(json_is_true(member(r, "rewards.0.applicable")));
	assert_string_equal(text(r, "rewards.0.reason"), "offline");
	assert_string_equal(text(r, "coupons.0.reason"), "offline");
	assert_false(json_is_true(member(r, "coupons.0.applicable")));
	assert_int_equal(number(r, "would_earn.points"), 23);
	assert_int_equal(number(r, "total_after"), 2300);
	assert_true(json_is_true(member(r, "stale")));
	assert_string_equal(text(r, "as_of"), "2025-05-06T12:00:00+02:00");
	/* Who is nobody earns nothing, and needs no cache. */
	r = alone(f, "reward.quote", "{'sale':'S2'," BASKET "}");
	assert_int_equal(number(r, "would_earn.points"), 0);
	assert_int_equal(
		alone_refused(f, "reward.quote", "{'sale':'S2','customer':'c_nobody'," BASKET "}"),
		TB_ERROR_SERVER_UNREACHABLE);
}

static void
granted_within_what_is_allowed(void **state)
{
	struct offline_stage *f = *state;
	const char *id = shop(f, 1100);
	char reservation[64];
	json_t *r, *granted;

	r = reserve(f, "S1", id, "{'reward':'five'}");
	assert_int_equal(number(r, "to_pay"), 1800);
	assert_int_equal(number(r, "total_before"), 2300);
	assert_int_equal(number(r, "adjustments.0.amount"), 500);
	assert_string_equal(text(r, "expires_at"), "2025-05-06T12:15:02+02:00");
	assert_int_equal(number(r, "balances.points"), 250);
	assert_int_equal(number(r, "balances.points_available"), 150);
	assert_true(json_is_true(member(r, "stale")));
	snprintf(reservation, sizeof(reservation), "%s", text(r, "reservation"));
	assert_true(tb_offline_is_ours(reservation));
	granted = tb_offline_granted(f->offline, reservation);
	assert_string_equal(text(granted, "uses.0.reward"), "five");
	json_decref(granted);
	assert_null(tb_offline_granted(f->offline, "r_abc"));
	assert_null(tb_offline_granted(f->offline, "r_zabc"));
	/* Another sale: what is left, and no more than the program allows in all. */
	assert_int_equal(cached(f, id, "points_available"), 150);
	assert_int_equal(refuses(f, "S2", id, "{'wallet':true}"), TB_ERROR_OFFLINE_REFUSED);
	r = reserve(f, "S2", id, "{'wallet':true,'amount':600}");
	assert_int_equal(number(r, "to_pay"), 1700);
	assert_int_equal(number(r, "balances.wallet_available"), 100);
	assert_int_equal(refuses(f, "S3", id, "{'reward':'coffee'}"), TB_ERROR_OFFLINE_REFUSED);
	/* What only the server knows is refused whatever the program allows. */
	assert_int_equal(refuses(f, "S3", id, "{'reward':'hello'}"), TB_ERROR_OFFLINE_REFUSED);
	assert_int_equal(refuses(f, "S3", id, "{'coupon':'TBC-1'}"), TB_ERROR_OFFLINE_REFUSED);
	assert_int_equal(refuses(f, "S3", id, "{'gift_card':'TBG-1'}"), TB_ERROR_OFFLINE_REFUSED);
	assert_int_equal(
		refuses(f, "S3", "c_nobody", "{'reward':'five'}"), TB_ERROR_SERVER_UNREACHABLE);
	assert_int_equal(refuses(f, "S3", id, "{'reward':'nothing'}"), TB_ERROR_REWARD_UNKNOWN);
}

static void
the_same_points_are_not_spent_twice(void **state)
{
	struct offline_stage *f = *state;
	const char *id = shop(f, 100000);
	char reservation[64];
	json_t *r;

	r = reserve(f, "S1", id, "{'reward':'five'},{'reward':'part','amount':250}");
	assert_int_equal(number(r, "balances.points_available"), 100);
	snprintf(reservation, sizeof(reservation), "%s", text(r, "reservation"));
	reserve(f, "S2", id, "{'reward':'five'}");
	assert_int_equal(
		refuses(f, "S3", id, "{'reward':'coffee'}"), TB_ERROR_INSUFFICIENT_BALANCE);
	/* The sale asks anew: its own hold is given back first. */
	r = reserve(f, "S1", id, "{'reward':'five'}");
	assert_int_equal(number(r, "balances.points_available"), 50);
	assert_null(json_object_get(r, "nothing"));
	/* Paid: gone for good, whether or not the time is over. */
	queued(f, "passage.post", POST("S1", "'customer':'%s','reservation':'%s',"), id,
		text(f->last.json, "reservation"));
	assert_int_equal(cached(f, id, "points"), 150);
	assert_int_equal(cached(f, id, "points_available"), 50);
	stage_advance(f->server, 16 * MINUTE);
	assert_int_equal(cached(f, id, "points_available"), 150);
	assert_int_equal(cached(f, id, "points"), 150);
	settled(f);
	offline_restart(f);
	assert_int_equal(cached(f, id, "points"), 150);
}

static void
released_and_lapsed(void **state)
{
	struct offline_stage *f = *state;
	const char *id = shop(f, 100000);
	char first[64];

	snprintf(first, sizeof(first), "%s",
		text(reserve(f, "S1", id, "{'reward':'five'}"), "reservation"));
	alone(f, "reward.release", "{'reservation':'%s'}", first);
	alone(f, "reward.release", "{'reservation':'%s'}", first);
	assert_int_equal(cached(f, id, "points_available"), 250);
	assert_int_equal(alone_refused(f, "reward.release", "{'reservation':'r_1'}"),
		TB_ERROR_SERVER_UNREACHABLE);
	reserve(f, "S2", id, "{'reward':'five'}");
	stage_advance(f->server, 15 * MINUTE + 1);
	assert_int_equal(cached(f, id, "points_available"), 250);
}

static void
a_key_said_twice(void **state)
{
	struct offline_stage *f = *state;
	const char *id = shop(f, 100000);
	static const char call[] = "{'key':'K','sale':'S1','customer':'%s'," BASKET
				   ",'uses':[{'reward':'%s'}]}";
	char first[64];

	snprintf(first, sizeof(first), "%s",
		text(alone(f, "reward.reserve", call, id, "five"), "reservation"));
	assert_string_equal(
		text(alone(f, "reward.reserve", call, id, "five"), "reservation"), first);
	assert_int_equal(alone_refused(f, "reward.reserve", call, id, "coffee"),
		TB_ERROR_IDEMPOTENCY_CONFLICT);
	settled(f);
	offline_restart(f);
	assert_string_equal(
		text(alone(f, "reward.reserve", call, id, "five"), "reservation"), first);
	assert_int_equal(cached(f, id, "points_available"), 150);
	/* A refusal keeps no key. */
	assert_int_equal(alone_refused(f, "reward.reserve",
				 "{'key':'R','sale':'S1','customer':'%s'," BASKET
				 ",'uses':[{'coupon':'TBC-1'}]}",
				 id),
		TB_ERROR_OFFLINE_REFUSED);
	alone(f, "reward.reserve",
		"{'key':'R','sale':'S1','customer':'%s'," BASKET ",'uses':[{'reward':'coffee'}]}",
		id);
}

/* A restart between the reservation and the sale; then the server books what was granted, and its
 * balance is what the front said all along. */
static void
delivered_later(void **state)
{
	struct offline_stage *f = *state;
	const char *id = shop(f, 100000);
	char reservation[64];
	json_t *granted, *r;

	snprintf(reservation, sizeof(reservation), "%s",
		text(reserve(f, "S1", id,
			     "{'reward':'coffee'},{'reward':'part','amount':200},{'wallet':true,"
			     "'amount':300}"),
			"reservation"));
	assert_int_equal(cached(f, id, "points_available"), 250 - 30 - 40);
	settled(f);
	offline_restart(f);
	granted = tb_offline_granted(f->offline, reservation);
	assert_int_equal(length(granted, "uses"), 3);
	queued(f, "passage.post", POST("S1", "'customer':'%s','reservation':'%s',"), id,
		reservation);
	assert_int_equal(cached(f, id, "points"), 180);
	assert_int_equal(cached(f, id, "wallet"), 400);
	{
		char *uses = json_dumps(json_object_get(granted, "uses"), JSON_COMPACT);

		r = served(f, "passage.post",
			POST("S1", "'customer':'%s','reservation':'%s','uses':%s,"), id,
			reservation, uses);
		free(uses);
	}
	json_decref(granted);
	assert_int_equal(number(r, "balances.points"), 180 + number(r, "earned.points"));
	assert_int_equal(number(r, "balances.wallet"), 400);
	assert_int_equal(length(r, "warnings"), 0);
	assert_int_equal(cached(f, id, "points"), number(r, "balances.points"));
	assert_int_equal(cached(f, id, "points_available"), number(r, "balances.points"));
	assert_int_equal(
		in_state(f, "SELECT count(*) FROM offline_grant WHERE state <> 'ended'"), 0);
	assert_int_equal(in_state(f, "SELECT count(*) FROM offline_passage"), 0);
}

static void
every_third_passage(void **state)
{
	struct offline_stage *f = *state;
	const char *id = shop(f, 100000);

	for (int i = 0; i < 5; i++)
		sale(f->server, key(), id, NULL, 1000);
	served(f, "customer.lookup", "{'id':'%s'}", id);
	reserve(f, "S1", id, "{'reward':'third'}");
	queued(f, "passage.post", POST("S1", "'customer':'%s','reservation':'%s',"), id,
		text(f->last.json, "reservation"));
	/* Five and this one are two threes, so once more, but not a third time. */
	reserve(f, "S2", id, "{'reward':'third'}");
	assert_int_equal(
		refuses(f, "S3", id, "{'reward':'third'}"), TB_ERROR_REWARD_NOT_APPLICABLE);
}

static void
the_delay_counts_what_waits(void **state)
{
	struct offline_stage *f = *state;
	static char quote[] = "{'sale':'%s','customer':'%s','occurred_at':'%s'," BASKET "}";
	char id[64];
	json_t *r;

	program(f->server, EARNING ",'min_delay_s':3600");
	snprintf(id, sizeof(id), "%s",
		text(served(f, "customer.create", "{'key':'c','record':{'first_name':'Zoé'}}"),
			"customer.id"));
	tb_offline_link_up(f->offline);
	settled(f);
	r = alone(f, "reward.quote", quote, "S1", id, "2025-05-06T10:00:00Z");
	assert_int_equal(number(r, "would_earn.points"), 23);
	queued(f, "passage.post", POST("S1", "'customer':'%s',"), id);
	r = alone(f, "reward.quote", quote, "S2", id, "2025-05-06T10:30:00Z");
	assert_int_equal(number(r, "would_earn.points"), 0);
	r = alone(f, "reward.quote", quote, "S2", id, "2025-05-06T09:30:00Z");
	assert_int_equal(number(r, "would_earn.points"), 0);
	r = alone(f, "reward.quote", quote, "S2", id, "2025-05-06T11:30:00Z");
	assert_int_equal(number(r, "would_earn.points"), 23);
}

static void
a_deduction_is_spent_at_once(void **state)
{
	struct offline_stage *f = *state;
	const char *id = shop(f, 600);
	static const char call[] = "{'key':'D','sale':'S1','customer':'%s'," BASKET
				   ",'uses':[{'reward':'five'}]}";

	alone(f, "reward.deduct", call, id);
	queued(f, "reward.deduct", call, id);
	stage_advance(f->server, DAY);
	assert_int_equal(cached(f, id, "points"), 150);
	assert_int_equal(refuses(f, "S2", id, "{'reward':'five'}"), TB_ERROR_OFFLINE_REFUSED);
	served(f, "reward.deduct", call, id);
	assert_int_equal(cached(f, id, "points"), 150);
	assert_int_equal(
		in_state(f, "SELECT count(*) FROM offline_grant WHERE state <> 'ended'"), 0);
	/* What was left of the allowance is whole again: the server has booked it. */
	reserve(f, "S2", id, "{'reward':'five'}");
}

static void
a_program_is_honoured_for_what_it_dates_from(void **state)
{
	struct offline_stage *f = *state;
	static const char quote[] = "{'sale':'S1','customer':'%s','occurred_at':'%s'," BASKET "}";
	const char *id = shop(f, 0);

	stage_advance(f->server, 3600);
	program(f->server, "'earning':{'per_amount':{'points':2,'amount':100}}");
	served(f, "program.replace",
		"{'key':'again','program':{'currency':'EUR','time_zone':'Europe/Paris','earning':"
		"{'per_amount':{'points':3,'amount':100}}}}");
	settled(f);
	assert_int_equal(number(alone(f, "program.show", "{}"), "version"), 3);
	assert_int_equal(number(alone(f, "reward.quote", quote, id, "2025-05-06T10:30:00Z"),
				 "would_earn.points"),
		23);
	assert_int_equal(number(alone(f, "reward.quote", quote, id, "2025-05-06T11:30:00Z"),
				 "would_earn.points"),
		69);
	offline_restart(f);
	assert_int_equal(number(alone(f, "reward.quote", quote, id, "2025-05-06T10:30:00Z"),
				 "would_earn.points"),
		23);
}

static void
a_server_put_back_to_an_older_day(void **state)
{
	struct offline_stage *f = *state;
	const char *id = shop(f, 0);
	sqlite3 *db = tb_state_db(f->bridge.state);

	assert_int_equal(
		sqlite3_exec(db,
			"UPDATE offline_program SET version = 9, program = json_set(program,"
			" '$.earning.per_amount.points', 7)",
			NULL, NULL, NULL),
		SQLITE_OK);
	offline_restart(f);
	assert_int_equal(number(alone(f, "program.show", "{}"), "version"), 9);
	tb_offline_link_up(f->offline);
	settled(f);
	assert_int_equal(number(alone(f, "program.show", "{}"), "version"), 1);
	assert_int_equal(
		number(alone(f, "reward.quote", "{'sale':'S','customer':'%s'," BASKET "}", id),
			"would_earn.points"),
		23);
}

static void
articles_are_fetched_when_they_change(void **state)
{
	struct offline_stage *f = *state;
	unsigned calls;
	json_t *r;
	const char *id = shop(f, 100000);

	/* The server has none, and has said so. */
	assert_int_equal(length(alone(f, "article.list", "{}"), "articles"), 0);
	for (int page = 0; page < 3; page++) {
		_cleanup_buf_ struct tb_buf list = TB_BUF_INIT(0);

		for (int i = 0; i < 100; i++)
			tb_buf_addf(&list, "%s{'code':'X%d%02d','label':'x','points':1}",
				i ? "," : "", page, i);
		ok(f->server, "article.import", "{'key':'%s','articles':[%s]}", key(), list.data);
	}
	served(f, "article.import",
		"{'key':'caf','articles':[{'code':'CAF','label':'Café','ean':'4006381333931',"
		"'category':'boissons','points':7,'points_price':50}]}");
	settled(f);
	assert_int_equal(in_state(f, "SELECT count(*) FROM offline_article"), 301);
	r = alone(f, "article.list", "{'category':'boissons'}");
	assert_int_equal(length(r, "articles"), 1);
	assert_int_equal(number(r, "articles.0.points_price"), 50);
	r = alone(f, "article.list", "{'limit':200}");
	assert_int_equal(length(r, "articles"), 200);
	r = alone(f, "article.list", "{'limit':200,'cursor':'%s'}", text(r, "cursor"));
	assert_int_equal(length(r, "articles"), 101);
	r = reserve(f, "S1", id, "{'reward':'article:CAF'}");
	assert_int_equal(number(r, "balances.points_available"), 200);
	/* Nothing changed: one question, no pages. */
	calls = f->own_calls;
	tb_offline_link_up(f->offline);
	settled(f);
	assert_int_equal(f->own_calls, calls + 1);
	/* Cut off in the middle: what was known stays, and is asked for again. */
	f->cut = true;
	tb_offline_link_up(f->offline);
	settled(f);
	f->cut = false;
	assert_int_equal(in_state(f, "SELECT count(*) FROM offline_article"), 301);
}

static void
asked_now_and_then(void **state)
{
	struct offline_stage *f = *state;
	const char *id = shop(f, 0);
	unsigned calls = f->own_calls;

	for (int i = 0; i < 10; i++)
		served(f, "customer.lookup", "{'id':'%s'}", id);
	assert_int_equal(f->own_calls, calls);
	stage_advance(f->server, 400);
	assert_int_equal(f->own_calls, calls);
	served(f, "customer.lookup", "{'id':'%s'}", id);
	served(f, "customer.lookup", "{'id':'%s'}", id);
	settled(f);
	assert_int_equal(f->own_calls, calls + 1);
}

static void
the_server_does_not_know_yet(void **state)
{
	struct offline_stage *f = *state;
	const char *id = shop(f, 100000);
	json_t *params = stage_json("{'customer':'%s','sale':'S2'}", id);
	struct tb_call call = {.op = TB_OP_REWARD_RESERVE,
		.caller = {.site = f->server->site, .till = f->server->till},
		.params = params};

	assert_false(tb_offline_must_judge(f->offline, &call));
	reserve(f, "S1", id, "{'reward':'five'}");
	assert_true(tb_offline_must_judge(f->offline, &call));
	json_object_set_new(params, "sale", json_string("S1"));
	assert_false(tb_offline_must_judge(f->offline, &call));
	queued(f, "passage.post", POST("S1", "'customer':'%s','reservation':'%s',"), id,
		text(f->last.json, "reservation"));
	assert_true(tb_offline_must_judge(f->offline, &call));
	served(f, "passage.post",
		POST("S1", "'customer':'%s','reservation':'%s','uses':[{'reward':'five'}],"), id,
		text(f->last.json, "reservation"));
	settled(f);
	assert_false(tb_offline_must_judge(f->offline, &call));
	json_decref(params);
}

static void
writable(struct offline_stage *f, bool writable)
{
	assert_int_equal(sqlite3_exec(tb_state_db(f->bridge.state),
				 writable ? "PRAGMA query_only = OFF" : "PRAGMA query_only = ON",
				 NULL, NULL, NULL),
		SQLITE_OK);
}

/* What cannot be kept is not granted; what was heard and cannot be kept is no till's trouble. */
static void
a_disk_that_takes_nothing(void **state)
{
	struct offline_stage *f = *state;
	const char *id = shop(f, 100000);

	writable(f, false);
	assert_int_equal(refuses(f, "S1", id, "{'reward':'five'}"), TB_ERROR_INTERNAL);
	assert_int_equal(cached(f, id, "points_available"), 250);
	served(f, "customer.lookup", "{'id':'%s'}", id);
	stage_advance(f->server, 5);
	writable(f, true);
	settled(f);
	reserve(f, "S1", id, "{'reward':'five'}");
	settled(f);
	assert_int_equal(in_state(f, "SELECT count(*) FROM offline_grant"), 1);
	assert_int_equal(cached(f, id, "points_available"), 150);
}

static void
malformed_calls(void **state)
{
	struct offline_stage *f = *state;
	const char *id = shop(f, 100000);

	assert_int_equal(alone_refused(f, "reward.reserve",
				 "{'key':'k','sale':'S','customer':'%s','basket':{'lines':[],"
				 "'total':5},'uses':[{'wallet':true}]}",
				 id),
		TB_ERROR_INVALID_PARAMS);
	assert_string_equal(text(f->last.json, "errors.0.pointer"), "/basket/total");
	assert_int_equal(alone_refused(f, "reward.reserve",
				 "{'key':'k','sale':'S'," BASKET ",'uses':[{'reward':'five'}]}"),
		TB_ERROR_INVALID_PARAMS);
	assert_string_equal(text(f->last.json, "errors.0.pointer"), "/customer");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, offline_setup, offline_teardown)
	const struct CMUnitTest tests[] = {
		TEST(without_a_program_nothing_is_judged),
		TEST(refused_unless_the_program_says_otherwise),
		TEST(granted_within_what_is_allowed),
		TEST(the_same_points_are_not_spent_twice),
		TEST(released_and_lapsed),
		TEST(a_key_said_twice),
		TEST(delivered_later),
		TEST(every_third_passage),
		TEST(the_delay_counts_what_waits),
		TEST(a_deduction_is_spent_at_once),
		TEST(a_program_is_honoured_for_what_it_dates_from),
		TEST(a_server_put_back_to_an_older_day),
		TEST(articles_are_fetched_when_they_change),
		TEST(asked_now_and_then),
		TEST(the_server_does_not_know_yet),
		TEST(a_disk_that_takes_nothing),
		TEST(malformed_calls),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
