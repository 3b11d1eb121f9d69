/* SPDX-License-Identifier: MIT */
/*
 * Names that the ledger gives: ids that grow with time and say nothing, and codes that nobody can
 * guess. The text of an id is a letter, an underscore and the number in base 32.
 */
#pragma once

#include "plugins/loyalty/ledger/ledger.h"

#define TB_ID_TEXT 24   /* room for the text of an id */
#define TB_CODE_TEXT 32 /* room for a drawn code */

/* A new id: milliseconds since 2020 and 20 bits of chance, above every id drawn before in this
 * run. -EIO when the system has no randomness. */
int tb_id_draw(struct tb_operation *op, int64_t *ret);

/* The least id that could have been drawn at that time. */
int64_t tb_id_at(int64_t at_us);

/* kind: 'c' customer, 'p' passage, 'r' reservation; out has TB_ID_TEXT bytes; returns out. */
const char *tb_id_format(char kind, int64_t id, char *out);
/* 0 when text is not the text of an id of that kind. */
int64_t tb_id_parse(char kind, const char *text);
/* The member `name`, when id is not 0. */
void tb_id_write(struct tb_jsonw *w, const char *name, char kind, int64_t id);

/*
 * prefix and `length` symbols of an alphabet of 30 in which no two look alike (no 0 O 1 I L U): 13
 * symbols are 63 bits. out has TB_CODE_TEXT bytes.
 */
int tb_code_draw(const char *prefix, size_t length, char *out);
/* Whether text could have been drawn so. */
bool tb_code_is_drawn(const char *prefix, size_t length, const char *text);

/*
 * The number of a drawn card: 29, eight digits of chance and a check digit (Luhn). Eleven digits
 * are no EAN (8, 12, 13, 14), no payment card (13 to 19) and no national phone number (10).
 */
int tb_card_draw(char *out);

/* A code as it was typed by hand: blanks gone, letters upper case. out has n bytes; false when it
 * does not fit. */
bool tb_code_tidy(const char *typed, char *out, size_t n);
