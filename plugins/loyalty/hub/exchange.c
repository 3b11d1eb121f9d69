/* SPDX-License-Identifier: MIT */
/*
 * libcurl on the loop. Each request carries an id of its own that the server says back: an answer
 * that belongs to another request is no answer. One slot a request, freed when its callback has
 * run.
 */

#include "plugins/loyalty/hub/exchange.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>
#include "base/list.h"
#include "base/log.h"
#include "base/timestamp.h"

#define CONNECT_TIMEOUT_MS 5000L
#define IDLE_CONNECTION_S 118L
#define CLOCK_COARSE_US 20000 /* how late a second may begin for who writes the header */
#define REQUEST_HEADER "Tillbridge-Request"

struct tb_exchanges {
	struct tb_loop *loop;
	CURLM *multi;
	struct tb_source *timer;
	char *url, *ca_file, *authorization, *site, *till;
	struct tb_list running;
	struct tb_list sockets;
	uint64_t next_id, epoch;
};

struct exchange {
	struct tb_list node;
	struct tb_exchanges *owner;
	CURL *easy;
	struct curl_slist *headers;
	char *body;
	char id[40];
	char echoed[40];
	char content_type[64];
	char error[CURL_ERROR_SIZE];
	int64_t sent_wall_us;
	struct tm date;
	bool has_date;
	struct tb_buf answer;
	tb_exchange_fn fn;
	void *userdata;
};

struct watched {
	struct tb_list node;
	struct tb_exchanges *owner;
	struct tb_source *source;
	int fd;
};

static void
exchange_free(struct exchange *x)
{
	tb_list_remove(&x->node);
	if (x->easy) {
		curl_multi_remove_handle(x->owner->multi, x->easy);
		curl_easy_cleanup(x->easy);
	}
	curl_slist_free_all(x->headers);
	tb_buf_done(&x->answer);
	free(x->body);
	free(x);
}

/* The header counts whole seconds, and was written at some time between asking and now. */
static void
measure_skew(const struct exchange *x, int64_t now_us, struct tb_exchange_end *e)
{
	struct tm date = x->date;
	int64_t server_us = (int64_t)timegm(&date) * TB_USEC_PER_SEC;

	e->has_skew = true;
	e->skew_low_us = server_us - now_us - CLOCK_COARSE_US;
	e->skew_high_us = server_us + TB_USEC_PER_SEC - x->sent_wall_us + CLOCK_COARSE_US;
}

static void
end(struct exchange *x, CURLcode code)
{
	struct tb_exchange_end e = {.body = "", .content_type = x->content_type, .why = ""};
	long status = 0, sent = 0;

	curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(x->easy, CURLINFO_REQUEST_SIZE, &sent);
	e.unsent = sent == 0;
	if (code != CURLE_OK) {
		e.why = x->error[0] ? x->error : curl_easy_strerror(code);
	} else if (tb_buf_error(&x->answer)) {
		e.why = "the answer is too long";
	} else if (strcmp(x->id, x->echoed) != 0 && status < 500) {
		e.why = x->echoed[0] ? "the answer belongs to another request"
		                     : "the server is no tillbridge hub";
	} else {
		e.status = status;
		e.body = x->answer.data ? x->answer.data : "";
		e.len = x->answer.len;
		if (x->has_date)
			measure_skew(x, tb_loop_wall_us(x->owner->loop), &e);
	}
	x->fn(&e, x->userdata);
	exchange_free(x);
}

static void
finish_done(struct tb_exchanges *xs)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(xs->multi, &left))) {
		char *private = NULL;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		end((struct exchange *)(void *)private, code);
	}
}

static void
on_timer(void *userdata)
{
	struct tb_exchanges *xs = userdata;
	int running;

	curl_multi_socket_action(xs->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	finish_done(xs);
}

static void
on_socket(int fd, uint32_t events, void *userdata)
{
	struct watched *w = userdata;
	struct tb_exchanges *xs = w->owner;
	int running, what = 0;

	if (events & EPOLLIN)
		what |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		what |= CURL_CSELECT_OUT;
	if (events & (EPOLLERR | EPOLLHUP))
		what |= CURL_CSELECT_ERR | CURL_CSELECT_IN;
	curl_multi_socket_action(xs->multi, fd, what, &running);
	finish_done(xs);
}

static void
watched_free(struct watched *w)
{
	tb_list_remove(&w->node);
	tb_source_remove(&w->source);
	free(w);
}

static int
watch_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socketp)
{
	struct tb_exchanges *xs = userdata;
	struct watched *w = socketp;
	uint32_t events = (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0) |
	                  (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0);

	if (what == CURL_POLL_REMOVE) {
		if (w)
			watched_free(w);
		return 0;
	}
	if (w)
		return tb_source_set_events(w->source, events) < 0 ? -1 : 0;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -1;
	w->owner = xs;
	w->fd = fd;
	tb_list_init(&w->node);
	if (tb_loop_add_fd(xs->loop, fd, events, on_socket, w, &w->source) < 0) {
		watched_free(w);
		return -1;
	}
	tb_list_append(&xs->sockets, &w->node);
	curl_multi_assign(xs->multi, fd, w);
	return 0;
}

static int
set_timer(CURLM *multi, long timeout_ms, void *userdata)
{
	struct tb_exchanges *xs = userdata;

	if (timeout_ms < 0)
		tb_source_set_timer(xs->timer, TB_NEVER);
	else
		tb_source_set_timer_in(xs->timer, (uint64_t)timeout_ms * 1000);
	return 0;
}

static size_t
take_body(char *data, size_t size, size_t n, void *userdata)
{
	struct exchange *x = userdata;

	tb_buf_add(&x->answer, data, size * n);
	return tb_buf_error(&x->answer) ? 0 : size * n;
}

/* Copies the value of header `name` into out when line is that header. */
static bool
header_value(const char *line, size_t len, const char *name, char *out, size_t size)
{
	size_t n = strlen(name);

	if (len <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
		return false;
	line += n + 1, len -= n + 1;
	while (len > 0 && (*line == ' ' || *line == '\t'))
		line++, len--;
	while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == '\n' || line[len - 1] == ' '))
		len--;
	snprintf(out, size, "%.*s", (int)TB_MIN(len, size), line);
	return true;
}

static size_t
take_header(char *line, size_t size, size_t n, void *userdata)
{
	struct exchange *x = userdata;
	char date[64];

	if (!header_value(line, size * n, REQUEST_HEADER, x->echoed, sizeof(x->echoed)) &&
		!header_value(
			line, size * n, "Content-Type", x->content_type, sizeof(x->content_type)) &&
		header_value(line, size * n, "Date", date, sizeof(date)))
		x->has_date = strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &x->date) != NULL;
	return size * n;
}

int
tb_exchanges_new(struct tb_loop *loop, const struct tb_exchange_settings *settings,
	struct tb_exchanges **ret, char **ret_why)
{
	struct tb_exchanges *xs = calloc(1, sizeof(*xs));

	if (!xs)
		return -ENOMEM;
	xs->loop = loop;
	tb_list_init(&xs->running);
	tb_list_init(&xs->sockets);
	xs->url = strdup(settings->url);
	xs->ca_file = settings->ca_file ? strdup(settings->ca_file) : NULL;
	xs->site = strdup(settings->site);
	xs->till = strdup(settings->till);
	if (settings->token &&
		asprintf(&xs->authorization, "Authorization: Bearer %s", settings->token) < 0)
		xs->authorization = NULL;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		xs->multi = curl_multi_init();
	if (!xs->url || !xs->site || !xs->till || (settings->ca_file && !xs->ca_file) ||
		(settings->token && !xs->authorization) || !xs->multi ||
		tb_loop_add_timer(loop, 1000, on_timer, xs, &xs->timer) < 0 ||
		getrandom(&xs->epoch, sizeof(xs->epoch), 0) < 0) {
		tb_exchanges_free(xs);
		return -ENOMEM;
	}
	curl_multi_setopt(xs->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(xs->multi, CURLMOPT_SOCKETDATA, xs);
	curl_multi_setopt(xs->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(xs->multi, CURLMOPT_TIMERDATA, xs);
	curl_multi_setopt(xs->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)TB_EXCHANGE_CONNECTIONS);
	curl_multi_setopt(xs->multi, CURLMOPT_MAXCONNECTS, (long)TB_EXCHANGE_CONNECTIONS);
	*ret = xs;
	return 0;
}

void
tb_exchanges_free(struct tb_exchanges *xs)
{
	struct watched *w, *next;

	if (!xs)
		return;
	while (!tb_list_empty(&xs->running))
		end(tb_list_first(&xs->running, struct exchange, node), CURLE_ABORTED_BY_CALLBACK);
	if (xs->multi)
		curl_multi_cleanup(xs->multi);
	tb_list_for_each_safe(w, next, &xs->sockets, node)
		watched_free(w);
	tb_source_remove(&xs->timer);
	curl_global_cleanup();
	free(xs->url);
	free(xs->ca_file);
	free(xs->authorization);
	free(xs->site);
	free(xs->till);
	free(xs);
}

static int
add_header(struct exchange *x, const char *format, const char *value)
{
	_cleanup_free_ char *line = NULL;
	struct curl_slist *more;

	if (asprintf(&line, format, value) < 0) {
		line = NULL;
		return -ENOMEM;
	}
	more = curl_slist_append(x->headers, line);
	if (!more)
		return -ENOMEM;
	x->headers = more;
	return 0;
}

static int
add_headers(struct exchange *x, const char *key)
{
	int r = add_header(x, "%s", "Content-Type: application/json");

	if (r == 0)
		r = add_header(x, "%s", "Expect:"); /* no waiting for 100-continue */
	if (r == 0)
		r = add_header(x, REQUEST_HEADER ": %s", x->id);
	if (r == 0)
		r = add_header(x, "Tillbridge-Site: %s", x->owner->site);
	if (r == 0)
		r = add_header(x, "Tillbridge-Till: %s", x->owner->till);
	if (r == 0 && x->owner->authorization)
		r = add_header(x, "%s", x->owner->authorization);
	/* A structured string: the quotes belong to it. Keys are printable ASCII without them, or
	 * the key in the body serves alone. */
	if (r == 0 && key && !strpbrk(key, "\"\\"))
		r = add_header(x, "Idempotency-Key: \"%s\"", key);
	return r;
}

static void
set_options(struct exchange *x, const char *url, long timeout_ms)
{
	CURL *c = x->easy;

	curl_easy_setopt(c, CURLOPT_PRIVATE, (char *)x);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROXY, ""); /* the environment's proxies are not ours */
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(c, CURLOPT_PIPEWAIT, 1L);
	curl_easy_setopt(c, CURLOPT_POST, 1L);
	curl_easy_setopt(c, CURLOPT_POSTFIELDS, x->body);
	curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(x->body));
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, x->headers);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, TB_MIN(timeout_ms, CONNECT_TIMEOUT_MS));
	curl_easy_setopt(c, CURLOPT_MAXAGE_CONN, IDLE_CONNECTION_S);
	curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->error);
	if (x->owner->ca_file) {
		curl_easy_setopt(c, CURLOPT_CAINFO, x->owner->ca_file);
		curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	}
}

int
tb_exchanges_post(struct tb_exchanges *xs, const char *path, const char *key, char *body,
	uint64_t deadline_us, tb_exchange_fn fn, void *userdata)
{
	_cleanup_free_ char *url = NULL;
	uint64_t now_us = tb_loop_now_us(xs->loop);
	struct exchange *x = calloc(1, sizeof(*x));
	long timeout_ms = deadline_us > now_us ? (long)((deadline_us - now_us + 999) / 1000) : 1;
	int r = -ENOMEM;

	if (!x) {
		free(body);
		return -ENOMEM;
	}
	x->owner = xs;
	x->body = body;
	x->fn = fn;
	x->userdata = userdata;
	x->answer = TB_BUF_INIT(TB_EXCHANGE_BODY_MAX);
	x->sent_wall_us = tb_loop_wall_us(xs->loop);
	tb_list_init(&x->node);
	snprintf(x->id, sizeof(x->id), "%016" PRIx64 "-%" PRIu64, xs->epoch, ++xs->next_id);
	if (asprintf(&url, "%s%s", xs->url, path) < 0)
		url = NULL;
	x->easy = curl_easy_init();
	if (url && x->easy)
		r = add_headers(x, key);
	if (r == 0) {
		set_options(x, url, timeout_ms);
		r = curl_multi_add_handle(xs->multi, x->easy) == CURLM_OK ? 0 : -EIO;
	}
	if (r < 0) {
		exchange_free(x);
		return r;
	}
	tb_list_append(&xs->running, &x->node);
	return 0;
}
