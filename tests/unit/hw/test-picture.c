/* SPDX-License-Identifier: MIT */
/* Pictures as they are, cut short, and with sizes that nobody has memory for. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hw/image/image.h"
#include "hw/image/picture.h"

struct file {
	uint8_t *data;
	size_t len;
};

static struct file
load(const char *name)
{
	char path[512];
	struct file file = {.data = malloc(1 << 20)};
	FILE *in;

	snprintf(path, sizeof(path), TB_FIXTURES "/pictures/%s", name);
	in = fopen(path, "r");
	assert_non_null(in);
	assert_non_null(file.data);
	file.len = fread(file.data, 1, 1 << 20, in);
	fclose(in);
	return file;
}

static struct tb_picture
read_good(const char *name)
{
	struct file file = load(name);
	struct tb_picture picture;
	char *why;

	if (tb_picture_read(file.data, file.len, &picture, &why) < 0)
		fail_msg("%s: %s", name, why);
	free(file.data);
	return picture;
}

static void
refuse(const void *data, size_t len, const char *word)
{
	struct tb_picture picture = {};
	char *why = NULL;

	assert_int_equal(tb_picture_read(data, len, &picture, &why), -EINVAL);
	assert_null(picture.grey);
	if (!why || !strstr(why, word))
		fail_msg("%s, without %s", why ? why : "no reason", word);
	free(why);
}

static unsigned
difference(const struct tb_picture *a, const struct tb_picture *b)
{
	uint64_t sum = 0;

	assert_int_equal(a->width, b->width);
	assert_int_equal(a->height, b->height);
	for (size_t i = 0; i < (size_t)a->width * a->height; i++)
		sum += (unsigned)abs(a->grey[i] - b->grey[i]);
	return (unsigned)(sum / ((size_t)a->width * a->height));
}

static void
each_format_shows_the_same(void **state)
{
	struct tb_picture png = read_good("ticket.png"), jpeg = read_good("ticket.jpg");
	struct tb_picture progressive = read_good("ticket-progressive.jpg");

	assert_true(difference(&png, &jpeg) < 40);
	assert_true(difference(&jpeg, &progressive) < 2);
	tb_picture_done(&png);
	tb_picture_done(&jpeg);
	tb_picture_done(&progressive);
}

static void
what_is_cut_short_is_refused(void **state)
{
	static const char *const names[] = {"ticket.png", "ticket.jpg", "ticket-progressive.jpg"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct file file = load(names[i]);
		/* the end marks themselves (IEND, EOI) say nothing of the picture */
		size_t whole = file.len - (i == 0 ? 16 : 2);

		for (size_t len = 0; len < whole; len += 1 + whole / 150) {
			/* memory of its own, so that a read beyond it is seen */
			uint8_t *cut = malloc(len ? len : 1);

			memcpy(cut, file.data, len);
			refuse(cut, len, "");
			free(cut);
		}
		free(file.data);
	}
}

static void
pgm(void **state)
{
	static const char plain[] = "P2 # a remark\n3 2 # another\n10\n0 5 10\n10 5 0\n";
	static const char wide[] = "P5 2 1 65535\n\x80\x00\xff\xff";
	struct tb_picture picture;
	char *why;

	assert_int_equal(
		tb_picture_read((const uint8_t *)plain, sizeof(plain) - 1, &picture, &why), 0);
	assert_memory_equal(picture.grey, "\x00\x7f\xff\xff\x7f\x00", 6);
	tb_picture_done(&picture);
	assert_int_equal(
		tb_picture_read((const uint8_t *)wide, sizeof(wide) - 1, &picture, &why), 0);
	assert_memory_equal(picture.grey, "\x7f\xff", 2);
	tb_picture_done(&picture);
	for (size_t len = 0; len < sizeof(plain) - 3; len++)
		refuse(plain, len, "");
	for (size_t len = 0; len < sizeof(wide) - 1; len++)
		refuse(wide, len, "");
}

static void
sizes_are_not_believed(void **state)
{
	static const char *const heads[] = {"P5 100000 100000 255\nx", "P5 4000000000 2 255\nx",
		"P5 0 5 255\nx", "P5 5 5 0\nx", "P5 5 5 70000\nx", "P5 -1 5 255\nx",
		"P2 20000 20000 255\n0"};
	struct file file = load("ticket.png");
	char *many;

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
		refuse(heads[i], strlen(heads[i]), "");
	/* a head may be true, and the picture too large all the same */
	many = calloc(1, 21000 * 2 + 32);
	assert_non_null(many);
	refuse(many, (size_t)sprintf(many, "P5 21000 2 255\n") + 42000, "too large");
	free(many);
	/* IHDR's width and height; its checksum is wrong now as well */
	memcpy(file.data + 16, "\x00\x00\x4e\x00\x00\x00\x4e\x00", 8);
	refuse(file.data, file.len, "");
	free(file.data);
	file = load("ticket.jpg");
	for (size_t i = 2; i + 9 < file.len; i++)
		if (file.data[i] == 0xff && file.data[i + 1] == 0xc0) {
			memcpy(file.data + i + 5, "\xf0\x00\xf0\x00", 4);
			break;
		}
	refuse(file.data, file.len, "too large");
	free(file.data);
	refuse("GIF89a", 6, "no PNG");
	refuse("", 0, "no PNG");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_format_shows_the_same),
		cmocka_unit_test(what_is_cut_short_is_refused),
		cmocka_unit_test(pgm),
		cmocka_unit_test(sizes_are_not_believed),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
