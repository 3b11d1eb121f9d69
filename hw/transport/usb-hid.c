/* SPDX-License-Identifier: MIT */
/*
 * A HID interface through libusb, where the kernel made no node of it or the address wants it so.
 * Of the device's HID interfaces the one is taken whose report descriptor fits; the others are
 * given back as they were. Requests: Device Class Definition for HID 1.11, 7.1 and 7.2. Nothing is
 * asked by its number: interfaces and endpoints are the descriptors'.
 */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "hw/codec/hid-descriptor.h"
#include "hw/transport/hid.h"
#include "hw/transport/tty.h"
#include "hw/transport/usb.h"

#define INTERFACES_MAX 8
/* Transfers in flight: what a scanner says while we are at work is not lost. */
#define READERS 8
#define CONTROL_US (2 * UINT64_C(1000000))
#define PAUSE_US UINT64_C(20000)
#define STALLS_MAX 3
#define TROUBLES_MAX 20
#define CLOSE_TURNS 50

#define FROM_INTERFACE (LIBUSB_ENDPOINT_IN | LIBUSB_RECIPIENT_INTERFACE)
#define TO_INTERFACE (LIBUSB_REQUEST_TYPE_CLASS | LIBUSB_RECIPIENT_INTERFACE)
#define REPORT_DESCRIPTOR (0x22 << 8)
#define SET_REPORT 9
#define FEATURE (3 << 8)

enum flight { AT_REST, FLYING, LANDED };

struct candidate {
	uint8_t number, endpoint;
	uint16_t packet, descriptor_len;
};

struct reader {
	struct libusb_transfer *transfer;
	enum flight flight;
	uint8_t *data;
};

struct usb_hid {
	struct tb_hid hid;
	struct tb_usb_user user;
	struct tb_loop *loop;
	struct tb_hid_handler handler;
	void *userdata;
	struct tb_usb_node node;
	char *address, *what;
	uint8_t feature[TB_HID_FEATURE_MAX];
	size_t feature_len;

	struct candidate candidates[INTERFACES_MAX];
	size_t n, at;
	size_t perhaps; /* the first that may be it, n when there is none */

	enum { ASKING, SWITCHING, READING, CLEARING } step;
	struct libusb_transfer *control;
	enum flight control_flight;
	uint8_t control_data[LIBUSB_CONTROL_SETUP_SIZE + TB_HID_DESCRIPTOR_MAX];
	struct tb_source *control_timer, *pause_timer, *wake;

	struct reader readers[READERS];
	size_t next; /* the oldest in flight: they land in this order */
	size_t report_len;
	unsigned stalls, troubles; /* in a row */
	bool paused;
	int gone;
	char *why, *note;
};

static void
lose(struct usb_hid *hid, int error, char *why)
{
	if (hid->gone) {
		free(why);
		return;
	}
	hid->gone = error;
	hid->why = why;
	tb_source_set_timer_in(hid->wake, 0);
}

static void
lose_by(struct usb_hid *hid, int code)
{
	int error = tb_usb_errno(code);

	lose(hid, error, tb_line_why_lost(error));
}

/* Every transfer ends here, within libusb: it is only noted. */
static void LIBUSB_CALL
landed(struct libusb_transfer *transfer)
{
	struct usb_hid *hid = transfer->user_data;

	if (transfer == hid->control)
		hid->control_flight = LANDED;
	for (size_t i = 0; i < READERS; i++)
		if (hid->readers[i].transfer == transfer)
			hid->readers[i].flight = LANDED;
	hid->user.due = true;
}

/* data: what goes out, of that length; NULL: so much is asked for. */
static void
submit_control(struct usb_hid *hid, uint8_t type, uint8_t request, uint16_t value, uint16_t index,
	const uint8_t *data, uint16_t len)
{
	int r;

	libusb_fill_control_setup(hid->control_data, type, request, value, index, len);
	if (data)
		memcpy(hid->control_data + LIBUSB_CONTROL_SETUP_SIZE, data, len);
	libusb_fill_control_transfer(
		hid->control, hid->node.handle, hid->control_data, landed, hid, 0);
	r = hid->node.bus->call.submit_transfer(hid->control);
	if (r < 0) {
		lose_by(hid, r);
		return;
	}
	hid->control_flight = FLYING;
	tb_source_set_timer_in(hid->control_timer, CONTROL_US);
}

/* ---- which interface ---- */

static int
ignore_application(uint32_t usage, void *userdata)
{
	return 0;
}

static int
see_length(const struct tb_hid_field *field, void *userdata)
{
	size_t *len = userdata;

	*len = TB_MAX(*len, (field->bit + field->bits * field->count + 7) / 8);
	return 0;
}

/* What a reader must have room for: a transfer ends with a report, if it is a whole number of
 * packets. */
static size_t
report_room(const uint8_t *descriptor, size_t len, size_t packet)
{
	size_t longest = 0;

	packet = TB_MAX(packet, (size_t)1);
	if (descriptor &&
		tb_hid_walk(descriptor, len, ignore_application, see_length, &longest) < 0)
		longest = 0;
	return (TB_MAX(longest, (size_t)1) + packet - 1) / packet * packet;
}

/* What the kernel's driver has read of that interface; 0: it has not. */
static size_t
read_kernels(const struct usb_hid *hid, uint8_t config, uint8_t number, uint8_t *out, size_t size)
{
	char path[PATH_MAX];
	struct dirent *entry;
	ssize_t n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/usb/devices/%s:%u.%u", hid->node.port, config,
		number);
	dir = opendir(path);
	while (dir && n <= 0 && (entry = readdir(dir))) {
		_cleanup_close_ int fd = -1;
		char file[PATH_MAX + NAME_MAX + 32];

		if (strncmp(entry->d_name, "0003:", 5))
			continue;
		snprintf(file, sizeof(file), "%s/%s/report_descriptor", path, entry->d_name);
		fd = open(file, O_RDONLY | O_CLOEXEC);
		n = fd < 0 ? 0 : read(fd, out, size);
	}
	if (dir)
		closedir(dir);
	return n > 0 ? (size_t)n : 0;
}

/* The length of the report descriptor, as the HID descriptor behind the interface's own tells it.
 */
static uint16_t
descriptor_length(const struct libusb_interface_descriptor *setting)
{
	for (int at = 0; at + 9 <= setting->extra_length && setting->extra[at] >= 2;
		at += setting->extra[at])
		if (setting->extra[at + 1] == 0x21 && setting->extra[at] >= 9 &&
			setting->extra[at + 6] == 0x22)
			return (uint16_t)(setting->extra[at + 7] | setting->extra[at + 8] << 8);
	return 0;
}

/* A HID interface that is no boot keyboard and no boot mouse, and that speaks. */
static void
add_candidate(
	struct usb_hid *hid, uint8_t config, const struct libusb_interface_descriptor *setting)
{
	struct candidate *candidate = &hid->candidates[hid->n];
	uint8_t descriptor[TB_HID_DESCRIPTOR_MAX];
	uint16_t len = descriptor_length(setting);
	size_t known;

	if (setting->bInterfaceClass != LIBUSB_CLASS_HID || setting->bInterfaceSubClass == 1 ||
		hid->n == INTERFACES_MAX)
		return;
	*candidate = (struct candidate){.number = setting->bInterfaceNumber,
		.descriptor_len = len && len <= TB_HID_DESCRIPTOR_MAX ? len
	                                                              : TB_HID_DESCRIPTOR_MAX};
	for (uint8_t i = 0; i < setting->bNumEndpoints; i++) {
		const struct libusb_endpoint_descriptor *endpoint = &setting->endpoint[i];

		if ((endpoint->bmAttributes & 3) != LIBUSB_TRANSFER_TYPE_INTERRUPT ||
			!(endpoint->bEndpointAddress & LIBUSB_ENDPOINT_IN) || candidate->endpoint)
			continue;
		candidate->endpoint = endpoint->bEndpointAddress;
		candidate->packet = endpoint->wMaxPacketSize & 0x7ff;
	}
	/* what is known to be something else is not even taken from the kernel */
	known = read_kernels(
		hid, config, setting->bInterfaceNumber, descriptor, sizeof(descriptor));
	if (candidate->endpoint &&
		(!known || hid->handler.judge(descriptor, known, hid->userdata) != TB_HID_OTHER))
		hid->n++;
}

static int
find_candidates(struct usb_hid *hid, char **ret_why)
{
	const struct tb_usb_calls *call = &hid->node.bus->call;
	struct libusb_config_descriptor *config;

	if (call->get_active_config_descriptor(call->get_device(hid->node.handle), &config) < 0) {
		if (asprintf(ret_why, "usb:%s tells no configuration: plug it in again",
			    hid->address) < 0)
			*ret_why = NULL;
		return -ENODEV;
	}
	for (uint8_t i = 0; i < config->bNumInterfaces; i++)
		if (config->interface[i].num_altsetting > 0)
			add_candidate(hid, config->bConfigurationValue,
				&config->interface[i].altsetting[0]);
	call->free_config_descriptor(config);
	hid->perhaps = hid->n;
	if (hid->n > 0)
		return 0;
	*ret_why = tb_hid_why_other(hid->address, hid->what);
	return -EINVAL;
}

static int
take(struct usb_hid *hid, size_t i, char **ret_why)
{
	hid->at = i;
	hid->node.interface = hid->candidates[i].number;
	hid->node.alternates = 1;
	return tb_usb_node_take(&hid->node, hid->address, ret_why);
}

/* Takes the next interface that is to be had, and asks what it is. */
static int
ask(struct usb_hid *hid, size_t i, char **ret_why)
{
	int r = -ENODEV;

	for (; i < hid->n; i++) {
		free(*ret_why);
		*ret_why = NULL;
		r = take(hid, i, ret_why);
		if (r < 0)
			continue;
		hid->step = ASKING;
		submit_control(hid, FROM_INTERFACE, LIBUSB_REQUEST_GET_DESCRIPTOR,
			REPORT_DESCRIPTOR, hid->node.interface, NULL,
			hid->candidates[i].descriptor_len);
		return 0;
	}
	return r;
}

/* ---- reports ---- */

static bool
submit_reader(struct usb_hid *hid, struct reader *reader)
{
	int r;

	libusb_fill_interrupt_transfer(reader->transfer, hid->node.handle,
		hid->candidates[hid->at].endpoint, reader->data, (int)hid->report_len, landed, hid,
		0);
	r = hid->node.bus->call.submit_transfer(reader->transfer);
	if (r == 0)
		reader->flight = FLYING;
	else
		lose_by(hid, r);
	return r == 0;
}

static void
submit_readers(struct usb_hid *hid)
{
	hid->step = READING;
	hid->next = 0;
	for (size_t i = 0; i < READERS && submit_reader(hid, &hid->readers[i]); i++)
		;
}

static void
begin_reading(struct usb_hid *hid)
{
	for (size_t i = 0; i < READERS; i++) {
		hid->readers[i].data = malloc(hid->report_len);
		hid->readers[i].transfer = hid->node.bus->call.alloc_transfer(0);
		if (!hid->readers[i].data || !hid->readers[i].transfer) {
			lose(hid, -ENOMEM, NULL);
			return;
		}
	}
	submit_readers(hid);
	if (!hid->gone)
		hid->handler.opened(hid->note, hid->userdata);
}

/* The interface is found: it is made a scanner of if that was wished, and read. */
static void
settle(struct usb_hid *hid, const uint8_t *descriptor, size_t len)
{
	/* hidraw's way: a report without a number has a 0 before it, which does not go out */
	size_t skip = hid->feature_len > 0 && hid->feature[0] == 0;

	hid->report_len = report_room(descriptor, len, hid->candidates[hid->at].packet);
	if (hid->feature_len <= skip) {
		begin_reading(hid);
		return;
	}
	hid->step = SWITCHING;
	submit_control(hid, TO_INTERFACE, SET_REPORT, (uint16_t)(FEATURE | hid->feature[0]),
		hid->node.interface, hid->feature + skip, (uint16_t)(hid->feature_len - skip));
}

/* ---- what has landed ---- */

static void
descriptor_came(struct usb_hid *hid, const uint8_t *descriptor, size_t len)
{
	enum tb_hid_fit fit = hid->handler.judge(len ? descriptor : NULL, len, hid->userdata);
	char *why = NULL;
	int r = 0;

	if (fit == TB_HID_FITS) {
		settle(hid, descriptor, len);
		return;
	}
	if (fit == TB_HID_PERHAPS && hid->perhaps == hid->n)
		hid->perhaps = hid->at;
	if (hid->at + 1 < hid->n) {
		tb_usb_node_give_back(&hid->node);
		r = ask(hid, hid->at + 1, &why);
	} else if (hid->perhaps < hid->n) {
		if (hid->perhaps != hid->at) {
			tb_usb_node_give_back(&hid->node);
			r = take(hid, hid->perhaps, &why);
		}
		if (r == 0) {
			hid->handler.judge(NULL, 0, hid->userdata);
			settle(hid, NULL, 0);
		}
	} else {
		r = -EINVAL;
		why = tb_hid_why_other(hid->address, hid->what);
	}
	if (r < 0)
		lose(hid, r, why);
}

static void
switched(struct usb_hid *hid, enum libusb_transfer_status status)
{
	if (status != LIBUSB_TRANSFER_COMPLETED)
		hid->note = tb_hid_note_feature(hid->what,
			status == LIBUSB_TRANSFER_STALL ? "it does not know it" : "no answer");
	begin_reading(hid);
}

static bool
readers_fly(const struct usb_hid *hid)
{
	bool flying = false;

	for (size_t i = 0; i < READERS; i++)
		flying = flying || hid->readers[i].flight == FLYING;
	return flying;
}

static void
cancel_all(struct usb_hid *hid)
{
	if (hid->control_flight == FLYING)
		hid->node.bus->call.cancel_transfer(hid->control);
	for (size_t i = 0; i < READERS; i++)
		if (hid->readers[i].flight == FLYING)
			hid->node.bus->call.cancel_transfer(hid->readers[i].transfer);
}

/* A stall: the device clears its half first, and shows by it that it answers. */
static void
begin_clearing(struct usb_hid *hid)
{
	if (++hid->stalls >= STALLS_MAX) {
		lose(hid, -EPIPE,
			strdup("the scanner stalled three times in a row: plug it in again"));
		return;
	}
	hid->step = CLEARING;
	cancel_all(hid);
	submit_control(hid, LIBUSB_RECIPIENT_ENDPOINT, LIBUSB_REQUEST_CLEAR_FEATURE, 0,
		hid->candidates[hid->at].endpoint, NULL, 0);
}

static void
cleared(struct usb_hid *hid, enum libusb_transfer_status status)
{
	int r = LIBUSB_ERROR_NO_DEVICE;

	if (status == LIBUSB_TRANSFER_COMPLETED)
		r = hid->node.bus->call.clear_halt(
			hid->node.handle, hid->candidates[hid->at].endpoint);
	if (r < 0) {
		lose_by(hid, r);
		return;
	}
	submit_readers(hid);
}

static void
control_landed(struct usb_hid *hid)
{
	enum libusb_transfer_status status = hid->control->status;
	size_t len = status == LIBUSB_TRANSFER_COMPLETED ? (size_t)hid->control->actual_length : 0;

	hid->control_flight = AT_REST;
	tb_source_set_timer(hid->control_timer, TB_NEVER);
	if (status == LIBUSB_TRANSFER_NO_DEVICE)
		lose_by(hid, LIBUSB_ERROR_NO_DEVICE);
	else if (hid->step == ASKING)
		descriptor_came(hid, hid->control_data + LIBUSB_CONTROL_SETUP_SIZE, len);
	else if (hid->step == SWITCHING)
		switched(hid, status);
	else if (hid->step == CLEARING)
		cleared(hid, status);
}

/* Some trouble on the wire: tried again, not at once and not for ever. */
static void
pause_reading(struct usb_hid *hid)
{
	if (++hid->troubles >= TROUBLES_MAX) {
		lose(hid, -EIO,
			strdup("the wire to the scanner is disturbed: try another cable or port"));
		return;
	}
	hid->paused = true;
	tb_source_set_timer_in(hid->pause_timer, PAUSE_US);
}

static void
reader_landed(struct usb_hid *hid, struct reader *reader)
{
	const struct libusb_transfer *transfer = reader->transfer;
	size_t len = (size_t)transfer->actual_length;

	reader->flight = AT_REST;
	switch (transfer->status) {
	case LIBUSB_TRANSFER_COMPLETED:
		hid->stalls = hid->troubles = 0;
		if (len > 0)
			hid->handler.report(reader->data, len, hid->userdata);
		explicit_bzero(reader->data, len);
		submit_reader(hid, reader);
		break;
	case LIBUSB_TRANSFER_OVERFLOW:
		hid->handler.report(reader->data, 0, hid->userdata);
		submit_reader(hid, reader);
		break;
	case LIBUSB_TRANSFER_STALL:
		begin_clearing(hid);
		break;
	case LIBUSB_TRANSFER_NO_DEVICE:
		lose_by(hid, LIBUSB_ERROR_NO_DEVICE);
		break;
	default:
		pause_reading(hid);
		break;
	}
}

static void
read_landed(struct usb_hid *hid)
{
	bool any = false;

	while (hid->step == READING && !hid->gone && !hid->paused &&
		hid->readers[hid->next].flight == LANDED) {
		struct reader *reader = &hid->readers[hid->next];

		any = true;
		hid->next = (hid->next + 1) % READERS;
		reader_landed(hid, reader);
	}
	if (any && !hid->gone)
		hid->handler.drained(hid->userdata);
}

static void
serve(struct usb_hid *hid)
{
	/* an endpoint is cleared when nothing of it is under way any more */
	if (hid->control_flight == LANDED && !hid->gone &&
		(hid->step != CLEARING || !readers_fly(hid)))
		control_landed(hid);
	read_landed(hid);
	if (!hid->gone)
		return;
	tb_source_set_timer(hid->wake, TB_NEVER);
	hid->handler.lost(hid->gone, hid->why ? hid->why : strerror(-hid->gone), hid->userdata);
}

static void
on_wake(void *userdata)
{
	serve(userdata);
}

static void
on_due(struct tb_usb_user *user)
{
	struct usb_hid *hid = container_of(user, struct usb_hid, user);

	/* once it is lost it is silent, whatever lands yet */
	if (!hid->gone)
		serve(hid);
}

static void
on_control_late(void *userdata)
{
	struct usb_hid *hid = userdata;

	if (hid->control_flight == FLYING)
		hid->node.bus->call.cancel_transfer(hid->control);
}

/* All that landed meanwhile is looked at, and what rests goes out again. */
static void
on_pause_over(void *userdata)
{
	struct usb_hid *hid = userdata;

	hid->paused = false;
	if (hid->gone)
		return;
	for (size_t i = 0; i < READERS && !hid->gone && hid->step == READING; i++) {
		struct reader *reader = &hid->readers[(hid->next + i) % READERS];

		if (reader->flight == AT_REST)
			submit_reader(hid, reader);
	}
	serve(hid);
}

/* ---- from open to close ---- */

/* The kernel ends a transfer within the cancelling, so a few turns without waiting see them all. */
static void
usb_hid_close(struct tb_hid *base)
{
	struct usb_hid *hid = container_of(base, struct usb_hid, hid);

	if (hid->node.handle) {
		cancel_all(hid);
		for (int turn = 0;
			turn < CLOSE_TURNS && (hid->control_flight == FLYING || readers_fly(hid));
			turn++)
			tb_usb_bus_turn(hid->node.bus);
	}
	tb_list_remove(&hid->user.node);
	if (hid->control)
		hid->node.bus->call.free_transfer(hid->control);
	for (size_t i = 0; i < READERS; i++) {
		if (hid->readers[i].transfer)
			hid->node.bus->call.free_transfer(hid->readers[i].transfer);
		free(hid->readers[i].data);
	}
	tb_usb_node_close(&hid->node);
	tb_source_remove(&hid->wake);
	tb_source_remove(&hid->control_timer);
	tb_source_remove(&hid->pause_timer);
	free(hid->address);
	free(hid->what);
	free(hid->why);
	free(hid->note);
	free(hid);
}

static const struct tb_hid_ops usb_hid_ops = {.close = usb_hid_close};

static int
start(struct usb_hid *hid, char **ret_why)
{
	int r = tb_usb_node_open_device(hid->loop, hid->address, &hid->node, ret_why);

	if (r < 0)
		return r;
	tb_list_append(&hid->node.bus->users, &hid->user.node);
	hid->control = hid->node.bus->call.alloc_transfer(0);
	if (!hid->control)
		return -ENOMEM;
	r = tb_loop_add_timer(hid->loop, 1, on_wake, hid, &hid->wake);
	if (r == 0)
		r = tb_loop_add_timer(hid->loop, 10000, on_control_late, hid, &hid->control_timer);
	if (r == 0)
		r = tb_loop_add_timer(hid->loop, 1000, on_pause_over, hid, &hid->pause_timer);
	if (r == 0)
		r = find_candidates(hid, ret_why);
	return r < 0 ? r : ask(hid, 0, ret_why);
}

int
tb_usb_hid_open(struct tb_loop *loop, const char *address, const struct tb_hid_wish *wish,
	const struct tb_hid_handler *handler, void *userdata, struct tb_hid **ret, char **ret_why)
{
	struct usb_hid *hid = calloc(1, sizeof(*hid));
	int r;

	*ret_why = NULL;
	if (!hid)
		return -ENOMEM;
	hid->hid.ops = &usb_hid_ops;
	hid->user.serve = on_due;
	tb_list_init(&hid->user.node);
	hid->loop = loop;
	hid->handler = *handler;
	hid->userdata = userdata;
	hid->node.fd = -1;
	hid->address = strdup(address);
	hid->what = strdup(wish->what);
	hid->feature_len = wish->feature_len;
	if (wish->feature_len)
		memcpy(hid->feature, wish->feature, wish->feature_len);
	r = hid->address && hid->what ? start(hid, ret_why) : -ENOMEM;
	if (r < 0) {
		usb_hid_close(&hid->hid);
		return r;
	}
	*ret = &hid->hid;
	return 0;
}
