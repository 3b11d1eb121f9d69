/* SPDX-License-Identifier: MIT */
/*
 * tillctl queue: what the printers have still to print, and why it waits.
 */
#include <stdio.h>

#include "bridge/tillctl.h"

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	_cleanup_json_ json_t *result = NULL;
	const json_t *job;
	size_t i;
	int r;

	if (argc != 1)
		return TILLCTL_USAGE;
	r = tillctl_ask(ctl, "print.list", NULL, &result);
	if (r != TILLCTL_DONE)
		return r;
	json_array_foreach(json_object_get(result, "jobs"), i, job) {
		if (ctl->json)
			tillctl_print_json(job);
		else
			tillctl_say("%-20s %-16s %-10s %s\n", tillctl_string(job, "id"),
				tillctl_string(job, "device"), tillctl_string(job, "state"),
				tillctl_string(job, "reason"));
	}
	return TILLCTL_DONE;
}

const struct tillctl_command tillctl_queue = {
	.name = "queue",
	.arguments = "",
	.prose = "print jobs that have not ended",
	.run = run,
};
