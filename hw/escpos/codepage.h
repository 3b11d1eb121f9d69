/* SPDX-License-Identifier: MIT */
/*
 * Code pages as receipt printers have them: a byte of a page to its character and back, and how a
 * character that no page has is written with others. Which number a printer gives a page is its
 * profile's; the choice among pages is layout.c's.
 */
#pragma once

#include "base/macros.h"

enum tb_page {
	TB_PAGE_437,
	TB_PAGE_737,
	TB_PAGE_775,
	TB_PAGE_850,
	TB_PAGE_852,
	TB_PAGE_857,
	TB_PAGE_858,
	TB_PAGE_860,
	TB_PAGE_861,
	TB_PAGE_863,
	TB_PAGE_865,
	TB_PAGE_866,
	TB_PAGE_1250,
	TB_PAGE_1251,
	TB_PAGE_1252,
	TB_PAGE_1253,
	TB_PAGE_1254,
	TB_PAGE_1257,
	TB_PAGE_8859_2,
	TB_PAGE_8859_7,
	TB_PAGE_8859_15,
	TB_PAGE_COUNT,
};

/* The page of a name ("858", "8859-15"), -ENOENT when there is none. */
int tb_page_find(const char *name, enum tb_page *ret);

/* The character of a byte, ASCII included; 0 where the page has none. 857 has no € here: only late
 * ones have it (D5), and on the others it is a blank. */
uint32_t tb_page_decode(enum tb_page page, uint8_t byte);
/* The byte of a character, ASCII included; -1 when the page does not have it. */
int tb_page_encode(enum tb_page page, uint32_t character);

/*
 * How a character is written with others where no page has it ("oe" for œ, "'" for ’, "EUR" for €,
 * "" for one that is not seen); NULL when nothing is near it. The result is ASCII; static.
 */
const char *tb_transliterate(uint32_t character);
