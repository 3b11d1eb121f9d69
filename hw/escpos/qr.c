/* SPDX-License-Identifier: MIT */
/* Sizes of QR symbols, and symbols as dots. */

#include "hw/escpos/qr.h"

#include <qrencode.h>
#include <string.h>

/* Bytes that each version holds at levels L, M, Q, H (ISO/IEC 18004, table 7, byte mode). */
static const uint16_t capacity[4][40] = {
	{17, 32, 53, 78, 106, 134, 154, 192, 230, 271, 321, 367, 425, 458, 520, 586, 644, 718, 792,
		858, 929, 1003, 1091, 1171, 1273, 1367, 1465, 1528, 1628, 1732, 1840, 1952, 2068,
		2188, 2303, 2431, 2563, 2699, 2809, 2953},
	{14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251, 287, 331, 362, 412, 450, 504, 560, 624,
		666, 711, 779, 857, 911, 997, 1059, 1125, 1190, 1264, 1370, 1452, 1538, 1628, 1722,
		1809, 1911, 1989, 2099, 2213, 2331},
	{11, 20, 32, 46, 60, 74, 86, 108, 130, 151, 177, 203, 241, 258, 292, 322, 364, 394, 442,
		482, 509, 565, 611, 661, 715, 751, 805, 868, 908, 982, 1030, 1112, 1168, 1228, 1283,
		1351, 1423, 1499, 1579, 1663},
	{7, 14, 24, 34, 44, 58, 64, 84, 98, 119, 137, 155, 177, 194, 220, 250, 280, 310, 338, 382,
		403, 439, 461, 511, 535, 593, 625, 658, 698, 742, 790, 842, 898, 958, 983, 1051,
		1093, 1139, 1219, 1273},
};

unsigned
tb_qr_modules_at_most(size_t len, enum tb_qr_ecc ecc)
{
	for (unsigned version = 1; version <= 40; version++) {
		if (len <= capacity[ecc][version - 1])
			return 17 + 4 * version;
	}
	return 0;
}

static int
compute(const char *data, size_t len, enum tb_qr_ecc ecc, QRcode **ret)
{
	QRecLevel level = (QRecLevel)ecc;

	/* The text form finds the cheaper modes; it ends at a NUL, the other does not. */
	if (memchr(data, 0, len))
		*ret = QRcode_encodeData((int)len, (const unsigned char *)data, 0, level);
	else
		*ret = QRcode_encodeString(data, 0, level, QR_MODE_8, 1);
	if (*ret)
		return 0;
	return errno == ENOMEM ? -ENOMEM : -E2BIG;
}

int
tb_qr_modules(const char *data, size_t len, enum tb_qr_ecc ecc, unsigned *ret)
{
	QRcode *code;
	int r = compute(data, len, ecc, &code);

	if (r < 0)
		return r;
	*ret = (unsigned)code->width;
	QRcode_free(code);
	return 0;
}

/* One row of modules, each `size` dots wide, set in a row of bits that is all zero. */
static void
draw_row(uint8_t *bits, const unsigned char *modules, unsigned n, unsigned size)
{
	for (unsigned i = 0; i < n; i++) {
		if (!(modules[i] & 1))
			continue;
		for (unsigned dot = i * size; dot < (i + 1) * size; dot++)
			bits[dot / 8] |= (uint8_t)(0x80 >> dot % 8);
	}
}

int
tb_qr_draw(const char *data, size_t len, enum tb_qr_ecc ecc, unsigned size, struct tb_raster *ret)
{
	unsigned n;
	QRcode *code;
	int r = compute(data, len, ecc, &code);

	if (r < 0)
		return r;
	n = (unsigned)code->width;
	*ret = (struct tb_raster){.width = n * size, .height = n * size};
	ret->stride = (ret->width + 7) / 8;
	ret->bits = calloc(ret->height, ret->stride);
	if (!ret->bits) {
		QRcode_free(code);
		return -ENOMEM;
	}
	for (unsigned y = 0; y < n; y++) {
		uint8_t *row = ret->bits + (size_t)y * size * ret->stride;

		draw_row(row, code->data + (size_t)y * n, n, size);
		for (unsigned i = 1; i < size; i++)
			memcpy(row + i * ret->stride, row, ret->stride);
	}
	QRcode_free(code);
	return 0;
}
