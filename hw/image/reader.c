/* SPDX-License-Identifier: MIT */
/*
 * The module: the codes on a picture, by zbar. A photograph may be too fine for it and a picture of
 * the screen too coarse, so what shows nothing is tried in other sizes.
 */

#include "hw/image/image.h"

#include <stdlib.h>
#include <string.h>
#include <zbar.h>
#include "base/text.h"
#include "hw/image/picture.h"

/* A scanner sees paper around a code too: the quiet zone that a picture may have cut off. */
#define MARGIN 32
#define CODES_MAX 256
#define COARSE_BELOW 700 /* pixels of the longer side, up to which it is made larger */
#define FINE_ABOVE 500   /* of the longer side, down to which it is made smaller */

struct found {
	char *code;
	size_t len;
	const char *symbology;
	int x, y;
};

struct findings {
	struct found items[CODES_MAX];
	size_t n;
};

/* The words of this house; a code with FNC1 in front is one of GS1's. */
static const char *
word_of(const zbar_symbol_t *symbol)
{
	static const struct {
		zbar_symbol_type_t type;
		const char *word, *gs1;
	} words[] = {
		{ZBAR_CODABAR, "codabar", NULL},
		{ZBAR_CODE128, "code128", "gs1-128"},
		{ZBAR_CODE39, "code39", NULL},
		{ZBAR_CODE93, "code93", NULL},
		{ZBAR_DATABAR, "gs1-databar-omni", NULL},
		{ZBAR_DATABAR_EXP, "gs1-databar-expanded", NULL},
		{ZBAR_EAN13, "ean13", NULL},
		{ZBAR_EAN8, "ean8", NULL},
		{ZBAR_I25, "itf", NULL},
		{ZBAR_PDF417, "pdf417", NULL},
		{ZBAR_QRCODE, "qr", "gs1-qr"},
		{ZBAR_UPCA, "upca", NULL},
		{ZBAR_UPCE, "upce", NULL},
	};
	bool gs1 = zbar_symbol_get_modifiers(symbol) & 1u << ZBAR_MOD_GS1;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i].type == zbar_symbol_get_type(symbol))
			return gs1 && words[i].gs1 ? words[i].gs1 : words[i].word;
	return NULL;
}

static void
corner_of(const zbar_symbol_t *symbol, struct found *found)
{
	for (unsigned i = 0; i < zbar_symbol_get_loc_size(symbol); i++) {
		int x = zbar_symbol_get_loc_x(symbol, i), y = zbar_symbol_get_loc_y(symbol, i);

		found->x = i == 0 ? x : TB_MIN(found->x, x);
		found->y = i == 0 ? y : TB_MIN(found->y, y);
	}
}

static bool
is_known(const struct findings *findings, const struct found *found)
{
	for (size_t i = 0; i < findings->n; i++)
		if (findings->items[i].len == found->len &&
			!memcmp(findings->items[i].code, found->code, found->len) &&
			findings->items[i].symbology == found->symbology)
			return true;
	return false;
}

/*
 * The bytes of a code as UTF-8: as they are, or from ISO 8859-1, which a QR is when it says nothing
 * else (ISO/IEC 18004). out has twice the room.
 */
static size_t
as_text(const char *bytes, size_t len, char *out)
{
	size_t n = 0;

	if (tb_utf8_valid(bytes, len)) {
		memcpy(out, bytes, len);
		return len;
	}
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)bytes[i];

		if (byte >= 0x80)
			out[n++] = (char)(0xc0 | byte >> 6);
		out[n++] = (char)(byte >= 0x80 ? 0x80 | (byte & 0x3f) : byte);
	}
	return n;
}

static int
keep(struct findings *findings, const zbar_symbol_t *symbol)
{
	struct found found = {
		.len = zbar_symbol_get_data_length(symbol), .symbology = word_of(symbol)};

	if (found.len == 0 || findings->n == CODES_MAX)
		return 0;
	corner_of(symbol, &found);
	found.code = malloc(2 * found.len);
	if (!found.code)
		return -ENOMEM;
	found.len = as_text(zbar_symbol_get_data(symbol), found.len, found.code);
	if (is_known(findings, &found))
		free(found.code);
	else
		findings->items[findings->n++] = found;
	return 0;
}

static void
configure(zbar_image_scanner_t *scanner)
{
	/* an ISBN is an EAN here; two or five digits alone are more often a line of a picture */
	static const zbar_symbol_type_t off[] = {
		ZBAR_ISBN10, ZBAR_ISBN13, ZBAR_EAN2, ZBAR_EAN5, ZBAR_COMPOSITE};

	zbar_image_scanner_set_config(scanner, ZBAR_NONE, ZBAR_CFG_ENABLE, 1);
	for (size_t i = 0; i < ARRAY_SIZE(off); i++)
		zbar_image_scanner_set_config(scanner, off[i], ZBAR_CFG_ENABLE, 0);
	zbar_image_scanner_set_config(scanner, ZBAR_NONE, ZBAR_CFG_TEST_INVERTED, 1);
	/* zbar's own guess takes French for Japanese */
	zbar_image_scanner_set_config(scanner, ZBAR_QRCODE, ZBAR_CFG_BINARY, 1);
}

static int
look_at(const struct tb_picture *picture, struct findings *findings)
{
	zbar_image_scanner_t *scanner = zbar_image_scanner_create();
	zbar_image_t *image = zbar_image_create();
	const zbar_symbol_t *symbol;
	int r = scanner && image ? 0 : -ENOMEM;

	if (r == 0) {
		configure(scanner);
		zbar_image_set_format(image, zbar_fourcc('Y', '8', '0', '0'));
		zbar_image_set_size(image, picture->width, picture->height);
		zbar_image_set_data(image, picture->grey,
			(unsigned long)picture->width * picture->height, NULL);
		zbar_scan_image(scanner, image);
		symbol = zbar_image_first_symbol(image);
		for (; r == 0 && symbol; symbol = zbar_symbol_next(symbol))
			r = keep(findings, symbol);
	}
	if (image)
		zbar_image_destroy(image);
	if (scanner)
		zbar_image_scanner_destroy(scanner);
	return r;
}

/* The picture `up` times as large or `down` times as small, on white paper. */
static int
resize(const struct tb_picture *from, unsigned up, unsigned down, struct tb_picture *ret)
{
	unsigned width = from->width * up / down, height = from->height * up / down;
	_cleanup_free_ char *why = NULL;
	int r = tb_picture_alloc(width + 2 * MARGIN, height + 2 * MARGIN, SIZE_MAX, 1, ret, &why);

	if (r < 0)
		return r;
	for (unsigned y = 0; y < height; y++)
		for (unsigned x = 0; x < width; x++) {
			const uint8_t *at = from->grey + (size_t)(y / up * down) * from->width +
			                    x / up * down;
			unsigned sum = 0;

			for (unsigned k = 0; k < down * down; k++)
				sum += at[(size_t)(k / down) * from->width + k % down];
			ret->grey[(size_t)(y + MARGIN) * ret->width + x + MARGIN] =
				(uint8_t)(sum / (down * down));
		}
	return 0;
}

static int
look_in_sizes(const struct tb_picture *picture, struct findings *findings)
{
	static const struct {
		unsigned up, down;
	} sizes[] = {{1, 1}, {2, 1}, {3, 1}, {1, 2}, {1, 3}, {1, 4}};
	unsigned side = TB_MAX(picture->width, picture->height);
	int r = 0;

	for (size_t i = 0; r == 0 && findings->n == 0 && i < ARRAY_SIZE(sizes); i++) {
		struct tb_picture resized = {};

		if ((sizes[i].up > 1 && side > COARSE_BELOW) ||
			(sizes[i].down > 1 && side / sizes[i].down < FINE_ABOVE))
			continue;
		r = resize(picture, sizes[i].up, sizes[i].down, &resized);
		if (r == -EINVAL) { /* it fits, but not with paper around it */
			r = sizes[i].up == 1 && sizes[i].down == 1 ? look_at(picture, findings) : 0;
			continue;
		}
		if (r == 0)
			r = look_at(&resized, findings);
		tb_picture_done(&resized);
	}
	return r;
}

static int
compare(const void *a, const void *b)
{
	const struct found *first = a, *second = b;

	return first->y != second->y ? first->y - second->y : first->x - second->x;
}

static int
read_image(const uint8_t *data, size_t len,
	void (*fn)(const char *code, size_t len, const char *symbology, void *userdata),
	void *userdata, char **ret_why)
{
	struct findings *findings;
	struct tb_picture picture = {};
	int r = tb_picture_read(data, len, &picture, ret_why);

	if (r < 0)
		return r;
	findings = calloc(1, sizeof(*findings));
	r = findings ? look_in_sizes(&picture, findings) : -ENOMEM;
	tb_picture_done(&picture);
	if (r == 0) {
		qsort(findings->items, findings->n, sizeof(findings->items[0]), compare);
		r = (int)findings->n;
	}
	for (size_t i = 0; findings && i < findings->n; i++) {
		struct found *found = &findings->items[i];

		if (r > 0)
			fn(found->code, found->len, found->symbology, userdata);
		free(found->code);
	}
	free(findings);
	return r;
}

__attribute__((visibility("default"))) extern const struct tb_image_reader tb_image_reader;
const struct tb_image_reader tb_image_reader = {.read = read_image};
