/* SPDX-License-Identifier: MIT */
/*
 * The table of configuration keys, devices' own excepted, and what each kind of value must look
 * like. Reading files is conf.c's.
 */
#pragma once

#include "base/macros.h"

enum tb_conf_kind {
	TB_CONF_NAME,     /* a site, a till: printable, no / */
	TB_CONF_LETTERS,  /* `min` capital letters */
	TB_CONF_WORD,     /* one of `words` */
	TB_CONF_DURATION, /* min .. max in µs */
	TB_CONF_TEXT,     /* anything that is not empty */
	TB_CONF_PATH,     /* absolute */
	TB_CONF_URL,      /* https:// */
	TB_CONF_STORE,    /* sqlite, postgresql:// */
	TB_CONF_LISTEN,   /* HOST:PORT */
	TB_CONF_PATTERNS, /* of codes; min: enum tb_code_kind */
	TB_CONF_ACCESS,   /* user: and group:; min: enum tb_role */
};

struct tb_conf_row {
	const char *section, *key;
	enum tb_conf_kind kind;
	const char *fallback;
	const char *words;
	int64_t min, max;
	const char *prose; /* also what is expected, when the value is wrong */
};

extern const struct tb_conf_row tb_conf_rows[];
extern const size_t tb_conf_n_rows;

/* NULL when there is none; key NULL: any row of the section. */
const struct tb_conf_row *tb_conf_row(const char *section, const char *key);
bool tb_conf_fits(const struct tb_conf_row *row, const char *value);
/* "tty:/dev/ttyACM0", "tcp:HOST:PORT" … */
bool tb_conf_is_address(const char *text);
