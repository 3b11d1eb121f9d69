/* SPDX-License-Identifier: MIT */
/* Reads the recorded streams and what the interpreter tells of them. */

#include "tests/unit/escpos-read/reading.h"

#include <stdio.h>
#include <string.h>

#ifndef FIXTURES
#error "the build names the folder of the fixtures"
#endif

json_t *
recorded_list(void)
{
	json_error_t error;
	json_t *list = json_load_file(FIXTURES "/recorded.json", 0, &error);

	if (!list) {
		fprintf(stderr, "recorded.json: %s\n", error.text);
		exit(1);
	}
	return list;
}

uint8_t *
recorded_bytes(const char *file, size_t *ret_len)
{
	char path[512];
	FILE *stream;
	uint8_t *bytes;
	long len;

	snprintf(path, sizeof(path), FIXTURES "/recorded/%s", file);
	stream = fopen(path, "rb");
	if (!stream || fseek(stream, 0, SEEK_END) < 0 || (len = ftell(stream)) < 0) {
		perror(path);
		exit(1);
	}
	rewind(stream);
	bytes = malloc((size_t)len + 1);
	if (!bytes || fread(bytes, 1, (size_t)len, stream) != (size_t)len)
		abort();
	fclose(stream);
	*ret_len = (size_t)len;
	return bytes;
}

static void
on_element(const struct tb_element *element, void *userdata)
{
	struct told *told = userdata;

	tb_element_json(element, &told->lines);
	tb_buf_add_byte(&told->lines, '\n');
}

static void
keep_canvas(struct told *told, const struct tb_canvas *canvas)
{
	struct tb_canvas *copy;
	size_t size = canvas->rows * canvas->stride;

	told->canvases = reallocarray(
		told->canvases, told->n_canvases + 1, sizeof(*told->canvases));
	if (!told->canvases)
		abort();
	copy = &told->canvases[told->n_canvases++];
	*copy = *canvas;
	copy->bits = malloc(size + 1);
	if (!copy->bits)
		abort();
	memcpy(copy->bits, canvas->bits, size);
}

static void
on_ticket(const struct tb_canvas *canvas, bool cut, void *userdata)
{
	struct told *told = userdata;

	if (!canvas->ink)
		return;
	told->tickets++;
	for (size_t i = 0; i < canvas->rows * canvas->stride; i++)
		told->dots = told->dots * 31 + canvas->bits[i];
	if (told->keep)
		keep_canvas(told, canvas);
}

void
tell(struct told *told, const struct tb_interpret_config *config, const uint8_t *bytes, size_t len,
	const size_t *cuts, size_t n)
{
	static const struct tb_interpret_ops ops = {.element = on_element, .ticket = on_ticket};
	_cleanup_(tb_interpret_freep) struct tb_interpret *in = tb_interpret_new(
		config, &ops, told);
	size_t at = 0;

	if (!in)
		abort();
	for (size_t i = 0; i < n; i++) {
		tb_interpret_feed(in, bytes + at, cuts[i] - at);
		at = cuts[i];
	}
	while (!cuts && at < len)
		tb_interpret_feed(in, bytes + at++, 1);
	tb_interpret_feed(in, bytes + at, len - at);
	if (tb_interpret_end(in) < 0)
		abort();
	tb_buf_add_byte(&told->lines, '\0');
}

void
tell_bytes(struct told *told, const void *bytes, size_t len)
{
	const struct tb_interpret_config config = {0};

	tell(told, &config, bytes, len, &(size_t){0}, 1);
}

void
told_done(struct told *told)
{
	for (size_t i = 0; i < told->n_canvases; i++)
		free(told->canvases[i].bits);
	free(told->canvases);
	tb_buf_done(&told->lines);
	*told = (struct told){0};
}
