/* SPDX-License-Identifier: MIT */
/*
 * tillctl devices: NAME DRIVER STATE REASON, a line each.
 */
#include <stdio.h>

#include "bridge/tillctl.h"

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	_cleanup_json_ json_t *result = NULL;
	const json_t *device;
	size_t i;
	int r;

	if (argc != 1)
		return TILLCTL_USAGE;
	r = tillctl_ask(ctl, "device.list", NULL, &result);
	if (r != TILLCTL_DONE)
		return r;
	json_array_foreach(json_object_get(result, "devices"), i, device) {
		if (ctl->json)
			tillctl_print_json(device);
		else
			tillctl_say("%-20s %-16s %-9s %s\n", tillctl_string(device, "device"),
				tillctl_string(device, "driver"), tillctl_string(device, "state"),
				tillctl_string(device, "reason"));
	}
	return TILLCTL_DONE;
}

const struct tillctl_command tillctl_devices = {
	.name = "devices",
	.arguments = "",
	.prose = "scanners, readers, printers; why one is not ready",
	.run = run,
};
