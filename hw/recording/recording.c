/* SPDX-License-Identifier: MIT */
/* Reads the lines of a recording, which anybody may have written. */

#include "hw/recording/recording.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/grow.h"

#define SETTINGS_MAX 64

static void
decrefp(json_t **value)
{
	json_decref(*value);
}

static int TB_PRINTF(3, 4) refuse(char **ret_why, size_t line, const char *format, ...)
{
	_cleanup_free_ char *what = NULL;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&what, format, args);
	va_end(args);
	if (n < 0) {
		what = NULL;
		return -ENOMEM;
	}
	return asprintf(ret_why, "line %zu: %s", line, what) < 0 ? -ENOMEM : -EINVAL;
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* out has room for half of the text. How many bytes, or -EINVAL. */
static ssize_t
from_hex(const char *text, size_t len, uint8_t *out)
{
	if (len % 2)
		return -EINVAL;
	for (size_t i = 0; i < len; i += 2) {
		int high = digit(text[i]), low = digit(text[i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		out[i / 2] = (uint8_t)(high << 4 | low);
	}
	return (ssize_t)(len / 2);
}

static int
take_settings(struct tb_recording *r, const json_t *settings, char **ret_why)
{
	const char *key;
	json_t *value;

	if (json_object_size(settings) > SETTINGS_MAX)
		return refuse(ret_why, 1, "more than %d settings", SETTINGS_MAX);
	r->settings = calloc(SETTINGS_MAX, sizeof(*r->settings));
	if (!r->settings)
		return -ENOMEM;
	json_object_foreach((json_t *)settings, key, value) {
		struct tb_setting *setting = &r->settings[r->n_settings];

		if (!json_is_string(value))
			return refuse(ret_why, 1, "the setting %s is no text", key);
		setting->key = strdup(key);
		setting->value = strdup(json_string_value(value));
		r->n_settings++;
		if (!setting->key || !setting->value)
			return -ENOMEM;
	}
	return 0;
}

static int
take_descriptor(struct tb_recording *r, const json_t *hex, char **ret_why)
{
	ssize_t n;

	if (!hex)
		return 0;
	if (!json_is_string(hex))
		return refuse(ret_why, 1, "descriptor is no text");
	r->descriptor = malloc(json_string_length(hex) / 2 + 1);
	if (!r->descriptor)
		return -ENOMEM;
	n = from_hex(json_string_value(hex), json_string_length(hex), r->descriptor);
	if (n < 0)
		return refuse(ret_why, 1, "descriptor is not in hex");
	r->descriptor_len = (size_t)n;
	return 0;
}

static int
take_head(struct tb_recording *r, const json_t *line, char **ret_why)
{
	const struct {
		const char *key;
		char **text;
	} members[] = {{"device", &r->device}, {"driver", &r->driver}, {"model", &r->model},
		{"by", &r->by}, {"on", &r->on}};
	int error;

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		const char *text = json_string_value(json_object_get(line, members[i].key));

		if (!text)
			return refuse(ret_why, 1,
				"no %s: the head of a recording is {device, driver, model, by, on}",
				members[i].key);
		*members[i].text = strdup(text);
		if (!*members[i].text)
			return -ENOMEM;
	}
	error = take_settings(r, json_object_get(line, "settings"), ret_why);
	return error < 0 ? error : take_descriptor(r, json_object_get(line, "descriptor"), ret_why);
}

static int
take_line(struct tb_recording *r, const json_t *line, size_t number, char **ret_why)
{
	const json_t *t_us = json_object_get(line, "t_us"), *hex = json_object_get(line, "hex");
	const char *dir = json_string_value(json_object_get(line, "dir"));
	uint64_t before = r->n_lines ? r->lines[r->n_lines - 1].t_us : 0;
	struct tb_recorded *recorded, *more;
	ssize_t n;

	if (!json_is_integer(t_us) || json_integer_value(t_us) < 0 ||
		(uint64_t)json_integer_value(t_us) < before)
		return refuse(ret_why, number, "t_us is no time, or one before the last line's");
	if (!dir || (strcmp(dir, "in") != 0 && strcmp(dir, "out") != 0))
		return refuse(ret_why, number, "dir is neither in nor out");
	n = json_is_string(hex) ? from_hex(json_string_value(hex), json_string_length(hex),
					  r->bytes + r->n_bytes)
	                        : -EINVAL;
	if (n < 0)
		return refuse(ret_why, number, "hex is missing, or not in hex");
	more = tb_grow(r->lines, r->n_lines, sizeof(*more));
	if (!more)
		return -ENOMEM;
	r->lines = more;
	recorded = &r->lines[r->n_lines++];
	*recorded = (struct tb_recorded){
		.t_us = (uint64_t)json_integer_value(t_us),
		.out = strcmp(dir, "out") == 0,
		.bytes = r->bytes + r->n_bytes,
		.len = (size_t)n,
		.refused = json_is_true(json_object_get(line, "refused")),
		.omitted = (uint64_t)json_integer_value(json_object_get(line, "omitted")),
	};
	r->n_bytes += (size_t)n;
	return 0;
}

static int
parse(const char *text, size_t len, struct tb_recording *r, char **ret_why)
{
	const char *at = text, *end = text + len;
	bool head = false;

	for (size_t number = 1; at < end; number++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((stop ? stop : end) - at);
		_cleanup_(decrefp) json_t *line = NULL;
		json_error_t error;
		int failed;

		if (n > 0 && !(n == 1 && *at == '\r')) {
			line = json_loadb(at, n, JSON_REJECT_DUPLICATES, &error);
			if (!json_is_object(line))
				return refuse(ret_why, number, "no JSON object");
			failed = head ? take_line(r, line, number, ret_why)
			              : take_head(r, line, ret_why);
			if (failed < 0)
				return failed;
			head = true;
		}
		at += n + 1;
	}
	return head ? 0 : refuse(ret_why, 1, "there is nothing in it");
}

int
tb_recording_parse(const char *text, size_t len, struct tb_recording *ret, char **ret_why)
{
	struct tb_recording r = {};
	int error;

	*ret_why = NULL;
	if (len > TB_RECORDING_MAX)
		return refuse(ret_why, 1, "longer than %zu bytes", TB_RECORDING_MAX);
	/* hex is twice what it means, so this is more than enough for all lines */
	r.bytes = malloc(len / 2 + 1);
	error = r.bytes ? parse(text, len, &r, ret_why) : -ENOMEM;
	if (error < 0) {
		tb_recording_done(&r);
		return error;
	}
	*ret = r;
	return 0;
}

void
tb_recording_done(struct tb_recording *r)
{
	for (size_t i = 0; i < r->n_settings; i++) {
		free((char *)r->settings[i].key);
		free((char *)r->settings[i].value);
	}
	free(r->settings);
	free(r->device);
	free(r->driver);
	free(r->model);
	free(r->by);
	free(r->on);
	free(r->descriptor);
	free(r->lines);
	free(r->bytes);
	*r = (struct tb_recording){};
}
