/* SPDX-License-Identifier: MIT */
/*
 * The contract between the daemon and its HTTP door, which is a module: libmicrohttpd and its TLS
 * are in memory only where [http] is configured. The daemon lends the table of functions below; the
 * module knows no method, no token store and no event by itself.
 */
#pragma once

#include "base/loop.h"

#define TB_HTTP_ABI 1
#define TB_HTTP_SYMBOL "tb_http"

/* Limits of this door. */
#define TB_HTTP_BODY_MAX ((size_t)1 << 20) /* as a line of the socket */
#define TB_HTTP_HEADER_BYTES \
	((size_t)32 * 1024) /* head of a request, and what a connection buffers */
#define TB_HTTP_CONNECTIONS_MAX 256
#define TB_HTTP_CONNECTIONS_SPARE \
	16                /* from there on one that owes a request goes for a new one \
	                   */
#define TB_HTTP_IDLE_S 60 /* a kept-alive connection without a request */
#define TB_HTTP_REQUEST_S \
	20                     /* from a request's first byte to its last; or from a connection's \
	                           beginning */
#define TB_HTTP_STREAMS_MAX 64 /* event streams at a time */
#define TB_HTTP_TOKEN_MAX 128

/* Whom a token was given to. */
struct tb_http_peer {
	char site[65], till[65];
	uint32_t roles;
};

/* What becomes of a call: an HTTP status and the body to send, both borrowed until the function
 * returns. */
typedef void (*tb_http_done_fn)(unsigned status, const char *body, size_t len, void *userdata);

/* One event, borrowed: its number, its kind and the text of its object. */
struct tb_http_event {
	uint64_t seq;
	const char *kind;
	const char *data;
	size_t len;
};

struct tb_http_host {
	struct tb_loop *loop;
	const char *address;           /* numeric, "127.0.0.1" or "::1" */
	uint16_t port;                 /* 0: any */
	const char *origins;           /* allowed ones with blanks between; NULL: none */
	const char *certificate, *key; /* PEM files; both NULL: plain, and then only on loopback */

	/* Whether the token is one that was given out, and to whom. Takes the same time for any. */
	bool (*find_token)(
		const struct tb_http_host *host, const char *token, struct tb_http_peer *ret);

	/*
	 * Calls a method. body is its parameters (not owned; may be written over), key the
	 * idempotency key of the header or NULL. done comes exactly once, also from within this
	 * call.
	 */
	void (*call)(const struct tb_http_host *host, const struct tb_http_peer *peer,
		const char *method, char *body, size_t len, const char *key, tb_http_done_fn done,
		void *userdata);
	/* The body of a refusal that the door itself makes, by the api's word ("not_permitted");
	 * returns the status that goes with it. */
	unsigned (*problem)(const struct tb_http_host *host, const char *word, char **ret_body);

	/* Whether the peer may have events of that kind; false for a word that is none. */
	bool (*may_have)(
		const struct tb_http_host *host, const struct tb_http_peer *peer, const char *kind);
	/* The first kept event after `after` that the peer may see, of the kinds given ("scan
	 * customer", NULL: all it may have). */
	bool (*next_event)(const struct tb_http_host *host, const struct tb_http_peer *peer,
		const char *kinds, uint64_t after, struct tb_http_event *ret);
	uint64_t (*last_event)(const struct tb_http_host *host);
	void *userdata;
};

struct tb_http_state;

struct tb_http {
	int abi;
	/* ret_why: a sentence for the installer, to free. */
	int (*start)(const struct tb_http_host *host, struct tb_http_state **ret, char **ret_why);
	/* The port it listens on. */
	uint16_t (*port)(const struct tb_http_state *state);
	/* An event was emitted. */
	void (*wake)(struct tb_http_state *state);
	/* No calls may be under way any more: the daemon has answered them all. */
	void (*stop)(struct tb_http_state *state);
};
