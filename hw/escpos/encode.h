/* SPDX-License-Identifier: MIT */
/*
 * A laid-out document to the bytes that print it, and where in them one command ends and the next
 * begins: only there may anything else be said to the printer.
 */
#pragma once

#include "base/buf.h"
#include "hw/escpos/layout.h"

#define TB_ENCODED_MAX (4 << 20) /* bytes of one document */

struct tb_mark {
	uint32_t end; /* offset behind a command, or behind a stretch of text */
	bool text;    /* text: nothing is open when it breaks off */
};

struct tb_encoded {
	struct tb_buf bytes;
	struct tb_mark *marks; /* cover the bytes without a gap */
	size_t n_marks, cap_marks;
};

/* 0; -E2BIG above TB_ENCODED_MAX, -ENOMEM. */
int tb_encode(const struct tb_layout *layout, struct tb_encoded *ret);
void tb_encoded_done(struct tb_encoded *encoded);

/* Both steps; errors and ret_why as tb_layout_init(). */
int tb_encode_document(const struct tb_document *document, const struct tb_profile *profile,
	struct tb_print_report *report, struct tb_encoded *ret, char **ret_why);

/* The first place at or behind `at` where no command is open. */
size_t tb_encoded_boundary(const struct tb_encoded *encoded, size_t at);
/* How many bytes the command still waits for that is open when `taken` bytes have gone out. */
size_t tb_encoded_open(const struct tb_encoded *encoded, size_t taken);
