/* SPDX-License-Identifier: MIT */
/*
 * Tills that wait for what becomes of their effect: they are told what the server said, or that it
 * is queued when their deadline ends or the link goes down. Which effect is new, and when it is
 * sent, is decided elsewhere.
 */
#include "bridge/outbox-parts.h"

#include <string.h>

#include "bridge/conf.h"
#include "bridge/loyalty.h"
#include "bridge/offline.h"
#include "bridge/state.h"

#define MARGIN_MAX_US 100000 /* of a deadline, so that the answer is there when it ends */

static void
set_deadline(struct tb_outbox *outbox)
{
	uint64_t at_us = TB_NEVER;

	if (!tb_list_empty(&outbox->waiting))
		at_us = tb_list_first(&outbox->waiting, struct tb_outbox_wait, node)->until_us;
	(void)tb_source_set_timer(outbox->deadline, at_us);
}

static void
wait_free(struct tb_outbox_wait *wait)
{
	tb_list_remove(&wait->node);
	free(wait->text);
	free(wait);
}

/* Nothing has come of the call, as far as the till is concerned: it may say it again. */
void
tb_outbox_wait_fail(struct tb_outbox_wait *wait, enum tb_error error, const char *data)
{
	tb_request_fail(wait->request, error, data);
	wait_free(wait);
}

/* Takes it off the list; who made an entry that is now the outbox's own lets it count. */
static void
unlist(struct tb_outbox_wait *wait)
{
	tb_list_remove(&wait->node);
	if (wait->first)
		wait->outbox->n_first--;
	wait->first = false;
}

bool
tb_outbox_has_waiting(const struct tb_outbox *outbox, int64_t seq)
{
	struct tb_outbox_wait *wait;

	tb_list_for_each(wait, &outbox->waiting, node)
		if (wait->seq == seq)
			return true;
	return false;
}

bool
tb_outbox_has_waiting_for_card(const struct tb_outbox *outbox, int64_t seq)
{
	struct tb_outbox_wait *wait;

	tb_list_for_each(wait, &outbox->waiting, node)
		if (wait->seq == seq &&
			json_object_get(tb_request_params(wait->request), "draw_card"))
			return true;
	return false;
}

void
tb_outbox_wait_answer(int error, void *userdata)
{
	struct tb_outbox_wait *wait = userdata;

	if (error < 0) {
		tb_outbox_wait_fail(wait, TB_ERROR_INTERNAL, NULL);
		return;
	}
	tb_request_answer(wait->request, wait->text, wait->len);
	wait_free(wait);
}

/* Answers with text when all that was written in this turn is on disk. Takes text. */
static void
answer_when_kept(struct tb_outbox_wait *wait, char *text)
{
	wait->text = text;
	wait->len = text ? strlen(text) : 0;
	if (!text ||
		tb_state_after_commit(wait->outbox->bridge->state, tb_outbox_wait_answer, wait) < 0)
		tb_outbox_wait_fail(wait, TB_ERROR_INTERNAL, NULL);
}

/* Whether the answer of such a one is made from its row, and is another one once it is through. */
bool
tb_outbox_is_passage(enum tb_op op)
{
	return op == TB_OP_PASSAGE_POST || op == TB_OP_PASSAGE_REVERSE || op == TB_OP_PASSAGE_AMEND;
}

/* What the till is told of a row that waits: what it was told before, else what is so. */
char *
tb_outbox_say_queued(
	struct tb_outbox *outbox, const struct tb_outbox_row *row, const json_t *params)
{
	if (row->answer)
		return strdup(row->answer);
	if (!row->told && outbox->bridge->offline)
		tb_offline_queued(outbox->bridge->offline, row->op, params);
	return tb_outbox_queued_answer(outbox, row, params);
}

/* From here on it is the outbox's to deliver. */
static int
mark_told(struct tb_outbox *outbox, struct tb_outbox_row *row, json_t *params, char **ret)
{
	_cleanup_free_ char *text = tb_outbox_say_queued(outbox, row, params);
	int r = text ? 0 : -ENOMEM;

	if (r == 0 && !row->told)
		r = tb_outbox_journal_tell(outbox->journal, row->seq, row->drawn,
			tb_outbox_is_passage(row->op) ? NULL : text, strlen(text));
	if (r < 0)
		return r;
	tb_outbox_send_told(outbox, row->seq);
	*ret = TAKE_PTR(text);
	return 0;
}

static void
on_judged(const struct tb_answer *answer, void *userdata)
{
	struct tb_outbox_judged *judged = userdata;

	judged->error = answer->error;
	judged->json = answer->json ? strndup(answer->json, answer->len) : NULL;
	if (answer->error != TB_OK)
		return;
	if (judged->json)
		judged->reservation = tb_outbox_reservation_of(judged->json);
	if (!judged->reservation)
		judged->error = TB_ERROR_INTERNAL;
}

/* A deduction says what it takes off: without the server that is the offline front's to say. */
struct tb_outbox_judged
tb_outbox_judge(struct tb_outbox *outbox, const struct tb_outbox_row *row, json_t *params)
{
	struct tb_outbox_judged judged = {.error = TB_ERROR_SERVER_UNREACHABLE};
	struct tb_call call = {
		.op = row->op,
		.caller = {.site = row->site, .till = row->till, .by = row->by},
		.key = row->key,
		.params = params,
		.done = on_judged,
		.userdata = &judged,
	};

	if (outbox->bridge->offline)
		tb_offline_answer(outbox->bridge->offline, &call);
	return judged;
}

/* There is a server, and it does not let this till in: what is used is for it alone to grant. */
static bool
is_barred(const struct tb_outbox *outbox)
{
	return outbox->barred && !outbox->down;
}

/* Nobody can say what it takes off, so it is not to be: the till may ask again with its key. */
static void
give_up_deduction(
	struct tb_outbox *outbox, struct tb_outbox_wait *wait, const struct tb_outbox_row *row)
{
	if (!tb_outbox_is_flying(outbox, row->seq) &&
		tb_outbox_journal_drop(outbox->journal, row->seq) == 0) {
		outbox->n_open--;
		tb_outbox_changed(outbox);
		/* What stood behind it is free. */
		tb_outbox_send_again(outbox);
	}
	tb_outbox_wait_fail(wait,
		is_barred(outbox) ? TB_ERROR_NOT_PERMITTED : TB_ERROR_SERVER_UNREACHABLE, NULL);
}

/* The till has waited long enough. */
static void
tell_queued(struct tb_outbox *outbox, struct tb_outbox_wait *wait)
{
	_cleanup_outbox_row_ struct tb_outbox_row row = {};
	_cleanup_(json_decrefp) json_t *params = NULL;
	char *text = NULL;
	int r;

	unlist(wait);
	r = tb_outbox_journal_get(outbox->journal, wait->seq, &row);
	if (r > 0)
		params = row.params ? json_loads(row.params, 0, NULL) : NULL;
	if (r <= 0 || !params) {
		tb_outbox_wait_fail(wait, TB_ERROR_INTERNAL, NULL);
		return;
	}
	if (row.op == TB_OP_REWARD_DEDUCT && !row.told) {
		struct tb_outbox_judged judged = {.error = TB_ERROR_NOT_PERMITTED};

		if (!is_barred(outbox))
			judged = tb_outbox_judge(outbox, &row, params);
		if (judged.error != TB_OK) {
			free(judged.json);
			give_up_deduction(outbox, wait, &row);
			return;
		}
		row.answer = judged.json;
		free(row.drawn);
		row.drawn = judged.reservation;
	}
	r = mark_told(outbox, &row, params, &text);
	if (r < 0) {
		tb_state_doom(outbox->bridge->state, r);
		tb_outbox_wait_fail(wait, TB_ERROR_INTERNAL, NULL);
		return;
	}
	answer_when_kept(wait, text);
	tb_outbox_changed(outbox);
}

void
tb_outbox_tell_queued(struct tb_outbox *outbox)
{
	while (!tb_list_empty(&outbox->waiting))
		tell_queued(outbox, tb_list_first(&outbox->waiting, struct tb_outbox_wait, node));
	set_deadline(outbox);
}

void
tb_outbox_tell_queued_one(struct tb_outbox *outbox, int64_t seq)
{
	struct tb_outbox_wait *wait, *next;

	tb_list_for_each_safe(wait, next, &outbox->waiting, node)
		if (wait->seq == seq)
			tell_queued(outbox, wait);
	set_deadline(outbox);
}

static void
on_deadline(void *userdata)
{
	struct tb_outbox *outbox = userdata;
	uint64_t now_us = tb_loop_now_us(outbox->bridge->loop);

	/* What the server said just now is better than that it is queued. */
	tb_outbox_write_done(outbox);
	while (!tb_list_empty(&outbox->waiting)) {
		struct tb_outbox_wait *wait = tb_list_first(
			&outbox->waiting, struct tb_outbox_wait, node);

		if (wait->until_us > now_us)
			break;
		tell_queued(outbox, wait);
	}
	set_deadline(outbox);
}

void
tb_outbox_tell_confirmed(struct tb_outbox *outbox, const struct tb_outbox_entry *entry,
	const struct tb_answer *answer)
{
	struct tb_outbox_wait *wait, *next;
	bool any = false;

	tb_list_for_each_safe(wait, next, &outbox->waiting, node) {
		if (wait->seq != entry->row.seq)
			continue;
		any = true;
		unlist(wait);
		tb_loyalty_answer(wait->request, answer);
		wait_free(wait);
	}
	if (any)
		set_deadline(outbox);
	else
		tb_loyalty_delivered(outbox->bridge->loyalty, entry->row.op, entry->params, answer);
}

void
tb_outbox_tell_refused(struct tb_outbox *outbox, const struct tb_outbox_entry *entry)
{
	struct tb_outbox_wait *wait, *next;

	tb_list_for_each_safe(wait, next, &outbox->waiting, node) {
		if (wait->seq != entry->row.seq)
			continue;
		unlist(wait);
		tb_outbox_wait_fail(wait, entry->error, entry->problem);
	}
	set_deadline(outbox);
}

static uint64_t
margin_us(const struct tb_outbox *outbox)
{
	return TB_MIN(outbox->bridge->conf->deadline_us / 10, (uint64_t)MARGIN_MAX_US);
}

/* The call ends before its till is answered: what the till asks next finds the link down. */
uint64_t
tb_outbox_wait_sent_until_us(const struct tb_outbox_wait *wait)
{
	return wait->until_us - margin_us(wait->outbox) / 2;
}

struct tb_outbox_wait *
tb_outbox_wait_new(struct tb_outbox *outbox, struct tb_request *request)
{
	struct tb_outbox_wait *wait = calloc(1, sizeof(*wait));

	if (!wait)
		return NULL;
	tb_list_init(&wait->node);
	wait->outbox = outbox;
	wait->request = request;
	wait->until_us = tb_loop_now_us(outbox->bridge->loop) + outbox->bridge->conf->deadline_us -
	                 margin_us(outbox);
	return wait;
}

void
tb_outbox_wait_begin(struct tb_outbox_wait *wait, bool first)
{
	struct tb_outbox *outbox = wait->outbox;

	wait->first = first;
	outbox->n_first += first;
	tb_list_append(&outbox->waiting, &wait->node);
	if (outbox->down)
		tell_queued(outbox, wait);
	set_deadline(outbox);
}

int
tb_outbox_tills_init(struct tb_outbox *outbox)
{
	tb_list_init(&outbox->waiting);
	return tb_loop_add_timer(
		outbox->bridge->loop, 1000, on_deadline, outbox, &outbox->deadline);
}

void
tb_outbox_tills_done(struct tb_outbox *outbox)
{
	tb_source_remove(&outbox->deadline);
}
