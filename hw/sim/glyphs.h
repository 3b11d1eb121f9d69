/* SPDX-License-Identifier: MIT */
/*
 * The characters that tillsim draws: Terminus for the Latin, Greek, Cyrillic and box drawing pages,
 * Unifont for what it lacks. Both are X11 bitmap fonts of Debian packages (xfonts-terminus,
 * xfonts-unifont), loaded when the first character asks for them.
 */
#pragma once

#include "hw/escpos/interpret.h"

struct tb_sim_glyphs;

/* 0, or the error of the one font that has to be there; ret_missing then tells its path, static. */
int tb_sim_glyphs_open(struct tb_sim_glyphs **ret, const char **ret_missing);
void tb_sim_glyphs_free(struct tb_sim_glyphs *glyphs);
TB_DEFINE_CLEANUP(struct tb_sim_glyphs *, tb_sim_glyphs_free);

struct tb_glyphs *tb_sim_glyphs_get(struct tb_sim_glyphs *glyphs);
