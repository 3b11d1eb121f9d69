/* SPDX-License-Identifier: MIT */
/*
 * The driver printer-escpos on virtual time, with a printer in memory at the other end: what is
 * told of a job in each of its misfortunes, and that its bytes go out whole and once.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "hw/drivers/drivers.h"
#include "hw/escpos/profile.h"
#include "tests/unit/escpos/fake-wire.h"
#include "tests/virtual-loop.h"

#define MS UINT64_C(1000)
#define S UINT64_C(1000000)
#define STORY_MAX 8192

struct bench {
	struct tb_loop *loop;
	struct tb_device_host host;
	struct tb_setting settings[2];
	struct tb_device_config config;
	struct tb_device *device;
	struct fake_printer fake;
	struct tb_document *document;
	struct tb_encoded encoded;
	struct tb_print_job job;
	char story[STORY_MAX]; /* what was told, a word each */
	bool touched;          /* of the last event of a job */
	enum tb_job_state state;
	struct tb_print_job *then; /* given from within the event that ends a job */
	bool cancel_when_held;
};

static void
tell(struct bench *b, const char *word, const char *reason)
{
	size_t used = strlen(b->story);

	snprintf(b->story + used, sizeof(b->story) - used, "%s%s%s%s%s", used ? " " : "", word,
		reason ? "(" : "", reason ? reason : "", reason ? ")" : "");
}

static void
emit(const struct tb_device_host *host, const struct tb_event *event)
{
	struct bench *b = host->userdata;

	switch (event->kind) {
	case TB_EVENT_STATE:
		tell(b, tb_device_state_word(event->state), NULL);
		break;
	case TB_EVENT_PRINTER:
		tell(b, "printer:", tb_printer_state_word(event->printer));
		break;
	case TB_EVENT_JOB:
		tell(b, tb_job_state_word(event->job.state), event->reason);
		b->touched = event->job.touched;
		b->state = event->job.state;
		if (b->then && event->job.state == TB_JOB_CONFIRMED) {
			assert_int_equal(
				tb_driver_printer_escpos.printer->print(b->device, b->then), 0);
			b->then = NULL;
		}
		if (b->cancel_when_held && event->job.state == TB_JOB_HELD)
			tb_driver_printer_escpos.printer->cancel(b->device);
		break;
	default:
		fail();
	}
}

static void
open_printer(struct bench *b, const char *profile)
{
	char *why = NULL;

	b->settings[0] = (struct tb_setting){"profile", profile};
	b->config = (struct tb_device_config){
		.name = "receipts", .address = "fake:1", .settings = b->settings, .n_settings = 1};
	fake_next = &b->fake;
	assert_int_equal(tb_driver_printer_escpos.open(&b->config, &b->host, &b->device, &why), 0);
	tb_virtual_loop_settle(b->loop);
	free(why);
}

static void
close_printer(struct bench *b)
{
	if (b->device)
		tb_driver_printer_escpos.close(b->device);
	b->device = NULL;
}

/* A coupon of some kilobytes: text, codes, and a picture in bands. */
static struct tb_document *
coupon(void)
{
	static uint8_t gray[320 * 300];
	struct tb_document *document = tb_document_new();
	struct tb_text_style large = {
		.align = TB_ALIGN_CENTER, .bold = true, .width = 2, .height = 2};

	for (size_t i = 0; i < sizeof(gray); i++)
		gray[i] = (uint8_t)(i * 7 / 3);
	tb_document_add_text(document, "Boulangerie Été", &large);
	tb_document_add_rule(document, 0);
	tb_document_add_text(document, "Un café offert – 2,50 €", NULL);
	tb_document_add_image(document, gray, 320, 300, TB_DITHER_BAYER);
	tb_document_add_barcode(document, TB_BARCODE_EAN13, "400638133393", 12, 0, TB_HRI_BELOW);
	tb_document_add_qr(document, "TBC-8F3K2M", 10, 6, TB_QR_ECC_M);
	tb_document_add_feed(document, 2);
	tb_document_add_cut(document, true);
	return document;
}

static struct tb_document *
slip(void)
{
	struct tb_document *document = tb_document_new();

	tb_document_add_text(document, "Un café €", &(struct tb_text_style){.bold = true});
	tb_document_add_qr(document, "TBC-8F3K2M", 10, 6, TB_QR_ECC_M);
	tb_document_add_cut(document, true);
	return document;
}

static void
use_document(struct bench *b, struct tb_document *document, const char *profile)
{
	char *why = NULL;

	tb_encoded_done(&b->encoded);
	tb_document_free(b->document);
	b->document = document;
	assert_int_equal(
		tb_encode_document(document, tb_profile_find(profile), NULL, &b->encoded, &why), 0);
	b->job = (struct tb_print_job){.id = "j1", .document = document};
	fake_expect(&b->fake, &b->encoded);
}

static void
print(struct bench *b)
{
	assert_int_equal(tb_driver_printer_escpos.printer->print(b->device, &b->job), 0);
	assert_int_equal(tb_driver_printer_escpos.printer->print(b->device, &b->job), -EBUSY);
	tb_virtual_loop_settle(b->loop);
}

/* The whole job arrived, once, and nothing of ours within a command. */
static void
expect_printed(struct bench *b)
{
	assert_false(b->fake.broken);
	assert_int_equal(b->fake.got, b->fake.len);
}

static void
expect_story(struct bench *b, const char *story)
{
	assert_string_equal(b->story, story);
	b->story[0] = '\0';
}

static int
setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	b->loop = tb_virtual_loop_new();
	b->host = (struct tb_device_host){.loop = b->loop, .emit = emit, .userdata = b};
	fake_init(&b->fake);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	close_printer(b);
	assert_int_equal(tb_virtual_loop_sources(b->loop), 0);
	fake_done(&b->fake);
	tb_encoded_done(&b->encoded);
	tb_document_free(b->document);
	tb_virtual_loop_free(b->loop);
	free(b);
	return 0;
}

static void
start(struct bench *b, struct tb_document *document, const char *profile)
{
	open_printer(b, profile);
	use_document(b, document, profile);
}

static void
test_confirmed(void **state)
{
	struct bench *b = *state;

	start(b, coupon(), "default80");
	expect_story(b, "ready printer:(ready)");
	print(b);
	expect_story(b, "printing confirmed");
	assert_true(b->touched);
	expect_printed(b);
	assert_int_equal(b->fake.proofs, 1);
	/* Asked at the opening, before the job, and between slices. */
	assert_true(b->fake.questions > 8);
}

static void
test_no_status_is_sent(void **state)
{
	struct bench *b = *state;

	b->fake.mute = true;
	start(b, coupon(), "default80");
	expect_story(b, "ready");
	tb_virtual_loop_advance(b->loop, 2 * S);
	print(b);
	/* The question before the job holds it up for half a second, once. */
	tb_virtual_loop_advance(b->loop, 499 * MS);
	assert_int_equal(b->fake.got, 0);
	tb_virtual_loop_advance(b->loop, 1 * MS);
	expect_printed(b);
	tb_virtual_loop_advance(b->loop, 2999 * MS);
	expect_story(b, "printing");
	tb_virtual_loop_advance(b->loop, 1 * MS);
	expect_story(b, "sent(no_answer)");
	assert_true(b->touched);
}

static void
test_a_printer_without_answers_is_not_asked(void **state)
{
	struct bench *b = *state;

	b->fake.mute = true;
	start(b, slip(), "simple");
	print(b);
	expect_printed(b);
	tb_virtual_loop_advance(b->loop, 3 * S);
	expect_story(b, "ready printing sent(no_answer)");
	assert_int_equal(b->fake.questions, 0);
}

static void
test_no_proof_is_sent(void **state)
{
	struct bench *b = *state;

	b->fake.always_online = b->fake.no_proof = true;
	start(b, coupon(), "default80");
	print(b);
	expect_printed(b);
	tb_virtual_loop_advance(b->loop, 3 * S);
	expect_story(b, "ready printer:(ready) printing sent(no_answer)");
}

static void
hold_before(struct bench *b, bool *fault, const char *held)
{
	start(b, coupon(), "default80");
	*fault = true;
	print(b);
	assert_int_equal(b->fake.got, 0);
	tb_virtual_loop_advance(b->loop, 600 * S);
	assert_int_equal(b->fake.got, 0);
	assert_non_null(strstr(b->story, held));
	assert_int_equal(b->state, TB_JOB_HELD);
	assert_false(b->touched);
	*fault = false;
	tb_virtual_loop_advance(b->loop, 1 * S);
	expect_printed(b);
	assert_int_equal(b->state, TB_JOB_CONFIRMED);
}

static void
test_paper_out_before(void **state)
{
	struct bench *b = *state;

	hold_before(b, &b->fake.paper_out, "held(paper_out)");
	expect_story(b, "ready printer:(ready) printing printer:(paper_out) held(paper_out) "
			"printer:(ready) printing confirmed");
}

static void
test_cover_before(void **state)
{
	struct bench *b = *state;

	hold_before(b, &b->fake.cover_open, "held(cover_open)");
}

static void
test_cutter_before(void **state)
{
	struct bench *b = *state;

	hold_before(b, &b->fake.cutter, "held(cutter)");
}

static void
test_offline_before(void **state)
{
	struct bench *b = *state;

	hold_before(b, &b->fake.offline, "held(offline)");
}

/* The paper ends at each byte of the job: held, and on from there, whatever had been taken. */
static void
test_paper_out_at_every_byte(void **state)
{
	struct bench *b = *state;

	start(b, slip(), "default80");
	for (size_t at = 1; at <= b->encoded.bytes.len; at += 1) {
		fake_expect(&b->fake, &b->encoded);
		b->fake.paper_out_at = at;
		b->story[0] = '\0';
		print(b);
		tb_virtual_loop_advance(b->loop, 20 * S);
		assert_int_equal(b->state, TB_JOB_HELD);
		assert_true(b->touched);
		b->fake.paper_out = false;
		fake_changed(&b->fake);
		tb_virtual_loop_advance(b->loop, 2 * S);
		assert_int_equal(b->state, TB_JOB_CONFIRMED);
		expect_printed(b);
	}
}

static void
test_paper_out_between_slices(void **state)
{
	struct bench *b = *state;
	size_t got;

	start(b, coupon(), "default80");
	b->fake.paper_out_at = 3000;
	print(b);
	tb_virtual_loop_advance(b->loop, 5 * S);
	got = b->fake.got;
	assert_in_range(got, 3000, b->fake.len - 1);
	assert_int_equal(b->state, TB_JOB_HELD);
	assert_true(b->touched);
	tb_virtual_loop_advance(b->loop, 600 * S);
	assert_int_equal(b->fake.got, got);
	b->fake.paper_out = false;
	tb_virtual_loop_advance(b->loop, 1 * S);
	expect_story(b, "ready printer:(ready) printing printer:(paper_out) held(paper_out) "
			"printer:(ready) printing confirmed");
	expect_printed(b);
}

/* The last byte is taken and the paper out: GS r is not answered until it is back. */
static void
test_paper_out_at_the_end(void **state)
{
	struct bench *b = *state;

	start(b, coupon(), "default80");
	b->fake.paper_out_at = b->fake.len;
	print(b);
	tb_virtual_loop_advance(b->loop, 1 * S);
	assert_int_equal(b->state, TB_JOB_HELD);
	tb_virtual_loop_advance(b->loop, 60 * S);
	assert_int_equal(b->state, TB_JOB_HELD);
	b->fake.paper_out = false;
	fake_changed(&b->fake);
	tb_virtual_loop_settle(b->loop);
	assert_int_equal(b->state, TB_JOB_CONFIRMED);
	expect_printed(b);
}

static void
test_one_byte_at_a_time(void **state)
{
	struct bench *b = *state;

	start(b, coupon(), "default80");
	b->fake.per_write = 1;
	print(b);
	assert_int_equal(b->state, TB_JOB_CONFIRMED);
	expect_printed(b);
}

static void
test_a_slow_printer(void **state)
{
	struct bench *b = *state;

	start(b, coupon(), "default80");
	b->fake.room = 0;
	print(b);
	/* 100 bytes each ten seconds: slow, and never 60 s without any. */
	for (int i = 0; i < 1000 && b->state != TB_JOB_CONFIRMED; i++) {
		b->fake.room = 100;
		fake_changed(&b->fake);
		tb_virtual_loop_advance(b->loop, 10 * S);
	}
	expect_printed(b);
	assert_null(strstr(b->story, "held"));
	assert_int_equal(b->state, TB_JOB_CONFIRMED);
}

static void
test_a_printer_that_stops_reading(void **state)
{
	struct bench *b = *state;

	start(b, coupon(), "default80");
	b->fake.room = 1000;
	print(b);
	tb_virtual_loop_advance(b->loop, 59 * S);
	assert_int_equal(b->state, TB_JOB_PRINTING);
	tb_virtual_loop_advance(b->loop, 1 * S);
	expect_story(b, "ready printer:(ready) printing printer:(offline) held(offline)");
	assert_true(b->touched);
	b->fake.room = SIZE_MAX;
	fake_changed(&b->fake);
	tb_virtual_loop_advance(b->loop, 3 * S);
	expect_story(b, "printer:(ready) printing confirmed");
	expect_printed(b);
}

/* Not one byte is taken: it may be sent again by whoever opens the printer next. */
static void
test_a_printer_that_never_reads(void **state)
{
	struct bench *b = *state;

	b->fake.room = 0;
	start(b, coupon(), "default80");
	print(b);
	tb_virtual_loop_advance(b->loop, 120 * S);
	assert_int_equal(b->state, TB_JOB_HELD);
	assert_false(b->touched);
	fake_hangs_up(&b->fake);
	tb_virtual_loop_settle(b->loop);
	expect_story(b, "ready printing printer:(offline) held(offline) held(lost) lost");
	assert_false(b->touched);
	assert_int_equal(tb_driver_printer_escpos.printer->print(b->device, &b->job), -ENODEV);
}

/*
 * A hang-up at every byte of the stream. The job is touched when the wire took one of its bytes and
 * only then; the next opening completes the command that was open, resets, and prints.
 */
static void
test_hang_up_at_every_byte(void **state)
{
	struct bench *b = *state;
	size_t whole;

	start(b, slip(), "default80");
	b->fake.hang_up_at = b->fake.taken;
	for (whole = 0; !whole; b->fake.hang_up_at++) {
		size_t got, open;

		b->story[0] = '\0';
		assert_int_equal(tb_driver_printer_escpos.printer->print(b->device, &b->job), 0);
		tb_virtual_loop_advance(b->loop, 4 * S);
		if (b->state == TB_JOB_CONFIRMED) {
			whole = b->fake.taken;
			break;
		}
		got = b->fake.got;
		assert_true(b->fake.hung);
		assert_int_equal(b->state, got ? TB_JOB_UNKNOWN : TB_JOB_HELD);
		assert_int_equal(b->touched, got > 0);
		assert_non_null(strstr(b->story, "(lost) lost"));
		open = got ? tb_encoded_open(&b->encoded, got) : 0;
		close_printer(b);

		fake_done(&b->fake);
		size_t hang_up_at = b->fake.hang_up_at;
		fake_init(&b->fake);
		open_printer(b, "default80");
		fake_expect(&b->fake, &b->encoded);
		print(b);
		assert_int_equal(b->state, TB_JOB_CONFIRMED);
		expect_printed(b);
		assert_int_equal(b->fake.zeros, open);
		assert_int_equal(b->fake.taken > 0, 1);
		close_printer(b);

		fake_done(&b->fake);
		fake_init(&b->fake);
		open_printer(b, "default80");
		fake_expect(&b->fake, &b->encoded);
		b->fake.hang_up_at = hang_up_at;
	}
	assert_true(whole > b->encoded.bytes.len);
}

static void
test_raw(void **state)
{
	struct bench *b = *state;
	static uint8_t raw[20000];

	open_printer(b, "default80");
	for (size_t i = 0; i < sizeof(raw); i++)
		raw[i] = (uint8_t)(i * 131);
	fake_expect_raw(&b->fake, raw, sizeof(raw));
	b->fake.per_write = 777;
	b->job = (struct tb_print_job){.id = "r1", .raw = raw, .raw_len = sizeof(raw)};
	print(b);
	/* The printer in memory takes nothing of ours between bytes that have no boundaries. */
	expect_printed(b);
	assert_int_equal(b->state, TB_JOB_CONFIRMED);
	assert_non_null(memmem(b->fake.stream.data, b->fake.stream.len, raw, sizeof(raw)));
}

/* A raw job is read for where it may be stopped, and for what the printer waits for when it breaks
 * off. */
static void
test_raw_stopped_and_interrupted(void **state)
{
	struct bench *b = *state;
	static uint8_t raw[200] = "ab\n\x1dv0\0\x0a\0\x0a\0"; /* 100 bytes of dots, then text */

	memset(raw + 111, 'x', sizeof(raw) - 111);
	open_printer(b, "default80");
	fake_expect_raw(&b->fake, raw, sizeof(raw));
	b->fake.room = 12 + 50;
	b->job = (struct tb_print_job){.id = "r1", .raw = raw, .raw_len = sizeof(raw)};
	print(b);
	assert_int_equal(b->fake.got, 50);
	tb_driver_printer_escpos.printer->cancel(b->device);
	b->fake.room = SIZE_MAX;
	fake_changed(&b->fake);
	tb_virtual_loop_settle(b->loop);
	assert_int_equal(b->state, TB_JOB_FAILED);
	assert_int_equal(b->fake.got, 111);

	fake_expect_raw(&b->fake, raw, sizeof(raw));
	b->fake.hang_up_at = b->fake.taken + 12 + 50;
	print(b);
	assert_int_equal(b->state, TB_JOB_UNKNOWN);
	close_printer(b);
	fake_done(&b->fake);
	fake_init(&b->fake);
	open_printer(b, "default80");
	use_document(b, slip(), "default80");
	print(b);
	assert_int_equal(b->state, TB_JOB_CONFIRMED);
	expect_printed(b);
	assert_int_equal(b->fake.zeros, 61);
}

static void
test_cancelled_before(void **state)
{
	struct bench *b = *state;

	start(b, slip(), "default80");
	b->story[0] = '\0';
	tb_driver_printer_escpos.printer->print(b->device, &b->job);
	assert_int_equal(tb_driver_printer_escpos.printer->cancel(b->device), 0);
	tb_virtual_loop_settle(b->loop);
	expect_story(b, "cancelled");
	assert_int_equal(b->fake.got, 0);
	b->fake.paper_out = true;
	b->cancel_when_held = true;
	print(b);
	tb_virtual_loop_settle(b->loop);
	expect_story(b, "printing printer:(paper_out) held(paper_out) cancelled");
	assert_int_equal(b->fake.got, 0);
	assert_int_equal(tb_driver_printer_escpos.printer->cancel(b->device), -ENOENT);
}

/* Blocked at every byte and cancelled there: the open command is finished, nothing behind it. */
static void
test_cancelled_at_every_byte(void **state)
{
	struct bench *b = *state;

	start(b, slip(), "default80");
	for (size_t at = 1; at < b->encoded.bytes.len; at++) {
		fake_expect(&b->fake, &b->encoded);
		b->fake.room = 12 + at;
		print(b);
		assert_int_equal(b->fake.got, at);
		tb_driver_printer_escpos.printer->cancel(b->device);
		b->fake.room = SIZE_MAX;
		fake_changed(&b->fake);
		tb_virtual_loop_settle(b->loop);
		if (tb_encoded_boundary(&b->encoded, at) == b->encoded.bytes.len)
			break;
		assert_int_equal(b->state, TB_JOB_FAILED);
		assert_true(b->touched);
		assert_false(b->fake.broken);
		assert_int_equal(b->fake.got, tb_encoded_boundary(&b->encoded, at));
	}
	assert_int_equal(b->state, TB_JOB_CONFIRMED);
}

static void
test_junk(void **state)
{
	struct bench *b = *state;
	uint32_t random = 1;

	start(b, slip(), "default80");
	for (int round = 0; round < 300; round++) {
		uint8_t junk[40];

		for (size_t i = 0; i < sizeof(junk); i++) {
			random = random * 1664525 + 1013904223;
			junk[i] = (uint8_t)(random >> 24);
		}
		fake_says(&b->fake, junk, sizeof(junk));
		fake_expect(&b->fake, &b->encoded);
		b->story[0] = '\0';
		print(b);
		fake_says(&b->fake, junk, random % sizeof(junk));
		tb_virtual_loop_advance(b->loop, 20 * S);
		/* Whatever it made of that, the job ended and was printed once. */
		if (b->state != TB_JOB_CONFIRMED && b->state != TB_JOB_SENT)
			print_error("round %d: %s\n", round, b->story);
		assert_true(b->state == TB_JOB_CONFIRMED || b->state == TB_JOB_SENT);
		expect_printed(b);
	}
}

static void
test_unasked_status(void **state)
{
	struct bench *b = *state;

	open_printer(b, "epson");
	expect_story(b, "ready printer:(ready)");
	fake_says(&b->fake, "\x18\x00\x0f\x00", 4);
	tb_virtual_loop_settle(b->loop);
	expect_story(b, "printer:(paper_out)");
	fake_says(&b->fake, "\x10\x00", 2);
	tb_virtual_loop_settle(b->loop);
	fake_says(&b->fake, "\x03\x00", 2);
	tb_virtual_loop_settle(b->loop);
	expect_story(b, "printer:(paper_low)");
	fake_says(&b->fake, "\x38\0\0\0\x10\0\0\0", 8);
	tb_virtual_loop_settle(b->loop);
	expect_story(b, "printer:(cover_open) printer:(ready)");
}

/* Told unasked in mid-job: held from the moment it is known, and on when it is told to be well. */
static void
test_unasked_status_in_mid_job(void **state)
{
	struct bench *b = *state;

	start(b, coupon(), "epson");
	b->fake.room = 1200;
	print(b);
	b->fake.cover_open = true;
	fake_says(&b->fake, "\x38\0\0\0", 4);
	tb_virtual_loop_settle(b->loop);
	expect_story(b, "ready printer:(ready) printing printer:(cover_open) held(cover_open)");
	b->fake.cover_open = false;
	fake_says(&b->fake, "\x10\0\0\0", 4);
	b->fake.room = SIZE_MAX;
	tb_virtual_loop_advance(b->loop, 2 * S);
	expect_story(b, "printer:(ready) printing confirmed");
	expect_printed(b);
}

static void
test_process_id(void **state)
{
	struct bench *b = *state;

	start(b, slip(), "epson");
	b->fake.no_proof = true;
	print(b);
	expect_printed(b);
	/* The one of another job, then ours. */
	fake_says(&b->fake,
		"\x37\x22"
		"9999",
		7);
	tb_virtual_loop_settle(b->loop);
	assert_int_equal(b->state, TB_JOB_PRINTING);
	b->fake.no_proof = false;
	fake_changed(&b->fake);
	tb_virtual_loop_settle(b->loop);
	assert_int_equal(b->state, TB_JOB_CONFIRMED);
	/* One of the kind that does not know GS ( H: read through is what can be had. */
	fake_expect(&b->fake, &b->encoded);
	b->fake.no_proof = true;
	print(b);
	fake_says(&b->fake, "\0", 1);
	tb_virtual_loop_settle(b->loop);
	assert_int_equal(b->state, TB_JOB_PRINTING);
	tb_virtual_loop_advance(b->loop, 3 * S);
	assert_int_equal(b->state, TB_JOB_CONFIRMED);
}

/* An answer that comes too late for its job is not taken for the next one's. */
static void
test_late_proof(void **state)
{
	struct bench *b = *state;

	b->fake.always_online = b->fake.no_proof = true;
	start(b, slip(), "default80");
	print(b);
	tb_virtual_loop_advance(b->loop, 3 * S);
	assert_int_equal(b->state, TB_JOB_SENT);
	fake_expect(&b->fake, &b->encoded);
	print(b);
	fake_says(&b->fake, "\0", 1);
	tb_virtual_loop_settle(b->loop);
	assert_int_equal(b->state, TB_JOB_PRINTING);
	fake_says(&b->fake, "\0", 1);
	tb_virtual_loop_settle(b->loop);
	assert_int_equal(b->state, TB_JOB_CONFIRMED);
}

static void
test_next_job_from_within(void **state)
{
	struct bench *b = *state;
	struct tb_print_job next;

	start(b, slip(), "default80");
	next = b->job;
	next.id = "j2";
	b->then = &next;
	print(b);
	expect_story(b, "ready printer:(ready) printing confirmed printing confirmed");
}

static void
test_check(void **state)
{
	struct bench *b = *state;
	struct tb_print_report report;
	struct tb_document *document = tb_document_new();
	char *why = NULL;

	b->settings[0] = (struct tb_setting){"profile", "simple"};
	b->config = (struct tb_device_config){
		.name = "receipts", .address = "fake:1", .settings = b->settings, .n_settings = 1};
	tb_document_add_text(document, "œuf", NULL);
	assert_int_equal(
		tb_driver_printer_escpos.printer->check(&b->config, document, &report, &why), 0);
	assert_int_equal(report.substitutions, 1);
	assert_string_equal(report.substituted, "œ");
	tb_document_add_barcode(document, TB_BARCODE_EAN8, "1", 1, 0, TB_HRI_NONE);
	assert_int_equal(
		tb_driver_printer_escpos.printer->check(&b->config, document, &report, &why),
		-EINVAL);
	assert_non_null(strstr(why, "ean8"));
	free(why);
	tb_document_free(document);
}

static void
test_refused(void **state)
{
	struct bench *b = *state;
	char *why = NULL;

	b->settings[0] = (struct tb_setting){"profile", "typewriter"};
	b->config = (struct tb_device_config){
		.name = "receipts", .address = "fake:1", .settings = b->settings, .n_settings = 1};
	assert_int_equal(
		tb_driver_printer_escpos.open(&b->config, &b->host, &b->device, &why), -EINVAL);
	assert_non_null(strstr(why, "typewriter"));
	free(why);
	b->settings[0].value = "default80";
	b->fake.unreachable = true;
	fake_next = &b->fake;
	assert_int_equal(
		tb_driver_printer_escpos.open(&b->config, &b->host, &b->device, &why), -ENOENT);
	assert_non_null(why);
	free(why);
}

/* The words of the key are the profiles there are. */
static void
test_profiles_are_settings(void **state)
{
	const struct tb_setting_spec *spec = tb_driver_printer_escpos.settings;
	const struct tb_profile *profile, *last = NULL;
	size_t len = 0;

	for (size_t i = 0; (profile = tb_profile_at(i)); i++) {
		assert_int_equal(tb_setting_check(spec, "profile", profile->name), 0);
		assert_true(!last || strcmp(last->name, profile->name) < 0);
		len += strlen(profile->name) + 1;
		last = profile;
	}
	assert_string_equal(spec[0].key, "profile");
	assert_int_equal(strlen(spec[0].words), len - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(test_confirmed),
		TEST(test_no_status_is_sent),
		TEST(test_a_printer_without_answers_is_not_asked),
		TEST(test_no_proof_is_sent),
		TEST(test_paper_out_before),
		TEST(test_cover_before),
		TEST(test_cutter_before),
		TEST(test_offline_before),
		TEST(test_paper_out_at_every_byte),
		TEST(test_paper_out_between_slices),
		TEST(test_paper_out_at_the_end),
		TEST(test_one_byte_at_a_time),
		TEST(test_a_slow_printer),
		TEST(test_a_printer_that_stops_reading),
		TEST(test_a_printer_that_never_reads),
		TEST(test_hang_up_at_every_byte),
		TEST(test_raw),
		TEST(test_raw_stopped_and_interrupted),
		TEST(test_cancelled_before),
		TEST(test_cancelled_at_every_byte),
		TEST(test_junk),
		TEST(test_unasked_status),
		TEST(test_unasked_status_in_mid_job),
		TEST(test_process_id),
		TEST(test_late_proof),
		TEST(test_next_job_from_within),
		TEST(test_check),
		TEST(test_refused),
		TEST(test_profiles_are_settings),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
