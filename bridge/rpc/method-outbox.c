/* SPDX-License-Identifier: MIT */
/*
 * outbox.list, outbox.retry, outbox.settle: what a manager sees of effects that wait for the
 * server, and does about one that the server will not have. How they are sent is outbox-send.c.
 */

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/timestamp.h"
#include "bridge/loyalty.h"
#include "bridge/outbox-parts.h"
#include "bridge/rpc/methods.h"
#include "bridge/state.h"

#define LIST_PAGE 100 /* items of a page when the manager does not say */

struct page {
	const struct tb_outbox *outbox;
	struct tb_jsonw w;
	enum tb_outbox_state wanted; /* TB_OUTBOX_STATES: all that are not through */
	int64_t limit, n, last;
	bool more;
};

static enum tb_outbox_state
state_of(const struct tb_outbox *outbox, const struct tb_outbox_row *row)
{
	return tb_outbox_is_flying(outbox, row->seq) ? TB_OUTBOX_SENDING : row->state;
}

static bool
write_item(const struct tb_outbox_row *row, void *userdata)
{
	struct page *page = userdata;
	enum tb_outbox_state state = state_of(page->outbox, row);
	struct tb_jsonw *w = &page->w;
	char id[TB_OUTBOX_ID_TEXT], since[TB_TIME_TEXT];

	if (page->wanted != TB_OUTBOX_STATES && state != page->wanted)
		return true;
	page->more = page->n == page->limit;
	if (page->more)
		return false;
	page->n++;
	page->last = row->seq;
	tb_outbox_id_format(row->seq, id);
	tb_time_format(row->since_us, 0, since);
	tb_jsonw_object(w, NULL);
	tb_jsonw_string(w, "id", id);
	tb_jsonw_string(w, "method", tb_loyalty_op_name(row->op));
	tb_jsonw_string(w, "sale", row->sale);
	tb_jsonw_string(w, "since", since);
	tb_jsonw_int(w, "tries", (int64_t)row->tries);
	tb_jsonw_string(w, "state", tb_outbox_state_word(state));
	if (row->last_error[0])
		tb_jsonw_string(w, "last_error", row->last_error);
	tb_jsonw_end_object(w);
	return true;
}

/* What is under way is known here and not in the table. */
static int
write_page(struct tb_outbox *outbox, struct page *page, int64_t after)
{
	enum tb_outbox_state stored = page->wanted;
	char cursor[TB_OUTBOX_ID_TEXT];
	int r;

	if (stored == TB_OUTBOX_QUEUED || stored == TB_OUTBOX_SENDING ||
		stored == TB_OUTBOX_UNKNOWN)
		stored = TB_OUTBOX_STATES;
	tb_jsonw_object(&page->w, NULL);
	tb_jsonw_array(&page->w, "items");
	r = tb_outbox_journal_each(outbox->journal, stored, after, write_item, page);
	tb_jsonw_end_array(&page->w);
	if (page->more) {
		tb_outbox_id_format(page->last, cursor);
		tb_jsonw_string(&page->w, "cursor", cursor);
	}
	tb_jsonw_end_object(&page->w);
	return r;
}

static const char *
param(struct tb_request *request, const char *name)
{
	return json_string_value(json_object_get(tb_request_params(request), name));
}

/* Bridges without a connector have none. */
static struct tb_outbox *
outbox_of(struct tb_request *request)
{
	struct tb_outbox *outbox = tb_request_bridge(request)->outbox;

	if (!outbox)
		tb_request_fail(request, TB_ERROR_SERVER_UNREACHABLE, NULL);
	else
		tb_outbox_write_done(outbox);
	return outbox;
}

void
tb_method_outbox_list(struct tb_request *request)
{
	struct tb_outbox *outbox = outbox_of(request);
	const json_t *limit = json_object_get(tb_request_params(request), "limit");
	const char *state = param(request, "state"), *cursor = param(request, "cursor");
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	struct page page = {
		.outbox = outbox,
		.w = TB_JSONW(&buf),
		.wanted = state ? tb_outbox_state_from_word(state) : TB_OUTBOX_STATES,
		.limit = limit ? json_integer_value(limit) : LIST_PAGE,
	};
	int64_t after = cursor ? tb_outbox_id_parse(cursor) : 0;

	if (!outbox)
		return;
	if (cursor && after == 0)
		tb_request_fail_at(request, "/cursor", "bad_value");
	else if (write_page(outbox, &page, after) < 0 || tb_buf_error(&buf) < 0)
		tb_request_fail(request, TB_ERROR_INTERNAL, NULL);
	else
		tb_request_answer(request, buf.data, buf.len);
}

/* The row that the call is about; false when the call has been refused. */
static bool
find_row(struct tb_outbox *outbox, struct tb_request *request, struct tb_outbox_row *ret)
{
	int64_t seq = tb_outbox_id_parse(param(request, "id"));
	int r = seq ? tb_outbox_journal_get(outbox->journal, seq, ret) : 0;

	if (r == 0)
		tb_request_fail_at(request, "/id", "unknown");
	else if (r < 0)
		tb_request_fail(request, TB_ERROR_INTERNAL, NULL);
	return r > 0;
}

/* An answer that is given when all is on disk. */
struct kept {
	struct tb_request *request;
	char *json;
};

static void
on_kept(int error, void *userdata)
{
	struct kept *kept = userdata;

	if (error < 0)
		tb_request_fail(kept->request, TB_ERROR_INTERNAL, NULL);
	else
		tb_request_answer(kept->request, kept->json, strlen(kept->json));
	free(kept->json);
	free(kept);
}

/* Takes json, which may be NULL for want of memory. */
static void
answer_when_kept(struct tb_outbox *outbox, struct tb_request *request, char *json)
{
	struct kept *kept = calloc(1, sizeof(*kept));

	if (kept && json) {
		*kept = (struct kept){.request = request, .json = json};
		if (tb_state_after_commit(outbox->bridge->state, on_kept, kept) == 0)
			return;
	}
	free(kept);
	free(json);
	tb_state_doom(outbox->bridge->state, -ENOMEM);
	tb_request_fail(request, TB_ERROR_INTERNAL, NULL);
}

/* ---- outbox.retry ---- */

static int
retry_one(struct tb_outbox *outbox, struct tb_outbox_row *row)
{
	int r = tb_outbox_journal_requeue(outbox->journal, row->seq);

	if (r == 0 && row->state == TB_OUTBOX_REFUSED) {
		outbox->n_refused--;
		outbox->n_open++;
		tb_outbox_changed(outbox);
	}
	return r;
}

void
tb_method_outbox_retry(struct tb_request *request)
{
	_cleanup_outbox_row_ struct tb_outbox_row row = {};
	struct tb_outbox *outbox = outbox_of(request);
	char *json = NULL;
	int r = 0;

	if (!outbox || (param(request, "id") && !find_row(outbox, request, &row)))
		return;
	if (row.seq && !row.params) {
		/* It is through, or was settled. */
		tb_request_fail(request, TB_ERROR_CONFLICT, NULL);
		return;
	}
	if (row.seq && (row.state == TB_OUTBOX_REFUSED || row.state == TB_OUTBOX_UNKNOWN))
		r = retry_one(outbox, &row);
	if (r < 0) {
		tb_state_doom(outbox->bridge->state, r);
		tb_request_fail(request, TB_ERROR_INTERNAL, NULL);
		return;
	}
	tb_outbox_send_again(outbox);
	if (asprintf(&json, "{\"depth\":%lld}", (long long)tb_outbox_depth(outbox)) < 0)
		json = NULL;
	answer_when_kept(outbox, request, json);
}

/* ---- outbox.settle ---- */

static char *
settled_text(const struct tb_outbox_row *row, const char *reason)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&buf);
	char id[TB_OUTBOX_ID_TEXT];

	tb_outbox_id_format(row->seq, id);
	tb_jsonw_object(&w, NULL);
	tb_jsonw_string(&w, "id", id);
	tb_jsonw_string(&w, "method", tb_loyalty_op_name(row->op));
	tb_jsonw_string(&w, "state", tb_outbox_state_word(TB_OUTBOX_REFUSED));
	tb_jsonw_string(&w, "reason", reason);
	tb_jsonw_end_object(&w);
	return tb_buf_take(&buf);
}

/* Whether a person may end it: what is on its way may be with the server at any moment. */
static bool
may_settle(const struct tb_outbox *outbox, const struct tb_outbox_row *row)
{
	return row->params && !tb_outbox_is_flying(outbox, row->seq) &&
	       (row->state == TB_OUTBOX_REFUSED ||
		       (row->state == TB_OUTBOX_UNKNOWN && !outbox->keyed));
}

static void
settle(struct tb_outbox *outbox, struct tb_request *request, const struct tb_outbox_row *row,
	const struct tb_outbox_settlement *settlement)
{
	int r = tb_outbox_journal_settle(outbox->journal, row->seq, settlement);

	if (r < 0) {
		tb_state_doom(outbox->bridge->state, r);
		tb_request_fail(request, TB_ERROR_INTERNAL, NULL);
		return;
	}
	if (row->state == TB_OUTBOX_REFUSED)
		outbox->n_refused--;
	else
		outbox->n_open--;
	tb_log_notice("outbox: a %s (%s) is settled by hand", tb_loyalty_op_name(row->op),
		row->last_error);
	tb_outbox_changed(outbox);
	/* What stood behind it goes. */
	tb_outbox_send_again(outbox);
	answer_when_kept(outbox, request, settled_text(row, settlement->reason));
}

void
tb_method_outbox_settle(struct tb_request *request)
{
	_cleanup_outbox_row_ struct tb_outbox_row row = {};
	struct tb_outbox *outbox = outbox_of(request);
	struct tb_outbox_settlement settlement = {
		.key = param(request, "key"),
		.reason = param(request, "reason"),
		.by = param(request, "operator"),
	};
	int64_t seq;
	bool same;
	int r;

	if (!outbox || !find_row(outbox, request, &row))
		return;
	r = tb_outbox_journal_settled_by(outbox->journal, &settlement, &seq, &same);
	if (r < 0)
		tb_request_fail(request, TB_ERROR_INTERNAL, NULL);
	else if (r > 0 && (seq != row.seq || !same))
		tb_request_fail(request, TB_ERROR_IDEMPOTENCY_CONFLICT, NULL);
	else if (r > 0)
		answer_when_kept(outbox, request, settled_text(&row, settlement.reason));
	else if (!may_settle(outbox, &row))
		tb_request_fail(request, TB_ERROR_CONFLICT, NULL);
	else
		settle(outbox, request, &row, &settlement);
}
