/* SPDX-License-Identifier: MIT */
/*
 * The sentence for a person that goes with each error, in the four languages of the house. No
 * sentence holds anything of the call: there is nothing personal to leak.
 */
#pragma once

#include "base/error.h"

/* language: "fr", "en", "de", "it"; another is French. Static. */
const char *tb_say_error(enum tb_error error, const char *language);

/* What is wrong before a call is one: JSON that cannot be read, no call at all, no such method. */
enum tb_say_rpc {
	TB_SAY_NOT_JSON,
	TB_SAY_NO_CALL,
	TB_SAY_NO_METHOD,
};
const char *tb_say_rpc(enum tb_say_rpc what, const char *language);

/* What the cashier reads when an effect waits in the outbox: it could not be sent, and will be
 * delivered later. */
const char *tb_say_queued(const char *language);

/* What the manager reads when the server does not let this till in: what to do about it. */
const char *tb_say_barred(const char *language);
