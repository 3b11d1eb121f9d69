/* SPDX-License-Identifier: MIT */
/*
 * The contract of a wire that carries reports and no stream: one HID interface, through the node
 * the kernel made for it (hidraw.c) or through libusb (usb-hid.c). It keeps reports apart and in
 * order and understands none of them; what an interface is for, its report descriptor says to
 * whoever opened it.
 */
#pragma once

#include "base/loop.h"

#define TB_HID_DESCRIPTOR_MAX 4096
#define TB_HID_FEATURE_MAX 64

struct tb_hid;

/* What an interface is to whoever opens the device. */
enum tb_hid_fit {
	TB_HID_OTHER,   /* something else: it is left alone */
	TB_HID_PERHAPS, /* its descriptor cannot be read, or says nothing: taken if nothing fits */
	TB_HID_FITS,
};

/* Each is called from the loop, but for judge, which may come from within the open. */
struct tb_hid_handler {
	/* descriptor NULL: it cannot be read. The one judged last is the one that is opened. */
	enum tb_hid_fit (*judge)(const uint8_t *descriptor, size_t len, void *userdata);
	/* Reports come from now on. Once, before any of the others. note: a sentence when it did
	 * not take its feature report, which need not mean that it reads nothing; else NULL. */
	void (*opened)(const char *note, void *userdata);
	/* One input report as the device sent it, behind its id where it has one. Borrowed. len 0:
	 * one was spoiled on the way. */
	void (*report)(const uint8_t *report, size_t len, void *userdata);
	/* All that waited has been told. */
	void (*drained)(void *userdata);
	/* The device is gone or will not do; the last that is told. error is a negative errno,
	 * -EINVAL when another try would end the same. why is borrowed. */
	void (*lost)(int error, const char *why, void *userdata);
};

struct tb_hid_wish {
	const char *what;       /* what is looked for, "bar code scanner in HID POS mode" */
	const uint8_t *feature; /* a feature report to send before it is opened, its id first */
	size_t feature_len;     /* 0: none */
};

struct tb_hid_ops {
	/* Gives the device back and frees, at once. */
	void (*close)(struct tb_hid *hid);
};

/* The first member of both. */
struct tb_hid {
	const struct tb_hid_ops *ops;
};

/*
 * address without its prefix: a path, or "@PORT", "VID:PID[:SERIAL]". 0, and the handler is told
 * `opened` or `lost`; or a negative errno with ret_why (to free), as tb_driver.open promises it.
 */
int tb_hidraw_open(struct tb_loop *loop, const char *address, const struct tb_hid_wish *wish,
	const struct tb_hid_handler *handler, void *userdata, struct tb_hid **ret, char **ret_why);
int tb_usb_hid_open(struct tb_loop *loop, const char *address, const struct tb_hid_wish *wish,
	const struct tb_hid_handler *handler, void *userdata, struct tb_hid **ret, char **ret_why);

/* Why an interface that is there will not do; what to tell of one that did not take its feature
 * report (both to free). */
char *tb_hid_why_other(const char *address, const char *what);
char *tb_hid_note_feature(const char *what, const char *why);

static inline void
tb_hid_closep(struct tb_hid **hid)
{
	if (*hid)
		(*hid)->ops->close(*hid);
	*hid = NULL;
}
