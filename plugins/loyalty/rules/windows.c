/* SPDX-License-Identifier: MIT */
/* Windows of rewards, offers and reports: [start, end), bare dates being days of the shop. */

#include "plugins/loyalty/rules/bill.h"

bool
tb_window_holds(const struct tb_window *window, int64_t at_us)
{
	return (window->from_us == TB_TIME_NONE || at_us >= window->from_us) &&
	       (window->to_us == TB_TIME_NONE || at_us < window->to_us);
}

int
tb_window_time(const struct tb_zone *zone, const char *text, int64_t *ret_us)
{
	struct tb_date date;
	int offset;

	if (tb_date_parse(text, &date) == 0) {
		*ret_us = tb_zone_day_start(zone, date);
		return 0;
	}
	return tb_time_parse(text, ret_us, &offset);
}
