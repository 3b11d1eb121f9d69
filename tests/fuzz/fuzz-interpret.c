/* SPDX-License-Identifier: MIT */
/*
 * Bytes to page: nothing in a stream may break the interpreter, and it tells the same in one piece
 * as in two. The first byte chooses the dialect and the profile, the rest is the stream.
 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hw/escpos/interpret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was told, as one number. */
struct sum {
	uint64_t value;
	unsigned elements, tickets;
};

static void
add(struct sum *sum, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		sum->value = sum->value * 31 + bytes[i];
}

static void
on_element(const struct tb_element *element, void *userdata)
{
	struct tb_buf line = TB_BUF_INIT(0);
	struct sum *sum = userdata;

	tb_element_json(element, &line);
	add(sum, line.data, line.len);
	tb_buf_done(&line);
	sum->elements++;
}

static void
on_ticket(const struct tb_canvas *canvas, bool cut, void *userdata)
{
	struct sum *sum = userdata;

	if (canvas->rows > TB_CANVAS_ROWS_MAX)
		__builtin_trap();
	add(sum, canvas->bits, canvas->rows * canvas->stride);
	sum->tickets++;
}

static void
on_request(const struct tb_request *request, void *userdata)
{
	add(userdata, &request->n, sizeof(request->n));
}

/* A glyph that fills any cell, so that all of it is drawn. */
static bool
find_glyph(struct tb_glyphs *glyphs, uint32_t character, bool bold, unsigned cell_w,
	unsigned cell_h, struct tb_bitmap *ret)
{
	static uint8_t black[32 * 4];

	memset(black, 0xFF, sizeof(black));
	*ret = (struct tb_bitmap){black, (cell_w + 7) / 8, cell_w, cell_h};
	return character % 7 != 0;
}

static struct sum
read_stream(uint8_t choice, const uint8_t *data, size_t size, size_t cut)
{
	static const struct tb_interpret_ops ops = {
		.element = on_element, .request = on_request, .ticket = on_ticket};
	static struct tb_glyphs glyphs = {find_glyph};
	struct tb_interpret_config config = {
		.dialect = choice & 1 ? TB_DIALECT_STAR : TB_DIALECT_ESCPOS,
		.profile = tb_profile_at(choice >> 1 & 31),
		.glyphs = choice & 64 ? &glyphs : NULL,
		.no_qr = choice & 128};
	struct sum sum = {0};
	struct tb_interpret *in = tb_interpret_new(&config, &ops, &sum);

	if (!in)
		return sum;
	tb_interpret_feed(in, data, cut);
	tb_interpret_feed(in, data + cut, size - cut);
	tb_interpret_end(in);
	tb_interpret_free(in);
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sum whole, halves;
	uint8_t choice;

	if (size < 1 || size > 256 * 1024)
		return 0;
	choice = data[0];
	data++;
	size--;
	whole = read_stream(choice, data, size, size);
	halves = read_stream(choice, data, size, size / 3 + choice % (size / 2 + 1));
	if (whole.value != halves.value || whole.elements != halves.elements ||
		whole.tickets != halves.tickets)
		__builtin_trap();
	return 0;
}
