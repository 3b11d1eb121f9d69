/* SPDX-License-Identifier: MIT */
/*
 * A document in JSON behind one byte that chooses the printer: whatever it says, it is refused with
 * a place and a word, or becomes bytes that end between two commands and hold no control character
 * of the text.
 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "bridge/rpc/document.h"
#include "hw/escpos/encode.h"
#include "hw/escpos/interpret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
print(const struct tb_document *document, const struct tb_profile *profile)
{
	struct tb_print_report report = {0};
	struct tb_encoded encoded;
	struct tb_interpret *in;
	char *why = NULL;
	int r = tb_encode_document(document, profile, &report, &encoded, &why);

	if (r < 0) {
		if (r != -ENOMEM && !why)
			__builtin_trap();
		free(why);
		return;
	}
	if (encoded.marks[encoded.n_marks - 1].end != encoded.bytes.len)
		__builtin_trap();
	in = tb_interpret_new(&(struct tb_interpret_config){.profile = profile},
		&(struct tb_interpret_ops){0}, NULL);
	if (in && tb_interpret_feed(in, encoded.bytes.data, encoded.bytes.len) == 0 &&
		!tb_interpret_at_rest(in))
		__builtin_trap();
	tb_interpret_free(in);
	tb_encoded_done(&encoded);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tb_document *document = NULL;
	struct tb_document_fault fault = {0};
	const struct tb_profile *profile;
	json_t *json;
	int r;

	if (size < 1)
		return 0;
	profile = tb_profile_at(data[0] % 32);
	json = json_loadb((const char *)data + 1, size - 1, JSON_ALLOW_NUL, NULL);
	if (!json)
		return 0;
	r = tb_document_from_json(json, "/document", &document, &fault);
	if (r == -EINVAL && (!fault.code || fault.pointer[0] != '/'))
		__builtin_trap();
	if (r == 0)
		print(document, profile ? profile : tb_profile_find(NULL));
	tb_document_free(document);
	json_decref(json);
	return 0;
}
