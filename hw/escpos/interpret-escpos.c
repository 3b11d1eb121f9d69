/* SPDX-License-Identifier: MIT */
/*
 * The commands of ESC/POS that print, cut, kick the drawer and ask, and the bytes that are no
 * command. Each row of the table names its bytes as Epson's command reference does; what Epson does
 * not have says whose it is.
 */

#include "hw/escpos/interpret-state.h"

#include <string.h>

/* Bytes that a command ended by NUL may have before it is taken for none. */
#define UNTIL_NUL_MAX 512
/* The last symbol that GS k knows in the form with NUL; 7 and 8 are the clones'. */
#define BAR_FORM_A_MAX 8

/* FS ( C fn 48: 1 code pages, 2 UTF-8; the other blocks of FS change nothing on the paper. */
static bool
cmd_fs_block(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	if (b[2] == 'C' && len >= 7 && b[5] == 48)
		in->utf8 = tb_count(b[6]) == 2;
	return true;
}

static bool
cmd_cut(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	unsigned feed = len > 3 ? b[3] : 0;

	switch (b[2]) {
	case 0:
	case 1:
	case 48:
	case 49:
		break;
	case 65:
	case 66:
	case 97:
	case 98:
	case 103:
	case 104:
		if (feed > 0)
			tb_line_print(in, tb_units(in, feed, false));
		break;
	default:
		return false;
	}
	/* odd and even run the other way from 97 on */
	tb_interpret_cut(in, b[2] == 1 || b[2] == 49 || b[2] == 66 || b[2] == 98 || b[2] == 104);
	return true;
}

/* ESC i leaves one point on some models and none on others; software means a full cut by it. */
static bool
cmd_cut_legacy(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_interpret_cut(in, b[1] == 'm');
	return true;
}

static bool
cmd_pulse(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	if (tb_count(b[2]) > 1)
		return false;
	tb_interpret_pulse(in, tb_count(b[2]) ? 5 : 2, b[3] * 2u, b[4] * 2u);
	return true;
}

static bool
cmd_realtime(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	switch (b[2]) {
	case 1:
		if (b[3] > 1 || b[4] < 1 || b[4] > 8)
			return false;
		tb_interpret_pulse(in, b[3] ? 5 : 2, b[4] * 100u, b[4] * 100u);
		return true;
	case 2:
		tb_interpret_request(in, TB_REQUEST_POWER_OFF, 0);
		return true;
	case 8:
		tb_interpret_request(in, TB_REQUEST_CLEAR, 0);
		return true;
	default:
		return true; /* buzzer, answers of some models */
	}
}

static bool
cmd_dle_eot(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_interpret_request(in, TB_REQUEST_DLE_EOT, b[2]);
	return true;
}

static bool
cmd_dle_enq(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_interpret_request(in, TB_REQUEST_DLE_ENQ, b[2]);
	return true;
}

static bool
cmd_status(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_interpret_request(in, TB_REQUEST_STATUS, tb_count(b[2]));
	return true;
}

static bool
cmd_status_paper(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_interpret_request(in, TB_REQUEST_STATUS, 1);
	return true;
}

static bool
cmd_status_drawer(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_interpret_request(in, TB_REQUEST_STATUS, 2);
	return true;
}

static bool
cmd_auto_status(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_interpret_request(in, TB_REQUEST_AUTO, b[2]);
	return true;
}

static bool
cmd_id(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_interpret_request(in, TB_REQUEST_ID, b[2]);
	return true;
}

/* GS ( H fn 48: tells when what came before it was printed. */
static void
process_id(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	struct tb_request request = {.kind = TB_REQUEST_PROCESS_ID};

	if (len < 11 || b[5] != 48)
		return;
	memcpy(request.id, b + 7, sizeof(request.id));
	if (in->ops.request)
		in->ops.request(&request, in->userdata);
}

/* GS ( D: pairs of a command and whether it is allowed. */
static void
realtime_allowed(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	for (size_t i = 6; i + 1 < len; i += 2)
		tb_interpret_request(in, TB_REQUEST_REALTIME,
			(unsigned)b[i] << 8 | (unsigned)tb_count(b[i + 1]));
}

/* A printer that has no GS ( k prints what stands behind it. */
static bool
block_as_text(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	tb_interpret_unknown(in, b, 2);
	for (size_t i = 2; i < len; i++) {
		if (b[i] >= 0x20)
			tb_text_byte(in, b[i]);
	}
	return true;
}

static bool
cmd_gs_block(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	switch (b[2]) {
	case 'D':
		realtime_allowed(in, b, len);
		return true;
	case 'H':
		process_id(in, b, len);
		return true;
	case 'L':
		return tb_image_graphics(in, b + 5, len - 5);
	case 'k':
		if (in->config.no_qr || (in->profile->qr != TB_QR_NATIVE && !in->lenient))
			return block_as_text(in, b, len);
		return tb_code_2d(in, b + 5, len - 5);
	default:
		return true; /* settings, test prints */
	}
}

static bool
cmd_raster(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	unsigned x = tb_le16(b + 4), y = tb_le16(b + 6), m = tb_count(b[3]);

	if (x > 0)
		y = TB_MIN(y, (unsigned)((len - 8) / x));
	tb_image_raster(in, b + 8, x * 8, y, m & 1 ? 2 : 1, m & 2 ? 2 : 1);
	return true;
}

static bool
cmd_bit_image(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	if (b[2] == 'r') {
		tb_interpret_suspect(in, b, len);
		return true;
	}
	tb_image_columns(in, b[2], b + 5, tb_le16(b + 3));
	return true;
}

static bool
cmd_graphics_large(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	return tb_image_graphics(in, b + 7, len - 7);
}

static bool
cmd_bar_height(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	if (b[2] > 0)
		in->bar_height = b[2];
	return true;
}

static bool
cmd_bar_width(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	if (b[2] >= 1 && b[2] <= 8)
		in->bar_module = b[2];
	return true;
}

static bool
cmd_bar_hri(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	if (tb_count(b[2]) <= 3)
		in->bar_hri = (uint8_t)tb_count(b[2]);
	return true;
}

static bool
cmd_bar_font(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->bar_hri_font = b[2] & 1;
	return true;
}

static bool
cmd_bars(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	if (b[2] == 'a')
		tb_code_qr(in, b + 7, len - 7, in->symbols[1].module, b[4] ? b[4] - 1u : 0, false);
	else if (b[2] >= 65)
		return tb_code_bars(in, b[2], b + 4, len - 4);
	else
		return b[2] <= BAR_FORM_A_MAX && tb_code_bars(in, b[2], b + 3, len - 4);
	return true;
}

/* GS Z n of Zijiang and its kin: what ESC Z will print. */
static bool
cmd_clone_symbol(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	in->clone_symbol = (uint8_t)tb_count(b[2]);
	return true;
}

/* ESC Z version level size nL nH d. */
static bool
cmd_clone_print(struct tb_interpret *in, const uint8_t *b, size_t len)
{
	static const char levels[] = "LMQH";
	const char *level = b[3] ? strchr(levels, b[3]) : NULL;
	unsigned ecc = level ? (unsigned)(level - levels) : tb_count(b[3]) & 3u;
	unsigned module = b[4] >= 1 && b[4] <= 16 ? b[4] : 4;

	if (!in->lenient && in->profile->qr != TB_QR_CLONE)
		return false;
	if (in->clone_symbol == 0)
		tb_code_other(in, "pdf417", b + 7, len - 7);
	else if (in->clone_symbol == 1)
		tb_code_other(in, "datamatrix", b + 7, len - 7);
	else
		tb_code_qr(in, b + 7, len - 7, module, ecc, false);
	return true;
}

/* Lengths */

static long
need_block(const uint8_t *b, size_t len)
{
	return len == 5 ? (long)tb_le16(b + 3) : 0;
}

static long
need_block_large(const uint8_t *b, size_t len)
{
	return len == 7 ? (long)tb_le32(b + 3) : 0;
}

static long
need_cut(const uint8_t *b, size_t len)
{
	return len == 3 &&
	       (b[2] == 65 || b[2] == 66 || b[2] == 97 || b[2] == 98 || b[2] == 103 || b[2] == 104);
}

static long
need_bars(const uint8_t *b, size_t len)
{
	if (b[2] == 'a') /* a QR of some clones: version, level, nL nH, data */
		return len < 7 ? (long)(7 - len) : len == 7 ? (long)tb_le16(b + 5) : 0;
	if (b[2] >= 65 && b[2] <= 79)
		return len == 3 ? 1 : len == 4 ? (long)b[3] : 0;
	if (b[2] > 32) /* up to there clones have symbols of their own, all ended by NUL */
		return TB_NEED_BAD;
	if (len > 3 && b[len - 1] == 0)
		return 0;
	return len > UNTIL_NUL_MAX ? TB_NEED_BAD : 1;
}

static long
need_bit_image(const uint8_t *b, size_t len)
{
	if (b[2] == 'r') /* Star's raster mode: a letter, or a letter, digits and NUL */
		return len == 3 || (len < 16 && b[3] > 'D' && b[len - 1] != 0) ? 1 : 0;
	if (b[2] != 0 && b[2] != 1 && b[2] != 32 && b[2] != 33)
		return TB_NEED_BAD;
	if (len == 3)
		return 2;
	return len == 5 ? (long)(tb_le16(b + 3) * (b[2] >= 32 ? 3 : 1)) : 0;
}

static long
need_raster(const uint8_t *b, size_t len)
{
	if (tb_count(b[3]) > 3)
		return TB_NEED_BAD;
	return len == 8 ? (long)tb_le16(b + 4) * (long)tb_le16(b + 6) : 0;
}

static long
need_clone(const uint8_t *b, size_t len)
{
	return len == 7 ? (long)tb_le16(b + 5) : 0;
}

static long
need_gs_star(const uint8_t *b, size_t len)
{
	return len == 4 ? (long)b[2] * b[3] * 8 : 0;
}

static long
need_fs_q(const uint8_t *b, size_t len)
{
	size_t at = 3;

	for (unsigned n = 0; n < b[2]; n++) {
		if (len < at + 4)
			return (long)(at + 4 - len);
		at += 4 + (size_t)tb_le16(b + at) * tb_le16(b + at + 2) * 8;
		if (len < at)
			return (long)(at - len);
	}
	return 0;
}

static long
need_dle_eot(const uint8_t *b, size_t len)
{
	return len == 3 && (b[2] == 7 || b[2] == 8 || b[2] == 18);
}

static long
need_realtime(const uint8_t *b, size_t len)
{
	static const uint8_t more[] = {0, 2, 2, 5, 0, 0, 0, 1, 7};

	if (b[2] >= sizeof(more) || more[b[2]] == 0)
		return TB_NEED_BAD;
	return len == 3 ? more[b[2]] : 0;
}

/* GS C 0 n m, 1 aL aH bL bH n r, 2 nL nH. */
static long
need_counter(const uint8_t *b, size_t len)
{
	if (len > 3)
		return 0;
	return b[2] == '0' || b[2] == '2' ? 2 : b[2] == '1' ? 6 : TB_NEED_BAD;
}

static long
need_fs_g(const uint8_t *b, size_t len)
{
	if (b[2] != '1' && b[2] != '2')
		return TB_NEED_BAD;
	if (len == 3)
		return 7;
	return len == 10 && b[2] == '1' ? (long)tb_le16(b + 8) : 0;
}

static long
need_raster_q(const uint8_t *b, size_t len)
{
	return len == 8 ? (long)tb_le16(b + 4) * (long)tb_le16(b + 6) * 8 : 0;
}

#define L2(a, b) {a, b}, 2
#define L3(a, b, c) {a, b, c}, 3

/* clang-format off */
static const struct tb_command commands[] = {
	{L2(ESC, '('), 3, need_block, NULL},
	{L2(ESC, '*'), 1, need_bit_image, cmd_bit_image},
	{L2(ESC, 'Z'), 5, need_clone, cmd_clone_print},
	{L2(ESC, 'i'), 0, NULL, cmd_cut_legacy},
	{L2(ESC, 'm'), 0, NULL, cmd_cut_legacy},
	{L2(ESC, 'p'), 3, NULL, cmd_pulse},
	{L2(ESC, 'u'), 1, NULL, cmd_status_drawer},
	{L2(ESC, 'v'), 0, NULL, cmd_status_paper},
	{L2(FS, '('), 3, need_block, cmd_fs_block},
	{L2(FS, 'g'), 1, need_fs_g, NULL},
	{L2(FS, 'p'), 2, NULL, tb_image_fs_p},
	{L2(FS, 'q'), 1, need_fs_q, tb_image_fs_q},
	{L2(GS, '('), 3, need_block, cmd_gs_block},
	{L2(GS, '*'), 2, need_gs_star, tb_image_gs_star},
	{L2(GS, '/'), 1, NULL, tb_image_gs_slash},
	{L3(GS, '8', 'L'), 4, need_block_large, cmd_graphics_large},
	{L2(GS, ':'), 0, NULL, NULL},
	{L2(GS, 'C'), 1, need_counter, NULL},
	{L2(GS, 'H'), 1, NULL, cmd_bar_hri},
	{L2(GS, 'I'), 1, NULL, cmd_id},
	{L3(GS, 'Q', '0'), 5, need_raster_q, NULL},
	{L2(GS, 'T'), 1, NULL, NULL},
	{L2(GS, 'V'), 1, need_cut, cmd_cut},
	{L2(GS, 'Z'), 1, NULL, cmd_clone_symbol},
	{L2(GS, '^'), 3, NULL, NULL},
	{L2(GS, 'a'), 1, NULL, cmd_auto_status},
	{L2(GS, 'b'), 1, NULL, NULL},
	{L2(GS, 'c'), 0, NULL, NULL},
	{L2(GS, 'f'), 1, NULL, cmd_bar_font},
	{L2(GS, 'g'), 4, NULL, NULL},
	{L2(GS, 'h'), 1, NULL, cmd_bar_height},
	{L2(GS, 'j'), 1, NULL, NULL},
	{L2(GS, 'k'), 1, need_bars, cmd_bars},
	{L2(GS, 'r'), 1, NULL, cmd_status},
	{L3(GS, 'v', '0'), 5, need_raster, cmd_raster},
	{L2(GS, 'w'), 1, NULL, cmd_bar_width},
	{L2(GS, 'z'), 3, NULL, NULL},
	{L2(GS, '|'), 1, NULL, NULL},
	{L2(DLE, 0x04), 1, need_dle_eot, cmd_dle_eot},
	{L2(DLE, 0x05), 1, NULL, cmd_dle_enq},
	{L2(DLE, 0x14), 1, need_realtime, cmd_realtime},
	{L2(DC2, '#'), 1, NULL, NULL}, /* density and self-test of clones */
	{L2(DC2, 'T'), 0, NULL, NULL},
	{L2(DC2, 'q'), 1, NULL, NULL}, /* Seiko: answers when it has printed */
};
/* clang-format on */

const struct tb_command_table tb_commands_escpos = {
	commands, ARRAY_SIZE(commands), &tb_commands_escpos_text};

void
tb_escpos_byte(struct tb_interpret *in, uint8_t byte)
{
	switch (byte) {
	case 0x09:
		tb_line_tab(in);
		break;
	case 0x0A:
		tb_line_print(in, in->line_space);
		break;
	case 0x0C:
		if (in->page.on) {
			tb_page_print(in);
			tb_page_leave(in);
		} else {
			tb_line_flush(in);
		}
		break;
	case 0x18:
		if (in->page.on)
			tb_page_clear(in);
		break;
	case 0x00:
	case 0x01: /* behind an ESC 4 that needs none */
	case 0x07:
	case 0x0D: /* the DIP switch for automatic line feed is off */
		break;
	default:
		if (byte >= 0x20)
			tb_text_byte(in, byte);
		else
			tb_interpret_unknown(in, &byte, 1);
		break;
	}
}
