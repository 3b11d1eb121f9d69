/* SPDX-License-Identifier: MIT */
/*
 * The hub connector: another tillbridge over HTTPS. A call is handed on as it is, POST /v1/METHOD
 * with its parameters as the body, and the answer's text is given back as it came. What must not be
 * lost while the line is down is the bridge's outbox, not this.
 */

#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "plugins/loyalty/connector.h"
#include "plugins/loyalty/hub/exchange.h"
#include "plugins/loyalty/hub/look.h"
#include "plugins/loyalty/hub/token.h"
#include "plugins/loyalty/shapes/json.h"

#define AGAIN_MIN_US 50000 /* what must be left of a deadline for a second try */
#define CALLS_MAX 256      /* under way at once */
/* How long a hub that cannot reach its own ledger is left alone: its sign of life says nothing. */
#define SICK_MIN_US 1000000
#define SICK_MAX_US 30000000

struct tb_connector_state {
	const struct tb_host *host;
	struct tb_exchanges *exchanges;
	struct tb_token_file *token; /* NULL: there is none */
	uint64_t token_no;           /* how many there were before */
	size_t under_way;
	bool up, known; /* the link as last told */
	bool probing;
	uint64_t sick_until_us, sick_us; /* after a failure of its own, and how long it was */
};

struct hub_call {
	struct tb_connector_state *state;
	struct tb_call call;
	uint64_t token_no; /* with which it was sent */
	bool again;        /* its first answer was lost on the way */
	bool paired_again; /* it was said once more with another token */
};

static const char *const methods[TB_OP_COUNT] = {
#define X(name, method) [TB_OP_##name] = method,
	TB_OPS(X)
#undef X
};

static void
tell_link(struct tb_connector_state *state, bool up, const char *why)
{
	if (state->known && state->up == up)
		return;
	state->known = true;
	state->up = up;
	if (up)
		tb_log_notice("hub: the link is up");
	else
		tb_log_warning("hub: the link is down: %s", why);
	if (state->host->link_changed)
		state->host->link_changed(state->host, up);
}

/* What an answer of the hub says of the link: its disk may be full, its store held by another. */
static void
tell_health(struct tb_connector_state *state, bool writes, enum tb_error error)
{
	uint64_t now_us = tb_loop_now_us(state->host->loop);

	if (error == TB_OK && writes)
		state->sick_us = 0;
	if (error != TB_ERROR_SERVER_UNREACHABLE) {
		/* What is only read may come from a disk that takes nothing. */
		if (writes || now_us >= state->sick_until_us)
			tell_link(state, true, NULL);
		return;
	}
	if (now_us >= state->sick_until_us) {
		state->sick_us = TB_MIN(
			TB_MAX(2 * state->sick_us, (uint64_t)SICK_MIN_US), (uint64_t)SICK_MAX_US);
		state->sick_until_us = now_us + state->sick_us;
	}
	tell_link(state, false, "the hub cannot reach its ledger");
}

static void
answer_error(const struct tb_call *call, enum tb_error error, const char *data)
{
	struct tb_answer answer = {.error = error, .json = data, .len = data ? strlen(data) : 0};

	call->done(&answer, call->userdata);
}

/* A refusal in problem+json: the members that are the contract's are handed on, the rest is HTTP's.
 */
static enum tb_error
answer_problem(const struct tb_call *call, json_t *problem)
{
	static const char *const of_http[] = {
		"type", "title", "status", "instance", "code", "retryable", "detail"};
	const char *word = json_string_value(json_object_get(problem, "code"));
	enum tb_error error = word ? tb_error_from_word(word) : TB_OK;
	_cleanup_free_ char *data = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(of_http); i++)
		json_object_del(problem, of_http[i]);
	if (json_object_size(problem) > 0)
		data = json_dumps(problem, JSON_COMPACT);
	if (error == TB_OK)
		error = TB_ERROR_SERVER_REFUSED;
	answer_error(call, error, data);
	return error;
}

static unsigned
count_coupons(const struct tb_call *call, json_t *result)
{
	return call->op == TB_OP_PASSAGE_POST
	               ? (unsigned)json_array_size(json_object_get(result, "coupons"))
	               : 0;
}

/* Whether the bridge may have coupons of it to print. Said within a text it is only looked for. */
static bool
may_have_coupons(const struct tb_call *call, const struct tb_exchange_end *end)
{
	static const char name[] = "\"coupons\"", none[] = "\"coupons\":[]";
	const char *at = end->body;
	size_t left = end->len;

	while (call->op == TB_OP_PASSAGE_POST && (at = memmem(at, left, name, sizeof(name) - 1))) {
		left = end->len - (size_t)(at - end->body);
		if (left < sizeof(none) || memcmp(at, none, sizeof(none) - 1) != 0)
			return true;
		at += sizeof(none) - 1;
		left -= sizeof(none) - 1;
	}
	return false;
}

/* Whether the body is an answer of a hub at all: anything else came from something in between.
 * ret_error is what the till was answered. */
static bool
answer_body(const struct tb_call *call, const struct tb_exchange_end *end, enum tb_error *ret_error)
{
	json_t *body;
	bool ours;

	/* Nothing in it is asked for: a look will do, a tree of it takes ten times as long. */
	if (end->status == 200 && !may_have_coupons(call, end)) {
		if (!tb_look_is_object(end->body, end->len))
			return false;
		call->done(&(struct tb_answer){.json = end->body, .len = end->len}, call->userdata);
		*ret_error = TB_OK;
		return true;
	}
	body = json_loadb(end->body, end->len, JSON_ALLOW_NUL, NULL);
	ours = json_is_object(body);
	if (ours && end->status == 200) {
		struct tb_answer answer = {
			.json = end->body, .len = end->len, .coupons = count_coupons(call, body)};

		call->done(&answer, call->userdata);
		*ret_error = TB_OK;
	} else if (ours && end->status >= 400 && json_is_string(json_object_get(body, "code"))) {
		*ret_error = answer_problem(call, body);
	} else {
		ours = false;
	}
	json_decref(body);
	return ours;
}

static void
tell_skew(struct tb_connector_state *state, const struct tb_exchange_end *end)
{
	if (end->has_skew && state->host->skew_measured)
		state->host->skew_measured(state->host, end->skew_low_us, end->skew_high_us);
}

static int post(struct hub_call *hc);
static void on_token(void *userdata);

/* A connection that broke under a request is no link that is down: it is said once more, with the
 * same key. With what is left of the deadline, so one that ran out is not. */
static bool
say_again(struct hub_call *hc, const struct tb_exchange_end *end)
{
	if (end->status != 0 || end->unsent || hc->again || !hc->state->exchanges ||
		tb_loop_now_us(hc->state->host->loop) + AGAIN_MIN_US > hc->call.deadline_us)
		return false;
	hc->again = true;
	return post(hc) == 0;
}

/* One that was not let in is said once more when there is another token by now. */
static bool
pair_again(struct hub_call *hc, const struct tb_exchange_end *end)
{
	struct tb_connector_state *state = hc->state;

	if ((end->status != 401 && end->status != 403) || !state->token || !state->exchanges ||
		hc->paired_again)
		return false;
	if (hc->token_no == state->token_no && tb_token_file_look(state->token))
		on_token(state);
	if (hc->token_no == state->token_no)
		return false;
	hc->paired_again = true;
	return post(hc) == 0;
}

static void
exchanged(const struct tb_exchange_end *end, void *userdata)
{
	struct hub_call *hc = userdata;
	struct tb_connector_state *state = hc->state;
	struct tb_call call = hc->call;
	bool writes = call.key != NULL, unsent = end->unsent && !hc->again;
	enum tb_error error;
	char why[64];

	if (say_again(hc, end) || pair_again(hc, end))
		return;
	free(hc);
	state->under_way--;
	tell_skew(state, end);
	if (end->status != 0 && answer_body(&call, end, &error)) {
		tell_health(state, writes, error);
		return;
	}
	snprintf(why, sizeof(why), "status %ld without an answer", end->status);
	tell_link(state, false, end->status ? why : end->why);
	call.done(&(struct tb_answer){.error = TB_ERROR_SERVER_UNREACHABLE, .unsent = unsent},
		call.userdata);
}

/* 0, or a negative errno and nothing is under way. */
static int
post(struct hub_call *hc)
{
	const struct tb_call *call = &hc->call;
	char *body = tb_json_text(call->params);
	char path[64];

	if (!body)
		return -ENOMEM;
	snprintf(path, sizeof(path), "/v1/%s", methods[call->op]);
	hc->token_no = hc->state->token_no;
	return tb_exchanges_post(
		hc->state->exchanges, path, call->key, body, call->deadline_us, exchanged, hc);
}

static void
hub_call(struct tb_connector_state *state, const struct tb_call *call)
{
	struct hub_call *hc;

	if (state->under_way >= CALLS_MAX) {
		answer_error(call, TB_ERROR_RATE_LIMITED, NULL);
		return;
	}
	hc = calloc(1, sizeof(*hc));
	if (hc) {
		*hc = (struct hub_call){.state = state, .call = *call};
		state->under_way++;
		if (post(hc) == 0)
			return;
		state->under_way--;
		free(hc);
	}
	answer_error(call, TB_ERROR_INTERNAL, NULL);
}

/* ---- a sign of life ---- */

/* Any answer of a hub is one, also that it does not let us in. */
static void
probed(const struct tb_exchange_end *end, void *userdata)
{
	struct tb_connector_state *state = userdata;
	json_t *body = end->status ? json_loadb(end->body, end->len, JSON_ALLOW_NUL, NULL) : NULL;
	bool ours = json_is_object(body) &&
	            (end->status == 200 || json_is_string(json_object_get(body, "code")));
	char why[64];

	json_decref(body);
	state->probing = false;
	snprintf(why, sizeof(why), "status %ld without an answer", end->status);
	if (ours)
		tell_skew(state, end);
	if (!ours || tb_loop_now_us(state->host->loop) >= state->sick_until_us)
		tell_link(state, ours, end->status ? why : end->why);
}

static void
hub_probe(struct tb_connector_state *state, uint64_t deadline_us)
{
	char *body;

	if (state->probing)
		return;
	body = strdup("{}");
	state->probing = body && tb_exchanges_post(state->exchanges, "/v1/bridge.status", NULL,
					 body, deadline_us, probed, state) == 0;
}

/* Nothing is kept back: every call is its own exchange. */
static void
hub_turn_end(struct tb_connector_state *state)
{
}

/* ---- the token ---- */

/* The till was paired again: what waited for that goes. */
static void
on_token(void *userdata)
{
	struct tb_connector_state *state = userdata;

	if (!tb_exchanges_set_token(state->exchanges, tb_token_file_text(state->token)))
		return;
	state->token_no++;
	if (state->host->try_again)
		state->host->try_again(state->host);
}

static void
hub_stop(struct tb_connector_state *state)
{
	/* What is under way ends, and is not said again. */
	tb_exchanges_free(TAKE_PTR(state->exchanges));
	tb_token_file_free(state->token);
	free(state);
}

/* What can be known to be wrong before anything is made. */
static int
check_settings(const struct tb_exchange_settings *settings, char **ret_why)
{
	int error;

	if (!settings->url) {
		*ret_why = strdup("[hub] needs url");
		return -EINVAL;
	}
	if (!settings->ca_file || access(settings->ca_file, R_OK) == 0)
		return 0;
	error = errno;
	if (asprintf(ret_why, "ca_file %s: %s", settings->ca_file, strerror(error)) < 0)
		*ret_why = NULL;
	return -error;
}

static int
open_token(struct tb_connector_state *state, char **ret_why)
{
	const struct tb_host *host = state->host;
	const char *path = host->setting(host, "token_file");

	if (path)
		return tb_token_file_open(
			host->loop, path, on_token, state, &state->token, ret_why);
	tb_log_warning("[hub] has no token_file: no hub will let this till in");
	return 0;
}

static int
hub_start(const struct tb_host *host, struct tb_connector_state **ret, char **ret_why)
{
	struct tb_connector_state *state;
	struct tb_exchange_settings settings = {
		.url = host->setting(host, "url"),
		.ca_file = host->setting(host, "ca_file"),
		.site = host->site,
		.till = host->till,
	};
	int r;

	*ret_why = NULL;
	r = check_settings(&settings, ret_why);
	if (r < 0)
		return r;
	state = calloc(1, sizeof(*state));
	if (!state)
		return -ENOMEM;
	state->host = host;
	r = open_token(state, ret_why);
	if (r == 0) {
		settings.token = state->token ? tb_token_file_text(state->token) : NULL;
		r = tb_exchanges_new(host->loop, &settings, &state->exchanges, ret_why);
	}
	if (r < 0) {
		tb_token_file_free(state->token);
		free(state);
		return r;
	}
	*ret = state;
	return 0;
}

TB_EXPORT const struct tb_connector tb_connector = {
	.abi = TB_CONNECTOR_ABI,
	.name = "hub",
	.flags = TB_CONNECTOR_KEYED,
	.ops = (UINT64_C(1) << TB_OP_COUNT) - 1,
	.start = hub_start,
	.call = hub_call,
	.turn_end = hub_turn_end,
	.stop = hub_stop,
	.probe = hub_probe,
};
