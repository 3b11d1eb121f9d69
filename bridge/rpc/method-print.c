/* SPDX-License-Identifier: MIT */
/*
 * print.document, print.raw, print.coupon, print.job, print.list, print.cancel, drawer.open: what a
 * till says to the print queue. Parameters have been checked against the table of methods; what a
 * document says is checked here, and by the printer it is for.
 */
#include <stdio.h>
#include <string.h>
#include "base/base64.h"
#include "base/jsonw.h"
#include "bridge/devices.h"
#include "bridge/printing-parts.h"
#include "bridge/rpc/document.h"
#include "bridge/rpc/methods.h"

#define LIST_PAGE 100 /* jobs of a page when the till does not say */

bool
tb_print_choose(struct tb_request *request, struct tb_print_choice *ret)
{
	struct tb_bridge *bridge = tb_request_bridge(request);
	const char *name = json_string_value(
		json_object_get(tb_request_params(request), "printer"));
	struct tb_print_choice choice = {0};

	choice.name = tb_devices_printer(bridge->devices, name, &choice.driver, &choice.config);
	if (!choice.name) {
		tb_request_fail(request,
			name ? TB_ERROR_DEVICE_UNKNOWN : TB_ERROR_PRINTER_UNAVAILABLE, NULL);
		return false;
	}
	*ret = choice;
	return true;
}

/* Says why this printer cannot print it: a matter for who programs the till. */
static void
fail_unprintable(struct tb_request *request, const char *why)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(4096);
	struct tb_jsonw w = TB_JSONW(&buf);

	tb_jsonw_object(&w, NULL);
	tb_jsonw_array(&w, "errors");
	tb_jsonw_object(&w, NULL);
	tb_jsonw_string(&w, "pointer", "/document");
	tb_jsonw_string(&w, "code", "unprintable");
	tb_jsonw_end_object(&w);
	tb_jsonw_end_array(&w);
	tb_jsonw_string(&w, "reason", why);
	tb_jsonw_end_object(&w);
	tb_request_fail(
		request, TB_ERROR_INVALID_PARAMS, tb_buf_error(&buf) == 0 ? buf.data : NULL);
}

/* Whether the document is one, and the printer can print it. */
static bool
check_document(struct tb_request *request, const json_t *json, const struct tb_print_choice *choice,
	struct tb_print_report *ret)
{
	_cleanup_(tb_document_freep) struct tb_document *document = NULL;
	_cleanup_free_ char *why = NULL;
	struct tb_document_fault fault;
	int r = tb_document_from_json(json, "/document", &document, &fault);

	if (r == -EINVAL) {
		tb_request_fail_at(request, fault.pointer, fault.code);
		return false;
	}
	if (r == 0 && choice->driver && choice->driver->printer->check)
		r = choice->driver->printer->check(choice->config, document, ret, &why);
	if (r == -EINVAL)
		fail_unprintable(request, why);
	else if (r < 0)
		tb_print_fail(request, r);
	return r == 0;
}

/* A list of the characters, as a till may show them. */
static void
write_substitutions(struct tb_jsonw *w, const char *text)
{
	if (!text[0])
		return;
	tb_jsonw_array(w, "substitutions");
	while (*text) {
		size_t len = 1;

		while (((unsigned char)text[len] & 0xc0) == 0x80)
			len++;
		tb_jsonw_string_n(w, NULL, text, len);
		text += len;
	}
	tb_jsonw_end_array(w);
}

/* Journals the job and its answer. */
static void
submit(struct tb_request *request, const struct tb_print_key *key,
	const struct tb_print_order *order, const char *substituted)
{
	struct tb_printing *printing = tb_request_bridge(request)->printing;
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(8192);
	struct tb_jsonw w = TB_JSONW(&buf);
	char id[TB_JOB_ID_SIZE];
	int r = tb_printing_add(printing, order, id);

	if (r < 0) {
		tb_print_fail(request, r);
		return;
	}
	tb_jsonw_object(&w, NULL);
	tb_jsonw_string(&w, "job", id);
	write_substitutions(&w, substituted);
	tb_jsonw_end_object(&w);
	r = tb_buf_error(&buf);
	if (r < 0) {
		tb_state_doom(printing->bridge->state, r);
		tb_print_fail(request, r);
		return;
	}
	tb_print_key_answer(printing, request, key, buf.data, buf.len);
}

static void
submit_document(struct tb_request *request, const struct tb_print_key *key, const json_t *document,
	enum tb_print_kind kind)
{
	_cleanup_free_ char *body = NULL;
	struct tb_print_report report = {0};
	struct tb_print_choice choice;
	struct tb_print_order order = {.kind = kind};

	if (!tb_print_choose(request, &choice) ||
		!check_document(request, document, &choice, &report))
		return;
	body = json_dumps(document, JSON_COMPACT);
	if (!body) {
		tb_print_fail(request, -ENOMEM);
		return;
	}
	order.printer = choice.name;
	order.body = body;
	order.len = strlen(body);
	submit(request, key, &order, report.substituted);
}

void
tb_method_print_document(struct tb_request *request)
{
	struct tb_printing *printing = tb_request_bridge(request)->printing;
	struct tb_print_key key;

	if (tb_print_key_begin(printing, request, "print.document", &key) == 0)
		submit_document(request, &key,
			json_object_get(tb_request_params(request), "document"), TB_PRINT_DOCUMENT);
}

void
tb_method_drawer_open(struct tb_request *request)
{
	struct tb_printing *printing = tb_request_bridge(request)->printing;
	struct tb_print_key key;
	json_t *document;

	if (tb_print_key_begin(printing, request, "drawer.open", &key) != 0)
		return;
	document = json_pack("{s:[{s:b}]}", "blocks", "pulse", 1);
	if (document)
		submit_document(request, &key, document, TB_PRINT_DRAWER);
	else
		tb_print_fail(request, -ENOMEM);
	json_decref(document);
}

void
tb_method_print_raw(struct tb_request *request)
{
	struct tb_printing *printing = tb_request_bridge(request)->printing;
	const json_t *data = json_object_get(tb_request_params(request), "data");
	struct tb_print_order order = {.kind = TB_PRINT_RAW};
	_cleanup_free_ uint8_t *bytes = NULL;
	struct tb_print_choice choice;
	struct tb_print_key key;
	int r;

	if (tb_print_key_begin(printing, request, "print.raw", &key) != 0)
		return;
	r = tb_base64_decode(json_string_value(data), json_string_length(data), &bytes, &order.len);
	if (r == -EINVAL || (r == 0 && order.len == 0)) {
		tb_request_fail_at(request, "/data", "invalid");
		return;
	}
	if (r < 0) {
		tb_print_fail(request, r);
		return;
	}
	if (!tb_print_choose(request, &choice))
		return;
	order.printer = choice.name;
	order.body = bytes;
	submit(request, &key, &order, "");
}

void
tb_method_print_coupon(struct tb_request *request)
{
	tb_printing_coupon_call(tb_request_bridge(request)->printing, request);
}

/* The row of the call's `id`; false when the request was refused. */
static bool
find_job(struct tb_request *request, struct tb_print_row *ret)
{
	struct tb_printing *printing = tb_request_bridge(request)->printing;
	const char *id = json_string_value(json_object_get(tb_request_params(request), "id"));
	int r = id ? tb_print_journal_find(printing->journal, id, ret) : 0;

	if (r == 0)
		tb_request_fail_at(request, "/id", "unknown");
	else if (r < 0)
		tb_print_fail(request, r);
	return r > 0;
}

/* The members of a job as every answer shows it. */
static void
write_job(struct tb_jsonw *w, const struct tb_print_row *row)
{
	tb_jsonw_string(w, "id", row->id);
	tb_jsonw_string(w, "state", tb_job_state_word(row->state));
	if (row->reason[0])
		tb_jsonw_string(w, "reason", row->reason);
}

/* What is shown was perhaps written in this turn. */
static void
answer_written(struct tb_request *request, const struct tb_buf *buf)
{
	if (tb_buf_error(buf) < 0)
		tb_print_fail(request, tb_buf_error(buf));
	else
		tb_print_answer(tb_request_bridge(request)->printing, request, buf->data, buf->len);
}

static void
answer_job(struct tb_request *request, const struct tb_print_row *row)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(4096);
	struct tb_jsonw w = TB_JSONW(&buf);

	tb_jsonw_object(&w, NULL);
	write_job(&w, row);
	tb_jsonw_end_object(&w);
	answer_written(request, &buf);
}

void
tb_method_print_job(struct tb_request *request)
{
	struct tb_print_row row;

	if (!find_job(request, &row))
		return;
	answer_job(request, &row);
	tb_print_row_done(&row);
}

/* The jobs of a page; `after` is where it begins and then where it ended. */
static int
write_jobs(struct tb_print_journal *journal, struct tb_jsonw *w, int64_t limit, int64_t *after)
{
	struct tb_print_row row;
	int r = 1;

	for (int64_t i = 0; i < limit; i++) {
		r = tb_print_journal_pending(journal, *after, &row);
		if (r <= 0)
			return r;
		*after = row.seq;
		tb_jsonw_object(w, NULL);
		tb_jsonw_string(w, "device", row.printer);
		tb_jsonw_string(w, "kind", tb_print_kind_word(row.kind));
		write_job(w, &row);
		tb_jsonw_end_object(w);
		tb_print_row_done(&row);
	}
	r = tb_print_journal_pending(journal, *after, &row);
	if (r > 0)
		tb_print_row_done(&row);
	return r;
}

void
tb_method_print_list(struct tb_request *request)
{
	json_t *params = tb_request_params(request);
	const char *cursor = json_string_value(json_object_get(params, "cursor"));
	const json_t *limit = json_object_get(params, "limit");
	int64_t after = cursor ? strtoll(cursor, NULL, 10) : 0;
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(1 << 20);
	struct tb_jsonw w = TB_JSONW(&buf);
	char next[24];
	int r;

	tb_jsonw_object(&w, NULL);
	tb_jsonw_array(&w, "jobs");
	r = write_jobs(tb_request_bridge(request)->printing->journal, &w,
		limit ? json_integer_value(limit) : LIST_PAGE, &after);
	if (r < 0) {
		tb_print_fail(request, r);
		return;
	}
	tb_jsonw_end_array(&w);
	if (r > 0) {
		snprintf(next, sizeof(next), "%lld", (long long)after);
		tb_jsonw_string(&w, "cursor", next);
	}
	tb_jsonw_end_object(&w);
	answer_written(request, &buf);
}

void
tb_method_print_cancel(struct tb_request *request)
{
	struct tb_print_row row;
	int r;

	if (!find_job(request, &row))
		return;
	r = tb_printing_cancel(tb_request_bridge(request)->printing, &row);
	tb_print_row_done(&row);
	if (r < 0) {
		tb_print_fail(request, r);
		return;
	}
	if (!find_job(request, &row))
		return;
	answer_job(request, &row);
	tb_print_row_done(&row);
}
