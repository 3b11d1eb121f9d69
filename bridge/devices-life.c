/* SPDX-License-Identifier: MIT */
/*
 * Opening and closing: what a driver says becomes a state, a failed open is tried again after 0.1,
 * 0.2 … 5 s, a lost device is closed from the loop, and what it reads goes to who is for it. Which
 * node a device is, is not decided here.
 */

#include "bridge/devices-parts.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include "base/log.h"
#include "bridge/counter.h"
#include "bridge/modules.h"
#include "bridge/printing.h"

#define RETRY_FIRST_US UINT64_C(100000)
#define RETRY_LAST_US UINT64_C(5000000)
#define RETRY_SLACK_US UINT64_C(20000)
/* Ready for this long, it has proved itself: the next loss begins a new row of tries. */
#define PROVED_US UINT64_C(5000000)
/* A node that just appeared belongs to root until udev's rules have run: no word of it yet. */
#define RULES_US UINT64_C(1000000)
#define STACK_WIPED 32768
#define LOG_EVERY_US UINT64_C(1000000)

static const char *const path_prefixes[] = {"tty:", "pty:", "hidraw:", "evdev:", "lp:", "camera:"};

static const char *
section_address(const struct device *device)
{
	return device->section ? device->section->config.address : "";
}

const char *
tb_device_path(const struct device *device)
{
	const char *address = section_address(device);

	for (size_t i = 0; i < ARRAY_SIZE(path_prefixes); i++)
		if (!strncmp(address, path_prefixes[i], strlen(path_prefixes[i])))
			return address + strlen(path_prefixes[i]);
	return NULL;
}

bool
tb_device_is_path(const struct device *device)
{
	return tb_device_path(device) != NULL;
}

bool
tb_device_is_usb(const struct device *device)
{
	return !strncmp(section_address(device), "usb:", 4);
}

static void
retry_later(struct device *device)
{
	uint64_t delay = RETRY_LAST_US;

	if (device->tries < 6)
		delay = TB_MIN(RETRY_FIRST_US << device->tries, RETRY_LAST_US);
	device->tries++;
	tb_source_set_timer_in(device->wake, delay);
}

/* No debugger and no core may see what such a device reads. */
static void
count_secret(struct tb_devices *devices, int more)
{
	bool before = devices->n_secret > 0;

	devices->n_secret += (unsigned)more;
	if (before == (devices->n_secret > 0))
		return;
	if (!before)
		devices->dumpable = prctl(PR_GET_DUMPABLE);
	if (prctl(PR_SET_DUMPABLE, before && devices->dumpable == 1 ? 1 : 0) < 0)
		tb_log_warning("the memory of this process cannot be hidden: %s", strerror(errno));
}

/* Finds the code of the driver; its module is loaded only for a device that is there. */
static int
load_code(struct device *device, char **ret_why)
{
	const char *path = tb_device_path(device);
	const void *symbol;
	int r;

	if (!device->driver->module) {
		device->code = device->driver;
		return 0;
	}
	if (path && access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		if (asprintf(ret_why, "%s is not there: plug the device in", path) < 0)
			*ret_why = NULL;
		return -ENOENT;
	}
	r = tb_module_open(
		device->driver->module, TB_DRIVER_SYMBOL, &device->module, &symbol, ret_why);
	if (r < 0) /* as it is installed, it will not be opened: no more tries */
		return -EINVAL;
	device->code = symbol;
	return 0;
}

static void
unload_code(struct device *device)
{
	device->code = NULL;
	if (device->module)
		tb_module_close(TAKE_PTR(device->module));
}

void
tb_device_close(struct device *device)
{
	if (device->wake)
		tb_source_set_timer(device->wake, TB_NEVER);
	device->closing = device->ready = false;
	/* first the driver, which may know better than unknown what became of its job */
	if (device->open) {
		device->code->close(TAKE_PTR(device->open));
		if (device->driver->secret)
			count_secret(device->devices, -1);
		unload_code(device);
	}
	tb_device_capture_cut(device);
	if (device->printer_told) {
		device->printer_told = false;
		tb_printing_device_gone(device->devices->bridge->printing, device->name);
	}
}

/* The device itself is not to be had: where the kernel has a node of it, that goes first now. */
static void
spoil(struct device *device)
{
	if (device->section && device->found && device->found->kind == TB_NODE_USB)
		device->spoilt = device->found;
}

/* An open that failed: its state, and what has to happen for the next. */
static void
open_failed(struct device *device, int error, const char *why)
{
	uint64_t now_us = tb_loop_now_us(device->devices->bridge->loop);
	char unsaid[128];

	if (!why) {
		snprintf(unsaid, sizeof(unsaid),
			"it cannot be opened (%s): plug it in again, or restart tillbridge",
			strerror(-error));
		why = unsaid;
	}
	if (error != -EACCES && error != -EPERM && error != -EBUSY && error != -EINVAL)
		spoil(device);
	switch (error) {
	case -EACCES:
	case -EPERM:
		if (device->appeared_us == 0 || now_us - device->appeared_us > RULES_US)
			tb_device_set_state(device, TB_DEVICE_NO_ACCESS, why);
		break;
	case -EBUSY:
		tb_device_set_state(device, TB_DEVICE_BUSY, why);
		break;
	case -EINVAL:
		tb_device_set_state(device, TB_DEVICE_REFUSED, why);
		return;
	case -ENOENT:
		tb_device_set_state(device, TB_DEVICE_ABSENT, why);
		/* nothing is polled for: the directory tells when it comes */
		if (!device->found && tb_device_is_path(device) &&
			tb_device_watch_start(device) == 0)
			return;
		break;
	default:
		tb_device_set_state(device, TB_DEVICE_ABSENT, why);
		break;
	}
	retry_later(device);
}

void
tb_device_open(struct device *device)
{
	_cleanup_free_ char *why = NULL;
	int r;

	if (device->open)
		return;
	tb_source_set_timer(device->wake, TB_NEVER);
	r = tb_device_prepare(device);
	if (r == 0)
		r = load_code(device, &why);
	if (r == 0)
		r = device->code->open(&device->config, &device->host, &device->open, &why);
	if (r < 0) {
		unload_code(device);
		open_failed(device, r, why);
		return;
	}
	if (device->driver->secret)
		count_secret(device->devices, 1);
	tb_device_calibrate_again(device);
	if (device->tries == 0)
		/* the tries after the first are not worth a word each */
		tb_device_set_state(device, TB_DEVICE_OPENING,
			"it is being opened: if it does not answer soon, switch it on");
}

void
tb_device_appeared(struct device *device)
{
	if (device->open)
		return;
	device->appeared_us = tb_loop_now_us(device->devices->bridge->loop);
	device->tries = 0;
	tb_device_open(device);
}

static void
on_wake(void *userdata)
{
	struct device *device = userdata;
	uint64_t now_us = tb_loop_now_us(device->devices->bridge->loop);
	bool proved = device->ready_us && now_us - device->ready_us >= PROVED_US;

	if (!device->closing) {
		if (device->spoilt && device->spoilt == device->found)
			tb_devices_settle(device->devices);
		tb_device_open(device);
		return;
	}
	tb_device_close(device);
	if (proved)
		device->tries = 0;
	device->ready_us = 0;
	/* what refused it will do so again */
	if (device->state != TB_DEVICE_REFUSED && (device->found || !tb_device_is_usb(device)))
		retry_later(device);
}

static void
on_state(struct device *device, const struct tb_event *event)
{
	struct tb_bridge *bridge = device->devices->bridge;

	switch (event->state) {
	case TB_DEVICE_READY:
		device->ready = true;
		device->ready_us = tb_loop_now_us(bridge->loop);
		tb_device_watch_stop(device);
		tb_device_set_state(device, TB_DEVICE_READY, event->reason);
		if (device->driver->class == TB_CLASS_PRINTER && bridge->printing) {
			device->printer_told = true;
			tb_printing_device_ready(
				bridge->printing, device->name, device->driver, device->open);
		}
		break;
	case TB_DEVICE_LOST:
	case TB_DEVICE_BUSY:
	case TB_DEVICE_REFUSED:
		if (device->closing)
			break;
		if (event->state == TB_DEVICE_LOST && !device->ready)
			spoil(device);
		/* closed by the loop: the driver is still within its own call */
		device->closing = true;
		tb_source_set_timer_in(device->wake, 0);
		tb_device_set_state(device,
			event->state == TB_DEVICE_LOST && !device->ready ? TB_DEVICE_ABSENT
									 : event->state,
			event->reason);
		break;
	default:
		tb_device_set_state(device, event->state, event->reason);
		break;
	}
}

/* Something was read and thrown away: counted, the last reason kept, logged now and then. */
static void
on_dropped(struct device *device, const char *reason)
{
	uint64_t now_us = tb_loop_now_us(device->devices->bridge->loop);
	char *copy = strdup(reason ? reason : "dropped");

	device->errors++;
	if (copy) {
		free(device->last_error);
		device->last_error = copy;
	}
	if (device->logged_us && now_us - device->logged_us < LOG_EVERY_US)
		return;
	device->logged_us = now_us;
	tb_log_notice("%s: what was read is dropped: %s", device->name, reason ? reason : "");
}

/* A payment card's number was looked at by functions that have returned: what they and the library
 * left of it in their frames goes. */
static void __attribute__((noinline)) wipe_stack(void)
{
	uint8_t frames[STACK_WIPED];

	explicit_bzero(frames, sizeof(frames));
}

static void
on_event(const struct tb_device_host *host, const struct tb_event *event)
{
	struct device *device = host->userdata;
	struct tb_bridge *bridge = device->devices->bridge;

	if (device->devices->stopping)
		return;
	switch (event->kind) {
	case TB_EVENT_SCAN:
		tb_device_capture_code(device);
		if (tb_counter_scan(bridge->counter, device->name, event->scan) == 0) {
			tb_device_capture_refuse(device);
			wipe_stack();
		}
		break;
	case TB_EVENT_CARD:
		tb_device_capture_code(device);
		if (event->card.payment_refused)
			tb_device_capture_refuse(device);
		tb_counter_card(bridge->counter, device->name, event);
		break;
	case TB_EVENT_DROPPED:
		on_dropped(device, event->reason);
		break;
	case TB_EVENT_STATE:
		on_state(device, event);
		break;
	case TB_EVENT_LAYOUT:
		tb_device_calibrate_event(device, event);
		break;
	case TB_EVENT_PRINTER:
	case TB_EVENT_JOB:
		if (bridge->printing)
			tb_printing_event(bridge->printing, device->name, event);
		break;
	}
}

static enum tb_whose
whose(const struct tb_device_host *host, const struct tb_scan *scan)
{
	const struct device *device = host->userdata;

	return tb_counter_whose(device->devices->bridge->counter, scan);
}

int
tb_device_life_new(struct device *device)
{
	struct tb_loop *loop = device->devices->bridge->loop;

	device->host = (struct tb_device_host){
		.loop = loop, .emit = on_event, .whose = whose, .userdata = device};
	return tb_loop_add_timer(loop, RETRY_SLACK_US, on_wake, device, &device->wake);
}
