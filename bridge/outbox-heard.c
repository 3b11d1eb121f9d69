/* SPDX-License-Identifier: MIT */
/*
 * What the server says of an entry: it has it, it will not have it, or something else that may be
 * another answer later. What is told to the tills follows from it; when an entry goes again is
 * outbox-send.c's.
 */
#include "bridge/outbox-parts.h"

#include <string.h>

#include "base/log.h"
#include "bridge/loyalty.h"

/* While tills ask the server, what waits is sent one at a time, with pauses of so many times what
 * the sending took: a till is not to feel that there is an outbox. */
#define POLITE_FACTOR 30
#define POLITE_MIN_US 10000
#define POLITE_MAX_US 500000

static uint64_t
now_us(const struct tb_outbox *outbox)
{
	return tb_loop_now_us(outbox->bridge->loop);
}

static void
to_done(struct tb_outbox *outbox, struct tb_outbox_entry *e)
{
	if (tb_list_empty(&outbox->done))
		outbox->done_since_us = now_us(outbox);
	tb_list_append(&outbox->done, &e->node);
	outbox->n_done++;
	outbox->n_open--;
}

static void
confirmed(struct tb_outbox *outbox, struct tb_outbox_entry *e, const struct tb_answer *answer)
{
	e->answer = strndup(answer->json, answer->len);
	e->answer_len = answer->len;
	/* A passage that goes by the id we gave is told theirs when it goes. */
	if (e->row.op == TB_OP_REWARD_DEDUCT && e->row.told && e->answer)
		e->row.theirs = tb_outbox_reservation_of(e->answer);
	to_done(outbox, e);
	if (!e->answer)
		e->answer_len = 0; /* it is delivered; only its words are lost */
	tb_outbox_tell_confirmed(outbox, e, answer);
	tb_outbox_free_successor(outbox, e->row.account, e->row.seq);
}

static void
refused(struct tb_outbox *outbox, struct tb_outbox_entry *e, const struct tb_answer *answer)
{
	e->error = answer->error;
	e->drop = !e->row.told &&
	          (tb_outbox_has_waiting(outbox, e->row.seq) || e->row.op == TB_OP_REWARD_DEDUCT);
	if (answer->json)
		e->problem = strndup(answer->json, answer->len);
	to_done(outbox, e);
	if (e->drop) {
		/* The till waits for this alone. */
		tb_outbox_write_done(outbox);
	} else {
		outbox->n_refused++;
		tb_log_warning("outbox: the server refuses a %s for good (%s): to be settled by "
			       "hand, tillctl outbox",
			tb_loyalty_op_name(e->row.op), tb_error_word(answer->error));
	}
	if (e->drop || e->row.op != TB_OP_CUSTOMER_CREATE)
		tb_outbox_free_successor(outbox, e->row.account, e->row.seq);
}

/* ---- what may be another answer later ---- */

/* A till that is not let in is not let in with the next one either. */
static void
barred(struct tb_outbox *outbox)
{
	if (outbox->barred++ == 0)
		tb_log_warning("outbox: the server does not let this till in: what waits goes when "
			       "it is paired again");
	outbox->barred_since_us = now_us(outbox);
	outbox->barred_us = now_us(outbox) + tb_outbox_pause_us(outbox->barred);
}

static void
failed(struct tb_outbox *outbox, struct tb_outbox_entry *e, const struct tb_answer *answer)
{
	bool link = answer->error == TB_ERROR_SERVER_UNREACHABLE;
	enum tb_outbox_state state = link && !answer->unsent ? TB_OUTBOX_UNKNOWN : TB_OUTBOX_QUEUED;
	int64_t seq = e->row.seq;
	int r;

	if (e->row.op == TB_OP_REWARD_DEDUCT && !e->row.told &&
		!tb_outbox_has_waiting(outbox, seq)) {
		/* Its till was told that nothing came of it. */
		e->error = answer->error;
		e->drop = true;
		to_done(outbox, e);
		tb_outbox_free_successor(outbox, e->row.account, seq);
		return;
	}
	r = outbox->stopping && outbox->keyed ? 0
	                                      : tb_outbox_journal_failed(outbox->journal, seq,
							state, tb_error_word(answer->error));
	if (r < 0)
		tb_log_warning("outbox: a failed try is not written down: %s", strerror(-r));
	e->failures++;
	e->deadline_us = 0;
	e->asking = false;
	if (link) {
		outbox->failures++;
		outbox->retry_us = now_us(outbox) + tb_outbox_pause_us(outbox->failures);
	} else {
		e->not_before_us = now_us(outbox) + tb_outbox_pause_us(e->failures);
	}
	tb_outbox_unload(e);
	/* It was the first, and stays so. */
	tb_list_insert(outbox->ready.next, &e->node);
	outbox->n_ready++;
	if (answer->error == TB_ERROR_NOT_PERMITTED) {
		barred(outbox);
		tb_outbox_tell_queued_one(outbox, seq);
	}
}

/*
 * A till that is not let in any more is a matter for the installer: what waits is not refused, and
 * what has been paid, or paid back, waits likewise (R13). Anything else its till is told.
 */
static bool
may_change(const struct tb_outbox_entry *e, enum tb_error error)
{
	if (error != TB_ERROR_NOT_PERMITTED)
		return tb_error_retryable(error);
	return e->row.told || tb_outbox_is_passage(e->row.op) ||
	       !tb_outbox_has_waiting(e->outbox, e->row.seq);
}

/* What is in conflict is the card of the call. */
static bool
is_about_card(const struct tb_answer *answer)
{
	json_t *data = answer->json ? json_loadb(answer->json, answer->len, 0, NULL) : NULL;
	const char *pointer = json_string_value(
		json_object_get(json_array_get(json_object_get(data, "errors"), 0), "pointer"));
	bool about = pointer && strcmp(pointer, "/card") == 0;

	json_decref(data);
	return about;
}

/* The number that was drawn is somebody's already, and nobody has been told of it. A refusal stores
 * no key, so another one may go with the same. */
static bool
draw_again(struct tb_outbox_entry *e, const struct tb_answer *answer)
{
	struct tb_outbox *outbox = e->outbox;
	_cleanup_free_ char *text = NULL;
	char number[TB_OUTBOX_DRAWN_TEXT];

	if (e->row.op != TB_OP_CUSTOMER_CREATE || e->row.told || !is_about_card(answer) ||
		!tb_outbox_has_waiting_for_card(outbox, e->row.seq) ||
		tb_outbox_draw_card(number) < 0 ||
		json_object_set_new(e->params, "card", json_string(number)) < 0)
		return false;
	text = json_dumps(e->params, JSON_COMPACT);
	return text && tb_outbox_journal_reword(outbox->journal, e->row.seq, text) == 0;
}

static void
be_polite(struct tb_outbox *outbox, const struct tb_outbox_entry *e)
{
	uint64_t pause = POLITE_FACTOR * (now_us(outbox) - e->sent_us);

	outbox->polite_us = 0;
	if (tb_loyalty_is_busy(outbox->bridge->loyalty))
		outbox->polite_us = now_us(outbox) + TB_MIN(TB_MAX(pause, (uint64_t)POLITE_MIN_US),
							     (uint64_t)POLITE_MAX_US);
}

void
tb_outbox_sent(const struct tb_answer *answer, void *userdata)
{
	struct tb_outbox_entry *e = userdata;
	struct tb_outbox *outbox = e->outbox;

	tb_list_remove(&e->node);
	outbox->n_flying--;
	be_polite(outbox, e);
	if (answer->error == TB_OK)
		outbox->barred = 0;
	if (answer->error == TB_OK)
		confirmed(outbox, e, answer);
	else if (answer->error == TB_ERROR_CONFLICT && draw_again(e, answer))
		failed(outbox, e, &(struct tb_answer){.error = TB_ERROR_IN_PROGRESS});
	else if (may_change(e, answer->error))
		failed(outbox, e, answer);
	else
		refused(outbox, e, answer);
	tb_outbox_changed(outbox);
	tb_outbox_arm(outbox);
}
