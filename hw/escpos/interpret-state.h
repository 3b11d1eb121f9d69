/* SPDX-License-Identifier: MIT */
/*
 * What the files of the reading half share and nobody else sees: the state of the printer that is
 * being imagined, the line it is building, and what the tables of commands call.
 */
#pragma once

#include <iconv.h>
#include "hw/escpos/interpret.h"

#define TB_LINE_ITEMS_MAX 4096
#define TB_PICTURES_MAX 64
#define TB_PICTURE_BYTES_MAX (4u << 20)
#define TB_PAGE_ITEMS_MAX 8192
#define TB_TABS_MAX 32
#define TB_SYMBOL_DATA_MAX 7089
#define TB_SYMBOL_KINDS 8

/* Until the byte that ends the command. */
#define TB_NEED_BAD (-1L)

/*
 * One row of a table of commands. `need` looks at the bytes so far (lead and args are there) and
 * says how many more there are before it has to be asked again: 0 the command is whole, TB_NEED_BAD
 * it is none. NULL: there is nothing behind the args.
 */
struct tb_command {
	uint8_t lead[4];
	uint8_t n_lead, args;
	long (*need)(const uint8_t *bytes, size_t len);
	/* bytes holds the whole command; NULL: read over. false: it means nothing here, unknown. */
	bool (*run)(struct tb_interpret *in, const uint8_t *bytes, size_t len);
};

struct tb_command_table {
	const struct tb_command *commands;
	size_t n;
	const struct tb_command_table *next; /* more of the same language */
};

#define DLE 0x10
#define DC2 0x12
#define ESC 0x1B
#define FS 0x1C
#define GS 0x1D
#define RS 0x1E

/* Most parameters may be a number or its ASCII digit. */
static inline uint8_t
tb_count(uint8_t n)
{
	return n >= '0' && n <= '9' ? (uint8_t)(n - '0') : n;
}

struct tb_style {
	uint8_t font;          /* 0 A, 1 B … */
	uint8_t width, height; /* 1..8 */
	uint8_t underline;     /* 0..2 */
	bool bold, invert, turned;
};

enum tb_item_kind { TB_ITEM_CELL, TB_ITEM_STRIP, TB_ITEM_ELEMENT };

/* Something of the line that is not printed yet, in the order it came. */
struct tb_item {
	enum tb_item_kind kind;
	int x; /* dots from the left margin */
	unsigned w, h;
	union {
		struct {
			uint32_t character;
			struct tb_style style;
			unsigned space; /* dots of w that are character spacing */
			bool wide;      /* a cell of the kanji font */
		} cell;
		struct {
			uint8_t *bits; /* owned; w x h dots */
		} strip;
		struct tb_element *element; /* owned, with what it points to */
	};
};

/* A kept picture: NV, downloaded, or waiting to be printed. */
struct tb_picture {
	uint32_t key; /* kind in the top byte, then the key codes */
	unsigned w, h, sx, sy;
	uint8_t *bits; /* owned; NULL: free place */
};

/* 2D symbols, one for each cn of GS ( k, and their settings. */
struct tb_symbol {
	uint8_t *data; /* owned */
	size_t len;
	uint8_t model, module, ecc;
};

/* The system that pairs of bytes are in. */
enum tb_kanji {
	TB_KANJI_GB18030,
	TB_KANJI_SHIFT_JIS,
	TB_KANJI_JIS,
	TB_KANJI_KOREAN,
	TB_KANJI_COUNT
};

struct tb_page_mode {
	bool on;
	unsigned x, y, w, h; /* the area, dots */
	uint8_t direction;   /* 0..3 */
	int pos_y;           /* of the bottom of what is put next, in the direction of print */
	struct tb_canvas canvas;
	struct tb_element **elements; /* owned, until FF */
	size_t n, cap;
};

/* Bytes in front of a command's end. */
struct tb_reader {
	struct tb_buf bytes; /* the command so far, cropped at TB_INTERPRET_COMMAND_MAX */
	uint64_t want;       /* bytes to come before it has to be looked at again */
	const struct tb_command *command; /* NULL: the lead is not complete */
	bool foreign;                     /* it is of the other dialect's table */
	bool cropped;
};

struct tb_interpret {
	struct tb_interpret_config config;
	const struct tb_profile *profile;
	struct tb_interpret_ops ops;
	void *userdata;
	int error;

	struct tb_reader reader;
	bool suspect_told;
	bool deselected; /* ESC = for the customer display */
	bool lenient;    /* a profile for whatever brand: everything that some printer knows */

	/* paper */
	struct tb_canvas canvas;
	unsigned y;
	bool used;                                   /* an element came since the last cut */
	unsigned image_x, image_y, image_w, image_h; /* not told yet; image_h 0: none */

	/* modes */
	struct tb_style style;
	uint8_t align;
	unsigned char_space, kanji_left, kanji_right, line_space;
	unsigned left_margin, area_width;
	unsigned unit_x, unit_y; /* per inch; 0: a dot */
	bool upside_down;
	bool double_strike;
	uint16_t tabs[TB_TABS_MAX];
	unsigned n_tabs;

	/* characters */
	int page_known;        /* enum tb_page, or -1 */
	const uint16_t *upper; /* else the upper half; NULL: the page is not known */
	uint8_t country;
	bool utf8;
	bool kanji_on;
	enum tb_kanji kanji;
	uint8_t pair[4];
	unsigned n_pair;
	iconv_t converters[TB_KANJI_COUNT];

	/* the line */
	struct tb_item *items;
	size_t n_items;
	size_t strip_bytes;
	int pos; /* dots from the left margin */

	/* codes */
	uint8_t bar_height, bar_module, bar_hri, bar_hri_font;
	struct tb_symbol symbols[TB_SYMBOL_KINDS];
	uint8_t clone_symbol; /* GS Z */

	struct tb_picture pictures[TB_PICTURES_MAX];
	size_t picture_bytes;
	struct tb_page_mode page;

	/* Star only */
	bool raster, raster_uncut;
	/* rows of one picture, from their first black byte on */
	unsigned raster_y, raster_rows, raster_left, raster_right;
	uint8_t star_on, star_off; /* 10 ms */
};

static inline unsigned
tb_le16(const uint8_t *bytes)
{
	return bytes[0] | (unsigned)bytes[1] << 8;
}

static inline uint32_t
tb_le32(const uint8_t *bytes)
{
	return tb_le16(bytes) | (uint32_t)tb_le16(bytes + 2) << 16;
}

/* interpret.c: what has become of the stream */
void tb_interpret_init_modes(struct tb_interpret *in);
void tb_interpret_tell(struct tb_interpret *in, const struct tb_element *element);
void tb_interpret_request(struct tb_interpret *in, enum tb_request_kind kind, unsigned n);
void tb_interpret_pulse(struct tb_interpret *in, unsigned pin, unsigned on_ms, unsigned off_ms);
void tb_interpret_cut(struct tb_interpret *in, bool partial);
void tb_interpret_unknown(struct tb_interpret *in, const uint8_t *bytes, size_t len);
void tb_interpret_suspect(struct tb_interpret *in, const uint8_t *bytes, size_t len);

/* interpret-escpos.c, interpret-star.c: the tables, and bytes that are no command */
extern const struct tb_command_table tb_commands_escpos;
extern const struct tb_command_table tb_commands_escpos_text;
extern const struct tb_command_table tb_commands_star;
void tb_escpos_byte(struct tb_interpret *in, uint8_t byte);
void tb_star_byte(struct tb_interpret *in, uint8_t byte);

/* interpret-line.c: the line and the paper */
/* Dots of n motion units (GS P). */
unsigned tb_units(const struct tb_interpret *in, unsigned n, bool across);
unsigned tb_line_area(const struct tb_interpret *in);
void tb_line_cell(struct tb_interpret *in, uint32_t character, bool wide);
void tb_line_strip(struct tb_interpret *in, uint8_t *bits, unsigned w, unsigned h);
/* Tells an element that has no place on the paper, behind what the line already holds. */
void tb_line_tell(struct tb_interpret *in, const struct tb_element *element);
/* Prints what is pending and feeds; at least `feed` dots in all, and as much as was printed. */
void tb_line_print(struct tb_interpret *in, unsigned feed);
/* Prints what is pending, if anything, with a line's feed. */
void tb_line_flush(struct tb_interpret *in);
void tb_line_drop(struct tb_interpret *in);
void tb_line_back(struct tb_interpret *in, unsigned dots);
void tb_line_tab(struct tb_interpret *in);
/* Room for something of its own, w x h dots, in the direction of print: where it stands. */
struct tb_place {
	int x, y;
	bool fits;
};
struct tb_place tb_line_block(struct tb_interpret *in, unsigned w, unsigned h);
/*
 * Draws at a place in the direction of print, in page mode turned by its direction. x and y are the
 * upper left corner of the bitmap as it is after `turn`.
 */
void tb_line_draw(
	struct tb_interpret *in, int x, int y, const struct tb_bitmap *bitmap, enum tb_turn turn);
void tb_line_fill(struct tb_interpret *in, int x, int y, unsigned w, unsigned h);
struct tb_element *tb_element_copy(const struct tb_element *element);
void tb_element_free(struct tb_element *element);

/* interpret-glyph.c: one cell as dots */
void tb_cell_size(const struct tb_interpret *in, const struct tb_style *style, bool wide,
	unsigned *ret_w, unsigned *ret_h);
void tb_cell_draw(
	struct tb_interpret *in, int x, int y, const struct tb_item *item, enum tb_turn turn);
/* A short text in one size, for what stands under a barcode. */
void tb_cell_write(
	struct tb_interpret *in, int x, int y, const char *text, size_t len, uint8_t font);

/* interpret-text.c: bytes to characters */
void tb_text_reset(struct tb_interpret *in);
/* A byte from 20h on, or the next of a character of several. */
void tb_text_byte(struct tb_interpret *in, uint8_t byte);
/* Something that is no text comes: half a character is lost. */
void tb_text_break(struct tb_interpret *in);
void tb_text_slot(struct tb_interpret *in, uint8_t slot);
void tb_text_star_slot(struct tb_interpret *in, uint8_t slot);
void tb_text_kanji(struct tb_interpret *in, bool on, enum tb_kanji system);
void tb_text_done(struct tb_interpret *in);
size_t tb_utf8_put(uint32_t character, char out[4]);

/* interpret-image.c: pictures */
void tb_image_raster(struct tb_interpret *in, const uint8_t *bits, unsigned w, unsigned h,
	unsigned sx, unsigned sy);
/* A row of Star's graphic mode, whose blank bytes at the left only move the picture. */
void tb_image_row(struct tb_interpret *in, const uint8_t *bits, unsigned bytes);
/* Dots without a word about a picture: a symbol. */
void tb_image_put(struct tb_interpret *in, int x, int y, const uint8_t *bits, unsigned w,
	unsigned h, unsigned sx, unsigned sy);
void tb_image_columns(struct tb_interpret *in, uint8_t mode, const uint8_t *data, unsigned n);
void tb_image_flush(struct tb_interpret *in);
/* Dots of a picture were put there; those that touch are told as one. */
void tb_image_tell(struct tb_interpret *in, int x, int y, unsigned w, unsigned h);
bool tb_image_graphics(struct tb_interpret *in, const uint8_t *body, size_t len);
void tb_image_done(struct tb_interpret *in);
bool tb_image_fs_q(struct tb_interpret *in, const uint8_t *bytes, size_t len);
bool tb_image_fs_p(struct tb_interpret *in, const uint8_t *bytes, size_t len);
bool tb_image_gs_star(struct tb_interpret *in, const uint8_t *bytes, size_t len);
bool tb_image_gs_slash(struct tb_interpret *in, const uint8_t *bytes, size_t len);

/* interpret-code.c: bars and squares */
/* m of GS k; false: what it is to print cannot be. */
bool tb_code_bars(struct tb_interpret *in, uint8_t m, const uint8_t *data, size_t len);
bool tb_code_bars_typed(struct tb_interpret *in, const char *type, const uint8_t *data, size_t len);
bool tb_code_2d(struct tb_interpret *in, const uint8_t *body, size_t len);
bool tb_symbol_store(struct tb_symbol *symbol, const uint8_t *data, size_t len);
void tb_code_2d_reset(struct tb_interpret *in);
void tb_code_qr(struct tb_interpret *in, const uint8_t *data, size_t len, unsigned module,
	unsigned ecc, bool micro);
void tb_code_other(struct tb_interpret *in, const char *type, const uint8_t *data, size_t len);

/* interpret-code128.c: the values of a CODE128 symbol; zero at first, the owner frees text */
#define TB_CODE128_MAX 1024
#define TB_CODE128_FNC1 0x100u
struct tb_code128 {
	uint8_t values[TB_CODE128_MAX];
	size_t n;
	struct tb_buf text; /* UTF-8, as a reader gives it */
	bool gs1;           /* FNC1 stands first */
	bool bad;           /* not to be encoded */
	char set;           /* 'A', 'B', 'C'; 0 before the start */
	bool shift, high;   /* {S and {4: for the next character */
};
void tb_code128_named(struct tb_code128 *code, const uint8_t *data, size_t len);
void tb_code128_chosen(struct tb_code128 *code, const uint16_t *marks, size_t n);

/* interpret-bars.c: the widths of a symbol's bars and gaps, in turn, the first a bar */
#define TB_BARS_MAX 4096
struct tb_bars {
	uint8_t widths[TB_BARS_MAX]; /* dots */
	size_t n;
	unsigned dots; /* all together */
};
/* type is an element's word, data what is to be encoded (see interpret-bars.c). 0, or -EINVAL. */
int tb_bars_encode(const char *type, const uint8_t *data, size_t len, unsigned module, bool narrow,
	struct tb_bars *ret);

/* interpret-pagemode.c */
void tb_page_enter(struct tb_interpret *in);
void tb_page_leave(struct tb_interpret *in);
void tb_page_print(struct tb_interpret *in);
void tb_page_clear(struct tb_interpret *in);
void tb_page_area(struct tb_interpret *in, const uint8_t bytes[8]);
void tb_page_direction(struct tb_interpret *in, uint8_t direction);
void tb_page_done(struct tb_interpret *in);
/* Keeps an element until the page is printed. */
void tb_page_keep(struct tb_interpret *in, const struct tb_element *element);
/* From the direction of print to the page; w and h of the thing in the direction of print. */
void tb_page_map(const struct tb_interpret *in, int *x, int *y, unsigned w, unsigned h);
unsigned tb_page_line(const struct tb_interpret *in);
