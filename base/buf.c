/* SPDX-License-Identifier: MIT */
/* The growable byte buffer: growth by doubling, one sticky error. */

#include "base/buf.h"

#include <stdio.h>

void
tb_buf_done(struct tb_buf *buf)
{
	free(buf->data);
	*buf = TB_BUF_INIT(buf->max);
}

void
tb_buf_reset(struct tb_buf *buf)
{
	buf->len = 0;
	buf->error = 0;
	if (buf->data)
		buf->data[0] = '\0';
}

int
tb_buf_reserve(struct tb_buf *buf, size_t more)
{
	size_t need, cap;
	char *data;

	if (buf->error)
		return buf->error;
	if (more >= SIZE_MAX / 2 - buf->len)
		return buf->error = -ENOMEM;
	if (buf->max && buf->len + more > buf->max)
		return buf->error = -EMSGSIZE;
	need = buf->len + more + 1;
	if (need <= buf->cap)
		return 0;
	cap = TB_MAX(buf->cap * 2, (size_t)64);
	cap = TB_MAX(cap, need);
	data = realloc(buf->data, cap);
	if (!data)
		return buf->error = -ENOMEM;
	data[buf->len] = '\0';
	buf->data = data;
	buf->cap = cap;
	return 0;
}

void
tb_buf_add(struct tb_buf *buf, const void *data, size_t len)
{
	if (len == 0 || tb_buf_reserve(buf, len) < 0)
		return;
	memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void
tb_buf_add_str(struct tb_buf *buf, const char *text)
{
	tb_buf_add(buf, text, strlen(text));
}

void
tb_buf_add_byte(struct tb_buf *buf, uint8_t byte)
{
	tb_buf_add(buf, &byte, 1);
}

void
tb_buf_vaddf(struct tb_buf *buf, const char *format, va_list args)
{
	va_list again;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (n < 0 || tb_buf_reserve(buf, (size_t)n) < 0)
		return;
	vsnprintf(buf->data + buf->len, (size_t)n + 1, format, args);
	buf->len += (size_t)n;
}

void
tb_buf_addf(struct tb_buf *buf, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tb_buf_vaddf(buf, format, args);
	va_end(args);
}

void
tb_buf_consume(struct tb_buf *buf, size_t len)
{
	if (len >= buf->len) {
		buf->len = 0;
	} else {
		memmove(buf->data, buf->data + len, buf->len - len);
		buf->len -= len;
	}
	if (buf->data)
		buf->data[buf->len] = '\0';
}

char *
tb_buf_take(struct tb_buf *buf)
{
	char *data;

	if (tb_buf_reserve(buf, 0) < 0) {
		tb_buf_done(buf);
		return NULL;
	}
	data = TAKE_PTR(buf->data);
	tb_buf_done(buf);
	return data;
}
