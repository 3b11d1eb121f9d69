/* SPDX-License-Identifier: MIT */
/* From a client's lines to calls, and from their answers to its lines: batches, ids, limits. */

#include "bridge/rpc/client.h"

#include <string.h>
#include "bridge/conf.h"
#include "bridge/say.h"
#include "bridge/state.h"

/* With more than this not taken, no further line is read. */
#define OUT_PAUSE ((size_t)256 * 1024)
/* A line above this has its memory given back to the system. */
#define TRIM_ABOVE ((size_t)128 * 1024)
/* Longer ids and methods take the long way. */
#define PLAIN_MAX 80

/* Answers of one batch, gathered until the last is there. */
struct batch {
	unsigned left;
	struct tb_buf answers;
};

void
tb_client_error_line(struct tb_bridge *bridge, struct tb_buf *buf, enum tb_rpc_number number,
	enum tb_error error)
{
	_cleanup_buf_ struct tb_buf data = TB_BUF_INIT(0);
	const char *language = bridge->conf->language;

	tb_codec_error_data(&data, error,
		number == TB_RPC_PARSE_ERROR ? tb_say_rpc(TB_SAY_NOT_JSON, language)
					     : tb_say_error(error, language),
		NULL, NULL);
	if (tb_buf_error(&data) == 0)
		tb_codec_error(buf, "null", number, data.data);
	tb_buf_add_byte(buf, '\n');
}

static void
write_reply(struct tb_buf *buf, const char *id, const struct tb_reply *reply)
{
	if (reply->number == 0)
		tb_codec_result(buf, id, reply->json, reply->len);
	else
		tb_codec_error(buf, id, reply->number, reply->json);
}

static void
answer_batch(
	struct tb_client *client, struct batch *batch, const char *id, const struct tb_reply *reply)
{
	if (id[0] && client->state != TB_CLIENT_GONE) {
		tb_buf_add_byte(&batch->answers, batch->answers.len > 0 ? ',' : '[');
		write_reply(&batch->answers, id, reply);
	}
	if (--batch->left > 0)
		return;
	/* A batch of notifications alone is answered by nothing. */
	if (batch->answers.len > 0 && tb_buf_error(&batch->answers) == 0) {
		tb_buf_add_str(&batch->answers, "]\n");
		tb_client_say(client, batch->answers.data, batch->answers.len);
	}
	tb_buf_done(&batch->answers);
	free(batch);
}

/*
 * What a reading call is told waits for nothing, as long as nothing of the turn is still to be
 * written down. (The ledger reads only while no call of the turn is to write in it.)
 */
static bool
waits_for_nothing(const struct tb_request *request)
{
	return request->method && !(request->method->flags & TB_METHOD_CHANGES) &&
	       !tb_state_is_open(request->bridge->state);
}

static void
done(struct tb_request *request, const struct tb_reply *reply)
{
	struct tb_client *client = request->owner;

	if (waits_for_nothing(request))
		client->ready++;
	else
		client->held = true;
	if (request->context) {
		answer_batch(client, request->context, request->id, reply);
	} else if (request->id[0] && client->state < TB_CLIENT_LEAVING) {
		write_reply(&client->out, request->id, reply);
		tb_buf_add_byte(&client->out, '\n');
	}
	client->in_flight--;
	if (client->state == TB_CLIENT_GONE)
		tb_client_close(client);
	else
		tb_rpc_mark(client);
}

static const struct tb_carrier carrier = {.done = done};

/* The name of the method when it is a call of JSON-RPC 2.0, else NULL. */
static const char *
method_of(const json_t *call)
{
	const char *version = json_string_value(json_object_get(call, "jsonrpc"));
	const json_t *method = json_object_get(call, "method");
	const char *name = json_string_value(method);

	if (!version || strcmp(version, "2.0") != 0 || !name)
		return NULL;
	return strlen(name) == json_string_length(method) ? name : "";
}

/* NULL without memory: then the connection cannot go on. */
static struct tb_request *
new_request(struct tb_client *client, const char *id)
{
	struct tb_request *request = tb_request_new(client->rpc->bridge, &carrier, client, id);

	if (!request) {
		client->fate = TB_FATE_CLOSE;
		tb_rpc_mark(client);
		return NULL;
	}
	client->in_flight++;
	request->client = client->id;
	request->audience = client->audience;
	request->roles = client->roles;
	return request;
}

static void
begin_call(struct tb_client *client, json_t *call, struct batch *batch, const char *doubled)
{
	const json_t *id = json_object_get(call, "id");
	bool double_id = doubled && strcmp(doubled, "/id") == 0;
	_cleanup_free_ char *text = double_id ? NULL : tb_codec_id(id);
	const char *name = method_of(call);
	bool invalid = !name || (id && !text && !double_id);
	const char *echo = text ? text : invalid || double_id ? "null" : NULL;
	struct tb_request *request = new_request(client, echo);

	if (!request) {
		if (batch && --batch->left == 0) {
			tb_buf_done(&batch->answers);
			free(batch);
		}
		return;
	}
	request->context = batch;
	request->root = json_incref(call);
	if (invalid)
		tb_request_reject(request, TB_RPC_INVALID_REQUEST);
	else
		tb_request_start(request, name, json_object_get(call, "params"), doubled);
}

/* A call whose line needs no tree but that of its parameters. False when it is no such line. */
static bool
begin_plain(
	struct tb_client *client, const char *text, size_t len, const struct tb_codec_facts *facts)
{
	struct tb_codec_call call;
	struct tb_request *request;
	char id[PLAIN_MAX], method[PLAIN_MAX];
	json_t *params;

	if (!tb_codec_plain(text, len, facts, &call) || call.id_len >= PLAIN_MAX ||
		call.method_len >= PLAIN_MAX)
		return false;
	params = tb_codec_plain_params(&call);
	if (!params)
		return false;
	memcpy(id, call.id, call.id_len);
	id[call.id_len] = '\0';
	memcpy(method, call.method, call.method_len);
	method[call.method_len] = '\0';
	request = new_request(client, id);
	if (!request) {
		json_decref(params);
		return true;
	}
	request->root = params;
	tb_request_start(request, method, params, NULL);
	return true;
}

static void
begin_batch(struct tb_client *client, const struct tb_codec_line *line)
{
	size_t n = json_array_size(line->root);
	struct batch *batch = calloc(1, sizeof(*batch));

	if (!batch) {
		client->fate = TB_FATE_CLOSE;
		return;
	}
	batch->left = (unsigned)n;
	for (size_t i = 0; i < n; i++)
		begin_call(client, json_array_get(line->root, i), batch, line->doubled[i]);
}

static void
refuse_line(struct tb_client *client, enum tb_rpc_number number, enum tb_error error)
{
	tb_client_error_line(client->rpc->bridge, &client->out, number, error);
	tb_rpc_mark(client);
}

/* False when the line must wait for room. */
static bool
begin_line(struct tb_client *client, char *text, size_t len)
{
	struct tb_codec_facts facts = {};
	struct tb_codec_line line = {};
	int r = tb_codec_look(text, len, &facts);

	if (r == 0 && client->in_flight > 0 &&
		client->in_flight + facts.calls > TB_RPC_IN_FLIGHT_MAX) {
		client->wait_calls = facts.calls;
		return false;
	}
	if (r == 0 && !facts.batch && len <= TRIM_ABOVE && begin_plain(client, text, len, &facts))
		return true;
	if (r == 0)
		r = tb_codec_parse(text, len, &line);
	if (r == -EMSGSIZE)
		refuse_line(client, TB_RPC_OUR_ERROR, TB_ERROR_TOO_LARGE);
	else if (r == -EBADMSG)
		refuse_line(client, TB_RPC_PARSE_ERROR, TB_ERROR_INVALID_PARAMS);
	else if (r < 0)
		refuse_line(client, TB_RPC_INTERNAL_ERROR, TB_ERROR_INTERNAL);
	else if (json_is_array(line.root) && json_array_size(line.root) == 0)
		refuse_line(client, TB_RPC_INVALID_REQUEST, TB_ERROR_INVALID_PARAMS);
	else if (json_is_array(line.root))
		begin_batch(client, &line);
	else
		begin_call(client, line.root, NULL, line.doubled[0]);
	tb_codec_line_done(&line);
	client->rpc->trim = client->rpc->trim || len > TRIM_ABOVE;
	return true;
}

static bool
has_room(const struct tb_client *client)
{
	return client->in_flight + TB_MAX(client->wait_calls, 1u) <= TB_RPC_IN_FLIGHT_MAX ||
	       client->in_flight == 0;
}

size_t
tb_client_lines(struct tb_client *client, char *data, size_t len)
{
	size_t at = 0;

	client->blocked = false;
	while (at < len && client->fate == TB_FATE_NONE) {
		const char *end;

		if (!has_room(client) || client->out.len - client->sent > OUT_PAUSE) {
			client->blocked = true;
			break;
		}
		end = memchr(data + at + client->searched, '\n', len - at - client->searched);
		if ((end ? (size_t)(end - data) : len) - at > TB_RPC_LINE_MAX) {
			client->fate = TB_FATE_TOO_LARGE;
			tb_rpc_mark(client);
			break;
		}
		if (!end) {
			client->searched = len - at;
			break;
		}
		client->searched = 0;
		if (!begin_line(client, data + at, (size_t)(end - data) - at)) {
			client->blocked = true;
			break;
		}
		client->wait_calls = 0;
		at = (size_t)(end - data) + 1;
		tb_client_send_ready(client);
	}
	return at;
}
