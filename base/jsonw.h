/* SPDX-License-Identifier: MIT */
/*
 * Writes JSON text straight into a buffer: no tree is built, nothing is parsed. Escaping and commas
 * are done here, nesting is the caller's. Errors are those of the buffer.
 */
#pragma once

#include "base/buf.h"

struct tb_jsonw {
	struct tb_buf *buf;
	bool comma; /* the next member or item needs one before it */
};

#define TB_JSONW(b) ((struct tb_jsonw){.buf = (b)})

/* `name` is the member's name inside an object, NULL inside an array and at the top. */
void tb_jsonw_open(struct tb_jsonw *w, const char *name, char bracket);
void tb_jsonw_close(struct tb_jsonw *w, char bracket);
#define tb_jsonw_object(w, name) tb_jsonw_open(w, name, '{')
#define tb_jsonw_end_object(w) tb_jsonw_close(w, '}')
#define tb_jsonw_array(w, name) tb_jsonw_open(w, name, '[')
#define tb_jsonw_end_array(w) tb_jsonw_close(w, ']')

/* value is UTF-8; NULL writes nothing at all, since an absent member means unknown. */
void tb_jsonw_string(struct tb_jsonw *w, const char *name, const char *value);
void tb_jsonw_string_n(struct tb_jsonw *w, const char *name, const char *value, size_t len);
void tb_jsonw_int(struct tb_jsonw *w, const char *name, int64_t value);
void tb_jsonw_bool(struct tb_jsonw *w, const char *name, bool value);
/* text is JSON already. */
void tb_jsonw_raw(struct tb_jsonw *w, const char *name, const char *text, size_t len);
/* value, quoted and escaped, with no comma before it. */
void tb_json_quote(struct tb_buf *buf, const char *value, size_t len);
