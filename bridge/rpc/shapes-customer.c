/* SPDX-License-Identifier: MIT */
/* The shape of a customer's record, as a till gives it: no id, no token, no revision. */

#include "bridge/rpc/shape.h"

#define LIST_MAX 50

static const struct tb_shape shape_consent = {
	.name = "consent",
	.fields =
		(const struct tb_field[]){
			TB_F_BOOL("granted", TB_REQUIRED, "whether he may be written to"),
			TB_F_TIME("at", 0, "when he said so"),
			{},
		},
};

static const struct tb_shape shape_consents = {
	.name = "consents",
	.fields =
		(const struct tb_field[]){
			TB_F_OBJECT("sms", 0, &shape_consent, "text messages"),
			TB_F_OBJECT("email", 0, &shape_consent, "e-mail"),
			TB_F_OBJECT("push", 0, &shape_consent, "messages of an app"),
			{},
		},
};

static const struct tb_shape shape_card = {
	.name = "card",
	.fields =
		(const struct tb_field[]){
			TB_F_CODE("number", TB_REQUIRED, TB_ID_CHARS, "what is scanned"),
			TB_F_STRING("symbology", 0, 1, 32, "of its barcode"),
			TB_F_WORD("state", 0, "active blocked lost", "active when absent"),
			{},
		},
};

/* A text that is kept and could be a card's number in the wrong field. */
#define KEPT_TO(n, hi, p) \
	{ \
		.name = (n), .type = TB_TYPE_CODE, .max = (hi), .prose = (p) \
	}
#define KEPT(n, p) KEPT_TO(n, TB_NAME_CHARS, p)

const struct tb_shape tb_shape_record = {
	.name = "record",
	.fields =
		(const struct tb_field[]){
			TB_F_WORD("kind", 0, "person pro", "person when absent"),
			KEPT("first_name", "given name"),
			KEPT("last_name", "family name, or the firm's"),
			TB_F_STRINGS("phones", 0, LIST_MAX, 64, "national or E.164"),
			TB_F_STRINGS("emails", 0, LIST_MAX, 254, "any case"),
			KEPT("title", "form of address"),
			KEPT_TO("gender", 32, "as the till says it"),
			KEPT_TO("language", 35, "BCP 47, as \"fr\""),
			TB_F_DATE("birthday", 0, "year, month and day"),
			KEPT("street", "and number"),
			KEPT_TO("postcode", 32, "of the address"),
			KEPT("city", "of the address"),
			KEPT_TO("country", 64, "of the address"),
			TB_F_BOOL("mail_returned", 0, "letters came back"),
			{.name = "groups",
				.type = TB_TYPE_CODE,
				.flags = TB_LIST,
				.items = LIST_MAX,
				.min = 1,
				.max = TB_ID_CHARS,
				.prose = "customer groups"},
			TB_F_OBJECT("consents", 0, &shape_consents, "what he agreed to"),
			TB_F_OBJECTS("cards", 0, LIST_MAX, &shape_card, "his cards"),
			{.name = "external_refs",
				.type = TB_TYPE_MAP,
				.max = TB_NAME_CHARS,
				.items = LIST_MAX,
				.prose = "what other systems call him"},
			{},
		},
};
