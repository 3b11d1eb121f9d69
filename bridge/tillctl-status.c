/* SPDX-License-Identifier: MIT */
/*
 * tillctl status: is all well, and if not, what is in the way.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/tillctl.h"

static void
say_link(const json_t *link)
{
	const char *state = tillctl_string(link, "state");

	if (strcmp(state, "none") == 0)
		tillctl_say("link      none needed: the ledger is on this machine\n");
	else
		tillctl_say("link      %s since %s\n", state, tillctl_string(link, "since"));
	if (tillctl_number(link, "skew_ms"))
		tillctl_say("clock     %lld ms from the server's\n",
			(long long)tillctl_number(link, "skew_ms"));
}

static void
say_outbox(const json_t *outbox)
{
	int64_t depth = tillctl_number(outbox, "depth");

	if (depth == 0)
		tillctl_say("outbox    empty\n");
	else
		tillctl_say(
			"outbox    %lld waiting, the oldest for %lld s; they will be delivered\n",
			(long long)depth, (long long)tillctl_number(outbox, "oldest_s"));
	if (depth > 0 && json_object_get(outbox, "reason"))
		tillctl_say("          %s: %s\n", tillctl_string(outbox, "reason"),
			tillctl_string(outbox, "detail"));
	if (tillctl_number(outbox, "refused"))
		tillctl_say("          %lld refused for good: tillctl outbox shows them\n",
			(long long)tillctl_number(outbox, "refused"));
}

static void
say_devices(const json_t *devices)
{
	const json_t *device;
	size_t i, ready = 0;

	json_array_foreach(devices, i, device)
		ready += strcmp(tillctl_string(device, "state"), "ready") == 0;
	tillctl_say("devices   %zu of %zu ready\n", ready, json_array_size(devices));
	json_array_foreach(devices, i, device) {
		const char *reason = tillctl_string(device, "reason");

		if (strcmp(tillctl_string(device, "state"), "ready") == 0 && !*reason)
			continue;
		tillctl_say("          %s %s%s%s\n", tillctl_string(device, "device"),
			tillctl_string(device, "state"), *reason ? ": " : "", reason);
	}
}

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	_cleanup_json_ json_t *result = NULL, *hello = NULL;
	int r;

	if (argc != 1)
		return TILLCTL_USAGE;
	r = tillctl_ask(ctl, "bridge.status", NULL, &result);
	if (r != TILLCTL_DONE)
		return r;
	if (ctl->json) {
		tillctl_print_json(result);
		return TILLCTL_DONE;
	}
	hello = json_loads(tillbridge_hello(ctl->till), 0, NULL);
	tillctl_say("bridge    %s %s, site %s, till %s, %s\n", tillctl_string(hello, "product"),
		tillctl_string(hello, "version"), tillctl_string(hello, "site"),
		tillctl_string(hello, "till"), tillctl_string(hello, "currency"));
	say_link(json_object_get(result, "link"));
	say_outbox(json_object_get(result, "outbox"));
	say_devices(json_object_get(result, "devices"));
	return TILLCTL_DONE;
}

const struct tillctl_command tillctl_status = {
	.name = "status",
	.arguments = "",
	.prose = "the link, what waits, devices that are not ready",
	.run = run,
};
