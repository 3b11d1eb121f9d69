/* SPDX-License-Identifier: MIT */
/*
 * The contract of a wire: a stream of bytes that is opened, read, written in parts, and may hang up
 * at any time. One file a kind of wire fills it in (lp.c, tcp.c, tty.c, usb.c); drivers use the
 * functions at the end and do not know which one it is. Nothing here blocks, opens again by itself
 * or understands a byte.
 */
#pragma once

#include <sys/types.h>
#include "hw/driver.h"

struct tb_stream;

enum tb_flow {
	TB_FLOW_NONE,
	TB_FLOW_RTS, /* RTS/CTS */
	TB_FLOW_XON, /* XON/XOFF: not for pictures, their bytes hold both signs */
	TB_FLOW_DSR, /* DTR/DSR, as receipt printers leave the factory */
};

/* What a serial line needs; other wires ignore it. */
struct tb_stream_settings {
	uint32_t speed;   /* baud; 0: 9600 */
	const char *mode; /* "8N1", "7E1"; NULL: 8N1 */
	enum tb_flow flow;
	/* Opened unasked: only a printer whose Device ID has this language ("ESC/POS"), else `lost`
	 * with -EPROTONOSUPPORT, or the open's own error. Wires that cannot ask ignore it. */
	const char *language;
};

/*
 * What the user of a stream is told, each from the loop and never from within a call of its own.
 * The stream may be closed from any of them; after `lost` it must be, and nothing else is told.
 */
struct tb_stream_handler {
	/* Bytes can go both ways from now on. Once, before any of the others but `lost`. */
	void (*opened)(void *userdata);
	/* tb_stream_read() has something to give; told again as long as it has. */
	void (*readable)(void *userdata);
	/* The wire takes bytes again; only told while tb_stream_want_write() is on. */
	void (*writable)(void *userdata);
	/*
	 * The peer hung up, the device was pulled, or it never opened. What came before is read
	 * first: the wire tells `readable` as long as there is something, and then this. error is a
	 * negative errno, why a sentence that names the culprit; borrowed until the call returns.
	 */
	void (*lost)(int error, const char *why, void *userdata);
	/* The port itself says that the paper is out, while nothing moves, or that it is no longer
	 * so. May be NULL, and most wires never say it. */
	void (*port)(bool paper_out, void *userdata);
};

struct tb_stream_ops {
	/* How many bytes go well at once, where the wire itself makes a busy printer's sender wait;
	 * 0: as few as the printer's buffer says. */
	size_t slice;
	/* Bytes read (> 0); -EAGAIN: nothing now; another negative errno: gone, `lost` follows by
	 * the loop. Never 0: the end of the stream is -EPIPE. */
	ssize_t (*read)(struct tb_stream *stream, void *data, size_t size);
	/*
	 * Bytes taken (> 0, fewer than len as the wire likes): they are the wire's from now on and
	 * may have reached the device. -EAGAIN: none now; another negative errno: gone, none of
	 * these was taken.
	 */
	ssize_t (*write)(struct tb_stream *stream, const void *data, size_t len);
	/* Whether `writable` is told. Off at first. */
	void (*want_write)(struct tb_stream *stream, bool on);
	/* Bytes taken that this machine still holds (the kernel's queue), or -ENOTSUP. They may be
	 * printed yet or may be lost. */
	ssize_t (*pending)(struct tb_stream *stream);
	/* Asked at the end: stops what is under way, and says how many of the bytes taken the
	 * device has certainly not got. NULL or -ENOTSUP where that cannot be known. */
	ssize_t (*unsent)(struct tb_stream *stream);
	/*
	 * Gives the device back and frees, at once. A serial line drops what is pending; a
	 * network's kernel may still deliver it.
	 */
	void (*close)(struct tb_stream *stream);
};

/* The first member of every kind of stream. */
struct tb_stream {
	const struct tb_stream_ops *ops;
	/* Whose wire this is, for who records it; set by the driver after the open, or NULL. */
	const struct tb_device_host *host;
};

/*
 * Starts to open `address` without its prefix ("HOST:PORT", "/dev/ttyUSB0"). 0 and a stream whose
 * handler will be told `opened` or `lost`; or a negative errno with a sentence in ret_why (to
 * free), as tb_driver.open promises it: -EACCES, -ENOENT, -ENODEV, -EBUSY, -EINVAL. settings and
 * handler are copied; their strings are not needed after the call.
 */
typedef int (*tb_stream_open_fn)(struct tb_loop *loop, const char *address,
	const struct tb_stream_settings *settings, const struct tb_stream_handler *handler,
	void *userdata, struct tb_stream **ret, char **ret_why);

/* Each in the file of its name. */
int tb_lp_open(struct tb_loop *loop, const char *address, const struct tb_stream_settings *settings,
	const struct tb_stream_handler *handler, void *userdata, struct tb_stream **ret,
	char **ret_why);
int tb_tcp_open(struct tb_loop *loop, const char *address,
	const struct tb_stream_settings *settings, const struct tb_stream_handler *handler,
	void *userdata, struct tb_stream **ret, char **ret_why);
int tb_tty_open(struct tb_loop *loop, const char *address,
	const struct tb_stream_settings *settings, const struct tb_stream_handler *handler,
	void *userdata, struct tb_stream **ret, char **ret_why);
int tb_usb_open(struct tb_loop *loop, const char *address,
	const struct tb_stream_settings *settings, const struct tb_stream_handler *handler,
	void *userdata, struct tb_stream **ret, char **ret_why);

/*
 * Opens an address with its prefix ("tcp:HOST:PORT", "tty:PATH", "usb:@PORT"), by the table in
 * transport.c; -EINVAL with ret_why for a prefix that no stream has.
 */
int tb_stream_open(struct tb_loop *loop, const char *address,
	const struct tb_stream_settings *settings, const struct tb_stream_handler *handler,
	void *userdata, struct tb_stream **ret, char **ret_why);

static inline ssize_t
tb_stream_read(struct tb_stream *stream, void *data, size_t size)
{
	ssize_t n = stream->ops->read(stream, data, size);

	if (n > 0 && stream->host)
		tb_wire_tap(stream->host, TB_WIRE_IN, data, (size_t)n);
	return n;
}

static inline ssize_t
tb_stream_write(struct tb_stream *stream, const void *data, size_t len)
{
	ssize_t n = stream->ops->write(stream, data, len);

	if (n > 0 && stream->host)
		tb_wire_tap(stream->host, TB_WIRE_OUT, data, (size_t)n);
	return n;
}

static inline void
tb_stream_want_write(struct tb_stream *stream, bool on)
{
	stream->ops->want_write(stream, on);
}

static inline ssize_t
tb_stream_pending(struct tb_stream *stream)
{
	return stream->ops->pending ? stream->ops->pending(stream) : -ENOTSUP;
}

static inline ssize_t
tb_stream_unsent(struct tb_stream *stream)
{
	return stream->ops->unsent ? stream->ops->unsent(stream) : -ENOTSUP;
}

/* Closes and forgets; a pointer to NULL is nothing. */
static inline void
tb_stream_closep(struct tb_stream **stream)
{
	if (*stream)
		(*stream)->ops->close(*stream);
	*stream = NULL;
}
