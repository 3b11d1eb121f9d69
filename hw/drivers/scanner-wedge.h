/* SPDX-License-Identifier: MIT */
/* The keys of a wedge's section, which its table row and its module share. */
#pragma once

#include "hw/driver.h"

extern const struct tb_setting_spec tb_scanner_wedge_settings[];
