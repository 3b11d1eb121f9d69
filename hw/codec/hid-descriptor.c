/* SPDX-License-Identifier: MIT */
/*
 * Walks the items of a report descriptor. Every number in it comes from a device and may lie: sums
 * are bounded, stacks have an end, and nothing is allocated.
 */

#include "hw/codec/hid-descriptor.h"

#include <string.h>

#define STACK_MAX 8
#define DEPTH_MAX 16
#define USAGES_MAX 64
#define REPORTS_MAX 32
#define REPORT_BITS_MAX (4096 * 8)

struct globals {
	uint32_t page;
	uint32_t size, count;
	uint8_t report_id;
};

struct walk {
	struct globals now, stack[STACK_MAX];
	size_t n_stack;
	uint32_t usages[USAGES_MAX];
	size_t n_usages;
	uint32_t usage_min, usage_max;
	bool has_min, has_max;
	struct {
		bool application;
		uint32_t usage;
	} collections[DEPTH_MAX];
	size_t depth;
	struct {
		uint8_t id;
		size_t bits;
	} reports[REPORTS_MAX];
	size_t n_reports;
	tb_hid_application_fn application;
	tb_hid_field_fn field;
	void *userdata;
};

static size_t *
report_bits(struct walk *w)
{
	for (size_t i = 0; i < w->n_reports; i++)
		if (w->reports[i].id == w->now.report_id)
			return &w->reports[i].bits;
	if (w->n_reports == REPORTS_MAX)
		return NULL;
	w->reports[w->n_reports].id = w->now.report_id;
	w->reports[w->n_reports].bits = w->now.report_id ? 8 : 0;
	return &w->reports[w->n_reports++].bits;
}

static uint32_t
application_usage(const struct walk *w)
{
	for (size_t i = w->depth; i > 0; i--)
		if (w->collections[i - 1].application)
			return w->collections[i - 1].usage;
	return 0;
}

static uint32_t
usage_of(const struct walk *w, size_t index)
{
	if (w->n_usages > 0)
		return w->usages[TB_MIN(index, w->n_usages - 1)];
	if (w->has_min && w->has_max && w->usage_max >= w->usage_min)
		return w->usage_min +
		       (uint32_t)TB_MIN(index, (size_t)(w->usage_max - w->usage_min));
	return 0;
}

static int
input_item(struct walk *w, uint32_t flags)
{
	size_t *bits = report_bits(w);
	size_t total = (size_t)w->now.size * w->now.count;
	struct tb_hid_field field = {
		.report_id = w->now.report_id,
		.application = application_usage(w),
		.bits = w->now.size,
		.constant = flags & 1,
	};

	if (!bits || w->now.size > 32 * 8 || w->now.count > REPORT_BITS_MAX ||
		*bits + total > REPORT_BITS_MAX)
		return -EBADMSG;
	/* An array's elements share their usages; what counts here is where the field lies. */
	for (size_t i = 0; i < w->now.count; i += field.count) {
		int r;

		field.bit = *bits + i * w->now.size;
		field.usage = usage_of(w, i);
		field.count = 1;
		while (i + field.count < w->now.count &&
			usage_of(w, i + field.count) == field.usage)
			field.count++;
		r = w->field(&field, w->userdata);
		if (r != 0)
			return r;
	}
	*bits += total;
	return 0;
}

static int
main_item(struct walk *w, unsigned tag, uint32_t value)
{
	int r = 0;

	switch (tag) {
	case 0x8:
		r = input_item(w, value);
		break;
	case 0xa:
		if (w->depth == DEPTH_MAX)
			return -EBADMSG;
		w->collections[w->depth].application = value == 1;
		w->collections[w->depth].usage = usage_of(w, 0);
		if (value == 1)
			r = w->application(w->collections[w->depth].usage, w->userdata);
		w->depth++;
		break;
	case 0xc:
		if (w->depth == 0)
			return -EBADMSG;
		w->depth--;
		break;
	default: /* output and feature reports are another matter */
		break;
	}
	w->n_usages = 0;
	w->has_min = w->has_max = false;
	return r;
}

static int
global_item(struct walk *w, unsigned tag, uint32_t value)
{
	switch (tag) {
	case 0x0:
		w->now.page = value & 0xffff;
		return 0;
	case 0x7:
		w->now.size = value;
		return 0;
	case 0x8:
		if (value == 0 || value > 255)
			return -EBADMSG;
		w->now.report_id = (uint8_t)value;
		return 0;
	case 0x9:
		w->now.count = value;
		return 0;
	case 0xa:
		if (w->n_stack == STACK_MAX)
			return -EBADMSG;
		w->stack[w->n_stack++] = w->now;
		return 0;
	case 0xb:
		if (w->n_stack == 0)
			return -EBADMSG;
		w->now = w->stack[--w->n_stack];
		return 0;
	default: /* minima, maxima and units do not move anything */
		return 0;
	}
}

static void
local_item(struct walk *w, unsigned tag, uint32_t value, size_t size)
{
	/* A usage of four bytes brings its own page. */
	uint32_t usage = size == 4 ? value : w->now.page << 16 | value;

	if (tag == 0x0 && w->n_usages < USAGES_MAX) {
		w->usages[w->n_usages++] = usage;
	} else if (tag == 0x1) {
		w->usage_min = usage;
		w->has_min = true;
	} else if (tag == 0x2) {
		w->usage_max = usage;
		w->has_max = true;
	}
}

int
tb_hid_walk(const uint8_t *descriptor, size_t len, tb_hid_application_fn application,
	tb_hid_field_fn field, void *userdata)
{
	struct walk w = {.application = application, .field = field, .userdata = userdata};

	for (size_t at = 0; at < len;) {
		uint8_t prefix = descriptor[at++];
		size_t size = (prefix & 3) == 3 ? 4 : prefix & 3;
		uint32_t value = 0;
		int r = 0;

		if (prefix == 0xfe) { /* a long item: skipped whole */
			if (len - at < 2 || len - at - 2 < descriptor[at])
				return -EBADMSG;
			at += (size_t)2 + descriptor[at];
			continue;
		}
		if (len - at < size)
			return -EBADMSG;
		for (size_t i = 0; i < size; i++)
			value |= (uint32_t)descriptor[at + i] << (8 * i);
		at += size;
		if ((prefix >> 2 & 3) == 0)
			r = main_item(&w, prefix >> 4, value);
		else if ((prefix >> 2 & 3) == 1)
			r = global_item(&w, prefix >> 4, value);
		else
			local_item(&w, prefix >> 4, value, size);
		if (r != 0)
			return r;
	}
	return w.depth == 0 ? 0 : -EBADMSG;
}
