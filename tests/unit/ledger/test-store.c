/* SPDX-License-Identifier: MIT */
/*
 * The store under the ledger: one fsync a turn, a disk that is full, a file that is locked,
 * damaged, newer, foreign or older; and what a restart finds.
 */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "plugins/loyalty/ledger/schema.h"
#include "plugins/loyalty/ledger/store-sqlite.h"
#include "tests/unit/ledger/stage.h"
#include "tests/virtual-loop.h"

#define EARNING "'earning':{'per_amount':{'points':1,'amount':100}}"

/* ---- the disk, watched and filled ----------------------------------------------------------
 * SQLite's library calls these through the dynamic linker, so they are ours. */

static unsigned syncs;
static int64_t room = -1; /* bytes that still fit, -1: as many as come */

TB_EXPORT int fdatasync(int fd);
TB_EXPORT int fsync(int fd);

int
fdatasync(int fd)
{
	syncs++;
	return (int)syscall(SYS_fdatasync, fd);
}

int
fsync(int fd)
{
	syncs++;
	return (int)syscall(SYS_fsync, fd);
}

static ssize_t
full_pwrite(int fd, const void *data, size_t n, off_t at)
{
	if (room >= 0 && (int64_t)n > room) {
		errno = ENOSPC;
		return -1;
	}
	if (room >= 0)
		room -= (int64_t)n;
	return (ssize_t)syscall(SYS_pwrite64, fd, data, n, at);
}

static void
watch_writes(bool on)
{
	static const char *const names[] = {"pwrite", "pwrite64"};
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		vfs->xSetSystemCall(vfs, names[i], on ? (sqlite3_syscall_ptr)full_pwrite : NULL);
	room = -1;
}

static int
setup(void **state)
{
	watch_writes(true);
	stage_setup(state);
	program(*state, EARNING);
	return 0;
}

static int
teardown(void **state)
{
	room = -1;
	stage_teardown(state);
	watch_writes(false);
	return 0;
}

/* ---- group commit ------------------------------------------------------------------------- */

struct batch {
	json_t *calls[300];
	struct stage_answer answers[300];
	int n;
};

static void
post_many(struct stage *s, struct batch *b, const char *prefix, const char *who, int n)
{
	b->n = n;
	for (int i = 0; i < n; i++) {
		b->calls[i] = stage_json("{'sale':'%s%d','occurred_at':'2025-05-06T12:00:00+02:00',"
					 "'customer':'%s',%s}",
			prefix, i, who, basket(100));
		stage_call(s, "passage.post", b->calls[i], &b->answers[i]);
	}
}

static int
count_ok(const struct batch *b)
{
	int n = 0;

	for (int i = 0; i < b->n; i++) {
		assert_true(b->answers[i].done);
		n += b->answers[i].error == TB_OK;
	}
	return n;
}

static void
batch_done(struct batch *b)
{
	for (int i = 0; i < b->n; i++) {
		json_decref(b->answers[i].json);
		json_decref(b->calls[i]);
	}
}

static void
test_a_turn_is_one_fsync(void **state)
{
	struct stage *s = *state;
	const char *id = customer(s, "Anne");
	static struct batch b;

	syncs = 0;
	post_many(s, &b, "S", id, 64);
	/* Nothing is answered before it is on disk. */
	for (int i = 0; i < 64; i++)
		assert_false(b.answers[i].done);
	assert_int_equal(syncs, 0);
	stage_turn_end(s);
	assert_int_equal(syncs, 1);
	assert_int_equal(count_ok(&b), 64);
	assert_int_equal(number(b.answers[63].json, "balances.points"), 64);
	batch_done(&b);
	/* A look-up costs none. */
	syncs = 0;
	assert_int_equal(points(s, id), 64);
	assert_int_equal(syncs, 0);
}

static void
test_reads_wait_in_order_behind_writes(void **state)
{
	struct stage *s = *state;
	const char *id = customer(s, "Anne");
	json_t *post = stage_json(
		"{'sale':'S','occurred_at':'2025-05-06T12:00:00+02:00','customer':'%s',%s}", id,
		basket(100));
	json_t *look = stage_json("{'id':'%s'}", id);
	struct stage_answer first, written, second;

	stage_call(s, "customer.lookup", look, &first);
	assert_true(first.done);
	stage_call(s, "passage.post", post, &written);
	stage_call(s, "customer.lookup", look, &second);
	assert_false(second.done);
	stage_turn_end(s);
	assert_int_equal(number(first.json, "balances.points"), 0);
	assert_int_equal(number(second.json, "balances.points"), 1);
	json_decref(first.json);
	json_decref(written.json);
	json_decref(second.json);
	json_decref(post);
	json_decref(look);
}

static void
test_a_long_turn_is_committed_in_parts(void **state)
{
	struct stage *s = *state;
	static struct batch b;

	post_many(s, &b, "S", customer(s, "Anne"), 300);
	assert_true(b.answers[0].done);
	assert_true(b.answers[255].done);
	assert_false(b.answers[256].done);
	stage_turn_end(s);
	assert_int_equal(count_ok(&b), 300);
	batch_done(&b);
}

static void
test_a_refused_call_leaves_nothing_in_its_turn(void **state)
{
	struct stage *s = *state;
	const char *id = customer(s, "Anne");
	json_t *calls[3] = {
		stage_json(
			"{'key':'1','customer':'%s','unit':'points','delta':10,'reason':'x'}", id),
		stage_json("{'key':'2','customer':'%s','card':'C','unit':'points'}", "c_1"),
		stage_json(
			"{'key':'3','customer':'%s','unit':'points','delta':-11,'reason':'x'}", id),
	};
	static const char *const methods[] = {"account.adjust", "card.attach", "account.adjust"};
	struct stage_answer answers[3];

	for (int i = 0; i < 3; i++)
		stage_call(s, methods[i], calls[i], &answers[i]);
	stage_turn_end(s);
	assert_int_equal(answers[0].error, TB_OK);
	assert_int_equal(answers[1].error, TB_ERROR_CUSTOMER_UNKNOWN);
	assert_int_equal(answers[2].error, TB_ERROR_INSUFFICIENT_BALANCE);
	assert_string_equal(answers[0].changed, id);
	assert_string_equal(answers[2].changed, "");
	for (int i = 0; i < 3; i++) {
		json_decref(answers[i].json);
		json_decref(calls[i]);
	}
	assert_int_equal(points(s, id), 10);
}

static void
test_stop_answers_what_waits(void **state)
{
	struct stage *s = *state;
	static struct batch b;

	post_many(s, &b, "S", customer(s, "Anne"), 3);
	stage_restart(s);
	for (int i = 0; i < 3; i++) {
		assert_true(b.answers[i].done);
		assert_int_equal(b.answers[i].error, TB_ERROR_SERVER_UNREACHABLE);
	}
	batch_done(&b);
	assert_int_equal(number(ok(s, "report.summary", "{'from':'2025-05-06','to':'2025-05-07'}"),
				 "passages"),
		0);
}

/* ---- a full disk -------------------------------------------------------------------------- */

static void
test_full_disk_fails_and_loses_nothing(void **state)
{
	struct stage *s = *state;
	const char *id = customer(s, "Anne");
	static struct batch b;

	sale(s, "BEFORE", id, NULL, 1000);
	room = 0;
	post_many(s, &b, "S", id, 5);
	stage_turn_end(s);
	assert_int_equal(count_ok(&b), 0);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(b.answers[i].error, TB_ERROR_SERVER_UNREACHABLE);
		assert_true(tb_error_retryable(b.answers[i].error));
	}
	/* Reading goes on. */
	assert_int_equal(points(s, id), 10);
	batch_done(&b);
	/* Room again: the very calls succeed, once each. */
	room = -1;
	post_many(s, &b, "S", id, 5);
	stage_turn_end(s);
	assert_int_equal(count_ok(&b), 5);
	batch_done(&b);
	assert_int_equal(points(s, id), 15);
	stage_restart(s);
	assert_int_equal(points(s, id), 15);
}

static void
test_a_disk_that_fills_up(void **state)
{
	struct stage *s = *state;
	const char *id = customer(s, "Anne");
	static struct batch b;
	int64_t done = 0;

	/* Whatever the place where the disk is full: who was told "posted" is in the ledger. */
	for (int step = 0; step < 12; step++) {
		char prefix[16];
		int n;

		snprintf(prefix, sizeof(prefix), "T%d-", step);
		room = step * 20000;
		post_many(s, &b, prefix, id, 40);
		stage_turn_end(s);
		n = count_ok(&b);
		for (int i = 0; i < b.n; i++)
			assert_true(b.answers[i].error == TB_OK ||
				    b.answers[i].error == TB_ERROR_SERVER_UNREACHABLE);
		batch_done(&b);
		done += n;
		room = -1;
		assert_int_equal(points(s, id), done);
		stage_restart(s);
		assert_int_equal(points(s, id), done);
	}
	assert_true(done > 0);
}

static void
test_a_program_of_a_lost_turn_is_forgotten(void **state)
{
	struct stage *s = *state;
	json_t *call = stage_json(
		"{'key':'x','program':{'currency':'EUR','time_zone':'Europe/Paris',"
		"'earning':{'per_passage':99}}}");
	struct stage_answer answer;

	room = 0;
	stage_call(s, "program.replace", call, &answer);
	stage_turn_end(s);
	assert_int_equal(answer.error, TB_ERROR_SERVER_UNREACHABLE);
	room = -1;
	assert_int_equal(number(ok(s, "program.show", "{}"), "version"), 1);
	assert_int_equal(number(sale(s, "S", customer(s, "Anne"), NULL, 100), "earned.points"), 1);
	json_decref(call);
	json_decref(answer.json);
}

/* ---- another program on the file ---------------------------------------------------------- */

static sqlite3 *
open_beside(struct stage *s)
{
	char path[128];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/ledger.db", s->dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

static void
run(sqlite3 *db, const char *sql)
{
	char *why = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
}

/* A ledger from before it was counted how often he had reached N when the rule came. */
static void
test_coupons_go_on_in_an_older_ledger(void **state)
{
	struct stage *s = *state;
	const char *id;
	char number[8];

	program(s, "'rewards':[{'id':'r','kind':'amount','title':'r','value':100}],'coupons':["
		   "{'id':'c','reward':'r','on':{'every_n_passages':3},'valid_days':10}]");
	id = customer(s, "Anne");
	for (int i = 1; i <= 12; i++) {
		if (i == 8) {
			sqlite3 *other = open_beside(s);

			run(other, "DELETE FROM reward_counts");
			sqlite3_close(other);
		}
		snprintf(number, sizeof(number), "S%d", i);
		sale(s, number, id, NULL, 1000);
		assert_int_equal(s->last.coupons, i % 3 == 0);
	}
}

/* He came for long before there was the rule, and is merged into one whom it knows. */
static void
test_coupons_after_a_merge_are_not_all_at_once(void **state)
{
	struct stage *s = *state;
	const char *known = customer(s, "Anne"), *old = customer(s, "Bert");
	char number[8];

	program(s, "'earning':{'per_passage':1}");
	for (int i = 1; i <= 7; i++) {
		snprintf(number, sizeof(number), "S%d", i);
		sale(s, number, old, NULL, 1000);
	}
	program(s, "'rewards':[{'id':'r','kind':'amount','title':'r','value':100}],'coupons':["
		   "{'id':'c','reward':'r','on':{'every_n_passages':3},'valid_days':10}]");
	sale(s, "A1", known, NULL, 1000);
	ok(s, "customer.merge", "{'key':'m','from':'%s','into':'%s'}", old, known);
	sale(s, "A2", known, NULL, 1000);
	assert_int_equal(s->last.coupons, 1);
	sale(s, "A3", known, NULL, 1000);
	assert_int_equal(s->last.coupons, 0);
}

static void
test_a_locked_file_is_waited_for(void **state)
{
	struct stage *s = *state;
	const char *id = customer(s, "Anne");
	sqlite3 *other = open_beside(s);
	static struct batch b;

	run(other, "BEGIN IMMEDIATE");
	post_many(s, &b, "S", id, 2);
	stage_turn_end(s);
	assert_false(b.answers[0].done);
	stage_advance(s, 1);
	assert_false(b.answers[0].done);
	run(other, "COMMIT");
	tb_virtual_loop_advance(s->loop, 50000);
	assert_int_equal(count_ok(&b), 2);
	batch_done(&b);

	/* Not for ever: at the deadline the till may say it again. */
	run(other, "BEGIN IMMEDIATE");
	post_many(s, &b, "T", id, 2);
	stage_turn_end(s);
	stage_advance(s, 3);
	assert_int_equal(b.answers[0].error, TB_ERROR_SERVER_UNREACHABLE);
	assert_int_equal(b.answers[1].error, TB_ERROR_SERVER_UNREACHABLE);
	batch_done(&b);
	run(other, "COMMIT");
	sqlite3_close(other);
	assert_int_equal(points(s, id), 2);
}

/* ---- opening ------------------------------------------------------------------------------ */

/* Starts a connector on the stage's directory that must refuse; the sentence, to free. */
static char *
start_refused(struct stage *s)
{
	struct tb_connector_state *state = NULL;
	char *why = NULL;
	int r = tb_connector.start(&s->host, &state, &why);

	assert_true(r < 0);
	assert_null(state);
	assert_non_null(why);
	return why;
}

static void
stop(struct stage *s)
{
	tb_connector.stop(s->state);
	s->state = NULL;
}

struct content {
	char *data;
	size_t size;
};

static struct content
read_file(struct stage *s)
{
	char path[128];
	struct content c = {.data = calloc(1, 4 << 20)};
	FILE *f;

	snprintf(path, sizeof(path), "%s/ledger.db", s->dir);
	f = fopen(path, "rb");
	assert_non_null(f);
	c.size = fread(c.data, 1, 4 << 20, f);
	fclose(f);
	return c;
}

static void
write_file(struct stage *s, const void *data, size_t size)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/ledger.db", s->dir);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, size, f), size);
	fclose(f);
}

/* What was refused stands as it stood. */
static void
assert_untouched(struct stage *s, const struct content *before)
{
	struct content now = read_file(s);

	assert_int_equal(now.size, before->size);
	assert_memory_equal(now.data, before->data, now.size);
	free(now.data);
}

static void
test_the_file_is_ours_alone(void **state)
{
	struct stage *s = *state;
	static const char *const names[] = {"ledger.db", "ledger.db-wal"};
	char path[128];
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", s->dir, names[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
	stop(s);
	snprintf(path, sizeof(path), "%s/ledger.db", s->dir);
	chmod(path, 0644);
	s->state = NULL;
	stage_start(s);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void
test_garbage_is_refused_and_left(void **state)
{
	struct stage *s = *state;
	struct content good, bad;
	char *why;

	customer(s, "Anne");
	stop(s);
	good = read_file(s);
	bad = (struct content){.data = malloc(good.size), .size = good.size};
	memcpy(bad.data, good.data, good.size);

	/* Not a database at all. */
	memset(bad.data, 'x', bad.size);
	write_file(s, bad.data, bad.size);
	why = start_refused(s);
	assert_non_null(strstr(why, "damaged"));
	assert_non_null(strstr(why, "backup"));
	free(why);
	assert_untouched(s, &bad);
	/* Its first bytes only. */
	write_file(s, good.data, 50);
	why = start_refused(s);
	assert_non_null(strstr(why, "damaged"));
	free(why);
	/* Cut off at the end. */
	bad.size = good.size - 5000;
	memcpy(bad.data, good.data, bad.size);
	write_file(s, bad.data, bad.size);
	why = start_refused(s);
	assert_non_null(strstr(why, "its end is missing"));
	free(why);
	assert_untouched(s, &bad);
	/* A hole in the middle. */
	memcpy(bad.data, good.data, good.size);
	memset(bad.data + 4096 * 3, 0xa5, 4096 * 4);
	bad.size = good.size;
	write_file(s, bad.data, bad.size);
	why = start_refused(s);
	assert_non_null(strstr(why, "damaged"));
	free(why);
	assert_untouched(s, &bad);

	write_file(s, good.data, good.size);
	stage_start(s);
	free(good.data);
	free(bad.data);
}

static void
set_version(sqlite3 *db, int64_t version)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "PRAGMA user_version = %lld", (long long)version);
	run(db, sql);
}

static void
test_newer_and_foreign_are_refused_and_left(void **state)
{
	struct stage *s = *state;
	struct content c;
	sqlite3 *db;
	char *why;

	stop(s);
	db = open_beside(s);
	run(db, "PRAGMA user_version = 99");
	sqlite3_close(db);
	c = read_file(s);
	why = start_refused(s);
	assert_non_null(strstr(why, "newer"));
	free(why);
	assert_untouched(s, &c);
	free(c.data);

	db = open_beside(s);
	set_version(db, (int64_t)tb_schema_version);
	run(db, "PRAGMA application_id = 7");
	sqlite3_close(db);
	c = read_file(s);
	why = start_refused(s);
	assert_non_null(strstr(why, "not a ledger"));
	free(why);
	assert_untouched(s, &c);
	free(c.data);

	db = open_beside(s);
	run(db, "PRAGMA application_id = 1413631044");
	sqlite3_close(db);
	stage_start(s);
}

static void
test_newer_in_the_log_alone(void **state)
{
	struct stage *s = *state;
	sqlite3 *db;
	char *why;

	/* Another process has written the version and is still there: the main file does not say
	 * it. */
	stop(s);
	db = open_beside(s);
	run(db, "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; PRAGMA user_version = "
		"99");
	why = start_refused(s);
	assert_non_null(strstr(why, "newer"));
	free(why);
	set_version(db, (int64_t)tb_schema_version);
	sqlite3_close(db);
	stage_start(s);
}

static int64_t
version_of(sqlite3 *db)
{
	sqlite3_stmt *stmt;
	int64_t version;

	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	version = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return version;
}

static void
test_a_migration_keeps_a_backup(void **state)
{
	struct stage *s = *state;
	const char *steps[] = {
		tb_schema_steps[0], "CREATE TABLE later(x)", "CREATE TABLE entries(x)"};
	char path[128], copy[160], *why = NULL;
	struct stat st;
	sqlite3 *db, *old;

	customer(s, "Anne");
	stop(s);
	snprintf(path, sizeof(path), "%s/ledger.db", s->dir);
	snprintf(copy, sizeof(copy), "%s.v1.backup", path);
	db = open_beside(s);
	set_version(db, 1);
	/* The third step cannot be done: everything is as it was, the backup too is there. */
	assert_true(tb_sqlite_migrate(db, path, 1, steps, 3, &why) < 0);
	assert_non_null(strstr(why, "already exists"));
	free(why);
	why = NULL;
	assert_int_equal(version_of(db), 1);
	assert_int_not_equal(sqlite3_exec(db, "SELECT * FROM later", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(tb_sqlite_migrate(db, path, 1, steps, 2, &why), 0);
	assert_int_equal(version_of(db), 2);
	run(db, "SELECT * FROM later");
	assert_int_equal(stat(copy, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(sqlite3_open(copy, &old), SQLITE_OK);
	assert_int_equal(version_of(old), 1);
	run(old, "SELECT record FROM customers");
	sqlite3_close(old);
	/* No backup, no migration. */
	unlink(copy);
	assert_int_equal(mkdir(copy, 0700), 0);
	run(db, "DROP TABLE later");
	set_version(db, 1);
	assert_true(tb_sqlite_migrate(db, path, 1, steps, 2, &why) < 0);
	assert_non_null(strstr(why, "not migrated"));
	free(why);
	assert_int_equal(version_of(db), 1);
	rmdir(copy);
	set_version(db, (int64_t)tb_schema_version);
	sqlite3_close(db);
	stage_start(s);
}

static void
test_configuration_is_checked(void **state)
{
	struct stage *s = *state;
	char *why;

	stop(s);
	s->host.product_reference = "barcode";
	why = start_refused(s);
	assert_non_null(strstr(why, "label, code or ean"));
	free(why);
	s->host.product_reference = "code";
	s->store_setting = "postgresql://till@hub/db";
	why = start_refused(s);
	assert_non_null(strstr(why, "sqlite"));
	free(why);
	s->store_setting = "sqlite";
	s->host.currency = "CHF";
	why = start_refused(s);
	assert_non_null(strstr(why, "EUR"));
	free(why);
	s->host.currency = "EUR";
	s->host.state_dir = "/nonexistent";
	why = start_refused(s);
	assert_non_null(strstr(why, "/nonexistent/ledger.db"));
	free(why);
	s->host.state_dir = s->dir;
	stage_start(s);
}

static void
test_entries_cannot_be_changed(void **state)
{
	struct stage *s = *state;
	sqlite3 *db;

	sale(s, "S", customer(s, "Anne"), NULL, 1000);
	db = open_beside(s);
	assert_int_equal(sqlite3_exec(db, "UPDATE entries SET delta = 1000000", NULL, NULL, NULL),
		SQLITE_CONSTRAINT);
	assert_int_equal(
		sqlite3_exec(db, "DELETE FROM entries", NULL, NULL, NULL), SQLITE_CONSTRAINT);
	sqlite3_close(db);
}

static void
test_verify_finds_what_does_not_add_up(void **state)
{
	struct stage *s = *state;
	const char *id = customer(s, "Anne");
	sqlite3 *db;
	json_t *r;

	sale(s, "S", id, NULL, 1000);
	ok(s, "gift_card.create", "{'key':'g','amount':500}");
	db = open_beside(s);
	run(db, "UPDATE customers SET points = points + 1; UPDATE gift_cards SET held = 5");
	/* Look-ups share a view for a moment. */
	stage_advance(s, 1);
	r = ok(s, "ledger.verify", "{}");
	assert_true(json_is_false(member(r, "ok")));
	assert_int_equal(length(r, "differences"), 2);
	assert_string_equal(text(r, "differences.0.customer"), id);
	assert_string_equal(text(r, "differences.0.what"), "points");
	assert_int_equal(number(r, "differences.0.kept"), 11);
	assert_int_equal(number(r, "differences.0.proven"), 10);
	run(db, "UPDATE customers SET points = points - 1; UPDATE gift_cards SET held = 0");
	stage_advance(s, 1);
	sqlite3_close(db);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_turn_is_one_fsync),
		TEST(test_reads_wait_in_order_behind_writes),
		TEST(test_a_long_turn_is_committed_in_parts),
		TEST(test_a_refused_call_leaves_nothing_in_its_turn),
		TEST(test_stop_answers_what_waits),
		TEST(test_full_disk_fails_and_loses_nothing),
		TEST(test_a_disk_that_fills_up),
		TEST(test_a_program_of_a_lost_turn_is_forgotten),
		TEST(test_coupons_go_on_in_an_older_ledger),
		TEST(test_coupons_after_a_merge_are_not_all_at_once),
		TEST(test_a_locked_file_is_waited_for),
		TEST(test_the_file_is_ours_alone),
		TEST(test_garbage_is_refused_and_left),
		TEST(test_newer_and_foreign_are_refused_and_left),
		TEST(test_newer_in_the_log_alone),
		TEST(test_a_migration_keeps_a_backup),
		TEST(test_configuration_is_checked),
		TEST(test_entries_cannot_be_changed),
		TEST(test_verify_finds_what_does_not_add_up),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("ledger-store", tests, NULL, NULL);
}
