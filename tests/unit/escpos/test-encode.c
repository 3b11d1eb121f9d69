/* SPDX-License-Identifier: MIT */
/* Documents to bytes: what each block is expected to be, byte for byte, and what is refused. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "hw/escpos/encode.h"

struct bench {
	struct tb_document *document;
	struct tb_print_report report;
	struct tb_encoded encoded;
	char *why;
	int r;
};

static int
setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	b->document = tb_document_new();
	*state = b;
	return b->document ? 0 : -1;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	tb_document_free(b->document);
	tb_encoded_done(&b->encoded);
	free(b->why);
	free(b);
	return 0;
}

static void
encode(struct bench *b, const char *profile)
{
	tb_encoded_done(&b->encoded);
	free(b->why);
	b->why = NULL;
	b->report = (struct tb_print_report){0};
	b->r = tb_encode_document(
		b->document, tb_profile_find(profile), &b->report, &b->encoded, &b->why);
}

/* The marks cover the bytes without a gap, in order. */
static void
check_marks(const struct bench *b)
{
	uint32_t at = 0;

	for (size_t i = 0; i < b->encoded.n_marks; i++) {
		assert_true(b->encoded.marks[i].end > at);
		at = b->encoded.marks[i].end;
	}
	assert_int_equal(at, b->encoded.bytes.len);
}

static void
expect_bytes(struct bench *b, const char *profile, const void *bytes, size_t len)
{
	encode(b, profile);
	if (b->r < 0)
		print_error("%s\n", b->why ? b->why : "no reason");
	assert_int_equal(b->r, 0);
	assert_int_equal(b->encoded.bytes.len, len);
	assert_memory_equal(b->encoded.bytes.data, bytes, len);
	check_marks(b);
}

/* What every document begins with, page 858 in the slot that most printers give it. */
#define INIT "\x1b@\x1c.\x1bt\x13"
#define EXPECT(b, text) expect_bytes(b, "default80", text, sizeof(text) - 1)
#define EXPECT_ON(b, profile, text) expect_bytes(b, profile, text, sizeof(text) - 1)

static void
text(struct bench *b, const char *text, struct tb_text_style style)
{
	assert_int_equal(tb_document_add_text(b->document, text, &style), 0);
}

static void
test_plain(void **state)
{
	struct bench *b = *state;

	text(b, "Bonjour", (struct tb_text_style){0});
	text(b, "", (struct tb_text_style){0});
	text(b, "a\nb\n", (struct tb_text_style){0});
	EXPECT(b, INIT "Bonjour\n\na\nb\n");
	assert_int_equal(b->report.substitutions, 0);
}

static void
test_pages(void **state)
{
	struct bench *b = *state;

	/* 858 has both é and €; ’ and œ are in 1252 only, which then stays as long as it can. */
	text(b, "Café 2,50 €", (struct tb_text_style){0});
	text(b, "l\u2019œuf à", (struct tb_text_style){0});
	text(b, "░é", (struct tb_text_style){0});
	EXPECT(b, INIT "Caf\x82 2,50 \xd5\n"
		       "l\x1bt\x10\x92\x9cuf \xe0\n"
		       "\x1bt\x13\xb0\x82\n");
	assert_int_equal(b->report.substitutions, 0);
}

static void
test_vendors_slots(void **state)
{
	struct bench *b = *state;

	text(b, "€", (struct tb_text_style){0});
	EXPECT_ON(b, "citizen", "\x1b@\x1c.\x1bt\x02\xd5\n");
	EXPECT_ON(b, "hp-a779", "\x1b@\x1c.\x1bt\x06\xd5\n");
	/* None of its pages has it. */
	EXPECT_ON(b, "mpt2",
		"\x1b@\x1c.\x1bt\x02"
		"EUR\n");
	assert_int_equal(b->report.substitutions, 1);
	assert_string_equal(b->report.substituted, "€");
}

static void
test_transliterated(void **state)
{
	struct bench *b = *state;

	text(b, "l\u2019œuf – \u201cĀ\u201d œ 漢 😀", (struct tb_text_style){0});
	EXPECT_ON(b, "simple", "\x1b@\x1c.\x1bt\x00l'oeuf - \"A\" oe ? ?\n");
	assert_int_equal(b->report.substitutions, 9);
	assert_string_equal(b->report.substituted, "\u2019œ–\u201cĀ\u201d漢😀");
}

static void
test_normalised(void **state)
{
	struct bench *b = *state;

	/* e and a combining acute; no-break blanks; a zero-width joiner; a mark with no letter */
	text(b, "e\u0301 1\u202f000\u00a0€ a\u200db\u0489", (struct tb_text_style){0});
	EXPECT(b, INIT "\x82 1 000 \xd5 ab\n");
	assert_int_equal(b->report.substitutions, 1);
}

static void
test_no_control_passes(void **state)
{
	struct bench *b = *state;
	char all[0x21] = "";

	for (int i = 1; i < 0x20; i++)
		all[i - 1] = (char)(i == '\n' ? 'n' : i);
	text(b, all, (struct tb_text_style){0});
	text(b,
		"a\x1b@b\x1dV\x10\x14\x01\x7f\xc2\x85\xc2\x9b"
		"z",
		(struct tb_text_style){0});
	EXPECT(b, INIT " n\na@bVz\n");
}

static void
test_styles(void **state)
{
	struct bench *b = *state;

	text(b, "A",
		(struct tb_text_style){
			.align = TB_ALIGN_CENTER, .bold = true, .width = 2, .height = 3});
	text(b, "B", (struct tb_text_style){.align = TB_ALIGN_RIGHT, .underline = 1, .font = 1});
	text(b, "C", (struct tb_text_style){.invert = true});
	EXPECT(b, INIT "\x1b\x61\x01\x1b\x45\x01\x1d\x21\x12"
		       "A\n"
		       "\x1b\x61\x02\x1b\x4d\x01\x1b\x45\x00\x1b\x2d\x01\x1d\x21\x00"
		       "B\n"
		       "\x1b\x61\x00\x1b\x4d\x00\x1b\x2d\x00\x1d\x42\x01"
		       "C\n");
}

static void
test_wrapped(void **state)
{
	struct bench *b = *state;

	text(b, "  one two three four five six seven eight nine ten", (struct tb_text_style){0});
	EXPECT_ON(b, "default58", INIT "  one two three four five six\nseven eight nine ten\n");
	tb_document_free(b->document);
	b->document = tb_document_new();
	text(b, "0123456789012345678901234567890123456789", (struct tb_text_style){.width = 2});
	EXPECT_ON(b, "default58",
		INIT "\x1d\x21\x10"
		     "0123456789012345\n6789012345678901\n23456789\n");
}

static void
test_width_of_document(void **state)
{
	struct bench *b = *state;

	b->document->width = 20;
	text(b, "aaaaaaaaaaaaaaaaaaaa bb", (struct tb_text_style){0});
	tb_document_add_rule(b->document, '=');
	/* GS W: 20 * 12 dots */
	EXPECT(b, "\x1b@\x1c.\x1bt\x13\x1dW\xf0\0aaaaaaaaaaaaaaaaaaaa\nbb\n"
		  "====================\n");
}

static void
test_columns(void **state)
{
	struct bench *b = *state;
	const struct tb_column row[] = {
		{.text = (char *)"Café", .width = 24},
		{.text = (char *)"2,50 €", .width = 8, .align = TB_ALIGN_RIGHT},
	};
	const struct tb_column open[] = {
		{.text = (char *)"Chou à la crème de la maison", .width = 0},
		{.text = (char *)"x", .width = 5, .align = TB_ALIGN_CENTER},
		{.text = (char *)"1,10\n2,20", .width = 8, .align = TB_ALIGN_RIGHT},
	};

	assert_int_equal(tb_document_add_columns(b->document, row, 2), 0);
	assert_int_equal(tb_document_add_columns(b->document, open, 3), 0);
	EXPECT_ON(b, "default58",
		INIT "Caf\x82                      2,50 \xd5\n"
		     "Chou \x85 la cr\x8ame de   x      1,10\n"
		     "la maison                   2,20\n");
	/* Made for 32 and printed on 48: the rest of the line stays white. */
	encode(b, "default80");
	assert_int_equal(b->r, 0);
}

static void
test_columns_too_wide(void **state)
{
	struct bench *b = *state;
	const struct tb_column row[] = {
		{.text = (char *)"A", .width = 40},
		{.text = (char *)"B", .width = 8, .align = TB_ALIGN_RIGHT},
	};
	const struct tb_column wide[] = {
		{.text = (char *)"Votre solde", .width = 36},
		{.text = (char *)"120 points", .width = 12, .align = TB_ALIGN_RIGHT},
	};

	assert_int_equal(tb_document_add_columns(b->document, row, 2), 0);
	EXPECT_ON(b, "default58", INIT "A                              B\n");
	/* The price has room because the name leaves it. */
	tb_document_free(b->document);
	b->document = tb_document_new();
	assert_int_equal(tb_document_add_columns(b->document, wide, 2), 0);
	EXPECT_ON(b, "default58", INIT "Votre solde           120 points\n");
}

static void
test_paper_and_drawer(void **state)
{
	struct bench *b = *state;

	tb_document_add_feed(b->document, 3);
	tb_document_add_pulse(b->document, 2, 0, 0);
	tb_document_add_pulse(b->document, 5, 100, 510);
	tb_document_add_cut(b->document, true);
	tb_document_add_cut(b->document, false);
	EXPECT(b, INIT "\x1b\x64\x03\x1bp\x00\x3c\x78\x1bp\x01\x32\xff\x1dV\x42\x18\x1dV\x41\x18");
	EXPECT_ON(b, "simple",
		"\x1b@\x1c.\x1bt\x00\x1b\x64\x03\x1bp\x00\x3c\x78\x1bp\x01\x32\xff"
		"\x1bJ\x90\x1dV\x01\x1bJ\x90\x1dV\x00");
}

static void
barcode(struct bench *b, enum tb_barcode_kind kind, const char *data)
{
	assert_int_equal(
		tb_document_add_barcode(b->document, kind, data, strlen(data), 0, TB_HRI_BELOW), 0);
}

/* Height 80, module 3, HRI below in font A, centred. */
#define BAR(w) \
	INIT "\x1b\x61\x01\x1dhP\x1dw" w "\x1dH\x02\x1d" \
	     "f\x00\x1dk"

static void
test_ean(void **state)
{
	struct bench *b = *state;

	barcode(b, TB_BARCODE_EAN13, "400638133393");
	EXPECT(b, BAR("\x03") "\x43\x0d"
			      "4006381333931");
	tb_document_free(b->document);
	b->document = tb_document_new();
	barcode(b, TB_BARCODE_EAN8, "96385074");
	EXPECT(b, BAR("\x03") "\x44\x08"
			      "96385074");
	tb_document_free(b->document);
	b->document = tb_document_new();
	barcode(b, TB_BARCODE_UPCA, "03600029145");
	EXPECT(b, BAR("\x03") "\x41\x0c"
			      "036000291452");
}

static void
expect_refused(struct bench *b, const char *profile, const char *word)
{
	encode(b, profile);
	assert_int_equal(b->r, -EINVAL);
	assert_non_null(b->why);
	if (!strstr(b->why, word))
		print_error("%s\n", b->why);
	assert_non_null(strstr(b->why, word));
}

static void
test_barcodes_refused(void **state)
{
	static const struct {
		enum tb_barcode_kind kind;
		const char *data, *word;
	} wrong[] = {
		{TB_BARCODE_EAN13, "4006381333932", "check digit"},
		{TB_BARCODE_EAN13, "40063813339", "12 or 13"},
		{TB_BARCODE_EAN13, "40063813339x", "12 or 13"},
		{TB_BARCODE_EAN8, "96385075", "check digit"},
		{TB_BARCODE_UPCA, "036000291453", "check digit"},
		{TB_BARCODE_UPCE, "1234567", "upce"},
		{TB_BARCODE_UPCE, "123456789012", "upce"},
		{TB_BARCODE_CODE39, "abc", "code39"},
		{TB_BARCODE_CODE39, "A*B", "code39"},
		{TB_BARCODE_ITF, "123", "even"},
		{TB_BARCODE_CODABAR, "12E", "codabar"},
		{TB_BARCODE_CODE93, "é", "code93"},
		{TB_BARCODE_CODE128, "é", "ASCII"},
		{TB_BARCODE_CODE128, "a\x1b@", "ESC"},
		{TB_BARCODE_GS1_128, "(0x)1", "gs1-128"},
		{TB_BARCODE_CODE128, "a code that is longer than any roll of paper is wide",
			"dots"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct bench *b = *state;

		tb_document_free(b->document);
		b->document = tb_document_new();
		barcode(b, wrong[i].kind, wrong[i].data);
		expect_refused(b, "default80", wrong[i].word);
	}
}

static void
expect_code(enum tb_barcode_kind kind, const char *data, const void *bytes, size_t len,
	uint8_t system, unsigned modules)
{
	struct tb_barcode barcode;
	const char *why;

	assert_int_equal(tb_barcode_encode(kind, data, strlen(data), &barcode, &why), 0);
	assert_int_equal(barcode.system, system);
	assert_int_equal(barcode.len, len);
	assert_memory_equal(barcode.data, bytes, len);
	if (modules)
		assert_int_equal(barcode.narrow, modules);
}

#define CODE(kind, data, bytes, system, modules) \
	expect_code(kind, data, bytes, sizeof(bytes) - 1, system, modules)

static void
test_code128(void **state)
{
	/* 11 modules a symbol, with start, check and a stop of 13 */
	CODE(TB_BARCODE_CODE128, "TBC-7", "{BTBC-7", 73, 11 * 7 + 13);
	CODE(TB_BARCODE_CODE128, "123456", "{C\x0c\x22\x38", 73, 11 * 5 + 13);
	CODE(TB_BARCODE_CODE128, "A123456", "{BA{C\x0c\x22\x38", 73, 11 * 7 + 13);
	CODE(TB_BARCODE_CODE128, "12345", "{B1{C\x17\x2d", 73, 11 * 6 + 13);
	CODE(TB_BARCODE_CODE128, "a{b", "{Ba{{b", 73, 11 * 5 + 13);
	CODE(TB_BARCODE_CODE128, "A\tB", "{AA\tB", 73, 11 * 5 + 13);
	/* 16 04, 16 05 and 16 20 as pairs would be real-time commands. */
	CODE(TB_BARCODE_CODE128, "160412", "{B160412", 73, 0);
	CODE(TB_BARCODE_GS1_128, "(01)09501101530003(10)AB(21)7",
		"{C{1\x01\x09\x32\x0b\x01\x35\x00\x03\x0a{BAB{1217", 73, 0);
	CODE(TB_BARCODE_GS1_128,
		"10AB\x1d"
		"217",
		"{B{110AB{1217", 73, 0);
	CODE(TB_BARCODE_CODE128,
		"10AB\x1d"
		"2",
		"{B10AB{12", 73, 0);
}

static void
test_other_codes(void **state)
{
	CODE(TB_BARCODE_CODE39, "*AB-1*", "AB-1", 69, 7 * 6 - 1);
	CODE(TB_BARCODE_ITF, "1234", "1234", 70, 0);
	CODE(TB_BARCODE_CODABAR, "123", "A123A", 71, 0);
	CODE(TB_BARCODE_CODABAR, "b12:3d", "B12:3D", 71, 0);
	CODE(TB_BARCODE_CODE93, "Ab", "Ab", 72, 9 * 7 + 1);
	CODE(TB_BARCODE_UPCE, "425261", "042100005264", 66, 51);
	CODE(TB_BARCODE_UPCE, "04252614", "042100005264", 66, 51);
	CODE(TB_BARCODE_UPCE, "042100005264", "042100005264", 66, 51);
}

static void
test_width_steps_down(void **state)
{
	struct bench *b = *state;

	/* 211 modules: three dots each do not fit 576, two do, 58 mm has no room at all. */
	barcode(b, TB_BARCODE_CODE128, "TBC-8F3K-2MQX-71");
	EXPECT(b, BAR("\x02") "\x49\x12{BTBC-8F3K-2MQX-71");
	expect_refused(b, "default58", "384");
}

static void
test_qr_native(void **state)
{
	struct bench *b = *state;

	assert_int_equal(tb_document_add_qr(b->document, "TB:é", 5, 6, TB_QR_ECC_M), 0);
	EXPECT(b, INIT "\x1b\x61\x01\x1bJ\x18"
		       "\x1d(k\x04\0\x31\x41\x32\0\x1d(k\x03\0\x31\x43\x06\x1d(k\x03\0\x31\x45\x31"
		       "\x1d(k\x08\0\x31\x50\x30TB:\xc3\xa9\x1d(k\x03\0\x31\x51\x30\x1bJ\x18");
	EXPECT_ON(b, "clone-escz",
		INIT "\x1b\x61\x01\x1bJ\x18\x1dZ\x02\x1bZ\0M\x06\x05\0TB:\xc3\xa9"
		     "\x1bJ\x18");
}

static void
test_qr_raster(void **state)
{
	struct bench *b = *state;
	const uint8_t *bytes;

	assert_int_equal(tb_document_add_qr(b->document, "TB:8F3K2M", 9, 4, TB_QR_ECC_L), 0);
	encode(b, "default58");
	assert_int_equal(b->r, 0);
	check_marks(b);
	/* 21 modules of 4 dots: 84 rows of 11 bytes, white above and below */
	bytes = (const uint8_t *)b->encoded.bytes.data;
	assert_memory_equal(bytes, INIT "\x1b\x61\x01\x1bJ\x10\x1dv0\0\x0b\0\x54\0", 21);
	assert_int_equal(b->encoded.bytes.len, 21 + 84 * 11 + 3);
	/* The finder: seven modules of black, one of white. */
	assert_memory_equal(bytes + 21, "\xff\xff\xff\xf0", 4);
	/* A control character is never sent as data. */
	tb_document_free(b->document);
	b->document = tb_document_new();
	tb_document_add_qr(b->document, "a\x1b@", 3, 4, TB_QR_ECC_L);
	encode(b, "default80");
	assert_int_equal(b->r, 0);
	assert_null(memmem(b->encoded.bytes.data, b->encoded.bytes.len, "(k", 2));
}

static void
test_qr_sizes(void **state)
{
	struct bench *b = *state;
	static char data[TB_DOCUMENT_QR_MAX + 1];

	memset(data, 'x', sizeof(data) - 1);
	/* 177 modules and the quiet zone: three dots each on 576, two on 384. */
	tb_document_add_qr(b->document, data, TB_DOCUMENT_QR_MAX, 8, TB_QR_ECC_L);
	encode(b, "default80");
	assert_int_equal(b->r, 0);
	assert_int_equal(b->report.too_wide, 1);
	assert_non_null(memmem(b->encoded.bytes.data, 100, "\x1d(k\x03\0\x31\x43\x03", 8));
	tb_document_free(b->document);
	b->document = tb_document_new();
	tb_document_add_qr(b->document, data, TB_DOCUMENT_QR_MAX, 0, TB_QR_ECC_H);
	expect_refused(b, "default80", "cannot hold");
	b->document->blocks[0].qr.ecc = TB_QR_ECC_L;
	b->document->width = 16;
	expect_refused(b, "default80", "cannot be read");
}

static void
test_image(void **state)
{
	struct bench *b = *state;
	static const uint8_t gray[20 * 3] = {
		0, 255, 255, 255, 255, 255, 255, 255, 255, 0, [20] = 0, 255, 255, 255, 0};

	assert_int_equal(tb_document_add_image(b->document, gray, 20, 3, TB_DITHER_THRESHOLD), 0);
	EXPECT(b, INIT "\x1b\x61\x01\x1dv0\0\x03\0\x03\0\x80\x7f\xf0\x8f\xff\xf0\xff\xff\xf0");
	assert_int_equal(b->report.too_wide, 0);
}

static void
test_image_bands_and_scale(void **state)
{
	struct bench *b = *state;
	uint8_t *gray = calloc(1152, 600);
	size_t black = 0;

	assert_int_equal(tb_document_add_image(b->document, gray, 1152, 600, TB_DITHER_FLOYD), 0);
	free(gray);
	encode(b, "default80");
	assert_int_equal(b->r, 0);
	assert_int_equal(b->report.too_wide, 1);
	check_marks(b);
	/* 576 x 300: bands of 128, 128 and 44 rows, all black */
	assert_int_equal(b->encoded.bytes.len, 7 + 3 + 3 * 8 + 300 * 72);
	for (size_t i = 0; i < b->encoded.bytes.len; i++)
		black += (uint8_t)b->encoded.bytes.data[i] == 0xff;
	assert_int_equal(black, 300 * 72);
	assert_memory_equal(b->encoded.bytes.data + 10 + 8 + 128 * 72, "\x1dv0\0\x48\0\x80\0", 8);
}

/* A picture of the bytes of a drawer's kick does not kick. */
static void
test_image_defused(void **state)
{
	struct bench *b = *state;
	static const uint8_t evil[] = {0x10, 0x14, 0x01, 0x00, 0x08, 0x10, 0x04, 0x01, 0x10, 0x05};
	uint8_t gray[8 * sizeof(evil)];

	for (size_t i = 0; i < sizeof(gray); i++)
		gray[i] = evil[i / 8] & (0x80 >> i % 8) ? 0 : 255;
	assert_int_equal(
		tb_document_add_image(b->document, gray, 8 * sizeof(evil), 1, TB_DITHER_THRESHOLD),
		0);
	EXPECT(b, INIT "\x1b\x61\x01\x1dv0\0\x0a\0\x01\0\x18\x14\x01\0\x08\x18\x04\x01\x18\x05");
}

static void
test_dithers_keep_black_and_gray(void **state)
{
	for (unsigned dither = 0; dither <= TB_DITHER_ATKINSON; dither++) {
		static uint8_t gray[256 * 64];
		struct tb_raster raster;
		unsigned marks = 0;

		memset(gray, 170, sizeof(gray));
		assert_int_equal(tb_raster_init(&raster, gray, 256, 64, dither, 576), 0);
		for (size_t i = 0; i < raster.stride * raster.height; i++)
			marks += (unsigned)__builtin_popcount(raster.bits[i]);
		/* A third of the dots, Atkinson fewer since it drops a quarter of the error. */
		if (dither == TB_DITHER_THRESHOLD)
			assert_int_equal(marks, 0);
		else
			assert_in_range(marks, 256 * 64 / 5, 256 * 64 * 36 / 100);
		tb_raster_done(&raster);
	}
}

static void
test_boundaries(void **state)
{
	struct bench *b = *state;

	text(b, "ab", (struct tb_text_style){.bold = true});
	EXPECT(b, INIT "\x1b\x45\x01"
		       "ab\n");
	/* ESC @ 0-2, FS . 2-4, ESC t 4-7, ESC E 7-10, text 10-12, LF 12-13 */
	assert_int_equal(tb_encoded_boundary(&b->encoded, 0), 0);
	assert_int_equal(tb_encoded_boundary(&b->encoded, 1), 2);
	assert_int_equal(tb_encoded_boundary(&b->encoded, 2), 2);
	assert_int_equal(tb_encoded_boundary(&b->encoded, 5), 7);
	assert_int_equal(tb_encoded_boundary(&b->encoded, 11), 11);
	assert_int_equal(tb_encoded_open(&b->encoded, 8), 2);
	assert_int_equal(tb_encoded_open(&b->encoded, 11), 0);
	assert_int_equal(tb_encoded_open(&b->encoded, 13), 0);
}

static void
test_limits(void **state)
{
	struct bench *b = *state;
	static char long_text[TB_DOCUMENT_TEXT_MAX + 2];

	memset(long_text, 'a', sizeof(long_text) - 1);
	assert_int_equal(tb_document_add_text(b->document, long_text, NULL), -E2BIG);
	assert_int_equal(tb_document_add_text(b->document, "\xff", NULL), -EINVAL);
	assert_int_equal(tb_document_add_rule(b->document, '\x1b'), -EINVAL);
	assert_int_equal(tb_document_add_pulse(b->document, 3, 0, 0), -EINVAL);
	assert_int_equal(tb_document_add_feed(b->document, 256), -EINVAL);
	assert_int_equal(b->document->n, 0);
	for (int i = 0; i < TB_DOCUMENT_BLOCKS_MAX; i++)
		assert_int_equal(tb_document_add_cut(b->document, true), 0);
	assert_int_equal(tb_document_add_cut(b->document, true), -E2BIG);
}

static void
test_too_many_qr(void **state)
{
	struct bench *b = *state;

	for (int i = 0; i <= TB_LAYOUT_QR_MAX; i++)
		tb_document_add_qr(b->document, "x", 1, 0, TB_QR_ECC_L);
	encode(b, "default80");
	assert_int_equal(b->r, -E2BIG);
	assert_non_null(b->why);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(test_plain),
		TEST(test_pages),
		TEST(test_vendors_slots),
		TEST(test_transliterated),
		TEST(test_normalised),
		TEST(test_no_control_passes),
		TEST(test_styles),
		TEST(test_wrapped),
		TEST(test_width_of_document),
		TEST(test_columns),
		TEST(test_columns_too_wide),
		TEST(test_paper_and_drawer),
		TEST(test_ean),
		TEST(test_barcodes_refused),
		TEST(test_code128),
		TEST(test_other_codes),
		TEST(test_width_steps_down),
		TEST(test_qr_native),
		TEST(test_qr_raster),
		TEST(test_qr_sizes),
		TEST(test_image),
		TEST(test_image_bands_and_scale),
		TEST(test_image_defused),
		TEST(test_dithers_keep_black_and_gray),
		TEST(test_boundaries),
		TEST(test_limits),
		TEST(test_too_many_qr),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
