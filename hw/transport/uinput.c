/* SPDX-License-Identifier: MIT */
/* The kernel's uinput, asked through libevdev for a keyboard like another one. */

#include "hw/transport/uinput.h"

#include <fcntl.h>
#include <libevdev/libevdev-uinput.h>
#include <libevdev/libevdev.h>
#include <stdio.h>
#include <string.h>

#define NODE "/dev/uinput"

struct tb_uinput {
	int fd;
	struct libevdev_uinput *keyboard;
	struct tb_source *source;
	tb_uinput_light_fn fn;
	void *userdata;
};

static int
fail(int error, char **ret_why)
{
	const char *why =
		"the kernel makes no keyboard of it: modprobe -r uinput, modprobe uinput, "
		"and plug the scanner in again";

	if (error == -ENOENT || error == -ENODEV || error == -ENXIO)
		why = "it is not there: modprobe uinput, and plug the scanner in again";
	else if (error == -EACCES || error == -EPERM)
		why = "no access to it: install 60-tillbridge.rules, which gives it to "
		      "tillbridge, and plug the scanner in again";
	if (asprintf(ret_why, NODE ": %s", why) < 0)
		*ret_why = NULL;
	return error;
}

/* What it is set to by the desktop: lights, which are the scanner's as well. */
static void
on_readable(int fd, uint32_t events, void *userdata)
{
	struct tb_uinput *uinput = userdata;
	struct input_event event;
	ssize_t n;

	while ((n = read(fd, &event, sizeof(event))) == sizeof(event))
		if (event.type == EV_LED)
			uinput->fn(event.code, event.value != 0, uinput->userdata);
	if (n >= 0 || events & (EPOLLERR | EPOLLHUP))
		tb_source_remove(&uinput->source);
}

static struct libevdev *
describe(const struct tb_evdev *like)
{
	struct libevdev *device = libevdev_new();

	if (!device)
		return NULL;
	libevdev_set_name(device, TB_EVDEV_OWN_NAME);
	libevdev_set_id_bustype(device, BUS_VIRTUAL);
	libevdev_set_id_vendor(device, 0);
	libevdev_set_id_product(device, 0);
	libevdev_enable_event_code(device, EV_MSC, MSC_SCAN, NULL);
	for (unsigned light = LED_NUML; light <= LED_SCROLLL; light++)
		libevdev_enable_event_code(device, EV_LED, light, NULL);
	for (unsigned key = 1; key < BTN_MISC; key++)
		if (tb_evdev_has_key(like, key))
			libevdev_enable_event_code(device, EV_KEY, key, NULL);
	return device;
}

int
tb_uinput_open(struct tb_loop *loop, const struct tb_evdev *like, tb_uinput_light_fn fn,
	void *userdata, struct tb_uinput **ret, char **ret_why)
{
	struct tb_uinput *uinput = calloc(1, sizeof(*uinput));
	struct libevdev *device = uinput ? describe(like) : NULL;
	int r;

	if (!device) {
		free(uinput);
		return -ENOMEM;
	}
	uinput->fn = fn;
	uinput->userdata = userdata;
	uinput->fd = open(NODE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	r = uinput->fd < 0
	            ? -errno
	            : libevdev_uinput_create_from_device(device, uinput->fd, &uinput->keyboard);
	libevdev_free(device);
	if (r == 0)
		r = tb_loop_add_fd(loop, uinput->fd, EPOLLIN, on_readable, uinput, &uinput->source);
	if (r < 0) {
		tb_uinput_close(uinput);
		return fail(r, ret_why);
	}
	*ret = uinput;
	return 0;
}

void
tb_uinput_close(struct tb_uinput *uinput)
{
	if (!uinput)
		return;
	tb_source_remove(&uinput->source);
	if (uinput->keyboard)
		libevdev_uinput_destroy(uinput->keyboard);
	if (uinput->fd >= 0)
		close(uinput->fd);
	free(uinput);
}

ssize_t
tb_uinput_write(struct tb_uinput *uinput, const void *events, size_t n_bytes)
{
	ssize_t n;

	do
		n = write(uinput->fd, events, n_bytes);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return -EAGAIN;
	return n < 0 ? -errno : n;
}
