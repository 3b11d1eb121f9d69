/* SPDX-License-Identifier: MIT */
/*
 * JPEG through libjpeg. Its errors leave by longjmp, so everything that outlives one stands in a
 * struct of its own; a file that is cut short is refused and not filled up with grey.
 */

#include "hw/image/picture.h"

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

#include <jerror.h>

/* A progressive file may have any number of passes over the same few bytes. */
#define SCANS_MAX 200
#define MEMORY_MAX ((long)512 << 20) /* what libjpeg itself may take */

/* A block of 64 pixels has one bit at the least. */
#define PIXELS_A_BYTE (64 * 8)

struct reading {
	struct jpeg_decompress_struct jpeg;
	struct jpeg_error_mgr errors;
	struct jpeg_progress_mgr progress;
	jmp_buf failed;
	char message[JMSG_LENGTH_MAX];
	struct tb_picture picture;
	size_t len;
	int result;
	char **ret_why;
};

static void __attribute__((noreturn)) on_error(j_common_ptr common)
{
	struct reading *reading = common->client_data;

	common->err->format_message(common, reading->message);
	longjmp(reading->failed, 1);
}

static void
on_message(j_common_ptr common, int level)
{
	int code = common->err->msg_code;

	if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER))
		on_error(common);
}

static void
on_progress(j_common_ptr common)
{
	struct jpeg_decompress_struct *jpeg = (struct jpeg_decompress_struct *)common;

	if (jpeg->input_scan_number > SCANS_MAX) {
		struct reading *reading = common->client_data;

		snprintf(reading->message, sizeof(reading->message), "too many passes");
		longjmp(reading->failed, 1);
	}
}

static void
read_rows(struct reading *reading)
{
	struct jpeg_decompress_struct *jpeg = &reading->jpeg;

	jpeg_read_header(jpeg, TRUE);
	reading->result = tb_picture_alloc(jpeg->image_width, jpeg->image_height, reading->len,
		PIXELS_A_BYTE, &reading->picture, reading->ret_why);
	if (reading->result < 0)
		return;
	jpeg->out_color_space = JCS_GRAYSCALE;
	jpeg_start_decompress(jpeg);
	while (jpeg->output_scanline < jpeg->output_height) {
		JSAMPROW row = reading->picture.grey +
		               (size_t)jpeg->output_scanline * reading->picture.width;

		jpeg_read_scanlines(jpeg, &row, 1);
	}
	jpeg_finish_decompress(jpeg);
}

int
tb_picture_read_jpeg(const uint8_t *data, size_t len, struct tb_picture *ret, char **ret_why)
{
	struct reading *reading = calloc(1, sizeof(*reading));
	int r;

	if (!reading)
		return -ENOMEM;
	reading->ret_why = ret_why;
	reading->len = len;
	reading->jpeg.err = jpeg_std_error(&reading->errors);
	reading->errors.error_exit = on_error;
	reading->errors.emit_message = on_message;
	reading->jpeg.client_data = reading;
	if (setjmp(reading->failed) == 0) {
		jpeg_create_decompress(&reading->jpeg);
		reading->jpeg.mem->max_memory_to_use = MEMORY_MAX;
		reading->progress.progress_monitor = on_progress;
		reading->jpeg.progress = &reading->progress;
		jpeg_mem_src(&reading->jpeg, data, len);
		read_rows(reading);
		r = reading->result;
	} else {
		r = tb_picture_refuse(ret_why, "JPEG: %s", reading->message);
	}
	jpeg_destroy_decompress(&reading->jpeg);
	if (r < 0)
		tb_picture_done(&reading->picture);
	else
		*ret = reading->picture;
	free(reading);
	return r;
}
