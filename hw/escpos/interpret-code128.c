/* SPDX-License-Identifier: MIT */
/*
 * CODE128 as printers take it: with the set named in the data ({A {B {C, {1 to {4, {S), or as plain
 * text for which the printer chooses. Both become symbol values and the text that a scanner reads.
 * Source: Epson's page gs_lk, "CODE128" and "GS1-128".
 */

#include "hw/escpos/interpret-state.h"

#define SHIFT 98
#define TO_C 99
#define TO_B 100
#define TO_A 101
#define FNC1 102
#define FNC2 97
#define FNC3 96
#define START_A 103

static void
put(struct tb_code128 *code, uint8_t value)
{
	if (code->n < TB_CODE128_MAX)
		code->values[code->n++] = value;
	else
		code->bad = true;
}

static void
say(struct tb_code128 *code, uint32_t character)
{
	char utf8[4];

	tb_buf_add(&code->text, utf8, tb_utf8_put(character, utf8));
}

static void
say_fnc1(struct tb_code128 *code)
{
	/* The first one says that this is a GS1-128 and is no data. */
	if (code->n == 1)
		code->gs1 = true;
	else
		say(code, 0x1D);
	put(code, FNC1);
}

/* Enters a set, 'A', 'B' or 'C'. */
static void
enter(struct tb_code128 *code, char set)
{
	if (code->set == set)
		return;
	if (code->set == 0)
		put(code, (uint8_t)(START_A + set - 'A'));
	else
		put(code, set == 'A' ? TO_A : set == 'B' ? TO_B : TO_C);
	code->set = set;
}

/* A character in set A or B. */
static void
character(struct tb_code128 *code, char set, uint8_t c)
{
	if (set == 'A' && c < 0x60)
		put(code, c < 0x20 ? c + 64 : c - 32);
	else if (set == 'B' && c >= 0x20 && c < 0x80)
		put(code, c - 32);
	else
		code->bad = true;
	say(code, code->high ? c | 0x80u : c);
	code->high = false;
}

/* What stands behind a brace; false when it is nothing. */
static bool
special(struct tb_code128 *code, uint8_t c)
{
	switch (c) {
	case 'A':
	case 'B':
	case 'C':
		enter(code, (char)c);
		return true;
	case 'S':
		put(code, SHIFT);
		code->shift = true;
		return code->set != 'C';
	case '1':
		say_fnc1(code);
		return true;
	case '2':
	case '3':
		put(code, c == '2' ? FNC2 : FNC3);
		return code->set != 'C';
	case '4':
		put(code, code->set == 'A' ? TO_A : TO_B);
		code->high = true;
		return code->set != 'C';
	case '{':
		character(code, code->set, '{');
		return true;
	default:
		return false;
	}
}

void
tb_code128_named(struct tb_code128 *code, const uint8_t *data, size_t len)
{
	/* Without a set it is what cheap printers take for set B. */
	if (len < 2 || data[0] != '{' || data[1] < 'A' || data[1] > 'C')
		enter(code, 'B');
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '{' && i + 1 < len) {
			if (!special(code, data[++i]))
				code->bad = true;
		} else if (code->set == 'C') {
			if (data[i] > 99)
				code->bad = true;
			put(code, data[i]);
			say(code, '0' + data[i] / 10u);
			say(code, '0' + data[i] % 10u);
		} else {
			char set = code->shift ? (char)('A' + 'B' - code->set) : code->set;

			code->shift = false;
			character(code, set, data[i]);
		}
	}
}

static size_t
digits(const uint16_t *marks, size_t n)
{
	size_t i = 0;

	while (i < n && marks[i] >= '0' && marks[i] <= '9')
		i++;
	return i;
}

/* marks are characters, or TB_CODE128_FNC1. */
void
tb_code128_chosen(struct tb_code128 *code, const uint16_t *marks, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t run = digits(marks + i, n - i);
		bool first = code->set == 0;

		if (code->set == 'C' && run >= 2) {
			put(code, (uint8_t)((marks[i] - '0') * 10 + marks[i + 1] - '0'));
			say(code, marks[i]);
			say(code, marks[i + 1]);
			i += 2;
		} else if (run >= 4 && (run % 2 == 0 || code->set == 'C')) {
			enter(code, 'C');
		} else if (marks[i] == TB_CODE128_FNC1) {
			if (first)
				enter(code, digits(marks + 1, n - 1) >= 4 ? 'C' : 'B');
			say_fnc1(code);
			i++;
		} else {
			bool low = marks[i] < 0x20;

			if (code->set != 'A' && low)
				enter(code, 'A');
			else if (code->set == 0 || code->set == 'C' ||
				 (code->set == 'A' && marks[i] >= 0x60))
				enter(code, 'B');
			character(code, code->set, (uint8_t)marks[i]);
			if (marks[i] > 0x7F)
				code->bad = true;
			i++;
		}
	}
}
