/* SPDX-License-Identifier: MIT */
/*
 * HID POS scanners. The descriptor says where the fields lie; where it cannot be read, three
 * layouts that are found in the field serve: A (Honeywell, Access-IS: AIM identifier at 2, data at
 * 5), B (Newland, Unitech, IDTech: data at 2, no identifier) and C (as A, one byte later), each in
 * reports of 64 bytes with the bit "continued" in the last one.
 */

#include "hw/codec/hid-pos.h"

#include <string.h>
#include "hw/codec/aim.h"
#include "hw/codec/hid-descriptor.h"

#define USAGE_SCANNER UINT32_C(0x008c0002)
#define USAGE_BYTE_COUNT UINT32_C(0x0001003b)
#define USAGE_AIM_1 UINT32_C(0x008c00fb)
#define USAGE_DATA UINT32_C(0x008c00fe)
#define USAGE_CONTINUED UINT32_C(0x008c00ff)
#define USAGE_VENDOR UINT32_C(0xff660004) /* Honeywell's code id */

#define KNOWN_LEN 64
#define KNOWN_LAYOUT(aim, data, vendor) \
	{ \
		.report_len = KNOWN_LEN, .count_at = 1, .aim_at = aim, .data_at = data, \
		.data_len = 56, .vendor_at = vendor, .continued_at = 63, .continued_mask = 1 \
	}

static const struct tb_hid_pos_layout layout_a = KNOWN_LAYOUT(2, 5, 61);
/* another maker's, whose letters are not published */
static const struct tb_hid_pos_layout layout_b = KNOWN_LAYOUT(TB_HID_POS_NONE, 2, TB_HID_POS_NONE);
static const struct tb_hid_pos_layout layout_c = KNOWN_LAYOUT(3, 6, 62);

/* Code IDs after the symbology charts of Honeywell's manuals (Xenon 1900, appendix A). */
static const struct {
	char letter;
	const char *word;
} vendor_letters[] = {
	{'D', "ean8"},
	{'E', "upce"},
	{'I', "gs1-128"},
	{'a', "codabar"},
	{'b', "code39"},
	{'c', "upca"},
	{'d', "ean13"},
	{'e', "itf"},
	{'i', "code93"},
	{'j', "code128"},
	{'r', "pdf417"},
	{'s', "qr"},
	{'w', "datamatrix"},
	{'x', "maxicode"},
	{'y', "gs1-databar"},
	{'z', "aztec"},
};

struct reading {
	struct tb_hid_pos_layout layout;
	bool scanner, other, has_count, has_data, has_continued, torn;
	unsigned aim_found;
	size_t bits; /* of the report that holds the data */
};

static int
see_application(uint32_t usage, void *userdata)
{
	struct reading *reading = userdata;

	reading->scanner |= usage == USAGE_SCANNER;
	reading->other |= usage != USAGE_SCANNER;
	return 0;
}

static int
skip_field(const struct tb_hid_field *field, void *userdata)
{
	return 0;
}

bool
tb_hid_pos_is_scanner(const uint8_t *descriptor, size_t len)
{
	struct reading r = {.scanner = false};

	tb_hid_walk(descriptor, len, see_application, skip_field, &r);
	return r.scanner;
}

static void
see_data(struct reading *r, const struct tb_hid_field *f)
{
	if (r->has_data)
		return;
	r->has_data = true;
	r->torn |= f->bit % 8 != 0 || f->bits != 8;
	r->layout.data_at = f->bit / 8;
	r->layout.data_len = f->count;
	r->layout.numbered = f->report_id != 0;
	r->layout.report_id = f->report_id;
}

/* Where the identifier's three characters lie; the first of each counts. */
static void
see_aim(struct reading *r, const struct tb_hid_field *f)
{
	uint32_t which = f->usage - USAGE_AIM_1;

	if (r->aim_found & 1u << which)
		return;
	if (which == 0)
		r->layout.aim_at = f->bit / 8;
	r->torn |= f->bit % 8 != 0 || f->bits != 8 || f->bit / 8 != r->layout.aim_at + which;
	r->aim_found |= 1u << which;
}

/* Fields of other reports of the scanner (status, scanned raw) do not matter: what was seen of one
 * that turns out to hold no data is forgotten. */
static bool
is_of_another_report(struct reading *r, const struct tb_hid_field *f)
{
	if (f->report_id == r->layout.report_id)
		return false;
	if (r->has_data)
		return true;
	r->layout = (struct tb_hid_pos_layout){.report_id = f->report_id,
		.aim_at = TB_HID_POS_NONE,
		.vendor_at = TB_HID_POS_NONE,
		.continued_at = TB_HID_POS_NONE,
		.count_at = TB_HID_POS_NONE};
	r->has_count = r->has_continued = r->torn = false;
	r->aim_found = 0;
	r->bits = 0;
	return false;
}

static int
see_field(const struct tb_hid_field *f, void *userdata)
{
	struct reading *r = userdata;

	if (f->application != USAGE_SCANNER || is_of_another_report(r, f))
		return 0;
	r->bits = TB_MAX(r->bits, f->bit + f->bits * f->count);
	if (f->constant)
		return 0;
	switch (f->usage) {
	case USAGE_BYTE_COUNT:
		if (r->has_count)
			break;
		r->has_count = true;
		r->torn |= f->bit % 8 != 0 || f->bits != 8;
		r->layout.count_at = f->bit / 8;
		break;
	case USAGE_AIM_1:
	case USAGE_AIM_1 + 1:
	case USAGE_AIM_1 + 2:
		see_aim(r, f);
		break;
	case USAGE_DATA:
		see_data(r, f);
		break;
	case USAGE_VENDOR:
		if (r->layout.vendor_at == TB_HID_POS_NONE && f->bit % 8 == 0 && f->bits == 8)
			r->layout.vendor_at = f->bit / 8;
		break;
	case USAGE_CONTINUED:
		if (r->has_continued)
			break;
		r->has_continued = true;
		r->layout.continued_at = f->bit / 8;
		r->layout.continued_mask = (uint8_t)(1u << (f->bit % 8));
		break;
	default:
		break;
	}
	return 0;
}

static bool
overlaps(size_t a, size_t a_len, size_t b, size_t b_len)
{
	return a != TB_HID_POS_NONE && b != TB_HID_POS_NONE && a < b + b_len && b < a + a_len;
}

int
tb_hid_pos_parse(const uint8_t *descriptor, size_t len, struct tb_hid_pos_layout *ret)
{
	struct reading r = {
		.layout = {.aim_at = TB_HID_POS_NONE,
			.vendor_at = TB_HID_POS_NONE,
			.continued_at = TB_HID_POS_NONE,
			.count_at = TB_HID_POS_NONE},
	};
	struct tb_hid_pos_layout *l = &r.layout;
	int error = tb_hid_walk(descriptor, len, see_application, see_field, &r);

	if (!r.scanner)
		return error < 0 && !r.other ? -EBADMSG : -ENOENT;
	if (error < 0 || r.torn || !r.has_count || !r.has_data || l->data_len == 0 ||
		(r.aim_found != 0 && r.aim_found != 7))
		return -EBADMSG;
	l->report_len = (r.bits + 7) / 8;
	if (l->report_len > TB_HID_POS_REPORT_MAX || l->count_at >= l->report_len ||
		overlaps(l->count_at, 1, l->data_at, l->data_len) ||
		overlaps(l->aim_at, 3, l->data_at, l->data_len) ||
		overlaps(l->continued_at, 1, l->data_at, l->data_len))
		return -EBADMSG;
	*ret = *l;
	return 0;
}

void
tb_hid_pos_init(struct tb_hid_pos *pos, const struct tb_hid_pos_layout *layout)
{
	memset(pos, 0, sizeof(*pos));
	if (layout) {
		pos->declared = *layout;
		pos->has_declared = true;
	}
}

/* The layout of a code's first report. A report longer than the descriptor declared shows that it
 * lied, and so does one of the size that all known layouts have where it declared a longer one. */
static const struct tb_hid_pos_layout *
choose(const struct tb_hid_pos *pos, const uint8_t *report, size_t len)
{
	if (pos->has_declared && len <= pos->declared.report_len &&
		(len != KNOWN_LEN || pos->declared.report_len == KNOWN_LEN))
		return &pos->declared;
	if (len > 2 && report[2] == ']')
		return &layout_a;
	if (len > 3 && report[3] == ']')
		return &layout_c;
	return &layout_b;
}

static void
wipe(struct tb_hid_pos *pos)
{
	explicit_bzero(pos->code, TB_MIN(pos->len, sizeof(pos->code)));
	pos->len = 0;
}

void
tb_hid_pos_forget(struct tb_hid_pos *pos)
{
	if (!pos->joining)
		wipe(pos);
}

static enum tb_hid_pos_result
drop(struct tb_hid_pos *pos, bool continued, uint64_t now_us)
{
	/* What follows the part that was dropped belongs to it and goes too. */
	pos->joining = false;
	pos->lost = continued;
	pos->last_us = now_us;
	wipe(pos);
	return TB_HID_POS_DROPPED;
}

const char *
tb_hid_pos_symbology(const struct tb_hid_pos *pos)
{
	for (size_t i = 0; i < ARRAY_SIZE(vendor_letters); i++)
		if (vendor_letters[i].letter == pos->vendor)
			return vendor_letters[i].word;
	return NULL;
}

static enum tb_hid_pos_result
join(struct tb_hid_pos *pos, const struct tb_hid_pos_layout *l, const uint8_t *report, size_t len,
	bool continued, uint64_t now_us)
{
	size_t n = report[l->count_at];

	if (!pos->joining) {
		pos->len = 0;
		pos->using = *l;
		pos->vendor = l->vendor_at < len ? report[l->vendor_at] : 0;
		/* zeroes, or what is no identifier, are no part of the code */
		if (l->aim_at != TB_HID_POS_NONE && tb_aim_length(report + l->aim_at, 3) == 3) {
			memcpy(pos->code, report + l->aim_at, 3);
			pos->len = 3;
		}
	}
	if (pos->len + n > sizeof(pos->code))
		return drop(pos, continued, now_us);
	memcpy(pos->code + pos->len, report + l->data_at, n);
	pos->len += n;
	pos->joining = continued;
	pos->last_us = now_us;
	if (continued)
		return TB_HID_POS_MORE;
	return pos->len == 0 ? TB_HID_POS_IGNORED : TB_HID_POS_CODE;
}

enum tb_hid_pos_result
tb_hid_pos_feed(struct tb_hid_pos *pos, const uint8_t *report, size_t len, uint64_t now_us)
{
	struct tb_hid_pos_layout l;
	bool continued = false, goes_on;

	l = pos->joining ? pos->using : *choose(pos, report, len);
	if (len > 0 && l.numbered && report[0] != l.report_id)
		return TB_HID_POS_IGNORED;
	if (l.continued_at != TB_HID_POS_NONE && l.continued_at < len)
		continued = report[l.continued_at] & l.continued_mask;
	/* cut short before it says so: a part that was full is hardly the last one */
	goes_on = continued || (l.continued_at != TB_HID_POS_NONE && l.continued_at >= len &&
				       l.count_at < len && report[l.count_at] == l.data_len);
	if (pos->lost) {
		pos->lost = goes_on;
		pos->last_us = now_us;
		return TB_HID_POS_IGNORED;
	}
	if (len < l.data_at || l.count_at >= len || report[l.count_at] > l.data_len ||
		l.data_at + report[l.count_at] > len ||
		(l.aim_at != TB_HID_POS_NONE && l.aim_at + 3 > len))
		return drop(pos, goes_on, now_us);
	return join(pos, &l, report, len, continued, now_us);
}

uint64_t
tb_hid_pos_deadline_us(const struct tb_hid_pos *pos)
{
	return pos->joining || pos->lost ? pos->last_us + TB_HID_POS_CONTINUATION_US : UINT64_MAX;
}

bool
tb_hid_pos_expire(struct tb_hid_pos *pos, uint64_t now_us)
{
	bool dropped = pos->joining;

	if (now_us < tb_hid_pos_deadline_us(pos))
		return false;
	pos->joining = pos->lost = false;
	wipe(pos);
	return dropped;
}
