/* SPDX-License-Identifier: MIT */
/*
 * Receipt printers that speak ESC/POS, on any stream of bytes. Opened, it is asked once how it is,
 * or told to say so by itself; what it says while it idles is told as well. Jobs are
 * escpos-job.c's.
 */

#include <stdio.h>
#include <string.h>
#include "hw/drivers/drivers.h"
#include "hw/drivers/escpos-printer.h"

static const struct tb_setting_spec settings[] = {
	{"profile", TB_SETTING_WORD, TB_PROFILE_DEFAULT,
		.words = "bixolon citizen clone clone-escz default58 default80 epson epson-180 "
			 "epson-42 epson-old fujitsu hp-a779 metapace mpt2 simple star zijiang58",
		.prose = "what the printer is and can"},
	{"default", TB_SETTING_BOOL, "no", .prose = "the printer of calls that name none"},
	{"speed", TB_SETTING_NUMBER, "9600", .min = 50, .max = 4000000, .prose = "baud, on tty"},
	{"mode", TB_SETTING_WORD, "8N1", .words = "8N1 8N2 8E1 8E2 8O1 8O2 7N1 7N2 7E1 7E2 7O1 7O2",
		.prose = "data bits, parity, stop bits, on tty"},
	{"flow", TB_SETTING_WORD, "none", .words = "none rts xon dsr",
		.prose = "flow control, on tty"},
	{NULL},
};

static int
find_profile(const struct tb_device_config *config, const struct tb_profile **ret, char **ret_why)
{
	const char *name = tb_device_setting(config, settings, "profile", 0);

	*ret = tb_profile_find(name);
	if (*ret)
		return 0;
	if (ret_why &&
		asprintf(ret_why, "profile = %s: there is no printer of that name", name) < 0)
		*ret_why = NULL;
	return -EINVAL;
}

static void
opened(void *userdata)
{
	struct tb_device *device = userdata;
	struct tb_event event = {.kind = TB_EVENT_STATE, .state = TB_DEVICE_READY};

	device->open = true;
	/* A printer that waits for the rest of a command would take these for it. */
	if (!tb_interrupted_is(device->address)) {
		if (device->profile->answers == TB_ANSWERS_ASB)
			tb_buf_add(&device->control, (const uint8_t[]){0x1D, 0x61, 0x0E}, 3);
		tb_printer_ask(device);
	}
	device->host->emit(device->host, &event);
}

static void
readable(void *userdata)
{
	tb_printer_read(userdata);
}

static void
writable(void *userdata)
{
	tb_job_advance(userdata);
}

static void
lost(int error, const char *why, void *userdata)
{
	struct tb_device *device = userdata;
	struct tb_event event = {.kind = TB_EVENT_STATE, .state = TB_DEVICE_LOST, .reason = why};

	/* what an open could not know at once */
	if (!device->open && error == -EPROTONOSUPPORT)
		event.state = TB_DEVICE_REFUSED;
	else if (!device->open && error == -EBUSY)
		event.state = TB_DEVICE_BUSY;
	device->lost = true;
	tb_job_lost(device);
	device->host->emit(device->host, &event);
}

static void
port(bool paper_out, void *userdata)
{
	struct tb_device *device = userdata;

	device->port_paper_out = paper_out;
	tb_printer_tell_state(device);
	tb_job_health_changed(device);
}

static void
printer_escpos_close(struct tb_device *device)
{
	if (!device)
		return;
	/* pulled, and udev was heard before the wire: the wire knows what had arrived */
	if (device->job && !device->lost) {
		device->lost = true;
		tb_job_lost(device);
	}
	tb_job_done(device);
	tb_stream_closep(&device->stream);
	free(device->address);
	free(device);
}

static int
open_stream(struct tb_device *device, const struct tb_device_config *config, char **ret_why)
{
	static const struct tb_stream_handler handler = {
		.opened = opened,
		.readable = readable,
		.writable = writable,
		.lost = lost,
		.port = port,
	};
	struct tb_stream_settings line = {
		.speed = (uint32_t)tb_device_setting_number(config, settings, "speed"),
		.mode = tb_device_setting(config, settings, "mode", 0),
		/* The words of the key stand in the order of the enum. */
		.flow = (enum tb_flow)tb_device_setting_number(config, settings, "flow"),
		.language = config->unasked ? "ESC/POS" : NULL,
	};

	int r = tb_stream_open(device->host->loop, config->address, &line, &handler, device,
		&device->stream, ret_why);

	if (r == 0)
		device->stream->host = device->host;
	return r;
}

static int
printer_escpos_open(const struct tb_device_config *config, const struct tb_device_host *host,
	struct tb_device **ret, char **ret_why)
{
	const struct tb_profile *profile;
	struct tb_device *device;
	int r;

	*ret_why = NULL;
	r = find_profile(config, &profile, ret_why);
	if (r < 0)
		return r;
	device = calloc(1, sizeof(*device));
	if (!device)
		return -ENOMEM;
	device->host = host;
	device->profile = profile;
	device->address = strdup(config->address);
	r = device->address ? tb_job_init(device) : -ENOMEM;
	if (r == 0)
		r = tb_printer_answers_init(device);
	if (r == 0)
		r = open_stream(device, config, ret_why);
	if (r < 0) {
		printer_escpos_close(device);
		return r;
	}
	*ret = device;
	return 0;
}

static int
printer_escpos_check(const struct tb_device_config *config, const struct tb_document *document,
	struct tb_print_report *ret, char **ret_why)
{
	const struct tb_profile *profile;
	struct tb_encoded encoded;
	int r;

	*ret = (struct tb_print_report){0};
	*ret_why = NULL;
	r = find_profile(config, &profile, ret_why);
	if (r < 0)
		return r;
	r = tb_encode_document(document, profile, ret, &encoded, ret_why);
	if (r < 0)
		return r == -E2BIG ? -EINVAL : r;
	tb_encoded_done(&encoded);
	return 0;
}

static const struct tb_printer_ops printer_ops = {
	.check = printer_escpos_check,
	.print = tb_job_print,
	.cancel = tb_job_cancel,
};

const struct tb_driver tb_driver_printer_escpos = {
	.name = "printer-escpos",
	.class = TB_CLASS_PRINTER,
	.settings = settings,
	.nodes = "lp usb tty",
	.open = printer_escpos_open,
	.close = printer_escpos_close,
	.printer = &printer_ops,
};
