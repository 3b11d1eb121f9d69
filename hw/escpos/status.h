/* SPDX-License-Identifier: MIT */
/*
 * What a printer says, told apart on one stream: answers to DLE EOT, GS r and GS ( H, automatic
 * status (ASB), flow signs and blocks of text. Pure: bytes in, facts out; what was asked and when
 * is the driver's to remember. Source: Epson's appendix "distinguishing transmitted data" (the bit
 * patterns), pages dle_eot, gs_lr, gs_la, gs_lparen_ch.
 */
#pragma once

#include "base/macros.h"

#define TB_STATUS_BLOCK_MAX 80

enum tb_status_kind {
	TB_STATUS_DLE_EOT, /* 0xx1xx10: byte */
	TB_STATUS_AUTO,    /* ASB complete: asb[4] */
	TB_STATUS_GS_R,    /* 0xx0xxxx outside of an ASB: byte */
	TB_STATUS_XON,
	TB_STATUS_XOFF,
	TB_STATUS_BLOCK, /* header .. 00: block, without the 00 */
	TB_STATUS_JUNK,  /* none of these: byte */
};

struct tb_status_item {
	enum tb_status_kind kind;
	uint8_t byte;
	uint8_t asb[4];
	const uint8_t *block; /* borrowed until the next call */
	size_t block_len;
};

/* Half of an answer; zero at first and after a silence. */
struct tb_status_reader {
	uint8_t asb[4];
	uint8_t n_asb;
	uint8_t block[TB_STATUS_BLOCK_MAX];
	size_t n_block;
};

/* Takes one byte; true when it completes an item. */
bool tb_status_feed(struct tb_status_reader *reader, uint8_t byte, struct tb_status_item *ret);

/* What is known of the printer's health. */
struct tb_printer_health {
	bool known; /* at least one answer came */
	bool offline, cover_open, paper_out, paper_low;
	bool cutter;        /* the blade is stuck */
	bool unrecoverable; /* needs its power switched */
	bool error;         /* another fault, the head too hot among them */
	bool feeding;       /* somebody holds the feed button */
	bool drawer_high;   /* pin 3 of the drawer's plug; what that means is the drawer's */
};

/* The answer to DLE EOT n (1..4), to GS r 1, or an ASB; changes what it tells and nothing else. */
void tb_health_dle_eot(struct tb_printer_health *health, unsigned n, uint8_t byte);
void tb_health_gs_r(struct tb_printer_health *health, uint8_t byte);
void tb_health_asb(struct tb_printer_health *health, const uint8_t asb[4]);

/* Whether the byte can be an answer to GS r 1: its sensors come in pairs of bits. */
bool tb_status_is_gs_r_paper(uint8_t byte);
