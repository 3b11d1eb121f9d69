/* SPDX-License-Identifier: MIT */
/* A serial port that is not there: a raw pseudo-terminal behind a link of one's choice. */
#pragma once

#include "base/macros.h"

struct tb_sim_pty {
	int master; /* non-blocking */
	int slave;  /* kept open, so that a reader who leaves is no hang-up of ours */
	char *link; /* owned */
};

#define TB_SIM_PTY_INIT ((struct tb_sim_pty){.master = -1, .slave = -1})

/* Replaces a link that is there, nothing else. -errno. */
int tb_sim_pty_open(struct tb_sim_pty *pty, const char *link);
/* Hangs up and removes the link. */
void tb_sim_pty_close(struct tb_sim_pty *pty);
