/* SPDX-License-Identifier: MIT */
/* card.attach, card.detach, and the cards a record brings. */

#include "plugins/loyalty/ledger/cards.h"

#include <string.h>
#include "plugins/loyalty/ledger/records.h"

static int
write_card(struct tb_operation *op, const char *number, const char *symbology, const char *state,
	int64_t customer)
{
	int r = tb_store_run(op->store,
		"INSERT INTO cards(number, customer, state, symbology, at)"
		" VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(number) DO UPDATE SET"
		" customer = excluded.customer, state = excluded.state, at = excluded.at,"
		" symbology = COALESCE(excluded.symbology, cards.symbology)",
		V_TEXT(number), V_INT(customer), V_TEXT(state ? state : "active"),
		V_TEXT(symbology), V_INT(op->now));

	return r < 0 ? r : 0;
}

int
tb_card_give(struct tb_operation *op, const char *number, const char *symbology, const char *state,
	int64_t customer)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int64_t owner;
	int r = tb_store_get(op->store, &rows,
		"SELECT customer, state FROM cards WHERE number = ?1", V_TEXT(number));

	if (r < 0)
		return r;
	owner = r > 0 ? tb_rows_int(rows, 0) : 0;
	if (owner && owner != customer)
		return TB_ERROR_CONFLICT;
	if (r > 0 && !owner && strcmp(tb_rows_text(rows, 1), "active") != 0)
		return TB_ERROR_CARD_BLOCKED;
	tb_rows_donep(&rows);
	return write_card(op, number, symbology, state, customer);
}

static size_t
find_card(const json_t *cards, const char *number)
{
	json_t *card;
	size_t i;

	json_array_foreach(cards, i, card)
		if (strcmp(json_string_value(json_object_get(card, "number")), number) == 0)
			return i;
	return json_array_size(cards);
}

int
tb_card_list(json_t *record, const char *number, const char *symbology, const char *state)
{
	json_t *cards = json_object_get(record, "cards"), *card;
	size_t i;

	if (!cards) {
		cards = json_array();
		if (json_object_set_new(record, "cards", cards) < 0)
			return -ENOMEM;
	}
	i = find_card(cards, number);
	if (i < json_array_size(cards)) {
		card = json_array_get(cards, i);
		if (symbology)
			json_object_set_new(card, "symbology", json_string(symbology));
		return json_object_set_new(card, "state", json_string(state)) < 0 ? -ENOMEM : 0;
	}
	card = json_pack(
		"{s:s, s:s*, s:s}", "number", number, "symbology", symbology, "state", state);
	return json_array_append_new(cards, card) < 0 ? -ENOMEM : 0;
}

int
tb_cards_give(struct tb_operation *op, int64_t customer, json_t *record, const json_t *cards,
	bool fresh, size_t *ret_index)
{
	json_t *card;
	size_t i;

	json_array_foreach(cards, i, card) {
		const char *number = json_string_value(json_object_get(card, "number"));
		const char *symbology = json_string_value(json_object_get(card, "symbology"));
		const char *state = json_string_value(json_object_get(card, "state"));
		int r;

		*ret_index = i;
		r = fresh ? write_card(op, number, symbology, state, customer)
		          : tb_card_give(op, number, symbology, state, customer);
		if (r == 0)
			r = tb_card_list(record, number, symbology, state ? state : "active");
		if (r != 0)
			return r;
	}
	return 0;
}

/* ---- card.attach, card.detach ------------------------------------------------------------- */

/* Stores the record with its new list and answers with it. */
static int
store_and_answer(struct tb_operation *op, struct tb_customer *c, json_t *record, const json_t *old)
{
	_cleanup_free_ char *text = NULL;
	struct tb_jsonw w = TB_JSONW(op->out);
	int r = tb_record_store(op, c->id, c->revision + 1, record, old);

	if (r < 0)
		return r;
	text = tb_record_text(record);
	if (!text)
		return -ENOMEM;
	op->about = op->changed = c->id;
	tb_jsonw_object(&w, NULL);
	tb_jsonw_raw(&w, "customer", text, strlen(text));
	tb_jsonw_end_object(&w);
	return 0;
}

int
tb_card_attach(struct tb_operation *op)
{
	_cleanup_customer_ struct tb_customer c = {};
	_cleanup_(json_decrefp) json_t *record = NULL;
	_cleanup_(json_decrefp) json_t *old = NULL;
	const char *number = tb_param_text(op, "card"), *symbology = tb_param_text(op, "symbology");
	bool given;
	int r = tb_customer_param(op, "customer", &c, &given);

	if (r != 0)
		return r;
	record = tb_record_parse(&c);
	old = json_deep_copy(record);
	if (!record || !old)
		return -ENOMEM;
	r = tb_card_give(op, number, symbology, NULL, c.id);
	if (r > 0)
		return tb_refuse(op, (enum tb_error)r);
	if (r == 0)
		r = tb_card_list(record, number, symbology, "active");
	return r < 0 ? r : store_and_answer(op, &c, record, old);
}

/* Whose the number is: his (0), or why it cannot be taken from him. */
static int
check_owner(struct tb_operation *op, const char *number, int64_t customer)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r = tb_store_get(
		op->store, &rows, "SELECT customer FROM cards WHERE number = ?1", V_TEXT(number));

	if (r < 0)
		return r;
	if (r == 0)
		return tb_refuse(op, TB_ERROR_CUSTOMER_UNKNOWN);
	if (tb_rows_int(rows, 0) == 0)
		return tb_refuse(op, TB_ERROR_CARD_UNASSIGNED);
	return tb_rows_int(rows, 0) == customer ? 0 : tb_refuse(op, TB_ERROR_CONFLICT);
}

int
tb_card_detach(struct tb_operation *op)
{
	_cleanup_customer_ struct tb_customer c = {};
	_cleanup_(json_decrefp) json_t *record = NULL;
	_cleanup_(json_decrefp) json_t *old = NULL;
	const char *number = tb_param_text(op, "card"), *state = tb_param_text(op, "state");
	json_t *cards;
	bool given;
	int r = tb_customer_param(op, "customer", &c, &given);

	if (r == 0)
		r = check_owner(op, number, c.id);
	if (r != 0)
		return r;
	record = tb_record_parse(&c);
	old = json_deep_copy(record);
	if (!record || !old)
		return -ENOMEM;
	cards = json_object_get(record, "cards");
	json_array_remove(cards, find_card(cards, number));
	r = tb_store_run(op->store,
		"UPDATE cards SET customer = NULL, state = ?2, at = ?3 WHERE number = ?1",
		V_TEXT(number), V_TEXT(state ? state : "active"), V_INT(op->now));
	return r < 0 ? r : store_and_answer(op, &c, record, old);
}
