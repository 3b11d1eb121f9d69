/* SPDX-License-Identifier: MIT */
/*
 * The daemon's event loop: base/loop.h on epoll and sd-event. Parts see struct tb_loop only; what
 * stands here is for main.c and for tests that need the real clock.
 */
#pragma once

#include "base/loop.h"

int tb_event_loop_new(struct tb_loop **ret);
/* All sources must have been removed. NULL is nothing. */
void tb_event_loop_free(struct tb_loop *loop);
TB_DEFINE_CLEANUP(struct tb_loop *, tb_event_loop_free);

/* Blocks the signal for the process and calls fn on the loop instead, until the loop is freed. */
int tb_event_loop_add_signal(struct tb_loop *loop, int signal, tb_wake_fn fn, void *userdata);
/* Pings the service manager's watchdog if it asks for it. */
int tb_event_loop_watchdog(struct tb_loop *loop);

/* Runs until tb_event_loop_stop(). 0 or negative errno. */
int tb_event_loop_run(struct tb_loop *loop);
void tb_event_loop_stop(struct tb_loop *loop);
/* One turn, waiting for it at most timeout_us (TB_NEVER: for ever): 1 when something was served, 0
 * when nothing was. */
int tb_event_loop_run_once(struct tb_loop *loop, uint64_t timeout_us);
/* Ends the turn now: runs what is armed, until nothing is (or something arms itself again and
 * again). For the end of the process. */
void tb_event_loop_end_turn(struct tb_loop *loop);
