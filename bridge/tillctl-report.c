/* SPDX-License-Identifier: MIT */
/*
 * tillctl report: the shop's figures over a period, as the manager's dashboard shows them.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bridge/tillctl.h"

/* The date `days` after today in this machine's time, which is the shop's. */
static void
day(int days, char out[16])
{
	time_t now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	tm.tm_mday += days;
	tm.tm_hour = 12;
	tm.tm_isdst = -1;
	mktime(&tm);
	strftime(out, 16, "%Y-%m-%d", &tm);
}

static void
say_rows(const struct tillctl *ctl, const json_t *rows, const char *name)
{
	char money[TILLCTL_MONEY_TEXT];
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		const json_t *value = json_object_get(row, name);

		if (json_is_integer(value))
			tillctl_say("  %02lld h      ", (long long)json_integer_value(value));
		else
			tillctl_say("  %-10s", json_string_value(value));
		tillctl_say(" %6lld passages %16s\n", (long long)tillctl_number(row, "passages"),
			tillctl_money(ctl, tillctl_number(row, "turnover"), money));
	}
}

static void
say_report(const struct tillctl *ctl, const json_t *report)
{
	static const char *const counts[] = {"passages", "new_customers", "known_customers"};
	static const char *const amounts[] = {"turnover", "average_basket", "loyalty_cost"};
	char money[TILLCTL_MONEY_TEXT];
	const json_t *row;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(counts); i++)
		tillctl_say(
			"%-16s %lld\n", counts[i], (long long)tillctl_number(report, counts[i]));
	for (i = 0; i < ARRAY_SIZE(amounts); i++)
		tillctl_say("%-16s %s\n", amounts[i],
			tillctl_money(ctl, tillctl_number(report, amounts[i]), money));
	tillctl_say("by day\n");
	say_rows(ctl, json_object_get(report, "by_day"), "day");
	tillctl_say("by hour\n");
	say_rows(ctl, json_object_get(report, "by_hour"), "hour");
	tillctl_say("most chosen rewards\n");
	json_array_foreach(json_object_get(report, "top_rewards"), i, row)
		tillctl_say("  %-24s %lld\n", tillctl_string(row, "reward"),
			(long long)tillctl_number(row, "count"));
}

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	_cleanup_json_ json_t *result = NULL;
	char from[16], to[16];
	int r;

	if (argc > 3)
		return TILLCTL_USAGE;
	day(0, from);
	day(1, to);
	r = tillctl_ask_long(ctl, "report.summary",
		json_pack("{s:s, s:s}", "from", argc > 1 ? argv[1] : from, "to",
			argc > 2 ? argv[2] : to),
		&result);
	if (r != TILLCTL_DONE)
		return r;
	if (ctl->json)
		tillctl_print_json(result);
	else
		say_report(ctl, result);
	return TILLCTL_DONE;
}

const struct tillctl_command tillctl_report = {
	.name = "report",
	.arguments = "[FROM [TO]]",
	.prose = "the shop's figures; days, TO not included; today by itself",
	.run = run,
};
