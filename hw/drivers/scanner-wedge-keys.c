/* SPDX-License-Identifier: MIT */
/*
 * What is known of a keyboard wedge without one: its name and its keys. libxkbcommon and libevdev
 * are for those who have such a scanner, so what opens it is a module (scanner-wedge.c).
 */

#include "hw/drivers/drivers.h"
#include "hw/drivers/scanner-wedge.h"

const struct tb_setting_spec tb_scanner_wedge_settings[] = {
	{"layout", TB_SETTING_STRING, "us",
		.prose = "what the scanner is set to, by xkb's names: us, fr, be, de, ch(fr)"},
	{"terminator", TB_SETTING_WORD, "auto", .words = "auto cr lf crlf tab none",
		.prose = "what ends a code, Enter being CR; auto: CR, LF, CRLF or silence"},
	{"idle", TB_SETTING_DURATION, "100ms", .min = 1000, .max = 60000000,
		.prose = "how long silence is"},
	{"prefix", TB_SETTING_ESCAPES, "", .prose = "what stands before a code, C escapes"},
	{"suffix", TB_SETTING_ESCAPES, "",
		.prose = "what stands between a code and its terminator, C escapes"},
	{"max_length", TB_SETTING_NUMBER, "8192", .min = 1, .max = TB_CODE_MAX,
		.prose = "bytes; a longer code is dropped"},
	{"debounce", TB_SETTING_DURATION, NULL, .max = 3600000000,
		.prose = "an equal code within it is dropped; 500ms, with pass-through 0s: never"},
	{"grab", TB_SETTING_BOOL, "yes",
		.prose = "whether its keys are kept from all other programs"},
	{"pass_through", TB_SETTING_BOOL, "no",
		.prose = "whether codes that are not ours are typed on to the till program"},
	{"keypad_codepage", TB_SETTING_STRING, "1252",
		.prose = "of Alt and a number with a leading 0 on the keypad"},
	{NULL},
};

const struct tb_driver tb_driver_scanner_wedge = {
	.name = "scanner-wedge",
	.class = TB_CLASS_SCANNER,
	.settings = tb_scanner_wedge_settings,
	.nodes = "evdev",
	.module = "scanner-wedge",
	.secret = true,
};
