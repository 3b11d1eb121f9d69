/* SPDX-License-Identifier: MIT */
/* QR symbols as we draw them are read back by zbar, and are as large as was said beforehand. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <zbar.h>
#include "hw/escpos/qr.h"

/* The symbol on white paper, gray. */
static uint8_t *
on_paper(const struct tb_raster *raster, unsigned margin, unsigned *ret_side)
{
	unsigned side = raster->width + 2 * margin;
	uint8_t *gray = malloc((size_t)side * side);

	memset(gray, 255, (size_t)side * side);
	for (unsigned y = 0; y < raster->height; y++) {
		for (unsigned x = 0; x < raster->width; x++) {
			if (raster->bits[y * raster->stride + x / 8] & (0x80 >> x % 8))
				gray[(size_t)(y + margin) * side + x + margin] = 0;
		}
	}
	*ret_side = side;
	return gray;
}

static void
expect_read(const struct tb_raster *raster, unsigned margin, const char *data, size_t len)
{
	zbar_image_scanner_t *scanner = zbar_image_scanner_create();
	zbar_image_t *image = zbar_image_create();
	const zbar_symbol_t *symbol;
	unsigned side;
	uint8_t *gray = on_paper(raster, margin, &side);

	zbar_image_scanner_set_config(scanner, ZBAR_NONE, ZBAR_CFG_ENABLE, 0);
	zbar_image_scanner_set_config(scanner, ZBAR_QRCODE, ZBAR_CFG_ENABLE, 1);
	/* Else zbar guesses a character set. */
	zbar_image_scanner_set_config(scanner, ZBAR_QRCODE, ZBAR_CFG_BINARY, 1);
	zbar_image_set_format(image, zbar_fourcc('Y', '8', '0', '0'));
	zbar_image_set_size(image, side, side);
	zbar_image_set_data(image, gray, (unsigned long)side * side, NULL);
	assert_int_equal(zbar_scan_image(scanner, image), 1);
	symbol = zbar_image_first_symbol(image);
	assert_int_equal(zbar_symbol_get_data_length(symbol), len);
	assert_memory_equal(zbar_symbol_get_data(symbol), data, len);
	zbar_image_destroy(image);
	zbar_image_scanner_destroy(scanner);
	free(gray);
}

static void
test_read_back(void **state)
{
	static const char *const texts[] = {"TBC-8F3K2MQX71", "TB:8F3K2M",
		"https://loyalty.example/c/8F3K2M?été=€", "12345678901234567890"};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		for (unsigned ecc = TB_QR_ECC_L; ecc <= TB_QR_ECC_H; ecc++) {
			size_t len = strlen(texts[i]);
			struct tb_raster raster;
			unsigned modules;

			assert_int_equal(tb_qr_draw(texts[i], len, ecc, 4, &raster), 0);
			assert_int_equal(tb_qr_modules(texts[i], len, ecc, &modules), 0);
			assert_int_equal(raster.width, modules * 4);
			assert_true(modules <= tb_qr_modules_at_most(len, ecc));
			/* One dot more or less, as real-time bytes cost it, does not matter. */
			tb_raster_defuse(raster.bits, raster.stride * raster.height);
			expect_read(&raster, TB_QR_QUIET * 4, texts[i], len);
			tb_raster_done(&raster);
		}
	}
}

/* What each version holds is what libqrencode says. */
static void
test_capacities(void **state)
{
	char *data = malloc(TB_DOCUMENT_QR_MAX + 1);

	memset(data, '\xe9', TB_DOCUMENT_QR_MAX);
	data[TB_DOCUMENT_QR_MAX] = '\0';
	for (unsigned ecc = TB_QR_ECC_L; ecc <= TB_QR_ECC_H; ecc++) {
		unsigned modules = 21, computed;

		for (size_t len = 1; len <= TB_DOCUMENT_QR_MAX; len++) {
			unsigned now = tb_qr_modules_at_most(len, ecc);

			/* Only around each step: a symbol takes its time to compute. */
			if (now == modules)
				continue;
			assert_int_equal(tb_qr_modules(data + TB_DOCUMENT_QR_MAX - len + 1, len - 1,
						 ecc, &computed),
				0);
			assert_int_equal(computed, modules);
			if (now == 0) {
				assert_int_equal(tb_qr_modules(data + TB_DOCUMENT_QR_MAX - len, len,
							 ecc, &computed),
					-E2BIG);
				break;
			}
			assert_int_equal(
				tb_qr_modules(data + TB_DOCUMENT_QR_MAX - len, len, ecc, &computed),
				0);
			assert_int_equal(computed, now);
			modules = now;
		}
	}
	free(data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_back),
		cmocka_unit_test(test_capacities),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
