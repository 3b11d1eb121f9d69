/* SPDX-License-Identifier: MIT */
/*
 * The keys of a wedge on their way to the till program: held until it is known whose code they are,
 * then typed on as they came, or swallowed. A key that went down for the till program comes up for
 * it as well, and the release of a swallowed one is swallowed. It does not know what is a code.
 */
#pragma once

#include <linux/input.h>
#include "base/loop.h"

struct tb_typed_on;

enum tb_verdict {
	TB_VERDICT_HOLD, /* not known yet */
	TB_VERDICT_PASS, /* all that is held is the till program's */
	TB_VERDICT_DROP, /* all that is held is not */
};

/* Takes bytes of events, as write(2) does: how many, or -EAGAIN. */
typedef ssize_t (*tb_type_fn)(const void *events, size_t n_bytes, void *userdata);

int tb_typed_on_new(struct tb_loop *loop, tb_type_fn fn, void *userdata, struct tb_typed_on **ret);
void tb_typed_on_free(struct tb_typed_on *typed);

/* An event of the report under way: a key, its scan code. */
void tb_typed_on_add(struct tb_typed_on *typed, const struct input_event *event);
/* The report is whole; what is held and the report have that fate. */
void tb_typed_on_report(struct tb_typed_on *typed, enum tb_verdict verdict);
/* The fate of what is held, without a report: silence. */
void tb_typed_on_settle(struct tb_typed_on *typed, enum tb_verdict verdict);
/* Events were lost: these keys are down now; what is held is swallowed. */
void tb_typed_on_resync(struct tb_typed_on *typed, const uint8_t *keys, size_t n_bytes);
/* Whether something waits for its verdict. */
bool tb_typed_on_holds(const struct tb_typed_on *typed);
