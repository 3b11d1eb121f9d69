/* SPDX-License-Identifier: MIT */
/*
 * state.db: opening it without harm, its version, and one transaction for each turn of the loop. It
 * knows no table; what is written is the parts' own. It is not the ledger's file, and nothing here
 * spans the two.
 */
#include "bridge/state.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/why.h"

/*
 * Numbered migrations, forward only: step n brings a file of version n to n + 1. Parts make their
 * tables themselves where they are missing, so the first step has nothing to do; a step is added
 * here when a table that stands in shops must change.
 */
static const char *const migrations[] = {
	"", /* 0 -> 1 */
};
#define STATE_VERSION ((int)ARRAY_SIZE(migrations))

/* A bigger file is checked page by page as it is read: a shop opens at once. */
#define CHECK_MAX_BYTES (INT64_C(2) << 20)
/* A disk that is full fails every turn: it is said once in a while. */
#define LOG_EVERY_US (UINT64_C(60) * 1000000)

struct waiter {
	tb_state_fn fn;
	void *userdata;
};

struct tb_state {
	struct tb_loop *loop;
	sqlite3 *db;
	struct tb_source *turn_end;
	sqlite3_stmt *begin, *commit, *rollback;
	int lock_fd; /* held open and locked as long as the file is in use */
	char *dir;
	bool young; /* made in this run, and nothing was promised to be in it yet */
	bool open;  /* the turn has a transaction, or had one and lost it */
	int lost;   /* why it is lost; stays until the end of the turn */
	int said;   /* the failure that was logged last, */
	uint64_t quiet_until_us;
	struct waiter *waiters;
	size_t n_waiters, max_waiters;
};

int
tb_sqlite_errno(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_CANTOPEN:
		return -EACCES;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_TOOBIG:
		return -EMSGSIZE;
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	case SQLITE_INTERRUPT:
		return -EINTR;
	default:
		return -EIO;
	}
}

void
tb_statement_rewind(sqlite3_stmt **stmt)
{
	sqlite3_reset(*stmt);
	sqlite3_clear_bindings(*stmt);
}

void
tb_bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
	sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
}

sqlite3 *
tb_state_db(struct tb_state *state)
{
	return state->db;
}

/* Runs a statement that gives no rows we want. */
static int
step_once(sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);

	sqlite3_reset(stmt);
	return tb_sqlite_errno(rc);
}

static void
lose(struct tb_state *state, int error)
{
	if (!state->lost)
		state->lost = error;
	if (!sqlite3_get_autocommit(state->db))
		(void)step_once(state->rollback);
}

int
tb_state_begin(struct tb_state *state)
{
	int r;

	/* A full disk may have rolled everything back behind the back of who wrote. */
	if (state->open && !state->lost && sqlite3_get_autocommit(state->db))
		lose(state, -ENOSPC);
	if (state->open)
		return state->lost;
	r = tb_source_arm(state->turn_end);
	if (r < 0)
		return r;
	r = step_once(state->begin);
	if (r < 0)
		return r;
	state->open = true;
	return 0;
}

int
tb_state_run(struct tb_state *state, sqlite3_stmt *stmt)
{
	int r = tb_state_begin(state);

	return r < 0 ? r : tb_sqlite_errno(sqlite3_step(stmt));
}

void
tb_state_doom(struct tb_state *state, int error)
{
	if (state->open)
		lose(state, error);
}

bool
tb_state_is_open(const struct tb_state *state)
{
	return state->open;
}

int
tb_state_after_commit(struct tb_state *state, tb_state_fn fn, void *userdata)
{
	if (!state->open) {
		fn(0, userdata);
		return 0;
	}
	if (state->n_waiters == state->max_waiters) {
		size_t max = state->max_waiters ? 2 * state->max_waiters : 16;
		struct waiter *more = reallocarray(state->waiters, max, sizeof(*more));

		if (!more)
			return -ENOMEM;
		state->waiters = more;
		state->max_waiters = max;
	}
	state->waiters[state->n_waiters++] = (struct waiter){fn, userdata};
	return 0;
}

/* Whoever waits may begin the next transaction at once, so the list is handed over first. */
static void
tell(struct tb_state *state, int error)
{
	_cleanup_free_ struct waiter *waiters = TAKE_PTR(state->waiters);
	size_t n = state->n_waiters;

	state->n_waiters = state->max_waiters = 0;
	for (size_t i = 0; i < n; i++)
		waiters[i].fn(error, waiters[i].userdata);
}

static void
log_lost(struct tb_state *state, int error)
{
	uint64_t now_us = tb_loop_now_us(state->loop);

	if (error == state->said && now_us < state->quiet_until_us)
		return;
	state->said = error;
	state->quiet_until_us = now_us + LOG_EVERY_US;
	tb_log_error("state.db: a turn's writes are lost: %s", strerror(-error));
}

int
tb_state_flush(struct tb_state *state)
{
	int r;

	if (!state->open)
		return 0;
	if (!state->lost && sqlite3_get_autocommit(state->db))
		lose(state, -ENOSPC);
	if (!state->lost) {
		r = step_once(state->commit);
		if (r < 0)
			lose(state, r);
	}
	r = state->lost;
	if (r < 0)
		log_lost(state, r);
	state->open = false;
	state->lost = 0;
	tell(state, r);
	return r;
}

int
tb_state_make_tables(struct tb_state *state, const char *schema)
{
	int r = tb_state_begin(state);

	if (r < 0)
		return r;
	r = tb_sqlite_errno(sqlite3_exec(state->db, schema, NULL, NULL, NULL));
	if (r < 0)
		tb_state_doom(state, r);
	return tb_state_flush(state);
}

int
tb_state_prepare(
	struct tb_state *state, const char *const *texts, sqlite3_stmt **statements, size_t n)
{
	int rc = SQLITE_OK;

	for (size_t i = 0; i < n && rc == SQLITE_OK; i++)
		rc = sqlite3_prepare_v3(
			state->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &statements[i], NULL);
	return tb_sqlite_errno(rc);
}

/* The name of a new file must be on disk before what is promised to be in it. */
static void
sync_dir(const char *dir)
{
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		tb_log_warning("state directory: its entries cannot be synced: %m");
}

/* The file's first page goes to disk now, what stands in the log with the next transaction. */
int
tb_state_ready(struct tb_state *state)
{
	int rc;

	if (!state->young)
		return 0;
	/* What the start has written stands in a turn of its own, which ends now. */
	(void)tb_state_flush(state);
	if (fdatasync(state->lock_fd) < 0)
		return -errno;
	sync_dir(state->dir);
	rc = sqlite3_exec(state->db, "PRAGMA synchronous = FULL", NULL, NULL, NULL);
	state->young = rc != SQLITE_OK;
	return tb_sqlite_errno(rc);
}

static void
at_turn_end(void *userdata)
{
	(void)tb_state_flush(userdata);
}

/* A log without its file: SQLite would throw it away, and with it what waits to be delivered. */
static bool
is_lost(const char *path)
{
	_cleanup_free_ char *log = NULL;
	struct stat st;

	if (asprintf(&log, "%s-wal", path) < 0) {
		log = NULL;
		return false;
	}
	return stat(log, &st) == 0 && st.st_size > 0 && (stat(path, &st) < 0 || st.st_size == 0);
}

/*
 * Makes the file with our mode before SQLite would with its own, and keeps a lock on it: two
 * daemons on one state directory would both print. SQLite's own locks are of another kind and let
 * go between two transactions.
 */
static int
claim_file(const char *path, int *ret_fd, bool *ret_new, char **ret_why)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (is_lost(path))
		return tb_why(-EUCLEAN, ret_why,
			"%s is damaged (there is nothing in it, and its log is there) and was left "
			"as it is: put a copy back, or move its -wal and -shm away to start "
			"without "
			"the jobs, events and deliveries in them",
			path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return tb_why(-errno, ret_why,
			"%s cannot be opened (%m): the state directory must exist and be writable "
			"by the user the bridge runs as",
			path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return tb_why(-EBUSY, ret_why,
			"%s is in use by another tillbridged: stop that one, or give this one "
			"a state directory of its own",
			path);
	if (fstat(fd, &st) < 0)
		return tb_why(-errno, ret_why, "%s cannot be read: %m", path);
	if (!S_ISREG(st.st_mode))
		return tb_why(-EINVAL, ret_why, "%s is not a file: move it away", path);
	if ((st.st_mode & 077) && fchmod(fd, st.st_mode & 0700) < 0)
		return tb_why(-errno, ret_why,
			"%s can be read by others, and that cannot be changed: %m", path);
	*ret_new = st.st_size == 0;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int
query_int(sqlite3 *db, const char *sql, int *ret)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	return rc == SQLITE_DONE ? -ENODATA : tb_sqlite_errno(rc);
}

/* Whether SQLite finds the file whole. */
static int
check_whole(struct tb_state *state)
{
	struct stat st;
	sqlite3_stmt *stmt = NULL;
	const unsigned char *word;
	int rc, r = 0;

	if (fstat(state->lock_fd, &st) < 0)
		return -errno;
	if (st.st_size > CHECK_MAX_BYTES)
		return 0;
	rc = sqlite3_prepare_v2(state->db, "PRAGMA quick_check(1)", -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		word = sqlite3_column_text(stmt, 0);
		if (!word || strcmp((const char *)word, "ok") != 0)
			r = -EUCLEAN;
	} else {
		r = tb_sqlite_errno(rc);
	}
	sqlite3_finalize(stmt);
	return r;
}

static int
migrate(struct tb_state *state, int version)
{
	_cleanup_free_ char *pragma = NULL;
	int r = 0;

	if (version == STATE_VERSION)
		return 0;
	r = step_once(state->begin);
	for (; r == 0 && version < STATE_VERSION; version++)
		r = tb_sqlite_errno(sqlite3_exec(state->db, migrations[version], NULL, NULL, NULL));
	if (r == 0 && asprintf(&pragma, "PRAGMA user_version = %d", STATE_VERSION) < 0)
		r = -ENOMEM;
	if (r == 0)
		r = tb_sqlite_errno(sqlite3_exec(state->db, pragma, NULL, NULL, NULL));
	if (r == 0)
		r = step_once(state->commit);
	if (r < 0 && !sqlite3_get_autocommit(state->db))
		(void)step_once(state->rollback);
	return r;
}

static int
prepare(struct tb_state *state)
{
	const char *const settings[] = {
		state->young ? "PRAGMA synchronous = OFF" : "PRAGMA synchronous = FULL",
		"PRAGMA journal_mode = WAL",
		"PRAGMA cache_size = -256",
		"PRAGMA journal_size_limit = 1048576",
		"PRAGMA temp_store = MEMORY",
		"PRAGMA trusted_schema = OFF",
	};
	int rc = SQLITE_OK;

	for (size_t i = 0; i < ARRAY_SIZE(settings) && rc == SQLITE_OK; i++)
		rc = sqlite3_exec(state->db, settings[i], NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v3(state->db, "BEGIN IMMEDIATE", -1, SQLITE_PREPARE_PERSISTENT,
			&state->begin, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v3(
			state->db, "COMMIT", -1, SQLITE_PREPARE_PERSISTENT, &state->commit, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v3(state->db, "ROLLBACK", -1, SQLITE_PREPARE_PERSISTENT,
			&state->rollback, NULL);
	return tb_sqlite_errno(rc);
}

/* The version and the wholeness are read before anything is written: a file that is not ours to
 * change stays as it was. */
static int
open_db(struct tb_state *state, const char *path, char **ret_why)
{
	int rc, r, version = 0;

	/* Nobody asks how much SQLite has; counting it is a lock for each allocation, also of who
	 * opens a file later. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	rc = sqlite3_open_v2(path, &state->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK)
		return tb_why(tb_sqlite_errno(rc), ret_why, "%s cannot be opened: %s", path,
			sqlite3_errstr(rc));
	(void)sqlite3_db_config(state->db, SQLITE_DBCONFIG_LOOKASIDE, NULL, 256, 64);
	(void)sqlite3_busy_timeout(state->db, 1000);
	/* Closing a file that was refused must not write its log into it. */
	(void)sqlite3_db_config(state->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	r = query_int(state->db, "PRAGMA user_version", &version);
	if (r == 0 && version <= STATE_VERSION)
		r = check_whole(state);
	if (r == -EUCLEAN || version < 0)
		return tb_why(-EUCLEAN, ret_why,
			"%s is damaged and was left as it is: put a copy back, or move it away "
			"(with its -wal and -shm) to start without the jobs and events in it",
			path);
	if (version > STATE_VERSION)
		return tb_why(-EPROTONOSUPPORT, ret_why,
			"%s was written by a newer tillbridged (version %d, this one knows %d): "
			"install that one again, or move the file away",
			path, version, STATE_VERSION);
	if (r == 0)
		r = prepare(state);
	if (r == 0)
		r = migrate(state, version);
	if (r < 0)
		return tb_why(r, ret_why,
			"%s cannot be used: %s; look for room on its disk, its "
			"mode and who owns it",
			path, strerror(-r));
	/* From here on nobody may be waited for. */
	(void)sqlite3_busy_timeout(state->db, 0);
	(void)sqlite3_db_config(state->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	return 0;
}

int
tb_state_new(struct tb_bridge *bridge, const char *state_dir, struct tb_state **ret, char **ret_why)
{
	_cleanup_free_ char *path = NULL;
	struct tb_state *state;
	int r;

	if (asprintf(&path, "%s/state.db", state_dir) < 0)
		return -ENOMEM;
	state = calloc(1, sizeof(*state));
	if (!state)
		return -ENOMEM;
	state->loop = bridge->loop;
	state->lock_fd = -1;
	state->dir = strdup(state_dir);
	r = state->dir ? claim_file(path, &state->lock_fd, &state->young, ret_why) : -ENOMEM;
	if (r == 0)
		r = open_db(state, path, ret_why);
	if (r == 0)
		r = tb_loop_add_turn_end(
			bridge->loop, TB_RANK_STATE, at_turn_end, state, &state->turn_end);
	if (r < 0) {
		tb_state_free(state);
		return r;
	}
	*ret = state;
	return 0;
}

void
tb_state_free(struct tb_state *state)
{
	if (!state)
		return;
	if (state->db)
		(void)tb_state_flush(state);
	tb_source_remove(&state->turn_end);
	sqlite3_finalize(state->begin);
	sqlite3_finalize(state->commit);
	sqlite3_finalize(state->rollback);
	/* A part that forgot a statement must not keep the file open. */
	(void)sqlite3_close_v2(state->db);
	if (state->lock_fd >= 0)
		close(state->lock_fd);
	free(state->dir);
	free(state->waiters);
	free(state);
}
