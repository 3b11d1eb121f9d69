/* SPDX-License-Identifier: MIT */
/*
 * Tokens are 256 random bits, so that their plain SHA-256 is as good as any slower hash; the list
 * is in memory, state.db holds what survives.
 */

#include "bridge/tokens.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <nettle/base64.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>
#include "base/timestamp.h"
#include "bridge/rpc/methods.h"
#include "bridge/state.h"

#define RANDOM_BYTES 32
#define PREFIX "tbt_"

struct token {
	int64_t id;
	uint8_t hash[SHA256_DIGEST_SIZE];
	struct tb_token_peer peer;
	int64_t created_us;
};

struct tb_tokens {
	struct tb_bridge *bridge;
	struct token *list;
	size_t n;
};

static void
hash_token(const char *token, uint8_t *out)
{
	struct sha256_ctx sha;

	sha256_init(&sha);
	sha256_update(&sha, strlen(token), (const uint8_t *)token);
	sha256_digest(&sha, SHA256_DIGEST_SIZE, out);
}

static int
keep(struct tb_tokens *tokens, const struct token *token)
{
	struct token *list;

	if (tokens->n >= TB_TOKENS_MAX)
		return -ENOBUFS;
	list = realloc(tokens->list, (tokens->n + 1) * sizeof(*list));
	if (!list)
		return -ENOMEM;
	tokens->list = list;
	list[tokens->n++] = *token;
	return 0;
}

static void
copy_text(char *out, size_t size, const unsigned char *text)
{
	snprintf(out, size, "%s", text ? (const char *)text : "");
}

static int
load(struct tb_tokens *tokens)
{
	sqlite3 *db = tb_state_db(tokens->bridge->state);
	sqlite3_stmt *stmt = NULL;
	int rc, r = 0;

	rc = sqlite3_exec(db,
		"CREATE TABLE IF NOT EXISTS tokens (id INTEGER PRIMARY KEY AUTOINCREMENT,"
		" hash BLOB NOT NULL UNIQUE, site TEXT NOT NULL, till TEXT NOT NULL,"
		" roles INTEGER NOT NULL, created_us INTEGER NOT NULL) STRICT",
		NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db,
			"SELECT id, hash, site, till, roles, created_us FROM tokens ORDER BY id",
			-1, &stmt, NULL);
	while (rc == SQLITE_OK && r == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct token t = {.id = sqlite3_column_int64(stmt, 0)};

		if (sqlite3_column_bytes(stmt, 1) == sizeof(t.hash)) {
			memcpy(t.hash, sqlite3_column_blob(stmt, 1), sizeof(t.hash));
			copy_text(t.peer.site, sizeof(t.peer.site), sqlite3_column_text(stmt, 2));
			copy_text(t.peer.till, sizeof(t.peer.till), sqlite3_column_text(stmt, 3));
			t.peer.roles = (uint32_t)sqlite3_column_int64(stmt, 4);
			t.created_us = sqlite3_column_int64(stmt, 5);
			r = keep(tokens, &t);
		}
		rc = SQLITE_OK;
	}
	sqlite3_finalize(stmt);
	if (r < 0)
		return r;
	return rc == SQLITE_DONE || rc == SQLITE_OK ? 0 : tb_sqlite_errno(rc);
}

int
tb_tokens_new(struct tb_bridge *bridge, struct tb_tokens **ret)
{
	struct tb_tokens *tokens = calloc(1, sizeof(*tokens));
	int r;

	if (!tokens)
		return -ENOMEM;
	tokens->bridge = bridge;
	r = load(tokens);
	if (r < 0) {
		tb_tokens_free(tokens);
		return r;
	}
	*ret = tokens;
	return 0;
}

void
tb_tokens_free(struct tb_tokens *tokens)
{
	if (!tokens)
		return;
	free(tokens->list);
	free(tokens);
}

static int
draw(char out[TB_TOKEN_TEXT])
{
	uint8_t bytes[RANDOM_BYTES];
	size_t n = sizeof(PREFIX) - 1, len;
	struct base64_encode_ctx base64;

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -EIO;
	memcpy(out, PREFIX, n);
	base64url_encode_init(&base64);
	len = base64_encode_update(&base64, out + n, sizeof(bytes), bytes);
	len += base64_encode_final(&base64, out + n + len);
	while (len > 0 && out[n + len - 1] == '=')
		len--;
	out[n + len] = '\0';
	explicit_bzero(bytes, sizeof(bytes));
	return 0;
}

/* One statement with the values it binds; 0 or negative errno. */
static int
insert(struct tb_tokens *tokens, struct token *token)
{
	sqlite3 *db = tb_state_db(tokens->bridge->state);
	sqlite3_stmt *stmt = NULL;
	int rc;

	rc = sqlite3_prepare_v2(db,
		"INSERT INTO tokens (hash, site, till, roles, created_us) VALUES (?, ?, ?, ?, ?)",
		-1, &stmt, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_bind_blob(stmt, 1, token->hash, sizeof(token->hash), SQLITE_STATIC);
		sqlite3_bind_text(stmt, 2, token->peer.site, -1, SQLITE_STATIC);
		sqlite3_bind_text(stmt, 3, token->peer.till, -1, SQLITE_STATIC);
		sqlite3_bind_int64(stmt, 4, token->peer.roles);
		sqlite3_bind_int64(stmt, 5, token->created_us);
		rc = sqlite3_step(stmt);
	}
	sqlite3_finalize(stmt);
	if (rc != SQLITE_DONE)
		return tb_sqlite_errno(rc);
	token->id = sqlite3_last_insert_rowid(db);
	return 0;
}

int
tb_tokens_create(
	struct tb_tokens *tokens, const struct tb_token_peer *peer, char ret_token[TB_TOKEN_TEXT])
{
	struct token token = {.peer = *peer, .created_us = tb_loop_wall_us(tokens->bridge->loop)};
	char text[TB_TOKEN_TEXT];
	int r;

	if (tokens->n >= TB_TOKENS_MAX)
		return -ENOBUFS;
	r = draw(text);
	if (r < 0)
		return r;
	hash_token(text, token.hash);
	r = tb_state_begin(tokens->bridge->state);
	if (r == 0)
		r = insert(tokens, &token);
	if (r == 0)
		r = keep(tokens, &token);
	if (r == 0)
		memcpy(ret_token, text, sizeof(text));
	explicit_bzero(text, sizeof(text));
	return r;
}

int
tb_tokens_revoke(struct tb_tokens *tokens, int64_t id)
{
	sqlite3_stmt *stmt = NULL;
	size_t at = 0;
	int rc, r;

	while (at < tokens->n && tokens->list[at].id != id)
		at++;
	if (at == tokens->n)
		return -ENOENT;
	r = tb_state_begin(tokens->bridge->state);
	if (r < 0)
		return r;
	rc = sqlite3_prepare_v2(tb_state_db(tokens->bridge->state),
		"DELETE FROM tokens WHERE id = ?", -1, &stmt, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_bind_int64(stmt, 1, id);
		rc = sqlite3_step(stmt);
	}
	sqlite3_finalize(stmt);
	if (rc != SQLITE_DONE)
		return tb_sqlite_errno(rc);
	memmove(&tokens->list[at], &tokens->list[at + 1],
		(tokens->n - at - 1) * sizeof(*tokens->list));
	tokens->n--;
	return 0;
}

bool
tb_tokens_find(const struct tb_tokens *tokens, const char *token, struct tb_token_peer *ret)
{
	uint8_t hash[SHA256_DIGEST_SIZE];
	const struct token *found = NULL;

	hash_token(token, hash);
	for (size_t i = 0; i < tokens->n; i++)
		if (memeql_sec(tokens->list[i].hash, hash, sizeof(hash)))
			found = &tokens->list[i];
	if (!found)
		return false;
	*ret = found->peer;
	return true;
}

void
tb_tokens_write(const struct tb_tokens *tokens, struct tb_jsonw *w)
{
	char at[TB_TIME_TEXT];

	for (size_t i = 0; i < tokens->n; i++) {
		const struct token *t = &tokens->list[i];

		tb_jsonw_object(w, NULL);
		tb_jsonw_int(w, "id", t->id);
		tb_jsonw_string(w, "site", t->peer.site);
		tb_jsonw_string(w, "till", t->peer.till);
		tb_jsonw_array(w, "roles");
		for (uint32_t role = TB_ROLE_MONITOR; role <= TB_ROLE_MANAGER; role <<= 1)
			if (t->peer.roles & role)
				tb_jsonw_string(w, NULL, tb_role_word((enum tb_role)role));
		tb_jsonw_end_array(w);
		tb_time_format(t->created_us, 0, at);
		tb_jsonw_string(w, "created_at", at);
		tb_jsonw_end_object(w);
	}
}
