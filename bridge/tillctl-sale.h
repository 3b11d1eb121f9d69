/* SPDX-License-Identifier: MIT */
/*
 * The ticket of tillctl sale and what is asked of the bridge for it. What a person types is
 * tillctl-sale.c's, the calls are tillctl-sale-calls.c's.
 */
#pragma once

#include "bridge/tillctl.h"

struct tillctl_sale {
	struct tillctl *ctl;
	char id[40];      /* the sale's name, drawn anew after each post */
	json_t *articles; /* what the bridge knows of articles */
	json_t *lines, *uses, *tenders;
	int last_no;
	char customer[160];    /* id, "" for nobody */
	char reservation[160]; /* "" when nothing is held */
	int64_t to_pay;        /* of the reservation, -1 without */
};

/* The sum of the lines. */
int64_t tillctl_sale_total(const struct tillctl_sale *sale);

/* All return an exit code and have said what went wrong. */
int tillctl_sale_begin(struct tillctl_sale *sale);
/* Gives back what is held and frees the ticket. */
void tillctl_sale_end(struct tillctl_sale *sale);
int tillctl_sale_identify(struct tillctl_sale *sale, const char *word);
int tillctl_sale_wait(struct tillctl_sale *sale);
int tillctl_sale_quote(struct tillctl_sale *sale);
int tillctl_sale_reserve(struct tillctl_sale *sale);
int tillctl_sale_release(struct tillctl_sale *sale);
int tillctl_sale_post(struct tillctl_sale *sale);
int tillctl_sale_void(struct tillctl_sale *sale, const char *id);
