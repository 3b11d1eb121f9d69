/* SPDX-License-Identifier: MIT */
/* The stage of device-stage.h: stands where events.c, loyalty.c, printing.c and the socket stand.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "bridge/events.h"
#include "bridge/loyalty.h"
#include "bridge/printing.h"
#include "tests/unit/bridge/device-stage.h"
#include "tests/virtual-loop.h"

struct tb_request {
	uint64_t client;
	const char *audience;
};

struct stage stage;
static tb_client_gone_fn gone_fn;
static void *gone_userdata;
static uint64_t gone_client = UINT64_MAX;
static char *last_told;

void
stage_begin(void)
{
	stage = (struct stage){.seq = 100};
	stage.bridge.loop = tb_virtual_loop_new();
	stage.bridge.conf = &stage.conf;
	stage.bridge.rpc = (struct tb_rpc *)&stage; /* somebody is there */
	stage.bridge.printing = (struct tb_printing *)&stage;
	gone_client = UINT64_MAX;
}

void
stage_end(void)
{
	assert_int_equal(tb_virtual_loop_sources(stage.bridge.loop), 0);
	tb_virtual_loop_free(stage.bridge.loop);
	tb_buf_done(&stage.told);
	free(stage.asked);
	free(last_told);
	last_told = NULL;
}

const char *
stage_told(void)
{
	free(last_told);
	last_told = strdup(stage.told.data ? stage.told.data : "");
	tb_buf_done(&stage.told);
	return last_told;
}

uint64_t
tb_events_emit(struct tb_events *events, enum tb_notice notice, const char *audience,
	const char *members, size_t len)
{
	static const char *const words[] = {
		"scan", "card", "customer", "device", "printer", "job", "outbox", "link"};

	tb_buf_addf(&stage.told, "%s%s%s {%.*s}\n", words[notice], audience ? "@" : "",
		audience ? audience : "", (int)len, members);
	return ++stage.seq;
}

void
tb_loyalty_call(
	struct tb_loyalty *loyalty, enum tb_op op, json_t *params, tb_done_fn done, void *userdata)
{
	char *text = json_dumps(params, JSON_COMPACT);

	assert_int_equal(op, TB_OP_CUSTOMER_LOOKUP);
	tb_buf_addf(&stage.told, "lookup %s\n", text);
	free(text);
	stage.done = done;
	stage.done_userdata = userdata;
}

void
stage_answer(enum tb_error error, const char *json)
{
	struct tb_answer answer = {.error = error, .json = json, .len = json ? strlen(json) : 0};

	assert_non_null(stage.done);
	stage.done(&answer, stage.done_userdata);
	stage.done = NULL;
}

void
tb_printing_device_ready(struct tb_printing *printing, const char *name,
	const struct tb_driver *driver, struct tb_device *device)
{
	tb_buf_addf(&stage.told, "printer %s ready\n", name);
}

void
tb_printing_device_gone(struct tb_printing *printing, const char *name)
{
	tb_buf_addf(&stage.told, "printer %s gone\n", name);
}

void
tb_printing_event(struct tb_printing *printing, const char *name, const struct tb_event *event)
{
	tb_buf_addf(&stage.told, "printer %s event\n", name);
}

struct tb_request *
stage_request(uint64_t client, const char *audience)
{
	struct tb_request *request = calloc(1, sizeof(*request));

	request->client = client;
	request->audience = audience;
	return request;
}

struct tb_bridge *
tb_request_bridge(const struct tb_request *request)
{
	return &stage.bridge;
}

json_t *
tb_request_params(const struct tb_request *request)
{
	return NULL;
}

uint64_t
tb_request_client(const struct tb_request *request)
{
	return request->client;
}

const char *
tb_request_audience(const struct tb_request *request)
{
	return request->audience;
}

void
tb_request_answer(struct tb_request *request, const char *json, size_t len)
{
	if (request->client != gone_client)
		tb_buf_addf(&stage.told, "answer %d %.*s\n", (int)request->client, (int)len, json);
	free(request);
}

void
tb_request_fail(struct tb_request *request, enum tb_error error, const char *data)
{
	if (request->client != gone_client)
		tb_buf_addf(
			&stage.told, "fail %d %s\n", (int)request->client, tb_error_word(error));
	free(request);
}

int
tb_rpc_notify(
	struct tb_rpc *rpc, uint64_t client, const char *method, const char *members, size_t len)
{
	if (client == gone_client)
		return -ENOTCONN;
	tb_buf_addf(&stage.told, "notify %d %s {%.*s}\n", (int)client, method, (int)len, members);
	return 0;
}

void
tb_rpc_set_gone(struct tb_rpc *rpc, tb_client_gone_fn fn, void *userdata)
{
	gone_fn = fn;
	gone_userdata = userdata;
}

void
stage_gone(uint64_t client)
{
	gone_client = client;
	gone_fn(client, gone_userdata);
}
