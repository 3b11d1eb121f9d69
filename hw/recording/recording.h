/* SPDX-License-Identifier: MIT */
/*
 * A recording of a device's wire: JSON lines, the first of them its head {device, driver, model,
 * by, on, settings?, descriptor?}, each other a read or a write {t_us, dir: in|out, hex}. Lines
 * that say `refused` or `omitted` stand where bytes were not kept. Read here, played by player.h;
 * it opens no file and no device.
 */
#pragma once

#include "hw/driver.h"

#define TB_RECORDING_MAX ((size_t)64 << 20) /* of its text */

struct tb_recorded {
	uint64_t t_us;
	bool out;
	const uint8_t *bytes; /* into the recording's own memory */
	size_t len;
	bool refused;     /* a payment card stood here */
	uint64_t omitted; /* so many bytes stood here */
};

struct tb_recording {
	char *device, *driver, *model, *by, *on; /* never NULL */
	struct tb_setting *settings;             /* as in a section */
	size_t n_settings;
	uint8_t *descriptor; /* of a HID device's reports, or NULL */
	size_t descriptor_len;
	struct tb_recorded *lines;
	size_t n_lines;
	uint8_t *bytes; /* of all lines */
	size_t n_bytes;
};

/* 0; -EINVAL with a sentence that names the line, -ENOMEM. ret_why is to be freed. */
int tb_recording_parse(const char *text, size_t len, struct tb_recording *ret, char **ret_why);
void tb_recording_done(struct tb_recording *recording);
