/* SPDX-License-Identifier: MIT */
/*
 * Page mode: an area on which lines and codes are put in one of four directions, and which goes to
 * the paper as a whole at FF. Elements wait as well, since CAN may take them back.
 */

#include "hw/escpos/interpret-state.h"

/* How long a page is until ESC W, and the longest; Epson's models have 831 to 1662 dots. */
#define PAGE_ROWS 1662u
#define PAGE_ROWS_MAX 4096u

void
tb_page_enter(struct tb_interpret *in)
{
	struct tb_page_mode *page = &in->page;

	if (page->on)
		return;
	tb_line_flush(in);
	tb_image_flush(in);
	if (!page->canvas.width && tb_canvas_init(&page->canvas, in->canvas.width) < 0)
		return;
	page->on = true;
	page->x = page->y = 0;
	page->w = in->canvas.width;
	page->h = PAGE_ROWS;
	page->direction = 0;
	page->pos_y = 0;
	in->pos = 0;
	tb_page_clear(in);
}

void
tb_page_clear(struct tb_interpret *in)
{
	struct tb_page_mode *page = &in->page;

	if (!page->on)
		return;
	tb_line_drop(in);
	for (size_t i = 0; i < page->n; i++)
		tb_element_free(page->elements[i]);
	page->n = 0;
	in->image_h = 0;
	tb_canvas_clear(&page->canvas);
	page->pos_y = 0;
}

void
tb_page_leave(struct tb_interpret *in)
{
	tb_page_clear(in);
	in->page.on = false;
	in->pos = 0;
}

void
tb_page_done(struct tb_interpret *in)
{
	in->page.on = true;
	tb_page_clear(in);
	in->page.on = false;
	free(in->page.elements);
	in->page.elements = NULL;
	tb_canvas_done(&in->page.canvas);
}

void
tb_page_print(struct tb_interpret *in)
{
	struct tb_page_mode *page = &in->page;
	struct tb_bitmap bitmap;
	unsigned top = in->y;

	if (!page->on)
		return;
	tb_line_flush(in);
	tb_image_flush(in); /* to the page */
	page->on = false;   /* what follows goes to the paper */
	bitmap = (struct tb_bitmap){
		page->canvas.bits, page->canvas.stride, page->canvas.width, page->canvas.rows};
	if (page->canvas.rows > 0)
		tb_canvas_draw(&in->canvas, 0, (int)top, &bitmap, 1, 1);
	for (size_t i = 0; i < page->n; i++) {
		struct tb_element element = *page->elements[i];

		element.y += top;
		tb_interpret_tell(in, &element);
	}
	page->on = true;
	in->y = TB_MIN(top + page->canvas.rows, TB_CANVAS_ROWS_MAX);
}

void
tb_page_area(struct tb_interpret *in, const uint8_t bytes[8])
{
	struct tb_page_mode *page = &in->page;
	unsigned x = tb_units(in, tb_le16(bytes), true),
		 y = tb_units(in, tb_le16(bytes + 2), false);
	unsigned w = tb_units(in, tb_le16(bytes + 4), true);
	unsigned h = tb_units(in, tb_le16(bytes + 6), false);

	if (!page->on || w == 0 || h == 0 || x >= in->canvas.width || y >= PAGE_ROWS_MAX)
		return;
	tb_line_flush(in);
	page->x = x;
	page->y = y;
	page->w = TB_MIN(w, in->canvas.width - x);
	page->h = TB_MIN(h, PAGE_ROWS_MAX - y);
	page->pos_y = 0;
}

void
tb_page_direction(struct tb_interpret *in, uint8_t direction)
{
	if (!in->page.on)
		return;
	tb_line_flush(in);
	in->page.direction = direction % 4;
	in->page.pos_y = 0;
}

unsigned
tb_page_line(const struct tb_interpret *in)
{
	return in->page.direction % 2 ? in->page.h : in->page.w;
}

void
tb_page_map(const struct tb_interpret *in, int *x, int *y, unsigned w, unsigned h)
{
	const struct tb_page_mode *page = &in->page;
	int u = *x, v = *y;

	switch (page->direction) {
	case TB_TURN_LEFT:
		*x = (int)page->x + v;
		*y = (int)page->y + (int)page->h - u - (int)w;
		break;
	case TB_TURN_HALF:
		*x = (int)page->x + (int)page->w - u - (int)w;
		*y = (int)page->y + (int)page->h - v - (int)h;
		break;
	case TB_TURN_RIGHT:
		*x = (int)page->x + (int)page->w - v - (int)h;
		*y = (int)page->y + u;
		break;
	default:
		*x = (int)page->x + u;
		*y = (int)page->y + v;
		break;
	}
}

void
tb_page_keep(struct tb_interpret *in, const struct tb_element *element)
{
	struct tb_page_mode *page = &in->page;
	struct tb_element *copy;

	if (element->kind != TB_ELEMENT_IMAGE)
		tb_image_flush(in);
	if (page->n == TB_PAGE_ITEMS_MAX)
		return;
	if (page->n == page->cap) {
		size_t cap = page->cap ? page->cap * 2 : 16;
		struct tb_element **elements = reallocarray(page->elements, cap, sizeof(*elements));

		if (!elements) {
			in->error = -ENOMEM;
			return;
		}
		page->elements = elements;
		page->cap = cap;
	}
	copy = tb_element_copy(element);
	if (copy)
		page->elements[page->n++] = copy;
	else
		in->error = -ENOMEM;
}
