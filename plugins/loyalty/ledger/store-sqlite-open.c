/* SPDX-License-Identifier: MIT */
/*
 * Opens ledger.db: is it ours, whole and of a version we know, then brings it to ours. What is
 * damaged, newer or foreign is refused with a sentence and left as it is; before a migration the
 * old file is copied beside it. Nothing is created when the file is refused.
 */

#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "plugins/loyalty/ledger/schema.h"
#include "plugins/loyalty/ledger/store-sqlite.h"

#define QUICK_CHECK_MAX (2 << 20) /* a bigger file is checked page by page as it is read */
#define HEADER 100

static void
sqlite_freep(char **text)
{
	sqlite3_free(*text);
}

#define _cleanup_sqlite_free_ _cleanup_(sqlite_freep)

/* The refusal in words; returns r. */
static int TB_PRINTF(3, 4) refuse(char **ret_why, int r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (*ret_why == NULL && vasprintf(ret_why, format, args) < 0)
		*ret_why = NULL;
	va_end(args);
	return r;
}

static int
refuse_damaged(const char *path, const char *what, char **ret_why)
{
	return refuse(ret_why, -EBADMSG,
		"%s is damaged (%s). It was left as it is: put a backup in its place, or move it"
		" away together with its -wal and -shm files to begin with an empty ledger.",
		path, what);
}

static int
refuse_newer(const char *path, unsigned version, char **ret_why)
{
	return refuse(ret_why, -EPROTO,
		"%s was written by a newer tillbridge (tables of version %u, this one knows %zu). "
		"It was"
		" left as it is: install that version again, or put back the backup made before the"
		" migration.",
		path, version, tb_schema_version);
}

static uint32_t
big32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

/* A checkpoint that was interrupted leaves the file short and the rest in the log. */
static bool
has_log(const char *path)
{
	_cleanup_free_ char *log = NULL;
	struct stat st;

	if (asprintf(&log, "%s-wal", path) < 0) {
		log = NULL;
		return true;
	}
	return stat(log, &st) == 0 && st.st_size > 0;
}

/* Looks at the first page with our own eyes, so that what is refused here was never opened.
 * ret_unborn: it broke off while it was made, and nothing was ever in it. */
static int
check_header(const char *path, int fd, off_t size, bool *ret_unborn, char **ret_why)
{
	uint8_t h[HEADER];
	uint32_t page;

	if (pread(fd, h, sizeof(h), 0) != (ssize_t)sizeof(h))
		return refuse_damaged(path, "it is cut off in its first page", ret_why);
	if (memcmp(h, "SQLite format 3", 16) != 0)
		return refuse_damaged(path, "it is no SQLite database", ret_why);
	if (big32(h + 68) != TB_SCHEMA_APPLICATION_ID && big32(h + 60) != 0)
		return refuse(ret_why, -EPROTO,
			"%s is a database, but not a ledger of tillbridge. It was left as it is: "
			"move it"
			" away.",
			path);
	if (big32(h + 60) > tb_schema_version)
		return refuse_newer(path, big32(h + 60), ret_why);
	page = (uint32_t)h[16] << 8 | h[17];
	page = page == 1 ? 65536 : page;
	*ret_unborn = size < page && big32(h + 28) <= 1 && big32(h + 60) == 0 && !has_log(path);
	if (!*ret_unborn && (off_t)big32(h + 28) * page > size && !has_log(path))
		return refuse_damaged(path, "its end is missing", ret_why);
	return 0;
}

/* A log without its file: SQLite would throw it away and begin with nothing. */
static bool
is_lost(const char *path)
{
	struct stat st;

	return has_log(path) && (stat(path, &st) < 0 || st.st_size == 0);
}

/* Creates the file for us alone, or looks at the one that is there. */
static int
look_at_file(const char *path, bool *ret_new, char **ret_why)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (is_lost(path))
		return refuse_damaged(
			path, "there is nothing in it, and its log is there", ret_why);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return refuse(ret_why, -errno,
			"%s cannot be opened (%s). The bridge's user must own the state directory.",
			path, strerror(errno));
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return refuse(ret_why, -EPROTO, "%s is no file. Move it away.", path);
	*ret_new = st.st_size == 0;
	if (st.st_size > 0) {
		int r = check_header(path, fd, st.st_size, ret_new, ret_why);

		if (r < 0)
			return r;
		if (*ret_new && ftruncate(fd, 0) < 0)
			return -errno;
	}
	if ((st.st_mode & 0777) != 0600 && fchmod(fd, 0600) < 0)
		return refuse(
			ret_why, -errno, "%s cannot be kept private (%s).", path, strerror(errno));
	return 0;
}

static int
pragma_int(sqlite3 *db, const char *sql, int64_t *ret)
{
	sqlite3_stmt *stmt = NULL;
	int r = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

	if (r == SQLITE_OK) {
		r = sqlite3_step(stmt);
		if (r == SQLITE_ROW)
			*ret = sqlite3_column_int64(stmt, 0);
	}
	sqlite3_finalize(stmt);
	return tb_sqlite_errno(r);
}

static int
quick_check(sqlite3 *db, const char *path, char **ret_why)
{
	sqlite3_stmt *stmt = NULL;
	const char *said = NULL;
	int r;

	if (sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &stmt, NULL) == SQLITE_OK &&
		sqlite3_step(stmt) == SQLITE_ROW)
		said = (const char *)sqlite3_column_text(stmt, 0);
	r = said && strcmp(said, "ok") == 0
	            ? 0
	            : refuse_damaged(path,
			      said ? "its pages contradict each other" : sqlite3_errmsg(db),
			      ret_why);
	sqlite3_finalize(stmt);
	return r;
}

/* Version and wholeness, read through SQLite: a write-ahead log may hold newer pages. */
static int
check_content(sqlite3 *db, const char *path, int64_t *ret_version, char **ret_why)
{
	int64_t pages = 0, version = 0, id = 0, page_size = 0;

	if (pragma_int(db, "PRAGMA user_version", &version) < 0 ||
		pragma_int(db, "PRAGMA application_id", &id) < 0 ||
		pragma_int(db, "PRAGMA page_count", &pages) < 0 ||
		pragma_int(db, "PRAGMA page_size", &page_size) < 0) {
		int r = tb_sqlite_errno(sqlite3_extended_errcode(db));

		if (r == -EBADMSG)
			return refuse_damaged(path, sqlite3_errmsg(db), ret_why);
		return refuse(
			ret_why, r ? r : -EIO, "%s cannot be read: %s.", path, sqlite3_errmsg(db));
	}
	if (version > (int64_t)tb_schema_version)
		return refuse_newer(path, (unsigned)version, ret_why);
	if (version > 0 && id != TB_SCHEMA_APPLICATION_ID)
		return refuse_damaged(path, "it does not bear our mark", ret_why);
	*ret_version = version;
	return pages * page_size <= QUICK_CHECK_MAX ? quick_check(db, path, ret_why) : 0;
}

/* Copies the file to `to`, for us alone; an older copy of the same name is a failed attempt's. */
static int
backup(sqlite3 *db, const char *to, char **ret_why)
{
	_cleanup_close_ int fd = open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	sqlite3 *copy = NULL;
	sqlite3_backup *job = NULL;
	int r = SQLITE_CANTOPEN;

	if (fd >= 0 && fchmod(fd, 0600) == 0 &&
		sqlite3_open_v2(to, &copy, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK)
		job = sqlite3_backup_init(copy, "main", db, "main");
	if (job) {
		sqlite3_backup_step(job, -1);
		r = sqlite3_backup_finish(job);
	}
	sqlite3_close(copy);
	if (r == SQLITE_OK && fsync(fd) == 0)
		return 0;
	unlink(to);
	return refuse(ret_why, r == SQLITE_OK ? -errno : tb_sqlite_errno(r),
		"no backup could be written to %s (%s), so the ledger was not migrated. Make room "
		"or"
		" give the directory to the bridge's user.",
		to, r == SQLITE_OK ? strerror(errno) : sqlite3_errstr(r));
}

static int
execute(sqlite3 *db, const char *path, const char *sql, char **ret_why)
{
	_cleanup_sqlite_free_ char *why = NULL;
	int r = sqlite3_exec(db, sql, NULL, NULL, &why);

	if (r == SQLITE_OK)
		return 0;
	r = tb_sqlite_errno(sqlite3_extended_errcode(db));
	if (r == -EBADMSG)
		return refuse_damaged(path, why ? why : "unreadable", ret_why);
	return refuse(ret_why, r, "%s: %s%s", path, why ? why : sqlite3_errstr(r),
		r == -ENOSPC  ? ". The disk is full: make room."
		: r == -EROFS ? ". The bridge's user may not write there."
		: r == -EBUSY ? ". Another program has it open for writing: end that one."
			      : ".");
}

int
tb_sqlite_migrate(sqlite3 *db, const char *path, int64_t version, const char *const *steps,
	size_t n, char **ret_why)
{
	int r;

	if (version == (int64_t)n)
		return 0;
	if (version > 0) {
		_cleanup_free_ char *to = NULL;

		if (asprintf(&to, "%s.v%d.backup", path, (int)version) < 0) {
			to = NULL;
			return -ENOMEM;
		}
		r = backup(db, to, ret_why);
		if (r < 0)
			return r;
	}
	r = execute(db, path, "BEGIN IMMEDIATE", ret_why);
	for (size_t i = (size_t)version; r >= 0 && i < n; i++)
		r = execute(db, path, steps[i], ret_why);
	if (r >= 0) {
		char sql[96];

		snprintf(sql, sizeof(sql),
			"PRAGMA application_id=%d; PRAGMA user_version=%zu; COMMIT",
			TB_SCHEMA_APPLICATION_ID, n);
		r = execute(db, path, sql, ret_why);
	}
	if (r < 0 && !sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

/* The file's first page and its name, before anything is promised to be in it. */
static int
sync_new(const char *dir, const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);
	_cleanup_close_ int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || dir_fd < 0 || fdatasync(fd) < 0 || fsync(dir_fd) < 0 ? -errno : 0;
}

/*
 * A new file is filled with empty tables without waiting for the disk: cut off before the first
 * commit that waits for it, it is empty and filled again.
 */
static int
open_db(sqlite3 *db, const char *path, bool is_new, char **ret_why)
{
	int64_t version = 0;
	int r;

	sqlite3_extended_result_codes(db, 1);
	/* Closing what we refuse must not fold its log into it. */
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	r = check_content(db, path, &version, ret_why);
	if (r < 0)
		return r;
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	r = execute(
		db, path, is_new ? "PRAGMA synchronous=OFF" : "PRAGMA synchronous=FULL", ret_why);
	if (r < 0)
		return r;
	r = execute(db, path,
		"PRAGMA journal_mode=WAL; PRAGMA foreign_keys=ON;"
		"PRAGMA secure_delete=ON; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0;"
		"PRAGMA wal_autocheckpoint=1000; PRAGMA journal_size_limit=16777216",
		ret_why);
	tb_sqlite_set_cache(db);
	return r < 0 ? r
	             : tb_sqlite_migrate(
			       db, path, version, tb_schema_steps, tb_schema_version, ret_why);
}

int
tb_store_sqlite_open(const char *dir, struct tb_store **ret, char **ret_why)
{
	_cleanup_free_ char *path = NULL;
	sqlite3 *db = NULL;
	bool is_new = false;
	int r;

	if (asprintf(&path, "%s/ledger.db", dir) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = look_at_file(path, &is_new, ret_why);
	if (r < 0)
		return r;
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
		SQLITE_OK)
		r = refuse(ret_why, -EACCES, "%s cannot be opened: %s.", path, sqlite3_errmsg(db));
	if (r >= 0)
		r = open_db(db, path, is_new, ret_why);
	if (r >= 0 && is_new)
		r = sync_new(dir, path);
	if (r >= 0 && is_new)
		r = execute(db, path, "PRAGMA synchronous=FULL", ret_why);
	if (r >= 0)
		r = tb_sqlite_store_new(db, ret);
	if (r < 0)
		sqlite3_close(db);
	return r;
}
