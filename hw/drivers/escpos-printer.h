/* SPDX-License-Identifier: MIT */
/*
 * What the files of the driver printer-escpos share: printer-escpos.c opens and closes,
 * escpos-job.c brings one job onto the paper, escpos-answers.c asks the printer how it is and reads
 * what it says. Nobody else includes it.
 */
#pragma once

#include "base/buf.h"
#include "hw/driver.h"
#include "hw/escpos/encode.h"
#include "hw/escpos/status.h"
#include "hw/transport/transport.h"

#define TB_ANSWER_US (500 * UINT64_C(1000)) /* for one answer to DLE EOT */
#define TB_PROOF_US (3 * UINT64_C(1000000)) /* for the answer behind the last byte */
#define TB_PROOF_STALE_US (30 * UINT64_C(1000000))
#define TB_PROOF_POLL_US (500 * UINT64_C(1000))
#define TB_HELD_POLL_US UINT64_C(1000000)
#define TB_STALL_US (60 * UINT64_C(1000000)) /* without a byte taken: held */

enum tb_job_phase {
	TB_PHASE_IDLE,
	TB_PHASE_STARTING, /* given; begins with the next turn of the loop */
	TB_PHASE_BEFORE,   /* how is the printer, before the first byte */
	TB_PHASE_WRITING,  /* a slice goes out */
	TB_PHASE_BETWEEN,  /* how is it, before the next slice */
	TB_PHASE_PROVING,  /* all bytes are taken; has it printed them */
};

/* The driver's own device. Owned by who opened it, freed by close. */
struct tb_device {
	const struct tb_device_host *host;
	const struct tb_profile *profile;
	char *address;
	struct tb_stream *stream;
	bool open, lost;

	/* answers */
	struct tb_status_reader reader;
	uint64_t heard_us;
	struct tb_printer_health health;
	bool told; /* the printer's state has been told at least once */
	enum tb_printer_state told_state;
	unsigned asking;     /* n of the DLE EOT that is waited for; 0: none */
	bool answered;       /* the last round of questions was */
	bool port_paper_out; /* says the port, of a printer that answers nothing now */
	struct tb_source *answer_timer;

	/* what is ours to say: questions, proof, the end of an interrupted command */
	struct tb_buf control;
	size_t completing; /* of these, how many complete an interrupted command and reset */

	/* the job */
	enum tb_job_phase phase;
	const struct tb_print_job *job;
	struct tb_encoded encoded; /* of a document */
	const uint8_t *bytes;
	size_t len, taken, slice_end;
	size_t ours_behind; /* bytes of ours that the wire took behind the last one of the job */
	const char *held;   /* the reason told last, NULL when it is not held */
	bool stalled, cancelled;
	struct tb_source *step_timer, *poll_timer, *stall_timer;
	uint64_t progress_us;
	ssize_t pending; /* of the wire, when the stall timer last looked */

	/* proof */
	struct tb_source *proof_timer;
	char process_id[4];
	unsigned jobs;
	bool read_through;     /* GS r was answered, GS ( H is still waited for */
	unsigned stale_proofs; /* GS r of earlier jobs that were never answered */
	uint64_t stale_proof_us;
};

/* escpos-answers.c */

/* Begins a round of questions; tb_job_asked() follows, at once when the printer answers none. */
void tb_printer_ask(struct tb_device *device);
/* Reads and understands all there is. */
void tb_printer_read(struct tb_device *device);
int tb_printer_answers_init(struct tb_device *device);
/* The reason a job is held for, NULL when the printer is well or nothing is known of it. */
const char *tb_printer_trouble(const struct tb_device *device);
/* Tells the printer's state when it is another one than was told last. */
void tb_printer_tell_state(struct tb_device *device);

/* escpos-job.c */

int tb_job_init(struct tb_device *device);
int tb_job_print(struct tb_device *device, const struct tb_print_job *job);
int tb_job_cancel(struct tb_device *device);
/* Does what can be done now: writes, asks, ends. */
void tb_job_advance(struct tb_device *device);
/* A round of questions is over. */
void tb_job_asked(struct tb_device *device);
/* The printer said by itself how it is. */
void tb_job_health_changed(struct tb_device *device);
void tb_job_gs_r(struct tb_device *device);
void tb_job_process_id(struct tb_device *device, const uint8_t id[4]);
/* The wire is gone: tells what became of the job. */
void tb_job_lost(struct tb_device *device);
void tb_job_done(struct tb_device *device);
/* Writes what is ours; true when nothing of it is left. */
bool tb_job_flush_control(struct tb_device *device);

/* escpos-interrupted.c: what a printer still waits for, from one opening to the next. */

void tb_interrupted_note(const char *address, size_t missing);
/* Bytes that complete the open command; false when the last document was not interrupted. */
bool tb_interrupted_take(const char *address, size_t *ret_missing);
bool tb_interrupted_is(const char *address);

/* escpos-raw.c: the place at or behind `at` where no command of a raw job is open; how many bytes
 * the command still waits for that is open when `taken` have gone out. */

size_t tb_raw_boundary(
	const struct tb_profile *profile, const uint8_t *bytes, size_t len, size_t at);
size_t tb_raw_open(const struct tb_profile *profile, const uint8_t *bytes, size_t taken);
