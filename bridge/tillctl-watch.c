/* SPDX-License-Identifier: MIT */
/*
 * tillctl watch: what happens, a line each, until it is ended or the bridge goes.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/tillctl.h"

static const char *const kinds[] = {
	"scan", "card", "customer", "device", "printer", "job", "outbox", "link"};

/* "14:03:07" of an RFC 3339 time. */
static void
say_clock(const json_t *params)
{
	const char *at = tillctl_string(params, "at"), *clock = strchr(at, 'T');

	tillctl_say("%.8s ", clock ? clock + 1 : "        ");
}

static void
say_customer(const json_t *params)
{
	const json_t *balances = json_object_get(params, "balances");
	char name[200];

	if (json_object_get(params, "error")) {
		const json_t *error = json_object_get(params, "error");

		tillctl_say("customer  %s\n", json_is_string(error)
						      ? json_string_value(error)
						      : tillctl_string(error, "code"));
		return;
	}
	tillctl_say("customer  %s, %lld points\n",
		tillctl_name(json_object_get(params, "customer"), name, sizeof(name)),
		(long long)tillctl_number(balances, "points_available"));
}

static void
say_event(const char *kind, const json_t *params)
{
	static const char *const told[] = {"device", "id", "driver", "code", "uid", "symbology",
		"kind", "state", "error", "reason"};

	say_clock(params);
	if (strcmp(kind, "customer") == 0) {
		say_customer(params);
		return;
	}
	tillctl_say("%-9s", kind);
	for (size_t i = 0; i < ARRAY_SIZE(told); i++) {
		const json_t *value = json_object_get(params, told[i]);

		if (json_is_string(value))
			tillctl_say(" %s", json_string_value(value));
	}
	if (json_object_get(params, "depth"))
		tillctl_say(" %lld waiting", (long long)tillctl_number(params, "depth"));
	tillctl_say("\n");
}

static json_t *
wanted_kinds(int argc, char *argv[])
{
	json_t *list = json_array();

	for (int i = 1; i < argc; i++)
		json_array_append_new(list, json_string(argv[i]));
	for (size_t i = 0; argc < 2 && i < ARRAY_SIZE(kinds); i++)
		json_array_append_new(list, json_string(kinds[i]));
	return list;
}

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	int r = tillctl_tell(
		ctl, "events.subscribe", json_pack("{s:o}", "kinds", wanted_kinds(argc, argv)));

	while (r == TILLCTL_DONE) {
		_cleanup_free_ char *method = NULL, *text = NULL;
		_cleanup_json_ json_t *params = NULL;
		int error = tillbridge_next(ctl->till, TILLBRIDGE_FOREVER, &method, &text);

		if (error == -EOVERFLOW)
			continue;
		if (error < 0)
			return tillctl_lost("watch", error);
		params = json_loads(text, 0, NULL);
		if (ctl->json)
			printf("{\"method\":\"%s\",\"params\":%s}\n", method, text);
		else
			say_event(method, params);
		if (fflush(stdout) == EOF)
			return TILLCTL_DONE; /* nobody reads any more */
	}
	return r;
}

const struct tillctl_command tillctl_watch = {
	.name = "watch",
	.arguments = "[KIND...]",
	.prose = "scan card customer device printer job outbox link, as they happen",
	.run = run,
};
