/* SPDX-License-Identifier: MIT */
/*
 * R12 and the part of R4 and R11 that is about lots: when points end, which go first, what a part
 * of a reward costs. The entries are the ledger's.
 */

#include "plugins/loyalty/rules/bill.h"

#define GRACE_DAYS 30 /* R11 */

int64_t
tb_rules_lot_expiry(const struct tb_program *program, int64_t occurred_at_us)
{
	struct tb_date day;
	int64_t last;

	if (program->points_expire_days <= 0)
		return TB_TIME_NONE;
	/* the shop's day is the first of them, so the lot ends where day N + 1 begins */
	day = tb_zone_date(program->zone, occurred_at_us, NULL);
	if (tb_add(tb_date_to_days(day), program->points_expire_days, &last) < 0 ||
		last > tb_date_to_days((struct tb_date){9999, 12, 31}))
		return TB_TIME_NONE;
	return tb_zone_day_start(program->zone, tb_date_from_days(last));
}

int64_t
tb_rules_lot_back(int64_t old_expires_at_us, int64_t now_us)
{
	if (old_expires_at_us == TB_TIME_NONE || old_expires_at_us > now_us)
		return old_expires_at_us;
	return now_us + GRACE_DAYS * TB_USEC_PER_DAY;
}

struct queued_lot {
	int64_t expires_at_us;
	size_t index;
};

static int
first_to_expire(const void *a, const void *b)
{
	const struct queued_lot *x = a, *y = b;
	int64_t end_x = x->expires_at_us == TB_TIME_NONE ? INT64_MAX : x->expires_at_us;
	int64_t end_y = y->expires_at_us == TB_TIME_NONE ? INT64_MAX : y->expires_at_us;

	if (end_x != end_y)
		return end_x < end_y ? -1 : 1;
	return x->index < y->index ? -1 : 1;
}

int
tb_rules_lots_take(
	const struct tb_lot *lots, size_t n, int64_t points, int64_t *takes, int64_t *ret_missing)
{
	_cleanup_free_ struct queued_lot *queue = calloc(n + 1, sizeof(*queue));

	if (!queue)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		queue[i] = (struct queued_lot){lots[i].expires_at_us, i};
		takes[i] = 0;
	}
	qsort(queue, n, sizeof(*queue), first_to_expire);
	for (size_t i = 0; i < n && points > 0; i++) {
		size_t k = queue[i].index;

		takes[k] = TB_MIN(points, TB_MAX(lots[k].left, 0));
		points -= takes[k];
	}
	*ret_missing = TB_MAX(points, 0);
	return 0;
}

int
tb_rules_partial_cost(int64_t cost_points, int64_t used, int64_t value, int64_t *ret)
{
	return tb_muldiv_ceil(cost_points, used, value, ret);
}
