/* SPDX-License-Identifier: MIT */
/*
 * A bitmap font in X11's portable compiled format, read from a (gzipped) file into memory and
 * looked up there. Source: the PCF chapter of FontForge's format notes.
 */
#pragma once

#include "hw/escpos/canvas.h"

struct tb_pcf;

/* 0; -errno of the file, -EBADMSG when it is no such font, -EFBIG when it is too large. */
int tb_pcf_open(const char *path, struct tb_pcf **ret);
void tb_pcf_free(struct tb_pcf *font);
TB_DEFINE_CLEANUP(struct tb_pcf *, tb_pcf_free);

/* The dots of a character, borrowed from the font; false when it has none. */
bool tb_pcf_find(const struct tb_pcf *font, uint32_t character, struct tb_bitmap *ret);
