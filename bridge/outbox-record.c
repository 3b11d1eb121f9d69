/* SPDX-License-Identifier: MIT */
/*
 * A customer's record as the server will have it: phones in E.164, e-mails in lower case, nothing
 * empty; and what it is going to refuse in one. So a till that is cut off is told what it would be
 * told, and nothing is promised that cannot be kept. The record is sent as it was said.
 */
#include "bridge/outbox-parts.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/text.h"
#include "base/timestamp.h"

#define TOKEN_SYMBOLS 16

static bool
is_empty(const json_t *value)
{
	return (json_is_string(value) && json_string_length(value) == 0) ||
	       (json_is_array(value) && json_array_size(value) == 0) ||
	       (json_is_object(value) && json_object_size(value) == 0);
}

static bool
holds(const json_t *list, const json_t *value)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		if (json_equal(item, value))
			return true;
	return false;
}

static char *
clean_phone(const char *text, const char *country)
{
	return tb_phone_e164(text, country);
}

static char *
clean_email(const char *text, const char *country)
{
	return tb_email_fold(text);
}

static const struct list {
	const char *name, *fault;
	char *(*clean)(const char *text, const char *country);
} lists[] = {
	{"phones", "bad_phone", clean_phone},
	{"emails", "bad_email", clean_email},
};

/* The list without repetitions; what is no such thing is named in faults, which may be NULL. */
static json_t *
clean_list(const struct list *list, const json_t *in, const char *country, json_t *faults)
{
	json_t *out = json_array();
	const json_t *item;
	size_t i;

	json_array_foreach(in, i, item) {
		_cleanup_free_ char *text = list->clean(json_string_value(item), country);
		json_t *clean = text ? json_string(text) : NULL;
		char pointer[64];

		snprintf(pointer, sizeof(pointer), "/record/%s/%zu", list->name, i);
		if (!clean && faults)
			json_array_append_new(faults,
				json_pack("{s:s, s:s}", "pointer", pointer, "code", list->fault));
		if (clean && !holds(out, clean))
			json_array_append(out, clean);
		json_decref(clean);
	}
	return out;
}

json_t *
tb_outbox_record_faults(const json_t *record, const char *country)
{
	json_t *faults = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		json_decref(clean_list(
			&lists[i], json_object_get(record, lists[i].name), country, faults));
	if (json_array_size(faults) > 0)
		return faults;
	json_decref(faults);
	return NULL;
}

/* Each card has a state. */
static void
complete_cards(json_t *customer)
{
	json_t *cards = json_deep_copy(json_object_get(customer, "cards")), *card;
	size_t i;

	json_array_foreach(cards, i, card)
		if (!json_object_get(card, "state"))
			json_object_set_new(card, "state", json_string("active"));
	if (cards)
		json_object_set_new(customer, "cards", cards);
}

void
tb_outbox_record_lay(json_t *customer, const json_t *record, const char *country)
{
	const char *name;
	json_t *value;
	void *next;

	json_object_foreach((json_t *)record, name, value) {
		_cleanup_free_ char *text = json_is_string(value)
		                                    ? tb_text_nfc(json_string_value(value))
		                                    : NULL;

		if (text)
			json_object_set_new(customer, name, json_string(text));
		else
			json_object_set(customer, name, value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		if (json_object_get(record, lists[i].name))
			json_object_set_new(customer, lists[i].name,
				clean_list(&lists[i], json_object_get(record, lists[i].name),
					country, NULL));
	complete_cards(customer);
	json_object_foreach_safe(customer, next, name, value)
		if (is_empty(value))
			json_object_del(customer, name);
}

json_t *
tb_outbox_record_date(const json_t *record, int64_t at_us, int offset_s)
{
	json_t *dated = json_copy((json_t *)record);
	json_t *consents = json_deep_copy(json_object_get(record, "consents")), *consent;
	char at[TB_TIME_TEXT];
	const char *channel;

	if (!consents)
		return dated;
	tb_time_format(at_us, offset_s, at);
	json_object_foreach(consents, channel, consent)
		if (json_is_object(consent) && !json_object_get(consent, "at"))
			json_object_set_new(consent, "at", json_string(at));
	if (!dated || json_object_set_new(dated, "consents", consents) < 0) {
		json_decref(dated);
		return NULL;
	}
	return dated;
}

/* 16 of 30 symbols in which no two look alike: such is what our own ledger draws. */
int
tb_outbox_draw_token(char out[TB_OUTBOX_DRAWN_TEXT])
{
	static const char symbols[] = "23456789ABCDEFGHJKMNPQRSTVWXYZ";
	char *p = stpcpy(out, "TB:");
	uint8_t byte;

	for (size_t n = 0; n < TOKEN_SYMBOLS;) {
		if (getrandom(&byte, 1, 0) != 1)
			return -EIO;
		/* 240 is the last multiple of 30: what lies above would favour some symbols. */
		if (byte < 240) {
			*p++ = symbols[byte % 30];
			n++;
		}
	}
	*p = '\0';
	return 0;
}
