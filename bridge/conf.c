/* SPDX-License-Identifier: MIT */
/* From the files to struct tb_conf: sections of settings; those of devices are conf-device.c's. */

#include "bridge/conf.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include "base/grow.h"
#include "bridge/conf-device.h"
#include "bridge/conf-read.h"
#include "bridge/conf-table.h"

#define DEVICE "device "

struct loading {
	struct tb_conf *conf;
	struct tb_buf *problems;
	const char *section; /* of tb_conf_rows[], NULL in a device's or an unknown one */
	bool in_device;
	struct tb_conf_devices devices;
	unsigned *said; /* the line in this file of each of tb_conf_rows[], 0: none */
	int error;      /* -ENOMEM */
};

/* ---- keeping values ---- */

static int
keep_value(struct loading *l, const struct tb_conf_row *row, const char *text)
{
	struct tb_conf *conf = l->conf;
	struct tb_conf_value *more = tb_grow(conf->values, conf->n_values, sizeof(*more));
	char *copy = strdup(text);

	if (more)
		conf->values = more;
	if (!more || !copy) {
		free(copy);
		return -ENOMEM;
	}
	conf->values[conf->n_values++] = (struct tb_conf_value){
		.section = row->section, .key = row->key, .text = copy};
	return 0;
}

static int
keep_range(struct loading *l, const struct tb_conf_row *row, const char *pattern)
{
	struct tb_conf *conf = l->conf;
	struct tb_conf_range *more = tb_grow(conf->ranges, conf->n_ranges, sizeof(*more));
	char *copy = strdup(pattern);

	if (more)
		conf->ranges = more;
	if (!more || !copy) {
		free(copy);
		return -ENOMEM;
	}
	conf->ranges[conf->n_ranges++] = (struct tb_conf_range){
		.kind = (enum tb_code_kind)row->min, .pattern = copy};
	return 0;
}

/* 0, -EINVAL when the word is neither user: nor group:. */
static int
keep_access(struct loading *l, const struct tb_conf_row *row, const char *word)
{
	struct tb_conf *conf = l->conf;
	bool group = strncmp(word, "group:", 6) == 0;
	const char *name = word + (group ? 6 : 5);
	struct tb_conf_access *more;
	char *copy;

	if ((!group && strncmp(word, "user:", 5) != 0) || name[0] == '\0')
		return -EINVAL;
	more = tb_grow(conf->access, conf->n_access, sizeof(*more));
	copy = strdup(name);
	if (more)
		conf->access = more;
	if (!more || !copy) {
		free(copy);
		return -ENOMEM;
	}
	conf->access[conf->n_access++] = (struct tb_conf_access){
		.role = (uint32_t)row->min, .group = group, .name = copy};
	return 0;
}

static int
keep_words(struct loading *l, const struct tb_conf_row *row, const char *value)
{
	_cleanup_free_ char *copy = strdup(value);
	char *rest = copy, *word;
	int r = copy ? 0 : -ENOMEM;

	while (r == 0 && (word = strsep(&rest, " \t,")))
		if (word[0])
			r = row->kind == TB_CONF_PATTERNS ? keep_range(l, row, word)
			                                  : keep_access(l, row, word);
	return r;
}

/* ---- callbacks of the reader ---- */

static void
on_section(const struct tb_conf_place *place, const char *name, void *userdata)
{
	struct loading *l = userdata;
	const struct tb_conf_row *row = tb_conf_row(name, NULL);
	int r;

	l->section = row ? row->section : NULL;
	l->in_device = false;
	if (row) {
		if (strcmp(name, "access") == 0)
			l->conf->has_access = true;
		return;
	}
	if (strncmp(name, DEVICE, strlen(DEVICE)) != 0) {
		tb_conf_problem(l->problems, place,
			"unknown section [%s]; expected bridge, loyalty, ledger, hub, rest, http, "
			"codes, access or device NAME",
			name);
		return;
	}
	name += strlen(DEVICE);
	r = tb_conf_device_begin(&l->devices, place, name + strspn(name, " \t"), l->problems);
	if (r == -ENOMEM)
		l->error = r;
	l->in_device = r == 0;
}

static void
say_keys(struct loading *l, const struct tb_conf_place *place, const char *key)
{
	_cleanup_buf_ struct tb_buf known = TB_BUF_INIT(0);

	for (size_t i = 0; i < tb_conf_n_rows; i++)
		if (strcmp(tb_conf_rows[i].section, l->section) == 0)
			tb_buf_addf(&known, "%s%s", known.len ? ", " : "", tb_conf_rows[i].key);
	tb_conf_problem(l->problems, place, "unknown key %s in [%s]; expected %s", key, l->section,
		known.data);
}

/* A later file may change what an earlier one said, but one that contradicts itself is a mistake.
 */
static void
say_twice(struct loading *l, const struct tb_conf_place *place, const struct tb_conf_row *row)
{
	unsigned *line = &l->said[row - tb_conf_rows];

	if (*line > 0)
		tb_conf_problem(l->problems, place,
			"%s is said twice in [%s], first in line %u; expected once", row->key,
			row->section, *line);
	*line = place->line;
}

static void
on_key(const struct tb_conf_place *place, const char *key, const char *value, void *userdata)
{
	struct loading *l = userdata;
	const struct tb_conf_row *row = l->section ? tb_conf_row(l->section, key) : NULL;
	int r = 0;

	if (l->in_device) {
		r = tb_conf_device_key(&l->devices, place, key, value);
	} else if (!l->section) {
		return; /* the section was told already */
	} else if (!row) {
		say_keys(l, place, key);
		return;
	} else if (!tb_conf_fits(row, value)) {
		r = -EINVAL;
	} else if (row->kind == TB_CONF_PATTERNS || row->kind == TB_CONF_ACCESS) {
		r = keep_words(l, row, value);
	} else {
		say_twice(l, place, row);
		r = keep_value(l, row, value);
	}
	if (r == -EINVAL)
		tb_conf_problem(l->problems, place, "%s = %s: expected %s%s", key, value,
			row->words ? "one of " : "", row->words ? row->words : row->prose);
	else if (r < 0)
		l->error = r;
}

/* ---- the whole ---- */

const char *
tb_conf_get(const struct tb_conf *conf, const char *section, const char *key)
{
	const struct tb_conf_row *row = tb_conf_row(section, key);

	for (size_t i = conf->n_values; i > 0; i--) {
		const struct tb_conf_value *value = &conf->values[i - 1];

		if (strcmp(value->section, section) == 0 && strcmp(value->key, key) == 0)
			return value->text;
	}
	return row ? row->fallback : NULL;
}

static void
set_fields(struct tb_conf *conf)
{
	conf->site = tb_conf_get(conf, "bridge", "site");
	conf->till = tb_conf_get(conf, "bridge", "till");
	conf->currency = tb_conf_get(conf, "bridge", "currency");
	conf->language = tb_conf_get(conf, "bridge", "language");
	conf->product_reference = tb_conf_get(conf, "bridge", "product_reference");
	conf->country = tb_conf_get(conf, "bridge", "country");
	conf->connector = tb_conf_get(conf, "loyalty", "connector");
	(void)tb_duration_parse(tb_conf_get(conf, "loyalty", "deadline"), &conf->deadline_us);
}

/* What one key needs of another. */
static void
check_whole(struct loading *l, const char *file)
{
	const struct tb_conf_place place = {.file = file};
	const struct tb_conf *conf = l->conf;

	if (strcmp(conf->connector, "hub") == 0 && !tb_conf_get(conf, "hub", "url"))
		tb_conf_problem(l->problems, &place,
			"[loyalty] connector = hub: expected url = https://HOST[:PORT] in [hub]");
	if (strcmp(conf->connector, "rest") == 0 && !tb_conf_get(conf, "rest", "mapping"))
		tb_conf_problem(l->problems, &place,
			"[loyalty] connector = rest: expected mapping = FILE in [rest]");
}

int
tb_conf_new(struct tb_conf **ret)
{
	struct tb_conf *conf = calloc(1, sizeof(*conf));

	if (!conf)
		return -ENOMEM;
	set_fields(conf);
	*ret = conf;
	return 0;
}

void
tb_conf_free(struct tb_conf *conf)
{
	if (!conf)
		return;
	for (size_t i = 0; i < conf->n_values; i++)
		free(conf->values[i].text);
	for (size_t i = 0; i < conf->n_ranges; i++)
		free(conf->ranges[i].pattern);
	for (size_t i = 0; i < conf->n_access; i++)
		free(conf->access[i].name);
	for (size_t i = 0; i < conf->n_devices; i++) {
		struct tb_device_config *config = &conf->devices[i].config;

		for (size_t k = 0; k < config->n_settings; k++) {
			free((char *)config->settings[k].key);
			free((char *)config->settings[k].value);
		}
		free((struct tb_setting *)config->settings);
		free((char *)config->name);
		free((char *)config->address);
	}
	free(conf->values);
	free(conf->ranges);
	free(conf->access);
	free(conf->devices);
	free(conf);
}

static int
read_one(struct loading *l, const char *file, bool optional)
{
	const struct tb_conf_reader reader = {.section = on_section, .key = on_key, .userdata = l};
	const struct tb_conf_place place = {.file = file};
	int r;

	memset(l->said, 0, tb_conf_n_rows * sizeof(*l->said));
	r = tb_conf_read(file, &reader, l->problems);
	l->section = NULL;
	l->in_device = false;
	if (r < 0 && !(optional && r == -ENOENT))
		tb_conf_problem(l->problems, &place, "cannot be read: %s", strerror(-r));
	return l->error;
}

static int
is_conf(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

static int
read_dir(struct loading *l, const char *dir)
{
	struct dirent **entries = NULL;
	int n = scandir(dir, &entries, is_conf, alphasort), r = 0;

	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *path = NULL;

		if (r == 0 && asprintf(&path, "%s/%s", dir, entries[i]->d_name) < 0) {
			path = NULL;
			r = -ENOMEM;
		}
		if (r == 0)
			r = read_one(l, path, false);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int
read_default(struct loading *l, const char *dir)
{
	_cleanup_free_ char *file = NULL, *parts = NULL;
	int r;

	if (asprintf(&file, "%s/tillbridge.conf", dir) < 0) {
		file = NULL;
		return -ENOMEM;
	}
	if (asprintf(&parts, "%s/conf.d", dir) < 0) {
		parts = NULL;
		return -ENOMEM;
	}
	r = read_one(l, file, true);
	return r < 0 ? r : read_dir(l, parts);
}

int
tb_conf_load(const char *file, const char *dir, struct tb_conf **ret, struct tb_buf *problems)
{
	_cleanup_(tb_conf_freep) struct tb_conf *conf = NULL;
	struct loading l = {.problems = problems};
	int r = tb_conf_new(&conf);

	if (r < 0)
		return r;
	l.conf = conf;
	l.said = calloc(tb_conf_n_rows, sizeof(*l.said));
	if (!l.said)
		return -ENOMEM;
	r = file ? read_one(&l, file, false) : read_default(&l, dir);
	free(l.said);
	set_fields(conf);
	if (r == 0)
		r = tb_conf_devices_finish(&l.devices, conf, problems);
	tb_conf_devices_done(&l.devices);
	if (r == 0)
		check_whole(&l, file ? file : dir);
	if (r == 0)
		r = tb_buf_error(problems);
	if (r < 0)
		return r;
	if (problems->len > 0)
		return -EINVAL;
	*ret = TAKE_PTR(conf);
	return 0;
}
