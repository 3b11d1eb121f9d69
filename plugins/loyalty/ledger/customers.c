/* SPDX-License-Identifier: MIT */
/* customer.create, customer.update, customer.compare. */

#include "plugins/loyalty/ledger/customers.h"

#include <stdio.h>
#include <string.h>
#include "plugins/loyalty/shapes/json.h"

#define TOKEN_PREFIX "TB:"
#define TOKEN_SYMBOLS 16

int
tb_customer_insert(struct tb_operation *op, json_t *record, const json_t *cards, bool fresh,
	int64_t sponsor, int64_t *id, size_t *ret_card)
{
	char token[TB_CODE_TEXT];
	bool drawn = json_object_get(record, "token") != NULL;
	int r = *id ? 0 : tb_id_draw(op, id);

	if (r >= 0 && !drawn)
		r = tb_code_draw(TOKEN_PREFIX, TOKEN_SYMBOLS, token);
	if (r < 0)
		return r;
	tb_record_compact(record);
	if (!drawn && json_object_set_new(record, "token", json_string(token)) < 0)
		return -ENOMEM;
	r = tb_cards_give(op, *id, record, cards, fresh, ret_card);
	if (r != 0)
		return r;
	r = tb_record_store(op, *id, 1, record, NULL);
	if (r >= 0 && sponsor)
		r = tb_store_run(op->store, "UPDATE customers SET sponsor = ?2 WHERE id = ?1",
			V_INT(*id), V_INT(sponsor));
	return r < 0 ? r : 0;
}

/* ---- the profile bonus -------------------------------------------------------------------- */

static int64_t
profile_points(const struct tb_program *program, const json_t *record)
{
	const char *names[TB_RECORD_FIELDS];
	struct tb_names filled = {.names = names};

	if (!record)
		return 0;
	filled.count = tb_record_filled(record, names);
	return tb_rules_profile_bonus(program, &filled);
}

int
tb_customer_profile_bonus(
	struct tb_operation *op, struct tb_customer *c, const json_t *before, const json_t *after)
{
	const struct tb_program *program = tb_program_now(op->ledger)->program;
	int64_t points;
	int r;

	if (program->profile_points <= 0)
		return 0;
	points = profile_points(program, after);
	if (points <= 0 || profile_points(program, before) > 0)
		return 0;
	r = tb_entry_exists(op, 'c', c->id, "profile", 0);
	if (r != 0)
		return r < 0 ? r : 0;
	return tb_points_credit(op, c,
		&(struct tb_entry){.unit = TB_UNIT_POINTS,
			.kind = TB_ENTRY_BONUS,
			.delta = points,
			.owner_kind = 'c',
			.owner = c->id,
			.effect = "profile",
			.reason = "profile"},
		tb_rules_lot_expiry(program, op->now));
}

int
tb_customer_answer(struct tb_operation *op, int64_t id)
{
	_cleanup_customer_ struct tb_customer c = {};
	struct tb_jsonw w = TB_JSONW(op->out);
	int r = tb_customer_get(op, id, &c);

	if (r == 0 && op->writing)
		r = tb_customer_settle(op, &c);
	if (r != 0)
		return r;
	op->about = op->changed = c.id;
	tb_jsonw_object(&w, NULL);
	tb_jsonw_raw(&w, "customer", c.record, c.record_len);
	r = tb_balances_write(op, &w, &c);
	tb_jsonw_end_object(&w);
	return r;
}

static int
grant_bonus(struct tb_operation *op, int64_t id, const json_t *before, const json_t *after)
{
	_cleanup_customer_ struct tb_customer c = {};
	int r;

	if (tb_program_now(op->ledger)->program->profile_points <= 0)
		return 0;
	r = tb_customer_get(op, id, &c);
	if (r == 0)
		r = tb_customer_profile_bonus(op, &c, before, after);
	return r == 0 ? tb_customer_put(op, &c) : r;
}

/* ---- customer.create ---------------------------------------------------------------------- */

/* The sponsor by id, or by what he is scanned as. */
static int
find_sponsor(struct tb_operation *op, int64_t *ret)
{
	_cleanup_customer_ struct tb_customer c = {};
	const char *text = tb_param_text(op, "sponsor");
	int r;

	*ret = 0;
	if (!text)
		return 0;
	r = tb_customer_get(op, tb_id_parse('c', text), &c);
	if (r == TB_ERROR_CUSTOMER_UNKNOWN)
		return tb_refuse(op, TB_ERROR_CUSTOMER_UNKNOWN);
	*ret = c.id;
	return r;
}

static int
refuse_conflict(struct tb_operation *op, int error, const char *pointer)
{
	struct tb_jsonw w = TB_JSONW(op->out);

	tb_buf_reset(op->out);
	tb_jsonw_object(&w, NULL);
	tb_jsonw_array(&w, "errors");
	tb_jsonw_object(&w, NULL);
	tb_jsonw_string(&w, "pointer", pointer);
	tb_jsonw_string(&w, "code", tb_error_word((enum tb_error)error));
	tb_jsonw_end_object(&w);
	tb_jsonw_end_array(&w);
	tb_jsonw_end_object(&w);
	return error;
}

/* The id that a bridge drew while we could not be asked; 0 when the call has none. */
static int
given_id(struct tb_operation *op, int64_t *ret)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	const char *text = tb_param_text(op, "id");
	int r;

	*ret = 0;
	if (!text)
		return 0;
	*ret = tb_id_parse('c', text);
	if (*ret == 0)
		return tb_refuse_at(op, "/id", "bad_value");
	r = tb_store_get(op->store, &rows, "SELECT 1 FROM customers WHERE id = ?1", V_INT(*ret));
	return r > 0 ? refuse_conflict(op, TB_ERROR_CONFLICT, "/id") : r;
}

/* The token that a bridge drew likewise, of the form that we draw. */
static int
given_token(struct tb_operation *op, json_t *record)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	const char *text = tb_param_text(op, "token");
	int r;

	if (!text)
		return 0;
	if (!tb_code_is_drawn(TOKEN_PREFIX, TOKEN_SYMBOLS, text))
		return tb_refuse_at(op, "/token", "bad_value");
	r = tb_store_get(op->store, &rows,
		"SELECT 1 FROM handles WHERE kind = 'token' AND value = ?1", V_TEXT(text));
	if (r != 0)
		return r > 0 ? refuse_conflict(op, TB_ERROR_CONFLICT, "/token") : r;
	return json_object_set_new(record, "token", json_string(text)) < 0 ? -ENOMEM : 0;
}

/* The record's cards and the one of the call, drawn or given, which stands last. */
static int
gather_cards(struct tb_operation *op, json_t *record, json_t **ret)
{
	const char *card = tb_param_text(op, "card");
	char drawn[TB_CODE_TEXT];
	json_t *cards = json_incref(json_object_get(record, "cards"));

	if (!cards)
		cards = json_array();
	json_object_del(record, "cards");
	*ret = cards;
	if (!card && tb_param_bool(op, "draw_card")) {
		int r = tb_card_draw(drawn);

		if (r < 0)
			return r;
		card = drawn;
	}
	if (card && json_array_append_new(
			    cards, json_pack("{s:s, s:s}", "number", card, "state", "active")) < 0)
		return -ENOMEM;
	return 0;
}

int
tb_customer_create(struct tb_operation *op)
{
	_cleanup_faults_ struct tb_faults faults = {};
	_cleanup_(json_decrefp) json_t *record = NULL;
	_cleanup_(json_decrefp) json_t *cards = NULL;
	int64_t sponsor, id;
	size_t which = 0;
	int r = tb_record_clean(op, tb_param(op, "record"), "/record", &record, &faults);

	if (r == -EINVAL)
		return tb_refuse_faults(op, &faults);
	if (r >= 0)
		r = given_id(op, &id);
	if (r == 0)
		r = given_token(op, record);
	if (r != 0)
		return r;
	r = find_sponsor(op, &sponsor);
	if (r == 0)
		r = gather_cards(op, record, &cards);
	if (r == 0)
		r = tb_customer_insert(op, record, cards, false, sponsor, &id, &which);
	if (r > 0 && (r == TB_ERROR_CONFLICT || r == TB_ERROR_CARD_BLOCKED)) {
		char pointer[64];

		snprintf(pointer, sizeof(pointer), "/record/cards/%zu/number", which);
		return refuse_conflict(op, r,
			tb_param_text(op, "card") && which + 1 == json_array_size(cards) ? "/card"
											 : pointer);
	}
	if (r == 0)
		r = grant_bonus(op, id, NULL, record);
	return r == 0 ? tb_customer_answer(op, id) : r;
}

/* ---- customer.update ---------------------------------------------------------------------- */

/* The record he has now, for who changed an older one. */
static int
refuse_stale(struct tb_operation *op, const struct tb_customer *c)
{
	struct tb_jsonw w = TB_JSONW(op->out);

	tb_buf_reset(op->out);
	tb_jsonw_object(&w, NULL);
	tb_jsonw_raw(&w, "customer", c->record, c->record_len);
	tb_jsonw_end_object(&w);
	return TB_ERROR_CONFLICT;
}

static int
apply_update(struct tb_operation *op, const struct tb_customer *c, const json_t *change)
{
	_cleanup_(json_decrefp) json_t *record = tb_record_parse(c);
	_cleanup_(json_decrefp) json_t *old = json_deep_copy(record);
	size_t which = 0;
	int r;

	if (!record || !old)
		return -ENOMEM;
	r = tb_record_apply(record, change);
	if (r >= 0)
		r = tb_cards_give(
			op, c->id, record, json_object_get(change, "cards"), false, &which);
	if (r > 0) {
		char pointer[64];

		snprintf(pointer, sizeof(pointer), "/record/cards/%zu/number", which);
		return refuse_conflict(op, r, pointer);
	}
	if (r >= 0)
		r = tb_record_store(op, c->id, c->revision + 1, record, old);
	return r >= 0 ? grant_bonus(op, c->id, old, record) : r;
}

int
tb_customer_update(struct tb_operation *op)
{
	_cleanup_faults_ struct tb_faults faults = {};
	_cleanup_customer_ struct tb_customer c = {};
	_cleanup_(json_decrefp) json_t *change = NULL;
	bool given;
	int r = tb_customer_param(op, "id", &c, &given);

	if (r != 0)
		return r;
	if (tb_param_int(op, "revision", 0) != c.revision)
		return refuse_stale(op, &c);
	r = tb_record_clean(op, tb_param(op, "record"), "/record", &change, &faults);
	if (r == -EINVAL)
		return tb_refuse_faults(op, &faults);
	if (r >= 0)
		r = apply_update(op, &c, change);
	return r == 0 ? tb_customer_answer(op, c.id) : r;
}

/* ---- customer.compare --------------------------------------------------------------------- */

static void
write_difference(struct tb_jsonw *w, const char *field, const json_t *till, const json_t *ours)
{
	tb_jsonw_object(w, NULL);
	tb_jsonw_string(w, "field", field);
	tb_json_write(w, "till", till);
	tb_json_write(w, "ours", ours);
	tb_jsonw_end_object(w);
}

/* Field by field, those the till gave. What cannot be cleaned is compared as it stands. */
int
tb_customer_compare(struct tb_operation *op)
{
	_cleanup_faults_ struct tb_faults faults = {};
	_cleanup_customer_ struct tb_customer c = {};
	_cleanup_(json_decrefp) json_t *till = NULL;
	_cleanup_(json_decrefp) json_t *ours = NULL;
	struct tb_jsonw w = TB_JSONW(op->out);
	const char *field;
	json_t *value;
	bool given;
	int r = tb_customer_param(op, "id", &c, &given);

	if (r != 0)
		return r;
	r = tb_record_clean(op, tb_param(op, "record"), "/record", &till, &faults);
	if (r == -EINVAL)
		till = json_incref(tb_param(op, "record"));
	else if (r < 0)
		return r;
	ours = tb_record_parse(&c);
	if (!ours)
		return -ENOMEM;
	tb_jsonw_object(&w, NULL);
	tb_jsonw_array(&w, "differences");
	json_object_foreach(till, field, value) {
		const json_t *mine = json_object_get(ours, field);

		if (!tb_record_same(op, field, value, mine))
			write_difference(&w, field, value, mine);
	}
	tb_jsonw_end_array(&w);
	tb_jsonw_end_object(&w);
	return 0;
}
