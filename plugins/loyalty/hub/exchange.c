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
#define SPARE_MAX TB_EXCHANGE_CONNECTIONS  /* slots that are kept for the next requests */
#define KEPT_BYTES_MAX ((size_t)64 * 1024) /* of an answer's memory, kept with its slot */

struct tb_exchanges {
	struct tb_loop *loop;
	CURLM *multi;
	struct tb_source *timer;
	uint64_t timer_at_us, wanted_us; /* what it is set to, and what libcurl asked for */
	char *url, *ca_file;
	struct curl_slist *headers; /* those of every request */
	char token[TB_EXCHANGE_TOKEN_MAX];
	struct tb_list running;
	unsigned n_running;
	struct tb_list spare; /* struct exchange.node */
	unsigned n_spare;
	struct tb_list sockets;
	uint64_t next_id, epoch;
	char date[64];   /* the last Date that was read, */
	int64_t date_us; /* and what it says */
};

/* A slot. Its handle is set up once, and serves one request after the other. */
struct exchange {
	struct tb_list node;
	struct tb_exchanges *owner;
	CURL *easy;
	struct curl_slist id_header, token_header, key_header; /* before those of every request */
	char token_line[TB_EXCHANGE_TOKEN_MAX + 32];
	char id_line[sizeof(REQUEST_HEADER) + 48];
	char key_line[320];
	char *body;
	char id[40];
	char echoed[40];
	char content_type[64];
	char error[CURL_ERROR_SIZE];
	const char *refused; /* why we would not speak to the server */
	int64_t sent_wall_us;
	int64_t date_us; /* since 1970 UTC; 0: none was said */
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
	tb_buf_done(&x->answer);
	free(x->body);
	explicit_bzero(x->token_line, sizeof(x->token_line));
	free(x);
}

/* Back to the spare ones. */
static void
put_away(struct exchange *x)
{
	struct tb_exchanges *xs = x->owner;

	if (xs->n_spare >= SPARE_MAX || x->answer.cap > KEPT_BYTES_MAX) {
		exchange_free(x);
		return;
	}
	curl_multi_remove_handle(xs->multi, x->easy);
	free(x->body);
	x->body = NULL;
	tb_list_remove(&x->node);
	tb_list_append(&xs->spare, &x->node);
	xs->n_spare++;
}

/* The header counts whole seconds, and was written at some time between asking and now. */
static void
measure_skew(const struct exchange *x, int64_t now_us, struct tb_exchange_end *e)
{
	int64_t server_us = x->date_us;

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
		e.why = x->refused ? x->refused : x->error[0] ? x->error : curl_easy_strerror(code);
	} else if (tb_buf_error(&x->answer)) {
		e.why = "the answer is too long";
	} else if (strcmp(x->id, x->echoed) != 0 && status < 500) {
		e.why = x->echoed[0] ? "the answer belongs to another request"
		                     : "the server is no tillbridge hub";
	} else {
		e.status = status;
		/* What a gateway says in the hub's place is not read, be it JSON or not. */
		if (x->answer.data && strcmp(x->id, x->echoed) == 0) {
			e.body = x->answer.data;
			e.len = x->answer.len;
		}
		if (x->date_us)
			measure_skew(x, tb_loop_wall_us(x->owner->loop), &e);
	}
	x->owner->n_running--;
	x->fn(&e, x->userdata);
	put_away(x);
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

/* Each request has a deadline, and nearly none is reached: one that goes off in vain is cheaper
 * than setting it anew each time. */
static void
arm(struct tb_exchanges *xs)
{
	if (xs->wanted_us >= xs->timer_at_us)
		return;
	xs->timer_at_us = xs->wanted_us;
	tb_source_set_timer(xs->timer, xs->wanted_us);
}

static int
set_timer(CURLM *multi, long timeout_ms, void *userdata)
{
	struct tb_exchanges *xs = userdata;

	xs->wanted_us = timeout_ms < 0 ? TB_NEVER
	                               : tb_loop_now_us(xs->loop) + (uint64_t)timeout_ms * 1000;
	arm(xs);
	return 0;
}

static void
on_timer(void *userdata)
{
	struct tb_exchanges *xs = userdata;
	long left_ms;
	int running;

	xs->timer_at_us = TB_NEVER;
	if (xs->wanted_us <= tb_loop_now_us(xs->loop)) {
		curl_multi_socket_action(xs->multi, CURL_SOCKET_TIMEOUT, 0, &running);
		finish_done(xs);
		/* Of one that was a moment too early it does not tell again by itself. */
		if (curl_multi_timeout(xs->multi, &left_ms) == CURLM_OK)
			set_timer(xs->multi, left_ms == 0 ? 1 : left_ms, xs);
	}
	arm(xs);
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

/* Most answers of a second bear the same. */
static int64_t
read_date(struct tb_exchanges *xs, const char *text)
{
	struct tm date = {};

	if (strcmp(text, xs->date) != 0) {
		snprintf(xs->date, sizeof(xs->date), "%s", text);
		xs->date_us = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &date)
		                      ? (int64_t)timegm(&date) * TB_USEC_PER_SEC
		                      : 0;
	}
	return xs->date_us;
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
		x->date_us = read_date(x->owner, date);
	return size * n;
}

static int
add_header(struct tb_exchanges *xs, const char *format, const char *value)
{
	_cleanup_free_ char *line = NULL;
	struct curl_slist *more;

	if (asprintf(&line, format, value) < 0) {
		line = NULL;
		return -ENOMEM;
	}
	more = curl_slist_append(xs->headers, line);
	if (!more)
		return -ENOMEM;
	xs->headers = more;
	return 0;
}

static int
add_headers(struct tb_exchanges *xs, const struct tb_exchange_settings *settings)
{
	int r = add_header(xs, "%s", "Content-Type: application/json");

	if (r == 0)
		r = add_header(xs, "%s", "Expect:"); /* no waiting for 100-continue */
	if (r == 0)
		r = add_header(xs, "Tillbridge-Site: %s", settings->site);
	if (r == 0)
		r = add_header(xs, "Tillbridge-Till: %s", settings->till);
	return r;
}

bool
tb_exchanges_set_token(struct tb_exchanges *xs, const char *token)
{
	if (strcmp(xs->token, token) == 0)
		return false;
	snprintf(xs->token, sizeof(xs->token), "%s", token);
	return true;
}

int
tb_exchanges_new(struct tb_loop *loop, const struct tb_exchange_settings *settings,
	struct tb_exchanges **ret, char **ret_why)
{
	struct tb_exchanges *xs = calloc(1, sizeof(*xs));

	if (!xs)
		return -ENOMEM;
	xs->loop = loop;
	xs->timer_at_us = xs->wanted_us = TB_NEVER;
	tb_list_init(&xs->running);
	tb_list_init(&xs->spare);
	tb_list_init(&xs->sockets);
	xs->url = strdup(settings->url);
	xs->ca_file = settings->ca_file ? strdup(settings->ca_file) : NULL;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		xs->multi = curl_multi_init();
	if (!xs->url || (settings->ca_file && !xs->ca_file) || !xs->multi ||
		add_headers(xs, settings) < 0 ||
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
	if (settings->token)
		tb_exchanges_set_token(xs, settings->token);
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
	while (!tb_list_empty(&xs->spare))
		exchange_free(tb_list_first(&xs->spare, struct exchange, node));
	if (xs->multi)
		curl_multi_cleanup(xs->multi);
	tb_list_for_each_safe(w, next, &xs->sockets, node)
		watched_free(w);
	tb_source_remove(&xs->timer);
	curl_global_cleanup();
	free(xs->url);
	free(xs->ca_file);
	curl_slist_free_all(xs->headers);
	explicit_bzero(xs->token, sizeof(xs->token));
	free(xs);
}

/*
 * libcurl takes the subject's common name for the server's where a certificate has no other; we go
 * by the subjectAltName alone. Asked before anything is sent on a connection; on one that is used
 * again there is no certificate to look at.
 */
static int
look_at_certificate(void *userdata, char *address, char *own, int port, int own_port)
{
	static const char names[] = "X509v3 Subject Alternative Name:";
	struct exchange *x = userdata;
	const struct curl_certinfo *chain = NULL;

	if (curl_easy_getinfo(x->easy, CURLINFO_CERTINFO, &chain) != CURLE_OK || !chain ||
		chain->num_of_certs == 0)
		return CURL_PREREQFUNC_OK;
	for (const struct curl_slist *line = chain->certinfo[0]; line; line = line->next)
		if (strncmp(line->data, names, sizeof(names) - 1) == 0 &&
			(strstr(line->data, "DNS:") || strstr(line->data, "IP Address:")))
			return CURL_PREREQFUNC_OK;
	x->refused = "the server's certificate names it in no subjectAltName";
	return CURL_PREREQFUNC_ABORT;
}

static void
set_tls_options(struct exchange *x)
{
	CURL *c = x->easy;

	/* Whether a connection can be shared is known after its handshake; without one only after
	 * its first answer, and nobody waits for a hub that gives none. */
	curl_easy_setopt(c, CURLOPT_PIPEWAIT, 1L);
	curl_easy_setopt(c, CURLOPT_CERTINFO, 1L);
	curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, look_at_certificate);
	curl_easy_setopt(c, CURLOPT_PREREQDATA, x);
	/* A session that is taken up again would show no certificate either. */
	curl_easy_setopt(c, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	if (x->owner->ca_file) {
		curl_easy_setopt(c, CURLOPT_CAINFO, x->owner->ca_file);
		curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	}
}

static void
set_fixed_options(struct exchange *x)
{
	CURL *c = x->easy;

	curl_easy_setopt(c, CURLOPT_PRIVATE, (char *)x);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROXY, ""); /* the environment's proxies are not ours */
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	if (strncasecmp(x->owner->url, "https:", 6) == 0)
		set_tls_options(x);
	curl_easy_setopt(c, CURLOPT_POST, 1L);
	curl_easy_setopt(c, CURLOPT_MAXAGE_CONN, IDLE_CONNECTION_S);
	curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->error);
}

static struct exchange *
take_slot(struct tb_exchanges *xs)
{
	struct exchange *x;

	if (!tb_list_empty(&xs->spare)) {
		x = tb_list_first(&xs->spare, struct exchange, node);
		tb_list_remove(&x->node);
		tb_list_init(&x->node);
		xs->n_spare--;
		tb_buf_reset(&x->answer);
		return x;
	}
	x = calloc(1, sizeof(*x));
	if (!x)
		return NULL;
	x->owner = xs;
	x->answer = TB_BUF_INIT(TB_EXCHANGE_BODY_MAX);
	tb_list_init(&x->node);
	x->easy = curl_easy_init();
	if (!x->easy) {
		exchange_free(x);
		return NULL;
	}
	set_fixed_options(x);
	return x;
}

static void
set_headers(struct exchange *x, const char *key)
{
	int n = -1;

	snprintf(x->id_line, sizeof(x->id_line), REQUEST_HEADER ": %s", x->id);
	x->id_header = (struct curl_slist){.data = x->id_line, .next = x->owner->headers};
	if (x->owner->token[0]) {
		/* Of its own: the next request may have another one while this is under way. */
		stpcpy(stpcpy(x->token_line, "Authorization: Bearer "), x->owner->token);
		x->token_header = (struct curl_slist){
			.data = x->token_line, .next = x->id_header.next};
		x->id_header.next = &x->token_header;
	}
	/* A structured string: the quotes belong to it. Keys are printable ASCII without them, or
	 * the key in the body serves alone. */
	if (key && !strpbrk(key, "\"\\"))
		n = snprintf(x->key_line, sizeof(x->key_line), "Idempotency-Key: \"%s\"", key);
	if (n > 0 && (size_t)n < sizeof(x->key_line)) {
		x->key_header = (struct curl_slist){.data = x->key_line, .next = x->id_header.next};
		x->id_header.next = &x->key_header;
	}
	curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, &x->id_header);
}

/* The first step is taken at once, what comes of it is told later. */
static int
begin(struct exchange *x, const char *url, long timeout_ms)
{
	struct tb_exchanges *xs = x->owner;
	int running;

	curl_easy_setopt(x->easy, CURLOPT_URL, url);
	curl_easy_setopt(x->easy, CURLOPT_POSTFIELDS, x->body);
	curl_easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(x->body));
	curl_easy_setopt(x->easy, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl_easy_setopt(
		x->easy, CURLOPT_CONNECTTIMEOUT_MS, TB_MIN(timeout_ms, CONNECT_TIMEOUT_MS));
	if (curl_multi_add_handle(xs->multi, x->easy) != CURLM_OK)
		return -EIO;
	tb_list_append(&xs->running, &x->node);
	xs->n_running++;
	curl_multi_socket_action(xs->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	if ((unsigned)running < xs->n_running) {
		xs->wanted_us = 0;
		arm(xs);
	}
	return 0;
}

int
tb_exchanges_post(struct tb_exchanges *xs, const char *path, const char *key, char *body,
	uint64_t deadline_us, tb_exchange_fn fn, void *userdata)
{
	uint64_t now_us = tb_loop_now_us(xs->loop);
	long timeout_ms = deadline_us > now_us ? (long)((deadline_us - now_us + 999) / 1000) : 1;
	struct exchange *x = take_slot(xs);
	char url[512];
	int r;

	if (!x || snprintf(url, sizeof(url), "%s%s", xs->url, path) >= (int)sizeof(url)) {
		if (x)
			exchange_free(x);
		free(body);
		return -ENOMEM;
	}
	x->body = body;
	x->fn = fn;
	x->userdata = userdata;
	x->sent_wall_us = tb_loop_wall_us(xs->loop);
	x->echoed[0] = x->content_type[0] = x->error[0] = '\0';
	x->date_us = 0;
	x->refused = NULL;
	snprintf(x->id, sizeof(x->id), "%016" PRIx64 "-%" PRIu64, xs->epoch, ++xs->next_id);
	set_headers(x, key);
	r = begin(x, url, timeout_ms);
	if (r < 0)
		exchange_free(x);
	return r;
}
