/* SPDX-License-Identifier: MIT */
/*
 * Points that end (R12): which lots a debit, a hold and a return touch. Points that never end have
 * no row: they are what the balance holds beyond the lots, and are used last. Which lot comes first
 * is the rules' to say.
 */

#include "plugins/loyalty/ledger/account.h"

struct open_lots {
	struct tb_lot *lots; /* what is free of each */
	int64_t *ids, *takes;
	size_t n, cap;
};

static void
open_lots_done(struct open_lots *open)
{
	free(open->lots);
	free(open->ids);
	free(open->takes);
}

#define _cleanup_open_lots_ _cleanup_(open_lots_done)

static int
grow(struct open_lots *open)
{
	size_t cap = open->cap ? open->cap * 2 : 16;
	struct tb_lot *lots;
	int64_t *ids, *takes;

	if (open->n < open->cap)
		return 0;
	lots = reallocarray(open->lots, cap, sizeof(*lots));
	if (!lots)
		return -ENOMEM;
	open->lots = lots;
	ids = reallocarray(open->ids, cap, sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	open->ids = ids;
	takes = reallocarray(open->takes, cap, sizeof(*takes));
	if (!takes)
		return -ENOMEM;
	open->takes = takes;
	open->cap = cap;
	return 0;
}

#define ANY_LOT INT64_C(0)
#define LOTS_OF_VOIDED INT64_C(-1) /* of sales that are voided: what came back to them */

/* The customer's lots of which something is free: those of one passage, any, or of voided ones. */
static int
open_lots_load(
	struct tb_operation *op, const struct tb_customer *c, int64_t which, struct open_lots *ret)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r;

	ret->n = 0;
	if (!(c->flags & TB_CUSTOMER_LOTS))
		return 0;
	r = tb_store_get(op->store, &rows,
		"SELECT id, remaining - held, expires_at FROM lots"
		" WHERE customer = ?1 AND remaining > 0 AND (?2 = 0 OR passage = ?2 OR (?2 = -1"
		" AND passage IN (SELECT id FROM passages WHERE id = lots.passage AND state = "
		"'reversed'))) ORDER BY expires_at, id",
		V_INT(c->id), V_INT(which));
	for (; r > 0; r = tb_rows_next(rows)) {
		int e = grow(ret);

		if (e < 0)
			return e;
		if (tb_rows_int(rows, 1) <= 0)
			continue;
		ret->ids[ret->n] = tb_rows_int(rows, 0);
		ret->lots[ret->n++] = (struct tb_lot){
			.left = tb_rows_int(rows, 1), .expires_at_us = tb_rows_int(rows, 2)};
	}
	return r;
}

/* ---- draws of points that are taken back --------------------------------------------------- */

/*
 * A use has drawn points of a sale that is now taken back: other points pay for it. The draw then
 * moves to the lot that paid, so that what the use gives back one day are that lot's points, with
 * its end. Of a use that is only held it is the freezing that moves.
 */
struct drawn {
	int64_t use, lot, amount;
	bool held;
};

struct draws {
	struct drawn *items;
	size_t n;
};

static void
draws_done(struct draws *draws)
{
	free(draws->items);
}

#define _cleanup_draws_ _cleanup_(draws_done)

static int
append_draw(struct draws *draws, struct tb_rows *rows)
{
	struct drawn *items = reallocarray(draws->items, draws->n + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	draws->items = items;
	items[draws->n++] = (struct drawn){
		.use = tb_rows_int(rows, 0),
		.lot = tb_rows_int(rows, 1),
		.amount = tb_rows_int(rows, 2),
		.held = tb_rows_int(rows, 3) != 0,
	};
	return 0;
}

/* What his uses have drawn of one passage's points, or of those of all voided ones. */
static int
draws_load(struct tb_operation *op, const struct tb_customer *c, int64_t which, struct draws *ret)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r;

	r = tb_store_get(op->store, &rows,
		"SELECT d.use, d.lot, d.amount, u.state = 'held' FROM (SELECT u.id, u.state FROM"
		" passages p JOIN uses u ON u.passage = p.id WHERE p.customer = ?1 UNION ALL"
		" SELECT u.id, u.state FROM reservations r JOIN uses u ON u.reservation = r.id"
		" WHERE r.customer = ?1 AND r.state = 'held') AS u JOIN draws d ON d.use = u.id"
		" JOIN lots l ON l.id = d.lot WHERE u.state IN ('committed', 'held')"
		" AND (l.passage = ?2 OR (?2 = -1 AND l.passage IN (SELECT id FROM passages"
		" WHERE id = l.passage AND state = 'reversed'))) ORDER BY d.use, d.lot",
		V_INT(c->id), V_INT(which));
	for (; r > 0; r = tb_rows_next(rows)) {
		int e = append_draw(ret, rows);

		if (e < 0)
			return e;
	}
	return r;
}

static int
move_draw(struct tb_operation *op, const struct drawn *d, int64_t lot, int64_t amount)
{
	int r = tb_store_run(op->store,
		"UPDATE draws SET amount = amount - ?3 WHERE use = ?1 AND lot = ?2", V_INT(d->use),
		V_INT(d->lot), V_INT(amount));

	if (r >= 0 && d->amount == amount)
		r = tb_store_run(op->store,
			"DELETE FROM draws WHERE use = ?1 AND lot = ?2 AND amount = 0",
			V_INT(d->use), V_INT(d->lot));
	if (r >= 0 && lot)
		r = tb_store_run(op->store,
			"INSERT INTO draws(use, lot, amount) VALUES(?1, ?2, ?3)"
			" ON CONFLICT(use, lot) DO UPDATE SET amount = draws.amount + "
			"excluded.amount",
			V_INT(d->use), V_INT(lot), V_INT(amount));
	if (r >= 0 && d->held)
		r = tb_store_run(op->store,
			"UPDATE lots SET remaining = remaining - ?2, held = held - ?2"
			" WHERE id = ?1",
			V_INT(d->lot), V_INT(amount));
	if (r >= 0 && d->held && lot)
		r = tb_store_run(op->store,
			"UPDATE lots SET remaining = remaining + ?2, held = held + ?2"
			" WHERE id = ?1",
			V_INT(lot), V_INT(amount));
	return r < 0 ? r : 0;
}

/* `amount` of the draws was paid by that lot, by points that never end when it is 0. */
static int
draws_move(struct tb_operation *op, struct draws *draws, int64_t lot, int64_t amount)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && amount > 0 && i < draws->n; i++) {
		struct drawn *d = &draws->items[i];
		int64_t part = TB_MIN(amount, d->amount);

		if (part <= 0 || d->lot == lot)
			continue;
		r = move_draw(op, d, lot, part);
		d->amount -= part;
		amount -= part;
	}
	return r < 0 ? r : 0;
}

/*
 * Takes `amount` off what remains, first to expire first; ret_missing is what no lot held. Where
 * draws are given, the lots pay for them.
 */
static int
take_off(struct tb_operation *op, const struct tb_customer *c, int64_t which, int64_t amount,
	struct draws *draws, int64_t *ret_missing)
{
	_cleanup_open_lots_ struct open_lots open = {};
	int r;

	*ret_missing = amount;
	r = open_lots_load(op, c, which, &open);
	if (r < 0 || open.n == 0 || amount <= 0)
		return r;
	r = tb_rules_lots_take(open.lots, open.n, amount, open.takes, ret_missing);
	for (size_t i = 0; r >= 0 && i < open.n; i++) {
		if (open.takes[i] <= 0)
			continue;
		r = tb_store_run(op->store,
			"UPDATE lots SET remaining = remaining - ?2 WHERE id = ?1",
			V_INT(open.ids[i]), V_INT(open.takes[i]));
		if (r >= 0 && draws)
			r = draws_move(op, draws, open.ids[i], open.takes[i]);
	}
	return r < 0 ? r : 0;
}

static int
add_lot(struct tb_operation *op, struct tb_customer *c, int64_t points, int64_t expires_at,
	int64_t passage)
{
	int64_t id;
	int r = tb_id_draw(op, &id);

	if (r >= 0)
		r = tb_store_run(op->store,
			"INSERT INTO lots(id, customer, earned, remaining, expires_at, passage)"
			" VALUES(?1, ?2, ?3, ?3, ?4, ?5)",
			V_INT(id), V_INT(c->id), V_INT(points), V_INT(expires_at), V_ID(passage));
	c->flags |= TB_CUSTOMER_LOTS;
	c->due_at = TB_MIN(c->due_at, expires_at);
	return r < 0 ? r : 0;
}

int
tb_lots_fit(struct tb_operation *op, struct tb_customer *c)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	_cleanup_draws_ struct draws draws = {};
	int64_t excess;
	int r;

	if (!(c->flags & TB_CUSTOMER_LOTS))
		return 0;
	r = tb_store_get(op->store, &rows,
		"SELECT SUM(remaining) FROM lots WHERE customer = ?1 AND remaining > 0",
		V_INT(c->id));
	if (r < 0)
		return r;
	excess = (r > 0 ? tb_rows_int(rows, 0) : 0) - TB_MAX(c->points, INT64_C(0));
	tb_rows_donep(&rows);
	if (excess <= 0)
		return 0;
	r = take_off(op, c, LOTS_OF_VOIDED, excess, NULL, &excess);
	if (r >= 0 && excess > 0)
		r = draws_load(op, c, LOTS_OF_VOIDED, &draws);
	return r < 0 || excess <= 0 ? r : take_off(op, c, ANY_LOT, excess, &draws, &excess);
}

int
tb_points_credit(struct tb_operation *op, struct tb_customer *c, const struct tb_entry *entry,
	int64_t expires_at)
{
	bool in_debt = c->points < 0;
	int r = tb_entry_add(op, c, entry);

	if (r < 0 || entry->delta <= 0 || expires_at == TB_TIME_NONE)
		return r;
	r = add_lot(op, c, entry->delta, expires_at, entry->passage);
	return r >= 0 && in_debt ? tb_lots_fit(op, c) : r;
}

/* What the balance holds beyond the lots, when that is where the passage's points went. */
static int
never_ending_of(struct tb_operation *op, const struct tb_customer *c, int64_t passage, int64_t *ret)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r;

	*ret = 0;
	if (!(c->flags & TB_CUSTOMER_LOTS))
		return 0;
	r = tb_store_get(
		op->store, &rows, "SELECT 1 FROM lots WHERE passage = ?1 LIMIT 1", V_INT(passage));
	if (r != 0)
		return r < 0 ? r : 0;
	r = tb_store_get(op->store, &rows,
		"SELECT SUM(remaining) FROM lots WHERE customer = ?1 AND remaining > 0",
		V_INT(c->id));
	if (r >= 0)
		*ret = TB_MAX(c->points - (r > 0 ? tb_rows_int(rows, 0) : 0), INT64_C(0));
	return r < 0 ? r : 0;
}

/* Takes back points of a passage: its own, those that never end, and then what there is. */
static int
take_back(struct tb_operation *op, struct tb_customer *c, int64_t passage, int64_t amount)
{
	_cleanup_draws_ struct draws draws = {};
	int64_t debt = TB_MAX(amount - c->points, INT64_C(0)), endless, missing;
	int r = take_off(op, c, passage, amount, NULL, &missing);

	if (r >= 0)
		r = never_ending_of(op, c, passage, &endless);
	if (r < 0)
		return r;
	missing -= TB_MIN(missing, endless);
	if (missing <= 0)
		return 0;
	r = draws_load(op, c, passage, &draws);
	if (r >= 0)
		r = take_off(op, c, ANY_LOT, missing, &draws, &missing);
	/* What no lot paid was paid by points that never end, but for what nobody could pay. */
	return r < 0 ? r : draws_move(op, &draws, 0, missing - debt);
}

int
tb_points_debit(struct tb_operation *op, struct tb_customer *c, const struct tb_entry *entry,
	int64_t passage)
{
	int64_t missing;
	int r = passage ? take_back(op, c, passage, -entry->delta)
	                : take_off(op, c, ANY_LOT, -entry->delta, NULL, &missing);

	return r < 0 ? r : tb_entry_add(op, c, entry);
}

/* ---- uses --------------------------------------------------------------------------------- */

int
tb_lots_hold(struct tb_operation *op, struct tb_customer *c, int64_t use, int64_t points)
{
	_cleanup_open_lots_ struct open_lots open = {};
	int64_t missing;
	int r;

	r = open_lots_load(op, c, ANY_LOT, &open);
	if (r < 0 || open.n == 0 || points <= 0)
		return r;
	r = tb_rules_lots_take(open.lots, open.n, points, open.takes, &missing);
	for (size_t i = 0; r >= 0 && i < open.n; i++) {
		if (open.takes[i] <= 0)
			continue;
		r = tb_store_run(op->store, "UPDATE lots SET held = held + ?2 WHERE id = ?1",
			V_INT(open.ids[i]), V_INT(open.takes[i]));
		if (r >= 0)
			r = tb_store_run(op->store,
				"INSERT INTO draws(use, lot, amount) VALUES(?1, ?2, ?3)",
				V_INT(use), V_INT(open.ids[i]), V_INT(open.takes[i]));
	}
	return r < 0 ? r : 0;
}

int
tb_lots_release(struct tb_operation *op, struct tb_customer *c, int64_t use)
{
	int r;

	if (!(c->flags & TB_CUSTOMER_LOTS))
		return 0;
	r = tb_store_run(op->store,
		"UPDATE lots SET held = held - (SELECT amount FROM draws WHERE use = ?1 AND lot = "
		"id)"
		" WHERE id IN (SELECT lot FROM draws WHERE use = ?1)",
		V_INT(use));
	/* A lot whose end passed while it was frozen ends now. */
	if (r > 0)
		c->due_at = 0;
	if (r > 0)
		r = tb_store_run(op->store, "DELETE FROM draws WHERE use = ?1", V_INT(use));
	return r < 0 ? r : 0;
}

int
tb_lots_spend(struct tb_operation *op, struct tb_customer *c, int64_t use)
{
	int r;

	if (!(c->flags & TB_CUSTOMER_LOTS))
		return 0;
	r = tb_store_run(op->store,
		"UPDATE lots SET"
		" remaining = remaining - (SELECT amount FROM draws WHERE use = ?1 AND lot = id),"
		" held = held - (SELECT amount FROM draws WHERE use = ?1 AND lot = id)"
		" WHERE id IN (SELECT lot FROM draws WHERE use = ?1)",
		V_INT(use));
	return r < 0 ? r : 0;
}

int
tb_lots_return(struct tb_operation *op, struct tb_customer *c, int64_t use, int64_t passage)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r;

	r = tb_store_get(op->store, &rows,
		"SELECT l.id, d.amount, l.expires_at FROM draws d JOIN lots l ON l.id = d.lot"
		" WHERE d.use = ?1 ORDER BY l.expires_at",
		V_INT(use));
	for (; r > 0; r = tb_rows_next(rows)) {
		int64_t old = tb_rows_int(rows, 2), amount = tb_rows_int(rows, 1);
		int64_t end = tb_rules_lot_back(old, op->now);
		int e;

		if (end != old)
			e = add_lot(op, c, amount, end, passage);
		else
			e = tb_store_run(op->store,
				/* He may have been merged into another since. */
				"UPDATE lots SET remaining = remaining + ?2, customer = ?3"
				" WHERE id = ?1",
				V_INT(tb_rows_int(rows, 0)), V_INT(amount), V_INT(c->id));
		if (e < 0)
			return e;
		c->flags |= TB_CUSTOMER_LOTS;
		c->due_at = TB_MIN(c->due_at, end);
	}
	tb_rows_donep(&rows);
	if (r >= 0)
		r = tb_store_run(op->store, "DELETE FROM draws WHERE use = ?1", V_INT(use));
	return r < 0 ? r : 0;
}

/* ---- the end of a lot --------------------------------------------------------------------- */

static int
expire(struct tb_operation *op, struct tb_customer *c, int64_t lot, int64_t points, int64_t n,
	int64_t at)
{
	int r = tb_store_run(op->store,
		"UPDATE lots SET remaining = remaining - ?2, expired = expired + ?2 WHERE id = ?1",
		V_INT(lot), V_INT(points));

	if (r < 0)
		return r;
	return tb_entry_add(op, c,
		&(struct tb_entry){.unit = TB_UNIT_POINTS,
			.kind = TB_ENTRY_EXPIRE,
			.delta = -points,
			.lot = lot,
			.owner_kind = 'l',
			.owner = lot,
			.effect = "expire",
			.n = n,
			.at = at});
}

int
tb_lots_expire(struct tb_operation *op, struct tb_customer *c, int64_t *ret_next)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int64_t next = INT64_MAX;
	bool any = false;
	int r;

	r = tb_store_get(op->store, &rows,
		"SELECT id, remaining - held, expired, expires_at FROM lots"
		" WHERE customer = ?1 AND remaining > 0 ORDER BY expires_at, id",
		V_INT(c->id));
	for (; r > 0; r = tb_rows_next(rows)) {
		int64_t at = tb_rows_int(rows, 3), left = tb_rows_int(rows, 1);
		int e;

		any = true;
		/* What is frozen waits for its reservation, whose end makes the account due. */
		if (left <= 0)
			continue;
		if (at > op->now) {
			next = TB_MIN(next, at);
			continue;
		}
		e = expire(op, c, tb_rows_int(rows, 0), left, tb_rows_int(rows, 2), at);
		if (e < 0)
			return e;
	}
	if (r < 0)
		return r;
	if (!any)
		c->flags &= ~TB_CUSTOMER_LOTS;
	*ret_next = next;
	return 0;
}
