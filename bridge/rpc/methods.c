/* SPDX-License-Identifier: MIT */
/*
 * The table of methods, sorted by name and written by hand. A method is here when it works; what a
 * parameter may be in detail stands in shapes-*.c.
 */

#include "bridge/rpc/methods.h"

#include <string.h>
#include "bridge/loyalty.h"
#include "hw/scan.h"

#define USES_MAX 100
#define CODES_MAX 100
#define LINES_MAX 20000
#define TENDERS_MAX 100
#define IMPORT_MAX 1000
#define PAGE_MAX 1000
#define CODE_CHARS TB_CODE_MAX
#define TOKEN_NAME_CHARS 64

#define LOYALTY(name) .op = TB_OP_##name, .handler = tb_loyalty_method
#define OWN(function) .op = TB_OP_COUNT, .handler = (function)
#define PARAMS(...) \
	.params.fields = (const struct tb_field[]) \
	{ \
		__VA_ARGS__, \
		{ \
		} \
	}
#define NO_PARAMS \
	.params.fields = (const struct tb_field[]) \
	{ \
		{ \
		} \
	}

#define KEY_PROSE "chosen by the till; saying it again with it does nothing twice"
#define KEY_ROW \
	{ \
		.name = "key", .type = TB_TYPE_KEY, .flags = TB_REQUIRED, .min = 1, \
		.max = TB_KEY_CHARS, .prose = KEY_PROSE \
	}
#define KEY_OPTIONAL_ROW \
	{ \
		.name = "key", .type = TB_TYPE_KEY, .min = 1, .max = TB_KEY_CHARS, \
		.prose = "the sale and its business day when absent" \
	}
#define OPERATOR_ROW TB_F_STRING("operator", 0, 1, TB_ID_CHARS, "who did it, kept with the entry")
#define LIMIT_ROW TB_F_INT("limit", 0, 1, PAGE_MAX, NULL, "how many on a page, at most")
#define CURSOR_ROW TB_F_STRING("cursor", 0, 1, TB_NAME_CHARS, "of the page before")

const struct tb_method tb_methods[] = {
	{
		.name = "account.adjust",
		.roles = TB_ROLE_MANAGER,
		.flags = TB_METHOD_KEYED | TB_METHOD_CHANGES,
		LOYALTY(ACCOUNT_ADJUST),
		PARAMS(KEY_ROW, OPERATOR_ROW,
			TB_F_ID("customer", TB_REQUIRED, "id of the customer"),
			TB_F_WORD("unit", TB_REQUIRED, "points wallet", "which account"),
			TB_F_INT("delta", TB_REQUIRED, INT64_MIN, INT64_MAX, NULL,
				"points, or minor units"),
			TB_F_STRING(
				"reason", TB_REQUIRED, 1, TB_NAME_CHARS, "kept with the entry")),
		.prose = "corrects an account by hand",
		.answers = "{balances}",
	},
	{
		.name = "article.import",
		.roles = TB_ROLE_MANAGER,
		.flags = TB_METHOD_KEYED | TB_METHOD_CHANGES,
		LOYALTY(ARTICLE_IMPORT),
		PARAMS(KEY_ROW, OPERATOR_ROW,
			TB_F_OBJECTS("articles", TB_REQUIRED, IMPORT_MAX,
				&tb_shape_imported_article, "what earns, and what can be had")),
		.prose = "articles with their points and prices in points",
		.answers = "{created, updated, errors[]}",
	},
	{
		.name = "article.list",
		.roles = TB_ROLE_TILL,
		LOYALTY(ARTICLE_LIST),
		PARAMS(TB_F_ID("category", 0, "only these"), LIMIT_ROW, CURSOR_ROW),
		.prose = "what earns points and what it costs in points",
		.answers = "{articles[], cursor?}",
	},
	{
		.name = "bridge.methods",
		.roles = TB_ROLE_MONITOR,
		OWN(tb_method_bridge_methods),
		PARAMS(TB_F_ID("method", 0, "only this one")),
		.prose = "this table",
		.answers = "{methods[], shapes{}}",
	},
	{
		.name = "bridge.status",
		.roles = TB_ROLE_MONITOR,
		OWN(tb_method_bridge_status),
		NO_PARAMS,
		.prose = "link, outbox, devices, versions",
		.answers = "{product, version, api, site, till, currency, connector, link{state, "
			   "since, skew_ms}, outbox{depth, oldest_s}, devices[]}",
	},
	{
		.name = "card.attach",
		.roles = TB_ROLE_TILL,
		.flags = TB_METHOD_KEYED | TB_METHOD_CHANGES,
		LOYALTY(CARD_ATTACH),
		PARAMS(KEY_ROW, OPERATOR_ROW,
			TB_F_ID("customer", TB_REQUIRED, "id of the customer"),
			TB_F_CODE("card", TB_REQUIRED, TB_ID_CHARS, "number of the card"),
			TB_F_STRING("symbology", 0, 1, 32, "of its barcode")),
		.prose = "gives a card to a customer",
		.answers = "{customer, warnings[]?}",
	},
	{
		.name = "card.detach",
		.roles = TB_ROLE_TILL,
		.flags = TB_METHOD_KEYED | TB_METHOD_CHANGES,
		LOYALTY(CARD_DETACH),
		PARAMS(KEY_ROW, OPERATOR_ROW,
			TB_F_ID("customer", TB_REQUIRED, "id of the customer"),
			TB_F_CODE("card", TB_REQUIRED, TB_ID_CHARS, "number of the card"),
			TB_F_WORD("state", 0, "active lost blocked",
				"what the card is from now on; active when absent")),
		.prose = "takes a card from a customer",
		.answers = "{customer}",
	},
	{
		.name = "coupon.check",
		.roles = TB_ROLE_TILL,
		LOYALTY(COUPON_CHECK),
		PARAMS(TB_F_ID("code", TB_REQUIRED, "as it is read")),
		.prose = "what a coupon is good for",
		.answers = "{code, reward, title, uses_left, valid_to, customer?, printed_at?}",
	},
	{
		.name = "coupon.issue",
		.roles = TB_ROLE_TILL,
		.flags = TB_METHOD_KEYED | TB_METHOD_CHANGES,
		LOYALTY(COUPON_ISSUE),
		PARAMS(KEY_ROW, OPERATOR_ROW, TB_F_ID("rule", TB_REQUIRED, "id of a coupon rule"),
			TB_F_ID("customer", 0, "id of the customer"),
			TB_F_WHEN("valid_to", 0, "by the rule when absent")),
		.prose = "makes a coupon by hand",
		.answers = "{code, title, valid_to}",
	},
	{
		.name = "customer.compare",
		.roles = TB_ROLE_TILL,
		LOYALTY(CUSTOMER_COMPARE),
		PARAMS(TB_F_ID("id", TB_REQUIRED, "of the customer"),
			TB_F_OBJECT("record", TB_REQUIRED, &tb_shape_record, "as the till has it")),
		.prose = "differences between the till's record and ours",
		.answers = "{differences[{field, till?, ours?}]}",
	},
	{
		.name = "customer.create",
		.roles = TB_ROLE_TILL,
		.flags = TB_METHOD_KEYED | TB_METHOD_CHANGES,
		LOYALTY(CUSTOMER_CREATE),
		.params.at_most_one_of = "card draw_card",
		PARAMS(KEY_ROW, OPERATOR_ROW,
			TB_F_OBJECT("record", TB_REQUIRED, &tb_shape_record, "the new customer"),
			TB_F_CODE("card", 0, TB_ID_CHARS, "an unassigned card"),
			TB_F_TRUE("draw_card", 0, "a card number is drawn"),
			TB_F_ID("sponsor", 0, "id of who brought him"),
			TB_F_ID("id", TB_BRIDGES, "drawn by a bridge that delivers later; kept"),
			TB_F_ID("token", TB_BRIDGES, "likewise")),
		.prose = "a new customer",
		.answers = "{customer, balances}",
	},
	{
		.name = "customer.delete",
		.roles = TB_ROLE_MANAGER,
		.flags = TB_METHOD_KEYED | TB_METHOD_CHANGES,
		LOYALTY(CUSTOMER_DELETE),
		PARAMS(KEY_ROW, OPERATOR_ROW, TB_F_ID("id", TB_REQUIRED, "of the customer")),
		.prose = "forgets a person; the ledger stays, anonymous",
		.answers = "{}",
	},
	{
		.name = "customer.export",
		.roles = TB_ROLE_MANAGER,
		LOYALTY(CUSTOMER_EXPORT),
		PARAMS(TB_F_ID("id", TB_REQUIRED, "of the customer"), LIMIT_ROW, CURSOR_ROW),
		.prose = "all that is kept of one person",
		.answers = "{customer, balances, progress[], coupons[], gift_cards[], entries[], "
			   "passages[], reservations[], cursor?}",
	},
	{
		.name = "customer.history",
		.roles = TB_ROLE_TILL,
		LOYALTY(CUSTOMER_HISTORY),
		PARAMS(TB_F_ID("id", TB_REQUIRED, "of the customer"), LIMIT_ROW, CURSOR_ROW),
		.prose = "passages, rewards, points and wallet, newest first",
		.answers = "{entries[], cursor?}",
	},
	{
		.name = "customer.import",
		.roles = TB_ROLE_TILL,
		.flags = TB_METHOD_KEYED | TB_METHOD_CHANGES,
		LOYALTY(CUSTOMER_IMPORT),
		PARAMS(KEY_ROW, OPERATOR_ROW,
			TB_F_OBJECTS("records", TB_REQUIRED | TB_ALONE, IMPORT_MAX,
				&tb_shape_record, "a till's own customers")),
		.prose = "many customers at once",
		.answers = "{created, updated, errors[{index, pointer, code}]}",
	},
	{
		.name = "customer.lookup",
		.roles = TB_ROLE_TILL,
		LOYALTY(CUSTOMER_LOOKUP),
		.params.one_of = "code card phone email id",
		PARAMS(TB_F_CODE("code", 0, CODE_CHARS, "what was scanned"),
			TB_F_CODE("card", 0, TB_ID_CHARS, "number of the card"),
			TB_F_STRING("phone", 0, 1, 64, "national or E.164"),
			TB_F_STRING("email", 0, 1, 254, "any case"),
			TB_F_ID("id", 0, "of the customer")),
		.prose = "one customer by exactly one of these",
		.answers = "{customer, balances, progress[], rewards[], coupons[], last_passage?, "
			   "stale?, as_of?}",
	},
	{
		.name = "customer.merge",
		.roles = TB_ROLE_MANAGER,
		.flags = TB_METHOD_KEYED | TB_METHOD_CHANGES,
		LOYALTY(CUSTOMER_MERGE),
		PARAMS(KEY_ROW, OPERATOR_ROW,
			TB_F_ID("from", TB_REQUIRED, "id of the one that goes"),
			TB_F_ID("into", TB_REQUIRED, "id of the one that stays")),
		.prose = "two customers become one",
		.answers = "{customer, balances}",
	},
	{
		.name = "customer.search",
		.roles = TB_ROLE_TILL,
		LOYALTY(CUSTOMER_SEARCH),
		PARAMS(TB_F_STRING("text", TB_REQUIRED, 1, TB_NAME_CHARS,
			       "beginnings of names, towns, postcodes, phones, e-mails and "
			       "their domains, cards; the end of a phone"),
			LIMIT_ROW, CURSOR_ROW),
		.prose = "customers by several fields at once",
		.answers = "{customers[], cursor?}",
	},
	{
		.name = "customer.update",
		.roles = TB_ROLE_TILL,
		.flags = TB_METHOD_KEYED | TB_METHOD_CHANGES,
		LOYALTY(CUSTOMER_UPDATE),
		PARAMS(KEY_ROW, OPERATOR_ROW, TB_F_ID("id", TB_REQUIRED, "of the customer"),
			TB_F_INT("revision", TB_REQUIRED, 0, INT64_MAX, NULL,
				"of the record that was changed"),
			TB_F_OBJECT(
				"record", TB_REQUIRED, &tb_shape_record, "the fields that change")),
		.prose = "changes a record",
		.answers = "{customer, balances}",
	},
	{
		.name = "device.calibrate",
		.roles = TB_ROLE_DEVICE,
		.flags = TB_METHOD_SOCKET,
		OWN(tb_method_device_calibrate),
		PARAMS(TB_F_ID("device", TB_REQUIRED, "name of a scanner that types")),
		.prose = "which layout it types under, as calibrated notifications",
		.answers = "{device, state, reason?, layout, code}",
	},
	{
		.name = "device.calibrate_stop",
		.roles = TB_ROLE_DEVICE,
		.flags = TB_METHOD_SOCKET,
		OWN(tb_method_device_calibrate_stop),
		PARAMS(TB_F_ID("device", TB_REQUIRED, "name of the device")),
		.prose = "its codes are scans again",
		.answers = "{}",
	},
	{
		.name = "device.capture",
		.roles = TB_ROLE_MANAGER,
		.flags = TB_METHOD_SOCKET,
		OWN(tb_method_device_capture),
		PARAMS(TB_F_ID("device", TB_REQUIRED, "name of the device")),
		.prose = "what a device's wire carries, as capture notifications",
		.answers = "{device, driver, model?, settings{}, descriptor?}",
	},
	{
		.name = "device.capture_stop",
		.roles = TB_ROLE_MANAGER,
		.flags = TB_METHOD_SOCKET,
		OWN(tb_method_device_capture_stop),
		PARAMS(TB_F_ID("device", TB_REQUIRED, "name of the device")),
		.prose = "no more of them",
		.answers = "{}",
	},
	{
		.name = "device.claim",
		.roles = TB_ROLE_DEVICE,
		.flags = TB_METHOD_SOCKET,
		OWN(tb_method_device_claim),
		PARAMS(TB_F_ID("device", TB_REQUIRED, "name of the device"),
			TB_F_INT("timeout_ms", 0, 0, 600000, "ms",
				"how long the holder may think, 5000 when absent; 0: not asked")),
		.prose = "events of a device for this connection alone",
		.answers = "{device}",
	},
	{
		.name = "device.list",
		.roles = TB_ROLE_DEVICE,
		OWN(tb_method_device_list),
		NO_PARAMS,
		.prose = "devices, their states and why one is not ready",
		.answers = "{devices[]}",
	},
	{
		.name = "device.release",
		.roles = TB_ROLE_DEVICE,
		.flags = TB_METHOD_SOCKET,
		OWN(tb_method_device_release),
		PARAMS(TB_F_ID("device", TB_REQUIRED, "name of the device")),
		.prose = "gives a claim back, or yields it",
		.answers = "{device}",
	},
	{
		.name = "drawer.open",
		.roles = TB_ROLE_DEVICE,
		.flags = TB_METHOD_KEYED | TB_METHOD_CHANGES,
		OWN(tb_method_drawer_open),
		PARAMS(KEY_ROW, OPERATOR_ROW,
			TB_F_ID("printer", 0,
				"the only one or the one marked default when absent")),
		.prose = "opens the drawer that hangs on a printer",
		.answers = "{job}",
	},
	{
		.name = "events.subscribe",
		.roles = TB_ROLE_MONITOR,
		.flags = TB_METHOD_SOCKET,
		OWN(tb_method_events_subscribe),
		PARAMS(TB_F_WORDS("kinds", TB_REQUIRED, 64,
			       "scan card customer device printer job outbox link",
			       "what is told; adds to what was asked for before"),
			TB_F_INT("since", 0, 0, INT64_MAX, "seq",
				"the last event that was seen: the later ones are told first")),
		.prose = "events on this connection from now on",
		.answers = "{seq, missed?}",
	},
	{
		.name = "events.unsubscribe",
		.roles = TB_ROLE_MONITOR,
		.flags = TB_METHOD_SOCKET,
		OWN(tb_method_events_unsubscribe),
		PARAMS(TB_F_WORDS("kinds", 0, 64,
			"scan card customer device printer job outbox link", "all when absent")),
		.prose = "no more of these events",
		.answers = "{seq}",
	},
	{
		.name = "gift_card.create",
		.roles = TB_ROLE_TILL,
		.flags = TB_METHOD_KEYED | TB_METHOD_CHANGES,
		LOYALTY(GIFT_CARD_CREATE),
		PARAMS(KEY_ROW, OPERATOR_ROW,
			TB_F_INT("amount", TB_REQUIRED, 1, INT64_MAX, "minor units",
				"what is on it"),
			TB_F_CODE(
				"number", 0, TB_ID_CHARS, "of a physical card; drawn when absent"),
			TB_F_WHEN("expires_at", 0, "no end when absent"),
			TB_F_NAME("buyer", 0, "who pays"),
			TB_F_NAME("beneficiary", 0, "who gets it"),
			TB_F_STRING("message", 0, 0, 1000, "from one to the other")),
		.prose = "a new gift card",
		.answers = "{number, balance, available, expires_at?, state}",
	},
	{
		.name = "gift_card.reload",
		.roles = TB_ROLE_TILL,
		.flags = TB_METHOD_KEYED | TB_METHOD_CHANGES,
		LOYALTY(GIFT_CARD_RELOAD),
		PARAMS(KEY_ROW, OPERATOR_ROW, TB_F_ID("number", TB_REQUIRED, "of the card"),
			TB_F_INT("amount", TB_REQUIRED, 1, INT64_MAX, "minor units",
				"what is put on it")),
		.prose = "puts money on a gift card",
		.answers = "{number, balance, available, expires_at?, state}",
	},
	{
		.name = "gift_card.show",
		.roles = TB_ROLE_TILL,
		LOYALTY(GIFT_CARD_SHOW),
		PARAMS(TB_F_ID("number", TB_REQUIRED, "of the card")),
		.prose = "what is on a gift card",
		.answers = "{number, balance, available, expires_at?, state}",
	},
	{
		.name = "ledger.verify",
		.roles = TB_ROLE_MANAGER,
		LOYALTY(LEDGER_VERIFY),
		PARAMS(CURSOR_ROW),
		.prose = "proves every balance from its entries, a part of the accounts at a time",
		.answers = "{accounts, entries, ok, differences[], cursor?}",
	},
	{
		.name = "outbox.list",
		.roles = TB_ROLE_MANAGER,
		OWN(tb_method_outbox_list),
		PARAMS(TB_F_WORD("state", 0, "queued sending confirmed refused unknown",
			       "only these; all that are not through when absent"),
			LIMIT_ROW, CURSOR_ROW),
		.prose = "effects that wait for the server, since when, and why",
		.answers = "{items[{id, method, sale?, since, tries, state, last_error?}], "
			   "cursor?}",
	},
	{
		.name = "outbox.retry",
		.roles = TB_ROLE_MANAGER,
		.flags = TB_METHOD_CHANGES,
		OWN(tb_method_outbox_retry),
		PARAMS(TB_F_ID("id", 0, "this one, also when it was refused; all when absent")),
		.prose = "what waits is sent at once",
		.answers = "{depth}",
	},
	{
		.name = "outbox.settle",
		.roles = TB_ROLE_MANAGER,
		.flags = TB_METHOD_KEYED | TB_METHOD_CHANGES,
		OWN(tb_method_outbox_settle),
		PARAMS(KEY_ROW, OPERATOR_ROW, TB_F_ID("id", TB_REQUIRED, "of the item"),
			TB_F_STRING("reason", TB_REQUIRED, 1, TB_NAME_CHARS,
				"why it is not delivered, kept with it")),
		.prose = "what the server refused, or may have, is settled by hand",
		.answers = "{id, method, state, reason}",
	},
	{
		.name = "passage.amend",
		.roles = TB_ROLE_TILL,
		.flags = TB_METHOD_KEYED | TB_METHOD_CHANGES,
		LOYALTY(PASSAGE_AMEND),
		PARAMS(KEY_ROW, OPERATOR_ROW,
			TB_F_ID("sale", TB_REQUIRED, "the till's own number of the sale"),
			TB_F_DATE("business_day", 0, "the shop's date of the sale when absent"),
			TB_F_INT("total", TB_REQUIRED, INT64_MIN, INT64_MAX, "minor units",
				"of the ticket"),
			TB_F_OBJECTS("lines", 0, LINES_MAX, &tb_shape_line, "of the ticket")),
		.prose = "the amount of a passage posted without one, once",
		.answers = "{passage, state, earned, balances, warnings[]}",
	},
	{
		.name = "passage.list",
		.roles = TB_ROLE_TILL,
		LOYALTY(PASSAGE_LIST),
		PARAMS(TB_F_WHEN("from", TB_REQUIRED, "from then on"),
			TB_F_WHEN("to", TB_REQUIRED, "until then"),
			TB_F_ID("till", 0, "only of this till"), LIMIT_ROW, CURSOR_ROW),
		.prose = "the shop's transactions, latest first",
		.answers = "{passages[], cursor?}",
	},
	{
		.name = "passage.post",
		.roles = TB_ROLE_TILL,
		.flags = TB_METHOD_KEYED | TB_METHOD_CHANGES | TB_METHOD_TOLERANT,
		LOYALTY(PASSAGE_POST),
		PARAMS(KEY_OPTIONAL_ROW, OPERATOR_ROW,
			TB_F_ID("sale", TB_REQUIRED, "the till's own number of the sale"),
			TB_F_DATE("business_day", 0, "the shop's date of the sale when absent"),
			TB_F_TIME("occurred_at", TB_REQUIRED, "when it was paid"),
			TB_F_ID("mode", 0, "kind of sale, which offers look at"),
			TB_F_ID("customer", 0, "id of the customer"),
			TB_F_OBJECTS("lines", 0, LINES_MAX, &tb_shape_line,
				"of the ticket, as it was reserved; absent: a passage by hand"),
			TB_F_INT("total", 0, INT64_MIN, INT64_MAX, "minor units",
				"of the ticket; absent: amended later"),
			TB_F_OBJECTS("tenders", 0, TENDERS_MAX, &tb_shape_tender,
				"what was paid otherwise"),
			TB_F_ID("reservation", 0, "which this commits"),
			TB_F_ID("passage", TB_BRIDGES,
				"drawn by a bridge that delivers later; kept when it is free"),
			TB_F_OBJECTS("uses", TB_BRIDGES, USES_MAX, &tb_shape_use,
				"what was given offline, where the reservation is not known: "
				"charged in full, amount being what was given of wallet or card")),
		.prose = "posts a paid sale and commits its reservation",
		.answers = "{passage, state, earned{points, wallet}, reasons[], balances, "
			   "progress[], coupons[], warnings[]}",
	},
	{
		.name = "passage.reverse",
		.roles = TB_ROLE_TILL,
		.flags = TB_METHOD_KEYED | TB_METHOD_CHANGES,
		LOYALTY(PASSAGE_REVERSE),
		PARAMS(KEY_ROW, OPERATOR_ROW,
			TB_F_ID("sale", TB_REQUIRED, "the till's own number of the sale"),
			TB_F_DATE("business_day", 0, "the shop's date of the sale when absent"),
			TB_F_WORD("kind", TB_REQUIRED, "void return",
				"all of it, or goods that come back"),
			TB_F_OBJECTS("lines", 0, LINES_MAX, &tb_shape_returned_line,
				"what comes back now")),
		.prose = "a sale is undone, or goods come back",
		.answers = "{passage, state, balances, warnings[]}",
	},
	{
		.name = "passage.show",
		.roles = TB_ROLE_TILL,
		LOYALTY(PASSAGE_SHOW),
		PARAMS(TB_F_ID("sale", TB_REQUIRED, "the till's own number of the sale"),
			TB_F_DATE("business_day", 0, "the shop's date of the sale when absent")),
		.prose = "one passage",
		.answers = "{passage, sale, business_day, occurred_at, state, customer?, earned, "
			   "reasons[], total, lines[]}",
	},
	{
		.name = "print.cancel",
		.roles = TB_ROLE_DEVICE,
		.flags = TB_METHOD_CHANGES,
		OWN(tb_method_print_cancel),
		PARAMS(TB_F_ID("id", TB_REQUIRED, "of the job")),
		.prose = "stops a job",
		.answers = "{id, state, reason?}",
	},
	{
		.name = "print.coupon",
		.roles = TB_ROLE_DEVICE,
		.flags = TB_METHOD_KEYED | TB_METHOD_CHANGES,
		OWN(tb_method_print_coupon),
		PARAMS(KEY_ROW, OPERATOR_ROW, TB_F_ID("code", TB_REQUIRED, "of the coupon"),
			TB_F_ID("printer", 0,
				"the only one or the one marked default when absent")),
		.prose = "prints a coupon, again as REPRINT",
		.answers = "{job}",
	},
	{
		.name = "print.document",
		.roles = TB_ROLE_DEVICE,
		.flags = TB_METHOD_KEYED | TB_METHOD_CHANGES,
		OWN(tb_method_print_document),
		PARAMS(KEY_ROW, OPERATOR_ROW,
			TB_F_OBJECT("document", TB_REQUIRED, &tb_shape_document, "what to print"),
			TB_F_ID("printer", 0,
				"the only one or the one marked default when absent")),
		.prose = "prints a document",
		.answers = "{job, substitutions[]?}",
	},
	{
		.name = "print.job",
		.roles = TB_ROLE_DEVICE,
		OWN(tb_method_print_job),
		PARAMS(TB_F_ID("id", TB_REQUIRED, "of the job")),
		.prose = "how far a job is",
		.answers = "{id, state, reason?}",
	},
	{
		.name = "print.list",
		.roles = TB_ROLE_DEVICE,
		OWN(tb_method_print_list),
		PARAMS(LIMIT_ROW, CURSOR_ROW),
		.prose = "jobs that have not ended, in their order",
		.answers = "{jobs[{id, device, kind, state, reason?}], cursor?}",
	},
	{
		.name = "print.raw",
		.roles = TB_ROLE_DEVICE,
		.flags = TB_METHOD_KEYED | TB_METHOD_CHANGES,
		OWN(tb_method_print_raw),
		PARAMS(KEY_ROW, OPERATOR_ROW,
			TB_F_STRING("data", TB_REQUIRED, 1, INT32_MAX,
				"base64 of the printer's own bytes"),
			TB_F_ID("printer", 0,
				"the only one or the one marked default when absent")),
		.prose = "prints bytes as they are",
		.answers = "{job}",
	},
	{
		.name = "program.replace",
		.roles = TB_ROLE_MANAGER,
		.flags = TB_METHOD_KEYED | TB_METHOD_CHANGES,
		LOYALTY(PROGRAM_REPLACE),
		PARAMS(KEY_ROW, OPERATOR_ROW,
			TB_F_OBJECT(
				"program", TB_REQUIRED, &tb_shape_program, "the new one, whole")),
		.prose = "a new version of the program",
		.answers = "{version}",
	},
	{
		.name = "program.show",
		.roles = TB_ROLE_MANAGER,
		LOYALTY(PROGRAM_SHOW),
		NO_PARAMS,
		.prose = "the program in force",
		.answers = "{program, version}",
	},
	{
		.name = "report.export",
		.roles = TB_ROLE_MANAGER,
		LOYALTY(REPORT_EXPORT),
		PARAMS(TB_F_ID("what", TB_REQUIRED, "which list"),
			TB_F_WORD("format", 0, "csv", "csv when absent"),
			TB_F_WHEN("from", 0, "from then on"), TB_F_WHEN("to", 0, "until then"),
			LIMIT_ROW, CURSOR_ROW),
		.prose = "lists for a spreadsheet or a mailer",
		.answers = "{csv, cursor?}",
	},
	{
		.name = "report.summary",
		.roles = TB_ROLE_MANAGER,
		LOYALTY(REPORT_SUMMARY),
		PARAMS(TB_F_WHEN("from", TB_REQUIRED, "from then on"),
			TB_F_WHEN("to", TB_REQUIRED, "until then"),
			TB_F_STRINGS("sites", 0, 1000, TB_ID_CHARS, "all when absent")),
		.prose = "figures of a period",
		.answers = "{passages, new_customers, known_customers, turnover, average_basket, "
			   "loyalty_cost, by_day[], by_hour[], top_rewards[]}",
	},
	{
		.name = "reward.deduct",
		.roles = TB_ROLE_TILL,
		.flags = TB_METHOD_KEYED | TB_METHOD_CHANGES,
		LOYALTY(REWARD_DEDUCT),
		PARAMS(KEY_ROW, OPERATOR_ROW,
			TB_F_ID("sale", TB_REQUIRED, "the till's own number of the sale"),
			TB_F_ID("customer", 0, "absent when every use is bound to nobody"),
			TB_F_OBJECT("basket", TB_REQUIRED, &tb_shape_basket, "the ticket"),
			TB_F_OBJECTS("uses", TB_REQUIRED, USES_MAX, &tb_shape_use, "what is used"),
			TB_F_TIME("occurred_at", 0, "now when absent"),
			TB_F_ID("mode", 0, "kind of sale, which offers look at")),
		.prose = "reserves and commits in one",
		.answers =
			"{reservation, adjustments[], total_before, total_after, to_pay, balances}",
	},
	{
		.name = "reward.quote",
		.roles = TB_ROLE_TILL,
		LOYALTY(REWARD_QUOTE),
		PARAMS(TB_F_ID("sale", TB_REQUIRED, "the till's own number of the sale"),
			TB_F_ID("customer", 0, "id of the customer"),
			TB_F_OBJECT("basket", TB_REQUIRED, &tb_shape_basket, "the ticket"),
			TB_F_STRINGS("codes", 0, CODES_MAX, TB_ID_CHARS, "coupons to reckon with"),
			TB_F_TIME("occurred_at", 0, "now when absent"),
			TB_F_ID("mode", 0, "kind of sale, which offers look at")),
		.prose = "what could be used, and what would be earned",
		.answers = "{rewards[], coupons[], would_earn{points, wallet, reasons[]}, "
			   "total_after}",
	},
	{
		.name = "reward.release",
		.roles = TB_ROLE_TILL,
		.flags = TB_METHOD_CHANGES,
		LOYALTY(REWARD_RELEASE),
		PARAMS(TB_F_ID("reservation", TB_REQUIRED, "which is given back")),
		.prose = "gives a reservation back, also when it is gone already",
		.answers = "{}",
	},
	{
		.name = "reward.reserve",
		.roles = TB_ROLE_TILL,
		.flags = TB_METHOD_KEYED | TB_METHOD_CHANGES,
		LOYALTY(REWARD_RESERVE),
		PARAMS(KEY_ROW, OPERATOR_ROW,
			TB_F_ID("sale", TB_REQUIRED, "the till's own number of the sale"),
			TB_F_ID("customer", 0, "absent when every use is bound to nobody"),
			TB_F_OBJECT("basket", TB_REQUIRED, &tb_shape_basket, "the ticket"),
			TB_F_OBJECTS("uses", TB_REQUIRED, USES_MAX, &tb_shape_use, "what is used"),
			TB_F_TIME("occurred_at", 0, "now when absent"),
			TB_F_ID("mode", 0, "kind of sale, which offers look at")),
		.prose = "holds rewards for a sale, all or nothing",
		.answers = "{reservation, expires_at, adjustments[], total_before, total_after, "
			   "to_pay, balances}",
	},
	{
		.name = "scan.classify",
		.roles = TB_ROLE_DEVICE,
		OWN(tb_method_scan_classify),
		PARAMS(TB_F_CODE("code", TB_REQUIRED, CODE_CHARS, "as it was read"),
			TB_F_STRING("symbology", 0, 1, 32, "when it is known")),
		.prose = "what a code would be taken for, without its being read",
		.answers = "{kind, reason?}",
	},
	{
		.name = "scan.submit",
		.roles = TB_ROLE_DEVICE,
		.flags = TB_METHOD_CHANGES,
		OWN(tb_method_scan_submit),
		PARAMS(TB_F_CODE("code", TB_REQUIRED, CODE_CHARS, "as it was read"),
			TB_F_STRING("symbology", 0, 1, 32, "when it is known")),
		.prose = "a code keyed by hand or read by the till itself",
		.answers = "{seq}",
	},
	{
		.name = "token.create",
		.roles = TB_ROLE_MANAGER,
		.flags = TB_METHOD_CHANGES,
		OWN(tb_method_token_create),
		PARAMS(TB_F_STRING("till", TB_REQUIRED, 1, TOKEN_NAME_CHARS, "the till it is for"),
			TB_F_STRING("site", 0, 1, TOKEN_NAME_CHARS, "ours when absent"),
			{.name = "roles",
				.type = TB_TYPE_WORD,
				.flags = TB_LIST,
				.items = 4,
				.words = "monitor till device manager",
				.prose = "what it may do; till when absent"}),
		.prose = "draws a token for a till of another machine; it is told this once",
		.answers = "{site, till, token}",
	},
	{
		.name = "token.list",
		.roles = TB_ROLE_MANAGER,
		OWN(tb_method_token_list),
		NO_PARAMS,
		.prose = "which tokens count, without their text",
		.answers = "{tokens[{id, site, till, roles[], created_at}]}",
	},
	{
		.name = "token.revoke",
		.roles = TB_ROLE_MANAGER,
		.flags = TB_METHOD_CHANGES,
		OWN(tb_method_token_revoke),
		PARAMS(TB_F_INT("id", TB_REQUIRED, 1, INT64_MAX, NULL, "as token.list shows it")),
		.prose = "a token counts no more, from now on",
		.answers = "{}",
	},
};

const size_t tb_n_methods = ARRAY_SIZE(tb_methods);

const struct tb_method *
tb_method_find(const char *name)
{
	size_t lo = 0, hi = ARRAY_SIZE(tb_methods);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int order = strcmp(name, tb_methods[mid].name);

		if (order == 0)
			return &tb_methods[mid];
		if (order < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

const char *
tb_role_word(enum tb_role role)
{
	switch (role) {
	case TB_ROLE_MONITOR:
		return "monitor";
	case TB_ROLE_TILL:
		return "till";
	case TB_ROLE_DEVICE:
		return "device";
	case TB_ROLE_MANAGER:
		return "manager";
	}
	return NULL;
}
