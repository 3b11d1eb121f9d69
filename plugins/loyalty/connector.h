/* SPDX-License-Identifier: MIT */
/*
 * The contract a loyalty connector fills in: it answers loyalty operations, and knows no device and
 * no till. A connector is a shared module that exports one symbol, `tb_connector`. Parameters have
 * been checked against the method table before they arrive: types, ranges, unknown and missing
 * members are no longer a question; whether an id exists is.
 *
 * Everything runs on the loop's thread. Calls that arrive in one turn of the loop may share one
 * transaction: `call` may answer at once, or keep the answer back until `turn_end` has made it
 * durable.
 */
#pragma once

#include <jansson.h>
#include "base/error.h"
#include "base/loop.h"

#define TB_CONNECTOR_ABI 1

/*
 * name, method: every operation a connector may know. Three are the bridge's own and no method of
 * the api: coupon.printed {code} sets printed_at; coupon.unprinted {since}, asked at the start,
 * answers {coupons[{code, title, valid_to?, customer?}]}: what passages of this very till earned
 * since then and is neither used nor printed; program.versions {known?} answers {versions[{version,
 * from_at, program}], version, articles, gone{customers[{id, merged}], seq, more}}: the latest
 * versions above `known`, newest first, at most 8 and at least the newest (of all, where `known` is
 * above the newest), the newest version, a number that is another one when articles may have
 * changed, and who was deleted or merged since number `gone?` of the call, as far as `seq`.
 */
#define TB_OPS(X) \
	X(ACCOUNT_ADJUST, "account.adjust") \
	X(ARTICLE_IMPORT, "article.import") \
	X(ARTICLE_LIST, "article.list") \
	X(CARD_ATTACH, "card.attach") \
	X(CARD_DETACH, "card.detach") \
	X(COUPON_CHECK, "coupon.check") \
	X(COUPON_ISSUE, "coupon.issue") \
	X(COUPON_PRINTED, "coupon.printed") \
	X(COUPON_UNPRINTED, "coupon.unprinted") \
	X(CUSTOMER_COMPARE, "customer.compare") \
	X(CUSTOMER_CREATE, "customer.create") \
	X(CUSTOMER_DELETE, "customer.delete") \
	X(CUSTOMER_EXPORT, "customer.export") \
	X(CUSTOMER_HISTORY, "customer.history") \
	X(CUSTOMER_IMPORT, "customer.import") \
	X(CUSTOMER_LOOKUP, "customer.lookup") \
	X(CUSTOMER_MERGE, "customer.merge") \
	X(CUSTOMER_SEARCH, "customer.search") \
	X(CUSTOMER_UPDATE, "customer.update") \
	X(GIFT_CARD_CREATE, "gift_card.create") \
	X(GIFT_CARD_RELOAD, "gift_card.reload") \
	X(GIFT_CARD_SHOW, "gift_card.show") \
	X(LEDGER_VERIFY, "ledger.verify") \
	X(PASSAGE_AMEND, "passage.amend") \
	X(PASSAGE_LIST, "passage.list") \
	X(PASSAGE_POST, "passage.post") \
	X(PASSAGE_REVERSE, "passage.reverse") \
	X(PASSAGE_SHOW, "passage.show") \
	X(PROGRAM_REPLACE, "program.replace") \
	X(PROGRAM_SHOW, "program.show") \
	X(PROGRAM_VERSIONS, "program.versions") \
	X(REPORT_EXPORT, "report.export") \
	X(REPORT_SUMMARY, "report.summary") \
	X(REWARD_DEDUCT, "reward.deduct") \
	X(REWARD_QUOTE, "reward.quote") \
	X(REWARD_RELEASE, "reward.release") \
	X(REWARD_RESERVE, "reward.reserve")

enum tb_op {
#define X(name, method) TB_OP_##name,
	TB_OPS(X)
#undef X
		TB_OP_COUNT,
};

#define TB_OP_BIT(op) (UINT64_C(1) << (op))

/*
 * What comes back. On success `json` is the text of the result object. On failure it is NULL or the
 * text of an object whose members belong into the error's `data` beside code, retryable and detail:
 * {"candidates":[…]}, {"errors":[{"pointer":…,"code":…}]}, {"reason":…}, {"customer":{…}}. The text
 * is the connector's and valid until `done` returns.
 */
struct tb_answer {
	enum tb_error error;
	const char *json;
	size_t len;
	/* How many coupons the result holds in `coupons[]`: the bridge prints them. */
	unsigned coupons;
	/* The id of the customer whose account changed, NULL when none did. */
	const char *changed_customer;
	/* With TB_ERROR_SERVER_UNREACHABLE: nothing of the call can have reached the server. */
	bool unsent;
};

typedef void (*tb_done_fn)(const struct tb_answer *answer, void *userdata);

/* Who asks. Strings are borrowed until `done`. */
struct tb_caller {
	const char *site;
	const char *till;
	const char *by; /* who did it, for the entry; NULL when not said */
};

struct tb_call {
	enum tb_op op;
	struct tb_caller caller;
	const char *key; /* the till's key; NULL where the method takes none or it may default */
	json_t *params;  /* the whole params object, `key` and `operator` included; borrowed until
	                    done */
	uint64_t deadline_us; /* on the loop's clock: answer by then, TB_ERROR_SERVER_UNREACHABLE if
	                         need be */
	tb_done_fn done;      /* called exactly once, also from within `call` and from `stop` */
	void *userdata;
};

/* What the bridge lends a connector, valid from start to stop. */
struct tb_host {
	struct tb_loop *loop;
	const char *state_dir; /* writable, ours alone, 0700 */
	const char *site, *till, *currency, *language;
	const char *product_reference; /* "label", "code" or "ean" */
	const char *country;           /* how a national phone number is read, "FR" */
	/* A key of the connector's own configuration section; NULL when it is not set. */
	const char *(*setting)(const struct tb_host *host, const char *key);
	/* Tells the bridge that the link to a server went up or down; NULL for a local connector.
	 */
	void (*link_changed)(const struct tb_host *host, bool up);
	/* Tells between what the server's clock is ahead of ours, as one answer showed. */
	void (*skew_measured)(const struct tb_host *host, int64_t low_us, int64_t high_us);
	void *userdata;
	/* Tells that the server may take now what it would not a moment ago; may be NULL. */
	void (*try_again)(const struct tb_host *host);
};

enum {
	TB_CONNECTOR_LOCAL = 1 << 0, /* answers from this machine: no outbox, no cache */
	TB_CONNECTOR_KEYED = 1 << 1, /* saying it twice with one key is safe */
};

struct tb_connector_state; /* the connector's own */

struct tb_connector {
	int abi; /* TB_CONNECTOR_ABI */
	const char *name;
	uint32_t flags;
	uint64_t ops; /* TB_OP_BIT of each operation it knows; others are never called */

	/*
	 * Opens what it needs. Called once, before any call. On failure ret_why is a sentence for
	 * the installer saying what is wrong and what to do (a string to free), and the result a
	 * negative errno; nothing has been changed on disk.
	 */
	int (*start)(const struct tb_host *host, struct tb_connector_state **ret, char **ret_why);

	/* Takes one call; answers through call->done. The struct is copied if it must last. */
	void (*call)(struct tb_connector_state *state, const struct tb_call *call);

	/*
	 * The turn is over: commit what the turn's calls did and give the answers held back. Called
	 * at the end of every turn in which there was a call.
	 */
	void (*turn_end)(struct tb_connector_state *state);

	/* Ends everything: calls not answered yet are answered TB_ERROR_SERVER_UNREACHABLE. */
	void (*stop)(struct tb_connector_state *state);

	/*
	 * Asks the server for a sign of life, and tells host->link_changed when that has changed.
	 * Called once a second while the link is down, and once at the start. NULL for a local
	 * connector.
	 */
	void (*probe)(struct tb_connector_state *state, uint64_t deadline_us);
};

#define TB_CONNECTOR_SYMBOL "tb_connector"
/* The module's file is NAME.so in the module directory, NAME as [loyalty] says it. */
