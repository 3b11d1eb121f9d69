/* SPDX-License-Identifier: MIT */
/* A row a key; and the forms of values. */

#include "bridge/conf-table.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include "bridge/conf.h"
#include "bridge/rpc/check.h"
#include "bridge/rpc/request.h"

#define NAME_MAX_CHARS 64

const struct tb_conf_row tb_conf_rows[] = {
	{"bridge", "site", TB_CONF_NAME, "shop", NULL, 0, 0,
		"a name of up to 64 characters without /"},
	{"bridge", "till", TB_CONF_NAME, "1", NULL, 0, 0,
		"a name of up to 64 characters without /"},
	{"bridge", "currency", TB_CONF_LETTERS, "EUR", NULL, 3, 0, "three capital letters, as EUR"},
	{"bridge", "language", TB_CONF_WORD, "fr", "fr en de it", 0, 0, NULL},
	{"bridge", "product_reference", TB_CONF_WORD, "code", "label code ean", 0, 0, NULL},
	{"bridge", "country", TB_CONF_LETTERS, "FR", NULL, 2, 0, "two capital letters, as FR"},
	{"loyalty", "connector", TB_CONF_WORD, "ledger", "ledger hub rest null", 0, 0, NULL},
	{"loyalty", "deadline", TB_CONF_DURATION, "2s", NULL, 10000, 600000000,
		"a duration from 10ms to 10m, as 2s"},
	{"ledger", "store", TB_CONF_STORE, "sqlite", NULL, 0, 0,
		"sqlite, or postgresql://user@host/db"},
	{"hub", "url", TB_CONF_URL, NULL, NULL, 0, 0, "https://HOST[:PORT]"},
	{"hub", "token_file", TB_CONF_PATH, NULL, NULL, 0, 0, "an absolute path"},
	{"hub", "ca_file", TB_CONF_PATH, NULL, NULL, 0, 0, "an absolute path"},
	{"rest", "mapping", TB_CONF_PATH, NULL, NULL, 0, 0, "an absolute path"},
	{"http", "listen", TB_CONF_LISTEN, NULL, NULL, 0, 0, "ADDRESS:PORT, as 127.0.0.1:7443"},
	{"http", "origins", TB_CONF_TEXT, NULL, NULL, 0, 0, "origins with blanks between them"},
	{"http", "certificate", TB_CONF_TEXT, NULL, NULL, 0, 0, "a PEM file"},
	{"http", "key", TB_CONF_TEXT, NULL, NULL, 0, 0, "a PEM file"},
	{"codes", "customer", TB_CONF_PATTERNS, NULL, NULL, TB_CODE_CUSTOMER, 0,
		"patterns, as 2912*"},
	{"codes", "coupon", TB_CONF_PATTERNS, NULL, NULL, TB_CODE_COUPON, 0, "patterns, as 99*"},
	{"codes", "gift_card", TB_CONF_PATTERNS, NULL, NULL, TB_CODE_GIFT_CARD, 0,
		"patterns, as 88*"},
	{"codes", "article", TB_CONF_PATTERNS, NULL, NULL, TB_CODE_ARTICLE, 0, "patterns, as 20*"},
	{"access", "till", TB_CONF_ACCESS, NULL, NULL, TB_ROLE_TILL, 0, "user:NAME and group:NAME"},
	{"access", "device", TB_CONF_ACCESS, NULL, NULL, TB_ROLE_DEVICE, 0,
		"user:NAME and group:NAME"},
	{"access", "manager", TB_CONF_ACCESS, NULL, NULL, TB_ROLE_MANAGER, 0,
		"user:NAME and group:NAME"},
	{"access", "monitor", TB_CONF_ACCESS, NULL, NULL, TB_ROLE_MONITOR, 0,
		"user:NAME and group:NAME"},
};

const size_t tb_conf_n_rows = ARRAY_SIZE(tb_conf_rows);

const struct tb_conf_row *
tb_conf_row(const char *section, const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(tb_conf_rows); i++)
		if (strcmp(tb_conf_rows[i].section, section) == 0 &&
			(!key || strcmp(tb_conf_rows[i].key, key) == 0))
			return &tb_conf_rows[i];
	return NULL;
}

static bool
is_name(const char *text)
{
	size_t chars = 0;

	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p < 0x20 || *p == 0x7f || *p == '/')
			return false;
		chars += (*p & 0xc0) != 0x80;
	}
	return chars > 0 && chars <= NAME_MAX_CHARS;
}

static bool
is_letters(const char *text, size_t n)
{
	return strlen(text) == n && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == n;
}

static bool
is_port(const char *text)
{
	size_t len = strspn(text, "0123456789");

	return len > 0 && len <= 5 && text[len] == '\0' && atoi(text) >= 1 && atoi(text) <= 65535;
}

static bool
is_host_port(const char *text)
{
	const char *colon = strrchr(text, ':');

	return colon && colon > text && is_port(colon + 1) && !strpbrk(text, " \t");
}

static bool
is_url(const char *text, const char *scheme)
{
	size_t len = strlen(scheme);

	return strncmp(text, scheme, len) == 0 && text[len] && !strpbrk(text, " \t");
}

/* Without TLS only what does not leave the machine. */
static bool
is_loopback_url(const char *text)
{
	static const char scheme[] = "http://";
	char host[64];
	struct in_addr v4;
	size_t len;

	if (!is_url(text, scheme))
		return false;
	text += sizeof(scheme) - 1;
	len = text[0] == '[' ? strcspn(text, "]") + 1 : strcspn(text, ":/");
	snprintf(host, sizeof(host), "%.*s", (int)TB_MIN(len, sizeof(host)), text);
	return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
	       (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

bool
tb_conf_fits(const struct tb_conf_row *row, const char *value)
{
	uint64_t us;

	switch (row->kind) {
	case TB_CONF_NAME:
		return is_name(value);
	case TB_CONF_LETTERS:
		return is_letters(value, (size_t)row->min);
	case TB_CONF_WORD:
		return value[0] && tb_words_have(row->words, value);
	case TB_CONF_DURATION:
		return tb_duration_parse(value, &us) == 0 && us >= (uint64_t)row->min &&
		       us <= (uint64_t)row->max;
	case TB_CONF_PATH:
		return value[0] == '/';
	case TB_CONF_URL:
		return is_url(value, "https://") || is_loopback_url(value);
	case TB_CONF_STORE:
		return strcmp(value, "sqlite") == 0 || is_url(value, "postgresql://");
	case TB_CONF_LISTEN:
		return is_host_port(value);
	case TB_CONF_TEXT:
	case TB_CONF_PATTERNS:
	case TB_CONF_ACCESS:
		break;
	}
	return value[0] != '\0';
}

static bool
is_usb(const char *rest)
{
	static const char hex[] = "0123456789abcdefABCDEF";

	if (rest[0] == '@')
		return rest[1] != '\0';
	return strspn(rest, hex) == 4 && rest[4] == ':' && strspn(rest + 5, hex) == 4 &&
	       (rest[9] == '\0' || (rest[9] == ':' && rest[10] != '\0'));
}

bool
tb_conf_is_address(const char *text)
{
	static const char *const paths[] = {"tty:", "pty:", "hidraw:", "evdev:", "lp:", "camera:"};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (strncmp(text, paths[i], strlen(paths[i])) == 0)
			return text[strlen(paths[i])] == '/';
	if (strncmp(text, "usb:", 4) == 0)
		return is_usb(text + 4);
	if (strncmp(text, "tcp:", 4) == 0)
		return is_host_port(text + 4);
	return strncmp(text, "pcsc:", 5) == 0 && text[5] != '\0';
}
