/* SPDX-License-Identifier: MIT */
/* Looks characters up in the tables of the pages, and writes with others what none of them has. */

#include "hw/escpos/codepage.h"

#include <string.h>
#include <utf8proc.h>
#include "hw/escpos/codepage-data.h"

static const char *const names[TB_PAGE_COUNT] = {
	[TB_PAGE_437] = "437",
	[TB_PAGE_737] = "737",
	[TB_PAGE_775] = "775",
	[TB_PAGE_850] = "850",
	[TB_PAGE_852] = "852",
	[TB_PAGE_857] = "857",
	[TB_PAGE_858] = "858",
	[TB_PAGE_860] = "860",
	[TB_PAGE_861] = "861",
	[TB_PAGE_863] = "863",
	[TB_PAGE_865] = "865",
	[TB_PAGE_866] = "866",
	[TB_PAGE_1250] = "1250",
	[TB_PAGE_1251] = "1251",
	[TB_PAGE_1252] = "1252",
	[TB_PAGE_1253] = "1253",
	[TB_PAGE_1254] = "1254",
	[TB_PAGE_1257] = "1257",
	[TB_PAGE_8859_2] = "8859-2",
	[TB_PAGE_8859_7] = "8859-7",
	[TB_PAGE_8859_15] = "8859-15",
};

int
tb_page_find(const char *name, enum tb_page *ret)
{
	for (unsigned i = 0; i < TB_PAGE_COUNT; i++) {
		if (strcmp(names[i], name) == 0) {
			*ret = (enum tb_page)i;
			return 0;
		}
	}
	return -ENOENT;
}

uint32_t
tb_page_decode(enum tb_page page, uint8_t byte)
{
	if (byte < 0x80)
		return byte;
	return page < TB_PAGE_COUNT ? tb_page_upper[page][byte - 0x80] : 0;
}

int
tb_page_encode(enum tb_page page, uint32_t character)
{
	if (character < 0x80)
		return (int)character;
	if (page >= TB_PAGE_COUNT || character > UINT16_MAX)
		return -1;
	for (int i = 0; i < 128; i++) {
		if (tb_page_upper[page][i] == character)
			return 0x80 + i;
	}
	return -1;
}

static const struct {
	uint16_t character;
	const char *text;
} substitutes[] = {
	{0x00A0, " "},
	{0x00A1, "!"},
	{0x00A2, "c"},
	{0x00A3, "GBP"},
	{0x00A5, "JPY"},
	{0x00A6, "|"},
	{0x00A9, "(c)"},
	{0x00AB, "\""},
	{0x00AE, "(r)"},
	{0x00B0, "o"},
	{0x00B1, "+-"},
	{0x00B2, "2"},
	{0x00B3, "3"},
	{0x00B4, "'"},
	{0x00B5, "u"},
	{0x00B7, "."},
	{0x00B9, "1"},
	{0x00BA, "o"},
	{0x00BB, "\""},
	{0x00BC, "1/4"},
	{0x00BD, "1/2"},
	{0x00BE, "3/4"},
	{0x00BF, "?"},
	{0x00C6, "AE"},
	{0x00D0, "D"},
	{0x00D7, "x"},
	{0x00D8, "O"},
	{0x00DE, "Th"},
	{0x00DF, "ss"},
	{0x00E6, "ae"},
	{0x00F0, "d"},
	{0x00F7, "/"},
	{0x00F8, "o"},
	{0x00FE, "th"},
	{0x0110, "D"},
	{0x0111, "d"},
	{0x0131, "i"},
	{0x0141, "L"},
	{0x0142, "l"},
	{0x0152, "OE"},
	{0x0153, "oe"},
	{0x0192, "f"},
	{0x02BC, "'"},
	{0x02C6, "^"},
	{0x02DC, "~"},
	{0x1E9E, "SS"},
	{0x2002, " "},
	{0x2003, " "},
	{0x2004, " "},
	{0x2005, " "},
	{0x2006, " "},
	{0x2007, " "},
	{0x2008, " "},
	{0x2009, " "},
	{0x200A, " "},
	{0x2010, "-"},
	{0x2011, "-"},
	{0x2012, "-"},
	{0x2013, "-"},
	{0x2014, "-"},
	{0x2015, "-"},
	{0x2018, "'"},
	{0x2019, "'"},
	{0x201A, ","},
	{0x201B, "'"},
	{0x201C, "\""},
	{0x201D, "\""},
	{0x201E, "\""},
	{0x2020, "+"},
	{0x2022, "*"},
	{0x2024, "."},
	{0x2025, ".."},
	{0x2026, "..."},
	{0x202F, " "},
	{0x2030, "o/oo"},
	{0x2032, "'"},
	{0x2033, "\""},
	{0x2039, "<"},
	{0x203A, ">"},
	{0x2044, "/"},
	{0x205F, " "},
	{0x20AC, "EUR"},
	{0x2116, "No"},
	{0x2122, "(tm)"},
	{0x2190, "<-"},
	{0x2192, "->"},
	{0x2212, "-"},
	{0x2260, "#"},
	{0x2264, "<="},
	{0x2265, ">="},
	{0x2605, "*"},
	{0x2606, "*"},
	{0x2713, "x"},
	{0x2714, "x"},
	{0x3000, " "},
	{0xFB01, "fi"},
	{0xFB02, "fl"},
};

/* Marks, joiners and directions: not seen by themselves, so nothing stands in their place. */
static bool
unseen(uint32_t character)
{
	switch (utf8proc_category((utf8proc_int32_t)character)) {
	case UTF8PROC_CATEGORY_MN:
	case UTF8PROC_CATEGORY_ME:
	case UTF8PROC_CATEGORY_CF:
	case UTF8PROC_CATEGORY_CC:
	case UTF8PROC_CATEGORY_ZL:
	case UTF8PROC_CATEGORY_ZP:
		return true;
	default:
		return false;
	}
}

/* One static string for each printable ASCII sign, so that a base letter can be handed out. */
static const char *
ascii_text(uint32_t character)
{
	static const char signs[] =
		"A\0B\0C\0D\0E\0F\0G\0H\0I\0J\0K\0L\0M\0N\0O\0P\0Q\0R\0S\0T\0U\0V\0W\0X\0Y\0Z\0"
		"a\0b\0c\0d\0e\0f\0g\0h\0i\0j\0k\0l\0m\0n\0o\0p\0q\0r\0s\0t\0u\0v\0w\0x\0y\0z";

	if (character >= 'A' && character <= 'Z')
		return signs + 2 * (character - 'A');
	if (character >= 'a' && character <= 'z')
		return signs + 2 * (26 + character - 'a');
	return NULL;
}

const char *
tb_transliterate(uint32_t character)
{
	size_t low = 0, high = ARRAY_SIZE(substitutes);
	utf8proc_int32_t parts[8];
	utf8proc_ssize_t n;
	int boundary = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (substitutes[middle].character == character)
			return substitutes[middle].text;
		if (substitutes[middle].character < character)
			low = middle + 1;
		else
			high = middle;
	}
	if (unseen(character))
		return "";
	/* An accented letter without its accent: ő is o. */
	n = utf8proc_decompose_char((utf8proc_int32_t)character, parts, ARRAY_SIZE(parts),
		UTF8PROC_DECOMPOSE, &boundary);
	return n > 1 && n <= (utf8proc_ssize_t)ARRAY_SIZE(parts) ? ascii_text((uint32_t)parts[0])
	                                                         : NULL;
}
