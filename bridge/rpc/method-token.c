/* SPDX-License-Identifier: MIT */
/* token.create, token.list, token.revoke: which tills of other machines may call this one over
 * HTTP. */

#include <stdio.h>
#include <string.h>
#include "bridge/conf.h"
#include "bridge/rpc/methods.h"
#include "bridge/state.h"
#include "bridge/tokens.h"

/* A request that waits for the commit, with its answer. */
struct waiting {
	struct tb_request *request;
	struct tb_buf answer;
};

static void
on_commit(int error, void *userdata)
{
	struct waiting *waiting = userdata;

	if (error < 0 || tb_buf_error(&waiting->answer) < 0)
		tb_request_fail(waiting->request, TB_ERROR_INTERNAL, NULL);
	else
		tb_request_answer(waiting->request, waiting->answer.data, waiting->answer.len);
	if (waiting->answer.data)
		explicit_bzero(waiting->answer.data, waiting->answer.len);
	tb_buf_done(&waiting->answer);
	free(waiting);
}

/* Takes the answer; gives it when the turn's transaction is on disk. */
static void
answer_after_commit(struct tb_request *request, struct tb_buf *answer)
{
	struct waiting *waiting = calloc(1, sizeof(*waiting));

	if (!waiting) {
		tb_buf_done(answer);
		tb_request_fail(request, TB_ERROR_INTERNAL, NULL);
		return;
	}
	waiting->request = request;
	waiting->answer = *answer;
	*answer = TB_BUF_INIT(0);
	if (tb_state_after_commit(tb_request_bridge(request)->state, on_commit, waiting) < 0)
		on_commit(-ENOMEM, waiting);
}

static void
fail(struct tb_request *request, int error)
{
	tb_request_fail(
		request, error == -ENOBUFS ? TB_ERROR_RATE_LIMITED : TB_ERROR_INTERNAL, NULL);
}

static uint32_t
roles_of(const json_t *params)
{
	const json_t *list = json_object_get(params, "roles");
	uint32_t roles = 0;

	for (size_t i = 0; i < json_array_size(list); i++)
		for (uint32_t role = TB_ROLE_MONITOR; role <= TB_ROLE_MANAGER; role <<= 1)
			if (strcmp(json_string_value(json_array_get(list, i)),
				    tb_role_word((enum tb_role)role)) == 0)
				roles |= role;
	return roles ? roles : TB_ROLE_TILL;
}

void
tb_method_token_create(struct tb_request *request)
{
	struct tb_bridge *bridge = tb_request_bridge(request);
	const json_t *params = tb_request_params(request);
	const char *site = json_string_value(json_object_get(params, "site"));
	struct tb_token_peer peer = {.roles = roles_of(params)};
	struct tb_buf buf = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&buf);
	char token[TB_TOKEN_TEXT];
	int r;

	snprintf(peer.site, sizeof(peer.site), "%s", site ? site : bridge->conf->site);
	snprintf(peer.till, sizeof(peer.till), "%s",
		json_string_value(json_object_get(params, "till")));
	r = tb_tokens_create(bridge->tokens, &peer, token);
	if (r < 0) {
		fail(request, r);
		return;
	}
	tb_jsonw_object(&w, NULL);
	tb_jsonw_string(&w, "site", peer.site);
	tb_jsonw_string(&w, "till", peer.till);
	tb_jsonw_string(&w, "token", token);
	tb_jsonw_end_object(&w);
	explicit_bzero(token, sizeof(token));
	answer_after_commit(request, &buf);
}

void
tb_method_token_list(struct tb_request *request)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&buf);

	tb_jsonw_object(&w, NULL);
	tb_jsonw_array(&w, "tokens");
	tb_tokens_write(tb_request_bridge(request)->tokens, &w);
	tb_jsonw_end_array(&w);
	tb_jsonw_end_object(&w);
	if (tb_buf_error(&buf) < 0)
		fail(request, -ENOMEM);
	else
		tb_request_answer(request, buf.data, buf.len);
}

void
tb_method_token_revoke(struct tb_request *request)
{
	const json_t *id = json_object_get(tb_request_params(request), "id");
	struct tb_buf buf = TB_BUF_INIT(0);
	int r = tb_tokens_revoke(tb_request_bridge(request)->tokens, json_integer_value(id));

	if (r == -ENOENT) {
		tb_request_fail_at(request, "/id", "unknown");
		return;
	}
	if (r < 0) {
		fail(request, r);
		return;
	}
	tb_buf_add_str(&buf, "{}");
	answer_after_commit(request, &buf);
}
