/* SPDX-License-Identifier: MIT */
/*
 * The steps. Times are microseconds since 1970 UTC, days are days since 1970, amounts minor units.
 * Columns that a look-up needs stand before the texts, so that reading them stays on one page.
 */

#include "plugins/loyalty/ledger/schema.h"

#include "base/macros.h"

static const char step_1[] =
	/* One row a person or firm: what a look-up shows is ready in it. */
	"CREATE TABLE customers("
	" id INTEGER PRIMARY KEY,"
	" state TEXT NOT NULL," /* live merged deleted */
	" merged_into INTEGER," /* where the entries went */
	" revision INTEGER NOT NULL,"
	" points INTEGER NOT NULL DEFAULT 0,"
	" points_held INTEGER NOT NULL DEFAULT 0,"
	" wallet INTEGER NOT NULL DEFAULT 0,"
	" wallet_held INTEGER NOT NULL DEFAULT 0,"
	" passages INTEGER NOT NULL DEFAULT 0," /* un-voided */
	" counted INTEGER NOT NULL DEFAULT 0,"  /* of these, counted by R7 and R8 */
	" flags INTEGER NOT NULL DEFAULT 0,"    /* which other tables have rows to look at */
	" due_at INTEGER NOT NULL," /* when something must be written before it is shown */
	" program INTEGER NOT NULL DEFAULT 0," /* the version due_at was reckoned under */
	" kind TEXT,"                          /* person pro, NULL when not known */
	" contact INTEGER NOT NULL DEFAULT 0," /* a phone or an e-mail is known */
	" birthday INTEGER,"
	" sponsor INTEGER,"
	" last_at INTEGER," /* of the latest un-voided passage */
	" created_at INTEGER NOT NULL,"
	" groups TEXT,"                  /* JSON, NULL when there are none */
	" words TEXT,"                   /* all he is found by, folded, in two lines */
	" last_passage TEXT,"            /* JSON */
	" record TEXT NOT NULL) STRICT;" /* JSON, as api's customer */

	"CREATE INDEX customers_due ON customers(due_at) WHERE due_at < 9223372036854775807;"
	"CREATE INDEX customers_merged ON customers(merged_into) WHERE merged_into IS NOT NULL;"

	"CREATE TABLE cards("
	" number TEXT PRIMARY KEY,"
	/* No foreign key: a new customer's cards are given before his row is written, once. */
	" customer INTEGER,"
	" state TEXT NOT NULL," /* active blocked lost */
	" symbology TEXT,"
	" at INTEGER NOT NULL) STRICT, WITHOUT ROWID;"

	/* What else a customer is known by: token, phone, email, ref. */
	"CREATE TABLE handles("
	" kind TEXT NOT NULL,"
	" value TEXT NOT NULL,"
	" customer INTEGER NOT NULL,"
	" PRIMARY KEY(value, kind, customer)) STRICT, WITHOUT ROWID;"

	/* The account: never updated, never deleted. */
	"CREATE TABLE entries("
	" seq INTEGER PRIMARY KEY,"
	" customer INTEGER NOT NULL,"
	" unit TEXT NOT NULL," /* points wallet */
	" kind TEXT NOT NULL," /* earn bonus hold release redeem reverse expire adjust transfer */
	" delta INTEGER NOT NULL,"
	" lot INTEGER,"
	" passage INTEGER,"
	" reservation INTEGER,"
	" sale TEXT,"
	" reward TEXT,"
	" effect TEXT NOT NULL UNIQUE," /* what it is the effect of: no effect stands twice */
	" at INTEGER NOT NULL,"
	" received_at INTEGER NOT NULL,"
	" by TEXT,"
	" reason TEXT) STRICT;"
	"CREATE INDEX entries_customer ON entries(customer, seq);"
	"CREATE TRIGGER entries_stay BEFORE UPDATE ON entries"
	" BEGIN SELECT RAISE(ABORT, 'entries are immutable'); END;"
	"CREATE TRIGGER entries_remain BEFORE DELETE ON entries"
	" BEGIN SELECT RAISE(ABORT, 'entries are immutable'); END;"

	/* Points that end; those that never do are what is left of the balance. */
	"CREATE TABLE lots("
	" id INTEGER PRIMARY KEY,"
	" customer INTEGER NOT NULL REFERENCES customers,"
	" earned INTEGER NOT NULL,"
	" remaining INTEGER NOT NULL,"
	" held INTEGER NOT NULL DEFAULT 0," /* part of what remains */
	" expired INTEGER NOT NULL DEFAULT 0,"
	" expires_at INTEGER NOT NULL,"
	" passage INTEGER) STRICT;"
	"CREATE INDEX lots_open ON lots(customer, expires_at) WHERE remaining > 0;"
	"CREATE INDEX lots_passage ON lots(passage);"

	"CREATE TABLE passages("
	" id INTEGER PRIMARY KEY,"
	" site TEXT NOT NULL,"
	" till TEXT NOT NULL,"
	" sale TEXT NOT NULL,"
	" business_day INTEGER NOT NULL,"
	" customer INTEGER,"
	" occurred_at INTEGER NOT NULL,"
	" received_at INTEGER NOT NULL,"
	" state TEXT NOT NULL," /* posted reversed */
	" counted INTEGER NOT NULL,"
	" total INTEGER,"             /* NULL: to be amended */
	" turnover INTEGER NOT NULL," /* after steps 2-6 */
	" program INTEGER NOT NULL,"  /* the version that judged it */
	" earned_points INTEGER NOT NULL,"
	" earned_wallet INTEGER NOT NULL,"
	" back_points INTEGER NOT NULL DEFAULT 0," /* taken back by returns */
	" back_wallet INTEGER NOT NULL DEFAULT 0,"
	" mode TEXT,"
	" by TEXT,"
	" hash BLOB NOT NULL," /* of the body it came with */
	" answer TEXT,"        /* the answer given, to be given again */
	" coupons INTEGER NOT NULL DEFAULT 0,"
	" body TEXT NOT NULL) STRICT;" /* JSON: lines, tenders, reasons, adjustments */
	"CREATE UNIQUE INDEX passages_sale ON passages(sale, business_day, till, site);"
	"CREATE INDEX passages_customer ON passages(customer, occurred_at)"
	" WHERE customer IS NOT NULL;"
	"CREATE INDEX passages_time ON passages(occurred_at);"

	/* Voids and returns, with the answer given. */
	"CREATE TABLE reversals("
	" id INTEGER PRIMARY KEY,"
	" passage INTEGER NOT NULL REFERENCES passages,"
	" kind TEXT NOT NULL," /* void return */
	" at INTEGER NOT NULL,"
	" by TEXT,"
	" points INTEGER NOT NULL,"
	" wallet INTEGER NOT NULL,"
	" lines TEXT NOT NULL," /* JSON: [{no, quantity}] */
	" answer TEXT NOT NULL) STRICT;"
	"CREATE INDEX reversals_passage ON reversals(passage);"

	"CREATE TABLE reservations("
	" id INTEGER PRIMARY KEY,"
	" site TEXT NOT NULL,"
	" till TEXT NOT NULL,"
	" sale TEXT NOT NULL,"
	" customer INTEGER REFERENCES customers,"
	" state TEXT NOT NULL," /* held committed released expired */
	" expires_at INTEGER NOT NULL,"
	" program INTEGER NOT NULL,"
	" passage INTEGER,"
	" at INTEGER NOT NULL,"
	" basket BLOB NOT NULL,"       /* what the passage must repeat, hashed */
	" body TEXT NOT NULL) STRICT;" /* JSON: adjustments and sums */
	"CREATE INDEX reservations_sale ON reservations(sale, till, site) WHERE state = 'held';"
	"CREATE INDEX reservations_customer ON reservations(customer) WHERE state = 'held';"
	"CREATE INDEX reservations_expiry ON reservations(expires_at) WHERE state = 'held';"

	/* One row for each thing that a reservation uses. */
	"CREATE TABLE uses("
	" id INTEGER PRIMARY KEY,"
	" reservation INTEGER NOT NULL REFERENCES reservations,"
	" passage INTEGER,"
	" customer INTEGER,"
	" position INTEGER NOT NULL," /* in the call's uses: adjustments speak of it */
	" state TEXT NOT NULL,"       /* held committed released returned */
	" kind TEXT NOT NULL,"        /* reward coupon gift_card wallet */
	" reward TEXT,"
	" coupon INTEGER,"
	" gift_card INTEGER,"
	" line INTEGER,"
	" amount INTEGER NOT NULL," /* what it takes off or pays */
	" points INTEGER NOT NULL," /* what it costs in points */
	" every_n INTEGER NOT NULL,"
	" welcome INTEGER NOT NULL,"
	" cost INTEGER NOT NULL," /* what it costs the shop */
	" at INTEGER NOT NULL) STRICT;"
	"CREATE INDEX uses_reservation ON uses(reservation);"
	"CREATE INDEX uses_passage ON uses(passage) WHERE passage IS NOT NULL;"
	"CREATE INDEX uses_time ON uses(at) WHERE state = 'committed';"

	/* Which lots a use's points lie in. */
	"CREATE TABLE draws("
	" use INTEGER NOT NULL REFERENCES uses,"
	" lot INTEGER NOT NULL REFERENCES lots,"
	" amount INTEGER NOT NULL,"
	" PRIMARY KEY(use, lot)) STRICT, WITHOUT ROWID;"

	/* What a customer has had of what is counted: every-N and welcome rewards, coupons by N. */
	"CREATE TABLE reward_counts("
	" customer INTEGER NOT NULL REFERENCES customers,"
	" reward TEXT NOT NULL,"
	" taken INTEGER NOT NULL DEFAULT 0," /* passages that were taken off */
	" held INTEGER NOT NULL DEFAULT 0,"
	" welcome INTEGER NOT NULL DEFAULT 0,"
	" PRIMARY KEY(customer, reward)) STRICT, WITHOUT ROWID;"

	"CREATE TABLE coupons("
	" id INTEGER PRIMARY KEY,"
	" code TEXT NOT NULL UNIQUE,"
	" rule TEXT,"
	" reward TEXT NOT NULL,"
	" title TEXT NOT NULL,"
	" customer INTEGER REFERENCES customers,"
	" state TEXT NOT NULL," /* live used revoked */
	" uses_left INTEGER NOT NULL,"
	" held_by INTEGER,"  /* a reservation */
	" valid_to INTEGER," /* NULL: no end */
	" issued_at INTEGER NOT NULL,"
	" passage INTEGER,"
	" printed_at INTEGER) STRICT;"
	"CREATE INDEX coupons_customer ON coupons(customer) WHERE customer IS NOT NULL;"
	"CREATE INDEX coupons_passage ON coupons(passage) WHERE passage IS NOT NULL;"

	"CREATE TABLE gift_cards("
	" id INTEGER PRIMARY KEY,"
	" number TEXT NOT NULL UNIQUE,"
	" state TEXT NOT NULL," /* active blocked */
	" balance INTEGER NOT NULL,"
	" held INTEGER NOT NULL DEFAULT 0,"
	" expires_at INTEGER," /* NULL: never */
	" buyer TEXT,"
	" beneficiary TEXT,"
	" message TEXT,"
	" site TEXT NOT NULL,"
	" till TEXT NOT NULL,"
	" amount INTEGER NOT NULL," /* it was made with */
	" created_at INTEGER NOT NULL) STRICT;"
	"CREATE INDEX gift_cards_time ON gift_cards(created_at);"

	"CREATE TABLE gift_entries("
	" seq INTEGER PRIMARY KEY,"
	" gift_card INTEGER NOT NULL REFERENCES gift_cards,"
	" kind TEXT NOT NULL," /* adjust hold release redeem reverse expire */
	" delta INTEGER NOT NULL,"
	" passage INTEGER,"
	" reservation INTEGER,"
	" effect TEXT NOT NULL UNIQUE,"
	" at INTEGER NOT NULL,"
	" received_at INTEGER NOT NULL,"
	" by TEXT) STRICT;"
	"CREATE INDEX gift_entries_card ON gift_entries(gift_card, seq);"

	"CREATE TABLE articles("
	" code TEXT PRIMARY KEY,"
	" label TEXT NOT NULL,"
	" label_folded TEXT NOT NULL,"
	" ean TEXT,"
	" category TEXT,"
	" points INTEGER NOT NULL,"
	" points_price INTEGER) STRICT, WITHOUT ROWID;"
	"CREATE INDEX articles_label ON articles(label_folded);"
	"CREATE INDEX articles_ean ON articles(ean) WHERE ean IS NOT NULL;"

	"CREATE TABLE programs("
	" version INTEGER PRIMARY KEY,"
	" from_at INTEGER NOT NULL," /* since when it is in force */
	" by TEXT,"
	" program TEXT NOT NULL) STRICT;"

	/* The tills' keys and the answers given; id is the time, so that the oldest go first. */
	"CREATE TABLE keys("
	" id INTEGER PRIMARY KEY,"
	" site TEXT NOT NULL,"
	" till TEXT NOT NULL,"
	" key TEXT NOT NULL,"
	" method TEXT NOT NULL,"
	" customer INTEGER,"
	" coupons INTEGER NOT NULL,"
	" hash BLOB NOT NULL,"
	" answer TEXT) STRICT;" /* NULL: it held what has been deleted since */
	"CREATE UNIQUE INDEX keys_key ON keys(key, till, site);"
	"CREATE INDEX keys_customer ON keys(customer) WHERE customer IS NOT NULL;"

	/* The words that names, towns and e-mails begin with, folded: customer.search. */
	"CREATE TABLE words("
	" word TEXT NOT NULL,"
	" customer INTEGER NOT NULL,"
	" PRIMARY KEY(word, customer)) STRICT, WITHOUT ROWID;";

static const char step_2[] =
	/* Who was deleted or merged, for bridges that remember him a while. */
	"CREATE TABLE gone("
	" seq INTEGER PRIMARY KEY,"
	" customer INTEGER NOT NULL,"
	" merged INTEGER NOT NULL," /* 0: deleted */
	" at INTEGER NOT NULL) STRICT;";

const char *const tb_schema_steps[] = {step_1, step_2};
const size_t tb_schema_version = ARRAY_SIZE(tb_schema_steps);
