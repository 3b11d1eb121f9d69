/* SPDX-License-Identifier: MIT */
/*
 * The commands of ESC/POS that say how text looks, where it stands and which characters it has, and
 * those of page mode. Each row of the table names its bytes as Epson's command reference does; what
 * Epson does not have says whose it is.
 */

#include "hw/escpos/interpret-state.h"

#include <string.h>

/* Bytes that a command ended by NUL may have before it is taken for none. */
#define UNTIL_NUL_MAX 512

static bool
cmd_init(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_line_drop(in);
	if (in->page.on)
		tb_page_leave(in);
	tb_interpret_init_modes(in);
	tb_interpret_request(in, TB_REQUEST_INIT, 0);
	return true;
}

static bool
cmd_print_mode(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->style.font = b[2] & 1;
	in->style.bold = b[2] & 8;
	in->style.height = b[2] & 16 ? 2 : 1;
	in->style.width = b[2] & 32 ? 2 : 1;
	in->style.underline = b[2] & 128 ? 1 : 0;
	return true;
}

static bool
cmd_size(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->style.width = (uint8_t)((b[2] >> 4 & 7) + 1);
	in->style.height = (uint8_t)((b[2] & 7) + 1);
	return true;
}

static bool
cmd_bold(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->style.bold = b[2] & 1;
	return true;
}

static bool
cmd_double_strike(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->double_strike = b[2] & 1;
	return true;
}

static bool
cmd_underline(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	if (tb_count(b[2]) <= 2)
		in->style.underline = (uint8_t)tb_count(b[2]);
	return true;
}

static bool
cmd_invert(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->style.invert = b[2] & 1;
	return true;
}

static bool
cmd_upside_down(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	if (in->n_items == 0)
		in->upside_down = b[2] & 1;
	return true;
}

static bool
cmd_turn(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->style.turned = tb_count(b[2]) == 1 || tb_count(b[2]) == 2;
	return true;
}

static bool
cmd_font(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	if (tb_count(b[2]) <= 4)
		in->style.font = (uint8_t)tb_count(b[2]);
	else if (b[2] == 97 || b[2] == 98)
		in->style.font = b[2] - 97;
	return true;
}

static bool
cmd_align(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	if (tb_count(b[2]) <= 2 && in->n_items == 0)
		in->align = (uint8_t)tb_count(b[2]);
	return true;
}

static bool
cmd_char_space(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->char_space = tb_units(in, b[2], true);
	return true;
}

static bool
cmd_line_default(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->line_space = 30;
	return true;
}

static bool
cmd_line_space(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->line_space = tb_units(in, b[2], false);
	return true;
}

static bool
cmd_feed_dots(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_line_print(in, tb_units(in, b[2], false));
	return true;
}

static bool
cmd_feed_lines(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_line_print(in, b[2] * in->line_space);
	return true;
}

static bool
cmd_back_dots(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_line_back(in, tb_units(in, b[2], false));
	return true;
}

static bool
cmd_back_lines(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_line_back(in, b[2] * in->line_space);
	return true;
}

/* Positions outside of the area are ignored. */
static void
move_to(struct tb_interpret *in, int pos)
{
	if (pos >= 0 && pos <= (int)tb_line_area(in))
		in->pos = pos;
}

static bool
cmd_position(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	move_to(in, (int)tb_units(in, tb_le16(b + 2), true));
	return true;
}

static bool
cmd_position_by(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	int by = (int16_t)tb_le16(b + 2);
	int dots = (int)tb_units(in, (unsigned)abs(by), true);

	move_to(in, in->pos + (by < 0 ? -dots : dots));
	return true;
}

static bool
cmd_page_position(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	if (in->page.on)
		in->page.pos_y = (int)tb_units(in, tb_le16(b + 2), false);
	return true;
}

static bool
cmd_page_position_by(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	int by = (int16_t)tb_le16(b + 2);
	int dots = (int)tb_units(in, (unsigned)abs(by), false);

	if (in->page.on)
		in->page.pos_y = TB_MAX(in->page.pos_y + (by < 0 ? -dots : dots), 0);
	return true;
}

static bool
cmd_left_margin(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	unsigned dots = tb_units(in, tb_le16(b + 2), true);

	if (in->n_items == 0 && dots < in->canvas.width)
		in->left_margin = dots;
	return true;
}

static bool
cmd_area_width(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	if (in->n_items == 0)
		in->area_width = tb_units(in, tb_le16(b + 2), true);
	return true;
}

static bool
cmd_units(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->unit_x = b[2];
	in->unit_y = b[3];
	return true;
}

static bool
cmd_tabs(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	struct tb_style style = {.font = in->style.font, .width = in->style.width, .height = 1};
	unsigned w, h;

	tb_cell_size(in, &style, false, &w, &h);
	w += in->char_space * in->style.width;
	in->n_tabs = 0;
	for (size_t i = 2; i + 1 < len && in->n_tabs < TB_TABS_MAX; i++) {
		unsigned dots = TB_MIN(b[i] * w, TB_CANVAS_WIDTH_MAX);

		if (in->n_tabs > 0 && dots <= in->tabs[in->n_tabs - 1])
			break;
		in->tabs[in->n_tabs++] = (uint16_t)dots;
	}
	return true;
}

static bool
cmd_page(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_text_slot(in, b[2]);
	return true;
}

static bool
cmd_country(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->country = b[2];
	return true;
}

static bool
cmd_kanji_on(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_text_kanji(in, true, in->kanji);
	return true;
}

static bool
cmd_kanji_off(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_text_kanji(in, false, in->kanji);
	return true;
}

static bool
cmd_kanji_system(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	/* 2 is JIS X 0213 in Shift JIS: the same pairs as far as we draw them. */
	tb_text_kanji(in, in->kanji_on, tb_count(b[2]) == 0 ? TB_KANJI_JIS : TB_KANJI_SHIFT_JIS);
	return true;
}

static bool
cmd_kanji_space(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->kanji_left = tb_units(in, b[2], true);
	in->kanji_right = tb_units(in, b[3], true);
	return true;
}

static bool
cmd_peripheral(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->deselected = b[2] == 2;
	return true;
}

static bool
cmd_page_enter(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_page_enter(in);
	return true;
}

static bool
cmd_page_leave(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	if (in->page.on)
		tb_page_leave(in);
	return true;
}

static bool
cmd_page_print(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_page_print(in);
	return true;
}

static bool
cmd_page_area(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_page_area(in, b + 2);
	return true;
}

static bool
cmd_page_direction(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	if (tb_count(b[2]) <= 3)
		tb_page_direction(in, (uint8_t)tb_count(b[2]));
	return true;
}

/* Lengths */

static long
need_nul(const uint8_t *b, size_t len)
{
	if (len > 2 && b[len - 1] == 0)
		return 0;
	return len > UNTIL_NUL_MAX ? TB_NEED_BAD : 1;
}

/* ESC & y c1 c2, then for each character its width and y bytes a column. */
static long
need_user_characters(const uint8_t *b, size_t len)
{
	size_t at = 5;

	if (b[4] < b[3])
		return TB_NEED_BAD;
	for (unsigned c = b[3]; c <= b[4]; c++) {
		if (len < at + 1)
			return 1;
		at += 1 + (size_t)b[at] * b[2];
		if (len < at)
			return (long)(at - len);
	}
	return 0;
}

#define L2(a, b) {a, b}, 2

/* clang-format off */
static const struct tb_command commands[] = {
	{L2(ESC, 0x0C), 0, NULL, cmd_page_print},
	{L2(ESC, ' '), 1, NULL, cmd_char_space},
	{L2(ESC, '!'), 1, NULL, cmd_print_mode},
	{L2(ESC, '$'), 2, NULL, cmd_position},
	{L2(ESC, '%'), 1, NULL, NULL},
	{L2(ESC, '&'), 3, need_user_characters, NULL},
	{L2(ESC, '+'), 1, NULL, cmd_line_space}, /* n/360 inch, of a few */
	{L2(ESC, '-'), 1, NULL, cmd_underline},
	{L2(ESC, '2'), 0, NULL, cmd_line_default},
	{L2(ESC, '3'), 1, NULL, cmd_line_space},
	{L2(ESC, '4'), 0, NULL, NULL}, /* italics of clones, with or without a 0 or 1 */
	{L2(ESC, '5'), 0, NULL, NULL},
	{L2(ESC, '<'), 0, NULL, NULL},
	{L2(ESC, '='), 1, NULL, cmd_peripheral},
	{L2(ESC, '?'), 1, NULL, NULL},
	{L2(ESC, '@'), 0, NULL, cmd_init},
	{L2(ESC, 'A'), 1, NULL, cmd_line_space}, /* n/60 inch, of a few */
	{L2(ESC, 'B'), 2, NULL, NULL}, /* beep of clones */
	{L2(ESC, 'D'), 0, need_nul, cmd_tabs},
	{L2(ESC, 'E'), 1, NULL, cmd_bold},
	{L2(ESC, 'G'), 1, NULL, cmd_double_strike},
	{L2(ESC, 'J'), 1, NULL, cmd_feed_dots},
	{L2(ESC, 'K'), 1, NULL, cmd_back_dots},
	{L2(ESC, 'L'), 0, NULL, cmd_page_enter},
	{L2(ESC, 'M'), 1, NULL, cmd_font},
	{L2(ESC, 'R'), 1, NULL, cmd_country},
	{L2(ESC, 'S'), 0, NULL, cmd_page_leave},
	{L2(ESC, 'T'), 1, NULL, cmd_page_direction},
	{L2(ESC, 'U'), 1, NULL, NULL},
	{L2(ESC, 'V'), 1, NULL, cmd_turn},
	{L2(ESC, 'W'), 8, NULL, cmd_page_area},
	{L2(ESC, '\\'), 2, NULL, cmd_position_by},
	{L2(ESC, 'a'), 1, NULL, cmd_align},
	{L2(ESC, 'c'), 2, NULL, NULL},
	{L2(ESC, 'd'), 1, NULL, cmd_feed_lines},
	{L2(ESC, 'e'), 1, NULL, cmd_back_lines},
	{L2(ESC, 'f'), 2, NULL, NULL},
	{L2(ESC, 'j'), 1, NULL, cmd_back_dots}, /* of a few */
	{L2(ESC, 'q'), 0, NULL, NULL},
	{L2(ESC, 'r'), 1, NULL, NULL},
	{L2(ESC, 't'), 1, NULL, cmd_page},
	{L2(ESC, '{'), 1, NULL, cmd_upside_down},
	{L2(FS, '!'), 1, NULL, NULL},
	{L2(FS, '&'), 0, NULL, cmd_kanji_on},
	{L2(FS, '-'), 1, NULL, NULL},
	{L2(FS, '.'), 0, NULL, cmd_kanji_off},
	{L2(FS, '2'), 74, NULL, NULL},
	{L2(FS, '?'), 2, NULL, NULL},
	{L2(FS, 'C'), 1, NULL, cmd_kanji_system},
	{L2(FS, 'S'), 2, NULL, cmd_kanji_space},
	{L2(FS, 'W'), 1, NULL, NULL},
	{L2(GS, '!'), 1, NULL, cmd_size},
	{L2(GS, '$'), 2, NULL, cmd_page_position},
	{L2(GS, 'B'), 1, NULL, cmd_invert},
	{L2(GS, 'L'), 2, NULL, cmd_left_margin},
	{L2(GS, 'P'), 2, NULL, cmd_units},
	{L2(GS, 'W'), 2, NULL, cmd_area_width},
	{L2(GS, '\\'), 2, NULL, cmd_page_position_by},
};
/* clang-format on */

const struct tb_command_table tb_commands_escpos_text = {commands, ARRAY_SIZE(commands), NULL};
