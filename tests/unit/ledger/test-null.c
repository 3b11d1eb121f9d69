/* SPDX-License-Identifier: MIT */
/* The connector that does nothing: it knows every operation and answers each exactly once. */

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "plugins/loyalty/connector.h"

extern const struct tb_connector tb_connector;

struct seen {
	unsigned answers;
	enum tb_error error;
	json_t *json;
};

static void
on_done(const struct tb_answer *answer, void *userdata)
{
	struct seen *seen = userdata;

	seen->answers++;
	seen->error = answer->error;
	json_decref(seen->json);
	seen->json = answer->json ? json_loadb(answer->json, answer->len, 0, NULL) : NULL;
	if (answer->json) {
		assert_int_equal(strlen(answer->json), answer->len);
		assert_non_null(seen->json);
	}
	assert_true(answer->error != TB_OK || answer->json);
	assert_null(answer->changed_customer);
	assert_int_equal(answer->coupons, 0);
}

static struct tb_connector_state *
start(void)
{
	static const struct tb_host host = {.state_dir = "/nonexistent", .currency = "EUR"};
	struct tb_connector_state *state = NULL;
	char *why = NULL;

	assert_int_equal(tb_connector.start(&host, &state, &why), 0);
	assert_null(why);
	return state;
}

static struct seen
say(struct tb_connector_state *state, enum tb_op op, json_t *params)
{
	struct seen seen = {};
	struct tb_call call = {.op = op,
		.caller = {.site = "lyon-1", .till = "2"},
		.params = params,
		.done = on_done,
		.userdata = &seen};

	tb_connector.call(state, &call);
	tb_connector.turn_end(state);
	assert_int_equal(seen.answers, 1);
	json_decref(params);
	return seen;
}

static void
test_every_operation(void **unused)
{
	struct tb_connector_state *state = start();

	assert_int_equal(tb_connector.abi, TB_CONNECTOR_ABI);
	assert_true(tb_connector.flags & TB_CONNECTOR_LOCAL);
	for (int op = 0; op < TB_OP_COUNT; op++) {
		struct seen seen;

		assert_true(tb_connector.ops & TB_OP_BIT(op));
		seen = say(state, (enum tb_op)op, json_object());
		json_decref(seen.json);
	}
	tb_connector.stop(state);
}

static void
test_a_paid_sale_is_taken(void **unused)
{
	struct tb_connector_state *state = start();
	struct seen seen = say(state, TB_OP_PASSAGE_POST, json_pack("{s:s}", "sale", "S1"));

	assert_int_equal(seen.error, TB_OK);
	assert_string_equal(json_string_value(json_object_get(seen.json, "state")), "posted");
	json_decref(seen.json);
	tb_connector.stop(state);
}

static void
test_nobody_is_known(void **unused)
{
	struct tb_connector_state *state = start();
	struct seen seen = say(state, TB_OP_CUSTOMER_LOOKUP, json_pack("{s:s}", "card", "1"));

	assert_int_equal(seen.error, TB_ERROR_CUSTOMER_UNKNOWN);
	tb_connector.stop(state);
}

static void
test_a_quote_leaves_all_to_pay(void **unused)
{
	struct tb_connector_state *state = start();
	struct seen seen = say(state, TB_OP_REWARD_QUOTE,
		json_pack("{s:{s:[], s:i}}", "basket", "lines", "total", 990));

	assert_int_equal(json_integer_value(json_object_get(seen.json, "total_after")), 990);
	json_decref(seen.json);
	tb_connector.stop(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_operation),
		cmocka_unit_test(test_a_paid_sale_is_taken),
		cmocka_unit_test(test_nobody_is_known),
		cmocka_unit_test(test_a_quote_leaves_all_to_pay),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("null", tests, NULL, NULL);
}
