/* SPDX-License-Identifier: MIT */
/*
 * base/loop.h on epoll and sd-event; the only file that knows sd-event. Descriptors are watched
 * here: a turn is what one epoll_wait() brings, each descriptor once, so that a client that never
 * stops writing delays nobody, and a call costs one wait and not two. sd-event stands in the same
 * epoll as one descriptor and keeps timers (which it lets coincide), signals and the watchdog.
 */

#include "bridge/loop.h"

#include <signal.h>
#include <systemd/sd-event.h>
#include <time.h>
#include "base/list.h"

/* sd-event takes 0 as a quarter of a second. */
#define EXACT_US 1
/* Rounds of tb_event_loop_end_turn(): an armed source that arms itself again is left alone. */
#define END_ROUNDS_MAX 16
/* Descriptors served in one turn; others wait for the next. */
#define BATCH_MAX 64

struct event_loop {
	struct tb_loop loop;
	sd_event *event;
	int epoll_fd;
	bool armed_event; /* sd-event is prepared: its descriptor tells when something is due */
	bool timers_changed;
	bool stopped;
	uint64_t now_us;
	int64_t wall_us;
	struct epoll_event batch[BATCH_MAX]; /* ready in this turn; data.ptr NULL once removed */
	int n_batch, next;
	struct tb_list turn_ends; /* struct event_source.node, by rank */
	unsigned armed;
	uint64_t turn;
	bool ending; /* within end_turn() */
};

struct event_source {
	struct tb_source source;
	enum { KIND_FD, KIND_TIMER, KIND_TURN_END } kind;
	sd_event_source *timer;
	int fd;
	uint32_t wanted; /* what the descriptor is watched for */
	union {
		tb_fd_fn fd_fn;
		tb_wake_fn wake_fn;
	};
	void *userdata;
	uint64_t ran_in_turn; /* of a turn end */
	struct tb_list node;
	int rank;
	bool armed;
};

static struct event_loop *
to_loop(struct tb_loop *loop)
{
	return container_of(loop, struct event_loop, loop);
}

static struct event_source *
to_source(struct tb_source *source)
{
	return container_of(source, struct event_source, source);
}

static void
read_clocks(struct event_loop *loop)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	loop->now_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	clock_gettime(CLOCK_REALTIME, &now);
	loop->wall_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static uint64_t
event_now_us(struct tb_loop *loop)
{
	return to_loop(loop)->now_us;
}

static int64_t
event_wall_us(struct tb_loop *loop)
{
	return to_loop(loop)->wall_us;
}

/* The armed one with the lowest rank of at least `from` that has not run in this turn yet. */
static struct event_source *
next_armed(struct event_loop *loop, int from)
{
	struct event_source *s;

	tb_list_for_each(s, &loop->turn_ends, node) {
		if (s->armed && s->rank >= from && s->ran_in_turn != loop->turn)
			return s;
	}
	return NULL;
}

/* One pass in the order of ranks; what is armed meanwhile at a lower rank waits for the next. */
static void
end_turn(struct event_loop *loop)
{
	struct event_source *s;
	int rank = INT32_MIN;

	if (loop->ending)
		return;
	loop->ending = true;
	loop->turn++;
	while (loop->armed > 0 && (s = next_armed(loop, rank))) {
		rank = s->rank;
		s->armed = false;
		loop->armed--;
		s->ran_in_turn = loop->turn;
		s->wake_fn(s->userdata);
	}
	loop->ending = false;
}

static int
on_timer(sd_event_source *handle, uint64_t at_us, void *userdata)
{
	struct event_source *s = userdata;

	read_clocks(to_loop(s->source.loop));
	s->wake_fn(s->userdata);
	return 0;
}

static struct event_source *
new_source(struct tb_loop *loop, void *userdata)
{
	struct event_source *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->source.loop = loop;
	s->userdata = userdata;
	s->fd = -1;
	s->ran_in_turn = UINT64_MAX;
	tb_list_init(&s->node);
	return s;
}

static int
event_add_fd(struct tb_loop *loop, int fd, uint32_t events, tb_fd_fn fn, void *userdata,
	struct tb_source **ret)
{
	_cleanup_free_ struct event_source *s = new_source(loop, userdata);
	struct epoll_event wanted = {.events = events, .data.ptr = s};

	if (!s)
		return -ENOMEM;
	s->kind = KIND_FD;
	s->fd_fn = fn;
	s->fd = fd;
	s->wanted = events;
	if (epoll_ctl(to_loop(loop)->epoll_fd, EPOLL_CTL_ADD, fd, &wanted) < 0)
		return -errno;
	*ret = &TAKE_PTR(s)->source;
	return 0;
}

static int
event_set_events(struct tb_source *source, uint32_t events)
{
	struct event_source *s = to_source(source);
	struct epoll_event wanted = {.events = events, .data.ptr = s};

	if (events == s->wanted)
		return 0;
	if (epoll_ctl(to_loop(source->loop)->epoll_fd, EPOLL_CTL_MOD, s->fd, &wanted) < 0)
		return -errno;
	s->wanted = events;
	return 0;
}

static int
event_add_timer(struct tb_loop *loop, uint64_t slack_us, tb_wake_fn fn, void *userdata,
	struct tb_source **ret)
{
	_cleanup_free_ struct event_source *s = new_source(loop, userdata);
	int r;

	if (!s)
		return -ENOMEM;
	s->kind = KIND_TIMER;
	s->wake_fn = fn;
	r = sd_event_add_time(to_loop(loop)->event, &s->timer, CLOCK_MONOTONIC, UINT64_MAX,
		TB_MAX(slack_us, (uint64_t)EXACT_US), on_timer, s);
	if (r < 0)
		return r;
	r = sd_event_source_set_enabled(s->timer, SD_EVENT_OFF);
	if (r < 0) {
		sd_event_source_disable_unref(s->timer);
		return r;
	}
	*ret = &TAKE_PTR(s)->source;
	return 0;
}

static int
event_set_timer(struct tb_source *source, uint64_t at_us)
{
	sd_event_source *timer = to_source(source)->timer;
	int r;

	/* One that goes off in vain is cheaper than arming the clock anew. */
	if (at_us == TB_NEVER)
		return sd_event_source_set_enabled(timer, SD_EVENT_OFF);
	to_loop(source->loop)->timers_changed = true;
	r = sd_event_source_set_time(timer, at_us);
	if (r < 0)
		return r;
	return sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

static int
event_add_turn_end(
	struct tb_loop *loop, int rank, tb_wake_fn fn, void *userdata, struct tb_source **ret)
{
	struct event_loop *l = to_loop(loop);
	struct event_source *s = new_source(loop, userdata), *other;
	struct tb_list *before = &l->turn_ends;

	if (!s)
		return -ENOMEM;
	s->kind = KIND_TURN_END;
	s->wake_fn = fn;
	s->rank = rank;
	tb_list_for_each(other, &l->turn_ends, node) {
		if (other->rank > rank) {
			before = &other->node;
			break;
		}
	}
	tb_list_insert(before, &s->node);
	*ret = &s->source;
	return 0;
}

static int
event_arm(struct tb_source *source)
{
	struct event_source *s = to_source(source);

	if (!s->armed)
		to_loop(source->loop)->armed++;
	s->armed = true;
	return 0;
}

static void
event_remove(struct tb_source *source)
{
	struct event_source *s;
	struct event_loop *loop;

	if (!source)
		return;
	s = to_source(source);
	loop = to_loop(source->loop);
	if (s->armed)
		loop->armed--;
	tb_list_remove(&s->node);
	if (s->kind == KIND_FD) {
		(void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
		/* It may be among those that are still to be served in this turn. */
		for (int i = loop->next; i < loop->n_batch; i++)
			if (loop->batch[i].data.ptr == s)
				loop->batch[i].data.ptr = NULL;
	}
	sd_event_source_disable_unref(s->timer);
	free(s);
}

static const struct tb_loop_ops event_ops = {
	.now_us = event_now_us,
	.wall_us = event_wall_us,
	.add_fd = event_add_fd,
	.set_events = event_set_events,
	.add_timer = event_add_timer,
	.set_timer = event_set_timer,
	.add_turn_end = event_add_turn_end,
	.arm = event_arm,
	.remove = event_remove,
};

int
tb_event_loop_new(struct tb_loop **ret)
{
	struct event_loop *loop = calloc(1, sizeof(*loop));
	struct epoll_event wanted = {.events = EPOLLIN};
	int r;

	if (!loop)
		return -ENOMEM;
	loop->loop.ops = &event_ops;
	wanted.data.ptr = loop;
	tb_list_init(&loop->turn_ends);
	read_clocks(loop);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r = loop->epoll_fd < 0 ? -errno : sd_event_new(&loop->event);
	if (r >= 0 &&
		epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, sd_event_get_fd(loop->event), &wanted) < 0)
		r = -errno;
	if (r < 0) {
		tb_event_loop_free(&loop->loop);
		return r;
	}
	*ret = &loop->loop;
	return 0;
}

void
tb_event_loop_free(struct tb_loop *loop)
{
	struct event_loop *l;

	if (!loop)
		return;
	l = to_loop(loop);
	sd_event_unref(l->event);
	if (l->epoll_fd >= 0)
		close(l->epoll_fd);
	free(l);
}

/* What a signal calls; lives as long as the loop. */
struct signal_watch {
	tb_wake_fn fn;
	void *userdata;
};

static int
on_signal(sd_event_source *handle, const struct signalfd_siginfo *info, void *userdata)
{
	struct signal_watch *watch = userdata;

	watch->fn(watch->userdata);
	return 0;
}

int
tb_event_loop_add_signal(struct tb_loop *loop, int signal, tb_wake_fn fn, void *userdata)
{
	struct signal_watch *watch = calloc(1, sizeof(*watch));
	sd_event_source *handle;
	sigset_t set;
	int r;

	if (!watch)
		return -ENOMEM;
	*watch = (struct signal_watch){.fn = fn, .userdata = userdata};
	sigemptyset(&set);
	sigaddset(&set, signal);
	r = sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -errno : 0;
	if (r >= 0)
		r = sd_event_add_signal(to_loop(loop)->event, &handle, signal, on_signal, watch);
	if (r < 0) {
		free(watch);
		return r;
	}
	sd_event_source_set_destroy_callback(handle, free);
	r = sd_event_source_set_floating(handle, true);
	sd_event_source_unref(handle);
	return r < 0 ? r : 0;
}

int
tb_event_loop_watchdog(struct tb_loop *loop)
{
	int r = sd_event_set_watchdog(to_loop(loop)->event, true);

	return r < 0 ? r : 0;
}

/* Runs what is due of sd-event's, and leaves it prepared: from then on its descriptor tells. */
static int
run_event(struct event_loop *loop)
{
	for (;;) {
		int r = loop->armed_event ? sd_event_wait(loop->event, 0) : 0;

		loop->armed_event = false;
		if (r == 0)
			r = sd_event_prepare(loop->event);
		if (r == 0) {
			loop->armed_event = true;
			loop->timers_changed = false;
			return 0;
		}
		if (r > 0)
			r = sd_event_dispatch(loop->event);
		if (r < 0)
			return r;
	}
}

static void
serve(struct event_loop *loop, bool *ret_event)
{
	for (loop->next = 0; loop->next < loop->n_batch;) {
		struct epoll_event *ready = &loop->batch[loop->next++];
		struct event_source *s = ready->data.ptr;
		uint32_t events;

		if ((void *)loop == (void *)s)
			*ret_event = true;
		if (!s || (void *)loop == (void *)s)
			continue;
		/* What is not asked for any more since then is not told. */
		events = ready->events & (s->wanted | EPOLLHUP | EPOLLERR);
		if (events)
			s->fd_fn(s->fd, events, s->userdata);
	}
	loop->n_batch = loop->next = 0;
}

/* One turn. 1 when something was served, 0 when nothing was ready in that time. */
static int
turn(struct event_loop *loop, int timeout_ms)
{
	bool event = loop->timers_changed || !loop->armed_event;
	int n, r = 0;

	if (event) {
		r = run_event(loop);
		if (r < 0)
			return r;
		event = false;
	}
	n = epoll_wait(loop->epoll_fd, loop->batch, BATCH_MAX,
		loop->armed > 0 || loop->stopped ? 0 : timeout_ms);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	loop->n_batch = n;
	read_clocks(loop);
	serve(loop, &event);
	if (event)
		r = run_event(loop);
	if (loop->armed > 0) {
		end_turn(loop);
		n = 1;
	}
	return r < 0 ? r : n > 0;
}

int
tb_event_loop_run(struct tb_loop *loop)
{
	struct event_loop *l = to_loop(loop);
	int r = 0;

	while (!l->stopped && r >= 0)
		r = turn(l, -1);
	return r < 0 ? r : 0;
}

void
tb_event_loop_stop(struct tb_loop *loop)
{
	to_loop(loop)->stopped = true;
}

int
tb_event_loop_run_once(struct tb_loop *loop, uint64_t timeout_us)
{
	uint64_t timeout_ms = timeout_us / 1000 + (timeout_us % 1000 > 0);

	return turn(to_loop(loop), timeout_ms > INT32_MAX ? -1 : (int)timeout_ms);
}

void
tb_event_loop_end_turn(struct tb_loop *loop)
{
	struct event_loop *l = to_loop(loop);

	for (int i = 0; i < END_ROUNDS_MAX && l->armed > 0; i++)
		end_turn(l);
}
