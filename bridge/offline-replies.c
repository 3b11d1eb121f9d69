/* SPDX-License-Identifier: MIT */
/*
 * The answers to the keys of reservations (R14): those given here while nobody could be asked, as
 * long as the server keeps keys, and those that the server gave, as long as what they hold is held.
 * Whichever was first is given again, also when the link has changed since.
 */

#include <nettle/sha2.h>
#include <string.h>
#include "base/timestamp.h"
#include "bridge/offline-parts.h"

#define KEPT_US (100 * TB_USEC_PER_DAY) /* as long as the server keeps keys */
#define PRUNE_PIECE 5000
#define HEARD_MAX 20000 /* of the server; with more no other is kept until some are over */

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS offline_reply("
	" site TEXT NOT NULL,"
	" till TEXT NOT NULL,"
	" key TEXT NOT NULL,"
	" at INTEGER NOT NULL,"
	" hash BLOB NOT NULL,"
	" answer TEXT NOT NULL,"
	" PRIMARY KEY(site, till, key)) WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS offline_reply_age ON offline_reply(at);"
	"CREATE TABLE IF NOT EXISTS offline_heard("
	" site TEXT NOT NULL,"
	" till TEXT NOT NULL,"
	" key TEXT NOT NULL,"
	" until INTEGER NOT NULL,"
	" hash BLOB NOT NULL,"
	" answer TEXT NOT NULL,"
	" PRIMARY KEY(site, till, key)) WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS offline_heard_age ON offline_heard(until);";

enum statement { GIVEN, HEARD, ADD_GIVEN, ADD_HEARD, COUNT, PRUNE_GIVEN, PRUNE_HEARD, STATEMENTS };

static const char *const texts[STATEMENTS] = {
	[GIVEN] = "SELECT hash, answer FROM offline_reply WHERE site = ?1 AND till = ?2"
		  " AND key = ?3",
	[HEARD] = "SELECT hash, answer FROM offline_heard WHERE site = ?1 AND till = ?2"
		  " AND key = ?3 AND until > ?4",
	[ADD_GIVEN] = "INSERT INTO offline_reply(site, till, key, at, hash, answer)"
		      " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	[ADD_HEARD] = "INSERT INTO offline_heard(site, till, key, until, hash, answer)"
		      " VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(site, till, key) DO UPDATE"
		      " SET until = ?4, hash = ?5, answer = ?6",
	[COUNT] = "SELECT (SELECT count(*) FROM offline_reply), (SELECT count(*) FROM"
		  " offline_heard)",
	[PRUNE_GIVEN] = "DELETE FROM offline_reply WHERE (site, till, key) IN (SELECT site, till,"
			" key FROM offline_reply WHERE at < ?1 ORDER BY at LIMIT ?2)",
	[PRUNE_HEARD] = "DELETE FROM offline_heard WHERE (site, till, key) IN (SELECT site, till,"
			" key FROM offline_heard WHERE until < ?1 ORDER BY until LIMIT ?2)",
};

struct tb_offline_replies {
	struct tb_offline *offline;
	sqlite3_stmt *statements[STATEMENTS];
	bool any_given; /* false: a till that is seldom cut off */
	int64_t n_heard;
};

static int64_t
now_us(const struct tb_offline_replies *replies)
{
	return tb_loop_wall_us(replies->offline->bridge->loop);
}

static int
hash_call(const struct tb_call *call, uint8_t out[SHA256_DIGEST_SIZE])
{
	_cleanup_free_ char *text = json_dumps(call->params, JSON_SORT_KEYS | JSON_COMPACT);
	struct sha256_ctx sha;
	uint8_t op = (uint8_t)call->op;

	if (!text)
		return -ENOMEM;
	sha256_init(&sha);
	sha256_update(&sha, 1, &op);
	sha256_update(&sha, strlen(text), (const uint8_t *)text);
	sha256_digest(&sha, SHA256_DIGEST_SIZE, out);
	return 0;
}

static void
bind_key(sqlite3_stmt *stmt, const struct tb_call *call)
{
	tb_bind_text(stmt, 1, call->caller.site);
	tb_bind_text(stmt, 2, call->caller.till);
	tb_bind_text(stmt, 3, call->key);
}

/* 1 with the answer in out, 0 when the key is not there, -EEXIST when it came
 * with another body. */
static int
find_in(struct tb_offline_replies *replies, enum statement which, const struct tb_call *call,
	struct tb_buf *out)
{
	_cleanup_statement_ sqlite3_stmt *stmt = replies->statements[which];
	uint8_t hash[SHA256_DIGEST_SIZE];
	int rc, r = hash_call(call, hash);

	if (r < 0)
		return r;
	bind_key(stmt, call);
	if (which == HEARD)
		sqlite3_bind_int64(stmt, 4, now_us(replies));
	rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW)
		return tb_sqlite_errno(rc);
	if (sqlite3_column_bytes(stmt, 0) != sizeof(hash) ||
		memcmp(sqlite3_column_blob(stmt, 0), hash, sizeof(hash)) != 0)
		return -EEXIST;
	tb_buf_add(out, sqlite3_column_text(stmt, 1), (size_t)sqlite3_column_bytes(stmt, 1));
	return 1;
}

int
tb_offline_replies_find(
	struct tb_offline_replies *replies, const struct tb_call *call, struct tb_buf *out)
{
	int r = find_in(replies, GIVEN, call, out);

	return r == 0 ? find_in(replies, HEARD, call, out) : r;
}

static bool
is_in(struct tb_offline_replies *replies, enum statement which, const struct tb_call *call)
{
	_cleanup_statement_ sqlite3_stmt *stmt = replies->statements[which];

	bind_key(stmt, call);
	if (which == HEARD)
		sqlite3_bind_int64(stmt, 4, now_us(replies));
	return sqlite3_step(stmt) == SQLITE_ROW;
}

bool
tb_offline_replies_have(struct tb_offline_replies *replies, const struct tb_call *call)
{
	return (replies->any_given && is_in(replies, GIVEN, call)) ||
	       (replies->n_heard > 0 && is_in(replies, HEARD, call));
}

bool
tb_offline_replies_given(struct tb_offline_replies *replies, const struct tb_call *call)
{
	return replies->any_given && call->key && is_in(replies, GIVEN, call);
}

static int
add(struct tb_offline_replies *replies, enum statement which, const struct tb_call *call,
	int64_t time, const char *answer, size_t len)
{
	_cleanup_statement_ sqlite3_stmt *stmt = replies->statements[which];
	uint8_t hash[SHA256_DIGEST_SIZE];
	int r = hash_call(call, hash);

	if (r < 0)
		return r;
	bind_key(stmt, call);
	sqlite3_bind_int64(stmt, 4, time);
	sqlite3_bind_blob(stmt, 5, hash, sizeof(hash), SQLITE_STATIC);
	sqlite3_bind_text64(stmt, 6, answer, len, SQLITE_STATIC, SQLITE_UTF8);
	return tb_state_run(replies->offline->bridge->state, stmt);
}

int
tb_offline_replies_give(
	struct tb_offline_replies *replies, const struct tb_call *call, const struct tb_buf *answer)
{
	replies->any_given = true;
	return add(replies, ADD_GIVEN, call, now_us(replies), answer->data, answer->len);
}

int
tb_offline_replies_hear(struct tb_offline_replies *replies, const struct tb_call *call,
	const json_t *answer, const char *text, size_t len)
{
	const char *expires_at = tb_offline_text(answer, "expires_at");
	int64_t until;

	if (!call->key || !expires_at || tb_time_parse(expires_at, &until, NULL) < 0 ||
		until <= now_us(replies) || replies->n_heard >= HEARD_MAX)
		return 0;
	replies->n_heard++;
	return add(replies, ADD_HEARD, call, until, text, len);
}

/* ---- start and stop ----------------------------------------------------------------------- */

static int
count(struct tb_offline_replies *replies)
{
	_cleanup_statement_ sqlite3_stmt *stmt = replies->statements[COUNT];
	int rc = sqlite3_step(stmt);

	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? -EIO : tb_sqlite_errno(rc);
	replies->any_given = sqlite3_column_int64(stmt, 0) > 0;
	replies->n_heard = sqlite3_column_int64(stmt, 1);
	return 0;
}

int
tb_offline_replies_prune(struct tb_offline_replies *replies)
{
	const struct {
		enum statement statement;
		int64_t before;
	} all[] = {{PRUNE_GIVEN, now_us(replies) - KEPT_US}, {PRUNE_HEARD, now_us(replies)}};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(all); i++) {
		_cleanup_statement_ sqlite3_stmt *stmt = replies->statements[all[i].statement];

		sqlite3_bind_int64(stmt, 1, all[i].before);
		sqlite3_bind_int64(stmt, 2, PRUNE_PIECE);
		r = tb_state_run(replies->offline->bridge->state, stmt);
	}
	return r < 0 ? r : count(replies);
}

int
tb_offline_replies_new(struct tb_offline *offline, struct tb_offline_replies **ret)
{
	struct tb_offline_replies *replies = calloc(1, sizeof(*replies));
	int r;

	if (!replies)
		return -ENOMEM;
	replies->offline = offline;
	r = tb_state_make_tables(offline->bridge->state, schema);
	if (r == 0)
		r = tb_state_prepare(
			offline->bridge->state, texts, replies->statements, STATEMENTS);
	if (r == 0)
		r = count(replies);
	if (r < 0) {
		tb_offline_replies_free(replies);
		return r;
	}
	*ret = replies;
	return 0;
}

void
tb_offline_replies_free(struct tb_offline_replies *replies)
{
	if (!replies)
		return;
	for (size_t i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(replies->statements[i]);
	free(replies);
}
