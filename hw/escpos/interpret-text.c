/* SPDX-License-Identifier: MIT */
/*
 * Bytes of text to characters: code pages by the number that the printer gives them, national
 * variants of ASCII, pairs of bytes in kanji mode, UTF-8. Epson's numbers stand in where a profile
 * does not know one, since most printers took them over.
 * Sources: Epson's pages esc_lt, esc_cr, fs_ampersand, fs_cc, fs_lparen_cc; Star's ESC GS t.
 */

#include "hw/escpos/interpret-state.h"

#include <string.h>
#include "hw/escpos/interpret-pages.h"

#define NOT_A_CHARACTER 0xFFFDu

/* A row of a vendor's list of pages: which table a slot is. */
struct slot {
	uint8_t slot;
	bool read_only;
	uint8_t page; /* enum tb_page or enum tb_read_page */
};

#define PAGE(n, name) \
	{ \
		n, false, TB_PAGE_##name \
	}
#define READ(n, name) \
	{ \
		n, true, TB_READ_PAGE_##name \
	}

static const struct slot epson_slots[] = {
	PAGE(0, 437),
	READ(1, KATAKANA),
	PAGE(2, 850),
	PAGE(3, 860),
	PAGE(4, 863),
	PAGE(5, 865),
	READ(11, 851),
	READ(12, 853),
	PAGE(13, 857),
	PAGE(14, 737),
	PAGE(15, 8859_7),
	PAGE(16, 1252),
	PAGE(17, 866),
	PAGE(18, 852),
	PAGE(19, 858),
	READ(20, THAI_42),
	READ(21, THAI_11),
	READ(22, THAI_13),
	READ(23, THAI_14),
	READ(24, THAI_16),
	READ(25, THAI_16),
	READ(26, THAI_18),
	READ(30, TCVN),
	READ(31, TCVN_CAPITALS),
	READ(32, 720),
	PAGE(33, 775),
	READ(34, 855),
	PAGE(35, 861),
	READ(36, 862),
	READ(37, 864),
	READ(38, 869),
	PAGE(39, 8859_2),
	PAGE(40, 8859_15),
	READ(41, 1098),
	READ(42, 774),
	READ(43, 772),
	READ(44, 1125),
	PAGE(45, 1250),
	PAGE(46, 1251),
	PAGE(47, 1253),
	PAGE(48, 1254),
	READ(49, 1255),
	READ(50, 1256),
	PAGE(51, 1257),
	READ(52, 1258),
	READ(53, RK1048),
};

static const struct slot star_slots[] = {
	READ(0, STAR),
	PAGE(1, 437),
	READ(2, KATAKANA),
	PAGE(3, 437),
	PAGE(4, 858),
	PAGE(5, 852),
	PAGE(6, 860),
	PAGE(7, 861),
	PAGE(8, 863),
	PAGE(9, 865),
	PAGE(10, 866),
	READ(11, 855),
	PAGE(12, 857),
	READ(13, 862),
	READ(14, 864),
	PAGE(15, 737),
	READ(16, 851),
	READ(17, 869),
	READ(18, 928),
	READ(19, 772),
	READ(20, 774),
	READ(21, 874),
	PAGE(32, 1252),
	PAGE(33, 1250),
	PAGE(34, 1251),
	READ(64, 3840),
	READ(65, 3841),
	READ(66, 3843),
	READ(67, 3844),
	READ(68, 3845),
	READ(69, 3846),
	READ(70, 3847),
	READ(71, 3848),
	READ(72, 1001),
	READ(73, 771),
	READ(74, 3001),
	READ(75, 3002),
	READ(76, 3011),
	READ(77, 3012),
	READ(78, 3021),
	READ(79, 3041),
	READ(96, THAI_42),
	READ(97, THAI_11),
	READ(98, THAI_13),
	READ(99, THAI_14),
	READ(100, THAI_16),
	READ(101, THAI_16),
	READ(102, THAI_18),
};

/* # $ @ [ \ ] ^ ` { | } ~ of ESC R n. */
static const char national_signs[] = "#$@[\\]^`{|}~";
static const uint16_t national[][12] = {
	{'#', '$', '@', '[', '\\', ']', '^', '`', '{', '|', '}', '~'},
	{'#', '$', 0xE0, 0xB0, 0xE7, 0xA7, '^', '`', 0xE9, 0xF9, 0xE8, 0xA8},
	{'#', '$', 0xA7, 0xC4, 0xD6, 0xDC, '^', '`', 0xE4, 0xF6, 0xFC, 0xDF},
	{0xA3, '$', '@', '[', '\\', ']', '^', '`', '{', '|', '}', '~'},
	{'#', '$', '@', 0xC6, 0xD8, 0xC5, '^', '`', 0xE6, 0xF8, 0xE5, '~'},
	{'#', 0xA4, 0xC9, 0xC4, 0xD6, 0xC5, 0xDC, 0xE9, 0xE4, 0xF6, 0xE5, 0xFC},
	{'#', '$', '@', 0xB0, '\\', 0xE9, '^', 0xF9, 0xE0, 0xF2, 0xE8, 0xEC},
	{0x20A7, '$', '@', 0xA1, 0xD1, 0xBF, '^', '`', 0xA8, 0xF1, '}', '~'},
	{'#', '$', '@', '[', 0xA5, ']', '^', '`', '{', '|', '}', '~'},
	{'#', 0xA4, 0xC9, 0xC6, 0xD8, 0xC5, 0xDC, 0xE9, 0xE6, 0xF8, 0xE5, 0xFC},
	{'#', '$', 0xC9, 0xC6, 0xD8, 0xC5, 0xDC, 0xE9, 0xE6, 0xF8, 0xE5, 0xFC},
	{'#', '$', 0xE1, 0xA1, 0xD1, 0xBF, 0xE9, '`', 0xED, 0xF1, 0xF3, 0xFA},
	{'#', '$', 0xE1, 0xA1, 0xD1, 0xBF, 0xE9, 0xFC, 0xED, 0xF1, 0xF3, 0xFA},
	{'#', '$', '@', '[', 0x20A9, ']', '^', '`', '{', '|', '}', '~'},
	{'#', '$', 0x17D, 0x160, 0x110, 0x106, 0x10C, 0x17E, 0x161, 0x111, 0x107, 0x10D},
	{'#', 0xA5, '@', '[', '\\', ']', '^', '`', '{', '|', '}', '~'},
};
#define COUNTRY_KOREA 13

static const char *const systems[TB_KANJI_COUNT] = {
	[TB_KANJI_GB18030] = "GB18030",
	[TB_KANJI_SHIFT_JIS] = "CP932",
	[TB_KANJI_JIS] = "EUC-JP",
	[TB_KANJI_KOREAN] = "CP949",
};

size_t
tb_utf8_put(uint32_t character, char out[4])
{
	if (character < 0x80) {
		out[0] = (char)character;
		return 1;
	}
	if (character < 0x800) {
		out[0] = (char)(0xC0 | character >> 6);
		out[1] = (char)(0x80 | (character & 0x3F));
		return 2;
	}
	if (character < 0x10000) {
		out[0] = (char)(0xE0 | character >> 12);
		out[1] = (char)(0x80 | (character >> 6 & 0x3F));
		out[2] = (char)(0x80 | (character & 0x3F));
		return 3;
	}
	out[0] = (char)(0xF0 | (character >> 18 & 0x07));
	out[1] = (char)(0x80 | (character >> 12 & 0x3F));
	out[2] = (char)(0x80 | (character >> 6 & 0x3F));
	out[3] = (char)(0x80 | (character & 0x3F));
	return 4;
}

static void
use_slot(struct tb_interpret *in, const struct slot *slots, size_t n, uint8_t slot)
{
	in->page_known = -1;
	in->upper = NULL;
	for (size_t i = 0; i < n; i++) {
		if (slots[i].slot != slot)
			continue;
		if (slots[i].read_only)
			in->upper = tb_read_pages[slots[i].page];
		else
			in->page_known = slots[i].page;
		return;
	}
}

void
tb_text_slot(struct tb_interpret *in, uint8_t slot)
{
	enum tb_page page;

	if (tb_profile_page(in->profile, slot, &page) == 0) {
		in->page_known = (int)page;
		in->upper = NULL;
		return;
	}
	use_slot(in, epson_slots, ARRAY_SIZE(epson_slots), slot);
}

void
tb_text_star_slot(struct tb_interpret *in, uint8_t slot)
{
	use_slot(in, star_slots, ARRAY_SIZE(star_slots), slot);
}

void
tb_text_reset(struct tb_interpret *in)
{
	in->n_pair = 0;
	in->country = 0;
	in->utf8 = false;
	in->kanji = TB_KANJI_GB18030;
	/* A profile for whatever brand reads what was made for any; a named one is what it is. */
	in->kanji_on = in->profile->kanji_at_boot && !in->lenient;
	if (in->config.dialect == TB_DIALECT_STAR)
		tb_text_star_slot(in, 0);
	else
		tb_text_slot(in, 0);
}

void
tb_text_kanji(struct tb_interpret *in, bool on, enum tb_kanji system)
{
	in->kanji_on = on;
	in->kanji = system;
}

void
tb_text_done(struct tb_interpret *in)
{
	for (size_t i = 0; i < TB_KANJI_COUNT; i++) {
		if (in->converters[i] != (iconv_t)-1)
			iconv_close(in->converters[i]);
	}
}

/* One character of a system of several bytes; NOT_A_CHARACTER when it is none. */
static uint32_t
convert(struct tb_interpret *in, enum tb_kanji system, const uint8_t *bytes, size_t len)
{
	wchar_t out = 0;
	char copy[4], *from = copy, *to = (char *)&out;
	size_t left = len, room = sizeof(out);

	if (in->converters[system] == (iconv_t)-1)
		in->converters[system] = iconv_open("WCHAR_T", systems[system]);
	if (in->converters[system] == (iconv_t)-1)
		return NOT_A_CHARACTER;
	memcpy(copy, bytes, len);
	iconv(in->converters[system], NULL, NULL, NULL, NULL);
	if (iconv(in->converters[system], &from, &left, &to, &room) == (size_t)-1 || left > 0 ||
		room > 0)
		return NOT_A_CHARACTER;
	return (uint32_t)out;
}

static enum tb_kanji
kanji_system(const struct tb_interpret *in)
{
	if (in->kanji == TB_KANJI_GB18030 && in->country == COUNTRY_KOREA)
		return TB_KANJI_KOREAN;
	return in->kanji;
}

/* Whether the byte is the first of several. */
static bool
is_first(const struct tb_interpret *in, uint8_t byte)
{
	if (in->utf8)
		return byte >= 0xC2 && byte <= 0xF4;
	/* In Shift JIS the pairs need no mode of their own. */
	if (in->kanji == TB_KANJI_SHIFT_JIS)
		return (byte >= 0x81 && byte <= 0x9F) || (byte >= 0xE0 && byte <= 0xFC);
	if (!in->kanji_on)
		return false;
	if (in->kanji == TB_KANJI_JIS)
		return byte >= 0x21 && byte <= 0x7E;
	return byte >= 0x81 && byte <= 0xFE;
}

/* The number of bytes of the character that has begun, as far as the bytes so far tell. */
static unsigned
length(const struct tb_interpret *in)
{
	if (in->utf8)
		return in->pair[0] < 0xE0 ? 2 : in->pair[0] < 0xF0 ? 3 : 4;
	if (in->n_pair > 1 && kanji_system(in) == TB_KANJI_GB18030 && in->pair[1] >= '0' &&
		in->pair[1] <= '9')
		return 4;
	return 2;
}

static uint32_t
utf8_character(const uint8_t *bytes, unsigned len)
{
	uint32_t character = bytes[0] & (0xFFu >> (len + 1));

	for (unsigned i = 1; i < len; i++)
		character = character << 6 | (bytes[i] & 0x3F);
	if (character > 0x10FFFF || (character >= 0xD800 && character < 0xE000) ||
		(len == 3 && character < 0x800) || (len == 4 && character < 0x10000))
		return NOT_A_CHARACTER;
	return character;
}

void
tb_text_break(struct tb_interpret *in)
{
	if (in->n_pair == 0)
		return;
	in->n_pair = 0;
	tb_line_cell(in, NOT_A_CHARACTER, false);
}

/* A further byte of a character of several; false: it is none, and has to be read anew. */
static bool
further(struct tb_interpret *in, uint8_t byte)
{
	bool fits = in->utf8 ? (byte & 0xC0) == 0x80 : byte >= 0x21;
	uint8_t bytes[4];
	unsigned n;

	if (!fits) {
		tb_text_break(in);
		return false;
	}
	in->pair[in->n_pair++] = byte;
	n = in->n_pair;
	if (n < length(in))
		return true;
	in->n_pair = 0;
	memcpy(bytes, in->pair, sizeof(bytes));
	if (in->utf8) {
		uint32_t character = utf8_character(bytes, n);

		tb_line_cell(in, character,
			character >= 0x1100 && character != 0x20AC &&
				(character < 0x2000 || character > 0x2E7F));
		return true;
	}
	if (in->kanji == TB_KANJI_JIS) {
		bytes[0] |= 0x80;
		bytes[1] |= 0x80;
	}
	tb_line_cell(in, convert(in, kanji_system(in), bytes, n), true);
	return true;
}

static uint32_t
single(const struct tb_interpret *in, uint8_t byte)
{
	uint32_t character;
	const char *sign;

	if (byte < 0x80) {
		sign = in->country < ARRAY_SIZE(national) ? strchr(national_signs, byte) : NULL;
		return sign && byte ? national[in->country][sign - national_signs] : byte;
	}
	if (in->kanji == TB_KANJI_SHIFT_JIS && byte >= 0xA1 && byte <= 0xDF)
		return 0xFF61u + byte - 0xA1u;
	if (in->page_known < 0) {
		character = in->upper ? in->upper[byte - 0x80] : 0;
	} else {
		character = tb_page_decode((enum tb_page)in->page_known, byte);
		/* Late 857 pages have the € there, and software counts on it. */
		if (in->page_known == TB_PAGE_857 && byte == 0xD5)
			character = 0x20AC;
	}
	return character ? character : NOT_A_CHARACTER;
}

void
tb_text_byte(struct tb_interpret *in, uint8_t byte)
{
	if (in->n_pair > 0 && further(in, byte))
		return;
	if (is_first(in, byte)) {
		in->pair[0] = byte;
		in->n_pair = 1;
	} else if (byte != 0x7F) {
		tb_line_cell(
			in, in->utf8 && byte >= 0x80 ? NOT_A_CHARACTER : single(in, byte), false);
	}
}
