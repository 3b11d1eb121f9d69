/* SPDX-License-Identifier: MIT */
/*
 * tillctl replay: a recording decoded as its driver would have done, a line a code. With a bridge
 * there it says of each what the bridge would take it for, and hands it in when asked to.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bridge/code-kind.h"
#include "bridge/tillctl.h"
#include "hw/recording/replay.h"

struct replay {
	struct tillctl *ctl;
	bool submit, raw;
	bool alone; /* no bridge is there to ask */
	int64_t codes;
	int result;
};

static const struct option options[] = {
	{"raw", no_argument, NULL, 'r'},
	{"submit", no_argument, NULL, 's'},
	{0},
};

static void
say_line(const json_t *line)
{
	const char *code = tillctl_string(line, "code");

	if (json_object_get(line, "dropped"))
		tillctl_say("(dropped: %s)\n", tillctl_string(line, "dropped"));
	else if (json_object_get(line, "omitted"))
		tillctl_say("(%" PRId64 " bytes were not kept)\n", tillctl_number(line, "omitted"));
	else if (json_object_get(line, "refused"))
		tillctl_say("(a payment card was refused)\n");
	else
		tillctl_say("%-32s %-14s %s\n", code,
			json_object_get(line, "symbology") ? tillctl_string(line, "symbology")
							   : "-",
			json_object_get(line, "kind") ? tillctl_string(line, "kind") : "-");
}

/* The code as the wire had it: the symbology's identifier in front. */
static json_t *
whole_code(const json_t *line)
{
	return json_pack(
		"{s:s+}", "code", tillctl_string(line, "aim"), tillctl_string(line, "code"));
}

/* What the bridge takes a code for; and, if asked to, the code as if it were read now. */
static void
ask_bridge(struct replay *replay, json_t *line)
{
	_cleanup_json_ json_t *kind = NULL, *seq = NULL;
	int r = tillctl_ask(replay->ctl, "scan.classify", whole_code(line), &kind);

	if (r == TILLCTL_DONE)
		json_object_update_missing(line, kind);
	if (r == TILLCTL_DONE && replay->submit && json_object_get(line, "raw")) {
		fprintf(stderr, "a code that is no text cannot be handed in\n");
		r = TILLCTL_REFUSED;
	} else if (r == TILLCTL_DONE && replay->submit) {
		r = tillctl_ask(replay->ctl, "scan.submit", whole_code(line), &seq);
	}
	if (seq)
		json_object_update_missing(line, seq);
	if (r != TILLCTL_DONE)
		replay->result = r;
}

/* Without a bridge: what no configuration can change. */
static void
judge_by_form(json_t *line)
{
	const char *code = tillctl_string(line, "code"), *gtin = NULL;
	enum tb_code_kind kind = tb_code_kind_of_own(code);
	const json_t *field;
	size_t i;

	json_array_foreach(json_object_get(line, "fields"), i, field)
		if (!gtin && !strcmp(tillctl_string(field, "ai"), "01"))
			gtin = tillctl_string(field, "value");
	if (kind == TB_CODE_UNKNOWN && tb_code_is_article(code, tillctl_string(line, "symbology"),
					       tillctl_string(line, "aim"), gtin))
		kind = TB_CODE_ARTICLE;
	json_object_set_new(line, "kind", json_string(tb_code_kind_word(kind)));
}

static void
on_line(const char *text, size_t len, void *userdata)
{
	struct replay *replay = userdata;
	_cleanup_json_ json_t *line = json_loadb(text, len, 0, NULL);

	if (json_object_get(line, "code")) {
		replay->codes++;
		if (replay->alone)
			judge_by_form(line);
		else
			ask_bridge(replay, line);
	}
	if (replay->ctl->json)
		tillctl_print_json(line);
	else
		say_line(line);
}

static int
play(struct replay *replay, const char *path, const char *text, size_t len)
{
	const struct tb_replay *module = tillctl_module("recording", "replay", TB_REPLAY_SYMBOL);
	_cleanup_free_ char *why = NULL;
	int r;

	if (!module)
		return TILLCTL_REFUSED;
	r = module->play(text, len, on_line, replay, &why);
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", path, why ? why : strerror(-r));
		return TILLCTL_REFUSED;
	}
	if (replay->codes == 0) {
		fprintf(stderr, "no code\n");
		return TILLCTL_REFUSED;
	}
	return replay->result;
}

static int
digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* The bytes that went out, as they are: what a printer was sent, for tillsim render. */
static int
write_raw(const char *path, char *text)
{
	char *rest = text, *line;

	for (unsigned number = 1; (line = strsep(&rest, "\n")); number++) {
		_cleanup_json_ json_t *object = json_loads(line, 0, NULL);
		const char *hex = tillctl_string(object, "hex");
		size_t len = strlen(hex);

		if (!object && *line) {
			fprintf(stderr, "%s: line %u: no JSON object\n", path, number);
			return TILLCTL_REFUSED;
		}
		if (strcmp(tillctl_string(object, "dir"), "out") != 0)
			continue;
		if (len % 2 || strspn(hex, "0123456789abcdefABCDEF") != len) {
			fprintf(stderr, "%s: line %u: not in hex\n", path, number);
			return TILLCTL_REFUSED;
		}
		for (size_t i = 0; i < len; i += 2)
			putchar(digit(hex[i]) << 4 | digit(hex[i + 1]));
	}
	return TILLCTL_DONE;
}

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	struct replay replay = {.ctl = ctl};
	_cleanup_free_ char *text = NULL;
	int option, r;
	size_t len;

	optind = 1;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?')
			return TILLCTL_USAGE;
		*(option == 'r' ? &replay.raw : &replay.submit) = true;
	}
	if (argc - optind != 1 || (replay.raw && replay.submit))
		return TILLCTL_USAGE;
	text = tillctl_read_file(argv[optind], &len);
	if (!text)
		return TILLCTL_REFUSED;
	if (replay.raw)
		return write_raw(argv[optind], text);
	r = tillctl_connect(ctl);
	if (r < 0 && replay.submit)
		return tillctl_lost(tillctl_socket(), r);
	replay.alone = r < 0;
	return play(&replay, argv[optind], text, len);
}

const struct tillctl_command tillctl_replay = {
	.name = "replay",
	.arguments = "FILE [--submit | --raw]",
	.prose = "what a recording decodes to",
	.run = run,
};
