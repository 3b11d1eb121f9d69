/* SPDX-License-Identifier: MIT */
/*
 * Plays each recording of fixtures/scans/serial-*.jsonl to the frame and to the reader of codes: as
 * it was recorded, byte by byte, and in random pieces. What must come out stands beside it in
 * .expect.
 */

#include <glob.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hw/codec/frame.h"
#include "hw/driver.h"

#define RANDOM_ROUNDS 60

struct recording {
	char path[256];
	json_t *header;
	uint8_t *bytes;
	uint64_t *at_us; /* of each byte */
	size_t *piece;   /* which line it came with */
	size_t len;
	json_t *expected; /* array */
	json_t *got;
};

static struct recording *playing;

static void
on_frame(const uint8_t *code, size_t len, const char *reason, void *userdata)
{
	struct recording *r = userdata;
	struct tb_scan scan;
	json_t *line = json_object();

	if (reason) {
		json_object_set_new(line, "dropped", json_string(reason));
		json_array_append_new(r->got, line);
		return;
	}
	assert_int_equal(tb_scan_init(&scan, code, len, NULL), 0);
	json_object_set_new(line, "code", json_string(scan.code));
	if (scan.raw) {
		/* the expectation has base64; a few bytes are enough to tell */
		static const char digits[] =
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
		char text[64], *out = text;

		assert_true(scan.raw_len <= 30);
		for (size_t i = 0; i < scan.raw_len; i += 3) {
			uint32_t v = (uint32_t)scan.raw[i] << 16;

			v |= i + 1 < scan.raw_len ? (uint32_t)scan.raw[i + 1] << 8 : 0;
			v |= i + 2 < scan.raw_len ? scan.raw[i + 2] : 0;
			*out++ = digits[v >> 18];
			*out++ = digits[v >> 12 & 63];
			*out++ = i + 1 < scan.raw_len ? digits[v >> 6 & 63] : '=';
			*out++ = i + 2 < scan.raw_len ? digits[v & 63] : '=';
		}
		*out = '\0';
		json_object_set_new(line, "raw", json_string(text));
	}
	if (scan.symbology)
		json_object_set_new(line, "symbology", json_string(scan.symbology));
	if (scan.aim[0])
		json_object_set_new(line, "aim", json_string(scan.aim));
	for (size_t i = 0; i < scan.n_fields; i++) {
		if (i == 0)
			json_object_set_new(line, "fields", json_array());
		json_array_append_new(json_object_get(line, "fields"),
			json_pack("{s:s,s:s}", "ai", scan.fields[i].ai, "value",
				scan.fields[i].value));
	}
	tb_scan_done(&scan);
	json_array_append_new(r->got, line);
}

static void
read_recording(struct recording *r, const char *path)
{
	char line[65536];
	FILE *file = fopen(path, "r");
	size_t n = 0;

	*r = (struct recording){0};
	snprintf(r->path, sizeof(r->path), "%s", path);
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		json_t *json = json_loads(line, 0, NULL);
		const char *hex;
		uint64_t t_us;

		assert_non_null(json);
		if (!r->header) {
			static const char *const keys[] = {"device", "driver", "model", "by", "on"};

			for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
				assert_true(json_is_string(json_object_get(json, keys[i])));
			r->header = json;
			continue;
		}
		t_us = (uint64_t)json_integer_value(json_object_get(json, "t_us"));
		hex = json_string_value(json_object_get(json, "hex"));
		assert_non_null(hex);
		n++;
		for (; strcmp(json_string_value(json_object_get(json, "dir")), "in") == 0 && *hex;
			hex += 2) {
			char two[3] = {hex[0], hex[1], 0};

			r->bytes = realloc(r->bytes, r->len + 1);
			r->at_us = realloc(r->at_us, (r->len + 1) * sizeof(*r->at_us));
			r->piece = realloc(r->piece, (r->len + 1) * sizeof(*r->piece));
			r->bytes[r->len] = (uint8_t)strtoul(two, NULL, 16);
			r->at_us[r->len] = t_us;
			r->piece[r->len++] = n;
		}
		json_decref(json);
	}
	fclose(file);

	strcpy(strrchr(r->path, '.'), ".expect");
	r->expected = json_array();
	file = fopen(r->path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		json_t *json = json_loads(line, 0, NULL);

		assert_non_null(json);
		json_array_append_new(r->expected, json);
	}
	fclose(file);
}

static void
recording_done(struct recording *r)
{
	json_decref(r->header);
	json_decref(r->expected);
	free(r->bytes);
	free(r->at_us);
	free(r->piece);
}

static void
configure(struct recording *r, struct tb_frame *frame)
{
	const struct tb_setting_spec *specs = tb_driver_find("scanner-serial")->settings;
	struct tb_setting settings[16];
	struct tb_device_config config = {.settings = settings};
	struct tb_frame_config frame_config = {0};
	const char *key;
	json_t *value;

	json_object_foreach(json_object_get(r->header, "settings"), key, value) {
		assert_int_equal(tb_setting_check(specs, key, json_string_value(value)), 0);
		settings[config.n_settings++] = (struct tb_setting){key, json_string_value(value)};
	}
	frame_config.terminator = (enum tb_terminator)tb_device_setting_number(
		&config, specs, "terminator");
	frame_config.idle_us = (uint64_t)tb_device_setting_number(&config, specs, "idle");
	frame_config.max_length = (size_t)tb_device_setting_number(&config, specs, "max_length");
	frame_config.prefix_len = (size_t)tb_escapes_decode(
		tb_device_setting(&config, specs, "prefix", 0), frame_config.prefix,
		TB_FRAME_MARK_MAX);
	frame_config.suffix_len = (size_t)tb_escapes_decode(
		tb_device_setting(&config, specs, "suffix", 0), frame_config.suffix,
		TB_FRAME_MARK_MAX);
	assert_int_equal(tb_frame_init(frame, &frame_config, on_frame, r), 0);
}

/* most: greatest piece; 0: the pieces of the recording. */
static void
play(struct recording *r, size_t most, uint64_t *x)
{
	struct tb_frame frame;

	configure(r, &frame);
	r->got = json_array();
	for (size_t i = 0; i < r->len;) {
		size_t n = 1, limit = most;

		if (most > 1) {
			*x ^= *x << 13;
			*x ^= *x >> 7;
			*x ^= *x << 17;
			limit = 1 + *x % most;
		}
		if (i > 0 && r->at_us[i] >= tb_frame_deadline(&frame))
			tb_frame_silence(&frame);
		/* no piece goes over a silence */
		while (i + n < r->len && (most ? n < limit : r->piece[i + n] == r->piece[i]) &&
			r->at_us[i + n] - r->at_us[i + n - 1] < frame.config.idle_us)
			n++;
		tb_frame_feed(&frame, r->bytes + i, n, r->at_us[i + n - 1]);
		i += n;
	}
	tb_frame_silence(&frame);
	tb_frame_done(&frame);
	if (!json_equal(r->got, r->expected)) {
		char *got = json_dumps(r->got, JSON_ENSURE_ASCII);

		print_message("# %s in pieces of %zu gave %s\n", r->path, most, got);
		free(got);
		fail();
	}
	json_decref(r->got);
}

static void
a_recording(void **state)
{
	uint64_t x = 88172645463325252u;
	struct recording r;

	read_recording(&r, *state);
	playing = &r;
	play(&r, 0, &x);
	play(&r, SIZE_MAX, &x);
	play(&r, 1, &x);
	for (size_t i = 0; i < RANDOM_ROUNDS; i++)
		play(&r, 2 + i % 20, &x);
	recording_done(&r);
}

int
main(void)
{
	struct CMUnitTest tests[256];
	glob_t found;
	size_t n = 0;
	int r;

	if (glob(TB_FIXTURES "/scans/serial-*.jsonl", 0, NULL, &found) != 0)
		return 1;
	for (; n < found.gl_pathc && n < ARRAY_SIZE(tests); n++)
		tests[n] = (struct CMUnitTest){.name = strrchr(found.gl_pathv[n], '/') + 1,
			.test_func = a_recording,
			.initial_state = found.gl_pathv[n]};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	r = _cmocka_run_group_tests("serial-scans", tests, n, NULL, NULL);
	globfree(&found);
	return r;
}
