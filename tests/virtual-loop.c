/* SPDX-License-Identifier: MIT */
/* The loop on virtual time: poll(2) without waiting, a list of timers, a list of turn ends. */

#include "tests/virtual-loop.h"

#include <poll.h>
#include <stdio.h>
#include <time.h>
#include "base/list.h"

#define TURNS_MAX 100000

struct virtual_loop {
	struct tb_loop loop;
	struct tb_list sources; /* struct virtual_source.node, in the order they were added */
	unsigned n_sources;
	uint64_t now_us;
	int64_t wall_us;
	uint64_t turn;
};

struct virtual_source {
	struct tb_source source;
	struct tb_list node;
	enum { KIND_FD, KIND_TIMER, KIND_TURN_END } kind;
	tb_fd_fn fd_fn;
	tb_wake_fn wake_fn;
	void *userdata;
	int fd;
	uint32_t events, ready;
	uint64_t at_us;
	int rank;
	bool armed;
	uint64_t ran_in_turn;
};

static struct virtual_loop *
to_loop(struct tb_loop *loop)
{
	return container_of(loop, struct virtual_loop, loop);
}

static struct virtual_source *
to_source(struct tb_source *source)
{
	return container_of(source, struct virtual_source, source);
}

static uint64_t
virtual_now_us(struct tb_loop *loop)
{
	return to_loop(loop)->now_us;
}

static int64_t
virtual_wall_us(struct tb_loop *loop)
{
	return to_loop(loop)->wall_us;
}

static struct virtual_source *
add_source(struct tb_loop *loop, void *userdata, struct tb_source **ret)
{
	struct virtual_source *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->source.loop = loop;
	s->userdata = userdata;
	s->fd = -1;
	s->at_us = TB_NEVER;
	tb_list_append(&to_loop(loop)->sources, &s->node);
	to_loop(loop)->n_sources++;
	*ret = &s->source;
	return s;
}

static int
virtual_add_fd(struct tb_loop *loop, int fd, uint32_t events, tb_fd_fn fn, void *userdata,
	struct tb_source **ret)
{
	struct virtual_source *s;

	if (fd < 0)
		return -EBADF;
	s = add_source(loop, userdata, ret);
	if (!s)
		return -ENOMEM;
	s->kind = KIND_FD;
	s->fd_fn = fn;
	s->fd = fd;
	s->events = events;
	return 0;
}

static int
virtual_set_events(struct tb_source *source, uint32_t events)
{
	struct virtual_source *s = to_source(source);

	s->events = events;
	/* What was asked for no longer is not told any more; errors always are. */
	s->ready &= events | EPOLLHUP | EPOLLERR;
	return 0;
}

static int
virtual_add_timer(struct tb_loop *loop, uint64_t slack_us, tb_wake_fn fn, void *userdata,
	struct tb_source **ret)
{
	struct virtual_source *s = add_source(loop, userdata, ret);

	if (!s)
		return -ENOMEM;
	s->kind = KIND_TIMER;
	s->wake_fn = fn;
	return 0;
}

static int
virtual_set_timer(struct tb_source *source, uint64_t at_us)
{
	to_source(source)->at_us = at_us;
	return 0;
}

static int
virtual_add_turn_end(
	struct tb_loop *loop, int rank, tb_wake_fn fn, void *userdata, struct tb_source **ret)
{
	struct virtual_source *s = add_source(loop, userdata, ret);

	if (!s)
		return -ENOMEM;
	s->kind = KIND_TURN_END;
	s->wake_fn = fn;
	s->rank = rank;
	return 0;
}

static int
virtual_arm(struct tb_source *source)
{
	to_source(source)->armed = true;
	return 0;
}

static void
virtual_remove(struct tb_source *source)
{
	struct virtual_source *s;

	if (!source)
		return;
	s = to_source(source);
	tb_list_remove(&s->node);
	to_loop(source->loop)->n_sources--;
	free(s);
}

static const struct tb_loop_ops virtual_ops = {
	.now_us = virtual_now_us,
	.wall_us = virtual_wall_us,
	.add_fd = virtual_add_fd,
	.set_events = virtual_set_events,
	.add_timer = virtual_add_timer,
	.set_timer = virtual_set_timer,
	.add_turn_end = virtual_add_turn_end,
	.arm = virtual_arm,
	.remove = virtual_remove,
};

struct tb_loop *
tb_virtual_loop_new(void)
{
	struct virtual_loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NULL;
	loop->loop.ops = &virtual_ops;
	loop->now_us = TB_VIRTUAL_START_US;
	loop->wall_us = TB_VIRTUAL_WALL_US;
	tb_list_init(&loop->sources);
	return &loop->loop;
}

void
tb_virtual_loop_free(struct tb_loop *loop)
{
	struct virtual_loop *l;

	if (!loop)
		return;
	l = to_loop(loop);
	if (l->n_sources > 0)
		fprintf(stderr, "virtual loop: %u sources were not removed\n", l->n_sources);
	while (!tb_list_empty(&l->sources))
		virtual_remove(&tb_list_first(&l->sources, struct virtual_source, node)->source);
	free(l);
}

static uint32_t
from_poll(short revents)
{
	return ((revents & POLLIN) ? EPOLLIN : 0u) | ((revents & POLLOUT) ? EPOLLOUT : 0u) |
	       ((revents & POLLPRI) ? EPOLLPRI : 0u) | ((revents & POLLERR) ? EPOLLERR : 0u) |
	       ((revents & POLLHUP) ? EPOLLHUP : 0u) | ((revents & POLLRDHUP) ? EPOLLRDHUP : 0u);
}

static short
to_poll(uint32_t events)
{
	return (short)(((events & EPOLLIN) ? POLLIN : 0) | ((events & EPOLLOUT) ? POLLOUT : 0) |
		       ((events & EPOLLPRI) ? POLLPRI : 0) |
		       ((events & EPOLLRDHUP) ? POLLRDHUP : 0));
}

/* Polls every descriptor at most timeout_ms and notes in each source what is ready. */
static bool
poll_all(struct virtual_loop *loop, int timeout_ms)
{
	_cleanup_free_ struct pollfd *fds = calloc(loop->n_sources + 1, sizeof(*fds));
	struct virtual_source *s;
	nfds_t n = 0;

	if (!fds)
		abort();
	tb_list_for_each(s, &loop->sources, node) {
		if (s->kind == KIND_FD)
			fds[n++] = (struct pollfd){.fd = s->fd, .events = to_poll(s->events)};
	}
	if (poll(fds, n, timeout_ms) <= 0)
		return false;
	n = 0;
	tb_list_for_each(s, &loop->sources, node) {
		if (s->kind == KIND_FD)
			s->ready = from_poll(fds[n++].revents);
	}
	return true;
}

static struct virtual_source *
next_ready(struct virtual_loop *loop)
{
	struct virtual_source *s;

	tb_list_for_each(s, &loop->sources, node) {
		if (s->kind == KIND_FD && s->ready)
			return s;
	}
	return NULL;
}

static struct virtual_source *
next_timer(struct virtual_loop *loop)
{
	struct virtual_source *s, *best = NULL;

	tb_list_for_each(s, &loop->sources, node) {
		if (s->kind == KIND_TIMER && s->at_us != TB_NEVER &&
			(!best || s->at_us < best->at_us))
			best = s;
	}
	return best;
}

static struct virtual_source *
next_armed(struct virtual_loop *loop, int from)
{
	struct virtual_source *s, *best = NULL;

	tb_list_for_each(s, &loop->sources, node) {
		if (s->kind == KIND_TURN_END && s->armed && s->rank >= from &&
			s->ran_in_turn != loop->turn && (!best || s->rank < best->rank))
			best = s;
	}
	return best;
}

/* Callbacks may remove any source: each search begins anew, nothing is held across a call. */
bool
tb_virtual_loop_turn(struct tb_loop *loop)
{
	struct virtual_loop *l = to_loop(loop);
	struct virtual_source *s;
	bool any = poll_all(l, 0);
	int rank = INT32_MIN;

	l->turn++;
	while ((s = next_ready(l))) {
		uint32_t ready = s->ready;

		s->ready = 0;
		s->fd_fn(s->fd, ready, s->userdata);
	}
	for (unsigned i = 0; i < TURNS_MAX && (s = next_timer(l)) && s->at_us <= l->now_us; i++) {
		s->at_us = TB_NEVER;
		s->wake_fn(s->userdata);
		any = true;
	}
	while ((s = next_armed(l, rank))) {
		s->armed = false;
		s->ran_in_turn = l->turn;
		rank = s->rank;
		s->wake_fn(s->userdata);
		any = true;
	}
	return any;
}

unsigned
tb_virtual_loop_settle(struct tb_loop *loop)
{
	unsigned n = 0;

	while (n < TURNS_MAX && tb_virtual_loop_turn(loop))
		n++;
	return n;
}

void
tb_virtual_loop_advance(struct tb_loop *loop, uint64_t delta_us)
{
	struct virtual_loop *l = to_loop(loop);
	uint64_t end_us = l->now_us + delta_us;

	tb_virtual_loop_settle(loop);
	for (;;) {
		uint64_t at_us = TB_MIN(tb_virtual_loop_next_timer(loop), end_us);

		if (at_us > l->now_us) {
			l->wall_us += (int64_t)(at_us - l->now_us);
			l->now_us = at_us;
		}
		tb_virtual_loop_settle(loop);
		if (at_us >= end_us)
			return;
	}
}

uint64_t
tb_virtual_loop_next_timer(struct tb_loop *loop)
{
	struct virtual_source *s = next_timer(to_loop(loop));

	return s ? s->at_us : TB_NEVER;
}

void
tb_virtual_loop_set_wall(struct tb_loop *loop, int64_t wall_us)
{
	to_loop(loop)->wall_us = wall_us;
}

bool
tb_virtual_loop_wait(struct tb_loop *loop, int limit_ms)
{
	if (!poll_all(to_loop(loop), limit_ms))
		return false;
	tb_virtual_loop_settle(loop);
	return true;
}

static int64_t
real_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool
tb_virtual_loop_until(
	struct tb_loop *loop, bool (*done)(void *userdata), void *userdata, int limit_ms)
{
	int64_t end_ms = real_ms() + limit_ms;

	tb_virtual_loop_settle(loop);
	while (!done(userdata)) {
		int64_t left_ms = end_ms - real_ms();

		if (left_ms <= 0)
			return false;
		tb_virtual_loop_wait(loop, (int)left_ms);
	}
	return true;
}

unsigned
tb_virtual_loop_sources(struct tb_loop *loop)
{
	return to_loop(loop)->n_sources;
}
