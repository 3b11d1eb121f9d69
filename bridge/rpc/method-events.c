/* SPDX-License-Identifier: MIT */
/* events.subscribe and events.unsubscribe: which notifications this connection gets. */

#include <string.h>
#include "base/jsonw.h"
#include "bridge/events.h"
#include "bridge/rpc/methods.h"
#include "bridge/rpc/rpc.h"

#define ALL_KINDS ((UINT32_C(1) << TB_NOTICE_COUNT) - 1)

static uint32_t
kinds_of(const json_t *params)
{
	const json_t *list = json_object_get(params, "kinds");
	uint32_t kinds = 0;

	for (size_t i = 0; i < json_array_size(list); i++)
		kinds |= UINT32_C(1)
		         << tb_notice_from_word(json_string_value(json_array_get(list, i)));
	return kinds;
}

static bool
may_have(uint32_t roles, uint32_t kinds)
{
	for (int i = 0; i < TB_NOTICE_COUNT; i++)
		if ((kinds >> i & 1) && !(roles & tb_notice_roles((enum tb_notice)i)))
			return false;
	return true;
}

static void
answer_seq(struct tb_request *request, uint64_t seq, bool missed)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&buf);

	tb_jsonw_object(&w, NULL);
	tb_jsonw_int(&w, "seq", (int64_t)seq);
	if (missed)
		tb_jsonw_bool(&w, "missed", true);
	tb_jsonw_end_object(&w);
	if (tb_buf_error(&buf) < 0)
		tb_request_fail(request, TB_ERROR_INTERNAL, NULL);
	else
		tb_request_answer(request, buf.data, buf.len);
}

void
tb_method_events_subscribe(struct tb_request *request)
{
	struct tb_bridge *bridge = tb_request_bridge(request);
	const json_t *params = tb_request_params(request);
	const json_t *since = json_object_get(params, "since");
	uint32_t kinds = kinds_of(params);
	uint64_t from = since ? (uint64_t)json_integer_value(since) : UINT64_MAX;
	int r;

	if (!may_have(tb_request_roles(request), kinds)) {
		tb_request_fail(request, TB_ERROR_NOT_PERMITTED, NULL);
		return;
	}
	r = tb_rpc_subscribe(bridge->rpc, tb_request_client(request), kinds, from);
	if (r < 0) {
		tb_request_fail(request, TB_ERROR_INTERNAL, NULL);
		return;
	}
	answer_seq(request, tb_events_last(bridge->events),
		since && !tb_events_reaches(bridge->events, from));
}

void
tb_method_events_unsubscribe(struct tb_request *request)
{
	struct tb_bridge *bridge = tb_request_bridge(request);
	const json_t *params = tb_request_params(request);
	uint32_t kinds = json_object_get(params, "kinds") ? kinds_of(params) : ALL_KINDS;

	tb_rpc_unsubscribe(bridge->rpc, tb_request_client(request), kinds);
	answer_seq(request, tb_events_last(bridge->events), false);
}
