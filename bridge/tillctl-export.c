/* SPDX-License-Identifier: MIT */
/*
 * tillctl export: lists for a spreadsheet on stdout.
 */
#include <stdio.h>

#include "bridge/tillctl.h"

/* The result's one long text, under whatever name it stands. */
static const char *
text_of(const json_t *result)
{
	static const char *const names[] = {"csv", "text", "data", "content"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (json_is_string(json_object_get(result, names[i])))
			return tillctl_string(result, names[i]);
	return NULL;
}

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	_cleanup_json_ json_t *result = NULL;
	const char *text;
	int r;

	if (argc != 2)
		return TILLCTL_USAGE;
	r = tillctl_ask_long(ctl, "report.export",
		json_pack("{s:s, s:s}", "what", argv[1], "format", ctl->json ? "json" : "csv"),
		&result);
	if (r != TILLCTL_DONE)
		return r;
	text = ctl->json ? NULL : text_of(result);
	if (text)
		fputs(text, stdout);
	else
		tillctl_print_json(result);
	return TILLCTL_DONE;
}

const struct tillctl_command tillctl_export = {
	.name = "export",
	.arguments = "WHAT",
	.prose = "lists as CSV on stdout; help report.export says which",
	.run = run,
};
