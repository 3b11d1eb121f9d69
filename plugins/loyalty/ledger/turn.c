/* SPDX-License-Identifier: MIT */
/*
 * Group commit. A turn's writing calls are only collected; at its end they run in order within one
 * transaction. A call that is refused after it wrote is undone alone, by its savepoint. When the
 * transaction itself is lost (a full disk may take all of it, not only the call that met it) they
 * run again one by one, so that nobody is told of something that is not on disk.
 */

#include "plugins/loyalty/ledger/turn.h"

#include <string.h>
#include "base/log.h"
#include "plugins/loyalty/ledger/account.h"
#include "plugins/loyalty/ledger/keys.h"
#include "plugins/loyalty/ledger/reservations.h"

#define RETRY_US (20 * 1000) /* how soon a locked store is tried again */
#define PRUNE_EVERY_US (TB_USEC_PER_DAY / 24)
#define CALM_US (5 * TB_USEC_PER_SEC) /* after the last call */
#define VIEW_US (50 * 1000)
#define LOG_EVERY_US (60 * TB_USEC_PER_SEC)
#define SPARE_MAX (64 << 10) /* a bigger answer's memory is not kept */

struct waiting {
	struct tb_list node;
	struct tb_call call;
	uint64_t until_us; /* on the loop's clock */
	enum tb_error error;
	char *json;
	size_t len;
	unsigned coupons;
	char changed[TB_ID_TEXT]; /* "" for none */
};

static void
waiting_free(struct waiting *w)
{
	free(w->json);
	free(w);
}

/* ---- one call ----------------------------------------------------------------------------- */

/* The keyed part around a handler: say it twice, do it once. */
static int
run_keyed(struct tb_operation *op, tb_op_fn fn)
{
	uint8_t hash[TB_HASH_SIZE];
	bool said;
	int r;

	if (!op->call->key)
		return fn(op);
	r = tb_hash_body(op, hash);
	if (r < 0)
		return r;
	r = tb_key_find(op, hash, &said);
	if (r != 0)
		return r > 0 ? tb_refuse(op, (enum tb_error)r) : r;
	if (said)
		return 0;
	r = fn(op);
	if (r == 0)
		r = tb_buf_error(op->out);
	return r == 0 ? tb_key_put(op, hash) : r;
}

static int
run(struct tb_operation *op)
{
	const struct tb_op_entry *entry = &tb_op_table[op->call->op];
	int r;

	if (!op->writing && op->now >= op->ledger->hold_due)
		return TB_MUST_WRITE;
	r = entry->flags & TB_OP_KEYED ? run_keyed(op, entry->fn) : entry->fn(op);
	if (r == 0)
		r = tb_buf_error(op->out);
	return r;
}

static struct tb_operation
op_begin(struct tb_ledger *l, const struct tb_call *call, struct tb_buf *out, bool writing)
{
	tb_buf_reset(out);
	return (struct tb_operation){
		.ledger = l,
		.store = l->store,
		.call = call,
		.params = call->params,
		.out = out,
		.now = tb_loop_wall_us(l->host->loop),
		.writing = writing,
	};
}

/* What a till hears of it; the cause is logged where it was met. */
static enum tb_error
error_of(struct tb_operation *op, int r)
{
	if (r == -EOVERFLOW)
		return (enum tb_error)tb_refuse_at(op, "", "overflow");
	if (r == -EMSGSIZE)
		return (enum tb_error)tb_refuse(op, TB_ERROR_TOO_LARGE);
	/* The store: locked, full, gone. To a till that is a server that cannot be reached now. */
	if (r < 0)
		return (enum tb_error)tb_refuse(op, TB_ERROR_SERVER_UNREACHABLE);
	return (enum tb_error)r;
}

/* A disk that is full fails every call: it is said once a minute. */
static void
log_failure(struct tb_ledger *l, const char *what, int r)
{
	uint64_t now = tb_loop_now_us(l->host->loop);

	if (r >= 0 || r == -EOVERFLOW || r == -EMSGSIZE)
		return;
	if (r == l->last_failure && now < l->quiet_until_us)
		return;
	l->last_failure = r;
	l->quiet_until_us = now + LOG_EVERY_US;
	tb_log_error("ledger: %s: %s (%s)", what, strerror(-r), l->store->ops->why(l->store));
}

/* ---- calls that only read ----------------------------------------------------------------- */

/*
 * Look-ups that follow each other share one view of the store: each of its own costs the locks of
 * the file. It is ended by whatever writes, and after a short while, so that others see the file
 * free.
 */
static void
begin_view(struct tb_ledger *l)
{
	if (l->viewing || l->store->ops->begin_view(l->store) < 0)
		return;
	l->viewing = true;
	tb_source_set_timer_in(l->view_end, VIEW_US);
}

static void
end_view(struct tb_ledger *l)
{
	if (!l->viewing)
		return;
	l->viewing = false;
	if (l->store->ops->commit(l->store) < 0)
		l->store->ops->rollback(l->store);
}

/* Answers at once when it can; false when the call must wait for the turn's end. */
static bool
read_now(struct tb_ledger *l, const struct tb_call *call)
{
	struct tb_buf out = l->spare;
	struct tb_operation op;
	int r;

	l->spare = TB_BUF_INIT(0);
	begin_view(l);
	op = op_begin(l, call, &out, false);
	r = run(&op);
	if (r < 0)
		end_view(l);
	if (r == -EBUSY)
		r = TB_MUST_WRITE; /* somebody holds the file: it waits with the others */
	if (r != TB_MUST_WRITE) {
		struct tb_answer answer = {.error = error_of(&op, r)};

		log_failure(l, "a call could not be answered", r);
		if (answer.error == TB_OK || out.len > 0) {
			answer.json = out.data;
			answer.len = out.len;
		}
		call->done(&answer, call->userdata);
	}
	if (!l->spare.data && out.cap <= SPARE_MAX)
		l->spare = out;
	else
		tb_buf_done(&out);
	return r != TB_MUST_WRITE;
}

/* ---- calls of a transaction --------------------------------------------------------------- */

static int
keep_answer(struct waiting *w, struct tb_operation *op, enum tb_error error)
{
	free(w->json);
	w->json = NULL;
	w->len = 0;
	w->error = error;
	w->coupons = error == TB_OK ? op->coupons : 0;
	w->changed[0] = '\0';
	if (error == TB_OK && op->changed && !op->undo)
		tb_id_format('c', op->changed, w->changed);
	if (op->out->len == 0)
		return 0;
	w->json = malloc(op->out->len + 1);
	if (!w->json)
		return -ENOMEM;
	memcpy(w->json, op->out->data, op->out->len + 1);
	w->len = op->out->len;
	return 0;
}

static void
fail(struct waiting *w, enum tb_error error)
{
	free(w->json);
	w->json = NULL;
	w->len = 0;
	w->error = error;
	w->coupons = 0;
	w->changed[0] = '\0';
}

/* Undoes the call's effects, and what is remembered of them in memory. */
static int
undo(struct tb_ledger *l, enum tb_op what)
{
	int r = l->store->ops->undo(l->store);

	if (r >= 0 && what == TB_OP_PROGRAM_REPLACE)
		r = tb_programs_reload(l);
	return r;
}

/* Runs one call and keeps its answer; what it did stands in the transaction, good or not. */
static int
run_call(struct tb_ledger *l, struct waiting *w, struct tb_buf *out, bool *ret_undo)
{
	struct tb_operation op = op_begin(l, &w->call, out, true);
	enum tb_error error;
	int r = run(&op);

	log_failure(l, "a call failed", r);
	error = error_of(&op, r);
	if (keep_answer(w, &op, error) < 0)
		fail(w, TB_ERROR_SERVER_UNREACHABLE);
	*ret_undo = w->error != TB_OK || op.undo;
	if (!l->store->ops->in_transaction(l->store))
		return r < 0 ? r : -EIO;
	return 0;
}

/* Runs one call in its savepoint. Negative: the transaction is gone, with all before it. */
static int
run_in_savepoint(struct tb_ledger *l, struct waiting *w, struct tb_buf *out)
{
	bool back;
	int r;

	/* Outside of a transaction a savepoint would be one of its own. */
	if (!l->store->ops->in_transaction(l->store))
		return -EIO;
	r = l->store->ops->savepoint(l->store);
	if (r >= 0)
		r = run_call(l, w, out, &back);
	if (r < 0)
		return r;
	return back ? undo(l, w->call.op) : l->store->ops->release(l->store);
}

/*
 * Runs one call without a savepoint, which costs a copy of every page it writes. -EAGAIN: it is to
 * be undone and has written already, so the turn must be done again with savepoints.
 */
static int
run_boldly(struct tb_ledger *l, struct waiting *w, struct tb_buf *out)
{
	int64_t before = l->store->ops->written(l->store);
	bool back;
	int r;

	if (!l->store->ops->in_transaction(l->store))
		return -EIO;
	r = run_call(l, w, out, &back);
	if (r < 0)
		return r;
	return back && l->store->ops->written(l->store) != before ? -EAGAIN : 0;
}

/*
 * Reservations past their time are given back before anything else is done in a transaction, and
 * not as part of a call: a refused call must not take that back.
 */
static int
lapse(struct tb_ledger *l, struct tb_buf *out)
{
	static const struct tb_call nobody = {
		.op = TB_OP_REWARD_RELEASE, .caller = {.site = "", .till = "", .by = "expiry"}};
	struct tb_operation op = op_begin(l, &nobody, out, true);
	int r;

	if (op.now < l->hold_due)
		return 0;
	r = l->store->ops->savepoint(l->store);
	if (r < 0)
		return r;
	r = tb_reservations_lapse(&op);
	log_failure(l, "a reservation could not be given back", r);
	if (!l->store->ops->in_transaction(l->store))
		return r < 0 ? r : -EIO;
	return r < 0 ? l->store->ops->undo(l->store) : l->store->ops->release(l->store);
}

static int
commit(struct tb_ledger *l)
{
	int r = l->store->ops->commit(l->store);

	log_failure(l, "what the tills did could not be written", r);
	return r;
}

/* The transaction is gone, or is to be. */
static void
abandon(struct tb_ledger *l)
{
	int r;

	l->store->ops->rollback(l->store);
	r = tb_programs_reload(l);
	log_failure(l, "the program could not be read again", r);
	/* Holds may have come back: look at once. */
	l->hold_due = INT64_MIN;
}

static void
run_alone(struct tb_ledger *l, struct waiting *w, struct tb_buf *out)
{
	int r = l->store->ops->begin(l->store);

	if (r >= 0)
		r = lapse(l, out);
	if (r >= 0)
		r = run_in_savepoint(l, w, out);
	if (r >= 0)
		r = commit(l);
	if (r >= 0)
		return;
	abandon(l);
	fail(w, TB_ERROR_SERVER_UNREACHABLE);
}

typedef int (*run_fn)(struct tb_ledger *l, struct waiting *w, struct tb_buf *out);

/* All calls in the transaction that is open, and its commit. */
static int
run_together(struct tb_ledger *l, struct tb_list *calls, struct tb_buf *out, run_fn one)
{
	struct waiting *w;
	int r = lapse(l, out);

	tb_list_for_each(w, calls, node) {
		if (r >= 0)
			r = one(l, w, out);
	}
	return r < 0 ? r : commit(l);
}

/* Nearly every turn goes well: that is tried first, then with savepoints, then one by one. */
static void
run_all(struct tb_ledger *l, struct tb_list *calls, struct tb_buf *out)
{
	struct waiting *w;
	int r = run_together(l, calls, out, run_boldly);

	if (r == -EAGAIN) {
		abandon(l);
		r = l->store->ops->begin(l->store);
		if (r >= 0)
			r = run_together(l, calls, out, run_in_savepoint);
	}
	if (r >= 0)
		return;
	abandon(l);
	tb_list_for_each(w, calls, node)
		run_alone(l, w, out);
}

static void
deliver(struct tb_list *calls)
{
	struct waiting *w, *tmp;

	tb_list_for_each_safe(w, tmp, calls, node) {
		struct tb_answer answer = {
			.error = w->error,
			.json = w->json,
			.len = w->len,
			.coupons = w->coupons,
			.changed_customer = w->changed[0] ? w->changed : NULL,
		};

		tb_list_remove(&w->node);
		w->call.done(&answer, w->call.userdata);
		waiting_free(w);
	}
}

/* ---- the turn ----------------------------------------------------------------------------- */

/* Moves all waiting calls to `to`, so that a done() may make new ones. */
static void
take_waiting(struct tb_ledger *l, struct tb_list *to)
{
	tb_list_init(to);
	while (!tb_list_empty(&l->waiting)) {
		struct waiting *w = tb_list_first(&l->waiting, struct waiting, node);

		tb_list_remove(&w->node);
		tb_list_append(to, &w->node);
	}
	l->n_waiting = 0;
}

/* Who only reads and stood behind a writing call does not wait for the lock with it. */
static void
read_meanwhile(struct tb_ledger *l)
{
	struct tb_list reading;
	struct waiting *w, *tmp;

	tb_list_init(&reading);
	tb_list_for_each_safe(w, tmp, &l->waiting, node) {
		if (tb_op_table[w->call.op].flags & TB_OP_WRITES)
			continue;
		tb_list_remove(&w->node);
		tb_list_append(&reading, &w->node);
		l->n_waiting--;
	}
	tb_list_for_each_safe(w, tmp, &reading, node) {
		tb_list_remove(&w->node);
		if (read_now(l, &w->call)) {
			waiting_free(w);
			continue;
		}
		tb_list_append(&l->waiting, &w->node);
		l->n_waiting++;
	}
}

/* Somebody else writes: calls wait for him, each until its deadline. */
static void
wait_for_lock(struct tb_ledger *l)
{
	struct tb_list late;
	struct waiting *w, *tmp;
	uint64_t now = tb_loop_now_us(l->host->loop);

	tb_list_init(&late);
	tb_list_for_each_safe(w, tmp, &l->waiting, node) {
		if (now + RETRY_US < w->until_us)
			continue;
		tb_list_remove(&w->node);
		tb_list_append(&late, &w->node);
		fail(w, TB_ERROR_SERVER_UNREACHABLE);
		l->n_waiting--;
	}
	if (!tb_list_empty(&late))
		tb_log_error("ledger: another program holds ledger.db for writing");
	if (!tb_list_empty(&l->waiting))
		tb_source_set_timer_in(l->retry, RETRY_US);
	deliver(&late);
}

static void
forget(struct tb_ledger *l)
{
	int r;

	if (!l->forget)
		return;
	l->forget = false;
	r = l->store->ops->forget(l->store);
	/* Who reads at this moment keeps the log in use; the next commit folds it in. */
	if (r != -EBUSY)
		log_failure(l, "what was deleted could not be erased", r);
}

/* Old keys go in small parts, behind a turn that wrote anyway. */
static void
prune(struct tb_ledger *l)
{
	int r;

	if (!l->pruning && !tb_steady_due(&l->prune, l->host->loop, PRUNE_EVERY_US))
		return;
	r = tb_keys_prune(l, tb_loop_wall_us(l->host->loop));
	log_failure(l, "old keys could not be dropped", r);
	l->pruning = r == 1;
}

void
tb_turn_end(struct tb_ledger *l)
{
	_cleanup_buf_ struct tb_buf out = TB_BUF_INIT(0);
	struct tb_list calls;
	int r;

	if (l->running || tb_list_empty(&l->waiting))
		return;
	end_view(l);
	r = l->store->ops->begin(l->store);
	l->locked = r == -EBUSY;
	if (l->locked) {
		read_meanwhile(l);
		wait_for_lock(l);
		return;
	}
	l->running = true;
	take_waiting(l, &calls);
	if (r >= 0) {
		prune(l);
		run_all(l, &calls, &out);
	} else {
		struct waiting *w;

		log_failure(l, "no transaction", r);
		tb_list_for_each(w, &calls, node)
			fail(w, TB_ERROR_SERVER_UNREACHABLE);
	}
	l->running = false;
	forget(l);
	deliver(&calls);
}

static void
on_retry(void *userdata)
{
	tb_turn_end(userdata);
}

/* The timer is set once for many calls. */
static void
stir(struct tb_ledger *l, uint64_t now)
{
	l->called_us = now;
	if (l->stirred)
		return;
	l->stirred = true;
	tb_source_set_timer_in(l->calm, CALM_US);
}

void
tb_turn_call(struct tb_ledger *l, const struct tb_call *call)
{
	uint64_t now = tb_loop_now_us(l->host->loop);
	struct waiting *w;

	stir(l, now);
	if ((tb_list_empty(&l->waiting) || l->locked) &&
		!(tb_op_table[call->op].flags & TB_OP_WRITES) && read_now(l, call))
		return;
	w = calloc(1, sizeof(*w));
	if (!w) {
		call->done(
			&(struct tb_answer){.error = TB_ERROR_SERVER_UNREACHABLE}, call->userdata);
		return;
	}
	w->call = *call;
	w->until_us = call->deadline_us ? call->deadline_us : now + 2 * TB_USEC_PER_SEC;
	tb_list_append(&l->waiting, &w->node);
	if (++l->n_waiting >= TB_TURN_MAX)
		tb_turn_end(l);
}

static void
on_view_end(void *userdata)
{
	end_view(userdata);
}

static void
on_calm(void *userdata)
{
	struct tb_ledger *l = userdata;
	uint64_t calm_at = l->called_us + CALM_US, now = tb_loop_now_us(l->host->loop);

	if (now < calm_at) {
		tb_source_set_timer_in(l->calm, calm_at - now);
		return;
	}
	l->stirred = false;
	end_view(l);
	l->store->ops->rest(l->store);
}

void
tb_turn_bulk(struct tb_ledger *l)
{
	l->store->ops->bulk(l->store);
}

/* Ids go on where they were, also when the clock was set back meanwhile. */
static int
last_id(struct tb_ledger *l)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	/* What another bridge drew does not count when its clock was far ahead of ours. */
	int r = tb_store_get(l->store, &rows,
		"SELECT MAX(id) FROM (SELECT MAX(id) AS id FROM customers WHERE id < ?1"
		" UNION ALL SELECT MAX(id) FROM passages WHERE id < ?1"
		" UNION ALL SELECT MAX(id) FROM reservations WHERE id < ?1"
		" UNION ALL SELECT MAX(id) FROM reversals UNION ALL SELECT MAX(id) FROM uses"
		" UNION ALL SELECT MAX(id) FROM lots UNION ALL SELECT MAX(id) FROM coupons"
		" UNION ALL SELECT MAX(id) FROM gift_cards UNION ALL SELECT MAX(id) FROM keys) AS "
		"ids",
		V_INT(tb_id_at(tb_loop_wall_us(l->host->loop) + TB_USEC_PER_DAY)));

	l->last_id = r > 0 ? tb_rows_int(rows, 0) : 0;
	return r < 0 ? r : 0;
}

int
tb_turn_init(struct tb_ledger *l)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r;

	r = tb_store_get(l->store, &rows, "SELECT 1 FROM articles LIMIT 1");
	if (r < 0)
		return r;
	l->has_articles = r > 0;
	l->articles_at = r > 0 ? tb_loop_wall_us(l->host->loop) : 0;
	tb_rows_donep(&rows);
	r = last_id(l);
	if (r >= 0)
		r = tb_reservations_next(l);
	if (r < 0)
		return r;
	r = tb_loop_add_timer(l->host->loop, CALM_US / 10, on_calm, l, &l->calm);
	if (r < 0)
		return r;
	r = tb_loop_add_timer(l->host->loop, VIEW_US, on_view_end, l, &l->view_end);
	if (r < 0)
		return r;
	return tb_loop_add_timer(l->host->loop, 1000, on_retry, l, &l->retry);
}

void
tb_turn_stop(struct tb_ledger *l)
{
	struct tb_list calls;
	struct waiting *w;

	end_view(l);
	take_waiting(l, &calls);
	tb_list_for_each(w, &calls, node)
		fail(w, TB_ERROR_SERVER_UNREACHABLE);
	deliver(&calls);
}
