/* SPDX-License-Identifier: MIT */
/* Reading passages back; passage.show. */

#include "plugins/loyalty/ledger/passages.h"

#include <string.h>
#include "plugins/loyalty/shapes/json.h"

void
tb_passage_done(struct tb_passage *p)
{
	free(p->sale);
	free(p->site);
	free(p->till);
	free(p->mode);
	json_decref(p->body);
	*p = (struct tb_passage){};
}

#define PASSAGE_COLUMNS \
	"id, customer, business_day, occurred_at, turnover, total, program, earned_points," \
	" earned_wallet, back_points, back_wallet, counted, state, sale, site, till, mode, body"

static int
copy(struct tb_rows *rows, int column, char **ret)
{
	const char *text = tb_rows_text(rows, column);

	*ret = text ? strdup(text) : NULL;
	return text && !*ret ? -ENOMEM : 0;
}

static int
from_row(struct tb_rows *rows, struct tb_passage *ret)
{
	struct tb_passage *p = ret;
	const char *body;
	size_t len;

	*p = (struct tb_passage){
		.id = tb_rows_int(rows, 0),
		.customer = tb_rows_int(rows, 1),
		.business_day = tb_rows_int(rows, 2),
		.occurred_at = tb_rows_int(rows, 3),
		.turnover = tb_rows_int(rows, 4),
		.has_total = tb_rows_text(rows, 5) != NULL,
		.total = tb_rows_int(rows, 5),
		.program = tb_rows_int(rows, 6),
		.earned_points = tb_rows_int(rows, 7),
		.earned_wallet = tb_rows_int(rows, 8),
		.back_points = tb_rows_int(rows, 9),
		.back_wallet = tb_rows_int(rows, 10),
		.counted = tb_rows_int(rows, 11) != 0,
		.reversed = strcmp(tb_rows_text(rows, 12), "reversed") == 0,
	};
	if (copy(rows, 13, &p->sale) < 0 || copy(rows, 14, &p->site) < 0 ||
		copy(rows, 15, &p->till) < 0 || copy(rows, 16, &p->mode) < 0)
		return -ENOMEM;
	body = tb_rows_text_n(rows, 17, &len);
	p->body = json_loadb(body, len, 0, NULL);
	return p->body ? 0 : -EBADMSG;
}

int
tb_passage_find(struct tb_operation *op, struct tb_passage *ret)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	const char *day = tb_param_text(op, "business_day");
	struct tb_date date;
	int r;

	if (day && tb_date_parse(day, &date) < 0)
		return tb_refuse_at(op, "/business_day", "bad_date");
	r = tb_store_get(op->store, &rows,
		"SELECT " PASSAGE_COLUMNS
		" FROM passages WHERE sale = ?1 AND till = ?2 AND site = ?3"
		" AND (?4 IS NULL OR business_day = ?4) ORDER BY business_day DESC LIMIT 1",
		V_TEXT(tb_param_text(op, "sale")), V_TEXT(op->call->caller.till),
		V_TEXT(op->call->caller.site), day ? V_INT(tb_date_to_days(date)) : V_NONE);
	if (r < 0)
		return r;
	return r > 0 ? from_row(rows, ret) : tb_refuse(op, TB_ERROR_PASSAGE_UNKNOWN);
}

/* ---- the body ----------------------------------------------------------------------------- */

void
tb_passage_write_imported(struct tb_jsonw *w, const struct tb_basket *basket)
{
	bool any = false;

	for (size_t i = 0; i < basket->n_lines; i++) {
		const struct tb_article *article = basket->lines[i].imported;

		if (!article)
			continue;
		if (!any)
			tb_jsonw_array(w, "imported");
		any = true;
		tb_jsonw_object(w, NULL);
		tb_jsonw_int(w, "line", (int64_t)i);
		tb_jsonw_string(w, "code", article->code);
		tb_jsonw_string(w, "label", article->label);
		tb_jsonw_string(w, "ean", article->ean);
		tb_jsonw_string(w, "category", article->category);
		tb_jsonw_int(w, "points", article->points);
		tb_jsonw_int(w, "points_price", article->points_price);
		tb_jsonw_end_object(w);
	}
	if (any)
		tb_jsonw_end_array(w);
}

void
tb_passage_write_facts(struct tb_jsonw *w, const struct tb_account *account)
{
	if (!account)
		return;
	tb_jsonw_object(w, "facts");
	tb_jsonw_int(w, "kind", account->kind);
	tb_jsonw_int(w, "passages", account->passages);
	tb_jsonw_int(w, "counted", account->counted);
	if (account->groups.count) {
		tb_jsonw_array(w, "groups");
		for (size_t i = 0; i < account->groups.count; i++)
			tb_jsonw_string(w, NULL, account->groups.names[i]);
		tb_jsonw_end_array(w);
	}
	tb_jsonw_end_object(w);
}

void
tb_recalled_done(struct tb_recalled *recalled)
{
	tb_basket_lines_done(&recalled->basket);
	tb_adjustment_list_done(&recalled->adjustments);
	free(recalled->articles);
	free(recalled->groups);
}

static int64_t
member_int(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static const char *
member_text(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static int
recall_articles(const json_t *body, struct tb_recalled *ret)
{
	const json_t *list = json_object_get(body, "imported"), *item;
	size_t i;

	ret->articles = calloc(json_array_size(list) + 1, sizeof(*ret->articles));
	if (!ret->articles)
		return -ENOMEM;
	json_array_foreach(list, i, item) {
		size_t line = (size_t)member_int(item, "line");

		ret->articles[i] = (struct tb_article){
			.code = member_text(item, "code"),
			.label = member_text(item, "label"),
			.ean = member_text(item, "ean"),
			.category = member_text(item, "category"),
			.points = member_int(item, "points"),
			.points_price = member_int(item, "points_price"),
		};
		if (line < ret->basket.basket.n_lines)
			ret->basket.lines[line].imported = &ret->articles[i];
	}
	return 0;
}

static int
recall_account(const json_t *facts, struct tb_recalled *ret)
{
	const json_t *groups = json_object_get(facts, "groups"), *group;
	size_t i;

	ret->groups = calloc(json_array_size(groups) + 1, sizeof(*ret->groups));
	if (!ret->groups)
		return -ENOMEM;
	json_array_foreach(groups, i, group)
		ret->groups[i] = json_string_value(group);
	ret->account = (struct tb_account){
		.kind = (enum tb_customer_kind)member_int(facts, "kind"),
		.passages = member_int(facts, "passages"),
		.counted = member_int(facts, "counted"),
		.groups = {.names = ret->groups, .count = json_array_size(groups)},
		.counted_before_us = TB_TIME_NONE,
		.counted_after_us = TB_TIME_NONE,
	};
	return 0;
}

int
tb_passage_recall(struct tb_operation *op, const struct tb_passage *p, struct tb_recalled *ret)
{
	_cleanup_faults_ struct tb_faults faults = {};
	const json_t *adjustments = json_object_get(p->body, "adjustments");
	int r;

	*ret = (struct tb_recalled){
		.n_uses = (size_t)member_int(p->body, "n_uses"),
		.context = {.site = p->site,
			.mode = p->mode,
			.occurred_at_us = p->occurred_at,
			.now_us = op->now,
			.product_reference = op->ledger->reference},
	};
	r = tb_program_of(op, p->program, &ret->version);
	if (r >= 0)
		r = tb_basket_from_json(p->body, "", false, &ret->basket, &faults);
	if (r >= 0)
		r = recall_articles(p->body, ret);
	if (r >= 0)
		r = recall_account(json_object_get(p->body, "facts"), ret);
	if (r >= 0 && adjustments)
		r = tb_adjustments_from_json(adjustments, &ret->adjustments);
	return r == -EINVAL ? -EBADMSG : r;
}

/* ---- what is shown ------------------------------------------------------------------------ */

void
tb_passage_write_short(struct tb_operation *op, struct tb_buf *buf, int64_t id, const char *sale,
	int64_t occurred_at, const int64_t *total, int64_t points)
{
	struct tb_jsonw w = TB_JSONW(buf);

	tb_jsonw_object(&w, NULL);
	tb_id_write(&w, "passage", 'p', id);
	tb_jsonw_string(&w, "sale", sale);
	tb_time_write(op, &w, "occurred_at", occurred_at);
	if (total)
		tb_jsonw_int(&w, "total", *total);
	tb_jsonw_int(&w, "points", points);
	tb_jsonw_end_object(&w);
}

int
tb_passage_refresh_last(struct tb_operation *op, struct tb_customer *c)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	int64_t total, at;
	int r;

	r = tb_store_get(op->store, &rows,
		"SELECT id, sale, occurred_at, total, earned_points FROM passages"
		" WHERE customer = ?1 AND state = 'posted' ORDER BY occurred_at DESC LIMIT 1",
		V_INT(c->id));
	if (r < 0)
		return r;
	if (r == 0)
		return tb_customer_set_last_passage(c, 0, NULL, 0);
	at = tb_rows_int(rows, 2);
	total = tb_rows_int(rows, 3);
	tb_passage_write_short(op, &buf, tb_rows_int(rows, 0), tb_rows_text(rows, 1), at,
		tb_rows_text(rows, 3) ? &total : NULL, tb_rows_int(rows, 4));
	if (tb_buf_error(&buf))
		return tb_buf_error(&buf);
	return tb_customer_set_last_passage(c, at, buf.data, buf.len);
}

/* A member of the body as it stands, an empty list when it is not there. */
static void
write_member(struct tb_jsonw *w, const json_t *body, const char *name)
{
	const json_t *value = json_object_get(body, name);

	if (value)
		tb_json_write(w, name, value);
	else
		tb_jsonw_raw(w, name, "[]", 2);
}

int
tb_passage_show(struct tb_operation *op)
{
	_cleanup_passage_ struct tb_passage p = {};
	struct tb_jsonw w = TB_JSONW(op->out);
	char day[TB_TIME_TEXT];
	int r = tb_passage_find(op, &p);

	if (r != 0)
		return r;
	tb_date_format(tb_date_from_days(p.business_day), day);
	tb_jsonw_object(&w, NULL);
	tb_id_write(&w, "passage", 'p', p.id);
	tb_jsonw_string(&w, "sale", p.sale);
	tb_jsonw_string(&w, "business_day", day);
	tb_time_write(op, &w, "occurred_at", p.occurred_at);
	tb_jsonw_string(&w, "state", p.reversed ? "reversed" : "posted");
	tb_jsonw_string(&w, "mode", p.mode);
	tb_id_write(&w, "customer", 'c', p.customer);
	tb_jsonw_object(&w, "earned");
	tb_jsonw_int(&w, "points", p.earned_points);
	tb_jsonw_int(&w, "wallet", p.earned_wallet);
	tb_jsonw_end_object(&w);
	write_member(&w, p.body, "reasons");
	if (p.has_total)
		tb_jsonw_int(&w, "total", p.total);
	write_member(&w, p.body, "lines");
	write_member(&w, p.body, "tenders");
	write_member(&w, p.body, "adjustments");
	write_member(&w, p.body, "warnings");
	tb_jsonw_end_object(&w);
	return 0;
}
