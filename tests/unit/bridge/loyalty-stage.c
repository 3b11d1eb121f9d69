/* SPDX-License-Identifier: MIT */
/*
 * A connector for tests of the socket and of the front. It holds what it is asked to hold, answers
 * the rest at the end of the turn, and writes out what it was given.
 */

#include <string.h>
#include "base/buf.h"
#include "base/jsonw.h"
#include "plugins/loyalty/connector.h"

#define HELD_MAX 4096

struct tb_connector_state {
	struct tb_call calls[HELD_MAX];
	size_t n;
	bool release;
};

static int
start(const struct tb_host *host, struct tb_connector_state **ret, char **ret_why)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

static void
answer(const struct tb_call *call)
{
	_cleanup_free_ char *params = json_dumps(call->params, JSON_COMPACT);
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&buf);
	struct tb_answer a = {};

	tb_jsonw_object(&w, NULL);
	tb_jsonw_raw(&w, "params", params, strlen(params));
	tb_jsonw_string(&w, "by", call->caller.by);
	if (call->op == TB_OP_PASSAGE_POST) {
		tb_jsonw_array(&w, "warnings");
		if (json_object_get(call->params, "mode"))
			tb_jsonw_string(&w, NULL, "clock");
		tb_jsonw_end_array(&w);
	}
	tb_jsonw_end_object(&w);
	a.json = buf.data;
	a.len = buf.len;
	call->done(&a, call->userdata);
}

/* customer.lookup {id: "hold"} waits until {id: "release"} comes; "unknown" is refused at once. */
static void
call(struct tb_connector_state *state, const struct tb_call *c)
{
	const char *id = json_string_value(json_object_get(c->params, "id"));
	static const char data[] = "{\"candidates\":[{\"id\":\"c_1\"}]}";

	if (id && strcmp(id, "unknown") == 0) {
		c->done(&(struct tb_answer){.error = TB_ERROR_CUSTOMER_AMBIGUOUS,
				.json = data,
				.len = sizeof(data) - 1},
			c->userdata);
		return;
	}
	state->calls[state->n++] = *c;
	if (!id || strcmp(id, "hold") != 0)
		state->release = true;
}

static void
turn_end(struct tb_connector_state *state)
{
	size_t n = state->n;

	if (!state->release)
		return;
	state->release = false;
	state->n = 0;
	for (size_t i = 0; i < n; i++)
		answer(&state->calls[i]);
}

static void
stop(struct tb_connector_state *state)
{
	for (size_t i = 0; i < state->n; i++)
		state->calls[i].done(&(struct tb_answer){.error = TB_ERROR_SERVER_UNREACHABLE},
			state->calls[i].userdata);
	free(state);
}

extern const struct tb_connector tb_connector;
TB_EXPORT const struct tb_connector tb_connector = {
	.abi = TB_CONNECTOR_ABI,
	.name = "stage",
	.flags = TB_CONNECTOR_LOCAL | TB_CONNECTOR_KEYED,
	.ops = TB_OP_BIT(TB_OP_CUSTOMER_LOOKUP) | TB_OP_BIT(TB_OP_PASSAGE_POST) |
               TB_OP_BIT(TB_OP_REWARD_QUOTE) | TB_OP_BIT(TB_OP_CUSTOMER_CREATE) |
               TB_OP_BIT(TB_OP_CARD_ATTACH) | TB_OP_BIT(TB_OP_PROGRAM_REPLACE),
	.start = start,
	.call = call,
	.turn_end = turn_end,
	.stop = stop,
};
