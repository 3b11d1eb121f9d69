/* SPDX-License-Identifier: MIT */
/*
 * The print queue: what a till is answered and when, every state of a job, printers that hold, go
 * and come back, a disk that is full.
 */
#include "tests/unit/bridge/print-stage.h"

static void
document_is_printed_once(void **state)
{
	_cleanup_request_ struct tb_request request = {0};
	char id[TB_JOB_ID_SIZE];

	plug(&f->left);
	call(&request, tb_method_print_document,
		"{\"key\":\"k1\",\"document\":{\"blocks\":[{\"text\":\"Bonjour\"}]}}");
	/* Nothing is answered, told or printed before it is on disk. */
	assert_null(request.answer);
	assert_string_equal(f->events, "");
	assert_int_equal(on_disk("SELECT count(*) FROM print_job", NULL), 0);
	settle();
	memcpy(id, job_of(&request), sizeof(id));
	assert_int_equal(f->left.printed, 1);
	assert_string_equal(f->left.text, "Bonjour\n");
	assert_job(id, "printing");
	tell_job(&f->left, TB_JOB_PRINTING, NULL, true);
	tell_job(&f->left, TB_JOB_CONFIRMED, NULL, true);
	assert_job(id, "confirmed");
	assert_told(id, "queued, printing, confirmed");
	assert_int_equal(on_disk("SELECT count(*) FROM print_job WHERE body IS NULL", NULL), 1);
	unplug(&f->left);
	plug(&f->left);
	assert_int_equal(f->left.printed, 1);
}

static void
key_said_twice_prints_once(void **state)
{
	static const char said[] =
		"{\"key\":\"k1\",\"document\":{\"blocks\":[{\"text\":\"a\"}],\"width\":40}}";
	static const char turned[] =
		"{\"document\":{\"width\":40,\"blocks\":[{\"text\":\"a\"}]},\"key\":\"k1\"}";
	static const char other[] = "{\"key\":\"k1\",\"document\":{\"blocks\":[{\"text\":\"b\"}]}}";
	_cleanup_request_ struct tb_request first = {0}, twin = {0}, again = {0}, conflict = {0},
					    drawer = {0}, neighbour = {.till = "2"};

	plug(&f->left);
	call(&first, tb_method_print_document, said);
	call(&twin, tb_method_print_document, said);
	settle();
	assert_string_equal(first.answer, twin.answer);
	stop();
	start();
	call(&again, tb_method_print_document, turned);
	call(&conflict, tb_method_print_document, other);
	call(&drawer, tb_method_drawer_open, "{\"key\":\"k1\"}");
	settle();
	assert_string_equal(first.answer, again.answer);
	assert_string_equal(conflict.error, "idempotency_conflict");
	assert_string_equal(drawer.error, "idempotency_conflict");
	assert_int_equal(on_disk("SELECT count(*) FROM print_job", NULL), 1);
	call(&neighbour, tb_method_print_document, other);
	settle();
	assert_string_not_equal(first.answer, neighbour.answer);
}

static void
refusal_stores_no_key(void **state)
{
	_cleanup_request_ struct tb_request refused = {0}, accepted = {0};

	f->no_printer = true;
	call(&refused, tb_method_print_document,
		"{\"key\":\"k1\",\"document\":{\"blocks\":[{\"text\":\"a\"}]}}");
	settle();
	assert_string_equal(refused.error, "printer_unavailable");
	f->no_printer = false;
	call(&accepted, tb_method_print_document,
		"{\"key\":\"k1\",\"document\":{\"blocks\":[{\"text\":\"b\"}]}}");
	settle();
	assert_non_null(accepted.answer);
}

static void
bad_orders_are_refused(void **state)
{
	static const struct {
		tb_method_fn method;
		const char *params, *error;
	} cases[] = {
		{tb_method_print_document,
			"{\"key\":\"k\",\"printer\":\"none\",\"document\":{\"blocks\":[{\"text\":"
			"\"a\"}]}}",
			"device_unknown"},
		{tb_method_print_document,
			"{\"key\":\"k\",\"document\":{\"blocks\":[{\"text\":\"a\"}],\"width\":99}}",
			"invalid_params {\"errors\":[{\"pointer\":\"/document\",\"code\":"
			"\"unprintable\"}],\"reason\":\"48 characters is all it has\"}"},
		{tb_method_print_raw, "{\"key\":\"k\",\"data\":\"\"}",
			"invalid_params /data invalid"},
		{tb_method_print_raw, "{\"key\":\"k\",\"data\":\"=\"}",
			"invalid_params /data invalid"},
		{tb_method_print_raw, "{\"key\":\"k\",\"data\":\"QUJ\"}",
			"invalid_params /data invalid"},
		{tb_method_print_raw, "{\"key\":\"k\",\"data\":\"QU=D\"}",
			"invalid_params /data invalid"},
		{tb_method_print_raw, "{\"key\":\"k\",\"data\":\"QUI9====\"}",
			"invalid_params /data invalid"},
		{tb_method_print_raw, "{\"key\":\"k\",\"data\":\"QUJ=\"}",
			"invalid_params /data invalid"},
		{tb_method_print_job, "{\"id\":\"j_none\"}", "invalid_params /id unknown"},
		{tb_method_print_cancel, "{\"id\":\"j_none\"}", "invalid_params /id unknown"},
		{tb_method_print_coupon, "{\"key\":\"k\",\"code\":\"TBC-USED\"}", "coupon_used"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_request_ struct tb_request request = {0};

		call(&request, cases[i].method, cases[i].params);
		settle();
		assert_non_null(request.error);
		assert_string_equal(request.error, cases[i].error);
	}
	assert_int_equal(on_disk("SELECT count(*) FROM print_job", NULL), 0);
	assert_int_equal(on_disk("SELECT count(*) FROM print_key", NULL), 0);
}

static void
document_fault_has_its_place(void **state)
{
	_cleanup_request_ struct tb_request request = {0};

	call(&request, tb_method_print_document,
		"{\"key\":\"k\",\"document\":{\"blocks\":[{\"feed\":1},{\"text\":7}]}}");
	settle();
	assert_non_null(request.error);
	assert_non_null(strstr(request.error, "/document/blocks/1"));
}

static void
substitutions_are_told(void **state)
{
	_cleanup_request_ struct tb_request request = {0};

	call(&request, tb_method_print_document,
		"{\"key\":\"k\",\"document\":{\"blocks\":[{\"text\":\"Dvořák č\"}]}}");
	settle();
	assert_non_null(strstr(request.answer, "\"substitutions\":[\"č\",\"€\"]"));
}

static void
raw_bytes_go_as_they_are(void **state)
{
	_cleanup_request_ struct tb_request request = {0};

	plug(&f->left);
	call(&request, tb_method_print_raw, "{\"key\":\"k\",\"data\":\"G0D/gA==\"}");
	settle();
	assert_int_equal(f->left.job->raw_len, 4);
	assert_memory_equal(f->left.job->raw, "\x1b\x40\xff\x80", 4);
	assert_null(f->left.job->document);
	tell_job(&f->left, TB_JOB_SENT, NULL, true);
	assert_job(job_of(&request), "sent");
}

static void
queue_goes_in_order_one_at_a_time(void **state)
{
	char a[TB_JOB_ID_SIZE], b[TB_JOB_ID_SIZE], c[TB_JOB_ID_SIZE];

	print_text("1", "left", "a", a);
	print_text("2", "left", "b", b);
	print_text("3", "right", "c", c);
	plug(&f->left);
	assert_string_equal(f->left.text, "a\n");
	assert_job(b, "queued");
	assert_job(c, "queued");
	plug(&f->right);
	assert_string_equal(f->right.text, "c\n");
	tell_job(&f->left, TB_JOB_FAILED, "error", true);
	assert_job(a, "failed error");
	assert_string_equal(f->left.text, "b\n");
	tell_job(&f->right, TB_JOB_SENT, NULL, true);
	tell_job(&f->left, TB_JOB_CONFIRMED, NULL, true);
	assert_told(a, "queued, printing, failed error");
	assert_told(b, "queued, printing, confirmed");
	assert_told(c, "queued, printing, sent");
}

/* Held before its first byte: the mark comes off, and a restart finds it waiting. */
static void
paper_out_before_the_first_byte(void **state)
{
	char id[TB_JOB_ID_SIZE];

	plug(&f->left);
	print_text("1", "left", "a", id);
	tell_printer(&f->left, TB_PRINTER_PAPER_OUT);
	tell_job(&f->left, TB_JOB_HELD, "paper_out", false);
	assert_int_equal(f->left.cancelled, 1);
	tell_job(&f->left, TB_JOB_CANCELLED, NULL, false);
	assert_job(id, "held paper_out");
	assert_false(is_touched(id));
	tell_printer(&f->left, TB_PRINTER_READY);
	assert_int_equal(f->left.printed, 2);
	tell_job(&f->left, TB_JOB_PRINTING, NULL, true);
	tell_job(&f->left, TB_JOB_CONFIRMED, NULL, true);
	assert_told(id, "queued, printing, held paper_out, printing, confirmed");
}

/* A printer that never says it is well again is asked from time to time, in silence. */
static void
held_job_is_tried_again(void **state)
{
	char id[TB_JOB_ID_SIZE], next[TB_JOB_ID_SIZE];

	plug(&f->left);
	tell_printer(&f->left, TB_PRINTER_COVER_OPEN);
	print_text("1", "left", "a", id);
	print_text("2", "left", "b", next);
	assert_job(id, "held cover_open");
	assert_job(next, "queued");
	assert_int_equal(f->left.printed, 0);
	for (unsigned i = 1; i <= 3; i++) {
		tb_virtual_loop_advance(f->bridge.loop, 3500000);
		assert_int_equal(f->left.printed, i);
		tell_job(&f->left, TB_JOB_PRINTING, NULL, false);
		tell_job(&f->left, TB_JOB_HELD, "cover_open", false);
		tell_job(&f->left, TB_JOB_CANCELLED, NULL, false);
	}
	tb_virtual_loop_advance(f->bridge.loop, 3500000);
	tell_job(&f->left, TB_JOB_PRINTING, NULL, false);
	assert_job(id, "held cover_open");
	tell_printer(&f->left, TB_PRINTER_READY);
	tell_job(&f->left, TB_JOB_SENT, NULL, true);
	assert_told(id, "queued, held cover_open, printing, sent");
	/* Nothing wakes a queue that has nothing to do. */
	tell_job(&f->left, TB_JOB_SENT, NULL, true);
	assert_true(tb_virtual_loop_next_timer(f->bridge.loop) == TB_NEVER);
}

static void
paper_out_in_the_middle(void **state)
{
	char id[TB_JOB_ID_SIZE];

	plug(&f->left);
	print_text("1", "left", "a", id);
	tell_job(&f->left, TB_JOB_PRINTING, NULL, true);
	tell_job(&f->left, TB_JOB_HELD, "paper_out", true);
	assert_int_equal(f->left.cancelled, 0);
	assert_job(id, "held paper_out");
	tell_job(&f->left, TB_JOB_PRINTING, NULL, true);
	tell_job(&f->left, TB_JOB_CONFIRMED, NULL, true);
	assert_told(id, "queued, printing, held paper_out, printing, confirmed");
	assert_int_equal(f->left.printed, 1);
}

static void
printer_gone_in_the_middle(void **state)
{
	char id[TB_JOB_ID_SIZE], next[TB_JOB_ID_SIZE];

	plug(&f->left);
	print_text("1", "left", "a", id);
	print_text("2", "left", "b", next);
	tell_job(&f->left, TB_JOB_PRINTING, NULL, true);
	unplug(&f->left);
	assert_job(id, "unknown lost");
	assert_job(next, "queued");
	plug(&f->left);
	assert_string_equal(f->left.text, "b\n");
	assert_int_equal(f->left.printed, 2);
}

static void
printer_gone_before_the_first_byte(void **state)
{
	char id[TB_JOB_ID_SIZE];

	plug(&f->left);
	print_text("1", "left", "a", id);
	tell_job(&f->left, TB_JOB_PRINTING, NULL, false);
	tell_job(&f->left, TB_JOB_HELD, "lost", false);
	unplug(&f->left);
	assert_job(id, "held lost");
	assert_false(is_touched(id));
	plug(&f->left);
	assert_string_equal(f->left.text, "a\n");
	tell_job(&f->left, TB_JOB_CONFIRMED, NULL, true);
	assert_told(id, "queued, printing, held lost, printing, confirmed");
}

/* A driver that says nothing before it is gone may have printed, and so may one that began. */
static void
silence_is_not_proof(void **state)
{
	char id[TB_JOB_ID_SIZE];

	plug(&f->left);
	print_text("1", "left", "a", id);
	unplug(&f->left);
	assert_job(id, "unknown lost");
	plug(&f->left);
	print_text("2", "left", "a", id);
	tell_job(&f->left, TB_JOB_PRINTING, NULL, false);
	unplug(&f->left);
	assert_job(id, "unknown lost");
	plug(&f->left);
	print_text("3", "left", "a", id);
	tell_job(&f->left, TB_JOB_HELD, "paper_out", false);
	tell_job(&f->left, TB_JOB_PRINTING, NULL, false);
	unplug(&f->left);
	assert_job(id, "unknown lost");
}

static void
busy_printer_is_tried_again(void **state)
{
	char id[TB_JOB_ID_SIZE];

	f->left.refuse = -EBUSY;
	plug(&f->left);
	print_text("1", "left", "a", id);
	assert_job(id, "queued");
	assert_false(is_touched(id));
	f->left.refuse = 0;
	tb_virtual_loop_advance(f->bridge.loop, 1500000);
	tell_job(&f->left, TB_JOB_SENT, NULL, true);
	assert_job(id, "sent");
	f->left.refuse = -EINVAL;
	print_text("2", "left", "a", id);
	assert_job(id, "failed unprintable");
	assert_false(is_touched(id));
}

static void
cancel_at_every_stage(void **state)
{
	char waiting[TB_JOB_ID_SIZE], under_way[TB_JOB_ID_SIZE], held[TB_JOB_ID_SIZE];

	print_text("0", "left", "-", waiting);
	cancel(waiting, "cancelled");
	cancel(waiting, "cancelled");
	assert_told(waiting, "queued, cancelled");
	plug(&f->left);
	assert_int_equal(f->left.printed, 0);

	print_text("1", "left", "a", under_way);
	print_text("2", "left", "b", held);
	tell_job(&f->left, TB_JOB_PRINTING, NULL, true);
	cancel(under_way, "printing");
	assert_int_equal(f->left.cancelled, 1);
	tell_job(&f->left, TB_JOB_FAILED, "cancelled", true);
	assert_job(under_way, "failed cancelled");
	cancel(under_way, "failed");

	tell_job(&f->left, TB_JOB_HELD, "offline", false);
	cancel(held, "held");
	tell_job(&f->left, TB_JOB_CANCELLED, NULL, false);
	assert_job(held, "cancelled");
	tb_virtual_loop_advance(f->bridge.loop, 10000000);
	assert_int_equal(f->left.printed, 2);
}

/* Between the mark and its commit, between what the driver gave back and its commit. */
static void
cancel_between_two_commits(void **state)
{
	_cleanup_request_ struct tb_request back = {0};
	char id[TB_JOB_ID_SIZE], params[64];
	struct tb_event event = {.kind = TB_EVENT_JOB};

	print_text("1", "left", "a", id);
	snprintf(params, sizeof(params), "{\"id\":\"%s\"}", id);
	plug(&f->left);
	tell_job(&f->left, TB_JOB_HELD, "offline", false);
	event.job.id = id;
	event.job.state = TB_JOB_CANCELLED;
	f->left.job = NULL;
	tb_printing_event(f->bridge.printing, "left", &event);
	call(&back, tb_method_print_cancel, params);
	settle();
	assert_job(id, "cancelled");
	assert_int_equal(f->left.printed, 1);
	tb_virtual_loop_advance(f->bridge.loop, 10000000);
	assert_int_equal(f->left.printed, 1);
}

static void
printer_state_is_told(void **state)
{
	plug(&f->left);
	tell_printer(&f->left, TB_PRINTER_READY);
	tell_printer(&f->left, TB_PRINTER_READY);
	tell_printer(&f->left, TB_PRINTER_PAPER_LOW);
	assert_string_equal(f->events, "printer left ready\nprinter left paper_low\n");
}

static void
queue_is_listed(void **state)
{
	_cleanup_request_ struct tb_request all = {0}, first = {0}, rest = {0};
	char a[TB_JOB_ID_SIZE], b[TB_JOB_ID_SIZE], params[64], expected[256];

	plug(&f->left);
	print_text("1", "left", "a", a);
	print_text("2", "right", "b", b);
	call(&all, tb_method_print_list, "{}");
	call(&first, tb_method_print_list, "{\"limit\":1}");
	settle();
	snprintf(expected, sizeof(expected),
		"{\"jobs\":[{\"device\":\"left\",\"kind\":\"document\",\"id\":\"%s\",\"state\":"
		"\"printing\"},{\"device\":\"right\",\"kind\":\"document\",\"id\":\"%s\","
		"\"state\":\"queued\"}]}",
		a, b);
	assert_string_equal(all.answer, expected);
	assert_non_null(strstr(first.answer, a));
	assert_null(strstr(first.answer, b));
	snprintf(params, sizeof(params), "{%s", strstr(first.answer, "\"cursor\""));
	tell_job(&f->left, TB_JOB_SENT, NULL, true);
	call(&rest, tb_method_print_list, params);
	settle();
	assert_non_null(strstr(rest.answer, b));
	assert_null(strstr(rest.answer, "cursor"));
}

static void
queue_has_a_limit(void **state)
{
	_cleanup_request_ struct tb_request over = {0};
	struct tb_print_order order = {
		.printer = "left", .kind = TB_PRINT_RAW, .body = "a", .len = 1};
	char id[TB_JOB_ID_SIZE];

	for (int i = 0; i < TB_PRINT_WAITING_MAX; i++)
		assert_int_equal(tb_printing_add(f->bridge.printing, &order, id), 0);
	settle();
	call(&over, tb_method_print_raw, "{\"key\":\"k\",\"data\":\"QUJD\"}");
	settle();
	assert_string_equal(over.error, "rate_limited");
	order.printer = "right";
	assert_int_equal(tb_printing_add(f->bridge.printing, &order, id), 0);
}

static void
drawer_does_not_open_late(void **state)
{
	_cleanup_request_ struct tb_request soon = {0}, late = {0};

	call(&late, tb_method_drawer_open, "{\"key\":\"1\"}");
	settle();
	tb_virtual_loop_advance(f->bridge.loop, 31000000);
	call(&soon, tb_method_drawer_open, "{\"key\":\"2\"}");
	settle();
	plug(&f->left);
	assert_job(job_of(&late), "cancelled expired");
	assert_job(job_of(&soon), "printing");
	assert_int_equal(f->left.job->document->blocks[0].kind, TB_BLOCK_PULSE);
}

/* A full disk refuses calls and loses nothing that was said. */
static void
full_disk_refuses_and_recovers(void **state)
{
	static char params[200000];
	_cleanup_request_ struct tb_request full = {0}, again = {0};
	sqlite3 *db = tb_state_db(f->bridge.state);
	char id[TB_JOB_ID_SIZE];
	int n;

	print_text("1", "left", "a", id);
	n = snprintf(params, sizeof(params), "{\"key\":\"2\",\"data\":\"");
	memset(params + n, 'A', 160000);
	snprintf(params + n + 160000, sizeof(params) - (size_t)n - 160000, "\"}");
	sqlite3_exec(db, "PRAGMA max_page_count = 20", NULL, NULL, NULL);
	call(&full, tb_method_print_raw, params);
	settle();
	assert_string_equal(full.error, "internal");
	assert_int_equal(on_disk("SELECT count(*) FROM print_key", NULL), 1);
	assert_job(id, "queued");
	sqlite3_exec(db, "PRAGMA max_page_count = 100000", NULL, NULL, NULL);
	call(&again, tb_method_print_raw, params);
	settle();
	assert_non_null(again.answer);
}

static void
trip(const char *text)
{
	assert_int_equal(
		sqlite3_exec(tb_state_db(f->bridge.state), text, NULL, NULL, NULL), SQLITE_OK);
}

/* A job without its key would be printed again when the till says it again. */
static void
job_and_key_are_one(void **state)
{
	_cleanup_request_ struct tb_request half = {0}, whole = {0};

	trip("CREATE TRIGGER trip BEFORE INSERT ON print_key "
	     "BEGIN SELECT RAISE(FAIL, 'no'); END");
	call(&half, tb_method_print_raw, "{\"key\":\"1\",\"data\":\"QUJD\"}");
	settle();
	assert_string_equal(half.error, "internal");
	assert_int_equal(on_disk("SELECT count(*) FROM print_job", NULL), 0);
	assert_string_equal(f->events, "");
	trip("DROP TRIGGER trip");
	call(&whole, tb_method_print_raw, "{\"key\":\"1\",\"data\":\"QUJD\"}");
	settle();
	assert_non_null(whole.answer);
}

/* A start that could not write what became of a job does not send it either. */
static void
start_that_cannot_write(void **state)
{
	char id[TB_JOB_ID_SIZE];

	plug(&f->left);
	print_text("1", "left", "a", id);
	trip("CREATE TRIGGER trip BEFORE UPDATE ON print_job "
	     "BEGIN SELECT RAISE(FAIL, 'no'); END");
	stop();
	start();
	assert_job(id, "printing");
	trip("DROP TRIGGER trip");
	plug(&f->left);
	assert_job(id, "unknown lost");
	assert_int_equal(f->left.printed, 1);
}

/* Somebody else holds the lock while a job ends: it is written when that is over, and the next job
 * waits for it. */
static void
end_that_cannot_be_written(void **state)
{
	char id[TB_JOB_ID_SIZE], next[TB_JOB_ID_SIZE];
	sqlite3 *db;

	plug(&f->left);
	print_text("1", "left", "a", id);
	print_text("2", "left", "b", next);
	assert_int_equal(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	tell_job(&f->left, TB_JOB_CONFIRMED, NULL, true);
	tb_virtual_loop_advance(f->bridge.loop, 5000000);
	assert_told(id, "queued, printing");
	assert_int_equal(f->left.printed, 1);
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	tb_virtual_loop_advance(f->bridge.loop, 5000000);
	assert_job(id, "confirmed");
	assert_told(id, "queued, printing, confirmed");
	assert_string_equal(f->left.text, "b\n");
}

/* The same for the mark: what is not on disk is not handed over. */
static void
mark_that_cannot_be_written(void **state)
{
	char id[TB_JOB_ID_SIZE];
	sqlite3 *db;

	print_text("1", "left", "a", id);
	assert_int_equal(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	plug(&f->left);
	tb_virtual_loop_advance(f->bridge.loop, 5000000);
	assert_int_equal(f->left.printed, 0);
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	tb_virtual_loop_advance(f->bridge.loop, 2000000);
	assert_int_equal(f->left.printed, 1);
	assert_told(id, "queued, printing");
}

static void
old_jobs_and_keys_go(void **state)
{
	char id[TB_JOB_ID_SIZE];
	int64_t day_us = INT64_C(86400) * 1000000;

	plug(&f->left);
	print_text("1", "left", "a", id);
	tell_job(&f->left, TB_JOB_CONFIRMED, NULL, true);
	print_coupon("2", "TBC-AB12", id);
	tell_job(&f->left, TB_JOB_CONFIRMED, NULL, true);
	tb_virtual_loop_set_wall(f->bridge.loop, TB_VIRTUAL_WALL_US + 89 * day_us);
	stop();
	start();
	assert_int_equal(on_disk("SELECT count(*) FROM print_job", NULL), 2);
	assert_int_equal(on_disk("SELECT count(*) FROM print_key", NULL), 2);
	tb_virtual_loop_set_wall(f->bridge.loop, TB_VIRTUAL_WALL_US + 92 * day_us);
	stop();
	start();
	/* The coupon's stays: it says whether it was printed before. */
	assert_int_equal(on_disk("SELECT count(*) FROM print_job", NULL), 1);
	assert_int_equal(on_disk("SELECT count(*) FROM print_key", NULL), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGED(document_is_printed_once),
		STAGED(key_said_twice_prints_once),
		STAGED(refusal_stores_no_key),
		STAGED(bad_orders_are_refused),
		STAGED(document_fault_has_its_place),
		STAGED(substitutions_are_told),
		STAGED(raw_bytes_go_as_they_are),
		STAGED(queue_goes_in_order_one_at_a_time),
		STAGED(paper_out_before_the_first_byte),
		STAGED(held_job_is_tried_again),
		STAGED(paper_out_in_the_middle),
		STAGED(printer_gone_in_the_middle),
		STAGED(printer_gone_before_the_first_byte),
		STAGED(silence_is_not_proof),
		STAGED(busy_printer_is_tried_again),
		STAGED(cancel_at_every_stage),
		STAGED(cancel_between_two_commits),
		STAGED(printer_state_is_told),
		STAGED(queue_is_listed),
		STAGED(queue_has_a_limit),
		STAGED(drawer_does_not_open_late),
		STAGED(full_disk_refuses_and_recovers),
		STAGED(job_and_key_are_one),
		STAGED(start_that_cannot_write),
		STAGED(end_that_cannot_be_written),
		STAGED(mark_that_cannot_be_written),
		STAGED(old_jobs_and_keys_go),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
