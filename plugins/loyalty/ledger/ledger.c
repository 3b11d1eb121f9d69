/* SPDX-License-Identifier: MIT */
/*
 * The connector: starting, the table of operations, stopping. How a turn's calls share a
 * transaction is turn.c; what an operation does is in the file named after it.
 */

#include "plugins/loyalty/ledger/ledger.h"

#include <stdio.h>
#include <string.h>
#include "base/text.h"
#include "plugins/loyalty/ledger/programs.h"
#include "plugins/loyalty/ledger/turn.h"

#define WRITES TB_OP_WRITES
#define KEYED (TB_OP_WRITES | TB_OP_KEYED)

const struct tb_op_entry tb_op_table[TB_OP_COUNT] = {
	[TB_OP_ACCOUNT_ADJUST] = {tb_account_adjust, KEYED},
	[TB_OP_ARTICLE_IMPORT] = {tb_article_import, KEYED},
	[TB_OP_ARTICLE_LIST] = {tb_article_list, 0},
	[TB_OP_CARD_ATTACH] = {tb_card_attach, KEYED},
	[TB_OP_CARD_DETACH] = {tb_card_detach, KEYED},
	[TB_OP_COUPON_CHECK] = {tb_coupon_check, 0},
	[TB_OP_COUPON_ISSUE] = {tb_coupon_issue, KEYED},
	[TB_OP_COUPON_PRINTED] = {tb_coupon_printed, WRITES},
	[TB_OP_COUPON_UNPRINTED] = {tb_coupon_unprinted, 0},
	[TB_OP_CUSTOMER_COMPARE] = {tb_customer_compare, 0},
	[TB_OP_CUSTOMER_CREATE] = {tb_customer_create, KEYED},
	[TB_OP_CUSTOMER_DELETE] = {tb_customer_delete, KEYED},
	[TB_OP_CUSTOMER_EXPORT] = {tb_customer_export, 0},
	[TB_OP_CUSTOMER_HISTORY] = {tb_customer_history, 0},
	[TB_OP_CUSTOMER_IMPORT] = {tb_customer_import, KEYED},
	[TB_OP_CUSTOMER_LOOKUP] = {tb_customer_lookup, 0},
	[TB_OP_CUSTOMER_MERGE] = {tb_customer_merge, KEYED},
	[TB_OP_CUSTOMER_SEARCH] = {tb_customer_search, 0},
	[TB_OP_CUSTOMER_UPDATE] = {tb_customer_update, KEYED},
	[TB_OP_GIFT_CARD_CREATE] = {tb_gift_card_create, KEYED},
	[TB_OP_GIFT_CARD_RELOAD] = {tb_gift_card_reload, KEYED},
	[TB_OP_GIFT_CARD_SHOW] = {tb_gift_card_show, 0},
	[TB_OP_LEDGER_VERIFY] = {tb_ledger_verify, 0},
	[TB_OP_PASSAGE_AMEND] = {tb_passage_amend, KEYED},
	[TB_OP_PASSAGE_LIST] = {tb_passage_list, 0},
	[TB_OP_PASSAGE_POST] = {tb_passage_post, WRITES},
	[TB_OP_PASSAGE_REVERSE] = {tb_passage_reverse, KEYED},
	[TB_OP_PASSAGE_SHOW] = {tb_passage_show, 0},
	[TB_OP_PROGRAM_REPLACE] = {tb_program_replace, KEYED},
	[TB_OP_PROGRAM_SHOW] = {tb_program_show, 0},
	[TB_OP_PROGRAM_VERSIONS] = {tb_program_versions, 0},
	[TB_OP_REPORT_EXPORT] = {tb_report_export, 0},
	[TB_OP_REPORT_SUMMARY] = {tb_report_summary, 0},
	[TB_OP_REWARD_DEDUCT] = {tb_reward_deduct, KEYED},
	[TB_OP_REWARD_QUOTE] = {tb_reward_quote, 0},
	[TB_OP_REWARD_RELEASE] = {tb_reward_release, WRITES},
	[TB_OP_REWARD_RESERVE] = {tb_reward_reserve, KEYED},
};

/* ---- parameters and refusals -------------------------------------------------------------- */

json_t *
tb_param(const struct tb_operation *op, const char *name)
{
	return json_object_get(op->params, name);
}

const char *
tb_param_text(const struct tb_operation *op, const char *name)
{
	return json_string_value(json_object_get(op->params, name));
}

int64_t
tb_param_int(const struct tb_operation *op, const char *name, int64_t fallback)
{
	const json_t *value = json_object_get(op->params, name);

	return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool
tb_param_bool(const struct tb_operation *op, const char *name)
{
	return json_is_true(json_object_get(op->params, name));
}

int64_t
tb_param_limit(const struct tb_operation *op)
{
	int64_t limit = tb_param_int(op, "limit", TB_PAGE_MAX / 4);

	return TB_MAX(INT64_C(1), TB_MIN(limit, (int64_t)TB_PAGE_MAX));
}

int
tb_refuse(struct tb_operation *op, enum tb_error error)
{
	tb_buf_reset(op->out);
	return error;
}

int
tb_refuse_at(struct tb_operation *op, const char *pointer, const char *code)
{
	struct tb_jsonw w = TB_JSONW(op->out);

	tb_buf_reset(op->out);
	tb_jsonw_object(&w, NULL);
	tb_jsonw_array(&w, "errors");
	tb_jsonw_object(&w, NULL);
	tb_jsonw_string(&w, "pointer", pointer);
	tb_jsonw_string(&w, "code", code);
	tb_jsonw_end_object(&w);
	tb_jsonw_end_array(&w);
	tb_jsonw_end_object(&w);
	return TB_ERROR_INVALID_PARAMS;
}

int
tb_refuse_cursor(struct tb_operation *op)
{
	return tb_refuse_at(op, "/cursor", "bad_value");
}

int
tb_param_cursor(struct tb_operation *op, int64_t absent, int64_t *ret)
{
	const char *text = tb_param_text(op, "cursor");
	char *end;

	*ret = absent;
	if (!text)
		return 0;
	errno = 0;
	*ret = strtoll(text, &end, 10);
	return end == text || *end || errno ? tb_refuse_cursor(op) : 0;
}

int
tb_refuse_faults(struct tb_operation *op, const struct tb_faults *faults)
{
	if (faults->nomem)
		return -ENOMEM;
	tb_buf_reset(op->out);
	tb_faults_write(faults, op->out);
	return TB_ERROR_INVALID_PARAMS;
}

const char *
tb_op_by(const struct tb_operation *op)
{
	const struct tb_caller *caller = &op->call->caller;

	return caller->by ? caller->by : caller->till;
}

/* ---- the connector ------------------------------------------------------------------------ */

static struct tb_ledger *
self(struct tb_connector_state *state)
{
	return (struct tb_ledger *)state;
}

static void
ledger_free(struct tb_ledger *l)
{
	tb_source_remove(&l->retry);
	tb_source_remove(&l->calm);
	tb_source_remove(&l->view_end);
	tb_programs_free(l);
	if (l->store)
		l->store->ops->close(l->store);
	tb_buf_done(&l->spare);
	free(l);
}

TB_DEFINE_CLEANUP(struct tb_ledger *, ledger_free);

static int
open_store(struct tb_ledger *l, char **ret_why)
{
	const char *store = l->host->setting ? l->host->setting(l->host, "store") : NULL;
	int r;

	if (store && strcmp(store, "sqlite") != 0) {
		if (asprintf(ret_why,
			    "store = %s: this ledger keeps its accounts in sqlite; another store "
			    "is a"
			    " module of its own that is not here.",
			    store) < 0)
			*ret_why = NULL;
		return -EINVAL;
	}
	r = tb_store_sqlite_open(l->host->state_dir, &l->store, ret_why);
	if (r >= 0)
		r = tb_programs_load(l, ret_why);
	return r >= 0 ? tb_turn_init(l) : r;
}

/* How numbers are dialled at home, learnt from how they are read. */
static int
learn_dialling(struct tb_ledger *l)
{
	_cleanup_free_ char *bare = tb_phone_e164("1234567", l->host->country);
	_cleanup_free_ char *trunk = tb_phone_e164("01234567", l->host->country);
	size_t n = bare ? strlen(bare) - 7 : 0;

	if (n >= sizeof(l->dial_prefix))
		return -EINVAL;
	memcpy(l->dial_prefix, bare ? bare : "", n);
	l->dial_trunk_zero = bare && trunk && strcmp(bare, trunk) == 0;
	return 0;
}

static int
ledger_start(const struct tb_host *host, struct tb_connector_state **ret, char **ret_why)
{
	_cleanup_(ledger_freep) struct tb_ledger *l = calloc(1, sizeof(*l));
	int r;

	*ret_why = NULL;
	if (!l)
		return -ENOMEM;
	l->host = host;
	tb_list_init(&l->waiting);
	if (!tb_reference_from_word(host->product_reference, &l->reference)) {
		if (asprintf(ret_why, "product_reference = %s: expected label, code or ean.",
			    host->product_reference) < 0)
			*ret_why = NULL;
		return -EINVAL;
	}
	r = learn_dialling(l);
	if (r >= 0)
		r = open_store(l, ret_why);
	if (r < 0) {
		if (!*ret_why && asprintf(ret_why, "the ledger in %s cannot be read (%s).",
					 host->state_dir, strerror(-r)) < 0)
			*ret_why = NULL;
		return r;
	}
	*ret = (struct tb_connector_state *)TAKE_PTR(l);
	return 0;
}

static void
ledger_call(struct tb_connector_state *state, const struct tb_call *call)
{
	tb_turn_call(self(state), call);
}

static void
ledger_turn_end(struct tb_connector_state *state)
{
	tb_turn_end(self(state));
}

static void
ledger_stop(struct tb_connector_state *state)
{
	struct tb_ledger *l = self(state);

	tb_turn_stop(l);
	ledger_free(l);
}

TB_EXPORT const struct tb_connector tb_connector = {
	.abi = TB_CONNECTOR_ABI,
	.name = "ledger",
	.flags = TB_CONNECTOR_LOCAL | TB_CONNECTOR_KEYED,
	.ops = TB_OP_BIT(TB_OP_COUNT) - 1,
	.start = ledger_start,
	.call = ledger_call,
	.turn_end = ledger_turn_end,
	.stop = ledger_stop,
};
