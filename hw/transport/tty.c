/* SPDX-License-Identifier: MIT */
/*
 * A serial line or pseudo-terminal as a stream of bytes on the loop. A hang-up (HUP, or readable
 * with nothing to read) takes the descriptor out of the loop at once: it would be told for ever.
 * How a line is opened is tty-line.c's.
 */

#include <string.h>
#include <sys/ioctl.h>

#include "hw/transport/tty.h"

struct tty {
	struct tb_stream stream;
	struct tb_loop *loop;
	struct tb_stream_handler handler;
	void *userdata;
	struct tb_line line;
	struct tb_source *watch;
	/* Fires at once: `opened`, or `lost` once the line is gone. */
	struct tb_source *wake;
	uint32_t events;
	bool opened;
	int gone;    /* negative errno once the line is gone */
	bool *freed; /* where a callback under way learns that the stream was closed from within */
};

static void
set_gone(struct tty *tty, int error)
{
	if (tty->gone)
		return;
	tty->gone = error;
	tb_source_remove(&tty->watch);
	tb_source_set_timer_in(tty->wake, 0);
}

static ssize_t
tty_read(struct tb_stream *stream, void *data, size_t size)
{
	struct tty *tty = container_of(stream, struct tty, stream);
	ssize_t n;

	if (tty->gone)
		return tty->gone;
	do
		n = read(tty->line.fd, data, size);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return n;
	if (n < 0 && errno == EAGAIN)
		return -EAGAIN;
	set_gone(tty, n == 0 ? -EPIPE : -errno);
	return tty->gone;
}

static ssize_t
tty_write(struct tb_stream *stream, const void *data, size_t len)
{
	struct tty *tty = container_of(stream, struct tty, stream);
	ssize_t n;

	if (tty->gone)
		return tty->gone;
	do
		n = write(tty->line.fd, data, len);
	while (n < 0 && errno == EINTR);
	if (n > 0 || len == 0)
		return n;
	if (n == 0 || errno == EAGAIN)
		return -EAGAIN;
	set_gone(tty, -errno);
	return tty->gone;
}

static void
tty_want_write(struct tb_stream *stream, bool on)
{
	struct tty *tty = container_of(stream, struct tty, stream);
	uint32_t events = EPOLLIN | (on ? (uint32_t)EPOLLOUT : 0);

	if (tty->events == events)
		return;
	tty->events = events;
	if (tty->watch)
		tb_source_set_events(tty->watch, events);
}

static ssize_t
tty_pending(struct tb_stream *stream)
{
	struct tty *tty = container_of(stream, struct tty, stream);
	int count;

	return tty->gone || ioctl(tty->line.fd, TIOCOUTQ, &count) < 0 ? -ENOTSUP : count;
}

static void
tty_close(struct tb_stream *stream)
{
	struct tty *tty = container_of(stream, struct tty, stream);

	if (tty->freed)
		*tty->freed = true;
	tb_source_remove(&tty->watch);
	tb_source_remove(&tty->wake);
	tb_line_close(&tty->line);
	free(tty);
}

static void
on_ready(int fd, uint32_t events, void *userdata)
{
	struct tty *tty = userdata;
	bool freed = false;

	tty->freed = &freed;
	/* HUP comes with IN and nothing to read: the user's read finds that out as well */
	if (events & EPOLLIN)
		tty->handler.readable(tty->userdata);
	if (!freed && !tty->gone && (events & EPOLLOUT) && (tty->events & EPOLLOUT))
		tty->handler.writable(tty->userdata);
	if (freed)
		return;
	tty->freed = NULL;
	if (events & (EPOLLHUP | EPOLLERR)) {
		int left = 0;

		if (ioctl(fd, FIONREAD, &left) < 0 || left == 0)
			set_gone(tty, -EPIPE);
	}
}

static void
on_wake(void *userdata)
{
	struct tty *tty = userdata;
	bool freed = false;

	if (!tty->opened) {
		int r = tb_loop_add_fd(
			tty->loop, tty->line.fd, tty->events, on_ready, tty, &tty->watch);

		tty->opened = true;
		if (r < 0)
			tty->gone = r;
		tty->freed = &freed;
		if (!tty->gone)
			tty->handler.opened(tty->userdata);
		if (freed)
			return;
		tty->freed = NULL;
	}
	if (tty->gone)
		tty->handler.lost(tty->gone,
			"the device was unplugged or its other end hung up: plug it in again",
			tty->userdata);
}

static const struct tb_stream_ops tty_ops = {
	.read = tty_read,
	.write = tty_write,
	.want_write = tty_want_write,
	.pending = tty_pending,
	.close = tty_close,
};

int
tb_tty_open(struct tb_loop *loop, const char *address, const struct tb_stream_settings *settings,
	const struct tb_stream_handler *handler, void *userdata, struct tb_stream **ret,
	char **ret_why)
{
	static const struct tb_stream_settings plain;
	struct tty *tty = calloc(1, sizeof(*tty));
	int r;

	*ret_why = NULL;
	if (!tty)
		return -ENOMEM;
	*tty = (struct tty){
		.stream.ops = &tty_ops,
		.loop = loop,
		.handler = *handler,
		.userdata = userdata,
		.line.fd = -1,
		.events = EPOLLIN,
	};
	r = tb_line_open(address, settings ? settings : &plain, &tty->line, ret_why);
	if (r == 0)
		r = tb_loop_add_timer(loop, 0, on_wake, tty, &tty->wake);
	if (r < 0) {
		tty_close(&tty->stream);
		return r;
	}
	tb_source_set_timer_in(tty->wake, 0);
	*ret = &tty->stream;
	return 0;
}
