/* SPDX-License-Identifier: MIT */
/*
 * What a customer is found by, folded as the server folds it and hashed: of his record, and of what
 * a look-up asks for. No name leaves this file in the plain.
 */

#include <stdio.h>
#include <string.h>
#include "base/text.h"
#include "bridge/conf.h"
#include "bridge/offline-parts.h"

#define NAME_VALUE_MAX 512 /* bytes; nothing longer is printed or typed */

void
tb_offline_names_add(struct tb_offline_names *names, enum tb_offline_name_kind kind,
	const char *value, enum tb_offline_name_state state)
{
	struct tb_offline_name *name = &names->items[names->n];

	if (!value || !*value || names->n == TB_OFFLINE_NAMES_MAX)
		return;
	*name = (struct tb_offline_name){.state = state,
		.sole = kind == TB_OFFLINE_NAME_CARD || kind == TB_OFFLINE_NAME_TOKEN};
	tb_offline_cache_hash(names->offline->cache, kind, value, name);
	names->n++;
}

static void
add_phone(struct tb_offline_names *names, const char *text)
{
	_cleanup_free_ char *phone = text ? tb_phone_e164(
						    text, names->offline->bridge->conf->country)
	                                  : NULL;

	tb_offline_names_add(names, TB_OFFLINE_NAME_PHONE, phone, TB_OFFLINE_NAME_ACTIVE);
}

static void
add_email(struct tb_offline_names *names, const char *text)
{
	_cleanup_free_ char *email = text ? tb_email_fold(text) : NULL;

	tb_offline_names_add(names, TB_OFFLINE_NAME_EMAIL, email, TB_OFFLINE_NAME_ACTIVE);
}

/* TB:… as it is typed, or the end of a URL …/c/<token>, whose prefix is left out there. */
static void
add_token(struct tb_offline_names *names, const char *text)
{
	char token[NAME_VALUE_MAX];
	const char *path = strstr(text, "/c/");
	size_t n = 0;

	if (path || strncasecmp(text, "TB:", 3) != 0)
		n = (size_t)snprintf(token, sizeof(token), "TB:");
	for (const char *p = path ? path + 3 : text; *p && !strchr("?#/", *p); p++) {
		if (*p == ' ')
			continue;
		if (n + 1 >= sizeof(token))
			return;
		token[n++] = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
	}
	token[n] = '\0';
	tb_offline_names_add(names, TB_OFFLINE_NAME_TOKEN, token, TB_OFFLINE_NAME_ACTIVE);
}

static void
add_cards(struct tb_offline_names *names, const json_t *cards)
{
	const json_t *card;
	size_t i;

	json_array_foreach(cards, i, card) {
		const char *state = tb_offline_text(card, "state");

		tb_offline_names_add(names, TB_OFFLINE_NAME_CARD, tb_offline_text(card, "number"),
			!state || strcmp(state, "active") == 0 ? TB_OFFLINE_NAME_ACTIVE
							       : TB_OFFLINE_NAME_BLOCKED);
	}
}

void
tb_offline_names_of_record(struct tb_offline_names *names, const json_t *record)
{
	const char *token = tb_offline_text(record, "token"), *system;
	json_t *value;
	size_t i;

	if (token)
		add_token(names, token);
	add_cards(names, json_object_get(record, "cards"));
	json_array_foreach(json_object_get(record, "phones"), i, value)
		add_phone(names, json_string_value(value));
	json_array_foreach(json_object_get(record, "emails"), i, value)
		add_email(names, json_string_value(value));
	json_object_foreach(json_object_get(record, "external_refs"), system, value)
		tb_offline_names_add(names, TB_OFFLINE_NAME_REF, json_string_value(value),
			TB_OFFLINE_NAME_ACTIVE);
}

void
tb_offline_names_of_call(struct tb_offline_names *names, const json_t *params)
{
	const char *card = tb_offline_text(params, "card"), *code = tb_offline_text(params, "code");

	tb_offline_names_add(names, TB_OFFLINE_NAME_CARD, card, TB_OFFLINE_NAME_ACTIVE);
	add_phone(names, tb_offline_text(params, "phone"));
	add_email(names, tb_offline_text(params, "email"));
	if (!code)
		return;
	if (strncasecmp(code, "TB:", 3) == 0 || strstr(code, "/c/")) {
		add_token(names, code);
		return;
	}
	tb_offline_names_add(names, TB_OFFLINE_NAME_CARD, code, TB_OFFLINE_NAME_ACTIVE);
	if (strchr(code, '@')) {
		add_email(names, code);
		return;
	}
	add_phone(names, code);
	tb_offline_names_add(names, TB_OFFLINE_NAME_REF, code, TB_OFFLINE_NAME_ACTIVE);
}

const char *
tb_offline_id_of_call(const json_t *params)
{
	const char *id = tb_offline_text(params, "id"), *code = tb_offline_text(params, "code");

	return id ? id : code && strncmp(code, "c_", 2) == 0 ? code : NULL;
}
