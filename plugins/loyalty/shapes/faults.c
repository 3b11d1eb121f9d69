/* SPDX-License-Identifier: MIT */
/* The list of what is wrong with a value, each with the place and a word. */

#include <stdio.h>

#include "plugins/loyalty/shapes/shapes.h"

void
tb_faults_done(struct tb_faults *faults)
{
	for (size_t i = 0; i < faults->count; i++)
		free(faults->items[i].pointer);
	free(faults->items);
	*faults = (struct tb_faults){0};
}

void
tb_faults_add(struct tb_faults *faults, const char *code, const char *pointer, ...)
{
	struct tb_fault *items;
	va_list args;
	char *text;
	int n;

	if (faults->count >= TB_FAULTS_MAX)
		return;
	items = reallocarray(faults->items, faults->count + 1, sizeof(*items));
	if (!items) {
		faults->nomem = true;
		return;
	}
	faults->items = items;
	va_start(args, pointer);
	n = vasprintf(&text, pointer, args);
	va_end(args);
	if (n < 0) {
		faults->nomem = true;
		return;
	}
	items[faults->count++] = (struct tb_fault){text, code};
}

void
tb_faults_write(const struct tb_faults *faults, struct tb_buf *buf)
{
	struct tb_jsonw w = TB_JSONW(buf);

	tb_jsonw_object(&w, NULL);
	tb_jsonw_array(&w, "errors");
	for (size_t i = 0; i < faults->count; i++) {
		tb_jsonw_object(&w, NULL);
		tb_jsonw_string(&w, "pointer", faults->items[i].pointer);
		tb_jsonw_string(&w, "code", faults->items[i].code);
		tb_jsonw_end_object(&w);
	}
	tb_jsonw_end_array(&w);
	tb_jsonw_end_object(&w);
}
