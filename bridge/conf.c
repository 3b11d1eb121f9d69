/* SPDX-License-Identifier: MIT */
/*
 * From the files to struct tb_conf. Devices' keys are checked against their driver once all files
 * have been read, since a section may name its driver last.
 */

#include "bridge/conf.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "bridge/conf-read.h"
#include "bridge/conf-table.h"

#define DEVICE_PREFIX "device "
#define DEVICE_NAME_MAX 40
/* A key of a device, until its driver is known. */
struct device_key {
	char *file, *key, *value;
	unsigned line;
};

struct device {
	char *name, *file;
	unsigned line;
	struct device_key *keys;
	size_t n_keys;
};

struct loading {
	struct tb_conf *conf;
	struct tb_buf *problems;
	const char *section; /* of tb_conf_rows[], NULL in a device's or an unknown one */
	bool in_device;      /* the last of devices[] is it, or `device` */
	size_t device;
	struct device *devices;
	size_t n_devices;
	unsigned *said; /* the line in this file of each of tb_conf_rows[], 0: none */
	int error;      /* -ENOMEM */
};

/* Makes room for one more; NULL without memory, and *array as it was. */
static void *
grow(void *array, size_t n, size_t size)
{
	/* Doubling at powers of two: n is the count so far. */
	if (n & (n - 1))
		return array;
	return reallocarray(array, n ? 2 * n : 1, size);
}

/* ---- keeping values ---- */

static int
keep_value(struct loading *l, const struct tb_conf_row *row, const char *text)
{
	struct tb_conf *conf = l->conf;
	struct tb_conf_value *more = grow(conf->values, conf->n_values, sizeof(*more));
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
	struct tb_conf_range *more = grow(conf->ranges, conf->n_ranges, sizeof(*more));
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
	more = grow(conf->access, conf->n_access, sizeof(*more));
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

static int
begin_device(struct loading *l, const struct tb_conf_place *place, const char *name)
{
	struct device *more;

	for (l->device = 0; l->device < l->n_devices; l->device++)
		if (strcmp(l->devices[l->device].name, name) == 0)
			return 0;
	more = grow(l->devices, l->n_devices, sizeof(*more));
	if (!more)
		return -ENOMEM;
	l->devices = more;
	l->devices[l->n_devices] = (struct device){
		.name = strdup(name), .file = strdup(place->file), .line = place->line};
	l->n_devices++;
	return l->devices[l->device].name && l->devices[l->device].file ? 0 : -ENOMEM;
}

static bool
is_device_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= DEVICE_NAME_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
	               len;
}

static void
on_section(const struct tb_conf_place *place, const char *name, void *userdata)
{
	struct loading *l = userdata;
	const struct tb_conf_row *row = tb_conf_row(name, NULL);

	l->section = row ? row->section : NULL;
	l->in_device = false;
	if (row) {
		if (strcmp(name, "access") == 0)
			l->conf->has_access = true;
		return;
	}
	if (strncmp(name, DEVICE_PREFIX, strlen(DEVICE_PREFIX)) != 0) {
		tb_conf_problem(l->problems, place,
			"unknown section [%s]; expected bridge, loyalty, ledger, hub, rest, http, "
			"codes, access or device NAME",
			name);
		return;
	}
	name += strlen(DEVICE_PREFIX);
	name += strspn(name, " \t");
	if (!is_device_name(name)) {
		tb_conf_problem(l->problems, place,
			"a device's name has 1 to %d of a-z A-Z 0-9 . _ -", DEVICE_NAME_MAX);
		return;
	}
	l->in_device = true;
	if (begin_device(l, place, name) < 0)
		l->error = -ENOMEM;
}

static int
keep_device_key(
	struct loading *l, const struct tb_conf_place *place, const char *key, const char *value)
{
	struct device *device = &l->devices[l->device];
	struct device_key *more = grow(device->keys, device->n_keys, sizeof(*more));
	struct device_key *k;

	if (!more)
		return -ENOMEM;
	device->keys = more;
	k = &device->keys[device->n_keys++];
	*k = (struct device_key){
		.file = strdup(place->file),
		.line = place->line,
		.key = strdup(key),
		.value = strdup(value),
	};
	return k->file && k->key && k->value ? 0 : -ENOMEM;
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
		r = keep_device_key(l, place, key, value);
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

/* ---- devices, once all is read ---- */

/* The value of a key, NULL without one; ret_place is its line, else the section's. */
static const char *
last_value(const struct device *device, const char *key, struct tb_conf_place *ret_place)
{
	*ret_place = (struct tb_conf_place){.file = device->file, .line = device->line};
	for (size_t i = device->n_keys; i > 0; i--) {
		const struct device_key *k = &device->keys[i - 1];

		if (strcmp(k->key, key) == 0) {
			*ret_place = (struct tb_conf_place){.file = k->file, .line = k->line};
			return k->value;
		}
	}
	return NULL;
}

static bool
is_common_key(const char *key)
{
	return strcmp(key, "driver") == 0 || strcmp(key, "address") == 0;
}

static const struct tb_setting_spec *
find_spec(const struct tb_driver *driver, const char *key)
{
	for (const struct tb_setting_spec *s = driver->settings; s && s->key; s++)
		if (strcmp(s->key, key) == 0)
			return s;
	return NULL;
}

static void
list_drivers(struct tb_buf *buf)
{
	for (size_t i = 0; tb_drivers[i]; i++)
		tb_buf_addf(buf, "%s%s", i ? ", " : "", tb_drivers[i]->name);
}

static const char *
type_of(const struct tb_setting_spec *spec)
{
	switch (spec->type) {
	case TB_SETTING_NUMBER:
		return "a number";
	case TB_SETTING_DURATION:
		return "a duration, as 100ms";
	case TB_SETTING_BOOL:
		return "yes or no";
	case TB_SETTING_WORD:
		return "one of ";
	case TB_SETTING_ESCAPES:
		return "at most 32 bytes, with C escapes as \\x02 or \\r";
	case TB_SETTING_STRING:
		break;
	}
	return "text";
}

static void
check_device_key(struct loading *l, const struct tb_driver *driver, const struct device_key *key)
{
	const struct tb_conf_place place = {.file = key->file, .line = key->line};
	const struct tb_setting_spec *spec = find_spec(driver, key->key);
	_cleanup_buf_ struct tb_buf known = TB_BUF_INIT(0);
	int r;

	if (is_common_key(key->key))
		return;
	if (!spec) {
		tb_buf_add_str(&known, "driver, address");
		for (const struct tb_setting_spec *s = driver->settings; s && s->key; s++)
			tb_buf_addf(&known, ", %s", s->key);
		tb_conf_problem(l->problems, &place, "unknown key %s of the driver %s; expected %s",
			key->key, driver->name, known.data);
		return;
	}
	r = tb_setting_check(driver->settings, key->key, key->value);
	if (r < 0)
		tb_conf_problem(l->problems, &place, "%s = %s: expected %s%s%s", key->key,
			key->value, type_of(spec), spec->words ? spec->words : "",
			r == -ERANGE ? " within its range" : "");
}

/* The same key in one file; in another one it takes this one's place. */
static void
check_said_once(struct loading *l, const struct tb_driver *driver, const struct device *device)
{
	for (size_t i = 0; i < device->n_keys; i++) {
		const struct device_key *key = &device->keys[i];
		const struct tb_conf_place place = {.file = key->file, .line = key->line};
		const struct tb_setting_spec *spec = find_spec(driver, key->key);

		for (size_t k = 0; k < i && !(spec && spec->repeated); k++)
			if (strcmp(device->keys[k].key, key->key) == 0 &&
				strcmp(device->keys[k].file, key->file) == 0) {
				tb_conf_problem(l->problems, &place,
					"%s is said twice in [device %s], first in line %u; "
					"expected once",
					key->key, device->name, device->keys[k].line);
				break;
			}
	}
}

/* A serial line and a pseudo-terminal are opened by the same path; ids of USB have any case. */
static bool
is_same_address(const char *a, const char *b)
{
	static const char usb[] = "usb:";

	if (!strncmp(a, usb, 4) && !strncmp(b, usb, 4))
		return strcasecmp(a, b) == 0;
	if (!strncmp(a + 1, "ty:", 3) && !strncmp(b + 1, "ty:", 3))
		return strcmp(a + 1, b + 1) == 0;
	return strcmp(a, b) == 0;
}

/* Two sections that are one device. */
static void
check_addresses(struct loading *l)
{
	struct tb_conf_place place, first_place;

	for (size_t i = 1; i < l->n_devices; i++) {
		const char *address = last_value(&l->devices[i], "address", &place);

		for (size_t k = 0; address && k < i; k++) {
			const char *first = last_value(&l->devices[k], "address", &first_place);

			if (!first || !is_same_address(address, first))
				continue;
			tb_conf_problem(l->problems, &place,
				"[device %s] address = %s is that of [device %s], %s:%u; expected "
				"one of its own",
				l->devices[i].name, address, l->devices[k].name, first_place.file,
				first_place.line);
			break;
		}
	}
}

static bool
is_default_printer(const struct device *device, struct tb_conf_place *ret_place)
{
	struct tb_conf_place place;
	const char *name = last_value(device, "driver", &place);
	const char *value = last_value(device, "default", ret_place);
	const struct tb_driver *driver = name ? tb_driver_find(name) : NULL;
	const struct tb_setting setting = {"default", value};
	const struct tb_device_config config = {.settings = &setting, .n_settings = 1};

	return value && driver && driver->class == TB_CLASS_PRINTER &&
	       tb_device_setting_number(&config, driver->settings, "default") != 0;
}

static void
check_default_printers(struct loading *l)
{
	struct tb_conf_place place, first = {};
	const char *name = NULL;

	for (size_t i = 0; i < l->n_devices; i++) {
		if (!is_default_printer(&l->devices[i], &place))
			continue;
		if (name)
			tb_conf_problem(l->problems, &place,
				"[device %s] is the default printer, and so is [device %s], %s:%u; "
				"expected one",
				l->devices[i].name, name, first.file, first.line);
		else
			first = place;
		name = name ? name : l->devices[i].name;
	}
}

/* Whether a later line of the same section takes this one's place. */
static bool
is_overridden(const struct device *device, const struct tb_driver *driver, size_t i)
{
	const struct tb_setting_spec *spec = find_spec(driver, device->keys[i].key);

	if (spec && spec->repeated)
		return false;
	for (size_t k = i + 1; k < device->n_keys; k++)
		if (strcmp(device->keys[k].key, device->keys[i].key) == 0)
			return true;
	return false;
}

static int
keep_device(struct loading *l, struct device *device, const struct tb_driver *driver,
	const char *address)
{
	struct tb_conf *conf = l->conf;
	struct tb_setting *settings = calloc(device->n_keys + 1, sizeof(*settings));
	struct tb_conf_device *more = grow(conf->devices, conf->n_devices, sizeof(*more));
	char *copy = strdup(address);
	size_t n = 0;

	if (more)
		conf->devices = more;
	if (!settings || !more || !copy) {
		free(settings);
		free(copy);
		return -ENOMEM;
	}
	for (size_t i = 0; i < device->n_keys; i++) {
		struct device_key *key = &device->keys[i];

		if (is_common_key(key->key) || is_overridden(device, driver, i))
			continue;
		settings[n++] = (struct tb_setting){TAKE_PTR(key->key), TAKE_PTR(key->value)};
	}
	conf->devices[conf->n_devices++] = (struct tb_conf_device){
		.config = {.name = TAKE_PTR(device->name),
			.address = copy,
			.settings = settings,
			.n_settings = n},
		.driver = driver,
	};
	return 0;
}

static int
finish_device(struct loading *l, struct device *device)
{
	struct tb_conf_place at_driver, at_address;
	const char *name = last_value(device, "driver", &at_driver);
	const char *address = last_value(device, "address", &at_address);
	const struct tb_driver *driver = name ? tb_driver_find(name) : NULL;
	_cleanup_buf_ struct tb_buf known = TB_BUF_INIT(0);
	size_t before = l->problems->len;

	if (!driver) {
		list_drivers(&known);
		tb_conf_problem(l->problems, &at_driver, "[device %s] driver %s%s; expected %s",
			device->name, name ? "= " : "is missing", name ? name : "", known.data);
		return 0;
	}
	if (!address || !tb_conf_is_address(address))
		tb_conf_problem(l->problems, &at_address,
			"[device %s] address %s%s; expected tty:/… pty:/… usb:VID:PID[:SERIAL] "
			"usb:@PORT hidraw:/… evdev:/… lp:/… tcp:HOST:PORT pcsc:READER camera:/…",
			device->name, address ? "= " : "is missing", address ? address : "");
	for (size_t i = 0; i < device->n_keys; i++)
		check_device_key(l, driver, &device->keys[i]);
	check_said_once(l, driver, device);
	return l->problems->len == before ? keep_device(l, device, driver, address) : 0;
}

static void
free_device(struct device *device)
{
	for (size_t i = 0; i < device->n_keys; i++) {
		free(device->keys[i].file);
		free(device->keys[i].key);
		free(device->keys[i].value);
	}
	free(device->keys);
	free(device->name);
	free(device->file);
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
	conf->http = tb_conf_get(conf, "http", "listen") != NULL;
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
	check_addresses(&l);
	check_default_printers(&l);
	for (size_t i = 0; i < l.n_devices; i++) {
		if (r == 0)
			r = finish_device(&l, &l.devices[i]);
		free_device(&l.devices[i]);
	}
	free(l.devices);
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
