/* SPDX-License-Identifier: MIT */
/*
 * The shapes of a ticket: articles, lines, baskets, tenders, and what is used on it. Only types and
 * ranges; whether a basket adds up is the connector's to say.
 */

#include "bridge/rpc/shape.h"

#define LINES_MAX 20000 /* more do not fit into one line of the socket */

const struct tb_shape tb_shape_article = {
	.name = "article",
	.fields =
		(const struct tb_field[]){
			TB_F_NAME("code", 0, "the till's own code"),
			TB_F_NAME("label", 0, "as it stands on the till's key"),
			TB_F_NAME("ean", 0, "EAN or UPC"),
			TB_F_NAME("category", 0, "the till's category"),
			{},
		},
};

const struct tb_shape tb_shape_line = {
	.name = "line",
	.fields =
		(const struct tb_field[]){
			TB_F_INT("no", TB_REQUIRED, 0, INT32_MAX, NULL, "number on the ticket"),
			TB_F_OBJECT("article", 0, &tb_shape_article, "what was sold"),
			TB_F_INT("quantity", TB_REQUIRED, INT64_MIN, INT64_MAX, "thousandths",
				"1000 is one piece"),
			TB_F_INT("unit_price", TB_REQUIRED, INT64_MIN, INT64_MAX, "minor units",
				"price of one piece"),
			TB_F_INT("discount", 0, INT64_MIN, INT64_MAX, "minor units",
				"the till's own discount on this line, 0 when absent"),
			TB_F_WORD("price_kind", 0, "normal promo manual", "normal when absent"),
			TB_F_INT("total", TB_REQUIRED, INT64_MIN, INT64_MAX, "minor units",
				"what the till charges for the line"),
			TB_F_INT("vat_bp", 0, 0, 10000, "basis points", "VAT rate"),
			TB_F_WORDS("flags", 0, 8, "gift_card_sale deposit no_loyalty return_of",
				"what sets the line apart"),
			{.name = "return_of",
				.type = TB_TYPE_SCALAR,
				.max = TB_ID_CHARS,
				.prose = "the sale that is taken back"},
			{},
		},
};

const struct tb_shape tb_shape_basket = {
	.name = "basket",
	.fields =
		(const struct tb_field[]){
			TB_F_OBJECTS("lines", TB_REQUIRED, LINES_MAX, &tb_shape_line,
				"the ticket after the till's own discounts and before ours"),
			TB_F_INT("total", TB_REQUIRED, INT64_MIN, INT64_MAX, "minor units",
				"sum of the lines' totals"),
			{},
		},
};

const struct tb_shape tb_shape_tender = {
	.name = "tender",
	.fields =
		(const struct tb_field[]){
			TB_F_WORD("kind", TB_REQUIRED, "cash card cheque voucher other",
				"how it was paid"),
			TB_F_INT("amount", TB_REQUIRED, INT64_MIN, INT64_MAX, "minor units",
				"how much of it"),
			TB_F_NAME("label", 0, "the till's own name for it"),
			{},
		},
};

const struct tb_shape tb_shape_use = {
	.name = "use",
	.one_of = "reward coupon gift_card wallet",
	.fields =
		(const struct tb_field[]){
			TB_F_ID("reward", 0, "id of a reward, or article:CODE"),
			TB_F_ID("coupon", 0, "code of a coupon"),
			TB_F_ID("gift_card", 0, "number of a gift card"),
			TB_F_TRUE("wallet", 0, "the customer's wallet"),
			TB_F_INT("amount", 0, 1, INT64_MAX, "minor units",
				"how much of it; all that there is when absent"),
			TB_F_INT("line", 0, 0, INT32_MAX, NULL, "the line it is meant for"),
			TB_F_BOOL("forfeit_remainder", 0, "the rest of it may be lost"),
			{},
		},
};

const struct tb_shape tb_shape_returned_line = {
	.name = "returned_line",
	.fields =
		(const struct tb_field[]){
			TB_F_INT("no", TB_REQUIRED, 0, INT32_MAX, NULL,
				"number on the ticket of the sale"),
			TB_F_INT("quantity", 0, 1, INT64_MAX, "thousandths",
				"how much comes back; all that is left of the line when absent"),
			{},
		},
};

const struct tb_shape tb_shape_imported_article = {
	.name = "imported_article",
	.fields =
		(const struct tb_field[]){
			TB_F_NAME("code", 0, "the till's own code"),
			TB_F_NAME("label", 0, "as it stands on the till's key"),
			TB_F_NAME("ean", 0, "EAN or UPC"),
			TB_F_NAME("category", 0, "the till's category"),
			TB_F_INT("points", 0, 0, INT64_MAX, "points", "what one piece earns"),
			TB_F_INT("points_price", 0, 0, INT64_MAX, "points",
				"for how many it can be had; 0: not at all"),
			{},
		},
};
