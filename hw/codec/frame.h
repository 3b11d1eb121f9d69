/* SPDX-License-Identifier: MIT */
/*
 * Cuts what a serial scanner sends into codes: terminator, silence, prefix, suffix, greatest
 * length. Pure: bytes and times in, codes and drops out; it has no clock and no descriptor. What a
 * code says is not its business.
 */
#pragma once

#include "base/macros.h"

#define TB_FRAME_MARK_MAX 32 /* bytes of a prefix or a suffix */

enum tb_terminator {
	TB_TERMINATOR_AUTO, /* CR, LF, CR LF or silence */
	TB_TERMINATOR_CR,
	TB_TERMINATOR_LF,
	TB_TERMINATOR_CRLF,
	TB_TERMINATOR_TAB,
	TB_TERMINATOR_NONE, /* silence only; with a suffix, the suffix */
};

struct tb_frame_config {
	enum tb_terminator terminator;
	uint64_t idle_us;
	/* What stands before the prefix is noise. The suffix stands before the terminator, and only
	 * the two together end a code, so that a CR within a 2D code does not split it. */
	uint8_t prefix[TB_FRAME_MARK_MAX], suffix[TB_FRAME_MARK_MAX];
	size_t prefix_len, suffix_len;
	size_t max_length; /* bytes of a code, without prefix, suffix and terminator */
};

/*
 * A whole code (reason NULL; borrowed until the call returns), or something thrown away: reason is
 * `no_terminator` or `code_too_long`, and code is NULL.
 */
typedef void (*tb_frame_fn)(const uint8_t *code, size_t len, const char *reason, void *userdata);

struct tb_frame {
	struct tb_frame_config config;
	tb_frame_fn fn;
	void *userdata;
	uint8_t *data; /* what may still become a code */
	size_t len, size;
	uint8_t window[TB_FRAME_MARK_MAX]; /* the last bytes before the prefix is found */
	size_t window_len;
	bool within;   /* the prefix has been seen, or there is none */
	bool too_long; /* dropping up to the next end */
	uint64_t last_us;
};

/* -ENOMEM. */
int tb_frame_init(struct tb_frame *frame, const struct tb_frame_config *config, tb_frame_fn fn,
	void *userdata);
void tb_frame_done(struct tb_frame *frame);

/*
 * Takes bytes that came at now_us. Silence is never judged here, since bytes that waited in the
 * kernel look late: who has a clock calls tb_frame_silence() when there was truly nothing to read.
 */
void tb_frame_feed(struct tb_frame *frame, const uint8_t *bytes, size_t len, uint64_t now_us);
/* When silence will mean something, UINT64_MAX when nothing has come. */
uint64_t tb_frame_deadline(const struct tb_frame *frame);
/* idle_us passed without a byte. */
void tb_frame_silence(struct tb_frame *frame);
/* Forgets what was half read, reports nothing. */
void tb_frame_reset(struct tb_frame *frame);
/* Whether this text of one key ends a code, whatever stood before it. */
bool tb_frame_is_end(const struct tb_frame *frame, const char *text, size_t len);

/*
 * C escapes (\r \n \t \a \b \e \f \v \0 \\ \" \' \xHH \OOO) to bytes: the count, or -EINVAL,
 * -E2BIG. out has size bytes and may hold NUL.
 */
ssize_t tb_escapes_decode(const char *text, uint8_t *out, size_t size);
