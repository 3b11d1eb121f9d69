/* SPDX-License-Identifier: MIT */
/*
 * What the files of the print queue share and nobody else sees: the queue itself (printing.c), its
 * journal, the keys of a till's calls (printing-keys.c), coupons (printing-coupon.c) and the
 * methods (rpc/method-print.c).
 */
#pragma once

#include "base/list.h"
#include "bridge/printing-journal.h"
#include "bridge/printing.h"

struct tb_asked; /* a call of the connector under way */

struct tb_printing {
	struct tb_bridge *bridge;
	struct tb_print_journal *journal;
	struct tb_list printers; /* struct printer.node */
	struct tb_source *pump;  /* end of the turn: what can go on goes on */
	struct tb_source *retry; /* the earliest of what was put off */
	struct tb_list asked;    /* struct tb_asked.node: calls of the connector under way */
	unsigned added;          /* jobs since the journal was last pruned */

	bool telling;           /* coupon.printed is under way */
	uint64_t told_retry_us; /* not before */
	bool told_idle;         /* there was nothing left to tell */
	bool unprinted_asked;   /* coupon.unprinted was asked since the start */
};

/* What a till or a passage wants printed. */
struct tb_print_order {
	const char *printer; /* as tb_devices_printer() calls it */
	enum tb_print_kind kind;
	const void *body;
	size_t len;
	const char *coupon; /* its code, NULL when it is none */
};

/* Journals a job in the turn's transaction; the job event follows its commit. id_out has
 * TB_JOB_ID_SIZE bytes. -ENOBUFS: the printer's queue is full. */
int tb_printing_add(struct tb_printing *printing, const struct tb_print_order *order, char *id_out);

/* Takes a waiting job out, or asks the driver to stop the one under way; one that has ended stays
 * as it is. row as the journal has it. */
int tb_printing_cancel(struct tb_printing *printing, struct tb_print_row *row);

/*
 * Reads the call's key and the hash of its method and parameters. 1 when the request was answered:
 * as the first time, or refused; 0 when it is new. The key's strings are the request's.
 */
int tb_print_key_begin(struct tb_printing *printing, struct tb_request *request, const char *method,
	struct tb_print_key *ret);
/* Keeps the answer under the key, and gives it when the turn's transaction is on disk. */
void tb_print_key_answer(struct tb_printing *printing, struct tb_request *request,
	const struct tb_print_key *key, const char *json, size_t len);
/* Gives an answer when what was written in this turn is on disk. */
void tb_print_answer(
	struct tb_printing *printing, struct tb_request *request, const char *json, size_t len);
/* Refuses the call for a negative errno. */
void tb_print_fail(struct tb_request *request, int error);

/* The printer that a call's `printer` means; false when the request was refused. */
struct tb_print_choice {
	const char *name;
	const struct tb_driver *driver;
	const struct tb_device_config *config;
};
bool tb_print_choose(struct tb_request *request, struct tb_print_choice *ret);

/* print.coupon; and the end of those that wait for the connector. */
void tb_printing_coupon_call(struct tb_printing *printing, struct tb_request *request);
void tb_printing_coupon_stop(struct tb_printing *printing);

/* Tells the connector of the next coupon that was printed; asks it once, at the start, for those
 * that were earned and have no job. */
void tb_printing_tell(struct tb_printing *printing);

/* The document of a coupon's job. reprint: it may have been printed before. */
int tb_printing_coupon_document(struct tb_printing *printing, const uint8_t *body, size_t len,
	bool reprint, struct tb_document **ret);
