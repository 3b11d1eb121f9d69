/* SPDX-License-Identifier: MIT */
/*
 * A socket of udev's that runs over, for a test: while the file that DEAF names is there, what
 * comes is thrown away, and once it is gone the next to read is told so, as the kernel tells it.
 * Loaded in front of libudev; it knows nothing of devices.
 */

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

struct udev_device;
struct udev_monitor;

struct udev_device *udev_monitor_receive_device(struct udev_monitor *monitor);
struct udev_device *udev_device_unref(struct udev_device *device);

__attribute__((visibility("default"))) struct udev_device *
udev_monitor_receive_device(struct udev_monitor *monitor)
{
	static struct udev_device *(*receive)(struct udev_monitor *);
	static bool lost;
	const char *path = getenv("DEAF");
	struct udev_device *device;

	if (!receive)
		*(void **)&receive = dlsym(RTLD_NEXT, "udev_monitor_receive_device");
	if (path && access(path, F_OK) == 0) {
		while ((device = receive(monitor))) {
			udev_device_unref(device);
			lost = true;
		}
		errno = EAGAIN;
		return NULL;
	}
	if (lost) {
		lost = false;
		errno = ENOBUFS;
		return NULL;
	}
	return receive(monitor);
}
