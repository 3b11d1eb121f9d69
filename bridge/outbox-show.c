/* SPDX-License-Identifier: MIT */
/*
 * What the outbox shows: how much waits, and why, in the status and in events; and a passage that
 * waits, or whose amount does, in passage.show. It changes nothing.
 */
#include "bridge/outbox-parts.h"

#include <string.h>

#include "base/timestamp.h"
#include "bridge/conf.h"
#include "bridge/events.h"
#include "bridge/say.h"

#define TELL_US 1000000 /* between two events about the depth */
#define TELL_SLACK_US 250000
#define LOOKED_AT_MAX 256 /* entries of an account, for one that amends a sale */

/* ---- how much ---- */
int64_t
tb_outbox_depth(const struct tb_outbox *outbox)
{
	return TB_MAX(outbox->n_open - outbox->n_first, INT64_C(0));
}

void
tb_outbox_write(struct tb_outbox *outbox, struct tb_jsonw *w)
{
	int64_t depth = outbox ? tb_outbox_depth(outbox) : 0, age_us = 0;

	if (depth > 0)
		age_us = tb_loop_wall_us(outbox->bridge->loop) -
		         tb_outbox_journal_oldest_us(outbox->journal);
	tb_jsonw_int(w, "depth", depth);
	tb_jsonw_int(w, "oldest_s", TB_MAX(age_us, INT64_C(0)) / TB_USEC_PER_SEC);
	tb_jsonw_int(w, "refused", outbox ? outbox->n_refused : 0);
	if (depth == 0 || !outbox->barred)
		return;
	tb_jsonw_string(w, "reason", tb_error_word(TB_ERROR_NOT_PERMITTED));
	tb_jsonw_string(w, "detail", tb_say_barred(outbox->bridge->conf->language));
}

/* What an event tells, as one number: 0 when there is nothing. An entry that is refused changes it,
 * though as many are there as before, and so does a reason why nothing goes. */
static int64_t
shown(const struct tb_outbox *outbox)
{
	int64_t depth = tb_outbox_depth(outbox);

	return depth + outbox->n_refused * (INT64_C(1) << 32) +
	       (depth > 0 && outbox->barred ? INT64_C(1) << 62 : 0);
}

static void
emit(struct tb_outbox *outbox)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&buf);

	tb_outbox_write(outbox, &w);
	if (tb_buf_error(&buf) == 0)
		tb_events_emit(outbox->bridge->events, TB_NOTICE_OUTBOX, NULL, buf.data, buf.len);
	outbox->told = shown(outbox);
	outbox->told_us = tb_loop_now_us(outbox->bridge->loop);
}

static void
on_tell(void *userdata)
{
	struct tb_outbox *outbox = userdata;

	if (shown(outbox) != outbox->told)
		emit(outbox);
}

/* Filling up and draining is told once a second, the first and the last of it at once. */
void
tb_outbox_changed(struct tb_outbox *outbox)
{
	int64_t now = shown(outbox);
	uint64_t now_us = tb_loop_now_us(outbox->bridge->loop);

	if (now == outbox->told)
		return;
	if (now == 0 || outbox->told == 0 || now_us - outbox->told_us >= TELL_US)
		emit(outbox);
	else
		(void)tb_source_set_timer(outbox->tell, outbox->told_us + TELL_US);
}

int
tb_outbox_show_init(struct tb_outbox *outbox)
{
	outbox->told = shown(outbox);
	return tb_loop_add_timer(
		outbox->bridge->loop, TELL_SLACK_US, on_tell, outbox, &outbox->tell);
}

/* ---- a passage that waits, or whose amount does ---- */

static const char *
param(const json_t *params, const char *name)
{
	return json_string_value(json_object_get(params, name));
}

/* Lays what the entry says over what is shown. */
static int
lay_over(json_t *shown, const json_t *params, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		json_t *value = json_object_get(params, names[i]);

		if (value && json_object_set(shown, names[i], value) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Whether the entry gives that sale its amount. */
static bool
amends(const struct tb_outbox_row *row, const char *sale, const char *day)
{
	return row->op == TB_OP_PASSAGE_AMEND && row->params && row->sale &&
	       strcmp(row->sale, sale) == 0 && (!day || !row->day || strcmp(row->day, day) == 0);
}

/* What a till has said the amount is, and the server does not know yet; a new reference, or NULL.
 * post: the entry of the passage, empty when there is none any more. */
static json_t *
waiting_amount(
	struct tb_outbox *outbox, const struct tb_call *call, const struct tb_outbox_row *post)
{
	const char *sale = param(call->params, "sale");
	const char *day = post->day ? post->day : param(call->params, "business_day");
	_cleanup_free_ char *account = NULL;
	struct tb_outbox_head head = {.seq = post->seq};

	if (post->account)
		account = strdup(post->account);
	else if (asprintf(&account, "sale:%s/%s", call->caller.till, sale) < 0)
		account = NULL;
	for (unsigned n = 0; account && n < LOOKED_AT_MAX; n++) {
		_cleanup_outbox_row_ struct tb_outbox_row row = {};

		if (tb_outbox_journal_successor(outbox->journal, account, head.seq, &head) <= 0 ||
			tb_outbox_journal_get(outbox->journal, head.seq, &row) <= 0)
			return NULL;
		if (amends(&row, sale, day))
			return json_loads(row.params, 0, NULL);
	}
	return NULL;
}

/* The passage as it was said, or, once the server has it, what it answered. */
static json_t *
said(const struct tb_outbox_row *row)
{
	static const char *const of_call[] = {
		"occurred_at", "mode", "customer", "total", "lines", "tenders"};
	static const char *const of_answer[] = {"passage", "earned", "reasons"};
	const char *text = row->params ? row->params : row->answer;
	json_t *source = text ? json_loads(text, 0, NULL) : NULL, *shown = NULL;

	if (source)
		shown = json_pack("{s:s*, s:s*, s:s*, s:s, s:[]}", "passage", row->drawn, "sale",
			row->sale, "business_day", row->day, "state", "queued", "lines");
	if (shown && row->params)
		json_object_set_new(shown, "reasons", json_pack("[s]", "offline"));
	if (shown && lay_over(shown, source, row->params ? of_call : of_answer,
			     row->params ? ARRAY_SIZE(of_call) : ARRAY_SIZE(of_answer)) < 0) {
		json_decref(shown);
		shown = NULL;
	}
	json_decref(source);
	return shown;
}

static const char *const of_amount[] = {"total", "lines"};

bool
tb_outbox_show(struct tb_outbox *outbox, const struct tb_call *call)
{
	_cleanup_outbox_row_ struct tb_outbox_row row = {};
	_cleanup_(json_decrefp) json_t *amount = NULL;
	_cleanup_(json_decrefp) json_t *shown = NULL;
	_cleanup_free_ char *text = NULL;

	if (outbox->n_open + outbox->n_refused == 0)
		return false;
	tb_outbox_write_done(outbox);
	if (tb_outbox_journal_by_sale(outbox->journal, call->caller.site, call->caller.till,
		    param(call->params, "sale"), param(call->params, "business_day"), &row) <= 0)
		return false;
	amount = waiting_amount(outbox, call, &row);
	/* Of one that is delivered the server knows more, if it can be asked. */
	if (!row.params && (!amount || !outbox->down))
		return false;
	shown = said(&row);
	if (shown && lay_over(shown, amount, of_amount, ARRAY_SIZE(of_amount)) == 0)
		text = json_dumps(shown, JSON_COMPACT);
	if (text)
		call->done(&(struct tb_answer){.json = text, .len = strlen(text)}, call->userdata);
	return text != NULL;
}

char *
tb_outbox_show_amount(
	struct tb_outbox *outbox, const struct tb_call *call, const struct tb_answer *answer)
{
	_cleanup_outbox_row_ struct tb_outbox_row row = {};
	_cleanup_(json_decrefp) json_t *amount = NULL;
	_cleanup_(json_decrefp) json_t *shown = NULL;

	if (outbox->n_open == 0 ||
		tb_outbox_journal_by_sale(outbox->journal, call->caller.site, call->caller.till,
			param(call->params, "sale"), param(call->params, "business_day"), &row) < 0)
		return NULL;
	amount = waiting_amount(outbox, call, &row);
	shown = amount ? json_loadb(answer->json, answer->len, 0, NULL) : NULL;
	if (!shown || lay_over(shown, amount, of_amount, ARRAY_SIZE(of_amount)) < 0 ||
		json_object_set_new(shown, "state", json_string("queued")) < 0)
		return NULL;
	return json_dumps(shown, JSON_COMPACT);
}
