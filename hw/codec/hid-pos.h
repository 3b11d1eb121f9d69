/* SPDX-License-Identifier: MIT */
/*
 * HID POS bar code scanners (usage page 0x8C, HID Point of Sale Usage Tables 1.02): where the
 * fields of an input report lie, and the joining of reports into whole codes. Pure: descriptors,
 * reports and times in, codes and drops out. It opens nothing and does not know what a code is for.
 */
#pragma once

#include "base/macros.h"
#include "hw/scan.h"

#define TB_HID_POS_REPORT_MAX 4096
#define TB_HID_POS_CONTINUATION_US UINT64_C(500000) /* then what came of a code is dropped */
#define TB_HID_POS_NONE SIZE_MAX

/* Byte offsets in the input report as read() gives it, its id byte included where it has one. */
struct tb_hid_pos_layout {
	bool numbered; /* the first byte is the report's id */
	uint8_t report_id;
	size_t report_len;
	size_t count_at;          /* how many bytes of the data field count */
	size_t aim_at;            /* three characters, or TB_HID_POS_NONE */
	size_t vendor_at;         /* Honeywell's letter for the symbology, or TB_HID_POS_NONE */
	size_t data_at, data_len; /* the decoded data */
	size_t continued_at;      /* TB_HID_POS_NONE: codes are never continued */
	uint8_t continued_mask;   /* of the bit "more follows" */
};

/* Whether it declares a bar code scanner, however badly the rest. */
bool tb_hid_pos_is_scanner(const uint8_t *descriptor, size_t len);

/*
 * The layout a report descriptor declares. -ENOENT: the interface is something else (no application
 * collection 0x8C:0x02); -EBADMSG: it is one, but what it declares cannot be read or contradicts
 * itself, or it breaks off before it says what it is: the known layouts serve.
 */
int tb_hid_pos_parse(const uint8_t *descriptor, size_t len, struct tb_hid_pos_layout *ret);

/* Joins the reports of one device. */
struct tb_hid_pos {
	struct tb_hid_pos_layout declared;
	bool has_declared; /* false: the known layouts A, B and C by the report's look */
	struct tb_hid_pos_layout using; /* of the code being joined */
	uint8_t code[TB_CODE_MAX + 3];  /* AIM identifier and data so far */
	size_t len;
	uint8_t vendor; /* the letter in its first report, 0 where there is none */
	bool joining;   /* a continued report came and its code is not whole yet */
	bool lost;      /* a part was dropped: what continues it is dropped too */
	uint64_t last_us;
};

enum tb_hid_pos_result {
	TB_HID_POS_CODE,    /* code and len hold a whole code until the next call */
	TB_HID_POS_MORE,    /* a part: the next report continues it */
	TB_HID_POS_IGNORED, /* another report of the device, or an empty one */
	TB_HID_POS_DROPPED, /* a report that lies, with what it continued; one error to count */
};

/* layout NULL: only the known ones. */
void tb_hid_pos_init(struct tb_hid_pos *pos, const struct tb_hid_pos_layout *layout);

/* One input report as read from hidraw, with the time it came. Whether it is late is never judged
 * here, since reports that waited in the kernel look late: who has a clock calls
 * tb_hid_pos_expire() when there was truly nothing to read. */
enum tb_hid_pos_result tb_hid_pos_feed(
	struct tb_hid_pos *pos, const uint8_t *report, size_t len, uint64_t now_us);

/* The word for the symbology of the code that was given, by its maker's letter; NULL when that says
 * nothing. The AIM identifier within the code says more. */
const char *tb_hid_pos_symbology(const struct tb_hid_pos *pos);

/* Wipes the code that was given; what is being joined stays. */
void tb_hid_pos_forget(struct tb_hid_pos *pos);

/* When tb_hid_pos_expire() wants to be called, UINT64_MAX for never; it returns true when something
 * was dropped. */
uint64_t tb_hid_pos_deadline_us(const struct tb_hid_pos *pos);
bool tb_hid_pos_expire(struct tb_hid_pos *pos, uint64_t now_us);
