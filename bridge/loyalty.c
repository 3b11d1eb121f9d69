/* SPDX-License-Identifier: MIT */
/*
 * Loads the connector that the configuration names, hands calls on with who asks and until when,
 * and ends its turns. Where the connector has a server: effects go by way of the outbox, what the
 * server says is learnt from, and when it says nothing the offline front answers.
 */

#include "bridge/loyalty-parts.h"

#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/why.h"
#include "bridge/conf.h"
#include "bridge/modules.h"
#include "bridge/offline.h"
#include "bridge/outbox.h"
#include "bridge/rpc/methods.h"
#include "bridge/state.h"

/* The connector is not entered again from its own callbacks: what is said there waits until its
 * turn is over. */
#define RANK_QUEUED (TB_RANK_CONNECTOR + 1)
/* Of a deadline, for what is left to do when the server has let it pass. */
#define MARGIN_MAX_US 100000
/* So long after a till's call its next one is to be expected. */
#define BUSY_US 100000
/* Turns of the loop that may become one of the connector's. */
#define GATHER_MAX 8

/* A call of the bridge's own. */
struct own_call {
	struct tb_list node; /* in tb_loyalty.queued */
	enum tb_op op;
	json_t *params;
	tb_done_fn done;
	void *userdata;
};

/* A call that a server is asked. */
struct asked {
	struct tb_loyalty *loyalty;
	struct tb_call call; /* as it came */
	bool fallback;       /* the offline front answers when the server does not */
	unsigned falls;      /* how often the link had gone down when it was asked */
};

/* An answer of the offline front, until what it promises is on disk. */
struct promised {
	tb_done_fn done;
	void *userdata;
	enum tb_error error;
	size_t len;
	char *json;
};

static const char *const op_names[TB_OP_COUNT] = {
#define X(name, method) [TB_OP_##name] = (method),
	TB_OPS(X)
#undef X
};

const char *
tb_loyalty_op_name(enum tb_op op)
{
	return op_names[op];
}

bool
tb_loyalty_is_local(const struct tb_loyalty *loyalty)
{
	return loyalty->connector->flags & TB_CONNECTOR_LOCAL;
}

/* ---- calls ---- */

static bool
knows(const struct tb_loyalty *loyalty, enum tb_op op)
{
	return loyalty->state && (loyalty->connector->ops & TB_OP_BIT(op));
}

static void
enter(struct tb_loyalty *loyalty, const struct tb_call *c)
{
	bool outer = loyalty->inside;

	tb_source_arm(loyalty->turn_end);
	loyalty->inside = true;
	loyalty->connector->call(loyalty->state, c);
	loyalty->inside = outer;
}

/* ---- without the server ---- */

static void
give_promised(int error, void *userdata)
{
	struct promised *promised = userdata;
	struct tb_answer answer = {
		.error = error < 0 ? TB_ERROR_INTERNAL : promised->error,
		.json = error < 0 ? NULL : promised->json,
		.len = error < 0 ? 0 : promised->len,
	};

	promised->done(&answer, promised->userdata);
	free(promised->json);
	free(promised);
}

static void
on_promised(const struct tb_answer *answer, void *userdata)
{
	struct promised *promised = userdata;

	promised->error = answer->error;
	if (answer->json) {
		promised->json = strndup(answer->json, answer->len);
		promised->len = answer->len;
		if (!promised->json)
			promised->error = TB_ERROR_INTERNAL;
	}
}

/* The offline front's answer, when all that stands behind it is on disk. */
static void
answer_offline(struct tb_loyalty *loyalty, const struct tb_call *c)
{
	struct tb_bridge *bridge = loyalty->bridge;
	struct promised *promised = bridge->offline ? calloc(1, sizeof(*promised)) : NULL;
	struct tb_call own = *c;

	if (!promised) {
		c->done(&(struct tb_answer){.error = TB_ERROR_SERVER_UNREACHABLE}, c->userdata);
		return;
	}
	promised->done = c->done;
	promised->userdata = c->userdata;
	own.done = on_promised;
	own.userdata = promised;
	tb_offline_answer(bridge->offline, &own);
	if (promised->error == TB_ERROR_OFFLINE_REFUSED &&
		tb_loyalty_is_in_doubt(loyalty, c->caller.site, c->caller.till, c->key))
		promised->error = TB_ERROR_SERVER_UNREACHABLE;
	if (tb_state_after_commit(bridge->state, give_promised, promised) < 0)
		give_promised(-ENOMEM, promised);
}

/* Whether a call that may have reached the server can be answered here all the same: a change that
 * may be made there is not to be called refused. */
static bool
can_fall_back(enum tb_op op, bool unsent)
{
	const struct tb_method *method = unsent ? NULL : tb_method_find(op_names[op]);

	return !method || !(method->flags & TB_METHOD_CHANGES) || op == TB_OP_REWARD_RESERVE ||
	       op == TB_OP_REWARD_RELEASE;
}

/* ---- with the server ---- */

static const char *
param(const struct tb_call *c, const char *name)
{
	return json_string_value(json_object_get(c->params, name));
}

/* A passage whose amount waits here: the server does not know it yet. */
static bool
give_with_amount(
	struct tb_loyalty *loyalty, const struct tb_call *c, const struct tb_answer *answer)
{
	_cleanup_free_ char *text = tb_outbox_show_amount(loyalty->bridge->outbox, c, answer);

	if (text)
		c->done(&(struct tb_answer){.json = text, .len = strlen(text)}, c->userdata);
	return text != NULL;
}

static void
on_server(const struct tb_answer *answer, void *userdata)
{
	struct asked *asked = userdata;
	struct tb_loyalty *loyalty = asked->loyalty;
	struct tb_offline *offline = loyalty->bridge->offline;
	struct tb_call c = asked->call;
	bool fallback = asked->fallback;
	/* Of what was asked before the link went down nobody knows when it was answered. */
	bool is_news = asked->falls == loyalty->link.falls;

	free(asked);
	if (fallback) {
		loyalty->n_asking--;
		loyalty->asked_us = tb_loop_now_us(loyalty->bridge->loop);
	}
	if (answer->error != TB_ERROR_SERVER_UNREACHABLE || !answer->unsent)
		tb_loyalty_doubt(loyalty, &c, answer->error == TB_ERROR_SERVER_UNREACHABLE);
	if (answer->error == TB_ERROR_SERVER_UNREACHABLE) {
		if (loyalty->state)
			tb_loyalty_link_heard(loyalty, false);
		if (fallback && can_fall_back(c.op, answer->unsent))
			answer_offline(loyalty, &c);
		else
			c.done(answer, c.userdata);
		return;
	}
	if (offline && fallback && tb_offline_knows_better(offline, &c, answer->error)) {
		answer_offline(loyalty, &c);
		return;
	}
	if (answer->error == TB_OK) {
		if (is_news)
			tb_loyalty_link_heard(loyalty, true);
		if (fallback)
			tb_outbox_let_in(loyalty->bridge->outbox);
		if (offline)
			tb_offline_learn(offline, &c, answer->json, answer->len);
		if (c.op == TB_OP_CUSTOMER_DELETE)
			tb_outbox_forget(loyalty->bridge->outbox, param(&c, "id"));
		if (fallback && c.op == TB_OP_PASSAGE_SHOW && give_with_amount(loyalty, &c, answer))
			return;
	} else if (offline && !tb_error_retryable(answer->error)) {
		tb_offline_refused(offline, &c, answer->error);
	}
	c.done(answer, c.userdata);
}

static void
ask_server(struct tb_loyalty *loyalty, const struct tb_call *c, bool fallback)
{
	struct asked *asked = calloc(1, sizeof(*asked));
	struct tb_call own = *c;

	if (!asked) {
		c->done(&(struct tb_answer){.error = TB_ERROR_INTERNAL}, c->userdata);
		return;
	}
	*asked = (struct asked){
		.loyalty = loyalty, .call = *c, .fallback = fallback, .falls = loyalty->link.falls};
	own.done = on_server;
	own.userdata = asked;
	if (fallback) {
		loyalty->n_asking++;
		loyalty->asked_us = tb_loop_now_us(loyalty->bridge->loop);
	}
	enter(loyalty, &own);
}

bool
tb_loyalty_is_busy(const struct tb_loyalty *loyalty)
{
	return loyalty->n_asking > 0 ||
	       tb_loop_now_us(loyalty->bridge->loop) - loyalty->asked_us < BUSY_US;
}

void
tb_loyalty_send(struct tb_loyalty *loyalty, const struct tb_call *c)
{
	if (knows(loyalty, c->op))
		ask_server(loyalty, c, false);
	else
		c->done(&(struct tb_answer){.error = loyalty->state ? TB_ERROR_SERVER_REFUSED
		                                                    : TB_ERROR_SERVER_UNREACHABLE,
				.unsent = true},
			c->userdata);
}

/* A reservation that was made here is given back here. */
static bool
is_ours(const struct tb_call *c)
{
	const char *reservation = param(c, "reservation");

	return c->op == TB_OP_REWARD_RELEASE && reservation && tb_offline_is_ours(reservation);
}

/* The rest of the call is filled in here. */
static void
call(struct tb_loyalty *loyalty, struct tb_call *c)
{
	const struct tb_conf *conf = loyalty->bridge->conf;

	if (!c->caller.site) {
		c->caller.site = conf->site;
		c->caller.till = conf->till;
	}
	c->deadline_us = tb_loop_now_us(loyalty->bridge->loop) + conf->deadline_us;
	if (!knows(loyalty, c->op)) {
		c->done(&(struct tb_answer){.error = TB_ERROR_SERVER_REFUSED}, c->userdata);
	} else if (tb_loyalty_is_local(loyalty)) {
		enter(loyalty, c);
	} else if (c->key && tb_outbox_has_key(loyalty->bridge->outbox, &c->caller, c->key)) {
		/* The server may not know yet what was said with it. */
		c->done(&(struct tb_answer){.error = TB_ERROR_IDEMPOTENCY_CONFLICT}, c->userdata);
	} else if (c->op == TB_OP_PASSAGE_SHOW && tb_outbox_show(loyalty->bridge->outbox, c)) {
		/* It waits here: the server does not know it. */
	} else if ((loyalty->link.known && !loyalty->link.up) || is_ours(c) ||
		   (loyalty->bridge->offline &&
			   tb_offline_must_judge(loyalty->bridge->offline, c))) {
		answer_offline(loyalty, c);
	} else {
		c->deadline_us -= TB_MIN(conf->deadline_us / 10, (uint64_t)MARGIN_MAX_US);
		ask_server(loyalty, c, true);
	}
}

/*
 * Calls that change something cost the disk once, however many they are. Tills that were answered
 * together say their next ones while the first of those is read, so we look again, without waiting,
 * as long as more of them come.
 */
static bool
more_may_come(struct tb_loyalty *loyalty)
{
	bool more = loyalty->n_changing > 0 && loyalty->gathered < GATHER_MAX;

	loyalty->gathered = more ? loyalty->gathered + 1 : 0;
	loyalty->n_changing = 0;
	return more && tb_source_arm(loyalty->turn_end) >= 0;
}

static void
on_turn_end(void *userdata)
{
	struct tb_loyalty *loyalty = userdata;

	if (more_may_come(loyalty))
		return;
	loyalty->inside = true;
	loyalty->connector->turn_end(loyalty->state);
	loyalty->inside = false;
}

static void
own_done(const struct tb_answer *answer, void *userdata)
{
	struct own_call *own = userdata;

	if (own->done)
		own->done(answer, own->userdata);
	json_decref(own->params);
	free(own);
}

static void
begin_own(struct tb_loyalty *loyalty, struct own_call *own)
{
	struct tb_call c = {
		.op = own->op,
		.params = own->params,
		.key = json_string_value(json_object_get(own->params, "key")),
		.done = own_done,
		.userdata = own,
	};

	call(loyalty, &c);
}

static void
on_queued(void *userdata)
{
	struct tb_loyalty *loyalty = userdata;

	while (!tb_list_empty(&loyalty->queued)) {
		struct own_call *own = tb_list_first(&loyalty->queued, struct own_call, node);

		tb_list_remove(&own->node);
		begin_own(loyalty, own);
	}
}

void
tb_loyalty_call(
	struct tb_loyalty *loyalty, enum tb_op op, json_t *params, tb_done_fn done, void *userdata)
{
	/* The bridge is ending, or this is one without an account. */
	struct own_call *own = loyalty ? calloc(1, sizeof(*own)) : NULL;

	if (!own) {
		if (done)
			done(&(struct tb_answer){.error = TB_ERROR_SERVER_UNREACHABLE}, userdata);
		return;
	}
	*own = (struct own_call){
		.op = op, .params = json_incref(params), .done = done, .userdata = userdata};
	tb_list_init(&own->node);
	if (!loyalty->inside) {
		begin_own(loyalty, own);
		return;
	}
	tb_list_append(&loyalty->queued, &own->node);
	tb_source_arm(loyalty->queued_end);
}

/* ---- calls of a till ---- */

static void
on_answer(const struct tb_answer *answer, void *userdata)
{
	struct tb_request *request = userdata;
	_cleanup_free_ char *data = NULL;

	if (answer->error == TB_OK) {
		tb_loyalty_answer(request, answer);
		return;
	}
	data = answer->json ? strndup(answer->json, answer->len) : NULL;
	tb_request_fail(request, answer->error, data);
}

void
tb_loyalty_method(struct tb_request *request)
{
	struct tb_bridge *bridge = tb_request_bridge(request);
	json_t *params = tb_request_params(request);
	struct tb_call c = {
		.op = tb_request_method(request)->op,
		.caller = {.site = tb_request_site(request),
			.till = tb_request_till(request),
			.by = json_string_value(json_object_get(params, "operator"))},
		.key = json_string_value(json_object_get(params, "key")),
		.params = params,
		.done = on_answer,
		.userdata = request,
	};

	if (!bridge->loyalty) {
		tb_request_fail(request, TB_ERROR_SERVER_UNREACHABLE, NULL);
	} else if (!tb_loyalty_is_local(bridge->loyalty) && tb_outbox_takes(c.op)) {
		tb_outbox_take(bridge->outbox, request);
	} else {
		if (tb_loyalty_is_local(bridge->loyalty) &&
			tb_request_method(request)->flags & TB_METHOD_CHANGES)
			bridge->loyalty->n_changing++;
		call(bridge->loyalty, &c);
	}
}

/* ---- start and stop ---- */

static int
open_module(struct tb_loyalty *loyalty, char **ret_why)
{
	const char *name = loyalty->bridge->conf->connector;
	int r = tb_module_open(name, TB_CONNECTOR_SYMBOL, &loyalty->module,
		(const void **)&loyalty->connector, ret_why);

	if (r < 0)
		return r;
	if (loyalty->connector->abi != TB_CONNECTOR_ABI)
		return tb_why(-ELIBBAD, ret_why,
			"connector %s is not of this version: install all from one package", name);
	return 0;
}

static const char *
setting(const struct tb_host *host, const char *key)
{
	const struct tb_loyalty *loyalty = host->userdata;
	const struct tb_conf *conf = loyalty->bridge->conf;

	return tb_conf_get(conf, conf->connector, key);
}

static void
try_again(const struct tb_host *host)
{
	const struct tb_loyalty *loyalty = host->userdata;

	if (loyalty->bridge->outbox)
		tb_outbox_send_again(loyalty->bridge->outbox);
}

/* The outbox is there with every connector: what it holds is shown, also where it cannot go. */
static int
start_server_parts(struct tb_loyalty *loyalty)
{
	struct tb_bridge *bridge = loyalty->bridge;
	bool local = tb_loyalty_is_local(loyalty);
	int r = tb_outbox_new(
		bridge, !local, loyalty->connector->flags & TB_CONNECTOR_KEYED, &bridge->outbox);

	if (r < 0 || local)
		return r;
	r = tb_offline_new(bridge, &bridge->offline);
	return r < 0 ? r : tb_loyalty_link_init(loyalty);
}

int
tb_loyalty_new(struct tb_bridge *bridge, struct tb_loyalty **ret, char **ret_why)
{
	struct tb_loyalty *loyalty = calloc(1, sizeof(*loyalty));
	const struct tb_conf *conf = bridge->conf;
	int r;

	*ret_why = NULL;
	if (!loyalty)
		return -ENOMEM;
	loyalty->bridge = bridge;
	loyalty->link.since_us = tb_loop_wall_us(bridge->loop);
	tb_list_init(&loyalty->queued);
	loyalty->host = (struct tb_host){
		.loop = bridge->loop,
		.state_dir = bridge->state_dir,
		.site = conf->site,
		.till = conf->till,
		.currency = conf->currency,
		.language = conf->language,
		.product_reference = conf->product_reference,
		.country = conf->country,
		.setting = setting,
		.link_changed = tb_loyalty_link_changed,
		.skew_measured = tb_loyalty_skew_measured,
		.try_again = try_again,
		.userdata = loyalty,
	};
	r = open_module(loyalty, ret_why);
	if (r >= 0)
		r = tb_loop_add_turn_end(
			bridge->loop, TB_RANK_CONNECTOR, on_turn_end, loyalty, &loyalty->turn_end);
	if (r >= 0)
		r = tb_loop_add_turn_end(
			bridge->loop, RANK_QUEUED, on_queued, loyalty, &loyalty->queued_end);
	if (r >= 0)
		r = loyalty->connector->start(&loyalty->host, &loyalty->state, ret_why);
	if (r >= 0)
		r = start_server_parts(loyalty);
	if (r < 0) {
		tb_loyalty_free(loyalty);
		return r;
	}
	*ret = loyalty;
	return 0;
}

void
tb_loyalty_free(struct tb_loyalty *loyalty)
{
	if (!loyalty)
		return;
	if (loyalty->state) {
		struct tb_connector_state *state = loyalty->state;

		/* From here on every call is refused, those that were queued meanwhile too. */
		loyalty->state = NULL;
		loyalty->inside = true;
		loyalty->connector->stop(state);
		loyalty->inside = false;
		on_queued(loyalty);
	}
	tb_outbox_free(TAKE_PTR(loyalty->bridge->outbox));
	tb_offline_free(TAKE_PTR(loyalty->bridge->offline));
	tb_loyalty_link_done(loyalty);
	tb_source_remove(&loyalty->turn_end);
	tb_source_remove(&loyalty->queued_end);
	tb_module_close(loyalty->module);
	free(loyalty);
}
