/* SPDX-License-Identifier: MIT */
/*
 * passage.post: a paid sale, which is never refused for what it says (R13). It commits its
 * reservation, earns, counts, issues coupons, and is written with its answer in one row. Said twice
 * it is found by its sale.
 */

#include <string.h>
#include "base/money.h"
#include "plugins/loyalty/ledger/given.h"
#include "plugins/loyalty/shapes/json.h"
#include "plugins/loyalty/ledger/keys.h"
#include "plugins/loyalty/ledger/passages.h"

struct posting {
	struct tb_operation *op;
	const char *sale;
	int64_t id, business_day, occurred_at;
	uint8_t hash[TB_HASH_SIZE];
	struct tb_reckon k;
	struct tb_adjustment_list adjustments;
	json_t *adjustments_json; /* borrowed from the reservation */
	struct tb_reservation reservation;
	int64_t n_uses;
	struct tb_earned earned;
	int64_t turnover;
	struct tb_warnings warnings;
};

static void
posting_done(struct posting *p)
{
	tb_adjustment_list_done(&p->adjustments);
	tb_reservation_done(&p->reservation);
	tb_reckon_done(&p->k);
}

static void
warn(struct posting *p, const char *word)
{
	tb_warn(&p->warnings, word);
}

static struct tb_customer *
customer(struct posting *p)
{
	return p->k.has_customer ? &p->k.customer : NULL;
}

/* ---- said before? (R14) ------------------------------------------------------------------- */

static int
identify(struct posting *p)
{
	struct tb_operation *op = p->op;
	const char *day = tb_param_text(op, "business_day");
	const char *at = tb_param_text(op, "occurred_at");
	struct tb_date date;

	p->sale = tb_param_text(op, "sale");
	p->occurred_at = op->now;
	if (at && tb_time_parse(at, &p->occurred_at, NULL) < 0)
		return tb_refuse_at(op, "/occurred_at", "bad_time");
	p->business_day = tb_shop_day(op->ledger, p->occurred_at);
	if (day) {
		if (tb_date_parse(day, &date) < 0)
			return tb_refuse_at(op, "/business_day", "bad_date");
		p->business_day = tb_date_to_days(date);
	}
	return tb_hash_body(op, p->hash);
}

/* The stored answer when the sale is known. */
static int
find_said(struct posting *p, bool *ret_said)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	struct tb_operation *op = p->op;
	const char *text;
	size_t len;
	int r;

	*ret_said = false;
	r = tb_store_get(op->store, &rows,
		"SELECT hash, answer, coupons FROM passages"
		" WHERE sale = ?1 AND business_day = ?2 AND till = ?3 AND site = ?4",
		V_TEXT(p->sale), V_INT(p->business_day), V_TEXT(op->call->caller.till),
		V_TEXT(op->call->caller.site));
	if (r <= 0)
		return r;
	text = tb_rows_text_n(rows, 0, &len);
	if (len != TB_HASH_SIZE || memcmp(text, p->hash, len) != 0)
		return tb_refuse(op, TB_ERROR_IDEMPOTENCY_CONFLICT);
	text = tb_rows_text_n(rows, 1, &len);
	tb_buf_add(op->out, text, len);
	op->coupons = (unsigned)tb_rows_int(rows, 2);
	*ret_said = true;
	return 0;
}

/* A key of its own that is known came with another sale. */
static int
check_key(struct posting *p)
{
	bool said;
	int r;

	if (!p->op->call->key)
		return 0;
	r = tb_key_find(p->op, p->hash, &said);
	if (r < 0)
		return r;
	return r > 0 || said ? tb_refuse(p->op, TB_ERROR_IDEMPOTENCY_CONFLICT) : 0;
}

/* ---- gathering ---------------------------------------------------------------------------- */

/* Sums that do not add up and numbers that cannot be are recorded as they are. */
static int
read_basket(struct posting *p)
{
	_cleanup_faults_ struct tb_faults faults = {};
	struct tb_operation *op = p->op;
	struct tb_reckon *k = &p->k;
	int r = tb_basket_from_json(op->params, "", false, &k->basket, &faults);

	if (r < 0)
		return r;
	for (size_t i = 0; i < faults.count; i++)
		warn(p, faults.items[i].code);
	if (k->basket.has_lines && !k->basket.has_total)
		warn(p, "total_mismatch");
	return tb_articles_find(op, k->basket.lines, k->basket.basket.n_lines, &k->articles);
}

/* The call says what was given without a reservation of ours. */
static bool
gave(const struct posting *p)
{
	return json_array_size(tb_param(p->op, "uses")) > 0;
}

static int
load_reservation(struct posting *p)
{
	const char *text = tb_param_text(p->op, "reservation");
	bool there;
	int r;

	if (!text)
		return 0;
	r = tb_reservation_get(p->op, tb_id_parse('r', text), &p->reservation, &there);
	if (r >= 0 && !there && !gave(p))
		warn(p, "reservation_unknown");
	return r;
}

/* The customer the call names, else the reservation's. */
static int
load_customer(struct posting *p)
{
	const char *text = tb_param_text(p->op, "customer");
	int64_t id = text ? tb_id_parse('c', text) : p->reservation.customer;
	int r;

	if (!text && !id)
		return 0;
	r = tb_customer_get(p->op, id, &p->k.customer);
	if (r == TB_ERROR_CUSTOMER_UNKNOWN) {
		warn(p, "customer_unknown");
		return 0;
	}
	p->k.has_customer = r == 0;
	return r;
}

/*
 * The id that the bridge drew when it queued the passage, and told its till. One that is taken is
 * another sale's, for this sale was not found: it gets one of ours.
 */
static int
choose_id(struct posting *p)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	const char *text = tb_param_text(p->op, "passage");
	int r = 1;

	if (!text)
		return tb_id_draw(p->op, &p->id);
	p->id = tb_id_parse('p', text);
	if (p->id)
		r = tb_store_get(
			p->op->store, &rows, "SELECT 1 FROM passages WHERE id = ?1", V_INT(p->id));
	if (r <= 0)
		return r;
	warn(p, "passage_taken");
	return tb_id_draw(p->op, &p->id);
}

static int
gather(struct posting *p)
{
	struct tb_operation *op = p->op;
	int r = read_basket(p);

	if (r >= 0)
		r = load_reservation(p);
	if (r >= 0)
		r = load_customer(p);
	if (r >= 0 && p->k.has_customer)
		r = tb_customer_settle(op, &p->k.customer);
	if (r >= 0)
		r = tb_reckon_context(op, &p->k);
	if (r == 0)
		r = tb_reckon_account(op, &p->k);
	if (r == 0)
		r = choose_id(p);
	if (p->occurred_at > op->now + TB_CLOCK_AHEAD_US)
		warn(p, "clock");
	return r;
}

/* ---- the reservation ---------------------------------------------------------------------- */

/* Commits what is held, charges what is not held any more. */
static int
take_uses(struct posting *p, struct tb_customer *c, bool held)
{
	_cleanup_used_list_ struct tb_used_list uses = {};
	struct tb_use_step step = {.c = c, .sale = p->sale, .passage = p->id, .at = p->occurred_at};
	int r = tb_uses_of_reservation(p->op, p->reservation.id, &uses);

	for (size_t i = 0; r >= 0 && i < uses.count; i++) {
		const char *warning = NULL;

		if (held)
			r = tb_use_commit(p->op, &uses.items[i], &step, &warning);
		else
			r = tb_use_charge(p->op, &uses.items[i], &step, &warning);
		if (warning)
			warn(p, warning);
	}
	return r;
}

/* What reward.deduct committed before belongs to this passage from now on. */
static int
adopt_uses(struct posting *p)
{
	int r = tb_store_run(p->op->store,
		"UPDATE uses SET passage = ?2 WHERE reservation = ?1 AND passage IS NULL",
		V_INT(p->reservation.id), V_INT(p->id));

	return r < 0 ? r : 0;
}

static int
already_committed(struct posting *p, bool *ret_ours)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r = tb_store_get(p->op->store, &rows,
		"SELECT 1 FROM reservations WHERE id = ?1 AND passage IS NULL",
		V_INT(p->reservation.id));

	*ret_ours = r > 0;
	return r < 0 ? r : 0;
}

/* Charges the uses to whom they were reserved for, which is nearly always this customer. */
static int
take_from_account(struct posting *p)
{
	_cleanup_customer_ struct tb_customer other = {};
	bool held = p->reservation.state == TB_RESERVATION_HELD;
	struct tb_customer *c = customer(p);
	int r;

	if (!p->reservation.customer)
		return take_uses(p, NULL, held);
	if (c && c->id == p->reservation.customer)
		return take_uses(p, c, held);
	r = tb_customer_get(p->op, p->reservation.customer, &other);
	if (r < 0)
		return r;
	if (r > 0)
		return take_uses(p, NULL, held);
	if (c && c->id == other.id) /* merged since */
		return take_uses(p, c, held);
	warn(p, "customer_mismatch");
	r = take_uses(p, &other, held);
	return r < 0 ? r : tb_customer_put(p->op, &other);
}

static int
use_adjustments(struct posting *p)
{
	p->adjustments_json = json_object_get(p->reservation.body, "adjustments");
	p->n_uses = json_integer_value(json_object_get(p->reservation.body, "n_uses"));
	return tb_adjustments_from_json(p->adjustments_json, &p->adjustments);
}

static int
commit_reservation(struct posting *p)
{
	uint8_t hash[TB_HASH_SIZE];
	bool ours = true;
	int r = 0;

	if (p->reservation.state == TB_RESERVATION_COMMITTED) {
		r = already_committed(p, &ours);
		if (r < 0)
			return r;
		if (!ours) {
			/* Another sale was given it; what this till took off is on its own head. */
			warn(p, "reservation_committed");
			return 0;
		}
		r = adopt_uses(p);
	} else {
		if (p->reservation.state != TB_RESERVATION_HELD)
			warn(p, "reservation_expired");
		r = take_from_account(p);
	}
	tb_basket_hash(&p->k.basket.basket, hash);
	if (memcmp(hash, p->reservation.basket, TB_HASH_SIZE) != 0)
		warn(p, "basket_changed");
	if (r >= 0 && strcmp(p->reservation.sale, p->sale) != 0)
		warn(p, "sale_mismatch");
	if (r >= 0)
		r = tb_reservation_committed(p->op, p->reservation.id, p->id);
	return r < 0 ? r : use_adjustments(p);
}

/* A hold of this sale that it does not commit is of no use to anybody now. */
static int
drop_other_hold(struct posting *p)
{
	int64_t other;
	int r = tb_reservation_of_sale(p->op, p->sale, &other);

	if (r < 0 || other == 0 || other == p->reservation.id)
		return r;
	return tb_reservation_release(p->op, other, customer(p), TB_RESERVATION_RELEASED);
}

/* What was given and never held by us. */
static int
take_given(struct posting *p)
{
	struct tb_use_step step = {
		.c = customer(p), .sale = p->sale, .passage = p->id, .at = p->occurred_at};
	int r = tb_uses_given(p->op, &p->k, &step,
		tb_id_parse('r', tb_param_text(p->op, "reservation")), &p->reservation,
		&p->warnings);

	return r == 0 ? use_adjustments(p) : r;
}

/* ---- sums --------------------------------------------------------------------------------- */

static int
check_sums(struct posting *p)
{
	const json_t *tenders = tb_param(p->op, "tenders"), *tender;
	tb_i128 turnover = p->k.basket.basket.total, to_pay, paid = 0;
	size_t i;

	to_pay = turnover;
	for (i = 0; i < p->adjustments.count; i++) {
		const struct tb_adjustment *a = &p->adjustments.items[i];

		to_pay -= a->amount;
		if (a->kind != TB_ADJUST_TENDER)
			turnover -= a->amount;
	}
	json_array_foreach(tenders, i, tender)
		paid += json_integer_value(json_object_get(tender, "amount"));
	if (tenders && p->k.basket.has_total && paid != to_pay)
		warn(p, "total_mismatch");
	return tb_i128_to_i64(turnover, &p->turnover);
}

/* ---- earning ------------------------------------------------------------------------------ */

static struct tb_entry
passage_entry(const struct posting *p, enum tb_unit unit, enum tb_entry_kind kind, int64_t delta,
	const char *effect)
{
	return (struct tb_entry){
		.unit = unit,
		.kind = kind,
		.delta = delta,
		.passage = p->id,
		.sale = p->sale,
		.owner_kind = 'p',
		.owner = p->id,
		.effect = effect,
		.at = p->occurred_at,
	};
}

static int
bonus(struct posting *p, struct tb_customer *c, int64_t points, const char *effect)
{
	struct tb_entry entry = passage_entry(p, TB_UNIT_POINTS, TB_ENTRY_BONUS, points, effect);

	entry.reason = "sponsorship";
	return tb_points_credit(
		p->op, c, &entry, tb_rules_lot_expiry(p->k.version->program, p->occurred_at));
}

/* Both bonuses come with the newcomer's first counted passage. */
static int
sponsor(struct posting *p, struct tb_customer *c)
{
	_cleanup_customer_ struct tb_customer by = {};
	struct tb_sponsorship due;
	int r;

	if (!c->sponsor)
		return 0;
	due = tb_rules_sponsorship(p->k.version->program, &p->k.facts.account, &p->earned);
	if (due.sponsor_points == 0 && due.newcomer_points == 0)
		return 0;
	r = tb_customer_get(p->op, c->sponsor, &by);
	if (r == TB_ERROR_CUSTOMER_UNKNOWN || (r == 0 && by.id == c->id))
		return 0;
	if (r == 0)
		r = bonus(p, &by, due.sponsor_points, "sponsor");
	if (r == 0)
		r = tb_customer_put(p->op, &by);
	if (r == 0)
		r = bonus(p, c, due.newcomer_points, "newcomer");
	return r;
}

static int
credit(struct posting *p, struct tb_customer *c)
{
	struct tb_operation *op = p->op;
	struct tb_entry entry = passage_entry(
		p, TB_UNIT_POINTS, TB_ENTRY_EARN, p->earned.points, "earn");
	int r;

	/* Who looks at his history sees the passage, too, when it earned nothing. */
	entry.always = p->earned.wallet == 0;
	r = tb_points_credit(
		op, c, &entry, tb_rules_lot_expiry(p->k.version->program, p->occurred_at));
	if (r >= 0) {
		entry = passage_entry(p, TB_UNIT_WALLET, TB_ENTRY_EARN, p->earned.wallet, "earn");
		r = tb_entry_add(op, c, &entry);
	}
	if (r >= 0)
		r = sponsor(p, c);
	return r;
}

static int
remember_last(struct posting *p, struct tb_customer *c)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	const struct tb_basket_lines *basket = &p->k.basket;

	if (c->last_at > p->occurred_at)
		return 0;
	tb_passage_write_short(p->op, &buf, p->id, p->sale, p->occurred_at,
		basket->has_total ? &basket->basket.total : NULL, p->earned.points);
	if (tb_buf_error(&buf))
		return tb_buf_error(&buf);
	return tb_customer_set_last_passage(c, p->occurred_at, buf.data, buf.len);
}

static int
earn(struct posting *p)
{
	struct tb_customer *c = customer(p);
	int r = tb_rules_earn(p->k.version->program, tb_reckon_the_account(&p->k),
		&p->k.basket.basket, p->adjustments.items, p->adjustments.count, &p->k.context,
		&p->earned);

	if (r < 0 || !c)
		return r;
	r = credit(p, c);
	if (r < 0)
		return r;
	c->passages++;
	c->counted += p->earned.counted;
	/* A passage of an earlier day says since when he was not seen. */
	if (p->occurred_at < p->op->now - TB_USEC_PER_DAY &&
		tb_program_now(p->op->ledger)->has_dated_coupons)
		c->due_at = 0;
	return remember_last(p, c);
}

/* ---- the answer and the row --------------------------------------------------------------- */

/* Coupons are issued first: what follows shows the account with them. */
static int
write_answer(struct posting *p)
{
	_cleanup_buf_ struct tb_buf coupons = TB_BUF_INIT(0);
	struct tb_jsonw cw = TB_JSONW(&coupons), w = TB_JSONW(p->op->out);
	struct tb_customer *c = customer(p);
	int r = tb_coupons_issue_earned(p->op, c, p->id, p->earned.counted, &cw);

	if (r >= 0 && c)
		r = tb_customer_is_due(p->op, c) ? tb_customer_settle(p->op, c)
		                                 : tb_customer_put(p->op, c);
	if (r < 0)
		return r;
	if (c && (c->points < 0 || c->wallet < 0))
		warn(p, "negative_balance");
	tb_jsonw_object(&w, NULL);
	tb_id_write(&w, "passage", 'p', p->id);
	tb_jsonw_string(&w, "state", "posted");
	tb_earned_write(&w, "earned", &p->earned);
	if (c)
		r = tb_balances_write(p->op, &w, c);
	if (r >= 0 && c)
		r = tb_progress_write(p->op, &w, c);
	if (!c)
		tb_jsonw_raw(&w, "progress", "[]", 2);
	/* The list was written as a member already. */
	tb_jsonw_raw(&w, NULL, coupons.data, coupons.len);
	tb_warnings_write(&p->warnings, &w);
	tb_jsonw_end_object(&w);
	return r < 0 ? r : tb_buf_error(&coupons);
}

static int
write_body(struct posting *p, struct tb_buf *body)
{
	struct tb_jsonw w = TB_JSONW(body);

	tb_jsonw_object(&w, NULL);
	tb_json_write(&w, "lines", tb_param(p->op, "lines"));
	if (p->k.basket.has_total)
		tb_jsonw_int(&w, "total", p->k.basket.basket.total);
	tb_json_write(&w, "tenders", tb_param(p->op, "tenders"));
	tb_json_write(&w, "adjustments", p->adjustments_json);
	tb_jsonw_int(&w, "n_uses", p->n_uses);
	tb_reasons_write(&w, p->earned.reasons, p->earned.n_reasons);
	tb_passage_write_imported(&w, &p->k.basket.basket);
	tb_passage_write_facts(&w, tb_reckon_the_account(&p->k));
	tb_warnings_write(&p->warnings, &w);
	tb_jsonw_end_object(&w);
	return tb_buf_error(body);
}

static int
insert(struct posting *p)
{
	_cleanup_buf_ struct tb_buf body = TB_BUF_INIT(0);
	struct tb_operation *op = p->op;
	const struct tb_basket_lines *basket = &p->k.basket;
	int r = write_body(p, &body);

	if (r >= 0)
		r = tb_buf_error(op->out);
	if (r < 0)
		return r;
	r = tb_store_run(op->store,
		"INSERT INTO passages(id, site, till, sale, business_day, customer, occurred_at,"
		" received_at, state, counted, total, turnover, program, earned_points,"
		" earned_wallet, mode, by, hash, answer, coupons, body)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'posted', ?9, ?10, ?11, ?12, ?13, ?14, "
		"?15,"
		" ?16, ?17, ?18, ?19, ?20)",
		V_INT(p->id), V_TEXT(op->call->caller.site), V_TEXT(op->call->caller.till),
		V_TEXT(p->sale), V_INT(p->business_day),
		V_ID(p->k.has_customer ? p->k.customer.id : 0), V_INT(p->occurred_at),
		V_INT(op->now), V_INT(p->earned.counted),
		basket->has_total ? V_INT(basket->basket.total) : V_NONE, V_INT(p->turnover),
		V_INT(p->k.version->version), V_INT(p->earned.points), V_INT(p->earned.wallet),
		V_TEXT(p->k.context.mode), V_TEXT(tb_op_by(op)), V_BLOB(p->hash, TB_HASH_SIZE),
		V_TEXT_N(op->out->data, op->out->len), V_INT(op->coupons),
		V_TEXT_N(body.data, body.len));
	return r < 0 ? r : 0;
}

/* The key alone: the answer stands with the passage. */
static int
put_key(struct posting *p)
{
	_cleanup_buf_ struct tb_buf none = TB_BUF_INIT(0);
	struct tb_operation op = *p->op;

	if (!op.call->key)
		return 0;
	op.out = &none;
	tb_buf_add_str(&none, "{}");
	return tb_key_put(&op, p->hash);
}

int
tb_passage_post(struct tb_operation *op)
{
	_cleanup_(posting_done) struct posting p = {.op = op};
	bool said;
	int r = identify(&p);

	if (r == 0)
		r = find_said(&p, &said);
	if (r != 0 || said)
		return r;
	r = check_key(&p);
	if (r == 0)
		r = gather(&p);
	if (r == 0)
		r = drop_other_hold(&p);
	if (r == 0 && p.reservation.id)
		r = commit_reservation(&p);
	else if (r == 0 && gave(&p))
		r = take_given(&p);
	if (r == 0)
		r = check_sums(&p);
	if (r == 0)
		r = earn(&p);
	if (r == 0)
		r = write_answer(&p);
	if (r == 0)
		r = insert(&p);
	return r == 0 ? put_key(&p) : r;
}
