/* SPDX-License-Identifier: MIT */
/*
 * A customer's record as JSON: cleaned as it comes in (E.164, lower case, NFC), written out in one
 * order, and what follows from it: the columns, the handles he is found by, the words of the
 * search.
 */
#pragma once

#include "plugins/loyalty/ledger/account.h"

/*
 * A cleaned copy of a record: only known fields, empty ones ("" and []) kept as such, since an
 * update clears with them. Faults have pointers below prefix. 0, -EINVAL with faults, -ENOMEM.
 */
int tb_record_clean(struct tb_operation *op, const json_t *in, const char *prefix, json_t **ret,
	struct tb_faults *faults);

/* Lays the fields of `change` over `record`: a given field replaces, an empty one removes, cards
 * are left alone. */
int tb_record_apply(json_t *record, const json_t *change);
/* Takes away what says nothing, within its objects, too. */
void tb_record_compact(json_t *record);
/* Fills what is empty in `record` from `other`; lists that stand are left as they are, unless
 * `join`, when they take the other's items too. Cards are left alone. */
int tb_record_fill(json_t *record, const json_t *other, bool join);

/* Nothing in it says anything. */
bool tb_record_empty(const json_t *record);

/* The stored JSON of the customer back as a record with id, token, revision; NULL when damaged. */
json_t *tb_record_parse(const struct tb_customer *c);
/* The text to store: members in the order of the api. */
char *tb_record_text(const json_t *record);

/* Writes a record to its row, with its columns, handles and words; `old` as it was before (NULL:
 * the row is new). id and revision in the record are set here. */
int tb_record_store(
	struct tb_operation *op, int64_t id, int64_t revision, json_t *record, const json_t *old);
/* Takes the handles and words of that record away from the customer. */
int tb_record_forget(struct tb_operation *op, int64_t id, const json_t *old);

/* The names of the fields that are filled, for the profile bonus. names has room for
 * TB_RECORD_FIELDS. */
#define TB_RECORD_FIELDS 24
size_t tb_record_filled(const json_t *record, const char *names[TB_RECORD_FIELDS]);

/* The fields of a record and how two values of one compare after folding (customer.compare). */
bool tb_record_same(struct tb_operation *op, const char *field, const json_t *a, const json_t *b);
