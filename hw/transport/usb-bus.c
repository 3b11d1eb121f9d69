/* SPDX-License-Identifier: MIT */
/*
 * libusb on the loop: its library is loaded here and nowhere else, its descriptors are watched, its
 * events are handled without waiting. Timeouts are the users' own timers. It knows no device.
 */

#include <dlfcn.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "hw/transport/usb.h"

#define LIBRARY "libusb-1.0.so.0"

struct watch {
	struct tb_list node;
	int fd;
	struct tb_source *source;
};

/* One context serves all devices; it is as alone as the library is. */
static struct tb_usb_bus *the_bus;

int
tb_usb_errno(int code)
{
	static const struct {
		int code, error;
	} table[] = {
		{LIBUSB_ERROR_ACCESS, EACCES},
		{LIBUSB_ERROR_NO_DEVICE, ENODEV},
		{LIBUSB_ERROR_NOT_FOUND, ENODEV},
		{LIBUSB_ERROR_BUSY, EBUSY},
		{LIBUSB_ERROR_TIMEOUT, ETIMEDOUT},
		{LIBUSB_ERROR_PIPE, EPIPE},
		{LIBUSB_ERROR_NO_MEM, ENOMEM},
		{LIBUSB_ERROR_NOT_SUPPORTED, ENOTSUP},
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (table[i].code == code)
			return -table[i].error;
	return code < 0 ? -EIO : 0;
}

static int
load(struct tb_usb_calls *call, char **ret_why)
{
	/* never closed: it is loaded once and keeps what it knows of threads */
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (!library) {
		if (asprintf(ret_why, "%s: install libusb-1.0-0, or use the kernel's usblp",
			    dlerror()) < 0)
			*ret_why = NULL;
		return -ENOENT;
	}
#define X(name) \
	*(void **)&call->name = dlsym(library, "libusb_" #name); \
	if (!call->name) { \
		*ret_why = strdup(LIBRARY " is too old: install libusb-1.0-0 of 1.0.26 or " \
					  "later, or use the kernel's usblp"); \
		return -ENOENT; \
	}
	TB_USB_CALLS(X)
#undef X
	return 0;
}

static void
serve_users(struct tb_usb_bus *bus)
{
	struct tb_usb_user *user;
	bool more = true;

	/* whoever is served may close any of them: look again from the start */
	while (more) {
		more = false;
		tb_list_for_each(user, &bus->users, node)
			if (user->due) {
				user->due = false;
				more = true;
				user->serve(user);
				break;
			}
	}
}

static void
handle(struct tb_usb_bus *bus)
{
	struct timeval none = {0};

	bus->call.handle_events_timeout_completed(bus->context, &none, NULL);
}

static void
on_ready(int fd, uint32_t events, void *userdata)
{
	struct tb_usb_bus *bus = userdata;

	/* the last user may close within, and the bus with it */
	bus->refs++;
	handle(bus);
	serve_users(bus);
	tb_usb_bus_put(bus);
}

static void
on_wake(void *userdata)
{
	struct tb_usb_bus *bus = userdata;

	bus->refs++;
	serve_users(bus);
	tb_usb_bus_put(bus);
}

void
tb_usb_bus_turn(struct tb_usb_bus *bus)
{
	handle(bus);
	tb_source_set_timer_in(bus->wake, 0);
}

/* libusb's word that a descriptor is to be watched. */
static void
on_added(int fd, short events, void *userdata)
{
	struct tb_usb_bus *bus = userdata;
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return;
	watch->fd = fd;
	if (tb_loop_add_fd(bus->loop, fd,
		    (events & POLLIN ? (uint32_t)EPOLLIN : 0) |
			    (events & POLLOUT ? (uint32_t)EPOLLOUT : 0),
		    on_ready, bus, &watch->source) < 0) {
		free(watch);
		return;
	}
	tb_list_append(&bus->watches, &watch->node);
}

static void
on_removed(int fd, void *userdata)
{
	struct tb_usb_bus *bus = userdata;
	struct watch *watch, *next;

	tb_list_for_each_safe(watch, next, &bus->watches, node)
		if (watch->fd == fd) {
			tb_list_remove(&watch->node);
			tb_source_remove(&watch->source);
			free(watch);
		}
}

static int
start(struct tb_usb_bus *bus, char **ret_why)
{
	const struct libusb_pollfd **fds;
	int r = load(&bus->call, ret_why);

	if (r < 0)
		return r;
	/* without it libusb starts a thread that listens to udev, and udev is ours to hear */
	if (bus->wraps)
		bus->call.set_option(NULL, LIBUSB_OPTION_NO_DEVICE_DISCOVERY);
	r = bus->call.init(&bus->context);
	if (r < 0)
		return tb_usb_errno(r);
	r = tb_loop_add_timer(bus->loop, 1, on_wake, bus, &bus->wake);
	fds = bus->call.get_pollfds(bus->context);
	if (r < 0 || !fds)
		return r < 0 ? r : -ENOMEM;
	for (size_t i = 0; fds[i]; i++)
		on_added(fds[i]->fd, fds[i]->events, bus);
	bus->call.free_pollfds(fds);
	bus->call.set_pollfd_notifiers(bus->context, on_added, on_removed, bus);
	return 0;
}

static void
stop(struct tb_usb_bus *bus)
{
	struct watch *watch, *next;

	if (bus->context) {
		bus->call.set_pollfd_notifiers(bus->context, NULL, NULL, NULL);
		bus->call.exit(bus->context);
	}
	tb_list_for_each_safe(watch, next, &bus->watches, node) {
		tb_source_remove(&watch->source);
		free(watch);
	}
	tb_source_remove(&bus->wake);
	free(bus);
}

int
tb_usb_bus_get(struct tb_loop *loop, bool wraps, struct tb_usb_bus **ret, char **ret_why)
{
	struct tb_usb_bus *bus;
	int r;

	if (the_bus) {
		the_bus->refs++;
		*ret = the_bus;
		return 0;
	}
	bus = calloc(1, sizeof(*bus));
	if (!bus)
		return -ENOMEM;
	bus->loop = loop;
	bus->wraps = wraps;
	bus->refs = 1;
	tb_list_init(&bus->watches);
	tb_list_init(&bus->users);
	r = start(bus, ret_why);
	if (r < 0) {
		stop(bus);
		return r;
	}
	the_bus = *ret = bus;
	return 0;
}

void
tb_usb_bus_put(struct tb_usb_bus *bus)
{
	if (!bus || --bus->refs > 0)
		return;
	the_bus = NULL;
	stop(bus);
}
