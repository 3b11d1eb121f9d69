/* SPDX-License-Identifier: MIT */
/*
 * The JSON of a document (`{width?, blocks[]}`, shapes-document.c) to struct tb_document, every
 * fault with the place it stands at. Whether a printer can print it is the driver's to say
 * (tb_printer_ops.check).
 */
#pragma once

#include <jansson.h>
#include "hw/escpos/document.h"

struct tb_document_fault {
	char pointer[128]; /* JSON pointer, the caller's prefix included: "/document/blocks/3/qr" */
	const char *code; /* a word: missing, unknown, wrong_type, out_of_range, too_long, too_many,
	                     invalid; static */
};

/*
 * prefix: the pointer of `json` in the call ("/document"). 0, or -EINVAL with ret_fault (which may
 * be NULL when nobody asks), or -ENOMEM.
 */
int tb_document_from_json(const json_t *json, const char *prefix, struct tb_document **ret,
	struct tb_document_fault *ret_fault);
