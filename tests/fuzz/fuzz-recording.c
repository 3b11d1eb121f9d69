/* SPDX-License-Identifier: MIT */
/* Any text as a recording: it is refused with a sentence, or played, whatever its bytes are. */

#include <stdlib.h>
#include "hw/recording/played.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
on_played(const struct tb_played *played, void *userdata)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);

	tb_played_write(played, true, &buf);
	if (tb_buf_error(&buf) < 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	_cleanup_free_ char *why = NULL;
	struct tb_recording recording;
	int r = tb_recording_parse((const char *)data, len, &recording, &why);

	if (r < 0) {
		if (r == -EINVAL && !why)
			abort();
		return 0;
	}
	tb_recording_play(&recording, on_played, NULL, &why);
	tb_recording_done(&recording);
	return 0;
}
