/* SPDX-License-Identifier: MIT */
/*
 * The configuration as tillctl reads it: to look around in it and to add to it, never to judge it.
 * What is right and what is wrong in it only the daemon says (tillbridged --check-config).
 */
#pragma once

#include "base/macros.h"

#define TILLCTL_CONF_DIR "/etc/tillbridge"

struct tillctl_ini_line {
	const char *file;
	unsigned line;
	const char *section; /* "device counter" */
	const char *key, *value;
};
typedef void (*tillctl_ini_fn)(const struct tillctl_ini_line *line, void *userdata);

/*
 * Each key of `file`, or with NULL of DIR/tillbridge.conf and DIR/conf.d/ *.conf. 0; a negative
 * errno when one that is there cannot be read, with its name in ret_file (to free).
 */
int tillctl_ini_read(
	const char *file, const char *dir, tillctl_ini_fn fn, void *userdata, char **ret_file);
/* "NAME" of a section [device NAME], NULL of another. */
const char *tillctl_ini_device(const char *section);
