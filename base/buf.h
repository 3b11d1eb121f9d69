/* SPDX-License-Identifier: MIT */
/*
 * A growable run of bytes with an upper limit. The first failure sticks: appending after it does
 * nothing, and tb_buf_error() tells once at the end whether the content is whole.
 */
#pragma once

#include <stdarg.h>
#include <string.h>
#include "base/macros.h"

struct tb_buf {
	char *data; /* NUL terminated when not NULL; the NUL does not count in len */
	size_t len;
	size_t cap;
	size_t max; /* 0: no limit beyond memory */
	int error;  /* 0, -ENOMEM or -EMSGSIZE */
};

#define TB_BUF_INIT(limit) ((struct tb_buf){.max = (limit)})

/* Frees the content and makes the buffer empty and usable again, limit kept. */
void tb_buf_done(struct tb_buf *buf);

/* Forgets the content and the error, keeps the memory. */
void tb_buf_reset(struct tb_buf *buf);

/* Makes room for `more` bytes behind len; 0, or the (sticky) error. */
int tb_buf_reserve(struct tb_buf *buf, size_t more);

void tb_buf_add(struct tb_buf *buf, const void *data, size_t len);
void tb_buf_add_str(struct tb_buf *buf, const char *text);
void tb_buf_add_byte(struct tb_buf *buf, uint8_t byte);
void tb_buf_addf(struct tb_buf *buf, const char *format, ...) TB_PRINTF(2, 3);
void tb_buf_vaddf(struct tb_buf *buf, const char *format, va_list args) TB_PRINTF(2, 0);

/* Drops the first len bytes (at most all). */
void tb_buf_consume(struct tb_buf *buf, size_t len);

/* The first error since init or reset, 0 when there was none. */
static inline int
tb_buf_error(const struct tb_buf *buf)
{
	return buf->error;
}

/* The content as an owned string, "" when nothing was added; NULL after an error. Empties buf. */
char *tb_buf_take(struct tb_buf *buf);

#define _cleanup_buf_ _cleanup_(tb_buf_done)
