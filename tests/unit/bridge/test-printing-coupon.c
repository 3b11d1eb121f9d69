/* SPDX-License-Identifier: MIT */
/*
 * Coupons in the print queue: printed once, and when they may have been printed before they say so,
 * also after the process ended in the middle.
 */
#include <sys/wait.h>
#include "tests/unit/bridge/print-stage.h"

/* Coupons. */

static void
coupon_is_checked_and_told(void **state)
{
	char id[TB_JOB_ID_SIZE], told[64];

	plug(&f->left);
	print_coupon("1", "TBC-AB12", id);
	assert_string_equal(f->left.text,
		"lyon-1\n\n\nCafé offert\n\nPour Éléonore\nValable jusqu'au 31 mai 2025\n"
		"TBC-AB12\nTBC-AB12\n\nBon à présenter en caisse\n\n");
	snprintf(told, sizeof(told), "%d TBC-AB12\n", (int)TB_OP_COUPON_PRINTED);
	assert_null(strstr(f->asked, told));
	tell_job(&f->left, TB_JOB_CONFIRMED, NULL, true);
	assert_non_null(strstr(f->asked, told));
	assert_int_equal(on_disk("SELECT count(*) FROM print_job WHERE told = 0", NULL), 0);
}

static void
coupon_printed_again_says_so(void **state)
{
	char id[TB_JOB_ID_SIZE];

	plug(&f->left);
	print_coupon("1", "TBC-AB12", id);
	assert_null(strstr(f->left.text, "REPRINT"));
	unplug(&f->left);
	assert_job(id, "unknown lost");
	plug(&f->left);
	print_coupon("2", "TBC-AB12", id);
	assert_non_null(strstr(f->left.text, "DUPLICATA - REPRINT"));
	assert_non_null(strstr(f->left.text, "TBC-AB12"));
	tell_job(&f->left, TB_JOB_SENT, NULL, true);
	print_coupon("3", "TBC-CD34", id);
	assert_null(strstr(f->left.text, "REPRINT"));
}

/* A job that never touched paper is none; one printed by another bridge is. */
static void
only_what_was_printed_is_a_reprint(void **state)
{
	char id[TB_JOB_ID_SIZE];

	print_coupon("1", "TBC-AB12", id);
	cancel(id, "cancelled");
	print_coupon("2", "TBC-AB12", id);
	plug(&f->left);
	assert_null(strstr(f->left.text, "REPRINT"));
	tell_job(&f->left, TB_JOB_CONFIRMED, NULL, true);
	f->printed_at = "2025-05-01T10:00:00+02:00";
	print_coupon("3", "TBC-CD34", id);
	assert_non_null(strstr(f->left.text, "REPRINT"));
}

/* Two printers that come at the same moment: one of the two coupons is the second. */
static void
two_printers_one_coupon(void **state)
{
	_cleanup_request_ struct tb_request left = {0}, right = {0};

	call(&left, tb_method_print_coupon,
		"{\"key\":\"1\",\"code\":\"TBC-AB12\",\"printer\":\"left\"}");
	call(&right, tb_method_print_coupon,
		"{\"key\":\"2\",\"code\":\"TBC-AB12\",\"printer\":\"right\"}");
	settle();
	tb_printing_device_ready(f->bridge.printing, "left", &f->driver, &f->left);
	tb_printing_device_ready(f->bridge.printing, "right", &f->driver, &f->right);
	settle();
	assert_int_equal(f->left.printed + f->right.printed, 2);
	assert_true(!strstr(f->left.text, "REPRINT") != !strstr(f->right.text, "REPRINT"));
}

static void
connector_is_told_until_it_hears(void **state)
{
	char id[TB_JOB_ID_SIZE];

	plug(&f->left);
	print_coupon("1", "TBC-AB12", id);
	f->connector_error = TB_ERROR_SERVER_UNREACHABLE;
	tell_job(&f->left, TB_JOB_CONFIRMED, NULL, true);
	assert_int_equal(on_disk("SELECT count(*) FROM print_job WHERE told = 0", NULL), 1);
	f->asked[0] = '\0';
	tb_virtual_loop_advance(f->bridge.loop, 50000000);
	assert_string_equal(f->asked, "");
	f->connector_error = TB_OK;
	tb_virtual_loop_advance(f->bridge.loop, 20000000);
	assert_int_equal(on_disk("SELECT count(*) FROM print_job WHERE told = 0", NULL), 0);
}

/* The end of the job reaches the disk late: so does the connector's part. */
static void
connector_is_told_after_a_fault(void **state)
{
	char id[TB_JOB_ID_SIZE];
	sqlite3 *db = tb_state_db(f->bridge.state);

	plug(&f->left);
	print_coupon("1", "TBC-AB12", id);
	f->asked[0] = '\0';
	sqlite3_exec(db,
		"CREATE TRIGGER trip BEFORE UPDATE ON print_job "
		"BEGIN SELECT RAISE(FAIL, 'no'); END",
		NULL, NULL, NULL);
	tell_job(&f->left, TB_JOB_CONFIRMED, NULL, true);
	assert_string_equal(f->asked, "");
	sqlite3_exec(db, "DROP TRIGGER trip", NULL, NULL, NULL);
	tb_virtual_loop_advance(f->bridge.loop, 2000000);
	assert_job(id, "confirmed");
	assert_non_null(strstr(f->asked, "TBC-AB12"));
	assert_int_equal(on_disk("SELECT count(*) FROM print_job WHERE told = 0", NULL), 0);
}

static void
connector_is_told_after_a_restart(void **state)
{
	char id[TB_JOB_ID_SIZE];

	plug(&f->left);
	print_coupon("1", "TBC-AB12", id);
	f->connector_silent = true;
	tell_job(&f->left, TB_JOB_CONFIRMED, NULL, true);
	assert_non_null(f->done);
	stop();
	/* The answer comes when nobody waits any more. */
	f->done(&(struct tb_answer){.error = TB_ERROR_SERVER_UNREACHABLE}, f->done_userdata);
	f->asked[0] = '\0';
	f->connector_silent = false;
	start();
	assert_non_null(strstr(f->asked, "TBC-AB12"));
	assert_int_equal(on_disk("SELECT count(*) FROM print_job WHERE told = 0", NULL), 0);
}

static void
coupon_call_outlives_the_queue(void **state)
{
	_cleanup_request_ struct tb_request request = {0};

	f->connector_silent = true;
	call(&request, tb_method_print_coupon, "{\"key\":\"1\",\"code\":\"TBC-AB12\"}");
	settle();
	stop();
	f->done(&(struct tb_answer){.error = TB_ERROR_SERVER_UNREACHABLE}, f->done_userdata);
	assert_string_equal(request.error, "server_unreachable");
	f->connector_silent = false;
	start();
}

static void
coupon_asked_twice_at_once_is_one(void **state)
{
	static const char params[] = "{\"key\":\"1\",\"code\":\"TBC-AB12\"}";
	static const char answer[] = "{\"code\":\"TBC-AB12\",\"title\":\"Café\"}";
	_cleanup_request_ struct tb_request first = {0}, second = {0};
	struct tb_answer checked = {.json = answer, .len = sizeof(answer) - 1};
	tb_done_fn done;
	void *userdata;

	f->connector_silent = true;
	call(&first, tb_method_print_coupon, params);
	done = f->done;
	userdata = f->done_userdata;
	call(&second, tb_method_print_coupon, params);
	f->done(&checked, f->done_userdata);
	done(&checked, userdata);
	settle();
	assert_string_equal(first.answer, second.answer);
	assert_int_equal(on_disk("SELECT count(*) FROM print_job", NULL), 1);
}

static void
earned_coupon_has_one_job(void **state)
{
	json_t *coupon = json_pack("{s:s, s:s, s:s}", "code", "TBC-AB12", "title", "Café offert",
		"valid_to", "2025-06-15T00:00:00+02:00");
	_cleanup_free_ char *job = NULL, *again = NULL, *none = NULL;

	plug(&f->left);
	assert_int_equal(tb_printing_coupon(f->bridge.printing, coupon, "Zoé", &job), 0);
	assert_int_equal(tb_printing_coupon(f->bridge.printing, coupon, "Zoé", &again), 0);
	assert_string_equal(job, again);
	assert_int_equal(f->left.printed, 0);
	settle();
	assert_int_equal(f->left.printed, 1);
	assert_non_null(strstr(f->left.text, "Pour Zoé\nValable jusqu'au 14 juin 2025\n"));

	f->no_printer = true;
	json_object_set_new(coupon, "code", json_string("TBC-CD34"));
	assert_int_equal(tb_printing_coupon(f->bridge.printing, coupon, NULL, &none), -ENODEV);
	f->no_printer = false;
	assert_int_equal(tb_printing_coupon(f->bridge.printing, coupon, NULL, &none), -ENODEV);
	settle();
	assert_int_equal(on_disk("SELECT count(*) FROM print_job", NULL), 1);
	json_decref(coupon);
}

/* The ledger has the passage, the journal has not: at the next start the coupon gets its job, and
 * one that had it does not get another. */
static void
earned_coupon_is_not_forgotten(void **state)
{
	static const char unprinted[] =
		"{\"coupons\":[{\"code\":\"TBC-AB12\",\"title\":\"Café\",\"customer\":\"c_1\"},"
		"{\"code\":\"TBC-CD34\",\"title\":\"Café\"}]}";
	json_t *coupon = json_pack("{s:s, s:s}", "code", "TBC-CD34", "title", "Café");
	_cleanup_free_ char *job = NULL;

	assert_int_equal(tb_printing_coupon(f->bridge.printing, coupon, "Zoé", &job), 0);
	settle();
	stop();
	f->unprinted = unprinted;
	f->no_printer = true;
	start();
	assert_int_equal(on_disk("SELECT count(*) FROM print_job", NULL), 1);
	/* Found by udev a moment later. */
	f->no_printer = false;
	plug(&f->left);
	assert_int_equal(on_disk("SELECT count(*) FROM print_job", NULL), 2);
	tell_job(&f->left, TB_JOB_CONFIRMED, NULL, true);
	assert_non_null(strstr(f->left.text, "Café\n\nPour Éléonore\nTBC-AB12"));
	assert_null(strstr(f->left.text, "REPRINT"));
	stop();
	start();
	assert_int_equal(on_disk("SELECT count(*) FROM print_job", NULL), 2);
	json_decref(coupon);
}

/* Ends this process' child in the middle of `story`, and starts again on what it left. */
static void
crash(void (*story)(void))
{
	int status;
	pid_t pid;

	stop();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		start();
		story();
		_exit(7);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	start();
}

static int64_t
count(const char *state)
{
	return on_disk("SELECT count(*) FROM print_job WHERE state || ' ' || reason = ?1", state);
}

static void
crash_while_waiting(void)
{
	char id[TB_JOB_ID_SIZE];

	print_coupon("1", "TBC-AB12", id);
}

static void
crash_when_handed_over(void)
{
	crash_while_waiting();
	plug(&f->left);
}

static void
crash_when_held_untouched(void)
{
	crash_when_handed_over();
	tell_job(&f->left, TB_JOB_HELD, "paper_out", false);
	tell_job(&f->left, TB_JOB_CANCELLED, NULL, false);
}

static void
crash_when_held_in_the_middle(void)
{
	crash_when_handed_over();
	tell_job(&f->left, TB_JOB_HELD, "paper_out", true);
}

static void
crash_when_confirmed(void)
{
	crash_when_handed_over();
	f->connector_silent = true;
	tell_job(&f->left, TB_JOB_CONFIRMED, NULL, true);
}

/* The driver has told, the journal has not been written. */
static void
crash_before_the_end_is_written(void)
{
	struct tb_event event = {.kind = TB_EVENT_JOB};

	crash_when_handed_over();
	event.job.id = f->left.job->id;
	event.job.state = TB_JOB_CONFIRMED;
	event.job.touched = true;
	tb_printing_event(f->bridge.printing, "left", &event);
}

/* The call was never answered: it may be there or not, but not by half. */
static void
crash_before_the_job_is_written(void)
{
	struct tb_request request = {0};

	call(&request, tb_method_print_raw, "{\"key\":\"1\",\"data\":\"QUJD\"}");
	assert_null(request.answer);
}

static void
crash_at_every_stage(void **state)
{
	static const struct {
		void (*story)(void);
		const char *state; /* in which it is found */
		bool printed;      /* goes to the printer when that comes */
	} cases[] = {
		{crash_before_the_job_is_written, NULL, false},
		{crash_while_waiting, "queued ", true},
		{crash_when_handed_over, "unknown lost", false},
		{crash_when_held_untouched, "queued ", true},
		{crash_when_held_in_the_middle, "unknown lost", false},
		{crash_before_the_end_is_written, "unknown lost", false},
		{crash_when_confirmed, "confirmed ", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char id[TB_JOB_ID_SIZE];

		f->left.printed = 0;
		crash(cases[i].story);
		if (cases[i].state)
			assert_int_equal(count(cases[i].state), 1);
		assert_int_equal(
			on_disk("SELECT count(*) FROM print_job", NULL), cases[i].state != NULL);
		plug(&f->left);
		assert_int_equal(f->left.printed, cases[i].printed);
		if (cases[i].printed)
			tell_job(&f->left, TB_JOB_CONFIRMED, NULL, true);
		if (cases[i].printed)
			assert_null(strstr(f->left.text, "REPRINT"));
		/* And whoever prints it again is told that it may be the second. */
		if (cases[i].state) {
			print_coupon("2", "TBC-AB12", id);
			assert_non_null(strstr(f->left.text, "REPRINT"));
			assert_true(on_disk("SELECT count(*) FROM print_job WHERE told = 0",
					    NULL) == 0);
		}
		stop();
		unlink(f->path);
		start();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGED(coupon_is_checked_and_told),
		STAGED(coupon_printed_again_says_so),
		STAGED(only_what_was_printed_is_a_reprint),
		STAGED(two_printers_one_coupon),
		STAGED(connector_is_told_until_it_hears),
		STAGED(connector_is_told_after_a_fault),
		STAGED(connector_is_told_after_a_restart),
		STAGED(coupon_call_outlives_the_queue),
		STAGED(coupon_asked_twice_at_once_is_one),
		STAGED(earned_coupon_has_one_job),
		STAGED(earned_coupon_is_not_forgotten),
		STAGED(crash_at_every_stage),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
