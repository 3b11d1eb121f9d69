/* SPDX-License-Identifier: MIT */
/*
 * tillctl queue: what the printers have still to print, and why it waits.
 */
#include "bridge/tillctl.h"

static void
say_jobs(const struct tillctl *ctl, const json_t *jobs)
{
	const json_t *job;
	size_t i;

	json_array_foreach(jobs, i, job) {
		if (ctl->json)
			tillctl_print_json(job);
		else
			tillctl_say("%-20s %-16s %-9s %-10s %s\n", tillctl_string(job, "id"),
				tillctl_string(job, "device"), tillctl_string(job, "kind"),
				tillctl_string(job, "state"), tillctl_string(job, "reason"));
	}
}

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	_cleanup_json_ json_t *cursor = NULL;

	if (argc != 1)
		return TILLCTL_USAGE;
	do {
		_cleanup_json_ json_t *result = NULL;
		json_t *params = cursor ? json_pack("{s:O}", "cursor", cursor) : NULL;
		int r = tillctl_ask(ctl, "print.list", params, &result);

		if (r != TILLCTL_DONE)
			return r;
		say_jobs(ctl, json_object_get(result, "jobs"));
		json_decref(cursor);
		cursor = json_incref(json_object_get(result, "cursor"));
	} while (cursor);
	return TILLCTL_DONE;
}

const struct tillctl_command tillctl_queue = {
	.name = "queue",
	.arguments = "",
	.prose = "print jobs that have not ended",
	.run = run,
};
