/* SPDX-License-Identifier: MIT */
/* The driver over pseudo-terminals: what is read, what is dropped, and what a hang-up leaves. */

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "base/buf.h"
#include "hw/driver.h"
#include "tests/virtual-loop.h"

#define MS UINT64_C(1000)

struct bench {
	struct tb_loop *loop;
	struct tb_device_host host;
	const struct tb_driver *driver;
	struct tb_device *device;
	int master;
	char *slave;
	struct tb_buf told; /* codes, !reasons and states, each ended by | */
	size_t raw_len;
};

static void
on_event(const struct tb_device_host *host, const struct tb_event *event)
{
	struct bench *bench = host->userdata;

	switch (event->kind) {
	case TB_EVENT_SCAN:
		tb_buf_add_str(&bench->told, event->scan->code);
		bench->raw_len = event->scan->raw_len;
		break;
	case TB_EVENT_DROPPED:
		tb_buf_addf(&bench->told, "!%s", event->reason);
		break;
	default:
		tb_buf_addf(&bench->told, "*%s", tb_device_state_word(event->state));
		break;
	}
	tb_buf_add_byte(&bench->told, '|');
}

static void
open_pty(struct bench *bench)
{
	bench->master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	assert_true(bench->master >= 0);
	assert_int_equal(grantpt(bench->master), 0);
	assert_int_equal(unlockpt(bench->master), 0);
	bench->slave = strdup(ptsname(bench->master));
	assert_non_null(bench->slave);
}

static int
try_open(struct bench *bench, const struct tb_setting *settings, size_t n, char **ret_why)
{
	char address[128];
	struct tb_device_config config = {
		.name = "counter", .address = address, .settings = settings, .n_settings = n};

	snprintf(address, sizeof(address), "pty:%s", bench->slave);
	return bench->driver->open(&config, &bench->host, &bench->device, ret_why);
}

static int
set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	bench->loop = tb_virtual_loop_new();
	bench->host = (struct tb_device_host){
		.loop = bench->loop, .emit = on_event, .userdata = bench};
	bench->driver = tb_driver_find("scanner-serial");
	assert_non_null(bench->driver);
	open_pty(bench);
	*state = bench;
	return 0;
}

static int
tear_down(void **state)
{
	struct bench *bench = *state;

	if (bench->device)
		bench->driver->close(bench->device);
	assert_int_equal(tb_virtual_loop_sources(bench->loop), 0);
	tb_virtual_loop_free(bench->loop);
	tb_buf_done(&bench->told);
	if (bench->master >= 0)
		close(bench->master);
	free(bench->slave);
	free(bench);
	return 0;
}

#define OPEN(bench, ...) \
	do { \
		const struct tb_setting chosen[] = {__VA_ARGS__}; \
		_cleanup_free_ char *why = NULL; \
		assert_int_equal(try_open(bench, chosen, ARRAY_SIZE(chosen), &why), 0); \
		tb_virtual_loop_settle((bench)->loop); \
		assert_told(bench, "*ready|"); \
	} while (0)
#define assert_told(bench, text) \
	do { \
		assert_string_equal((bench)->told.data ? (bench)->told.data : "", text); \
		tb_buf_reset(&(bench)->told); \
		if ((bench)->told.data) \
			(bench)->told.data[0] = '\0'; \
	} while (0)

#define PIECE 1024 /* fits into a pty */

/* The line discipline hands over in its own time, which on a busy machine is long. */
static void
wait_handed_over(int slave, int count)
{
	struct pollfd pfd = {.fd = slave, .events = POLLIN};
	int there = 0;

	while (there < count) {
		assert_int_equal(poll(&pfd, 1, 5000), 1);
		assert_int_equal(ioctl(slave, FIONREAD, &there), 0);
	}
}

/* Writes all, piece by piece, and lets the driver read each. */
static void
send_len(struct bench *bench, const void *bytes, size_t len)
{
	_cleanup_close_ int slave = open(bench->slave, O_RDWR | O_NOCTTY | O_CLOEXEC);
	const char *p = bytes;

	while (len > 0) {
		size_t piece = TB_MIN(len, (size_t)PIECE);

		assert_int_equal(write(bench->master, p, piece), piece);
		wait_handed_over(slave, (int)piece);
		tb_virtual_loop_settle(bench->loop);
		p += piece;
		len -= piece;
	}
}

#define SEND(bench, text) send_len(bench, text, sizeof(text) - 1)

static void
codes_are_told(void **state)
{
	struct bench *bench = *state;

	OPEN(bench, {"debounce", "500ms"});
	SEND(bench, "3256220450002\r");
	assert_told(bench, "3256220450002|");
	SEND(bench, "11\r\n22\n");
	assert_told(bench, "11|22|");
	SEND(bench, "\r\n\r\n");
	assert_told(bench, "");
}

static void
silence_ends_a_code(void **state)
{
	struct bench *bench = *state;

	OPEN(bench, {"idle", "50ms"});
	SEND(bench, "12");
	tb_virtual_loop_advance(bench->loop, 40 * MS);
	SEND(bench, "34");
	tb_virtual_loop_advance(bench->loop, 49 * MS);
	assert_told(bench, "");
	tb_virtual_loop_advance(bench->loop, 3 * MS);
	assert_told(bench, "1234|");
	assert_true(tb_virtual_loop_next_timer(bench->loop) == TB_NEVER);
}

static void
write_late(void *userdata)
{
	struct bench *bench = userdata;
	int fd = open(bench->slave, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	assert_int_equal(write(bench->master, "34", 2), 2);
	assert_int_equal(poll(&pfd, 1, 2000), 1);
	close(fd);
}

/* The loop was busy for longer than `idle` while the second half already waited in the kernel. */
static void
a_busy_moment_is_no_silence(void **state)
{
	struct bench *bench = *state;
	struct tb_source *late = NULL;

	assert_int_equal(tb_loop_add_timer(bench->loop, 0, write_late, bench, &late), 0);
	OPEN(bench, {"idle", "50ms"}, {"terminator", "cr"});
	SEND(bench, "12");
	tb_source_set_timer_in(late, 50 * MS);
	tb_virtual_loop_advance(bench->loop, 51 * MS);
	SEND(bench, "56\r");
	assert_told(bench, "123456|");
	SEND(bench, "78");
	tb_virtual_loop_advance(bench->loop, 52 * MS);
	assert_told(bench, "!no_terminator|");
	tb_source_remove(&late);
}

static void
a_double_read_is_told_once(void **state)
{
	struct bench *bench = *state;

	OPEN(bench, {"debounce", "500ms"});
	SEND(bench, "A\rA\rB\rA\r");
	assert_told(bench, "A|B|");
	tb_virtual_loop_advance(bench->loop, 499 * MS);
	SEND(bench, "A\r");
	assert_told(bench, "");
	tb_virtual_loop_advance(bench->loop, 1 * MS);
	SEND(bench, "A\r");
	assert_told(bench, "A|");
}

static void
the_window_may_be_off(void **state)
{
	struct bench *bench = *state;

	OPEN(bench, {"debounce", "0s"});
	SEND(bench, "A\rA\rA\r");
	assert_told(bench, "A|A|A|");
}

static void
two_scans_in_a_millisecond_are_two(void **state)
{
	struct bench *bench = *state;

	OPEN(bench, {"debounce", "500ms"});
	SEND(bench, "1111\r2222\r");
	assert_told(bench, "1111|2222|");
}

static void
long_codes_come_whole(void **state)
{
	static char code[7001];
	struct bench *bench = *state;

	OPEN(bench, {"terminator", "cr"}, {"max_length", "7000"});
	memset(code, 'x', sizeof(code));
	send_len(bench, code, 4096);
	SEND(bench, "\r");
	assert_int_equal(bench->told.len, 4097);
	tb_buf_reset(&bench->told);
	send_len(bench, code, 7000);
	SEND(bench, "\r");
	assert_int_equal(bench->told.len, 7001);
	tb_buf_reset(&bench->told);
	send_len(bench, code, 7001);
	SEND(bench, "\r1\r");
	assert_told(bench, "!code_too_long|1|");
}

static void
any_byte_may_stand_in_a_code(void **state)
{
	struct bench *bench = *state;

	OPEN(bench, {"terminator", "tab"});
	SEND(bench, "a\0b\xff\x03\x11\x13\r\n\t");
	assert_told(bench, "a\xef\xbf\xbd"
			   "b\xef\xbf\xbd\x03\x11\x13\r\n|");
	assert_int_equal(bench->raw_len, 9);
}

static void
a_hang_up_is_told_once_and_drops_the_half(void **state)
{
	struct bench *bench = *state;

	OPEN(bench, {"idle", "50ms"});
	SEND(bench, "full\rhalf");
	close(bench->master);
	bench->master = -1;
	assert_true(tb_virtual_loop_wait(bench->loop, 2000));
	/* and nothing spins: no descriptor is watched any more */
	assert_int_equal(tb_virtual_loop_settle(bench->loop), 0);
	tb_virtual_loop_advance(bench->loop, 1000 * MS);
	assert_told(bench, "full|*lost|");
}

static void
a_hang_up_while_nothing_comes(void **state)
{
	struct bench *bench = *state;

	OPEN(bench, {"terminator", "cr"});
	close(bench->master);
	bench->master = -1;
	assert_true(tb_virtual_loop_wait(bench->loop, 2000));
	assert_told(bench, "*lost|");
}

static void
why_it_does_not_open(void **state)
{
	struct bench *bench = *state;
	const struct tb_setting wrong[] = {{"prefix", "\\q"}};
	_cleanup_free_ char *why = NULL, *why_wrong = NULL, *why_busy = NULL, *why_plain = NULL;
	_cleanup_close_ int fd = -1;
	char plain[] = "/tmp/tb-no-tty-XXXXXX";

	assert_int_equal(try_open(bench, wrong, 1, &why_wrong), -EINVAL);
	assert_non_null(strstr(why_wrong, "prefix"));

	fd = open(bench->slave, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(try_open(bench, NULL, 0, &why_busy), -EBUSY);
	assert_non_null(strstr(why_busy, "test-scanner"));
	/* a program may call itself anything; the reason is text */
	free(TAKE_PTR(why_busy));
	assert_int_equal(prctl(PR_SET_NAME, "ho\xffld\x1b"), 0);
	assert_int_equal(try_open(bench, NULL, 0, &why_busy), -EBUSY);
	assert_non_null(strstr(why_busy, "held by ho?ld? (pid"));

	if (geteuid() == 0) {
		_cleanup_free_ char *why_access = NULL;

		assert_int_equal(chmod(bench->slave, 0600), 0);
		assert_int_equal(seteuid(65534), 0);
		assert_int_equal(try_open(bench, NULL, 0, &why_access), -EACCES);
		assert_int_equal(seteuid(0), 0);
		assert_non_null(strstr(why_access, "no access"));
		assert_non_null(strstr(why_access, "60-tillbridge.rules"));
	}

	free(bench->slave);
	bench->slave = strdup("/dev/no/such/port");
	assert_int_equal(try_open(bench, NULL, 0, &why), -ENOENT);
	assert_non_null(strstr(why, "/dev/no/such/port"));

	close(mkstemp(plain));
	free(bench->slave);
	bench->slave = strdup(plain);
	assert_int_equal(try_open(bench, NULL, 0, &why_plain), -EINVAL);
	unlink(plain);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		T(codes_are_told),
		T(silence_ends_a_code),
		T(a_busy_moment_is_no_silence),
		T(a_double_read_is_told_once),
		T(the_window_may_be_off),
		T(two_scans_in_a_millisecond_are_two),
		T(long_codes_come_whole),
		T(any_byte_may_stand_in_a_code),
		T(a_hang_up_is_told_once_and_drops_the_half),
		T(a_hang_up_while_nothing_comes),
		T(why_it_does_not_open),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("scanner-serial", tests, NULL, NULL);
}
