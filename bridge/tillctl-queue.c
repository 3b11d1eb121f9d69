/* SPDX-License-Identifier: MIT */
/*
 * tillctl queue: what the printers have still to print, and why it waits.
 */
#include "bridge/tillctl.h"

static int
say_page(struct tillctl *ctl, const json_t *page, void *userdata)
{
	const json_t *job;
	size_t i;

	json_array_foreach(json_object_get(page, "jobs"), i, job) {
		if (ctl->json)
			tillctl_print_json(job);
		else
			tillctl_say("%-20s %-16s %-9s %-10s %s\n", tillctl_string(job, "id"),
				tillctl_string(job, "device"), tillctl_string(job, "kind"),
				tillctl_string(job, "state"), tillctl_string(job, "reason"));
	}
	return TILLCTL_DONE;
}

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	if (argc != 1)
		return TILLCTL_USAGE;
	return tillctl_ask_pages(ctl, tillctl_ask, "print.list", NULL, say_page, NULL);
}

const struct tillctl_command tillctl_queue = {
	.name = "queue",
	.arguments = "",
	.prose = "print jobs that have not ended",
	.run = run,
};
