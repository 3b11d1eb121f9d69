/* SPDX-License-Identifier: MIT */
/*
 * Cuts what a serial scanner sends into codes, one byte after the other, so that it cannot matter
 * how the wire cut them into reads. It is neither AIM's nor GS1's reader.
 */

#include <string.h>
#include "hw/codec/frame.h"

int
tb_frame_init(struct tb_frame *frame, const struct tb_frame_config *config, tb_frame_fn fn,
	void *userdata)
{
	*frame = (struct tb_frame){.config = *config, .fn = fn, .userdata = userdata};
	/* room for the longest code with its suffix and a CR LF behind it */
	frame->size = config->max_length + config->suffix_len + 2;
	frame->data = malloc(frame->size);
	if (!frame->data)
		return -ENOMEM;
	tb_frame_reset(frame);
	return 0;
}

void
tb_frame_done(struct tb_frame *frame)
{
	free(frame->data);
	frame->data = NULL;
}

void
tb_frame_reset(struct tb_frame *frame)
{
	/* it may have been a payment card's number, and the buffer lives on */
	explicit_bzero(frame->data, frame->too_long ? frame->size : frame->len);
	frame->len = frame->window_len = 0;
	frame->too_long = false;
	frame->within = frame->config.prefix_len == 0;
}

static bool
ends_with(const uint8_t *data, size_t len, const uint8_t *mark, size_t mark_len)
{
	return len >= mark_len && (mark_len == 0 || !memcmp(data + len - mark_len, mark, mark_len));
}

/* A code has ended; tail counts the bytes of suffix and terminator that stand behind it in data. */
static void
end_code(struct tb_frame *frame, size_t tail)
{
	size_t len = frame->len - tail;

	if (frame->too_long)
		; /* told when it became so */
	else if (len > frame->config.max_length)
		frame->fn(NULL, 0, "code_too_long", frame->userdata);
	else if (len > 0)
		frame->fn(frame->data, len, NULL, frame->userdata);
	tb_frame_reset(frame);
}

/* How many of the last bytes are the end of a code, 0 when it goes on. */
static size_t
end_length(const struct tb_frame *frame)
{
	const struct tb_frame_config *config = &frame->config;
	uint8_t last = frame->data[frame->len - 1];
	size_t terminator = 1;

	switch (config->terminator) {
	case TB_TERMINATOR_AUTO:
		if (last != '\r' && last != '\n')
			return 0;
		break;
	case TB_TERMINATOR_CR:
		if (last != '\r')
			return 0;
		break;
	case TB_TERMINATOR_LF:
		if (last != '\n')
			return 0;
		break;
	case TB_TERMINATOR_CRLF:
		if (last != '\n' || frame->len < 2 || frame->data[frame->len - 2] != '\r')
			return 0;
		terminator = 2;
		break;
	case TB_TERMINATOR_TAB:
		if (last != '\t')
			return 0;
		break;
	case TB_TERMINATOR_NONE:
		if (config->suffix_len == 0)
			return 0;
		terminator = 0;
		break;
	}
	if (!ends_with(frame->data, frame->len - terminator, config->suffix, config->suffix_len))
		return 0;
	return config->suffix_len + terminator;
}

bool
tb_frame_is_end(const struct tb_frame *frame, const char *text, size_t len)
{
	static const char *const ends[] = {
		[TB_TERMINATOR_AUTO] = "\r\n",
		[TB_TERMINATOR_CR] = "\r",
		[TB_TERMINATOR_LF] = "\n",
		[TB_TERMINATOR_CRLF] = "\n",
		[TB_TERMINATOR_TAB] = "\t",
		[TB_TERMINATOR_NONE] = "",
	};

	return len == 1 && text[0] && strchr(ends[frame->config.terminator], text[0]);
}

/* Before the prefix: whether this byte completes it. */
static bool
completes_prefix(struct tb_frame *frame, uint8_t byte)
{
	const struct tb_frame_config *config = &frame->config;

	if (frame->window_len == config->prefix_len) {
		memmove(frame->window, frame->window + 1, frame->window_len - 1);
		frame->window_len--;
	}
	frame->window[frame->window_len++] = byte;
	return ends_with(frame->window, frame->window_len, config->prefix, config->prefix_len);
}

static void
feed_byte(struct tb_frame *frame, uint8_t byte)
{
	size_t tail;

	if (!frame->within) {
		frame->within = completes_prefix(frame, byte);
		return;
	}
	if (frame->config.terminator == TB_TERMINATOR_AUTO && frame->len == 0 &&
		(byte == '\r' || byte == '\n')) {
		/* the LF of the CR that ended the last code, or the end of nothing */
		tb_frame_reset(frame);
		return;
	}
	if (frame->len == frame->size) {
		/* too long whatever follows: only as much is kept as shows the end */
		size_t keep = frame->config.suffix_len + 1;

		if (!frame->too_long)
			frame->fn(NULL, 0, "code_too_long", frame->userdata);
		frame->too_long = true;
		memmove(frame->data, frame->data + frame->len - keep, keep);
		frame->len = keep;
	}
	frame->data[frame->len++] = byte;
	tail = end_length(frame);
	if (tail > 0)
		end_code(frame, tail);
}

void
tb_frame_feed(struct tb_frame *frame, const uint8_t *bytes, size_t len, uint64_t now_us)
{
	frame->last_us = now_us;
	for (size_t i = 0; i < len; i++)
		feed_byte(frame, bytes[i]);
}

/* Something has come that silence ends: a part of a code, or a prefix with nothing behind it. */
static bool
pending(const struct tb_frame *frame)
{
	return frame->len > 0 || frame->too_long || frame->window_len > 0;
}

uint64_t
tb_frame_deadline(const struct tb_frame *frame)
{
	return pending(frame) ? frame->last_us + frame->config.idle_us : UINT64_MAX;
}

void
tb_frame_silence(struct tb_frame *frame)
{
	const struct tb_frame_config *config = &frame->config;
	bool ends = config->terminator == TB_TERMINATOR_AUTO ||
	            config->terminator == TB_TERMINATOR_NONE;

	if (!pending(frame))
		return;
	if (!frame->within) {
		/* noise; half a prefix was noise as well */
		tb_frame_reset(frame);
	} else if (frame->too_long) {
		end_code(frame, 0);
	} else if (ends && ends_with(frame->data, frame->len, config->suffix, config->suffix_len)) {
		end_code(frame, config->suffix_len);
	} else {
		tb_frame_reset(frame);
		frame->fn(NULL, 0, "no_terminator", frame->userdata);
	}
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte that the escape behind a backslash means; advances over it. -EINVAL. */
static int
decode_escape(const char **text)
{
	static const char letters[] = "abefnrtv\\\"'", values[] = "\a\b\x1b\f\n\r\t\v\\\"'";
	const char *p = *text, *letter;
	int value = 0, digits = 0;

	if (*p == 'x') {
		for (p++; digits < 2 && hex_value(*p) >= 0; digits++)
			value = value * 16 + hex_value(*p++);
	} else if (*p >= '0' && *p <= '7') {
		for (; digits < 3 && *p >= '0' && *p <= '7'; digits++)
			value = value * 8 + (*p++ - '0');
	} else if (*p && (letter = strchr(letters, *p))) {
		value = values[letter - letters];
		digits = 1;
		p++;
	}
	if (digits == 0 || value > 255)
		return -EINVAL;
	*text = p;
	return value;
}

ssize_t
tb_escapes_decode(const char *text, uint8_t *out, size_t size)
{
	size_t n = 0;

	while (*text) {
		int byte = (uint8_t)*text++;

		if (byte == '\\')
			byte = decode_escape(&text);
		if (byte < 0)
			return byte;
		if (n == size)
			return -E2BIG;
		out[n++] = (uint8_t)byte;
	}
	return (ssize_t)n;
}
