/* SPDX-License-Identifier: MIT */
/*
 * A HID interface through the node the kernel made for it. hidraw knows no exclusive open: a lock
 * keeps two bridges apart, others may read the same reports. A feature report is sent by an ioctl
 * that waits for the device, 5 s at the very most by the kernel's own limit and in fact for one
 * exchange on the bus; it is sent once, at the open, by devices that are known to want it.
 */

#include <fcntl.h>
#include <linux/hidraw.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>

#include "hw/transport/hid.h"
#include "hw/transport/tty.h"

#define REPORTS_A_TURN 64 /* then the others have their turn */
#define REPORT_MAX 4096

struct hidraw {
	struct tb_hid hid;
	struct tb_loop *loop;
	struct tb_hid_handler handler;
	void *userdata;
	int fd;
	struct tb_source *source, *wake;
	char *note;
};

static void
lose(struct hidraw *raw, int error)
{
	_cleanup_free_ char *why = tb_line_why_lost(error);

	tb_source_remove(&raw->source);
	raw->handler.lost(error < 0 ? error : -ENODEV, why, raw->userdata);
}

/* Whether another report waits; asking costs less than a read of nothing. */
static bool
has_more(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	return poll(&pfd, 1, 0) > 0 && pfd.revents & POLLIN;
}

static void
on_readable(int fd, uint32_t events, void *userdata)
{
	struct hidraw *raw = userdata;
	uint8_t report[REPORT_MAX];
	ssize_t n = -1;
	bool more = (events & EPOLLIN) != 0;

	errno = EAGAIN;
	for (int i = 0; i < REPORTS_A_TURN && more; i++) {
		n = read(fd, report, sizeof(report));
		if (n > 0) {
			raw->handler.report(report, (size_t)n, raw->userdata);
			explicit_bzero(report, (size_t)n);
		}
		more = n > 0 && has_more(fd);
	}
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		lose(raw, n == 0 ? 0 : -errno);
	else if (!more && events & (EPOLLHUP | EPOLLERR))
		lose(raw, -ENODEV);
	else if (!more)
		raw->handler.drained(raw->userdata);
}

static void
on_wake(void *userdata)
{
	struct hidraw *raw = userdata;
	int r = tb_loop_add_fd(raw->loop, raw->fd, EPOLLIN, on_readable, raw, &raw->source);

	if (r < 0)
		lose(raw, r);
	else
		raw->handler.opened(raw->note, raw->userdata);
}

static int
open_node(const char *path, int *ret_fd, char **ret_why)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return tb_line_fail_open(path, errno, ret_why);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return tb_line_fail_open(path, EBUSY, ret_why);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static enum tb_hid_fit
judge(struct hidraw *raw)
{
	struct hidraw_report_descriptor descriptor = {.size = 0};
	int size = 0;

	if (ioctl(raw->fd, HIDIOCGRDESCSIZE, &size) == 0 && size > 0 &&
		size <= HID_MAX_DESCRIPTOR_SIZE) {
		descriptor.size = (uint32_t)size;
		if (ioctl(raw->fd, HIDIOCGRDESC, &descriptor) < 0)
			size = 0;
	} else {
		size = 0;
	}
	return raw->handler.judge(size ? descriptor.value : NULL, (size_t)size, raw->userdata);
}

/* NULL, or what to tell when the device did not take it (to free). */
static char *
send_feature(int fd, const struct tb_hid_wish *wish)
{
	uint8_t report[TB_HID_FEATURE_MAX];

	if (wish->feature_len == 0)
		return NULL;
	memcpy(report, wish->feature, wish->feature_len);
	if (ioctl(fd, HIDIOCSFEATURE(wish->feature_len), report) >= 0)
		return NULL;
	return tb_hid_note_feature(wish->what, strerror(errno));
}

char *
tb_hid_note_feature(const char *what, const char *why)
{
	char *note = NULL;

	if (asprintf(&note,
		    "it did not take the report that makes it a %s (%s): if nothing is read, set "
		    "it so with the code in its manual",
		    what, why) < 0)
		return NULL;
	return note;
}

char *
tb_hid_why_other(const char *address, const char *what)
{
	char *why = NULL;

	if (asprintf(&why, "%s is no %s: set it so with the code in its manual", address, what) < 0)
		return NULL;
	return why;
}

static void
hidraw_close(struct tb_hid *hid)
{
	struct hidraw *raw = container_of(hid, struct hidraw, hid);

	tb_source_remove(&raw->source);
	tb_source_remove(&raw->wake);
	if (raw->fd >= 0)
		close(raw->fd);
	free(raw->note);
	free(raw);
}

static const struct tb_hid_ops hidraw_ops = {.close = hidraw_close};

static int
start(struct hidraw *raw, const char *path, const struct tb_hid_wish *wish, char **ret_why)
{
	int r = open_node(path, &raw->fd, ret_why);

	if (r < 0)
		return r;
	if (judge(raw) == TB_HID_OTHER) {
		*ret_why = tb_hid_why_other(path, wish->what);
		return -EINVAL;
	}
	raw->note = send_feature(raw->fd, wish);
	r = tb_loop_add_timer(raw->loop, 1, on_wake, raw, &raw->wake);
	return r < 0 ? r : tb_source_set_timer_in(raw->wake, 0);
}

int
tb_hidraw_open(struct tb_loop *loop, const char *address, const struct tb_hid_wish *wish,
	const struct tb_hid_handler *handler, void *userdata, struct tb_hid **ret, char **ret_why)
{
	struct hidraw *raw = calloc(1, sizeof(*raw));
	int r;

	*ret_why = NULL;
	if (!raw)
		return -ENOMEM;
	*raw = (struct hidraw){.hid.ops = &hidraw_ops,
		.loop = loop,
		.handler = *handler,
		.userdata = userdata,
		.fd = -1};
	r = start(raw, address, wish, ret_why);
	if (r < 0) {
		hidraw_close(&raw->hid);
		return r;
	}
	*ret = &raw->hid;
	return 0;
}
