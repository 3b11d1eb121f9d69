/* SPDX-License-Identifier: MIT */
/*
 * Loads the connector that the configuration names, hands calls on with who asks and until when,
 * and ends its turns. A passage that earned coupons has their jobs in its answer, and is answered
 * when those are on disk.
 */

#include "bridge/loyalty.h"

#include <stdio.h>
#include <string.h>
#include "base/jsonw.h"
#include "base/list.h"
#include "base/log.h"
#include "base/timestamp.h"
#include "bridge/conf.h"
#include "bridge/events.h"
#include "bridge/modules.h"
#include "bridge/printing.h"
#include "bridge/rpc/methods.h"
#include "bridge/state.h"

/* The connector is not entered again from its own callbacks: what is said there waits until its
 * turn is over. */
#define RANK_QUEUED (TB_RANK_CONNECTOR + 1)

/* A call of the bridge's own. */
struct own_call {
	struct tb_list node; /* in tb_loyalty.queued */
	enum tb_op op;
	json_t *params;
	tb_done_fn done;
	void *userdata;
};

struct tb_loyalty {
	struct tb_bridge *bridge;
	void *module;
	const struct tb_connector *connector;
	struct tb_connector_state *state;
	struct tb_host host;
	struct tb_source *turn_end, *queued_end;
	struct tb_list queued; /* struct own_call.node */
	bool inside;           /* the connector is running */
	bool up;               /* the link, where there is one */
	int64_t since_us;      /* it is as it is */
};

static int TB_PRINTF(3, 4) refuse(int error, char **ret_why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(ret_why, format, args) < 0)
		*ret_why = NULL;
	va_end(args);
	return error;
}

/* ---- calls ---- */

static bool
knows(const struct tb_loyalty *loyalty, enum tb_op op)
{
	return loyalty->state && (loyalty->connector->ops & TB_OP_BIT(op));
}

/* The rest of the call is filled in here. */
static void
call(struct tb_loyalty *loyalty, struct tb_call *c)
{
	const struct tb_conf *conf = loyalty->bridge->conf;
	bool outer = loyalty->inside;

	if (!c->caller.site) {
		c->caller.site = conf->site;
		c->caller.till = conf->till;
	}
	c->deadline_us = tb_loop_now_us(loyalty->bridge->loop) + conf->deadline_us;
	if (!knows(loyalty, c->op)) {
		c->done(&(struct tb_answer){.error = TB_ERROR_SERVER_REFUSED}, c->userdata);
		return;
	}
	tb_source_arm(loyalty->turn_end);
	loyalty->inside = true;
	loyalty->connector->call(loyalty->state, c);
	loyalty->inside = outer;
}

static void
on_turn_end(void *userdata)
{
	struct tb_loyalty *loyalty = userdata;

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

/* ---- a passage that earned coupons ---- */

struct earned {
	struct tb_loyalty *loyalty;
	struct tb_request *request;
	char *text; /* the connector's answer */
	size_t len;
	char *with_jobs; /* the same with the jobs in it */
};

static void
give(struct earned *earned, const char *text, size_t len)
{
	tb_request_answer(earned->request, text, len);
	free(earned->text);
	free(earned->with_jobs);
	free(earned);
}

/* The passage is posted whatever becomes of its print jobs: without them the till prints later. */
static void
on_jobs_kept(int error, void *userdata)
{
	struct earned *earned = userdata;

	if (error < 0)
		give(earned, earned->text, earned->len);
	else
		give(earned, earned->with_jobs, strlen(earned->with_jobs));
}

/* Queues each coupon and writes its job into it. NULL when there is nothing to write. */
static char *
queue_coupons(struct earned *earned, const char *first_name)
{
	struct tb_printing *printing = earned->loyalty->bridge->printing;
	json_t *result = json_loadb(earned->text, earned->len, 0, NULL);
	json_t *coupons = json_object_get(result, "coupons"), *coupon;
	char *text = NULL;
	unsigned queued = 0;
	size_t i;

	json_array_foreach(coupons, i, coupon) {
		_cleanup_free_ char *job = NULL;
		int r = tb_printing_coupon(printing, coupon, first_name, &job);

		if (r < 0 && r != -ENODEV)
			tb_log_warning("an earned coupon is not queued: %s", strerror(-r));
		if (r >= 0 && job && json_object_set_new(coupon, "job", json_string(job)) == 0)
			queued++;
	}
	if (queued > 0)
		text = json_dumps(result, JSON_COMPACT);
	json_decref(result);
	return text;
}

static void
on_customer(const struct tb_answer *answer, void *userdata)
{
	struct earned *earned = userdata;
	struct tb_bridge *bridge = earned->loyalty->bridge;
	json_t *shown = answer && answer->error == TB_OK
	                        ? json_loadb(answer->json, answer->len, 0, NULL)
	                        : NULL;
	const char *first_name = json_string_value(
		json_object_get(json_object_get(shown, "customer"), "first_name"));

	earned->with_jobs = queue_coupons(earned, first_name);
	json_decref(shown);
	if (!earned->with_jobs) {
		give(earned, earned->text, earned->len);
		return;
	}
	if (tb_state_after_commit(bridge->state, on_jobs_kept, earned) < 0)
		on_jobs_kept(-ENOMEM, earned);
}

/* The first name stands on the coupon, so the customer is asked for first. */
static bool
print_coupons(
	struct tb_loyalty *loyalty, struct tb_request *request, const struct tb_answer *answer)
{
	struct earned *earned = calloc(1, sizeof(*earned));
	const json_t *id = json_object_get(tb_request_params(request), "customer");
	json_t *params;

	if (!earned)
		return false;
	earned->loyalty = loyalty;
	earned->request = request;
	earned->len = answer->len;
	earned->text = strndup(answer->json, answer->len);
	if (!earned->text) {
		free(earned);
		return false;
	}
	params = id ? json_pack("{s:O}", "id", id) : NULL;
	if (params)
		tb_loyalty_call(loyalty, TB_OP_CUSTOMER_LOOKUP, params, on_customer, earned);
	else
		on_customer(NULL, earned);
	json_decref(params);
	return true;
}

/* ---- calls of a till ---- */

static void
on_answer(const struct tb_answer *answer, void *userdata)
{
	struct tb_request *request = userdata;
	struct tb_loyalty *loyalty = tb_request_bridge(request)->loyalty;
	_cleanup_free_ char *data = NULL;

	if (answer->error != TB_OK) {
		data = answer->json ? strndup(answer->json, answer->len) : NULL;
		tb_request_fail(request, answer->error, data);
		return;
	}
	if (answer->coupons > 0 && tb_request_method(request)->op == TB_OP_PASSAGE_POST &&
		tb_request_bridge(request)->printing && print_coupons(loyalty, request, answer))
		return;
	tb_request_answer(request, answer->json, answer->len);
}

void
tb_loyalty_method(struct tb_request *request)
{
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

	if (tb_request_bridge(request)->loyalty)
		call(tb_request_bridge(request)->loyalty, &c);
	else
		tb_request_fail(request, TB_ERROR_SERVER_UNREACHABLE, NULL);
}

/* ---- the link ---- */

static void
link_changed(const struct tb_host *host, bool up)
{
	struct tb_loyalty *loyalty = host->userdata;
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&buf);

	if (up == loyalty->up)
		return;
	loyalty->up = up;
	loyalty->since_us = tb_loop_wall_us(loyalty->bridge->loop);
	tb_loyalty_write_link(loyalty, &w);
	if (tb_buf_error(&buf) == 0)
		tb_events_emit(loyalty->bridge->events, TB_NOTICE_LINK, NULL, buf.data, buf.len);
}

void
tb_loyalty_write_link(const struct tb_loyalty *loyalty, struct tb_jsonw *w)
{
	bool local = !loyalty || (loyalty->connector->flags & TB_CONNECTOR_LOCAL);
	char since[TB_TIME_TEXT];

	tb_jsonw_object(w, "link");
	tb_jsonw_string(w, "state", local ? "none" : loyalty->up ? "up" : "down");
	if (loyalty) {
		tb_time_format(loyalty->since_us, 0, since);
		tb_jsonw_string(w, "since", since);
	}
	tb_jsonw_int(w, "skew_ms", 0);
	tb_jsonw_end_object(w);
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
		return refuse(-ELIBBAD, ret_why,
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
	loyalty->since_us = tb_loop_wall_us(bridge->loop);
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
		.link_changed = link_changed,
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

		loyalty->inside = true;
		loyalty->connector->stop(state);
		loyalty->inside = false;
		/* From here on every call is refused, those that were queued meanwhile too. */
		loyalty->state = NULL;
		on_queued(loyalty);
	}
	tb_source_remove(&loyalty->turn_end);
	tb_source_remove(&loyalty->queued_end);
	tb_module_close(loyalty->module);
	free(loyalty);
}
