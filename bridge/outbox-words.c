/* SPDX-License-Identifier: MIT */
/*
 * What the outbox says and is called by: the answer to a till whose effect waits, ids, and whether
 * two calls are the same. It keeps nothing.
 */
#include "bridge/outbox-parts.h"

#include <inttypes.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "bridge/conf.h"
#include "bridge/loyalty.h"
#include "bridge/offline.h"
#include "bridge/say.h"

#define EPOCH_2020_US INT64_C(1577836800000000)
#define CHANCE_BITS 20
#define LOST_CLOCK_BITS 24

/* ---- names ---- */

void
tb_outbox_id_format(int64_t seq, char *out)
{
	snprintf(out, TB_OUTBOX_ID_TEXT, "o_%" PRId64, seq);
}

int64_t
tb_outbox_id_parse(const char *text)
{
	int64_t seq = 0;

	if (!text || strncmp(text, "o_", 2) != 0 || !text[2] || text[2] == '0' ||
		strlen(text) > 20 || strspn(text + 2, "0123456789") != strlen(text + 2))
		return 0;
	for (const char *p = text + 2; *p; p++)
		seq = seq * 10 + (*p - '0');
	return seq;
}

/* Milliseconds since 2020 and 20 bits of chance in base 32: such is what our own ledger draws, so
 * that it can keep what a till's bridge has drawn. Where the clock stands before that, chance
 * alone: it stands still, and 20 bits meet each other within a day. */
int
tb_outbox_draw(struct tb_loop *loop, char kind, char *out)
{
	static const char symbols[] = "0123456789abcdefghjkmnpqrstvwxyz";
	int64_t ms = (tb_loop_wall_us(loop) - EPOCH_2020_US) / 1000;
	char digits[16], *p = digits + sizeof(digits);
	uint64_t chance, id;

	if (getrandom(&chance, sizeof(chance), 0) != sizeof(chance))
		return -EIO;
	if (ms < 1)
		ms = (int64_t)(chance >> (64 - LOST_CLOCK_BITS)) + 1;
	id = (uint64_t)ms << CHANCE_BITS | (chance & ((1U << CHANCE_BITS) - 1));
	do
		*--p = symbols[id & 31];
	while (id >>= 5);
	snprintf(out, TB_OUTBOX_DRAWN_TEXT, "%c_%.*s", kind, (int)(digits + sizeof(digits) - p), p);
	return 0;
}

/* 29, eight digits of chance and a check digit: such is what our own ledger draws. */
int
tb_outbox_draw_card(char *out)
{
	unsigned sum = 0;
	uint32_t chance;

	if (getrandom(&chance, sizeof(chance), 0) != sizeof(chance))
		return -EIO;
	snprintf(out, TB_OUTBOX_DRAWN_TEXT, "29%08u", (unsigned)(chance % 100000000U));
	for (unsigned i = 0; i < 10; i++) {
		unsigned digit = (unsigned)(out[9 - i] - '0') * (i % 2 == 0 ? 2 : 1);

		sum += digit > 9 ? digit - 9 : digit;
	}
	out[10] = (char)('0' + (10 - sum % 10) % 10);
	out[11] = '\0';
	return 0;
}

/* The order of members is nobody's business, so they are sorted; the key is looked up by itself. */
int
tb_outbox_hash(enum tb_op op, json_t *params, uint8_t *out)
{
	_cleanup_free_ char *text = NULL;
	json_t *key = json_incref(json_object_get(params, "key"));
	const char *method = tb_loyalty_op_name(op);
	struct sha256_ctx sha;

	json_object_del(params, "key");
	text = json_dumps(params, JSON_SORT_KEYS | JSON_COMPACT);
	if (key && json_object_set_new(params, "key", key) < 0)
		return -ENOMEM;
	if (!text)
		return -ENOMEM;
	sha256_init(&sha);
	sha256_update(&sha, strlen(method) + 1, (const uint8_t *)method);
	sha256_update(&sha, strlen(text), (const uint8_t *)text);
	sha256_digest(&sha, TB_OUTBOX_HASH_SIZE, out);
	return 0;
}

/* ---- the answer of an effect that waits ---- */

static void
take_customer(const struct tb_answer *answer, void *userdata)
{
	json_t **ret = userdata;

	if (answer->error == TB_OK)
		*ret = json_loadb(answer->json, answer->len, 0, NULL);
}

/* What is known of a customer here, NULL when nothing is. */
static json_t *
known_customer(struct tb_outbox *outbox, const char *id)
{
	const struct tb_conf *conf = outbox->bridge->conf;
	json_t *found = NULL, *params = json_pack("{s:s}", "id", id);
	struct tb_call call = {
		.op = TB_OP_CUSTOMER_LOOKUP,
		.caller = {.site = conf->site, .till = conf->till},
		.params = params,
		.done = take_customer,
		.userdata = &found,
	};

	if (params && outbox->bridge->offline)
		tb_offline_answer(outbox->bridge->offline, &call);
	json_decref(params);
	return found;
}

/* Copies a member of an object as it stands. */
static void
write_member(struct tb_jsonw *w, const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	_cleanup_free_ char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY)
	                                  : NULL;

	if (text)
		tb_jsonw_raw(w, name, text, strlen(text));
}

/* The card of the call stands last. */
static void
add_card(json_t *customer, json_t *number)
{
	json_t *cards = json_object_get(customer, "cards");

	if (!cards) {
		cards = json_array();
		json_object_set_new(customer, "cards", cards);
	}
	json_array_append_new(cards, json_pack("{s:O, s:s}", "number", number, "state", "active"));
}

/* What is known of him here, and over it what the till has just said. */
static json_t *
customer_of(struct tb_outbox *outbox, const struct tb_outbox_row *row, const json_t *params,
	const char *id, json_t *known)
{
	json_t *record = json_object_get(params, "record"), *card = json_object_get(params, "card");
	json_t *customer = json_object_get(known, "customer");

	customer = customer ? json_copy(customer) : json_object();
	if (!customer)
		return NULL;
	json_object_set_new(customer, "id", json_string(id));
	if (row->op == TB_OP_CUSTOMER_CREATE && json_object_get(params, "token"))
		json_object_set(customer, "token", json_object_get(params, "token"));
	if (row->op == TB_OP_CUSTOMER_CREATE || row->op == TB_OP_CUSTOMER_UPDATE)
		tb_outbox_record_lay(customer, record, outbox->bridge->conf->country);
	if (row->op == TB_OP_CUSTOMER_CREATE && card)
		add_card(customer, card);
	return customer;
}

char *
tb_outbox_newer_record(
	struct tb_outbox *outbox, const struct tb_outbox_row *row, const json_t *params)
{
	const char *id = json_string_value(json_object_get(params, "id"));
	_cleanup_(json_decrefp) json_t *known = NULL;
	_cleanup_(json_decrefp) json_t *data = NULL;
	json_t *customer;

	if (row->op != TB_OP_CUSTOMER_UPDATE || !id)
		return NULL;
	known = known_customer(outbox, id);
	customer = json_object_get(known, "customer");
	if (json_integer_value(json_object_get(params, "revision")) >=
		json_integer_value(json_object_get(customer, "revision")))
		return NULL;
	data = json_pack("{s:O}", "customer", customer);
	return data ? json_dumps(data, JSON_COMPACT) : NULL;
}

static void
write_customer(struct tb_outbox *outbox, struct tb_jsonw *w, const struct tb_outbox_row *row,
	const json_t *params)
{
	bool person = row->op == TB_OP_CUSTOMER_CREATE || row->op == TB_OP_CUSTOMER_UPDATE;
	const char *id = row->op == TB_OP_CUSTOMER_CREATE
	                         ? row->drawn
	                         : json_string_value(
					   json_object_get(params, person ? "id" : "customer"));
	_cleanup_(json_decrefp) json_t *known = id ? known_customer(outbox, id) : NULL;
	_cleanup_(json_decrefp) json_t *answer = json_object();

	if (!id || !answer)
		return;
	json_object_set_new(answer, "customer", customer_of(outbox, row, params, id, known));
	write_member(w, answer, "customer");
	if (person)
		write_member(w, known, "balances");
	write_member(w, known, "stale");
	write_member(w, known, "as_of");
}

char *
tb_outbox_queued_answer(
	struct tb_outbox *outbox, const struct tb_outbox_row *row, const json_t *params)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&buf);
	bool post = row->op == TB_OP_PASSAGE_POST;

	tb_jsonw_object(&w, NULL);
	if (post || row->op == TB_OP_PASSAGE_REVERSE || row->op == TB_OP_PASSAGE_AMEND) {
		tb_jsonw_string(&w, "passage", row->drawn);
		tb_jsonw_string(&w, "state", "queued");
		if (post)
			tb_jsonw_raw(&w, "reasons", "[\"offline\"]", 11);
		tb_jsonw_array(&w, "warnings");
		/* It was to be delivered, and the server would not have it. */
		if (row->state == TB_OUTBOX_REFUSED)
			tb_jsonw_string(&w, NULL, "refused");
		tb_jsonw_end_array(&w);
	} else {
		write_customer(outbox, &w, row, params);
		tb_jsonw_string(&w, "state", "queued");
	}
	if (row->state != TB_OUTBOX_REFUSED)
		tb_jsonw_string(&w, "message", tb_say_queued(outbox->bridge->conf->language));
	tb_jsonw_end_object(&w);
	return tb_buf_take(&buf);
}

char *
tb_outbox_reservation_of(const char *json)
{
	json_t *answer = json_loads(json, 0, NULL);
	const char *id = json_string_value(json_object_get(answer, "reservation"));
	char *copy = id ? strdup(id) : NULL;

	json_decref(answer);
	return copy;
}
