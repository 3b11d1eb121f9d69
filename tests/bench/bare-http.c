/* SPDX-License-Identifier: MIT */
/*
 * The bare server that the hub is measured against: libmicrohttpd, and in its handler the same call
 * of the same connector. No token, no table of methods, no checking, no queue.
 *
 *   bare-http MODULE STATE_DIR      prints its port
 */
#include <dlfcn.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include "base/buf.h"
#include "bridge/loop.h"
#include "plugins/loyalty/connector.h"

static const struct tb_connector *connector;
static struct tb_connector_state *state;
static struct tb_host host;

static const char *
setting(const struct tb_host *h, const char *key)
{
	return NULL;
}

static void
done(const struct tb_answer *answer, void *userdata)
{
	struct MHD_Response **response = userdata;

	if (answer->error == TB_OK)
		*response = MHD_create_response_from_buffer(
			answer->len, (void *)(uintptr_t)answer->json, MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result
call(struct MHD_Connection *connection, const struct tb_buf *body)
{
	json_t *params = json_loadb(body->data, body->len, 0, NULL);
	struct MHD_Response *response = NULL;
	struct tb_call c = {
		.op = TB_OP_CUSTOMER_LOOKUP,
		.caller = {.site = host.site, .till = host.till},
		.params = params,
		.deadline_us = TB_NEVER,
		.done = done,
		.userdata = &response,
	};
	enum MHD_Result r;

	if (params)
		connector->call(state, &c);
	json_decref(params);
	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type", "application/json");
	r = MHD_queue_response(connection, MHD_HTTP_OK, response);
	MHD_destroy_response(response);
	return r;
}

static enum MHD_Result
on_request(void *userdata, struct MHD_Connection *connection, const char *url, const char *verb,
	const char *version, const char *upload, size_t *size, void **context)
{
	struct tb_buf *body = *context;

	if (!body) {
		body = *context = calloc(1, sizeof(*body));
		if (body)
			*body = TB_BUF_INIT(0);
		return body ? MHD_YES : MHD_NO;
	}
	if (*size > 0) {
		tb_buf_add(body, upload, *size);
		*size = 0;
		return MHD_YES;
	}
	return call(connection, body);
}

static void
completed(void *userdata, struct MHD_Connection *connection, void **context,
	enum MHD_RequestTerminationCode why)
{
	struct tb_buf *body = *context;

	if (body)
		tb_buf_done(body);
	free(body);
	*context = NULL;
}

static int
start_connector(const char *module, const char *state_dir)
{
	void *handle = dlopen(module, RTLD_NOW | RTLD_LOCAL);
	char *why = NULL;

	connector = handle ? dlsym(handle, TB_CONNECTOR_SYMBOL) : NULL;
	host = (struct tb_host){.state_dir = state_dir,
		.site = "lyon-1",
		.till = "bare",
		.currency = "EUR",
		.language = "en",
		.product_reference = "code",
		.country = "FR",
		.setting = setting};
	if (!connector || tb_event_loop_new(&host.loop) < 0 ||
		connector->start(&host, &state, &why) < 0) {
		fprintf(stderr, "%s: %s\n", module, why ? why : dlerror());
		return 1;
	}
	return 0;
}

int
main(int argc, char *argv[])
{
	struct MHD_Daemon *daemon;

	if (argc != 3 || start_connector(argv[1], argv[2]) != 0)
		return 2;
	daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, NULL,
		MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_END);
	if (!daemon)
		return 1;
	printf("%u\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
	fflush(stdout);
	for (;;) {
		MHD_run_wait(daemon, -1);
		connector->turn_end(state);
	}
}
