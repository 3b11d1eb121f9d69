/* SPDX-License-Identifier: MIT */
/*
 * state.db on a real disk, the loop on virtual time: one transaction a turn, who is told what, and
 * files that must not be touched. What the parts write is tested with them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "bridge/state.h"
#include "tests/virtual-loop.h"

struct fixture {
	char dir[64], path[96];
	struct tb_bridge bridge;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	snprintf(f->dir, sizeof(f->dir), "/tmp/tb-state-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/state.db", f->dir);
	f->bridge.loop = tb_virtual_loop_new();
	assert_non_null(f->bridge.loop);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
	struct fixture *f = *state;
	char path[128];

	tb_state_free(f->bridge.state);
	assert_int_equal(tb_virtual_loop_sources(f->bridge.loop), 0);
	tb_virtual_loop_free(f->bridge.loop);
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		snprintf(path, sizeof(path), "%s%s", f->path, suffixes[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

static void
start(struct fixture *f)
{
	_cleanup_free_ char *why = NULL;

	assert_int_equal(tb_state_new(&f->bridge, f->dir, &f->bridge.state, &why), 0);
	assert_null(why);
}

static void
stop(struct fixture *f)
{
	tb_state_free(f->bridge.state);
	f->bridge.state = NULL;
}

static void
assert_refused(struct fixture *f, int error, const char *word)
{
	_cleanup_free_ char *why = NULL;
	struct tb_state *other = NULL;

	assert_int_equal(tb_state_new(&f->bridge, f->dir, &other, &why), error);
	assert_null(other);
	assert_non_null(why);
	assert_non_null(strstr(why, word));
	assert_non_null(strstr(why, f->path));
}

static int
sql(struct fixture *f, const char *text)
{
	return tb_sqlite_errno(sqlite3_exec(tb_state_db(f->bridge.state), text, NULL, NULL, NULL));
}

/* Read by another connection: what is not committed is not seen. */
static int64_t
seen(struct fixture *f, const char *query)
{
	sqlite3 *db;
	sqlite3_stmt *stmt;
	int64_t n;

	assert_int_equal(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, query, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return n;
}

struct told {
	int times, error;
	struct tb_state *again; /* begins anew when told */
};

static void
on_told(int error, void *userdata)
{
	struct told *told = userdata;

	told->times++;
	told->error = error;
	if (told->again)
		assert_int_equal(tb_state_begin(told->again), 0);
}

static void
file_is_ours_alone(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char wal[128];

	start(f);
	assert_int_equal(tb_state_begin(f->bridge.state), 0);
	assert_int_equal(sql(f, "CREATE TABLE t(x)"), 0);
	tb_virtual_loop_settle(f->bridge.loop);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	snprintf(wal, sizeof(wal), "%s-wal", f->path);
	assert_int_equal(stat(wal, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(seen(f, "PRAGMA user_version"), 1);
	assert_refused(f, -EBUSY, "in use");
	stop(f);
	/* A file that someone made readable is closed again. */
	assert_int_equal(chmod(f->path, 0644), 0);
	start(f);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void
turn_is_one_transaction(void **state)
{
	struct fixture *f = *state;
	struct told at_once = {0}, later = {0};

	start(f);
	assert_int_equal(tb_state_begin(f->bridge.state), 0);
	assert_int_equal(sql(f, "CREATE TABLE t(x)"), 0);
	tb_virtual_loop_settle(f->bridge.loop);
	assert_int_equal(tb_state_after_commit(f->bridge.state, on_told, &at_once), 0);
	assert_int_equal(at_once.times, 1);

	for (int i = 0; i < 40; i++) {
		assert_int_equal(tb_state_begin(f->bridge.state), 0);
		assert_int_equal(sql(f, "INSERT INTO t VALUES(1)"), 0);
		assert_int_equal(tb_state_after_commit(f->bridge.state, on_told, &later), 0);
	}
	assert_int_equal(later.times, 0);
	assert_int_equal(seen(f, "SELECT count(*) FROM t"), 0);
	tb_virtual_loop_turn(f->bridge.loop);
	assert_int_equal(later.times, 40);
	assert_int_equal(later.error, 0);
	assert_int_equal(seen(f, "SELECT count(*) FROM t"), 40);
}

static void
told_may_write_again(void **state)
{
	struct fixture *f = *state;
	struct told told = {0};

	start(f);
	assert_int_equal(tb_state_begin(f->bridge.state), 0);
	assert_int_equal(sql(f, "CREATE TABLE t(x)"), 0);
	told.again = f->bridge.state;
	assert_int_equal(tb_state_after_commit(f->bridge.state, on_told, &told), 0);
	tb_virtual_loop_turn(f->bridge.loop);
	assert_int_equal(told.times, 1);
	assert_int_equal(sql(f, "INSERT INTO t VALUES(1)"), 0);
	assert_int_equal(seen(f, "SELECT count(*) FROM t"), 0);
	tb_virtual_loop_settle(f->bridge.loop);
	assert_int_equal(seen(f, "SELECT count(*) FROM t"), 1);
}

static void
end_commits(void **state)
{
	struct fixture *f = *state;
	struct told told = {0};

	start(f);
	assert_int_equal(tb_state_begin(f->bridge.state), 0);
	assert_int_equal(sql(f, "CREATE TABLE t(x); INSERT INTO t VALUES(7)"), 0);
	assert_int_equal(tb_state_after_commit(f->bridge.state, on_told, &told), 0);
	stop(f);
	assert_int_equal(told.times, 1);
	assert_int_equal(seen(f, "SELECT x FROM t"), 7);
}

/* A turn that the disk has no room for is lost as a whole and told; the next one is well. */
static void
full_disk_is_told(void **state)
{
	struct fixture *f = *state;
	struct told told = {0}, after = {0};
	int r;

	start(f);
	assert_int_equal(tb_state_begin(f->bridge.state), 0);
	assert_int_equal(sql(f, "CREATE TABLE t(x)"), 0);
	tb_virtual_loop_settle(f->bridge.loop);

	assert_int_equal(sql(f, "PRAGMA max_page_count = 4"), 0);
	assert_int_equal(tb_state_begin(f->bridge.state), 0);
	assert_int_equal(sql(f, "INSERT INTO t VALUES(1)"), 0);
	assert_int_equal(tb_state_after_commit(f->bridge.state, on_told, &told), 0);
	r = sql(f, "INSERT INTO t VALUES(randomblob(100000))");
	assert_int_equal(r, -ENOSPC);
	tb_state_doom(f->bridge.state, r);
	assert_int_equal(tb_state_begin(f->bridge.state), -ENOSPC);
	assert_int_equal(told.times, 0);
	tb_virtual_loop_settle(f->bridge.loop);
	assert_int_equal(told.times, 1);
	assert_int_equal(told.error, -ENOSPC);
	assert_int_equal(seen(f, "SELECT count(*) FROM t"), 0);

	assert_int_equal(tb_state_begin(f->bridge.state), 0);
	assert_int_equal(sql(f, "INSERT INTO t VALUES(2)"), 0);
	assert_int_equal(tb_state_after_commit(f->bridge.state, on_told, &after), 0);
	tb_virtual_loop_settle(f->bridge.loop);
	assert_int_equal(after.error, 0);
	assert_int_equal(seen(f, "SELECT count(*) FROM t"), 1);
}

/* SQLite may roll everything back on its own; nobody may take that for a commit. */
static void
silent_rollback_is_told(void **state)
{
	struct fixture *f = *state;
	struct told told = {0};

	start(f);
	assert_int_equal(tb_state_begin(f->bridge.state), 0);
	assert_int_equal(sql(f, "CREATE TABLE t(x)"), 0);
	assert_int_equal(tb_state_after_commit(f->bridge.state, on_told, &told), 0);
	assert_int_equal(sql(f, "ROLLBACK"), 0);
	tb_virtual_loop_settle(f->bridge.loop);
	assert_int_equal(told.times, 1);
	assert_true(told.error < 0);
	assert_int_equal(tb_state_begin(f->bridge.state), 0);
}

/* A reader with the shell of SQLite must not stop the shop; one who writes makes a call fail. */
static void
strangers_lock_is_an_error(void **state)
{
	struct fixture *f = *state;
	sqlite3 *db;

	start(f);
	assert_int_equal(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(tb_state_begin(f->bridge.state), -EBUSY);
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(tb_state_begin(f->bridge.state), 0);
	sqlite3_close(db);
}

static void
write_file(const char *path, const char *mode, long at, const void *data, size_t len)
{
	FILE *file = fopen(path, mode);

	assert_non_null(file);
	assert_int_equal(fseek(file, at, SEEK_SET), 0);
	assert_int_equal(fwrite(data, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static size_t
read_file(const char *path, char *data, size_t size)
{
	FILE *file = fopen(path, "r");
	size_t n;

	assert_non_null(file);
	n = fread(data, 1, size, file);
	fclose(file);
	return n;
}

static void
newer_file_is_left_alone(void **state)
{
	static char before[65536], after[65536];
	struct fixture *f = *state;
	size_t n;

	start(f);
	assert_int_equal(sql(f, "PRAGMA user_version = 99"), 0);
	stop(f);
	n = read_file(f->path, before, sizeof(before));
	assert_refused(f, -EPROTONOSUPPORT, "newer");
	assert_int_equal(read_file(f->path, after, sizeof(after)), n);
	assert_memory_equal(before, after, n);
}

static void
damaged_file_is_left_alone(void **state)
{
	static char before[65536], after[65536];
	char noise[2048];
	struct fixture *f = *state;
	size_t n;

	start(f);
	assert_int_equal(tb_state_begin(f->bridge.state), 0);
	assert_int_equal(sql(f, "CREATE TABLE t(x UNIQUE);"
				"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
				"WHERE i < 500) "
				"INSERT INTO t SELECT 'row ' || i FROM n"),
		0);
	stop(f);
	memset(noise, 'x', sizeof(noise));
	write_file(f->path, "r+", 3 * 4096, noise, sizeof(noise));
	n = read_file(f->path, before, sizeof(before));
	assert_refused(f, -EUCLEAN, "damaged");
	assert_int_equal(read_file(f->path, after, sizeof(after)), n);
	assert_memory_equal(before, after, n);

	write_file(f->path, "w", 0, noise, sizeof(noise));
	assert_refused(f, -EUCLEAN, "damaged");
	assert_int_equal(read_file(f->path, after, sizeof(after)), sizeof(noise));
	assert_memory_equal(noise, after, sizeof(noise));
}

static void
missing_directory_is_named(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *why = NULL;
	struct tb_state *none = NULL;

	assert_int_equal(tb_state_new(&f->bridge, "/nonexistent", &none, &why), -ENOENT);
	assert_non_null(strstr(why, "/nonexistent/state.db"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(file_is_ours_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(turn_is_one_transaction, setup, teardown),
		cmocka_unit_test_setup_teardown(told_may_write_again, setup, teardown),
		cmocka_unit_test_setup_teardown(end_commits, setup, teardown),
		cmocka_unit_test_setup_teardown(full_disk_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(silent_rollback_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(strangers_lock_is_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(newer_file_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_file_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(missing_directory_is_named, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
