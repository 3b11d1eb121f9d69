/* SPDX-License-Identifier: MIT */
/*
 * Sending what waits: which entry may go, a few at a time, one account's in their order, again and
 * again with growing pauses. What was answered is written down in pieces, since saying it twice is
 * safe where the server knows keys. It answers no till itself.
 */
#include "bridge/outbox-parts.h"

#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "bridge/conf.h"
#include "bridge/loyalty.h"
#include "bridge/rpc/plain.h"
#include "bridge/state.h"

#define SCAN_PIECE 256         /* rows looked at in one turn */
#define WRITE_PIECE 256        /* answered entries that are written together */
#define WRITE_AFTER_US 500000  /* … or after this long */
#define WRITE_AGAIN_US 1000000 /* after a disk that took nothing */
#define PAUSE_FIRST_US 1000000
#define PAUSE_MAX_US 30000000
#define SEND_MAX_US 30000000                   /* how long one attempt may take, at most */
#define LOOK_AGAIN_US (UINT64_C(60) * 1000000) /* at rows that wait for a person */

static uint64_t
now_us(const struct tb_outbox *outbox)
{
	return tb_loop_now_us(outbox->bridge->loop);
}

/* Also what the timer does. */
void
tb_outbox_arm(void *userdata)
{
	struct tb_outbox *outbox = userdata;

	if (!outbox->stopping)
		(void)tb_source_arm(outbox->pump);
}

/* Full jitter: anything up to 1, 2, 4 … 30 s, so that a hundred tills do not come at once. */
uint64_t
tb_outbox_pause_us(unsigned failures)
{
	uint64_t most = PAUSE_MAX_US;
	uint32_t chance = 0;

	if (failures < 6)
		most = TB_MIN((uint64_t)PAUSE_FIRST_US << (failures ? failures - 1 : 0), most);
	(void)!getrandom(&chance, sizeof(chance), 0);
	return most * chance / UINT32_MAX;
}

/* ---- entries ---- */

static struct tb_list *
bucket_of(struct tb_outbox *outbox, int64_t seq)
{
	return &outbox->buckets[(uint64_t)seq % TB_OUTBOX_BUCKETS];
}

static struct tb_outbox_entry *
entry_new(struct tb_outbox *outbox, int64_t seq)
{
	struct tb_outbox_entry *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	tb_list_init(&e->node);
	e->outbox = outbox;
	e->row.seq = seq;
	tb_list_append(bucket_of(outbox, seq), &e->by_seq);
	return e;
}

/* What was loaded for one attempt. */
void
tb_outbox_unload(struct tb_outbox_entry *e)
{
	int64_t seq = e->row.seq;

	tb_outbox_row_done(&e->row);
	e->row.seq = seq;
	json_decref(e->params);
	json_decref(e->question);
	e->params = e->question = NULL;
}

static void
entry_free(struct tb_outbox_entry *e)
{
	tb_list_remove(&e->node);
	tb_list_remove(&e->by_seq);
	tb_outbox_unload(e);
	free(e->answer);
	free(e->problem);
	free(e);
}

static struct tb_outbox_entry *
find_in(struct tb_list *list, int64_t seq)
{
	struct tb_outbox_entry *e;

	tb_list_for_each(e, list, node)
		if (e->row.seq == seq)
			return e;
	return NULL;
}

static bool
is_known(struct tb_outbox *outbox, int64_t seq)
{
	struct tb_outbox_entry *e;

	tb_list_for_each(e, bucket_of(outbox, seq), by_seq)
		if (e->row.seq == seq)
			return true;
	return false;
}

bool
tb_outbox_is_flying(const struct tb_outbox *outbox, int64_t seq)
{
	return find_in((struct tb_list *)&outbox->flying, seq) != NULL;
}

void
tb_outbox_send_told(struct tb_outbox *outbox, int64_t seq)
{
	struct tb_outbox_entry *e = find_in(&outbox->flying, seq);

	if (!e)
		e = find_in(&outbox->ready, seq);
	if (e)
		e->row.told = true;
	e = find_in(&outbox->urgent, seq);
	if (!e)
		return;
	/* Nobody waits for it any more: it is one of many. */
	tb_list_remove(&e->node);
	e->deadline_us = 0;
	tb_list_append(&outbox->ready, &e->node);
	outbox->n_ready++;
}

static void
make_ready(struct tb_outbox *outbox, int64_t seq)
{
	struct tb_outbox_entry *e;

	if (is_known(outbox, seq))
		return;
	e = entry_new(outbox, seq);
	if (!e) {
		/* It is found again when all is looked at again. */
		outbox->cursor = 0;
		outbox->scanned = false;
		return;
	}
	tb_list_append(&outbox->ready, &e->node);
	outbox->n_ready++;
	tb_outbox_arm(outbox);
}

/* ---- who may go ---- */

/* Looks at the next rows. They may be many, so a turn takes a piece of them. */
static void
scan(struct tb_outbox *outbox)
{
	struct tb_outbox_head head;
	int r = 1;

	for (unsigned n = 0; n < SCAN_PIECE && outbox->n_ready < TB_OUTBOX_READY_MAX && r > 0;
		n++) {
		r = tb_outbox_journal_next(outbox->journal, outbox->cursor, &head);
		if (r > 0) {
			outbox->cursor = head.seq;
			if (!head.blocked)
				make_ready(outbox, head.seq);
		}
	}
	outbox->scanned = r <= 0;
	outbox->look_again_us = now_us(outbox) + LOOK_AGAIN_US;
	if (r < 0)
		tb_log_error("outbox: state.db cannot be read: %s", strerror(-r));
}

/* The next of the account, which nothing stands before any more. */
void
tb_outbox_free_successor(struct tb_outbox *outbox, const char *account, int64_t seq)
{
	struct tb_outbox_head head;

	if (tb_outbox_journal_successor(outbox->journal, account, seq, &head) > 0 && !head.blocked)
		make_ready(outbox, head.seq);
}

/* Those who waited for another account's entry, which is written down. */
static void
free_waiters(struct tb_outbox *outbox, int64_t seq)
{
	struct tb_outbox_head head = {};

	while (tb_outbox_journal_waiter(outbox->journal, seq, head.seq, &head) > 0)
		if (!head.blocked)
			make_ready(outbox, head.seq);
}

bool
tb_outbox_send_new(struct tb_outbox *outbox, int64_t seq, uint64_t deadline_us)
{
	struct tb_outbox_head head;
	struct tb_outbox_entry *e;

	tb_outbox_arm(outbox);
	outbox->scanned = false;
	/* A till waits: it does not stand in line behind what was left from yesterday. */
	if (deadline_us == 0 || !outbox->delivers || is_known(outbox, seq) ||
		tb_outbox_journal_next(outbox->journal, seq - 1, &head) <= 0 || head.seq != seq ||
		head.blocked)
		return false;
	e = entry_new(outbox, seq);
	if (!e)
		return false;
	e->deadline_us = deadline_us;
	tb_list_append(&outbox->urgent, &e->node);
	return true;
}

void
tb_outbox_send_again(struct tb_outbox *outbox)
{
	struct tb_outbox_entry *e;

	/* What was read of a row may not be so any more. */
	tb_list_for_each(e, &outbox->ready, node) {
		tb_outbox_unload(e);
		e->not_before_us = 0;
	}
	tb_list_for_each(e, &outbox->urgent, node)
		e->not_before_us = 0;
	outbox->cursor = 0;
	outbox->scanned = false;
	outbox->retry_us = outbox->barred_us = 0;
	tb_outbox_arm(outbox);
}

/* ---- writing down what came of it ---- */

static unsigned
lanes(const struct tb_outbox *outbox)
{
	/* Without a link one goes now and then, to see whether it is back. */
	return outbox->down ? 1 : TB_OUTBOX_LANES;
}

static unsigned
quiet_lanes(const struct tb_outbox *outbox)
{
	return outbox->barred || tb_loyalty_is_busy(outbox->bridge->loyalty) ? 1 : lanes(outbox);
}

static uint64_t
earliest_us(const struct tb_list *list, uint64_t not_before_us)
{
	const struct tb_outbox_entry *e;
	uint64_t at_us = TB_NEVER;

	tb_list_for_each(e, list, node)
		at_us = TB_MIN(at_us, TB_MAX(e->not_before_us, not_before_us));
	return at_us;
}

/* All that waits waits for another one: for one that a person must settle, as far as is known. */
static bool
is_stuck(const struct tb_outbox *outbox)
{
	return outbox->delivers && outbox->n_open > 0 && outbox->scanned &&
	       tb_list_empty(&outbox->urgent) && tb_list_empty(&outbox->ready) &&
	       tb_list_empty(&outbox->flying) && tb_list_empty(&outbox->done);
}

/* When there is something to do next. What is under way says so itself when it ends. */
static void
set_timer(struct tb_outbox *outbox)
{
	uint64_t at_us = TB_NEVER, quiet_us = TB_MAX(outbox->retry_us, outbox->polite_us);

	if (outbox->barred)
		quiet_us = TB_MAX(quiet_us, outbox->barred_us);
	if (!tb_list_empty(&outbox->done))
		at_us = TB_MAX(outbox->done_since_us + WRITE_AFTER_US, outbox->write_again_us);
	if (outbox->delivers && outbox->n_flying < lanes(outbox))
		at_us = TB_MIN(at_us, earliest_us(&outbox->urgent, outbox->retry_us));
	if (outbox->delivers && outbox->n_flying < quiet_lanes(outbox)) {
		at_us = TB_MIN(at_us, earliest_us(&outbox->ready, quiet_us));
		if (!outbox->scanned && outbox->n_ready < TB_OUTBOX_READY_MAX)
			at_us = TB_MIN(at_us, TB_MAX(now_us(outbox), quiet_us));
	}
	if (is_stuck(outbox))
		at_us = TB_MIN(at_us, outbox->look_again_us);
	(void)tb_source_set_timer(outbox->timer, at_us);
}

static void
on_written(int error, void *userdata)
{
	struct tb_outbox *outbox = userdata;
	struct tb_outbox_entry *e, *next;

	if (error < 0)
		outbox->write_again_us = now_us(outbox) + WRITE_AGAIN_US;
	tb_list_for_each_safe(e, next, &outbox->writing, node) {
		/* A till that is told of a refusal waits for nothing any more. */
		if (e->drop)
			tb_outbox_tell_refused(outbox, e);
		if (error < 0) {
			tb_list_remove(&e->node);
			tb_list_append(&outbox->done, &e->node);
			outbox->n_done++;
			continue;
		}
		if (e->drop || e->row.op == TB_OP_CUSTOMER_CREATE ||
			e->row.op == TB_OP_REWARD_DEDUCT)
			free_waiters(outbox, e->row.seq);
		entry_free(e);
	}
	tb_outbox_arm(outbox);
}

static int
write_one(struct tb_outbox *outbox, const struct tb_outbox_entry *e)
{
	/* What a till was told of anything but a passage is what it is told again. */
	bool keep = e->row.told && !tb_outbox_is_passage(e->row.op);

	if (e->drop)
		return tb_outbox_journal_drop(outbox->journal, e->row.seq);
	if (e->error != TB_OK)
		return tb_outbox_journal_refuse(
			outbox->journal, e->row.seq, tb_error_word(e->error));
	return tb_outbox_journal_confirm(
		outbox->journal, e->row.seq, e->row.theirs, keep ? NULL : e->answer, e->answer_len);
}

void
tb_outbox_write_done(struct tb_outbox *outbox)
{
	struct tb_state *state = outbox->bridge->state;
	struct tb_outbox_entry *e, *next;
	int r;

	if (tb_list_empty(&outbox->done))
		return;
	r = tb_state_begin(state);
	if (r < 0) {
		outbox->write_again_us = now_us(outbox) + WRITE_AGAIN_US;
		return;
	}
	tb_list_for_each_safe(e, next, &outbox->done, node) {
		r = write_one(outbox, e);
		if (r < 0)
			break;
		tb_list_remove(&e->node);
		tb_list_append(&outbox->writing, &e->node);
		outbox->n_done--;
	}
	if (r == 0)
		r = tb_state_after_commit(state, on_written, outbox);
	if (r < 0) {
		tb_state_doom(state, r);
		on_written(r, outbox);
	}
}

/* ---- sending ---- */

void
tb_outbox_transmit(struct tb_outbox_entry *e)
{
	struct tb_outbox *outbox = e->outbox;
	const struct tb_conf *conf = outbox->bridge->conf;
	uint64_t patience_us = TB_MIN(
		conf->deadline_us * (1 + TB_MIN(e->row.tries, UINT64_C(100))), SEND_MAX_US);
	struct tb_call call = {
		.op = e->row.op,
		.caller = {.site = e->row.site, .till = e->row.till, .by = e->row.by},
		.key = e->row.key,
		.params = e->params,
		.deadline_us = now_us(outbox) + TB_MAX(patience_us, conf->deadline_us),
		.done = tb_outbox_sent,
		.userdata = e,
	};

	/* The first try ends with the till's patience; a slow line is given more each time. */
	if (e->deadline_us)
		call.deadline_us = e->deadline_us;
	tb_loyalty_send(outbox->bridge->loyalty, &call);
}

void
tb_outbox_park(struct tb_outbox_entry *e)
{
	struct tb_outbox *outbox = e->outbox;

	outbox->n_flying--;
	entry_free(e);
	tb_outbox_arm(outbox);
}

/* As they were written down. */
static json_t *
read_params(const char *text)
{
	json_t *params = tb_plain_object(text, strlen(text));

	return params ? params : json_loads(text, 0, NULL);
}

/* False when there is nothing to send: it is gone, or cannot be read. */
static bool
load(struct tb_outbox *outbox, struct tb_outbox_entry *e)
{
	struct tb_outbox_row row = {};
	int r;

	if (e->params)
		return true;
	tb_outbox_unload(e);
	r = tb_outbox_journal_get(outbox->journal, e->row.seq, &row);
	if (r <= 0)
		return false;
	e->row = row;
	e->params = row.params && row.state != TB_OUTBOX_REFUSED ? read_params(row.params) : NULL;
	free(e->row.params);
	e->row.params = NULL;
	if (!e->params || row.op == TB_OP_COUNT) {
		/* or the next look would take it for one that can go */
		tb_outbox_unload(e);
		return false;
	}
	tb_outbox_name_reservation(outbox, e);
	return true;
}

static struct tb_outbox_entry *
first_due(struct tb_list *list, uint64_t now)
{
	struct tb_outbox_entry *e;

	tb_list_for_each(e, list, node)
		if (e->not_before_us <= now)
			return e;
	return NULL;
}

static bool
has_lane(const struct tb_outbox *outbox)
{
	return outbox->retry_us <= now_us(outbox) && outbox->n_flying < lanes(outbox);
}

/* Whether one may go for which no till waits. */
static bool
has_quiet_lane(const struct tb_outbox *outbox)
{
	return has_lane(outbox) && outbox->n_flying < quiet_lanes(outbox) &&
	       outbox->polite_us <= now_us(outbox) &&
	       (!outbox->barred || outbox->barred_us <= now_us(outbox));
}

static struct tb_outbox_entry *
take_due(struct tb_outbox *outbox)
{
	uint64_t now = now_us(outbox);
	struct tb_outbox_entry *e = first_due(&outbox->urgent, now);

	if (!e && has_quiet_lane(outbox)) {
		e = first_due(&outbox->ready, now);
		outbox->n_ready -= e != NULL;
	}
	if (e)
		tb_list_remove(&e->node);
	return e;
}

static void
send_due(struct tb_outbox *outbox)
{
	struct tb_outbox_entry *e;

	while (has_lane(outbox) && (e = take_due(outbox))) {
		if (!load(outbox, e)) {
			entry_free(e);
			continue;
		}
		tb_list_append(&outbox->flying, &e->node);
		outbox->n_flying++;
		e->sent_us = now_us(outbox);
		if (outbox->keyed)
			tb_outbox_transmit(e);
		else
			tb_outbox_transmit_once(e);
	}
}

/* While the server works on those that are under way, the next ones are made ready to go. */
static void
load_ahead(struct tb_outbox *outbox)
{
	struct tb_outbox_entry *e;
	unsigned n = 0;

	if (outbox->down || outbox->n_flying == 0 || !outbox->keyed)
		return;
	tb_list_for_each(e, &outbox->ready, node)
		if (n++ == TB_OUTBOX_LANES || !load(outbox, e))
			break;
}

/* At the end of a turn: what was taken in it is on disk. */
static void
on_pump(void *userdata)
{
	struct tb_outbox *outbox = userdata;

	if (outbox->stopping)
		return;
	if (is_stuck(outbox) && outbox->look_again_us <= now_us(outbox)) {
		outbox->cursor = 0;
		outbox->scanned = false;
	}
	if (outbox->delivers) {
		bool may_go = has_quiet_lane(outbox);

		if (may_go && !outbox->scanned && outbox->n_ready == 0)
			scan(outbox);
		send_due(outbox);
		/* what follows is done while the server works */
		if (may_go && !outbox->scanned)
			scan(outbox);
		load_ahead(outbox);
		tb_outbox_prune(outbox);
	}
	if (outbox->n_done >= WRITE_PIECE ||
		(outbox->n_done > 0 && outbox->done_since_us + WRITE_AFTER_US <= now_us(outbox) &&
			outbox->write_again_us <= now_us(outbox)))
		tb_outbox_write_done(outbox);
	set_timer(outbox);
}

int
tb_outbox_send_init(struct tb_outbox *outbox)
{
	struct tb_list *const lists[] = {
		&outbox->urgent, &outbox->ready, &outbox->flying, &outbox->done, &outbox->writing};
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		tb_list_init(lists[i]);
	for (size_t i = 0; i < TB_OUTBOX_BUCKETS; i++)
		tb_list_init(&outbox->buckets[i]);
	r = tb_loop_add_turn_end(
		outbox->bridge->loop, TB_RANK_STATE + 1, on_pump, outbox, &outbox->pump);
	if (r == 0)
		r = tb_loop_add_timer(
			outbox->bridge->loop, 1000, tb_outbox_arm, outbox, &outbox->timer);
	return r;
}

void
tb_outbox_send_done(struct tb_outbox *outbox)
{
	struct tb_list *const lists[] = {
		&outbox->urgent, &outbox->ready, &outbox->flying, &outbox->done, &outbox->writing};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		while (!tb_list_empty(lists[i]))
			entry_free(tb_list_first(lists[i], struct tb_outbox_entry, node));
	tb_source_remove(&outbox->pump);
	tb_source_remove(&outbox->timer);
}
