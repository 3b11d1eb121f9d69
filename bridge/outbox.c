/* SPDX-License-Identifier: MIT */
/*
 * The front of the outbox: takes an effect, recognises one that was said before (R14), and answers
 * the till, within its deadline, with what the server said or that it is queued. How it is sent is
 * outbox-send.c.
 */
#include "bridge/outbox-parts.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/timestamp.h"
#include "bridge/conf.h"
#include "bridge/loyalty.h"
#include "bridge/offline.h"
#include "bridge/rpc/methods.h"
#include "bridge/state.h"

#define PRUNE_US (UINT64_C(3600) * 1000000)
#define LET_IN_US 1000000 /* what is let in with one call need not be with another */
#define DAY_TEXT TB_TIME_TEXT

bool
tb_outbox_takes(enum tb_op op)
{
	switch (op) {
	case TB_OP_PASSAGE_POST:
	case TB_OP_PASSAGE_REVERSE:
	case TB_OP_PASSAGE_AMEND:
	case TB_OP_REWARD_DEDUCT:
	case TB_OP_CUSTOMER_CREATE:
	case TB_OP_CUSTOMER_UPDATE:
	case TB_OP_CARD_ATTACH:
	case TB_OP_CARD_DETACH:
		return true;
	default:
		return false;
	}
}

/* ---- a new effect ---- */

/* The row is on disk: it goes to the server, and the till waits. */
static void
on_kept(int error, void *userdata)
{
	struct tb_outbox_wait *wait = userdata;
	struct tb_outbox *outbox = wait->outbox;
	int64_t seq = wait->seq;
	bool goes;

	if (error < 0) {
		tb_outbox_wait_fail(wait, TB_ERROR_INTERNAL, NULL);
		return;
	}
	outbox->n_open++;
	goes = tb_outbox_send_new(outbox, seq, tb_outbox_wait_sent_until_us(wait));
	tb_outbox_wait_begin(wait, true);
	/* What it stands behind is not let in. */
	if (outbox->barred && !goes)
		tb_outbox_tell_queued_one(outbox, seq);
}

/* The row is on disk, and its till is not let wait. */
static void
on_kept_told(int error, void *userdata)
{
	struct tb_outbox_wait *wait = userdata;
	struct tb_outbox *outbox = wait->outbox;
	int64_t seq = wait->seq;

	tb_outbox_wait_answer(error, wait);
	if (error < 0)
		return;
	outbox->n_open++;
	tb_outbox_changed(outbox);
	tb_outbox_send_new(outbox, seq, 0);
}

static const char *
param(const json_t *params, const char *name)
{
	return json_string_value(json_object_get(params, name));
}

static int
set_text(char **field, const char *text)
{
	*field = text ? strdup(text) : NULL;
	return text && !*field ? -ENOMEM : 0;
}

/*
 * The day that a passage is of: what the till says, else the shop's date of its time, else the date
 * where it was said. Without a program nobody knows better, nor when by_shop is false.
 */
static const char *
day_of(const struct tb_outbox *outbox, const json_t *params, bool by_shop, char *out)
{
	struct tb_offline *offline = by_shop ? outbox->bridge->offline : NULL;
	const char *day = param(params, "business_day"), *at = param(params, "occurred_at");
	struct tb_date date;
	int64_t at_us;

	if (day || !at)
		return day;
	if (offline && tb_time_parse(at, &at_us, NULL) == 0 &&
		tb_offline_shop_date(offline, at_us, &date))
		tb_date_format(date, out);
	else
		snprintf(out, DAY_TEXT, "%.10s", at);
	return out;
}

/* Sale and day of a passage, and with a reversal or an amount what is known of the sale. */
static int
find_sale(struct tb_outbox *outbox, struct tb_outbox_row *row, const json_t *params)
{
	_cleanup_outbox_row_ struct tb_outbox_row post = {};
	const char *day = param(params, "business_day");
	char date[DAY_TEXT];
	int r = set_text(&row->sale, param(params, "sale"));

	if (r < 0)
		return r;
	if (row->op == TB_OP_PASSAGE_POST)
		day = day_of(outbox, params, true, date);
	if (row->op != TB_OP_PASSAGE_POST && tb_outbox_is_passage(row->op)) {
		r = tb_outbox_journal_by_sale(
			outbox->journal, row->site, row->till, row->sale, day, &post);
		if (r < 0)
			return r;
		row->account = TAKE_PTR(post.account);
		row->drawn = TAKE_PTR(post.drawn);
	}
	return set_text(&row->day, day);
}

/* What the order of entries goes by. */
static int
find_account(struct tb_outbox_row *row, const json_t *params)
{
	const char *customer = param(params, row->op == TB_OP_CUSTOMER_UPDATE ? "id" : "customer");

	if (row->account)
		return 0;
	if (row->op == TB_OP_CUSTOMER_CREATE)
		customer = row->drawn;
	if (customer)
		return set_text(&row->account, customer);
	if (asprintf(&row->account, "sale:%s/%s", row->till, row->sale) < 0) {
		row->account = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* Whoever brought a customer must be known before him, and a deduction before its passage. */
static int
find_before(struct tb_outbox *outbox, struct tb_outbox_row *row, const json_t *params)
{
	_cleanup_outbox_row_ struct tb_outbox_row before = {};
	const char *id = param(
		params, row->op == TB_OP_CUSTOMER_CREATE ? "sponsor" : "reservation");
	int r = 0;

	if (id && (row->op == TB_OP_CUSTOMER_CREATE || row->op == TB_OP_PASSAGE_POST))
		r = tb_outbox_journal_by_drawn(outbox->journal, id, &before);
	if (r > 0 && before.params && before.state != TB_OUTBOX_REFUSED)
		row->waits_for = before.seq;
	return r < 0 ? r : 0;
}

/* What was given offline for this sale, if it was not deducted by an entry of its own. */
static int
add_granted(struct tb_outbox *outbox, const json_t *params, json_t *sent)
{
	_cleanup_outbox_row_ struct tb_outbox_row deduction = {};
	_cleanup_(json_decrefp) json_t *granted = NULL;
	const char *reservation = param(params, "reservation");
	int r;

	if (!reservation || !outbox->bridge->offline || !tb_offline_is_ours(reservation))
		return 0;
	r = tb_outbox_journal_by_drawn(outbox->journal, reservation, &deduction);
	if (r != 0)
		return r < 0 ? r : 0;
	granted = tb_offline_granted(outbox->bridge->offline, reservation);
	if (!json_object_get(granted, "uses"))
		return 0;
	return json_object_set(sent, "uses", json_object_get(granted, "uses")) < 0 ? -ENOMEM : 0;
}

/*
 * A passage names a reservation that was made here. Of a deduction the server has one of its own by
 * now, since that went before; if it would not have the deduction, the passage says what was given.
 */
void
tb_outbox_name_reservation(struct tb_outbox *outbox, struct tb_outbox_entry *e)
{
	_cleanup_outbox_row_ struct tb_outbox_row deduction = {};
	_cleanup_(json_decrefp) json_t *granted = NULL;
	const char *id = json_string_value(json_object_get(e->params, "reservation"));

	if (e->row.op != TB_OP_PASSAGE_POST || !id || !outbox->bridge->offline ||
		!tb_offline_is_ours(id))
		return;
	tb_outbox_write_done(outbox);
	if (tb_outbox_journal_by_drawn(outbox->journal, id, &deduction) <= 0)
		return;
	if (deduction.state == TB_OUTBOX_CONFIRMED && deduction.theirs) {
		json_object_set_new(e->params, "reservation", json_string(deduction.theirs));
		return;
	}
	granted = tb_offline_granted(outbox->bridge->offline, id);
	if (json_object_get(granted, "uses"))
		json_object_set(e->params, "uses", json_object_get(granted, "uses"));
}

/* Whether the server is there or not, he goes with a card in his hand: when it does not answer in
 * time the till is told this number. */
static int
draw_card(json_t *sent)
{
	char number[TB_OUTBOX_DRAWN_TEXT];
	int r = tb_outbox_draw_card(number);

	if (r < 0)
		return r;
	json_object_del(sent, "draw_card");
	return json_object_set_new(sent, "card", json_string(number)) < 0 ? -ENOMEM : 0;
}

/* … and with what his QR carries. */
static int
draw_token(json_t *sent)
{
	char token[TB_OUTBOX_DRAWN_TEXT];
	int r = tb_outbox_draw_token(token);

	if (r < 0)
		return r;
	return json_object_set_new(sent, "token", json_string(token)) < 0 ? -ENOMEM : 0;
}

static bool
is_of_record(enum tb_op op)
{
	return op == TB_OP_CUSTOMER_CREATE || op == TB_OP_CUSTOMER_UPDATE;
}

static int
date_record(struct tb_outbox *outbox, json_t *sent)
{
	int64_t now_us = tb_loop_wall_us(outbox->bridge->loop);
	struct tb_offline *offline = outbox->bridge->offline;
	json_t *record = tb_outbox_record_date(json_object_get(sent, "record"), now_us,
		offline ? tb_offline_shop_offset(offline, now_us) : 0);

	return !record || json_object_set_new(sent, "record", record) < 0 ? -ENOMEM : 0;
}

/* What goes to the server: what the till said, the ids we draw, and what was granted offline. */
static int
write_params(struct tb_outbox *outbox, struct tb_outbox_row *row, const json_t *params)
{
	_cleanup_(json_decrefp) json_t *sent = json_copy((json_t *)params);
	const char *name = row->op == TB_OP_PASSAGE_POST      ? "passage"
	                   : row->op == TB_OP_CUSTOMER_CREATE ? "id"
	                                                      : NULL;
	int r = sent ? 0 : -ENOMEM;

	if (r == 0 && row->op == TB_OP_PASSAGE_POST)
		r = add_granted(outbox, params, sent);
	if (r == 0 && name)
		r = json_object_set_new(sent, name, json_string(row->drawn)) < 0 ? -ENOMEM : 0;
	if (r == 0 && json_object_get(sent, "draw_card"))
		r = draw_card(sent);
	if (r == 0 && row->op == TB_OP_CUSTOMER_CREATE)
		r = draw_token(sent);
	if (r == 0 && is_of_record(row->op))
		r = date_record(outbox, sent);
	if (r < 0)
		return r;
	row->params = json_dumps(sent, JSON_COMPACT);
	return row->params ? 0 : -ENOMEM;
}

static int
fill_row(struct tb_outbox *outbox, struct tb_outbox_row *row, const json_t *params)
{
	char drawn[TB_OUTBOX_DRAWN_TEXT] = "";
	int r = 0;

	if (row->op == TB_OP_PASSAGE_POST || row->op == TB_OP_CUSTOMER_CREATE)
		r = tb_outbox_draw(
			outbox->bridge->loop, row->op == TB_OP_PASSAGE_POST ? 'p' : 'c', drawn);
	if (r == 0 && drawn[0])
		r = set_text(&row->drawn, drawn);
	if (r == 0)
		r = find_sale(outbox, row, params);
	if (r == 0)
		r = find_account(row, params);
	if (r == 0)
		r = find_before(outbox, row, params);
	return r == 0 ? write_params(outbox, row, params) : r;
}

/* Without a link: what the till is told stands with the row. False when the till was refused. */
static bool
answer_at_once(struct tb_outbox *outbox, struct tb_outbox_row *row, struct tb_outbox_wait *wait)
{
	_cleanup_(json_decrefp) json_t *params = json_loads(row->params, 0, NULL);
	_cleanup_free_ char *newer = tb_outbox_newer_record(outbox, row, params);

	if (newer) {
		tb_outbox_wait_fail(wait, TB_ERROR_CONFLICT, newer);
		return false;
	}
	if (row->op == TB_OP_REWARD_DEDUCT) {
		struct tb_outbox_judged judged = tb_outbox_judge(outbox, row, params);

		if (judged.error == TB_ERROR_OFFLINE_REFUSED &&
			tb_loyalty_is_in_doubt(
				outbox->bridge->loyalty, row->site, row->till, row->key))
			judged.error = TB_ERROR_SERVER_UNREACHABLE;
		if (judged.error != TB_OK) {
			tb_outbox_wait_fail(wait, judged.error, judged.json);
			free(judged.json);
			return false;
		}
		row->answer = judged.json;
		row->drawn = judged.reservation;
	}
	wait->text = tb_outbox_say_queued(outbox, row, params);
	row->told = true;
	if (wait->text && !tb_outbox_is_passage(row->op) && !row->answer)
		row->answer = strdup(wait->text);
	if (!wait->text || (!tb_outbox_is_passage(row->op) && !row->answer)) {
		tb_state_doom(outbox->bridge->state, -ENOMEM);
		tb_outbox_wait_fail(wait, TB_ERROR_INTERNAL, NULL);
		return false;
	}
	wait->len = strlen(wait->text);
	return true;
}

/* What the server is going to refuse is refused here: it may be a long time until it does. */
static bool
refuse_record(struct tb_outbox *outbox, struct tb_request *request, enum tb_op op)
{
	_cleanup_(json_decrefp) json_t *data = NULL;
	_cleanup_free_ char *text = NULL;
	json_t *faults = NULL;

	if (is_of_record(op))
		faults = tb_outbox_record_faults(
			json_object_get(tb_request_params(request), "record"),
			outbox->bridge->conf->country);
	if (!faults)
		return false;
	data = json_pack("{s:o}", "errors", faults);
	text = data ? json_dumps(data, JSON_COMPACT) : NULL;
	tb_request_fail(request, TB_ERROR_INVALID_PARAMS, text);
	return true;
}

static void
take_new(struct tb_outbox *outbox, struct tb_request *request, struct tb_outbox_row *row)
{
	struct tb_outbox_wait *wait;
	int r;

	if (refuse_record(outbox, request, row->op))
		return;
	wait = tb_outbox_wait_new(outbox, request);
	r = wait ? fill_row(outbox, row, tb_request_params(request)) : -ENOMEM;
	if (!wait) {
		tb_request_fail(request, TB_ERROR_INTERNAL, NULL);
		return;
	}
	/* A disk that takes nothing is found out before anything is promised. */
	if (r == 0)
		r = tb_state_begin(outbox->bridge->state);
	if (r < 0) {
		tb_outbox_wait_fail(wait, TB_ERROR_INTERNAL, NULL);
		return;
	}
	if (outbox->down && !answer_at_once(outbox, row, wait))
		return;
	r = tb_outbox_journal_add(outbox->journal, row);
	wait->seq = row->seq;
	if (r == 0)
		r = tb_state_after_commit(
			outbox->bridge->state, row->told ? on_kept_told : on_kept, wait);
	if (r < 0) {
		tb_state_doom(outbox->bridge->state, r);
		tb_outbox_wait_fail(wait, TB_ERROR_INTERNAL, NULL);
	}
}

/* ---- one that was said before ---- */

static void
answer_final(struct tb_request *request, const struct tb_outbox_row *row)
{
	struct tb_answer answer = {.json = row->answer, .len = strlen(row->answer)};
	json_t *result;

	if (row->op == TB_OP_PASSAGE_POST) {
		result = json_loads(row->answer, 0, NULL);
		answer.coupons = (unsigned)json_array_size(json_object_get(result, "coupons"));
		json_decref(result);
	}
	tb_loyalty_answer(request, &answer);
}

/* What a till that was told "queued" is told of a refusal since: the same, but for the sentence. */
static void
answer_refused(
	struct tb_outbox *outbox, struct tb_request *request, const struct tb_outbox_row *row)
{
	_cleanup_free_ char *text = row->answer ? strdup(row->answer)
	                                        : tb_outbox_queued_answer(
							  outbox, row, tb_request_params(request));

	if (text)
		tb_request_answer(request, text, strlen(text));
	else
		tb_request_fail(request, TB_ERROR_INTERNAL, NULL);
}

/* It is on its way: the till waits for it as the first one did, or did not. */
static void
join(struct tb_outbox *outbox, struct tb_request *request, const struct tb_outbox_row *row)
{
	struct tb_outbox_wait *wait = tb_outbox_wait_new(outbox, request);

	if (!wait) {
		tb_request_fail(request, TB_ERROR_INTERNAL, NULL);
		return;
	}
	wait->seq = row->seq;
	tb_outbox_wait_begin(wait, false);
}

/* Nobody was told that it was taken, so the refusal counts for nothing. */
static void
try_refused_again(struct tb_outbox *outbox, struct tb_request *request, struct tb_outbox_row *row)
{
	int r = tb_outbox_journal_requeue(outbox->journal, row->seq);

	if (r < 0) {
		tb_state_doom(outbox->bridge->state, r);
		tb_request_fail(request, TB_ERROR_INTERNAL, NULL);
		return;
	}
	outbox->n_refused--;
	outbox->n_open++;
	tb_outbox_send_again(outbox);
	join(outbox, request, row);
}

static void
say_again(struct tb_outbox *outbox, struct tb_request *request, struct tb_outbox_row *row,
	const struct tb_outbox_row *said)
{
	if (row->op != said->op || memcmp(row->hash, said->hash, sizeof(row->hash)) != 0)
		tb_request_fail(request, TB_ERROR_IDEMPOTENCY_CONFLICT, NULL);
	else if (row->state == TB_OUTBOX_CONFIRMED && row->answer)
		answer_final(request, row);
	else if (row->state == TB_OUTBOX_CONFIRMED) /* of somebody who was deleted since */
		tb_request_fail(request, TB_ERROR_CUSTOMER_UNKNOWN, NULL);
	else if (row->state != TB_OUTBOX_REFUSED)
		join(outbox, request, row);
	else if (row->told || row->settled)
		answer_refused(outbox, request, row);
	else
		try_refused_again(outbox, request, row);
}

/* The row of that sale, if it says the same. */
static int
by_sale_same(struct tb_outbox *outbox, const struct tb_outbox_row *row, const char *sale,
	const char *day, struct tb_outbox_row *ret)
{
	_cleanup_outbox_row_ struct tb_outbox_row found = {};
	int r = tb_outbox_journal_by_sale(outbox->journal, row->site, row->till, sale, day, &found);

	if (r <= 0 || memcmp(found.hash, row->hash, sizeof(row->hash)) != 0)
		return TB_MIN(r, 0);
	*ret = found;
	found = (struct tb_outbox_row){};
	return 1;
}

/* The row of a call that was made before: by its sale, then by its key. */
static int
find_said(struct tb_outbox *outbox, const struct tb_outbox_row *row, const json_t *params,
	struct tb_outbox_row *ret)
{
	const char *sale = param(params, "sale"), *day, *said;
	char date[DAY_TEXT], said_date[DAY_TEXT];
	int r = 0;

	if (row->op == TB_OP_PASSAGE_POST) {
		day = day_of(outbox, params, true, date);
		r = tb_outbox_journal_by_sale(
			outbox->journal, row->site, row->till, sale, day, ret);
		/* The very same may have been said before the shop's time was known. */
		said = day_of(outbox, params, false, said_date);
		if (r == 0 && strcmp(day, said) != 0)
			r = by_sale_same(outbox, row, sale, said, ret);
	}
	if (r == 0 && row->key)
		r = tb_outbox_journal_by_key(outbox->journal, row->site, row->till, row->key, ret);
	return r;
}

static int
begin_row(struct tb_request *request, struct tb_outbox_row *row)
{
	json_t *params = tb_request_params(request);
	int r = set_text(&row->site, tb_request_site(request));

	row->op = tb_request_method(request)->op;
	if (r == 0)
		r = set_text(&row->till, tb_request_till(request));
	if (r == 0)
		r = set_text(&row->by, param(params, "operator"));
	if (r == 0)
		r = set_text(&row->key, param(params, "key"));
	return r == 0 ? tb_outbox_hash(row->op, params, row->hash) : r;
}

/* A till's keys are one space: a reservation has this one, whose answer is known here. */
static bool
is_reservations(struct tb_outbox *outbox, const struct tb_outbox_row *row)
{
	struct tb_offline *offline = outbox->bridge->offline;

	return offline && row->key &&
	       tb_offline_has_key(offline,
		       &(struct tb_caller){.site = row->site, .till = row->till}, row->key);
}

void
tb_outbox_take(struct tb_outbox *outbox, struct tb_request *request)
{
	_cleanup_outbox_row_ struct tb_outbox_row row = {};
	_cleanup_outbox_row_ struct tb_outbox_row said = {};
	int r;

	/* What was answered a moment ago and is not written yet must be seen. */
	tb_outbox_write_done(outbox);
	r = begin_row(request, &row);
	if (r == 0)
		r = find_said(outbox, &row, tb_request_params(request), &said);
	if (r < 0)
		tb_request_fail(request, TB_ERROR_INTERNAL, NULL);
	else if (r > 0)
		say_again(outbox, request, &said, &row);
	else if (is_reservations(outbox, &row))
		tb_request_fail(request, TB_ERROR_IDEMPOTENCY_CONFLICT, NULL);
	else
		take_new(outbox, request, &row);
}

bool
tb_outbox_has_key(struct tb_outbox *outbox, const struct tb_caller *caller, const char *key)
{
	_cleanup_outbox_row_ struct tb_outbox_row row = {};

	return tb_outbox_journal_by_key(outbox->journal, caller->site, caller->till, key, &row) > 0;
}

void
tb_outbox_let_in(struct tb_outbox *outbox)
{
	uint64_t now_us = tb_loop_now_us(outbox->bridge->loop);

	if (!outbox->barred || now_us - outbox->barred_since_us < LET_IN_US)
		return;
	outbox->barred_since_us = now_us;
	tb_outbox_send_again(outbox);
}

void
tb_outbox_forget(struct tb_outbox *outbox, const char *customer)
{
	int r;

	tb_outbox_write_done(outbox);
	r = tb_outbox_journal_forget(outbox->journal, customer);
	if (r < 0)
		tb_log_error("outbox: what was said of a deleted person is not forgotten: %s",
			strerror(-r));
}

void
tb_outbox_prune(struct tb_outbox *outbox)
{
	if (tb_steady_due(&outbox->prune, outbox->bridge->loop, PRUNE_US))
		(void)tb_outbox_journal_prune(outbox->journal);
}

/* ---- start and stop ---- */

void
tb_outbox_link(struct tb_outbox *outbox, bool up)
{
	bool was_down = outbox->down;

	outbox->down = !up;
	if (!up && !was_down && !outbox->stopping)
		tb_outbox_tell_queued(outbox);
	if (up) {
		outbox->failures = 0;
		outbox->retry_us = outbox->barred_us = 0;
	}
	if (!outbox->stopping)
		(void)tb_source_arm(outbox->pump);
}

int
tb_outbox_new(struct tb_bridge *bridge, bool delivers, bool keyed, struct tb_outbox **ret)
{
	struct tb_outbox *outbox = calloc(1, sizeof(*outbox));
	int r;

	if (!outbox)
		return -ENOMEM;
	outbox->bridge = bridge;
	outbox->delivers = delivers;
	outbox->keyed = keyed;
	r = tb_outbox_send_init(outbox);
	if (r == 0)
		r = tb_outbox_tills_init(outbox);
	if (r == 0)
		r = tb_outbox_journal_new(bridge, &outbox->journal);
	if (r == 0)
		r = tb_outbox_journal_count(outbox->journal, &outbox->n_open, &outbox->n_refused);
	if (r == 0)
		r = tb_outbox_show_init(outbox);
	if (r < 0) {
		tb_outbox_free(outbox);
		return r;
	}
	if (outbox->n_open > 0)
		tb_log_notice(
			"outbox: %lld effects wait to be delivered", (long long)outbox->n_open);
	(void)tb_source_arm(outbox->pump);
	*ret = outbox;
	return 0;
}

void
tb_outbox_free(struct tb_outbox *outbox)
{
	if (!outbox)
		return;
	outbox->stopping = true;
	if (outbox->journal) {
		/* What was taken in the last turn is on disk, and its tills wait with the others.
		 */
		tb_outbox_write_done(outbox);
		(void)tb_state_flush(outbox->bridge->state);
		tb_outbox_tell_queued(outbox);
		(void)tb_state_flush(outbox->bridge->state);
	}
	tb_outbox_send_done(outbox);
	tb_outbox_tills_done(outbox);
	tb_source_remove(&outbox->tell);
	tb_outbox_journal_free(outbox->journal);
	free(outbox);
}
