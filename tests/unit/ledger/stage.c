/* SPDX-License-Identifier: MIT */
/* Setting the stage, and the words the tests speak in. */

#include "tests/unit/ledger/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <dirent.h>
#include <sys/stat.h>
#include "base/timestamp.h"
#include "tests/virtual-loop.h"

static const char *
setting(const struct tb_host *host, const char *key)
{
	const struct stage *s = host->userdata;

	return strcmp(key, "store") == 0 ? s->store_setting : NULL;
}

void
stage_start(struct stage *s)
{
	char *why = NULL;
	int r = tb_connector.start(&s->host, &s->state, &why);

	if (r < 0)
		fail_msg("start: %s", why ? why : strerror(-r));
	free(why);
}

struct stage *
stage_new(void)
{
	struct stage *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	strcpy(s->dir, "/tmp/ledger-test-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	s->loop = tb_virtual_loop_new();
	s->site = "lyon-1";
	s->till = "2";
	s->host = (struct tb_host){
		.loop = s->loop,
		.state_dir = s->dir,
		.site = s->site,
		.till = s->till,
		.currency = "EUR",
		.language = "fr",
		.product_reference = "code",
		.country = "FR",
		.setting = setting,
		.userdata = s,
	};
	stage_start(s);
	return s;
}

static void
remove_dir(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(path);
}

void
stage_verify(struct stage *s)
{
	char cursor[64] = "";

	for (;;) {
		json_t *result = *cursor ? ok(s, "ledger.verify", "{'cursor':'%s'}", cursor)
		                         : ok(s, "ledger.verify", "{}");
		const char *next = json_string_value(json_object_get(result, "cursor"));

		if (!json_is_true(json_object_get(result, "ok"))) {
			char *dump = json_dumps(result, JSON_INDENT(1));

			print_error("%s\n", dump);
			free(dump);
			fail_msg("the ledger does not prove its sums");
		}
		if (!next)
			return;
		snprintf(cursor, sizeof(cursor), "%s", next);
	}
}

void
stage_free(struct stage *s)
{
	if (s->state) {
		stage_verify(s);
		tb_connector.stop(s->state);
	}
	json_decref(s->last.json);
	assert_int_equal(tb_virtual_loop_sources(s->loop), 0);
	tb_virtual_loop_free(s->loop);
	remove_dir(s->dir);
	free(s);
}

void
stage_restart(struct stage *s)
{
	tb_connector.stop(s->state);
	s->state = NULL;
	stage_start(s);
}

void
stage_advance(struct stage *s, int64_t seconds)
{
	tb_virtual_loop_advance(s->loop, (uint64_t)seconds * 1000000);
}

int64_t
stage_now(const struct stage *s)
{
	return tb_loop_wall_us(s->loop);
}

int
stage_setup(void **state)
{
	*state = stage_new();
	return 0;
}

int
stage_teardown(void **state)
{
	stage_free(*state);
	return 0;
}

/* ---- calls -------------------------------------------------------------------------------- */

static json_t *
vjson(const char *format, va_list args)
{
	char *raw;
	json_error_t error;
	json_t *json;

	assert_true(vasprintf(&raw, format, args) >= 0);
	for (char *p = raw; *p; p++)
		if (*p == '\'')
			*p = '"';
	json = json_loads(raw, JSON_REJECT_DUPLICATES, &error);
	if (!json)
		fail_msg("%s in %s", error.text, raw);
	free(raw);
	return json;
}

json_t *
stage_json(const char *format, ...)
{
	va_list args;
	json_t *json;

	va_start(args, format);
	json = vjson(format, args);
	va_end(args);
	return json;
}

static void
on_done(const struct tb_answer *answer, void *userdata)
{
	struct stage_answer *a = userdata;

	assert_false(a->done);
	a->done = true;
	a->error = answer->error;
	a->coupons = answer->coupons;
	snprintf(a->changed, sizeof(a->changed), "%s",
		answer->changed_customer ? answer->changed_customer : "");
	if (answer->json) {
		json_error_t error;

		assert_int_equal(strlen(answer->json), answer->len);
		a->json = json_loads(answer->json, JSON_REJECT_DUPLICATES, &error);
		if (!a->json)
			fail_msg("%s in %s", error.text, answer->json);
	}
}

static enum tb_op
op_of(const char *method)
{
	static const char *const methods[] = {
#define X(name, method) [TB_OP_##name] = (method),
		TB_OPS(X)
#undef X
	};

	for (int i = 0; i < TB_OP_COUNT; i++)
		if (strcmp(methods[i], method) == 0)
			return (enum tb_op)i;
	fail_msg("no operation %s", method);
	return TB_OP_COUNT;
}

void
stage_call(struct stage *s, const char *method, json_t *params, struct stage_answer *answer)
{
	json_t *operator= json_object_get(params, "operator");
	struct tb_call call = {.op = op_of(method),
		.caller =
			{
				.site = s->site,
				.till = s->till,
				.by = operator? json_string_value(operator) : s->by },
				.key = json_string_value(json_object_get(params, "key")),
				.params = params,
				.deadline_us = tb_loop_now_us(s->loop) + 2000000,
				.done = on_done,
				.userdata = answer,
		};

	*answer = (struct stage_answer){};
	tb_connector.call(s->state, &call);
}

void
stage_turn_end(struct stage *s)
{
	tb_connector.turn_end(s->state);
}

static void
one_call(struct stage *s, const char *method, const char *format, va_list args)
{
	json_t *params = vjson(format, args);

	json_decref(s->last.json);
	stage_call(s, method, params, &s->last);
	stage_turn_end(s);
	if (!s->last.done)
		fail_msg("%s: no answer", method);
	json_decref(params);
}

json_t *
ok(struct stage *s, const char *method, const char *params, ...)
{
	va_list args;

	va_start(args, params);
	one_call(s, method, params, args);
	va_end(args);
	if (s->last.error != TB_OK) {
		char *dump = s->last.json ? json_dumps(s->last.json, JSON_COMPACT) : NULL;

		print_error("%s: %s %s\n", method, tb_error_word(s->last.error), dump ? dump : "");
		free(dump);
		fail_msg("%s was refused: %s", method, tb_error_word(s->last.error));
	}
	return s->last.json;
}

enum tb_error
refused(struct stage *s, const char *method, const char *params, ...)
{
	va_list args;

	va_start(args, params);
	one_call(s, method, params, args);
	va_end(args);
	if (s->last.error == TB_OK)
		fail_msg("%s was not refused", method);
	return s->last.error;
}

/* ---- looking at answers ------------------------------------------------------------------- */

json_t *
member(const json_t *json, const char *path)
{
	char name[64];

	while (json && *path) {
		size_t n = strcspn(path, ".");

		snprintf(name, sizeof(name), "%.*s", (int)n, path);
		json = json_is_array(json) ? json_array_get(json, (size_t)atoi(name))
		                           : json_object_get(json, name);
		path += n + (path[n] == '.');
	}
	return (json_t *)json;
}

static json_t *
must(const json_t *json, const char *path)
{
	json_t *value = member(json, path);

	if (!value) {
		char *dump = json_dumps(json, JSON_COMPACT);

		print_error("%s\n", dump);
		free(dump);
		fail_msg("no %s", path);
	}
	return value;
}

int64_t
number(const json_t *json, const char *path)
{
	json_t *value = must(json, path);

	assert_true(json_is_integer(value));
	return json_integer_value(value);
}

const char *
text(const json_t *json, const char *path)
{
	json_t *value = must(json, path);

	assert_true(json_is_string(value));
	return json_string_value(value);
}

size_t
length(const json_t *json, const char *path)
{
	json_t *value = must(json, path);

	assert_true(json_is_array(value));
	return json_array_size(value);
}

/* ---- the usual things --------------------------------------------------------------------- */

const char *
key(void)
{
	static char keys[8][24];
	static unsigned next;
	char *out = keys[next % 8];

	snprintf(out, sizeof(keys[0]), "k-%u", ++next);
	return out;
}

const char *
customer(struct stage *s, const char *name)
{
	static char ids[16][32];
	static unsigned next, count;
	char *id = ids[next++ % 16];

	count++;
	strcpy(id, text(ok(s, "customer.create",
				"{'key':'customer-%u','record':{'first_name':'%s','last_name':'"
				"Durand',"
				"'emails':['%s-%u@example.fr']}}",
				count, name, name, count),
			   "customer.id"));
	return id;
}

void
program(struct stage *s, const char *rest, ...)
{
	va_list args;
	char *more;

	va_start(args, rest);
	assert_true(vasprintf(&more, rest, args) >= 0);
	va_end(args);
	ok(s, "program.replace",
		"{'key':'%s','program':{'currency':'EUR','time_zone':'Europe/Paris',%s}}", key(),
		more);
	free(more);
}

const char *
basket(int64_t total)
{
	static char texts[4][512];
	static unsigned next;
	char *out = texts[next++ % 4];

	snprintf(out, sizeof(texts[0]),
		"'lines':[{'no':1,'article':{'code':'A1','label':'A1'},'quantity':1000,"
		"'unit_price':%lld,'total':%lld,'vat_bp':2000}],'total':%lld",
		(long long)total, (long long)total, (long long)total);
	return out;
}

json_t *
sale(struct stage *s, const char *no, const char *who, const char *occurred_at, int64_t total)
{
	char now[TB_TIME_TEXT];

	tb_time_format(stage_now(s), 7200, now);
	return ok(s, "passage.post",
		"{'sale':'%s','occurred_at':'%s',%s%s%s%s,'tenders':[{'kind':'card','amount':%lld}]"
		"}",
		no, occurred_at ? occurred_at : now, who ? "'customer':'" : "", who ? who : "",
		who ? "'," : "", basket(total), (long long)total);
}

int64_t
balance(struct stage *s, const char *who, const char *which)
{
	char path[64];

	snprintf(path, sizeof(path), "balances.%s", which);
	return number(ok(s, "customer.lookup", "{'id':'%s'}", who), path);
}

int64_t
points(struct stage *s, const char *who)
{
	return balance(s, who, "points");
}
