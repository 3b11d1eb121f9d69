/* SPDX-License-Identifier: MIT */
/*
 * scan.submit: a code keyed by hand, or read by the till itself, enters by the door of scanners.
 * scan.classify only says what it would be taken for.
 */

#include "base/jsonw.h"
#include "bridge/counter.h"
#include "bridge/rpc/methods.h"

/* The code of the parameters, to be given back. Answers the request itself when it is none. */
static bool
read_code(struct tb_request *request, struct tb_scan *ret)
{
	const json_t *params = tb_request_params(request);
	const json_t *code = json_object_get(params, "code");
	const char *word = json_string_value(json_object_get(params, "symbology"));
	const char *symbology = word ? tb_symbology_word(word) : NULL;
	int r;

	if (word && !symbology) {
		tb_request_fail_at(request, "/symbology", "bad_value");
		return false;
	}
	r = tb_scan_init(
		ret, (const uint8_t *)json_string_value(code), json_string_length(code), symbology);
	if (r == -ENOMEM)
		tb_request_fail(request, TB_ERROR_INTERNAL, NULL);
	else if (r < 0)
		tb_request_fail_at(request, "/code", r == -E2BIG ? "too_long" : "bad_value");
	return r == 0;
}

void
tb_method_scan_classify(struct tb_request *request)
{
	struct tb_counter *counter = tb_request_bridge(request)->counter;
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&buf);
	struct tb_scan scan;
	const char *reason;

	if (!read_code(request, &scan))
		return;
	tb_jsonw_object(&w, NULL);
	tb_jsonw_string(
		&w, "kind", tb_code_kind_word(tb_counter_classify(counter, &scan, &reason)));
	tb_jsonw_string(&w, "reason", reason);
	tb_jsonw_end_object(&w);
	tb_scan_done(&scan);
	if (tb_buf_error(&buf) < 0)
		tb_request_fail(request, TB_ERROR_INTERNAL, NULL);
	else
		tb_request_answer(request, buf.data, buf.len);
}

void
tb_method_scan_submit(struct tb_request *request)
{
	struct tb_counter *counter = tb_request_bridge(request)->counter;
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	struct tb_scan scan;
	uint64_t seq;

	if (!read_code(request, &scan))
		return;
	seq = tb_counter_scan(counter, NULL, &scan);
	tb_scan_done(&scan);
	tb_buf_addf(&buf, "{\"seq\":%llu}", (unsigned long long)seq);
	if (seq == 0)
		tb_request_fail(request, TB_ERROR_PAYMENT_CARD_REFUSED, NULL);
	else if (tb_buf_error(&buf) < 0)
		tb_request_fail(request, TB_ERROR_INTERNAL, NULL);
	else
		tb_request_answer(request, buf.data, buf.len);
}
