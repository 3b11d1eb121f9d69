/* SPDX-License-Identifier: MIT */
/*
 * What the front keeps of the server's answers and how it answers a look-up with it: who is found,
 * who is not, what is never written down, and how much is kept for how long.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "bridge/offline-cache.h"
#include "tests/unit/bridge/offline-stage.h"

#define DAY 86400

/* Who is known by everything; the id. Static. */
static const char *
somebody(struct offline_stage *f)
{
	static char id[64];

	snprintf(id, sizeof(id), "%s",
		text(served(f, "customer.create",
			     "{'key':'%s','card':'291234567','record':{'first_name':'Zoé',"
			     "'last_name':'Grandjean','birthday':'1980-02-03',"
			     "'street':'rue Haute 3','phones':['06 12 34 56 78'],"
			     "'emails':['zoe@example.org'],'external_refs':{'kezia':'K-991'}}}",
			     key()),
			"customer.id"));
	return id;
}

static void
found_by_everything(void **state)
{
	static const char *const names[] = {"'card':'291234567'", "'code':'291234567'",
		"'phone':'+33612345678'", "'phone':'06.12.34.56.78'", "'code':'0612345678'",
		"'email':'ZOE@example.org'", "'code':'zoe@example.org'", "'code':'K-991'"};
	struct offline_stage *f = *state;
	char id[64], token[64];
	json_t *r;

	snprintf(id, sizeof(id), "%s", somebody(f));
	r = served(f, "customer.lookup", "{'id':'%s'}", id);
	snprintf(token, sizeof(token), "%s", text(r, "customer.token"));
	stage_advance(f->server, 3600);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		r = alone(f, "customer.lookup", "{%s}", names[i]);
		assert_string_equal(text(r, "customer.id"), id);
	}
	assert_string_equal(
		text(alone(f, "customer.lookup", "{'code':'%s'}", token), "customer.id"), id);
	assert_string_equal(text(alone(f, "customer.lookup",
					 "{'code':'https://a.example/c/%s?x=1'}", token + 3),
				    "customer.id"),
		id);
	assert_string_equal(
		text(alone(f, "customer.lookup", "{'code':'%s'}", id), "customer.id"), id);
	r = alone(f, "customer.lookup", "{'id':'%s'}", id);
	assert_string_equal(text(r, "customer.first_name"), "Zoé");
	assert_null(json_object_get(json_object_get(r, "customer"), "last_name"));
	assert_true(json_is_true(member(r, "stale")));
	assert_string_equal(text(r, "as_of"), "2025-05-06T10:00:00Z");
	assert_int_equal(number(r, "balances.points"), 0);
	assert_int_equal(length(r, "rewards"), 0);
}

static void
not_cached_is_not_unknown(void **state)
{
	struct offline_stage *f = *state;

	assert_int_equal(
		alone_refused(f, "customer.lookup", "{'card':'1'}"), TB_ERROR_SERVER_UNREACHABLE);
	assert_int_equal(
		alone_refused(f, "customer.lookup", "{'id':'c_1'}"), TB_ERROR_SERVER_UNREACHABLE);
	assert_int_equal(
		alone_refused(f, "customer.search", "{'text':'zoe'}"), TB_ERROR_SERVER_UNREACHABLE);
	assert_int_equal(
		alone_refused(f, "gift_card.show", "{'number':'TBG-1'}"), TB_ERROR_OFFLINE_REFUSED);
}

static void
nothing_personal_on_disk(void **state)
{
	static const char *const secrets[] = {"291234567", "612345678", "12 34 56", "zoe@example",
		"K-991", "Grandjean", "1980", "Haute"};
	struct offline_stage *f = *state;
	char token[64], id[64];
	struct stat st;
	char path[96];

	snprintf(id, sizeof(id), "%s", somebody(f));
	snprintf(token, sizeof(token), "%s",
		text(served(f, "customer.lookup", "{'card':'291234567'}"), "customer.token"));
	served_refusal(f, "customer.lookup", "{'card':'7777123'}");
	settled(f);
	assert_true(on_disk(f, id));
	for (size_t i = 0; i < ARRAY_SIZE(secrets); i++)
		assert_false(on_disk(f, secrets[i]));
	assert_false(on_disk(f, token + 3));
	assert_false(on_disk(f, "7777123"));
	snprintf(path, sizeof(path), "%s/offline.key", f->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, 32);
}

static void
another_key_knows_nobody(void **state)
{
	struct offline_stage *f = *state;
	char path[96];

	somebody(f);
	settled(f);
	offline_restart(f);
	alone(f, "customer.lookup", "{'card':'291234567'}");
	snprintf(path, sizeof(path), "%s/offline.key", f->dir);
	assert_int_equal(unlink(path), 0);
	offline_restart(f);
	assert_int_equal(alone_refused(f, "customer.lookup", "{'card':'291234567'}"),
		TB_ERROR_SERVER_UNREACHABLE);
	assert_int_equal(in_state(f, "SELECT count(*) FROM offline_customer"), 0);
}

static void
cards_blocked_detached_and_moved(void **state)
{
	struct offline_stage *f = *state;
	char id[64], other[64];

	snprintf(id, sizeof(id), "%s", somebody(f));
	served(f, "card.attach", "{'key':'a','customer':'%s','card':'29777'}", id);
	alone(f, "customer.lookup", "{'card':'29777'}");
	served(f, "card.detach", "{'key':'d','customer':'%s','card':'29777','state':'blocked'}",
		id);
	assert_int_equal(
		alone_refused(f, "customer.lookup", "{'card':'29777'}"), TB_ERROR_CARD_BLOCKED);
	assert_int_equal(
		alone_refused(f, "customer.lookup", "{'code':'29777'}"), TB_ERROR_CARD_BLOCKED);
	/* Heard of only because the server refused it. */
	served(f, "card.attach", "{'key':'a2','customer':'%s','card':'29888'}", id);
	ok(f->server, "card.detach",
		"{'key':'d2','customer':'%s','card':'29888','state':'blocked'}", id);
	assert_int_equal(
		served_refusal(f, "customer.lookup", "{'card':'29888'}"), TB_ERROR_CARD_BLOCKED);
	assert_int_equal(
		alone_refused(f, "customer.lookup", "{'card':'29888'}"), TB_ERROR_CARD_BLOCKED);
	/* A card that went to somebody else leads to him alone. */
	served(f, "card.detach", "{'key':'d3','customer':'%s','card':'291234567'}", id);
	assert_int_equal(alone_refused(f, "customer.lookup", "{'card':'291234567'}"),
		TB_ERROR_SERVER_UNREACHABLE);
	snprintf(other, sizeof(other), "%s",
		text(served(f, "customer.create",
			     "{'key':'o','card':'291234567','record':{'first_name':'Ali'}}"),
			"customer.id"));
	assert_string_equal(
		text(alone(f, "customer.lookup", "{'card':'291234567'}"), "customer.id"), other);
}

static void
who_is_gone_is_forgotten(void **state)
{
	struct offline_stage *f = *state;
	char id[64];

	snprintf(id, sizeof(id), "%s", somebody(f));
	alone(f, "customer.lookup", "{'id':'%s'}", id);
	ok(f->server, "customer.delete", "{'key':'x','id':'%s'}", id);
	assert_int_equal(
		served_refusal(f, "customer.lookup", "{'id':'%s'}", id), TB_ERROR_CUSTOMER_UNKNOWN);
	assert_int_equal(alone_refused(f, "customer.lookup", "{'id':'%s'}", id),
		TB_ERROR_SERVER_UNREACHABLE);
	assert_int_equal(alone_refused(f, "customer.lookup", "{'card':'291234567'}"),
		TB_ERROR_SERVER_UNREACHABLE);
	assert_int_equal(in_state(f, "SELECT count(*) FROM offline_name"), 0);
}

static void
a_shared_phone(void **state)
{
	struct offline_stage *f = *state;
	json_t *r;

	somebody(f);
	alone(f, "customer.lookup", "{'phone':'0612345678'}");
	ok(f->server, "customer.create",
		"{'key':'b','record':{'first_name':'Ali','phones':['0612345678']}}");
	assert_int_equal(served_refusal(f, "customer.lookup", "{'phone':'0612345678'}"),
		TB_ERROR_CUSTOMER_AMBIGUOUS);
	assert_int_equal(alone_refused(f, "customer.lookup", "{'phone':'0612345678'}"),
		TB_ERROR_CUSTOMER_AMBIGUOUS);
	r = f->last.json;
	assert_int_equal(length(r, "candidates"), 1);
	assert_string_equal(text(r, "candidates.0.first_name"), "Zoé");
	/* Of two that are cached both are offered. */
	served(f, "customer.lookup", "{'card':'291234567'}");
	served(f, "customer.create",
		"{'key':'c','record':{'first_name':'Eve','phones':['0612345678']}}");
	assert_int_equal(alone_refused(f, "customer.lookup", "{'phone':'0612345678'}"),
		TB_ERROR_CUSTOMER_AMBIGUOUS);
	assert_int_equal(length(f->last.json, "candidates"), 2);
}

static void
balances_follow_the_passages(void **state)
{
	struct offline_stage *f = *state;
	char id[64];
	json_t *r;

	program(f->server, "'earning':{'per_amount':{'points':1,'amount':100}},"
			   "'points_expire_days':10");
	snprintf(id, sizeof(id), "%s", somebody(f));
	served(f, "account.adjust",
		"{'key':'w','customer':'%s','unit':'wallet','delta':350,'reason':'x'}", id);
	served(f, "passage.post",
		"{'sale':'S1','occurred_at':'2025-05-06T10:00:00Z','customer':'%s','lines':[{'no':"
		"1,"
		"'article':{'code':'A'},'quantity':1000,'unit_price':1000,'total':1000}],"
		"'total':1000}",
		id);
	r = alone(f, "customer.lookup", "{'id':'%s'}", id);
	assert_int_equal(number(r, "balances.points"), 10);
	assert_int_equal(number(r, "balances.wallet"), 350);
	assert_int_equal(number(r, "balances.passages"), 1);
	assert_string_equal(text(r, "last_passage.sale"), "S1");
	assert_int_equal(length(r, "balances.expiring"), 1);
	/* The lot ends while nobody is there to write it down. */
	stage_advance(f->server, 12 * DAY);
	r = alone(f, "customer.lookup", "{'id':'%s'}", id);
	assert_int_equal(number(r, "balances.points"), 0);
	assert_int_equal(number(r, "balances.points_available"), 0);
	assert_int_equal(length(r, "balances.expiring"), 0);
}

static void
too_old_is_no_answer(void **state)
{
	struct offline_stage *f = *state;

	somebody(f);
	stage_advance(f->server, 29 * DAY);
	alone(f, "customer.lookup", "{'card':'291234567'}");
	stage_advance(f->server, 2 * DAY);
	assert_int_equal(alone_refused(f, "customer.lookup", "{'card':'291234567'}"),
		TB_ERROR_SERVER_UNREACHABLE);
	/* He comes again, and is learnt again over the old row. */
	served(f, "customer.lookup", "{'card':'291234567'}");
	alone(f, "customer.lookup", "{'card':'291234567'}");
	assert_int_equal(in_state(f, "SELECT count(*) FROM offline_customer"), 1);
	stage_advance(f->server, 32 * DAY);
	served(f, "customer.create", "{'key':'n','record':{'first_name':'Neu'}}");
	settled(f);
	assert_int_equal(in_state(f, "SELECT count(*) FROM offline_customer"), 1);
	assert_int_equal(in_state(f, "SELECT count(*) FROM offline_name"), 1);
}

static void
not_more_than_there_is_room_for(void **state)
{
	static const char answer[] =
		"{\"customer\":{\"id\":\"c_%d\",\"first_name\":\"N\",\"token\":"
		"\"TB:%d\",\"revision\":1},\"balances\":{\"points\":1}}";
	static const char fill[] =
		"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 49899)"
		" INSERT INTO offline_customer(id, as_of, pending, contact, names, body)"
		" SELECT 'c_' || i, 1746525540000000 + i, 0, 0, 0, '{}' FROM n;"
		"INSERT INTO offline_name SELECT CAST(printf('%016d', seq) AS BLOB), seq, 0"
		" FROM offline_customer";
	struct offline_stage *f = *state;
	json_t *params = json_object();
	char json[256];

	assert_int_equal(
		sqlite3_exec(tb_state_db(f->bridge.state), fill, NULL, NULL, NULL), SQLITE_OK);
	offline_restart(f);
	assert_int_equal(in_state(f, "SELECT count(*) FROM offline_customer"), 49900);
	for (int i = 49900; i < TB_OFFLINE_CUSTOMERS_MAX + 300; i++) {
		int n = snprintf(json, sizeof(json), answer, i, i);

		tb_offline_learn(f->offline,
			&(struct tb_call){.op = TB_OP_CUSTOMER_CREATE, .params = params}, json,
			(size_t)n);
		if (i % 100 == 99)
			stage_advance(f->server, 2);
	}
	settled(f);
	assert_int_equal(
		in_state(f, "SELECT count(*) FROM offline_customer"), TB_OFFLINE_CUSTOMERS_MAX);
	assert_int_equal(
		in_state(f, "SELECT count(*) FROM offline_name"), TB_OFFLINE_CUSTOMERS_MAX);
	assert_int_equal(in_state(f, "SELECT min(seq) FROM offline_customer"), 301);
	json_decref(params);
}

static void
a_look_up_costs_no_transaction(void **state)
{
	struct offline_stage *f = *state;
	char id[64];
	int64_t changes;

	snprintf(id, sizeof(id), "%s", somebody(f));
	settled(f);
	changes = in_state(f, "SELECT total_changes()");
	for (int i = 0; i < 50; i++)
		served(f, "customer.lookup", "{'id':'%s'}", id);
	/* Nothing is open, nothing is written: the answers wait for a quiet moment. */
	assert_true(sqlite3_get_autocommit(tb_state_db(f->bridge.state)));
	assert_int_equal(in_state(f, "SELECT total_changes()"), changes);
	settled(f);
	assert_int_equal(in_state(f, "SELECT count(*) FROM offline_customer"), 1);
}

static void
made_and_changed_offline(void **state)
{
	struct offline_stage *f = *state;
	json_t *r;

	queued(f, "customer.create",
		"{'key':'k','id':'c_new1','card':'29555','record':{'first_name':'Ida',"
		"'last_name':'Grandjean','emails':['ida@example.org']}}");
	r = alone(f, "customer.lookup", "{'card':'29555'}");
	assert_string_equal(text(r, "customer.id"), "c_new1");
	assert_string_equal(text(r, "customer.first_name"), "Ida");
	assert_int_equal(number(r, "balances.points"), 0);
	assert_true(json_is_true(member(r, "stale")));
	/* The server does not know her yet, and is not believed about it. */
	served_refusal(f, "customer.lookup", "{'id':'c_new1'}");
	alone(f, "customer.lookup", "{'email':'ida@example.org'}");
	queued(f, "card.attach", "{'key':'a','customer':'c_new1','card':'29556'}");
	assert_string_equal(
		text(alone(f, "customer.lookup", "{'code':'29556'}"), "customer.id"), "c_new1");
	queued(f, "customer.update",
		"{'key':'u','id':'c_new1','revision':1,'record':{'first_name':'Idun',"
		"'phones':['0711111111']}}");
	r = alone(f, "customer.lookup", "{'phone':'0711111111'}");
	assert_string_equal(text(r, "customer.first_name"), "Idun");
	/* Made, then a card, then a change: as the server will count it. */
	assert_int_equal(number(r, "customer.revision"), 3);
	settled(f);
	assert_false(on_disk(f, "Grandjean"));
	offline_restart(f);
	alone(f, "customer.lookup", "{'card':'29556'}");
}

static bool
knows_better(struct offline_stage *f, const char *method, const char *params)
{
	json_t *json = stage_json("%s", params);
	struct tb_call call = {
		.op = strcmp(method, "reward.quote") == 0 ? TB_OP_REWARD_QUOTE
	                                                  : TB_OP_CUSTOMER_LOOKUP,
		.params = json,
	};
	bool better = tb_offline_knows_better(f->offline, &call, TB_ERROR_CUSTOMER_UNKNOWN);

	json_decref(json);
	return better;
}

/* The link is back before the outbox is empty. */
static void
not_known_to_the_server_yet(void **state)
{
	struct offline_stage *f = *state;
	const char *id = somebody(f);

	queued(f, "customer.create",
		"{'key':'k','id':'c_new1','card':'29555','record':{'first_name':'Ida'}}");
	queued(f, "card.attach", "{'key':'a','customer':'%s','card':'29556'}", id);
	assert_true(knows_better(f, "customer.lookup", "{'card':'29555'}"));
	assert_true(knows_better(f, "customer.lookup", "{'code':'c_new1'}"));
	assert_true(knows_better(f, "customer.lookup", "{'card':'29556'}"));
	assert_true(knows_better(f, "reward.quote", "{'customer':'c_new1'}"));
	assert_false(knows_better(f, "customer.lookup", "{'card':'291234567'}"));
	assert_false(knows_better(f, "customer.lookup", "{'card':'1'}"));
	/* What it says of them meanwhile is not believed. */
	served_refusal(f, "customer.lookup", "{'card':'29555'}");
	served_refusal(f, "customer.lookup", "{'card':'29556'}");
	served(f, "customer.lookup", "{'id':'%s'}", id);
	alone(f, "customer.lookup", "{'card':'29555'}");
	alone(f, "customer.lookup", "{'card':'29556'}");
	/* Delivered: it is as with every other. */
	served(f, "card.attach", "{'key':'a','customer':'%s','card':'29556'}", id);
	alone(f, "customer.lookup", "{'card':'29556'}");
	assert_false(knows_better(f, "customer.lookup", "{'card':'29556'}"));
	/* Refused for good: somebody else has the card. */
	ok(f->server, "customer.create",
		"{'key':'x','card':'29555','record':{'first_name':'Ali'}}");
	served_refusal(f, "customer.create",
		"{'key':'k','id':'c_new1','card':'29555','record':{'first_name':'Ida'}}");
	assert_int_equal(alone_refused(f, "customer.lookup", "{'card':'29555'}"),
		TB_ERROR_SERVER_UNREACHABLE);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, offline_setup, offline_teardown)
	const struct CMUnitTest tests[] = {
		TEST(found_by_everything),
		TEST(not_cached_is_not_unknown),
		TEST(nothing_personal_on_disk),
		TEST(another_key_knows_nobody),
		TEST(cards_blocked_detached_and_moved),
		TEST(who_is_gone_is_forgotten),
		TEST(a_shared_phone),
		TEST(balances_follow_the_passages),
		TEST(too_old_is_no_answer),
		TEST(not_more_than_there_is_room_for),
		TEST(a_look_up_costs_no_transaction),
		TEST(made_and_changed_offline),
		TEST(not_known_to_the_server_yet),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
