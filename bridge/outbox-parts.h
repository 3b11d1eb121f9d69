/* SPDX-License-Identifier: MIT */
/*
 * What the files of the outbox share: outbox.c takes effects, outbox-tills.c answers tills,
 * outbox-send.c sends, outbox-heard.c hears what became of it, outbox-words.c makes what is said,
 * outbox-show.c shows what waits. Memory is for what is under way and for tills that wait;
 * whatever else waits is on disk alone.
 */
#pragma once

#include "base/list.h"
#include "base/steady.h"
#include "bridge/outbox-journal.h"
#include "bridge/outbox.h"

#define TB_OUTBOX_BUCKETS 128
#define TB_OUTBOX_READY_MAX 64 /* entries known to be free to go, of any number that wait */

/* One that is about to be sent, under way, or answered and not yet written down. */
struct tb_outbox_entry {
	struct tb_list node; /* in urgent, ready, flying, done or writing */
	struct tb_list by_seq;
	struct tb_outbox *outbox;
	struct tb_outbox_row row; /* only seq until it is sent */
	json_t *params;           /* while it is under way */
	uint64_t not_before_us, sent_us;
	unsigned failures;
	uint64_t deadline_us; /* of the till that waits, 0 when none does */
	bool asking;          /* under way is the question whether the server has it */
	json_t *question;
	/* What came of it, once it is in done. */
	enum tb_error error;
	bool drop; /* a refusal that the till is told is no entry any more */
	char *answer;
	size_t answer_len;
	char *problem; /* what belongs to the error's data */
};

/* A till that waits for what becomes of an entry. */
struct tb_outbox_wait {
	struct tb_list node; /* in waiting, the first to end first */
	struct tb_outbox *outbox;
	struct tb_request *request;
	int64_t seq;
	uint64_t until_us;
	bool first; /* its call made the entry */
	char *text; /* what it is told once it is on disk */
	size_t len;
};

struct tb_outbox {
	struct tb_bridge *bridge;
	struct tb_outbox_journal *journal;
	bool delivers, keyed, stopping;

	/* sending */
	struct tb_source *pump; /* at the end of a turn, when all is on disk */
	struct tb_source *timer;
	struct tb_list urgent, ready, flying, done, writing;
	struct tb_list buckets[TB_OUTBOX_BUCKETS]; /* all of them, by their number */
	unsigned n_ready, n_flying, n_done;
	uint64_t done_since_us;
	int64_t cursor; /* rows up to here were looked at */
	bool scanned;   /* … and there are none behind */
	uint64_t look_again_us;
	bool down; /* the link; false as long as it is not known */
	unsigned failures;
	uint64_t retry_us;
	unsigned barred;          /* answers in a row that this till is not let in */
	uint64_t barred_since_us; /* the last of them */
	uint64_t barred_us;       /* until when nothing goes then for which no till waits */
	uint64_t polite_us;       /* while tills ask the server too */
	uint64_t write_again_us;  /* after a disk that took nothing */

	/* tills */
	struct tb_source *deadline;
	struct tb_list waiting;
	int64_t n_first; /* waiting ones whose call made the entry */

	/* what is shown */
	int64_t n_open, n_refused;
	int64_t told; /* what the last event said */
	uint64_t told_us;
	struct tb_source *tell;
	struct tb_steady prune;
};

/* outbox-show.c */
int tb_outbox_show_init(struct tb_outbox *outbox);
/* The depth has changed: an event follows. */
void tb_outbox_changed(struct tb_outbox *outbox);

/* outbox.c */
/* Now and then, drops what is older than anybody asks for. */
void tb_outbox_prune(struct tb_outbox *outbox);
/* An entry is about to go: a reservation that was made here is put as the server knows it. */
void tb_outbox_name_reservation(struct tb_outbox *outbox, struct tb_outbox_entry *e);

/* outbox-tills.c */
int tb_outbox_tills_init(struct tb_outbox *outbox);
void tb_outbox_tills_done(struct tb_outbox *outbox);
struct tb_outbox_wait *tb_outbox_wait_new(struct tb_outbox *outbox, struct tb_request *request);
/* Until when its call may take. */
uint64_t tb_outbox_wait_sent_until_us(const struct tb_outbox_wait *wait);
/* Ends it with an error; with `internal` nothing has come of the call, and it may be said again. */
void tb_outbox_wait_fail(struct tb_outbox_wait *wait, enum tb_error error, const char *data);
/* A tb_state_fn: answers wait->text, or fails. */
void tb_outbox_wait_answer(int error, void *wait);
/* From now on it waits for the entry wait->seq, which its own call made, or another one before. */
void tb_outbox_wait_begin(struct tb_outbox_wait *wait, bool first);
/* What became of an entry, for the tills that wait for it. */
void tb_outbox_tell_confirmed(struct tb_outbox *outbox, const struct tb_outbox_entry *entry,
	const struct tb_answer *answer);
void tb_outbox_tell_refused(struct tb_outbox *outbox, const struct tb_outbox_entry *entry);
/* The link is down: nobody is let wait for it. */
void tb_outbox_tell_queued(struct tb_outbox *outbox);
/* Those who wait for this one. */
void tb_outbox_tell_queued_one(struct tb_outbox *outbox, int64_t seq);
bool tb_outbox_has_waiting(const struct tb_outbox *outbox, int64_t seq);
/* Whether one of them has asked for a card to be drawn. */
bool tb_outbox_has_waiting_for_card(const struct tb_outbox *outbox, int64_t seq);
/* Whether the answer is made from the row, and is another one once the server has it. */
bool tb_outbox_is_passage(enum tb_op op);
/* What the till is told of a row that waits: what it was told before, else what is so. */
char *tb_outbox_say_queued(
	struct tb_outbox *outbox, const struct tb_outbox_row *row, const json_t *params);

/* A deduction says what it takes off: without the server that is the offline front's to say. */
struct tb_outbox_judged {
	enum tb_error error;
	char *json;        /* to free */
	char *reservation; /* of a success; to free */
};
struct tb_outbox_judged tb_outbox_judge(
	struct tb_outbox *outbox, const struct tb_outbox_row *row, json_t *params);

/* outbox-send.c */
int tb_outbox_send_init(struct tb_outbox *outbox);
void tb_outbox_send_done(struct tb_outbox *outbox);
/* A new entry is on disk; deadline_us of the till that waits for it, 0 when none does. Whether it
 * goes before what waits. */
bool tb_outbox_send_new(struct tb_outbox *outbox, int64_t seq, uint64_t deadline_us);
/* Writes down what has been answered, so that the table says what is so. */
void tb_outbox_write_done(struct tb_outbox *outbox);
/* The till of an entry that may be under way was told that it is queued. */
void tb_outbox_send_told(struct tb_outbox *outbox, int64_t seq);
/* Whether the entry is under way now. */
bool tb_outbox_is_flying(const struct tb_outbox *outbox, int64_t seq);

/* Sends an entry that is in flying. */
void tb_outbox_transmit(struct tb_outbox_entry *e);
/* There is something to do at the end of the turn. */
void tb_outbox_arm(void *outbox);
/* What was loaded for one attempt is let go. */
void tb_outbox_unload(struct tb_outbox_entry *e);
/* The next of the account, which nothing stands before any more. */
void tb_outbox_free_successor(struct tb_outbox *outbox, const char *account, int64_t seq);
uint64_t tb_outbox_pause_us(unsigned failures);
/* An entry in flying is left to a person. */
void tb_outbox_park(struct tb_outbox_entry *e);

/* outbox-heard.c */
/* A tb_done_fn: what the server said of it. */
void tb_outbox_sent(const struct tb_answer *answer, void *entry);

/* outbox-once.c: the same where saying it twice is no good. */
void tb_outbox_transmit_once(struct tb_outbox_entry *e);

/* outbox-words.c */
/* The text for a till whose effect waits; offline has been told of it. NULL without memory. */
char *tb_outbox_queued_answer(
	struct tb_outbox *outbox, const struct tb_outbox_row *row, const json_t *params);
/* Of a change to a record that is known to be another one by now: what belongs to the conflict, to
 * free. NULL: as far as is known here it is not. */
char *tb_outbox_newer_record(
	struct tb_outbox *outbox, const struct tb_outbox_row *row, const json_t *params);
/* The reservation in a deduction's answer, to free; NULL when there is none. */
char *tb_outbox_reservation_of(const char *json);
/* "o_17" and back; 0 when text is none. */
void tb_outbox_id_format(int64_t seq, char *out);
int64_t tb_outbox_id_parse(const char *text);
/* The text of an id that the server would draw likewise; kind 'p' or 'c'. */
int tb_outbox_draw(struct tb_loop *loop, char kind, char *out);
#define TB_OUTBOX_DRAWN_TEXT 32
/* The number of a new card. */
int tb_outbox_draw_card(char *out);

/* outbox-record.c */
/* What the server will not have in a record, as errors[] of a refusal; NULL: nothing. */
json_t *tb_outbox_record_faults(const json_t *record, const char *country);
/* Lays a record over a customer as the server will; what is at fault is left out. */
void tb_outbox_record_lay(json_t *customer, const json_t *record, const char *country);
/* Puts the time into consents that have none: it is when he said so, and not when the server hears
 * of it. A new reference, or NULL without memory. */
json_t *tb_outbox_record_date(const json_t *record, int64_t at_us, int offset_s);
/* What a new customer's QR carries. */
int tb_outbox_draw_token(char out[TB_OUTBOX_DRAWN_TEXT]);

/* outbox-words.c, too */
/* Whether two calls are the same as JSON values, the key aside. */
int tb_outbox_hash(enum tb_op op, json_t *params, uint8_t *out);
