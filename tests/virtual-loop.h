/* SPDX-License-Identifier: MIT */
/*
 * A tb_loop whose clock stands still until a test moves it. Descriptors are real and are polled;
 * timers fire in order, at exactly their time, while the clock is moved over them. Nothing sleeps.
 */
#pragma once

#include "base/loop.h"

/* The clock begins here, so that "0" is never a time, and the wall on a working day. */
#define TB_VIRTUAL_START_US UINT64_C(1000000000)
#define TB_VIRTUAL_WALL_US INT64_C(1746525600000000) /* 2025-05-06T10:00:00Z */

struct tb_loop *tb_virtual_loop_new(void);
/* Complains on standard error about sources that were not removed, and frees them. */
void tb_virtual_loop_free(struct tb_loop *loop);

/*
 * One turn: serves each descriptor that is ready now once, then the timers that are due, then what
 * was armed for the turn's end by rank. The clock stays. Returns whether anything was called.
 */
bool tb_virtual_loop_turn(struct tb_loop *loop);

/* Turns until nothing is ready; returns how many did something. Ends after 100 000. */
unsigned tb_virtual_loop_settle(struct tb_loop *loop);

/* Settles, then moves both clocks on by delta_us, stopping at each timer on the way and settling.
 */
void tb_virtual_loop_advance(struct tb_loop *loop, uint64_t delta_us);

/* The earliest timer, TB_NEVER when none is set. */
uint64_t tb_virtual_loop_next_timer(struct tb_loop *loop);

/* Moves the wall clock alone: clocks jump. */
void tb_virtual_loop_set_wall(struct tb_loop *loop, int64_t wall_us);

/*
 * Waits in real time, at most limit_ms, until a descriptor is ready (a pseudo-terminal, another
 * process), then settles. False when none became ready.
 */
bool tb_virtual_loop_wait(struct tb_loop *loop, int limit_ms);

/*
 * Settles and waits for descriptors, the clock standing, until done() is true; false after limit_ms
 * of real time in which it was not.
 */
bool tb_virtual_loop_until(
	struct tb_loop *loop, bool (*done)(void *userdata), void *userdata, int limit_ms);

/* How many sources (descriptors, timers, turn ends) stand in the loop now. */
unsigned tb_virtual_loop_sources(struct tb_loop *loop);
