/* SPDX-License-Identifier: MIT */
/*
 * Plays the stories of fixtures/rules/ through the connector's table, each on a ledger of its own.
 * What needs a socket or a hub is left to the player of tests/scenario.
 */

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/timestamp.h"
#include "tests/unit/ledger/stage.h"
#include "tests/virtual-loop.h"

struct story {
	struct stage *stage;
	bool failed;
	json_t *saved;
	char where[256];
};

/* ---- strings with $ ----------------------------------------------------------------------- */

static json_t *
resolve_time(struct story *t, const char *word)
{
	int64_t us = stage_now(t->stage), unit = TB_USEC_PER_SEC, n = 0;
	char out[TB_TIME_TEXT];
	const char *p;

	if (strncmp(word, "$today", 6) == 0)
		us -= us % TB_USEC_PER_DAY;
	p = strpbrk(word, "+-");
	if (p) {
		n = strtoll(p, NULL, 10);
		switch (word[strlen(word) - 1]) {
		case 'd':
			unit = TB_USEC_PER_DAY;
			break;
		case 'h':
			unit = 3600 * TB_USEC_PER_SEC;
			break;
		case 'm':
			unit = 60 * TB_USEC_PER_SEC;
			break;
		}
	}
	us += n * unit;
	if (strncmp(word, "$today", 6) == 0)
		tb_date_format(tb_date_from_days(us / TB_USEC_PER_DAY), out);
	else
		tb_time_format(us, 7200, out);
	return json_string(out);
}

static json_t *
resolve(struct story *t, const json_t *in)
{
	json_t *out, *value;
	const char *name;
	size_t i;

	if (json_is_string(in) && json_string_value(in)[0] == '$') {
		const char *word = json_string_value(in);

		if (strncmp(word, "$now", 4) == 0 || strncmp(word, "$today", 6) == 0)
			return resolve_time(t, word);
		value = member(t->saved, word + 1);
		if (!value)
			fail_msg("%s: no %s", t->where, word);
		return json_deep_copy(value);
	}
	if (json_is_object(in)) {
		out = json_object();
		json_object_foreach((json_t *)in, name, value)
			json_object_set_new(out, name, resolve(t, value));
		return out;
	}
	if (json_is_array(in)) {
		out = json_array();
		json_array_foreach(in, i, value)
			json_array_append_new(out, resolve(t, value));
		return out;
	}
	return json_deep_copy(in);
}

/* ---- expectations ------------------------------------------------------------------------- */

static bool matches(const json_t *want, const json_t *got);

static bool
matches_spread(const json_t *want, const json_t *got)
{
	const char *no;
	json_t *amount, *item;
	size_t i;

	json_object_foreach((json_t *)want, no, amount) {
		bool found = false;

		json_array_foreach(got, i, item)
			if (json_integer_value(json_object_get(item, "no")) == atoll(no))
				found = json_equal(json_object_get(item, "amount"), amount);
		/* A line without a share may be left out. */
		if (!found && json_integer_value(amount) != 0)
			return false;
	}
	return true;
}

static json_t *
find_by(const json_t *list, const char *key, const char *value)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		const json_t *name = json_object_get(item, key);
		char number[24];

		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(name));
		if (strcmp(json_is_string(name) ? json_string_value(name) : number, value) == 0)
			return item;
	}
	return NULL;
}

static bool
matches_by(const json_t *want, const json_t *got)
{
	const char *key = json_string_value(json_object_get(want, "$by")), *name;
	json_t *value;

	json_object_foreach((json_t *)want, name, value)
		if (name[0] != '$' && !matches(value, find_by(got, key, name)))
			return false;
	return true;
}

static bool
in_list(const json_t *list, const json_t *value)
{
	json_t *item;
	size_t i;

	if (!json_is_array(list))
		return json_equal(list, value);
	json_array_foreach(list, i, item)
		if (json_equal(item, value))
			return true;
	return false;
}

static bool
chosen(const json_t *want, const json_t *item)
{
	const char *name;
	json_t *value;

	json_object_foreach(json_object_get(want, "where"), name, value)
		if (!in_list(value, json_object_get(item, name)))
			return false;
	json_object_foreach(json_object_get(want, "unless"), name, value)
		if (in_list(value, json_object_get(item, name)))
			return false;
	return true;
}

static bool
matches_sum(const json_t *want, const json_t *got)
{
	const char *name = json_string_value(json_object_get(want, "$sum"));
	int64_t sum = 0;
	json_t *item;
	size_t i;

	json_array_foreach(got, i, item)
		if (chosen(want, item))
			sum += json_integer_value(json_object_get(item, name));
	return sum == json_integer_value(json_object_get(want, "is"));
}

static bool
some_matches(const json_t *want, const json_t *list)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		if (matches(want, item))
			return true;
	return false;
}

static bool
matches_special(const json_t *want, const json_t *got)
{
	const json_t *value;
	json_t *item;
	size_t i;

	if ((value = json_object_get(want, "$spread")))
		return matches_spread(value, got);
	if (json_object_get(want, "$by"))
		return matches_by(want, got);
	if (json_object_get(want, "$sum"))
		return matches_sum(want, got);
	if (json_object_get(want, "$any"))
		return got && (!json_is_array(got) || json_array_size(got) > 0);
	if ((value = json_object_get(want, "$len")))
		return (int64_t)json_array_size(got) == json_integer_value(value);
	if ((value = json_object_get(want, "$prefix")))
		return strncmp(json_string_value(got), json_string_value(value),
			       json_string_length(value)) == 0;
	if ((value = json_object_get(want, "$not")))
		return !json_equal(value, got);
	if ((value = json_object_get(want, "$contains"))) {
		json_array_foreach(value, i, item)
			if (!some_matches(item, got))
				return false;
		return true;
	}
	fail_msg("an expectation nobody knows");
	return false;
}

static bool
matches(const json_t *want, const json_t *got)
{
	const char *name;
	json_t *value;
	size_t i;

	if (json_is_object(want)) {
		json_object_foreach((json_t *)want, name, value)
			if (name[0] == '$')
				return matches_special(want, got);
		json_object_foreach((json_t *)want, name, value)
			if (!matches(value, json_object_get(got, name)))
				return false;
		return json_is_object(got);
	}
	if (json_is_array(want)) {
		if (!json_is_array(got) || json_array_size(want) != json_array_size(got))
			return false;
		json_array_foreach(want, i, value)
			if (!matches(value, json_array_get(got, i)))
				return false;
		return true;
	}
	return json_equal(want, got);
}

/* ---- steps -------------------------------------------------------------------------------- */

static void
complain(struct story *t, const json_t *want, const struct stage_answer *got)
{
	char *a = json_dumps(want, JSON_ENCODE_ANY | JSON_COMPACT);
	char *b = got->json ? json_dumps(got->json, JSON_COMPACT) : NULL;

	print_error("%s\n  want %s\n  got  %s %s\n", t->where, a,
		got->error ? tb_error_word(got->error) : "ok", b ? b : "");
	free(a);
	free(b);
	t->failed = true;
}

static bool
is_error(const json_t *want, enum tb_error error)
{
	const char *word = tb_error_word(error);
	json_t *item;
	size_t i;

	if (!word)
		return false;
	if (json_is_string(want))
		return strcmp(json_string_value(want), "*") == 0 ||
		       strcmp(json_string_value(want), word) == 0;
	json_array_foreach(want, i, item)
		if (json_is_string(item) && strcmp(json_string_value(item), word) == 0)
			return true;
	return false;
}

static void
check_answer(struct story *t, const json_t *step, const struct stage_answer *got)
{
	json_t *raw = json_object_get(step, "expect"), *want;

	if (json_object_get(step, "either"))
		return;
	if (json_object_get(step, "expect_error")) {
		if (!is_error(json_object_get(step, "expect_error"), got->error))
			complain(t, json_object_get(step, "expect_error"), got);
		raw = json_object_get(step, "expect_data");
	} else if (got->error != TB_OK) {
		complain(t, step, got);
	}
	if (!raw)
		return;
	want = resolve(t, raw);
	if (!matches(want, got->json))
		complain(t, want, got);
	json_decref(want);
}

static void
save(struct story *t, const json_t *name, const struct stage_answer *got)
{
	if (name && got->json)
		json_object_set(t->saved, json_string_value(name), got->json);
}

static void
play_call(struct story *t, const json_t *step)
{
	json_t *params = resolve(t, json_object_get(step, "params"));
	struct stage_answer got;

	stage_call(t->stage, json_string_value(json_object_get(step, "call")), params, &got);
	stage_turn_end(t->stage);
	check_answer(t, step, &got);
	save(t, json_object_get(step, "save"), &got);
	json_decref(got.json);
	json_decref(params);
}

/* All in one turn. */
static void
play_race(struct story *t, const json_t *step)
{
	const json_t *race = json_object_get(step, "race"), *call;
	json_t *params[16];
	struct stage_answer got[16];
	int64_t winners = 0;
	size_t i, n = json_array_size(race);

	assert_true(n <= ARRAY_SIZE(got));
	json_array_foreach(race, i, call) {
		params[i] = resolve(t, json_object_get(call, "params"));
		stage_call(t->stage, json_string_value(json_object_get(call, "call")), params[i],
			&got[i]);
	}
	stage_turn_end(t->stage);
	for (i = 0; i < n; i++) {
		winners += got[i].error == TB_OK;
		if (got[i].error != TB_OK &&
			!is_error(json_object_get(step, "losers_error"), got[i].error))
			complain(t, json_object_get(step, "losers_error"), &got[i]);
		json_decref(got[i].json);
		json_decref(params[i]);
	}
	if (winners != json_integer_value(json_object_get(step, "winners")))
		complain(t, json_object_get(step, "winners"), &(struct stage_answer){});
}

static void
play_step(struct story *t, const json_t *step)
{
	if (t->failed)
		return;
	if (json_object_get(step, "race"))
		play_race(t, step);
	else if (json_object_get(step, "sleep"))
		stage_advance(
			t->stage, 1 + (int64_t)json_number_value(json_object_get(step, "sleep")));
	else
		play_call(t, step);
}

/* What is checked before a call comes to the ledger is told of the socket alone. */
static bool
is_of_the_socket(const json_t *vector)
{
	static const char *const names[] = {"newer till's fields", "tells each record at fault"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strstr(json_string_value(json_object_get(vector, "name")), names[i]))
			return true;
	return false;
}

/* What the story configures: only how articles are named concerns the ledger. */
static void
configure(struct story *t, const json_t *conf)
{
	const char *reference = json_string_value(json_object_get(conf, "product_reference"));

	if (!reference)
		return;
	t->stage->host.product_reference = reference;
	stage_restart(t->stage);
}

static bool
play(const char *file, const json_t *vector)
{
	struct story t = {.stage = stage_new(), .saved = json_object()};
	const json_t *step;
	size_t i;

	configure(&t, json_object_get(vector, "conf"));
	snprintf(t.where, sizeof(t.where), "%s: %s", file,
		json_string_value(json_object_get(vector, "name")));
	step = json_pack("{s:s, s:{s:s, s:O}}", "call", "program.replace", "params", "key",
		"the-program", "program", json_object_get(vector, "program"));
	play_call(&t, step);
	json_decref((json_t *)step);
	json_array_foreach(json_object_get(vector, "setup"), i, step) {
		json_t *call = json_pack("{s:O, s:O}", "call", json_array_get(step, 0), "params",
			json_array_get(step, 1));

		if (json_array_get(step, 2))
			json_object_set(call, "save", json_array_get(step, 2));
		play_call(&t, call);
		json_decref(call);
	}
	json_array_foreach(json_object_get(vector, "steps"), i, step)
		play_step(&t, step);
	json_decref(t.saved);
	stage_free(t.stage);
	return !t.failed;
}

/* How many stories of the file went otherwise. */
static unsigned
play_file(const char *dir, const char *name)
{
	char path[512];
	json_t *vectors, *vector;
	unsigned failed = 0;
	size_t i;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	vectors = json_load_file(path, 0, NULL);
	assert_non_null(vectors);
	json_array_foreach(vectors, i, vector)
		if (!is_of_the_socket(vector))
			failed += !play(name, vector);
	json_decref(vectors);
	return failed;
}

static void
test_vectors(void **state)
{
	const char *dir = getenv("TB_VECTORS");
	DIR *d = opendir(dir);
	struct dirent *entry;
	unsigned files = 0, failed = 0;

	assert_non_null(d);
	while ((entry = readdir(d))) {
		size_t n = strlen(entry->d_name);

		if (n < 5 || strcmp(entry->d_name + n - 5, ".json") != 0)
			continue;
		/* Offline is the hub's: this ledger is always there. */
		if (strstr(entry->d_name, "offline"))
			continue;
		failed += play_file(dir, entry->d_name);
		files++;
	}
	closedir(d);
	assert_true(files > 10);
	assert_int_equal(failed, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("ledger-vectors", tests, NULL, NULL);
}
