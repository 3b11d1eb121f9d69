/* SPDX-License-Identifier: MIT */
/* What the files of the HTTP door share: the state, one exchange, one event stream. */
#pragma once

#include <microhttpd.h>
#include "base/buf.h"
#include "base/list.h"
#include "bridge/http/http.h"

struct tb_http_state {
	const struct tb_http_host *host;
	struct MHD_Daemon *daemon;
	struct tb_source *ready, *timer, *flush, *overdue, *beat;
	uint64_t timer_at_us, overdue_at_us; /* what the two are set to */
	char *certificate, *key;
	struct tb_list connections; /* struct door_connection.node, longest idle first */
	unsigned n_connections;
	struct tb_list exchanges; /* struct exchange.node */
	struct tb_list streams;   /* struct stream.node */
	unsigned n_streams;
	bool stopping;
};

/* One TCP connection: until when it owes us a whole request. */
struct door_connection {
	struct tb_list node;
	struct MHD_Connection *connection;
	uint64_t until_us; /* TB_NEVER while a request is answered, or it has been shut */
	bool known;        /* it has brought a token that counts */
};

/* What a head says that matters here; NULL what it does not say. MHD keeps the texts as long as the
 * request. */
struct tb_http_head {
	const char *origin, *authorization, *site, *till, *key, *id, *length, *private_network;
	unsigned lengths, encodings, authorizations, hosts;
	bool odd;
};

/* One request and its answer. */
struct exchange {
	struct tb_list node;
	struct tb_http_state *state;
	struct MHD_Connection *connection;
	struct tb_http_head head;
	struct tb_http_peer peer;
	struct tb_buf body;
	char method[65];
	char key[128];
	bool preflight, called, suspended, answered;
	unsigned status;
	char *answer;
	size_t answer_len;
};

/* exchange.c: MHD's callbacks. */
enum MHD_Result tb_http_access(void *userdata, struct MHD_Connection *connection, const char *url,
	const char *verb, const char *version, const char *upload, size_t *upload_size,
	void **context);
void tb_http_completed(void *userdata, struct MHD_Connection *connection, void **context,
	enum MHD_RequestTerminationCode why);

/* cors.c: whether the request's Origin is allowed (true without one), and the answer to a
 * preflight. */
bool tb_http_origin_allowed(const struct exchange *x);
enum MHD_Result tb_http_preflight(struct exchange *x);
/* The headers that every answer bears. */
void tb_http_common_headers(const struct exchange *x, struct MHD_Response *response);

/* stream.c: GET /v1/events. */
enum MHD_Result tb_http_stream(struct exchange *x);
void tb_http_streams_wake(struct tb_http_state *state);
void tb_http_streams_end(struct tb_http_state *state);

/* listener.c: the three moments of a connection. The head of a request is there; all of it is, and
 * is answered from here on; it was answered. */
void tb_http_request_begins(struct tb_http_state *state, struct MHD_Connection *connection);
void tb_http_request_is_whole(struct MHD_Connection *connection);
void tb_http_request_ends(struct tb_http_state *state, struct MHD_Connection *connection);
/* Its token counts: it is not the first to go when there are too many. */
void tb_http_is_known(struct MHD_Connection *connection);

/* listener.c: work that MHD has after something was resumed. */
void tb_http_run(struct tb_http_state *state);
/* The answer that x holds, which is MHD's from then on; and a refusal of the door's own. */
enum MHD_Result tb_http_send(struct exchange *x);
enum MHD_Result tb_http_refuse(struct exchange *x, const char *word);
