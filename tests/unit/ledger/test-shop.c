/* SPDX-License-Identifier: MIT */
/* Coupons, gift cards, articles, programs, reports: what a shop has beside its customers. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/ledger/stage.h"

#define EARNING "'earning':{'per_amount':{'points':1,'amount':100}}"
#define REWARD "'rewards':[{'id':'cr','kind':'amount','title':'Trois euros','value':300}]"
#define DAY INT64_C(86400)

static char id[32];

static int
setup(void **state)
{
	stage_setup(state);
	program(*state, EARNING
		"," REWARD ",'coupons':["
		"{'id':'hand','reward':'cr','on':{'by_hand':true},'valid_days':30},"
		"{'id':'third','reward':'cr','on':{'every_n_passages':3},'valid_days':10},"
		"{'id':'birthday','reward':'cr','on':{'days_before_birthday':7},'valid_days':14},"
		"{'id':'unseen','reward':'cr','on':{'days_unseen':60}}]");
	strcpy(id, customer(*state, "Anne"));
	return 0;
}

/* ---- coupons ------------------------------------------------------------------------------ */

static void
test_coupon_by_hand(void **state)
{
	struct stage *s = *state;
	char code[40];
	json_t *r = ok(s, "coupon.issue", "{'key':'i','rule':'hand','customer':'%s'}", id);

	strcpy(code, text(r, "code"));
	assert_memory_equal(code, "TBC-", 4);
	assert_int_equal(strlen(code), 17);
	assert_int_equal(strspn(code + 4, "23456789ABCDEFGHJKMNPQRSTVWXYZ"), 13);
	assert_string_equal(text(r, "title"), "Trois euros");
	assert_string_equal(text(r, "valid_to"), "2025-06-06T00:00:00+02:00");
	r = ok(s, "coupon.check", "{'code':'%s'}", code);
	assert_string_equal(text(r, "reward"), "cr");
	assert_int_equal(number(r, "uses_left"), 1);
	assert_string_equal(text(r, "customer"), id);
	assert_null(member(r, "printed_at"));
	/* As it is typed. */
	for (char *p = code; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + 32);
	ok(s, "coupon.check", "{'code':' %s '}", code);
	ok(s, "coupon.printed", "{'code':'%s'}", code);
	r = ok(s, "coupon.check", "{'code':'%s'}", code);
	assert_string_equal(text(r, "printed_at"), "2025-05-06T12:00:00+02:00");
	/* Another print is a reprint: the first time stays. */
	stage_advance(s, 60);
	r = ok(s, "coupon.printed", "{'code':'%s'}", code);
	assert_string_equal(text(r, "printed_at"), "2025-05-06T12:00:00+02:00");
	stage_advance(s, 31 * DAY);
	assert_int_equal(
		refused(s, "coupon.check", "{'code':'%s'}", code), TB_ERROR_COUPON_EXPIRED);
	assert_int_equal(
		refused(s, "coupon.check", "{'code':'TBC-NOSUCH'}"), TB_ERROR_COUPON_UNKNOWN);
	assert_int_equal(
		refused(s, "coupon.printed", "{'code':'TBC-NOSUCH'}"), TB_ERROR_COUPON_UNKNOWN);
}

static void
test_coupon_issue_refusals(void **state)
{
	struct stage *s = *state;
	json_t *r;

	assert_int_equal(
		refused(s, "coupon.issue", "{'key':'i','rule':'none'}"), TB_ERROR_INVALID_PARAMS);
	assert_string_equal(text(s->last.json, "errors.0.pointer"), "/rule");
	assert_int_equal(
		refused(s, "coupon.issue", "{'key':'i','rule':'third'}"), TB_ERROR_INVALID_PARAMS);
	assert_int_equal(refused(s, "coupon.issue", "{'key':'i','rule':'hand','customer':'c_1'}"),
		TB_ERROR_CUSTOMER_UNKNOWN);
	assert_int_equal(
		refused(s, "coupon.issue", "{'key':'i','rule':'hand','valid_to':'2025-01-01'}"),
		TB_ERROR_INVALID_PARAMS);
	r = ok(s, "coupon.issue", "{'key':'i','rule':'hand','valid_to':'2025-12-24'}");
	assert_string_equal(text(r, "valid_to"), "2025-12-24T00:00:00+01:00");
}

/* Uses a coupon in one sale; NULL when it was refused. */
static json_t *
use_coupon(struct stage *s, const char *sale_no, const char *code, const char *who)
{
	char reservation[32];

	strcpy(reservation,
		text(ok(s, "reward.reserve",
			     "{'key':'%s','sale':'%s','basket':{%s},'uses':[{'coupon':'%s'}]%s%s%"
			     "s}",
			     key(), sale_no, basket(1000), code, who ? ",'customer':'" : "",
			     who ? who : "", who ? "'" : ""),
			"reservation"));
	return ok(s, "passage.post",
		"{'sale':'%s','occurred_at':'2025-05-06T12:00:00+02:00',%s,"
		"'tenders':[{'kind':'card','amount':700}],'reservation':'%s'}",
		sale_no, basket(1000), reservation);
}

static void
test_coupon_is_used_once(void **state)
{
	struct stage *s = *state;
	const char *reserve = "{'key':'%s','sale':'S9','basket':{%s},'uses':[{'coupon':'%s'}]}";
	char code[40], reservation[32];

	strcpy(code, text(ok(s, "coupon.issue", "{'key':'i','rule':'hand'}"), "code"));
	use_coupon(s, "S1", code, NULL);
	assert_int_equal(refused(s, "coupon.check", "{'code':'%s'}", code), TB_ERROR_COUPON_USED);
	assert_int_equal(refused(s, "reward.reserve", reserve, key(), basket(1000), code),
		TB_ERROR_COUPON_USED);
	ok(s, "passage.reverse", "{'key':'v','sale':'S1','kind':'void'}");
	assert_int_equal(number(ok(s, "coupon.check", "{'code':'%s'}", code), "uses_left"), 1);
	/* A lapsed hold, and meanwhile another had it: charged as far as there is something. */
	strcpy(reservation,
		text(ok(s, "reward.reserve", reserve, key(), basket(1000), code), "reservation"));
	stage_advance(s, 16 * 60);
	use_coupon(s, "S2", code, NULL);
	ok(s, "passage.post",
		"{'sale':'S9','occurred_at':'2025-05-06T12:20:00+02:00',%s,"
		"'tenders':[{'kind':'card','amount':700}],'reservation':'%s'}",
		basket(1000), reservation);
	assert_string_equal(text(s->last.json, "warnings.0"), "reservation_expired");
	assert_string_equal(text(s->last.json, "warnings.1"), "coupon_used");
}

static void
test_coupon_of_another(void **state)
{
	struct stage *s = *state;
	const char *other = customer(s, "Zoe");
	char code[40];

	strcpy(code, text(ok(s, "coupon.issue", "{'key':'i','rule':'hand','customer':'%s'}", id),
			     "code"));
	assert_int_equal(refused(s, "reward.reserve",
				 "{'key':'x','sale':'S','customer':'%s','basket':{%s},'uses':[{'"
				 "coupon':'%s'}]}",
				 other, basket(1000), code),
		TB_ERROR_REWARD_NOT_APPLICABLE);
	use_coupon(s, "S1", code, id);
}

static void
test_coupon_earned_by_passages(void **state)
{
	struct stage *s = *state;
	char code[40];
	json_t *r;

	sale(s, "S1", id, "2025-05-04T10:00:00+02:00", 1000);
	r = sale(s, "S2", id, "2025-05-05T10:00:00+02:00", 1000);
	assert_int_equal(length(r, "coupons"), 0);
	assert_int_equal(s->last.coupons, 0);
	r = sale(s, "S3", id, "2025-05-06T10:00:00+02:00", 1000);
	assert_int_equal(length(r, "coupons"), 1);
	assert_int_equal(s->last.coupons, 1);
	strcpy(code, text(r, "coupons.0.code"));
	assert_string_equal(text(r, "coupons.0.title"), "Trois euros");
	assert_string_equal(text(r, "coupons.0.valid_to"), "2025-05-17T00:00:00+02:00");
	assert_int_equal(length(ok(s, "customer.lookup", "{'id':'%s'}", id), "coupons"), 1);
	/* Said again it is the same coupon, and the bridge may print it again under its own key. */
	r = sale(s, "S3", id, "2025-05-06T10:00:00+02:00", 1000);
	assert_string_equal(text(r, "coupons.0.code"), code);
	assert_int_equal(s->last.coupons, 1);
	assert_int_equal(
		length(ok(s, "coupon.unprinted", "{'since':'2025-05-06T00:00:00Z'}"), "coupons"),
		1);
	ok(s, "coupon.printed", "{'code':'%s'}", code);
	assert_int_equal(
		length(ok(s, "coupon.unprinted", "{'since':'2025-05-06T00:00:00Z'}"), "coupons"),
		0);
	/* The sale that earned it is undone: so is the coupon. */
	ok(s, "passage.reverse", "{'key':'v','sale':'S3','kind':'void'}");
	assert_int_equal(
		refused(s, "coupon.check", "{'code':'%s'}", code), TB_ERROR_COUPON_EXPIRED);
	assert_int_equal(length(ok(s, "customer.lookup", "{'id':'%s'}", id), "coupons"), 0);
	r = sale(s, "S4", id, "2025-05-06T11:00:00+02:00", 1000);
	assert_int_equal(length(r, "coupons"), 1);
}

static void
test_coupon_before_a_birthday(void **state)
{
	struct stage *s = *state;

	ok(s, "customer.update",
		"{'key':'u','id':'%s','revision':1,'record':{'birthday':'1990-05-20'}}", id);
	assert_int_equal(length(ok(s, "customer.lookup", "{'id':'%s'}", id), "coupons"), 0);
	stage_advance(s, 7 * DAY);
	assert_int_equal(length(ok(s, "customer.lookup", "{'id':'%s'}", id), "coupons"), 1);
	assert_int_equal(length(ok(s, "customer.lookup", "{'id':'%s'}", id), "coupons"), 1);
	stage_advance(s, 3 * DAY);
	assert_int_equal(length(ok(s, "customer.lookup", "{'id':'%s'}", id), "coupons"), 1);
	/* The next year's is another. */
	stage_advance(s, 364 * DAY);
	assert_int_equal(length(ok(s, "customer.lookup", "{'id':'%s'}", id), "coupons"), 1);
	assert_int_equal(length(ok(s, "customer.export", "{'id':'%s'}", id), "coupons"), 2);
}

static void
test_coupon_for_the_missed_in_an_export(void **state)
{
	struct stage *s = *state;
	json_t *r;

	sale(s, "S1", id, "2025-05-06T10:00:00+02:00", 1000);
	stage_advance(s, 61 * DAY);
	/* Nobody has looked him up: the mailer's list issues what is due. */
	r = ok(s, "report.export", "{'what':'coupons'}");
	assert_non_null(strstr(text(r, "csv"), "unseen"));
	assert_non_null(strstr(text(r, "csv"), "Anne"));
	assert_non_null(strstr(text(r, "csv"), "Trois euros"));
	assert_int_equal(length(ok(s, "customer.lookup", "{'id':'%s'}", id), "coupons"), 1);
}

/* ---- gift cards --------------------------------------------------------------------------- */

static void
test_gift_cards(void **state)
{
	struct stage *s = *state;
	char drawn[40];
	json_t *r = ok(s, "gift_card.create",
		"{'key':'1','amount':2500,'expires_at':'2025-06-01','buyer':'Anne','message':'"
		"Bravo'}");

	strcpy(drawn, text(r, "number"));
	assert_memory_equal(drawn, "TBG-", 4);
	assert_int_equal(number(r, "available"), 2500);
	assert_string_equal(text(r, "expires_at"), "2025-06-01T00:00:00+02:00");
	assert_string_equal(text(r, "state"), "active");
	ok(s, "gift_card.create", "{'key':'2','amount':100,'number':'PHYS-1'}");
	assert_int_equal(
		refused(s, "gift_card.create", "{'key':'3','amount':100,'number':'PHYS-1'}"),
		TB_ERROR_CONFLICT);
	assert_int_equal(
		refused(s, "gift_card.create", "{'key':'3','amount':0}"), TB_ERROR_INVALID_PARAMS);
	assert_int_equal(
		refused(s, "gift_card.create", "{'key':'3','amount':5,'expires_at':'2025-05-06'}"),
		TB_ERROR_INVALID_PARAMS);
	r = ok(s, "gift_card.reload", "{'key':'4','number':'PHYS-1','amount':400}");
	assert_int_equal(number(r, "balance"), 500);
	ok(s, "gift_card.reload", "{'key':'4','number':'PHYS-1','amount':400}");
	assert_int_equal(number(ok(s, "gift_card.show", "{'number':'PHYS-1'}"), "balance"), 500);
	assert_int_equal(
		refused(s, "gift_card.show", "{'number':'NO'}"), TB_ERROR_GIFT_CARD_UNKNOWN);
	assert_int_equal(refused(s, "gift_card.reload", "{'key':'5','number':'NO','amount':1}"),
		TB_ERROR_GIFT_CARD_UNKNOWN);
	stage_advance(s, 30 * DAY);
	r = ok(s, "gift_card.show", "{'number':'%s'}", drawn);
	assert_string_equal(text(r, "state"), "expired");
	assert_int_equal(number(r, "available"), 0);
	assert_int_equal(number(r, "balance"), 2500);
	assert_int_equal(
		refused(s, "gift_card.reload", "{'key':'6','number':'%s','amount':1}", drawn),
		TB_ERROR_GIFT_CARD_EXPIRED);
	assert_int_equal(refused(s, "reward.reserve",
				 "{'key':'7','sale':'S','basket':{%s},'uses':[{'gift_card':'%s'}]}",
				 basket(100), drawn),
		TB_ERROR_GIFT_CARD_EXPIRED);
}

static void
test_two_gift_cards_on_one_ticket(void **state)
{
	struct stage *s = *state;
	char reservation[32];
	json_t *r;

	ok(s, "gift_card.create", "{'key':'1','amount':600,'number':'A'}");
	ok(s, "gift_card.create", "{'key':'2','amount':600,'number':'B'}");
	r = ok(s, "reward.reserve",
		"{'key':'3','sale':'S1','basket':{%s},'uses':[{'gift_card':'A'},{'gift_card':'B'}]"
		"}",
		basket(1000));
	assert_int_equal(number(r, "to_pay"), 0);
	assert_null(member(r, "balances"));
	strcpy(reservation, text(r, "reservation"));
	assert_int_equal(number(ok(s, "gift_card.show", "{'number':'A'}"), "available"), 0);
	assert_int_equal(number(ok(s, "gift_card.show", "{'number':'B'}"), "available"), 200);
	/* A hold of nobody's lapses like any other. */
	stage_advance(s, 16 * 60);
	assert_int_equal(number(ok(s, "gift_card.show", "{'number':'A'}"), "available"), 600);
	r = ok(s, "passage.post",
		"{'sale':'S1','occurred_at':'2025-05-06T12:00:00+02:00','customer':'%s',%s,'"
		"tenders':[],"
		"'reservation':'%s'}",
		id, basket(1000), reservation);
	assert_string_equal(text(r, "warnings.0"), "reservation_expired");
	/* A gift card is money: what it pays earns. */
	assert_int_equal(number(r, "earned.points"), 10);
	assert_int_equal(number(ok(s, "gift_card.show", "{'number':'A'}"), "balance"), 0);
	assert_int_equal(number(ok(s, "gift_card.show", "{'number':'B'}"), "balance"), 200);
}

/* ---- articles ----------------------------------------------------------------------------- */

static void
test_articles(void **state)
{
	struct stage *s = *state;
	json_t *r = ok(s, "article.import",
		"{'key':'1','articles':[{'code':'A','label':'Café','category':'drink','points':2,"
		"'points_price':40},{'code':'B','label':'Bun','category':'food'},{'label':'x'}]}");

	assert_int_equal(number(r, "created"), 2);
	assert_int_equal(length(r, "errors"), 1);
	assert_string_equal(text(r, "errors.0.pointer"), "/articles/2/code");
	r = ok(s, "article.import",
		"{'key':'2','articles':[{'code':'A','label':'Café','points':3}]}");
	assert_int_equal(number(r, "updated"), 1);
	r = ok(s, "article.list", "{'limit':1}");
	assert_int_equal(length(r, "articles"), 1);
	assert_int_equal(number(r, "articles.0.points"), 3);
	assert_string_equal(text(r, "cursor"), "A");
	r = ok(s, "article.list", "{'limit':1,'cursor':'A'}");
	assert_string_equal(text(r, "articles.0.code"), "B");
	assert_null(member(r, "cursor"));
	assert_int_equal(length(ok(s, "article.list", "{'category':'food'}"), "articles"), 1);
}

static void
test_an_article_for_points(void **state)
{
	struct stage *s = *state;
	const char *lines =
		"'lines':[{'no':1,'article':{'code':'A','label':'Café'},'quantity':1000,"
		"'unit_price':250,'total':250}],'total':250";
	json_t *r;

	ok(s, "article.import",
		"{'key':'1','articles':[{'code':'A','label':'Café','points_price':40}]}");
	ok(s, "account.adjust",
		"{'key':'a','customer':'%s','unit':'points','delta':50,'reason':'x'}", id);
	r = ok(s, "reward.quote", "{'sale':'S','customer':'%s','codes':[],'basket':{%s}}", id,
		lines);
	assert_string_equal(text(r, "rewards.1.id"), "article:A");
	r = ok(s, "reward.reserve",
		"{'key':'r','sale':'S','customer':'%s','basket':{%s},'uses':[{'reward':'article:A'}"
		"]}",
		id, lines);
	assert_int_equal(number(r, "total_after"), 0);
	assert_int_equal(number(r, "balances.points_available"), 10);
}

/* ---- programs ----------------------------------------------------------------------------- */

static void
test_programs_by_their_date(void **state)
{
	struct stage *s = *state;
	json_t *r = ok(s, "program.show", "{}");

	assert_int_equal(number(r, "version"), 1);
	stage_advance(s, DAY);
	program(s, "'earning':{'per_amount':{'points':2,'amount':100}}");
	assert_int_equal(number(s->last.json, "version"), 2);
	stage_advance(s, DAY);
	program(s, "'earning':{'per_amount':{'points':3,'amount':100}}");
	stage_restart(s);
	assert_int_equal(
		number(sale(s, "S1", id, "2025-01-01T10:00:00+01:00", 1000), "earned.points"), 10);
	assert_int_equal(
		number(sale(s, "S2", id, "2025-05-07T11:59:59+02:00", 1000), "earned.points"), 10);
	assert_int_equal(
		number(sale(s, "S3", id, "2025-05-07T12:00:00+02:00", 1000), "earned.points"), 20);
	assert_int_equal(
		number(sale(s, "S4", id, "2025-05-08T12:00:00+02:00", 1000), "earned.points"), 30);
	assert_int_equal(number(ok(s, "program.show", "{}"), "version"), 3);
	assert_int_equal(number(s->last.json, "program.earning.per_amount.points"), 3);
}

static void
test_program_refused(void **state)
{
	struct stage *s = *state;

	assert_int_equal(
		refused(s, "program.replace",
			"{'key':'x','program':{'currency':'CHF','time_zone':'Europe/Paris'}}"),
		TB_ERROR_INVALID_PARAMS);
	assert_string_equal(text(s->last.json, "errors.0.pointer"), "/program/currency");
	assert_int_equal(
		refused(s, "program.replace",
			"{'key':'x','program':{'currency':'EUR','time_zone':'Europe/Atlantis'}}"),
		TB_ERROR_INVALID_PARAMS);
	assert_int_equal(
		refused(s, "program.replace",
			"{'key':'x','program':{'currency':'EUR','time_zone':'Europe/Paris',"
			"'coupons':[{'id':'c','reward':'none','on':{'by_hand':true}}]}}"),
		TB_ERROR_INVALID_PARAMS);
	assert_int_equal(number(ok(s, "program.show", "{}"), "version"), 1);
}

static void
test_without_any_program(void **state)
{
	struct stage *s = *state;
	const char *who = customer(s, "Anne");
	json_t *r = ok(s, "program.show", "{}");

	assert_int_equal(number(r, "version"), 0);
	assert_string_equal(text(r, "program.currency"), "EUR");
	assert_string_equal(text(r, "program.time_zone"), "Europe/Paris");
	r = sale(s, "S1", who, NULL, 1000);
	assert_int_equal(number(r, "earned.points"), 0);
	ok(s, "passage.reverse", "{'key':'r','sale':'S1','kind':'return'}");
}

/* ---- reports ------------------------------------------------------------------------------ */

static void
test_summary(void **state)
{
	struct stage *s = *state;
	const char *other = customer(s, "Zoe");
	json_t *r;

	sale(s, "OLD", id, "2025-04-30T10:00:00+02:00", 1000);
	sale(s, "S1", id, "2025-05-05T10:15:00+02:00", 1000);
	sale(s, "S2", other, "2025-05-06T10:45:00+02:00", 2000);
	sale(s, "S3", NULL, "2025-05-06T11:00:00+02:00", 501);
	sale(s, "BAD", other, "2025-05-06T11:05:00+02:00", 9999);
	ok(s, "passage.reverse", "{'key':'v','sale':'BAD','kind':'void'}");
	ok(s, "reward.deduct",
		"{'key':'d','sale':'S4','customer':'%s','basket':{%s},'uses':[{'reward':'cr'}]}",
		id, basket(1000));
	r = ok(s, "report.summary", "{'from':'2025-05-05','to':'2025-05-07'}");
	assert_int_equal(number(r, "passages"), 3);
	assert_int_equal(number(r, "new_customers"), 1);
	assert_int_equal(number(r, "known_customers"), 1);
	assert_int_equal(number(r, "turnover"), 3501);
	assert_int_equal(number(r, "average_basket"), 1167);
	assert_int_equal(number(r, "loyalty_cost"), 300);
	assert_int_equal(length(r, "by_day"), 2);
	assert_string_equal(text(r, "by_day.1.day"), "2025-05-06");
	assert_int_equal(number(r, "by_day.1.passages"), 2);
	assert_int_equal(length(r, "by_week"), 1);
	assert_string_equal(text(r, "by_week.0.week"), "2025-05-05");
	assert_int_equal(length(r, "by_hour"), 2);
	assert_int_equal(number(r, "by_hour.0.hour"), 10);
	assert_int_equal(number(r, "by_hour.0.turnover"), 3000);
	assert_int_equal(number(r, "movements.points.earned"), 30);
	assert_int_equal(number(r, "movements.points.redeemed"), 0);
	assert_string_equal(text(r, "top_rewards.0.reward"), "cr");
	assert_int_equal(number(r, "top_rewards.0.count"), 1);
	r = ok(s, "report.summary",
		"{'from':'2025-05-05','to':'2025-05-07','sites':['elsewhere']}");
	assert_int_equal(number(r, "passages"), 0);
	assert_int_equal(number(r, "loyalty_cost"), 0);
	assert_int_equal(length(r, "top_rewards"), 0);
	r = ok(s, "report.summary", "{'from':'2025-05-05','to':'2025-05-07','sites':['lyon-1']}");
	assert_int_equal(number(r, "passages"), 3);
	assert_int_equal(number(r, "loyalty_cost"), 300);
	assert_int_equal(refused(s, "report.summary", "{'from':'2025-05-07','to':'2025-05-05'}"),
		TB_ERROR_INVALID_PARAMS);
	assert_int_equal(refused(s, "report.summary", "{'from':'yesterday','to':'2025-05-05'}"),
		TB_ERROR_INVALID_PARAMS);
}

static void
test_exports(void **state)
{
	struct stage *s = *state;
	static const char *const whats[] = {
		"coupons", "customers", "gift_cards", "passages", "points", "rewards", "wallet"};
	const char *who;
	json_t *r;

	who = text(ok(s, "customer.create",
			   "{'key':'c','record':{'first_name':'=HYPERLINK(1)','last_name':'O\\\"N, "
			   "il',"
			   "'phones':['0612345678']}}"),
		"customer.id");
	sale(s, "S1", id, NULL, 1000);
	(void)who;
	for (size_t i = 0; i < ARRAY_SIZE(whats); i++)
		assert_non_null(strstr(
			text(ok(s, "report.export", "{'what':'%s'}", whats[i]), "csv"), "\r\n"));
	r = ok(s, "report.export", "{'what':'customers'}");
	assert_memory_equal(text(r, "csv"), "customer,kind,first_name,", 25);
	/* Nothing that a spreadsheet would run, and quotes as they should be. */
	assert_non_null(
		strstr(text(r, "csv"), ",\"'=HYPERLINK(1)\",\"O\"\"N, il\",,+33612345678,"));
	r = ok(s, "report.export", "{'what':'customers','limit':1}");
	assert_non_null(member(r, "cursor"));
	r = ok(s, "report.export", "{'what':'customers','limit':1,'cursor':'%s'}",
		text(r, "cursor"));
	/* The header stands on the first page alone. */
	assert_memory_equal(text(r, "csv"), "c_", 2);
	assert_null(member(r, "cursor"));
	assert_int_equal(
		refused(s, "report.export", "{'what':'secrets'}"), TB_ERROR_INVALID_PARAMS);
	r = ok(s, "report.export", "{'what':'passages','from':'2020-01-01','to':'2021-01-01'}");
	assert_null(strstr(text(r, "csv"), "S1"));
}

/* Every list once and whole, in pages of two. */
static void
test_export_in_pages(void **state)
{
	struct stage *s = *state;
	char whose[32], cursor[80] = "";
	size_t entries = 0, passages = 0, pages = 0, people = 0;

	program(s, "'earning':{'per_passage':1}");
	strcpy(whose, customer(s, "Anne"));
	for (int i = 0; i < 5; i++) {
		char number_of_sale[8];

		snprintf(number_of_sale, sizeof(number_of_sale), "S%d", i);
		sale(s, number_of_sale, whose, NULL, 1000);
	}
	do {
		json_t *r = *cursor ? ok(s, "customer.export",
					      "{'id':'%s','limit':2,'cursor':'%s'}", whose, cursor)
		                    : ok(s, "customer.export", "{'id':'%s','limit':2}", whose);

		entries += length(r, "entries");
		passages += length(r, "passages");
		people += json_object_get(r, "customer") != NULL;
		pages++;
		snprintf(cursor, sizeof(cursor), "%s",
			json_object_get(r, "cursor") ? text(r, "cursor") : "");
	} while (*cursor);
	assert_int_equal(entries, 5);
	assert_int_equal(passages, 5);
	assert_int_equal(people, 1);
	assert_int_equal(pages, 3);
	assert_int_equal(refused(s, "customer.export", "{'id':'%s','cursor':'7'}", whose),
		TB_ERROR_INVALID_PARAMS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, stage_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_coupon_by_hand),
		TEST(test_coupon_issue_refusals),
		TEST(test_coupon_is_used_once),
		TEST(test_coupon_of_another),
		TEST(test_coupon_earned_by_passages),
		TEST(test_coupon_before_a_birthday),
		TEST(test_coupon_for_the_missed_in_an_export),
		TEST(test_gift_cards),
		TEST(test_two_gift_cards_on_one_ticket),
		TEST(test_articles),
		TEST(test_an_article_for_points),
		TEST(test_programs_by_their_date),
		TEST(test_program_refused),
		cmocka_unit_test_setup_teardown(
			test_without_any_program, stage_setup, stage_teardown),
		TEST(test_summary),
		TEST(test_exports),
		TEST(test_export_in_pages),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("ledger-shop", tests, NULL, NULL);
}
