/* SPDX-License-Identifier: MIT */
/* PNG through libpng's simple door, PGM by hand; which format it is, by the first bytes. */

#include "hw/image/picture.h"

#include <png.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "hw/image/image.h"

/* Deflate makes at most 1032 bytes of one, and each is eight pixels of one bit. */
#define PNG_PIXELS_A_BYTE (1032 * 8)

int
tb_picture_refuse(char **ret_why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(ret_why, format, args) < 0)
		*ret_why = NULL;
	va_end(args);
	return -EINVAL;
}

int
tb_picture_alloc(unsigned long width, unsigned long height, size_t len, size_t a_byte,
	struct tb_picture *ret, char **ret_why)
{
	if (width == 0 || height == 0)
		return tb_picture_refuse(ret_why, "the picture has no pixels");
	if (width > TB_IMAGE_SIDE_MAX || height > TB_IMAGE_SIDE_MAX ||
		width * height > TB_IMAGE_PIXELS_MAX)
		return tb_picture_refuse(ret_why,
			"the picture is too large: %lu x %lu, at most %zu pixels", width, height,
			TB_IMAGE_PIXELS_MAX);
	if (width * height / a_byte > len)
		return tb_picture_refuse(ret_why,
			"the picture is cut short: %lu x %lu in %zu bytes", width, height, len);
	ret->grey = malloc(width * height);
	if (!ret->grey)
		return -ENOMEM;
	memset(ret->grey, 255, width * height);
	ret->width = (unsigned)width;
	ret->height = (unsigned)height;
	return 0;
}

void
tb_picture_done(struct tb_picture *picture)
{
	free(picture->grey);
	*picture = (struct tb_picture){};
}

static int
read_png(const uint8_t *data, size_t len, struct tb_picture *ret, char **ret_why)
{
	png_image image = {.version = PNG_IMAGE_VERSION};
	struct tb_picture picture = {};
	int r;

	if (!png_image_begin_read_from_memory(&image, data, len))
		return tb_picture_refuse(ret_why, "PNG: %s", image.message);
	image.format = PNG_FORMAT_GRAY;
	r = tb_picture_alloc(image.width, image.height, len, PNG_PIXELS_A_BYTE, &picture, ret_why);
	if (r < 0) {
		png_image_free(&image);
		return r;
	}
	/* what is transparent lies on paper */
	if (!png_image_finish_read(
		    &image, &(png_color){255, 255, 255}, picture.grey, (int)picture.width, NULL)) {
		tb_picture_done(&picture);
		return tb_picture_refuse(ret_why, "PNG: %s", image.message);
	}
	*ret = picture;
	return 0;
}

struct text {
	const uint8_t *at, *end;
};

/* The next number of a PGM's text, past blanks and comments; -1 when there is none. */
static long
next_number(struct text *text)
{
	long value = 0;
	bool any = false;

	for (; text->at < text->end; text->at++) {
		if (*text->at == '#')
			while (text->at < text->end && *text->at != '\n')
				text->at++;
		else if (!memchr(" \t\r\n\v\f", *text->at, 6))
			break;
		if (text->at == text->end)
			break;
	}
	for (; text->at < text->end && *text->at >= '0' && *text->at <= '9'; text->at++) {
		value = value * 10 + (*text->at - '0');
		any = true;
		if (value > 1000000)
			return -1;
	}
	return any ? value : -1;
}

static int
read_samples(struct text *text, bool plain, long most, struct tb_picture *picture)
{
	size_t n = (size_t)picture->width * picture->height, wide = most > 255 ? 2 : 1;

	if (!plain && (size_t)(text->end - text->at) < n * wide)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		long sample = plain ? next_number(text) : *text->at;

		if (!plain && wide == 2)
			sample = sample << 8 | text->at[1];
		if (!plain)
			text->at += wide;
		if (sample < 0)
			return -EINVAL;
		picture->grey[i] = (uint8_t)(TB_MIN(sample, most) * 255 / most);
	}
	return 0;
}

/* P5 is bytes, P2 is digits (pgm(5) of netpbm). */
static int
read_pgm(const uint8_t *data, size_t len, struct tb_picture *ret, char **ret_why)
{
	struct text text = {data + 2, data + len};
	bool plain = data[1] == '2';
	long width = next_number(&text), height = next_number(&text), most = next_number(&text);
	struct tb_picture picture = {};
	int r;

	if (width < 0 || height < 0 || most < 1 || most > 65535 || text.at == text.end)
		return tb_picture_refuse(ret_why, "PGM: its head is no head");
	text.at++; /* the one blank behind the head */
	r = tb_picture_alloc(
		(unsigned long)width, (unsigned long)height, len, 1, &picture, ret_why);
	if (r < 0)
		return r;
	if (read_samples(&text, plain, most, &picture) < 0) {
		tb_picture_done(&picture);
		return tb_picture_refuse(ret_why, "PGM: it is cut short");
	}
	*ret = picture;
	return 0;
}

int
tb_picture_read(const uint8_t *data, size_t len, struct tb_picture *ret, char **ret_why)
{
	*ret_why = NULL;
	if (len > TB_IMAGE_FILE_MAX)
		return tb_picture_refuse(
			ret_why, "the file is longer than %zu bytes", TB_IMAGE_FILE_MAX);
	if (len > 8 && !memcmp(data, "\x89PNG\r\n\x1a\n", 8))
		return read_png(data, len, ret, ret_why);
	if (len > 3 && !memcmp(data, "\xff\xd8\xff", 3))
		return tb_picture_read_jpeg(data, len, ret, ret_why);
	if (len > 3 && data[0] == 'P' && (data[1] == '2' || data[1] == '5'))
		return read_pgm(data, len, ret, ret_why);
	return tb_picture_refuse(ret_why, "this is no PNG, JPEG or PGM file");
}
