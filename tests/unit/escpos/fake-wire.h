/* SPDX-License-Identifier: MIT */
/*
 * A printer at the other end of a wire that exists only in memory: it takes as many bytes as it is
 * told to, answers as printers do, runs out of paper at a chosen byte, hangs up at another. It
 * checks that what it gets is the job, whole and once, with questions only between two commands.
 * Its tb_stream_open() takes the place of the real one in the program it is linked into.
 */
#pragma once

#include "base/buf.h"
#include "hw/escpos/encode.h"
#include "hw/transport/transport.h"

struct fake_printer {
	/* how it behaves; may be changed at any time, fake_changed() afterwards */
	bool mute;          /* answers nothing */
	bool no_proof;      /* answers DLE EOT, not GS r and GS ( H */
	bool always_online; /* a clone that says 12h to everything */
	bool paper_out, cover_open, cutter, offline;
	size_t paper_out_at; /* job byte; SIZE_MAX: never */
	size_t per_write;    /* bytes taken of one write */
	size_t room;         /* bytes taken before the wire blocks; SIZE_MAX: no end */
	size_t hang_up_at;   /* byte of the stream, ours included; SIZE_MAX: never */
	bool unreachable;    /* opening fails */

	/* what it got */
	const struct tb_encoded *job; /* expected; NULL: nothing is compared */
	const uint8_t *bytes;
	size_t len;
	size_t got;           /* job bytes */
	size_t taken;         /* all bytes */
	size_t zeros, resets; /* before the job */
	unsigned questions, proofs;
	bool broken; /* a byte stood where it should not */
	struct tb_buf stream;
	char id[5];

	/* inside */
	struct tb_stream wire;
	struct tb_loop *loop;
	struct tb_stream_handler handler;
	void *userdata;
	struct tb_source *wake;
	struct tb_buf answers, partial;
	bool attached, opened, want_write, hung, told_lost;
	unsigned owed_proofs;
};

/* The printer that the next tb_stream_open() reaches. */
extern struct fake_printer *fake_next;

void fake_init(struct fake_printer *fake);
void fake_done(struct fake_printer *fake);
/* Expects these bytes from now on, once. */
void fake_expect(struct fake_printer *fake, const struct tb_encoded *encoded);
void fake_expect_raw(struct fake_printer *fake, const uint8_t *bytes, size_t len);
/* Looks again at what it may do now: answer late, take bytes, hang up. */
void fake_changed(struct fake_printer *fake);
/* Says something unasked. */
void fake_says(struct fake_printer *fake, const void *bytes, size_t len);
void fake_hangs_up(struct fake_printer *fake);
