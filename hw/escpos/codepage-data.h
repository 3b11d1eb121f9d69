/* SPDX-License-Identifier: MIT */
/* The table behind codepage.c; nothing else looks into it. */
#pragma once

#include "hw/escpos/codepage.h"

extern const uint16_t tb_page_upper[TB_PAGE_COUNT][128];
