/* SPDX-License-Identifier: MIT */
/*
 * UTF-8: is it valid, and how two spellings compare. The tables are those of utf8proc.
 */
#pragma once

#include "base/macros.h"

/* Whether the bytes are well-formed UTF-8 (no surrogates, nothing overlong); NUL is a character. */
bool tb_utf8_valid(const char *text, size_t len);

/* NFC, newly allocated; NULL without memory or when text is not UTF-8. */
char *tb_text_nfc(const char *text);

/*
 * For matching names of articles: NFC, case folded, runs of white space as one blank, none at the
 * ends. For searching people: the same with accents removed and ligatures untied. NULL as above.
 */
char *tb_text_fold(const char *text);
char *tb_text_fold_search(const char *text);

/*
 * A phone number in E.164 ("+33612345678"): blanks, dots, dashes, slashes and brackets removed,
 * 00 as +, a national number completed with the country's prefix (country: "FR", "CH" …). NULL when
 * what is left is not 7 to 15 digits behind a +, or the country is not known and the number is
 * national.
 */
char *tb_phone_e164(const char *text, const char *country);

/* Lower case of an e-mail address with one @ and something on both sides; NULL otherwise. */
char *tb_email_fold(const char *text);

/* Whether text has the form of a pattern with * (any run) and ? (any one character). */
bool tb_pattern_matches(const char *pattern, const char *text);
