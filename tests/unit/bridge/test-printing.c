/* SPDX-License-Identifier: MIT */
/*
 * The print queue with a printer, a connector and a socket of the test's own, on virtual time and a
 * real state.db. "Before it is on disk" is looked at through a second connection; a crash is a
 * process that ends in the middle.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "base/jsonw.h"
#include "bridge/conf.h"
#include "bridge/devices.h"
#include "bridge/events.h"
#include "bridge/loyalty.h"
#include "bridge/printing-parts.h"
#include "bridge/rpc/methods.h"
#include "hw/escpos/document.h"
#include "tests/virtual-loop.h"

/* A printer as its driver shows it. */
struct tb_device {
	const char *name;
	const struct tb_print_job *job; /* under way */
	unsigned printed;               /* calls of print */
	unsigned cancelled;             /* calls of cancel */
	int refuse;                     /* what print answers */
	char text[4096];                /* of the last document, or the raw bytes */
};

struct tb_request {
	const char *till;
	json_t *params;
	char *answer; /* NULL: not yet */
	char *error;  /* its word, or "invalid_params /pointer code" */
};

static struct fixture {
	char dir[64], path[96];
	struct tb_bridge bridge;
	struct tb_conf conf;
	struct tb_device left, right;
	struct tb_driver driver;
	bool no_printer;
	char events[65536]; /* a line each: NOTICE DEVICE [ID] STATE [REASON] */
	char asked[4096];   /* of the connector: "coupon.printed TBC-1\n" */
	enum tb_error connector_error;
	bool connector_silent;
	tb_done_fn done; /* of the call it was silent to */
	void *done_userdata;
	const char *printed_at; /* of coupon.check */
} * f;

/* The parts of the bridge that the queue speaks to. */

const char *
tb_devices_printer(struct tb_devices *devices, const char *name,
	const struct tb_driver **ret_driver, const struct tb_device_config **ret_config)
{
	if (f->no_printer || (name && strcmp(name, "left") != 0 && strcmp(name, "right") != 0))
		return NULL;
	if (ret_driver)
		*ret_driver = &f->driver;
	if (ret_config)
		*ret_config = NULL;
	return name && strcmp(name, "right") == 0 ? "right" : "left";
}

uint64_t
tb_events_emit(struct tb_events *events, enum tb_notice notice, const char *audience,
	const char *members, size_t len)
{
	static const char *const names[] = {"device", "id", "state", "reason"};
	_cleanup_free_ char *text = NULL;
	size_t at = strlen(f->events);
	json_t *json;

	assert_true(asprintf(&text, "{%.*s}", (int)len, members) > 0);
	json = json_loads(text, 0, NULL);
	assert_non_null(json);
	at += (size_t)snprintf(f->events + at, sizeof(f->events) - at, "%s",
		notice == TB_NOTICE_JOB ? "job" : "printer");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = json_string_value(json_object_get(json, names[i]));

		if (value)
			at += (size_t)snprintf(
				f->events + at, sizeof(f->events) - at, " %s", value);
	}
	snprintf(f->events + at, sizeof(f->events) - at, "\n");
	json_decref(json);
	return 1;
}

void
tb_loyalty_call(
	struct tb_loyalty *loyalty, enum tb_op op, json_t *params, tb_done_fn done, void *userdata)
{
	const char *code = json_string_value(json_object_get(params, "code"));
	struct tb_answer answer = {.error = f->connector_error};
	_cleanup_free_ char *json = NULL;
	size_t at = strlen(f->asked);

	snprintf(f->asked + at, sizeof(f->asked) - at, "%d %s\n", (int)op,
		code ? code : json_string_value(json_object_get(params, "id")));
	if (f->connector_silent) {
		f->done = done;
		f->done_userdata = userdata;
		return;
	}
	if (op == TB_OP_COUPON_CHECK && strcmp(code, "TBC-USED") == 0)
		answer.error = TB_ERROR_COUPON_USED;
	else if (op == TB_OP_COUPON_CHECK)
		assert_true(
			asprintf(&json,
				"{\"code\":\"%s\",\"reward\":\"r\",\"title\":\"Café offert\","
				"\"uses_left\":1,\"valid_to\":\"2025-06-01T00:00:00+02:00\","
				"\"customer\":\"c_1\"%s%s%s}",
				code, f->printed_at ? ",\"printed_at\":\"" : "",
				f->printed_at ? f->printed_at : "", f->printed_at ? "\"" : "") > 0);
	else
		json = strdup("{\"customer\":{\"id\":\"c_1\",\"first_name\":\"Éléonore\"}}");
	if (answer.error == TB_OK) {
		answer.json = json;
		answer.len = strlen(json);
	}
	done(&answer, userdata);
}

struct tb_bridge *
tb_request_bridge(const struct tb_request *request)
{
	return &f->bridge;
}

json_t *
tb_request_params(const struct tb_request *request)
{
	return request->params;
}

const char *
tb_request_site(const struct tb_request *request)
{
	return "shop";
}

const char *
tb_request_till(const struct tb_request *request)
{
	return request->till;
}

void
tb_request_answer(struct tb_request *request, const char *json, size_t len)
{
	assert_null(request->answer);
	assert_null(request->error);
	request->answer = strndup(json, len);
}

void
tb_request_fail(struct tb_request *request, enum tb_error error, const char *data)
{
	assert_null(request->answer);
	assert_null(request->error);
	assert_true(asprintf(&request->error, "%s%s%s", tb_error_word(error), data ? " " : "",
			    data ? data : "") > 0);
}

void
tb_request_fail_at(struct tb_request *request, const char *pointer, const char *code)
{
	assert_null(request->answer);
	assert_null(request->error);
	assert_true(asprintf(&request->error, "invalid_params %s %s", pointer, code) > 0);
}

/* The printer's driver. */

static int64_t
on_disk(const char *query, const char *argument)
{
	sqlite3 *db;
	sqlite3_stmt *stmt;
	int64_t n;

	assert_int_equal(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, query, -1, &stmt, NULL), SQLITE_OK);
	if (argument)
		sqlite3_bind_text(stmt, 1, argument, -1, SQLITE_STATIC);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return n;
}

static bool
is_touched(const char *id)
{
	return on_disk("SELECT touched FROM print_job WHERE id = ?1", id) != 0;
}

static int
fake_check(const struct tb_device_config *config, const struct tb_document *document,
	struct tb_print_report *ret, char **ret_why)
{
	if (document->width > 48) {
		*ret_why = strdup("48 characters is all it has");
		return -EINVAL;
	}
	if (document->n > 0 && document->blocks[0].kind == TB_BLOCK_TEXT &&
		strstr(document->blocks[0].text.text, "č"))
		snprintf(ret->substituted, sizeof(ret->substituted), "č€");
	return 0;
}

static int
fake_print(struct tb_device *device, const struct tb_print_job *job)
{
	size_t at = 0;

	assert_null(device->job);
	/* The one thing that keeps a coupon from being printed twice. */
	assert_true(is_touched(job->id));
	if (device->refuse)
		return device->refuse;
	device->job = job;
	device->printed++;
	device->text[0] = '\0';
	if (job->raw)
		memcpy(device->text, job->raw, TB_MIN(job->raw_len, sizeof(device->text) - 1));
	for (size_t i = 0; job->document && i < job->document->n; i++) {
		const struct tb_block *block = &job->document->blocks[i];
		const char *text = block->kind == TB_BLOCK_TEXT ? block->text.text
		                   : block->kind == TB_BLOCK_QR ? block->qr.data
		                                                : "";

		at += (size_t)snprintf(device->text + at, sizeof(device->text) - at, "%s\n", text);
	}
	return 0;
}

static int
fake_cancel(struct tb_device *device)
{
	device->cancelled++;
	return 0;
}

static const struct tb_printer_ops fake_ops = {
	.check = fake_check, .print = fake_print, .cancel = fake_cancel};

static void
settle(void)
{
	tb_virtual_loop_settle(f->bridge.loop);
}

/* The driver tells of the job under way. */
static void
tell_job(struct tb_device *device, enum tb_job_state state, const char *reason, bool touched)
{
	struct tb_event event = {.kind = TB_EVENT_JOB, .reason = reason};

	assert_non_null(device->job);
	event.job.id = device->job->id;
	event.job.state = state;
	event.job.touched = touched;
	if (state != TB_JOB_PRINTING && state != TB_JOB_HELD)
		device->job = NULL;
	tb_printing_event(f->bridge.printing, device->name, &event);
	settle();
}

static void
tell_printer(struct tb_device *device, enum tb_printer_state state)
{
	struct tb_event event = {.kind = TB_EVENT_PRINTER, .printer = state};

	tb_printing_event(f->bridge.printing, device->name, &event);
	settle();
}

static void
plug(struct tb_device *device)
{
	device->job = NULL;
	tb_printing_device_ready(f->bridge.printing, device->name, &f->driver, device);
	settle();
}

static void
unplug(struct tb_device *device)
{
	device->job = NULL;
	tb_printing_device_gone(f->bridge.printing, device->name);
	settle();
}

/* Start, end, crash. */

static void
start(void)
{
	_cleanup_free_ char *why = NULL;

	assert_int_equal(tb_state_new(&f->bridge, f->dir, &f->bridge.state, &why), 0);
	assert_int_equal(tb_printing_new(&f->bridge, &f->bridge.printing), 0);
	settle();
}

static void
stop(void)
{
	tb_printing_free(TAKE_PTR(f->bridge.printing));
	tb_state_free(TAKE_PTR(f->bridge.state));
}

static int
setup(void **state)
{
	f = calloc(1, sizeof(*f));
	assert_non_null(f);
	snprintf(f->dir, sizeof(f->dir), "/tmp/tb-printing-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/state.db", f->dir);
	f->left.name = "left";
	f->right.name = "right";
	f->driver.name = "printer-fake";
	f->driver.printer = &fake_ops;
	f->conf.language = "fr";
	f->conf.site = "lyon-1";
	f->bridge.conf = &f->conf;
	f->bridge.loop = tb_virtual_loop_new();
	assert_non_null(f->bridge.loop);
	start();
	return 0;
}

static int
teardown(void **state)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char path[128];

	stop();
	assert_int_equal(tb_virtual_loop_sources(f->bridge.loop), 0);
	tb_virtual_loop_free(f->bridge.loop);
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		snprintf(path, sizeof(path), "%s%s", f->path, suffixes[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

/* Calls. */

static void
request_done(struct tb_request *request)
{
	json_decref(request->params);
	free(request->answer);
	free(request->error);
	*request = (struct tb_request){0};
}
#define _cleanup_request_ _cleanup_(request_done)

static void
call(struct tb_request *request, tb_method_fn method, const char *params)
{
	request->till = request->till ? request->till : "1";
	request->params = json_loads(params, 0, NULL);
	assert_non_null(request->params);
	method(request);
}

/* The answer's `job`. */
static const char *
job_of(const struct tb_request *request)
{
	static char id[TB_JOB_ID_SIZE];
	json_t *json;

	assert_null(request->error);
	assert_non_null(request->answer);
	json = json_loads(request->answer, 0, NULL);
	snprintf(id, sizeof(id), "%s", json_string_value(json_object_get(json, "job")));
	json_decref(json);
	return id;
}

static void
print_text(const char *key, const char *printer, const char *text, char *id)
{
	_cleanup_request_ struct tb_request request = {0};
	char params[1024];

	snprintf(params, sizeof(params),
		"{\"key\":\"%s\",\"printer\":\"%s\",\"document\":{\"blocks\":[{\"text\":\"%s\"}]}}",
		key, printer, text);
	call(&request, tb_method_print_document, params);
	settle();
	memcpy(id, job_of(&request), TB_JOB_ID_SIZE);
}

static void
print_coupon(const char *key, const char *code, char *id)
{
	_cleanup_request_ struct tb_request request = {0};
	char params[256];

	snprintf(params, sizeof(params), "{\"key\":\"%s\",\"code\":\"%s\"}", key, code);
	call(&request, tb_method_print_coupon, params);
	settle();
	memcpy(id, job_of(&request), TB_JOB_ID_SIZE);
}

static void
assert_job(const char *id, const char *state)
{
	_cleanup_request_ struct tb_request request = {0};
	char params[64], expected[128];
	const char *reason = strchr(state, ' ');

	snprintf(params, sizeof(params), "{\"id\":\"%s\"}", id);
	call(&request, tb_method_print_job, params);
	settle();
	if (reason)
		snprintf(expected, sizeof(expected),
			"{\"id\":\"%s\",\"state\":\"%.*s\",\"reason\":\"%s\"}", id,
			(int)(reason - state), state, reason + 1);
	else
		snprintf(expected, sizeof(expected), "{\"id\":\"%s\",\"state\":\"%s\"}", id, state);
	assert_non_null(request.answer);
	assert_string_equal(request.answer, expected);
}

/* The states a job went through, as they were told: "queued printing confirmed". */
static void
assert_told(const char *id, const char *expected)
{
	char told[1024] = "";
	_cleanup_free_ char *lines = strdup(f->events);
	char *save = NULL;

	for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *at = strstr(line, id);

		if (!at || strncmp(line, "job ", 4) != 0)
			continue;
		if (told[0])
			strcat(told, ", ");
		strncat(told, at + strlen(id) + 1, sizeof(told) - strlen(told) - 1);
	}
	assert_string_equal(told, expected);
}

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
		tell_job(&f->left, TB_JOB_HELD, "cover_open", false);
		tell_job(&f->left, TB_JOB_CANCELLED, NULL, false);
	}
	tb_virtual_loop_advance(f->bridge.loop, 3500000);
	tell_job(&f->left, TB_JOB_PRINTING, NULL, true);
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
	unplug(&f->left);
	assert_job(id, "held lost");
	assert_false(is_touched(id));
	plug(&f->left);
	assert_string_equal(f->left.text, "a\n");
	tell_job(&f->left, TB_JOB_CONFIRMED, NULL, true);
	assert_told(id, "queued, printing, held lost, printing, confirmed");
}

/* A driver that says nothing before it is gone may have printed. */
static void
silence_is_not_proof(void **state)
{
	char id[TB_JOB_ID_SIZE];

	plug(&f->left);
	print_text("1", "left", "a", id);
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
cancel(const char *id, const char *expected)
{
	_cleanup_request_ struct tb_request request = {0};
	char params[64];

	snprintf(params, sizeof(params), "{\"id\":\"%s\"}", id);
	call(&request, tb_method_print_cancel, params);
	settle();
	assert_non_null(request.answer);
	assert_non_null(strstr(request.answer, expected));
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

/* Coupons. */

static void
coupon_is_checked_and_told(void **state)
{
	char id[TB_JOB_ID_SIZE], told[64];

	plug(&f->left);
	print_coupon("1", "TBC-AB12", id);
	assert_string_equal(f->left.text,
		"lyon-1\n\n\nCafé offert\n\nPour Éléonore\nValable jusqu'au 31 mai 2025\n"
		"TBC-AB12\nTBC-AB12\n\nÀ présenter en caisse\n\n");
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

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(document_is_printed_once),
		T(key_said_twice_prints_once),
		T(refusal_stores_no_key),
		T(bad_orders_are_refused),
		T(document_fault_has_its_place),
		T(substitutions_are_told),
		T(raw_bytes_go_as_they_are),
		T(queue_goes_in_order_one_at_a_time),
		T(paper_out_before_the_first_byte),
		T(held_job_is_tried_again),
		T(paper_out_in_the_middle),
		T(printer_gone_in_the_middle),
		T(printer_gone_before_the_first_byte),
		T(silence_is_not_proof),
		T(busy_printer_is_tried_again),
		T(cancel_at_every_stage),
		T(cancel_between_two_commits),
		T(printer_state_is_told),
		T(queue_has_a_limit),
		T(drawer_does_not_open_late),
		T(full_disk_refuses_and_recovers),
		T(end_that_cannot_be_written),
		T(mark_that_cannot_be_written),
		T(coupon_is_checked_and_told),
		T(coupon_printed_again_says_so),
		T(only_what_was_printed_is_a_reprint),
		T(two_printers_one_coupon),
		T(connector_is_told_until_it_hears),
		T(connector_is_told_after_a_restart),
		T(coupon_call_outlives_the_queue),
		T(coupon_asked_twice_at_once_is_one),
		T(earned_coupon_has_one_job),
		T(crash_at_every_stage),
		T(old_jobs_and_keys_go),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
