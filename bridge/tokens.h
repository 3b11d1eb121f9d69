/* SPDX-License-Identifier: MIT */
/*
 * Tokens by which tills of other machines prove who they are: drawn here, told once, kept as a
 * hash. Each binds a site and a till and has roles. What a token may call is the table of methods'
 * business.
 */
#pragma once

#include "base/jsonw.h"
#include "bridge/bridge.h"

#define TB_TOKENS_MAX 4096
#define TB_TOKEN_TEXT 64 /* room for a token's text */
#define TB_TOKEN_NAME_MAX 64

struct tb_tokens;

struct tb_token_peer {
	char site[TB_TOKEN_NAME_MAX + 1], till[TB_TOKEN_NAME_MAX + 1];
	uint32_t roles; /* enum tb_role, as they were given */
};

int tb_tokens_new(struct tb_bridge *bridge, struct tb_tokens **ret);
void tb_tokens_free(struct tb_tokens *tokens);

/* Draws a token for that till and puts its hash into the turn's transaction; it counts from now on,
 * and whoever is told of it is told after the commit. -ENOBUFS at the limit. */
int tb_tokens_create(
	struct tb_tokens *tokens, const struct tb_token_peer *peer, char ret_token[TB_TOKEN_TEXT]);
/* Revokes by number; -ENOENT. */
int tb_tokens_revoke(struct tb_tokens *tokens, int64_t id);

/* Whether the text is a token that counts. Looks at all of them whatever it is, in constant time
 * each. */
bool tb_tokens_find(const struct tb_tokens *tokens, const char *token, struct tb_token_peer *ret);

/* The items of token.list: {id, site, till, roles[], created_at}. */
void tb_tokens_write(const struct tb_tokens *tokens, struct tb_jsonw *w);
