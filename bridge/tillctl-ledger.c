/* SPDX-License-Identifier: MIT */
/*
 * tillctl ledger verify: every balance reckoned again from its entries, by the ledger itself.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/tillctl.h"

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	_cleanup_json_ json_t *result = NULL;
	const char *name;
	json_t *value;
	int r;

	if (argc != 2 || strcmp(argv[1], "verify") != 0)
		return TILLCTL_USAGE;
	r = tillctl_ask_long(ctl, "ledger.verify", NULL, &result);
	if (r != TILLCTL_DONE)
		return r;
	if (ctl->json) {
		tillctl_print_json(result);
		return TILLCTL_DONE;
	}
	tillctl_say("the ledger adds up\n");
	json_object_foreach(result, name, value)
		if (json_is_integer(value))
			tillctl_say("  %s %lld\n", name, (long long)json_integer_value(value));
	return TILLCTL_DONE;
}

const struct tillctl_command tillctl_ledger = {
	.name = "ledger",
	.arguments = "verify",
	.prose = "proves the balances from their entries",
	.run = run,
};
