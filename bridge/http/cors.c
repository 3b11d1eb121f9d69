/* SPDX-License-Identifier: MIT */
/*
 * Which pages may talk to this door: those whose origin stands in the configuration, by name, never
 * all. A program that is no browser sends no Origin and needs none.
 */

#include "bridge/http/listener.h"

#include <string.h>

bool
tb_http_origin_allowed(const struct exchange *x)
{
	const char *origin = x->head.origin;
	const char *list = x->state->host->origins;
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
tb_http_common_headers(const struct exchange *x, struct MHD_Response *response)
{
	const struct tb_http_head *head = &x->head;

	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (head->id && strlen(head->id) < 64)
		MHD_add_response_header(response, "Tillbridge-Request", head->id);
	if (x->state->host->origins)
		MHD_add_response_header(response, "Vary", "Origin");
	if (head->origin && tb_http_origin_allowed(x))
		MHD_add_response_header(response, "Access-Control-Allow-Origin", head->origin);
}

enum MHD_Result
tb_http_preflight(struct exchange *x)
{
	const char *private = x->head.private_network;
	struct MHD_Response *response;
	enum MHD_Result r;

	if (!x->head.origin || !tb_http_origin_allowed(x))
		return tb_http_refuse(x, "not_permitted");
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
	tb_http_common_headers(x, response);
	r = MHD_queue_response(x->connection, MHD_HTTP_NO_CONTENT, response);
	MHD_destroy_response(response);
	return r;
}
