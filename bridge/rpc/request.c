/* SPDX-License-Identifier: MIT */
/*
 * The life of a call, whatever carried it: role, parameters, handler, answer. Whoever carries it is
 * told through struct tb_carrier.
 */

#include "bridge/rpc/carrier.h"

#include <string.h>
#include "bridge/conf.h"
#include "bridge/counter.h"
#include "bridge/rpc/check.h"
#include "bridge/say.h"

/* What is answered when there is no memory for an answer. */
static const char no_memory[] = "{\"code\":\"internal\",\"retryable\":true}";

uint32_t
tb_roles_expand(uint32_t roles)
{
	if (roles & TB_ROLE_MANAGER)
		roles |= TB_ROLE_TILL;
	if (roles)
		roles |= TB_ROLE_MONITOR;
	return roles;
}

struct tb_request *
tb_request_new(
	struct tb_bridge *bridge, const struct tb_carrier *carrier, void *owner, const char *id)
{
	size_t len = id ? strlen(id) : 0;
	struct tb_request *request = calloc(1, sizeof(*request) + len + 1);

	if (!request)
		return NULL;
	request->bridge = bridge;
	request->carrier = carrier;
	request->owner = owner;
	request->audience = "";
	if (id)
		memcpy(request->id, id, len + 1);
	return request;
}

static void
request_free(struct tb_request *request)
{
	if (!request)
		return;
	if (request->root)
		json_decref(request->root);
	else
		json_decref(request->params);
	free(request);
}

static void
end(struct tb_request *request, const struct tb_reply *reply)
{
	request->carrier->done(request, reply);
	request_free(request);
}

static const char *
language(const struct tb_request *request)
{
	return request->bridge->conf->language;
}

/* errors: inside of a list, or NULL; more: an object, or NULL. */
static void
fail(struct tb_request *request, enum tb_rpc_number number, enum tb_error error, const char *detail,
	const char *errors, const char *more)
{
	_cleanup_buf_ struct tb_buf data = TB_BUF_INIT(0);
	struct tb_reply reply = {.number = number};

	tb_codec_error_data(&data, error, detail, errors, more);
	if (tb_buf_error(&data) < 0) {
		reply.json = no_memory;
		reply.len = sizeof(no_memory) - 1;
	} else {
		reply.json = data.data;
		reply.len = data.len;
	}
	end(request, &reply);
}

void
tb_request_fail(struct tb_request *request, enum tb_error error, const char *data)
{
	enum tb_rpc_number number = error == TB_ERROR_INVALID_PARAMS ? TB_RPC_INVALID_PARAMS
	                            : error == TB_ERROR_INTERNAL     ? TB_RPC_INTERNAL_ERROR
	                                                             : TB_RPC_OUR_ERROR;

	fail(request, number, error, tb_say_error(error, language(request)), NULL, data);
}

void
tb_request_fail_at(struct tb_request *request, const char *pointer, const char *code)
{
	struct tb_check check = {};

	tb_check_add(&check, pointer, code);
	fail(request, TB_RPC_INVALID_PARAMS, TB_ERROR_INVALID_PARAMS,
		tb_say_error(TB_ERROR_INVALID_PARAMS, language(request)), check.errors.data, NULL);
	tb_check_done(&check);
}

void
tb_request_reject(struct tb_request *request, enum tb_rpc_number number)
{
	enum tb_say_rpc what = number == TB_RPC_PARSE_ERROR        ? TB_SAY_NOT_JSON
	                       : number == TB_RPC_METHOD_NOT_FOUND ? TB_SAY_NO_METHOD
	                                                           : TB_SAY_NO_CALL;

	fail(request, number, TB_ERROR_INVALID_PARAMS, tb_say_rpc(what, language(request)), NULL,
		NULL);
}

void
tb_request_answer(struct tb_request *request, const char *json, size_t len)
{
	_cleanup_buf_ struct tb_buf warned = TB_BUF_INIT(0);
	struct tb_reply reply = {.json = json, .len = len};

	if (request->warning) {
		tb_codec_add_warning(&warned, json, len, request->warning);
		if (tb_buf_error(&warned) == 0) {
			reply.json = warned.data;
			reply.len = warned.len;
		}
	}
	end(request, &reply);
}

static bool
is_payment_card(const char *code, void *userdata)
{
	const struct tb_bridge *bridge = userdata;

	return bridge->counter && tb_counter_is_payment_card(bridge->counter, code);
}

/* A till that reads an article for a customer's card: what it says is done, and told. */
static bool
looks_like_article(const struct tb_request *request)
{
	const char *code = json_string_value(json_object_get(request->params, "card")), *reason;
	struct tb_scan scan = {.code = (char *)code};

	if (request->method->op != TB_OP_CARD_ATTACH || !code || !request->bridge->counter)
		return false;
	return tb_counter_classify(request->bridge->counter, &scan, &reason) == TB_CODE_ARTICLE;
}

/* False when it has been refused. */
static bool
check_params(struct tb_request *request)
{
	struct tb_check check = {
		.tolerant = request->method->flags & TB_METHOD_TOLERANT,
		.bridges = request->site != NULL,
		.is_payment_card = is_payment_card,
		.userdata = request->bridge,
	};
	bool fine = tb_check_params(&check, &request->method->params, request->params);

	if (check.unknown)
		request->warning = "unknown_field";
	else if (fine && !request->site && looks_like_article(request))
		request->warning = "looks_like_article";
	if (fine && check.payment_card) {
		fine = false;
		tb_request_fail(request, TB_ERROR_PAYMENT_CARD_REFUSED, NULL);
	} else if (!fine) {
		fail(request, TB_RPC_INVALID_PARAMS, TB_ERROR_INVALID_PARAMS,
			tb_say_error(TB_ERROR_INVALID_PARAMS, language(request)), check.errors.data,
			NULL);
	}
	tb_check_done(&check);
	return fine;
}

void
tb_request_start(struct tb_request *request, const char *name, json_t *params, const char *doubled)
{
	/* With a member said twice it is not even certain which method is meant. */
	if (doubled) {
		tb_request_fail_at(request, doubled, "duplicate");
		return;
	}
	request->method = tb_method_find(name);
	if (!request->method && request->site)
		request->method = tb_method_find_of_bridges(name);
	if (!request->method) {
		tb_request_reject(request, TB_RPC_METHOD_NOT_FOUND);
		return;
	}
	if (!(request->method->roles & request->roles)) {
		tb_request_fail(request, TB_ERROR_NOT_PERMITTED, NULL);
		return;
	}
	if (params && !json_is_object(params)) {
		tb_request_fail_at(request, "", "wrong_type");
		return;
	}
	if (params && request->root)
		request->params = params;
	else if (!params) {
		/* No parameters are an empty object; root is not needed any more. */
		json_decref(request->root);
		request->root = NULL;
		request->params = json_object();
	}
	if (!request->params) {
		tb_request_fail(request, TB_ERROR_INTERNAL, NULL);
		return;
	}
	if (check_params(request))
		request->method->handler(request);
}

struct tb_bridge *
tb_request_bridge(const struct tb_request *request)
{
	return request->bridge;
}

const struct tb_method *
tb_request_method(const struct tb_request *request)
{
	return request->method;
}

json_t *
tb_request_params(const struct tb_request *request)
{
	return request->params;
}

uint64_t
tb_request_client(const struct tb_request *request)
{
	return request->client;
}

const char *
tb_request_audience(const struct tb_request *request)
{
	return request->audience;
}

const char *
tb_request_site(const struct tb_request *request)
{
	return request->site ? request->site : request->bridge->conf->site;
}

const char *
tb_request_till(const struct tb_request *request)
{
	return request->till ? request->till : request->bridge->conf->till;
}

uint32_t
tb_request_roles(const struct tb_request *request)
{
	return request->roles;
}
