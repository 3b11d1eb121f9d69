/* SPDX-License-Identifier: MIT */
/* Adjustments, both ways, and the totals and refusals of a reservation. */

#include <string.h>

#include "plugins/loyalty/shapes/shapes.h"

#define SHARE_TEXT_MAX 64 /* {"no":…,"amount":…} with two numbers of 20 digits, and a comma */

static const char *const kind_words[] = {
	[TB_ADJUST_ARTICLE_OFFERED] = "article_offered",
	[TB_ADJUST_LINE_DISCOUNT] = "line_discount",
	[TB_ADJUST_TICKET_DISCOUNT] = "ticket_discount",
	[TB_ADJUST_TENDER] = "tender",
};

/* ---- out ---- */

static char *
put_text(char *to, const char *text, size_t len)
{
	memcpy(to, text, len);
	return to + len;
}

static char *
put_int(char *to, int64_t value)
{
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value, more = rest;
	char *end;

	if (value < 0)
		*to++ = '-';
	for (end = to + 1; more >= 10; more /= 10)
		end++;
	for (char *p = end; p > to; rest /= 10)
		*--p = (char)('0' + rest % 10);
	return end;
}

#define PUT(to, literal) put_text(to, literal, sizeof(literal) - 1)

/*
 * A quote of forty rewards over fifty lines holds two thousand shares: this is the one list that is
 * written by hand, without a call for every member.
 */
static void
write_shares(struct tb_jsonw *w, const struct tb_share *shares, size_t n)
{
	struct tb_buf *buf = w->buf;
	char *to;

	tb_jsonw_array(w, "lines");
	if (tb_buf_reserve(buf, n * SHARE_TEXT_MAX) < 0)
		return;
	to = buf->data + buf->len;
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			*to++ = ',';
		to = PUT(to, "{\"no\":");
		to = put_int(to, shares[i].no);
		to = PUT(to, ",\"amount\":");
		to = put_int(to, shares[i].amount);
		*to++ = '}';
	}
	*to = '\0';
	buf->len = (size_t)(to - buf->data);
	tb_jsonw_end_array(w);
}

static void
write_article(struct tb_jsonw *w, const struct tb_adjustment *a)
{
	if (!a->label && !a->code && !a->ean)
		return;
	tb_jsonw_object(w, "article");
	tb_jsonw_string(w, "label", a->label);
	tb_jsonw_string(w, "code", a->code);
	tb_jsonw_string(w, "ean", a->ean);
	tb_jsonw_end_object(w);
}

static void
write_adjustment(struct tb_jsonw *w, const struct tb_adjustment *a)
{
	const char *payer = a->tender == TB_TENDER_WALLET      ? "wallet"
	                    : a->tender == TB_TENDER_GIFT_CARD ? "gift_card"
	                                                       : NULL;

	tb_jsonw_object(w, NULL);
	tb_jsonw_string(w, "kind", kind_words[a->kind]);
	if (a->kind == TB_ADJUST_ARTICLE_OFFERED || a->kind == TB_ADJUST_LINE_DISCOUNT) {
		tb_jsonw_int(w, "line", a->line);
		write_article(w, a);
	}
	if (a->kind == TB_ADJUST_ARTICLE_OFFERED)
		tb_jsonw_int(w, "quantity", a->quantity);
	if (a->kind == TB_ADJUST_TICKET_DISCOUNT)
		write_shares(w, a->shares, a->n_shares);
	tb_jsonw_int(w, "amount", a->amount);
	tb_jsonw_string(w, "reward", a->reward ? a->reward : payer);
	tb_jsonw_string(w, "title", a->title ? a->title : payer);
	tb_jsonw_string(w, "till_reference", a->till_reference);
	tb_jsonw_string(w, "coupon", a->coupon);
	tb_jsonw_string(w, "gift_card", a->gift_card);
	if (a->tender == TB_TENDER_WALLET)
		tb_jsonw_bool(w, "wallet", true);
	tb_jsonw_int(w, "use", (int64_t)a->use);
	tb_jsonw_end_object(w);
}

void
tb_adjustments_write(
	struct tb_jsonw *w, const char *name, const struct tb_adjustment *adjustments, size_t n)
{
	tb_jsonw_array(w, name);
	for (size_t i = 0; i < n; i++)
		write_adjustment(w, &adjustments[i]);
	tb_jsonw_end_array(w);
}

void
tb_reckoning_write(struct tb_jsonw *w, const struct tb_reckoning *reckoning)
{
	tb_adjustments_write(w, "adjustments", reckoning->adjustments, reckoning->n_adjustments);
	tb_jsonw_int(w, "total_before", reckoning->total_before);
	tb_jsonw_int(w, "total_after", reckoning->total_after);
	tb_jsonw_int(w, "to_pay", reckoning->to_pay);
}

void
tb_refusal_write(struct tb_buf *buf, const struct tb_reckoning *reckoning)
{
	struct tb_jsonw w = TB_JSONW(buf);
	_cleanup_faults_ struct tb_faults faults = {0};

	if (reckoning->error == TB_ERROR_INVALID_PARAMS) {
		if (reckoning->customer_missing)
			tb_faults_add(&faults, "missing", "/customer");
		else
			tb_faults_add(&faults, "duplicate", "/uses/%zu", reckoning->use);
		tb_faults_write(&faults, buf);
		return;
	}
	tb_jsonw_object(&w, NULL);
	tb_jsonw_int(&w, "use", (int64_t)reckoning->use);
	tb_jsonw_string(&w, "reason", tb_reason_word(reckoning->reason));
	tb_jsonw_end_object(&w);
}

/* ---- back in ---- */

static int64_t
get_int(const json_t *object, const char *member)
{
	return json_integer_value(json_object_get(object, member));
}

static const char *
get_text(const json_t *object, const char *member)
{
	return json_string_value(json_object_get(object, member));
}

static int
read_kind(const char *word, enum tb_adjustment_kind *ret)
{
	for (size_t i = 0; word && i < ARRAY_SIZE(kind_words); i++)
		if (strcmp(kind_words[i], word) == 0) {
			*ret = (enum tb_adjustment_kind)i;
			return 0;
		}
	return -EINVAL;
}

static int
read_adjustment(const json_t *json, struct tb_adjustment *a)
{
	const json_t *article = json_object_get(json, "article");
	int64_t use = get_int(json, "use");

	*a = (struct tb_adjustment){
		.use = use > 0 ? (size_t)use : 0,
		.line = get_int(json, "line"),
		.amount = get_int(json, "amount"),
		.quantity = get_int(json, "quantity"),
		.code = get_text(article, "code"),
		.label = get_text(article, "label"),
		.ean = get_text(article, "ean"),
		.reward = get_text(json, "reward"),
		.title = get_text(json, "title"),
		.till_reference = get_text(json, "till_reference"),
		.coupon = get_text(json, "coupon"),
		.gift_card = get_text(json, "gift_card"),
		.n_shares = json_array_size(json_object_get(json, "lines")),
	};
	if (read_kind(get_text(json, "kind"), &a->kind) < 0 || a->amount < 0 || use < 0)
		return -EINVAL;
	if (a->kind != TB_ADJUST_TENDER)
		return 0;
	a->tender = TB_TENDER_CASHBACK;
	if (a->gift_card)
		a->tender = TB_TENDER_GIFT_CARD;
	else if (json_is_true(json_object_get(json, "wallet")))
		a->tender = TB_TENDER_WALLET;
	if (a->tender != TB_TENDER_CASHBACK)
		a->reward = NULL;
	return 0;
}

int
tb_adjustments_from_json(const json_t *json, struct tb_adjustment_list *ret)
{
	_cleanup_adjustment_list_ struct tb_adjustment_list list = {0};
	size_t n = json_array_size(json), n_shares = 0, i, k;
	const json_t *item, *share;
	struct tb_share *next;

	list.items = calloc(n + 1, sizeof(*list.items));
	if (!list.items)
		return -ENOMEM;
	json_array_foreach(json, i, item) {
		if (read_adjustment(item, &list.items[i]) < 0)
			return -EINVAL;
		n_shares += list.items[i].n_shares;
	}
	list.count = n;
	list.shares = next = calloc(n_shares + 1, sizeof(*list.shares));
	if (!next)
		return -ENOMEM;
	json_array_foreach(json, i, item) {
		list.items[i].shares = next;
		json_array_foreach(json_object_get(item, "lines"), k, share)
			*next++ = (struct tb_share){get_int(share, "no"), get_int(share, "amount")};
	}
	*ret = list;
	list = (struct tb_adjustment_list){0};
	return 0;
}

void
tb_adjustment_list_done(struct tb_adjustment_list *list)
{
	free(list->items);
	free(list->shares);
	*list = (struct tb_adjustment_list){0};
}
