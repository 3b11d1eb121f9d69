/* SPDX-License-Identifier: MIT */
/* The line reader in front of inih. What reaches inih is always well formed and short. */

#include "bridge/conf-read.h"

#include <ini.h>
#include <stdio.h>
#include <string.h>
#include "base/text.h"

#define LINE_MAX_BYTES ((size_t)64 * 1024)
#define NAME_MAX_BYTES ((size_t)49)   /* inih cuts longer names of sections and keys */
#define SHORT_MAX_BYTES ((size_t)190) /* lines above it have their value put aside */
#define BLANKS " \t\r\n\v\f"

struct lines {
	FILE *file;
	struct tb_conf_place place;
	const struct tb_conf_reader *reader;
	struct tb_buf *problems;
	char *line;
	size_t size;
	char *aside; /* the value of the line, where it is too long for inih */
	bool in_section;
};

void
tb_conf_problem(struct tb_buf *problems, const struct tb_conf_place *place, const char *format, ...)
{
	va_list args;

	if (place->line > 0)
		tb_buf_addf(problems, "%s:%u: ", place->file, place->line);
	else
		tb_buf_addf(problems, "%s: ", place->file);
	va_start(args, format);
	tb_buf_vaddf(problems, format, args);
	va_end(args);
	tb_buf_add_byte(problems, '\n');
}

/* Cuts a comment that follows a blank, and blanks at the end, as inih does. */
static void
trim_value(char *value)
{
	size_t len;

	for (char *p = value; *p; p++) {
		if (*p == ';' && (p == value || strchr(BLANKS, p[-1]))) {
			*p = '\0';
			break;
		}
	}
	for (len = strlen(value); len > 0 && strchr(BLANKS, value[len - 1]); len--)
		value[len - 1] = '\0';
}

static bool
begin_section(struct lines *l, char *text)
{
	char *end = strchr(text, ']'), *rest;

	if (!end) {
		tb_conf_problem(
			l->problems, &l->place, "a section is written [name]; the ] is missing");
		return false;
	}
	for (rest = end + 1; *rest && strchr(BLANKS, *rest); rest++)
		;
	if (*rest && *rest != ';' && *rest != '#') {
		tb_conf_problem(l->problems, &l->place, "nothing may follow the ] of a section");
		return false;
	}
	if (end - text - 1 > (ptrdiff_t)NAME_MAX_BYTES) {
		tb_conf_problem(l->problems, &l->place,
			"the name of a section has at most %zu characters", NAME_MAX_BYTES);
		return false;
	}
	*end = '\0';
	l->in_section = true;
	l->reader->section(&l->place, text + 1, l->reader->userdata);
	*end = ']';
	return true;
}

/* Whether the line is NAME = VALUE; a value too long for inih is put aside. */
static bool
look_at_key(struct lines *l, char *text)
{
	char *sign = strpbrk(text, "=:"), *value;
	size_t name = sign ? (size_t)(sign - text) : 0;

	while (name > 0 && strchr(BLANKS, text[name - 1]))
		name--;
	if (name == 0) {
		tb_conf_problem(l->problems, &l->place,
			"expected [section], key = value, or a comment that begins with ;");
		return false;
	}
	if (name > NAME_MAX_BYTES) {
		tb_conf_problem(l->problems, &l->place,
			"the name of a key has at most %zu characters", NAME_MAX_BYTES);
		return false;
	}
	if (!l->in_section) {
		tb_conf_problem(l->problems, &l->place, "a key stands before the first [section]");
		return false;
	}
	if (strlen(text) <= SHORT_MAX_BYTES)
		return true;
	value = sign + 1 + strspn(sign + 1, BLANKS);
	trim_value(value);
	l->aside = strdup(value);
	if (!l->aside)
		l->problems->error = -ENOMEM;
	memcpy(text + name, "=-", 3);
	return l->aside != NULL;
}

/* What inih is to see of the line: itself, or nothing. */
static const char *
look_at_line(struct lines *l, size_t len)
{
	char *text = l->line;

	if (len > LINE_MAX_BYTES || memchr(text, '\0', len) || !tb_utf8_valid(text, len)) {
		tb_conf_problem(l->problems, &l->place,
			len > LINE_MAX_BYTES ? "the line is longer than 64 KiB"
					     : "the line is no UTF-8 text");
		return "";
	}
	if (l->place.line == 1 && strncmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	text += strspn(text, BLANKS);
	if (*text == '\0' || *text == ';' || *text == '#')
		return "";
	if (*text == '[')
		return begin_section(l, text) ? text : "";
	return look_at_key(l, text) ? text : "";
}

static char *
next_line(char *out, int room, void *userdata)
{
	struct lines *l = userdata;
	ssize_t len = getline(&l->line, &l->size, l->file);

	free(l->aside);
	l->aside = NULL;
	if (len < 0)
		return NULL;
	l->place.line++;
	/* An empty line keeps inih's own count and does nothing. */
	snprintf(out, (size_t)room, "%s", look_at_line(l, (size_t)len));
	return out;
}

static int
on_key(void *userdata, const char *section, const char *key, const char *value)
{
	struct lines *l = userdata;

	l->reader->key(&l->place, key, l->aside ? l->aside : value, l->reader->userdata);
	return 1;
}

int
tb_conf_read(const char *file, const struct tb_conf_reader *reader, struct tb_buf *problems)
{
	struct lines l = {.place.file = file, .reader = reader, .problems = problems};
	int r = 0;

	l.file = fopen(file, "re");
	if (!l.file)
		return -errno;
	ini_parse_stream(next_line, &l, on_key, &l);
	if (ferror(l.file))
		r = -EIO;
	fclose(l.file);
	free(l.line);
	free(l.aside);
	return r;
}
