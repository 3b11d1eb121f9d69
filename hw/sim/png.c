/* SPDX-License-Identifier: MIT */
/* Writes a canvas through libpng. */

#include "hw/sim/png.h"

#include <png.h>
#include <stdio.h>

/* Everything that libpng may jump out of. */
static int
write_rows(png_structp png, png_infop info, FILE *file, const struct tb_canvas *canvas)
{
	if (setjmp(png_jmpbuf(png)))
		return -EIO;
	png_init_io(png, file);
	/* A receipt is mostly white: more effort makes it slower and not smaller. */
	png_set_compression_level(png, 1);
	png_set_filter(png, 0, PNG_FILTER_NONE);
	png_set_IHDR(png, info, canvas->width, canvas->rows, 1, PNG_COLOR_TYPE_GRAY,
		PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_write_info(png, info);
	png_set_invert_mono(png); /* in a PNG 1 is white */
	for (unsigned y = 0; y < canvas->rows; y++)
		png_write_row(png, canvas->bits + y * canvas->stride);
	png_write_end(png, info);
	return 0;
}

int
tb_png_write(const char *path, const struct tb_canvas *canvas)
{
	png_structp png;
	png_infop info = NULL;
	FILE *file;
	int r = -ENOMEM;

	if (canvas->rows == 0)
		return -EINVAL;
	file = fopen(path, "wbe");
	if (!file)
		return -errno;
	png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	if (png)
		info = png_create_info_struct(png);
	if (info)
		r = write_rows(png, info, file, canvas);
	png_destroy_write_struct(&png, &info);
	if (fclose(file) != 0 && r == 0)
		r = -EIO;
	if (r < 0)
		unlink(path);
	return r;
}
