/* SPDX-License-Identifier: MIT */
/* The stage: what the queue speaks to, and a till's calls said in one line. */

#include "tests/unit/bridge/print-stage.h"

#include "bridge/devices.h"
#include "bridge/events.h"
#include "bridge/loyalty.h"

struct stage *f;

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

	if (op == TB_OP_COUPON_UNPRINTED) {
		answer.json = f->unprinted ? f->unprinted : "{\"coupons\":[]}";
		answer.len = strlen(answer.json);
		done(&answer, userdata);
		return;
	}
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

int64_t
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

bool
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

void
settle(void)
{
	tb_virtual_loop_settle(f->bridge.loop);
}

/* The driver tells of the job under way. */
void
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

void
tell_printer(struct tb_device *device, enum tb_printer_state state)
{
	struct tb_event event = {.kind = TB_EVENT_PRINTER, .printer = state};

	tb_printing_event(f->bridge.printing, device->name, &event);
	settle();
}

void
plug(struct tb_device *device)
{
	device->job = NULL;
	tb_printing_device_ready(f->bridge.printing, device->name, &f->driver, device);
	settle();
}

void
unplug(struct tb_device *device)
{
	device->job = NULL;
	tb_printing_device_gone(f->bridge.printing, device->name);
	settle();
}

/* Start, end, crash. */

void
start(void)
{
	_cleanup_free_ char *why = NULL;

	assert_int_equal(tb_state_new(&f->bridge, f->dir, &f->bridge.state, &why), 0);
	assert_int_equal(tb_printing_new(&f->bridge, &f->bridge.printing), 0);
	settle();
}

void
stop(void)
{
	tb_printing_free(TAKE_PTR(f->bridge.printing));
	tb_state_free(TAKE_PTR(f->bridge.state));
}

int
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
	/* There are some, and we answer for them. */
	f->bridge.devices = (struct tb_devices *)(void *)f;
	f->bridge.loop = tb_virtual_loop_new();
	assert_non_null(f->bridge.loop);
	start();
	return 0;
}

int
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

void
request_done(struct tb_request *request)
{
	json_decref(request->params);
	free(request->answer);
	free(request->error);
	*request = (struct tb_request){0};
}
void
call(struct tb_request *request, tb_method_fn method, const char *params)
{
	request->till = request->till ? request->till : "1";
	request->params = json_loads(params, 0, NULL);
	assert_non_null(request->params);
	method(request);
}

/* The answer's `job`. */
const char *
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

void
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

void
print_coupon(const char *key, const char *code, char *id)
{
	_cleanup_request_ struct tb_request request = {0};
	char params[256];

	snprintf(params, sizeof(params), "{\"key\":\"%s\",\"code\":\"%s\"}", key, code);
	call(&request, tb_method_print_coupon, params);
	settle();
	memcpy(id, job_of(&request), TB_JOB_ID_SIZE);
}

void
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
void
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

void
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
