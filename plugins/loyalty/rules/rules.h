/* SPDX-License-Identifier: MIT */
/*
 * The rule book of the loyalty account, R1 to R16: what a reward takes off a ticket, what it costs,
 * what a passage earns and what comes back with a return. Pure: no I/O, no JSON, no clock, no
 * state. Strings are borrowed from the caller and must outlive the result that points at them. It
 * is not the account: who stores entries, takes locks and remembers keys is the ledger (R13, R14,
 * R16).
 *
 * Money is in minor units, points are whole, percentages in basis points, quantities in
 * thousandths, times in microseconds since 1970 UTC. A function returns 0, -ENOMEM or -EOVERFLOW
 * (an amount left int64: the call is malformed); a refusal is no errno but an answer, with its word
 * and its reason.
 */
#pragma once

#include "base/error.h"
#include "base/macros.h"
#include "base/timestamp.h"

#define TB_TIME_NONE INT64_MIN /* no such time: open window, never expires, never seen */

/* ---- reasons: the words of the api -------------------------------------------------------- */

/* Up to HELD in a quote and a refused reservation; MIN_TICKET and those after HELD in a passage. */
#define TB_REASONS(X) \
	X(INSUFFICIENT_BALANCE, "insufficient_balance") \
	X(PRO_ONLY, "pro_only") \
	X(CONTACT_REQUIRED, "contact_required") \
	X(WELCOME_USED, "welcome_used") \
	X(EVERY_N_PASSAGES, "every_n_passages") \
	X(MIN_TICKET, "min_ticket") \
	X(MIN_USE, "min_use") \
	X(ARTICLE_MISSING, "article_missing") \
	X(ARTICLE_AMBIGUOUS, "article_ambiguous") \
	X(BASE_ZERO, "base_zero") \
	X(NOT_NOW, "not_now") \
	X(NOT_HERE, "not_here") \
	X(NOT_WHOLE, "not_whole") \
	X(HELD, "held") \
	X(MIN_DELAY, "min_delay") \
	X(NO_CUSTOMER, "no_customer") \
	X(CAPPED, "capped") \
	X(OFFLINE, "offline")

enum tb_reason {
	TB_REASON_NONE,
#define X(name, word) TB_REASON_##name,
	TB_REASONS(X)
#undef X
};

/* The word of the contract ("min_ticket"); NULL for TB_REASON_NONE. */
const char *tb_reason_word(enum tb_reason reason);

/* ---- program ------------------------------------------------------------------------------ */

/* Names of articles, categories, sites …; `ids` is filled by tb_program_prepare() where folding
 * counts. */
struct tb_names {
	const char *const *names;
	size_t count;
	const uint32_t *ids;
};

/* [from, to); TB_TIME_NONE: open at that end. */
struct tb_window {
	int64_t from_us, to_us;
};

#define TB_WINDOW_OPEN ((struct tb_window){TB_TIME_NONE, TB_TIME_NONE})

enum tb_reward_kind {
	TB_REWARD_ARTICLE,
	TB_REWARD_AMOUNT,
	TB_REWARD_PERCENT,
	TB_REWARD_CASHBACK,
	TB_REWARD_GIFT,
};

struct tb_reward {
	const char *id, *title;
	const char *till_reference; /* NULL when the till gave none */
	enum tb_reward_kind kind;
	int64_t cost_points;
	int64_t value;      /* amount, cashback; 0: cashback by bp */
	int64_t bp;         /* percent, cashback */
	int64_t max_amount; /* 0: none; clamps after rounding */
	int64_t min_use;    /* 0: none */
	int64_t min_ticket; /* 0: none; compares with the basket's total */
	int64_t every_n;    /* 0: not an every-N reward */
	int64_t sequence;   /* order within a step, then id */
	int64_t cost_price; /* what it costs the shop; -1: not said */
	struct tb_names articles,
		categories;    /* offered (article), or what the discount is limited to */
	struct tb_names sites; /* empty: everywhere */
	struct tb_window valid;
	bool undiscounted_only, partial, welcome, pro_only, contact_required, exclusive;
};

enum tb_gain_kind {
	TB_GAIN_MULTIPLIER, /* bp of the points, 20000 doubles */
	TB_GAIN_POINTS,
	TB_GAIN_WALLET,
	TB_GAIN_WALLET_BP, /* bp of R5's base */
};

struct tb_offer {
	const char *id, *title;
	struct tb_window window;
	struct tb_names sites, modes, groups; /* empty: all */
	int64_t min_amount;                   /* 0: none; compares with R5's base */
	int64_t nth_passage;                  /* 0: any */
	struct tb_names articles, categories; /* empty: any */
	enum tb_gain_kind gain;
	int64_t gain_value;
};

enum tb_coupon_on {
	TB_COUPON_EVERY_N,
	TB_COUPON_BEFORE_BIRTHDAY,
	TB_COUPON_UNSEEN,
	TB_COUPON_BY_HAND,
};

struct tb_coupon_rule {
	const char *id;
	const char *reward; /* id of a reward of the same program */
	enum tb_coupon_on on;
	int64_t n;          /* passages, or days */
	int64_t valid_days; /* 0: no end */
};

enum tb_combine { TB_COMBINE_BEST, TB_COMBINE_SUM };

struct tb_earning {
	int64_t per_passage;   /* points */
	int64_t amount_points; /* for each amount_unit of money */
	int64_t amount_unit;   /* 0: not by amount */
	bool per_article;
	enum tb_combine combine;
	int64_t min_ticket; /* compares with R5's base */
	bool on_loyalty_tender;
};

struct tb_name_index; /* of rules/match.c */

struct tb_program {
	const char *currency;
	const struct tb_zone *zone; /* shop time */
	struct tb_earning earning;
	int64_t max_points_per_passage; /* 0: none */
	int64_t min_delay_s;            /* 0: none */
	int64_t points_expire_days;     /* 0: never */
	bool contact_required_to_redeem;
	int64_t offline_max_value; /* 0: redeeming offline is refused (R15) */
	const struct tb_reward *rewards;
	size_t n_rewards;
	const struct tb_offer *offers;
	size_t n_offers;
	const struct tb_coupon_rule *coupons;
	size_t n_coupons;
	struct tb_names profile_fields;
	int64_t profile_points;
	int64_t sponsor_points, newcomer_points;
	struct tb_name_index *index; /* tb_program_prepare() */
};

/*
 * Folds every article and category name of the program once. Call it when the program is complete
 * and before it is used by anything below; rewards and offers must stay where they are (their `ids`
 * are written, so the arrays must be writable memory). tb_program_release() frees what it made.
 */
int tb_program_prepare(struct tb_program *program);
void tb_program_release(struct tb_program *program);

/* NULL when there is none of that id. */
const struct tb_reward *tb_program_reward(const struct tb_program *program, const char *id);
const struct tb_coupon_rule *tb_program_coupon_rule(
	const struct tb_program *program, const char *id);

/* ---- basket ------------------------------------------------------------------------------- */

/* An imported article: what it earns and what it costs in points. */
struct tb_article {
	const char *code, *label, *ean, *category; /* NULL: unknown */
	int64_t points;
	int64_t points_price; /* 0: not to be had for points */
};

enum tb_price_kind { TB_PRICE_NORMAL, TB_PRICE_PROMO, TB_PRICE_MANUAL };

enum {
	TB_LINE_GIFT_CARD_SALE = 1 << 0,
	TB_LINE_DEPOSIT = 1 << 1,
	TB_LINE_NO_LOYALTY = 1 << 2,
	TB_LINE_RETURN_OF = 1 << 3, /* takes back something sold before */
};

struct tb_line {
	int64_t no;
	const char *code, *label, *ean, *category; /* as the till says; NULL: not said */
	int64_t quantity;                          /* 1000 = one piece */
	int64_t unit_price, discount, total;
	int64_t vat_bp; /* -1: not said */
	enum tb_price_kind price_kind;
	uint32_t flags;
	/* The imported article this line is of, found by the caller; NULL: not imported, earns 0.
	 */
	const struct tb_article *imported;
};

/* After the till's own discounts. No lines: a passage by hand, of which only the total is known. */
struct tb_basket {
	const struct tb_line *lines;
	size_t n_lines;
	int64_t total;
};

/* Which name of an article the program speaks of: a setting of the till. */
enum tb_reference { TB_REFERENCE_LABEL, TB_REFERENCE_CODE, TB_REFERENCE_EAN };

/* "label", "code", "ean"; NULL is label; false when it is neither. */
bool tb_reference_from_word(const char *word, enum tb_reference *ret);

/* ---- account ------------------------------------------------------------------------------ */

enum tb_customer_kind { TB_CUSTOMER_UNKNOWN, TB_CUSTOMER_PERSON, TB_CUSTOMER_PRO };

struct tb_progress {
	const char *reward;
	int64_t count; /* counted passages since it was last taken */
};

/*
 * What is known of the customer's account at the time of the sale, his own hold of *this* sale
 * already given back (a new reservation replaces the old). A NULL account is a sale without a
 * customer.
 */
struct tb_account {
	enum tb_customer_kind kind; /* unknown is not pro (R10) */
	bool contact_known;         /* a phone or an e-mail */
	struct tb_names groups;
	int64_t points_available, wallet_available; /* may be below 0 after a refund */
	int64_t passages;                           /* un-voided, this one not among them (R9) */
	int64_t counted; /* un-voided and counted, this one not among them (R6) */
	/* Nearest counted, un-voided passages at or before, and after, this one's occurred_at (R7).
	 */
	int64_t counted_before_us, counted_after_us; /* TB_TIME_NONE: there is none */
	const struct tb_progress *progress;          /* a reward not listed has count 0 */
	size_t n_progress;
	struct tb_names welcome_used; /* ids of welcome rewards this account ever used (R9) */
};

struct tb_context {
	const char *site;       /* NULL: unknown, and then no scope by site is met (R10) */
	const char *mode;       /* the sale's mode, NULL: unknown */
	int64_t occurred_at_us; /* judges windows of rewards and offers, and R7 */
	int64_t now_us;         /* judges the end of coupons and gift cards */
	enum tb_reference product_reference;
	bool offline; /* from the cache: R15 */
};

/* ---- uses --------------------------------------------------------------------------------- */

enum tb_coupon_binding { TB_COUPON_FREE, TB_COUPON_OURS, TB_COUPON_OTHERS };

/* A coupon as it stands in the ledger. It pays for its reward: no points are taken for it. */
struct tb_coupon {
	const char *code, *reward;
	enum tb_coupon_binding bound; /* to nobody, to this customer, to another */
	int64_t uses_left;
	bool held; /* by another sale */
	struct tb_window valid;
};

struct tb_gift_card {
	const char *number;
	int64_t available;     /* balance less what other sales hold */
	int64_t expires_at_us; /* the instant; TB_TIME_NONE: never */
	bool blocked;
};

enum tb_use_kind { TB_USE_REWARD, TB_USE_COUPON, TB_USE_GIFT_CARD, TB_USE_WALLET };

struct tb_use {
	enum tb_use_kind kind;
	const char *code; /* reward id ("article:CODE" too), coupon code or card number, as the till
	                     says */
	const struct tb_coupon *coupon;       /* TB_USE_COUPON: NULL is coupon_unknown */
	const struct tb_gift_card *gift_card; /* TB_USE_GIFT_CARD: NULL is gift_card_unknown */
	bool has_amount, has_line, forfeit_remainder;
	int64_t amount; /* > 0 */
	int64_t line;   /* which line is offered */
};

/* ---- what comes out ----------------------------------------------------------------------- */

enum tb_adjustment_kind {
	TB_ADJUST_ARTICLE_OFFERED,
	TB_ADJUST_LINE_DISCOUNT,
	TB_ADJUST_TICKET_DISCOUNT,
	TB_ADJUST_TENDER,
};

/* Who pays a tender; R5 takes cashback and wallet off the earning base, a gift card is money. */
enum tb_tender { TB_TENDER_NONE, TB_TENDER_CASHBACK, TB_TENDER_WALLET, TB_TENDER_GIFT_CARD };

struct tb_share {
	int64_t no, amount;
};

struct tb_adjustment {
	enum tb_adjustment_kind kind;
	enum tb_tender tender;
	size_t use;       /* index into the uses it comes from */
	int64_t line;     /* article_offered, line_discount */
	int64_t amount;   /* > 0, means off */
	int64_t quantity; /* article_offered: thousandths offered */
	const char *code, *label,
		*ean;                  /* the article of that line, for the two kinds with a line */
	const struct tb_share *shares; /* ticket_discount: each line of its base, also with 0 */
	size_t n_shares;
	const char *reward, *title, *till_reference; /* NULL for wallet and gift card */
	const char *coupon, *gift_card;              /* code or number, when it comes from one */
};

/* What one use did and costs. Index i is use i of the call. */
struct tb_use_cost {
	const struct tb_reward *reward; /* NULL: wallet, gift card, and an article had for points */
	int64_t amount;                 /* taken off or paid */
	int64_t points;                 /* to hold or redeem */
	int64_t wallet;                 /* to hold or redeem */
	int64_t gift_card;              /* to hold or redeem from the card of this use */
	int64_t every_n;     /* counted passages the commit takes off the reward's progress */
	int64_t coupon_uses; /* 0 or 1 */
	int64_t shop_cost;   /* cost_price where it was said, else amount (reports) */
	bool welcome;        /* remember it in welcome_used */
	bool repeated;       /* says an earlier use once more: does and costs nothing */
	/* tb_rules_given() only: what is not there or takes nothing off; TB_OK: all is well. */
	enum tb_error lacking;
};

/* A line after steps 2 to 6. */
struct tb_line_after {
	int64_t no;
	int64_t left;             /* of its total */
	int64_t offered_quantity; /* thousandths offered in step 2 */
};

/*
 * The answer to a reservation. error TB_OK: everything below holds. Otherwise nothing was reserved,
 * `use` says which one is refused, `reason` the word for data.reason when there is one.
 */
struct tb_reckoning {
	enum tb_error error;
	enum tb_reason reason;
	size_t use;
	bool customer_missing; /* invalid_params for want of a customer, else for use `use` */

	struct tb_adjustment *adjustments; /* in the order to apply them */
	size_t n_adjustments;
	struct tb_use_cost *uses;
	size_t n_uses;
	struct tb_line_after *lines; /* as the basket's lines */
	size_t n_lines;
	int64_t total_before, total_after, to_pay;
	int64_t points, wallet;  /* of all uses together */
	struct tb_share *shares; /* what the adjustments' shares point into */
};

void tb_reckoning_done(struct tb_reckoning *reckoning);
#define _cleanup_reckoning_ _cleanup_(tb_reckoning_done)

/*
 * R1 to R4, R8 to R10, R15: reckons the uses on the basket, all or nothing. The order of `uses`
 * does not change the result. account NULL: only gift cards and coupons bound to nobody. On an
 * errno ret is untouched; otherwise tb_reckoning_done() it, whatever its error says.
 */
int tb_rules_reserve(const struct tb_program *program, const struct tb_account *account,
	const struct tb_basket *basket, const struct tb_use *uses, size_t n_uses,
	const struct tb_context *context, struct tb_reckoning *ret);

/*
 * R13: uses that were given already, without a reservation. Nobody is asked whether he may: each is
 * reckoned on the basket and charged in full, whatever the account holds; the amount that a use
 * says is what was given of wallet or card. Never refused: a use that cannot be found costs
 * nothing, one that takes nothing off costs its points, and `lacking` says so.
 */
int tb_rules_given(const struct tb_program *program, const struct tb_account *account,
	const struct tb_basket *basket, const struct tb_use *uses, size_t n_uses,
	const struct tb_context *context, struct tb_reckoning *ret);

struct tb_earned {
	int64_t points;
	int64_t wallet; /* minor units */
	int64_t base;   /* R5 */
	bool counted;   /* R7: false within the delay and without a customer */
	enum tb_reason reasons[4];
	size_t n_reasons;
};

/*
 * R5, R6, R7: what the passage earns under this version of the program. adjustments are those the
 * till applied (none: n 0), matched to the lines by number: a share of a line that is no longer
 * there is taken off the base as a whole (R13). account NULL: earns nothing, reason no_customer.
 */
int tb_rules_earn(const struct tb_program *program, const struct tb_account *account,
	const struct tb_basket *basket, const struct tb_adjustment *adjustments,
	size_t n_adjustments, const struct tb_context *context, struct tb_earned *ret);

struct tb_quoted_reward {
	const char *id; /* of the reward, or "article:CODE" */
	const char *title;
	enum tb_reward_kind kind;
	bool applicable;
	enum tb_reason reason;
	bool automatic; /* R8: the count plus this passage reaches N */
	int64_t amount, cost_points;
	const struct tb_adjustment *adjustments;
	size_t n_adjustments;
};

struct tb_quoted_coupon {
	const char *code, *reward;
	bool applicable;
	enum tb_error
		error; /* TB_ERROR_COUPON_USED …, whose word is the reason when reason is none */
	enum tb_reason reason;
	int64_t amount;
};

struct tb_quote {
	struct tb_quoted_reward
		*rewards; /* of the program in its order, then articles for points */
	size_t n_rewards;
	struct tb_quoted_coupon *coupons; /* as the codes given */
	size_t n_coupons;
	struct tb_earned would_earn; /* with the codes given and nothing else */
	int64_t total_after;
	void *owned; /* what the adjustments point into */
};

void tb_quote_done(struct tb_quote *quote);
#define _cleanup_quote_ _cleanup_(tb_quote_done)

/*
 * Each reward as if used alone, each coupon of `codes` likewise (uses of kind coupon; a gift card
 * among them is payment and changes nothing here); would_earn and total_after with all codes that
 * are applicable, a code that no longer is beside those before it (by code) left out.
 */
int tb_rules_quote(const struct tb_program *program, const struct tb_account *account,
	const struct tb_basket *basket, const struct tb_use *codes, size_t n_codes,
	const struct tb_context *context, struct tb_quote *ret);

/*
 * Whether a look-up shows the reward as one he could use: whom, when and where it is for, the
 * balance and what must be earned. What only a basket can say (its lines, min_ticket) is left open.
 */
bool tb_rules_usable(const struct tb_program *program, const struct tb_account *account,
	const struct tb_reward *reward, const struct tb_context *context);

/* ---- returns (R11) ------------------------------------------------------------------------ */

struct tb_return_line {
	int64_t no;
	bool has_quantity; /* absent: all that is left of the line */
	int64_t quantity;  /* thousandths, > 0 */
};

/* A sale as it was posted, and what happened to it since. */
struct tb_sale {
	const struct tb_program *program; /* the version it was judged by */
	const struct tb_account *account; /* the facts as they were then: groups, counted */
	const struct tb_basket *basket;
	const struct tb_adjustment *adjustments;
	size_t n_adjustments;
	size_t n_uses; /* adjustments[].use < n_uses */
	const struct tb_context *context;
	const int64_t *returned; /* thousandths taken back before, as the lines; NULL: nothing */
	int64_t earned_points, earned_wallet;
	int64_t reversed_points, reversed_wallet; /* already taken back */
	bool counted;                             /* R7: what is posted is not judged again */
};

struct tb_returned {
	enum tb_error error;
	size_t line;            /* invalid_params: index of the return line at fault */
	int64_t points, wallet; /* to take back now, >= 0 */
	int64_t *quantities;    /* thousandths taken back now, as the basket's lines */
	size_t n_lines;
	bool *uses_back; /* uses whose reward may come back (all lines it touched are gone) */
	size_t n_uses;
	bool nothing_kept;
};

void tb_returned_done(struct tb_returned *returned);
#define _cleanup_returned_ _cleanup_(tb_returned_done)

/*
 * What a return takes back: earned less what the kept part earns less what was taken back already.
 * The spread of the sale stands: a kept line keeps its share of every discount, a partly kept one
 * the proportion (half up). No lines: everything that is left.
 */
int tb_rules_return(const struct tb_sale *sale, const struct tb_return_line *lines, size_t n_lines,
	struct tb_returned *ret);

/* ---- lots, windows, coupons, bonuses ------------------------------------------------------ */

/* R12: the instant a lot earned then ends, TB_TIME_NONE when points never expire. */
int64_t tb_rules_lot_expiry(const struct tb_program *program, int64_t occurred_at_us);
/* R11: the end of a lot that points come back to now: the old one, or 30 days' grace. */
int64_t tb_rules_lot_back(int64_t old_expires_at_us, int64_t now_us);

struct tb_lot {
	int64_t left;
	int64_t expires_at_us; /* TB_TIME_NONE: never */
};

/*
 * First to expire first (never last; equal: as given): how much of each lot `points` takes. What
 * the lots do not hold is ret_missing (the account goes below 0, R13).
 */
int tb_rules_lots_take(
	const struct tb_lot *lots, size_t n, int64_t points, int64_t *takes, int64_t *ret_missing);

/* R4: what a use of `used` out of `value` costs, rounded up. */
int tb_rules_partial_cost(int64_t cost_points, int64_t used, int64_t value, int64_t *ret);

bool tb_window_holds(const struct tb_window *window, int64_t at_us);
/* RFC 3339, or a bare date: that day's first instant in the zone. -EINVAL. */
int tb_window_time(const struct tb_zone *zone, const char *text, int64_t *ret_us);

/* What a coupon rule has done for a customer so far. */
struct tb_coupon_facts {
	int64_t counted;         /* his un-voided counted passages, this one among them */
	int64_t before;          /* every-N: how often he had reached N when the rule was new */
	int64_t issued;          /* coupons this rule gave him, withdrawn ones not counted */
	int64_t last_issued_us;  /* TB_TIME_NONE: never */
	int64_t last_passage_us; /* latest un-voided passage; TB_TIME_NONE: never */
	bool has_birthday;
	struct tb_date birthday;
	int64_t now_us;
};

/* How many coupons this rule owes the customer now (0 or 1 but for every-N after a merge). */
int64_t tb_rules_coupons_due(const struct tb_program *program, const struct tb_coupon_rule *rule,
	const struct tb_coupon_facts *facts);
/* The end of a coupon issued then: with the shop's day `valid_days` later; TB_TIME_NONE: no end. */
int64_t tb_rules_coupon_valid_to(
	const struct tb_program *program, const struct tb_coupon_rule *rule, int64_t issued_us);

/* Points for completing the profile: 0 unless every field the program names is among `filled`. */
int64_t tb_rules_profile_bonus(const struct tb_program *program, const struct tb_names *filled);

/* Both sponsorship bonuses, due with the newcomer's first counted passage. */
struct tb_sponsorship {
	int64_t sponsor_points, newcomer_points;
};

struct tb_sponsorship tb_rules_sponsorship(const struct tb_program *program,
	const struct tb_account *newcomer, const struct tb_earned *earned);
