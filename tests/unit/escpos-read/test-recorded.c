/* SPDX-License-Identifier: MIT */
/*
 * Every recorded stream of other encoders: what the interpreter tells of it is what its maker
 * printed, and the codes can be read back from the dots.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <zbar.h>
#include "tests/unit/escpos-read/reading.h"

#define Y800 0x30303859ul

/* All told elements as an array. */
static json_t *
parse_lines(const struct told *told)
{
	json_t *elements = json_array();
	char *copy = strdup(told->lines.data), *rest = copy, *line;

	while ((line = strsep(&rest, "\n")) && *line) {
		json_t *element = json_loads(line, 0, NULL);

		assert_non_null(element);
		json_array_append_new(elements, element);
	}
	free(copy);
	return elements;
}

/* Text without its blanks, since encoders pad and position as they like. */
static void
add_dense(struct tb_buf *buf, const char *text)
{
	for (; *text; text++) {
		if (*text != ' ')
			tb_buf_add_byte(buf, (uint8_t)*text);
	}
}

static const char *
member(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value ? value : "";
}

static void
check_text(const json_t *entry, const json_t *elements)
{
	_cleanup_buf_ struct tb_buf all = TB_BUF_INIT(0);
	const json_t *value;
	size_t i;

	json_array_foreach(elements, i, value)
		add_dense(&all, member(value, "text"));
	json_array_foreach(json_object_get(entry, "text"), i, value) {
		_cleanup_buf_ struct tb_buf wanted = TB_BUF_INIT(0);

		add_dense(&wanted, json_string_value(value));
		if (!all.data || !strstr(all.data, wanted.data))
			fail_msg("no text '%s'", json_string_value(value));
	}
}

static size_t
count(const json_t *elements, const char *kind)
{
	const json_t *value;
	size_t i, n = 0;

	json_array_foreach(elements, i, value)
		n += strcmp(member(value, "el"), kind) == 0;
	return n;
}

/* The n-th element of a kind. */
static const json_t *
nth(const json_t *elements, const char *kind, size_t n)
{
	const json_t *value;
	size_t i;

	json_array_foreach(elements, i, value) {
		if (strcmp(member(value, "el"), kind) == 0 && n-- == 0)
			return value;
	}
	return NULL;
}

static void
check_codes(const json_t *entry, const json_t *elements)
{
	const json_t *code;
	size_t i, n = 0;

	json_array_foreach(json_object_get(entry, "codes"), i, code) {
		const json_t *told;

		if (json_object_get(code, "in"))
			continue; /* drawn by the encoder */
		told = nth(elements, "code", n++);
		if (!told)
			fail_msg("code %zu is not told", i);
		assert_string_equal(member(told, "type"), member(code, "type"));
		assert_string_equal(member(told, "data"), member(code, "data"));
	}
	assert_int_equal(count(elements, "code"), n);
}

static void
check_images(const json_t *entry, const json_t *elements)
{
	const json_t *images = json_object_get(entry, "images"), *image;
	size_t i;

	assert_int_equal(count(elements, "image"), json_array_size(images));
	json_array_foreach(images, i, image) {
		const json_t *told = nth(elements, "image", i);

		assert_int_equal(json_integer_value(json_object_get(told, "w")),
			json_integer_value(json_object_get(image, "w")));
		assert_int_equal(json_integer_value(json_object_get(told, "h")),
			json_integer_value(json_object_get(image, "h")));
	}
}

/* The dots as grey, three for one, so that a module of one dot can be read as well. */
static uint8_t *
grey(const struct tb_canvas *canvas, unsigned scale)
{
	size_t w = (size_t)canvas->width * scale;
	uint8_t *dots = malloc(w * canvas->rows * scale);

	assert_non_null(dots);
	for (size_t y = 0; y < (size_t)canvas->rows * scale; y++) {
		const uint8_t *row = canvas->bits + y / scale * canvas->stride;

		for (size_t x = 0; x < w; x++)
			dots[y * w + x] = row[x / scale / 8] & (0x80u >> (x / scale % 8)) ? 0 : 255;
	}
	return dots;
}

/* The data of every code that zbar finds, each behind a newline. */
static void
scan(const struct told *told, unsigned scale, struct tb_buf *found)
{
	zbar_image_scanner_t *scanner = zbar_image_scanner_create();

	zbar_image_scanner_set_config(scanner, 0, ZBAR_CFG_ENABLE, 1);
	zbar_image_scanner_set_config(scanner, ZBAR_UPCA, ZBAR_CFG_ENABLE, 1);
	zbar_image_scanner_set_config(scanner, ZBAR_UPCE, ZBAR_CFG_ENABLE, 1);
	for (size_t i = 0; i < told->n_canvases; i++) {
		const struct tb_canvas *canvas = &told->canvases[i];
		uint8_t *dots = grey(canvas, scale);
		zbar_image_t *image = zbar_image_create();

		zbar_image_set_format(image, Y800);
		zbar_image_set_size(image, canvas->width * scale, canvas->rows * scale);
		zbar_image_set_data(image, dots,
			(unsigned long)canvas->width * scale * canvas->rows * scale, NULL);
		zbar_scan_image(scanner, image);
		for (const zbar_symbol_t *symbol = zbar_image_first_symbol(image); symbol;
			symbol = zbar_symbol_next(symbol)) {
			tb_buf_add_byte(found, '\n');
			tb_buf_add_str(found, zbar_symbol_get_data(symbol));
		}
		zbar_image_destroy(image);
		free(dots);
	}
	tb_buf_add_byte(found, '\n');
	zbar_image_scanner_destroy(scanner);
}

static bool
was_found(const json_t *code, const struct tb_buf *found)
{
	const char *data = member(code, "data");
	size_t len = strlen(data);
	char line[256];

	/* readers leave the stars of a CODE39 out */
	if (strcmp(member(code, "type"), "code39") == 0 && len > 1 && data[0] == '*')
		snprintf(line, sizeof(line), "\n%.*s\n", (int)len - 2, data + 1);
	else
		snprintf(line, sizeof(line), "\n%s\n", data);
	return strstr(found->data, line);
}

static void
check_dots(const json_t *entry, const struct told *told)
{
	_cleanup_buf_ struct tb_buf plain = TB_BUF_INIT(0), large = TB_BUF_INIT(0);
	const json_t *code;
	size_t i;

	if (!json_object_get(entry, "codes"))
		return;
	scan(told, 1, &plain);
	json_array_foreach(json_object_get(entry, "codes"), i, code) {
		if (json_is_false(json_object_get(code, "readable")) || was_found(code, &plain))
			continue;
		if (!large.data)
			scan(told, 3, &large);
		if (!was_found(code, &large))
			fail_msg("%s %s cannot be read from the dots", member(code, "type"),
				member(code, "data"));
	}
}

static void
test_stream(void **state)
{
	const json_t *entry = *state;
	struct tb_interpret_config config = {0};
	struct told told = {.keep = true};
	size_t len;
	uint8_t *bytes = recorded_bytes(member(entry, "file"), &len);
	json_t *elements;

	if (strcmp(member(entry, "dialect"), "star") == 0)
		config.dialect = TB_DIALECT_STAR;
	tell(&told, &config, bytes, len, &(size_t){0}, 1);
	elements = parse_lines(&told);
	if (!json_object_get(entry, "broken")) {
		check_text(entry, elements);
		check_codes(entry, elements);
		check_images(entry, elements);
		assert_int_equal(
			count(elements, "cut"), json_integer_value(json_object_get(entry, "cuts")));
		assert_int_equal(count(elements, "pulse"),
			json_integer_value(json_object_get(entry, "pulses")));
		assert_int_equal(count(elements, "unknown"), 0);
		assert_int_equal(count(elements, "dialect"), 0);
		check_dots(entry, &told);
	}
	json_decref(elements);
	told_done(&told);
	free(bytes);
}

/* Star read as ESC/POS: said once. */
static void
test_dialect(void **state)
{
	const json_t *entry = *state;
	struct tb_interpret_config config = {0};
	struct told told = {0};
	size_t len;
	uint8_t *bytes = recorded_bytes(member(entry, "file"), &len);
	json_t *elements;

	tell(&told, &config, bytes, len, &(size_t){0}, 1);
	elements = parse_lines(&told);
	assert_int_equal(count(elements, "dialect"), 1);
	assert_string_equal(member(nth(elements, "dialect", 0), "suspect"), "star");
	json_decref(elements);
	told_done(&told);
	free(bytes);
}

int
main(void)
{
	json_t *list = recorded_list(), *entry;
	size_t n = 0, i;
	struct CMUnitTest *tests = calloc(2 * json_array_size(list), sizeof(*tests));
	int r;

	if (!tests)
		return 1;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	json_array_foreach(list, i, entry) {
		tests[n++] = (struct CMUnitTest){
			member(entry, "file"), test_stream, NULL, NULL, entry};
		if (strcmp(member(entry, "dialect"), "star") == 0)
			tests[n++] = (struct CMUnitTest){
				"as ESC/POS", test_dialect, NULL, NULL, entry};
	}
	r = _cmocka_run_group_tests("recorded", tests, n, NULL, NULL);
	free(tests);
	json_decref(list);
	return r;
}
