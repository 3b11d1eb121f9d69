/* SPDX-License-Identifier: MIT */
/*
 * report.summary: the figures of a period in shop time, by occurred_at. Voided passages stand
 * nowhere, anonymous ones count; a customer is new when his first passage ever lies in the period.
 */

#include "plugins/loyalty/ledger/reports.h"

#include <stdio.h>
#include <string.h>
#include "base/money.h"
#include "plugins/loyalty/shapes/json.h"

#define TOP_REWARDS 20

struct bucket {
	int64_t passages, turnover;
};

struct summary {
	struct tb_operation *op;
	struct tb_period period;
	int64_t passages, turnover;
	int64_t points, wallet; /* earned, less what returns took back */
	struct bucket hours[24];
	/* days from the first on; grown as they come */
	struct bucket *days;
	int64_t first_day;
	size_t n_days;
};

int
tb_period_read(struct tb_operation *op, struct tb_period *ret)
{
	static const char *const names[] = {"from", "to"};
	int64_t *const bounds[] = {&ret->from, &ret->to};

	*ret = (struct tb_period){
		.from = INT64_MIN, .to = INT64_MAX, .sites = tb_param(op, "sites")};
	for (size_t i = 0; i < 2; i++) {
		const char *text = tb_param_text(op, names[i]);
		char pointer[8];

		snprintf(pointer, sizeof(pointer), "/%s", names[i]);
		if (text && tb_window_time(tb_shop_zone(op->ledger), text, bounds[i]) < 0)
			return tb_refuse_at(op, pointer, "bad_time");
	}
	if (json_array_size(ret->sites) == 0)
		ret->sites = NULL;
	return ret->to < ret->from ? tb_refuse_at(op, "/to", "before_from") : 0;
}

static bool
is_of_site(const struct tb_period *period, const char *site)
{
	json_t *value;
	size_t i;

	if (!period->sites)
		return true;
	json_array_foreach(period->sites, i, value)
		if (site && strcmp(json_string_value(value), site) == 0)
			return true;
	return false;
}

/* ---- passages ----------------------------------------------------------------------------- */

static struct bucket *
day_bucket(struct summary *s, int64_t day)
{
	struct bucket *days;
	size_t n;

	/* Rows come by time, so days only grow. */
	if (s->n_days == 0)
		s->first_day = day;
	n = (size_t)(day - s->first_day) + 1;
	if (day < s->first_day)
		return NULL;
	if (n > s->n_days) {
		days = reallocarray(s->days, n, sizeof(*days));
		if (!days)
			return NULL;
		memset(days + s->n_days, 0, (n - s->n_days) * sizeof(*days));
		s->days = days;
		s->n_days = n;
	}
	return &s->days[n - 1];
}

static int
add_passage(struct summary *s, int64_t at, int64_t turnover)
{
	int hour;
	struct tb_date date = tb_zone_date(tb_shop_zone(s->op->ledger), at, &hour);
	struct bucket *const buckets[] = {day_bucket(s, tb_date_to_days(date)), &s->hours[hour]};

	if (!buckets[0])
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(buckets); i++) {
		buckets[i]->passages++;
		buckets[i]->turnover += turnover;
	}
	s->passages++;
	return tb_add(s->turnover, turnover, &s->turnover);
}

static int
read_passages(struct summary *s)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r = tb_store_get(s->op->store, &rows,
		"SELECT occurred_at, turnover, site, earned_points - back_points,"
		" earned_wallet - back_wallet FROM passages WHERE occurred_at >= ?1"
		" AND occurred_at < ?2 AND state = 'posted' ORDER BY occurred_at",
		V_INT(s->period.from), V_INT(s->period.to));

	for (; r > 0; r = tb_rows_next(rows)) {
		int e;

		if (!is_of_site(&s->period, tb_rows_text(rows, 2)))
			continue;
		s->points += tb_rows_int(rows, 3);
		s->wallet += tb_rows_int(rows, 4);
		e = add_passage(s, tb_rows_int(rows, 0), tb_rows_int(rows, 1));
		if (e < 0)
			return e;
	}
	return r;
}

/* ---- customers, rewards, movements -------------------------------------------------------- */

/* Customers who came in the period: those who had never come before, and the others. Whether he
 * came at one of the sites is asked of each of his passages. */
static int
count_customers(struct summary *s, int64_t *ret_new, int64_t *ret_known)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int64_t last = 0;
	int r = tb_store_get(s->op->store, &rows,
		"SELECT p.customer, p.site, EXISTS(SELECT 1 FROM passages q WHERE"
		" q.customer = p.customer AND q.occurred_at < ?1 AND q.state = 'posted')"
		" FROM passages p WHERE p.occurred_at >= ?1 AND p.occurred_at < ?2"
		" AND p.state = 'posted' AND p.customer IS NOT NULL GROUP BY p.customer, p.site",
		V_INT(s->period.from), V_INT(s->period.to));

	*ret_new = *ret_known = 0;
	for (; r > 0; r = tb_rows_next(rows)) {
		int64_t customer = tb_rows_int(rows, 0);

		if (customer == last || !is_of_site(&s->period, tb_rows_text(rows, 1)))
			continue;
		last = customer;
		*(tb_rows_int(rows, 2) ? ret_known : ret_new) += 1;
	}
	return r;
}

static int
loyalty_cost(struct summary *s, int64_t *ret)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r = tb_store_get(s->op->store, &rows,
		"SELECT r.site, SUM(u.cost) FROM uses u JOIN reservations r ON r.id = u.reservation"
		" WHERE u.at >= ?1 AND u.at < ?2 AND u.state = 'committed' GROUP BY r.site",
		V_INT(s->period.from), V_INT(s->period.to));

	*ret = 0;
	for (; r > 0; r = tb_rows_next(rows))
		if (is_of_site(&s->period, tb_rows_text(rows, 0)))
			*ret += tb_rows_int(rows, 1);
	return r;
}

static int
write_top_rewards(struct summary *s, struct tb_jsonw *w)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	_cleanup_free_ char *sites = NULL;
	int r;

	if (s->period.sites) {
		sites = tb_json_text(s->period.sites);
		if (!sites)
			return -ENOMEM;
	}
	r = tb_store_get(s->op->store, &rows,
		"SELECT u.reward, COUNT(*) FROM uses u JOIN reservations r ON r.id = u.reservation"
		" WHERE u.at >= ?1 AND u.at < ?2 AND u.state = 'committed' AND u.reward IS NOT NULL"
		" AND (?3 IS NULL OR r.site IN (SELECT value FROM json_each(?3)))"
		" GROUP BY u.reward ORDER BY COUNT(*) DESC, u.reward LIMIT ?4",
		V_INT(s->period.from), V_INT(s->period.to), V_TEXT(sites), V_INT(TOP_REWARDS));
	tb_jsonw_array(w, "top_rewards");
	for (; r > 0; r = tb_rows_next(rows)) {
		tb_jsonw_object(w, NULL);
		tb_jsonw_string(w, "reward", tb_rows_text(rows, 0));
		tb_jsonw_int(w, "count", tb_rows_int(rows, 1));
		tb_jsonw_end_object(w);
	}
	tb_jsonw_end_array(w);
	return r;
}

/* What points and wallet moved: earned by the passages of the period, redeemed by its uses. */
static int
write_movements(struct summary *s, struct tb_jsonw *w)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int64_t points = 0, wallet = 0;
	int r = tb_store_get(s->op->store, &rows,
		"SELECT r.site, SUM(u.points), SUM(CASE WHEN u.kind = 'wallet' THEN u.amount ELSE 0"
		" END) FROM uses u JOIN reservations r ON r.id = u.reservation"
		" WHERE u.at >= ?1 AND u.at < ?2 AND u.state = 'committed' GROUP BY r.site",
		V_INT(s->period.from), V_INT(s->period.to));

	for (; r > 0; r = tb_rows_next(rows)) {
		if (!is_of_site(&s->period, tb_rows_text(rows, 0)))
			continue;
		points += tb_rows_int(rows, 1);
		wallet += tb_rows_int(rows, 2);
	}
	tb_jsonw_object(w, "movements");
	tb_jsonw_object(w, "points");
	tb_jsonw_int(w, "earned", s->points);
	tb_jsonw_int(w, "redeemed", points);
	tb_jsonw_end_object(w);
	tb_jsonw_object(w, "wallet");
	tb_jsonw_int(w, "earned", s->wallet);
	tb_jsonw_int(w, "redeemed", wallet);
	tb_jsonw_end_object(w);
	tb_jsonw_end_object(w);
	return r;
}

/* ---- the answer --------------------------------------------------------------------------- */

static void
write_bucket(struct tb_jsonw *w, const struct bucket *b)
{
	tb_jsonw_int(w, "passages", b->passages);
	tb_jsonw_int(w, "turnover", b->turnover);
	tb_jsonw_end_object(w);
}

static void
write_days(const struct summary *s, struct tb_jsonw *w)
{
	tb_jsonw_array(w, "by_day");
	for (size_t i = 0; i < s->n_days; i++) {
		char day[TB_TIME_TEXT];

		if (s->days[i].passages == 0)
			continue;
		tb_date_format(tb_date_from_days(s->first_day + (int64_t)i), day);
		tb_jsonw_object(w, NULL);
		tb_jsonw_string(w, "day", day);
		write_bucket(w, &s->days[i]);
	}
	tb_jsonw_end_array(w);
}

/* Weeks begin on a Monday and are called by its date: 1970-01-01 was a Thursday. */
static void
write_weeks(const struct summary *s, struct tb_jsonw *w)
{
	size_t i = 0;

	tb_jsonw_array(w, "by_week");
	while (i < s->n_days) {
		int64_t day = s->first_day + (int64_t)i;
		int64_t monday = day - ((day + 3) % 7 + 7) % 7;
		struct bucket week = {};
		char text[TB_TIME_TEXT];

		for (; i < s->n_days && s->first_day + (int64_t)i < monday + 7; i++) {
			week.passages += s->days[i].passages;
			week.turnover += s->days[i].turnover;
		}
		if (week.passages == 0)
			continue;
		tb_date_format(tb_date_from_days(monday), text);
		tb_jsonw_object(w, NULL);
		tb_jsonw_string(w, "week", text);
		write_bucket(w, &week);
	}
	tb_jsonw_end_array(w);
}

static void
write_months(const struct summary *s, struct tb_jsonw *w)
{
	size_t i = 0;

	tb_jsonw_array(w, "by_month");
	while (i < s->n_days) {
		const struct tb_date first = tb_date_from_days(s->first_day + (int64_t)i);
		struct bucket month = {};
		char text[TB_TIME_TEXT];

		for (; i < s->n_days; i++) {
			struct tb_date date = tb_date_from_days(s->first_day + (int64_t)i);

			if (date.month != first.month || date.year != first.year)
				break;
			month.passages += s->days[i].passages;
			month.turnover += s->days[i].turnover;
		}
		if (month.passages == 0)
			continue;
		tb_date_format(first, text);
		tb_jsonw_object(w, NULL);
		tb_jsonw_string_n(w, "month", text, strlen(text) - 3);
		write_bucket(w, &month);
	}
	tb_jsonw_end_array(w);
}

static void
write_hours(const struct summary *s, struct tb_jsonw *w)
{
	tb_jsonw_array(w, "by_hour");
	for (int hour = 0; hour < 24; hour++) {
		if (s->hours[hour].passages == 0)
			continue;
		tb_jsonw_object(w, NULL);
		tb_jsonw_int(w, "hour", hour);
		write_bucket(w, &s->hours[hour]);
	}
	tb_jsonw_end_array(w);
}

static int
write_summary(struct summary *s)
{
	struct tb_jsonw w = TB_JSONW(s->op->out);
	int64_t fresh, known, cost, average = 0;
	int r = count_customers(s, &fresh, &known);

	if (r >= 0)
		r = loyalty_cost(s, &cost);
	if (r >= 0 && s->passages > 0)
		r = tb_muldiv_half_up(s->turnover, 1, s->passages, &average);
	if (r < 0)
		return r;
	tb_jsonw_object(&w, NULL);
	tb_jsonw_int(&w, "passages", s->passages);
	tb_jsonw_int(&w, "new_customers", fresh);
	tb_jsonw_int(&w, "known_customers", known);
	tb_jsonw_int(&w, "turnover", s->turnover);
	tb_jsonw_int(&w, "average_basket", average);
	tb_jsonw_int(&w, "loyalty_cost", cost);
	write_days(s, &w);
	write_weeks(s, &w);
	write_months(s, &w);
	write_hours(s, &w);
	r = write_top_rewards(s, &w);
	if (r >= 0)
		r = write_movements(s, &w);
	tb_jsonw_end_object(&w);
	return r;
}

int
tb_report_summary(struct tb_operation *op)
{
	struct summary s = {.op = op};
	int r = tb_period_read(op, &s.period);

	if (r == 0)
		r = read_passages(&s);
	if (r == 0)
		r = write_summary(&s);
	free(s.days);
	return r;
}
