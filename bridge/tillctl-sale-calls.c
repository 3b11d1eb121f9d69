/* SPDX-License-Identifier: MIT */
/*
 * What tillctl sale asks of the bridge: who the customer is, what he may use, holding it, posting.
 * The answers are shown, never reckoned with.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bridge/tillctl-sale.h"

static void
new_ticket(struct tillctl_sale *sale)
{
	_cleanup_json_ json_t *key = tillctl_key();

	json_decref(sale->lines);
	json_decref(sale->uses);
	json_decref(sale->tenders);
	sale->lines = json_array();
	sale->uses = json_array();
	sale->tenders = json_array();
	snprintf(sale->id, sizeof(sale->id), "%s", json_string_value(key));
	sale->last_no = 0;
	sale->to_pay = -1;
	sale->customer[0] = sale->reservation[0] = '\0';
}

static int
add_articles(struct tillctl *ctl, const json_t *page, void *userdata)
{
	json_array_extend(userdata, json_object_get(page, "articles"));
	return TILLCTL_DONE;
}

int
tillctl_sale_begin(struct tillctl_sale *sale)
{
	new_ticket(sale);
	sale->articles = json_array();
	return tillctl_ask_pages(
		sale->ctl, tillctl_ask, "article.list", NULL, add_articles, sale->articles);
}

void
tillctl_sale_end(struct tillctl_sale *sale)
{
	if (*sale->reservation)
		tillctl_sale_release(sale);
	json_decref(sale->articles);
	json_decref(sale->lines);
	json_decref(sale->uses);
	json_decref(sale->tenders);
}

static int
take_customer(struct tillctl_sale *sale, const json_t *result)
{
	const json_t *customer = json_object_get(result, "customer");
	const json_t *balances = json_object_get(result, "balances"), *item;
	char name[200], money[TILLCTL_MONEY_TEXT];
	size_t i;

	snprintf(sale->customer, sizeof(sale->customer), "%s", tillctl_string(customer, "id"));
	tillctl_say("%s: %lld points, wallet %s\n", tillctl_name(customer, name, sizeof(name)),
		(long long)tillctl_number(balances, "points_available"),
		tillctl_money(sale->ctl, tillctl_number(balances, "wallet_available"), money));
	json_array_foreach(json_object_get(result, "rewards"), i, item)
		tillctl_say("  may use %s: %s\n", tillctl_string(item, "id"),
			tillctl_string(item, "title"));
	json_array_foreach(json_object_get(result, "coupons"), i, item)
		tillctl_say("  has coupon %s: %s\n", tillctl_string(item, "code"),
			tillctl_string(item, "title"));
	return TILLCTL_DONE;
}

int
tillctl_sale_identify(struct tillctl_sale *sale, const char *word)
{
	_cleanup_json_ json_t *result = NULL;
	const char *kind = strncmp(word, "c_", 2) == 0    ? "id"
	                   : strchr(word, '@')            ? "email"
	                   : *word == '+' || *word == '0' ? "phone"
	                                                  : "code";
	int r = tillctl_ask(sale->ctl, "customer.lookup", json_pack("{s:s}", kind, word), &result);

	return r == TILLCTL_DONE ? take_customer(sale, result) : r;
}

int
tillctl_sale_wait(struct tillctl_sale *sale)
{
	int r = tillctl_tell(
		sale->ctl, "events.subscribe", json_pack("{s:[s]}", "kinds", "customer"));

	while (r == TILLCTL_DONE) {
		_cleanup_free_ char *method = NULL, *text = NULL;
		_cleanup_json_ json_t *params = NULL;
		int error = tillbridge_next(sale->ctl->till, TILLBRIDGE_FOREVER, &method, &text);

		if (error == -EOVERFLOW)
			continue;
		if (error < 0)
			return tillctl_lost("wait", error);
		params = json_loads(text, 0, NULL);
		if (strcmp(method, "customer") == 0 && json_object_get(params, "customer"))
			return take_customer(sale, params);
		if (strcmp(method, "customer") == 0)
			tillctl_say("somebody unknown was scanned\n");
	}
	return r;
}

static json_t *
basket(const struct tillctl_sale *sale)
{
	return json_pack(
		"{s:O, s:I}", "lines", sale->lines, "total", (json_int_t)tillctl_sale_total(sale));
}

static void
with_customer(const struct tillctl_sale *sale, json_t *params)
{
	if (*sale->customer)
		json_object_set_new(params, "customer", json_string(sale->customer));
}

int
tillctl_sale_quote(struct tillctl_sale *sale)
{
	_cleanup_json_ json_t *result = NULL;
	json_t *params = json_pack(
		"{s:s, s:o, s:[]}", "sale", sale->id, "basket", basket(sale), "codes");
	char money[TILLCTL_MONEY_TEXT];
	const json_t *reward;
	size_t i;
	int r;

	with_customer(sale, params);
	r = tillctl_ask(sale->ctl, "reward.quote", params, &result);
	if (r != TILLCTL_DONE)
		return r;
	json_array_foreach(json_object_get(result, "rewards"), i, reward) {
		const char *id = tillctl_string(reward, "id"),
			   *title = tillctl_string(reward, "title");

		if (json_is_true(json_object_get(reward, "applicable")))
			tillctl_say("  %-16s %-28s -%s for %lld points\n", id, title,
				tillctl_money(sale->ctl, tillctl_number(reward, "amount"), money),
				(long long)tillctl_number(reward, "cost_points"));
		else
			tillctl_say("  %-16s %-28s no: %s\n", id, title,
				tillctl_string(reward, "reason"));
	}
	tillctl_say("  this sale would earn %lld points\n",
		(long long)tillctl_number(json_object_get(result, "would_earn"), "points"));
	return TILLCTL_DONE;
}

int
tillctl_sale_reserve(struct tillctl_sale *sale)
{
	_cleanup_json_ json_t *result = NULL;
	json_t *params = json_pack("{s:o, s:s, s:o, s:O}", "key", tillctl_key(), "sale", sale->id,
		"basket", basket(sale), "uses", sale->uses);
	char money[TILLCTL_MONEY_TEXT];
	const json_t *taken;
	size_t i;
	int r;

	with_customer(sale, params);
	r = tillctl_ask(sale->ctl, "reward.reserve", params, &result);
	if (r != TILLCTL_DONE) {
		json_array_remove(sale->uses, json_array_size(sale->uses) - 1);
		return r;
	}
	snprintf(sale->reservation, sizeof(sale->reservation), "%s",
		tillctl_string(result, "reservation"));
	sale->to_pay = tillctl_number(result, "to_pay");
	json_array_foreach(json_object_get(result, "adjustments"), i, taken)
		tillctl_say("  %-40s -%s\n", tillctl_string(taken, "title"),
			tillctl_money(sale->ctl, tillctl_number(taken, "amount"), money));
	tillctl_say("  %-40s %s\n", "to pay", tillctl_money(sale->ctl, sale->to_pay, money));
	return TILLCTL_DONE;
}

int
tillctl_sale_release(struct tillctl_sale *sale)
{
	int r = TILLCTL_DONE;

	if (*sale->reservation)
		r = tillctl_tell(sale->ctl, "reward.release",
			json_pack("{s:s}", "reservation", sale->reservation));
	sale->reservation[0] = '\0';
	sale->to_pay = -1;
	return r;
}

static void
say_posted(const struct tillctl_sale *sale, const json_t *result)
{
	const json_t *earned = json_object_get(result, "earned"), *item;
	const json_t *balances = json_object_get(result, "balances");
	char money[TILLCTL_MONEY_TEXT];
	size_t i;

	tillctl_say("%s %s", sale->id, tillctl_string(result, "state"));
	if (balances)
		tillctl_say(": %lld points earned, now %lld, wallet %s",
			(long long)tillctl_number(earned, "points"),
			(long long)tillctl_number(balances, "points"),
			tillctl_money(sale->ctl, tillctl_number(balances, "wallet"), money));
	tillctl_say("\n");
	if (*tillctl_string(result, "message"))
		tillctl_say("  %s\n", tillctl_string(result, "message"));
	json_array_foreach(json_object_get(result, "reasons"), i, item)
		tillctl_say("  because: %s\n", json_string_value(item));
	json_array_foreach(json_object_get(result, "coupons"), i, item)
		tillctl_say("  coupon %s: %s, valid to %s\n", tillctl_string(item, "code"),
			tillctl_string(item, "title"), tillctl_string(item, "valid_to"));
	json_array_foreach(json_object_get(result, "warnings"), i, item)
		tillctl_say("  warning: %s\n", json_is_string(item) ? json_string_value(item)
								    : tillctl_string(item, "code"));
}

int
tillctl_sale_post(struct tillctl_sale *sale)
{
	_cleanup_json_ json_t *result = NULL, *params = NULL;
	int64_t paid = 0, due = sale->to_pay >= 0 ? sale->to_pay : tillctl_sale_total(sale);
	char now[40];
	time_t t = time(NULL);
	const json_t *tender;
	size_t i;
	int r;

	json_array_foreach(sale->tenders, i, tender)
		paid += tillctl_number(tender, "amount");
	if (paid < due)
		json_array_append_new(sale->tenders, json_pack("{s:s, s:I}", "kind", "cash",
							     "amount", (json_int_t)(due - paid)));
	strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", gmtime(&t));
	params = json_pack("{s:s, s:s, s:O, s:I, s:O}", "sale", sale->id, "occurred_at", now,
		"lines", sale->lines, "total", (json_int_t)tillctl_sale_total(sale), "tenders",
		sale->tenders);
	with_customer(sale, params);
	if (*sale->reservation)
		json_object_set_new(params, "reservation", json_string(sale->reservation));
	r = tillctl_ask(sale->ctl, "passage.post", json_incref(params), &result);
	if (r != TILLCTL_DONE)
		return r;
	if (sale->ctl->json)
		tillctl_print_json(result);
	else
		say_posted(sale, result);
	new_ticket(sale);
	return TILLCTL_DONE;
}

int
tillctl_sale_void(struct tillctl_sale *sale, const char *id)
{
	_cleanup_json_ json_t *result = NULL;
	int r = tillctl_ask(sale->ctl, "passage.reverse",
		json_pack("{s:o, s:s, s:s}", "key", tillctl_key(), "sale", id, "kind", "void"),
		&result);

	if (r == TILLCTL_DONE)
		tillctl_say("%s is cancelled, now %lld points\n", id,
			(long long)tillctl_number(json_object_get(result, "balances"), "points"));
	return r;
}
