/* SPDX-License-Identifier: MIT */
/*
 * What a printer says of itself: the Device ID of IEEE 1284, "MFG:…;CMD:…;MDL:…;", behind two bytes
 * of length, big endian, that count themselves. It asks no device.
 */
#pragma once

#include "base/macros.h"

/* The bits of GET_PORT_STATUS and LPGETSTATUS (USB printer class 1.1, 4.2.2). */
#define TB_PORT_PAPER_OUT 0x20

/* Why a printer is not driven unasked. */
#define TB_DEVICE_ID_SILENT \
	"the printer does not say its language: name it in a section [device NAME] with driver = " \
	"printer-escpos"

/* Whether the key CMD (or COMMAND SET) has that word among its own, whatever their case. */
bool tb_device_id_has(const char *text, size_t len, const char *language);
/* The same of an answer of the device's, with its length. */
bool tb_device_id_speaks(const uint8_t *answer, size_t len, const char *language);
