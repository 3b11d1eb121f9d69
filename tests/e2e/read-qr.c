/* SPDX-License-Identifier: MIT */
/*
 * Reads the codes of a printed ticket back from its picture: read-qr FILE.png prints one a line,
 * type and data; exit 1 when there is none. Only for tests and the demo: what a scanner would see.
 */
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zbar.h>

/* A scanner sees paper around a code too: the quiet zone that a picture may have cut off. */
#define MARGIN 32
#define PIXELS_MAX (64u << 20)

struct picture {
	unsigned width, height;
	unsigned char *gray;
};

static int
read_png(const char *path, struct picture *ret)
{
	png_image image = {.version = PNG_IMAGE_VERSION};
	unsigned char *pixels;
	unsigned stride;

	if (!png_image_begin_read_from_file(&image, path)) {
		fprintf(stderr, "%s: %s\n", path, image.message);
		return -1;
	}
	image.format = PNG_FORMAT_GRAY;
	stride = image.width + 2 * MARGIN;
	if ((unsigned long)stride * (image.height + 2 * MARGIN) > PIXELS_MAX) {
		fprintf(stderr, "%s: too large\n", path);
		png_image_free(&image);
		return -1;
	}
	pixels = malloc((size_t)stride * (image.height + 2 * MARGIN));
	if (!pixels) {
		png_image_free(&image);
		return -1;
	}
	memset(pixels, 255, (size_t)stride * (image.height + 2 * MARGIN));
	if (!png_image_finish_read(&image, &(png_color){255, 255, 255},
		    pixels + (size_t)MARGIN * stride + MARGIN, (int)stride, NULL)) {
		fprintf(stderr, "%s: %s\n", path, image.message);
		free(pixels);
		return -1;
	}
	*ret = (struct picture){stride, image.height + 2 * MARGIN, pixels};
	return 0;
}

static int
scan(const struct picture *picture)
{
	zbar_image_scanner_t *scanner = zbar_image_scanner_create();
	zbar_image_t *image = zbar_image_create();
	const zbar_symbol_t *symbol;
	int found = 0;

	zbar_image_scanner_set_config(scanner, ZBAR_NONE, ZBAR_CFG_ENABLE, 1);
	zbar_image_set_format(image, zbar_fourcc('Y', '8', '0', '0'));
	zbar_image_set_size(image, picture->width, picture->height);
	zbar_image_set_data(
		image, picture->gray, (unsigned long)picture->width * picture->height, NULL);
	zbar_scan_image(scanner, image);
	for (symbol = zbar_image_first_symbol(image); symbol; symbol = zbar_symbol_next(symbol)) {
		printf("%s %.*s\n", zbar_get_symbol_name(zbar_symbol_get_type(symbol)),
			(int)zbar_symbol_get_data_length(symbol), zbar_symbol_get_data(symbol));
		found++;
	}
	zbar_image_destroy(image);
	zbar_image_scanner_destroy(scanner);
	return found;
}

int
main(int argc, char *argv[])
{
	struct picture picture;
	int found;

	if (argc != 2) {
		fprintf(stderr, "usage: read-qr FILE.png\n");
		return 2;
	}
	if (read_png(argv[1], &picture) < 0)
		return 2;
	found = scan(&picture);
	free(picture.gray);
	return found > 0 ? 0 : 1;
}
