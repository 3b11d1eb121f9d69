/* SPDX-License-Identifier: MIT */
/* bridge.status and bridge.methods: what this bridge is, and what it can be asked. */

#include <string.h>
#include "base/jsonw.h"
#include "bridge/conf.h"
#include "bridge/devices.h"
#include "bridge/events.h"
#include "bridge/loyalty.h"
#include "bridge/outbox.h"
#include "bridge/rpc/methods.h"
#include "bridge/rpc/rpc.h"

static void
answer(struct tb_request *request, const struct tb_buf *buf)
{
	if (tb_buf_error(buf) < 0)
		tb_request_fail(request, TB_ERROR_INTERNAL, NULL);
	else
		tb_request_answer(request, buf->data, buf->len);
}

static void
write_product(struct tb_jsonw *w, const struct tb_conf *conf)
{
	tb_jsonw_string(w, "product", "tillbridge");
	tb_jsonw_string(w, "version", TB_VERSION);
	tb_jsonw_object(w, "api");
	tb_jsonw_int(w, "major", TB_API_MAJOR);
	tb_jsonw_int(w, "minor", TB_API_MINOR);
	tb_jsonw_end_object(w);
	tb_jsonw_string(w, "site", conf->site);
	tb_jsonw_string(w, "till", conf->till);
	tb_jsonw_string(w, "currency", conf->currency);
	tb_jsonw_string(w, "connector", conf->connector);
}

void
tb_method_bridge_status(struct tb_request *request)
{
	struct tb_bridge *bridge = tb_request_bridge(request);
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&buf);

	tb_jsonw_object(&w, NULL);
	write_product(&w, bridge->conf);
	tb_loyalty_write_link(bridge->loyalty, &w);
	tb_jsonw_object(&w, "outbox");
	tb_outbox_write(bridge->outbox, &w);
	tb_jsonw_end_object(&w);
	tb_jsonw_array(&w, "devices");
	if (bridge->devices)
		tb_devices_write(bridge->devices, &w);
	tb_jsonw_end_array(&w);
	tb_jsonw_object(&w, "events");
	tb_jsonw_int(&w, "seq", (int64_t)tb_events_last(bridge->events));
	tb_jsonw_end_object(&w);
	tb_jsonw_int(&w, "clients", tb_rpc_clients(bridge->rpc));
	tb_jsonw_end_object(&w);
	answer(request, &buf);
}

void
tb_method_bridge_methods(struct tb_request *request)
{
	const char *name = json_string_value(json_object_get(tb_request_params(request), "method"));
	const struct tb_method *method = name ? tb_method_find(name) : NULL;
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);

	if (name && !method) {
		tb_request_fail_at(request, "/method", "unknown");
		return;
	}
	tb_methods_write(&buf, method);
	answer(request, &buf);
}
