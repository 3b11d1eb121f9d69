/* SPDX-License-Identifier: MIT */
/*
 * Plays the stories of fixtures/rules/ once more, with the offline front listening: whatever a
 * story quotes or reserves, the front is asked the same with a fresh cache, and must say what the
 * ledger says, save for what is never allowed offline. The player is the ledger's own
 * (test-vectors.c); its calls are taken on their way (--wrap).
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <dirent.h>
#include "bridge/conf.h"
#include "bridge/loyalty.h"
#include "bridge/offline.h"
#include "bridge/outbox.h"
#include "bridge/state.h"
#include "tests/unit/ledger/stage.h"
#include "tests/virtual-loop.h"

#define PENDING_MAX 16

/* A call of the story, and what the front said to it. */
struct heard {
	enum tb_op op;
	json_t *params;
	struct stage_answer *server, front;
};

static struct tb_conf conf = {.currency = "EUR", .language = "fr", .country = "FR"};
static struct tb_bridge bridge = {.conf = &conf};
static struct stage *server;
static struct tb_offline *front;
static char dir[64];
static struct heard pending[PENDING_MAX];
static size_t n_pending;
static json_t *held; /* sales that hold something: {sale: true} */
static unsigned compared;

struct stage *__real_stage_new(void);
void __real_stage_free(struct stage *s);
void __real_stage_call(
	struct stage *s, const char *method, json_t *params, struct stage_answer *answer);
void __real_stage_turn_end(struct stage *s);
struct stage *__wrap_stage_new(void);
void __wrap_stage_free(struct stage *s);
void __wrap_stage_call(
	struct stage *s, const char *method, json_t *params, struct stage_answer *answer);
void __wrap_stage_turn_end(struct stage *s);

/* The front's own calls. */
void
tb_loyalty_call(
	struct tb_loyalty *loyalty, enum tb_op op, json_t *params, tb_done_fn done, void *userdata)
{
	struct tb_call call = {
		.op = op,
		.caller = {.site = server->site, .till = server->till},
		.params = params,
		.done = done,
		.userdata = userdata,
	};

	tb_connector.call(server->state, &call);
	tb_connector.turn_end(server->state);
}

/* No outbox here. */
void
tb_outbox_forget(struct tb_outbox *outbox, const char *customer)
{
}

/* Only for a story that asks something. */
static void
start_front(void)
{
	_cleanup_free_ char *why = NULL;

	strcpy(dir, "/tmp/offline-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	bridge.loop = server->loop;
	bridge.state_dir = dir;
	bridge.loyalty = (struct tb_loyalty *)&bridge;
	conf.site = server->site;
	conf.till = server->till;
	conf.product_reference = server->host.product_reference;
	assert_int_equal(tb_state_new(&bridge, dir, &bridge.state, &why), 0);
	/* No power is cut in here, and disks are slow. */
	assert_int_equal(sqlite3_exec(tb_state_db(bridge.state), "PRAGMA synchronous = OFF", NULL,
				 NULL, NULL),
		SQLITE_OK);
	assert_int_equal(tb_offline_new(&bridge, &front), 0);
}

struct stage *
__wrap_stage_new(void)
{
	server = __real_stage_new();
	held = json_object();
	return server;
}

static void
end_front(void)
{
	struct dirent *entry;
	DIR *d;

	tb_offline_free(front);
	tb_state_free(bridge.state);
	front = NULL;
	d = opendir(dir);
	while (d && (entry = readdir(d)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(d), entry->d_name, 0);
	if (d)
		closedir(d);
	rmdir(dir);
}

void
__wrap_stage_free(struct stage *s)
{
	if (front)
		end_front();
	json_decref(held);
	__real_stage_free(s);
}

/* ---- asking the front --------------------------------------------------------------------- */

static void
on_front(const struct tb_answer *answer, void *userdata)
{
	struct stage_answer *a = userdata;

	a->done = true;
	a->error = answer->error;
	if (answer->json)
		a->json = json_loads(answer->json, 0, NULL);
}

/* What a till would have heard just before its line was cut. */
static void
learn(const char *customer)
{
	json_t *params = json_pack("{s:s}", "id", customer);
	struct stage_answer shown;

	tb_offline_link_up(front);
	tb_virtual_loop_settle(server->loop);
	__real_stage_call(server, "customer.lookup", params, &shown);
	__real_stage_turn_end(server);
	if (shown.error == TB_OK) {
		char *text = json_dumps(shown.json, JSON_COMPACT);

		tb_offline_learn(front,
			&(struct tb_call){.op = TB_OP_CUSTOMER_LOOKUP, .params = params}, text,
			strlen(text));
		free(text);
	}
	json_decref(shown.json);
	json_decref(params);
}

static bool
of_use(const json_t *params)
{
	const char *customer = json_string_value(json_object_get(params, "customer")),
		   *sale = json_string_value(json_object_get(params, "sale"));
	const json_t *use;
	size_t i;

	/* What the sale itself holds is in nobody's cache. */
	if (!customer || json_object_get(held, sale))
		return false;
	json_array_foreach(json_object_get(params, "uses"), i, use)
		if (json_object_get(use, "coupon") || json_object_get(use, "gift_card"))
			return false;
	return true;
}

static void
ask_front(enum tb_op op, json_t *params, struct stage_answer *answer)
{
	struct heard *heard = &pending[n_pending];
	struct tb_call call = {
		.op = op,
		.caller = {.site = server->site, .till = server->till},
		.params = params,
		.done = on_front,
		.userdata = &heard->front,
	};

	if (!front)
		start_front();
	conf.product_reference = server->host.product_reference;
	learn(json_string_value(json_object_get(params, "customer")));
	*heard = (struct heard){.op = op, .params = json_incref(params), .server = answer};
	tb_offline_answer(front, &call);
	assert_true(heard->front.done);
	n_pending++;
	/* It is the ledger that grants it. */
	if (op == TB_OP_REWARD_RESERVE && heard->front.error == TB_OK) {
		json_t *id = json_pack(
			"{s:O}", "reservation", json_object_get(heard->front.json, "reservation"));
		struct stage_answer released = {0};

		call = (struct tb_call){.op = TB_OP_REWARD_RELEASE,
			.caller = call.caller,
			.params = id,
			.done = on_front,
			.userdata = &released};
		tb_offline_answer(front, &call);
		json_decref(released.json);
		json_decref(id);
	}
}

void
__wrap_stage_call(struct stage *s, const char *method, json_t *params, struct stage_answer *answer)
{
	json_t *program = json_object_get(params, "program");

	if (strcmp(method, "program.replace") == 0 && json_is_object(program))
		json_object_set_new(program, "offline_max_value", json_integer(1000000000));
	if (n_pending < PENDING_MAX && of_use(params)) {
		if (strcmp(method, "reward.quote") == 0)
			ask_front(TB_OP_REWARD_QUOTE, params, answer);
		else if (strcmp(method, "reward.reserve") == 0)
			ask_front(TB_OP_REWARD_RESERVE, params, answer);
	}
	if (strcmp(method, "reward.reserve") == 0)
		json_object_set_new(
			held, json_string_value(json_object_get(params, "sale")), json_true());
	__real_stage_call(s, method, params, answer);
}

/* ---- comparing ---------------------------------------------------------------------------- */

static void
complain(const struct heard *h, const char *what)
{
	char *params = json_dumps(h->params, JSON_COMPACT);
	char *theirs = h->server->json ? json_dumps(h->server->json, JSON_COMPACT) : NULL;
	char *ours = h->front.json ? json_dumps(h->front.json, JSON_COMPACT) : NULL;
	const char *words[] = {tb_error_word(h->server->error), tb_error_word(h->front.error)};

	print_error("%s\n  asked  %s\n  ledger %s %s\n  front  %s %s\n", what, params,
		words[0] ? words[0] : "ok", theirs ? theirs : "", words[1] ? words[1] : "ok",
		ours ? ours : "");
	free(params);
	free(theirs);
	free(ours);
	fail();
}

static bool
same(const json_t *a, const json_t *b, const char *member)
{
	const json_t *x = json_object_get(a, member), *y = json_object_get(b, member);

	return x == y || (x && y && json_equal(x, y));
}

/* Reasons of what would be earned, but the one that the front adds. */
static bool
same_reasons(const json_t *theirs, const json_t *ours)
{
	json_t *rest = json_array(), *reason;
	bool equal;
	size_t i;

	json_array_foreach(ours, i, reason)
		if (strcmp(json_string_value(reason), "offline") != 0)
			json_array_append(rest, reason);
	equal = json_equal(theirs, rest);
	json_decref(rest);
	return equal;
}

static void
compare_quote(const struct heard *h)
{
	const json_t *theirs = h->server->json, *ours = h->front.json, *reward;
	const json_t *earn = json_object_get(theirs, "would_earn"),
		     *earned = json_object_get(ours, "would_earn");
	size_t i;

	if (json_array_size(json_object_get(theirs, "rewards")) !=
		json_array_size(json_object_get(ours, "rewards")))
		complain(h, "other rewards");
	json_array_foreach(json_object_get(theirs, "rewards"), i, reward) {
		const json_t *other = json_array_get(json_object_get(ours, "rewards"), i);
		const char *reason = json_string_value(json_object_get(other, "reason"));

		/* The welcome gift. */
		if (reason && strcmp(reason, "offline") == 0)
			continue;
		if (!json_equal(reward, other))
			complain(h, "another reward");
	}
	if (json_array_size(json_object_get(h->params, "codes")) > 0)
		return;
	if (!same(theirs, ours, "total_after") || !same(earn, earned, "points") ||
		!same(earn, earned, "wallet") ||
		!same_reasons(json_object_get(earn, "reasons"), json_object_get(earned, "reasons")))
		complain(h, "other earnings");
}

static void
compare_reservation(const struct heard *h)
{
	static const char *const members[] = {
		"adjustments", "total_before", "total_after", "to_pay"};
	const json_t *theirs = h->server->json, *ours = h->front.json;

	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (!same(theirs, ours, members[i]))
			complain(h, members[i]);
	theirs = json_object_get(theirs, "balances");
	ours = json_object_get(ours, "balances");
	if (!same(theirs, ours, "points") || !same(theirs, ours, "points_available") ||
		!same(theirs, ours, "wallet") || !same(theirs, ours, "wallet_available"))
		complain(h, "other balances");
}

static void
compare(const struct heard *h)
{
	enum tb_error ours = h->front.error, theirs = h->server->error;

	/* Somebody is gone, or a welcome gift was asked for; a key was said before. */
	if (ours == TB_ERROR_SERVER_UNREACHABLE || ours == TB_ERROR_OFFLINE_REFUSED ||
		ours == TB_ERROR_IDEMPOTENCY_CONFLICT || theirs == TB_ERROR_IDEMPOTENCY_CONFLICT)
		return;
	if (ours != theirs)
		complain(h, "another error");
	if (ours != TB_OK)
		return;
	compared++;
	if (h->op == TB_OP_REWARD_QUOTE)
		compare_quote(h);
	else
		compare_reservation(h);
}

void
__wrap_stage_turn_end(struct stage *s)
{
	__real_stage_turn_end(s);
	/* Of a race only one wins. */
	for (size_t i = 0; i < n_pending; i++) {
		if (n_pending == 1)
			compare(&pending[i]);
		json_decref(pending[i].params);
		json_decref(pending[i].front.json);
	}
	n_pending = 0;
}

/* It was not for nothing. */
static void __attribute__((destructor)) count(void)
{
	fprintf(stderr, "# %u answers compared\n", compared);
}
