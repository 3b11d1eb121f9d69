/* SPDX-License-Identifier: MIT */
/* The steps of a use, each as the exact inverse of the one it takes back. */

#include "plugins/loyalty/ledger/uses.h"

#include <string.h>
#include "plugins/loyalty/ledger/giftcards.h"

static const char *const state_words[] = {"held", "committed", "released", "returned"};
static const char *const kind_words[] = {"reward", "coupon", "gift_card", "wallet"};

void
tb_used_list_done(struct tb_used_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i].reward);
	free(list->items);
	*list = (struct tb_used_list){};
}

static int
index_of(const char *word, const char *const *words, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return 0;
}

static int
append(struct tb_rows *rows, struct tb_used_list *list)
{
	struct tb_used *items = reallocarray(list->items, list->count + 1, sizeof(*items));
	const char *reward = tb_rows_text(rows, 5);
	struct tb_used used = {
		.id = tb_rows_int(rows, 0),
		.reservation = tb_rows_int(rows, 1),
		.passage = tb_rows_int(rows, 2),
		.state = (enum tb_use_state)index_of(tb_rows_text(rows, 3), state_words, 4),
		.kind = (enum tb_use_kind)index_of(tb_rows_text(rows, 4), kind_words, 4),
		.coupon = tb_rows_int(rows, 6),
		.gift_card = tb_rows_int(rows, 7),
		.line = tb_rows_text(rows, 8) ? tb_rows_int(rows, 8) : -1,
		.amount = tb_rows_int(rows, 9),
		.points = tb_rows_int(rows, 10),
		.every_n = tb_rows_int(rows, 11),
		.welcome = tb_rows_int(rows, 12) != 0,
		.cost = tb_rows_int(rows, 13),
		.position = tb_rows_int(rows, 14),
	};

	if (!items)
		return -ENOMEM;
	list->items = items;
	if (reward) {
		used.reward = strdup(reward);
		if (!used.reward)
			return -ENOMEM;
	}
	items[list->count++] = used;
	return 0;
}

static int
collect(struct tb_rows *rows, int r, struct tb_used_list *ret)
{
	for (; r > 0; r = tb_rows_next(rows)) {
		int e = append(rows, ret);

		if (e < 0)
			return e;
	}
	return r;
}

#define USE_COLUMNS \
	"id, reservation, passage, state, kind, reward, coupon, gift_card, line, amount, points," \
	" every_n, welcome, cost, position"

int
tb_uses_of_reservation(struct tb_operation *op, int64_t reservation, struct tb_used_list *ret)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r = tb_store_get(op->store, &rows,
		"SELECT " USE_COLUMNS " FROM uses WHERE reservation = ?1 ORDER BY id",
		V_INT(reservation));

	return collect(rows, r, ret);
}

int
tb_uses_of_passage(struct tb_operation *op, int64_t passage, struct tb_used_list *ret)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r = tb_store_get(op->store, &rows,
		"SELECT " USE_COLUMNS " FROM uses WHERE passage = ?1 ORDER BY id", V_INT(passage));

	return collect(rows, r, ret);
}

/* ---- what a step moves -------------------------------------------------------------------- */

static int
set_state(struct tb_operation *op, struct tb_used *used, enum tb_use_state state,
	const struct tb_use_step *step)
{
	int r = tb_store_run(op->store,
		"UPDATE uses SET state = ?2, passage = ?3, at = ?4 WHERE id = ?1", V_INT(used->id),
		V_TEXT(state_words[state]), V_ID(step->passage), V_INT(step->at));

	used->state = state;
	used->passage = step->passage;
	return r < 0 ? r : 0;
}

/* The entry of a use in one unit. */
static struct tb_entry
entry_of(const struct tb_used *used, const struct tb_use_step *step, enum tb_unit unit,
	enum tb_entry_kind kind, int64_t delta)
{
	return (struct tb_entry){
		.unit = unit,
		.kind = kind,
		.delta = delta,
		.passage = step->passage,
		.reservation = used->reservation,
		.sale = step->sale,
		.reward = used->reward,
		.owner_kind = 'r',
		.owner = used->reservation,
		.effect = tb_entry_word(kind),
		.n = used->id,
		.at = step->at,
	};
}

/* An entry for what the use costs in points and in wallet; sign -1 or 1. */
static int
add_entries(struct tb_operation *op, const struct tb_used *used, const struct tb_use_step *step,
	enum tb_entry_kind kind, int sign)
{
	int64_t wallet = used->kind == TB_USE_WALLET ? used->amount : 0;
	struct tb_entry entry = entry_of(used, step, TB_UNIT_POINTS, kind, sign * used->points);
	int r;

	if (!step->c)
		return 0;
	/* A reward that cost nothing stands in the history all the same. */
	entry.always = kind == TB_ENTRY_REDEEM && wallet == 0 && used->kind != TB_USE_GIFT_CARD;
	r = tb_entry_add(op, step->c, &entry);
	if (r < 0)
		return r;
	entry = entry_of(used, step, TB_UNIT_WALLET, kind, sign * wallet);
	return tb_entry_add(op, step->c, &entry);
}

/* What is counted of the reward: taken and held passages, welcome. */
static int
count(struct tb_operation *op, const struct tb_used *used, const struct tb_use_step *step,
	int64_t taken, int64_t held, int64_t welcome)
{
	int r;

	if (!step->c || !used->reward || (used->every_n == 0 && !used->welcome))
		return 0;
	step->c->flags |= TB_CUSTOMER_COUNTS;
	r = tb_store_run(op->store,
		"INSERT INTO reward_counts(customer, reward, taken, held, welcome)"
		" VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(customer, reward) DO UPDATE SET"
		" taken = reward_counts.taken + excluded.taken,"
		" held = reward_counts.held + excluded.held,"
		" welcome = reward_counts.welcome + excluded.welcome",
		V_INT(step->c->id), V_TEXT(used->reward), V_INT(taken * used->every_n),
		V_INT(held * used->every_n), V_INT(used->welcome ? welcome : 0));
	return r < 0 ? r : 0;
}

static int
gift(struct tb_operation *op, const struct tb_used *used, const struct tb_use_step *step,
	enum tb_entry_kind kind, int sign)
{
	if (!used->gift_card)
		return 0;
	return tb_gift_move(op, &(struct tb_gift_entry){
					.card = used->gift_card,
					.kind = kind,
					.delta = sign * used->amount,
					.passage = step->passage,
					.reservation = used->reservation,
					.n = used->id,
					.at = step->at,
				});
}

static int
coupon_held_by(struct tb_operation *op, const struct tb_used *used, int64_t reservation)
{
	int r;

	if (!used->coupon)
		return 0;
	r = tb_store_run(op->store, "UPDATE coupons SET held_by = ?2 WHERE id = ?1",
		V_INT(used->coupon), V_ID(reservation));
	return r < 0 ? r : 0;
}

/* Takes one use off the coupon. 1 when there was one. */
static int
coupon_spend(struct tb_operation *op, const struct tb_used *used)
{
	if (!used->coupon)
		return 1;
	return tb_store_run(op->store,
		"UPDATE coupons SET uses_left = uses_left - 1, held_by = NULL,"
		" state = CASE WHEN uses_left = 1 THEN 'used' ELSE state END"
		" WHERE id = ?1 AND uses_left > 0",
		V_INT(used->coupon));
}

/* One that was earned by a sale which is voided itself has nothing to come back to. */
static int
coupon_back(struct tb_operation *op, const struct tb_used *used)
{
	int r;

	if (!used->coupon)
		return 0;
	r = tb_store_run(op->store,
		"UPDATE coupons SET uses_left = uses_left + 1,"
		" state = CASE WHEN state = 'used' THEN 'live' ELSE state END"
		" WHERE id = ?1 AND state <> 'revoked'",
		V_INT(used->coupon));
	if (r > 0)
		r = tb_store_run(op->store,
			"UPDATE coupons SET state = 'revoked', uses_left = 0 WHERE id = ?1"
			" AND passage IN (SELECT id FROM passages WHERE id = coupons.passage"
			" AND state = 'reversed')",
			V_INT(used->coupon));
	return r < 0 ? r : 0;
}

/* ---- the steps ---------------------------------------------------------------------------- */

static int
insert(struct tb_operation *op, struct tb_used *used, const struct tb_use_step *step)
{
	int r = tb_id_draw(op, &used->id);

	if (r < 0)
		return r;
	used->state = TB_USE_HELD;
	r = tb_store_run(op->store,
		"INSERT INTO uses(id, reservation, customer, state, kind, reward, coupon, "
		"gift_card,"
		" line, amount, points, every_n, welcome, cost, at, position)"
		" VALUES(?1, ?2, ?3, 'held', ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
		V_INT(used->id), V_INT(used->reservation), V_ID(step->c ? step->c->id : 0),
		V_TEXT(kind_words[used->kind]), V_TEXT(used->reward), V_ID(used->coupon),
		V_ID(used->gift_card), used->line < 0 ? V_NONE : V_INT(used->line),
		V_INT(used->amount), V_INT(used->points), V_INT(used->every_n),
		V_INT(used->welcome), V_INT(used->cost), V_INT(step->at), V_INT(used->position));
	return r < 0 ? r : 0;
}

int
tb_use_hold(struct tb_operation *op, struct tb_used *used, const struct tb_use_step *step)
{
	int r = insert(op, used, step);

	if (r >= 0 && step->c)
		r = tb_lots_hold(op, step->c, used->id, used->points);
	if (r >= 0)
		r = add_entries(op, used, step, TB_ENTRY_HOLD, -1);
	if (r >= 0)
		r = gift(op, used, step, TB_ENTRY_HOLD, -1);
	if (r >= 0)
		r = coupon_held_by(op, used, used->reservation);
	return r < 0 ? r : count(op, used, step, 0, 1, 1);
}

int
tb_use_release(struct tb_operation *op, struct tb_used *used, const struct tb_use_step *step)
{
	int r = set_state(op, used, TB_USE_RELEASED, step);

	if (r >= 0 && step->c)
		r = tb_lots_release(op, step->c, used->id);
	if (r >= 0)
		r = add_entries(op, used, step, TB_ENTRY_RELEASE, 1);
	if (r >= 0)
		r = gift(op, used, step, TB_ENTRY_RELEASE, 1);
	if (r >= 0)
		r = coupon_held_by(op, used, 0);
	return r < 0 ? r : count(op, used, step, 0, -1, -1);
}

int
tb_use_commit(struct tb_operation *op, struct tb_used *used, const struct tb_use_step *step,
	const char **ret_warning)
{
	int r = set_state(op, used, TB_USE_COMMITTED, step);

	*ret_warning = NULL;
	if (r >= 0 && step->c)
		r = tb_lots_spend(op, step->c, used->id);
	if (r >= 0)
		r = add_entries(op, used, step, TB_ENTRY_RELEASE, 1);
	if (r >= 0)
		r = add_entries(op, used, step, TB_ENTRY_REDEEM, -1);
	if (r >= 0)
		r = gift(op, used, step, TB_ENTRY_RELEASE, 1);
	if (r >= 0)
		r = gift(op, used, step, TB_ENTRY_REDEEM, -1);
	if (r < 0)
		return r;
	r = coupon_spend(op, used);
	if (r == 0)
		*ret_warning = "coupon_used"; /* withdrawn with the sale that earned it */
	return r < 0 ? r : count(op, used, step, 1, -1, 0);
}

int
tb_use_charge(struct tb_operation *op, struct tb_used *used, const struct tb_use_step *step,
	const char **ret_warning)
{
	int r = set_state(op, used, TB_USE_COMMITTED, step);

	*ret_warning = NULL;
	if (r >= 0 && step->c)
		r = tb_lots_hold(op, step->c, used->id, used->points);
	if (r >= 0 && step->c)
		r = tb_lots_spend(op, step->c, used->id);
	if (r >= 0)
		r = add_entries(op, used, step, TB_ENTRY_REDEEM, -1);
	if (r >= 0)
		r = gift(op, used, step, TB_ENTRY_REDEEM, -1);
	if (r < 0)
		return r;
	r = coupon_spend(op, used);
	if (r == 0)
		*ret_warning = "coupon_used";
	return r < 0 ? r : count(op, used, step, 1, 0, 1);
}

int
tb_use_give(struct tb_operation *op, struct tb_used *used, const struct tb_use_step *step,
	const char **ret_warning)
{
	int r = insert(op, used, step);

	return r < 0 ? r : tb_use_charge(op, used, step, ret_warning);
}

int
tb_use_return(struct tb_operation *op, struct tb_used *used, const struct tb_use_step *step)
{
	bool in_debt = step->c && step->c->points < 0;
	int r = set_state(op, used, TB_USE_RETURNED, step);

	if (r >= 0)
		r = add_entries(op, used, step, TB_ENTRY_REVERSE, 1);
	if (r >= 0 && step->c)
		r = tb_lots_return(op, step->c, used->id, step->passage);
	if (r >= 0 && in_debt)
		r = tb_lots_fit(op, step->c);
	if (r >= 0)
		r = gift(op, used, step, TB_ENTRY_REVERSE, 1);
	if (r >= 0)
		r = coupon_back(op, used);
	return r < 0 ? r : count(op, used, step, -1, 0, -1);
}
