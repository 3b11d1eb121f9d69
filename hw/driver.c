/* SPDX-License-Identifier: MIT */
/*
 * What all drivers share: the words of states, and settings read by their specification. It opens
 * nothing and knows no driver.
 */

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/timestamp.h"
#include "hw/codec/frame.h"
#include "hw/driver.h"

const char *
tb_device_state_word(enum tb_device_state state)
{
	static const char *const words[] = {
		[TB_DEVICE_ABSENT] = "absent",
		[TB_DEVICE_PRESENT] = "present",
		[TB_DEVICE_NO_ACCESS] = "no_access",
		[TB_DEVICE_OPENING] = "opening",
		[TB_DEVICE_READY] = "ready",
		[TB_DEVICE_BUSY] = "busy",
		[TB_DEVICE_LOST] = "lost",
		[TB_DEVICE_REFUSED] = "refused",
	};

	return words[state];
}

const char *
tb_printer_state_word(enum tb_printer_state state)
{
	static const char *const words[] = {
		[TB_PRINTER_READY] = "ready",
		[TB_PRINTER_PAPER_LOW] = "paper_low",
		[TB_PRINTER_PAPER_OUT] = "paper_out",
		[TB_PRINTER_COVER_OPEN] = "cover_open",
		[TB_PRINTER_OFFLINE] = "offline",
		[TB_PRINTER_ERROR] = "error",
	};

	return words[state];
}

const char *
tb_job_state_word(enum tb_job_state state)
{
	static const char *const words[] = {
		[TB_JOB_QUEUED] = "queued",
		[TB_JOB_PRINTING] = "printing",
		[TB_JOB_HELD] = "held",
		[TB_JOB_SENT] = "sent",
		[TB_JOB_CONFIRMED] = "confirmed",
		[TB_JOB_FAILED] = "failed",
		[TB_JOB_UNKNOWN] = "unknown",
		[TB_JOB_CANCELLED] = "cancelled",
	};

	return words[state];
}

/* Digits to a number; -EINVAL, -ERANGE. */
static int
parse_number(const char *text, const char **ret_end, int64_t *ret)
{
	int64_t value = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, *p - '0', &value))
			return -ERANGE;
	if (p == text)
		return -EINVAL;
	*ret_end = p;
	*ret = value;
	return 0;
}

int
tb_duration_parse(const char *text, uint64_t *ret_us)
{
	static const struct {
		const char *unit;
		int64_t us;
	} units[] = {{"ms", 1000}, {"s", TB_USEC_PER_SEC}, {"m", 60 * TB_USEC_PER_SEC},
		{"h", 3600 * TB_USEC_PER_SEC}};
	const char *end;
	int64_t value;

	if (parse_number(text, &end, &value) < 0)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (!strcmp(end, units[i].unit)) {
			if (__builtin_mul_overflow(value, units[i].us, &value))
				return -EINVAL;
			*ret_us = (uint64_t)value;
			return 0;
		}
	return -EINVAL;
}

static const struct tb_setting_spec *
find_spec(const struct tb_setting_spec *specs, const char *key)
{
	for (; specs && specs->key; specs++)
		if (!strcmp(specs->key, key))
			return specs;
	return NULL;
}

/* The place of a word in a list of words with blanks between, -1 when it is not there. */
static int
word_index(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (int i = 0; words && *words; i++) {
		size_t n = strcspn(words, " ");

		if (n == len && !memcmp(words, word, n))
			return i;
		words += n;
		words += strspn(words, " ");
	}
	return -1;
}

static int
parse_bool(const char *text)
{
	static const char *const words[2] = {"no false off 0", "yes true on 1"};

	for (int i = 0; i < 2; i++)
		if (word_index(words[i], text) >= 0)
			return i;
	return -EINVAL;
}

/* The value as a number: itself, µs, 0 or 1, or the place of the word; -EINVAL, -ERANGE. */
static int
setting_value(const struct tb_setting_spec *spec, const char *text, int64_t *ret)
{
	uint8_t mark[TB_FRAME_MARK_MAX];
	const char *end;
	uint64_t us;
	int r;

	switch (spec->type) {
	case TB_SETTING_STRING:
		*ret = 0;
		return 0;
	case TB_SETTING_ESCAPES:
		*ret = 0;
		return tb_escapes_decode(text, mark, sizeof(mark)) < 0 ? -EINVAL : 0;
	case TB_SETTING_BOOL:
		r = parse_bool(text);
		*ret = r;
		return r < 0 ? r : 0;
	case TB_SETTING_WORD:
		r = word_index(spec->words, text);
		*ret = r;
		return r < 0 ? -EINVAL : 0;
	case TB_SETTING_DURATION:
		if (tb_duration_parse(text, &us) < 0)
			return -EINVAL;
		*ret = (int64_t)us;
		break;
	case TB_SETTING_NUMBER:
		r = parse_number(text, &end, ret);
		if (r < 0 || *end)
			return r < 0 ? r : -EINVAL;
		break;
	}
	return *ret < spec->min || (spec->max > 0 && *ret > spec->max) ? -ERANGE : 0;
}

int
tb_setting_check(const struct tb_setting_spec *specs, const char *key, const char *value)
{
	const struct tb_setting_spec *spec = find_spec(specs, key);
	int64_t number;

	return spec ? setting_value(spec, value, &number) : -ENOENT;
}

const char *
tb_device_setting(const struct tb_device_config *config, const struct tb_setting_spec *specs,
	const char *key, size_t n)
{
	const struct tb_setting_spec *spec = find_spec(specs, key);
	size_t found = 0;

	for (size_t i = 0; i < config->n_settings; i++)
		if (!strcmp(config->settings[i].key, key) && found++ == n)
			return config->settings[i].value;
	return found == 0 && n == 0 && spec ? spec->fallback : NULL;
}

int64_t
tb_device_setting_number(
	const struct tb_device_config *config, const struct tb_setting_spec *specs, const char *key)
{
	const struct tb_setting_spec *spec = find_spec(specs, key);
	const char *text = tb_device_setting(config, specs, key, 0);
	int64_t value;

	/* what is configured was checked when it was read, so only a fallback can be missing */
	return spec && text && setting_value(spec, text, &value) == 0 ? value : 0;
}
