/* SPDX-License-Identifier: MIT */
/*
 * The keyboard's node: libevdev asks it what it is and grabs it. The events are read here and not
 * by libevdev, which keeps a queue of its own: a payment card's number must not stay in it.
 */

#include "hw/transport/evdev.h"

#include <fcntl.h>
#include <libevdev/libevdev.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include "hw/transport/tty.h"

#define EVENTS 64        /* in one read */
#define READS_A_TURN 256 /* then the others have their turn */

struct tb_evdev {
	struct tb_loop *loop;
	struct tb_evdev_handler handler;
	void *userdata;
	char *path;
	int fd;
	struct libevdev *device;
	struct tb_source *source, *soon;
	bool grab, ours, caps;
	bool missed; /* up to the end of this report nothing is to be believed */
	/* A kernel gives whole events; a simulated one may cut them. */
	struct input_event events[EVENTS];
	size_t n_bytes;
};

static void
quiet(const struct libevdev *device, enum libevdev_log_priority priority, void *data,
	const char *file, int line, const char *function, const char *format, va_list args)
{
}

/* why: NULL where the error says it. */
static void
lose(struct tb_evdev *evdev, int error, const char *why)
{
	_cleanup_free_ char *lost = why ? NULL : tb_line_why_lost(error);

	tb_source_remove(&evdev->source);
	tb_source_remove(&evdev->soon);
	evdev->handler.lost(error, why ? why : lost, evdev->userdata);
}

static bool
read_keys(const struct tb_evdev *evdev, uint8_t keys[static(KEY_MAX + 8) / 8])
{
	memset(keys, 0, (KEY_MAX + 8) / 8);
	return ioctl(evdev->fd, EVIOCGKEY((KEY_MAX + 8) / 8), keys) >= 0;
}

static bool
all_up(const struct tb_evdev *evdev)
{
	uint8_t keys[(KEY_MAX + 8) / 8];

	if (!read_keys(evdev, keys))
		return true;
	for (size_t i = 0; i < sizeof(keys); i++)
		if (keys[i])
			return false;
	return true;
}

/* 1: it is ours; 0: a key is down; -EBUSY. */
static int
take(struct tb_evdev *evdev)
{
	int r;

	if (!evdev->grab)
		return 1;
	if (!all_up(evdev))
		return 0;
	r = libevdev_grab(evdev->device, LIBEVDEV_GRAB);
	if (r < 0)
		return r;
	if (all_up(evdev))
		return 1;
	/* pressed in between: the others have seen it */
	libevdev_grab(evdev->device, LIBEVDEV_UNGRAB);
	return 0;
}

/* A key went up of those that were down when it was opened. */
static void
try_again(struct tb_evdev *evdev)
{
	_cleanup_free_ char *why = NULL;
	int r = take(evdev);

	if (r == 0)
		return;
	if (r < 0) {
		tb_line_fail_open(evdev->path, -r, &why);
		lose(evdev, r, why);
		return;
	}
	evdev->ours = true;
	evdev->handler.ready(evdev->userdata);
}

/* The light as it is now, told as the event that may have been thrown away. */
static void
look_at_caps(struct tb_evdev *evdev)
{
	uint8_t lights[8] = {0};
	struct input_event event = {.type = EV_LED, .code = LED_CAPSL};

	if (ioctl(evdev->fd, EVIOCGLED(sizeof(lights)), lights) < 0)
		return;
	event.value = lights[LED_CAPSL / 8] >> LED_CAPSL % 8 & 1;
	if (evdev->caps == (event.value != 0))
		return;
	evdev->caps = event.value != 0;
	evdev->handler.event(&event, evdev->userdata);
}

static void
take_event(struct tb_evdev *evdev, const struct input_event *event)
{
	uint8_t keys[(KEY_MAX + 8) / 8];

	if (event->type == EV_SYN && event->code == SYN_DROPPED) {
		evdev->missed = true;
		return;
	}
	if (event->type == EV_LED && event->code == LED_CAPSL)
		evdev->caps = event->value != 0;
	if (!evdev->missed) {
		if (evdev->ours)
			evdev->handler.event(event, evdev->userdata);
		return;
	}
	if (event->type != EV_SYN || event->code != SYN_REPORT)
		return;
	evdev->missed = false;
	read_keys(evdev, keys);
	if (evdev->ours) {
		evdev->handler.missed(keys, evdev->userdata);
		look_at_caps(evdev);
	}
	explicit_bzero(keys, sizeof(keys));
}

/* Events read so far, whole ones. */
static void
take_events(struct tb_evdev *evdev, size_t n)
{
	uint8_t *bytes = (uint8_t *)evdev->events;
	size_t whole = n / sizeof(evdev->events[0]);

	for (size_t i = 0; i < whole; i++)
		take_event(evdev, &evdev->events[i]);
	evdev->n_bytes = n % sizeof(evdev->events[0]);
	memmove(bytes, &evdev->events[whole], evdev->n_bytes);
	explicit_bzero(bytes + evdev->n_bytes, n - evdev->n_bytes);
}

/* 1: there may be more; 0: there is nothing now; negative: it is gone. */
static int
read_once(struct tb_evdev *evdev, bool *any)
{
	uint8_t *bytes = (uint8_t *)evdev->events;
	size_t room = sizeof(evdev->events) - evdev->n_bytes;
	ssize_t n;

	do
		n = read(evdev->fd, bytes + evdev->n_bytes, sizeof(evdev->events) - evdev->n_bytes);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (n == 0)
		return -ENODEV;
	*any = true;
	take_events(evdev, evdev->n_bytes + (size_t)n);
	return (size_t)n == room;
}

bool
tb_evdev_read(struct tb_evdev *evdev)
{
	bool any = false;
	int n = 1;

	/* what comes meanwhile is told by the loop */
	for (int i = 0; i < READS_A_TURN && n > 0; i++)
		n = read_once(evdev, &any);
	if (n < 0)
		lose(evdev, n, NULL);
	else if (any && !evdev->ours)
		try_again(evdev);
	else if (any)
		evdev->handler.pause(evdev->userdata);
	return any || n < 0;
}

static void
on_readable(int fd, uint32_t events, void *userdata)
{
	struct tb_evdev *evdev = userdata;

	if (!tb_evdev_read(evdev) && events & (EPOLLHUP | EPOLLERR))
		lose(evdev, -ENODEV, NULL);
}

static void
on_soon(void *userdata)
{
	struct tb_evdev *evdev = userdata;

	if (evdev->ours)
		evdev->handler.ready(evdev->userdata);
	else
		evdev->handler.waiting(evdev->userdata);
}

static int
refuse(const char *path, const char *what, char **ret_why)
{
	if (asprintf(ret_why, "%s %s", path, what) < 0)
		*ret_why = NULL;
	return -EINVAL;
}

/* Whether it is a keyboard, and not the one that we type on ourselves. */
static int
look_at(struct tb_evdev *evdev, char **ret_why)
{
	const char *name;

	evdev->device = libevdev_new();
	if (!evdev->device)
		return -ENOMEM;
	libevdev_set_device_log_function(evdev->device, quiet, LIBEVDEV_LOG_ERROR, NULL);
	if (libevdev_set_fd(evdev->device, evdev->fd) < 0)
		return refuse(evdev->path,
			"is no keyboard: a wedge is one of /dev/input/by-id/*-event-kbd", ret_why);
	name = libevdev_get_name(evdev->device);
	if (libevdev_get_id_bustype(evdev->device) == BUS_VIRTUAL && name &&
		!strcmp(name, TB_EVDEV_OWN_NAME))
		return refuse(evdev->path,
			"is the keyboard that tillbridge itself types on: name the scanner by one "
			"of the links in /dev/input/by-id",
			ret_why);
	if (!libevdev_has_event_code(evdev->device, EV_KEY, KEY_1))
		return refuse(evdev->path,
			"has no keys that type: a wedge is one of /dev/input/by-id/*-event-kbd",
			ret_why);
	evdev->caps = libevdev_get_event_value(evdev->device, EV_LED, LED_CAPSL) != 0;
	return 0;
}

static int
start(struct tb_evdev *evdev, char **ret_why)
{
	int r;

	/* also to be written: Caps Lock of the till's other keyboard is the scanner's as well */
	evdev->fd = open(evdev->path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (evdev->fd < 0 && (errno == EACCES || errno == EROFS))
		evdev->fd = open(evdev->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (evdev->fd < 0)
		return tb_line_fail_open(evdev->path, errno, ret_why);
	r = look_at(evdev, ret_why);
	if (r < 0)
		return r;
	r = take(evdev);
	if (r < 0)
		return tb_line_fail_open(evdev->path, -r, ret_why);
	evdev->ours = r > 0;
	r = tb_loop_add_timer(evdev->loop, 1000, on_soon, evdev, &evdev->soon);
	if (r == 0)
		r = tb_loop_add_fd(
			evdev->loop, evdev->fd, EPOLLIN, on_readable, evdev, &evdev->source);
	return r < 0 ? r : tb_source_set_timer_in(evdev->soon, 0);
}

int
tb_evdev_open(struct tb_loop *loop, const char *path, bool grab,
	const struct tb_evdev_handler *handler, void *userdata, struct tb_evdev **ret,
	char **ret_why)
{
	struct tb_evdev *evdev = calloc(1, sizeof(*evdev));
	int r;

	if (!evdev)
		return -ENOMEM;
	evdev->loop = loop;
	evdev->handler = *handler;
	evdev->userdata = userdata;
	evdev->grab = grab;
	evdev->fd = -1;
	evdev->path = strdup(path);
	r = evdev->path ? start(evdev, ret_why) : -ENOMEM;
	if (r < 0) {
		tb_evdev_close(evdev);
		return r;
	}
	*ret = evdev;
	return 0;
}

void
tb_evdev_close(struct tb_evdev *evdev)
{
	if (!evdev)
		return;
	tb_source_remove(&evdev->source);
	tb_source_remove(&evdev->soon);
	if (evdev->device)
		libevdev_free(evdev->device);
	/* closing it ends the grab */
	if (evdev->fd >= 0)
		close(evdev->fd);
	explicit_bzero(evdev->events, sizeof(evdev->events));
	free(evdev->path);
	free(evdev);
}

bool
tb_evdev_caps(const struct tb_evdev *evdev)
{
	return evdev->caps;
}

bool
tb_evdev_has_key(const struct tb_evdev *evdev, unsigned code)
{
	return libevdev_has_event_code(evdev->device, EV_KEY, code);
}

void
tb_evdev_set_light(struct tb_evdev *evdev, unsigned light, bool on)
{
	struct input_event event[2] = {
		{.type = EV_LED, .code = (__u16)light, .value = on},
		{.type = EV_SYN, .code = SYN_REPORT},
	};

	/* a scanner without that light, or one that is going: nothing is lost */
	if (write(evdev->fd, event, sizeof(event)) < 0)
		return;
}
