/* SPDX-License-Identifier: MIT */
/*
 * tillctl export: a list for a spreadsheet on stdout, all its pages as one.
 */
#include <string.h>

#include "bridge/tillctl.h"

static json_t *
make_params(int argc, char *argv[], json_t *cursor)
{
	static const char *const names[] = {"what", "from", "to"};
	json_t *params = json_object();

	for (int i = 1; i < argc; i++)
		json_object_set_new(params, names[i - 1], json_string(argv[i]));
	if (cursor)
		json_object_set(params, "cursor", cursor);
	return params;
}

/* The later pages begin with the names of the columns again. */
static void
put_page(const char *csv, bool first)
{
	const char *end = strchr(csv, '\n');

	fputs(first || !end ? csv : end + 1, stdout);
}

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	_cleanup_json_ json_t *cursor = NULL;
	bool first = true;

	if (argc < 2 || argc > 4)
		return TILLCTL_USAGE;
	do {
		_cleanup_json_ json_t *result = NULL;
		int r = tillctl_ask_long(
			ctl, "report.export", make_params(argc, argv, cursor), &result);

		if (r != TILLCTL_DONE)
			return r;
		if (ctl->json)
			tillctl_print_json(result);
		else
			put_page(tillctl_string(result, "csv"), first);
		first = false;
		json_decref(cursor);
		cursor = json_incref(json_object_get(result, "cursor"));
	} while (cursor);
	return TILLCTL_DONE;
}

const struct tillctl_command tillctl_export = {
	.name = "export",
	.arguments = "WHAT [FROM [TO]]",
	.prose = "a list as CSV on stdout; help report.export says which",
	.run = run,
};
