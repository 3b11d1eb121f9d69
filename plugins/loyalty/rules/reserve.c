/* SPDX-License-Identifier: MIT */
/*
 * A reservation: looks the uses up, asks whether the customer may (R8, R9, R10, R15), and plays
 * them on the bill in the order of R2. All or nothing. What a step does to the bill is in steps.c.
 */

#include <string.h>

#include "plugins/loyalty/rules/bill.h"

/*
 * "A refused reserve answers contact_required or insufficient_balance where they apply, else
 * reward_not_applicable": so those two win over other reasons, whatever the order of the uses.
 */
static int
rank(const struct tb_refusal *refusal)
{
	switch (refusal->error) {
	case TB_OK:
		return TB_ERROR_COUNT + 3;
	case TB_ERROR_REWARD_NOT_APPLICABLE:
		return TB_ERROR_COUNT + 2;
	case TB_ERROR_INSUFFICIENT_BALANCE:
		return TB_ERROR_COUNT + 1;
	case TB_ERROR_CONTACT_REQUIRED:
		return TB_ERROR_COUNT;
	default:
		return (int)refusal->error;
	}
}

static void
refuse(struct tb_refusal *refusal, enum tb_error error, enum tb_reason reason, size_t use)
{
	struct tb_refusal other = {error, reason, use};
	int better = rank(&other) - rank(refusal);

	if (better < 0 || (better == 0 && reason < refusal->reason))
		*refusal = other;
}

static void
refuse_for(struct tb_refusal *refusal, enum tb_reason reason, size_t use)
{
	enum tb_error error = TB_ERROR_REWARD_NOT_APPLICABLE;

	if (reason == TB_REASON_NONE)
		return;
	if (reason == TB_REASON_CONTACT_REQUIRED)
		error = TB_ERROR_CONTACT_REQUIRED;
	if (reason == TB_REASON_INSUFFICIENT_BALANCE)
		error = TB_ERROR_INSUFFICIENT_BALANCE;
	refuse(refusal, error, reason, use);
}

/* ---- looking uses up ---- */

void
tb_claim_for_points(struct tb_claim *claim, const struct tb_article *article)
{
	claim->article = article;
	claim->for_points = (struct tb_reward){
		.id = claim->use->code,
		.title = article->label,
		.kind = TB_REWARD_ARTICLE,
		.cost_points = article->points_price,
		.cost_price = -1,
		.valid = TB_WINDOW_OPEN,
	};
	claim->reward = &claim->for_points;
	claim->cost_points = article->points_price;
	claim->step = TB_STEP_OFFERED;
}

/* "article:CODE": an imported article of the basket that can be had for points. */
static enum tb_reason
find_article(const struct tb_bill *bill, const char *code, struct tb_claim *claim)
{
	for (size_t i = 0; i < bill->n; i++) {
		const struct tb_article *article = bill->lines[i].line->imported;

		if (!article || article->points_price <= 0 || strcmp(article->code, code) != 0)
			continue;
		tb_claim_for_points(claim, article);
		return TB_REASON_NONE;
	}
	return TB_REASON_ARTICLE_MISSING;
}

static void
look_up_coupon(const struct tb_bill *bill, struct tb_claim *claim, struct tb_refusal *refusal)
{
	const struct tb_coupon *coupon = claim->use->coupon;
	int64_t now = bill->context->now_us;

	if (!coupon) {
		refuse(refusal, TB_ERROR_COUPON_UNKNOWN, TB_REASON_NONE, claim->index);
		return;
	}
	claim->reward = tb_program_reward(bill->program, coupon->reward);
	if (!claim->reward)
		refuse(refusal, TB_ERROR_REWARD_UNKNOWN, TB_REASON_NONE, claim->index);
	else if (coupon->uses_left <= 0)
		refuse(refusal, TB_ERROR_COUPON_USED, TB_REASON_NONE, claim->index);
	else if (coupon->valid.to_us != TB_TIME_NONE && now >= coupon->valid.to_us)
		refuse(refusal, TB_ERROR_COUPON_EXPIRED, TB_REASON_NONE, claim->index);
	else if (coupon->valid.from_us != TB_TIME_NONE && now < coupon->valid.from_us)
		refuse_for(refusal, TB_REASON_NOT_NOW, claim->index);
	else if (coupon->held || coupon->bound == TB_COUPON_OTHERS)
		refuse_for(refusal, TB_REASON_HELD, claim->index);
}

static void
look_up_gift_card(
	const struct tb_bill *bill, const struct tb_claim *claim, struct tb_refusal *refusal)
{
	const struct tb_gift_card *card = claim->use->gift_card;

	if (!card)
		refuse(refusal, TB_ERROR_GIFT_CARD_UNKNOWN, TB_REASON_NONE, claim->index);
	else if (card->blocked)
		refuse(refusal, TB_ERROR_CARD_BLOCKED, TB_REASON_NONE, claim->index);
	else if (card->expires_at_us != TB_TIME_NONE &&
		 bill->context->now_us >= card->expires_at_us)
		refuse(refusal, TB_ERROR_GIFT_CARD_EXPIRED, TB_REASON_NONE, claim->index);
}

static void
look_up(const struct tb_bill *bill, const struct tb_use *use, size_t index, struct tb_claim *claim,
	struct tb_refusal *refusal)
{
	enum tb_reason missing = TB_REASON_NONE;

	*claim = (struct tb_claim){.index = index, .use = use};
	switch (use->kind) {
	case TB_USE_REWARD:
		claim->reward = tb_program_reward(bill->program, use->code);
		if (!claim->reward &&
			strncmp(use->code, TB_ARTICLE_PREFIX, strlen(TB_ARTICLE_PREFIX)) == 0)
			missing = find_article(bill, use->code + strlen(TB_ARTICLE_PREFIX), claim);
		if (missing != TB_REASON_NONE)
			refuse_for(refusal, missing, index);
		else if (!claim->reward)
			refuse(refusal, TB_ERROR_REWARD_UNKNOWN, TB_REASON_NONE, index);
		else
			claim->cost_points = claim->reward->cost_points;
		break;
	case TB_USE_COUPON:
		look_up_coupon(bill, claim, refusal);
		break;
	case TB_USE_GIFT_CARD:
		look_up_gift_card(bill, claim, refusal);
		claim->step = TB_STEP_GIFT_CARD;
		return;
	case TB_USE_WALLET:
		claim->step = TB_STEP_WALLET;
		return;
	}
	claim->step = claim->reward ? tb_step_of(claim->reward) : TB_STEP_GIFT;
}

/* ---- may he? ---- */

static int64_t
progress_of(const struct tb_account *account, const char *reward)
{
	for (size_t i = 0; i < account->n_progress; i++)
		if (strcmp(account->progress[i].reward, reward) == 0)
			return account->progress[i].count;
	return 0;
}

bool
tb_every_n_reached(const struct tb_bill *bill, const struct tb_account *account,
	const struct tb_reward *reward)
{
	int64_t this_one = tb_passage_counts(bill->program, account, bill->context) ? 1 : 0;

	return progress_of(account, reward->id) + this_one >= reward->every_n;
}

/* R8, R9: what the account must have done; a coupon stands for it. */
static enum tb_reason
earned_it(
	const struct tb_bill *bill, const struct tb_account *account, const struct tb_claim *claim)
{
	const struct tb_reward *reward = claim->reward;

	if (claim->use->kind == TB_USE_COUPON)
		return TB_REASON_NONE;
	if (reward->welcome &&
		(account->passages > 0 || tb_match_word(&account->welcome_used, reward->id)))
		return TB_REASON_WELCOME_USED;
	if (reward->every_n > 0 && !tb_every_n_reached(bill, account, reward))
		return TB_REASON_EVERY_N_PASSAGES;
	return TB_REASON_NONE;
}

/*
 * Contact and balance come first because they decide the error of a reservation; then whom, where
 * and when the reward is for. R10: what is not known is no. R4: points below the whole cost are too
 * few even for a part of the reward.
 */
static enum tb_reason
eligible(const struct tb_bill *bill, const struct tb_account *account, const struct tb_claim *claim)
{
	const struct tb_reward *reward = claim->reward;
	bool contact = bill->program->contact_required_to_redeem || reward->contact_required;

	if ((contact && (!account || !account->contact_known)) ||
		(!account && claim->use->kind == TB_USE_REWARD))
		return TB_REASON_CONTACT_REQUIRED;
	if (claim->cost_points > 0 && account->points_available < claim->cost_points)
		return TB_REASON_INSUFFICIENT_BALANCE;
	if (reward->pro_only && (!account || account->kind != TB_CUSTOMER_PRO))
		return TB_REASON_PRO_ONLY;
	if (reward->sites.count && !tb_match_word(&reward->sites, bill->context->site))
		return TB_REASON_NOT_HERE;
	if (!tb_window_holds(&reward->valid, bill->context->occurred_at_us))
		return TB_REASON_NOT_NOW;
	if (bill->basket->total < reward->min_ticket)
		return TB_REASON_MIN_TICKET;
	return account ? earned_it(bill, account, claim) : TB_REASON_NONE;
}

bool
tb_rules_usable(const struct tb_program *program, const struct tb_account *account,
	const struct tb_reward *reward, const struct tb_context *context)
{
	const struct tb_basket basket = {.total = INT64_MAX};
	const struct tb_use use = {.kind = TB_USE_REWARD, .code = reward->id};
	const struct tb_bill bill = {.program = program, .basket = &basket, .context = context};
	const struct tb_claim claim = {
		.use = &use, .reward = reward, .cost_points = reward->cost_points};

	return eligible(&bill, account, &claim) == TB_REASON_NONE;
}

/* R15: what may be used from the cache at all. */
static void
check_offline(const struct tb_bill *bill, const struct tb_claim *claim, struct tb_refusal *refusal)
{
	if (bill->program->offline_max_value <= 0 || claim->use->kind == TB_USE_GIFT_CARD ||
		claim->use->kind == TB_USE_COUPON || (claim->reward && claim->reward->welcome))
		refuse(refusal, TB_ERROR_OFFLINE_REFUSED, TB_REASON_NONE, claim->index);
}

void
tb_claim_check(const struct tb_bill *bill, const struct tb_account *account,
	const struct tb_claim *claim, struct tb_refusal *refusal)
{
	bool contact = account && account->contact_known;

	if (bill->context->offline)
		check_offline(bill, claim, refusal);
	switch (claim->use->kind) {
	case TB_USE_REWARD:
	case TB_USE_COUPON:
		refuse_for(refusal, eligible(bill, account, claim), claim->index);
		break;
	case TB_USE_WALLET:
		if (bill->program->contact_required_to_redeem && !contact)
			refuse_for(refusal, TB_REASON_CONTACT_REQUIRED, claim->index);
		if (account->wallet_available <= 0)
			refuse_for(refusal, TB_REASON_INSUFFICIENT_BALANCE, claim->index);
		break;
	case TB_USE_GIFT_CARD:
		if (claim->use->gift_card->available <= 0)
			refuse_for(refusal, TB_REASON_INSUFFICIENT_BALANCE, claim->index);
		break;
	}
}

/* An exclusive reward stands alone among rewards; wallet and gift card are payment. */
static void
check_exclusive(const struct tb_claim *claims, size_t n, struct tb_refusal *refusal)
{
	size_t rewards = 0;

	for (size_t i = 0; i < n; i++)
		rewards += claims[i].reward != NULL;
	for (size_t i = 0; rewards > 1 && i < n; i++)
		if (claims[i].reward && claims[i].reward->exclusive)
			refuse_for(refusal, TB_REASON_NOT_NOW, claims[i].index);
}

/* ---- the reservation ---- */

const char *
tb_use_name(const struct tb_use *use)
{
	if (use->kind == TB_USE_COUPON && use->coupon)
		return use->coupon->code;
	if (use->kind == TB_USE_GIFT_CARD && use->gift_card)
		return use->gift_card->number;
	return use->code;
}

static bool
same_key(const struct tb_use *a, const struct tb_use *b)
{
	return a->kind == b->kind &&
	       (a->kind == TB_USE_WALLET || strcmp(tb_use_name(a), tb_use_name(b)) == 0);
}

static bool
same_wish(const struct tb_use *a, const struct tb_use *b)
{
	return a->has_amount == b->has_amount && (!a->has_amount || a->amount == b->amount) &&
	       a->has_line == b->has_line && (!a->has_line || a->line == b->line) &&
	       a->forfeit_remainder == b->forfeit_remainder;
}

/*
 * A use is a member of a set, not a press of a button: said twice it is one. Said twice with
 * different wishes it cannot be understood.
 */
static size_t
gather(const struct tb_bill *bill, const struct tb_use *uses, size_t n, struct tb_claim *claims,
	struct tb_use_cost *costs, struct tb_refusal *refusal)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		size_t first = 0;

		while (!same_key(&uses[first], &uses[i]))
			first++;
		costs[i].repeated = first < i;
		if (first == i)
			look_up(bill, &uses[i], i, &claims[count++], refusal);
		else if (!same_wish(&uses[first], &uses[i]))
			refuse(refusal, TB_ERROR_INVALID_PARAMS, TB_REASON_NONE, i);
	}
	qsort(claims, count, sizeof(*claims), tb_claim_compare);
	for (size_t i = 0; i < count; i++)
		if (claims[i].article)
			claims[i].reward = &claims[i].for_points;
	return count;
}

/* R4: points below the cost of all together. */
static bool
affordable(const struct tb_account *account, int64_t points)
{
	return points <= 0 || (account && points <= account->points_available);
}

static void
complete_cost(const struct tb_claim *claim, struct tb_use_cost *cost)
{
	const struct tb_reward *reward = claim->reward;

	cost->shop_cost = cost->amount;
	if (!reward)
		return;
	cost->reward = claim->article ? NULL : reward;
	cost->coupon_uses = claim->use->kind == TB_USE_COUPON;
	if (claim->use->kind == TB_USE_REWARD) {
		cost->every_n = reward->every_n; /* R8: the commit takes N off */
		cost->welcome = reward->welcome;
	}
	if (reward->cost_price >= 0)
		cost->shop_cost = reward->cost_price;
}

/* What a use of wallet or card may take. */
static int64_t
funds(const struct tb_claim *claim, const struct tb_account *account)
{
	if (claim->step == TB_STEP_WALLET)
		return account->wallet_available;
	return claim->step == TB_STEP_GIFT_CARD ? claim->use->gift_card->available : 0;
}

/* R15: what may be taken off or paid from the cached balance. */
static bool
within_offline_value(const struct tb_bill *bill)
{
	return !bill->context->offline ||
	       (tb_i128)bill->basket->total - bill->to_pay <= bill->program->offline_max_value;
}

int
tb_claim_play(struct tb_bill *bill, const struct tb_account *account, const struct tb_claim *claim,
	struct tb_sheet *sheet, struct tb_use_cost *cost, struct tb_refusal *refusal)
{
	enum tb_reason reason;
	int r = tb_step_apply(bill, sheet, claim, funds(claim, account), cost, &reason);

	if (r < 0)
		return r;
	refuse_for(refusal, reason, claim->index);
	if (!within_offline_value(bill))
		refuse(refusal, TB_ERROR_OFFLINE_REFUSED, TB_REASON_NONE, claim->index);
	complete_cost(claim, cost);
	return 0;
}

static int
play(struct tb_bill *bill, const struct tb_account *account, const struct tb_claim *claims,
	size_t n, struct tb_sheet *sheet, struct tb_reckoning *result, struct tb_refusal *refusal)
{
	for (size_t i = 0; i < n && refusal->error == TB_OK; i++) {
		struct tb_use_cost *cost = &result->uses[claims[i].index];
		int r = tb_claim_play(bill, account, &claims[i], sheet, cost, refusal);

		if (r == 0)
			r = tb_add(result->points, cost->points, &result->points);
		if (r < 0)
			return r;
		result->wallet += cost->wallet;
		if (!affordable(account, result->points))
			refuse_for(refusal, TB_REASON_INSUFFICIENT_BALANCE, claims[i].index);
	}
	return 0;
}

/* Everything a refusal can be decided by before the bill is touched. */
static void
check(const struct tb_bill *bill, const struct tb_account *account, const struct tb_claim *claims,
	size_t n, struct tb_refusal *refusal, bool *ret_customer_missing)
{
	tb_i128 whole = 0;

	for (size_t i = 0; i < n && refusal->error == TB_OK; i++) {
		enum tb_use_kind kind = claims[i].use->kind;

		*ret_customer_missing = !account &&
		                        (kind == TB_USE_REWARD || kind == TB_USE_WALLET);
		if (*ret_customer_missing)
			refuse(refusal, TB_ERROR_INVALID_PARAMS, TB_REASON_NONE, claims[i].index);
	}
	if (refusal->error != TB_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		tb_claim_check(bill, account, &claims[i], refusal);
		if (claims[i].reward && !tb_reward_partial(claims[i].reward))
			whole += claims[i].cost_points;
	}
	if (account && whole > 0 && whole > account->points_available)
		refuse_for(refusal, TB_REASON_INSUFFICIENT_BALANCE, n ? claims[n - 1].index : 0);
	check_exclusive(claims, n, refusal);
}

/* Copies what the bill says into the answer; the sheet's memory becomes the answer's. */
static int
conclude(const struct tb_bill *bill, struct tb_sheet *sheet, struct tb_reckoning *result)
{
	result->lines = calloc(bill->n + 1, sizeof(*result->lines));
	if (!result->lines)
		return -ENOMEM;
	result->n_lines = bill->n;
	for (size_t i = 0; i < bill->n; i++) {
		const struct tb_bill_line *l = &bill->lines[i];

		result->lines[l->index] = (struct tb_line_after){
			.no = l->line->no,
			.left = l->left,
			.offered_quantity = l->offered,
		};
	}
	result->total_before = bill->basket->total;
	result->total_after = bill->total;
	result->to_pay = bill->to_pay;
	tb_sheet_settle(sheet);
	result->adjustments = TAKE_PTR(sheet->adjustments);
	result->n_adjustments = sheet->n_adjustments;
	result->shares = TAKE_PTR(sheet->shares);
	return 0;
}

int
tb_reserve_on(struct tb_bill *bill, const struct tb_account *account, const struct tb_use *uses,
	size_t n_uses, struct tb_reckoning *ret)
{
	_cleanup_reckoning_ struct tb_reckoning result = {.n_uses = n_uses};
	_cleanup_free_ struct tb_claim *claims = calloc(n_uses + 1, sizeof(*claims));
	_cleanup_sheet_ struct tb_sheet sheet = {0};
	struct tb_refusal refusal = {0};
	bool customer_missing = false;
	size_t n;
	int r;

	result.uses = calloc(n_uses + 1, sizeof(*result.uses));
	if (!claims || !result.uses)
		return -ENOMEM;
	tb_bill_reset(bill);
	n = gather(bill, uses, n_uses, claims, result.uses, &refusal);
	if (refusal.error == TB_OK)
		check(bill, account, claims, n, &refusal, &customer_missing);
	if (refusal.error == TB_OK) {
		r = play(bill, account, claims, n, &sheet, &result, &refusal);
		if (r < 0)
			return r;
	}
	if (refusal.error != TB_OK) {
		*ret = (struct tb_reckoning){
			.error = refusal.error,
			.reason = refusal.reason,
			.use = refusal.use,
			.customer_missing = customer_missing,
		};
		return 0;
	}
	r = conclude(bill, &sheet, &result);
	if (r < 0)
		return r;
	*ret = result;
	result = (struct tb_reckoning){0};
	return 0;
}

int
tb_rules_reserve(const struct tb_program *program, const struct tb_account *account,
	const struct tb_basket *basket, const struct tb_use *uses, size_t n_uses,
	const struct tb_context *context, struct tb_reckoning *ret)
{
	_cleanup_bill_ struct tb_bill bill = {0};
	int r = tb_bill_init(&bill, program, basket, context);

	return r < 0 ? r : tb_reserve_on(&bill, account, uses, n_uses, ret);
}

/* ---- what was given already (R13) ---- */

/* The uses that can be found, in the order of R2; of the others the costs say what is lacking. */
static size_t
gather_given(const struct tb_bill *bill, const struct tb_use *uses, size_t n,
	struct tb_claim *claims, struct tb_use_cost *costs)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		struct tb_refusal refusal = {0};
		struct tb_claim *claim = &claims[count];
		size_t first = 0;

		while (!same_key(&uses[first], &uses[i]))
			first++;
		costs[i].repeated = first < i;
		if (first < i)
			continue;
		look_up(bill, &uses[i], i, claim, &refusal);
		if (claim->reward || claim->article || uses[i].kind == TB_USE_WALLET ||
			(uses[i].kind == TB_USE_GIFT_CARD && uses[i].gift_card))
			count++;
		else
			costs[i].lacking = refusal.error;
	}
	qsort(claims, count, sizeof(*claims), tb_claim_compare);
	for (size_t i = 0; i < count; i++)
		if (claims[i].article)
			claims[i].reward = &claims[i].for_points;
	return count;
}

static int
give(struct tb_bill *bill, const struct tb_account *account, const struct tb_claim *claim,
	struct tb_sheet *sheet, struct tb_use_cost *cost)
{
	const struct tb_use *use = claim->use;
	int64_t money = use->has_amount ? use->amount : 0;
	enum tb_reason reason;
	int r;

	if (!use->has_amount && (account || claim->step == TB_STEP_GIFT_CARD))
		money = TB_MAX(funds(claim, account), INT64_C(0));
	r = tb_step_apply(bill, sheet, claim, money, cost, &reason);
	if (r < 0)
		return r;
	if (reason != TB_REASON_NONE) {
		cost->points = claim->cost_points;
		cost->lacking = TB_ERROR_REWARD_NOT_APPLICABLE;
	}
	complete_cost(claim, cost);
	return 0;
}

int
tb_rules_given(const struct tb_program *program, const struct tb_account *account,
	const struct tb_basket *basket, const struct tb_use *uses, size_t n_uses,
	const struct tb_context *context, struct tb_reckoning *ret)
{
	_cleanup_bill_ struct tb_bill bill = {0};
	_cleanup_reckoning_ struct tb_reckoning result = {.n_uses = n_uses};
	_cleanup_free_ struct tb_claim *claims = calloc(n_uses + 1, sizeof(*claims));
	_cleanup_sheet_ struct tb_sheet sheet = {0};
	size_t n;
	int r;

	result.uses = calloc(n_uses + 1, sizeof(*result.uses));
	if (!claims || !result.uses)
		return -ENOMEM;
	r = tb_bill_init(&bill, program, basket, context);
	if (r < 0)
		return r;
	n = gather_given(&bill, uses, n_uses, claims, result.uses);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct tb_use_cost *cost = &result.uses[claims[i].index];

		r = give(&bill, account, &claims[i], &sheet, cost);
		if (r == 0)
			r = tb_add(result.points, cost->points, &result.points);
		result.wallet += cost->wallet;
	}
	if (r == 0)
		r = conclude(&bill, &sheet, &result);
	if (r < 0)
		return r;
	*ret = result;
	result = (struct tb_reckoning){0};
	return 0;
}

void
tb_reckoning_done(struct tb_reckoning *reckoning)
{
	free(reckoning->adjustments);
	free(reckoning->uses);
	free(reckoning->lines);
	free(reckoning->shares);
	*reckoning = (struct tb_reckoning){0};
}
