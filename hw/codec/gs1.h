/* SPDX-License-Identifier: MIT */
/*
 * GS1's fields: element strings (application identifier and value, the variable ones ended by GS)
 * and Digital Link addresses. Pure. A string that does not hold together has no fields at all: half
 * a reading would be a wrong one. Check digits are not judged here.
 */
#pragma once

#include "hw/scan.h"

#define TB_GS 0x1d

/*
 * The fields of an element string (a leading GS has been dropped), or of a Digital Link address.
 * values has len + 1 bytes and takes their texts. Returns how many there are; 0 when the text is
 * not theirs, does not hold together, or has more than TB_SCAN_FIELDS_MAX.
 */
size_t tb_gs1_parse_elements(const char *text, size_t len, char *values,
	struct tb_scan_field fields[static TB_SCAN_FIELDS_MAX]);
size_t tb_gs1_parse_link(const char *url, size_t len, char *values,
	struct tb_scan_field fields[static TB_SCAN_FIELDS_MAX]);
