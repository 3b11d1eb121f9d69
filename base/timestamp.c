/* SPDX-License-Identifier: MIT */
/*
 * RFC 3339 and civil dates, and the zone table. The zone's rules are the C library's: its
 * transitions are sampled once at load, so that what follows is pure and touches no global.
 */

#include "base/timestamp.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define ZONE_STEP_S (7 * 86400) /* no zone has changed twice within a week since 1970 */
#define ZONE_FROM_S INT64_C(0)
#define ZONE_TO_S INT64_C(4102444800) /* 2100-01-01 */

int64_t
tb_date_to_days(struct tb_date d)
{
	/* Days from civil, counted in eras of 400 years that begin in March. */
	int64_t y = d.month <= 2 ? d.year - 1 : d.year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (d.month + (d.month > 2 ? -3 : 9)) + 2) / 5 + d.day - 1;
	int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * 146097 + doe - 719468;
}

struct tb_date
tb_date_from_days(int64_t days)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	int month = (int)(mp < 10 ? mp + 3 : mp - 9);

	return (struct tb_date){
		.year = (int)(yoe + era * 400 + (month <= 2)),
		.month = month,
		.day = (int)(doy - (153 * mp + 2) / 5 + 1),
	};
}

/* Reads exactly n digits; -1 when they are not there. */
static int
digits(const char **p, int n)
{
	int v = 0;

	for (int i = 0; i < n; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return -1;
		v = v * 10 + (**p - '0');
	}
	return v;
}

static int
parse_date(const char **p, struct tb_date *ret)
{
	struct tb_date d, back;

	d.year = digits(p, 4);
	if (d.year < 1 || *(*p)++ != '-')
		return -EINVAL;
	d.month = digits(p, 2);
	if (d.month < 1 || d.month > 12 || *(*p)++ != '-')
		return -EINVAL;
	d.day = digits(p, 2);
	if (d.day < 1 || d.day > 31)
		return -EINVAL;
	back = tb_date_from_days(tb_date_to_days(d));
	if (back.day != d.day)
		return -EINVAL;
	*ret = d;
	return 0;
}

int
tb_date_parse(const char *text, struct tb_date *ret)
{
	struct tb_date d;

	if (parse_date(&text, &d) < 0 || *text != '\0')
		return -EINVAL;
	*ret = d;
	return 0;
}

static int
parse_offset(const char **p, int *ret_s)
{
	int sign, h, m;

	if (**p == 'Z' || **p == 'z') {
		(*p)++;
		*ret_s = 0;
		return 0;
	}
	if (**p != '+' && **p != '-')
		return -EINVAL;
	sign = *(*p)++ == '-' ? -1 : 1;
	h = digits(p, 2);
	if (h < 0 || h > 23 || *(*p)++ != ':')
		return -EINVAL;
	m = digits(p, 2);
	if (m < 0 || m > 59)
		return -EINVAL;
	*ret_s = sign * (h * 3600 + m * 60);
	return 0;
}

static int
parse_fraction(const char **p, int64_t *ret_us)
{
	int64_t us = 0, scale = 100000;

	if (**p != '.') {
		*ret_us = 0;
		return 0;
	}
	(*p)++;
	if (**p < '0' || **p > '9')
		return -EINVAL;
	for (; **p >= '0' && **p <= '9'; (*p)++, scale /= 10)
		us += (**p - '0') * scale;
	*ret_us = us;
	return 0;
}

int
tb_time_parse(const char *p, int64_t *ret_us, int *ret_offset_s)
{
	struct tb_date date;
	int h, m, s, offset_s;
	int64_t fraction_us;

	if (parse_date(&p, &date) < 0 || (*p != 'T' && *p != 't' && *p != ' '))
		return -EINVAL;
	p++;
	h = digits(&p, 2);
	if (h < 0 || h > 23 || *p++ != ':')
		return -EINVAL;
	m = digits(&p, 2);
	if (m < 0 || m > 59 || *p++ != ':')
		return -EINVAL;
	s = digits(&p, 2);
	if (s < 0 || s > 60 || parse_fraction(&p, &fraction_us) < 0 ||
		parse_offset(&p, &offset_s) < 0 || *p != '\0')
		return -EINVAL;
	if (s == 60) {
		s = 59;
		fraction_us = 999999;
	}
	*ret_us = tb_date_to_days(date) * TB_USEC_PER_DAY +
	          (h * 3600 + m * 60 + s - offset_s) * TB_USEC_PER_SEC + fraction_us;
	if (ret_offset_s)
		*ret_offset_s = offset_s;
	return 0;
}

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

void
tb_date_format(struct tb_date d, char *out)
{
	snprintf(out, TB_TIME_TEXT, "%04d-%02d-%02d", d.year, d.month, d.day);
}

void
tb_time_format(int64_t at_us, int offset_s, char *out)
{
	int64_t local_us = at_us + offset_s * TB_USEC_PER_SEC;
	int64_t days = floor_div(local_us, TB_USEC_PER_DAY);
	int64_t rest_us = local_us - days * TB_USEC_PER_DAY;
	int s = (int)(rest_us / TB_USEC_PER_SEC), us = (int)(rest_us % TB_USEC_PER_SEC);
	struct tb_date d = tb_date_from_days(days);
	int n, o = offset_s < 0 ? -offset_s : offset_s;

	n = snprintf(out, TB_TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d", d.year, d.month, d.day,
		s / 3600, s / 60 % 60, s % 60);
	if (us)
		n += snprintf(out + n, TB_TIME_TEXT - (size_t)n, ".%06d", us);
	if (offset_s == 0)
		snprintf(out + n, TB_TIME_TEXT - (size_t)n, "Z");
	else
		snprintf(out + n, TB_TIME_TEXT - (size_t)n, "%c%02d:%02d", offset_s < 0 ? '-' : '+',
			o / 3600, o / 60 % 60);
}

struct tb_zone {
	size_t n;
	struct {
		int64_t from_s;
		int offset_s;
	} change[]; /* the first holds from the beginning of time */
};

static int
offset_at(int64_t at_s)
{
	struct tm tm;
	time_t t = at_s;

	return localtime_r(&t, &tm) ? (int)tm.tm_gmtoff : 0;
}

static int
sample_zone(struct tb_zone **ret)
{
	_cleanup_free_ struct tb_zone *zone = NULL;
	size_t cap = 0;
	int last = 0;

	for (int64_t t = ZONE_FROM_S; t <= ZONE_TO_S; t += ZONE_STEP_S) {
		int now = offset_at(t);
		int64_t lo = t - ZONE_STEP_S, hi = t;

		if (zone && now == last)
			continue;
		while (zone && hi - lo > 1) {
			int64_t mid = lo + (hi - lo) / 2;

			if (offset_at(mid) == last)
				lo = mid;
			else
				hi = mid;
		}
		if (!zone || zone->n == cap) {
			struct tb_zone *more;

			cap = cap ? cap * 2 : 16;
			more = realloc(zone, sizeof(*zone) + cap * sizeof(zone->change[0]));
			if (!more)
				return -ENOMEM;
			if (!zone)
				more->n = 0;
			zone = more;
		}
		zone->change[zone->n].from_s = hi;
		zone->change[zone->n++].offset_s = now;
		last = now;
	}
	*ret = TAKE_PTR(zone);
	return 0;
}

int
tb_zone_load(const char *name, struct tb_zone **ret)
{
	_cleanup_free_ char *path = NULL, *before = NULL;
	int r;

	if (name[0] == '\0' || name[0] == '/' || name[0] == ':' || strstr(name, ".."))
		return -ENOENT;
	if (asprintf(&path, "/usr/share/zoneinfo/%s", name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (access(path, R_OK) < 0 || strchr(name, '.') || name[0] < 'A' || name[0] > 'Z')
		return -ENOENT;
	if (getenv("TZ")) {
		before = strdup(getenv("TZ"));
		if (!before)
			return -ENOMEM;
	}
	setenv("TZ", path, 1);
	tzset();
	r = sample_zone(ret);
	if (before)
		setenv("TZ", before, 1);
	else
		unsetenv("TZ");
	tzset();
	return r;
}

void
tb_zone_free(struct tb_zone *zone)
{
	free(zone);
}

int
tb_zone_offset(const struct tb_zone *zone, int64_t at_us)
{
	int64_t at_s = floor_div(at_us, TB_USEC_PER_SEC);
	size_t lo = 0, hi = zone->n;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (zone->change[mid].from_s <= at_s)
			lo = mid;
		else
			hi = mid;
	}
	return zone->change[lo].offset_s;
}

struct tb_date
tb_zone_date(const struct tb_zone *zone, int64_t at_us, int *ret_hour)
{
	int64_t local_us = at_us + tb_zone_offset(zone, at_us) * TB_USEC_PER_SEC;
	int64_t days = floor_div(local_us, TB_USEC_PER_DAY);

	if (ret_hour)
		*ret_hour = (int)((local_us - days * TB_USEC_PER_DAY) / (3600 * TB_USEC_PER_SEC));
	return tb_date_from_days(days);
}

int64_t
tb_zone_day_start(const struct tb_zone *zone, struct tb_date date)
{
	int64_t days = tb_date_to_days(date);
	int64_t midnight_us = days * TB_USEC_PER_DAY;
	/* The offset a day before and a day after bracket the one in force: the earlier instant
	 * that belongs to the date wins, and where midnight is skipped the first later one does. */
	int before = tb_zone_offset(zone, midnight_us - TB_USEC_PER_DAY);
	int after = tb_zone_offset(zone, midnight_us + TB_USEC_PER_DAY);
	int64_t a = midnight_us - TB_MAX(before, after) * TB_USEC_PER_SEC;
	int64_t b = midnight_us - TB_MIN(before, after) * TB_USEC_PER_SEC;

	if (tb_date_to_days(tb_zone_date(zone, a, NULL)) == days)
		return a;
	/* a is still the day before: the day begins at the change between them, or at b. */
	while (b - a > TB_USEC_PER_SEC) {
		int64_t mid = a + (b - a) / 2 / TB_USEC_PER_SEC * TB_USEC_PER_SEC;

		if (tb_date_to_days(tb_zone_date(zone, mid, NULL)) >= days)
			b = mid;
		else
			a = mid;
	}
	return b;
}
