/* SPDX-License-Identifier: MIT */
/*
 * The connector that does nothing, completely: a shop without a loyalty account, and what a new
 * connector begins as a copy of. It knows every operation, keeps nothing, opens nothing and answers
 * at once: what is looked for is not there, what is listed is empty, a paid sale is taken and earns
 * nothing. It is no stand-in for a ledger: what is posted here is gone.
 */

#include <string.h>
#include "plugins/loyalty/connector.h"

/* What there would be to keep: a connector of substance has its handles and caches here. */
struct tb_connector_state {
	const struct tb_host *host;
};

/* The answer to each operation: a result, or the error when there is none. */
static const struct {
	const char *result;
	enum tb_error error;
} answers[TB_OP_COUNT] = {
	[TB_OP_ACCOUNT_ADJUST] = {.error = TB_ERROR_CUSTOMER_UNKNOWN},
	[TB_OP_ARTICLE_IMPORT] = {.error = TB_ERROR_SERVER_REFUSED},
	[TB_OP_ARTICLE_LIST] = {.result = "{\"articles\":[]}"},
	[TB_OP_CARD_ATTACH] = {.error = TB_ERROR_CUSTOMER_UNKNOWN},
	[TB_OP_CARD_DETACH] = {.error = TB_ERROR_CUSTOMER_UNKNOWN},
	[TB_OP_COUPON_CHECK] = {.error = TB_ERROR_COUPON_UNKNOWN},
	[TB_OP_COUPON_ISSUE] = {.error = TB_ERROR_SERVER_REFUSED},
	[TB_OP_COUPON_PRINTED] = {.error = TB_ERROR_COUPON_UNKNOWN},
	[TB_OP_COUPON_UNPRINTED] = {.result = "{\"coupons\":[]}"},
	[TB_OP_CUSTOMER_COMPARE] = {.error = TB_ERROR_CUSTOMER_UNKNOWN},
	[TB_OP_CUSTOMER_CREATE] = {.error = TB_ERROR_SERVER_REFUSED},
	[TB_OP_CUSTOMER_DELETE] = {.error = TB_ERROR_CUSTOMER_UNKNOWN},
	[TB_OP_CUSTOMER_EXPORT] = {.error = TB_ERROR_CUSTOMER_UNKNOWN},
	[TB_OP_CUSTOMER_HISTORY] = {.error = TB_ERROR_CUSTOMER_UNKNOWN},
	[TB_OP_CUSTOMER_IMPORT] = {.error = TB_ERROR_SERVER_REFUSED},
	[TB_OP_CUSTOMER_LOOKUP] = {.error = TB_ERROR_CUSTOMER_UNKNOWN},
	[TB_OP_CUSTOMER_MERGE] = {.error = TB_ERROR_CUSTOMER_UNKNOWN},
	[TB_OP_CUSTOMER_SEARCH] = {.result = "{\"customers\":[]}"},
	[TB_OP_CUSTOMER_UPDATE] = {.error = TB_ERROR_CUSTOMER_UNKNOWN},
	[TB_OP_GIFT_CARD_CREATE] = {.error = TB_ERROR_SERVER_REFUSED},
	[TB_OP_GIFT_CARD_RELOAD] = {.error = TB_ERROR_GIFT_CARD_UNKNOWN},
	[TB_OP_GIFT_CARD_SHOW] = {.error = TB_ERROR_GIFT_CARD_UNKNOWN},
	[TB_OP_LEDGER_VERIFY] = {.result = "{\"differences\":[],\"accounts\":0,\"entries\":0,"
					   "\"ok\":true}"},
	[TB_OP_PASSAGE_AMEND] = {.error = TB_ERROR_PASSAGE_UNKNOWN},
	[TB_OP_PASSAGE_LIST] = {.result = "{\"passages\":[]}"},
	/* R13: who paid is not refused, also where nobody counts. */
	[TB_OP_PASSAGE_POST] = {.result = "{\"passage\":\"p_0\",\"state\":\"posted\","
					  "\"earned\":{\"points\":0,\"wallet\":0},"
					  "\"reasons\":[\"no_customer\"],\"progress\":[],"
					  "\"coupons\":[],\"warnings\":[]}"},
	[TB_OP_PASSAGE_REVERSE] = {.error = TB_ERROR_PASSAGE_UNKNOWN},
	[TB_OP_PASSAGE_SHOW] = {.error = TB_ERROR_PASSAGE_UNKNOWN},
	[TB_OP_PROGRAM_REPLACE] = {.error = TB_ERROR_SERVER_REFUSED},
	[TB_OP_PROGRAM_SHOW] = {.error = TB_ERROR_SERVER_REFUSED},
	[TB_OP_PROGRAM_VERSIONS] = {.result = "{\"versions\":[],\"version\":0,\"articles\":0}"},
	[TB_OP_REPORT_EXPORT] = {.error = TB_ERROR_SERVER_REFUSED},
	[TB_OP_REPORT_SUMMARY] = {.result = "{\"passages\":0,\"new_customers\":0,"
					    "\"known_customers\":0,\"turnover\":0,"
					    "\"average_basket\":0,\"loyalty_cost\":0,"
					    "\"by_day\":[],\"by_hour\":[],\"top_rewards\":[]}"},
	[TB_OP_REWARD_DEDUCT] = {.error = TB_ERROR_REWARD_UNKNOWN},
	[TB_OP_REWARD_QUOTE] = {.result = "{\"rewards\":[],\"coupons\":[],\"would_earn\":"
					  "{\"points\":0,\"wallet\":0,\"reasons\":[]}}"},
	[TB_OP_REWARD_RELEASE] = {.result = "{}"},
	[TB_OP_REWARD_RESERVE] = {.error = TB_ERROR_REWARD_UNKNOWN},
};

static int
null_start(const struct tb_host *host, struct tb_connector_state **ret, char **ret_why)
{
	struct tb_connector_state *state = calloc(1, sizeof(*state));

	/* A sentence for the installer belongs to a failure; want of memory needs none. */
	*ret_why = NULL;
	if (!state)
		return -ENOMEM;
	state->host = host;
	*ret = state;
	return 0;
}

/* reward.quote says what is left to pay, which is all of it. */
static void
answer_quote(const struct tb_call *call)
{
	json_t *total = json_object_get(json_object_get(call->params, "basket"), "total");
	json_t *quote = json_loads(answers[TB_OP_REWARD_QUOTE].result, 0, NULL);
	char *text = NULL;

	if (quote && json_object_set_new(
			     quote, "total_after", json_integer(json_integer_value(total))) == 0)
		text = json_dumps(quote, JSON_COMPACT);
	call->done(&(struct tb_answer){.error = text ? TB_OK : TB_ERROR_INTERNAL,
			   .json = text,
			   .len = text ? strlen(text) : 0},
		call->userdata);
	free(text);
	json_decref(quote);
}

/* Everything is answered from within: nothing is kept for the turn's end. */
static void
null_call(struct tb_connector_state *state, const struct tb_call *call)
{
	const char *result = answers[call->op].result;
	struct tb_answer answer = {
		.error = result ? TB_OK : answers[call->op].error,
		.json = result,
		.len = result ? strlen(result) : 0,
	};

	if (call->op == TB_OP_REWARD_QUOTE)
		answer_quote(call);
	else
		call->done(&answer, call->userdata);
}

static void
null_turn_end(struct tb_connector_state *state)
{
}

static void
null_stop(struct tb_connector_state *state)
{
	free(state);
}

TB_EXPORT const struct tb_connector tb_connector = {
	.abi = TB_CONNECTOR_ABI,
	.name = "null",
	.flags = TB_CONNECTOR_LOCAL | TB_CONNECTOR_KEYED,
	.ops = TB_OP_BIT(TB_OP_COUNT) - 1,
	.start = null_start,
	.call = null_call,
	.turn_end = null_turn_end,
	.stop = null_stop,
};
