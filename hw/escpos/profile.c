/* SPDX-License-Identifier: MIT */
/*
 * The printers that are known without a data file. Slots of code pages differ by vendor and are the
 * usual reason for a wrong € (the vendors' ESC t tables; ReceiptPrinterEncoder's mapping agrees).
 */

#include "hw/escpos/profile.h"

#include <string.h>

/* 858 first, since it holds French and the €; then 1252 with its quotes, dashes and œ. */
static const struct tb_profile_page epson_pages[] = {
	{TB_PAGE_858, 19},
	{TB_PAGE_1252, 16},
	{TB_PAGE_437, 0},
	{TB_PAGE_850, 2},
	{TB_PAGE_852, 18},
	{TB_PAGE_8859_15, 40},
	{TB_PAGE_866, 17},
	{TB_PAGE_857, 13},
	{TB_PAGE_863, 4},
	{TB_PAGE_860, 3},
	{TB_PAGE_865, 5},
};

/* What nearly every printer numbers alike. */
static const struct tb_profile_page usual_pages[] = {
	{TB_PAGE_858, 19},
	{TB_PAGE_1252, 16},
	{TB_PAGE_437, 0},
	{TB_PAGE_850, 2},
	{TB_PAGE_852, 18},
	{TB_PAGE_866, 17},
	{TB_PAGE_863, 4},
	{TB_PAGE_860, 3},
	{TB_PAGE_865, 5},
};

static const struct tb_profile_page citizen_pages[] = {
	{TB_PAGE_858, 2},
	{TB_PAGE_1252, 16},
	{TB_PAGE_437, 0},
	{TB_PAGE_852, 6},
	{TB_PAGE_866, 7},
	{TB_PAGE_857, 8},
	{TB_PAGE_863, 4},
};

static const struct tb_profile_page fujitsu_pages[] = {
	{TB_PAGE_858, 19},
	{TB_PAGE_1252, 16},
	{TB_PAGE_437, 0},
	{TB_PAGE_850, 2},
	{TB_PAGE_852, 18},
	{TB_PAGE_866, 17},
	{TB_PAGE_857, 8},
	{TB_PAGE_863, 4},
};

static const struct tb_profile_page hp_pages[] = {
	{TB_PAGE_858, 6},
	{TB_PAGE_1252, 8},
	{TB_PAGE_437, 0},
	{TB_PAGE_850, 1},
	{TB_PAGE_852, 2},
	{TB_PAGE_866, 7},
	{TB_PAGE_857, 12},
	{TB_PAGE_863, 4},
};

static const struct tb_profile_page metapace_pages[] = {
	{TB_PAGE_858, 19},
	{TB_PAGE_437, 0},
	{TB_PAGE_850, 2},
	{TB_PAGE_863, 4},
};

/* No page with an €. */
static const struct tb_profile_page mpt2_pages[] = {
	{TB_PAGE_850, 2},
	{TB_PAGE_437, 0},
	{TB_PAGE_866, 7},
	{TB_PAGE_863, 4},
};

static const struct tb_profile_page simple_pages[] = {{TB_PAGE_437, 0}};

#define PAGES(table) .pages = table, .n_pages = ARRAY_SIZE(table)
#define HEAD_576 .dots = 576, .dpi = 203, .fonts = {{48, 12, 24}, {64, 9, 17}}
#define HEAD_512 .dots = 512, .dpi = 180, .fonts = {{42, 12, 24}, {56, 9, 17}}
#define HEAD_384 .dots = 384, .dpi = 203, .fonts = {{32, 12, 24}, {42, 9, 17}}

/* Sorted by name. Unless it says otherwise: native QR, a blade that is fed to, DLE EOT. */
static const struct tb_profile profiles[] = {
	{
		.name = "bixolon",
		.prose = "Bixolon SRP-350 II and III",
		HEAD_512,
		PAGES(usual_pages),
		.answers = TB_ANSWERS_ASB,
		.max_band_rows = 128,
		.rx_buffer = 4096,
	},
	{
		.name = "citizen",
		.prose = "Citizen CT-S: 858 in slot 2",
		HEAD_576,
		PAGES(citizen_pages),
		.answers = TB_ANSWERS_ASB,
		.max_band_rows = 128,
		.rx_buffer = 4096,
	},
	{
		.name = "clone",
		.prose = "80 mm without a name: QR drawn as a picture",
		HEAD_576,
		PAGES(usual_pages),
		.qr = TB_QR_RASTER,
		.answers = TB_ANSWERS_ASKED,
		.max_band_rows = 128,
		.rx_buffer = 2048,
		.kanji_at_boot = true,
	},
	{
		.name = "clone-escz",
		.prose = "80 mm Zijiang, Xprinter: QR by ESC Z",
		HEAD_576,
		PAGES(usual_pages),
		.qr = TB_QR_CLONE,
		.answers = TB_ANSWERS_ASKED,
		.max_band_rows = 128,
		.rx_buffer = 2048,
		.kanji_at_boot = true,
	},
	{
		.name = "default58",
		.prose = "58 mm, whatever the brand",
		HEAD_384,
		PAGES(usual_pages),
		.qr = TB_QR_RASTER,
		.answers = TB_ANSWERS_ASKED,
		.max_band_rows = 128,
		.rx_buffer = 2048,
		.kanji_at_boot = true,
	},
	{
		.name = TB_PROFILE_DEFAULT,
		.prose = "80 mm, whatever the brand",
		HEAD_576,
		PAGES(usual_pages),
		.answers = TB_ANSWERS_ASKED,
		.max_band_rows = 128,
		.rx_buffer = 4096,
		.kanji_at_boot = true,
	},
	{
		.name = "epson",
		.prose = "Epson TM-T20 II and III, TM-m30: 203 dpi",
		HEAD_576,
		PAGES(epson_pages),
		.answers = TB_ANSWERS_ASB,
		.max_band_rows = 255,
		.rx_buffer = 4096,
		.process_id = true,
	},
	{
		.name = "epson-180",
		.prose = "Epson TM-T88V, TM-T70II: 180 dpi",
		HEAD_512,
		PAGES(epson_pages),
		.answers = TB_ANSWERS_ASB,
		.max_band_rows = 255,
		.rx_buffer = 4096,
		.process_id = true,
	},
	{
		.name = "epson-42",
		.prose = "Epson TM-T20II, TM-P80 in their mode of 42 columns",
		.dots = 546,
		.dpi = 203,
		.fonts = {{42, 13, 24}, {60, 9, 17}},
		PAGES(epson_pages),
		.answers = TB_ANSWERS_ASB,
		.max_band_rows = 255,
		.rx_buffer = 4096,
		.process_id = true,
	},
	{
		.name = "epson-old",
		.prose = "Epson TM-T88 II to IV, TM-T70: 180 dpi, no process id",
		HEAD_512,
		PAGES(usual_pages),
		.qr = TB_QR_RASTER,
		.answers = TB_ANSWERS_ASB,
		.max_band_rows = 128,
		.rx_buffer = 4096,
	},
	{
		.name = "fujitsu",
		.prose = "Fujitsu FP-1000",
		HEAD_576,
		PAGES(fujitsu_pages),
		.answers = TB_ANSWERS_ASKED,
		.max_band_rows = 128,
		.rx_buffer = 4096,
	},
	{
		.name = "hp-a779",
		.prose = "HP A779: 858 in slot 6, 1252 in slot 8",
		HEAD_576,
		PAGES(hp_pages),
		.qr = TB_QR_RASTER,
		.answers = TB_ANSWERS_ASKED,
		.max_band_rows = 128,
		.rx_buffer = 4096,
	},
	{
		.name = "metapace",
		.prose = "Metapace T-1, Bixolon SRP-350: no 1252",
		HEAD_512,
		PAGES(metapace_pages),
		.qr = TB_QR_RASTER,
		.answers = TB_ANSWERS_ASKED,
		.max_band_rows = 128,
		.rx_buffer = 4096,
	},
	{
		.name = "mpt2",
		.prose = "58 mm portable MPT-II: no page with a €, no blade",
		HEAD_384,
		PAGES(mpt2_pages),
		.qr = TB_QR_RASTER,
		.cut = TB_CUT_NONE,
		.answers = TB_ANSWERS_NONE,
		.max_band_rows = 64,
		.rx_buffer = 1024,
		.head_to_cutter = 96,
		.kanji_at_boot = true,
	},
	{
		.name = "simple",
		.prose = "80 mm, the least that a printer can: page 437 and pictures",
		HEAD_576,
		PAGES(simple_pages),
		.qr = TB_QR_RASTER,
		.cut = TB_CUT_PLAIN,
		.answers = TB_ANSWERS_NONE,
		.max_band_rows = 24,
		.rx_buffer = 1024,
		.head_to_cutter = 120,
	},
	{
		.name = "star",
		.prose = "Star set to its ESC/POS emulation",
		HEAD_576,
		PAGES(usual_pages),
		.answers = TB_ANSWERS_ASB,
		.max_band_rows = 128,
		.rx_buffer = 4096,
	},
	{
		.name = "zijiang58",
		.prose = "58 mm Zijiang POS-5890: QR by ESC Z, no blade",
		HEAD_384,
		PAGES(usual_pages),
		.qr = TB_QR_CLONE,
		.cut = TB_CUT_NONE,
		.answers = TB_ANSWERS_ASKED,
		.max_band_rows = 128,
		.rx_buffer = 2048,
		.head_to_cutter = 96,
		.kanji_at_boot = true,
	},
};

const struct tb_profile *
tb_profile_find(const char *name)
{
	if (!name)
		name = TB_PROFILE_DEFAULT;
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		if (strcmp(profiles[i].name, name) == 0)
			return &profiles[i];
	}
	return NULL;
}

const struct tb_profile *
tb_profile_at(size_t n)
{
	return n < ARRAY_SIZE(profiles) ? &profiles[n] : NULL;
}

int
tb_profile_page(const struct tb_profile *profile, uint8_t slot, enum tb_page *ret)
{
	for (size_t i = 0; i < profile->n_pages; i++) {
		if (profile->pages[i].slot == slot) {
			*ret = profile->pages[i].page;
			return 0;
		}
	}
	return -ENOENT;
}
