/* SPDX-License-Identifier: MIT */
/*
 * What one kind of receipt printer is and can: widths, fonts, numbers of its code pages, which of
 * the commands it understands. Data only; layout.c and encode.c read it, and so does the simulator.
 */
#pragma once

#include "hw/escpos/codepage.h"

#define TB_PROFILE_DEFAULT "default80"
#define TB_PROFILE_FONTS 2

enum tb_profile_qr {
	TB_QR_NATIVE, /* GS ( k */
	TB_QR_CLONE,  /* ESC Z, of many cheap printers */
	TB_QR_RASTER, /* drawn by us: every printer with GS v 0 */
};

enum tb_profile_cut {
	TB_CUT_FEED,   /* GS V 65/66 n: feeds to the blade first */
	TB_CUT_PLAIN,  /* GS V 0/1, fed by us */
	TB_CUT_LEGACY, /* ESC i, ESC m, fed by us */
	TB_CUT_NONE,   /* no blade: fed so far that it can be torn */
};

enum tb_profile_answers {
	TB_ANSWERS_NONE,  /* answers nothing */
	TB_ANSWERS_ASKED, /* DLE EOT and GS r */
	TB_ANSWERS_ASB,   /* tells changes by itself once GS a asked for it */
};

struct tb_profile_page {
	enum tb_page page;
	uint8_t slot; /* n of ESC t n */
};

struct tb_profile_font {
	uint8_t columns, cell_width, cell_height; /* columns 0: the printer has no such font */
};

struct tb_profile {
	const char *name, *prose;
	uint16_t dots; /* of the head */
	uint16_t dpi;
	struct tb_profile_font fonts[TB_PROFILE_FONTS]; /* A, B */
	const struct tb_profile_page *pages;            /* in the order they are tried */
	size_t n_pages;
	enum tb_profile_qr qr;
	enum tb_profile_cut cut;
	enum tb_profile_answers answers;
	uint16_t max_band_rows;  /* of one GS v 0 */
	uint32_t rx_buffer;      /* bytes that may be under way without being asked how it goes */
	uint16_t head_to_cutter; /* dots, for the cuts that are fed by us */
	bool kanji_at_boot;      /* pairs of bytes from 80h are eaten until FS . */
	bool process_id;         /* GS ( H tells what was printed, not only what was read */
};

/* By name; NULL is the default one. NULL when there is none of that name. */
const struct tb_profile *tb_profile_find(const char *name);
/* The n-th, in the order of their names; NULL after the last. */
const struct tb_profile *tb_profile_at(size_t n);
/* The page behind `ESC t slot`, -ENOENT. */
int tb_profile_page(const struct tb_profile *profile, uint8_t slot, enum tb_page *ret);
