/* SPDX-License-Identifier: MIT */
/*
 * tillctl outbox: what waits for the loyalty server, and what the server would not have; outbox
 * retry and outbox settle do something about it.
 */
#include <string.h>

#include "bridge/tillctl.h"

/* userdata: a bool, set when one of them waits because this till is not let in. */
static int
say_page(struct tillctl *ctl, const json_t *page, void *userdata)
{
	bool *barred = userdata;
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(page, "items"), i, item) {
		const char *sale = tillctl_string(item, "sale");

		*barred |= strcmp(tillctl_string(item, "last_error"), "not_permitted") == 0;
		if (ctl->json)
			tillctl_print_json(item);
		else
			tillctl_say("%-8s %-16s %-16s %-20s %-8s %lld %s %s\n",
				tillctl_string(item, "id"), tillctl_string(item, "method"),
				*sale ? sale : "-", tillctl_string(item, "since"),
				tillctl_string(item, "state"),
				(long long)tillctl_number(item, "tries"),
				tillctl_number(item, "tries") == 1 ? "try" : "tries",
				tillctl_string(item, "last_error"));
	}
	return TILLCTL_DONE;
}

static int
list(struct tillctl *ctl)
{
	bool barred = false;
	int r = tillctl_ask_pages(ctl, tillctl_ask, "outbox.list", NULL, say_page, &barred);

	if (barred && !ctl->json)
		tillctl_say(
			"not_permitted: the server does not let this till in; pair it again: "
			"tillctl pair TILL on the server, and its token into token_file here\n");
	return r;
}

static int
retry(struct tillctl *ctl, const char *id)
{
	_cleanup_json_ json_t *result = NULL;
	int r = tillctl_ask(ctl, "outbox.retry", id ? json_pack("{s:s}", "id", id) : NULL, &result);

	if (r != TILLCTL_DONE)
		return r;
	if (ctl->json)
		tillctl_print_json(result);
	else
		tillctl_say("%lld waiting; they are sent at once\n",
			(long long)tillctl_number(result, "depth"));
	return TILLCTL_DONE;
}

static int
settle(struct tillctl *ctl, const char *id, const char *reason)
{
	_cleanup_json_ json_t *result = NULL;
	int r = tillctl_ask(ctl, "outbox.settle",
		json_pack("{s:o, s:s, s:s}", "key", tillctl_key(), "id", id, "reason", reason),
		&result);

	if (r != TILLCTL_DONE)
		return r;
	if (ctl->json)
		tillctl_print_json(result);
	else
		tillctl_say("%s is settled\n", id);
	return TILLCTL_DONE;
}

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	if (argc == 1)
		return list(ctl);
	if (strcmp(argv[1], "retry") == 0 && argc <= 3)
		return retry(ctl, argv[2]);
	if (strcmp(argv[1], "settle") == 0 && argc == 4)
		return settle(ctl, argv[2], argv[3]);
	return TILLCTL_USAGE;
}

const struct tillctl_command tillctl_outbox = {
	.name = "outbox",
	.arguments = "[retry [ID] | settle ID REASON]",
	.prose = "what waits for the loyalty server",
	.run = run,
};
