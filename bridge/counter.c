/* SPDX-License-Identifier: MIT */
/*
 * What a code is for, told by its form and the configuration alone, never by a server; the events
 * of scans and cards; and the lookup that a till would ask for next. Whose the customer is and what
 * a device is are others' business.
 */

#include "bridge/counter.h"

#include <ctype.h>
#include <nettle/base64.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "base/jsonw.h"
#include "base/list.h"
#include "base/log.h"
#include "base/text.h"
#include "bridge/conf.h"
#include "bridge/devices.h"
#include "bridge/events.h"
#include "bridge/loyalty.h"

/* The scan goes out to the till before its lookup costs anything. */
#define RANK_LOOKUP (TB_RANK_FLUSH + 10)
#define MEMBERS_MAX ((size_t)1 << 18)
/* Lookups under way; a scanner that spews noise starts no more. */
#define LOOKUPS_MAX 64

struct lookup {
	struct tb_list node;
	struct tb_counter *counter; /* NULL once it is gone and the answer is nobody's */
	uint64_t scan;
	char *audience; /* NULL: everyone */
	char *code;     /* until it is asked */
};

struct tb_counter {
	struct tb_bridge *bridge;
	struct tb_source *turn_end;
	struct tb_list waiting; /* to be asked at the end of the turn */
	struct tb_list asked;
	unsigned n_lookups;
	struct tb_buf members; /* of the event being written; kept for its memory */
};

/* The kind of the configured range that the code lies in; UNKNOWN and false when in none. */
static bool
in_range(const struct tb_conf *conf, const char *code, enum tb_code_kind *ret, bool *ret_ambiguous)
{
	bool found = false;

	*ret_ambiguous = false;
	for (size_t i = 0; conf && i < conf->n_ranges; i++) {
		if (!tb_pattern_matches(conf->ranges[i].pattern, code))
			continue;
		if (found && conf->ranges[i].kind != *ret)
			*ret_ambiguous = true;
		*ret = conf->ranges[i].kind;
		found = true;
	}
	return found;
}

enum tb_code_kind
tb_counter_classify(
	const struct tb_counter *counter, const struct tb_scan *scan, const char **ret_reason)
{
	const char *code = scan->code, *gtin = NULL;
	enum tb_code_kind kind = tb_code_kind_of_own(code);
	bool ambiguous;

	*ret_reason = NULL;
	if (kind != TB_CODE_UNKNOWN)
		return kind;
	if (in_range(counter->bridge->conf, code, &kind, &ambiguous)) {
		if (!ambiguous)
			return kind;
		*ret_reason = "ambiguous";
		return TB_CODE_UNKNOWN;
	}
	for (size_t i = 0; i < scan->n_fields && !gtin; i++)
		if (!strcmp(scan->fields[i].ai, "01"))
			gtin = scan->fields[i].value;
	return tb_code_is_article(code, scan->symbology, scan->aim, gtin) ? TB_CODE_ARTICLE
	                                                                  : TB_CODE_UNKNOWN;
}

static bool
luhn_holds(const char *digits, size_t len)
{
	unsigned sum = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned digit = (unsigned)(digits[len - 1 - i] - '0') * (i % 2 ? 2 : 1);

		sum += digit > 9 ? digit - 9 : digit;
	}
	return sum % 10 == 0;
}

/* The numbers by which the card schemes begin. */
static bool
is_scheme(const char *digits)
{
	static const struct {
		unsigned digits, from, to;
	} ranges[] = {{1, 4, 4}, {2, 51, 55}, {4, 2221, 2720}, {2, 34, 34}, {2, 37, 37},
		{3, 300, 305}, {2, 36, 36}, {2, 38, 38}, {2, 39, 39}, {4, 3528, 3589},
		{4, 6011, 6011}, {3, 644, 649}, {2, 65, 65}, {2, 62, 62}, {2, 50, 50}, {2, 56, 69}};

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		unsigned value = 0;

		for (unsigned k = 0; k < ranges[i].digits; k++)
			value = value * 10 + (unsigned)(digits[k] - '0');
		if (value >= ranges[i].from && value <= ranges[i].to)
			return true;
	}
	return false;
}

static bool
is_card_number(const char *digits, size_t len)
{
	return len >= 13 && len <= 19 && is_scheme(digits) && luhn_holds(digits, len);
}

/* What a stripe reader types that was taken for a scanner: track 1 is `B` number `^`, track 2
 * number `=` or `D`. A `D` is a letter of many a token as well: there the number must stand alone.
 */
static bool
holds_track(const char *text)
{
	for (const char *p = text; *p; p++) {
		size_t len = strspn(p, "0123456789");
		char before = p > text ? p[-1] : '\0', after = p[len];

		if (len == 0)
			continue;
		if (is_card_number(p, len) &&
			(after == '=' || (after == '^' && before == 'B') ||
				(after == 'D' && !isalnum((unsigned char)before) &&
					isdigit((unsigned char)p[len + 1]))))
			return true;
		p += len - 1;
	}
	return false;
}

bool
tb_counter_is_payment_card(const struct tb_counter *counter, const char *code)
{
	size_t len = strspn(code, "0123456789");
	enum tb_code_kind kind;
	bool ambiguous;

	if (code[len])
		return holds_track(code);
	/* 13 digits alone are an EAN */
	return len > 13 && is_card_number(code, len) &&
	       !in_range(counter->bridge->conf, code, &kind, &ambiguous);
}

/* A run of digits by itself, as it stands among other bytes. */
static bool
is_card_run(const struct tb_counter *counter, const char *digits, size_t len)
{
	char number[20] = "";
	enum tb_code_kind kind;
	bool ambiguous, is = false;

	if (len > 13 && is_card_number(digits, len)) {
		memcpy(number, digits, len);
		is = !in_range(counter->bridge->conf, number, &kind, &ambiguous);
		explicit_bzero(number, sizeof(number));
	}
	return is;
}

bool
tb_counter_holds_payment_card(const struct tb_counter *counter, const uint8_t *bytes, size_t len)
{
	const char *text = (const char *)bytes, *end = text + len;

	while (text < end) {
		size_t n;

		/* a NUL ends a text, and another one begins */
		if (holds_track(text))
			return true;
		for (; *text; text += TB_MAX(n, (size_t)1)) {
			/* the digit of an AIM identifier is none of the number */
			bool aim = text - (const char *)bytes >= 2 && text[-2] == ']';

			n = strspn(text, "0123456789");
			if (n > 0 && (is_card_run(counter, text, n) ||
					     (aim && is_card_run(counter, text + 1, n - 1))))
				return true;
		}
		text++;
	}
	return false;
}

/* A payment card, told by any door that knows scans: an element string is digits as well, but no
 * bare number. */
static bool
is_refused(const struct tb_counter *counter, const struct tb_scan *scan)
{
	return scan->n_fields == 0 && tb_counter_is_payment_card(counter, scan->code);
}

enum tb_whose
tb_counter_whose(const struct tb_counter *counter, const struct tb_scan *scan)
{
	const char *reason;

	if (is_refused(counter, scan))
		return TB_WHOSE_NOBODYS;
	switch (tb_counter_classify(counter, scan, &reason)) {
	case TB_CODE_COUPON:
	case TB_CODE_GIFT_CARD:
	case TB_CODE_CUSTOMER:
		return TB_WHOSE_OURS;
	case TB_CODE_ARTICLE:
	case TB_CODE_UNKNOWN:
		break;
	}
	return TB_WHOSE_OTHERS;
}

static const char *
audience_of(const struct tb_counter *counter, const char *device)
{
	uint64_t client;

	return device && counter->bridge->devices
	               ? tb_devices_claimant(counter->bridge->devices, device, &client)
	               : NULL;
}

static void
write_raw(struct tb_jsonw *w, const struct tb_scan *scan)
{
	size_t len = BASE64_ENCODE_RAW_LENGTH(scan->raw_len);
	_cleanup_free_ char *text = malloc(len);

	if (!text) {
		w->buf->error = -ENOMEM;
		return;
	}
	base64_encode_raw(text, scan->raw_len, scan->raw);
	tb_jsonw_string_n(w, "raw", text, len);
}

static void
write_scan(struct tb_jsonw *w, const char *device, const struct tb_scan *scan,
	enum tb_code_kind kind, const char *reason)
{
	tb_jsonw_string(w, "device", device);
	tb_jsonw_string(w, "code", scan->code);
	if (scan->raw)
		write_raw(w, scan);
	tb_jsonw_string(w, "symbology", scan->symbology);
	if (scan->aim[0])
		tb_jsonw_string(w, "aim", scan->aim);
	tb_jsonw_string(w, "kind", tb_code_kind_word(kind));
	tb_jsonw_string(w, "reason", reason);
	if (scan->n_fields == 0)
		return;
	tb_jsonw_array(w, "fields");
	for (size_t i = 0; i < scan->n_fields; i++) {
		tb_jsonw_object(w, NULL);
		tb_jsonw_string(w, "ai", scan->fields[i].ai);
		tb_jsonw_string(w, "value", scan->fields[i].value);
		tb_jsonw_end_object(w);
	}
	tb_jsonw_end_array(w);
}

static void
lookup_free(struct lookup *lookup)
{
	tb_list_remove(&lookup->node);
	if (lookup->counter)
		lookup->counter->n_lookups--;
	free(lookup->audience);
	free(lookup->code);
	free(lookup);
}

/* The `customer` event of a scan; json is an object's text, or NULL with the error's word. */
static void
emit_customer(struct lookup *lookup, const char *json, size_t len, const char *error)
{
	struct tb_counter *counter = lookup->counter;
	struct tb_jsonw w = TB_JSONW(&counter->members);

	tb_buf_reset(&counter->members);
	tb_jsonw_int(&w, "scan", (int64_t)lookup->scan);
	if (json && len > 2) {
		/* the members of the answer as they stand: {"customer":…} without its braces */
		tb_buf_add_byte(&counter->members, ',');
		tb_buf_add(&counter->members, json + 1, len - 2);
	} else if (!json) {
		tb_jsonw_string(&w, "error", error);
	}
	if (tb_buf_error(&counter->members) == 0)
		tb_events_emit(counter->bridge->events, TB_NOTICE_CUSTOMER, lookup->audience,
			counter->members.data, counter->members.len);
	else
		tb_log_error("no memory to tell the customer of a scan");
}

static void
on_customer(const struct tb_answer *answer, void *userdata)
{
	struct lookup *lookup = userdata;

	if (lookup->counter && answer->error == TB_OK)
		emit_customer(lookup, answer->json, answer->len, NULL);
	else if (lookup->counter)
		emit_customer(lookup, NULL, 0, tb_error_word(answer->error));
	lookup_free(lookup);
}

static void
ask_waiting(void *userdata)
{
	struct tb_counter *counter = userdata;

	while (!tb_list_empty(&counter->waiting)) {
		struct lookup *lookup = tb_list_first(&counter->waiting, struct lookup, node);
		json_t *params = json_pack("{s:s}", "code", lookup->code);

		tb_list_remove(&lookup->node);
		tb_list_append(&counter->asked, &lookup->node);
		free(TAKE_PTR(lookup->code));
		if (params) {
			tb_loyalty_call(counter->bridge->loyalty, TB_OP_CUSTOMER_LOOKUP, params,
				on_customer, lookup);
			json_decref(params);
		} else {
			on_customer(&(struct tb_answer){.error = TB_ERROR_INTERNAL}, lookup);
		}
	}
}

static void
start_lookup(struct tb_counter *counter, uint64_t seq, const char *audience, const char *code)
{
	struct lookup *lookup;

	if (counter->n_lookups >= LOOKUPS_MAX) {
		tb_log_warning("%u lookups are under way: a scan is not looked up", LOOKUPS_MAX);
		return;
	}
	lookup = calloc(1, sizeof(*lookup));
	if (!lookup)
		return;
	lookup->scan = seq;
	tb_list_init(&lookup->node);
	lookup->code = strdup(code);
	lookup->audience = audience ? strdup(audience) : NULL;
	if (!lookup->code || (audience && !lookup->audience)) {
		lookup_free(lookup);
		return;
	}
	lookup->counter = counter;
	counter->n_lookups++;
	tb_list_append(&counter->waiting, &lookup->node);
	tb_source_arm(counter->turn_end);
}

/* A payment card was read: that it was is told, and nothing of it. */
static void
emit_refused(struct tb_counter *counter, const char *device)
{
	struct tb_jsonw w = TB_JSONW(&counter->members);

	tb_buf_reset(&counter->members);
	tb_jsonw_string(&w, "device", device);
	tb_jsonw_string(&w, "error", tb_error_word(TB_ERROR_PAYMENT_CARD_REFUSED));
	if (tb_buf_error(&counter->members) == 0)
		tb_events_emit(counter->bridge->events, TB_NOTICE_CARD,
			audience_of(counter, device), counter->members.data, counter->members.len);
}

uint64_t
tb_counter_scan(struct tb_counter *counter, const char *device, const struct tb_scan *scan)
{
	struct tb_jsonw w = TB_JSONW(&counter->members);
	const char *reason, *audience;
	enum tb_code_kind kind;
	uint64_t seq;

	if (is_refused(counter, scan)) {
		if (device)
			emit_refused(counter, device);
		return 0;
	}
	kind = tb_counter_classify(counter, scan, &reason);
	audience = audience_of(counter, device);
	tb_buf_reset(&counter->members);
	write_scan(&w, device, scan, kind, reason);
	seq = tb_buf_error(&counter->members)
	              ? 0
	              : tb_events_emit(counter->bridge->events, TB_NOTICE_SCAN, audience,
				counter->members.data, counter->members.len);
	if (seq == 0) {
		tb_log_error("no memory to tell a scan");
		return 0;
	}
	if (kind == TB_CODE_CUSTOMER || kind == TB_CODE_UNKNOWN)
		start_lookup(counter, seq, audience, scan->code);
	return seq;
}

void
tb_counter_card(struct tb_counter *counter, const char *device, const struct tb_event *event)
{
	struct tb_jsonw w = TB_JSONW(&counter->members);

	if (event->card.payment_refused) {
		emit_refused(counter, device);
		return;
	}
	tb_buf_reset(&counter->members);
	tb_jsonw_string(&w, "device", device);
	tb_jsonw_string(&w, "code", event->card.code);
	tb_jsonw_string(&w, "uid", event->card.uid);
	if (event->card.track)
		tb_jsonw_int(&w, "track", event->card.track);
	tb_jsonw_string(&w, "kind", event->card.kind);
	if (tb_buf_error(&counter->members) == 0)
		tb_events_emit(counter->bridge->events, TB_NOTICE_CARD,
			audience_of(counter, device), counter->members.data, counter->members.len);
}

int
tb_counter_new(struct tb_bridge *bridge, struct tb_counter **ret)
{
	struct tb_counter *counter = calloc(1, sizeof(*counter));
	int r;

	if (!counter)
		return -ENOMEM;
	counter->bridge = bridge;
	counter->members = TB_BUF_INIT(MEMBERS_MAX);
	tb_list_init(&counter->waiting);
	tb_list_init(&counter->asked);
	r = tb_loop_add_turn_end(
		bridge->loop, RANK_LOOKUP, ask_waiting, counter, &counter->turn_end);
	if (r < 0) {
		free(counter);
		return r;
	}
	*ret = counter;
	return 0;
}

void
tb_counter_free(struct tb_counter *counter)
{
	struct lookup *lookup, *next;

	if (!counter)
		return;
	tb_list_for_each_safe(lookup, next, &counter->waiting, node)
		lookup_free(lookup);
	/* their answers come when the connector stops; nobody waits for them */
	tb_list_for_each_safe(lookup, next, &counter->asked, node) {
		tb_list_remove(&lookup->node);
		lookup->counter = NULL;
	}
	tb_source_remove(&counter->turn_end);
	tb_buf_done(&counter->members);
	free(counter);
}
