/* SPDX-License-Identifier: MIT */
/*
 * QR codes: how large one will be, and its modules when it is drawn by us. The symbol is
 * libqrencode's; the command that prints it is encode.c's.
 */
#pragma once

#include "hw/escpos/document.h"
#include "hw/escpos/raster.h"

#define TB_QR_QUIET 4 /* modules of white on each side */

/*
 * Modules a side (21 … 177) of a symbol for len bytes when they are taken as bytes: the printer may
 * find a smaller one for digits or capitals, never a larger one. 0 when there is none.
 */
unsigned tb_qr_modules_at_most(size_t len, enum tb_qr_ecc ecc);

/* The modules a side that libqrencode needs. 0, -E2BIG when nothing holds the data, -ENOMEM. */
int tb_qr_modules(const char *data, size_t len, enum tb_qr_ecc ecc, unsigned *ret);

/* Draws the symbol with `size` dots a module, quiet zone not included. -E2BIG, -ENOMEM. */
int tb_qr_draw(
	const char *data, size_t len, enum tb_qr_ecc ecc, unsigned size, struct tb_raster *ret);
