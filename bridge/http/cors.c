/* SPDX-License-Identifier: MIT */
/*
 * Which pages may talk to this door: those whose origin stands in the configuration, by name, never
 * all. A program that is no browser sends no Origin and needs none.
 */

#include "bridge/http/listener.h"

#include <string.h>

static const char *
header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

bool
tb_http_origin_allowed(const struct tb_http_state *state, struct MHD_Connection *connection)
{
	const char *origin = header(connection, "Origin");
	const char *list = state->host->origins;
	size_t len = origin ? strlen(origin) : 0;

	if (!origin)
		return true;
	while (list && *list) {
		size_t n = strcspn(list, " \t,");

		if (n == len && n > 0 && strncmp(list, origin, n) == 0)
			return true;
		list += n;
		list += strspn(list, " \t,");
	}
	return false;
}

void
tb_http_common_headers(const struct tb_http_state *state, struct MHD_Connection *connection,
	struct MHD_Response *response)
{
	const char *origin = header(connection, "Origin");
	const char *request = header(connection, "Tillbridge-Request");

	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (request && strlen(request) < 64)
		MHD_add_response_header(response, "Tillbridge-Request", request);
	if (state->host->origins)
		MHD_add_response_header(response, "Vary", "Origin");
	if (origin && tb_http_origin_allowed(state, connection))
		MHD_add_response_header(response, "Access-Control-Allow-Origin", origin);
}

enum MHD_Result
tb_http_preflight(struct tb_http_state *state, struct MHD_Connection *connection)
{
	const char *private = header(connection, "Access-Control-Request-Private-Network");
	struct MHD_Response *response;
	enum MHD_Result r;

	if (!header(connection, "Origin") || !tb_http_origin_allowed(state, connection))
		return tb_http_refuse(state, connection, "not_permitted");
	response = MHD_create_response_from_buffer(
		0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, "Access-Control-Allow-Methods", "GET, POST");
	MHD_add_response_header(response, "Access-Control-Allow-Headers",
		"Authorization, Content-Type, Idempotency-Key, Last-Event-ID");
	MHD_add_response_header(response, "Access-Control-Max-Age", "600");
	if (private && strcmp(private, "true") == 0)
		MHD_add_response_header(response, "Access-Control-Allow-Private-Network", "true");
	tb_http_common_headers(state, connection, response);
	r = MHD_queue_response(connection, MHD_HTTP_NO_CONTENT, response);
	MHD_destroy_response(response);
	return r;
}
