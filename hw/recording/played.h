/* SPDX-License-Identifier: MIT */
/* What came of a recording as JSON, in the words of a `scan` event. */
#pragma once

#include "base/buf.h"
#include "hw/recording/player.h"

/* Adds one object; when: with its t_us. */
void tb_played_write(const struct tb_played *played, bool when, struct tb_buf *buf);
