/* SPDX-License-Identifier: MIT */
/* The quick reader beside jansson: what it reads at all, it reads alike. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/macros.h"
#include "bridge/rpc/plain.h"

static const char *const plain[] = {
	"{}",
	" { } ",
	"{\"a\":1}",
	"{\"a\" : -1 , \"b\":[ ] ,\"c\":{}}",
	"{\"a\":[1,2,[3,{\"b\":\"x\"}],true,false]}",
	"{\"\":\"\",\"é\":\"Éléonore\"}",
	"{\"a\":999999999999999999,\"b\":-999999999999999999,\"c\":0}",
	"{\"a\":\"\x7f{}[],:\"}",
	"{\"a\":\"\\u00c9l\\u00E9o\\n\\t\\\"\\\\\\/\\b\\f\\r\\ud83c\\udf55\\u20ac\\u0001é\"}",
};

/* For jansson to read or to refuse. */
static const char *const left[] = {
	"",
	"1",
	"[]",
	"{",
	"}",
	"{\"a\":}",
	"{\"a\":1,}",
	"{,}",
	"{\"a\":[1,]}",
	"{\"a\":[,]}",
	"{\"a\" 1}",
	"{a:1}",
	"{\"a\":1} x",
	"{\"a\":1}{}",
	"{\"a\":01}",
	"{\"a\":-0}",
	"{\"a\":-}",
	"{\"a\":+1}",
	"{\"a\":1.5}",
	"{\"a\":1e3}",
	"{\"a\":1x}",
	"{\"a\":1000000000000000000}",
	"{\"a\":null}",
	"{\"a\":tru}",
	"{\"a\":truex}",
	"{\"a\":\"\\x\"}",
	"{\"a\":\"\\u00g0\"}",
	"{\"a\":\"\\u0000\"}",
	"{\"a\":\"\\ud800\"}",
	"{\"a\":\"\\udf55\\ud83c\"}",
	"{\"a\":\"\\ud83c\\u0041\"}",
	"{\"a\":\"\\",
	"{\"a\":\"\\n\xff\"}",
	"{\"\\u0061\":1}",
	"{\"a\":\"\t\"}",
	"{\"a\":\"\xff\"}",
	"{\"a\":\"\xed\xa0\x80\"}",
	"{\"a\":1,\"a\":2}",
	"{\"a\":{\"b\":1,\"b\":1}}",
	"{\"a\":\"x}",
};

static void
reads_as_jansson_does(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		json_t *ours = tb_plain_object(plain[i], strlen(plain[i]));
		json_t *theirs = json_loads(plain[i], 0, NULL);

		if (!ours || !json_equal(ours, theirs))
			fail_msg("%s", plain[i]);
		json_decref(ours);
		json_decref(theirs);
	}
}

static void
leaves_the_rest(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(left); i++)
		if (tb_plain_object(left[i], strlen(left[i])))
			fail_msg("%s", left[i]);
}

/* Every text of above with one byte changed, cut or doubled: what is read is what jansson reads. */
static void
is_never_of_another_mind(void **state)
{
	static const char bytes[] = "{}[]\",:0-1 tx\\\xc3\xa9";

	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		size_t len = strlen(plain[i]);

		for (size_t at = 0; at <= len; at++) {
			for (size_t k = 0; k < sizeof(bytes); k++) {
				char text[128];
				json_t *ours, *theirs;

				memcpy(text, plain[i], len + 1);
				text[at] = bytes[k];
				ours = tb_plain_object(text, len + (at == len));
				theirs = json_loadb(text, len + (at == len),
					JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
				if (ours && !json_equal(ours, theirs))
					fail_msg("%.*s", (int)len, text);
				json_decref(ours);
				json_decref(theirs);
			}
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_as_jansson_does),
		cmocka_unit_test(leaves_the_rest),
		cmocka_unit_test(is_never_of_another_mind),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("plain", tests, NULL, NULL);
}
