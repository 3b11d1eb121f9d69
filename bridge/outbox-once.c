/* SPDX-License-Identifier: MIT */
/*
 * Sending to a server that knows no keys: that it is being sent is on disk before, and one whose
 * outcome nobody knows is asked about before it is sent again. What cannot be asked about is left
 * to a person, as unknown.
 */
#include "bridge/outbox-parts.h"

#include <string.h>

#include "base/log.h"
#include "bridge/conf.h"
#include "bridge/loyalty.h"
#include "bridge/state.h"

static void
on_marked(int error, void *userdata)
{
	struct tb_outbox_entry *e = userdata;

	if (error < 0)
		tb_outbox_sent(&(struct tb_answer){.error = TB_ERROR_INTERNAL}, e);
	else
		tb_outbox_transmit(e);
}

static void
mark_and_send(struct tb_outbox_entry *e)
{
	int r = tb_outbox_journal_sending(e->outbox->journal, e->row.seq);

	if (r == 0)
		r = tb_state_after_commit(e->outbox->bridge->state, on_marked, e);
	if (r < 0) {
		tb_state_doom(e->outbox->bridge->state, r);
		tb_outbox_sent(&(struct tb_answer){.error = TB_ERROR_INTERNAL}, e);
	}
}

static void
copy_member(json_t *to, const json_t *from, const char *name)
{
	json_t *value = json_object_get(from, name);

	if (value)
		json_object_set(to, name, value);
}

/* The passage as it is shown, in the words of a passage that was posted. */
static char *
posted_text(const struct tb_answer *shown)
{
	_cleanup_(json_decrefp) json_t *passage = json_loadb(shown->json, shown->len, 0, NULL);
	_cleanup_(json_decrefp) json_t *posted = json_object();
	static const char *const members[] = {"passage", "state", "earned", "reasons"};

	if (!json_is_object(passage) || !posted)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		copy_member(posted, passage, members[i]);
	json_object_set_new(posted, "warnings", json_array());
	return json_dumps(posted, JSON_COMPACT);
}

static void
on_shown(const struct tb_answer *answer, void *userdata)
{
	struct tb_outbox_entry *e = userdata;
	_cleanup_free_ char *text = NULL;

	if (answer->error == TB_ERROR_PASSAGE_UNKNOWN) {
		e->asking = false;
		mark_and_send(e);
		return;
	}
	if (answer->error == TB_OK)
		text = posted_text(answer);
	if (text) {
		e->asking = false;
		tb_outbox_sent(&(struct tb_answer){.json = text, .len = strlen(text)}, e);
	} else {
		/* Nothing was learnt: it is asked again. */
		tb_outbox_sent(
			&(struct tb_answer){.error = answer->error == TB_ERROR_SERVER_UNREACHABLE
		                                             ? TB_ERROR_SERVER_UNREACHABLE
		                                             : TB_ERROR_INTERNAL},
			e);
	}
}

static void
ask(struct tb_outbox_entry *e)
{
	const struct tb_outbox *outbox = e->outbox;
	json_t *params = json_object();
	struct tb_call call = {
		.op = TB_OP_PASSAGE_SHOW,
		.caller = {.site = e->row.site, .till = e->row.till},
		.params = params,
		.deadline_us = tb_loop_now_us(outbox->bridge->loop) +
	                       outbox->bridge->conf->deadline_us,
		.done = on_shown,
		.userdata = e,
	};

	e->asking = true;
	copy_member(params, e->params, "sale");
	copy_member(params, e->params, "business_day");
	json_decref(e->question);
	e->question = params; /* borrowed until the answer */
	tb_loyalty_send(outbox->bridge->loyalty, &call);
}

void
tb_outbox_transmit_once(struct tb_outbox_entry *e)
{
	struct tb_outbox *outbox = e->outbox;
	bool unknown = e->row.state == TB_OUTBOX_UNKNOWN || e->row.state == TB_OUTBOX_SENDING;

	if (!unknown) {
		mark_and_send(e);
	} else if (e->row.op == TB_OP_PASSAGE_POST) {
		ask(e);
	} else {
		tb_log_warning("outbox: nobody knows whether the server has a %s: to be settled by "
			       "hand, tillctl outbox",
			tb_loyalty_op_name(e->row.op));
		(void)tb_outbox_journal_failed(
			outbox->journal, e->row.seq, TB_OUTBOX_UNKNOWN, e->row.last_error);
		tb_outbox_park(e);
	}
}
