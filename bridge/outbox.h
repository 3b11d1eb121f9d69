/* SPDX-License-Identifier: MIT */
/*
 * Effects that must not be lost: each is in state.db before it is sent, and is sent until it is
 * answered, for weeks if need be. It keeps order and says what became of it; what an effect means
 * is the server's business, and what can be answered without one is offline.h's.
 */
#pragma once

#include "base/jsonw.h"
#include "bridge/bridge.h"
#include "bridge/rpc/request.h"
#include "plugins/loyalty/connector.h"

#define TB_OUTBOX_LANES 8 /* entries under way at a time */

/* delivers: whether the connector has a server to deliver to; keyed as in connector.h. Without a
 * server the table is kept and shown, and nothing is sent. 0 or negative errno. */
int tb_outbox_new(struct tb_bridge *bridge, bool delivers, bool keyed, struct tb_outbox **ret);
/* Tills that still wait are told that their effect is queued. */
void tb_outbox_free(struct tb_outbox *outbox);

/* Whether that operation is an effect that goes this way. */
bool tb_outbox_takes(enum tb_op op);
/* Takes such a call of a till, and answers it within the deadline. */
void tb_outbox_take(struct tb_outbox *outbox, struct tb_request *request);

/* Whether a till has said that key with an effect that went this way. */
bool tb_outbox_has_key(struct tb_outbox *outbox, const struct tb_caller *caller, const char *key);
/* A call of a till was answered by the server: one that was not let in may be by now. */
void tb_outbox_let_in(struct tb_outbox *outbox);

/* Answers passage.show of a passage that waits, before this returns; false: of no such one. */
bool tb_outbox_show(struct tb_outbox *outbox, const struct tb_call *call);
/* The server's answer to a passage.show with the amount that waits here, to free; NULL when none
 * does. */
char *tb_outbox_show_amount(
	struct tb_outbox *outbox, const struct tb_call *call, const struct tb_answer *answer);
/* A person is deleted: what was answered of him is forgotten. */
void tb_outbox_forget(struct tb_outbox *outbox, const char *customer);

/* The link went up or down: what waits is sent at once, or now and then. */
void tb_outbox_link(struct tb_outbox *outbox, bool up);

/* Looks at all that waits again, and tries at once. */
void tb_outbox_send_again(struct tb_outbox *outbox);

/* The members depth, oldest_s, refused, reason and detail of the object "outbox"; outbox may be
 * NULL. */
void tb_outbox_write(struct tb_outbox *outbox, struct tb_jsonw *w);

/* How many wait to be delivered, those not counted whose till still waits for the answer. */
int64_t tb_outbox_depth(const struct tb_outbox *outbox);
