/* SPDX-License-Identifier: MIT */
/*
 * Any stream under any framing: what comes out does not depend on how the stream is cut, no code is
 * longer than it may be, and none is empty. The first byte chooses the framing, the second the
 * greatest length; 0xfe in the stream is silence.
 */

#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "hw/codec/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t longest;

static void
note(const uint8_t *code, size_t len, const char *reason, void *userdata)
{
	struct tb_buf *out = userdata;

	if (!reason && (len == 0 || len > longest))
		abort();
	tb_buf_add_str(out, reason ? reason : "=");
	tb_buf_add(out, code, reason ? 0 : len);
	tb_buf_add_byte(out, '\n');
}

static void
play(const struct tb_frame_config *config, const uint8_t *data, size_t len, size_t piece,
	struct tb_buf *out)
{
	struct tb_frame frame;

	if (tb_frame_init(&frame, config, note, out) < 0)
		abort();
	for (size_t i = 0; i < len;) {
		size_t n = 0;

		while (i + n < len && n < piece && data[i + n] != 0xfe)
			n++;
		tb_frame_feed(&frame, data + i, n, i + 1);
		i += n;
		if (i < len && data[i] == 0xfe) {
			tb_frame_silence(&frame);
			if (tb_frame_deadline(&frame) != UINT64_MAX)
				abort();
			i++;
		}
	}
	tb_frame_done(&frame);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct tb_frame_config config = {.idle_us = 1000};
	struct tb_buf whole = TB_BUF_INIT(0), cut = TB_BUF_INIT(0);

	if (len < 2)
		return 0;
	config.terminator = (enum tb_terminator)((data[0] & 0x0f) % 6);
	if (data[0] & 0x10)
		config.prefix[config.prefix_len++] = 0x02;
	if (data[0] & 0x40)
		config.prefix[config.prefix_len++] = 0x02;
	if (data[0] & 0x20)
		config.suffix[config.suffix_len++] = 0x03;
	if (data[0] & 0x80)
		config.suffix[config.suffix_len++] = '\r';
	config.max_length = longest = data[1] ? data[1] : 8192;
	play(&config, data + 2, len - 2, len, &whole);
	play(&config, data + 2, len - 2, 1, &cut);
	if (whole.len != cut.len || (whole.len && memcmp(whole.data, cut.data, whole.len)))
		abort();
	tb_buf_reset(&cut);
	play(&config, data + 2, len - 2, 7, &cut);
	if (whole.len != cut.len || (whole.len && memcmp(whole.data, cut.data, whole.len)))
		abort();
	tb_buf_done(&whole);
	tb_buf_done(&cut);
	return 0;
}
