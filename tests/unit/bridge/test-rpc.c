/* SPDX-License-Identifier: MIT */
/* What a till may say, and what it is told when it says something else: JSON-RPC over the socket.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "bridge/conf.h"
#include "bridge/rpc/methods.h"
#include "tests/unit/bridge/rpc-stage.h"
#include "tests/virtual-loop.h"

#define BASKET \
	"{\"lines\":[{\"no\":1,\"article\":{\"code\":\"A1\"},\"quantity\":1000," \
	"\"unit_price\":1000,\"total\":1000,\"vat_bp\":2000}],\"total\":1000}"

static struct peer *
peer_of(void **state)
{
	return *state;
}

static int
setup(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	assert_non_null(stage);
	stage_open(stage, true);
	*state = peer_new(stage, ALL_ROLES, "0:test");
	return 0;
}

static int
teardown(void **state)
{
	struct peer *peer = *state;
	struct stage *stage = peer->stage;

	peer_free(peer);
	stage_close(stage);
	free(stage);
	return 0;
}

static void
hello_comes_first(void **state)
{
	struct peer *peer = peer_new_silent(peer_of(state)->stage, ALL_ROLES, "0:other");
	_cleanup_free_ char *line = peer_line(peer);

	assert_string_equal(line,
		"{\"jsonrpc\":\"2.0\",\"method\":\"hello\",\"params\":{\"product\":\"tillbridge\","
		"\"version\":\"" TB_VERSION "\",\"api\":{\"major\":1,\"minor\":0},"
		"\"site\":\"shop\",\"till\":\"1\",\"currency\":\"EUR\"}}");
	peer_free(peer);
}

static void
not_json(void **state)
{
	static const char *const lines[] = {
		"",
		" ",
		"x",
		"{",
		"{}}",
		"[1,",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bridge.status\"",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bridge.status\",}",
		"{'jsonrpc':'2.0'}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bridge.status\"} x",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bridge.status\",\"params\":{\"a\":01}}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bridge.status\",\"params\":{\"a\":1.}}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bridge.status\",\"params\":{\"a\":.5}}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bridge.status\",\"params\":{\"a\":1e}}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bridge.status\",\"params\":{\"a\":+1}}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bridge.status\",\"params\":{\"a\":NaN}"
		"}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\\ud800\"}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\tb\"}",
		"\xef\xbb\xbf{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bridge.status\"}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xc0\xaf\"}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xed\xa0\x80\"}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bridge.status\",\"params\":"
		"{\"a\":9223372036854775808}}",
		"{\"jsonrpc\":\"2.0\",\"id\":-9223372036854775809,\"method\":\"bridge.status\"}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		refused(peer_of(state), lines[i], -32700, "invalid_params", "null");
	/* A NUL byte is no end of the line. */
	expect_error(peer_of(state), "{\"jsonrpc\":\"2.0\",\"id\":1,\"\0\":1}", 31, -32700,
		"invalid_params", "null");
}

static void
not_json_rpc(void **state)
{
	static const struct {
		const char *line, *id;
	} lines[] = {
		{"1", "null"},
		{"\"bridge.status\"", "null"},
		{"null", "null"},
		{"1.5", "null"},
		{"{}", "null"},
		{"[]", "null"},
		{"{\"id\":1,\"method\":\"bridge.status\"}", "1"},
		{"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"bridge.status\"}", "1"},
		{"{\"jsonrpc\":2.0,\"id\":1,\"method\":\"bridge.status\"}", "1"},
		{"{\"jsonrpc\":\"2.0\",\"id\":1}", "1"},
		{"{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":7}", "\"a\""},
		{"{\"jsonrpc\":\"2.0\",\"method\":7}", "null"},
		{"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"bridge.status\"}", "null"},
		{"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"bridge.status\"}", "null"},
		{"{\"jsonrpc\":\"2.0\",\"id\":1e3,\"method\":\"bridge.status\"}", "null"},
		{"{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"bridge.status\"}", "null"},
		{"{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"bridge.status\"}", "null"},
		{"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"bridge.status\"}", "null"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		refused(peer_of(state), lines[i].line, -32600, "invalid_params", lines[i].id);
}

static void
ids_come_back_as_they_were(void **state)
{
	static const char *const ids[] = {"0", "-1", "9223372036854775807", "-9223372036854775808",
		"\"\"", "\"x\"", "\"\\u00e9 \\\" \\\\ \\n\"", "\"a\\u0000b\""};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		json_t *sent = json_loads(ids[i], JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL), *got;

		peer_say(peer_of(state),
			"{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"bridge.status\"}", ids[i]);
		got = peer_json(peer_of(state));
		assert_true(json_equal(sent, json_object_get(got, "id")));
		assert_non_null(json_object_get(got, "result"));
		json_decref(sent);
		json_decref(got);
	}
}

static void
unknown_methods(void **state)
{
	static const char *const names[] = {"", "bridge", "bridge.status ", "BRIDGE.STATUS",
		"bridge.statuses", "coupon.printed", "rpc.discover", "zzz", "bridge.status\\u0000"};
	char line[200];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(line, sizeof(line), "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"%s\"}",
			names[i]);
		refused(peer_of(state), line, -32601, "invalid_params", "3");
	}
}

static void
parameters_of_the_wrong_make(void **state)
{
	struct peer *p = peer_of(state);

	expect_fault(p, "bridge.status", "[]", "", "wrong_type");
	expect_fault(p, "bridge.status", "[1]", "", "wrong_type");
	expect_fault(p, "bridge.status", "1", "", "wrong_type");
	expect_fault(p, "bridge.status", "null", "", "wrong_type");
	expect_fault(p, "bridge.status", "\"x\"", "", "wrong_type");
	expect_fault(p, "bridge.status", "{\"x\":1}", "/x", "unknown");
	expect_fault(p, "bridge.status", "{\"a/b~c\":1}", "/a~1b~0c", "unknown");
	expect_fault(p, "bridge.status", "{\"a\\u0000b\":1}",
		"/a\xef\xbf\xbd"
		"b",
		"unknown");
	expect_fault(p, "coupon.check", "{}", "/code", "missing");
	expect_fault(p, "coupon.check", "{\"code\":1}", "/code", "wrong_type");
	expect_fault(p, "coupon.check", "{\"code\":null}", "/code", "wrong_type");
	expect_fault(p, "coupon.check", "{\"code\":\"\"}", "/code", "too_short");
	expect_fault(p, "coupon.check", "{\"code\":\"a\\u0000b\"}", "/code", "bad_value");
	expect_fault(p, "passage.reverse", "{\"key\":\"k\",\"sale\":\"s\",\"kind\":\"undo\"}",
		"/kind", "bad_value");
	expect_fault(p, "passage.show", "{\"sale\":\"s\",\"business_day\":\"2025-02-30\"}",
		"/business_day", "bad_time");
	expect_fault(p, "report.summary", "{\"from\":\"2025-05-06\",\"to\":\"yesterday\"}", "/to",
		"bad_time");
	expect_fault(p, "reward.quote",
		"{\"sale\":\"s\",\"basket\":" BASKET ",\"occurred_at\":\"2025-05-06T10:00:00\"}",
		"/occurred_at", "bad_time");
}

static void
numbers_are_whole(void **state)
{
	static const char *const numbers[] = {"1.5", "1.0", "-0.5", "1e2", "1E+2", "1e400",
		"-1e-400", "123456789012345678901234567890.5",
		"0.00000000000000000000000000000000000000000000001"};
	char params[400];

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		snprintf(params, sizeof(params),
			"{\"key\":\"k\",\"customer\":\"c\",\"unit\":\"points\",\"delta\":%s,"
			"\"reason\":\"r\"}",
			numbers[i]);
		expect_fault(peer_of(state), "account.adjust", params, "/delta", "wrong_type");
	}
	/* What only looks like a number within a string stays as it is. */
	snprintf(params, sizeof(params), "{\"id\":\"1.50e3\"}");
	json_t *result = expect_result(peer_of(state), "customer.lookup", params);

	assert_string_equal(
		json_string_value(json_object_get(json_object_get(result, "params"), "id")),
		"1.50e3");
	json_decref(result);
}

static void
double_members(void **state)
{
	struct peer *p = peer_of(state);
	json_t *answer;

	expect_fault(p, "coupon.check", "{\"code\":\"a\",\"code\":\"a\"}", "/code", "duplicate");
	expect_fault(
		p, "coupon.check", "{\"code\":\"a\",\"\\u0063ode\":\"b\"}", "/code", "duplicate");
	expect_fault(p, "reward.quote",
		"{\"sale\":\"s\",\"basket\":{\"lines\":[{\"no\":1,\"quantity\":1000,"
		"\"unit_price\":1,\"total\":1},{\"no\":2,\"no\":3}],\"total\":1}}",
		"/basket/lines/1/no", "duplicate");
	/* passage.post takes what it does not know, but not twice. */
	expect_fault(p, "passage.post",
		"{\"sale\":\"s\",\"occurred_at\":\"2025-05-06T10:00:00Z\",\"x\":{\"y\":1,\"y\":2}}",
		"/x/y", "duplicate");
	refused(p, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bridge.status\",\"method\":\"x\"}",
		-32602, "invalid_params", "1");
	refused(p,
		"{\"jsonrpc\":\"2.0\",\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bridge.status\"}",
		-32602, "invalid_params", "1");
	refused(p, "{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"bridge.status\"}", -32602,
		"invalid_params", "null");
	/* In a batch only the call that has it. */
	peer_say(p, "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bridge.status\"},"
		    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"coupon.check\",\"params\":"
		    "{\"code\":\"a\",\"code\":\"b\"}},"
		    "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"coupon.check\",\"params\":"
		    "{\"code\":\"\",\"x\":{\"y\":1,\"y\":2}}}]");
	answer = peer_json(p);
	assert_int_equal(json_array_size(answer), 3);
	assert_non_null(json_object_get(json_array_get(answer, 0), "result"));
	for (size_t i = 1; i < 3; i++) {
		const json_t *data = json_object_get(
			json_object_get(json_array_get(answer, i), "error"), "data");
		const json_t *first = json_array_get(json_object_get(data, "errors"), 0);

		assert_string_equal(json_string_value(json_object_get(first, "code")), "duplicate");
		assert_string_equal(json_string_value(json_object_get(first, "pointer")),
			i == 1 ? "/code" : "/x/y");
	}
	json_decref(answer);
}

static char *
nested(size_t depth)
{
	struct tb_buf buf = TB_BUF_INIT(0);

	tb_buf_add_str(&buf,
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bridge.status\",\"params\":{\"a\":");
	for (size_t i = 2; i < depth; i++)
		tb_buf_add_byte(&buf, '[');
	for (size_t i = 2; i < depth; i++)
		tb_buf_add_byte(&buf, ']');
	tb_buf_add_str(&buf, "}}");
	return tb_buf_take(&buf);
}

static void
depth_has_a_limit(void **state)
{
	static const size_t too_deep[] = {33, 34, 2049, 10000};
	_cleanup_free_ char *fits = nested(32);

	refused(peer_of(state), fits, -32602, "invalid_params", "1");
	for (size_t i = 0; i < ARRAY_SIZE(too_deep); i++) {
		_cleanup_free_ char *line = nested(too_deep[i]);

		refused(peer_of(state), line, -32700, "invalid_params", "null");
	}
}

static void
notifications_are_answered_by_nothing(void **state)
{
	peer_say(peer_of(state), "{\"jsonrpc\":\"2.0\",\"method\":\"bridge.status\"}");
	peer_say(peer_of(state), "{\"jsonrpc\":\"2.0\",\"method\":\"no.such\"}");
	peer_say(peer_of(state),
		"{\"jsonrpc\":\"2.0\",\"method\":\"coupon.check\",\"params\":{\"code\":7}}");
	peer_say(peer_of(state),
		"{\"jsonrpc\":\"2.0\",\"method\":\"customer.lookup\",\"params\":{\"id\":\"a\"}}");
	peer_say(peer_of(state), "[{\"jsonrpc\":\"2.0\",\"method\":\"bridge.status\"},"
				 "{\"jsonrpc\":\"2.0\",\"method\":\"no.such\"}]");
	peer_nothing(peer_of(state));
}

static void
batches(void **state)
{
	struct peer *p = peer_of(state);
	json_t *answer;

	peer_say(p, "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"customer.lookup\","
		    "\"params\":{\"id\":\"a\"}},1,{\"foo\":\"boo\"},"
		    "{\"jsonrpc\":\"2.0\",\"method\":\"bridge.status\"},"
		    "{\"jsonrpc\":\"2.0\",\"id\":\"2\",\"method\":\"no.such\"},[]]");
	answer = peer_json(p);
	assert_int_equal(json_array_size(answer), 5);
	/* The one that had to wait for the connector comes last. */
	assert_int_equal(json_integer_value(json_object_get(json_array_get(answer, 4), "id")), 1);
	json_decref(answer);
	peer_nothing(p);
}

static void
only_whom_it_is_for(void **state)
{
	struct stage *stage = peer_of(state)->stage;
	struct peer *monitor = peer_new(stage, TB_ROLE_MONITOR, "1:m");
	struct peer *till = peer_new(stage, TB_ROLE_TILL, "1:t");
	struct peer *device = peer_new(stage, TB_ROLE_DEVICE, "1:d");
	struct peer *manager = peer_new(stage, TB_ROLE_MANAGER, "1:g");
	struct peer *nobody = peer_new(stage, 0, "1:n");
	static const char lookup[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":"
				     "\"customer.lookup\",\"params\":{\"id\":\"a\"}}";
	static const char scan[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"scan.submit\","
				   "\"params\":{\"code\":\"x\"}}";
	static const char show[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"program.show\"}";
	static const char status[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bridge.status\"}";
	struct peer *all[] = {monitor, till, device, manager};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		json_decref(expect_result(all[i], "bridge.status", "{}"));
	refused(nobody, status, -32000, "not_permitted", "1");
	refused(monitor, lookup, -32000, "not_permitted", "1");
	refused(device, lookup, -32000, "not_permitted", "1");
	json_decref(expect_result(till, "customer.lookup", "{\"id\":\"a\"}"));
	json_decref(expect_result(manager, "customer.lookup", "{\"id\":\"a\"}"));
	refused(till, scan, -32000, "not_permitted", "1");
	refused(manager, scan, -32000, "not_permitted", "1");
	json_decref(expect_result(device, "scan.submit", "{\"code\":\"x\"}"));
	refused(till, show, -32000, "not_permitted", "1");
	/* Who may not is not told whether he said it right. */
	refused(monitor,
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"program.show\",\"params\":{\"x\":1}}",
		-32000, "not_permitted", "1");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		peer_free(all[i]);
	peer_free(nobody);
}

static void
keys(void **state)
{
	struct peer *p = peer_of(state);
	char params[400], key[200];

#define CREATE(k) "{\"key\":" k ",\"record\":{\"first_name\":\"a\"}}"
	expect_fault(p, "customer.create", "{\"record\":{}}", "/key", "missing");
	expect_fault(p, "customer.create", CREATE("\"\""), "/key", "too_short");
	expect_fault(p, "customer.create", CREATE("\"a\\nb\""), "/key", "bad_value");
	expect_fault(p, "customer.create", CREATE("\"a\\u007f\""), "/key", "bad_value");
	expect_fault(p, "customer.create", CREATE("\"\\u0085\""), "/key", "bad_value");
	memset(key, 'k', 65);
	key[65] = '\0';
	snprintf(params, sizeof(params), "{\"key\":\"%s\",\"record\":{}}", key);
	expect_fault(p, "customer.create", params, "/key", "too_long");
	key[64] = '\0';
	snprintf(
		params, sizeof(params), "{\"key\":\"%s\",\"record\":{},\"operator\":\"eve\"}", key);
	json_t *result = expect_result(p, "customer.create", params);

	assert_string_equal(json_string_value(json_object_get(result, "by")), "eve");
	json_decref(result);
}

static void
exactly_one_of(void **state)
{
	struct peer *p = peer_of(state);

	expect_fault(p, "customer.lookup", "{}", "", "missing");
	expect_fault(p, "customer.lookup", "{\"id\":\"a\",\"phone\":\"b\"}", "/id", "bad_value");
	expect_fault(p, "customer.create",
		"{\"key\":\"k\",\"record\":{},\"card\":\"1\",\"draw_card\":true}", "/draw_card",
		"bad_value");
#define USES(u) \
	"{\"key\":\"k\",\"sale\":\"s\",\"basket\":" BASKET ",\"uses\":[{\"reward\":\"r\"}," u "]}"
	expect_fault(p, "reward.reserve", USES("{}"), "/uses/1", "missing");
	expect_fault(p, "reward.reserve", USES("{\"reward\":\"r\",\"wallet\":true}"),
		"/uses/1/wallet", "bad_value");
	expect_fault(
		p, "reward.reserve", USES("{\"wallet\":false}"), "/uses/1/wallet", "bad_value");
	expect_fault(p, "reward.reserve", USES("{\"reward\":\"r\",\"amount\":0}"), "/uses/1/amount",
		"out_of_range");
	expect_fault(p, "reward.reserve", USES("{\"reward\":\"r\",\"amout\":1}"), "/uses/1/amout",
		"unknown");
	expect_fault(p, "print.document",
		"{\"key\":\"k\",\"document\":{\"blocks\":[{\"qr\":\"a\",\"bold\":true}]}}",
		"/document/blocks/0/bold", "unknown");
	expect_fault(p, "print.document",
		"{\"key\":\"k\",\"document\":{\"blocks\":[{\"barcode\":\"1\"}]}}",
		"/document/blocks/0/symbology", "missing");
}

static void
unknown_fields_are_refused(void **state)
{
	struct peer *p = peer_of(state);

	expect_fault(p, "reward.quote", "{\"sale\":\"s\",\"basket\":" BASKET ",\"extra\":1}",
		"/extra", "unknown");
	expect_fault(p, "reward.quote",
		"{\"sale\":\"s\",\"basket\":{\"lines\":[],\"total\":0,\"colour\":\"red\"}}",
		"/basket/colour", "unknown");
	expect_fault(p, "reward.quote",
		"{\"sale\":\"s\",\"basket\":{\"lines\":[{\"no\":1,\"article\":{\"code\":\"A\","
		"\"sku\":\"B\"},\"quantity\":1,\"unit_price\":1,\"total\":1}],\"total\":1}}",
		"/basket/lines/0/article/sku", "unknown");
	expect_fault(p, "program.replace",
		"{\"key\":\"k\",\"program\":{\"currency\":\"EUR\",\"time_zone\":\"Europe/Paris\","
		"\"rewards\":[{\"id\":\"r\",\"kind\":\"amount\",\"title\":\"t\",\"vallue\":1}]}}",
		"/program/rewards/0/vallue", "unknown");
}

static void
several_faults_are_told_at_once(void **state)
{
	json_t *answer;
	const json_t *errors;

	peer_say(peer_of(state),
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"coupon.issue\",\"params\":"
		"{\"rule\":1,\"x\":2,\"valid_to\":\"z\"}}");
	answer = peer_json(peer_of(state));
	errors = json_object_get(
		json_object_get(json_object_get(answer, "error"), "data"), "errors");
	assert_int_equal(json_array_size(errors), 4);
	json_decref(answer);
}

static void
a_newer_till_is_not_lost(void **state)
{
	struct peer *p = peer_of(state);
	const json_t *params, *warnings;
	json_t *result = expect_result(p, "passage.post",
		"{\"sale\":\"s\",\"occurred_at\":\"2025-05-06T10:00:00Z\",\"weather\":1.5,"
		"\"lines\":[{\"no\":1,\"quantity\":1,\"unit_price\":1,\"total\":1,\"hue\":null,"
		"\"article\":{\"code\":\"A\",\"sku\":\"\\u0000\"}}],\"total\":1}");

	params = json_object_get(result, "params");
	warnings = json_object_get(result, "warnings");
	assert_null(json_object_get(params, "weather"));
	assert_null(json_object_get(json_array_get(json_object_get(params, "lines"), 0), "hue"));
	assert_int_equal(json_array_size(warnings), 1);
	assert_string_equal(json_string_value(json_array_get(warnings, 0)), "unknown_field");
	json_decref(result);
	/* It joins those that the connector has. */
	result = expect_result(p, "passage.post",
		"{\"sale\":\"s\",\"occurred_at\":\"2025-05-06T10:00:00Z\",\"mode\":\"m\",\"x\":1}");
	assert_int_equal(json_array_size(json_object_get(result, "warnings")), 2);
	json_decref(result);
	result = expect_result(
		p, "passage.post", "{\"sale\":\"s\",\"occurred_at\":\"2025-05-06T10:00:00Z\"}");
	assert_int_equal(json_array_size(json_object_get(result, "warnings")), 0);
	json_decref(result);
	expect_fault(p, "passage.post", "{\"sale\":\"s\",\"occured_at\":\"x\"}", "/occurred_at",
		"missing");
	expect_fault(p, "passage.post",
		"{\"sale\":1,\"occurred_at\":\"2025-05-06T10:00:00Z\",\"x\":1}", "/sale",
		"wrong_type");
}

static void
payment_cards_are_refused(void **state)
{
	struct peer *p = peer_of(state);
	static const char *const calls[] = {
		"\"customer.lookup\",\"params\":{\"card\":\"4111111111111111\"}",
		"\"customer.lookup\",\"params\":{\"code\":\"5555555555554444\"}",
		"\"scan.submit\",\"params\":{\"code\":\"378282246310005\"}",
		"\"scan.submit\",\"params\":{\"code\":\";378282246310005=2512?\"}",
		"\"card.attach\",\"params\":{\"key\":\"k\",\"customer\":\"c\","
		"\"card\":\"4111111111111111\"}",
		"\"customer.create\",\"params\":{\"key\":\"k\",\"record\":{\"cards\":"
		"[{\"number\":\"4111111111111111\"}]}}",
		"\"customer.create\",\"params\":{\"key\":\"k\",\"record\":{\"last_name\":"
		"\"4111111111111111\"}}",
		"\"customer.create\",\"params\":{\"key\":\"k\",\"record\":{\"external_refs\":"
		"{\"x\":\"4111111111111111\"}}}",
		"\"customer.create\",\"params\":{\"key\":\"k\",\"record\":{\"postcode\":"
		"\"4111111111111111\"}}",
		"\"customer.create\",\"params\":{\"key\":\"k\",\"record\":{\"country\":"
		"\"4111111111111111\"}}",
		"\"customer.create\",\"params\":{\"key\":\"k\",\"record\":{\"groups\":"
		"[\"4111111111111111\"]}}",
	};
	char line[400];

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		snprintf(line, sizeof(line), "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":%s}",
			calls[i]);
		refused(p, line, -32000, "payment_card_refused", "1");
	}
	json_decref(expect_result(p, "customer.lookup", "{\"card\":\"4111111111111112\"}"));
	json_decref(expect_result(p, "customer.lookup", "{\"card\":\"2912345678905\"}"));
}

static void
connectors_errors_arrive_whole(void **state)
{
	json_t *answer;
	const json_t *data;

	peer_say(peer_of(state), "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"customer.lookup\","
				 "\"params\":{\"id\":\"unknown\"}}");
	answer = peer_json(peer_of(state));
	data = json_object_get(json_object_get(answer, "error"), "data");
	assert_string_equal(json_string_value(json_object_get(data, "code")), "customer_ambiguous");
	assert_false(json_boolean_value(json_object_get(data, "retryable")));
	assert_int_equal(json_array_size(json_object_get(data, "candidates")), 1);
	assert_string_equal(json_string_value(json_object_get(data, "detail")),
		"Several customers match: choose the right one.");
	json_decref(answer);
	/* An operation that the connector does not know. */
	refused(peer_of(state),
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"coupon.check\",\"params\":"
		"{\"code\":\"a\"}}",
		-32000, "server_refused", "1");
}

static void
the_table_is_sorted_and_whole(void **state)
{
	for (size_t i = 0; i < tb_n_methods; i++) {
		const struct tb_method *m = &tb_methods[i];
		size_t rows = 0;

		if (i > 0)
			assert_true(strcmp(tb_methods[i - 1].name, m->name) < 0);
		assert_ptr_equal(tb_method_find(m->name), m);
		assert_non_null(m->handler);
		assert_non_null(m->prose);
		assert_non_null(m->answers);
		assert_true(m->roles != 0);
		for (const struct tb_field *f = m->params.fields; f->name; f++)
			rows++;
		assert_true(rows <= TB_SHAPE_FIELDS_MAX);
		if (m->flags & TB_METHOD_KEYED)
			assert_string_equal(m->params.fields[0].name, "key");
	}
}

static void
the_table_can_be_asked_for(void **state)
{
	json_t *all = expect_result(peer_of(state), "bridge.methods", "{}");
	json_t *one = expect_result(
		peer_of(state), "bridge.methods", "{\"method\":\"reward.reserve\"}");

	assert_int_equal(json_array_size(json_object_get(all, "methods")), tb_n_methods);
	assert_int_equal(json_array_size(json_object_get(one, "methods")), 1);
	assert_non_null(json_object_get(json_object_get(one, "shapes"), "basket"));
	assert_null(json_object_get(json_object_get(one, "shapes"), "program"));
	expect_fault(peer_of(state), "bridge.methods", "{\"method\":\"x\"}", "/method", "unknown");
	json_decref(all);
	json_decref(one);
}

static void
status_tells(void **state)
{
	json_t *s = expect_result(peer_of(state), "bridge.status", "{}");

	assert_string_equal(
		json_string_value(json_object_get(json_object_get(s, "link"), "state")), "none");
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(s, "outbox"), "depth")), 0);
	assert_true(json_is_array(json_object_get(s, "devices")));
	assert_string_equal(json_string_value(json_object_get(s, "version")), TB_VERSION);
	json_decref(s);
}

/* Says a post, and lets the loop make one turn: how many answers are there then. */
static unsigned
posts_in_one_turn(struct peer *peer, unsigned id)
{
	char line[512], seen[65536];
	int len = snprintf(line, sizeof(line),
		"{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"passage.post\",\"params\":"
		"{\"sale\":\"S%u\",\"occurred_at\":\"2025-05-06T10:00:00+02:00\","
		"\"lines\":[],\"total\":0,\"tenders\":[]}}\n",
		id, id);
	unsigned n = 0;

	assert_int_equal(send(peer->fd, line, (size_t)len, 0), len);
	tb_virtual_loop_turn(peer->stage->bridge.loop);
	len = (int)recv(peer->fd, seen, sizeof(seen), MSG_PEEK);
	for (int i = 0; i < len; i++)
		n += seen[i] == '\n';
	return n;
}

static void
calls_that_keep_coming_are_gathered(void **state)
{
	struct peer *peer = peer_of(state);
	_cleanup_free_ char *line = NULL;
	unsigned n = 0;

	/* the connector's turn is over when none came in the loop's, or at the latest after some */
	assert_int_equal(posts_in_one_turn(peer, 1), 0);
	assert_int_equal(posts_in_one_turn(peer, 2), 0);
	tb_virtual_loop_turn(peer->stage->bridge.loop);
	for (; (line = peer_line(peer)); n++) {
		assert_non_null(strstr(line, "\"result\""));
		free(TAKE_PTR(line));
	}
	assert_int_equal(n, 2);
	for (n = 0; n < 20 && posts_in_one_turn(peer, n) == 0; n++)
		;
	assert_in_range(n, 1, 19);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(hello_comes_first),
		T(not_json),
		T(not_json_rpc),
		T(ids_come_back_as_they_were),
		T(unknown_methods),
		T(parameters_of_the_wrong_make),
		T(numbers_are_whole),
		T(double_members),
		T(depth_has_a_limit),
		T(notifications_are_answered_by_nothing),
		T(batches),
		T(only_whom_it_is_for),
		T(keys),
		T(exactly_one_of),
		T(unknown_fields_are_refused),
		T(several_faults_are_told_at_once),
		T(a_newer_till_is_not_lost),
		T(payment_cards_are_refused),
		T(connectors_errors_arrive_whole),
		T(the_table_is_sorted_and_whole),
		T(the_table_can_be_asked_for),
		T(status_tells),
		T(calls_that_keep_coming_are_gathered),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
