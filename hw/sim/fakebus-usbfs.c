/* SPDX-License-Identifier: MIT */
/*
 * A USB device of the fake bus as usbfs shows it to libusb: its node, its URBs, the requests of
 * the printer class, and a little ESC/POS, so that questions are answered. The node is a FIFO that
 * is kept full, and has room exactly when a URB can be reaped: that is how usbfs polls. It prints
 * nothing; what it takes goes to a file.
 */

#include <errno.h>
#include <linux/usbdevice_fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hw/sim/fakebus-usb.h"

GMutex usb_lock;

struct usbdevfs_urb *
usbfs_wire_of(struct urb *urb)
{
	return (struct usbdevfs_urb *)urb->data->data;
}

#define urb_of usbfs_wire_of

/* Whether a client may poll for writing: something is to be reaped, if only the end. */
void
usbfs_update(struct printer *printer)
{
	gboolean room = printer->landed || !printer->plugged;
	char bytes[PIPE_BYTES] = {0};

	if (printer->fifo < 0 || room == !printer->full)
		return;
	if (room ? read(printer->fifo, bytes, sizeof(bytes)) > 0
		 : write(printer->fifo, bytes, sizeof(bytes)) > 0)
		printer->full = !room;
}

void
usbfs_land(struct printer *printer, struct urb *urb, int status, size_t actual)
{
	urb_of(urb)->status = status;
	urb_of(urb)->actual_length = (int)actual;
	printer->flying = g_list_remove(printer->flying, urb);
	printer->landed = g_list_append(printer->landed, urb);
}

static void
capture(struct printer *printer, const guint8 *bytes, size_t len)
{
	FILE *file = printer->capture ? fopen(printer->capture, "ab") : NULL;

	printer->taken += len;
	if (!file)
		return;
	if (fwrite(bytes, 1, len, file) != len)
		say("error %s", printer->capture);
	fclose(file);
}

/* DLE EOT n, GS r n and GS ( H are answered, as soon as their last byte has come. */
static void
listen_to(struct printer *printer, const guint8 *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const guint8 *last;

		g_string_append_c(printer->heard, (char)bytes[i]);
		if (printer->heard->len > 11)
			g_string_erase(printer->heard, 0, 1);
		if (printer->silent || printer->heard->len < 3)
			continue;
		last = (const guint8 *)printer->heard->str + printer->heard->len - 3;
		if (last[0] == 0x10 && last[1] == 0x04 && last[2] >= 1 && last[2] <= 4)
			g_byte_array_append(printer->answers, &printer->status[last[2]], 1);
		else if (last[0] == 0x1d && last[1] == 0x72 && (last[2] == 1 || last[2] == 49))
			g_byte_array_append(printer->answers, (const guint8 *)"\0", 1);
		else if (printer->heard->len == 11 &&
			 !memcmp(printer->heard->str, "\x1d(H\x06\0\x30\x30", 7)) {
			g_byte_array_append(printer->answers, (const guint8 *)"\x37\x22", 2);
			g_byte_array_append(
				printer->answers, (const guint8 *)printer->heard->str + 7, 4);
			g_byte_array_append(printer->answers, (const guint8 *)"\0", 1);
		}
	}
}

static gboolean on_due(gpointer userdata);

/* A printer of some speed is through with a transfer only later; TRUE when it is. */
static gboolean
is_through(struct printer *printer, struct urb *urb, size_t len)
{
	gint64 now_us = g_get_monotonic_time();

	if (!printer->speed)
		return TRUE;
	if (!urb->flowing) {
		urb->flowing = TRUE;
		urb->due_us = MAX(now_us, printer->free_us) +
		              (gint64)(len * G_USEC_PER_SEC / printer->speed);
		printer->free_us = urb->due_us;
	}
	if (urb->due_us <= now_us)
		return TRUE;
	if (!printer->timer)
		printer->timer = g_timeout_add(
			(guint)((urb->due_us - now_us) / 1000), on_due, printer);
	return FALSE;
}

/* Takes what it takes of a transfer out; TRUE when the transfer has landed. */
static gboolean
take_out(struct printer *printer, struct urb *urb)
{
	size_t len = (size_t)urb_of(urb)->buffer_length, done = len;
	int status = 0;

	if (printer->halted) {
		usbfs_land(printer, urb, -EPIPE, 0);
		return TRUE;
	}
	if (printer->nak || printer->limit == 0)
		return FALSE;
	if (printer->stalls > 0) {
		done = MIN(done, printer->stall_after);
		status = -EPIPE;
	} else if (printer->short_max) {
		done = MIN(done, printer->short_max);
	}
	if (printer->limit > 0)
		done = MIN(done, (size_t)printer->limit);
	if (!is_through(printer, urb, done))
		return FALSE;
	if (printer->limit > 0)
		printer->limit -= (gssize)done;
	if (status) {
		printer->stalls--;
		printer->halted = TRUE;
	}
	if (done > 0) {
		capture(printer, urb->buffer->data, done);
		listen_to(printer, urb->buffer->data, done);
	}
	usbfs_land(printer, urb, status, done);
	say("took %s %" G_GUINT64_FORMAT, printer->name, printer->taken);
	return TRUE;
}

static gboolean
give_in(struct printer *printer, struct urb *urb)
{
	size_t len = MIN(printer->answers->len, (guint)urb_of(urb)->buffer_length);

	if (printer->scanner)
		return usbhid_give_in(printer, urb);
	if (len == 0)
		return FALSE;
	memcpy(urb->buffer->data, printer->answers->data, len);
	g_byte_array_remove_range(printer->answers, 0, (guint)len);
	usbfs_land(printer, urb, 0, len);
	return TRUE;
}

/* A class request, or one of every device; negative errno, or the bytes answered. */
static int
answer_control(struct printer *printer, const guint8 *setup, guint8 *out, size_t size)
{
	size_t len = printer->device_id ? strlen(printer->device_id) : 0;

	/* CLEAR_FEATURE of an endpoint: the device's half of clearing a stall */
	if (setup[0] == 0x02 && setup[1] == 1)
		return 0;
	if (printer->scanner)
		return usbhid_control(printer, setup, out, size);
	if (setup[0] == 0x80 && setup[1] == 8 && size >= 1) {
		out[0] = 1;
		return 1;
	}
	if (setup[0] == 0xa1 && setup[1] == 0 && printer->device_id && size >= 2) {
		out[0] = (guint8)((len + 2) >> 8);
		out[1] = (guint8)(len + 2);
		memcpy(out + 2, printer->device_id, MIN(len, size - 2));
		say("asked %s device_id %u %u", printer->name, setup[2] | setup[3] << 8,
			setup[4] | setup[5] << 8);
		return (int)MIN(len + 2, size);
	}
	if (setup[0] == 0xa1 && setup[1] == 1 && size >= 1) {
		out[0] = printer->port_status;
		say("asked %s port_status", printer->name);
		return 1;
	}
	return -EPIPE;
}

static gboolean
do_control(struct printer *printer, struct urb *urb)
{
	int len = urb_of(urb)->buffer_length;
	guint8 *bytes = urb->buffer ? urb->buffer->data : NULL;
	int r = -EPIPE;

	if (bytes && len >= 8)
		r = answer_control(printer, bytes, bytes + 8, (size_t)len - 8);
	usbfs_land(printer, urb, r < 0 ? r : 0, r < 0 ? 0 : (size_t)r);
	return TRUE;
}

/* Until nothing moves: what goes out may be answered by what comes in. */
void
usbfs_pump(struct printer *printer)
{
	gboolean moved = TRUE, out_waits;

	while (moved && printer->plugged) {
		moved = out_waits = FALSE;
		for (GList *item = printer->flying; item && !moved; item = item->next) {
			struct urb *urb = item->data;

			if (urb_of(urb)->type == USBDEVFS_URB_TYPE_CONTROL) {
				moved = do_control(printer, urb);
			} else if (urb_of(urb)->endpoint & 0x80) {
				moved = give_in(printer, urb);
			} else if (!out_waits) {
				moved = take_out(printer, urb);
				out_waits = !moved;
			}
		}
	}
	usbfs_update(printer);
}

static gboolean
on_due(gpointer userdata)
{
	struct printer *printer = userdata;

	g_mutex_lock(&usb_lock);
	printer->timer = 0;
	usbfs_pump(printer);
	g_mutex_unlock(&usb_lock);
	return G_SOURCE_REMOVE;
}

static void
urb_free(struct urb *urb)
{
	g_clear_object(&urb->buffer);
	g_clear_object(&urb->data);
	g_free(urb);
}

/* A request to an interface that a driver of the kernel's has; the printer class' question for the
 * Device ID is let through, as the kernel lets it. */
static gboolean
is_kernels_own(struct printer *printer, const struct usbdevfs_urb *wire, UMockdevIoctlData *buffer)
{
	const guint8 *setup = buffer ? buffer->data : NULL;

	return wire->type == USBDEVFS_URB_TYPE_CONTROL && setup && wire->buffer_length >= 8 &&
	       (setup[0] & 0x1f) == 1 && !(setup[0] == 0xa1 && setup[1] == 0) &&
	       setup[4] < INTERFACES_MAX && printer->drivers[setup[4]];
}

static void
do_submit(struct printer *printer, UMockdevIoctlClient *client)
{
	UMockdevIoctlData *arg = umockdev_ioctl_client_get_arg(client);
	struct urb *urb = g_new0(struct urb, 1);
	struct usbdevfs_urb *wire;
	gboolean is_in;

	urb->client = client;
	urb->data = umockdev_ioctl_data_resolve(arg, 0, sizeof(*wire), NULL);
	if (!urb->data) {
		urb_free(urb);
		umockdev_ioctl_client_complete(client, -1, EFAULT);
		return;
	}
	wire = urb_of(urb);
	if (wire->buffer_length > 0)
		urb->buffer = umockdev_ioctl_data_resolve(urb->data,
			G_STRUCT_OFFSET(struct usbdevfs_urb, buffer), (gsize)wire->buffer_length,
			NULL);
	is_in = wire->type == USBDEVFS_URB_TYPE_CONTROL || wire->endpoint & 0x80;
	if (is_kernels_own(printer, wire, urb->buffer)) {
		urb_free(urb);
		umockdev_ioctl_client_complete(client, -1, EBUSY);
		return;
	}
	printer->flying = g_list_append(printer->flying, urb);
	umockdev_ioctl_client_complete(client, 0, 0);
	usbfs_pump(printer);
	if (!is_in && g_list_find(printer->flying, urb))
		say("waiting %s %d", printer->name, wire->buffer_length);
}

static void
do_reap(struct printer *printer, UMockdevIoctlClient *client, gboolean present)
{
	UMockdevIoctlData *arg = umockdev_ioctl_client_get_arg(client), *slot;

	for (GList *item = printer->landed; item; item = item->next) {
		struct urb *urb = item->data;

		if (urb->client != client)
			continue;
		printer->landed = g_list_delete_link(printer->landed, item);
		slot = umockdev_ioctl_data_resolve(arg, 0, sizeof(gpointer), NULL);
		umockdev_ioctl_data_set_ptr(slot, 0, urb->data);
		usbfs_update(printer);
		umockdev_ioctl_client_complete(client, 0, 0);
		g_object_unref(slot);
		urb_free(urb);
		return;
	}
	umockdev_ioctl_client_complete(client, -1, present ? EAGAIN : ENODEV);
}

static void
do_discard(struct printer *printer, UMockdevIoctlClient *client)
{
	gulong address = *(gulong *)umockdev_ioctl_client_get_arg(client)->data;

	for (GList *item = printer->flying; item; item = item->next) {
		struct urb *urb = item->data;

		if (urb->client != client || urb->data->client_addr != address)
			continue;
		usbfs_land(printer, urb, -ENOENT, 0);
		usbfs_update(printer);
		umockdev_ioctl_client_complete(client, 0, 0);
		return;
	}
	umockdev_ioctl_client_complete(client, -1, EINVAL);
}

/* Runs with the memory behind the argument; its answer goes back with the completion. */
static void *
argument(UMockdevIoctlClient *client, gsize size, UMockdevIoctlData **ret)
{
	*ret = umockdev_ioctl_data_resolve(umockdev_ioctl_client_get_arg(client), 0, size, NULL);
	return *ret ? (*ret)->data : NULL;
}

/* usbfs' way to speak with the driver that has the interface. */
static void
do_driver(struct printer *printer, UMockdevIoctlClient *client)
{
	UMockdevIoctlData *data = NULL;
	struct usbdevfs_ioctl *wrapped = argument(client, sizeof(*wrapped), &data);
	int code = wrapped ? wrapped->ioctl_code : 0;
	char **driver = &printer->drivers[wrapped ? wrapped->ifno % INTERFACES_MAX : 0];
	int error = 0;

	if (code == USBDEVFS_DISCONNECT && *driver) {
		say("detached %s %s", printer->name, *driver);
		g_clear_pointer(driver, g_free);
		if (printer->scanner)
			usbhid_node_later(printer, FALSE);
	} else if (code == USBDEVFS_CONNECT && !*driver) {
		*driver = g_strdup(printer->scanner ? "usbhid" : "usblp");
		say("attached %s %s", printer->name, *driver);
		if (printer->scanner)
			usbhid_node_later(printer, TRUE);
	} else {
		error = code == USBDEVFS_CONNECT ? EBUSY : ENODATA;
	}
	umockdev_ioctl_client_complete(client, error ? -1 : code == USBDEVFS_CONNECT, error);
	g_clear_object(&data);
}

static void
do_get_driver(struct printer *printer, UMockdevIoctlClient *client)
{
	UMockdevIoctlData *data = NULL;
	struct usbdevfs_getdriver *get = argument(client, sizeof(*get), &data);
	guint number = get ? get->interface % INTERFACES_MAX : 0;
	const char *driver = printer->drivers[number]   ? printer->drivers[number]
	                     : printer->claimed[number] ? "usbfs"
	                                                : NULL;

	if (get && driver)
		g_strlcpy(get->driver, driver, sizeof(get->driver));
	umockdev_ioctl_client_complete(client, driver ? 0 : -1, driver ? 0 : ENODATA);
	g_clear_object(&data);
}

static void
do_sync_control(struct printer *printer, UMockdevIoctlClient *client)
{
	UMockdevIoctlData *data = NULL, *buffer = NULL;
	struct usbdevfs_ctrltransfer *transfer = argument(client, sizeof(*transfer), &data);
	int r = -EFAULT;

	if (transfer)
		buffer = umockdev_ioctl_data_resolve(data,
			G_STRUCT_OFFSET(struct usbdevfs_ctrltransfer, data), transfer->wLength,
			NULL);
	if (buffer) {
		const guint8 setup[8] = {transfer->bRequestType, transfer->bRequest,
			(guint8)transfer->wValue, (guint8)(transfer->wValue >> 8),
			(guint8)transfer->wIndex, (guint8)(transfer->wIndex >> 8)};

		r = answer_control(printer, setup, buffer->data, transfer->wLength);
	}
	umockdev_ioctl_client_complete(client, r < 0 ? -1 : r, r < 0 ? -r : 0);
	g_clear_object(&buffer);
	g_clear_object(&data);
}

static void
do_claim(struct printer *printer, UMockdevIoctlClient *client, gboolean claim)
{
	UMockdevIoctlData *data = NULL;
	const guint *arg = argument(client, sizeof(*arg), &data);
	guint number = arg ? *arg % INTERFACES_MAX : 0;
	int error = claim && (printer->drivers[number] || printer->claimed[number]) ? EBUSY : 0;

	if (!error) {
		printer->claimed[number] = claim;
		say("%s %s %u", claim ? "claimed" : "released", printer->name, number);
	}
	umockdev_ioctl_client_complete(client, error ? -1 : 0, error);
	g_clear_object(&data);
}

static void
do_facts(struct printer *printer, UMockdevIoctlClient *client, gulong request)
{
	UMockdevIoctlData *data = NULL;
	struct usbdevfs_connectinfo *info;
	guint32 *caps;

	switch (request) {
	case USBDEVFS_GET_CAPABILITIES:
		caps = argument(client, sizeof(*caps), &data);
		if (caps)
			*caps = USBDEVFS_CAP_BULK_SCATTER_GATHER | USBDEVFS_CAP_NO_PACKET_SIZE_LIM |
			        USBDEVFS_CAP_REAP_AFTER_DISCONNECT | USBDEVFS_CAP_ZERO_PACKET;
		break;
	case USBDEVFS_CONNECTINFO:
		info = argument(client, sizeof(*info), &data);
		if (info)
			info->devnum = printer->number + FIRST_DEVICE;
		break;
	default: /* USBDEVFS_GET_SPEED: high */
		umockdev_ioctl_client_complete(client, 3, 0);
		return;
	}
	umockdev_ioctl_client_complete(client, data ? 0 : -1, data ? 0 : EFAULT);
	g_clear_object(&data);
}

static void
do_said(struct printer *printer, UMockdevIoctlClient *client, const char *what)
{
	say("%s %s", what, printer->name);
	umockdev_ioctl_client_complete(client, 0, 0);
}

static void
do_ioctl(struct printer *printer, UMockdevIoctlClient *client, gulong request)
{
	switch (request) {
	case USBDEVFS_SUBMITURB:
		do_submit(printer, client);
		break;
	case USBDEVFS_DISCARDURB:
		do_discard(printer, client);
		break;
	case USBDEVFS_CONTROL:
		do_sync_control(printer, client);
		break;
	case USBDEVFS_GETDRIVER:
		do_get_driver(printer, client);
		break;
	case USBDEVFS_IOCTL:
		do_driver(printer, client);
		break;
	case USBDEVFS_CLAIMINTERFACE:
	case USBDEVFS_RELEASEINTERFACE:
		do_claim(printer, client, request == USBDEVFS_CLAIMINTERFACE);
		break;
	case USBDEVFS_GET_CAPABILITIES:
	case USBDEVFS_CONNECTINFO:
	case USBDEVFS_GET_SPEED:
		do_facts(printer, client, request);
		break;
	case USBDEVFS_CLEAR_HALT:
		printer->halted = FALSE;
		do_said(printer, client, "cleared");
		usbfs_pump(printer);
		break;
	case USBDEVFS_SETINTERFACE:
		do_said(printer, client, "setinterface");
		break;
	case USBDEVFS_SETCONFIGURATION:
		do_said(printer, client, "setconfiguration");
		break;
	case USBDEVFS_RESET:
		do_said(printer, client, "reset");
		break;
	default:
		umockdev_ioctl_client_complete(client, -1, ENOTTY);
		break;
	}
}

static struct client *
client_of(struct printer *printer, UMockdevIoctlClient *client)
{
	for (GList *item = printer->clients; item; item = item->next)
		if (((struct client *)item->data)->client == client)
			return item->data;
	return NULL;
}

static gboolean
on_ioctl(UMockdevIoctlBase *base, UMockdevIoctlClient *client, gpointer userdata)
{
	struct printer *printer = userdata;
	gulong request = umockdev_ioctl_client_get_request(client);
	struct client *known;
	gboolean present;

	g_mutex_lock(&usb_lock);
	known = client_of(printer, client);
	present = printer->plugged && known && known->plug == printer->plug;
	if (request == USBDEVFS_REAPURBNDELAY || request == USBDEVFS_REAPURB)
		do_reap(printer, client, present);
	else if (!present)
		umockdev_ioctl_client_complete(client, -1, ENODEV);
	else
		do_ioctl(printer, client, request);
	g_mutex_unlock(&usb_lock);
	return TRUE;
}

/* The node read from its beginning gives the descriptors. */
static gboolean
on_read(UMockdevIoctlBase *base, UMockdevIoctlClient *client, gpointer userdata)
{
	struct printer *printer = userdata;
	UMockdevIoctlData *arg = umockdev_ioctl_client_get_arg(client);
	struct client *known;
	size_t len = 0;

	g_mutex_lock(&usb_lock);
	known = client_of(printer, client);
	if (known) {
		len = MIN((size_t)arg->data_len, printer->descriptors->len - known->offset);
		memcpy(arg->data, printer->descriptors->data + known->offset, len);
		known->offset = len < (size_t)arg->data_len ? 0 : known->offset + len;
	}
	g_mutex_unlock(&usb_lock);
	umockdev_ioctl_client_complete(client, (long)len, 0);
	return TRUE;
}

static GList *
drop_urbs(GList *list, UMockdevIoctlClient *client)
{
	for (GList *item = list, *next; item; item = next) {
		struct urb *urb = item->data;

		next = item->next;
		if (urb->client != client)
			continue;
		list = g_list_delete_link(list, item);
		urb_free(urb);
	}
	return list;
}

/* umockdev does not always say that a client is gone. */
static void
forget_closed(struct printer *printer)
{
	for (GList *item = printer->clients, *next; item; item = next) {
		struct client *known = item->data;

		next = item->next;
		if (umockdev_ioctl_client_get_connected(known->client))
			continue;
		/* a kernel takes the interface from who closes */
		if (known->plug == printer->plug)
			memset(printer->claimed, 0, sizeof(printer->claimed));
		printer->clients = g_list_delete_link(printer->clients, item);
		printer->flying = drop_urbs(printer->flying, known->client);
		printer->landed = drop_urbs(printer->landed, known->client);
		say("closed %s", printer->name);
		g_object_unref(known->client);
		g_free(known);
	}
	usbfs_update(printer);
}

static void
on_opened(UMockdevIoctlBase *base, UMockdevIoctlClient *client, gpointer userdata)
{
	struct printer *printer = userdata;
	struct client *known = g_new0(struct client, 1);

	g_mutex_lock(&usb_lock);
	forget_closed(printer);
	known->client = g_object_ref(client);
	known->plug = printer->plug;
	printer->clients = g_list_append(printer->clients, known);
	g_mutex_unlock(&usb_lock);
	say("opened %s", printer->name);
}

static void
on_closed(UMockdevIoctlBase *base, UMockdevIoctlClient *client, gpointer userdata)
{
	struct printer *printer = userdata;

	g_mutex_lock(&usb_lock);
	forget_closed(printer);
	g_mutex_unlock(&usb_lock);
}

void
usbfs_attach(struct printer *printer)
{
	UMockdevIoctlBase *base;
	GError *error = NULL;

	if (printer->handled)
		return;
	base = umockdev_ioctl_base_new();
	g_signal_connect(base, "handle-ioctl", G_CALLBACK(on_ioctl), printer);
	g_signal_connect(base, "handle-read", G_CALLBACK(on_read), printer);
	g_signal_connect(base, "client-connected", G_CALLBACK(on_opened), printer);
	g_signal_connect(base, "client-vanished", G_CALLBACK(on_closed), printer);
	printer->handled = umockdev_testbed_attach_ioctl(bus.testbed, printer->dev, base, &error);
	if (!printer->handled)
		say("error %s", error->message);
	g_clear_error(&error);
}
