/* SPDX-License-Identifier: MIT */
/*
 * What setup keeps between its steps: setup.c walks the installer through them, setup-file.c writes
 * what he said, setup-talk.c asks and listens.
 */
#pragma once

#include "bridge/tillctl.h"

#define TILLCTL_SECTIONS_MAX 32
#define TILLCTL_ANSWER 256

/* A section to be written. */
struct tillctl_section {
	char name[41], driver[32], address[512], profile[64];
	bool is_default;
};

struct tillctl_setup {
	struct tillctl *ctl;
	const char *dir; /* /etc/tillbridge */
	bool yes;        /* nobody is asked */
	json_t *devices; /* of device.list */

	json_t *known; /* {section's name: address} of what is configured already */
	bool has_default;
	struct tillctl_section sections[TILLCTL_SECTIONS_MAX];
	size_t n_sections;

	char said[TILLCTL_ANSWER]; /* what came on stdin and is no line yet */
	size_t n_said;
	bool over; /* stdin has ended */
};

/*
 * Asks, and waits for a line or, with `scan`, for a scan that comes before it. 0: out holds the
 * line without its end (fallback when it is empty); 1: *ret_scan is a scan's params (to decref);
 * -EPIPE: nobody answers any more.
 */
int tillctl_talk(struct tillctl_setup *setup, const char *question, const char *fallback,
	char out[TILLCTL_ANSWER], json_t **ret_scan);
/* Yes or no; with nobody to ask, fallback. -EPIPE as above. */
int tillctl_talk_yes(struct tillctl_setup *setup, const char *question, bool fallback);

/* The sections that stand in the configuration. -EACCES and the like, said on stderr. */
int tillctl_setup_known(struct tillctl_setup *setup);
/* The address of a device that stays when it is plugged in elsewhere, or in another order. */
void tillctl_setup_address(const json_t *device, char *out, size_t size);
/* Writes a file a section, has them checked; takes them back when they are wrong. An exit code. */
int tillctl_setup_write(struct tillctl_setup *setup);
