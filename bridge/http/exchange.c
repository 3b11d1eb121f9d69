/* SPDX-License-Identifier: MIT */
/*
 * One request from its head to its answer: who may, what is called, how much is read. The answer
 * may come later; the connection is suspended until then.
 */

#include "bridge/http/listener.h"

#include <string.h>

static struct exchange *
exchange_new(struct tb_http_state *state, struct MHD_Connection *connection)
{
	struct exchange *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->state = state;
	x->connection = connection;
	x->body = TB_BUF_INIT(TB_HTTP_BODY_MAX);
	tb_list_append(&state->exchanges, &x->node);
	return x;
}

void
tb_http_completed(void *userdata, struct MHD_Connection *connection, void **context,
	enum MHD_RequestTerminationCode why)
{
	struct tb_http_state *state = userdata;
	struct exchange *x = *context;

	tb_http_request_ends(state, connection);
	*context = NULL;
	if (!x)
		return;
	tb_list_remove(&x->node);
	tb_list_init(&x->node);
	if (x->called && !x->answered) {
		/* The daemon still works on it: the answer frees it. */
		x->connection = NULL;
		return;
	}
	tb_buf_done(&x->body);
	free(x->answer);
	free(x);
}

/* ---- the head ---- */

static enum MHD_Result
look_at_header(void *userdata, enum MHD_ValueKind kind, const char *name, size_t name_len,
	const char *value, size_t len)
{
	struct tb_http_head *head = userdata;
	const struct {
		const char *name;
		const char **value;
		unsigned *count;
	} known[] = {
		{"Authorization", &head->authorization, &head->authorizations},
		{"Content-Length", &head->length, &head->lengths},
		{"Host", NULL, &head->hosts},
		{"Origin", &head->origin, NULL},
		{"Idempotency-Key", &head->key, NULL},
		{"Tillbridge-Request", &head->id, NULL},
		{"Tillbridge-Site", &head->site, NULL},
		{"Tillbridge-Till", &head->till, NULL},
		{"Access-Control-Request-Private-Network", &head->private_network, NULL},
	};

	if (value && memchr(value, '\0', len))
		head->odd = true;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcasecmp(name, known[i].name) != 0)
			continue;
		if (known[i].value && !*known[i].value)
			*known[i].value = value;
		if (known[i].count)
			++*known[i].count;
		return MHD_YES;
	}
	if (strcasecmp(name, "Transfer-Encoding") == 0) {
		head->encodings++;
		head->odd |= !value || strcasecmp(value, "chunked") != 0;
	}
	return MHD_YES;
}

/* Whether everyone on the way here has read the same request: where it ends is said once. */
static bool
is_plain(struct exchange *x)
{
	struct tb_http_head *head = &x->head;

	MHD_get_connection_values_n(x->connection, MHD_HEADER_KIND, look_at_header, head);
	return !head->odd && head->lengths + head->encodings <= 1 && head->authorizations <= 1 &&
	       head->hosts <= 1;
}

/* "Bearer TOKEN" of a token that was given out. */
static bool
authorized(struct exchange *x)
{
	const char *header = x->head.authorization;

	if (!header || strncasecmp(header, "Bearer ", 7) != 0 ||
		strlen(header + 7) > TB_HTTP_TOKEN_MAX)
		return false;
	return x->state->host->find_token(x->state->host, header + 7, &x->peer);
}

/* The till's own configuration must agree with the token it was given. */
static bool
agrees(struct exchange *x)
{
	const struct tb_http_head *head = &x->head;

	return (!head->site || strcmp(head->site, x->peer.site) == 0) &&
	       (!head->till || strcmp(head->till, x->peer.till) == 0);
}

/* Idempotency-Key is a structured string: the quotes are its syntax. Without them it is taken as it
 * is. */
static bool
read_key(struct exchange *x)
{
	const char *header = x->head.key;
	size_t len = header ? strlen(header) : 0;

	if (len >= 2 && header[0] == '"' && header[len - 1] == '"')
		header++, len -= 2;
	if (len >= sizeof(x->key) || (header && memchr(header, '"', len)) ||
		(header && memchr(header, '\\', len)))
		return false;
	if (len > 0)
		memcpy(x->key, header, len);
	return true;
}

/* The word of what is wrong with the head, NULL when it is fine. */
static const char *
check_head(struct exchange *x, const char *url, const char *verb)
{
	size_t len = strlen(url);

	if (!is_plain(x))
		return "bad_request";
	if (!tb_http_origin_allowed(x))
		return "not_permitted";
	if (!authorized(x))
		return "unauthorized";
	tb_http_is_known(x->connection);
	if (!agrees(x))
		return "not_permitted";
	if (len <= 4 || memcmp(url, "/v1/", 4) != 0 || len - 4 >= sizeof(x->method) ||
		strchr(url + 4, '/'))
		return "no_method";
	memcpy(x->method, url + 4, len - 4 + 1);
	if (strcmp(x->method, "events") == 0)
		return strcmp(verb, "GET") == 0 ? NULL : "only_get";
	if (strcmp(verb, "POST") != 0)
		return "only_post";
	if (x->head.length && strtoull(x->head.length, NULL, 10) > TB_HTTP_BODY_MAX)
		return "too_large";
	return read_key(x) ? NULL : "bad_key";
}

/* ---- the call ---- */

static void
done(unsigned status, const char *body, size_t len, void *userdata)
{
	struct exchange *x = userdata;

	x->answered = true;
	if (!x->connection) { /* nobody waits any more */
		tb_buf_done(&x->body);
		free(x);
		return;
	}
	x->status = status;
	x->answer = malloc(len + 1);
	if (x->answer) {
		memcpy(x->answer, body, len);
		x->answer_len = len;
	}
	if (x->suspended) {
		x->suspended = false;
		MHD_resume_connection(x->connection);
		tb_http_run(x->state);
	}
}

static enum MHD_Result
send_answer(struct exchange *x)
{
	return x->answer ? tb_http_send(x) : MHD_NO;
}

static enum MHD_Result
call(struct exchange *x)
{
	static char empty[] = "{}";
	const struct tb_http_host *host = x->state->host;

	x->called = true;
	if (x->body.len > 0)
		host->call(host, &x->peer, x->method, x->body.data, x->body.len,
			x->key[0] ? x->key : NULL, done, x);
	else
		host->call(host, &x->peer, x->method, empty, 2, x->key[0] ? x->key : NULL, done, x);
	if (x->answered)
		return send_answer(x);
	x->suspended = true;
	MHD_suspend_connection(x->connection);
	return MHD_YES;
}

static enum MHD_Result
begin(struct tb_http_state *state, struct MHD_Connection *connection, const char *url,
	const char *verb, void **context)
{
	struct exchange *x;
	const char *wrong;

	tb_http_request_begins(state, connection);
	x = exchange_new(state, connection);
	if (!x)
		return MHD_NO;
	*context = x;
	/* Answered when all of it is there: what is answered sooner ends the connection. */
	x->preflight = strcmp(verb, "OPTIONS") == 0;
	if (x->preflight)
		wrong = is_plain(x) ? NULL : "bad_request";
	else
		wrong = check_head(x, url, verb);
	return wrong ? tb_http_refuse(x, wrong) : MHD_YES;
}

enum MHD_Result
tb_http_access(void *userdata, struct MHD_Connection *connection, const char *url, const char *verb,
	const char *version, const char *upload, size_t *upload_size, void **context)
{
	struct tb_http_state *state = userdata;
	struct exchange *x = *context;

	if (!x)
		return begin(state, connection, url, verb, context);
	if (x->answered)
		return send_answer(x);
	if (x->called || state->stopping)
		return MHD_NO;
	if (*upload_size > 0) {
		if (!x->preflight)
			tb_buf_add(&x->body, upload, *upload_size);
		*upload_size = 0;
		return MHD_YES;
	}
	tb_http_request_is_whole(connection);
	if (x->preflight)
		return tb_http_preflight(x);
	if (tb_buf_error(&x->body))
		return tb_http_refuse(x, "too_large");
	if (strcmp(x->method, "events") == 0)
		return tb_http_stream(x);
	return call(x);
}
