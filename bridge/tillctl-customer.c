/* SPDX-License-Identifier: MIT */
/*
 * tillctl customer: find by any word, show by code, card, phone, e-mail or id, add.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "bridge/tillctl.h"

static void
say_list(const json_t *list)
{
	const json_t *value;
	size_t i;

	json_array_foreach(list, i, value)
		tillctl_say("  %s", json_is_object(value) ? tillctl_string(value, "number")
							  : json_string_value(value));
}

static int
find(struct tillctl *ctl, const char *text)
{
	_cleanup_json_ json_t *result = NULL;
	const json_t *customer;
	char name[200];
	size_t i;
	int r;

	r = tillctl_ask(ctl, "customer.search", json_pack("{s:s}", "text", text), &result);
	if (r != TILLCTL_DONE)
		return r;
	json_array_foreach(json_object_get(result, "customers"), i, customer) {
		if (ctl->json) {
			tillctl_print_json(customer);
			continue;
		}
		tillctl_say("%-12s %-28s", tillctl_string(customer, "id"),
			tillctl_name(customer, name, sizeof(name)));
		say_list(json_object_get(customer, "cards"));
		say_list(json_object_get(customer, "phones"));
		say_list(json_object_get(customer, "emails"));
		tillctl_say("\n");
	}
	if (!ctl->json && json_object_get(result, "cursor"))
		tillctl_say("(and more: say more of the name)\n");
	return TILLCTL_DONE;
}

static void
say_balances(const struct tillctl *ctl, const json_t *result)
{
	const json_t *balances = json_object_get(result, "balances"), *item;
	char money[TILLCTL_MONEY_TEXT];
	size_t i;

	tillctl_say("points    %lld (%lld available)\n",
		(long long)tillctl_number(balances, "points"),
		(long long)tillctl_number(balances, "points_available"));
	tillctl_say(
		"wallet    %s\n", tillctl_money(ctl, tillctl_number(balances, "wallet"), money));
	tillctl_say("passages  %lld\n", (long long)tillctl_number(balances, "passages"));
	json_array_foreach(json_object_get(result, "rewards"), i, item)
		tillctl_say("reward    %s  %s\n", tillctl_string(item, "id"),
			tillctl_string(item, "title"));
	json_array_foreach(json_object_get(result, "coupons"), i, item)
		tillctl_say("coupon    %s  %s, valid to %s\n", tillctl_string(item, "code"),
			tillctl_string(item, "title"), tillctl_string(item, "valid_to"));
}

/* What a word may be is seen from its form; the bridge is asked for that and nothing else. */
static const char *
kind_of(const char *word)
{
	if (strncmp(word, "c_", 2) == 0)
		return "id";
	if (strchr(word, '@'))
		return "email";
	if (*word == '+' || (*word == '0' && strspn(word, "0123456789 .-") == strlen(word)))
		return "phone";
	return "code";
}

static int
show(struct tillctl *ctl, const char *word)
{
	_cleanup_json_ json_t *result = NULL;
	const json_t *customer, *card;
	char name[200];
	size_t i;
	int r;

	r = tillctl_ask(ctl, "customer.lookup", json_pack("{s:s}", kind_of(word), word), &result);
	if (r != TILLCTL_DONE)
		return r;
	if (ctl->json) {
		tillctl_print_json(result);
		return TILLCTL_DONE;
	}
	customer = json_object_get(result, "customer");
	tillctl_say("%s  %s\n", tillctl_string(customer, "id"),
		tillctl_name(customer, name, sizeof(name)));
	json_array_foreach(json_object_get(customer, "cards"), i, card)
		tillctl_say("card      %s %s\n", tillctl_string(card, "number"),
			tillctl_string(card, "state"));
	say_balances(ctl, result);
	if (json_is_true(json_object_get(result, "stale")))
		tillctl_say("(as of %s: the server cannot be reached)\n",
			tillctl_string(result, "as_of"));
	return TILLCTL_DONE;
}

/* --first-name and so on: the option's name with its dash is the record's field. */
static const struct option add_options[] = {
	{"first-name", required_argument, NULL, 'f'},
	{"last-name", required_argument, NULL, 'f'},
	{"title", required_argument, NULL, 'f'},
	{"gender", required_argument, NULL, 'f'},
	{"language", required_argument, NULL, 'f'},
	{"birthday", required_argument, NULL, 'f'},
	{"street", required_argument, NULL, 'f'},
	{"postcode", required_argument, NULL, 'f'},
	{"city", required_argument, NULL, 'f'},
	{"country", required_argument, NULL, 'f'},
	{"kind", required_argument, NULL, 'f'},
	{"phone", required_argument, NULL, 'p'},
	{"email", required_argument, NULL, 'e'},
	{"card", required_argument, NULL, 'c'},
	{"draw-card", no_argument, NULL, 'd'},
	{"sponsor", required_argument, NULL, 's'},
	{0},
};

static void
set_field(json_t *record, const char *option, const char *value)
{
	char name[24];

	snprintf(name, sizeof(name), "%s", option);
	for (char *p = name; *p; p++)
		if (*p == '-')
			*p = '_';
	json_object_set_new(record, name, json_string(value));
}

static void
append_field(json_t *record, const char *name, const char *value)
{
	json_t *list = json_object_get(record, name);

	if (!list) {
		list = json_array();
		json_object_set_new(record, name, list);
	}
	json_array_append_new(list, json_string(value));
}

static int
add(struct tillctl *ctl, int argc, char *argv[])
{
	_cleanup_json_ json_t *record = json_object(), *result = NULL;
	_cleanup_json_ json_t *params = json_pack(
		"{s:o, s:O}", "key", tillctl_key(), "record", record);
	const json_t *customer;
	char name[200];
	int option, which = 0, r;

	optind = 1;
	while ((option = getopt_long(argc, argv, "", add_options, &which)) != -1) {
		switch (option) {
		case 'f':
			set_field(record, add_options[which].name, optarg);
			break;
		case 'p':
			append_field(record, "phones", optarg);
			break;
		case 'e':
			append_field(record, "emails", optarg);
			break;
		case 'c':
			json_object_set_new(params, "card", json_string(optarg));
			break;
		case 'd':
			json_object_set_new(params, "draw_card", json_true());
			break;
		case 's':
			json_object_set_new(params, "sponsor", json_string(optarg));
			break;
		default:
			return TILLCTL_USAGE;
		}
	}
	if (optind != argc)
		return TILLCTL_USAGE;
	r = tillctl_ask(ctl, "customer.create", json_incref(params), &result);
	if (r != TILLCTL_DONE)
		return r;
	customer = json_object_get(result, "customer");
	if (ctl->json)
		tillctl_print_json(result);
	else
		tillctl_say("%s  %s\n", tillctl_string(customer, "id"),
			tillctl_name(customer, name, sizeof(name)));
	return TILLCTL_DONE;
}

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	if (argc == 3 && strcmp(argv[1], "find") == 0)
		return find(ctl, argv[2]);
	if (argc == 3 && strcmp(argv[1], "show") == 0)
		return show(ctl, argv[2]);
	if (argc > 2 && strcmp(argv[1], "add") == 0)
		return add(ctl, argc - 1, argv + 1);
	return TILLCTL_USAGE;
}

const struct tillctl_command tillctl_customer = {
	.name = "customer",
	.arguments = "find TEXT | show CODE | add --first-name NAME...",
	.prose = "code: a card, a QR, a phone, an e-mail, an id",
	.run = run,
};
