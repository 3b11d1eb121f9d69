/* SPDX-License-Identifier: MIT */
/*
 * The tables offline_customer and offline_name, and the key of the names. The key is a file of its
 * own beside state.db, so that a copy of state.db alone (a backup, a file sent to support) names
 * nobody: no card, phone or e-mail can be read or tried out without it. Against who has the whole
 * state directory it is no help: phone numbers are few enough to be tried out. The tokens, last
 * names, addresses and birthdays that nothing here needs are not kept at all.
 */

#include "bridge/offline-cache.h"

#include <fcntl.h>
#include <nettle/hmac.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define KEY_SIZE 32
#define PRUNE_PIECE 500
#define BODY_MAX (64 << 10) /* of one customer; more is not kept */

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS offline_customer("
	" seq INTEGER PRIMARY KEY,"
	" id TEXT NOT NULL UNIQUE,"
	" as_of INTEGER NOT NULL,"
	" pending INTEGER NOT NULL,"
	" contact INTEGER NOT NULL,"
	" names INTEGER NOT NULL,"
	" body TEXT NOT NULL);"
	"CREATE INDEX IF NOT EXISTS offline_customer_age ON offline_customer(as_of)"
	" WHERE pending = 0;"
	"CREATE TABLE IF NOT EXISTS offline_name("
	" hash BLOB NOT NULL,"
	" customer INTEGER NOT NULL,"
	" state INTEGER NOT NULL,"
	" PRIMARY KEY(hash, customer)) WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS offline_name_customer ON offline_name(customer);"
	"CREATE TABLE IF NOT EXISTS offline_key(check_hash BLOB NOT NULL);";

enum statement {
	GET,
	FIND,
	PEEK,
	ADD,
	SET,
	FORGET,
	NAMES,
	RENAME,
	ADD_NAME,
	DENY_NAME,
	DROP_NAME,
	DROP_NAMES,
	DROP_ALL_NAMES,
	COUNT,
	PRUNE,
	COUNT_MARKS,
	STATEMENTS
};

#define ROW_COLUMNS "seq, id, as_of, pending, contact, names, body"

static const char *const texts[STATEMENTS] = {
	[GET] = "SELECT " ROW_COLUMNS " FROM offline_customer WHERE seq = ?1",
	[FIND] = "SELECT " ROW_COLUMNS " FROM offline_customer WHERE id = ?1",
	[PEEK] = "SELECT seq, id, as_of, pending, contact, names FROM offline_customer"
		 " WHERE id = ?1",
	[ADD] = "INSERT INTO offline_customer(id, as_of, pending, contact, names, body)"
		" VALUES(?2, ?3, ?4, ?5, ?6, ?7)",
	[SET] = "UPDATE offline_customer SET as_of = ?3, pending = ?4, contact = ?5, names = ?6,"
		" body = ?7 WHERE seq = ?1",
	[FORGET] = "DELETE FROM offline_customer WHERE seq = ?1",
	[NAMES] = "SELECT customer, state FROM offline_name WHERE hash = ?1 LIMIT ?2",
	/* Who loses a name is written with all of them when he is heard of again. */
	[RENAME] = "UPDATE offline_customer SET names = 0 WHERE seq IN"
		   " (SELECT customer FROM offline_name WHERE hash = ?1)",
	[ADD_NAME] = "INSERT INTO offline_name(hash, customer, state) VALUES(?1, ?2, ?3)"
		     " ON CONFLICT(hash, customer) DO UPDATE SET state = excluded.state",
	[DENY_NAME] = "DELETE FROM offline_name WHERE hash = ?1 AND state <> ?2 AND NOT EXISTS"
		      " (SELECT 1 FROM offline_customer WHERE seq = customer AND pending = 1)",
	[DROP_NAME] = "DELETE FROM offline_name WHERE hash = ?1",
	[DROP_NAMES] = "DELETE FROM offline_name WHERE customer = ?1"
		       " AND state NOT IN (?2, ?3)",
	[DROP_ALL_NAMES] = "DELETE FROM offline_name WHERE customer = ?1",
	[COUNT] = "SELECT count(*) FROM offline_customer",
	/* Too old, or one of the oldest of too many. */
	[PRUNE] = "SELECT seq FROM offline_customer WHERE pending = 0"
		  " AND (as_of < ?1 OR ?2 > 0) ORDER BY as_of LIMIT ?3",
	[COUNT_MARKS] = "SELECT count(*) FROM offline_name WHERE customer = 0",
};

struct tb_offline_cache {
	struct tb_bridge *bridge;
	struct hmac_sha256_ctx key;
	sqlite3_stmt *statements[STATEMENTS];
	int64_t count; /* of the customers */
};

void
tb_offline_customer_done(struct tb_offline_customer *customer)
{
	free(customer->id);
	json_decref(customer->body);
	*customer = (struct tb_offline_customer){0};
}

static int64_t
oldest_us(const struct tb_offline_cache *cache)
{
	return tb_loop_wall_us(cache->bridge->loop) - TB_OFFLINE_KEPT_US;
}

/* ---- the key ------------------------------------------------------------------------------ */

/* 0 with the key, -ENOENT when there is none or it is damaged. */
static int
read_key(const char *path, uint8_t key[KEY_SIZE])
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint8_t more[KEY_SIZE + 1];

	if (fd < 0)
		return -errno;
	if (read(fd, more, sizeof(more)) != KEY_SIZE)
		return -ENOENT;
	memcpy(key, more, KEY_SIZE);
	explicit_bzero(more, sizeof(more));
	return 0;
}

static int
write_file(const char *path, const uint8_t *data, size_t len)
{
	_cleanup_close_ int fd = open(
		path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	if (write(fd, data, len) != (ssize_t)len)
		return errno ? -errno : -EIO;
	return fsync(fd) < 0 ? -errno : 0;
}

/* Under another name first: a key is whole or not there. */
static int
draw_key(const char *path, uint8_t key[KEY_SIZE])
{
	_cleanup_free_ char *draft = NULL;
	int r;

	if (asprintf(&draft, "%s.new", path) < 0) {
		draft = NULL;
		return -ENOMEM;
	}
	if (getrandom(key, KEY_SIZE, 0) != KEY_SIZE)
		return -EIO;
	r = write_file(draft, key, KEY_SIZE);
	if (r == 0 && rename(draft, path) < 0)
		r = -errno;
	return r;
}

static int
load_key(struct tb_offline_cache *cache)
{
	_cleanup_free_ char *path = NULL;
	uint8_t key[KEY_SIZE];
	int r;

	if (asprintf(&path, "%s/offline.key", cache->bridge->state_dir) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = read_key(path, key);
	if (r == -ENOENT)
		r = draw_key(path, key);
	if (r == 0)
		hmac_sha256_set_key(&cache->key, sizeof(key), key);
	explicit_bzero(key, sizeof(key));
	return r;
}

/* Under another key nothing here is ever found again: it is thrown away. */
static int
check_key(struct tb_offline_cache *cache)
{
	sqlite3 *db = tb_state_db(cache->bridge->state);
	struct tb_offline_name check;
	sqlite3_stmt *stmt = NULL;
	bool same = false;
	int rc;

	tb_offline_cache_hash(cache, TB_OFFLINE_NAME_TOKEN, "", &check);
	rc = sqlite3_prepare_v2(db, "SELECT check_hash FROM offline_key", -1, &stmt, NULL);
	if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
		same = sqlite3_column_bytes(stmt, 0) == TB_OFFLINE_HASH_SIZE &&
		       memcmp(sqlite3_column_blob(stmt, 0), check.hash, TB_OFFLINE_HASH_SIZE) == 0;
	sqlite3_finalize(stmt);
	if (rc != SQLITE_OK || same)
		return tb_sqlite_errno(rc);
	rc = sqlite3_exec(db,
		"DELETE FROM offline_customer; DELETE FROM offline_name; DELETE FROM offline_key",
		NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(
			db, "INSERT INTO offline_key(check_hash) VALUES(?1)", -1, &stmt, NULL);
	if (rc != SQLITE_OK)
		return tb_sqlite_errno(rc);
	sqlite3_bind_blob(stmt, 1, check.hash, sizeof(check.hash), SQLITE_STATIC);
	rc = sqlite3_step(stmt);
	sqlite3_finalize(stmt);
	return tb_sqlite_errno(rc);
}

void
tb_offline_cache_hash(const struct tb_offline_cache *cache, enum tb_offline_name_kind kind,
	const char *value, struct tb_offline_name *name)
{
	struct hmac_sha256_ctx hmac = cache->key;
	uint8_t tag = (uint8_t)kind;

	hmac_sha256_update(&hmac, 1, &tag);
	hmac_sha256_update(&hmac, strlen(value), (const uint8_t *)value);
	hmac_sha256_digest(&hmac, TB_OFFLINE_HASH_SIZE, name->hash);
}

/* ---- start and stop ----------------------------------------------------------------------- */

void
tb_offline_cache_free(struct tb_offline_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(cache->statements[i]);
	explicit_bzero(&cache->key, sizeof(cache->key));
	free(cache);
}

static int
make_tables(struct tb_offline_cache *cache)
{
	struct tb_state *state = cache->bridge->state;
	int r = tb_state_begin(state);

	if (r < 0)
		return r;
	r = tb_sqlite_errno(sqlite3_exec(tb_state_db(state), schema, NULL, NULL, NULL));
	if (r == 0)
		r = check_key(cache);
	if (r < 0)
		tb_state_doom(state, r);
	/* Statements are made for tables that stay. */
	return tb_state_flush(state);
}

static int
count_rows(struct tb_offline_cache *cache)
{
	_cleanup_statement_ sqlite3_stmt *stmt = cache->statements[COUNT];
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		cache->count = sqlite3_column_int64(stmt, 0);
	return tb_sqlite_errno(rc);
}

int
tb_offline_cache_new(struct tb_bridge *bridge, struct tb_offline_cache **ret)
{
	struct tb_offline_cache *cache = calloc(1, sizeof(*cache));
	int r;

	if (!cache)
		return -ENOMEM;
	cache->bridge = bridge;
	r = load_key(cache);
	if (r == 0)
		r = make_tables(cache);
	if (r == 0)
		r = tb_state_prepare(bridge->state, texts, cache->statements, STATEMENTS);
	if (r == 0)
		r = count_rows(cache);
	if (r < 0) {
		tb_offline_cache_free(cache);
		return r;
	}
	*ret = cache;
	return 0;
}

/* ---- rows --------------------------------------------------------------------------------- */

static int
read_row(struct tb_offline_cache *cache, sqlite3_stmt *stmt, struct tb_offline_customer *ret)
{
	int rc = sqlite3_step(stmt);
	struct tb_offline_customer row = {0};

	if (rc != SQLITE_ROW)
		return tb_sqlite_errno(rc);
	row.seq = sqlite3_column_int64(stmt, 0);
	row.as_of = sqlite3_column_int64(stmt, 2);
	row.pending = sqlite3_column_int(stmt, 3) != 0;
	row.contact = sqlite3_column_int(stmt, 4) != 0;
	if (!row.pending && row.as_of < oldest_us(cache))
		return 0;
	row.names = sqlite3_column_int64(stmt, 5);
	row.id = strdup((const char *)sqlite3_column_text(stmt, 1));
	if (sqlite3_column_count(stmt) > 6)
		row.body = json_loadb((const char *)sqlite3_column_text(stmt, 6),
			(size_t)sqlite3_column_bytes(stmt, 6), 0, NULL);
	if (!row.id || (!row.body && sqlite3_column_count(stmt) > 6)) {
		tb_offline_customer_done(&row);
		return -ENOMEM;
	}
	*ret = row;
	return 1;
}

int
tb_offline_cache_get(struct tb_offline_cache *cache, int64_t seq, struct tb_offline_customer *ret)
{
	_cleanup_statement_ sqlite3_stmt *stmt = cache->statements[GET];

	sqlite3_bind_int64(stmt, 1, seq);
	return read_row(cache, stmt, ret);
}

int
tb_offline_cache_find(
	struct tb_offline_cache *cache, const char *id, struct tb_offline_customer *ret)
{
	_cleanup_statement_ sqlite3_stmt *stmt = cache->statements[FIND];

	sqlite3_bind_text(stmt, 1, id, -1, SQLITE_STATIC);
	return read_row(cache, stmt, ret);
}

int
tb_offline_cache_peek(
	struct tb_offline_cache *cache, const char *id, struct tb_offline_customer *ret)
{
	_cleanup_statement_ sqlite3_stmt *stmt = cache->statements[PEEK];

	sqlite3_bind_text(stmt, 1, id, -1, SQLITE_STATIC);
	return read_row(cache, stmt, ret);
}

int
tb_offline_cache_names(struct tb_offline_cache *cache, const struct tb_offline_name *name,
	struct tb_offline_name ret[TB_OFFLINE_CANDIDATES_MAX], size_t *ret_n)
{
	_cleanup_statement_ sqlite3_stmt *stmt = cache->statements[NAMES];
	size_t n = 0;
	int rc;

	sqlite3_bind_blob(stmt, 1, name->hash, TB_OFFLINE_HASH_SIZE, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 2, TB_OFFLINE_CANDIDATES_MAX);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		ret[n] = *name;
		ret[n].customer = sqlite3_column_int64(stmt, 0);
		ret[n].state = (enum tb_offline_name_state)sqlite3_column_int(stmt, 1);
		n++;
	}
	*ret_n = n;
	return tb_sqlite_errno(rc);
}

/* ---- writing ------------------------------------------------------------------------------ */

static int
drop_names(struct tb_offline_cache *cache, int64_t seq, bool aliases)
{
	_cleanup_statement_ sqlite3_stmt *stmt =
		cache->statements[aliases ? DROP_ALL_NAMES : DROP_NAMES];

	sqlite3_bind_int64(stmt, 1, seq);
	if (!aliases)
		sqlite3_bind_int(stmt, 2, TB_OFFLINE_NAME_ALIAS);
	if (!aliases)
		sqlite3_bind_int(stmt, 3, TB_OFFLINE_NAME_QUEUED);
	return tb_state_run(cache->bridge->state, stmt);
}

static int
forget_row(struct tb_offline_cache *cache, int64_t seq)
{
	_cleanup_statement_ sqlite3_stmt *stmt = cache->statements[FORGET];
	int r;

	sqlite3_bind_int64(stmt, 1, seq);
	r = tb_state_run(cache->bridge->state, stmt);
	if (r == 0 && sqlite3_changes(tb_state_db(cache->bridge->state)) > 0)
		cache->count--;
	return r < 0 ? r : drop_names(cache, seq, true);
}

int
tb_offline_cache_forget(struct tb_offline_cache *cache, const char *id)
{
	_cleanup_statement_ sqlite3_stmt *stmt = cache->statements[FIND];
	int rc;

	sqlite3_bind_text(stmt, 1, id, -1, SQLITE_STATIC);
	rc = sqlite3_step(stmt);
	return rc == SQLITE_ROW ? forget_row(cache, sqlite3_column_int64(stmt, 0))
	                        : tb_sqlite_errno(rc);
}

static int
write_row(struct tb_offline_cache *cache, struct tb_offline_customer *customer, const char *body)
{
	_cleanup_statement_ sqlite3_stmt *stmt = cache->statements[customer->seq ? SET : ADD];
	int r = 0;

	/* He may be there all the same, too old to be shown. */
	if (!customer->seq)
		r = tb_offline_cache_forget(cache, customer->id);
	if (r < 0)
		return r;
	if (customer->seq)
		sqlite3_bind_int64(stmt, 1, customer->seq);
	else
		sqlite3_bind_text(stmt, 2, customer->id, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 3, customer->as_of);
	sqlite3_bind_int(stmt, 4, customer->pending);
	sqlite3_bind_int(stmt, 5, customer->contact);
	sqlite3_bind_int64(stmt, 6, customer->names);
	sqlite3_bind_text(stmt, 7, body, -1, SQLITE_STATIC);
	r = tb_state_run(cache->bridge->state, stmt);
	if (r < 0 || customer->seq)
		return r;
	customer->seq = sqlite3_last_insert_rowid(tb_state_db(cache->bridge->state));
	cache->count++;
	return 0;
}

int
tb_offline_cache_add_name(
	struct tb_offline_cache *cache, const struct tb_offline_name *name, int64_t seq)
{
	_cleanup_statement_ sqlite3_stmt *stmt = cache->statements[ADD_NAME];

	sqlite3_bind_blob(stmt, 1, name->hash, TB_OFFLINE_HASH_SIZE, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, seq);
	sqlite3_bind_int(stmt, 3, (int)name->state);
	return tb_state_run(cache->bridge->state, stmt);
}

static int
rename_owners(struct tb_offline_cache *cache, const struct tb_offline_name *name)
{
	_cleanup_statement_ sqlite3_stmt *stmt = cache->statements[RENAME];

	sqlite3_bind_blob(stmt, 1, name->hash, TB_OFFLINE_HASH_SIZE, SQLITE_STATIC);
	return tb_state_run(cache->bridge->state, stmt);
}

int
tb_offline_cache_deny_name(struct tb_offline_cache *cache, const struct tb_offline_name *name)
{
	_cleanup_statement_ sqlite3_stmt *stmt = cache->statements[DENY_NAME];
	int r = rename_owners(cache, name);

	if (r < 0)
		return r;
	sqlite3_bind_blob(stmt, 1, name->hash, TB_OFFLINE_HASH_SIZE, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 2, TB_OFFLINE_NAME_QUEUED);
	return tb_state_run(cache->bridge->state, stmt);
}

int
tb_offline_cache_drop_name(struct tb_offline_cache *cache, const struct tb_offline_name *name)
{
	_cleanup_statement_ sqlite3_stmt *stmt = cache->statements[DROP_NAME];
	int r = rename_owners(cache, name);

	if (r < 0)
		return r;
	sqlite3_bind_blob(stmt, 1, name->hash, TB_OFFLINE_HASH_SIZE, SQLITE_STATIC);
	return tb_state_run(cache->bridge->state, stmt);
}

/* Names in any order; never 0. */
static int64_t
digest(const struct tb_offline_name *names, size_t n)
{
	uint64_t sum = n + 1, piece;

	for (size_t i = 0; i < n; i++) {
		memcpy(&piece, names[i].hash, sizeof(piece));
		sum += piece * (2 * (uint64_t)names[i].state + 1);
	}
	return sum ? (int64_t)sum : 1;
}

static int
write_names(struct tb_offline_cache *cache, const struct tb_offline_customer *customer,
	const struct tb_offline_name *names, size_t n)
{
	int r = drop_names(cache, customer->seq, false);

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (names[i].sole)
			r = tb_offline_cache_drop_name(cache, &names[i]);
		if (r == 0)
			r = tb_offline_cache_add_name(cache, &names[i], customer->seq);
	}
	return r;
}

int
tb_offline_cache_put(struct tb_offline_cache *cache, struct tb_offline_customer *customer,
	const struct tb_offline_name *names, size_t n)
{
	_cleanup_free_ char *body = json_dumps(customer->body, JSON_COMPACT);
	bool renamed = names && (!customer->seq || customer->names != digest(names, n));
	int r;

	if (!body)
		return -ENOMEM;
	if (strlen(body) > BODY_MAX)
		return tb_offline_cache_forget(cache, customer->id);
	if (renamed)
		customer->names = digest(names, n);
	r = write_row(cache, customer, body);
	return r < 0 || !renamed ? r : write_names(cache, customer, names, n);
}

/* They are of little use and bear no date: too many of them are all dropped. */
static int
prune_marks(struct tb_offline_cache *cache)
{
	_cleanup_statement_ sqlite3_stmt *stmt = cache->statements[COUNT_MARKS];
	int rc = sqlite3_step(stmt);

	if (rc != SQLITE_ROW)
		return tb_sqlite_errno(rc);
	return sqlite3_column_int(stmt, 0) > TB_OFFLINE_MARKS_MAX ? drop_names(cache, 0, true) : 0;
}

bool
tb_offline_cache_is_full(const struct tb_offline_cache *cache)
{
	return cache->count > TB_OFFLINE_CUSTOMERS_MAX;
}

int
tb_offline_cache_prune(struct tb_offline_cache *cache)
{
	_cleanup_statement_ sqlite3_stmt *stmt = cache->statements[PRUNE];
	int64_t seqs[PRUNE_PIECE], over = cache->count - TB_OFFLINE_CUSTOMERS_MAX;
	int n = 0, rc, r = 0;

	sqlite3_bind_int64(stmt, 1, oldest_us(cache));
	sqlite3_bind_int64(stmt, 2, over);
	sqlite3_bind_int64(stmt, 3, over > 0 ? TB_MIN(over, PRUNE_PIECE) : PRUNE_PIECE);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
		seqs[n++] = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	r = tb_sqlite_errno(rc);
	for (int i = 0; r == 0 && i < n; i++)
		r = forget_row(cache, seqs[i]);
	return r < 0 ? r : prune_marks(cache);
}
