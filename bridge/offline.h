/* SPDX-License-Identifier: MIT */
/*
 * The offline front: what the bridge answers in the server's place when the link is down (R15). It
 * learns from the server's own answers, keeps what a till needs of them in state.db (bounded, aged,
 * without names beyond what a cashier greets with), and judges with the rules' own room by the
 * cached program. It sends nothing and keeps no effect: that is outbox.h. Only for connectors that
 * are not local.
 */
#pragma once

#include "base/timestamp.h"
#include "bridge/bridge.h"
#include "plugins/loyalty/connector.h"

struct tb_offline;

/* Makes its tables in state.db. 0 or negative errno. */
int tb_offline_new(struct tb_bridge *bridge, struct tb_offline **ret);
void tb_offline_free(struct tb_offline *offline);

/*
 * The server answered the call with success: what can be of use later is kept. Called for every
 * such answer, so it must be cheap for those it does not keep. json need not end in a NUL.
 */
void tb_offline_learn(
	struct tb_offline *offline, const struct tb_call *call, const char *json, size_t len);

/*
 * Answers call from the cache, through call->done and before it returns: with stale and as_of, with
 * TB_ERROR_OFFLINE_REFUSED where the rules or the program forbid it, with
 * TB_ERROR_SERVER_UNREACHABLE where nothing is known. Never for effects that the outbox takes, but
 * for one: reward.deduct is judged here as reward.reserve is, and taken into the outbox with this
 * answer when there is no error. What such an answer promises is in state.db's open transaction:
 * the till is told after the commit (tb_state_after_commit()).
 */
void tb_offline_answer(struct tb_offline *offline, const struct tb_call *call);

/*
 * An effect was taken into the outbox unanswered: later answers from the cache count with it
 * (points that an offline reservation spent are gone, a customer created offline is known).
 */
void tb_offline_queued(struct tb_offline *offline, enum tb_op op, const json_t *params);

/*
 * The server refused the call: whom it does not know any more is forgotten, a card that it blocked
 * is remembered. Called for every refusal that the server itself gave.
 */
void tb_offline_refused(
	struct tb_offline *offline, const struct tb_call *call, enum tb_error error);

/*
 * Whether the server said that it does not know whom the call is about because it cannot know yet:
 * he was made here, or was given the card here, and that waits in the outbox. Then the call is
 * tb_offline_answer()'s.
 */
bool tb_offline_knows_better(
	struct tb_offline *offline, const struct tb_call *call, enum tb_error error);

/*
 * Whether a reservation is tb_offline_answer()'s although the server could be asked: its key was
 * answered here before, or the server does not know yet what the customer has used offline for
 * another sale, and would grant it again.
 */
bool tb_offline_must_judge(struct tb_offline *offline, const struct tb_call *call);

/* Whether a till has said that key with a reservation whose answer is known here. */
bool tb_offline_has_key(
	struct tb_offline *offline, const struct tb_caller *caller, const char *key);

/* The shop's offset from UTC at that time, in seconds; 0 when no program is known. */
int tb_offline_shop_offset(struct tb_offline *offline, int64_t at_us);
/* The shop's date at that time, by the program; false when none is known. */
bool tb_offline_shop_date(struct tb_offline *offline, int64_t at_us, struct tb_date *ret);

/*
 * The link came up, also the first time. Program and articles are asked for anew, in the background
 * and by tb_loyalty_call(), when they may have changed.
 */
void tb_offline_link_up(struct tb_offline *offline);

/*
 * Whether the id is of a reservation that tb_offline_answer() made. The server does not know it:
 * reward.release of it is answered by tb_offline_answer() whatever the link does, and passage.post
 * with it needs tb_offline_granted().
 */
bool tb_offline_is_ours(const char *reservation);

/*
 * The members that passage.post needs beside what the till said so that the server can do what was
 * granted offline, NULL for a reservation that is not ours or not known any more (a new reference):
 * {"uses":[…]}, each as in reward.reserve with `amount` and `line` as they were granted.
 */
json_t *tb_offline_granted(struct tb_offline *offline, const char *reservation);
