/* SPDX-License-Identifier: MIT */
/*
 * One job, from its first byte to the proof that it is on paper. A document goes out in slices that
 * end between two commands, and only there the printer is asked how it is; a raw job goes out in
 * one piece. What is known of a job at its end is told and nothing more: confirmed, sent, or
 * unknown.
 */

#include <string.h>
#include "hw/drivers/escpos-printer.h"

static const uint8_t reset[] = {0x1B, 0x40};

static void
emit_job(struct tb_device *device, enum tb_job_state state, const char *reason)
{
	struct tb_event event = {.kind = TB_EVENT_JOB,
		.reason = reason,
		.job = {.id = device->job->id, .state = state, .touched = device->taken > 0}};

	device->host->emit(device->host, &event);
}

/*
 * Ends the job. The state is told last and with the job put away, since the next one may be given
 * from within: nothing may follow a call of this.
 */
static void
finish(struct tb_device *device, enum tb_job_state state, const char *reason)
{
	struct tb_event event = {.kind = TB_EVENT_JOB,
		.reason = reason,
		.job = {.id = device->job->id, .state = state, .touched = device->taken > 0}};

	device->job = NULL;
	device->phase = TB_PHASE_IDLE;
	device->held = NULL;
	device->stalled = false;
	device->cancelled = false;
	tb_encoded_done(&device->encoded);
	tb_source_set_timer(device->step_timer, TB_NEVER);
	tb_source_set_timer(device->poll_timer, TB_NEVER);
	tb_source_set_timer(device->stall_timer, TB_NEVER);
	tb_source_set_timer(device->proof_timer, TB_NEVER);
	device->host->emit(device->host, &event);
}

/* Tells held, or that it goes on, when that has changed. Returns whether the job is held. */
static bool
update_held(struct tb_device *device)
{
	const char *trouble = tb_printer_trouble(device);

	if (trouble && (!device->held || strcmp(device->held, trouble) != 0)) {
		device->held = trouble;
		/* Whoever told it may not tell when it is over. */
		tb_source_set_timer_in(device->poll_timer, TB_HELD_POLL_US);
		emit_job(device, TB_JOB_HELD, trouble);
	} else if (!trouble && device->held) {
		device->held = NULL;
		tb_printer_tell_state(device);
		emit_job(device, TB_JOB_PRINTING, NULL);
		if (device->phase == TB_PHASE_PROVING)
			tb_source_set_timer_in(device->proof_timer, TB_PROOF_US);
	}
	return device->held;
}

/* Something moved: whatever is 60 s without that is held. */
static void
note_progress(struct tb_device *device)
{
	device->progress_us = tb_loop_now_us(device->host->loop);
	device->stalled = false;
}

static void
stall_timer_fires(void *userdata)
{
	struct tb_device *device = userdata;
	uint64_t now_us = tb_loop_now_us(device->host->loop);
	ssize_t pending = tb_stream_pending(device->stream);
	bool waits = device->control.len > 0 || device->phase == TB_PHASE_WRITING || pending > 0;

	if (!device->job)
		return;
	if (!waits || (pending > 0 && pending < device->pending))
		note_progress(device);
	device->pending = pending;
	if (device->progress_us + TB_STALL_US > now_us) {
		tb_source_set_timer(device->stall_timer, device->progress_us + TB_STALL_US);
		return;
	}
	tb_source_set_timer_in(device->stall_timer, TB_STALL_US);
	device->stalled = true;
	tb_printer_tell_state(device);
	update_held(device);
}

bool
tb_job_flush_control(struct tb_device *device)
{
	while (device->control.len > 0) {
		ssize_t n = tb_stream_write(
			device->stream, device->control.data, device->control.len);

		if (n <= 0) {
			tb_stream_want_write(device->stream, n == -EAGAIN);
			return false;
		}
		tb_buf_consume(&device->control, (size_t)n);
		device->ours_behind += (size_t)n;
		device->completing -= TB_MIN(device->completing, (size_t)n);
		note_progress(device);
	}
	return true;
}

/* Writes up to the end of the slice; true when it is out. */
static bool
write_slice(struct tb_device *device)
{
	while (device->taken < device->slice_end) {
		ssize_t n = tb_stream_write(device->stream, device->bytes + device->taken,
			device->slice_end - device->taken);

		if (n <= 0) {
			tb_stream_want_write(device->stream, n == -EAGAIN);
			return false;
		}
		device->taken += (size_t)n;
		device->ours_behind = 0;
		note_progress(device);
	}
	return true;
}

/* The next place where the printer may be asked. A raw job has none. */
static size_t
next_slice(const struct tb_device *device)
{
	size_t step = TB_MAX(device->profile->rx_buffer / 2, 256u);

	if (!device->job->document)
		return device->len;
	step = TB_MAX(step, device->stream->ops->slice);
	return tb_encoded_boundary(&device->encoded, TB_MIN(device->taken + step, device->len));
}

/*
 * What answers behind the last byte: GS ( H when its data is printed, GS r when it is read. Both
 * are asked where the printer should know both, since the first is missing in some of a kind.
 */
static void
ask_proof(struct tb_device *device)
{
	const uint8_t process_id[] = {0x1D, 0x28, 0x48, 0x06, 0x00, 0x30, 0x30};
	uint64_t now_us = tb_loop_now_us(device->host->loop);
	unsigned number = device->jobs++;

	/* ESC @ turns automatic status off on some. */
	if (device->profile->answers == TB_ANSWERS_ASB)
		tb_buf_add(&device->control, (const uint8_t[]){0x1D, 0x61, 0x0E}, 3);
	if (device->profile->process_id) {
		for (size_t i = 0; i < sizeof(device->process_id); i++) {
			device->process_id[i] = (char)('0' + number % 10);
			number /= 10;
		}
		tb_buf_add(&device->control, process_id, sizeof(process_id));
		tb_buf_add(&device->control, device->process_id, sizeof(device->process_id));
	}
	tb_buf_add(&device->control, (const uint8_t[]){0x1D, 0x72, 0x01}, 3);
	if (device->stale_proof_us + TB_PROOF_STALE_US < now_us)
		device->stale_proofs = 0;
	device->read_through = false;
	device->phase = TB_PHASE_PROVING;
	tb_source_set_timer_in(device->proof_timer, TB_PROOF_US);
	tb_source_set_timer_in(device->poll_timer, TB_PROOF_POLL_US);
}

static void
proof_is_late(void *userdata)
{
	struct tb_device *device = userdata;

	if (!device->job || device->phase != TB_PHASE_PROVING)
		return;
	/* The three seconds begin when the last byte has left, and when the printer is well. */
	if (device->held || device->control.len > 0 || tb_stream_pending(device->stream) > 0) {
		tb_source_set_timer_in(device->proof_timer, TB_PROOF_US);
		return;
	}
	if (device->read_through) {
		finish(device, TB_JOB_CONFIRMED, NULL);
		return;
	}
	device->stale_proofs++;
	device->stale_proof_us = tb_loop_now_us(device->host->loop);
	finish(device, TB_JOB_SENT, "no_answer");
}

void
tb_job_gs_r(struct tb_device *device)
{
	/* It may answer the question of a job before; only the one after it is ours. */
	if (device->stale_proofs > 0) {
		device->stale_proofs--;
		return;
	}
	if (!device->job || device->phase != TB_PHASE_PROVING || device->control.len > 0)
		return;
	if (device->profile->process_id) {
		device->read_through = true;
		return;
	}
	finish(device, TB_JOB_CONFIRMED, NULL);
}

void
tb_job_process_id(struct tb_device *device, const uint8_t id[4])
{
	if (device->job && device->phase == TB_PHASE_PROVING &&
		memcmp(id, device->process_id, sizeof(device->process_id)) == 0)
		finish(device, TB_JOB_CONFIRMED, NULL);
}

/* The rest of the command that the last document left open, and a reset. */
static void
complete_interrupted(struct tb_device *device)
{
	size_t missing;

	if (!tb_interrupted_take(device->address, &missing))
		return;
	if (tb_buf_reserve(&device->control, missing + sizeof(reset)) < 0)
		return;
	while (missing-- > 0)
		tb_buf_add_byte(&device->control, 0);
	tb_buf_add(&device->control, reset, sizeof(reset));
	device->completing = device->control.len;
}

static void
end_cancelled(struct tb_device *device)
{
	if (device->taken > 0)
		finish(device, TB_JOB_FAILED, "cancelled");
	else
		finish(device, TB_JOB_CANCELLED, NULL);
}

/* The printer has been asked; goes on with the next slice when it is well. True when it does. */
static bool
begin_slice(struct tb_device *device)
{
	if (device->asking)
		return false;
	if (device->cancelled) {
		end_cancelled(device);
		return false;
	}
	if (update_held(device)) {
		tb_source_set_timer_in(device->poll_timer, TB_HELD_POLL_US);
		return false;
	}
	device->phase = TB_PHASE_WRITING;
	device->slice_end = next_slice(device);
	return true;
}

/* A slice is out; true when there is more to do at once. */
static bool
slice_is_out(struct tb_device *device)
{
	if (device->taken == device->len) {
		ask_proof(device);
		return true;
	}
	if (device->cancelled) {
		end_cancelled(device);
		return false;
	}
	if (!device->answered && !tb_printer_trouble(device)) {
		device->slice_end = next_slice(device);
		return true;
	}
	device->phase = TB_PHASE_BETWEEN;
	tb_printer_ask(device);
	return true;
}

static void
start(struct tb_device *device)
{
	/* What was known is old; a printer that does not answer now is taken to be well. */
	device->phase = TB_PHASE_BEFORE;
	device->pending = -1;
	note_progress(device);
	tb_source_set_timer_in(device->stall_timer, TB_STALL_US);
	complete_interrupted(device);
	emit_job(device, TB_JOB_PRINTING, NULL);
	if (!device->asking)
		tb_printer_ask(device);
}

void
tb_job_advance(struct tb_device *device)
{
	bool more = true;

	while (more && !device->lost && device->open) {
		if (!tb_job_flush_control(device))
			break;
		switch (device->phase) {
		case TB_PHASE_STARTING:
			/* From the timer only: nothing is told from within print(). */
			return;
		case TB_PHASE_BEFORE:
		case TB_PHASE_BETWEEN:
			more = begin_slice(device);
			break;
		case TB_PHASE_WRITING:
			more = write_slice(device) && slice_is_out(device);
			break;
		case TB_PHASE_PROVING:
		case TB_PHASE_IDLE:
			more = false;
			break;
		}
	}
	if (!device->lost && device->open && device->control.len == 0 &&
		(device->phase != TB_PHASE_WRITING || device->taken == device->slice_end))
		tb_stream_want_write(device->stream, false);
	/* The wire moves again after a stall. */
	if (device->job && device->phase != TB_PHASE_STARTING && device->held && !device->stalled &&
		device->phase != TB_PHASE_BEFORE && device->phase != TB_PHASE_BETWEEN)
		update_held(device);
}

void
tb_job_asked(struct tb_device *device)
{
	if (!device->job || device->phase == TB_PHASE_STARTING)
		return;
	if (!device->answered && !device->held)
		device->health = (struct tb_printer_health){0};
	if (device->phase == TB_PHASE_PROVING) {
		if (device->cancelled && device->held) {
			end_cancelled(device);
			return;
		}
		update_held(device);
		if (device->answered || device->held)
			tb_source_set_timer_in(device->poll_timer,
				device->held ? TB_HELD_POLL_US : TB_PROOF_POLL_US);
		return;
	}
	/* The loop goes on from here, so that an answer that is read has been read to its end. */
	tb_source_set_timer_in(device->step_timer, 0);
}

void
tb_job_health_changed(struct tb_device *device)
{
	if (!device->job || device->phase == TB_PHASE_STARTING)
		return;
	if (device->phase == TB_PHASE_BEFORE || device->phase == TB_PHASE_BETWEEN)
		tb_source_set_timer_in(device->step_timer, 0);
	else
		update_held(device);
}

static void
poll_timer_fires(void *userdata)
{
	struct tb_device *device = userdata;

	if (device->job && device->phase != TB_PHASE_WRITING && device->control.len == 0)
		tb_printer_ask(device);
	else if (device->job)
		tb_source_set_timer_in(device->poll_timer, TB_HELD_POLL_US);
}

static void
step_timer_fires(void *userdata)
{
	struct tb_device *device = userdata;

	if (!device->job || device->lost)
		return;
	if (device->phase == TB_PHASE_STARTING && device->cancelled) {
		end_cancelled(device);
		return;
	}
	if (device->phase == TB_PHASE_STARTING)
		start(device);
	tb_job_advance(device);
}

int
tb_job_init(struct tb_device *device)
{
	struct tb_loop *loop = device->host->loop;
	int r;

	device->control = TB_BUF_INIT(TB_ENCODED_MAX);
	r = tb_loop_add_timer(loop, 1, step_timer_fires, device, &device->step_timer);
	if (r == 0)
		r = tb_loop_add_timer(loop, 50000, poll_timer_fires, device, &device->poll_timer);
	if (r == 0)
		r = tb_loop_add_timer(
			loop, 100000, stall_timer_fires, device, &device->stall_timer);
	if (r == 0)
		r = tb_loop_add_timer(loop, 10000, proof_is_late, device, &device->proof_timer);
	return r;
}

int
tb_job_print(struct tb_device *device, const struct tb_print_job *job)
{
	_cleanup_free_ char *why = NULL;
	int r;

	if (device->lost || !device->open)
		return -ENODEV;
	if (device->job)
		return -EBUSY;
	if (job->document) {
		r = tb_encode_document(
			job->document, device->profile, NULL, &device->encoded, &why);
		if (r < 0)
			return r;
		device->bytes = (const uint8_t *)device->encoded.bytes.data;
		device->len = device->encoded.bytes.len;
	} else {
		device->bytes = job->raw;
		device->len = job->raw_len;
	}
	device->job = job;
	device->taken = device->slice_end = device->ours_behind = 0;
	device->phase = TB_PHASE_STARTING;
	tb_source_set_timer_in(device->step_timer, 0);
	return 0;
}

/* Where the printer is between two commands now the job ends with the next turn of the loop; else
 * when the command that is open is out. */
int
tb_job_cancel(struct tb_device *device)
{
	if (!device->job)
		return -ENOENT;
	device->cancelled = true;
	if (device->phase == TB_PHASE_WRITING && device->taken == 0)
		device->slice_end = 0;
	else if (device->phase == TB_PHASE_WRITING && device->job->document)
		device->slice_end = tb_encoded_boundary(&device->encoded, device->taken);
	else if (device->phase == TB_PHASE_WRITING)
		device->slice_end = tb_raw_boundary(
			device->profile, device->bytes, device->len, device->taken);
	if (device->phase == TB_PHASE_PROVING && device->held)
		tb_source_set_timer_in(device->poll_timer, 0);
	else if (device->phase != TB_PHASE_PROVING)
		tb_source_set_timer_in(device->step_timer, 0);
	return 0;
}

/* What the wire took and certainly never passed on is as if it had not been taken. */
static void
take_back_unsent(struct tb_device *device)
{
	ssize_t unsent = tb_stream_unsent(device->stream);

	/* of these, what is ours was the last to go in */
	if (unsent > (ssize_t)device->ours_behind)
		device->taken -= TB_MIN((size_t)unsent - device->ours_behind, device->taken);
}

/* How much of the open command the printer never got: what the wire took and kept is not there
 * either. */
static void
note_interrupted(struct tb_device *device)
{
	bool exact = tb_stream_unsent(device->stream) >= 0;
	ssize_t pending = exact ? 0 : tb_stream_pending(device->stream);
	size_t arrived = device->taken, missing;

	if (pending > 0)
		arrived -= TB_MIN((size_t)pending, arrived);
	if (device->job->document)
		missing = tb_encoded_open(&device->encoded, arrived);
	else
		missing = tb_raw_open(device->profile, device->bytes, arrived);
	tb_interrupted_note(device->address, missing);
}

void
tb_job_lost(struct tb_device *device)
{
	if (device->completing > sizeof(reset))
		tb_interrupted_note(device->address, device->completing - sizeof(reset));
	tb_source_set_timer(device->answer_timer, TB_NEVER);
	device->asking = 0;
	if (!device->job)
		return;
	take_back_unsent(device);
	if (device->taken == 0) {
		if (device->cancelled)
			finish(device, TB_JOB_CANCELLED, NULL);
		else
			finish(device, TB_JOB_HELD, "lost");
		return;
	}
	note_interrupted(device);
	finish(device, TB_JOB_UNKNOWN, "lost");
}

void
tb_job_done(struct tb_device *device)
{
	tb_encoded_done(&device->encoded);
	tb_buf_done(&device->control);
	tb_source_remove(&device->step_timer);
	tb_source_remove(&device->poll_timer);
	tb_source_remove(&device->stall_timer);
	tb_source_remove(&device->proof_timer);
	tb_source_remove(&device->answer_timer);
}
