/* SPDX-License-Identifier: MIT */
/*
 * What a customer is given without buying a reward: coupons by rule, the bonus for a complete
 * profile, the bonuses of a sponsorship. When they are due, not how they are issued.
 */

#include <string.h>

#include "plugins/loyalty/rules/bill.h"

static bool
leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* The birthday in that year; who was born on 29 February has it on the 28th of other years. */
static int64_t
birthday_in(struct tb_date birthday, int year)
{
	struct tb_date day = {year, birthday.month, birthday.day};

	if (day.month == 2 && day.day == 29 && !leap(year))
		day.day = 28;
	return tb_date_to_days(day);
}

static int64_t
shop_day(const struct tb_program *program, int64_t at_us)
{
	return tb_date_to_days(tb_zone_date(program->zone, at_us, NULL));
}

/* From `days` before the birthday to its end, once for each birthday. */
static bool
birthday_due(const struct tb_program *program, const struct tb_coupon_facts *facts, int64_t days)
{
	struct tb_date today = tb_zone_date(program->zone, facts->now_us, NULL);
	int64_t now = tb_date_to_days(today), day;

	if (!facts->has_birthday)
		return false;
	day = birthday_in(facts->birthday, today.year);
	if (day < now)
		day = birthday_in(facts->birthday, today.year + 1);
	if (now < day - days)
		return false;
	return facts->last_issued_us == TB_TIME_NONE ||
	       shop_day(program, facts->last_issued_us) < day - days;
}

/* Once for each absence: who never came is not missed. */
static bool
unseen_due(const struct tb_program *program, const struct tb_coupon_facts *facts, int64_t days)
{
	if (facts->last_passage_us == TB_TIME_NONE ||
		shop_day(program, facts->now_us) - shop_day(program, facts->last_passage_us) < days)
		return false;
	return facts->last_issued_us == TB_TIME_NONE ||
	       facts->last_issued_us < facts->last_passage_us;
}

/* What a voided passage brought, and was used, is not owed again. */
static int64_t
nth_due(const struct tb_coupon_facts *facts, int64_t n)
{
	return n > 0 ? TB_MAX(facts->counted / n - facts->before - facts->issued, INT64_C(0)) : 0;
}

int64_t
tb_rules_coupons_due(const struct tb_program *program, const struct tb_coupon_rule *rule,
	const struct tb_coupon_facts *facts)
{
	switch (rule->on) {
	case TB_COUPON_EVERY_N:
		return nth_due(facts, rule->n);
	case TB_COUPON_BEFORE_BIRTHDAY:
		return birthday_due(program, facts, rule->n);
	case TB_COUPON_UNSEEN:
		return unseen_due(program, facts, rule->n);
	case TB_COUPON_BY_HAND:
		break;
	}
	return 0;
}

int64_t
tb_rules_coupon_valid_to(
	const struct tb_program *program, const struct tb_coupon_rule *rule, int64_t issued_us)
{
	int64_t last;

	if (rule->valid_days <= 0 ||
		tb_add(shop_day(program, issued_us) + 1, rule->valid_days, &last) < 0 ||
		last > tb_date_to_days((struct tb_date){9999, 12, 31}))
		return TB_TIME_NONE;
	return tb_zone_day_start(program->zone, tb_date_from_days(last));
}

int64_t
tb_rules_profile_bonus(const struct tb_program *program, const struct tb_names *filled)
{
	for (size_t i = 0; i < program->profile_fields.count; i++)
		if (!tb_match_word(filled, program->profile_fields.names[i]))
			return 0;
	return program->profile_fields.count ? program->profile_points : 0;
}

struct tb_sponsorship
tb_rules_sponsorship(const struct tb_program *program, const struct tb_account *newcomer,
	const struct tb_earned *earned)
{
	struct tb_sponsorship due = {0};

	if (!newcomer || !earned->counted || newcomer->counted > 0)
		return due;
	due.sponsor_points = program->sponsor_points;
	due.newcomer_points = program->newcomer_points;
	return due;
}
