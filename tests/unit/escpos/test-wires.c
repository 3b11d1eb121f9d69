/* SPDX-License-Identifier: MIT */
/*
 * The driver on wires of the kernel: a TCP port of this machine and a pseudo-terminal. What becomes
 * of jobs is told on virtual time; bytes travel in real time, and are waited for.
 */

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <cmocka.h>
#include "hw/drivers/drivers.h"
#include "hw/escpos/encode.h"
#include "tests/virtual-loop.h"

#define S UINT64_C(1000000)
#define LIMIT_MS 10000

struct bench {
	struct tb_loop *loop;
	struct tb_device_host host;
	struct tb_device *device;
	int listener, peer; /* the printer's end */
	struct tb_source *accepting, *reading;
	bool answers;
	char address[64];
	struct tb_buf got;
	struct tb_document *document;
	struct tb_encoded encoded;
	struct tb_print_job job;
	char story[4096];
	char why[512];
	bool ended, touched;
};

static void
emit(const struct tb_device_host *host, const struct tb_event *event)
{
	struct bench *b = host->userdata;
	size_t used = strlen(b->story);
	const char *word = "";

	if (event->kind == TB_EVENT_STATE) {
		word = tb_device_state_word(event->state);
		b->ended = event->state == TB_DEVICE_LOST;
		snprintf(b->why, sizeof(b->why), "%s", event->reason ? event->reason : "");
	} else if (event->kind == TB_EVENT_JOB) {
		word = tb_job_state_word(event->job.state);
		b->touched = event->job.touched;
	} else {
		return;
	}
	snprintf(b->story + used, sizeof(b->story) - used, "%s%s", used ? " " : "", word);
}

/* The printer: answers DLE EOT and GS r wherever they stand, and keeps the rest. */
static void
peer_reads(int fd, uint32_t events, void *userdata)
{
	struct bench *b = userdata;
	uint8_t bytes[4096];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	if (n <= 0) {
		tb_source_remove(&b->reading);
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		const uint8_t *last;

		tb_buf_add_byte(&b->got, bytes[i]);
		if (!b->answers || b->got.len < 3)
			continue;
		last = (const uint8_t *)b->got.data + b->got.len - 3;
		if (last[0] == 0x10 && last[1] == 0x04)
			assert_int_equal(write(fd, "\x12", 1), 1);
		if (last[0] == 0x1D && last[1] == 'r')
			assert_int_equal(write(fd, "\0", 1), 1);
	}
}

static void
peer_comes(int fd, uint32_t events, void *userdata)
{
	struct bench *b = userdata;

	b->peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(b->peer >= 0);
	tb_source_remove(&b->accepting);
	assert_int_equal(tb_loop_add_fd(b->loop, b->peer, EPOLLIN, peer_reads, b, &b->reading), 0);
}

static void
listen_tcp(struct bench *b, const char *host)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);
	int small = 4096;

	b->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* Inherited by what it accepts: a printer with little memory. */
	setsockopt(b->listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	assert_int_equal(bind(b->listener, (struct sockaddr *)&in, len), 0);
	assert_int_equal(listen(b->listener, 1), 0);
	getsockname(b->listener, (struct sockaddr *)&in, &len);
	snprintf(b->address, sizeof(b->address), "tcp:%s:%u", host, ntohs(in.sin_port));
	assert_int_equal(
		tb_loop_add_fd(b->loop, b->listener, EPOLLIN, peer_comes, b, &b->accepting), 0);
}

static void
listen_pty(struct bench *b)
{
	struct termios raw;

	b->peer = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	assert_true(b->peer >= 0);
	assert_int_equal(grantpt(b->peer), 0);
	assert_int_equal(unlockpt(b->peer), 0);
	assert_int_equal(tcgetattr(b->peer, &raw), 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(b->peer, TCSANOW, &raw), 0);
	snprintf(b->address, sizeof(b->address), "pty:%s", ptsname(b->peer));
	assert_int_equal(tb_loop_add_fd(b->loop, b->peer, EPOLLIN, peer_reads, b, &b->reading), 0);
}

static int
open_printer(struct bench *b, const char *profile)
{
	struct tb_setting settings[] = {{"profile", profile}};
	struct tb_device_config config = {
		.name = "receipts", .address = b->address, .settings = settings, .n_settings = 1};
	char *why = NULL;
	int r = tb_driver_printer_escpos.open(&config, &b->host, &b->device, &why);

	snprintf(b->why, sizeof(b->why), "%s", why ? why : "");
	free(why);
	return r;
}

static void
close_printer(struct bench *b)
{
	if (b->device)
		tb_driver_printer_escpos.close(b->device);
	b->device = NULL;
}

static bool
told(void *userdata)
{
	struct bench *b = userdata;
	const char *last = strrchr(b->story, ' ');

	last = last ? last + 1 : b->story;
	return b->ended || strcmp(last, "ready") == 0 || strcmp(last, "confirmed") == 0 ||
	       strcmp(last, "sent") == 0 || strcmp(last, "unknown") == 0;
}

static void
wait_told(struct bench *b, const char *story)
{
	bool in_time = tb_virtual_loop_until(b->loop, told, b, LIMIT_MS);

	assert_string_equal(b->story, story);
	assert_true(in_time);
}

/* Larger than what a socket's buffers and a pseudo-terminal's hold. */
static void
make_document(struct bench *b, unsigned rows)
{
	uint8_t *gray = calloc(576, rows);
	char *why = NULL;

	b->document = tb_document_new();
	tb_document_add_text(b->document, "Un café", NULL);
	if (rows)
		assert_int_equal(
			tb_document_add_image(b->document, gray, 576, rows, TB_DITHER_THRESHOLD),
			0);
	free(gray);
	tb_document_add_cut(b->document, true);
	assert_int_equal(
		tb_encode_document(b->document, tb_profile_find(NULL), NULL, &b->encoded, &why), 0);
	b->job = (struct tb_print_job){.id = "j1", .document = b->document};
}

static void
print(struct bench *b)
{
	b->story[0] = '\0';
	assert_int_equal(tb_driver_printer_escpos.printer->print(b->device, &b->job), 0);
}

/* What arrived without the questions is the document. */
static void
expect_document(struct bench *b)
{
	struct tb_buf clean = TB_BUF_INIT(0);
	const uint8_t *got = (const uint8_t *)b->got.data;

	for (size_t i = 0; i < b->got.len; i++) {
		if (i + 2 < b->got.len && got[i] == 0x10 && got[i + 1] == 0x04)
			i += 2;
		else
			tb_buf_add_byte(&clean, got[i]);
	}
	assert_int_equal(clean.len, b->encoded.bytes.len + 3);
	assert_memory_equal(clean.data, b->encoded.bytes.data, b->encoded.bytes.len);
	tb_buf_done(&clean);
}

static int
setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	signal(SIGPIPE, SIG_IGN);
	b->loop = tb_virtual_loop_new();
	b->host = (struct tb_device_host){.loop = b->loop, .emit = emit, .userdata = b};
	b->listener = b->peer = -1;
	b->answers = true;
	b->got = TB_BUF_INIT(8 << 20);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	close_printer(b);
	tb_source_remove(&b->accepting);
	tb_source_remove(&b->reading);
	assert_int_equal(tb_virtual_loop_sources(b->loop), 0);
	if (b->listener >= 0)
		close(b->listener);
	if (b->peer >= 0)
		close(b->peer);
	tb_buf_done(&b->got);
	tb_encoded_done(&b->encoded);
	tb_document_free(b->document);
	tb_virtual_loop_free(b->loop);
	free(b);
	return 0;
}

static void
test_tcp(void **state)
{
	struct bench *b = *state;

	listen_tcp(b, "127.0.0.1");
	make_document(b, 2000);
	assert_int_equal(open_printer(b, "default80"), 0);
	wait_told(b, "ready");
	print(b);
	wait_told(b, "printing confirmed");
	expect_document(b);
}

static void
test_tcp_by_name(void **state)
{
	struct bench *b = *state;

	if (access("/usr/bin/getent", X_OK) < 0) {
		print_message("getent is not there\n");
		return;
	}
	listen_tcp(b, "localhost");
	assert_int_equal(open_printer(b, "default80"), 0);
	wait_told(b, "ready");
	close_printer(b);
	b->story[0] = '\0';
	snprintf(b->address, sizeof(b->address), "tcp:no-such-printer.invalid:9100");
	assert_int_equal(open_printer(b, "default80"), 0);
	wait_told(b, "lost");
	assert_non_null(strstr(b->why, "no-such-printer.invalid is not known"));
	/* Closed while the name is still being asked for. */
	close_printer(b);
	assert_int_equal(open_printer(b, "default80"), 0);
}

static void
test_tcp_refused(void **state)
{
	struct bench *b = *state;

	listen_tcp(b, "127.0.0.1");
	tb_source_remove(&b->accepting);
	close(b->listener);
	b->listener = -1;
	assert_int_equal(open_printer(b, "default80"), 0);
	wait_told(b, "lost");
	assert_non_null(strstr(b->why, "refuses"));
}

static void
test_tcp_no_address(void **state)
{
	static const char *const wrong[] = {"tcp:", "tcp:host", "tcp:host:", "tcp::9100",
		"tcp:host:0", "tcp:host:99999", "tcp:a:b:9100", "tcp:host:91x", "ftp:host:1"};
	struct bench *b = *state;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		snprintf(b->address, sizeof(b->address), "%s", wrong[i]);
		assert_int_equal(open_printer(b, "default80"), -EINVAL);
		assert_true(b->why[0]);
	}
}

/* Another program has the printer: the kernel connects, nobody answers. */
static void
test_tcp_silent(void **state)
{
	struct bench *b = *state;

	listen_tcp(b, "127.0.0.1");
	b->answers = false;
	make_document(b, 0);
	assert_int_equal(open_printer(b, "default80"), 0);
	wait_told(b, "ready");
	print(b);
	tb_virtual_loop_advance(b->loop, 10 * S);
	assert_string_equal(b->story, "printing sent");
}

/* The four questions of the opening have come, and their answers gone. */
static bool
asked(void *userdata)
{
	struct bench *b = userdata;

	return b->got.len == 12;
}

static void
test_tcp_stops_reading(void **state)
{
	struct bench *b = *state;

	listen_tcp(b, "127.0.0.1");
	make_document(b, 4000);
	assert_int_equal(tb_document_add_image(b->document, b->document->blocks[1].image.gray, 576,
				 3000, TB_DITHER_THRESHOLD),
		0);
	tb_encoded_done(&b->encoded);
	assert_int_equal(tb_encode_document(b->document, tb_profile_find(NULL), NULL, &b->encoded,
				 &(char *){NULL}),
		0);
	assert_int_equal(open_printer(b, "simple"), 0);
	wait_told(b, "ready");
	tb_source_remove(&b->reading);
	print(b);
	tb_virtual_loop_advance(b->loop, 120 * S);
	assert_string_equal(b->story, "printing held");
	assert_true(b->touched);
	/* And is pulled: what became of the job nobody knows. */
	close(b->peer);
	b->peer = -1;
	wait_told(b, "printing held unknown lost");
	assert_true(b->touched);
}

static void
test_tcp_closed_at_rest(void **state)
{
	struct bench *b = *state;

	listen_tcp(b, "127.0.0.1");
	assert_int_equal(open_printer(b, "default80"), 0);
	wait_told(b, "ready");
	assert_true(tb_virtual_loop_until(b->loop, asked, b, LIMIT_MS));
	b->story[0] = '\0';
	tb_source_remove(&b->reading);
	close(b->peer);
	b->peer = -1;
	wait_told(b, "lost");
	assert_non_null(strstr(b->why, "closed the connection"));
	assert_int_equal(tb_virtual_loop_settle(b->loop), 0);
}

static void
test_pty(void **state)
{
	struct bench *b = *state;

	listen_pty(b);
	make_document(b, 400);
	assert_int_equal(open_printer(b, "default80"), 0);
	wait_told(b, "ready");
	print(b);
	wait_told(b, "printing confirmed");
	expect_document(b);
	b->story[0] = '\0';
	tb_source_remove(&b->reading);
	close(b->peer);
	b->peer = -1;
	wait_told(b, "lost");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(test_tcp),
		TEST(test_tcp_by_name),
		TEST(test_tcp_refused),
		TEST(test_tcp_no_address),
		TEST(test_tcp_silent),
		TEST(test_tcp_stops_reading),
		TEST(test_tcp_closed_at_rest),
		TEST(test_pty),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
