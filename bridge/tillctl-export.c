/* SPDX-License-Identifier: MIT */
/*
 * tillctl export: a list for a spreadsheet on stdout, all its pages as one.
 */
#include <string.h>

#include "bridge/tillctl.h"

/* The later pages begin with the names of the columns again. */
static int
put_page(struct tillctl *ctl, const json_t *page, void *userdata)
{
	const char *csv = tillctl_string(page, "csv"), *end = strchr(csv, '\n');
	bool *first = userdata;

	if (ctl->json)
		tillctl_print_json(page);
	else
		fputs(*first || !end ? csv : end + 1, stdout);
	*first = false;
	return TILLCTL_DONE;
}

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	static const char *const names[] = {"what", "from", "to"};
	bool first = true;
	json_t *params;

	if (argc < 2 || argc > 4)
		return TILLCTL_USAGE;
	params = json_object();
	for (int i = 1; i < argc; i++)
		json_object_set_new(params, names[i - 1], json_string(argv[i]));
	return tillctl_ask_pages(ctl, tillctl_ask_long, "report.export", params, put_page, &first);
}

const struct tillctl_command tillctl_export = {
	.name = "export",
	.arguments = "WHAT [FROM [TO]]",
	.prose = "a list as CSV on stdout; help report.export says which",
	.run = run,
};
