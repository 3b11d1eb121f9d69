/* SPDX-License-Identifier: MIT */
/*
 * tillctl pair: a token for a till of another machine, alone on one line, so that it can be written
 * straight into that till's token_file.
 */
#include <string.h>
#include "bridge/tillctl.h"

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	_cleanup_json_ json_t *result = NULL;
	const char *slash;
	json_t *params;
	int r;

	if (argc != 2 || argv[1][0] == '\0')
		return TILLCTL_USAGE;
	slash = strchr(argv[1], '/');
	if (slash)
		params = json_pack("{s:s%, s:s}", "site", argv[1], (size_t)(slash - argv[1]),
			"till", slash + 1);
	else
		params = json_pack("{s:s}", "till", argv[1]);
	r = tillctl_ask(ctl, "token.create", params, &result);
	if (r != TILLCTL_DONE)
		return r;
	if (ctl->json)
		printf("{\"till\":\"%s\",\"token\":\"%s\"}\n", tillctl_string(result, "till"),
			tillctl_string(result, "token"));
	else
		printf("%s\n", tillctl_string(result, "token"));
	return TILLCTL_DONE;
}

const struct tillctl_command tillctl_pair = {
	.name = "pair",
	.arguments = "[SITE/]TILL",
	.prose = "make a token by which another till's bridge may call this one",
	.run = run,
};
