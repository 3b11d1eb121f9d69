/* SPDX-License-Identifier: MIT */
/* Customers: records, cards, look-up, search, comparison, import, merge, deletion, history. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/ledger/stage.h"

#define EARNING "'earning':{'per_amount':{'points':1,'amount':100}}"

/* A copy that the next call does not take away. */
static char *
keep(const char *text)
{
	char *copy = strdup(text);

	assert_non_null(copy);
	return copy;
}

static char *create(struct stage *s, const char *record, ...) TB_PRINTF(2, 3);

static char *
create(struct stage *s, const char *record, ...)
{
	va_list args;
	char *more, *id;

	va_start(args, record);
	assert_true(vasprintf(&more, record, args) >= 0);
	va_end(args);
	id = keep(text(ok(s, "customer.create", "{'key':'%s','record':{%s}}", key(), more),
		"customer.id"));
	free(more);
	return id;
}

/* ---- create ------------------------------------------------------------------------------- */

static void
test_create_cleans_the_record(void **state)
{
	struct stage *s = *state;
	json_t *c = member(
		ok(s, "customer.create",
			"{'key':'k1','record':{'first_name':'E\\u0301lodie','kind':'pro',"
			"'phones':['06 12 34 56 78','+33612345678'],"
			"'emails':['Elodie@Example.FR'],'birthday':'1990-02-28','groups':['vip'],"
			"'consents':{'sms':{'granted':true}},'external_refs':{'popina':'17'}}}"),
		"customer");

	assert_memory_equal(text(c, "id"), "c_", 2);
	assert_memory_equal(text(c, "token"), "TB:", 3);
	assert_int_equal(strlen(text(c, "token")), 19);
	assert_int_equal(number(c, "revision"), 1);
	assert_string_equal(text(c, "first_name"), "Élodie");
	assert_int_equal(length(c, "phones"), 1);
	assert_string_equal(text(c, "phones.0"), "+33612345678");
	assert_string_equal(text(c, "emails.0"), "elodie@example.fr");
	assert_true(json_is_true(member(c, "consents.sms.granted")));
	assert_non_null(member(c, "consents.sms.at"));
	assert_int_equal(number(s->last.json, "balances.points"), 0);
	assert_string_equal(text(s->last.json, "balances.currency"), "EUR");
	assert_string_equal(s->last.changed, text(c, "id"));
}

static void
test_create_refuses_nonsense(void **state)
{
	struct stage *s = *state;

	assert_int_equal(refused(s, "customer.create",
				 "{'key':'k1','record':{'phones':['12'],'emails':['x'],'birthday':'"
				 "2025-02-30',"
				 "'colour':'red'}}"),
		TB_ERROR_INVALID_PARAMS);
	assert_int_equal(length(s->last.json, "errors"), 4);
	assert_string_equal(text(s->last.json, "errors.0.pointer"), "/record/phones/0");
	assert_string_equal(text(s->last.json, "errors.0.code"), "bad_phone");
	assert_string_equal(text(s->last.json, "errors.1.pointer"), "/record/emails/0");
	assert_string_equal(text(s->last.json, "errors.2.pointer"), "/record/birthday");
	assert_string_equal(text(s->last.json, "errors.3.pointer"), "/record/colour");
	/* A refusal stores no key. */
	ok(s, "customer.create", "{'key':'k1','record':{'first_name':'Anne'}}");
}

static void
test_create_with_cards(void **state)
{
	struct stage *s = *state;
	char *a = keep(
		text(ok(s, "customer.create",
			     "{'key':'k1','record':{'first_name':'Anne'},'card':'2912000000017'}"),
			"customer.id"));

	assert_string_equal(text(s->last.json, "customer.cards.0.number"), "2912000000017");
	assert_int_equal(
		refused(s, "customer.create",
			"{'key':'k2','record':{'first_name':'Zoe'},'card':'2912000000017'}"),
		TB_ERROR_CONFLICT);
	assert_string_equal(text(s->last.json, "errors.0.pointer"), "/card");
	assert_int_equal(
		refused(s, "customer.create",
			"{'key':'k2','record':{'first_name':'Zoe','cards':[{'number':'77'},"
			"{'number':'2912000000017'}]}}"),
		TB_ERROR_CONFLICT);
	assert_string_equal(text(s->last.json, "errors.0.pointer"), "/record/cards/1/number");
	/* All or nothing: the first card of the refused record is not known. */
	assert_int_equal(refused(s, "customer.lookup", "{'card':'77'}"), TB_ERROR_CUSTOMER_UNKNOWN);
	assert_string_equal(
		text(ok(s, "customer.lookup", "{'card':'2912000000017'}"), "customer.id"), a);
	free(a);
}

static void
test_drawn_cards(void **state)
{
	struct stage *s = *state;
	char seen[50][16];

	for (int i = 0; i < 50; i++) {
		const char *card = text(
			ok(s, "customer.create", "{'key':'d%d','record':{},'draw_card':true}", i),
			"customer.cards.0.number");
		unsigned sum = 0;

		assert_int_equal(strlen(card), 11);
		assert_int_equal(strspn(card, "0123456789"), 11);
		assert_memory_equal(card, "29", 2);
		for (int k = 0; k < 11; k++) {
			unsigned d = (unsigned)(card[10 - k] - '0') * (k % 2 ? 2 : 1);

			sum += d > 9 ? d - 9 : d;
		}
		assert_int_equal(sum % 10, 0);
		strcpy(seen[i], card);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(seen[k], card);
	}
}

static void
test_profile_bonus_once(void **state)
{
	struct stage *s = *state;
	char *id;

	program(s, EARNING ",'profile_bonus':{'fields':['birthday','phones'],'points':50}");
	id = create(s, "'first_name':'Anne'");
	assert_int_equal(points(s, id), 0);
	ok(s, "customer.update",
		"{'key':'%s','id':'%s','revision':1,'record':{'birthday':'1990-05-01'}}", key(),
		id);
	assert_int_equal(number(s->last.json, "balances.points"), 0);
	ok(s, "customer.update",
		"{'key':'%s','id':'%s','revision':2,'record':{'phones':['0612345678']}}", key(),
		id);
	assert_int_equal(number(s->last.json, "balances.points"), 50);
	/* Emptied and filled again: once an account. */
	ok(s, "customer.update", "{'key':'%s','id':'%s','revision':3,'record':{'phones':[]}}",
		key(), id);
	ok(s, "customer.update",
		"{'key':'%s','id':'%s','revision':4,'record':{'phones':['0612345678']}}", key(),
		id);
	assert_int_equal(number(s->last.json, "balances.points"), 50);
	free(id);
}

static void
test_sponsorship(void **state)
{
	struct stage *s = *state;
	char *old = create(s, "'first_name':'Anne'"), *new;

	program(s, EARNING ",'min_delay_s':3600,"
			   "'sponsorship':{'sponsor_points':30,'newcomer_points':10}");
	assert_int_equal(refused(s, "customer.create",
				 "{'key':'x','record':{'first_name':'Zoe'},'sponsor':'c_zzz'}"),
		TB_ERROR_CUSTOMER_UNKNOWN);
	new = keep(text(ok(s, "customer.create",
				"{'key':'x','record':{'first_name':'Zoe'},'sponsor':'%s'}", old),
		"customer.id"));
	sale(s, "S1", new, "2025-05-06T10:00:00+02:00", 1000);
	assert_int_equal(points(s, new), 20);
	assert_int_equal(points(s, old), 30);
	sale(s, "S2", new, "2025-05-06T12:00:00+02:00", 1000);
	assert_int_equal(points(s, new), 30);
	assert_int_equal(points(s, old), 30);
	ok(s, "passage.reverse", "{'key':'v1','sale':'S2','kind':'void'}");
	ok(s, "passage.reverse", "{'key':'v2','sale':'S1','kind':'void'}");
	assert_int_equal(points(s, new), 0);
	assert_int_equal(points(s, old), 0);
	/* The first counted passage is the next one. */
	sale(s, "S3", new, "2025-05-06T14:00:00+02:00", 1000);
	assert_int_equal(points(s, new), 20);
	assert_int_equal(points(s, old), 30);
	free(old);
	free(new);
}

/* ---- update ------------------------------------------------------------------------------- */

static void
test_update_and_stale_revision(void **state)
{
	struct stage *s = *state;
	char *id = create(s, "'first_name':'Anne','last_name':'Durand','phones':['0612345678'],"
			     "'external_refs':{'popina':'17'}");
	json_t *c;

	c = member(ok(s, "customer.update",
			   "{'key':'u1','id':'%s','revision':1,'record':{'last_name':'Martin','"
			   "phones':[],"
			   "'external_refs':{'kezia':'A'}}}",
			   id),
		"customer");
	assert_int_equal(number(c, "revision"), 2);
	assert_string_equal(text(c, "first_name"), "Anne");
	assert_string_equal(text(c, "last_name"), "Martin");
	assert_int_equal(length(c, "phones"), 0);
	assert_string_equal(text(c, "external_refs.popina"), "17");
	assert_string_equal(text(c, "external_refs.kezia"), "A");
	assert_int_equal(
		refused(s, "customer.lookup", "{'phone':'0612345678'}"), TB_ERROR_CUSTOMER_UNKNOWN);

	assert_int_equal(
		refused(s, "customer.update",
			"{'key':'u2','id':'%s','revision':1,'record':{'city':'Lyon'}}", id),
		TB_ERROR_CONFLICT);
	assert_string_equal(text(s->last.json, "customer.last_name"), "Martin");
	assert_int_equal(
		refused(s, "customer.update", "{'key':'u3','id':'c_404','revision':1,'record':{}}"),
		TB_ERROR_CUSTOMER_UNKNOWN);
	/* The first answer again, whatever came after. */
	ok(s, "customer.update", "{'key':'u4','id':'%s','revision':2,'record':{'city':'Lyon'}}",
		id);
	ok(s, "customer.update",
		"{'record':{'phones':[],'external_refs':{'kezia':'A'},'last_name':'Martin'},"
		"'revision':1,'id':'%s','key':'u1'}",
		id);
	assert_int_equal(number(s->last.json, "customer.revision"), 2);
	assert_int_equal(
		refused(s, "customer.update",
			"{'key':'u1','id':'%s','revision':1,'record':{'city':'Lyon'}}", id),
		TB_ERROR_IDEMPOTENCY_CONFLICT);
	free(id);
}

static void
test_contact_and_kind_follow_the_record(void **state)
{
	struct stage *s = *state;
	char *id = create(s, "'first_name':'Anne'");
	const char *quote = "{'sale':'S1','customer':'%s','codes':[],'basket':{%s}}";

	program(s, EARNING
		",'rewards':[{'id':'c','kind':'amount','title':'c','value':100,"
		"'contact_required':true},{'id':'p','kind':'amount','title':'p','value':100,"
		"'pro_only':true}]");
	assert_string_equal(
		text(ok(s, "reward.quote", quote, id, basket(1000)), "rewards.0.reason"),
		"contact_required");
	assert_string_equal(text(s->last.json, "rewards.1.reason"), "pro_only");
	assert_int_equal(length(ok(s, "customer.lookup", "{'id':'%s'}", id), "rewards"), 0);
	ok(s, "customer.update",
		"{'key':'u','id':'%s','revision':1,'record':{'emails':['a@example.fr'],'kind':'pro'"
		"}}",
		id);
	ok(s, "reward.quote", quote, id, basket(1000));
	assert_true(json_is_true(member(s->last.json, "rewards.0.applicable")));
	assert_true(json_is_true(member(s->last.json, "rewards.1.applicable")));
	assert_int_equal(length(ok(s, "customer.lookup", "{'id':'%s'}", id), "rewards"), 2);
	free(id);
}

/* ---- cards -------------------------------------------------------------------------------- */

static void
test_attach_and_detach(void **state)
{
	struct stage *s = *state;
	char *a = create(s, "'first_name':'Anne'"), *z = create(s, "'first_name':'Zoe'");
	json_t *r;

	r = ok(s, "card.attach", "{'key':'1','customer':'%s','card':'A1','symbology':'qr'}", a);
	assert_string_equal(text(r, "customer.cards.0.number"), "A1");
	assert_string_equal(text(r, "customer.cards.0.symbology"), "qr");
	assert_int_equal(number(r, "customer.revision"), 2);
	assert_int_equal(refused(s, "card.attach", "{'key':'2','customer':'%s','card':'A1'}", z),
		TB_ERROR_CONFLICT);
	/* His own once more is no conflict. */
	r = ok(s, "card.attach", "{'key':'3','customer':'%s','card':'A1'}", a);
	assert_int_equal(length(r, "customer.cards"), 1);
	assert_int_equal(refused(s, "card.attach", "{'key':'4','customer':'c_1','card':'B'}"),
		TB_ERROR_CUSTOMER_UNKNOWN);

	assert_int_equal(refused(s, "card.detach", "{'key':'5','customer':'%s','card':'A1'}", z),
		TB_ERROR_CONFLICT);
	assert_int_equal(refused(s, "card.detach", "{'key':'6','customer':'%s','card':'never'}", a),
		TB_ERROR_CUSTOMER_UNKNOWN);
	r = ok(s, "card.detach", "{'key':'7','customer':'%s','card':'A1'}", a);
	assert_int_equal(length(r, "customer.cards"), 0);
	assert_int_equal(refused(s, "customer.lookup", "{'card':'A1'}"), TB_ERROR_CARD_UNASSIGNED);
	assert_int_equal(refused(s, "customer.lookup", "{'code':'A1'}"), TB_ERROR_CARD_UNASSIGNED);
	assert_int_equal(refused(s, "card.detach", "{'key':'8','customer':'%s','card':'A1'}", a),
		TB_ERROR_CARD_UNASSIGNED);
	/* A free one is taken by the next. */
	ok(s, "card.attach", "{'key':'9','customer':'%s','card':'A1'}", z);
	ok(s, "card.detach", "{'key':'10','customer':'%s','card':'A1','state':'lost'}", z);
	assert_int_equal(refused(s, "customer.lookup", "{'card':'A1'}"), TB_ERROR_CARD_BLOCKED);
	assert_int_equal(refused(s, "card.attach", "{'key':'11','customer':'%s','card':'A1'}", a),
		TB_ERROR_CARD_BLOCKED);
	free(a);
	free(z);
}

/* ---- look-up ------------------------------------------------------------------------------ */

static void
test_lookup_by_everything(void **state)
{
	struct stage *s = *state;
	char *id = create(s,
		"'first_name':'Anne','phones':['0612345678'],'emails':['anne@example.fr'],"
		"'cards':[{'number':'4012'}],'external_refs':{'popina':'R-17'}");
	char *token = keep(text(ok(s, "customer.lookup", "{'id':'%s'}", id), "customer.token"));
	const char *const same[] = {"{'card':'4012'}", "{'code':'4012'}",
		"{'phone':'06.12.34.56.78'}", "{'phone':'+33 6 12 34 56 78'}",
		"{'phone':'0033612345678'}", "{'email':'ANNE@example.fr'}",
		"{'code':'anne@example.fr'}", "{'code':'0612345678'}", "{'code':'R-17'}"};

	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		assert_string_equal(
			text(ok(s, "customer.lookup", "%s", same[i]), "customer.id"), id);
	assert_string_equal(
		text(ok(s, "customer.lookup", "{'code':'%s'}", token), "customer.id"), id);
	assert_string_equal(text(ok(s, "customer.lookup", "{'code':'%s'}", id), "customer.id"), id);
	assert_string_equal(
		text(ok(s, "customer.lookup", "{'code':'https://club.example/c/%s'}", token + 3),
			"customer.id"),
		id);
	assert_string_equal(
		text(ok(s, "customer.lookup", "{'code':'https://club.example/c/%s?x=1'}", token),
			"customer.id"),
		id);
	assert_int_equal(
		refused(s, "customer.lookup", "{'code':'TB:NOBODY'}"), TB_ERROR_CUSTOMER_UNKNOWN);
	assert_int_equal(
		refused(s, "customer.lookup", "{'code':'R-1'}"), TB_ERROR_CUSTOMER_UNKNOWN);
	assert_int_equal(
		refused(s, "customer.lookup", "{'email':'nonsense'}"), TB_ERROR_CUSTOMER_UNKNOWN);
	assert_int_equal(refused(s, "customer.lookup", "{'id':'r_17'}"), TB_ERROR_CUSTOMER_UNKNOWN);
	free(id);
	free(token);
}

static void
test_lookup_is_ambiguous_never_a_guess(void **state)
{
	struct stage *s = *state;
	char *a = create(s, "'first_name':'Anne','last_name':'Durand','phones':['0612345678']");
	char *b = create(s, "'first_name':'Bob','phones':['0612345678']");

	assert_int_equal(refused(s, "customer.lookup", "{'phone':'0612345678'}"),
		TB_ERROR_CUSTOMER_AMBIGUOUS);
	assert_int_equal(length(s->last.json, "candidates"), 2);
	assert_string_equal(text(s->last.json, "candidates.0.id"), a);
	assert_string_equal(text(s->last.json, "candidates.0.last_name"), "Durand");
	assert_null(member(s->last.json, "candidates.1.last_name"));
	/* Nothing but what tells them apart. */
	assert_null(member(s->last.json, "candidates.0.phones"));
	free(a);
	free(b);
}

static void
test_lookup_shows_the_account(void **state)
{
	struct stage *s = *state;
	char *id = create(s, "'first_name':'Anne'");
	json_t *r;

	program(s,
		EARNING ",'rewards':[{'id':'cheap','kind':'amount','title':'-1','value':100,"
			"'cost_points':10},{'id':'dear','kind':'percent','title':'-10%%','bp':1000,"
			"'cost_points':1000},{'id':'third','kind':'gift','title':'mug',"
			"'every_n_passages':3},{'id':'elsewhere','kind':'gift','title':'x',"
			"'sites':['paris-9']}]");
	r = ok(s, "customer.lookup", "{'id':'%s'}", id);
	assert_int_equal(length(r, "rewards"), 0);
	assert_null(member(r, "last_passage"));
	sale(s, "S1", id, "2025-05-05T10:00:00+02:00", 2500);
	sale(s, "S2", id, "2025-05-06T10:00:00+02:00", 100);
	r = ok(s, "customer.lookup", "{'id':'%s'}", id);
	assert_int_equal(number(r, "balances.points"), 26);
	assert_int_equal(number(r, "balances.passages"), 2);
	assert_int_equal(number(r, "progress.0.count"), 2);
	assert_int_equal(number(r, "progress.0.of"), 3);
	assert_int_equal(length(r, "rewards"), 2);
	assert_string_equal(text(r, "rewards.0.id"), "cheap");
	assert_false(json_is_true(member(r, "rewards.0.auto")));
	assert_string_equal(text(r, "rewards.1.id"), "third");
	assert_true(json_is_true(member(r, "rewards.1.auto")));
	assert_string_equal(text(r, "last_passage.sale"), "S2");
	assert_string_equal(text(r, "last_passage.occurred_at"), "2025-05-06T10:00:00+02:00");
	/* One that was posted late is not the last. */
	sale(s, "S0", id, "2025-05-01T10:00:00+02:00", 100);
	r = ok(s, "customer.lookup", "{'id':'%s'}", id);
	assert_string_equal(text(r, "last_passage.sale"), "S2");
	ok(s, "passage.reverse", "{'key':'v','sale':'S2','kind':'void'}");
	r = ok(s, "customer.lookup", "{'id':'%s'}", id);
	assert_string_equal(text(r, "last_passage.sale"), "S1");
	free(id);
}

/* ---- search ------------------------------------------------------------------------------- */

static size_t
found(struct stage *s, const char *words)
{
	return length(ok(s, "customer.search", "{'text':'%s'}", words), "customers");
}

static void
test_search_folds_and_narrows(void **state)
{
	struct stage *s = *state;
	char *a = create(s, "'first_name':'Éléonore','last_name':'Dürrenmatt',"
			    "'city':'Lyon','phones':['0612345678'],'emails':['eleo.d@example.fr']");
	char *b = create(s, "'first_name':'Jean-Pierre','last_name':'Dupont','city':'Lyon',"
			    "'cards':[{'number':'29000017'}],'external_refs':{'popina':'4711'}");
	char *z = create(s, "'first_name':'Zoë','last_name':'O’Brien','city':'Genève'");

	assert_int_equal(found(s, "eleonore"), 1);
	assert_int_equal(found(s, "ÉLÉO"), 1);
	assert_int_equal(found(s, "durren"), 1);
	assert_int_equal(found(s, "lyon"), 2);
	assert_int_equal(found(s, "lyon d"), 2);
	assert_int_equal(found(s, "dup lyon"), 1);
	assert_int_equal(found(s, "lyon jean pierre"), 1);
	assert_int_equal(found(s, "jean-pierre"), 1);
	assert_int_equal(found(s, "brien"), 1);
	assert_int_equal(found(s, "o-brien"), 1);
	assert_int_equal(found(s, "geneve zoe"), 1);
	assert_int_equal(found(s, "lyon zoe"), 0);
	assert_int_equal(found(s, "eleo.d@example.fr"), 1);
	assert_int_equal(found(s, "06 12 34"), 1);
	assert_int_equal(found(s, "+33 6 12"), 1);
	assert_int_equal(found(s, "0033612"), 1);
	assert_int_equal(found(s, "612"), 0);
	assert_int_equal(found(s, "29000017"), 1);
	assert_int_equal(found(s, "4711"), 1);
	assert_int_equal(found(s, "dupont 2900"), 1);
	assert_int_equal(found(s, "dupont 061"), 0);
	assert_int_equal(found(s, "nobody"), 0);
	assert_int_equal(found(s, " -- "), 0);
	assert_string_equal(
		text(ok(s, "customer.search", "{'text':'dupont'}"), "customers.0.id"), b);
	free(a);
	free(b);
	free(z);
}

static void
test_search_pages(void **state)
{
	struct stage *s = *state;
	bool seen[30] = {};
	char cursor[128] = "";
	int pages = 0, n = 0;

	/* Two of their words begin alike: each is still found once. */
	for (int i = 0; i < 30; i++)
		free(create(s, "'first_name':'Annette','last_name':'Anne%02d'", i));
	do {
		json_t *r = *cursor ? ok(s, "customer.search",
					      "{'text':'anne','limit':7,'cursor':'%s'}", cursor)
		                    : ok(s, "customer.search", "{'text':'anne','limit':7}");
		json_t *c;
		size_t i;

		json_array_foreach(member(r, "customers"), i, c) {
			int who = atoi(text(c, "last_name") + 4);

			assert_false(seen[who]);
			seen[who] = true;
			n++;
		}
		snprintf(
			cursor, sizeof(cursor), "%s", member(r, "cursor") ? text(r, "cursor") : "");
		pages++;
	} while (*cursor);
	assert_int_equal(n, 30);
	assert_in_range(pages, 5, 6);
}

static void
test_search_follows_updates(void **state)
{
	struct stage *s = *state;
	char *id = create(s, "'first_name':'Anne','last_name':'Durand'");

	ok(s, "customer.update",
		"{'key':'u','id':'%s','revision':1,'record':{'last_name':'Martin'}}", id);
	assert_int_equal(found(s, "durand"), 0);
	assert_int_equal(found(s, "martin"), 1);
	assert_int_equal(found(s, "anne"), 1);
	free(id);
}

/* ---- compare ------------------------------------------------------------------------------ */

static void
test_compare(void **state)
{
	struct stage *s = *state;
	char *id = create(s, "'first_name':'Élodie','last_name':'Durand','phones':['0612345678'],"
			     "'consents':{'sms':{'granted':true,'at':'2024-01-01T00:00:00Z'}}");
	json_t *r;

	r = ok(s, "customer.compare",
		"{'id':'%s','record':{'first_name':'  E\\u0301LODIE','phones':['+33612345678'],"
		"'consents':{'sms':{'granted':true}}}}",
		id);
	assert_int_equal(length(r, "differences"), 0);
	r = ok(s, "customer.compare",
		"{'id':'%s','record':{'last_name':'Martin','city':'Lyon','phones':['0699999999'],"
		"'consents':{'sms':{'granted':false}},'kind':''}}",
		id);
	assert_int_equal(length(r, "differences"), 4);
	assert_string_equal(text(r, "differences.0.field"), "last_name");
	assert_string_equal(text(r, "differences.0.till"), "Martin");
	assert_string_equal(text(r, "differences.0.ours"), "Durand");
	assert_string_equal(text(r, "differences.1.field"), "city");
	assert_null(member(r, "differences.1.ours"));
	assert_string_equal(text(r, "differences.2.ours.0"), "+33612345678");
	/* What ours has and the till did not give is no difference. */
	r = ok(s, "customer.compare", "{'id':'%s','record':{}}", id);
	assert_int_equal(length(r, "differences"), 0);
	free(id);
}

/* ---- import ------------------------------------------------------------------------------- */

static void
test_import_matches_and_fills(void **state)
{
	struct stage *s = *state;
	char *by_ref = create(s, "'first_name':'Ref','external_refs':{'popina':'1'}");
	char *by_card = create(s, "'first_name':'Card','cards':[{'number':'C1'}]");
	char *by_mail = create(s, "'first_name':'Mail','emails':['m@example.fr']");
	char *by_phone = create(s, "'first_name':'Phone','phones':['0611111111']");
	json_t *r = ok(s, "customer.import",
		"{'key':'i1','records':["
		"{'first_name':'X','last_name':'Durand','external_refs':{'popina':'1'}},"
		"{'last_name':'Martin','cards':[{'number':'C1'},{'number':'C2'}]},"
		"{'last_name':'Petit','emails':['M@example.fr']},"
		"{'last_name':'Grand','phones':['06 11 11 11 11']},"
		"{'first_name':'New','phones':['0622222222']},"
		"{'first_name':'Bad','phones':['1']},"
		"{}]}");

	assert_int_equal(number(r, "created"), 1);
	assert_int_equal(number(r, "updated"), 4);
	assert_int_equal(length(r, "errors"), 2);
	assert_int_equal(number(r, "errors.0.index"), 5);
	assert_string_equal(text(r, "errors.0.pointer"), "/records/5/phones/0");
	assert_int_equal(number(r, "errors.1.index"), 6);
	r = ok(s, "customer.lookup", "{'id':'%s'}", by_ref);
	/* Filled where it was empty, and nowhere else. */
	assert_string_equal(text(r, "customer.first_name"), "Ref");
	assert_string_equal(text(r, "customer.last_name"), "Durand");
	assert_string_equal(
		text(ok(s, "customer.lookup", "{'card':'C2'}"), "customer.id"), by_card);
	assert_string_equal(text(s->last.json, "customer.last_name"), "Martin");
	assert_string_equal(
		text(ok(s, "customer.lookup", "{'id':'%s'}", by_mail), "customer.last_name"),
		"Petit");
	assert_string_equal(
		text(ok(s, "customer.lookup", "{'id':'%s'}", by_phone), "customer.last_name"),
		"Grand");
	/* Handed over again: all are known, nobody is made twice. */
	r = ok(s, "customer.import",
		"{'key':'i2','records':[{'first_name':'New','phones':['0622222222']}]}");
	assert_int_equal(number(r, "created"), 0);
	assert_int_equal(number(r, "updated"), 1);
	free(by_ref);
	free(by_card);
	free(by_mail);
	free(by_phone);
}

static void
test_import_does_not_guess(void **state)
{
	struct stage *s = *state;
	char *a = create(s, "'first_name':'A','phones':['0611111111'],'cards':[{'number':'C1'}]");
	char *b = create(s, "'first_name':'B','phones':['0611111111'],'emails':['b@example.fr']");
	json_t *r;

	/* A phone of two is nobody's. */
	r = ok(s, "customer.import",
		"{'key':'i1','records':[{'first_name':'C','phones':['0611111111']}]}");
	assert_int_equal(number(r, "created"), 1);
	/* Matched by e-mail, but the card is another's. */
	r = ok(s, "customer.import",
		"{'key':'i2','records':[{'external_refs':{'x':'1'},'first_name':'D'},"
		"{'external_refs':{'x':'1'},'cards':[{'number':'C1'}]},{'first_name':'E'}]}");
	assert_int_equal(number(r, "created"), 2);
	assert_int_equal(length(r, "errors"), 1);
	assert_string_equal(text(r, "errors.0.code"), "conflict");
	assert_string_equal(text(r, "errors.0.pointer"), "/records/1/cards/0/number");
	free(a);
	free(b);
}

static void
test_import_of_empty_fields(void **state)
{
	struct stage *s = *state;
	char records[512];
	json_t *r;

	snprintf(records, sizeof(records),
		"{'first_name':'A','last_name':'','phones':[],'external_refs':{'popina':''}},"
		"{'first_name':'B','last_name':'','phones':[],'external_refs':{'popina':''}}");
	r = ok(s, "customer.import", "{'key':'i','records':[%s]}", records);
	assert_int_equal(number(r, "created"), 2);
	/* An empty reference is none, and leads nowhere. */
	ok(s, "customer.create", "{'key':'c','record':%s}",
		"{'first_name':'C','external_refs':{'x':''}}");
	assert_null(member(s->last.json, "customer.external_refs"));
}

static void
test_long_words_are_found(void **state)
{
	struct stage *s = *state;
	char word[260], cursor[128];
	json_t *r;

	memset(word, 'w', 250);
	word[250] = '\0';
	free(create(s, "'first_name':'%s','last_name':'A'", word));
	free(create(s, "'first_name':'%s','last_name':'B'", word));
	assert_int_equal(found(s, word), 2);
	r = ok(s, "customer.search", "{'text':'www','limit':1}");
	assert_int_equal(length(r, "customers"), 1);
	snprintf(cursor, sizeof(cursor), "%s", text(r, "cursor"));
	r = ok(s, "customer.search", "{'text':'www','limit':1,'cursor':'%s'}", cursor);
	assert_int_equal(length(r, "customers"), 1);
	assert_null(member(r, "cursor"));
}

static void
test_import_a_thousand(void **state)
{
	struct stage *s = *state;
	json_t *params = json_pack("{s:s, s:[]}", "key", "big", "records");
	struct stage_answer answer;

	for (int i = 0; i < 1000; i++) {
		char phone[16], card[16];

		snprintf(phone, sizeof(phone), "06%08d", i);
		snprintf(card, sizeof(card), "2912%06d", i);
		json_array_append_new(json_object_get(params, "records"),
			json_pack("{s:s, s:s, s:[s], s:[{s:s}]}", "first_name", "Anne", "last_name",
				"Durand", "phones", phone, "cards", "number", card));
	}
	stage_call(s, "customer.import", params, &answer);
	stage_turn_end(s);
	assert_int_equal(answer.error, TB_OK);
	assert_int_equal(number(answer.json, "created"), 1000);
	json_decref(answer.json);
	json_decref(params);
	ok(s, "customer.lookup", "{'card':'2912000999'}");
	assert_int_equal(
		length(ok(s, "customer.search", "{'text':'durand','limit':200}"), "customers"),
		200);
	assert_non_null(member(s->last.json, "cursor"));
}

/* ---- merge and delete --------------------------------------------------------------------- */

static void
test_merge_moves_everything(void **state)
{
	struct stage *s = *state;
	char *from = create(s,
		"'first_name':'Anne','phones':['0611111111'],'cards':[{'number':'F1'}],"
		"'emails':['f@example.fr'],'city':'Lyon'");
	char *into = create(
		s, "'first_name':'Annie','cards':[{'number':'I1'}],'phones':['0622222222']");
	char *token = keep(text(ok(s, "customer.lookup", "{'id':'%s'}", from), "customer.token"));
	char *reservation;
	json_t *r;

	program(s, EARNING
		",'points_expire_days':30,'rewards':[{'id':'m','kind':'amount','title':'m',"
		"'value':100,'cost_points':5},{'id':'n','kind':'gift','title':'n',"
		"'every_n_passages':2}],'coupons':[{'id':'h','reward':'m','on':{'by_hand':true}}]");
	ok(s, "account.adjust",
		"{'key':'w','customer':'%s','unit':'wallet','delta':300,'reason':'x'}", from);
	sale(s, "S1", from, "2025-05-05T10:00:00+02:00", 1000);
	sale(s, "S2", into, "2025-05-06T10:00:00+02:00", 2000);
	ok(s, "coupon.issue", "{'key':'c','rule':'h','customer':'%s'}", from);
	reservation = keep(text(ok(s, "reward.reserve",
					"{'key':'r','sale':'S3','customer':'%s','basket':{%s},"
					"'uses':[{'reward':'m'},{'wallet':true,'amount':200}]}",
					from, basket(1000)),
		"reservation"));
	r = ok(s, "customer.merge", "{'key':'m','from':'%s','into':'%s'}", from, into);
	assert_string_equal(text(r, "customer.id"), into);
	assert_string_equal(text(r, "customer.first_name"), "Annie");
	assert_string_equal(text(r, "customer.city"), "Lyon");
	assert_int_equal(length(r, "customer.cards"), 2);
	assert_int_equal(length(r, "customer.phones"), 2);
	assert_int_equal(number(r, "balances.points"), 30);
	assert_int_equal(number(r, "balances.points_available"), 25);
	assert_int_equal(number(r, "balances.wallet"), 300);
	assert_int_equal(number(r, "balances.wallet_available"), 100);
	assert_int_equal(number(r, "balances.passages"), 2);
	assert_int_equal(length(r, "balances.expiring"), 2);
	/* Old numbers lead on: card, phone, token, id. */
	assert_string_equal(text(ok(s, "customer.lookup", "{'card':'F1'}"), "customer.id"), into);
	assert_string_equal(
		text(ok(s, "customer.lookup", "{'phone':'0611111111'}"), "customer.id"), into);
	assert_string_equal(
		text(ok(s, "customer.lookup", "{'code':'%s'}", token), "customer.id"), into);
	assert_string_equal(
		text(ok(s, "customer.lookup", "{'id':'%s'}", from), "customer.id"), into);
	assert_int_equal(length(s->last.json, "coupons"), 1);
	assert_int_equal(length(ok(s, "customer.search", "{'text':'anne'}"), "customers"), 0);
	/* The sale that was going on is paid under the old id. */
	r = ok(s, "passage.post",
		"{'sale':'S3','occurred_at':'2025-05-06T11:00:00+02:00','customer':'%s',%s,"
		"'tenders':[{'kind':'card','amount':700}],'reservation':'%s'}",
		from, basket(1000), reservation);
	assert_int_equal(length(r, "warnings"), 0);
	assert_int_equal(number(r, "balances.points"), 30 - 5 + 7);
	assert_int_equal(number(r, "balances.wallet"), 100);
	/* A sale of before is undone on the account that holds it now. */
	r = ok(s, "passage.reverse", "{'key':'v','sale':'S1','kind':'void'}");
	assert_int_equal(number(r, "balances.points"), 22);
	assert_int_equal(
		refused(s, "customer.merge", "{'key':'m2','from':'%s','into':'%s'}", from, into),
		TB_ERROR_INVALID_PARAMS);
	free(from);
	free(into);
	free(token);
	free(reservation);
}

static void
test_delete_leaves_an_anonymous_ledger(void **state)
{
	struct stage *s = *state;
	char *other = create(s, "'first_name':'Bruno','phones':['0633333333']");
	char *id = create(s, "'first_name':'Théodora','last_name':'Quirinale',"
			     "'phones':['0611111111'],'cards':[{'number':'F1'}]");
	char path[128], *dump;
	FILE *f;
	size_t n;

	program(s, EARNING);
	ok(s, "customer.update", "{'key':'u','id':'%s','revision':1,'record':{'city':'Quimper'}}",
		id);
	sale(s, "S1", id, NULL, 1000);
	ok(s, "customer.merge", "{'key':'m','from':'%s','into':'%s'}", other, id);
	ok(s, "gift_card.create", "{'key':'g','amount':500,'buyer':'%s','message':'Quirky'}", id);
	ok(s, "customer.delete", "{'key':'d','id':'%s'}", id);
	assert_int_equal(
		refused(s, "customer.lookup", "{'id':'%s'}", id), TB_ERROR_CUSTOMER_UNKNOWN);
	assert_int_equal(
		refused(s, "customer.lookup", "{'id':'%s'}", other), TB_ERROR_CUSTOMER_UNKNOWN);
	assert_int_equal(refused(s, "customer.lookup", "{'card':'F1'}"), TB_ERROR_CUSTOMER_UNKNOWN);
	assert_int_equal(
		refused(s, "customer.lookup", "{'phone':'0611111111'}"), TB_ERROR_CUSTOMER_UNKNOWN);
	assert_int_equal(
		refused(s, "customer.lookup", "{'phone':'0633333333'}"), TB_ERROR_CUSTOMER_UNKNOWN);
	assert_int_equal(found(s, "quirinale"), 0);
	assert_int_equal(
		refused(s, "customer.export", "{'id':'%s'}", id), TB_ERROR_CUSTOMER_UNKNOWN);
	/* What was answered of him is not answered again. */
	assert_int_equal(
		refused(s, "customer.update",
			"{'key':'u','id':'%s','revision':1,'record':{'city':'Quimper'}}", id),
		TB_ERROR_CUSTOMER_UNKNOWN);
	/* The shop's figures stand. */
	assert_int_equal(number(ok(s, "report.summary", "{'from':'2025-05-01','to':'2025-06-01'}"),
				 "turnover"),
		1000);
	assert_string_equal(text(ok(s, "passage.show", "{'sale':'S1'}"), "state"), "posted");
	/* A deletion said twice. */
	ok(s, "customer.delete", "{'key':'d','id':'%s'}", id);
	assert_int_equal(refused(s, "customer.delete", "{'key':'d2','id':'%s'}", id),
		TB_ERROR_CUSTOMER_UNKNOWN);

	/* No file says the name any more, the log neither. */
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/ledger.db%s", s->dir, i ? "-wal" : "");
		f = fopen(path, "rb");
		assert_non_null(f);
		dump = calloc(1, 8 << 20);
		n = fread(dump, 1, 8 << 20, f);
		assert_null(memmem(dump, n, "uirinale", 8));
		assert_null(memmem(dump, n, "Quimper", 7));
		assert_null(memmem(dump, n, "quimper", 7));
		assert_null(memmem(dump, n, "Bruno", 5));
		assert_null(memmem(dump, n, "Quirky", 6));
		free(dump);
		fclose(f);
	}
	free(other);
	free(id);
}

static void
test_delete_gives_holds_back(void **state)
{
	struct stage *s = *state;
	char *id = create(s, "'first_name':'Anne'"), *card;

	program(s, EARNING);
	card = keep(text(ok(s, "gift_card.create", "{'key':'g','amount':500}"), "number"));
	ok(s, "account.adjust",
		"{'key':'w','customer':'%s','unit':'wallet','delta':300,'reason':'x'}", id);
	ok(s, "reward.reserve",
		"{'key':'r','sale':'S','customer':'%s','basket':{%s},'uses':[{'wallet':true},"
		"{'gift_card':'%s'}]}",
		id, basket(1000), card);
	assert_int_equal(number(ok(s, "gift_card.show", "{'number':'%s'}", card), "available"), 0);
	ok(s, "customer.delete", "{'key':'d','id':'%s'}", id);
	assert_int_equal(
		number(ok(s, "gift_card.show", "{'number':'%s'}", card), "available"), 500);
	free(id);
	free(card);
}

/* ---- history and export ------------------------------------------------------------------- */

static void
test_history_pages(void **state)
{
	struct stage *s = *state;
	char *id = create(s, "'first_name':'Anne'"), cursor[32] = "";
	int64_t sum = 0, last = INT64_MAX;
	int n = 0, pages = 0;

	for (int i = 1; i <= 25; i++)
		ok(s, "account.adjust",
			"{'key':'a%d','customer':'%s','unit':'points','delta':%d,'reason':'n','"
			"operator':'Marc'}",
			i, id, i);
	do {
		json_t *r = *cursor ? ok(s, "customer.history",
					      "{'id':'%s','limit':10,'cursor':'%s'}", id, cursor)
		                    : ok(s, "customer.history", "{'id':'%s','limit':10}", id);
		json_t *e;
		size_t i;

		json_array_foreach(member(r, "entries"), i, e) {
			assert_true(number(e, "seq") < last);
			last = number(e, "seq");
			sum += number(e, "delta");
			assert_string_equal(text(e, "by"), "Marc");
			assert_string_equal(text(e, "kind"), "adjust");
			assert_string_equal(text(e, "reason"), "n");
			n++;
		}
		snprintf(
			cursor, sizeof(cursor), "%s", member(r, "cursor") ? text(r, "cursor") : "");
		pages++;
	} while (*cursor);
	assert_int_equal(n, 25);
	assert_int_equal(pages, 3);
	assert_int_equal(sum, 325);
	free(id);
}

static void
test_export_has_all_that_is_kept(void **state)
{
	struct stage *s = *state;
	char *id = create(s, "'first_name':'Anne','cards':[{'number':'F1'}]");
	json_t *r;

	program(s, EARNING ",'rewards':[{'id':'m','kind':'amount','title':'m','value':100}],"
			   "'coupons':[{'id':'h','reward':'m','on':{'by_hand':true}}]");
	sale(s, "S1", id, NULL, 1000);
	ok(s, "coupon.issue", "{'key':'c','rule':'h','customer':'%s'}", id);
	ok(s, "gift_card.create", "{'key':'g','amount':500,'beneficiary':'%s'}", id);
	ok(s, "reward.reserve",
		"{'key':'r','sale':'S2','customer':'%s','basket':{%s},'uses':[{'reward':'m'}]}", id,
		basket(1000));
	r = ok(s, "customer.export", "{'id':'%s'}", id);
	assert_string_equal(text(r, "customer.cards.0.number"), "F1");
	assert_int_equal(length(r, "entries"), 1);
	assert_int_equal(length(r, "passages"), 1);
	assert_int_equal(number(r, "passages.0.content.total"), 1000);
	assert_int_equal(length(r, "coupons"), 1);
	assert_int_equal(length(r, "reservations"), 1);
	assert_int_equal(length(r, "gift_cards"), 1);
	free(id);
}

static void
test_adjust(void **state)
{
	struct stage *s = *state;
	char *id = create(s, "'first_name':'Anne'");
	const char *adjust = "{'key':'%s','customer':'%s','unit':'%s','delta':%lld,'reason':'x'}";

	assert_int_equal(number(ok(s, "account.adjust", adjust, key(), id, "points", 100LL),
				 "balances.points"),
		100);
	assert_int_equal(number(ok(s, "account.adjust", adjust, key(), id, "wallet", 250LL),
				 "balances.wallet"),
		250);
	assert_int_equal(number(ok(s, "account.adjust", adjust, key(), id, "points", -40LL),
				 "balances.points"),
		60);
	assert_int_equal(refused(s, "account.adjust", adjust, key(), id, "points", -61LL),
		TB_ERROR_INSUFFICIENT_BALANCE);
	assert_int_equal(refused(s, "account.adjust", adjust, key(), id, "points", 0LL),
		TB_ERROR_INVALID_PARAMS);
	/* Points beyond 2^53 cannot be read by a browser's till. */
	assert_int_equal(refused(s, "account.adjust", adjust, key(), id, "points", (1LL << 53) + 1),
		TB_ERROR_INVALID_PARAMS);
	assert_int_equal(refused(s, "account.adjust", adjust, key(), id, "points", 1LL << 53),
		TB_ERROR_INVALID_PARAMS);
	assert_string_equal(text(s->last.json, "errors.0.pointer"), "/delta");
	assert_int_equal(refused(s, "account.adjust", adjust, key(), "c_1", "points", 1LL),
		TB_ERROR_CUSTOMER_UNKNOWN);
	assert_int_equal(points(s, id), 60);
	free(id);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_create_cleans_the_record),
		TEST(test_create_refuses_nonsense),
		TEST(test_create_with_cards),
		TEST(test_drawn_cards),
		TEST(test_profile_bonus_once),
		TEST(test_sponsorship),
		TEST(test_update_and_stale_revision),
		TEST(test_contact_and_kind_follow_the_record),
		TEST(test_attach_and_detach),
		TEST(test_lookup_by_everything),
		TEST(test_lookup_is_ambiguous_never_a_guess),
		TEST(test_lookup_shows_the_account),
		TEST(test_search_folds_and_narrows),
		TEST(test_search_pages),
		TEST(test_search_follows_updates),
		TEST(test_compare),
		TEST(test_import_matches_and_fills),
		TEST(test_import_does_not_guess),
		TEST(test_import_of_empty_fields),
		TEST(test_long_words_are_found),
		TEST(test_import_a_thousand),
		TEST(test_merge_moves_everything),
		TEST(test_delete_leaves_an_anonymous_ledger),
		TEST(test_delete_gives_holds_back),
		TEST(test_history_pages),
		TEST(test_export_has_all_that_is_kept),
		TEST(test_adjust),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("ledger-customers", tests, NULL, NULL);
}
