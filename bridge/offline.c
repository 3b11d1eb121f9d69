/* SPDX-License-Identifier: MIT */
/*
 * The front itself: which call is answered how while the link is down, and the learning. What the
 * server answers is put aside as it comes and written a little later, many answers in one
 * transaction: a till never waits for the cache, and a cache that lost its last second is as good.
 */

#include "bridge/offline.h"

#include <string.h>
#include "base/log.h"
#include "base/timestamp.h"
#include "bridge/offline-parts.h"

#define LEARN_DELAY_US UINT64_C(1000000)
#define LEARNT_SOON 64  /* so many are written at once … */
#define LEARNT_MAX 1024 /* … and with so many nothing else is waited for */
#define ANSWER_MAX (64 << 10)
#define PRUNE_EVERY_US (INT64_C(3600) * TB_USEC_PER_SEC)

/* An answer put aside. */
struct learnt {
	struct tb_list node; /* in tb_offline.learnt */
	enum tb_op op;
	enum tb_error error;
	json_t *params;
	char *site, *till; /* who asked, where that matters */
	int64_t at;
	size_t len;
	char text[];
};

/* ---- answers ------------------------------------------------------------------------------ */

void
tb_offline_refuse(const struct tb_call *call, enum tb_error error, const char *data)
{
	struct tb_answer answer = {.error = error, .json = data, .len = data ? strlen(data) : 0};

	call->done(&answer, call->userdata);
}

void
tb_offline_give(const struct tb_call *call, const struct tb_buf *out)
{
	struct tb_answer answer = {.json = out->data, .len = out->len};

	if (tb_buf_error(out) || !out->data)
		tb_offline_refuse(call, TB_ERROR_INTERNAL, NULL);
	else
		call->done(&answer, call->userdata);
}

void
tb_offline_fail(const struct tb_call *call, int r)
{
	tb_log_warning("offline: a call is refused: %s", strerror(-r));
	tb_offline_refuse(
		call, r == -EOVERFLOW ? TB_ERROR_INVALID_PARAMS : TB_ERROR_INTERNAL, NULL);
}

int
tb_offline_shop_offset(struct tb_offline *offline, int64_t at_us)
{
	struct tb_offline_program now;

	return tb_offline_program_at(offline->programs, INT64_MAX, &now)
	               ? tb_zone_offset(now.program->zone, at_us)
	               : 0;
}

void
tb_offline_write_time(struct tb_offline *offline, struct tb_jsonw *w, const char *name, int64_t at)
{
	char text[TB_TIME_TEXT];

	tb_time_format(at, tb_offline_shop_offset(offline, at), text);
	tb_jsonw_string(w, name, text);
}

bool
tb_offline_shop_date(struct tb_offline *offline, int64_t at_us, struct tb_date *ret)
{
	struct tb_offline_program now;

	if (!tb_offline_program_at(offline->programs, INT64_MAX, &now))
		return false;
	*ret = tb_zone_date(now.program->zone, at_us, NULL);
	return true;
}

void
tb_offline_write_stale(struct tb_offline *offline, struct tb_jsonw *w, int64_t as_of)
{
	tb_jsonw_bool(w, "stale", true);
	tb_offline_write_time(offline, w, "as_of", as_of);
}

void
tb_offline_write_json(struct tb_jsonw *w, const char *name, const json_t *value)
{
	_cleanup_free_ char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY)
	                                  : NULL;

	if (text)
		tb_jsonw_raw(w, name, text, strlen(text));
	else if (value)
		w->buf->error = -ENOMEM;
}

/* ---- learning ----------------------------------------------------------------------------- */

static void
learnt_free(struct learnt *learnt)
{
	tb_list_remove(&learnt->node);
	json_decref(learnt->params);
	free(learnt->site);
	free(learnt->till);
	free(learnt);
}

/* Its key is answered again from here. */
static bool
is_answered_again(enum tb_op op, const json_t *params)
{
	return op == TB_OP_REWARD_RESERVE && json_object_get(params, "key");
}

static bool
is_of_use(enum tb_op op, const json_t *params)
{
	if (is_answered_again(op, params))
		return true;
	switch (op) {
	case TB_OP_ACCOUNT_ADJUST:
	case TB_OP_PASSAGE_POST:
	case TB_OP_REWARD_DEDUCT:
	case TB_OP_REWARD_RESERVE:
		return json_object_get(params, "customer") ||
		       json_object_get(params, "reservation");
	case TB_OP_CARD_ATTACH:
	case TB_OP_CARD_DETACH:
	case TB_OP_CUSTOMER_CREATE:
	case TB_OP_CUSTOMER_DELETE:
	case TB_OP_CUSTOMER_LOOKUP:
	case TB_OP_CUSTOMER_MERGE:
	case TB_OP_CUSTOMER_UPDATE:
		return true;
	default:
		return false;
	}
}

static int
forget(struct tb_offline *offline, const json_t *params, const char *member)
{
	const char *id = tb_offline_text(params, member);

	return id ? tb_offline_cache_forget(offline->cache, id) : 0;
}

static int
remember_reply(struct tb_offline *offline, const struct learnt *learnt, const json_t *answer)
{
	struct tb_call call = {
		.op = learnt->op,
		.caller = {.site = learnt->site, .till = learnt->till},
		.key = tb_offline_text(learnt->params, "key"),
		.params = learnt->params,
	};

	return tb_offline_replies_hear(offline->replies, &call, answer, learnt->text, learnt->len);
}

static int
write_answer(struct tb_offline *offline, const struct learnt *learnt, const json_t *answer)
{
	int r = 0;

	if (learnt->site && learnt->till)
		r = remember_reply(offline, learnt, answer);
	if (r == 0)
		r = tb_offline_grants_settled(offline->grants, learnt->op, learnt->params);
	if (r < 0)
		return r;
	switch (learnt->op) {
	case TB_OP_CARD_ATTACH:
	case TB_OP_CARD_DETACH:
	case TB_OP_CUSTOMER_CREATE:
	case TB_OP_CUSTOMER_LOOKUP:
	case TB_OP_CUSTOMER_UPDATE:
		r = tb_offline_learn_customer(
			offline, learnt->op, learnt->params, answer, learnt->at);
		if (r == 0 && learnt->op == TB_OP_CARD_DETACH)
			r = tb_offline_learn_detached(offline, learnt->params);
		return r;
	case TB_OP_CUSTOMER_DELETE:
		return forget(offline, learnt->params, "id");
	case TB_OP_CUSTOMER_MERGE:
		r = forget(offline, learnt->params, "from");
		return r < 0 ? r : forget(offline, learnt->params, "into");
	default:
		return tb_offline_learn_balances(
			offline, learnt->op, learnt->params, answer, learnt->at);
	}
}

static int
write_learnt(struct tb_offline *offline, const struct learnt *learnt)
{
	json_t *answer;
	int r;

	if (learnt->error != TB_OK) {
		r = tb_offline_grants_settled(offline->grants, learnt->op, learnt->params);
		return r < 0 ? r
		             : tb_offline_learn_refusal(
				       offline, learnt->op, learnt->params, learnt->error);
	}
	answer = json_loadb(learnt->text, learnt->len, 0, NULL);
	if (!answer)
		return 0;
	r = write_answer(offline, learnt, answer);
	json_decref(answer);
	return r;
}

/* A cache that cannot be written is worth a line in the log, not a till's answer. */
static void
note_failure(struct tb_offline *offline, int r)
{
	if (r < 0 && r != offline->last_failure)
		tb_log_warning("offline: what the server said is not kept: %s", strerror(-r));
	offline->last_failure = r;
}

static void
write_all(struct tb_offline *offline)
{
	int64_t now = tb_loop_wall_us(offline->bridge->loop);
	int r = 0;

	if (tb_list_empty(&offline->learnt))
		return;
	while (!tb_list_empty(&offline->learnt)) {
		struct learnt *learnt = tb_list_first(&offline->learnt, struct learnt, node);

		if (r == 0)
			r = write_learnt(offline, learnt);
		learnt_free(learnt);
	}
	offline->n_learnt = 0;
	if (r == 0)
		r = tb_offline_grants_look(offline->grants);
	if (r == 0 && (tb_offline_cache_is_full(offline->cache) || now >= offline->prune_due)) {
		r = tb_offline_cache_prune(offline->cache);
		if (r == 0)
			r = tb_offline_grants_prune(offline->grants);
		if (r == 0)
			r = tb_offline_replies_prune(offline->replies);
		offline->prune_due = now + PRUNE_EVERY_US;
	}
	note_failure(offline, r);
	(void)tb_source_set_timer(offline->flush, TB_NEVER);
}

bool
tb_offline_catch_up(struct tb_offline *offline)
{
	bool any = !tb_list_empty(&offline->learnt);

	write_all(offline);
	return any;
}

static void
on_flush(void *userdata)
{
	write_all(userdata);
}

static void
put_aside(struct tb_offline *offline, const struct tb_call *call, enum tb_error error,
	const char *json, size_t len)
{
	struct learnt *learnt;

	if (len > ANSWER_MAX)
		return;
	if (offline->n_learnt >= LEARNT_MAX)
		write_all(offline);
	learnt = calloc(1, sizeof(*learnt) + len);
	if (!learnt)
		return;
	learnt->op = call->op;
	learnt->error = error;
	learnt->params = json_incref(call->params);
	if (error == TB_OK && is_answered_again(call->op, call->params) && call->caller.site) {
		learnt->site = strdup(call->caller.site);
		learnt->till = strdup(call->caller.till);
	}
	learnt->at = tb_loop_wall_us(offline->bridge->loop);
	learnt->len = len;
	if (len)
		memcpy(learnt->text, json, len);
	tb_list_append(&offline->learnt, &learnt->node);
	offline->n_learnt++;
	if (offline->n_learnt == 1)
		(void)tb_source_set_timer_in(offline->flush, LEARN_DELAY_US);
	else if (offline->n_learnt == LEARNT_SOON)
		(void)tb_source_set_timer_in(offline->flush, 0);
}

void
tb_offline_learn(
	struct tb_offline *offline, const struct tb_call *call, const char *json, size_t len)
{
	if (is_of_use(call->op, call->params))
		put_aside(offline, call, TB_OK, json, len);
	tb_offline_programs_due(offline->programs,
		call->op == TB_OP_PROGRAM_REPLACE || call->op == TB_OP_ARTICLE_IMPORT);
}

void
tb_offline_refused(struct tb_offline *offline, const struct tb_call *call, enum tb_error error)
{
	switch (call->op) {
	case TB_OP_CARD_ATTACH:
	case TB_OP_CUSTOMER_CREATE:
	case TB_OP_CUSTOMER_LOOKUP:
	case TB_OP_PASSAGE_POST:
	case TB_OP_REWARD_DEDUCT:
		/* An effect that is refused for good is somebody's to settle, and not waited for.
		 */
		if (!tb_error_retryable(error))
			put_aside(offline, call, error, NULL, 0);
		break;
	default:
		break;
	}
}

/* ---- effects on their way ----------------------------------------------------------------- */

void
tb_offline_queued(struct tb_offline *offline, enum tb_op op, const json_t *params)
{
	int r = 0;

	/* In the order in which things became known. */
	write_all(offline);
	switch (op) {
	case TB_OP_CUSTOMER_CREATE:
		r = tb_offline_queued_create(offline, params);
		break;
	case TB_OP_CUSTOMER_UPDATE:
		r = tb_offline_queued_update(offline, params);
		break;
	case TB_OP_CARD_ATTACH:
		r = tb_offline_queued_attach(offline, params);
		break;
	case TB_OP_CARD_DETACH:
		r = tb_offline_queued_detach(offline, params);
		break;
	case TB_OP_PASSAGE_POST:
		r = tb_offline_grants_queued(offline->grants, params);
		break;
	default:
		break;
	}
	note_failure(offline, r);
}

/* ---- answering ---------------------------------------------------------------------------- */

void
tb_offline_answer(struct tb_offline *offline, const struct tb_call *call)
{
	write_all(offline);
	switch (call->op) {
	case TB_OP_ARTICLE_LIST:
		tb_offline_article_list(offline, call);
		break;
	case TB_OP_CUSTOMER_LOOKUP:
		tb_offline_lookup(offline, call);
		break;
	case TB_OP_PROGRAM_SHOW:
		tb_offline_program_show(offline, call);
		break;
	case TB_OP_REWARD_QUOTE:
		tb_offline_quote(offline, call);
		break;
	case TB_OP_REWARD_DEDUCT:
	case TB_OP_REWARD_RESERVE:
		tb_offline_reserve(offline, call);
		break;
	case TB_OP_REWARD_RELEASE:
		tb_offline_release(offline, call);
		break;
	case TB_OP_GIFT_CARD_CREATE:
	case TB_OP_GIFT_CARD_RELOAD:
	case TB_OP_GIFT_CARD_SHOW:
		tb_offline_refuse(call, TB_ERROR_OFFLINE_REFUSED, NULL);
		break;
	default:
		tb_offline_refuse(call, TB_ERROR_SERVER_UNREACHABLE, NULL);
		break;
	}
}

/* ---- start and stop ----------------------------------------------------------------------- */

int
tb_offline_new(struct tb_bridge *bridge, struct tb_offline **ret)
{
	struct tb_offline *offline = calloc(1, sizeof(*offline));
	int r;

	if (!offline)
		return -ENOMEM;
	offline->bridge = bridge;
	tb_list_init(&offline->learnt);
	r = tb_offline_cache_new(bridge, &offline->cache);
	if (r == 0)
		r = tb_offline_articles_new(offline, &offline->articles);
	if (r == 0)
		r = tb_offline_grants_new(offline, &offline->grants);
	if (r == 0)
		r = tb_offline_replies_new(offline, &offline->replies);
	if (r == 0)
		r = tb_offline_programs_new(offline, &offline->programs);
	if (r == 0)
		r = tb_loop_add_timer(
			bridge->loop, LEARN_DELAY_US / 10, on_flush, offline, &offline->flush);
	if (r < 0) {
		tb_offline_free(offline);
		return r;
	}
	*ret = offline;
	return 0;
}

void
tb_offline_free(struct tb_offline *offline)
{
	if (!offline)
		return;
	if (offline->flush)
		write_all(offline);
	tb_source_remove(&offline->flush);
	tb_offline_programs_free(offline->programs);
	tb_offline_replies_free(offline->replies);
	tb_offline_grants_free(offline->grants);
	tb_offline_articles_free(offline->articles);
	tb_offline_cache_free(offline->cache);
	free(offline);
}

bool
tb_offline_has_key(struct tb_offline *offline, const struct tb_caller *caller, const char *key)
{
	struct tb_call call = {.caller = *caller, .key = key};
	struct learnt *learnt;

	tb_list_for_each(learnt, &offline->learnt, node)
		if (learnt->site && learnt->till && strcmp(learnt->site, caller->site) == 0 &&
			strcmp(learnt->till, caller->till) == 0 &&
			strcmp(tb_offline_text(learnt->params, "key"), key) == 0)
			return true;
	return tb_offline_replies_have(offline->replies, &call);
}

/* ---- what else the outbox asks ------------------------------------------------------------ */

json_t *
tb_offline_granted(struct tb_offline *offline, const char *reservation)
{
	return tb_offline_is_ours(reservation)
	               ? tb_offline_grants_granted(offline->grants, reservation)
	               : NULL;
}

void
tb_offline_link_up(struct tb_offline *offline)
{
	tb_offline_programs_due(offline->programs, true);
}
