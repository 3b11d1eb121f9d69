/* SPDX-License-Identifier: MIT */
/*
 * GET /v1/events: Server-Sent Events. A stream is a cursor into the kept events and holds no
 * backlog of its own: one that reads slowly misses what is not kept any more, and is told so.
 */

#include "bridge/http/listener.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CHUNK ((size_t)16 * 1024)

struct stream {
	struct tb_list node;
	struct tb_http_state *state;
	struct MHD_Connection *connection;
	struct tb_http_peer peer;
	char kinds[128];
	uint64_t cursor;
	struct tb_buf out; /* one event, as far as it is not written yet */
	size_t written;
	bool suspended, ending, beat;
};

/* Puts the next event into out; false when there is none. */
static bool
fetch(struct stream *s)
{
	const struct tb_http_host *host = s->state->host;
	struct tb_http_event e;

	tb_buf_reset(&s->out);
	s->written = 0;
	if (host->next_event(host, &s->peer, s->kinds[0] ? s->kinds : NULL, s->cursor, &e)) {
		s->cursor = e.seq;
		tb_buf_addf(&s->out, "id: %" PRIu64 "\nevent: %s\ndata: ", e.seq, e.kind);
		tb_buf_add(&s->out, e.data, e.len);
		tb_buf_add_str(&s->out, "\n\n");
	} else if (s->beat) {
		tb_buf_add_str(&s->out, ":\n\n");
	}
	s->beat = false;
	return s->out.len > 0 && tb_buf_error(&s->out) == 0;
}

static ssize_t
read_stream(void *userdata, uint64_t position, char *to, size_t max)
{
	struct stream *s = userdata;
	size_t n;

	if (s->ending)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (s->written == s->out.len && !fetch(s)) {
		s->suspended = true;
		MHD_suspend_connection(s->connection);
		return 0;
	}
	n = TB_MIN(max, s->out.len - s->written);
	memcpy(to, s->out.data + s->written, n);
	s->written += n;
	return (ssize_t)n;
}

static void
stream_free(void *userdata)
{
	struct stream *s = userdata;

	tb_list_remove(&s->node);
	s->state->n_streams--;
	tb_buf_done(&s->out);
	free(s);
}

static void
wake(struct stream *s)
{
	if (!s->suspended)
		return;
	s->suspended = false;
	MHD_resume_connection(s->connection);
}

void
tb_http_streams_wake(struct tb_http_state *state)
{
	struct stream *s, *next;

	tb_list_for_each_safe(s, next, &state->streams, node) {
		s->beat = true;
		wake(s);
	}
	tb_http_run(state);
}

void
tb_http_streams_end(struct tb_http_state *state)
{
	struct stream *s, *next;

	tb_list_for_each_safe(s, next, &state->streams, node) {
		s->ending = true;
		wake(s);
	}
}

/* The kinds asked for, each of which the peer may have. The word of what is wrong, or NULL. */
static const char *
read_kinds(struct stream *s, const char *list)
{
	const struct tb_http_host *host = s->state->host;

	if (!list)
		return NULL;
	if (strlen(list) >= sizeof(s->kinds))
		return "bad_kinds";
	snprintf(s->kinds, sizeof(s->kinds), "%s", list);
	for (char *p = s->kinds; *p; p++)
		if (*p == ',' || *p == '+')
			*p = ' ';
	for (const char *p = s->kinds; *p;) {
		char word[32];
		size_t n = strcspn(p, " ");

		if (n >= sizeof(word))
			return "bad_kinds";
		snprintf(word, sizeof(word), "%.*s", (int)n, p);
		if (n > 0 && !host->may_have(host, &s->peer, word))
			return "not_permitted";
		p += n + (p[n] == ' ');
	}
	return NULL;
}

/* Last-Event-ID, else ?since=; without either from now on. */
static bool
read_cursor(struct stream *s)
{
	const char *text = MHD_lookup_connection_value(
		s->connection, MHD_HEADER_KIND, "Last-Event-ID");
	char *end;

	if (!text)
		text = MHD_lookup_connection_value(s->connection, MHD_GET_ARGUMENT_KIND, "since");
	if (!text) {
		s->cursor = s->state->host->last_event(s->state->host);
		return true;
	}
	errno = 0;
	s->cursor = strtoull(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

enum MHD_Result
tb_http_stream(struct exchange *x)
{
	struct tb_http_state *state = x->state;
	struct MHD_Connection *connection = x->connection;
	struct MHD_Response *response;
	struct stream *s;
	const char *wrong;
	enum MHD_Result r;

	if (state->n_streams >= TB_HTTP_STREAMS_MAX) {
		/* Those whose page is gone learn it when they say something. */
		tb_source_set_timer_in(state->beat, 0);
		return tb_http_refuse(x, "rate_limited");
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return MHD_NO;
	s->state = state;
	s->connection = connection;
	s->peer = x->peer;
	s->beat = true; /* the first bytes go out at once: the page sees that it is connected */
	s->out = TB_BUF_INIT(0);
	tb_list_append(&state->streams, &s->node);
	state->n_streams++;
	wrong = read_kinds(
		s, MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "kinds"));
	if (!wrong && !read_cursor(s))
		wrong = "bad_since";
	response = wrong ? NULL
	                 : MHD_create_response_from_callback(
				   MHD_SIZE_UNKNOWN, CHUNK, read_stream, s, stream_free);
	if (!response) {
		stream_free(s);
		return wrong ? tb_http_refuse(x, wrong) : MHD_NO;
	}
	MHD_add_response_header(response, "Content-Type", "text/event-stream");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	tb_http_common_headers(x, response);
	r = MHD_queue_response(connection, MHD_HTTP_OK, response);
	MHD_destroy_response(response);
	tb_source_set_timer_in(state->beat, UINT64_C(25) * 1000000);
	return r;
}
