/* SPDX-License-Identifier: MIT */
/*
 * Numbers, the ring of what is kept, and its copy in state.db. Numbers are reserved on disk a block
 * ahead, so that an event costs no fsync and no number is ever given twice; the events themselves
 * are written behind, within a second.
 */

#include "bridge/events.h"

#include <stdio.h>
#include <string.h>
#include "base/jsonw.h"
#include "base/log.h"
#include "base/timestamp.h"
#include "bridge/http/door.h"
#include "bridge/rpc/codec.h"
#include "bridge/rpc/request.h"
#include "bridge/state.h"

#define BLOCK 4096                    /* numbers reserved at a time */
#define BLOCK_LOW (BLOCK / 4)         /* with fewer left the next block is reserved */
#define WRITE_AFTER_US 750000         /* after the first event that is not written */
#define WRITE_SLACK_US 250000         /* together a second at most */
#define RETRY_AFTER_US (60 * 1000000) /* after a write that failed */

struct kept {
	enum tb_notice notice;
	uint64_t seq;
	char *audience; /* NULL: everyone */
	char *line;
	size_t len;
};

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, notice TEXT NOT NULL,"
	" audience TEXT, line TEXT NOT NULL);"
	"CREATE TABLE IF NOT EXISTS event_numbers (id INTEGER PRIMARY KEY CHECK (id = 1),"
	" reserved INTEGER NOT NULL);";

enum statement { INSERT, DELETE, RESERVE, STATEMENTS };

static const char *const texts[STATEMENTS] = {
	[INSERT] = "INSERT OR REPLACE INTO events (seq, notice, audience, line)"
		   " VALUES (?, ?, ?, ?)",
	[DELETE] = "DELETE FROM events WHERE seq <= ?",
	[RESERVE] = "INSERT INTO event_numbers (id, reserved) VALUES (1, ?)"
		    " ON CONFLICT (id) DO UPDATE SET reserved = excluded.reserved",
};

struct tb_events {
	struct tb_bridge *bridge;
	struct kept ring[TB_EVENTS_KEPT];
	size_t first, n;
	uint64_t last;       /* number given last */
	uint64_t reserved;   /* numbers up to this one are ours, on disk */
	uint64_t asked;      /* … and up to this one once the transaction is through */
	uint64_t written;    /* events up to this one are in state.db */
	uint64_t writing;    /* … and up to this one once the transaction is through */
	uint64_t gap_before; /* events up to this one were lost or thrown away */
	/* The last run may have given numbers up to this one to events that were never written. */
	uint64_t unsure_before;
	bool setting; /* the timer is set */
	struct tb_source *timer;
	sqlite3_stmt *statements[STATEMENTS];
	tb_event_sink_fn sink;
	void *sink_userdata;
};

static const char *const words[TB_NOTICE_COUNT] = {
	[TB_NOTICE_SCAN] = "scan",
	[TB_NOTICE_CARD] = "card",
	[TB_NOTICE_CUSTOMER] = "customer",
	[TB_NOTICE_DEVICE] = "device",
	[TB_NOTICE_PRINTER] = "printer",
	[TB_NOTICE_JOB] = "job",
	[TB_NOTICE_OUTBOX] = "outbox",
	[TB_NOTICE_LINK] = "link",
};

const char *
tb_notice_word(enum tb_notice notice)
{
	return notice < TB_NOTICE_COUNT ? words[notice] : NULL;
}

enum tb_notice
tb_notice_from_word(const char *word)
{
	for (int i = 0; i < TB_NOTICE_COUNT; i++)
		if (strcmp(words[i], word) == 0)
			return (enum tb_notice)i;
	return TB_NOTICE_COUNT;
}

uint32_t
tb_notice_roles(enum tb_notice notice)
{
	switch (notice) {
	case TB_NOTICE_SCAN:
	case TB_NOTICE_CARD:
		return TB_ROLE_TILL | TB_ROLE_DEVICE;
	case TB_NOTICE_CUSTOMER:
		return TB_ROLE_TILL;
	default:
		return TB_ROLE_MONITOR;
	}
}

static struct kept *
at(const struct tb_events *events, size_t i)
{
	return (struct kept *)&events->ring[(events->first + i) % TB_EVENTS_KEPT];
}

static void
kept_done(struct kept *kept)
{
	free(kept->audience);
	free(kept->line);
	*kept = (struct kept){};
}

/* Takes audience and line; the oldest goes when the ring is full. */
static void
keep(struct tb_events *events, const struct kept *kept)
{
	if (events->n == TB_EVENTS_KEPT) {
		events->gap_before = at(events, 0)->seq;
		kept_done(at(events, 0));
		events->first = (events->first + 1) % TB_EVENTS_KEPT;
		events->n--;
	}
	*at(events, events->n++) = *kept;
}

static void
reserved(int error, void *userdata)
{
	struct tb_events *events = userdata;

	if (error < 0)
		events->asked = events->reserved;
	else
		events->reserved = events->asked;
}

/* Has the block that begins behind `from` reserved with the turn's transaction. */
static int
reserve(struct tb_events *events, uint64_t up_to)
{
	struct tb_state *state = events->bridge->state;
	_cleanup_statement_ sqlite3_stmt *stmt = events->statements[RESERVE];
	int r;

	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)up_to);
	r = tb_state_run(state, stmt);
	if (r < 0)
		return r;
	events->asked = up_to;
	return tb_state_after_commit(state, reserved, events);
}

static void
set_timer(struct tb_events *events, uint64_t delay_us)
{
	if (events->setting)
		return;
	events->setting = tb_source_set_timer_in(events->timer, delay_us) == 0;
}

static void
written(int error, void *userdata)
{
	struct tb_events *events = userdata;

	if (error < 0) {
		events->writing = events->written;
		set_timer(events, RETRY_AFTER_US);
	} else {
		events->written = events->writing;
	}
}

static int
insert(struct tb_events *events, const struct kept *kept)
{
	_cleanup_statement_ sqlite3_stmt *stmt = events->statements[INSERT];

	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)kept->seq);
	tb_bind_text(stmt, 2, words[kept->notice]);
	tb_bind_text(stmt, 3, kept->audience);
	sqlite3_bind_text(stmt, 4, kept->line, (int)kept->len, SQLITE_STATIC);
	return tb_state_run(events->bridge->state, stmt);
}

static int
drop_old(struct tb_events *events)
{
	_cleanup_statement_ sqlite3_stmt *stmt = events->statements[DELETE];

	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)events->gap_before);
	return tb_state_run(events->bridge->state, stmt);
}

/* Writes what is not written yet and drops what is kept no longer, with the turn's transaction. */
static int
write_behind(struct tb_events *events)
{
	int r = 0;

	if (events->last <= events->writing)
		return 0;
	for (size_t i = 0; i < events->n && r >= 0; i++)
		if (at(events, i)->seq > events->writing)
			r = insert(events, at(events, i));
	if (r >= 0)
		r = drop_old(events);
	if (r < 0)
		return r;
	events->writing = events->last;
	return tb_state_after_commit(events->bridge->state, written, events);
}

static void
on_timer(void *userdata)
{
	struct tb_events *events = userdata;
	int r;

	events->setting = false;
	r = write_behind(events);
	if (r < 0) {
		tb_log_warning("events are not written to state.db: %s", strerror(-r));
		set_timer(events, RETRY_AFTER_US);
	}
}

static char *
make_line(struct tb_events *events, enum tb_notice notice, uint64_t seq, const char *members,
	size_t len, size_t *ret_len)
{
	_cleanup_buf_ struct tb_buf params = TB_BUF_INIT(0);
	struct tb_buf line = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&params);
	char when[TB_TIME_TEXT];

	tb_time_format(tb_loop_wall_us(events->bridge->loop), 0, when);
	tb_jsonw_int(&w, "seq", (int64_t)seq);
	tb_jsonw_string(&w, "at", when);
	if (len > 0) {
		tb_buf_add_byte(&params, ',');
		tb_buf_add(&params, members, len);
	}
	if (tb_buf_error(&params) < 0)
		return NULL;
	tb_codec_notification(&line, words[notice], params.data, params.len);
	*ret_len = line.len;
	return tb_buf_take(&line);
}

uint64_t
tb_events_emit(struct tb_events *events, enum tb_notice notice, const char *audience,
	const char *members, size_t len)
{
	struct kept kept = {.notice = notice, .seq = events->last + 1};

	if (audience) {
		kept.audience = strdup(audience);
		if (!kept.audience)
			return 0;
	}
	kept.line = make_line(events, notice, kept.seq, members, len, &kept.len);
	if (!kept.line) {
		free(kept.audience);
		return 0;
	}
	events->last = kept.seq;
	keep(events, &kept);
	/* A disk that takes nothing is no reason to deliver nothing: the number is given all the
	 * same, and the block asked for again with the next one. */
	if (events->asked < events->last + BLOCK_LOW)
		(void)reserve(events, events->last + BLOCK);
	set_timer(events, WRITE_AFTER_US);
	tb_door_wake(events->bridge->door);
	if (events->sink)
		events->sink(notice, kept.seq, kept.audience, kept.line, kept.len,
			events->sink_userdata);
	return kept.seq;
}

void
tb_events_set_sink(struct tb_events *events, tb_event_sink_fn fn, void *userdata)
{
	events->sink = fn;
	events->sink_userdata = userdata;
}

uint64_t
tb_events_last(const struct tb_events *events)
{
	return events->last;
}

/* Index of the first kept event after `after`. */
static size_t
search(const struct tb_events *events, uint64_t after)
{
	size_t lo = 0, hi = events->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (at(events, mid)->seq > after)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

bool
tb_events_next(const struct tb_events *events, uint64_t after, struct tb_event_view *ret)
{
	size_t i = search(events, after);
	const struct kept *kept;

	if (i == events->n)
		return false;
	kept = at(events, i);
	*ret = (struct tb_event_view){
		.notice = kept->notice,
		.seq = kept->seq,
		.audience = kept->audience,
		.line = kept->line,
		.len = kept->len,
	};
	return true;
}

uint64_t
tb_events_oldest(const struct tb_events *events)
{
	return events->gap_before;
}

bool
tb_events_reaches(const struct tb_events *events, uint64_t after)
{
	return after >= events->gap_before && after >= events->unsure_before &&
	       after <= events->last;
}

static int
load_row(struct tb_events *events, sqlite3_stmt *stmt)
{
	const char *word = (const char *)sqlite3_column_text(stmt, 1);
	const char *audience = (const char *)sqlite3_column_text(stmt, 2);
	const char *line = (const char *)sqlite3_column_text(stmt, 3);
	struct kept kept = {
		.seq = (uint64_t)sqlite3_column_int64(stmt, 0),
		.notice = word ? tb_notice_from_word(word) : TB_NOTICE_COUNT,
		.len = (size_t)sqlite3_column_bytes(stmt, 3),
	};

	/* A kind that this version does not know was written by a newer one. */
	if (kept.notice == TB_NOTICE_COUNT || !line)
		return 0;
	kept.line = strdup(line);
	kept.audience = audience ? strdup(audience) : NULL;
	if (!kept.line || (audience && !kept.audience)) {
		kept_done(&kept);
		return -ENOMEM;
	}
	keep(events, &kept);
	events->last = kept.seq;
	return 0;
}

static int
load(struct tb_events *events)
{
	sqlite3 *db = tb_state_db(events->bridge->state);
	sqlite3_stmt *stmt = NULL;
	int rc, r = 0;

	rc = sqlite3_prepare_v2(
		db, "SELECT seq, notice, audience, line FROM events ORDER BY seq", -1, &stmt, NULL);
	while (rc == SQLITE_OK && r >= 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (events->n == 0)
			events->gap_before = (uint64_t)sqlite3_column_int64(stmt, 0) - 1;
		r = load_row(events, stmt);
		rc = SQLITE_OK;
	}
	sqlite3_finalize(stmt);
	if (r < 0)
		return r;
	if (rc != SQLITE_DONE)
		return tb_sqlite_errno(rc);
	rc = sqlite3_prepare_v2(db, "SELECT reserved FROM event_numbers", -1, &stmt, NULL);
	if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
		uint64_t up_to = (uint64_t)sqlite3_column_int64(stmt, 0);

		/* After a clean end they are equal. Otherwise none is given again. */
		if (up_to > events->last && events->n > 0)
			events->unsure_before = up_to;
		events->last = TB_MAX(events->last, up_to);
	}
	if (events->n == 0)
		events->gap_before = events->last;
	sqlite3_finalize(stmt);
	return tb_sqlite_errno(rc);
}

int
tb_events_new(struct tb_bridge *bridge, struct tb_events **ret)
{
	struct tb_events *events = calloc(1, sizeof(*events));
	sqlite3 *db = tb_state_db(bridge->state);
	int r;

	if (!events)
		return -ENOMEM;
	events->bridge = bridge;
	r = tb_sqlite_errno(sqlite3_exec(db, schema, NULL, NULL, NULL));
	if (r >= 0)
		r = tb_state_prepare(bridge->state, texts, events->statements, STATEMENTS);
	if (r >= 0)
		r = load(events);
	if (r >= 0)
		r = tb_loop_add_timer(
			bridge->loop, WRITE_SLACK_US, on_timer, events, &events->timer);
	if (r >= 0) {
		events->written = events->writing = events->last;
		events->reserved = events->asked = events->last;
		r = reserve(events, events->last + BLOCK);
	}
	if (r >= 0)
		r = tb_state_flush(bridge->state);
	if (r < 0) {
		tb_events_free(events);
		return r;
	}
	*ret = events;
	return 0;
}

/* A clean end leaves no gap: the block is given back. */
void
tb_events_free(struct tb_events *events)
{
	if (!events)
		return;
	if (events->timer) {
		int r = write_behind(events);

		if (r >= 0)
			r = reserve(events, events->last);
		if (r >= 0)
			r = tb_state_flush(events->bridge->state);
		if (r < 0)
			tb_log_warning(
				"the last events are not written to state.db: %s", strerror(-r));
	}
	tb_source_remove(&events->timer);
	for (size_t i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(events->statements[i]);
	while (events->n > 0)
		kept_done(at(events, --events->n));
	free(events);
}
