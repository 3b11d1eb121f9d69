/* SPDX-License-Identifier: MIT */
/*
 * tillctl ledger verify: every balance reckoned again from its entries, by the ledger itself.
 */
#include <string.h>

#include "bridge/tillctl.h"

static int
say_result(const json_t *result, const json_t *differences)
{
	const json_t *difference;
	size_t i;

	tillctl_say("%lld entries in %lld accounts\n", (long long)tillctl_number(result, "entries"),
		(long long)tillctl_number(result, "accounts"));
	json_array_foreach(differences, i, difference) {
		_cleanup_free_ char *text = json_dumps(difference, JSON_ENCODE_ANY);

		tillctl_say("  %s\n", text ? text : "");
	}
	if (i > 0) {
		fprintf(stderr, "%zu balances are not the sum of their entries\n", i);
		return TILLCTL_REFUSED;
	}
	tillctl_say("every balance is the sum of its entries\n");
	return TILLCTL_DONE;
}

/* Adds one answer to those before it. The daemon serves its tills in between. */
static int
add_part(struct tillctl *ctl, const json_t *part, void *userdata)
{
	static const char *const sums[] = {"accounts", "entries"};
	json_t *all = userdata;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(sums); i++)
		r = json_object_set_new(all, sums[i],
			json_integer(tillctl_number(all, sums[i]) + tillctl_number(part, sums[i])));
	if (r == 0)
		r = json_array_extend(
			json_object_get(all, "differences"), json_object_get(part, "differences"));
	return r < 0 ? TILLCTL_REFUSED : TILLCTL_DONE;
}

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	_cleanup_json_ json_t *result = NULL;
	const json_t *differences;
	int r;

	if (argc != 2 || strcmp(argv[1], "verify") != 0)
		return TILLCTL_USAGE;
	result = json_pack("{s:i, s:i, s:[]}", "accounts", 0, "entries", 0, "differences");
	if (!result)
		return TILLCTL_REFUSED;
	r = tillctl_ask_pages(ctl, tillctl_ask_long, "ledger.verify", NULL, add_part, result);
	if (r != TILLCTL_DONE)
		return r;
	differences = json_object_get(result, "differences");
	if (!ctl->json)
		return say_result(result, differences);
	tillctl_print_json(result);
	return json_array_size(differences) ? TILLCTL_REFUSED : TILLCTL_DONE;
}

const struct tillctl_command tillctl_ledger = {
	.name = "ledger",
	.arguments = "verify",
	.prose = "proves the balances from their entries",
	.run = run,
};
