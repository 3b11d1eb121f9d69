/* SPDX-License-Identifier: MIT */
/*
 * The driver of HID POS scanners on virtual time, behind a node that is a pipe and tells no
 * descriptor: when the parts of a code are one code. What the reports hold is the codec's test.
 */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"
#include "hw/driver.h"
#include "tests/virtual-loop.h"

#define MS UINT64_C(1000)

struct bench {
	struct tb_loop *loop;
	struct tb_device_host host;
	struct tb_device *device;
	const struct tb_driver *driver;
	struct tb_buf told; /* codes, !reasons and *states, each ended by | */
	char folder[32], address[64];
	int fd;
	const char *late; /* data of a report that comes in its own time */
};

static void
on_event(const struct tb_device_host *host, const struct tb_event *event)
{
	struct bench *bench = host->userdata;

	if (event->kind == TB_EVENT_SCAN)
		tb_buf_add_str(&bench->told, event->scan->code);
	else if (event->kind == TB_EVENT_DROPPED)
		tb_buf_addf(&bench->told, "!%s", event->reason);
	else
		tb_buf_addf(&bench->told, "*%s", tb_device_state_word(event->state));
	tb_buf_add_byte(&bench->told, '|');
}

static int
set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct tb_device_config config = {.name = "counter", .address = bench->address};
	char *why = NULL;

	strcpy(bench->folder, "/tmp/tb-hidraw-XXXXXX");
	assert_non_null(mkdtemp(bench->folder));
	snprintf(bench->address, sizeof(bench->address), "hidraw:%s/node", bench->folder);
	assert_int_equal(mkfifo(bench->address + strlen("hidraw:"), 0600), 0);
	bench->fd = open(bench->address + strlen("hidraw:"), O_RDWR | O_NONBLOCK | O_CLOEXEC);
	bench->loop = tb_virtual_loop_new();
	bench->host = (struct tb_device_host){
		.loop = bench->loop, .emit = on_event, .userdata = bench};
	bench->driver = tb_driver_find("scanner-hid");
	if (bench->driver->open(&config, &bench->host, &bench->device, &why) < 0)
		fail_msg("%s", why);
	tb_virtual_loop_settle(bench->loop);
	*state = bench;
	return 0;
}

static int
tear_down(void **state)
{
	struct bench *bench = *state;

	bench->driver->close(bench->device);
	assert_int_equal(tb_virtual_loop_sources(bench->loop), 0);
	tb_virtual_loop_free(bench->loop);
	tb_buf_done(&bench->told);
	close(bench->fd);
	unlink(bench->address + strlen("hidraw:"));
	rmdir(bench->folder);
	free(bench);
	return 0;
}

static void
assert_told(struct bench *bench, const char *text)
{
	assert_string_equal(bench->told.len > 0 ? bench->told.data : "", text);
	tb_buf_reset(&bench->told);
}

/* A report of layout A. */
static void
put_report(struct bench *bench, const char *data, bool more)
{
	uint8_t report[64] = {2, (uint8_t)strlen(data), ']', 'Q', '1'};

	memcpy(report + 5, data, strlen(data));
	report[63] = more;
	assert_int_equal(write(bench->fd, report, sizeof(report)), sizeof(report));
}

static void
put_late(void *userdata)
{
	struct bench *bench = userdata;

	put_report(bench, bench->late, false);
}

static void
parts_are_joined_and_late_ones_are_not(void **state)
{
	struct bench *bench = *state;

	assert_told(bench, "*ready|");
	put_report(bench, "AB", true);
	tb_virtual_loop_advance(bench->loop, 499 * MS);
	put_report(bench, "CD", false);
	tb_virtual_loop_settle(bench->loop);
	assert_told(bench, "ABCD|");
	put_report(bench, "EF", true);
	tb_virtual_loop_advance(bench->loop, 502 * MS);
	assert_told(bench, "!continuation_missing|");
	put_report(bench, "whole", false);
	tb_virtual_loop_settle(bench->loop);
	assert_told(bench, "whole|");
}

/* The loop was busy for longer than a continuation may take, and it waited in the kernel. */
static void
a_busy_moment_is_not_late(void **state)
{
	struct bench *bench = *state;
	struct tb_source *late = NULL;

	assert_told(bench, "*ready|");
	put_report(bench, "AB", true);
	tb_virtual_loop_settle(bench->loop);
	bench->late = "CD";
	assert_int_equal(tb_loop_add_timer(bench->loop, 0, put_late, bench, &late), 0);
	/* a moment before the driver's own timer, in the same turn */
	tb_source_set_timer_in(late, 500 * MS);
	tb_virtual_loop_advance(bench->loop, 600 * MS);
	assert_told(bench, "ABCD|");
	tb_source_remove(&late);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(parts_are_joined_and_late_ones_are_not),
		T(a_busy_moment_is_not_late),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("scanner-hid", tests, NULL, NULL);
}
