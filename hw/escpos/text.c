/* SPDX-License-Identifier: MIT */
/*
 * Chooses a code page for each character: the one in force, else the first of the profile that has
 * it, else other characters. Text comes from tills and servers and is not trusted: no control
 * character of it reaches the printer.
 */

#include "hw/escpos/text.h"

#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

/* How often each character was met is not told, only that it was: `substituted` holds it once. */
static void
note_substitution(struct tb_print_report *report, uint32_t character)
{
	utf8proc_uint8_t utf8[5] = "";
	size_t used, len;

	if (!report)
		return;
	report->substitutions++;
	len = (size_t)utf8proc_encode_char((utf8proc_int32_t)character, utf8);
	used = strlen(report->substituted);
	if (strstr(report->substituted, (const char *)utf8) ||
		used + len >= sizeof(report->substituted))
		return;
	memcpy(report->substituted + used, utf8, len + 1);
}

/* Room for `more` glyphs. */
static int
reserve(struct tb_layout *layout, size_t more)
{
	size_t cap = TB_MAX(layout->cap_glyphs, (size_t)512);
	struct tb_glyph *glyphs;

	if (layout->n_glyphs + more <= layout->cap_glyphs)
		return 0;
	if (layout->n_glyphs + more > TB_LAYOUT_GLYPHS_MAX)
		return -E2BIG;
	while (cap < layout->n_glyphs + more)
		cap *= 2;
	glyphs = reallocarray(layout->glyphs, cap, sizeof(*glyphs));
	if (!glyphs)
		return -ENOMEM;
	layout->glyphs = glyphs;
	layout->cap_glyphs = cap;
	return 0;
}

static int
add_glyph(struct tb_layout *layout, int byte, unsigned page)
{
	int r = reserve(layout, 1);

	if (r < 0)
		return r;
	layout->glyphs[layout->n_glyphs++] = (struct tb_glyph){
		.byte = (uint8_t)byte, .page = (uint8_t)page};
	return 0;
}

/* Blanks of other widths, and those where no line ends; both are printed as a blank, which is no
 * loss. */
static bool
is_blank(uint32_t character, bool *ret_kept)
{
	*ret_kept = character == 0x00A0 || character == 0x202F || character == 0x2007;
	return *ret_kept || (character >= 0x2000 && character <= 0x200A) || character == 0x205F ||
	       character == 0x3000 || character == '\t';
}

/* Characters that are never seen and have no glyph anywhere: joiners, directions, soft hyphens. */
static bool
is_unseen(uint32_t character)
{
	return character < 0x20 || (character >= 0x7F && character < 0xA0) || character == 0x00AD ||
	       (character >= 0x200B && character <= 0x200F) ||
	       (character >= 0x2028 && character <= 0x202E) ||
	       (character >= 0x2060 && character <= 0x206F) ||
	       (character >= 0xFE00 && character <= 0xFE0F) || character == 0xFEFF;
}

static int
add_substitute(struct tb_layout *layout, uint32_t character, struct tb_print_report *report)
{
	const char *text = tb_transliterate(character);
	int r = 0;

	note_substitution(report, character);
	if (!text)
		text = "?";
	for (; *text && r == 0; text++)
		r = add_glyph(layout, *text, TB_GLYPH_ANY);
	return r;
}

static int
add_character(struct tb_layout *layout, uint32_t character, unsigned *page,
	struct tb_print_report *report)
{
	const struct tb_profile *profile = layout->profile;
	bool kept;
	int byte;

	if (is_blank(character, &kept))
		return add_glyph(layout, ' ', kept ? TB_GLYPH_KEPT : TB_GLYPH_ANY);
	if (is_unseen(character))
		return 0;
	byte = tb_page_encode(profile->pages[*page].page, character);
	for (unsigned i = 0; byte < 0 && i < profile->n_pages; i++) {
		byte = tb_page_encode(profile->pages[i].page, character);
		if (byte >= 0)
			*page = i;
	}
	if (byte < 0)
		return add_substitute(layout, character, report);
	return add_glyph(layout, byte, *page);
}

/*
 * Below U+0300 nothing combines, and so it is among the quotes, dashes (E2 80) and signs of money
 * (E2 82): a text of these is NFC as it stands.
 */
static bool
needs_nfc(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)text[i];

		if (byte < 0xCC)
			continue;
		if (byte != 0xE2 || ((uint8_t)text[i + 1] != 0x80 && (uint8_t)text[i + 1] != 0x82))
			return true;
	}
	return false;
}

/* As many printable ASCII characters as there are; returns how many. */
static size_t
add_ascii(struct tb_layout *layout, const uint8_t *text, size_t len)
{
	struct tb_glyph *glyphs = layout->glyphs + layout->n_glyphs;
	size_t n = 0;

	for (; n < len && text[n] >= 0x20 && text[n] < 0x7F; n++)
		glyphs[n] = (struct tb_glyph){.byte = text[n], .page = TB_GLYPH_ANY};
	layout->n_glyphs += n;
	return n;
}

int
tb_text_glyphs(struct tb_layout *layout, const char *text, size_t len, unsigned *page,
	struct tb_print_report *report)
{
	_cleanup_free_ utf8proc_uint8_t *composed = NULL;
	const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)text;
	utf8proc_ssize_t left = (utf8proc_ssize_t)len;
	int r;

	if (needs_nfc(text, len)) {
		left = utf8proc_map(at, left, &composed,
			(utf8proc_option_t)(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
		if (left < 0)
			return left == UTF8PROC_ERROR_NOMEM ? -ENOMEM : -EINVAL;
		at = composed;
	}
	while (left > 0) {
		utf8proc_int32_t character;
		utf8proc_ssize_t n;

		r = reserve(layout, (size_t)left);
		if (r < 0)
			return r;
		n = (utf8proc_ssize_t)add_ascii(layout, at, (size_t)left);
		at += n;
		left -= n;
		if (left == 0)
			break;
		n = utf8proc_iterate(at, left, &character);
		if (n <= 0)
			return -EINVAL;
		r = add_character(layout, (uint32_t)character, page, report);
		if (r < 0)
			return r;
		at += n;
		left -= n;
	}
	return 0;
}

int
tb_text_blanks(struct tb_layout *layout, size_t n)
{
	int r = reserve(layout, n);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		layout->glyphs[layout->n_glyphs++] = (struct tb_glyph){
			.byte = ' ', .page = TB_GLYPH_ANY};
	return 0;
}
