/* SPDX-License-Identifier: MIT */
/* libpng's simplified interface: it keeps its own errors, no jump crosses our frames. */

#include "bridge/rpc/png.h"

#include <png.h>

int
tb_png_decode(const uint8_t *png, size_t len, unsigned max_side, size_t max_pixels, uint8_t **ret,
	unsigned *ret_width, unsigned *ret_height)
{
	static const png_color white = {255, 255, 255};
	png_image image = {.version = PNG_IMAGE_VERSION};
	_cleanup_free_ uint8_t *gray = NULL;

	if (!png_image_begin_read_from_memory(&image, png, len))
		return -EINVAL;
	if (image.width > max_side || image.height > max_side ||
		(size_t)image.width * image.height > max_pixels) {
		png_image_free(&image);
		return -E2BIG;
	}
	image.format = PNG_FORMAT_GRAY;
	gray = malloc((size_t)image.width * image.height);
	if (!gray) {
		png_image_free(&image);
		return -ENOMEM;
	}
	if (!png_image_finish_read(&image, &white, gray, 0, NULL)) {
		png_image_free(&image);
		return -EINVAL;
	}
	*ret_width = image.width;
	*ret_height = image.height;
	*ret = TAKE_PTR(gray);
	return 0;
}
