/* SPDX-License-Identifier: MIT */
/* A reservation's row and its end. How one is made is reserve.c. */

#include "plugins/loyalty/ledger/reservations.h"

#include <nettle/sha2.h>
#include <string.h>

static const char *const state_words[] = {"held", "committed", "released", "expired"};

void
tb_reservation_done(struct tb_reservation *r)
{
	free(r->sale);
	json_decref(r->body);
	*r = (struct tb_reservation){};
}

static enum tb_reservation_state
state_of(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(state_words); i++)
		if (strcmp(state_words[i], word) == 0)
			return (enum tb_reservation_state)i;
	return TB_RESERVATION_EXPIRED;
}

int
tb_reservation_get(struct tb_operation *op, int64_t id, struct tb_reservation *ret, bool *ret_there)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	const char *text;
	size_t len;
	int r;

	*ret_there = false;
	if (id == 0)
		return 0;
	r = tb_store_get(op->store, &rows,
		"SELECT state, customer, sale, basket, body FROM reservations WHERE id = ?1",
		V_INT(id));
	if (r <= 0)
		return r;
	ret->id = id;
	ret->state = state_of(tb_rows_text(rows, 0));
	ret->customer = tb_rows_int(rows, 1);
	ret->sale = strdup(tb_rows_text(rows, 2));
	text = tb_rows_text_n(rows, 3, &len);
	memcpy(ret->basket, text, TB_MIN(len, (size_t)TB_HASH_SIZE));
	text = tb_rows_text_n(rows, 4, &len);
	ret->body = json_loadb(text, len, 0, NULL);
	*ret_there = true;
	return ret->sale && ret->body ? 0 : -ENOMEM;
}

int
tb_reservation_of_sale(struct tb_operation *op, const char *sale, int64_t *ret)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r;

	*ret = 0;
	/* No hold at all is the usual case, and known without asking. */
	if (op->ledger->hold_due == INT64_MAX)
		return 0;
	r = tb_store_get(op->store, &rows,
		"SELECT id FROM reservations WHERE sale = ?1 AND till = ?2 AND site = ?3"
		" AND state = 'held'",
		V_TEXT(sale), V_TEXT(op->call->caller.till), V_TEXT(op->call->caller.site));
	if (r > 0)
		*ret = tb_rows_int(rows, 0);
	return r < 0 ? r : 0;
}

static int
set_state(struct tb_operation *op, int64_t id, enum tb_reservation_state state, int64_t passage)
{
	int r = tb_store_run(op->store,
		"UPDATE reservations SET state = ?2, passage = ?3 WHERE id = ?1", V_INT(id),
		V_TEXT(state_words[state]), V_ID(passage));

	return r < 0 ? r : 0;
}

int
tb_reservation_committed(struct tb_operation *op, int64_t id, int64_t passage)
{
	return set_state(op, id, TB_RESERVATION_COMMITTED, passage);
}

/* Releases each use. c is the account they are charged to, NULL for none. */
static int
release_uses(
	struct tb_operation *op, const struct tb_reservation *reservation, struct tb_customer *c)
{
	_cleanup_used_list_ struct tb_used_list uses = {};
	struct tb_use_step step = {.c = c, .sale = reservation->sale, .at = op->now};
	int r = tb_uses_of_reservation(op, reservation->id, &uses);

	for (size_t i = 0; r >= 0 && i < uses.count; i++)
		r = tb_use_release(op, &uses.items[i], &step);
	return r;
}

int
tb_reservation_release(
	struct tb_operation *op, int64_t id, struct tb_customer *c, enum tb_reservation_state state)
{
	_cleanup_reservation_ struct tb_reservation reservation = {};
	_cleanup_customer_ struct tb_customer own = {};
	bool there, loaded = false;
	int r = tb_reservation_get(op, id, &reservation, &there);

	if (r < 0 || !there || reservation.state != TB_RESERVATION_HELD)
		return r;
	if (reservation.customer && !(c && c->id == reservation.customer)) {
		r = tb_customer_get(op, reservation.customer, &own);
		if (r < 0)
			return r;
		/* Who was deleted has no account left to give to. */
		loaded = r == 0;
		c = loaded ? &own : NULL;
	} else if (!reservation.customer) {
		c = NULL;
	}
	r = release_uses(op, &reservation, c);
	if (r >= 0)
		r = set_state(op, id, state, 0);
	if (r >= 0 && loaded)
		r = tb_customer_put(op, &own);
	return r;
}

int
tb_reservations_next(struct tb_ledger *l)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r = tb_store_get(l->store, &rows,
		"SELECT expires_at FROM reservations WHERE state = 'held' ORDER BY expires_at "
		"LIMIT 1");

	l->hold_due = r > 0 ? tb_rows_int(rows, 0) : INT64_MAX;
	return r < 0 ? r : 0;
}

/* The id of one that is past its time, 0 when there is none. */
static int
next_lapsed(struct tb_operation *op, int64_t *ret)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r = tb_store_get(op->store, &rows,
		"SELECT id FROM reservations WHERE state = 'held' AND expires_at <= ?1"
		" ORDER BY expires_at LIMIT 1",
		V_INT(op->now));

	*ret = r > 0 ? tb_rows_int(rows, 0) : 0;
	return r < 0 ? r : 0;
}

int
tb_reservations_lapse(struct tb_operation *op)
{
	int64_t id;
	int r;

	for (;;) {
		r = next_lapsed(op, &id);
		if (r < 0)
			return r;
		if (id == 0)
			return tb_reservations_next(op->ledger);
		r = tb_reservation_release(op, id, NULL, TB_RESERVATION_EXPIRED);
		if (r < 0)
			return r;
	}
}

/* ---- the basket's hash -------------------------------------------------------------------- */

static void
feed_int(struct sha256_ctx *sha, int64_t v)
{
	sha256_update(sha, sizeof(v), (const uint8_t *)&v);
}

static void
feed_text(struct sha256_ctx *sha, const char *text)
{
	size_t n = text ? strlen(text) : 0;

	feed_int(sha, text ? (int64_t)n : -1);
	sha256_update(sha, n, (const uint8_t *)text);
}

void
tb_basket_hash(const struct tb_basket *basket, uint8_t out[TB_HASH_SIZE])
{
	struct sha256_ctx sha;

	sha256_init(&sha);
	feed_int(&sha, basket->total);
	for (size_t i = 0; i < basket->n_lines; i++) {
		const struct tb_line *line = &basket->lines[i];

		feed_int(&sha, line->no);
		feed_text(&sha, line->code);
		feed_text(&sha, line->label);
		feed_text(&sha, line->ean);
		feed_int(&sha, line->quantity);
		feed_int(&sha, line->unit_price);
		feed_int(&sha, line->total);
		feed_int(&sha, (int64_t)line->flags);
	}
	sha256_digest(&sha, TB_HASH_SIZE, out);
}
