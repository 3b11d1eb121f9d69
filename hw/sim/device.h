/* SPDX-License-Identifier: MIT */
/*
 * A printer without its wire: a receive buffer, a paper path that can fail, the answers that it
 * gives, and an interpreter that prints. The wire hands in bytes and takes answers; whoever holds
 * the paper gets the tickets.
 */
#pragma once

#include "hw/escpos/interpret.h"

#define TB_DEVICE_FAULTS 8

enum tb_device_fault { TB_FAULT_PAPER_OUT, TB_FAULT_COVER, TB_FAULT_CUTTER };

struct tb_device_config {
	struct tb_interpret_config interpret;
	struct {
		enum tb_device_fault kind;
		uint64_t at; /* bytes that were printed before */
	} faults[TB_DEVICE_FAULTS];
	size_t n_faults;
	size_t buffer;  /* bytes that it takes in before it prints them */
	bool no_status; /* answers nothing */
};

struct tb_device_ops {
	void (*reply)(const uint8_t *bytes, size_t len, void *userdata);
	void (*element)(const struct tb_element *element, void *userdata);
	void (*ticket)(const struct tb_canvas *canvas, void *userdata);
	/* Something a person could see changed; state is a word of tb_device_command(). */
	void (*changed)(const char *state, void *userdata);
};

struct tb_device;

int tb_device_new(const struct tb_device_config *config, const struct tb_device_ops *ops,
	void *userdata, struct tb_device **ret);
void tb_device_free(struct tb_device *device);
TB_DEFINE_CLEANUP(struct tb_device *, tb_device_free);

/* Bytes that it has room for. */
size_t tb_device_room(const struct tb_device *device);
/* Takes as many bytes as there is room for, and acts on real-time commands in all of them. */
size_t tb_device_receive(struct tb_device *device, const uint8_t *bytes, size_t len);
/* Prints at most `budget` of the bytes taken. True when there are more and nothing holds it up. */
bool tb_device_work(struct tb_device *device, size_t budget);

/*
 * What somebody does to it: paper_out paper_low paper_in, cover_open cover_close, cutter_jam
 * cutter_free, offline online, off on, drawer_open drawer_close, tear. -ENOENT for another word.
 */
int tb_device_command(struct tb_device *device, const char *word);
/* Takes away whatever holds it up. */
void tb_device_clear_faults(struct tb_device *device);
bool tb_device_is_off(const struct tb_device *device);
/* Nothing waits in its buffer. */
bool tb_device_idle(const struct tb_device *device);
/* The last of the paper, when the power goes for good. */
void tb_device_finish(struct tb_device *device);
