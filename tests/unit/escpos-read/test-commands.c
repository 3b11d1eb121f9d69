/* SPDX-License-Identifier: MIT */
/* The commands of both languages, one or a few at a time, and what each leaves on the paper. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "hw/escpos/interpret.h"

#define BYTES(text) text, sizeof(text) - 1

/* A run is "@x,y WIDTHxHEIGHT" with b, u, i for bold, underlined, inverted, and its text. */
static const struct row {
	const char *name;
	const char *bytes;
	size_t len;
	enum tb_dialect dialect;
	const char *told;
} rows[] = {
	{"print mode sets all at once", BYTES("ab\033!\271cd\033!\000e\012"), TB_DIALECT_ESCPOS,
		"@0,0 1x1 ab\n"
		"@24,0 2x2bu cd\n"
		"@60,0 1x1 e\n"},
	{"size: high nibble is the width", BYTES("\035!\022x\035!\000y\012"), TB_DIALECT_ESCPOS,
		"@0,0 2x3 x\n"
		"@24,0 1x1 y\n"},
	{"bold and invert look at bit 0", BYTES("\033E1\035B1a\033E0\035B0b\012"),
		TB_DIALECT_ESCPOS,
		"@0,0 1x1bi a\n"
		"@12,0 1x1 b\n"},
	{"underline takes 0 to 2 and their digits", BYTES("\033-2a\033-0b\033-\001c\033-\007d\012"),
		TB_DIALECT_ESCPOS,
		"@0,0 1x1u a\n"
		"@12,0 1x1 b\n"
		"@24,0 1x1u cd\n"},
	{"double strike is bold", BYTES("\033G\001a\033G\000b\012"), TB_DIALECT_ESCPOS,
		"@0,0 1x1b a\n"
		"@12,0 1x1 b\n"},
	{"fonts have cells of their own", BYTES("\033M1a\033M0b\012"), TB_DIALECT_ESCPOS,
		"@0,0 1x1 a\n"
		"@9,0 1x1 b\n"},
	{"justified at the start of a line only",
		BYTES("\033a1mid\012\033a\002r\012\033a\000a\033a\002b\012"), TB_DIALECT_ESCPOS,
		"@270,0 1x1 mid\n"
		"@564,30 1x1 r\n"
		"@0,60 1x1 ab\n"},
	{"tabs", BYTES("a\011b\033D\012\024\000\0121\0112\0113\011\012"), TB_DIALECT_ESCPOS,
		"@0,0 1x1 a\n"
		"@96,0 1x1 b\n"
		"@0,30 1x1 1\n"
		"@120,30 1x1 2\n"
		"@240,30 1x1 3\n"},
	{"wraps at the edge", BYTES("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\012"),
		TB_DIALECT_ESCPOS,
		"@0,0 1x1 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"
		"@0,30 1x1 xx\n"},
	{"margins and area", BYTES("\035L0\000\035W0\000abcde\012"), TB_DIALECT_ESCPOS,
		"@48,0 1x1 abcd\n"
		"@48,30 1x1 e\n"},
	{"positions", BYTES("\033$@\000a\033\\\014\000b\033\\\350\377c\012"), TB_DIALECT_ESCPOS,
		"@64,0 1x1 a\n"
		"@88,0 1x1 b\n"
		"@76,0 1x1 c\n"},
	{"units", BYTES("\035Pee\033$\020\000a\012"), TB_DIALECT_ESCPOS, "@32,0 1x1 a\n"},
	{"character spacing grows with the size", BYTES("\033 \002ab\035!\020cd\012"),
		TB_DIALECT_ESCPOS,
		"@0,0 1x1 ab\n"
		"@28,0 2x1 cd\n"},
	{"feeds", BYTES("a\033Jdb\033d\003c\033e\002d\012"), TB_DIALECT_ESCPOS,
		"@0,0 1x1 a\n"
		"@0,100 1x1 b\n"
		"@0,190 1x1 c\n"
		"@0,160 1x1 d\n"},
	{"line spacing never cuts a line short", BYTES("\0333\010a\012b\012"), TB_DIALECT_ESCPOS,
		"@0,0 1x1 a\n"
		"@0,24 1x1 b\n"},
	{"a tall line is as high as its tallest", BYTES("a\035!\003b\012c\012"), TB_DIALECT_ESCPOS,
		"@0,0 1x1 a\n"
		"@12,0 1x4 b\n"
		"@0,96 1x4 c\n"},
	{"the end of the stream prints what is pending", BYTES("abc"), TB_DIALECT_ESCPOS,
		"@0,0 1x1 abc\n"},
	{"a command that the end cuts short", BYTES("\035(k\003\0001"), TB_DIALECT_ESCPOS,
		"?1d286b030031\n"},
	{"half a command at the very end", BYTES("a\012\033"), TB_DIALECT_ESCPOS,
		"@0,0 1x1 a\n"
		"?1b\n"},
	{"nobody has it", BYTES("ab\033xcd\035\377e\012"), TB_DIALECT_ESCPOS,
		"@0,0 1x1 ab\n"
		"?1b78\n"
		"@24,0 1x1 cd\n"
		"?1dff\n"
		"@48,0 1x1 e\n"},
	{"a control character begins anew", BYTES("\033\033@a\012\020\231b\012"), TB_DIALECT_ESCPOS,
		"?1b\n"
		"@0,0 1x1 a\n"
		"?1099\n"
		"@0,30 1x1 b\n"},
	{"NUL, CR and BEL print nothing", BYTES("a\000\015\007b\012"), TB_DIALECT_ESCPOS,
		"@0,0 1x1 ab\n"},
	{"France has its own signs", BYTES("\033R\001#@[\\]{|}~\012"), TB_DIALECT_ESCPOS,
		"@0,0 1x1 #à°ç§éùè¨\n"},
	{"pages by number",
		BYTES("\033t\000\202\033t\020\200\033t\023\325\033t\015\325\033t\017\244\033t\310"
		      "\351\012"),
		TB_DIALECT_ESCPOS, "@0,0 1x1 é€€€€�\n"},
	{"init goes back to page 0", BYTES("\033t\023\033@\325\012"), TB_DIALECT_ESCPOS,
		"@0,0 1x1 ╒\n"},
	{"UTF-8", BYTES("\034(C\002\00002\303\251\342\202\254\303x\012"), TB_DIALECT_ESCPOS,
		"@0,0 1x1 é€�x\n"},
	{"Shift JIS needs no mode", BYTES("\034C1\227\314\261\012"), TB_DIALECT_ESCPOS,
		"@0,0 1x1 領ｱ\n"},
	{"kanji mode is off until FS &", BYTES("\304\343\012\034&\304\343\034.\304\343\012"),
		TB_DIALECT_ESCPOS,
		"@0,0 1x1 ─π\n"
		"@0,30 1x1 你─π\n"},
	{"half a pair", BYTES("\034&\304\012\304"), TB_DIALECT_ESCPOS,
		"@0,0 1x1 �\n"
		"@0,30 1x1 �\n"},
	{"CODE128 in three sets", BYTES("\035w\001\035kI\021{BAb{C\014\"{A\001Z{B{{a"),
		TB_DIALECT_ESCPOS, "code128 Ab1234\001Z{a\n"},
	{"CODE128 with a shift", BYTES("\035kI\007{BA{S\001b"), TB_DIALECT_ESCPOS,
		"code128 A\001b\n"},
	{"CODE128 with FNC1 first is a GS1-128", BYTES("\035kI\006{C{1\014\"\012"),
		TB_DIALECT_ESCPOS, "gs1-128 1234\n"},
	{"FNC1 between fields", BYTES("\035kI\012{B{110A{1b"), TB_DIALECT_ESCPOS,
		"gs1-128 10A\035b\n"},
	{"CODE128 without a set is set B", BYTES("\035kI\003abc"), TB_DIALECT_ESCPOS,
		"code128 abc\n"},
	{"GS1-128: brackets are for people, * is a check digit",
		BYTES("\035w\002\035kJ\036(01)037612345678*(10)AB{1(21)7"), TB_DIALECT_ESCPOS,
		"gs1-128 01037612345678010AB\035217\n"},
	{"CODE128 that the printer makes up", BYTES("\035kO\01312345678abc"), TB_DIALECT_ESCPOS,
		"code128 12345678abc\n"},
	{"EAN and UPC get a check digit",
		BYTES("\035k\002376123456789\000\035kD\0071234567\035kA\01301234567890"),
		TB_DIALECT_ESCPOS,
		"ean13 3761234567895\n"
		"ean8 12345670\n"
		"upca 012345678905\n"},
	{"a check digit that came is kept", BYTES("\035k\0023761234567890\000"), TB_DIALECT_ESCPOS,
		"ean13 3761234567890\n"},
	{"UPC-E from 6, 7, 8, 11 and 12 digits",
		BYTES("\035kB\006123456\035kB\0070123456\035kB\01001234565\035kB\01301234500006\035"
		      "kB\014012345000065"),
		TB_DIALECT_ESCPOS,
		"upce 01234565\n"
		"upce 01234565\n"
		"upce 01234565\n"
		"upce 01234565\n"
		"upce 01234565\n"},
	{"UPC-E of every form",
		BYTES("\035kB\01301200000345\035kB\01301230000045\035kB\01301234000005\035kB\013012"
		      "10000345"),
		TB_DIALECT_ESCPOS,
		"upce 01234505\n"
		"upce 01234531\n"
		"upce 01234543\n"
		"upce 01234514\n"},
	{"no EAN", BYTES("\035k\00212345678901X\000"), TB_DIALECT_ESCPOS,
		"?1d6b0231323334353637383930315800\n"},
	{"ITF drops an odd digit", BYTES("\035kF\00512345"), TB_DIALECT_ESCPOS, "itf 1234\n"},
	{"CODE39 keeps the stars that came", BYTES("\035k\004*A*\000\035k\004A\000"),
		TB_DIALECT_ESCPOS,
		"code39 *A*\n"
		"code39 A\n"},
	{"too wide is not printed",
		BYTES("\035w\006\035kE0AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAz\012"),
		TB_DIALECT_ESCPOS,
		"code39 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA not printed\n"
		"@0,0 1x1 z\n"},
	{"clones: CODE93 and CODE128 ended by NUL", BYTES("\035k\007AB\000\035k\010{BAB\000"),
		TB_DIALECT_ESCPOS,
		"code93 AB\n"
		"code128 AB\n"},
	{"symbols of clones are read over", BYTES("\035k\013MA,1\000a\012"), TB_DIALECT_ESCPOS,
		"?1d6b0b4d412c3100\n"
		"@0,0 1x1 a\n"},
	{"QR counts bytes", BYTES("\035(k\010\0001P0\303\251\342\202\254\035(k\003\0001Q0"),
		TB_DIALECT_ESCPOS, "qr é€\n"},
	{"QR that is not UTF-8", BYTES("\035(k\004\0001P0\351\035(k\003\0001Q0"), TB_DIALECT_ESCPOS,
		"qr é\n"},
	{"QR data stays for the next print",
		BYTES("\035(k\006\0001P0abc\035(k\003\0001Q0\035(k\003\0001Q0"), TB_DIALECT_ESCPOS,
		"qr abc\n"
		"qr abc\n"},
	{"init forgets the QR", BYTES("\035(k\006\0001P0abc\033@\035(k\003\0001Q0"),
		TB_DIALECT_ESCPOS, ""},
	{"micro QR", BYTES("\035(k\004\0001A3\000\035(k\010\0001P012345\035(k\003\0001Q0"),
		TB_DIALECT_ESCPOS, "microqr 12345\n"},
	{"other symbols are told",
		BYTES("\035(k\004\0000P0a\035(k\003\0000Q0\035(k\004\0006P0b\035(k\003\0006Q0\035(k"
		      "\004\0005P0c\035(k\003\0005Q0\035(k\004\0002P0d\035(k\003\0002Q0\035(k\005"
		      "\0003P0He\035(k\003\0003Q0"),
		TB_DIALECT_ESCPOS,
		"pdf417 a\n"
		"datamatrix b\n"
		"aztec c\n"
		"maxicode d\n"
		"gs1-databar-stacked e\n"},
	{"QR of clones", BYTES("\035Z\002\033Z\000L\004\003\000abc\035ka\003\001\002\000hi"),
		TB_DIALECT_ESCPOS,
		"qr abc\n"
		"qr hi\n"},
	{"raster in four sizes",
		BYTES("\035v0\000\001\000\002\000\377\000a\012\035v0\001\001\000\002\000\377\000a"
		      "\012\035v0\002\001\000\002\000\377\000a\012\035v03\001\000\002\000\377\000a"
		      "\012"),
		TB_DIALECT_ESCPOS,
		"image 8x2\n"
		"@0,2 1x1 a\n"
		"image 16x2\n"
		"@0,34 1x1 a\n"
		"image 8x4\n"
		"@0,68 1x1 a\n"
		"image 16x4\n"
		"@0,102 1x1 a\n"},
	{"raster bands that touch are one picture",
		BYTES("\035v0\000\002\000\002\000abcd\035v0\000\002\000\001\000ab"),
		TB_DIALECT_ESCPOS, "image 16x3\n"},
	{"columns of 8 and 24 dots",
		BYTES("\033*\000\002\000ab\012x\012\033*\001\002\000ab\012x\012\033* \002\000abcdef"
		      "\012x\012\033*!\002\000abcdef\012x\012"),
		TB_DIALECT_ESCPOS,
		"image 4x24\n"
		"@0,30 1x1 x\n"
		"image 2x24\n"
		"@0,90 1x1 x\n"
		"image 4x24\n"
		"@0,150 1x1 x\n"
		"image 2x24\n"
		"@0,210 1x1 x\n"},
	{"strips that touch are one picture",
		BYTES("\0333\020\033*!\002\000abcdef\012\033*!\002\000abcdef\012\033*!\002\000abcde"
		      "f\012"),
		TB_DIALECT_ESCPOS, "image 2x72\n"},
	{"strips that do not are three",
		BYTES("\03330\033*!\002\000abcdef\012\033*!\002\000abcdef\012\033*!\002\000abcdef"
		      "\012"),
		TB_DIALECT_ESCPOS,
		"image 2x24\n"
		"image 2x24\n"
		"image 2x24\n"},
	{"strips side by side", BYTES("\033*!\002\000abcdef\033*!\001\000abc\012"),
		TB_DIALECT_ESCPOS, "image 3x24\n"},
	{"a mode that is none", BYTES("\033*\007a\012"), TB_DIALECT_ESCPOS,
		"?1b2a07\n"
		"@0,0 1x1 a\n"},
	{"graphics from the buffer, doubled",
		BYTES("\035(L\016\0000p0\002\0021\011\000\002\000abcd\035(L\002\00002"),
		TB_DIALECT_ESCPOS, "image 18x4\n"},
	{"graphics of 32 bits",
		BYTES("\0358L\014\000\000\0000p0\001\0011\010\000\002\000ab\035(L\002\00002"),
		TB_DIALECT_ESCPOS, "image 8x2\n"},
	{"nothing in the buffer prints nothing", BYTES("\035(L\002\00002a\012"), TB_DIALECT_ESCPOS,
		"@0,0 1x1 a\n"},
	{"NV pictures by key",
		BYTES("\035(L\015\0000C0AB\001\010\000\002\0001ab\035(L\006\0000EAB\001\002\035(L"
		      "\006\0000EXY\001\001"),
		TB_DIALECT_ESCPOS,
		"image 8x4\n"
		"?1d284c0600304558590101\n"},
	{"NV pictures by number",
		BYTES("\034q\001\001\000\001\000abcdefgh\034p\001\003\034p\002\000"),
		TB_DIALECT_ESCPOS,
		"image 16x16\n"
		"?1c700200\n"},
	{"a downloaded picture", BYTES("\035*\002\001aaaaaaaaaaaaaaaa\035/\000"), TB_DIALECT_ESCPOS,
		"image 16x8\n"},
	{"cuts of all kinds",
		BYTES("\035V\000\035V1\035VA\003\035VB\000\033i\033m\035Va\000\035Vb\000\035Vg\000"
		      "\035Vh\000\035Vx"),
		TB_DIALECT_ESCPOS,
		"full cut\n"
		"partial cut\n"
		"full cut\n"
		"partial cut\n"
		"full cut\n"
		"partial cut\n"
		"full cut\n"
		"partial cut\n"
		"full cut\n"
		"partial cut\n"
		"?1d5678\n"},
	{"a cut prints what is pending", BYTES("ab\035V\000c\012"), TB_DIALECT_ESCPOS,
		"@0,0 1x1 ab\n"
		"full cut\n"
		"@0,0 1x1 c\n"},
	{"pulses", BYTES("\033p\000\031\372\033p1\020 \020\024\001\001\003\033p\005\001\001"),
		TB_DIALECT_ESCPOS,
		"pulse 2 50 500\n"
		"pulse 5 32 64\n"
		"pulse 5 300 300\n"
		"?1b70050101\n"},
	{"a pulse has its place in the line", BYTES("a\033p\000\031\372b\012"), TB_DIALECT_ESCPOS,
		"@0,0 1x1 a\n"
		"pulse 2 50 500\n"
		"@12,0 1x1 b\n"},
	{"page mode waits for FF",
		BYTES("\033La\012\035k\00512\000\033W\020\000 \000\200\000@\000b\012\014c\012"),
		TB_DIALECT_ESCPOS,
		"@0,0 1x1 a\n"
		"itf 12\n"
		"@16,32 1x1 b\n"
		"@0,162 1x1 c\n"},
	{"CAN takes a page back", BYTES("\033La\012\030b\012\014"), TB_DIALECT_ESCPOS,
		"@0,0 1x1 b\n"},
	{"leaving page mode prints nothing", BYTES("\033La\012\033Sc\012"), TB_DIALECT_ESCPOS,
		"@0,0 1x1 c\n"},
	{"the page may be printed twice", BYTES("\033La\012\033\014\033\014\033S"),
		TB_DIALECT_ESCPOS,
		"@0,0 1x1 a\n"
		"@0,24 1x1 a\n"},
	{"four directions",
		BYTES("\033L\033W\000\000\000\000d\000d\000\033T\000a\012\033T1b\012\033T2c\012\033"
		      "T3d\012\014"),
		TB_DIALECT_ESCPOS,
		"@0,0 1x1 a\n"
		"@0,88 1x1 b\n"
		"@88,76 1x1 c\n"
		"@76,0 1x1 d\n"},
	{"what is for the customer display is not printed",
		BYTES("\033=\002\033@hidden\012\033=\001shown\012"), TB_DIALECT_ESCPOS,
		"@0,0 1x1 shown\n"},
	{"settings are read over",
		BYTES("\035(E\006\000\003abcde\033&\003AB\001abc\002abcdef\0342abxxxxxxxxxxxxxxxxxx"
		      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\034g1\000\000\000\000"
		      "\000\002\000ab\033(A\004\0000011\035g0\000\000\000\033%\001\033\077A\033c5"
		      "\000a\012"),
		TB_DIALECT_ESCPOS, "@0,0 1x1 a\n"},
	{"Star in ESC/POS is said once", BYTES("a\033\035t\001\033\036a\000b\033F\012"),
		TB_DIALECT_ESCPOS,
		"@0,0 1x1 a\n"
		"suspect star\n"
		"?1b1e6100\n"
		"@12,0 1x1 b\n"
		"?1b46\n"},
	{"a lone command of Star does not swallow the rest", BYTES("\033Xab\012cd\012"),
		TB_DIALECT_ESCPOS,
		"suspect star\n"
		"@0,0 1x1 ab\n"
		"@0,30 1x1 cd\n"},
	{"star: styles", BYTES("\033Ea\033F\0334b\0335\033-1c\033-0\033i\001\002d\033i00e\012"),
		TB_DIALECT_STAR,
		"@0,0 1x1b a\n"
		"@12,0 1x1i b\n"
		"@24,0 1x1u c\n"
		"@36,0 3x2 d\n"
		"@72,0 1x1 e\n"},
	{"star: alignment, margins, positions",
		BYTES("\033\035a\001a\012\033\035a0\033l\002\033Q\012a\033\035A0\000b\033\035R\014"
		      "\000c\012"),
		TB_DIALECT_STAR,
		"@282,0 1x1 a\n"
		"@24,32 1x1 a\n"
		"@72,32 1x1 b\n"
		"@96,32 1x1 c\n"},
	{"star: pages", BYTES("\260\033\035t\004\325\033\035t \200\012"), TB_DIALECT_STAR,
		"@0,0 1x1 é€€\n"},
	{"star: feeds", BYTES("a\012\033z0b\012\033a\002c\033J\020d\012"), TB_DIALECT_STAR,
		"@0,0 1x1 a\n"
		"@0,32 1x1 b\n"
		"@0,104 1x1 c\n"
		"@0,136 1x1 d\n"},
	{"star: cuts and drawers",
		BYTES("\033d\000\033d1\033d\002\033d3\033\007\005\012\007\032\034\031"),
		TB_DIALECT_STAR,
		"full cut\n"
		"partial cut\n"
		"full cut\n"
		"partial cut\n"
		"pulse 2 50 100\n"
		"pulse 5 200 200\n"
		"pulse 2 50 100\n"
		"pulse 5 200 200\n"},
	{"star: bars",
		BYTES("\033b012P01234500006\036\033b112P01234567890\036\033b212P1234567\036\033b"
		      "\00312P376123456789\036\033b412PAB\036\033b512P1234\036\033b612Pa%0b\036\033"
		      "b712PAB\036\033b812PA1B\036\033b912P0112\036"),
		TB_DIALECT_STAR,
		"upce 01234565\n"
		"upca 012345678905\n"
		"ean8 12345670\n"
		"ean13 3761234567895\n"
		"code39 AB\n"
		"itf 1234\n"
		"code128 a%b\n"
		"code93 AB\n"
		"codabar A1B\n"
		"gs1-128 0112\n"},
	{"star: QR and PDF417",
		BYTES("\033\035yS0\002\033\035yS1\001\033\035yS2\004\033\035yD1\000\003\000abc\033"
		      "\035yP\033\035xS0\001\002\003\033\035xS1\001\033\035xD\001\000z\033\035xP"),
		TB_DIALECT_STAR,
		"qr abc\n"
		"pdf417 z\n"},
	{"star: pictures",
		BYTES("\0330\033X\002\000abcdef\012\033X\002\000abcdef\012\033z1x\012\033k\001\000a"
		      "aaaaaaaaaaaaaaaaaaaaaaa\012x\012\033\035S\001\002\000\002\000\000abcd"),
		TB_DIALECT_STAR,
		"image 2x48\n"
		"@0,48 1x1 x\n"
		"image 8x24\n"
		"@0,112 1x1 x\n"
		"image 16x2\n"},
	{"star: graphic mode",
		BYTES("\033*rA\033*rP0\000b\003\000\000abb\002\000\000a\033*rY30\000b\001\000a\033"
		      "\014\000\033*rE1\000\033*rB"),
		TB_DIALECT_STAR,
		"image 16x2\n"
		"image 8x1\n"
		"partial cut\n"},
	{"star: page mode",
		BYTES("\033\035P0\033\035P3\000\000\000\000d\000d\000a\012\033\035P7b\012"),
		TB_DIALECT_STAR,
		"@0,0 1x1 a\n"
		"@0,24 1x1 b\n"},
	{"star: what is ESC/POS is unknown", BYTES("\035!\021a\012"), TB_DIALECT_STAR,
		"?1d2111\n"
		"@0,0 1x1 a\n"},
};

static void
tell_text(const struct tb_element *element, struct tb_buf *out)
{
	tb_buf_addf(out, "@%u,%u %ux%u%s%s%s ", element->x, element->y, element->text.width,
		element->text.height, element->text.bold ? "b" : "",
		element->text.underline ? "u" : "", element->text.invert ? "i" : "");
	tb_buf_add(out, element->text.text, element->text.len);
}

static void
tell(const struct tb_element *element, struct tb_buf *out)
{
	switch (element->kind) {
	case TB_ELEMENT_TEXT:
		tell_text(element, out);
		break;
	case TB_ELEMENT_CODE:
		tb_buf_addf(out, "%s ", element->code.type);
		tb_buf_add(out, element->code.data, element->code.len);
		tb_buf_add_str(out, element->code.printed ? "" : " not printed");
		break;
	case TB_ELEMENT_IMAGE:
		tb_buf_addf(out, "image %ux%u", element->w, element->h);
		break;
	case TB_ELEMENT_CUT:
		tb_buf_addf(out, "%s cut", element->cut.partial ? "partial" : "full");
		break;
	case TB_ELEMENT_PULSE:
		tb_buf_addf(out, "pulse %u %u %u", element->pulse.pin, element->pulse.on_ms,
			element->pulse.off_ms);
		break;
	case TB_ELEMENT_UNKNOWN:
		tb_buf_add_byte(out, '?');
		for (size_t i = 0; i < element->unknown.len; i++)
			tb_buf_addf(out, "%02x", element->unknown.bytes[i]);
		break;
	case TB_ELEMENT_DIALECT:
		tb_buf_addf(out, "suspect %s", element->dialect.suspect);
		break;
	}
	tb_buf_add_byte(out, '\n');
}

static void
test_row(void **state)
{
	const struct row *row = *state;
	const struct tb_interpret_config config = {.dialect = row->dialect};
	_cleanup_buf_ struct tb_buf told = TB_BUF_INIT(0);
	struct tb_page_list list;

	assert_int_equal(tb_page_list_read(&list, &config, row->bytes, row->len), 0);
	for (size_t i = 0; i < list.n; i++)
		tell(&list.items[i], &told);
	assert_string_equal(told.data ? told.data : "", row->told);
	tb_page_list_done(&list);
}

/* A profile that has no GS ( k prints its bytes, one that has ESC Z draws it. */
static void
test_profiles(void **state)
{
	static const char qr[] = "\035(k\006\0001P0abc\035(k\003\0001Q0";
	static const char clone[] = "\033Z\000L\004\003\000abc";
	struct tb_interpret_config config = {.profile = tb_profile_find("clone-escz")};
	struct tb_page_list list;

	assert_int_equal(tb_page_list_read(&list, &config, qr, sizeof(qr) - 1), 0);
	assert_int_equal(list.items[0].kind, TB_ELEMENT_UNKNOWN);
	assert_int_equal(list.items[1].kind, TB_ELEMENT_TEXT);
	assert_memory_equal(list.items[1].text.text, "k1P0abc", 7);
	tb_page_list_done(&list);
	assert_int_equal(tb_page_list_read(&list, &config, clone, sizeof(clone) - 1), 0);
	assert_int_equal(list.items[0].kind, TB_ELEMENT_CODE);
	tb_page_list_done(&list);
	config.profile = tb_profile_find("epson");
	assert_int_equal(tb_page_list_read(&list, &config, clone, sizeof(clone) - 1), 0);
	assert_int_equal(list.items[0].kind, TB_ELEMENT_UNKNOWN);
	tb_page_list_done(&list);
}

/* Where a profile says so, pairs are read until FS . */
static void
test_kanji_at_boot(void **state)
{
	static const char text[] = "\304\343\034.\202\n";
	struct tb_interpret_config config = {.profile = tb_profile_find("clone")};
	struct tb_page_list list;

	assert_int_equal(tb_page_list_read(&list, &config, text, sizeof(text) - 1), 0);
	assert_memory_equal(list.items[0].text.text, "你é", 5);
	tb_page_list_done(&list);
}

static void
on_request(const struct tb_request *request, void *userdata)
{
	tb_buf_addf(userdata, "%d %u %.4s\n", (int)request->kind, request->n,
		request->kind == TB_REQUEST_PROCESS_ID ? (const char *)request->id : "");
}

static void
test_requests(void **state)
{
	static const char bytes[] = "\020\004\002\035r1\035a\017\035I\103\035(H\006\00000ABCD"
				    "\020\005\001\020\024\010\001\003\024\001\006\002\010"
				    "\035(D\003\000\024\001\000\033v\033u\000\033@";
	static const struct tb_interpret_ops ops = {.request = on_request};
	const struct tb_interpret_config config = {0};
	_cleanup_buf_ struct tb_buf told = TB_BUF_INIT(0);
	struct tb_interpret *in = tb_interpret_new(&config, &ops, &told);

	assert_non_null(in);
	assert_int_equal(tb_interpret_feed(in, bytes, sizeof(bytes) - 1), 0);
	tb_interpret_free(in);
	assert_string_equal(told.data, "0 2 \n4 1 \n5 15 \n6 67 \n7 0 ABCD\n1 1 \n2 0 \n"
				       "9 256 \n4 1 \n4 2 \n11 0 \n");
}

/* Memory and place are kept whatever length a command claims. */
static void
test_claims(void **state)
{
	static const uint8_t zeros[4096];
	const struct tb_interpret_config config = {0};
	const struct tb_interpret_ops ops = {0};
	struct tb_interpret *in = tb_interpret_new(&config, &ops, NULL);

	assert_non_null(in);
	/* 65535 bytes a row, 400 rows: more than is kept */
	assert_int_equal(tb_interpret_feed(in, "\035v0\000\377\377\220\001", 8), 0);
	for (unsigned i = 0; i < 65535u * 400 / sizeof(zeros); i++)
		tb_interpret_feed(in, zeros, sizeof(zeros));
	assert_false(tb_interpret_at_rest(in));
	tb_interpret_feed(in, zeros, 65535u * 400 % sizeof(zeros));
	assert_true(tb_interpret_at_rest(in));
	assert_int_equal(tb_interpret_end(in), 0);
	tb_interpret_free(in);
}

int
main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_kanji_at_boot),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_claims),
	};
	struct CMUnitTest tests[ARRAY_SIZE(rows) + ARRAY_SIZE(others)];
	size_t n = 0;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		tests[n++] = (struct CMUnitTest){
			rows[i].name, test_row, NULL, NULL, (void *)&rows[i]};
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		tests[n++] = others[i];
	return _cmocka_run_group_tests("commands", tests, n, NULL, NULL);
}
