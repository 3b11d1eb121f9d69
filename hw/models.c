/* SPDX-License-Identifier: MIT */
/* Reads the files of known models and finds a model by its ids. It knows no bus. */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/text.h"
#include "hw/models.h"

#define FILE_MAX ((size_t)64 << 10)
#define SETTINGS_MAX 32

static const struct {
	const char *word;
	enum tb_node_kind kind;
} node_words[] = {
	{"tty", TB_NODE_TTY},
	{"hidraw", TB_NODE_HIDRAW},
	{"evdev", TB_NODE_EVDEV},
	{"lp", TB_NODE_LP},
	{"usb", TB_NODE_USB},
};

/* The bit of a word ("tty"), 0 when it is none. */
static unsigned
node_kind_from_word(const char *word, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(node_words); i++)
		if (strlen(node_words[i].word) == len && !memcmp(node_words[i].word, word, len))
			return node_words[i].kind;
	return 0;
}

const char *
tb_node_kind_word(enum tb_node_kind kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(node_words); i++)
		if (node_words[i].kind == kind)
			return node_words[i].word;
	return "";
}

static void
model_done(struct tb_model *model)
{
	free(model->file);
	free(model->name);
	free(model->usb);
	free(model->product);
	free(model->reason);
	for (size_t i = 0; i < model->n_settings; i++) {
		free((char *)model->settings[i].key);
		free((char *)model->settings[i].value);
	}
	free(model->settings);
	*model = (struct tb_model){0};
}

void
tb_models_done(struct tb_models *models)
{
	for (size_t i = 0; i < models->n; i++)
		model_done(&models->items[i]);
	free(models->items);
	*models = (struct tb_models){0};
}

struct reading {
	struct tb_model model;
	struct tb_buf *problems;
	unsigned line;
	bool wrong;
	enum { NOWHERE, DEVICE, SETTINGS } section;
};

static void
problem(struct reading *reading, const char *what, const char *word)
{
	reading->wrong = true;
	tb_buf_addf(
		reading->problems, "%s:%u: %s%s\n", reading->model.file, reading->line, what, word);
}

static void
set_text(struct reading *reading, char **field, const char *value)
{
	free(*field);
	*field = strdup(value);
	if (!*field)
		problem(reading, "out of memory", "");
}

/* "1eab:??10": four hex digits or question marks on each side. */
static bool
is_usb_id(const char *id, size_t len)
{
	if (len != 9 || id[4] != ':')
		return false;
	for (size_t i = 0; i < len; i++)
		if (i != 4 && !strchr("0123456789abcdef?", id[i]))
			return false;
	return true;
}

static void
check_usb(struct reading *reading, const char *value)
{
	for (const char *p = value; *p;) {
		size_t len = strcspn(p, " ");

		if (!is_usb_id(p, len)) {
			problem(reading, "usb takes VID:PID in small hex digits, not ", p);
			return;
		}
		p += len;
		p += strspn(p, " ");
	}
}

/* "lp usb": the device may be used through either. */
static void
device_nodes(struct reading *reading, const char *value)
{
	reading->model.nodes = 0;
	for (const char *p = value; *p;) {
		size_t len = strcspn(p, " ");
		unsigned kind = node_kind_from_word(p, len);

		if (!kind) {
			problem(reading, "node is tty, hidraw, evdev, lp or usb, not ", p);
			return;
		}
		reading->model.nodes |= kind;
		p += len;
		p += strspn(p, " ");
	}
}

static void
device_key(struct reading *reading, const char *key, const char *value)
{
	struct tb_model *model = &reading->model;

	if (!strcmp(key, "name")) {
		set_text(reading, &model->name, value);
	} else if (!strcmp(key, "usb")) {
		check_usb(reading, value);
		set_text(reading, &model->usb, value);
	} else if (!strcmp(key, "product")) {
		set_text(reading, &model->product, value);
	} else if (!strcmp(key, "reason")) {
		set_text(reading, &model->reason, value);
	} else if (!strcmp(key, "node")) {
		device_nodes(reading, value);
	} else if (!strcmp(key, "driver")) {
		model->driver = tb_driver_find(value);
		if (!model->driver)
			problem(reading, "there is no driver ", value);
	} else if (!strcmp(key, "claim")) {
		model->claim = !strcmp(value, "yes");
		if (!model->claim && strcmp(value, "no"))
			problem(reading, "claim is yes or no, not ", value);
	} else {
		problem(reading, "no key of [device]: ", key);
	}
}

static void
settings_key(struct reading *reading, const char *key, const char *value)
{
	struct tb_model *model = &reading->model;
	struct tb_setting *setting;

	if (!model->driver) {
		problem(reading, "[settings] stands behind a [device] with its driver", "");
	} else if (tb_setting_check(model->driver->settings, key, value) < 0) {
		problem(reading, "no key of this driver, or not a value it takes: ", key);
	} else if (model->n_settings == SETTINGS_MAX) {
		problem(reading, "too many settings", "");
	} else {
		if (!model->settings)
			model->settings = calloc(SETTINGS_MAX, sizeof(*model->settings));
		setting = model->settings ? &model->settings[model->n_settings] : NULL;
		if (setting) {
			setting->key = strdup(key);
			setting->value = strdup(value);
			model->n_settings++;
		}
		if (!setting || !setting->key || !setting->value)
			problem(reading, "out of memory", "");
	}
}

/* Cuts blanks at both ends, in place. */
static char *
trim(char *text)
{
	size_t len;

	text += strspn(text, " \t\r");
	len = strlen(text);
	while (len > 0 && strchr(" \t\r", text[len - 1]))
		text[--len] = '\0';
	return text;
}

static void
read_line(struct reading *reading, char *line)
{
	char *equals, *comment = strstr(line, " ;");

	if (comment)
		*comment = '\0';
	line = trim(line);
	if (!*line || *line == ';' || *line == '#')
		return;
	if (!strcmp(line, "[device]")) {
		if (reading->section != NOWHERE)
			problem(reading, "a second [device]: each has a file of its own", "");
		reading->section = DEVICE;
	} else if (!strcmp(line, "[settings]")) {
		reading->section = SETTINGS;
	} else if (!(equals = strchr(line, '=')) || reading->section == NOWHERE) {
		problem(reading,
			"a [device] or [settings] section, or key = value, was expected: ", line);
	} else {
		*equals = '\0';
		line = trim(line);
		equals = trim(equals + 1);
		if (reading->section == DEVICE)
			device_key(reading, line, equals);
		else
			settings_key(reading, line, equals);
	}
}

int
tb_models_add(struct tb_models *models, const char *file, const char *text, size_t len,
	struct tb_buf *problems)
{
	struct reading reading = {.problems = problems, .model.claim = true};
	_cleanup_free_ char *copy = strndup(text, len);
	struct tb_model *items;

	reading.model.file = strdup(file);
	if (!copy || !reading.model.file) {
		free(reading.model.file);
		return -ENOMEM;
	}
	for (char *p = copy; p && *p;) {
		char *end = strchr(p, '\n');

		if (end)
			*end = '\0';
		reading.line++;
		read_line(&reading, p);
		p = end ? end + 1 : NULL;
	}
	if (!reading.wrong && (!reading.model.usb || !reading.model.nodes ||
				      !reading.model.driver || !reading.model.name))
		problem(&reading, "[device] needs name, usb, node and driver", "");
	items = reading.wrong ? NULL
	                      : realloc(models->items, (models->n + 1) * sizeof(*models->items));
	if (!items) {
		model_done(&reading.model);
		return reading.wrong ? -EINVAL : -ENOMEM;
	}
	models->items = items;
	items[models->n++] = reading.model;
	return 0;
}

static int
is_ini(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 4 && !strcmp(entry->d_name + len - 4, ".ini");
}

static int
load_file(struct tb_models *models, const char *path, struct tb_buf *problems)
{
	_cleanup_free_ char *text = malloc(FILE_MAX);
	_cleanup_close_ int fd = -1;
	ssize_t n;

	if (!text)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, FILE_MAX);
	if (n < 0) {
		tb_buf_addf(problems, "%s: %s\n", path, strerror(errno));
		return 0;
	}
	return tb_models_add(models, path, text, (size_t)n, problems);
}

int
tb_models_load(struct tb_models *models, const char *dir, struct tb_buf *problems)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, is_ini, alphasort), r = 0;

	for (int i = 0; i < n; i++) {
		char *path = NULL;

		if (r != -ENOMEM && asprintf(&path, "%s/%s", dir, entries[i]->d_name) > 0) {
			r = load_file(models, path, problems);
			free(path);
		}
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return r == -ENOMEM ? r : 0;
}

const struct tb_model *
tb_models_find(const struct tb_models *models, enum tb_node_kind node, const char *vid,
	const char *pid, const char *product)
{
	char id[10];

	if (!vid || !pid || strlen(vid) != 4 || strlen(pid) != 4)
		return NULL;
	snprintf(id, sizeof(id), "%s:%s", vid, pid);
	for (size_t i = models->n; i-- > 0;) {
		const struct tb_model *model = &models->items[i];

		if (!(model->nodes & node) || (model->product && !tb_pattern_matches(model->product,
									 product ? product : "")))
			continue;
		for (const char *p = model->usb; *p;) {
			char one[10] = {0};
			size_t len = strcspn(p, " ");

			memcpy(one, p, TB_MIN(len, sizeof(one) - 1));
			if (tb_pattern_matches(one, id))
				return model;
			p += len;
			p += strspn(p, " ");
		}
	}
	return NULL;
}
