/* SPDX-License-Identifier: MIT */
/*
 * customer.merge and customer.delete. A merge transfers entries: the balances move by two entries a
 * unit, with their lots, holds, passages, coupons, counts; old numbers and ids lead to who stays. A
 * deletion takes away whatever says who it was, and leaves the ledger.
 */

#include <string.h>
#include "plugins/loyalty/ledger/coupons.h"
#include "plugins/loyalty/ledger/customers.h"
#include "plugins/loyalty/ledger/gone.h"
#include "plugins/loyalty/shapes/json.h"
#include "plugins/loyalty/ledger/keys.h"
#include "plugins/loyalty/ledger/passages.h"
#include "plugins/loyalty/ledger/reservations.h"

struct merging {
	struct tb_operation *op;
	struct tb_customer from, into;
	int64_t n; /* this merge, in the effects of its entries */
};

static void
merging_done(struct merging *m)
{
	tb_customer_done(&m->from);
	tb_customer_done(&m->into);
}

static int
load(struct merging *m)
{
	bool given;
	int r = tb_customer_param(m->op, "from", &m->from, &given);

	if (r == 0)
		r = tb_customer_param(m->op, "into", &m->into, &given);
	if (r == 0 && m->from.id == m->into.id)
		return tb_refuse_at(m->op, "/into", "same");
	if (r == 0)
		r = tb_customer_settle(m->op, &m->from);
	if (r == 0)
		r = tb_customer_settle(m->op, &m->into);
	return r == 0 ? tb_id_draw(m->op, &m->n) : r;
}

/* ---- accounts ----------------------------------------------------------------------------- */

static int
transfer(struct merging *m, struct tb_customer *c, enum tb_unit unit, enum tb_entry_kind kind,
	int64_t delta, const char *effect)
{
	return tb_entry_add(m->op, c,
		&(struct tb_entry){.unit = unit,
			.kind = kind,
			.delta = delta,
			.owner_kind = 'c',
			.owner = c->id,
			.effect = effect,
			.n = m->n,
			.reason = "merge"});
}

/* What is held moves as a release here and a hold there. */
static int
move_unit(struct merging *m, enum tb_unit unit)
{
	bool points = unit == TB_UNIT_POINTS;
	int64_t held = points ? m->from.points_held : m->from.wallet_held;
	int64_t balance = points ? m->from.points : m->from.wallet;
	int r = transfer(m, &m->from, unit, TB_ENTRY_RELEASE, held, "merge-held");

	if (r >= 0)
		r = transfer(m, &m->into, unit, TB_ENTRY_HOLD, -held, "merge-held");
	if (r >= 0)
		r = transfer(m, &m->from, unit, TB_ENTRY_TRANSFER, -balance, "merge");
	return r < 0 ? r : transfer(m, &m->into, unit, TB_ENTRY_TRANSFER, balance, "merge");
}

static int
move_accounts(struct merging *m)
{
	bool in_debt = m->from.points < 0 || m->into.points < 0;
	int r = move_unit(m, TB_UNIT_POINTS);

	if (r >= 0)
		r = move_unit(m, TB_UNIT_WALLET);
	if (r < 0)
		return r;
	m->into.passages += m->from.passages;
	m->into.counted += m->from.counted;
	m->into.flags |= m->from.flags;
	m->into.due_at = TB_MIN(m->into.due_at, m->from.due_at);
	/* Who was brought by somebody is so still, until his first passage. */
	if (!m->into.sponsor)
		m->into.sponsor = m->from.sponsor;
	m->from.passages = m->from.counted = m->from.flags = 0;
	m->from.due_at = INT64_MAX;
	r = tb_store_run(m->op->store,
		"UPDATE lots SET customer = ?2 WHERE customer = ?1 AND remaining > 0",
		V_INT(m->from.id), V_INT(m->into.id));
	if (r >= 0 && in_debt)
		r = tb_lots_fit(m->op, &m->into);
	return r < 0 ? r : 0;
}

/* ---- everything that points at him -------------------------------------------------------- */

static int
move_rows(struct merging *m)
{
	static const char *const moves[] = {
		"UPDATE passages SET customer = ?2 WHERE customer = ?1",
		/* Uses and reservations that are over still name him: the merge is followed. */
		"UPDATE reservations SET customer = ?2 WHERE customer = ?1 AND state = 'held'",
		"UPDATE keys SET customer = ?2 WHERE customer = ?1",
		"UPDATE coupons SET customer = ?2 WHERE customer = ?1",
		"INSERT INTO reward_counts(customer, reward, taken, held, welcome)"
		" SELECT ?2, reward, taken, held, welcome FROM reward_counts WHERE customer = ?1"
		" ON CONFLICT(customer, reward) DO UPDATE SET"
		" taken = reward_counts.taken + excluded.taken,"
		" held = reward_counts.held + excluded.held,"
		" welcome = reward_counts.welcome + excluded.welcome",
	};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(moves); i++)
		r = tb_store_run(m->op->store, moves[i], V_INT(m->from.id), V_INT(m->into.id));
	if (r >= 0)
		r = tb_store_run(m->op->store, "DELETE FROM reward_counts WHERE customer = ?1",
			V_INT(m->from.id));
	return r < 0 ? r : 0;
}

static int
move_cards(struct merging *m, const json_t *theirs, json_t *record)
{
	json_t *card;
	size_t i;
	int r = 0;

	json_array_foreach(json_object_get(theirs, "cards"), i, card) {
		const char *number = json_string_value(json_object_get(card, "number"));

		if (r >= 0)
			r = tb_store_run(m->op->store,
				"UPDATE cards SET customer = ?2 WHERE number = ?1", V_TEXT(number),
				V_INT(m->into.id));
		if (r >= 0)
			r = tb_card_list(record, number,
				json_string_value(json_object_get(card, "symbology")),
				json_string_value(json_object_get(card, "state")));
	}
	return r < 0 ? r : 0;
}

/* The row that stays behind: nothing but the token, which leads on. */
static int
leave_alias(struct merging *m, const json_t *record)
{
	_cleanup_(json_decrefp)
		json_t *alias = json_pack("{s:O}", "token", json_object_get(record, "token"));
	_cleanup_(json_decrefp) json_t *gone = json_copy((json_t *)record);
	_cleanup_free_ char *text = alias ? tb_json_text(alias) : NULL;
	int r;

	if (!gone || !text)
		return -ENOMEM;
	json_object_del(gone, "token");
	r = tb_record_forget(m->op, m->from.id, gone);
	if (r < 0)
		return r;
	r = tb_store_run(m->op->store,
		"UPDATE customers SET state = 'merged', merged_into = ?2, kind = NULL, contact = 0,"
		" birthday = NULL, groups = NULL, words = NULL, record = ?3 WHERE id = ?1",
		V_INT(m->from.id), V_INT(m->into.id), V_TEXT(text));
	if (r >= 0)
		r = tb_gone_add(m->op, m->from.id, true);
	return r < 0 ? r : tb_gone_add(m->op, m->into.id, true);
}

static int
merge_records(struct merging *m)
{
	_cleanup_(json_decrefp) json_t *theirs = tb_record_parse(&m->from);
	_cleanup_(json_decrefp) json_t *record = tb_record_parse(&m->into);
	_cleanup_(json_decrefp) json_t *old = json_deep_copy(record);
	int r;

	if (!theirs || !record || !old)
		return -ENOMEM;
	r = tb_record_fill(record, theirs, true);
	if (r >= 0)
		r = move_cards(m, theirs, record);
	if (r >= 0)
		r = leave_alias(m, theirs);
	return r < 0 ? r : tb_record_store(m->op, m->into.id, m->into.revision + 1, record, old);
}

int
tb_customer_merge(struct tb_operation *op)
{
	_cleanup_(merging_done) struct merging m = {.op = op};
	int r = load(&m);

	if (r == 0)
		r = tb_coupons_begin(op, &m.from);
	if (r == 0)
		r = tb_coupons_begin(op, &m.into);
	if (r == 0)
		r = move_accounts(&m);
	if (r == 0)
		r = move_rows(&m);
	if (r == 0)
		r = tb_customer_set_last_passage(&m.from, 0, NULL, 0);
	if (r == 0)
		r = tb_passage_refresh_last(op, &m.into);
	if (r == 0)
		r = tb_customer_put(op, &m.from);
	if (r == 0)
		r = tb_customer_put(op, &m.into);
	if (r == 0)
		r = merge_records(&m);
	return r == 0 ? tb_customer_answer(op, m.into.id) : r;
}

/* ---- customer.delete ---------------------------------------------------------------------- */

/* What he holds in sales that are not paid is given back first. */
static int
release_holds(struct tb_operation *op, struct tb_customer *c)
{
	int r;

	for (;;) {
		_cleanup_rows_ struct tb_rows *rows = NULL;
		int64_t id;

		r = tb_store_get(op->store, &rows,
			"SELECT id FROM reservations WHERE customer = ?1 AND state = 'held' LIMIT "
			"1",
			V_INT(c->id));
		if (r <= 0)
			return r;
		id = tb_rows_int(rows, 0);
		tb_rows_donep(&rows);
		r = tb_reservation_release(op, id, c, TB_RESERVATION_RELEASED);
		if (r < 0)
			return r;
	}
}

static int
erase(struct tb_operation *op, int64_t id, const json_t *record)
{
	json_t *card;
	size_t i;
	int r = tb_record_forget(op, id, record);

	json_array_foreach(json_object_get(record, "cards"), i, card)
		if (r >= 0)
			r = tb_store_run(op->store, "DELETE FROM cards WHERE number = ?1",
				V_TEXT(json_string_value(json_object_get(card, "number"))));
	if (r >= 0)
		r = tb_store_run(op->store,
			"UPDATE customers SET state = 'deleted', merged_into = NULL, kind = NULL,"
			" contact = 0, birthday = NULL, groups = NULL, words = NULL, sponsor = "
			"NULL,"
			" last_passage = NULL, record = '{}' WHERE id = ?1",
			V_INT(id));
	if (r >= 0)
		r = tb_gone_add(op, id, false);
	return r < 0 ? r : tb_keys_forget(op, id);
}

/* Those who were merged into him before, and into them. */
static int
erase_aliases(struct tb_operation *op, int64_t into)
{
	for (;;) {
		_cleanup_rows_ struct tb_rows *rows = NULL;
		_cleanup_(json_decrefp) json_t *record = NULL;
		int64_t id;
		int r = tb_store_get(op->store, &rows,
			"SELECT id, record FROM customers WHERE merged_into = ?1 LIMIT 1",
			V_INT(into));

		if (r <= 0)
			return r;
		id = tb_rows_int(rows, 0);
		record = json_loads(tb_rows_text(rows, 1), 0, NULL);
		tb_rows_donep(&rows);
		if (!record)
			return -ENOMEM;
		r = erase_aliases(op, id);
		if (r >= 0)
			r = erase(op, id, record);
		if (r < 0)
			return r;
	}
}

/* Coupons that could still be used, and his id where a gift card names it. */
static int
erase_traces(struct tb_operation *op, int64_t id)
{
	char text[TB_ID_TEXT];
	int r = tb_store_run(op->store,
		"UPDATE coupons SET state = 'revoked', uses_left = 0"
		" WHERE customer = ?1 AND state = 'live'",
		V_INT(id));

	tb_id_format('c', id, text);
	if (r >= 0)
		r = tb_store_run(op->store,
			"UPDATE gift_cards SET buyer = CASE WHEN buyer = ?1 THEN NULL ELSE buyer "
			"END,"
			" beneficiary = CASE WHEN beneficiary = ?1 THEN NULL ELSE beneficiary END,"
			" message = NULL WHERE buyer = ?1 OR beneficiary = ?1",
			V_TEXT(text));
	return r < 0 ? r : 0;
}

int
tb_customer_delete(struct tb_operation *op)
{
	_cleanup_customer_ struct tb_customer c = {};
	_cleanup_(json_decrefp) json_t *record = NULL;
	bool given;
	int r = tb_customer_param(op, "id", &c, &given);

	if (r == 0)
		r = tb_customer_settle(op, &c);
	if (r == 0)
		r = release_holds(op, &c);
	if (r == 0)
		r = tb_customer_put(op, &c);
	if (r != 0)
		return r;
	record = tb_record_parse(&c);
	if (!record)
		return -ENOMEM;
	r = erase_traces(op, c.id);
	if (r >= 0)
		r = erase_aliases(op, c.id);
	if (r >= 0)
		r = erase(op, c.id, record);
	if (r < 0)
		return r;
	op->ledger->forget = true;
	tb_buf_add_str(op->out, "{}");
	return 0;
}
