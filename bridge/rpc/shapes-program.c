/* SPDX-License-Identifier: MIT */
/*
 * The shape of a program: earning, rewards, offers, coupon rules. Whether what it refers to exists
 * is the connector's to say.
 */

#include "bridge/rpc/shape.h"

#define ITEMS_MAX 1000 /* rewards, offers, rules of one program */
#define NAMES_MAX 1000 /* articles or categories of one reward */
#define AMOUNT(n, p) TB_F_INT(n, 0, 0, INT64_MAX, "minor units", p)
#define POINTS(n, p) TB_F_INT(n, 0, 0, INT64_MAX, "points", p)
#define COUNT(n, p) TB_F_INT(n, 0, 0, INT32_MAX, NULL, p)

static const struct tb_shape shape_per_amount = {
	.name = "per_amount",
	.fields =
		(const struct tb_field[]){
			TB_F_INT("points", TB_REQUIRED, 0, INT64_MAX, "points", "this many"),
			TB_F_INT("amount", TB_REQUIRED, 1, INT64_MAX, "minor units",
				"for each of these"),
			{},
		},
};

static const struct tb_shape shape_earning = {
	.name = "earning",
	.fields =
		(const struct tb_field[]){
			POINTS("per_passage", "fixed, for each passage"),
			TB_F_OBJECT("per_amount", 0, &shape_per_amount, "for what is spent"),
			TB_F_BOOL("per_article", 0, "the points of the imported articles"),
			TB_F_WORD("combine", 0, "best sum", "how these join; best when absent"),
			AMOUNT("min_ticket", "below it nothing is earned"),
			TB_F_BOOL("on_loyalty_tender", 0,
				"what wallet and cashback pay earns as well"),
			{},
		},
};

static const struct tb_shape shape_reward = {
	.name = "reward",
	.fields =
		(const struct tb_field[]){
			TB_F_ID("id", TB_REQUIRED, "one of your own"),
			TB_F_WORD("kind", TB_REQUIRED, "article amount percent cashback gift",
				"what it is"),
			TB_F_NAME("title", TB_REQUIRED, "what the customer reads"),
			POINTS("cost_points", "what it costs him"),
			AMOUNT("value", "of kind amount and cashback"),
			TB_F_INT("bp", 0, 0, 10000, "basis points", "of kind percent and cashback"),
			AMOUNT("max_amount", "it never takes off more"),
			TB_F_STRINGS("articles", 0, NAMES_MAX, TB_NAME_CHARS,
				"of kind article: what is offered; else what it is limited to"),
			TB_F_STRINGS(
				"categories", 0, NAMES_MAX, TB_NAME_CHARS, "what it is limited to"),
			TB_F_BOOL("undiscounted_only", 0, "only on lines without another discount"),
			TB_F_BOOL("partial", 0, "may be used in part"),
			AMOUNT("min_use", "the least that is used at a time"),
			COUNT("every_n_passages", "it comes with every n-th passage"),
			TB_F_BOOL("welcome", 0, "once, with the first passage"),
			TB_F_BOOL("pro_only", 0, "for customers of kind pro"),
			TB_F_BOOL("contact_required", 0, "a phone or e-mail must be known"),
			AMOUNT("min_ticket", "the basket's least total"),
			TB_F_WHEN("valid_from", 0, "from then on"),
			TB_F_WHEN("valid_to", 0, "until then"),
			TB_F_STRINGS("sites", 0, NAMES_MAX, TB_ID_CHARS, "where; absent: anywhere"),
			TB_F_INT("sequence", 0, INT32_MIN, INT32_MAX, NULL,
				"order within a step of the reckoning"),
			TB_F_BOOL("exclusive", 0, "not together with another"),
			AMOUNT("cost_price", "what it costs the shop"),
			TB_F_NAME("till_reference", 0, "the till's own key for it"),
			{},
		},
};

static const struct tb_shape shape_when = {
	.name = "offer_condition",
	.fields =
		(const struct tb_field[]){
			AMOUNT("min_amount", "least amount that earns"),
			TB_F_STRINGS("articles", 0, NAMES_MAX, TB_NAME_CHARS, "one of them sold"),
			TB_F_STRINGS("categories", 0, NAMES_MAX, TB_NAME_CHARS,
				"something of one of them sold"),
			COUNT("nth_passage", "exactly the customer's n-th"),
			{},
		},
};

static const struct tb_shape shape_gain = {
	.name = "offer_gain",
	.one_of = "multiplier_bp points wallet wallet_bp",
	.fields =
		(const struct tb_field[]){
			TB_F_INT("multiplier_bp", 0, 0, INT32_MAX, "basis points",
				"of the points; 20000 doubles them"),
			POINTS("points", "fixed"),
			AMOUNT("wallet", "fixed"),
			TB_F_INT("wallet_bp", 0, 0, INT32_MAX, "basis points",
				"of the amount that earns"),
			{},
		},
};

static const struct tb_shape shape_offer = {
	.name = "offer",
	.fields =
		(const struct tb_field[]){
			TB_F_ID("id", TB_REQUIRED, "one of your own"),
			TB_F_NAME("title", 0, "what the customer reads"),
			TB_F_WHEN("from", 0, "from then on"),
			TB_F_WHEN("to", 0, "until then"),
			TB_F_STRINGS("sites", 0, NAMES_MAX, TB_ID_CHARS, "where; absent: anywhere"),
			TB_F_STRINGS("modes", 0, NAMES_MAX, TB_ID_CHARS, "sale modes; absent: any"),
			TB_F_STRINGS("groups", 0, NAMES_MAX, TB_ID_CHARS,
				"customer groups; absent: all"),
			TB_F_OBJECT("when", 0, &shape_when, "its conditions"),
			TB_F_OBJECT("gain", TB_REQUIRED, &shape_gain, "what it brings"),
			{},
		},
};

static const struct tb_shape shape_coupon_on = {
	.name = "coupon_on",
	.one_of = "every_n_passages days_before_birthday days_unseen by_hand",
	.fields =
		(const struct tb_field[]){
			TB_F_INT("every_n_passages", 0, 1, INT32_MAX, NULL, "passages"),
			TB_F_INT("days_before_birthday", 0, 0, 366, "days", "days"),
			TB_F_INT("days_unseen", 0, 1, INT32_MAX, "days", "days"),
			TB_F_TRUE("by_hand", 0, "by coupon.issue"),
			{},
		},
};

static const struct tb_shape shape_coupon_rule = {
	.name = "coupon_rule",
	.fields =
		(const struct tb_field[]){
			TB_F_ID("id", TB_REQUIRED, "one of your own"),
			TB_F_ID("reward", TB_REQUIRED, "what it is good for"),
			TB_F_OBJECT("on", TB_REQUIRED, &shape_coupon_on, "when it is issued"),
			TB_F_INT("valid_days", 0, 0, 36500, "days",
				"from its issue; absent: no end"),
			{},
		},
};

static const struct tb_shape shape_profile_bonus = {
	.name = "profile_bonus",
	.fields =
		(const struct tb_field[]){
			TB_F_STRINGS("fields", TB_REQUIRED, 32, 64, "of the record, all filled"),
			TB_F_INT("points", TB_REQUIRED, 0, INT64_MAX, "points", "once an account"),
			{},
		},
};

static const struct tb_shape shape_sponsorship = {
	.name = "sponsorship",
	.fields =
		(const struct tb_field[]){
			POINTS("sponsor_points", "for who brought him"),
			POINTS("newcomer_points", "for who came"),
			{},
		},
};

const struct tb_shape tb_shape_program = {
	.name = "program",
	.fields =
		(const struct tb_field[]){
			TB_F_STRING("currency", TB_REQUIRED, 3, 3, "the bridge's own"),
			TB_F_STRING("time_zone", TB_REQUIRED, 1, 64, "as \"Europe/Paris\""),
			TB_F_OBJECT("earning", 0, &shape_earning, "what a passage earns"),
			POINTS("max_points_per_passage", "a passage never earns more"),
			TB_F_INT("min_delay_s", 0, 0, INT32_MAX, "seconds",
				"between two passages that earn"),
			TB_F_INT("points_expire_days", 0, 0, 36500, "days", "life of points"),
			TB_F_BOOL(
				"contact_required_to_redeem", 0, "a phone or e-mail must be known"),
			AMOUNT("offline_max_value", "what may be redeemed without the server"),
			TB_F_OBJECTS("rewards", 0, ITEMS_MAX, &shape_reward, "what can be had"),
			TB_F_OBJECTS("offers", 0, ITEMS_MAX, &shape_offer, "what brings more"),
			TB_F_OBJECTS("coupons", 0, ITEMS_MAX, &shape_coupon_rule,
				"which coupons are issued when"),
			TB_F_OBJECT(
				"profile_bonus", 0, &shape_profile_bonus, "for a complete record"),
			TB_F_OBJECT(
				"sponsorship", 0, &shape_sponsorship, "for bringing a customer"),
			{},
		},
};
