/* SPDX-License-Identifier: MIT */
/* JSON to documents: every shape of a block, and each fault at its place. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/base64.h"
#include "bridge/rpc/document.h"

/* 2 x 2, one black dot at the upper left, the lower right one transparent. */
#define DOT_PNG \
	"iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAYAAABytg0kAAAAE0lEQVR4nGNgYGD4DwJgEshhAABVvAj4" \
	"RjrvewAAAABJRU5ErkJggg=="

static struct tb_document *
parse(const char *text, struct tb_document_fault *fault)
{
	struct tb_document *document = NULL;
	json_t *json = json_loads(text, JSON_ALLOW_NUL, NULL);
	int r;

	assert_non_null(json);
	memset(fault, 0, sizeof(*fault));
	r = tb_document_from_json(json, "/document", &document, fault);
	json_decref(json);
	assert_true(r == 0 || r == -EINVAL);
	assert_int_equal(r == 0, document != NULL);
	return document;
}

static void
test_all_blocks(void **state)
{
	struct tb_document_fault fault;
	struct tb_document *d = parse(
		"{\"width\":42,\"blocks\":["
		"{\"text\":\"Été\",\"align\":\"center\",\"bold\":true,\"width\":2,\"height\":3,"
		"\"underline\":true,\"invert\":true,\"font\":\"b\"},"
		"{\"columns\":[{\"text\":\"Café\",\"width\":30},"
		"{\"text\":\"2,50 €\",\"width\":12,\"align\":\"right\"}]},"
		"{\"rule\":true},{\"rule\":\"=\"},"
		"{\"barcode\":\"4006381333931\",\"symbology\":\"ean13\",\"height\":60,\"hri\":"
		"false},"
		"{\"barcode\":\"A\",\"symbology\":\"code39\"},"
		"{\"qr\":\"TB:8F3K2M\",\"size\":6,\"ecc\":\"H\"},"
		"{\"feed\":3},{\"cut\":true},{\"cut\":\"full\"},"
		"{\"pulse\":true},{\"pulse\":5},{\"pulse\":{\"pin\":5,\"on_ms\":100}}]}",
		&fault);

	assert_non_null(d);
	assert_int_equal(d->width, 42);
	assert_int_equal(d->n, 13);
	assert_string_equal(d->blocks[0].text.text, "Été");
	assert_int_equal(d->blocks[0].text.style.align, TB_ALIGN_CENTER);
	assert_true(d->blocks[0].text.style.bold && d->blocks[0].text.style.invert);
	assert_int_equal(d->blocks[0].text.style.width, 2);
	assert_int_equal(d->blocks[0].text.style.height, 3);
	assert_int_equal(d->blocks[0].text.style.underline, 1);
	assert_int_equal(d->blocks[0].text.style.font, 1);
	assert_int_equal(d->blocks[1].columns.n, 2);
	assert_int_equal(d->blocks[1].columns.cells[1].align, TB_ALIGN_RIGHT);
	assert_int_equal(d->blocks[2].rule.fill, '-');
	assert_int_equal(d->blocks[3].rule.fill, '=');
	assert_int_equal(d->blocks[4].barcode.height, 60);
	assert_int_equal(d->blocks[4].barcode.hri, TB_HRI_NONE);
	assert_int_equal(d->blocks[5].barcode.hri, TB_HRI_BELOW);
	assert_int_equal(d->blocks[6].qr.size, 6);
	assert_int_equal(d->blocks[6].qr.ecc, TB_QR_ECC_H);
	assert_true(d->blocks[8].cut.partial);
	assert_false(d->blocks[9].cut.partial);
	assert_int_equal(d->blocks[10].pulse.pin, 2);
	assert_int_equal(d->blocks[11].pulse.pin, 5);
	assert_int_equal(d->blocks[12].pulse.on_ms, 100);
	tb_document_free(d);
}

static void
test_faults(void **state)
{
	static const struct {
		const char *json, *pointer, *code;
	} faults[] = {
		{"[]", "/document", "wrong_type"},
		{"{}", "/document/blocks", "missing"},
		{"{\"blocks\":[]}", "/document/blocks", "missing"},
		{"{\"blocks\":{}}", "/document/blocks", "wrong_type"},
		{"{\"blocks\":[{\"cut\":true}],\"x\":1}", "/document/x", "unknown"},
		{"{\"width\":0,\"blocks\":[{\"cut\":true}]}", "/document/width", "out_of_range"},
		{"{\"blocks\":[{\"cut\":true},3]}", "/document/blocks/1", "wrong_type"},
		{"{\"blocks\":[{}]}", "/document/blocks/0", "missing"},
		{"{\"blocks\":[{\"cut\":true,\"feed\":1}]}", "/document/blocks/0/cut", "invalid"},
		{"{\"blocks\":[{\"feed\":1,\"bold\":true}]}", "/document/blocks/0/bold", "unknown"},
		{"{\"blocks\":[{\"text\":5}]}", "/document/blocks/0/text", "wrong_type"},
		{"{\"blocks\":[{\"text\":\"a\\u0000b\"}]}", "/document/blocks/0/text", "invalid"},
		{"{\"blocks\":[{\"text\":\"a\",\"width\":9}]}", "/document/blocks/0/width",
			"out_of_range"},
		{"{\"blocks\":[{\"text\":\"a\",\"bold\":1}]}", "/document/blocks/0/bold",
			"wrong_type"},
		{"{\"blocks\":[{\"text\":\"a\",\"align\":\"middle\"}]}", "/document/blocks/0/align",
			"unknown"},
		{"{\"blocks\":[{\"columns\":[{\"width\":3}]}]}",
			"/document/blocks/0/columns/0/text", "missing"},
		{"{\"blocks\":[{\"columns\":[{\"text\":\"a\",\"size\":3}]}]}",
			"/document/blocks/0/columns/0/size", "unknown"},
		{"{\"blocks\":[{\"columns\":[{\"text\":\"a\",\"width\":-1}]}]}",
			"/document/blocks/0/columns/0/width", "out_of_range"},
		{"{\"blocks\":[{\"columns\":[]}]}", "/document/blocks/0/columns", "missing"},
		{"{\"blocks\":[{\"rule\":\"--\"}]}", "/document/blocks/0/rule", "invalid"},
		{"{\"blocks\":[{\"rule\":false}]}", "/document/blocks/0/rule", "wrong_type"},
		{"{\"blocks\":[{\"image\":\"not base64\"}]}", "/document/blocks/0/image",
			"invalid"},
		{"{\"blocks\":[{\"image\":\"AAAA\"}]}", "/document/blocks/0/image", "invalid"},
		{"{\"blocks\":[{\"barcode\":\"1\"}]}", "/document/blocks/0/symbology", "missing"},
		{"{\"blocks\":[{\"barcode\":\"1\",\"symbology\":\"ean\"}]}",
			"/document/blocks/0/symbology", "unknown"},
		{"{\"blocks\":[{\"barcode\":\"\",\"symbology\":\"itf\"}]}",
			"/document/blocks/0/barcode", "invalid"},
		{"{\"blocks\":[{\"qr\":\"x\",\"size\":17}]}", "/document/blocks/0/size",
			"out_of_range"},
		{"{\"blocks\":[{\"qr\":\"x\",\"ecc\":\"X\"}]}", "/document/blocks/0/ecc",
			"unknown"},
		{"{\"blocks\":[{\"feed\":256}]}", "/document/blocks/0/feed", "out_of_range"},
		{"{\"blocks\":[{\"cut\":\"half\"}]}", "/document/blocks/0/cut", "unknown"},
		{"{\"blocks\":[{\"pulse\":3}]}", "/document/blocks/0/pulse", "out_of_range"},
		{"{\"blocks\":[{\"pulse\":{\"on_ms\":9000}}]}", "/document/blocks/0/pulse/on_ms",
			"out_of_range"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		struct tb_document_fault fault;

		if (parse(faults[i].json, &fault))
			fail_msg("%s was taken", faults[i].json);
		assert_string_equal(fault.pointer, faults[i].pointer);
		assert_string_equal(fault.code, faults[i].code);
	}
}

static void
test_image(void **state)
{
	struct tb_document_fault fault;
	struct tb_document *d = parse(
		"{\"blocks\":[{\"image\":\"" DOT_PNG "\",\"dither\":\"threshold\"}]}", &fault);

	if (!d)
		fail_msg("%s %s", fault.pointer, fault.code);
	assert_int_equal(d->blocks[0].image.width, 2);
	assert_int_equal(d->blocks[0].image.height, 2);
	assert_int_equal(d->blocks[0].image.dither, TB_DITHER_THRESHOLD);
	assert_int_equal(d->blocks[0].image.gray[0], 0);
	assert_int_equal(d->blocks[0].image.gray[1], 255);
	/* What is transparent is paper. */
	assert_int_equal(d->blocks[0].image.gray[3], 255);
	tb_document_free(d);
}

static void
test_a_picture_too_large_is_not_unpacked(void **state)
{
	/* A header of 4097 x 1 and nothing behind it. */
	static const char huge[] = "iVBORw0KGgoAAAANSUhEUgAAEAEAAAABCAAAAACUiF+eAAAAAElFTkSuQmCC";
	struct tb_document_fault fault;
	char json[256];

	snprintf(json, sizeof(json), "{\"blocks\":[{\"image\":\"%s\"}]}", huge);
	assert_null(parse(json, &fault));
	assert_string_equal(fault.pointer, "/document/blocks/0/image");
}

static void
test_too_many(void **state)
{
	json_t *json = json_object(), *blocks = json_array();
	struct tb_document *document = NULL;
	struct tb_document_fault fault;

	json_object_set_new(json, "blocks", blocks);
	for (int i = 0; i <= TB_DOCUMENT_BLOCKS_MAX; i++)
		json_array_append_new(blocks, json_pack("{s:b}", "cut", 1));
	assert_int_equal(tb_document_from_json(json, "", &document, &fault), -EINVAL);
	assert_string_equal(fault.pointer, "/blocks");
	assert_string_equal(fault.code, "too_many");
	json_decref(json);
}

static void
test_base64(void **state)
{
	static const struct {
		const char *text, *bytes;
	} good[] = {{"", ""}, {"Zg==", "f"}, {"Zm8=", "fo"}, {"Zm9v", "foo"}, {"/+8=", "\xff\xef"}};
	static const char *const bad[] = {
		"Z", "Zg", "Zg=", "Zh==", "Zm9=", "====", "Zm9v=", "Zm 9", "Z===", "Zg==Zg=="};
	uint8_t *bytes;
	size_t len;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(
			tb_base64_decode(good[i].text, strlen(good[i].text), &bytes, &len), 0);
		assert_int_equal(len, strlen(good[i].bytes));
		assert_memory_equal(bytes, good[i].bytes, len + 1);
		free(bytes);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(tb_base64_decode(bad[i], strlen(bad[i]), &bytes, &len), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_blocks),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_image),
		cmocka_unit_test(test_a_picture_too_large_is_not_unpacked),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_base64),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
