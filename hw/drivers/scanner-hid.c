/* SPDX-License-Identifier: MIT */
/*
 * A scanner in HID POS mode (usage page 0x8C), read through the hidraw node the kernel made for it,
 * or through libusb. The fields lie where its report descriptor says (codec/hid-pos). It does not
 * find devices, and a keyboard wedge is another driver's; but one that can be both is made a
 * scanner of by its feature report.
 */

#include <stdio.h>
#include <string.h>

#include "hw/codec/hid-pos.h"
#include "hw/drivers/drivers.h"
#include "hw/drivers/scanned.h"
#include "hw/transport/hid.h"

#define WHAT "bar code scanner in HID POS mode"
/* One that leaves the bus this soon after its feature report does so because of it. */
#define LEAVES_US UINT64_C(3000000)
#define COMES_BACK_US UINT64_C(10000000)
#define LEAVING_MAX 8
#define LOOK_AGAIN_US 1000
#define NAME_LEN 64

static const struct tb_setting_spec settings[] = {
	{"debounce", TB_SETTING_DURATION, "500ms", .max = 3600000000,
		.prose = "an equal code within it is dropped; 0s: never"},
	{"feature_on_open", TB_SETTING_STRING, "",
		.prose = "a feature report in hex that switches the scanner to HID POS"},
	{NULL},
};

struct tb_device {
	const struct tb_device_host *host;
	struct tb_hid *hid;
	struct tb_source *late;
	bool looked_again; /* the continuation is late: whether it waits in the kernel */
	struct tb_hid_pos pos;
	struct tb_double_read double_read;
	char name[NAME_LEN];
	uint64_t switched_us; /* when the feature report went out, 0: never */
	bool unasked;
	bool doubted;        /* it may be in another mode: until it has read a code */
	uint8_t *descriptor; /* of its reports, for recordings; NULL when it cannot be read */
	size_t descriptor_len;
};

/*
 * Devices that left the bus because of their feature report, by name. They come back as the same
 * ones and are not sent it again, or they would come and go for ever.
 */
static struct {
	char name[NAME_LEN];
	uint64_t until_us;
} leaving[LEAVING_MAX];

static void
note_leaving(const struct tb_device *device)
{
	uint64_t now_us = tb_loop_now_us(device->host->loop);
	size_t oldest = 0;

	if (!device->switched_us || now_us - device->switched_us > LEAVES_US)
		return;
	for (size_t i = 1; i < LEAVING_MAX; i++)
		if (leaving[i].until_us < leaving[oldest].until_us)
			oldest = i;
	memcpy(leaving[oldest].name, device->name, NAME_LEN);
	leaving[oldest].until_us = now_us + COMES_BACK_US;
}

/* Whether it is one of them; with `forget` only this time. */
static bool
is_back(const struct tb_device *device, bool forget)
{
	uint64_t now_us = tb_loop_now_us(device->host->loop);

	for (size_t i = 0; i < LEAVING_MAX; i++)
		if (leaving[i].until_us > now_us && !strcmp(leaving[i].name, device->name)) {
			leaving[i].until_us = forget ? 0 : leaving[i].until_us;
			return true;
		}
	return false;
}

static enum tb_hid_fit
judge(const uint8_t *descriptor, size_t len, void *userdata)
{
	struct tb_device *device = userdata;
	struct tb_hid_pos_layout layout;
	int r = descriptor ? tb_hid_pos_parse(descriptor, len, &layout) : -EBADMSG;

	tb_hid_pos_init(&device->pos, r == 0 ? &layout : NULL);
	free(TAKE_PTR(device->descriptor));
	device->descriptor_len = 0;
	if (descriptor && (device->descriptor = malloc(len))) {
		memcpy(device->descriptor, descriptor, len);
		device->descriptor_len = len;
	}
	if (r == 0 || (descriptor && tb_hid_pos_is_scanner(descriptor, len)))
		return TB_HID_FITS;
	/* what nobody knows must say itself that it is one */
	return r == -ENOENT || device->unasked ? TB_HID_OTHER : TB_HID_PERHAPS;
}

/* When a continuation will be late; until one is awaited nothing is half read. */
static void
wait_for_continuation(struct tb_device *device)
{
	uint64_t deadline_us = tb_hid_pos_deadline_us(&device->pos);

	device->looked_again = false;
	if (deadline_us == UINT64_MAX)
		tb_wire_tap(device->host, TB_WIRE_REST, NULL, 0);
	tb_source_set_timer(device->late, deadline_us);
}

static void
on_report(const uint8_t *report, size_t len, void *userdata)
{
	struct tb_device *device = userdata;

	tb_wire_tap(device->host, TB_WIRE_IN, report, len);
	switch (tb_hid_pos_feed(&device->pos, report, len, tb_loop_now_us(device->host->loop))) {
	case TB_HID_POS_CODE:
		tb_scanned(device->host, &device->double_read, device->pos.code, device->pos.len,
			tb_hid_pos_symbology(&device->pos));
		/* it may have been a payment card's number */
		tb_hid_pos_forget(&device->pos);
		if (device->doubted)
			tb_tell_state(device->host, TB_DEVICE_READY, NULL);
		device->doubted = false;
		break;
	case TB_HID_POS_DROPPED:
		tb_scan_dropped(device->host, "report_malformed");
		break;
	case TB_HID_POS_MORE:
	case TB_HID_POS_IGNORED:
		break;
	}
}

static void
on_drained(void *userdata)
{
	wait_for_continuation(userdata);
}

static void
on_opened(const char *note, void *userdata)
{
	struct tb_device *device = userdata;

	device->doubted = note != NULL;
	tb_tell_state(device->host, TB_DEVICE_READY, note);
}

static void
on_lost(int error, const char *why, void *userdata)
{
	struct tb_device *device = userdata;

	tb_source_set_timer(device->late, TB_NEVER);
	tb_tell_state(device->host, error == -EINVAL ? TB_DEVICE_REFUSED : TB_DEVICE_LOST, why);
}

/* Late is only late when nothing waits in the kernel: a busy moment of ours is none. What waits
 * there is read in the turns before the second look. */
static void
on_late(void *userdata)
{
	struct tb_device *device = userdata;

	if (!device->looked_again) {
		device->looked_again = true;
		tb_source_set_timer_in(device->late, LOOK_AGAIN_US);
		return;
	}
	if (tb_hid_pos_expire(&device->pos, tb_loop_now_us(device->host->loop)))
		tb_scan_dropped(device->host, "continuation_missing");
	wait_for_continuation(device);
}

/* Bytes of the key feature_on_open; -EINVAL with a sentence. */
static int
read_feature(
	const char *hex, uint8_t out[static TB_HID_FEATURE_MAX], size_t *ret_len, char **ret_why)
{
	size_t n = 0;
	unsigned byte;
	int used;

	for (const char *p = hex; *p; p += used) {
		if (n == TB_HID_FEATURE_MAX || sscanf(p, " %2x%n", &byte, &used) != 1) {
			if (asprintf(ret_why,
				    "feature_on_open = %s: at most %d bytes in hex, the report's "
				    "number first, as fe01",
				    hex, TB_HID_FEATURE_MAX) < 0)
				*ret_why = NULL;
			return -EINVAL;
		}
		out[n++] = (uint8_t)byte;
	}
	*ret_len = n;
	return 0;
}

static void
scanner_hid_close(struct tb_device *device)
{
	/* the one place that is passed whoever noticed first that it is gone */
	note_leaving(device);
	tb_hid_closep(&device->hid);
	tb_source_remove(&device->late);
	free(device->descriptor);
	/* half a code as well */
	explicit_bzero(&device->pos, sizeof(device->pos));
	free(device);
}

static int
start(struct tb_device *device, const struct tb_device_config *config, char **ret_why)
{
	static const struct tb_hid_handler handler = {
		.judge = judge,
		.opened = on_opened,
		.report = on_report,
		.drained = on_drained,
		.lost = on_lost,
	};
	const char *colon = strchr(config->address, ':');
	const char *address = colon ? colon + 1 : config->address;
	bool usb = !strncmp(config->address, "usb:", 4);
	struct tb_hid_wish wish = {.what = WHAT};
	uint8_t feature[TB_HID_FEATURE_MAX];
	int r;

	if (!usb && strncmp(config->address, "hidraw:", 7)) {
		if (asprintf(ret_why,
			    "%s is no address of a " WHAT
			    ": write hidraw:PATH, usb:VID:PID or usb:@PORT, or another driver",
			    config->address) < 0)
			*ret_why = NULL;
		return -EINVAL;
	}
	r = read_feature(tb_device_setting(config, settings, "feature_on_open", 0), feature,
		&wish.feature_len, ret_why);
	if (r < 0)
		return r;
	wish.feature = feature;
	if (wish.feature_len && is_back(device, false))
		wish.feature_len = 0;
	r = tb_loop_add_timer(device->host->loop, 1000, on_late, device, &device->late);
	if (r == 0)
		r = (usb ? tb_usb_hid_open : tb_hidraw_open)(device->host->loop, address, &wish,
			&handler, device, &device->hid, ret_why);
	if (r == 0 && wish.feature_len)
		device->switched_us = tb_loop_now_us(device->host->loop);
	else if (r == 0)
		is_back(device, true);
	return r;
}

static int
scanner_hid_open(const struct tb_device_config *config, const struct tb_device_host *host,
	struct tb_device **ret, char **ret_why)
{
	struct tb_device *device = calloc(1, sizeof(*device));
	int r;

	*ret_why = NULL;
	if (!device)
		return -ENOMEM;
	device->host = host;
	device->unasked = config->unasked;
	snprintf(device->name, sizeof(device->name), "%s", config->name ? config->name : "");
	tb_double_read_init(&device->double_read,
		(uint64_t)tb_device_setting_number(config, settings, "debounce"));
	r = start(device, config, ret_why);
	if (r < 0) {
		scanner_hid_close(device);
		return r;
	}
	*ret = device;
	return 0;
}

static size_t
scanner_hid_descriptor(const struct tb_device *device, const uint8_t **ret)
{
	*ret = device->descriptor;
	return device->descriptor_len;
}

const struct tb_driver tb_driver_scanner_hid = {
	.name = "scanner-hid",
	.class = TB_CLASS_SCANNER,
	.settings = settings,
	.nodes = "hidraw usb",
	.open = scanner_hid_open,
	.close = scanner_hid_close,
	.descriptor = scanner_hid_descriptor,
};
