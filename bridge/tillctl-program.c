/* SPDX-License-Identifier: MIT */
/*
 * tillctl program: the loyalty program as JSON. A file may hold lines of comment, beginning with //
 * or #, so that a shop can say why a number is what it is; they stay in the file. The program
 * itself is judged by the bridge, and a fault it finds is shown with its place.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/tillctl.h"

/* Comment lines become blank ones, so that the numbers of lines stay right. */
static void
blank_comments(char *text)
{
	for (char *line = text; *line;) {
		char *p = line + strspn(line, " \t");
		size_t len = strcspn(line, "\n");

		if (*p == '#' || (p[0] == '/' && p[1] == '/'))
			memset(line, ' ', len);
		line += len + (line[len] == '\n');
	}
}

static int
load(struct tillctl *ctl, const char *path)
{
	_cleanup_json_ json_t *program = NULL, *result = NULL;
	_cleanup_free_ char *text = NULL;
	json_error_t error;
	size_t len;
	int r;

	text = tillctl_read_file(path, &len);
	if (!text)
		return TILLCTL_REFUSED;
	blank_comments(text);
	program = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(program)) {
		fprintf(stderr, "%s:%d: %s\n", path, program ? 1 : error.line,
			program ? "a program is an object" : error.text);
		return TILLCTL_REFUSED;
	}
	r = tillctl_ask(ctl, "program.replace",
		json_pack("{s:o, s:O}", "key", tillctl_key(), "program", program), &result);
	if (r != TILLCTL_DONE)
		return r;
	if (ctl->json)
		tillctl_print_json(result);
	else
		tillctl_say("the program is in force: %zu rewards, %zu offers, %zu coupon rules\n",
			json_array_size(json_object_get(program, "rewards")),
			json_array_size(json_object_get(program, "offers")),
			json_array_size(json_object_get(program, "coupons")));
	return TILLCTL_DONE;
}

static int
show(struct tillctl *ctl)
{
	_cleanup_json_ json_t *result = NULL;
	int r = tillctl_ask(ctl, "program.show", NULL, &result);

	if (r != TILLCTL_DONE)
		return r;
	if (ctl->json) {
		tillctl_print_json(result);
	} else {
		json_dumpf(json_object_get(result, "program"), stdout, JSON_INDENT(2));
		putchar('\n');
	}
	return TILLCTL_DONE;
}

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	if (argc == 2 && strcmp(argv[1], "show") == 0)
		return show(ctl);
	if (argc == 3 && strcmp(argv[1], "load") == 0)
		return load(ctl, argv[2]);
	return TILLCTL_USAGE;
}

const struct tillctl_command tillctl_program = {
	.name = "program",
	.arguments = "show | load FILE",
	.prose = "the loyalty program, JSON with // comments",
	.run = run,
};
