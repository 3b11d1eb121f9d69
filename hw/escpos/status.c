/* SPDX-License-Identifier: MIT */
/* Tells a printer's answers apart by their fixed bits, and reads its health from them. */

#include "hw/escpos/status.h"

#include <string.h>

/* GS I 65..69, GS ( H, GS ( L and others begin so and end with 00. */
static bool
begins_block(uint8_t byte)
{
	return byte == 0x5F || byte == 0x3D || byte == 0x37 || byte == 0x53;
}

static bool
feed_block(struct tb_status_reader *reader, uint8_t byte, struct tb_status_item *ret)
{
	if (byte != 0) {
		if (reader->n_block < sizeof(reader->block)) {
			reader->block[reader->n_block++] = byte;
			return false;
		}
		/* No block is that long: what began it was noise. */
		reader->n_block = 0;
		ret->kind = TB_STATUS_JUNK;
		ret->byte = byte;
		return true;
	}
	ret->kind = TB_STATUS_BLOCK;
	ret->block = reader->block;
	ret->block_len = reader->n_block;
	reader->n_block = 0;
	return true;
}

/* Bytes 2 to 4 of an ASB and the answer to GS r look alike: it is the first byte that decides. */
static bool
feed_plain(struct tb_status_reader *reader, uint8_t byte, struct tb_status_item *ret)
{
	if (reader->n_asb == 0) {
		ret->kind = TB_STATUS_GS_R;
		ret->byte = byte;
		return true;
	}
	reader->asb[reader->n_asb++] = byte;
	if (reader->n_asb < sizeof(reader->asb))
		return false;
	reader->n_asb = 0;
	ret->kind = TB_STATUS_AUTO;
	memcpy(ret->asb, reader->asb, sizeof(ret->asb));
	return true;
}

bool
tb_status_feed(struct tb_status_reader *reader, uint8_t byte, struct tb_status_item *ret)
{
	*ret = (struct tb_status_item){.byte = byte};
	if (reader->n_block > 0)
		return feed_block(reader, byte, ret);
	if (byte == 0x11 || byte == 0x13) {
		ret->kind = byte == 0x11 ? TB_STATUS_XON : TB_STATUS_XOFF;
		return true;
	}
	if (begins_block(byte)) {
		reader->block[reader->n_block++] = byte;
		return false;
	}
	/* A real-time answer may come in the middle of an ASB. */
	if ((byte & 0x93) == 0x12) {
		ret->kind = TB_STATUS_DLE_EOT;
		return true;
	}
	if ((byte & 0x93) == 0x10) {
		reader->asb[0] = byte;
		reader->n_asb = 1;
		return false;
	}
	if ((byte & 0x90) == 0)
		return feed_plain(reader, byte, ret);
	reader->n_asb = 0;
	ret->kind = TB_STATUS_JUNK;
	return true;
}

void
tb_health_dle_eot(struct tb_printer_health *health, unsigned n, uint8_t byte)
{
	health->known = true;
	switch (n) {
	case 1:
		health->drawer_high = byte & 0x04;
		health->offline = byte & 0x08;
		health->feeding = byte & 0x40;
		break;
	case 2:
		health->cover_open = byte & 0x04;
		health->feeding = byte & 0x08;
		/* Bit 5 says that printing stopped for want of paper; which sensor says so comes
		 * with n = 4. Printers without that one answer have it here only. */
		health->paper_out = byte & 0x20;
		health->error = byte & 0x40;
		break;
	case 3:
		health->cutter = byte & 0x08;
		health->unrecoverable = byte & 0x20;
		health->error = byte & 0x44;
		break;
	case 4:
		health->paper_low = byte & 0x0C;
		health->paper_out = health->paper_out || (byte & 0x60);
		break;
	default:
		break;
	}
}

void
tb_health_gs_r(struct tb_printer_health *health, uint8_t byte)
{
	health->known = true;
	health->paper_low = byte & 0x03;
	health->paper_out = byte & 0x0C;
}

void
tb_health_asb(struct tb_printer_health *health, const uint8_t asb[4])
{
	health->known = true;
	health->drawer_high = asb[0] & 0x04;
	health->offline = asb[0] & 0x08;
	health->cover_open = asb[0] & 0x20;
	health->feeding = asb[0] & 0x40;
	health->cutter = asb[1] & 0x08;
	health->unrecoverable = asb[1] & 0x20;
	health->error = asb[1] & 0x44;
	health->paper_low = asb[2] & 0x03;
	health->paper_out = asb[2] & 0x0C;
}

bool
tb_status_is_gs_r_paper(uint8_t byte)
{
	unsigned low = byte & 0x03u, end = byte & 0x0Cu;

	return (byte & 0xF0) == 0 && (low == 0 || low == 0x03) && (end == 0 || end == 0x0C);
}
