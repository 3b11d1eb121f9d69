/* SPDX-License-Identifier: MIT */
/*
 * One INI file as a run of sections and keys, each with its line. It knows no section and no key.
 * inih does the splitting; the lines are read here, since inih cuts those above 199 bytes in two,
 * joins indented ones to the one before, and tells nobody where it is.
 */
#pragma once

#include "base/buf.h"

struct tb_conf_place {
	const char *file;
	unsigned line;
};

struct tb_conf_reader {
	/* A section begins; name without brackets. */
	void (*section)(const struct tb_conf_place *place, const char *name, void *userdata);
	/* A key of the section that began last; false where there was none is told before. */
	void (*key)(const struct tb_conf_place *place, const char *key, const char *value,
		void *userdata);
	void *userdata;
};

/* 0, also when lines were wrong and told in problems; -ENOENT … when the file cannot be read. */
int tb_conf_read(const char *file, const struct tb_conf_reader *reader, struct tb_buf *problems);

/* Adds the line "FILE:LINE: message". */
void tb_conf_problem(struct tb_buf *problems, const struct tb_conf_place *place, const char *format,
	...) TB_PRINTF(3, 4);
