/* SPDX-License-Identifier: MIT */
/*
 * A scanner in HID POS mode (usage page 0x8C), read through the hidraw node the kernel made for it.
 * The fields lie where its report descriptor says (codec/hid-pos). It does not find devices, and a
 * keyboard wedge is another driver's.
 */

#include <fcntl.h>
#include <linux/hidraw.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>

#include "hw/codec/hid-pos.h"
#include "hw/drivers/drivers.h"
#include "hw/drivers/scanned.h"

#define FEATURE_MAX 16
#define REPORTS_A_TURN 64 /* then the others have their turn */

static const struct tb_setting_spec settings[] = {
	{"debounce", TB_SETTING_DURATION, "500ms", .max = 3600000000,
		.prose = "an equal code within it is dropped; 0s: never"},
	{"feature_on_open", TB_SETTING_STRING, "",
		.prose = "a feature report in hex that switches the scanner to HID POS"},
	{NULL},
};

struct tb_device {
	const struct tb_device_host *host;
	int fd;
	struct tb_source *source, *late;
	struct tb_hid_pos pos;
	struct tb_double_read double_read;
	bool ready;
	uint8_t *descriptor; /* of its reports, for recordings; NULL when it cannot be read */
	size_t descriptor_len;
};

static void
lose(struct tb_device *device, int error)
{
	tb_source_remove(&device->source);
	tb_source_set_timer(device->late, TB_NEVER);
	tb_tell_state(device->host, TB_DEVICE_LOST,
		error == ENODEV || error == EIO || error == 0 ? "the scanner was unplugged"
							      : strerror(error));
}

static void
take_report(struct tb_device *device, const uint8_t *report, size_t len)
{
	tb_wire_tap(device->host, TB_WIRE_IN, report, len);
	switch (tb_hid_pos_feed(&device->pos, report, len, tb_loop_now_us(device->host->loop))) {
	case TB_HID_POS_CODE:
		tb_scanned(device->host, &device->double_read, device->pos.code, device->pos.len,
			NULL);
		break;
	case TB_HID_POS_DROPPED:
		tb_scan_dropped(device->host, "report_malformed");
		break;
	case TB_HID_POS_MORE:
	case TB_HID_POS_IGNORED:
		break;
	}
}

/* When a continuation will be late; until one is awaited nothing is half read. */
static void
wait_for_continuation(struct tb_device *device)
{
	uint64_t deadline_us = tb_hid_pos_deadline_us(&device->pos);

	if (deadline_us == UINT64_MAX)
		tb_wire_tap(device->host, TB_WIRE_REST, NULL, 0);
	tb_source_set_timer(device->late, deadline_us);
}

static void
on_readable(int fd, uint32_t events, void *userdata)
{
	struct tb_device *device = userdata;
	uint8_t report[TB_HID_POS_REPORT_MAX];
	ssize_t n = 1;

	for (int i = 0; i < REPORTS_A_TURN && n > 0; i++) {
		n = read(fd, report, sizeof(report));
		if (n > 0)
			take_report(device, report, (size_t)n);
	}
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		lose(device, n == 0 ? 0 : errno);
		return;
	}
	if (n < 0 && events & (EPOLLHUP | EPOLLERR)) {
		lose(device, ENODEV);
		return;
	}
	wait_for_continuation(device);
}

static void
on_late(void *userdata)
{
	struct tb_device *device = userdata;

	if (!device->ready) { /* told by the loop, not from within open */
		device->ready = true;
		tb_tell_state(device->host, TB_DEVICE_READY, NULL);
		return;
	}
	if (tb_hid_pos_expire(&device->pos, tb_loop_now_us(device->host->loop)))
		tb_scan_dropped(device->host, "continuation_missing");
	wait_for_continuation(device);
}

static int
fail(char **ret_why, int error, const char *path, const char *cure)
{
	if (asprintf(ret_why, "%s: %s%s%s", path, strerror(-error), cure ? "; " : "",
		    cure ? cure : "") < 0)
		*ret_why = NULL;
	return error;
}

static int
open_node(const char *path, int *ret_fd, char **ret_why)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	if (fd < 0 && errno == EACCES)
		return fail(ret_why, -EACCES, path,
			"the udev rules of tillbridge give the scanner to its group: install them "
			"and plug it in again");
	if (fd < 0)
		return fail(ret_why, errno == ENXIO ? -ENODEV : -errno, path, NULL);
	/* hidraw knows no exclusive open: two bridges must not both read the queue of scans. */
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return fail(
			ret_why, -EBUSY, path, "another program has locked the scanner: end it");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* The layout by the descriptor; -ENOENT when the interface is no scanner. */
static int
read_layout(struct tb_device *device)
{
	struct tb_hid_pos *pos = &device->pos;
	struct hidraw_report_descriptor descriptor;
	struct tb_hid_pos_layout layout;
	int size = 0, r;

	tb_hid_pos_init(pos, NULL);
	if (ioctl(device->fd, HIDIOCGRDESCSIZE, &size) < 0 || size <= 0 ||
		size > HID_MAX_DESCRIPTOR_SIZE)
		return 0;
	memset(&descriptor, 0, sizeof(descriptor));
	descriptor.size = (uint32_t)size;
	if (ioctl(device->fd, HIDIOCGRDESC, &descriptor) < 0)
		return 0;
	device->descriptor = malloc((size_t)size);
	if (device->descriptor) {
		memcpy(device->descriptor, descriptor.value, (size_t)size);
		device->descriptor_len = (size_t)size;
	}
	r = tb_hid_pos_parse(descriptor.value, (size_t)size, &layout);
	if (r == 0)
		tb_hid_pos_init(pos, &layout);
	return r == -ENOENT ? r : 0;
}

static int
send_feature(int fd, const char *hex)
{
	uint8_t report[FEATURE_MAX];
	size_t n = 0;
	unsigned byte;
	int used;

	for (; *hex && n < sizeof(report); hex += used) {
		if (sscanf(hex, " %2x%n", &byte, &used) != 1)
			return -EINVAL;
		report[n++] = (uint8_t)byte;
	}
	if (*hex)
		return -EINVAL;
	if (n > 0 && ioctl(fd, HIDIOCSFEATURE(n), report) < 0)
		return -errno;
	return 0;
}

static void
scanner_hid_close(struct tb_device *device)
{
	tb_source_remove(&device->source);
	tb_source_remove(&device->late);
	if (device->fd >= 0)
		close(device->fd);
	free(device->descriptor);
	free(device);
}

static int
start(struct tb_device *device, const struct tb_device_config *config, char **ret_why)
{
	const char *path = strchr(config->address, ':') ? strchr(config->address, ':') + 1
	                                                : config->address;
	int r;

	r = open_node(path, &device->fd, ret_why);
	if (r < 0)
		return r;
	r = read_layout(device);
	if (r < 0)
		return fail(ret_why, -EINVAL, path,
			"this interface is no bar code scanner in HID POS mode; set the scanner to "
			"\"USB HID POS\" with the code in its manual");
	r = send_feature(device->fd, tb_device_setting(config, settings, "feature_on_open", 0));
	if (r < 0)
		return fail(ret_why, r, path,
			"the scanner did not take the report that switches it to HID POS");
	r = tb_loop_add_timer(device->host->loop, 1000, on_late, device, &device->late);
	if (r == 0)
		r = tb_loop_add_fd(device->host->loop, device->fd, EPOLLIN, on_readable, device,
			&device->source);
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
	device->fd = -1;
	tb_double_read_init(&device->double_read,
		(uint64_t)tb_device_setting_number(config, settings, "debounce"));
	r = start(device, config, ret_why);
	if (r < 0) {
		scanner_hid_close(device);
		return r;
	}
	*ret = device;
	return tb_source_set_timer_in(device->late, 0);
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
	.nodes = "hidraw",
	.open = scanner_hid_open,
	.close = scanner_hid_close,
	.descriptor = scanner_hid_descriptor,
};
