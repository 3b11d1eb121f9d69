/* SPDX-License-Identifier: MIT */
/*
 * What goes by the wall clock and cannot be taken back (what is old is dropped) is done now and
 * then, and not while the clock is in doubt: not right after the start, and not when it was set
 * meanwhile, for it may be set back. It does nothing by itself.
 */
#pragma once

#include "base/loop.h"

struct tb_steady {
	uint64_t due_us; /* on the loop's clock; 0: nobody has asked yet */
	int64_t wall_us; /* the wall clock when that was decided */
};

/* Whether it is to be done now; asked again and again. every_us also bounds what counts as set. */
static inline bool
tb_steady_due(struct tb_steady *steady, struct tb_loop *loop, uint64_t every_us)
{
	uint64_t now_us = tb_loop_now_us(loop), begun_us = steady->due_us - every_us;
	int64_t wall_us = tb_loop_wall_us(loop), set_us;
	bool due = steady->due_us != 0;

	if (due && now_us < steady->due_us)
		return false;
	set_us = wall_us - steady->wall_us - (int64_t)(now_us - begun_us);
	due = due && set_us < (int64_t)every_us && set_us > -(int64_t)every_us;
	*steady = (struct tb_steady){.due_us = now_us + every_us, .wall_us = wall_us};
	return due;
}
