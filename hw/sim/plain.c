/* SPDX-License-Identifier: MIT */
/* Puts runs of text back where they stand on the line, in columns of the small font's width. */

#include "hw/sim/plain.h"

#define COLUMN_DOTS 12u

static unsigned
characters(const char *text, size_t len)
{
	unsigned n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((uint8_t)text[i] & 0xC0) != 0x80;
	return n;
}

void
tb_plain_flush(struct tb_plain *plain, struct tb_buf *out)
{
	if (!plain->open)
		return;
	while (plain->line.len > 0 && plain->line.data[plain->line.len - 1] == ' ')
		plain->line.len--;
	tb_buf_add(out, plain->line.data, plain->line.len);
	tb_buf_add_byte(out, '\n');
	tb_buf_reset(&plain->line);
	plain->open = false;
	plain->column = 0;
}

static void
add_text(struct tb_plain *plain, const struct tb_element *element, struct tb_buf *out)
{
	unsigned column = element->x / COLUMN_DOTS;

	if (!plain->open || plain->y != element->y)
		tb_plain_flush(plain, out);
	plain->open = true;
	plain->y = element->y;
	for (; plain->column < column; plain->column++)
		tb_buf_add_byte(&plain->line, ' ');
	tb_buf_add(&plain->line, element->text.text, element->text.len);
	plain->column += characters(element->text.text, element->text.len);
}

static void
add_unknown(const struct tb_element *element, struct tb_buf *out)
{
	tb_buf_add_str(out, "[unknown");
	for (size_t i = 0; i < element->unknown.len && i < 32; i++)
		tb_buf_addf(out, " %02x", element->unknown.bytes[i]);
	tb_buf_add_str(out, element->unknown.len > 32 ? " …]\n" : "]\n");
}

void
tb_plain_add(struct tb_plain *plain, const struct tb_element *element, struct tb_buf *out)
{
	if (element->kind == TB_ELEMENT_TEXT) {
		add_text(plain, element, out);
		return;
	}
	tb_plain_flush(plain, out);
	switch (element->kind) {
	case TB_ELEMENT_CODE:
		tb_buf_addf(out, "[%s ", element->code.type);
		tb_buf_add(out, element->code.data, element->code.len);
		tb_buf_add_str(out, element->code.printed ? "]\n" : " NOT PRINTED]\n");
		break;
	case TB_ELEMENT_IMAGE:
		tb_buf_addf(out, "[image %ux%u]\n", element->w, element->h);
		break;
	case TB_ELEMENT_CUT:
		tb_buf_addf(out, "[%s cut]\n", element->cut.partial ? "partial" : "full");
		break;
	case TB_ELEMENT_PULSE:
		tb_buf_addf(out, "[pulse on pin %u, %u ms on, %u ms off]\n", element->pulse.pin,
			element->pulse.on_ms, element->pulse.off_ms);
		break;
	case TB_ELEMENT_UNKNOWN:
		add_unknown(element, out);
		break;
	case TB_ELEMENT_DIALECT:
		tb_buf_addf(out, "[the language of %s?]\n", element->dialect.suspect);
		break;
	default:
		break;
	}
}

void
tb_plain_done(struct tb_plain *plain)
{
	tb_buf_done(&plain->line);
}
