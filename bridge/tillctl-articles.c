/* SPDX-License-Identifier: MIT */
/*
 * tillctl articles: what earns points. `load` reads a table as spreadsheets write it (a first line
 * of names, comma or semicolon between the fields, quotes where needed) and hands it over in calls
 * that the bridge takes; what the bridge makes of a row is the bridge's.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bridge/tillctl.h"

#define ROWS_A_CALL 1000

static const char *const columns[] = {"code", "label", "ean", "category", "points", "points_price"};
#define N_COLUMNS ARRAY_SIZE(columns)
#define FIRST_NUMBER 4

struct table {
	const char *path;
	char *at; /* where the next field begins */
	char separator;
	int line;
	int place[32]; /* which column of ours the n-th of the file is, -1: none of ours */
	size_t width;
};

/*
 * The next field of the line, unquoted in place. *ret_last: it ends its line. NULL when a quote is
 * never closed.
 */
static char *
next_field(struct table *table, bool *ret_last)
{
	char *begin = table->at, *out = begin, *p = begin;
	bool quoted = *p == '"';

	if (quoted)
		p++;
	while (*p && (quoted || (*p != table->separator && *p != '\n'))) {
		if (quoted && *p == '"') {
			if (p[1] != '"') {
				quoted = false;
				p++;
				continue;
			}
			p++;
		}
		if (*p == '\n')
			table->line++;
		*out++ = *p++;
	}
	if (quoted)
		return NULL;
	*ret_last = *p != table->separator;
	table->at = *p ? p + 1 : p;
	if (out > begin && *ret_last && out[-1] == '\r')
		out--;
	*out = '\0';
	return begin;
}

static int
read_head(struct table *table)
{
	const char *end = strchrnul(table->at, '\n');
	bool last = false;
	unsigned known = 0;

	table->separator = memchr(table->at, ';', (size_t)(end - table->at)) ? ';' : ',';
	while (!last) {
		const char *name = next_field(table, &last);

		if (!name || table->width == ARRAY_SIZE(table->place)) {
			fprintf(stderr, "%s:1: no line of column names\n", table->path);
			return -EINVAL;
		}
		table->place[table->width] = -1;
		for (size_t i = 0; i < N_COLUMNS; i++)
			if (strcasecmp(name, columns[i]) == 0) {
				table->place[table->width] = (int)i;
				known |= 1u << i;
			}
		table->width++;
	}
	if (!(known & 1)) {
		fprintf(stderr,
			"%s:1: no column named code; known are code label ean category points "
			"points_price\n",
			table->path);
		return -EINVAL;
	}
	table->line = 2;
	return 0;
}

static int
set_field(const struct table *table, json_t *row, int column, const char *text)
{
	char *end = NULL;
	long long number;

	if (column < 0 || !*text)
		return 0;
	if (column < FIRST_NUMBER)
		return json_object_set_new(row, columns[column], json_string(text)) < 0 ? -EINVAL
		                                                                        : 0;
	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno || *end) {
		fprintf(stderr, "%s:%d: %s is no whole number: %s\n", table->path, table->line,
			columns[column], text);
		return -EINVAL;
	}
	return json_object_set_new(row, columns[column], json_integer(number));
}

/* The next row that holds something; *ret NULL at the end of the file. */
static int
read_row(struct table *table, json_t **ret)
{
	while (*table->at) {
		_cleanup_json_ json_t *row = json_object();
		bool last = false, blank = true;
		size_t n = 0;
		int line = table->line;

		while (!last) {
			const char *text = next_field(table, &last);

			if (!text || n == table->width) {
				fprintf(stderr, "%s:%d: %s\n", table->path, line,
					text ? "more fields than names in the first line"
					     : "a quote is not closed");
				return -EINVAL;
			}
			blank = blank && !*text;
			if (set_field(table, row, table->place[n++], text) < 0)
				return -EINVAL;
		}
		table->line++;
		if (!blank) {
			*ret = TAKE_PTR(row);
			return 0;
		}
	}
	*ret = NULL;
	return 0;
}

struct sums {
	int64_t created, updated, wrong;
};

static int
hand_over(struct tillctl *ctl, json_t *rows, struct sums *sums)
{
	_cleanup_json_ json_t *result = NULL;
	const json_t *wrong;
	size_t i;
	int r;

	r = tillctl_ask_long(ctl, "article.import",
		json_pack("{s:o, s:O}", "key", tillctl_key(), "articles", rows), &result);
	if (r != TILLCTL_DONE)
		return r;
	sums->created += tillctl_number(result, "created");
	sums->updated += tillctl_number(result, "updated");
	json_array_foreach(json_object_get(result, "errors"), i, wrong) {
		fprintf(stderr, "article %" PRId64 ": %s %s\n", tillctl_number(wrong, "index") + 1,
			tillctl_string(wrong, "pointer"), tillctl_string(wrong, "code"));
		sums->wrong++;
	}
	return TILLCTL_DONE;
}

static int
load(struct tillctl *ctl, struct table *table)
{
	struct sums sums = {0};
	bool more = true;

	if (read_head(table) < 0)
		return TILLCTL_REFUSED;
	while (more) {
		_cleanup_json_ json_t *rows = json_array();
		int r;

		while (json_array_size(rows) < ROWS_A_CALL) {
			json_t *row;

			if (read_row(table, &row) < 0)
				return TILLCTL_REFUSED;
			more = row != NULL;
			if (!more)
				break;
			json_array_append_new(rows, row);
		}
		r = json_array_size(rows) ? hand_over(ctl, rows, &sums) : TILLCTL_DONE;
		if (r != TILLCTL_DONE)
			return r;
	}
	if (ctl->json)
		printf("{\"created\":%" PRId64 ",\"updated\":%" PRId64 ",\"errors\":%" PRId64 "}\n",
			sums.created, sums.updated, sums.wrong);
	else
		printf("%" PRId64 " articles new, %" PRId64 " changed\n", sums.created,
			sums.updated);
	return sums.wrong ? TILLCTL_REFUSED : TILLCTL_DONE;
}

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	struct table table = {.line = 1};
	_cleanup_free_ char *text = NULL;
	size_t len;

	if (argc != 3 || strcmp(argv[1], "load") != 0)
		return TILLCTL_USAGE;
	text = tillctl_read_file(argv[2], &len);
	if (!text)
		return TILLCTL_REFUSED;
	if (strlen(text) != len) {
		fprintf(stderr, "%s: holds a NUL, so it is no text\n", argv[2]);
		return TILLCTL_REFUSED;
	}
	table.path = argv[2];
	/* spreadsheets mark UTF-8 by an invisible first character */
	table.at = strncmp(text, "\xEF\xBB\xBF", 3) == 0 ? text + 3 : text;
	return load(ctl, &table);
}

const struct tillctl_command tillctl_articles = {
	.name = "articles",
	.arguments = "load FILE.csv",
	.prose = "what earns points, from a spreadsheet",
	.run = run,
};
