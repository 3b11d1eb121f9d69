/* SPDX-License-Identifier: MIT */
/*
 * What the bytes of a recording decode to: the codecs of its driver with its settings, on the
 * recording's own time. It does by hand what the driver does between wire and event, and has
 * neither a loop nor a device.
 */
#pragma once

#include "hw/recording/recording.h"
#include "hw/scan.h"

/* One thing that came of it. Borrowed until the call returns. */
struct tb_played {
	uint64_t t_us;
	const struct tb_scan *scan; /* a code; else NULL, and then */
	const char *dropped;        /* the word of what was thrown away, or */
	bool refused;               /* a payment card stood in the recording's place, or */
	uint64_t omitted;           /* bytes that were not kept */
};
typedef void (*tb_played_fn)(const struct tb_played *played, void *userdata);

struct tb_player;

/* The recording is borrowed. -EINVAL with a sentence (to free): no such driver, or it reads no
 * codes, or a setting it does not take; -ENOMEM. */
int tb_player_new(const struct tb_recording *recording, tb_played_fn fn, void *userdata,
	struct tb_player **ret, char **ret_why);
void tb_player_free(struct tb_player *player);

/* Time goes on to now_us: what silence ends, ends; UINT64_MAX is for ever. */
void tb_player_wait(struct tb_player *player, uint64_t now_us);
/* One read of the wire at now_us, as long as the driver would have got it. Silence before it is
 * tb_player_wait()'s to judge, as a driver reads what waits in the kernel before it calls it one.
 */
void tb_player_feed(struct tb_player *player, const uint8_t *bytes, size_t len, uint64_t now_us);

/* All of it as it was recorded, and the silence after it. Results as of tb_player_new(). */
int tb_recording_play(
	const struct tb_recording *recording, tb_played_fn fn, void *userdata, char **ret_why);
