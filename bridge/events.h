/* SPDX-License-Identifier: MIT */
/*
 * Notifications with a number that grows across restarts: who gets them now, and who may ask for
 * them later by `since`. The last TB_EVENTS_KEPT are kept in memory and written behind to state.db.
 */
#pragma once

#include "bridge/bridge.h"

#define TB_EVENTS_KEPT 1000

enum tb_notice {
	TB_NOTICE_SCAN,
	TB_NOTICE_CARD,
	TB_NOTICE_CUSTOMER,
	TB_NOTICE_DEVICE,
	TB_NOTICE_PRINTER,
	TB_NOTICE_JOB,
	TB_NOTICE_OUTBOX,
	TB_NOTICE_LINK,
	TB_NOTICE_COUNT,
};

/* "scan" …; and the notice of a word, TB_NOTICE_COUNT when there is none. */
const char *tb_notice_word(enum tb_notice notice);
enum tb_notice tb_notice_from_word(const char *word);
/* Who may be told (enum tb_role): a manager is a till, and everybody is a monitor. */
uint32_t tb_notice_roles(enum tb_notice notice);

/* One subscriber's view: called for each event it may see, text is the whole notification line with
 * its newline. audience is who it was for, NULL when for everyone. */
typedef void (*tb_event_sink_fn)(enum tb_notice notice, uint64_t seq, const char *audience,
	const char *line, size_t len, void *userdata);

int tb_events_new(struct tb_bridge *bridge, struct tb_events **ret);
void tb_events_free(struct tb_events *events);

/*
 * Numbers the event, keeps it and hands it to the sink. members is the text of the params object's
 * members without the braces ("\"device\":\"counter\",\"code\":…"), to which seq and at are added.
 * audience: the name (rpc.h) of the one client that gets it, or NULL. Returns the seq, 0 without
 * memory.
 */
uint64_t tb_events_emit(struct tb_events *events, enum tb_notice notice, const char *audience,
	const char *members, size_t len);

/* The socket sets the one sink; it decides by subscription and role. */
void tb_events_set_sink(struct tb_events *events, tb_event_sink_fn fn, void *userdata);

/* One kept event; borrowed until the next is emitted. */
struct tb_event_view {
	enum tb_notice notice;
	uint64_t seq;
	const char *audience;
	const char *line;
	size_t len;
};

/* The first kept event after `after`; false when there is none yet. */
bool tb_events_next(const struct tb_events *events, uint64_t after, struct tb_event_view *ret);
/* The number before the oldest event that is kept. */
uint64_t tb_events_oldest(const struct tb_events *events);
/* Whether all events after `after` are still kept. */
bool tb_events_reaches(const struct tb_events *events, uint64_t after);

/* The number of the last event. */
uint64_t tb_events_last(const struct tb_events *events);
