/* SPDX-License-Identifier: MIT */
/* JSON to the rules' structs and back; what is wrong with a program, a basket, a use, and where. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "plugins/loyalty/shapes/shapes.h"

static json_t *
parse(const char *text)
{
	char plain[4096];
	json_error_t error;
	json_t *json;
	size_t n = 0;

	/* the tests write ' for " */
	for (; text[n]; n++)
		plain[n] = text[n] == '\'' ? '"' : text[n];
	plain[n] = '\0';
	json = json_loads(plain, JSON_REJECT_DUPLICATES, &error);
	if (!json)
		fail_msg("%s: %s", text, error.text);
	return json;
}

static void
json_freep(json_t **json)
{
	json_decref(*json);
}

#define _cleanup_json_ _cleanup_(json_freep)

static void
assert_text(const struct tb_buf *buf, const char *expected)
{
	char plain[4096];
	size_t n = 0;

	for (; expected[n]; n++)
		plain[n] = expected[n] == '\'' ? '"' : expected[n];
	plain[n] = '\0';
	assert_int_equal(tb_buf_error(buf), 0);
	assert_string_equal(buf->data, plain);
}

/* ---- programs ---- */

/* Expects exactly one fault in `{currency, zone, rest}`. */
static void
faulty(const char *rest, const char *pointer, const char *code)
{
	_cleanup_faults_ struct tb_faults faults = {0};
	_cleanup_json_ json_t *json = NULL;
	struct tb_program *program = NULL;
	char text[2048];

	snprintf(text, sizeof(text), "{'currency':'EUR','time_zone':'Europe/Paris',%s}", rest);
	json = parse(text);
	assert_int_equal(tb_program_from_json(json, "EUR", "/program", &program, &faults), -EINVAL);
	assert_null(program);
	if (faults.count != 1)
		fail_msg("%s: %zu faults", rest, faults.count);
	assert_string_equal(faults.items[0].pointer, pointer);
	assert_string_equal(faults.items[0].code, code);
}

static void
what_is_wrong_with_a_program(void **state)
{
	faulty("'rewards':[{'id':'a','title':'a','kind':'amount'}]", "/program/rewards/0/value",
		"missing");
	faulty("'rewards':[{'id':'a','title':'a','kind':'amount','value':0}]",
		"/program/rewards/0/value", "out_of_range");
	faulty("'rewards':[{'id':'a','title':'a','kind':'amount','value':-5}]",
		"/program/rewards/0/value", "out_of_range");
	faulty("'rewards':[{'id':'a','title':'a','kind':'percent'}]", "/program/rewards/0/bp",
		"missing");
	faulty("'rewards':[{'id':'a','title':'a','kind':'percent','bp':10001}]",
		"/program/rewards/0/bp", "out_of_range");
	faulty("'rewards':[{'id':'a','title':'a','kind':'article'}]", "/program/rewards/0/articles",
		"missing");
	faulty("'rewards':[{'id':'a','title':'a','kind':'cashback'}]", "/program/rewards/0/value",
		"missing");
	faulty("'rewards':[{'id':'a','title':'a','kind':'cashback','value':5,'bp':5}]",
		"/program/rewards/0/bp", "bad_value");
	faulty("'rewards':[{'id':'a','title':'a','kind':'amount','value':5,'cost_points':-1}]",
		"/program/rewards/0/cost_points", "out_of_range");
	faulty("'rewards':[{'id':'a','title':'a','kind':'amount','value':5,'min_use':6}]",
		"/program/rewards/0/min_use", "out_of_range");
	faulty("'rewards':[{'id':'article:X','title':'a','kind':'gift'}]", "/program/rewards/0/id",
		"bad_value");
	faulty("'rewards':[{'id':'a','title':'a','kind':'gift'},{'id':'a','title':'b','kind':'gift'"
	       "}]",
		"/program/rewards/1/id", "duplicate");
	faulty("'rewards':[{'id':'a','title':'a','kind':'gift','valid_from':'2025-05-07',"
	       "'valid_to':'2025-05-06'}]",
		"/program/rewards/0/valid_to", "out_of_range");
	faulty("'rewards':[{'id':'a','title':'a','kind':'gift','valid_to':'2025-02-30'}]",
		"/program/rewards/0/valid_to", "bad_time");
	faulty("'coupons':[{'id':'k','reward':'none','on':{'by_hand':true}}]",
		"/program/coupons/0/reward", "reward_unknown");
	faulty("'rewards':[{'id':'a','title':'a','kind':'gift'}],'coupons':[{'id':'k','reward':'a',"
	       "'on':{'every_n_passages':0}}]",
		"/program/coupons/0/on/every_n_passages", "out_of_range");
	faulty("'offers':[{'id':'o','gain':{}}]", "/program/offers/0/gain", "missing");
	faulty("'offers':[{'id':'o','gain':{'points':0}}]", "/program/offers/0/gain/points",
		"out_of_range");
	faulty("'offers':[{'id':'o','gain':{'points':1,'wallet':1}}]", "/program/offers/0/gain",
		"bad_value");
	faulty("'offers':[{'id':'o','from':'2025-05-07T00:00:00+02:00','to':'2025-05-07',"
	       "'gain':{'points':1}}]",
		"/program/offers/0/to", "out_of_range");
	faulty("'earning':{'per_amount':{'points':1,'amount':0}}",
		"/program/earning/per_amount/amount", "out_of_range");
	faulty("'earning':{'per_passage':-1}", "/program/earning/per_passage", "out_of_range");
	faulty("'profile_bonus':{'fields':['birthday','shoe_size'],'points':5}",
		"/program/profile_bonus/fields/1", "unknown");
	faulty("'min_delay_s':-1", "/program/min_delay_s", "out_of_range");
}

static void
currency_and_zone(void **state)
{
	_cleanup_faults_ struct tb_faults faults = {0};
	_cleanup_json_ json_t *json = parse("{'currency':'CHF','time_zone':'Europe/Atlantis'}");
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	struct tb_program *program = NULL;

	assert_int_equal(tb_program_from_json(json, "EUR", "/program", &program, &faults), -EINVAL);
	tb_faults_write(&faults, &buf);
	assert_text(&buf, "{'errors':[{'pointer':'/program/currency','code':'currency_mismatch'},"
			  "{'pointer':'/program/time_zone','code':'time_zone_unknown'}]}");
}

static const char program_text[] =
	"{'currency':'EUR','time_zone':'Europe/"
	"Paris','earning':{'per_passage':2,'per_amount':"
	"{'points':1,'amount':100},'per_article':true,'combine':'sum','min_ticket':500,"
	"'on_loyalty_tender':true},'max_points_per_passage':20,'min_delay_s':3600,"
	"'points_expire_days':365,'contact_required_to_redeem':true,'offline_max_value':"
	"500,"
	"'rewards':[{'id':'d','kind':'article','title':'Dessert','cost_points':50,'"
	"articles':"
	"['Tarte','Éclair'],'sites':['lyon-1'],'valid_from':'2025-05-06','sequence':-1,"
	"'cost_price':0,'till_reference':'K7'}],'offers':[{'id':'o','when':{'nth_passage':"
	"5,"
	"'categories':['x']},'gain':{'wallet_bp':250}}],'coupons':[{'id':'k','reward':'d','"
	"on':"
	"{'days_unseen':60},'valid_days':30}],'profile_bonus':{'fields':['birthday'],"
	"'points':30},'sponsorship':{'sponsor_points':100,'newcomer_points':50}}";

static void
a_whole_program(void **state)
{
	_cleanup_faults_ struct tb_faults faults = {0};
	_cleanup_json_ json_t *json = parse(program_text);
	_cleanup_(tb_program_freep) struct tb_program *p = NULL;

	assert_int_equal(tb_program_from_json(json, "EUR", "", &p, &faults), 0);
	assert_int_equal(p->earning.combine, TB_COMBINE_SUM);
	assert_int_equal(p->earning.amount_unit, 100);
	assert_true(p->earning.per_article && p->earning.on_loyalty_tender);
	assert_int_equal(p->offline_max_value, 500);
	assert_int_equal(p->n_rewards, 1);
	assert_int_equal(p->rewards[0].kind, TB_REWARD_ARTICLE);
	assert_int_equal(p->rewards[0].articles.count, 2);
	assert_int_equal(p->rewards[0].sequence, -1);
	assert_int_equal(p->rewards[0].cost_price, 0);
	assert_int_equal(p->rewards[0].valid.from_us, INT64_C(1746482400000000));
	assert_int_equal(p->rewards[0].valid.to_us, TB_TIME_NONE);
	assert_int_equal(p->offers[0].gain, TB_GAIN_WALLET_BP);
	assert_int_equal(p->offers[0].nth_passage, 5);
	assert_int_equal(p->coupons[0].on, TB_COUPON_UNSEEN);
	assert_int_equal(p->coupons[0].n, 60);
	assert_int_equal(p->profile_points, 30);
	assert_int_equal(p->newcomer_points, 50);
	assert_non_null(tb_program_reward(p, "d"));
	assert_null(tb_program_reward(p, "e"));
	assert_non_null(tb_program_coupon_rule(p, "k"));
}

/* ---- baskets ---- */

static void
basket_faulty(const char *text, const char *pointer, const char *code)
{
	_cleanup_basket_lines_ struct tb_basket_lines basket = {0};
	_cleanup_faults_ struct tb_faults faults = {0};
	_cleanup_json_ json_t *json = parse(text);

	assert_int_equal(tb_basket_from_json(json, "/basket", true, &basket, &faults), -EINVAL);
	assert_int_equal(faults.count, 1);
	assert_string_equal(faults.items[0].pointer, pointer);
	assert_string_equal(faults.items[0].code, code);
	/* a sale that was paid is taken all the same */
	assert_int_equal(tb_basket_from_json(json, "", false, &basket, &faults), 0);
	assert_int_equal(faults.count, 2);
}

static void
what_is_wrong_with_a_basket(void **state)
{
	basket_faulty("{'lines':[{'no':1,'quantity':1000,'unit_price':5,'total':5}],'total':6}",
		"/basket/total", "total_mismatch");
	basket_faulty(
		"{'lines':[{'no':1,'quantity':1000,'unit_price':5,'total':5},{'no':2,'quantity':"
		"1000,"
		"'unit_price':5,'total':5},{'no':1,'quantity':1000,'unit_price':5,'total':5}],"
		"'total':15}",
		"/basket/lines/2/no", "duplicate");
	basket_faulty("{'lines':[{'no':1,'quantity':0,'unit_price':5,'total':5}],'total':5}",
		"/basket/lines/0/quantity", "out_of_range");
	basket_faulty("{'lines':[{'no':1,'quantity':-1000,'unit_price':5,'total':5}],'total':5}",
		"/basket/lines/0/total", "out_of_range");
	/* the sum leaves int64 */
	basket_faulty(
		"{'lines':[{'no':1,'quantity':1000,'unit_price':5,'total':9223372036854775807},"
		"{'no':2,'quantity':1000,'unit_price':5,'total':9223372036854775807}],'total':-2}",
		"/basket/total", "total_mismatch");
}

static const char basket_text[] =
	"{'lines':[{'no':7,'article':{'code':'C','label':'L','ean':'E','category':'K'},'"
	"quantity':2000,"
	"'unit_price':300,'discount':100,'price_kind':'promo','total':500,'vat_bp':550,'"
	"flags':"
	"['no_loyalty','deposit']},{'no':8,'quantity':-1000,'unit_price':300,'total':-300,"
	"'return_of':'S1'},{'no':9,'quantity':1000,'unit_price':1,'total':1,'price_kind':'"
	"manual',"
	"'flags':['gift_card_sale'],'return_of':false}],'total':201}";

static void
a_whole_basket(void **state)
{
	_cleanup_basket_lines_ struct tb_basket_lines b = {0};
	_cleanup_faults_ struct tb_faults faults = {0};
	_cleanup_json_ json_t *json = parse(basket_text);

	assert_int_equal(tb_basket_from_json(json, "/basket", true, &b, &faults), 0);
	assert_int_equal(b.basket.n_lines, 3);
	assert_int_equal(b.basket.total, 201);
	assert_string_equal(b.lines[0].category, "K");
	assert_int_equal(b.lines[0].price_kind, TB_PRICE_PROMO);
	assert_int_equal(b.lines[0].flags, TB_LINE_NO_LOYALTY | TB_LINE_DEPOSIT);
	assert_int_equal(b.lines[0].vat_bp, 550);
	assert_int_equal(b.lines[1].flags, TB_LINE_RETURN_OF);
	assert_null(b.lines[1].code);
	assert_int_equal(b.lines[1].vat_bp, -1);
	assert_int_equal(b.lines[2].flags, TB_LINE_GIFT_CARD_SALE);
	assert_int_equal(b.lines[2].price_kind, TB_PRICE_MANUAL);
}

static void
a_passage_by_hand(void **state)
{
	_cleanup_basket_lines_ struct tb_basket_lines a = {0}, b = {0};
	_cleanup_faults_ struct tb_faults faults = {0};
	_cleanup_json_ json_t *total = parse("{'total':500}"), *nothing = parse("{}");

	assert_int_equal(tb_basket_from_json(total, "", false, &a, &faults), 0);
	assert_true(!a.has_lines && a.has_total && a.basket.total == 500);
	assert_int_equal(tb_basket_from_json(nothing, "", false, &b, &faults), 0);
	assert_true(!b.has_lines && !b.has_total);
	assert_int_equal(faults.count, 0);
}

static void
uses(void **state)
{
	_cleanup_faults_ struct tb_faults faults = {0};
	_cleanup_json_ json_t *json = parse(
		"[{'reward':'r','line':2,'forfeit_remainder':true},{'coupon':'K'},"
		"{'gift_card':'G','amount':5},{'wallet':true}]");
	_cleanup_json_ json_t *bad = parse("[{'wallet':true,'amount':0},{'amount':5}]");
	_cleanup_free_ struct tb_use *list = NULL;
	size_t n;

	assert_int_equal(tb_uses_from_json(json, "/uses", &list, &n, &faults), 0);
	assert_int_equal(n, 4);
	assert_true(list[0].kind == TB_USE_REWARD && list[0].has_line && list[0].line == 2);
	assert_true(list[0].forfeit_remainder && !list[0].has_amount);
	assert_true(list[1].kind == TB_USE_COUPON && strcmp(list[1].code, "K") == 0);
	assert_true(list[2].kind == TB_USE_GIFT_CARD && list[2].has_amount && list[2].amount == 5);
	assert_int_equal(list[3].kind, TB_USE_WALLET);
	assert_int_equal(tb_uses_from_json(bad, "/uses", &list, &n, &faults), -EINVAL);
	assert_int_equal(faults.count, 2);
	assert_string_equal(faults.items[0].pointer, "/uses/0/amount");
	assert_string_equal(faults.items[1].pointer, "/uses/1");
}

/* ---- answers ---- */

static const struct tb_share shares[] = {{1, 0}, {INT64_C(20), INT64_MAX}, {3, 52}};
static const struct tb_adjustment adjustments[] = {
	{.kind = TB_ADJUST_ARTICLE_OFFERED,
		.use = 2,
		.line = 4,
		.amount = 300,
		.quantity = 1000,
		.code = "C",
		.label = "Café \"noir\"",
		.reward = "f",
		.title = "Un café",
		.till_reference = "K7"},
	{.kind = TB_ADJUST_LINE_DISCOUNT,
		.line = 1,
		.amount = 52,
		.reward = "p",
		.title = "p",
		.coupon = "K1"},
	{.kind = TB_ADJUST_TICKET_DISCOUNT,
		.use = 1,
		.amount = 9,
		.shares = shares,
		.n_shares = 3,
		.reward = "t",
		.title = "t"},
	{.kind = TB_ADJUST_TENDER,
		.tender = TB_TENDER_CASHBACK,
		.amount = 7,
		.reward = "c",
		.title = "c"},
	{.kind = TB_ADJUST_TENDER,
		.tender = TB_TENDER_WALLET,
		.amount = 8,
		.use = 3,
		.title = "Cagnotte"},
	{.kind = TB_ADJUST_TENDER,
		.tender = TB_TENDER_GIFT_CARD,
		.amount = 9,
		.use = 4,
		.gift_card = "G1"},
};

static const char adjustments_text[] =
	"{'adjustments':["
	"{'kind':'article_offered','line':4,'article':{'label':'Café "
	"\\\"noir\\\"','code':'C'},'quantity':1000,"
	"'amount':300,'reward':'f','title':'Un café','till_reference':'K7','use':2},"
	"{'kind':'line_discount','line':1,'amount':52,'reward':'p','title':'p','"
	"coupon':'K1',"
	"'use':0},"
	"{'kind':'ticket_discount','lines':[{'no':1,'amount':0},{'no':20,'amount':"
	"9223372036854775807},"
	"{'no':3,'amount':52}],'amount':9,'reward':'t','title':'t','use':1},"
	"{'kind':'tender','amount':7,'reward':'c','title':'c','use':0},"
	"{'kind':'tender','amount':8,'reward':'wallet','title':'Cagnotte','wallet':true,'use':3},"
	"{'kind':'tender','amount':9,'reward':'gift_card','title':'gift_card','gift_card':'G1','"
	"use':4}],"
	"'total_before':100,'total_after':90,'to_pay':80}";

static void
adjustments_there_and_back(void **state)
{
	struct tb_reckoning reckoning = {
		.adjustments = (struct tb_adjustment *)adjustments,
		.n_adjustments = ARRAY_SIZE(adjustments),
		.total_before = 100,
		.total_after = 90,
		.to_pay = 80,
	};
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0), again = TB_BUF_INIT(0);
	_cleanup_adjustment_list_ struct tb_adjustment_list list = {0};
	struct tb_jsonw w = TB_JSONW(&buf);
	_cleanup_json_ json_t *json = NULL;

	tb_jsonw_object(&w, NULL);
	tb_reckoning_write(&w, &reckoning);
	tb_jsonw_end_object(&w);
	assert_text(&buf, adjustments_text);
	json = json_loads(buf.data, 0, NULL);
	assert_non_null(json);
	assert_int_equal(tb_adjustments_from_json(json_object_get(json, "adjustments"), &list), 0);
	assert_int_equal(list.count, ARRAY_SIZE(adjustments));
	assert_int_equal(list.items[3].tender, TB_TENDER_CASHBACK);
	assert_int_equal(list.items[4].tender, TB_TENDER_WALLET);
	assert_int_equal(list.items[5].tender, TB_TENDER_GIFT_CARD);
	w = TB_JSONW(&again);
	reckoning.adjustments = list.items;
	tb_jsonw_object(&w, NULL);
	tb_reckoning_write(&w, &reckoning);
	tb_jsonw_end_object(&w);
	assert_string_equal(again.data, buf.data);
}

static void
no_list_of_adjustments(void **state)
{
	_cleanup_json_ json_t *bad = parse("[{'kind':'present','amount':5}]");
	_cleanup_json_ json_t *negative = parse("[{'kind':'tender','amount':-5}]");
	struct tb_adjustment_list list;

	assert_int_equal(tb_adjustments_from_json(bad, &list), -EINVAL);
	assert_int_equal(tb_adjustments_from_json(negative, &list), -EINVAL);
	assert_int_equal(tb_adjustments_from_json(NULL, &list), 0);
	assert_int_equal(list.count, 0);
	tb_adjustment_list_done(&list);
}

static void
refusals(void **state)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	struct tb_reckoning r = {
		.error = TB_ERROR_REWARD_NOT_APPLICABLE, .reason = TB_REASON_MIN_TICKET, .use = 1};

	tb_refusal_write(&buf, &r);
	assert_text(&buf, "{'use':1,'reason':'min_ticket'}");
	tb_buf_reset(&buf);
	r = (struct tb_reckoning){.error = TB_ERROR_INVALID_PARAMS, .customer_missing = true};
	tb_refusal_write(&buf, &r);
	assert_text(&buf, "{'errors':[{'pointer':'/customer','code':'missing'}]}");
}

static void
a_quote(void **state)
{
	struct tb_quoted_reward rewards[] = {
		{.id = "a",
			.title = "A",
			.kind = TB_REWARD_AMOUNT,
			.applicable = true,
			.automatic = true,
			.amount = 7,
			.cost_points = 5,
			.adjustments = &adjustments[3],
			.n_adjustments = 1},
		{.id = "b", .title = "B", .kind = TB_REWARD_GIFT, .reason = TB_REASON_HELD},
	};
	struct tb_quoted_coupon coupons[] = {
		{.code = "K", .error = TB_ERROR_COUPON_USED, .reward = "a"}};
	struct tb_quote quote = {
		.rewards = rewards,
		.n_rewards = 2,
		.coupons = coupons,
		.n_coupons = 1,
		.would_earn = {.points = 3, .reasons = {TB_REASON_CAPPED}, .n_reasons = 1},
		.total_after = 99,
	};
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);

	tb_quote_write(&buf, &quote);
	assert_text(&buf,
		"{'rewards':[{'id':'a','kind':'amount','title':'A','applicable':true,'auto':true,'"
		"amount':7,"
		"'cost_points':5,'adjustments':[{'kind':'tender','amount':7,'reward':'c','title':'"
		"c','use':0}]},"
		"{'id':'b','kind':'gift','title':'B','applicable':false,'reason':'held','auto':"
		"false,"
		"'amount':0,'cost_points':0,'adjustments':[]}],'coupons':[{'code':'K','reward':'a',"
		"'applicable':false,'reason':'coupon_used','amount':0}],'would_earn':{'points':3,'"
		"wallet':0,"
		"'reasons':['capped']},'total_after':99}");
}

/* ---- what was checked by nobody ---- */

static void
read_anything(json_t *json)
{
	_cleanup_faults_ struct tb_faults faults = {0};
	_cleanup_(tb_program_freep) struct tb_program *program = NULL;
	_cleanup_basket_lines_ struct tb_basket_lines strict = {0}, lax = {0};
	_cleanup_adjustment_list_ struct tb_adjustment_list list = {0};
	_cleanup_free_ struct tb_use *use = NULL;
	size_t n;
	int r;

	r = tb_program_from_json(json, NULL, "", &program, &faults);
	assert_true((r == 0) == (program != NULL));
	tb_basket_from_json(json, "", true, &strict, &faults);
	tb_basket_from_json(json, "", false, &lax, &faults);
	tb_uses_from_json(json, "", &use, &n, &faults);
	tb_adjustments_from_json(json_object_get(json, "adjustments"), &list);
}

/* Each of the texts with one byte after the other replaced by others: read, or refused. */
static void
any_json_is_read_or_refused(void **state)
{
	static const char *const texts[] = {program_text, basket_text, adjustments_text};
	static const char others[] = "0-\"[{n";
	unsigned n_read = 0;

	for (size_t t = 0; t < ARRAY_SIZE(texts); t++) {
		char text[4096];
		size_t len = strlen(texts[t]);

		for (size_t i = 0; i < len; i++)
			text[i] = texts[t][i] == '\'' ? '"' : texts[t][i];
		for (size_t i = 0; i < len; i++)
			for (const char *other = others; *other; other++) {
				char kept = text[i];
				json_t *json;

				text[i] = *other;
				json = json_loadb(text, len, 0, NULL);
				text[i] = kept;
				if (!json)
					continue;
				read_anything(json);
				n_read++;
				json_decref(json);
			}
	}
	assert_in_range(n_read, 1000, 100000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_with_a_program),
		cmocka_unit_test(currency_and_zone),
		cmocka_unit_test(a_whole_program),
		cmocka_unit_test(what_is_wrong_with_a_basket),
		cmocka_unit_test(a_whole_basket),
		cmocka_unit_test(a_passage_by_hand),
		cmocka_unit_test(uses),
		cmocka_unit_test(adjustments_there_and_back),
		cmocka_unit_test(no_list_of_adjustments),
		cmocka_unit_test(refusals),
		cmocka_unit_test(a_quote),
		cmocka_unit_test(any_json_is_read_or_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("shapes", tests, NULL, NULL);
}
