/* SPDX-License-Identifier: MIT */
/* Uses that come with their passage. */

#include "plugins/loyalty/ledger/given.h"

#include <string.h>

void
tb_warn(struct tb_warnings *warnings, const char *word)
{
	for (size_t i = 0; i < warnings->count; i++)
		if (strcmp(warnings->words[i], word) == 0)
			return;
	if (warnings->count < TB_WARNINGS_MAX)
		warnings->words[warnings->count++] = word;
}

void
tb_warnings_write(const struct tb_warnings *warnings, struct tb_jsonw *w)
{
	tb_jsonw_array(w, "warnings");
	for (size_t i = 0; i < warnings->count; i++)
		tb_jsonw_string(w, NULL, warnings->words[i]);
	tb_jsonw_end_array(w);
}

/* The adjustments that the reservation's row holds, as JSON for the passage to keep. */
static int
read_body(struct tb_operation *op, int64_t id, struct tb_reservation *ret)
{
	bool there;
	int r = tb_reservation_get(op, id, ret, &there);

	return r < 0 || there ? r : -EBADMSG;
}

/* What one use cost; whether it was there at all is a warning. */
static int
charge(struct tb_operation *op, struct tb_reckon *k, const struct tb_reckoning *reckoning, size_t i,
	int64_t reservation, const struct tb_use_step *step, struct tb_warnings *warnings)
{
	struct tb_used used = tb_used_of(k, reckoning, i, reservation);
	const struct tb_gift_card *card = k->uses[i].gift_card;
	const struct tb_coupon *coupon = k->uses[i].coupon;
	enum tb_error lacking = reckoning->uses[i].lacking;
	const char *warning;
	int r;

	if (lacking != TB_OK)
		tb_warn(warnings, tb_error_word(lacking));
	if (coupon && coupon->bound == TB_COUPON_OTHERS)
		tb_warn(warnings, "coupon_of_another");
	if (card && used.amount > card->available)
		tb_warn(warnings, "negative_balance");
	if (!step->c && (used.kind == TB_USE_REWARD || used.kind == TB_USE_WALLET))
		tb_warn(warnings, "customer_unknown");
	r = tb_use_give(op, &used, step, &warning);
	if (warning)
		tb_warn(warnings, warning);
	return r;
}

static int
choose_id(struct tb_operation *op, int64_t wanted, int64_t *ret)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r = 1;

	if (wanted)
		r = tb_store_get(op->store, &rows, "SELECT 1 FROM reservations WHERE id = ?1",
			V_INT(wanted));
	if (r < 0)
		return r;
	*ret = wanted;
	return r > 0 ? tb_id_draw(op, ret) : 0;
}

int
tb_uses_given(struct tb_operation *op, struct tb_reckon *k, const struct tb_use_step *step,
	int64_t wanted, struct tb_reservation *ret, struct tb_warnings *warnings)
{
	_cleanup_reckoning_ struct tb_reckoning reckoning = {};
	int64_t id;
	int r = tb_reckon_read_uses(op, k);

	if (r == 0)
		r = tb_reckon_look_up(op, k);
	if (r != 0)
		return r;
	r = tb_rules_given(k->version->program, tb_reckon_the_account(k), &k->basket.basket,
		k->uses, k->n_uses, &k->context, &reckoning);
	if (r >= 0)
		r = choose_id(op, wanted, &id);
	if (r >= 0)
		r = tb_reservation_insert(op, k, &reckoning, id, step->at);
	for (size_t i = 0; r >= 0 && i < k->n_uses; i++)
		if (!reckoning.uses[i].repeated)
			r = charge(op, k, &reckoning, i, id, step, warnings);
	if (r >= 0)
		r = tb_reservation_committed(op, id, step->passage);
	return r < 0 ? r : read_body(op, id, ret);
}
