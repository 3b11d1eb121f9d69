/* SPDX-License-Identifier: MIT */
/*
 * tillctl call: any method with parameters as the caller wrote them. Nothing is added, not even a
 * key.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/tillctl.h"

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	_cleanup_json_ json_t *params = NULL, *result = NULL;
	_cleanup_free_ char *read = NULL;
	const char *text = argc > 2 ? argv[2] : "{}";
	json_error_t error;
	size_t len;
	int r;

	if (argc < 2 || argc > 3)
		return TILLCTL_USAGE;
	if (strcmp(text, "-") == 0) {
		text = read = tillctl_read_file("-", &len);
		if (!text)
			return TILLCTL_REFUSED;
	}
	params = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(params)) {
		fprintf(stderr, "the parameters are no JSON object: %s\n",
			params ? "" : error.text);
		return TILLCTL_USAGE;
	}
	r = tillctl_ask_long(ctl, argv[1], json_incref(params), &result);
	if (r != TILLCTL_DONE)
		return r;
	if (ctl->json) {
		tillctl_print_json(result);
	} else {
		json_dumpf(result, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
		putchar('\n');
	}
	return TILLCTL_DONE;
}

const struct tillctl_command tillctl_call = {
	.name = "call",
	.arguments = "METHOD [JSON|-]",
	.prose = "any method; tillctl help METHOD says what it takes",
	.run = run,
};
