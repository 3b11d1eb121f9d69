/* SPDX-License-Identifier: MIT */
/*
 * tillctl help: the commands, or what a method takes, as the bridge's own table of methods says it.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/tillctl.h"

static void
say_limits(const json_t *field)
{
	const json_t *min = json_object_get(field, "min"), *max = json_object_get(field, "max"),
		     *word;
	size_t i;

	json_array_foreach(json_object_get(field, "words"), i, word)
		tillctl_say("%s%s", i ? "|" : " ", json_string_value(word));
	if (json_object_get(field, "unit"))
		tillctl_say(" %s", tillctl_string(field, "unit"));
	if (min && max && strcmp(tillctl_string(field, "type"), "integer") == 0)
		tillctl_say(" %lld..%lld", (long long)json_integer_value(min),
			(long long)json_integer_value(max));
}

static void
say_fields(const json_t *fields)
{
	const json_t *field;
	size_t i;

	json_array_foreach(fields, i, field) {
		bool list = json_is_true(json_object_get(field, "list"));
		const char *shape = tillctl_string(field, "shape");

		tillctl_say("  %-18s %s%s%s", tillctl_string(field, "name"), list ? "list of " : "",
			*shape ? shape : tillctl_string(field, "type"),
			json_is_true(json_object_get(field, "required")) ? ", required" : "");
		say_limits(field);
		tillctl_say("\n%21s%s\n", "", tillctl_string(field, "prose"));
	}
}

static void
say_method(const json_t *method)
{
	const json_t *role = json_object_get(method, "role");

	tillctl_say("%s: %s\n", tillctl_string(method, "name"), tillctl_string(method, "prose"));
	if (json_is_string(role))
		tillctl_say("role: %s\n", json_string_value(role));
	if (json_is_true(json_object_get(method, "keyed")))
		tillctl_say("said twice with one key it is done once\n");
	tillctl_say("\ntakes\n");
	say_fields(json_object_get(method, "params"));
	tillctl_say("\nanswers\n  %s\n", tillctl_string(method, "answers"));
}

static int
help_method(struct tillctl *ctl, const char *name)
{
	_cleanup_json_ json_t *result = NULL;
	json_t *method, *shape;
	const char *shape_name;
	bool found = false;
	size_t i;
	int r;

	r = tillctl_ask(ctl, "bridge.methods", json_pack("{s:s}", "method", name), &result);
	if (r != TILLCTL_DONE)
		return r;
	if (ctl->json) {
		tillctl_print_json(result);
		return TILLCTL_DONE;
	}
	json_array_foreach(json_object_get(result, "methods"), i, method)
		if (strcmp(tillctl_string(method, "name"), name) == 0) {
			say_method(method);
			found = true;
		}
	if (!found) {
		fprintf(stderr, "there is no method %s\n", name);
		return TILLCTL_REFUSED;
	}
	json_object_foreach(json_object_get(result, "shapes"), shape_name, shape) {
		tillctl_say("\n%s\n", shape_name);
		say_fields(json_object_get(shape, "fields"));
	}
	return TILLCTL_DONE;
}

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	if (argc > 2)
		return TILLCTL_USAGE;
	if (argc == 2)
		return help_method(ctl, argv[1]);
	tillctl_usage(stdout);
	return TILLCTL_DONE;
}

const struct tillctl_command tillctl_help = {
	.name = "help",
	.arguments = "[METHOD]",
	.prose = "this, or what a method takes",
	.run = run,
};
