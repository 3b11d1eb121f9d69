/* SPDX-License-Identifier: MIT */
/*
 * HTTP exchanges with one server by libcurl's multi interface on the house's loop: kept alive,
 * several at a time, each with a deadline, none blocking. It knows no loyalty operation and no
 * JSON.
 */
#pragma once

#include "base/buf.h"
#include "base/loop.h"

#define TB_EXCHANGE_BODY_MAX ((size_t)4 << 20) /* bytes of one answer */
#define TB_EXCHANGE_CONNECTIONS 12
#define TB_EXCHANGE_TOKEN_MAX 512 /* bytes of a token, with its NUL */

struct tb_exchanges;

struct tb_exchange_settings {
	const char *url;         /* "https://hub.example:7443", without a path */
	const char *ca_file;     /* PEM: an authority, or the server's own certificate; NULL: the
	                            system's */
	const char *token;       /* bearer token; NULL: none */
	const char *site, *till; /* ours, which the token must have been made for */
};

/*
 * How an exchange ended. status is the HTTP status, 0 when there was no whole answer that belongs
 * to the request: then why is a sentence without personal data. The server's clock less ours lies
 * between skew_low_us and skew_high_us, as its Date header tells, valid when has_skew.
 */
struct tb_exchange_end {
	long status;
	const char *body; /* NUL terminated, borrowed until the callback returns */
	size_t len;
	const char *content_type; /* "" when there was none */
	const char *why;
	bool unsent; /* nothing of the request has left */
	bool has_skew;
	int64_t skew_low_us, skew_high_us;
};

typedef void (*tb_exchange_fn)(const struct tb_exchange_end *end, void *userdata);

int tb_exchanges_new(struct tb_loop *loop, const struct tb_exchange_settings *settings,
	struct tb_exchanges **ret, char **ret_why);
/* Exchanges under way are ended without an answer, their callbacks called. */
void tb_exchanges_free(struct tb_exchanges *exchanges);

/* The token of the requests to come. False when it is the one they have. */
bool tb_exchanges_set_token(struct tb_exchanges *exchanges, const char *token);

/*
 * POST path with a JSON body; key goes along as Idempotency-Key when it is not NULL. fn is called
 * exactly once, never from within this call unless that returns a negative errno: then not at all.
 */
int tb_exchanges_post(struct tb_exchanges *exchanges, const char *path, const char *key,
	char *body_to_free, uint64_t deadline_us, tb_exchange_fn fn, void *userdata);
