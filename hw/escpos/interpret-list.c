/* SPDX-License-Identifier: MIT */
/* A whole stream read into a list, and an element written as JSON. */

#include "hw/escpos/interpret.h"

#include "base/jsonw.h"
#include "hw/escpos/interpret-state.h"

struct reading {
	struct tb_page_list *list;
	int error;
};

static void
on_element(const struct tb_element *element, void *userdata)
{
	struct reading *reading = userdata;
	struct tb_page_list *list = reading->list;
	struct tb_element *copy;

	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 32;
		struct tb_element *items = reallocarray(list->items, cap, sizeof(*items));

		if (!items) {
			reading->error = -ENOMEM;
			return;
		}
		list->items = items;
		list->cap = cap;
	}
	copy = tb_element_copy(element);
	if (!copy) {
		reading->error = -ENOMEM;
		return;
	}
	/* What it points to moves with it. */
	list->items[list->n++] = *copy;
	free(copy);
}

static void
on_ticket(const struct tb_canvas *canvas, bool cut, void *userdata)
{
	struct reading *reading = userdata;

	if (canvas->ink)
		reading->list->tickets++;
}

int
tb_page_list_read(struct tb_page_list *list, const struct tb_interpret_config *config,
	const void *data, size_t len)
{
	static const struct tb_interpret_ops ops = {.element = on_element, .ticket = on_ticket};
	struct reading reading = {.list = list};
	_cleanup_(tb_interpret_freep) struct tb_interpret *in = tb_interpret_new(
		config, &ops, &reading);
	int r, e;

	*list = (struct tb_page_list){0};
	if (!in)
		return -ENOMEM;
	r = tb_interpret_feed(in, data, len);
	e = tb_interpret_end(in);
	if (r == 0)
		r = e < 0 ? e : reading.error;
	if (r < 0)
		tb_page_list_done(list);
	return r;
}

void
tb_page_list_done(struct tb_page_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		struct tb_element *element = &list->items[i];

		if (element->kind == TB_ELEMENT_TEXT)
			free((void *)element->text.text);
		else if (element->kind == TB_ELEMENT_CODE)
			free((void *)element->code.data);
		else if (element->kind == TB_ELEMENT_UNKNOWN)
			free((void *)element->unknown.bytes);
	}
	free(list->items);
	*list = (struct tb_page_list){0};
}

static void
text_json(struct tb_jsonw *w, const struct tb_element *element)
{
	tb_jsonw_string(w, "el", "text");
	tb_jsonw_int(w, "x", element->x);
	tb_jsonw_int(w, "y", element->y);
	tb_jsonw_string_n(w, "text", element->text.text, element->text.len);
	tb_jsonw_bool(w, "bold", element->text.bold);
	tb_jsonw_int(w, "width", element->text.width);
	tb_jsonw_int(w, "height", element->text.height);
	tb_jsonw_bool(w, "underline", element->text.underline != 0);
	tb_jsonw_bool(w, "invert", element->text.invert);
}

static void
code_json(struct tb_jsonw *w, const struct tb_element *element)
{
	tb_jsonw_string(w, "el", "code");
	tb_jsonw_string(w, "type", element->code.type);
	tb_jsonw_string_n(w, "data", element->code.data, element->code.len);
	if (!element->code.printed)
		tb_jsonw_bool(w, "printed", false);
}

static void
unknown_json(struct tb_jsonw *w, const struct tb_element *element)
{
	static const char digits[] = "0123456789abcdef";
	_cleanup_buf_ struct tb_buf hex = TB_BUF_INIT(0);

	for (size_t i = 0; i < element->unknown.len; i++) {
		tb_buf_add_byte(&hex, (uint8_t)digits[element->unknown.bytes[i] >> 4]);
		tb_buf_add_byte(&hex, (uint8_t)digits[element->unknown.bytes[i] & 15]);
	}
	tb_jsonw_string(w, "el", "unknown");
	tb_jsonw_string(w, "bytes", hex.data ? hex.data : "");
}

void
tb_element_json(const struct tb_element *element, struct tb_buf *out)
{
	struct tb_jsonw w = TB_JSONW(out);

	tb_jsonw_object(&w, NULL);
	switch (element->kind) {
	case TB_ELEMENT_TEXT:
		text_json(&w, element);
		break;
	case TB_ELEMENT_CODE:
		code_json(&w, element);
		break;
	case TB_ELEMENT_IMAGE:
		tb_jsonw_string(&w, "el", "image");
		tb_jsonw_int(&w, "w", element->w);
		tb_jsonw_int(&w, "h", element->h);
		break;
	case TB_ELEMENT_CUT:
		tb_jsonw_string(&w, "el", "cut");
		tb_jsonw_string(&w, "kind", element->cut.partial ? "partial" : "full");
		break;
	case TB_ELEMENT_PULSE:
		tb_jsonw_string(&w, "el", "pulse");
		tb_jsonw_int(&w, "pin", element->pulse.pin);
		tb_jsonw_int(&w, "on_ms", element->pulse.on_ms);
		tb_jsonw_int(&w, "off_ms", element->pulse.off_ms);
		break;
	case TB_ELEMENT_UNKNOWN:
		unknown_json(&w, element);
		break;
	case TB_ELEMENT_DIALECT:
		tb_jsonw_string(&w, "el", "dialect");
		tb_jsonw_string(&w, "suspect", element->dialect.suspect);
		break;
	}
	tb_jsonw_end_object(&w);
}
