/* SPDX-License-Identifier: MIT */
/*
 * base/loop.h on sd-event; the only file that knows sd-event. A turn ends when no descriptor is
 * ready any more, or when one would be served a second time: a client that never stops writing
 * delays the answers of the others by one round at most.
 */

#include "bridge/loop.h"

#include <signal.h>
#include <systemd/sd-event.h>
#include "base/list.h"

/* sd-event takes 0 as a quarter of a second. */
#define EXACT_US 1
/* Rounds of tb_event_loop_end_turn(): an armed source that arms itself again is left alone. */
#define END_ROUNDS_MAX 16

struct event_loop {
	struct tb_loop loop;
	sd_event *event;
	struct tb_list turn_ends;  /* struct event_source.node, by rank */
	sd_event_source *turn_end; /* on while any of them is armed */
	unsigned armed;
	uint64_t turn;
	bool ending; /* within end_turn() */
};

struct event_source {
	struct tb_source source;
	sd_event_source *handle; /* NULL for a turn end */
	enum { KIND_FD, KIND_TIMER, KIND_TURN_END } kind;
	union {
		tb_fd_fn fd_fn;
		tb_wake_fn wake_fn;
	};
	void *userdata;
	uint32_t wanted;         /* what a descriptor is watched for */
	uint64_t served_in_turn; /* descriptor or turn end: the turn it was last called in */
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

static uint64_t
event_now_us(struct tb_loop *loop)
{
	uint64_t now_us = 0;

	sd_event_now(to_loop(loop)->event, CLOCK_MONOTONIC, &now_us);
	return now_us;
}

static int64_t
event_wall_us(struct tb_loop *loop)
{
	uint64_t now_us = 0;

	sd_event_now(to_loop(loop)->event, CLOCK_REALTIME, &now_us);
	return (int64_t)now_us;
}

/* The armed one with the lowest rank of at least `from` that has not run in this turn yet. */
static struct event_source *
next_armed(struct event_loop *loop, int from)
{
	struct event_source *s;

	tb_list_for_each(s, &loop->turn_ends, node) {
		if (s->armed && s->rank >= from && s->served_in_turn != loop->turn)
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
		s->served_in_turn = loop->turn;
		s->wake_fn(s->userdata);
	}
	loop->ending = false;
	sd_event_source_set_enabled(
		loop->turn_end, loop->armed > 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static int
on_turn_end(sd_event_source *handle, void *userdata)
{
	end_turn(userdata);
	return 0;
}

static int
on_fd(sd_event_source *handle, int fd, uint32_t events, void *userdata)
{
	struct event_source *s = userdata;
	struct event_loop *loop = to_loop(s->source.loop);

	if (loop->armed > 0 && s->served_in_turn == loop->turn) {
		sd_event_source_ref(handle);
		end_turn(loop);
		/* The end of the turn may have removed this very source. */
		s = sd_event_source_get_userdata(handle);
		sd_event_source_unref(handle);
		if (!s)
			return 0;
		events &= s->wanted | EPOLLHUP | EPOLLERR;
		if (events == 0)
			return 0;
	}
	s->served_in_turn = loop->turn;
	s->fd_fn(fd, events, s->userdata);
	return 0;
}

static int
on_timer(sd_event_source *handle, uint64_t at_us, void *userdata)
{
	struct event_source *s = userdata;

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
	s->served_in_turn = UINT64_MAX;
	tb_list_init(&s->node);
	return s;
}

static int
event_add_fd(struct tb_loop *loop, int fd, uint32_t events, tb_fd_fn fn, void *userdata,
	struct tb_source **ret)
{
	_cleanup_free_ struct event_source *s = new_source(loop, userdata);
	int r;

	if (!s)
		return -ENOMEM;
	s->kind = KIND_FD;
	s->fd_fn = fn;
	s->wanted = events;
	r = sd_event_add_io(to_loop(loop)->event, &s->handle, fd, events, on_fd, s);
	if (r < 0)
		return r;
	*ret = &TAKE_PTR(s)->source;
	return 0;
}

static int
event_set_events(struct tb_source *source, uint32_t events)
{
	int r = sd_event_source_set_io_events(to_source(source)->handle, events);

	to_source(source)->wanted = events;
	return r < 0 ? r : 0;
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
	r = sd_event_add_time(to_loop(loop)->event, &s->handle, CLOCK_MONOTONIC, UINT64_MAX,
		TB_MAX(slack_us, (uint64_t)EXACT_US), on_timer, s);
	if (r < 0)
		return r;
	r = sd_event_source_set_enabled(s->handle, SD_EVENT_OFF);
	if (r < 0) {
		sd_event_source_disable_unref(s->handle);
		return r;
	}
	*ret = &TAKE_PTR(s)->source;
	return 0;
}

static int
event_set_timer(struct tb_source *source, uint64_t at_us)
{
	sd_event_source *handle = to_source(source)->handle;
	int r;

	if (at_us == TB_NEVER)
		return sd_event_source_set_enabled(handle, SD_EVENT_OFF);
	r = sd_event_source_set_time(handle, at_us);
	if (r < 0)
		return r;
	return sd_event_source_set_enabled(handle, SD_EVENT_ONESHOT);
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
	struct event_loop *loop = to_loop(source->loop);

	if (s->armed)
		return 0;
	s->armed = true;
	if (loop->armed++ > 0 || loop->ending)
		return 0;
	/* a loop that has ended takes no more orders: tb_event_loop_end_turn() runs what is armed */
	if (sd_event_get_state(loop->event) == SD_EVENT_FINISHED)
		return 0;
	return sd_event_source_set_enabled(loop->turn_end, SD_EVENT_ONESHOT);
}

static void
event_remove(struct tb_source *source)
{
	struct event_source *s;

	if (!source)
		return;
	s = to_source(source);
	if (s->armed)
		to_loop(source->loop)->armed--;
	tb_list_remove(&s->node);
	if (s->handle) {
		sd_event_source_set_userdata(s->handle, NULL);
		sd_event_source_disable_unref(s->handle);
	}
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
	int r;

	if (!loop)
		return -ENOMEM;
	loop->loop.ops = &event_ops;
	tb_list_init(&loop->turn_ends);
	r = sd_event_new(&loop->event);
	if (r >= 0)
		r = sd_event_add_defer(loop->event, &loop->turn_end, on_turn_end, loop);
	if (r >= 0)
		r = sd_event_source_set_priority(loop->turn_end, SD_EVENT_PRIORITY_IDLE);
	if (r >= 0)
		r = sd_event_source_set_enabled(loop->turn_end, SD_EVENT_OFF);
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
	sd_event_source_disable_unref(l->turn_end);
	sd_event_unref(l->event);
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

int
tb_event_loop_run(struct tb_loop *loop)
{
	int r = sd_event_loop(to_loop(loop)->event);

	return r < 0 ? r : 0;
}

void
tb_event_loop_stop(struct tb_loop *loop)
{
	sd_event_exit(to_loop(loop)->event, 0);
}

int
tb_event_loop_run_once(struct tb_loop *loop, uint64_t timeout_us)
{
	int r = sd_event_run(to_loop(loop)->event, timeout_us);

	return r < 0 ? r : r > 0;
}

void
tb_event_loop_end_turn(struct tb_loop *loop)
{
	struct event_loop *l = to_loop(loop);

	for (int i = 0; i < END_ROUNDS_MAX && l->armed > 0; i++)
		end_turn(l);
}
