/* SPDX-License-Identifier: MIT */
/*
 * Waits for a path that is not there, without asking again and again: inotify on the directory that
 * exists, and on those of the links that lead nowhere. It does not open anything.
 */

#include "bridge/devices-parts.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#define HOPS_MAX 10
#define WATCH_FOR (IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct device_watch {
	struct device *device;
	int fd;
	struct tb_source *source;
	struct {
		int wd;
		char name[NAME_MAX + 1]; /* what is waited for in that directory */
	} hops[HOPS_MAX];
	size_t n;
};

/* Watches the nearest directory above a path that exists, for the name that comes next. */
static int
add_hop(struct device_watch *watch, const char *path)
{
	char dir[PATH_MAX], *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	while ((slash = strrchr(dir, '/'))) {
		int wd;

		snprintf(watch->hops[watch->n].name, sizeof(watch->hops[0].name), "%s", slash + 1);
		*slash = '\0';
		if (!watch->hops[watch->n].name[0])
			continue;
		wd = inotify_add_watch(watch->fd, *dir ? dir : "/", WATCH_FOR);
		if (wd >= 0) {
			watch->hops[watch->n++].wd = wd;
			return 0;
		}
		if (errno != ENOENT && errno != ENOTDIR)
			return -errno;
	}
	return -ENOENT;
}

/* Where a link points, as a path of its own; false when it is no link. */
static bool
follow(char path[static PATH_MAX])
{
	char target[PATH_MAX], joined[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	const char *slash = strrchr(path, '/');

	if (n <= 0)
		return false;
	target[n] = '\0';
	if (target[0] == '/')
		n = snprintf(joined, sizeof(joined), "%s", target);
	else
		n = snprintf(joined, sizeof(joined), "%.*s%s", slash ? (int)(slash - path + 1) : 0,
			path, target);
	if (n < 0 || n >= (ssize_t)sizeof(joined))
		return false;
	memcpy(path, joined, (size_t)n + 1);
	return true;
}

static bool
exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

static void
watch_close(struct device_watch *watch)
{
	tb_source_remove(&watch->source);
	if (watch->fd >= 0)
		close(watch->fd);
	watch->fd = -1;
	watch->n = 0;
}

static void
on_inotify(int fd, uint32_t events, void *userdata)
{
	struct device_watch *watch = userdata;
	struct device *device = watch->device;
	char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool concerns = false;
	ssize_t n;

	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		for (char *p = buffer; p < buffer + n;) {
			const struct inotify_event *event = (const struct inotify_event *)p;

			p += sizeof(*event) + event->len;
			if (event->mask &
				(IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_Q_OVERFLOW))
				concerns = true;
			for (size_t i = 0; i < watch->n; i++)
				if (event->wd == watch->hops[i].wd && event->len > 0 &&
					!strcmp(event->name, watch->hops[i].name))
					concerns = true;
		}
	if (!concerns)
		return;
	if (exists(tb_device_path(device)))
		tb_device_appeared(device);
	else
		/* a step nearer, or a step back: wait in another directory; else in its own time */
		if (tb_device_watch_start(device) < 0)
			tb_source_set_timer_in(device->wake, UINT64_C(1000000));
}

int
tb_device_watch_start(struct device *device)
{
	struct device_watch *watch = device->watch;
	char path[PATH_MAX];
	int r = 0;

	if (!watch) {
		watch = calloc(1, sizeof(*watch));
		if (!watch)
			return -ENOMEM;
		watch->device = device;
		watch->fd = -1;
		device->watch = watch;
	}
	watch_close(watch);
	watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (watch->fd < 0)
		return -errno;
	snprintf(path, sizeof(path), "%s", tb_device_path(device));
	do
		r = add_hop(watch, path);
	while (r == 0 && watch->n < HOPS_MAX && follow(path));
	if (r == 0)
		r = tb_loop_add_fd(device->devices->bridge->loop, watch->fd, EPOLLIN, on_inotify,
			watch, &watch->source);
	/* it may have come while nobody watched */
	if (r == 0 && exists(tb_device_path(device)))
		r = -EAGAIN;
	if (r < 0)
		watch_close(watch);
	return r;
}

void
tb_device_watch_stop(struct device *device)
{
	if (!device->watch)
		return;
	watch_close(device->watch);
	free(TAKE_PTR(device->watch));
}
