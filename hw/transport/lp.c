/* SPDX-License-Identifier: MIT */
/*
 * A USB printer behind the kernel's own driver, /dev/usb/lpN: the kernel takes up to 8 kB at a time
 * and gives no account of them. It sees to stalls itself; what it cannot mend is an error here. The
 * requests are those of drivers/usb/class/usblp.c and include/linux/lp.h.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "hw/codec/device-id.h"
#include "hw/transport/tty.h"

#define ID_MAX 1024
#define KERNEL_MAX 8192
#define LPIOC_GET_DEVICE_ID(len) _IOC(_IOC_READ, 'P', 1, len)
#define LPGETSTATUS 0x060b

#define POLL_US UINT64_C(1000000)
/* Readable with nothing to read is an empty packet; some printers send them without end. */
#define PAUSE_US UINT64_C(50000)
/* The kernel waits for the answer to LPGETSTATUS: whoever takes so long is not asked again. */
#define STATUS_SLOW_US UINT64_C(200000)

struct lp {
	struct tb_stream stream;
	struct tb_loop *loop;
	struct tb_stream_handler handler;
	void *userdata;
	int fd;
	struct tb_source *watch, *wake, *pause_timer, *poll_timer;
	bool told_opened, want_write, paused, told_paper_out, asks;
	int gone;
	bool *freed;
};

static void
update_events(struct lp *lp)
{
	uint32_t events = (lp->paused ? 0 : (uint32_t)EPOLLIN) |
	                  (lp->want_write ? (uint32_t)EPOLLOUT : 0);

	if (lp->watch)
		tb_source_set_events(lp->watch, events);
}

static void
set_gone(struct lp *lp, int error)
{
	if (lp->gone)
		return;
	lp->gone = error;
	tb_source_remove(&lp->watch);
	tb_source_set_timer_in(lp->wake, 0);
}

static ssize_t
lp_read(struct tb_stream *stream, void *data, size_t size)
{
	struct lp *lp = container_of(stream, struct lp, stream);
	ssize_t n;

	if (lp->gone)
		return lp->gone;
	do
		n = read(lp->fd, data, size);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return n;
	if (n < 0 && errno != EAGAIN) {
		set_gone(lp, -errno);
		return lp->gone;
	}
	if (n == 0 && !lp->paused) {
		lp->paused = true;
		update_events(lp);
		tb_source_set_timer_in(lp->pause_timer, PAUSE_US);
	}
	return -EAGAIN;
}

static ssize_t
lp_write(struct tb_stream *stream, const void *data, size_t len)
{
	struct lp *lp = container_of(stream, struct lp, stream);
	ssize_t n;

	if (lp->gone)
		return lp->gone;
	if (len == 0)
		return -EAGAIN;
	do
		n = write(lp->fd, data, len);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return n;
	/* out of paper, says the kernel of a port that is set so: waited for like a busy one */
	if (n == 0 || errno == EAGAIN || errno == ENOSPC)
		return -EAGAIN;
	set_gone(lp, -errno);
	return lp->gone;
}

static void
lp_want_write(struct tb_stream *stream, bool on)
{
	struct lp *lp = container_of(stream, struct lp, stream);

	if (lp->want_write == on)
		return;
	lp->want_write = on;
	update_events(lp);
	tb_source_set_timer(lp->poll_timer, on ? tb_loop_now_us(lp->loop) + POLL_US : TB_NEVER);
}

static void
lp_close(struct tb_stream *stream)
{
	struct lp *lp = container_of(stream, struct lp, stream);

	if (lp->freed)
		*lp->freed = true;
	tb_source_remove(&lp->watch);
	tb_source_remove(&lp->wake);
	tb_source_remove(&lp->pause_timer);
	tb_source_remove(&lp->poll_timer);
	if (lp->fd >= 0)
		close(lp->fd);
	free(lp);
}

/* A second without a byte taken: is it the paper? */
static void
on_poll(void *userdata)
{
	struct lp *lp = userdata;
	struct timespec before, after;
	bool paper_out;
	int status = 0;
	int64_t took_us;

	if (lp->gone || !lp->asks || !lp->handler.port)
		return;
	clock_gettime(CLOCK_MONOTONIC, &before);
	lp->asks = ioctl(lp->fd, LPGETSTATUS, &status) == 0;
	clock_gettime(CLOCK_MONOTONIC, &after);
	took_us = (after.tv_sec - before.tv_sec) * 1000000 +
	          (after.tv_nsec - before.tv_nsec) / 1000;
	if (took_us > (int64_t)STATUS_SLOW_US)
		lp->asks = false;
	tb_source_set_timer_in(lp->poll_timer, POLL_US);
	paper_out = lp->asks && (status & TB_PORT_PAPER_OUT);
	if (paper_out == lp->told_paper_out)
		return;
	lp->told_paper_out = paper_out;
	lp->handler.port(paper_out, lp->userdata);
}

static void
on_pause_over(void *userdata)
{
	struct lp *lp = userdata;

	lp->paused = false;
	update_events(lp);
}

static void
on_ready(int fd, uint32_t events, void *userdata)
{
	struct lp *lp = userdata;
	bool freed = false;

	lp->freed = &freed;
	if (events & EPOLLIN)
		lp->handler.readable(lp->userdata);
	if (!freed && !lp->gone && (events & EPOLLOUT) && lp->want_write) {
		if (lp->told_paper_out && lp->handler.port) {
			lp->told_paper_out = false;
			lp->handler.port(false, lp->userdata);
		}
		if (!freed)
			lp->handler.writable(lp->userdata);
	}
	if (freed)
		return;
	lp->freed = NULL;
	/* what was said before the end has been read, as far as one turn does it */
	if ((events & (EPOLLHUP | EPOLLERR)) && (lp->paused || !(events & EPOLLIN)))
		set_gone(lp, -ENODEV);
}

static void
on_wake(void *userdata)
{
	struct lp *lp = userdata;
	bool freed = false;

	if (!lp->told_opened) {
		int r = tb_loop_add_fd(lp->loop, lp->fd, EPOLLIN, on_ready, lp, &lp->watch);

		lp->told_opened = true;
		if (r < 0)
			lp->gone = r;
		lp->freed = &freed;
		if (!lp->gone)
			lp->handler.opened(lp->userdata);
		if (freed)
			return;
		lp->freed = NULL;
	}
	if (lp->gone)
		lp->handler.lost(lp->gone,
			"the printer was unplugged, or the kernel lost the way to it: plug it in "
			"again",
			lp->userdata);
}

static const struct tb_stream_ops lp_ops = {
	.slice = KERNEL_MAX,
	.read = lp_read,
	.write = lp_write,
	.want_write = lp_want_write,
	.close = lp_close,
};

/* Whether its Device ID has the language; the kernel asked for it when the printer was plugged. */
static int
check_language(int fd, const char *language, char **ret_why)
{
	uint8_t id[ID_MAX] = {0};

	if (ioctl(fd, LPIOC_GET_DEVICE_ID(ID_MAX), id) >= 0 &&
		tb_device_id_speaks(id, sizeof(id), language))
		return 0;
	*ret_why = strdup(TB_DEVICE_ID_SILENT);
	return -EINVAL;
}

int
tb_lp_open(struct tb_loop *loop, const char *address, const struct tb_stream_settings *settings,
	const struct tb_stream_handler *handler, void *userdata, struct tb_stream **ret,
	char **ret_why)
{
	struct lp *lp = calloc(1, sizeof(*lp));
	int r = 0;

	*ret_why = NULL;
	if (!lp)
		return -ENOMEM;
	*lp = (struct lp){.stream.ops = &lp_ops,
		.loop = loop,
		.handler = *handler,
		.userdata = userdata,
		.asks = true};
	lp->fd = open(address, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (lp->fd < 0)
		r = tb_line_fail_open(address, errno, ret_why);
	if (r == 0 && settings && settings->language)
		r = check_language(lp->fd, settings->language, ret_why);
	if (r == 0)
		r = tb_loop_add_timer(loop, 1, on_wake, lp, &lp->wake);
	if (r == 0)
		r = tb_loop_add_timer(loop, 10000, on_pause_over, lp, &lp->pause_timer);
	if (r == 0)
		r = tb_loop_add_timer(loop, 50000, on_poll, lp, &lp->poll_timer);
	if (r < 0) {
		lp_close(&lp->stream);
		return r;
	}
	tb_source_set_timer_in(lp->wake, 0);
	*ret = &lp->stream;
	return 0;
}
