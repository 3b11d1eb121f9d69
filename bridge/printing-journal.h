/* SPDX-License-Identifier: MIT */
/*
 * The print jobs and the keys of print and drawer calls as they stand in state.db. Rows in, rows
 * out: what a state means and when a job is sent is printing.c's. Every write joins the turn's
 * transaction (state.h).
 */
#pragma once

#include "bridge/state.h"
#include "hw/driver.h"

#define TB_JOB_ID_SIZE 24
#define TB_JOB_REASON_SIZE 48
#define TB_PRINT_HASH_SIZE 32

/* Jobs of one printer that wait, and their bytes: a till that prints into the void is told. */
#define TB_PRINT_WAITING_MAX 1000
#define TB_PRINT_WAITING_BYTES_MAX (INT64_C(64) << 20)
/* Ended jobs that are kept, and for how long; a key lives at least as long. */
#define TB_PRINT_KEPT_MAX 10000
#define TB_PRINT_KEPT_US (90 * INT64_C(86400) * 1000000)

enum tb_print_kind { TB_PRINT_DOCUMENT, TB_PRINT_RAW, TB_PRINT_COUPON, TB_PRINT_DRAWER };

/* "document" …; static. */
const char *tb_print_kind_word(enum tb_print_kind kind);

struct tb_print_row {
	int64_t seq; /* the order of the queue */
	char id[TB_JOB_ID_SIZE];
	char *printer;
	enum tb_print_kind kind;
	enum tb_job_state state;
	char reason[TB_JOB_REASON_SIZE]; /* "" for none */
	bool touched;                    /* a byte may have been taken by the printer */
	bool ended;
	char *coupon; /* its code, NULL when it is none */
	int64_t created_us;
};

void tb_print_row_done(struct tb_print_row *row);

struct tb_print_journal;

int tb_print_journal_new(struct tb_bridge *bridge, struct tb_print_journal **ret);
void tb_print_journal_free(struct tb_print_journal *journal);

/* Draws the row's id and adds it as queued; printer, kind and coupon are read. -ENOBUFS when the
 * printer has too many jobs waiting. */
int tb_print_journal_add(
	struct tb_print_journal *journal, struct tb_print_row *row, const void *body, size_t len);

/* 1 with the row (to be done with), 0 when there is none. */
int tb_print_journal_find(
	struct tb_print_journal *journal, const char *id, struct tb_print_row *ret);
/* The first job of the printer that has not ended. */
int tb_print_journal_next(
	struct tb_print_journal *journal, const char *printer, struct tb_print_row *ret);
/* Any job that has not ended, of whatever printer, with a seq above after. */
int tb_print_journal_pending(
	struct tb_print_journal *journal, int64_t after, struct tb_print_row *ret);
/* A coupon's job that was printed and whose printing the connector was not told, seq above after.
 */
int tb_print_journal_untold(
	struct tb_print_journal *journal, int64_t after, struct tb_print_row *ret);
int tb_print_journal_told(struct tb_print_journal *journal, int64_t seq);

/* 0 with the body (to free), -ENODATA once the job has ended. */
int tb_print_journal_body(
	struct tb_print_journal *journal, int64_t seq, uint8_t **ret_body, size_t *ret_len);

/* Writes state, reason, touched and ended of the row; an ended job gives up its body, and the
 * coupon of one that was sent or confirmed is to be told. */
int tb_print_journal_set(struct tb_print_journal *journal, const struct tb_print_row *row);

/* 1 when another job of the coupon than `but` was touched, 0 when none was. */
int tb_print_journal_was_printed(struct tb_print_journal *journal, const char *coupon, int64_t but);

/* Whose key it is. */
struct tb_print_key {
	const char *site, *till, *key;
	uint8_t hash[TB_PRINT_HASH_SIZE]; /* of the method and its parameters */
};

/* 1 with the stored answer (to free), 0 when the key is new, -EEXIST when it was said with another
 * hash. */
int tb_print_journal_key(
	struct tb_print_journal *journal, const struct tb_print_key *key, char **ret_answer);
int tb_print_journal_add_key(struct tb_print_journal *journal, const struct tb_print_key *key,
	const char *answer, size_t len);

/* Drops what is old or too much, a piece at a time. */
int tb_print_journal_prune(struct tb_print_journal *journal);
