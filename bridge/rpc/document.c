/* SPDX-License-Identifier: MIT */
/*
 * Reads a document block by block. The table of blocks says which members each one may have; what
 * the members mean stands in one function a block.
 */

#include "bridge/rpc/document.h"

#include <stdio.h>
#include <string.h>
#include "base/base64.h"
#include "bridge/rpc/png.h"

struct reader {
	struct tb_document *document;
	struct tb_document_fault *fault;
	const char *prefix;
	size_t block; /* the one that is being read */
};

#define NO_BLOCK SIZE_MAX

/* Notes where the fault is: below the block that is being read, when there is one. */
static int TB_PRINTF(3, 4) fault_at(struct reader *r, const char *code, const char *format, ...)
{
	char place[64] = "";
	va_list args;

	if (!r->fault)
		return -EINVAL;
	va_start(args, format);
	vsnprintf(place, sizeof(place), format, args);
	va_end(args);
	if (r->block == NO_BLOCK)
		snprintf(r->fault->pointer, sizeof(r->fault->pointer), "%s%s", r->prefix, place);
	else
		snprintf(r->fault->pointer, sizeof(r->fault->pointer), "%s/blocks/%zu%s", r->prefix,
			r->block, place);
	r->fault->code = code;
	return -EINVAL;
}

/* What document.c refused, said of a member. */
static int
fault_of(struct reader *r, int error, const char *member)
{
	if (error == -E2BIG)
		return fault_at(r, "too_long", "/%s", member);
	if (error == -EINVAL)
		return fault_at(r, "invalid", "/%s", member);
	return error;
}

static int
read_int(struct reader *r, const json_t *block, const char *member, int64_t min, int64_t max,
	int64_t fallback, int64_t *ret)
{
	const json_t *value = json_object_get(block, member);

	*ret = fallback;
	if (!value)
		return 0;
	if (!json_is_integer(value))
		return fault_at(r, "wrong_type", "/%s", member);
	*ret = json_integer_value(value);
	if (*ret < min || *ret > max)
		return fault_at(r, "out_of_range", "/%s", member);
	return 0;
}

static int
read_bool(struct reader *r, const json_t *block, const char *member, bool *ret)
{
	const json_t *value = json_object_get(block, member);

	if (value && !json_is_boolean(value))
		return fault_at(r, "wrong_type", "/%s", member);
	*ret = json_is_true(value);
	return 0;
}

/* words: the allowed ones, in the order of their numbers. */
static int
word_index(const char *const *words, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(words[i], word) == 0)
			return (int)i;
	}
	return -1;
}

static int
read_word(struct reader *r, const json_t *block, const char *member, const char *const *words,
	size_t n, unsigned fallback, unsigned *ret)
{
	const json_t *value = json_object_get(block, member);
	int i;

	*ret = fallback;
	if (!value)
		return 0;
	if (!json_is_string(value))
		return fault_at(r, "wrong_type", "/%s", member);
	i = word_index(words, n, json_string_value(value));
	if (i < 0)
		return fault_at(r, "unknown", "/%s", member);
	*ret = (unsigned)i;
	return 0;
}

#define READ_WORD(r, block, member, words, fallback, ret) \
	read_word(r, block, member, words, ARRAY_SIZE(words), fallback, ret)

static const char *const align_words[] = {"left", "center", "right"};

/* A string without a NUL in it; NULL after a fault. */
static const char *
read_string(struct reader *r, const json_t *value, const char *member)
{
	if (!json_is_string(value)) {
		fault_at(r, "wrong_type", "/%s", member);
		return NULL;
	}
	if (strlen(json_string_value(value)) != json_string_length(value)) {
		fault_at(r, "invalid", "/%s", member);
		return NULL;
	}
	return json_string_value(value);
}

/* false, true (one dot), or 0 to 2 dots. */
static int
read_underline(struct reader *r, const json_t *block, uint8_t *ret)
{
	const json_t *value = json_object_get(block, "underline");
	int64_t dots;
	int e;

	if (json_is_boolean(value)) {
		*ret = json_is_true(value);
		return 0;
	}
	e = read_int(r, block, "underline", 0, 2, 0, &dots);
	*ret = (uint8_t)dots;
	return e;
}

/* "a", "b", or 0, 1. */
static int
read_font(struct reader *r, const json_t *block, uint8_t *ret)
{
	static const char *const words[] = {"a", "b"};
	unsigned word;
	int64_t number;
	int e;

	if (json_is_integer(json_object_get(block, "font"))) {
		e = read_int(r, block, "font", 0, 1, 0, &number);
		*ret = (uint8_t)number;
		return e;
	}
	e = READ_WORD(r, block, "font", words, 0, &word);
	*ret = (uint8_t)word;
	return e;
}

static int
read_text(struct reader *r, const json_t *block, const json_t *value)
{
	struct tb_text_style style = {0};
	const char *text = read_string(r, value, "text");
	int64_t width = 1, height = 1;
	unsigned align = 0;
	int e;

	if (!text)
		return -EINVAL;
	e = READ_WORD(r, block, "align", align_words, TB_ALIGN_LEFT, &align);
	if (e == 0)
		e = read_bool(r, block, "bold", &style.bold);
	if (e == 0)
		e = read_bool(r, block, "invert", &style.invert);
	if (e == 0)
		e = read_underline(r, block, &style.underline);
	if (e == 0)
		e = read_font(r, block, &style.font);
	if (e == 0)
		e = read_int(r, block, "width", 1, 8, 1, &width);
	if (e == 0)
		e = read_int(r, block, "height", 1, 8, 1, &height);
	if (e < 0)
		return e;
	style.align = (enum tb_align)align;
	style.width = (uint8_t)width;
	style.height = (uint8_t)height;
	return fault_of(r, tb_document_add_text(r->document, text, &style), "text");
}

static int
read_cell(struct reader *r, const json_t *cell, size_t n, struct tb_column *ret)
{
	const char *key;
	json_t *value;

	if (!json_is_object(cell))
		return fault_at(r, "wrong_type", "/columns/%zu", n);
	json_object_foreach((json_t *)cell, key, value) {
		if (strcmp(key, "text") == 0 && json_is_string(value) &&
			strlen(json_string_value(value)) == json_string_length(value)) {
			ret->text = (char *)json_string_value(value);
		} else if (strcmp(key, "width") == 0 && json_is_integer(value)) {
			json_int_t width = json_integer_value(value);

			if (width < 0 || width > TB_DOCUMENT_WIDTH_MAX)
				return fault_at(r, "out_of_range", "/columns/%zu/width", n);
			ret->width = (unsigned)width;
		} else if (strcmp(key, "align") == 0 && json_is_string(value)) {
			int align = word_index(
				align_words, ARRAY_SIZE(align_words), json_string_value(value));

			if (align < 0)
				return fault_at(r, "unknown", "/columns/%zu/align", n);
			ret->align = (enum tb_align)align;
		} else if (strcmp(key, "text") == 0 || strcmp(key, "width") == 0 ||
			   strcmp(key, "align") == 0) {
			return fault_at(r, "wrong_type", "/columns/%zu/%s", n, key);
		} else {
			return fault_at(r, "unknown", "/columns/%zu/%.32s", n, key);
		}
	}
	if (!ret->text)
		return fault_at(r, "missing", "/columns/%zu/text", n);
	return 0;
}

static int
read_columns(struct reader *r, const json_t *block, const json_t *value)
{
	struct tb_column cells[TB_DOCUMENT_COLUMNS_MAX] = {0};
	size_t n = json_array_size(value);
	int e;

	if (!json_is_array(value))
		return fault_at(r, "wrong_type", "/columns");
	if (n == 0 || n > TB_DOCUMENT_COLUMNS_MAX)
		return fault_at(r, n ? "too_many" : "missing", "/columns");
	for (size_t i = 0; i < n; i++) {
		e = read_cell(r, json_array_get(value, i), i, &cells[i]);
		if (e < 0)
			return e;
	}
	return fault_of(r, tb_document_add_columns(r->document, cells, n), "columns");
}

static int
read_rule(struct reader *r, const json_t *block, const json_t *value)
{
	const char *sign = json_string_value(value);

	if (!sign && !json_is_true(value))
		return fault_at(r, "wrong_type", "/rule");
	if (sign && json_string_length(value) != 1)
		return fault_at(r, "invalid", "/rule");
	return fault_of(r, tb_document_add_rule(r->document, sign ? sign[0] : 0), "rule");
}

static int
read_image(struct reader *r, const json_t *block, const json_t *value)
{
	static const char *const dithers[] = {"threshold", "bayer", "floyd", "atkinson"};
	_cleanup_free_ uint8_t *png = NULL, *gray = NULL;
	unsigned dither, width, height;
	size_t len;
	int e;

	if (!json_is_string(value))
		return fault_at(r, "wrong_type", "/image");
	e = READ_WORD(r, block, "dither", dithers, TB_DITHER_FLOYD, &dither);
	if (e < 0)
		return e;
	e = tb_base64_decode(json_string_value(value), json_string_length(value), &png, &len);
	if (e == 0)
		e = tb_png_decode(png, len, TB_DOCUMENT_IMAGE_SIDE_MAX,
			TB_DOCUMENT_PIXELS_MAX - r->document->pixels, &gray, &width, &height);
	if (e == 0)
		e = tb_document_add_image(r->document, gray, width, height, (enum tb_dither)dither);
	return fault_of(r, e, "image");
}

static const char *const symbologies[] = {
	[TB_BARCODE_UPCA] = "upca",
	[TB_BARCODE_UPCE] = "upce",
	[TB_BARCODE_EAN13] = "ean13",
	[TB_BARCODE_EAN8] = "ean8",
	[TB_BARCODE_CODE39] = "code39",
	[TB_BARCODE_ITF] = "itf",
	[TB_BARCODE_CODABAR] = "codabar",
	[TB_BARCODE_CODE93] = "code93",
	[TB_BARCODE_CODE128] = "code128",
	[TB_BARCODE_GS1_128] = "gs1-128",
};

static int
read_hri(struct reader *r, const json_t *block, enum tb_hri *ret)
{
	static const char *const words[] = {"none", "above", "below", "both"};
	const json_t *value = json_object_get(block, "hri");
	unsigned word;
	int e;

	if (json_is_boolean(value)) {
		*ret = json_is_true(value) ? TB_HRI_BELOW : TB_HRI_NONE;
		return 0;
	}
	e = READ_WORD(r, block, "hri", words, TB_HRI_BELOW, &word);
	*ret = (enum tb_hri)word;
	return e;
}

static int
read_barcode(struct reader *r, const json_t *block, const json_t *value)
{
	const char *data = read_string(r, value, "barcode");
	unsigned symbology = 0;
	int64_t height = 0;
	enum tb_hri hri = TB_HRI_BELOW;
	int e;

	if (!data)
		return -EINVAL;
	if (!json_object_get(block, "symbology"))
		return fault_at(r, "missing", "/symbology");
	e = READ_WORD(r, block, "symbology", symbologies, 0, &symbology);
	if (e == 0)
		e = read_int(r, block, "height", 1, 255, 0, &height);
	if (e == 0)
		e = read_hri(r, block, &hri);
	if (e < 0)
		return e;
	e = tb_document_add_barcode(r->document, (enum tb_barcode_kind)symbology, data,
		strlen(data), (uint8_t)height, hri);
	return fault_of(r, e, "barcode");
}

static int
read_qr(struct reader *r, const json_t *block, const json_t *value)
{
	static const char *const levels[] = {"l", "m", "q", "h"};
	const char *data = read_string(r, value, "qr");
	unsigned ecc = TB_QR_ECC_M;
	int64_t size = 0;
	int e;

	if (!data)
		return -EINVAL;
	e = read_int(r, block, "size", 1, 16, 0, &size);
	if (e == 0)
		e = READ_WORD(r, block, "ecc", levels, TB_QR_ECC_M, &ecc);
	if (e < 0)
		return e;
	e = tb_document_add_qr(r->document, data, strlen(data), (uint8_t)size, (enum tb_qr_ecc)ecc);
	return fault_of(r, e, "qr");
}

static int
read_feed(struct reader *r, const json_t *block, const json_t *value)
{
	int64_t lines = 1;
	int e = json_is_true(value)
	                ? 0
	                : read_int(r, block, "feed", 0, TB_DOCUMENT_FEED_MAX, 1, &lines);

	return e < 0 ? e : fault_of(r, tb_document_add_feed(r->document, (unsigned)lines), "feed");
}

/* true is the cut that leaves a bridge of paper, so that the coupon does not fall to the floor. */
static int
read_cut(struct reader *r, const json_t *block, const json_t *value)
{
	static const char *const words[] = {"full", "partial"};
	unsigned word = 1;
	int e = json_is_true(value) ? 0 : READ_WORD(r, block, "cut", words, 1, &word);

	return e < 0 ? e : fault_of(r, tb_document_add_cut(r->document, word == 1), "cut");
}

/* true, the pin (2 or 5), or {pin?, on_ms?, off_ms?}. */
static int
read_pulse(struct reader *r, const json_t *block, const json_t *value)
{
	int64_t pin = 2, on_ms = 0, off_ms = 0;
	const char *key;
	json_t *member;

	if (json_is_object(value)) {
		json_object_foreach((json_t *)value, key, member) {
			int64_t *target = strcmp(key, "pin") == 0      ? &pin
			                  : strcmp(key, "on_ms") == 0  ? &on_ms
			                  : strcmp(key, "off_ms") == 0 ? &off_ms
			                                               : NULL;

			if (!target)
				return fault_at(r, "unknown", "/pulse/%.32s", key);
			if (!json_is_integer(member))
				return fault_at(r, "wrong_type", "/pulse/%s", key);
			*target = json_integer_value(member);
			if (target != &pin && (*target < 2 || *target > 510))
				return fault_at(r, "out_of_range", "/pulse/%s", key);
		}
		if (pin != 2 && pin != 5)
			return fault_at(r, "out_of_range", "/pulse/pin");
	} else if (json_is_integer(value)) {
		pin = json_integer_value(value);
		if (pin != 2 && pin != 5)
			return fault_at(r, "out_of_range", "/pulse");
	} else if (!json_is_true(value)) {
		return fault_at(r, "wrong_type", "/pulse");
	}
	return fault_of(r,
		tb_document_add_pulse(r->document, (uint8_t)pin, (uint16_t)on_ms, (uint16_t)off_ms),
		"pulse");
}

static const struct {
	const char *key;
	const char *members; /* that may stand beside it */
	int (*read)(struct reader *r, const json_t *block, const json_t *value);
} kinds[] = {
	{"text", " align bold width height underline invert font ", read_text},
	{"columns", "", read_columns},
	{"rule", "", read_rule},
	{"image", " dither ", read_image},
	{"barcode", " symbology height hri ", read_barcode},
	{"qr", " size ecc ", read_qr},
	{"feed", "", read_feed},
	{"cut", "", read_cut},
	{"pulse", "", read_pulse},
};

static bool
is_member(const char *members, const char *key)
{
	char padded[16];

	if (snprintf(padded, sizeof(padded), " %s ", key) >= (int)sizeof(padded))
		return false;
	return strstr(members, padded);
}

static int
read_block(struct reader *r, const json_t *block)
{
	size_t kind = ARRAY_SIZE(kinds);
	const char *key;
	json_t *value;

	if (!json_is_object(block))
		return fault_at(r, "wrong_type", "%s", "");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!json_object_get(block, kinds[i].key))
			continue;
		if (kind < ARRAY_SIZE(kinds))
			return fault_at(r, "invalid", "/%s", kinds[i].key);
		kind = i;
	}
	if (kind == ARRAY_SIZE(kinds))
		return fault_at(r, "missing", "%s", "");
	json_object_foreach((json_t *)block, key, value) {
		if (strcmp(key, kinds[kind].key) != 0 && !is_member(kinds[kind].members, key))
			return fault_at(r, "unknown", "/%.32s", key);
	}
	return kinds[kind].read(r, block, json_object_get(block, kinds[kind].key));
}

static int
read_document(struct reader *r, const json_t *json)
{
	const json_t *blocks = json_object_get(json, "blocks");
	int64_t width;
	const char *key;
	json_t *value;
	int e;

	if (!json_is_object(json))
		return fault_at(r, "wrong_type", "%s", "");
	json_object_foreach((json_t *)json, key, value) {
		if (strcmp(key, "width") != 0 && strcmp(key, "blocks") != 0)
			return fault_at(r, "unknown", "/%.32s", key);
	}
	if (!blocks)
		return fault_at(r, "missing", "/blocks");
	if (!json_is_array(blocks))
		return fault_at(r, "wrong_type", "/blocks");
	if (json_array_size(blocks) == 0)
		return fault_at(r, "missing", "/blocks");
	if (json_array_size(blocks) > TB_DOCUMENT_BLOCKS_MAX)
		return fault_at(r, "too_many", "/blocks");
	e = read_int(r, json, "width", 1, TB_DOCUMENT_WIDTH_MAX, 0, &width);
	if (e < 0)
		return e;
	r->document->width = (unsigned)width;
	for (size_t i = 0; i < json_array_size(blocks); i++) {
		r->block = i;
		e = read_block(r, json_array_get(blocks, i));
		if (e < 0)
			return e;
	}
	return 0;
}

int
tb_document_from_json(const json_t *json, const char *prefix, struct tb_document **ret,
	struct tb_document_fault *ret_fault)
{
	_cleanup_(tb_document_freep) struct tb_document *document = tb_document_new();
	struct reader r = {
		.document = document, .fault = ret_fault, .prefix = prefix, .block = NO_BLOCK};
	int e;

	if (!document)
		return -ENOMEM;
	e = read_document(&r, json);
	if (e < 0)
		return e;
	*ret = TAKE_PTR(document);
	return 0;
}
