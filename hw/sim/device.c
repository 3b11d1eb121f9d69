/* SPDX-License-Identifier: MIT */
/*
 * The printer's state and answers. Status bytes as in Epson's pages dle_eot, gs_lr, gs_la; what a
 * real-time command does inside of another command's data as the notes of dle_dc4 say.
 */

#include "hw/sim/device.h"

#include <stdio.h>
#include <string.h>

struct tb_device {
	struct tb_device_config config;
	struct tb_device_ops ops;
	void *userdata;
	const struct tb_profile *profile;
	struct tb_interpret *in;
	struct tb_buf buffer;
	uint64_t printed; /* bytes */
	bool fault_done[TB_DEVICE_FAULTS];

	bool paper_out, paper_low, cover_open, cutter_jam, offline, off, drawer_open;
	uint8_t asb; /* n of GS a */
	bool pulse_allowed, power_off_allowed;

	uint8_t now[12]; /* a real-time command on its way in */
	size_t n_now;
	uint8_t late[5]; /* DLE DC4 1 m t on its way through the interpreter */
	size_t n_late;
	bool late_inside;
};

static bool
held(const struct tb_device *device)
{
	return device->paper_out || device->cover_open || device->cutter_jam || device->offline ||
	       device->off;
}

static void
reply(struct tb_device *device, const void *bytes, size_t len)
{
	if (!device->config.no_status && !device->off &&
		device->profile->answers != TB_ANSWERS_NONE && device->ops.reply)
		device->ops.reply(bytes, len, device->userdata);
}

static uint8_t
eot_byte(const struct tb_device *device, unsigned n)
{
	uint8_t byte = 0x12;

	switch (n) {
	case 1:
		byte |= device->drawer_open ? 0x04 : 0;
		byte |= held(device) ? 0x08 : 0;
		break;
	case 2:
		byte |= device->cover_open ? 0x04 : 0;
		byte |= device->paper_out ? 0x20 : 0;
		byte |= device->cutter_jam ? 0x40 : 0;
		break;
	case 3:
		byte |= device->cutter_jam ? 0x08 : 0;
		break;
	default:
		byte |= device->paper_out || device->paper_low ? 0x0C : 0;
		byte |= device->paper_out ? 0x60 : 0;
		break;
	}
	return byte;
}

static uint8_t
paper_byte(const struct tb_device *device)
{
	return (uint8_t)((device->paper_out || device->paper_low ? 0x03 : 0) |
			 (device->paper_out ? 0x0C : 0));
}

static void
send_asb(struct tb_device *device)
{
	uint8_t bytes[4] = {0x10, 0, paper_byte(device), 0};

	bytes[0] |= device->drawer_open ? 0x04 : 0;
	bytes[0] |= held(device) ? 0x08 : 0;
	bytes[0] |= device->cover_open ? 0x20 : 0;
	bytes[1] |= device->cutter_jam ? 0x08 : 0;
	reply(device, bytes, sizeof(bytes));
}

static void
changed(struct tb_device *device, const char *state)
{
	if (device->asb)
		send_asb(device);
	if (device->ops.changed)
		device->ops.changed(state, device->userdata);
}

static void
answer_id(struct tb_device *device, unsigned n)
{
	char block[80];
	int len;

	switch (n) {
	case 1:
	case 49:
		reply(device, "\x20", 1);
		return;
	case 2:
	case 50:
		reply(device, "\x02", 1); /* it has a cutter */
		return;
	case 3:
	case 51:
		reply(device, "\x01", 1);
		return;
	case 65:
		len = snprintf(block, sizeof(block), "_%s", TB_VERSION);
		break;
	case 66:
		len = snprintf(block, sizeof(block), "_tillbridge");
		break;
	case 67:
		len = snprintf(block, sizeof(block), "_tillsim %s", device->profile->name);
		break;
	case 68:
		len = snprintf(block, sizeof(block), "_000001");
		break;
	default:
		return;
	}
	reply(device, block, (size_t)len + 1);
}

/* What the interpreter met on its way through the buffer. */
static void
on_request(const struct tb_request *request, void *userdata)
{
	struct tb_device *device = userdata;
	uint8_t id[7] = {0x37, 0x22};

	switch (request->kind) {
	case TB_REQUEST_STATUS:
		if (request->n == 2)
			reply(device, device->drawer_open ? "\x01" : "\x00", 1);
		else
			reply(device, &(uint8_t){paper_byte(device)}, 1);
		break;
	case TB_REQUEST_AUTO:
		if (device->profile->answers != TB_ANSWERS_ASB)
			break;
		device->asb = (uint8_t)request->n;
		if (device->asb)
			send_asb(device);
		break;
	case TB_REQUEST_ID:
		answer_id(device, request->n);
		break;
	case TB_REQUEST_PROCESS_ID:
		memcpy(id + 2, request->id, sizeof(request->id));
		if (device->profile->process_id)
			reply(device, id, sizeof(id));
		break;
	case TB_REQUEST_REALTIME:
		if (request->n >> 8 == 1)
			device->pulse_allowed = request->n & 1;
		else if (request->n >> 8 == 2)
			device->power_off_allowed = request->n & 1;
		break;
	default:
		break; /* real-time commands were answered when they came in */
	}
}

static void
on_element(const struct tb_element *element, void *userdata)
{
	struct tb_device *device = userdata;

	if (device->ops.element)
		device->ops.element(element, device->userdata);
}

static void
on_ticket(const struct tb_canvas *canvas, bool cut, void *userdata)
{
	struct tb_device *device = userdata;

	if (device->ops.ticket)
		device->ops.ticket(canvas, device->userdata);
}

static void
switch_off(struct tb_device *device)
{
	if (device->off)
		return;
	tb_buf_reset(&device->buffer);
	tb_interpret_restart(device->in);
	device->asb = 0;
	device->n_now = 0;
	device->off = true;
	changed(device, "off");
}

static void
forget_buffer(struct tb_device *device)
{
	tb_buf_reset(&device->buffer);
	tb_interpret_clear(device->in);
}

/* Bytes of DLE DC4 fn, 0 when it is nothing to act on. */
static size_t
realtime_length(uint8_t fn)
{
	return fn == 2 ? 5 : fn == 8 ? 10 : 0;
}

/* A whole real-time command came in; false when the bytes are none after all. */
static bool
act_now(struct tb_device *device)
{
	static const uint8_t clear[] = {0x10, 0x14, 8, 1, 3, 0x14, 1, 6, 2, 8};
	static const uint8_t power_off[] = {0x10, 0x14, 2, 1, 8};
	const uint8_t *b = device->now;

	if (b[1] == 0x04 && b[2] >= 1 && b[2] <= 4) {
		reply(device, &(uint8_t){eot_byte(device, b[2])}, 1);
		return true;
	}
	if (b[1] == 0x05 && (b[2] == 1 || b[2] == 2)) {
		if (b[2] == 2)
			forget_buffer(device);
		return tb_device_command(device, "cutter_free") == 0;
	}
	if (device->n_now == sizeof(clear) && memcmp(b, clear, sizeof(clear)) == 0) {
		forget_buffer(device);
		reply(device, "\x37\x25\x00", 3);
		return true;
	}
	if (device->n_now == sizeof(power_off) && memcmp(b, power_off, sizeof(power_off)) == 0 &&
		device->power_off_allowed)
		switch_off(device);
	return false;
}

/*
 * Looks for real-time commands in what comes in, wherever they stand. True when the buffer was
 * cleared, so that what came before is not to be kept.
 */
static bool
watch(struct tb_device *device, uint8_t byte)
{
	uint8_t *b = device->now;
	size_t whole = 3;
	bool cleared;

	if (device->n_now > 0 && byte == 0x10 && device->n_now < 3)
		device->n_now = 0;
	if (device->n_now == 0 && byte != 0x10)
		return false;
	b[device->n_now++] = byte;
	if (device->n_now == 2 && byte != 0x04 && byte != 0x05 && byte != 0x14)
		device->n_now = 0;
	if (device->n_now < 3)
		return false;
	if (b[1] == 0x14)
		whole = realtime_length(b[2]);
	if (device->n_now < whole)
		return false;
	cleared = whole > 0 && act_now(device) && (b[1] == 0x14 || (b[1] == 0x05 && b[2] == 2));
	device->n_now = 0;
	return cleared;
}

/* DLE DC4 1 m t in the data of another command: executed all the same. */
static void
pulse_inside(struct tb_device *device)
{
	struct tb_element element = {.kind = TB_ELEMENT_PULSE};

	if (!device->pulse_allowed || device->late[3] > 1 || device->late[4] < 1 ||
		device->late[4] > 8)
		return;
	element.pulse.pin = device->late[3] ? 5 : 2;
	element.pulse.on_ms = element.pulse.off_ms = device->late[4] * 100u;
	on_element(&element, device);
}

static void
print_byte(struct tb_device *device, uint8_t byte)
{
	static const uint8_t pattern[] = {0x10, 0x14, 1};

	if (device->n_late == 0 && byte == 0x10)
		device->late_inside = !tb_interpret_at_rest(device->in);
	if (device->n_late < sizeof(pattern) && byte != pattern[device->n_late])
		device->n_late = byte == 0x10;
	else
		device->late[device->n_late++] = byte;
	tb_interpret_feed(device->in, &byte, 1);
	if (device->n_late == sizeof(device->late)) {
		device->n_late = 0;
		if (device->late_inside)
			pulse_inside(device);
	}
}

static void
print_bytes(struct tb_device *device, size_t len)
{
	const uint8_t *bytes = (const uint8_t *)device->buffer.data;

	while (len > 0) {
		const uint8_t *dle = device->n_late > 0 ? bytes : memchr(bytes, 0x10, len);
		size_t plain = dle ? (size_t)(dle - bytes) : len;

		tb_interpret_feed(device->in, bytes, plain);
		bytes += plain;
		len -= plain;
		if (len > 0) {
			print_byte(device, *bytes);
			bytes++;
			len--;
		}
	}
}

static const char *const fault_words[] = {
	[TB_FAULT_PAPER_OUT] = "paper_out",
	[TB_FAULT_COVER] = "cover_open",
	[TB_FAULT_CUTTER] = "cutter_jam",
};

/* Bytes until the next fault, after those that are due. */
static size_t
until_fault(struct tb_device *device, size_t len)
{
	for (size_t i = 0; i < device->config.n_faults; i++) {
		uint64_t at = device->config.faults[i].at;

		if (device->fault_done[i])
			continue;
		if (at <= device->printed) {
			device->fault_done[i] = true;
			tb_device_command(device, fault_words[device->config.faults[i].kind]);
			return 0;
		}
		len = (size_t)TB_MIN((uint64_t)len, at - device->printed);
	}
	return len;
}

bool
tb_device_work(struct tb_device *device, size_t budget)
{
	while (budget > 0 && !held(device)) {
		size_t n = until_fault(device, TB_MIN(budget, device->buffer.len));

		if (held(device) || n == 0)
			break;
		print_bytes(device, n);
		tb_buf_consume(&device->buffer, n);
		device->printed += n;
		budget -= n;
	}
	/* A fault at the very end of what came shows at once. */
	if (!held(device))
		until_fault(device, 0);
	return device->buffer.len > 0 && !held(device);
}

size_t
tb_device_room(const struct tb_device *device)
{
	return device->config.buffer > device->buffer.len
	               ? device->config.buffer - device->buffer.len
	               : 0;
}

size_t
tb_device_receive(struct tb_device *device, const uint8_t *bytes, size_t len)
{
	size_t n = TB_MIN(len, tb_device_room(device)), kept = 0;

	if (device->off)
		return len;
	for (size_t i = 0; i < n; i++) {
		if (!watch(device, bytes[i]))
			continue;
		tb_buf_reset(&device->buffer);
		kept = i + 1;
	}
	if (!device->off)
		tb_buf_add(&device->buffer, bytes + kept, n - kept);
	return n;
}

int
tb_device_new(const struct tb_device_config *config, const struct tb_device_ops *ops,
	void *userdata, struct tb_device **ret)
{
	static const struct tb_interpret_ops reading = {
		.element = on_element, .request = on_request, .ticket = on_ticket};
	_cleanup_(tb_device_freep) struct tb_device *device = calloc(1, sizeof(*device));

	if (!device)
		return -ENOMEM;
	device->config = *config;
	device->ops = *ops;
	device->userdata = userdata;
	device->buffer = TB_BUF_INIT(0);
	device->pulse_allowed = device->power_off_allowed = true;
	device->profile = config->interpret.profile ? config->interpret.profile
	                                            : tb_profile_find(NULL);
	device->in = tb_interpret_new(&config->interpret, &reading, device);
	if (!device->in)
		return -ENOMEM;
	*ret = TAKE_PTR(device);
	return 0;
}

void
tb_device_free(struct tb_device *device)
{
	if (!device)
		return;
	tb_interpret_free(device->in);
	tb_buf_done(&device->buffer);
	free(device);
}

static const struct {
	const char *word;
	size_t flag;
	bool value;
} words[] = {
	{"cover_close", offsetof(struct tb_device, cover_open), false},
	{"cover_open", offsetof(struct tb_device, cover_open), true},
	{"cutter_free", offsetof(struct tb_device, cutter_jam), false},
	{"cutter_jam", offsetof(struct tb_device, cutter_jam), true},
	{"drawer_close", offsetof(struct tb_device, drawer_open), false},
	{"drawer_open", offsetof(struct tb_device, drawer_open), true},
	{"offline", offsetof(struct tb_device, offline), true},
	{"on", offsetof(struct tb_device, off), false},
	{"online", offsetof(struct tb_device, offline), false},
	{"paper_low", offsetof(struct tb_device, paper_low), true},
	{"paper_out", offsetof(struct tb_device, paper_out), true},
};

int
tb_device_command(struct tb_device *device, const char *word)
{
	if (strcmp(word, "off") == 0) {
		switch_off(device);
		return 0;
	}
	if (strcmp(word, "tear") == 0) {
		tb_interpret_tear(device->in);
		return 0;
	}
	if (strcmp(word, "paper_in") == 0) {
		bool any = device->paper_out || device->paper_low;

		device->paper_out = device->paper_low = false;
		if (any)
			changed(device, word);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		bool *flag = (bool *)((char *)device + words[i].flag);

		if (strcmp(words[i].word, word) != 0)
			continue;
		if (*flag != words[i].value) {
			*flag = words[i].value;
			changed(device, word);
		}
		return 0;
	}
	return -ENOENT;
}

void
tb_device_clear_faults(struct tb_device *device)
{
	tb_device_command(device, "paper_in");
	tb_device_command(device, "cover_close");
	tb_device_command(device, "cutter_free");
	tb_device_command(device, "online");
	tb_device_command(device, "on");
}

bool
tb_device_is_off(const struct tb_device *device)
{
	return device->off;
}

bool
tb_device_idle(const struct tb_device *device)
{
	return device->buffer.len == 0;
}

void
tb_device_finish(struct tb_device *device)
{
	tb_interpret_end(device->in);
}
