/* SPDX-License-Identifier: MIT */
/*
 * The items of a HID report descriptor (Device Class Definition for HID 1.11, 6.2.2) as a walk over
 * input fields. It knows no usage page's meaning.
 */
#pragma once

#include "base/macros.h"

struct tb_hid_field {
	uint8_t report_id;    /* 0: reports are not numbered */
	uint32_t usage;       /* page << 16 | usage, of this element */
	uint32_t application; /* usage of the application collection around it */
	size_t bit, bits;     /* place in the report, its id byte counted where there is one */
	size_t count;         /* elements of the same usage that follow each other, at least 1 */
	bool constant;        /* padding */
};

/* Called for each input field in order; another value than 0 ends the walk and is returned. */
typedef int (*tb_hid_field_fn)(const struct tb_hid_field *field, void *userdata);
/* Called for each application collection. */
typedef int (*tb_hid_application_fn)(uint32_t usage, void *userdata);

/* -EBADMSG when the descriptor is cut short, unbalanced, or declares more than a report can hold.
 */
int tb_hid_walk(const uint8_t *descriptor, size_t len, tb_hid_application_fn application,
	tb_hid_field_fn field, void *userdata);
