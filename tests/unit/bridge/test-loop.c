/* SPDX-License-Identifier: MIT */
/* Both loops keep the promises of base/loop.h: the same tests, on sd-event and on virtual time. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "bridge/loop.h"
#include "tests/virtual-loop.h"

#define TRACE_MAX 64

struct world {
	struct tb_loop *loop;
	bool real;
	int a[2], b[2];
	struct tb_source *fd_a, *fd_b, *timer, *low, *middle, *high;
	char trace[TRACE_MAX];
	size_t n;
	unsigned again; /* how often `low` arms itself */
};

static void
note(struct world *w, char what)
{
	assert_true(w->n + 1 < TRACE_MAX);
	w->trace[w->n++] = what;
	w->trace[w->n] = '\0';
}

static void
settle(struct world *w)
{
	if (w->real)
		while (tb_event_loop_run_once(w->loop, 0) > 0)
			;
	else
		tb_virtual_loop_settle(w->loop);
}

static void
on_a(int fd, uint32_t events, void *userdata)
{
	struct world *w = userdata;
	char byte;

	note(w, 'a');
	assert_int_equal(read(fd, &byte, 1), 1);
	tb_source_arm(w->high);
	tb_source_arm(w->low);
	tb_source_arm(w->low);
}

static void
on_b(int fd, uint32_t events, void *userdata)
{
	struct world *w = userdata;
	char byte;

	note(w, 'b');
	assert_int_equal(read(fd, &byte, 1), 1);
	tb_source_arm(w->low);
}

static void
on_low(void *userdata)
{
	struct world *w = userdata;

	note(w, '1');
	tb_source_arm(w->middle);
	if (w->again > 0) {
		w->again--;
		tb_source_arm(w->low);
	}
}

static void
on_middle(void *userdata)
{
	note(userdata, '2');
}

static void
on_high(void *userdata)
{
	note(userdata, '3');
}

static void
on_timer(void *userdata)
{
	note(userdata, 't');
}

static int
setup(void **state, bool real)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->real = real;
	if (real)
		assert_int_equal(tb_event_loop_new(&w->loop), 0);
	else
		w->loop = tb_virtual_loop_new();
	assert_non_null(w->loop);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, w->a), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, w->b), 0);
	assert_int_equal(tb_loop_add_fd(w->loop, w->a[0], EPOLLIN, on_a, w, &w->fd_a), 0);
	assert_int_equal(tb_loop_add_fd(w->loop, w->b[0], EPOLLIN, on_b, w, &w->fd_b), 0);
	assert_int_equal(tb_loop_add_timer(w->loop, 0, on_timer, w, &w->timer), 0);
	assert_int_equal(tb_loop_add_turn_end(w->loop, 20, on_high, w, &w->high), 0);
	assert_int_equal(tb_loop_add_turn_end(w->loop, 0, on_low, w, &w->low), 0);
	assert_int_equal(tb_loop_add_turn_end(w->loop, 10, on_middle, w, &w->middle), 0);
	*state = w;
	return 0;
}

static int
setup_real(void **state)
{
	return setup(state, true);
}

static int
setup_virtual(void **state)
{
	return setup(state, false);
}

static int
teardown(void **state)
{
	struct world *w = *state;

	tb_source_remove(&w->fd_a);
	tb_source_remove(&w->fd_b);
	tb_source_remove(&w->timer);
	tb_source_remove(&w->low);
	tb_source_remove(&w->middle);
	tb_source_remove(&w->high);
	if (w->real)
		tb_event_loop_free(w->loop);
	else
		tb_virtual_loop_free(w->loop);
	for (int i = 0; i < 2; i++) {
		close(w->a[i]);
		close(w->b[i]);
	}
	free(w);
	return 0;
}

static void
turn_ends_run_by_rank(void **state)
{
	struct world *w = *state;

	assert_int_equal(write(w->a[1], "x", 1), 1);
	assert_int_equal(write(w->b[1], "x", 1), 1);
	settle(w);
	/* Both descriptors first, in any order; each rank once, the one armed meanwhile too. */
	assert_true(strcmp(w->trace, "ab123") == 0 || strcmp(w->trace, "ba123") == 0);
}

static void
a_busy_descriptor_does_not_hold_the_turn(void **state)
{
	struct world *w = *state;

	assert_int_equal(write(w->a[1], "xxxx", 4), 4);
	settle(w);
	assert_string_equal(w->trace, "a123a123a123a123");
}

static void
a_turn_end_that_arms_itself_waits_for_the_next(void **state)
{
	struct world *w = *state;

	w->again = 2;
	assert_int_equal(write(w->b[1], "x", 1), 1);
	settle(w);
	assert_string_equal(w->trace, "b121212");
}

static void
remove_all(int fd, uint32_t events, void *userdata)
{
	struct world *w = userdata;

	note(w, 'r');
	tb_source_remove(&w->fd_a);
	tb_source_remove(&w->fd_b);
	tb_source_remove(&w->low);
}

static void
any_source_may_go_within_a_callback(void **state)
{
	struct world *w = *state;

	tb_source_remove(&w->fd_a);
	tb_source_remove(&w->fd_b);
	assert_int_equal(tb_loop_add_fd(w->loop, w->a[0], EPOLLIN, remove_all, w, &w->fd_a), 0);
	assert_int_equal(tb_loop_add_fd(w->loop, w->b[0], EPOLLIN, remove_all, w, &w->fd_b), 0);
	assert_int_equal(write(w->a[1], "x", 1), 1);
	assert_int_equal(write(w->b[1], "x", 1), 1);
	tb_source_arm(w->low);
	settle(w);
	assert_string_equal(w->trace, "r");
}

static void
unwanted_events_are_not_told(void **state)
{
	struct world *w = *state;

	assert_int_equal(tb_source_set_events(w->fd_a, 0), 0);
	assert_int_equal(write(w->a[1], "x", 1), 1);
	settle(w);
	assert_string_equal(w->trace, "");
	assert_int_equal(tb_source_set_events(w->fd_a, EPOLLIN), 0);
	settle(w);
	assert_string_equal(w->trace, "a123");
}

static void
real_timer_is_punctual(void **state)
{
	struct world *w = *state;
	uint64_t start_us = tb_loop_now_us(w->loop);

	assert_int_equal(tb_source_set_timer(w->timer, TB_NEVER), 0);
	settle(w);
	assert_string_equal(w->trace, "");
	assert_int_equal(tb_source_set_timer_in(w->timer, 20000), 0);
	while (w->n == 0)
		assert_true(tb_event_loop_run_once(w->loop, 5000000) >= 0);
	assert_true(tb_loop_now_us(w->loop) >= start_us + 20000);
	/* A quarter of a second is what 0 would have meant. */
	assert_true(tb_loop_now_us(w->loop) < start_us + 150000);
}

static void
virtual_timer_is_exact(void **state)
{
	struct world *w = *state;
	int64_t wall_us = tb_loop_wall_us(w->loop);

	assert_int_equal(tb_source_set_timer_in(w->timer, 20000), 0);
	tb_virtual_loop_advance(w->loop, 19999);
	assert_string_equal(w->trace, "");
	tb_virtual_loop_advance(w->loop, 1);
	assert_string_equal(w->trace, "t");
	tb_virtual_loop_advance(w->loop, 1000000);
	assert_string_equal(w->trace, "t");
	assert_int_equal(tb_loop_wall_us(w->loop) - wall_us, 1020000);
	assert_true(tb_virtual_loop_next_timer(w->loop) == TB_NEVER);
}

static void
stop(void *userdata)
{
	struct world *w = userdata;

	note(w, 's');
	tb_event_loop_stop(w->loop);
}

static void
signal_ends_the_loop(void **state)
{
	struct world *w = *state;

	assert_int_equal(tb_event_loop_add_signal(w->loop, SIGTERM, stop, w), 0);
	assert_int_equal(kill(getpid(), SIGTERM), 0);
	assert_int_equal(tb_event_loop_run(w->loop), 0);
	assert_string_equal(w->trace, "s");
	tb_source_arm(w->low);
	tb_event_loop_end_turn(w->loop);
	assert_string_equal(w->trace, "s12");
}

#define BOTH(f) \
	{"sd-event: " #f, f, setup_real, teardown, NULL}, \
	{ \
		"virtual: " #f, f, setup_virtual, teardown, NULL \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(turn_ends_run_by_rank),
		BOTH(a_busy_descriptor_does_not_hold_the_turn),
		BOTH(a_turn_end_that_arms_itself_waits_for_the_next),
		BOTH(any_source_may_go_within_a_callback),
		BOTH(unwanted_events_are_not_told),
		cmocka_unit_test_setup_teardown(real_timer_is_punctual, setup_real, teardown),
		cmocka_unit_test_setup_teardown(virtual_timer_is_exact, setup_virtual, teardown),
		cmocka_unit_test_setup_teardown(signal_ends_the_loop, setup_real, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
