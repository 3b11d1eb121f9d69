/* SPDX-License-Identifier: MIT */
/*
 * The commands of Star's own language (StarPRNT, Star Line Mode, Star Graphic Mode): how long each
 * is and what it does. Source: Star's "StarPRNT Command Specifications" and "Star Line Mode Command
 * Specifications"; the names in the table are theirs.
 */

#include "hw/escpos/interpret-state.h"

#include <string.h>

#define UNTIL_END_MAX 1024
/* What a Japanese printer has beside its pairs of bytes. */
#define SLOT_KATAKANA 2

/* 0..9 as a number or as an ASCII digit, A and on as 10 and on. */
static unsigned
count(uint8_t n)
{
	if (n >= '0' && n <= '9')
		return n - '0';
	return n >= 'A' && n <= 'Z' ? n - 'A' + 10u : n;
}

static unsigned
char_width(const struct tb_interpret *in)
{
	struct tb_style style = {.font = in->style.font, .width = 1, .height = 1};
	unsigned w, h;

	tb_cell_size(in, &style, false, &w, &h);
	return w;
}

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
cmd_bold(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->style.bold = b[1] == 'E';
	return true;
}

static bool
cmd_invert(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->style.invert = b[1] == '4';
	return true;
}

static bool
cmd_underline(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->style.underline = count(b[2]) ? 1 : 0;
	return true;
}

static bool
cmd_size(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->style.height = (uint8_t)(TB_MIN(count(b[2]), 7u) + 1);
	in->style.width = (uint8_t)(TB_MIN(count(b[3]), 7u) + 1);
	return true;
}

static bool
cmd_wide(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->style.width = (uint8_t)(TB_MIN(count(b[2]), 7u) + 1);
	return true;
}

static bool
cmd_high(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->style.height = (uint8_t)(TB_MIN(count(b[2]), 7u) + 1);
	return true;
}

static bool
cmd_font(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->style.font = count(b[3]) ? 1 : 0;
	return true;
}

static bool
cmd_align(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	if (count(b[3]) <= 2 && in->n_items == 0)
		in->align = (uint8_t)count(b[3]);
	return true;
}

static bool
cmd_page(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_text_star_slot(in, b[3]);
	return true;
}

static bool
cmd_country(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->country = (uint8_t)count(b[2]);
	return true;
}

static bool
cmd_shift_jis(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_text_kanji(in, false, count(b[2]) ? TB_KANJI_SHIFT_JIS : TB_KANJI_GB18030);
	if (count(b[2]) == 0)
		tb_text_star_slot(in, SLOT_KATAKANA);
	return true;
}

static bool
cmd_jis(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_text_kanji(in, b[1] == 'p', TB_KANJI_JIS);
	return true;
}

static bool
cmd_char_space(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->char_space = TB_MIN(count(b[2]), 15u);
	return true;
}

static bool
cmd_line_narrow(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->line_space = 24;
	return true;
}

static bool
cmd_line_space(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->line_space = count(b[2]) == 1 ? 32 : 24;
	return true;
}

static bool
cmd_feed_lines(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_line_print(in, b[2] * in->line_space);
	return true;
}

/* n quarters of a millimetre. */
static bool
cmd_feed_dots(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_line_print(in, b[2] * 2u);
	return true;
}

static bool
cmd_left_margin(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	unsigned dots = b[2] * char_width(in);

	if (in->n_items == 0 && dots < in->canvas.width)
		in->left_margin = dots;
	return true;
}

static bool
cmd_right_margin(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	unsigned dots = b[2] * char_width(in);

	if (in->n_items == 0)
		in->area_width = dots > in->left_margin ? dots - in->left_margin : 0;
	return true;
}

static bool
cmd_position(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	unsigned pos = tb_le16(b + 3);

	if (pos <= tb_line_area(in))
		in->pos = (int)pos;
	return true;
}

static bool
cmd_position_by(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	int pos = in->pos + (int16_t)tb_le16(b + 3);

	if (pos >= 0 && pos <= (int)tb_line_area(in))
		in->pos = pos;
	return true;
}

static bool
cmd_tabs(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	unsigned w = char_width(in);

	in->n_tabs = 0;
	for (size_t i = 2; i + 1 < len && in->n_tabs < TB_TABS_MAX; i++)
		in->tabs[in->n_tabs++] = (uint16_t)TB_MIN(b[i] * w, TB_CANVAS_WIDTH_MAX);
	return true;
}

static bool
cmd_cut(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	if (count(b[2]) > 3)
		return false;
	tb_interpret_cut(in, count(b[2]) & 1);
	return true;
}

static bool
cmd_pulse_times(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->star_on = b[2];
	in->star_off = b[3];
	return true;
}

static bool
cmd_status(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_interpret_request(in, TB_REQUEST_STAR_STATUS, 0);
	return true;
}

/* ESC X: columns of 24 dots. */
static bool
cmd_columns(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_image_columns(in, 33, b + 4, tb_le16(b + 2));
	return true;
}

/* ESC K, ESC L: columns of 8 dots, wide and narrow. */
static bool
cmd_columns_8(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_image_columns(in, b[1] == 'K' ? 0 : 1, b + 4, tb_le16(b + 2));
	return true;
}

/* ESC k: 24 rows of n bytes. */
static bool
cmd_rows_24(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	size_t size = len - 4;
	uint8_t *rows;

	if (size == 0 || size > 24 * TB_CANVAS_WIDTH_MAX)
		return size == 0;
	rows = malloc(size);
	if (!rows)
		return true;
	memcpy(rows, b + 4, size);
	tb_line_strip(in, rows, tb_le16(b + 2) * 8, 24);
	return true;
}

/* ESC GS S m xL xH yL yH n d. */
static bool
cmd_raster(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	unsigned x = tb_le16(b + 4), y = tb_le16(b + 6);

	if (x > 0)
		y = TB_MIN(y, (unsigned)((len - 9) / x));
	tb_image_raster(in, b + 9, x * 8, y, 1, 1);
	return true;
}

/* ESC * r and a letter: Star Graphic Mode. */
static bool
cmd_raster_mode(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	switch (b[3]) {
	case 'A':
		tb_line_flush(in);
		in->raster = true;
		in->raster_uncut = false;
		return true;
	case 'B':
		if (in->raster && !in->raster_uncut)
			tb_interpret_cut(in, true);
		in->raster = false;
		return true;
	case 'E': /* what the end of raster mode does: 1 nothing, else it cuts */
		in->raster_uncut = atoi((const char *)b + 4) == 1;
		return true;
	case 'Y':
		tb_line_print(in, (unsigned)atoi((const char *)b + 4) & 0xFFFF);
		return true;
	default:
		return true; /* margins, speeds, what FF will do */
	}
}

/* One row of dots. */
static bool
cmd_raster_row(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_image_row(in, b + 3, (unsigned)(len - 3));
	return true;
}

/* ESC FF n: a page of raster mode ends; 0 cuts. */
static bool
cmd_raster_page(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	if (b[2] == 0)
		tb_interpret_cut(in, true);
	return true;
}

/* By n1 of ESC b. */
static const char *const bar_types[] = {"upce", "upca", "ean8", "ean13", "code39", "itf", "code128",
	"code93", "codabar", "gs1-128", "gs1-databar-omni", "gs1-databar-truncated",
	"gs1-databar-limited", "gs1-databar-expanded"};
#define BAR_CODE128 6

/* %0 is a percent sign, %5 DEL, %@ and on the control characters. */
static size_t
unescape_code128(const uint8_t *data, size_t len, uint8_t *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t next = i + 1 < len ? data[i + 1] : 0;

		if (data[i] != '%' || (next != '0' && next != '5' && (next < '@' || next > '_'))) {
			out[n++] = data[i];
			continue;
		}
		out[n++] = next == '0' ? '%' : next == '5' ? 0x7F : next - '@';
		i++;
	}
	return n;
}

/* ESC b n1 n2 n3 n4 d RS. */
static bool
cmd_bars(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	unsigned type = b[2] >= '0' && b[2] <= '=' ? b[2] - '0' : b[2];
	uint8_t data[UNTIL_END_MAX];
	size_t n = len - 7;

	if (type >= ARRAY_SIZE(bar_types) || n > sizeof(data))
		return false;
	in->bar_hri = count(b[3]) == 2 || count(b[3]) == 4 ? 2 : 0;
	in->bar_module = (uint8_t)(count(b[4]) ? (count(b[4]) - 1) % 3 + 2 : 2);
	in->bar_height = b[5] ? b[5] : 80;
	if (type == BAR_CODE128) {
		n = unescape_code128(b + 6, n, data);
	} else {
		memcpy(data, b + 6, n);
	}
	return tb_code_bars_typed(in, bar_types[type], data, n);
}

/* ESC GS y. */
static bool
cmd_qr(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	struct tb_symbol *qr = &in->symbols[1];

	if (b[3] == 'P') {
		if (qr->len > 0)
			tb_code_qr(in, qr->data, qr->len, qr->module, qr->ecc, false);
	} else if (b[3] == 'S' && b[4] == '1') {
		qr->ecc = b[5] & 3;
	} else if (b[3] == 'S' && b[4] == '2' && b[5] >= 1 && b[5] <= 16) {
		qr->module = b[5];
	} else if (b[3] == 'D' && b[4] == '1') {
		return tb_symbol_store(qr, b + 8, len - 8);
	}
	return true;
}

/* ESC GS x. */
static bool
cmd_pdf417(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	struct tb_symbol *pdf = &in->symbols[0];

	if (b[3] == 'D')
		return tb_symbol_store(pdf, b + 6, len - 6);
	if (b[3] == 'P' && pdf->len > 0)
		tb_code_other(in, "pdf417", pdf->data, pdf->len);
	return true;
}

/* ESC GS P. */
static bool
cmd_page_mode(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	switch (count(b[3])) {
	case 0:
		tb_page_enter(in);
		return true;
	case 2:
		tb_page_direction(in, (uint8_t)count(b[4]));
		return true;
	case 3:
		tb_page_area(in, b + 4);
		return true;
	case 4:
		if (in->page.on)
			in->page.pos_y = (int)tb_le16(b + 4);
		return true;
	case 6:
		tb_page_print(in);
		return true;
	case 7:
		tb_page_print(in);
		if (in->page.on)
			tb_page_leave(in);
		return true;
	default:
		if ((count(b[3]) == 1 || count(b[3]) == 8) && in->page.on)
			tb_page_leave(in);
		return true;
	}
}

/* ESC GS ): U 2 0 48 n is UTF-8. */
static bool
cmd_block(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	if (b[3] == 'U' && len >= 8 && b[6] == 48)
		in->utf8 = count(b[7]) == 1;
	return true;
}

/* Lengths */

static long
need_nul(const uint8_t *b, size_t len)
{
	if (len > 2 && b[len - 1] == 0)
		return 0;
	return len > UNTIL_END_MAX ? TB_NEED_BAD : 1;
}

/* ESC b: until RS. */
static long
need_rs(const uint8_t *b, size_t len)
{
	if (len > 6 && b[len - 1] == 0x1E)
		return 0;
	return len > UNTIL_END_MAX ? TB_NEED_BAD : 1;
}

static long
need_columns(const uint8_t *b, size_t len)
{
	return len == 4 ? (long)tb_le16(b + 2) * 3 : 0;
}

static long
need_columns_8(const uint8_t *b, size_t len)
{
	return len == 4 ? (long)tb_le16(b + 2) : 0;
}

static long
need_rows_24(const uint8_t *b, size_t len)
{
	return len == 4 ? (long)tb_le16(b + 2) * 24 : 0;
}

static long
need_raster(const uint8_t *b, size_t len)
{
	return len == 9 ? (long)tb_le16(b + 4) * (long)tb_le16(b + 6) : 0;
}

static long
need_raster_mode(const uint8_t *b, size_t len)
{
	if (b[3] <= 'D' || b[len - 1] == 0)
		return 0;
	return len > 16 ? TB_NEED_BAD : 1;
}

static long
need_row(const uint8_t *b, size_t len)
{
	return len == 3 ? (long)tb_le16(b + 1) : 0;
}

static long
need_qr(const uint8_t *b, size_t len)
{
	if (b[3] == 'P' || b[3] == 'I')
		return 0;
	if (b[3] == 'S')
		return len == 4 ? 2 : 0;
	if (b[3] != 'D')
		return TB_NEED_BAD;
	return len == 4 ? 4 : len == 8 ? (long)tb_le16(b + 6) : 0;
}

static long
need_pdf417(const uint8_t *b, size_t len)
{
	if (b[3] == 'P' || b[3] == 'I')
		return 0;
	if (b[3] == 'D')
		return len == 4 ? 2 : len == 6 ? (long)tb_le16(b + 4) : 0;
	if (b[3] != 'S')
		return TB_NEED_BAD;
	return len == 4 ? 2 : len == 6 && b[4] == '0' ? 2 : 0;
}

static long
need_page_mode(const uint8_t *b, size_t len)
{
	static const uint8_t more[] = {0, 0, 1, 8, 2, 2, 0, 0, 0};

	if (count(b[3]) >= sizeof(more))
		return TB_NEED_BAD;
	return len == 4 ? more[count(b[3])] : 0;
}

static long
need_block(const uint8_t *b, size_t len)
{
	return len == 6 ? (long)tb_le16(b + 4) : 0;
}

/* ESC GS EM DC1 m n1 n2, DC2 m n. */
static long
need_buzzer(const uint8_t *b, size_t len)
{
	return len == 4 ? (b[3] == 0x11 ? 3 : 2) : 0;
}

#define L1(a) {a}, 1
#define L2(a, b) {a, b}, 2
#define L3(a, b, c) {a, b, c}, 3

/* clang-format off */
static const struct tb_command commands[] = {
	{L1('b'), 2, need_row, cmd_raster_row}, /* in raster mode only */
	{L1('k'), 2, need_row, cmd_raster_row},
	{L2(ESC, 0x06), 1, NULL, cmd_status},
	{L2(ESC, 0x07), 2, NULL, cmd_pulse_times},
	{L2(ESC, 0x0B), 1, NULL, NULL},
	{L2(ESC, 0x0C), 1, NULL, cmd_raster_page},
	{L2(ESC, 0x0E), 0, NULL, NULL},
	{L2(ESC, 0x14), 0, NULL, NULL},
	{L2(ESC, ' '), 1, NULL, cmd_char_space},
	{L2(ESC, '#'), 0, need_nul, NULL},
	{L2(ESC, '$'), 1, NULL, cmd_shift_jis},
	{L3(ESC, '*', 'r'), 1, need_raster_mode, cmd_raster_mode},
	{L2(ESC, '-'), 1, NULL, cmd_underline},
	{L2(ESC, '0'), 0, NULL, cmd_line_narrow},
	{L2(ESC, '1'), 0, NULL, cmd_line_narrow},
	{L2(ESC, '2'), 0, NULL, NULL},
	{L2(ESC, '3'), 1, NULL, NULL},
	{L2(ESC, '4'), 0, NULL, cmd_invert},
	{L2(ESC, '5'), 0, NULL, cmd_invert},
	{L2(ESC, '6'), 0, NULL, NULL},
	{L2(ESC, '7'), 0, NULL, NULL},
	{L2(ESC, ':'), 0, NULL, NULL},
	{L2(ESC, '='), 1, NULL, NULL},
	{L2(ESC, '?'), 2, NULL, NULL},
	{L2(ESC, '@'), 0, NULL, cmd_init},
	{L2(ESC, 'A'), 1, NULL, NULL},
	{L2(ESC, 'B'), 0, need_nul, NULL},
	{L2(ESC, 'C'), 1, NULL, NULL},
	{L2(ESC, 'D'), 0, need_nul, cmd_tabs},
	{L2(ESC, 'E'), 0, NULL, cmd_bold},
	{L2(ESC, 'F'), 0, NULL, cmd_bold},
	{L2(ESC, 'G'), 0, NULL, NULL},
	{L2(ESC, 'H'), 0, NULL, NULL},
	{L2(ESC, 'I'), 1, NULL, cmd_feed_dots},
	{L2(ESC, 'J'), 1, NULL, cmd_feed_dots},
	{L2(ESC, 'K'), 2, need_columns_8, cmd_columns_8},
	{L2(ESC, 'L'), 2, need_columns_8, cmd_columns_8},
	{L2(ESC, 'M'), 0, NULL, NULL},
	{L2(ESC, 'N'), 1, NULL, NULL},
	{L2(ESC, 'O'), 0, NULL, NULL},
	{L2(ESC, 'P'), 0, NULL, NULL},
	{L2(ESC, 'Q'), 1, NULL, cmd_right_margin},
	{L2(ESC, 'R'), 1, NULL, cmd_country},
	{L2(ESC, 'U'), 1, NULL, NULL},
	{L2(ESC, 'W'), 1, NULL, cmd_wide},
	{L2(ESC, 'X'), 2, need_columns, cmd_columns},
	{L2(ESC, '_'), 1, NULL, NULL},
	{L2(ESC, 'a'), 1, NULL, cmd_feed_lines},
	{L2(ESC, 'b'), 4, need_rs, cmd_bars},
	{L2(ESC, 'd'), 1, NULL, cmd_cut},
	{L2(ESC, 'h'), 1, NULL, cmd_high},
	{L2(ESC, 'i'), 2, NULL, cmd_size},
	{L2(ESC, 'k'), 2, need_rows_24, cmd_rows_24},
	{L2(ESC, 'l'), 1, NULL, cmd_left_margin},
	{L2(ESC, 'p'), 0, NULL, cmd_jis},
	{L2(ESC, 'q'), 0, NULL, cmd_jis},
	{L2(ESC, 's'), 2, NULL, NULL},
	{L2(ESC, 'y'), 1, NULL, NULL},
	{L2(ESC, 'z'), 1, NULL, cmd_line_space},
	{L3(ESC, 0x1C, 'p'), 2, NULL, NULL},
	{L3(ESC, GS, 0x03), 3, NULL, NULL},
	{L3(ESC, GS, 0x07), 3, NULL, NULL},
	{L3(ESC, GS, 0x19), 1, need_buzzer, NULL},
	{L3(ESC, GS, '#'), 8, NULL, NULL},
	{L3(ESC, GS, '('), 3, need_block, cmd_block},
	{L3(ESC, GS, ')'), 3, need_block, cmd_block},
	{L3(ESC, GS, 'A'), 2, NULL, cmd_position},
	{L3(ESC, GS, 'P'), 1, need_page_mode, cmd_page_mode},
	{L3(ESC, GS, 'R'), 2, NULL, cmd_position_by},
	{L3(ESC, GS, 'S'), 6, need_raster, cmd_raster},
	{L3(ESC, GS, 'a'), 1, NULL, cmd_align},
	{L3(ESC, GS, 'b'), 1, NULL, NULL},
	{L3(ESC, GS, 'c'), 1, NULL, NULL},
	{L3(ESC, GS, 'h'), 1, NULL, NULL},
	{L3(ESC, GS, 't'), 1, NULL, cmd_page},
	{L3(ESC, GS, 'x'), 1, need_pdf417, cmd_pdf417},
	{L3(ESC, GS, 'y'), 1, need_qr, cmd_qr},
	{L3(ESC, RS, 'A'), 1, NULL, NULL},
	{L3(ESC, RS, 'C'), 1, NULL, NULL},
	{L3(ESC, RS, 'E'), 1, NULL, NULL},
	{L3(ESC, RS, 'F'), 1, NULL, cmd_font},
	{L3(ESC, RS, 'P'), 1, NULL, NULL},
	{L3(ESC, RS, 'R'), 1, NULL, NULL},
	{L3(ESC, RS, 'a'), 1, NULL, cmd_status},
	{L3(ESC, RS, 'd'), 1, NULL, NULL},
	{L3(ESC, RS, 'm'), 1, NULL, NULL},
	{L3(ESC, RS, 'r'), 1, NULL, NULL},
};
/* clang-format on */

const struct tb_command_table tb_commands_star = {commands, ARRAY_SIZE(commands), NULL};

void
tb_star_byte(struct tb_interpret *in, uint8_t byte)
{
	switch (byte) {
	case 0x05:
		tb_interpret_request(in, TB_REQUEST_STAR_STATUS, 0);
		break;
	case 0x07:
	case 0x1C:
		tb_interpret_pulse(in, 2, in->star_on * 10u, in->star_off * 10u);
		break;
	case 0x19:
	case 0x1A:
		/* the second drawer has times of its own, which nothing sets */
		tb_interpret_pulse(in, 5, 200, 200);
		break;
	case 0x09:
		tb_line_tab(in);
		break;
	case 0x0A:
		tb_line_print(in, in->line_space);
		break;
	case 0x0C:
		tb_line_flush(in);
		break;
	case 0x0E:
		in->style.width = 2;
		break;
	case 0x14:
		in->style.width = 1;
		break;
	case 0x0F:
	case 0x12:
		if (in->n_items == 0)
			in->upside_down = byte == 0x0F;
		break;
	case 0x18:
		tb_line_drop(in);
		break;
	case 0x00:
	case 0x01:
	case 0x04: /* ends an answer's request in Line Mode */
	case 0x0B:
	case 0x0D:
		break;
	default:
		if (byte >= 0x20)
			tb_text_byte(in, byte);
		else
			tb_interpret_unknown(in, &byte, 1);
		break;
	}
}
