/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a HID report descriptor: fields lie within a report that can be, and a layout that
 * is made of them has its fields apart. What is cut short never passes for another kind of device
 * than the whole.
 */

#include <stdlib.h>
#include "hw/codec/hid-descriptor.h"
#include "hw/codec/hid-pos.h"

#define REPORT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int
see_application(uint32_t usage, void *userdata)
{
	return 0;
}

static int
see_field(const struct tb_hid_field *field, void *userdata)
{
	if (field->count == 0 || (field->bit + field->bits * field->count + 7) / 8 > REPORT_MAX)
		abort();
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct tb_hid_pos_layout l;
	int r;

	tb_hid_walk(data, len, see_application, see_field, NULL);
	r = tb_hid_pos_parse(data, len, &l);
	if (r == -ENOENT && tb_hid_pos_is_scanner(data, len))
		abort();
	if (r < 0)
		return 0;
	if (l.report_len > TB_HID_POS_REPORT_MAX || l.count_at >= l.report_len ||
		l.data_at + l.data_len > l.report_len || l.data_len == 0 ||
		(l.aim_at != TB_HID_POS_NONE && l.aim_at + 3 > l.report_len) ||
		(l.continued_at != TB_HID_POS_NONE && l.continued_at >= l.report_len) ||
		(l.count_at >= l.data_at && l.count_at < l.data_at + l.data_len))
		abort();
	return 0;
}
