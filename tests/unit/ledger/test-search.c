/* SPDX-License-Identifier: MIT */
/* customer.search: what a cashier types of somebody, and whom it must bring. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/ledger/stage.h"

static char anne[32], bert[32], cleo[32];

static const char *
create(struct stage *s, const char *record)
{
	return text(ok(s, "customer.create", "{'key':'%s','record':{%s}}", key(), record),
		"customer.id");
}

static int
setup(void **state)
{
	struct stage *s;

	stage_setup(state);
	s = *state;
	strcpy(anne, create(s, "'first_name':'Éléonore','last_name':'Dupont-Moreau','city':'Lyon',"
			       "'postcode':'69003','phones':['06 12 34 56 78'],"
			       "'emails':['eleonore.dupont@free.fr']"));
	strcpy(bert,
		create(s, "'first_name':'Bert','last_name':'O\u2019Neill','city':'Villeurbanne',"
			  "'postcode':'69100','phones':['+41 79 123 56 78'],"
			  "'emails':['bert@mail.example.com'],'cards':[{'number':'5678001'}]"));
	strcpy(cleo, create(s, "'first_name':'Cléo','last_name':'Dupond','city':'Saint-Étienne',"
			       "'postcode':'SW1A 2AA','phones':['+442071234999'],"
			       "'emails':['cleo@FREE.fr']"));
	return 0;
}

/* Who is found, in any order. */
static void
finds(struct stage *s, const char *typed, unsigned count, ...)
{
	json_t *found = ok(s, "customer.search", "{'text':'%s'}", typed), *each;
	va_list args;
	size_t i;

	if (length(found, "customers") != count)
		fail_msg("'%s' finds %zu, not %u", typed, length(found, "customers"), count);
	va_start(args, count);
	for (unsigned k = 0; k < count; k++) {
		const char *wanted = va_arg(args, const char *);
		bool there = false;

		json_array_foreach(member(found, "customers"), i, each)
			there |= strcmp(text(each, "id"), wanted) == 0;
		if (!there)
			fail_msg("'%s' does not find all it should", typed);
	}
	va_end(args);
}

static void
test_names_folded(void **state)
{
	struct stage *s = *state;

	finds(s, "eleonore", 1, anne);
	finds(s, "ÉLÉO", 1, anne);
	finds(s, "moreau dupont", 1, anne);
	finds(s, "dupon", 2, anne, cleo);
	finds(s, "o\u2019neill", 1, bert);
	finds(s, "saint-etienne", 1, cleo);
	finds(s, "st.etienne", 0);
	finds(s, "...", 0);
}

static void
test_end_of_a_phone(void **state)
{
	struct stage *s = *state;

	/* A card begins with it, two phones end with it. */
	finds(s, "5678", 2, anne, bert);
	finds(s, "56 78", 2, anne, bert);
	finds(s, "345678", 1, anne);
	finds(s, "999", 1, cleo);
	finds(s, "12345678", 1, anne);
	finds(s, "78", 0);
	finds(s, "dupont 5678", 1, anne);
	finds(s, "dupond 5678", 0);
}

static void
test_phone_as_people_write_it(void **state)
{
	struct stage *s = *state;

	finds(s, "0612345678", 1, anne);
	finds(s, "06 12 34", 1, anne);
	finds(s, "06.12.34.56.78", 1, anne);
	finds(s, "+33 6 12 34 56 78", 1, anne);
	finds(s, "+33 (0)6 12 34 56 78", 1, anne);
	finds(s, "0033612", 1, anne);
	finds(s, "+4179", 1, bert);
	finds(s, "eleonore 06 12 34 56 78", 1, anne);
	finds(s, "06 12 34 56 78 lyon", 1, anne);
	finds(s, "06 12 34 56 79", 0);
}

static void
test_postcode_alone(void **state)
{
	struct stage *s = *state;

	finds(s, "69003", 1, anne);
	finds(s, "69", 2, anne, bert);
	finds(s, "sw1a 2aa", 1, cleo);
	finds(s, "69003 0612", 1, anne);
	finds(s, "69003 5678", 1, anne);
	finds(s, "69100 dupont", 0);
}

static void
test_mail_and_its_domain(void **state)
{
	struct stage *s = *state;

	finds(s, "free.fr", 2, anne, cleo);
	finds(s, "@free.fr", 2, anne, cleo);
	finds(s, "free.com", 0);
	finds(s, "mail.example.com", 1, bert);
	finds(s, "example", 1, bert);
	finds(s, "cleo@free.fr", 1, cleo);
	finds(s, "eleonore.dupont@free.fr", 1, anne);
	finds(s, "eleonore.dup", 1, anne);
	finds(s, "dupont free.fr", 1, anne);
}

static void
test_several_fields(void **state)
{
	struct stage *s = *state;

	finds(s, "dupont lyon 69003 free 5678", 1, anne);
	finds(s, "bert 5678001 villeur", 1, bert);
	finds(s, "bert lyon", 0);
}

static void
test_pages_of_digits_meet_nobody_twice(void **state)
{
	struct stage *s = *state;
	char cursor[400] = "";
	size_t n = 0;

	for (int i = 0; i < 30; i++)
		ok(s, "customer.create",
			"{'key':'%s','record':{'postcode':'7500%d','phones':['06000007%02d']}}",
			key(), i % 10, i);
	do {
		json_t *r = *cursor ? ok(s, "customer.search",
					      "{'text':'750','limit':7,'cursor':'%s'}", cursor)
		                    : ok(s, "customer.search", "{'text':'750','limit':7}");

		n += length(r, "customers");
		snprintf(cursor, sizeof(cursor), "%s",
			json_object_get(r, "cursor") ? text(r, "cursor") : "");
	} while (*cursor);
	assert_int_equal(n, 30);
}

static void
test_ends_follow_updates(void **state)
{
	struct stage *s = *state;

	ok(s, "customer.update",
		"{'key':'u','id':'%s','revision':1,'record':{'phones':['0698765432'],"
		"'postcode':'75001','emails':[]}}",
		anne);
	finds(s, "5678", 1, bert);
	finds(s, "5432", 1, anne);
	finds(s, "69003", 0);
	finds(s, "75001", 1, anne);
	finds(s, "free.fr", 1, cleo);
	ok(s, "customer.delete", "{'key':'d','id':'%s'}", anne);
	finds(s, "5432", 0);
	finds(s, "75001", 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, stage_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_names_folded),
		TEST(test_end_of_a_phone),
		TEST(test_phone_as_people_write_it),
		TEST(test_postcode_alone),
		TEST(test_mail_and_its_domain),
		TEST(test_several_fields),
		TEST(test_pages_of_digits_meet_nobody_twice),
		TEST(test_ends_follow_updates),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("ledger-search", tests, NULL, NULL);
}
