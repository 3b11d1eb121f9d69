/* SPDX-License-Identifier: MIT */
/*
 * Pictures: raster rows, columns of dots, the graphics commands with their store, logos kept in the
 * printer. Pieces that touch and are equally wide are told as one picture.
 * Sources: Epson's pages gs_lv_0, esc_asterisk, gs_lparen_cl, fs_lp, fs_lq, gs_asterisk, gs_slash.
 */

#include "hw/escpos/interpret-state.h"

#include <limits.h>
#include <string.h>

/* What a picture of the store is kept under. */
#define KIND_NV 0x01000000u
#define KIND_DOWNLOAD 0x02000000u
#define KIND_OLD_NV 0x03000000u
#define KIND_OLD_DOWNLOAD 0x04000000u
#define KEY_BUFFER 0x05000000u

/* A side of a kept picture. */
#define SIDE_MAX 8192u

static void
flush_image(struct tb_interpret *in)
{
	struct tb_element element = {.kind = TB_ELEMENT_IMAGE,
		.x = in->image_x,
		.y = in->image_y,
		.w = in->image_w,
		.h = in->image_h};

	in->image_h = 0;
	if (in->page.on)
		tb_page_keep(in, &element);
	else
		tb_interpret_tell(in, &element);
}

static void
flush_rows(struct tb_interpret *in)
{
	unsigned left = in->raster_left < in->raster_right ? in->raster_left : 0;
	unsigned rows = in->raster_rows;

	in->raster_rows = 0;
	tb_image_tell(in, (int)(left * 8), (int)in->raster_y, (in->raster_right - left) * 8, rows);
}

void
tb_image_flush(struct tb_interpret *in)
{
	if (in->raster_rows > 0)
		flush_rows(in);
	if (in->image_h > 0)
		flush_image(in);
}

void
tb_image_row(struct tb_interpret *in, const uint8_t *bits, unsigned bytes)
{
	struct tb_place place = tb_line_block(in, bytes * 8, 1);
	unsigned blank = 0;

	if (in->raster_rows > 0 && (unsigned)place.y != in->raster_y + in->raster_rows)
		tb_image_flush(in);
	if (in->raster_rows == 0) {
		in->raster_y = (unsigned)place.y;
		in->raster_left = UINT_MAX;
		in->raster_right = 0;
	}
	while (blank < bytes && bits[blank] == 0)
		blank++;
	if (blank < bytes)
		in->raster_left = TB_MIN(in->raster_left, blank);
	in->raster_right = TB_MAX(in->raster_right, bytes);
	in->raster_rows++;
	tb_image_put(in, place.x, place.y, bits, bytes * 8, 1, 1, 1);
}

void
tb_image_tell(struct tb_interpret *in, int x, int y, unsigned w, unsigned h)
{
	unsigned left, top;

	if (w == 0 || h == 0)
		return;
	if (in->page.on) {
		tb_page_map(in, &x, &y, w, h);
		if (in->page.direction % 2) {
			unsigned swap = w;

			w = h;
			h = swap;
		}
	}
	left = (unsigned)TB_MAX(x, 0);
	top = (unsigned)TB_MAX(y, 0);
	if (in->image_h > 0 && in->image_x == left && in->image_w == w &&
		in->image_y + in->image_h == top) {
		in->image_h += h;
		return;
	}
	tb_image_flush(in);
	in->image_x = left;
	in->image_y = top;
	in->image_w = w;
	in->image_h = h;
}

/* Rows of w dots magnified; owned, NULL without memory. */
static uint8_t *
magnify(const uint8_t *bits, unsigned w, unsigned h, unsigned sx, unsigned sy)
{
	size_t from = (w + 7) / 8, to = ((size_t)w * sx + 7) / 8;
	uint8_t *large = calloc((size_t)h * sy, to);

	if (!large)
		return NULL;
	for (unsigned y = 0; y < h; y++) {
		uint8_t *row = large + (size_t)y * sy * to;

		for (unsigned x = 0; x < w * sx; x++) {
			if (bits[y * from + x / sx / 8] & (0x80u >> (x / sx % 8)))
				row[x / 8] |= (uint8_t)(0x80u >> (x % 8));
		}
		for (unsigned k = 1; k < sy; k++)
			memcpy(row + k * to, row, to);
	}
	return large;
}

void
tb_image_put(struct tb_interpret *in, int x, int y, const uint8_t *bits, unsigned w, unsigned h,
	unsigned sx, unsigned sy)
{
	struct tb_bitmap bitmap = {bits, (w + 7) / 8, w, h};
	uint8_t *large;

	if (!in->page.on) {
		tb_canvas_draw(&in->canvas, x, y, &bitmap, sx, sy);
		return;
	}
	if (w > SIDE_MAX || h > SIDE_MAX)
		return;
	large = magnify(bits, w, h, sx, sy);
	if (!large) {
		in->error = -ENOMEM;
		return;
	}
	bitmap = (struct tb_bitmap){large, ((size_t)w * sx + 7) / 8, w * sx, h * sy};
	tb_line_draw(in, x, y, &bitmap, TB_TURN_NONE);
	free(large);
}

void
tb_image_raster(struct tb_interpret *in, const uint8_t *bits, unsigned w, unsigned h, unsigned sx,
	unsigned sy)
{
	struct tb_place place;

	if (w == 0 || h == 0)
		return;
	place = tb_line_block(in, w * sx, h * sy);
	tb_image_put(in, place.x, place.y, bits, w, h, sx, sy);
	tb_image_tell(in, place.x, place.y, w * sx, h * sy);
}

/* Columns of 8 * bytes dots, top in bit 7, turned into rows; owned, NULL without memory. */
static uint8_t *
columns_to_rows(const uint8_t *data, unsigned n, unsigned bytes, unsigned sx, unsigned sy)
{
	size_t stride = ((size_t)n * sx + 7) / 8;
	uint8_t *rows = calloc((size_t)bytes * 8 * sy, stride);

	if (!rows)
		return NULL;
	for (unsigned x = 0; x < n; x++) {
		for (unsigned y = 0; y < bytes * 8; y++) {
			if (!(data[(size_t)x * bytes + y / 8] & (0x80u >> (y % 8))))
				continue;
			for (unsigned k = 0; k < sx * sy; k++) {
				size_t at = (size_t)x * sx + k % sx;

				rows[(y * sy + k / sx) * stride + at / 8] |= (uint8_t)(0x80u >>
										       (at % 8));
			}
		}
	}
	return rows;
}

void
tb_image_columns(struct tb_interpret *in, uint8_t mode, const uint8_t *data, unsigned n)
{
	unsigned bytes = mode >= 32 ? 3 : 1;
	unsigned sx = mode == 0 || mode == 32 ? 2 : 1, sy = mode >= 32 ? 1 : 3;
	uint8_t *rows;

	/* No head is wider; what is beyond would not be seen. */
	n = TB_MIN(n, TB_CANVAS_WIDTH_MAX);
	if (n == 0)
		return;
	rows = columns_to_rows(data, n, bytes, sx, sy);
	if (rows)
		tb_line_strip(in, rows, n * sx, bytes * 8 * sy);
	else
		in->error = -ENOMEM;
}

static size_t
picture_size(const struct tb_picture *picture)
{
	return (size_t)((picture->w + 7) / 8) * picture->h;
}

static void
forget(struct tb_interpret *in, struct tb_picture *picture)
{
	if (!picture->bits)
		return;
	in->picture_bytes -= picture_size(picture);
	free(picture->bits);
	*picture = (struct tb_picture){0};
}

/* All of a kind; mask 0xFF000000, or all bits for one picture. */
static void
forget_matching(struct tb_interpret *in, uint32_t key, uint32_t mask)
{
	for (size_t i = 0; i < TB_PICTURES_MAX; i++) {
		if (in->pictures[i].bits && (in->pictures[i].key & mask) == key)
			forget(in, &in->pictures[i]);
	}
}

static struct tb_picture *
find(struct tb_interpret *in, uint32_t key)
{
	for (size_t i = 0; i < TB_PICTURES_MAX; i++) {
		if (in->pictures[i].bits && in->pictures[i].key == key)
			return &in->pictures[i];
	}
	return NULL;
}

/* Takes bits over. */
static void
keep(struct tb_interpret *in, uint32_t key, uint8_t *bits, unsigned w, unsigned h)
{
	struct tb_picture picture = {.key = key, .w = w, .h = h, .sx = 1, .sy = 1, .bits = bits};
	size_t size = picture_size(&picture);

	forget_matching(in, key, UINT32_MAX);
	if (!bits || size == 0 || in->picture_bytes + size > TB_PICTURE_BYTES_MAX) {
		free(bits);
		return;
	}
	for (size_t i = 0; i < TB_PICTURES_MAX; i++) {
		if (!in->pictures[i].bits) {
			in->pictures[i] = picture;
			in->picture_bytes += size;
			return;
		}
	}
	free(bits);
}

static bool
print(struct tb_interpret *in, uint32_t key, unsigned sx, unsigned sy)
{
	const struct tb_picture *picture = find(in, key);

	if (!picture)
		return false;
	tb_image_raster(in, picture->bits, picture->w, picture->h, sx ? sx : picture->sx,
		sy ? sy : picture->sy);
	return true;
}

void
tb_image_done(struct tb_interpret *in)
{
	for (size_t i = 0; i < TB_PICTURES_MAX; i++)
		forget(in, &in->pictures[i]);
}

static uint8_t *
copy_rows(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size);

	if (copy)
		memcpy(copy, data, size);
	return copy;
}

/* Rows (raster) or columns of a picture, as they stand in the command; NULL when they do not. */
static uint8_t *
take_dots(const uint8_t *data, size_t len, unsigned w, unsigned h, bool columns)
{
	size_t size = columns ? (size_t)w * ((h + 7) / 8) : (size_t)((w + 7) / 8) * h;

	if (w == 0 || h == 0 || w > SIDE_MAX || h > SIDE_MAX || len < size)
		return NULL;
	return columns ? columns_to_rows(data, w, (h + 7) / 8, 1, 1) : copy_rows(data, size);
}

/* fn 112, 113: a picture for fn 50. body is m fn a bx by c xL xH yL yH d. */
static bool
store_buffer(struct tb_interpret *in, const uint8_t *body, size_t len)
{
	unsigned w, h;
	uint8_t *bits;
	struct tb_picture *picture;

	if (len < 10)
		return false;
	w = tb_le16(body + 6);
	h = tb_le16(body + 8);
	bits = take_dots(body + 10, len - 10, w, h, body[1] == 113);
	if (!bits)
		return false;
	keep(in, KEY_BUFFER, bits, w, h);
	picture = find(in, KEY_BUFFER);
	if (picture) {
		picture->sx = body[3] == 2 ? 2 : 1;
		picture->sy = body[4] == 2 ? 2 : 1;
	}
	return true;
}

/* fn 67, 68 (NV), 83, 84 (download): body is m fn a kc1 kc2 b xL xH yL yH c d. */
static bool
store_named(struct tb_interpret *in, uint32_t kind, const uint8_t *body, size_t len, bool columns)
{
	unsigned w, h;
	uint8_t *bits;

	if (len < 11)
		return false;
	w = tb_le16(body + 6);
	h = tb_le16(body + 8);
	bits = take_dots(body + 11, len - 11, w, h, columns);
	if (!bits)
		return false;
	keep(in, kind | (uint32_t)body[3] << 8 | body[4], bits, w, h);
	return true;
}

/* fn 66, 82: one picture; fn 69, 85: prints one. body is m fn kc1 kc2 [x y]. */
static bool
named(struct tb_interpret *in, uint32_t kind, const uint8_t *body, size_t len, bool printing)
{
	uint32_t key;

	if (len < (printing ? 6u : 4u))
		return false;
	key = kind | (uint32_t)body[2] << 8 | body[3];
	if (printing)
		return print(in, key, body[4] == 2 ? 2 : 1, body[5] == 2 ? 2 : 1);
	forget_matching(in, key, UINT32_MAX);
	return true;
}

bool
tb_image_graphics(struct tb_interpret *in, const uint8_t *body, size_t len)
{
	if (len < 2)
		return false;
	switch (body[1]) {
	case 2:
	case 50:
		/* Nothing stored: nothing is printed, as on the printer. */
		if (print(in, KEY_BUFFER, 0, 0))
			forget_matching(in, KEY_BUFFER, UINT32_MAX);
		return true;
	case 112:
	case 113:
		return store_buffer(in, body, len);
	case 65:
		forget_matching(in, KIND_NV, 0xFF000000u);
		return true;
	case 81:
		forget_matching(in, KIND_DOWNLOAD, 0xFF000000u);
		return true;
	case 66:
	case 69:
		return named(in, KIND_NV, body, len, body[1] == 69);
	case 82:
	case 85:
		return named(in, KIND_DOWNLOAD, body, len, body[1] == 85);
	case 67:
	case 68:
		return store_named(in, KIND_NV, body, len, body[1] == 68);
	case 83:
	case 84:
		return store_named(in, KIND_DOWNLOAD, body, len, body[1] == 84);
	default:
		return true; /* capacities, densities: nothing on the paper */
	}
}

bool
tb_image_fs_q(struct tb_interpret *in, const uint8_t *bytes, size_t len)
{
	size_t at = 3;

	forget_matching(in, KIND_OLD_NV, 0xFF000000u);
	for (unsigned n = 1; n <= bytes[2] && at + 4 <= len; n++) {
		unsigned x = tb_le16(bytes + at), y = tb_le16(bytes + at + 2);
		size_t size = (size_t)x * y * 8;

		at += 4;
		if (size > len - at)
			return false;
		if (x > 0 && y > 0 && x * 8 <= SIDE_MAX && y * 8 <= SIDE_MAX)
			keep(in, KIND_OLD_NV | n, columns_to_rows(bytes + at, x * 8, y, 1, 1),
				x * 8, y * 8);
		at += size;
	}
	return true;
}

/* m of FS p, GS /, GS v 0: both bits may be ASCII. */
bool
tb_image_fs_p(struct tb_interpret *in, const uint8_t *bytes, size_t len)
{
	uint8_t m = bytes[3] & 3;

	return print(in, KIND_OLD_NV | bytes[2], m & 1 ? 2 : 1, m & 2 ? 2 : 1);
}

bool
tb_image_gs_star(struct tb_interpret *in, const uint8_t *bytes, size_t len)
{
	unsigned x = bytes[2], y = bytes[3];

	if (x == 0 || y == 0 || len < 4 + (size_t)x * y * 8)
		return false;
	keep(in, KIND_OLD_DOWNLOAD, columns_to_rows(bytes + 4, x * 8, y, 1, 1), x * 8, y * 8);
	return true;
}

bool
tb_image_gs_slash(struct tb_interpret *in, const uint8_t *bytes, size_t len)
{
	uint8_t m = bytes[2] & 3;

	return print(in, KIND_OLD_DOWNLOAD, m & 1 ? 2 : 1, m & 2 ? 2 : 1);
}
