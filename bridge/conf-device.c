/* SPDX-License-Identifier: MIT */
/* The sections [device NAME]: what they say, and whether their drivers understand it. */

#include "bridge/conf-device.h"

#include <string.h>
#include <strings.h>
#include "base/grow.h"
#include "bridge/conf-table.h"

#define NAME_MAX_LEN 40

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

static bool
is_device_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= NAME_MAX_LEN &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
	               len;
}

int
tb_conf_device_begin(struct tb_conf_devices *devices, const struct tb_conf_place *place,
	const char *name, struct tb_buf *problems)
{
	struct device *more;

	if (!is_device_name(name)) {
		tb_conf_problem(problems, place, "a device's name has 1 to %d of a-z A-Z 0-9 . _ -",
			NAME_MAX_LEN);
		return -EINVAL;
	}
	for (devices->last = 0; devices->last < devices->n; devices->last++)
		if (strcmp(devices->items[devices->last].name, name) == 0)
			return 0;
	more = tb_grow(devices->items, devices->n, sizeof(*more));
	if (!more)
		return -ENOMEM;
	devices->items = more;
	more = &more[devices->n++];
	*more = (struct device){
		.name = strdup(name), .file = strdup(place->file), .line = place->line};
	return more->name && more->file ? 0 : -ENOMEM;
}

int
tb_conf_device_key(struct tb_conf_devices *devices, const struct tb_conf_place *place,
	const char *key, const char *value)
{
	struct device *device = &devices->items[devices->last];
	struct device_key *more = tb_grow(device->keys, device->n_keys, sizeof(*more));
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

/* ---- once all is read ---- */

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
check_device_key(
	const struct tb_driver *driver, const struct device_key *key, struct tb_buf *problems)
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
		tb_conf_problem(problems, &place, "unknown key %s of the driver %s; expected %s",
			key->key, driver->name, known.data);
		return;
	}
	r = tb_setting_check(driver->settings, key->key, key->value);
	if (r < 0)
		tb_conf_problem(problems, &place, "%s = %s: expected %s%s%s", key->key, key->value,
			type_of(spec), spec->words ? spec->words : "",
			r == -ERANGE ? " within its range" : "");
}

/* The same key in one file; in another one it takes this one's place. */
static void
check_said_once(
	const struct tb_driver *driver, const struct device *device, struct tb_buf *problems)
{
	for (size_t i = 0; i < device->n_keys; i++) {
		const struct device_key *key = &device->keys[i];
		const struct tb_conf_place place = {.file = key->file, .line = key->line};
		const struct tb_setting_spec *spec = find_spec(driver, key->key);

		for (size_t k = 0; k < i && !(spec && spec->repeated); k++)
			if (strcmp(device->keys[k].key, key->key) == 0 &&
				strcmp(device->keys[k].file, key->file) == 0) {
				tb_conf_problem(problems, &place,
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
check_addresses(const struct tb_conf_devices *devices, struct tb_buf *problems)
{
	struct tb_conf_place place, first_place;

	for (size_t i = 1; i < devices->n; i++) {
		const char *address = last_value(&devices->items[i], "address", &place);

		for (size_t k = 0; address && k < i; k++) {
			const char *first = last_value(&devices->items[k], "address", &first_place);

			if (!first || !is_same_address(address, first))
				continue;
			tb_conf_problem(problems, &place,
				"[device %s] address = %s is that of [device %s], %s:%u; expected "
				"one of its own",
				devices->items[i].name, address, devices->items[k].name,
				first_place.file, first_place.line);
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
check_default_printers(const struct tb_conf_devices *devices, struct tb_buf *problems)
{
	struct tb_conf_place place, first = {};
	const char *name = NULL;

	for (size_t i = 0; i < devices->n; i++) {
		if (!is_default_printer(&devices->items[i], &place))
			continue;
		if (name)
			tb_conf_problem(problems, &place,
				"[device %s] is the default printer, and so is [device %s], %s:%u; "
				"expected one",
				devices->items[i].name, name, first.file, first.line);
		else
			first = place;
		name = name ? name : devices->items[i].name;
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
keep_device(struct tb_conf *conf, struct device *device, const struct tb_driver *driver,
	const char *address)
{
	struct tb_setting *settings = calloc(device->n_keys + 1, sizeof(*settings));
	struct tb_conf_device *more = tb_grow(conf->devices, conf->n_devices, sizeof(*more));
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
finish_device(struct tb_conf *conf, struct device *device, struct tb_buf *problems)
{
	struct tb_conf_place at_driver, at_address;
	const char *name = last_value(device, "driver", &at_driver);
	const char *address = last_value(device, "address", &at_address);
	const struct tb_driver *driver = name ? tb_driver_find(name) : NULL;
	_cleanup_buf_ struct tb_buf known = TB_BUF_INIT(0);
	size_t before = problems->len;

	if (!driver) {
		list_drivers(&known);
		tb_conf_problem(problems, &at_driver, "[device %s] driver %s%s; expected %s",
			device->name, name ? "= " : "is missing", name ? name : "", known.data);
		return 0;
	}
	if (!address || !tb_conf_is_address(address))
		tb_conf_problem(problems, &at_address,
			"[device %s] address %s%s; expected tty:/… pty:/… usb:VID:PID[:SERIAL] "
			"usb:@PORT hidraw:/… evdev:/… lp:/… tcp:HOST:PORT pcsc:READER camera:/…",
			device->name, address ? "= " : "is missing", address ? address : "");
	for (size_t i = 0; i < device->n_keys; i++)
		check_device_key(driver, &device->keys[i], problems);
	check_said_once(driver, device, problems);
	return address && problems->len == before ? keep_device(conf, device, driver, address) : 0;
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

int
tb_conf_devices_finish(
	struct tb_conf_devices *devices, struct tb_conf *conf, struct tb_buf *problems)
{
	int r = 0;

	check_addresses(devices, problems);
	check_default_printers(devices, problems);
	for (size_t i = 0; i < devices->n && r == 0; i++)
		r = finish_device(conf, &devices->items[i], problems);
	return r;
}

void
tb_conf_devices_done(struct tb_conf_devices *devices)
{
	for (size_t i = 0; i < devices->n; i++)
		free_device(&devices->items[i]);
	free(devices->items);
	*devices = (struct tb_conf_devices){0};
}
