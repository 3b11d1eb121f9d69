/* SPDX-License-Identifier: MIT */
/*
 * The line that is being built and the paper it goes to: widths, wrapping, justification, feeds,
 * and the order in which things are told. In page mode the same line goes to the page's area.
 */

#include "hw/escpos/interpret-state.h"

#include <string.h>

/* A picture wider than the head is kept this far; more of it cannot be seen. */
#define STRIP_BYTES_MAX (1u << 20)

unsigned
tb_units(const struct tb_interpret *in, unsigned n, bool across)
{
	unsigned unit = across ? in->unit_x : in->unit_y;

	return unit ? (n * in->profile->dpi + unit / 2) / unit : n;
}

unsigned
tb_line_area(const struct tb_interpret *in)
{
	unsigned room;

	if (in->page.on)
		return TB_MAX(tb_page_line(in), 1u);
	room = in->canvas.width > in->left_margin ? in->canvas.width - in->left_margin : 1;
	return in->area_width ? TB_MIN(in->area_width, room) : room;
}

struct tb_element *
tb_element_copy(const struct tb_element *element)
{
	struct tb_element *copy = malloc(sizeof(*copy));
	const void **from = NULL;
	size_t len = 0;
	void *data;

	if (!copy)
		return NULL;
	*copy = *element;
	if (copy->kind == TB_ELEMENT_TEXT) {
		from = (const void **)&copy->text.text;
		len = copy->text.len;
	} else if (copy->kind == TB_ELEMENT_CODE) {
		from = (const void **)&copy->code.data;
		len = copy->code.len;
	} else if (copy->kind == TB_ELEMENT_UNKNOWN) {
		from = (const void **)&copy->unknown.bytes;
		len = copy->unknown.len;
	}
	if (!from)
		return copy;
	data = malloc(len + 1);
	if (!data) {
		free(copy);
		return NULL;
	}
	if (len > 0)
		memcpy(data, *from, len);
	((char *)data)[len] = '\0';
	*from = data;
	return copy;
}

void
tb_element_free(struct tb_element *element)
{
	if (!element)
		return;
	if (element->kind == TB_ELEMENT_TEXT)
		free((void *)element->text.text);
	else if (element->kind == TB_ELEMENT_CODE)
		free((void *)element->code.data);
	else if (element->kind == TB_ELEMENT_UNKNOWN)
		free((void *)element->unknown.bytes);
	free(element);
}

void
tb_line_drop(struct tb_interpret *in)
{
	for (size_t i = 0; i < in->n_items; i++) {
		if (in->items[i].kind == TB_ITEM_STRIP)
			free(in->items[i].strip.bits);
		else if (in->items[i].kind == TB_ITEM_ELEMENT)
			tb_element_free(in->items[i].element);
	}
	in->n_items = 0;
	in->strip_bytes = 0;
	in->pos = 0;
}

static struct tb_item *
add_item(struct tb_interpret *in, enum tb_item_kind kind)
{
	struct tb_item *item;

	if (in->n_items == TB_LINE_ITEMS_MAX)
		tb_line_print(in, in->line_space);
	item = &in->items[in->n_items++];
	*item = (struct tb_item){.kind = kind, .x = in->pos};
	return item;
}

void
tb_line_cell(struct tb_interpret *in, uint32_t character, bool wide)
{
	struct tb_item *item;
	unsigned w, h, space;

	tb_cell_size(in, &in->style, wide, &w, &h);
	space = (wide ? in->kanji_left + in->kanji_right : in->char_space) * in->style.width;
	w += space;
	if (in->pos > 0 && (unsigned)in->pos + w > tb_line_area(in) + space) {
		tb_line_print(in, in->line_space);
		in->pos = 0;
	}
	item = add_item(in, TB_ITEM_CELL);
	item->w = w;
	item->h = h;
	item->cell.character = character;
	item->cell.style = in->style;
	item->cell.style.bold |= in->double_strike;
	item->cell.space = space;
	item->cell.wide = wide;
	in->pos += (int)w;
}

/* Two pictures side by side as one. */
static bool
join_strip(struct tb_item *last, const uint8_t *bits, unsigned w)
{
	size_t stride = (last->w + 7) / 8, more = (w + 7) / 8, wide = (last->w + w + 7) / 8;
	uint8_t *joined = calloc(last->h, wide);

	if (!joined)
		return false;
	for (unsigned y = 0; y < last->h; y++) {
		memcpy(joined + y * wide, last->strip.bits + y * stride, stride);
		for (unsigned x = 0; x < w; x++) {
			if (bits[y * more + x / 8] & (0x80u >> (x % 8)))
				joined[y * wide + (last->w + x) / 8] |=
					(uint8_t)(0x80u >> ((last->w + x) % 8));
		}
	}
	free(last->strip.bits);
	last->strip.bits = joined;
	last->w += w;
	return true;
}

void
tb_line_strip(struct tb_interpret *in, uint8_t *bits, unsigned w, unsigned h)
{
	size_t bytes = (size_t)((w + 7) / 8) * h;
	struct tb_item *last = in->n_items > 0 ? &in->items[in->n_items - 1] : NULL;
	struct tb_item *item;

	if (w == 0 || in->strip_bytes + bytes > STRIP_BYTES_MAX ||
		in->pos >= (int)tb_line_area(in)) {
		free(bits);
		return;
	}
	in->strip_bytes += bytes;
	if (last && last->kind == TB_ITEM_STRIP && last->h == h &&
		last->x + (int)last->w == in->pos && join_strip(last, bits, w)) {
		free(bits);
	} else {
		item = add_item(in, TB_ITEM_STRIP);
		item->w = w;
		item->h = h;
		item->strip.bits = bits;
	}
	in->pos += (int)w;
}

void
tb_line_tell(struct tb_interpret *in, const struct tb_element *element)
{
	struct tb_item *item;

	if (in->n_items == 0) {
		tb_interpret_tell(in, element);
		return;
	}
	item = add_item(in, TB_ITEM_ELEMENT);
	item->element = tb_element_copy(element);
	if (!item->element) {
		in->n_items--;
		in->error = -ENOMEM;
	}
}

/* The box of the line: right edge and height of what has dots. */
static void
measure(const struct tb_interpret *in, unsigned *ret_right, unsigned *ret_height)
{
	unsigned right = 0, height = 0;

	for (size_t i = 0; i < in->n_items; i++) {
		const struct tb_item *item = &in->items[i];

		if (item->kind == TB_ITEM_ELEMENT)
			continue;
		right = TB_MAX(right, (unsigned)(item->x + (int)item->w));
		height = TB_MAX(height, item->h);
	}
	*ret_right = right;
	*ret_height = height;
}

static int
shift(const struct tb_interpret *in, unsigned width)
{
	unsigned area = tb_line_area(in);

	if (in->page.on || width >= area)
		return 0;
	if (in->align == 1)
		return (int)((area - width) / 2);
	return in->align == 2 ? (int)(area - width) : 0;
}

static bool
same_run(const struct tb_item *a, const struct tb_item *b)
{
	const struct tb_style *s = &a->cell.style, *t = &b->cell.style;

	return b->kind == TB_ITEM_CELL && a->x + (int)a->w == b->x && s->font == t->font &&
	       s->width == t->width && s->height == t->height && s->underline == t->underline &&
	       s->bold == t->bold && s->invert == t->invert && s->turned == t->turned;
}

/* Tells the cells from `from` on that are of one style; returns the first that is not. */
static size_t
tell_run(struct tb_interpret *in, size_t from, int x, int top, unsigned height)
{
	const struct tb_item *first = &in->items[from];
	struct tb_element element = {.kind = TB_ELEMENT_TEXT};
	_cleanup_buf_ struct tb_buf text = TB_BUF_INIT(0);
	size_t i = from;
	char utf8[4];

	do {
		tb_buf_add(&text, utf8, tb_utf8_put(in->items[i].cell.character, utf8));
		i++;
	} while (i < in->n_items && same_run(&in->items[i - 1], &in->items[i]));
	element.w = (unsigned)(in->items[i - 1].x + (int)in->items[i - 1].w - first->x);
	element.h = height;
	x += first->x;
	if (in->page.on)
		tb_page_map(in, &x, &top, element.w, element.h);
	element.x = (unsigned)TB_MAX(x, 0);
	element.y = (unsigned)TB_MAX(top, 0);
	element.text.text = text.data ? text.data : "";
	element.text.len = text.len;
	element.text.width = first->cell.style.width;
	element.text.height = first->cell.style.height;
	element.text.underline = first->cell.style.underline;
	element.text.font = first->cell.style.font;
	element.text.bold = first->cell.style.bold;
	element.text.invert = first->cell.style.invert;
	if (in->page.on)
		tb_page_keep(in, &element);
	else
		tb_interpret_tell(in, &element);
	return i;
}

static void
draw_items(struct tb_interpret *in, int x, int top, unsigned height)
{
	int area = (int)tb_line_area(in);
	bool flip = in->upside_down && !in->page.on;

	for (size_t i = 0; i < in->n_items; i++) {
		const struct tb_item *item = &in->items[i];
		int at = x + item->x, y = top + (int)(height - item->h);

		if (item->kind == TB_ITEM_STRIP) {
			struct tb_bitmap bitmap = {
				item->strip.bits, (item->w + 7) / 8, item->w, item->h};

			tb_line_draw(in, at, y, &bitmap, TB_TURN_NONE);
		} else if (item->kind == TB_ITEM_CELL && !flip) {
			tb_cell_draw(in, at, y, item, TB_TURN_NONE);
		} else if (item->kind == TB_ITEM_CELL) {
			int base = (int)in->left_margin;

			at = base + area - (at - base) - (int)item->w;
			tb_cell_draw(in, at, top, item, TB_TURN_HALF);
		}
	}
}

static void
tell_items(struct tb_interpret *in, int x, int top, unsigned height)
{
	for (size_t i = 0; i < in->n_items;) {
		const struct tb_item *item = &in->items[i];
		int at = x + item->x;

		if (item->kind == TB_ITEM_CELL) {
			i = tell_run(in, i, x, top, height);
			continue;
		}
		if (item->kind == TB_ITEM_STRIP)
			tb_image_tell(in, at, top + (int)(height - item->h), item->w, item->h);
		else
			tb_interpret_tell(in, item->element);
		i++;
	}
}

static void
advance(struct tb_interpret *in, unsigned dots)
{
	if (in->page.on)
		in->page.pos_y = TB_MIN(in->page.pos_y + (int)dots, (int)TB_CANVAS_ROWS_MAX);
	else
		in->y = TB_MIN(in->y + dots, TB_CANVAS_ROWS_MAX);
}

void
tb_line_print(struct tb_interpret *in, unsigned feed)
{
	unsigned right, height;
	int x, top;

	measure(in, &right, &height);
	x = shift(in, right);
	if (in->page.on) {
		in->page.pos_y = TB_MAX(in->page.pos_y, (int)height);
		top = in->page.pos_y - (int)height;
	} else {
		x += (int)in->left_margin;
		top = (int)in->y;
		feed = TB_MAX(feed, height);
	}
	if (in->n_items > 0) {
		draw_items(in, x, top, height);
		tell_items(in, x, top, height);
	}
	tb_line_drop(in);
	advance(in, feed);
}

void
tb_line_flush(struct tb_interpret *in)
{
	if (in->n_items > 0)
		tb_line_print(in, in->line_space);
	in->pos = 0;
}

void
tb_line_back(struct tb_interpret *in, unsigned dots)
{
	tb_line_flush(in);
	tb_image_flush(in);
	if (in->page.on)
		in->page.pos_y = TB_MAX(in->page.pos_y - (int)dots, 0);
	else
		in->y = dots < in->y ? in->y - dots : 0;
}

void
tb_line_tab(struct tb_interpret *in)
{
	int area = (int)tb_line_area(in);

	for (unsigned i = 0; i < in->n_tabs; i++) {
		if ((int)in->tabs[i] > in->pos) {
			in->pos = TB_MIN((int)in->tabs[i], area);
			return;
		}
	}
}

struct tb_place
tb_line_block(struct tb_interpret *in, unsigned w, unsigned h)
{
	struct tb_place place = {.fits = w <= tb_line_area(in)};

	if (in->page.on) {
		place.x = in->pos;
		in->page.pos_y = TB_MAX(in->page.pos_y, (int)h);
		place.y = in->page.pos_y - (int)h;
		in->pos = TB_MIN(in->pos + (int)w, (int)TB_CANVAS_WIDTH_MAX);
		return place;
	}
	tb_line_flush(in);
	place.x = (int)in->left_margin + shift(in, w);
	place.y = (int)in->y;
	advance(in, h);
	return place;
}

void
tb_line_draw(
	struct tb_interpret *in, int x, int y, const struct tb_bitmap *bitmap, enum tb_turn turn)
{
	unsigned w = bitmap->w, h = bitmap->h;

	if (!in->page.on) {
		tb_canvas_draw_turned(&in->canvas, x, y, bitmap, turn);
		return;
	}
	if (turn == TB_TURN_LEFT || turn == TB_TURN_RIGHT) {
		w = bitmap->h;
		h = bitmap->w;
	}
	tb_page_map(in, &x, &y, w, h);
	turn = (enum tb_turn)((turn + in->page.direction) % 4);
	tb_canvas_draw_turned(&in->page.canvas, x, y, bitmap, turn);
}

void
tb_line_fill(struct tb_interpret *in, int x, int y, unsigned w, unsigned h)
{
	if (!in->page.on) {
		tb_canvas_fill(&in->canvas, x, y, w, h);
		return;
	}
	tb_page_map(in, &x, &y, w, h);
	if (in->page.direction % 2)
		tb_canvas_fill(&in->page.canvas, x, y, h, w);
	else
		tb_canvas_fill(&in->page.canvas, x, y, w, h);
}
