/* SPDX-License-Identifier: MIT */
/*
 * A USB printer as a stream of bytes: one transfer out at a time, resumed at the count that went
 * through, and one transfer in for what the printer says. A busy printer is waited for without end;
 * a stall is cleared, three in a row are the end. Requests and numbers: USB Device Class Definition
 * for Printing Devices 1.1, chapter 4.2.
 */

#include <stdio.h>
#include <string.h>

#include "hw/codec/device-id.h"
#include "hw/transport/tty.h"
#include "hw/transport/usb.h"

#define OUT_MAX 16384
/* Whole packets of any speed: a shorter buffer would overflow. */
#define IN_MAX 1024
#define STALLS_MAX 3
#define CONTROL_US (2 * UINT64_C(1000000))
#define POLL_US UINT64_C(1000000)
/* Before the next try where the device answers at once and with nothing: no spinning on it. */
#define PAUSE_US UINT64_C(20000)
#define CLOSE_TURNS 50

#define REQUEST_IN (LIBUSB_ENDPOINT_IN | LIBUSB_REQUEST_TYPE_CLASS | LIBUSB_RECIPIENT_INTERFACE)
#define GET_DEVICE_ID 0
#define GET_PORT_STATUS 1

enum flight {
	AT_REST,
	FLYING,
	LANDED, /* done, and not looked at yet */
	PAUSED,
};

struct lane {
	struct libusb_transfer *transfer;
	enum flight flight;
	unsigned stalls; /* in a row */
	bool stalled;    /* to be cleared, and until then nothing moves */
};

struct usb {
	struct tb_stream stream;
	struct tb_usb_user user;
	struct tb_loop *loop;
	struct tb_stream_handler handler;
	void *userdata;
	struct tb_usb_node node;
	char *address;
	char *language; /* that the Device ID must have; NULL: it is opened unseen */

	struct tb_source *wake, *control_timer, *pause_timer, *poll_timer;
	struct lane out, in, control;
	struct lane *clearing; /* whose stall the control transfer under way clears */
	uint8_t out_data[OUT_MAX], in_data[IN_MAX];
	uint8_t control_data[LIBUSB_CONTROL_SETUP_SIZE + IN_MAX];
	size_t out_len, out_done; /* of what was taken: how much went through */
	size_t in_len, in_read;
	size_t polled_done; /* out_done when the port was last asked */
	bool opened, told_opened, want_write;
	bool paper_out, told_paper_out;
	int gone; /* negative errno once the device is gone */
	char *why;
	bool *freed;
};

static void
lose(struct usb *usb, int error, char *why)
{
	if (usb->gone) {
		free(why);
		return;
	}
	usb->gone = error;
	usb->why = why;
	tb_source_set_timer_in(usb->wake, 0);
}

static void
lose_by(struct usb *usb, int code)
{
	int error = tb_usb_errno(code);

	lose(usb, error, tb_line_why_lost(error));
}

/* Every transfer ends here, within libusb: it is only noted. */
static void LIBUSB_CALL
landed(struct libusb_transfer *transfer)
{
	struct usb *usb = transfer->user_data;
	struct lane *lanes[] = {&usb->out, &usb->in, &usb->control};

	for (size_t i = 0; i < ARRAY_SIZE(lanes); i++)
		if (lanes[i]->transfer == transfer)
			lanes[i]->flight = LANDED;
	usb->user.due = true;
}

static int
submit(struct usb *usb, struct lane *lane)
{
	int r = usb->node.bus->call.submit_transfer(lane->transfer);

	if (r == 0)
		lane->flight = FLYING;
	else
		lose_by(usb, r);
	return r;
}

static void
pause_lane(struct usb *usb, struct lane *lane)
{
	lane->flight = PAUSED;
	tb_source_set_timer_in(usb->pause_timer, PAUSE_US);
}

/* What is left of the bytes that were taken. */
static int
submit_out(struct usb *usb)
{
	libusb_fill_bulk_transfer(usb->out.transfer, usb->node.handle, usb->node.out,
		usb->out_data + usb->out_done, (int)(usb->out_len - usb->out_done), landed, usb, 0);
	return submit(usb, &usb->out);
}

static void
submit_in(struct usb *usb)
{
	if (!usb->node.in)
		return;
	libusb_fill_bulk_transfer(usb->in.transfer, usb->node.handle, usb->node.in, usb->in_data,
		IN_MAX, landed, usb, 0);
	submit(usb, &usb->in);
}

static void
submit_control(struct usb *usb, uint8_t type, uint8_t request, uint16_t value, uint16_t index,
	uint16_t len)
{
	if (usb->control.flight != AT_REST)
		return;
	libusb_fill_control_setup(usb->control_data, type, request, value, index, len);
	libusb_fill_control_transfer(
		usb->control.transfer, usb->node.handle, usb->control_data, landed, usb, 0);
	if (submit(usb, &usb->control) == 0)
		tb_source_set_timer_in(usb->control_timer, CONTROL_US);
}

/* Has a stalled endpoint cleared; false when it stalled too often. */
static bool
note_stall(struct usb *usb, struct lane *lane)
{
	if (++lane->stalls >= STALLS_MAX) {
		lose(usb, -EPIPE,
			strdup("the printer stalled three times in a row: switch it off and on"));
		return false;
	}
	lane->stalled = true;
	return true;
}

/* The device clears its half first, asked without waiting. */
static void
clear_next(struct usb *usb)
{
	struct lane *lane = usb->out.stalled ? &usb->out : usb->in.stalled ? &usb->in : NULL;

	if (!lane || usb->clearing || usb->gone || usb->control.flight != AT_REST)
		return;
	usb->clearing = lane;
	submit_control(usb, LIBUSB_RECIPIENT_ENDPOINT, LIBUSB_REQUEST_CLEAR_FEATURE, 0,
		lane->transfer->endpoint, 0);
}

/* It has: the kernel's half is done by its own call, which alone sets the endpoint's toggle right,
 * and which a device that has just answered does not keep waiting. */
static void
cleared(struct usb *usb)
{
	struct lane *lane = TAKE_PTR(usb->clearing);
	int r = LIBUSB_ERROR_PIPE;

	if (usb->control.transfer->status == LIBUSB_TRANSFER_COMPLETED)
		r = usb->node.bus->call.clear_halt(usb->node.handle, lane->transfer->endpoint);
	lane->stalled = false;
	if (r < 0)
		lose_by(usb, r);
	else if (lane == &usb->in)
		pause_lane(usb, lane);
	else if (usb->out_done < usb->out_len)
		submit_out(usb);
}

static void
out_landed(struct usb *usb)
{
	size_t went = (size_t)usb->out.transfer->actual_length;

	usb->out.flight = AT_REST;
	usb->out_done += TB_MIN(went, usb->out_len - usb->out_done);
	usb->paper_out = usb->paper_out && went == 0;
	switch (usb->out.transfer->status) {
	case LIBUSB_TRANSFER_COMPLETED:
		usb->out.stalls = 0;
		break;
	case LIBUSB_TRANSFER_STALL:
		if (!note_stall(usb, &usb->out))
			return;
		break;
	case LIBUSB_TRANSFER_TIMED_OUT:
		break;
	default:
		lose_by(usb, LIBUSB_ERROR_NO_DEVICE);
		return;
	}
	if (usb->out_done == usb->out_len)
		tb_source_set_timer(usb->poll_timer, TB_NEVER);
	if (usb->out.stalled)
		clear_next(usb);
	else if (usb->out_done == usb->out_len)
		return;
	else if (went > 0)
		submit_out(usb);
	else
		pause_lane(usb, &usb->out);
}

static void
in_landed(struct usb *usb)
{
	usb->in.flight = AT_REST;
	switch (usb->in.transfer->status) {
	case LIBUSB_TRANSFER_COMPLETED:
		usb->in.stalls = 0;
		break;
	case LIBUSB_TRANSFER_STALL:
		/* a printer that cannot speak can print all the same */
		if (usb->in.stalls + 1 >= STALLS_MAX || !note_stall(usb, &usb->in))
			return;
		clear_next(usb);
		break;
	case LIBUSB_TRANSFER_NO_DEVICE:
		lose_by(usb, LIBUSB_ERROR_NO_DEVICE);
		return;
	default:
		break;
	}
	usb->in_len = (size_t)usb->in.transfer->actual_length;
	usb->in_read = 0;
	if (usb->in_len == 0 && !usb->in.stalled)
		pause_lane(usb, &usb->in);
}

static int
take(struct usb *usb, char **ret_why)
{
	int r = tb_usb_node_take(&usb->node, usb->address, ret_why);

	if (r < 0)
		return r;
	usb->opened = true;
	submit_in(usb);
	tb_source_set_timer_in(usb->wake, 0);
	return 0;
}

static void
device_id_came(struct usb *usb, const uint8_t *data, size_t len)
{
	char *why = NULL;
	int r = -EPROTONOSUPPORT;

	if (tb_device_id_speaks(data, len, usb->language))
		r = take(usb, &why);
	else
		why = strdup(TB_DEVICE_ID_SILENT);
	if (r < 0)
		lose(usb, r, why);
}

/* Paper out is believed only while nothing moves: of the cheap ones some set the bit for nothing.
 */
static void
port_status_came(struct usb *usb, uint8_t status)
{
	usb->paper_out = (status & TB_PORT_PAPER_OUT) && usb->out_done == usb->polled_done &&
	                 usb->out_done < usb->out_len;
}

static void
control_landed(struct usb *usb)
{
	struct libusb_transfer *transfer = usb->control.transfer;
	const uint8_t *data = usb->control_data + LIBUSB_CONTROL_SETUP_SIZE;
	bool well = transfer->status == LIBUSB_TRANSFER_COMPLETED;
	size_t len = well ? (size_t)transfer->actual_length : 0;

	usb->control.flight = AT_REST;
	tb_source_set_timer(usb->control_timer, TB_NEVER);
	if (transfer->status == LIBUSB_TRANSFER_NO_DEVICE)
		lose_by(usb, LIBUSB_ERROR_NO_DEVICE);
	else if (usb->clearing)
		cleared(usb);
	else if (!usb->opened)
		device_id_came(usb, data, len);
	else if (len > 0)
		port_status_came(usb, data[0]);
	clear_next(usb);
}

/* Looks at what has landed, and tells what the user is to know. */
static void
serve(struct usb *usb)
{
	bool freed = false;

	if (usb->control.flight == LANDED)
		control_landed(usb);
	if (usb->out.flight == LANDED)
		out_landed(usb);
	if (usb->in.flight == LANDED)
		in_landed(usb);
	usb->freed = &freed;
	if (usb->opened && !usb->told_opened) {
		usb->told_opened = true;
		usb->handler.opened(usb->userdata);
	}
	if (!freed && usb->paper_out != usb->told_paper_out && usb->handler.port) {
		usb->told_paper_out = usb->paper_out;
		usb->handler.port(usb->paper_out, usb->userdata);
	}
	if (!freed && usb->told_opened && usb->in_read < usb->in_len) {
		size_t before = usb->in_read;

		usb->handler.readable(usb->userdata);
		if (!freed && usb->gone && usb->in_read == before)
			usb->in_read = usb->in_len;
	}
	if (!freed && usb->told_opened && !usb->gone && usb->want_write && !usb->out.stalled &&
		usb->out_done == usb->out_len)
		usb->handler.writable(usb->userdata);
	if (freed)
		return;
	usb->freed = NULL;
	if (usb->in_read < usb->in_len)
		tb_source_set_timer_in(usb->wake, 0);
	else if (usb->gone)
		usb->handler.lost(
			usb->gone, usb->why ? usb->why : strerror(-usb->gone), usb->userdata);
}

static void
on_wake(void *userdata)
{
	serve(userdata);
}

static void
on_due(struct tb_usb_user *user)
{
	serve(container_of(user, struct usb, user));
}

static void
on_control_late(void *userdata)
{
	struct usb *usb = userdata;

	if (usb->control.flight == FLYING)
		usb->node.bus->call.cancel_transfer(usb->control.transfer);
}

static void
on_pause_over(void *userdata)
{
	struct usb *usb = userdata;

	if (usb->gone)
		return;
	if (usb->out.flight == PAUSED)
		submit_out(usb);
	if (usb->in.flight == PAUSED && !usb->gone)
		submit_in(usb);
}

/* A second in which the printer may have taken nothing: does it say why? */
static void
on_poll(void *userdata)
{
	struct usb *usb = userdata;

	if (usb->gone || usb->out_done == usb->out_len)
		return;
	if (usb->polled_done == usb->out_done)
		submit_control(usb, REQUEST_IN, GET_PORT_STATUS, 0,
			(uint16_t)(usb->node.interface << 8 | usb->node.alternate), 1);
	usb->polled_done = usb->out_done;
	tb_source_set_timer_in(usb->poll_timer, POLL_US);
}

static ssize_t
usb_read(struct tb_stream *stream, void *data, size_t size)
{
	struct usb *usb = container_of(stream, struct usb, stream);
	size_t n = TB_MIN(size, usb->in_len - usb->in_read);

	if (n == 0)
		return usb->gone ? usb->gone : -EAGAIN;
	memcpy(data, usb->in_data + usb->in_read, n);
	usb->in_read += n;
	if (usb->in_read == usb->in_len && !usb->gone && usb->in.flight == AT_REST &&
		!usb->in.stalled)
		submit_in(usb);
	return (ssize_t)n;
}

static ssize_t
usb_write(struct tb_stream *stream, const void *data, size_t len)
{
	struct usb *usb = container_of(stream, struct usb, stream);

	if (usb->gone)
		return usb->gone;
	if (!usb->opened || usb->out_done < usb->out_len || usb->out.stalled || len == 0)
		return -EAGAIN;
	usb->out_len = TB_MIN(len, (size_t)OUT_MAX);
	usb->out_done = usb->polled_done = 0;
	memcpy(usb->out_data, data, usb->out_len);
	if (submit_out(usb) < 0) {
		usb->out_len = 0;
		return usb->gone;
	}
	tb_source_set_timer_in(usb->poll_timer, POLL_US);
	return (ssize_t)usb->out_len;
}

static void
usb_want_write(struct tb_stream *stream, bool on)
{
	struct usb *usb = container_of(stream, struct usb, stream);

	usb->want_write = on;
	if (on && usb->out_done == usb->out_len && !usb->gone)
		tb_source_set_timer_in(usb->wake, 0);
}

static ssize_t
usb_pending(struct tb_stream *stream)
{
	struct usb *usb = container_of(stream, struct usb, stream);

	return (ssize_t)(usb->out_len - usb->out_done);
}

static void
cancel(struct usb *usb, struct lane *lane)
{
	if (lane->flight == FLYING)
		usb->node.bus->call.cancel_transfer(lane->transfer);
}

/* The kernel ends a transfer within the cancelling, so a few turns without waiting see them all. */
static void
land_all(struct usb *usb)
{
	struct lane *lanes[] = {&usb->out, &usb->in, &usb->control};
	bool flying = true;

	for (size_t i = 0; i < ARRAY_SIZE(lanes); i++)
		cancel(usb, lanes[i]);
	for (int turn = 0; turn < CLOSE_TURNS && flying; turn++) {
		flying = false;
		for (size_t i = 0; i < ARRAY_SIZE(lanes); i++)
			flying = flying || lanes[i]->flight == FLYING;
		if (flying)
			tb_usb_bus_turn(usb->node.bus);
	}
}

/* What the kernel has not told yet counts as well: the last transfer may have gone in part. */
static ssize_t
usb_unsent(struct tb_stream *stream)
{
	struct usb *usb = container_of(stream, struct usb, stream);

	land_all(usb);
	if (usb->out.flight == LANDED) {
		usb->out_done += TB_MIN(
			(size_t)usb->out.transfer->actual_length, usb->out_len - usb->out_done);
		usb->out.flight = AT_REST;
	}
	return (ssize_t)(usb->out_len - usb->out_done);
}

static void
usb_close(struct tb_stream *stream)
{
	struct usb *usb = container_of(stream, struct usb, stream);
	struct lane *lanes[] = {&usb->out, &usb->in, &usb->control};

	if (usb->freed)
		*usb->freed = true;
	if (usb->node.handle)
		land_all(usb);
	tb_list_remove(&usb->user.node);
	for (size_t i = 0; i < ARRAY_SIZE(lanes); i++)
		if (lanes[i]->transfer)
			usb->node.bus->call.free_transfer(lanes[i]->transfer);
	tb_usb_node_close(&usb->node);
	tb_source_remove(&usb->wake);
	tb_source_remove(&usb->control_timer);
	tb_source_remove(&usb->pause_timer);
	tb_source_remove(&usb->poll_timer);
	free(usb->address);
	free(usb->language);
	free(usb->why);
	free(usb);
}

static const struct tb_stream_ops usb_ops = {
	.slice = OUT_MAX,
	.read = usb_read,
	.write = usb_write,
	.want_write = usb_want_write,
	.pending = usb_pending,
	.unsent = usb_unsent,
	.close = usb_close,
};

static int
make_parts(struct usb *usb)
{
	struct lane *lanes[] = {&usb->out, &usb->in, &usb->control};
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(lanes); i++) {
		lanes[i]->transfer = usb->node.bus->call.alloc_transfer(0);
		if (!lanes[i]->transfer)
			return -ENOMEM;
	}
	r = tb_loop_add_timer(usb->loop, 1, on_wake, usb, &usb->wake);
	if (r == 0)
		r = tb_loop_add_timer(usb->loop, 10000, on_control_late, usb, &usb->control_timer);
	if (r == 0)
		r = tb_loop_add_timer(usb->loop, 1000, on_pause_over, usb, &usb->pause_timer);
	if (r == 0)
		r = tb_loop_add_timer(usb->loop, 50000, on_poll, usb, &usb->poll_timer);
	return r;
}

/* Takes it now, or asks first which language it speaks. */
static int
begin(struct usb *usb, char **ret_why)
{
	if (usb->language) {
		submit_control(usb, REQUEST_IN, GET_DEVICE_ID, usb->node.config_index,
			(uint16_t)(usb->node.interface << 8 | usb->node.alternate), IN_MAX);
		return usb->gone;
	}
	return take(usb, ret_why);
}

int
tb_usb_open(struct tb_loop *loop, const char *address, const struct tb_stream_settings *settings,
	const struct tb_stream_handler *handler, void *userdata, struct tb_stream **ret,
	char **ret_why)
{
	struct usb *usb = calloc(1, sizeof(*usb));
	const char *language = settings ? settings->language : NULL;
	int r;

	*ret_why = NULL;
	if (!usb)
		return -ENOMEM;
	usb->stream.ops = &usb_ops;
	usb->user.serve = on_due;
	tb_list_init(&usb->user.node);
	usb->loop = loop;
	usb->handler = *handler;
	usb->userdata = userdata;
	usb->node.fd = -1;
	usb->address = strdup(address);
	usb->language = language ? strdup(language) : NULL;
	r = usb->address && (!language || usb->language) ? 0 : -ENOMEM;
	if (r == 0)
		r = tb_usb_node_open(loop, address, &usb->node, ret_why);
	if (r == 0)
		r = make_parts(usb);
	if (r == 0) {
		tb_list_append(&usb->node.bus->users, &usb->user.node);
		r = begin(usb, ret_why);
	}
	if (r < 0) {
		usb_close(&usb->stream);
		return r;
	}
	*ret = &usb->stream;
	return 0;
}
