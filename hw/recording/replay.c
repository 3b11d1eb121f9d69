/* SPDX-License-Identifier: MIT */
/* The module: a recording's text to lines of JSON. */

#include "hw/recording/replay.h"

#include "hw/recording/played.h"
#include "hw/recording/player.h"

struct listener {
	void (*fn)(const char *json, size_t len, void *userdata);
	void *userdata;
	struct tb_buf line;
};

static void
on_played(const struct tb_played *played, void *userdata)
{
	struct listener *listener = userdata;

	tb_buf_reset(&listener->line);
	tb_played_write(played, true, &listener->line);
	if (tb_buf_error(&listener->line) == 0)
		listener->fn(listener->line.data, listener->line.len, listener->userdata);
}

static int
play(const char *text, size_t len, void (*fn)(const char *json, size_t len, void *userdata),
	void *userdata, char **ret_why)
{
	struct listener listener = {.fn = fn, .userdata = userdata, .line = TB_BUF_INIT(0)};
	struct tb_recording recording;
	int r = tb_recording_parse(text, len, &recording, ret_why);

	if (r < 0)
		return r;
	r = tb_recording_play(&recording, on_played, &listener, ret_why);
	tb_recording_done(&recording);
	tb_buf_done(&listener.line);
	return r;
}

__attribute__((visibility("default"))) extern const struct tb_replay tb_replay;
const struct tb_replay tb_replay = {.play = play};
