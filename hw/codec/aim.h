/* SPDX-License-Identifier: MIT */
/*
 * The three characters by which a scanner names the symbology, as ISO/IEC 15424 has them ("]Q1"),
 * and the words this house has for symbologies. Pure.
 */
#pragma once

#include "base/macros.h"

/* 3 when the code begins with an identifier, else 0. */
size_t tb_aim_length(const uint8_t *bytes, size_t len);

/*
 * The word for an identifier, given how many bytes the code behind it has (UPC-A comes as EAN-13
 * with twelve digits); NULL when this house has none. Static.
 */
const char *tb_aim_symbology(const char aim[static 3], size_t code_len);
