/* SPDX-License-Identifier: MIT */
/*
 * Asks DLE EOT 1 to 4, one after the other so that each answer has its question, and keeps what the
 * printer says, asked or not. A printer that does not answer is taken to be well.
 */

#include <string.h>
#include "hw/drivers/escpos-printer.h"

#define QUIET_US (200 * UINT64_C(1000)) /* an answer in pieces is over after such a silence */

static void
ask_next(struct tb_device *device)
{
	tb_buf_add(&device->control, (const uint8_t[]){0x10, 0x04, (uint8_t)device->asking}, 3);
	tb_source_set_timer_in(device->answer_timer, TB_ANSWER_US);
	tb_job_flush_control(device);
}

static void
round_over(struct tb_device *device, bool answered)
{
	device->asking = 0;
	device->answered = answered;
	tb_source_set_timer(device->answer_timer, TB_NEVER);
	if (answered)
		tb_printer_tell_state(device);
	tb_job_asked(device);
}

void
tb_printer_ask(struct tb_device *device)
{
	if (device->asking)
		return;
	if (device->profile->answers == TB_ANSWERS_NONE) {
		round_over(device, false);
		return;
	}
	device->asking = 1;
	ask_next(device);
}

/* Silence counts from the moment the question has left this machine. */
static void
answer_is_late(void *userdata)
{
	struct tb_device *device = userdata;

	if (device->control.len > 0 || tb_stream_pending(device->stream) > 0) {
		tb_source_set_timer_in(device->answer_timer, TB_ANSWER_US);
		return;
	}
	round_over(device, device->asking > 1);
}

/* All answers look alike: it belongs to the question that waits, and one that comes when none does
 * is too late to mean anything. */
static void
take_dle_eot(struct tb_device *device, uint8_t byte)
{
	if (!device->asking || device->control.len > 0)
		return;
	tb_health_dle_eot(&device->health, device->asking, byte);
	if (device->asking == 4) {
		round_over(device, true);
		return;
	}
	device->asking++;
	ask_next(device);
}

static void
take_item(struct tb_device *device, const struct tb_status_item *item)
{
	switch (item->kind) {
	case TB_STATUS_DLE_EOT:
		take_dle_eot(device, item->byte);
		break;
	case TB_STATUS_AUTO:
		tb_health_asb(&device->health, item->asb);
		tb_printer_tell_state(device);
		tb_job_health_changed(device);
		break;
	case TB_STATUS_GS_R:
		if (!tb_status_is_gs_r_paper(item->byte))
			break;
		if (device->phase == TB_PHASE_PROVING) {
			tb_health_gs_r(&device->health, item->byte);
			tb_printer_tell_state(device);
		}
		tb_job_gs_r(device);
		break;
	case TB_STATUS_BLOCK:
		if (item->block_len == 6 && item->block[0] == 0x37 && item->block[1] == 0x22)
			tb_job_process_id(device, item->block + 2);
		break;
	case TB_STATUS_XON: /* the kernel's business, where the line is set so */
	case TB_STATUS_XOFF:
	case TB_STATUS_JUNK:
		break;
	}
}

void
tb_printer_read(struct tb_device *device)
{
	uint64_t now_us = tb_loop_now_us(device->host->loop);
	struct tb_status_item item;
	uint8_t bytes[512];
	ssize_t n;

	if (device->heard_us + QUIET_US < now_us)
		device->reader = (struct tb_status_reader){0};
	device->heard_us = now_us;
	/* What is left when the buffer was full is told of again by the loop. */
	n = tb_stream_read(device->stream, bytes, sizeof(bytes));
	for (ssize_t i = 0; i < n; i++) {
		if (tb_status_feed(&device->reader, bytes[i], &item))
			take_item(device, &item);
	}
}

int
tb_printer_answers_init(struct tb_device *device)
{
	return tb_loop_add_timer(
		device->host->loop, 10000, answer_is_late, device, &device->answer_timer);
}

const char *
tb_printer_trouble(const struct tb_device *device)
{
	const struct tb_printer_health *health = &device->health;

	if (health->known) {
		/* An open cover hides the paper from its sensor. */
		if (health->cover_open)
			return "cover_open";
		if (health->paper_out)
			return "paper_out";
		if (health->cutter)
			return "cutter";
		if (health->offline || health->unrecoverable || health->error)
			return "offline";
	}
	if (device->port_paper_out && !(health->known && device->answered))
		return "paper_out";
	return device->stalled ? "offline" : NULL;
}

static enum tb_printer_state
state_of(const struct tb_device *device, const char **ret_reason)
{
	const struct tb_printer_health *health = &device->health;

	*ret_reason = NULL;
	if (health->cover_open)
		return TB_PRINTER_COVER_OPEN;
	if (health->paper_out || (device->port_paper_out && !(health->known && device->answered)))
		return TB_PRINTER_PAPER_OUT;
	if (health->cutter || health->unrecoverable || health->error) {
		*ret_reason = health->cutter          ? "cutter"
		              : health->unrecoverable ? "unrecoverable: switch it off and on"
		                                      : "it reports an error: switch it off and on";
		return TB_PRINTER_ERROR;
	}
	if (health->offline || device->stalled) {
		*ret_reason = device->stalled   ? "it takes no bytes: see to its paper and cable"
		              : health->feeding ? "its feed button is pressed: let it go"
		                                : "it says so: press its online or feed key";
		return TB_PRINTER_OFFLINE;
	}
	return health->paper_low ? TB_PRINTER_PAPER_LOW : TB_PRINTER_READY;
}

void
tb_printer_tell_state(struct tb_device *device)
{
	struct tb_event event = {.kind = TB_EVENT_PRINTER};

	event.printer = state_of(device, &event.reason);
	if (device->told && device->told_state == event.printer)
		return;
	device->told = true;
	device->told_state = event.printer;
	device->host->emit(device->host, &event);
}
