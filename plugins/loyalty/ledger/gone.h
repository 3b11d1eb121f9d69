/* SPDX-License-Identifier: MIT */
/*
 * Who was deleted or merged, in the order it happened: for bridges that keep a few of his facts for
 * when they are cut off. An id and nothing else is kept of him, and no longer than they keep
 * theirs.
 */
#pragma once

#include "plugins/loyalty/ledger/ledger.h"

/* What is known of him elsewhere is not so any more; merged: he, or what he was merged into, is
 * there all the same. 0 or negative errno. */
int tb_gone_add(struct tb_operation *op, int64_t customer, bool merged);

/* The member "gone" of an answer: who has gone since number `after`, a piece at a time. */
int tb_gone_write(struct tb_operation *op, struct tb_jsonw *w, int64_t after);
