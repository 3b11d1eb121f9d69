/* SPDX-License-Identifier: MIT */
/*
 * A USB printer of the fake bus, as usbfs shows it to libusb: its node, its URBs, the requests of
 * the printer class, and a little ESC/POS, so that questions are answered. The node is a FIFO that
 * is kept full, and has room exactly when a URB can be reaped: that is how usbfs polls. It prints
 * nothing; what it takes goes to a file.
 *
 * Every ioctl is answered on umockdev's thread, commands come on the main one: one lock for all.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/usbdevice_fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hw/sim/fakebus.h"

#define PREFIX "usbprinter"
#define PIPE_BYTES 4096
#define EP_OUT 0x01
#define EP_IN 0x82
#define FIRST_DEVICE 20

struct client {
	UMockdevIoctlClient *client;
	guint plug;    /* which plugging it was opened in */
	size_t offset; /* of its reading of the descriptors */
};

struct urb {
	UMockdevIoctlClient *client;
	UMockdevIoctlData *data, *buffer;
	gint64 due_us; /* when it is through, at the speed of the printer */
	gboolean flowing;
};

struct printer {
	char *name, *dev, *path;
	guint number, plug;
	gboolean plugged, handled;
	GPtrArray *syspaths;
	GByteArray *descriptors;
	GList *clients, *flying, *landed;
	int fifo;
	gboolean full;

	char *driver, *device_id, *capture;
	gboolean claimed, halted;
	guint8 port_status;

	/* what goes wrong */
	gboolean nak;
	guint stalls;
	size_t stall_after, short_max;
	gssize limit; /* so many bytes more; -1: all */
	guint64 speed;
	gint64 free_us; /* when it is through with what it has */
	guint timer;

	guint64 taken;
	GString *heard; /* the last bytes, in which a question may have begun */
	GByteArray *answers;
	gboolean silent;
	guint8 status[5]; /* answers to DLE EOT 1 to 4 */
};

static GMutex lock;
static GHashTable *printers;

static struct usbdevfs_urb *
urb_of(struct urb *urb)
{
	return (struct usbdevfs_urb *)urb->data->data;
}

/* Whether a client may poll for writing: something is to be reaped, if only the end. */
static void
update_fifo(struct printer *printer)
{
	gboolean room = printer->landed || !printer->plugged;
	char bytes[PIPE_BYTES] = {0};

	if (printer->fifo < 0 || room == !printer->full)
		return;
	if (room ? read(printer->fifo, bytes, sizeof(bytes)) > 0
		 : write(printer->fifo, bytes, sizeof(bytes)) > 0)
		printer->full = !room;
}

static void
land(struct printer *printer, struct urb *urb, int status, size_t actual)
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
		land(printer, urb, -EPIPE, 0);
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
	land(printer, urb, status, done);
	say("took %s %" G_GUINT64_FORMAT, printer->name, printer->taken);
	return TRUE;
}

static gboolean
give_in(struct printer *printer, struct urb *urb)
{
	size_t len = MIN(printer->answers->len, (guint)urb_of(urb)->buffer_length);

	if (len == 0)
		return FALSE;
	memcpy(urb->buffer->data, printer->answers->data, len);
	g_byte_array_remove_range(printer->answers, 0, (guint)len);
	land(printer, urb, 0, len);
	return TRUE;
}

/* A class request, or one of every device; negative errno, or the bytes answered. */
static int
answer_control(struct printer *printer, const guint8 *setup, guint8 *out, size_t size)
{
	size_t len = printer->device_id ? strlen(printer->device_id) : 0;

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
	land(printer, urb, r < 0 ? r : 0, r < 0 ? 0 : (size_t)r);
	return TRUE;
}

/* Until nothing moves: what goes out may be answered by what comes in. */
static void
pump(struct printer *printer)
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
	update_fifo(printer);
}

static gboolean
on_due(gpointer userdata)
{
	struct printer *printer = userdata;

	g_mutex_lock(&lock);
	printer->timer = 0;
	pump(printer);
	g_mutex_unlock(&lock);
	return G_SOURCE_REMOVE;
}

static void
urb_free(struct urb *urb)
{
	g_clear_object(&urb->buffer);
	g_clear_object(&urb->data);
	g_free(urb);
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
	printer->flying = g_list_append(printer->flying, urb);
	umockdev_ioctl_client_complete(client, 0, 0);
	pump(printer);
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
		update_fifo(printer);
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
		land(printer, urb, -ENOENT, 0);
		update_fifo(printer);
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
	int error = 0;

	if (code == USBDEVFS_DISCONNECT && printer->driver) {
		say("detached %s %s", printer->name, printer->driver);
		g_clear_pointer(&printer->driver, g_free);
	} else if (code == USBDEVFS_CONNECT && !printer->driver) {
		printer->driver = g_strdup("usblp");
		say("attached %s %s", printer->name, printer->driver);
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
	const char *driver = printer->driver ? printer->driver : printer->claimed ? "usbfs" : NULL;

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
	int error = claim && (printer->driver || printer->claimed) ? EBUSY : 0;

	if (!error) {
		printer->claimed = claim;
		say("%s %s", claim ? "claimed" : "released", printer->name);
	}
	umockdev_ioctl_client_complete(client, error ? -1 : 0, error);
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
		pump(printer);
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

	g_mutex_lock(&lock);
	known = client_of(printer, client);
	present = printer->plugged && known && known->plug == printer->plug;
	if (request == USBDEVFS_REAPURBNDELAY || request == USBDEVFS_REAPURB)
		do_reap(printer, client, present);
	else if (!present)
		umockdev_ioctl_client_complete(client, -1, ENODEV);
	else
		do_ioctl(printer, client, request);
	g_mutex_unlock(&lock);
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

	g_mutex_lock(&lock);
	known = client_of(printer, client);
	if (known) {
		len = MIN((size_t)arg->data_len, printer->descriptors->len - known->offset);
		memcpy(arg->data, printer->descriptors->data + known->offset, len);
		known->offset = len < (size_t)arg->data_len ? 0 : known->offset + len;
	}
	g_mutex_unlock(&lock);
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
			printer->claimed = FALSE;
		printer->clients = g_list_delete_link(printer->clients, item);
		printer->flying = drop_urbs(printer->flying, known->client);
		printer->landed = drop_urbs(printer->landed, known->client);
		say("closed %s", printer->name);
		g_object_unref(known->client);
		g_free(known);
	}
	update_fifo(printer);
}

static void
on_opened(UMockdevIoctlBase *base, UMockdevIoctlClient *client, gpointer userdata)
{
	struct printer *printer = userdata;
	struct client *known = g_new0(struct client, 1);

	g_mutex_lock(&lock);
	forget_closed(printer);
	known->client = g_object_ref(client);
	known->plug = printer->plug;
	printer->clients = g_list_append(printer->clients, known);
	g_mutex_unlock(&lock);
	say("opened %s", printer->name);
}

static void
on_closed(UMockdevIoctlBase *base, UMockdevIoctlClient *client, gpointer userdata)
{
	struct printer *printer = userdata;

	g_mutex_lock(&lock);
	forget_closed(printer);
	g_mutex_unlock(&lock);
}

static void
attach(struct printer *printer)
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

static struct printer *
get_printer(const char *name)
{
	struct printer *printer = printers ? g_hash_table_lookup(printers, name) : NULL;
	char *root;

	if (printer)
		return printer;
	if (!printers)
		printers = g_hash_table_new(g_str_hash, g_str_equal);
	printer = g_new0(struct printer, 1);
	printer->name = g_strdup(name);
	printer->number = (guint)strtoul(name + strlen(PREFIX), NULL, 10);
	printer->dev = g_strdup_printf("/dev/bus/usb/001/%03u", printer->number + FIRST_DEVICE);
	root = umockdev_testbed_get_root_dir(bus.testbed);
	printer->path = g_build_filename(root, printer->dev, NULL);
	g_free(root);
	printer->fifo = -1;
	printer->heard = g_string_new(NULL);
	printer->answers = g_byte_array_new();
	printer->descriptors = g_byte_array_new();
	g_hash_table_insert(printers, printer->name, printer);
	return printer;
}

static void
put_setting(GByteArray *out, guint8 alternate, guint8 class, guint8 protocol)
{
	const guint8 interface[] = {9, 4, 0, alternate, 2, class, 1, protocol, 0};
	const guint8 ends[] = {7, 5, EP_OUT, 2, 0, 2, 0, 7, 5, EP_IN, 2, 0, 2, 0};

	g_byte_array_append(out, interface, sizeof(interface));
	g_byte_array_append(out, ends, sizeof(ends));
}

static void
make_descriptors(struct printer *printer, char **words)
{
	guint vid = (guint)strtoul(value_of(words, "vid", "04b8"), NULL, 16);
	guint pid = (guint)strtoul(value_of(words, "pid", "0e28"), NULL, 16);
	guint8 class = (guint8)strtoul(value_of(words, "class", "07"), NULL, 16);
	guint8 protocol = (guint8)strtoul(value_of(words, "protocol", "2"), NULL, 10);
	guint8 alternates = (guint8)strtoul(value_of(words, "alternates", "1"), NULL, 10);
	guint16 total = (guint16)(9 + alternates * 23);
	const guint8 device[] = {18, 1, 0, 2, 0, 0, 0, 64, (guint8)vid, (guint8)(vid >> 8),
		(guint8)pid, (guint8)(pid >> 8), 0, 1, 0, 0, 0, 1};
	const guint8 config[] = {9, 2, (guint8)total, (guint8)(total >> 8), 1, 1, 0, 0xc0, 50};

	g_byte_array_set_size(printer->descriptors, 0);
	g_byte_array_append(printer->descriptors, device, sizeof(device));
	g_byte_array_append(printer->descriptors, config, sizeof(config));
	for (guint8 i = 0; i < alternates; i++)
		put_setting(printer->descriptors, i, class, i ? 3 : protocol);
}

static char *
describe(struct printer *printer, char **words)
{
	const char *port = value_of(words, "port", "1-1"), *serial = value_of(words, "serial", "");
	char *usb = g_strdup_printf("/devices/pci0000:00/0000:00:14.0/usb1/%s", port);
	GString *out = g_string_new(NULL);

	/* without the N: line: the node is there already, and it is no file */
	g_string_append_printf(out,
		"P: %s\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_device\nE: DEVNAME=%s\nE: BUSNUM=001\n"
		"E: DEVNUM=%03u\nE: MAJOR=189\nE: MINOR=%u\nA: idVendor=%s\nA: idProduct=%s\n"
		"A: busnum=1\nA: devnum=%u\nA: bConfigurationValue=1\nA: speed=480\n"
		"A: bDeviceClass=00\nA: manufacturer=%s\nA: product=%s\n",
		usb, printer->dev, printer->number + FIRST_DEVICE,
		printer->number + FIRST_DEVICE - 1, value_of(words, "vid", "04b8"),
		value_of(words, "pid", "0e28"), printer->number + FIRST_DEVICE,
		value_of(words, "manufacturer", "Fake"), value_of(words, "product", "Printer"));
	if (*serial)
		g_string_append_printf(
			out, "A: serial=%s\nE: ID_SERIAL_SHORT=%s\n", serial, serial);
	g_string_append(out, "H: descriptors=");
	for (guint i = 0; i < printer->descriptors->len; i++)
		g_string_append_printf(out, "%02X", printer->descriptors->data[i]);
	g_string_append_printf(out,
		"\n\nP: %s/%s:1.0\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_interface\n"
		"A: bInterfaceNumber=00\nA: bAlternateSetting=0\nA: bInterfaceClass=%s\n"
		"A: bInterfaceSubClass=01\nA: bInterfaceProtocol=%02d\n",
		usb, port, value_of(words, "class", "07"), atoi(value_of(words, "protocol", "2")));
	if (printer->driver)
		g_string_append_printf(out, "E: DRIVER=%s\n", printer->driver);
	g_string_append_c(out, '\n');
	printer->syspaths = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(printer->syspaths, g_strdup_printf("/sys%s", usb));
	g_ptr_array_add(printer->syspaths, g_strdup_printf("/sys%s/%s:1.0", usb, port));
	g_free(usb);
	return g_string_free(out, FALSE);
}

static gboolean
make_node(struct printer *printer, const char *mode)
{
	char *dir = g_path_get_dirname(printer->path);

	g_mkdir_with_parents(dir, 0755);
	g_free(dir);
	unlink(printer->path);
	if (mkfifo(printer->path, 0600) < 0)
		return FALSE;
	printer->fifo = open(printer->path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (printer->fifo < 0 || fcntl(printer->fifo, F_SETPIPE_SZ, PIPE_BYTES) < 0)
		return FALSE;
	printer->full = FALSE;
	if (mode)
		chmod(printer->path, (mode_t)strtoul(mode, NULL, 8));
	return TRUE;
}

/* A printer that is plugged in is well, whatever it was before. */
static void
set_up(struct printer *printer, char **words)
{
	static const guint8 well[] = {0, 0x12, 0x12, 0x12, 0x12};
	const char *driver = value_of(words, "driver", NULL);

	printer->plug++;
	g_free(printer->driver);
	g_free(printer->device_id);
	g_free(printer->capture);
	printer->driver = driver && *driver ? g_strdup(driver) : NULL;
	printer->device_id = g_strdup(value_of(words, "device_id", NULL));
	printer->capture = g_strdup(value_of(words, "out", NULL));
	printer->speed = g_ascii_strtoull(value_of(words, "speed", "0"), NULL, 10);
	printer->silent = !strcmp(value_of(words, "answers", "yes"), "no");
	printer->claimed = printer->halted = printer->nak = FALSE;
	printer->port_status = 0x18;
	printer->stalls = 0;
	printer->short_max = 0;
	printer->limit = -1;
	printer->free_us = 0;
	memcpy(printer->status, well, sizeof(well));
	g_string_truncate(printer->heard, 0);
	g_byte_array_set_size(printer->answers, 0);
	make_descriptors(printer, words);
}

static void
plug(struct printer *printer, char **words)
{
	GError *error = NULL;
	char *text;

	g_mutex_lock(&lock);
	if (printer->plugged || !make_node(printer, value_of(words, "mode", NULL))) {
		g_mutex_unlock(&lock);
		say("error %s %s", printer->name,
			printer->plugged ? "is plugged already" : g_strerror(errno));
		return;
	}
	set_up(printer, words);
	printer->plugged = TRUE;
	update_fifo(printer);
	g_mutex_unlock(&lock);
	attach(printer);
	text = describe(printer, words);
	if (!umockdev_testbed_add_from_string(bus.testbed, text, &error))
		say("error %s %s", printer->name, error->message);
	else
		say("plugged %s %s", printer->name, value_of(words, "port", "1-1"));
	g_clear_error(&error);
	g_free(text);
}

static void
unplug(struct printer *printer)
{
	if (!printer->plugged) {
		say("error %s is not plugged", printer->name);
		return;
	}
	g_mutex_lock(&lock);
	printer->plugged = FALSE;
	while (printer->flying)
		land(printer, printer->flying->data, -ESHUTDOWN, 0);
	unlink(printer->path);
	update_fifo(printer);
	close(printer->fifo);
	printer->fifo = -1;
	g_mutex_unlock(&lock);
	for (guint i = printer->syspaths->len; i-- > 0;) {
		const char *path = g_ptr_array_index(printer->syspaths, i);

		umockdev_testbed_uevent(bus.testbed, path, "remove");
		umockdev_testbed_remove_device(bus.testbed, path);
	}
	g_clear_pointer(&printer->syspaths, g_ptr_array_unref);
	say("unplugged %s", printer->name);
}

static void
set_health(struct printer *printer, const char *word)
{
	static const struct {
		const char *word;
		guint8 status[5];
	} table[] = {
		{"well", {0, 0x12, 0x12, 0x12, 0x12}},
		{"paper_out", {0, 0x1a, 0x32, 0x12, 0x72}},
		{"cover_open", {0, 0x1a, 0x16, 0x12, 0x12}},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
		if (!strcmp(table[i].word, word))
			memcpy(printer->status, table[i].status, sizeof(printer->status));
	printer->silent = !strcmp(word, "silent");
}

/* What is to go wrong from now on; FALSE: there is no such word. */
static gboolean
misbehave(struct printer *printer, const char *verb, char **words)
{
	const char *first = words[0] ? words[0] : "1";

	if (!strcmp(verb, "stall")) {
		printer->stalls = (guint)strtoul(first, NULL, 10);
		printer->stall_after = words[0] && words[1] ? strtoul(words[1], NULL, 10) : 0;
	} else if (!strcmp(verb, "nak")) {
		printer->nak = strcmp(first, "off") != 0;
		printer->limit = -1;
	} else if (!strcmp(verb, "limit")) {
		printer->limit = (gssize)strtoul(first, NULL, 10);
	} else if (!strcmp(verb, "short")) {
		printer->short_max = strtoul(first, NULL, 10);
	} else if (!strcmp(verb, "port")) {
		printer->port_status = (guint8)strtoul(first, NULL, 16);
	} else if (!strcmp(verb, "health")) {
		set_health(printer, first);
	} else if (!strcmp(verb, "send")) {
		GByteArray *bytes = bytes_of_hex(first);

		g_byte_array_append(printer->answers, bytes->data, bytes->len);
		g_byte_array_unref(bytes);
	} else {
		return FALSE;
	}
	pump(printer);
	return TRUE;
}

gboolean
usb_printer_command(char **words)
{
	struct printer *printer;
	gboolean known;

	if (!words[1] || !g_str_has_prefix(words[1], PREFIX))
		return FALSE;
	printer = get_printer(words[1]);
	if (!strcmp(words[0], "plug")) {
		plug(printer, words + 2);
	} else if (!strcmp(words[0], "unplug")) {
		unplug(printer);
	} else {
		g_mutex_lock(&lock);
		known = misbehave(printer, words[0], words + 2);
		g_mutex_unlock(&lock);
		if (known)
			say("done %s %s", words[0], printer->name);
		else
			say("error no command %s of a USB printer", words[0]);
	}
	return TRUE;
}

void
usb_printers_unplug(void)
{
	GHashTableIter iter;
	gpointer value;

	if (!printers)
		return;
	g_hash_table_iter_init(&iter, printers);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (((struct printer *)value)->plugged)
			unplug(value);
}
