/* SPDX-License-Identifier: MIT */
/*
 * libtillbridge against a bridge that is a script: what it sends, in which pieces, and when it
 * goes. The real bridge's answers are not judged here.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>
#include "tillbridge.h"

#define HELLO \
	"{\"jsonrpc\":\"2.0\",\"method\":\"hello\",\"params\":{\"product\":\"tillbridge\"," \
	"\"till\":\"2\"}}\n"
#define ANSWER(id, result) "{\"jsonrpc\":\"2.0\",\"id\":" #id ",\"result\":" result "}\n"

/* A step of the other side: waits for a line that holds `wait`, or sends, or goes when both are
 * NULL. */
struct step {
	const char *wait, *send;
	bool bytewise;
};

struct bridge {
	const struct step *steps;
	char dir[32], path[64];
	int fd;
	pthread_t thread;
	char failed[256];
};

static bool
wait_line(int fd, const char *part)
{
	static _Thread_local char line[1 << 21];
	size_t len = 0;

	while (len < sizeof(line) - 1 && read(fd, line + len, 1) == 1)
		if (line[len++] == '\n') {
			line[len] = '\0';
			if (strstr(line, part))
				return true;
			len = 0;
		}
	return false;
}

static void *
play(void *userdata)
{
	struct bridge *bridge = userdata;
	int fd = accept(bridge->fd, NULL, NULL);

	for (const struct step *step = bridge->steps; step->wait || step->send; step++) {
		if (step->wait && !wait_line(fd, step->wait))
			snprintf(bridge->failed, sizeof(bridge->failed), "no line with %.200s",
				step->wait);
		for (size_t i = 0, n; step->send && i < strlen(step->send); i += n) {
			n = step->bytewise ? 1 : strlen(step->send) - i;
			if (send(fd, step->send + i, n, MSG_NOSIGNAL) != (ssize_t)n)
				break;
		}
	}
	close(fd);
	return NULL;
}

static struct tillbridge *
start(struct bridge *bridge, const struct step *steps, int expected)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct tillbridge *till = NULL;

	*bridge = (struct bridge){.steps = steps, .dir = "/tmp/till-XXXXXX"};
	assert_non_null(mkdtemp(bridge->dir));
	snprintf(bridge->path, sizeof(bridge->path), "%s/sock", bridge->dir);
	strcpy(address.sun_path, bridge->path);
	bridge->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(bridge->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(bridge->fd, 1), 0);
	assert_int_equal(pthread_create(&bridge->thread, NULL, play, bridge), 0);
	assert_int_equal(tillbridge_connect(bridge->path, 5000, &till), expected);
	return till;
}

static void
finish(struct bridge *bridge, struct tillbridge *till)
{
	tillbridge_close(till);
	pthread_join(bridge->thread, NULL);
	close(bridge->fd);
	unlink(bridge->path);
	rmdir(bridge->dir);
	assert_string_equal(bridge->failed, "");
}

static void
hello(void **state)
{
	struct bridge bridge;
	struct tillbridge *till = start(&bridge, (struct step[]){{.send = HELLO}, {0}}, 0);
	char *name = tillbridge_string(tillbridge_hello(till), "/product");

	assert_string_equal(name, "tillbridge");
	free(name);
	assert_true(tillbridge_fd(till) >= 0);
	finish(&bridge, till);
}

static void
no_bridge(void **state)
{
	struct tillbridge *till = NULL;
	char path[200];

	assert_int_equal(tillbridge_connect("/nowhere/till.sock", 100, &till), -ENOENT);
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(tillbridge_connect(path, 100, &till), -ENAMETOOLONG);
	assert_null(till);
}

static void
another_program(void **state)
{
	struct bridge bridge;

	finish(&bridge, start(&bridge, (struct step[]){{.send = "{\"method\":\"other\"}\n"}, {0}},
				-EPROTO));
}

static void
no_place_left(void **state)
{
	struct bridge bridge;

	finish(&bridge, start(&bridge,
				(struct step[]){{.send = "{\"jsonrpc\":\"2.0\",\"id\":null,"
							 "\"error\":{\"code\":-32000}}\n"},
					{0}},
				-EBUSY));
}

static void
result_in_pieces(void **state)
{
	struct bridge bridge;
	struct tillbridge *till = start(&bridge,
		(struct step[]){{.send = HELLO},
			{.wait = "\"method\":\"customer.lookup\",\"params\":{\"code\": \"A\"}",
				.send = ANSWER(1, "{\"customer\":{\"first_name\":"
						  "\"\\u00c9l\xC3\xA9onore\"}}"),
				.bytewise = true},
			{0}},
		0);
	char *result, *name;

	/* the newline between two values must not reach the wire */
	assert_int_equal(
		tillbridge_call(till, "customer.lookup", " {\"code\":\n\"A\"} ", 5000, &result), 0);
	name = tillbridge_string(result, "/customer/first_name");
	assert_string_equal(name, "Éléonore");
	free(name);
	free(result);
	finish(&bridge, till);
}

static void
refusal(void **state)
{
	struct bridge bridge;
	struct tillbridge *till = start(&bridge,
		(struct step[]){{.send = HELLO},
			{.wait = "coupon.check",
				.send = "{\"error\":{\"code\":-32000,\"data\":{\"code\":\"coupon_"
					"used\",\"retryable\":false}},"
					"\"id\":1,\"jsonrpc\":\"2.0\"}\n"},
			{0}},
		0);
	char *error, *code;

	assert_int_equal(
		tillbridge_call(till, "coupon.check", "{}", 5000, &error), TILLBRIDGE_REFUSED);
	code = tillbridge_string(error, "/data/code");
	assert_string_equal(code, "coupon_used");
	free(code);
	free(error);
	finish(&bridge, till);
}

static void
answers_out_of_order(void **state)
{
	struct bridge bridge;
	struct tillbridge *till = start(&bridge,
		(struct step[]){{.send = HELLO}, {.wait = "\"id\":1,"},
			{.wait = "\"id\":2,",
				.send = ANSWER(2, "{\"n\":22}") ANSWER(9, "{}")
					ANSWER(1, "{\"n\":11}")},
			{0}},
		0);
	uint64_t first, second;
	char *result;
	int64_t n;

	assert_int_equal(tillbridge_send(till, "a", NULL, 5000, &first), 0);
	assert_int_equal(tillbridge_send(till, "b", NULL, 5000, &second), 0);
	assert_int_equal(tillbridge_wait(till, first, 5000, &result), 0);
	assert_int_equal(tillbridge_integer(result, "/n", &n), 0);
	assert_int_equal(n, 11);
	free(result);
	assert_int_equal(tillbridge_wait(till, second, 5000, &result), 0);
	assert_int_equal(tillbridge_integer(result, "/n", &n), 0);
	assert_int_equal(n, 22);
	free(result);
	assert_int_equal(tillbridge_wait(till, second, 0, &result), -ENOENT);
	finish(&bridge, till);
}

static void
notices_between(void **state)
{
	struct bridge bridge;
	struct tillbridge *till = start(&bridge,
		(struct step[]){{.send = HELLO},
			{.wait = "x",
				.send = "{\"method\":\"scan\",\"params\":{\"seq\":1}}\n" ANSWER(
					1, "{}") "{\"method\":\"scan\",\"params\":{\"seq\":2}}\n{"
						 "\"method\":\"bye\"}\n"},
			{0}},
		0);
	char *result, *method, *params;

	assert_int_equal(tillbridge_call(till, "x", "{}", 5000, &result), 0);
	free(result);
	for (int64_t i = 1; i <= 2; i++) {
		int64_t seq = 0;

		assert_int_equal(tillbridge_next(till, 5000, &method, &params), 0);
		assert_string_equal(method, "scan");
		assert_int_equal(tillbridge_integer(params, "/seq", &seq), 0);
		assert_int_equal(seq, i);
		free(method);
		free(params);
	}
	assert_int_equal(tillbridge_next(till, 5000, &method, &params), 0);
	assert_string_equal(params, "{}");
	free(method);
	free(params);
	assert_int_equal(tillbridge_next(till, 5000, &method, &params), -EPIPE);
	assert_int_equal(tillbridge_call(till, "x", "{}", 5000, &result), -EPIPE);
	finish(&bridge, till);
}

static void
notices_overflow(void **state)
{
	const char *one = "{\"method\":\"scan\"}\n";
	char *many = calloc(TILLBRIDGE_NOTICES_MAX + 100, strlen(one) + 1), *at = many;
	struct bridge bridge;
	struct tillbridge *till;
	char *method, *params, *result;

	for (int i = 0; i < TILLBRIDGE_NOTICES_MAX + 50; i++)
		at = stpcpy(at, one);
	strcpy(at, ANSWER(1, "{}"));
	till = start(
		&bridge, (struct step[]){{.send = HELLO}, {.wait = "x", .send = many}, {0}}, 0);
	assert_int_equal(tillbridge_call(till, "x", "{}", 5000, &result), 0);
	free(result);
	for (int i = 0; i < TILLBRIDGE_NOTICES_MAX; i++) {
		assert_int_equal(tillbridge_next(till, 0, &method, &params), 0);
		free(method);
		free(params);
	}
	assert_int_equal(tillbridge_next(till, 0, &method, &params), -EOVERFLOW);
	finish(&bridge, till);
	free(many);
}

/* The answer to a call nobody waits for any more must not become the answer to the next. */
static void
late_answer(void **state)
{
	struct bridge bridge;
	struct tillbridge *till = start(&bridge,
		(struct step[]){{.send = HELLO}, {.wait = "\"id\":1,"},
			{.wait = "\"id\":2,",
				.send = ANSWER(1, "{\"n\":1}") ANSWER(2, "{\"n\":2}")},
			{0}},
		0);
	char *result = NULL;
	int64_t n;

	assert_int_equal(tillbridge_call(till, "slow", "{}", 0, &result), -ETIMEDOUT);
	assert_null(result);
	assert_int_equal(tillbridge_call(till, "quick", "{}", 5000, &result), 0);
	assert_int_equal(tillbridge_integer(result, "/n", &n), 0);
	assert_int_equal(n, 2);
	free(result);
	finish(&bridge, till);
}

static void
gone_in_mid_answer(void **state)
{
	struct bridge bridge;
	struct tillbridge *till = start(&bridge,
		(struct step[]){{.send = HELLO}, {.wait = "x", .send = "{\"id\":1,\"resu"}, {0}},
		0);
	char *result;

	assert_int_equal(tillbridge_call(till, "x", "{}", 5000, &result), -EPIPE);
	finish(&bridge, till);
}

static void
bad_params(void **state)
{
	static const char *const wrong[] = {
		"", "[]", "{", "{}x", "{\"a\":[}", "1", "{\"a\":\"", "{}{}"};
	struct bridge bridge;
	struct tillbridge *till = start(&bridge, (struct step[]){{.send = HELLO}, {0}}, 0);
	char *result, *big = malloc(TILLBRIDGE_SEND_MAX + 10);

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(tillbridge_call(till, "x", wrong[i], 100, &result), -EINVAL);
	memset(big, ' ', TILLBRIDGE_SEND_MAX + 10);
	memcpy(big, "{\"a\":1", 6);
	strcpy(big + TILLBRIDGE_SEND_MAX - 20, "}");
	assert_int_equal(tillbridge_call(till, "x", big, 100, &result), -EMSGSIZE);
	free(big);
	finish(&bridge, till);
}

static void
calls_have_a_limit(void **state)
{
	struct bridge bridge;
	struct tillbridge *till = start(
		&bridge, (struct step[]){{.send = HELLO}, {.wait = "\"id\":32,"}, {0}}, 0);
	uint64_t id;

	for (int i = 0; i < TILLBRIDGE_CALLS_MAX; i++)
		assert_int_equal(tillbridge_send(till, "x", NULL, 5000, &id), 0);
	assert_int_equal(tillbridge_send(till, "x", NULL, 5000, &id), -EBUSY);
	tillbridge_forget(till, id);
	assert_int_equal(tillbridge_send(till, "x", NULL, 5000, &id), 0);
	finish(&bridge, till);
}

static void
finding(void **state)
{
	const char *json =
		" { \"a\" : [ 1 , {\"b/c\":\"x\\n\\\"\\u20ac\\ud83d\\ude00\\ud800\"} , [ ] , -7 ],"
		"\"\\u0061~\":true, \"big\":9223372036854775808, \"f\":1.5, \"n\" : null } ";
	const char *at;
	char *text;
	size_t len;
	int64_t n = 0;

	text = tillbridge_string(json, "/a/1/b~1c");
	assert_string_equal(text, "x\n\"€😀\xEF\xBF\xBD");
	free(text);
	assert_int_equal(tillbridge_integer(json, "/a/3", &n), 0);
	assert_int_equal(n, -7);
	at = tillbridge_find(json, "/a~0", &len);
	assert_int_equal(len, 4);
	assert_memory_equal(at, "true", 4);
	at = tillbridge_find(json, "/n", &len);
	assert_int_equal(len, 4);
	assert_memory_equal(at, "null", 4);
	assert_non_null(tillbridge_find(json, "", &len));
	assert_int_equal(tillbridge_integer(json, "/big", &n), -ERANGE);
	assert_int_equal(tillbridge_integer(json, "/f", &n), -ENOENT);
	assert_int_equal(tillbridge_integer(json, "/a/2", &n), -ENOENT);
	assert_null(tillbridge_find(json, "/a/4", &len));
	assert_null(tillbridge_find(json, "/a/x", &len));
	assert_null(tillbridge_find(json, "/a/", &len));
	assert_null(tillbridge_find(json, "a", &len));
	assert_null(tillbridge_find(json, "/a/0/b", &len));
	assert_null(tillbridge_string(json, "/n"));
}

/* Whatever the text is, nothing is read behind its end: the sanitizer watches. */
static void
text_that_lies(void **state)
{
	const char *json =
		"{\"a\":[1,{\"b\":\"x\\u20ac\\ud83d\\ude00\\n\"}],\"c\":{\"d\":[[[\"\"]]]}}";
	char *deep = malloc(20001);

	for (size_t i = 0; i <= strlen(json); i++) {
		char *cut = strndup(json, i);
		static const char *const pointers[] = {"", "/a/1/b", "/c/d/0/0/0", "/zz"};

		for (size_t j = 0; j < 4; j++)
			free(tillbridge_string(cut, pointers[j]));
		for (size_t j = 0; j < i; j++) {
			char *bent = strdup(cut);

			bent[j] = "{}[]\",:\\u"[j % 9];
			for (size_t k = 0; k < 4; k++)
				free(tillbridge_string(bent, pointers[k]));
			free(bent);
		}
		free(cut);
	}
	memset(deep, '[', 20000);
	deep[20000] = '\0';
	assert_null(tillbridge_find(deep, "", NULL));
	assert_null(tillbridge_find(deep, "/0/0/0", NULL));
	free(deep);
}

static void
quoting(void **state)
{
	char *text = tillbridge_quote("a\"\\\n\x01é");

	assert_string_equal(text, "\"a\\\"\\\\\\u000a\\u0001é\"");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello),
		cmocka_unit_test(no_bridge),
		cmocka_unit_test(another_program),
		cmocka_unit_test(no_place_left),
		cmocka_unit_test(result_in_pieces),
		cmocka_unit_test(refusal),
		cmocka_unit_test(answers_out_of_order),
		cmocka_unit_test(notices_between),
		cmocka_unit_test(notices_overflow),
		cmocka_unit_test(late_answer),
		cmocka_unit_test(gone_in_mid_answer),
		cmocka_unit_test(bad_params),
		cmocka_unit_test(calls_have_a_limit),
		cmocka_unit_test(finding),
		cmocka_unit_test(text_that_lies),
		cmocka_unit_test(quoting),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
