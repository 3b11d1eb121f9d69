/* SPDX-License-Identifier: MIT */
/*
 * From an HTTP call to a request and back: the same table of methods, the same checking, an answer
 * as a body, an error as problem+json (RFC 9457) with the same code.
 */

#include "bridge/http/door.h"

#include <assert.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "bridge/conf.h"
#include "bridge/events.h"
#include "bridge/http/http.h"
#include "bridge/modules.h"
#include "bridge/rpc/carrier.h"
#include "bridge/rpc/plain.h"
#include "bridge/say.h"
#include "bridge/tokens.h"

struct tb_door {
	struct tb_bridge *bridge;
	void *module;
	const struct tb_http *http;
	struct tb_http_state *state;
	struct tb_http_host host;
	char *address;
};

/* A call under way. */
struct door_call {
	struct tb_http_peer peer;
	char audience[2 * 65 + 8];
	tb_http_done_fn done;
	void *userdata;
};

/* ---- statuses ---- */

static unsigned
status_of(enum tb_rpc_number number, enum tb_error error)
{
	if (number == TB_RPC_METHOD_NOT_FOUND)
		return 404;
	switch (error) {
	case TB_ERROR_INVALID_PARAMS:
		return 400;
	case TB_ERROR_CUSTOMER_UNKNOWN:
	case TB_ERROR_COUPON_UNKNOWN:
	case TB_ERROR_GIFT_CARD_UNKNOWN:
	case TB_ERROR_REWARD_UNKNOWN:
	case TB_ERROR_PASSAGE_UNKNOWN:
	case TB_ERROR_DEVICE_UNKNOWN:
		return 404;
	case TB_ERROR_NOT_PERMITTED:
		return 403;
	case TB_ERROR_CONFLICT:
	case TB_ERROR_IN_PROGRESS:
	case TB_ERROR_CUSTOMER_AMBIGUOUS:
	case TB_ERROR_DEVICE_CLAIMED:
		return 409;
	case TB_ERROR_TOO_LARGE:
		return 413;
	case TB_ERROR_RATE_LIMITED:
		return 429;
	case TB_ERROR_INTERNAL:
		return 500;
	case TB_ERROR_SERVER_UNREACHABLE:
	case TB_ERROR_PRINTER_UNAVAILABLE:
	case TB_ERROR_PAPER_OUT:
	case TB_ERROR_COVER_OPEN:
		return 503;
	case TB_ERROR_SERVER_REFUSED:
		return 502;
	default: /* idempotency_conflict too: the same key with another body is not to be said again
	          */
		return 422;
	}
}

/* data is the text of an object with at least `code`: HTTP's members go before its own. */
static void
write_problem(struct tb_buf *buf, unsigned status, const char *code, const char *data)
{
	tb_buf_addf(buf, "{\"type\":\"urn:tillbridge:error:%s\",\"title\":\"%s\",\"status\":%u,",
		code, code, status);
	tb_buf_add_str(buf, data + 1);
}

/* The word of the first member, which is `code`, as tb_codec_error_data() writes it. */
static void
read_code(const char *data, char out[32])
{
	int n = 0;

	if (sscanf(data, "{\"code\":\"%31[a-z_]%n", out, &n) != 1)
		snprintf(out, 32, "internal");
}

static unsigned
problem(const struct tb_http_host *host, const char *word, char **ret_body)
{
	static const struct {
		const char *word;
		unsigned status;
		enum tb_error error;
	} words[] = {
		{"unauthorized", 401, TB_ERROR_NOT_PERMITTED},
		{"not_permitted", 403, TB_ERROR_NOT_PERMITTED},
		{"no_method", 404, TB_ERROR_INVALID_PARAMS},
		{"only_get", 405, TB_ERROR_INVALID_PARAMS},
		{"only_post", 405, TB_ERROR_INVALID_PARAMS},
		{"too_large", 413, TB_ERROR_TOO_LARGE},
		{"rate_limited", 429, TB_ERROR_RATE_LIMITED},
	};
	const struct tb_door *door = host->userdata;
	_cleanup_buf_ struct tb_buf data = TB_BUF_INIT(0);
	struct tb_buf body = TB_BUF_INIT(0);
	enum tb_error error = TB_ERROR_INVALID_PARAMS;
	unsigned status = 400;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i].word, word) == 0) {
			status = words[i].status;
			error = words[i].error;
		}
	tb_codec_error_data(
		&data, error, tb_say_error(error, door->bridge->conf->language), NULL, NULL);
	if (tb_buf_error(&data) == 0)
		write_problem(&body, status, tb_error_word(error), data.data);
	*ret_body = tb_buf_error(&body) || !body.data ? NULL : tb_buf_take(&body);
	tb_buf_done(&body);
	return status;
}

/* ---- calls ---- */

static void
replied(struct tb_request *request, const struct tb_reply *reply)
{
	struct door_call *c = request->owner;
	_cleanup_buf_ struct tb_buf body = TB_BUF_INIT(0);
	char code[32];
	unsigned status;

	if (reply->number == 0) {
		c->done(200, reply->json, reply->len, c->userdata);
	} else {
		read_code(reply->json, code);
		status = status_of(reply->number, tb_error_from_word(code));
		write_problem(&body, status, code, reply->json);
		c->done(status, tb_buf_error(&body) ? "" : body.data,
			tb_buf_error(&body) ? 0 : body.len, c->userdata);
	}
	free(c);
}

static const struct tb_carrier carrier = {.done = replied};

/* The header's key is the parameter: set where the method takes one and the body has none. */
static bool
merge_key(json_t *params, const char *method, const char *key)
{
	const struct tb_method *m = tb_method_find(method);
	const char *said = json_string_value(json_object_get(params, "key"));

	if (!key || !m || !(m->flags & TB_METHOD_KEYED))
		return true;
	if (json_object_get(params, "key"))
		return said && strcmp(said, key) == 0;
	return json_object_set_new(params, "key", json_string(key)) == 0;
}

static void
begin(struct tb_request *request, const char *method, char *body, size_t len, const char *key)
{
	const struct tb_method *m = tb_method_find(method);
	struct tb_codec_line line = {};
	struct tb_codec_facts facts;

	if (!m)
		m = tb_method_find_of_bridges(method);
	if (!m || (m->flags & TB_METHOD_SOCKET)) {
		tb_request_reject(request, TB_RPC_METHOD_NOT_FOUND);
		return;
	}
	if (tb_codec_look(body, len, &facts) < 0) {
		tb_request_reject(request, TB_RPC_PARSE_ERROR);
		return;
	}
	request->root = tb_plain_object(body, len);
	if (!request->root && tb_codec_parse(body, len, &line) < 0) {
		tb_request_reject(request, TB_RPC_PARSE_ERROR);
		return;
	}
	if (!request->root)
		request->root = json_incref(line.root);
	if (!merge_key(request->root, method, key))
		tb_request_fail_at(request, "/key", "bad_value");
	else
		tb_request_start(request, method, request->root, line.doubled[0]);
	tb_codec_line_done(&line);
}

static void
call(const struct tb_http_host *host, const struct tb_http_peer *peer, const char *method,
	char *body, size_t len, const char *key, tb_http_done_fn done, void *userdata)
{
	static const char no_memory[] = "{\"code\":\"internal\",\"retryable\":true}";
	const struct tb_door *door = host->userdata;
	struct door_call *c = calloc(1, sizeof(*c));
	struct tb_request *request = c ? tb_request_new(door->bridge, &carrier, c, NULL) : NULL;

	if (!request) {
		free(c);
		done(500, no_memory, sizeof(no_memory) - 1, userdata);
		return;
	}
	c->peer = *peer;
	c->done = done;
	c->userdata = userdata;
	stpcpy(stpcpy(stpcpy(stpcpy(c->audience, "http:"), peer->site), "/"), peer->till);
	request->audience = c->audience;
	request->site = c->peer.site;
	request->till = c->peer.till;
	request->roles = tb_roles_expand(peer->roles);
	begin(request, method, body, len, key);
}

/* ---- tokens and events ---- */

static bool
find_token(const struct tb_http_host *host, const char *token, struct tb_http_peer *ret)
{
	const struct tb_door *door = host->userdata;
	struct tb_token_peer peer;

	if (!tb_tokens_find(door->bridge->tokens, token, &peer))
		return false;
	static_assert(sizeof(ret->site) == sizeof(peer.site), "names of one length");
	memcpy(ret->site, peer.site, sizeof(ret->site));
	memcpy(ret->till, peer.till, sizeof(ret->till));
	ret->roles = peer.roles;
	return true;
}

static bool
may_have(const struct tb_http_host *host, const struct tb_http_peer *peer, const char *kind)
{
	enum tb_notice notice = tb_notice_from_word(kind);

	return notice != TB_NOTICE_COUNT &&
	       (tb_roles_expand(peer->roles) & tb_notice_roles(notice));
}

static bool
named(const char *kinds, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = kinds; (p = strstr(p, word)); p += len)
		if ((p == kinds || p[-1] == ' ') && (p[len] == ' ' || p[len] == '\0'))
			return true;
	return false;
}

static bool
next_event(const struct tb_http_host *host, const struct tb_http_peer *peer, const char *kinds,
	uint64_t after, struct tb_http_event *ret)
{
	static const char before_data[] = "\"params\":";
	const struct tb_door *door = host->userdata;
	struct tb_event_view e;

	for (; tb_events_next(door->bridge->events, after, &e); after = e.seq) {
		const char *word = tb_notice_word(e.notice), *data;

		/* What was for a claimant is no business of a stream: claims belong to the socket.
		 */
		if (e.audience || !may_have(host, peer, word) || (kinds && !named(kinds, word)))
			continue;
		data = memmem(e.line, e.len, before_data, sizeof(before_data) - 1);
		if (!data)
			continue;
		data += sizeof(before_data) - 1;
		/* The line ends with the brace of its own object and a newline. */
		*ret = (struct tb_http_event){.seq = e.seq,
			.kind = word,
			.data = data,
			.len = (size_t)(e.line + e.len - data) - 2};
		return true;
	}
	return false;
}

static uint64_t
last_event(const struct tb_http_host *host)
{
	const struct tb_door *door = host->userdata;

	return tb_events_last(door->bridge->events);
}

/* ---- start and stop ---- */

/* "127.0.0.1:7443", "[::1]:7443"; checked when the configuration was read. */
static int
read_listen(struct tb_door *door, const char *listen)
{
	const char *colon = strrchr(listen, ':');
	size_t len = colon ? (size_t)(colon - listen) : 0;

	if (!colon || len == 0)
		return -EINVAL;
	door->host.port = (uint16_t)strtoul(colon + 1, NULL, 10);
	if (listen[0] == '[' && listen[len - 1] == ']')
		door->address = strndup(listen + 1, len - 2);
	else
		door->address = strndup(listen, len);
	door->host.address = door->address;
	return door->address ? 0 : -ENOMEM;
}

int
tb_door_new(struct tb_bridge *bridge, struct tb_door **ret, char **ret_why)
{
	const char *listen = tb_conf_get(bridge->conf, "http", "listen");
	struct tb_door *door;
	int r;

	*ret = NULL;
	*ret_why = NULL;
	if (!listen)
		return 0;
	door = calloc(1, sizeof(*door));
	if (!door)
		return -ENOMEM;
	door->bridge = bridge;
	door->host = (struct tb_http_host){
		.loop = bridge->loop,
		.origins = tb_conf_get(bridge->conf, "http", "origins"),
		.certificate = tb_conf_get(bridge->conf, "http", "certificate"),
		.key = tb_conf_get(bridge->conf, "http", "key"),
		.find_token = find_token,
		.call = call,
		.problem = problem,
		.may_have = may_have,
		.next_event = next_event,
		.last_event = last_event,
		.userdata = door,
	};
	r = read_listen(door, listen);
	if (r == 0)
		r = tb_module_open(
			"http", TB_HTTP_SYMBOL, &door->module, (const void **)&door->http, ret_why);
	if (r == 0 && door->http->abi != TB_HTTP_ABI)
		r = -ELIBBAD;
	if (r == 0)
		r = door->http->start(&door->host, &door->state, ret_why);
	if (r < 0) {
		tb_door_free(door);
		return r;
	}
	tb_log_info("http: listening on %s port %u", door->address, door->http->port(door->state));
	*ret = door;
	return 0;
}

void
tb_door_free(struct tb_door *door)
{
	if (!door)
		return;
	if (door->state)
		door->http->stop(door->state);
	tb_module_close(door->module);
	free(door->address);
	free(door);
}

void
tb_door_wake(struct tb_door *door)
{
	if (door && door->state)
		door->http->wake(door->state);
}
