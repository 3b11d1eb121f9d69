/* SPDX-License-Identifier: MIT */
/*
 * What is written is what is read: random documents for every profile, laid out, encoded, and read
 * back by the interpreter, which was built from the manuals and not from the encoder.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "hw/escpos/encode.h"
#include "hw/escpos/interpret.h"

#define ROUNDS 400

static uint32_t random_state = 1;

static uint32_t
roll(uint32_t sides)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % sides;
}

static const char *const words[] = {"Café", "crème", "2,50", "€", "œuf", "l\u2019été", "Noël", "–",
	"Straße", "naïf", "10%", "TVA", "a", "Œdipe", "ça", "où", "N°5", "zażółć", "Привет", "漢字",
	"😀", "\x1b@", "\x1d", "pâtisserie-boulangerie", "..."};

static void
random_text(char *out, size_t size)
{
	uint32_t n = roll(30);

	out[0] = '\0';
	for (uint32_t i = 0; i < n; i++) {
		size_t used = strlen(out);

		snprintf(out + used, size - used, "%s%s", words[roll(ARRAY_SIZE(words))],
			roll(12) == 0 ? "\n" : " ");
		if (strlen(out) + 40 > size)
			break;
	}
}

static void
add_text(struct tb_document *document)
{
	struct tb_text_style style = {.align = (enum tb_align)roll(3),
		.width = (uint8_t)(1 + roll(4) * roll(2)),
		.height = (uint8_t)(1 + roll(4) * roll(2)),
		.underline = (uint8_t)(roll(4) == 0),
		.font = (uint8_t)roll(2),
		.bold = roll(2),
		.invert = roll(5) == 0};
	char text[1024];

	random_text(text, sizeof(text));
	assert_int_equal(tb_document_add_text(document, text, &style), 0);
}

static void
add_columns(struct tb_document *document)
{
	struct tb_column cells[4] = {0};
	char texts[4][1024];
	size_t n = 1 + roll(4);

	for (size_t i = 0; i < n; i++) {
		random_text(texts[i], sizeof(texts[i]));
		cells[i] = (struct tb_column){
			.text = texts[i], .width = roll(20), .align = (enum tb_align)roll(3)};
	}
	assert_int_equal(tb_document_add_columns(document, cells, n), 0);
}

static void
add_image(struct tb_document *document)
{
	static uint8_t gray[700 * 300];
	unsigned width = 1 + roll(700), height = 1 + roll(300);

	for (size_t i = 0; i < (size_t)width * height; i++)
		gray[i] = (uint8_t)roll(256);
	/* A dot in each corner of the last row and column, so that the box is the picture. */
	memset(gray, 0, width);
	memset(gray + (size_t)(height - 1) * width, 0, width);
	assert_int_equal(
		tb_document_add_image(document, gray, width, height, (enum tb_dither)roll(4)), 0);
}

static void
add_barcode(struct tb_document *document)
{
	static const struct {
		enum tb_barcode_kind kind;
		const char *data;
	} codes[] = {{TB_BARCODE_EAN13, "400638133393"}, {TB_BARCODE_EAN8, "9638507"},
		{TB_BARCODE_UPCA, "036000291452"}, {TB_BARCODE_UPCE, "425261"},
		{TB_BARCODE_CODE39, "TB-8F3K"}, {TB_BARCODE_ITF, "123456"},
		{TB_BARCODE_CODABAR, "A1234B"}, {TB_BARCODE_CODE93, "TB8F3K"},
		{TB_BARCODE_CODE128, "TBC-1234567890"}, {TB_BARCODE_CODE128, "1604051620"},
		{TB_BARCODE_CODE128, "a{b}\tC"}, {TB_BARCODE_GS1_128, "(01)09501101530003(10)A"}};
	uint32_t i = roll(ARRAY_SIZE(codes));

	assert_int_equal(
		tb_document_add_barcode(document, codes[i].kind, codes[i].data,
			strlen(codes[i].data), (uint8_t)(30 + roll(100)), (enum tb_hri)roll(4)),
		0);
}

static void
add_qr(struct tb_document *document)
{
	char data[200];
	size_t n = 1 + roll(sizeof(data) - 1);

	for (size_t i = 0; i < n; i++)
		data[i] = (char)(0x21 + roll(90));
	assert_int_equal(
		tb_document_add_qr(document, data, n, (uint8_t)roll(9), (enum tb_qr_ecc)roll(4)),
		0);
}

static struct tb_document *
random_document(void)
{
	struct tb_document *document = tb_document_new();
	uint32_t n = 1 + roll(8);

	if (roll(4) == 0)
		document->width = 10 + roll(60);
	for (uint32_t i = 0; i < n; i++) {
		switch (roll(10)) {
		case 0:
		case 1:
		case 2:
			add_text(document);
			break;
		case 3:
			add_columns(document);
			break;
		case 4:
			tb_document_add_rule(document, "-=.*"[roll(4)]);
			break;
		case 5:
			add_image(document);
			break;
		case 6:
			add_barcode(document);
			break;
		case 7:
			add_qr(document);
			break;
		case 8:
			tb_document_add_feed(document, roll(10));
			break;
		default:
			if (roll(2))
				tb_document_add_cut(document, roll(2));
			else
				tb_document_add_pulse(document, roll(2) ? 2 : 5,
					(uint16_t)(2 + 2 * roll(250)),
					(uint16_t)(2 + 2 * roll(250)));
			break;
		}
	}
	return document;
}

/* Appends the characters but for blanks: runs and padding are not compared. */
static void
add_characters(struct tb_buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] != ' ')
			tb_buf_add_byte(out, (uint8_t)text[i]);
	}
}

static void
add_glyph(struct tb_buf *out, const struct tb_layout *layout, struct tb_glyph glyph)
{
	uint32_t c = glyph.byte;

	if (glyph.page < TB_GLYPH_KEPT)
		c = tb_page_decode(layout->profile->pages[glyph.page].page, glyph.byte);
	if (c == ' ')
		return;
	if (c < 0x80) {
		tb_buf_add_byte(out, (uint8_t)c);
	} else if (c < 0x800) {
		tb_buf_add_byte(out, (uint8_t)(0xC0 | c >> 6));
		tb_buf_add_byte(out, (uint8_t)(0x80 | (c & 0x3F)));
	} else {
		tb_buf_add_byte(out, (uint8_t)(0xE0 | c >> 12));
		tb_buf_add_byte(out, (uint8_t)(0x80 | (c >> 6 & 0x3F)));
		tb_buf_add_byte(out, (uint8_t)(0x80 | (c & 0x3F)));
	}
}

static bool
touches(const struct tb_layout *layout, const struct tb_item *a, const struct tb_item *b)
{
	return b->kind == TB_ITEM_RASTER && a->raster.margin_dots + b->raster.margin_dots == 0 &&
	       layout->rasters[a->raster.raster].stride == layout->rasters[b->raster.raster].stride;
}

/* What the layout says must be read, as lines of text: one thing a line, text of lines joined. */
static void
describe_layout(struct tb_buf *out, const struct tb_layout *layout)
{
	unsigned height = 0;

	for (size_t i = 0; i < layout->n_items; i++) {
		const struct tb_item *item = &layout->items[i];
		const struct tb_raster *raster;
		const struct tb_run *run;

		switch (item->kind) {
		case TB_ITEM_LINE:
			run = &layout->runs[item->line.run];
			for (size_t j = 0; j < run->n; j++)
				add_glyph(out, layout, layout->glyphs[run->first + j]);
			break;
		case TB_ITEM_RASTER:
			raster = &layout->rasters[item->raster.raster];
			height += raster->height;
			/* Pictures of one width that touch are read as one. */
			if (i + 1 < layout->n_items && touches(layout, item, item + 1))
				break;
			tb_buf_addf(out, "\nimage %zu %u\n", raster->stride * 8, height);
			height = 0;
			break;
		case TB_ITEM_BARCODE:
			tb_buf_addf(out, "\ncode\n");
			break;
		case TB_ITEM_QR:
			tb_buf_addf(out, "\nqr %.*s\n", (int)item->qr.block->qr.len,
				item->qr.block->qr.data);
			break;
		case TB_ITEM_CUT:
			if (layout->profile->cut != TB_CUT_NONE)
				tb_buf_addf(out, "\ncut %d\n", item->cut.partial);
			break;
		case TB_ITEM_PULSE:
			tb_buf_addf(out, "\npulse %u %u %u\n", item->pulse.pin, item->pulse.on_ms,
				item->pulse.off_ms);
			break;
		case TB_ITEM_FEED:
			break;
		}
	}
}

static void
describe_page(struct tb_buf *out, const struct tb_page_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct tb_element *e = &list->items[i];

		switch (e->kind) {
		case TB_ELEMENT_TEXT:
			add_characters(out, e->text.text, e->text.len);
			break;
		case TB_ELEMENT_IMAGE:
			tb_buf_addf(out, "\nimage %u %u\n", e->w, e->h);
			break;
		case TB_ELEMENT_CODE:
			if (strcmp(e->code.type, "qr") == 0)
				tb_buf_addf(out, "\nqr %.*s\n", (int)e->code.len, e->code.data);
			else
				tb_buf_addf(out, "\ncode\n");
			if (!e->code.printed)
				tb_buf_addf(out, "not printed: %s\n", e->code.type);
			break;
		case TB_ELEMENT_CUT:
			tb_buf_addf(out, "\ncut %d\n", e->cut.partial);
			break;
		case TB_ELEMENT_PULSE:
			tb_buf_addf(out, "\npulse %u %u %u\n", e->pulse.pin, e->pulse.on_ms,
				e->pulse.off_ms);
			break;
		case TB_ELEMENT_UNKNOWN:
			tb_buf_addf(out, "\nunknown\n");
			break;
		case TB_ELEMENT_DIALECT:
			tb_buf_addf(out, "\ndialect %s\n", e->dialect.suspect);
			break;
		}
	}
}

static void
check_document(const struct tb_document *document, const struct tb_profile *profile)
{
	struct tb_interpret_config config = {.profile = profile};
	struct tb_buf expected = TB_BUF_INIT(0), read = TB_BUF_INIT(0);
	struct tb_page_list list = {0};
	struct tb_encoded encoded;
	struct tb_layout layout;
	char *why = NULL;
	int r = tb_layout_init(&layout, document, profile, NULL, &why);

	if (r < 0) {
		/* Too wide for that paper: it says so. */
		assert_int_equal(r, -EINVAL);
		assert_non_null(why);
		free(why);
		return;
	}
	assert_int_equal(tb_encode(&layout, &encoded), 0);
	assert_int_equal(
		tb_page_list_read(&list, &config, encoded.bytes.data, encoded.bytes.len), 0);
	describe_layout(&expected, &layout);
	describe_page(&read, &list);
	tb_buf_add_byte(&expected, '\0');
	tb_buf_add_byte(&read, '\0');
	assert_string_equal(read.data, expected.data);
	tb_page_list_done(&list);
	tb_encoded_done(&encoded);
	tb_layout_done(&layout);
	tb_buf_done(&expected);
	tb_buf_done(&read);
}

static void
test_random_documents(void **state)
{
	for (int round = 0; round < ROUNDS; round++) {
		struct tb_document *document = random_document();
		const struct tb_profile *profile;

		profile = tb_profile_at(roll(17));
		assert_non_null(profile);
		check_document(document, profile);
		tb_document_free(document);
	}
}

/* After every prefix that ends between two commands the reader is between two commands. */
static void
test_marks_are_boundaries(void **state)
{
	for (int round = 0; round < 20; round++) {
		struct tb_document *document = random_document();
		struct tb_interpret *in = tb_interpret_new(
			&(struct tb_interpret_config){0}, &(struct tb_interpret_ops){0}, NULL);
		struct tb_encoded encoded;
		char *why = NULL;
		uint32_t at = 0;

		if (tb_encode_document(document, tb_profile_find(NULL), NULL, &encoded, &why) ==
			0) {
			for (size_t i = 0; i < encoded.n_marks; i++) {
				tb_interpret_feed(
					in, encoded.bytes.data + at, encoded.marks[i].end - at);
				assert_true(tb_interpret_at_rest(in));
				at = encoded.marks[i].end;
			}
			tb_encoded_done(&encoded);
		}
		free(why);
		tb_interpret_free(in);
		tb_document_free(document);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_documents),
		cmocka_unit_test(test_marks_are_boundaries),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
