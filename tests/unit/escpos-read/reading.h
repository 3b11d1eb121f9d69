/* SPDX-License-Identifier: MIT */
/* What the tests of the reading half share: the recorded streams, and a stream read to one string.
 */
#pragma once

#include <jansson.h>
#include "hw/escpos/interpret.h"

/* The list of recorded streams and what each must give; exits when it is not there. */
json_t *recorded_list(void);
/* A recorded stream's bytes, the caller's. */
uint8_t *recorded_bytes(const char *file, size_t *ret_len);

/* All that was told of a stream, as JSON lines, and the dots of its tickets. */
struct told {
	struct tb_buf lines;
	unsigned tickets; /* with marks */
	uint64_t dots;    /* a sum over all of them */
	struct tb_canvas *canvases;
	size_t n_canvases;
	bool keep; /* keep the canvases */
};

/* cuts: where the stream is handed in in pieces, ascending, n of them; NULL: byte by byte. */
void tell(struct told *told, const struct tb_interpret_config *config, const uint8_t *bytes,
	size_t len, const size_t *cuts, size_t n);
void told_done(struct told *told);

/* A short stream in ESC/POS under the default profile. */
void tell_bytes(struct told *told, const void *bytes, size_t len);
