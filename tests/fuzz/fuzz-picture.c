/* SPDX-License-Identifier: MIT */
/* Any bytes as a picture: it is one within the limits, or it is said why not. */

#include <stdlib.h>
#include "hw/image/image.h"
#include "hw/image/picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct tb_picture picture = {};
	_cleanup_free_ char *why = NULL;
	int r = tb_picture_read(data, len, &picture, &why);

	if ((r == 0) != (picture.grey != NULL) || (r == -EINVAL && !why))
		abort();
	if (r == 0 && (size_t)picture.width * picture.height > TB_IMAGE_PIXELS_MAX)
		abort();
	tb_picture_done(&picture);
	return 0;
}
