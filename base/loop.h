/* SPDX-License-Identifier: MIT */
/*
 * The event loop as every room sees it: descriptors, deadlines and the end of a turn. This is a
 * contract, not a loop: the daemon's is bridge/loop.c (sd-event), the tests' runs on virtual time.
 * Nothing here blocks, and every callback runs on the loop's own thread.
 */
#pragma once

#include <sys/epoll.h>
#include "base/macros.h"

struct tb_loop;
struct tb_source; /* one thing that is watched; owned by who added it */

/* events: EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR as epoll reports them. Level triggered: whoever is
 * told of a hang-up removes the source, or it is told again at once. */
typedef void (*tb_fd_fn)(int fd, uint32_t events, void *userdata);
typedef void (*tb_wake_fn)(void *userdata);

#define TB_NEVER UINT64_MAX

struct tb_loop_ops {
	/* Microseconds of a clock that never jumps, and since 1970 UTC. Both as of this turn. */
	uint64_t (*now_us)(struct tb_loop *loop);
	int64_t (*wall_us)(struct tb_loop *loop);
	/* Watches fd (not owned) until removed. 0 or negative errno. */
	int (*add_fd)(struct tb_loop *loop, int fd, uint32_t events, tb_fd_fn fn, void *userdata,
		struct tb_source **ret);
	int (*set_events)(struct tb_source *source, uint32_t events);
	/* A one-shot timer, off (TB_NEVER) at first; may be set again at any time, also from fn. It
	 * fires within slack_us after its time. */
	int (*add_timer)(struct tb_loop *loop, uint64_t slack_us, tb_wake_fn fn, void *userdata,
		struct tb_source **ret);
	int (*set_timer)(struct tb_source *source, uint64_t at_us);
	/* Runs fn once, when all descriptors that are ready now have been served, each time it was
	 * armed. Several run in the order of their rank, low first. */
	int (*add_turn_end)(struct tb_loop *loop, int rank, tb_wake_fn fn, void *userdata,
		struct tb_source **ret);
	int (*arm)(struct tb_source *source);
	/* NULL is nothing. Safe from any callback, the source's own too. */
	void (*remove)(struct tb_source *source);
};

/* The first member of every implementation. */
struct tb_loop {
	const struct tb_loop_ops *ops;
};

struct tb_source {
	struct tb_loop *loop;
};

static inline uint64_t
tb_loop_now_us(struct tb_loop *loop)
{
	return loop->ops->now_us(loop);
}

static inline int64_t
tb_loop_wall_us(struct tb_loop *loop)
{
	return loop->ops->wall_us(loop);
}

static inline int
tb_loop_add_fd(struct tb_loop *loop, int fd, uint32_t events, tb_fd_fn fn, void *userdata,
	struct tb_source **ret)
{
	return loop->ops->add_fd(loop, fd, events, fn, userdata, ret);
}

static inline int
tb_loop_add_timer(struct tb_loop *loop, uint64_t slack_us, tb_wake_fn fn, void *userdata,
	struct tb_source **ret)
{
	return loop->ops->add_timer(loop, slack_us, fn, userdata, ret);
}

static inline int
tb_loop_add_turn_end(
	struct tb_loop *loop, int rank, tb_wake_fn fn, void *userdata, struct tb_source **ret)
{
	return loop->ops->add_turn_end(loop, rank, fn, userdata, ret);
}

static inline int
tb_source_set_events(struct tb_source *source, uint32_t events)
{
	return source->loop->ops->set_events(source, events);
}

/* at_us on the clock of tb_loop_now_us(); TB_NEVER turns it off. */
static inline int
tb_source_set_timer(struct tb_source *source, uint64_t at_us)
{
	return source->loop->ops->set_timer(source, at_us);
}

static inline int
tb_source_set_timer_in(struct tb_source *source, uint64_t delay_us)
{
	return tb_source_set_timer(source, tb_loop_now_us(source->loop) + delay_us);
}

static inline int
tb_source_arm(struct tb_source *source)
{
	return source->loop->ops->arm(source);
}

static inline void
tb_source_removep(struct tb_source **source)
{
	if (*source)
		(*source)->loop->ops->remove(*source);
	*source = NULL;
}

/* Removes the source and forgets the pointer. */
#define tb_source_remove(pointer_to_source) tb_source_removep(pointer_to_source)
