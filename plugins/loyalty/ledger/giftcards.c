/* SPDX-License-Identifier: MIT */
/* gift_card.create, gift_card.show, gift_card.reload, and what a use does to a card. */

#include "plugins/loyalty/ledger/giftcards.h"

#include <stdio.h>
#include <string.h>

#define NUMBER_PREFIX "TBG-"
#define NUMBER_SYMBOLS 13

int
tb_gift_move(struct tb_operation *op, const struct tb_gift_entry *e)
{
	bool held = e->kind == TB_ENTRY_HOLD || e->kind == TB_ENTRY_RELEASE;
	char effect[96], id[TB_ID_TEXT];
	int r;

	if (e->delta == 0)
		return 0;
	snprintf(effect, sizeof(effect), "%s/%s/%lld", tb_id_format('g', e->card, id),
		tb_entry_word(e->kind), (long long)e->n);
	r = tb_store_run(op->store,
		"UPDATE gift_cards SET balance = balance + ?2, held = held - ?3 WHERE id = ?1",
		V_INT(e->card), V_INT(held ? 0 : e->delta), V_INT(held ? e->delta : 0));
	if (r < 0)
		return r;
	r = tb_store_run(op->store,
		"INSERT INTO gift_entries(gift_card, kind, delta, passage, reservation, effect, at,"
		" received_at, by) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
		V_INT(e->card), V_TEXT(tb_entry_word(e->kind)), V_INT(e->delta), V_ID(e->passage),
		V_ID(e->reservation), V_TEXT(effect), V_INT(e->at ? e->at : op->now),
		V_INT(op->now), V_TEXT(tb_op_by(op)));
	return r < 0 ? r : 0;
}

/* A number of our form is one in any spelling; any other stands as it is. */
static const char *
tidied(const char *number, char room[TB_CODE_TEXT])
{
	bool ours = strncasecmp(number, NUMBER_PREFIX, strlen(NUMBER_PREFIX)) == 0;

	return ours && tb_code_tidy(number, room, TB_CODE_TEXT) ? room : number;
}

int
tb_gift_find(struct tb_operation *op, const char *number, struct tb_gift_row *ret, bool *ret_there)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	char room[TB_CODE_TEXT];
	int r;

	*ret_there = false;
	number = tidied(number, room);
	r = tb_store_get(op->store, &rows,
		"SELECT id, balance, held, expires_at, state, number FROM gift_cards WHERE number "
		"= ?1",
		V_TEXT(number));
	if (r <= 0)
		return r;
	*ret = (struct tb_gift_row){
		.id = tb_rows_int(rows, 0),
		.balance = tb_rows_int(rows, 1),
		.held = tb_rows_int(rows, 2),
		.expires_at = tb_rows_text(rows, 3) ? tb_rows_int(rows, 3) : TB_TIME_NONE,
		.blocked = strcmp(tb_rows_text(rows, 4), "active") != 0,
	};
	snprintf(ret->number, sizeof(ret->number), "%s", tb_rows_text(rows, 5));
	*ret_there = true;
	return 0;
}

static bool
expired(const struct tb_operation *op, const struct tb_gift_row *card)
{
	return card->expires_at != TB_TIME_NONE && op->now >= card->expires_at;
}

void
tb_gift_write(struct tb_operation *op, struct tb_jsonw *w, const struct tb_gift_row *card)
{
	bool dead = card->blocked || expired(op, card);
	int64_t available = dead ? 0 : TB_MAX(card->balance - card->held, INT64_C(0));

	tb_jsonw_object(w, NULL);
	tb_jsonw_string(w, "number", card->number);
	tb_jsonw_int(w, "balance", card->balance);
	tb_jsonw_int(w, "available", available);
	if (card->expires_at != TB_TIME_NONE)
		tb_time_write(op, w, "expires_at", card->expires_at);
	tb_jsonw_string(w, "state",
		card->blocked       ? "blocked"
		: expired(op, card) ? "expired"
				    : "active");
	tb_jsonw_end_object(w);
}

/* Finds the card anew and answers with it. */
static int
answer(struct tb_operation *op, const char *number)
{
	struct tb_jsonw w = TB_JSONW(op->out);
	struct tb_gift_row card;
	bool there;
	int r = tb_gift_find(op, number, &card, &there);

	if (r < 0)
		return r;
	if (!there)
		return tb_refuse(op, TB_ERROR_GIFT_CARD_UNKNOWN);
	tb_gift_write(op, &w, &card);
	return 0;
}

int
tb_gift_card_show(struct tb_operation *op)
{
	return answer(op, tb_param_text(op, "number"));
}

/* A physical card's number as it is given, or a drawn one. */
static int
choose_number(struct tb_operation *op, char *out, size_t n)
{
	const char *given = tb_param_text(op, "number");
	char room[TB_CODE_TEXT];

	if (!given)
		return tb_code_draw(NUMBER_PREFIX, NUMBER_SYMBOLS, out);
	if ((size_t)snprintf(out, n, "%s", tidied(given, room)) >= n)
		return tb_refuse_at(op, "/number", "too_long");
	return 0;
}

static int
read_expiry(struct tb_operation *op, int64_t *ret)
{
	const char *text = tb_param_text(op, "expires_at");

	*ret = TB_TIME_NONE;
	if (!text)
		return 0;
	if (tb_window_time(tb_shop_zone(op->ledger), text, ret) < 0)
		return tb_refuse_at(op, "/expires_at", "bad_time");
	return *ret <= op->now ? tb_refuse_at(op, "/expires_at", "past") : 0;
}

int
tb_gift_card_create(struct tb_operation *op)
{
	int64_t amount = tb_param_int(op, "amount", 0), expires_at, id;
	char number[132];
	int r;

	if (amount <= 0 || amount > TB_NUMBER_MAX)
		return tb_refuse_at(op, "/amount", "out_of_range");
	r = read_expiry(op, &expires_at);
	if (r == 0)
		r = choose_number(op, number, sizeof(number));
	if (r == 0)
		r = tb_id_draw(op, &id);
	if (r != 0)
		return r;
	r = tb_store_run(op->store,
		"INSERT INTO gift_cards(id, number, state, balance, expires_at, buyer, beneficiary,"
		" message, site, till, amount, created_at)"
		" VALUES(?1, ?2, 'active', 0, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
		V_INT(id), V_TEXT(number), expires_at == TB_TIME_NONE ? V_NONE : V_INT(expires_at),
		V_TEXT(tb_param_text(op, "buyer")), V_TEXT(tb_param_text(op, "beneficiary")),
		V_TEXT(tb_param_text(op, "message")), V_TEXT(op->call->caller.site),
		V_TEXT(op->call->caller.till), V_INT(amount), V_INT(op->now));
	if (r == -EEXIST)
		return tb_refuse(op, TB_ERROR_CONFLICT);
	if (r >= 0)
		r = tb_gift_move(op, &(struct tb_gift_entry){
					     .card = id, .kind = TB_ENTRY_ADJUST, .delta = amount});
	return r < 0 ? r : answer(op, number);
}

int
tb_gift_card_reload(struct tb_operation *op)
{
	int64_t amount = tb_param_int(op, "amount", 0), n;
	struct tb_gift_row card;
	bool there;
	int r;

	if (amount <= 0 || amount > TB_NUMBER_MAX)
		return tb_refuse_at(op, "/amount", "out_of_range");
	r = tb_gift_find(op, tb_param_text(op, "number"), &card, &there);
	if (r < 0)
		return r;
	if (!there)
		return tb_refuse(op, TB_ERROR_GIFT_CARD_UNKNOWN);
	if (card.blocked)
		return tb_refuse(op, TB_ERROR_CARD_BLOCKED);
	if (expired(op, &card))
		return tb_refuse(op, TB_ERROR_GIFT_CARD_EXPIRED);
	if (card.balance > TB_NUMBER_MAX - amount)
		return tb_refuse_at(op, "/amount", "out_of_range");
	r = tb_id_draw(op, &n);
	if (r >= 0)
		r = tb_gift_move(op,
			&(struct tb_gift_entry){
				.card = card.id, .kind = TB_ENTRY_ADJUST, .delta = amount, .n = n});
	return r < 0 ? r : answer(op, card.number);
}
