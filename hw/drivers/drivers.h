/* SPDX-License-Identifier: MIT */
/* Each driver of this folder by name, for the table in drivers.c. */
#pragma once

#include "hw/driver.h"

extern const struct tb_driver tb_driver_printer_escpos;
extern const struct tb_driver tb_driver_scanner_hid;
extern const struct tb_driver tb_driver_scanner_serial;
extern const struct tb_driver tb_driver_scanner_wedge;
