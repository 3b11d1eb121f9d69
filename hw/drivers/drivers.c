/* SPDX-License-Identifier: MIT */
/* The table of drivers, sorted by name, written by hand: a driver is there when it stands here. */

#include <string.h>
#include "hw/drivers/drivers.h"

const struct tb_driver *const tb_drivers[] = {
	&tb_driver_printer_escpos,
	&tb_driver_scanner_hid,
	&tb_driver_scanner_serial,
	&tb_driver_scanner_wedge,
	NULL,
};

const struct tb_driver *
tb_driver_find(const char *name)
{
	for (size_t i = 0; tb_drivers[i]; i++)
		if (!strcmp(tb_drivers[i]->name, name))
			return tb_drivers[i];
	return NULL;
}
