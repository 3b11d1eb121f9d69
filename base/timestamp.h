/* SPDX-License-Identifier: MIT */
/*
 * Points in time as int64 microseconds since 1970 UTC, their RFC 3339 text, and shop time in a
 * named zone. No clock is read here: who needs the time is given it.
 */
#pragma once

#include "base/macros.h"

#define TB_USEC_PER_SEC INT64_C(1000000)
#define TB_USEC_PER_DAY (INT64_C(86400) * TB_USEC_PER_SEC)
#define TB_TIME_TEXT 128 /* room for any text written here */

struct tb_date {
	int year, month, day; /* 1 .. 9999, 1 .. 12, 1 .. 31 */
};

/* "2025-05-06T10:00:00.5+02:00" (offset required, leap second read as :59.999999); -EINVAL. */
int tb_time_parse(const char *text, int64_t *ret_us, int *ret_offset_s);
/* "2025-05-06", a day that exists; -EINVAL. */
int tb_date_parse(const char *text, struct tb_date *ret);

/* With seconds, with a fraction only when there is one; out has TB_TIME_TEXT bytes. */
void tb_time_format(int64_t at_us, int offset_s, char *out);
void tb_date_format(struct tb_date date, char *out);

/* Days since 1970-01-01 of a date, and back. */
int64_t tb_date_to_days(struct tb_date date);
struct tb_date tb_date_from_days(int64_t days);

struct tb_zone; /* transitions of one zone from 1970 to 2100, owned by who loaded it */

/* name as in the time-zone database ("Europe/Paris"); -ENOENT when there is no such zone. */
int tb_zone_load(const char *name, struct tb_zone **ret);
void tb_zone_free(struct tb_zone *zone);
TB_DEFINE_CLEANUP(struct tb_zone *, tb_zone_free);

/* Seconds east of UTC in force at that time. */
int tb_zone_offset(const struct tb_zone *zone, int64_t at_us);
/* The shop's date and the hour (0..23) of that time. */
struct tb_date tb_zone_date(const struct tb_zone *zone, int64_t at_us, int *ret_hour);
/* The first instant of a date, also where clocks skip midnight. */
int64_t tb_zone_day_start(const struct tb_zone *zone, struct tb_date date);
