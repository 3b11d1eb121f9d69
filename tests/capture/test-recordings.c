/* SPDX-License-Identifier: MIT */
/*
 * Plays each recording of fixtures/scans to the codecs of its driver: as it was recorded, all at
 * once, in its smallest pieces and in random ones. What must come out stands beside it in .expect.
 * A report of a HID scanner is never in pieces; it is cut short instead, and what comes after it
 * must be whole.
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

#include "hw/recording/played.h"

#define RANDOM_ROUNDS 60
#define WEDGE_ROUNDS 10             /* each compiles a keyboard layout */
#define LATER_US UINT64_C(10000000) /* long enough that no code is a second reading */
#define TEXT_MAX ((size_t)1 << 20)

struct stage {
	const char *path;
	struct tb_recording recording;
	json_t *expected, *got; /* arrays */
	uint64_t *at_us;        /* of each byte that came in */
	uint8_t *bytes;
	size_t n;
	uint64_t random;
};

static char *
read_text(const char *path, size_t *ret_len)
{
	FILE *file = fopen(path, "r");
	char *text = malloc(TEXT_MAX);

	assert_non_null(file);
	assert_non_null(text);
	*ret_len = fread(text, 1, TEXT_MAX, file);
	assert_true(*ret_len < TEXT_MAX);
	fclose(file);
	return text;
}

static json_t *
read_expected(const char *recording)
{
	char path[512], *text, *rest, *line;
	json_t *list = json_array();
	size_t len;

	snprintf(path, sizeof(path), "%.*s.expect", (int)(strlen(recording) - strlen(".jsonl")),
		recording);
	text = rest = read_text(path, &len);
	text[len] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		json_t *json;

		if (!*line)
			continue;
		json = json_loads(line, 0, NULL);
		assert_non_null(json);
		json_array_append_new(list, json);
	}
	free(text);
	return list;
}

static void
lay_out_bytes(struct stage *stage)
{
	const struct tb_recording *r = &stage->recording;

	stage->bytes = malloc(r->n_bytes + 1);
	stage->at_us = calloc(r->n_bytes + 1, sizeof(*stage->at_us));
	for (size_t i = 0; i < r->n_lines; i++) {
		if (r->lines[i].out)
			continue;
		memcpy(stage->bytes + stage->n, r->lines[i].bytes, r->lines[i].len);
		for (size_t k = 0; k < r->lines[i].len; k++)
			stage->at_us[stage->n++] = r->lines[i].t_us;
	}
}

static void
stage_begin(struct stage *stage, const char *path)
{
	char *text, *why = NULL;
	size_t len;

	*stage = (struct stage){.path = path, .random = 88172645463325252u};
	text = read_text(path, &len);
	if (tb_recording_parse(text, len, &stage->recording, &why) < 0)
		fail_msg("%s: %s", path, why);
	free(text);
	stage->expected = read_expected(path);
	lay_out_bytes(stage);
}

static void
stage_end(struct stage *stage)
{
	tb_recording_done(&stage->recording);
	json_decref(stage->expected);
	free(stage->bytes);
	free(stage->at_us);
}

static void
on_played(const struct tb_played *played, void *userdata)
{
	struct stage *stage = userdata;
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	json_t *json;

	tb_played_write(played, false, &buf);
	json = json_loadb(buf.data, buf.len, 0, NULL);
	assert_non_null(json);
	json_array_append_new(stage->got, json);
}

static struct tb_player *
begin(struct stage *stage)
{
	struct tb_player *player;
	char *why;

	stage->got = json_array();
	if (tb_player_new(&stage->recording, on_played, stage, &player, &why) < 0)
		fail_msg("%s: %s", stage->path, why);
	return player;
}

static void
judge(struct stage *stage, const char *how)
{
	char *got;

	if (!json_equal(stage->got, stage->expected)) {
		got = json_dumps(stage->got, JSON_ENSURE_ASCII);
		print_message("# %s %s gave %s\n", stage->path, how, got);
		free(got);
		fail();
	}
	json_decref(stage->got);
}

static size_t
draw(struct stage *stage, size_t below)
{
	stage->random ^= stage->random << 13;
	stage->random ^= stage->random >> 7;
	stage->random ^= stage->random << 17;
	return stage->random % below;
}

static uint64_t
idle_us(const struct tb_recording *r)
{
	uint64_t us = 100000;

	for (size_t i = 0; i < r->n_settings; i++)
		if (!strcmp(r->settings[i].key, "idle"))
			assert_int_equal(tb_duration_parse(r->settings[i].value, &us), 0);
	return us;
}

/* In pieces of at most `most` units, random ones above 1; no piece goes over a silence. */
static void
play_pieces(struct stage *stage, size_t unit, size_t most)
{
	struct tb_player *player = begin(stage);
	uint64_t silence_us = idle_us(&stage->recording);

	for (size_t i = 0; i < stage->n;) {
		size_t limit = most > 1 && most < SIZE_MAX ? 1 + draw(stage, most) : most;
		size_t n = unit;

		while (i + n < stage->n && n / unit < limit &&
			stage->at_us[i + n] - stage->at_us[i + n - 1] < silence_us)
			n += unit;
		tb_player_wait(player, stage->at_us[i]);
		tb_player_feed(player, stage->bytes + i, n, stage->at_us[i + n - 1]);
		i += n;
	}
	tb_player_wait(player, UINT64_MAX);
	tb_player_free(player);
	judge(stage, most == 1 ? "in its smallest pieces" : "in pieces");
}

/* Lines as they are, `shift` later; `cut`: of that line only so many bytes came. */
static void
play_lines(struct stage *stage, struct tb_player *player, uint64_t shift, size_t cut, size_t bytes)
{
	const struct tb_recording *r = &stage->recording;

	for (size_t i = 0; i < r->n_lines; i++) {
		const struct tb_recorded *line = &r->lines[i];

		if (line->out)
			continue;
		tb_player_wait(player, line->t_us + shift);
		tb_player_feed(
			player, line->bytes, i == cut ? bytes : line->len, line->t_us + shift);
	}
}

static void
play_cut(struct stage *stage)
{
	const struct tb_recording *r = &stage->recording;
	struct tb_player *player;
	size_t cut = draw(stage, r->n_lines), i = 0;
	uint64_t later = r->lines[r->n_lines - 1].t_us + LATER_US;

	player = begin(stage);
	play_lines(stage, player, 0, cut, draw(stage, r->lines[cut].len + 1));
	tb_player_wait(player, later);
	json_array_clear(stage->got);
	play_lines(stage, player, later, SIZE_MAX, 0);
	tb_player_wait(player, UINT64_MAX);
	tb_player_free(player);
	for (i = 0; i < json_array_size(stage->got); i++)
		json_object_del(json_array_get(stage->got, i), "t_us");
	judge(stage, "after a report cut short");
}

static void
a_recording(void **state)
{
	struct stage stage;
	char *why;
	size_t unit;

	stage_begin(&stage, *state);
	if (json_object_get(json_array_get(stage.expected, 0), "not_opened")) {
		assert_int_equal(
			tb_recording_play(&stage.recording, on_played, &stage, &why), -EINVAL);
		free(why);
		stage_end(&stage);
		return;
	}
	unit = !strcmp(stage.recording.driver, "scanner-wedge") ? 8 : 1;
	stage.got = json_array();
	assert_int_equal(tb_recording_play(&stage.recording, on_played, &stage, &why), 0);
	judge(&stage, "as it was recorded");
	if (!strcmp(stage.recording.driver, "scanner-hid")) {
		for (size_t i = 0; i < RANDOM_ROUNDS; i++)
			play_cut(&stage);
	} else {
		play_pieces(&stage, unit, SIZE_MAX);
		play_pieces(&stage, unit, 1);
		for (size_t i = 0; i < (unit > 1 ? WEDGE_ROUNDS : RANDOM_ROUNDS); i++)
			play_pieces(&stage, unit, 2 + i % 20);
	}
	stage_end(&stage);
}

static void
bad_recordings_are_refused_with_their_line(void **state)
{
	static const char head[] =
		"{\"device\":\"d\",\"driver\":\"scanner-serial\",\"model\":\"m\","
		"\"by\":\"b\",\"on\":\"2026-01-01\"}\n";
	static const struct {
		const char *lines, *why;
	} bad[] = {
		{"", NULL},
		{"x", "line 2"},
		{"[]", "line 2"},
		{"{\"t_us\":1,\"dir\":\"in\"}", "line 2"},
		{"{\"t_us\":1,\"dir\":\"up\",\"hex\":\"\"}", "line 2"},
		{"{\"t_us\":1,\"dir\":\"in\",\"hex\":\"0\"}", "line 2"},
		{"{\"t_us\":1,\"dir\":\"in\",\"hex\":\"0g\"}", "line 2"},
		{"{\"t_us\":-1,\"dir\":\"in\",\"hex\":\"00\"}", "line 2"},
		{"\n{\"t_us\":2,\"dir\":\"in\",\"hex\":\"00\"}\n"
		 "{\"t_us\":1,\"dir\":\"in\",\"hex\":\"00\"}",
			"line 4"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct tb_recording recording;
		char text[512], *why;
		int n = snprintf(text, sizeof(text), "%s%s", head, bad[i].lines);
		int r = tb_recording_parse(text, (size_t)n, &recording, &why);

		if (!bad[i].why) {
			assert_int_equal(r, 0);
			tb_recording_done(&recording);
			continue;
		}
		assert_int_equal(r, -EINVAL);
		assert_non_null(strstr(why, bad[i].why));
		free(why);
	}
}

static void
a_recording_of_another_kind_is_refused(void **state)
{
	static const char *const heads[] = {
		"{\"device\":\"d\",\"driver\":\"printer-escpos\",\"model\":\"m\",\"by\":\"b\","
		"\"on\":\"x\"}",
		"{\"device\":\"d\",\"driver\":\"scanner-serial\",\"model\":\"m\",\"by\":\"b\","
		"\"on\":\"x\",\"settings\":{\"terminator\":\"bell\"}}",
		"{\"device\":\"d\",\"driver\":\"scanner-hid\",\"model\":\"m\",\"by\":\"b\","
		"\"on\":\"x\",\"descriptor\":\"05010906a101c0\"}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		struct tb_recording recording;
		char *why;

		assert_int_equal(
			tb_recording_parse(heads[i], strlen(heads[i]), &recording, &why), 0);
		assert_int_equal(tb_recording_play(&recording, on_played, NULL, &why), -EINVAL);
		assert_non_null(why);
		free(why);
		tb_recording_done(&recording);
	}
}

int
main(void)
{
	struct CMUnitTest tests[512] = {
		cmocka_unit_test(bad_recordings_are_refused_with_their_line),
		cmocka_unit_test(a_recording_of_another_kind_is_refused),
	};
	size_t n = 2;
	glob_t found;
	int r;

	if (glob(TB_FIXTURES "/scans/*.jsonl", 0, NULL, &found) != 0)
		return 1;
	for (size_t i = 0; i < found.gl_pathc && n < ARRAY_SIZE(tests); i++)
		tests[n++] = (struct CMUnitTest){.name = strrchr(found.gl_pathv[i], '/') + 1,
			.test_func = a_recording,
			.initial_state = found.gl_pathv[i]};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	r = _cmocka_run_group_tests("recordings", tests, n, NULL, NULL);
	globfree(&found);
	return r;
}
