/* SPDX-License-Identifier: MIT */
/* A ticket as a PNG: one bit a dot, as wide as the head. */
#pragma once

#include "hw/escpos/canvas.h"

/* -errno. A file that could not be written whole is removed. */
int tb_png_write(const char *path, const struct tb_canvas *canvas);
